#include <cstdio>

extern "C" void check();

int main()
{
    check();
    std::puts("end of main");
    return 0;
}
