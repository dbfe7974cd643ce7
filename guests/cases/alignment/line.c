#include "blocks.h"

BLOCKS(line, 64)
