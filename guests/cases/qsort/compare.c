#include "sort.h"
#include <string.h>

int ascending(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

int descending(const void *a, const void *b) { return ascending(b, a); }

int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }
