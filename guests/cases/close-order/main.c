#include "../dl.h"

int main(int argc, char **argv)
{
    (void)argv;
    void *reporter = OPEN("libreporter.so", RTLD_NOW);
    FUNCTION(void (*)(void), reporter, "reporter_work")();
    if (argc > 1)
        return 0;
    CLOSE(reporter);
    puts("closed");
}
