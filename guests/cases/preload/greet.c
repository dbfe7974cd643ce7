#include <stdio.h>

__attribute__((weak)) const char *greeting(void) { return "Hi"; }

/* Defined nowhere but in the preloaded library. */
const char *origin(void);

void greet(const char *whom) { printf("%s, %s (supplied by %s)\n", greeting(), whom, origin()); }
