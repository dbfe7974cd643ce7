/*
 * Libraries opened and closed at random, compared step by step with a small model of what should be there.
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
    uint32_t opens;
    bool nodelete, global;
    bool uses[LIBRARIES];
    int32_t value;     /* of its datum */
    uint32_t sequence; /* of its constructor */
} model[LIBRARIES];

static int global_order[LIBRARIES], global_count;
static struct host host;
static struct shelf shelf;
static uint32_t random_state, sequence;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % bound;
}

/* What constructors (number) and exit handlers (100 + number) have noted. */
static int noted[4 * LIBRARIES], noted_count;

static wasm_trap_t *note(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)results;
    CHECK((size_t)noted_count < COUNT_OF(noted));
    noted[noted_count++] = arguments->data[0].of.i32;
    return NULL;
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
        plan[n].needed_count = (int)random_below(MOST_NEEDED + 1);
        for (int i = 0; i < plan[n].needed_count; i++) {
            bool again = false;
            plan[n].needed[i] = (int)random_below(LIBRARIES);
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

/* Whether a load can find what it borrows, and what it will be bound to. */
static bool can_load(int root)
{
    int group[LIBRARIES], count = group_of(root, group);
    for (int i = 0; i < count; i++) {
        int lender = plan[group[i]].borrows;
        if (model[group[i]].handle || lender == NOBODY)
            continue;
        if (!model[lender].global && !plan[root].reaches[lender])
            return false;
    }
    return true;
}

static void open_at_random(void)
{
    static const uint32_t all_flags[] = {0, 0, WASM_DYLD_GLOBAL, WASM_DYLD_DEEPBIND, WASM_DYLD_NOLOAD, WASM_DYLD_NOLOAD | WASM_DYLD_GLOBAL};
    int root = (int)random_below(LIBRARIES), group[LIBRARIES], count = group_of(root, group);
    uint32_t flags = all_flags[random_below(COUNT_OF(all_flags))];
    wasm_dyld_object_t *object = NULL;
    if (random_below(400) == 0)
        flags |= WASM_DYLD_NODELETE;
    bool loaded = model[root].handle != NULL;
    if (!loaded && !(flags & WASM_DYLD_NOLOAD) && !can_load(root)) {
        FAILS(wasm_dyld_load(host.dyld, plan[root].name, flags, &object, &error), WASM_DYLD_UNDEFINED_SYMBOL, NULL);
        SAME(noted_count, 0);
        return;
    }
    WORKS(wasm_dyld_load(host.dyld, plan[root].name, flags, &object, &error));
    if (!loaded && flags & WASM_DYLD_NOLOAD) {
        CHECK(object == NULL);
        return;
    }
    CHECK(object != NULL && (!loaded || object == model[root].handle));
    for (int i = 0; i < count && !loaded; i++) {
        int n = group[i];
        if (model[n].handle)
            continue;
        if (plan[n].borrows != NOBODY)
            model[n].uses[plan[n].borrows] = true;
        for (size_t at = 0; at < wasm_dyld_object_count(host.dyld); at++) {
            wasm_dyld_object_t *candidate = wasm_dyld_object_at(host.dyld, at);
            if (strcmp(wasm_dyld_object_name(host.dyld, candidate), plan[n].name) == 0)
                model[n].handle = candidate;
        }
        CHECK(model[n].handle != NULL);
        model[n].value = 2;
        model[n].sequence = 0;
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
    model[root].opens++;
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

/* The handlers that ran are those of `gone`, the last registered first. */
static void check_handlers(const bool *gone)
{
    uint32_t before = UINT32_MAX;
    int count = 0;
    for (int n = 0; n < LIBRARIES; n++)
        count += gone[n];
    SAME(noted_count, count);
    for (int i = 0; i < noted_count; i++) {
        int n = noted[i] - 100;
        CHECK(n >= 0 && n < LIBRARIES && gone[n] && model[n].sequence < before);
        before = model[n].sequence;
    }
    noted_count = 0;
}

static void close_object(int n)
{
    bool kept[LIBRARIES] = {false}, gone[LIBRARIES] = {false};
    if (model[n].opens == 0) {
        FAILS(wasm_dyld_dlclose(host.dyld, model[n].handle, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
        SAME(noted_count, 0);
        return;
    }
    WORKS(wasm_dyld_dlclose(host.dyld, model[n].handle, &error));
    model[n].opens--;
    for (int i = 0; i < LIBRARIES; i++)
        if (model[i].handle && (model[i].opens || model[i].nodelete))
            keep(i, kept);
    for (int i = 0; i < LIBRARIES; i++)
        gone[i] = model[i].handle && !kept[i];
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
        OPENS(host.dyld, object, model[n].opens, 0);
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
    SAME(wasm_dyld_object_count(host.dyld), loaded);
    if (global_count)
        SAME(CALL0(host.dyld, find(host.dyld, NULL, "which")), global_order[0]);
    else
        FAILS(wasm_dyld_dlsym(host.dyld, NULL, "which", NULL, NULL, NULL, &error), WASM_DYLD_NOT_FOUND, NULL);
}

/* Uses one of the libraries. */
static void use(int n)
{
    int32_t sum = 0;
    char name[16];
    if (!model[n].handle)
        return;
    for (int i = 0; i < plan[n].needed_count; i++)
        sum += plan[n].needed[i];
    if (plan[n].borrows != NOBODY)
        sum += plan[n].borrows;
    SAME(CALL0(host.dyld, find(host.dyld, model[n].handle, "sum")), sum);
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
        switch (random_below(5)) {
        case 0:
        case 1:
            open_at_random();
            break;
        case 2:
        case 3:
            if (model[n].handle)
                close_object(n);
            break;
        default:
            use(n);
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
