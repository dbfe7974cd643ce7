/*
 * Clocks and random numbers of guests that are the host's, or pass at another speed; what ends a sleep by them; and when their environments are given up.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include "guest_libc.h"
#include <errno.h>
#include <time.h>

enum { SECOND = 1000000000, MILLISECOND = 1000000 };

/* Errnos of WASI. */
enum { GUEST_EACCES = 2, GUEST_EIO = 29 };

struct clocks {
    uint64_t realtime, monotonic, slept, resolution;
    int answer, sleep_answer, calls, finalized;
    wasm_dyld_t *changes; /* what a callback tries to change */
};

static int32_t tell(struct clocks *clocks, uint64_t shown, uint64_t *time)
{
    SAME(*time, 0);
    clocks->calls++;
    if (clocks->changes) {
        wasm_dyld_object_t *object = NULL;
        FAILS(wasm_dyld_load(clocks->changes, "libc.so", 0, &object, &error), WASM_DYLD_BUSY, NULL);
        FAILS(wasm_dyld_set_wasi(clocks->changes, NULL, &error), WASM_DYLD_BUSY, NULL);
        CHECK(wasm_dyld_object_count(clocks->changes) > 0);
    }
    *time = shown;
    return clocks->answer;
}

static int32_t realtime(void *env, uint64_t *time) { return tell((struct clocks *)env, ((struct clocks *)env)->realtime, time); }

static int32_t monotonic(void *env, uint64_t *time) { return tell((struct clocks *)env, ((struct clocks *)env)->monotonic, time); }

static int32_t resolution(void *env, uint32_t clock, uint64_t *nanoseconds)
{
    struct clocks *clocks = (struct clocks *)env;
    CHECK(clock == WASM_DYLD_CLOCK_REALTIME || clock == WASM_DYLD_CLOCK_MONOTONIC);
    *nanoseconds = clock == WASM_DYLD_CLOCK_REALTIME ? clocks->resolution : 0;
    return clocks->answer;
}

/* All of it at once, and of the monotonic clock half. */
static int32_t sleep_for(void *env, uint64_t nanoseconds)
{
    struct clocks *clocks = (struct clocks *)env;
    CHECK(nanoseconds > 0);
    clocks->slept += nanoseconds;
    clocks->realtime += nanoseconds;
    clocks->monotonic += nanoseconds / 2;
    return clocks->sleep_answer;
}

static void finalize(void *env) { ((struct clocks *)env)->finalized++; }

static wasm_dyld_clock_callbacks_t all_callbacks(void)
{
    wasm_dyld_clock_callbacks_t given;
    memset(&given, 0, sizeof given);
    given.size = sizeof given;
    given.realtime = realtime;
    given.monotonic = monotonic;
    given.resolution = resolution;
    given.sleep = sleep_for;
    return given;
}

static struct host host;
static wasm_dyld_object_t *libc;
static uint32_t room;

/* Loads libc into a namespace whose guests can be stopped. Takes the configuration. */
static void begin(wasm_dyld_wasi_t *wasi)
{
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    WORKS(wasm_dyld_config_set_control(config, WASM_DYLD_CONTROL_INTERRUPT, &error));
    host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    WORKS(wasm_dyld_load(host.dyld, "libc.so", 0, &libc, &error));
    room = give(&host, libc, "a time has sixteen bytes in libc");
}

static void begin_with(wasm_dyld_clock_callbacks_t given, struct clocks *clocks)
{
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_clocks(wasi, &given, clocks, finalize, &error));
    begin(wasi);
}

static uint64_t read_time(void)
{
    uint8_t raw[12];
    uint64_t seconds = 0, nanoseconds = 0;
    WORKS(wasm_dyld_read(host.dyld, room, raw, sizeof raw, &error));
    for (int i = 7; i >= 0; i--)
        seconds = seconds << 8 | raw[i];
    for (int i = 11; i >= 8; i--)
        nanoseconds = nanoseconds << 8 | raw[i];
    return seconds * SECOND + nanoseconds;
}

/* What a guest's clock shows; UINT64_MAX if it fails. */
static uint64_t shown(const char *clock, const char *by)
{
    int32_t failed = CALL2(host.dyld, find(host.dyld, libc, by), address_of(host.dyld, libc, clock), room);
    return failed ? UINT64_MAX : read_time();
}

static uint64_t now(const char *clock) { return shown(clock, "clock_gettime"); }

static int guest_errno(void) { return read_int(host.dyld, (uint32_t)CALL0(host.dyld, find(host.dyld, libc, "__errno_location"))); }

#define REALTIME "_CLOCK_REALTIME"
#define MONOTONIC "_CLOCK_MONOTONIC"

static uint64_t own_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void shows_what_the_host_says(void)
{
    struct clocks clocks = {7 * (uint64_t)SECOND + 5, 3 * (uint64_t)SECOND, 0, 250, 0, 0, 0, 0, NULL};
    begin_with(all_callbacks(), &clocks);
    SAME(now(REALTIME), 7000000005);
    SAME(now(MONOTONIC), 3000000000);
    SAME(shown(REALTIME, "clock_getres"), 250);
    SAME(shown(MONOTONIC, "clock_getres"), 1);
    /* The monotonic clock does not go back, the other may. */
    clocks.realtime = 5;
    clocks.monotonic = 2;
    SAME(now(REALTIME), 5);
    SAME(now(MONOTONIC), 3000000000);
    clocks.monotonic = 4 * (uint64_t)SECOND;
    SAME(now(MONOTONIC), 4000000000);

    /* They may look at the namespace and not change it. */
    clocks.changes = host.dyld;
    SAME(now(REALTIME), 5);
    clocks.changes = NULL;

    clocks.answer = EACCES;
    SAME(now(REALTIME), UINT64_MAX);
    SAME(guest_errno(), GUEST_EACCES);
    SAME(shown(REALTIME, "clock_getres"), UINT64_MAX);
    SAME(CALL1(host.dyld, find(host.dyld, libc, "usleep"), 1), -1);
    clocks.answer = -7;
    SAME(now(MONOTONIC), UINT64_MAX);
    SAME(guest_errno(), GUEST_EIO);
    SAME(clocks.finalized, 0);
    host_delete(&host);
    SAME(clocks.finalized, 1);
    ok("what the host says");
}

static void sleeps_as_the_host_does(void)
{
    struct clocks clocks = {0, 10, 0, 1, 0, 0, 0, 0, NULL};
    begin_with(all_callbacks(), &clocks);
    uint64_t start = own_time();
    SAME(CALL1(host.dyld, find(host.dyld, libc, "sleep"), 3600), 0);
    CHECK(own_time() - start < 60 * (uint64_t)SECOND);
    SAME(clocks.slept, 3600 * (uint64_t)SECOND);
    /* The host's clock is behind; a sleep is over all the same. */
    SAME(now(MONOTONIC), 3600 * (uint64_t)SECOND + 10);
    SAME(clocks.monotonic, 1800 * (uint64_t)SECOND + 10);
    SAME(CALL1(host.dyld, find(host.dyld, libc, "usleep"), 5), 0);
    SAME(now(MONOTONIC), 3600 * (uint64_t)SECOND + 5010);
    /* Nobody sleeps until what is past. */
    clocks.monotonic = now(MONOTONIC) + 1;
    SAME(CALL1(host.dyld, find(host.dyld, libc, "sleep"), 0), 0);
    SAME(clocks.slept, 3600 * (uint64_t)SECOND + 5000);

    clocks.sleep_answer = EINTR;
    SAME(CALL1(host.dyld, find(host.dyld, libc, "usleep"), 1), -1);
    host_delete(&host);
    ok("sleeps of the host's");
}

/* By clocks that stand still, or nearly so, guests sleep in the system's time, and can be stopped. */
static void sleeps_in_the_systems_time(void)
{
    struct clocks clocks = {0, 10, 0, 1, 0, 0, 0, 0, NULL};
    wasm_dyld_clock_callbacks_t given = all_callbacks();
    int32_t result = 0;
    given.sleep = NULL;
    given.resolution = NULL;
    given.realtime = NULL;
    begin_with(given, &clocks);
    CHECK(now(REALTIME) > 1600000000 * (uint64_t)SECOND);
    SAME(shown(REALTIME, "clock_getres"), 1);
    uint64_t start = own_time();
    SAME(CALL1(host.dyld, find(host.dyld, libc, "usleep"), 20000), 0);
    CHECK(own_time() - start >= 20 * (uint64_t)MILLISECOND);
    SAME(now(MONOTONIC), 20 * (uint64_t)MILLISECOND + 10);
    WORKS(wasm_dyld_set_timeout(host.dyld, 50 * (uint64_t)MILLISECOND, &error));
    FAILS(try_call(host.dyld, find(host.dyld, libc, "sleep"), &result, 1, 3600), WASM_DYLD_TIMED_OUT, NULL);
    host_delete(&host);

    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_clock_scale(wasi, 1, 1000000, &error));
    begin(wasi);
    CHECK(now(MONOTONIC) < (uint64_t)SECOND);
    WORKS(wasm_dyld_set_timeout(host.dyld, 50 * (uint64_t)MILLISECOND, &error));
    FAILS(try_call(host.dyld, find(host.dyld, libc, "sleep"), &result, 1, 1), WASM_DYLD_TIMED_OUT, NULL);
    host_delete(&host);
    ok("sleeps in the system's time");
}

static void scaled(void)
{
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_clock_scale(wasi, 100000, 1, &error));
    begin(wasi);
    uint64_t begun = now(MONOTONIC), real = now(REALTIME), start = own_time();
    SAME(CALL1(host.dyld, find(host.dyld, libc, "sleep"), 3600), 0);
    uint64_t took = own_time() - start, passed = now(MONOTONIC) - begun;
    CHECK(took >= 36 * (uint64_t)MILLISECOND && took < 3600 * (uint64_t)SECOND);
    CHECK(passed >= 3600 * (uint64_t)SECOND && passed / 100000 >= 36 * (uint64_t)MILLISECOND);
    CHECK(now(REALTIME) - real >= 3600 * (uint64_t)SECOND);
    CHECK(shown(MONOTONIC, "clock_getres") >= 1);
    host_delete(&host);
    ok("scaled");
}

struct numbers {
    uint8_t next;
    size_t most;
    int answer, finalized;
};

static int32_t fill(void *env, uint8_t *buffer, size_t size)
{
    struct numbers *numbers = (struct numbers *)env;
    numbers->most = size > numbers->most ? size : numbers->most;
    for (size_t i = 0; i < size; i++)
        buffer[i] = numbers->next++;
    return numbers->answer;
}

static void finalize_numbers(void *env) { ((struct numbers *)env)->finalized++; }

static int32_t draw(uint32_t at, uint32_t size) { return CALL2(host.dyld, find(host.dyld, libc, "getentropy"), at, size); }

static void random_numbers(void)
{
    struct numbers numbers = {1, 0, 0, 0};
    uint8_t drawn[3][8];
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    FAILS(wasm_dyld_wasi_set_random(wasi, NULL, &numbers, finalize_numbers, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    SAME(numbers.finalized, 0);
    WORKS(wasm_dyld_wasi_set_random(wasi, fill, &numbers, finalize_numbers, &error));
    begin(wasi);
    SAME(draw(room, 8), 0);
    WORKS(wasm_dyld_read(host.dyld, room, drawn[0], 8, &error));
    /* libc has drawn some when it was loaded. */
    for (int i = 0; i < 8; i++)
        SAME(drawn[0][i], (uint8_t)(numbers.next - 8 + i));
    SAME(numbers.most, 8);
    numbers.answer = EACCES;
    SAME(draw(room, 8), -1);
    SAME(guest_errno(), GUEST_EACCES);
    host_delete(&host);
    SAME(numbers.finalized, 1);

    /* By a seed alone, as by one of runs that are the same; clocks go on. */
    for (int i = 0; i < 3; i++) {
        wasi = wasm_dyld_wasi_new();
        if (i)
            WORKS(wasm_dyld_wasi_set_random_seed(wasi, 7, &error));
        else
            WORKS(wasm_dyld_wasi_set_deterministic(wasi, 7, &error));
        begin(wasi);
        SAME(draw(room, 8), 0);
        WORKS(wasm_dyld_read(host.dyld, room, drawn[i], 8, &error));
        CHECK((now(REALTIME) == 1000000000 * (uint64_t)SECOND) == !i);
        host_delete(&host);
    }
    CHECK(memcmp(drawn[0], drawn[1], 8) == 0 && memcmp(drawn[0], drawn[2], 8) == 0);
    ok("random numbers");
}

/* Guests get what was asked for last; what is replaced is given up, and what was refused stays the caller's. */
static void the_last_counts(void)
{
    struct clocks one, other;
    wasm_dyld_clock_callbacks_t given = all_callbacks();
    memset(&one, 0, sizeof one);
    memset(&other, 0, sizeof other);
    other.monotonic = 77;
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    given.size++;
    FAILS(wasm_dyld_wasi_set_clocks(wasi, &given, &one, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, "version", NULL);
    given.size--;
    FAILS(wasm_dyld_wasi_set_clocks(NULL, &given, &one, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_wasi_set_clocks(wasi, NULL, &one, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    memset(&given, 0, sizeof given);
    given.size = sizeof given;
    FAILS(wasm_dyld_wasi_set_clocks(wasi, &given, &one, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, "at least one", NULL);
    FAILS(wasm_dyld_wasi_set_clock_scale(wasi, 0, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "0/1", NULL);
    FAILS(wasm_dyld_wasi_set_clock_scale(wasi, 1, 0, &error), WASM_DYLD_INVALID_ARGUMENT, "1/0", NULL);
    FAILS(wasm_dyld_wasi_set_clock_scale(wasi, 1000001, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "1000000", NULL);
    FAILS(wasm_dyld_wasi_set_clock_scale(NULL, 1, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_wasi_set_random_seed(NULL, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_wasi_set_random(NULL, fill, &one, finalize, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    SAME(one.finalized, 0);

    given = all_callbacks();
    WORKS(wasm_dyld_wasi_set_clocks(wasi, &given, &one, finalize, &error));
    WORKS(wasm_dyld_wasi_set_deterministic(wasi, 1, &error));
    SAME(one.finalized, 1);
    WORKS(wasm_dyld_wasi_set_clocks(wasi, &given, &one, finalize, &error));
    WORKS(wasm_dyld_wasi_set_clock_scale(wasi, 1, 2, &error));
    SAME(one.finalized, 2);
    WORKS(wasm_dyld_wasi_set_clocks(wasi, &given, &other, finalize, &error));
    begin(wasi);
    SAME(now(MONOTONIC), 77);
    host_delete(&host);
    SAME(other.finalized, 1);
    wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_clocks(wasi, &given, &other, NULL, &error));
    wasm_dyld_wasi_delete(wasi);
    SAME(other.finalized, 1);
    ok("the last counts");
}

/* Clocks are the host's: a snapshot that is put back takes no time back. */
static void snapshots(void)
{
    struct clocks clocks;
    wasm_dyld_clock_callbacks_t given = all_callbacks();
    wasm_dyld_snapshot_t *snapshot = NULL;
    memset(&clocks, 0, sizeof clocks);
    clocks.monotonic = 5;
    wasm_dyld_wasi_t *wasi = wasm_dyld_wasi_new();
    WORKS(wasm_dyld_wasi_set_clocks(wasi, &given, &clocks, finalize, &error));
    wasm_dyld_config_t *config = wasm_dyld_config_new();
    WORKS(wasm_dyld_config_add_library_path(config, guest_path("lib"), &error));
    WORKS(wasm_dyld_config_set_snapshots(config, true, &error));
    host = host_with(config);
    WORKS(wasm_dyld_set_wasi(host.dyld, wasi, &error));
    WORKS(wasm_dyld_load(host.dyld, "libc.so", 0, &libc, &error));
    room = give(&host, libc, "a time has sixteen bytes in libc");
    WORKS(wasm_dyld_snapshot(host.dyld, 0, &snapshot, &error));
    SAME(CALL1(host.dyld, find(host.dyld, libc, "usleep"), 1), 0);
    SAME(now(MONOTONIC), 1005);
    WORKS(wasm_dyld_restore(host.dyld, snapshot, &error));
    SAME(now(MONOTONIC), 1005);
    SAME(clocks.finalized, 0);
    wasm_dyld_snapshot_delete(snapshot);
    host_delete(&host);
    SAME(clocks.finalized, 1);
    ok("snapshots");
}

int main(void)
{
    shows_what_the_host_says();
    sleeps_as_the_host_does();
    sleeps_in_the_systems_time();
    scaled();
    random_numbers();
    the_last_counts();
    snapshots();
    return 0;
}
