/* The shared library is brought by the first, in whose group nobody defines what it calls. glibc adds the group of each later
 * dlopen to the scopes of the objects in it. */
#include "../dl.h"

int main(int argc, char **argv)
{
    (void)argv;
    void *first = OPEN("libfirst.so", RTLD_LAZY);
    if (argc > 1)
        return dl_call(first, "first");

    void *second = OPEN("libsecond.so", RTLD_LAZY);
    printf("through the first, with the second open: %d\n", dl_call(first, "first"));
    void *shared = OPEN("libshared.so", RTLD_LAZY);
    printf("behind the caller, RTLD_NEXT: %d\n", dl_call(shared, "behind"));
    CLOSE(shared);

    /* The second is kept by the binding that was made; without one it goes, and its group with it. */
    CLOSE(second);
    CLOSE(first);
    CHECK(!dlopen("libsecond.so", RTLD_LAZY | RTLD_NOLOAD));
    first = OPEN("libfirst.so", RTLD_LAZY);
    second = OPEN("libsecond.so", RTLD_LAZY);
    CLOSE(second);
    OPEN("libthird.so", RTLD_LAZY);
    printf("the second closed, the third open: %d\n", dl_call(first, "first"));
    return 0;
}
