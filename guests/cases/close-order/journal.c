#include <stdio.h>
#include <stdlib.h>

static int open;

static void shut(void)
{
    open = 0;
    puts("journal: closed");
}

int journal_is_open(void) { return open; }

void journal_write(const char *text)
{
    if (!open) {
        open = 1;
        puts("journal: opened");
        atexit(shut);
    }
    printf("journal: %s\n", text);
}
