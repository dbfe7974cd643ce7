#include "../dl.h"

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

int constructed;
static void *other;

/* Opens the other, whose constructor opens this one. */
__attribute__((constructor)) static void construct(void)
{
    puts(TEXT(ME) ": constructor");
    other = OPEN("lib" TEXT(OTHER) ".so", RTLD_NOW);
    const int *others = (const int *)FIND(other, "constructed");
    CHECK(others != &constructed);
    printf(TEXT(ME) ": " TEXT(OTHER) " is there, constructed %d\n", *others);
    constructed = 1;
}

/* Closing the other here would be a circle that nothing ever leaves; main does it. */
__attribute__((destructor)) static void destroy(void) { puts(TEXT(ME) ": destructor"); }
