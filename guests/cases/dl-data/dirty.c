#include <string.h>

/* As large as what comes after it. */
static char dirt[800000] = {1};

void soil(void) { memset(dirt, 0xff, sizeof dirt); }
