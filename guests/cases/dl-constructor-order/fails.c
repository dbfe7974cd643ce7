#include "../dl.h"

int main(void)
{
    CHECK(!dlopen("libboth.so", RTLD_NOW));
    CHECK_ERROR("libbad.so");
    puts("the load failed");
    CHECK(!dlopen("libbad.so", RTLD_NOW | RTLD_NOLOAD) && !dlopen("libopener3.so", RTLD_NOW | RTLD_NOLOAD));
    puts("nothing is left of it");
}
