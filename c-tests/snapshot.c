/*
 * Snapshots: what is put back in the same namespace and in new ones, on this thread and on others, as an object and as bytes; what is never run twice;
 * what is open of WASI; and what is refused.
 */
#include <errno.h>
#include <pthread.h>

#include "build.h"
#include "check.h"
#include "zip.h"

enum { THREADS = 4, FORKS = 25 };

static int started, constructed, ended;

static wasm_dyld_error_t *give(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    (void)env, (void)dyld, (void)arguments;
    results[0].of.i32 = 40;
    return NULL;
}

static wasm_dyld_error_t *note(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    (void)dyld, (void)arguments, (void)results;
    ++*(int *)env;
    return NULL;
}

/* Tries to take and to restore a snapshot in the middle of a call of the guest. */
static wasm_dyld_error_t *meddle(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results)
{
    wasm_dyld_snapshot_t *snapshot = NULL;
    (void)arguments, (void)results;
    FAILS(wasm_dyld_snapshot(dyld, 0, &snapshot, &error), WASM_DYLD_BUSY, "the guest is running", "between calls", NULL);
    CHECK(snapshot == NULL);
    FAILS(wasm_dyld_restore(dyld, *(wasm_dyld_snapshot_t **)env, &error), WASM_DYLD_BUSY, "the guest is running", NULL);
    return NULL;
}

/* Counts in its memory and in a GOT entry of its own, calls the host through the table, and says when it begins and ends. */
static struct module *counter(void)
{
    struct module *m = module_new();
    m->memory_size = 16;
    module_import(m, "host", "start", "", "");
    module_import(m, "host", "construct", "", "");
    module_import(m, "host", "end", "", "");
    module_import(m, "host", "meddle", "", "");
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    /* Its type is told to whoever links it. */
    module_import(m, "env", "give", "", "i");
    uint32_t slot = module_import_global(m, "GOT.func", "give", true);
    uint32_t entry = module_import_global(m, "GOT.mem", "datum", true);
    uint32_t type = module_type(m, "", "i");
    /* Fills memory that the snapshot has to clear again, and the counter that it has to put back. */
    uint32_t start = module_function(m, "begin", "", "", CODE(CALL, 0, GLOBAL_GET, 0, I32_CONST, 7, I32_STORE, 2, 0));
    uint32_t handler = module_function(m, "handler", "i", "", CODE(CALL, 2));
    module_slot(m, handler);
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, 1, GLOBAL_GET, 1, I32_CONST, 0, GLOBAL_GET, 0, CALL, 4, DROP));
    module_function(m, "count", "", "i",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0, I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, GLOBAL_GET, (uint8_t)entry, I32_CONST, 4, I32_ADD,
                         GLOBAL_SET, (uint8_t)entry, GLOBAL_GET, 0, I32_LOAD, 2, 0));
    module_function(m, "entry", "", "i", CODE(GLOBAL_GET, (uint8_t)entry, GLOBAL_GET, 0, I32_SUB));
    module_function(m, "ask", "", "i", CODE(GLOBAL_GET, (uint8_t)slot, CALL_INDIRECT, (uint8_t)type, 0));
    module_function(m, "meddle", "", "", CODE(CALL, 3));
    module_function(m, "crash", "", "", CODE(GLOBAL_GET, 0, I32_CONST, 99, I32_STORE, 2, 0, UNREACHABLE));
    module_function(m, "grow", "", "i", CODE(I32_CONST, 1, MEMORY_GROW, 0));
    module_datum(m, "datum", 8);
    module_start(m, start);
    return m;
}

static struct module *constant(int number)
{
    struct module *m = module_new();
    m->memory_size = 32;
    uint32_t function = module_function(m, "constant", "", "i", CODE(I32_CONST, (uint8_t)number));
    module_slot(m, function);
    return m;
}

/* A namespace for snapshots with the host's definitions; those of another one may come in another order. */
static struct host begin(wasm_dyld_snapshot_t **snapshot)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_snapshots(config, true, &error));
    struct host host = host_with(config);
    if (snapshot == NULL)
        WORKS(wasm_dyld_define_func(host.dyld, "env", "unused", "() -> ()", note, &started, NULL, 0, &error));
    WORKS(wasm_dyld_define_func(host.dyld, "host", "start", "() -> ()", note, &started, NULL, 0, &error));
    WORKS(wasm_dyld_define_func(host.dyld, "host", "construct", "() -> ()", note, &constructed, NULL, 0, &error));
    WORKS(wasm_dyld_define_func(host.dyld, "host", "end", "() -> ()", note, &ended, NULL, 0, &error));
    WORKS(wasm_dyld_define_func(host.dyld, "host", "meddle", "() -> ()", meddle, snapshot, NULL, 0, &error));
    WORKS(wasm_dyld_define_func(host.dyld, "env", "give", "() -> i32", give, NULL, NULL, 0, &error));
    return host;
}

static int32_t call(wasm_dyld_t *dyld, const wasm_dyld_object_t *object, const char *name)
{
    wasm_dyld_cell_t cell;
    WORKS(wasm_dyld_call_args(dyld, object, name, "() -> i32", &cell, 1, &error));
    return cell.i32;
}

static uint64_t size_of_memory(wasm_dyld_t *dyld)
{
    wasm_memory_t *memory = NULL;
    WORKS(wasm_dyld_memory(dyld, &memory, &error));
    return wasm_memory_data_size(memory);
}

static void crash(wasm_dyld_t *dyld, const wasm_dyld_object_t *object)
{
    wasm_dyld_cell_t cell;
    FAILS(wasm_dyld_call_args(dyld, object, "crash", "() -> ()", &cell, 1, &error), WASM_DYLD_TRAP, NULL);
}

/* A namespace that has counted to 9, and its snapshot. */
static struct host taken(wasm_dyld_snapshot_t **snapshot, wasm_dyld_object_t **object)
{
    struct host host = begin(snapshot);
    started = constructed = ended = 0;
    WORKS(load_module(host.dyld, "counter.so", counter(), WASM_DYLD_GLOBAL, object, &error));
    SAME(started, 1);
    SAME(constructed, 1);
    SAME(call(host.dyld, *object, "count"), 8);
    SAME(call(host.dyld, *object, "count"), 9);
    SAME(call(host.dyld, *object, "ask"), 40);
    WORKS(wasm_dyld_snapshot(host.dyld, 0, snapshot, &error));
    return host;
}

static void crash_and_restore(void)
{
    wasm_dyld_snapshot_t *snapshot;
    wasm_dyld_object_t *object;
    struct host host = taken(&snapshot, &object);
    wasm_dyld_func_t *count = NULL;
    WORKS(wasm_dyld_func_new(host.dyld, find(host.dyld, object, "count"), &count, &error));
    for (int n = 0; n < 300; n++) {
        wasm_dyld_cell_t cell;
        WORKS(wasm_dyld_func_call_cells(count, &cell, 1, &error));
        SAME(cell.i32, 10);
        SAME(call(host.dyld, object, "entry"), 20);
        crash(host.dyld, object);
        WORKS(wasm_dyld_restore(host.dyld, snapshot, &error));
        SAME(call(host.dyld, object, "entry"), 16);
        SAME(read_int(host.dyld, memory_base_of(host.dyld, object)), 9);
    }
    WORKS(wasm_dyld_call_args(host.dyld, object, "meddle", "() -> ()", NULL, 0, &error));
    /* What was grown stays, and is zero. */
    uint64_t size = size_of_memory(host.dyld);
    SAME(call(host.dyld, object, "grow"), size / 65536);
    write_int(host.dyld, size, 5);
    WORKS(wasm_dyld_restore(host.dyld, snapshot, &error));
    SAME(size_of_memory(host.dyld), size + 65536);
    SAME(read_int(host.dyld, size), 0);
    SAME(started, 1);
    SAME(constructed, 1);
    SAME(ended, 0);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    SAME(ended, 1);
    /* The handler that has run is there again. */
    WORKS(wasm_dyld_restore(host.dyld, snapshot, &error));
    WORKS(wasm_dyld_finish(host.dyld, &error));
    SAME(ended, 2);
    wasm_dyld_func_delete(count);
    host_delete(&host);
    wasm_dyld_snapshot_delete(snapshot);
    ok("a crash costs a restore");
}

static void what_came_since_goes(void)
{
    wasm_dyld_snapshot_t *snapshot, *later = NULL;
    wasm_dyld_object_t *object, *plugin = NULL, *again = NULL;
    struct host host = taken(&snapshot, &object);
    WORKS(load_module(host.dyld, "plugin.so", constant(3), 0, &plugin, &error));
    uint32_t slot = slot_of(host.dyld, plugin, "constant");
    WORKS(wasm_dyld_load(host.dyld, "counter.so", 0, NULL, &error));
    OPENS(host.dyld, object, 2, 0);
    WORKS(wasm_dyld_snapshot(host.dyld, 0, &later, &error));
    WORKS(wasm_dyld_restore(host.dyld, snapshot, &error));
    SAME(wasm_dyld_object_count(host.dyld), 1);
    FAILS(wasm_dyld_unload(host.dyld, plugin, &error), WASM_DYLD_INVALID_ARGUMENT, "it is gone", NULL);
    CHECK(!filled(host.dyld, slot));
    OPENS(host.dyld, object, 1, 0);
    SAME(call(host.dyld, object, "count"), 10);
    FAILS(wasm_dyld_restore(host.dyld, later, &error), WASM_DYLD_INVALID_ARGUMENT, "plugin.so has been unloaded since", "a new one", NULL);
    SAME(call(host.dyld, object, "count"), 11);
    /* Its place is used again. */
    WORKS(load_module(host.dyld, "plugin.so", constant(4), 0, &again, &error));
    CHECK(again != plugin);
    SAME(call(host.dyld, again, "constant"), 4);
    host_delete(&host);
    /* In a new namespace all of it is there; what was gone leaves its number. */
    host = begin(NULL);
    WORKS(wasm_dyld_restore(host.dyld, later, &error));
    SAME(wasm_dyld_object_count(host.dyld), 2);
    object = wasm_dyld_object_at(host.dyld, 0);
    plugin = wasm_dyld_object_at(host.dyld, 1);
    SAME_TEXT(wasm_dyld_object_name(host.dyld, plugin), "plugin.so");
    OPENS(host.dyld, object, 2, 0);
    OPENS(host.dyld, plugin, 1, 0);
    SAME(call(host.dyld, plugin, "constant"), 3);
    SAME(slot_of(host.dyld, plugin, "constant"), slot);
    WORKS(wasm_dyld_unload(host.dyld, plugin, &error));
    SAME(wasm_dyld_object_count(host.dyld), 1);
    WORKS(load_module(host.dyld, "more.so", constant(5), 0, &again, &error));
    SAME(call(host.dyld, again, "constant"), 5);
    wasm_store_t *store = wasm_store_new(host.engine);
    wasm_dyld_t *renewed = NULL;
    FAILS(wasm_dyld_renew(host.dyld, store, NULL, NULL, &renewed, &error), WASM_DYLD_UNSUPPORTED, "made of a snapshot", NULL);
    wasm_store_delete(store);
    host_delete(&host);
    wasm_dyld_snapshot_delete(snapshot);
    wasm_dyld_snapshot_delete(later);
    ok("what came since goes");
}

/* Counts on from 9 in a new engine. */
static void fork_of(const wasm_dyld_snapshot_t *snapshot)
{
    struct host host = begin(NULL);
    WORKS(wasm_dyld_restore(host.dyld, snapshot, &error));
    wasm_dyld_object_t *object = wasm_dyld_object_at(host.dyld, 0);
    SAME(call(host.dyld, object, "count"), 10);
    SAME(call(host.dyld, object, "entry"), 20);
    SAME(call(host.dyld, object, "ask"), 40);
    crash(host.dyld, object);
    WORKS(wasm_dyld_restore(host.dyld, snapshot, &error));
    SAME(call(host.dyld, NULL, "count"), 10);
    host_delete(&host);
}

static void in_new_namespaces(void)
{
    wasm_dyld_snapshot_t *snapshot, *second = NULL, *read = NULL;
    wasm_dyld_object_t *object;
    struct host host = taken(&snapshot, &object);
    host_delete(&host);
    fork_of(snapshot);
    const uint8_t *bytes = NULL, *same = NULL;
    size_t size = 0;
    WORKS(wasm_dyld_snapshot_serialize(snapshot, &bytes, &size, &error));
    WORKS(wasm_dyld_snapshot_serialize(snapshot, &same, &size, &error));
    CHECK(bytes == same && size > 0);
    WORKS(wasm_dyld_snapshot_deserialize(bytes, size, &read, &error));
    wasm_dyld_snapshot_delete(snapshot);
    fork_of(read);
    /* A snapshot of what was made of one. */
    host = begin(NULL);
    WORKS(wasm_dyld_restore(host.dyld, read, &error));
    SAME(call(host.dyld, NULL, "count"), 10);
    WORKS(wasm_dyld_snapshot(host.dyld, 0, &second, &error));
    host_delete(&host);
    host = begin(NULL);
    WORKS(wasm_dyld_restore(host.dyld, second, &error));
    SAME(call(host.dyld, NULL, "count"), 11);
    int before = ended;
    WORKS(wasm_dyld_finish(host.dyld, &error));
    SAME(ended, before + 1);
    host_delete(&host);
    SAME(started, 1);
    SAME(constructed, 1);
    wasm_dyld_snapshot_delete(second);
    wasm_dyld_snapshot_delete(read);
    ok("new namespaces go on where the snapshot was taken");
}

/* `error` of check.h is one thread's. */
static void *forks(void *env)
{
    for (int n = 0; n < FORKS; n++) {
        wasm_dyld_error_t *why = NULL;
        wasm_dyld_config_t *config = wasm_dyld_config_new();
        CHECK(wasm_dyld_config_set_snapshots(config, true, &why) == WASM_DYLD_OK);
        wasm_engine_t *engine = wasm_engine_new();
        wasm_store_t *store = wasm_store_new(engine);
        wasm_dyld_t *dyld = NULL;
        CHECK(wasm_dyld_new(store, config, &dyld, &why) == WASM_DYLD_OK);
        CHECK(wasm_dyld_restore(dyld, env, &why) == WASM_DYLD_OK);
        wasm_dyld_cell_t cell;
        CHECK(wasm_dyld_call_args(dyld, NULL, "count", "() -> i32", &cell, 1, &why) == WASM_DYLD_OK);
        CHECK(cell.i32 == 3);
        wasm_dyld_delete(dyld);
        wasm_store_delete(store);
        wasm_engine_delete(engine);
    }
    return NULL;
}

static void on_threads(void)
{
    wasm_dyld_snapshot_t *snapshot = NULL;
    struct module *m = module_new();
    struct host host = begin(NULL);
    m->memory_size = 4;
    module_function(m, "count", "", "i",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0, I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0));
    WORKS(load_module(host.dyld, "count.so", m, WASM_DYLD_GLOBAL, NULL, &error));
    SAME(call(host.dyld, NULL, "count"), 1);
    SAME(call(host.dyld, NULL, "count"), 2);
    WORKS(wasm_dyld_snapshot(host.dyld, 0, &snapshot, &error));
    host_delete(&host);
    pthread_t threads[THREADS];
    for (int n = 0; n < THREADS; n++)
        CHECK(pthread_create(&threads[n], NULL, forks, snapshot) == 0);
    for (int n = 0; n < THREADS; n++)
        CHECK(pthread_join(threads[n], NULL) == 0);
    wasm_dyld_snapshot_delete(snapshot);
    ok("100 namespaces on several threads");
}

enum { PATH = 16, OPENED = 24, STATUS = 32, FOLDER = 2, I64_CONST = 0x42 };

/* Opens the folder "." of descriptor 3, closes what it has opened, closes 3, moves 3 to 0, and asks whether 3 is open: all give WASI's errno. */
static struct module *opener(void)
{
    struct module *m = module_new();
    m->memory_size = 64;
    module_import(m, "wasi_snapshot_preview1", "path_open", "iiiiiIIii", "i");
    module_import(m, "wasi_snapshot_preview1", "fd_close", "i", "i");
    module_import(m, "wasi_snapshot_preview1", "fd_renumber", "ii", "i");
    module_import(m, "wasi_snapshot_preview1", "fd_fdstat_get", "ii", "i");
    module_data(m, PATH, ".", 1);
    module_function(m, "open", "", "i",
                    CODE(I32_CONST, 3, I32_CONST, 0, GLOBAL_GET, 0, I32_CONST, PATH, I32_ADD, I32_CONST, 1, I32_CONST, FOLDER, I64_CONST, 0, I64_CONST, 0, I32_CONST,
                         0, GLOBAL_GET, 0, I32_CONST, OPENED, I32_ADD, CALL, 0));
    module_function(m, "opened", "", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, OPENED));
    module_function(m, "close", "", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, OPENED, CALL, 1));
    module_function(m, "look", "", "i", CODE(GLOBAL_GET, 0, I32_LOAD, 2, OPENED, GLOBAL_GET, 0, I32_CONST, STATUS, I32_ADD, CALL, 3));
    module_function(m, "close_given", "", "i", CODE(I32_CONST, 3, CALL, 1));
    module_function(m, "move_given", "", "i", CODE(I32_CONST, 3, I32_CONST, 0, CALL, 2));
    return m;
}

static void grant(wasm_dyld_t *dyld, const char *another)
{
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_add_folder(wasi, ".", "/here", WASM_DYLD_FOLDER_READ_ONLY, &error));
    if (another)
        WORKS(wasm_dyld_wasi_add_folder(wasi, ".", another, WASM_DYLD_FOLDER_READ_ONLY, &error));
    WORKS(wasm_dyld_wasi_set_max_files(wasi, 4, &error));
    WORKS(wasm_dyld_set_wasi(dyld, wasi, &error));
}

static void descriptors(void)
{
    enum { BADF = 8 };
    wasm_dyld_snapshot_t *closed = NULL, *opened = NULL;
    struct host host = begin(NULL);
    grant(host.dyld, NULL);
    WORKS(load_module(host.dyld, "opener.so", opener(), WASM_DYLD_GLOBAL, NULL, &error));
    WORKS(wasm_dyld_snapshot(host.dyld, 0, &closed, &error));
    /* Rounds that leave a file open, and a folder closed or moved, do not add up: no more than four may be open. */
    for (int round = 0; round < 10; round++) {
        SAME(call(host.dyld, NULL, "open"), 0);
        SAME(call(host.dyld, NULL, "opened"), 4);
        SAME(call(host.dyld, NULL, "open"), 0);
        SAME(call(host.dyld, NULL, "opened"), 5);
        SAME(call(host.dyld, NULL, round % 2 ? "close_given" : "move_given"), 0);
        SAME(call(host.dyld, NULL, "open"), BADF);
        WORKS(wasm_dyld_restore(host.dyld, closed, &error));
    }
    SAME(call(host.dyld, NULL, "open"), 0);
    FAILS(wasm_dyld_snapshot(host.dyld, 0, &opened, &error), WASM_DYLD_UNSUPPORTED, "files open", "4: .", "WASM_DYLD_SNAPSHOT_OPEN_FILES", NULL);
    CHECK(opened == NULL);
    FAILS(wasm_dyld_snapshot(host.dyld, 6, &opened, &error), WASM_DYLD_INVALID_ARGUMENT, "snapshot", NULL);
    WORKS(wasm_dyld_snapshot(host.dyld, WASM_DYLD_SNAPSHOT_OPEN_FILES, &opened, &error));
    SAME(call(host.dyld, NULL, "open"), 0);
    WORKS(wasm_dyld_restore(host.dyld, opened, &error));
    /* The one of then is open, and that of later is not. */
    SAME(call(host.dyld, NULL, "opened"), 4);
    SAME(call(host.dyld, NULL, "look"), 0);
    SAME(call(host.dyld, NULL, "open"), 0);
    SAME(call(host.dyld, NULL, "opened"), 5);
    /* Another file has its number since. */
    WORKS(wasm_dyld_restore(host.dyld, closed, &error));
    SAME(call(host.dyld, NULL, "open"), 0);
    SAME(call(host.dyld, NULL, "opened"), 4);
    WORKS(wasm_dyld_restore(host.dyld, opened, &error));
    SAME(call(host.dyld, NULL, "look"), BADF);

    /* A folder that is not where it was given is as good as opened. */
    WORKS(wasm_dyld_restore(host.dyld, closed, &error));
    SAME(call(host.dyld, NULL, "move_given"), 0);
    wasm_dyld_snapshot_t *moved = NULL;
    FAILS(wasm_dyld_snapshot(host.dyld, 0, &moved, &error), WASM_DYLD_UNSUPPORTED, "0: descriptor 3", NULL);
    WORKS(wasm_dyld_snapshot(host.dyld, WASM_DYLD_SNAPSHOT_OPEN_FILES, &moved, &error));
    host_delete(&host);

    /* New namespaces have the folders of their own, another one besides among them, and no files; again after a restore, and made of bytes. */
    const uint8_t *bytes = NULL;
    size_t size = 0;
    wasm_dyld_snapshot_t *read = NULL;
    WORKS(wasm_dyld_snapshot_serialize(opened, &bytes, &size, &error));
    WORKS(wasm_dyld_snapshot_deserialize(bytes, size, &read, &error));
    const wasm_dyld_snapshot_t *const all[] = {closed, opened, read, moved};
    for (size_t n = 0; n < COUNT_OF(all); n++) {
        host = begin(NULL);
        grant(host.dyld, n == 1 ? "/another" : NULL);
        for (int round = 0; round < 3; round++) {
            WORKS(wasm_dyld_restore(host.dyld, all[n], &error));
            if (n == 1 || n == 2)
                SAME(call(host.dyld, NULL, "look"), n == 1 ? 0 : BADF);
            SAME(call(host.dyld, NULL, "open"), n == 3 ? BADF : 0);
            if (n < 3)
                SAME(call(host.dyld, NULL, "opened"), n == 1 ? 5 : 4);
            SAME(call(host.dyld, NULL, "close_given"), n == 3 ? BADF : 0);
        }
        host_delete(&host);
    }
    wasm_dyld_snapshot_delete(closed);
    wasm_dyld_snapshot_delete(opened);
    wasm_dyld_snapshot_delete(read);
    wasm_dyld_snapshot_delete(moved);
    ok("descriptors");
}

/* Makes "file" of descriptor 3 or opens it, and writes a byte behind what it has: both give WASI's errno. */
static struct module *writer(void)
{
    enum { CREATE = 1, APPEND = 1, PIECE = 40, WRITTEN = 48 };
    struct module *m = module_new();
    m->memory_size = 64;
    module_import(m, "wasi_snapshot_preview1", "path_open", "iiiiiIIii", "i");
    module_import(m, "wasi_snapshot_preview1", "fd_write", "iiii", "i");
    module_data(m, PATH, "file", 4);
    module_function(m, "open", "", "i",
                    CODE(I32_CONST, 3, I32_CONST, 0, GLOBAL_GET, 0, I32_CONST, PATH, I32_ADD, I32_CONST, 4, I32_CONST, CREATE, I64_CONST, 0xc0, 0, I64_CONST, 0,
                         I32_CONST, APPEND, GLOBAL_GET, 0, I32_CONST, OPENED, I32_ADD, CALL, 0));
    module_function(m, "write", "", "i",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_CONST, PATH, I32_ADD, I32_STORE, 2, PIECE, GLOBAL_GET, 0, I32_CONST, 1, I32_STORE, 2, PIECE + 4,
                         GLOBAL_GET, 0, I32_LOAD, 2, OPENED, GLOBAL_GET, 0, I32_CONST, PIECE, I32_ADD, I32_CONST, 1, GLOBAL_GET, 0, I32_CONST, WRITTEN, I32_ADD,
                         CALL, 1));
    return m;
}

static void grant_virtual(wasm_dyld_t *dyld, wasm_dyld_folder_t *folder, uint32_t access)
{
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_add_virtual_folder(wasi, folder, "/here", access, &error));
    WORKS(wasm_dyld_set_wasi(dyld, wasi, &error));
}

static size_t size_in(wasm_dyld_folder_t *folder, const char *path)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    WORKS(wasm_dyld_folder_read(folder, path, &bytes, &size, &error));
    return size;
}

/* What is in a folder in memory is the host's, as files of the system are: a restore leaves it, and a new namespace has its own. */
static void folders_in_memory(void)
{
    enum { BADF = 8 };
    wasm_dyld_snapshot_t *closed = NULL, *opened = NULL;
    wasm_dyld_folder_t *folder = wasm_dyld_folder_new_memory(0, 0), *another = wasm_dyld_folder_new_memory(0, 0);
    struct host host = begin(NULL);
    grant_virtual(host.dyld, folder, WASM_DYLD_FOLDER_READ_WRITE);
    WORKS(load_module(host.dyld, "writer.so", writer(), WASM_DYLD_GLOBAL, NULL, &error));
    WORKS(wasm_dyld_snapshot(host.dyld, 0, &closed, &error));
    SAME(call(host.dyld, NULL, "open"), 0);
    SAME(call(host.dyld, NULL, "write"), 0);
    FAILS(wasm_dyld_snapshot(host.dyld, 0, &opened, &error), WASM_DYLD_UNSUPPORTED, "files open", "4: file", NULL);
    WORKS(wasm_dyld_snapshot(host.dyld, WASM_DYLD_SNAPSHOT_OPEN_FILES, &opened, &error));
    SAME(call(host.dyld, NULL, "write"), 0);
    WORKS(wasm_dyld_restore(host.dyld, opened, &error));
    SAME(size_in(folder, "file"), 2);
    SAME(call(host.dyld, NULL, "write"), 0);
    SAME(size_in(folder, "file"), 3);
    WORKS(wasm_dyld_restore(host.dyld, closed, &error));
    SAME(size_in(folder, "file"), 3);
    SAME(call(host.dyld, NULL, "open"), 0);
    SAME(call(host.dyld, NULL, "write"), 0);
    SAME(size_in(folder, "file"), 4);
    host_delete(&host);

    host = begin(NULL);
    grant_virtual(host.dyld, another, WASM_DYLD_FOLDER_READ_WRITE);
    WORKS(wasm_dyld_restore(host.dyld, opened, &error));
    SAME(call(host.dyld, NULL, "write"), BADF);
    SAME(call(host.dyld, NULL, "open"), 0);
    SAME(call(host.dyld, NULL, "write"), 0);
    SAME(size_in(another, "file"), 1);
    SAME(size_in(folder, "file"), 4);
    host_delete(&host);
    wasm_dyld_folder_delete(folder);
    wasm_dyld_folder_delete(another);
    wasm_dyld_snapshot_delete(closed);
    wasm_dyld_snapshot_delete(opened);
    ok("folders in memory");
}

static int32_t stat_root(void *env, const char *path, wasm_dyld_file_stat_t *stat)
{
    (void)env;
    stat->kind = WASM_DYLD_KIND_FOLDER;
    return *path ? ENOENT : 0;
}

static int32_t open_none(void *env, const char *path, uint32_t flags, uint64_t *file)
{
    (void)env, (void)path, (void)flags, (void)file;
    return ENOENT;
}

static int64_t read_none(void *env, uint64_t file, uint8_t *buffer, size_t size, uint64_t offset)
{
    (void)env, (void)file, (void)buffer, (void)size, (void)offset;
    return -EIO;
}

static int64_t no_entries(void *env, const char *folder, uint64_t number, char *name, size_t size)
{
    (void)env, (void)folder, (void)number, (void)name, (void)size;
    return 0;
}

/* Folders of archives and of callbacks are open or closed as those of the system, which `descriptors` has. */
static void other_folders(void)
{
    enum { BADF = 8 };
    wasm_dyld_folder_t *folders[2];
    wasm_dyld_folder_callbacks_t callbacks;
    struct zip zip = zip_of("file", (const uint8_t *)"1", 1);
    WORKS(wasm_dyld_folder_new_archive_bytes(zip.bytes, zip.size, 0, &folders[0], &error));
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.size = sizeof callbacks;
    callbacks.stat = stat_root;
    callbacks.open = open_none;
    callbacks.read = read_none;
    callbacks.entry = no_entries;
    WORKS(wasm_dyld_folder_new_callbacks(&callbacks, NULL, NULL, &folders[1], &error));
    for (size_t n = 0; n < COUNT_OF(folders); n++) {
        wasm_dyld_snapshot_t *closed = NULL, *opened = NULL;
        struct host host = begin(NULL);
        grant_virtual(host.dyld, folders[n], WASM_DYLD_FOLDER_READ_ONLY);
        WORKS(load_module(host.dyld, "opener.so", opener(), WASM_DYLD_GLOBAL, NULL, &error));
        WORKS(wasm_dyld_snapshot(host.dyld, 0, &closed, &error));
        SAME(call(host.dyld, NULL, "open"), 0);
        FAILS(wasm_dyld_snapshot(host.dyld, 0, &opened, &error), WASM_DYLD_UNSUPPORTED, "files open", "4: .", NULL);
        WORKS(wasm_dyld_snapshot(host.dyld, WASM_DYLD_SNAPSHOT_OPEN_FILES, &opened, &error));
        SAME(call(host.dyld, NULL, "close_given"), 0);
        SAME(call(host.dyld, NULL, "open"), BADF);
        /* The folder that was given is open again, and so is the one that the guest has opened. */
        WORKS(wasm_dyld_restore(host.dyld, opened, &error));
        SAME(call(host.dyld, NULL, "look"), 0);
        SAME(call(host.dyld, NULL, "open"), 0);
        SAME(call(host.dyld, NULL, "opened"), 5);
        /* Nothing is left of either. */
        WORKS(wasm_dyld_restore(host.dyld, closed, &error));
        SAME(call(host.dyld, NULL, "open"), 0);
        SAME(call(host.dyld, NULL, "opened"), 4);
        host_delete(&host);
        /* In a new namespace with the same folder the guest has opened nothing. */
        host = begin(NULL);
        grant_virtual(host.dyld, folders[n], WASM_DYLD_FOLDER_READ_ONLY);
        WORKS(wasm_dyld_restore(host.dyld, opened, &error));
        SAME(call(host.dyld, NULL, "look"), BADF);
        SAME(call(host.dyld, NULL, "open"), 0);
        host_delete(&host);
        wasm_dyld_folder_delete(folders[n]);
        wasm_dyld_snapshot_delete(closed);
        wasm_dyld_snapshot_delete(opened);
    }
    ok("folders of archives and of callbacks");
}

/* The counter and a library that it calls as one module, in which both are still known. */
static wasm_byte_vec_t linked(void)
{
    static const char *const imports[] = {"host", "env.give"};
    struct shelf shelf;
    memset(&shelf, 0, sizeof shelf);
    shelf_add(&shelf, "constant.so", constant(6));
    struct module *program = counter();
    module_needs(program, "constant.so");
    module_function(program, "_start", "", "", CODE(CALL, 1, GLOBAL_GET, 1, I32_CONST, 0, GLOBAL_GET, 0, CALL, 4, DROP));
    struct bytes bytes = module_finish(program);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, shelf_open, &shelf, NULL, &error));
    wasm_dyld_link_options_t options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.file = "counter.so";
    options.bytes = bytes.data;
    options.bytes_size = bytes.size;
    options.imports = imports;
    options.import_count = 2;
    options.flags = WASM_DYLD_LINK_DYNAMIC;
    wasm_byte_vec_t module;
    WORKS(wasm_dyld_link(config, &options, &module, NULL, &error));
    wasm_dyld_config_delete(config);
    free(bytes.data);
    shelf_clear(&shelf);
    return module;
}

/* It counts on from 9 with both of its objects, and with the one that was loaded beside them. */
static void goes_on(wasm_dyld_t *dyld)
{
    SAME(wasm_dyld_object_count(dyld), 3);
    SAME_TEXT(wasm_dyld_object_name(dyld, wasm_dyld_object_at(dyld, 1)), "constant.so");
    wasm_dyld_object_t *program = wasm_dyld_object_at(dyld, 0);
    SAME(call(dyld, program, "count"), 10);
    SAME(call(dyld, program, "entry"), 20);
    SAME(call(dyld, program, "ask"), 40);
    SAME(call(dyld, wasm_dyld_object_at(dyld, 1), "constant"), 6);
    SAME(call(dyld, wasm_dyld_object_at(dyld, 2), "constant"), 7);
    crash(dyld, program);
}

static void of_one_module(void)
{
    wasm_byte_vec_t module = linked();
    wasm_dyld_snapshot_t *snapshot = NULL, *read = NULL;
    wasm_dyld_object_t *program = NULL, *beside = NULL;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    int32_t exit_code = -1;
    started = constructed = ended = 0;
    struct host host = begin(&snapshot);
    WORKS(wasm_dyld_load_bytes(host.dyld, "counter.so", (const uint8_t *)module.data, module.size, WASM_DYLD_PROGRAM, &program, &error));
    WORKS(load_module(host.dyld, "beside.so", constant(7), 0, &beside, &error));
    SAME(call(host.dyld, program, "count"), 8);
    SAME(call(host.dyld, program, "count"), 9);
    WORKS(wasm_dyld_snapshot(host.dyld, 0, &snapshot, &error));
    uint32_t slot = slot_of(host.dyld, wasm_dyld_object_at(host.dyld, 1), "constant");
    for (int n = 0; n < 5; n++) {
        goes_on(host.dyld);
        WORKS(wasm_dyld_restore(host.dyld, snapshot, &error));
    }
    host_delete(&host);
    WORKS(wasm_dyld_snapshot_serialize(snapshot, &bytes, &size, &error));
    WORKS(wasm_dyld_snapshot_deserialize(bytes, size, &read, &error));
    for (int n = 0; n < 2; n++) {
        host = begin(NULL);
        WORKS(wasm_dyld_restore(host.dyld, n ? read : snapshot, &error));
        goes_on(host.dyld);
        SAME(slot_of(host.dyld, wasm_dyld_object_at(host.dyld, 1), "constant"), slot);
        WORKS(wasm_dyld_restore(host.dyld, n ? snapshot : read, &error));
        WORKS(wasm_dyld_run(host.dyld, &exit_code, &error));
        SAME(exit_code, 0);
        SAME(constructed, n + 1);
        SAME(ended, n + 1);
        host_delete(&host);
    }
    SAME(started, 1);
    wasm_dyld_snapshot_delete(read);
    wasm_dyld_snapshot_delete(snapshot);
    wasm_byte_vec_delete(&module);
    ok("a program that is one module of several objects");
}

static void what_is_refused(void)
{
    wasm_dyld_snapshot_t *snapshot, *none = NULL;
    wasm_dyld_object_t *object;
    struct host host = host_new();
    WORKS(load_module(host.dyld, "plain.so", constant(1), 0, NULL, &error));
    FAILS(wasm_dyld_snapshot(host.dyld, 0, &none, &error), WASM_DYLD_UNSUPPORTED, "wasm_dyld_config_set_snapshots", NULL);
    host_delete(&host);
    host = begin(NULL);
    FAILS(wasm_dyld_snapshot(host.dyld, 0, &none, &error), WASM_DYLD_BUSY, "nothing has been loaded", NULL);
    FAILS(wasm_dyld_snapshot(host.dyld, 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "nowhere", NULL);
    FAILS(wasm_dyld_restore(host.dyld, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "the snapshot is NULL", NULL);
    host_delete(&host);
    host = taken(&snapshot, &object);
    host_delete(&host);
    /* A namespace that is another one, and one that lacks what the host had defined. */
    host = begin(NULL);
    WORKS(load_module(host.dyld, "plain.so", constant(1), 0, NULL, &error));
    FAILS(wasm_dyld_restore(host.dyld, snapshot, &error), WASM_DYLD_INVALID_ARGUMENT, "counter.so", NULL);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    host_delete(&host);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_snapshots(config, true, &error));
    host = host_with(config);
    FAILS(wasm_dyld_restore(host.dyld, snapshot, &error), WASM_DYLD_UNDEFINED_SYMBOL, "host.start", "env.give", NULL);
    SAME(wasm_dyld_object_count(host.dyld), 0);
    WORKS(load_module(host.dyld, "plain.so", constant(2), 0, &object, &error));
    SAME(call(host.dyld, object, "constant"), 2);
    host_delete(&host);
    /* Bytes that are none, too few, damaged, and of another version. */
    const uint8_t *bytes = NULL;
    size_t size = 0;
    WORKS(wasm_dyld_snapshot_serialize(snapshot, &bytes, &size, &error));
    FAILS(wasm_dyld_snapshot_deserialize(NULL, 0, &none, &error), WASM_DYLD_MALFORMED, "no snapshot", NULL);
    FAILS(wasm_dyld_snapshot_deserialize(bytes, size - 1, &none, &error), WASM_DYLD_MALFORMED, "damaged", NULL);
    uint8_t *copy = malloc(size);
    memcpy(copy, bytes, size);
    for (size_t at = 16; at < size; at += size / 50) {
        copy[at] ^= 0x10;
        FAILS(wasm_dyld_snapshot_deserialize(copy, size, &none, &error), WASM_DYLD_MALFORMED, "damaged", NULL);
        copy[at] ^= 0x10;
    }
    copy[8]++;
    FAILS(wasm_dyld_snapshot_deserialize(copy, size, &none, &error), WASM_DYLD_UNSUPPORTED, "version", NULL);
    free(copy);
    CHECK(none == NULL);
    wasm_dyld_snapshot_delete(snapshot);
    FAILS(wasm_dyld_snapshot_serialize(snapshot, &bytes, &size, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    wasm_dyld_snapshot_delete(snapshot);
    ok("what is no snapshot, or of another namespace, is refused");
}

int main(void)
{
    crash_and_restore();
    what_came_since_goes();
    in_new_namespaces();
    on_threads();
    descriptors();
    folders_in_memory();
    other_folders();
    of_one_module();
    what_is_refused();
    return 0;
}
