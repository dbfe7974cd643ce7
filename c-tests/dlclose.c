/*
 * Closing: counts, what goes and what stays, what is given back, exit handlers, and closing in the midst of other things.
 */
#include "build.h"
#include "check.h"

static struct host host;
static struct shelf shelf;

static wasm_dyld_plt_t plt;

static void begin(void)
{
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = shelf_config(&shelf);
    WORKS(wasm_dyld_config_set_plt(config, plt, &error));
    host = host_with(config);
}

/* With a library that stays, so that memory and table do. */
static void begin_with_base(void)
{
    struct module *m = module_new();
    begin();
    m->memory_size = 4;
    module_function(m, "base", "", "i", CODE(I32_CONST, 42));
    module_datum(m, "base_datum", 0);
    WORKS(load_module(host.dyld, "base.so", m, 0, NULL, &error));
}

static wasm_dyld_object_t *load(const char *name, uint32_t flags)
{
    wasm_dyld_object_t *object = NULL;
    WORKS(wasm_dyld_load(host.dyld, name, flags, &object, &error));
    CHECK(object != NULL);
    return object;
}

static void close_object(wasm_dyld_object_t *object) { WORKS(wasm_dyld_unload(host.dyld, object, &error)); }

/* A datum that starts as 5 and to which the constructor adds 1, and one that starts as 0. */
static struct module *counter(void)
{
    struct module *m = module_new();
    m->memory_size = 16;
    m->memory_p2align = 2;
    module_data(m, 0, "\5\0\0\0", 4);
    uint32_t increment = module_function(
        m, "increment", "", "i",
        CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0, I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0));
    module_function(m, "get", "", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, 0));
    module_function(m, "nothing", "", "", CODE(RETURN));
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, (uint8_t)increment, DROP));
    module_slot(m, increment);
    module_datum(m, "counter", 0);
    module_datum(m, "zero", 8);
    return m;
}

/* A library with a function NAME that gives a number. */
static struct module *number(const char *name, int n)
{
    struct module *m = module_new();
    module_function(m, name, "", "i", CODE(I32_CONST, (uint8_t)n));
    return m;
}

static struct module *needing(const char *first, const char *second)
{
    struct module *m = module_new();
    module_needs(m, first);
    if (second)
        module_needs(m, second);
    return m;
}

static void counts(void)
{
    begin();
    shelf_add(&shelf, "a.so", counter());
    wasm_dyld_object_t *a = load("a.so", 0);
    OPENS(host.dyld, a, 1, 0);
    for (uint32_t opens = 2; opens <= 4; opens++) {
        CHECK(load("a.so", opens % 2 ? WASM_DYLD_LOCAL : WASM_DYLD_NOW) == a);
        OPENS(host.dyld, a, opens, 0);
    }
    SAME(read_int(host.dyld, address_of(host.dyld, a, "counter")), 6);
    for (uint32_t opens = 3; opens >= 1; opens--) {
        close_object(a);
        OPENS(host.dyld, a, opens, 0);
        SAME(CALL0(host.dyld, find(host.dyld, a, "get")), 6);
    }
    close_object(a);
    GONE(host.dyld, a);
    SAME(wasm_dyld_object_count(host.dyld), 0);

    /* Under the name that it was handed over with, bytes are opened again as everything else. */
    wasm_dyld_object_t *b = NULL, *c = NULL;
    WORKS(load_module(host.dyld, "b.so", counter(), 0, &b, &error));
    CHECK(load("b.so", 0) == b);
    OPENS(host.dyld, b, 2, 0);
    WORKS(load_module(host.dyld, "b.so", counter(), 0, &c, &error));
    CHECK(b != c && a != b && a != c);
    OPENS(host.dyld, b, 2, 0);
    OPENS(host.dyld, c, 1, 0);
    close_object(b);
    close_object(c);
    GONE(host.dyld, c);
    OPENS(host.dyld, b, 1, 0);
    close_object(b);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    host_delete(&host);
    ok("as many closings as openings");
}

/* A handle is never used again, however many objects come and go. */
static void handles(void)
{
    wasm_dyld_object_t *seen[30];
    begin_with_base();
    shelf_add(&shelf, "a.so", counter());
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        seen[i] = load("a.so", 0);
        for (size_t j = 0; j < i; j++)
            CHECK(seen[i] != seen[j]);
        close_object(seen[i]);
    }
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        GONE(host.dyld, seen[i]);
    host_delete(&host);
    ok("handles are used once");
}

static void fresh_data(void)
{
    begin_with_base();
    shelf_add(&shelf, "a.so", counter());
    wasm_dyld_object_t *base = wasm_dyld_object_at(host.dyld, 0), *after = NULL;
    uint64_t memory_base = 0, table_base = 0;
    write_int(host.dyld, address_of(host.dyld, base, "base_datum"), 1234);
    for (int round = 0; round < 4; round++) {
        wasm_dyld_object_t *a = load("a.so", 0);
        if (round == 0) {
            memory_base = memory_base_of(host.dyld, a);
            table_base = table_base_of(host.dyld, a);
            /* What comes to lie behind it keeps its place open. */
            WORKS(load_module(host.dyld, "after.so", counter(), 0, &after, &error));
            write_int(host.dyld, address_of(host.dyld, after, "zero"), 4321);
        }
        SAME(memory_base_of(host.dyld, a), memory_base);
        SAME(table_base_of(host.dyld, a), table_base);
        SAME(read_int(host.dyld, address_of(host.dyld, a, "counter")), 6);
        SAME(read_int(host.dyld, address_of(host.dyld, a, "zero")), 0);
        SAME(CALL0(host.dyld, find(host.dyld, a, "increment")), 7);
        write_int(host.dyld, address_of(host.dyld, a, "zero"), 99);
        close_object(a);
        SAME(read_int(host.dyld, address_of(host.dyld, base, "base_datum")), 1234);
        SAME(read_int(host.dyld, address_of(host.dyld, after, "zero")), 4321);
        SAME(CALL0(host.dyld, find(host.dyld, after, "get")), 6);
    }
    /* Nothing of what was there shows to another one in its place. */
    struct module *m = module_new();
    wasm_dyld_object_t *zeros = NULL;
    m->memory_size = 16;
    m->memory_p2align = 2;
    WORKS(load_module(host.dyld, "zeros.so", m, 0, &zeros, &error));
    SAME(memory_base_of(host.dyld, zeros), memory_base);
    for (uint64_t at = 0; at < 16; at += 4)
        SAME(read_int(host.dyld, memory_base + at), 0);
    host_delete(&host);
    ok("reopened, a library starts anew in the same place");
}

/* Slots of its own segment, and one that dlsym gave. */
static void slots(void)
{
    begin_with_base();
    shelf_add(&shelf, "a.so", counter());
    struct snapshot before = {0, false, 0, 0};
    for (int round = 0; round < 20; round++) {
        wasm_dyld_object_t *a = load("a.so", 0);
        uint64_t own = table_base_of(host.dyld, a);
        SAME(slot_of(host.dyld, a, "increment"), own);
        uint32_t given = slot_of(host.dyld, a, "get"), third = slot_of(host.dyld, a, "nothing");
        CHECK(given != own && third != given);
        CHECK(filled(host.dyld, own) && filled(host.dyld, given) && filled(host.dyld, third));
        close_object(a);
        CHECK(!filled(host.dyld, own) && !filled(host.dyld, given) && !filled(host.dyld, third));
        if (round == 0)
            before = snapshot_of(host.dyld);
        UNCHANGED(host.dyld, before);
    }
    host_delete(&host);
    ok("slots are null after closing and used again");
}

static void needed_libraries(void)
{
    begin_with_base();
    shelf_add(&shelf, "top.so", needing("left.so", "right.so"));
    shelf_add(&shelf, "left.so", needing("bottom.so", NULL));
    shelf_add(&shelf, "right.so", needing("bottom.so", NULL));
    shelf_add(&shelf, "bottom.so", counter());
    shelf_add(&shelf, "odd.so", needing("even.so", NULL));
    shelf_add(&shelf, "even.so", needing("odd.so", "even.so"));

    /* All of a diamond goes with its top, though none but that was opened. */
    wasm_dyld_object_t *top = load("top.so", 0), *left = load("left.so", WASM_DYLD_NOLOAD);
    SAME(wasm_dyld_object_count(host.dyld), 5);
    OPENS(host.dyld, left, 1, 0);
    close_object(left);
    OPENS(host.dyld, left, 0, 0);
    FAILS(wasm_dyld_unload(host.dyld, left, &error), WASM_DYLD_INVALID_ARGUMENT, "left.so", NULL); /* needed, but not open */
    close_object(top);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    GONE(host.dyld, left);

    /* What was opened itself stays with what it needs. */
    top = load("top.so", 0);
    left = load("left.so", 0);
    write_int(host.dyld, address_of(host.dyld, left, "counter"), 50);
    close_object(top);
    SAME(wasm_dyld_object_count(host.dyld), 3);
    SAME(CALL0(host.dyld, find(host.dyld, left, "increment")), 51);
    top = load("top.so", 0);
    SAME(wasm_dyld_object_count(host.dyld), 5);
    SAME(CALL0(host.dyld, find(host.dyld, top, "increment")), 52);
    close_object(left);
    SAME(wasm_dyld_object_count(host.dyld), 5);
    close_object(top);
    SAME(wasm_dyld_object_count(host.dyld), 1);

    /* Libraries that need each other hold nobody. */
    wasm_dyld_object_t *odd = load("odd.so", 0), *even = load("even.so", 0);
    close_object(odd);
    SAME(wasm_dyld_object_count(host.dyld), 3);
    close_object(even);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    GONE(host.dyld, odd);
    host_delete(&host);
    ok("needed libraries follow");
}

/* Ways to be bound to `given` and `given_datum` of a library that is not needed. Each exports `use`, which gives 9. */
enum { BY_CALL, BY_LAZY_CALL, BY_ADDRESS, BY_DATUM, WAYS };

static struct module *user(int way)
{
    struct module *m = module_new();
    uint32_t entry;
    switch (way) {
    case BY_CALL:
    case BY_LAZY_CALL:
        module_import(m, "env", "given", "", "i");
        module_function(m, "use", "", "i", CODE(CALL, 0));
        return m;
    case BY_ADDRESS:
        entry = module_import_global(m, "GOT.func", "given", true);
        /* Type 0 is ()->i32, the type of `use` itself. */
        module_function(m, "use", "", "i", CODE(GLOBAL_GET, (uint8_t)entry, CALL_INDIRECT, 0, 0));
        return m;
    default:
        entry = module_import_global(m, "GOT.mem", "given_datum", true);
        module_function(m, "use", "", "i", CODE(GLOBAL_GET, (uint8_t)entry, I32_LOAD, 2, 0));
        return m;
    }
}

static struct module *giver(void)
{
    struct module *m = number("given", 9);
    m->memory_size = 8;
    m->memory_p2align = 2;
    module_data(m, 4, "\11\0\0\0", 4);
    module_datum(m, "given_datum", 4);
    return m;
}

static void bound_libraries(void)
{
    for (int n = 0; n < WAYS * 3; n++) {
        static const wasm_dyld_plt_t plts[] = {WASM_DYLD_PLT_AUTO, WASM_DYLD_PLT_WASM, WASM_DYLD_PLT_HOST};
        int way = n / 3;
        plt = plts[n % 3];
        begin_with_base();
        shelf_add(&shelf, "giver.so", giver());
        shelf_add(&shelf, "user.so", user(way));
        wasm_dyld_object_t *taker = NULL, *source = NULL, *again = NULL;
        if (way == BY_LAZY_CALL)
            taker = load("user.so", WASM_DYLD_LAZY);
        source = load("giver.so", WASM_DYLD_GLOBAL);
        if (way != BY_LAZY_CALL)
            taker = load("user.so", 0);
        if (way == BY_LAZY_CALL) {
            /* Nothing is bound before the first call. */
            close_object(source);
            GONE(host.dyld, source);
            FAILS(try_call(host.dyld, find(host.dyld, taker, "use"), NULL, 0), WASM_DYLD_TRAP, "undefined symbol given", "called by user.so", NULL);
            source = load("giver.so", WASM_DYLD_GLOBAL);
        }
        SAME(CALL0(host.dyld, find(host.dyld, taker, "use")), 9);
        close_object(source);
        SAME(wasm_dyld_object_count(host.dyld), 3);
        OPENS(host.dyld, source, 0, 0);
        SAME_TEXT(wasm_dyld_object_name(host.dyld, source), "giver.so");
        SAME(CALL0(host.dyld, find(host.dyld, taker, "use")), 9);
        FAILS(wasm_dyld_unload(host.dyld, source, &error), WASM_DYLD_INVALID_ARGUMENT, "giver.so", NULL);
        /* It is the same object still, and may be opened again. */
        write_int(host.dyld, address_of(host.dyld, source, "given_datum"), 10);
        again = load("giver.so", 0);
        CHECK(again == source);
        SAME(read_int(host.dyld, address_of(host.dyld, again, "given_datum")), 10);
        write_int(host.dyld, address_of(host.dyld, source, "given_datum"), 9);
        close_object(again);
        SAME(CALL0(host.dyld, find(host.dyld, taker, "use")), 9);
        close_object(taker);
        SAME(wasm_dyld_object_count(host.dyld), 1);
        GONE(host.dyld, source);
        GONE(host.dyld, taker);
        host_delete(&host);
    }

    plt = WASM_DYLD_PLT_AUTO;

    /* What the host looked up holds nothing. */
    begin_with_base();
    shelf_add(&shelf, "giver.so", giver());
    wasm_dyld_object_t *source = load("giver.so", 0);
    slot_of(host.dyld, source, "given");
    close_object(source);
    GONE(host.dyld, source);
    host_delete(&host);
    ok("what others are bound to stays as long as they do");
}

static void scopes(void)
{
    begin_with_base();
    shelf_add(&shelf, "one.so", number("which", 1));
    shelf_add(&shelf, "two.so", number("which", 2));
    struct module *top = needing("deep.so", NULL);
    shelf_add(&shelf, "top.so", top);
    shelf_add(&shelf, "deep.so", number("deep", 3));
    wasm_dyld_object_t *one = load("one.so", WASM_DYLD_GLOBAL), *two = load("two.so", WASM_DYLD_GLOBAL), *group = load("top.so", WASM_DYLD_GLOBAL);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "which")), 1);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "deep")), 3);
    close_object(one);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "which")), 2);
    one = load("one.so", WASM_DYLD_GLOBAL); /* behind the other now */
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "which")), 2);
    close_object(two);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "which")), 1);
    close_object(one);
    FAILS(wasm_dyld_dlsym(host.dyld, NULL, "which", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "which", NULL);
    close_object(group);
    FAILS(wasm_dyld_dlsym(host.dyld, NULL, "deep", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "deep", NULL);
    struct module *m = module_new();
    module_import(m, "env", "which", "", "i");
    FAILS(load_module(host.dyld, "late.so", m, 0, NULL, &error), WASM_DYLD_UNDEFINED_SYMBOL, "which", NULL);
    /* A new object under the old name is in the scope that it is loaded with. */
    one = load("one.so", 0);
    CHECK(!wasm_dyld_object_is_global(host.dyld, one));
    FAILS(wasm_dyld_dlsym(host.dyld, NULL, "which", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "which", NULL);
    host_delete(&host);
    ok("symbols leave the scopes");
}

static void wrong_arguments(void)
{
    begin_with_base();
    shelf_add(&shelf, "a.so", counter());
    struct host other = host_new();
    wasm_dyld_object_t *foreign = NULL, *a = load("a.so", 0);
    WORKS(load_module(other.dyld, "a.so", counter(), 0, &foreign, &error));
    FAILS(wasm_dyld_unload(host.dyld, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "object", NULL);
    FAILS(wasm_dyld_unload(NULL, a, &error), WASM_DYLD_INVALID_ARGUMENT, "namespace is NULL", NULL);
    FAILS(wasm_dyld_unload(host.dyld, foreign, &error), WASM_DYLD_INVALID_ARGUMENT, "not of this namespace", NULL);
    FAILS(wasm_dyld_unload(other.dyld, a, &error), WASM_DYLD_INVALID_ARGUMENT, "not of this namespace", NULL);
    FAILS(wasm_dyld_unload(host.dyld, (wasm_dyld_object_t *)&other, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    SAME(wasm_dyld_unload(host.dyld, foreign, NULL), WASM_DYLD_INVALID_ARGUMENT);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    SAME(wasm_dyld_object_count(other.dyld), 1);
    close_object(a);
    FAILS(wasm_dyld_unload(host.dyld, a, &error), WASM_DYLD_INVALID_ARGUMENT, "gone", NULL);
    FAILS(wasm_dyld_finish(NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "namespace is NULL", NULL);
    SAME(wasm_dyld_unload(other.dyld, foreign, NULL), WASM_DYLD_OK);
    SAME(wasm_dyld_object_count(other.dyld), 0);
    WORKS(wasm_dyld_finish(other.dyld, &error));
    host_delete(&other);
    host_delete(&host);
    ok("wrong arguments");
}

static void main_program(void)
{
    begin();
    shelf_add(&shelf, "helper.so", number("helper", 5));
    struct module *m = needing("helper.so", NULL);
    wasm_dyld_object_t *program = NULL, *helper = NULL;
    int32_t exit_code = -1;
    module_import(m, "env", "helper", "", "i");
    module_function(m, "_start", "", "", CODE(CALL, 0, DROP));
    WORKS(load_module(host.dyld, "program.wasm", m, WASM_DYLD_PROGRAM, &program, &error));
    OPENS(host.dyld, program, 1, 0);
    close_object(program);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    CHECK(wasm_dyld_object_is_program(host.dyld, program));
    FAILS(wasm_dyld_unload(host.dyld, program, &error), WASM_DYLD_INVALID_ARGUMENT, "program.wasm", NULL);
    helper = load("helper.so", 0);
    close_object(helper);
    FAILS(wasm_dyld_unload(host.dyld, helper, &error), WASM_DYLD_INVALID_ARGUMENT, "helper.so", NULL);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "helper")), 5);
    WORKS(wasm_dyld_run(host.dyld, &exit_code, &error));
    SAME(exit_code, 0);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    host_delete(&host);
    ok("the main program is never unloaded");
}

/* Several objects may have one name: it leads to the first that is there. */
static void same_names(void)
{
    wasm_dyld_object_t *one = NULL, *two = NULL;
    begin();
    WORKS(load_module(host.dyld, "same.so", number("which", 1), 0, &one, &error));
    WORKS(load_module(host.dyld, "same.so", number("which", 2), 0, &two, &error));
    CHECK(load("same.so", 0) == one);
    close_object(one);
    close_object(one);
    GONE(host.dyld, one);
    CHECK(load("same.so", 0) == two);
    SAME(CALL0(host.dyld, find(host.dyld, two, "which")), 2);
    close_object(two);
    close_object(two);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    host_delete(&host);
    ok("objects of the same name");
}

static void preloads(void)
{
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = shelf_config(&shelf);
    WORKS(wasm_dyld_config_add_preload(config, "preload.so", &error));
    host = host_with(config);
    struct module *m = number("which", 1);
    module_needs(m, "deep.so");
    shelf_add(&shelf, "preload.so", m);
    shelf_add(&shelf, "deep.so", number("deep", 2));
    shelf_add(&shelf, "a.so", number("which", 3));
    m = number("which", 4);
    module_function(m, "__wasm_call_ctors", "", "", CODE(UNREACHABLE));
    shelf_add(&shelf, "broken.so", m);
    FAILS(wasm_dyld_load(host.dyld, "broken.so", 0, NULL, &error), WASM_DYLD_TRAP, NULL);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    wasm_dyld_object_t *a = load("a.so", WASM_DYLD_GLOBAL), *preload = load("preload.so", WASM_DYLD_NOLOAD);
    SAME(wasm_dyld_object_count(host.dyld), 3);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "which")), 1);
    CHECK(wasm_dyld_object_is_nodelete(host.dyld, preload));
    OPENS(host.dyld, preload, 1, 0);
    close_object(preload);
    FAILS(wasm_dyld_unload(host.dyld, preload, &error), WASM_DYLD_INVALID_ARGUMENT, "preload.so", NULL);
    close_object(a);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "which")), 1);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "deep")), 2);
    host_delete(&host);
    ok("preloads stay");
}

/* What is unloaded counts for no limit. */
static void limits(void)
{
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = shelf_config(&shelf);
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_OBJECTS, 3, &error));
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_MEMORY_PAGES, 24, &error));
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_TABLE_SLOTS, 60, &error));
    host = host_with(config);
    WORKS(load_module(host.dyld, "base.so", number("base", 1), 0, NULL, &error));
    for (int round = 0; round < 30; round++) {
        wasm_dyld_object_t *top = NULL;
        struct module *m = needing("large.so", NULL), *large = counter();
        large->memory_size = 5 << 16;
        large->table_size = 40;
        shelf_clear(&shelf);
        shelf_add(&shelf, "large.so", large);
        WORKS(load_module(host.dyld, "top.so", m, 0, &top, &error));
        SAME(slot_of(host.dyld, top, "get") < 60, true);
        FAILS(load_module(host.dyld, "more.so", module_new(), 0, NULL, &error), WASM_DYLD_LIMIT, "limit of 3", NULL);
        close_object(top);
    }
    host_delete(&host);
    ok("limits count what is there");
}

/* A host's own reference to a function of a library that is gone: it can be called still, and does no harm. */
static void kept_functions(void)
{
    static const wasm_dyld_plt_t plts[] = {WASM_DYLD_PLT_AUTO, WASM_DYLD_PLT_WASM, WASM_DYLD_PLT_HOST};
    for (size_t i = 0; i < COUNT_OF(plts); i++) {
        plt = plts[i];
        begin_with_base();
        shelf_add(&shelf, "giver.so", giver());
        struct module *m = user(BY_CALL);
        module_function(m, "constant", "", "i", CODE(I32_CONST, 8));
        module_needs(m, "giver.so");
        shelf_add(&shelf, "user.so", m);
        wasm_dyld_object_t *object = load("user.so", 0);
        wasm_func_t *constant = wasm_func_copy(find(host.dyld, object, "constant")), *use = wasm_func_copy(find(host.dyld, object, "use"));
        SAME(CALL0(host.dyld, use), 9);
        close_object(object);
        SAME(wasm_dyld_object_count(host.dyld), 1);
        SAME(CALL0(host.dyld, constant), 8);
        /* Whether it still gets through to what it was bound to depends on how. (An engine may notice by an access to address 0 that
           it does not, which a memory checker does not let pass.) */
        if (!getenv("WASMDYLD_TEST_CHECKER")) {
            wasm_dyld_code_t code = try_call(host.dyld, use, NULL, 0);
            CHECK(code == WASM_DYLD_OK || code == WASM_DYLD_TRAP);
            forget_error();
        }
        wasm_func_delete(constant);
        wasm_func_delete(use);
        host_delete(&host);
    }
    plt = WASM_DYLD_PLT_AUTO;
    ok("functions kept by the host");
}

/* Exit handlers. */

static char notes[256];

static wasm_trap_t *note(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    size_t length = strlen(notes);
    (void)results;
    snprintf(notes + length, sizeof notes - length, "%s%d", length ? " " : "", (int)arguments->data[0].of.i32);
    return NULL;
}

/* What has been noted since the last time. */
#define NOTED(wanted) (SAME_TEXT(notes, wanted), (void)(notes[0] = 0))

enum { CXA_ATEXIT, ATEXIT, NOTE, FIRST_FUNCTION };

/* Its constructor registers three exit handlers, which note 10 * id + 3, 10 * id + 2, 10 * id + 1 when they run. */
static struct module *registers(int id, const char *needs)
{
    struct module *m = module_new();
    uint8_t n = (uint8_t)(10 * id);
    if (needs)
        module_needs(m, needs);
    m->memory_size = 4;
    m->memory_p2align = 2;
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_import(m, "env", "atexit", "i", "i");
    module_import(m, "test", "note", "i", "");
    module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, CALL, NOTE)));
    module_slot(m, module_function(m, NULL, "", "", CODE(I32_CONST, (uint8_t)(n + 2), CALL, NOTE)));
    uint8_t with = (uint8_t)module_function(m, "with", "i", "i", CODE(GLOBAL_GET, 1, LOCAL_GET, 0, GLOBAL_GET, 0, CALL, CXA_ATEXIT));
    uint8_t without = (uint8_t)module_function(m, "without", "", "i", CODE(GLOBAL_GET, 1, I32_CONST, 1, I32_ADD, CALL, ATEXIT));
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(I32_CONST, (uint8_t)(n + 1), CALL, with, DROP, CALL, without, DROP, I32_CONST, (uint8_t)(n + 3), CALL, with, DROP));
    return m;
}

static void begin_with_handlers(void)
{
    begin_with_base();
    define_function(&host, "test", "note", 1, 0, note);
    notes[0] = 0;
    shelf_add(&shelf, "one.so", registers(1, NULL));
    shelf_add(&shelf, "two.so", registers(2, "one.so"));
    shelf_add(&shelf, "three.so", registers(3, NULL));
}

static void handlers_on_closing(void)
{
    begin_with_handlers();
    for (int round = 0; round < 3; round++) {
        wasm_dyld_object_t *one = load("one.so", 0);
        load("one.so", 0);
        close_object(one);
        NOTED("");
        close_object(one);
        NOTED("13 12 11");
    }
    /* A library's handlers run before those of what it needs. */
    wasm_dyld_object_t *two = load("two.so", 0);
    close_object(two);
    NOTED("23 22 21 13 12 11");
    two = load("two.so", 0);
    wasm_dyld_object_t *one = load("one.so", 0);
    close_object(two);
    NOTED("23 22 21");
    /* What is registered later runs first. */
    SAME(CALL1(host.dyld, find(host.dyld, one, "with"), 7), 0);
    SAME(CALL0(host.dyld, find(host.dyld, one, "without")), 0);
    SAME(CALL1(host.dyld, find(host.dyld, one, "with"), 8), 0);
    close_object(one);
    NOTED("8 12 7 13 12 11");
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("");
    host_delete(&host);
    NOTED("");
    ok("exit handlers run when a library goes, in reverse, once");
}

static void handlers_at_the_end(void)
{
    begin_with_handlers();
    wasm_dyld_object_t *one = load("one.so", 0), *three = load("three.so", 0);
    CALL1(host.dyld, find(host.dyld, one, "with"), 5);
    CALL1(host.dyld, find(host.dyld, three, "with"), 6);
    CALL1(host.dyld, find(host.dyld, one, "with"), 7);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("7 6 5 33 32 31 13 12 11");
    SAME(wasm_dyld_object_count(host.dyld), 3);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("");
    /* Objects live on, and may register more. */
    CALL1(host.dyld, find(host.dyld, one, "with"), 8);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("8");
    CALL1(host.dyld, find(host.dyld, one, "with"), 9);
    CALL1(host.dyld, find(host.dyld, three, "with"), 10);
    close_object(one);
    NOTED("9");
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("10");
    close_object(three);
    NOTED("");

    /* The end of a namespace is the host's, and runs no guest code. */
    load("one.so", 0);
    host_delete(&host);
    NOTED("");
    ok("exit handlers run at the end, in reverse of all registrations, once");
}

static void nothing_to_finish(void)
{
    begin();
    WORKS(wasm_dyld_finish(host.dyld, &error));
    SAME(wasm_dyld_object_count(host.dyld), 0);
    CHECK(wasm_dyld_memory(host.dyld, NULL, NULL) == WASM_DYLD_BUSY);
    host_delete(&host);
    ok("an empty namespace ends");
}

/* A handler that registers another one, which is then the next to run. */
static void handlers_in_handlers(void)
{
    for (int by_close = 0; by_close < 2; by_close++) {
        begin_with_handlers();
        struct module *m = module_new();
        wasm_dyld_object_t *object = NULL;
        m->memory_size = 4;
        module_import(m, "env", "__cxa_atexit", "iii", "i");
        module_import(m, "env", "atexit", "i", "i");
        module_import(m, "test", "note", "i", "");
        /* While there is something to count down, it notes that and registers itself with one less. */
        module_slot(m, module_function(m, NULL, "i", "",
                                       CODE(LOCAL_GET, 0, CALL, NOTE, LOCAL_GET, 0, IF, NOTHING, GLOBAL_GET, 1, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, GLOBAL_GET, 0,
                                            CALL, CXA_ATEXIT, DROP, END)));
        module_function(m, "with", "i", "i", CODE(GLOBAL_GET, 1, LOCAL_GET, 0, GLOBAL_GET, 0, CALL, CXA_ATEXIT));
        WORKS(load_module(host.dyld, "more.so", m, 0, &object, &error));
        CALL1(host.dyld, find(host.dyld, object, "with"), 4);
        CALL1(host.dyld, find(host.dyld, object, "with"), 2);
        if (by_close)
            close_object(object);
        else
            WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("2 1 0 4 3 2 1 0");
        WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("");
        host_delete(&host);
    }
    ok("handlers that register handlers");
}

/* Its constructor registers a handler that notes 1, then the one of `code`, then one that notes 3. */
static struct module *ends_badly(const uint8_t *code, size_t size)
{
    struct module *m = module_new();
    m->memory_size = 4;
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_import(m, "env", "atexit", "i", "i");
    module_import(m, "test", "note", "i", "");
    module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
    module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, CALL, NOTE)));
    module_slot(m, module_function(m, NULL, "i", "", code, size));
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, 1, I32_CONST, 1, GLOBAL_GET, 0, CALL, CXA_ATEXIT, DROP, GLOBAL_GET, 1, I32_CONST, 1, I32_ADD, I32_CONST, 2, GLOBAL_GET, 0, CALL,
                         CXA_ATEXIT, DROP, GLOBAL_GET, 1, I32_CONST, 3, GLOBAL_GET, 0, CALL, CXA_ATEXIT, DROP));
    return m;
}

#define TRAPS CODE(LOCAL_GET, 0, CALL, NOTE, UNREACHABLE)
#define EXITS CODE(LOCAL_GET, 0, CALL, NOTE, I32_CONST, 17, CALL, 3)

static void handlers_that_fail(void)
{
    int32_t exit_code = 0;
    for (int exits = 0; exits < 2; exits++) {
        begin_with_handlers();
        WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
        wasm_dyld_object_t *bad = NULL;
        shelf_add(&shelf, "bad.so", exits ? ends_badly(EXITS) : ends_badly(TRAPS));
        bad = load("bad.so", 0);
        KEEPS(wasm_dyld_unload(host.dyld, bad, &error), exits ? WASM_DYLD_EXIT : WASM_DYLD_TRAP, "bad.so", exits ? "exited with code 17" : "unreachable", NULL);
        SAME(wasm_dyld_error_exit_code(error, &exit_code), exits);
        forget_error();
        CHECK(strncmp(notes, "3 2", 3) == 0);
        notes[0] = 0;
        GONE(host.dyld, bad);
        SAME(wasm_dyld_object_count(host.dyld), 1);
        /* Nothing is left of it to run. */
        WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("");
        bad = load("bad.so", 0);
        load("one.so", 0);
        FAILS(wasm_dyld_finish(host.dyld, &error), exits ? WASM_DYLD_EXIT : WASM_DYLD_TRAP, NULL);
        CHECK(strncmp(notes, "13 12 11 3 2", 12) == 0);
        notes[0] = 0;
        /* What failed does not run again. */
        if (wasm_dyld_finish(host.dyld, NULL) == WASM_DYLD_OK)
            CHECK(!strchr(notes, '2') && !strchr(notes, '3'));
        host_delete(&host);
    }
    ok("handlers that trap or exit");
}

/* A load that fails destroys what it had constructed, unless the guest has ended itself, and leaves nothing to run later. */
static void handlers_of_failed_loads(void)
{
    for (int exits = 0; exits < 2; exits++) {
        begin_with_handlers();
        WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
        struct module *m = needing("two.so", NULL);
        m->memory_size = 4;
        module_import(m, "env", "__cxa_atexit", "iii", "i");
        module_import(m, "test", "note", "i", "");
        module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
        module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, CALL, 1)));
        module_function(m, "__wasm_call_ctors", "", "",
                        CODE(GLOBAL_GET, 1, I32_CONST, 5, GLOBAL_GET, 0, CALL, 0, DROP, I32_CONST, (uint8_t)exits, IF, NOTHING, I32_CONST, 1, CALL, 2, END, UNREACHABLE));
        FAILS(load_module(host.dyld, "broken.so", m, 0, NULL, &error), exits ? WASM_DYLD_EXIT : WASM_DYLD_TRAP, "broken.so", NULL);
        NOTED(exits ? "" : "5 23 22 21 13 12 11");
        SAME(wasm_dyld_object_count(host.dyld), 1);
        WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("");
        host_delete(&host);
    }
    ok("a load that fails destroys what it had constructed");
}

/* Closing and loading while the guest runs. */

enum { NOTHING_TO_DO, LOAD_OTHER, CLOSE_OTHER, CLOSE_ITSELF, LOAD_ITSELF, FINISH, CLOSE_OFTEN, DELETE };

static wasm_dyld_object_t *other_object, *actor_object;
static wasm_dyld_code_t last_code;

static wasm_trap_t *act(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    wasm_dyld_error_t *problem = NULL;
    wasm_dyld_object_t *object = NULL;
    (void)results;
    note(arguments, results);
    switch (arguments->data[0].of.i32 % 10) {
    case LOAD_OTHER:
        last_code = wasm_dyld_load(host.dyld, "other.so", 0, &other_object, &problem);
        break;
    case CLOSE_OTHER:
        last_code = wasm_dyld_unload(host.dyld, other_object, &problem);
        break;
    case CLOSE_ITSELF:
        for (size_t i = 0; i < wasm_dyld_object_count(host.dyld) && !object; i++) {
            actor_object = wasm_dyld_object_at(host.dyld, i);
            if (strcmp(wasm_dyld_object_name(host.dyld, actor_object), "actor.so") == 0)
                object = actor_object;
        }
        last_code = wasm_dyld_unload(host.dyld, object, &problem);
        break;
    case LOAD_ITSELF:
        last_code = wasm_dyld_load(host.dyld, "actor.so", 0, &actor_object, &problem);
        break;
    case FINISH:
        last_code = wasm_dyld_finish(host.dyld, &problem);
        break;
    case DELETE:
        wasm_dyld_delete(host.dyld);
        break;
    case CLOSE_OFTEN:
        for (int round = 0; round < 3; round++) {
            wasm_dyld_object_t *loaded = NULL;
            last_code = wasm_dyld_load(host.dyld, "other.so", 0, &loaded, NULL);
            if (last_code == WASM_DYLD_OK)
                last_code = wasm_dyld_unload(host.dyld, loaded, &problem);
        }
        break;
    default:
        break;
    }
    wasm_dyld_error_delete(problem);
    return NULL;
}

/* Does one thing in its constructor, one in its exit handler (0: nothing), and what it is asked to. */
static struct module *actor(int at_first, int at_last)
{
    struct module *m = module_new();
    m->memory_size = 4;
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_import(m, "test", "act", "i", "");
    module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, CALL, 1)));
    module_function(m, "run", "i", "i", CODE(LOCAL_GET, 0, CALL, 1, I32_CONST, 33));
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, 1, I32_CONST, (uint8_t)at_last, GLOBAL_GET, 0, CALL, 0, DROP, I32_CONST, (uint8_t)at_first, CALL, 1));
    return m;
}

static void begin_with_actor(int at_first, int at_last)
{
    begin_with_base();
    define_function(&host, "test", "act", 1, 0, act);
    define_function(&host, "test", "note", 1, 0, note);
    shelf_add(&shelf, "other.so", registers(2, NULL));
    shelf_add(&shelf, "actor.so", actor(at_first, at_last));
    other_object = actor_object = NULL;
    last_code = WASM_DYLD_INTERNAL;
    notes[0] = 0;
}

static void acting_constructors(void)
{
    begin_with_actor(LOAD_OTHER, CLOSE_OTHER);
    wasm_dyld_object_t *object = load("actor.so", 0);
    SAME(last_code, WASM_DYLD_OK);
    OPENS(host.dyld, other_object, 1, 0);
    SAME(wasm_dyld_object_count(host.dyld), 3);
    NOTED("1");
    close_object(object);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("2 23 22 21");
    SAME(wasm_dyld_object_count(host.dyld), 1);
    GONE(host.dyld, other_object);
    host_delete(&host);

    begin_with_actor(CLOSE_OFTEN, CLOSE_OFTEN);
    object = load("actor.so", 0);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("6 23 22 21 23 22 21 23 22 21");
    /* What is closed while another one closes goes with it, as it is left by then. */
    close_object(object);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("6 23 22 21");
    SAME(wasm_dyld_object_count(host.dyld), 1);
    host_delete(&host);

    /* A constructor that ends the namespace's handlers runs those that are registered. */
    begin_with_actor(FINISH, NOTHING_TO_DO);
    load("other.so", 0);
    object = load("actor.so", 0);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("5 0 23 22 21");
    close_object(object);
    NOTED("");
    host_delete(&host);
    ok("constructors that load, close and finish");
}

static void acting_handlers(void)
{
    /* What a handler loads stays. */
    begin_with_actor(NOTHING_TO_DO, LOAD_OTHER);
    wasm_dyld_object_t *object = load("actor.so", 0);
    close_object(object);
    SAME(last_code, WASM_DYLD_OK);
    GONE(host.dyld, object);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    OPENS(host.dyld, other_object, 1, 0);
    NOTED("0 1");
    close_object(other_object);
    NOTED("23 22 21");
    host_delete(&host);

    /* The object whose handlers run has been closed already. */
    begin_with_actor(NOTHING_TO_DO, CLOSE_ITSELF);
    object = load("actor.so", 0);
    close_object(object);
    CHECK(last_code == WASM_DYLD_INVALID_ARGUMENT || last_code == WASM_DYLD_BUSY);
    GONE(host.dyld, object);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    NOTED("0 3");
    host_delete(&host);

    /* Opening it once more gives a live object or says that it cannot, not something in between. */
    begin_with_actor(NOTHING_TO_DO, LOAD_ITSELF);
    object = load("actor.so", 0);
    close_object(object);
    if (last_code == WASM_DYLD_OK) {
        OPENS(host.dyld, actor_object, 1, 0);
        SAME(CALL1(host.dyld, find(host.dyld, actor_object, "run"), NOTHING_TO_DO), 33);
    } else {
        SAME(last_code, WASM_DYLD_BUSY);
        SAME(wasm_dyld_object_count(host.dyld), 1);
    }
    host_delete(&host);

    begin_with_actor(NOTHING_TO_DO, FINISH);
    load("other.so", 0);
    object = load("actor.so", 0);
    close_object(object);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("0 5 23 22 21");
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("");
    host_delete(&host);

    /* At the end, all handlers have their turn, also where one closes what another belongs to. */
    begin_with_actor(LOAD_OTHER, CLOSE_OTHER);
    load("actor.so", 0);
    NOTED("1");
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("23 22 21 2");
    GONE(host.dyld, other_object);
    host_delete(&host);
    begin_with_actor(NOTHING_TO_DO, CLOSE_OTHER);
    other_object = load("other.so", 0);
    load("actor.so", 0);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("0 2 23 22 21");
    GONE(host.dyld, other_object);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("");
    host_delete(&host);
    ok("exit handlers that load, close and finish");
}

/* Calls that close what they are in: the code runs to its end. */
static void acting_functions(void)
{
    begin_with_actor(NOTHING_TO_DO, NOTHING_TO_DO);
    wasm_dyld_object_t *object = load("actor.so", 0);
    wasm_func_t *run = find(host.dyld, object, "run");
    SAME(CALL1(host.dyld, run, LOAD_OTHER), 33);
    SAME(CALL1(host.dyld, run, LOAD_OTHER), 33);
    OPENS(host.dyld, other_object, 2, 0);
    SAME(CALL1(host.dyld, run, CLOSE_OTHER), 33);
    SAME(CALL1(host.dyld, run, CLOSE_OTHER), 33);
    GONE(host.dyld, other_object);
    SAME(CALL1(host.dyld, run, CLOSE_OTHER), 33);
    SAME(last_code, WASM_DYLD_INVALID_ARGUMENT);
    SAME(CALL1(host.dyld, run, CLOSE_ITSELF), 33);
    SAME(last_code, WASM_DYLD_OK);
    GONE(host.dyld, object);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    object = load("actor.so", 0);
    SAME(CALL1(host.dyld, find(host.dyld, object, "run"), FINISH), 33);
    host_delete(&host);
    ok("functions that load, close and finish");
}

/* The namespace is deleted by what it has called: that runs to its end, and the namespace is gone. */
static void deletions(void)
{
    for (int where = 0; where < 4; where++) {
        begin_with_actor(where == 0 ? DELETE : NOTHING_TO_DO, where == 1 || where == 2 ? DELETE : NOTHING_TO_DO);
        wasm_dyld_object_t *object = NULL;
        load("other.so", 0);
        if (where == 0)
            (void)wasm_dyld_load(host.dyld, "actor.so", 0, &object, &error);
        else
            object = load("actor.so", 0);
        if (where == 1)
            (void)wasm_dyld_unload(host.dyld, object, &error);
        else if (where == 2)
            (void)wasm_dyld_finish(host.dyld, &error);
        else if (where == 3)
            SAME(CALL1(host.dyld, find(host.dyld, object, "run"), DELETE), 33);
        forget_error();
        SAME(wasm_dyld_object_count(host.dyld), 0);
        FAILS(wasm_dyld_load(host.dyld, "other.so", 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
        FAILS(wasm_dyld_unload(host.dyld, object, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
        wasm_store_delete(host.store);
        wasm_engine_delete(host.engine);
    }
    ok("a namespace deleted by what it calls");
}

static int32_t open_and_close(void *env, const char *name, const char *needed_by, const uint8_t **bytes, size_t *size, const uint8_t **identity,
                              size_t *identity_size)
{
    wasm_dyld_error_t *problem = NULL;
    (void)env, (void)name, (void)needed_by, (void)bytes, (void)size, (void)identity, (void)identity_size;
    last_code = wasm_dyld_unload(host.dyld, wasm_dyld_object_at(host.dyld, 0), &problem);
    wasm_dyld_error_delete(problem);
    return 1;
}

/* While the namespace is being changed it cannot be changed. */
static void in_the_midst(void)
{
    begin_with_actor(NOTHING_TO_DO, NOTHING_TO_DO);
    struct module *m = module_new();
    module_import(m, "test", "act", "i", "");
    module_start(m, module_function(m, NULL, "", "", CODE(I32_CONST, CLOSE_OTHER, CALL, 0)));
    other_object = load("other.so", 0);
    WORKS(load_module(host.dyld, "starts.so", m, 0, NULL, &error));
    SAME(last_code, WASM_DYLD_BUSY);
    OPENS(host.dyld, other_object, 1, 0);
    m = module_new();
    module_import(m, "test", "act", "i", "");
    module_start(m, module_function(m, NULL, "", "", CODE(I32_CONST, FINISH, CALL, 0)));
    /* Exit handlers belong to what is whole. */
    WORKS(load_module(host.dyld, "finishes.so", m, 0, NULL, &error));
    SAME(last_code, WASM_DYLD_OK);
    NOTED("2 5 23 22 21");
    host_delete(&host);

    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, open_and_close, NULL, NULL, &error));
    host = host_with(config);
    WORKS(load_module(host.dyld, "base.so", number("base", 1), 0, NULL, &error));
    last_code = WASM_DYLD_OK;
    FAILS(wasm_dyld_load(host.dyld, "absent.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
    SAME(last_code, WASM_DYLD_BUSY);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    host_delete(&host);
    ok("nothing closes in the midst of a load");
}

/* All objects gone, and the namespace used again. */
static void everything(void)
{
    begin();
    shelf_add(&shelf, "top.so", needing("left.so", "right.so"));
    shelf_add(&shelf, "left.so", counter());
    shelf_add(&shelf, "right.so", number("right", 3));
    wasm_memory_t *memory = NULL;
    wasm_table_t *table = NULL;
    struct snapshot first = {0, false, 0, 0};
    uint64_t base = 0;
    for (int round = 0; round < 50; round++) {
        wasm_dyld_object_t *top = load("top.so", round % 2 ? WASM_DYLD_GLOBAL : 0);
        wasm_dyld_object_t *left = wasm_dyld_object_needed_at(host.dyld, top, 0);
        SAME(read_int(host.dyld, address_of(host.dyld, top, "counter")), 6);
        SAME(CALL0(host.dyld, find(host.dyld, top, "right")), 3);
        slot_of(host.dyld, top, "get");
        if (round == 0) {
            first = snapshot_of(host.dyld);
            base = memory_base_of(host.dyld, left);
            WORKS(wasm_dyld_memory(host.dyld, &memory, &error));
            WORKS(wasm_dyld_table(host.dyld, &table, &error));
        }
        UNCHANGED(host.dyld, first);
        SAME(memory_base_of(host.dyld, left), base);
        close_object(top);
        SAME(wasm_dyld_object_count(host.dyld), 0);
        /* They are the namespace's, not the objects'. */
        SAME(wasm_memory_size(memory), first.pages);
        SAME(wasm_table_size(table), first.slots);
    }
    host_delete(&host);
    ok("everything unloaded and loaded again");
}

static void two_namespaces(void)
{
    for (int same_store = 0; same_store < 2; same_store++) {
        begin_with_handlers();
        struct host other = {host.engine, same_store ? host.store : wasm_store_new(host.engine), NULL};
        wasm_dyld_config_t *config = wasm_dyld_config_new();
        WORKS(wasm_dyld_config_set_open(config, shelf_open, &shelf, NULL, &error));
        WORKS(wasm_dyld_new(other.store, config, &other.dyld, &error));
        define_function(&other, "test", "note", 1, 0, note);
        shelf_add(&shelf, "counter.so", counter());
        wasm_dyld_object_t *mine = load("counter.so", WASM_DYLD_GLOBAL), *theirs = NULL;
        WORKS(wasm_dyld_load(other.dyld, "counter.so", WASM_DYLD_GLOBAL, &theirs, &error));
        SAME(CALL0(host.dyld, find(host.dyld, mine, "increment")), 7);
        CALL1(host.dyld, find(host.dyld, load("one.so", 0), "with"), 5);
        close_object(mine);
        GONE(host.dyld, mine);
        OPENS(other.dyld, theirs, 1, 0);
        SAME(CALL0(other.dyld, find(other.dyld, NULL, "increment")), 7);
        FAILS(wasm_dyld_dlsym(host.dyld, NULL, "increment", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
        WORKS(wasm_dyld_load(other.dyld, "three.so", 0, NULL, &error));
        WORKS(wasm_dyld_finish(other.dyld, &error));
        NOTED("33 32 31");
        WORKS(wasm_dyld_unload(other.dyld, theirs, &error));
        wasm_dyld_delete(other.dyld);
        if (!same_store)
            wasm_store_delete(other.store);
        WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("5 13 12 11");
        host_delete(&host);
    }
    ok("two namespaces side by side");
}

/* Libraries of a compiler: __attribute__((destructor)), printf, and a libc that they share. */

static const char *written(wasm_dyld_output_t *output)
{
    static char text[4096];
    const uint8_t *bytes = NULL;
    size_t size = 0;
    WORKS(wasm_dyld_output_take(output, &bytes, &size, &error));
    CHECK(size < sizeof text);
    if (size)
        memcpy(text, bytes, size);
    text[size] = 0;
    return text;
}

#define CONSTRUCTORS(name) name ": constructor 101\n" name ": constructor 102\n" name ": constructor\n"
#define DESTRUCTORS(name) name ": destructor\n" name ": destructor 102\n" name ": destructor 101\n"

static void compiled_libraries(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_dyld_output_t *output = wasm_dyld_output_new(0);
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("cases/constructor-order"), &error));
    WORKS(wasm_dyld_wasi_set_stdout_buffer(wasi, output, &error));
    host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    wasm_dyld_object_t *libc = load("libc.so", 0);
    for (int round = 0; round < 2; round++) {
        wasm_dyld_object_t *top = load("libtop.so", 0), *mid = load("libmid.so", 0);
        SAME(wasm_dyld_object_count(host.dyld), 4);
        close_object(top);
        CALL1(host.dyld, find(host.dyld, libc, "fflush"), 0);
        SAME_TEXT(written(output), CONSTRUCTORS("base") CONSTRUCTORS("mid") CONSTRUCTORS("top") DESTRUCTORS("top"));
        SAME(wasm_dyld_object_count(host.dyld), 3);
        if (round == 0) {
            close_object(mid);
            CALL1(host.dyld, find(host.dyld, libc, "fflush"), 0);
        } else {
            WORKS(wasm_dyld_finish(host.dyld, &error)); /* flushes itself */
        }
        SAME_TEXT(written(output), DESTRUCTORS("mid") DESTRUCTORS("base"));
        SAME(wasm_dyld_object_count(host.dyld), round == 0 ? 1 : 3);
    }
    WORKS(wasm_dyld_finish(host.dyld, &error));
    SAME_TEXT(written(output), "");

    /* A libc that goes with the last library loses nothing of what was written. */
    wasm_dyld_object_t *mid = load("libmid.so", WASM_DYLD_NOLOAD);
    close_object(mid);
    close_object(mid);
    close_object(libc);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    SAME_TEXT(written(output), "");
    for (int round = 0; round < 2; round++) {
        close_object(load("libtop.so", 0));
        SAME(wasm_dyld_object_count(host.dyld), 0);
        SAME_TEXT(written(output), CONSTRUCTORS("base") CONSTRUCTORS("mid") CONSTRUCTORS("top") DESTRUCTORS("top") DESTRUCTORS("mid") DESTRUCTORS("base"));
    }
    host_delete(&host);
    wasm_dyld_output_delete(output);
    ok("libraries with destructors");
}

int main(void)
{
    counts();
    handles();
    fresh_data();
    slots();
    needed_libraries();
    bound_libraries();
    scopes();
    wrong_arguments();
    main_program();
    same_names();
    preloads();
    limits();
    kept_functions();
    handlers_on_closing();
    handlers_at_the_end();
    nothing_to_finish();
    handlers_in_handlers();
    handlers_that_fail();
    handlers_of_failed_loads();
    acting_constructors();
    acting_handlers();
    acting_functions();
    deletions();
    in_the_midst();
    everything();
    two_namespaces();
    compiled_libraries();
    shelf_clear(&shelf);
    return 0;
}
