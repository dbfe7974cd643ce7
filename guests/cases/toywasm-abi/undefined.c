extern int missing_number;
int read_missing(void) { return missing_number; }
