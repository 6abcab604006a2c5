/* masked_scores.attn by hand. */
#include "hand.h"

HAND_LOOP(masked_scores) {
    int64_t size_i = size[0], size_d = size[1], size_j = size[2];
    const real *q = in[0], *k = in[1];
    real *s = out, scale = 1 / sqrt((real)size_d);
    for (int64_t i = 0; i < size_i; i++)
        for (int64_t j = 0; j < size_j; j++) {
            real sum = 0;
            if (j > i) {
                s[i * size_j + j] = -INFINITY;
                continue;
            }
#pragma omp simd reduction(+ : sum)
            for (int64_t d = 0; d < size_d; d++) sum += q[i * size_d + d] * k[j * size_d + d];
            s[i * size_j + j] = sum * scale;
        }
}
