/* Draws: pure functions of a key and an element, so that a draw is the same whatever the threads,
 * when it is recomputed, and in every executor.
 *
 * The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011): ten rounds of multiply and exchange on a 128-bit counter under a 64-bit
 * key. It passes BigCrush and has no state to keep. Key and element are made from path, rounds and
 * indices by the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), a bijection of 64
 * bits, without any extent: a draw at (i, j) stays what it is when an axis grows. */
#define _DEFAULT_SOURCE /* M_PI */
#include "call/call.h"

#include <math.h>

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static const uint64_t golden = 0x9e3779b97f4a7c15u;

uint64_t at_draw_key(uint64_t seed, uint64_t run, const char *path) {
    uint64_t key = mix(mix(seed + golden) + run + golden);
    for (const char *c = path; *c; c++) key = mix(key + (unsigned char)*c + golden);
    return key;
}

uint64_t at_draw_element(uint64_t element, uint64_t index) {
    return mix(element + (index + 1) * golden);
}

/* 128 bits for one counter. */
static void philox(uint64_t key, uint64_t counter, uint64_t out[2]) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c0, p1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    out[0] = (uint64_t)c1 << 32 | c0;
    out[1] = (uint64_t)c3 << 32 | c2;
}

/* [0, 1), multiples of 2^-53. */
static double unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

double at_draw_value(uint64_t key, uint64_t element, at_draw draw) {
    uint64_t bits[2];
    philox(key, element, bits);
    switch (draw) {
    case AT_DRAW_NORMAL: {
        /* Box and Muller 1958; 1 - u lies in (0, 1]. */
        double radius = sqrt(-2.0 * log(1.0 - unit(bits[0])));
        return radius * cos(2.0 * M_PI * unit(bits[1]));
    }
    case AT_DRAW_GUMBEL: {
        double u = ((double)(bits[0] >> 12) + 0.5) * 0x1p-52; /* (0, 1) */
        return -log(-log(u));
    }
    case AT_DRAW_UNIFORM:
    case AT_DRAW_BERNOULLI:
    case AT_DRAWS: break;
    }
    return unit(bits[0]);
}

double at_draw_scaled(at_draw draw, double standard, double a, double b) {
    switch (draw) {
    case AT_DRAW_NORMAL: return a + b * standard;
    case AT_DRAW_UNIFORM: {
        double value = a + (b - a) * standard;
        return a < b && value >= b ? nextafter(b, a) : value; /* rounding may reach b */
    }
    case AT_DRAW_BERNOULLI: return standard < a ? 1.0 : 0.0;
    case AT_DRAW_GUMBEL:
    case AT_DRAWS: break;
    }
    return standard;
}
