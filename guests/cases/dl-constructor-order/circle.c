#include "../dl.h"

#define TEXT(word) #word
#define NAME(word) TEXT(word)

const char *name = NAME(ME);

__attribute__((constructor)) static void begin(void)
{
    void *other = OPEN(NAME(OTHER), RTLD_NOW);
    printf("%s: constructed, %s is open\n", NAME(ME), *(const char **)FIND(other, "name"));
}
