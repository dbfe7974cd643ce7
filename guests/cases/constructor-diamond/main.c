/* The order of left and right is open, and so is that within a circle: only what
 * the graph demands is checked. */
#include "order.h"
#include "../check.h"

static int before_main;

__attribute__((constructor)) static void construct(void) { before_main = constructed + (turn_of_partner() != 0); }

int main(void)
{
    CHECK(base_turn == 1);
    CHECK(left_saw_base == 1 && right_saw_base == 1);
    CHECK(left_turn + right_turn == 2 + 3);
    CHECK(constructed == 3);
    puts("base, left and right are constructed once, base first");
    printf("%d constructors ran before main's\n", before_main);
    return 0;
}
