#include "jump.h"
#include "../check.h"
#include <string.h>

static jmp_buf here;

static void jump_with_eight(jmp_buf to, void *argument)
{
    (void)argument;
    longjmp(to, 8);
}

static int jump_out(void *argument) { jump(here, *(int *)argument); }

static void fail_twice(jmp_buf outer, void *argument)
{
    (void)argument;
    jmp_buf inner;
    int value = setjmp(inner);
    if (value == 0)
        jump(inner, 1);
    printf("nested: inner caught %d, ", value);
    jump(outer, 2);
}

static void do_nothing(jmp_buf to, void *argument)
{
    (void)to;
    (void)argument;
}

int main(void)
{
    int value = setjmp(here);
    if (value == 0)
        jump(here, 7);
    printf("main set, library jumped: %d\n", value);
    printf("library set, main jumped: %d\n", try(jump_with_eight, NULL));
    CHECK(try(do_nothing, NULL) == -1);

    value = setjmp(here);
    if (value == 0)
        jump(here, 0);
    printf("longjmp with 0 gives: %d\n", value);

    int thirty = 30;
    value = setjmp(here);
    if (value == 0)
        call_through(jump_out, &thirty);
    printf("through three modules: %d\n", value);

    value = try(fail_twice, NULL);
    printf("outer caught %d\n", value);

    volatile int total = 0, rounds = 0;
    value = setjmp(here);
    total += value;
    if (++rounds <= 1000)
        jump(here, rounds);
    printf("a thousand jumps: %d\n", total);

    volatile int kept = 42;
    char text[16] = "unchanged";
    if (setjmp(here) == 0)
        jump(here, 1);
    printf("kept: %d and \"%s\"\n", kept, text);
    CHECK(strlen(text) == 9);
    return 0;
}
