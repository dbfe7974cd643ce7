/**
 * @file
 * What a namespace is made with, and what guests get of WASI. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_CONFIG_HH
#define WASMDYLD_CONFIG_HH

#include <cerrno>
#include <chrono>

#include <wasmdyld/clocks.hh>
#include <wasmdyld/folder.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

/// When undefined functions are an error. Undefined data always are at once.
enum class Bind : std::uint32_t {
    now = WASM_DYLD_BIND_NOW,  ///< When the object is loaded.
    lazy = WASM_DYLD_BIND_LAZY ///< When they are called.
};

/// How calls reach functions of other objects.
enum class Plt : std::uint32_t {
    automatic = WASM_DYLD_PLT_AUTO, ///< Directly where possible, through generated stubs elsewhere.
    wasm = WASM_DYLD_PLT_WASM,      ///< Always through generated stubs.
    host = WASM_DYLD_PLT_HOST       ///< Always through host functions: slow, but every call passes the host.
};

/// How far RUNTIME_PATH entries, which come from the modules themselves, are followed.
enum class RuntimePath : std::uint32_t {
    off = WASM_DYLD_RUNTIME_PATH_OFF,       ///< Not at all.
    origin = WASM_DYLD_RUNTIME_PATH_ORIGIN, ///< Within the folder of the object that holds them.
    any = WASM_DYLD_RUNTIME_PATH_ANY        ///< Anywhere. Only for modules that you trust.
};

/// Bounds that a host can set.
enum class Limit : std::uint32_t {
    memory_pages = WASM_DYLD_LIMIT_MEMORY_PAGES, ///< Pages of 64 KiB in the memory.
    table_slots = WASM_DYLD_LIMIT_TABLE_SLOTS,   ///< Slots in the table.
    objects = WASM_DYLD_LIMIT_OBJECTS,           ///< Objects in the namespace.
    nesting = WASM_DYLD_LIMIT_NESTING,           ///< Calls from guest to host to guest, one inside the other.
    host_memory = WASM_DYLD_LIMIT_HOST_MEMORY    ///< Bytes of the host's memory that the linker uses for the objects.
};

/// A library that an open callback gives.
struct Opened {
    std::vector<std::uint8_t> bytes; ///< The module.
    std::string identity;            ///< The same for the same library under any name. Empty: the name.
};

/// Answers a search for a library: gives it, or std::nullopt to let the search go on in the library paths, or an error, which fails the
/// load. It gets the name, and the object that needs it, empty if the host asked. An exception is an error, too. It may look at the
/// namespace; what changes that is Code::busy.
using OpenCallback = std::function<Result<std::optional<Opened>>(std::string_view name, std::string_view needed_by)>;

/// Gets debug output: the category's name, and a text. Both are good for the call only. It may look at the namespace; what changes that
/// is Code::busy. What it throws is dropped.
using TraceCallback = std::function<void(std::string_view category, std::string_view text)>;

/// Tells whether the guest is to stop. It may look at the namespace, though not at its memory; what changes that is Code::busy. What it
/// throws stops the guest, too, and is the cause of the error.
using WatcherCallback = std::function<bool()>;

namespace detail {

struct OpenEnv {
    OpenCallback callback;
    std::shared_ptr<Family> family;
    Opened last; // what was given last; the linker copies it once the callback has returned

    static std::int32_t call(void *env, const char *name, const char *needed_by, const std::uint8_t **bytes, std::size_t *size,
                             const std::uint8_t **identity, std::size_t *identity_size) noexcept
    {
        OpenEnv &self = *static_cast<OpenEnv *>(env);
        auto ask = [&] {
            auto answer = self.callback(name, needed_by ? needed_by : "");
            if (!answer)
                return self.refuse({{}, answer.error().message(), answer.error().cause()});
            if (!*answer)
                return std::int32_t{1};
            self.last = std::move(**answer);
            *bytes = self.last.bytes.data();
            *size = self.last.bytes.size();
            if (!self.last.identity.empty()) {
                *identity = reinterpret_cast<const std::uint8_t *>(self.last.identity.data());
                *identity_size = self.last.identity.size();
            }
            return std::int32_t{0};
        };
        return guarded(ask, [&] { return self.refuse({{}, current_text(), std::current_exception()}); });
    }

    /// A number that the linker's message repeats, so that what was wrong can be added to it.
    std::int32_t refuse(Failure failure)
    {
        std::int32_t number = -1 - static_cast<std::int32_t>(family->failures++ % 1000000);
        failure.sign = "failed with " + std::to_string(number);
        family->fail(failure);
        return number;
    }
};

struct WatcherEnv {
    WatcherCallback callback;
    std::shared_ptr<Family> family;

    static bool call(void *env) noexcept
    {
        WatcherEnv &self = *static_cast<WatcherEnv *>(env);
        return guarded([&] { return self.callback(); }, [&] { return self.refuse(); });
    }

    bool refuse()
    {
        family->fail(Failure{"interrupted", current_text(), std::current_exception()});
        return true;
    }
};

struct TraceEnv {
    TraceCallback callback;

    static void call(void *env, const char *category, const char *text) noexcept
    {
        guarded([&] { static_cast<TraceEnv *>(env)->callback(category, text); }, [] {});
    }
};

} // namespace detail

/**
 * What a namespace is made with: a value that can be copied, kept, and used for many namespaces. Setters give the configuration itself, so
 * that they can be chained; what is wrong with a value is the error of making the namespace.
 *
 * Several threads may make namespaces with one configuration, if the callbacks bear it.
 */
class Config {
  public:
    /// Adds a folder to search for libraries, after those added before.
    Config &library_path(const std::string &folder) { return text(folder, "library path", wasm_dyld_config_add_library_path); }

    /// Adds a folder that is searched last, after the library paths and RUNTIME_PATH: where libc.so is, for instance.
    Config &default_path(const std::string &folder) { return text(folder, "default path", wasm_dyld_config_add_default_path); }

    /// Adds a library that is loaded with the first object and whose symbols come before those of other libraries.
    Config &preload(const std::string &name) { return text(name, "library name", wasm_dyld_config_add_preload); }

    /// The bytes of stack that a position-independent program, or libraries without a program, get: 1 MiB by default.
    Config &stack_size(std::uint64_t bytes)
    {
        return add([=](auto config, auto error) { return wasm_dyld_config_set_stack_size(config, bytes, error); });
    }

    /// When undefined functions are an error, for loads whose flags do not say.
    Config &bind(Bind bind)
    {
        return add([=](auto config, auto error) { return wasm_dyld_config_set_bind(config, static_cast<wasm_dyld_bind_t>(bind), error); });
    }

    /// How calls reach functions of other objects.
    Config &plt(Plt plt)
    {
        return add([=](auto config, auto error) { return wasm_dyld_config_set_plt(config, static_cast<wasm_dyld_plt_t>(plt), error); });
    }

    /// How far RUNTIME_PATH entries of modules are followed.
    Config &runtime_path(RuntimePath mode)
    {
        return add([=](auto config, auto error) {
            return wasm_dyld_config_set_runtime_path(config, static_cast<wasm_dyld_runtime_path_t>(mode), error);
        });
    }

    /// Sets one of the limits.
    Config &limit(Limit limit, std::uint64_t value)
    {
        return add([=](auto config, auto error) {
            return wasm_dyld_config_set_limit(config, static_cast<wasm_dyld_limit_t>(limit), value, error);
        });
    }

    /// Whether guests can be stopped. They cannot by default, which costs nothing; otherwise they check again and again whether they are to
    /// stop: by the engine's own means, if it was made with EngineOptions::control, else by what the linker puts into their modules.
    Config &control(Control control)
    {
        return add([=](auto config, auto error) {
            return wasm_dyld_config_set_control(config, static_cast<wasm_dyld_control_t>(control), error);
        });
    }

    /// Whether guests may open libraries themselves (dlopen). They may by default.
    Config &guest_dlopen(bool allowed)
    {
        return guest(WASM_DYLD_GUEST_NO_DLOPEN, !allowed);
    }

    /// Whether guests see the names of the host's folders in texts. They do not by default.
    Config &guest_paths(bool shown)
    {
        return guest(WASM_DYLD_GUEST_SEES_PATHS, shown);
    }

    /// Whether the first load of the namespace may use, and keep, what an earlier one came to (wasm_dyld_config_set_launch). It may by
    /// default.
    Config &launch_closure(bool used)
    {
        const std::uint32_t flags = used ? 0u : static_cast<std::uint32_t>(WASM_DYLD_LAUNCH_NO_CLOSURE);
        return add([=](auto config, auto error) { return wasm_dyld_config_set_launch(config, flags, error); });
    }

    /// Whether snapshots can be taken of the namespace and restored into it (wasm_dyld_config_set_snapshots). They cannot by default.
    Config &snapshots(bool taken)
    {
        return add([=](auto config, auto error) { return wasm_dyld_config_set_snapshots(config, taken, error); });
    }

    /// Asks a callback for every library before the library paths are searched, and for what guests open by a path. Each namespace has a
    /// copy of it, which goes with the namespace.
    Config &open(OpenCallback callback)
    {
        steps_.push_back([callback = std::move(callback)](wasm_dyld_config_t *config, const detail::Shared &state) {
            auto env = std::make_unique<detail::OpenEnv>();
            env->callback = callback;
            env->family = state->family;
            return detail::give(std::move(env), [&](void *raw, auto finalizer, auto error) {
                return wasm_dyld_config_set_open(config, callback ? detail::OpenEnv::call : nullptr, raw, finalizer, error);
            });
        });
        return *this;
    }

    /// Sends debug output of some categories ("libs,bindings", "all") to standard error.
    Config &trace(const std::string &categories) { return trace(categories, nullptr); }

    /// Sends debug output of some categories to a callback.
    Config &trace(const std::string &categories, TraceCallback callback)
    {
        steps_.push_back([categories, callback = std::move(callback)](wasm_dyld_config_t *config, const detail::Shared &) {
            if (auto fits = detail::no_nul(categories, "list of categories"); !fits)
                return fits;
            if (!callback)
                return detail::checked(
                    [&](auto error) { return wasm_dyld_config_set_trace(config, categories.c_str(), nullptr, nullptr, nullptr, error); });
            auto env = std::make_unique<detail::TraceEnv>();
            env->callback = callback;
            return detail::give(std::move(env), [&](void *raw, auto finalizer, auto error) {
                return wasm_dyld_config_set_trace(config, categories.c_str(), detail::TraceEnv::call, raw, finalizer, error);
            });
        });
        return *this;
    }

    /// Takes over what the environment says when the namespace is made: WASMDYLD_LIBRARY_PATH, WASMDYLD_PRELOAD, WASMDYLD_BIND_NOW and
    /// WASMDYLD_DEBUG. Nothing of it is read otherwise.
    Config &read_env() { return add(wasm_dyld_config_read_env); }

  private:
    friend class Namespace;
    friend class Linker;
    using Step = std::function<Result<void>(wasm_dyld_config_t *, const detail::Shared &)>;

    template <class Set> Config &add(Set set)
    {
        steps_.push_back([set](wasm_dyld_config_t *config, const detail::Shared &) {
            return detail::checked([&](auto error) { return set(config, error); });
        });
        return *this;
    }

    template <class Set> Config &text(const std::string &text, const char *what, Set set)
    {
        steps_.push_back([=](wasm_dyld_config_t *config, const detail::Shared &) {
            auto fits = detail::no_nul(text, what);
            return fits ? detail::checked([&](auto error) { return set(config, text.c_str(), error); }) : fits;
        });
        return *this;
    }

    Config &guest(std::uint32_t flag, bool set)
    {
        guest_ = set ? guest_ | flag : guest_ & ~flag;
        return add([flags = guest_](auto config, auto error) { return wasm_dyld_config_set_guest(config, flags, error); });
    }

    std::vector<Step> steps_;
    std::uint32_t guest_ = 0;
};

/**
 * A buffer that collects what guests write. Copies are the same buffer. It is of the thread of the namespaces that write to it.
 */
class Output {
  public:
    /// A buffer that keeps at most `limit` bytes at a time; a guest that writes more gets an error. 0: no limit.
    explicit Output(std::size_t limit = 0) : raw_(wasm_dyld_output_new(limit), wasm_dyld_output_delete) {}

    /// Takes out what has been written since the last time.
    Result<std::string> try_take()
    {
        const std::uint8_t *bytes = nullptr;
        std::size_t size = 0;
        auto took = detail::checked([&](auto error) { return wasm_dyld_output_take(raw_.get(), &bytes, &size, error); });
        if (!took)
            return took.error();
        return std::string(reinterpret_cast<const char *>(bytes), size);
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_take.
    std::string take() { return try_take().value(); }
#endif

    /// The buffer of the C interface, which stays this object's.
    wasm_dyld_output_t *raw() const noexcept { return raw_.get(); }

  private:
    std::shared_ptr<wasm_dyld_output_t> raw_;
};

/// Gives a guest input: fills the buffer and returns how many bytes; 0 is the end, a negative number an errno of the host, negated. It
/// may look at the namespace, though not at its memory; what changes that is Code::busy. What it throws is EIO.
using ReadCallback = std::function<std::int64_t(Span<std::uint8_t> buffer)>;

/// Takes what a guest writes: all of it, returning 0, or none, returning an errno of the host. It may look at the namespace, though not
/// at its memory; what changes that is Code::busy. What it throws is EIO.
using WriteCallback = std::function<std::int32_t(Span<const std::uint8_t> bytes)>;

namespace detail {

inline std::int64_t read_for_guest(void *env, std::uint8_t *buffer, std::size_t size) noexcept
{
    auto read = [&] { return (*static_cast<ReadCallback *>(env))({buffer, size}); };
    return guarded(read, [] { return std::int64_t{-EIO}; });
}

inline std::int32_t write_for_guest(void *env, const std::uint8_t *bytes, std::size_t size) noexcept
{
    auto write = [&] { return (*static_cast<WriteCallback *>(env))({bytes, size}); };
    return guarded(write, [] { return std::int32_t{EIO}; });
}

/// As C counts, where 0 is no bound.
inline std::uint64_t nanoseconds(std::optional<std::chrono::nanoseconds> timeout)
{
    return timeout ? static_cast<std::uint64_t>(std::max<std::int64_t>(timeout->count(), 1)) : 0;
}

} // namespace detail

/**
 * What guests get of WASI preview1; by default nothing: no arguments, an empty environment, no folders, empty input, output to nowhere. A
 * value as Config is: what is wrong in it is the error of NamespaceRef::try_set_wasi.
 */
class Wasi {
  public:
    /// Adds an argument. The first one is the program's name.
    Wasi &arg(const std::string &arg) { return text(arg, "argument", wasm_dyld_wasi_add_arg); }

    /// Adds arguments.
    template <class Strings> Wasi &args(const Strings &args)
    {
        for (const auto &one : args)
            arg(one);
        return *this;
    }

    /// Adds an environment variable.
    Wasi &env(const std::string &name, const std::string &value)
    {
        steps_.push_back([=](wasm_dyld_wasi_t *wasi) {
            for (const std::string *text : {&name, &value})
                if (auto fits = detail::no_nul(*text, "environment variable"); !fits)
                    return fits;
            return detail::checked([&](auto error) { return wasm_dyld_wasi_add_env(wasi, name.c_str(), value.c_str(), error); });
        });
        return *this;
    }

    /// Gives the guest the process's own environment; variables added win.
    Wasi &inherit_env() { return add(wasm_dyld_wasi_inherit_env); }

    /// Gives the guest the process's own standard input, output and error.
    Wasi &inherit_stdio() { return add(wasm_dyld_wasi_inherit_stdio); }

    /// Makes standard input these bytes.
    Wasi &input_bytes(std::string bytes)
    {
        return add([bytes = std::move(bytes)](auto wasi, auto error) {
            return wasm_dyld_wasi_set_stdin_bytes(wasi, reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size(), error);
        });
    }

    /// Takes standard input from a callback.
    Wasi &input(ReadCallback callback) { return stream(std::move(callback), detail::read_for_guest, wasm_dyld_wasi_set_stdin); }

    /// Sends standard output to a callback.
    Wasi &output(WriteCallback callback) { return stream(std::move(callback), detail::write_for_guest, wasm_dyld_wasi_set_stdout); }

    /// Sends standard error to a callback.
    Wasi &errors(WriteCallback callback) { return stream(std::move(callback), detail::write_for_guest, wasm_dyld_wasi_set_stderr); }

    /// Collects standard output in a buffer. One buffer may serve both.
    Wasi &output(const Output &output)
    {
        return add([output](auto wasi, auto error) { return wasm_dyld_wasi_set_stdout_buffer(wasi, output.raw(), error); });
    }

    /// Collects standard error in a buffer.
    Wasi &errors(const Output &output)
    {
        return add([output](auto wasi, auto error) { return wasm_dyld_wasi_set_stderr_buffer(wasi, output.raw(), error); });
    }

    /// Lets guests use a folder of the host under the same name.
    Wasi &folder(const std::string &host, Access access) { return folder(host, host, access); }

    /// Lets guests use a folder of the host as `guest`. They reach nothing outside of it.
    Wasi &folder(const std::string &host, const std::string &guest, Access access)
    {
        steps_.push_back([=](wasm_dyld_wasi_t *wasi) {
            for (const std::string *text : {&host, &guest})
                if (auto fits = detail::no_nul(*text, "folder"); !fits)
                    return fits;
            return detail::checked([&](auto error) {
                return wasm_dyld_wasi_add_folder(wasi, host.c_str(), guest.c_str(), static_cast<std::uint32_t>(access), error);
            });
        });
        return *this;
    }

    /// Lets guests use a folder that is none of the system, as `guest`. Libraries in it are found by guests that open them by a path.
    Wasi &folder(const Folder &folder, const std::string &guest, Access access)
    {
        steps_.push_back([=](wasm_dyld_wasi_t *wasi) {
            auto fits = detail::no_nul(guest, "folder");
            if (!fits)
                return fits;
            return detail::checked([&](auto error) {
                return wasm_dyld_wasi_add_virtual_folder(wasi, folder.raw(), guest.c_str(), static_cast<std::uint32_t>(access), error);
            });
        });
        return *this;
    }

    /// How many files and folders guests may have open at a time, beside those that they are given. Without it 256, or half of what
    /// the process may open if that is less.
    Wasi &max_files(std::uint32_t limit)
    {
        steps_.push_back([=](wasm_dyld_wasi_t *wasi) {
            return detail::checked([&](auto error) { return wasm_dyld_wasi_set_max_files(wasi, limit, error); });
        });
        return *this;
    }

    /// Lets guests accept connections on a TCP socket of the host's that listens, by its descriptor, which stays the caller's and is needed
    /// until the namespace is given this. Guests find their sockets by number, after the folders: the first is 3 where there is none.
    Wasi &listener(int descriptor)
    {
        return add([=](auto wasi, auto error) { return wasm_dyld_wasi_add_listener(wasi, descriptor, error); });
    }

    /// Makes what guests see the same in every run: random numbers come from `seed`, and clocks stand still but for sleeps, which pass
    /// at once.
    Wasi &deterministic(std::uint64_t seed)
    {
        return add([=](auto wasi, auto error) { return wasm_dyld_wasi_set_deterministic(wasi, seed, error); });
    }

    /// Has the guests' clocks show what the host says. Of clocks, guests get those that were asked for last, and of random numbers as well.
    Wasi &clocks(HostClocks clocks)
    {
        steps_.push_back([clocks = std::move(clocks)](wasm_dyld_wasi_t *wasi) {
            const auto callbacks = detail::HostClocksEnv::callbacks(clocks);
            auto env = std::make_unique<detail::HostClocksEnv>(detail::HostClocksEnv{clocks});
            return detail::give(std::move(env), [&](void *raw, auto finalizer, auto error) {
                return wasm_dyld_wasi_set_clocks(wasi, &callbacks, raw, finalizer, error);
            });
        });
        return *this;
    }

    /// Has time pass faster or slower for guests: `guest` nanoseconds in `host` of the system's, from 1/1,000,000 to 1,000,000 times as fast.
    Wasi &clock_scale(std::uint32_t guest, std::uint32_t host = 1)
    {
        return add([=](auto wasi, auto error) { return wasm_dyld_wasi_set_clock_scale(wasi, guest, host, error); });
    }

    /// Takes random numbers from a callback.
    Wasi &random(RandomCallback callback) { return stream(std::move(callback), detail::random_for_guest, wasm_dyld_wasi_set_random); }

    /// Makes random numbers alone the same in every run: they come from `seed`, and are no secret then.
    Wasi &random_seed(std::uint64_t seed)
    {
        return add([=](auto wasi, auto error) { return wasm_dyld_wasi_set_random_seed(wasi, seed, error); });
    }

  private:
    friend class Linker;
    friend class NamespaceRef;
    using Step = std::function<Result<void>(wasm_dyld_wasi_t *)>;

    using Handle = std::unique_ptr<wasm_dyld_wasi_t, decltype(&wasm_dyld_wasi_delete)>;

    Result<Handle> handle() const
    {
        Handle raw(wasm_dyld_wasi_new(), wasm_dyld_wasi_delete);
        for (const auto &step : steps_)
            if (auto done = step(raw.get()); !done)
                return done.error();
        return raw;
    }

    template <class Set> Wasi &add(Set set)
    {
        steps_.push_back([set = std::move(set)](wasm_dyld_wasi_t *wasi) {
            return detail::checked([&](auto error) { return set(wasi, error); });
        });
        return *this;
    }

    template <class Set> Wasi &text(const std::string &text, const char *what, Set set)
    {
        steps_.push_back([=](wasm_dyld_wasi_t *wasi) {
            auto fits = detail::no_nul(text, what);
            return fits ? detail::checked([&](auto error) { return set(wasi, text.c_str(), error); }) : fits;
        });
        return *this;
    }

    template <class Callback, class Raw, class Set> Wasi &stream(Callback callback, Raw raw, Set set)
    {
        steps_.push_back([callback = std::move(callback), raw, set](wasm_dyld_wasi_t *wasi) {
            return detail::give(std::make_unique<Callback>(callback), [&](void *env, auto finalizer, auto error) {
                return set(wasi, callback ? raw : nullptr, env, finalizer, error);
            });
        });
        return *this;
    }

    std::vector<Step> steps_;
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif
