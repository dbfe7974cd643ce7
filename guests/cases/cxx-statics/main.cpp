#include "registry.hpp"
#include "../check.h"

static Entry entry("main's object");

int main()
{
    CHECK(registry.names.size() == 2);
    std::printf("main: %s, %s\n", registry.names[0].c_str(), registry.names[1].c_str());
    CHECK(&lazy() == &lazy_of_library());
    return 0;
}
