#define FIRST 200
#include "many.h"

HUNDRED
