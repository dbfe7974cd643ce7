#include <stdio.h>

/* Of main, whose constructors have not run yet: only its initialised data are there. */
extern int number_of_main;
int get_number(void);

static volatile int constructed;

__attribute__((constructor)) static void construct(void)
{
    constructed = 1;
    printf("plugin: constructed, main's number is %d\n", get_number());
}
__attribute__((destructor)) static void destroy(void) { puts("plugin: destroyed"); }

int next_number(void) { return constructed ? number_of_main++ : -1; }
