/* A library that is loaded twice has its data and its constructors twice: two halves of a program then work
 * with different states. Names are no help, since one file has many; the file's identity decides. */
#include "../dl.h"
#include <unistd.h>

static const char *const names[] = {
    "libx.so",
    "/plugins/libx.so",
    "./libx.so",
    "a/../libx.so",
    "/plugins/a/../libx.so",
    "//plugins/.///libx.so",
    "plugins/libx.so",
    "./././libx.so",
};
enum { COUNT = sizeof names / sizeof names[0] };

static int is_loaded(const char *name)
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    if (handle)
        CLOSE(handle);
    return handle != NULL;
}

static void many_names(void)
{
    void *x = OPEN(names[0], RTLD_NOW);
    for (int i = 0; i < COUNT; i++) {
        void *handle = dlopen(names[i], i % 2 ? RTLD_NOW : RTLD_LAZY);
        if (handle != x) {
            fprintf(stderr, "%s: %s\n", names[i], handle ? "another object" : dlerror());
            exit(1);
        }
        CHECK(dl_call(handle, "increment") == i + 1);
    }
    printf("%d names, 1 handle\n", COUNT);

    void *other = OPEN("/plugins/a/libother.so", RTLD_NOW);
    CHECK(other != x && dl_call(other, "increment") == 1);
    puts("another file: another handle");

    for (int i = 0; i < COUNT; i++)
        CLOSE(x);
    CHECK(is_loaded("libx.so"));
    CHECK(dl_call(x, "increment") == COUNT + 1);
    printf("opened %d times, closed %d times: still there\n", COUNT + 1, COUNT);
    CLOSE(x);
    for (int i = 0; i < COUNT; i++)
        CHECK(!is_loaded(names[i]));
    printf("closed %d times: gone\n", COUNT + 1);
    CLOSE(other);
}

static void needed(void)
{
    void *y = OPEN("/plugins/liby.so", RTLD_NOW);
    void *x = OPEN("./libx.so", RTLD_NOW);
    CHECK(dl_call(y, "increment_by_y") == 1 && dl_call(x, "increment") == 2);
    CHECK(OPEN("liby.so", RTLD_NOW) == y);
    CLOSE(y);
    puts("the one that liby.so needs: the same");
    CLOSE(x);
    CHECK(dl_call(y, "increment_by_y") == 3);
    puts("closed alone: still there for liby.so");
    CLOSE(y);
    CHECK(!is_loaded("libx.so") && !is_loaded("liby.so"));

    y = OPEN("liby.so", RTLD_NOW);
    x = OPEN("libx.so", RTLD_NOW);
    CLOSE(y);
    CHECK(!is_loaded("liby.so") && is_loaded("libx.so"));
    CHECK(dl_call(x, "increment") == 1);
    puts("liby.so closed first: libx.so still there");
    CLOSE(x);
}

static void copy(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    CHECK(in && out);
    char buffer[4096];
    size_t size;
    while ((size = fread(buffer, 1, sizeof buffer, in)) > 0)
        CHECK(fwrite(buffer, 1, size, out) == size);
    fclose(in);
    CHECK(fclose(out) == 0);
}

static void links_and_copies(void)
{
    copy("/plugins/libx.so", "/tmp/libx.so");
    CHECK(symlink("libx.so", "/tmp/symbolic.so") == 0);
    CHECK(link("/tmp/libx.so", "/tmp/hard.so") == 0);
    void *x = OPEN("/tmp/symbolic.so", RTLD_NOW);
    CHECK(OPEN("/tmp/libx.so", RTLD_NOW) == x);
    CHECK(OPEN("/tmp/hard.so", RTLD_NOW) == x);
    CHECK(dl_call(x, "increment") == 1);
    puts("by symbolic and hard link: the same");

    void *original = OPEN("/plugins/libx.so", RTLD_NOW);
    CHECK(original != x);
    CHECK(dl_call(original, "increment") == 1 && dl_call(original, "increment") == 2);
    CHECK(dl_call(x, "increment") == 2);
    CHECK(FIND(x, "value") != FIND(original, "value"));
    puts("a copy of the file: another object with data of its own");
    CLOSE(original);
    for (int i = 0; i < 3; i++)
        CLOSE(x);
    CHECK(!is_loaded("/tmp/hard.so"));
}

int main(void)
{
    many_names();
    needed();
    links_and_copies();
    return 0;
}
