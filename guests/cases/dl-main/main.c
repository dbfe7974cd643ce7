/* clang calls it __main_argc_argv or __main_void, by its parameters. A second copy of the program would share the first one's heap
 * and not its data: glibc says "cannot dynamically load executable". */
#include "../dl.h"

static void refused(const char *name)
{
    CHECK(!dlopen(name, RTLD_NOW));
    CHECK_ERROR("a program, not a shared library");
    CHECK(!dlopen(name, RTLD_NOW | RTLD_NOLOAD) && !dlerror());
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return printf("called by its name: %d arguments\n", argc) < 0;
    CHECK(argc == 1);
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    char path[100];
    snprintf(path, sizeof path, "/plugins/%s", name);
    refused(name);
    refused(path);
    CHECK(!dlopen("/plugins/other-pie.wasm", RTLD_NOW));
    CHECK_ERROR("a program, not a shared library");
    CHECK(!dlopen("/plugins/other-nonpie.wasm", RTLD_NOW));
    CHECK_ERROR("a program, not a shared library");

    void *self = OPEN(NULL, RTLD_NOW);
    int (*again)(int, char **) = FUNCTION(int (*)(int, char **), self, "main");
    CHECK(again == FUNCTION(int (*)(int, char **), RTLD_DEFAULT, "main"));
    char *arguments[] = {argv[0], argv[0], argv[0], NULL};
    return again(3, arguments);
}
