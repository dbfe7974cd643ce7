int missing_function(int);
int call_missing(void) { return missing_function(1); }
int present(void) { return 1; }
