#include "parity.h"

int odd_numbers[3] = {1, 3, 5};
int *odd_to_even = &even_numbers[1];
volatile int odd_constructed;

__attribute__((constructor)) static void construct(void) { odd_constructed++; }

int is_odd(unsigned n) { return n == 0 ? 0 : is_even(n - 1); }
