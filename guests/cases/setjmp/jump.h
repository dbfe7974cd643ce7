#include <setjmp.h>

_Noreturn void jump(jmp_buf to, int value);
int call_through(int (*function)(void *), void *argument);

/* Calls the function with a jmp_buf to jump to; gives what was jumped with, or -1. */
int try(void (*function)(jmp_buf, void *), void *argument);
