#include <stdio.h>

__attribute__((constructor)) static void construct(void) { puts("late: constructor"); }
__attribute__((destructor)) static void destroy(void) { puts("late: destructor"); }

int late(void) { return puts("late: function"); }
