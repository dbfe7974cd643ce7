#include <stddef.h>

extern char work_data[100];
extern char work_bss[200000];
extern const char *const work_text;

/* Fills the library's own memory and some heap, and frees the latter. */
void work(void);
/* Sums numbers that it puts into an array on the stack. */
unsigned sum_on_stack(int count);
