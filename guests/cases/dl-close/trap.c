#include <stdio.h>
#include <stdlib.h>

static void before(void) { puts("trap: before the one that traps"); }
static void after(void)
{
    puts("trap: after the one that traps");
    fflush(stdout);
}
static void trap(void) { __builtin_trap(); }

__attribute__((constructor)) static void construct(void)
{
    atexit(before);
    atexit(trap);
    atexit(after);
}
