#include <stddef.h>

unsigned char data[150000] = {1, 2, 3};

static int zero(void) { return 0; }
static int one(void) { return 1; }
static int two(void) { return 2; }
int (*functions[])(void) = {zero, one, two};

int intact(void)
{
    for (size_t i = 0; i < sizeof data; i++)
        if (data[i] != (i < 3 ? i + 1 : 0))
            return 0;
    for (int i = 0; i < 3; i++)
        if (functions[i]() != i)
            return 0;
    return 1;
}
