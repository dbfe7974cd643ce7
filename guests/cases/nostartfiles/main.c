#include <stdio.h>

extern volatile int constructed_lost, constructed_kept;

int main(void)
{
    printf("lost: constructed %d times\n", constructed_lost);
    printf("kept: constructed %d times\n", constructed_kept);
    return 0;
}
