/*
** SQLite, built so that it can load extensions.
**
** sqlite3.c takes __wasi__ to mean that there is no dlopen() and leaves out
** sqlite3_load_extension(). Here there is one. So the headers that it includes are
** read first, with __wasi__ as the C library wants it, and sqlite3.c without; it
** is told SQLITE_WASI itself, for the file system calls that wasi lacks.
*/
#define _GNU_SOURCE
#include <assert.h>
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#undef __wasi__
#define SQLITE_WASI 1
#define LONGDOUBLE_TYPE double
#include "sqlite3.c"
