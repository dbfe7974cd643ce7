#define FIRST 300
#include "many.h"

HUNDRED
