int numbers[] = {7, 8, 9};
int number(int n) { return numbers[n]; }
