#include "registry.hpp"
#include <cstdio>

Registry registry;

Registry::Registry() { std::puts("registry constructed"); }
Registry::~Registry() { std::printf("registry destroyed, with %zu names\n", names.size()); }

Entry::Entry(const char *name) : name(name)
{
    registry.names.push_back(name);
    std::printf("%s registered\n", name);
}
Entry::~Entry() { std::printf("%s destroyed\n", name); }

Lazy::Lazy() { std::puts("local static constructed once"); }
Lazy::~Lazy() { std::puts("local static destroyed"); }
Lazy &lazy_of_library() { return lazy(); }
