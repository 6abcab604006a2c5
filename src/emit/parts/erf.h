/* erf and gelu. Below 1, erf is x p(x^2); above, 1 - erfc(x), where erfc(x) = exp(-x^2) g(t) /
 * (x + 3) and t = (x - 3) / (x + 3), for all x >= 0. Polynomials by Remez, errors 2^-29 and 2^-28
 * for floats, 2^-56 for doubles. gelu is made of erfc, so that what is left of large negative x is
 * right too.
 *
 * Errors in units of the last place, floats and doubles, stay below: erf 2.6 and 1.8, gelu 6.8 and
 * 7.2. */

/* erfc(x) exp(x^2) for x >= 0. */
static inline vreal vreal_erfc_core(vreal x) {
    vreal part = 1 / (x + 3), t = vreal_fma(part, vreal_all(-6), vreal_all(1));
#if REAL_IS_FLOAT
    vreal g = vreal_all(-0x1.501448p-12f);
    g = vreal_step(g, t, -0x1.f10d12p-12f);
    g = vreal_step(g, t, 0x1.93f4fcp-9f);
    g = vreal_step(g, t, -0x1.42d312p-10f);
    g = vreal_step(g, t, -0x1.b7c5d2p-6f);
    g = vreal_step(g, t, 0x1.e99844p-4f);
    g = vreal_step(g, t, -0x1.3deabap-2f);
    g = vreal_step(g, t, 0x1.2e3266p-1f);
    g = vreal_step(g, t, -0x1.c44c48p-1f);
    g = vreal_step(g, t, 0x1.12f21ep0f);
#else
    vreal g = vreal_all(-0x1.7c92c01b2064fp-30);
    g = vreal_step(g, t, -0x1.9909549cc5398p-28);
    g = vreal_step(g, t, 0x1.fdd1ad73a5511p-30);
    g = vreal_step(g, t, 0x1.96496f46a921ap-25);
    g = vreal_step(g, t, 0x1.5ddaf082f0d2ep-25);
    g = vreal_step(g, t, -0x1.efd8b1dd7c76bp-23);
    g = vreal_step(g, t, -0x1.b065c06c1396p-22);
    g = vreal_step(g, t, 0x1.0bc70824bb60ap-20);
    g = vreal_step(g, t, 0x1.72be386ef5f9cp-19);
    g = vreal_step(g, t, -0x1.3eaefb43b6151p-18);
    g = vreal_step(g, t, -0x1.25166e4c8814dp-16);
    g = vreal_step(g, t, 0x1.fdfe9c92f31bfp-16);
    g = vreal_step(g, t, 0x1.c324f6bf74c3fp-14);
    g = vreal_step(g, t, -0x1.2238fb4d1fae8p-12);
    g = vreal_step(g, t, -0x1.1f78e02101a74p-11);
    g = vreal_step(g, t, 0x1.8dae3a1d7c6acp-9);
    g = vreal_step(g, t, -0x1.3dd3e71cc0534p-10);
    g = vreal_step(g, t, -0x1.b78993d69d8d9p-6);
    g = vreal_step(g, t, 0x1.e995f11b1936ap-4);
    g = vreal_step(g, t, -0x1.3deb21415dd61p-2);
    g = vreal_step(g, t, 0x1.2e326945de2a4p-1);
    g = vreal_step(g, t, -0x1.c44c471baa375p-1);
    g = vreal_step(g, t, 0x1.12f21ddd9f5e2p0);
#endif
    return g * part;
}

/* erf(x) / x for |x| <= 1, z = x^2. */
static inline vreal vreal_erf_core(vreal z) {
#if REAL_IS_FLOAT
    vreal p = vreal_all(0x1.49468cp-14f);
    p = vreal_step(p, z, -0x1.a3ea9cp-11f);
    p = vreal_step(p, z, 0x1.540416p-8f);
    p = vreal_step(p, z, -0x1.b7f8dcp-6f);
    p = vreal_step(p, z, 0x1.ce2cf4p-4f);
    p = vreal_step(p, z, -0x1.81273ep-2f);
    p = vreal_step(p, z, 0x1.20dd74p0f);
#else
    vreal p = vreal_all(-0x1.ab7c8e08523fbp-31);
    p = vreal_step(p, z, 0x1.d70aa221366c7p-27);
    p = vreal_step(p, z, -0x1.5c04d02df901dp-23);
    p = vreal_step(p, z, 0x1.b97f73a91256ep-20);
    p = vreal_step(p, z, -0x1.f4ca43dba7b6p-17);
    p = vreal_step(p, z, 0x1.f9a2ba0c88d3p-14);
    p = vreal_step(p, z, -0x1.c02db03771373p-11);
    p = vreal_step(p, z, 0x1.565bccf90188cp-8);
    p = vreal_step(p, z, -0x1.b82ce311f9585p-6);
    p = vreal_step(p, z, 0x1.ce2f21a040cc9p-4);
    p = vreal_step(p, z, -0x1.812746b0379bcp-2);
    p = vreal_step(p, z, 0x1.20dd750429b6dp0);
#endif
    return p;
}

static inline vreal vreal_erf(vreal x) {
    vreal size = vreal_at_most(vreal_abs(x), 6);
    vreal large = 1 - vreal_exp(-(size * size)) * vreal_erfc_core(size);
    vreal small = x * vreal_erf_core(vreal_at_most(x * x, 1));
    return vreal_choose(size < 1, small, vreal_sign_of(x, large));
}

/* x/2 erfc(-x / sqrt(2)), with the square exact in two parts; small x by erf. */
static inline vreal vreal_gelu(vreal x) {
    const attend_bits cut = ((attend_bits)1 << (ATTEND_FRACTION + 2) / 2) - 1;
    vreal inside = vreal_at_most(vreal_at_least(x, -40), 40), size = vreal_abs(inside);
    vreal high = (vreal)((vbits)size & ~cut), rest = (real)0.5 * (size - high) * (size + high);
    vreal power = vreal_exp_sum((real)-0.5 * high * high, -rest), half = (real)0.5 * inside;
    vreal u = inside * (real)0x1.6a09e667f3bcdp-1;
    vreal other = half * vreal_erfc_core(vreal_abs(u)) * power;
    vreal near = vreal_fma(half * u, vreal_erf_core(vreal_at_most(u * u, 1)), half);
    return vreal_choose(size < (real)0.75, near, vreal_choose(x > 0, x - other, other));
}

static inline real attend_erf(real x) { return vreal_erf(vreal_all(x))[0]; }
static inline real attend_gelu(real x) { return vreal_gelu(vreal_all(x))[0]; }
