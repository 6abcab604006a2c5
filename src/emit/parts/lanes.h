/* What loops over lanes need beside vectors: ints as wide as reals (a vmask holds them too), memory
 * elements apart, and reads that look first. */

/* x in each lane, and 0, 1, 2, …; for ints of 32 bits. */
static inline vmask vmask_whole(int64_t x) { return (vmask){0} + (attend_lane)x; }
static inline vmask vmask_count(void) {
    vmask count;
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) count[k] = k;
    return count;
}
static inline vmask vmask_least(vmask a, vmask b) { return ((a <= b) & a) | (~(a <= b) & b); }
static inline vmask vmask_most(vmask a, vmask b) { return ((a >= b) & a) | (~(a >= b) & b); }

static inline real attend_square(real x) { return x * x; }
static inline vreal vreal_square(vreal x) { return x * x; }
static inline real attend_cube(real x) { return x * x * x; }
static inline vreal vreal_cube(vreal x) { return x * x * x; }

static inline vmask vmask_choose(vmask mask, vmask yes, vmask no) {
    return (mask & yes) | (~mask & no);
}

static inline vint vint_load_step(const int64_t *from, int64_t step, int64_t n) {
    vint x = {0};
    for (int64_t k = 0; k < n; k++) x[k] = from[k * step];
    return x;
}

static inline vmask vmask_load_step(const unsigned char *from, int64_t step, int64_t n) {
    vmask x = {0};
    for (int64_t k = 0; k < n; k++) x[k] = -(attend_lane)(from[k * step] != 0);
    return x;
}

static inline void attend_vint_store_step(int64_t *to, int64_t step, const vint *x, int64_t n) {
    for (int64_t k = 0; k < n; k++) to[k * step] = (*x)[k];
}
#define vint_store_step(to, step, x, n) attend_vint_store_step(to, step, ATTEND_AT(x), n)

static inline void vmask_store_step(unsigned char *to, int64_t step, vmask x, int64_t n) {
    for (int64_t k = 0; k < n; k++) to[k * step] = x[k] != 0;
}

static inline vmask attend_vmask_gather(const unsigned char *from, const vint *at, vmask mask) {
    vmask x = {0};
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (mask[k]) x[k] = -(attend_lane)(from[(*at)[k]] != 0);
    return x;
}
#define vmask_gather(from, at, mask) attend_vmask_gather(from, ATTEND_AT(at), mask)

/* Elements beside each other, in the lanes of mask; 0 in the others, which are not read. */
static inline vreal vreal_load_where(const real *from, vmask mask) {
    if (vmask_every(mask)) return vreal_load(from);
    vreal x = {0};
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (mask[k]) x[k] = from[k];
    return x;
}

static inline vint vint_load_where(const int64_t *from, vmask mask) {
    vint x = {0};
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (mask[k]) x[k] = from[k];
    return x;
}

static inline vmask vmask_load_where(const unsigned char *from, vmask mask) {
    vmask x = {0};
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (mask[k]) x[k] = -(attend_lane)(from[k] != 0);
    return x;
}

#if GIVEN_IS_HALF
static inline vreal vreal_load_given_step(const given *from, int64_t step, int64_t n) {
    vgiven x = {0};
    for (int64_t k = 0; k < n; k++) x[k] = from[k * step];
    return vreal_of_given(x);
}

static inline void vreal_store_given_step(given *to, int64_t step, vreal x, int64_t n) {
    vgiven stored = vgiven_of(x);
    for (int64_t k = 0; k < n; k++) to[k * step] = stored[k];
}

static inline vreal attend_vreal_gather_given(const given *from, const vint *at, vmask mask) {
    vgiven x = {0};
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (mask[k]) x[k] = from[(*at)[k]];
    return vreal_of_given(x);
}
#define vreal_gather_given(from, at, mask) attend_vreal_gather_given(from, ATTEND_AT(at), mask)

static inline vreal vreal_load_given_where(const given *from, vmask mask) {
    vgiven x = {0};
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (mask[k]) x[k] = from[k];
    return vreal_of_given(x);
}
#endif

static inline int64_t attend_vint_sum(const vint *x) {
    int64_t sum = 0;
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) sum += (*x)[k];
    return sum;
}
#define vint_sum(x) attend_vint_sum(ATTEND_AT(x))

/* The largest or smallest of all lanes and of *best, and its index; lanes of index -1 hold none.
 * NaN is before all else, the lower index before the higher. */
#define ATTEND_PICK(name, type, element, better)                                                   \
    static inline void name##_at(const type *x, const vint *at, element *best, int64_t *index) {   \
        _Pragma("GCC unroll 16")                                                                   \
        for (int k = 0; k < LANES; k++) {                                                          \
            element a = (*x)[k], b = *best;                                                        \
            bool first = *index < 0 || (*at)[k] < *index;                                          \
            bool wins = a != a ? b == b || first : b == b && (better || (a == b && first));        \
            if ((*at)[k] < 0 || (*index >= 0 && !wins)) continue;                                  \
            *best = a;                                                                             \
            *index = (*at)[k];                                                                     \
        }                                                                                          \
    }
ATTEND_PICK(vreal_pick_largest, vreal, real, a > b)
ATTEND_PICK(vreal_pick_smallest, vreal, real, a < b)
ATTEND_PICK(vint_pick_largest, vint, int64_t, a > b)
ATTEND_PICK(vint_pick_smallest, vint, int64_t, a < b)
#define vreal_pick_largest(x, at, best, index) vreal_pick_largest_at(&x, &at, best, index)
#define vreal_pick_smallest(x, at, best, index) vreal_pick_smallest_at(&x, &at, best, index)
#define vint_pick_largest(x, at, best, index) vint_pick_largest_at(&x, &at, best, index)
#define vint_pick_smallest(x, at, best, index) vint_pick_smallest_at(&x, &at, best, index)
