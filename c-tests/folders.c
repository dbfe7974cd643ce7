/*
 * Folders for guests that are none of the system: in memory, in archives, and behind callbacks.
 */
#include "check.h"
#include "guest_libc.h"
#include "zip.h"
#include <errno.h>

static wasm_dyld_object_t *load_libc_with(struct host *host, wasm_dyld_folder_t *folder, uint32_t flags)
{
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_add_virtual_folder(wasi, folder, "/data", flags, &error));
    return load_libc(host, wasi);
}

/* What the host puts there guests find, and what they write the host. */
static void in_memory(void)
{
    struct host host;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    wasm_dyld_folder_t *folder = wasm_dyld_folder_new_memory(0, 0);
    CHECK(folder != NULL);
    WORKS(wasm_dyld_folder_write(folder, "sub/file", (const uint8_t *)"contents", 8, &error));
    WORKS(wasm_dyld_folder_make(folder, "empty", &error));
    wasm_dyld_object_t *libc = load_libc_with(&host, folder, WASM_DYLD_FOLDER_READ_WRITE);
    SAME_TEXT(guest_reads(&host, libc, "/data/sub/file"), "contents");
    CHECK(guest_writes(&host, libc, "/data/sub/new", "written"));
    WORKS(wasm_dyld_folder_read(folder, "sub/new", &bytes, &size, &error));
    CHECK(size == 7 && memcmp(bytes, "written", 7) == 0);
    WORKS(wasm_dyld_folder_list(folder, &bytes, &size, &error));
    CHECK(size == 24 && memcmp(bytes, "empty/\0sub/file\0sub/new", 24) == 0);
    WORKS(wasm_dyld_folder_remove(folder, "sub", &error));
    CHECK(guest_reads(&host, libc, "/data/sub/file") == NULL);
    /* The handle is the caller's; the folder stays with the namespace. */
    wasm_dyld_folder_delete(folder);
    CHECK(guest_writes(&host, libc, "/data/late", "x"));
    SAME_TEXT(guest_reads(&host, libc, "/data/late"), "x");
    host_delete(&host);
    ok("in memory");
}

static void read_only(void)
{
    struct host host;
    wasm_dyld_folder_t *folder = wasm_dyld_folder_new_memory(0, 0);
    WORKS(wasm_dyld_folder_write(folder, "file", (const uint8_t *)"1", 1, &error));
    wasm_dyld_object_t *libc = load_libc_with(&host, folder, WASM_DYLD_FOLDER_READ_ONLY);
    CHECK(!guest_writes(&host, libc, "/data/file", "2") && !guest_writes(&host, libc, "/data/new", "2"));
    SAME_TEXT(guest_reads(&host, libc, "/data/file"), "1");
    host_delete(&host);
    wasm_dyld_folder_delete(folder);
    ok("read only");
}

static void bounded(void)
{
    struct host host;
    wasm_dyld_folder_t *folder = wasm_dyld_folder_new_memory(64, 4);
    FAILS(wasm_dyld_folder_write(folder, "big", (const uint8_t *)"1", 65, &error), WASM_DYLD_LIMIT, "big", NULL);
    wasm_dyld_object_t *libc = load_libc_with(&host, folder, WASM_DYLD_FOLDER_READ_WRITE);
    CHECK(!guest_writes(&host, libc, "/data/big2", "0123456789012345678901234567890123456789012345678901234567890"));
    /* What did not fit is not there; what fitted of the other is. */
    FAILS(wasm_dyld_folder_read(folder, "big", NULL, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
    WORKS(wasm_dyld_folder_remove(folder, "big2", &error));
    WORKS(wasm_dyld_folder_make(folder, "d/e/f", &error));
    FAILS(wasm_dyld_folder_make(folder, "g", &error), WASM_DYLD_LIMIT, NULL);
    host_delete(&host);
    wasm_dyld_folder_delete(folder);
    ok("bounded");
}

static void misuse(void)
{
    wasm_dyld_folder_t *folder = wasm_dyld_folder_new_memory(0, 0);
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    FAILS(wasm_dyld_folder_write(NULL, "a", NULL, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "folder is NULL", NULL);
    FAILS(wasm_dyld_folder_write(folder, NULL, NULL, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "path is NULL", NULL);
    FAILS(wasm_dyld_folder_write(folder, "a", NULL, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "contents is NULL", NULL);
    FAILS(wasm_dyld_folder_write(folder, "/a", NULL, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "leads out", NULL);
    FAILS(wasm_dyld_folder_write(folder, "\xff", NULL, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "UTF-8", NULL);
    FAILS(wasm_dyld_folder_read(folder, "none", NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "none", NULL);
    FAILS(wasm_dyld_folder_remove(folder, "none", &error), WASM_DYLD_NOT_FOUND, "none", NULL);
    FAILS(wasm_dyld_wasi_add_virtual_folder(NULL, folder, "/", WASM_DYLD_FOLDER_READ_ONLY, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_wasi_add_virtual_folder(wasi, NULL, "/", WASM_DYLD_FOLDER_READ_ONLY, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_wasi_add_virtual_folder(wasi, folder, NULL, WASM_DYLD_FOLDER_READ_ONLY, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_wasi_add_virtual_folder(wasi, folder, "/", 0, &error), WASM_DYLD_INVALID_ARGUMENT, "READ_ONLY", NULL);
    WORKS(wasm_dyld_folder_write(folder, "a", NULL, 0, &error));
    WORKS(wasm_dyld_folder_read(folder, "a", NULL, NULL, &error));
    FAILS(wasm_dyld_folder_remove(folder, ".", &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    WORKS(wasm_dyld_folder_clear(folder, &error));
    FAILS(wasm_dyld_folder_clear(NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_folder_read(folder, "a", NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "a", NULL);
    wasm_dyld_folder_delete(folder);
    FAILS(wasm_dyld_folder_make(folder, "a", &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    wasm_dyld_folder_delete(folder);
    wasm_dyld_folder_delete(NULL);
    wasm_dyld_wasi_delete(wasi);
    ok("misuse");
}

/* What is in an archive guests read; nobody changes it. */
static void archives(void)
{
    struct host host;
    wasm_dyld_folder_t *folder = NULL;
    struct zip zip = zip_of("sub/file", (const uint8_t *)"contents", 8);
    FAILS(wasm_dyld_folder_new_archive_bytes(zip.bytes, zip.size, 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_folder_new_archive_bytes(NULL, 1, 0, &folder, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_folder_new_archive_bytes(zip.bytes, zip.size - 1, 0, &folder, &error), WASM_DYLD_MALFORMED, "archive", NULL);
    FAILS(wasm_dyld_folder_new_archive_bytes(zip.bytes, zip.size, 2, &folder, &error), WASM_DYLD_LIMIT, "sub/file", NULL);
    FAILS(wasm_dyld_folder_new_archive(NULL, 0, &folder, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
#ifndef __wasm__ /* it opens no files there */
    FAILS(wasm_dyld_folder_new_archive("/nowhere/a.zip", 0, &folder, &error), WASM_DYLD_NOT_FOUND, "/nowhere/a.zip", NULL);
    FAILS(wasm_dyld_folder_new_archive("/", 0, &folder, &error), WASM_DYLD_INVALID_ARGUMENT, "regular", NULL);
#endif
    CHECK(folder == NULL);
    WORKS(wasm_dyld_folder_new_archive_bytes(zip.bytes, zip.size, 3, &folder, &error));
    memset(zip.bytes, 0, zip.size);
    FAILS(wasm_dyld_folder_read(folder, "sub/file", NULL, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "not in memory", NULL);
    wasm_dyld_object_t *libc = load_libc_with(&host, folder, WASM_DYLD_FOLDER_READ_WRITE);
    SAME_TEXT(guest_reads(&host, libc, "/data/sub/file"), "contents");
    CHECK(guest_reads(&host, libc, "/data/none") == NULL && !guest_writes(&host, libc, "/data/sub/file", "2"));
    CHECK(!guest_writes(&host, libc, "/data/new", "2"));
    wasm_dyld_folder_delete(folder);
    SAME_TEXT(guest_reads(&host, libc, "/data/sub/file"), "contents");
    host_delete(&host);
    ok("archives");
}

/* Two files behind callbacks: "read" has a text, and "write" takes one. */
struct files {
    char text[64];
    size_t size;
    uint64_t open, closed;
    int finalized, answer;
    int64_t count;
    wasm_dyld_t *calls; /* what a callback tries to change */
};

static int32_t stat_file(void *env, const char *path, wasm_dyld_file_stat_t *stat)
{
    struct files *files = (struct files *)env;
    if (files->answer)
        return files->answer;
    if (files->calls) {
        wasm_dyld_object_t *object = NULL;
        FAILS(wasm_dyld_load(files->calls, "libc.so", 0, &object, &error), WASM_DYLD_BUSY, NULL);
        FAILS(wasm_dyld_set_wasi(files->calls, NULL, &error), WASM_DYLD_BUSY, NULL);
    }
    SAME(stat->kind + stat->size + stat->inode, 0);
    stat->kind = *path ? WASM_DYLD_KIND_FILE : WASM_DYLD_KIND_FOLDER;
    stat->size = *path ? files->size : 0;
    return !*path || strcmp(path, "file") == 0 ? 0 : ENOENT;
}

static int32_t open_file(void *env, const char *path, uint32_t flags, uint64_t *file)
{
    struct files *files = (struct files *)env;
    SAME_TEXT(path, "file");
    if (flags & WASM_DYLD_OPEN_TRUNCATE)
        files->size = 0;
    *file = ++files->open;
    return 0;
}

static int64_t read_file(void *env, uint64_t file, uint8_t *buffer, size_t size, uint64_t offset)
{
    struct files *files = (struct files *)env;
    CHECK(file <= files->open);
    if (files->count)
        return files->count;
    size_t left = offset < files->size ? files->size - (size_t)offset : 0;
    size = size < left ? size : left;
    memcpy(buffer, files->text + offset, size);
    return (int64_t)size;
}

static int64_t write_file(void *env, uint64_t file, const uint8_t *bytes, size_t size, uint64_t offset)
{
    struct files *files = (struct files *)env;
    CHECK(file <= files->open);
    if (offset + size > sizeof files->text)
        return -ENOSPC;
    memcpy(files->text + offset, bytes, size);
    files->size = (size_t)offset + size;
    return (int64_t)size;
}

static int64_t list_files(void *env, const char *folder, uint64_t number, char *name, size_t size)
{
    (void)env;
    CHECK(*folder == 0 && size >= 255);
    if (number > 0)
        return 0;
    memcpy(name, "file", 4);
    return 4;
}

static void close_file(void *env, uint64_t file)
{
    struct files *files = (struct files *)env;
    CHECK(file <= files->open);
    files->closed++;
}

static void finalize_files(void *env) { ((struct files *)env)->finalized++; }

static void callbacks(void)
{
    struct host host;
    struct files files;
    wasm_dyld_folder_callbacks_t given;
    wasm_dyld_folder_t *folder = NULL;
    memset(&files, 0, sizeof files);
    memset(&given, 0, sizeof given);
    strcpy(files.text, "contents");
    files.size = 8;
    given.size = sizeof given;
    given.stat = stat_file;
    given.open = open_file;
    given.read = read_file;
    FAILS(wasm_dyld_folder_new_callbacks(&given, &files, finalize_files, &folder, &error), WASM_DYLD_INVALID_ARGUMENT, "entry", NULL);
    given.entry = list_files;
    given.close = close_file;
    given.size--;
    FAILS(wasm_dyld_folder_new_callbacks(&given, &files, finalize_files, &folder, &error), WASM_DYLD_INVALID_ARGUMENT, "version", NULL);
    FAILS(wasm_dyld_folder_new_callbacks(NULL, &files, finalize_files, &folder, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    given.size++;
    FAILS(wasm_dyld_folder_new_callbacks(&given, &files, finalize_files, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    SAME(files.finalized, 4);

    /* What is not given is as in a folder that is read only. */
    WORKS(wasm_dyld_folder_new_callbacks(&given, &files, finalize_files, &folder, &error));
    FAILS(wasm_dyld_folder_make(folder, "a", &error), WASM_DYLD_INVALID_ARGUMENT, "not in memory", NULL);
    wasm_dyld_object_t *libc = load_libc_with(&host, folder, WASM_DYLD_FOLDER_READ_WRITE);
    SAME_TEXT(guest_reads(&host, libc, "/data/file"), "contents");
    CHECK(guest_reads(&host, libc, "/data/none") == NULL && !guest_writes(&host, libc, "/data/file", "x"));
    SAME(CALL1(host.dyld, find(host.dyld, libc, "remove"), give(&host, libc, "/data/file")), -1);

    /* What fails or cannot be in the host fails in the guest, and it may not change the namespace. */
    files.count = 1 << 20;
    SAME_TEXT(guest_reads(&host, libc, "/data/file"), "");
    files.count = INT64_MIN;
    SAME_TEXT(guest_reads(&host, libc, "/data/file"), "");
    files.count = -EIO;
    SAME_TEXT(guest_reads(&host, libc, "/data/file"), "");
    files.count = 0;
    files.answer = -1;
    CHECK(guest_reads(&host, libc, "/data/file") == NULL);
    files.answer = 0;
    files.calls = host.dyld;
    SAME_TEXT(guest_reads(&host, libc, "/data/file"), "contents");
    SAME(files.open, files.closed);
    host_delete(&host);
    SAME(files.finalized, 4);
    wasm_dyld_folder_delete(folder);
    SAME(files.finalized, 5);

    files.calls = NULL;
    given.write = write_file;
    WORKS(wasm_dyld_folder_new_callbacks(&given, &files, NULL, &folder, &error));
    libc = load_libc_with(&host, folder, WASM_DYLD_FOLDER_READ_WRITE);
    CHECK(guest_writes(&host, libc, "/data/file", "anew"));
    SAME_TEXT(guest_reads(&host, libc, "/data/file"), "anew");
    CHECK(!guest_writes(&host, libc, "/data/file", "0123456789012345678901234567890123456789012345678901234567890123456789"));
    host_delete(&host);
    wasm_dyld_folder_delete(folder);
    ok("callbacks");
}

int main(void)
{
    in_memory();
    read_only();
    bounded();
    misuse();
    archives();
    callbacks();
    return 0;
}
