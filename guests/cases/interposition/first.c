#include "interposition.h"

WEAK const char *who(void) { return "first"; }
WEAK int level = 2;

const char *who_by_first(void) { return who(); }
int level_by_first(void) { return level; }
who_function *who_pointer_by_first(void) { return who; }

const char *in_both(void) { return "first"; }
