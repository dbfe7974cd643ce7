/*
 * What the tests of the C interface share. A test is a program that prints "ok N what" for each part that works; the first
 * check that fails ends it with 1 and says where.
 *
 * WASMDYLD_GUESTS names the folder of the built guests; WASMDYLD_TEST_CACHE, if set, one for compiled code. WASMDYLD_TEST_CHECKER is
 * set where a memory checker runs.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasm.h>
#include <wasmdyld.h>

/* The error of the call that is being checked: `WORKS(wasm_dyld_load(..., &error))`. */
static wasm_dyld_error_t *error;

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A condition holds. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))
/* Two numbers are the same. */
#define SAME(got, wanted) check_same(__FILE__, __LINE__, #got, (uint64_t)(got), (uint64_t)(wanted))
/* Two strings are the same. */
#define SAME_TEXT(got, wanted) check_text(__FILE__, __LINE__, #got, got, wanted)
/* A string contains another. */
#define CONTAINS(got, wanted) check_contains(__FILE__, __LINE__, #got, got, wanted)
/* A call gives WASM_DYLD_OK, and NULL for an error. */
#define WORKS(call) check_works(__FILE__, __LINE__, #call, (call))
/* A call gives a code, and an error of it whose text contains all the strings; they follow the code, ended by NULL. KEEPS does the
   same and leaves the error in `error`. */
#define FAILS(call, ...) (check_fails(__FILE__, __LINE__, #call, (call), __VA_ARGS__), forget_error())
#define KEEPS(call, ...) check_fails(__FILE__, __LINE__, #call, (call), __VA_ARGS__)

static inline void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
    exit(1);
}

static inline void check_same(const char *file, int line, const char *what, uint64_t got, uint64_t wanted)
{
    if (got == wanted)
        return;
    fprintf(stderr, "%s:%d: %s is %llu, wanted %llu\n", file, line, what, (unsigned long long)got, (unsigned long long)wanted);
    exit(1);
}

static inline void check_text(const char *file, int line, const char *what, const char *got, const char *wanted)
{
    if (got && strcmp(got, wanted) == 0)
        return;
    fprintf(stderr, "%s:%d: %s is \"%s\", wanted \"%s\"\n", file, line, what, got ? got : "(NULL)", wanted);
    exit(1);
}

static inline void check_contains(const char *file, int line, const char *what, const char *got, const char *wanted)
{
    if (got && strstr(got, wanted))
        return;
    fprintf(stderr, "%s:%d: %s is \"%s\", without \"%s\"\n", file, line, what, got ? got : "(NULL)", wanted);
    exit(1);
}

static inline void forget_error(void)
{
    wasm_dyld_error_delete(error);
    error = NULL;
}

static inline void check_works(const char *file, int line, const char *what, wasm_dyld_code_t code)
{
    if (code == WASM_DYLD_OK && !error)
        return;
    fprintf(stderr, "%s:%d: %s gives %u: %s\n", file, line, what, (unsigned)code, error ? wasm_dyld_error_message(error) : "no error");
    exit(1);
}

static inline void check_fails(const char *file, int line, const char *what, wasm_dyld_code_t code, int wanted, ...)
{
    va_list texts;
    const char *text, *message = error ? wasm_dyld_error_message(error) : "(no error)";
    if (code != (wasm_dyld_code_t)wanted || !error || wasm_dyld_error_code(error) != code) {
        fprintf(stderr, "%s:%d: %s gives %u, wanted %d: %s\n", file, line, what, (unsigned)code, wanted, message);
        exit(1);
    }
    va_start(texts, wanted);
    while ((text = va_arg(texts, const char *)) != NULL) {
        if (!strstr(message, text)) {
            fprintf(stderr, "%s:%d: %s: no \"%s\" in: %s\n", file, line, what, text, message);
            exit(1);
        }
    }
    va_end(texts);
    /* For the author of a test. */
    if (getenv("CHECK_SHOW"))
        printf("# %s\n", message);
}

/* A part of the test has passed. */
static inline void ok(const char *what)
{
    static int parts;
    printf("ok %d %s\n", ++parts, what);
    fflush(stdout);
}

/* A path below the folder of the built guests. Good until the call after the next seven. */
static inline const char *guest_path(const char *file)
{
    static char paths[8][4096];
    static unsigned next;
    const char *folder = getenv("WASMDYLD_GUESTS");
    char *path = paths[next++ % COUNT_OF(paths)];
    if (!folder) {
        fprintf(stderr, "WASMDYLD_GUESTS is not set\n");
        exit(1);
    }
    snprintf(path, sizeof paths[0], "%s/%s", folder, file);
    return path;
}

/* A namespace in a store and an engine of its own. */
struct host {
    wasm_engine_t *engine;
    wasm_store_t *store;
    wasm_dyld_t *dyld;
};

/* Takes the configuration. */
static inline struct host host_with(wasm_dyld_config_t *config)
{
    struct host host = {NULL, NULL, NULL};
    const char *cache = getenv("WASMDYLD_TEST_CACHE");
    if (cache)
        WORKS(wasm_dyld_config_set_engine_cache(config, cache, &error));
    WORKS(wasm_dyld_engine_new(config, &host.engine, &error));
    host.store = wasm_store_new(host.engine);
    CHECK(host.store != NULL);
    WORKS(wasm_dyld_new(host.store, config, &host.dyld, &error));
    CHECK(host.dyld != NULL);
    return host;
}

static inline struct host host_new(void) { return host_with(wasm_dyld_config_new()); }

static inline void host_delete(struct host *host)
{
    wasm_dyld_delete(host->dyld);
    wasm_store_delete(host->store);
    wasm_engine_delete(host->engine);
}

/* Gives what is loaded from now on a function of the host, whose `params` parameters and `results` results are i32s. */
static inline void define_function(struct host *host, const char *module, const char *name, size_t params, size_t results, wasm_func_callback_t callback)
{
    wasm_valtype_vec_t in, out;
    wasm_valtype_vec_new_uninitialized(&in, params);
    wasm_valtype_vec_new_uninitialized(&out, results);
    for (size_t i = 0; i < params; i++)
        in.data[i] = wasm_valtype_new(WASM_I32);
    for (size_t i = 0; i < results; i++)
        out.data[i] = wasm_valtype_new(WASM_I32);
    wasm_functype_t *type = wasm_functype_new(&in, &out);
    wasm_func_t *function = wasm_func_new(host->store, type, callback);
    wasm_functype_delete(type);
    WORKS(wasm_dyld_define(host->dyld, module, name, wasm_func_as_extern(function), 0, &error));
    wasm_func_delete(function);
}

/* How often an object is open. */
#define OPENS(dyld, object, host, guest) check_opens(__FILE__, __LINE__, dyld, object, host, guest)

static inline void check_opens(const char *file, int line, wasm_dyld_t *dyld, const wasm_dyld_object_t *object, uint32_t host, uint32_t guest)
{
    uint32_t by_host = 99, by_guest = 99;
    check_works(file, line, "wasm_dyld_object_opens", wasm_dyld_object_opens(dyld, object, &by_host, &by_guest, &error));
    check_same(file, line, "opens by the host", by_host, host);
    check_same(file, line, "opens by the guest", by_guest, guest);
}

/* An object that was unloaded: its handle names nothing any more. */
#define GONE(dyld, object) check_gone(__FILE__, __LINE__, dyld, object)

static inline void check_gone(const char *file, int line, wasm_dyld_t *dyld, wasm_dyld_object_t *object)
{
    for (size_t i = 0; i < wasm_dyld_object_count(dyld); i++)
        if (wasm_dyld_object_at(dyld, i) == object)
            check_failed(file, line, "the object is gone");
    if (wasm_dyld_object_name(dyld, object) || wasm_dyld_object_path(dyld, object) || wasm_dyld_object_origin(dyld, object) ||
        wasm_dyld_object_is_global(dyld, object) || wasm_dyld_object_is_nodelete(dyld, object) || wasm_dyld_object_is_program(dyld, object) ||
        wasm_dyld_object_needed_count(dyld, object) || wasm_dyld_object_needed_at(dyld, object, 0))
        check_failed(file, line, "a gone object has no properties");
    FAILS(wasm_dyld_object_opens(dyld, object, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_object_place(dyld, object, NULL, NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_dlsym(dyld, object, "f", NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_dlsym_next(dyld, object, "f", NULL, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_unload(dyld, object, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
}

/* Whether something is in a slot of the table. */
static inline bool filled(wasm_dyld_t *dyld, uint64_t slot)
{
    wasm_table_t *table = NULL;
    wasm_ref_t *entry;
    WORKS(wasm_dyld_table(dyld, &table, &error));
    CHECK(slot < wasm_table_size(table));
    entry = wasm_table_get(table, (wasm_table_size_t)slot);
    if (!entry)
        return false;
    wasm_ref_delete(entry);
    return true;
}

static inline wasm_func_t *find(wasm_dyld_t *dyld, const wasm_dyld_object_t *object, const char *name)
{
    wasm_func_t *function = NULL;
    wasm_dyld_symbol_kind_t kind = WASM_DYLD_DATA;
    WORKS(wasm_dyld_dlsym(dyld, object, name, &kind, &function, NULL, &error));
    SAME(kind, WASM_DYLD_FUNC);
    CHECK(function != NULL);
    return function;
}

static inline uint32_t address_of(wasm_dyld_t *dyld, const wasm_dyld_object_t *object, const char *name)
{
    wasm_func_t *function = NULL;
    wasm_dyld_symbol_kind_t kind = WASM_DYLD_FUNC;
    uint64_t address = 0;
    WORKS(wasm_dyld_dlsym(dyld, object, name, &kind, &function, &address, &error));
    SAME(kind, WASM_DYLD_DATA);
    CHECK(function == NULL);
    return (uint32_t)address;
}

static inline uint32_t slot_of(wasm_dyld_t *dyld, const wasm_dyld_object_t *object, const char *name)
{
    wasm_dyld_symbol_kind_t kind = WASM_DYLD_DATA;
    uint64_t slot = 0;
    WORKS(wasm_dyld_dlsym(dyld, object, name, &kind, NULL, &slot, &error));
    SAME(kind, WASM_DYLD_FUNC);
    CHECK(slot != 0);
    return (uint32_t)slot;
}

/* Calls a function of up to four i32s that gives an i32 or nothing, and gives the code. */
static inline wasm_dyld_code_t try_call(wasm_dyld_t *dyld, const wasm_func_t *function, int32_t *result, int count, ...)
{
    wasm_val_t values[4], value = WASM_INIT_VAL;
    wasm_val_vec_t arguments, results;
    wasm_dyld_code_t code;
    va_list numbers;
    va_start(numbers, count);
    for (int i = 0; i < count && i < 4; i++) {
        values[i].kind = WASM_I32;
        values[i].of.i32 = va_arg(numbers, int32_t);
    }
    va_end(numbers);
    arguments.size = (size_t)count;
    arguments.data = values;
    results.size = wasm_func_result_arity(function);
    results.data = &value;
    value.of.i32 = 0;
    code = wasm_dyld_call(dyld, function, &arguments, &results, &error);
    if (result)
        *result = value.of.i32;
    return code;
}

static inline uint64_t memory_base_of(wasm_dyld_t *dyld, const wasm_dyld_object_t *object)
{
    uint64_t base = 0;
    WORKS(wasm_dyld_object_place(dyld, object, &base, NULL, NULL, NULL, &error));
    return base;
}

static inline uint64_t table_base_of(wasm_dyld_t *dyld, const wasm_dyld_object_t *object)
{
    uint64_t base = 0;
    WORKS(wasm_dyld_object_place(dyld, object, NULL, NULL, &base, NULL, &error));
    return base;
}

#define CALL0(dyld, function) check_call(__FILE__, __LINE__, dyld, function, 0, 0, 0)
#define CALL1(dyld, function, a) check_call(__FILE__, __LINE__, dyld, function, 1, (int32_t)(a), 0)
#define CALL2(dyld, function, a, b) check_call(__FILE__, __LINE__, dyld, function, 2, (int32_t)(a), (int32_t)(b))

static inline int32_t check_call(const char *file, int line, wasm_dyld_t *dyld, const wasm_func_t *function, int count, int32_t a, int32_t b)
{
    int32_t result = 0;
    check_works(file, line, "the call", try_call(dyld, function, &result, count, a, b));
    return result;
}

static inline int32_t read_int(wasm_dyld_t *dyld, uint64_t address)
{
    uint8_t b[4] = {0, 0, 0, 0};
    WORKS(wasm_dyld_read(dyld, address, b, sizeof b, &error));
    return (int32_t)(b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24);
}

static inline void write_int(wasm_dyld_t *dyld, uint64_t address, int32_t value)
{
    uint32_t n = (uint32_t)value;
    uint8_t b[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
    WORKS(wasm_dyld_write(dyld, address, b, sizeof b, &error));
}

static inline double read_double(wasm_dyld_t *dyld, uint64_t address)
{
    uint64_t low = (uint32_t)read_int(dyld, address), high = (uint32_t)read_int(dyld, address + 4), bits = low | high << 32;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A string of the guest, up to what there is room for. Good until the next call. */
static inline const char *read_text(wasm_dyld_t *dyld, uint64_t address)
{
    static char text[16384];
    size_t length = 0;
    do
        WORKS(wasm_dyld_read(dyld, address + length, (uint8_t *)&text[length], 1, &error));
    while (text[length] != 0 && ++length < sizeof text - 1);
    text[length] = 0;
    return text;
}

/* What must be the same before and after a load that fails. */
struct snapshot {
    size_t objects;
    bool space;
    uint32_t pages, slots;
};

static inline struct snapshot snapshot_of(wasm_dyld_t *dyld)
{
    struct snapshot now = {0, false, 0, 0};
    wasm_memory_t *memory = NULL;
    wasm_table_t *table = NULL;
    now.objects = wasm_dyld_object_count(dyld);
    now.space = wasm_dyld_memory(dyld, &memory, NULL) == WASM_DYLD_OK;
    if (now.space) {
        WORKS(wasm_dyld_table(dyld, &table, &error));
        now.pages = wasm_memory_size(memory);
        now.slots = wasm_table_size(table);
    }
    return now;
}

#define UNCHANGED(dyld, before) check_unchanged(__FILE__, __LINE__, dyld, before)

static inline void check_unchanged(const char *file, int line, wasm_dyld_t *dyld, struct snapshot before)
{
    struct snapshot now = snapshot_of(dyld);
    check_same(file, line, "number of objects", now.objects, before.objects);
    check_same(file, line, "whether there is a memory", now.space, before.space);
    check_same(file, line, "pages of memory", now.pages, before.pages);
    check_same(file, line, "slots of the table", now.slots, before.slots);
}

#endif
