/**
 * @file
 * Typed calls of the guest's functions. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_FUNCTION_HH
#define WASMDYLD_FUNCTION_HH

#include <algorithm>

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
 * A reference: copy it as you like. It is of the namespace's thread, and lives as long as the object that it was found in (if it was
 * found in the global scope: the first object that has it): after that, calls are Code::invalid_argument, as they are when the namespace
 * is gone.
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
        if (!function_)
            return Error(Code::invalid_argument, "there is no function to call");
        if (object_ && !detail::loaded(state_, object_))
            return state_ && state_->dyld ? Error(Code::invalid_argument, name_ + ": the object that it was found in was unloaded") : detail::gone();
        std::array<wasm_val_t, sizeof...(A) + 1> in{};
        std::array<wasm_val_t, detail::Returned<Returned>::kinds.size() + 1> out{};
        std::size_t at = 0;
        (detail::put<detail::Plain<A>>(arguments, in[at++]), ...);
        static_cast<void>(at);
        wasm_val_vec_t given{sizeof...(A), in.data()}, results{out.size() - 1, out.data()};
        auto called = detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_call(dyld, function_, &given, &results, error); });
        if (!called)
            return called.error();
        if constexpr (std::is_void_v<Returned>)
            return {};
        else
            return detail::Returned<Returned>::from(out.data());
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_call.
    Returned operator()(detail::Plain<A>... arguments) const { return try_call(std::move(arguments)...).value(); }
#endif

    /// Whether there is a function.
    explicit operator bool() const noexcept { return function_ != nullptr; }
    /// The symbol's name.
    const std::string &name() const noexcept { return name_; }
    /// The function of wasm.h, which stays the namespace's.
    wasm_func_t *raw() const noexcept { return function_; }

  private:
    friend class Symbol;
    friend class NamespaceRef;
    template <class T> friend class GuestArray;
    Function(detail::Shared state, wasm_dyld_object_t *object, wasm_func_t *function, std::string name)
        : state_(std::move(state)), object_(object), function_(function), name_(std::move(name))
    {
    }

    detail::Shared state_;
    wasm_dyld_object_t *object_ = nullptr; // null: the function lives as long as the namespace
    wasm_func_t *function_ = nullptr;
    std::string name_;
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif
