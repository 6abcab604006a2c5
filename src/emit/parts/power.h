/* a to the power b, with the special cases of the C library's pow. |a|^b = 2^(b log2|a|). For
 * floats this is done in doubles; for doubles log2|a| and the product are sums of two doubles, as
 * in fdlibm (Sun Microsystems, 1993): products of numbers cut to half their bits are exact.
 * Polynomials by Remez.
 * The error stays below 0.51 units of the last place for floats, 1.3 for doubles. */
#if REAL_IS_FLOAT
static inline vreal vreal_power_core(vreal a, vreal b) {
    typedef double wide __attribute__((vector_size(8 * LANES)));
    typedef uint64_t wide_bits __attribute__((vector_size(8 * LANES)));
    wide x = __builtin_convertvector(a, wide), y = __builtin_convertvector(b, wide);
    wide_bits bits = (wide_bits)x - 0x3fe6a09e667f3bcd + ((uint64_t)1024 << 52);
    wide f = (wide)((bits & 0xfffffffffffff) + 0x3fe6a09e667f3bcd) - 1;
    wide e = (wide)(bits >> 52 | 0x4330000000000000) - (0x1p52 + 1024);
    wide s = f / (2 + f), z = s * s;
    wide p = z * 0x1.e2fd8363c326dp-3 + 0x1.2438aadba6ed1p-2;
    p = p * z + 0x1.999a7b2ff2ap-2;
    p = p * z + 0x1.555554fd49c76p-1;
    wide power = y * (e + (2 * s + s * z * p) * 0x1.71547652b82fep0);
    /* Beyond these all is 0 or inf. */
    vint low = power < -200, high = power > 200;
    power = (wide)((low & (vint)((wide){0} - 200)) | (high & (vint)((wide){0} + 200)) |
                   (~(low | high) & (vint)power));
    wide n = (power + 0x1.8p52) - 0x1.8p52, r = (power - n) * 0x1.62e42fefa39efp-1;
    wide q = r * 0x1.9f085b5f42e9cp-13 + 0x1.6d8d51fe2076bp-10;
    q = q * r + 0x1.111271444f3f8p-7;
    q = q * r + 0x1.55548d74fbd67p-5;
    q = q * r + 0x1.5555544293966p-3;
    q = q * r + 0x1.0000003a45cf3p-1;
    q = (1 + (r + r * r * q)) * (wide)((wide_bits)(n + (0x1.8p52 + 1023)) << 52);
    return __builtin_convertvector(q, vreal);
}
#else
/* The upper half of its bits. */
static inline vreal vreal_cut(vreal x) { return (vreal)((vbits)x & ~(attend_bits)0x7ffffff); }

static inline vreal vreal_power_core(vreal a, vreal b) {
    vreal e, f = vreal_log_reduce(a, &e);
    /* s = f / (2 + f) in two parts. */
    vreal d = 2 + f, s = f / d, s_cut = vreal_cut(s), d_cut = vreal_cut(d);
    vreal s_rest = ((f - s_cut * d_cut) - s_cut * (f - (d_cut - 2))) / d;
    vreal z = s * s;
    vreal p = vreal_all(0x1.0e4a2168e9406p-3);
    p = vreal_step(p, z, 0x1.0f7f226271029p-3);
    p = vreal_step(p, z, 0x1.3b1ef44d14b0bp-3);
    p = vreal_step(p, z, 0x1.745ce9b73c095p-3);
    p = vreal_step(p, z, 0x1.c71c722de1e8bp-3);
    p = vreal_step(p, z, 0x1.2492492457817p-2);
    p = vreal_step(p, z, 0x1.9999999999b33p-2);
    /* log(1 + f) = 2/3 s (3 + s^2 + rest) */
    vreal rest = 1.5 * z * z * p + s_rest * (s_cut + s), square = s_cut * s_cut;
    vreal sum = vreal_cut((3 + square) + rest), sum_rest = rest - ((sum - 3) - square);
    vreal u = s_cut * sum, v = s_rest * sum + sum_rest * s;
    vreal product = vreal_cut(u + v), product_rest = v - (product - u);
    /* times 2 / (3 ln2), plus e. */
    vreal scaled = 0x1.ec709ep-1 * product;
    vreal scaled_rest = -0x1.e2fe0145b01f5p-28 * product + product_rest * 0x1.ec709dc3a03fdp-1;
    vreal log = vreal_cut((scaled + scaled_rest) + e);
    vreal log_rest = scaled_rest - ((log - e) - scaled);
    /* b in two parts; larger ones give 0, 1 or inf all the same. */
    b = vreal_at_most(vreal_at_least(b, -0x1p64), 0x1p64);
    vreal b_cut = vreal_cut(b), low = (b - b_cut) * log + b * log_rest, high = b_cut * log;
    high = vreal_at_most(vreal_at_least(high, -1100), 1100);
    low = vreal_at_most(vreal_at_least(low, -1), 1);
    vreal n = ((high + low) + 0x1.8p52) - 0x1.8p52;
    vreal r = ((high - n) + low) * 0x1.62e42fefa39efp-1;
    return vreal_scale(vreal_exp_core(r) + 1, n);
}
#endif

static inline vreal vreal_power(vreal a, vreal b) {
    vreal size = vreal_abs(a);
    vmask whole = vreal_round(b) == b, odd = whole & (vreal_round((real)0.5 * b) != (real)0.5 * b);
    vreal y = vreal_power_core(size, b);
    /* 0, inf: by the sign of the power alone. */
    vmask edge = (size == 0) | (size == (real)INFINITY) | (vreal_abs(b) == (real)INFINITY);
    vmask grows = ((size > 1) & (b > 0)) | ((size < 1) & (b < 0));
    y = vreal_choose(edge, vreal_choose(grows, vreal_all((real)INFINITY), vreal_all(0)), y);
    y = vreal_choose(size == 1, vreal_all(1), y);
    vmask negative = (vmask)a < 0;
    y = vreal_choose(negative & odd, -y, y);
    vmask none = (a < 0) & ~whole & (size != (real)INFINITY);
    y = vreal_choose(none | (a != a) | (b != b), vreal_all((real)NAN), y);
    return vreal_choose((b == 0) | (a == 1), vreal_all(1), y);
}

static inline real attend_power(real a, real b) {
    return vreal_power(vreal_all(a), vreal_all(b))[0];
}
