static int calls;
int below(void) { return ++calls; }
