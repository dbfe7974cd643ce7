/* The flags have other numbers than those of wasi-libc, so that a mix-up shows: 4 is GLOBAL here and NOLOAD there. The
 * text of an error goes into a buffer that can have any size. */
#include "wasix.h"
#include "../check.h"
#include <string.h>

typedef int number_function(void);

int main_number = 11;
int main_function(void) { return main_number; }

static char error[300];

static int open_library(const char *name, uint32_t flags, uint32_t *handle)
{
    memset(error, 0, sizeof error);
    return wasix_dlopen(name, name ? strlen(name) : 0, flags, error, sizeof error, "", 0, handle);
}

static uint32_t opened(const char *name, uint32_t flags)
{
    uint32_t handle = 0;
    if (open_library(name, flags, &handle) != 0) {
        fprintf(stderr, "%s: %s\n", name, error);
        exit(1);
    }
    return handle;
}

static int find(uint32_t handle, const char *name, void **address)
{
    memset(error, 0, sizeof error);
    return wasix_dlsym(handle, name, strlen(name), error, sizeof error, address);
}

static void *found(uint32_t handle, const char *name)
{
    void *address = NULL;
    if (find(handle, name, &address) != 0) {
        fprintf(stderr, "%s: %s\n", name, error);
        exit(1);
    }
    return address;
}

static void texts(void)
{
    /* 40 characters of two bytes. */
    char name[100] = "";
    for (int i = 0; i < 40; i++)
        strcat(name, "\xc3\xa4");
    char buffer[300];
    for (size_t size = 0; size < 250; size++) {
        uint32_t handle = 0;
        memset(buffer, 0x7f, sizeof buffer);
        CHECK(wasix_dlopen(name, strlen(name), NOW, buffer, size, "", 0, &handle) != 0);
        for (size_t i = size; i < sizeof buffer; i++)
            CHECK(buffer[i] == 0x7f);
        if (size == 0)
            continue;
        size_t length = strnlen(buffer, size);
        CHECK(length < size);
        /* What is cut is cut before the first byte of a character. */
        size_t characters = 0, leads = 0;
        for (size_t i = 0; i < length; i++) {
            characters += ((unsigned char)buffer[i] & 0xc0) == 0x80;
            leads += (unsigned char)buffer[i] >= 0xc0;
        }
        CHECK(characters == leads);
        CHECK(size < 100 || length > 90);

        memset(buffer, 0x7f, sizeof buffer);
        void *address;
        CHECK(wasix_dlsym(0, name, strlen(name), buffer, size, &address) != 0);
        CHECK(strnlen(buffer, size) < size && buffer[size] == 0x7f);
    }
    puts("texts fit their buffers, whole characters and a NUL");
}

int main(void)
{
    uint32_t good = opened("libgood.so", NOW);
    CHECK(opened("/plugins/libgood.so", LAZY) == good && good > 1);
    puts("opened by name and by path: one handle");
    number_function *function = (number_function *)(uintptr_t)found(good, "good");
    printf("function and data: %d, %d\n", function(), *(int *)found(good, "good_number"));

    void *address = NULL;
    CHECK(opened(NULL, NOW) == 1);
    CHECK(found(1, "main_function") == (void *)(uintptr_t)main_function && found(1, "main_number") == &main_number);
    CHECK(find(good, "main_function", &address) != 0);
    puts("handle 1: the program");
    CHECK(found(0, "main_number") == &main_number);
    CHECK(find(0, "good", &address) != 0);
    CHECK(strstr(error, "good") != NULL);
    CHECK(opened("libgood.so", NOW | GLOBAL) == good);
    CHECK(found(0, "good") == (void *)(uintptr_t)function);
    puts("handle 0: what is global, at first not the library, then with GLOBAL");

    uint32_t handle = 0;
    CHECK(open_library("libother.so", NOW | NOLOAD, &handle) != 0);
    CHECK(error[0] != 0);
    uint32_t other = opened("libother.so", NOW | NODELETE | DEEPBIND);
    CHECK(opened("libother.so", NOW | NOLOAD) == other);
    puts("NOLOAD: an error and its text, then the handle");

    CHECK(open_library("libmissing.so", NOW, &handle) != 0);
    CHECK(strstr(error, "missing_function") != NULL);
    uint32_t missing = opened("libmissing.so", LAZY);
    CHECK(((number_function *)(uintptr_t)found(missing, "present"))() == 1);
    puts("LAZY passes, NOW names what is missing");

    CHECK(wasix_dl_invalid_handle(good) == 0 && wasix_dl_invalid_handle(other) == 0);
    CHECK(wasix_dl_invalid_handle(0x12345678) != 0 && wasix_dl_invalid_handle(good + 1) != 0);
    puts("handles: good and bad ones told apart");

    texts();

    int errors = 0;
    errors += wasix_dlopen("libgood.so", 10, NOW, error, sizeof error, "", 0, (uint32_t *)0xfffffffe) != 0;
    errors += wasix_dlopen((char *)0xfffffff0, 10, NOW, error, sizeof error, "", 0, &handle) != 0;
    errors += wasix_dlopen("libnothing.so", 13, NOW, (char *)0xfffffff0, 300, "", 0, &handle) != 0;
    errors += wasix_dlopen("libgood.so", 10, 1 << 20, error, sizeof error, "", 0, &handle) != 0;
    errors += wasix_dlsym(good, "good", 4, error, sizeof error, (void **)0xfffffffe) != 0;
    errors += wasix_dlsym(good, "nothing", 7, NULL, 0, &address) != 0;
    errors += wasix_dlsym(0x12345678, "good", 4, error, sizeof error, &address) != 0;
    printf("wrong pointers: %d errors\n", errors);
    return 0;
}
