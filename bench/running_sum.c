/* running_sum.attn by hand. */
#include "hand.h"

HAND_LOOP(running_sum) {
    int64_t size_n = size[0], size_c = size[1];
    const real *x = in[0];
    real *y = out;
    for (int64_t n = 0; n < size_n; n++) {
        real sum = 0;
        for (int64_t c = 0; c < size_c; c++) {
            sum += x[n * size_c + c];
            y[n * size_c + c] = sum;
        }
    }
}
