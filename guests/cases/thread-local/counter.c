#include "counter.h"

_Thread_local int counter = 10;
_Thread_local char zeroed[100];

int counter_in_library(void) { return counter; }
int *address_of_counter(void) { return &counter; }

int count_calls(void)
{
    static _Thread_local int calls;
    return ++calls;
}
