/*
 * The same results however calls are bound, and functions that are looked up when they are called.
 */
#include "build.h"
#include "check.h"

static const wasm_dyld_plt_t MODES[] = {WASM_DYLD_PLT_AUTO, WASM_DYLD_PLT_WASM, WASM_DYLD_PLT_HOST};

static struct host host_with_plt(wasm_dyld_plt_t plt, wasm_dyld_bind_t bind, struct shelf *shelf)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    memset(shelf, 0, sizeof *shelf);
    WORKS(wasm_dyld_config_set_plt(config, plt, &error));
    WORKS(wasm_dyld_config_set_bind(config, bind, &error));
    WORKS(wasm_dyld_config_set_open(config, shelf_open, shelf, NULL, &error));
    return host_with(config);
}

/* Two libraries that need each other, each of which also imports a function of its own. */
static void cycle(struct shelf *shelf)
{
    struct module *even = module_new(), *odd = module_new();
    module_needs(even, "odd.so");
    module_import(even, "env", "is_odd", "i", "i");
    module_import(even, "env", "is_even", "i", "i");
    uint32_t mine = module_import_global(even, "GOT.func", "is_odd", true);
    module_function(even, "is_even", "i", "i",
                    CODE(LOCAL_GET, 0, IF, 0x7f, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, CALL, 0, ELSE, I32_CONST, 1, END));
    module_function(even, "again", "i", "i", CODE(LOCAL_GET, 0, CALL, 1));
    module_function(even, "odd_here", "", "i", CODE(GLOBAL_GET, (uint8_t)mine));
    module_needs(odd, "even.so");
    module_import(odd, "env", "is_even", "i", "i");
    mine = module_import_global(odd, "GOT.func", "is_odd", true);
    uint32_t is_odd = module_function(odd, "is_odd", "i", "i",
                                      CODE(LOCAL_GET, 0, IF, 0x7f, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, CALL, 0, ELSE, I32_CONST, 0, END));
    module_function(odd, "odd_there", "", "i", CODE(GLOBAL_GET, (uint8_t)mine));
    module_slot(odd, is_odd);
    shelf_add(shelf, "even.so", even);
    shelf_add(shelf, "odd.so", odd);
}

static void same_results(void)
{
    for (size_t mode = 0; mode < COUNT_OF(MODES); mode++) {
        for (int lazy = 0; lazy < 2; lazy++) {
            struct shelf shelf;
            struct host host = host_with_plt(MODES[mode], lazy ? WASM_DYLD_BIND_LAZY : WASM_DYLD_BIND_NOW, &shelf);
            wasm_dyld_object_t *even = NULL;
            cycle(&shelf);
            WORKS(wasm_dyld_load(host.dyld, "even.so", 0, &even, &error));
            SAME(CALL1(host.dyld, find(host.dyld, even, "is_even"), 20), 1);
            SAME(CALL1(host.dyld, find(host.dyld, even, "is_even"), 21), 0);
            SAME(CALL1(host.dyld, find(host.dyld, even, "again"), 7), 0);
            SAME(CALL1(host.dyld, find(host.dyld, even, "is_odd"), 7), 1);
            /* &f is the same however f is called. */
            int32_t here = CALL0(host.dyld, find(host.dyld, even, "odd_here"));
            SAME(here, CALL0(host.dyld, find(host.dyld, even, "odd_there")));
            SAME(here, slot_of(host.dyld, even, "is_odd"));
            host_delete(&host);
            shelf_clear(&shelf);
        }
    }
    ok("the same results with every way of binding");
}

static struct module *lazy_module(void)
{
    struct module *m = module_new();
    module_import(m, "env", "sometime", "i", "i");
    module_function(m, "call", "i", "i", CODE(LOCAL_GET, 0, CALL, 0));
    return m;
}

static struct module *definition(const char *params, bool wide)
{
    struct module *m = module_new();
    if (wide)
        module_function(m, "sometime", params, "", CODE(RETURN));
    else
        module_function(m, "sometime", params, "i", CODE(LOCAL_GET, 0, I32_CONST, 2, I32_MUL));
    return m;
}

static void lazy_functions(void)
{
    for (size_t mode = 0; mode < COUNT_OF(MODES); mode++) {
        struct shelf shelf;
        struct host host = host_with_plt(MODES[mode], WASM_DYLD_BIND_LAZY, &shelf);
        wasm_dyld_object_t *object = NULL;
        FAILS(load_module(host.dyld, "now.so", lazy_module(), WASM_DYLD_NOW, NULL, &error), WASM_DYLD_UNDEFINED_SYMBOL, "sometime", NULL);
        WORKS(load_module(host.dyld, "lazy.so", lazy_module(), 0, &object, &error));
        wasm_func_t *call = find(host.dyld, object, "call");
        for (int i = 0; i < 2; i++)
            FAILS(try_call(host.dyld, call, NULL, 1, (int32_t)4), WASM_DYLD_TRAP, "undefined symbol sometime: func (i32) -> i32, called by lazy.so", NULL);
        /* Something local is not found, something global is, and the call is the same from then on. */
        WORKS(load_module(host.dyld, "local.so", definition("i", false), 0, NULL, &error));
        FAILS(try_call(host.dyld, call, NULL, 1, (int32_t)4), WASM_DYLD_TRAP, "undefined symbol sometime", NULL);
        WORKS(load_module(host.dyld, "global.so", definition("i", false), WASM_DYLD_GLOBAL, NULL, &error));
        SAME(CALL1(host.dyld, call, 4), 8);
        SAME(CALL1(host.dyld, call, 5), 10);
        host_delete(&host);
    }
    ok("lazy functions");
}

static void lazy_type_clash(void)
{
    struct shelf shelf;
    struct host host = host_with_plt(WASM_DYLD_PLT_AUTO, WASM_DYLD_BIND_NOW, &shelf);
    wasm_dyld_object_t *object = NULL;
    WORKS(load_module(host.dyld, "lazy.so", lazy_module(), WASM_DYLD_LAZY, &object, &error));
    WORKS(load_module(host.dyld, "wide.so", definition("I", true), WASM_DYLD_GLOBAL, NULL, &error));
    FAILS(try_call(host.dyld, find(host.dyld, object, "call"), NULL, 1, (int32_t)4), WASM_DYLD_TRAP,
          "sometime: lazy.so calls it as func (i32) -> i32, it is defined as func (i64) -> ()", NULL);
    host_delete(&host);
    ok("a lazy function of another type");
}

static void weak_functions(void)
{
    struct shelf shelf;
    struct host host = host_with_plt(WASM_DYLD_PLT_AUTO, WASM_DYLD_BIND_NOW, &shelf);
    wasm_dyld_object_t *object = NULL;
    struct module *m = module_new();
    module_import(m, "env", "hook", "", "");
    uint32_t address = module_import_global(m, "GOT.func", "hook", true), datum = module_import_global(m, "GOT.mem", "extra", true);
    module_weak(m, "hook");
    module_weak(m, "extra");
    module_function(m, "call", "", "", CODE(CALL, 0));
    module_function(m, "addresses", "", "i", CODE(GLOBAL_GET, (uint8_t)address, GLOBAL_GET, (uint8_t)datum, I32_ADD));
    WORKS(load_module(host.dyld, "weak.so", m, 0, &object, &error));
    SAME(CALL0(host.dyld, find(host.dyld, object, "addresses")), 0);
    FAILS(try_call(host.dyld, find(host.dyld, object, "call"), NULL, 0), WASM_DYLD_TRAP, "hook", "weak symbol that nothing defines", "weak.so", NULL);
    host_delete(&host);
    ok("weak symbols that nothing defines");
}

int main(void)
{
    same_results();
    lazy_functions();
    lazy_type_clash();
    weak_functions();
    return 0;
}
