#include "plugin.hpp"

namespace {

struct Thrower {
    Thrower() { throw PluginError(1); }
} thrower;

} // namespace
