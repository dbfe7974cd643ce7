/*
 * The open callback: libraries from memory, identities, errors, and finalizers that run once.
 */
#include "build.h"
#include "check.h"

static struct module *answer(int number)
{
    struct module *m = module_new();
    module_function(m, "answer", "", "i", CODE(I32_CONST, (uint8_t)number));
    return m;
}

static struct host host_with_shelf(struct shelf *shelf)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    memset(shelf, 0, sizeof *shelf);
    WORKS(wasm_dyld_config_set_open(config, shelf_open, shelf, shelf_finalize, &error));
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("cases/circular-needed"), &error));
    return host_with(config);
}

static void from_memory(void)
{
    struct shelf shelf;
    struct host host = host_with_shelf(&shelf);
    wasm_dyld_object_t *object = NULL, *again = NULL;
    shelf_add(&shelf, "liba.so", answer(11));
    WORKS(wasm_dyld_load(host.dyld, "liba.so", 0, &object, &error));
    SAME(CALL0(host.dyld, find(host.dyld, object, "answer")), 11);
    CHECK(wasm_dyld_object_path(host.dyld, object) == NULL);
    SAME_TEXT(wasm_dyld_object_name(host.dyld, object), "liba.so");
    size_t asked = shelf.asked;
    WORKS(wasm_dyld_load(host.dyld, "liba.so", 0, &again, &error));
    CHECK(again == object);
    SAME(shelf.asked, asked); /* what is loaded under a name is not searched again */
    /* A path does not pass the callback. */
    FAILS(wasm_dyld_load(host.dyld, "./liba.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, "./liba.so", NULL);
    SAME(shelf.asked, asked);
    SAME(shelf.finalized, 0);
    host_delete(&host);
    SAME(shelf.finalized, 1);
    shelf_clear(&shelf);
    ok("libraries from memory");
}

static void identities(void)
{
    struct shelf shelf;
    struct host host = host_with_shelf(&shelf);
    wasm_dyld_object_t *one = NULL, *two = NULL, *three = NULL;
    shelf_add(&shelf, "liba.so", answer(1));
    shelf_add(&shelf, "liba.so.1", answer(1));
    shelf_add(&shelf, "libb.so", answer(2));
    shelf.modules[0].identity = shelf.modules[1].identity = "a";
    WORKS(wasm_dyld_load(host.dyld, "liba.so", 0, &one, &error));
    WORKS(wasm_dyld_load(host.dyld, "liba.so.1", 0, &two, &error));
    WORKS(wasm_dyld_load(host.dyld, "libb.so", 0, &three, &error));
    CHECK(one == two && two != three);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    struct module *m = module_new();
    module_needs(m, "liba.so.1");
    module_needs(m, "liba.so");
    module_needs(m, "libb.so");
    WORKS(load_module(host.dyld, "top.so", m, 0, &two, &error));
    SAME(wasm_dyld_object_needed_count(host.dyld, two), 2);
    CHECK(wasm_dyld_object_needed_at(host.dyld, two, 0) == one && wasm_dyld_object_needed_at(host.dyld, two, 1) == three);
    SAME(wasm_dyld_object_count(host.dyld), 3);
    host_delete(&host);
    shelf_clear(&shelf);
    ok("one identity is one object");
}

/* What is asked for by the name that a library has for itself is that library, and nobody is asked for a file. */
static void sonames(void)
{
    struct shelf shelf;
    struct host host = host_with_shelf(&shelf);
    wasm_dyld_object_t *one = NULL, *two = NULL, *top = NULL;
    struct module *library = answer(7), *other = answer(8), *user = module_new(), *bad = answer(9);
    module_soname(library, "libx.so.1");
    module_soname(other, "libx.so.1");
    module_soname(bad, "../libx.so.1");
    module_needs(user, "libx.so.1");
    FAILS(wasm_dyld_load(host.dyld, "libx.so.1", 0, NULL, &error), WASM_DYLD_NOT_FOUND, "libx.so.1", NULL);
    WORKS(load_module(host.dyld, "file.so", library, 0, &one, &error));
    size_t asked = shelf.asked;
    WORKS(wasm_dyld_load(host.dyld, "libx.so.1", 0, &two, &error));
    CHECK(one == two);
    WORKS(load_module(host.dyld, "other.so", other, 0, &two, &error));
    CHECK(one != two);
    WORKS(load_module(host.dyld, "top.so", user, 0, &top, &error));
    CHECK(wasm_dyld_object_needed_at(host.dyld, top, 0) == one);
    SAME(shelf.asked, asked);
    SAME_TEXT(wasm_dyld_object_name(host.dyld, one), "file.so");
    FAILS(load_module(host.dyld, "bad.so", bad, 0, NULL, &error), WASM_DYLD_MALFORMED, "wasmdyld.soname", "path separator", NULL);
    host_delete(&host);
    shelf_clear(&shelf);
    ok("names that libraries have for themselves");
}

static struct {
    const char *name, *needed_by;
    int32_t answer;
    int asked;
} expected;

static int32_t note(void *env, const char *name, const char *needed_by, const uint8_t **bytes, size_t *size, const uint8_t **identity,
                    size_t *identity_size)
{
    CHECK(env == &expected && *bytes == NULL && *size == 0 && *identity == NULL && *identity_size == 0);
    SAME_TEXT(name, expected.name);
    CHECK((needed_by == NULL) == (expected.needed_by == NULL));
    if (needed_by)
        SAME_TEXT(needed_by, expected.needed_by);
    expected.asked++;
    if (expected.answer == -2)
        *size = 100;
    return expected.answer == -2 ? 0 : expected.answer;
}

static void failures(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, note, &expected, NULL, &error));
    WORKS(wasm_dyld_config_add_library_path(config, "/nowhere", &error));
    struct host host = host_with(config);
    expected.name = "libx.so";
    expected.needed_by = NULL;
    expected.answer = 1;
    FAILS(wasm_dyld_load(host.dyld, "libx.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, "open callback: does not have it", "/nowhere/libx.so", NULL);
    expected.answer = 5;
    FAILS(wasm_dyld_load(host.dyld, "libx.so", 0, NULL, &error), WASM_DYLD_IO, "libx.so", "the host's open callback", "failed with 5", NULL);
    expected.answer = -2; /* a size without bytes */
    FAILS(wasm_dyld_load(host.dyld, "libx.so", 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "given by the callback", "NULL", NULL);
    expected.answer = 0; /* neither bytes nor size: an empty file */
    FAILS(wasm_dyld_load(host.dyld, "libx.so", 0, NULL, &error), WASM_DYLD_MALFORMED, "empty", NULL);
    expected.answer = 7;
    expected.needed_by = "top.so";
    struct module *m = module_new();
    module_needs(m, "libx.so");
    FAILS(load_module(host.dyld, "top.so", m, 0, NULL, &error), WASM_DYLD_IO, "libx.so, needed by top.so", "failed with 7", NULL);
    SAME(expected.asked, 5);
    host_delete(&host);
    ok("what a callback may answer");
}

static void search_goes_on(void)
{
    struct shelf shelf;
    struct host host = host_with_shelf(&shelf);
    wasm_dyld_object_t *object = NULL;
    /* libeven.so and libodd.so lie in the library path and need each other and libc.so, which the callback gives another one for. */
    shelf_add(&shelf, "libc.so", answer(3));
    KEEPS(wasm_dyld_load(host.dyld, "libeven.so", 0, &object, &error), WASM_DYLD_UNDEFINED_SYMBOL, "needed by libeven.so", "needed by libodd.so", NULL);
    CHECK(object == NULL);
    forget_error();
    host_delete(&host);
    shelf_clear(&shelf);
    ok("what the callback does not have is searched in the library paths");
}

static struct host *inner;
static wasm_dyld_code_t inner_code;

static int32_t reenter(void *env, const char *name, const char *needed_by, const uint8_t **bytes, size_t *size, const uint8_t **identity,
                       size_t *identity_size)
{
    (void)env, (void)name, (void)needed_by, (void)bytes, (void)size, (void)identity, (void)identity_size;
    wasm_dyld_error_t *problem = NULL;
    inner_code = wasm_dyld_load(inner->dyld, "another.so", 0, NULL, &problem);
    wasm_dyld_error_delete(problem);
    SAME(wasm_dyld_object_count(inner->dyld), 0);
    return 1;
}

static void reentry(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, reenter, NULL, NULL, &error));
    struct host host = host_with(config);
    inner = &host;
    FAILS(wasm_dyld_load(host.dyld, "libx.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, "libx.so", NULL);
    SAME(inner_code, WASM_DYLD_BUSY);
    host_delete(&host);
    ok("a callback that loads is told that it cannot");
}

int main(void)
{
    from_memory();
    identities();
    sonames();
    failures();
    search_goes_on();
    reentry();
    return 0;
}
