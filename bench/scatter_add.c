/* scatter_add.attn by hand. */
#include "hand.h"

HAND_LOOP(scatter_add) {
    int64_t size_e = size[0], size_c = size[1], size_g = size[2];
    const real *w = in[0], *start = in[2];
    const int64_t *segment = in[1];
    real *z = out;
    for (int64_t g = 0; g < size_g; g++)
        for (int64_t c = 0; c < size_c; c++) z[g * size_c + c] = start[g];
    for (int64_t e = 0; e < size_e; e++) {
        real *row = z + segment[e] * size_c;
        for (int64_t c = 0; c < size_c; c++) row[c] += w[e * size_c + c];
    }
}
