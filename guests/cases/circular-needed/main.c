/* Neither library can be instantiated before the other: one of the two is
 * called through something that is filled in later. */
#include "parity.h"
#include <stdio.h>

int main(void)
{
    printf("10 is %s\n", is_even(10) ? "even" : "odd");
    printf("7 is %s\n", is_odd(7) ? "odd" : "even");
    printf("even -> odd: %d, odd -> even: %d\n", *even_to_odd, *odd_to_even);
    printf("constructors: %d and %d\n", even_constructed, odd_constructed);
    return 0;
}
