/* A weak reference asks "is it there?": the answer must be the same whether it
 * is asked of a function, of data, in code or in initialised data. */
#include "../check.h"

extern int absent_function(int) __attribute__((weak));
extern int absent_data __attribute__((weak));

int present_data = 17;
int present_function(int n)
{
    printf("hook called with %d\n", n);
    return 2 * n;
}

void report(void);
int call_hooks(int n);
extern int (*pointer_to_absent)(int);
extern int (*pointer_to_present)(int);

int main(void)
{
    report();
    printf("main: absent function %s, absent data %s\n", absent_function ? "yes" : "no", &absent_data ? "yes" : "no");
    CHECK(call_hooks(5) == 10);
    printf("pointers in data: absent %d, present %d\n", pointer_to_absent != NULL, pointer_to_present != NULL);
    CHECK(pointer_to_present == present_function);
    return 0;
}
