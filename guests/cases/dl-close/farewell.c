#include <stdio.h>
#include <stdlib.h>

int counter = 7;
int zeroed[1000];
const char *volatile text = "original";

static void of_constructor(void) { puts("farewell: atexit in the constructor"); }
static void first(void) { printf("farewell: first promise, %d\n", counter); }
static void second(void) { printf("farewell: second promise, %d\n", counter); }

__attribute__((constructor(101))) static void early(void) { puts("farewell: constructor 101"); }
__attribute__((destructor(101))) static void late(void) { puts("farewell: destructor 101"); }
__attribute__((destructor)) static void destroy(void) { puts("farewell: destructor"); }
__attribute__((constructor)) static void construct(void)
{
    atexit(of_constructor);
    puts("farewell: constructor");
}

void promise(void)
{
    atexit(first);
    atexit(second);
    counter++;
    zeroed[999] = 1;
    text = "changed";
}
