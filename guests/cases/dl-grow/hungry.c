#include "grow.h"
#include <stdlib.h>
#include <string.h>

unsigned char *hoard;
const size_t hoard_size = 3 << 20;
unsigned char *own_pages;
int own_slot;
unsigned char data[100000] = {9};

static int seven(void) { return 7; }
int (*function)(void) = seven;

__attribute__((constructor)) static void construct(void)
{
    own_pages = (unsigned char *)(__builtin_wasm_memory_grow(0, 2) << 16);
    memset(own_pages, 'o', 2 << 16);
    own_slot = grow_table(10);
    hoard = malloc(hoard_size);
    if (hoard)
        memset(hoard, 'h', hoard_size);
}

static int all(const unsigned char *from, size_t size, int value)
{
    for (size_t i = 0; i < size; i++)
        if (from[i] != value)
            return 0;
    return 1;
}

int intact(void)
{
    for (int i = 0; i < 10; i++)
        if (!is_null_slot(own_slot + i))
            return 0;
    return data[0] == 9 && all(data + 1, sizeof data - 1, 0) && all(hoard, hoard_size, 'h') &&
           all(own_pages, 2 << 16, 'o') && function() == 7;
}
