/* gather_rows.attn by hand. */
#include "hand.h"

HAND_LOOP(gather_rows) {
    int64_t size_c = size[1], size_t_ = size[2];
    const real *rows = in[0];
    const int64_t *ids = in[1];
    real *y = out;
    for (int64_t t = 0; t < size_t_; t++)
        memcpy(y + t * size_c, rows + ids[t] * size_c, sizeof *y * (size_t)size_c);
}
