int base_function(void);
int top_function(void) { return base_function() + 1; }
