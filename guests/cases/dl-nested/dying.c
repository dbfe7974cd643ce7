#include "../dl.h"

void *my_handle;

static void registered_late(void) { puts("dying: handler registered in the destructor"); }

__attribute__((destructor)) static void destroy(void)
{
    puts("dying: destructor opens another library");
    void *inner = OPEN("libinner.so", RTLD_NOW);
    CHECK(dl_call(inner, "five") == 5);
    /* Unloading is one thing after the other: inner has to wait until this library's handlers have run. */
    CLOSE(inner);
    CHECK(dlclose(my_handle) != 0);
    CHECK_ERROR("");
    puts("dying: destructor closes its own library: an error");
    atexit(registered_late);
}
