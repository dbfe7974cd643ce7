/*
 * What the host defines: functions and globals, in env and in other modules, overriding or not, of the wrong type.
 */
#include "build.h"
#include "check.h"

static struct host host;
static int calls;

static wasm_trap_t *give_hundred(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    calls++;
    results->data[0].kind = WASM_I32;
    results->data[0].of.i32 = 100;
    return NULL;
}

static wasm_trap_t *refuse(void *env, const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    static const char text[] = "the host refuses";
    wasm_message_t message;
    (void)arguments;
    (void)results;
    wasm_byte_vec_new(&message, sizeof text, text);
    wasm_trap_t *trap = wasm_trap_new((wasm_store_t *)env, &message);
    wasm_byte_vec_delete(&message);
    return trap;
}

static void define(const char *module, const char *name, bool overriding)
{
    wasm_functype_t *type = wasm_functype_new_0_1(wasm_valtype_new(WASM_I32));
    wasm_func_t *function = wasm_func_new(host.store, type, give_hundred);
    wasm_functype_delete(type);
    WORKS(wasm_dyld_define(host.dyld, module, name, wasm_func_as_extern(function), overriding ? WASM_DYLD_OVERRIDE : 0, &error));
    wasm_func_delete(function);
}

/* A library that defines `value` as 1, and one that needs it and calls `module`.`value`. */
static wasm_dyld_object_t *load_pair(struct shelf *shelf, const char *module)
{
    struct module *giver = module_new(), *taker = module_new();
    wasm_dyld_object_t *object = NULL;
    module_function(giver, "value", "", "i", CODE(I32_CONST, 1));
    shelf_add(shelf, "giver.so", giver);
    module_needs(taker, "giver.so");
    module_import(taker, module, "value", "", "i");
    uint32_t address = module_import_global(taker, "GOT.func", "value", true);
    module_function(taker, "take", "", "i", CODE(CALL, 0));
    module_function(taker, "address", "", "i", CODE(GLOBAL_GET, (uint8_t)address));
    WORKS(load_module(host.dyld, "taker.so", taker, 0, &object, &error));
    return object;
}

static void begin(struct shelf *shelf)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    memset(shelf, 0, sizeof *shelf);
    WORKS(wasm_dyld_config_set_open(config, shelf_open, shelf, NULL, &error));
    host = host_with(config);
}

static void end(struct shelf *shelf)
{
    host_delete(&host);
    shelf_clear(shelf);
}

static void precedence(void)
{
    static const struct {
        const char *defined, *imported;
        bool overriding;
        int32_t wanted;
    } cases[] = {
        {"env", "env", false, 1},
        {"env", "env", true, 100},
        {"host", "host", false, 100},
        {"host", "host", true, 100},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct shelf shelf;
        begin(&shelf);
        define(cases[i].defined, "value", cases[i].overriding);
        wasm_dyld_object_t *object = load_pair(&shelf, cases[i].imported);
        SAME(CALL0(host.dyld, find(host.dyld, object, "take")), cases[i].wanted);
        /* A symbol's address is that of the env function which its callers get. */
        uint32_t slot = (uint32_t)CALL0(host.dyld, find(host.dyld, object, "address"));
        CHECK(slot != 0);
        if (!cases[i].overriding)
            SAME(slot_of(host.dyld, object, "value"), slot);
        end(&shelf);
    }
    ok("objects before the host, unless it overrides");
}

static void fallback(void)
{
    struct shelf shelf;
    wasm_dyld_object_t *object = NULL;
    begin(&shelf);
    /* Defined twice: the later one serves what is loaded later. */
    struct module *m = module_new();
    module_import(m, "env", "value", "", "i");
    module_function(m, "take", "", "i", CODE(CALL, 0));
    FAILS(load_module(host.dyld, "taker.so", m, 0, &object, &error), WASM_DYLD_UNDEFINED_SYMBOL, "value", NULL);
    define("env", "value", false);
    m = module_new();
    module_import(m, "env", "value", "", "i");
    module_function(m, "take", "", "i", CODE(CALL, 0));
    WORKS(load_module(host.dyld, "taker.so", m, 0, &object, &error));
    calls = 0;
    SAME(CALL0(host.dyld, find(host.dyld, object, "take")), 100);
    SAME(calls, 1);

    /* The same name in another module is another thing. */
    m = module_new();
    module_import(m, "other", "value", "", "i");
    FAILS(load_module(host.dyld, "other.so", m, 0, NULL, &error), WASM_DYLD_UNDEFINED_SYMBOL, "other.value: func () -> i32", NULL);
    end(&shelf);
    ok("the host where no object defines it");
}

static void wrong_types(void)
{
    struct shelf shelf;
    begin(&shelf);
    define("env", "value", false);
    define("host", "value", false);
    struct module *m = module_new();
    module_import(m, "env", "value", "i", "i");
    module_import(m, "host", "value", "", "");
    FAILS(load_module(host.dyld, "taker.so", m, 0, NULL, &error), WASM_DYLD_TYPE_MISMATCH, "value: taker.so imports it as func (i32) -> i32", "func () -> i32",
          "host.value: taker.so imports it as func () -> (), the host defines it as func () -> i32", NULL);
    m = module_new();
    module_import_global(m, "host", "value", false);
    FAILS(load_module(host.dyld, "taker.so", m, 0, NULL, &error), WASM_DYLD_TYPE_MISMATCH, "host.value: taker.so imports it as global", NULL);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    FAILS(wasm_dyld_define(host.dyld, NULL, "n", NULL, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "module name is NULL", NULL);
    FAILS(wasm_dyld_define(host.dyld, "\377", "n", NULL, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "UTF-8", NULL);
    end(&shelf);
    ok("definitions of the wrong type");
}

static void globals(void)
{
    struct shelf shelf;
    wasm_dyld_object_t *object = NULL;
    begin(&shelf);
    wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(WASM_I32), WASM_VAR);
    wasm_val_t value = WASM_I32_VAL(5);
    wasm_global_t *global = wasm_global_new(host.store, type, &value);
    wasm_globaltype_delete(type);
    WORKS(wasm_dyld_define(host.dyld, "host", "counter", wasm_global_as_extern(global), 0, &error));
    struct module *m = module_new();
    uint32_t counter = module_import_global(m, "host", "counter", true);
    module_function(m, "next", "", "i", CODE(GLOBAL_GET, (uint8_t)counter, I32_CONST, 1, I32_ADD, GLOBAL_SET, (uint8_t)counter, GLOBAL_GET, (uint8_t)counter));
    WORKS(load_module(host.dyld, "counter.so", m, 0, &object, &error));
    SAME(CALL0(host.dyld, find(host.dyld, object, "next")), 6);
    wasm_global_get(global, &value);
    SAME(value.of.i32, 6);
    m = module_new();
    module_import_global(m, "host", "counter", false);
    FAILS(load_module(host.dyld, "constant.so", m, 0, NULL, &error), WASM_DYLD_TYPE_MISMATCH, "host.counter", "mutable", NULL);
    wasm_global_delete(global);
    end(&shelf);
    ok("globals of the host");
}

static wasm_table_t *table_of(wasm_valkind_t element, uint32_t min, uint32_t max)
{
    wasm_limits_t limits = {min, max};
    wasm_tabletype_t *type = wasm_tabletype_new(wasm_valtype_new(element), &limits);
    wasm_table_t *table = wasm_table_new(host.store, type, NULL);
    wasm_tabletype_delete(type);
    CHECK(table != NULL);
    return table;
}

/* A library that imports a table: 0x70 is funcref, 0x6f externref. No maximum if it is 0. */
static wasm_dyld_code_t take_table(int element, int min, int max)
{
    struct module *m = module_new();
    import_head(m, "host", "table", 1);
    put_byte(&m->imports.bytes, element);
    put_byte(&m->imports.bytes, max != 0);
    put_byte(&m->imports.bytes, min);
    if (max)
        put_byte(&m->imports.bytes, max);
    module_function(m, "present", "", "i", CODE(I32_CONST, 1));
    return load_module(host.dyld, "taker.so", m, 0, NULL, &error);
}

static void tables(void)
{
    enum { FUNCREF = 0x70, EXTERNREF = 0x6f };
    struct shelf shelf;
    begin(&shelf);
    wasm_table_t *table = table_of(WASM_FUNCREF, 3, 10);
    WORKS(wasm_dyld_define(host.dyld, "host", "table", wasm_table_as_extern(table), 0, &error));
    WORKS(take_table(FUNCREF, 3, 0));
    WORKS(take_table(FUNCREF, 1, 10));
    WORKS(take_table(FUNCREF, 0, 11));
    size_t count = wasm_dyld_object_count(host.dyld);
    FAILS(take_table(FUNCREF, 4, 0), WASM_DYLD_TYPE_MISMATCH, "host.table: taker.so imports it as table", NULL);
    FAILS(take_table(FUNCREF, 3, 9), WASM_DYLD_TYPE_MISMATCH, "host.table: taker.so imports it as table", NULL);
    FAILS(take_table(EXTERNREF, 3, 0), WASM_DYLD_TYPE_MISMATCH, "externref", "funcref", NULL);
    wasm_table_delete(table);

    /* Not every engine makes tables of others. */
    wasm_limits_t limits = {2, wasm_limits_max_default};
    wasm_tabletype_t *type = wasm_tabletype_new(wasm_valtype_new(WASM_EXTERNREF), &limits);
    table = wasm_table_new(host.store, type, NULL);
    wasm_tabletype_delete(type);
    if (table) {
        WORKS(wasm_dyld_define(host.dyld, "host", "table", wasm_table_as_extern(table), 0, &error));
        FAILS(take_table(FUNCREF, 2, 0), WASM_DYLD_TYPE_MISMATCH, "host.table: taker.so imports it as table", "externref", NULL);
        FAILS(take_table(EXTERNREF, 2, 5), WASM_DYLD_TYPE_MISMATCH, "host.table: taker.so imports it as table", NULL);
        SAME(wasm_dyld_object_count(host.dyld), count);
        WORKS(take_table(EXTERNREF, 2, 0));
        wasm_table_delete(table);
    }
    end(&shelf);
    ok("tables of the host");
}

static void traps(void)
{
    struct shelf shelf;
    wasm_dyld_object_t *object = NULL;
    begin(&shelf);
    wasm_functype_t *type = wasm_functype_new_0_0();
    wasm_func_t *function = wasm_func_new_with_env(host.store, type, refuse, host.store, NULL);
    wasm_functype_delete(type);
    WORKS(wasm_dyld_define(host.dyld, "host", "refuse", wasm_func_as_extern(function), 0, &error));
    wasm_func_delete(function);
    struct module *m = module_new();
    module_import(m, "host", "refuse", "", "");
    module_function(m, "try", "", "", CODE(CALL, 0));
    WORKS(load_module(host.dyld, "trying.so", m, 0, &object, &error));
    FAILS(try_call(host.dyld, find(host.dyld, object, "try"), NULL, 0), WASM_DYLD_TRAP, "the host refuses", NULL);
    m = module_new();
    module_import(m, "host", "refuse", "", "");
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, 0));
    FAILS(load_module(host.dyld, "trying2.so", m, 0, NULL, &error), WASM_DYLD_TRAP, "__wasm_call_ctors of trying2.so", "the host refuses", NULL);
    end(&shelf);
    ok("traps of the host's functions");
}

int main(void)
{
    precedence();
    fallback();
    wrong_types();
    globals();
    tables();
    traps();
    return 0;
}
