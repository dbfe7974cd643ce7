#include "plugin.hpp"

namespace {

struct Thrower {
    Thrower()
    {
        /* The exception leaves this on the stack when the host stops it. */
        volatile char frame[50000];
        frame[49999] = 1;
        throw PluginError(frame[49999]);
    }
} thrower;

} // namespace
