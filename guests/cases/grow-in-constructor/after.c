#include <stddef.h>

char after_bss[100000];
char after_data[] = "after";
extern unsigned char *hoard;
unsigned char **where_hoard_is = &hoard;

__attribute__((constructor)) static void construct(void)
{
    for (size_t i = 0; i < sizeof after_bss; i++)
        ((volatile char *)after_bss)[i] += 1;
}
