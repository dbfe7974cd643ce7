/* Memory that is used again, or that the program has not touched yet: the library must find it as its file says. */
#include "../dl.h"
#include <stdint.h>

int main_array[] = {1, 2, 3};
int main_function(int n) { return n * 100; }
const char *const main_name = "main";

struct record {
    const char *name;
    int *data;
    int (*function)(int);
    struct record *next;
    void *self;
};

static int all_zero(const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (from[i])
            return 0;
    return 1;
}

static void *open_data(void)
{
    void *data = OPEN("libdata.so", RTLD_NOW);
    char *zeros = (char *)FIND(data, "zeros");
    CHECK(all_zero(zeros, 700000));
    memset(zeros, 'z', 700000);
    struct record *records = (struct record *)FIND(data, "records");
    int *numbers = (int *)FIND(data, "numbers");
    CHECK(strcmp(records[0].name, "first") == 0 && strcmp(records[1].name, "second") == 0);
    CHECK(records[0].data == &main_array[1] && records[0].function == main_function);
    CHECK(records[0].next == &records[1] && *records[1].data == 30 && records[1].function(5) == 6);
    struct record *last = records[1].next;
    CHECK(strcmp(last->name, "last") == 0 && last->data == &numbers[2] && last->function(1) == 8 && !last->next);
    CHECK(last->function == FUNCTION(int (*)(int), data, "number"));
    CHECK(last->function == *(int (**)(int))FIND(data, "number_by_itself"));
    CHECK(last->function == FUNCTION(int (*(*)(void))(int), data, "number_in_code")());
    CHECK(records[0].self == &records[0].self && records[1].self == &records[1].self && last->self == &last->self);
    CHECK(*(const char *const **)FIND(data, "name_of_main") == &main_name);
    void *(*volatile allocate)(size_t) = malloc;
    CHECK(*(void *(**)(size_t))FIND(data, "allocate") == allocate);
    CHECK(*(FILE *const **)FIND(data, "out") == &stdout);
    CHECK(strcmp(*(const char **)FIND(data, "inside"), "text") == 0);
    records[1].data = NULL;
    return data;
}

int main(void)
{
    for (int i = 0; i < 3; i++) {
        void *dirty = OPEN("libdirty.so", RTLD_NOW);
        FUNCTION(void (*)(void), dirty, "soil")();
        CLOSE(dirty);
        CLOSE(open_data());
    }
    puts("opened where another library was: zeroed and initialised");
    void *data = open_data();
    puts("addresses in data: of main, of a needed library, of libc, of its own");

    void *aligned = OPEN("libaligned.so", RTLD_NOW);
    char *by_16 = (char *)FIND(aligned, "by_16"), *by_4096 = (char *)FIND(aligned, "by_4096");
    char *by_65536 = (char *)FIND(aligned, "by_65536"), *zero = (char *)FIND(aligned, "zero_by_4096");
    CHECK((uintptr_t)by_16 % 16 == 0 && (uintptr_t)by_4096 % 4096 == 0);
    CHECK((uintptr_t)by_65536 % 65536 == 0 && (uintptr_t)zero % 4096 == 0);
    CHECK(*by_16 == 1 && *by_4096 == 3 && *by_65536 == 4 && all_zero(zero, 9));
    puts("aligned to 16, 4096 and 65536 bytes");

    void *tiny = OPEN("libtiny.so", RTLD_NOW), *none = OPEN("libnodata.so", RTLD_NOW);
    CHECK(*(char *)FIND(tiny, "tiny") == 5 && FUNCTION(int (*)(int), none, "without_data")(3) == 9);
    puts("a library of one byte, and one of none");

    void *big = OPEN("libbig.so", RTLD_NOW);
    char *zeros = (char *)FIND(big, "big");
    CHECK(all_zero(zeros, 30 << 20));
    zeros[0] = zeros[(30 << 20) - 1] = 1;
    puts("30 MiB of zeros");
    CLOSE(big);
    big = OPEN("libbig.so", RTLD_NOW);
    CHECK(all_zero((char *)FIND(big, "big"), 30 << 20));

    CHECK(*by_16 == 1 && *by_4096 == 3 && *by_65536 == 4 && *(char *)FIND(tiny, "tiny") == 5);
    CHECK(((char *)FIND(data, "zeros"))[699999] == 'z');
    puts("everything still in its place");
    return 0;
}
