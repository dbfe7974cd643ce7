#include "sum.h"

int sum_list(int count, va_list arguments)
{
    int total = 0;
    while (count-- > 0)
        total += va_arg(arguments, int);
    return total;
}

int sum(int count, ...)
{
    va_list arguments;
    va_start(arguments, count);
    int total = sum_list(count, arguments);
    va_end(arguments);
    return total;
}

double sum_doubles(int count, ...)
{
    va_list arguments;
    double total = 0;
    va_start(arguments, count);
    while (count-- > 0)
        total += va_arg(arguments, double);
    va_end(arguments);
    return total;
}
