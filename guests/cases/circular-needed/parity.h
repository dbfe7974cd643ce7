int is_even(unsigned n);
int is_odd(unsigned n);

extern int even_numbers[3], odd_numbers[3];
extern int *even_to_odd, *odd_to_even;
/* Volatile, here and in other cases: otherwise the compiler runs such simple constructors itself. */
extern volatile int even_constructed, odd_constructed;
