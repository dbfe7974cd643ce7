#include "relay.h"

void relay(char *text) { strcat(text, dlsym(RTLD_NEXT, "relay") ? "last, " : "last, end"); }

void *next_of_last(const char *name) { return dlsym(RTLD_NEXT, name); }
