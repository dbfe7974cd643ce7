#include <stdio.h>

#ifndef NAME
#define NAME libx
#endif
#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

/* Zero in every new object. */
volatile int value;
int increment(void) { return ++value; }

__attribute__((constructor)) static void construct(void) { puts(TEXT(NAME) ": constructed"); }
__attribute__((destructor)) static void destroy(void) { puts(TEXT(NAME) ": destroyed"); }
