#include <stdio.h>

int used_number = 5;

static int uses;
int use(void) { return ++uses; }

__attribute__((constructor)) static void construct(void) { puts("used: constructor"); }
__attribute__((destructor)) static void destroy(void) { puts("used: destructor"); }
