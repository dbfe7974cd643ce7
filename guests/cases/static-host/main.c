#include "guest.h"
#include "../check.h"
#include <string.h>

volatile int main_constructed;
const char *const name_of_main = "static-host";

__attribute__((constructor)) static void construct(void) { main_constructed++; }

int twice(int n) { return 2 * n; }

int main(int argc, char **argv)
{
    (void)argv;
    printf("library, constructed %d times, before main's %d\n", guest_constructed, main_constructed_then);
    printf("other library, constructed %d times\n", other_constructed);
    print_constructed();
    char *text = copy("text");
    printf("strdup in the library, free in main: %s\n", text);
    free(text);
    printf("callback from the library: %d\n", call_back(21));
    int numbers[] = {3, 1, 2};
    sort(numbers, 3);
    printf("qsort in main's libc, comparator in the library: %d %d %d\n", numbers[0], numbers[1], numbers[2]);
    CHECK(where_name_is() == &name_of_main);
    printf("data of main, by address: %s\n", *where_name_is());
    size_t (*volatile length)(const char *) = strlen;
    printf("strlen: %s in main and library\n", strlen_of_library() == length ? "equal" : "different");
    return argc == 2 ? 7 : 1;
}
