#define NAME "top"
#include "report.h"
#include <stdlib.h>

int depth_of_mid(void);
int depth_of_top(void) { return depth_of_mid() + 1; }

void exit_from_top(void)
{
    puts("top: exits");
    exit(5);
}
