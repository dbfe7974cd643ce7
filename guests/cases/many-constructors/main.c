#define FIRST 400
#include "many.h"
#include "../check.h"

HUNDRED

int main(void)
{
    CHECK(out_of_order == 0);
    printf("%d constructors, in order\n", turn);
    return 0;
}
