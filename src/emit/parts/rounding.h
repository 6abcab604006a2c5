/* Whole numbers near a real; exact, and 0 keeps its sign. */
static inline vreal vreal_round(vreal x) {
    /* From here on all reals are whole. */
    const real whole = sizeof(real) == 4 ? (real)0x1p23 : (real)0x1p52;
    vreal size = vreal_abs(x), rounded = (size + whole) - whole;
    return vreal_choose(size < whole, vreal_sign_of(x, rounded), x);
}

static inline vreal vreal_floor(vreal x) {
    vreal near = vreal_round(x);
    return vreal_choose(near > x, vreal_sign_of(x, near - 1), near);
}

static inline vreal vreal_ceil(vreal x) {
    vreal near = vreal_round(x);
    return vreal_choose(near < x, vreal_sign_of(x, near + 1), near);
}

static inline real attend_round(real x) { return vreal_round(vreal_all(x))[0]; }
static inline real attend_floor(real x) { return vreal_floor(vreal_all(x))[0]; }
static inline real attend_ceil(real x) { return vreal_ceil(vreal_all(x))[0]; }
