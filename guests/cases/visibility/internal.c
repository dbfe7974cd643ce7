#include "internal.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *internal(void) { return TEXT(COLOR); }
const char *hidden_name = TEXT(COLOR);
