/*
 * What callbacks of the host may call: from which of them a namespace can be read, changed, deleted, and what finalizers may do.
 */
#include "build.h"
#include "check.h"

enum place { OPEN, TRACE, INPUT, OUTPUT };
static const char *const places[] = {"the open callback", "the trace callback", "input of WASI", "output of WASI"};

/* A namespace with a library, and callbacks that do `act` if that is not NULL. */
static struct host host;
static wasm_dyld_t *other;
static wasm_dyld_object_t *base;
static wasm_func_t *plain;
static size_t objects;
static uint64_t known_slot;
static void (*act)(enum place place);
static int acted, finalized;

static void do_act(enum place place)
{
    static bool inside;
    if (!act || inside)
        return;
    inside = true;
    acted++;
    act(place);
    inside = false;
}

static int32_t open_callback(void *env, const char *name, const char *needed_by, const uint8_t **bytes, size_t *size, const uint8_t **identity,
                             size_t *identity_size)
{
    do_act(OPEN);
    return shelf_open(env, name, needed_by, bytes, size, identity, identity_size);
}

static void trace_callback(void *env, const char *category, const char *text)
{
    (void)env, (void)category, (void)text;
    do_act(TRACE);
}

static int64_t input_callback(void *env, uint8_t *buffer, size_t size)
{
    (void)env, (void)buffer, (void)size;
    do_act(INPUT);
    return 0;
}

static int32_t output_callback(void *env, const uint8_t *bytes, size_t size)
{
    (void)env, (void)bytes, (void)size;
    do_act(OUTPUT);
    return 0;
}

static void finalize(void *env)
{
    (void)env;
    finalized++;
}

static wasm_trap_t *nothing(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments, (void)results;
    return NULL;
}

/* `plain` has a slot, `slotless` has none yet; `say` and `hear` go by WASI; `enter` is a function of the host. */
static struct module *library(void)
{
    struct module *m = module_new();
    m->memory_size = 16;
    uint32_t say = module_import(m, "wasi_snapshot_preview1", "fd_write", "iiii", "i");
    uint32_t hear = module_import(m, "wasi_snapshot_preview1", "fd_read", "iiii", "i");
    module_slot(m, module_function(m, "plain", "", "i", CODE(I32_CONST, 7)));
    module_function(m, "slotless", "", "i", CODE(I32_CONST, 8));
    module_function(m, "say", "", "i",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_CONST, 5, I32_STORE, 2, 4, I32_CONST, 1, GLOBAL_GET, 0,
                         I32_CONST, 1, GLOBAL_GET, 0, I32_CONST, 8, I32_ADD, CALL, (uint8_t)say));
    module_function(m, "hear", "", "i",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_CONST, 5, I32_STORE, 2, 4, I32_CONST, 0, GLOBAL_GET, 0,
                         I32_CONST, 1, GLOBAL_GET, 0, I32_CONST, 8, I32_ADD, CALL, (uint8_t)hear));
    return m;
}

static struct module *small(void)
{
    struct module *m = module_new();
    module_function(m, "__wasm_call_ctors", "", "", CODE(I32_CONST, 0, DROP));
    return m;
}

static struct shelf shelf;

static void begin(void)
{
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    act = NULL;
    acted = 0;
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = shelf_config(&shelf);
    WORKS(wasm_dyld_config_set_open(config, open_callback, &shelf, NULL, &error));
    WORKS(wasm_dyld_config_set_trace(config, "all", trace_callback, NULL, NULL, &error));
    host = host_with(config);
    WORKS(wasm_dyld_wasi_set_stdin(wasi, input_callback, NULL, NULL, &error));
    WORKS(wasm_dyld_wasi_set_stdout(wasi, output_callback, NULL, NULL, &error));
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    shelf_add(&shelf, "base.so", library());
    shelf_add(&shelf, "more.so", small());
    shelf_add(&shelf, "last.so", small());
    WORKS(wasm_dyld_load(host.dyld, "base.so", WASM_DYLD_GLOBAL, &base, &error));
    plain = find(host.dyld, base, "plain");
    known_slot = slot_of(host.dyld, base, "plain");
    objects = wasm_dyld_object_count(host.dyld);
    WORKS(wasm_dyld_new(host.store, NULL, &other, &error));
}

static void end(void)
{
    act = NULL;
    wasm_dyld_delete(other);
    host_delete(&host);
    shelf_clear(&shelf);
}

/* Makes the callback be called, by what must go on as if nothing were. */
static wasm_dyld_code_t provoke(enum place place)
{
    switch (place) {
    case OPEN:
    case TRACE:
        return wasm_dyld_load(host.dyld, "more.so", 0, NULL, &error);
    case INPUT:
        return try_call(host.dyld, find(host.dyld, base, "hear"), NULL, 0);
    default:
        return try_call(host.dyld, find(host.dyld, base, "say"), NULL, 0);
    }
}

/* All that only looks. The memory's contents are WASI's while that calls. */
static void look(enum place place)
{
    uint64_t memory_base = 0, slot = 0;
    uint8_t bytes[4];
    const char *symbol = NULL;
    wasm_func_t *function = NULL;
    wasm_memory_t *memory = NULL;
    wasm_table_t *table = NULL;
    wasm_dyld_object_t *object = NULL;
    CHECK(wasm_dyld_object_count(host.dyld) >= objects);
    CHECK(wasm_dyld_object_at(host.dyld, 0) == base);
    SAME_TEXT(wasm_dyld_object_name(host.dyld, base), "base.so");
    CHECK(wasm_dyld_object_path(host.dyld, base) == NULL && wasm_dyld_object_origin(host.dyld, base) == NULL);
    CHECK(wasm_dyld_object_is_global(host.dyld, base) && !wasm_dyld_object_is_program(host.dyld, base) && !wasm_dyld_object_is_nodelete(host.dyld, base));
    SAME(wasm_dyld_object_needed_count(host.dyld, base), 0);
    OPENS(host.dyld, base, 1, 0);
    WORKS(wasm_dyld_object_place(host.dyld, base, &memory_base, NULL, NULL, NULL, &error));
    WORKS(wasm_dyld_dlsym(host.dyld, base, "plain", NULL, &function, &slot, &error));
    CHECK(function == plain && slot == known_slot);
    FAILS(wasm_dyld_dlsym(host.dyld, NULL, "absent", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "absent", NULL);
    FAILS(wasm_dyld_dlsym_next(host.dyld, base, "plain", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "plain", NULL);
    WORKS(wasm_dyld_dladdr(host.dyld, WASM_DYLD_FUNC, known_slot, &object, &symbol, NULL, &error));
    CHECK(object == base);
    SAME_TEXT(symbol, "plain");
    CONTAINS(wasm_dyld_link_map(host.dyld), "base.so");
    SAME(wasm_dyld_library_path_count(host.dyld), 0);
    CHECK(wasm_dyld_library_path_at(host.dyld, 0) == NULL);
    CHECK(wasm_dyld_instance_count(host.dyld) > 0);
    CHECK(!wasm_dyld_take_exit(host.dyld, NULL));
    WORKS(wasm_dyld_memory(host.dyld, &memory, &error));
    WORKS(wasm_dyld_table(host.dyld, &table, &error));
    CHECK(wasm_memory_size(memory) > 0 && wasm_table_size(table) > 0);
    if (place == INPUT || place == OUTPUT) {
        FAILS(wasm_dyld_read(host.dyld, memory_base, bytes, sizeof bytes, &error), WASM_DYLD_BUSY, "WASI", NULL);
        FAILS(wasm_dyld_write(host.dyld, memory_base, bytes, sizeof bytes, &error), WASM_DYLD_BUSY, "WASI", NULL);
    } else {
        WORKS(wasm_dyld_read(host.dyld, memory_base, bytes, sizeof bytes, &error));
        WORKS(wasm_dyld_write(host.dyld, memory_base, bytes, sizeof bytes, &error));
    }
}

/* All that changes the namespace, or has it changed by guests. */
static void change(enum place place)
{
    uint64_t slot = 0;
    (void)place;
    struct bytes bytes = module_finish(small());
    wasm_byte_vec_t vector = {bytes.size, (wasm_byte_t *)bytes.data};
    FAILS(wasm_dyld_load(host.dyld, "last.so", 0, NULL, &error), WASM_DYLD_BUSY, "last.so", NULL);
    FAILS(wasm_dyld_load(host.dyld, "base.so", WASM_DYLD_NOLOAD, NULL, &error), WASM_DYLD_BUSY, "base.so", NULL);
    FAILS(wasm_dyld_load_bytes(host.dyld, "last.so", bytes.data, bytes.size, 0, NULL, &error), WASM_DYLD_BUSY, "last.so", NULL);
    wasm_module_t *module = wasm_module_new(host.store, &vector);
    CHECK(module != NULL);
    FAILS(wasm_dyld_load_compiled(host.dyld, "last.so", module, bytes.data, bytes.size, 0, NULL, &error), WASM_DYLD_BUSY, NULL);
    free(bytes.data);
    FAILS(wasm_dyld_unload(host.dyld, base, &error), WASM_DYLD_BUSY, NULL);
    wasm_functype_t *type = wasm_functype_new_0_0();
    wasm_func_t *function = wasm_func_new(host.store, type, nothing);
    wasm_functype_delete(type);
    FAILS(wasm_dyld_define(host.dyld, "env", "more", wasm_func_as_extern(function), 0, &error), WASM_DYLD_BUSY, NULL);
    wasm_func_delete(function);
    FAILS(wasm_dyld_set_wasi(host.dyld, wasm_dyld_wasi_new(), &error), WASM_DYLD_BUSY, NULL);
    FAILS(wasm_dyld_set_wasi(host.dyld, NULL, &error), WASM_DYLD_BUSY, NULL);
    FAILS(wasm_dyld_run(host.dyld, NULL, &error), WASM_DYLD_BUSY, NULL);
    FAILS(wasm_dyld_finish(host.dyld, &error), WASM_DYLD_BUSY, NULL);
    FAILS(try_call(host.dyld, plain, NULL, 0), WASM_DYLD_BUSY, NULL);
    /* A slot would have to be given to it. */
    FAILS(wasm_dyld_dlsym(host.dyld, base, "slotless", NULL, NULL, &slot, &error), WASM_DYLD_BUSY, NULL);
}

/* Another namespace has nothing to do with it. */
static void change_another(enum place place)
{
    wasm_dyld_object_t *object = NULL;
    (void)place;
    WORKS(load_module(other, "small.so", small(), 0, &object, &error));
    WORKS(wasm_dyld_unload(other, object, &error));
}

static void everything(enum place place)
{
    look(place);
    change(place);
    look(place);
    change_another(place);
}

/* Whatever is said when libraries come, fail and go, when functions are bound late, and at the end. */
static void tell_all(void)
{
    wasm_dyld_object_t *object = NULL, *gone = NULL;
    struct module *m = module_new();
    uint32_t late = module_import(m, "env", "late", "", "i"), at_exit = module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_needs(m, "last.so");
    module_slot(m, module_function(m, NULL, "i", "", CODE(I32_CONST, 0, DROP)));
    module_function(m, "__wasm_apply_data_relocs", "", "", CODE(I32_CONST, 0, DROP));
    module_function(m, "__wasm_call_ctors", "", "", CODE(GLOBAL_GET, 1, I32_CONST, 0, I32_CONST, 0, CALL, (uint8_t)at_exit, DROP));
    module_function(m, "bind", "", "i", CODE(CALL, (uint8_t)late));
    WORKS(load_module(host.dyld, "lazy.so", m, WASM_DYLD_LAZY, &object, &error));
    FAILS(try_call(host.dyld, find(host.dyld, object, "bind"), NULL, 0), WASM_DYLD_TRAP, "late", NULL);
    m = module_new();
    module_function(m, "late", "", "i", CODE(I32_CONST, 4));
    WORKS(load_module(host.dyld, "late.so", m, WASM_DYLD_GLOBAL, &gone, &error));
    SAME(CALL0(host.dyld, find(host.dyld, object, "bind")), 4);
    m = module_new();
    module_function(m, "__wasm_call_ctors", "", "", CODE(UNREACHABLE));
    FAILS(load_module(host.dyld, "fails.so", m, 0, NULL, &error), WASM_DYLD_TRAP, "fails.so", NULL);
    WORKS(wasm_dyld_unload(host.dyld, object, &error));
    WORKS(wasm_dyld_unload(host.dyld, gone, &error));
    WORKS(wasm_dyld_finish(host.dyld, &error));
}

static void from(enum place place)
{
    begin();
    act = everything;
    WORKS(provoke(place));
    if (place == TRACE)
        tell_all();
    act = NULL;
    CHECK(acted > 0);
    SAME(wasm_dyld_object_count(host.dyld), objects + (place == OPEN || place == TRACE));
    /* All is open again. */
    SAME(CALL0(host.dyld, plain), 7);
    WORKS(wasm_dyld_load(host.dyld, "last.so", 0, NULL, &error));
    CHECK(slot_of(host.dyld, base, "slotless") != 0);
    WORKS(wasm_dyld_unload(host.dyld, base, &error));
    end();
    ok(places[place]);
}

/* The namespace is deleted under what is running, which ends as it can. */
static void remove_it(enum place place)
{
    (void)place;
    wasm_dyld_delete(host.dyld);
    FAILS(wasm_dyld_load(host.dyld, "last.so", 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    SAME(wasm_dyld_object_count(host.dyld), 0);
}

static void ended(wasm_dyld_code_t code)
{
    CHECK(code != WASM_DYLD_INTERNAL);
    SAME(code == WASM_DYLD_OK, error == NULL);
    forget_error();
    FAILS(wasm_dyld_finish(host.dyld, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    end();
}

static void deletes(void)
{
    for (int place = OPEN; place <= OUTPUT; place++) {
        begin();
        act = remove_it;
        ended(provoke((enum place)place));
    }
    ok("callbacks that delete the namespace");
}

/* Deletes at the message that counts down to. */
static int countdown;

static void remove_late(enum place place)
{
    if (countdown > 0 && --countdown == 0)
        remove_it(place);
}

static void may_fail(wasm_dyld_code_t code)
{
    CHECK(code != WASM_DYLD_INTERNAL);
    SAME(code == WASM_DYLD_OK, error == NULL);
    forget_error();
}

/* At whatever message the namespace is deleted, nothing is used that is gone. */
static void deleted_at_each_message(void)
{
    const int step = getenv("WASMDYLD_TEST_CHECKER") ? 5 : 1;
    for (int at = 1;; at += step) {
        wasm_dyld_object_t *object = NULL;
        wasm_func_t *function = NULL;
        begin();
        act = remove_late;
        countdown = at;
        struct module *m = module_new();
        uint32_t late = module_import(m, "env", "late", "", "i");
        module_needs(m, "more.so");
        module_slot(m, module_function(m, NULL, "i", "", CODE(I32_CONST, 0, DROP)));
        module_function(m, "bind", "", "i", CODE(CALL, (uint8_t)late));
        may_fail(load_module(host.dyld, "lazy.so", m, WASM_DYLD_LAZY, &object, &error));
        wasm_dyld_code_t found = wasm_dyld_dlsym(host.dyld, object, "bind", NULL, &function, NULL, &error);
        may_fail(found);
        if (found == WASM_DYLD_OK)
            may_fail(try_call(host.dyld, function, NULL, 0));
        m = module_new();
        module_function(m, "__wasm_call_ctors", "", "", CODE(UNREACHABLE));
        may_fail(load_module(host.dyld, "fails.so", m, 0, NULL, &error));
        may_fail(wasm_dyld_unload(host.dyld, object, &error));
        may_fail(wasm_dyld_finish(host.dyld, &error));
        bool spent = countdown > 0;
        end();
        if (spent)
            break;
        CHECK(at < 1000);
    }
    ok("a namespace that is deleted at each message");
}

static wasm_trap_t *delete_it(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments, (void)results;
    remove_it(OPEN);
    return NULL;
}

/* A function of the host that deletes the namespace, called by the guest in whatever runs guests. */
static void host_functions_delete(void)
{
    enum { DLSYM, DLSYM_NEXT, RUN, CALL_IT, CONSTRUCTOR, HANDLER, FINISH, WAYS };
    for (int way = 0; way < WAYS; way++) {
        wasm_dyld_object_t *object = NULL;
        wasm_dyld_symbol_kind_t kind = WASM_DYLD_DATA;
        wasm_func_t *function = NULL;
        uint64_t value = 0;
        bool library = way >= CONSTRUCTOR;
        host = host_new();
        other = NULL;
        define_function(&host, "host", "delete", 0, 0, delete_it);
        struct module *m = module_new();
        m->memory_size = 4;
        uint32_t del = module_import(m, "host", "delete", "", ""), at_exit = 0;
        if (library)
            at_exit = module_import(m, "env", "__cxa_atexit", "iii", "i");
        module_function(m, "__WASM_EXPORT__given", "", "i", CODE(CALL, (uint8_t)del, I32_CONST, 77));
        if (!library)
            module_function(m, "_start", "", "", CODE(CALL, (uint8_t)del, GLOBAL_GET, 0, I32_CONST, 1, I32_STORE, 2, 0));
        module_function(m, "do_it", "", "i", CODE(CALL, (uint8_t)del, I32_CONST, 3));
        uint32_t handler = module_function(m, NULL, "i", "", CODE(CALL, (uint8_t)del));
        module_slot(m, handler);
        if (way == CONSTRUCTOR)
            module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, (uint8_t)del));
        else if (library)
            module_function(m, "__wasm_call_ctors", "", "",
                            CODE(GLOBAL_GET, 1, I32_CONST, 0, I32_CONST, 0, CALL, (uint8_t)at_exit, DROP, GLOBAL_GET, 1, I32_CONST, 0, I32_CONST, 0, CALL,
                                 (uint8_t)at_exit, DROP));
        if (way == CONSTRUCTOR) {
            ended(load_module(host.dyld, "it.so", m, 0, &object, &error));
            continue;
        }
        struct bytes bytes = module_finish(m);
        WORKS(wasm_dyld_load_bytes(host.dyld, library ? "it.so" : "it.wasm", bytes.data, bytes.size, library ? WASM_DYLD_GLOBAL : WASM_DYLD_PROGRAM, &object,
                                   &error));
        free(bytes.data);
        switch (way) {
        case DLSYM:
            ended(wasm_dyld_dlsym(host.dyld, NULL, "given", &kind, &function, &value, &error));
            break;
        case DLSYM_NEXT:
            /* Of what comes after an object, nobody is asked. */
            FAILS(wasm_dyld_dlsym_next(host.dyld, object, "given", &kind, &function, &value, &error), WASM_DYLD_NOT_FOUND, NULL);
            host_delete(&host);
            break;
        case RUN:
            ended(wasm_dyld_run(host.dyld, NULL, &error));
            break;
        case CALL_IT:
            ended(try_call(host.dyld, find(host.dyld, object, "do_it"), NULL, 0));
            break;
        case HANDLER:
            ended(wasm_dyld_unload(host.dyld, object, &error));
            break;
        default:
            ended(wasm_dyld_finish(host.dyld, &error));
            break;
        }
    }
    ok("functions of the host that delete the namespace");
}

/* Finalizers: what they are given with is theirs to change and to delete. */

static wasm_dyld_config_t *config;
static wasm_dyld_wasi_t *wasi;
enum { COUNT, SET_AGAIN, DELETE_IT };
static int mode;

static void finalize_config(void *env)
{
    CHECK(env == &finalized);
    finalized++;
    if (mode == SET_AGAIN && finalized < 3) {
        WORKS(wasm_dyld_config_add_library_path(config, "/x", &error));
        WORKS(wasm_dyld_config_set_open(config, shelf_open, NULL, NULL, &error));
        WORKS(wasm_dyld_config_set_trace(config, "libs", trace_callback, &finalized, finalize_config, &error));
        WORKS(wasm_dyld_config_set_trace(config, "libs", NULL, NULL, NULL, &error));
    } else if (mode == DELETE_IT) {
        wasm_dyld_config_delete(config);
        FAILS(wasm_dyld_config_set_guest(config, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    }
}

static void finalize_wasi(void *env)
{
    CHECK(env == &finalized);
    finalized++;
    if (mode == SET_AGAIN && finalized < 3) {
        WORKS(wasm_dyld_wasi_add_arg(wasi, "x", &error));
        WORKS(wasm_dyld_wasi_inherit_stdio(wasi, &error));
    } else if (mode == DELETE_IT) {
        wasm_dyld_wasi_delete(wasi);
        FAILS(wasm_dyld_wasi_add_arg(wasi, "x", &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    }
}

static void finalizers(void)
{
    for (mode = COUNT; mode <= DELETE_IT; mode++) {
        /* By being replaced, by each setter. */
        finalized = 0;
        config = wasm_dyld_config_new();
        WORKS(wasm_dyld_config_set_open(config, shelf_open, &finalized, finalize_config, &error));
        WORKS(wasm_dyld_config_set_open(config, shelf_open, NULL, NULL, &error));
        CHECK(finalized >= 1);
        wasm_dyld_config_delete(config);

        finalized = 0;
        config = wasm_dyld_config_new();
        WORKS(wasm_dyld_config_set_trace(config, "libs", trace_callback, &finalized, finalize_config, &error));
        WORKS(wasm_dyld_config_set_trace(config, "libs", NULL, NULL, NULL, &error));
        CHECK(finalized >= 1);
        wasm_dyld_config_delete(config);

        finalized = 0;
        wasi = wasm_dyld_wasi_new();
        WORKS(wasm_dyld_wasi_set_stdout(wasi, output_callback, &finalized, finalize_wasi, &error));
        WORKS(wasm_dyld_wasi_set_stdin(wasi, input_callback, &finalized, finalize_wasi, &error));
        WORKS(wasm_dyld_wasi_set_stdout(wasi, output_callback, NULL, NULL, &error));
        if (mode != DELETE_IT)
            WORKS(wasm_dyld_wasi_set_stdin_bytes(wasi, NULL, 0, &error));
        SAME(finalized, 2);
        wasm_dyld_wasi_delete(wasi);
        SAME(finalized, 2);
    }
    ok("finalizers may change and delete what they were set in");
}

/* An environment without a callback is needed by nobody. What fails takes nothing. */
static void environments(void)
{
    mode = COUNT;
    finalized = 0;
    config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_trace(config, "libs", NULL, &finalized, finalize, &error));
    SAME(finalized, 1);
    FAILS(wasm_dyld_config_set_trace(config, "nonsense", trace_callback, &finalized, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_config_set_trace(config, "nonsense", NULL, &finalized, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_config_set_trace(NULL, "libs", trace_callback, &finalized, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_config_set_open(config, NULL, &finalized, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_config_set_open(NULL, shelf_open, &finalized, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    SAME(finalized, 1);
    WORKS(wasm_dyld_config_set_trace(config, "libs", trace_callback, &finalized, finalize, &error));
    WORKS(wasm_dyld_config_read_env(config, &error));
    SAME(finalized, 1);
    wasm_dyld_config_delete(config);
    SAME(finalized, 2);

    finalized = 0;
    wasi = wasm_dyld_wasi_new();
    FAILS(wasm_dyld_wasi_set_stdin(wasi, NULL, &finalized, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_wasi_set_stdout(NULL, output_callback, &finalized, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    FAILS(wasm_dyld_wasi_set_stderr(wasi, NULL, &finalized, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    SAME(finalized, 0);
    WORKS(wasm_dyld_wasi_set_stderr(wasi, output_callback, &finalized, finalize, &error));
    wasm_dyld_wasi_delete(wasi);
    SAME(finalized, 1);
    ok("environments are given up once");
}

/* The finalizers of a namespace that is deleted: its handle is gone already, others are not. */
static void finalize_namespace(void *env)
{
    CHECK(env == &finalized);
    finalized++;
    FAILS(wasm_dyld_finish(host.dyld, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    wasm_dyld_delete(host.dyld);
    change_another(OPEN);
}

static void of_a_namespace(void)
{
    finalized = 0;
    config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, shelf_open, &shelf, NULL, &error));
    WORKS(wasm_dyld_config_set_trace(config, "libs", trace_callback, &finalized, finalize_namespace, &error));
    host = host_with(config);
    WORKS(wasm_dyld_new(host.store, NULL, &other, &error));
    wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_stderr(wasi, output_callback, &finalized, finalize_namespace, &error));
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    SAME(finalized, 0);
    wasm_dyld_delete(host.dyld);
    SAME(finalized, 2);
    end();
    ok("finalizers of a namespace");
}

int main(void)
{
    finalizers();
    environments();
    of_a_namespace();
    host_functions_delete();
    deletes();
    deleted_at_each_message();
    for (int place = OPEN; place <= OUTPUT; place++)
        from((enum place)place);
    return 0;
}
