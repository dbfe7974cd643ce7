#include "types.h"

int64_t add64(int64_t a, int32_t b) { return a + b; }
float half(float x) { return x / 2; }
double negate(double x) { return -x; }
long double add_eighth(long double x) { return x + 0.125L; }
unsigned __int128 square128(uint64_t x) { return (unsigned __int128)x * x; }
v128_t add_vectors(v128_t a, v128_t b) { return wasm_i32x4_add(a, b); }
struct small swap(struct small s) { return (struct small){s.y, s.x}; }

struct big squares(void)
{
    struct big big;
    for (int i = 0; i < 8; i++)
        big.squares[i] = i * i;
    return big;
}

double complex multiply(double complex a, double complex b) { return a * b; }
bool is_odd(int n) { return n % 2 != 0; }
signed char minus_one(void) { return -1; }
unsigned short all_ones(void) { return 0xffff; }
enum color next_color(enum color c) { return c + 1; }

int add20(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j,
          int k, int l, int m, int n, int o, int p, int q, int r, int s, int t)
{
    return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q + r + s + t;
}

int64_t (*const add64_pointer)(int64_t, int32_t) = add64;
