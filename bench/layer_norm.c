/* layer_norm.attn by hand. */
#include "hand.h"

HAND_LOOP(layer_norm) {
    int64_t size_n = size[0], size_c = size[1];
    const real *x = in[0], *gain = in[1], *shift = in[2];
    real *y = out;
    for (int64_t n = 0; n < size_n; n++) {
        const real *row = x + n * size_c;
        real sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t c = 0; c < size_c; c++) sum += row[c];
        real mean = sum / (real)size_c;
#pragma omp simd reduction(+ : squares)
        for (int64_t c = 0; c < size_c; c++) squares += (row[c] - mean) * (row[c] - mean);
        real scale = 1 / sqrt(squares / (real)size_c + (real)1e-5);
        for (int64_t c = 0; c < size_c; c++)
            y[n * size_c + c] = (row[c] - mean) * scale * gain[c] + shift[c];
    }
}
