/* Half of a failed load that stays behind shows later: a name that counts as loaded, a symbol of what is not there, memory
 * that is not clean, a handler that runs at exit. */
#include "../dl.h"

int of_main(int n) { return n; }

/* Handlers that the trapping constructor had registered: they run when its library is taken out again, not at exit. */
int undone;

static int count(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)info, (void)size;
    ++*(int *)data;
    return 0;
}

static int objects(void)
{
    int found = 0;
    dl_iterate_phdr(count, &found);
    return found;
}

static char *heap;
static int objects_before;

static void check_as_before(void)
{
    CHECK(objects() == objects_before);
    for (int i = 0; i < 5000; i++)
        CHECK(heap[i] == 'h');
    CHECK(dlsym(RTLD_DEFAULT, "good") == NULL && dlsym(RTLD_DEFAULT, "call") == NULL);
    CHECK(dlerror() != NULL);
    CHECK(dlopen("libgood.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    void *good = OPEN("libgood.so", RTLD_NOW | RTLD_GLOBAL);
    CHECK(dl_call(good, "good") == 1);
    CHECK(objects() == objects_before + 1);
    CLOSE(good);
    CHECK(objects() == objects_before);
}

static void fail(const char *name, int flags, const char *part)
{
    CHECK(dlopen(name, flags) == NULL);
    CHECK_ERROR(part);
    CHECK(dlopen(name, RTLD_NOW | RTLD_NOLOAD) == NULL);
}

static void fails(const char *what, const char *name, const char *part)
{
    fail(name, RTLD_NOW | RTLD_GLOBAL, part);
    fail(name, RTLD_NOW | RTLD_LOCAL, part);
    /* NOLOAD may have something to say of a file that is no module. */
    dlerror();
    check_as_before();
    printf("%s: as before\n", what);
}

/* A copy of libgood.so of `size` bytes (0: all), with the byte at `change` changed if that is not 0. */
static void write_broken(const char *name, size_t size, size_t change)
{
    FILE *in = fopen("/plugins/libgood.so", "rb"), *out = fopen(name, "wb");
    CHECK(in && out);
    int c;
    for (size_t i = 0; (c = getc(in)) != EOF && (size == 0 || i < size); i++)
        putc(change && i == change ? c ^ 0x7f : c, out);
    fclose(in);
    CHECK(fclose(out) == 0);
}

static void at_exit(void) { puts("main: atexit"); }

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "exit") == 0) {
        atexit(at_exit);
        puts("before");
        dlopen("libexit.so", RTLD_NOW);
        puts("not reached");
        return 1;
    }
    heap = malloc(5000);
    CHECK(heap != NULL);
    memset(heap, 'h', 5000);
    objects_before = objects();

    fails("missing by name", "libnothing.so", "libnothing.so");
    fails("missing by path", "/plugins/libnothing.so", "libnothing.so");
    fails("a folder", "/plugins", "/plugins");
    fails("empty file", "/data/empty.so", "empty.so");
    fails("garbage", "/data/garbage.so", "garbage.so");
    write_broken("/tmp/short.so", 200, 0);
    fails("a module cut short", "/tmp/short.so", "short.so");
    /* The size of the first section. */
    write_broken("/tmp/broken.so", 0, 9);
    fails("a module with a broken section", "/tmp/broken.so", "broken.so");
    fails("missing needed of needed", "libouter.so", "libgone.so");
    fails("undefined symbol", "libundefined.so", "missing_function");
    fails("another type", "libclash.so", "of_main");
    fails("trap in the constructor", "libtrap.so", "libtrap.so");
    CHECK(undone == 2);
    fails("abort in the constructor", "libabort.so", "libabort.so");
    fails("trap after opening another library", "libopens.so", "libopens.so");

    const char *const names[] = {"libouter.so", "libundefined.so", "libclash.so", "libtrap.so", "/tmp/short.so"};
    size_t pages = 0;
    for (int i = 0; i < 200; i++) {
        fail(names[i % 5], RTLD_NOW, "");
        if (i == 20)
            pages = __builtin_wasm_memory_size(0);
    }
    CHECK(undone == 2 + 40);
    CHECK(__builtin_wasm_memory_size(0) == pages);
    check_as_before();
    puts("200 failures later: as before");
    return 0;
}
