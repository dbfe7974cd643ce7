int good(void) { return 5; }
