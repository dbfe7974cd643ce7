#include "parity.h"

int even_numbers[3] = {0, 2, 4};
int *even_to_odd = &odd_numbers[0];
volatile int even_constructed;

__attribute__((constructor)) static void construct(void) { even_constructed++; }

int is_even(unsigned n) { return n == 0 ? 1 : is_odd(n - 1); }
