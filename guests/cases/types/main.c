#include "types.h"
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
    printf("64 bits: %" PRId64 "\n", add64(INT64_MAX - 7, 7));
    printf("float %.1f, double %.2f, long double %.3f\n", (double)half(3), negate(2.25), (double)add_eighth(3));
    unsigned __int128 wide = square128(UINT64_C(1) << 32);
    /* printf has no format for it: 2^64 is 1 above the low half's 0. */
    printf("128 bits: %s\n", wide >> 64 == 1 && (uint64_t)wide == 0 ? "18446744073709551616" : "wrong");

    int32_t sums[4];
    wasm_v128_store(sums, add_vectors(wasm_i32x4_make(1, 2, 3, 4), wasm_i32x4_make(10, 20, 30, 40)));
    printf("vector: %d %d %d %d\n", sums[0], sums[1], sums[2], sums[3]);

    struct small swapped = swap((struct small){4, 3});
    printf("small structure: %d %d\n", swapped.x, swapped.y);
    struct big big = squares();
    printf("big structure:");
    for (int i = 0; i < 8; i++)
        printf(" %d", big.squares[i]);
    double complex product = multiply(3 + 4 * I, 11.0 / 5 + I * 2 / 5);
    printf("\ncomplex: %.0f %.0f\n", creal(product), cimag(product));
    printf("bool %d, char %d, short %d, enum %d\n", is_odd(3), minus_one(), all_ones(), next_color(GREEN));
    printf("many arguments: %d\n", add20(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20));
    printf("through a pointer: %" PRId64 "\n", add64_pointer(INT64_MAX, 0));
    return 0;
}
