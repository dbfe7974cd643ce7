/*
 * A host with plugins that come and go while it runs.
 *
 *     cc -std=c11 plugins.c -lwasmdyld -o plugins
 *     ./plugins LIBRARIES PLUGINS
 *
 * LIBRARIES is the folder with libc.so, PLUGINS the one with libred.so, libgreen.so, libblue.so, and a newer version of the last,
 * libblue-changed.so. All plugins define the same two symbols, plugin_name and render. The host installs the blue one in the
 * current folder, as blue.so, and replaces it later by the newer version, without stopping.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasm.h>
#include <wasmdyld.h>

enum { LINE = 200 };

static wasm_dyld_t *dyld;
static wasm_dyld_error_t *error; /* of the last call that failed */

/* Ends the program with what went wrong, if anything did. */
static void check(wasm_dyld_code_t code)
{
    if (code == WASM_DYLD_OK)
        return;
    fprintf(stderr, "plugins: %s\n", wasm_dyld_error_message(error));
    wasm_dyld_error_delete(error);
    exit(1);
}

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "plugins: %s: %s\n", name, what);
    exit(1);
}

/* Files. */

static const char *path_in(const char *folder, const char *name)
{
    static char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        fail("the path is too long", name);
    return path;
}

/* The new file is written beside the old one and then takes its name. Whoever opens it gets the old one or the new one, never half of
   one, and the linker sees that it is another file. */
static void install(const char *from, const char *to, const char *beside)
{
    char bytes[4096];
    size_t size;
    FILE *in = fopen(from, "rb"), *out = fopen(beside, "wb");
    if (!in || !out)
        fail("cannot be installed", from);
    while ((size = fread(bytes, 1, sizeof bytes, in)) > 0)
        if (fwrite(bytes, 1, size, out) != size)
            fail("cannot be written", beside);
    fclose(in);
    if (fclose(out) != 0 || rename(beside, to) != 0)
        fail("cannot be written", to);
}

/* Functions and memory of the guest. A pointer of the guest is a number: an address in its memory. */

static wasm_func_t *find(const wasm_dyld_object_t *object, const char *name)
{
    wasm_dyld_symbol_kind_t kind;
    wasm_func_t *function;
    check(wasm_dyld_dlsym(dyld, object, name, &kind, &function, NULL, &error));
    if (kind != WASM_DYLD_FUNC)
        fail("is no function", name);
    return function;
}

static uint32_t call(const wasm_func_t *function, uint32_t a, uint32_t b, uint32_t c)
{
    wasm_val_t values[] = {WASM_I32_VAL((int32_t)a), WASM_I32_VAL((int32_t)b), WASM_I32_VAL((int32_t)c)}, result = WASM_I32_VAL(0);
    wasm_val_vec_t arguments = {wasm_func_param_arity(function), values}, results = {wasm_func_result_arity(function), &result};
    check(wasm_dyld_call(dyld, function, &arguments, &results, &error));
    return (uint32_t)result.of.i32;
}

/* Copies a string out of the guest. */
static void take(uint32_t address, char *text, size_t room)
{
    size_t length = 0;
    do
        check(wasm_dyld_read(dyld, address + length, (uint8_t *)&text[length], 1, &error));
    while (text[length] && ++length < room - 1);
    text[length] = 0;
}

/* Plugins. */

struct plugin {
    wasm_dyld_object_t *object;
    wasm_func_t *render;
    char name[64];
};

static struct plugin open_plugin(const char *path)
{
    struct plugin plugin;
    wasm_dyld_symbol_kind_t kind;
    uint64_t variable;
    uint8_t pointer[4];
    /* LOCAL, which is the default: what a plugin defines serves only itself. So all can define the same names. */
    check(wasm_dyld_load(dyld, path, WASM_DYLD_NOW | WASM_DYLD_LOCAL, &plugin.object, &error));
    /* A lookup in an object finds that object's own. The function is good until the plugin is unloaded. */
    plugin.render = find(plugin.object, "render");
    /* plugin_name is a pointer variable: its value is where the text is. */
    check(wasm_dyld_dlsym(dyld, plugin.object, "plugin_name", &kind, NULL, &variable, &error));
    if (kind != WASM_DYLD_DATA)
        fail("plugin_name is no variable", path);
    check(wasm_dyld_read(dyld, variable, pointer, sizeof pointer, &error));
    /* The guest is little-endian, whatever this machine is. */
    take(pointer[0] | (uint32_t)pointer[1] << 8 | (uint32_t)pointer[2] << 16 | (uint32_t)pointer[3] << 24, plugin.name, sizeof plugin.name);
    return plugin;
}

static void print_rendered(const struct plugin *plugin, uint32_t text, uint32_t line)
{
    char rendered[LINE];
    call(plugin->render, text, line, LINE);
    take(line, rendered, sizeof rendered);
    printf("  %s: %s\n", plugin->name, rendered);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s LIBRARIES PLUGINS\n", argv[0]);
        return 2;
    }
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    check(wasm_dyld_config_add_library_path(config, argv[1], &error));
    wasm_engine_t *engine;
    check(wasm_dyld_engine_new(config, &engine, &error));
    wasm_store_t *store = wasm_store_new(engine);
    check(wasm_dyld_new(store, config, &dyld, &error)); /* takes the configuration */
    check(wasm_dyld_set_wasi(dyld, NULL, &error)); /* libc wants WASI; these guests get nothing of this machine */

    /* Plugins need libc. Opened by the host, it stays, with its heap, whichever of them go. */
    wasm_dyld_object_t *libc;
    check(wasm_dyld_load(dyld, "libc.so", WASM_DYLD_NOW, &libc, &error));
    const char sentence[] = "plugins come and go";
    uint32_t text = call(find(libc, "malloc"), sizeof sentence, 0, 0), line = call(find(libc, "malloc"), LINE, 0, 0);
    check(wasm_dyld_write(dyld, text, (const uint8_t *)sentence, sizeof sentence, &error));

    install(path_in(argv[2], "libblue.so"), "blue.so", "blue.so.new");
    struct plugin plugins[3];
    plugins[0] = open_plugin(path_in(argv[2], "libred.so"));
    plugins[1] = open_plugin(path_in(argv[2], "libgreen.so"));
    plugins[2] = open_plugin("./blue.so"); /* a name with a slash is a path */
    puts("three plugins:");
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3; i++)
            print_rendered(&plugins[i], text, line);

    /* Closed as often as it was opened, and needed by nobody, a plugin is unloaded: its destructors run, its memory and its table
       slots are free for others. Its functions must not be called any more. */
    check(wasm_dyld_unload(dyld, plugins[2].object, &error));
    install(path_in(argv[2], "libblue-changed.so"), "blue.so", "blue.so.new");
    plugins[2] = open_plugin("./blue.so");
    puts("blue was replaced; it starts anew, the others go on:");
    for (int i = 0; i < 3; i++)
        print_rendered(&plugins[i], text, line);

    for (int i = 0; i < 3; i++)
        check(wasm_dyld_unload(dyld, plugins[i].object, &error));
    printf("%u library left: %s\n", (unsigned)wasm_dyld_object_count(dyld), wasm_dyld_object_name(dyld, wasm_dyld_object_at(dyld, 0)));
    check(wasm_dyld_finish(dyld, &error)); /* what exit() does in a program: handlers that are left, and flushing */

    wasm_dyld_delete(dyld);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    remove("blue.so");
    return 0;
}
