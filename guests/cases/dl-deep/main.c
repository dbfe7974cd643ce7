/* Each level is a frame of the linker between two of the guest, on the native stack: without a bound of the linker's
 * own it overflows there, which ends the process and not just the program. */
#include "../dl.h"
#include "level.h"

int level, wanted, failed_at;
int open_levels;
void *opened[MOST + 1];

static void copy(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    CHECK(in && out);
    int c;
    while ((c = getc(in)) != EOF)
        putc(c, out);
    fclose(in);
    CHECK(fclose(out) == 0);
}

static void *open_first(int levels)
{
    memset(opened, 0, sizeof opened);
    level = 0;
    wanted = levels;
    return OPEN("/tmp/level0.so", RTLD_NOW);
}

int main(void)
{
    char name[40];
    for (int i = 0; i <= MOST; i++) {
        snprintf(name, sizeof name, "/tmp/level%d.so", i);
        copy("/plugins/liblevel.so", name);
    }

    opened[0] = open_first(50);
    CHECK(failed_at == 0 && open_levels == 51);
    for (int i = 1; i <= 50; i++)
        CHECK(opened[i] && *(int *)FIND(opened[i], "my_level") == i);
    puts("50 levels deep: all open");
    CLOSE(opened[0]);
    for (int i = 1; i <= 50; i++)
        CLOSE(opened[i]);
    CHECK(open_levels == 0);
    puts("closed: none is left");

    void *first = open_first(MOST);
    CHECK(failed_at > 50 && failed_at < MOST);
    printf("%d levels: an error, between 51 and %d\n", MOST, MOST - 1);
    CHECK(open_levels == failed_at);
    for (int i = 1; i < failed_at; i++)
        CHECK(opened[i] && *(int *)FIND(opened[i], "my_level") == i);
    puts("those above are open and work");
    CLOSE(first);
    for (int i = 1; i < failed_at; i++)
        CLOSE(opened[i]);
    CHECK(open_levels == 0);

    wanted = 0;
    for (int i = 0; i <= MOST; i++) {
        level = i;
        snprintf(name, sizeof name, "/tmp/level%d.so", i);
        opened[i] = OPEN(name, RTLD_NOW);
    }
    CHECK(open_levels == MOST + 1);
    for (int i = 0; i <= MOST; i++) {
        CHECK(*(int *)FIND(opened[i], "my_level") == i);
        CLOSE(opened[i]);
    }
    CHECK(open_levels == 0);
    printf("opened one by one: %d at a time\n", MOST);
    return 0;
}
