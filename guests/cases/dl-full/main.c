/* dlerror needs memory for its text too, when there is none. */
#include "../dl.h"

int main(void)
{
    void *small = OPEN("libsmall.so", RTLD_NOW);
    for (size_t pages = 1 << 15; pages > 0; pages /= 2)
        while (__builtin_wasm_memory_grow(0, pages) != (size_t)-1) {
        }
    /* What libc still has. */
    void *volatile taken;
    do
        taken = malloc(100);
    while (taken);
    puts("the memory is full");

    CHECK(dlopen("libbig.so", RTLD_NOW) == NULL);
    CHECK_ERROR("libbig.so");
    puts("too big: an error with a text");
    CHECK(dl_call(small, "small") == 1);
    CLOSE(small);
    puts("what was open works, and can be closed");
    for (int i = 0; i < 20; i++) {
        small = OPEN("libsmall.so", RTLD_NOW);
        CHECK(dl_call(small, "small") == 1);
        if (i == 0)
            puts("in the room that it leaves: opened again");
        CHECK(dlopen("libbig.so", RTLD_NOW) == NULL);
        CLOSE(small);
    }
    puts("20 times");
    return 0;
}
