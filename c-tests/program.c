/*
 * Main programs: arguments, environment, output, exit codes, traps; position-independent and not.
 */
#include "build.h"
#include "check.h"

struct outcome {
    wasm_dyld_code_t code;
    int32_t exit_code;
    char output[4096];
};

/* Runs a program with up to three arguments. An error stays in `error`. */
static struct outcome run(const char *program, const char *const *arguments)
{
    struct outcome outcome = {WASM_DYLD_OK, -1, ""};
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    char folder[4096];
    const uint8_t *bytes = NULL;
    size_t size = 0;
    snprintf(folder, sizeof folder, "%s", program);
    *strrchr(folder, '/') = 0;
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    WORKS(wasm_dyld_config_add_library_path(config, folder, &error));
    struct host host = host_with(config);
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    wasm_dyld_output_t *output = wasm_dyld_output_new(0);
    WORKS(wasm_dyld_wasi_add_arg(wasi, "program", &error));
    for (; *arguments; arguments++)
        WORKS(wasm_dyld_wasi_add_arg(wasi, *arguments, &error));
    WORKS(wasm_dyld_wasi_add_env(wasi, "A", "1", &error));
    WORKS(wasm_dyld_wasi_add_env(wasi, "EMPTY", "", &error));
    WORKS(wasm_dyld_wasi_add_env(wasi, "SPACES", "a b", &error));
    WORKS(wasm_dyld_wasi_set_stdout_buffer(wasi, output, &error));
    WORKS(wasm_dyld_wasi_set_stderr_buffer(wasi, output, &error));
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    wasm_dyld_object_t *object = NULL;
    WORKS(wasm_dyld_load(host.dyld, program, WASM_DYLD_PROGRAM, &object, &error));
    CHECK(wasm_dyld_object_is_program(host.dyld, object));
    CHECK(wasm_dyld_object_is_global(host.dyld, object));
    CHECK(wasm_dyld_object_at(host.dyld, 0) == object);
    outcome.code = wasm_dyld_run(host.dyld, &outcome.exit_code, &error);
    wasm_dyld_delete(host.dyld);
    wasm_store_delete(host.store);
    wasm_engine_delete(host.engine);
    /* The buffer outlives the guest. */
    wasm_dyld_error_t *problem = NULL;
    SAME(wasm_dyld_output_take(output, &bytes, &size, &problem), WASM_DYLD_OK);
    CHECK(size < sizeof outcome.output);
    if (size)
        memcpy(outcome.output, bytes, size);
    wasm_dyld_output_delete(output);
    return outcome;
}

static const char *const KINDS[] = {"main-pie", "main-nonpie", "shared-pie", "shared-nonpie", "main-plain"};

static const char *program(const char *name, const char *kind)
{
    char file[256];
    snprintf(file, sizeof file, "cases/%s/%s.wasm", name, kind);
    return guest_path(file);
}

static void returns(void)
{
    static const char *const none[] = {NULL}, *const four[] = {"one", "two words", "", "\303\274n\303\257c\303\266d\303\251", NULL};
    for (size_t kind = 0; kind < COUNT_OF(KINDS); kind++) {
        struct outcome outcome = run(program("arguments", KINDS[kind]), none);
        SAME(outcome.code, WASM_DYLD_OK);
        SAME(outcome.exit_code, 0);
        SAME_TEXT(outcome.output, "0 arguments:\nA=1 EMPTY= SPACES=a b\n");
        outcome = run(program("arguments", KINDS[kind]), four);
        SAME(outcome.code, WASM_DYLD_OK);
        SAME(outcome.exit_code, 4);
        SAME_TEXT(outcome.output, "4 arguments: [one] [two words] [] [\303\274n\303\257c\303\266d\303\251]\nA=1 EMPTY= SPACES=a b\n");
    }
    ok("arguments, environment, output, and what main returns");
}

static void exits(void)
{
    static const char *const handlers[] = {"exit", "42", NULL}, *const quick[] = {"quick", "3", NULL};
    for (size_t kind = 0; kind < COUNT_OF(KINDS); kind++) {
        struct outcome outcome = run(program("arguments", KINDS[kind]), handlers);
        SAME(outcome.code, WASM_DYLD_OK);
        SAME(outcome.exit_code, 42);
        CONTAINS(outcome.output, "at exit\n");
        outcome = run(program("arguments", KINDS[kind]), quick);
        SAME(outcome.code, WASM_DYLD_OK);
        SAME(outcome.exit_code, 3);
        CHECK(!strstr(outcome.output, "at exit\n"));
    }
    ok("exit codes");
}

static void traps(void)
{
    static const struct {
        const char *arguments[3], *text;
    } cases[] = {
        {{"abort", NULL, NULL}, "unreachable"},
        {{"divide", "0", NULL}, "divide by zero"},
        {{"null", NULL, NULL}, "call of a null function pointer"},
    };
    for (size_t kind = 0; kind < COUNT_OF(KINDS); kind++) {
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            /* The engine notices this one by an access to address 0, which a memory checker does not let pass. */
            if (i == 2 && getenv("WASMDYLD_TEST_CHECKER"))
                continue;
            struct outcome outcome = run(program("arguments", KINDS[kind]), cases[i].arguments);
            SAME(outcome.exit_code, -1);
            FAILS(outcome.code, WASM_DYLD_TRAP, "running ", KINDS[kind], cases[i].text, NULL);
            CONTAINS(outcome.output, "A=1");
        }
    }
    ok("traps");
}

/* A program made here: it starts with `code`, and can call exit(i32) as function 0. */
static wasm_dyld_code_t load_program(wasm_dyld_t *dyld, const char *start, const uint8_t *code, size_t size)
{
    struct module *m = module_new();
    module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
    module_function(m, start, "", "", code, size);
    return load_module(dyld, "program.wasm", m, WASM_DYLD_PROGRAM, NULL, &error);
}

static void from_bytes(void)
{
    int32_t exit_code = -1;
    struct host host = host_new();
    FAILS(load_program(host.dyld, "_start", CODE(RETURN)), WASM_DYLD_UNDEFINED_SYMBOL, "wasi_snapshot_preview1.proc_exit", NULL);
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    WORKS(load_program(host.dyld, "_start", CODE(I32_CONST, 9, CALL, 0, UNREACHABLE)));
    CHECK(wasm_dyld_object_path(host.dyld, wasm_dyld_object_at(host.dyld, 0)) == NULL);
    WORKS(wasm_dyld_run(host.dyld, &exit_code, &error));
    SAME(exit_code, 9);
    WORKS(wasm_dyld_run(host.dyld, NULL, &error)); /* a guest that stands it can run again */
    FAILS(load_program(host.dyld, "_start", CODE(RETURN)), WASM_DYLD_BUSY, "must be the first object", NULL);
    host_delete(&host);
    ok("a program from bytes");
}

/* A program without _start is run by its functions; a constructor of it that exits fails the load. */
static void reactors(void)
{
    int32_t exit_code = -1;
    struct host host = host_new();
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    KEEPS(load_program(host.dyld, "_initialize", CODE(I32_CONST, 5, CALL, 0)), WASM_DYLD_EXIT, "exited with code 5", "_initialize", NULL);
    CHECK(wasm_dyld_error_exit_code(error, &exit_code));
    SAME(exit_code, 5);
    forget_error();
    SAME(wasm_dyld_object_count(host.dyld), 0);
    WORKS(load_program(host.dyld, "_initialize", CODE(RETURN)));
    FAILS(wasm_dyld_run(host.dyld, &exit_code, &error), WASM_DYLD_UNSUPPORTED, "exports no function _start", NULL);
    host_delete(&host);
    ok("programs without _start");
}

/* Exit in a call of the host's own, with and without the linker's help. */
static void exit_in_calls(void)
{
    int32_t exit_code = -1;
    struct host host = host_new();
    wasm_dyld_object_t *object = NULL;
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    wasm_val_vec_t nothing = WASM_EMPTY_VEC;
    struct module *m = module_new();
    module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
    module_function(m, "leave", "", "", CODE(I32_CONST, 17, CALL, 0));
    module_function(m, "trap", "", "", CODE(UNREACHABLE));
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    WORKS(load_module(host.dyld, "library.so", m, 0, &object, &error));
    CHECK(!wasm_dyld_take_exit(host.dyld, &exit_code));
    SAME(exit_code, -1);

    KEEPS(try_call(host.dyld, find(host.dyld, object, "leave"), NULL, 0), WASM_DYLD_EXIT, "exited with code 17", NULL);
    CHECK(wasm_dyld_error_exit_code(error, &exit_code));
    SAME(exit_code, 17);
    forget_error();
    CHECK(!wasm_dyld_take_exit(host.dyld, &exit_code));

    wasm_trap_t *trap = wasm_func_call(find(host.dyld, object, "leave"), &none, &nothing);
    CHECK(trap != NULL);
    wasm_trap_delete(trap);
    exit_code = -1;
    CHECK(wasm_dyld_take_exit(host.dyld, &exit_code));
    SAME(exit_code, 17);
    CHECK(!wasm_dyld_take_exit(host.dyld, NULL));

    /* An exit that nobody asked about is not taken for the next trap. */
    trap = wasm_func_call(find(host.dyld, object, "leave"), &none, &nothing);
    CHECK(trap != NULL);
    wasm_trap_delete(trap);
    KEEPS(try_call(host.dyld, find(host.dyld, object, "trap"), NULL, 0), WASM_DYLD_TRAP, "unreachable", NULL);
    CHECK(!wasm_dyld_error_exit_code(error, &exit_code));
    forget_error();
    host_delete(&host);
    ok("exit in calls");
}

static void wrong_files(void)
{
    struct host host = host_new();
    FAILS(wasm_dyld_load(host.dyld, program("hello", "main-plain"), 0, NULL, &error), WASM_DYLD_UNSUPPORTED, "main-plain.wasm", "a program, not a shared library",
          NULL);
    FAILS(wasm_dyld_load(host.dyld, guest_path("nothing.wasm"), WASM_DYLD_PROGRAM, NULL, &error), WASM_DYLD_NOT_FOUND, "nothing.wasm: no such file", NULL);
    FAILS(wasm_dyld_load(host.dyld, guest_path("lib"), WASM_DYLD_PROGRAM, NULL, &error), WASM_DYLD_IO, "not a regular file", NULL);
    FAILS(wasm_dyld_load(host.dyld, program("hello", "main-pie"), WASM_DYLD_PROGRAM, NULL, &error), WASM_DYLD_NOT_FOUND, "libc.so, needed by main-pie.wasm",
          NULL);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    host_delete(&host);
    ok("files that are no programs");
}

int main(void)
{
    from_bytes();
    reactors();
    wrong_files();
    returns();
    exits();
    traps();
    exit_in_calls();
    return 0;
}
