/* Stored elements to reals and back, rounded to the nearest, half to even; NaN stays NaN. */
#if GIVEN_IS_HALF
typedef given vgiven __attribute__((vector_size(2 * LANES)));
typedef given vgiven_memory __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef uint32_t vgiven_bits __attribute__((vector_size(4 * LANES)));

#if GIVEN_IS_BF16
/* The upper half of a float. */
static inline real attend_real(given x) {
    union { uint32_t bits; float value; } u = {(uint32_t)x << 16};
    return u.value;
}

static inline given attend_given(real x) {
    union { float value; uint32_t bits; } u = {x};
    if (x != x) return (given)(u.bits >> 16 | 0x40);
    return (given)((u.bits + 0x7fff + (u.bits >> 16 & 1)) >> 16);
}

static inline vreal vreal_of_given(vgiven x) {
    return (vreal)(__builtin_convertvector(x, vgiven_bits) << 16);
}

static inline vgiven vgiven_of(vreal x) {
    vgiven_bits bits = (vgiven_bits)x, nan = (vgiven_bits)(x != x);
    vgiven_bits rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    rounded = (nan & (bits >> 16 | 0x40)) | (~nan & rounded);
    return __builtin_convertvector(rounded, vgiven);
}
#else
/* By integers, so that it holds whatever the processor does with small numbers. */
static inline vreal vreal_of_given(vgiven x) {
    vgiven_bits wide = __builtin_convertvector(x, vgiven_bits);
    vgiven_bits size = wide & 0x7fff, sign = (wide & 0x8000) << 16;
    /* Another exponent; that of inf and NaN is the largest of both. */
    vgiven_bits bits = (size << 13) + (112u << 23);
    bits += (vgiven_bits)(size >= 0x7c00) & (112u << 23);
    vgiven_bits tiny = (vgiven_bits)(__builtin_convertvector((vmask)size, vreal) * 0x1p-24f);
    vgiven_bits small = (vgiven_bits)(size < 0x400);
    return (vreal)(sign | (small & tiny) | (~small & bits));
}

static inline vgiven vgiven_of(vreal x) {
    vgiven_bits bits = (vgiven_bits)x, sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    vgiven_bits normal = (size - (112u << 23) + 0xfff + (size >> 13 & 1)) >> 13;
    /* The last bit of 1/2 is that of the small numbers. */
    vgiven_bits tiny = (vgiven_bits)((vreal)size + 0.5f) - 0x3f000000;
    vgiven_bits small = (vgiven_bits)(size < 0x38800000), large = (vgiven_bits)(size >= 0x47800000);
    vgiven_bits nan = (vgiven_bits)(size > 0x7f800000) & 0x200;
    vgiven_bits rounded = (small & tiny) | (~small & normal);
    rounded = (large & (0x7c00 | nan)) | (~large & rounded);
    return __builtin_convertvector(sign | rounded, vgiven);
}

static inline real attend_real(given x) { return vreal_of_given((vgiven){0} + x)[0]; }
static inline given attend_given(real x) { return vgiven_of(vreal_all(x))[0]; }
#endif

static inline vreal vreal_load_given(const given *from) {
    return vreal_of_given(*(const vgiven_memory *)from);
}

static inline void vreal_store_given(given *to, vreal x) { *(vgiven_memory *)to = vgiven_of(x); }

static inline vreal vreal_load_given_part(const given *from, int64_t n) {
    vgiven x = {0};
    for (int64_t k = 0; k < n; k++) x[k] = from[k];
    return vreal_of_given(x);
}

static inline void vreal_store_given_part(given *to, vreal x, int64_t n) {
    vgiven stored = vgiven_of(x);
    for (int64_t k = 0; k < n; k++) to[k] = stored[k];
}
#else
static inline real attend_real(given x) { return x; }
static inline given attend_given(real x) { return x; }

static inline vreal vreal_load_given(const given *from) { return vreal_load(from); }
static inline void vreal_store_given(given *to, vreal x) { vreal_store(to, x); }
static inline vreal vreal_load_given_part(const given *from, int64_t n) {
    return vreal_load_part(from, n);
}
static inline void vreal_store_given_part(given *to, vreal x, int64_t n) {
    vreal_store_part(to, x, n);
}
#endif
