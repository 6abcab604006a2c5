/* exp and what is made of it. x = n ln2 + r with |r| <= ln2/2, then 2^n (1 + r + r^2 q(r)), where q
 * was fitted for the smallest largest error (Remez): 2^-28 for floats, 2^-57 for doubles. exp(0) is
 * 1 exactly. Results below the smallest normal number may be 0 where the processor flushes them.
 *
 * Errors in units of the last place, floats and doubles, stay below: exp 1.0 and 1.1, tanh 2.7 and
 * 2.8, sigmoid 2.5 and 2.6, silu 3.2 but where exp(-|x|) is not a normal number. */
#if REAL_IS_FLOAT
#define ATTEND_EXP_LEAST -104.0f /* exp is 0 below, inf above the largest */
#define ATTEND_EXP_LARGEST 89.0f
#define ATTEND_ROUND 0x1.8p23f /* numbers of this size are whole */
#define ATTEND_BIAS 127
#define ATTEND_FRACTION 23 /* bits behind the exponent */
#define ATTEND_LN2 0x1.62e4p-1f
#define ATTEND_LN2_REST 0x1.7f7d1cp-20f
#else
#define ATTEND_EXP_LEAST -746.0
#define ATTEND_EXP_LARGEST 710.0
#define ATTEND_ROUND 0x1.8p52
#define ATTEND_BIAS 1023
#define ATTEND_FRACTION 52
#define ATTEND_LN2 0x1.62e42feep-1
#define ATTEND_LN2_REST 0x1.a39ef35793c76p-33
#endif

/* 2^n for whole n of normal results: the exponent is in the last bits of the sum. */
static inline vreal vreal_power_of_2(vreal n) {
    return (vreal)((vbits)(n + (ATTEND_ROUND + ATTEND_BIAS)) << ATTEND_FRACTION);
}

/* x 2^n, also where 2^n itself would not be a normal number. */
static inline vreal vreal_scale(vreal x, vreal n) {
#if defined __AVX512F__
#if REAL_IS_FLOAT
    return __builtin_ia32_scalefps512_mask(x, n, x, (unsigned short)-1, 4);
#else
    return __builtin_ia32_scalefpd512_mask(x, n, x, (unsigned char)-1, 4);
#endif
#else
    vreal half = (n * (real)0.5 + ATTEND_ROUND) - ATTEND_ROUND;
    return x * vreal_power_of_2(half) * vreal_power_of_2(n - half);
#endif
}

/* x = n ln2 + r; x lies where exp has a value. */
static inline vreal vreal_exp_reduce(vreal x, vreal *n) {
    *n = vreal_fma(x, vreal_all((real)0x1.71547652b82fep0), vreal_all(ATTEND_ROUND)) - ATTEND_ROUND;
    vreal r = vreal_fma(*n, vreal_all(-ATTEND_LN2), x);
    return vreal_fma(*n, vreal_all(-ATTEND_LN2_REST), r);
}

/* exp(r) - 1 for small r. */
static inline vreal vreal_exp_core(vreal r) {
#if REAL_IS_FLOAT
    vreal q = vreal_all(0x1.6a23d4p-10f);
    q = vreal_step(q, r, 0x1.123a2p-7f);
    q = vreal_step(q, r, 0x1.5558f2p-5f);
    q = vreal_step(q, r, 0x1.555492p-3f);
    q = vreal_step(q, r, 0x1.fffffcp-2f);
#else
    vreal q = vreal_all(0x1.ad7f3c4444b24p-26);
    q = vreal_step(q, r, 0x1.28ad9b4fa043ap-22);
    q = vreal_step(q, r, 0x1.71df25b44fc1cp-19);
    q = vreal_step(q, r, 0x1.a01999e2a604ap-16);
    q = vreal_step(q, r, 0x1.a01a012a0ee26p-13);
    q = vreal_step(q, r, 0x1.6c16c18438935p-10);
    q = vreal_step(q, r, 0x1.1111111127d0ep-7);
    q = vreal_step(q, r, 0x1.555555555083fp-5);
    q = vreal_step(q, r, 0x1.55555555554f9p-3);
    q = vreal_step(q, r, 0x1.000000000000ap-1);
#endif
    return vreal_fma(r * r, q, r);
}

static inline vreal vreal_exp_limit(vreal x) {
    return vreal_at_most(vreal_at_least(x, ATTEND_EXP_LEAST), ATTEND_EXP_LARGEST);
}

static inline vreal vreal_exp(vreal x) {
    vreal n, r = vreal_exp_reduce(vreal_exp_limit(x), &n);
    return vreal_scale(vreal_exp_core(r) + 1, n);
}

/* exp(x + rest), where rest is small. */
static inline vreal vreal_exp_sum(vreal x, vreal rest) {
    vreal n, r = vreal_exp_reduce(vreal_exp_limit(x), &n);
    return vreal_scale(vreal_exp_core(r + rest) + 1, n);
}

/* exp(x) - 1 for 0 <= x <= 60. */
static inline vreal vreal_exp_less_1(vreal x) {
    vreal n, r = vreal_exp_reduce(x, &n), power = vreal_power_of_2(n);
    return vreal_fma(vreal_exp_core(r), power, power - 1);
}

/* 1 / (1 + exp(-x)), or exp(x) / (exp(x) + 1) where x is negative: no exp is ever inf. */
static inline vreal vreal_sigmoid(vreal x) {
    vreal power = vreal_exp(-vreal_abs(x));
    return vreal_choose(x < 0, power, vreal_all(1)) / (1 + power);
}

/* -inf counts as the least x that exp knows: times 0 it is 0. */
static inline vreal vreal_silu(vreal x) {
    vreal power = vreal_exp(-vreal_abs(x));
    x = vreal_at_least(x, ATTEND_EXP_LEAST);
    return x * vreal_choose(x < 0, power, vreal_all(1)) / (1 + power);
}

/* t / (t + 2), where t = exp(2|x|) - 1; 1 from the limit on. */
static inline vreal vreal_tanh(vreal x) {
    vreal size = vreal_at_most(vreal_abs(x), sizeof(real) == 4 ? 10 : 22);
    vreal t = vreal_exp_less_1(2 * size);
    return vreal_sign_of(x, t / (t + 2));
}

static inline real attend_exp(real x) { return vreal_exp(vreal_all(x))[0]; }
static inline real attend_sigmoid(real x) { return vreal_sigmoid(vreal_all(x))[0]; }
static inline real attend_silu(real x) { return vreal_silu(vreal_all(x))[0]; }
static inline real attend_tanh(real x) { return vreal_tanh(vreal_all(x))[0]; }
