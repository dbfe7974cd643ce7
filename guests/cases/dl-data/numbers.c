int numbers[] = {7, 8, 9};
int number(int n) { return numbers[n]; }
int (*const number_by_itself)(int) = number;
int (*number_in_code(void))(int) { return number; }
