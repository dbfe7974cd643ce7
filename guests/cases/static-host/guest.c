#include "guest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile int guest_constructed, main_constructed_then;

static void last_words(void) { puts("at exit, in the library"); }

__attribute__((constructor)) static void construct(void)
{
    guest_constructed++;
    main_constructed_then = main_constructed;
}

void print_constructed(void)
{
    atexit(last_words);
    printf("main constructed %d times, says the library\n", main_constructed);
}

char *copy(const char *text) { return strdup(text); }
int call_back(int n) { return twice(n); }

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
void sort(int *numbers, size_t count) { qsort(numbers, count, sizeof *numbers, compare); }

const char *const *where_name_is(void) { return &name_of_main; }
size_t (*strlen_of_library(void))(const char *) { return strlen; }
