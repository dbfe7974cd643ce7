#include "blocks.h"
#include "../check.h"
#include <stdint.h>
#include <string.h>

_Alignas(256) static char main_data[256] = "main";

struct block {
    char *at;
    size_t size;
};

static int all_zero(const char *at, size_t size)
{
    while (size && *at == 0)
        at++, size--;
    return size == 0;
}

static void look_at(const char *what, uintptr_t alignment, char *data, char *bss, char first, uintptr_t seen_by_library)
{
    CHECK((uintptr_t)data % alignment == 0);
    CHECK((uintptr_t)bss % alignment == 0);
    CHECK((uintptr_t)data == seen_by_library);
    CHECK(data[0] == first && all_zero(data + 1, alignment - 1));
    CHECK(all_zero(bss, alignment));
    printf("%s: aligned, initialised, zeroed\n", what);
}

int main(void)
{
    look_at("64", 64, line_data, line_bss, 'l', line_address_of_data());
    look_at("4096", 4096, page_data, page_bss, 'p', page_address_of_data());
    look_at("65536", 65536, wasmpage_data, wasmpage_bss, 'w', wasmpage_address_of_data());
    CHECK((uintptr_t)main_data % 256 == 0);
    puts("main 256: aligned");

    struct block blocks[] = {
        {odd_data, sizeof odd_data},           {main_data, sizeof main_data},
        {line_data, sizeof line_data},         {line_bss, sizeof line_bss},
        {page_data, sizeof page_data},         {page_bss, sizeof page_bss},
        {wasmpage_data, sizeof wasmpage_data}, {wasmpage_bss, sizeof wasmpage_bss},
        {&line_small, 1},                      {&page_small, 1},
        {&wasmpage_small, 1},
    };
    size_t count = sizeof blocks / sizeof blocks[0];
    for (size_t i = 0; i < count; i++)
        memset(blocks[i].at, (int)i + 1, blocks[i].size);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < blocks[i].size; k++)
            CHECK(blocks[i].at[k] == (char)(i + 1));
    puts("no two objects overlap");
    return 0;
}
