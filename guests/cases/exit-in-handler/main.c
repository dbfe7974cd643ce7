#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void promise_first(void), promise_second(void), promise_to_leave(void), promise_to_leave_again(void);

static void first(void) { puts("main: first"); }
static void second(void) { puts("main: second"); }

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "library";
    if (!strcmp(how, "mixed")) {
        atexit(first);
        promise_first();
        atexit(second);
    } else {
        promise_first();
        if (!strcmp(how, "twice"))
            promise_to_leave_again();
        else
            promise_second();
    }
    promise_to_leave();
    puts("end of main");
    exit(3);
}
