#include "plugin.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *plugin_name = "red";

static int calls;

int render(const char *text, char *line, int size)
{
    int length = snprintf(line, size, "%s (call %d)", text, ++calls);
    for (char *at = line; *at && at < line + strlen(text); at++)
        *at = (char)toupper((unsigned char)*at);
    return length;
}
