#include <stdarg.h>

struct pair {
    int first;
    double second;
};

int sum(int count, ...);
int sum_list(int count, va_list arguments);
double sum_doubles(int count, ...);

/* Print a line each, numbered. */
void log_line(const char *format, ...);
void log_pair(const char *name, ...);
void log_sum(int count, ...);
