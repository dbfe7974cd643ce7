/* C says that pointers to the same function compare equal; hash tables of
 * callbacks and `if (handler == SIG_DFL)` rely on it. In wasm an address is a table
 * slot, and every module could have a slot of its own. */
#include "functions.h"
#include "../check.h"
#include <string.h>

int of_main(void) { return 100; }
int of_main_for_libraries(void) { return 101; }

/* Volatile: the compiler must not know what these point at. */
static function *volatile main_pointer = of_main;
static function *volatile one_pointer = of_one;
static function *volatile in_data_pointer = of_one_in_data;
static function *volatile two_pointer = of_two;
static function *volatile two_for_main_pointer = of_two_for_main;
static function *volatile weak_pointer = weak_one;
static strlen_function *volatile strlen_pointer = strlen;
static malloc_function *volatile malloc_pointer = malloc;

static int compare(const void *a, const void *b) { return *(const char *)a - *(const char *)b; }

int main(void)
{
    const struct known in_data[2] = {known_by_one, known_by_two};
    const struct known in_code[2] = {ask_one(), ask_two()};
    for (int i = 0; i < 2; i++) {
        CHECK(in_data[i].of_main == main_pointer && in_code[i].of_main == main_pointer);
        CHECK(in_data[i].of_main_for_libraries == in_code[!i].of_main_for_libraries);
        CHECK(in_data[i].of_one == one_pointer && in_code[i].of_one == one_pointer);
        CHECK(in_data[i].of_one_in_data == in_data_pointer);
        CHECK(in_data[i].of_two == two_pointer && in_code[i].of_two == two_pointer);
        CHECK(in_data[i].weak_one == weak_pointer && in_code[i].weak_one == weak_pointer);
        CHECK(in_data[i].strlen == strlen_pointer && in_code[i].strlen == strlen_pointer);
        CHECK(in_data[i].malloc == malloc_pointer && in_code[i].malloc == malloc_pointer);
    }
    CHECK(in_code[1].of_one_in_data == in_data_pointer);
    CHECK(in_data[1].of_one_for_others == in_code[1].of_one_for_others);

    printf("function of main: equal in 3 modules, returns %d\n", in_data[0].of_main());
    printf("function of main that only libraries take: equal in 2 modules, returns %d\n", in_data[0].of_main_for_libraries());
    printf("function of one: equal in 3 modules, returns %d\n", one_pointer());
    printf("function of one that it takes in data only: equal in 3 modules, returns %d\n", in_data_pointer());
    printf("function of one that others take: equal in 2 modules, returns %d\n", in_code[1].of_one_for_others());
    printf("function of two: equal in 3 modules, returns %d\n", in_code[0].of_two());
    printf("function of two that only main takes: returns %d\n", two_for_main_pointer());

    CHECK(strlen_pointer("12345") == 5);
    puts("strlen: equal in 3 modules");
    void *memory = malloc_pointer(10);
    CHECK(memory != NULL);
    free(memory);
    puts("malloc: equal in 3 modules");
    void (*volatile sort)(void *, size_t, size_t, int (*)(const void *, const void *)) = qsort;
    char letters[] = "hello";
    sort(letters, 5, 1, compare);
    CHECK(strcmp(letters, "ehllo") == 0);
    puts("qsort, which only main takes: works");
    printf("weak function: equal in 3 modules, returns %d\n", weak_pointer());

    function *all[] = {
        main_pointer, in_code[0].of_main_for_libraries, one_pointer, in_data_pointer, in_code[1].of_one_for_others,
        two_pointer, two_for_main_pointer, weak_pointer, (function *)strlen_pointer, (function *)malloc_pointer,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t k = 0; k < i; k++)
            CHECK(all[i] != NULL && all[i] != all[k]);
    puts("functions are different from each other");
    return 0;
}
