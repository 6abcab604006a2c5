/* product_nt.attn by hand: dot products of rows. */
#include "hand.h"

HAND_LOOP(product_nt) {
    int64_t size_n = size[0], size_k = size[1], size_m = size[2];
    const real *a = in[0], *b = in[1];
    real *c = out;
    for (int64_t n = 0; n < size_n; n++)
        for (int64_t m = 0; m < size_m; m++) {
            const real *left = a + n * size_k, *right = b + m * size_k;
            real sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t k = 0; k < size_k; k++) sum += left[k] * right[k];
            c[n * size_m + m] = sum;
        }
}
