#include "interposition.h"

WEAK const char *who(void) { return "second"; }
WEAK int level = 3;

const char *who_by_second(void) { return who(); }
int level_by_second(void) { return level; }
who_function *who_pointer_by_second(void) { return who; }

WEAK const char *in_both(void) { return "second"; }
const char *in_both_by_second(void) { return in_both(); }
