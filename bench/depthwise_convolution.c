/* depthwise_convolution.attn by hand. */
#include "hand.h"

HAND_LOOP(depthwise_convolution) {
    int64_t size_t_ = size[0], size_c = size[1], size_u = size[2];
    const real *x = in[0], *w = in[1];
    real *y = out;
    for (int64_t t = 0; t < size_t_; t++) {
        real *row = y + t * size_c;
        memset(row, 0, sizeof *row * (size_t)size_c);
        for (int64_t u = 0; u < size_u; u++) {
            int64_t from = t + u - size_u / 2;
            if (from < 0 || from >= size_t_) continue;
            for (int64_t c = 0; c < size_c; c++) row[c] += x[from * size_c + c] * w[u * size_c + c];
        }
    }
}
