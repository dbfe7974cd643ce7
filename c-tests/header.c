/*
 * The header: included twice, alone, and its version is that of the library. Also compiled as C++.
 */
#include <wasmdyld.h>
#include <wasmdyld.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    char version[32];
    wasm_dyld_code_t code = WASM_DYLD_OK;
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    sprintf(version, "%d.%d.%d", WASM_DYLD_VERSION_MAJOR, WASM_DYLD_VERSION_MINOR, WASM_DYLD_VERSION_PATCH);
    if (strcmp(version, wasm_dyld_version()) != 0 || !config)
        return 1;
    code = wasm_dyld_config_set_plt(config, WASM_DYLD_PLT_WASM, NULL);
    wasm_dyld_config_delete(config);
    if (code != WASM_DYLD_OK)
        return 1;
    puts("ok 1 the header");
    return 0;
}
