#include <stdlib.h>
#include <string.h>

unsigned char *hoard;
const size_t hoard_size = 20 << 20;

__attribute__((constructor)) static void construct(void)
{
    hoard = malloc(hoard_size);
    if (hoard)
        memset(hoard, 0x5a, hoard_size);
}
