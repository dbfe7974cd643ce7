int later(void) { return 7; }
