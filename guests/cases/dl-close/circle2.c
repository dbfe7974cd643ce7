#include <stdio.h>

int one(void);
extern volatile int order1;
volatile int order2;

int two(void) { return 2 * one(); }

__attribute__((destructor)) static void destroy(void)
{
    order2 = order1 + 1;
    printf(order2 == 1 ? "circle: destroyed %d" : ", destroyed %d\n", order2);
}
