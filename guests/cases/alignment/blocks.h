/* In each library a small object, then one with the alignment, initialised, then one in .bss. */
#define BLOCKS(name, alignment)                              \
    char name##_small = 1;                                   \
    _Alignas(alignment) char name##_data[alignment] = {#name[0]}; \
    _Alignas(alignment) char name##_bss[alignment];          \
    unsigned long name##_address_of_data(void) { return (unsigned long)name##_data; }

extern char line_small, line_data[64], line_bss[64];
extern char page_small, page_data[4096], page_bss[4096];
extern char wasmpage_small, wasmpage_data[65536], wasmpage_bss[65536];
extern char odd_data[13];

unsigned long line_address_of_data(void);
unsigned long page_address_of_data(void);
unsigned long wasmpage_address_of_data(void);
