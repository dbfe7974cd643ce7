#include <cstdio>

extern "C" void toss(const char *what);

int main(int argc, char **argv)
{
    std::puts("about to throw");
    std::fflush(stdout);
    toss(argc > 1 ? argv[1] : "nothing");
    std::puts("nothing thrown");
    return 0;
}
