#include "order.h"

volatile int constructed, base_turn;

__attribute__((constructor)) static void construct(void) { base_turn = ++constructed; }
