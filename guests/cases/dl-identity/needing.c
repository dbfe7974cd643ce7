#include "../dl.h"

int increment(void);

int main(void)
{
    CHECK(increment() == 1);
    void *x = OPEN("libx.so", RTLD_NOW);
    CHECK(OPEN("/plugins/libx.so", RTLD_NOW | RTLD_LOCAL) == x);
    CHECK(FUNCTION(dl_function *, x, "increment") == increment);
    puts("dlopen gives what main needs");
    CLOSE(x);
    CLOSE(x);
    CHECK(increment() == 2);
    puts("closed as often as opened, and still there");
    /* Once more would take away what main needs. */
    CHECK(dlclose(x) != 0);
    CHECK_ERROR("");
    CHECK(increment() == 3);
    return 0;
}
