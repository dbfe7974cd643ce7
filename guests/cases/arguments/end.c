#include "end.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void handler(void) { puts("at exit"); }

void end(const char *how, int value)
{
    if (strcmp(how, "exit") == 0) {
        atexit(handler);
        exit(value);
    }
    if (strcmp(how, "quick") == 0) {
        atexit(handler);
        _Exit(value);
    }
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "divide") == 0) {
        volatile int quotient = 7 / *(volatile int *)&value;
        (void)quotient;
    }
    if (strcmp(how, "null") == 0) {
        /* Slot 0 of the table is empty, so that this traps. */
        void (*volatile function)(void) = NULL;
        function();
    }
}
