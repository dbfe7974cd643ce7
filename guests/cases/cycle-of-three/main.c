#include <stdio.h>

void green(int steps);
extern volatile int red_constructed, green_constructed, blue_constructed;

int main(void)
{
    green(6);
    printf("constructed once each: %d %d %d\n", red_constructed, green_constructed, blue_constructed);
    return 0;
}
