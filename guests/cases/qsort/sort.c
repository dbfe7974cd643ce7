#include "sort.h"
#include <stdlib.h>

void sort_numbers(int *numbers, size_t count, int backwards)
{
    qsort(numbers, count, sizeof *numbers, backwards ? descending : ascending);
}

void sort_names(const char **names, size_t count) { qsort(names, count, sizeof *names, by_name); }
