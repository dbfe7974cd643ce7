/*
 * Makes small WebAssembly libraries byte by byte, so that a test can ask for what no compiler would emit.
 *
 * Every module imports env.memory, env.__indirect_function_table, and the globals 0 env.__memory_base and 1 env.__table_base.
 * What is imported is declared before the functions, since it comes before them in the index spaces.
 */
#ifndef BUILD_H
#define BUILD_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <wasm.h>
#include <wasmdyld.h>

/* Instructions. */
enum {
    UNREACHABLE = 0x00,
    BLOCK = 0x02,
    LOOP = 0x03,
    IF = 0x04,
    ELSE = 0x05,
    END = 0x0b,
    BR = 0x0c,
    BR_IF = 0x0d,
    RETURN = 0x0f,
    CALL = 0x10,
    CALL_INDIRECT = 0x11,
    DROP = 0x1a,
    LOCAL_GET = 0x20,
    GLOBAL_GET = 0x23,
    GLOBAL_SET = 0x24,
    I32_LOAD = 0x28,
    I32_STORE = 0x36,
    MEMORY_GROW = 0x40,
    I32_CONST = 0x41,
    I32_ADD = 0x6a,
    I32_SUB = 0x6b,
    I32_MUL = 0x6c,
    I32_DIV_S = 0x6d,
    NOTHING = 0x40 /* type of a block without a result */
};

/* The bytes of a function's body, without the END of it all. */
#define CODE(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

struct bytes {
    uint8_t *data;
    size_t size, room;
};

struct section {
    uint32_t count;
    struct bytes bytes;
};

struct module {
    uint32_t memory_size, memory_p2align, table_size, table_p2align, elements;
    uint32_t functions, imported_functions, globals, start;
    bool has_start, plain;
    const char *soname;
    struct section needed, weak, paths;
    struct section types, imports, bodies_types, own_globals, exports, slots, bodies, data;
};

static inline void put(struct bytes *to, const void *from, size_t size)
{
    if (to->size + size > to->room) {
        to->room = 2 * (to->size + size);
        to->data = (uint8_t *)realloc(to->data, to->room);
        if (!to->data)
            abort();
    }
    if (size)
        memcpy(to->data + to->size, from, size);
    to->size += size;
}

static inline void put_byte(struct bytes *to, int byte)
{
    uint8_t b = (uint8_t)byte;
    put(to, &b, 1);
}

static inline void put_number(struct bytes *to, uint32_t number)
{
    for (; number >= 0x80; number >>= 7)
        put_byte(to, (int)(number & 0x7f) | 0x80);
    put_byte(to, (int)number);
}

/* An i32.const's operand. */
static inline void put_signed(struct bytes *to, int32_t number)
{
    int64_t left = number;
    while (left < -64 || left > 63) {
        put_byte(to, (int)(left & 0x7f) | 0x80);
        left = left < 0 ? ~(~left >> 7) : left >> 7;
    }
    put_byte(to, (int)(left & 0x7f));
}

static inline void put_text(struct bytes *to, const char *text, size_t size)
{
    put_number(to, (uint32_t)size);
    put(to, text, size);
}

static inline void put_name(struct bytes *to, const char *name) { put_text(to, name, strlen(name)); }

/* i, I, f, F for i32, i64, f32, f64; v, r, p for v128, externref, funcref. */
static inline void put_types(struct bytes *to, const char *types)
{
    static const char letters[] = "iIfFvrp";
    static const int codes[] = {0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x6f, 0x70};
    put_number(to, (uint32_t)strlen(types));
    for (; *types; types++)
        put_byte(to, codes[strchr(letters, *types) - letters]);
}

static inline void module_needs_bytes(struct module *m, const char *name, size_t size)
{
    put_text(&m->needed.bytes, name, size);
    m->needed.count++;
}

static inline void module_needs(struct module *m, const char *name) { module_needs_bytes(m, name, strlen(name)); }

static inline void module_runtime_path(struct module *m, const char *path)
{
    put_name(&m->paths.bytes, path);
    m->paths.count++;
}

/* The name that others are to need it by. It lives as long as the module. */
static inline void module_soname(struct module *m, const char *name) { m->soname = name; }

/* Notes that an import may stay undefined. */
static inline void module_weak(struct module *m, const char *name)
{
    put_name(&m->weak.bytes, "env");
    put_name(&m->weak.bytes, name);
    put_number(&m->weak.bytes, 1);
    m->weak.count++;
}

static inline void import_head(struct module *m, const char *module, const char *name, int kind)
{
    assert(m->functions == m->imported_functions);
    put_name(&m->imports.bytes, module);
    put_name(&m->imports.bytes, name);
    put_byte(&m->imports.bytes, kind);
    m->imports.count++;
}

static inline uint32_t module_import_global(struct module *m, const char *module, const char *name, bool is_mutable)
{
    import_head(m, module, name, 3);
    put_byte(&m->imports.bytes, 0x7f);
    put_byte(&m->imports.bytes, is_mutable);
    return m->globals++;
}

static inline uint32_t module_type(struct module *m, const char *params, const char *results)
{
    put_byte(&m->types.bytes, 0x60);
    put_types(&m->types.bytes, params);
    put_types(&m->types.bytes, results);
    return m->types.count++;
}

static inline uint32_t module_import(struct module *m, const char *module, const char *name, const char *params, const char *results)
{
    uint32_t type = module_type(m, params, results);
    import_head(m, module, name, 0);
    put_number(&m->imports.bytes, type);
    m->imported_functions++;
    return m->functions++;
}

static inline void module_export(struct module *m, const char *name, int kind, uint32_t index)
{
    put_name(&m->exports.bytes, name);
    put_byte(&m->exports.bytes, kind);
    put_number(&m->exports.bytes, index);
    m->exports.count++;
}

/* A function, exported unless its name is NULL. */
static inline uint32_t module_function(struct module *m, const char *name, const char *params, const char *results, const uint8_t *code, size_t size)
{
    put_number(&m->bodies_types.bytes, module_type(m, params, results));
    m->bodies_types.count++;
    put_number(&m->bodies.bytes, (uint32_t)size + 2);
    put_byte(&m->bodies.bytes, 0); /* no locals */
    put(&m->bodies.bytes, code, size);
    put_byte(&m->bodies.bytes, END);
    m->bodies.count++;
    if (name)
        module_export(m, name, 0, m->functions);
    return m->functions++;
}

/* A datum at an offset from the module's memory, exported. */
static inline void module_datum(struct module *m, const char *name, uint32_t offset)
{
    put_byte(&m->own_globals.bytes, 0x7f);
    put_byte(&m->own_globals.bytes, 0);
    put_byte(&m->own_globals.bytes, I32_CONST);
    put_signed(&m->own_globals.bytes, (int32_t)offset);
    put_byte(&m->own_globals.bytes, END);
    m->own_globals.count++;
    module_export(m, name, 3, m->globals++);
}

static inline void module_data(struct module *m, uint32_t offset, const void *data, size_t size)
{
    struct bytes *to = &m->data.bytes;
    put_number(to, 0);
    put_byte(to, GLOBAL_GET);
    put_number(to, 0);
    if (offset) {
        put_byte(to, I32_CONST);
        put_signed(to, (int32_t)offset);
        put_byte(to, I32_ADD);
    }
    put_byte(to, END);
    put_text(to, (const char *)data, size);
    m->data.count++;
}

/* Gives a function the next table slot of the module. */
static inline void module_slot(struct module *m, uint32_t function)
{
    put_number(&m->slots.bytes, function);
    m->slots.count++;
    if (m->table_size < m->slots.count)
        m->table_size = m->slots.count;
}

static inline void module_start(struct module *m, uint32_t function)
{
    m->start = function;
    m->has_start = true;
}

static inline struct module *module_new(void)
{
    struct module *m = (struct module *)calloc(1, sizeof *m);
    if (!m)
        abort();
    import_head(m, "env", "memory", 2);
    put(&m->imports.bytes, "\0\0", 2); /* no maximum, no pages */
    import_head(m, "env", "__indirect_function_table", 1);
    put(&m->imports.bytes, "\x70\0\0", 3);
    module_import_global(m, "env", "__memory_base", false);
    module_import_global(m, "env", "__table_base", false);
    return m;
}

/* A module without a dylink.0 section. */
static inline void module_make_plain(struct module *m) { m->plain = true; }

static inline void put_block(struct bytes *to, int id, struct bytes *contents)
{
    put_byte(to, id);
    put_text(to, (const char *)contents->data, contents->size);
    free(contents->data);
    contents->data = NULL;
}

static inline void put_section(struct bytes *to, int id, struct section *section)
{
    struct bytes contents = {NULL, 0, 0};
    if (section->count) {
        put_number(&contents, section->count);
        put(&contents, section->bytes.data, section->bytes.size);
        put_block(to, id, &contents);
    }
    free(section->bytes.data);
    section->bytes.data = NULL;
}

/* The module's bytes, which the caller frees; the module is gone. */
static inline struct bytes module_finish(struct module *m)
{
    struct bytes all = {NULL, 0, 0}, dylink = {NULL, 0, 0}, part = {NULL, 0, 0};
    put(&all, "\0asm\1\0\0\0", 8);
    put_name(&dylink, "dylink.0");
    put_number(&part, m->memory_size);
    put_number(&part, m->memory_p2align);
    put_number(&part, m->table_size);
    put_number(&part, m->table_p2align);
    put_block(&dylink, 1, &part);
    put_section(&dylink, 2, &m->needed);
    put_section(&dylink, 4, &m->weak);
    put_section(&dylink, 5, &m->paths);
    if (m->plain)
        free(dylink.data);
    else
        put_block(&all, 0, &dylink);
    put_section(&all, 1, &m->types);
    put_section(&all, 2, &m->imports);
    put_section(&all, 3, &m->bodies_types);
    put_section(&all, 6, &m->own_globals);
    put_section(&all, 7, &m->exports);
    if (m->has_start) {
        struct bytes start = {NULL, 0, 0};
        put_number(&start, m->start);
        put_block(&all, 8, &start);
    }
    if (m->slots.count) {
        struct bytes elements = {NULL, 0, 0};
        put(&elements, "\1\0\x23\1\x0b", 5); /* one segment: table 0, at global 1 */
        put_number(&elements, m->slots.count);
        put(&elements, m->slots.bytes.data, m->slots.bytes.size);
        put_block(&all, 9, &elements);
        free(m->slots.bytes.data);
    }
    put_section(&all, 10, &m->bodies);
    put_section(&all, 11, &m->data);
    if (m->soname) {
        struct bytes soname = {NULL, 0, 0};
        put_name(&soname, "wasmdyld.soname");
        put_name(&soname, m->soname);
        put_block(&all, 0, &soname);
    }
    free(m);
    return all;
}

/* Modules by name, for an open callback. */
struct shelf {
    struct {
        const char *name, *identity;
        struct bytes bytes;
    } modules[32];
    size_t count, asked, finalized;
};

static inline void shelf_add(struct shelf *shelf, const char *name, struct module *m)
{
    assert(shelf->count < sizeof shelf->modules / sizeof shelf->modules[0]);
    shelf->modules[shelf->count].name = name;
    shelf->modules[shelf->count].identity = NULL;
    shelf->modules[shelf->count++].bytes = module_finish(m);
}

static inline int32_t shelf_open(void *env, const char *name, const char *needed_by, const uint8_t **bytes, size_t *size,
                                 const uint8_t **identity, size_t *identity_size)
{
    struct shelf *shelf = (struct shelf *)env;
    (void)needed_by;
    shelf->asked++;
    for (size_t i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->modules[i].name, name) != 0)
            continue;
        *bytes = shelf->modules[i].bytes.data;
        *size = shelf->modules[i].bytes.size;
        if (shelf->modules[i].identity) {
            *identity = (const uint8_t *)shelf->modules[i].identity;
            *identity_size = strlen(shelf->modules[i].identity);
        }
        return 0;
    }
    return 1;
}

/* A configuration with which libraries are found on a shelf, which is emptied. */
static inline wasm_dyld_config_t *shelf_config(struct shelf *shelf)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    memset(shelf, 0, sizeof *shelf);
    if (wasm_dyld_config_set_open(config, shelf_open, shelf, NULL, NULL) != WASM_DYLD_OK)
        abort();
    return config;
}

static inline void shelf_finalize(void *env) { ((struct shelf *)env)->finalized++; }

static inline void shelf_clear(struct shelf *shelf)
{
    while (shelf->count)
        free(shelf->modules[--shelf->count].bytes.data);
}

/* Loads a module, which is gone then. */
static inline wasm_dyld_code_t load_module(wasm_dyld_t *dyld, const char *name, struct module *m, uint32_t flags, wasm_dyld_object_t **object,
                                           wasm_dyld_error_t **problem)
{
    struct bytes bytes = module_finish(m);
    wasm_dyld_code_t code = wasm_dyld_load_bytes(dyld, name, bytes.data, bytes.size, flags, object, problem);
    free(bytes.data);
    return code;
}

#endif
