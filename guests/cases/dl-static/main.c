/* Here the program is what libc.so is elsewhere. dlopen is an import of the program all the same: the header makes
 * it one, while the stub in libdl.a would only say that there is none. */
#include "plugin.h"
#include "../dl.h"
#include <errno.h>

#ifdef WITH_NEEDED
int needed(void);
#else
static int needed(void) { return 5; }
#endif

int number_of_main = 12;

static void first(void) { puts("main: first"); }
static void second(void) { puts("main: second"); }

int main(void)
{
    CHECK(needed() == 5);
    atexit(first);
    void *plugin = OPEN("libplugin.so", RTLD_NOW);
    char *text = FUNCTION(hello_function *, plugin, "hello")("with printf of main");
    CHECK(strcmp(text, "with printf of main") == 0);
    free(text);
    puts("one heap: freed what the plugin allocated");
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof numbers[0], FUNCTION(compare_function *, plugin, "compare"));
    printf("qsort of main, comparator of the plugin: %d %d %d\n", numbers[0], numbers[1], numbers[2]);
    errno = 0;
    FUNCTION(set_errno_function *, plugin, "set_errno")(33);
    printf("one errno: %d\n", errno);
    CHECK(FUNCTION(where_function *, plugin, "where_number_is")() == &number_of_main);
    puts("data of main, by address");
    strlen_function *volatile own = strlen;
    CHECK(FUNCTION(get_strlen_function *, plugin, "strlen_of_plugin")() == own);
    CHECK(FUNCTION(strlen_function *, RTLD_DEFAULT, "strlen") == own);
    puts("function pointers are equal");
    void *everything = OPEN(NULL, RTLD_NOW);
    CHECK(FIND(everything, "number_of_main") == &number_of_main);
    puts("dlopen(NULL): main's own");

    FUNCTION(void (*)(void), plugin, "register_handler")();
    CLOSE(plugin);
    puts("closed");
    plugin = OPEN("libplugin.so", RTLD_LAZY | RTLD_GLOBAL);
    FUNCTION(void (*)(void), plugin, "register_handler")();
    CLOSE(plugin);
    CHECK(dlopen("libplugin.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK(dlsym(RTLD_DEFAULT, "hello") == NULL);
    CHECK_ERROR("hello");
    puts("closed again: its symbols are gone");

    plugin = OPEN("libplugin.so", RTLD_NOW);
    atexit(second);
    FUNCTION(void (*)(void), plugin, "register_handler")();
    puts("end of main");
    return 3;
}
