/* A plugin brings libraries of its own and finds them beside it, wherever it is installed; the program does not know
 * of them. The path that counts is that of who calls dlopen, not that of the program or of who was first. */
#include "../dl.h"

typedef const char *name_of_function(const char *file);

static int finds(name_of_function *name_of, const char *file, const char *name)
{
    const char *found = name_of(file);
    if (!found) {
        CHECK_ERROR(file);
        return 0;
    }
    CHECK(strcmp(found, name) == 0);
    return 1;
}

int main(void)
{
    void *caller = OPEN("libcaller.so", RTLD_NOW);
    CHECK(dlopen("libdep.so", RTLD_NOW) == NULL);
    CHECK_ERROR("libdep.so");
    puts("main: libcaller.so found, libdep.so not");
    name_of_function *of_caller = FUNCTION(name_of_function *, caller, "name_of");
    CHECK(!finds(of_caller, "libtwin.so", ""));
    CHECK(finds(of_caller, "libdep.so", "dep"));
    puts("libcaller.so: dep found, libtwin.so not");
    void *twin = OPEN("libtwin.so", RTLD_NOW);
    CHECK(strcmp(FUNCTION(const char *(*)(void), twin, "name")(), "twin") == 0);
    CLOSE(twin);
    puts("main: libtwin.so found");

    void *plugin = OPEN("/folder/of/plugins/libplugin.so", RTLD_NOW);
    CHECK(strcmp(FUNCTION(const char *(*)(void), plugin, "name")(), "beside") == 0);
    puts("libplugin.so by path: its needed libbeside.so found");
    name_of_function *of_plugin = FUNCTION(name_of_function *, plugin, "name_of");
    CHECK(!finds(of_plugin, "libtwin.so", ""));
    CHECK(finds(of_plugin, "libmore.so", "more"));
    puts("libplugin.so: more found");
    CHECK(finds(of_plugin, "/folder/of/plugins/libbeside.so", "beside"));
    CHECK(finds(of_plugin, "folder/of/plugins/more/libmore.so", "more"));
    CHECK(!finds(of_plugin, "more/libmore.so", ""));
    puts("libplugin.so: names with a slash go the program's way");
    return 0;
}
