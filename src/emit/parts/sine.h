/* sin, cos and tan. x = n pi/2 + r with |r| <= pi/4, exact enough up to ATTEND_FAR; beyond it, and
 * for infinities, the library's function lane by lane. Polynomials by Remez, errors 2^-28 for
 * floats, 2^-58 for doubles.
 *
 * Errors in units of the last place, floats and doubles, stay below: sin and cos 1.6 and 0.8, tan
 * 3.3 and 2.6. */
#define ATTEND_FAR (real)1000000

/* r and what it lacks, and n (its last two bits count). */
static inline vreal vreal_turn(vreal x, vreal *low, vmask *n) {
#if REAL_IS_FLOAT
    /* In doubles: more than enough, and no parts to lose. */
    typedef double wide __attribute__((vector_size(8 * LANES)));
    wide all = __builtin_convertvector(x, wide), turns = all * 0x1.45f306dc9c883p-1 + 0x1.8p52;
    *n = vmask_of((vint)turns);
    turns -= 0x1.8p52;
    all = (all - turns * 0x1.921fb544p0) - turns * 0x1.0b4611a626331p-34;
    *low = vreal_all(0);
    return __builtin_convertvector(all, vreal);
#else
    /* pi/2 in four parts, of which three have few enough bits for exact products. */
    vreal turns = x * 0x1.45f306dc9c883p-1 + 0x1.8p52;
    *n = (vmask)turns;
    turns -= 0x1.8p52;
    vreal first = x - turns * 0x1.921fb544p0, second = turns * 0x1.0b4611a6p-34;
    vreal r = first - second, back = r - first;
    vreal rest = (first - (r - back)) - (second + back);
    rest -= turns * 0x1.3198a2ep-69;
    rest -= turns * 0x1.b839a252049c1p-104;
    vreal high = r + rest;
    *low = (r - high) + rest;
    return high;
#endif
}

/* sin(r + low) and cos(r + low). */
static inline vreal vreal_sine_core(vreal r, vreal low) {
    vreal z = r * r;
#if REAL_IS_FLOAT
    vreal p = vreal_all(-0x1.994cfap-13f);
    p = vreal_step(p, z, 0x1.11075cp-7f);
    p = vreal_step(p, z, -0x1.555546p-3f);
#else
    vreal p = vreal_all(0x1.5d92470b7808ep-33);
    p = vreal_step(p, z, -0x1.ae5e63ce7aaf1p-26);
    p = vreal_step(p, z, 0x1.71de3574bbc56p-19);
    p = vreal_step(p, z, -0x1.a01a019c0e4ep-13);
    p = vreal_step(p, z, 0x1.111111110f861p-7);
    p = vreal_step(p, z, -0x1.5555555555549p-3);
#endif
    return r + vreal_fma(r * z, p, low * vreal_fma(z, vreal_all((real)-0.5), vreal_all(1)));
}

static inline vreal vreal_cosine_core(vreal r, vreal low) {
    vreal z = r * r, half = (real)0.5 * z, most = 1 - half;
#if REAL_IS_FLOAT
    vreal p = vreal_all(0x1.99ea04p-16f);
    p = vreal_step(p, z, -0x1.6c0c2ep-10f);
    p = vreal_step(p, z, 0x1.55554ap-5f);
#else
    vreal p = vreal_all(-0x1.8fa397989497fp-37);
    p = vreal_step(p, z, 0x1.1ee9d5cd80359p-29);
    p = vreal_step(p, z, -0x1.27e4f7e809b4fp-22);
    p = vreal_step(p, z, 0x1.a01a019c80a1ep-16);
    p = vreal_step(p, z, -0x1.6c16c16c14f6dp-10);
    p = vreal_step(p, z, 0x1.555555555554bp-5);
#endif
    return most + (((1 - most) - half) + vreal_fma(z * z, p, -(r * low)));
}

/* sin of x and `quarters` more quarter turns. */
static inline vreal vreal_sine_of(vreal x, int quarters) {
    vmask far = ~(vreal_abs(x) <= ATTEND_FAR), n;
    vreal low, r = vreal_turn(vreal_choose(far, vreal_all(0), x), &low, &n);
    n += quarters;
    vreal y = vreal_choose((n & 1) == 0, vreal_sine_core(r, low), vreal_cosine_core(r, low));
    y = vreal_choose((n & 2) == 0, y, -y);
    if (vmask_any(far))
#pragma GCC unroll 16
        for (int k = 0; k < LANES; k++)
            if (far[k]) y[k] = (real)(quarters ? cos((double)x[k]) : sin((double)x[k]));
    return y;
}

static inline vreal vreal_sin(vreal x) { return vreal_choose(x == 0, x, vreal_sine_of(x, 0)); }
static inline vreal vreal_cos(vreal x) { return vreal_sine_of(x, 1); }

static inline vreal vreal_tan(vreal x) {
    vmask far = ~(vreal_abs(x) <= ATTEND_FAR), n;
    vreal low, r = vreal_turn(vreal_choose(far, vreal_all(0), x), &low, &n);
    vreal sine = vreal_sine_core(r, low), cosine = vreal_cosine_core(r, low);
    vmask even = (n & 1) == 0;
    vreal y = vreal_choose(even, sine, -cosine) / vreal_choose(even, cosine, sine);
    if (vmask_any(far))
#pragma GCC unroll 16
        for (int k = 0; k < LANES; k++)
            if (far[k]) y[k] = (real)tan((double)x[k]);
    return vreal_choose(x == 0, x, y);
}

static inline real attend_sin(real x) { return vreal_sin(vreal_all(x))[0]; }
static inline real attend_cos(real x) { return vreal_cos(vreal_all(x))[0]; }
static inline real attend_tan(real x) { return vreal_tan(vreal_all(x))[0]; }
