#include "../dl.h"

int main(int argc, char **argv)
{
    (void)argv;
    void *owner = OPEN("libowner.so", RTLD_NOW | RTLD_GLOBAL);
    CLOSE(owner);
    puts("owner is closed, bound keeps it");
    void *bound = OPEN("libbound.so", RTLD_NOW | RTLD_NOLOAD);
    CHECK(dl_call(bound, "bound_value") == 8);
    CLOSE(bound);
    if (argc > 1)
        puts("bound is closed");
    puts("end of main");
}
