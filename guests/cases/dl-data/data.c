#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

extern int main_array[];
int main_function(int);
extern const char *const main_name;
extern int numbers[];
int number(int);

struct record {
    const char *name;
    int *data;
    int (*function)(int);
    struct record *next;
    void *self;
};

static int own(int n) { return n + 1; }
static int own_array[] = {10, 20, 30};
static struct record last = {"last", &numbers[2], number, NULL, &last.self};
struct record records[] = {
    {"first", &main_array[1], main_function, &records[1], &records[0].self},
    {"second", own_array + 2, own, &last, &records[1].self},
};
const char *const *const name_of_main = &main_name;
void *(*const allocate)(size_t) = malloc;
FILE *const *const out = &stdout;
char zeros[700000];
static const char text[] = "a text";
const char *const inside = &text[2];
