#include <stddef.h>

extern int red_only(void) __attribute__((weak));
extern int red_data __attribute__((weak));

/* 42 + 43 with both, 0 with none. */
int probe(void) { return (red_only ? red_only() : 0) + (&red_data ? red_data : 0); }
