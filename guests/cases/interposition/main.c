/* The main program comes first in scope order: its definitions replace those of
 * the libraries, for the libraries' own calls as well. */
#include "interposition.h"

const char *who(void) { return "main"; }
int level = 1;

#include "other.c"
