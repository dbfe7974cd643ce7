#include "order.h"

volatile int partner_turn;

__attribute__((constructor)) static void construct(void) { partner_turn = 1; }

int right_is_constructed(void) { return right_turn > 0; }
