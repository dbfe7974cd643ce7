/* Such a program knows nothing of dynamic linking but these functions. They can only be asked once it runs, and what they
 * give is a slot or an address, which does not say which. */
#include "../dl.h"

typedef int twice_function(int);

static int main_twice(int n) { return 2 * n; }
static int main_number = 100;

#define PROVIDE(name, what) \
    __attribute__((export_name("__WASM_EXPORT__" #name))) void *provide_##name(void) { return (void *)(uintptr_t)(what); }

PROVIDE(twice, main_twice)
PROVIDE(number, &main_number)

int main(void)
{
    void *user = OPEN("libuser.so", RTLD_NOW);
    twice_function *volatile own = main_twice;
    printf("called by the library: %d\n", FUNCTION(twice_function *, user, "call_twice")(7));
    CHECK(*(twice_function *const *)FIND(user, "twice_in_data") == own);
    CHECK(FUNCTION(twice_function *(*)(void), user, "twice_in_code")() == own);
    puts("by address, in code and in data: equal");
    CHECK(*(int *const *)FIND(user, "number_in_data") == &main_number);
    printf("data: %d, ", dl_call(user, "read_number"));
    FUNCTION(void (*)(int), user, "write_number")(101);
    printf("changed to %d, seen by main\n", *(volatile int *)&main_number);

    CHECK(FUNCTION(twice_function *, RTLD_DEFAULT, "twice") == own && FIND(RTLD_DEFAULT, "number") == &main_number);
    void *everything = OPEN(NULL, RTLD_NOW);
    int by_name = FUNCTION(twice_function *, everything, "twice")(7);
    printf("dlsym finds them: %d, %d\n", by_name, *(int *)FIND(everything, "number"));

    CHECK(dlopen("libwrong.so", RTLD_NOW) == NULL);
    CHECK_ERROR("not_provided");
    CHECK(dlsym(RTLD_DEFAULT, "not_provided") == NULL);
    CHECK_ERROR("not_provided");
    puts("what is not provided is missing");

    CLOSE(user);
    user = OPEN("libuser.so", RTLD_LAZY | RTLD_GLOBAL);
    printf("closed and opened again: %d\n", FUNCTION(twice_function *, user, "call_twice")(7));
    return 0;
}
