#include "interposition.h"
#include <stdio.h>

int main(void)
{
    printf("called by main: %s\n", who());
    printf("called by first: %s\n", who_by_first());
    printf("called by second: %s\n", who_by_second());
    printf("in both libraries: %s\n", in_both());
    printf("in both libraries, called by second: %s\n", in_both_by_second());
    printf("data: main has %d, first has %d, second has %d\n", level, level_by_first(), level_by_second());
    int equal = who_pointer_by_first() == who && who_pointer_by_second() == who;
    printf("pointers: %s\n", equal ? "equal" : "different");
    return 0;
}
