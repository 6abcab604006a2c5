/* log and softplus. x = 2^e m with sqrt(1/2) <= m < sqrt(2), f = m - 1. For floats log(1 + f) = f -
 * f^2/2 + f^3 p(f); for doubles it is a series in s = f / (2 + f). Polynomials by Remez, errors
 * 2^-27 and 2^-59. Inputs below the smallest normal number may count as 0 where the processor
 * flushes them: then log gives -inf.
 *
 * Errors in units of the last place, floats and doubles, stay below: log 0.84 and 0.9, softplus 1.7
 * and 1.8. */
#if REAL_IS_FLOAT
#define ATTEND_ROOT_HALF 0x3f3504f3 /* the bits of sqrt(1/2) */
#define ATTEND_LEAST_NORMAL 0x1p-126f
#define ATTEND_WHOLE 0x1p23f
#else
#define ATTEND_ROOT_HALF 0x3fe6a09e667f3bcd
#define ATTEND_LEAST_NORMAL 0x1p-1022
#define ATTEND_WHOLE 0x1p52
#endif

/* log(1 + f) + e ln2. */
static inline vreal vreal_log_core(vreal f, vreal e) {
    vreal square = f * f;
#if REAL_IS_FLOAT
    vreal p = vreal_all(-0x1.38b56ap-4f);
    p = vreal_step(p, f, 0x1.055d7p-3f);
    p = vreal_step(p, f, -0x1.0d8636p-3f);
    p = vreal_step(p, f, 0x1.22d9e8p-3f);
    p = vreal_step(p, f, -0x1.547228p-3f);
    p = vreal_step(p, f, 0x1.99a00ap-3f);
    p = vreal_step(p, f, -0x1.000228p-2f);
    p = vreal_step(p, f, 0x1.555554p-2f);
    vreal rest = vreal_fma(f * square, p, e * ATTEND_LN2_REST) - (real)0.5 * square;
    return vreal_fma(e, vreal_all(ATTEND_LN2), f + rest);
#else
    vreal s = f / (2 + f), z = s * s, half = 0.5 * square;
    vreal p = vreal_all(0x1.2f0d236a09cc2p-3);
    p = vreal_step(p, z, 0x1.39a100818097fp-3);
    p = vreal_step(p, z, 0x1.746645af96a33p-3);
    p = vreal_step(p, z, 0x1.c71c51ea9f385p-3);
    p = vreal_step(p, z, 0x1.2492494213e1dp-2);
    p = vreal_step(p, z, 0x1.999999997fb83p-2);
    p = vreal_step(p, z, 0x1.5555555555593p-1);
    vreal rest = vreal_fma(s, half + z * p, e * ATTEND_LN2_REST);
    return e * ATTEND_LN2 - ((half - rest) - f);
#endif
}

/* x = 2^e (1 + f), for positive x that are finite. */
static inline vreal vreal_log_reduce(vreal x, vreal *e) {
    vmask small = x < ATTEND_LEAST_NORMAL;
    x = vreal_choose(small, x * ATTEND_WHOLE, x);
    /* Counted from sqrt(1/2); exponents stay positive by one more bias. */
    vbits bits = (vbits)x - ATTEND_ROOT_HALF + ((attend_bits)(ATTEND_BIAS + 1) << ATTEND_FRACTION);
    vbits fraction = (bits & (((attend_bits)1 << ATTEND_FRACTION) - 1)) + ATTEND_ROOT_HALF;
    vreal wide = (vreal)(bits >> ATTEND_FRACTION | (vbits)vreal_all(ATTEND_WHOLE));
    *e = (wide - (ATTEND_WHOLE + ATTEND_BIAS + 1)) -
         vreal_choose(small, vreal_all(ATTEND_FRACTION), vreal_all(0));
    return (vreal)fraction - 1;
}

static inline vreal vreal_log(vreal x) {
    vreal e, f = vreal_log_reduce(x, &e), log = vreal_log_core(f, e);
    vreal none = vreal_choose(x == 0, vreal_all((real)-INFINITY), vreal_all((real)NAN));
    log = vreal_choose(x > 0, log, none);
    return vreal_choose(x == (real)INFINITY, x, log);
}

/* log(1 + u) for 0 <= u <= 1. */
static inline vreal vreal_log_1_plus(vreal u) {
    vmask large = u > (real)0.41421356;
    return vreal_log_core(vreal_choose(large, (real)0.5 * (u - 1), u),
                          vreal_choose(large, vreal_all(1), vreal_all(0)));
}

static inline vreal vreal_softplus(vreal x) {
    return vreal_at_least(x, 0) + vreal_log_1_plus(vreal_exp(-vreal_abs(x)));
}

static inline real attend_log(real x) { return vreal_log(vreal_all(x))[0]; }
static inline real attend_softplus(real x) { return vreal_softplus(vreal_all(x))[0]; }
