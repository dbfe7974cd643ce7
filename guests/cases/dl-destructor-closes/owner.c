#include "../dl.h"

static void *bound;
static volatile int alive = 1;

int owner_value(void) { return 7; }

__attribute__((constructor)) static void begin(void)
{
    /* The library is not yet in the global scope for its constructor's sake: the load that brings it puts it there. */
    bound = OPEN("libbound.so", RTLD_NOW);
    printf("owner: opened %d\n", dl_call(bound, "bound_value"));
}

__attribute__((destructor)) static void end(void)
{
    printf("owner: closing, alive %d\n", alive);
    CLOSE(bound);
    printf("owner: closed, alive %d\n", alive);
}
