int below(void) { return 5; }
