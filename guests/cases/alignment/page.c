#include "blocks.h"

BLOCKS(page, 4096)
