#include <stddef.h>

typedef int function(void);
typedef size_t strlen_function(const char *);
typedef void *malloc_function(size_t);

int of_main(void), of_main_for_libraries(void);
int of_one(void), of_one_in_data(void), of_one_for_others(void);
int of_two(void), of_two_for_main(void);
int weak_one(void);

/* The addresses that a library knows. */
struct known {
    function *of_main, *of_main_for_libraries;
    function *of_one, *of_one_in_data, *of_one_for_others;
    function *of_two;
    function *weak_one;
    strlen_function *strlen;
    malloc_function *malloc;
};

extern const struct known known_by_one, known_by_two;
/* The same, but computed by code. */
struct known ask_one(void), ask_two(void);
