#include "../dl.h"

/* Nobody is left to close it. */
__attribute__((constructor)) static void construct(void)
{
    if (dl_call(OPEN("libgood.so", RTLD_NOW | RTLD_GLOBAL), "good"))
        __builtin_trap();
}
