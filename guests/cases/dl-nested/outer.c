#include "../dl.h"

static void *inner;

__attribute__((constructor)) static void construct(void)
{
    puts("outer: constructor");
    inner = OPEN("libinner.so", RTLD_NOW);
    printf("outer: inner says %d\n", dl_call(inner, "five"));
}

__attribute__((destructor)) static void destroy(void)
{
    puts("outer: destructor");
    CHECK(dl_call(inner, "five") == 5);
    CLOSE(inner);
}
