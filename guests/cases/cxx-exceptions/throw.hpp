#pragma once
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

class LibraryError : public std::runtime_error {
public:
    LibraryError(const std::string &what, int code) : std::runtime_error(what), code(code) {}
    int code;
};

[[noreturn]] void throw_int(int value);
[[noreturn]] void throw_library_error();
[[noreturn]] void throw_out_of_range();
void throw_in_noexcept() noexcept;
std::exception_ptr keep();
std::string catch_from(const std::function<void()> &function);
int in_flight_during_unwinding();

/* Counts its destructions. */
struct Guard {
    ~Guard();
    static int destroyed;
};

/* In libpass.so. */
void pass_through(const std::function<void()> &function);
extern "C" void pass_through_c(void (*function)());
void rethrow(const std::function<void()> &function, std::string &seen);
