/* Values that wasm.h cannot carry: functions that take or give them are told apart, and not called. */

#include "build.h"
#include "check.h"

enum { REF_NULL = 0xd0, REF_IS_NULL = 0xd1, EXTERN = 0x6f, FUNC = 0x70, SIMD = 0xfd, V128_CONST = 12 };

#define VECTOR SIMD, V128_CONST, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

static struct module *odd(void)
{
    struct module *m = module_new();
    module_function(m, "gives_extern", "", "r", CODE(REF_NULL, EXTERN));
    module_function(m, "gives_vector", "", "v", CODE(VECTOR));
    module_function(m, "gives_both", "", "iv", CODE(I32_CONST, 1, VECTOR));
    module_function(m, "takes_extern", "r", "i", CODE(LOCAL_GET, 0, REF_IS_NULL));
    module_function(m, "takes_vector", "v", "i", CODE(I32_CONST, 5));
    module_function(m, "takes_func", "p", "i", CODE(LOCAL_GET, 0, REF_IS_NULL));
    module_function(m, "gives_func", "", "p", CODE(REF_NULL, FUNC));
    module_function(m, "plain", "iIfF", "Ii", CODE(LOCAL_GET, 1, LOCAL_GET, 0));
    return m;
}

static wasm_dyld_code_t called(wasm_dyld_t *dyld, const wasm_func_t *function, size_t arguments, size_t results, wasm_val_t *given, wasm_val_t *got)
{
    wasm_val_vec_t in = {arguments, given}, out = {results, got};
    return wasm_dyld_call(dyld, function, &in, &out, &error);
}

static void calls(void)
{
    struct host host = host_new();
    wasm_dyld_object_t *object = NULL;
    wasm_val_t given[4], got[2];
    WORKS(load_module(host.dyld, "odd.so", odd(), 0, &object, &error));
    memset(given, 0, sizeof given);
    static const struct {
        const char *name;
        size_t params, results;
        const char *type;
    } odd_ones[] = {
        {"gives_extern", 0, 1, "() -> externref"}, {"gives_vector", 0, 1, "() -> v128"},           {"gives_both", 0, 2, "() -> (i32, v128)"},
        {"takes_extern", 1, 1, "(externref) -> i32"}, {"takes_vector", 1, 1, "(v128) -> i32"},
    };
    for (size_t i = 0; i < COUNT_OF(odd_ones); i++) {
        wasm_func_t *function = find(host.dyld, object, odd_ones[i].name);
        /* Also where the number of values does not fit: it is the first that is looked at. */
        given[0].kind = i == 3 ? WASM_EXTERNREF : WASM_I32;
        FAILS(called(host.dyld, function, odd_ones[i].params, odd_ones[i].results, given, got), WASM_DYLD_UNSUPPORTED, odd_ones[i].type, "wasm.h", NULL);
        FAILS(called(host.dyld, function, 0, 0, given, got), WASM_DYLD_UNSUPPORTED, odd_ones[i].type, NULL);
    }
    memset(given, 0, sizeof given);
    given[0].kind = WASM_FUNCREF;
    WORKS(called(host.dyld, find(host.dyld, object, "takes_func"), 1, 1, given, got));
    SAME(got[0].of.i32, 1);
    WORKS(called(host.dyld, find(host.dyld, object, "gives_func"), 0, 1, given, got));
    SAME(got[0].kind, WASM_FUNCREF);
    CHECK(got[0].of.ref == NULL);
    wasm_func_t *plain = find(host.dyld, object, "plain");
    const wasm_valkind_t kinds[] = {WASM_I32, WASM_I64, WASM_F32, WASM_F64};
    memset(given, 0, sizeof given);
    for (size_t i = 0; i < 4; i++)
        given[i].kind = kinds[i];
    given[0].of.i32 = 7;
    given[1].of.i64 = 8;
    WORKS(called(host.dyld, plain, 4, 2, given, got));
    SAME(got[0].of.i64, 8);
    SAME(got[1].of.i32, 7);
    FAILS(called(host.dyld, plain, 4, 1, given, got), WASM_DYLD_INVALID_ARGUMENT, "gives 2 results", NULL);
    given[2].kind = WASM_I32;
    FAILS(called(host.dyld, plain, 4, 2, given, got), WASM_DYLD_INVALID_ARGUMENT, "argument 2", "f32", NULL);
    host_delete(&host);
    ok("calls");
}

static void types(void)
{
    struct host host = host_new();
    wasm_dyld_object_t *object = NULL;
    uint8_t kinds[8];
    size_t params = 9, results = 9;
    WORKS(load_module(host.dyld, "odd.so", odd(), 0, &object, &error));
    memset(kinds, 77, sizeof kinds);
    WORKS(wasm_dyld_function_type(host.dyld, find(host.dyld, object, "plain"), kinds, sizeof kinds, &params, &results, &error));
    SAME(params, 4);
    SAME(results, 2);
    static const uint8_t wanted[] = {WASM_I32, WASM_I64, WASM_F32, WASM_F64, WASM_I64, WASM_I32, 77, 77};
    CHECK(memcmp(kinds, wanted, sizeof kinds) == 0);
    /* Without room for all; with none; without asking how many. */
    memset(kinds, 77, sizeof kinds);
    WORKS(wasm_dyld_function_type(host.dyld, find(host.dyld, object, "plain"), kinds, 2, &params, NULL, &error));
    CHECK(kinds[1] == WASM_I64 && kinds[2] == 77);
    WORKS(wasm_dyld_function_type(host.dyld, find(host.dyld, object, "gives_both"), NULL, 0, &params, &results, &error));
    SAME(params, 0);
    SAME(results, 2);
    WORKS(wasm_dyld_function_type(host.dyld, find(host.dyld, object, "gives_both"), kinds, 2, NULL, NULL, &error));
    CHECK(kinds[0] == WASM_I32 && kinds[1] == 255);
    WORKS(wasm_dyld_function_type(host.dyld, find(host.dyld, object, "takes_extern"), kinds, 1, NULL, NULL, &error));
    SAME(kinds[0], WASM_EXTERNREF);
    FAILS(wasm_dyld_function_type(host.dyld, NULL, NULL, 0, &params, &results, &error), WASM_DYLD_INVALID_ARGUMENT, "function is NULL", NULL);
    FAILS(wasm_dyld_function_type(host.dyld, find(host.dyld, object, "plain"), NULL, 3, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    host_delete(&host);
    ok("types");
}

/* What is looked up in a library that goes does not stay known: the next one may have its handles where those of the first were. */
static void types_of_what_comes_after(void)
{
    struct host host = host_new();
    for (uint8_t round = 0; round < 20; round++) {
        wasm_dyld_object_t *object = NULL;
        struct module *m = module_new();
        wasm_val_t given[1], got[1];
        memset(given, 0, sizeof given);
        const char *params = round % 2 ? "i" : "";
        if (round % 3)
            module_function(m, "f", params, "i", CODE(I32_CONST, 3));
        else
            module_function(m, "f", params, "v", CODE(VECTOR));
        WORKS(load_module(host.dyld, "turn.so", m, 0, &object, &error));
        wasm_func_t *f = find(host.dyld, object, "f");
        given[0].kind = WASM_I32;
        if (round % 3) {
            WORKS(called(host.dyld, f, round % 2, 1, given, got));
            SAME(got[0].of.i32, 3);
        } else {
            FAILS(called(host.dyld, f, round % 2, 1, given, got), WASM_DYLD_UNSUPPORTED, "v128", NULL);
        }
        WORKS(wasm_dyld_unload(host.dyld, object, &error));
    }
    host_delete(&host);
    ok("types of what comes after");
}

static wasm_trap_t *nothing(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    (void)results;
    return NULL;
}

/* A function of the host's gets its arguments through wasm.h, where a guest's call would end the process. */
static void definitions(void)
{
    struct host host = host_new();
    wasm_functype_t *type = wasm_functype_new_1_0(wasm_valtype_new(WASM_EXTERNREF));
    wasm_func_t *function = wasm_func_new(host.store, type, nothing);
    wasm_functype_delete(type);
    FAILS(wasm_dyld_define(host.dyld, "env", "odd", wasm_func_as_extern(function), 0, &error), WASM_DYLD_UNSUPPORTED, "env.odd", "externref", NULL);
    wasm_func_delete(function);
    type = wasm_functype_new_1_0(wasm_valtype_new(WASM_FUNCREF));
    function = wasm_func_new(host.store, type, nothing);
    wasm_functype_delete(type);
    WORKS(wasm_dyld_define(host.dyld, "env", "even", wasm_func_as_extern(function), 0, &error));
    wasm_func_delete(function);
    host_delete(&host);
    ok("definitions");
}

int main(void)
{
    calls();
    types();
    types_of_what_comes_after();
    definitions();
    return 0;
}
