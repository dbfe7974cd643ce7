#include <stdlib.h>

int good(void);

/* main counts what has been undone. */
extern int undone;
static void undo(void) { undone++; }

__attribute__((constructor)) static void construct(void)
{
    atexit(undo);
    if (good())
        __builtin_trap();
}
