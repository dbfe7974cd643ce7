#include <stdio.h>

extern void *__dso_handle __attribute__((visibility("hidden")));
int register_for(void (*)(void *), void *, void *);

static int number = 5;

static void destroy(void *it) { printf("client: destroys %d\n", *(int *)it); }

__attribute__((constructor)) static void begin(void)
{
    printf("client: registers for itself, %d\n", register_for(destroy, &number, &__dso_handle));
}
