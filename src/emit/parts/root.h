/* Square roots, rounded correctly; rsqrt to 1.5 units of the last place. */
static inline vreal vreal_sqrt(vreal x) {
#if REAL_IS_FLOAT
#if defined __AVX512F__ && defined __clang__
    return __builtin_ia32_sqrtps512(x, 4);
#elif defined __AVX512F__
    return __builtin_ia32_sqrtps512_mask(x, x, (unsigned short)-1, 4);
#elif defined __AVX__
    return __builtin_ia32_sqrtps256(x);
#elif defined __SSE2__
    return __builtin_ia32_sqrtps(x);
#else
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) x[k] = sqrtf(x[k]);
    return x;
#endif
#else
#if defined __AVX512F__ && defined __clang__
    return __builtin_ia32_sqrtpd512(x, 4);
#elif defined __AVX512F__
    return __builtin_ia32_sqrtpd512_mask(x, x, (unsigned char)-1, 4);
#elif defined __AVX__
    return __builtin_ia32_sqrtpd256(x);
#elif defined __SSE2__
    return __builtin_ia32_sqrtpd(x);
#else
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) x[k] = sqrt(x[k]);
    return x;
#endif
#endif
}

static inline vreal vreal_rsqrt(vreal x) { return 1 / vreal_sqrt(x); }

static inline real attend_sqrt(real x) { return vreal_sqrt(vreal_all(x))[0]; }
static inline real attend_rsqrt(real x) { return vreal_rsqrt(vreal_all(x))[0]; }
