#include <stdio.h>

static int uses;
int use(void) { return ++uses; }

__attribute__((constructor)) static void construct(void) { puts("used: constructor"); }
__attribute__((destructor)) static void destroy(void) { puts("used: destructor"); }
