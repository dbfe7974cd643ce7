#include "sum.h"
#include <stdio.h>

static int line;

void log_line(const char *format, ...)
{
    va_list arguments;
    printf("[log %d] ", ++line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void log_pair(const char *name, ...)
{
    va_list arguments;
    va_start(arguments, name);
    struct pair pair = va_arg(arguments, struct pair);
    struct pair *pointer = va_arg(arguments, struct pair *);
    va_end(arguments);
    int same = pointer->first == pair.first && pointer->second == pair.second;
    log_line("%s=(%d, %.1f) pointer %s", name, pair.first, pair.second, same ? "ok" : "wrong");
}

void log_sum(int count, ...)
{
    va_list arguments;
    va_start(arguments, count);
    log_line("sum by way of va_list: %d", sum_list(count, arguments));
    va_end(arguments);
}
