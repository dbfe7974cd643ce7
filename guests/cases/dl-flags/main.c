/* With RTLD_LAZY a call is bound to what has come by then, which is how plugins that need each other are opened
 * one by one. dlerror's text is the only thing that one sees of a failed RTLD_NOW: it has to name everything. */
#include "../dl.h"

static void noload(void)
{
    CHECK(dlopen("libprovider.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK(dlerror() == NULL);
    void *provider = OPEN("libprovider.so", RTLD_NOW);
    CHECK(OPEN("libprovider.so", RTLD_NOW | RTLD_NOLOAD) == provider);
    CLOSE(provider);
    CHECK(FUNCTION(int (*)(int), provider, "late_function")(1) == 3);
    CHECK(OPEN("libprovider.so", RTLD_LAZY | RTLD_NOLOAD) == provider);
    CLOSE(provider);
    CLOSE(provider);
    CHECK(dlopen("libprovider.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK(dlerror() == NULL);
    puts("NOLOAD: absent, then present, then absent again");

    CHECK(dlopen("libnothing.so", RTLD_NOW) == NULL);
    CHECK(dlopen("libprovider.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK_ERROR("libnothing.so");
    CHECK(dlopen("libnothing.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK(dlerror() == NULL);
    puts("NOLOAD counts, and leaves an unread error alone");
}

static void nodelete(void)
{
    void *state = OPEN("libstate.so", RTLD_NOW | RTLD_NODELETE);
    int *value = (int *)FIND(state, "state");
    *value = 2;
    CLOSE(state);
    CHECK(OPEN("libstate.so", RTLD_NOW) == state);
    CHECK(FIND(state, "state") == value && *value == 2);
    CLOSE(state);
    CHECK(OPEN("libstate.so", RTLD_NOW | RTLD_NOLOAD) == state);
    CLOSE(state);
    CHECK(*value == 2);
    puts("NODELETE: closed, and yet there with its state");

    void *needs = OPEN("libneeds.so", RTLD_NOW);
    CHECK(OPEN("libneeds.so", RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) == needs);
    dl_function *above = FUNCTION(dl_function *, needs, "above");
    CLOSE(needs);
    CLOSE(needs);
    CHECK(above() == 101);
    void *below = OPEN("libbelow.so", RTLD_NOW | RTLD_NOLOAD);
    CHECK(dl_call(below, "below") == 2);
    CLOSE(below);
    CHECK(above() == 103);
    puts("NODELETE: what it needs stays as well");
}

static void binding(void)
{
    CHECK(dlopen("libmissing.so", RTLD_NOW) == NULL);
    const char *text = dlerror();
    CHECK(text && strstr(text, "missing_one") && strstr(text, "missing_two") && strstr(text, "missing_three"));
    CHECK(strstr(text, "libmissing.so") != NULL);
    puts("NOW: all of what is missing in one text");

    void *missing = OPEN("libmissing.so", RTLD_LAZY);
    CHECK(dl_call(missing, "present") == 8);
    puts("LAZY: opened, and what is there works");
    CLOSE(missing);

    CHECK(dlopen("libmissingdata.so", RTLD_LAZY) == NULL);
    text = dlerror();
    CHECK(text && strstr(text, "missing_number") && strstr(text, "missing_text"));
    puts("LAZY: missing data are an error all the same");

    void *late1 = OPEN("liblate1.so", RTLD_LAZY), *late2 = OPEN("liblate2.so", RTLD_LAZY);
    void *provider = OPEN("libprovider.so", RTLD_NOW | RTLD_GLOBAL);
    printf("late: bound at the first call, %d\n", dl_call(late1, "call_late"));
    /* Its own opening is gone, but what is bound to it keeps it. */
    CLOSE(provider);
    printf("late: once bound, it stays bound, %d\n", dl_call(late1, "call_late"));
    CHECK(OPEN("libprovider.so", RTLD_NOW | RTLD_GLOBAL) == provider);
    void *late3 = OPEN("liblate3.so", RTLD_NOW);
    printf("another one opened with NOW: %d\n", dl_call(late3, "call_late"));
    CHECK(dl_call(late2, "call_late") == 84);
    CLOSE(provider);
    CLOSE(late3);
    CLOSE(late2);
    CLOSE(late1);
    CHECK(dlopen("libprovider.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
}

static void wrong(void)
{
    const int flags[] = {RTLD_NOW | 0x40000000, RTLD_NOW | 65536, -1, RTLD_NOW | 1 << 20};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        CHECK(dlopen("libprovider.so", flags[i]) == NULL);
        CHECK_ERROR("");
    }
    puts("flags that there are not: an error");
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        int late = strcmp(argv[1], "call-late") == 0;
        void *library = OPEN(late ? "liblate1.so" : "libmissing.so", RTLD_LAZY);
        OPEN("libprovider.so", RTLD_NOW | RTLD_LOCAL);
        puts("before the call");
        fflush(stdout);
        return dl_call(library, late ? "call_late" : "call_missing_one");
    }
    noload();
    nodelete();
    binding();
    wrong();
    return 0;
}
