/* CHECK(condition) says what is wrong and where, and ends the program with 1. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
    ((condition) ? (void)0 : check_failed(#condition, __FILE_NAME__, __LINE__))

static inline void check_failed(const char *condition, const char *file, int line)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    exit(1);
}

#endif
