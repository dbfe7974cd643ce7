#include "tools.h"

int twice(int n) { return 2 * n; }
function *address_of_twice(void) { return twice; }
int call(function *function, int n) { return function(n); }
