/* Conversion between element types: what a caller's arrays go through on their way into an
 * executor, and its results on their way into a file.
 *
 * Numbers are taken through chunks of 64-bit integers or of doubles, so there is one loop to load
 * each type and one to store it, instead of one for every pair. Both hold every value of every
 * type exactly; what is rounded is rounded once, when it is stored. */
#include "tensor/tensor_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- half and bfloat ------------------------------------------------------------------------- */

static uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float at_half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 31u, fraction = half & 1023u;
    if (exponent == 31) return bits_float(sign | 0x7f800000u | fraction << 13);
    if (exponent) return bits_float(sign | (exponent + 112) << 23 | fraction << 13);
    /* Subnormal: fraction * 2^-24, exact in a float. */
    float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
}

uint16_t at_float_to_half(float value) {
    uint32_t bits = float_bits(value);
    uint32_t sign = bits >> 16 & 0x8000u;
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (bits >> 13 & 0x1ffu)); /* NaN */
    if (bits >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and above */
    if (bits < 0x38800000u) {
        /* Below 2^-14: halves are multiples of 2^-24 here, floats of 2^-24 in [0.5, 1): adding 0.5
         * lets the processor do the rounding, ties to even included. */
        float shifted = bits_float(bits) + 0.5f;
        return (uint16_t)(sign | (float_bits(shifted) - float_bits(0.5f)));
    }
    /* 13 bits are dropped: 0xfff and the last kept bit round to nearest even; the carry may go into
     * the exponent, which is right. */
    bits += 0xfffu + (bits >> 13 & 1u);
    return (uint16_t)(sign | (bits - (112u << 23)) >> 13);
}

float at_bfloat_to_float(uint16_t bfloat) { return bits_float((uint32_t)bfloat << 16); }

uint16_t at_float_to_bfloat(float value) {
    uint32_t bits = float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u); /* NaN */
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* Rounding twice to nearest can go wrong at a tie; rounding first to odd cannot, as long as the
 * first format has two bits more. (Boldo and Melquiond, "Emulation of FMA and correctly rounded
 * sums: proved algorithms using rounding to odd", 2008.) */
static float odd_float(double value) {
    float nearest = (float)value;
    uint32_t bits = float_bits(nearest);
    if (isnan(value) || (double)nearest == value || (bits & 1u)) return nearest;
    return bits_float(fabs((double)nearest) > fabs(value) ? bits - 1 : bits + 1);
}

/* An integer as a double, rounded to odd: 11 bits go, any of them set sets the last one kept. */
static double odd_double(int64_t value, bool unsigned_64) {
    if (unsigned_64) {
        uint64_t u = (uint64_t)value;
        return u >> 53 ? (double)(u >> 12 | ((u & 4095u) != 0)) * 4096.0 : (double)u;
    }
    if (value >= -((int64_t)1 << 53) && value <= (int64_t)1 << 53) return (double)value;
    return (double)(value >> 11 | ((value & 2047) != 0)) * 2048.0;
}

/* ---- loading a chunk ------------------------------------------------------------------------- */

enum { CHUNK = 1024 };

typedef struct {
    bool real;        /* reals hold the numbers, else ints */
    bool unsigned_64; /* ints are the bits of uint64_t */
    int count;
    int64_t ints[CHUNK];
    double reals[CHUNK];
} chunk;

#define LOAD(type, member, expression)                                                             \
    do {                                                                                           \
        const type *from = (const type *)data + begin;                                             \
        for (int i = 0; i < c->count; i++) c->member[i] = (expression);                            \
    } while (0)

static void load(at_type type, const void *data, int64_t begin, chunk *c) {
    switch (type) {
    case AT_TYPE_BOOL: LOAD(uint8_t, ints, from[i] != 0); break;
    case AT_TYPE_U8: LOAD(uint8_t, ints, from[i]); break;
    case AT_TYPE_I8: LOAD(int8_t, ints, from[i]); break;
    case AT_TYPE_U16: LOAD(uint16_t, ints, from[i]); break;
    case AT_TYPE_I16: LOAD(int16_t, ints, from[i]); break;
    case AT_TYPE_U32: LOAD(uint32_t, ints, from[i]); break;
    case AT_TYPE_I32: LOAD(int32_t, ints, from[i]); break;
    case AT_TYPE_U64: LOAD(uint64_t, ints, (int64_t)from[i]); break;
    case AT_TYPE_I64: LOAD(int64_t, ints, from[i]); break;
    case AT_TYPE_F16: LOAD(uint16_t, reals, (double)at_half_to_float(from[i])); break;
    case AT_TYPE_BF16: LOAD(uint16_t, reals, (double)at_bfloat_to_float(from[i])); break;
    case AT_TYPE_F32: LOAD(float, reals, (double)from[i]); break;
    case AT_TYPE_F64: LOAD(double, reals, from[i]); break;
    case AT_TYPE_F8_E4M3:
    case AT_TYPE_F8_E5M2:
    case AT_TYPE_F8_E8M0:
    case AT_TYPE_F8_E4M3FNUZ:
    case AT_TYPE_F8_E5M2FNUZ:
        LOAD(uint8_t, reals, (double)at_float8_to_float(type, from[i]));
        break;
    case AT_TYPES: break;
    }
}
#undef LOAD

/* ---- what fits ------------------------------------------------------------------------------- */

static bool is_real(at_type type) { return type >= AT_TYPE_F16; }

/* The smallest and largest number of an integer type. */
static void limits(at_type type, int64_t *low, uint64_t *high) {
    bool is_signed = type == AT_TYPE_I8 || type == AT_TYPE_I16 || type == AT_TYPE_I32 ||
                     type == AT_TYPE_I64;
    unsigned bits = 8 * (unsigned)at_type_bytes(type);
    uint64_t all = UINT64_MAX >> (64 - bits);
    *high = type == AT_TYPE_BOOL ? 1 : is_signed ? all >> 1 : all;
    *low = is_signed ? -(int64_t)*high - 1 : 0;
}

/* Turns a chunk into integers of `type`; gives the first that does not fit, or -1. */
static int make_ints(chunk *c, at_type type) {
    int64_t low;
    uint64_t high;
    limits(type, &low, &high);
    for (int i = 0; i < c->count; i++) {
        if (c->real) {
            double x = c->reals[i];
            /* high + 1 is exact, or rounds to the power of two that is meant. NaN fails. */
            if (!(x >= (double)low && x < (double)high + 1.0 && x == trunc(x))) return i;
            c->ints[i] = type == AT_TYPE_U64 ? (int64_t)(uint64_t)x : (int64_t)x;
        } else if (c->ints[i] < 0 && !c->unsigned_64 ? c->ints[i] < low
                                                     : (uint64_t)c->ints[i] > high) {
            return i;
        }
    }
    return -1;
}

/* Gives the first number of a chunk that is no power of two from 2^-127 to 2^127, or -1. */
static int find_other_than_power(const chunk *c) {
    for (int i = 0; i < c->count; i++) {
        double x = c->reals[i];
        uint64_t n = (uint64_t)c->ints[i];
        int exponent;
        if (!c->real && (n == 0 || (n & (n - 1)) || (c->ints[i] < 0 && !c->unsigned_64))) return i;
        bool power = isnan(x) || (x >= 0x1p-127 && x <= 0x1p127 && frexp(x, &exponent) == 0.5);
        if (c->real && !power) return i;
    }
    return -1;
}

/* Reports element `at` of the tensor, element `i` of its chunk. */
static void does_not_fit(at_session *s, const at_tensor *from, at_type type, const char *name,
                         int64_t at, const chunk *c, int i) {
    char number[32], place[32 * 24] = "";
    if (c->real) at_text_real(c->reals[i], number);
    else if (c->unsigned_64) snprintf(number, sizeof number, "%" PRIu64, (uint64_t)c->ints[i]);
    else snprintf(number, sizeof number, "%" PRId64, c->ints[i]);
    int64_t index[AT_RANK_LIMIT];
    for (int axis = from->rank - 1; axis >= 0; axis--) {
        index[axis] = at % from->extents[axis];
        at /= from->extents[axis];
    }
    int used = 0;
    for (int axis = 0; axis < from->rank; axis++)
        used += snprintf(place + used, sizeof place - (size_t)used, "%s%" PRId64 "%s",
                         axis ? ", " : "[", index[axis], axis == from->rank - 1 ? "]" : "");
    int64_t low = 0;
    uint64_t high = 0;
    if (!is_real(type)) limits(type, &low, &high);
    bool fraction = c->real && isfinite(c->reals[i]) && c->reals[i] != trunc(c->reals[i]);
    if (type == AT_TYPE_BOOL)
        at_error(s, AT_E_TENSOR_RANGE, at_no_span(), "%s%s is %s, and a bool is 0 or 1", name,
                 place, number);
    else if (type == AT_TYPE_F8_E8M0)
        at_error(s, AT_E_TENSOR_RANGE, at_no_span(),
                 "%s%s is %s, and f8_e8m0 holds powers of two from 2^-127 to 2^127", name, place,
                 number);
    else
        at_error(s, AT_E_TENSOR_RANGE, at_no_span(),
                 "%s%s is %s, and %s holds %snumbers from %" PRId64 " to %" PRIu64, name, place,
                 number, at_type_text(type), fraction ? "whole " : "", low, high);
}

/* ---- storing a chunk ------------------------------------------------------------------------- */

#define STORE(type, expression)                                                                    \
    do {                                                                                           \
        type *to = (type *)data + begin;                                                           \
        for (int i = 0; i < c->count; i++) to[i] = (type)(expression);                             \
    } while (0)

/* Integers are stored by their low bytes: two's complement, as make_ints has checked the range. */
static void store_ints(at_type type, void *data, int64_t begin, const chunk *c) {
    switch (at_type_bytes(type)) {
    case 1: STORE(uint8_t, c->ints[i]); break;
    case 2: STORE(uint16_t, c->ints[i]); break;
    case 4: STORE(uint32_t, c->ints[i]); break;
    default: STORE(uint64_t, c->ints[i]); break;
    }
}

static double int_real(const chunk *c, int i) {
    return c->unsigned_64 ? (double)(uint64_t)c->ints[i] : (double)c->ints[i];
}

static float int_float(const chunk *c, int i) {
    return c->unsigned_64 ? (float)(uint64_t)c->ints[i] : (float)c->ints[i];
}

/* The float on the way to a smaller real. */
static float through_float(const chunk *c, int i) {
    return odd_float(c->real ? c->reals[i] : odd_double(c->ints[i], c->unsigned_64));
}

static void store_reals(at_type type, void *data, int64_t begin, const chunk *c) {
    if (type == AT_TYPE_F16) STORE(uint16_t, at_float_to_half(through_float(c, i)));
    else if (type == AT_TYPE_BF16) STORE(uint16_t, at_float_to_bfloat(through_float(c, i)));
    else if (type == AT_TYPE_F32) STORE(float, c->real ? (float)c->reals[i] : int_float(c, i));
    else if (type == AT_TYPE_F64) STORE(double, c->real ? c->reals[i] : int_real(c, i));
    else STORE(uint8_t, at_float_to_float8(type, through_float(c, i)));
}
#undef STORE

at_tensor *at_tensor_convert(at_session *s, const at_tensor *from, at_type type, const char *name) {
    at_tensor *to = at_tensor_new(s, type, from->extents, from->rank, name);
    if (!to) return NULL;
    if (type == from->type) {
        at_move(to->data, from->data, (size_t)from->count * at_type_bytes(type));
        return to;
    }
    chunk c = {.real = is_real(from->type), .unsigned_64 = from->type == AT_TYPE_U64};
    for (int64_t begin = 0; begin < from->count; begin += CHUNK) {
        c.count = from->count - begin < CHUNK ? (int)(from->count - begin) : CHUNK;
        load(from->type, from->data, begin, &c);
        bool real = is_real(type);
        int wrong = type == AT_TYPE_F8_E8M0 ? find_other_than_power(&c)
                    : real                  ? -1
                                            : make_ints(&c, type);
        if (wrong >= 0) {
            at_tensor_free(to);
            does_not_fit(s, from, type, name, begin + wrong, &c, wrong);
            return NULL;
        }
        if (real) store_reals(type, to->data, begin, &c);
        else store_ints(type, to->data, begin, &c);
    }
    return to;
}
