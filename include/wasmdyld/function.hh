/**
 * @file
 * Typed calls of the guest's functions. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_FUNCTION_HH
#define WASMDYLD_FUNCTION_HH

#include <algorithm>
#include <cstring>

#include <wasmdyld/state.hh>
#include <wasmdyld/values.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

namespace detail {

/// Whether an object is still loaded.
inline bool loaded(const Shared &state, const wasm_dyld_object_t *object) noexcept
{
    return state && state->dyld && wasm_dyld_object_opens(state->dyld, object, nullptr, nullptr, nullptr) == WASM_DYLD_OK;
}

/// Whether a function of the guest has the type that the host wants to call it with.
template <class Sig> Result<void> check_type(const Shared &state, const wasm_func_t *function, const std::string &name)
{
    // Not wasm_func_type: engines end the process where a type has no number in wasm.h.
    std::size_t takes = 0, gives = 0;
    std::vector<wasm_valkind_t> params;
    for (int round = 0; round < 2; round++) {
        params.resize(takes + gives);
        auto told = enter(state, [&](auto dyld, auto error) {
            return wasm_dyld_function_type(dyld, function, params.data(), params.size(), &takes, &gives, error);
        });
        if (!told)
            return told.error();
    }
    auto results = std::vector<wasm_valkind_t>(params.end() - static_cast<std::ptrdiff_t>(gives), params.end());
    params.resize(takes);
    using Wanted = Signature<Sig>;
    auto same = [](const auto &a, const auto &b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); };
    if (same(params, Wanted::params) && same(results, Wanted::results))
        return {};
    return Error(Code::type_mismatch,
                 name + " is " + type_text(params, results) + ", the host asks for " + type_text(Wanted::params, Wanted::results));
}

/// The bytes that a value has in the guest's memory.
template <class T> inline constexpr std::size_t width = ValueTraits<T>::kind == WASM_I32 || ValueTraits<T>::kind == WASM_F32 ? 4 : 8;

/// Whether values of all these types are numbers, which need not be told apart from references.
template <class Kinds> constexpr bool numbers(const Kinds &kinds)
{
    for (wasm_valkind_t kind : kinds)
        if (kind != WASM_I32 && kind != WASM_I64 && kind != WASM_F32 && kind != WASM_F64)
            return false;
    return true;
}

} // namespace detail

/// The type of a function, as numbers of wasm.h (WASM_I32).
struct FunctionType {
    std::vector<wasm_valkind_t> params;  ///< Of the parameters.
    std::vector<wasm_valkind_t> results; ///< Of the results.
};

/// Reads a type in words, such as "(i32 i64) -> f32". The error tells at which character it is none.
inline Result<FunctionType> try_parse_type(const std::string &text)
{
    if (auto fits = detail::no_nul(text, "type"); !fits)
        return fits.error();
    std::size_t takes = 0, gives = 0;
    std::vector<wasm_valkind_t> kinds;
    for (int round = 0; round < 2; round++) {
        kinds.resize(takes + gives);
        auto read = detail::checked([&](auto error) { return wasm_dyld_parse_type(text.c_str(), kinds.data(), kinds.size(), &takes, &gives, error); });
        if (!read)
            return read.error();
    }
    auto middle = kinds.begin() + static_cast<std::ptrdiff_t>(takes);
    return FunctionType{{kinds.begin(), middle}, {middle, kinds.end()}};
}

/**
 * Where the values of a parameter or a result lie in the guest's memory, for Function::try_rows: that of row n at `data` + n * `stride` bytes.
 *
 * As the guest's memory has them: T has 4 or 8 bytes, as its type of WebAssembly does.
 */
template <class T> struct Column {
    static_assert(sizeof(T) == detail::width<T>, "a value of a column has 4 or 8 bytes: use std::int32_t for smaller integers");

    /// No column.
    constexpr Column() noexcept = default;
    /// An array: values without gaps.
    constexpr Column(Ptr<const T> values) noexcept : data(values) {}
    /// As above, and from what converts to such a pointer: Ptr<T>, GuestArray<T>.
    template <class From, class = std::enable_if_t<std::is_convertible_v<const From &, Ptr<const T>>>>
    constexpr Column(const From &values) noexcept : data(values)
    {
    }
    /// Values that are `bytes` apart, as the members of structures are; 0: one for all rows.
    constexpr Column(Ptr<const T> first, std::uint64_t bytes) noexcept : data(first), stride(bytes) {}

    /// The first value.
    Ptr<const T> data;
    /// Bytes from one value to the next.
    std::uint64_t stride = sizeof(T);
};

namespace detail {

/// The columns of results: one, none, or a tuple.
template <class R> struct ResultColumns {
    using Type = Column<R>;
    static void put(const Type &column, wasm_dyld_column_t *to) { *to = {column.data.address(), column.stride}; }
};
template <> struct ResultColumns<void> {
    using Type = std::tuple<>;
    static void put(const Type &, wasm_dyld_column_t *) {}
};
template <class... R> struct ResultColumns<std::tuple<R...>> {
    using Type = std::tuple<Column<R>...>;
    static void put(const Type &columns, wasm_dyld_column_t *to)
    {
        std::apply([&](const auto &...column) { ((*to++ = {column.data.address(), column.stride}), ...); }, columns);
    }
};

} // namespace detail

template <class Sig> class Function {
    static_assert(std::is_function_v<Sig>, "a function type is needed, such as int(int, int)");
};

/**
 * A function of the guest, called as one of the host: `Function<int(int, int)> add; int sum = add(1, 2);`.
 *
 * ValueTraits says which types there may be; std::tuple stands for several results. That they fit the module's own type was checked when
 * the function was looked up.
 *
 * A reference: copy it as you like. It is of the namespace's thread, and lives as long as the object that defines it: after that, calls are
 * Code::invalid_argument, as they are when the namespace is gone.
 */
template <class R, class... A> class Function<R(A...)> {
  public:
    /// What a call gives.
    using Returned = detail::Plain<R>;

    /// No function; calls are Code::invalid_argument.
    Function() = default;

    /// Calls it. What goes wrong is the error: a trap (Code::trap), the guest's exit (Code::exit).
    Result<Returned> try_call(detail::Plain<A>... arguments) const
    {
        if (!prepared_)
            return Error(Code::invalid_argument, "there is no function to call");
        constexpr std::size_t takes = sizeof...(A), gives = detail::Returned<Returned>::kinds.size();
        std::array<wasm_val_t, takes + 1> in{};
        std::array<wasm_val_t, gives + 1> out{};
        std::size_t at = 0;
        (detail::put<detail::Plain<A>>(arguments, in[at++]), ...);
        static_cast<void>(at);
        auto called = detail::enter(state_, [&](auto, auto error) {
            if constexpr (only_numbers) {
                std::array<wasm_dyld_cell_t, (takes > gives ? takes : gives) + 1> cells{};
                for (std::size_t n = 0; n < takes; n++)
                    std::memcpy(&cells[n], &in[n].of, sizeof cells[n]);
                auto code = wasm_dyld_func_call_cells(prepared_.get(), cells.data(), cells.size(), error);
                for (std::size_t n = 0; n < gives; n++)
                    std::memcpy(&out[n].of, &cells[n], sizeof cells[n]);
                return code;
            } else {
                wasm_val_vec_t given{takes, in.data()}, results{gives, out.data()};
                return wasm_dyld_func_call(prepared_.get(), &given, &results, error);
            }
        });
        if (!called)
            return failure(called.error());
        if constexpr (std::is_void_v<Returned>)
            return {};
        else
            return detail::Returned<Returned>::from(out.data());
    }

    /// Calls it once for each of `rows` rows, with arguments out of the guest's memory and results into it: host and guest are crossed once.
    /// `arguments` has a column for each parameter; `results` one for the result, or a tuple of them, which is empty for void. Rows are done in
    /// order, and results may stand where arguments were. `done` gets the number of rows that were done, which is less than all where the
    /// function trapped or the guest exited. All columns are checked before: Code::invalid_argument, and nothing runs.
    Result<void> try_rows(std::uint64_t rows, Column<detail::Plain<A>>... arguments,
                          typename detail::ResultColumns<Returned>::Type results = {}, std::uint64_t *done = nullptr) const
    {
        static_assert(only_numbers, "rows have numbers only");
        if (done)
            *done = 0;
        if (!prepared_)
            return Error(Code::invalid_argument, "there is no function to call");
        constexpr std::size_t count = sizeof...(A) + detail::Returned<Returned>::kinds.size();
        std::array<wasm_dyld_column_t, count + 1> columns{{{arguments.data.address(), arguments.stride}...}};
        detail::ResultColumns<Returned>::put(results, columns.data() + sizeof...(A));
        auto called = detail::enter(
            state_, [&](auto, auto error) { return wasm_dyld_func_call_rows(prepared_.get(), columns.data(), count, rows, done, error); });
        if (!called)
            return failure(called.error());
        return {};
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_rows.
    void rows(std::uint64_t count, Column<detail::Plain<A>>... arguments, typename detail::ResultColumns<Returned>::Type results = {},
              std::uint64_t *done = nullptr) const
    {
        try_rows(count, arguments..., results, done).value();
    }
    /// As try_call.
    Returned operator()(detail::Plain<A>... arguments) const { return try_call(std::move(arguments)...).value(); }
#endif

    /// Whether there is a function.
    explicit operator bool() const noexcept { return prepared_ != nullptr; }
    /// The symbol's name.
    const std::string &name() const noexcept { return name_; }
    /// The function of wasm.h, which stays the namespace's; null for one that was found by its pointer.
    wasm_func_t *raw() const noexcept { return function_; }

  private:
    friend class Symbol;
    friend class NamespaceRef;
    template <class T> friend class GuestArray;
    Function(detail::Shared state, wasm_dyld_object_t *object, wasm_func_t *function, detail::Prepared prepared, std::string name)
        : state_(std::move(state)), object_(object), function_(function), prepared_(std::move(prepared)), name_(std::move(name))
    {
    }

    static constexpr bool only_numbers =
        detail::numbers(detail::Signature<Returned(A...)>::params) && detail::numbers(detail::Signature<Returned(A...)>::results);

    /// In words of this interface, where it failed because there is nothing to call any more.
    Error failure(const Error &error) const
    {
        bool unloaded = error.code() == Code::invalid_argument && state_ && state_->dyld && object_ && !detail::loaded(state_, object_);
        return unloaded ? Error(Code::invalid_argument, name_ + ": the object that it was found in was unloaded") : error;
    }

    detail::Shared state_;
    wasm_dyld_object_t *object_ = nullptr; // null: the function lives as long as the namespace
    wasm_func_t *function_ = nullptr;
    detail::Prepared prepared_;
    std::string name_;
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif
