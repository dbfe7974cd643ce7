/* SIG_DFL and SIG_IGN are compared with handlers as function pointers. */
#include "alarm.h"
#include <signal.h>
#include <stdio.h>

static void handle(int signal) { printf("handler of main got %s\n", signal == SIGINT ? "SIGINT" : "another"); }

int main(void)
{
    handler *before = signal(SIGINT, handle);
    printf("before: %s\n", before == SIG_DFL ? "default" : "something else");
    alarm_now(SIGINT);
    signal(SIGTERM, handler_of_library());
    raise(SIGTERM);
    handler *previous = signal(SIGINT, SIG_IGN);
    alarm_now(SIGINT);
    puts("ignored: still here");
    printf("the previous handler was main's: %s\n", previous == handle ? "yes" : "no");
    return 0;
}
