#include <stddef.h>

/* What main offers besides libc. */
extern volatile int main_constructed;
extern const char *const name_of_main;
int twice(int n);

extern volatile int guest_constructed, main_constructed_then;
void print_constructed(void);
char *copy(const char *text);
int call_back(int n);
void sort(int *numbers, size_t count);
const char *const *where_name_is(void);
size_t (*strlen_of_library(void))(const char *);

extern volatile int other_constructed;
