/*
 * Libraries opened and closed at random, by host and guest, with constructors and exit handlers that trap now and then; compared step by step
 * with a small model of what should be there.
 *
 *     churn [STEPS [SEED]]
 */
#include "build.h"
#include "check.h"

enum { LIBRARIES = 14, MOST_NEEDED = 3, NOBODY = -1, RECYCLE_AT = 8000 };

/* What the libraries are, the same for all steps of a seed. */
static struct {
    char name[16];
    int needed[MOST_NEEDED], needed_count;
    int borrows; /* whose function it imports without needing it, or NOBODY */
    uint32_t memory_size, p2align;
    bool reaches[LIBRARIES]; /* by what it needs */
} plan[LIBRARIES];

/* What should be there. */
static struct {
    wasm_dyld_object_t *handle; /* NULL: not loaded */
    uint32_t opens, guest_opens, guest_handle;
    bool nodelete, global, unbound; /* unbound: what it borrows is looked for when it is called */
    bool opened;                    /* itself, not as what another one needs */
    bool uses[LIBRARIES];
    int32_t value;     /* of its datum */
    uint32_t sequence; /* of its constructor */
} model[LIBRARIES];

static int global_order[LIBRARIES], global_count;
static struct host host;
static struct shelf shelf;
static wasm_dyld_object_t *guest; /* opens and closes as it is told */
static uint32_t random_state, sequence;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % bound;
}

/* What constructors (number) and exit handlers (100 + number) have noted, and which of them is to trap. */
static int noted[4 * LIBRARIES], noted_count, trapping;

static wasm_trap_t *note(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)results;
    CHECK((size_t)noted_count < COUNT_OF(noted));
    noted[noted_count++] = arguments->data[0].of.i32;
    if (arguments->data[0].of.i32 != trapping)
        return NULL;
    wasm_message_t message;
    wasm_byte_vec_new(&message, sizeof "as planned", "as planned");
    wasm_trap_t *trap = wasm_trap_new(host.store, &message);
    wasm_byte_vec_delete(&message);
    return trap;
}

static struct module *library(int n)
{
    enum { CXA_ATEXIT, NOTE };
    struct module *m = module_new();
    char name[16];
    uint8_t code[128];
    size_t size = 0;
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_import(m, "test", "note", "i", "");
    /* `sum`: what the functions of all others that it imports give, together. */
    code[size++] = I32_CONST;
    code[size++] = 0;
    for (int i = 0; i < plan[n].needed_count + (plan[n].borrows != NOBODY); i++) {
        int other = i < plan[n].needed_count ? plan[n].needed[i] : plan[n].borrows;
        snprintf(name, sizeof name, "f%d", other);
        if (i < plan[n].needed_count)
            module_needs(m, plan[other].name);
        code[size++] = CALL;
        code[size++] = (uint8_t)module_import(m, "env", name, "", "i");
        code[size++] = I32_ADD;
    }
    m->memory_size = plan[n].memory_size;
    m->memory_p2align = plan[n].p2align;
    module_function(m, "sum", "", "i", code, size);
    snprintf(name, sizeof name, "f%d", n);
    module_slot(m, module_function(m, NULL, "i", "", CODE(LOCAL_GET, 0, CALL, NOTE)));
    module_slot(m, module_function(m, name, "", "i", CODE(I32_CONST, (uint8_t)n)));
    module_function(m, "which", "", "i", CODE(I32_CONST, (uint8_t)n));
    module_datum(m, "datum", 0);
    module_data(m, 0, "\1\0\0\0", 4);
    /* datum += 1; __cxa_atexit(slot 0, 100 + n, memory); note(n) */
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0, I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, GLOBAL_GET, 1, I32_CONST,
                         (uint8_t)((100 + n) | 0x80), 0, GLOBAL_GET, 0, CALL, CXA_ATEXIT, DROP, I32_CONST, (uint8_t)n, CALL, NOTE));
    return m;
}

static void make_plan(void)
{
    shelf_clear(&shelf);
    for (int n = 0; n < LIBRARIES; n++) {
        memset(&plan[n], 0, sizeof plan[n]);
        snprintf(plan[n].name, sizeof plan[n].name, "lib%d.so", n);
        /* Most need only what comes after them, so that there are cycles, but not everywhere. */
        plan[n].needed_count = random_below(2) ? (int)random_below(MOST_NEEDED + 1) : 0;
        for (int i = 0; i < plan[n].needed_count; i++) {
            bool again = false;
            plan[n].needed[i] = random_below(6) ? n + (int)random_below((uint32_t)(LIBRARIES - n)) : (int)random_below(LIBRARIES);
            for (int j = 0; j < i; j++)
                again |= plan[n].needed[j] == plan[n].needed[i];
            if (again || plan[n].needed[i] == n)
                plan[n].needed_count = i;
        }
        plan[n].borrows = random_below(4) == 0 ? (int)random_below(LIBRARIES) : NOBODY;
        plan[n].memory_size = 4 + random_below(random_below(5) ? 300 : 100000);
        plan[n].p2align = 2 + random_below(5);
        plan[n].reaches[n] = true;
    }
    for (int n = 0; n < LIBRARIES; n++)
        for (int i = 0; i < plan[n].needed_count; i++)
            if (plan[n].borrows == plan[n].needed[i] || plan[n].borrows == n)
                plan[n].borrows = NOBODY;
    for (int round = 0; round < LIBRARIES; round++)
        for (int n = 0; n < LIBRARIES; n++)
            for (int i = 0; i < plan[n].needed_count; i++)
                for (int j = 0; j < LIBRARIES; j++)
                    plan[n].reaches[j] |= plan[plan[n].needed[i]].reaches[j];
    for (int n = 0; n < LIBRARIES; n++)
        shelf_add(&shelf, plan[n].name, library(n));
}

static void begin(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_open(config, shelf_open, &shelf, NULL, &error));
    host = host_with(config);
    define_function(&host, "test", "note", 1, 0, note);
    memset(model, 0, sizeof model);
    global_count = 0;
    sequence = 0;
    trapping = NOBODY;

    enum { DLOPEN, DLCLOSE };
    struct module *m = module_new();
    m->memory_size = 32;
    module_import(m, "env", "dlopen", "ii", "i");
    module_import(m, "env", "dlclose", "i", "i");
    module_function(m, "open", "i", "i", CODE(GLOBAL_GET, 0, LOCAL_GET, 0, CALL, DLOPEN));
    module_function(m, "close", "i", "i", CODE(LOCAL_GET, 0, CALL, DLCLOSE));
    module_datum(m, "buffer", 0);
    WORKS(load_module(host.dyld, "guest.so", m, 0, &guest, &error));
}

/* As wasm_dyld_load and wasm_dyld_unload. */

static wasm_dyld_object_t *find_object(const char *name)
{
    for (size_t at = 0; at < wasm_dyld_object_count(host.dyld); at++) {
        wasm_dyld_object_t *object = wasm_dyld_object_at(host.dyld, at);
        if (strcmp(wasm_dyld_object_name(host.dyld, object), name) == 0)
            return object;
    }
    return NULL;
}

static bool guest_open(int n, uint32_t flags, wasm_dyld_object_t **object)
{
    WORKS(wasm_dyld_write(host.dyld, address_of(host.dyld, guest, "buffer"), (const uint8_t *)plan[n].name, sizeof plan[n].name, &error));
    uint32_t handle = (uint32_t)CALL1(host.dyld, find(host.dyld, guest, "open"), flags);
    *object = NULL;
    if (!handle)
        return false;
    CHECK(model[n].guest_handle == 0 || model[n].guest_handle == handle);
    model[n].guest_handle = handle;
    *object = find_object(plan[n].name);
    return true;
}

/* A library with all that it needs, breadth first. */
static int group_of(int root, int *group)
{
    bool in[LIBRARIES] = {false};
    int count = 0;
    group[count++] = root;
    in[root] = true;
    for (int at = 0; at < count; at++) {
        for (int i = 0; i < plan[group[at]].needed_count; i++) {
            int other = plan[group[at]].needed[i];
            if (!in[other])
                group[count++] = other;
            in[other] = true;
        }
    }
    return count;
}

static void enter_global_scope(int n)
{
    if (!model[n].global)
        global_order[global_count++] = n;
    model[n].global = true;
}

/* Whether something that `n` borrows is found where it is loaded with `root`. */
static bool finds(int root, int n)
{
    int lender = plan[n].borrows;
    return lender == NOBODY || model[lender].global || plan[root].reaches[lender];
}

static bool can_load(int root)
{
    int group[LIBRARIES], count = group_of(root, group);
    for (int i = 0; i < count; i++)
        if (!model[group[i]].handle && !finds(root, group[i]))
            return false;
    return true;
}

/* A load that is to fail by a constructor's trap: what was constructed is destroyed, in reverse, and nothing else has changed. */
static void fail_at_random(int root, uint32_t flags, bool by_guest)
{
    int group[LIBRARIES], count = group_of(root, group), fresh[LIBRARIES], fresh_count = 0;
    wasm_dyld_object_t *object = NULL;
    for (int i = 0; i < count; i++)
        if (!model[group[i]].handle)
            fresh[fresh_count++] = group[i];
    trapping = fresh[random_below((uint32_t)fresh_count)];
    uint32_t handle = model[root].guest_handle;
    if (by_guest)
        CHECK(!guest_open(root, flags, &object));
    else
        FAILS(wasm_dyld_load(host.dyld, plan[root].name, flags, &object, &error), WASM_DYLD_TRAP, "as planned", plan[trapping].name, NULL);
    CHECK(object == NULL && model[root].guest_handle == handle);
    CHECK(noted_count >= 2 && noted_count % 2 == 0 && noted[noted_count / 2 - 1] == trapping);
    for (int i = 0; i < noted_count / 2; i++)
        SAME(noted[noted_count - 1 - i], 100 + noted[i]);
    noted_count = 0;
    trapping = NOBODY;
}

static void open_at_random(void)
{
    static const uint32_t all_flags[] = {0,
                                         0,
                                         WASM_DYLD_LAZY,
                                         WASM_DYLD_NOW | WASM_DYLD_GLOBAL,
                                         WASM_DYLD_DEEPBIND,
                                         WASM_DYLD_NOLOAD,
                                         WASM_DYLD_LAZY | WASM_DYLD_GLOBAL,
                                         WASM_DYLD_NOLOAD | WASM_DYLD_GLOBAL};
    int root = (int)random_below(LIBRARIES), group[LIBRARIES], count = group_of(root, group);
    uint32_t flags = all_flags[random_below(COUNT_OF(all_flags))];
    bool by_guest = random_below(3) == 0, loaded = model[root].handle != NULL, opened = false;
    wasm_dyld_object_t *object = NULL;
    if (model[root].opens + model[root].guest_opens >= 3)
        return;
    if (random_below(1000) == 0)
        flags |= WASM_DYLD_NODELETE;
    bool impossible = !(flags & WASM_DYLD_LAZY) && !can_load(root);
    if (!loaded && !(flags & WASM_DYLD_NOLOAD) && !impossible && random_below(6) == 0) {
        fail_at_random(root, flags, by_guest);
        return;
    }
    if (by_guest) {
        opened = guest_open(root, flags, &object);
    } else if (!loaded && !(flags & WASM_DYLD_NOLOAD) && impossible) {
        FAILS(wasm_dyld_load(host.dyld, plan[root].name, flags, &object, &error), WASM_DYLD_UNDEFINED_SYMBOL, NULL);
    } else {
        WORKS(wasm_dyld_load(host.dyld, plan[root].name, flags, &object, &error));
        opened = object != NULL;
    }
    SAME(opened, loaded || !(impossible || flags & WASM_DYLD_NOLOAD));
    if (!opened) {
        SAME(noted_count, 0);
        return;
    }
    CHECK(object != NULL && (!loaded || object == model[root].handle));
    for (int i = 0; i < count && !loaded; i++) {
        int n = group[i];
        if (model[n].handle)
            continue;
        model[n].handle = find_object(plan[n].name);
        CHECK(model[n].handle != NULL);
        model[n].value = 2;
        model[n].sequence = 0;
        model[n].unbound = !finds(root, n);
        if (plan[n].borrows != NOBODY && !model[n].unbound)
            model[n].uses[plan[n].borrows] = true;
    }
    /* Each new one has been constructed once, and, but for cycles, after what it needs. */
    for (int i = 0; i < noted_count; i++) {
        CHECK(noted[i] < LIBRARIES && model[noted[i]].handle && model[noted[i]].sequence == 0);
        model[noted[i]].sequence = ++sequence;
    }
    noted_count = 0;
    for (int n = 0; n < LIBRARIES; n++) {
        CHECK(!model[n].handle == !model[n].sequence);
        for (int i = 0; model[n].handle && i < plan[n].needed_count; i++) {
            int other = plan[n].needed[i];
            CHECK(plan[other].reaches[n] || model[other].sequence < model[n].sequence);
        }
    }
    if (flags & WASM_DYLD_GLOBAL)
        for (int i = 0; i < count; i++)
            enter_global_scope(group[i]);
    *(by_guest ? &model[root].guest_opens : &model[root].opens) += 1;
    model[root].opened = true;
    model[root].nodelete |= (flags & WASM_DYLD_NODELETE) != 0;
}

static void keep(int n, bool *kept)
{
    if (kept[n])
        return;
    kept[n] = true;
    for (int i = 0; i < plan[n].needed_count; i++)
        keep(plan[n].needed[i], kept);
    for (int i = 0; i < LIBRARIES; i++)
        if (model[n].uses[i])
            keep(i, kept);
}

/* The handlers that ran are those of `gone`, each once, and, but for cycles, before those of what its library needs. */
static void check_handlers(const bool *gone)
{
    int count = 0, turn[LIBRARIES] = {0};
    for (int n = 0; n < LIBRARIES; n++)
        count += gone[n];
    SAME(noted_count, count);
    for (int i = 0; i < noted_count; i++) {
        int n = noted[i] - 100;
        CHECK(n >= 0 && n < LIBRARIES && gone[n] && !turn[n]);
        turn[n] = i + 1;
    }
    for (int n = 0; n < LIBRARIES; n++)
        for (int i = 0; gone[n] && i < plan[n].needed_count; i++) {
            int other = plan[n].needed[i];
            CHECK(!gone[other] || plan[other].reaches[n] || turn[n] < turn[other]);
        }
    noted_count = 0;
}

static void close_at_random(int n)
{
    bool kept[LIBRARIES] = {false}, gone[LIBRARIES] = {false}, by_guest = random_below(4) ? model[n].guest_opens > 0 : random_below(2);
    uint32_t *opens = by_guest ? &model[n].guest_opens : &model[n].opens;
    if (*opens == 0) {
        if (by_guest && model[n].guest_handle)
            CHECK(CALL1(host.dyld, find(host.dyld, guest, "close"), model[n].guest_handle) != 0);
        else if (!by_guest)
            FAILS(wasm_dyld_unload(host.dyld, model[n].handle, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
        SAME(noted_count, 0);
        return;
    }
    --*opens;
    for (int i = 0; i < LIBRARIES; i++)
        if (model[i].handle && (model[i].opens || model[i].guest_opens || model[i].nodelete))
            keep(i, kept);
    for (int i = 0; i < LIBRARIES; i++)
        gone[i] = model[i].handle && !kept[i];
    /* A handler that traps is an error, and all goes on nevertheless. */
    int victim = (int)random_below(LIBRARIES);
    trapping = random_below(4) == 0 ? 100 + victim : NOBODY;
    bool traps = trapping != NOBODY && gone[victim];
    if (by_guest) {
        SAME(CALL1(host.dyld, find(host.dyld, guest, "close"), model[n].guest_handle) != 0, traps);
    } else if (traps) {
        FAILS(wasm_dyld_unload(host.dyld, model[n].handle, &error), WASM_DYLD_TRAP, "as planned", plan[victim].name, NULL);
    } else {
        WORKS(wasm_dyld_unload(host.dyld, model[n].handle, &error));
    }
    trapping = NOBODY;
    check_handlers(gone);
    int count = 0;
    for (int i = 0; i < global_count; i++)
        if (!gone[global_order[i]])
            global_order[count++] = global_order[i];
    global_count = count;
    for (int i = 0; i < LIBRARIES; i++) {
        if (!gone[i])
            continue;
        CHECK(wasm_dyld_object_name(host.dyld, model[i].handle) == NULL);
        memset(&model[i], 0, sizeof model[i]);
    }
}

static void check_all(void)
{
    uint64_t bases[LIBRARIES] = {0}, sizes[LIBRARIES] = {0}, slots[LIBRARIES] = {0}, counts[LIBRARIES] = {0};
    size_t loaded = 0;
    for (int n = 0; n < LIBRARIES; n++) {
        if (!model[n].handle)
            continue;
        loaded++;
        wasm_dyld_object_t *object = model[n].handle;
        SAME_TEXT(wasm_dyld_object_name(host.dyld, object), plan[n].name);
        OPENS(host.dyld, object, model[n].opens, model[n].guest_opens);
        SAME(wasm_dyld_object_is_global(host.dyld, object), model[n].global);
        SAME(wasm_dyld_object_is_nodelete(host.dyld, object), model[n].nodelete);
        SAME(wasm_dyld_object_needed_count(host.dyld, object), plan[n].needed_count);
        for (int i = 0; i < plan[n].needed_count; i++)
            CHECK(wasm_dyld_object_needed_at(host.dyld, object, (size_t)i) == model[plan[n].needed[i]].handle);
        WORKS(wasm_dyld_object_place(host.dyld, object, &bases[n], &sizes[n], &slots[n], &counts[n], &error));
        SAME(bases[n] % (1u << plan[n].p2align), 0);
        for (int i = 0; i < n; i++) {
            CHECK(!model[i].handle || bases[i] + sizes[i] <= bases[n] || bases[n] + sizes[n] <= bases[i]);
            CHECK(!model[i].handle || slots[i] + counts[i] <= slots[n] || slots[n] + counts[n] <= slots[i]);
        }
        SAME(read_int(host.dyld, bases[n]), model[n].value);
    }
    SAME(wasm_dyld_object_count(host.dyld), loaded + 1); /* and the guest */
    if (global_count)
        SAME(CALL0(host.dyld, find(host.dyld, NULL, "which")), global_order[0]);
    else
        FAILS(wasm_dyld_dlsym(host.dyld, NULL, "which", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
}

/* Whether a call finds what `n` borrows: in the global scope, or in the group of an opened library that holds `n`. */
static bool finds_when_called(int n)
{
    int lender = plan[n].borrows;
    bool found = model[lender].global;
    for (int root = 0; root < LIBRARIES; root++)
        found |= model[root].handle && model[root].opened && plan[root].reaches[n] && plan[root].reaches[lender];
    return found;
}

/* Uses one of the libraries. */
static void use_at_random(int n)
{
    int32_t sum = 0;
    char name[16];
    if (!model[n].handle)
        return;
    for (int i = 0; i < plan[n].needed_count; i++)
        sum += plan[n].needed[i];
    if (plan[n].borrows != NOBODY)
        sum += plan[n].borrows;
    if (model[n].unbound && !finds_when_called(n)) {
        FAILS(try_call(host.dyld, find(host.dyld, model[n].handle, "sum"), NULL, 0), WASM_DYLD_TRAP, "undefined symbol f", plan[n].name, NULL);
    } else {
        SAME(CALL0(host.dyld, find(host.dyld, model[n].handle, "sum")), sum);
        if (plan[n].borrows != NOBODY)
            model[n].uses[plan[n].borrows] = true;
        model[n].unbound = false;
    }
    SAME(CALL0(host.dyld, find(host.dyld, model[n].handle, "which")), n);
    snprintf(name, sizeof name, "f%d", n);
    SAME(slot_of(host.dyld, model[n].handle, name), table_base_of(host.dyld, model[n].handle) + 1);
    if (random_below(20) == 0)
        slot_of(host.dyld, model[n].handle, "which");
    model[n].value = (int32_t)random_below(1000000) + 10;
    write_int(host.dyld, memory_base_of(host.dyld, model[n].handle), model[n].value);
    /* To the last byte. */
    uint8_t byte = 0xee;
    WORKS(wasm_dyld_write(host.dyld, memory_base_of(host.dyld, model[n].handle) + plan[n].memory_size - 1, &byte, plan[n].memory_size > 4, &error));
}

/* All handlers that are left, the last registered first. */
static void end(void)
{
    bool left[LIBRARIES] = {false};
    WORKS(wasm_dyld_finish(host.dyld, &error));
    for (int n = 0; n < LIBRARIES; n++)
        left[n] = model[n].handle != NULL;
    check_handlers(left);
    host_delete(&host);
}

static void churn(long steps, uint32_t seed)
{
    random_state = seed * 2654435761u + 1;
    make_plan();
    begin();
    uint32_t most_pages = 0;
    for (long step = 0; step < steps; step++) {
        int n = (int)random_below(LIBRARIES);
        if (wasm_dyld_instance_count(host.dyld) >= RECYCLE_AT) {
            end();
            begin();
        }
        switch (random_below(4)) {
        case 0:
            open_at_random();
            break;
        case 1:
            use_at_random(n);
            break;
        default:
            if (model[n].handle)
                close_at_random(n);
        }
        check_all();
        uint32_t pages = snapshot_of(host.dyld).pages;
        most_pages = pages > most_pages ? pages : most_pages;
    }
    end();
    /* All at once are at most 14 times 100,000 bytes, and gaps. */
    CHECK(most_pages < 17 + 2 * 25);
    shelf_clear(&shelf);
}

int main(int argc, char **argv)
{
    bool checker = getenv("WASMDYLD_TEST_CHECKER") != NULL;
    long steps = argc > 1 ? atol(argv[1]) : checker ? 40 : 600;
    uint32_t seeds = checker ? 3 : 30;
    if (argc > 2) {
        churn(steps, (uint32_t)atol(argv[2]));
    } else {
        for (uint32_t seed = 0; seed < seeds; seed++) {
            fprintf(stderr, "# seed %lu\n", (unsigned long)seed); /* for whoever reads of a failure */
            churn(steps, seed);
        }
    }
    ok("libraries opened and closed at random");
    return 0;
}
