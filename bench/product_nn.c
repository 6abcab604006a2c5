/* product_nn.attn by hand: rows of b are added up, so that the inner loop runs along memory. */
#include "hand.h"

HAND_LOOP(product_nn) {
    int64_t size_n = size[0], size_k = size[1], size_m = size[2];
    const real *a = in[0], *b = in[1];
    real *c = out;
    for (int64_t n = 0; n < size_n; n++) {
        real *row = c + n * size_m;
        memset(row, 0, sizeof *row * (size_t)size_m);
        for (int64_t k = 0; k < size_k; k++) {
            real factor = a[n * size_k + k];
            for (int64_t m = 0; m < size_m; m++) row[m] += factor * b[k * size_m + m];
        }
    }
}
