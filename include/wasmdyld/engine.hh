/**
 * @file
 * Engines and stores, linked or opened at run time. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_ENGINE_HH
#define WASMDYLD_ENGINE_HH

#include <cstring>
#include <functional>
#include <string_view>

#include <wasmdyld/error.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

namespace detail {

/// @cond
// What this header itself calls of wasm.h. The functions of an engine that was opened are its own, so all go through pointers.
#define WASMDYLD_WASM_FUNCTIONS(X)                                                                                                         \
    X(wasm_engine_delete)                                                                                                                  \
    X(wasm_store_new)                                                                                                                      \
    X(wasm_store_delete)                                                                                                                   \
    X(wasm_memory_data)                                                                                                                    \
    X(wasm_memory_data_size)

struct Api {
#define X(name) decltype(&::name) name = nullptr;
    WASMDYLD_WASM_FUNCTIONS(X)
#undef X

    /// The functions of the engine that the program is linked with.
    static const Api &linked() noexcept
    {
        static const Api api = [] {
            Api functions;
#define X(name) functions.name = &::name;
            WASMDYLD_WASM_FUNCTIONS(X)
#undef X
            return functions;
        }();
        return api;
    }

    static Result<Api> of(const wasm_dyld_engine_t *engine)
    {
        Api api;
#define X(name)                                                                                                                            \
    if (wasm_dyld_engine_function_t found = wasm_dyld_engine_function(engine, #name))                                                      \
        api.name = reinterpret_cast<decltype(api.name)>(found);                                                                            \
    else                                                                                                                                   \
        return Error(Code::unsupported, "the engine has no " #name);
        WASMDYLD_WASM_FUNCTIONS(X)
#undef X
        return api;
    }
};

#undef WASMDYLD_WASM_FUNCTIONS
/// @endcond

struct LibraryState {
    std::unique_ptr<wasm_dyld_engine_t, decltype(&wasm_dyld_engine_close)> raw{nullptr, wasm_dyld_engine_close};
    Api api;
};

struct EngineState {
    std::shared_ptr<const LibraryState> library; // null: the linked engine
    wasm_engine_t *raw = nullptr;

    EngineState() = default;
    EngineState(const EngineState &) = delete;
    EngineState &operator=(const EngineState &) = delete;
    ~EngineState()
    {
        if (raw)
            api().wasm_engine_delete(raw);
    }

    const Api &api() const noexcept { return library ? library->api : Api::linked(); }
};

struct StoreState {
    std::shared_ptr<const EngineState> engine; // made or borrowed from; never null
    wasm_store_t *raw = nullptr;
    bool owned = true;

    StoreState() = default;
    StoreState(const StoreState &) = delete;
    StoreState &operator=(const StoreState &) = delete;
    ~StoreState()
    {
        if (raw && owned)
            api().wasm_store_delete(raw);
    }

    const Api &api() const noexcept { return engine->api(); }
};

/// Writes as much of a text as there is room for.
inline std::size_t put_text(const std::string &text, char *buffer, std::size_t size) noexcept
{
    std::size_t count = text.size() < size ? text.size() : size;
    if (count)
        std::memcpy(buffer, text.data(), count);
    return count;
}

} // namespace detail

/// What a host says of an engine that the linker does not know: see wasm_dyld_engine_description_t. The callbacks may be called by any
/// thread; what they throw is dropped, as if they had nothing to say.
struct EngineDescription {
    std::string name;                       ///< The engine's name, for messages.
    bool import_order_is_declared = false;  ///< Imports and exports are listed in the order of the module.
    bool validation_is_final = false;       ///< What the engine validates always compiles.
    bool instance_outlives_handle = false;  ///< An instance may be deleted while its code runs.
    std::function<std::string(std::string_view)> trap_cause; ///< Takes the reason out of a trap's text. May be empty.
    std::function<std::string()> last_error;                 ///< What the engine refused last on this thread. May be empty.
};

/**
 * A shared library with an engine in it, opened at run time. Its symbols are its own, also beside a linked engine.
 *
 * Any thread may use it. It need not outlive what was made with it.
 */
class EngineLibrary {
  public:
    /// Opens a library that has the functions of wasm.h. Its code runs in this process: open only what you trust.
    static Result<EngineLibrary> try_open(const std::string &library)
    {
        if (auto fits = detail::no_nul(library, "engine library"); !fits)
            return fits.error();
        auto state = std::make_shared<detail::LibraryState>();
        wasm_dyld_engine_t *raw = nullptr;
        auto opened = detail::checked([&](auto error) { return wasm_dyld_engine_open(library.c_str(), &raw, error); });
        if (!opened)
            return opened.error();
        state->raw.reset(raw);
        auto api = detail::Api::of(raw);
        if (!api)
            return api.error();
        state->api = *api;
        return EngineLibrary(std::move(state));
    }

    /// What engine it is: "wasmtime", "wasmer", "wasmi", or "wasm.h" for one that is not known by name.
    std::string name() const { return wasm_dyld_engine_name(raw()); }

    /// A function of the engine by its name, null if it has none: `function<decltype(wasm_memory_grow)>("wasm_memory_grow")`. What
    /// belongs to an engine is only used with that engine's functions.
    template <class F> F *function(const char *name) const noexcept
    {
        return reinterpret_cast<F *>(wasm_dyld_engine_function(raw(), name));
    }

    /// Tells the linker what the engine is like. Once, before it is used; Code::busy if it is known or in use.
    Result<void> try_describe(const EngineDescription &description) const { return describe(raw(), description); }

    /// As try_describe, for the linked engine.
    static Result<void> try_describe_linked(const EngineDescription &description) { return describe(nullptr, description); }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_open.
    static EngineLibrary open(const std::string &library) { return try_open(library).value(); }
    /// As try_describe.
    void describe(const EngineDescription &description) const { try_describe(description).value(); }
#endif

    /// The handle of the C interface, which stays this object's.
    const wasm_dyld_engine_t *raw() const noexcept { return state_ ? state_->raw.get() : nullptr; }

  private:
    friend class Engine;
    friend class Store;
    explicit EngineLibrary(std::shared_ptr<const detail::LibraryState> state) : state_(std::move(state)) {}

    static Result<void> describe(const wasm_dyld_engine_t *engine, const EngineDescription &description)
    {
        if (auto fits = detail::no_nul(description.name, "name"); !fits)
            return fits;
        auto env = std::make_unique<EngineDescription>(description);
        wasm_dyld_engine_description_t raw = {};
        raw.size = sizeof raw;
        raw.name = env->name.c_str();
        raw.flags = (env->import_order_is_declared ? WASM_DYLD_ENGINE_DECLARED_ORDER : 0u) |
                    (env->validation_is_final ? WASM_DYLD_ENGINE_FINAL_VALIDATION : 0u) |
                    (env->instance_outlives_handle ? WASM_DYLD_ENGINE_LASTING_INSTANCES : 0u);
        if (env->trap_cause)
            raw.trap_cause = trap_cause;
        if (env->last_error)
            raw.last_error = last_error;
        raw.env = env.get();
        auto described = detail::checked([&](auto error) { return wasm_dyld_engine_describe(engine, &raw, error); });
        // The callbacks must stay good for the rest of the process.
        if (described)
            static_cast<void>(env.release());
        return described;
    }

    static std::size_t trap_cause(void *env, const char *text, char *buffer, std::size_t size) noexcept
    {
        auto say = [&] { return detail::put_text(static_cast<EngineDescription *>(env)->trap_cause(text), buffer, size); };
        return detail::guarded(say, [] { return std::size_t{0}; });
    }

    static std::size_t last_error(void *env, const char *, char *buffer, std::size_t size) noexcept
    {
        auto say = [&] { return detail::put_text(static_cast<EngineDescription *>(env)->last_error(), buffer, size); };
        return detail::guarded(say, [] { return std::size_t{0}; });
    }

    std::shared_ptr<const detail::LibraryState> state_;
};

/// Whether guests can be stopped.
enum class Control : std::uint32_t {
    none = WASM_DYLD_CONTROL_NONE,           ///< They run as they are. The default.
    interrupt = WASM_DYLD_CONTROL_INTERRUPT, ///< By NamespaceRef::interrupt, a time-out, a watcher.
    budget = WASM_DYLD_CONTROL_BUDGET,       ///< By these, and by a budget that counts the same on every engine.
    /// As `interrupt`, by checks of the engine's own, where it is made for them and can.
    interrupt_by_engine = WASM_DYLD_CONTROL_INTERRUPT_BY_ENGINE
};

/// A place of the host's for compiled code, an object store for instance, that a fleet of hosts shares. **What comes from there is run as
/// machine code**: either nobody else can write to it, or the hosts share a secret by which they seal what they keep there; whoever knows
/// it can run what he likes. See wasm_dyld_config_set_code_store.
///
/// Both functions are called by whichever thread loads something, and by several at once. What they throw is as if they had found or kept
/// nothing.
struct CodeStore {
    /// The file of this name (64 hexadecimal digits), or nothing.
    std::function<std::optional<std::vector<std::uint8_t>>(const std::string &name)> get;
    /// Keeps a file, in the place of one of its name. If empty, nothing is kept.
    std::function<void(const std::string &name, const std::uint8_t *bytes, std::size_t size)> put;
    /// Empty, or at least 16 bytes that nobody can guess.
    std::vector<std::uint8_t> secret;
};

namespace detail {

template <class Env> void finalize(void *env) { delete static_cast<Env *>(env); }

/// Gives a callback's environment to a function of the C interface, which owns it from then on, unless it fails.
template <class Env, class Call> Result<void> give(std::unique_ptr<Env> env, Call &&call)
{
    auto given = checked([&](auto error) { return call(static_cast<void *>(env.get()), finalize<Env>, error); });
    if (given)
        static_cast<void>(env.release());
    return given;
}

struct CodeStoreEnv {
    CodeStore store;

    static std::int32_t get(void *env, const char *name, wasm_dyld_kept_give_t give, void *to) noexcept
    {
        auto ask = [&] {
            auto found = static_cast<CodeStoreEnv *>(env)->store.get(name);
            if (!found)
                return std::int32_t{1};
            give(to, found->data(), found->size());
            return std::int32_t{0};
        };
        return guarded(ask, [] { return std::int32_t{-1}; });
    }

    static void put(void *env, const char *name, const std::uint8_t *bytes, std::size_t size) noexcept
    {
        auto keep = [&] {
            static_cast<CodeStoreEnv *>(env)->store.put(name, bytes, size);
            return 0;
        };
        static_cast<void>(guarded(keep, [] { return 0; }));
    }
};

inline Result<void> set_code_store(wasm_dyld_config_t *config, const CodeStore &store)
{
    auto env = std::make_unique<CodeStoreEnv>();
    env->store = store;
    return give(std::move(env), [&](void *raw, auto finalizer, auto error) {
        return wasm_dyld_config_set_code_store(config, store.get ? CodeStoreEnv::get : nullptr, store.put ? CodeStoreEnv::put : nullptr,
                                               store.secret.empty() ? nullptr : store.secret.data(), store.secret.size(), raw, finalizer, error);
    });
}

} // namespace detail

/// How an engine is made.
class EngineOptions {
  public:
    /// Of an opened library, in place of the engine that the program is linked with.
    EngineOptions &library(const EngineLibrary &library)
    {
        library_ = library;
        return *this;
    }

    /// Keeps compiled code between processes in a folder; empty: the engine's own choice for this user. What is in there is run as
    /// machine code: a folder that others can write to is refused.
    EngineOptions &cache(std::string folder = {})
    {
        cache_ = std::move(folder);
        return *this;
    }

    /// With Control::interrupt_by_engine the engine checks by itself whether guests are to stop, where it can: namespaces whose Config says
    /// that, or Control::interrupt, then need no checks in their modules.
    EngineOptions &control(Control control)
    {
        control_ = control;
        return *this;
    }

    /// Looks for compiled code in a folder that somebody has filled before (`wasmdyld cache add`), too. Nothing is written to it. May be
    /// said of several; without one, those of the system are looked into.
    EngineOptions &prebuilt(std::string folder)
    {
        prebuilt_.push_back(std::move(folder));
        return *this;
    }

    /// Keeps compiled code in a place of the host's: see CodeStore.
    EngineOptions &code_store(CodeStore store)
    {
        store_ = std::move(store);
        return *this;
    }

  private:
    friend class Engine;

    Result<void> apply(wasm_dyld_config_t *config) const
    {
        if (cache_) {
            if (auto fits = detail::no_nul(*cache_, "cache folder"); !fits)
                return fits;
            auto set = detail::checked([&](auto error) {
                return wasm_dyld_config_set_engine_cache(config, cache_->empty() ? nullptr : cache_->c_str(), error);
            });
            if (!set)
                return set;
        }
        for (const std::string &folder : prebuilt_) {
            if (auto fits = detail::no_nul(folder, "cache folder"); !fits)
                return fits;
            auto added = detail::checked([&](auto error) { return wasm_dyld_config_add_prebuilt_cache(config, folder.c_str(), error); });
            if (!added)
                return added;
        }
        return store_ ? detail::set_code_store(config, *store_) : Result<void>();
    }

    std::optional<EngineLibrary> library_;
    std::optional<std::string> cache_;
    Control control_ = Control::none;
    std::vector<std::string> prebuilt_;
    std::optional<CodeStore> store_;
};

/**
 * An engine: where code is compiled. Move-only.
 *
 * Several threads may make stores of it. What is made with it keeps it alive, so that it may go first.
 */
class Engine {
  public:
    /// Makes an engine with all that dynamic linking can use switched on.
    static Result<Engine> try_create(const EngineOptions &options = {})
    {
        auto state = std::make_shared<detail::EngineState>();
        std::unique_ptr<wasm_dyld_config_t, decltype(&wasm_dyld_config_delete)> config(wasm_dyld_config_new(), wasm_dyld_config_delete);
        if (auto applied = options.apply(config.get()); !applied)
            return applied.error();
        if (options.library_) {
            state->library = options.library_->state_;
            auto set = detail::checked(
                [&](auto error) { return wasm_dyld_config_set_engine(config.get(), options.library_->raw(), error); });
            if (!set)
                return set.error();
        }
        auto controlled = detail::checked([&](auto error) {
            return wasm_dyld_config_set_control(config.get(), static_cast<wasm_dyld_control_t>(options.control_), error);
        });
        if (!controlled)
            return controlled.error();
        auto made = detail::checked([&](auto error) { return wasm_dyld_engine_new(config.get(), &state->raw, error); });
        if (!made)
            return made.error();
        return Engine(std::move(state));
    }

    /// Takes over an engine that was made with the functions of wasm.h, of the linked engine.
    static Engine adopt(wasm_engine_t *engine)
    {
        auto state = std::make_shared<detail::EngineState>();
        state->raw = engine;
        return Engine(std::move(state));
    }

    /// Takes over an engine that was made with the functions of an opened library.
    static Engine adopt(wasm_engine_t *engine, const EngineLibrary &library)
    {
        auto state = std::make_shared<detail::EngineState>();
        state->library = library.state_;
        state->raw = engine;
        return Engine(std::move(state));
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_create.
    explicit Engine(const EngineOptions &options = {}) : Engine(try_create(options).value()) {}
#endif

    /// Moves.
    Engine(Engine &&) noexcept = default;
    /// Moves.
    Engine &operator=(Engine &&) noexcept = default;
    ~Engine() = default;

    /// The engine of wasm.h, which stays this object's.
    wasm_engine_t *raw() const noexcept { return state_ ? state_->raw : nullptr; }

  private:
    friend class Store;
    explicit Engine(std::shared_ptr<const detail::EngineState> state) : state_(std::move(state)) {}

    std::shared_ptr<const detail::EngineState> state_;
};

/**
 * A store: where a namespace has its objects. Move-only.
 *
 * One thread at a time uses a store and its namespace. Namespaces keep their store alive, so that it may go first.
 */
class Store {
  public:
    /// Makes a store.
    static Result<Store> try_create(const Engine &engine)
    {
        if (!engine.raw())
            return Error(Code::invalid_argument, "the engine was moved from");
        auto state = std::make_shared<detail::StoreState>();
        state->engine = engine.state_;
        state->raw = state->api().wasm_store_new(engine.raw());
        if (!state->raw)
            return Error(Code::engine, "the engine refused to make a store");
        return Store(std::move(state));
    }

    /// A store of the linked engine that stays the caller's and outlives all that is made in it.
    static Store borrow(wasm_store_t *store) { return borrow(store, nullptr); }

    /// A store of an opened engine that stays the caller's and outlives all that is made in it.
    static Store borrow(wasm_store_t *store, const EngineLibrary &library) { return borrow(store, library.state_); }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_create.
    explicit Store(const Engine &engine) : Store(try_create(engine).value()) {}
#endif

    /// Moves.
    Store(Store &&) noexcept = default;
    /// Moves.
    Store &operator=(Store &&) noexcept = default;
    ~Store() = default;

    /// The store of wasm.h, which stays this object's.
    wasm_store_t *raw() const noexcept { return state_ ? state_->raw : nullptr; }

  private:
    friend class Namespace;
    explicit Store(std::shared_ptr<const detail::StoreState> state) : state_(std::move(state)) {}

    static Store borrow(wasm_store_t *store, std::shared_ptr<const detail::LibraryState> library)
    {
        auto engine = std::make_shared<detail::EngineState>();
        engine->library = std::move(library);
        auto state = std::make_shared<detail::StoreState>();
        state->engine = std::move(engine);
        state->raw = store;
        state->owned = false;
        return Store(std::move(state));
    }

    std::shared_ptr<const detail::StoreState> state_;
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif
