int twice(int n);
extern int number;

int call_twice(int n) { return twice(n); }

typedef int twice_function(int);
twice_function *const twice_in_data = twice;
twice_function *twice_in_code(void) { return twice; }

int *const number_in_data = &number;
int read_number(void) { return number; }
void write_number(int n) { number = n; }
