int util(void) { return 5; }
