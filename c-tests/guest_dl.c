/*
 * The guest's own dlopen and its relatives: what they give, and what becomes of pointers and handles that lead nowhere.
 */
#include "build.h"
#include "check.h"
#include "zip.h"
#include <errno.h>

static struct host host;
static struct shelf shelf;
static wasm_dyld_object_t *caller;
static uint32_t buffer;

enum { BUFFER = 8192, GUEST_NEXT = -1, GUEST_DEFAULT = 0 };

/* Requests of dlinfo. */
enum { DI_LMID = 1, DI_LINKMAP = 2, DI_ORIGIN = 6 };

static struct module *number(const char *name, int n)
{
    struct module *m = module_new();
    module_function(m, name, "", "i", CODE(I32_CONST, (uint8_t)n));
    return m;
}

/* Hands its arguments on to what it imports. */
static struct module *calling(void)
{
    enum { DLOPEN, DLSYM, DLCLOSE, DLERROR, DLADDR, DLINFO, ITERATE };
    struct module *m = module_new();
    m->memory_size = BUFFER;
    m->memory_p2align = 4;
    module_import(m, "env", "dlopen", "ii", "i");
    module_import(m, "env", "dlsym", "ii", "i");
    module_import(m, "env", "dlclose", "i", "i");
    module_import(m, "env", "dlerror", "", "i");
    module_import(m, "env", "dladdr", "ii", "i");
    module_import(m, "env", "dlinfo", "iii", "i");
    module_import(m, "env", "dl_iterate_phdr", "ii", "i");
    /* Counts its calls in the word that it gets, and gives what the next one says. */
    module_slot(m, module_function(m, "each", "iii", "i",
                                   CODE(LOCAL_GET, 2, LOCAL_GET, 2, I32_LOAD, 2, 0, I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, LOCAL_GET, 2, I32_LOAD, 2, 4)));
    module_function(m, "open", "ii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, DLOPEN));
    module_function(m, "symbol", "ii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, DLSYM));
    module_function(m, "close", "i", "i", CODE(LOCAL_GET, 0, CALL, DLCLOSE));
    module_function(m, "error", "", "i", CODE(CALL, DLERROR));
    module_function(m, "address", "ii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, DLADDR));
    module_function(m, "info", "iii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, CALL, DLINFO));
    module_function(m, "iterate", "ii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, ITERATE));
    uint8_t answer = (uint8_t)module_type(m, "", "i");
    module_function(m, "call", "i", "i", CODE(LOCAL_GET, 0, CALL_INDIRECT, answer, 0));
    module_datum(m, "buffer", 0);
    return m;
}

static void begin_with(wasm_dyld_config_t *config)
{
    host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host.dyld, NULL, &error));
    WORKS(load_module(host.dyld, "caller.so", calling(), 0, &caller, &error));
    buffer = address_of(host.dyld, caller, "buffer");
    shelf_add(&shelf, "plugin.so", number("plugin", 21));
    shelf_add(&shelf, "other.so", number("other", 22));
}

static void begin(void)
{
    shelf_clear(&shelf);
    begin_with(shelf_config(&shelf));
}

/* A string in the guest's buffer. Good until the call after the next three. */
static uint32_t give_bytes(const char *text, size_t size)
{
    static uint32_t turn;
    uint32_t at = buffer + 2048 * (turn++ % 3);
    CHECK(size <= 2048);
    WORKS(wasm_dyld_write(host.dyld, at, (const uint8_t *)text, size, &error));
    return at;
}

static uint32_t give(const char *text) { return give_bytes(text, strlen(text) + 1); }

/* The fourth quarter of the buffer, for results, all of it 0xff. */
static uint32_t result_space(void)
{
    uint8_t bytes[2048];
    memset(bytes, 0xff, sizeof bytes);
    WORKS(wasm_dyld_write(host.dyld, buffer + 6144, bytes, sizeof bytes, &error));
    return buffer + 6144;
}

#define GUEST1(name, a) CALL1(host.dyld, find(host.dyld, caller, name), a)
#define GUEST2(name, a, b) CALL2(host.dyld, find(host.dyld, caller, name), a, b)

static int32_t guest_info(uint32_t handle, int request, uint32_t into)
{
    int32_t result = 0;
    WORKS(try_call(host.dyld, find(host.dyld, caller, "info"), &result, 3, (int32_t)handle, (int32_t)request, (int32_t)into));
    return result;
}

static uint32_t guest_open(const char *name, uint32_t flags) { return (uint32_t)GUEST2("open", give(name), flags); }

static uint32_t guest_symbol(uint32_t handle, const char *name) { return (uint32_t)GUEST2("symbol", handle, give(name)); }

/* Calls the function in a slot, as the guest does. */
static int32_t guest_call(uint32_t slot) { return GUEST1("call", slot); }

/* dlerror gives a text that contains another, and nothing when it is asked again. */
#define GUEST_ERROR(wanted) check_guest_error(__FILE__, __LINE__, wanted)
#define NO_GUEST_ERROR() SAME(CALL0(host.dyld, find(host.dyld, caller, "error")), 0)

static void check_guest_error(const char *file, int line, const char *wanted)
{
    uint32_t text = (uint32_t)CALL0(host.dyld, find(host.dyld, caller, "error"));
    if (!text)
        check_failed(file, line, "dlerror has a text");
    if (getenv("CHECK_SHOW"))
        printf("# %s\n", read_text(host.dyld, text));
    check_contains(file, line, "dlerror()", read_text(host.dyld, text), wanted);
    check_same(file, line, "dlerror() after dlerror()", (uint64_t)CALL0(host.dyld, find(host.dyld, caller, "error")), 0);
}

static void opening(void)
{
    begin();
    NO_GUEST_ERROR();
    uint32_t plugin = guest_open("plugin.so", WASM_DYLD_NOW);
    CHECK(plugin != 0);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    wasm_dyld_object_t *object = wasm_dyld_object_at(host.dyld, 1);
    OPENS(host.dyld, object, 0, 1);
    uint32_t slot = guest_symbol(plugin, "plugin");
    SAME(slot, slot_of(host.dyld, object, "plugin"));
    SAME(guest_call(slot), 21);
    SAME(guest_open("plugin.so", WASM_DYLD_NOW), plugin);
    SAME(guest_open("plugin.so", WASM_DYLD_LAZY | WASM_DYLD_NOLOAD), plugin);
    OPENS(host.dyld, object, 0, 3);
    NO_GUEST_ERROR();
    for (int i = 0; i < 3; i++)
        SAME(GUEST1("close", plugin), 0);
    GONE(host.dyld, object);
    CHECK(GUEST1("close", plugin) != 0);
    GUEST_ERROR("");
    SAME(guest_symbol(plugin, "plugin"), 0);
    GUEST_ERROR("");
    /* NOLOAD of what is not there is no failure. */
    SAME(guest_open("plugin.so", WASM_DYLD_NOW | WASM_DYLD_NOLOAD), 0);
    NO_GUEST_ERROR();
    host_delete(&host);
    ok("opening, looking up, closing");
}

static void last_errors(void)
{
    begin();
    SAME(guest_open("absent.so", WASM_DYLD_NOW), 0);
    GUEST_ERROR("absent.so");
    SAME(guest_open("absent.so", WASM_DYLD_NOW), 0);
    SAME(guest_symbol(GUEST_DEFAULT, "no_such_symbol"), 0);
    GUEST_ERROR("no_such_symbol");
    SAME(guest_open("absent.so", WASM_DYLD_NOW), 0);
    uint32_t plugin = guest_open("plugin.so", WASM_DYLD_NOW);
    CHECK(plugin != 0);
    GUEST_ERROR("absent.so"); /* until it is asked for */
    SAME(guest_symbol(plugin, "other"), 0);
    GUEST_ERROR("other");
    /* All undefined symbols in one text. */
    struct module *m = module_new();
    module_import(m, "env", "first_undefined", "", "");
    module_import(m, "env", "second_undefined", "i", "");
    shelf_add(&shelf, "undefined.so", m);
    SAME(guest_open("undefined.so", WASM_DYLD_NOW), 0);
    uint32_t text = (uint32_t)CALL0(host.dyld, find(host.dyld, caller, "error"));
    CHECK(text != 0);
    CONTAINS(read_text(host.dyld, text), "first_undefined");
    CONTAINS(read_text(host.dyld, text), "second_undefined");
    CHECK(guest_open("undefined.so", WASM_DYLD_LAZY) != 0);
    NO_GUEST_ERROR();
    SAME(guest_open("other.so", 1 << 20), 0);
    GUEST_ERROR("");
    host_delete(&host);
    ok("dlerror");
}

/* Addresses of which at most three bytes lie in memory, which texts for the guest may have made larger. */
enum { WILD_ADDRESSES = 7 };

static uint32_t wild_address(int n)
{
    uint32_t end = snapshot_of(host.dyld).pages << 16;
    const uint32_t wild[WILD_ADDRESSES] = {end, end - 3, end - 1, end + 1, 0x80000000, 0xffffffff, 0xfffffff0};
    return wild[n];
}

/* A name of the guest can be any number. */
static void wild_names(void)
{
    begin();
    uint32_t plugin = guest_open("plugin.so", WASM_DYLD_NOW);
    /* The first text takes memory, which grows. */
    SAME(guest_open("absent.so", WASM_DYLD_NOW), 0);
    GUEST_ERROR("absent.so");
    for (int i = 0; i < WILD_ADDRESSES; i++) {
        /* No NUL before the end of memory. */
        uint32_t wild = wild_address(i), end = wild_address(0);
        uint8_t before[3];
        WORKS(wasm_dyld_read(host.dyld, end - 3, before, 3, &error));
        WORKS(wasm_dyld_write(host.dyld, end - 3, (const uint8_t *)"abc", 3, &error));
        SAME(GUEST2("open", wild, WASM_DYLD_NOW), 0);
        GUEST_ERROR("");
        SAME(GUEST2("symbol", plugin, wild), 0);
        GUEST_ERROR("");
        SAME(GUEST2("symbol", GUEST_DEFAULT, wild), 0);
        GUEST_ERROR("");
        SAME(GUEST2("symbol", GUEST_NEXT, wild), 0);
        GUEST_ERROR("");
        WORKS(wasm_dyld_write(host.dyld, end - 3, before, 3, &error));
    }

    static const char *const names[] = {"\377\376.so", "lib\300\257.so", "\355\240\200.so"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        SAME(guest_open(names[i], WASM_DYLD_NOW), 0);
        GUEST_ERROR("");
        SAME(guest_symbol(plugin, names[i]), 0);
        GUEST_ERROR("");
    }
    char name[2000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    SAME(guest_open(name, WASM_DYLD_NOW), 0);
    GUEST_ERROR("");
    SAME(guest_symbol(plugin, name), 0);
    GUEST_ERROR("");
    static const char *const odd[] = {"..", ".", "a\\b.so", "plugin.so ", "\n", "%s%n", "/", "//", "/etc/passwd", "../plugin.so"};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        SAME(guest_open(odd[i], WASM_DYLD_NOW), 0);
        GUEST_ERROR("");
    }
    SAME(guest_symbol(plugin, ""), 0);
    GUEST_ERROR("");
    SAME(GUEST2("symbol", plugin, 0), 0);
    GUEST_ERROR("");
    SAME(wasm_dyld_object_count(host.dyld), 2);
    SAME(guest_call(guest_symbol(plugin, "plugin")), 21);
    host_delete(&host);
    ok("names that lead nowhere");
}

static void wild_handles(void)
{
    begin();
    wasm_dyld_object_t *hosts = NULL;
    WORKS(wasm_dyld_load(host.dyld, "other.so", 0, &hosts, &error));
    uint32_t plugin = guest_open("plugin.so", WASM_DYLD_NOW), closed = guest_open("plugin.so", WASM_DYLD_NOW);
    SAME(closed, plugin);
    const uint32_t wild[] = {5, 12345, 0x7fffffff, 0x80000000, 0xfffffffe, plugin + 1, plugin - 1, buffer, (uint32_t)(uintptr_t)hosts, ~plugin};
    for (size_t i = 0; i < COUNT_OF(wild); i++) {
        if (wild[i] == plugin)
            continue;
        SAME(guest_symbol(wild[i], "other"), 0);
        GUEST_ERROR("");
        CHECK(GUEST1("close", wild[i]) != 0);
        GUEST_ERROR("");
        CHECK(guest_info(wild[i], DI_LMID, result_space()) != 0);
        GUEST_ERROR("");
    }
    CHECK(GUEST1("close", GUEST_NEXT) != 0);
    GUEST_ERROR("");
    /* All handles within reach: only what the guest has opened answers. */
    uint32_t whole = (uint32_t)GUEST2("open", 0, WASM_DYLD_NOW);
    for (uint32_t handle = 1; handle < 200; handle++) {
        if (handle == plugin || handle == whole)
            continue;
        CHECK(GUEST1("close", handle) != 0);
        SAME(guest_symbol(handle, "other"), 0);
    }
    GUEST_ERROR("");
    SAME(GUEST1("close", whole), 0);
    OPENS(host.dyld, hosts, 1, 0);
    OPENS(host.dyld, caller, 1, 0);
    SAME(GUEST1("close", plugin), 0);
    SAME(GUEST1("close", plugin), 0);
    /* A handle that was given up stays so, whatever comes after it. */
    uint32_t again = guest_open("plugin.so", WASM_DYLD_NOW);
    CHECK(again != 0);
    if (again != plugin) {
        SAME(guest_symbol(plugin, "plugin"), 0);
        GUEST_ERROR("");
    }
    SAME(guest_call(guest_symbol(again, "plugin")), 21);
    host_delete(&host);
    ok("handles that lead nowhere");
}

/* Whose openings are whose. */
static void host_and_guest(void)
{
    begin();
    wasm_dyld_object_t *object = NULL;
    WORKS(wasm_dyld_load(host.dyld, "plugin.so", 0, &object, &error));
    uint32_t plugin = guest_open("plugin.so", WASM_DYLD_NOW | WASM_DYLD_NOLOAD);
    CHECK(plugin != 0);
    OPENS(host.dyld, object, 1, 1);
    SAME(GUEST1("close", plugin), 0);
    OPENS(host.dyld, object, 1, 0);
    CHECK(GUEST1("close", plugin) != 0);
    GUEST_ERROR("");
    OPENS(host.dyld, object, 1, 0);
    SAME(CALL0(host.dyld, find(host.dyld, object, "plugin")), 21);

    plugin = guest_open("plugin.so", WASM_DYLD_NOW);
    WORKS(wasm_dyld_unload(host.dyld, object, &error));
    OPENS(host.dyld, object, 0, 1);
    FAILS(wasm_dyld_unload(host.dyld, object, &error), WASM_DYLD_INVALID_ARGUMENT, "plugin.so", NULL);
    SAME(guest_call(guest_symbol(plugin, "plugin")), 21);
    /* The guest promotes as the host does. */
    CHECK(!wasm_dyld_object_is_global(host.dyld, object));
    SAME(guest_open("plugin.so", WASM_DYLD_NOW | WASM_DYLD_GLOBAL), plugin);
    CHECK(wasm_dyld_object_is_global(host.dyld, object));
    SAME(guest_call(guest_symbol(GUEST_DEFAULT, "plugin")), 21);
    SAME(GUEST1("close", plugin), 0);
    SAME(GUEST1("close", plugin), 0);
    GONE(host.dyld, object);
    SAME(guest_symbol(GUEST_DEFAULT, "plugin"), 0);
    GUEST_ERROR("plugin");
    /* A library that closes itself runs to its end. */
    uint32_t self = guest_open("caller.so", WASM_DYLD_NOW);
    OPENS(host.dyld, caller, 1, 1);
    WORKS(wasm_dyld_unload(host.dyld, caller, &error));
    SAME(GUEST1("close", self), 0);
    GONE(host.dyld, caller);
    host_delete(&host);
    ok("openings of the host and of the guest");
}

static void global_scope(void)
{
    begin();
    uint32_t whole = (uint32_t)GUEST2("open", 0, WASM_DYLD_NOW);
    CHECK(whole != 0);
    SAME(guest_symbol(whole, "plugin"), 0);
    GUEST_ERROR("plugin");
    guest_open("plugin.so", WASM_DYLD_NOW | WASM_DYLD_GLOBAL);
    SAME(guest_call(guest_symbol(whole, "plugin")), 21);
    SAME(guest_symbol(whole, "plugin"), guest_symbol(GUEST_DEFAULT, "plugin"));
    SAME(guest_symbol(whole, "other"), 0);
    GUEST_ERROR("other");
    SAME(GUEST1("close", whole), 0);
    SAME(GUEST1("close", whole), 0);
    SAME(wasm_dyld_object_count(host.dyld), 2);
    /* The caller is local, and alone in the scope of its load. */
    SAME(guest_symbol((uint32_t)GUEST_NEXT, "buffer"), 0);
    GUEST_ERROR("buffer");
    host_delete(&host);
    ok("the global scope");
}

/* Out parameters that lead nowhere. */
static void wild_results(void)
{
    begin();
    uint32_t plugin = guest_open("plugin.so", WASM_DYLD_NOW), space = result_space();
    uint32_t slot = guest_symbol(plugin, "plugin");
    CHECK(GUEST2("address", slot, space) != 0);
    SAME_TEXT(read_text(host.dyld, (uint32_t)read_int(host.dyld, space + 8)), "plugin");
    SAME(read_int(host.dyld, space + 12), slot);
    SAME_TEXT(read_text(host.dyld, (uint32_t)read_int(host.dyld, space)), "plugin.so");
    SAME(GUEST2("address", 0xfffffff0, space), 0);
    SAME(guest_info(plugin, DI_LMID, space), 0);
    SAME(read_int(host.dyld, space), 0);
    CHECK(guest_info(plugin, 77, space) != 0);
    GUEST_ERROR("");
    CHECK(guest_info(plugin, DI_ORIGIN, space) != 0); /* it came from no file */
    GUEST_ERROR("");
    for (int i = 0; i < WILD_ADDRESSES; i++) {
        SAME(GUEST2("address", slot, wild_address(i)), 0);
        CHECK(guest_info(plugin, DI_LMID, wild_address(i)) != 0);
        GUEST_ERROR("");
        CHECK(guest_info(plugin, DI_LINKMAP, wild_address(i)) != 0);
        GUEST_ERROR("");
    }
    SAME(guest_call(slot), 21);
    host_delete(&host);
    ok("results that lead nowhere");
}

static void iteration(void)
{
    begin();
    guest_open("plugin.so", WASM_DYLD_NOW);
    guest_open("other.so", WASM_DYLD_NOW);
    uint32_t each = slot_of(host.dyld, caller, "each"), space = result_space();
    write_int(host.dyld, space, 0);
    write_int(host.dyld, space + 4, 0); /* what the callback returns: go on */
    SAME(GUEST2("iterate", each, space), 0);
    SAME(read_int(host.dyld, space), 3);
    write_int(host.dyld, space + 4, 9); /* stop */
    SAME(GUEST2("iterate", each, space), 9);
    SAME(read_int(host.dyld, space), 4);
    /* Slots with nothing, beyond the end, with a function of another type: as every call of such a pointer. */
    const uint32_t wild[] = {0, snapshot_of(host.dyld).slots, 0xffffffff, slot_of(host.dyld, caller, "error")};
    /* The engine notices most of these by an access to address 0, which a memory checker does not let pass. */
    for (size_t i = getenv("WASMDYLD_TEST_CHECKER") ? 3 : 0; i < COUNT_OF(wild); i++)
        FAILS(try_call(host.dyld, find(host.dyld, caller, "iterate"), NULL, 2, (int32_t)wild[i], (int32_t)space), WASM_DYLD_TRAP, NULL);
    SAME(GUEST2("iterate", each, space), 9);
    host_delete(&host);
    ok("iteration");
}

/* Constructors of what the guest opens. */

static void constructors(void)
{
    begin();
    struct module *m = module_new();
    module_function(m, "__wasm_call_ctors", "", "", CODE(UNREACHABLE));
    shelf_add(&shelf, "traps.so", m);
    m = module_new();
    module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
    module_function(m, "__wasm_call_ctors", "", "", CODE(I32_CONST, 12, CALL, 0));
    shelf_add(&shelf, "exits.so", m);
    m = module_new();
    m->memory_size = 16;
    module_data(m, 0, "plugin.so", 10);
    module_import(m, "env", "dlopen", "ii", "i");
    module_start(m, module_function(m, NULL, "", "", CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_CONST, WASM_DYLD_NOW, CALL, 0, I32_STORE, 2, 12)));
    module_datum(m, "got", 12);
    shelf_add(&shelf, "starts.so", m);

    SAME(guest_open("traps.so", WASM_DYLD_NOW), 0);
    GUEST_ERROR("traps.so");
    SAME(wasm_dyld_object_count(host.dyld), 1);
    int32_t code = 0;
    KEEPS(try_call(host.dyld, find(host.dyld, caller, "open"), NULL, 2, (int32_t)give("exits.so"), (int32_t)WASM_DYLD_NOW), WASM_DYLD_EXIT, NULL);
    CHECK(wasm_dyld_error_exit_code(error, &code));
    SAME(code, 12);
    forget_error();
    SAME(wasm_dyld_object_count(host.dyld), 1);
    /* In a start function nothing can be opened, and that is no trap. */
    uint32_t starts = guest_open("starts.so", WASM_DYLD_NOW);
    CHECK(starts != 0);
    SAME(read_int(host.dyld, guest_symbol(starts, "got")), 0);
    GUEST_ERROR("");
    SAME(wasm_dyld_object_count(host.dyld), 2);
    host_delete(&host);
    ok("constructors that fail");
}

/* What a constructor opens, closes and promotes before it traps is as it was before. */

static int32_t handle_for_guest;

static wasm_trap_t *give_handle(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    results->data[0].kind = WASM_I32;
    results->data[0].of.i32 = handle_for_guest;
    return NULL;
}

static void constructors_that_open(void)
{
    enum { DLOPEN, DLCLOSE, HANDLE, FLAGS = 2 };
    for (int traps = 0; traps < 2; traps++) {
        begin();
        define_function(&host, "test", "handle", 0, 1, give_handle);
        struct module *m = module_new();
        m->memory_size = 64;
        module_data(m, 0, "other.so", 9);
        module_data(m, 16, "third.so", 9);
        module_import(m, "env", "dlopen", "ii", "i");
        module_import(m, "env", "dlclose", "i", "i");
        module_import(m, "test", "handle", "", "i");
        /* dlclose(handle); dlopen("other.so", NOW | GLOBAL); dlopen("other.so", NOW); dlopen("third.so", NOW) */
        uint8_t end = traps ? UNREACHABLE : RETURN;
        module_function(m, "__wasm_call_ctors", "", "",
                        CODE(CALL, HANDLE, CALL, DLCLOSE, DROP, GLOBAL_GET, 0, I32_CONST, 0x82, 0x02, CALL, DLOPEN, DROP, GLOBAL_GET, 0, I32_CONST, FLAGS, CALL, DLOPEN,
                             DROP, GLOBAL_GET, 0, I32_CONST, 16, I32_ADD, I32_CONST, FLAGS, CALL, DLOPEN, DROP, end));
        shelf_add(&shelf, "acting.so", m);
        shelf_add(&shelf, "third.so", number("third", 23));
        uint32_t plugin = guest_open("plugin.so", WASM_DYLD_NOW), other = guest_open("other.so", WASM_DYLD_NOW);
        wasm_dyld_object_t *first = wasm_dyld_object_at(host.dyld, 1), *second = wasm_dyld_object_at(host.dyld, 2);
        handle_for_guest = (int32_t)plugin;
        uint32_t acting = guest_open("acting.so", WASM_DYLD_NOW);
        if (traps) {
            SAME(acting, 0);
            GUEST_ERROR("acting.so");
            SAME(wasm_dyld_object_count(host.dyld), 3);
            OPENS(host.dyld, first, 0, 1);
            OPENS(host.dyld, second, 0, 1);
            CHECK(!wasm_dyld_object_is_global(host.dyld, second));
            SAME(guest_call(guest_symbol(plugin, "plugin")), 21);
            SAME(GUEST1("close", plugin), 0);
            SAME(GUEST1("close", other), 0);
            SAME(wasm_dyld_object_count(host.dyld), 1);
        } else {
            CHECK(acting != 0);
            SAME(wasm_dyld_object_count(host.dyld), 4); /* the caller, other.so, acting.so, third.so */
            GONE(host.dyld, first);
            OPENS(host.dyld, second, 0, 3);
            CHECK(wasm_dyld_object_is_global(host.dyld, second));
        }
        host_delete(&host);
    }
    ok("constructors that open and close");
}

/* Libraries without end, each of which opens the next in its constructor. */

static struct bytes chain_bytes;
static int chained;

static int32_t open_chain(void *env, const char *name, const char *needed_by, const uint8_t **bytes, size_t *size, const uint8_t **identity,
                          size_t *identity_size)
{
    (void)env, (void)needed_by, (void)identity, (void)identity_size;
    if (strncmp(name, "chain", 5) != 0)
        return 1;
    char next[32];
    struct module *m = module_new();
    chained = atoi(name + 5);
    snprintf(next, sizeof next, "chain%d", chained + 1);
    m->memory_size = 32;
    module_data(m, 0, next, strlen(next) + 1);
    module_import(m, "env", "dlopen", "ii", "i");
    module_function(m, "__wasm_call_ctors", "", "", CODE(GLOBAL_GET, 0, I32_CONST, WASM_DYLD_NOW, CALL, 0, DROP));
    free(chain_bytes.data);
    chain_bytes = module_finish(m);
    *bytes = chain_bytes.data;
    *size = chain_bytes.size;
    return 0;
}

static void nesting(void)
{
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, open_chain, NULL, NULL, &error));
    begin_with(config);
    /* The innermost fails, and with it nothing else. */
    CHECK(guest_open("chain0", WASM_DYLD_NOW) != 0);
    GUEST_ERROR("deep");
    CHECK(chained >= 50 && chained < 200);
    /* The last that was looked for was not loaded. */
    SAME(wasm_dyld_object_count(host.dyld), 1 + (size_t)chained);
    SAME(GUEST1("close", guest_open("chain0", WASM_DYLD_NOW)), 0);
    host_delete(&host);
    free(chain_bytes.data);
    chain_bytes.data = NULL;
    ok("how deep opening nests");
}

/* What the host decides. */

static void switched_off(void)
{
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = shelf_config(&shelf);
    WORKS(wasm_dyld_config_set_guest(config, WASM_DYLD_GUEST_NO_DLOPEN, &error));
    begin_with(config);
    SAME(guest_open("plugin.so", WASM_DYLD_NOW), 0);
    GUEST_ERROR("the host does not let guests open libraries");
    SAME(guest_open("absent.so", WASM_DYLD_NOW), 0);
    GUEST_ERROR("the host does not let guests open libraries");
    SAME(shelf.asked, 0);
    SAME(wasm_dyld_object_count(host.dyld), 1);
    /* The host still loads. */
    WORKS(wasm_dyld_load(host.dyld, "plugin.so", WASM_DYLD_GLOBAL, NULL, &error));
    SAME(guest_call(guest_symbol(GUEST_DEFAULT, "plugin")), 21);
    host_delete(&host);
    FAILS(wasm_dyld_config_set_guest(NULL, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    ok("a host that does not let guests open");
}

static char asked_name[256], asked_by[256];
static struct bytes answer_bytes;

static int32_t answer(void *env, const char *name, const char *needed_by, const uint8_t **bytes, size_t *size, const uint8_t **identity, size_t *identity_size)
{
    (void)env, (void)identity, (void)identity_size;
    snprintf(asked_name, sizeof asked_name, "%s", name);
    snprintf(asked_by, sizeof asked_by, "%s", needed_by ? needed_by : "(the host)");
    if (!strstr(name, "answered"))
        return strstr(name, "refused") ? 13 : 1;
    *bytes = answer_bytes.data;
    *size = answer_bytes.size;
    return 0;
}

static void callback(void)
{
    shelf_clear(&shelf);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, answer, NULL, NULL, &error));
    answer_bytes = module_finish(number("answered", 30));
    begin_with(config);
    static const char *const names[] = {"plugins/answered.so", "/abs/answered.so", "./answered.so", "../answered.so", "answered.so", "a//b/answered"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        uint32_t handle = guest_open(names[i], WASM_DYLD_NOW);
        CHECK(handle != 0);
        SAME_TEXT(asked_name, names[i]);
        SAME_TEXT(asked_by, "caller.so");
        SAME(guest_call(guest_symbol(handle, "answered")), 30);
        SAME(guest_open(names[i], WASM_DYLD_NOW), handle);
        SAME(GUEST1("close", handle), 0);
        SAME(GUEST1("close", handle), 0);
        SAME(wasm_dyld_object_count(host.dyld), 1);
    }
    SAME(guest_open("some/refused.so", WASM_DYLD_NOW), 0);
    SAME_TEXT(asked_name, "some/refused.so");
    GUEST_ERROR("refused.so");
    SAME(guest_open("some/other.so", WASM_DYLD_NOW), 0);
    GUEST_ERROR("other.so");
    host_delete(&host);
    free(answer_bytes.data);
    ok("the open callback is asked for names with slashes");
}

/* Where the host keeps its files is none of the guest's business, unless the host says so. */
static void paths(void)
{
    for (int shown = 0; shown < 2; shown++) {
        shelf_clear(&shelf);
        wasm_dyld_config_t *config = shelf_config(&shelf);
        WORKS(wasm_dyld_config_add_library_path(config, "/nowhere/secret-folder", &error));
        WORKS(wasm_dyld_config_add_library_path(config, guest_path("cases/library-only"), &error));
        WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
        if (shown)
            WORKS(wasm_dyld_config_set_guest(config, WASM_DYLD_GUEST_SEES_PATHS, &error));
        begin_with(config);
        SAME(guest_open("absent.so", WASM_DYLD_NOW), 0);
        uint32_t text = (uint32_t)CALL0(host.dyld, find(host.dyld, caller, "error"));
        CHECK(text != 0);
        CONTAINS(read_text(host.dyld, text), "absent.so");
        SAME(strstr(read_text(host.dyld, text), "secret-folder") != NULL, shown);
        uint32_t handle = guest_open("libhistory.so", WASM_DYLD_NOW), space = result_space();
        CHECK(handle != 0);
        CHECK(GUEST2("address", guest_symbol(handle, "history_count"), space) != 0);
        const char *name = read_text(host.dyld, (uint32_t)read_int(host.dyld, space));
        CONTAINS(name, "libhistory.so");
        SAME(strstr(name, "library-only") != NULL, shown);
        space = result_space();
        if (guest_info(handle, DI_ORIGIN, space) == 0)
            SAME(strstr(read_text(host.dyld, space), "library-only") != NULL, shown);
        host_delete(&host);
    }
    ok("paths of the host");
}

/* A library in folders that are none of the system: env of the callbacks is its bytes. */

static int32_t stat_library(void *env, const char *path, wasm_dyld_file_stat_t *stat)
{
    stat->kind = *path ? WASM_DYLD_KIND_FILE : WASM_DYLD_KIND_FOLDER;
    stat->size = ((struct bytes *)env)->size;
    return !*path || strcmp(path, "plugin.so") == 0 ? 0 : ENOENT;
}

static int32_t open_library(void *env, const char *path, uint32_t flags, uint64_t *file)
{
    (void)env;
    SAME_TEXT(path, "plugin.so");
    *file = flags;
    return 0;
}

static int64_t read_library(void *env, uint64_t file, uint8_t *buffer, size_t size, uint64_t offset)
{
    struct bytes *library = (struct bytes *)env;
    SAME(file, 0);
    size_t left = offset < library->size ? library->size - (size_t)offset : 0;
    size = size < left ? size : left;
    if (size)
        memcpy(buffer, library->data + offset, size);
    return (int64_t)size;
}

static int64_t no_entries(void *env, const char *folder, uint64_t number, char *name, size_t size)
{
    (void)env, (void)folder, (void)number, (void)name, (void)size;
    return 0;
}

static void other_folders(void)
{
    struct module *modules[] = {number("plugin", 31), number("plugin", 32), number("plugin", 33)};
    struct bytes bytes[3];
    wasm_dyld_folder_t *folders[3];
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    wasm_dyld_folder_callbacks_t callbacks;
    for (int i = 0; i < 3; i++)
        bytes[i] = module_finish(modules[i]);
    folders[0] = wasm_dyld_folder_new_memory(0, 0);
    WORKS(wasm_dyld_folder_write(folders[0], "plugin.so", bytes[0].data, bytes[0].size, &error));
    struct zip zip = zip_of("plugin.so", bytes[1].data, bytes[1].size);
    WORKS(wasm_dyld_folder_new_archive_bytes(zip.bytes, zip.size, 0, &folders[1], &error));
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.size = sizeof callbacks;
    callbacks.stat = stat_library;
    callbacks.open = open_library;
    callbacks.read = read_library;
    callbacks.entry = no_entries;
    WORKS(wasm_dyld_folder_new_callbacks(&callbacks, &bytes[2], NULL, &folders[2], &error));
    static const char *const names[] = {"/memory", "/archive", "/callbacks"};
    static const char *const libraries[] = {"/memory/plugin.so", "/archive/./plugin.so", "/callbacks//plugin.so"};
    static const char *const none[] = {"/memory/none.so", "/archive/none.so", "/callbacks/../memory/plugin.so"};
    for (int i = 0; i < 3; i++) {
        uint32_t access = i == 1 ? WASM_DYLD_FOLDER_READ_ONLY : WASM_DYLD_FOLDER_READ_WRITE;
        WORKS(wasm_dyld_wasi_add_virtual_folder(wasi, folders[i], names[i], access, &error));
        wasm_dyld_folder_delete(folders[i]);
    }
    begin();
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    uint32_t handles[3];
    for (int i = 0; i < 3; i++) {
        handles[i] = guest_open(libraries[i], WASM_DYLD_NOW);
        CHECK(handles[i] != 0);
        SAME(guest_call(guest_symbol(handles[i], "plugin")), 31 + i);
        SAME(guest_open(none[i], WASM_DYLD_NOW), 0);
        GUEST_ERROR(".so");
    }
    for (int i = 0; i < 3; i++) {
        SAME(guest_open(libraries[i], WASM_DYLD_NOLOAD), handles[i]);
        SAME(GUEST1("close", handles[i]), 0);
        SAME(GUEST1("close", handles[i]), 0);
    }
    host_delete(&host);
    for (int i = 0; i < 3; i++)
        free(bytes[i].data);
    ok("folders that are none of the system");
}

/* The two other interfaces, with the same pointers. */

static void other_interfaces(void)
{
    enum { LOAD_OBJECT, RESOLVE_SYMBOL, WASIX_DLOPEN, WASIX_DLSYM, WASIX_INVALID };
    begin();
    struct module *m = module_new();
    wasm_dyld_object_t *object = NULL;
    module_import(m, "dyld", "load_object", "iiii", "i");
    module_import(m, "dyld", "resolve_symbol", "iiiii", "i");
    module_import(m, "wasix_32v1", "dlopen", "iiiiiiii", "i");
    module_import(m, "wasix_32v1", "dlsym", "iiiiii", "i");
    module_import(m, "wasix_32v1", "dl_invalid_handle", "i", "i");
    m->memory_size = 64;
    m->memory_p2align = 4;
    module_datum(m, "space", 0);
    /* Errors go to 32 bytes at 16, handles and addresses where the last argument says. */
    module_function(m, "load_object", "iii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_CONST, 0, LOCAL_GET, 2, CALL, LOAD_OBJECT));
    module_function(m, "resolve_symbol", "iiii", "i",
                    CODE(LOCAL_GET, 0, I32_CONST, 1, LOCAL_GET, 1, LOCAL_GET, 2, LOCAL_GET, 3, CALL, RESOLVE_SYMBOL));
    module_function(m, "wasix_dlopen", "iiii", "i",
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_CONST, 2, GLOBAL_GET, 0, I32_CONST, 16, I32_ADD, LOCAL_GET, 2, I32_CONST, 0, I32_CONST, 0, LOCAL_GET, 3,
                         CALL, WASIX_DLOPEN));
    module_function(m, "wasix_dlsym", "iiii", "i",
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, GLOBAL_GET, 0, I32_CONST, 16, I32_ADD, I32_CONST, 32, LOCAL_GET, 3, CALL, WASIX_DLSYM));
    module_function(m, "wasix_invalid", "i", "i", CODE(LOCAL_GET, 0, CALL, WASIX_INVALID));
    WORKS(load_module(host.dyld, "others.so", m, 0, &object, &error));
    uint32_t space = address_of(host.dyld, object, "space");
    wasm_func_t *load_object = find(host.dyld, object, "load_object"), *resolve = find(host.dyld, object, "resolve_symbol");
    wasm_func_t *open = find(host.dyld, object, "wasix_dlopen"), *symbol = find(host.dyld, object, "wasix_dlsym");
    wasm_func_t *invalid = find(host.dyld, object, "wasix_invalid");
    int32_t result = -1;

    WORKS(try_call(host.dyld, load_object, &result, 3, (int32_t)give("plugin.so"), (int32_t)9, (int32_t)space));
    SAME(result, 0);
    int32_t handle = read_int(host.dyld, space);
    WORKS(try_call(host.dyld, resolve, &result, 4, handle, (int32_t)give("plugin"), (int32_t)6, (int32_t)space));
    SAME(result, 0);
    SAME(guest_call((uint32_t)read_int(host.dyld, space)), 21);
    WORKS(try_call(host.dyld, open, &result, 4, (int32_t)give("other.so"), (int32_t)8, (int32_t)32, (int32_t)space));
    SAME(result, 0);
    int32_t wasix_handle = read_int(host.dyld, space);
    WORKS(try_call(host.dyld, symbol, &result, 4, wasix_handle, (int32_t)give("other"), (int32_t)5, (int32_t)space));
    SAME(result, 0);
    SAME(guest_call((uint32_t)read_int(host.dyld, space)), 22);
    SAME(CALL1(host.dyld, invalid, wasix_handle), 0);
    CHECK(CALL1(host.dyld, invalid, 987654) != 0);

    size_t objects = wasm_dyld_object_count(host.dyld);
    for (int i = 0; i < WILD_ADDRESSES; i++) {
        int32_t at = (int32_t)wild_address(i), name = (int32_t)give("plugin.so");
        /* Names, their lengths, and out parameters. */
        WORKS(try_call(host.dyld, load_object, &result, 3, at, (int32_t)9, (int32_t)space));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, load_object, &result, 3, name, at, (int32_t)space));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, load_object, &result, 3, name, (int32_t)9, at));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, resolve, &result, 4, handle, at, (int32_t)6, (int32_t)space));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, resolve, &result, 4, at, (int32_t)give("plugin"), (int32_t)6, (int32_t)space));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, resolve, &result, 4, handle, (int32_t)give("plugin"), (int32_t)6, at));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, open, &result, 4, at, (int32_t)9, (int32_t)32, (int32_t)space));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, open, &result, 4, name, at, (int32_t)32, (int32_t)space));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, open, &result, 4, name, (int32_t)9, (int32_t)32, at));
        CHECK(result != 0);
        /* An error that does not fit into what is there for it. */
        WORKS(try_call(host.dyld, open, &result, 4, (int32_t)give("absent.so"), (int32_t)9, at, (int32_t)space));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, symbol, &result, 4, wasix_handle, at, (int32_t)5, (int32_t)space));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, symbol, &result, 4, at, (int32_t)give("other"), (int32_t)5, (int32_t)space));
        CHECK(result != 0);
        WORKS(try_call(host.dyld, symbol, &result, 4, wasix_handle, (int32_t)give("other"), (int32_t)5, at));
        CHECK(result != 0);
    }
    SAME(wasm_dyld_object_count(host.dyld), objects);
    host_delete(&host);
    ok("the interfaces of other systems");
}

int main(void)
{
    opening();
    last_errors();
    wild_names();
    wild_handles();
    host_and_guest();
    global_scope();
    wild_results();
    iteration();
    constructors();
    constructors_that_open();
    nesting();
    switched_off();
    callback();
    paths();
    other_folders();
    other_interfaces();
    shelf_clear(&shelf);
    return 0;
}
