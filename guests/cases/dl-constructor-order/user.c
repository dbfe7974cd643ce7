#include <stdio.h>

extern volatile int base_ready;
volatile int user_saw;

__attribute__((constructor)) static void begin(void)
{
    user_saw = base_ready;
    puts("user: constructed");
}
