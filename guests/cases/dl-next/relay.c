#include "relay.h"

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

void relay(char *text)
{
    strcat(text, TEXT(NAME) ", ");
    FUNCTION(relay_function *, RTLD_NEXT, "relay")(text);
}

void *next_of(const char *name) { return dlsym(RTLD_NEXT, name); }
