#include <stddef.h>

extern int number_of_main;

typedef char *hello_function(const char *text);
typedef int compare_function(const void *a, const void *b);
typedef void set_errno_function(int value);
typedef const int *where_function(void);
typedef size_t strlen_function(const char *text);
typedef strlen_function *get_strlen_function(void);
