#include <stdlib.h>

__attribute__((constructor)) static void construct(void) { abort(); }
