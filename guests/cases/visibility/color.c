#include "internal.h"
#include <stdio.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

static int calls;
static int count(void) { return ++calls; }

void JOIN(print_, COLOR)(void)
{
    printf("%s: internal %s, static %s %d, data %s\n", TEXT(COLOR), internal(), TEXT(COLOR), count(), hidden_name);
}
