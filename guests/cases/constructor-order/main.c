/* A library's constructor may use all that the libraries below it offer, so
 * these are constructed before; and destroyed after. */
#define NAME "main"
#include "report.h"
#include "../check.h"

int depth_of_top(void);
void exit_from_top(void);

static void at_exit(void) { puts("main: atexit"); }

int main(int argc, char **argv)
{
    (void)argv;
    atexit(at_exit);
    puts("main: main");
    CHECK(depth_of_top() == 2);
    if (argc > 1)
        exit_from_top();
    return 0;
}
