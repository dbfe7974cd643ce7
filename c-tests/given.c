/*
 * The short ways of a host: functions that it gives by a type in words and a callback, calls by name, strings, and the guest's heap, also where
 * that lies.
 */
#include "build.h"
#include "check.h"

static struct host host;
static wasm_dyld_object_t *plugin;
static int finalized, called;

static void finalize(void *env)
{
    CHECK(env == &called);
    finalized++;
}

#define DEFINE(name, type, callback) wasm_dyld_define_func(host.dyld, "host", name, type, callback, &called, finalize, 0, &error)

static wasm_dyld_error_t *none(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    (void)arguments;
    (void)results;
    CHECK(env == &called && dyld == host.dyld);
    called++;
    return NULL;
}

/* i32, i64, f32, f64 in, all of them out in the other order. */
static wasm_dyld_error_t *turn(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    (void)env;
    (void)dyld;
    static const wasm_valkind_t kinds[] = {WASM_I32, WASM_I64, WASM_F32, WASM_F64};
    for (int n = 0; n < 4; n++) {
        SAME(arguments[n].kind, kinds[n]);
        SAME(results[n].kind, kinds[3 - n]);
        SAME(results[n].of.i64, 0);
    }
    results[0].of.f64 = arguments[3].of.f64;
    results[1].of.f32 = arguments[2].of.f32;
    results[2].of.i64 = arguments[1].of.i64;
    results[3].of.i32 = arguments[0].of.i32;
    return NULL;
}

static wasm_dyld_error_t *wrong_kind(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    (void)env;
    (void)dyld;
    (void)arguments;
    results[0].kind = WASM_I64;
    return NULL;
}

/* What the guest asks for by a number. */
static wasm_dyld_error_t *fail(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    static char gone;
    wasm_dyld_error_t *problem = NULL;
    char text[8];
    (void)env;
    (void)results;
    switch (arguments[0].of.i32) {
    case 1: return wasm_dyld_error_new("no such key");
    case 2: return wasm_dyld_error_new("two\nlines \377");
    case 3: return wasm_dyld_error_new(NULL);
    case 4: return (wasm_dyld_error_t *)&gone;
    case 5: problem = wasm_dyld_error_new("gone"); wasm_dyld_error_delete(problem); return problem;
    case 6: wasm_dyld_read_string(dyld, 0, text, sizeof text, NULL, &problem); return problem;
    /* A trap of the guest's inside. */
    case 7: wasm_dyld_call_args(dyld, plugin, "trap", "() -> ()", NULL, 0, &problem); return problem;
    default: CHECK(!"a number"); return NULL;
    }
}

/* The guest's heap while the guest runs. */
static wasm_dyld_error_t *from_within(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    uint64_t address = 0;
    (void)env;
    (void)arguments;
    WORKS(wasm_dyld_alloc(dyld, 16, &address, &error));
    results[0].of.i32 = (int32_t)address;
    WORKS(wasm_dyld_free(dyld, address, &error));
    return NULL;
}

/* malloc gives what is at its memory's start, free puts there what it gets. */
static struct module *heap(void)
{
    struct module *m = module_new();
    m->memory_size = 64;
    m->memory_p2align = 4;
    module_data(m, 16, "a string", 9);
    module_datum(m, "answer", 0);
    module_datum(m, "text", 16);
    module_function(m, "malloc", "i", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, 0));
    module_function(m, "free", "i", "", CODE(GLOBAL_GET, 0, LOCAL_GET, 0, I32_STORE, 2, 0));
    return m;
}

static void begin(void)
{
    host = host_new();
    finalized = called = 0;
}

static void definitions(void)
{
    begin();
    WORKS(DEFINE("none", "() -> ()", none));
    WORKS(DEFINE("turn", "(i32 i64, f32 f64) -> (f64 f32 i64 i32)", turn));
    WORKS(DEFINE("fail", "(i32)->()", fail));
    WORKS(DEFINE("wrong_kind", "() -> i32", wrong_kind));
    SAME(finalized, 0);
    struct module *m = module_new();
    uint32_t f_none = module_import(m, "host", "none", "", ""), f_turn = module_import(m, "host", "turn", "iIfF", "FfIi");
    uint32_t f_fail = module_import(m, "host", "fail", "i", ""), f_wrong = module_import(m, "host", "wrong_kind", "", "i");
    module_function(m, "none", "", "", CODE(CALL, (uint8_t)f_none, CALL, (uint8_t)f_none));
    module_function(m, "turn", "iIfF", "FfIi", CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, LOCAL_GET, 3, CALL, (uint8_t)f_turn));
    module_function(m, "fail", "i", "", CODE(LOCAL_GET, 0, CALL, (uint8_t)f_fail));
    module_function(m, "wrong", "", "i", CODE(CALL, (uint8_t)f_wrong));
    module_function(m, "trap", "", "", CODE(UNREACHABLE));
    module_datum(m, "datum", 0);
    m->memory_size = 4;
    WORKS(load_module(host.dyld, "plugin.so", m, 0, &plugin, &error));
    WORKS(wasm_dyld_call_args(host.dyld, plugin, "none", "() -> ()", NULL, 0, &error));
    SAME(called, 2);
    wasm_dyld_cell_t cells[5] = {{.i32 = -7}, {.i64 = INT64_MIN}, {.f32 = 0.5f}, {.f64 = -2.25}, {.i64 = 99}};
    WORKS(wasm_dyld_call_args(host.dyld, plugin, "turn", "(i32 i64 f32 f64) -> (f64 f32 i64 i32)", cells, 5, &error));
    CHECK(cells[0].f64 == -2.25 && cells[1].f32 == 0.5f && cells[2].i64 == INT64_MIN && cells[3].i32 == -7 && cells[4].i64 == 99);
    FAILS(wasm_dyld_call_args(host.dyld, plugin, "wrong", "() -> i32", cells, 1, &error), WASM_DYLD_TRAP, "i64 in place of i32", NULL);

    static const char *const texts[] = {"no such key", "lines \357\277\275", "does not say why", "no live one", "no live one", "address of the string is null", "unreachable"};
    for (int32_t n = 1; n <= 7; n++) {
        cells[0].i32 = n;
        FAILS(wasm_dyld_call_args(host.dyld, plugin, "fail", "(i32) -> ()", cells, 1, &error), WASM_DYLD_TRAP, texts[n - 1], NULL);
    }

    /* What is wrong with a call. */
    FAILS(wasm_dyld_call_args(host.dyld, plugin, "fail", "(i64) -> ()", cells, 1, &error), WASM_DYLD_TYPE_MISMATCH, "fail is (i32) -> ()", "(i64) -> ()", NULL);
    FAILS(wasm_dyld_call_args(host.dyld, plugin, "fail", "(i32 -> ()", cells, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "at character 6, ", NULL);
    FAILS(wasm_dyld_call_args(host.dyld, plugin, "absent", "() -> ()", NULL, 0, &error), WASM_DYLD_NOT_FOUND, "absent", NULL);
    FAILS(wasm_dyld_call_args(host.dyld, plugin, "datum", "() -> ()", NULL, 0, &error), WASM_DYLD_TYPE_MISMATCH, "datum is no function", NULL);
    FAILS(wasm_dyld_call_args(host.dyld, NULL, "fail", "(i32) -> ()", cells, 1, &error), WASM_DYLD_NOT_FOUND, NULL);
    FAILS(wasm_dyld_call_args(host.dyld, plugin, "fail", "(i32) -> ()", cells, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "room for 0", NULL);
    FAILS(wasm_dyld_call_args(host.dyld, plugin, "fail", "(i32) -> ()", NULL, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_call_args(host.dyld, plugin, "fail", "(i32) -> ()", cells, SIZE_MAX, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_call_args(host.dyld, plugin, NULL, "() -> ()", NULL, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);

    /* What is wrong with a definition: the environment stays the host's. */
    FAILS(DEFINE("f", "(i32 int) -> ()", none), WASM_DYLD_INVALID_ARGUMENT, "at character 6, int is none of i32", NULL);
    FAILS(DEFINE("f", "(externref) -> ()", none), WASM_DYLD_INVALID_ARGUMENT, "at character 2, ", NULL);
    FAILS(DEFINE("f", NULL, none), WASM_DYLD_INVALID_ARGUMENT, "signature is NULL", NULL);
    FAILS(DEFINE("f", "() -> ()", NULL), WASM_DYLD_INVALID_ARGUMENT, "callback is NULL", NULL);
    FAILS(wasm_dyld_define_func(host.dyld, "host", "f", "() -> ()", none, &called, finalize, 2, &error), WASM_DYLD_INVALID_ARGUMENT, "flag", NULL);
    FAILS(wasm_dyld_define_func(NULL, "env", "f", "() -> ()", none, &called, finalize, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    SAME(finalized, 0);

    /* A wrong type of the import. */
    m = module_new();
    module_import(m, "host", "none", "i", "");
    FAILS(load_module(host.dyld, "wrong.so", m, 0, NULL, &error), WASM_DYLD_TYPE_MISMATCH, "host.none: wrong.so imports it as func (i32) -> ()", NULL);
    wasm_dyld_t *dyld = host.dyld;
    wasm_dyld_delete(host.dyld);
    SAME(finalized, 4);
    host.dyld = dyld;
    FAILS(DEFINE("f", "() -> ()", none), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    SAME(finalized, 4);
    wasm_store_delete(host.store);
    wasm_engine_delete(host.engine);
    ok("functions by a type in words");
}

static void types(void)
{
    uint8_t kinds[5] = {9, 9, 9, 9, 9};
    size_t params = 0, results = 0;
    WORKS(wasm_dyld_parse_type("(i32, f64 funcref) -> i64", kinds, 3, &params, &results, &error));
    SAME(params, 3);
    SAME(results, 1);
    CHECK(kinds[0] == WASM_I32 && kinds[1] == WASM_F64 && kinds[2] == WASM_FUNCREF && kinds[3] == 9);
    WORKS(wasm_dyld_parse_type("(i32) -> (i64 f32)", NULL, 0, NULL, NULL, &error));
    FAILS(wasm_dyld_parse_type("(i32)", kinds, 5, &params, &results, &error), WASM_DYLD_INVALID_ARGUMENT, "at character 6, ", "->", NULL);
    FAILS(wasm_dyld_parse_type("\377", NULL, 0, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "UTF-8", NULL);
    ok("types in words");
}

static void strings(void)
{
    char text[9] = "........", long_text[100];
    size_t length = 7;
    begin();
    FAILS(wasm_dyld_read_string(host.dyld, 16, text, sizeof text, &length, &error), WASM_DYLD_BUSY, NULL);
    WORKS(load_module(host.dyld, "heap.so", heap(), 0, &plugin, &error));
    uint64_t at = address_of(host.dyld, plugin, "text");
    WORKS(wasm_dyld_read_string(host.dyld, at, text, sizeof text, &length, &error));
    SAME_TEXT(text, "a string");
    SAME(length, 8);
    WORKS(wasm_dyld_read_string(host.dyld, at + 8, text, 1, &length, &error));
    SAME(length, 0);
    SAME(text[0], 0);
    memset(text, '.', sizeof text);
    FAILS(wasm_dyld_read_string(host.dyld, at, text, 8, &length, &error), WASM_DYLD_INVALID_ARGUMENT, "does not end within 8 bytes, for which there is room", NULL);
    SAME(length, 0);
    SAME(text[0], '.');
    FAILS(wasm_dyld_read_string(host.dyld, at, text, 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "within 0 bytes", NULL);
    FAILS(wasm_dyld_read_string(host.dyld, at, NULL, 8, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_read_string(host.dyld, at, text, SIZE_MAX, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "said to have", NULL);
    FAILS(wasm_dyld_read_string(host.dyld, 0, text, 8, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "null", NULL);
    FAILS(wasm_dyld_read_string(host.dyld, UINT64_MAX, text, 8, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "not within the memory", NULL);
    FAILS(wasm_dyld_read_string(host.dyld, (uint64_t)1 << 32 | at, text, 8, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "not within the memory", NULL);
    /* Up to the last byte, and no further. */
    wasm_memory_t *memory = NULL;
    WORKS(wasm_dyld_memory(host.dyld, &memory, &error));
    uint64_t end = wasm_memory_data_size(memory);
    WORKS(wasm_dyld_write(host.dyld, end - 3, (const uint8_t *)"xyz", 3, &error));
    FAILS(wasm_dyld_read_string(host.dyld, end - 3, long_text, sizeof long_text, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "the 3 bytes to the end of the memory", NULL);
    FAILS(wasm_dyld_read_string(host.dyld, end, long_text, sizeof long_text, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "the 0 bytes to the end", NULL);
    WORKS(wasm_dyld_write(host.dyld, end - 1, (const uint8_t *)"", 1, &error));
    WORKS(wasm_dyld_read_string(host.dyld, end - 3, long_text, sizeof long_text, &length, &error));
    SAME_TEXT(long_text, "xy");
    FAILS(wasm_dyld_read(host.dyld, 0, (uint8_t *)text, SIZE_MAX, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_write(host.dyld, 8, (const uint8_t *)text, SIZE_MAX, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    host_delete(&host);
    ok("strings");
}

static void lying_heap(void)
{
    uint64_t address = 7;
    begin();
    WORKS(DEFINE("from_within", "() -> i32", from_within));
    FAILS(wasm_dyld_alloc(host.dyld, 8, &address, &error), WASM_DYLD_NOT_FOUND, "malloc and free", "libc.so", NULL);
    SAME(address, 0);
    CHECK(wasm_dyld_heap(host.dyld) == NULL);
    /* Of another type, or one without the other, is no heap. */
    struct module *m = module_new();
    module_function(m, "malloc", "I", "i", CODE(I32_CONST, 8));
    module_function(m, "free", "i", "", CODE(0x01));
    WORKS(load_module(host.dyld, "wide.so", m, 0, NULL, &error));
    m = module_new();
    module_function(m, "malloc", "i", "i", CODE(I32_CONST, 8));
    WORKS(load_module(host.dyld, "half.so", m, 0, NULL, &error));
    FAILS(wasm_dyld_alloc(host.dyld, 8, &address, &error), WASM_DYLD_NOT_FOUND, NULL);
    WORKS(load_module(host.dyld, "heap.so", heap(), 0, &plugin, &error));
    uint64_t answer = address_of(host.dyld, plugin, "answer");
    wasm_memory_t *memory = NULL;
    WORKS(wasm_dyld_memory(host.dyld, &memory, &error));
    uint32_t end = (uint32_t)wasm_memory_data_size(memory);

    write_int(host.dyld, answer, 64);
    WORKS(wasm_dyld_alloc(host.dyld, 8, &address, &error));
    SAME(address, 64);
    CHECK(wasm_dyld_heap(host.dyld) == plugin);
    WORKS(wasm_dyld_free(host.dyld, 72, &error));
    SAME(read_int(host.dyld, answer), 72);
    WORKS(wasm_dyld_free(host.dyld, 0, &error));
    SAME(read_int(host.dyld, answer), 72);
    FAILS(wasm_dyld_free(host.dyld, end, &error), WASM_DYLD_INVALID_ARGUMENT, "not within the memory", NULL);
    FAILS(wasm_dyld_free(host.dyld, (uint64_t)1 << 32 | 72, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);

    /* A heap that lies. */
    write_int(host.dyld, answer, 0);
    FAILS(wasm_dyld_alloc(host.dyld, 8, &address, &error), WASM_DYLD_LIMIT, "no memory for 8 bytes", NULL);
    static const uint32_t before_end[] = {0, 1, 7};
    for (size_t n = 0; n < COUNT_OF(before_end); n++) {
        write_int(host.dyld, answer, (int32_t)(end - before_end[n]));
        FAILS(wasm_dyld_alloc(host.dyld, 8, &address, &error), WASM_DYLD_INVALID_ARGUMENT, "not to be trusted", "not within the memory", NULL);
        SAME(address, 0);
    }
    write_int(host.dyld, answer, -1);
    FAILS(wasm_dyld_alloc(host.dyld, 1, &address, &error), WASM_DYLD_INVALID_ARGUMENT, "not to be trusted", NULL);
    write_int(host.dyld, answer, (int32_t)(end - 8));
    WORKS(wasm_dyld_alloc(host.dyld, 8, &address, &error));
    SAME(address, end - 8);
    write_int(host.dyld, answer, 64);
    FAILS(wasm_dyld_alloc(host.dyld, UINT32_MAX, &address, &error), WASM_DYLD_INVALID_ARGUMENT, "not to be trusted", NULL);
    FAILS(wasm_dyld_alloc(host.dyld, (uint64_t)1 << 32, &address, &error), WASM_DYLD_LIMIT, "32 bits", NULL);
    FAILS(wasm_dyld_alloc(host.dyld, UINT64_MAX, &address, &error), WASM_DYLD_LIMIT, "32 bits", NULL);
    FAILS(wasm_dyld_alloc(host.dyld, 8, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "nowhere", NULL);

    /* While the guest runs. */
    wasm_dyld_object_t *user = NULL;
    wasm_dyld_cell_t cell;
    m = module_new();
    uint32_t within = module_import(m, "host", "from_within", "", "i");
    module_function(m, "go", "", "i", CODE(CALL, (uint8_t)within));
    WORKS(load_module(host.dyld, "user.so", m, 0, &user, &error));
    WORKS(wasm_dyld_call_args(host.dyld, user, "go", "() -> i32", &cell, 1, &error));
    SAME(cell.i32, 64);
    /* It goes with its object. */
    WORKS(wasm_dyld_unload(host.dyld, plugin, &error));
    FAILS(wasm_dyld_alloc(host.dyld, 8, &address, &error), WASM_DYLD_NOT_FOUND, NULL);
    FAILS(wasm_dyld_free(host.dyld, 8, &error), WASM_DYLD_NOT_FOUND, NULL);
    FAILS(wasm_dyld_call_args(host.dyld, user, "go", "() -> i32", &cell, 0, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    CHECK(wasm_dyld_heap(host.dyld) == NULL);
    host_delete(&host);
    ok("a heap, and one that lies");
}

/* malloc that runs for ever, and one that traps. */
static void stopped_heap(void)
{
    uint64_t address = 0;
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_control(config, WASM_DYLD_CONTROL_INTERRUPT, &error));
    host = host_with(config);
    struct module *m = module_new();
    module_function(m, "malloc", "i", "i", CODE(LOOP, NOTHING, BR, 0, END, I32_CONST, 8));
    module_function(m, "free", "i", "", CODE(UNREACHABLE));
    WORKS(load_module(host.dyld, "heap.so", m, 0, NULL, &error));
    FAILS(wasm_dyld_free(host.dyld, 8, &error), WASM_DYLD_TRAP, "calling the guest's free", NULL);
    WORKS(wasm_dyld_set_timeout(host.dyld, 20000000, &error));
    FAILS(wasm_dyld_alloc(host.dyld, 8, &address, &error), WASM_DYLD_TIMED_OUT, "calling the guest's malloc", NULL);
    host_delete(&host);
    ok("a heap that is stopped");
}

/* The host asks for the guest's heap and calls it from its own function, which a real libc serves. */
static wasm_dyld_error_t *greeting(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    static const char text[] = "hello";
    uint64_t address = 0;
    wasm_dyld_error_t *problem = NULL;
    (void)env;
    (void)arguments;
    if (wasm_dyld_alloc(dyld, sizeof text, &address, &problem) != WASM_DYLD_OK ||
        wasm_dyld_write(dyld, address, (const uint8_t *)text, sizeof text, &problem) != WASM_DYLD_OK)
        return problem;
    results[0].of.i32 = (int32_t)address;
    return NULL;
}

static void real_heap(void)
{
    if (getenv("WASMDYLD_TEST_CHECKER"))
        return; /* for its time */
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_dyld_object_t *user = NULL;
    wasm_dyld_cell_t cell;
    char text[6];
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    WORKS(wasm_dyld_define_func(host.dyld, "host", "greeting", "() -> i32", greeting, NULL, NULL, 0, &error));
    struct module *m = module_new();
    module_needs(m, "libc.so");
    uint32_t give = module_import(m, "host", "greeting", "", "i");
    module_function(m, "go", "", "i", CODE(CALL, (uint8_t)give));
    WORKS(load_module(host.dyld, "user.so", m, 0, &user, &error));
    for (int n = 0; n < 1000; n++) {
        WORKS(wasm_dyld_call_args(host.dyld, user, "go", "() -> i32", &cell, 1, &error));
        WORKS(wasm_dyld_read_string(host.dyld, (uint32_t)cell.i32, text, sizeof text, NULL, &error));
        SAME_TEXT(text, "hello");
        WORKS(wasm_dyld_free(host.dyld, (uint32_t)cell.i32, &error));
    }
    SAME_TEXT(wasm_dyld_object_name(host.dyld, wasm_dyld_heap(host.dyld)), "libc.so");
    host_delete(&host);
    ok("the heap of a libc");
}

int main(void)
{
    definitions();
    types();
    strings();
    lying_heap();
    stopped_heap();
    real_heap();
    return 0;
}
