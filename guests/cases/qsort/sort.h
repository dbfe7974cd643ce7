#include <stddef.h>

int ascending(const void *a, const void *b);
int descending(const void *a, const void *b);
int by_name(const void *a, const void *b);

void sort_numbers(int *numbers, size_t count, int backwards);
void sort_names(const char **names, size_t count);
