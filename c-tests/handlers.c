/*
 * Exit handlers: when they run, what they may do, and closing in the midst of other things.
 */
#include "closing.h"

static char notes[256];

static wasm_trap_t *note(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    size_t length = strlen(notes);
    (void)results;
    snprintf(notes + length, sizeof notes - length, "%s%d", length ? " " : "", (int)arguments->data[0].of.i32);
    return NULL;
}

/* What has been noted since the last time. */
#define NOTED(wanted) (SAME_TEXT(notes, wanted), (void)(notes[0] = 0))

enum { CXA_ATEXIT, ATEXIT, NOTE, FIRST_FUNCTION };

/* Its constructor registers three exit handlers, which note 10 * id + 3, 10 * id + 2, 10 * id + 1 when they run. */
static struct module *registers(int id, const char *needs)
{
    struct module *m = module_new();
    uint8_t n = (uint8_t)(10 * id);
    if (needs)
        module_needs(m, needs);
    m->memory_size = 4;
    m->memory_p2align = 2;
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_import(m, "env", "atexit", "i", "i");
    module_import(m, "test", "note", "i", "");
    module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, CALL, NOTE)));
    module_slot(m, module_function(m, NULL, "", "", CODE(I32_CONST, (uint8_t)(n + 2), CALL, NOTE)));
    uint8_t with = (uint8_t)module_function(m, "with", "i", "i", CODE(GLOBAL_GET, 1, LOCAL_GET, 0, GLOBAL_GET, 0, CALL, CXA_ATEXIT));
    uint8_t without = (uint8_t)module_function(m, "without", "", "i", CODE(GLOBAL_GET, 1, I32_CONST, 1, I32_ADD, CALL, ATEXIT));
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(I32_CONST, (uint8_t)(n + 1), CALL, with, DROP, CALL, without, DROP, I32_CONST, (uint8_t)(n + 3), CALL, with, DROP));
    return m;
}

static void begin_with_handlers(void)
{
    begin_with_base();
    define_function(&host, "test", "note", 1, 0, note);
    notes[0] = 0;
    shelf_add(&shelf, "one.so", registers(1, NULL));
    shelf_add(&shelf, "two.so", registers(2, "one.so"));
    shelf_add(&shelf, "three.so", registers(3, NULL));
}

static void handlers_on_closing(void)
{
    begin_with_handlers();
    for (int round = 0; round < 3; round++) {
        wasm_dyld_object_t *one = load("one.so", 0);
        load("one.so", 0);
        close_object(one);
        NOTED("");
        close_object(one);
        NOTED("13 12 11");
    }
    /* A library's handlers run before those of what it needs. */
    wasm_dyld_object_t *two = load("two.so", 0);
    close_object(two);
    NOTED("23 22 21 13 12 11");
    two = load("two.so", 0);
    wasm_dyld_object_t *one = load("one.so", 0);
    close_object(two);
    NOTED("23 22 21");
    /* What is registered later runs first. */
    SAME(CALL1(host.dyld, find(host.dyld, one, "with"), 7), 0);
    SAME(CALL0(host.dyld, find(host.dyld, one, "without")), 0);
    SAME(CALL1(host.dyld, find(host.dyld, one, "with"), 8), 0);
    close_object(one);
    NOTED("8 12 7 13 12 11");
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("");
    host_delete(&host);
    NOTED("");
    ok("exit handlers run when a library goes, in reverse, once");
}

static void handlers_at_the_end(void)
{
    begin_with_handlers();
    wasm_dyld_object_t *one = load("one.so", 0), *three = load("three.so", 0);
    CALL1(host.dyld, find(host.dyld, one, "with"), 5);
    CALL1(host.dyld, find(host.dyld, three, "with"), 6);
    CALL1(host.dyld, find(host.dyld, one, "with"), 7);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("7 6 5 33 32 31 13 12 11");
    SAME(wasm_dyld_object_count(host.dyld), 3);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("");
    /* Objects live on, and may register more. */
    CALL1(host.dyld, find(host.dyld, one, "with"), 8);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("8");
    CALL1(host.dyld, find(host.dyld, one, "with"), 9);
    CALL1(host.dyld, find(host.dyld, three, "with"), 10);
    close_object(one);
    NOTED("9");
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("10");
    close_object(three);
    NOTED("");

    /* The end of a namespace is the host's, and runs no guest code. */
    load("one.so", 0);
    host_delete(&host);
    NOTED("");
    ok("exit handlers run at the end, in reverse of all registrations, once");
}

static void nothing_to_finish(void)
{
    begin();
    WORKS(wasm_dyld_finish(host.dyld, &error));
    SAME(wasm_dyld_object_count(host.dyld), 0);
    CHECK(wasm_dyld_memory(host.dyld, NULL, NULL) == WASM_DYLD_BUSY);
    host_delete(&host);
    ok("an empty namespace ends");
}

/* A handler that registers another one, which is then the next to run. */
static void handlers_in_handlers(void)
{
    for (int by_close = 0; by_close < 2; by_close++) {
        begin_with_handlers();
        struct module *m = module_new();
        wasm_dyld_object_t *object = NULL;
        m->memory_size = 4;
        module_import(m, "env", "__cxa_atexit", "iii", "i");
        module_import(m, "env", "atexit", "i", "i");
        module_import(m, "test", "note", "i", "");
        /* While there is something to count down, it notes that and registers itself with one less. */
        module_slot(m, module_function(m, NULL, "i", "",
                                       CODE(LOCAL_GET, 0, CALL, NOTE, LOCAL_GET, 0, IF, NOTHING, GLOBAL_GET, 1, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, GLOBAL_GET, 0,
                                            CALL, CXA_ATEXIT, DROP, END)));
        module_function(m, "with", "i", "i", CODE(GLOBAL_GET, 1, LOCAL_GET, 0, GLOBAL_GET, 0, CALL, CXA_ATEXIT));
        WORKS(load_module(host.dyld, "more.so", m, 0, &object, &error));
        CALL1(host.dyld, find(host.dyld, object, "with"), 4);
        CALL1(host.dyld, find(host.dyld, object, "with"), 2);
        if (by_close)
            close_object(object);
        else
            WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("2 1 0 4 3 2 1 0");
        WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("");
        host_delete(&host);
    }
    ok("handlers that register handlers");
}

/* Its constructor registers a handler that notes 1, then the one of `code`, then one that notes 3. */
static struct module *ends_badly(const uint8_t *code, size_t size)
{
    struct module *m = module_new();
    m->memory_size = 4;
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_import(m, "env", "atexit", "i", "i");
    module_import(m, "test", "note", "i", "");
    module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
    module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, CALL, NOTE)));
    module_slot(m, module_function(m, NULL, "i", "", code, size));
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, 1, I32_CONST, 1, GLOBAL_GET, 0, CALL, CXA_ATEXIT, DROP, GLOBAL_GET, 1, I32_CONST, 1, I32_ADD, I32_CONST, 2, GLOBAL_GET, 0, CALL,
                         CXA_ATEXIT, DROP, GLOBAL_GET, 1, I32_CONST, 3, GLOBAL_GET, 0, CALL, CXA_ATEXIT, DROP));
    return m;
}

#define TRAPS CODE(LOCAL_GET, 0, CALL, NOTE, UNREACHABLE)
#define EXITS CODE(LOCAL_GET, 0, CALL, NOTE, I32_CONST, 17, CALL, 3)

static void handlers_that_fail(void)
{
    int32_t exit_code = 0;
    for (int exits = 0; exits < 2; exits++) {
        begin_with_handlers();
        WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
        wasm_dyld_object_t *bad = NULL;
        shelf_add(&shelf, "bad.so", exits ? ends_badly(EXITS) : ends_badly(TRAPS));
        bad = load("bad.so", 0);
        KEEPS(wasm_dyld_unload(host.dyld, bad, &error), exits ? WASM_DYLD_EXIT : WASM_DYLD_TRAP, "bad.so", exits ? "exited with code 17" : "unreachable", NULL);
        SAME(wasm_dyld_error_exit_code(error, &exit_code), exits);
        forget_error();
        CHECK(strncmp(notes, "3 2", 3) == 0);
        notes[0] = 0;
        GONE(host.dyld, bad);
        SAME(wasm_dyld_object_count(host.dyld), 1);
        /* Nothing is left of it to run. */
        WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("");
        bad = load("bad.so", 0);
        load("one.so", 0);
        FAILS(wasm_dyld_finish(host.dyld, &error), exits ? WASM_DYLD_EXIT : WASM_DYLD_TRAP, NULL);
        CHECK(strncmp(notes, "13 12 11 3 2", 12) == 0);
        notes[0] = 0;
        /* What failed does not run again. */
        if (wasm_dyld_finish(host.dyld, NULL) == WASM_DYLD_OK)
            CHECK(!strchr(notes, '2') && !strchr(notes, '3'));
        host_delete(&host);
    }
    ok("handlers that trap or exit");
}

/* A load that fails destroys what it had constructed, unless the guest has ended itself, and leaves nothing to run later. */
static void handlers_of_failed_loads(void)
{
    for (int exits = 0; exits < 2; exits++) {
        begin_with_handlers();
        WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
        struct module *m = needing("two.so", NULL);
        m->memory_size = 4;
        module_import(m, "env", "__cxa_atexit", "iii", "i");
        module_import(m, "test", "note", "i", "");
        module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
        module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, CALL, 1)));
        module_function(m, "__wasm_call_ctors", "", "",
                        CODE(GLOBAL_GET, 1, I32_CONST, 5, GLOBAL_GET, 0, CALL, 0, DROP, I32_CONST, (uint8_t)exits, IF, NOTHING, I32_CONST, 1, CALL, 2, END, UNREACHABLE));
        FAILS(load_module(host.dyld, "broken.so", m, 0, NULL, &error), exits ? WASM_DYLD_EXIT : WASM_DYLD_TRAP, "broken.so", NULL);
        NOTED(exits ? "" : "5 23 22 21 13 12 11");
        SAME(wasm_dyld_object_count(host.dyld), 1);
        WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("");
        host_delete(&host);
    }
    ok("a load that fails destroys what it had constructed");
}

/* Closing and loading while the guest runs. */

enum { NOTHING_TO_DO, LOAD_OTHER, CLOSE_OTHER, CLOSE_ITSELF, LOAD_ITSELF, FINISH, CLOSE_OFTEN, DELETE };

static wasm_dyld_object_t *other_object, *actor_object;
static wasm_dyld_code_t last_code;

static wasm_trap_t *act(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    wasm_dyld_error_t *problem = NULL;
    wasm_dyld_object_t *object = NULL;
    (void)results;
    note(arguments, results);
    switch (arguments->data[0].of.i32 % 10) {
    case LOAD_OTHER:
        last_code = wasm_dyld_load(host.dyld, "other.so", 0, &other_object, &problem);
        break;
    case CLOSE_OTHER:
        last_code = wasm_dyld_unload(host.dyld, other_object, &problem);
        break;
    case CLOSE_ITSELF:
        for (size_t i = 0; i < wasm_dyld_object_count(host.dyld) && !object; i++) {
            actor_object = wasm_dyld_object_at(host.dyld, i);
            if (strcmp(wasm_dyld_object_name(host.dyld, actor_object), "actor.so") == 0)
                object = actor_object;
        }
        last_code = wasm_dyld_unload(host.dyld, object, &problem);
        break;
    case LOAD_ITSELF:
        last_code = wasm_dyld_load(host.dyld, "actor.so", 0, &actor_object, &problem);
        break;
    case FINISH:
        last_code = wasm_dyld_finish(host.dyld, &problem);
        break;
    case DELETE:
        wasm_dyld_delete(host.dyld);
        break;
    case CLOSE_OFTEN:
        for (int round = 0; round < 3; round++) {
            wasm_dyld_object_t *loaded = NULL;
            last_code = wasm_dyld_load(host.dyld, "other.so", 0, &loaded, NULL);
            if (last_code == WASM_DYLD_OK)
                last_code = wasm_dyld_unload(host.dyld, loaded, &problem);
        }
        break;
    default:
        break;
    }
    wasm_dyld_error_delete(problem);
    return NULL;
}

/* Does one thing in its constructor, one in its exit handler (0: nothing), and what it is asked to. */
static struct module *actor(int at_first, int at_last)
{
    struct module *m = module_new();
    m->memory_size = 4;
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_import(m, "test", "act", "i", "");
    module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, CALL, 1)));
    module_function(m, "run", "i", "i", CODE(LOCAL_GET, 0, CALL, 1, I32_CONST, 33));
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, 1, I32_CONST, (uint8_t)at_last, GLOBAL_GET, 0, CALL, 0, DROP, I32_CONST, (uint8_t)at_first, CALL, 1));
    return m;
}

static void begin_with_actor(int at_first, int at_last)
{
    begin_with_base();
    define_function(&host, "test", "act", 1, 0, act);
    define_function(&host, "test", "note", 1, 0, note);
    shelf_add(&shelf, "other.so", registers(2, NULL));
    shelf_add(&shelf, "actor.so", actor(at_first, at_last));
    other_object = actor_object = NULL;
    last_code = WASM_DYLD_INTERNAL;
    notes[0] = 0;
}

static void acting_constructors(void)
{
    begin_with_actor(LOAD_OTHER, CLOSE_OTHER);
    wasm_dyld_object_t *object = load("actor.so", 0);
    SAME(last_code, WASM_DYLD_OK);
    OPENS(host.dyld, other_object, 1, 0);
    SAME(wasm_dyld_object_count(host.dyld), 3);
    NOTED("1");
    close_object(object);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("2 23 22 21");
    SAME(wasm_dyld_object_count(host.dyld), 1);
    GONE(host.dyld, other_object);
    host_delete(&host);

    begin_with_actor(CLOSE_OFTEN, CLOSE_OFTEN);
    object = load("actor.so", 0);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("6 23 22 21 23 22 21 23 22 21");
    /* What is closed while another one closes goes with it, as it is left by then. */
    close_object(object);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("6 23 22 21");
    SAME(wasm_dyld_object_count(host.dyld), 1);
    host_delete(&host);

    /* A constructor that ends the namespace's handlers runs those that are registered. */
    begin_with_actor(FINISH, NOTHING_TO_DO);
    load("other.so", 0);
    object = load("actor.so", 0);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("5 0 23 22 21");
    close_object(object);
    NOTED("");
    host_delete(&host);
    ok("constructors that load, close and finish");
}

static void acting_handlers(void)
{
    /* What a handler loads stays. */
    begin_with_actor(NOTHING_TO_DO, LOAD_OTHER);
    wasm_dyld_object_t *object = load("actor.so", 0);
    close_object(object);
    SAME(last_code, WASM_DYLD_OK);
    GONE(host.dyld, object);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    OPENS(host.dyld, other_object, 1, 0);
    NOTED("0 1");
    close_object(other_object);
    NOTED("23 22 21");
    host_delete(&host);

    /* The object whose handlers run has been closed already. */
    begin_with_actor(NOTHING_TO_DO, CLOSE_ITSELF);
    object = load("actor.so", 0);
    close_object(object);
    CHECK(last_code == WASM_DYLD_INVALID_ARGUMENT || last_code == WASM_DYLD_BUSY);
    GONE(host.dyld, object);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    NOTED("0 3");
    host_delete(&host);

    /* Opening it once more gives a live object or says that it cannot, not something in between. */
    begin_with_actor(NOTHING_TO_DO, LOAD_ITSELF);
    object = load("actor.so", 0);
    close_object(object);
    if (last_code == WASM_DYLD_OK) {
        OPENS(host.dyld, actor_object, 1, 0);
        SAME(CALL1(host.dyld, find(host.dyld, actor_object, "run"), NOTHING_TO_DO), 33);
    } else {
        SAME(last_code, WASM_DYLD_BUSY);
        SAME(wasm_dyld_object_count(host.dyld), 1);
    }
    host_delete(&host);

    begin_with_actor(NOTHING_TO_DO, FINISH);
    load("other.so", 0);
    object = load("actor.so", 0);
    close_object(object);
    SAME(last_code, WASM_DYLD_OK);
    NOTED("0 5 23 22 21");
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("");
    host_delete(&host);

    /* At the end, all handlers have their turn, also where one closes what another belongs to. */
    begin_with_actor(LOAD_OTHER, CLOSE_OTHER);
    load("actor.so", 0);
    NOTED("1");
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("23 22 21 2");
    GONE(host.dyld, other_object);
    host_delete(&host);
    begin_with_actor(NOTHING_TO_DO, CLOSE_OTHER);
    other_object = load("other.so", 0);
    load("actor.so", 0);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("0 2 23 22 21");
    GONE(host.dyld, other_object);
    WORKS(wasm_dyld_finish(host.dyld, &error));
    NOTED("");
    host_delete(&host);
    ok("exit handlers that load, close and finish");
}

/* Calls that close what they are in: the code runs to its end. */
static void acting_functions(void)
{
    begin_with_actor(NOTHING_TO_DO, NOTHING_TO_DO);
    wasm_dyld_object_t *object = load("actor.so", 0);
    wasm_func_t *run = find(host.dyld, object, "run");
    SAME(CALL1(host.dyld, run, LOAD_OTHER), 33);
    SAME(CALL1(host.dyld, run, LOAD_OTHER), 33);
    OPENS(host.dyld, other_object, 2, 0);
    SAME(CALL1(host.dyld, run, CLOSE_OTHER), 33);
    SAME(CALL1(host.dyld, run, CLOSE_OTHER), 33);
    GONE(host.dyld, other_object);
    SAME(CALL1(host.dyld, run, CLOSE_OTHER), 33);
    SAME(last_code, WASM_DYLD_INVALID_ARGUMENT);
    SAME(CALL1(host.dyld, run, CLOSE_ITSELF), 33);
    SAME(last_code, WASM_DYLD_OK);
    GONE(host.dyld, object);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    object = load("actor.so", 0);
    SAME(CALL1(host.dyld, find(host.dyld, object, "run"), FINISH), 33);
    host_delete(&host);
    ok("functions that load, close and finish");
}

/* The namespace is deleted by what it has called: that runs to its end, and the namespace is gone. */
static void deletions(void)
{
    for (int where = 0; where < 4; where++) {
        begin_with_actor(where == 0 ? DELETE : NOTHING_TO_DO, where == 1 || where == 2 ? DELETE : NOTHING_TO_DO);
        wasm_dyld_object_t *object = NULL;
        load("other.so", 0);
        if (where == 0)
            (void)wasm_dyld_load(host.dyld, "actor.so", 0, &object, &error);
        else
            object = load("actor.so", 0);
        if (where == 1)
            (void)wasm_dyld_unload(host.dyld, object, &error);
        else if (where == 2)
            (void)wasm_dyld_finish(host.dyld, &error);
        else if (where == 3)
            SAME(CALL1(host.dyld, find(host.dyld, object, "run"), DELETE), 33);
        forget_error();
        SAME(wasm_dyld_object_count(host.dyld), 0);
        FAILS(wasm_dyld_load(host.dyld, "other.so", 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
        FAILS(wasm_dyld_unload(host.dyld, object, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
        wasm_store_delete(host.store);
        wasm_engine_delete(host.engine);
    }
    ok("a namespace deleted by what it calls");
}

static int32_t open_and_close(void *env, const char *name, const char *needed_by, const uint8_t **bytes, size_t *size, const uint8_t **identity,
                              size_t *identity_size)
{
    wasm_dyld_error_t *problem = NULL;
    (void)env, (void)name, (void)needed_by, (void)bytes, (void)size, (void)identity, (void)identity_size;
    last_code = wasm_dyld_unload(host.dyld, wasm_dyld_object_at(host.dyld, 0), &problem);
    wasm_dyld_error_delete(problem);
    return 1;
}

/* While the namespace is being changed it cannot be changed. */
static void in_the_midst(void)
{
    begin_with_actor(NOTHING_TO_DO, NOTHING_TO_DO);
    struct module *m = module_new();
    module_import(m, "test", "act", "i", "");
    module_start(m, module_function(m, NULL, "", "", CODE(I32_CONST, CLOSE_OTHER, CALL, 0)));
    other_object = load("other.so", 0);
    WORKS(load_module(host.dyld, "starts.so", m, 0, NULL, &error));
    SAME(last_code, WASM_DYLD_BUSY);
    OPENS(host.dyld, other_object, 1, 0);
    m = module_new();
    module_import(m, "test", "act", "i", "");
    module_start(m, module_function(m, NULL, "", "", CODE(I32_CONST, FINISH, CALL, 0)));
    /* Exit handlers belong to what is whole. */
    WORKS(load_module(host.dyld, "finishes.so", m, 0, NULL, &error));
    SAME(last_code, WASM_DYLD_OK);
    NOTED("2 5 23 22 21");
    host_delete(&host);

    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, open_and_close, NULL, NULL, &error));
    host = host_with(config);
    WORKS(load_module(host.dyld, "base.so", number("base", 1), 0, NULL, &error));
    last_code = WASM_DYLD_OK;
    FAILS(wasm_dyld_load(host.dyld, "absent.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
    SAME(last_code, WASM_DYLD_BUSY);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    host_delete(&host);
    ok("nothing closes in the midst of a load");
}

static void two_namespaces(void)
{
    for (int same_store = 0; same_store < 2; same_store++) {
        begin_with_handlers();
        struct host other = {host.engine, same_store ? host.store : wasm_store_new(host.engine), NULL};
        wasm_dyld_config_t *config = wasm_dyld_config_new();
        WORKS(wasm_dyld_config_set_open(config, shelf_open, &shelf, NULL, &error));
        WORKS(wasm_dyld_new(other.store, config, &other.dyld, &error));
        define_function(&other, "test", "note", 1, 0, note);
        shelf_add(&shelf, "counter.so", counter());
        wasm_dyld_object_t *mine = load("counter.so", WASM_DYLD_GLOBAL), *theirs = NULL;
        WORKS(wasm_dyld_load(other.dyld, "counter.so", WASM_DYLD_GLOBAL, &theirs, &error));
        SAME(CALL0(host.dyld, find(host.dyld, mine, "increment")), 7);
        CALL1(host.dyld, find(host.dyld, load("one.so", 0), "with"), 5);
        close_object(mine);
        GONE(host.dyld, mine);
        OPENS(other.dyld, theirs, 1, 0);
        SAME(CALL0(other.dyld, find(other.dyld, NULL, "increment")), 7);
        FAILS(wasm_dyld_dlsym(host.dyld, NULL, "increment", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
        WORKS(wasm_dyld_load(other.dyld, "three.so", 0, NULL, &error));
        WORKS(wasm_dyld_finish(other.dyld, &error));
        NOTED("33 32 31");
        WORKS(wasm_dyld_unload(other.dyld, theirs, &error));
        wasm_dyld_delete(other.dyld);
        if (!same_store)
            wasm_store_delete(other.store);
        WORKS(wasm_dyld_finish(host.dyld, &error));
        NOTED("5 13 12 11");
        host_delete(&host);
    }
    ok("two namespaces side by side");
}

int main(void)
{
    handlers_on_closing();
    handlers_at_the_end();
    nothing_to_finish();
    handlers_in_handlers();
    handlers_that_fail();
    handlers_of_failed_loads();
    acting_constructors();
    acting_handlers();
    acting_functions();
    deletions();
    in_the_midst();
    two_namespaces();
    shelf_clear(&shelf);
    return 0;
}
