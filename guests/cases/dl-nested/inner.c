#include <stdio.h>

static volatile int value;

__attribute__((constructor)) static void construct(void)
{
    puts("inner: constructor");
    value = 5;
}
__attribute__((destructor)) static void destroy(void) { puts("inner: destructor"); }

int five(void) { return value; }
