/*
 * Backtraces: a trap tells in which functions of which objects it arose. Engines that tell nothing give no frames; the rest is the
 * same for them.
 */
#include "build.h"
#include "check.h"

/* Whether the engine tells of frames at all, by the first trap. */
static bool tells;

/* The frame is a function of an object. `object` may be one of several names, where the engine cannot tell. */
static void check_frame(size_t n, const char *object, const char *function)
{
    if (!tells)
        return;
    CONTAINS(wasm_dyld_error_frame_object(error, n), object);
    SAME_TEXT(wasm_dyld_error_frame_function(error, n), function);
    CONTAINS(wasm_dyld_error_message(error), function);
}

/* Loads a module and gives its bytes, to be freed. */
static struct bytes load(wasm_dyld_t *dyld, const char *name, struct module *m, wasm_dyld_object_t **object)
{
    struct bytes bytes = module_finish(m);
    WORKS(wasm_dyld_load_bytes(dyld, name, bytes.data, bytes.size, WASM_DYLD_GLOBAL, object, &error));
    return bytes;
}

/* `bottom` traps on what is not 0. */
static struct module *bottom(void)
{
    struct module *m = module_new();
    module_function(m, "bottom", "i", "", CODE(LOCAL_GET, 0, IF, NOTHING, UNREACHABLE, END));
    return m;
}

static struct module *top(void)
{
    struct module *m = module_new();
    module_import(m, "env", "bottom", "i", "");
    module_function(m, "other", "", "", CODE(RETURN));
    module_function(m, "top", "i", "", CODE(LOCAL_GET, 0, CALL, 0));
    return m;
}

/* The frame's instruction, in the bytes that were loaded. An engine that makes one of a branch and a trap tells of the branch. */
static void check_offset(size_t n, struct bytes bytes, int instruction, int other)
{
    uint64_t offset = 0;
    if (!tells)
        return;
    CHECK(wasm_dyld_error_frame_offset(error, n, &offset));
    CHECK(wasm_dyld_error_frame_offset(error, n, NULL));
    CHECK(offset < bytes.size);
    CHECK(bytes.data[offset] == instruction || bytes.data[offset] == other);
}

static void across_libraries(void)
{
    struct host host = host_new();
    wasm_dyld_object_t *below = NULL, *above = NULL;
    struct bytes first = load(host.dyld, "below.so", bottom(), &below), second = load(host.dyld, "above.so", top(), &above);
    KEEPS(try_call(host.dyld, find(host.dyld, above, "top"), NULL, 1, 1), WASM_DYLD_TRAP, "unreachable", NULL);
    tells = wasm_dyld_error_frame_count(error) > 0;
    if (tells)
        SAME(wasm_dyld_error_frame_count(error), 2);
    check_frame(0, "below.so", "bottom");
    check_frame(1, "above.so", "top");
    check_offset(0, first, UNREACHABLE, IF);
    check_offset(1, second, CALL, CALL);
    /* Beyond the last one. */
    CHECK(!wasm_dyld_error_frame_object(error, 2));
    CHECK(!wasm_dyld_error_frame_function(error, 2));
    CHECK(!wasm_dyld_error_frame_offset(error, 2, NULL));
    forget_error();
    /* The namespace is as usable as before. */
    WORKS(try_call(host.dyld, find(host.dyld, above, "top"), NULL, 1, 0));
    free(first.data);
    free(second.data);
    host_delete(&host);
    ok(tells ? "a trap in a library that another one called" : "a trap on an engine that tells nothing of functions");
}

static void while_loading(void)
{
    struct host host = host_new();
    struct bytes first = load(host.dyld, "below.so", bottom(), NULL);
    struct module *m = module_new();
    module_import(m, "env", "bottom", "i", "");
    module_function(m, "__wasm_call_ctors", "", "", CODE(I32_CONST, 1, CALL, 0));
    KEEPS(load_module(host.dyld, "constructor.so", m, 0, NULL, &error), WASM_DYLD_TRAP, "unreachable", "__wasm_call_ctors of constructor.so", NULL);
    check_frame(0, "below.so", "bottom");
    check_frame(1, "constructor.so", "__wasm_call_ctors");
    forget_error();

    m = module_new();
    module_import(m, "env", "bottom", "i", "");
    module_function(m, "__wasm_apply_data_relocs", "", "", CODE(I32_CONST, 1, CALL, 0));
    KEEPS(load_module(host.dyld, "relocation.so", m, 0, NULL, &error), WASM_DYLD_TRAP, "unreachable", NULL);
    check_frame(1, "relocation.so", "__wasm_apply_data_relocs");
    forget_error();

    /* A start function runs before the object is one of the namespace's. */
    m = module_new();
    module_import(m, "env", "bottom", "i", "");
    module_start(m, module_function(m, "start", "", "", CODE(I32_CONST, 1, CALL, 0)));
    wasm_dyld_code_t code = load_module(host.dyld, "start.so", m, 0, NULL, &error);
    CHECK(code == WASM_DYLD_TRAP || (!tells && code != WASM_DYLD_OK));
    check_frame(0, "below.so", "bottom");
    check_frame(1, "start.so", "start");
    forget_error();
    SAME(wasm_dyld_object_count(host.dyld), 1);
    free(first.data);
    host_delete(&host);
    ok("a trap in relocations, constructors and a start function");
}

static void while_closing(void)
{
    struct host host = host_new();
    struct bytes first = load(host.dyld, "below.so", bottom(), NULL);
    wasm_dyld_object_t *object = NULL;
    struct module *m = module_new();
    module_import(m, "env", "bottom", "i", "");
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    m->table_size = 1;
    module_slot(m, module_function(m, "handler", "i", "", CODE(I32_CONST, 1, CALL, 0)));
    module_function(m, "__wasm_call_ctors", "", "", CODE(GLOBAL_GET, 1, I32_CONST, 0, GLOBAL_GET, 0, CALL, 1, DROP));
    WORKS(load_module(host.dyld, "ends.so", m, 0, &object, &error));
    KEEPS(wasm_dyld_unload(host.dyld, object, &error), WASM_DYLD_TRAP, "closing ends.so", "an exit handler", NULL);
    check_frame(0, "below.so", "bottom");
    check_frame(1, "ends.so", "handler");
    /* The linker's own functions, through which handlers are called, are nobody's business. */
    if (tells)
        SAME(wasm_dyld_error_frame_count(error), 2);
    forget_error();
    free(first.data);
    host_delete(&host);
    ok("a trap in an exit handler");
}

/* Appends a name section by which the module calls itself something. */
static void call_itself(struct bytes *module, const char *name)
{
    struct bytes section = {NULL, 0, 0}, part = {NULL, 0, 0};
    put_name(&section, "name");
    put_name(&part, name);
    put_block(&section, 0, &part);
    put_block(module, 0, &section);
}

static void names_that_lie(void)
{
    struct host host = host_new();
    wasm_dyld_object_t *honest = NULL, *liar = NULL;
    struct bytes one = module_finish(bottom()), other;
    struct module *m = module_new();
    call_itself(&one, "honest.so");
    WORKS(wasm_dyld_load_bytes(host.dyld, "honest.so", one.data, one.size, 0, &honest, &error));
    module_function(m, "bo\ntom", "i", "", CODE(I32_CONST, 0, DROP, UNREACHABLE));
    other = module_finish(m);
    call_itself(&other, "honest.so");
    WORKS(wasm_dyld_load_bytes(host.dyld, "liar.so", other.data, other.size, 0, &liar, &error));
    KEEPS(try_call(host.dyld, find(host.dyld, liar, "bo\ntom"), NULL, 1, 1), WASM_DYLD_TRAP, NULL);
    /* Never honest.so alone, whose function has another name; and no line is forged. */
    if (tells) {
        CONTAINS(wasm_dyld_error_frame_object(error, 0), "liar.so");
        if (wasm_dyld_error_frame_function(error, 0))
            SAME_TEXT(wasm_dyld_error_frame_function(error, 0), "bo\\ntom");
        else
            CONTAINS(wasm_dyld_error_frame_object(error, 0), "honest.so or liar.so");
    }
    forget_error();
    KEEPS(try_call(host.dyld, find(host.dyld, honest, "bottom"), NULL, 1, 1), WASM_DYLD_TRAP, NULL);
    if (tells)
        CONTAINS(wasm_dyld_error_frame_object(error, 0), "honest.so");
    forget_error();
    free(one.data);
    free(other.data);

    /* The same bytes twice: nobody can tell. */
    wasm_dyld_object_t *twin = NULL, *brother = NULL;
    struct bytes bytes = module_finish(bottom());
    WORKS(wasm_dyld_load_bytes(host.dyld, "twin.so", bytes.data, bytes.size, 0, &twin, &error));
    WORKS(wasm_dyld_load_bytes(host.dyld, "brother.so", bytes.data, bytes.size, 0, &brother, &error));
    KEEPS(try_call(host.dyld, find(host.dyld, brother, "bottom"), NULL, 1, 1), WASM_DYLD_TRAP, NULL);
    check_frame(0, "twin.so or brother.so", "bottom");
    forget_error();
    /* One is gone: the other it is. */
    WORKS(wasm_dyld_unload(host.dyld, twin, &error));
    KEEPS(try_call(host.dyld, find(host.dyld, brother, "bottom"), NULL, 1, 1), WASM_DYLD_TRAP, NULL);
    if (tells)
        SAME_TEXT(wasm_dyld_error_frame_object(error, 0), "brother.so");
    forget_error();
    free(bytes.data);
    host_delete(&host);
    ok("modules that call themselves as another, and twins");
}

static void many_frames(void)
{
    struct host host = host_new();
    wasm_dyld_object_t *object = NULL;
    struct module *m = module_new();
    module_function(m, "again", "", "", CODE(CALL, 0));
    struct bytes bytes = load(host.dyld, "endless.so", m, &object);
    wasm_dyld_code_t code = try_call(host.dyld, find(host.dyld, object, "again"), NULL, 0);
    SAME(code, WASM_DYLD_TRAP);
    CHECK(wasm_dyld_error_frame_count(error) <= 64);
    check_frame(0, "endless.so", "again");
    if (tells)
        check_frame(wasm_dyld_error_frame_count(error) - 1, "endless.so", "again");
    CHECK(strlen(wasm_dyld_error_message(error)) < 8192);
    forget_error();
    free(bytes.data);
    host_delete(&host);
    ok("a recursion without end has a backtrace with one");
}

static void no_trap(void)
{
    struct host host = host_new();
    KEEPS(wasm_dyld_load(host.dyld, "absent.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
    SAME(wasm_dyld_error_frame_count(error), 0);
    CHECK(!wasm_dyld_error_frame_object(error, 0));
    CHECK(!wasm_dyld_error_frame_function(error, 0));
    CHECK(!wasm_dyld_error_frame_offset(error, 0, NULL));
    forget_error();
    SAME(wasm_dyld_error_frame_count(NULL), 0);
    CHECK(!wasm_dyld_error_frame_object(NULL, 0));
    CHECK(!wasm_dyld_error_frame_function(NULL, 0));
    CHECK(!wasm_dyld_error_frame_offset(NULL, 0, NULL));
    host_delete(&host);
    ok("errors that are no traps have no frames");
}

static void link_map(void)
{
    struct host host = host_new();
    wasm_dyld_object_t *below = NULL, *above = NULL;
    SAME_TEXT(wasm_dyld_link_map(host.dyld), "nothing is loaded\n");
    struct bytes first = load(host.dyld, "below.so", bottom(), &below), second = load(host.dyld, "above.so", top(), &above);
    CONTAINS(wasm_dyld_link_map(host.dyld), "  below.so, global, opened by the host\n    kept: it is open; bound to by above.so\n");
    CONTAINS(wasm_dyld_link_map(host.dyld), "global scope: below.so, above.so\n");
    WORKS(wasm_dyld_unload(host.dyld, below, &error));
    CONTAINS(wasm_dyld_link_map(host.dyld), "  below.so, global\n    kept: bound to by above.so\n");
    WORKS(wasm_dyld_unload(host.dyld, above, &error));
    CHECK(!strstr(wasm_dyld_link_map(host.dyld), "below.so"));
    CHECK(!wasm_dyld_link_map(NULL));
    free(first.data);
    free(second.data);
    host_delete(&host);
    ok("the link map follows loads and unloads");
}

int main(void)
{
    across_libraries();
    while_loading();
    while_closing();
    names_that_lie();
    many_frames();
    no_trap();
    link_map();
    return 0;
}
