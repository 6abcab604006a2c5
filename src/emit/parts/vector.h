/* Vectors of LANES elements, in the vector extension that gcc and clang share. Truth values are a
 * vmask: each lane all ones or all zeros, as comparisons of vreals give them; comparisons of vints
 * go through vmask_of. A part of a vector is its first n lanes, 0 <= n <= LANES: the others are not
 * touched in memory, and 0 when loaded. */
#pragma GCC diagnostic ignored "-Wpsabi" /* no vector is passed to or from another file */

#if REAL_IS_FLOAT
typedef int32_t attend_lane; /* an int as wide as a real */
typedef uint32_t attend_bits;
#else
typedef int64_t attend_lane;
typedef uint64_t attend_bits;
#endif
typedef real vreal __attribute__((vector_size(VECTOR_BYTES)));
typedef attend_lane vmask __attribute__((vector_size(VECTOR_BYTES)));
typedef attend_bits vbits __attribute__((vector_size(VECTOR_BYTES))); /* of a vreal */
typedef int64_t vint __attribute__((vector_size(8 * LANES)));
/* The same in memory, where elements are aligned and vectors are not. */
typedef real vreal_memory
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef int64_t vint_memory __attribute__((vector_size(8 * LANES), aligned(8), may_alias));

/* Less 0, not and 0: it keeps the sign of 0. */
static inline vreal vreal_all(real x) { return x - (vreal){0}; }
static inline vint vint_all(int64_t x) { return (vint){0} + x; }
static inline vmask vmask_all(bool x) { return (vmask){0} - (attend_lane)x; }

/* 0, 1, 2, … */
static inline vint vint_count(void) {
    vint count;
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) count[k] = k;
    return count;
}

/* A vint can be wider than a register, and gcc tells of every function that takes one: these are
 * macros, and the functions below take its address. */
#define vmask_of(comparison) __builtin_convertvector(comparison, vmask)
#define vint_of(mask) __builtin_convertvector(mask, vint)
#define vreal_of(x) __builtin_convertvector(x, vreal)
#define ATTEND_AT(x) ((const vint[]){x})

/* True in the first n lanes. */
static inline vmask vmask_first(int64_t n) { return vmask_of(vint_count() < vint_all(n)); }

/* ---- memory -------------------------------------------------------------------------------- */

static inline vreal vreal_load(const real *from) { return *(const vreal_memory *)from; }
static inline void vreal_store(real *to, vreal x) { *(vreal_memory *)to = x; }
static inline vint vint_load(const int64_t *from) { return *(const vint_memory *)from; }
static inline void attend_vint_store(int64_t *to, const vint *x) { *(vint_memory *)to = *x; }
#define vint_store(to, x) attend_vint_store(to, ATTEND_AT(x))

static inline vreal vreal_load_part(const real *from, int64_t n) {
#if defined __AVX512F__
#if REAL_IS_FLOAT
    return __builtin_ia32_loadups512_mask(from, (vreal){0}, (unsigned short)((1u << n) - 1));
#else
    return __builtin_ia32_loadupd512_mask(from, (vreal){0}, (unsigned char)((1u << n) - 1));
#endif
#else
    vreal x = {0};
    for (int64_t k = 0; k < n; k++) x[k] = from[k];
    return x;
#endif
}

static inline void vreal_store_part(real *to, vreal x, int64_t n) {
#if defined __AVX512F__
#if REAL_IS_FLOAT
    __builtin_ia32_storeups512_mask(to, x, (unsigned short)((1u << n) - 1));
#else
    __builtin_ia32_storeupd512_mask(to, x, (unsigned char)((1u << n) - 1));
#endif
#else
    for (int64_t k = 0; k < n; k++) to[k] = x[k];
#endif
}

static inline vint vint_load_part(const int64_t *from, int64_t n) {
    vint x = {0};
    for (int64_t k = 0; k < n; k++) x[k] = from[k];
    return x;
}

static inline void attend_vint_store_part(int64_t *to, const vint *x, int64_t n) {
    for (int64_t k = 0; k < n; k++) to[k] = (*x)[k];
}
#define vint_store_part(to, x, n) attend_vint_store_part(to, ATTEND_AT(x), n)

/* Elements `step` apart. */
static inline vreal vreal_load_step(const real *from, int64_t step, int64_t n) {
    vreal x = {0};
    for (int64_t k = 0; k < n; k++) x[k] = from[k * step];
    return x;
}

static inline void vreal_store_step(real *to, int64_t step, vreal x, int64_t n) {
    for (int64_t k = 0; k < n; k++) to[k * step] = x[k];
}

/* from[at], in the lanes of mask; 0 in the others, which are not read. */
static inline vreal attend_vreal_gather(const real *from, const vint *at, vmask mask) {
    vreal x = {0};
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (mask[k]) x[k] = from[(*at)[k]];
    return x;
}
#define vreal_gather(from, at, mask) attend_vreal_gather(from, ATTEND_AT(at), mask)

static inline vint attend_vint_gather(const int64_t *from, const vint *at, vmask mask) {
    vint x = {0};
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (mask[k]) x[k] = from[(*at)[k]];
    return x;
}
#define vint_gather(from, at, mask) attend_vint_gather(from, ATTEND_AT(at), mask)

/* Truth values are stored as bytes. */
static inline vmask vmask_load_part(const unsigned char *from, int64_t n) {
    vmask x = {0};
    for (int64_t k = 0; k < n; k++) x[k] = -(attend_lane)(from[k] != 0);
    return x;
}

static inline void vmask_store_part(unsigned char *to, vmask x, int64_t n) {
    for (int64_t k = 0; k < n; k++) to[k] = x[k] != 0;
}

/* ---- lanes --------------------------------------------------------------------------------- */

/* yes where mask holds, else no. */
static inline vreal vreal_choose(vmask mask, vreal yes, vreal no) {
#if defined __SSE2__ && !defined __SSE4_1__ && !defined __clang__
    /* gcc 12 stops with an error of its own when it makes one operation of this and a
     * comparison. */
    __asm__("" : "+x"(mask));
#endif
    return (vreal)((mask & (vmask)yes) | (~mask & (vmask)no));
}

static inline vint attend_vint_choose(vmask mask, const vint *yes, const vint *no) {
    vint wide = vint_of(mask);
    return (wide & *yes) | (~wide & *no);
}
#define vint_choose(mask, yes, no) attend_vint_choose(mask, ATTEND_AT(yes), ATTEND_AT(no))

/* min and max of the language: NaN if either is, the first of equals. */
static inline vreal vreal_min(vreal a, vreal b) { return vreal_choose((a <= b) | (a != a), a, b); }
static inline vreal vreal_max(vreal a, vreal b) { return vreal_choose((a >= b) | (a != a), a, b); }
static inline vint attend_vint_min(const vint *a, const vint *b) {
    vint first = *a <= *b;
    return (first & *a) | (~first & *b);
}
#define vint_min(a, b) attend_vint_min(ATTEND_AT(a), ATTEND_AT(b))
static inline vint attend_vint_max(const vint *a, const vint *b) {
    vint first = *a >= *b;
    return (first & *a) | (~first & *b);
}
#define vint_max(a, b) attend_vint_max(ATTEND_AT(a), ATTEND_AT(b))
static inline vreal vreal_relu(vreal a) { return vreal_choose(a < 0, vreal_all(0), a); }

static inline vreal vreal_clamp(vreal a, vreal least, vreal most) {
    vreal within = vreal_choose(a < least, least, vreal_choose(a > most, most, a));
    return vreal_choose(a != a, a, within);
}

/* -1, 0 or 1; NaN stays. */
static inline vreal vreal_sign(vreal a) {
    vreal one = vreal_all(1), zero = vreal_all(0);
    vreal sign = vreal_choose(a > 0, one, zero) - vreal_choose(a < 0, one, zero);
    return vreal_choose(a != a, a, sign);
}

static inline vreal vreal_abs(vreal a) { return (vreal)((vbits)a & ~(vbits)vreal_all((real)-0.0)); }

/* `size`, which is not negative, with the sign of `a`. */
static inline vreal vreal_sign_of(vreal a, vreal size) {
    return (vreal)(((vbits)a & (vbits)vreal_all((real)-0.0)) | (vbits)size);
}

/* With a limit; NaN stays. */
static inline vreal vreal_at_most(vreal a, real most) {
    return vreal_choose(a > most, vreal_all(most), a);
}
static inline vreal vreal_at_least(vreal a, real least) {
    return vreal_choose(a < least, vreal_all(least), a);
}

/* a b + c, rounded once where the processor can. */
static inline vreal vreal_fma(vreal a, vreal b, vreal c) {
#if defined __AVX512F__
#if REAL_IS_FLOAT
    return __builtin_ia32_vfmaddps512_mask(a, b, c, (unsigned short)-1, 4);
#else
    return __builtin_ia32_vfmaddpd512_mask(a, b, c, (unsigned char)-1, 4);
#endif
#elif defined __FMA__
#if REAL_IS_FLOAT
    return __builtin_ia32_vfmaddps256(a, b, c);
#else
    return __builtin_ia32_vfmaddpd256(a, b, c);
#endif
#else
    return a * b + c;
#endif
}

/* p x + c: a step of a polynomial. */
static inline vreal vreal_step(vreal p, vreal x, real c) { return vreal_fma(p, x, vreal_all(c)); }

/* ---- all lanes to one value, halves onto halves: an order that never changes ---------------- */

static inline real vreal_sum(vreal x) {
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) x[k] += x[k + half];
    return x[0];
}

static inline real vreal_product(vreal x) {
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) x[k] *= x[k + half];
    return x[0];
}

static inline real vreal_least(vreal x) {
    real least = x[0];
    for (int k = 1; k < LANES; k++) least = least <= x[k] || least != least ? least : x[k];
    return least;
}

static inline real vreal_largest(vreal x) {
    real largest = x[0];
    for (int k = 1; k < LANES; k++)
        largest = largest >= x[k] || largest != largest ? largest : x[k];
    return largest;
}

static inline bool vmask_any(vmask x) {
    attend_lane any = 0;
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) any |= x[k];
    return any != 0;
}

static inline bool vmask_every(vmask x) {
    attend_lane every = -1;
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) every &= x[k];
    return every != 0;
}

static inline int64_t vmask_number(vmask x) {
    int64_t number = 0;
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) number -= x[k];
    return number;
}
