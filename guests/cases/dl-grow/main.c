/* A linker that remembers how large memory and table were puts the next library into the middle of what the
 * program has taken meanwhile. */
#include "grow.h"
#include "../dl.h"

enum { HEAP = 8 << 20, PAGES = 10, SLOTS = 100 };

static int all(const char *from, size_t size, int value)
{
    for (size_t i = 0; i < size; i++)
        if (from[i] != value)
            return 0;
    return 1;
}

int main(void)
{
    void *plain = OPEN("libplain.so", RTLD_NOW);
    char *heap = malloc(HEAP);
    CHECK(heap != NULL);
    memset(heap, 'm', HEAP);
    void *after = OPEN("libafter.so", RTLD_NOW);
    CHECK(dl_call(plain, "intact") && dl_call(after, "intact") && all(heap, HEAP, 'm'));
    puts("malloc of 8 MiB between two openings: both intact");
    CLOSE(after);

    char *pages = (char *)(__builtin_wasm_memory_grow(0, PAGES) << 16);
    CHECK(pages != (char *)(-1u << 16));
    memset(pages, 'p', PAGES << 16);
    after = OPEN("libafter.so", RTLD_NOW);
    CHECK(dl_call(plain, "intact") && dl_call(after, "intact") && all(heap, HEAP, 'm') && all(pages, PAGES << 16, 'p'));
    puts("memory.grow by 10 pages: they stay the program's");
    CLOSE(after);

    int slot = grow_table(SLOTS);
    CHECK(slot > 0 && table_size() == slot + SLOTS);
    after = OPEN("libafter.so", RTLD_NOW);
    CHECK(dl_call(plain, "intact") && dl_call(after, "intact"));
    for (int i = 0; i < SLOTS; i++)
        CHECK(is_null_slot(slot + i));
    puts("table.grow by 100 slots: they stay the program's");
    CLOSE(after);

    void *hungry = OPEN("libhungry.so", RTLD_NOW);
    after = OPEN("libafter.so", RTLD_NOW);
    CHECK(dl_call(hungry, "intact") && dl_call(after, "intact") && dl_call(plain, "intact"));
    puts("grown in a constructor: data of it and of the next one intact");

    CLOSE(plain);
    CLOSE(after);
    CHECK(dl_call(hungry, "intact"));
    CLOSE(hungry);
    CHECK(all(heap, HEAP, 'm') && all(pages, PAGES << 16, 'p'));
    for (int i = 0; i < SLOTS; i++)
        CHECK(is_null_slot(slot + i));
    free(heap);
    plain = OPEN("libplain.so", RTLD_NOW);
    CHECK(dl_call(plain, "intact") && all(pages, PAGES << 16, 'p'));
    puts("everything closed: the heap and the grown parts intact");
    return 0;
}
