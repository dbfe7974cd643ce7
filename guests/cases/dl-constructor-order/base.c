#include <stdio.h>

volatile int base_ready;

__attribute__((constructor)) static void begin(void)
{
    base_ready = 1;
    puts("base: constructed");
}
