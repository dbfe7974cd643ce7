/*
 * Opening: flags, scopes, lookups from an object and of an address, what can be asked of objects, and files under several names.
 */
#define _POSIX_C_SOURCE 200809L
#include "build.h"
#include "check.h"
#include <sys/stat.h>
#include <unistd.h>

static struct host host;
static struct shelf shelf;

static void begin(void)
{
    shelf_clear(&shelf);
    host = host_with(shelf_config(&shelf));
}

static wasm_dyld_object_t *load(const char *name, uint32_t flags)
{
    wasm_dyld_object_t *object = NULL;
    WORKS(wasm_dyld_load(host.dyld, name, flags, &object, &error));
    CHECK(object != NULL);
    return object;
}

static void close_object(wasm_dyld_object_t *object) { WORKS(wasm_dyld_unload(host.dyld, object, &error)); }

/* A library with a function NAME that gives a number. */
static struct module *number(const char *name, int n)
{
    struct module *m = module_new();
    module_function(m, name, "", "i", CODE(I32_CONST, (uint8_t)n));
    return m;
}

/* One that imports NAME and has `ask`, which calls it. */
static struct module *asking(const char *name, const char *needs)
{
    struct module *m = module_new();
    if (needs)
        module_needs(m, needs);
    module_import(m, "env", name, "", "i");
    module_function(m, "ask", "", "i", CODE(CALL, 0));
    return m;
}

static int32_t ask(wasm_dyld_object_t *object, const char *name) { return CALL0(host.dyld, find(host.dyld, object, name)); }

static void no_load(void)
{
    begin();
    wasm_dyld_object_t *object = (wasm_dyld_object_t *)&host;
    /* Nothing has been loaded at all. */
    WORKS(wasm_dyld_load(host.dyld, "a.so", WASM_DYLD_NOLOAD, &object, &error));
    CHECK(object == NULL);
    shelf_add(&shelf, "a.so", number("a", 1));
    shelf_add(&shelf, "b.so", number("b", 2));
    WORKS(wasm_dyld_load(host.dyld, "a.so", WASM_DYLD_NOLOAD | WASM_DYLD_GLOBAL | WASM_DYLD_NODELETE, &object, &error));
    CHECK(object == NULL);
    WORKS(wasm_dyld_load(host.dyld, "a.so", WASM_DYLD_NOLOAD, NULL, &error));
    SAME(wasm_dyld_object_count(host.dyld), 0);
    SAME(wasm_dyld_instance_count(host.dyld), 0);

    wasm_dyld_object_t *a = load("a.so", 0);
    size_t asked = shelf.asked;
    CHECK(load("a.so", WASM_DYLD_NOLOAD) == a);
    OPENS(host.dyld, a, 2, 0);
    CHECK(!wasm_dyld_object_is_global(host.dyld, a));
    CHECK(load("a.so", WASM_DYLD_NOLOAD | WASM_DYLD_GLOBAL) == a);
    OPENS(host.dyld, a, 3, 0);
    CHECK(wasm_dyld_object_is_global(host.dyld, a));
    SAME(ask(NULL, "a"), 1);
    SAME(shelf.asked, asked);
    object = a;
    WORKS(wasm_dyld_load(host.dyld, "b.so", WASM_DYLD_NOLOAD, &object, &error));
    CHECK(object == NULL);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    close_object(a);
    close_object(a);
    close_object(a);
    WORKS(wasm_dyld_load(host.dyld, "a.so", WASM_DYLD_NOLOAD, &object, &error));
    CHECK(object == NULL);
    host_delete(&host);
    ok("NOLOAD opens only what is there");
}

static void no_delete(void)
{
    begin();
    struct module *m = asking("deep", "deep.so");
    m->memory_size = 4;
    module_datum(m, "datum", 0);
    shelf_add(&shelf, "stays.so", m);
    shelf_add(&shelf, "deep.so", number("deep", 7));
    shelf_add(&shelf, "later.so", number("later", 8));
    wasm_dyld_object_t *stays = load("stays.so", WASM_DYLD_NODELETE);
    CHECK(wasm_dyld_object_is_nodelete(host.dyld, stays));
    write_int(host.dyld, address_of(host.dyld, stays, "datum"), 55);
    close_object(stays);
    OPENS(host.dyld, stays, 0, 0);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    SAME(ask(stays, "ask"), 7);
    FAILS(wasm_dyld_unload(host.dyld, stays, &error), WASM_DYLD_INVALID_ARGUMENT, "stays.so", NULL);
    CHECK(load("stays.so", 0) == stays);
    OPENS(host.dyld, stays, 1, 0);
    SAME(read_int(host.dyld, address_of(host.dyld, stays, "datum")), 55);
    CHECK(wasm_dyld_object_is_nodelete(host.dyld, stays));
    close_object(stays);
    SAME(wasm_dyld_object_count(host.dyld), 2);

    /* Said of one that is open already. */
    wasm_dyld_object_t *later = load("later.so", 0);
    CHECK(!wasm_dyld_object_is_nodelete(host.dyld, later));
    CHECK(load("later.so", WASM_DYLD_NOLOAD | WASM_DYLD_NODELETE) == later);
    CHECK(wasm_dyld_object_is_nodelete(host.dyld, later));
    close_object(later);
    close_object(later);
    SAME(ask(later, "later"), 8);
    SAME(wasm_dyld_object_count(host.dyld), 3);
    host_delete(&host);
    ok("NODELETE keeps an object");
}

static void promotion(void)
{
    begin();
    struct module *m = number("which", 1);
    module_needs(m, "deep.so");
    shelf_add(&shelf, "one.so", m);
    shelf_add(&shelf, "two.so", number("which", 2));
    shelf_add(&shelf, "deep.so", number("deep", 3));
    wasm_dyld_object_t *one = load("one.so", 0), *two = load("two.so", WASM_DYLD_GLOBAL), *deep = wasm_dyld_object_needed_at(host.dyld, one, 0);
    FAILS(wasm_dyld_dlsym(host.dyld, NULL, "deep", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "deep", NULL);
    CHECK(load("one.so", WASM_DYLD_GLOBAL) == one);
    CHECK(wasm_dyld_object_is_global(host.dyld, one) && wasm_dyld_object_is_global(host.dyld, deep));
    SAME(ask(NULL, "deep"), 3);
    SAME(ask(NULL, "which"), 2); /* behind what is there */
    /* Global for good: opening it LOCAL takes nothing back, nor does closing it once. */
    load("one.so", WASM_DYLD_LOCAL);
    close_object(one);
    close_object(one);
    CHECK(wasm_dyld_object_is_global(host.dyld, one));
    close_object(two);
    SAME(ask(NULL, "which"), 1);
    host_delete(&host);
    ok("GLOBAL promotes, behind what is there");
}

static void local_libraries(void)
{
    begin();
    shelf_add(&shelf, "one.so", number("which", 1));
    shelf_add(&shelf, "two.so", number("which", 2));
    shelf_add(&shelf, "needs-two.so", asking("which", "two.so"));
    shelf_add(&shelf, "needs-none.so", asking("which", NULL));
    wasm_dyld_object_t *one = load("one.so", 0), *two = load("two.so", WASM_DYLD_LOCAL);
    SAME(ask(one, "which"), 1);
    SAME(ask(two, "which"), 2);
    FAILS(wasm_dyld_load(host.dyld, "needs-none.so", 0, NULL, &error), WASM_DYLD_UNDEFINED_SYMBOL, "which", NULL);
    SAME(ask(load("needs-two.so", 0), "ask"), 2);
    /* The global scope comes before a library's own. */
    load("one.so", WASM_DYLD_GLOBAL);
    SAME(ask(load("needs-none.so", 0), "ask"), 1);
    SAME(ask(load("needs-two.so", 0), "ask"), 2); /* bound before */
    host_delete(&host);
    ok("LOCAL libraries do not see each other");
}

static void deep_bind(void)
{
    begin();
    shelf_add(&shelf, "global.so", number("which", 1));
    shelf_add(&shelf, "own.so", number("which", 2));
    shelf_add(&shelf, "shallow.so", asking("which", "own.so"));
    shelf_add(&shelf, "deep.so", asking("which", "own.so"));
    for (int deep = 0; deep < 2; deep++) {
        struct module *m = module_new();
        module_import(m, "env", "which", "", "i");
        module_function(m, "which", "", "i", CODE(I32_CONST, 3));
        module_function(m, "ask", "", "i", CODE(CALL, 0));
        shelf_add(&shelf, deep ? "deep-self.so" : "shallow-self.so", m);
    }
    load("global.so", WASM_DYLD_GLOBAL);
    SAME(ask(load("shallow.so", 0), "ask"), 1);
    SAME(ask(load("deep.so", WASM_DYLD_DEEPBIND), "ask"), 2);
    SAME(ask(load("shallow-self.so", 0), "ask"), 1);
    SAME(ask(load("deep-self.so", WASM_DYLD_DEEPBIND), "ask"), 3);
    host_delete(&host);
    ok("DEEPBIND searches a library's own group first");
}

static void lazy(void)
{
    begin();
    shelf_add(&shelf, "lazy.so", asking("sometime", NULL));
    shelf_add(&shelf, "two.so", asking("sometime", NULL));
    shelf_add(&shelf, "definer.so", number("sometime", 4));
    shelf_add(&shelf, "other.so", number("sometime", 5));
    FAILS(wasm_dyld_load(host.dyld, "lazy.so", WASM_DYLD_NOW, NULL, &error), WASM_DYLD_UNDEFINED_SYMBOL, "sometime", NULL);
    wasm_dyld_object_t *object = load("lazy.so", WASM_DYLD_LAZY), *second = load("two.so", WASM_DYLD_LAZY);
    FAILS(try_call(host.dyld, find(host.dyld, object, "ask"), NULL, 0), WASM_DYLD_TRAP, "undefined symbol sometime: func () -> i32, called by lazy.so", NULL);
    wasm_dyld_object_t *definer = load("definer.so", WASM_DYLD_GLOBAL);
    SAME(ask(object, "ask"), 4);
    load("other.so", WASM_DYLD_GLOBAL);
    SAME(ask(second, "ask"), 4);
    SAME(ask(object, "ask"), 4);
    /* Both are bound to it now. */
    close_object(definer);
    close_object(object);
    SAME(ask(second, "ask"), 4);
    CHECK(wasm_dyld_object_name(host.dyld, definer) != NULL);
    close_object(second);
    CHECK(wasm_dyld_object_name(host.dyld, definer) == NULL);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    host_delete(&host);
    ok("LAZY functions are bound at the first call");
}

static void contradictions(void)
{
    begin();
    shelf_add(&shelf, "a.so", number("a", 1));
    static const uint32_t flags[] = {
        WASM_DYLD_LAZY | WASM_DYLD_NOW, WASM_DYLD_LOCAL | WASM_DYLD_GLOBAL, 1 << 20, 0x80000000, 16, WASM_DYLD_NOLOAD | 512,
    };
    for (int loaded = 0; loaded < 2; loaded++) {
        for (size_t i = 0; i < COUNT_OF(flags); i++) {
            wasm_dyld_object_t *object = NULL;
            FAILS(wasm_dyld_load(host.dyld, "a.so", flags[i], &object, &error), WASM_DYLD_INVALID_ARGUMENT, "load flags", NULL);
            CHECK(object == NULL);
        }
        SAME(wasm_dyld_object_count(host.dyld), loaded);
        OPENS(host.dyld, load("a.so", 0), 1 + loaded, 0);
    }
    host_delete(&host);
    ok("flags that contradict each other");
}

/* RTLD_NEXT. */

static int32_t ask_next(const wasm_dyld_object_t *caller, const char *name)
{
    wasm_func_t *function = NULL;
    wasm_dyld_symbol_kind_t kind = WASM_DYLD_DATA;
    uint64_t slot = 0;
    WORKS(wasm_dyld_dlsym_next(host.dyld, caller, name, &kind, &function, &slot, &error));
    SAME(kind, WASM_DYLD_FUNC);
    CHECK(function != NULL && filled(host.dyld, slot));
    return CALL0(host.dyld, function);
}

static void no_next(const wasm_dyld_object_t *caller, const char *name)
{
    wasm_func_t *function = NULL;
    uint64_t value = 0;
    FAILS(wasm_dyld_dlsym_next(host.dyld, caller, name, NULL, &function, &value, &error), WASM_DYLD_NOT_FOUND, name, NULL);
    CHECK(function == NULL);
}

static void next(void)
{
    static const char *const names[] = {"g1.so", "g2.so", "g3.so"};
    wasm_dyld_object_t *objects[3];
    begin();
    for (int i = 0; i < 3; i++) {
        struct module *m = number("which", i + 1);
        m->memory_size = 4;
        module_datum(m, i == 1 ? "other_datum" : "datum", 0);
        shelf_add(&shelf, names[i], m);
        objects[i] = load(names[i], WASM_DYLD_GLOBAL);
    }
    SAME(ask_next(objects[0], "which"), 2);
    SAME(ask_next(objects[1], "which"), 3);
    no_next(objects[2], "which");
    no_next(objects[0], "nothing");
    wasm_dyld_symbol_kind_t kind = WASM_DYLD_FUNC;
    wasm_func_t *function = NULL;
    uint64_t value = 0;
    WORKS(wasm_dyld_dlsym_next(host.dyld, objects[0], "datum", &kind, &function, &value, &error));
    SAME(kind, WASM_DYLD_DATA);
    CHECK(function == NULL);
    SAME(value, address_of(host.dyld, objects[2], "datum"));
    WORKS(wasm_dyld_dlsym_next(host.dyld, objects[0], "which", NULL, NULL, NULL, &error));
    close_object(objects[1]);
    SAME(ask_next(objects[0], "which"), 3);
    FAILS(wasm_dyld_dlsym_next(host.dyld, NULL, "which", NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "object", NULL);
    FAILS(wasm_dyld_dlsym_next(host.dyld, objects[1], "which", NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "gone", NULL);
    FAILS(wasm_dyld_dlsym_next(host.dyld, objects[0], NULL, NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);

    /* A caller outside of the global scope: what was loaded with it, and nothing of the global scope. */
    struct module *top = number("local", 11);
    module_needs(top, "l1.so");
    module_needs(top, "l2.so");
    shelf_add(&shelf, "top.so", top);
    shelf_add(&shelf, "l1.so", number("local", 12));
    struct module *l2 = number("local", 13);
    module_function(l2, "last", "", "i", CODE(I32_CONST, 14));
    shelf_add(&shelf, "l2.so", l2);
    wasm_dyld_object_t *object = load("top.so", 0), *first = wasm_dyld_object_needed_at(host.dyld, object, 0);
    SAME(ask_next(object, "local"), 12);
    SAME(ask_next(first, "local"), 13);
    SAME(ask_next(first, "last"), 14);
    no_next(wasm_dyld_object_needed_at(host.dyld, object, 1), "local");
    no_next(object, "which");
    host_delete(&host);
    ok("the next definition");
}

static void defaults(void)
{
    begin();
    FAILS(wasm_dyld_dlsym(host.dyld, NULL, "which", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "which", NULL);
    struct module *m = number("program", 1);
    module_function(m, "_start", "", "", CODE(RETURN));
    module_needs(m, "needed.so");
    shelf_add(&shelf, "needed.so", number("needed", 2));
    shelf_add(&shelf, "local.so", number("local", 3));
    shelf_add(&shelf, "global.so", number("program", 4));
    WORKS(load_module(host.dyld, "program.wasm", m, WASM_DYLD_PROGRAM, NULL, &error));
    load("local.so", 0);
    load("global.so", WASM_DYLD_GLOBAL);
    SAME(ask(NULL, "program"), 1);
    SAME(ask(NULL, "needed"), 2);
    FAILS(wasm_dyld_dlsym(host.dyld, NULL, "local", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "local", NULL);
    SAME(ask_next(wasm_dyld_object_at(host.dyld, 0), "program"), 4);
    host_delete(&host);
    ok("the global scope");
}

/* dladdr. */

#define NO_ADDRESS(kind, value) \
    FAILS(wasm_dyld_dladdr(host.dyld, kind, value, &object, &symbol, &symbol_value, &error), WASM_DYLD_NOT_FOUND, NULL)

static wasm_trap_t *do_nothing(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments, (void)results;
    return NULL;
}

static void addresses(void)
{
    wasm_dyld_object_t *object = NULL;
    const char *symbol = NULL;
    uint64_t symbol_value = 0;
    begin();
    NO_ADDRESS(WASM_DYLD_FUNC, 1);
    NO_ADDRESS(WASM_DYLD_DATA, 1024);
    define_function(&host, "env", "host_function", 0, 0, do_nothing);
    struct module *m = module_new();
    m->memory_size = 64;
    uint32_t entry = module_import_global(m, "GOT.func", "host_function", true);
    module_slot(m, module_function(m, NULL, "", "i", CODE(I32_CONST, 1)));
    module_slot(m, module_function(m, "in_segment", "", "i", CODE(I32_CONST, 2)));
    module_function(m, "elsewhere", "", "i", CODE(I32_CONST, 3));
    module_function(m, "host_slot", "", "i", CODE(GLOBAL_GET, (uint8_t)entry));
    module_datum(m, "second", 32);
    module_datum(m, "first", 8);
    wasm_dyld_object_t *a = NULL, *b = NULL;
    WORKS(load_module(host.dyld, "a.so", m, 0, &a, &error));
    m = number("in_b", 1);
    m->memory_size = 16;
    module_datum(m, "b_datum", 0);
    WORKS(load_module(host.dyld, "b.so", m, WASM_DYLD_GLOBAL, &b, &error));

    static const char *const functions[] = {"in_segment", "elsewhere", "host_slot"};
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        uint32_t slot = slot_of(host.dyld, a, functions[i]);
        WORKS(wasm_dyld_dladdr(host.dyld, WASM_DYLD_FUNC, slot, &object, &symbol, &symbol_value, &error));
        CHECK(object == a);
        SAME_TEXT(symbol, functions[i]);
        SAME(symbol_value, slot);
    }
    /* A function without a name. */
    WORKS(wasm_dyld_dladdr(host.dyld, WASM_DYLD_FUNC, table_base_of(host.dyld, a), &object, &symbol, NULL, &error));
    CHECK(object == a && symbol == NULL);
    WORKS(wasm_dyld_dladdr(host.dyld, WASM_DYLD_FUNC, slot_of(host.dyld, b, "in_b"), &object, &symbol, NULL, &error));
    CHECK(object == b);
    SAME_TEXT(symbol, "in_b");
    NO_ADDRESS(WASM_DYLD_FUNC, 0);
    NO_ADDRESS(WASM_DYLD_FUNC, snapshot_of(host.dyld).slots);
    NO_ADDRESS(WASM_DYLD_FUNC, UINT64_MAX);
    NO_ADDRESS(WASM_DYLD_FUNC, (uint64_t)1 << 32 | slot_of(host.dyld, a, "elsewhere"));
    NO_ADDRESS(WASM_DYLD_FUNC, CALL0(host.dyld, find(host.dyld, a, "host_slot")));

    /* The last symbol at or before an address is taken for its owner. */
    static const struct {
        uint64_t offset, value;
        const char *symbol;
    } data[] = {{8, 8, "first"}, {9, 8, "first"}, {31, 8, "first"}, {32, 32, "second"}, {63, 32, "second"}};
    uint64_t base = memory_base_of(host.dyld, a);
    for (size_t i = 0; i < COUNT_OF(data); i++) {
        WORKS(wasm_dyld_dladdr(host.dyld, WASM_DYLD_DATA, base + data[i].offset, &object, &symbol, &symbol_value, &error));
        CHECK(object == a);
        SAME_TEXT(symbol, data[i].symbol);
        SAME(symbol_value, base + data[i].value);
    }
    WORKS(wasm_dyld_dladdr(host.dyld, WASM_DYLD_DATA, base + 7, &object, &symbol, NULL, &error));
    CHECK(object == a && symbol == NULL);
    base = memory_base_of(host.dyld, b);
    WORKS(wasm_dyld_dladdr(host.dyld, WASM_DYLD_DATA, base + 3, &object, &symbol, &symbol_value, &error));
    CHECK(object == b && symbol_value == base);
    WORKS(wasm_dyld_dladdr(host.dyld, WASM_DYLD_DATA, base, NULL, NULL, NULL, &error));
    NO_ADDRESS(WASM_DYLD_DATA, base + 16);
    NO_ADDRESS(WASM_DYLD_DATA, 0);
    NO_ADDRESS(WASM_DYLD_DATA, 1024); /* on the stack */
    NO_ADDRESS(WASM_DYLD_DATA, UINT64_MAX);
    FAILS(wasm_dyld_dladdr(host.dyld, (wasm_dyld_symbol_kind_t)7, base, NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);

    /* The name lives as long as the object. */
    WORKS(wasm_dyld_dladdr(host.dyld, WASM_DYLD_FUNC, slot_of(host.dyld, a, "elsewhere"), &object, &symbol, NULL, &error));
    uint32_t slot = slot_of(host.dyld, b, "in_b");
    close_object(b);
    SAME_TEXT(symbol, "elsewhere");
    NO_ADDRESS(WASM_DYLD_FUNC, slot);
    NO_ADDRESS(WASM_DYLD_DATA, base);
    host_delete(&host);
    ok("addresses have objects and symbols");
}

/* Introspection. */

static bool same_file(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void write_module(const char *path, struct module *m)
{
    struct bytes bytes = module_finish(m);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size && fclose(file) == 0);
    free(bytes.data);
}

static const char *path_in(const char *folder, const char *name)
{
    static char paths[4][4096];
    static unsigned at;
    char *path = paths[at++ % COUNT_OF(paths)];
    size_t length = strlen(folder);
    CHECK(length + strlen(name) + 2 < sizeof paths[0]);
    memcpy(path, folder, length);
    path[length] = '/';
    strcpy(path + length + 1, name);
    return path;
}

static void begin_with_paths(const char *first, const char *second)
{
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = shelf_config(&shelf);
    WORKS(wasm_dyld_config_add_library_path(config, first, &error));
    WORKS(wasm_dyld_config_add_library_path(config, second, &error));
    host = host_with(config);
}

static void introspection(void)
{
    mkdir("objects", 0777);
    struct module *m = number("top", 1);
    m->memory_size = 100;
    m->table_size = 3;
    module_needs(m, "libdeep.so");
    module_needs(m, "libmemory.so");
    write_module("objects/libtop.so", m);
    m = number("deep", 1);
    module_needs(m, "libmemory.so");
    write_module("objects/libdeep.so", m);
    begin_with_paths("/nowhere", "objects");
    SAME(wasm_dyld_library_path_count(host.dyld), 2);
    SAME_TEXT(wasm_dyld_library_path_at(host.dyld, 0), "/nowhere");
    CHECK(same_file(wasm_dyld_library_path_at(host.dyld, 1), "objects"));
    CHECK(wasm_dyld_library_path_at(host.dyld, 2) == NULL);
    CHECK(wasm_dyld_library_path_at(host.dyld, SIZE_MAX) == NULL);
    SAME(wasm_dyld_library_path_count(NULL), 0);
    CHECK(wasm_dyld_library_path_at(NULL, 0) == NULL);

    shelf_add(&shelf, "libmemory.so", number("memory", 1));
    wasm_dyld_object_t *top = load("libtop.so", WASM_DYLD_GLOBAL | WASM_DYLD_NODELETE), *deep = NULL, *memory = NULL;
    SAME(wasm_dyld_object_count(host.dyld), 3);
    CHECK(wasm_dyld_object_at(host.dyld, 0) == top);
    CHECK(wasm_dyld_object_at(host.dyld, 3) == NULL);
    SAME(wasm_dyld_object_needed_count(host.dyld, top), 2);
    deep = wasm_dyld_object_needed_at(host.dyld, top, 0);
    memory = wasm_dyld_object_needed_at(host.dyld, top, 1);
    SAME(wasm_dyld_object_needed_count(host.dyld, deep), 1);
    CHECK(wasm_dyld_object_needed_at(host.dyld, deep, 0) == memory);
    CHECK(wasm_dyld_object_at(host.dyld, 1) == deep && wasm_dyld_object_at(host.dyld, 2) == memory);
    SAME_TEXT(wasm_dyld_object_name(host.dyld, top), "libtop.so");
    CHECK(same_file(wasm_dyld_object_path(host.dyld, top), "objects/libtop.so"));
    CHECK(same_file(wasm_dyld_object_origin(host.dyld, top), "objects"));
    CHECK(same_file(wasm_dyld_object_origin(host.dyld, deep), "objects"));
    CHECK(wasm_dyld_object_path(host.dyld, memory) == NULL);
    CHECK(wasm_dyld_object_origin(host.dyld, memory) == NULL);
    CHECK(wasm_dyld_object_origin(host.dyld, NULL) == NULL);
    CHECK(wasm_dyld_object_is_global(host.dyld, deep));
    CHECK(wasm_dyld_object_is_nodelete(host.dyld, top));
    CHECK(!wasm_dyld_object_is_nodelete(host.dyld, NULL));
    OPENS(host.dyld, top, 1, 0);
    OPENS(host.dyld, deep, 0, 0);
    OPENS(host.dyld, memory, 0, 0);
    WORKS(wasm_dyld_object_opens(host.dyld, top, NULL, NULL, &error));
    FAILS(wasm_dyld_object_opens(host.dyld, NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "object", NULL);
    uint64_t base = 0, size = 0, slots = 0, count = 0;
    WORKS(wasm_dyld_object_place(host.dyld, top, &base, &size, &slots, &count, &error));
    CHECK(base >= 1024 && slots >= 1);
    SAME(size, 100);
    SAME(count, 3);

    /* In a file's own folder, however the file was reached. */
    host_delete(&host);
    begin_with_paths("objects", ".");
    shelf_add(&shelf, "libmemory.so", number("memory", 1));
    top = load("objects/../objects/libdeep.so", 0);
    SAME_TEXT(wasm_dyld_object_name(host.dyld, top), "libdeep.so");
    CHECK(same_file(wasm_dyld_object_origin(host.dyld, top), "objects"));
    write_module("libhere.so", number("here", 1));
    CHECK(same_file(wasm_dyld_object_origin(host.dyld, load("./libhere.so", 0)), "."));
    CHECK(same_file(wasm_dyld_object_origin(host.dyld, load("libhere.so", 0)), "."));
    host_delete(&host);
    ok("what can be asked of objects");
}

static void instances(void)
{
    begin();
    shelf_add(&shelf, "a.so", number("a", 1));
    SAME(wasm_dyld_instance_count(host.dyld), 0);
    SAME(wasm_dyld_instance_count(NULL), 0);
    uint64_t before = 0;
    for (int round = 0; round < 5; round++) {
        wasm_dyld_object_t *a = load("a.so", 0);
        uint64_t now = wasm_dyld_instance_count(host.dyld);
        CHECK(now > before);
        load("a.so", WASM_DYLD_GLOBAL);
        SAME(wasm_dyld_instance_count(host.dyld), now);
        slot_of(host.dyld, a, "a");
        CHECK(wasm_dyld_instance_count(host.dyld) >= now);
        before = wasm_dyld_instance_count(host.dyld);
        close_object(a);
        close_object(a);
        SAME(wasm_dyld_instance_count(host.dyld), before);
    }
    host_delete(&host);
    ok("instances are counted, and not given back");
}

/* Files. */

static void one_file(void)
{
    char here[2048];
    CHECK(getcwd(here, sizeof here) != NULL);
    mkdir("files", 0777);
    mkdir("files/sub", 0777);
    remove("files/link.so");
    remove("files/hard.so");
    write_module("files/libone.so", number("which", 1));
    write_module("files/libtwo.so", number("which", 2));
    CHECK(symlink("libone.so", "files/link.so") == 0);
    CHECK(link("files/libone.so", "files/hard.so") == 0);
    begin_with_paths("files/sub", "files");
    const char *paths[] = {"./files/libone.so", "files/libone.so",  "files/sub/../libone.so", "files/link.so",
                           "files/hard.so",     "files//libone.so", "files/./libone.so",      path_in(here, "files/libone.so"),
                           "libone.so",         "link.so"};
    wasm_dyld_object_t *one = NULL, *object = NULL;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        object = load(paths[i], 0);
        CHECK(one == NULL || object == one);
        one = object;
        CHECK(load(paths[i], WASM_DYLD_NOLOAD) == one);
        OPENS(host.dyld, one, 2 * (uint32_t)i + 2, 0);
        SAME(wasm_dyld_object_count(host.dyld), 1);
    }
    /* Under the name that it was found by first. */
    SAME_TEXT(wasm_dyld_object_name(host.dyld, one), "libone.so");
    struct module *m = asking("which", "link.so");
    WORKS(load_module(host.dyld, "asking.so", m, 0, &object, &error));
    CHECK(wasm_dyld_object_needed_at(host.dyld, object, 0) == one);
    close_object(object);
    static const char *const absent[] = {"files/libtwo.so", "libtwo.so", "files/absent.so", "absent.so", "files"};
    for (size_t i = 0; i < COUNT_OF(absent); i++) {
        wasm_dyld_code_t code = wasm_dyld_load(host.dyld, absent[i], WASM_DYLD_NOLOAD, &object, &error);
        CHECK(object == NULL);
        /* A folder is no library under any flags. */
        CHECK(i == 4 || code == WASM_DYLD_OK);
        forget_error();
    }
    SAME(wasm_dyld_object_count(host.dyld), 1);
    for (size_t i = 0; i < 2 * COUNT_OF(paths); i++)
        close_object(one);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    remove("files/libone.so");
    FAILS(wasm_dyld_load(host.dyld, "files/libone.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, "files/libone.so", NULL);
    FAILS(wasm_dyld_load(host.dyld, "files/link.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, "files/link.so", NULL);
    SAME(ask(load("files/hard.so", 0), "which"), 1);
    host_delete(&host);
    ok("one file is one object, whatever its name");
}

static void changed_files(void)
{
    mkdir("changing", 0777);
    write_module("changing/lib.so", number("which", 1));
    begin_with_paths("changing", ".");
    wasm_dyld_object_t *first = load("changing/lib.so", 0), *second = NULL, *third = NULL;
    /* Another file in its place is another library. */
    write_module("changing/new.so", number("which", 2));
    CHECK(rename("changing/new.so", "changing/lib.so") == 0);
    second = load("changing/lib.so", 0);
    CHECK(second != first);
    SAME(ask(first, "which"), 1);
    SAME(ask(second, "which"), 2);
    close_object(second);
    close_object(first);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    /* Written over, it is read anew once it was closed. */
    third = load("changing/lib.so", 0);
    SAME(ask(third, "which"), 2);
    write_module("changing/lib.so", number("which", 3));
    SAME(ask(load("changing/lib.so", 0), "which"), 2);
    close_object(third);
    close_object(third);
    SAME(ask(load("lib.so", 0), "which"), 3);
    host_delete(&host);
    ok("files that change");
}

/* File systems give a removed file's number to the next one; the library that came from the removed one is still there. */
static void recycled_file_numbers(void)
{
    mkdir("recycled", 0777);
    write_module("recycled/first.so", number("which", 0));
    begin_with_paths("recycled", ".");
    wasm_dyld_object_t *first = load("recycled/first.so", 0);
    remove("recycled/first.so");
    for (int i = 1; i < 8; i++) {
        char name[64];
        snprintf(name, sizeof name, "recycled/file%d.so", i);
        write_module(name, number("which", i));
        wasm_dyld_object_t *object = load(name, 0);
        CHECK(object != first);
        SAME(ask(object, "which"), i);
        remove(name);
    }
    SAME(ask(first, "which"), 0);
    host_delete(&host);
    ok("files with the number of a removed one");
}

int main(void)
{
    no_load();
    no_delete();
    promotion();
    local_libraries();
    deep_bind();
    lazy();
    contradictions();
    next();
    defaults();
    addresses();
    introspection();
    instances();
    one_file();
    changed_files();
    recycled_file_numbers();
    shelf_clear(&shelf);
    return 0;
}
