/* libc.so imports its own weak functions, so that programs can override them. A program that exports its symbols to plugins takes
 * such a name without knowing: in ELF libc would call it with what it does not take. */
#include <stdio.h>

int drem(int a, int b) { return a % b; }
int iprintf(int level, const char *text) { return printf("%*s%s\n", level, "", text); }
int add(int a, int b) { return a + b; }
int plugin(void);
double remainder(double, double);

int main(void)
{
    printf("drem(7, 4) of the program: %d\n", drem(7, 4));
    iprintf(2, "indented");
    printf("%d\n", plugin());
    /* What libc's own drem is another name of. */
    printf("drem(7.0, 4.0) of libc: %.1f\n", remainder(7, 4));
    return 0;
}
