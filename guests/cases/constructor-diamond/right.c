#include "order.h"

volatile int right_turn, right_saw_base;

__attribute__((constructor)) static void construct(void)
{
    right_turn = ++constructed;
    right_saw_base = base_turn;
}

int turn_of_partner(void) { return partner_turn; }
