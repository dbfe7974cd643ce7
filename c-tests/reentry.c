/*
 * Host functions that the guest calls and that call the namespace again: loads, lookups, calls; how deep; and what a host must not do.
 */
#include "build.h"
#include "check.h"

static struct host host;
static wasm_dyld_object_t *caller;
static int depth, deepest, mode;
static wasm_dyld_code_t last_code;

enum { LOAD, DEEPER, DEFINE, DELETE };

static wasm_trap_t *trap_with(const char *text)
{
    wasm_message_t message;
    wasm_byte_vec_new(&message, strlen(text) + 1, text);
    wasm_trap_t *trap = wasm_trap_new(host.store, &message);
    wasm_byte_vec_delete(&message);
    return trap;
}

static struct module *constant(int number)
{
    struct module *m = module_new();
    module_function(m, "constant", "", "i", CODE(I32_CONST, (uint8_t)number));
    module_slot(m, module_function(m, "other", "", "i", CODE(I32_CONST, 1)));
    return m;
}

/* The guest's call(n). */
static wasm_trap_t *called(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    wasm_dyld_object_t *object = NULL;
    wasm_func_t *function = NULL;
    wasm_dyld_error_t *problem = NULL;
    int32_t n = arguments->data[0].of.i32;
    results->data[0].kind = WASM_I32;
    results->data[0].of.i32 = 0;
    switch (mode) {
    case LOAD: {
        uint64_t slot = 0;
        WORKS(load_module(host.dyld, "loaded.so", constant(n), WASM_DYLD_GLOBAL, &object, &error));
        WORKS(wasm_dyld_dlsym(host.dyld, object, "constant", NULL, &function, &slot, &error));
        CHECK(slot != 0);
        results->data[0].of.i32 = CALL0(host.dyld, function);
        return NULL;
    }
    case DEEPER: {
        deepest = ++depth > deepest ? depth : deepest;
        wasm_val_t argument = WASM_I32_VAL(n + 1), result = WASM_INIT_VAL;
        wasm_val_vec_t in = {1, NULL}, out = {1, NULL};
        in.data = &argument;
        out.data = &result;
        last_code = wasm_dyld_call(host.dyld, find(host.dyld, caller, "recurse"), &in, &out, &problem);
        depth--;
        wasm_trap_t *trap = NULL;
        if (last_code != WASM_DYLD_OK) {
            char text[64];
            snprintf(text, sizeof text, "code %u", (unsigned)wasm_dyld_error_code(problem));
            if (wasm_dyld_error_code(problem) == WASM_DYLD_LIMIT)
                CONTAINS(wasm_dyld_error_message(problem), "levels deep");
            trap = trap_with(text);
        }
        wasm_dyld_error_delete(problem);
        return trap;
    }
    case DEFINE:
        WORKS(wasm_dyld_load(host.dyld, "caller.so", 0, &object, &error));
        CHECK(object == caller);
        SAME(wasm_dyld_object_count(host.dyld), 1);
        FAILS(wasm_dyld_load(host.dyld, "absent.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
        results->data[0].of.i32 = 1;
        return NULL;
    default:
        wasm_dyld_delete(host.dyld);
        results->data[0].of.i32 = 2;
        return NULL;
    }
}

static void begin(uint32_t nesting)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    if (nesting)
        WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_NESTING, nesting, &error));
    host = host_with(config);
    wasm_functype_t *type = wasm_functype_new_1_1(wasm_valtype_new(WASM_I32), wasm_valtype_new(WASM_I32));
    wasm_func_t *function = wasm_func_new(host.store, type, called);
    wasm_functype_delete(type);
    WORKS(wasm_dyld_define(host.dyld, "env", "call", wasm_func_as_extern(function), 0, &error));
    wasm_func_delete(function);
    struct module *m = module_new();
    module_import(m, "env", "call", "i", "i");
    module_function(m, "recurse", "i", "i", CODE(LOCAL_GET, 0, CALL, 0));
    WORKS(load_module(host.dyld, "caller.so", m, 0, &caller, &error));
}

static void loads(void)
{
    begin(0);
    mode = LOAD;
    for (int32_t n = 1; n <= 20; n++)
        SAME(CALL1(host.dyld, find(host.dyld, caller, "recurse"), n), n);
    SAME(wasm_dyld_object_count(host.dyld), 21);
    /* The first of the global scope serves. */
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "constant")), 1);
    host_delete(&host);

    begin(0);
    mode = DEFINE;
    SAME(CALL1(host.dyld, find(host.dyld, caller, "recurse"), 0), 1);
    host_delete(&host);
    ok("loads and lookups while the guest runs");
}

static void nesting(void)
{
    mode = DEEPER;
    static const uint32_t limits[] = {1, 10, 0, 100000};
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        begin(limits[i]);
        for (int round = 0; round < 2; round++) {
            deepest = depth = 0;
            int32_t result = 0;
            FAILS(try_call(host.dyld, find(host.dyld, caller, "recurse"), &result, 1, (int32_t)0), WASM_DYLD_TRAP, NULL);
            SAME(depth, 0);
            if (limits[i] <= 10 && limits[i] > 0)
                SAME(deepest, limits[i]);
            else if (limits[i] == 0)
                SAME(deepest, 128);
            CHECK(deepest >= 1);
        }
        mode = DEFINE;
        SAME(CALL1(host.dyld, find(host.dyld, caller, "recurse"), 0), 1);
        mode = DEEPER;
        host_delete(&host);
    }
    ok("nesting has a limit");
}

/* The guest's code is still running: it ends well, and the namespace is gone. */
static void deletes(void)
{
    begin(0);
    mode = DELETE;
    wasm_dyld_t *dyld = host.dyld;
    wasm_func_t *recurse = find(dyld, caller, "recurse");
    SAME(CALL1(dyld, recurse, 0), 2);
    FAILS(wasm_dyld_load(dyld, "x.so", 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    wasm_store_delete(host.store);
    wasm_engine_delete(host.engine);
    ok("a namespace deleted by a function that its guest called");
}

int main(void)
{
    loads();
    nesting();
    deletes();
    return 0;
}
