#include "plugin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *plugin_name = "green";

static int calls;

int render(const char *text, char *line, int size)
{
    size_t length = strlen(text);
    char *reversed = malloc(length + 1);
    if (!reversed)
        return 0;
    for (size_t i = 0; i < length; i++)
        reversed[i] = text[length - 1 - i];
    reversed[length] = 0;
    int written = snprintf(line, size, "%s (call %d)", reversed, ++calls);
    free(reversed);
    return written;
}
