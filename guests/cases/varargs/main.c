#include "sum.h"
#include <stdio.h>

int main(void)
{
    struct pair pair = {3, 4.5};
    printf("sum of 1 2 3 4 5 = %d\n", sum(5, 1, 2, 3, 4, 5));
    printf("sum of doubles = %.2f\n", sum_doubles(3, 1.5, 2.25, 4.0));
    log_line("text=%s char=%c int=%d long long=%lld double=%.3f", "abc", 'x', -7, 1234567890123456789LL, 2.5);
    log_pair("pair", pair, &pair);
    log_sum(3, 10, 20, 30);
    return 0;
}
