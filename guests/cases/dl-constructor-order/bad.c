int bad = 1;
__attribute__((constructor)) static void begin(void) { __builtin_trap(); }
