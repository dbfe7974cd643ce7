#define FIRST 0
#include "many.h"

int turn, out_of_order;

HUNDRED
