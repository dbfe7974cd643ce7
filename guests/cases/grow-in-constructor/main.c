#include "../check.h"
#include <string.h>

extern unsigned char *hoard;
extern const size_t hoard_size;
extern char after_bss[100000], after_data[];
extern unsigned char **where_hoard_is;

int main(void)
{
    CHECK(hoard != NULL && *where_hoard_is == hoard);
    CHECK(hoard[0] == 0x5a && memcmp(hoard, hoard + 1, hoard_size - 1) == 0);
    puts("20 MiB from the constructor: intact");
    CHECK(strcmp(after_data, "after") == 0);
    CHECK(after_bss[0] == 1 && memcmp(after_bss, after_bss + 1, sizeof after_bss - 1) == 0);
    puts("data of the library constructed after it: intact");
    return 0;
}
