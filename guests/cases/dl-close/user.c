#include <stdio.h>

/* Of libused.so, which this library does not name. */
int use(void);

int use_it(void) { return use(); }

__attribute__((destructor)) static void destroy(void) { printf("user: destructor, %d\n", use()); }
