/*
 * Bad input. Each kind has its own message; after each, the namespace is as before, and a correct load then succeeds.
 *
 * Every scenario runs in an empty namespace and in one that holds a library already.
 */
#include "build.h"
#include "check.h"

struct world {
    wasm_dyld_t *dyld;
    wasm_store_t *store;
    struct shelf shelf;
};

/* A library with a function `NAME` that gives 42, and data. */
static struct module *good(const char *name)
{
    struct module *m = module_new();
    m->memory_size = 8;
    module_function(m, name, "", "i", CODE(I32_CONST, 42));
    module_data(m, 4, "\1\2\3\4", 4);
    return m;
}

static wasm_dyld_code_t load(struct world *w, const char *name, struct module *m) { return load_module(w->dyld, name, m, WASM_DYLD_NOW, NULL, &error); }

static wasm_dyld_code_t load_raw(struct world *w, const void *bytes, size_t size)
{
    return wasm_dyld_load_bytes(w->dyld, "raw.so", (const uint8_t *)bytes, size, 0, NULL, &error);
}

static void check_good_load(struct world *w)
{
    wasm_dyld_object_t *object = NULL;
    WORKS(load_module(w->dyld, "good.so", good("good"), WASM_DYLD_NOW, &object, &error));
    SAME(CALL0(w->dyld, find(w->dyld, object, "good")), 42);
}

static void scenario_with(const char *what, void (*run)(struct world *), void (*configure)(wasm_dyld_config_t *))
{
    for (int loaded = 0; loaded < 2; loaded++) {
        struct world w;
        wasm_dyld_config_t *config = wasm_dyld_config_new();
        memset(&w, 0, sizeof w);
        WORKS(wasm_dyld_config_set_open(config, shelf_open, &w.shelf, shelf_finalize, &error));
        WORKS(wasm_dyld_config_add_library_path(config, "/nowhere/first", &error));
        WORKS(wasm_dyld_config_add_library_path(config, "/nowhere/second", &error));
        if (configure)
            configure(config);
        struct host host = host_with(config);
        w.dyld = host.dyld;
        w.store = host.store;
        if (loaded) {
            WORKS(load(&w, "base.so", good("base")));
            /* Memories and tables never shrink. With a page and some slots that a first failure left, all can stay the same. */
            struct module *m = good("f");
            m->table_size = 16;
            module_function(m, "__wasm_call_ctors", "", "", CODE(UNREACHABLE));
            FAILS(load(&w, "room.so", m), WASM_DYLD_TRAP, NULL);
            SAME(wasm_dyld_object_count(w.dyld), 1);
        }
        struct snapshot before = snapshot_of(w.dyld);
        run(&w);
        UNCHANGED(w.dyld, before);
        check_good_load(&w);
        SAME(wasm_dyld_object_count(w.dyld), before.objects + 1);
        host_delete(&host);
        shelf_clear(&w.shelf);
        SAME(w.shelf.finalized, 1);
    }
    ok(what);
}

static void scenario(const char *what, void (*run)(struct world *)) { scenario_with(what, run, NULL); }

/* Libraries that are not there. */

static void missing_library(struct world *w)
{
    struct module *top = module_new(), *mid = module_new();
    module_needs(top, "libmid.so");
    module_needs(mid, "libabsent.so");
    shelf_add(&w->shelf, "libmid.so", mid);
    FAILS(load(w, "top.so", top), WASM_DYLD_NOT_FOUND, "loading top.so", "libabsent.so, needed by libmid.so", "library not found",
          "the host's open callback: does not have it", "/nowhere/first/libabsent.so (library path): no such file",
          "/nowhere/second/libabsent.so (library path): no such file", NULL);
    FAILS(wasm_dyld_load(w->dyld, "libabsent.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, "libabsent.so", "/nowhere/first/libabsent.so",
          "/nowhere/second/libabsent.so", NULL);
    FAILS(wasm_dyld_load(w->dyld, "/nowhere/library.so", 0, NULL, &error), WASM_DYLD_NOT_FOUND, "/nowhere/library.so: no such file", NULL);
    FAILS(wasm_dyld_load(w->dyld, "/", 0, NULL, &error), WASM_DYLD_IO, "not a regular file", NULL);
}

static void runtime_paths(struct world *w)
{
    struct module *m = module_new();
    module_needs(m, "libabsent.so");
    module_runtime_path(m, "$ORIGIN/lib:/outside");
    FAILS(load(w, "top.so", m), WASM_DYLD_NOT_FOUND, "RUNTIME_PATH $ORIGIN/lib of top.so: the object has no origin",
          "RUNTIME_PATH /outside of top.so: not followed", NULL);
}

/* Symbols. */

static void undefined_symbols(struct world *w)
{
    struct module *first = module_new(), *second = module_new();
    module_needs(first, "libsecond.so");
    module_import(first, "env", "add", "ii", "i");
    module_import(first, "env", "stop", "", "");
    module_import_global(first, "GOT.mem", "table", true);
    module_import(second, "env", "wide", "IfF", "I");
    module_import_global(second, "GOT.func", "callback", true);
    module_import(second, "graphics", "draw", "i", "");
    module_import(second, "env", "perhaps", "", "");
    module_weak(second, "perhaps");
    shelf_add(&w->shelf, "libsecond.so", second);
    KEEPS(load(w, "libfirst.so", first), WASM_DYLD_UNDEFINED_SYMBOL, "6 undefined symbols", "add: func (i32, i32) -> i32, needed by libfirst.so",
          "stop: func () -> (), needed by libfirst.so", "table: data, needed by libfirst.so", "wide: func (i64, f32, f64) -> i64, needed by libsecond.so",
          "callback: the address of a function, needed by libsecond.so", "graphics.draw: func (i32) -> (), needed by libsecond.so", NULL);
    SAME(wasm_dyld_error_undefined_count(error), 6);
    SAME_TEXT(wasm_dyld_error_undefined_symbol(error, 0), "add");
    SAME_TEXT(wasm_dyld_error_undefined_importer(error, 0), "libfirst.so");
    SAME_TEXT(wasm_dyld_error_undefined_wanted(error, 0), "func (i32, i32) -> i32");
    CHECK(wasm_dyld_error_undefined_symbol(error, 6) == NULL);
    CHECK(wasm_dyld_error_undefined_importer(error, SIZE_MAX) == NULL);
    CHECK(wasm_dyld_error_undefined_wanted(error, 6) == NULL);
    forget_error();

    struct module *one = module_new();
    module_import(one, "env", "alone", "", "");
    FAILS(load(w, "one.so", one), WASM_DYLD_UNDEFINED_SYMBOL, "undefined symbol\n", "alone", NULL);

    /* Lazily bound data is an error all the same. */
    struct module *lazy = module_new();
    module_import(lazy, "env", "later", "", "");
    module_import_global(lazy, "GOT.mem", "datum", true);
    KEEPS(load_module(w->dyld, "lazy.so", lazy, WASM_DYLD_LAZY, NULL, &error), WASM_DYLD_UNDEFINED_SYMBOL, "datum: data", NULL);
    SAME(wasm_dyld_error_undefined_count(error), 1);
    forget_error();
}

static void type_clash(struct world *w)
{
    struct module *giver = module_new(), *taker = module_new();
    module_function(giver, "f", "i", "i", CODE(LOCAL_GET, 0));
    module_function(giver, "g", "", "", CODE(RETURN));
    giver->memory_size = 4;
    module_datum(giver, "d", 0);
    shelf_add(&w->shelf, "giver.so", giver);
    module_needs(taker, "giver.so");
    module_import(taker, "env", "f", "ii", "");
    module_import_global(taker, "GOT.mem", "g", true);
    module_import_global(taker, "GOT.func", "d", true);
    FAILS(load(w, "taker.so", taker), WASM_DYLD_TYPE_MISMATCH, "f: taker.so imports it as func (i32, i32) -> (), giver.so defines it as func (i32) -> i32",
          "g: taker.so uses it as data, giver.so defines it as func () -> ()",
          "d: taker.so uses it as a function, giver.so defines it as ", NULL);

    struct module *both = module_new();
    module_needs(both, "giver.so");
    module_import(both, "env", "f", "I", "");
    module_import(both, "env", "nothing", "", "");
    FAILS(load(w, "both.so", both), WASM_DYLD_UNDEFINED_SYMBOL, "nothing: func () -> (), needed by both.so",
          "f: both.so imports it as func (i64) -> (), giver.so defines it as func (i32) -> i32", NULL);

    struct module *base = module_new();
    module_import_global(base, "env", "__stack_pointer", false);
    FAILS(load(w, "constant.so", base), WASM_DYLD_TYPE_MISMATCH, "__stack_pointer", NULL);
}

/* Files that are something else. */

static void not_a_library(struct world *w)
{
    static const char elf[] = "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\76\0\1\0\0\0";
    static const char text[] = "#!/bin/sh\necho hello\n";
    static const char wat[] = "(module (func (export \"f\")))\n";
    static const char component[] = "\0asm\x0d\0\1\0";
    static const char archive[] = "!<arch>\nlibx.o/         0           0     0     644     8         `\n";
    static const char object[] = "\0asm\1\0\0\0\0\x0a\7linking\2\0";
    static const char later[] = "\0asm\2\0\0\0";
    static const char noise[] = "\211\324\5\0\377\1\2\3\4\5\6\7";
    FAILS(load_raw(w, NULL, 0), WASM_DYLD_MALFORMED, "empty", NULL);
    FAILS(load_raw(w, NULL, 8), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(load_raw(w, elf, sizeof elf - 1), WASM_DYLD_MALFORMED, "raw.so", "an ELF file", "wasm32", NULL);
    FAILS(load_raw(w, text, sizeof text - 1), WASM_DYLD_MALFORMED, "text that begins with `#!/bin/sh`", NULL);
    FAILS(load_raw(w, wat, sizeof wat - 1), WASM_DYLD_MALFORMED, "WebAssembly text", "assemble it", NULL);
    FAILS(load_raw(w, component, 8), WASM_DYLD_UNSUPPORTED, "a WebAssembly component", "core modules", NULL);
    FAILS(load_raw(w, archive, sizeof archive - 1), WASM_DYLD_MALFORMED, "ar archive", NULL);
    FAILS(load_raw(w, object, sizeof object - 1), WASM_DYLD_UNSUPPORTED, "a wasm object file, not yet linked", NULL);
    FAILS(load_raw(w, later, 8), WASM_DYLD_UNSUPPORTED, "version 2", NULL);
    FAILS(load_raw(w, noise, sizeof noise - 1), WASM_DYLD_MALFORMED, "unknown bytes", NULL);
    FAILS(load_raw(w, "\0as", 3), WASM_DYLD_MALFORMED, "cut off after 3 bytes", NULL);
    FAILS(load_raw(w, "\0asm\1\0\0\0", 8), WASM_DYLD_UNSUPPORTED, "no dylink.0 section", "-shared", NULL);

    struct module *plain = good("f");
    module_make_plain(plain);
    FAILS(load(w, "plain.so", plain), WASM_DYLD_UNSUPPORTED, "no dylink.0 section", NULL);

    /* A function whose body does not fit its type: only the engine looks at bodies. */
    struct module *invalid = module_new();
    module_function(invalid, "f", "", "i", CODE(DROP));
    FAILS(load(w, "invalid.so", invalid), WASM_DYLD_MALFORMED, "invalid.so", "not a valid module", "offset", NULL);
}

/* A module cut off anywhere is an error, unless it is cut between two sections. */
static void truncated(struct world *w)
{
    struct bytes all = module_finish(good("f"));
    size_t valid = 0;
    for (size_t size = 0; size < all.size; size++) {
        /* An array of just that size, so that a memory checker sees what reads beyond it. */
        uint8_t *part = (uint8_t *)malloc(size + 1);
        CHECK(part != NULL);
        memcpy(part, all.data, size);
        part[size] = 0xff;
        /* What lacks its function bodies is cut off too, so the engine is not even asked where sections are missing. */
        struct host host = host_new();
        wasm_dyld_code_t code = wasm_dyld_load_bytes(host.dyld, "cut.so", part, size, 0, NULL, &error);
        if (code == WASM_DYLD_OK) {
            valid++;
        } else {
            CHECK(code == WASM_DYLD_MALFORMED || code == WASM_DYLD_UNSUPPORTED || code == WASM_DYLD_ENGINE);
            CONTAINS(wasm_dyld_error_message(error), "cut.so");
            SAME(wasm_dyld_object_count(host.dyld), 0);
            forget_error();
        }
        host_delete(&host);
        FAILS(wasm_dyld_load_bytes(w->dyld, "cut.so", part, size < 8 ? size : 9, 0, NULL, &error), WASM_DYLD_MALFORMED, NULL);
        free(part);
    }
    free(all.data);
    CHECK(valid <= 6);
}

/* Every byte changed: whatever comes out, nothing crashes. */
static void garbage(struct world *w)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    struct module *n = module_new();
    n->memory_size = 16;
    module_import(n, "env", "absent", "i", "i");
    module_weak(n, "absent");
    module_import_global(n, "GOT.func", "g", true);
    module_slot(n, module_function(n, "g", "", "i", CODE(I32_CONST, 7)));
    module_datum(n, "d", 8);
    module_data(n, 0, "data", 4);
    struct bytes all = module_finish(n);
    for (size_t mask = 0; mask < sizeof masks; mask++) {
        struct host host = {NULL, NULL, NULL};
        for (size_t at = 0; at < all.size; at++) {
            if (at % 64 == 0) {
                if (host.dyld)
                    host_delete(&host);
                wasm_dyld_config_t *config = wasm_dyld_config_new();
                WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_MEMORY_PAGES, 64, &error));
                WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_TABLE_SLOTS, 1000, &error));
                host = host_with(config);
            }
            size_t objects = wasm_dyld_object_count(host.dyld);
            all.data[at] ^= masks[mask];
            wasm_dyld_code_t code = wasm_dyld_load_bytes(host.dyld, "g.so", all.data, all.size, 0, NULL, &error);
            all.data[at] ^= masks[mask];
            CHECK(code != WASM_DYLD_INTERNAL && (code == WASM_DYLD_OK) == !error);
            SAME(wasm_dyld_object_count(host.dyld), objects + (code == WASM_DYLD_OK));
            forget_error();
        }
        host_delete(&host);
    }
    free(all.data);
    (void)w;
}

static void hostile_sections(struct world *w)
{
    /* A vector that claims four thousand million entries. */
    static const char types[] = "\0asm\1\0\0\0\1\5\377\377\377\377\17";
    /* dylink.0 with a subsection longer than itself. */
    static const char dylink[] = "\0asm\1\0\0\0\0\13\10dylink.0\1\377";
    FAILS(load_raw(w, types, sizeof types - 1), WASM_DYLD_LIMIT, "offset", "limit", NULL);
    FAILS(load_raw(w, dylink, sizeof dylink - 1), WASM_DYLD_MALFORMED, "dylink.0", "offset", NULL);
}

/* Sizes. */

static void absurd_sizes(struct world *w)
{
    struct module *m = good("f");
    m->memory_size = 0xffffffff;
    FAILS(load(w, "huge.so", m), WASM_DYLD_LIMIT, "huge.so", "4294967295", "memory", NULL);
    m = good("f");
    m->table_size = 0xffffffff;
    FAILS(load(w, "huge.so", m), WASM_DYLD_LIMIT, "huge.so", "4294967295", "table", NULL);
    static const uint32_t alignments[] = {31, 32, 63, 64, 255, 0xffffffff};
    for (size_t i = 0; i < COUNT_OF(alignments); i++) {
        m = good("f");
        m->memory_p2align = alignments[i];
        FAILS(load(w, "aligned.so", m), WASM_DYLD_MALFORMED, "aligned.so", "alignment of 2^", "memory", NULL);
        m = good("f");
        m->table_size = 1;
        m->table_p2align = alignments[i];
        FAILS(load(w, "aligned.so", m), WASM_DYLD_MALFORMED, "aligned.so", "alignment of 2^", "table", NULL);
    }
}

static void small(wasm_dyld_config_t *config)
{
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_MEMORY_PAGES, 20, &error));
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_TABLE_SLOTS, 40, &error));
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_OBJECTS, 3, &error));
}

static void limits(struct world *w)
{
    struct module *m = good("f");
    m->memory_size = 10 << 16;
    FAILS(load(w, "large.so", m), WASM_DYLD_LIMIT, "large.so", "memory", "655360", NULL);
    m = good("f");
    m->memory_p2align = 30;
    FAILS(load(w, "aligned.so", m), WASM_DYLD_LIMIT, "aligned.so", "memory", NULL);
    m = good("f");
    m->table_size = 50;
    FAILS(load(w, "large.so", m), WASM_DYLD_LIMIT, "large.so", "table", "50", NULL);
    m = module_new();
    module_needs(m, "liba.so");
    module_needs(m, "libb.so");
    module_needs(m, "libc.so");
    shelf_add(&w->shelf, "liba.so", good("a"));
    shelf_add(&w->shelf, "libb.so", good("b"));
    shelf_add(&w->shelf, "libc.so", good("c"));
    FAILS(load(w, "many.so", m), WASM_DYLD_LIMIT, "one object more than the limit of 3", NULL);
}

/* Needed entries. */

static void needed_names(struct world *w)
{
    static const char *const bad[] = {"../libx.so", "/etc/passwd", "..", ".", "a/b.so", "a\\b.so"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct module *m = good("f");
        module_needs(m, bad[i]);
        FAILS(load(w, "names.so", m), WASM_DYLD_INVALID_ARGUMENT, "needed by names.so", "is no name for a library", NULL);
        if (!strchr(bad[i], '/'))
            FAILS(wasm_dyld_load(w->dyld, bad[i], 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "is no name for a library", NULL);
        FAILS(load(w, bad[i], good("f")), WASM_DYLD_INVALID_ARGUMENT, "is no name for a library", NULL);
    }
    char long_name[300];
    memset(long_name, 'x', sizeof long_name);
    struct module *m = good("f");
    module_needs_bytes(m, long_name, sizeof long_name);
    FAILS(load(w, "names.so", m), WASM_DYLD_INVALID_ARGUMENT, "longer than a file name", NULL);
    m = good("f");
    module_needs_bytes(m, "lib\0x.so", 8);
    FAILS(load(w, "names.so", m), WASM_DYLD_MALFORMED, "names.so", "NUL", "offset", NULL);
    m = good("f");
    module_needs_bytes(m, "", 0);
    FAILS(load(w, "names.so", m), WASM_DYLD_MALFORMED, "empty", "offset", NULL);
    m = good("f");
    module_needs_bytes(m, "lib\377.so", 7);
    FAILS(load(w, "names.so", m), WASM_DYLD_MALFORMED, "UTF-8", "offset", NULL);
    FAILS(wasm_dyld_load(w->dyld, "", 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "empty", NULL);
    FAILS(wasm_dyld_load(w->dyld, "\377", 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "UTF-8", NULL);
    SAME(w->shelf.asked, 0); /* no such name reached the callback */
}

/* Libraries that need each other are no error; when one of them cannot be had, none of them stays. */
static void cycles(struct world *w)
{
    struct module *a = good("a"), *b = good("b"), *again = module_new();
    module_needs(a, "libb.so");
    module_needs(b, "liba.so");
    module_needs(b, "libb.so");
    module_needs(again, "libcycle1.so");
    struct module *cycle1 = module_new(), *cycle2 = module_new();
    module_needs(cycle1, "libcycle2.so");
    module_needs(cycle2, "libcycle1.so");
    module_needs(cycle2, "libabsent.so");
    shelf_add(&w->shelf, "liba.so", a);
    shelf_add(&w->shelf, "libb.so", b);
    shelf_add(&w->shelf, "libcycle1.so", cycle1);
    shelf_add(&w->shelf, "libcycle2.so", cycle2);
    FAILS(load(w, "again.so", again), WASM_DYLD_NOT_FOUND, "libabsent.so, needed by libcycle2.so", NULL);

    struct shelf copy = w->shelf;
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, shelf_open, &copy, NULL, &error));
    struct host host = host_with(config);
    wasm_dyld_object_t *object = NULL, *other = NULL;
    WORKS(wasm_dyld_load(host.dyld, "liba.so", 0, &object, &error));
    SAME(wasm_dyld_object_count(host.dyld), 2);
    SAME(CALL0(host.dyld, find(host.dyld, object, "b")), 42);
    WORKS(wasm_dyld_load(host.dyld, "libb.so", 0, &other, &error));
    SAME(wasm_dyld_object_count(host.dyld), 2);
    CHECK(other == wasm_dyld_object_needed_at(host.dyld, object, 0));
    host_delete(&host);
}

/* Guest code that fails. */

static void traps(struct world *w)
{
    struct module *m = good("f");
    module_function(m, "__wasm_call_ctors", "", "", CODE(UNREACHABLE));
    FAILS(load(w, "broken.so", m), WASM_DYLD_TRAP, "loading broken.so", "__wasm_call_ctors of broken.so", "unreachable", NULL);

    m = good("f");
    module_function(m, "_initialize", "", "", CODE(I32_CONST, 1, I32_CONST, 0, I32_DIV_S, DROP));
    FAILS(load(w, "broken.so", m), WASM_DYLD_TRAP, "_initialize of broken.so", "divide by zero", NULL);

    m = good("f");
    module_function(m, "__wasm_apply_data_relocs", "", "", CODE(UNREACHABLE));
    FAILS(load(w, "broken.so", m), WASM_DYLD_TRAP, "__wasm_apply_data_relocs of broken.so", NULL);

    m = good("f");
    module_start(m, module_function(m, NULL, "", "", CODE(UNREACHABLE)));
    FAILS(load(w, "broken.so", m), WASM_DYLD_TRAP, "broken.so", "start", "unreachable", NULL);

    /* More data than dylink.0 asked for: it would overwrite the neighbours, or lie outside of memory. */
    m = good("f");
    module_data(m, 1 << 30, "far", 3);
    FAILS(load(w, "outside.so", m), WASM_DYLD_MALFORMED, "outside.so", "its data segments reach from", "outside of the 8 bytes", NULL);

    m = good("f");
    module_function(m, "__wasm_call_ctors", "i", "", CODE(RETURN));
    FAILS(load(w, "wrong.so", m), WASM_DYLD_MALFORMED, "wrong.so", "__wasm_call_ctors is no function of type () -> ()", NULL);

    /* The library that fails takes those down that were loaded for it or with it; each of their constructors had run. */
    struct module *needed = good("n"), *top = module_new();
    shelf_add(&w->shelf, "libneeded.so", needed);
    module_needs(top, "libneeded.so");
    module_slot(top, module_import(top, "env", "n", "", "i"));
    module_function(top, "__wasm_call_ctors", "", "", CODE(UNREACHABLE));
    FAILS(load(w, "top.so", top), WASM_DYLD_TRAP, "__wasm_call_ctors of top.so", NULL);
}

/* Unbounded recursion in the guest is a trap. */
static void recursion(struct world *w)
{
    struct module *m = good("f");
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, 1));
    FAILS(load(w, "deep.so", m), WASM_DYLD_TRAP, "deep.so", "stack", NULL);
}

static void exits(struct world *w)
{
    struct module *m = module_new();
    int32_t code = 0;
    WORKS(wasm_dyld_set_wasi(w->dyld, NULL, &error));
    module_import(m, "wasi_snapshot_preview1", "proc_exit", "i", "");
    module_function(m, "__wasm_call_ctors", "", "", CODE(I32_CONST, 7, CALL, 0));
    KEEPS(load(w, "leaver.so", m), WASM_DYLD_EXIT, "leaver.so", "exited with code 7", NULL);
    CHECK(wasm_dyld_error_exit_code(error, &code));
    SAME(code, 7);
    CHECK(wasm_dyld_error_exit_code(error, NULL));
    forget_error();
}

/* A constructor calls the host, which loads a library. */

static struct {
    struct world *world;
    bool fail;
    wasm_dyld_code_t code;
} nested;

static wasm_trap_t *load_nested(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    struct module *m = module_new();
    wasm_dyld_error_t *problem = NULL;
    (void)arguments;
    (void)results;
    if (nested.fail)
        module_import(m, "env", "not_there", "", "");
    nested.code = load_module(nested.world->dyld, "inner.so", m, WASM_DYLD_NOW, NULL, &problem);
    wasm_dyld_error_delete(problem);
    return NULL;
}

static void define_nested(struct world *w)
{
    wasm_functype_t *type = wasm_functype_new_0_0();
    wasm_func_t *function = wasm_func_new(w->store, type, load_nested);
    wasm_functype_delete(type);
    WORKS(wasm_dyld_define(w->dyld, "env", "load_nested", wasm_func_as_extern(function), 0, &error));
    wasm_func_delete(function);
    nested.world = w;
}

static void nested_loads(struct world *w)
{
    define_nested(w);
    /* A load that fails inside of one that fails. */
    nested.fail = true;
    struct module *m = module_new();
    module_import(m, "env", "load_nested", "", "");
    module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, 0, UNREACHABLE));
    FAILS(load(w, "outer.so", m), WASM_DYLD_TRAP, "outer.so", NULL);
    SAME(nested.code, WASM_DYLD_UNDEFINED_SYMBOL);

    /* In a start function the namespace is not yet whole: nothing can be loaded. */
    nested.fail = false;
    m = module_new();
    module_import(m, "env", "load_nested", "", "");
    module_start(m, module_function(m, NULL, "", "", CODE(CALL, 0, UNREACHABLE)));
    FAILS(load(w, "outer.so", m), WASM_DYLD_TRAP, "outer.so", NULL);
    SAME(nested.code, WASM_DYLD_BUSY);
}

static void nested_success(void)
{
    for (int fail = 0; fail < 2; fail++) {
        struct world w;
        struct host host = host_new();
        wasm_dyld_object_t *object = NULL;
        memset(&w, 0, sizeof w);
        w.dyld = host.dyld;
        w.store = host.store;
        define_nested(&w);
        nested.fail = fail;
        struct module *m = module_new();
        module_import(m, "env", "load_nested", "", "");
        module_function(m, "__wasm_call_ctors", "", "", CODE(CALL, 0));
        WORKS(load_module(host.dyld, "outer.so", m, WASM_DYLD_NOW, &object, &error));
        SAME(nested.code, fail ? WASM_DYLD_UNDEFINED_SYMBOL : WASM_DYLD_OK);
        SAME(wasm_dyld_object_count(host.dyld), fail ? 1 : 2);
        check_good_load(&w);
        host_delete(&host);
    }
    ok("a constructor's own loads");
}

/* Memory that failed loads took is used again: it does not grow with each. */
static void failed_loads_leak_nothing(void)
{
    struct host host = host_new();
    struct world w;
    memset(&w, 0, sizeof w);
    w.dyld = host.dyld;
    WORKS(load(&w, "base.so", good("base")));
    struct snapshot after = snapshot_of(w.dyld);
    for (int round = 0; round < 20; round++) {
        struct module *m = good("f");
        m->memory_size = 3 << 16;
        m->table_size = 100;
        module_function(m, "__wasm_call_ctors", "", "", CODE(UNREACHABLE));
        FAILS(load(&w, "broken.so", m), WASM_DYLD_TRAP, NULL);
        if (round == 0)
            after = snapshot_of(w.dyld);
        UNCHANGED(w.dyld, after);
    }
    /* What is given back is zero again. */
    wasm_dyld_object_t *object = NULL;
    uint64_t base = 0, size = 0;
    struct module *m = module_new();
    m->memory_size = 3 << 16;
    WORKS(load_module(w.dyld, "zeros.so", m, 0, &object, &error));
    WORKS(wasm_dyld_object_place(w.dyld, object, &base, &size, NULL, NULL, &error));
    SAME(size, 3 << 16);
    SAME(read_int(w.dyld, base + 4), 0);
    host_delete(&host);
    ok("failed loads leak neither memory nor slots");
}

/* A constructor that traps in the midst of its frame leaves the stack as it found it. */
static void failed_loads_leave_the_stack(void)
{
    struct host host = host_new();
    wasm_dyld_object_t *object = NULL;
    struct module *m = module_new();
    uint32_t pointer = module_import_global(m, "env", "__stack_pointer", true);
    module_function(m, "stack", "", "i", CODE(GLOBAL_GET, (uint8_t)pointer));
    WORKS(load_module(host.dyld, "base.so", m, 0, &object, &error));
    int32_t before = CALL0(host.dyld, find(host.dyld, object, "stack"));
    m = module_new();
    pointer = module_import_global(m, "env", "__stack_pointer", true);
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, (uint8_t)pointer, I32_CONST, 32, I32_SUB, GLOBAL_SET, (uint8_t)pointer, UNREACHABLE));
    FAILS(load_module(host.dyld, "broken.so", m, 0, NULL, &error), WASM_DYLD_TRAP, NULL);
    SAME(CALL0(host.dyld, find(host.dyld, object, "stack")), before);
    host_delete(&host);
    ok("failed loads leave the stack as it was");
}

/* Requests that make no sense. */

static void requests(struct world *w)
{
    struct bytes bytes = module_finish(good("f"));
    static const uint32_t flags[] = {16, 1 << 20, 0x80000000, WASM_DYLD_LAZY | WASM_DYLD_NOW, WASM_DYLD_LOCAL | WASM_DYLD_GLOBAL};
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        FAILS(wasm_dyld_load_bytes(w->dyld, "f.so", bytes.data, bytes.size, flags[i], NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "load flags", NULL);
    FAILS(wasm_dyld_load(w->dyld, NULL, 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "name is NULL", NULL);
    FAILS(wasm_dyld_load_bytes(w->dyld, NULL, bytes.data, bytes.size, 0, NULL, &error), WASM_DYLD_INVALID_ARGUMENT, "name is NULL", NULL);
    FAILS(wasm_dyld_run(w->dyld, NULL, &error), WASM_DYLD_BUSY, "no main program", NULL);
    FAILS(wasm_dyld_dlsym(w->dyld, NULL, "nothing", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, "symbol nothing not found", NULL);
    if (wasm_dyld_object_count(w->dyld)) {
        FAILS(wasm_dyld_load_bytes(w->dyld, "f.so", bytes.data, bytes.size, WASM_DYLD_PROGRAM, NULL, &error), WASM_DYLD_BUSY,
              "main program must be the first", NULL);
    } else {
        FAILS(wasm_dyld_memory(w->dyld, NULL, &error), WASM_DYLD_BUSY, "nothing has been loaded", NULL);
        FAILS(wasm_dyld_table(w->dyld, NULL, &error), WASM_DYLD_BUSY, "nothing has been loaded", NULL);
        FAILS(wasm_dyld_read(w->dyld, 0, NULL, 0, &error), WASM_DYLD_BUSY, "nothing has been loaded", NULL);
    }
    free(bytes.data);
}

/* Errors can be left out. */
static void without_error(struct world *w)
{
    SAME(wasm_dyld_load(w->dyld, "absent.so", 0, NULL, NULL), WASM_DYLD_NOT_FOUND);
    SAME(load_module(w->dyld, "empty.so", module_new(), 1 << 30, NULL, NULL), WASM_DYLD_INVALID_ARGUMENT);
}

int main(void)
{
    scenario("missing libraries", missing_library);
    scenario("runtime paths that are not followed", runtime_paths);
    scenario("undefined symbols", undefined_symbols);
    scenario("type clashes", type_clash);
    scenario("files that are no libraries", not_a_library);
    scenario("truncated modules", truncated);
    scenario("changed bytes", garbage);
    scenario("hostile sections", hostile_sections);
    scenario("absurd sizes and alignments", absurd_sizes);
    scenario_with("limits", limits, small);
    scenario("needed names", needed_names);
    scenario("needed cycles", cycles);
    scenario("traps while loading", traps);
    scenario("recursion without end", recursion);
    scenario("exit while loading", exits);
    scenario("loads inside of loads that fail", nested_loads);
    nested_success();
    failed_loads_leak_nothing();
    scenario("requests that make no sense", requests);
    scenario("errors left out", without_error);
    failed_loads_leave_the_stack();
    return 0;
}
