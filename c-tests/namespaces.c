/*
 * Several namespaces: in one store, in one engine, one after the other; none sees another's symbols, memory or definitions.
 */
#define _POSIX_C_SOURCE 200809L
#include "build.h"
#include "check.h"
#include <pthread.h>

static wasm_trap_t *seven(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    results->data[0].kind = WASM_I32;
    results->data[0].of.i32 = 7;
    return NULL;
}

/* A library with a counter in its data. */
static struct module *counter(const char *import)
{
    struct module *m = module_new();
    m->memory_size = 4;
    if (import)
        module_import(m, "env", import, "", "i");
    module_function(m, "count", "", "i",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0, I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0));
    module_datum(m, "counter", 0);
    return m;
}

static void check_isolation(wasm_dyld_t *one, wasm_dyld_t *two, wasm_store_t *store_of_one)
{
    wasm_dyld_object_t *first = NULL, *second = NULL;
    wasm_memory_t *memory1 = NULL, *memory2 = NULL;
    wasm_functype_t *type = wasm_functype_new_0_1(wasm_valtype_new(WASM_I32));
    wasm_func_t *function = wasm_func_new(store_of_one, type, seven);
    wasm_functype_delete(type);
    WORKS(wasm_dyld_define(one, "env", "seven", wasm_func_as_extern(function), 0, &error));
    wasm_func_delete(function);
    WORKS(load_module(one, "counter.so", counter("seven"), WASM_DYLD_GLOBAL, &first, &error));
    FAILS(load_module(two, "counter.so", counter("seven"), WASM_DYLD_GLOBAL, &second, &error), WASM_DYLD_UNDEFINED_SYMBOL, "seven", NULL);
    WORKS(load_module(two, "counter.so", counter(NULL), 0, &second, &error));
    for (int32_t n = 1; n <= 3; n++)
        SAME(CALL0(one, find(one, first, "count")), n);
    SAME(CALL0(two, find(two, second, "count")), 1);
    SAME(read_int(one, address_of(one, first, "counter")), 3);
    SAME(read_int(two, address_of(two, second, "counter")), 1);
    WORKS(wasm_dyld_memory(one, &memory1, &error));
    WORKS(wasm_dyld_memory(two, &memory2, &error));
    CHECK(wasm_memory_data(memory1) != wasm_memory_data(memory2));
}

static void one_store(void)
{
    struct host host = host_new();
    wasm_dyld_t *second = NULL;
    WORKS(wasm_dyld_new(host.store, NULL, &second, &error));
    check_isolation(host.dyld, second, host.store);
    /* One goes, the other stays. */
    wasm_dyld_delete(host.dyld);
    wasm_dyld_object_t *object = wasm_dyld_object_at(second, wasm_dyld_object_count(second) - 1);
    SAME(CALL0(second, find(second, object, "count")), 2);
    wasm_dyld_delete(second);
    wasm_store_delete(host.store);
    wasm_engine_delete(host.engine);
    ok("two namespaces in one store");
}

static wasm_dyld_t *grows(wasm_store_t *store, uint64_t pages)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    if (pages > 0)
        WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_MEMORY_PAGES, pages, &error));
    wasm_dyld_t *dyld = NULL;
    WORKS(wasm_dyld_new(store, config, &dyld, &error));
    struct module *m = module_new();
    module_function(m, "grow", "i", "i", CODE(LOCAL_GET, 0, MEMORY_GROW, 0));
    WORKS(load_module(dyld, "grows.so", m, WASM_DYLD_GLOBAL, NULL, &error));
    return dyld;
}

static int32_t grown(wasm_dyld_t *dyld, int32_t by) { return CALL1(dyld, find(dyld, NULL, "grow"), by); }

/* A limit of one namespace is no other's, whichever was first, and whether it is gone. */
static void limits_in_one_store(void)
{
    struct host host = host_new();
    wasm_dyld_t *before = grows(host.store, 0);
    wasm_dyld_t *bounded = grows(host.store, 40);
    wasm_dyld_t *after = grows(host.store, 0);
    wasm_dyld_t *explicit = grows(host.store, 65536);
    SAME(grown(bounded, 100), -1);
    CHECK(grown(bounded, 5) > 0 && grown(before, 100) > 0 && grown(after, 100) > 0 && grown(explicit, 100) > 0);
    wasm_dyld_delete(bounded);
    wasm_dyld_t *last = grows(host.store, 0);
    CHECK(grown(before, 100) > 0 && grown(after, 100) > 0 && grown(last, 100) > 0);
    wasm_dyld_delete(before);
    wasm_dyld_delete(after);
    wasm_dyld_delete(explicit);
    wasm_dyld_delete(last);
    host_delete(&host);
    ok("limits of namespaces in one store");
}

static void one_engine(void)
{
    struct host host = host_new();
    wasm_store_t *store = wasm_store_new(host.engine);
    wasm_dyld_t *second = NULL;
    WORKS(wasm_dyld_new(store, NULL, &second, &error));
    check_isolation(host.dyld, second, host.store);
    host_delete(&host); /* the engine lives on in the second store */
    SAME(wasm_dyld_object_count(second) > 0, 1);
    wasm_dyld_delete(second);
    wasm_store_delete(store);
    ok("two stores of one engine");
}

static void plain_engine(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_dyld_t *one = NULL, *two = NULL;
    WORKS(wasm_dyld_new(store, NULL, &one, &error));
    WORKS(wasm_dyld_new(store, NULL, &two, &error));
    check_isolation(one, two, store);
    wasm_dyld_delete(two);
    wasm_dyld_delete(one);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    ok("an engine of wasm_engine_new");
}

static void one_after_the_other(void)
{
    struct host host = host_new();
    wasm_dyld_delete(host.dyld);
    for (int round = 0; round < 10; round++) {
        wasm_dyld_object_t *object = NULL;
        WORKS(wasm_dyld_new(host.store, NULL, &host.dyld, &error));
        WORKS(load_module(host.dyld, "counter.so", counter(NULL), 0, &object, &error));
        SAME(CALL0(host.dyld, find(host.dyld, object, "count")), 1);
        wasm_dyld_delete(host.dyld);
    }
    wasm_store_delete(host.store);
    wasm_engine_delete(host.engine);
    ok("one namespace after the other in a store");
}

static struct host asked;
static wasm_memory_t *seen_memory;
static wasm_table_t *seen_table;

static wasm_trap_t *look(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments, (void)results;
    WORKS(wasm_dyld_memory(asked.dyld, &seen_memory, &error));
    WORKS(wasm_dyld_table(asked.dyld, &seen_table, &error));
    return NULL;
}

/* Handles of a memory and a table stay good when the namespace has got others. */
static void memories(void)
{
    wasm_memory_t *memory = NULL;
    wasm_table_t *table = NULL;
    wasm_dyld_object_t *object = NULL;
    asked = host_new();
    define_function(&asked, "host", "look", 0, 0, look);
    for (int round = 0; round < 2; round++) {
        struct module *m = module_new();
        uint32_t call = module_import(m, "host", "look", "", "");
        m->memory_size = 16;
        module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, (uint8_t)call, UNREACHABLE));
        FAILS(load_module(asked.dyld, "fails.so", m, 0, NULL, &error), WASM_DYLD_TRAP, "fails.so", NULL);
        FAILS(wasm_dyld_memory(asked.dyld, &memory, &error), WASM_DYLD_BUSY, NULL);
        FAILS(wasm_dyld_table(asked.dyld, &table, &error), WASM_DYLD_BUSY, NULL);
        CHECK(wasm_memory_size(seen_memory) > 0 && wasm_table_size(seen_table) > 0);
    }
    WORKS(load_module(asked.dyld, "counter.so", counter(NULL), 0, &object, &error));
    WORKS(wasm_dyld_memory(asked.dyld, &memory, &error));
    WORKS(wasm_dyld_table(asked.dyld, &table, &error));
    CHECK(memory != seen_memory && table != seen_table);
    CHECK(wasm_memory_size(seen_memory) > 0 && wasm_table_size(seen_table) > 0);
    /* The same while there are objects, and when it is emptied as well. */
    for (int round = 0; round < 3; round++) {
        look(NULL, NULL);
        CHECK(memory == seen_memory && table == seen_table);
        WORKS(wasm_dyld_unload(asked.dyld, object, &error));
        SAME(wasm_dyld_object_count(asked.dyld), 0);
        CHECK(wasm_memory_size(memory) > 0 && wasm_table_size(table) > 0);
        WORKS(load_module(asked.dyld, "counter.so", counter(NULL), 0, &object, &error));
    }
    host_delete(&asked);
    ok("memories and tables that a namespace had");
}

enum { ROUNDS = 20, CALLS = 300 };

/* A thread with a namespace of its own, of an engine that it shares. Gives NULL if all went well. */
static void *thread(void *argument)
{
    wasm_engine_t *engine = (wasm_engine_t *)argument;
    struct bytes bytes = module_finish(counter(NULL));
    const char *wrong = NULL;
    for (int round = 0; round < ROUNDS && !wrong; round++) {
        wasm_store_t *store = wasm_store_new(engine);
        wasm_dyld_config_t *config = wasm_dyld_config_new();
        wasm_dyld_t *dyld = NULL;
        wasm_dyld_object_t *object = NULL;
        wasm_func_t *function = NULL;
        wasm_dyld_error_t *problem = NULL;
        if (wasm_dyld_config_set_stack_size(config, 1 << 16, NULL) || wasm_dyld_new(store, config, &dyld, NULL) ||
            wasm_dyld_load_bytes(dyld, "counter.so", bytes.data, bytes.size, 0, &object, NULL) ||
            wasm_dyld_dlsym(dyld, object, "count", NULL, &function, NULL, NULL))
            wrong = "it does not load";
        for (int32_t n = 1; n <= CALLS && !wrong; n++) {
            wasm_val_t value = WASM_INIT_VAL;
            wasm_val_vec_t none = {0, NULL}, results = {1, NULL};
            results.data = &value;
            if (wasm_dyld_call(dyld, function, &none, &results, NULL) || value.of.i32 != n)
                wrong = "a wrong count";
            if (wasm_dyld_call(dyld, NULL, &none, &results, &problem) != WASM_DYLD_INVALID_ARGUMENT ||
                wasm_dyld_error_code(problem) != WASM_DYLD_INVALID_ARGUMENT)
                wrong = "a wrong error";
            wasm_dyld_error_delete(problem);
            if (wasm_dyld_error_undefined_count(problem) || !strstr(wasm_dyld_error_message(problem), "no such error"))
                wrong = "an error that was deleted";
        }
        wasm_dyld_delete(dyld);
        if (wasm_dyld_object_count(dyld) != 0)
            wrong = "a namespace that was deleted";
        wasm_store_delete(store);
    }
    free(bytes.data);
    return (void *)(uintptr_t)wrong;
}

static void threads(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    pthread_t all[3];
    for (size_t i = 0; i < COUNT_OF(all); i++)
        SAME(pthread_create(&all[i], NULL, thread, engine), 0);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        void *wrong = NULL;
        SAME(pthread_join(all[i], &wrong), 0);
        if (wrong)
            SAME_TEXT((const char *)wrong, "all well");
    }
    wasm_engine_delete(engine);
    ok("namespaces on several threads");
}

static struct host moved;
static wasm_dyld_t *neighbour;

static void *in_thread(void *step)
{
    ((void (*)(void))(uintptr_t)step)();
    return NULL;
}

static void in_a_thread_of_its_own(void (*step)(void))
{
    pthread_t thread;
    SAME(pthread_create(&thread, NULL, in_thread, (void *)(uintptr_t)step), 0);
    SAME(pthread_join(thread, NULL), 0);
}

static wasm_dyld_config_t *stoppable(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_control(config, WASM_DYLD_CONTROL_INTERRUPT, &error));
    return config;
}

static void is_made(void)
{
    moved = host_with(stoppable());
    struct module *m = counter(NULL);
    module_function(m, "loops", "", "", CODE(LOOP, NOTHING, BR, 0, END));
    module_function(m, "traps", "", "", CODE(UNREACHABLE));
    WORKS(load_module(moved.dyld, "counter.so", m, WASM_DYLD_GLOBAL, NULL, &error));
}

static void gets_a_neighbour(void)
{
    WORKS(wasm_dyld_new(moved.store, stoppable(), &neighbour, &error));
    WORKS(wasm_dyld_define(neighbour, "env", "others", wasm_func_as_extern(find(moved.dyld, NULL, "loops")), 0, &error));
    struct module *m = module_new();
    uint32_t others = module_import(m, "env", "others", "", "");
    module_function(m, "through", "", "", CODE(CALL, (uint8_t)others));
    WORKS(load_module(neighbour, "neighbour.so", m, WASM_DYLD_GLOBAL, NULL, &error));
}

static void is_stopped(void)
{
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    WORKS(wasm_dyld_set_timeout(moved.dyld, 20000000, &error));
    FAILS(wasm_dyld_call(moved.dyld, find(moved.dyld, NULL, "loops"), &none, &none, &error), WASM_DYLD_TIMED_OUT, NULL);
    WORKS(wasm_dyld_set_timeout(moved.dyld, 0, &error));
    FAILS(wasm_dyld_call(moved.dyld, find(moved.dyld, NULL, "traps"), &none, &none, &error), WASM_DYLD_TRAP, NULL);
}

/* The code that runs is that of the one namespace, what is to stop the entry into the other. */
static void is_stopped_by_its_neighbour(void)
{
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    WORKS(wasm_dyld_set_timeout(neighbour, 20000000, &error));
    FAILS(wasm_dyld_call(neighbour, find(neighbour, NULL, "through"), &none, &none, &error), WASM_DYLD_TIMED_OUT, NULL);
}

static int32_t counted;

static void counts(void) { SAME(CALL0(moved.dyld, find(moved.dyld, NULL, "count")), ++counted); }

static void ends(void)
{
    wasm_dyld_delete(neighbour);
    host_delete(&moved);
}

/* A namespace, its neighbour and their store, in one thread after the other. */
static void from_thread_to_thread(void)
{
    void (*const steps[])(void) = {is_made, counts, gets_a_neighbour, is_stopped, is_stopped_by_its_neighbour, counts, ends};
    for (size_t here = 0; here <= COUNT_OF(steps); here++) {
        counted = 0;
        /* All but one in threads that end, and that one here. */
        for (size_t step = 0; step < COUNT_OF(steps); step++)
            if (step == here)
                steps[step]();
            else
                in_a_thread_of_its_own(steps[step]);
    }
    ok("a namespace that moves between threads");
}

int main(void)
{
    one_store();
    limits_in_one_store();
    one_engine();
    plain_engine();
    one_after_the_other();
    memories();
    threads();
    from_thread_to_thread();
    return 0;
}
