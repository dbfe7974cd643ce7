#include "big.h"

unsigned char library_bss[BIG];

unsigned char *end_of_library_bss(void) { return library_bss + BIG; }
