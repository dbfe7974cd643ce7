#include <wasmdyld/dlfcn.h>
#include <stddef.h>

int wanted(void);
int shared(void) { return wanted(); }
int behind(void)
{
    void *found = dlsym(RTLD_NEXT, "wanted");
    return found ? ((int (*)(void))found)() : -1;
}
