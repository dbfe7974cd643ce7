/*
 * A namespace in the place of another, in a new store: what goes over, what the host adds, what does not go over, and that a failure leaves the
 * old one in use.
 */
#include "build.h"
#include "check.h"

static struct host host;
static struct shelf shelf;
static int finalized, called, prepared;
static wasm_dyld_t *caller_of_give;

static void finalize(void *env)
{
    (void)env;
    finalized++;
}

static wasm_dyld_error_t *give(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    (void)arguments;
    CHECK(env == &called);
    called++;
    caller_of_give = dyld;
    results[0].of.i32 = 40;
    return NULL;
}

/* A counter, what the host gives, and a constant of the host's. */
static struct module *plugin(void)
{
    struct module *m = module_new();
    m->memory_size = 16;
    module_import(m, "host", "give", "", "i");
    uint32_t constant = module_import_global(m, "host", "constant", false);
    module_function(m, "sum", "", "i", CODE(CALL, 0, GLOBAL_GET, (uint8_t)constant, I32_ADD));
    module_function(m, "count", "", "i",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0, I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0));
    module_function(m, "endless", "", "", CODE(LOOP, NOTHING, BR, 0, END));
    return m;
}

static struct module *constant(int number)
{
    struct module *m = module_new();
    module_function(m, "constant", "", "i", CODE(I32_CONST, (uint8_t)number));
    return m;
}

static void begin(uint32_t control)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    memset(&shelf, 0, sizeof shelf);
    finalized = called = prepared = 0;
    shelf_add(&shelf, "plugin.so", plugin());
    shelf_add(&shelf, "other.so", constant(1));
    WORKS(wasm_dyld_config_set_open(config, shelf_open, &shelf, shelf_finalize, &error));
    WORKS(wasm_dyld_config_set_control(config, control, &error));
    host = host_with(config);
    WORKS(wasm_dyld_define_func(host.dyld, "host", "give", "() -> i32", give, &called, finalize, 0, &error));
    wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(WASM_I32), WASM_CONST);
    wasm_val_t value = WASM_I32_VAL(2);
    wasm_global_t *global = wasm_global_new(host.store, type, &value);
    wasm_globaltype_delete(type);
    WORKS(wasm_dyld_define(host.dyld, "host", "constant", wasm_global_as_extern(global), 0, &error));
    wasm_global_delete(global);
}

/* Goes on in the new namespace. */
static void hand_over(wasm_dyld_t *renewed, wasm_store_t *store)
{
    wasm_dyld_t *old = host.dyld;
    wasm_dyld_delete(host.dyld);
    wasm_store_delete(host.store);
    host.dyld = renewed;
    host.store = store;
    FAILS(wasm_dyld_finish(old, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    SAME(wasm_dyld_interrupt(old), WASM_DYLD_INVALID_ARGUMENT);
}

static void end(void)
{
    host_delete(&host);
    shelf_clear(&shelf);
}

static int32_t call(wasm_dyld_t *dyld, const wasm_dyld_object_t *object, const char *name)
{
    wasm_dyld_cell_t cell;
    WORKS(wasm_dyld_call_args(dyld, object, name, "() -> i32", &cell, 1, &error));
    return cell.i32;
}

static wasm_dyld_object_t *loaded(wasm_dyld_t *dyld, const char *name)
{
    wasm_dyld_object_t *object = NULL;
    for (size_t n = 0; n < wasm_dyld_object_count(dyld); n++)
        if (strcmp(wasm_dyld_object_name(dyld, wasm_dyld_object_at(dyld, n)), name) == 0)
            object = wasm_dyld_object_at(dyld, n);
    CHECK(object != NULL);
    return object;
}

static bool watched;

static bool watch(void *env) { return *(bool *)env; }

static void what_goes_over(void)
{
    wasm_dyld_object_t *old_plugin = NULL, *other = NULL;
    wasm_dyld_func_t *prepared_function = NULL;
    begin(WASM_DYLD_CONTROL_BUDGET);
    WORKS(wasm_dyld_load(host.dyld, "plugin.so", 0, &old_plugin, &error));
    WORKS(wasm_dyld_load(host.dyld, "plugin.so", WASM_DYLD_GLOBAL, NULL, &error));
    WORKS(wasm_dyld_load(host.dyld, "other.so", WASM_DYLD_NODELETE, &other, &error));
    WORKS(wasm_dyld_unload(host.dyld, other, &error));
    SAME(call(host.dyld, old_plugin, "sum"), 42);
    SAME(call(host.dyld, old_plugin, "count"), 1);
    SAME(call(host.dyld, old_plugin, "count"), 2);
    WORKS(wasm_dyld_func_new(host.dyld, find(host.dyld, old_plugin, "count"), &prepared_function, &error));
    WORKS(wasm_dyld_set_budget(host.dyld, 1000, &error));
    WORKS(wasm_dyld_set_watcher(host.dyld, 1000000, watch, &watched, finalize, &error));

    wasm_dyld_t *renewed = NULL;
    wasm_store_t *store = wasm_store_new(host.engine);
    WORKS(wasm_dyld_renew(host.dyld, store, NULL, NULL, &renewed, &error));
    /* Both are there. */
    CHECK(renewed != host.dyld);
    SAME(wasm_dyld_object_count(renewed), 2);
    wasm_dyld_object_t *plugin = loaded(renewed, "plugin.so");
    SAME(call(renewed, plugin, "count"), 1);
    SAME(call(host.dyld, old_plugin, "count"), 3);
    SAME(call(renewed, NULL, "sum"), 42);
    CHECK(caller_of_give == renewed);
    SAME(call(host.dyld, old_plugin, "sum"), 42);
    CHECK(caller_of_give == host.dyld);
    OPENS(renewed, plugin, 2, 0);
    OPENS(renewed, loaded(renewed, "other.so"), 0, 0);
    CHECK(wasm_dyld_object_is_global(renewed, plugin) && wasm_dyld_object_is_nodelete(renewed, loaded(renewed, "other.so")));
    FAILS(wasm_dyld_unload(renewed, old_plugin, &error), WASM_DYLD_INVALID_ARGUMENT, "not of this namespace", NULL);
    uint64_t left = 0;
    WORKS(wasm_dyld_budget_left(renewed, &left, &error));
    CHECK(left <= 1000 && left > 900);
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    WORKS(wasm_dyld_set_budget(renewed, UINT64_MAX, &error));
    watched = true;
    FAILS(wasm_dyld_call(renewed, find(renewed, plugin, "endless"), &none, &none, &error), WASM_DYLD_INTERRUPTED, NULL);
    watched = false;
    SAME(finalized + shelf.finalized, 0);
    hand_over(renewed, store);
    SAME(finalized + shelf.finalized, 0);
    wasm_dyld_cell_t cell;
    FAILS(wasm_dyld_func_call_cells(prepared_function, &cell, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "gone", NULL);
    wasm_dyld_func_delete(prepared_function);
    /* What one was renewed from makes no difference. */
    for (int n = 0; n < 5; n++) {
        store = wasm_store_new(host.engine);
        WORKS(wasm_dyld_renew(host.dyld, store, NULL, NULL, &renewed, &error));
        SAME(call(renewed, loaded(renewed, "plugin.so"), "sum"), 42);
        OPENS(renewed, loaded(renewed, "plugin.so"), 2, 0);
        hand_over(renewed, store);
    }
    SAME(finalized + shelf.finalized, 0);
    wasm_dyld_delete(host.dyld);
    SAME(finalized, 2);
    SAME(shelf.finalized, 1);
    wasm_store_delete(host.store);
    wasm_engine_delete(host.engine);
    shelf_clear(&shelf);
    ok("what goes over");
}

static wasm_trap_t *nothing(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    (void)results;
    return NULL;
}

/* What is of the store, and what came from bytes. */
static wasm_dyld_error_t *prepare(void *env, wasm_dyld_t *renewed)
{
    struct host next = host;
    prepared++;
    next.store = (wasm_store_t *)env;
    next.dyld = renewed;
    SAME(wasm_dyld_object_count(renewed), 0);
    define_function(&next, "host", "nothing", 0, 0, nothing);
    WORKS(load_module(renewed, "bytes.so", constant(5), WASM_DYLD_GLOBAL, NULL, &error));
    return NULL;
}

static wasm_dyld_error_t *refuse(void *env, wasm_dyld_t *renewed)
{
    (void)env;
    (void)renewed;
    prepared++;
    return wasm_dyld_error_new("not today");
}

static wasm_dyld_error_t *misses(void *env, wasm_dyld_t *renewed)
{
    wasm_dyld_error_t *problem = NULL;
    (void)env;
    wasm_dyld_load(renewed, "absent.so", 0, NULL, &problem);
    return problem;
}

static wasm_dyld_error_t *only_defines(void *env, wasm_dyld_t *renewed)
{
    struct host next = host;
    next.store = (wasm_store_t *)env;
    next.dyld = renewed;
    define_function(&next, "host", "nothing", 0, 0, nothing);
    return NULL;
}

static void what_the_host_adds(void)
{
    begin(WASM_DYLD_CONTROL_NONE);
    define_function(&host, "host", "nothing", 0, 0, nothing);
    wasm_dyld_object_t *bytes = NULL, *plugin = NULL;
    WORKS(load_module(host.dyld, "bytes.so", constant(5), WASM_DYLD_GLOBAL, &bytes, &error));
    WORKS(wasm_dyld_load(host.dyld, "plugin.so", 0, &plugin, &error));
    wasm_dyld_t *renewed = host.dyld;
    wasm_store_t *store = wasm_store_new(host.engine);
    struct snapshot before = snapshot_of(host.dyld);
    FAILS(wasm_dyld_renew(host.dyld, store, NULL, NULL, &renewed, &error), WASM_DYLD_UNSUPPORTED, "host.nothing: a function of wasm.h", "wasm_dyld_define_func", NULL);
    CHECK(renewed == NULL);
    FAILS(wasm_dyld_renew(host.dyld, store, only_defines, store, &renewed, &error), WASM_DYLD_NOT_FOUND, "bytes.so was loaded from bytes", NULL);
    FAILS(wasm_dyld_renew(host.dyld, store, refuse, NULL, &renewed, &error), WASM_DYLD_TRAP, "renewing the namespace: not today", NULL);
    FAILS(wasm_dyld_renew(host.dyld, store, misses, NULL, &renewed, &error), WASM_DYLD_NOT_FOUND, "absent.so", NULL);
    /* A library that is gone. */
    struct shelf without = shelf;
    memset(&shelf, 0, sizeof shelf);
    FAILS(wasm_dyld_renew(host.dyld, store, prepare, store, &renewed, &error), WASM_DYLD_NOT_FOUND, "plugin.so", NULL);
    shelf = without;
    CHECK(renewed == NULL);
    /* The old one is as it was. */
    UNCHANGED(host.dyld, before);
    SAME(call(host.dyld, plugin, "sum"), 42);
    SAME(call(host.dyld, bytes, "constant"), 5);
    SAME(finalized + shelf.finalized, 0);
    prepared = 0;
    WORKS(wasm_dyld_renew(host.dyld, store, prepare, store, &renewed, &error));
    SAME(prepared, 1);
    SAME(call(renewed, NULL, "constant"), 5);
    hand_over(renewed, store);
    end();
    SAME(finalized, 1);
    ok("what the host adds, and failures");
}

static void bad_arguments(void)
{
    wasm_dyld_t *renewed = NULL;
    begin(WASM_DYLD_CONTROL_NONE);
    wasm_store_t *store = wasm_store_new(host.engine);
    FAILS(wasm_dyld_renew(NULL, store, NULL, NULL, &renewed, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_renew(host.dyld, NULL, NULL, NULL, &renewed, &error), WASM_DYLD_INVALID_ARGUMENT, "store is NULL", NULL);
    FAILS(wasm_dyld_renew(host.dyld, store, NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "nowhere", NULL);
    FAILS(wasm_dyld_renew(host.dyld, host.store, NULL, NULL, &renewed, &error), WASM_DYLD_INVALID_ARGUMENT, "the namespace's own", NULL);
    SAME(wasm_dyld_instances_left(NULL), UINT64_MAX);
    uint64_t left = wasm_dyld_instances_left(host.dyld);
    WORKS(wasm_dyld_load(host.dyld, "plugin.so", 0, NULL, &error));
    uint64_t made = wasm_dyld_instance_count(host.dyld);
    CHECK(made > 0 && (left == UINT64_MAX ? wasm_dyld_instances_left(host.dyld) == left : wasm_dyld_instances_left(host.dyld) == left - made));
    /* An empty one. */
    WORKS(wasm_dyld_unload(host.dyld, loaded(host.dyld, "plugin.so"), &error));
    WORKS(wasm_dyld_renew(host.dyld, store, NULL, NULL, &renewed, &error));
    SAME(wasm_dyld_object_count(renewed), 0);
    WORKS(wasm_dyld_load(renewed, "plugin.so", 0, NULL, &error));
    SAME(call(renewed, loaded(renewed, "plugin.so"), "sum"), 42);
    hand_over(renewed, store);
    end();
    ok("bad arguments, and an empty namespace");
}

/* From a function that the guest of the old one calls; and a time-out of the old one ends what is loaded for it. */
static wasm_dyld_t *from_within;
static wasm_store_t *store_within;

static wasm_dyld_error_t *renews(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    wasm_dyld_error_t *problem = NULL;
    (void)env;
    (void)arguments;
    results[0].of.i32 = (int32_t)wasm_dyld_renew(dyld, store_within, NULL, NULL, &from_within, &problem);
    wasm_dyld_error_delete(problem);
    return NULL;
}

static void within(void)
{
    wasm_dyld_object_t *user = NULL;
    begin(WASM_DYLD_CONTROL_INTERRUPT);
    WORKS(wasm_dyld_define_func(host.dyld, "host", "renews", "() -> i32", renews, NULL, NULL, 0, &error));
    struct module *m = module_new();
    uint32_t import = module_import(m, "host", "renews", "", "i");
    module_function(m, "go", "", "i", CODE(CALL, (uint8_t)import));
    shelf_add(&shelf, "user.so", m);
    WORKS(wasm_dyld_load(host.dyld, "user.so", 0, &user, &error));
    store_within = wasm_store_new(host.engine);
    SAME(call(host.dyld, user, "go"), WASM_DYLD_OK);
    CHECK(from_within != NULL);
    SAME(wasm_dyld_object_count(from_within), 1);
    hand_over(from_within, store_within);

    /* The time-out goes over as well: long enough for loads on a slow machine. */
    wasm_dyld_t *renewed = NULL;
    wasm_store_t *store = wasm_store_new(host.engine);
    if (!getenv("WASMDYLD_TEST_CHECKER")) {
        WORKS(wasm_dyld_load(host.dyld, "plugin.so", 0, NULL, &error));
        WORKS(wasm_dyld_set_timeout(host.dyld, UINT64_C(3000000000), &error));
        WORKS(wasm_dyld_renew(host.dyld, store, NULL, NULL, &renewed, &error));
        hand_over(renewed, store);
        FAILS(wasm_dyld_call_args(host.dyld, loaded(host.dyld, "plugin.so"), "endless", "() -> ()", NULL, 0, &error), WASM_DYLD_TIMED_OUT, NULL);
        WORKS(wasm_dyld_unload(host.dyld, loaded(host.dyld, "plugin.so"), &error));
        WORKS(wasm_dyld_set_timeout(host.dyld, 0, &error));
        store = wasm_store_new(host.engine);
    }

    /* A constructor that comes to no end. */
    m = module_new();
    module_function(m, "__wasm_call_ctors", "", "", CODE(LOOP, NOTHING, BR, 0, END));
    WORKS(wasm_dyld_load(host.dyld, "other.so", 0, NULL, &error));
    struct shelf before = shelf;
    memset(&shelf, 0, sizeof shelf);
    shelf_add(&shelf, "user.so", constant(1));
    shelf_add(&shelf, "other.so", m);
    WORKS(wasm_dyld_set_timeout(host.dyld, 50000000, &error));
    FAILS(wasm_dyld_renew(host.dyld, store, NULL, NULL, &renewed, &error), WASM_DYLD_TIMED_OUT, "renewing the namespace", NULL);
    CHECK(renewed == NULL);
    wasm_store_delete(store);
    shelf_clear(&shelf);
    shelf = before;
    SAME(call(host.dyld, loaded(host.dyld, "other.so"), "constant"), 1);
    end();
    ok("from within, and a time-out");
}

/* WASI goes over: what is written goes to the same buffer. */
static void wasi(void)
{
    if (getenv("WASMDYLD_TEST_CHECKER"))
        return; /* for its time */
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    host = host_with(config);
    wasm_dyld_output_t *output = wasm_dyld_output_new(0);
    wasm_dyld_wasi_t *granted = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_stdout_buffer(granted, output, &error));
    WORKS(wasm_dyld_set_wasi(host.dyld, granted, &error));
    WORKS(wasm_dyld_load(host.dyld, "libc.so", WASM_DYLD_GLOBAL, NULL, &error));
    for (int n = 0; n < 3; n++) {
        wasm_dyld_t *renewed = NULL;
        wasm_store_t *store = wasm_store_new(host.engine);
        WORKS(wasm_dyld_renew(host.dyld, store, NULL, NULL, &renewed, &error));
        hand_over(renewed, store);
        uint64_t text = 0;
        wasm_dyld_cell_t cell;
        WORKS(wasm_dyld_alloc(host.dyld, 6, &text, &error));
        WORKS(wasm_dyld_write(host.dyld, text, (const uint8_t *)"hello", 6, &error));
        cell.i32 = (int32_t)text;
        WORKS(wasm_dyld_call_args(host.dyld, NULL, "puts", "(i32) -> i32", &cell, 1, &error));
        WORKS(wasm_dyld_finish(host.dyld, &error));
        const uint8_t *bytes = NULL;
        size_t size = 0;
        WORKS(wasm_dyld_output_take(output, &bytes, &size, &error));
        CHECK(size == 6 && memcmp(bytes, "hello\n", 6) == 0);
    }
    host_delete(&host);
    wasm_dyld_output_delete(output);
    ok("WASI");
}

/* A constructor of the new namespace has the host use the old one. */
static wasm_dyld_error_t *load_into_old(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    (void)arguments, (void)results;
    struct host *old = env;
    wasm_dyld_object_t *object = NULL;
    WORKS(wasm_dyld_load(old->dyld, "other.so", 0, &object, &error));
    CHECK(object != NULL);
    called += dyld != old->dyld;
    return NULL;
}

static void openings_of_all_kinds(void)
{
    wasm_dyld_object_t *user = NULL, *other = NULL;
    begin(WASM_DYLD_CONTROL_NONE);
    struct module *m = module_new();
    module_needs(m, "other.so");
    shelf_add(&shelf, "user.so", m);
    m = module_new();
    module_import(m, "host", "begun", "", "");
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, 0));
    shelf_add(&shelf, "begins.so", m);
    WORKS(wasm_dyld_define_func(host.dyld, "host", "begun", "() -> ()", load_into_old, &host, NULL, 0, &error));
    /* What was only asked for first, and is held since. */
    WORKS(wasm_dyld_load(host.dyld, "user.so", 0, &user, &error));
    WORKS(wasm_dyld_load(host.dyld, "other.so", WASM_DYLD_NOLOAD, &other, &error));
    CHECK(other != NULL);
    WORKS(wasm_dyld_unload(host.dyld, user, &error));
    WORKS(wasm_dyld_load(host.dyld, "begins.so", 0, NULL, &error));
    called = 0;
    wasm_dyld_t *renewed = NULL;
    wasm_store_t *store = wasm_store_new(host.engine);
    WORKS(wasm_dyld_renew(host.dyld, store, NULL, NULL, &renewed, &error));
    SAME(called, 1);
    SAME(wasm_dyld_object_count(renewed), 2);
    SAME(call(renewed, loaded(renewed, "other.so"), "constant"), 1);
    hand_over(renewed, store);
    end();
    ok("openings of all kinds");
}

int main(void)
{
    what_goes_over();
    what_the_host_adds();
    bad_arguments();
    within();
    wasi();
    openings_of_all_kinds();
    return 0;
}
