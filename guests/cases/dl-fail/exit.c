#include <stdio.h>
#include <stdlib.h>

int good(void);

static void leave(void) { puts("exit in the constructor: atexit"); }

__attribute__((constructor)) static void construct(void)
{
    good();
    atexit(leave);
    puts("exit in the constructor: exiting");
    exit(7);
}
