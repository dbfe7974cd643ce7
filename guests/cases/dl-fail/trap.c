#include <stdlib.h>

int good(void);

/* main counts what has been undone. */
extern int undone;
static void undo(void) { undone++; }

__attribute__((constructor)) static void construct(void)
{
    /* The trap leaves this on the stack; after some of them it would be full. */
    volatile char frame[50000];
    atexit(undo);
    frame[49999] = 1;
    if (good() && frame[49999])
        __builtin_trap();
}
