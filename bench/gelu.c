/* gelu.attn by hand. */
#include "hand.h"

HAND_LOOP(gelu) {
    const real *x = in[0];
    real *y = out;
    for (int64_t n = 0; n < size[0]; n++)
        y[n] = (real)0.5 * x[n] * (1 + erf(x[n] * (real)0.70710678118654752440));
}
