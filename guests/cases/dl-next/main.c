/* The linker has to know who asks. The definition after the caller's own, not after the first: with the
 * latter, the second override would call itself until the stack ends. */
#include "relay.h"

void *next_of(const char *name);
void *next_of_last(const char *name);

void relay(char *text)
{
    strcat(text, "main, ");
    FUNCTION(relay_function *, RTLD_NEXT, "relay")(text);
}

int main(void)
{
    char text[200] = "";
    relay(text);
    puts(text);

    strcpy(text, "from the middle: ");
    FUNCTION(relay_function *, RTLD_NEXT, "relay")(text);
    puts(text);

    CHECK(next_of("relay") != NULL && next_of("relay") != (void *)relay);
    CHECK(next_of("next_of_last") == (void *)next_of_last);
    CHECK(next_of("next_of") == NULL);
    CHECK_ERROR("next_of");
    CHECK(next_of_last("relay") == NULL);
    CHECK_ERROR("relay");
    puts("after the last: nothing");

    void *plugin = OPEN("libplugin.so", RTLD_NOW | RTLD_LOCAL);
    text[0] = 0;
    FUNCTION(relay_function *, plugin, "relay")(text);
    puts(text);
    CLOSE(plugin);

    CHECK(next_of("no_such_symbol") == NULL);
    CHECK_ERROR("no_such_symbol");
    puts("a name that is nowhere: nothing");
    return 0;
}
