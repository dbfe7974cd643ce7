// setjmp and longjmp as emscripten compiles them without wasm exceptions: calls that may jump go through invoke_*.
#include <setjmp.h>
#include <stdio.h>

static jmp_buf outer, inner;
static int left;

__attribute__((noinline)) static void dive(int n, int value)
{
    char frame[256];
    snprintf(frame, sizeof frame, "%d", n);
    if (n == 0)
        longjmp(outer, value);
    dive(n - 1, value);
    left += frame[0];
}

int jump(int depth, int value)
{
    int came = setjmp(outer);
    if (came)
        return came + left;
    dive(depth, value);
    return -1;
}

/* More of them than the table of a call has at first, and each is told from the others. */
int many(void)
{
    jmp_buf all[9];
    volatile int sum = 0, round = 0;
    for (volatile int n = 0; n < 9; n++) {
        int came = setjmp(all[n]);
        if (came)
            sum += came * (n + 1);
        else if (n == round)
            longjmp(all[n], 1);
        round++;
    }
    return sum;
}

__attribute__((noinline)) static void both(int which)
{
    if (which == 0)
        longjmp(inner, 3);
    longjmp(outer, 4);
}

/* The inner one does not catch what is meant for the outer. */
__attribute__((noinline)) static int nested(int which)
{
    int came = setjmp(inner);
    if (came)
        return 10 * came;
    both(which);
    return -1;
}

int through(int which)
{
    int came = setjmp(outer);
    if (came)
        return 100 * came;
    return nested(which);
}

/* A function of another object's, and one that jumps from there. */
void back(int value) { longjmp(outer, value); }

int by_pointer(void (*call)(void (*)(int), int), int value)
{
    int came = setjmp(outer);
    if (came)
        return came;
    call(back, value);
    return -1;
}
