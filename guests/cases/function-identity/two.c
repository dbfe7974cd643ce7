#include "functions.h"
#include <stdlib.h>
#include <string.h>

int of_two(void) { return 300; }
int of_two_for_main(void) { return 301; }
__attribute__((weak)) int weak_one(void) { return 499; }

const struct known known_by_two = {
    of_main, of_main_for_libraries, of_one, of_one_in_data, of_one_for_others, of_two, weak_one, strlen, malloc,
};

struct known ask_two(void)
{
    struct known known = {
        of_main, of_main_for_libraries, of_one, of_one_in_data, of_one_for_others, of_two, weak_one, strlen, malloc,
    };
    return known;
}
