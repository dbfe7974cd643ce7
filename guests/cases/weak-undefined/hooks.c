#include <stddef.h>
#include <stdio.h>

#define WEAK __attribute__((weak))

/* Nobody defines these two, */
extern int absent_function(int) WEAK;
extern int absent_data WEAK;
/* and the main program these. */
extern int present_function(int) WEAK;
extern int present_data WEAK;

int (*pointer_to_absent)(int) = absent_function;
int (*pointer_to_present)(int) = present_function;

void report(void)
{
    printf("library: absent function %s, absent data %s\n", absent_function ? "yes" : "no", &absent_data ? "yes" : "no");
    printf("library: present function %s, present data %s\n", present_function ? "yes" : "no", &present_data ? "yes" : "no");
}

int call_hooks(int n)
{
    int result = 0;
    if (absent_function)
        result += absent_function(n);
    if (present_function)
        result += present_function(n);
    return result;
}
