#include <stddef.h>
#include <stdint.h>

/* As toywasm declares them. They give 0 or an error. */
__attribute__((import_module("dyld"), import_name("load_object"))) int load_object(const char *name, size_t size, int flags,
                                                                                   uint32_t *handle);
__attribute__((import_module("dyld"), import_name("resolve_symbol"))) int resolve_symbol(uint32_t handle, int kind, const char *name,
                                                                                         size_t size, void **address);

enum { FUNC = 1, MEMORY = 2 };
