#include "../dl.h"

/* The name that the library `file` tells, or NULL if dlopen does not find it. */
const char *name_of(const char *file)
{
    void *handle = dlopen(file, RTLD_NOW);
    return handle ? FUNCTION(const char *(*)(void), handle, "name")() : NULL;
}
