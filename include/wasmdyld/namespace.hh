/**
 * @file
 * Namespaces: loading, calling, host functions, memory of the guest's malloc. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_NAMESPACE_HH
#define WASMDYLD_NAMESPACE_HH

#include <wasmdyld/config.hh>
#include <wasmdyld/host.hh>
#include <wasmdyld/object.hh>
#include <wasmdyld/snapshot.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

/// How an object is loaded; `|` combines them.
enum class Load : std::uint32_t {
    defaults = 0,                     ///< As the configuration says, symbols local.
    lazy = WASM_DYLD_LAZY,            ///< Undefined functions are looked up when they are called.
    now = WASM_DYLD_NOW,              ///< Undefined functions are an error.
    noload = WASM_DYLD_NOLOAD,        ///< Only if it is loaded already; otherwise the Library is empty.
    local = WASM_DYLD_LOCAL,          ///< The symbols serve only this object and what it needs.
    global = WASM_DYLD_GLOBAL,        ///< The symbols enter the global scope, for objects loaded later.
    nodelete = WASM_DYLD_NODELETE,    ///< The object is never unloaded.
    deepbind = WASM_DYLD_DEEPBIND,    ///< The object's own group is searched before the global scope.
    program = WASM_DYLD_PROGRAM       ///< It is the main program: the first of its namespace, to be run with run().
};

/// Both.
constexpr Load operator|(Load a, Load b) noexcept
{
    return static_cast<Load>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}

/// Whether a definition of the host's comes before those of objects, in the module "env".
enum class Precedence : std::uint32_t {
    behind_objects = 0,             ///< Objects' own definitions come first.
    overriding = WASM_DYLD_OVERRIDE ///< The host's comes first.
};

/// What an address, or a function's slot, belongs to.
struct Located {
    Object object;                     ///< The object.
    std::optional<std::string> symbol; ///< The function in the slot, or the nearest symbol at or below the address, if any.
    std::uint64_t value = 0;           ///< That symbol's own slot or address.
};

template <class T> class GuestArray;

/**
 * Interrupts a namespace from elsewhere: a thread, a signal handler. A value, to be copied to wherever it is needed; it may outlive the
 * namespace.
 */
class Interrupter {
  public:
    /// Of no namespace.
    Interrupter() = default;

    /// What runs in the namespace ends with Code::interrupted, soon; nothing happens if nothing runs. Takes no lock and no memory:
    /// Code::ok, Code::unsupported if the namespace was made without a control, Code::invalid_argument if it is gone.
    Code interrupt() const noexcept { return static_cast<Code>(wasm_dyld_interrupt(dyld_)); }

  private:
    friend class NamespaceRef;
    explicit Interrupter(wasm_dyld_t *dyld) : dyld_(dyld) {}

    wasm_dyld_t *dyld_ = nullptr; // a handle, which is not used again for another namespace
};

/**
 * A reference to a namespace, as host functions get it. Copy it as you like; it is of the namespace's thread. Once the namespace is gone,
 * everything is Code::invalid_argument.
 *
 * Symbols are looked up in the global scope: Scope.
 */
class NamespaceRef : public Scope {
  public:
    /// Loads an object with all that it needs, links them and runs their constructors. A name with a slash is a path; one without is
    /// searched. On failure nothing has changed, and one error tells all that is wrong.
    Result<Library> try_load(const std::string &name, Load flags = Load::defaults) const
    {
        return open(name, [&](auto dyld, auto object, auto error) {
            return wasm_dyld_load(dyld, name.c_str(), static_cast<std::uint32_t>(flags), object, error);
        });
    }

    /// As try_load, from bytes, which are copied, under a file name. Each call makes a new object.
    Result<Library> try_load_bytes(const std::string &name, Span<const std::uint8_t> bytes, Load flags = Load::defaults) const
    {
        return open(name, [&](auto dyld, auto object, auto error) {
            return wasm_dyld_load_bytes(dyld, name.c_str(), bytes.data(), bytes.size(), static_cast<std::uint32_t>(flags), object, error);
        });
    }

    /// As try_load_bytes, for a module that the host has compiled from these bytes in this store. It is taken, unless the namespace is
    /// gone or the name has a NUL in it.
    Result<Library> try_load_compiled(const std::string &name, wasm_module_t *module, Span<const std::uint8_t> bytes,
                                      Load flags = Load::defaults) const
    {
        return open(name, [&](auto dyld, auto object, auto error) {
            return wasm_dyld_load_compiled(dyld, name.c_str(), module, bytes.data(), bytes.size(), static_cast<std::uint32_t>(flags), object,
                                           error);
        });
    }

    /// Runs the main program: what it passed to exit, or 0 if it returned. A trap is an error.
    Result<std::int32_t> try_run() const
    {
        std::int32_t code = 0;
        auto ran = detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_run(dyld, &code, error); });
        if (!ran)
            return ran.error();
        return code;
    }

    /// Ends the guest as its exit does: runs all exit handlers and flushes its stdio. For namespaces without a program.
    Result<void> try_finish() const { return detail::enter(state_, wasm_dyld_finish); }

    /**
     * Takes the state of the namespace, whose configuration has Config::snapshots, while no guest code runs (see wasm_dyld_snapshot). What the host
     * holds is not in it: WASI's files and streams, budgets and time-outs. Where the guest has files open, the error names them, unless `open_files`
     * says that the snapshot does without them (see WASM_DYLD_SNAPSHOT_OPEN_FILES).
     */
    Result<Snapshot> try_snapshot(bool open_files = false) const
    {
        const std::uint32_t flags = open_files ? std::uint32_t{WASM_DYLD_SNAPSHOT_OPEN_FILES} : 0u;
        wasm_dyld_snapshot_t *taken = nullptr;
        auto done = detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_snapshot(dyld, flags, &taken, error); });
        if (!done)
            return done.error();
        return Snapshot::adopt(taken);
    }

    /**
     * Puts the namespace into the state of a snapshot: the one that it was taken of, also after a trap, or a new one in which the host has defined what the
     * objects had of it (see wasm_dyld_restore). No guest code runs. What was loaded since is unloaded; libraries and functions of what was there stay good.
     */
    Result<void> try_restore(const Snapshot &snapshot) const
    {
        return detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_restore(dyld, snapshot.raw(), error); });
    }

    /// Defines all functions of wasi_snapshot_preview1 for objects loaded from now on.
    Result<void> try_set_wasi(const Wasi &wasi = {}) const
    {
        auto raw = wasi.handle();
        if (!raw)
            return raw.error();
        return detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_set_wasi(dyld, raw->release(), error); });
    }

    /**
     * Defines a function for objects loaded from now on, which import it as `module`.`name`.
     *
     * Its parameters and its result are those of the callable, by ValueTraits; a NamespaceRef as first parameter is this namespace, for
     * its memory and for calls back. The callable may give a Result: an error is a trap. An exception is a trap, too, with its text; if
     * that ends a call of the host, the exception is the error's cause, and what throws throws it anew.
     *
     * The callable lives as long as the namespace. If it holds a Library, a Function or the like of this namespace, this is no harm.
     */
    template <class F>
    Result<void> try_define(const std::string &module, const std::string &name, F callable, Precedence precedence = Precedence::behind_objects) const
    {
        return define_as<typename detail::Callable<F>::Type>(module, name, std::move(callable), precedence);
    }

    /// As try_define, for callables with more than one type: `try_define<int(int)>("env", "f", callable)`.
    template <class Sig, class F, class = std::enable_if_t<std::is_function_v<Sig>>>
    Result<void> try_define(const std::string &module, const std::string &name, F callable, Precedence precedence = Precedence::behind_objects) const
    {
        return define_as<Sig>(module, name, std::move(callable), precedence);
    }

    /**
     * A function pointer of the guest that leads to a callable, for functions that take one: a callback, a comparison. As try_define in
     * all else. If there is a main program, it must be loaded before.
     *
     * It is for good: each takes a slot of the table and a small object of its own. Make one for each function, not one for each call.
     */
    template <class F> auto try_callback(F callable) const { return callback_as<typename detail::Callable<F>::Type>(std::move(callable)); }

    /// As try_callback, for callables with more than one type: `try_callback<int(int)>(callable)`.
    template <class Sig, class F, class = std::enable_if_t<std::is_function_v<Sig>>> auto try_callback(F callable) const
    {
        return callback_as<Sig>(std::move(callable));
    }

    /// Defines something that was made with the functions of wasm.h, in this store. It stays the caller's, who may delete it.
    Result<void> try_define_extern(const std::string &module, const std::string &name, const wasm_extern_t *value,
                                   Precedence precedence = Precedence::behind_objects) const
    {
        for (const std::string *text : {&module, &name})
            if (auto fits = detail::no_nul(*text, "name"); !fits)
                return fits;
        return detail::enter(state_, [&](auto dyld, auto error) {
            return wasm_dyld_define(dyld, module.c_str(), name.c_str(), value, static_cast<std::uint32_t>(precedence), error);
        });
    }

    /// Calls a function as wasm_func_call does, and turns traps and exits into errors.
    Result<void> try_call(const wasm_func_t *function, const wasm_val_vec_t *arguments, wasm_val_vec_t *results) const
    {
        return detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_call(dyld, function, arguments, results, error); });
    }

    /// Whether the guest has called exit during a call that the host made with wasm_func_call, and with which code. Asking forgets it.
    std::optional<std::int32_t> take_exit() const noexcept
    {
        std::int32_t code = 0;
        return dyld() && wasm_dyld_take_exit(dyld(), &code) ? std::optional(code) : std::nullopt;
    }

    /// As Interrupter::interrupt, from any thread, as long as the Namespace is neither moved nor deleted meanwhile: an Interrupter bears
    /// that, too.
    Code interrupt() const noexcept { return interrupter().interrupt(); }

    /// What interrupts this namespace, for other threads to have.
    Interrupter interrupter() const noexcept { return Interrupter(dyld()); }

    /// How long each outermost call of the host may take from then on: a load, a run, a call, an unloading. What takes longer is
    /// Code::timed_out. Nothing: as long as it likes; zero or less: no time at all. Code::unsupported without Config::control.
    Result<void> try_set_timeout(std::optional<std::chrono::nanoseconds> timeout) const
    {
        std::uint64_t count = detail::nanoseconds(timeout);
        return detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_set_timeout(dyld, count, error); });
    }

    /// Gives the guests a budget for all that follows, in units: a check at a function's entry or a loop's head is one, what more costs is
    /// said at wasm_dyld_set_budget. What is beyond it is Code::out_of_budget, at the same check on every engine. Nothing: no bound.
    /// Code::unsupported without Control::budget.
    Result<void> try_set_budget(std::optional<std::uint64_t> units) const
    {
        return detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_set_budget(dyld, units.value_or(UINT64_MAX), error); });
    }

    /// What is left of the budget; nothing if there is no bound. Code::unsupported without Control::budget.
    Result<std::optional<std::uint64_t>> try_budget_left() const
    {
        std::uint64_t left = 0;
        auto asked = detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_budget_left(dyld, &left, error); });
        if (!asked)
            return asked.error();
        return left == UINT64_MAX ? std::nullopt : std::optional(left);
    }

    /// Has a callback asked again and again, each time that about so much time has gone by while guests run or wait, whether they are to
    /// stop: for what the host has to look after meanwhile on the same thread. A millisecond at least. An empty callback: nobody is asked.
    /// It goes with the namespace, or when there is another. Code::unsupported without Config::control.
    Result<void> try_set_watcher(std::chrono::nanoseconds every, WatcherCallback callback) const
    {
        auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(every.count(), 0));
        if (!callback)
            return detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_set_watcher(dyld, count, nullptr, nullptr, nullptr, error); });
        auto env = std::make_unique<detail::WatcherEnv>();
        env->callback = std::move(callback);
        env->family = state_->family;
        return detail::enter(state_, [&](auto dyld, auto error) {
            auto code = wasm_dyld_set_watcher(dyld, count, detail::WatcherEnv::call, env.get(), detail::finalize<detail::WatcherEnv>, error);
            if (code == WASM_DYLD_OK)
                static_cast<void>(env.release());
            return code;
        });
    }

    /// The memory that all objects share.
    Memory memory() const { return Memory(state_); }

    /// The table that all objects share, of wasm.h. It stays the namespace's. Code::busy before the first load.
    Result<wasm_table_t *> try_table() const
    {
        wasm_table_t *table = nullptr;
        auto got = detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_table(dyld, &table, error); });
        if (!got)
            return got.error();
        return table;
    }

    /// What a pointer of the guest's leads to, to be called: Code::invalid_argument if it is null or leads to no function, and
    /// Code::type_mismatch if it is known to have another type.
    template <class Sig, class = std::enable_if_t<std::is_function_v<Sig>>> Result<Function<Sig>> try_function_at(Ptr<Sig> pointer) const
    {
        using Type = detail::Signature<Sig>;
        std::vector<wasm_valkind_t> kinds(Type::params.begin(), Type::params.end());
        kinds.insert(kinds.end(), Type::results.begin(), Type::results.end());
        wasm_dyld_func_t *prepared = nullptr;
        auto made = detail::enter(state_, [&](auto dyld, auto error) {
            return wasm_dyld_func_at(dyld, pointer.address(), kinds.data(), Type::params.size(), Type::results.size(), &prepared, error);
        });
        if (!made)
            return made.error();
        return Function<Sig>(state_, nullptr, nullptr, detail::Prepared(prepared, wasm_dyld_func_delete),
                             "the function at " + std::to_string(pointer.address()));
    }

    /// Memory for `count` elements, of the guest's malloc: Code::not_found if no object has malloc and free, Code::limit if there is no
    /// memory left. The elements are not initialized.
    template <class T> Result<GuestArray<T>> try_allocate(std::uint32_t count) const;

    /// A copy of elements in the guest's memory.
    template <class T> Result<GuestArray<std::remove_cv_t<T>>> try_copy(Span<T> elements) const;

    /// A copy of a string in the guest's memory, with a NUL behind it.
    Result<GuestArray<char>> try_copy_string(std::string_view text) const;

    /// Which object an address belongs to, or a function, if T is a function type.
    template <class T> Result<Located> try_locate(Ptr<T> pointer) const
    {
        wasm_dyld_symbol_kind_t kind = std::is_function_v<T> ? WASM_DYLD_FUNC : WASM_DYLD_DATA;
        wasm_dyld_object_t *object = nullptr;
        const char *symbol = nullptr;
        Located located;
        auto found = detail::enter(state_, [&](auto dyld, auto error) {
            return wasm_dyld_dladdr(dyld, kind, pointer.address(), &object, &symbol, &located.value, error);
        });
        if (!found)
            return found.error();
        located.object = Object(state_, object);
        if (symbol)
            located.symbol = symbol;
        return located;
    }

    /// All objects, in the order in which they were loaded.
    std::vector<Object> objects() const
    {
        std::vector<Object> all;
        std::size_t count = dyld() ? wasm_dyld_object_count(dyld()) : 0;
        for (std::size_t i = 0; i < count; i++)
            all.push_back(Object(state_, wasm_dyld_object_at(dyld(), i)));
        return all;
    }

    /// The folders that are searched for libraries.
    std::vector<std::string> library_paths() const
    {
        std::vector<std::string> all;
        std::size_t count = dyld() ? wasm_dyld_library_path_count(dyld()) : 0;
        for (std::size_t i = 0; i < count; i++)
            all.emplace_back(wasm_dyld_library_path_at(dyld(), i));
        return all;
    }

    /// The link map, as text for people: what lies where, what each object needs, and what keeps it. Empty if the namespace is gone.
    std::string link_map() const
    {
        const char *map = dyld() ? wasm_dyld_link_map(dyld()) : nullptr;
        return map ? map : "";
    }

    /// How many instances the namespace has made in its store. Some engines make a limited number in the life of a store: see
    /// wasm_dyld_instance_count.
    std::uint64_t instance_count() const noexcept { return dyld() ? wasm_dyld_instance_count(dyld()) : 0; }

    /// How many more the engine makes in the store, as far as the namespace knows; nothing if there is no bound. See Namespace::try_renew.
    std::optional<std::uint64_t> instances_left() const noexcept
    {
        std::uint64_t left = dyld() ? wasm_dyld_instances_left(dyld()) : 0;
        return left == UINT64_MAX ? std::nullopt : std::optional(left);
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_load.
    Library load(const std::string &name, Load flags = Load::defaults) const { return try_load(name, flags).value(); }
    /// As try_load_bytes.
    Library load_bytes(const std::string &name, Span<const std::uint8_t> bytes, Load flags = Load::defaults) const
    {
        return try_load_bytes(name, bytes, flags).value();
    }
    /// As try_load_compiled.
    Library load_compiled(const std::string &name, wasm_module_t *module, Span<const std::uint8_t> bytes, Load flags = Load::defaults) const
    {
        return try_load_compiled(name, module, bytes, flags).value();
    }
    /// As try_run.
    std::int32_t run() const { return try_run().value(); }
    /// As try_finish.
    void finish() const { try_finish().value(); }
    /// As try_snapshot.
    Snapshot snapshot(bool open_files = false) const { return try_snapshot(open_files).value(); }
    /// As try_restore.
    void restore(const Snapshot &snapshot) const { try_restore(snapshot).value(); }
    /// As try_set_wasi.
    void set_wasi(const Wasi &wasi = {}) const { try_set_wasi(wasi).value(); }
    /// As try_define.
    template <class F>
    void define(const std::string &module, const std::string &name, F callable, Precedence precedence = Precedence::behind_objects) const
    {
        try_define(module, name, std::move(callable), precedence).value();
    }
    /// As try_define.
    template <class Sig, class F, class = std::enable_if_t<std::is_function_v<Sig>>>
    void define(const std::string &module, const std::string &name, F callable, Precedence precedence = Precedence::behind_objects) const
    {
        define_as<Sig>(module, name, std::move(callable), precedence).value();
    }
    /// As try_callback.
    template <class F> auto callback(F callable) const { return try_callback(std::move(callable)).value(); }
    /// As try_callback.
    template <class Sig, class F, class = std::enable_if_t<std::is_function_v<Sig>>> auto callback(F callable) const
    {
        return callback_as<Sig>(std::move(callable)).value();
    }
    /// As try_define_extern.
    void define_extern(const std::string &module, const std::string &name, const wasm_extern_t *value,
                       Precedence precedence = Precedence::behind_objects) const
    {
        try_define_extern(module, name, value, precedence).value();
    }
    /// As try_call.
    void call(const wasm_func_t *function, const wasm_val_vec_t *arguments, wasm_val_vec_t *results) const
    {
        try_call(function, arguments, results).value();
    }
    /// As try_set_timeout.
    void set_timeout(std::optional<std::chrono::nanoseconds> timeout) const { try_set_timeout(timeout).value(); }
    /// As try_set_budget.
    void set_budget(std::optional<std::uint64_t> units) const { try_set_budget(units).value(); }
    /// As try_budget_left.
    std::optional<std::uint64_t> budget_left() const { return try_budget_left().value(); }
    /// As try_set_watcher.
    void set_watcher(std::chrono::nanoseconds every, WatcherCallback callback) const { try_set_watcher(every, std::move(callback)).value(); }
    /// As try_table.
    wasm_table_t *table() const { return try_table().value(); }
    /// As try_function_at.
    template <class Sig> Function<Sig> function_at(Ptr<Sig> pointer) const { return try_function_at(pointer).value(); }
    /// As try_allocate.
    template <class T> GuestArray<T> allocate(std::uint32_t count) const;
    /// As try_copy.
    template <class T> GuestArray<std::remove_cv_t<T>> copy(Span<T> elements) const;
    /// As try_copy_string.
    GuestArray<char> copy_string(std::string_view text) const;
    /// As try_locate.
    template <class T> Located locate(Ptr<T> pointer) const { return try_locate(pointer).value(); }
#endif

    /// The namespace of the C interface, which stays the Namespace's; null if that is gone.
    wasm_dyld_t *raw() const noexcept { return dyld(); }

  protected:
    template <class F, class Sig, class Context> friend class detail::HostFunction;
    template <class T> friend class GuestArray;

    /// Internal.
    explicit NamespaceRef(detail::Shared state) : Scope(std::move(state)) {}
    /// Internal.
    static NamespaceRef of(detail::Shared state) { return NamespaceRef(std::move(state)); }

    /// Internal: null if the namespace is gone.
    wasm_dyld_t *dyld() const noexcept { return state_ ? state_->dyld : nullptr; }

  private:
    template <class Call> Result<Library> open(const std::string &name, Call call) const
    {
        if (auto fits = detail::no_nul(name, "name"); !fits)
            return fits.error();
        wasm_dyld_object_t *object = nullptr;
        auto loaded = detail::enter(state_, [&](auto dyld, auto error) { return call(dyld, &object, error); });
        if (!loaded)
            return loaded.error();
        return object ? Library(state_, object) : Library();
    }

    template <class Sig, class F>
    Result<void> define_as(const std::string &module, const std::string &name, F callable, Precedence precedence) const
    {
        if (!dyld())
            return detail::gone();
        for (const std::string *text : {&module, &name})
            if (auto fits = detail::no_nul(*text, "name"); !fits)
                return fits;
        using Env = detail::HostFunctionOf<Sig, F>;
        using Type = detail::Signature<typename Env::Type>;
        std::string type = detail::signature_text(Type::params, Type::results);
        auto env = std::make_unique<Env>(std::move(callable), state_, module + "." + name);
        return detail::enter(state_, [&](auto dyld, auto error) {
            auto code = wasm_dyld_define_func(dyld, module.c_str(), name.c_str(), type.c_str(), Env::call, env.get(), detail::finalize<Env>,
                                              static_cast<std::uint32_t>(precedence), error);
            if (code == WASM_DYLD_OK)
                static_cast<void>(env.release());
            return code;
        });
    }

    template <class Sig, class F> auto callback_as(F callable) const -> Result<Ptr<typename detail::HostFunctionOf<Sig, F>::Type>>
    {
        if (!dyld())
            return detail::gone();
        std::string name = "callback-" + std::to_string(state_->callbacks++);
        if (auto defined = define_as<Sig>("env", name, std::move(callable), Precedence::overriding); !defined)
            return defined.error();
        auto library = try_load_bytes(name + ".so", detail::slot_library(name), Load::nodelete);
        if (!library)
            return library.error();
        auto slot = library->template try_function<std::uint32_t()>("slot");
        auto number = slot ? slot->try_call() : slot.error();
        if (!number)
            return number.error();
        return Ptr<typename detail::HostFunctionOf<Sig, F>::Type>(*number);
    }
};

/**
 * Elements in the guest's memory that the host has of the guest's malloc, and that go back to its free with this. Move-only, and of the
 * namespace's thread. A namespace may go first.
 *
 * It stands for a Ptr where one is wanted, as an argument for instance.
 */
template <class T> class [[nodiscard]] GuestArray {
    static_assert(detail::plain<T> && !std::is_const_v<T>, "what is in the guest's memory is trivially copyable, and without pointers of the host");

  public:
    /// Nothing.
    GuestArray() = default;
    /// Moves.
    GuestArray(GuestArray &&other) noexcept
        : state_(std::move(other.state_)), heap_(other.heap_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0))
    {
    }
    /// Frees, and moves.
    GuestArray &operator=(GuestArray &&other) noexcept
    {
        if (this != &other) {
            free();
            state_ = std::move(other.state_);
            heap_ = other.heap_;
            data_ = std::exchange(other.data_, nullptr);
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    /// Frees.
    ~GuestArray() { free(); }

    /// Where it is.
    Ptr<T> data() const noexcept { return data_; }
    /// As data, and as pointers convert.
    template <class U, class = std::enable_if_t<std::is_convertible_v<T *, U *>>> operator Ptr<U>() const noexcept { return data_; }
    /// How many elements there are.
    std::uint32_t size() const noexcept { return size_; }

    /// The elements in place; see Memory for how long that is good.
    Result<Span<T>> try_span() const { return memory().try_span(data_, size_); }
    /// Copies an element out.
    Result<T> try_read(std::uint32_t index = 0) const
    {
        if (index >= size_)
            return none(index);
        return memory().try_read(data_ + index);
    }
    /// Copies an element in.
    Result<void> try_write(std::uint32_t index, const T &value) const
    {
        if (index >= size_)
            return none(index);
        return memory().try_write(data_ + index, value);
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_span.
    Span<T> span() const { return try_span().value(); }
    /// As try_read.
    T read(std::uint32_t index = 0) const { return try_read(index).value(); }
    /// As try_write.
    void write(std::uint32_t index, const T &value) const { try_write(index, value).value(); }
#endif

    /// Gives the elements up, for the guest to free.
    Ptr<T> release() noexcept
    {
        size_ = 0;
        return std::exchange(data_, nullptr);
    }

  private:
    friend class NamespaceRef;
    GuestArray(detail::Shared state, wasm_dyld_object_t *heap, Ptr<T> data, std::uint32_t size)
        : state_(std::move(state)), heap_(heap), data_(data), size_(size)
    {
    }

    Memory memory() const { return NamespaceRef(state_).memory(); }

    Error none(std::uint32_t index) const
    {
        return Error(Code::invalid_argument, "there is no element " + std::to_string(index) + " of " + std::to_string(size_));
    }

    void free() noexcept
    {
        // The memory goes with the object that has the heap.
        if (data_ && detail::loaded(state_, heap_))
            static_cast<void>(detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_free(dyld, data_.address(), error); }));
    }

    detail::Shared state_;
    wasm_dyld_object_t *heap_ = nullptr;
    Ptr<T> data_;
    std::uint32_t size_ = 0;
};

/// Bytes in the guest's memory.
using GuestBuffer = GuestArray<std::uint8_t>;
/// A string in the guest's memory.
using GuestString = GuestArray<char>;

template <class T> Result<GuestArray<T>> NamespaceRef::try_allocate(std::uint32_t count) const
{
    std::uint64_t address = 0, size = std::uint64_t{count} * sizeof(T);
    auto made = detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_alloc(dyld, size, &address, error); });
    if (!made)
        return made.error();
    return GuestArray<T>(state_, wasm_dyld_heap(dyld()), Ptr<T>(static_cast<std::uint32_t>(address)), count);
}

template <class T> Result<GuestArray<std::remove_cv_t<T>>> NamespaceRef::try_copy(Span<T> elements) const
{
    using Element = std::remove_cv_t<T>;
    if (elements.size() > UINT32_MAX)
        return Error(Code::limit, "the guest has no memory for " + std::to_string(elements.size()) + " elements");
    auto array = try_allocate<Element>(static_cast<std::uint32_t>(elements.size()));
    if (!array)
        return array;
    for (std::uint32_t i = 0; detail::big_endian && i < array->size(); i++)
        if (auto wrote = array->try_write(i, elements[i]); !wrote)
            return wrote.error();
    if (!detail::big_endian && !elements.empty())
        if (auto wrote = memory().try_write(array->data().address(), reinterpret_cast<const std::uint8_t *>(elements.data()),
                                            elements.size() * sizeof(Element));
            !wrote)
            return wrote.error();
    return array;
}

inline Result<GuestString> NamespaceRef::try_copy_string(std::string_view text) const
{
    std::string ended(text);
    return try_copy(Span<const char>(ended.c_str(), ended.size() + 1));
}

#ifndef WASMDYLD_NO_EXCEPTIONS
template <class T> GuestArray<T> NamespaceRef::allocate(std::uint32_t count) const { return try_allocate<T>(count).value(); }
template <class T> GuestArray<std::remove_cv_t<T>> NamespaceRef::copy(Span<T> elements) const { return try_copy(elements).value(); }
inline GuestString NamespaceRef::copy_string(std::string_view text) const { return try_copy_string(text).value(); }
#endif

/**
 * A namespace: a memory, a table and the objects linked in them, in one store. Move-only.
 *
 * It is of one thread at a time, with its store, and all that refers to it. Host functions that the guest calls may call the namespace
 * again. When it goes, so do its objects; exit handlers do not run (finish runs them). What refers to it may outlive it, and is of no use
 * then.
 */
class Namespace : public NamespaceRef {
  public:
    /// Makes a namespace in a store.
    static Result<Namespace> try_create(const Store &store, const Config &config = {})
    {
        if (!store.raw())
            return Error(Code::invalid_argument, "the store was moved from, or is null");
        auto state = std::make_shared<detail::State>();
        detail::join(state, std::make_shared<detail::Family>());
        state->store = store.state_;
        std::unique_ptr<wasm_dyld_config_t, decltype(&wasm_dyld_config_delete)> raw(wasm_dyld_config_new(), wasm_dyld_config_delete);
        for (const auto &step : config.steps_)
            if (auto done = step(raw.get(), state); !done)
                return done.error();
        if (const auto &library = state->store->engine->library) {
            auto set = detail::checked([&](auto error) { return wasm_dyld_config_set_engine(raw.get(), library->raw.get(), error); });
            if (!set)
                return set.error();
        }
        auto made = detail::checked([&](auto error) { return wasm_dyld_new(store.raw(), raw.release(), &state->dyld, error); });
        if (!made)
            return made.error();
        return Namespace(std::move(state));
    }

    /// Makes a namespace in a store of its own.
    static Result<Namespace> try_create(const Engine &engine, const Config &config = {})
    {
        auto store = Store::try_create(engine);
        if (!store)
            return store.error();
        return try_create(*store, config);
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_create.
    explicit Namespace(const Store &store, const Config &config = {}) : Namespace(try_create(store, config).value()) {}
    /// As try_create.
    explicit Namespace(const Engine &engine, const Config &config = {}) : Namespace(try_create(engine, config).value()) {}
#endif

    /// Prepares a namespace that try_renew makes, before anything is loaded in it.
    using Prepare = std::function<Result<void>(const NamespaceRef &)>;

    /**
     * Makes a namespace like this one in another store of the same engine, for hosts that run for long (see wasm_dyld_renew): with its configuration, WASI,
     * time-out, what is left of its budget, what was given by try_define, and what the host has open, loaded anew. Guests begin anew: memory, open files,
     * function pointers (try_callback) and what they opened themselves stay behind. `prepare` defines what was given by try_define_extern, and loads
     * what came from bytes.
     *
     * This one is as it was, also on failure: finish it and let it go. No Library, Function and the like of it is one of the new one.
     */
    Result<Namespace> try_renew(const Store &store, const Prepare &prepare = {}) const
    {
        if (!store.raw())
            return Error(Code::invalid_argument, "the store was moved from, or is null");
        if (!dyld())
            return detail::gone();
        struct Env {
            const Prepare &prepare;
            detail::Shared old, next;

            static wasm_dyld_error_t *call(void *env, wasm_dyld_t *dyld) noexcept
            {
                Env &self = *static_cast<Env *>(env);
                self.next->dyld = dyld;
                auto run = [&]() -> wasm_dyld_error_t * {
                    auto done = self.prepare ? self.prepare(NamespaceRef::of(self.next)) : Result<void>();
                    return done ? nullptr : self.failure(done.error().message(), done.error().cause());
                };
                return detail::guarded(run, [&] { return self.failure(detail::current_text(), std::current_exception()); });
            }

            wasm_dyld_error_t *failure(const std::string &text, std::exception_ptr cause) const
            {
                std::string sign = detail::utf8(text);
                old->failure = detail::Failure{sign.substr(0, sign.find('\n')), {}, std::move(cause)};
                return wasm_dyld_error_new(sign.c_str());
            }
        } env{prepare, state_, std::make_shared<detail::State>()};
        env.next->store = store.state_;
        detail::join(env.next, state_->family);
        wasm_dyld_t *made = nullptr;
        auto renewed = detail::enter(state_, [&](auto dyld, auto error) {
            auto code = wasm_dyld_renew(dyld, store.raw(), Env::call, &env, &made, error);
            // On failure it is gone.
            env.next->dyld = made;
            return code;
        });
        if (!renewed)
            return renewed.error();
        return Namespace(std::move(env.next));
    }

    /// As above, in a store of its own.
    Result<Namespace> try_renew(const Engine &engine, const Prepare &prepare = {}) const
    {
        auto store = Store::try_create(engine);
        if (!store)
            return store.error();
        return try_renew(*store, prepare);
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_renew.
    Namespace renew(const Store &store, const Prepare &prepare = {}) const { return try_renew(store, prepare).value(); }
    /// As try_renew.
    Namespace renew(const Engine &engine, const Prepare &prepare = {}) const { return try_renew(engine, prepare).value(); }
#endif

    /// Moves.
    Namespace(Namespace &&other) noexcept : NamespaceRef(std::move(other.state_)) {}
    /// Deletes, and moves.
    Namespace &operator=(Namespace &&other) noexcept
    {
        if (this != &other) {
            close();
            state_ = std::move(other.state_);
        }
        return *this;
    }
    ~Namespace() { close(); }

  private:
    explicit Namespace(detail::Shared state) : NamespaceRef(std::move(state)) {}

    void close() noexcept
    {
        if (auto state = std::move(state_))
            state->close();
    }
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif
