/* Engines opened at run time: those of WASMDYLD_TEST_ENGINES ("name=path:name=path"), each beside the linked one. */

#include "build.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

/* The engine's own functions that a host needs. */
struct functions {
    wasm_store_t *(*store_new)(wasm_engine_t *);
    void (*store_delete)(wasm_store_t *);
    void (*engine_delete)(wasm_engine_t *);
    wasm_memory_pages_t (*memory_size)(const wasm_memory_t *);
};

static void take(const wasm_dyld_engine_t *engine, const char *name, void *function)
{
    wasm_dyld_engine_function_t found = wasm_dyld_engine_function(engine, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

static struct functions functions_of(const wasm_dyld_engine_t *engine)
{
    struct functions f;
    take(engine, "wasm_store_new", &f.store_new);
    take(engine, "wasm_store_delete", &f.store_delete);
    take(engine, "wasm_engine_delete", &f.engine_delete);
    take(engine, "wasm_memory_size", &f.memory_size);
    return f;
}

/* A library whose constructor adds to its datum; `sum` gives that and its argument. */
static struct module *sample(void)
{
    struct module *m = module_new();
    m->memory_size = 8;
    module_function(m, "__wasm_call_ctors", "", "", CODE(GLOBAL_GET, 0, I32_CONST, 40, I32_STORE, 2, 0));
    module_function(m, "sum", "i", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, 0, LOCAL_GET, 0, I32_ADD));
    return m;
}

static void sum_is(wasm_dyld_t *dyld, int32_t argument, int32_t expected)
{
    wasm_dyld_object_t *object = NULL;
    wasm_func_t *sum = NULL;
    wasm_val_t argument_value, result;
    wasm_val_vec_t arguments = {1, &argument_value}, results = {1, &result};
    WORKS(load_module(dyld, "sample.so", sample(), WASM_DYLD_NOW, &object, &error));
    WORKS(wasm_dyld_dlsym(dyld, object, "sum", NULL, &sum, NULL, &error));
    memset(&argument_value, 0, sizeof argument_value);
    argument_value.kind = WASM_I32;
    argument_value.of.i32 = argument;
    memset(&result, 0, sizeof result);
    WORKS(wasm_dyld_call(dyld, sum, &arguments, &results, &error));
    SAME(result.of.i32, expected);
    WORKS(wasm_dyld_unload(dyld, object, &error));
    SAME(wasm_dyld_object_count(dyld), 0);
}

/* Types that wasm.h has no numbers for, or whose values engines do not let through: neither asked of the engine nor called. */
static void odd_types(wasm_dyld_t *dyld)
{
    enum { SIMD = 0xfd, V128_CONST = 12, REF_NULL = 0xd0, EXTERN = 0x6f };
    wasm_dyld_object_t *object = NULL;
    wasm_func_t *function = NULL;
    struct module *m = module_new();
    module_function(m, "vector", "", "v", CODE(SIMD, V128_CONST, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    module_function(m, "extern", "r", "r", CODE(LOCAL_GET, 0));
    WORKS(load_module(dyld, "odd.so", m, WASM_DYLD_NOW, &object, &error));
    static const struct {
        const char *name;
        size_t params;
        uint8_t kind;
    } functions[] = {{"vector", 0, 255}, {"extern", 1, WASM_EXTERNREF}};
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        uint8_t kinds[2] = {0, 0};
        size_t params = 9, results = 9;
        wasm_val_t value;
        wasm_val_vec_t arguments = {functions[i].params, &value}, given = {1, &value};
        memset(&value, 0, sizeof value);
        value.kind = WASM_EXTERNREF;
        WORKS(wasm_dyld_dlsym(dyld, object, functions[i].name, NULL, &function, NULL, &error));
        WORKS(wasm_dyld_function_type(dyld, function, kinds, 2, &params, &results, &error));
        SAME(params, functions[i].params);
        SAME(results, 1);
        SAME(kinds[params], functions[i].kind);
        FAILS(wasm_dyld_call(dyld, function, &arguments, &given, &error), WASM_DYLD_UNSUPPORTED, "wasm.h", NULL);
    }
    WORKS(wasm_dyld_unload(dyld, object, &error));
}

static void one_engine(const char *name, const char *path)
{
    wasm_dyld_engine_t *library = NULL, *again = NULL;
    WORKS(wasm_dyld_engine_open(path, &library, &error));
    CHECK(strcmp(wasm_dyld_engine_name(library), name) == 0);
    CHECK(wasm_dyld_engine_function(library, "wasm_no_such_function") == NULL);
    struct functions f = functions_of(library);

    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_engine_t *engine = NULL;
    WORKS(wasm_dyld_config_set_engine(config, library, &error));
    WORKS(wasm_dyld_engine_new(config, &engine, &error));
    wasm_store_t *store = f.store_new(engine);
    wasm_dyld_t *dyld = NULL;
    WORKS(wasm_dyld_new(store, config, &dyld, &error));

    /* The linked engine goes on beside it. */
    struct host linked = host_new();
    for (int32_t round = 0; round < 3; round++) {
        sum_is(dyld, round, 40 + round);
        sum_is(linked.dyld, -round, 40 - round);
    }
    wasm_memory_t *memory = NULL;
    WORKS(wasm_dyld_memory(dyld, &memory, &error));
    CHECK(f.memory_size(memory) >= 1);
    host_delete(&linked);

    odd_types(dyld);

    /* A second opening is the same engine; handles may go before what was made with them. */
    WORKS(wasm_dyld_engine_open(path, &again, &error));
    CHECK(wasm_dyld_engine_function(again, "wasm_store_new") == wasm_dyld_engine_function(library, "wasm_store_new"));
    wasm_dyld_engine_close(again);
    wasm_dyld_engine_close(library);
    sum_is(dyld, 2, 42);
    wasm_dyld_delete(dyld);
    f.store_delete(store);
    f.engine_delete(engine);
    ok(name);
}

static void what_is_no_engine(void)
{
    wasm_dyld_engine_t *library = NULL;
    FAILS(wasm_dyld_engine_open(NULL, &library, &error), WASM_DYLD_INVALID_ARGUMENT, "engine library is NULL", NULL);
    FAILS(wasm_dyld_engine_open("/nowhere/libengine.so", &library, &error), WASM_DYLD_NOT_FOUND, "/nowhere/libengine.so", NULL);
    FAILS(wasm_dyld_engine_open("libc.so.6", &library, &error), WASM_DYLD_UNSUPPORTED, "libc.so.6", "none of the functions of wasm.h", NULL);
    CHECK(library == NULL);
    CHECK(wasm_dyld_engine_name(NULL) == NULL);
    CHECK(wasm_dyld_engine_function(NULL, "wasm_store_new") == NULL);
    wasm_dyld_engine_close(NULL);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    FAILS(wasm_dyld_config_set_engine(config, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    wasm_dyld_config_delete(config);
    ok("what is no engine");
}

static void descriptions(void)
{
    wasm_dyld_engine_description_t description;
    memset(&description, 0, sizeof description);
    FAILS(wasm_dyld_engine_describe(NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "description is NULL", NULL);
    FAILS(wasm_dyld_engine_describe(NULL, &description, &error), WASM_DYLD_INVALID_ARGUMENT, "another version", NULL);
    description.size = sizeof description;
    FAILS(wasm_dyld_engine_describe(NULL, &description, &error), WASM_DYLD_INVALID_ARGUMENT, "name is NULL", NULL);
    description.name = "mine";
    /* The linked engine is known. */
    FAILS(wasm_dyld_engine_describe(NULL, &description, &error), WASM_DYLD_BUSY, NULL);
    ok("descriptions of engines");
}

static size_t shout(void *env, const char *text, char *buffer, size_t size)
{
    int length = snprintf(buffer, size, "%s: %.60s", (const char *)env, text);
    return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}

/* An engine in which nothing tells which one it is: the host says what it is like, after opening and before using it. */
static void an_unknown_engine(const char *path)
{
    static char env[] = "mine says";
    wasm_dyld_engine_t *library = NULL;
    wasm_dyld_engine_description_t description;
    WORKS(wasm_dyld_engine_open(path, &library, &error));
    SAME_TEXT(wasm_dyld_engine_name(library), "wasm.h");
    memset(&description, 0, sizeof description);
    description.size = sizeof description;
    description.name = "mine";
    description.trap_cause = shout;
    description.env = env;
    WORKS(wasm_dyld_engine_describe(library, &description, &error));
    SAME_TEXT(wasm_dyld_engine_name(library), "mine");
    FAILS(wasm_dyld_engine_describe(library, &description, &error), WASM_DYLD_BUSY, "described already", NULL);

    struct functions f = functions_of(library);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_engine_t *engine = NULL;
    wasm_dyld_t *dyld = NULL;
    WORKS(wasm_dyld_config_set_engine(config, library, &error));
    WORKS(wasm_dyld_engine_new(config, &engine, &error));
    wasm_store_t *store = f.store_new(engine);
    WORKS(wasm_dyld_new(store, config, &dyld, &error));
    sum_is(dyld, 2, 42);
    wasm_dyld_object_t *object = NULL;
    wasm_func_t *function = NULL;
    struct module *m = module_new();
    module_function(m, "fail", "", "", CODE(UNREACHABLE));
    WORKS(load_module(dyld, "fail.so", m, 0, &object, &error));
    WORKS(wasm_dyld_dlsym(dyld, object, "fail", NULL, &function, NULL, &error));
    FAILS(wasm_dyld_call(dyld, function, NULL, NULL, &error), WASM_DYLD_TRAP, "mine says", NULL);
    wasm_dyld_delete(dyld);
    f.store_delete(store);
    f.engine_delete(engine);
    wasm_dyld_engine_close(library);
    ok("an unknown engine");
}

int main(void)
{
    what_is_no_engine();
    descriptions();
    const char *unknown = getenv("WASMDYLD_TEST_UNKNOWN");
    if (unknown)
        an_unknown_engine(unknown);
    const char *list = getenv("WASMDYLD_TEST_ENGINES");
    char *copy = malloc(strlen(list ? list : "") + 1);
    CHECK(copy != NULL);
    strcpy(copy, list ? list : "");
    for (char *entry = copy; *entry;) {
        char *end = strchr(entry, ':');
        char *path = strchr(entry, '=');
        CHECK(path != NULL);
        *path++ = 0;
        if (end)
            *end = 0;
        one_engine(entry, path);
        entry = end ? end + 1 : path + strlen(path);
    }
    free(copy);
    return 0;
}
