#include "big.h"
#include "../check.h"
#include <string.h>

static unsigned char main_bss[BIG];

static int filled_with(const unsigned char *at, unsigned char value)
{
    /* Equal first byte and equal neighbours: memcmp is faster than a loop. */
    return at[0] == value && memcmp(at, at + 1, BIG - 1) == 0;
}

int main(void)
{
    CHECK(end_of_library_bss() - library_bss == BIG);
    CHECK(filled_with(library_bss, 0));
    puts("16 MiB in the library: zero");
    CHECK(filled_with(main_bss, 0));
    puts("16 MiB in main: zero");

    unsigned char *heap = malloc(BIG);
    CHECK(heap != NULL);
    memset(library_bss, 1, BIG);
    memset(main_bss, 2, BIG);
    memset(heap, 3, BIG);
    CHECK(filled_with(library_bss, 1));
    CHECK(filled_with(main_bss, 2));
    CHECK(filled_with(heap, 3));
    puts("after filling both and the heap: intact");
    return 0;
}
