#include "calc.h"
#include <stdlib.h>
#include <string.h>

static char **lines;
static int count;

void history_add(const char *text)
{
    char **more = realloc(lines, sizeof *lines * (size_t)(count + 1));
    if (!more)
        return;
    lines = more;
    lines[count++] = strdup(text);
}

int history_count(void) { return count; }
const char *history_get(int index) { return index >= 0 && index < count ? lines[index] : NULL; }
