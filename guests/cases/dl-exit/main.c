/* The order is the reverse of registering, across all objects, as if nothing had ever been opened at run time; what
 * dlclose has destroyed does not come again. */
#include "../dl.h"

void promise(void);

static void first(void) { puts("main: first"); }
static void before_three(void) { puts("main: before three"); }
static void after_three(void) { puts("main: after three"); }

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    promise();
    atexit(first);
    void *one = OPEN("libone.so", RTLD_NOW), *two = OPEN("libtwo.so", RTLD_NOW | RTLD_GLOBAL);
    atexit(before_three);
    void *three = OPEN("libthree.so", RTLD_LAZY);
    FUNCTION(void (*)(void), two, "promise");
    FUNCTION(void (*)(void), one, "promise")();
    atexit(after_three);
    CLOSE(two);
    FUNCTION(void (*)(void), three, "promise")();
    puts("end of main");
    if (strcmp(argv[1], "exit") == 0)
        exit(4);
    if (strcmp(argv[1], "exit-in-library") == 0)
        FUNCTION(void (*)(int), three, "leave")(5);
    if (strcmp(argv[1], "exit-in-handler") == 0) {
        FUNCTION(void (*)(int), one, "leave_in_handler")(8);
        dlclose(one);
        puts("not reached");
    }
    if (strcmp(argv[1], "quick") == 0) {
        fflush(stdout);
        _Exit(6);
    }
    return 3;
}
