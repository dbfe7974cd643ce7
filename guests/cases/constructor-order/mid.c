#define NAME "mid"
#include "report.h"

int depth_of_base(void);
int depth_of_mid(void) { return depth_of_base() + 1; }
