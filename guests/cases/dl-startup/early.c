#include "../dl.h"

void *early_handle;

__attribute__((constructor)) static void construct(void)
{
    puts("early: opens the plugin");
    early_handle = OPEN("libplugin.so", RTLD_NOW);
    printf("early: plugin gives %d\n", dl_call(early_handle, "next_number"));
}

__attribute__((destructor)) static void destroy(void) { puts("early: destroyed"); }
