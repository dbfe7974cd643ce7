/* The program's own code has been linked, but none of it has run. */
#include "../dl.h"

extern void *early_handle;

int number_of_main = 17;
int get_number(void) { return number_of_main; }

static void *own_handle;

__attribute__((constructor)) static void construct(void)
{
    own_handle = OPEN("libplugin.so", RTLD_LAZY | RTLD_GLOBAL);
    CHECK(own_handle == early_handle);
    puts("main: constructor opens the plugin too: the same");
}

int main(void)
{
    printf("main: plugin gives %d\n", dl_call(own_handle, "next_number"));
    CLOSE(own_handle);
    CHECK(dl_call(early_handle, "next_number") == 19);
    puts("main: closes its own, the other stays");
    puts("main: end");
    return 0;
}
