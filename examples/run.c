/*
 * The smallest host for a WebAssembly program that is made of shared libraries.
 *
 *     cc -std=c11 run.c -lwasmdyld -o run
 *     ./run LIBRARIES PROGRAM [ARGUMENTS]...
 *
 * LIBRARIES is the folder with the libraries that PROGRAM needs. The program gets the arguments, standard input, output and
 * error, and the current folder; its exit code is the host's.
 */
#include <stdio.h>

#include <wasm.h>
#include <wasmdyld.h>

enum { TRAPPED = 134 }; /* as a shell reports a process that aborted */

static int failed(wasm_dyld_code_t code, wasm_dyld_error_t *error)
{
    fprintf(stderr, "run: %s\n", wasm_dyld_error_message(error));
    wasm_dyld_error_delete(error);
    return code == WASM_DYLD_TRAP ? TRAPPED : 1;
}

/* What the program gets to see. */
static wasm_dyld_code_t grant(wasm_dyld_wasi_t *wasi, int count, char **arguments, wasm_dyld_error_t **error)
{
    wasm_dyld_code_t code = wasm_dyld_wasi_inherit_stdio(wasi, error);
    if (code == WASM_DYLD_OK)
        code = wasm_dyld_wasi_add_folder(wasi, ".", ".", WASM_DYLD_FOLDER_READ_WRITE, error);
    for (int i = 0; i < count && code == WASM_DYLD_OK; i++)
        code = wasm_dyld_wasi_add_arg(wasi, arguments[i], error);
    return code;
}

static int run(wasm_dyld_t *dyld, int count, char **arguments)
{
    wasm_dyld_error_t *error = NULL;
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    wasm_dyld_code_t code = grant(wasi, count, arguments, &error);
    if (code != WASM_DYLD_OK) {
        wasm_dyld_wasi_delete(wasi);
        return failed(code, error);
    }
    code = wasm_dyld_set_wasi(dyld, wasi, &error); /* takes it, whether it works or not */
    if (code == WASM_DYLD_OK)
        code = wasm_dyld_load(dyld, arguments[0], WASM_DYLD_PROGRAM, NULL, &error);
    int32_t exit_code = 0;
    if (code == WASM_DYLD_OK)
        code = wasm_dyld_run(dyld, &exit_code, &error);
    return code == WASM_DYLD_OK ? (int)exit_code : failed(code, error);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s LIBRARIES PROGRAM [ARGUMENTS]...\n", argv[0]);
        return 2;
    }
    wasm_dyld_error_t *error = NULL;
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    wasm_dyld_code_t code = wasm_dyld_config_add_library_path(config, argv[1], &error);
    wasm_engine_t *engine = NULL;
    if (code == WASM_DYLD_OK)
        code = wasm_dyld_engine_new(config, &engine, &error);
    if (code != WASM_DYLD_OK) {
        wasm_dyld_config_delete(config);
        return failed(code, error);
    }
    wasm_store_t *store = wasm_store_new(engine);
    wasm_dyld_t *dyld;
    int status;
    code = wasm_dyld_new(store, config, &dyld, &error); /* takes the configuration, whether it works or not */
    if (code == WASM_DYLD_OK) {
        status = run(dyld, argc - 2, argv + 2);
        wasm_dyld_delete(dyld);
    } else {
        status = failed(code, error);
    }
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return status;
}
