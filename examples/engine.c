/*
 * A host that does not care which engine it runs on.
 *
 *     engine LIBDIR
 *
 * Linked with libwasmdyld alone, it runs on the engine in there. Linked with the library that has none, it runs on whichever engine the
 * linker line names (-lwasmi, -lwasmer). And without building anything anew, WASMDYLD_ENGINE=/path/to/libengine.so makes it run on that.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasm.h>
#include <wasmdyld.h>

/* What the host itself calls of wasm.h. Functions of an engine that was opened are its own, so they are called through pointers. */
static struct {
  wasm_store_t *(*store_new)(wasm_engine_t *);
  void (*store_delete)(wasm_store_t *);
  void (*engine_delete)(wasm_engine_t *);
} api = {wasm_store_new, wasm_store_delete, wasm_engine_delete};

static wasm_dyld_error_t *error;

static void check(wasm_dyld_code_t code)
{
  if (code == WASM_DYLD_OK)
    return;
  fprintf(stderr, "%s\n", wasm_dyld_error_message(error));
  exit(1);
}

static void take(const wasm_dyld_engine_t *engine, const char *name, void *into)
{
  wasm_dyld_engine_function_t function = wasm_dyld_engine_function(engine, name);
  if (!function) {
    fprintf(stderr, "the engine has no %s\n", name);
    exit(1);
  }
  memcpy(into, &function, sizeof function);
}

/* The engine that the environment names, if any. */
static void choose(wasm_dyld_config_t *config)
{
  const char *path = getenv("WASMDYLD_ENGINE");
  wasm_dyld_engine_t *engine;
  if (!path) {
    puts("engine: the linked one");
    return;
  }
  check(wasm_dyld_engine_open(path, &engine, &error));
  check(wasm_dyld_config_set_engine(config, engine, &error));
  take(engine, "wasm_store_new", &api.store_new);
  take(engine, "wasm_store_delete", &api.store_delete);
  take(engine, "wasm_engine_delete", &api.engine_delete);
  printf("engine: %s\n", wasm_dyld_engine_name(engine));
  wasm_dyld_engine_close(engine);
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fprintf(stderr, "usage: engine LIBDIR\n");
    return 2;
  }
  wasm_dyld_config_t *config = wasm_dyld_config_new();
  choose(config);
  check(wasm_dyld_config_add_library_path(config, argv[1], &error));

  wasm_engine_t *engine;
  check(wasm_dyld_engine_new(config, &engine, &error));
  wasm_store_t *store = api.store_new(engine);
  wasm_dyld_t *dyld;
  check(wasm_dyld_new(store, config, &dyld, &error));
  check(wasm_dyld_set_wasi(dyld, NULL, &error));

  /* zlib's crc32, as a library of its own on top of libc.so. */
  wasm_dyld_object_t *zlib;
  check(wasm_dyld_load(dyld, "libz.so", WASM_DYLD_NOW, &zlib, &error));
  wasm_func_t *crc32, *alloc;
  check(wasm_dyld_dlsym(dyld, zlib, "crc32", NULL, &crc32, NULL, &error));
  check(wasm_dyld_dlsym(dyld, zlib, "malloc", NULL, &alloc, NULL, &error));

  static const char text[] = "any engine";
  wasm_val_t values[3], result;
  memset(values, 0, sizeof values);
  memset(&result, 0, sizeof result);
  for (int n = 0; n < 3; n++)
    values[n].kind = WASM_I32;
  wasm_val_vec_t arguments = {1, values}, results = {1, &result};
  values[0].of.i32 = sizeof text;
  check(wasm_dyld_call(dyld, alloc, &arguments, &results, &error));
  int32_t address = result.of.i32;
  check(wasm_dyld_write(dyld, (uint32_t)address, (const uint8_t *)text, sizeof text, &error));

  arguments.size = 3;
  values[0].of.i32 = 0;
  values[1].of.i32 = address;
  values[2].of.i32 = sizeof text - 1;
  check(wasm_dyld_call(dyld, crc32, &arguments, &results, &error));
  printf("crc32(\"%s\") = %08x\n", text, (unsigned)result.of.i32);

  check(wasm_dyld_unload(dyld, zlib, &error));
  wasm_dyld_delete(dyld);
  api.store_delete(store);
  api.engine_delete(engine);
  return 0;
}
