#include "jump.h"

int try(void (*function)(jmp_buf, void *), void *argument)
{
    jmp_buf here;
    int value = setjmp(here);
    if (value)
        return value;
    function(here, argument);
    return -1;
}
