#include "end.h"
#include <stdio.h>
#include <stdlib.h>

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "(none)";
}

int main(int argc, char **argv)
{
    printf("%d arguments:", argc - 1);
    for (int i = 1; i < argc; i++)
        printf(" [%s]", argv[i]);
    putchar('\n');
    printf("A=%s EMPTY=%s SPACES=%s\n", variable("A"), variable("EMPTY"), variable("SPACES"));
    fflush(stdout);
    if (argc > 1)
        end(argv[1], argc > 2 ? atoi(argv[2]) : 0);
    return argc - 1;
}
