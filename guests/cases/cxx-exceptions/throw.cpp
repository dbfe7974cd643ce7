#include "throw.hpp"
#include <vector>

int Guard::destroyed;
Guard::~Guard() { ++destroyed; }

void throw_int(int value) { throw value; }
void throw_library_error() { throw LibraryError("library error", 7); }
void throw_out_of_range() { throw std::out_of_range("out of range"); }
void throw_in_noexcept() noexcept { throw_int(1); }

std::exception_ptr keep()
{
    try {
        throw LibraryError("kept", 1);
    } catch (...) {
        return std::current_exception();
    }
}

std::string catch_from(const std::function<void()> &function)
{
    try {
        function();
    } catch (const std::exception &error) {
        return error.what();
    }
    return "nothing thrown";
}

int in_flight_during_unwinding()
{
    struct Look {
        int &seen;
        ~Look() { seen = std::uncaught_exceptions(); }
    };
    int seen = 0;
    try {
        Look look{seen};
        throw_int(1);
    } catch (int) {
    }
    return seen;
}
