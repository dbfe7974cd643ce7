#include "blocks.h"

BLOCKS(wasmpage, 65536)
