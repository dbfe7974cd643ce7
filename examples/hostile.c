/*
 * A host that runs plugins which it does not trust, and goes on whatever they do.
 *
 *     cc -std=c11 hostile.c -lwasmdyld -o hostile
 *     ./hostile LIBRARIES PLUGINS [COUNT]
 *
 * LIBRARIES is the folder with libc.so, PLUGINS the one with those that do harm. COUNT of them (1000) are run, one after the other. Each gets
 * a namespace in a store of its own, 16 MiB of memory, a budget, and a second of time where it may wait; it can open no files and
 * no libraries. WASMDYLD_ENGINE=/path/to/libengine.so runs them on another engine: they are stopped at the same place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasm.h>
#include <wasmdyld.h>

enum { BUDGET = 1000000, PAGES = 256, HOST_MEMORY = 64 << 20 };

static const struct {
    const char *library, *harm;
    /* Run it every so many rounds: one that sleeps takes its whole second. */
    unsigned every;
} plugins[] = {
    {"libworks.so", "none", 1},
    {"libconstructor.so", "a loop in its constructor", 1},
    {"libdestructor.so", "a loop in its destructor", 1},
    {"libloop.so", "a loop", 1},
    {"libcallback.so", "a loop in a callback of libc's", 1},
    {"libhost.so", "a loop in a callback of the host's", 1},
    {"librecursion.so", "recursion without end", 1},
    {"libmemory.so", "takes all memory, and asks for more", 1},
    {"libhandlers.so", "registers exit handlers without end", 1},
    {"libexit.so", "exits", 1},
    {"libtrap.so", "traps", 1},
    {"libsleep.so", "sleeps", 30},
};

enum { KINDS = sizeof plugins / sizeof *plugins };

/* How far a plugin came, and what it ended with there. */
enum { LOADING, WORKING, UNLOADING, STAGES };
static const char *const stages[] = {"loading", "working", "unloading"};
static unsigned outcomes[KINDS][STAGES][32];

static const char *outcome(unsigned code)
{
    switch (code) {
    case WASM_DYLD_OK: return "fine";
    case WASM_DYLD_TRAP: return "trapped";
    case WASM_DYLD_EXIT: return "exited";
    case WASM_DYLD_TIMED_OUT: return "out of time";
    case WASM_DYLD_OUT_OF_BUDGET: return "out of budget";
    default: return "another error";
    }
}

/* What the host itself calls of wasm.h: of the linked engine, or of one that was opened. */
static struct {
    wasm_store_t *(*store_new)(wasm_engine_t *);
    void (*store_delete)(wasm_store_t *);
    void (*engine_delete)(wasm_engine_t *);
    wasm_func_t *(*func_new)(wasm_store_t *, const wasm_functype_t *, wasm_func_callback_t);
    void (*func_delete)(wasm_func_t *);
    wasm_extern_t *(*func_as_extern)(wasm_func_t *);
    wasm_functype_t *(*functype_new)(wasm_valtype_vec_t *, wasm_valtype_vec_t *);
    void (*functype_delete)(wasm_functype_t *);
    wasm_valtype_t *(*valtype_new)(wasm_valkind_t);
    void (*valtype_vec_new)(wasm_valtype_vec_t *, size_t, wasm_valtype_t *const[]);
} api = {wasm_store_new, wasm_store_delete, wasm_engine_delete, wasm_func_new, wasm_func_delete, wasm_func_as_extern,
         wasm_functype_new, wasm_functype_delete, wasm_valtype_new, wasm_valtype_vec_new};

static wasm_dyld_error_t *error;

static void check(wasm_dyld_code_t code)
{
    if (code == WASM_DYLD_OK)
        return;
    fprintf(stderr, "hostile: %s\n", wasm_dyld_error_message(error));
    wasm_dyld_error_delete(error);
    exit(1);
}

static void take(const wasm_dyld_engine_t *engine, const char *name, void *into)
{
    wasm_dyld_engine_function_t function = wasm_dyld_engine_function(engine, name);
    if (!function) {
        fprintf(stderr, "hostile: the engine has no %s\n", name);
        exit(1);
    }
    memcpy(into, &function, sizeof function);
}

/* The engine that the environment names, if any; NULL: the linked one. */
static wasm_dyld_engine_t *choose(void)
{
    const char *path = getenv("WASMDYLD_ENGINE");
    wasm_dyld_engine_t *engine = NULL;
    if (!path)
        return NULL;
    check(wasm_dyld_engine_open(path, &engine, &error));
    take(engine, "wasm_store_new", &api.store_new);
    take(engine, "wasm_store_delete", &api.store_delete);
    take(engine, "wasm_engine_delete", &api.engine_delete);
    take(engine, "wasm_func_new", &api.func_new);
    take(engine, "wasm_func_delete", &api.func_delete);
    take(engine, "wasm_func_as_extern", &api.func_as_extern);
    take(engine, "wasm_functype_new", &api.functype_new);
    take(engine, "wasm_functype_delete", &api.functype_delete);
    take(engine, "wasm_valtype_new", &api.valtype_new);
    take(engine, "wasm_valtype_vec_new", &api.valtype_vec_new);
    return engine;
}

static wasm_dyld_config_t *configure(const wasm_dyld_engine_t *engine, const char *libraries)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    if (engine)
        check(wasm_dyld_config_set_engine(config, engine, &error));
    check(wasm_dyld_config_set_control(config, WASM_DYLD_CONTROL_BUDGET, &error));
    check(wasm_dyld_config_set_guest(config, WASM_DYLD_GUEST_NO_DLOPEN, &error));
    check(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_MEMORY_PAGES, PAGES, &error));
    check(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_TABLE_SLOTS, 10000, &error));
    check(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_OBJECTS, 10, &error));
    check(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_HOST_MEMORY, HOST_MEMORY, &error));
    check(wasm_dyld_config_add_library_path(config, libraries, &error));
    return config;
}

/* The namespace whose plugin is at work, and the function that the host calls back. */
static wasm_dyld_t *current;
static wasm_func_t *again;

static wasm_trap_t *host_calls_back(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    wasm_dyld_error_t *problem = NULL;
    /* A host function may well keep an error to itself: the plugin is stopped all the same. */
    if (wasm_dyld_call(current, again, arguments, results, &problem) != WASM_DYLD_OK) {
        wasm_dyld_error_delete(problem);
        results->data[0].kind = WASM_I32;
        results->data[0].of.i32 = 0;
    }
    return NULL;
}

static void define_host(wasm_store_t *store)
{
    wasm_valtype_t *in[] = {api.valtype_new(WASM_I32)}, *out[] = {api.valtype_new(WASM_I32)};
    wasm_valtype_vec_t params, results;
    api.valtype_vec_new(&params, 1, in);
    api.valtype_vec_new(&results, 1, out);
    wasm_functype_t *type = api.functype_new(&params, &results);
    wasm_func_t *function = api.func_new(store, type, host_calls_back);
    api.functype_delete(type);
    check(wasm_dyld_define(current, "env", "host_calls_back", api.func_as_extern(function), 0, &error));
    api.func_delete(function);
}

static void came(size_t kind, int stage, wasm_dyld_code_t code)
{
    outcomes[kind][stage][code]++;
    wasm_dyld_error_delete(error);
    error = NULL;
}

static void run(size_t kind, const char *folder)
{
    char path[4096];
    wasm_dyld_object_t *plugin;
    wasm_func_t *work;
    snprintf(path, sizeof path, "%s/%s", folder, plugins[kind].library);
    check(wasm_dyld_set_budget(current, BUDGET, &error));
    wasm_dyld_code_t code = wasm_dyld_load(current, path, WASM_DYLD_NOW, &plugin, &error);
    if (code != WASM_DYLD_OK) {
        came(kind, LOADING, code);
        return;
    }
    check(wasm_dyld_dlsym(current, plugin, "work", NULL, &work, NULL, &error));
    check(wasm_dyld_dlsym(current, plugin, "again", NULL, &again, NULL, &error));

    wasm_val_t argument, result;
    memset(&argument, 0, sizeof argument);
    memset(&result, 0, sizeof result);
    argument.kind = WASM_I32;
    argument.of.i32 = 41;
    wasm_val_vec_t arguments = {1, &argument}, results = {1, &result};
    check(wasm_dyld_set_budget(current, BUDGET, &error));
    check(wasm_dyld_set_timeout(current, plugins[kind].every > 1 ? 1000000000 : 0, &error));
    code = wasm_dyld_call(current, work, &arguments, &results, &error);
    if (code != WASM_DYLD_OK || result.of.i32 != 42) {
        came(kind, WORKING, code);
        return;
    }
    check(wasm_dyld_set_budget(current, BUDGET, &error));
    came(kind, UNLOADING, wasm_dyld_unload(current, plugin, &error));
}

int main(int argc, char **argv)
{
    unsigned count = argc > 3 ? (unsigned)atoi(argv[3]) : 1000;
    if (argc < 3) {
        fprintf(stderr, "usage: hostile LIBRARIES PLUGINS [COUNT]\n");
        return 2;
    }
    wasm_dyld_engine_t *library = choose();
    wasm_engine_t *engine;
    wasm_dyld_config_t *config = configure(library, argv[1]);
    check(wasm_dyld_engine_new(config, &engine, &error));
    wasm_dyld_config_delete(config);

    for (unsigned done = 0, round = 0; done < count; round++) {
        for (size_t kind = 0; kind < KINDS && done < count; kind++) {
            if (round % plugins[kind].every != 0)
                continue;
            wasm_store_t *store = api.store_new(engine);
            check(wasm_dyld_new(store, configure(library, argv[1]), &current, &error));
            check(wasm_dyld_set_wasi(current, NULL, &error));
            define_host(store);
            run(kind, argv[2]);
            wasm_dyld_delete(current);
            api.store_delete(store);
            done++;
        }
    }
    api.engine_delete(engine);
    wasm_dyld_engine_close(library);

    printf("%u plugins were run, and the host goes on:\n", count);
    for (size_t kind = 0; kind < KINDS; kind++)
        for (int stage = 0; stage < STAGES; stage++)
            for (unsigned code = 0; code < 32; code++)
                if (outcomes[kind][stage][code])
                    printf("  %-36s %s while %s\n", plugins[kind].harm, outcome(code), stages[stage]);
    return 0;
}
