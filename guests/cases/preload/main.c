#include <stdio.h>

void greet(const char *whom);
const char *greeting(void);

int main(void)
{
    greet("world");
    printf("main calls: %s\n", greeting());
    return 0;
}
