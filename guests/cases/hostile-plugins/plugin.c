#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The host's. It calls `again` of the plugin. */
__attribute__((import_module("env"), import_name("host_calls_back"))) int host_calls_back(int n);

static volatile int never;

static void for_ever(void)
{
    while (!never)
        ;
}

#ifdef CONSTRUCTOR
__attribute__((constructor)) static void construct(void) { for_ever(); }
#endif

#ifdef DESTRUCTOR
__attribute__((destructor)) static void destroy(void) { for_ever(); }
#endif

int again(int n)
{
    for_ever();
    return n;
}

#ifdef CALLBACK
static int compare(const void *a, const void *b)
{
    for_ever();
    return *(const int *)a - *(const int *)b;
}
#endif

#ifdef RECURSION
static int deeper(int n)
{
    volatile char frame[512];
    frame[n & 511] = (char)n;
    return deeper(n + 1) + frame[(n + 1) & 511];
}
#endif

#ifdef HANDLERS
static void handler(void) { for_ever(); }
#endif

int work(int n)
{
#ifdef LOOP
    for_ever();
#endif
#ifdef CALLBACK
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof *numbers, compare);
#endif
#ifdef HOST
    while (!never)
        n = host_calls_back(n);
#endif
#ifdef RECURSION
    n = deeper(n);
#endif
#ifdef MEMORY
    for (;;) {
        char *more = malloc(1 << 20);
        if (more)
            memset(more, n, 1 << 20);
    }
#endif
#ifdef HANDLERS
    for (;;)
        atexit(handler);
#endif
#ifdef EXIT
    exit(n);
#endif
#ifdef TRAP
    __builtin_trap();
#endif
#ifdef SLEEP
    for (;;)
        sleep(1000000);
#endif
    return n + 1;
}
