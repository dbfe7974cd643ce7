/*
 * Loading and unloading without end: nothing grows. And what happens where an engine's instances end.
 *
 *     soak [CYCLES]
 */
#define _POSIX_C_SOURCE 200809L
#include "build.h"
#include "check.h"
#include <malloc.h>
#include <time.h>
#include <unistd.h>

/* The bundled engine makes 10,000 instances in the life of a store; a host goes on in a new one before that. */
enum { MOST_INSTANCES = 10000, LEAST_LEFT = 1000, WARM_UP = 100 };

static wasm_engine_t *engine;
static struct shelf shelf;

/* A datum with 7 in it, a handler for the end, a slot, and a function that the other one calls. */
static struct module *base(void)
{
    struct module *m = module_new();
    m->memory_size = 3000;
    m->memory_p2align = 4;
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_data(m, 0, "\7\0\0\0", 4);
    module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, I32_CONST, 1, I32_STORE, 2, 0)));
    module_function(m, "base_value", "", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, 0));
    /* ... = 8; __cxa_atexit(handler, memory, memory) */
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, 0, I32_CONST, 8, I32_STORE, 2, 0, GLOBAL_GET, 1, GLOBAL_GET, 0, GLOBAL_GET, 0, CALL, 0, DROP));
    return m;
}

static struct module *top(void)
{
    struct module *m = module_new();
    m->memory_size = 500;
    m->memory_p2align = 3;
    module_needs(m, "base.so");
    module_import(m, "env", "base_value", "", "i");
    uint32_t entry = module_import_global(m, "GOT.func", "base_value", true);
    module_data(m, 8, "\5\0\0\0", 4);
    module_datum(m, "datum", 8);
    /* ... += 2 */
    uint32_t change = module_function(m, NULL, "", "",
                                      CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_LOAD, 2, 8, I32_CONST, 2, I32_ADD, I32_STORE, 2, 8));
    module_slot(m, change);
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, (uint8_t)change));
    module_function(m, "sum", "", "i", CODE(CALL, 0, GLOBAL_GET, (uint8_t)entry, CALL_INDIRECT, 0, 0, I32_ADD, GLOBAL_GET, 0, I32_LOAD, 2, 8, I32_ADD));
    return m;
}

static struct host store_and_namespace(void)
{
    struct host host = {engine, wasm_store_new(engine), NULL};
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    CHECK(host.store != NULL);
    WORKS(wasm_dyld_config_set_open(config, shelf_open, &shelf, NULL, &error));
    WORKS(wasm_dyld_new(host.store, config, &host.dyld, &error));
    return host;
}

static void recycle(struct host *host)
{
    wasm_dyld_delete(host->dyld);
    wasm_store_delete(host->store);
    *host = store_and_namespace();
}

/* As a host that runs for long does: the next namespace is made like the one before, which goes when that one is there. */
static void renew(struct host *host)
{
    struct host next = {engine, wasm_store_new(engine), NULL};
    CHECK(next.store != NULL);
    WORKS(wasm_dyld_renew(host->dyld, next.store, NULL, NULL, &next.dyld, &error));
    WORKS(wasm_dyld_finish(host->dyld, &error));
    wasm_dyld_delete(host->dyld);
    wasm_store_delete(host->store);
    *host = next;
}

static void cycle(wasm_dyld_t *dyld, bool take_address)
{
    wasm_dyld_object_t *object = NULL;
    WORKS(wasm_dyld_load(dyld, "top.so", WASM_DYLD_NOW, &object, &error));
    SAME(wasm_dyld_object_count(dyld), 2);
    SAME(CALL0(dyld, find(dyld, object, "sum")), 8 + 8 + 7);
    SAME(read_int(dyld, address_of(dyld, object, "datum")), 7);
    if (take_address)
        slot_of(dyld, object, "sum");
    WORKS(wasm_dyld_unload(dyld, object, &error));
    SAME(wasm_dyld_object_count(dyld), 0);
}

/* A thread's cache of freed blocks fills slowly, and its blocks count as in use; so do the tables of each thread that compiles. Started
   without the one and with one of the others, the figures are exact. */
static void start_with_exact_figures(char **argv)
{
    if (getenv("GLIBC_TUNABLES") || getenv("WASMDYLD_TEST_CHECKER"))
        return;
    if (setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1) == 0 && setenv("RAYON_NUM_THREADS", "1", 1) == 0)
        execv("/proc/self/exe", argv);
    unsetenv("GLIBC_TUNABLES");
}

/* Bytes in use on the heap, 0 where that is not known. */
static size_t heap(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 33))
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

/* The least of two halves of a test: what the engine's other threads have in hand at the moment comes on top. */
struct least {
    size_t early, late;
};

static void note_heap(struct least *least, bool early)
{
    size_t *half = early ? &least->early : &least->late, now = heap();
    if (*half == 0 || now < *half)
        *half = now;
}

static void check_flat(struct least least)
{
    CHECK(least.early == 0 || least.late <= least.early + (getenv("GLIBC_TUNABLES") ? 8192 : 300000));
}

static void without_end(long cycles)
{
    struct host host = store_and_namespace();
    struct snapshot flat = {0, false, 0, 0};
    struct least least = {0, 0};
    long in_this = 0, stores = 1;
    clock_t begin = clock();
    for (long n = 0; n < cycles; n++, in_this++) {
        if (wasm_dyld_instances_left(host.dyld) < LEAST_LEFT) {
            CHECK(in_this > WARM_UP);
            renew(&host);
            stores++;
            in_this = 0;
            /* The first stores leave the engine's own tables at their size. */
            if (stores >= 3)
                note_heap(&least, n < cycles / 2);
        }
        if (in_this == WARM_UP)
            flat = snapshot_of(host.dyld);
        cycle(host.dyld, n % 10 == 0);
        if (in_this >= WARM_UP)
            UNCHANGED(host.dyld, flat);
    }
    wasm_dyld_delete(host.dyld);
    wasm_store_delete(host.store);
    check_flat(least);
    ok("loading and unloading without end");
    printf("# %ld cycles in %ld stores, %.0f us a cycle; heap %lu, in the second half %lu\n", cycles, stores,
           (double)(clock() - begin) / CLOCKS_PER_SEC * 1e6 / (double)cycles, (unsigned long)least.early, (unsigned long)least.late);
}

/* A library that is another one each time, as a plugin under development is: nothing of the old ones stays in a new store. */
static void ever_changing(long cycles)
{
    wasm_engine_t *cached = engine;
    /* Compiled code that is never used again would fill the disk. */
    WORKS(wasm_dyld_engine_new(NULL, &engine, &error));
    struct host host = store_and_namespace();
    struct least least = {0, 0};
    for (long n = 0; n < cycles; n++) {
        wasm_dyld_object_t *object = NULL;
        struct module *m = module_new();
        uint8_t number[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), 0};
        m->memory_size = 4;
        module_data(m, 0, number, sizeof number);
        module_function(m, "get", "", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, 0));
        WORKS(load_module(host.dyld, "changing.so", m, 0, &object, &error));
        SAME(CALL0(host.dyld, find(host.dyld, object, "get")), n);
        WORKS(wasm_dyld_unload(host.dyld, object, &error));
        if (n % (cycles / 20) == cycles / 20 - 1) {
            recycle(&host);
            /* The first ones leave the engine's own tables and threads at their size. */
            if (n >= cycles / 4)
                note_heap(&least, n < cycles / 2);
        }
    }
    wasm_dyld_delete(host.dyld);
    wasm_store_delete(host.store);
    wasm_engine_delete(engine);
    engine = cached;
    check_flat(least);
    ok("a library that changes each time");
    printf("# %ld changing libraries; heap %lu, in the second half %lu\n", cycles, (unsigned long)least.early, (unsigned long)least.late);
}

static uint32_t give(wasm_dyld_t *dyld, wasm_dyld_object_t *object, const char *text)
{
    uint32_t address = (uint32_t)CALL1(dyld, find(dyld, object, "malloc"), strlen(text) + 1);
    CHECK(address != 0);
    WORKS(wasm_dyld_write(dyld, address, (const uint8_t *)text, strlen(text) + 1, &error));
    return address;
}

static void use_sqlite(wasm_dyld_t *dyld, wasm_dyld_object_t *sqlite)
{
    uint32_t name = give(dyld, sqlite, ":memory:"), out = give(dyld, sqlite, "out");
    uint32_t sql = give(dyld, sqlite,
                        "CREATE TABLE t (n INTEGER); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000)"
                        " INSERT INTO t SELECT n FROM c; DELETE FROM t WHERE n % 2;");
    SAME(CALL2(dyld, find(dyld, sqlite, "sqlite3_open"), name, out), 0);
    uint32_t database = (uint32_t)read_int(dyld, out);
    wasm_val_t arguments[] = {WASM_I32_VAL((int32_t)database), WASM_I32_VAL((int32_t)sql), WASM_I32_VAL(0), WASM_I32_VAL(0), WASM_I32_VAL(0)};
    wasm_val_t code = WASM_I32_VAL(-1);
    wasm_val_vec_t in = {COUNT_OF(arguments), arguments}, results = {1, &code};
    WORKS(wasm_dyld_call(dyld, find(dyld, sqlite, "sqlite3_exec"), &in, &results, &error));
    SAME(code.of.i32, 0);
    SAME(CALL1(dyld, find(dyld, sqlite, "sqlite3_changes"), database), 2500);
    SAME(CALL1(dyld, find(dyld, sqlite, "sqlite3_close"), database), 0);
    const uint32_t given[] = {name, out, sql};
    for (size_t i = 0; i < COUNT_OF(given); i++)
        CALL1(dyld, find(dyld, sqlite, "free"), given[i]);
}

/* A large library and libc, which grows the memory itself; libc stays, or goes with it. */
static void real_libraries(void)
{
    if (getenv("WASMDYLD_TEST_CHECKER"))
        return; /* for its time */
    for (int libc_stays = 0; libc_stays < 2; libc_stays++) {
        struct host host = {engine, wasm_store_new(engine), NULL};
        struct snapshot flat = {0, false, 0, 0};
        wasm_dyld_config_t *config = wasm_dyld_config_new();
        WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
        WORKS(wasm_dyld_new(host.store, config, &host.dyld, &error));
        WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
        if (libc_stays)
            WORKS(wasm_dyld_load(host.dyld, "libc.so", 0, NULL, &error));
        for (int round = 0; round < 30; round++) {
            wasm_dyld_object_t *sqlite = NULL;
            WORKS(wasm_dyld_load(host.dyld, "libsqlite3.so", round % 3 ? 0 : WASM_DYLD_GLOBAL, &sqlite, &error));
            use_sqlite(host.dyld, sqlite);
            WORKS(wasm_dyld_unload(host.dyld, sqlite, &error));
            SAME(wasm_dyld_object_count(host.dyld), libc_stays);
            if (round == 1)
                flat = snapshot_of(host.dyld);
            if (round >= 1)
                UNCHANGED(host.dyld, flat);
        }
        wasm_dyld_delete(host.dyld);
        wasm_store_delete(host.store);
    }
    ok("a large library");
}

/* A guest that opens top.so, and tells why it cannot. */
static struct module *opens(void)
{
    struct module *m = module_new();
    m->memory_size = 16;
    uint32_t open = module_import(m, "env", "dlopen", "ii", "i"), why = module_import(m, "env", "dlerror", "", "i");
    module_data(m, 0, "top.so", 7);
    module_function(m, "open", "", "i", CODE(GLOBAL_GET, 0, I32_CONST, 2, CALL, (uint8_t)open));
    module_function(m, "why", "", "i", CODE(CALL, (uint8_t)why));
    return m;
}

/* The last instance of a store: what is there goes on, what does not fit is told so and changes nothing. */
static void last_instance(void)
{
    if (getenv("WASMDYLD_TEST_CHECKER"))
        return; /* for its time */
    struct host host = store_and_namespace();
    wasm_dyld_object_t *stays = NULL, *object = NULL;
    struct module *m = base();
    wasm_dyld_code_t code = WASM_DYLD_OK;
    module_function(m, "another", "", "i", CODE(I32_CONST, 3));
    WORKS(load_module(host.dyld, "stays.so", m, WASM_DYLD_GLOBAL, &stays, &error));
    wasm_dyld_object_t *asks = NULL;
    WORKS(load_module(host.dyld, "asks.so", opens(), 0, &asks, &error));
    struct snapshot before = {0, false, 0, 0};
    for (long n = 0; code == WASM_DYLD_OK; n++) {
        CHECK(n <= MOST_INSTANCES);
        if (n == WARM_UP)
            before = snapshot_of(host.dyld);
        object = stays;
        code = wasm_dyld_load(host.dyld, "top.so", WASM_DYLD_NOW, &object, &error);
        if (code == WASM_DYLD_OK)
            WORKS(wasm_dyld_unload(host.dyld, object, &error));
    }
    FAILS(code, WASM_DYLD_LIMIT, "top.so", "10000", "store", NULL);
    CHECK(object == NULL || object == stays);
    uint64_t instances = wasm_dyld_instance_count(host.dyld);
    CHECK(instances <= MOST_INSTANCES && instances > MOST_INSTANCES - 10);
    UNCHANGED(host.dyld, before);
    OPENS(host.dyld, stays, 1, 0);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "base_value")), 8);
    /* A guest is told what its author can do. */
    SAME(CALL0(host.dyld, find(host.dyld, asks, "open")), 0);
    CONTAINS(read_text(host.dyld, (uint32_t)CALL0(host.dyld, find(host.dyld, asks, "why"))), "keep open what is needed again");
    WORKS(wasm_dyld_unload(host.dyld, asks, &error));
    wasm_dyld_object_t *again = NULL;
    WORKS(wasm_dyld_load(host.dyld, "stays.so", 0, &again, &error));
    CHECK(again == stays);
    /* What is asked of the engine one by one ends in the same way. */
    for (int n = 0; n < 20; n++) {
        char name[16];
        m = module_new();
        snprintf(name, sizeof name, "one%d.so", n);
        code = load_module(host.dyld, name, m, 0, NULL, &error);
        if (code != WASM_DYLD_OK)
            break;
    }
    FAILS(code, WASM_DYLD_LIMIT, "10000", NULL);
    SAME(wasm_dyld_instance_count(host.dyld), MOST_INSTANCES);
    code = wasm_dyld_dlsym(host.dyld, stays, "another", NULL, NULL, &(uint64_t){0}, &error);
    FAILS(code, WASM_DYLD_LIMIT, "10000", NULL);
    SAME(CALL0(host.dyld, find(host.dyld, stays, "another")), 3);
    WORKS(wasm_dyld_unload(host.dyld, stays, &error));
    WORKS(wasm_dyld_unload(host.dyld, stays, &error));
    GONE(host.dyld, stays);
    /* In a new store it goes on. */
    SAME(wasm_dyld_instances_left(host.dyld), 0);
    renew(&host);
    cycle(host.dyld, true);
    wasm_dyld_delete(host.dyld);
    wasm_store_delete(host.store);
    ok("the last instance of a store");
}

int main(int argc, char **argv)
{
    bool checker = getenv("WASMDYLD_TEST_CHECKER") != NULL;
    start_with_exact_figures(argv);
    long cycles = argc > 1 ? atol(argv[1]) : checker ? 150 : 100000;
    const char *cache = getenv("WASMDYLD_TEST_CACHE");
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    if (cache)
        WORKS(wasm_dyld_config_set_engine_cache(config, cache, &error));
    WORKS(wasm_dyld_engine_new(config, &engine, &error));
    wasm_dyld_config_delete(config);
    shelf_add(&shelf, "base.so", base());
    shelf_add(&shelf, "top.so", top());
    without_end(cycles);
    ever_changing(checker ? 20 : 2000);
    real_libraries();
    last_instance();
    shelf_clear(&shelf);
    wasm_engine_delete(engine);
    return 0;
}
