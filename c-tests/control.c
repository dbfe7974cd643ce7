/*
 * Guests that are stopped: by interrupts of another thread and of a signal handler, by a time-out, by a budget; in every place where guest
 * code runs, and where it waits. After each, the namespace is as it was and is used on.
 */
#define _POSIX_C_SOURCE 200809L
#include "build.h"
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* for (;;) */
#define ENDLESS LOOP, NOTHING, BR, 0, END

static struct host host;
static wasm_dyld_t *volatile interrupted;

static void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* The way in which a namespace stops its guests. */
static const struct {
    const char *what;
    uint32_t control;
    /* The engine is made for it, where it can be. */
    bool engine;
} ways[] = {
    {"the engine's own checks, where it has some", WASM_DYLD_CONTROL_INTERRUPT_BY_ENGINE, true},
    {"checks in the modules", WASM_DYLD_CONTROL_INTERRUPT, true},
    {"checks that count", WASM_DYLD_CONTROL_BUDGET, true},
};

static wasm_trap_t *again(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    (void)results;
    /* The guest's trap is not passed on: the guest is stopped all the same. */
    wasm_dyld_error_t *problem = NULL;
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    wasm_dyld_code_t code = wasm_dyld_call(host.dyld, find(host.dyld, NULL, "loops"), &none, &none, &problem);
    CHECK(code == WASM_DYLD_INTERRUPTED || code == WASM_DYLD_TIMED_OUT || code == WASM_DYLD_OUT_OF_BUDGET);
    SAME(wasm_dyld_error_code(problem), code);
    wasm_dyld_error_delete(problem);
    return NULL;
}

static struct host another;

/* A guest of another namespace is stopped for the sake of the one that waits for it. */
static wasm_trap_t *beyond(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    (void)results;
    wasm_dyld_error_t *problem = NULL;
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    wasm_dyld_code_t code = wasm_dyld_call(another.dyld, find(another.dyld, NULL, "loops"), &none, &none, &problem);
    CHECK(code == WASM_DYLD_INTERRUPTED || code == WASM_DYLD_TIMED_OUT);
    wasm_dyld_error_delete(problem);
    return NULL;
}

static int hurt;

/* At its third call the guest is to stop: it makes no fourth. */
static wasm_trap_t *hurts(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    (void)results;
    if (++hurt == 3)
        SAME(wasm_dyld_interrupt(host.dyld), WASM_DYLD_OK);
    return NULL;
}

/* What it has left is taken from it. */
static wasm_trap_t *starves(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    (void)results;
    if (++hurt == 3)
        WORKS(wasm_dyld_set_budget(host.dyld, 0, &error));
    return NULL;
}

/* It takes long, so that the guest has used nearly nothing of what it was lent. */
static wasm_trap_t *lingers(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    (void)results;
    sleep_ms(10);
    CHECK(++hurt < 20);
    return NULL;
}

static wasm_trap_t *sweeps(const wasm_val_vec_t *arguments, wasm_val_vec_t *results)
{
    (void)arguments;
    (void)results;
    WORKS(wasm_dyld_set_budget(host.dyld, UINT64_MAX, &error));
    return NULL;
}

static struct host host_in(size_t way)
{
    struct host made;
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_control(config, ways[way].control, &error));
    if (ways[way].engine)
        return host_with(config);
    WORKS(wasm_dyld_engine_new(NULL, &made.engine, &error));
    made.store = wasm_store_new(made.engine);
    WORKS(wasm_dyld_new(made.store, config, &made.dyld, &error));
    return made;
}

/* What is called and loaded again and again while the rest comes and goes. */
static void begin(size_t way)
{
    host = host_in(way);
    define_function(&host, "env", "beyond", 0, 0, beyond);
    define_function(&host, "env", "again", 0, 0, again);
    define_function(&host, "env", "sweeps", 0, 0, sweeps);
    define_function(&host, "env", "hurts", 0, 0, hurts);
    define_function(&host, "env", "starves", 0, 0, starves);
    define_function(&host, "env", "lingers", 0, 0, lingers);
    struct module *m = module_new();
    uint32_t host_again = module_import(m, "env", "again", "", ""), to_another = module_import(m, "env", "beyond", "", "");
    uint32_t host_hurts = module_import(m, "env", "hurts", "", ""), host_starves = module_import(m, "env", "starves", "", "");
    uint32_t host_lingers = module_import(m, "env", "lingers", "", "");
    module_function(m, "hurt", "", "", CODE(LOOP, NOTHING, CALL, (uint8_t)host_hurts, BR, 0, END));
    module_function(m, "starved", "", "", CODE(LOOP, NOTHING, CALL, (uint8_t)host_starves, BR, 0, END));
    module_function(m, "lingering", "", "", CODE(LOOP, NOTHING, CALL, (uint8_t)host_lingers, BR, 0, END));
    /* They have nothing more to do when it returns. */
    module_function(m, "hurt_last", "", "", CODE(CALL, (uint8_t)host_hurts));
    module_function(m, "linger_last", "", "", CODE(CALL, (uint8_t)host_lingers));
    module_function(m, "loops", "", "", CODE(ENDLESS));
    module_function(m, "swallowed", "", "", CODE(LOOP, NOTHING, CALL, (uint8_t)host_again, BR, 0, END));
    module_function(m, "through", "", "", CODE(CALL, (uint8_t)to_another));
    module_function(m, "one", "", "i", CODE(I32_CONST, 1));
    /* Calls itself by a tail of its own, a thousand deep, and begins anew. */
    uint32_t deep = m->functions;
    module_function(m, "deep", "i", "", CODE(LOCAL_GET, 0, IF, NOTHING, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, CALL, (uint8_t)deep, END));
    module_function(m, "recurses", "", "", CODE(LOOP, NOTHING, I32_CONST, 0xe4, 0, CALL, (uint8_t)deep, BR, 0, END));
    /* n times round. */
    module_function(m, "rounds", "i", "", CODE(LOOP, NOTHING, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, 0x22, 0, BR_IF, 0, END));
    WORKS(load_module(host.dyld, "base.so", m, WASM_DYLD_GLOBAL, NULL, &error));
}

static void usable(size_t objects)
{
    SAME(wasm_dyld_object_count(host.dyld), objects);
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "one")), 1);
}

static void *interrupts(void *unused)
{
    (void)unused;
    /* What is asked before something runs has no effect: so until it has one. */
    for (wasm_dyld_t *dyld = interrupted; dyld; dyld = interrupted) {
        SAME(wasm_dyld_interrupt(dyld), WASM_DYLD_OK);
        sleep_ms(1);
    }
    return NULL;
}

enum { BY_THREAD, BY_TIME, BY_BUDGET, BY_SIGNAL, MEANS };

static pthread_t tester;

static void on_signal(int number)
{
    /* Any thread may get it; another one might be about to interrupt what comes next. */
    if (pthread_equal(pthread_self(), tester))
        wasm_dyld_interrupt(interrupted);
    else
        pthread_kill(tester, number);
}

/* Stops what `run` does, in that way. */
static void stopped(int by, wasm_dyld_code_t (*run)(void))
{
    pthread_t thread;
    wasm_dyld_code_t wanted = WASM_DYLD_INTERRUPTED;
    struct sigaction action;
    interrupted = host.dyld;
    switch (by) {
    case BY_THREAD:
        CHECK(pthread_create(&thread, NULL, interrupts, NULL) == 0);
        break;
    case BY_TIME:
        WORKS(wasm_dyld_set_timeout(host.dyld, 20000000, &error));
        wanted = WASM_DYLD_TIMED_OUT;
        break;
    case BY_BUDGET:
        WORKS(wasm_dyld_set_budget(host.dyld, 100000, &error));
        wanted = WASM_DYLD_OUT_OF_BUDGET;
        break;
    case BY_SIGNAL: {
        struct itimerspec times = {{0, 5000000}, {0, 5000000}};
        timer_t timer;
        memset(&action, 0, sizeof action);
        action.sa_handler = on_signal;
        CHECK(sigaction(SIGALRM, &action, NULL) == 0);
        CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0 && timer_settime(timer, 0, &times, NULL) == 0);
        FAILS(run(), wanted, NULL);
        CHECK(timer_delete(timer) == 0);
        /* A signal that is on its way yet interrupts nothing any more. */
        interrupted = NULL;
        return;
    }
    }
    FAILS(run(), wanted, NULL);
    interrupted = NULL;
    if (by == BY_THREAD)
        CHECK(pthread_join(thread, NULL) == 0);
    if (by == BY_BUDGET) {
        uint64_t left = 1;
        WORKS(wasm_dyld_budget_left(host.dyld, &left, &error));
        SAME(left, 0);
        WORKS(wasm_dyld_set_budget(host.dyld, UINT64_MAX, &error));
    }
    WORKS(wasm_dyld_set_timeout(host.dyld, 0, &error));
}

static wasm_dyld_code_t call(const char *name)
{
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    return wasm_dyld_call(host.dyld, find(host.dyld, NULL, name), &none, &none, &error);
}

static wasm_dyld_code_t loops(void) { return call("loops"); }
static wasm_dyld_code_t swallowed(void) { return call("swallowed"); }
static wasm_dyld_code_t recurses(void) { return call("recurses"); }
static wasm_dyld_code_t lingering(void) { return call("lingering"); }

static wasm_dyld_code_t start(void)
{
    struct module *m = module_new();
    m->has_start = true;
    m->start = module_function(m, NULL, "", "", CODE(ENDLESS));
    return load_module(host.dyld, "start.so", m, 0, NULL, &error);
}

static wasm_dyld_code_t relocation(void)
{
    struct module *m = module_new();
    module_function(m, "__wasm_apply_data_relocs", "", "", CODE(ENDLESS));
    return load_module(host.dyld, "relocation.so", m, 0, NULL, &error);
}

/* The constructor registers a handler, which does not run. */
static wasm_dyld_code_t constructor(void)
{
    struct module *m = module_new();
    uint32_t atexit = module_import(m, "env", "atexit", "i", "i");
    uint32_t handler = module_function(m, NULL, "", "", CODE(UNREACHABLE));
    m->memory_size = 16;
    module_slot(m, handler);
    module_function(m, "__wasm_call_ctors", "", "", CODE(GLOBAL_GET, 1, CALL, (uint8_t)atexit, DROP, ENDLESS));
    return load_module(host.dyld, "constructor.so", m, 0, NULL, &error);
}

/* Two handlers: the one that runs first does not end, the other one is left out. */
static void handlers(struct module *m)
{
    uint32_t atexit = module_import(m, "env", "atexit", "i", "i");
    module_slot(m, module_function(m, NULL, "", "", CODE(UNREACHABLE)));
    module_slot(m, module_function(m, NULL, "", "", CODE(ENDLESS)));
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, 1, CALL, (uint8_t)atexit, DROP, GLOBAL_GET, 1, I32_CONST, 1, I32_ADD, CALL, (uint8_t)atexit, DROP));
}

static wasm_dyld_code_t through(void) { return call("through"); }

/* The other namespace has no bounds of its own. */
static void in_another(size_t way)
{
    another = host_in(way);
    struct module *m = module_new();
    module_function(m, "loops", "", "", CODE(ENDLESS));
    WORKS(load_module(another.dyld, "loops.so", m, WASM_DYLD_GLOBAL, NULL, &error));
    for (int by = 0; by < MEANS; by++) {
        if (by == BY_BUDGET)
            continue;
        stopped(by, through);
        usable(1);
    }
    host_delete(&another);
}

static wasm_dyld_object_t *leaving;

static wasm_dyld_code_t unload(void) { return wasm_dyld_unload(host.dyld, leaving, &error); }
static wasm_dyld_code_t finish(void) { return wasm_dyld_finish(host.dyld, &error); }

static void everywhere(int by)
{
    wasm_dyld_code_t (*const runs[])(void) = {loops, swallowed, recurses, start, relocation, constructor};
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        stopped(by, runs[i]);
        usable(1);
    }
    struct module *m = module_new();
    handlers(m);
    WORKS(load_module(host.dyld, "leaving.so", m, 0, &leaving, &error));
    stopped(by, unload);
    GONE(host.dyld, leaving);
    usable(1);
    m = module_new();
    handlers(m);
    WORKS(load_module(host.dyld, "ends.so", m, 0, &leaving, &error));
    stopped(by, finish);
    /* None is left. */
    WORKS(wasm_dyld_finish(host.dyld, &error));
    WORKS(wasm_dyld_unload(host.dyld, leaving, &error));
    usable(1);
}

static wasm_dyld_code_t waits(void)
{
    struct module *m = module_new();
    uint32_t poll = module_import(m, "wasi_snapshot_preview1", "poll_oneoff", "iiii", "i");
    m->memory_size = 128;
    /* A clock of 2^40 nanoseconds: at 16 its type 0, at 16 + 8 its id 1, at 16 + 16 the time. */
    uint8_t subscription[48] = {0};
    subscription[16] = 1;
    subscription[24 + 5] = 1;
    module_data(m, 0, subscription, sizeof subscription);
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_CONST, 48, I32_ADD, I32_CONST, 1, GLOBAL_GET, 0, I32_CONST, 0xf0, 0, I32_ADD, CALL,
                         (uint8_t)poll, DROP));
    return load_module(host.dyld, "waits.so", m, 0, NULL, &error);
}

static wasm_dyld_code_t reads(void)
{
    struct module *m = module_new();
    uint32_t read = module_import(m, "wasi_snapshot_preview1", "fd_read", "iiii", "i");
    m->memory_size = 128;
    module_function(m, "__wasm_call_ctors", "", "",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_CONST, 16, I32_ADD, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_CONST, 8, I32_STORE, 2, 4,
                         I32_CONST, 0, GLOBAL_GET, 0, I32_CONST, 1, GLOBAL_GET, 0, I32_CONST, 32, I32_ADD, CALL, (uint8_t)read, DROP));
    return load_module(host.dyld, "reads.so", m, 0, NULL, &error);
}

static void in_wasi(void)
{
    int ends[2], input = dup(0);
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    CHECK(pipe(ends) == 0 && dup2(ends[0], 0) == 0);
    WORKS(wasm_dyld_wasi_inherit_stdio(wasi, &error));
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    for (int by = 0; by < MEANS; by++) {
        if (by == BY_BUDGET)
            continue;
        stopped(by, waits);
        usable(1);
        stopped(by, reads);
        usable(1);
    }
    CHECK(dup2(input, 0) == 0);
    close(input);
    close(ends[0]);
    close(ends[1]);
}

/* A function of the host's asks for the stop, or takes so long that it is time. The guest is lent much before. */
static void by_the_host(size_t way)
{
    wasm_val_t many = WASM_I32_VAL(10000000);
    wasm_val_vec_t arguments = {1, &many}, none = WASM_EMPTY_VEC;
    WORKS(wasm_dyld_call(host.dyld, find(host.dyld, NULL, "rounds"), &arguments, &none, &error));
    hurt = 0;
    FAILS(call("hurt"), WASM_DYLD_INTERRUPTED, NULL);
    SAME(hurt, 3);
    hurt = 2;
    FAILS(call("hurt_last"), WASM_DYLD_INTERRUPTED, NULL);
    WORKS(wasm_dyld_set_timeout(host.dyld, 2000000, &error));
    FAILS(call("linger_last"), WASM_DYLD_TIMED_OUT, NULL);
    WORKS(wasm_dyld_set_timeout(host.dyld, 0, &error));
    usable(1);
    hurt = 0;
    stopped(BY_TIME, lingering);
    stopped(BY_THREAD, lingering);
    usable(1);
    if (ways[way].control != WASM_DYLD_CONTROL_BUDGET)
        return;
    hurt = 0;
    FAILS(call("starved"), WASM_DYLD_OUT_OF_BUDGET, NULL);
    SAME(hurt, 3);
    WORKS(wasm_dyld_set_budget(host.dyld, UINT64_MAX, &error));
    usable(1);
}

/* A guest that is to stop where it enters a function: the trace begins with that function, whatever asks in its place. */
static void traced(size_t way)
{
    struct module *m = module_new();
    uint32_t host_hurts = module_import(m, "env", "hurts", "", ""), deep = module_import(m, "env", "deep", "i", "");
    module_function(m, "enters", "", "", CODE(CALL, (uint8_t)host_hurts, I32_CONST, 0, CALL, (uint8_t)deep));
    wasm_dyld_object_t *object = NULL;
    WORKS(load_module(host.dyld, "enters.so", m, WASM_DYLD_GLOBAL, &object, &error));
    hurt = 2;
    KEEPS(call("enters"), WASM_DYLD_INTERRUPTED, NULL);
    size_t frame = 0;
    /* Engines that tell of no functions have no frames. */
    if (wasm_dyld_error_frame_count(error) > 0) {
        /* Where units are counted, the guest does not come back from the host's function. */
        if (ways[way].control != WASM_DYLD_CONTROL_BUDGET) {
            CONTAINS(wasm_dyld_error_frame_object(error, frame), "base.so");
            SAME_TEXT(wasm_dyld_error_frame_function(error, frame++), "deep");
        }
        CONTAINS(wasm_dyld_error_frame_object(error, frame), "enters.so");
        SAME_TEXT(wasm_dyld_error_frame_function(error, frame++), "enters");
        SAME(wasm_dyld_error_frame_count(error), frame);
    }
    forget_error();
    WORKS(wasm_dyld_unload(host.dyld, object, &error));
    usable(1);
}

/* As much as it has, whatever it was given at once. */
static void budgets(void)
{
    wasm_func_t *rounds = find(host.dyld, NULL, "rounds");
    uint64_t left = 0, before = 1000000, each = 0;
    WORKS(wasm_dyld_set_budget(host.dyld, before, &error));
    for (int32_t n = 1; n <= 5; n++) {
        CALL1(host.dyld, rounds, 1000 * n);
        WORKS(wasm_dyld_budget_left(host.dyld, &left, &error));
        /* A round is a unit, and there may be one for the entry. */
        CHECK(before - left == 1000u * (uint32_t)n || before - left == 1000u * (uint32_t)n + 1);
        each = before - left - 1000u * (uint32_t)n;
        before = left;
    }
    wasm_val_t many = WASM_I32_VAL(5000000);
    wasm_val_vec_t arguments = {1, &many}, none = WASM_EMPTY_VEC;
    FAILS(wasm_dyld_call(host.dyld, rounds, &arguments, &none, &error), WASM_DYLD_OUT_OF_BUDGET, "wasm_dyld_set_budget", NULL);
    WORKS(wasm_dyld_budget_left(host.dyld, &left, &error));
    SAME(left, 0);
    FAILS(call("recurses"), WASM_DYLD_OUT_OF_BUDGET, NULL);
    /* To the last unit. */
    many.of.i32 = 300000;
    WORKS(wasm_dyld_set_budget(host.dyld, 300000 + each, &error));
    WORKS(wasm_dyld_call(host.dyld, rounds, &arguments, &none, &error));
    WORKS(wasm_dyld_budget_left(host.dyld, &left, &error));
    SAME(left, 0);
    WORKS(wasm_dyld_set_budget(host.dyld, 299999 + each, &error));
    FAILS(wasm_dyld_call(host.dyld, rounds, &arguments, &none, &error), WASM_DYLD_OUT_OF_BUDGET, NULL);
    WORKS(wasm_dyld_set_budget(host.dyld, UINT64_MAX, &error));
    WORKS(wasm_dyld_budget_left(host.dyld, &left, &error));
    SAME(left, UINT64_MAX);
    usable(1);
}

static uint64_t used_by(const char *name, int32_t length)
{
    uint64_t before = 1000000, left = 0;
    WORKS(wasm_dyld_set_budget(host.dyld, before, &error));
    CALL1(host.dyld, find(host.dyld, NULL, name), length);
    WORKS(wasm_dyld_budget_left(host.dyld, &left, &error));
    return before - left;
}

static wasm_dyld_code_t fills(void) { return call("fills"); }

/* What WASI does for a guest is paid for: the same on every engine. */
static void budgets_of_wasi(void)
{
    struct module *m = module_new();
    uint32_t random = module_import(m, "wasi_snapshot_preview1", "random_get", "ii", "i");
    m->memory_size = 70000;
    module_function(m, "random", "i", "i", CODE(GLOBAL_GET, 0, LOCAL_GET, 0, CALL, (uint8_t)random));
    module_function(m, "fills", "", "", CODE(LOOP, NOTHING, GLOBAL_GET, 0, I32_CONST, 0x80, 0x80, 4, CALL, (uint8_t)random, DROP, BR, 0, END));
    wasm_dyld_object_t *fuller = NULL;
    WORKS(load_module(host.dyld, "random.so", m, WASM_DYLD_GLOBAL, &fuller, &error));
    uint64_t of_none = used_by("random", 0);
    CHECK(of_none >= 100 && of_none <= 103);
    SAME(used_by("random", 65536), of_none + 1024);
    SAME(used_by("random", 640), of_none + 10);
    stopped(BY_BUDGET, fills);
    WORKS(wasm_dyld_set_budget(host.dyld, 1123, &error));
    FAILS(wasm_dyld_call(host.dyld, find(host.dyld, NULL, "random"), &(wasm_val_vec_t){1, &(wasm_val_t)WASM_I32_VAL(65536)},
                         &(wasm_val_vec_t){1, &(wasm_val_t)WASM_INIT_VAL}, &error),
          WASM_DYLD_OUT_OF_BUDGET, NULL);
    WORKS(wasm_dyld_set_budget(host.dyld, UINT64_MAX, &error));
    WORKS(wasm_dyld_unload(host.dyld, fuller, &error));
    usable(1);
}

static int asked, answered_after, finalized;

static bool watches(void *env)
{
    CHECK(env == &asked);
    /* It may look on, and no more. */
    CHECK(wasm_dyld_object_count(host.dyld) >= 1);
    /* Or its time is over meanwhile. */
    wasm_dyld_code_t code = call("loops");
    CHECK(code == WASM_DYLD_BUSY || code == WASM_DYLD_TIMED_OUT);
    wasm_dyld_error_delete(error);
    error = NULL;
    /* Longer than until it is told anew that it is time. */
    sleep_ms(3);
    return ++asked >= answered_after;
}

static void finalizes(void *env)
{
    CHECK(env == &asked);
    finalized++;
}

/* The host is asked until it says that it is enough, wherever the guest is. */
static void watched(void)
{
    wasm_dyld_code_t (*const runs[])(void) = {loops, swallowed, recurses, start, constructor, waits};
    int before = finalized;
    WORKS(wasm_dyld_set_watcher(host.dyld, 2000000, watches, &asked, finalizes, &error));
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        asked = 0;
        answered_after = 5;
        FAILS(runs[i](), WASM_DYLD_INTERRUPTED, NULL);
        SAME(asked, 5);
        /* On a slow machine it is asked of what comes next as well. */
        answered_after = INT32_MAX;
        usable(1);
    }
    /* Time goes on meanwhile. */
    stopped(BY_TIME, loops);
    SAME(finalized, before);
    WORKS(wasm_dyld_set_watcher(host.dyld, 0, NULL, NULL, NULL, &error));
    SAME(finalized, before + 1);
    asked = 0;
    stopped(BY_TIME, loops);
    SAME(asked, 0);
}

static volatile bool over;

static void *spins(void *unused)
{
    (void)unused;
    while (!over)
        wasm_dyld_interrupt(host.dyld);
    return NULL;
}

/* What a child does with the namespace of its parent: it stops guests in every way, has a guest wait, loads and ends. */
static void in_child(size_t way)
{
    signal(SIGALRM, SIG_DFL);
    alarm(20);
    tester = pthread_self();
    for (int by = 0; by < MEANS; by++) {
        if (by == BY_BUDGET && ways[way].control != WASM_DYLD_CONTROL_BUDGET)
            continue;
        stopped(by, loops);
        if (by != BY_BUDGET)
            stopped(by, waits);
    }
    usable(1);
    host_delete(&host);
    /* What the parent's threads held is nobody's here: valgrind is not to see it. */
    execlp("true", "true", (char *)NULL);
}

/* Forked while other threads interrupt, and while they wait for the timer: none of them is in the child. */
static void forks(size_t way)
{
    pthread_t threads[2];
    WORKS(wasm_dyld_set_timeout(host.dyld, 20000000, &error));
    FAILS(waits(), WASM_DYLD_TIMED_OUT, NULL);
    WORKS(wasm_dyld_set_timeout(host.dyld, 0, &error));
    over = false;
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, spins, NULL) == 0);
    for (int n = 0; n < 6; n++) {
        pid_t child = fork();
        if (child == 0)
            in_child(way);
        int status = -1;
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        SAME(status, 0);
    }
    over = true;
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    /* The parent's guest waits on while the child is interrupted, and the other way round. */
    stopped(BY_THREAD, waits);
    stopped(BY_TIME, waits);
    usable(1);
}

static void without(void)
{
    uint64_t left;
    host = host_new();
    SAME(wasm_dyld_interrupt(host.dyld), WASM_DYLD_UNSUPPORTED);
    FAILS(wasm_dyld_set_timeout(host.dyld, 1, &error), WASM_DYLD_UNSUPPORTED, "wasm_dyld_config_set_control", NULL);
    FAILS(wasm_dyld_set_budget(host.dyld, 1, &error), WASM_DYLD_UNSUPPORTED, "wasm_dyld_config_set_control", NULL);
    FAILS(wasm_dyld_budget_left(host.dyld, &left, &error), WASM_DYLD_UNSUPPORTED, NULL);
    FAILS(wasm_dyld_set_watcher(host.dyld, 1, watches, &asked, finalizes, &error), WASM_DYLD_UNSUPPORTED, NULL);
    SAME(finalized, 0);
    wasm_dyld_t *gone = host.dyld;
    host_delete(&host);
    SAME(wasm_dyld_interrupt(gone), WASM_DYLD_INVALID_ARGUMENT);
    SAME(wasm_dyld_interrupt(NULL), WASM_DYLD_INVALID_ARGUMENT);
    SAME(wasm_dyld_interrupt((wasm_dyld_t *)&host), WASM_DYLD_INVALID_ARGUMENT);
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    FAILS(wasm_dyld_config_set_control(config, 4, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    WORKS(wasm_dyld_config_set_control(config, WASM_DYLD_CONTROL_INTERRUPT, &error));
    host = host_with(config);
    FAILS(wasm_dyld_set_budget(host.dyld, 1, &error), WASM_DYLD_UNSUPPORTED, "WASM_DYLD_CONTROL_BUDGET", NULL);
    /* Nothing runs. */
    SAME(wasm_dyld_interrupt(host.dyld), WASM_DYLD_OK);
    struct module *m = module_new();
    module_function(m, "one", "", "i", CODE(I32_CONST, 1));
    WORKS(load_module(host.dyld, "one.so", m, WASM_DYLD_GLOBAL, NULL, &error));
    SAME(CALL0(host.dyld, find(host.dyld, NULL, "one")), 1);
    host_delete(&host);
    ok("a namespace without a control says so");
}

/* Files that are too large, and what is known of many small ones. */
static void host_memory(void)
{
    const uint64_t limit = 2000000;
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_HOST_MEMORY, limit, &error));
    host = host_with(config);
    static uint8_t zeros[2000000];
    struct module *m = module_new();
    m->memory_size = sizeof zeros;
    module_data(m, 0, zeros, sizeof zeros);
    FAILS(load_module(host.dyld, "large.so", m, 0, NULL, &error), WASM_DYLD_LIMIT, "large.so", "the limit is 2000000", NULL);
    wasm_dyld_object_t *last = NULL;
    size_t loaded = 0;
    for (;; loaded++) {
        char name[32];
        m = module_new();
        for (int i = 0; i < 1000; i++) {
            snprintf(name, sizeof name, "function_%d_%zu", i, loaded);
            module_function(m, name, "", "", CODE(UNREACHABLE));
        }
        snprintf(name, sizeof name, "lib%zu.so", loaded);
        wasm_dyld_object_t *object = NULL;
        if (load_module(host.dyld, name, m, 0, &object, &error) != WASM_DYLD_OK)
            break;
        last = object;
        CHECK(loaded < 100);
    }
    SAME(wasm_dyld_error_code(error), WASM_DYLD_LIMIT);
    forget_error();
    CHECK(loaded >= 2);
    SAME(wasm_dyld_object_count(host.dyld), loaded);
    /* What goes makes room. */
    WORKS(wasm_dyld_unload(host.dyld, last, &error));
    m = module_new();
    module_function(m, "one", "", "i", CODE(I32_CONST, 1));
    WORKS(load_module(host.dyld, "one.so", m, WASM_DYLD_GLOBAL, NULL, &error));
    usable(loaded);
    host_delete(&host);
    ok("the linker takes no more of the host's memory than it may");
}

/* Beyond the limit the guest's memory.grow and table.grow fail. */
static void growth(void)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_MEMORY_PAGES, 40, &error));
    WORKS(wasm_dyld_config_set_limit(config, WASM_DYLD_LIMIT_TABLE_SLOTS, 100, &error));
    host = host_with(config);
    struct module *m = module_new();
    module_function(m, "grow", "i", "i", CODE(LOCAL_GET, 0, MEMORY_GROW, 0));
    module_function(m, "grow_table", "i", "i", CODE(0xd0, 0x70, LOCAL_GET, 0, 0xfc, 0x0f, 0));
    WORKS(load_module(host.dyld, "grows.so", m, WASM_DYLD_GLOBAL, NULL, &error));
    SAME(CALL1(host.dyld, find(host.dyld, NULL, "grow"), 100), -1);
    CHECK(CALL1(host.dyld, find(host.dyld, NULL, "grow"), 5) > 0);
    while (CALL1(host.dyld, find(host.dyld, NULL, "grow"), 1) > 0)
        ;
    wasm_memory_t *memory = NULL;
    WORKS(wasm_dyld_memory(host.dyld, &memory, &error));
    SAME(wasm_memory_size(memory), 40);
    SAME(CALL1(host.dyld, find(host.dyld, NULL, "grow_table"), 100), -1);
    CHECK(CALL1(host.dyld, find(host.dyld, NULL, "grow_table"), 5) > 0);
    host_delete(&host);
    ok("memory and table grow as far as they may");
}

int main(void)
{
    tester = pthread_self();
    without();
    host_memory();
    growth();
    for (size_t way = 0; way < COUNT_OF(ways); way++) {
        begin(way);
        for (int by = 0; by < MEANS; by++)
            if (by != BY_BUDGET || ways[way].control == WASM_DYLD_CONTROL_BUDGET)
                everywhere(by);
        in_another(way);
        in_wasi();
        by_the_host(way);
        traced(way);
        watched();
        forks(way);
        if (ways[way].control == WASM_DYLD_CONTROL_BUDGET) {
            budgets();
            budgets_of_wasi();
        }
        host_delete(&host);
        ok(ways[way].what);
    }
    return 0;
}
