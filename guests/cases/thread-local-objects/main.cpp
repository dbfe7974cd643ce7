#include "../dl.h"
#include "counters.hpp"

struct Static {
    Static() { std::puts("static of main"); }
    ~Static() { std::puts("~static of main"); }
};
static Static object;

int main(int argc, char **)
{
    std::printf("plain: %d\n", plain);
    void *user = OPEN("libuser.so", RTLD_NOW);
    std::printf("user works: %d\n", FUNCTION(int (*)(), user, "user_work")());
    CHECK(FUNCTION(int *(*)(), user, "user_plain")() == &plain);
    std::printf("plain: %d, one for all\n", plain);
    std::printf("shared: %d\n", bump());
    if (argc > 1) {
        CLOSE(user);
        std::puts("closed");
    }
    std::puts("end of main");
}
