#include "registry.hpp"

static Entry entry("plugin");

extern "C" int plugin_is_linked() { return 1; }
