#include "hello.h"
#include <stdio.h>

int hello_count = 0;
const char *const hello_word = "hello";

/* Gives how many times anything was greeted so far. */
int hello(const struct greeting *greeting)
{
    for (int i = 0; i < greeting->times; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s, %s", hello_word, greeting->whom);
        for (char *at = text; *at && greeting->decorate; at++)
            *at = greeting->decorate(*at);
        puts(text);
        hello_count++;
    }
    return hello_count;
}
