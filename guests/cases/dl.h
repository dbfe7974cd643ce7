/* For the cases of run-time linking: what has to succeed, and failures that have to have a text. */
#ifndef DL_H
#define DL_H

#include "check.h"
#include <string.h>
#include <wasmdyld/dlfcn.h>

/* dlopen, dlsym and dlclose that succeed; else they say why and end the program with 1. */
#define OPEN(name, flags) dl_present(dlopen(name, flags), #name, __FILE_NAME__, __LINE__)
#define FIND(handle, name) dl_present(dlsym(handle, name), #name, __FILE_NAME__, __LINE__)
#define CLOSE(handle) dl_closed(dlclose(handle), __FILE_NAME__, __LINE__)

/* The function `name` behind `handle`, of the type of a function pointer. */
#define FUNCTION(type, handle, name) ((type)(uintptr_t)FIND(handle, name))

/* dlerror has a text that holds `part`, and only once. */
#define CHECK_ERROR(part) dl_check_error(part, __FILE_NAME__, __LINE__)

typedef int dl_function(void);

static inline void dl_failed(const char *what, const char *file, int line)
{
    const char *text = dlerror();
    fflush(stdout);
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, text ? text : "no text in dlerror");
    exit(1);
}

static inline void *dl_present(void *found, const char *what, const char *file, int line)
{
    if (!found)
        dl_failed(what, file, line);
    return found;
}

static inline void dl_closed(int status, const char *file, int line)
{
    if (status != 0)
        dl_failed("dlclose", file, line);
}

static inline void dl_check_error(const char *part, const char *file, int line)
{
    const char *text = dlerror();
    if (!text || !strstr(text, part)) {
        fflush(stdout);
        fprintf(stderr, "%s:%d: dlerror has %s, not something with %s\n", file, line, text ? text : "no text", part);
        exit(1);
    }
    if (dlerror()) {
        fflush(stdout);
        fprintf(stderr, "%s:%d: dlerror gives its text twice\n", file, line);
        exit(1);
    }
}

/* Calls the function `name` behind `handle`, which takes nothing and gives an int. */
static inline int dl_call(void *handle, const char *name)
{
    return FUNCTION(dl_function *, handle, name)();
}

#endif
