#include <stdexcept>
#include <string>

/* In a library that comes later. */
void act(void (*function)());

static int destroyed;
struct Guard {
    ~Guard() { ++destroyed; }
};

static std::string outcome;

extern "C" const char *catch_it(void (*function)())
{
    try {
        Guard guard;
        act(function);
        return "nothing thrown";
    } catch (const std::runtime_error &error) {
        outcome = std::string("std::runtime_error ") + error.what();
    } catch (int value) {
        outcome = "int " + std::to_string(value);
    }
    return outcome.c_str();
}

extern "C" int how_many_destroyed() { return destroyed; }
