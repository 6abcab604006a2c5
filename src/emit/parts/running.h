/* What runs up to each lane of a vector, and on from vector to vector: sums, products, the least
 * and the largest. Within a vector each step takes in twice as many lanes as the one before. */
/* The lane `by` before (behind, where `down`), or `none` where there is none. */
static inline vreal vreal_shifted(vreal x, int by, bool down, real none) {
    vreal fill = vreal_all(none);
#if defined __clang__
    vreal shifted = fill;
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) {
        int at = down ? k + by : k - by;
        if (at >= 0 && at < LANES) shifted[k] = x[at];
    }
    return shifted;
#else
    /* Beyond the last lane, and before the first, is the other vector. */
    return __builtin_shuffle(x, fill, vmask_count() + (attend_lane)(down ? by : -by));
#endif
}

/* x with all lanes before (behind) each, and *so_far, which becomes that of all. */
static inline vreal vreal_running_sum(vreal x, bool down, real *so_far) {
#pragma GCC unroll 4
    for (int by = 1; by < LANES; by *= 2) x = vreal_shifted(x, by, down, 0) + x;
    x += *so_far;
    *so_far = x[down ? 0 : LANES - 1];
    return x;
}

static inline vreal vreal_running_product(vreal x, bool down, real *so_far) {
#pragma GCC unroll 4
    for (int by = 1; by < LANES; by *= 2) x = vreal_shifted(x, by, down, 1) * x;
    x *= *so_far;
    *so_far = x[down ? 0 : LANES - 1];
    return x;
}

static inline vreal vreal_running_least(vreal x, bool down, real *so_far) {
#pragma GCC unroll 4
    for (int by = 1; by < LANES; by *= 2)
        x = vreal_min(vreal_shifted(x, by, down, (real)INFINITY), x);
    x = vreal_min(vreal_all(*so_far), x);
    *so_far = x[down ? 0 : LANES - 1];
    return x;
}

static inline vreal vreal_running_largest(vreal x, bool down, real *so_far) {
#pragma GCC unroll 4
    for (int by = 1; by < LANES; by *= 2)
        x = vreal_max(vreal_shifted(x, by, down, (real)-INFINITY), x);
    x = vreal_max(vreal_all(*so_far), x);
    *so_far = x[down ? 0 : LANES - 1];
    return x;
}
