/*
 * What the tests of closing share: libraries that are made of little, loaded and closed.
 */
#ifndef CLOSING_H
#define CLOSING_H

#include "build.h"
#include "check.h"

static struct host host;
static struct shelf shelf;

static wasm_dyld_plt_t plt;

static inline void begin(void)
{
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = shelf_config(&shelf);
    WORKS(wasm_dyld_config_set_plt(config, plt, &error));
    host = host_with(config);
}

/* With a library that stays, so that memory and table do. */
static inline void begin_with_base(void)
{
    struct module *m = module_new();
    begin();
    m->memory_size = 4;
    module_function(m, "base", "", "i", CODE(I32_CONST, 42));
    module_datum(m, "base_datum", 0);
    WORKS(load_module(host.dyld, "base.so", m, 0, NULL, &error));
}

static inline wasm_dyld_object_t *load(const char *name, uint32_t flags)
{
    wasm_dyld_object_t *object = NULL;
    WORKS(wasm_dyld_load(host.dyld, name, flags, &object, &error));
    CHECK(object != NULL);
    return object;
}

static inline void close_object(wasm_dyld_object_t *object) { WORKS(wasm_dyld_unload(host.dyld, object, &error)); }

/* A datum that starts as 5 and to which the constructor adds 1, and one that starts as 0. */
static inline struct module *counter(void)
{
    struct module *m = module_new();
    m->memory_size = 16;
    m->memory_p2align = 2;
    module_data(m, 0, "\5\0\0\0", 4);
    uint32_t increment = module_function(
        m, "increment", "", "i",
        CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0, I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0));
    module_function(m, "get", "", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, 0));
    module_function(m, "nothing", "", "", CODE(RETURN));
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, (uint8_t)increment, DROP));
    module_slot(m, increment);
    module_datum(m, "counter", 0);
    module_datum(m, "zero", 8);
    return m;
}

/* A library with a function NAME that gives a number. */
static inline struct module *number(const char *name, int n)
{
    struct module *m = module_new();
    module_function(m, name, "", "i", CODE(I32_CONST, (uint8_t)n));
    return m;
}

static inline struct module *needing(const char *first, const char *second)
{
    struct module *m = module_new();
    module_needs(m, first);
    if (second)
        module_needs(m, second);
    return m;
}

#endif
