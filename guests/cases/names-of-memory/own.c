#include <stdio.h>

int memory(int x) { return x + 100; }
int call_it(int);

int main(void)
{
    printf("%d %d\n", memory(1), call_it(1));
    return 0;
}
