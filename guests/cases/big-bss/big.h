#define BIG (16u << 20)

extern unsigned char library_bss[BIG];
unsigned char *end_of_library_bss(void);
