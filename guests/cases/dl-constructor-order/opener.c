#include "../dl.h"

#define TEXT(word) #word
#define NAME(word) TEXT(word)

__attribute__((constructor)) static void begin(void)
{
    void *library = dlopen(NAME(OPENS), RTLD_NOW);
    if (!library) {
        puts("opener: not opened");
        return;
    }
    printf("opener: it is %d\n", *(int *)FIND(library, NAME(SYMBOL)));
}
