static char buffer[100000];
int small(void) { return ++buffer[99999]; }
