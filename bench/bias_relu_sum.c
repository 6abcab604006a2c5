/* bias_relu_sum.attn by hand. */
#include "hand.h"

HAND_LOOP(bias_relu_sum) {
    int64_t size_n = size[0], size_c = size[1];
    const real *x = in[0], *b = in[1];
    real *y = out;
    for (int64_t n = 0; n < size_n; n++) {
        real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t c = 0; c < size_c; c++) {
            real value = x[n * size_c + c] + b[c];
            sum += value > 0 ? value : 0;
        }
        y[n] = sum;
    }
}
