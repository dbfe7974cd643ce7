/* What is looked up as a function must not stop at a memory of that name. */
#include "../dl.h"

int memory(int), __table(void), table(int, int), start(void), env(void), self(void);
extern double memory_base;
extern int stack_pointer;
int (*volatile by_address)(int) = memory;

int main(void)
{
    printf("%d %d %d %.1f %d %d %d %d\n", memory(41), __table(), table(6, 7), memory_base, start(), env(), self(), stack_pointer);
    CHECK(by_address(1) == 2);
    void *names = OPEN("libnames.so", RTLD_NOW);
    CHECK(FUNCTION(int (*)(int), names, "memory") == by_address);
    CHECK(FUNCTION(int (*)(int, int), names, "table")(2, 2) == 4);
    /* Through the program, whose own export of that name is a memory. */
    CHECK(FUNCTION(int (*)(int), RTLD_DEFAULT, "memory") == by_address);
    puts("dlsym finds the functions as well");
    return 0;
}
