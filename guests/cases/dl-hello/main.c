/* Everything that a first program does. What dlsym gives has to be good for a call with data and a callback, and
 * the library's printf has to be that of main. */
#ifdef PLAIN_HEADER
#include <dlfcn.h>
#else
#include <wasmdyld/dlfcn.h>
#endif
#include "hello.h"
#include "../check.h"
#include <ctype.h>
#include <string.h>

static char shout(char c) { return (char)toupper((unsigned char)c); }

static void *symbol(void *handle, const char *name)
{
    void *found = dlsym(handle, name);
    if (!found) {
        fprintf(stderr, "%s: %s\n", name, dlerror());
        exit(1);
    }
    return found;
}

static void *library(const char *name)
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s: %s\n", name, dlerror());
        exit(1);
    }
    return handle;
}

int main(void)
{
    CHECK(dlerror() == NULL);
    puts("no error yet");

    void *hello = library("libhello.so");
    CHECK(hello != NULL);
    greet_function *greet = (greet_function *)symbol(hello, "hello");
    int *count = symbol(hello, "hello_count");
    struct greeting greeting = {"world", 2, NULL};
    CHECK(*count == 0 && greet(&greeting) == 2 && *count == 2);
    greeting = (struct greeting){"main", 1, shout};
    greet(&greeting);
    printf("%d greetings, says the library's counter\n", *count);
    *count = 10;
    printf("counter set to 10: ");
    greeting = (struct greeting){"again", 1, NULL};
    printf("%d greetings\n", greet(&greeting));
    const char *const *word = symbol(hello, "hello_word");
    CHECK(strcmp(*word, "hello") == 0);
    CHECK(symbol(hello, "hello") == (void *)greet && symbol(hello, "hello_count") == count);
    CHECK(dlerror() == NULL);

    CHECK(dlsym(hello, "goodbye") == NULL);
    const char *text = dlerror();
    CHECK(text && strstr(text, "goodbye"));
    CHECK(dlerror() == NULL);
    puts("dlsym of what is not there: an error, once");

    CHECK(dlopen("libnothing.so", RTLD_NOW) == NULL);
    text = dlerror();
    CHECK(text && strstr(text, "libnothing.so"));
    CHECK(dlerror() == NULL);
    puts("dlopen of what is not there: an error, once");

    CHECK(dlopen("libworld.so", RTLD_NOW) == NULL);
    CHECK(dlerror() != NULL);
    puts("not found by name: libworld.so");
    void *world = library("/plugins/libworld.so");
    CHECK(world != hello);
    printf("world, through hello: ");
    CHECK(((int (*)(void))symbol(world, "world"))() == 12);
    CHECK(*count == 12);
    greet_function *const *by_pointer = symbol(world, "world_greet");
    CHECK(*by_pointer == greet);
    printf("pointer in data: ");
    greeting = (struct greeting){"by pointer", 1, NULL};
    (*by_pointer)(&greeting);

    CHECK(dlclose(world) == 0);
    CHECK(dlclose(hello) == 0);
    CHECK(dlerror() == NULL);
    puts("closed");

    CHECK(dlopen("libnothing.so", RTLD_NOW) == NULL);
    hello = library("libhello.so");
    CHECK(symbol(hello, "hello") != NULL);
    text = dlerror();
    CHECK(text && strstr(text, "libnothing.so"));
    puts("an error stays until it is read");
    CHECK(dlopen("libnothing.so", RTLD_NOW) == NULL && dlsym(hello, "goodbye") == NULL);
    text = dlerror();
    CHECK(text && strstr(text, "goodbye") && !strstr(text, "libnothing"));
    CHECK(dlerror() == NULL);
    puts("of two errors the second");
    CHECK(dlclose(hello) == 0);

    void *(*volatile open_it)(const char *, int) = dlopen;
    void *(*volatile find_it)(void *, const char *) = dlsym;
    int (*volatile close_it)(void *) = dlclose;
    printf("through pointers to dlopen and dlsym: ");
    hello = open_it("libhello.so", RTLD_NOW);
    CHECK(hello != NULL);
    greeting = (struct greeting){"pointer", 1, NULL};
    CHECK(((greet_function *)find_it(hello, "hello"))(&greeting) == 1);
    CHECK(close_it(hello) == 0);
    return 0;
}
