/*
 * One module of a program and its libraries: by path, name and bytes; what it exports and keeps; started ahead of time, and as a component; what is
 * refused. It runs in a namespace that finds no library.
 */
#include "build.h"
#include "check.h"

struct said {
    size_t count;
    char last[512];
};

static void say(void *env, const char *text)
{
    struct said *said = (struct said *)env;
    said->count++;
    snprintf(said->last, sizeof said->last, "%s", text);
}

static wasm_dyld_config_t *config_with(const char *folder)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_library_path(config, folder, &error));
    return config;
}

static wasm_dyld_link_options_t options_for(const char *file)
{
    wasm_dyld_link_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.file = file;
    return options;
}

static bool holds(const wasm_byte_vec_t *bytes, const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at + size <= bytes->size; at++)
        if (memcmp(bytes->data + at, text, size) == 0)
            return true;
    return false;
}

static bool same(const wasm_byte_vec_t *one, const wasm_byte_vec_t *other)
{
    return one->size == other->size && memcmp(one->data, other->data, one->size) == 0;
}

/* Runs a module alone. */
static void runs(const wasm_byte_vec_t *module, const char *wanted)
{
    struct host host = host_new();
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    wasm_dyld_output_t *output = wasm_dyld_output_new(0);
    const uint8_t *bytes = NULL;
    size_t size = 0;
    int32_t exit_code = -1;
    WORKS(wasm_dyld_wasi_set_stdout_buffer(wasi, output, &error));
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    WORKS(wasm_dyld_load_bytes(host.dyld, "whole.wasm", (const uint8_t *)module->data, module->size, WASM_DYLD_PROGRAM, NULL, &error));
    SAME(wasm_dyld_object_count(host.dyld), 1);
    WORKS(wasm_dyld_run(host.dyld, &exit_code, &error));
    SAME(exit_code, 0);
    WORKS(wasm_dyld_output_take(output, &bytes, &size, &error));
    SAME(size, strlen(wanted));
    CHECK(memcmp(bytes, wanted, size) == 0);
    wasm_dyld_output_delete(output);
    host_delete(&host);
}

static void programs(void)
{
    static const char *const CASES[] = {"cases/hello/main-pie.wasm", "cases/hello/main-nonpie.wasm"};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        wasm_dyld_config_t *config = config_with(guest_path("lib"));
        wasm_dyld_link_options_t options = options_for(guest_path(CASES[i]));
        wasm_byte_vec_t module, map, again;
        WORKS(wasm_dyld_link(config, &options, &module, &map, &error));
        CHECK(module.size > 8 && memcmp(module.data, "\0asm", 4) == 0);
        CHECK(map.data[0] == '{' && holds(&map, "\"libc.so\"") && !holds(&map, "\"qsort\""));
        CHECK(holds(&module, "libc.so!fwrite") && !holds(&module, "libc.so!qsort"));
        runs(&module, "Hello from a program with a shared libc.\n");
        /* The configuration is still the caller's, and the map need not be asked for. */
        WORKS(wasm_dyld_link(config, &options, &again, NULL, &error));
        CHECK(same(&module, &again));
        wasm_byte_vec_delete(&module);
        wasm_byte_vec_delete(&map);
        wasm_byte_vec_delete(&again);
        wasm_dyld_config_delete(config);
    }
    ok("programs");
}

static void lists_and_flags(void)
{
    static const char *const QSORT[] = {"qsort"};
    wasm_dyld_config_t *config = config_with(guest_path("lib"));
    wasm_dyld_link_options_t options = options_for(guest_path("cases/hello/main-pie.wasm"));
    wasm_byte_vec_t module, map;
    options.keep = QSORT;
    options.keep_count = 1;
    WORKS(wasm_dyld_link(config, &options, &module, &map, &error));
    CHECK(holds(&module, "libc.so!qsort") && !holds(&map, "\"qsort\""));
    wasm_byte_vec_delete(&module);
    wasm_byte_vec_delete(&map);
    options.exports = QSORT;
    options.export_count = 1;
    WORKS(wasm_dyld_link(config, &options, &module, &map, &error));
    CHECK(holds(&map, "\"qsort\""));
    wasm_byte_vec_delete(&module);
    wasm_byte_vec_delete(&map);
    options = options_for(options.file);
    options.flags = WASM_DYLD_LINK_STRIP;
    WORKS(wasm_dyld_link(config, &options, &module, NULL, &error));
    CHECK(!holds(&module, "libc.so!"));
    size_t small = module.size;
    wasm_byte_vec_delete(&module);
    options.flags |= WASM_DYLD_LINK_NO_GC;
    WORKS(wasm_dyld_link(config, &options, &module, NULL, &error));
    CHECK(module.size > 2 * small);
    wasm_byte_vec_delete(&module);
    options.flags = WASM_DYLD_LINK_LIBRARY;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "is a program", NULL);
    /* By its name, as a needed library. */
    options.file = "libz.so";
    WORKS(wasm_dyld_link(config, &options, &module, &map, &error));
    CHECK(holds(&map, "\"crc32\"") && holds(&module, "crc32_combine"));
    wasm_byte_vec_delete(&module);
    wasm_byte_vec_delete(&map);
    wasm_dyld_config_delete(config);
    ok("lists and flags");
}

/* A program that calls a function of a library's, one of the host's, and dlopen if it is asked to. */
static struct module *caller(bool opens)
{
    struct module *m = module_new();
    module_needs(m, "libgiven.so");
    module_import(m, "env", "answer", "", "i");
    module_import(m, "host", "told", "i", "");
    if (opens)
        module_import(m, "env", "dlopen", "ii", "i");
    module_function(m, "_start", "", "", CODE(CALL, 0, CALL, 1));
    return m;
}

static wasm_dyld_error_t *told(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    (void)dyld, (void)results;
    *(int32_t *)env = arguments[0].of.i32;
    return NULL;
}

/* Runs a module in which its objects are still known. */
static void knows_its_objects(const wasm_byte_vec_t *module)
{
    struct host host = host_new();
    int32_t heard = 0, exit_code = -1;
    WORKS(wasm_dyld_define_func(host.dyld, "host", "told", "(i32) -> ()", told, &heard, NULL, 0, &error));
    WORKS(wasm_dyld_load_bytes(host.dyld, "mine.wasm", (const uint8_t *)module->data, module->size, WASM_DYLD_PROGRAM, NULL, &error));
    SAME(wasm_dyld_object_count(host.dyld), 2);
    CONTAINS(wasm_dyld_object_name(host.dyld, wasm_dyld_object_at(host.dyld, 1)), "libgiven.so");
    WORKS(wasm_dyld_run(host.dyld, &exit_code, &error));
    SAME(exit_code, 0);
    SAME(heard, 5);
    host_delete(&host);
}

static void from_memory(void)
{
    static const char *const HOST[] = {"host"}, *const OTHER[] = {"host.other"};
    struct shelf shelf;
    memset(&shelf, 0, sizeof shelf);
    struct module *answer = module_new();
    module_function(answer, "answer", "", "i", CODE(I32_CONST, 5));
    shelf_add(&shelf, "libgiven.so", answer);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, shelf_open, &shelf, shelf_finalize, &error));
    struct bytes program = module_finish(caller(false)), opening = module_finish(caller(true));
    wasm_dyld_link_options_t options = options_for("mine.wasm");
    wasm_byte_vec_t module, map;
    options.bytes = program.data;
    options.bytes_size = program.size;
    FAILS(wasm_dyld_link(config, &options, &module, &map, &error), WASM_DYLD_UNDEFINED_SYMBOL, "host.told", "mine.wasm", NULL);
    CHECK(module.size == 0 && module.data == NULL && map.size == 0);
    options.imports = OTHER;
    options.import_count = 1;
    FAILS(wasm_dyld_link(config, &options, &module, &map, &error), WASM_DYLD_UNDEFINED_SYMBOL, "host.told", NULL);
    options.imports = HOST;
    WORKS(wasm_dyld_link(config, &options, &module, &map, &error));
    CHECK(holds(&map, "libgiven.so") && holds(&map, "mine.wasm") && holds(&map, "told"));
    SAME(shelf.asked, 3);
    wasm_byte_vec_delete(&module);
    wasm_byte_vec_delete(&map);
    options.bytes = opening.data;
    options.bytes_size = opening.size;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_UNDEFINED_SYMBOL, "dlopen", "WASM_DYLD_LINK_NO_DLOPEN", NULL);
    options.flags = WASM_DYLD_LINK_NO_DLOPEN;
    WORKS(wasm_dyld_link(config, &options, &module, NULL, &error));
    wasm_byte_vec_delete(&module);
    options.flags |= WASM_DYLD_LINK_DYNAMIC;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "WASM_DYLD_LINK_DYNAMIC", "NO_DLOPEN", NULL);
    options.flags = WASM_DYLD_LINK_DYNAMIC;
    WORKS(wasm_dyld_link(config, &options, &module, NULL, &error));
    knows_its_objects(&module);
    wasm_byte_vec_delete(&module);
    wasm_dyld_config_delete(config);
    SAME(shelf.finalized, 1);
    free(program.data);
    free(opening.data);
    shelf_clear(&shelf);
    ok("from memory");
}

enum { ADDRESS = 8, ENVIRONMENT = 16, OPENED = 24, PATH = 32, FOLDER = 2, I64_CONST = 0x42 };

/* A program that exits with what it holds in its memory: 40 once it was warmed up, and how many variables it has seen then. */
static struct bytes warming(void)
{
    struct module *m = module_new();
    m->memory_size = 64;
    module_import(m, "wasi_snapshot_preview1", "environ_sizes_get", "ii", "i");
    module_import(m, "wasi_snapshot_preview1", "path_open", "iiiiiIIii", "i");
    module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
    module_data(m, PATH, ".", 1);
    uint32_t program = module_function(m, NULL, "", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, ADDRESS, GLOBAL_GET, 0, I32_LOAD, 2, ENVIRONMENT, I32_ADD));
    module_function(m, "_start", "", "", CODE(CALL, (uint8_t)program, CALL, 2));
    module_function(m, "warm", "", "",
                    CODE(GLOBAL_GET, 0, I32_CONST, 40, I32_STORE, 2, ADDRESS, GLOBAL_GET, 0, I32_CONST, ENVIRONMENT, I32_ADD, GLOBAL_GET, 0, I32_CONST,
                         ENVIRONMENT + 4, I32_ADD, CALL, 0, DROP));
    module_function(m, "opens", "", "i",
                    CODE(I32_CONST, 3, I32_CONST, 0, GLOBAL_GET, 0, I32_CONST, PATH, I32_ADD, I32_CONST, 1, I32_CONST, FOLDER, I64_CONST, 0, I64_CONST, 0, I32_CONST,
                         0, GLOBAL_GET, 0, I32_CONST, OPENED, I32_ADD, CALL, 1));
    module_function(m, "spins", "", "", CODE(LOOP, NOTHING, BR, 0, END));
    return module_finish(m);
}

/* Runs a module without variables. */
static int32_t exit_code_of(const wasm_byte_vec_t *module)
{
    struct host host = host_new();
    int32_t exit_code = -1;
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    WORKS(wasm_dyld_load_bytes(host.dyld, "whole.wasm", (const uint8_t *)module->data, module->size, WASM_DYLD_PROGRAM, NULL, &error));
    WORKS(wasm_dyld_run(host.dyld, &exit_code, &error));
    host_delete(&host);
    return exit_code;
}

static void started_ahead_of_time(void)
{
    struct bytes program = warming();
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    wasm_dyld_link_options_t options = options_for("some/warm.wasm");
    wasm_byte_vec_t module, again;
    WORKS(wasm_dyld_wasi_add_env(wasi, "ONE", "1", &error));
    WORKS(wasm_dyld_wasi_add_env(wasi, "TWO", "2", &error));
    WORKS(wasm_dyld_wasi_add_folder(wasi, ".", "/here", WASM_DYLD_FOLDER_READ_ONLY, &error));
    options.bytes = program.data;
    options.bytes_size = program.size;
    WORKS(wasm_dyld_link(NULL, &options, &module, NULL, &error));
    SAME(exit_code_of(&module), 0);
    wasm_byte_vec_delete(&module);
    /* Nothing is run, and so nothing is bounded. */
    options.timeout = 1;
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "not asked for", NULL);
    options.timeout = 0;
    options.wasi = wasi;
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "not asked for", NULL);

    options.snapshot = "";
    WORKS(wasm_dyld_link(NULL, &options, &module, NULL, &error));
    SAME(exit_code_of(&module), 0);
    wasm_byte_vec_delete(&module);
    options.snapshot = "warm";
    WORKS(wasm_dyld_link(NULL, &options, &module, NULL, &error));
    SAME(exit_code_of(&module), 42);
    /* WASI is still the caller's. */
    WORKS(wasm_dyld_link(NULL, &options, &again, NULL, &error));
    CHECK(same(&module, &again));
    wasm_byte_vec_delete(&again);
    wasm_byte_vec_delete(&module);
    options.wasi = NULL;
    WORKS(wasm_dyld_link(NULL, &options, &module, NULL, &error));
    SAME(exit_code_of(&module), 40);
    wasm_byte_vec_delete(&module);

    options.wasi = wasi;
    options.snapshot = "opens";
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_UNSUPPORTED, "running some/warm.wasm for a snapshot", "files open", "4: .", NULL);
    CHECK(module.size == 0 && module.data == NULL);
    options.snapshot = "nobody";
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_NOT_FOUND, "nobody defines nobody", NULL);
    options.snapshot = "ready";
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_NOT_FOUND, "wasmdyld_snapshot", NULL);
    options.snapshot = "spins";
    options.timeout = 100000000;
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_TIMED_OUT, "for a snapshot", "give it more time", NULL);
    options.timeout = 0;
    options.budget = 1000;
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_OUT_OF_BUDGET, "for a snapshot", "its budget", NULL);
    options.flags = WASM_DYLD_LINK_DYNAMIC;
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "nor with a snapshot", NULL);
    options.flags = WASM_DYLD_LINK_DEBUG;
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "WASM_DYLD_LINK_DEBUG", "snapshot", NULL);
    options.wasi = (const wasm_dyld_wasi_t *)&options;
    options.flags = 0;
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "WASI configuration", NULL);
    wasm_dyld_wasi_delete(wasi);
    free(program.data);
    ok("started ahead of time");
}

static void components(void)
{
    struct bytes program = warming();
    wasm_dyld_link_options_t options = options_for("warm.wasm");
    wasm_byte_vec_t module;
    options.bytes = program.data;
    options.bytes_size = program.size;
    options.wit = "no/such.wit";
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "WASM_DYLD_LINK_COMPONENT", NULL);
    options.flags = WASM_DYLD_LINK_COMPONENT;
    SAME(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_UNSUPPORTED);
    bool can = strstr(wasm_dyld_error_message(error), "this library makes no components") == NULL;
    CONTAINS(wasm_dyld_error_message(error), can ? "no/such.wit" : "feature `component`");
    forget_error();
    options.world = "nothing";
    options.wit = NULL;
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "no WIT", NULL);
    options.world = NULL;
    /* Encoding one takes a checker a minute. */
    if (can && !getenv("WASMDYLD_TEST_CHECKER")) {
        WORKS(wasm_dyld_link(NULL, &options, &module, NULL, &error));
        CHECK(module.size > 8 && memcmp(module.data, "\0asm\x0d\0\x01\0", 8) == 0);
        wasm_byte_vec_delete(&module);
    }
    free(program.data);
    ok("components");
}

static void warnings(void)
{
    struct said said = {0, ""};
    struct module *m = module_new();
    struct bytes program;
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_dyld_link_options_t options = options_for("lazy.wasm");
    wasm_byte_vec_t module;
    module_import(m, "env", "absent", "", "");
    module_function(m, "_start", "", "", CODE(CALL, 0));
    program = module_finish(m);
    WORKS(wasm_dyld_config_set_bind(config, WASM_DYLD_BIND_LAZY, &error));
    options.bytes = program.data;
    options.bytes_size = program.size;
    options.warning = say;
    options.env = &said;
    WORKS(wasm_dyld_link(config, &options, &module, NULL, &error));
    SAME(said.count, 1);
    CONTAINS(said.last, "nobody defines absent: calling it traps");
    wasm_byte_vec_delete(&module);
    options.warning = NULL;
    WORKS(wasm_dyld_link(config, &options, &module, NULL, &error));
    SAME(said.count, 1);
    wasm_byte_vec_delete(&module);
    wasm_dyld_config_delete(config);
    free(program.data);
    ok("warnings");
}

static void refused(void)
{
    static const char *const ABSENT[] = {"no_such_symbol"}, *const NOTHING[] = {NULL};
    wasm_dyld_config_t *config = config_with(guest_path("lib"));
    const char *hello = guest_path("cases/hello/main-pie.wasm");
    wasm_dyld_link_options_t options = options_for(hello);
    wasm_byte_vec_t module;
    FAILS(wasm_dyld_link(NULL, &options, &module, NULL, &error), WASM_DYLD_NOT_FOUND, "libc.so", "needed by", NULL);
    FAILS(wasm_dyld_link(config, NULL, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "options", NULL);
    FAILS(wasm_dyld_link(config, &options, NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "nowhere", NULL);
    FAILS(wasm_dyld_link((wasm_dyld_config_t *)&options, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "configuration", NULL);
    options.size--;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "another version", NULL);
    options = options_for(NULL);
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "file is NULL", NULL);
    options = options_for("/no/such/file.wasm");
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_NOT_FOUND, "/no/such/file.wasm", NULL);
    options = options_for("libno.so");
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_NOT_FOUND, "libno.so", "searched", NULL);
    options = options_for(hello);
    options.flags = 1u << 31;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "link", NULL);
    options = options_for(hello);
    options.export_count = 1;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "exports", NULL);
    options.exports = NOTHING;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "exports", NULL);
    options.exports = ABSENT;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_NOT_FOUND, "no object defines no_such_symbol", "exported", NULL);
    options.export_count = 0;
    options.keep = ABSENT;
    options.keep_count = 1;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_NOT_FOUND, "no object defines no_such_symbol", "kept", NULL);
    options = options_for("damaged.wasm");
    options.bytes = (const uint8_t *)"\0asm\1\0\0\0\1";
    options.bytes_size = 9;
    FAILS(wasm_dyld_link(config, &options, &module, NULL, &error), WASM_DYLD_MALFORMED, "damaged.wasm", NULL);
    CHECK(module.size == 0 && module.data == NULL);
    wasm_dyld_config_delete(config);
    ok("what is refused");
}

int main(void)
{
    /* Reading all of libc takes a checker a minute; what is freed is the same for small programs. */
    if (!getenv("WASMDYLD_TEST_CHECKER")) {
        programs();
        lists_and_flags();
    }
    from_memory();
    started_ahead_of_time();
    components();
    warnings();
    refused();
    return 0;
}
