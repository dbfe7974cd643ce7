/* Compiled code in a place of the host's, and in folders that somebody has filled before. */

#define _POSIX_C_SOURCE 200809L
#include "build.h"
#include "check.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A place in memory: what a host would have on a server. */
struct shelf_of_code {
    struct {
        char name[65];
        uint8_t *bytes;
        size_t size;
    } files[64];
    size_t count;
    int asked, given, put, finalized;
    int fails;
};

static int32_t get_code(void *env, const char *name, wasm_dyld_kept_give_t give, void *to)
{
    struct shelf_of_code *shelf = env;
    shelf->asked++;
    if (shelf->fails)
        return -1;
    CHECK(strlen(name) == 64);
    for (size_t i = 0; i < shelf->count; i++)
        if (strcmp(shelf->files[i].name, name) == 0) {
            /* What was given last counts. */
            give(to, (const uint8_t *)"nothing", 7);
            give(to, shelf->files[i].bytes, shelf->files[i].size);
            shelf->given++;
            return 0;
        }
    return 1;
}

static void put_code(void *env, const char *name, const uint8_t *bytes, size_t size)
{
    struct shelf_of_code *shelf = env;
    size_t i = 0;
    shelf->put++;
    while (i < shelf->count && strcmp(shelf->files[i].name, name) != 0)
        i++;
    CHECK(i < COUNT_OF(shelf->files) && strlen(name) == 64);
    if (i == shelf->count)
        shelf->count++;
    else
        free(shelf->files[i].bytes);
    strcpy(shelf->files[i].name, name);
    shelf->files[i].bytes = malloc(size);
    shelf->files[i].size = size;
    memcpy(shelf->files[i].bytes, bytes, size);
}

static void finalize_shelf(void *env)
{
    ((struct shelf_of_code *)env)->finalized++;
}

static void empty(struct shelf_of_code *shelf)
{
    for (size_t i = 0; i < shelf->count; i++)
        free(shelf->files[i].bytes);
    memset(shelf, 0, sizeof *shelf);
}

static void forget_counts(struct shelf_of_code *shelf)
{
    shelf->asked = shelf->given = shelf->put = 0;
}

static struct bytes library(int32_t number)
{
    struct module *m = module_new();
    module_function(m, "number", "", "i", CODE(I32_CONST, (uint8_t)number));
    return module_finish(m);
}

/* Loads a library in an engine of its own, that is made with the configuration, which goes. */
static int32_t number_of(wasm_dyld_config_t *config, int32_t number)
{
    struct bytes bytes = library(number);
    wasm_dyld_object_t *object = NULL;
    wasm_engine_t *engine = NULL;
    wasm_dyld_t *dyld = NULL;
    int32_t result;
    WORKS(wasm_dyld_engine_new(config, &engine, &error));
    wasm_dyld_config_delete(config);
    wasm_store_t *store = wasm_store_new(engine);
    WORKS(wasm_dyld_new(store, NULL, &dyld, &error));
    WORKS(wasm_dyld_load_bytes(dyld, "number.so", bytes.data, bytes.size, 0, &object, &error));
    result = CALL0(dyld, find(dyld, object, "number"));
    wasm_dyld_delete(dyld);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    free(bytes.data);
    return result;
}

static wasm_dyld_config_t *with_shelf(struct shelf_of_code *shelf, const char *secret)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_code_store(config, get_code, put_code, (const uint8_t *)secret, secret ? strlen(secret) : 0, shelf,
                                          finalize_shelf, &error));
    return config;
}

static void kept_on_a_shelf(void)
{
    static struct shelf_of_code shelf;
    SAME(number_of(with_shelf(&shelf, NULL), 5), 5);
    CHECK(shelf.put > 0 && shelf.given == 0);
    forget_counts(&shelf);
    SAME(number_of(with_shelf(&shelf, NULL), 5), 5);
    CHECK(shelf.put == 0 && shelf.given == shelf.asked && shelf.given > 0);
    /* Damage: compiled anew, and put in its place. */
    for (size_t i = 0; i < shelf.count; i++)
        shelf.files[i].bytes[shelf.files[i].size / 2] ^= 8;
    forget_counts(&shelf);
    SAME(number_of(with_shelf(&shelf, NULL), 5), 5);
    CHECK(shelf.put > 0);
    forget_counts(&shelf);
    SAME(number_of(with_shelf(&shelf, NULL), 5), 5);
    CHECK(shelf.put == 0);
    /* A server that does not answer. */
    shelf.fails = 1;
    SAME(number_of(with_shelf(&shelf, NULL), 6), 6);
    shelf.fails = 0;
    /* Only read. */
    forget_counts(&shelf);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_code_store(config, get_code, NULL, NULL, 0, &shelf, NULL, &error));
    SAME(number_of(config, 7), 7);
    CHECK(shelf.asked > 0 && shelf.put == 0);
    empty(&shelf);
    ok("code on a shelf of the host's");
}

static void sealed(void)
{
    static struct shelf_of_code shelf;
    static const char ours[] = "sixteen bytes or more", theirs[] = "another secret, as long";
    SAME(number_of(with_shelf(&shelf, ours), 5), 5);
    forget_counts(&shelf);
    SAME(number_of(with_shelf(&shelf, ours), 5), 5);
    CHECK(shelf.put == 0 && shelf.given > 0);
    /* What others sealed, or nobody, is not there; and the other way round. */
    SAME(number_of(with_shelf(&shelf, theirs), 5), 5);
    CHECK(shelf.put > 0);
    forget_counts(&shelf);
    SAME(number_of(with_shelf(&shelf, NULL), 5), 5);
    CHECK(shelf.put > 0);
    forget_counts(&shelf);
    SAME(number_of(with_shelf(&shelf, ours), 5), 5);
    CHECK(shelf.put > 0);
    empty(&shelf);
    ok("sealed by a secret");
}

static void brought_nearer(void)
{
    static struct shelf_of_code shelf;
    wasm_dyld_config_t *config;
    mkdir("near", 0700);
    SAME(number_of(with_shelf(&shelf, NULL), 9), 9);
    for (int round = 0; round < 2; round++) {
        forget_counts(&shelf);
        config = with_shelf(&shelf, NULL);
        WORKS(wasm_dyld_config_set_engine_cache(config, "near", &error));
        SAME(number_of(config, 9), 9);
        CHECK(shelf.put == 0);
        CHECK(round == 0 ? shelf.given > 0 : shelf.asked == 0);
    }
    /* The folder as one that somebody has filled. */
    config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_prebuilt_cache(config, "nowhere", &error));
    WORKS(wasm_dyld_config_add_prebuilt_cache(config, "near", &error));
    WORKS(wasm_dyld_config_set_code_store(config, get_code, put_code, NULL, 0, &shelf, NULL, &error));
    forget_counts(&shelf);
    SAME(number_of(config, 9), 9);
    CHECK(shelf.asked == 0);
    /* Others could write to it. */
    mkdir("open", 0700);
    chmod("open", 0777);
    config = wasm_dyld_config_new();
    wasm_engine_t *engine = NULL;
    WORKS(wasm_dyld_config_add_prebuilt_cache(config, "open", &error));
    FAILS(wasm_dyld_engine_new(config, &engine, &error), WASM_DYLD_INVALID_ARGUMENT, "can be written to by others", NULL);
    wasm_dyld_config_delete(config);
    empty(&shelf);
    ok("code that comes nearer");
}

static void given_up(void)
{
    static struct shelf_of_code one, two;
    wasm_dyld_config_t *config = with_shelf(&one, NULL);
    WORKS(wasm_dyld_config_set_code_store(config, get_code, put_code, NULL, 0, &two, finalize_shelf, &error));
    SAME(one.finalized, 1);
    wasm_engine_t *engine = NULL, *another = NULL;
    WORKS(wasm_dyld_engine_new(config, &engine, &error));
    wasm_dyld_config_delete(config);
    SAME(two.finalized, 0);
    wasm_engine_delete(engine);
    /* Elsewhere than on Linux on x86-64 it goes when another engine is made. */
    WORKS(wasm_dyld_engine_new(NULL, &another, &error));
    struct host host = host_new();
    host_delete(&host);
    wasm_engine_delete(another);
    SAME(two.finalized, 1);
    config = wasm_dyld_config_new();
    FAILS(wasm_dyld_config_set_code_store(config, NULL, put_code, NULL, 0, &one, finalize_shelf, &error), WASM_DYLD_INVALID_ARGUMENT,
          "is NULL", NULL);
    FAILS(wasm_dyld_config_set_code_store(config, get_code, put_code, (const uint8_t *)"short", 5, &one, finalize_shelf, &error),
          WASM_DYLD_INVALID_ARGUMENT, "16 bytes", NULL);
    FAILS(wasm_dyld_config_set_code_store(config, get_code, put_code, NULL, 20, &one, finalize_shelf, &error), WASM_DYLD_INVALID_ARGUMENT,
          "secret", NULL);
    FAILS(wasm_dyld_config_add_prebuilt_cache(config, "", &error), WASM_DYLD_INVALID_ARGUMENT, "empty", NULL);
    SAME(one.finalized, 1);
    wasm_dyld_config_delete(config);
    empty(&one);
    empty(&two);
    ok("given up once");
}

/* A module that nobody has compiled before. */
static int32_t compiles(struct host *host, int n)
{
    char name[32];
    struct module *m = module_new();
    snprintf(name, sizeof name, "answer%d", n);
    module_function(m, name, "", "i", CODE(I32_CONST, 42));
    WORKS(load_module(host->dyld, name, m, WASM_DYLD_GLOBAL, NULL, &error));
    return CALL0(host->dyld, find(host->dyld, NULL, name));
}

/* The threads that the engine compiles on are not there in a child, nor in a child of that. */
static void forked(void)
{
    struct host host = host_new();
    SAME(compiles(&host, 0), 42);
    for (int n = 0; n < 3; n++) {
        pid_t child = fork();
        int status = -1;
        if (child == 0) {
            alarm(20);
            SAME(compiles(&host, 1), 42);
            pid_t grandchild = fork();
            alarm(20);
            SAME(compiles(&host, 2), 42);
            host_delete(&host);
            if (grandchild > 0) {
                CHECK(waitpid(grandchild, &status, 0) == grandchild);
                SAME(status, 0);
            }
            /* What the parent's threads held is nobody's here: valgrind is not to see it. */
            execlp("true", "true", (char *)NULL);
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        SAME(status, 0);
    }
    SAME(compiles(&host, 3), 42);
    host_delete(&host);
    ok("children compile");
}

/* Whatever the host has compiled without the linker has started the engine's threads as well. The linker has compiled nothing yet. */
static void forked_after_compiling(void)
{
    struct host host = host_new();
    struct module *m = module_new();
    for (int n = 0; n < 8; n++)
        module_function(m, NULL, "", "i", CODE(I32_CONST, 42));
    struct bytes bytes = module_finish(m);
    wasm_byte_vec_t binary;
    wasm_byte_vec_new(&binary, bytes.size, (const char *)bytes.data);
    free(bytes.data);
    wasm_module_t *module = wasm_module_new(host.store, &binary);
    CHECK(module != NULL);
    wasm_byte_vec_delete(&binary);
    pid_t child = fork();
    int status = -1;
    if (child == 0) {
        alarm(20);
        SAME(compiles(&host, 4), 42);
        /* A function without the result that it promises: the engine is asked what it has against it. */
        struct module *wrong = module_new();
        module_function(wrong, "wrong", "", "i", CODE(GLOBAL_GET, 0, 0x1a));
        FAILS(load_module(host.dyld, "wrong.so", wrong, 0, NULL, &error), WASM_DYLD_MALFORMED, "wrong.so", NULL);
        execlp("true", "true", (char *)NULL);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    SAME(status, 0);
    wasm_module_delete(module);
    host_delete(&host);
    ok("children compile where the host had compiled");
}

int main(void)
{
    forked_after_compiling();
    forked();
    kept_on_a_shelf();
    sealed();
    brought_nearer();
    given_up();
    return 0;
}
