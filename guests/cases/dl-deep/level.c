#include "../dl.h"
#include "level.h"

int my_level;

__attribute__((constructor)) static void construct(void)
{
    my_level = level;
    open_levels++;
    if (level >= wanted)
        return;
    int next = ++level;
    char name[40];
    snprintf(name, sizeof name, "/tmp/level%d.so", next);
    opened[next] = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!opened[next] && !failed_at) {
        failed_at = next;
        CHECK_ERROR("");
    }
}

__attribute__((destructor)) static void destroy(void) { open_levels--; }
