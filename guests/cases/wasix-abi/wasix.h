#include <stddef.h>
#include <stdint.h>

#define WASIX(name) __attribute__((import_module("wasix_32v1"), import_name(name)))

/* As wasix-libc declares them. They give 0 or an errno of WASI. */
int wasix_dlopen(const char *path, size_t path_size, uint32_t flags, char *error, size_t error_size,
                 const char *library_path, size_t library_path_size, uint32_t *handle) WASIX("dlopen");
int wasix_dlsym(uint32_t handle, const char *name, size_t size, char *error, size_t error_size,
                void **address) WASIX("dlsym");
int wasix_dl_invalid_handle(uint32_t handle) WASIX("dl_invalid_handle");

enum { LAZY = 1, NOW = 2, GLOBAL = 4, NOLOAD = 8, NODELETE = 16, DEEPBIND = 32 };
