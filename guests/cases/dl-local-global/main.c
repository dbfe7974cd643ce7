/* A plugin's symbols are its own affair: most plugins export the same few names. Weak references show whether a
 * library was bound to something, since they are bound to nothing otherwise. */
#include "../dl.h"

typedef const char *text_function(void);

static const char *ask(void *handle, const char *function) { return FUNCTION(text_function *, handle, function)(); }
static int is(const char *text, const char *wanted) { return strcmp(text, wanted) == 0; }

static int absent(void *handle, const char *name)
{
    if (dlsym(handle, name))
        return 0;
    CHECK_ERROR(name);
    return 1;
}

int main_data = 7;
int main_function(void) { return main_data; }
/* Before libc's in the global scope, and not used by it. */
int rand_r(unsigned *seed) { return seed ? -1 : -2; }

static void colors(void)
{
    void *blue = OPEN("libblue.so", RTLD_NOW | RTLD_LOCAL);
    void *red = OPEN("libred.so", RTLD_NOW);
    CHECK(is(ask(red, "name_it_sees"), "red") && is(ask(red, "data_it_sees"), "red"));
    CHECK(is(ask(blue, "name_it_sees"), "blue") && is(ask(blue, "data_it_sees"), "blue"));
    CHECK(is(ask(red, "name_of_color"), "red") && is(ask(blue, "name_of_color"), "blue"));
    CHECK(absent(red, "blue_only") && absent(blue, "red_data"));
    puts("red and blue, both local: each sees its own");

    void *everything = OPEN(NULL, RTLD_NOW);
    CHECK(absent(RTLD_DEFAULT, "name_of_color") && absent(RTLD_DEFAULT, "red_only") && absent(RTLD_DEFAULT, "red_data"));
    CHECK(absent(everything, "name_of_color") && absent(everything, "red_data"));
    void *probe1 = OPEN("libprobe1.so", RTLD_NOW);
    CHECK(dl_call(probe1, "probe") == 0);
    puts("local symbols: not for RTLD_DEFAULT, dlopen(NULL) or later libraries");

    CHECK(OPEN("libred.so", RTLD_NOW | RTLD_GLOBAL) == red);
    CHECK(FIND(RTLD_DEFAULT, "red_only") == FIND(red, "red_only"));
    CHECK(FIND(everything, "red_data") == FIND(red, "red_data"));
    CHECK(absent(RTLD_DEFAULT, "blue_only"));
    void *probe2 = OPEN("libprobe2.so", RTLD_NOW);
    CHECK(dl_call(probe2, "probe") == 42 + 43);
    puts("red is global: for RTLD_DEFAULT, dlopen(NULL) and later libraries");
    CHECK(dl_call(probe1, "probe") == 0);
    CHECK(is(ask(blue, "name_it_sees"), "blue") && is(ask(blue, "data_it_sees"), "blue"));
    puts("what was bound before stays as it was");

    CHECK(OPEN("libblue.so", RTLD_NOW | RTLD_GLOBAL) == blue);
    CHECK(FIND(RTLD_DEFAULT, "blue_only") == FIND(blue, "blue_only"));
    CHECK(FIND(RTLD_DEFAULT, "name_of_color") == FIND(red, "name_of_color"));
    CHECK(FIND(blue, "name_of_color") != FIND(red, "name_of_color"));
    puts("blue is global: behind red");

    void *green = OPEN("libgreen.so", RTLD_NOW | RTLD_LOCAL);
    CHECK(is(ask(green, "name_it_sees"), "red") && is(ask(green, "data_it_sees"), "red"));
    CHECK(is(ask(green, "name_of_color"), "green") && is(*(const char **)FIND(green, "data_of_color"), "green"));
    puts("green, opened later: red's come first; by its handle its own");
    CLOSE(green);

    void *deep = OPEN("libdeep.so", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    CHECK(is(ask(deep, "name_it_sees"), "deep") && is(ask(deep, "data_it_sees"), "deep"));
    puts("RTLD_DEEPBIND: its own come first");
    CLOSE(deep);

    /* The second probe is bound to red: without it nothing holds red any longer. */
    CLOSE(probe2);
    CLOSE(red);
    CLOSE(red);
    CHECK(absent(RTLD_DEFAULT, "red_only"));
    CHECK(FIND(RTLD_DEFAULT, "name_of_color") == FIND(blue, "name_of_color"));
    void *probe3 = OPEN("libprobe3.so", RTLD_NOW);
    CHECK(dl_call(probe3, "probe") == 0);
    puts("red closed: blue is next");
    CLOSE(probe3);
    CLOSE(blue);
    CLOSE(blue);
    CHECK(absent(RTLD_DEFAULT, "name_of_color") && absent(everything, "blue_only"));
    CLOSE(probe1);
    CLOSE(everything);
    puts("all closed: nothing left");
}

static void needed(void)
{
    void *top = OPEN("libtop.so", RTLD_NOW | RTLD_LOCAL);
    CHECK(dl_call(top, "top_function") == 6);
    CHECK(dl_call(top, "base_function") == 5 && *(int *)FIND(top, "base_value") == 5);
    CHECK(FIND(top, "printf") == (void *)printf);
    void *base = OPEN("libbase.so", RTLD_NOW | RTLD_LOCAL);
    CHECK(FIND(base, "base_function") == FIND(top, "base_function"));
    CHECK(absent(base, "top_function") && absent(base, "main_function"));
    puts("a handle leads to what its library needs, and not to others");
    CLOSE(base);

    CHECK(absent(RTLD_DEFAULT, "base_function") && absent(RTLD_DEFAULT, "top_function"));
    CHECK(OPEN("libtop.so", RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) == top);
    CHECK(FIND(RTLD_DEFAULT, "base_function") == FIND(top, "base_function"));
    CLOSE(top);
    CLOSE(top);
    CHECK(absent(RTLD_DEFAULT, "base_function") && absent(RTLD_DEFAULT, "top_function"));

    base = OPEN("libbase.so", RTLD_NOW | RTLD_LOCAL);
    top = OPEN("libtop.so", RTLD_NOW | RTLD_GLOBAL);
    CHECK(FIND(RTLD_DEFAULT, "base_value") == FIND(base, "base_value"));
    CLOSE(base);
    CLOSE(top);
    puts("needed ones are local with it and global with it");
}

static void breadth_first(void)
{
    void *tree = OPEN("libtree.so", RTLD_NOW | RTLD_LOCAL), *left = OPEN("libleft.so", RTLD_NOW | RTLD_LOCAL);
    printf("breadth first: %s, by handle %s; ", ask(tree, "asked_by_tree"), ask(tree, "which"));
    printf("of left: %s, by handle %s\n", ask(left, "asked_by_left"), ask(left, "which"));
    CLOSE(left);
    CLOSE(tree);
}

static void whole_program(void)
{
    void *everything = OPEN(NULL, RTLD_NOW);
    CHECK(OPEN(NULL, RTLD_LAZY | RTLD_GLOBAL) == everything);
    CHECK(FUNCTION(dl_function *, everything, "main_function") == main_function);
    CHECK(FIND(everything, "main_data") == &main_data && FIND(RTLD_DEFAULT, "main_data") == &main_data);
    void *(*volatile of_libc)(size_t) = malloc;
    CHECK(FIND(everything, "malloc") == (void *)of_libc && FIND(RTLD_DEFAULT, "malloc") == (void *)of_libc);
    CHECK(FUNCTION(int (*)(unsigned *), everything, "rand_r")(NULL) == -2);
    CHECK(absent(everything, "no_such_symbol"));
    CLOSE(everything);
    CLOSE(everything);
    puts("dlopen(NULL): main's own symbols and libc's, in the order of the global scope");
}

int main(void)
{
    colors();
    needed();
    breadth_first();
    whole_program();
    return 0;
}
