/* gru_scan.attn by hand. */
#include "hand.h"

static real dot(const real *a, const real *b, int64_t count) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static real sigmoid(real x) { return 1 / (1 + exp(-x)); }

HAND_LOOP(gru_scan) {
    int64_t size_t_ = size[0], size_c = size[1];
    const real *z = in[0], *r = in[1], *n = in[2], *uz = in[3], *ur = in[4], *un = in[5];
    static const real nothing[4096];
    real *s = out;
    for (int64_t t = 0; t < size_t_; t++) {
        const real *before = t ? s + (t - 1) * size_c : nothing;
        for (int64_t c = 0; c < size_c; c++) {
            int64_t at = t * size_c + c;
            real gate = sigmoid(z[at] + dot(uz + c * size_c, before, size_c));
            real reset = sigmoid(r[at] + dot(ur + c * size_c, before, size_c));
            real fresh = tanh(n[at] + reset * dot(un + c * size_c, before, size_c));
            s[at] = (1 - gate) * fresh + gate * before[c];
        }
    }
}
