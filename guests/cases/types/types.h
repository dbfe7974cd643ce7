#include <complex.h>
#include <stdbool.h>
#include <stdint.h>
#include <wasm_simd128.h>

struct small {
    int x, y;
};

struct big {
    int squares[8];
};

enum color { RED, GREEN, BLUE };

int64_t add64(int64_t a, int32_t b);
float half(float x);
double negate(double x);
long double add_eighth(long double x);
unsigned __int128 square128(uint64_t x);
v128_t add_vectors(v128_t a, v128_t b);
struct small swap(struct small s);
struct big squares(void);
double complex multiply(double complex a, double complex b);
bool is_odd(int n);
signed char minus_one(void);
unsigned short all_ones(void);
enum color next_color(enum color c);
int add20(int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int);

extern int64_t (*const add64_pointer)(int64_t, int32_t);
