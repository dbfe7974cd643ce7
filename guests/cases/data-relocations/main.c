/* The data of each module is at an address known at load time only, so every
 * pointer below is filled by __wasm_apply_data_relocs or by a GOT entry. */
#include "../check.h"
#include "a.h"

int main_array[4] = {300, 301, 302, 303};

static int *into_a = &a_array[3];
static int *into_b = &b_array[1];
static int **into_pointer = &b_into_a;
static int *past_the_end = &a_array[8];
static int *before_the_start = &a_array[-1];
static struct mixed mixed = {&a_array[4], "", &b_array[2], &main_array[1]};
static int (*const *function)(void) = &a_function;
static const char *const *text = &a_texts[1];

int main(void)
{
    printf("main -> a[3]  = %d\n", *into_a);
    printf("main -> b[1]  = %d\n", *into_b);
    printf("b    -> a[5]  = %d\n", *b_into_a);
    printf("a    -> m[2]  = %d\n", *a_into_main);
    printf("main -> *(b -> a) = %d\n", **into_pointer);
    printf("struct: %d %d %d\n", *mixed.first, *mixed.second, *mixed.third);
    printf("function in data: %d\n", (*function)());
    printf("text in data: %s\n", *text);

    CHECK(past_the_end - into_a == 5);
    CHECK(into_a - before_the_start == 4);
    *into_a = 7;
    CHECK(a_array[3] == 7);
    *a_into_main = 9;
    CHECK(main_array[2] == 9);
    return 0;
}
