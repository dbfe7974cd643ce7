#include "throw.hpp"

void pass_through(const std::function<void()> &function)
{
    Guard guard;
    function();
}

void pass_through_c(void (*function)())
{
    Guard guard;
    function();
}

void rethrow(const std::function<void()> &function, std::string &seen)
{
    try {
        function();
    } catch (const std::exception &error) {
        seen = error.what();
        throw;
    }
}
