/*
 * SQLite as a WebAssembly library in a C host: no main program, no generated bindings.
 *
 *     cc -std=c11 sqlite.c -lwasmdyld -o sqlite
 *     ./sqlite LIBRARIES [DATABASE [QUERY]]
 *
 * LIBRARIES is the folder with libsqlite3.so and the libc.so that it needs. DATABASE is a file to use in place of one in
 * memory; the guest sees its folder, and nothing else of this machine. Without a QUERY, a small table is made first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasm.h>
#include <wasmdyld.h>

/* From sqlite3.h. */
enum { SQLITE_OK = 0, SQLITE_ROW = 100, SQLITE_DONE = 101, SQLITE_INTEGER = 1, SQLITE_FLOAT = 2, SQLITE_NULL = 5 };

static const char SAMPLE[] =
    "CREATE TABLE IF NOT EXISTS river (name TEXT PRIMARY KEY, continent TEXT, km INTEGER);"
    "INSERT OR REPLACE INTO river VALUES"
    " ('Nile', 'Africa', 6650), ('Congo', 'Africa', 4700), ('Niger', 'Africa', 4180), ('Amazon', 'South America', 6400),"
    " ('Parana', 'South America', 4880), ('Yangtze', 'Asia', 6300), ('Yellow River', 'Asia', 5464), ('Mekong', 'Asia', 4350),"
    " ('Danube', 'Europe', 2850), ('Volga', 'Europe', 3692), ('Mackenzie', 'North America', 4241);";

static const char QUERY[] =
    "SELECT continent, count(*) AS rivers, sum(km) AS total_km, round(avg(km), 1) AS average, max(km) AS longest_km, name AS longest"
    " FROM river GROUP BY continent ORDER BY total_km DESC";

static wasm_dyld_t *dyld;
static wasm_dyld_error_t *error; /* of the last call that failed */

/* Functions of the guest, by name. A pointer of the guest is a number: an address in its memory. */
static struct {
    wasm_func_t *open, *exec, *prepare, *step, *column_count, *column_name, *column_type, *column_text, *finalize, *errmsg, *close;
    wasm_func_t *malloc, *free, *strlen;
} guest;

/* Ends the program with what went wrong, if anything did. */
static void check(wasm_dyld_code_t code)
{
    if (code == WASM_DYLD_OK)
        return;
    fprintf(stderr, "sqlite: %s\n", wasm_dyld_error_message(error));
    wasm_dyld_error_delete(error);
    exit(1);
}

static void find(wasm_dyld_object_t *library, const char *name, wasm_func_t **function)
{
    wasm_dyld_symbol_kind_t kind;
    /* In the library itself and in what it needs, so that malloc is found in libc.so. */
    check(wasm_dyld_dlsym(dyld, library, name, &kind, function, NULL, &error));
    if (kind != WASM_DYLD_FUNC) {
        fprintf(stderr, "sqlite: %s is no function\n", name);
        exit(1);
    }
}

/* Calls a function of the guest whose parameters are all pointers and ints; so is its result, if it has one. */
static uint32_t call(const wasm_func_t *function, size_t count, const uint32_t *numbers)
{
    wasm_val_t values[8], result = WASM_I32_VAL(0);
    for (size_t i = 0; i < count; i++)
        values[i] = (wasm_val_t)WASM_I32_VAL((int32_t)numbers[i]);
    wasm_val_vec_t arguments = {count, values};
    wasm_val_vec_t results = {wasm_func_result_arity(function), &result};
    check(wasm_dyld_call(dyld, function, &arguments, &results, &error));
    return (uint32_t)result.of.i32;
}

#define COUNT(...) (sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
#define CALL(function, ...) call(guest.function, COUNT(__VA_ARGS__), (uint32_t[]){__VA_ARGS__})

/* Memory of the guest, for the guest's free. */
static uint32_t allocate(uint32_t size)
{
    uint32_t address = CALL(malloc, size);
    if (address == 0) {
        fprintf(stderr, "sqlite: the guest has no memory left\n");
        exit(1);
    }
    return address;
}

/* Copies a string into the guest. */
static uint32_t give(const char *text)
{
    size_t size = strlen(text) + 1;
    uint32_t address = allocate((uint32_t)size);
    check(wasm_dyld_write(dyld, address, (const uint8_t *)text, size, &error));
    return address;
}

/* Copies a string out of the guest; the caller frees it. */
static char *take(uint32_t address)
{
    size_t length = CALL(strlen, address);
    char *text = calloc(length + 1, 1);
    if (!text)
        abort();
    check(wasm_dyld_read(dyld, address, (uint8_t *)text, length, &error));
    return text;
}

/* What a function left in an out parameter. The guest is little-endian, whatever this machine is. */
static uint32_t take_pointer(uint32_t address)
{
    uint8_t bytes[4];
    check(wasm_dyld_read(dyld, address, bytes, sizeof bytes, &error));
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void require(uint32_t database, const char *what, uint32_t code, uint32_t wanted)
{
    if (code == wanted)
        return;
    char *message = take(CALL(errmsg, database));
    fprintf(stderr, "sqlite: %s: %s\n", what, message);
    free(message);
    exit(1);
}

static uint32_t open_database(const char *file)
{
    uint32_t name = give(file), out = allocate(4);
    uint32_t code = CALL(open, name, out);
    uint32_t database = take_pointer(out);
    require(database, file, code, SQLITE_OK);
    CALL(free, name);
    CALL(free, out);
    return database;
}

static void execute(uint32_t database, const char *sql)
{
    uint32_t text = give(sql);
    require(database, "making the table", CALL(exec, database, text, 0, 0, 0), SQLITE_OK);
    CALL(free, text);
}

static void print_cell(const char *text, bool number)
{
    printf(number ? "%13s  " : "%-15s", text);
}

static void print_query(uint32_t database, const char *sql)
{
    uint32_t text = give(sql), out = allocate(4);
    require(database, sql, CALL(prepare, database, text, UINT32_MAX /* to its end */, out, 0), SQLITE_OK);
    uint32_t statement = take_pointer(out), columns = CALL(column_count, statement), rows = 0, code;
    while ((code = CALL(step, statement)) == SQLITE_ROW) {
        /* The first row tells what is a number, and with it on which side its heading stands. */
        for (uint32_t column = 0; rows == 0 && column < columns; column++) {
            uint32_t type = CALL(column_type, statement, column);
            char *name = take(CALL(column_name, statement, column));
            print_cell(name, type == SQLITE_INTEGER || type == SQLITE_FLOAT);
            free(name);
        }
        putchar('\n');
        for (uint32_t column = 0; column < columns; column++) {
            uint32_t type = CALL(column_type, statement, column);
            char *value = type == SQLITE_NULL ? NULL : take(CALL(column_text, statement, column));
            print_cell(value ? value : "NULL", type == SQLITE_INTEGER || type == SQLITE_FLOAT);
            free(value);
        }
        rows++;
    }
    require(database, sql, code, SQLITE_DONE);
    printf("\n(%" PRIu32 " %s)\n", rows, rows == 1 ? "row" : "rows");
    CALL(finalize, statement);
    CALL(free, text);
    CALL(free, out);
}

/* Lets the guest use the folder that a file is in, as /data, and gives the guest's name for the file. */
static char *grant_folder_of(wasm_dyld_wasi_t *wasi, const char *file)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    size_t room = strlen(file) + sizeof "/data/";
    char *folder = calloc(room, 1), *path = malloc(room);
    if (!folder || !path)
        abort();
    if (slash)
        memcpy(folder, file, slash == file ? 1 : (size_t)(slash - file));
    check(wasm_dyld_wasi_add_folder(wasi, slash ? folder : ".", "/data", WASM_DYLD_FOLDER_READ_WRITE, &error));
    snprintf(path, room, "/data/%s", name);
    free(folder);
    return path;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: %s LIBRARIES [DATABASE [QUERY]]\n", argv[0]);
        return 2;
    }

    /* An engine, a store, and a namespace that finds its libraries in a folder. */
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    check(wasm_dyld_config_add_library_path(config, argv[1], &error));
    /* Compiled code is kept where the engine keeps it for this user: the next run starts in milliseconds. */
    check(wasm_dyld_config_set_engine_cache(config, NULL, &error));
    wasm_engine_t *engine;
    check(wasm_dyld_engine_new(config, &engine, &error));
    wasm_store_t *store = wasm_store_new(engine);
    check(wasm_dyld_new(store, config, &dyld, &error)); /* takes the configuration */

    /* What the guest sees of this machine: standard error, and the database's folder as /data. */
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    check(wasm_dyld_wasi_inherit_stdio(wasi, &error));
    char *path = NULL;
    if (argc > 2)
        path = grant_folder_of(wasi, argv[2]);
    check(wasm_dyld_set_wasi(dyld, wasi, &error)); /* takes the WASI configuration */

    /* The library, with libc.so, which it needs. */
    wasm_dyld_object_t *library;
    check(wasm_dyld_load(dyld, "libsqlite3.so", WASM_DYLD_NOW, &library, &error));
    find(library, "sqlite3_open", &guest.open);
    find(library, "sqlite3_exec", &guest.exec);
    find(library, "sqlite3_prepare_v2", &guest.prepare);
    find(library, "sqlite3_step", &guest.step);
    find(library, "sqlite3_column_count", &guest.column_count);
    find(library, "sqlite3_column_name", &guest.column_name);
    find(library, "sqlite3_column_type", &guest.column_type);
    find(library, "sqlite3_column_text", &guest.column_text);
    find(library, "sqlite3_finalize", &guest.finalize);
    find(library, "sqlite3_errmsg", &guest.errmsg);
    find(library, "sqlite3_close", &guest.close);
    find(library, "malloc", &guest.malloc);
    find(library, "free", &guest.free);
    find(library, "strlen", &guest.strlen);

    uint32_t database = open_database(path ? path : ":memory:");
    if (argc < 4)
        execute(database, SAMPLE);
    print_query(database, argc < 4 ? QUERY : argv[3]);
    CALL(close, database);

    free(path);
    wasm_dyld_delete(dyld);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
