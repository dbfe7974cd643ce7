/**
 * @file
 * Folders for guests that are none of the system. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_FOLDER_HH
#define WASMDYLD_FOLDER_HH

#include <cerrno>

#include <wasmdyld/memory.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

/// Whether a guest may change a folder.
enum class Access : std::uint32_t {
    read_only = WASM_DYLD_FOLDER_READ_ONLY,  ///< It may read.
    read_write = WASM_DYLD_FOLDER_READ_WRITE ///< It may write, make and delete, too.
};

/**
 * A folder for guests that is none of the system. Copies are the same folder; any number of Wasi values may have it, for namespaces on
 * several threads.
 */
class Folder {
  public:
    /// The folder of the C interface, which stays this object's.
    wasm_dyld_folder_t *raw() const noexcept { return raw_.get(); }

  protected:
    /// Takes a folder of the C interface over.
    explicit Folder(wasm_dyld_folder_t *raw) : raw_(raw, wasm_dyld_folder_delete) {}

  private:
    std::shared_ptr<wasm_dyld_folder_t> raw_;
};

/**
 * A folder in memory. Paths begin in it, without a slash.
 *
 * One thread at a time may use this object and its copies: what is read lies in the folder's handle until it is copied from there. Guests on
 * other threads may use the folder meanwhile.
 */
class MemoryFolder : public Folder {
  public:
    /// An empty folder, of at most `max_bytes` (0: 256 MiB) in files, names and links, and at most `max_nodes` files, links, folders and
    /// further names of files (0: 65,536).
    explicit MemoryFolder(std::uint64_t max_bytes = 0, std::uint64_t max_nodes = 0) : Folder(wasm_dyld_folder_new_memory(max_bytes, max_nodes))
    {
    }

    /// Puts a file there, with the folders on the way; one that is there gets these contents. What the host makes bears the time 0.
    Result<void> try_write(const std::string &path, std::string_view contents) const
    {
        const auto *bytes = reinterpret_cast<const std::uint8_t *>(contents.data());
        return at(path, [&](auto name, auto error) { return wasm_dyld_folder_write(raw(), name, bytes, contents.size(), error); });
    }

    /// Makes a folder, with those on the way.
    Result<void> try_make(const std::string &path) const
    {
        return at(path, [&](auto name, auto error) { return wasm_dyld_folder_make(raw(), name, error); });
    }

    /// Reads a file.
    Result<std::string> try_read(const std::string &path) const
    {
        const std::uint8_t *bytes = nullptr;
        std::size_t size = 0;
        auto read = at(path, [&](auto name, auto error) { return wasm_dyld_folder_read(raw(), name, &bytes, &size, error); });
        if (!read)
            return read.error();
        return std::string(reinterpret_cast<const char *>(bytes), size);
    }

    /// Removes a file, a link, or a folder with all that is in it.
    Result<void> try_remove(const std::string &path) const
    {
        return at(path, [&](auto name, auto error) { return wasm_dyld_folder_remove(raw(), name, error); });
    }

    /// Removes all that is in it.
    Result<void> try_clear() const
    {
        return detail::checked([&](auto error) { return wasm_dyld_folder_clear(raw(), error); });
    }

    /// The paths of all files and links, and of folders that are empty, each of these with a slash at its end. What lies deeper than a
    /// path of 4,095 bytes is left out.
    Result<std::vector<std::string>> try_list() const
    {
        const std::uint8_t *bytes = nullptr;
        std::size_t size = 0;
        auto listed = detail::checked([&](auto error) { return wasm_dyld_folder_list(raw(), &bytes, &size, error); });
        if (!listed)
            return listed.error();
        std::vector<std::string> paths;
        const char *next = reinterpret_cast<const char *>(bytes), *end = next + size;
        while (next != end) {
            paths.emplace_back(next);
            next += paths.back().size() + 1;
        }
        return paths;
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_write.
    void write(const std::string &path, std::string_view contents) const { try_write(path, contents).value(); }
    /// As try_make.
    void make(const std::string &path) const { try_make(path).value(); }
    /// As try_read.
    std::string read(const std::string &path) const { return try_read(path).value(); }
    /// As try_remove.
    void remove(const std::string &path) const { try_remove(path).value(); }
    /// As try_clear.
    void clear() const { try_clear().value(); }
    /// As try_list.
    std::vector<std::string> list() const { return try_list().value(); }
#endif

  private:
    template <class Call> static Result<void> at(const std::string &path, Call &&call)
    {
        auto fits = detail::no_nul(path, "path");
        return fits ? detail::checked([&](auto error) { return call(path.c_str(), error); }) : fits;
    }
};

/**
 * A folder that a zip archive is, for reading alone, whatever access a guest is given. Its directory is read at once, and of its files what
 * guests read, when they do.
 */
class ArchiveFolder : public Folder {
  public:
    /// An archive in a file, which stays open as long as anything has the folder, and has to stay as it is. `max_nodes` are the files, folders
    /// and links that it may have (0: 65,536). What is no archive, or one that leads readers astray, is Code::malformed.
    static Result<ArchiveFolder> try_open(const std::string &path, std::uint64_t max_nodes = 0)
    {
        auto fits = detail::no_nul(path, "path");
        if (!fits)
            return fits.error();
        return made([&](auto to, auto error) { return wasm_dyld_folder_new_archive(path.c_str(), max_nodes, to, error); });
    }

    /// An archive in memory, whose bytes are copied.
    static Result<ArchiveFolder> try_from_bytes(Span<const std::uint8_t> bytes, std::uint64_t max_nodes = 0)
    {
        return made([&](auto to, auto error) { return wasm_dyld_folder_new_archive_bytes(bytes.data(), bytes.size(), max_nodes, to, error); });
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_open.
    explicit ArchiveFolder(const std::string &path, std::uint64_t max_nodes = 0) : ArchiveFolder(try_open(path, max_nodes).value()) {}
#endif

  private:
    explicit ArchiveFolder(wasm_dyld_folder_t *raw) : Folder(raw) {}

    template <class Call> static Result<ArchiveFolder> made(Call &&call)
    {
        wasm_dyld_folder_t *raw = nullptr;
        auto opened = detail::checked([&](auto error) { return call(&raw, error); });
        if (!opened)
            return opened.error();
        return ArchiveFolder(raw);
    }
};

/// What something in a folder is.
enum class FileKind : std::uint32_t {
    file = WASM_DYLD_KIND_FILE,     ///< A file.
    folder = WASM_DYLD_KIND_FOLDER, ///< A folder.
    link = WASM_DYLD_KIND_LINK      ///< A symbolic link.
};

/// What a host says of something in a folder.
struct FileStat {
    FileKind kind = FileKind::file; ///< What it is.
    std::uint64_t size = 0;     ///< Bytes of a file or of a link's contents.
    std::uint64_t inode = 0;    ///< A number that nothing else in the folder has. 0: one that follows from the path.
    std::uint64_t accessed = 0; ///< In nanoseconds since 1970, as the others.
    std::uint64_t modified = 0; ///< When its contents were last changed.
    std::uint64_t changed = 0;  ///< When it itself was last changed.
};

/// What a file is opened for, beside to be read.
struct OpenFor {
    bool write;    ///< To write to it.
    bool create;   ///< It is not there and has to be made.
    bool truncate; ///< Nothing of what is in it stays.
};

/**
 * Files that the host has, for guests: a class to derive from. Functions return 0 or an errno of the host; those whose result is 64 bits wide
 * a number of bytes, or an errno, negated. What is not overridden is EROFS, as on a file system that is read only. An exception is the guest's EIO.
 *
 * A path begins in the folder, without a slash, has at most 4,095 bytes, and has no part that is "." or ".."; "" is the folder itself. They are called by the threads that run
 * guests with the folder. They may look at the namespace, though not at its memory; what changes it is Code::busy.
 */
class HostFiles {
  public:
    virtual ~HostFiles() = default;
    /// Tells what is at a path, of a link itself. ENOENT: nothing.
    virtual std::int32_t stat(const char *path, FileStat &stat) = 0;
    /// Opens a file; `file` is what names it in other calls until it is closed.
    virtual std::int32_t open(const char *path, OpenFor flags, std::uint64_t &file) = 0;
    /// Reads from `offset` on. 0: that is behind the end.
    virtual std::int64_t read(std::uint64_t file, Span<std::uint8_t> buffer, std::uint64_t offset) = 0;
    /// The name of entry `number` of a folder, from 0 on; empty: there are no more.
    virtual std::int32_t entry(const char *folder, std::uint64_t number, std::string &name) = 0;
    /// Closes a file: once for each that was opened.
    virtual void close(std::uint64_t) {}
    /// Writes at `offset`; what lies between the end and that becomes zeros.
    virtual std::int64_t write(std::uint64_t, Span<const std::uint8_t>, std::uint64_t) { return -EROFS; }
    /// Gives a file another size.
    virtual std::int32_t set_size(std::uint64_t, std::uint64_t) { return EROFS; }
    /// Has what was written lie where it stays.
    virtual std::int32_t sync(std::uint64_t) { return 0; }
    /// Makes a folder, where there is nothing.
    virtual std::int32_t create_folder(const char *) { return EROFS; }
    /// Removes a folder that has no entries.
    virtual std::int32_t remove_folder(const char *) { return EROFS; }
    /// Removes a file or a link.
    virtual std::int32_t remove_file(const char *) { return EROFS; }
    /// Gives something another path, in the stead of what is there.
    virtual std::int32_t rename(const char *, const char *) { return EROFS; }
    /// The contents of a link.
    virtual std::int32_t read_link(const char *, std::string &) { return EINVAL; }
    /// Makes a link with these contents, where there is nothing.
    virtual std::int32_t make_link(const char *, const char *) { return EROFS; }
    /// Sets when something was last read and changed, in nanoseconds since 1970. UINT64_MAX: it stays as it is.
    virtual std::int32_t set_times(const char *, std::uint64_t, std::uint64_t) { return EROFS; }
};

namespace detail {

/// HostFiles as C calls them.
struct HostFilesEnv {
    std::shared_ptr<HostFiles> host;

    template <class Call> static std::int32_t ask(void *env, Call &&call) noexcept
    {
        return guarded([&] { return std::int32_t{call(*static_cast<HostFilesEnv *>(env)->host)}; }, [] { return std::int32_t{EIO}; });
    }

    template <class Call> static std::int64_t count(void *env, Call &&call) noexcept
    {
        return guarded([&] { return std::int64_t{call(*static_cast<HostFilesEnv *>(env)->host)}; }, [] { return std::int64_t{-EIO}; });
    }

    /// A text that was asked for, where there is room for it.
    static std::int64_t copied(std::int32_t failed, const std::string &text, char *to, std::size_t size)
    {
        if (failed || text.size() > size)
            return failed ? -std::int64_t{failed} : -std::int64_t{EIO};
        text.copy(to, text.size());
        return static_cast<std::int64_t>(text.size());
    }

    static wasm_dyld_folder_callbacks_t callbacks()
    {
        wasm_dyld_folder_callbacks_t given{};
        given.size = sizeof given;
        given.stat = [](void *env, const char *path, wasm_dyld_file_stat_t *to) {
            return ask(env, [&](HostFiles &files) {
                FileStat stat;
                std::int32_t failed = files.stat(path, stat);
                *to = {static_cast<std::uint32_t>(stat.kind), stat.size, stat.inode, stat.accessed, stat.modified, stat.changed};
                return failed;
            });
        };
        given.open = [](void *env, const char *path, std::uint32_t flags, std::uint64_t *file) {
            OpenFor how{(flags & WASM_DYLD_OPEN_WRITE) != 0, (flags & WASM_DYLD_OPEN_CREATE) != 0, (flags & WASM_DYLD_OPEN_TRUNCATE) != 0};
            return ask(env, [&](HostFiles &files) { return files.open(path, how, *file); });
        };
        given.read = [](void *env, std::uint64_t file, std::uint8_t *buffer, std::size_t size, std::uint64_t offset) {
            return count(env, [&](HostFiles &files) { return files.read(file, {buffer, size}, offset); });
        };
        given.entry = [](void *env, const char *folder, std::uint64_t number, char *name, std::size_t size) {
            return count(env, [&](HostFiles &files) {
                std::string found;
                return copied(files.entry(folder, number, found), found, name, size);
            });
        };
        given.close = [](void *env, std::uint64_t file) {
            ask(env, [&](HostFiles &files) { return files.close(file), 0; });
        };
        given.write = [](void *env, std::uint64_t file, const std::uint8_t *bytes, std::size_t size, std::uint64_t offset) {
            return count(env, [&](HostFiles &files) { return files.write(file, {bytes, size}, offset); });
        };
        given.set_size = [](void *env, std::uint64_t file, std::uint64_t size) {
            return ask(env, [&](HostFiles &files) { return files.set_size(file, size); });
        };
        given.sync = [](void *env, std::uint64_t file) {
            return ask(env, [&](HostFiles &files) { return files.sync(file); });
        };
        given.create_folder = [](void *env, const char *path) {
            return ask(env, [&](HostFiles &files) { return files.create_folder(path); });
        };
        given.remove_folder = [](void *env, const char *path) {
            return ask(env, [&](HostFiles &files) { return files.remove_folder(path); });
        };
        given.remove_file = [](void *env, const char *path) {
            return ask(env, [&](HostFiles &files) { return files.remove_file(path); });
        };
        given.rename = [](void *env, const char *path, const char *to) {
            return ask(env, [&](HostFiles &files) { return files.rename(path, to); });
        };
        given.read_link = [](void *env, const char *path, char *contents, std::size_t size) {
            return count(env, [&](HostFiles &files) {
                std::string found;
                return copied(files.read_link(path, found), found, contents, size);
            });
        };
        given.make_link = [](void *env, const char *contents, const char *path) {
            return ask(env, [&](HostFiles &files) { return files.make_link(contents, path); });
        };
        given.set_times = [](void *env, const char *path, std::uint64_t accessed, std::uint64_t modified) {
            return ask(env, [&](HostFiles &files) { return files.set_times(path, accessed, modified); });
        };
        return given;
    }
};

} // namespace detail

/**
 * A folder whose files the host has.
 */
class HostFolder : public Folder {
  public:
    /// The folder keeps `files` as long as anything has it.
    static Result<HostFolder> try_create(std::shared_ptr<HostFiles> files)
    {
        wasm_dyld_folder_t *raw = nullptr;
        const auto callbacks = detail::HostFilesEnv::callbacks();
        // The environment is given up by C in any case.
        auto *env = new detail::HostFilesEnv{std::move(files)};
        auto made = detail::checked([&](auto error) {
            return wasm_dyld_folder_new_callbacks(&callbacks, env, detail::finalize<detail::HostFilesEnv>, &raw, error);
        });
        if (!made)
            return made.error();
        return HostFolder(raw);
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_create.
    explicit HostFolder(std::shared_ptr<HostFiles> files) : HostFolder(try_create(std::move(files)).value()) {}
#endif

  private:
    explicit HostFolder(wasm_dyld_folder_t *raw) : Folder(raw) {}
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif
