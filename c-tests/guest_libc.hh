/*
 * C++: a guest that is libc alone: what tests of WASI call.
 */
#ifndef GUEST_LIBC_HH
#define GUEST_LIBC_HH

#include "check.hh"

/* libc in a namespace of its own, and its functions. */
struct Guest {
    Namespace in;
    Library libc;

    explicit Guest(const Wasi &wasi) : in(make_guest_namespace({}, wasi)), libc(VALUE(in.try_load("libc.so"))) {}

    template <class Sig> Function<Sig> function(const char *name) const { return VALUE(libc.try_function<Sig>(name)); }

    int write(int file, std::string_view text) const
    {
        GuestString copy = VALUE(in.try_copy_string(text));
        return VALUE(function<int(int, Ptr<const char>, std::uint32_t)>("write").try_call(file, copy, static_cast<std::uint32_t>(text.size())));
    }

    std::string read(std::uint32_t count) const
    {
        auto buffer = VALUE(in.try_allocate<char>(count));
        int got = VALUE(function<int(int, Ptr<char>, std::uint32_t)>("read").try_call(0, buffer, count));
        return got < 0 ? "failed" : std::string(VALUE(buffer.try_span()).data(), static_cast<std::size_t>(got));
    }

    std::string getenv(const char *name) const
    {
        auto value = VALUE(function<Ptr<char>(Ptr<const char>)>("getenv").try_call(VALUE(in.try_copy_string(name))));
        return value ? VALUE(in.memory().try_string(value)) : "(none)";
    }

    bool opens(const char *name, const char *how) const
    {
        auto file = open(name, how);
        if (file)
            VALUE(function<int(Ptr<>)>("fclose").try_call(file));
        return static_cast<bool>(file);
    }

    /* What a file has, at most 63 bytes; "(none)" if it cannot be opened. */
    std::string file(const char *name) const
    {
        auto file = open(name, "r");
        if (!file)
            return "(none)";
        auto buffer = VALUE(in.try_allocate<char>(63));
        auto count = VALUE(function<std::uint32_t(Ptr<char>, std::uint32_t, std::uint32_t, Ptr<>)>("fread").try_call(buffer, 1, 63, file));
        VALUE(function<int(Ptr<>)>("fclose").try_call(file));
        return std::string(VALUE(buffer.try_span()).data(), count);
    }

    /* Whether a text can be written to a file. */
    bool puts(const char *name, const char *text) const
    {
        auto file = open(name, "w");
        if (!file)
            return false;
        VALUE(function<int(Ptr<const char>, Ptr<>)>("fputs").try_call(VALUE(in.try_copy_string(text)), file));
        return VALUE(function<int(Ptr<>)>("fclose").try_call(file)) == 0;
    }

    Ptr<> open(const char *name, const char *how) const
    {
        return VALUE(function<Ptr<>(Ptr<const char>, Ptr<const char>)>("fopen").try_call(VALUE(in.try_copy_string(name)), VALUE(in.try_copy_string(how))));
    }
};

#endif
