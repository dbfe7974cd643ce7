#include "sort.h"
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 8 };

static void print(const char *what, const int *numbers)
{
    printf("%s:", what);
    for (int i = 0; i < COUNT; i++)
        printf(" %d", numbers[i]);
    putchar('\n');
}

int main(void)
{
    int numbers[COUNT] = {21, 3, 34, 1, 13, 2, 8, 5};
    const char *names[] = {"grace", "ada", "margaret", "barbara"};

    sort_numbers(numbers, COUNT, 0);
    print("by number", numbers);
    int key = 13;
    const int *found = bsearch(&key, numbers, COUNT, sizeof key, ascending);
    long at = found - numbers;

    sort_numbers(numbers, COUNT, 1);
    print("backwards", numbers);
    sort_names(names, 4);
    printf("by name: %s %s %s %s\n", names[0], names[1], names[2], names[3]);
    printf("found %d at %ld\n", key, at);
    return 0;
}
