#define FIRST 100
#include "many.h"

HUNDRED
