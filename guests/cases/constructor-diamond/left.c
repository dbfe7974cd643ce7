#include "order.h"

volatile int left_turn, left_saw_base;

__attribute__((constructor)) static void construct(void)
{
    left_turn = ++constructed;
    left_saw_base = base_turn;
}
