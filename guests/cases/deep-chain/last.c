#include "chain.h"

volatile int order[20], constructed;

int sum20(void) { return 20; }

struct link link20 = {20, 0};

__attribute__((constructor)) static void construct(void) { order[constructed++] = 20; }
