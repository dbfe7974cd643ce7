/* One of three like libraries: prints its name and passes on to the next. */
#include <stdio.h>

#define NAME_(x) #x
#define NAME(x) NAME_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

void NEXT(int steps);
volatile int JOIN(SELF, _constructed);

__attribute__((constructor)) static void construct(void) { JOIN(SELF, _constructed)++; }

void SELF(int steps)
{
    printf(steps ? "%s " : "%s\n", NAME(SELF));
    if (steps)
        NEXT(steps - 1);
}
