/* The tag of C++ exceptions is an import of every module, and it has to be the same
 * one: with two, a handler does not see what another module throws. Types are matched by
 * type info, so those must be one as well. */
#include "throw.hpp"
#include "../check.h"
#include <cstring>
#include <functional>
#include <new>
#include <typeinfo>

class MainError : public std::runtime_error {
public:
    MainError() : std::runtime_error("main error") {}
};

struct Base {
    virtual ~Base() = default;
};
struct Derived : Base {};

static void across()
{
    try {
        throw_int(42);
    } catch (int value) {
        std::printf("library to main: int %d\n", value);
    }
    try {
        throw_library_error();
    } catch (const std::runtime_error &error) {
        auto *own = dynamic_cast<const LibraryError *>(&error);
        CHECK(own);
        std::printf("library to main, by base class: %s, code %d\n", error.what(), own->code);
    }
    try {
        throw_out_of_range();
    } catch (const std::logic_error &error) {
        std::printf("library to main, standard: %s\n", error.what());
    }
    std::printf("main to library: caught there, %s\n", catch_from([] { throw MainError(); }).c_str());
    CHECK(catch_from([] {}) == "nothing thrown");
    try {
        pass_through([] { throw MainError(); });
    } catch (const MainError &error) {
        std::printf("main through the library to main: %s\n", error.what());
    }
}

static void unwinding()
{
    Guard::destroyed = 0;
    try {
        Guard guard;
        pass_through([] { pass_through_c([] { throw_library_error(); }); });
    } catch (const LibraryError &error) {
        std::printf("through two libraries and C: %s, %d destructors ran\n", error.what(), Guard::destroyed);
    }
    std::string seen;
    try {
        rethrow([] { throw_library_error(); }, seen);
    } catch (const LibraryError &error) {
        CHECK(seen == error.what());
        std::printf("rethrown: %s, then again\n", seen.c_str());
    }
    try {
        try {
            throw_library_error();
        } catch (const std::logic_error &) {
            std::puts("caught by the wrong handler");
        }
    } catch (...) {
        std::puts("not mine: the inner handler left it to the outer");
    }
}

static void from_the_runtime()
{
    try {
        /* Volatile, or the compiler leaves out an allocation that nobody needs. */
        volatile std::size_t much = 0x7fffffff;
        char *volatile memory = new char[much];
        delete[] memory;
    } catch (const std::bad_alloc &error) {
        std::printf("from new in libc++abi: %s\n", error.what());
    }
    try {
        std::function<void()> empty;
        empty();
    } catch (const std::bad_function_call &error) {
        std::printf("from libc++: %s\n", error.what());
    }
    try {
        Base base;
        Base &reference = base;
        (void)dynamic_cast<Derived &>(reference);
    } catch (const std::bad_cast &error) {
        std::printf("dynamic_cast of a reference: %s\n", error.what());
    }
}

struct Failing {
    Guard first, second;
    Failing() { throw_int(1); }
};

static void advanced()
{
    try {
        std::rethrow_exception(keep());
    } catch (const LibraryError &error) {
        std::printf("exception_ptr carried from library to main: %s\n", error.what());
    }
    try {
        try {
            throw std::runtime_error("inner");
        } catch (...) {
            std::throw_with_nested(std::runtime_error("outer"));
        }
    } catch (const std::runtime_error &outer) {
        try {
            std::rethrow_if_nested(outer);
        } catch (const std::runtime_error &inner) {
            std::printf("nested: %s, because of %s\n", outer.what(), inner.what());
        }
    }
    Guard::destroyed = 0;
    try {
        Failing failing;
    } catch (int) {
        CHECK(Guard::destroyed == 2);
        std::puts("from a constructor: members were destroyed");
    }
    std::printf("uncaught exceptions in flight: %d\n", in_flight_during_unwinding());
    int caught = 0;
    for (int i = 0; i < 10000; i++) {
        try {
            throw_int(i);
        } catch (int value) {
            caught += value == i;
        }
    }
    std::printf("in a loop: %d caught\n", caught);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        std::puts("about to throw");
        std::fflush(stdout);
        if (std::strcmp(argv[1], "uncaught") == 0)
            throw_library_error();
        std::set_terminate([] {
            std::puts("terminate handler of main");
            std::fflush(stdout);
            std::abort();
        });
        throw_in_noexcept();
    }
    across();
    unwinding();
    from_the_runtime();
    advanced();
    return 0;
}
