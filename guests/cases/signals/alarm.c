#include "alarm.h"
#include <signal.h>
#include <stdio.h>

void alarm_now(int signal) { raise(signal); }

static void handle(int signal)
{
    printf("handler of the library got %s\n", signal == SIGTERM ? "SIGTERM" : "another");
}

handler *handler_of_library(void) { return handle; }
