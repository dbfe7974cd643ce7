#include "chain.h"
#include <stdio.h>

int sum1(void);
extern struct link link1;

int main(void)
{
    printf("sum along the chain: %d\n", sum1());
    int steps = 0;
    for (struct link *link = &link1; link; link = link->next)
        steps += link->number == steps + 1;
    printf("pointers along the chain: %d steps\n", steps);
    printf("constructed from the end:");
    for (int i = 0; i < constructed; i++)
        printf(" %d", order[i]);
    putchar('\n');
    return 0;
}
