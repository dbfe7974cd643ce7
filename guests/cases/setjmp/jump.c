#include "jump.h"

_Noreturn void jump(jmp_buf to, int value) { longjmp(to, value); }

int call_through(int (*function)(void *), void *argument) { return function(argument) + 1; }
