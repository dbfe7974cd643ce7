#include <stdio.h>

int main(void)
{
    puts("Hello from a program with a shared libc.");
    return 0;
}
