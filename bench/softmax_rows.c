/* softmax_rows.attn by hand. */
#include "hand.h"

HAND_LOOP(softmax_rows) {
    int64_t size_n = size[0], size_c = size[1];
    const real *x = in[0];
    real *p = out;
    for (int64_t n = 0; n < size_n; n++) {
        const real *row = x + n * size_c;
        real *to = p + n * size_c, max = row[0], sum = 0;
        for (int64_t c = 1; c < size_c; c++) max = row[c] > max ? row[c] : max;
        for (int64_t c = 0; c < size_c; c++) {
            to[c] = exp(row[c] - max);
            sum += to[c];
        }
        for (int64_t c = 0; c < size_c; c++) to[c] /= sum;
    }
}
