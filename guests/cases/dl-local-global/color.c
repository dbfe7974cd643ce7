#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)
#define PASTE_OF(a, b) a##b
#define PASTE(a, b) PASTE_OF(a, b)

/* All colours export these. Weak: the compiler and wasm-ld bind a strong one within the library. */
__attribute__((weak)) const char *name_of_color(void) { return TEXT(COLOR); }
__attribute__((weak)) const char *data_of_color = TEXT(COLOR);

/* Ask as other libraries would. */
const char *name_it_sees(void) { return name_of_color(); }
const char *data_it_sees(void) { return data_of_color; }

/* Only this one has these: red_only, red_data. */
int PASTE(COLOR, _only)(void) { return 42; }
int PASTE(COLOR, _data) = 43;
