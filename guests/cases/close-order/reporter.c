#include <stdio.h>
#include <stdlib.h>

int journal_is_open(void);
void journal_write(const char *text);

static void report(void)
{
    printf("reporter: last entry, the journal is %s\n", journal_is_open() ? "open" : "closed");
    if (journal_is_open())
        journal_write("last entry");
}

__attribute__((constructor)) static void begin(void)
{
    puts("reporter: constructed");
    atexit(report);
}

void reporter_work(void) { journal_write("at work"); }
