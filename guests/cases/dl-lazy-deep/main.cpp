/* The first call of a lazily bound function goes through the linker. With a frame of the host below what is called,
 * a chain of tail calls would fill the native stack, and an exception would end at that frame. */
#include "../dl.h"

typedef int number_function(int);
typedef const char *catch_function(void (*)());

static void throw_five() { throw 5; }

int main()
{
    void *even = OPEN("libeven.so", RTLD_LAZY | RTLD_GLOBAL);
    void *odd = OPEN("libodd.so", RTLD_LAZY | RTLD_GLOBAL);
    number_function *is_even = FUNCTION(number_function *, even, "is_even");
    printf("a million tail calls to and fro: even %d\n", is_even(1000000));
    printf("and once more, bound: even %d\n", is_even(1000001));

    CLOSE(odd);
    printf("one closed, and bound to by the other: even %d\n", is_even(10));
    CLOSE(even);
    CHECK(!dlopen("libeven.so", RTLD_LAZY | RTLD_NOLOAD) && !dlopen("libodd.so", RTLD_LAZY | RTLD_NOLOAD));
    puts("both closed: a circle of bindings holds nobody");

    void *catching = OPEN("libcatch.so", RTLD_LAZY | RTLD_LOCAL);
    OPEN("libthrow.so", RTLD_LAZY | RTLD_GLOBAL);
    catch_function *catch_it = FUNCTION(catch_function *, catching, "catch_it");
    printf("thrown through the lazily bound call: %s\n", catch_it(nullptr));
    printf("thrown by main through it: %s\n", catch_it(throw_five));
    printf("and once more, bound: %s\n", catch_it(nullptr));
    printf("destructors ran: %d\n", dl_call(catching, "how_many_destroyed"));
    return 0;
}
