/*
 * What is linked with a program for wasm32 besides the library: the files of its namespaces are those that JavaScript reads, since the library opens none
 * there itself, and what programs call of wasm.h and the linker does not, by what the linker does call.
 */
#include <wasmdyld.h>

void *wasmdyld_alloc(size_t size);
wasm_dyld_code_t wasmdyld_give_files(wasm_dyld_config_t *config, wasm_dyld_error_t **error);
wasm_dyld_config_t *__real_wasm_dyld_config_new(void);
wasm_dyld_config_t *__wrap_wasm_dyld_config_new(void);

wasm_dyld_config_t *__wrap_wasm_dyld_config_new(void)
{
    wasm_dyld_config_t *config = __real_wasm_dyld_config_new();
    wasmdyld_give_files(config, NULL);
    return config;
}

void wasm_valtype_vec_new_empty(wasm_valtype_vec_t *out) { wasm_valtype_vec_new_uninitialized(out, 0); }

void wasm_valtype_vec_new_uninitialized(wasm_valtype_vec_t *out, size_t size)
{
    out->size = size;
    out->data = size ? (wasm_valtype_t **)wasmdyld_alloc(size * sizeof *out->data) : NULL;
}

static wasm_trap_t *without_env(void *env, const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    return ((wasm_func_callback_t)env)(arguments, results);
}

wasm_func_t *wasm_func_new(wasm_store_t *store, const wasm_functype_t *type, wasm_func_callback_t callback)
{
    return wasm_func_new_with_env(store, type, without_env, (void *)callback, NULL);
}

wasm_func_t *wasm_func_copy(const wasm_func_t *function) { return wasm_extern_as_func(wasm_extern_copy(wasm_func_as_extern((wasm_func_t *)function))); }
