#include <stdio.h>
#include <stdlib.h>

char *base_buffer(void);

/* More than a page of data, some of it initialised. */
char big[100000];
int numbers[5000] = {1, 2, 3};
static int *farewells;

static int zero(void) { return 0; }
static int one(void) { return 1; }
int (*const functions[])(void) = {zero, one};

static void farewell(void) { ++*farewells; }

int cycle(int n, int *counter)
{
    char text[32];
    farewells = counter;
    atexit(farewell);
    snprintf(text, sizeof text, "%d", n);
    int fresh = big[0] == 0 && big[sizeof big - 1] == 0 && numbers[2] == 3 && numbers[4999] == 0 && base_buffer()[0] == 0;
    big[0] = big[sizeof big - 1] = base_buffer()[0] = 'x';
    numbers[2] = numbers[4999] = 99;
    return fresh && atoi(text) == n && functions[n % 2]() == n % 2;
}
