int is_even(unsigned n);
int is_odd(unsigned n);

extern int even_numbers[3], odd_numbers[3];
extern int *even_to_odd, *odd_to_even;
extern int even_constructed, odd_constructed;
