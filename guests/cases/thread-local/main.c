#include "counter.h"
#include "../check.h"

static _Thread_local int own = 20;

int main(void)
{
    printf("initial values: library %d, main %d, zeroed %d\n", counter, own, zeroed[99]);
    int first = ++counter, second = ++counter;
    printf("main counts the library's: %d %d\n", first, second);
    printf("the library saw %d\n", counter_in_library());
    int one = count_calls(), two = count_calls(), three = count_calls();
    printf("the library's static one: %d %d %d\n", one, two, three);
    CHECK(address_of_counter() == &counter && &counter != &own);
    puts("addresses agree");
    return 0;
}
