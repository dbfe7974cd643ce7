/*
 * Introspection: objects, their order, names, places and needed libraries; handles of other namespaces.
 */
#include "build.h"
#include "check.h"

static void empty(void)
{
    struct host host = host_new();
    SAME(wasm_dyld_object_count(host.dyld), 0);
    CHECK(wasm_dyld_object_at(host.dyld, 0) == NULL);
    CHECK(wasm_dyld_object_name(host.dyld, NULL) == NULL);
    CHECK(wasm_dyld_object_path(host.dyld, NULL) == NULL);
    CHECK(!wasm_dyld_object_is_program(host.dyld, NULL));
    CHECK(!wasm_dyld_object_is_global(host.dyld, NULL));
    SAME(wasm_dyld_object_needed_count(host.dyld, NULL), 0);
    CHECK(wasm_dyld_object_needed_at(host.dyld, NULL, 0) == NULL);
    FAILS(wasm_dyld_object_place(host.dyld, NULL, NULL, NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "object", NULL);
    host_delete(&host);
    ok("an empty namespace");
}

static void real_libraries(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_dyld_object_t *calc = NULL;
    uint64_t end = 0;
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("cases/library-only"), &error));
    struct host host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    WORKS(wasm_dyld_load(host.dyld, "libcalc.so", WASM_DYLD_GLOBAL, &calc, &error));
    SAME(wasm_dyld_object_count(host.dyld), 3);
    CHECK(wasm_dyld_object_at(host.dyld, 0) == calc);
    SAME_TEXT(wasm_dyld_object_name(host.dyld, calc), "libcalc.so");
    SAME_TEXT(wasm_dyld_object_path(host.dyld, calc), guest_path("cases/library-only/libcalc.so"));
    /* Breadth first: what the first one needs, in its order. */
    SAME(wasm_dyld_object_needed_count(host.dyld, calc), 2);
    for (size_t i = 0; i < 2; i++) {
        wasm_dyld_object_t *needed = wasm_dyld_object_needed_at(host.dyld, calc, i);
        CHECK(needed == wasm_dyld_object_at(host.dyld, i + 1));
        CHECK(wasm_dyld_object_is_global(host.dyld, needed));
        CHECK(!wasm_dyld_object_is_program(host.dyld, needed));
    }
    CHECK(wasm_dyld_object_needed_at(host.dyld, calc, 2) == NULL);
    for (size_t i = 0; i < 3; i++) {
        uint64_t base = 0, size = 0, slots = 0, count = 0, other_base = 0, other_size = 0;
        WORKS(wasm_dyld_object_place(host.dyld, wasm_dyld_object_at(host.dyld, i), &base, &size, &slots, &count, &error));
        CHECK(base >= 1024 && size > 0 && slots >= 1);
        for (size_t j = 0; j < i; j++) {
            WORKS(wasm_dyld_object_place(host.dyld, wasm_dyld_object_at(host.dyld, j), &other_base, &other_size, NULL, NULL, &error));
            CHECK(base + size <= other_base || other_base + other_size <= base);
        }
        end = base + size > end ? base + size : end;
    }
    wasm_memory_t *memory = NULL;
    WORKS(wasm_dyld_memory(host.dyld, &memory, &error));
    CHECK(end <= wasm_memory_data_size(memory));
    /* Names stay where they are while more is loaded. */
    const char *name = wasm_dyld_object_name(host.dyld, calc);
    WORKS(wasm_dyld_load(host.dyld, "libz.so", 0, NULL, &error));
    CHECK(name == wasm_dyld_object_name(host.dyld, calc));
    host_delete(&host);
    ok("names, paths, places and needed libraries");
}

struct names {
    size_t functions, data;
    bool constructors, evaluate, version, strlen_;
};

static void see(void *env, const char *name, wasm_dyld_symbol_kind_t kind)
{
    struct names *seen = env;
    *(kind == WASM_DYLD_FUNC ? &seen->functions : &seen->data) += 1;
    seen->constructors |= !strcmp(name, "__wasm_call_ctors") || !strcmp(name, "__wasm_apply_data_relocs");
    seen->evaluate |= !strcmp(name, "calc_evaluate") && kind == WASM_DYLD_FUNC;
    seen->version |= !strcmp(name, "calc_version") && kind == WASM_DYLD_DATA;
    seen->strlen_ |= !strcmp(name, "strlen");
}

struct leaving {
    wasm_dyld_t *dyld;
    wasm_dyld_object_t *object;
    size_t count;
};

/* The object goes while its names come. */
static void unload_it(void *env, const char *name, wasm_dyld_symbol_kind_t kind)
{
    struct leaving *leaving = env;
    CHECK(name[0] && kind == WASM_DYLD_FUNC);
    if (leaving->count++ == 0)
        WORKS(wasm_dyld_unload(leaving->dyld, leaving->object, &error));
}

static void symbols(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_dyld_object_t *calc = NULL, *made = NULL;
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("cases/library-only"), &error));
    struct host host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    WORKS(wasm_dyld_load(host.dyld, "libcalc.so", 0, &calc, &error));
    struct names seen = {0};
    WORKS(wasm_dyld_object_symbols(host.dyld, calc, see, &seen, &error));
    CHECK(seen.functions > 5 && seen.data >= 3 && seen.evaluate && seen.version);
    /* Neither what steers its life nor what it needs. */
    CHECK(!seen.constructors && !seen.strlen_);

    struct module *m = module_new();
    module_function(m, "f", "", "i", CODE(I32_CONST, 1));
    module_function(m, "g", "", "i", CODE(I32_CONST, 2));
    WORKS(load_module(host.dyld, "made.so", m, 0, &made, &error));
    struct leaving leaving = {host.dyld, made, 0};
    WORKS(wasm_dyld_object_symbols(host.dyld, made, unload_it, &leaving, &error));
    SAME(leaving.count, 2);
    FAILS(wasm_dyld_object_symbols(host.dyld, made, see, &seen, &error), WASM_DYLD_INVALID_ARGUMENT, "object", NULL);
    FAILS(wasm_dyld_object_symbols(host.dyld, NULL, see, &seen, &error), WASM_DYLD_INVALID_ARGUMENT, "object", NULL);
    FAILS(wasm_dyld_object_symbols(host.dyld, calc, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "callback", NULL);
    host_delete(&host);
    ok("the names that an object defines");
}

static void foreign_objects(void)
{
    struct host one = host_new(), two = host_new();
    wasm_dyld_object_t *first = NULL, *second = NULL;
    struct module *m = module_new();
    module_function(m, "f", "", "i", CODE(I32_CONST, 1));
    WORKS(load_module(one.dyld, "a.so", m, 0, &first, &error));
    WORKS(load_module(two.dyld, "a.so", module_new(), 0, &second, &error));
    CHECK(first != second);
    FAILS(wasm_dyld_dlsym(two.dyld, first, "f", NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "not of this namespace", NULL);
    FAILS(wasm_dyld_object_place(two.dyld, first, NULL, NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "not of this namespace", NULL);
    CHECK(wasm_dyld_object_name(two.dyld, first) == NULL);
    FAILS(wasm_dyld_dlsym(one.dyld, (wasm_dyld_object_t *)&two, "f", NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    host_delete(&one);
    host_delete(&two);
    ok("objects of another namespace");
}

static void alignment(void)
{
    struct host host = host_new();
    for (uint32_t p2align = 0; p2align <= 20; p2align++) {
        wasm_dyld_object_t *object = NULL;
        uint64_t base = 1, size = 0;
        struct module *m = module_new();
        m->memory_size = 3;
        m->memory_p2align = p2align;
        module_datum(m, "datum", 2);
        WORKS(load_module(host.dyld, "aligned.so", m, 0, &object, &error));
        WORKS(wasm_dyld_object_place(host.dyld, object, &base, &size, NULL, NULL, &error));
        SAME(base & ((UINT64_C(1) << p2align) - 1), 0);
        SAME(size, 3);
        SAME(address_of(host.dyld, object, "datum"), base + 2);
    }
    SAME(wasm_dyld_object_count(host.dyld), 21);
    host_delete(&host);
    ok("alignments");
}

int main(void)
{
    empty();
    real_libraries();
    symbols();
    foreign_objects();
    alignment();
    return 0;
}
