/* The address was decided when the caller was opened, and stays null; a call goes by the name. */
#include "../dl.h"

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    int now = strcmp(argv[1], "now") == 0, local = strcmp(argv[1], "local") == 0;
    void *caller = OPEN("libcaller.so", now ? RTLD_NOW : RTLD_LAZY);
    OPEN("libdefiner.so", RTLD_LAZY | (local ? RTLD_LOCAL : RTLD_GLOBAL));
    printf("with a test of its address: %d\n", dl_call(caller, "call_if_there"));
    fflush(stdout);
    printf("called: %d\n", dl_call(caller, "call"));
    printf("with a test of its address: %d\n", dl_call(caller, "call_if_there"));
    return 0;
}
