#include <stdio.h>

const char *outer(int which);

int main(void)
{
    printf("%s, %s, %s\n", outer(0), outer(1), outer(2));
    return 0;
}
