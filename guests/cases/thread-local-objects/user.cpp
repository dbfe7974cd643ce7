#include "counters.hpp"

static thread_local Counter own("user");

extern "C" int user_work()
{
    own.count += 10;
    shared.count += 100;
    plain += 2;
    return bump();
}
extern "C" int *user_plain() { return &plain; }
