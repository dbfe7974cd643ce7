#include "guest.h"

volatile int other_constructed;

__attribute__((constructor)) static void construct(void) { other_constructed += guest_constructed; }
