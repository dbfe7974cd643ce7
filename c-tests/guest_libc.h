/*
 * A guest that is libc alone: what tests of WASI call.
 */
#ifndef GUEST_LIBC_H
#define GUEST_LIBC_H

#include "check.h"

/* libc in a namespace of its own. */
static inline wasm_dyld_object_t *load_libc(struct host *host, wasm_dyld_wasi_t *wasi)
{
    wasm_dyld_object_t *libc = NULL;
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    *host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host->dyld, wasi, &error));
    WORKS(wasm_dyld_load(host->dyld, "libc.so", 0, &libc, &error));
    return libc;
}

static inline uint32_t give(struct host *host, wasm_dyld_object_t *libc, const char *text)
{
    uint32_t address = (uint32_t)CALL1(host->dyld, find(host->dyld, libc, "malloc"), strlen(text) + 1);
    WORKS(wasm_dyld_write(host->dyld, address, (const uint8_t *)text, strlen(text) + 1, &error));
    return address;
}

static inline int32_t call3(struct host *host, wasm_dyld_object_t *libc, const char *name, uint32_t a, uint32_t b, uint32_t c)
{
    int32_t result = 0;
    WORKS(try_call(host->dyld, find(host->dyld, libc, name), &result, 3, (int32_t)a, (int32_t)b, (int32_t)c));
    return result;
}

/* What a file has that the guest opens, at most 63 bytes, until the next call; NULL if the guest cannot. */
static inline const char *guest_reads(struct host *host, wasm_dyld_object_t *libc, const char *name)
{
    static char text[64];
    int32_t file = CALL2(host->dyld, find(host->dyld, libc, "fopen"), give(host, libc, name), give(host, libc, "r"));
    if (!file)
        return NULL;
    uint32_t room = give(host, libc, "                                                                ");
    int32_t count = 0;
    WORKS(try_call(host->dyld, find(host->dyld, libc, "fread"), &count, 4, (int32_t)room, 1, 63, file));
    WORKS(wasm_dyld_read(host->dyld, room, (uint8_t *)text, (size_t)count, &error));
    text[count] = 0;
    SAME(CALL1(host->dyld, find(host->dyld, libc, "fclose"), file), 0);
    return text;
}

/* Whether a guest can write a text to a file, and close it. */
static inline bool guest_writes(struct host *host, wasm_dyld_object_t *libc, const char *name, const char *text)
{
    int32_t file = CALL2(host->dyld, find(host->dyld, libc, "fopen"), give(host, libc, name), give(host, libc, "w"));
    if (!file)
        return false;
    CALL2(host->dyld, find(host->dyld, libc, "fputs"), give(host, libc, text), file);
    return CALL1(host->dyld, find(host->dyld, libc, "fclose"), file) == 0;
}

#endif
