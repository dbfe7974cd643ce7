#include "work.h"
#include "../check.h"
#include <stdint.h>
#include <string.h>

/* The first things in main's data: a program whose data begins at 0 has one of
 * these where NULL points, and takes it for absent. */
static const char first_text[] = "first";
static char first_data[] = "first";
static char bss[64];

enum { SIZE = 4 << 20 };

static void fill(unsigned *heap)
{
    for (unsigned i = 0; i < SIZE / sizeof *heap; i++)
        heap[i] = i * 2654435761u;
}

static int intact(const unsigned *heap)
{
    for (unsigned i = 0; i < SIZE / sizeof *heap; i++)
        if (heap[i] != i * 2654435761u)
            return 0;
    return 1;
}

int main(void)
{
    int on_stack;
    const void *addresses[] = {
        first_text, first_data, bss, work_data, work_bss, work_text, stdout, &on_stack, "a literal", &work_text,
    };
    enum { ADDRESSES = sizeof addresses / sizeof addresses[0] };
    for (int i = 0; i < ADDRESSES; i++)
        CHECK((uintptr_t)addresses[i] >= 1024);
    puts("nothing lies at addresses below 1024");

    unsigned *heap = malloc(SIZE);
    CHECK(heap != NULL);
    for (int i = 0; i < ADDRESSES; i++)
        CHECK((uintptr_t)addresses[i] < (uintptr_t)heap);
    puts("the heap lies above all data");

    fill(heap);
    work();
    CHECK(intact(heap));
    CHECK(strcmp(first_text, "first") == 0 && strcmp(first_data, "first") == 0 && bss[0] == 0);
    puts("after work in the library: intact");

    /* Big blocks, so that the memory has to grow. */
    for (int i = 0; i < 10; i++) {
        char *more = malloc(SIZE);
        CHECK(more != NULL);
        memset(more, i, SIZE);
    }
    CHECK(intact(heap));
    puts("after growing by 40 MiB: intact");

    printf("sum of 1..100000, on the stack: %u\n", sum_on_stack(100000));
    CHECK(intact(heap));
    return 0;
}
