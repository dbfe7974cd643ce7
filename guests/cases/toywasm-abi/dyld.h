#include <stddef.h>
#include <stdint.h>

#define DYLD(name) __attribute__((import_module("dyld"), import_name(name)))

/* As toywasm declares them. They give 0 or an error. */
int load_object(const char *name, size_t size, int flags, uint32_t *handle) DYLD("load_object");
int resolve_symbol(uint32_t handle, int kind, const char *name, size_t size, void **address) DYLD("resolve_symbol");

enum { FUNC = 1, MEMORY = 2 };
