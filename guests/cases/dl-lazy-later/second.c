int wanted(void) { return 7; }
