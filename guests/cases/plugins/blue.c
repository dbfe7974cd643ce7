#include "plugin.h"
#include <stdio.h>

#ifdef CHANGED
const char *plugin_name = "blue, changed";
#define FORMAT "<< %s >> (call %d)"
#else
const char *plugin_name = "blue";
#define FORMAT "* %s * (call %d)"
#endif

/* Starts at 0 in each plugin, and again when the plugin is opened again. */
static int calls;

int render(const char *text, char *line, int size) { return snprintf(line, size, FORMAT, text, ++calls); }
