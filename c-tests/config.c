/*
 * Configurations and handles: every setter, what none accepts, and handles that are NULL, deleted or something else.
 */
#include "check.h"

#define INVALID WASM_DYLD_INVALID_ARGUMENT

static int finalized, traced;

static void finalize(void *env)
{
    CHECK(env == &finalized);
    finalized++;
}

static void trace(void *env, const char *category, const char *text)
{
    CHECK(env == &finalized && category[0] != 0 && text[0] != 0);
    traced++;
}

static int32_t open_nothing(void *env, const char *name, const char *needed_by, const uint8_t **bytes, size_t *size, const uint8_t **identity,
                            size_t *identity_size)
{
    (void)env, (void)name, (void)needed_by, (void)bytes, (void)size, (void)identity, (void)identity_size;
    return 1;
}

static wasm_trap_t *nothing(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments, (void)results;
    return NULL;
}

static void setters(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    CHECK(config != NULL);
    WORKS(wasm_dyld_config_add_library_path(config, "/one", &error));
    WORKS(wasm_dyld_config_add_library_path(config, "relative\377", &error)); /* a path is bytes */
    FAILS(wasm_dyld_config_add_library_path(config, "", &error), INVALID, "empty", NULL);
    FAILS(wasm_dyld_config_add_library_path(config, NULL, &error), INVALID, "NULL", NULL);
    FAILS(wasm_dyld_config_add_default_path(config, "", &error), INVALID, "default path is empty", NULL);
    FAILS(wasm_dyld_config_add_default_path(config, NULL, &error), INVALID, "NULL", NULL);
    WORKS(wasm_dyld_config_add_preload(config, "libx.so", &error));
    FAILS(wasm_dyld_config_add_preload(config, NULL, &error), INVALID, "NULL", NULL);
    FAILS(wasm_dyld_config_add_preload(config, "\377", &error), INVALID, "UTF-8", NULL);
    WORKS(wasm_dyld_config_set_stack_size(config, 1 << 16, &error));
    for (uint32_t number = 0; number < 2; number++)
        WORKS(wasm_dyld_config_set_bind(config, (wasm_dyld_bind_t)number, &error));
    for (uint32_t number = 0; number < 3; number++) {
        WORKS(wasm_dyld_config_set_plt(config, (wasm_dyld_plt_t)number, &error));
        WORKS(wasm_dyld_config_set_runtime_path(config, (wasm_dyld_runtime_path_t)number, &error));
    }
    for (uint32_t number = 0; number < 5; number++)
        WORKS(wasm_dyld_config_set_limit(config, (wasm_dyld_limit_t)number, 100, &error));
    FAILS(wasm_dyld_config_set_bind(config, (wasm_dyld_bind_t)2, &error), INVALID, "bind mode 2", NULL);
    FAILS(wasm_dyld_config_set_plt(config, (wasm_dyld_plt_t)3, &error), INVALID, "3", NULL);
    FAILS(wasm_dyld_config_set_runtime_path(config, (wasm_dyld_runtime_path_t)0xffffffff, &error), INVALID, "4294967295", NULL);
    FAILS(wasm_dyld_config_set_limit(config, (wasm_dyld_limit_t)5, 1, &error), INVALID, "limit 5", NULL);
    FAILS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_NESTING, UINT64_MAX, &error), INVALID, "too large", NULL);
    WORKS(wasm_dyld_config_set_trace(config, "libs,bindings", NULL, NULL, NULL, &error));
    FAILS(wasm_dyld_config_set_trace(config, "libs,nonsense", NULL, NULL, NULL, &error), INVALID, "nonsense", NULL);
    FAILS(wasm_dyld_config_set_trace(config, NULL, NULL, NULL, NULL, &error), INVALID, "NULL", NULL);
    FAILS(wasm_dyld_config_set_open(config, NULL, NULL, NULL, &error), INVALID, "callback is NULL", NULL);
    FAILS(wasm_dyld_config_set_engine_cache(config, "", &error), INVALID, "empty", NULL);
    WORKS(wasm_dyld_config_read_env(config, &error));
    wasm_dyld_config_delete(config);
    ok("setters");
}

static void finalizers(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, open_nothing, &finalized, finalize, &error));
    SAME(finalized, 0);
    WORKS(wasm_dyld_config_set_open(config, open_nothing, &finalized, finalize, &error));
    SAME(finalized, 1); /* replaced */
    WORKS(wasm_dyld_config_set_trace(config, "all", trace, &finalized, finalize, &error));
    wasm_dyld_config_delete(config);
    SAME(finalized, 3);

    finalized = 0;
    config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, open_nothing, &finalized, finalize, &error));
    WORKS(wasm_dyld_config_set_trace(config, "all", trace, &finalized, finalize, &error));
    struct host host = host_with(config);
    FAILS(wasm_dyld_load(host.dyld, "absent.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
    CHECK(traced > 0);
    SAME(finalized, 0);
    wasm_dyld_delete(host.dyld);
    SAME(finalized, 2);
    wasm_store_delete(host.store);

    /* A configuration is taken in any case. */
    finalized = 0;
    config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, open_nothing, &finalized, finalize, &error));
    wasm_dyld_t *dyld = (wasm_dyld_t *)&finalized;
    FAILS(wasm_dyld_new(NULL, config, &dyld, &error), INVALID, "store is NULL", NULL);
    CHECK(dyld == NULL);
    SAME(finalized, 1);
    FAILS(wasm_dyld_config_set_stack_size(config, 1, &error), INVALID, "no live handle", NULL);
    wasm_engine_delete(host.engine);
    ok("finalizers");
}

static void dead_handles(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    wasm_dyld_output_t *output = wasm_dyld_output_new(0);
    const uint8_t *bytes = NULL;
    size_t size = 0;
    int foreign = 0;
    FAILS(wasm_dyld_config_set_stack_size(NULL, 1, &error), INVALID, "configuration is NULL", NULL);
    FAILS(wasm_dyld_config_set_stack_size((wasm_dyld_config_t *)&foreign, 1, &error), INVALID, "no live handle", NULL);
    FAILS(wasm_dyld_config_set_stack_size((wasm_dyld_config_t *)(void *)wasi, 1, &error), INVALID, "no live handle of that type", NULL);
    FAILS(wasm_dyld_wasi_add_arg((wasm_dyld_wasi_t *)(void *)config, "x", &error), INVALID, "WASI configuration", NULL);
    FAILS(wasm_dyld_wasi_add_arg(NULL, "x", &error), INVALID, "WASI configuration is NULL", NULL);
    FAILS(wasm_dyld_output_take(NULL, &bytes, &size, &error), INVALID, "output buffer is NULL", NULL);
    FAILS(wasm_dyld_wasi_set_stdout_buffer(wasi, NULL, &error), INVALID, "output buffer is NULL", NULL);
    /* Deletes of what is no such handle do nothing. */
    wasm_dyld_config_delete((wasm_dyld_config_t *)&foreign);
    wasm_dyld_config_delete((wasm_dyld_config_t *)(void *)wasi);
    wasm_dyld_wasi_delete((wasm_dyld_wasi_t *)(void *)config);
    WORKS(wasm_dyld_wasi_add_arg(wasi, "x", &error));
    wasm_dyld_config_delete(config);
    wasm_dyld_config_delete(config);
    wasm_dyld_wasi_delete(wasi);
    wasm_dyld_wasi_delete(wasi);
    wasm_dyld_output_delete(output);
    wasm_dyld_output_delete(output);
    FAILS(wasm_dyld_config_add_library_path(config, "/x", &error), INVALID, "no live handle", NULL);
    FAILS(wasm_dyld_wasi_inherit_env(wasi, &error), INVALID, "no live handle", NULL);
    FAILS(wasm_dyld_output_take(output, &bytes, &size, &error), INVALID, "no live handle", NULL);
    wasm_dyld_config_delete(NULL);
    wasm_dyld_wasi_delete(NULL);
    wasm_dyld_output_delete(NULL);
    wasm_dyld_error_delete(NULL);
    wasm_dyld_delete(NULL);
    wasm_engine_t *engine = NULL;
    FAILS(wasm_dyld_engine_new(config, &engine, &error), INVALID, "no live handle", NULL);
    CHECK(engine == NULL);
    FAILS(wasm_dyld_engine_new(NULL, NULL, &error), INVALID, "nowhere", NULL);

    struct host host = host_new();
    wasm_dyld_t *dyld = host.dyld, *made = NULL;
    FAILS(wasm_dyld_new(host.store, config, &made, &error), INVALID, "no live handle", NULL);
    FAILS(wasm_dyld_new(host.store, NULL, NULL, &error), INVALID, "nowhere", NULL);
    FAILS(wasm_dyld_define(dyld, "m", "n", NULL, 0, &error), INVALID, "value is NULL", NULL);
    FAILS(wasm_dyld_set_wasi(dyld, wasi, &error), INVALID, "no live handle", NULL);
    host_delete(&host);
    FAILS(wasm_dyld_load(dyld, "x", 0, NULL, &error), INVALID, "namespace is no live handle", NULL);
    FAILS(wasm_dyld_load(NULL, "x", 0, NULL, &error), INVALID, "namespace is NULL", NULL);
    FAILS(wasm_dyld_run(dyld, NULL, &error), INVALID, "namespace", NULL);
    FAILS(wasm_dyld_dlsym(dyld, NULL, "f", NULL, NULL, NULL, &error), INVALID, "namespace", NULL);
    FAILS(wasm_dyld_memory(dyld, NULL, &error), INVALID, "namespace", NULL);
    FAILS(wasm_dyld_set_wasi(dyld, wasm_dyld_wasi_new(), &error), INVALID, "namespace", NULL);
    SAME(wasm_dyld_object_count(dyld), 0);
    CHECK(wasm_dyld_object_at(dyld, 0) == NULL);
    CHECK(!wasm_dyld_take_exit(dyld, NULL));
    wasm_dyld_delete(dyld);
    ok("handles that are NULL, deleted or something else");
}

/* What is made after a handle was given up, at whatever address, is nothing of that handle's. */
static void used_again(void)
{
    enum { MANY = 300 };
    static wasm_dyld_config_t *configs[MANY];
    static wasm_dyld_wasi_t *wasis[MANY];
    static wasm_dyld_output_t *outputs[MANY];
    static wasm_dyld_error_t *errors[MANY];
    static wasm_dyld_t *dylds[MANY];
    const uint8_t *bytes = NULL;
    size_t size = 0;
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    wasm_dyld_output_t *output = wasm_dyld_output_new(0);
    wasm_dyld_error_t *problem = NULL;
    wasm_dyld_t *dyld = NULL;
    struct host host = host_new();
    WORKS(wasm_dyld_new(host.store, NULL, &dyld, &error));
    SAME(wasm_dyld_config_set_bind(NULL, WASM_DYLD_BIND_NOW, &problem), INVALID);
    wasm_dyld_config_delete(config);
    wasm_dyld_wasi_delete(wasi);
    wasm_dyld_output_delete(output);
    wasm_dyld_error_delete(problem);
    wasm_dyld_delete(dyld);
    for (int i = 0; i < MANY; i++) {
        CHECK((configs[i] = wasm_dyld_config_new()) != NULL && configs[i] != config);
        CHECK((wasis[i] = wasm_dyld_wasi_new()) != NULL && wasis[i] != wasi);
        CHECK((outputs[i] = wasm_dyld_output_new(0)) != NULL && outputs[i] != output);
        SAME(wasm_dyld_config_set_stack_size(configs[i], 1, &errors[i]), INVALID);
        CHECK(errors[i] != NULL && errors[i] != problem);
        WORKS(wasm_dyld_new(host.store, NULL, &dylds[i], &error));
        CHECK(dylds[i] != dyld);
        FAILS(wasm_dyld_config_set_guest(config, 0, &error), INVALID, "no live handle", NULL);
        FAILS(wasm_dyld_wasi_add_arg(wasi, "x", &error), INVALID, "no live handle", NULL);
        FAILS(wasm_dyld_output_take(output, &bytes, &size, &error), INVALID, "no live handle", NULL);
        FAILS(wasm_dyld_finish(dyld, &error), INVALID, "no live handle", NULL);
        SAME_TEXT(wasm_dyld_error_message(problem), "no such error");
        /* Deleted once more, they take nothing else along. */
        wasm_dyld_config_delete(config);
        wasm_dyld_wasi_delete(wasi);
        wasm_dyld_output_delete(output);
        wasm_dyld_error_delete(problem);
        wasm_dyld_delete(dyld);
    }
    for (int i = 0; i < MANY; i++) {
        WORKS(wasm_dyld_config_set_guest(configs[i], 0, &error));
        WORKS(wasm_dyld_wasi_add_arg(wasis[i], "x", &error));
        WORKS(wasm_dyld_output_take(outputs[i], &bytes, &size, &error));
        CONTAINS(wasm_dyld_error_message(errors[i]), "too small");
        SAME(wasm_dyld_object_count(dylds[i]), 0);
        WORKS(wasm_dyld_finish(dylds[i], &error));
        wasm_dyld_config_delete(configs[i]);
        wasm_dyld_wasi_delete(wasis[i]);
        wasm_dyld_output_delete(outputs[i]);
        wasm_dyld_error_delete(errors[i]);
        wasm_dyld_delete(dylds[i]);
    }
    host_delete(&host);
    ok("handles are not used again");
}

/* Where a library was looked for, in order. */
static void searched_last(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_default_path(config, "/nowhere/default", &error));
    WORKS(wasm_dyld_config_add_default_path(config, "/nowhere/second", &error));
    WORKS(wasm_dyld_config_add_library_path(config, "/nowhere/own", &error));
    struct host host = host_with(config);
    FAILS(wasm_dyld_load(host.dyld, "libx.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND,
          "/nowhere/own/libx.so (library path): no such file\n  /nowhere/default/libx.so (default folder): no such file\n"
          "  /nowhere/second/libx.so (default folder)",
          NULL);
    SAME(wasm_dyld_library_path_count(host.dyld), 1);
    host_delete(&host);
    ok("folders that are searched last");
}

static void flags(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    for (uint32_t number = 0; number < 4; number++)
        WORKS(wasm_dyld_config_set_guest(config, number, &error));
    FAILS(wasm_dyld_config_set_guest(config, 4, &error), INVALID, "guest flags 0x4", NULL);
    WORKS(wasm_dyld_config_set_launch(config, WASM_DYLD_LAUNCH_NO_CLOSURE, &error));
    WORKS(wasm_dyld_config_set_launch(config, 0, &error));
    FAILS(wasm_dyld_config_set_launch(config, 2, &error), INVALID, "launch flags 0x2", NULL);
    FAILS(wasm_dyld_config_set_launch(NULL, 0, &error), INVALID, "NULL", NULL);
    WORKS(wasm_dyld_wasi_add_folder(wasi, "/", "/a", WASM_DYLD_FOLDER_READ_ONLY, &error));
    WORKS(wasm_dyld_wasi_add_folder(wasi, "/", "/b", WASM_DYLD_FOLDER_READ_WRITE, &error));
    /* One of the two, said. */
    FAILS(wasm_dyld_wasi_add_folder(wasi, "/", "/c", 0, &error), INVALID, "WASM_DYLD_FOLDER_READ_ONLY", NULL);
    FAILS(wasm_dyld_wasi_add_folder(wasi, "/", "/c", WASM_DYLD_FOLDER_READ_ONLY | WASM_DYLD_FOLDER_READ_WRITE, &error), INVALID, "READ_WRITE", NULL);
    FAILS(wasm_dyld_wasi_add_folder(wasi, "/", "/c", 5, &error), INVALID, "folder flags 0x4", NULL);
    struct host host = host_with(config);
    wasm_functype_t *type = wasm_functype_new_0_0();
    wasm_func_t *function = wasm_func_new(host.store, type, nothing);
    wasm_functype_delete(type);
    WORKS(wasm_dyld_define(host.dyld, "m", "n", wasm_func_as_extern(function), WASM_DYLD_OVERRIDE, &error));
    FAILS(wasm_dyld_define(host.dyld, "m", "n", wasm_func_as_extern(function), 6, &error), INVALID, "define flags 0x6", NULL);
    wasm_func_delete(function);
    host_delete(&host);
    wasm_dyld_wasi_delete(wasi);
    ok("flags");
}

static void errors(void)
{
    wasm_dyld_error_t *first = NULL;
    SAME(wasm_dyld_config_set_bind(NULL, WASM_DYLD_BIND_NOW, &first), INVALID);
    CHECK(first != NULL);
    SAME(wasm_dyld_error_code(first), INVALID);
    SAME(wasm_dyld_error_undefined_count(first), 0);
    CHECK(wasm_dyld_error_undefined_symbol(first, 0) == NULL);
    CHECK(!wasm_dyld_error_exit_code(first, NULL));
    wasm_dyld_error_delete(first);
    SAME(wasm_dyld_error_code(first), INVALID);
    SAME_TEXT(wasm_dyld_error_message(first), "no such error");
    SAME_TEXT(wasm_dyld_error_message(NULL), "no such error");
    SAME(wasm_dyld_error_code(NULL), INVALID);
    SAME(wasm_dyld_error_undefined_count(first), 0);
    wasm_dyld_error_delete(first);
    /* Success leaves NULL, whatever was there. */
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    first = (wasm_dyld_error_t *)&config;
    SAME(wasm_dyld_config_set_stack_size(config, 4096, &first), WASM_DYLD_OK);
    CHECK(first == NULL);
    wasm_dyld_config_delete(config);
    ok("errors");
}

static void wasi_setters(void)
{
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    FAILS(wasm_dyld_wasi_add_arg(wasi, NULL, &error), INVALID, "argument is NULL", NULL);
    FAILS(wasm_dyld_wasi_add_env(wasi, "A", NULL, &error), INVALID, "value is NULL", NULL);
    FAILS(wasm_dyld_wasi_add_env(wasi, NULL, "A", &error), INVALID, "name is NULL", NULL);
    FAILS(wasm_dyld_wasi_set_stdin_bytes(wasi, NULL, 1, &error), INVALID, "NULL", NULL);
    WORKS(wasm_dyld_wasi_set_stdin_bytes(wasi, NULL, 0, &error));
    FAILS(wasm_dyld_wasi_set_stdin(wasi, NULL, NULL, NULL, &error), INVALID, "callback is NULL", NULL);
    FAILS(wasm_dyld_wasi_set_stdout(wasi, NULL, NULL, NULL, &error), INVALID, "callback is NULL", NULL);
    FAILS(wasm_dyld_wasi_set_stderr(wasi, NULL, NULL, NULL, &error), INVALID, "callback is NULL", NULL);
    FAILS(wasm_dyld_wasi_add_folder(wasi, NULL, "/", WASM_DYLD_FOLDER_READ_ONLY, &error), INVALID, "NULL", NULL);
    WORKS(wasm_dyld_wasi_inherit_env(wasi, &error));
    WORKS(wasm_dyld_wasi_inherit_stdio(wasi, &error));
    WORKS(wasm_dyld_wasi_add_folder(wasi, "/nowhere/at/all", NULL, WASM_DYLD_FOLDER_READ_ONLY, &error));
    struct host host = host_new();
    /* Folders are opened here. */
    FAILS(wasm_dyld_set_wasi(host.dyld, wasi, &error), WASM_DYLD_NOT_FOUND, "/nowhere/at/all", NULL);
    FAILS(wasm_dyld_wasi_inherit_env(wasi, &error), INVALID, "no live handle", NULL); /* taken */
    host_delete(&host);
    ok("WASI setters");
}

int main(void)
{
    setters();
    finalizers();
    dead_handles();
    used_again();
    searched_last();
    flags();
    errors();
    wasi_setters();
    return 0;
}
