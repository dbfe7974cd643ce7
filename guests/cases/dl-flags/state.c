#include <stdio.h>

int state = 1;

__attribute__((constructor)) static void construct(void) { puts("state constructed"); }
__attribute__((destructor)) static void destroy(void) { puts("state destroyed"); }
