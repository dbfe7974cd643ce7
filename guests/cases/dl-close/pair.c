#include <stdio.h>

extern int counter;

__attribute__((constructor)) static void construct(void) { puts("pair: constructor"); }
__attribute__((destructor)) static void destroy(void)
{
    if (counter == 7)
        puts("pair: destructor");
}
