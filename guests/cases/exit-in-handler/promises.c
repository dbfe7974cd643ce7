#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void first(void) { puts("library: first"); }
static void second(void) { puts("library: second"); }
static void leave(void)
{
    puts("leaving");
    exit(9);
}
static void leave_again(void)
{
    puts("leaving again");
    exit(8);
}

void promise_first(void) { atexit(first); }
void promise_second(void) { atexit(second); }
void promise_to_leave(void) { atexit(leave); }
void promise_to_leave_again(void) { atexit(leave_again); }
