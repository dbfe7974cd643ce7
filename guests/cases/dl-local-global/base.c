int base_value = 5;
int base_function(void) { return base_value; }
