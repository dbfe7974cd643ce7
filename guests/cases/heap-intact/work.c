#include "work.h"
#include <stdlib.h>
#include <string.h>

char work_data[100] = "data";
char work_bss[200000];
const char *const work_text = "text";

void work(void)
{
    memset(work_data, 0xee, sizeof work_data);
    memset(work_bss, 0xee, sizeof work_bss);
    void *blocks[100];
    for (int i = 0; i < 100; i++) {
        blocks[i] = malloc(1000 * (size_t)i + 1);
        memset(blocks[i], 0xee, 1000 * (size_t)i + 1);
    }
    for (int i = 0; i < 100; i++)
        free(blocks[i]);
}

unsigned sum_on_stack(int count)
{
    volatile unsigned numbers[count];
    unsigned sum = 0;
    for (int i = 0; i < count; i++)
        numbers[i] = (unsigned)i + 1;
    for (int i = 0; i < count; i++)
        sum += numbers[i];
    return sum;
}
