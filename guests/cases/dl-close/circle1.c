#include <stdio.h>

int two(void);
volatile int order1;
extern volatile int order2;

int one(void) { return 1; }
int call_two(void) { return two(); }

__attribute__((destructor)) static void destroy(void)
{
    /* The other one's data are there whichever goes first. */
    order1 = order2 + 1;
    printf(order1 == 1 ? "circle: destroyed %d" : ", destroyed %d\n", order1);
}
