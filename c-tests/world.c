/*
 * Whole programs that see nothing of a system: files in memory, in an archive and behind callbacks, streams of the host's. They run where there is no system
 * as well, which is then said of what there is not.
 */
#include "check.h"
#include "guest_libc.h"
#include "zip.h"
#include <errno.h>

/* A folder of few small files without folders in it, behind callbacks. */
struct node {
    char name[32];
    uint8_t bytes[256];
    size_t size;
};

struct files {
    struct node nodes[4];
    uint64_t open, closed;
};

static struct node *node_of(struct files *files, const char *path)
{
    for (size_t i = 0; i < COUNT_OF(files->nodes); i++)
        if (*files->nodes[i].name && strcmp(files->nodes[i].name, path) == 0)
            return &files->nodes[i];
    return NULL;
}

static struct node *node_at(struct files *files, uint64_t file)
{
    CHECK(file > 0 && file <= COUNT_OF(files->nodes));
    return &files->nodes[file - 1];
}

static void told(const struct node *node, wasm_dyld_file_stat_t *stat)
{
    stat->kind = WASM_DYLD_KIND_FILE;
    stat->size = node->size;
    stat->modified = 1000000000;
}

static int32_t stat_path(void *env, const char *path, wasm_dyld_file_stat_t *stat)
{
    struct node *node = node_of((struct files *)env, path);
    if (node)
        told(node, stat);
    else if (*path)
        return ENOENT;
    else
        stat->kind = WASM_DYLD_KIND_FOLDER;
    return 0;
}

static int32_t stat_open(void *env, uint64_t file, wasm_dyld_file_stat_t *stat)
{
    told(node_at((struct files *)env, file), stat);
    return 0;
}

static int32_t open_path(void *env, const char *path, uint32_t flags, uint64_t *file)
{
    struct files *files = (struct files *)env;
    struct node *node = node_of(files, path);
    if (!node && !(flags & WASM_DYLD_OPEN_CREATE))
        return ENOENT;
    for (size_t i = 0; i < COUNT_OF(files->nodes) && !node; i++) {
        if (*files->nodes[i].name)
            continue;
        node = &files->nodes[i];
        snprintf(node->name, sizeof node->name, "%s", path);
        node->size = 0;
    }
    if (!node)
        return ENOSPC;
    if (flags & WASM_DYLD_OPEN_TRUNCATE)
        node->size = 0;
    files->open++;
    *file = (uint64_t)(node - files->nodes) + 1;
    return 0;
}

static int64_t read_node(void *env, uint64_t file, uint8_t *buffer, size_t size, uint64_t offset)
{
    struct node *node = node_at((struct files *)env, file);
    size_t left = offset < node->size ? node->size - (size_t)offset : 0;
    size = size < left ? size : left;
    memcpy(buffer, node->bytes + (left ? offset : 0), size);
    return (int64_t)size;
}

static int32_t size_node(void *env, uint64_t file, uint64_t size)
{
    struct node *node = node_at((struct files *)env, file);
    if (size > sizeof node->bytes)
        return EFBIG;
    if (size > node->size)
        memset(node->bytes + node->size, 0, (size_t)size - node->size);
    node->size = (size_t)size;
    return 0;
}

static int64_t write_node(void *env, uint64_t file, const uint8_t *bytes, size_t size, uint64_t offset)
{
    struct node *node = node_at((struct files *)env, file);
    if (offset > sizeof node->bytes || size > sizeof node->bytes - offset)
        return -EFBIG;
    if (offset + size > node->size)
        CHECK(size_node(env, file, offset + size) == 0);
    memcpy(node->bytes + offset, bytes, size);
    return (int64_t)size;
}

static int64_t list_nodes(void *env, const char *folder, uint64_t number, char *name, size_t size)
{
    struct files *files = (struct files *)env;
    CHECK(!*folder);
    for (size_t i = 0; i < COUNT_OF(files->nodes); i++)
        if (*files->nodes[i].name && number-- == 0)
            return snprintf(name, size, "%s", files->nodes[i].name);
    return 0;
}

static int32_t remove_node(void *env, const char *path)
{
    struct node *node = node_of((struct files *)env, path);
    if (!node)
        return ENOENT;
    *node->name = 0;
    return 0;
}

static int32_t rename_node(void *env, const char *path, const char *to)
{
    struct node *node = node_of((struct files *)env, path);
    if (!node)
        return ENOENT;
    remove_node(env, to);
    snprintf(node->name, sizeof node->name, "%s", to);
    return 0;
}

static void close_node(void *env, uint64_t file)
{
    (void)file;
    ((struct files *)env)->closed++;
}

static wasm_dyld_folder_t *behind_callbacks(struct files *files)
{
    wasm_dyld_folder_callbacks_t given;
    wasm_dyld_folder_t *folder = NULL;
    memset(files, 0, sizeof *files);
    memset(&given, 0, sizeof given);
    given.size = sizeof given;
    given.stat = stat_path;
    given.stat_open = stat_open;
    given.open = open_path;
    given.read = read_node;
    given.write = write_node;
    given.set_size = size_node;
    given.entry = list_nodes;
    given.remove_file = remove_node;
    given.rename = rename_node;
    given.close = close_node;
    WORKS(wasm_dyld_folder_new_callbacks(&given, files, NULL, &folder, &error));
    return folder;
}

/* What a program wrote to either stream, by a callback. */
static char output[8192];
static size_t written;

static int32_t take_output(void *env, const uint8_t *bytes, size_t size)
{
    CHECK(env == output && written + size < sizeof output);
    memcpy(output + written, bytes, size);
    written += size;
    output[written] = 0;
    return 0;
}

/* Runs a program of a case with what it is given, which is taken, and gives its exit code. */
static int32_t run(const char *name, wasm_dyld_wasi_t *wasi)
{
    char folder[64], program[80];
    int32_t exit_code = -1;
    snprintf(folder, sizeof folder, "cases/%s", name);
    snprintf(program, sizeof program, "%s/main-pie.wasm", folder);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    WORKS(wasm_dyld_config_add_library_path(config, guest_path(folder), &error));
    struct host host = host_with(config);
    written = 0;
    *output = 0;
    WORKS(wasm_dyld_wasi_set_stdout(wasi, take_output, output, NULL, &error));
    WORKS(wasm_dyld_wasi_set_stderr(wasi, take_output, output, NULL, &error));
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    WORKS(wasm_dyld_load(host.dyld, guest_path(program), WASM_DYLD_PROGRAM, NULL, &error));
    WORKS(wasm_dyld_run(host.dyld, &exit_code, &error));
    host_delete(&host);
    return exit_code;
}

static void add_folder(wasm_dyld_wasi_t *wasi, wasm_dyld_folder_t *folder, const char *name, uint32_t flags)
{
    WORKS(wasm_dyld_wasi_add_virtual_folder(wasi, folder, name, flags, &error));
}

static const char LINES[] = "first line of the file\nsecond line of the file\n";

/* Reads, writes, appends, measures, truncates, renames, lists and removes. */
static void files_wherever_they_are(void)
{
    struct files files;
    struct zip zip = zip_of("lines.txt", (const uint8_t *)LINES, sizeof LINES - 1);
    wasm_dyld_folder_t *archive = NULL, *memory = wasm_dyld_folder_new_memory(0, 0), *called = behind_callbacks(&files);
    WORKS(wasm_dyld_folder_new_archive_bytes(zip.bytes, zip.size, 0, &archive, &error));
    WORKS(wasm_dyld_folder_write(memory, "lines.txt", (const uint8_t *)LINES, sizeof LINES - 1, &error));
    wasm_dyld_folder_t *empty = wasm_dyld_folder_new_memory(0, 0);
    wasm_dyld_folder_t *const read[] = {archive, memory, called}, *const changed[] = {empty, called, empty};
    for (size_t i = 0; i < COUNT_OF(read); i++) {
        uint64_t file = 0;
        if (read[i] == called) {
            CHECK(open_path(&files, "lines.txt", WASM_DYLD_OPEN_CREATE, &file) == 0);
            SAME(write_node(&files, file, (const uint8_t *)LINES, sizeof LINES - 1, 0), sizeof LINES - 1);
            close_node(&files, file);
        }
        wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
        add_folder(wasi, read[i], "/data", WASM_DYLD_FOLDER_READ_ONLY);
        add_folder(wasi, changed[i], "/out", WASM_DYLD_FOLDER_READ_WRITE);
        SAME(run("files", wasi), 0);
        SAME_TEXT(output, "read by the library, opened by main: first line of the file\n"
                          "read by main, opened by the library: second line of the file\n"
                          "written 3 lines: 1 one, 2 two, 3 three\n"
                          "size 20, then truncated to 6: 1 one\n"
                          "in the folder: records.txt renamed to kept.txt\n"
                          "not writable outside\n");
        CHECK(files.open == files.closed);
    }
    CHECK(files.open >= 4);
    wasm_dyld_folder_delete(archive);
    wasm_dyld_folder_delete(memory);
    wasm_dyld_folder_delete(called);
    wasm_dyld_folder_delete(empty);
    ok("files in memory, in an archive and behind callbacks");
}

/* Puts a library that the guests' build has made into a folder in memory. */
static void copy_library(wasm_dyld_folder_t *folder, const char *name)
{
    static uint8_t bytes[1 << 20];
    char path[64];
    snprintf(path, sizeof path, "cases/dl-sqlite/ext/%s", name);
    FILE *file = fopen(guest_path(path), "rb");
    CHECK(file != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    CHECK(size > 0 && size < sizeof bytes && fclose(file) == 0);
    WORKS(wasm_dyld_folder_write(folder, name, bytes, size, &error));
}

/* A database of which the host has the file then, and extensions that the program opens as libraries by their names in a folder. */
static void databases(void)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    wasm_dyld_folder_t *data = wasm_dyld_folder_new_memory(0, 0), *extensions = wasm_dyld_folder_new_memory(0, 0);
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_add_arg(wasi, "sqlite-demo", &error));
    WORKS(wasm_dyld_wasi_add_arg(wasi, "/data/books.db", &error));
    add_folder(wasi, data, "/data", WASM_DYLD_FOLDER_READ_WRITE);
    SAME(run("sqlite-demo", wasi), 0);
    CONTAINS(output, "opened again: 8 books, integrity ok");
    WORKS(wasm_dyld_folder_read(data, "books.db", &bytes, &size, &error));
    CHECK(size > 4096 && memcmp(bytes, "SQLite format 3", 16) == 0);

    static const char *const libraries[] = {"libtext.so", "libseries.so", "libempty.so"};
    for (size_t i = 0; i < COUNT_OF(libraries); i++)
        copy_library(extensions, libraries[i]);
    wasi = wasm_dyld_wasi_new();
    add_folder(wasi, extensions, "/ext", WASM_DYLD_FOLDER_READ_ONLY);
    add_folder(wasi, data, "/data", WASM_DYLD_FOLDER_READ_WRITE);
    SAME(run("dl-sqlite", wasi), 0);
    CONTAINS(output, "reversed('wasm'): msaw");
    CONTAINS(output, "text: unloaded\nclosed\n");
    wasm_dyld_folder_delete(data);
    wasm_dyld_folder_delete(extensions);
    ok("databases in memory, and libraries of a folder in memory");
}

/* Random numbers of whatever system this is, and waiting that ends: for time, and for what is always ready. */
static void what_a_system_gives(void)
{
    struct host host;
    uint8_t drawn[2][16];
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_stdin_bytes(wasi, (const uint8_t *)"in", 2, &error));
    wasm_dyld_object_t *libc = load_libc(&host, wasi);
    uint32_t room = give(&host, libc, "sixteen bytes are here and more");
    for (size_t i = 0; i < COUNT_OF(drawn); i++) {
        SAME(CALL2(host.dyld, find(host.dyld, libc, "getentropy"), room, sizeof drawn[i]), 0);
        WORKS(wasm_dyld_read(host.dyld, room, drawn[i], sizeof drawn[i], &error));
    }
    CHECK(memcmp(drawn[0], drawn[1], sizeof drawn[0]) != 0);

    /* A struct pollfd: the descriptor, what for (POLLRDNORM), and what became of it. */
    static const int32_t timeouts[] = {0, 20, -1};
    for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
        write_int(host.dyld, room, 0);
        write_int(host.dyld, room + 4, 1);
        SAME(call3(&host, libc, "poll", room, 1, (uint32_t)timeouts[i]), 1);
        SAME((uint32_t)read_int(host.dyld, room + 4) >> 16, 1);
    }
    SAME(CALL1(host.dyld, find(host.dyld, libc, "usleep"), 2000), 0);
    SAME(CALL0(host.dyld, find(host.dyld, libc, "sched_yield")), 0);
    host_delete(&host);
    ok("what a system gives");
}

/* What would be of a system is refused where there is none, and says what there is instead. */
static void without_a_system(void)
{
#ifdef __wasm__
    wasm_dyld_folder_t *folder = NULL;
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    struct host host = host_new();
    WORKS(wasm_dyld_wasi_inherit_env(wasi, &error));
    WORKS(wasm_dyld_wasi_inherit_stdio(wasi, &error));
    FAILS(wasm_dyld_set_wasi(host.dyld, wasi, &error), WASM_DYLD_UNSUPPORTED, "standard streams", "callbacks", NULL);
    wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_add_folder(wasi, ".", "/", WASM_DYLD_FOLDER_READ_ONLY, &error));
    FAILS(wasm_dyld_set_wasi(host.dyld, wasi, &error), WASM_DYLD_UNSUPPORTED, "in memory", "callbacks", NULL);
    wasi = wasm_dyld_wasi_new();
    FAILS(wasm_dyld_wasi_add_listener(wasi, 3, &error), WASM_DYLD_UNSUPPORTED, "sockets", NULL);
    wasm_dyld_wasi_delete(wasi);
    FAILS(wasm_dyld_folder_new_archive("a.zip", 0, &folder, &error), WASM_DYLD_UNSUPPORTED, "a.zip", "wasm_dyld_folder_new_archive_bytes", NULL);
    host_delete(&host);
#endif
    ok("without a system");
}

int main(void)
{
    files_wherever_they_are();
    databases();
    what_a_system_gives();
    without_a_system();
    return 0;
}
