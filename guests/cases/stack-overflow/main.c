/* Frames are big, so that the stack in linear memory ends before the engine's own.
 * A trap is the good end; the bad one is to write over data and go on. */
#include "../check.h"

extern unsigned char guard[65536];
int descend(int depth);

static unsigned char main_guard[65536];

int main(int argc, char **argv)
{
    int depth = argc > 1 ? atoi(argv[1]) : 1;
    printf("%d frames of 4 KiB\n", depth);
    fflush(stdout);
    CHECK(descend(depth) == depth);
    for (size_t i = 0; i < sizeof guard; i++)
        CHECK(guard[i] == 0 && main_guard[i] == 0);
    puts("back, data intact");
    return 0;
}
