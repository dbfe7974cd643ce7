/**
 * @file
 * One module of a program and its libraries. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_LINK_HH
#define WASMDYLD_LINK_HH

#include <wasmdyld/config.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

/// How one module is made.
struct LinkOptions {
    std::vector<std::string> exports; ///< Symbols that the module exports, beside its entry, its memory and, of a library, its own symbols.
    std::vector<std::string> keep;    ///< Symbols that are kept whether anything reaches them or not, and are not exported.
    std::vector<std::string> imports; ///< What stays imported, as "MODULE" or "MODULE.NAME", beside WASI.
    bool gc = true;                   ///< What nothing reaches is left out.
    bool names = true;                ///< Functions have their names, as "libc.so!malloc".
    bool debug = false;               ///< The debug information of the objects (DWARF) is kept. It excludes a snapshot.
    bool no_dlopen = false;           ///< dlopen and its like are there and fail; otherwise a program that calls them is an error.
    bool library = false;             ///< It is to be a library: a program is an error.
    bool dynamic = false;             ///< A namespace that loads it knows its objects, and opens more libraries beside them.

    /// The program is run first, and the module begins with the memory that it has then: "" until everything is constructed, "ready" until main calls
    /// wasmdyld_snapshot of <wasmdyld/snapshot.h>, else until this function, called after the constructors, has returned.
    std::optional<std::string> snapshot;
    Wasi wasi;                                       ///< What the program sees until the snapshot.
    std::optional<std::chrono::nanoseconds> timeout; ///< How long that may take.
    std::uint64_t budget = 0;                        ///< Its budget in units, as of NamespaceRef::try_set_budget; 0: no bound.

    bool component = false; ///< A component of WASI 0.2 is made: Code::unsupported where the library makes none.
    std::string wit;        ///< What it imports and exports beside WASI: the path of a WIT file, or of the folder of a package.
    std::string world;      ///< One of its worlds, if there are several.
};

/// A module in which nothing is left to link.
struct Linked {
    std::vector<std::uint8_t> module;  ///< Its bytes.
    std::string map;                   ///< JSON: where each object's data, slots and functions are.
    std::vector<std::string> warnings; ///< What is lost or unwise, for people.
};

namespace detail {

/// A vector of an engine's bytes, deleted with it.
struct ByteVec {
    wasm_byte_vec_t raw = {};
    ByteVec() = default;
    ByteVec(const ByteVec &) = delete;
    ByteVec &operator=(const ByteVec &) = delete;
    ~ByteVec() { wasm_byte_vec_delete(&raw); }
};

/// Strings as C takes them, which live as long as the strings.
inline Result<std::vector<const char *>> c_strings(const std::vector<std::string> &all, const char *what)
{
    std::vector<const char *> raw;
    raw.reserve(all.size());
    for (const std::string &text : all) {
        if (auto fits = no_nul(text, what); !fits)
            return fits.error();
        raw.push_back(text.c_str());
    }
    return raw;
}

inline void keep_warning(void *env, const char *text) noexcept
{
    guarded([&] { static_cast<std::vector<std::string> *>(env)->emplace_back(text); }, [] {});
}

} // namespace detail

/**
 * Makes modules of programs and all that they need: any engine runs them, without this library. `wasmdyld link` does the same. Libraries are
 * found, and symbols bound, as a Namespace of the same Config would do it, with the same errors; no store is needed, and guest code runs for a
 * snapshot alone.
 *
 *     wasmdyld::Linked whole = wasmdyld::Linker(wasmdyld::Config().library_path("libs")).link("./program.wasm");
 */
class Linker {
  public:
    /// Links by a configuration.
    explicit Linker(Config config = {}) : config_(std::move(config)) {}

    /// Links a program or library: a name without a slash is searched, one with a slash is a path.
    Result<Linked> try_link(const std::string &file, const LinkOptions &options = {}) const { return make(file, {}, options); }

    /// Links one by its bytes; `name` is what it is called.
    Result<Linked> try_link(const std::string &name, Span<const std::uint8_t> bytes, const LinkOptions &options = {}) const
    {
        // No module has no bytes, and NULL would be a file.
        static const std::uint8_t none = 0;
        return make(name, bytes.size() ? bytes : Span<const std::uint8_t>(&none, 0), options);
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_link.
    Linked link(const std::string &file, const LinkOptions &options = {}) const { return try_link(file, options).value(); }
    /// As try_link.
    Linked link(const std::string &name, Span<const std::uint8_t> bytes, const LinkOptions &options = {}) const
    {
        return try_link(name, bytes, options).value();
    }
#endif

  private:
    Result<Linked> make(const std::string &file, Span<const std::uint8_t> bytes, const LinkOptions &options) const
    {
        // Callbacks of the configuration leave in it what they have failed with.
        auto state = std::make_shared<detail::State>();
        detail::join(state, std::make_shared<detail::Family>());
        std::unique_ptr<wasm_dyld_config_t, decltype(&wasm_dyld_config_delete)> config(wasm_dyld_config_new(), wasm_dyld_config_delete);
        for (const auto &step : config_.steps_)
            if (auto done = step(config.get(), state); !done)
                return done.error();
        if (auto fits = detail::no_nul(file, "file"); !fits)
            return fits.error();
        auto exports = detail::c_strings(options.exports, "export");
        auto keep = detail::c_strings(options.keep, "symbol to keep");
        auto imports = detail::c_strings(options.imports, "import");
        for (const auto *list : {&exports, &keep, &imports})
            if (!*list)
                return list->error();
        for (const auto *text : {&options.wit, &options.world})
            if (auto fits = detail::no_nul(*text, "WIT or world"); !fits)
                return fits.error();
        auto wasi = options.wasi.handle();
        if (!wasi)
            return wasi.error();

        Linked linked;
        wasm_dyld_link_options_t raw = {};
        raw.size = sizeof raw;
        raw.file = file.c_str();
        raw.bytes = bytes.data();
        raw.bytes_size = bytes.size();
        raw.exports = exports->data();
        raw.export_count = exports->size();
        raw.keep = keep->data();
        raw.keep_count = keep->size();
        raw.imports = imports->data();
        raw.import_count = imports->size();
        raw.flags = (options.gc ? 0u : std::uint32_t{WASM_DYLD_LINK_NO_GC}) | (options.names ? 0u : std::uint32_t{WASM_DYLD_LINK_STRIP}) |
                    (options.no_dlopen ? std::uint32_t{WASM_DYLD_LINK_NO_DLOPEN} : 0u) |
                    (options.library ? std::uint32_t{WASM_DYLD_LINK_LIBRARY} : 0u) |
                    (options.dynamic ? std::uint32_t{WASM_DYLD_LINK_DYNAMIC} : 0u) |
                    (options.component ? std::uint32_t{WASM_DYLD_LINK_COMPONENT} : 0u) |
                    (options.debug ? std::uint32_t{WASM_DYLD_LINK_DEBUG} : 0u);
        if (options.snapshot) {
            if (auto fits = detail::no_nul(*options.snapshot, "snapshot"); !fits)
                return fits.error();
            raw.snapshot = options.snapshot->c_str();
            raw.wasi = wasi->get();
        }
        raw.timeout = detail::nanoseconds(options.timeout);
        raw.budget = options.budget;
        raw.wit = options.wit.empty() ? nullptr : options.wit.c_str();
        raw.world = options.world.empty() ? nullptr : options.world.c_str();
        raw.warning = detail::keep_warning;
        raw.env = &linked.warnings;
        detail::ByteVec module, map;
        auto made = detail::checked([&](auto error) { return wasm_dyld_link(config.get(), &raw, &module.raw, &map.raw, error); });
        if (!made)
            return detail::with_failure(*state, made.error());
        const auto *first = reinterpret_cast<const std::uint8_t *>(module.raw.data);
        linked.module.assign(first, first + module.raw.size);
        linked.map.assign(map.raw.data, map.raw.size);
        return linked;
    }

    Config config_;
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif
