#include <stdio.h>

__attribute__((constructor)) static void construct(void) { fflush(stdout); }
int secret(void) { return 99; }
