#include "functions.h"
#include <stdlib.h>
#include <string.h>

int of_one(void) { return 200; }
int of_one_in_data(void) { return 201; }
int of_one_for_others(void) { return 202; }
__attribute__((weak)) int weak_one(void) { return 400; }

const struct known known_by_one = {
    of_main, of_main_for_libraries, of_one, of_one_in_data, NULL, of_two, weak_one, strlen, malloc,
};

struct known ask_one(void)
{
    struct known known = {
        of_main, of_main_for_libraries, of_one, NULL, NULL, of_two, weak_one, strlen, malloc,
    };
    return known;
}
