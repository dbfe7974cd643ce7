/* What a program hands over by mistake. The linker reads it from the guest's memory, where everything can be anything. */
#include "../dl.h"

/* dlerror's text is UTF-8, without control characters other than line breaks. */
static void check_text(void)
{
    const unsigned char *at = (const unsigned char *)dlerror();
    CHECK(at != NULL && *at != 0);
    while (*at) {
        int more = *at < 0x80 ? 0 : *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc2 ? 1 : -1;
        CHECK(more >= 0 && (*at >= 0x20 || *at == '\n' || *at == '\t') && *at != 0x7f);
        at++;
        for (; more > 0; more--, at++)
            CHECK((*at & 0xc0) == 0x80);
    }
    CHECK(dlerror() == NULL);
}

static void no_library(const char *name)
{
    if (dlopen(name, RTLD_NOW) || dlopen(name, RTLD_LAZY | RTLD_GLOBAL)) {
        fprintf(stderr, "%s could be opened\n", name);
        exit(1);
    }
    check_text();
}

static void no_symbol(void *handle, const char *name)
{
    CHECK(dlsym(handle, name) == NULL);
    check_text();
}

static int a_datum;

static void handles(void *good)
{
    void *const wrong[] = {
        (void *)0x12345678, (void *)1,  (void *)2,  (void *)3,   (void *)0xfffffff0, (void *)0x80000000,
        &a_datum,           (void *)-2, (void *)0x7fffffff, (char *)good + 1, (char *)good - 1,
    };
    int count = sizeof wrong / sizeof wrong[0];
    for (int i = 0; i < count; i++) {
        no_symbol(wrong[i], "good");
        CHECK(dlclose(wrong[i]) != 0);
        check_text();
        void *map;
        CHECK(dlinfo(wrong[i], RTLD_DI_LINKMAP, &map) == -1);
        check_text();
    }
    printf("handles that are none: %d errors\n", count);
    CHECK(dlclose(NULL) != 0);
    check_text();
    CHECK(dlclose(RTLD_NEXT) != 0);
    check_text();
}

static void closed(void *good)
{
    CLOSE(good);
    no_symbol(good, "good");
    CHECK(dlclose(good) != 0);
    check_text();
    CHECK(dlclose(good) != 0);
    check_text();
    puts("closed handles: errors");
}

static void pointers(void *good)
{
    const char *volatile null = NULL;
    no_symbol(good, null);
    no_symbol(RTLD_DEFAULT, null);
    no_symbol(RTLD_NEXT, null);
    puts("null names: errors");

    const uintptr_t beyond[] = {0xffffffff, 0xfffffff0, 0xfffe0000, (uintptr_t)__builtin_wasm_memory_size(0) << 16};
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        no_library((const char *)beyond[i]);
        no_symbol(good, (const char *)beyond[i]);
        no_symbol(RTLD_DEFAULT, (const char *)beyond[i]);
    }
    puts("names beyond the memory: errors");

    char *page = (char *)(__builtin_wasm_memory_grow(0, 1) << 16);
    memset(page, 'a', 1 << 16);
    /* Nothing may come behind it: what the linker keeps there is made before. */
    CHECK(__builtin_wasm_memory_size(0) << 16 == (uintptr_t)page + (1 << 16));
    CHECK(dlsym(good, page + 65000) == NULL);
    check_text();
    if (__builtin_wasm_memory_size(0) << 16 == (uintptr_t)page + (1 << 16)) {
        CHECK(dlopen(page + 65530, RTLD_NOW) == NULL);
        check_text();
    }
    puts("a name that does not end before the memory does: an error");
}

static void names(void *good)
{
    const char *const not_utf8[] = {"\xff\xfe.so", "lib\xc3.so", "/plugins/\xe4.so", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80"};
    for (size_t i = 0; i < sizeof not_utf8 / sizeof not_utf8[0]; i++) {
        no_library(not_utf8[i]);
        no_symbol(good, not_utf8[i]);
        no_symbol(RTLD_DEFAULT, not_utf8[i]);
    }
    puts("names that are not UTF-8: errors");

    const char *const control[] = {"a\nb.so", "\x1b[31mred.so", "\x7f", "tab\t.so", "/plugins/\r\x08.so", "\xc2\x9b-31m.so"};
    for (size_t i = 0; i < sizeof control / sizeof control[0]; i++) {
        no_library(control[i]);
        no_symbol(good, control[i]);
    }
    puts("names with control characters: errors, without these");

    /* Characters of two, three and four bytes at every offset from where a text might be cut. */
    static char name[1 << 20];
    const char *const characters[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (int which = 0; which < 3; which++) {
        size_t width = strlen(characters[which]);
        for (size_t shift = 0; shift < 5; shift++) {
            const size_t sizes[] = {200, 254, 300, 1000, 5000, sizeof name - 10};
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                size_t at = shift;
                memset(name, 'x', shift);
                for (; at + width < sizes[i]; at += width)
                    memcpy(name + at, characters[which], width);
                name[at] = 0;
                no_library(name);
                no_symbol(good, name);
                memcpy(name, "/plugins/", 9);
                name[9] = 'x';
                for (size_t k = 10; (name[k] & 0xc0) == 0x80; k++)
                    name[k] = 'x';
                no_library(name);
            }
        }
    }
    puts("long names: errors, cut between characters if at all");

    const char *const odd[] = {".", "..", "/", "//", "./", "/plugins", "/plugins/", "/plugins/.", "/plugins/libgood.so/",
                               "/plugins/libgood.so/x", "%s%n", "lib good.so", "$ORIGIN", "$ORIGIN/", "$ORIGINAL/libgood.so", "x$ORIGIN/libgood.so",
                               "LIBGOOD.SO"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        no_library(odd[i]);
    no_symbol(good, "");
    no_symbol(RTLD_DEFAULT, "");
    puts("empty and odd names: errors");
}

static void information(void *good)
{
    Dl_info *const nowhere = (Dl_info *)0xfffffff8;
    CHECK(dladdr(FIND(good, "good"), nowhere) == 0);
    Dl_info info;
    CHECK(dladdr((void *)0xfffffff0, &info) == 0);
    CHECK(dladdr(NULL, &info) == 0);
    dlerror();
    const int requests[] = {RTLD_DI_LMID, RTLD_DI_LINKMAP, RTLD_DI_SERINFO, RTLD_DI_SERINFOSIZE, RTLD_DI_ORIGIN};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        CHECK(dlinfo(good, requests[i], (void *)0xfffffffe) == -1);
        check_text();
    }
    const int wrong[] = {0, -1, 7, 99, 1 << 30};
    char room[8];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK(dlinfo(good, wrong[i], room) == -1);
        check_text();
    }
    puts("dladdr and dlinfo with wrong pointers: errors");
}

int main(void)
{
    void *good = OPEN("libgood.so", RTLD_NOW);
    handles(good);
    closed(good);
    good = OPEN("libgood.so", RTLD_NOW);
    pointers(good);
    names(good);
    information(good);
    CHECK(OPEN("libgood.so", RTLD_NOW) == good && dl_call(good, "good") == 5);
    CHECK(dlerror() == NULL);
    puts("after all this: the library works");
    return 0;
}
