/* A server that reloads its plugins all day. Ranges have to be used again, and to be clean when they are. */
#include "../dl.h"

static size_t pages(void) { return __builtin_wasm_memory_size(0); }

/* The slot of a function that is new each time tells how large the table has become. */
static size_t highest_slot;
static void note(void *function)
{
    if ((size_t)function > highest_slot)
        highest_slot = (size_t)function;
}

int main(void)
{
    enum { TIMES = 300, FIRST = 20 };
    char *heap = malloc(50000);
    CHECK(heap != NULL);
    memset(heap, 'h', 50000);
    void *stay = NULL;
    int farewells = 0;
    size_t pages_then = 0, slot_then = 0;
    for (int i = 0; i < TIMES; i++) {
        void *library = OPEN("libcycle.so", i % 3 ? RTLD_NOW : RTLD_LAZY | RTLD_GLOBAL);
        int (*cycle)(int, int *) = FUNCTION(int (*)(int, int *), library, "cycle");
        note((void *)cycle);
        CHECK(cycle(i, &farewells));
        CHECK(farewells == i);
        if (i == 5)
            stay = OPEN("libstay.so", RTLD_NOW);
        CLOSE(library);
        CHECK(farewells == i + 1);
        if (i == FIRST) {
            pages_then = pages();
            slot_then = highest_slot;
        }
    }
    printf("%d times: every time fresh, with all handlers\n", TIMES);
    CHECK(pages() <= pages_then);
    CHECK(highest_slot <= slot_then);
    puts("memory and table: not larger at the end than after the first times");
    for (int i = 0; i < 50000; i++)
        CHECK(heap[i] == 'h');
    CHECK(FUNCTION(int (*)(int), stay, "stay_sum")(1) == 1000 + 5);
    free(heap);
    puts("the heap and a library beside it: intact");
    return 0;
}
