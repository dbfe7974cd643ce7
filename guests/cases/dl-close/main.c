/* After dlclose, memory and slots of the library go to others: a handler that runs later, or twice, or a binding
 * that is left, calls whatever is there then. */
#include "../dl.h"

static void farewell(void)
{
    void *library = OPEN("libfarewell.so", RTLD_NOW | RTLD_GLOBAL);
    FUNCTION(void (*)(void), library, "promise")();
    CLOSE(library);
    CHECK(dlsym(library, "promise") == NULL);
    CHECK_ERROR("");
    CHECK(dlsym(RTLD_DEFAULT, "promise") == NULL);
    CHECK_ERROR("promise");
    CHECK(dlopen("libfarewell.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK(dlclose(library) != 0);
    CHECK_ERROR("");
    puts("gone: for dlsym, RTLD_DEFAULT and RTLD_NOLOAD");

    library = OPEN("libfarewell.so", RTLD_NOW);
    int *zeroed = (int *)FIND(library, "zeroed");
    CHECK(*(int *)FIND(library, "counter") == 7);
    for (int i = 0; i < 1000; i++)
        CHECK(zeroed[i] == 0);
    CHECK(strcmp(*(const char **)FIND(library, "text"), "original") == 0);
    puts("opened again: fresh data");
    CLOSE(library);

    void *pair = OPEN("libpair.so", RTLD_NOW);
    CLOSE(pair);
    puts("the one that needs the other went first");
}

static void bound(void)
{
    void *used = OPEN("libused.so", RTLD_NOW | RTLD_GLOBAL);
    void *user = OPEN("libuser.so", RTLD_NOW);
    CHECK(dl_call(user, "use_it") == 1 && dl_call(used, "use") == 2);
    CLOSE(used);
    printf("used is closed, but user is bound to it: %d\n", dl_call(user, "use_it"));
    CLOSE(user);
    CHECK(dlopen("libused.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK(dlopen("libuser.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK(dlsym(RTLD_DEFAULT, "use") == NULL);
    puts("both are gone");

    used = OPEN("libused.so", RTLD_NOW | RTLD_GLOBAL);
    void *holder = OPEN("libholder.so", RTLD_NOW);
    CLOSE(used);
    printf("used is closed, but holder has an address in it: %d\n", **(int *const *)FIND(holder, "held"));
    CLOSE(holder);
    CHECK(dlopen("libused.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    puts("both are gone");
}

static void trapping(void)
{
    void *trap = OPEN("libtrap.so", RTLD_NOW);
    CHECK(dlclose(trap) != 0);
    CHECK_ERROR("libtrap.so");
    CHECK(dlopen("libtrap.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    puts("a destructor that traps: an error, and the library is gone");
}

static void circle(void)
{
    void *circle = OPEN("libcircle1.so", RTLD_NOW);
    CHECK(dl_call(circle, "call_two") == 2);
    CLOSE(circle);
    CHECK(dlopen("libcircle1.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK(dlopen("libcircle2.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    circle = OPEN("libcircle2.so", RTLD_NOW);
    CHECK(dl_call(circle, "two") == 2 && dl_call(circle, "call_two") == 2);
    puts("a circle of libraries that need each other: both gone, opened again");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "stale") == 0) {
        void *used = OPEN("libused.so", RTLD_NOW);
        dl_function *stale = FUNCTION(dl_function *, used, "use");
        CHECK(stale() == 1);
        CLOSE(used);
        puts("about to call what is gone");
        fflush(stdout);
        return stale();
    }
    if (argc > 1 && strcmp(argv[1], "trap") == 0) {
        OPEN("libtrap.so", RTLD_NOW);
        return 0;
    }
    farewell();
    bound();
    trapping();
    circle();
    puts("end of main");
    return 0;
}
