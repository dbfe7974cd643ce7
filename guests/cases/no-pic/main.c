#include "tools.h"
#include <stdio.h>

static function *volatile pointer = twice;
static int three_times(int n) { return 3 * n; }

int main(void)
{
    printf("twice 21 is %d\n", twice(21));
    printf("through a pointer in main's data: %d\n", pointer(7));
    printf("the library calls back: %d\n", call(three_times, 10));
    printf("pointers: %s\n", address_of_twice() == pointer ? "equal" : "different");
    return 0;
}
