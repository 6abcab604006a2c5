/* atan2: the angle of the point (x, y), signs of zeros and infinities as in the C library. The
 * smaller over the larger of |x| and |y| is an angle up to pi/4; above pi/8 it is taken from pi/4.
 * Polynomials by Remez, errors 2^-30 for floats, 2^-59 for doubles.
 * The error stays below 2.2 units of the last place for floats, 2.4 for doubles. */
static inline vreal vreal_atan2(vreal y, vreal x) {
    vreal a = vreal_abs(y), b = vreal_abs(x);
    vmask steep = a > b;
    vreal less = vreal_choose(steep, b, a), more = vreal_choose(steep, a, b);
    vmask both = less == (real)INFINITY;
    less = vreal_choose(both, vreal_all(1), less);
    more = vreal_choose(both, vreal_all(1), vreal_choose(more == 0, vreal_all(1), more));
    /* Their sum must not become inf, nor small ones lose bits. */
    vreal scale = vreal_choose(more > 1, vreal_all((real)0.25), vreal_all((real)0x1p30));
    less *= scale;
    more *= scale;
    vmask wide = less > (real)0.41421356 * more;
    vreal q = vreal_choose(wide, less - more, less) / vreal_choose(wide, less + more, more);
    vreal z = q * q;
#if REAL_IS_FLOAT
    vreal p = vreal_all(-0x1.f22b4p-5f);
    p = vreal_step(p, z, 0x1.b1fa22p-4f);
    p = vreal_step(p, z, -0x1.23b638p-3f);
    p = vreal_step(p, z, 0x1.9991a6p-3f);
    p = vreal_step(p, z, -0x1.55554ap-2f);
#else
    vreal p = vreal_all(-0x1.25651eca1b263p-6);
    p = vreal_step(p, z, 0x1.37d420a066292p-5);
    p = vreal_step(p, z, -0x1.9cd27b2e94ddep-5);
    p = vreal_step(p, z, 0x1.df0f4f4aba88dp-5);
    p = vreal_step(p, z, -0x1.10ebb9c03d32bp-4);
    p = vreal_step(p, z, 0x1.3b111954a97ecp-4);
    p = vreal_step(p, z, -0x1.745cf8e082426p-4);
    p = vreal_step(p, z, 0x1.c71c70e6359fap-4);
    p = vreal_step(p, z, -0x1.24924922ada51p-3);
    p = vreal_step(p, z, 0x1.9999999995865p-3);
    p = vreal_step(p, z, -0x1.555555555553dp-2);
#endif
    p = vreal_fma(q * z, p, q);
    /* The angle is high + low + sign p, with all that is exactly known in high. */
    const real quarter = (real)0x1.921fb54442d18p-1;
#if REAL_IS_FLOAT
    const real quarter_rest = -0x1.777a5cp-26f;
#else
    const real quarter_rest = 0x1.1a62633145c07p-55;
#endif
    vreal turns = vreal_choose(wide, vreal_all(1), vreal_all(0));
    turns = vreal_choose(steep, 2 - turns, turns);
    p = vreal_choose(steep, -p, p);
    vmask left = (vmask)x < 0;
    turns = vreal_choose(left, 4 - turns, turns);
    p = vreal_choose(left, -p, p);
    p = vreal_fma(turns, vreal_all(quarter_rest), p);
    vreal angle = vreal_fma(turns, vreal_all(quarter), p);
    return vreal_choose((x != x) | (y != y), x + y, vreal_sign_of(y, angle));
}

static inline real attend_atan2(real y, real x) {
    return vreal_atan2(vreal_all(y), vreal_all(x))[0];
}
