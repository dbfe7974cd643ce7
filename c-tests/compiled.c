/* Modules that the host has compiled itself. */

#include "build.h"
#include "check.h"

static wasm_module_t *compile(wasm_store_t *store, struct bytes bytes)
{
    wasm_byte_vec_t vec;
    wasm_byte_vec_new(&vec, bytes.size, (const char *)bytes.data);
    wasm_module_t *module = wasm_module_new(store, &vec);
    wasm_byte_vec_delete(&vec);
    CHECK(module != NULL);
    return module;
}

static struct bytes library(int32_t number)
{
    struct module *m = module_new();
    m->memory_size = 16;
    module_datum(m, "datum", 4);
    module_function(m, "number", "", "i", CODE(I32_CONST, (uint8_t)number));
    return module_finish(m);
}

static void loaded(void)
{
    struct host host = host_new();
    struct bytes bytes = library(5);
    wasm_dyld_object_t *object = NULL;
    wasm_dyld_symbol_kind_t kind;
    uint64_t base = 0, address = 0;
    for (int round = 0; round < 2; round++) {
        WORKS(wasm_dyld_load_compiled(host.dyld, "five.so", compile(host.store, bytes), bytes.data, bytes.size, 0, &object, &error));
        SAME(CALL0(host.dyld, find(host.dyld, object, "number")), 5);
        WORKS(wasm_dyld_object_place(host.dyld, object, &base, NULL, NULL, NULL, &error));
        WORKS(wasm_dyld_dlsym(host.dyld, object, "datum", &kind, NULL, &address, &error));
        SAME(address, base + 4);
        WORKS(wasm_dyld_unload(host.dyld, object, &error));
    }
    host_delete(&host);
    free(bytes.data);
    ok("compiled by the host");
}

static void refused(void)
{
    struct host host = host_new();
    struct bytes bytes = library(5);
    struct module *m = module_new();
    module_function(m, "other", "", "i", CODE(I32_CONST, 1));
    struct bytes other = module_finish(m);
    static const uint8_t garbage[] = {1, 2, 3, 4};
    wasm_dyld_object_t *object = NULL;
    FAILS(wasm_dyld_load_compiled(host.dyld, "five.so", compile(host.store, bytes), other.data, other.size, 0, &object, &error),
          WASM_DYLD_INVALID_ARGUMENT, "not that of these bytes", NULL);
    FAILS(wasm_dyld_load_compiled(host.dyld, "five.so", compile(host.store, bytes), garbage, sizeof garbage, 0, &object, &error),
          WASM_DYLD_MALFORMED, NULL);
    FAILS(wasm_dyld_load_compiled(host.dyld, "five.so", NULL, bytes.data, bytes.size, 0, &object, &error), WASM_DYLD_INVALID_ARGUMENT,
          "module is NULL", NULL);
    FAILS(wasm_dyld_load_compiled(host.dyld, "five.so", compile(host.store, bytes), NULL, 3, 0, &object, &error),
          WASM_DYLD_INVALID_ARGUMENT, NULL);
    CHECK(object == NULL);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    host_delete(&host);
    free(bytes.data);
    free(other.data);
    ok("compiled, and refused");
}

int main(void)
{
    loaded();
    refused();
    return 0;
}
