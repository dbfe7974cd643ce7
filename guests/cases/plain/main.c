#include "../check.h"
#include <string.h>

static int add(int a, int b) { return a + b; }

int main(int argc, char **argv)
{
    (void)argv;
    char *memory = malloc(1 << 20);
    CHECK(memory != NULL);
    memset(memory, 1, 1 << 20);
    printf("plain, %d arguments, 1 MiB allocated\n", argc);
    int (*volatile function)(int, int) = add;
    printf("callback: %d\n", function(5, 7));
    return 3;
}
