/*
 * C++ exceptions of guests that nobody catches: the error of a load, of a call and of a program that runs tells the type, and what the exception
 * says of itself.
 */
#include "check.h"

static struct host host;

static void begin(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("sysroot/lib/wasm32-wasip1"), &error));
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("cases/cxx-uncaught"), &error));
    host = host_with(config);
}

static void of_a_constructor(void)
{
    wasm_dyld_object_t *object = NULL;
    begin();
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    FAILS(wasm_dyld_load(host.dyld, "libconstructor.so", 0, &object, &error), WASM_DYLD_TRAP, "libconstructor.so",
          "uncaught C++ exception std::invalid_argument: no configuration", NULL);
    CHECK(object == NULL);
    ok("one that a constructor throws is what the load fails with");
}

/* In the namespace in which the load has failed, which goes on. */
static void of_a_call(void)
{
    wasm_dyld_object_t *toss = NULL;
    static const struct {
        const char *what, *told;
    } all[] = {
        {"runtime", "uncaught C++ exception std::runtime_error: no such file: \\u{1b}[2Jlevel.dat\\nwasmdyld: all is well"},
        {"several-bases", "uncaught C++ exception game::Error: the level has no exit"},
        {"plain", "uncaught C++ exception game::Plain"},
        {"int", "uncaught C++ exception int"},
        {"text", "uncaught C++ exception char const*: just a text"},
    };
    WORKS(wasm_dyld_load(host.dyld, "libtoss.so", WASM_DYLD_GLOBAL, &toss, &error));
    for (size_t n = 0; n < COUNT_OF(all); n++) {
        wasm_dyld_cell_t cell;
        uint64_t address = 0;
        WORKS(wasm_dyld_alloc(host.dyld, 32, &address, &error));
        WORKS(wasm_dyld_write(host.dyld, address, (const uint8_t *)all[n].what, strlen(all[n].what) + 1, &error));
        cell.i32 = (int32_t)address;
        FAILS(wasm_dyld_call_args(host.dyld, toss, "toss", "(i32) -> ()", &cell, 1, &error), WASM_DYLD_TRAP, all[n].told, NULL);
        wasm_val_t argument = WASM_I32_VAL((int32_t)address);
        wasm_val_vec_t arguments = {1, &argument}, results = WASM_EMPTY_VEC;
        FAILS(wasm_dyld_call(host.dyld, find(host.dyld, toss, "toss"), &arguments, &results, &error), WASM_DYLD_TRAP, all[n].told, NULL);
        WORKS(wasm_dyld_free(host.dyld, address, &error));
    }
    host_delete(&host);
    ok("one that a function throws is what the call fails with");
}

static void of_a_program(void)
{
    int32_t code = -1;
    begin();
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_add_arg(wasi, "main", &error));
    WORKS(wasm_dyld_wasi_add_arg(wasi, "several-bases", &error));
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    WORKS(wasm_dyld_load(host.dyld, guest_path("cases/cxx-uncaught/main-pie.wasm"), WASM_DYLD_PROGRAM, NULL, &error));
    FAILS(wasm_dyld_run(host.dyld, &code, &error), WASM_DYLD_TRAP, "uncaught C++ exception game::Error: the level has no exit", NULL);
    host_delete(&host);
    ok("one that a program throws is what its run fails with");
}

int main(void)
{
    if (getenv("WASMDYLD_TEST_CHECKER")) {
        ok("nothing, for the time that libc++ takes");
        return 0;
    }
    of_a_constructor();
    of_a_call();
    of_a_program();
    return 0;
}
