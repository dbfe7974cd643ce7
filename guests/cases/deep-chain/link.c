/* Library SELF of the chain, which needs library NEXT. */
#include "chain.h"

int JOIN(sum, NEXT)(void);
int JOIN(sum, SELF)(void) { return SELF + JOIN(sum, NEXT)(); }

extern struct link JOIN(link, NEXT);
struct link JOIN(link, SELF) = {SELF, &JOIN(link, NEXT)};

__attribute__((constructor)) static void construct(void) { order[constructed++] = SELF; }
