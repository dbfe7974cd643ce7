/*
 * Libraries without a main program: functions, data, strings, callbacks and function pointers, from the host.
 */
#include "build.h"
#include "check.h"
#include <math.h>

static struct host host;
static wasm_dyld_object_t *calc;

/* Memory of the guest with a string in it. */
static uint32_t give(const char *text)
{
    uint32_t address = (uint32_t)CALL1(host.dyld, find(host.dyld, calc, "malloc"), strlen(text) + 1);
    CHECK(address >= 1024);
    WORKS(wasm_dyld_write(host.dyld, address, (const uint8_t *)text, strlen(text) + 1, &error));
    return address;
}

static double evaluate(const char *text)
{
    wasm_val_t argument = WASM_I32_VAL(0), result = WASM_INIT_VAL;
    wasm_val_vec_t arguments = {1, NULL}, results = {1, NULL};
    argument.of.i32 = (int32_t)give(text);
    arguments.data = &argument;
    results.data = &result;
    WORKS(wasm_dyld_call(host.dyld, find(host.dyld, calc, "calc_evaluate"), &arguments, &results, &error));
    SAME(result.kind, WASM_F64);
    CALL1(host.dyld, find(host.dyld, calc, "free"), argument.of.i32);
    return result.of.f64;
}

static void load_by_path(void)
{
    WORKS(wasm_dyld_load(host.dyld, guest_path("cases/library-only/libcalc.so"), WASM_DYLD_NOW, &calc, &error));
    CHECK(calc != NULL);
    SAME(wasm_dyld_object_count(host.dyld), 3); /* with libhistory.so and libc.so */
    wasm_dyld_object_t *again = NULL;
    WORKS(wasm_dyld_load(host.dyld, "libcalc.so", 0, &again, &error));
    CHECK(again == calc);
    WORKS(wasm_dyld_load(host.dyld, guest_path("lib/../cases/library-only/libcalc.so"), 0, &again, &error));
    CHECK(again == calc);
    SAME(wasm_dyld_object_count(host.dyld), 3);
    ok("a library by path, by name, and by another path is one object");
}

static void constructors_and_data(void)
{
    SAME(read_int(host.dyld, address_of(host.dyld, calc, "calc_version")), 3);
    uint32_t name = (uint32_t)read_int(host.dyld, address_of(host.dyld, calc, "calc_name"));
    CHECK(name >= 1024);
    SAME_TEXT(read_text(host.dyld, name), "calc");
    uint32_t constants = address_of(host.dyld, calc, "calc_constants");
    CHECK(read_double(host.dyld, constants + 24) == 3.141592653589793);
    SAME(CALL0(host.dyld, find(host.dyld, calc, "history_count")), 1);
    uint32_t line = (uint32_t)CALL1(host.dyld, find(host.dyld, calc, "history_get"), 0);
    SAME_TEXT(read_text(host.dyld, line), "calc loaded");
    write_int(host.dyld, address_of(host.dyld, calc, "calc_version"), 4);
    SAME(read_int(host.dyld, address_of(host.dyld, calc, "calc_version")), 4);
    ok("constructors ran, data are read and written");
}

static void functions(void)
{
    CHECK(evaluate("1 2 + 3 * 4 /") == 2.25);
    CHECK(isnan(evaluate("1 +")));
    CHECK(evaluate("16 r") == 4); /* a function pointer that the constructor kept */

    /* 64 bits both ways, through wasm.h's own call. */
    wasm_val_t n = WASM_I64_VAL(20), result = WASM_INIT_VAL;
    wasm_val_vec_t arguments = {1, NULL}, results = {1, NULL};
    arguments.data = &n;
    results.data = &result;
    wasm_trap_t *trap = wasm_func_call(find(host.dyld, calc, "calc_factorial"), &arguments, &results);
    CHECK(trap == NULL);
    SAME(result.kind, WASM_I64);
    SAME(result.of.i64, 2432902008176640000);

    uint32_t text = give("loud and clear");
    uint32_t shout = (uint32_t)CALL1(host.dyld, find(host.dyld, calc, "calc_shout"), text);
    SAME_TEXT(read_text(host.dyld, shout), "LOUD AND CLEAR");
    CALL1(host.dyld, find(host.dyld, calc, "free"), text);
    CALL1(host.dyld, find(host.dyld, calc, "free"), shout);
    ok("functions with ints, doubles, 64 bits and strings");
}

static double seen;

static wasm_trap_t *halve(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    seen = arguments->data[0].of.f64;
    results->data[0].kind = WASM_F64;
    results->data[0].of.f64 = seen / 2;
    return NULL;
}

/* A function of the host becomes a function pointer of the guest where a library takes its address. */
static void callbacks(void)
{
    wasm_functype_t *type = wasm_functype_new_1_1(wasm_valtype_new(WASM_F64), wasm_valtype_new(WASM_F64));
    wasm_func_t *function = wasm_func_new(host.store, type, halve);
    wasm_functype_delete(type);
    WORKS(wasm_dyld_define(host.dyld, "env", "calc_halve", wasm_func_as_extern(function), 0, &error));
    wasm_func_delete(function); /* the namespace has its own reference */

    struct module *taker = module_new();
    uint32_t entry = module_import_global(taker, "GOT.func", "calc_halve", true);
    module_function(taker, "give", "", "i", CODE(GLOBAL_GET, (uint8_t)entry));
    wasm_dyld_object_t *object = NULL;
    WORKS(load_module(host.dyld, "taker.so", taker, 0, &object, &error));
    uint32_t slot = (uint32_t)CALL0(host.dyld, find(host.dyld, object, "give"));
    CHECK(slot != 0);
    CALL2(host.dyld, find(host.dyld, calc, "calc_define"), 'h', slot);
    CHECK(evaluate("9 h") == 4.5);
    CHECK(seen == 9);
    ok("the guest calls a function of the host through a pointer");
}

/* &f is the same wherever it is taken, and leads to f. */
static void function_pointers(void)
{
    uint32_t slot = slot_of(host.dyld, calc, "calc_factorial");
    SAME(slot_of(host.dyld, calc, "calc_factorial"), slot);
    CHECK(slot_of(host.dyld, calc, "calc_push") != slot);
    wasm_table_t *table = NULL;
    WORKS(wasm_dyld_table(host.dyld, &table, &error));
    CHECK(slot < wasm_table_size(table));
    wasm_ref_t *entry = wasm_table_get(table, slot);
    CHECK(entry != NULL);
    wasm_ref_delete(entry);
    entry = wasm_table_get(table, 0);
    CHECK(entry == NULL);

    /* sqrt's wrapper is in calc's own element segment; strlen is libc's and has no slot until it is asked for. */
    uint32_t strlen_slot = slot_of(host.dyld, calc, "strlen");
    SAME(slot_of(host.dyld, calc, "strlen"), strlen_slot);
    wasm_dyld_object_t *libc = NULL;
    WORKS(wasm_dyld_load(host.dyld, "libc.so", 0, &libc, &error));
    SAME(slot_of(host.dyld, libc, "strlen"), strlen_slot);

    /* libc's qsort calls the function in a slot: pointers to strings in the order of an array of theirs. */
    uint32_t words = (uint32_t)CALL1(host.dyld, find(host.dyld, libc, "malloc"), 12), first = give("b"), second = give("c"), third = give("a");
    struct module *order = module_new();
    module_import(order, "env", "strcmp", "ii", "i");
    module_needs(order, "libc.so");
    module_function(order, "order", "ii", "i", CODE(LOCAL_GET, 0, I32_LOAD, 2, 0, LOCAL_GET, 1, I32_LOAD, 2, 0, CALL, 0));
    wasm_dyld_object_t *object = NULL;
    WORKS(load_module(host.dyld, "order.so", order, 0, &object, &error));
    write_int(host.dyld, words, (int32_t)first);
    write_int(host.dyld, words + 4, (int32_t)second);
    write_int(host.dyld, words + 8, (int32_t)third);
    WORKS(try_call(host.dyld, find(host.dyld, libc, "qsort"), NULL, 4, (int32_t)words, (int32_t)3, (int32_t)4,
                   (int32_t)slot_of(host.dyld, object, "order")));
    SAME(read_int(host.dyld, words), third);
    SAME(read_int(host.dyld, words + 4), first);
    SAME(read_int(host.dyld, words + 8), second);
    ok("function pointers");
}

static void scopes(void)
{
    /* The handle's group has what the library needs; the global scope has nothing that is local. */
    wasm_dyld_symbol_kind_t kind = WASM_DYLD_DATA;
    FAILS(wasm_dyld_dlsym(host.dyld, NULL, "calc_push", &kind, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "calc_push", "global scope", NULL);
    FAILS(wasm_dyld_dlsym(host.dyld, calc, "calc_nothing", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "calc_nothing", "libcalc.so", "libhistory.so",
          NULL);
    wasm_dyld_object_t *history = NULL, *again = NULL;
    WORKS(wasm_dyld_load(host.dyld, "libhistory.so", 0, &history, &error));
    FAILS(wasm_dyld_dlsym(host.dyld, history, "calc_push", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "calc_push", NULL);
    CHECK(!wasm_dyld_object_is_global(host.dyld, history));

    /* Opened again with GLOBAL it is promoted, with what it needs. */
    WORKS(wasm_dyld_load(host.dyld, "libhistory.so", WASM_DYLD_GLOBAL, &again, &error));
    CHECK(again == history);
    CHECK(wasm_dyld_object_is_global(host.dyld, history));
    CHECK(!wasm_dyld_object_is_global(host.dyld, calc));
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "history_count")), CALL0(host.dyld, find(host.dyld, calc, "history_count")));
    find(host.dyld, NULL, "malloc");
    ok("scopes");
}

static void failing_calls(void)
{
    wasm_func_t *crash = find(host.dyld, calc, "calc_crash");
    FAILS(try_call(host.dyld, crash, NULL, 0), WASM_DYLD_TRAP, "unreachable", NULL);
    /* Arguments that do not fit. */
    FAILS(try_call(host.dyld, crash, NULL, 1, (int32_t)0), WASM_DYLD_INVALID_ARGUMENT, "takes 0 arguments", NULL);
    FAILS(wasm_dyld_call(host.dyld, find(host.dyld, calc, "malloc"), NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "takes 1 arguments", NULL);
    FAILS(wasm_dyld_call(host.dyld, NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "function is NULL", NULL);
    WORKS(wasm_dyld_call(host.dyld, find(host.dyld, calc, "calc_print"), NULL, NULL, &error));
    /* The library still works. */
    CHECK(evaluate("2 3 *") == 6);
    ok("traps in calls");
}

/* A trap leaves frames on the guest's stack. The linker takes them off again, so that the next call finds the stack as it was. */
static void stack_after_traps(void)
{
    wasm_func_t *recurse = find(host.dyld, calc, "calc_recurse");
    if (getenv("WASMDYLD_TEST_CHECKER"))
        return; /* an overflow of the stack ends in an access that a memory checker takes for an error */
    for (int round = 0; round < 3; round++) {
        FAILS(try_call(host.dyld, recurse, NULL, 1, (int32_t)100000000), WASM_DYLD_TRAP, NULL);
        CHECK(evaluate("2 3 *") == 6);
        SAME(CALL1(host.dyld, recurse, 500), 500);
    }
    ok("the stack after traps");
}

static void memory(void)
{
    wasm_memory_t *memory = NULL;
    WORKS(wasm_dyld_memory(host.dyld, &memory, &error));
    uint64_t size = wasm_memory_data_size(memory);
    uint8_t byte = 1;
    WORKS(wasm_dyld_read(host.dyld, size - 1, &byte, 1, &error));
    WORKS(wasm_dyld_read(host.dyld, size, &byte, 0, &error));
    WORKS(wasm_dyld_read(host.dyld, size, NULL, 0, &error));
    byte = 77;
    FAILS(wasm_dyld_read(host.dyld, size, &byte, 1, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_read(host.dyld, UINT64_MAX, &byte, 1, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_write(host.dyld, size - 1, &byte, 2, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_read(host.dyld, 0, NULL, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_write(host.dyld, 0, NULL, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    SAME(byte, 77);
    ok("memory");
}

static void zlib(void)
{
    wasm_dyld_object_t *z = NULL;
    WORKS(wasm_dyld_load(host.dyld, "libz.so", WASM_DYLD_NOW, &z, &error));
    uint32_t text = give("123456789");
    int32_t sum = 0;
    WORKS(try_call(host.dyld, find(host.dyld, z, "crc32"), &sum, 3, (int32_t)0, (int32_t)text, (int32_t)9));
    SAME((uint32_t)sum, 0xcbf43926);
    SAME_TEXT(read_text(host.dyld, (uint32_t)CALL0(host.dyld, find(host.dyld, z, "zlibVersion"))), "1.3.2");
    ok("zlib shares the namespace's libc");
}

int main(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("cases/library-only"), &error));
    host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    load_by_path();
    constructors_and_data();
    functions();
    callbacks();
    function_pointers();
    scopes();
    failing_calls();
    memory();
    zlib();
    stack_after_traps();
    host_delete(&host);
    return 0;
}
