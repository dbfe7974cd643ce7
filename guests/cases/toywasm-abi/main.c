/* Names come with a length, functions and data are asked for apart, and there is no dlerror and no dlclose. */
#include "dyld.h"
#include "../dl.h"

static uint32_t load(const char *name)
{
    uint32_t handle = 0;
    CHECK(load_object(name, strlen(name), 0, &handle) == 0);
    CHECK(handle != 0);
    return handle;
}

static void *resolve(uint32_t handle, int kind, const char *name)
{
    void *address = NULL;
    CHECK(resolve_symbol(handle, kind, name, strlen(name), &address) == 0);
    return address;
}

int main(void)
{
    uint32_t good = 0;
    const char text[] = "libgood.so.and.more";
    CHECK(load_object(text, 10, 0, &good) == 0);
    puts("loaded by name, of a given length");
    dl_function *function = (dl_function *)(uintptr_t)resolve(good, FUNC, "good");
    int *number = resolve(good, MEMORY, "good_number");
    printf("function and data: %d, %d\n", function(), *number);
    printf("of what it needs: %d\n", ((dl_function *)(uintptr_t)resolve(good, FUNC, "below"))());
    CHECK(load("libgood.so") == good);
    CHECK(load("libbelow.so") != good);
    CHECK(resolve(load("libbelow.so"), FUNC, "below") == resolve(good, FUNC, "below"));
    puts("one object, one handle");

    void *const untouched = (void *)0x5a5a5a5a;
    void *address = untouched;
    CHECK(resolve_symbol(good, MEMORY, "good", 4, &address) != 0);
    CHECK(resolve_symbol(good, FUNC, "good_number", 11, &address) != 0);
    puts("the kinds of symbols are different things");

    uint32_t plugin = load("/plugins/libplugin.so");
    printf("by path: %d\n", ((dl_function *)(uintptr_t)resolve(plugin, FUNC, "below"))());

    uint32_t handle = 0;
    int errors = 0;
    errors += load_object("libnothing.so", 13, 0, &handle) != 0;
    errors += load_object("libgood.so", 9, 0, &handle) != 0;
    errors += load_object("libgood.so", 10, 1, &handle) != 0;
    errors += load_object("libundefined.so", 15, 0, &handle) != 0;
    errors += load_object("", 0, 0, &handle) != 0;
    errors += load_object("libgood.so", 0xfffffff0, 0, &handle) != 0;
    errors += load_object((const char *)0xfffffff0, 10, 0, &handle) != 0;
    CHECK(handle == 0);
    errors += load_object("libgood.so", 10, 0, (uint32_t *)0xfffffffe) != 0;
    errors += resolve_symbol(good, FUNC, "nothing", 7, &address) != 0;
    errors += resolve_symbol(good, 3, "good", 4, &address) != 0;
    errors += resolve_symbol(good, 0, "good", 4, &address) != 0;
    errors += resolve_symbol(0, FUNC, "good", 4, &address) != 0;
    errors += resolve_symbol(0x12345678, FUNC, "good", 4, &address) != 0;
    errors += resolve_symbol(good, FUNC, "good", 4, (void **)0xfffffffd) != 0;
    printf("wrong in every way: %d errors\n", errors);
    CHECK(address == untouched);
    puts("nothing was written with an error");

    dlerror();
    void *by_libc = OPEN("libgood.so", RTLD_NOW);
    CHECK(FUNCTION(dl_function *, by_libc, "good") == function && FIND(by_libc, "good_number") == number);
    CLOSE(by_libc);
    CHECK(function() == 42);
    puts("together with dlsym of libc: the same");
    return 0;
}
