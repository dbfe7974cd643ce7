/*
 * C++: folders for guests that are none of the system.
 */
#include "check.hh"
#include "guest_libc.hh"
#include "zip.h"

static void in_memory()
{
    MemoryFolder folder;
    VALUE(folder.try_write("sub/file", "contents"));
    VALUE(folder.try_make("empty"));
    Guest guest(Wasi().folder(folder, "/data", Access::read_write));
    CHECK(guest.file("/data/sub/file") == "contents" && guest.puts("/data/new", "written"));
    CHECK(VALUE(folder.try_read("new")) == "written");
    CHECK(VALUE(folder.try_list()) == (std::vector<std::string>{"empty/", "new", "sub/file"}));
    VALUE(folder.try_remove("sub"));
    ERROR(folder.try_remove("."), Code::invalid_argument, {"."});
    CHECK(guest.file("/data/sub/file") == "(none)");
    ERROR(folder.try_read("sub/file"), Code::not_found, {"sub/file"});
    ERROR(folder.try_write(std::string("a\0b", 3), ""), Code::invalid_argument, {"NUL"});
    // A copy is the same folder, and it outlives both.
    MemoryFolder copy = folder;
    folder = MemoryFolder(8, 2);
    CHECK(VALUE(copy.try_read("new")) == "written");
    ERROR(folder.try_write("file", "too much"), Code::limit, {"file"});
    copy = folder;
    CHECK(guest.file("/data/new") == "written");
#ifndef WASMDYLD_NO_EXCEPTIONS
    folder.write("f", "1");
    CHECK(folder.read("f") == "1" && folder.list().size() == 1);
    folder.remove("f");
    folder.make("d");
    folder.clear();
    CHECK(folder.list().empty());
#endif
    ok("in memory");
}

static void read_only()
{
    MemoryFolder folder;
    VALUE(folder.try_write("file", "1"));
    Guest guest(Wasi().folder(folder, "/data", Access::read_only));
    CHECK(guest.file("/data/file") == "1" && !guest.puts("/data/file", "2"));
    ok("read only");
}

static void in_archives()
{
    auto zip = zip_of("file", reinterpret_cast<const std::uint8_t *>("1"), 1);
    Span<const std::uint8_t> bytes{zip.bytes, zip.size};
    Guest guest(Wasi().folder(VALUE(ArchiveFolder::try_from_bytes(bytes)), "/data", Access::read_write));
    CHECK(guest.file("/data/file") == "1" && !guest.puts("/data/file", "2"));
    ERROR(ArchiveFolder::try_from_bytes(bytes, 1), Code::limit, {"file"});
    ERROR(ArchiveFolder::try_from_bytes({}), Code::malformed, {"archive"});
    ERROR(ArchiveFolder::try_open("/nowhere/a.zip"), Code::not_found, {"a.zip"});
    ERROR(ArchiveFolder::try_open(std::string("a\0b", 3)), Code::invalid_argument, {"NUL"});
#ifndef WASMDYLD_NO_EXCEPTIONS
    bool threw = false;
    try {
        ArchiveFolder("/nowhere/a.zip");
    } catch (const Exception &exception) {
        threw = exception.error().code() == Code::not_found;
    }
    CHECK(threw);
#endif
    ok("in archives");
}

/* One file, whose functions do as they are told. */
struct OneFile : HostFiles {
    std::string text = "contents";
    bool throws = false;

    std::int32_t stat(const char *path, FileStat &stat) override
    {
        stat.kind = *path ? FileKind::file : FileKind::folder;
        stat.size = text.size();
        return !*path || path == std::string("file") ? 0 : ENOENT;
    }
    std::int32_t open(const char *, OpenFor how, std::uint64_t &file) override
    {
        if (how.create)
            return ENOSPC;
        if (how.truncate)
            text.clear();
        file = 1;
        return 0;
    }
    std::int64_t read(std::uint64_t, Span<std::uint8_t> buffer, std::uint64_t offset) override
    {
#ifndef WASMDYLD_NO_EXCEPTIONS
        if (throws)
            throw std::bad_alloc();
#endif
        if (offset >= text.size())
            return 0;
        std::size_t count = std::min(buffer.size(), text.size() - static_cast<std::size_t>(offset));
        std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(offset), count, buffer.begin());
        return static_cast<std::int64_t>(count);
    }
    std::int32_t entry(const char *, std::uint64_t number, std::string &name) override
    {
        name = number ? "" : "file";
        return 0;
    }
    std::int64_t write(std::uint64_t, Span<const std::uint8_t> bytes, std::uint64_t) override
    {
        text.append(bytes.begin(), bytes.end());
        return static_cast<std::int64_t>(bytes.size());
    }
};

static void host_files()
{
    auto files = std::make_shared<OneFile>();
    {
        Guest guest(Wasi().folder(VALUE(HostFolder::try_create(files)), "/data", Access::read_write));
        CHECK(files.use_count() == 2);
        CHECK(guest.file("/data/file") == "contents" && guest.file("/data/none") == "(none)");
        CHECK(guest.puts("/data/file", "anew") && files->text == "anew" && !guest.puts("/data/none", "x"));
        files->throws = true;
#ifndef WASMDYLD_NO_EXCEPTIONS
        CHECK(guest.file("/data/file").empty());
#endif
    }
    CHECK(files.use_count() == 1);
    ok("host files");
}

int main()
{
    in_memory();
    read_only();
    in_archives();
    host_files();
}
