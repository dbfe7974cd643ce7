/* sqlite3.h takes __wasi__ to mean that there are no extensions, so it is read without; what it includes, with. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#undef __wasi__
#include <sqlite3ext.h>
