/* A model of what has to be loaded is simple: what is open, and all that it needs. The linker gets there by counting,
 * marking and undoing, in an order that nobody has thought of. */
#include "../dl.h"

enum { COUNT = 8, STEPS = 250 };

static const char *const names[COUNT] = {"liba.so", "libb.so", "libc0.so", "libd.so",
                                         "libe.so", "libf.so", "libg.so",  "libh.so"};
/* A bit for each that is needed, by others as well. */
static const unsigned needs[COUNT] = {1 | 2 | 4 | 8 | 16, 2 | 8, 4 | 8 | 16, 8, 16, 32, 64 | 128, 64 | 128};

/* Constructed less destroyed, by letter. */
static int alive[COUNT];
/* What the model says. */
static int opens[COUNT], visits[COUNT];
static void *handles[COUNT];

void change(char letter, int by)
{
    int which = letter - 'a';
    alive[which] += by;
    CHECK(alive[which] == 0 || alive[which] == 1);
    if (by > 0)
        visits[which] = 0;
}

static unsigned expected(void)
{
    unsigned loaded = 0;
    for (int i = 0; i < COUNT; i++)
        if (opens[i])
            loaded |= needs[i];
    return loaded;
}

static unsigned loaded(void)
{
    unsigned found = 0;
    for (int i = 0; i < COUNT; i++)
        found |= (unsigned)alive[i] << i;
    return found;
}

static unsigned state;
static unsigned next(unsigned below)
{
    state = state * 1103515245 + 12345;
    return (state >> 16) % below;
}

static void open_one(int i)
{
    static const int flags[] = {RTLD_NOW, RTLD_LAZY, RTLD_NOW | RTLD_GLOBAL, RTLD_LAZY | RTLD_LOCAL,
                                RTLD_NOW | RTLD_DEEPBIND};
    char path[40];
    snprintf(path, sizeof path, "%s%s", next(2) ? "/plugins/" : "", names[i]);
    int noload = next(6) == 0;
    int there = (loaded() >> i) & 1;
    void *handle = dlopen(path, flags[next(5)] | (noload ? RTLD_NOLOAD : 0));
    if (noload && !there) {
        CHECK(handle == NULL);
        return;
    }
    CHECK(handle != NULL);
    if (opens[i])
        CHECK(handle == handles[i]);
    handles[i] = handle;
    opens[i]++;
}

static void close_one(int i)
{
    int status = handles[i] ? dlclose(handles[i]) : -1;
    CHECK((status == 0) == (opens[i] > 0));
    if (opens[i])
        opens[i]--;
}

static void check(void)
{
    CHECK(loaded() == expected());
    int i = (int)next(COUNT);
    if (opens[i])
        CHECK(dl_call(handles[i], "visit") == ++visits[i]);
    for (i = 0; i < COUNT; i++)
        if (opens[i] == 0 && handles[i])
            CHECK(dlsym(handles[i], "visit") == NULL);
}

int main(void)
{
    for (unsigned seed = 1; seed <= 4; seed++) {
        state = seed * 77777;
        for (int step = 0; step < STEPS; step++) {
            int i = (int)next(COUNT);
            if (next(5) < 2)
                open_one(i);
            else
                close_one(i);
            check();
        }
        printf("seed %u: %d steps, all as they should be\n", seed, STEPS);
    }
    for (int i = 0; i < COUNT; i++)
        while (opens[i])
            close_one(i);
    check();
    CHECK(loaded() == 0);
    puts("at the end: nothing is left");
    return 0;
}
