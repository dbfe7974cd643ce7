/*
 * WASI: input and output by callbacks and buffers, folders, and when their environments are given up.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include "guest_libc.h"
#include <errno.h>
#ifndef __wasm__
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

struct stream {
    const char *input;
    size_t at;
    char output[4096];
    size_t size;
    int answer, calls, finalized;
};

static int64_t read_some(void *env, uint8_t *buffer, size_t size)
{
    struct stream *stream = (struct stream *)env;
    size_t left = strlen(stream->input) - stream->at, count = size < 3 ? size : 3;
    stream->calls++;
    if (stream->answer)
        return stream->answer;
    count = count < left ? count : left;
    memcpy(buffer, stream->input + stream->at, count);
    stream->at += count;
    return (int64_t)count;
}

static int32_t write_some(void *env, const uint8_t *bytes, size_t size)
{
    struct stream *stream = (struct stream *)env;
    stream->calls++;
    if (stream->answer)
        return stream->answer;
    CHECK(stream->size + size < sizeof stream->output);
    memcpy(stream->output + stream->size, bytes, size);
    stream->size += size;
    return 0;
}

static void finalize(void *env) { ((struct stream *)env)->finalized++; }

static void callbacks(void)
{
    static struct stream in, out, err;
    struct host host;
    in.input = "some input";
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_stdin(wasi, read_some, &in, finalize, &error));
    WORKS(wasm_dyld_wasi_set_stdout(wasi, write_some, &out, finalize, &error));
    WORKS(wasm_dyld_wasi_set_stderr(wasi, write_some, &err, finalize, &error));
    wasm_dyld_object_t *libc = load_libc(&host, wasi);
    uint32_t text = give(&host, libc, "12345678"), buffer = give(&host, libc, "                    ");
    SAME(call3(&host, libc, "write", 1, text, 5), 5);
    SAME(call3(&host, libc, "write", 2, text + 5, 3), 3);
    SAME_TEXT(out.output, "12345");
    SAME_TEXT(err.output, "678");
    SAME(call3(&host, libc, "read", 0, buffer, 20), 3);
    SAME(call3(&host, libc, "read", 0, buffer + 3, 2), 2);
    SAME(call3(&host, libc, "read", 0, buffer + 5, 20), 3);
    SAME(call3(&host, libc, "read", 0, buffer + 8, 20), 2);
    SAME(call3(&host, libc, "read", 0, buffer + 10, 20), 0);
    SAME_TEXT(read_text(host.dyld, buffer), "some input          ");
    CALL1(host.dyld, find(host.dyld, libc, "puts"), text);
    SAME(CALL1(host.dyld, find(host.dyld, libc, "fflush"), 0), 0);
    SAME_TEXT(out.output, "1234512345678\n");

    /* What fails in the host fails in the guest. */
    out.answer = ENOSPC;
    SAME(call3(&host, libc, "write", 1, text, 5), -1);
    out.answer = 0;
    in.answer = -EIO;
    SAME(call3(&host, libc, "read", 0, buffer, 5), -1);
    in.answer = 1000; /* more than asked for */
    SAME(call3(&host, libc, "read", 0, buffer, 5), -1);
    in.answer = 0;
    SAME(call3(&host, libc, "write", 1, text, 1), 1);
    SAME(in.finalized + out.finalized + err.finalized, 0);
    host_delete(&host);
    SAME(in.finalized, 1);
    SAME(out.finalized, 1);
    SAME(err.finalized, 1);
    ok("callbacks");
}

static void finalizers(void)
{
    static struct stream stream;
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_stdout(wasi, write_some, &stream, finalize, &error));
    WORKS(wasm_dyld_wasi_set_stdout(wasi, write_some, &stream, finalize, &error));
    SAME(stream.finalized, 1); /* replaced */
    wasm_dyld_wasi_delete(wasi);
    SAME(stream.finalized, 2);
    wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_stdin(wasi, read_some, &stream, finalize, &error));
    FAILS(wasm_dyld_set_wasi(NULL, wasi, &error), WASM_DYLD_INVALID_ARGUMENT, "namespace is NULL", NULL);
    SAME(stream.finalized, 3); /* taken, also on failure */
    struct host host = host_new();
    wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_stdin(wasi, read_some, &stream, finalize, &error));
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    SAME(stream.finalized, 3);
    wasm_dyld_delete(host.dyld);
    SAME(stream.finalized, 4);
    wasm_store_delete(host.store);
    wasm_engine_delete(host.engine);
    SAME(stream.calls, 0);
    ok("finalizers");
}

static void buffers(void)
{
    struct host host;
    const uint8_t *bytes = NULL;
    size_t size = 99;
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    wasm_dyld_output_t *output = wasm_dyld_output_new(8);
    WORKS(wasm_dyld_wasi_set_stdin_bytes(wasi, (const uint8_t *)"abcdef", 6, &error));
    WORKS(wasm_dyld_wasi_set_stdout_buffer(wasi, output, &error));
    WORKS(wasm_dyld_wasi_set_stderr_buffer(wasi, output, &error));
    wasm_dyld_object_t *libc = load_libc(&host, wasi);
    uint32_t text = give(&host, libc, "12345678");
    WORKS(wasm_dyld_output_take(output, &bytes, &size, &error));
    SAME(size, 0);
    SAME(call3(&host, libc, "write", 1, text, 3), 3);
    SAME(call3(&host, libc, "write", 2, text + 3, 2), 2);
    WORKS(wasm_dyld_output_take(output, &bytes, &size, &error));
    SAME(size, 5);
    CHECK(memcmp(bytes, "12345", 5) == 0);
    SAME(call3(&host, libc, "write", 1, text, 8), 8);
    SAME(call3(&host, libc, "write", 1, text, 1), -1); /* full */
    WORKS(wasm_dyld_output_take(output, NULL, &size, &error));
    SAME(size, 8);
    SAME(call3(&host, libc, "write", 1, text, 1), 1);
    wasm_dyld_output_delete(output);
    SAME(call3(&host, libc, "write", 1, text, 1), 1); /* to nobody */
    uint32_t buffer = give(&host, libc, "        ");
    SAME(call3(&host, libc, "read", 0, buffer, 8), 6);
    SAME(call3(&host, libc, "read", 0, buffer, 8), 0);
    SAME_TEXT(read_text(host.dyld, buffer), "abcdef  ");
    host_delete(&host);
    ok("buffers");
}

static void nothing_by_default(void)
{
    struct host host;
    wasm_dyld_object_t *libc = load_libc(&host, NULL);
    uint32_t text = give(&host, libc, "PATH"), name = give(&host, libc, "/etc/passwd");
    SAME(CALL1(host.dyld, find(host.dyld, libc, "getenv"), text), 0);
    SAME(call3(&host, libc, "write", 1, text, 4), 4);
    SAME(call3(&host, libc, "read", 0, text, 4), 0);
    SAME(CALL2(host.dyld, find(host.dyld, libc, "fopen"), name, give(&host, libc, "r")), 0);
    host_delete(&host);
    ok("nothing by default");
}

/* Where the library is a module, it has no folders and no sockets of a system: see world.c. */
#ifndef __wasm__

static int32_t open_in_guest(struct host *host, wasm_dyld_object_t *libc, const char *name, const char *how)
{
    int32_t file = CALL2(host->dyld, find(host->dyld, libc, "fopen"), give(host, libc, name), give(host, libc, how));
    if (file)
        CALL1(host->dyld, find(host->dyld, libc, "fclose"), file);
    return file;
}

static void folders(void)
{
    struct host host;
    char folder[] = "wasi-folder";
    char file[64], outside[64], link[64];
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    snprintf(outside, sizeof outside, "%s-outside", folder);
    mkdir(folder, 0777);
    mkdir(outside, 0777);
    remove(file);
    remove(link);
    FILE *out = fopen(file, "w");
    CHECK(out != NULL && fputs("contents", out) >= 0 && fclose(out) == 0);
    CHECK(symlink("/", link) == 0);

    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_add_folder(wasi, folder, "/readable", WASM_DYLD_FOLDER_READ_ONLY, &error));
    WORKS(wasm_dyld_wasi_add_folder(wasi, folder, "/writable", WASM_DYLD_FOLDER_READ_WRITE, &error));
    WORKS(wasm_dyld_wasi_add_folder(wasi, folder, NULL, WASM_DYLD_FOLDER_READ_ONLY, &error));
    wasm_dyld_object_t *libc = load_libc(&host, wasi);
    CHECK(open_in_guest(&host, libc, "/readable/file", "r") != 0);
    CHECK(open_in_guest(&host, libc, "/writable/file", "r") != 0);
    CHECK(open_in_guest(&host, libc, "wasi-folder/file", "r") != 0);
    CHECK(open_in_guest(&host, libc, "/readable/file", "r+") == 0);
    CHECK(open_in_guest(&host, libc, "/readable/new", "w") == 0);
    CHECK(open_in_guest(&host, libc, "/readable/absent", "r") == 0);
    CHECK(open_in_guest(&host, libc, "/readable/../wasi-folder-outside", "r") == 0);
    CHECK(open_in_guest(&host, libc, "/readable/link/etc/passwd", "r") == 0);
    CHECK(open_in_guest(&host, libc, "/file", "r") == 0);
    SAME(CALL1(host.dyld, find(host.dyld, libc, "remove"), give(&host, libc, "/readable/file")), -1);
    CHECK(access(file, F_OK) == 0);
    CHECK(open_in_guest(&host, libc, "/writable/new", "w") != 0);
    SAME(CALL1(host.dyld, find(host.dyld, libc, "remove"), give(&host, libc, "/writable/new")), 0);
    SAME(CALL1(host.dyld, find(host.dyld, libc, "remove"), give(&host, libc, "/writable/file")), 0);
    CHECK(access(file, F_OK) != 0);
    host_delete(&host);
    remove(link);
    rmdir(outside);
    rmdir(folder);
    ok("folders");
}

/* Descriptors of the process: a guest has as many as it is let have. */
static void descriptors(void)
{
    struct host host;
    mkdir("wasi-files", 0777);
    FILE *out = fopen("wasi-files/file", "w");
    CHECK(out != NULL && fclose(out) == 0);
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    FAILS(wasm_dyld_wasi_set_max_files(NULL, 3, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    WORKS(wasm_dyld_wasi_set_max_files(wasi, 9, &error));
    WORKS(wasm_dyld_wasi_set_max_files(wasi, 3, &error));
    WORKS(wasm_dyld_wasi_add_folder(wasi, "wasi-files", "/files", WASM_DYLD_FOLDER_READ_ONLY, &error));
    wasm_dyld_object_t *libc = load_libc(&host, wasi);
    wasm_func_t *open_file = find(host.dyld, libc, "fopen");
    uint32_t name = give(&host, libc, "/files/file"), mode = give(&host, libc, "r"), files[3];
    for (size_t i = 0; i < 3; i++) {
        files[i] = (uint32_t)CALL2(host.dyld, open_file, name, mode);
        CHECK(files[i] != 0);
    }
    SAME(CALL2(host.dyld, open_file, name, mode), 0);
    SAME(CALL1(host.dyld, find(host.dyld, libc, "fclose"), files[1]), 0);
    CHECK(CALL2(host.dyld, open_file, name, mode) != 0);
    SAME(CALL2(host.dyld, open_file, name, mode), 0);
    host_delete(&host);
    remove("wasi-files/file");
    rmdir("wasi-files");
    ok("descriptors");
}

/* Sockets that listen: the guest has its own descriptor, by which it is found where folders would be. */
static void listeners(void)
{
    struct host host;
    struct sockaddr_in any;
    memset(&any, 0, sizeof any);
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0), deaf = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listener >= 0 && deaf >= 0 && bind(listener, (struct sockaddr *)&any, sizeof any) == 0 && listen(listener, 1) == 0);
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    FAILS(wasm_dyld_wasi_add_listener(NULL, listener, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_wasi_add_listener(wasi, -1, &error), WASM_DYLD_INVALID_ARGUMENT, "-1", NULL);
    FAILS(wasm_dyld_wasi_add_listener(wasi, deaf, &error), WASM_DYLD_INVALID_ARGUMENT, "listen", NULL);
    WORKS(wasm_dyld_wasi_add_listener(wasi, listener, &error));
    close(listener);
    close(deaf);
    wasm_dyld_object_t *libc = load_libc(&host, wasi);
    wasm_func_t *close_in_guest = find(host.dyld, libc, "close");
    SAME(CALL1(host.dyld, close_in_guest, 4), -1);
    SAME(CALL1(host.dyld, close_in_guest, 3), 0);
    SAME(CALL1(host.dyld, close_in_guest, 3), -1);
    host_delete(&host);
    ok("listeners");
}

#endif

/* Runs that are the same each time. */
static void deterministic(void)
{
    uint8_t drawn[2][8];
    FAILS(wasm_dyld_wasi_set_deterministic(NULL, 1, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    for (size_t i = 0; i < 2; i++) {
        struct host host;
        wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
        WORKS(wasm_dyld_wasi_set_deterministic(wasi, 7, &error));
        wasm_dyld_object_t *libc = load_libc(&host, wasi);
        uint32_t room = give(&host, libc, "8 bytes");
        SAME(CALL2(host.dyld, find(host.dyld, libc, "getentropy"), room, 8), 0);
        WORKS(wasm_dyld_read(host.dyld, room, drawn[i], 8, &error));
        SAME(CALL1(host.dyld, find(host.dyld, libc, "sleep"), 3600), 0);
        host_delete(&host);
    }
    CHECK(memcmp(drawn[0], drawn[1], 8) == 0 && memcmp(drawn[0], "8 bytes", 8) != 0);
    ok("deterministic");
}

int main(void)
{
#ifndef __wasm__
    descriptors();
    listeners();
    folders();
#endif
    deterministic();
    nothing_by_default();
    callbacks();
    finalizers();
    buffers();
    return 0;
}
