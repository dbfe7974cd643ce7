/*
 * A load that fails leaves everything as it was: objects, scopes, openings, symbols, memory, table, and where the next library goes.
 */
#define _POSIX_C_SOURCE 200809L
#include "build.h"
#include "check.h"

static struct host host;
static struct shelf shelf;

/* All that can be asked of a namespace. */

enum { OBJECTS = 16, NEEDED = 4, SYMBOLS = 8, SLOTS = 512, CONTENTS = 4096 };

static const char *const NAMES[SYMBOLS] = {"base", "base_datum", "inner", "deep", "only", "other", "probe", "failing"};

struct symbol {
    wasm_dyld_code_t code;
    wasm_dyld_symbol_kind_t kind;
    uint64_t value;
};

struct object {
    wasm_dyld_object_t *handle, *needed[NEEDED];
    char name[64], path[256], origin[256];
    uint64_t memory_base, memory_size, table_base, table_size;
    bool global, nodelete, program;
    uint32_t host, guest;
    size_t needed_count;
    struct symbol symbols[SYMBOLS], next[SYMBOLS];
};

struct state {
    struct snapshot sizes;
    struct object objects[OBJECTS];
    struct symbol global[SYMBOLS];
    bool filled[SLOTS];
    uint8_t contents[CONTENTS];
    size_t contents_size;
};

static void copy(char *to, size_t size, const char *from) { snprintf(to, size, "%s", from ? from : "(none)"); }

static struct symbol look_up(const wasm_dyld_object_t *object, const char *name, bool next)
{
    struct symbol symbol = {WASM_DYLD_OK, WASM_DYLD_FUNC, 0};
    if (next)
        symbol.code = wasm_dyld_dlsym_next(host.dyld, object, name, &symbol.kind, NULL, &symbol.value, NULL);
    else
        symbol.code = wasm_dyld_dlsym(host.dyld, object, name, &symbol.kind, NULL, &symbol.value, NULL);
    return symbol;
}

static void look_all_up(const wasm_dyld_object_t *object, struct symbol *symbols, bool next)
{
    for (size_t i = 0; i < SYMBOLS; i++)
        symbols[i] = look_up(object, NAMES[i], next);
}

static struct state *state_now(void)
{
    struct state *now = (struct state *)calloc(1, sizeof *now);
    CHECK(now != NULL);
    CHECK(wasm_dyld_object_count(host.dyld) <= OBJECTS);
    /* Lookups come first: they give functions slots. */
    look_all_up(NULL, now->global, false);
    for (size_t i = 0; i < wasm_dyld_object_count(host.dyld); i++) {
        struct object *object = &now->objects[i];
        wasm_dyld_object_t *handle = object->handle = wasm_dyld_object_at(host.dyld, i);
        copy(object->name, sizeof object->name, wasm_dyld_object_name(host.dyld, handle));
        copy(object->path, sizeof object->path, wasm_dyld_object_path(host.dyld, handle));
        copy(object->origin, sizeof object->origin, wasm_dyld_object_origin(host.dyld, handle));
        WORKS(wasm_dyld_object_place(host.dyld, handle, &object->memory_base, &object->memory_size, &object->table_base, &object->table_size, &error));
        WORKS(wasm_dyld_object_opens(host.dyld, handle, &object->host, &object->guest, &error));
        object->global = wasm_dyld_object_is_global(host.dyld, handle);
        object->nodelete = wasm_dyld_object_is_nodelete(host.dyld, handle);
        object->program = wasm_dyld_object_is_program(host.dyld, handle);
        object->needed_count = wasm_dyld_object_needed_count(host.dyld, handle);
        CHECK(object->needed_count <= NEEDED);
        for (size_t j = 0; j < object->needed_count; j++)
            object->needed[j] = wasm_dyld_object_needed_at(host.dyld, handle, j);
        look_all_up(handle, object->symbols, false);
        look_all_up(handle, object->next, true);
        CHECK(now->contents_size + object->memory_size <= CONTENTS);
        WORKS(wasm_dyld_read(host.dyld, object->memory_base, now->contents + now->contents_size, (size_t)object->memory_size, &error));
        now->contents_size += (size_t)object->memory_size;
    }
    now->sizes = snapshot_of(host.dyld);
    CHECK(now->sizes.slots <= SLOTS);
    for (uint32_t slot = 0; slot < now->sizes.slots; slot++)
        now->filled[slot] = filled(host.dyld, slot);
    return now;
}

static void same_symbols(const struct symbol *now, const struct symbol *before)
{
    for (size_t i = 0; i < SYMBOLS; i++) {
        SAME(now[i].code, before[i].code);
        SAME(now[i].kind, before[i].kind);
        SAME(now[i].value, before[i].value);
    }
}

/* Takes both. */
static void same_state(struct state *now, struct state *before)
{
    SAME(now->sizes.objects, before->sizes.objects);
    SAME(now->sizes.pages, before->sizes.pages);
    SAME(now->sizes.slots, before->sizes.slots);
    for (size_t i = 0; i < OBJECTS; i++) {
        const struct object *a = &now->objects[i], *b = &before->objects[i];
        CHECK(a->handle == b->handle);
        SAME_TEXT(a->name, b->name);
        SAME_TEXT(a->path, b->path);
        SAME_TEXT(a->origin, b->origin);
        SAME(a->memory_base, b->memory_base);
        SAME(a->memory_size, b->memory_size);
        SAME(a->table_base, b->table_base);
        SAME(a->table_size, b->table_size);
        SAME(a->global, b->global);
        SAME(a->nodelete, b->nodelete);
        SAME(a->program, b->program);
        SAME(a->host, b->host);
        SAME(a->guest, b->guest);
        SAME(a->needed_count, b->needed_count);
        for (size_t j = 0; j < NEEDED; j++)
            CHECK(a->needed[j] == b->needed[j]);
        same_symbols(a->symbols, b->symbols);
        same_symbols(a->next, b->next);
    }
    same_symbols(now->global, before->global);
    for (size_t slot = 0; slot < SLOTS; slot++)
        SAME(now->filled[slot], before->filled[slot]);
    SAME(now->contents_size, before->contents_size);
    CHECK(memcmp(now->contents, before->contents, CONTENTS) == 0);
    free(now);
    free(before);
}

/* Libraries. */

static struct module *number(const char *name, int n)
{
    struct module *m = module_new();
    module_function(m, name, "", "i", CODE(I32_CONST, (uint8_t)n));
    return m;
}

static wasm_dyld_object_t *load(const char *name, uint32_t flags)
{
    wasm_dyld_object_t *object = NULL;
    WORKS(wasm_dyld_load(host.dyld, name, flags, &object, &error));
    CHECK(object != NULL);
    return object;
}

enum { MOST_OBJECTS = 8, MOST_PAGES = 60, MOST_SLOTS = 300 };

/* Nothing is loaded yet, four libraries are on the shelf. */
static void begin_empty(void)
{
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = shelf_config(&shelf);
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_OBJECTS, MOST_OBJECTS, &error));
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_MEMORY_PAGES, MOST_PAGES, &error));
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_TABLE_SLOTS, MOST_SLOTS, &error));
    host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    struct module *m = number("base", 1);
    m->memory_size = 40;
    m->memory_p2align = 3;
    module_data(m, 0, "some contents", 13);
    module_datum(m, "base_datum", 8);
    shelf_add(&shelf, "base.so", m);
    m = number("inner", 2);
    m->memory_size = 8;
    m->table_size = 4;
    module_needs(m, "deep.so");
    shelf_add(&shelf, "local.so", m);
    m = number("deep", 3);
    m->memory_size = 12;
    module_slot(m, 0);
    shelf_add(&shelf, "deep.so", m);
    m = number("only", 4);
    shelf_add(&shelf, "only.so", m);
}

static void unshelve(size_t count)
{
    while (shelf.count > count)
        free(shelf.modules[--shelf.count].bytes.data);
}

/* base.so is global; local.so, which needs deep.so, and only.so are not. */
static void begin(void)
{
    begin_empty();
    load("base.so", WASM_DYLD_GLOBAL);
    load("local.so", 0);
    load("only.so", 0);
    load("only.so", 0);
    write_int(host.dyld, address_of(host.dyld, NULL, "base_datum"), 4711);
    /* Memories and tables never shrink. With room for what is going to fail, they can stay the same. */
    wasm_dyld_object_t *room = NULL;
    struct module *m = module_new();
    m->memory_size = 5 << 16;
    m->table_size = 100;
    WORKS(load_module(host.dyld, "room.so", m, 0, &room, &error));
    WORKS(wasm_dyld_unload(host.dyld, room, &error));
}

/* One to fail: it would make local.so and what that needs global, and takes memory, slots and a symbol of local.so. */
static struct module *failing(void)
{
    struct module *m = module_new();
    m->memory_size = 2 << 16;
    m->memory_p2align = 4;
    m->table_size = 8;
    module_needs(m, "other.so");
    module_needs(m, "local.so");
    module_import(m, "env", "inner", "", "i");
    module_import_global(m, "GOT.func", "only_by_address", true);
    module_weak(m, "only_by_address");
    module_import_global(m, "GOT.func", "deep", true);
    return m;
}

/* What comes after all imports. */
static struct module *with_code(struct module *m)
{
    module_slot(m, module_function(m, "failing", "", "i", CODE(CALL, 0)));
    module_data(m, 0, "a trace", 7);
    module_data(m, (2 << 16) - 8, "another", 7);
    return m;
}

static struct module *other(void)
{
    struct module *m = number("other", 5);
    m->memory_size = 64;
    module_slot(m, 0);
    module_slot(m, 0);
    module_data(m, 0, "its trace", 9);
    module_function(m, "__wasm_call_ctors", "", "", CODE(GLOBAL_GET, 0, I32_CONST, 1, I32_STORE, 2, 16));
    return m;
}

static wasm_dyld_code_t fail(struct module *m, uint32_t flags) { return load_module(host.dyld, "failing.so", m, flags, NULL, &error); }

static void shelve_other(void) { shelf_add(&shelf, "other.so", other()); }

/* Each fails in its own way. */

static void missing_library(uint32_t flags)
{
    struct module *m = failing();
    module_needs(m, "absent.so");
    shelve_other();
    FAILS(fail(with_code(m), flags), WASM_DYLD_NOT_FOUND, "absent.so", NULL);
}

static void missing_file(uint32_t flags)
{
    FAILS(wasm_dyld_load(host.dyld, "./absent.so", flags, NULL, &error), WASM_DYLD_NOT_FOUND, "absent.so", NULL);
    FAILS(wasm_dyld_load(host.dyld, "absent.so", flags, NULL, &error), WASM_DYLD_NOT_FOUND, "absent.so", NULL);
}

static void bad_bytes(uint32_t flags)
{
    struct bytes bytes = module_finish(with_code(failing()));
    FAILS(wasm_dyld_load_bytes(host.dyld, "failing.so", bytes.data, 30, flags, NULL, &error), WASM_DYLD_MALFORMED, NULL);
    FAILS(wasm_dyld_load_bytes(host.dyld, "failing.so", (const uint8_t *)"#!/bin/sh\n", 10, flags, NULL, &error), WASM_DYLD_MALFORMED, NULL);
    free(bytes.data);
    /* In what it needs. */
    shelve_other();
    shelf.modules[shelf.count - 1].bytes.size = 40;
    FAILS(fail(with_code(failing()), flags), WASM_DYLD_MALFORMED, "other.so", NULL);
}

static void invalid_code(uint32_t flags)
{
    struct module *m = failing();
    shelve_other();
    with_code(m);
    module_function(m, "invalid", "", "i", CODE(DROP));
    FAILS(fail(m, flags), WASM_DYLD_MALFORMED, "failing.so", NULL);
}

static void undefined_symbol(uint32_t flags)
{
    struct module *m = failing();
    module_import_global(m, "GOT.mem", "nowhere", true);
    shelve_other();
    FAILS(fail(with_code(m), flags), WASM_DYLD_UNDEFINED_SYMBOL, "nowhere", NULL);
}

static void type_clash(uint32_t flags)
{
    struct module *m = failing();
    module_import(m, "env", "deep", "i", "");
    shelve_other();
    FAILS(fail(with_code(m), flags), WASM_DYLD_TYPE_MISMATCH, "deep", "failing.so", "deep.so", NULL);
}

static void too_many_objects(uint32_t flags)
{
    static const char *const names[] = {"more0.so", "more1.so", "more2.so", "more3.so", "more4.so"};
    struct module *m = failing();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        module_needs(m, names[i]);
        shelf_add(&shelf, names[i], number("more", 1));
    }
    shelve_other();
    FAILS(fail(with_code(m), flags), WASM_DYLD_LIMIT, "limit of 8", NULL);
}

static void too_much_memory(uint32_t flags)
{
    struct module *m = failing();
    m->memory_size = MOST_PAGES << 16;
    shelve_other();
    FAILS(fail(with_code(m), flags), WASM_DYLD_LIMIT, "memory", NULL);
}

static void too_many_slots(uint32_t flags)
{
    struct module *m = failing();
    m->table_size = MOST_SLOTS;
    shelve_other();
    FAILS(fail(with_code(m), flags), WASM_DYLD_LIMIT, "table", NULL);
}

/* Exceptions of the kind that this engine does not know: valid, but not for it. */
static void refused_by_the_engine(uint32_t flags)
{
    enum { TRY = 0x06, CATCH_ALL = 0x19 };
    struct module *m = failing();
    shelve_other();
    with_code(m);
    module_function(m, "tries", "", "", CODE(TRY, NOTHING, CATCH_ALL, END));
    wasm_dyld_code_t code = fail(m, flags);
    CHECK(code == WASM_DYLD_UNSUPPORTED || code == WASM_DYLD_ENGINE);
    FAILS(code, (int)code, "failing.so", "legacy exceptions", NULL);
}

static void data_out_of_bounds(uint32_t flags)
{
    struct module *m = with_code(failing());
    module_data(m, 1 << 30, "far", 3);
    shelve_other();
    FAILS(fail(m, flags), WASM_DYLD_MALFORMED, "failing.so", NULL);
}

static void start_traps(uint32_t flags)
{
    struct module *m = with_code(failing());
    module_start(m, module_function(m, NULL, "", "", CODE(UNREACHABLE)));
    shelve_other();
    FAILS(fail(m, flags), WASM_DYLD_TRAP, "failing.so", "start", NULL);
}

static void relocations_trap(uint32_t flags)
{
    struct module *m = with_code(failing());
    module_function(m, "__wasm_apply_data_relocs", "", "", CODE(GLOBAL_GET, 0, I32_CONST, 1, I32_STORE, 2, 0, UNREACHABLE));
    shelve_other();
    FAILS(fail(m, flags), WASM_DYLD_TRAP, "__wasm_apply_data_relocs", NULL);
}

static void constructor_traps(uint32_t flags)
{
    struct module *m = with_code(failing());
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, 0, DROP, GLOBAL_GET, 0, I32_CONST, 1, I32_STORE, 2, 0, UNREACHABLE));
    shelve_other();
    FAILS(fail(m, flags), WASM_DYLD_TRAP, "__wasm_call_ctors of failing.so", NULL);
}

static void constructor_exits(uint32_t flags)
{
    struct module *m = failing();
    int32_t code = 0;
    module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
    with_code(m);
    module_function(m, "__wasm_call_ctors", "", "", CODE(I32_CONST, 9, CALL, 1));
    shelve_other();
    KEEPS(fail(m, flags), WASM_DYLD_EXIT, "exited with code 9", NULL);
    CHECK(wasm_dyld_error_exit_code(error, &code));
    SAME(code, 9);
    forget_error();
    CHECK(!wasm_dyld_take_exit(host.dyld, NULL));
}

static void needed_traps(uint32_t flags)
{
    struct module *m = other();
    m->memory_size = 128;
    shelf_add(&shelf, "other.so", number("other", 5));
    module_function(m, "_initialize", "", "", CODE(UNREACHABLE));
    shelf_add(&shelf, "trapping.so", m);
    m = failing();
    module_needs(m, "trapping.so");
    FAILS(fail(with_code(m), flags), WASM_DYLD_TRAP, "_initialize of trapping.so", NULL);
}

static const struct {
    const char *what;
    void (*run)(uint32_t flags);
} FAILURES[] = {
    {"a missing library", missing_library},
    {"a missing file", missing_file},
    {"bytes that are no module", bad_bytes},
    {"invalid code", invalid_code},
    {"an undefined symbol", undefined_symbol},
    {"a type clash", type_clash},
    {"too many objects", too_many_objects},
    {"too much memory", too_much_memory},
    {"too many slots", too_many_slots},
    {"a module that the engine refuses", refused_by_the_engine},
    {"data out of bounds", data_out_of_bounds},
    {"a start function that traps", start_traps},
    {"relocations that trap", relocations_trap},
    {"a constructor that traps", constructor_traps},
    {"a constructor that exits", constructor_exits},
    {"a needed library's constructor that traps", needed_traps},
};

struct place {
    uint64_t memory, table, slot;
    struct snapshot sizes;
};

/* Where a load goes that works, and that it does. */
static struct place probe(void)
{
    struct place place;
    wasm_dyld_object_t *object = NULL;
    unshelve(4);
    shelve_other();
    struct module *m = with_code(failing());
    module_function(m, "probe", "", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, 32));
    WORKS(load_module(host.dyld, "probe.so", m, WASM_DYLD_GLOBAL, &object, &error));
    SAME(CALL0(host.dyld, find(host.dyld, object, "probe")), 0); /* nothing of what failed in its place */
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "failing")), 2);
    place.memory = memory_base_of(host.dyld, object);
    place.table = table_base_of(host.dyld, object);
    place.slot = slot_of(host.dyld, object, "probe");
    place.sizes = snapshot_of(host.dyld);
    return place;
}

static void all_failures(void)
{
    static const uint32_t flags[] = {0, WASM_DYLD_GLOBAL | WASM_DYLD_NODELETE, WASM_DYLD_DEEPBIND | WASM_DYLD_NOW};
    begin();
    free(state_now());
    struct place wanted = probe();
    host_delete(&host);
    for (size_t i = 0; i < COUNT_OF(FAILURES); i++) {
        for (size_t j = 0; j < COUNT_OF(flags); j++) {
            begin();
            struct state *before = state_now();
            FAILURES[i].run(flags[j]);
            same_state(state_now(), before);
            struct place place = probe();
            SAME(place.memory, wanted.memory);
            SAME(place.table, wanted.table);
            SAME(place.slot, wanted.slot);
            SAME(place.sizes.objects, wanted.sizes.objects);
            SAME(place.sizes.pages, wanted.sizes.pages);
            SAME(place.sizes.slots, wanted.sizes.slots);
            host_delete(&host);
        }
        ok(FAILURES[i].what);
    }
}

/* One after the other in the same namespace. */
static void many_failures(void)
{
    begin();
    struct state *before = state_now();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT_OF(FAILURES); i++) {
            FAILURES[i].run(WASM_DYLD_GLOBAL);
            unshelve(4);
        }
    }
    same_state(state_now(), before);
    probe();
    host_delete(&host);
    ok("failure after failure");
}

/* The first load of a namespace fails: it is as empty as before. */
static void first_loads(void)
{
    for (size_t i = 0; i < COUNT_OF(FAILURES); i++) {
        begin_empty();
        FAILURES[i].run(WASM_DYLD_GLOBAL);
        SAME(wasm_dyld_object_count(host.dyld), 0);
        FAILS(wasm_dyld_dlsym(host.dyld, NULL, "inner", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
        wasm_dyld_object_t *object = load("local.so", 0);
        SAME(CALL0(host.dyld, find(host.dyld, object, "inner")), 2);
        SAME(wasm_dyld_object_count(host.dyld), 2);
        SAME_TEXT(wasm_dyld_object_name(host.dyld, object), "local.so");
        CHECK(!wasm_dyld_object_is_global(host.dyld, object));
        host_delete(&host);
    }
    ok("the first load fails");
}

/* What a constructor caused on its own. */

static enum { LOAD_INDEPENDENT, LOAD_DEPENDENT, CALL_LAZY } what_to_do;
static wasm_dyld_object_t *caused;

static wasm_trap_t *cause(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments, (void)results;
    switch (what_to_do) {
    case LOAD_INDEPENDENT:
        caused = load("only2.so", 0);
        break;
    case LOAD_DEPENDENT:
        caused = load("dependent.so", 0);
        break;
    default:
        SAME(CALL0(host.dyld, find(host.dyld, caused, "ask")), 6);
    }
    return NULL;
}

/* A global library whose constructor calls the host and traps then. */
static struct module *causing(void)
{
    struct module *m = module_new();
    module_import(m, "test", "cause", "", "");
    module_function(m, "failing", "", "i", CODE(I32_CONST, 6));
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, 0, UNREACHABLE));
    return m;
}

static struct module *asking(const char *name)
{
    struct module *m = module_new();
    module_import(m, "env", name, "", "i");
    module_function(m, "ask", "", "i", CODE(CALL, 0));
    return m;
}

static void begin_with_cause(void)
{
    begin();
    define_function(&host, "test", "cause", 0, 0, cause);
    shelf_add(&shelf, "only2.so", number("only2", 7));
    shelf_add(&shelf, "dependent.so", asking("failing"));
}

static void consequences(void)
{
    /* What a constructor loads on its own stays. */
    begin_with_cause();
    size_t objects = wasm_dyld_object_count(host.dyld);
    what_to_do = LOAD_INDEPENDENT;
    FAILS(fail(causing(), WASM_DYLD_GLOBAL), WASM_DYLD_TRAP, NULL);
    SAME(wasm_dyld_object_count(host.dyld), objects + 1);
    OPENS(host.dyld, caused, 1, 0);
    SAME(CALL0(host.dyld, find(host.dyld, caused, "only2")), 7);
    WORKS(wasm_dyld_unload(host.dyld, caused, &error));
    SAME(wasm_dyld_object_count(host.dyld), objects);
    host_delete(&host);

    /* Unless it is bound to what goes. */
    begin_with_cause();
    what_to_do = LOAD_DEPENDENT;
    struct state *before = state_now();
    FAILS(fail(causing(), WASM_DYLD_GLOBAL), WASM_DYLD_TRAP, NULL);
    GONE(host.dyld, caused);
    same_state(state_now(), before);
    host_delete(&host);

    /* A lazy call that was bound meanwhile is as open as before. */
    begin_with_cause();
    what_to_do = CALL_LAZY;
    WORKS(load_module(host.dyld, "asking.so", asking("failing"), WASM_DYLD_LAZY, &caused, &error));
    before = state_now();
    FAILS(fail(causing(), WASM_DYLD_GLOBAL), WASM_DYLD_TRAP, NULL);
    same_state(state_now(), before);
    FAILS(try_call(host.dyld, find(host.dyld, caused, "ask"), NULL, 0), WASM_DYLD_TRAP, "undefined symbol failing", NULL);
    WORKS(load_module(host.dyld, "definer.so", number("failing", 8), WASM_DYLD_GLOBAL, NULL, &error));
    SAME(CALL0(host.dyld, find(host.dyld, caused, "ask")), 8);
    host_delete(&host);
    ok("what a failing constructor caused");
}

int main(void)
{
    all_failures();
    many_failures();
    first_loads();
    consequences();
    shelf_clear(&shelf);
    return 0;
}
