#include "../dl.h"

/* Appends the names of all definitions of relay, in the order of RTLD_NEXT. */
typedef void relay_function(char *text);
