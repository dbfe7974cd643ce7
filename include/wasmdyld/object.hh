/**
 * @file
 * Objects of a namespace, and the symbols in them. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_OBJECT_HH
#define WASMDYLD_OBJECT_HH

#include <wasmdyld/function.hh>
#include <wasmdyld/memory.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

/// What a symbol is.
enum class SymbolKind : std::uint32_t {
    function = WASM_DYLD_FUNC, ///< A function; its value is its table slot.
    data = WASM_DYLD_DATA,     ///< A datum; its value is its address.
    number = WASM_DYLD_NUMBER  ///< What a program provides by a function of its own: a slot or an address, it does not say which.
};

namespace detail {

/// Where a symbol is looked up.
struct From {
    wasm_dyld_object_t *object = nullptr; // null: the global scope
    bool next = false;                    // behind the object's own, in its scope

    wasm_dyld_code_t look_up(wasm_dyld_t *dyld, const std::string &name, wasm_dyld_symbol_kind_t *kind, wasm_func_t **function,
                             std::uint64_t *value, wasm_dyld_error_t **error) const
    {
        auto look = next ? wasm_dyld_dlsym_next : wasm_dyld_dlsym;
        return look(dyld, object, name.c_str(), kind, function, value, error);
    }
};

} // namespace detail

/**
 * A symbol that was looked up. A reference: copy it as you like; it is of the namespace's thread.
 */
class Symbol {
  public:
    /// What it is.
    SymbolKind kind() const noexcept { return kind_; }
    /// Its name.
    const std::string &name() const noexcept { return name_; }

    /// A datum's address; a function's table slot, which is given one now if it has none: what the guest calls its address.
    Result<std::uint64_t> try_value() const
    {
        std::uint64_t value = 0;
        auto found = detail::enter(state_, [&](auto dyld, auto error) { return from_.look_up(dyld, name_, nullptr, nullptr, &value, error); });
        if (!found)
            return found.error();
        return value;
    }

    /// The function, to be called as Sig. Code::type_mismatch if it has another type, or is none.
    template <class Sig> Result<Function<Sig>> try_function() const
    {
        if (!function_)
            return not_a("function");
        if (!state_ || !state_->dyld)
            return detail::gone();
        if (holder_ && !detail::loaded(state_, holder_))
            return Error(Code::invalid_argument, name_ + ": the object that it was found in was unloaded");
        if (auto fits = detail::check_type<Sig>(state_, function_, name_); !fits)
            return fits.error();
        auto prepared = detail::prepare(state_, function_);
        if (!prepared)
            return prepared.error();
        return Function<Sig>(state_, holder_, function_, *prepared, name_);
    }

    /// A pointer to the datum, or, if T is a function type, the guest's pointer to the function, whose type is checked.
    template <class T> Result<Ptr<T>> try_pointer() const
    {
        if constexpr (std::is_function_v<T>) {
            if (auto fits = try_function<T>(); !fits)
                return fits.error();
        } else if (kind_ == SymbolKind::function) {
            return not_a("variable");
        }
        auto value = try_value();
        if (!value)
            return value.error();
        return Ptr<T>(static_cast<std::uint32_t>(*value));
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_value.
    std::uint64_t value() const { return try_value().value(); }
    /// As try_function.
    template <class Sig> Function<Sig> function() const { return try_function<Sig>().value(); }
    /// As try_pointer.
    template <class T> Ptr<T> pointer() const { return try_pointer<T>().value(); }
#endif

  private:
    friend class Scope;
    friend class Object;
    friend class NamespaceRef;

    static Result<Symbol> look_up(const detail::Shared &state, detail::From from, const std::string &name)
    {
        if (auto fits = detail::no_nul(name, "symbol name"); !fits)
            return fits.error();
        Symbol symbol;
        wasm_dyld_symbol_kind_t kind = WASM_DYLD_DATA;
        auto found = detail::enter(
            state, [&](auto dyld, auto error) { return from.look_up(dyld, name, &kind, &symbol.function_, nullptr, error); });
        if (!found)
            return found.error();
        symbol.state_ = state;
        symbol.from_ = from;
        symbol.name_ = name;
        symbol.kind_ = static_cast<SymbolKind>(kind);
        symbol.holder_ = from.object && !from.next ? from.object : symbol.find_holder();
        return symbol;
    }

    /// The first object that has the same function under this name: while it is loaded, so is what it needs, and the function's own.
    wasm_dyld_object_t *find_holder() const
    {
        std::size_t count = function_ ? wasm_dyld_object_count(state_->dyld) : 0;
        for (std::size_t i = 0; i < count; i++) {
            wasm_dyld_object_t *object = wasm_dyld_object_at(state_->dyld, i);
            wasm_func_t *function = nullptr;
            if (wasm_dyld_dlsym(state_->dyld, object, name_.c_str(), nullptr, &function, nullptr, nullptr) == WASM_DYLD_OK && function == function_)
                return object;
        }
        return nullptr;
    }

    Error not_a(const char *what) const
    {
        const char *is = kind_ == SymbolKind::function ? "a function" : kind_ == SymbolKind::data ? "a variable" : "a number";
        return Error(Code::type_mismatch, name_ + " is " + is + ", the host asks for a " + what);
    }

    detail::Shared state_;
    detail::From from_;
    std::string name_;
    SymbolKind kind_ = SymbolKind::data;
    wasm_func_t *function_ = nullptr;
    wasm_dyld_object_t *holder_ = nullptr;
};

/**
 * Where symbols are looked up: an object and what it needs, breadth first, or a namespace's global scope.
 */
class Scope {
  public:
    /// Looks a symbol up.
    Result<Symbol> try_symbol(const std::string &name) const { return Symbol::look_up(state_, {object_, false}, name); }

    /// Looks a function up, to be called as Sig: `try_function<int(int, int)>("add")`. Code::type_mismatch if it has another type.
    template <class Sig> Result<Function<Sig>> try_function(const std::string &name) const
    {
        auto symbol = try_symbol(name);
        if (!symbol)
            return symbol.error();
        return symbol->template try_function<Sig>();
    }

    /// Calls a function of numbers by its name and its type in words, where the type is not known when the host is compiled:
    /// `try_call_args("add", "(i32 i32) -> i32", cells)`. `cells` begins with the arguments, each in the field of its type, and after the call with the
    /// results; it has room for both. Code::type_mismatch if the function has another type.
    Result<void> try_call_args(const std::string &name, const std::string &signature, Span<wasm_dyld_cell_t> cells) const
    {
        for (const std::string *text : {&name, &signature})
            if (auto fits = detail::no_nul(*text, "name or type"); !fits)
                return fits;
        return detail::enter(state_, [&](auto dyld, auto error) {
            return wasm_dyld_call_args(dyld, object_, name.c_str(), signature.c_str(), cells.data(), cells.size(), error);
        });
    }

    /// Looks up a pointer to a datum, or, if T is a function type, the guest's pointer to a function.
    template <class T> Result<Ptr<T>> try_pointer(const std::string &name) const
    {
        auto symbol = try_symbol(name);
        if (!symbol)
            return symbol.error();
        return symbol->template try_pointer<T>();
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_symbol.
    Symbol symbol(const std::string &name) const { return try_symbol(name).value(); }
    /// As try_function.
    template <class Sig> Function<Sig> function(const std::string &name) const { return try_function<Sig>(name).value(); }
    /// As try_call_args.
    void call_args(const std::string &name, const std::string &signature, Span<wasm_dyld_cell_t> cells) const
    {
        try_call_args(name, signature, cells).value();
    }
    /// As try_pointer.
    template <class T> Ptr<T> pointer(const std::string &name) const { return try_pointer<T>(name).value(); }
#endif

  protected:
    /// Internal.
    Scope() = default;
    /// Internal.
    explicit Scope(detail::Shared state, wasm_dyld_object_t *object = nullptr) : state_(std::move(state)), object_(object) {}

    detail::Shared state_;                 ///< Internal.
    wasm_dyld_object_t *object_ = nullptr; ///< Internal.
};

/// How often an object is open.
struct Opens {
    std::uint32_t host = 0;  ///< By the host.
    std::uint32_t guest = 0; ///< By guests.
};

/// Where an object is.
struct Place {
    std::uint64_t memory_base = 0; ///< Where its data are.
    std::uint64_t memory_size = 0; ///< How many bytes they have.
    std::uint64_t table_base = 0;  ///< Where its own table slots are.
    std::uint64_t table_size = 0;  ///< How many there are.
};

/**
 * An object of a namespace: its name, so to say. Copy it as you like; it keeps nothing open, and is of the namespace's thread.
 *
 * An object that was unloaded stays so: no other one gets its name. What is asked of it is Code::invalid_argument, or nothing.
 */
class Object : public Scope {
  public:
    /// No object.
    Object() = default;

    /// Whether it is an object, loaded or not any more.
    explicit operator bool() const noexcept { return object_ != nullptr; }
    /// Whether it is loaded.
    bool loaded() const noexcept { return detail::loaded(state_, object_); }

    /// Its name: its file name, or what it was loaded under. Empty if it is gone.
    std::string name() const { return text(wasm_dyld_object_name).value_or(""); }
    /// The path of the file that it came from; none if it came from bytes, or is gone.
    std::optional<std::string> path() const { return text(wasm_dyld_object_path); }
    /// The folder of its path, `$ORIGIN` in its RUNTIME_PATH.
    std::optional<std::string> origin() const { return text(wasm_dyld_object_origin); }

    /// How often it is open.
    Result<Opens> try_opens() const
    {
        Opens opens;
        auto got = detail::enter(
            state_, [&](auto dyld, auto error) { return wasm_dyld_object_opens(dyld, object_, &opens.host, &opens.guest, error); });
        if (!got)
            return got.error();
        return opens;
    }

    /// Where it is.
    Result<Place> try_place() const
    {
        Place place;
        auto got = detail::enter(state_, [&](auto dyld, auto error) {
            return wasm_dyld_object_place(dyld, object_, &place.memory_base, &place.memory_size, &place.table_base, &place.table_size, error);
        });
        if (!got)
            return got.error();
        return place;
    }

    /// Whether it is the main program.
    bool is_program() const noexcept { return dyld() && wasm_dyld_object_is_program(dyld(), object_); }
    /// Whether its symbols are in the global scope.
    bool is_global() const noexcept { return dyld() && wasm_dyld_object_is_global(dyld(), object_); }
    /// Whether it is never unloaded.
    bool is_nodelete() const noexcept { return dyld() && wasm_dyld_object_is_nodelete(dyld(), object_); }

    /// The libraries that it needs itself.
    std::vector<Object> needed() const
    {
        std::vector<Object> all;
        std::size_t count = dyld() ? wasm_dyld_object_needed_count(dyld(), object_) : 0;
        for (std::size_t i = 0; i < count; i++)
            all.push_back(Object(state_, wasm_dyld_object_needed_at(dyld(), object_, i)));
        return all;
    }

    /// A name that it defines, and what it is.
    struct Defined {
        /// The name.
        std::string name;
        /// A function or a datum.
        SymbolKind kind;
    };

    /// The names that it defines itself, in the order of its exports.
    Result<std::vector<Defined>> try_symbols() const
    {
        std::vector<Defined> all;
        auto add = [](void *to, const char *name, wasm_dyld_symbol_kind_t kind) {
            static_cast<std::vector<Defined> *>(to)->push_back({name, static_cast<SymbolKind>(kind)});
        };
        auto got = detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_object_symbols(dyld, object_, add, &all, error); });
        if (!got)
            return got.error();
        return all;
    }

    /// Looks up the next definition of a symbol after this object's, in the scope where it finds its own (RTLD_NEXT).
    Result<Symbol> try_next_symbol(const std::string &name) const { return Symbol::look_up(state_, {object_, true}, name); }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_opens.
    Opens opens() const { return try_opens().value(); }
    /// As try_place.
    Place place() const { return try_place().value(); }
    /// As try_symbols.
    std::vector<Defined> symbols() const { return try_symbols().value(); }
    /// As try_next_symbol.
    Symbol next_symbol(const std::string &name) const { return try_next_symbol(name).value(); }
#endif

    /// The object of the C interface.
    wasm_dyld_object_t *raw() const noexcept { return object_; }

    /// The same object.
    friend bool operator==(const Object &a, const Object &b) noexcept { return a.object_ == b.object_; }
    /// Another object.
    friend bool operator!=(const Object &a, const Object &b) noexcept { return !(a == b); }

  protected:
    friend class NamespaceRef;
    /// Internal.
    Object(detail::Shared state, wasm_dyld_object_t *object) : Scope(std::move(state), object) {}

    /// Internal: null if the namespace is gone.
    wasm_dyld_t *dyld() const noexcept { return state_ ? state_->dyld : nullptr; }

  private:
    std::optional<std::string> text(const char *(*get)(const wasm_dyld_t *, const wasm_dyld_object_t *)) const
    {
        const char *text = dyld() ? get(dyld(), object_) : nullptr;
        return text ? std::optional<std::string>(text) : std::nullopt;
    }
};

/**
 * An object that the host has loaded. When this goes, it is unloaded once: at the last time, unless something else needs it, its exit handlers
 * run and it goes.
 * Move-only, and of the namespace's thread. A namespace may go first.
 */
class [[nodiscard]] Library : public Object {
  public:
    /// No library.
    Library() = default;
    /// Moves.
    Library(Library &&other) noexcept : Object(other) { other.forget(); }
    /// Unloads, and moves.
    Library &operator=(Library &&other) noexcept
    {
        if (this != &other) {
            static_cast<void>(try_unload());
            Object::operator=(other);
            other.forget();
        }
        return *this;
    }
    /// Unloads. What goes wrong is lost: unload tells it.
    ~Library() { static_cast<void>(try_unload()); }

    /// Unloads the library once, now. If one of its exit handlers traps, the error is Code::trap, and all the rest is done nevertheless.
    Result<void> try_unload()
    {
        if (!object_)
            return {};
        detail::Shared state = state_;
        wasm_dyld_object_t *object = release().raw();
        return detail::enter(state, [&](auto dyld, auto error) { return wasm_dyld_unload(dyld, object, error); });
    }

    /// Lets it stay loaded, until the namespace goes.
    Object release() noexcept
    {
        Object object = *this;
        forget();
        return object;
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_unload.
    void unload() { try_unload().value(); }
#endif

  private:
    friend class NamespaceRef;
    Library(detail::Shared state, wasm_dyld_object_t *object) : Object(std::move(state), object) {}

    void forget() noexcept
    {
        state_ = nullptr;
        object_ = nullptr;
    }
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif
