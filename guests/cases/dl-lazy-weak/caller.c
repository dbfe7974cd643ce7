__attribute__((weak)) int later(void);

int call(void) { return later(); }
int call_if_there(void) { return later ? later() : -1; }
