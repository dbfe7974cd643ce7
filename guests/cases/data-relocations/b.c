#include "a.h"

int b_array[4] = {200, 201, 202, 203};
int *b_into_a = &a_array[5];
