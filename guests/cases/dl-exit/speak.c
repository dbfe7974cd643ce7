#include <stdio.h>
#include <stdlib.h>

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

__attribute__((constructor)) static void construct(void) { puts(TEXT(NAME) ": constructed"); }
__attribute__((destructor)) static void destroy(void) { puts(TEXT(NAME) ": destroyed"); }

static int leave_with;
void leave_in_handler(int status) { leave_with = status; }

static void promised(void)
{
    puts(leave_with ? TEXT(NAME) ": promised, leaving" : TEXT(NAME) ": promised");
    if (leave_with)
        exit(leave_with);
}

void promise(void) { atexit(promised); }
void leave(int status) { exit(status); }
