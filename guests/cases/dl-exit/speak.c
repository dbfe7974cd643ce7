#include <stdio.h>
#include <stdlib.h>

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

__attribute__((constructor)) static void construct(void) { puts(TEXT(NAME) ": constructed"); }
__attribute__((destructor)) static void destroy(void) { puts(TEXT(NAME) ": destroyed"); }

static void promised(void) { puts(TEXT(NAME) ": promised"); }

void promise(void) { atexit(promised); }
void leave(int status) { exit(status); }
