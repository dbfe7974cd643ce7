/* What a program opens is what it may read. The files that are out of reach are good libraries: if one of them could be
 * reached, opening it would succeed. */
#include "../dl.h"
#include <unistd.h>

static void copy(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    CHECK(in && out);
    int c;
    while ((c = getc(in)) != EOF)
        putc(c, out);
    fclose(in);
    CHECK(fclose(out) == 0);
}

static void check_text(const char *text)
{
    CHECK(text != NULL);
    /* Where the build puts everything, whatever lies before: .../guests/cases/dl-sandbox */
    CHECK(!strstr(text, "cases") && !strstr(text, "guests"));
}

static void unreachable(const char *name)
{
    void *handle = dlopen(name, RTLD_NOW);
    if (handle) {
        fprintf(stderr, "%s could be opened\n", name);
        exit(1);
    }
    check_text(dlerror());
    CHECK(dlopen(name, RTLD_NOW | RTLD_NOLOAD) == NULL);
    dlerror();
}

static void works(const char *name)
{
    void *handle = OPEN(name, RTLD_NOW);
    CHECK(dl_call(handle, "secret") == 99);
    CLOSE(handle);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "nothing") == 0) {
        unreachable("/plugins/libsecret.so");
        unreachable("./libsecret.so");
        unreachable("/libsecret.so");
        unreachable("inside/libinside.so");
        unreachable("$ORIGIN/../dl-sandbox/libsecret.so");
        unreachable("$ORIGIN/main.c");
        works("libsecret.so");
        works("$ORIGIN/libsecret.so");
        works("${ORIGIN}/./libsecret.so");
        puts("nothing given: only library paths, and the program's own folder");
        return 0;
    }
    copy("/plugins/libsecret.so", "/all/libsecret.so");
    copy("/plugins/libsecret.so", "/inside/libinside.so");
    works("/all/libsecret.so");
    works("/inside/libinside.so");
    works("/all/inside/libinside.so");
    puts("in the folder: opened");

    unreachable("/etc/passwd");
    unreachable("/proc/self/exe");
    unreachable("/dev/null");
    unreachable("/dev/zero");
    unreachable("etc/passwd");
    unreachable("./etc/passwd");
    unreachable("/libsecret.so");
    unreachable("./libsecret.so");
    puts("absolute names of the host: errors");

    unreachable("/inside/../libsecret.so");
    unreachable("/inside/./.././libsecret.so");
    unreachable("/inside/../../../../../../../../../../etc/passwd");
    unreachable("../libsecret.so");
    unreachable("../../etc/passwd");
    unreachable("/plugins/../dl-sandbox/libsecret.so");
    unreachable("/inside//..//libsecret.so");
    unreachable("/inside/no-such-folder/../../libsecret.so");
    unreachable("$ORIGIN/../dl-sandbox/libsecret.so");
    puts("up and out: errors");

    CHECK(symlink("../libsecret.so", "/all/inside/escape.so") == 0);
    CHECK(symlink("..", "/all/inside/up") == 0);
    CHECK(symlink("up/libsecret.so", "/all/inside/twice.so") == 0);
    CHECK(symlink("../../../../../../../../../../../../etc", "/all/inside/etc") == 0);
    CHECK(symlink("circle.so", "/all/inside/circle.so") == 0);
    CHECK(symlink("libinside.so", "/all/inside/good.so") == 0);
    unreachable("/inside/escape.so");
    unreachable("/inside/up/libsecret.so");
    unreachable("/inside/twice.so");
    unreachable("/inside/etc/passwd");
    unreachable("/all/inside/etc/passwd");
    unreachable("/inside/circle.so");
    works("/inside/good.so");
    works("/all/inside/escape.so");
    works("/all/inside/up/libsecret.so");
    works("/all/inside/twice.so");
    puts("out by a symbolic link: errors, and the same link is good where it does not lead out");

    CHECK(dlopen("libnothing.so", RTLD_NOW) == NULL);
    check_text(dlerror());
    void *secret = OPEN("libsecret.so", RTLD_NOW);
    CHECK(dlsym(secret, "nothing") == NULL);
    check_text(dlerror());
    Dl_info info;
    CHECK(dladdr(FIND(secret, "secret"), &info) != 0);
    check_text(info.dli_fname);
    struct link_map *map;
    CHECK(dlinfo(secret, RTLD_DI_LINKMAP, &map) == 0);
    check_text(map->l_name);
    char origin[4096];
    if (dlinfo(secret, RTLD_DI_ORIGIN, origin) == 0)
        check_text(origin);
    puts("texts name no folder of the host");
    return 0;
}
