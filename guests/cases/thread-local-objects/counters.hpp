#include <cstdio>

struct Counter {
    const char *name;
    int count = 1;
    explicit Counter(const char *name) : name(name) { std::printf("constructed %s\n", name); }
    ~Counter() { std::printf("destroyed %s %d\n", name, count); }
};

/* Of libcounters.so: with a constructor and a destructor, and with a constant. */
extern thread_local Counter shared;
extern thread_local int plain;
int bump();
