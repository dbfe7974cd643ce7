#include "counters.hpp"

thread_local Counter shared("shared");
thread_local int plain = 40;
int bump() { return ++shared.count; }
