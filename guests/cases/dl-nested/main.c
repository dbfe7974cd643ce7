/* The linker is called while it is in the middle of a load or of an unloading, and must not hold on to anything
 * that this would change. */
#include "../dl.h"

static int is_loaded(const char *name)
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    if (handle)
        CLOSE(handle);
    return handle != NULL;
}

static int compares;
static int compare_by_library(const void *a, const void *b)
{
    void *library = OPEN("libcompare.so", RTLD_NOW);
    int (*compare)(const void *, const void *) = FUNCTION(int (*)(const void *, const void *), library, "compare");
    int result = compare(a, b);
    CLOSE(library);
    CHECK(!is_loaded("libcompare.so"));
    compares++;
    return result;
}

static void at_exit(void)
{
    puts("main: handler of exit opens a library");
    void *late = OPEN("liblate.so", RTLD_NOW);
    dl_call(late, "late");
    /* Left open: its destructor is registered while the others run. */
}

int main(void)
{
    void *outer = OPEN("libouter.so", RTLD_NOW);
    CHECK(is_loaded("libinner.so"));
    puts("outer is open, and inner with it");
    CLOSE(outer);
    CHECK(!is_loaded("libinner.so") && !is_loaded("libouter.so"));
    puts("outer is closed, and inner with it");

    void *self = OPEN("libself.so", RTLD_NOW);
    CHECK(self == *(void **)FIND(self, "self_handle"));
    puts("self: closed in its constructor, still open");
    CLOSE(self);
    CHECK(!is_loaded("libself.so"));

    void *ping = OPEN("libping.so", RTLD_NOW), *pong = dlopen("libpong.so", RTLD_NOW | RTLD_NOLOAD);
    CHECK(pong != NULL && pong != ping);
    /* Opened by main, by the other's constructor, and pong just now. */
    CLOSE(ping);
    CHECK(is_loaded("libping.so"));
    CLOSE(ping);
    CHECK(!is_loaded("libping.so"));
    CLOSE(pong);
    CHECK(is_loaded("libpong.so"));
    CLOSE(pong);
    CHECK(!is_loaded("libpong.so"));

    int numbers[] = {8, 3, 5, 1, 2};
    qsort(numbers, 5, sizeof numbers[0], compare_by_library);
    CHECK(compares > 4);
    printf("in a callback of qsort: sorted");
    for (int i = 0; i < 5; i++)
        printf(" %d", numbers[i]);
    puts(", compare opened and closed each time");

    void *dying = OPEN("libdying.so", RTLD_NOW);
    *(void **)FIND(dying, "my_handle") = dying;
    CLOSE(dying);
    CHECK(!is_loaded("libdying.so"));

    atexit(at_exit);
    return 0;
}
