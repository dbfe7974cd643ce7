#include "../dl.h"

static void handler(void *text) { puts(text); }

int main(int argc, char **argv)
{
    (void)argv;
    OPEN("libregistrar.so", RTLD_NOW);
    void *client = OPEN("libclient.so", RTLD_NOW);
    if (argc > 1)
        exit(0);
    CLOSE(client);
    puts("client is closed");

    void *bare = OPEN("libbare.so", RTLD_NOW);
    puts("bare: registers");
    FUNCTION(void (*)(void (*)(void *), void *), bare, "bare_register")(handler, "bare: handler");
    CLOSE(bare);
    puts("bare is closed");
    puts("end of main");
}
