#define FIRST 0
#include "many.h"

volatile int turn, out_of_order;

HUNDRED
