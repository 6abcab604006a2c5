/* Reals of 8 bits, as files of trained networks hold them, to floats and back. A sign, e bits of
 * exponent, m of fraction, like larger reals; what differs is what the last codes mean:
 *
 *   E5M2      infinities and NaN as IEEE 754 has them
 *   E4M3      no infinity; only S.1111.111 is NaN, so that 448 is the largest number
 *   …FNUZ     no infinity, no -0, whose code is the only NaN; one more exponent downwards
 *   E8M0      no sign and no fraction: powers of two, and NaN; the scale of a block of others
 *
 * (Micikevicius and others, "FP8 Formats for Deep Learning", 2022; "OCP Microscaling Formats (MX)
 * Specification" 1.0, 2023, for E8M0; Noune and others, "8-bit Numerical Formats for Deep Neural
 * Networks", 2022, for FNUZ.) */
#include "tensor/tensor_int.h"

#include <math.h>

typedef enum { IEEE, FINITE, FNUZ } specials;

typedef struct {
    int fraction_bits, bias;
    specials specials;
} format;

static format format_of(at_type type) {
    switch (type) {
    case AT_TYPE_F8_E5M2: return (format){2, 15, IEEE};
    case AT_TYPE_F8_E4M3FNUZ: return (format){3, 8, FNUZ};
    case AT_TYPE_F8_E5M2FNUZ: return (format){2, 16, FNUZ};
    default: return (format){3, 7, FINITE}; /* E4M3 */
    }
}

float at_float8_to_float(at_type type, uint8_t code) {
    if (type == AT_TYPE_F8_E8M0) return code == 255 ? NAN : ldexpf(1, code - 127);
    format f = format_of(type);
    int magnitude = code & 127, fraction = magnitude & ((1 << f.fraction_bits) - 1);
    int exponent = magnitude >> f.fraction_bits;
    float sign = code & 128 ? -1 : 1;
    if (f.specials == FNUZ && code == 128) return NAN;
    if (f.specials == FINITE && magnitude == 127) return copysignf(NAN, sign);
    if (f.specials == IEEE && exponent == 127 >> f.fraction_bits)
        return fraction ? copysignf(NAN, sign) : sign * INFINITY;
    /* Subnormal: without the leading 1, and with the exponent of the smallest normal ones. */
    if (exponent) fraction += 1 << f.fraction_bits;
    else exponent = 1;
    return sign * ldexpf((float)fraction, exponent - f.bias - f.fraction_bits);
}

uint8_t at_float_to_float8(at_type type, float value) {
    if (type == AT_TYPE_F8_E8M0) return isnan(value) ? 255 : (uint8_t)(127 + ilogbf(value));
    format f = format_of(type);
    int sign = signbit(value) ? 128 : 0, least = 1 - f.bias;
    int infinity = f.specials == IEEE ? 0x7c : f.specials == FINITE ? 127 : 128;
    int code = infinity;
    if (isnan(value)) {
        code = f.specials == IEEE ? 0x7e : infinity;
    } else if (!isinf(value)) {
        float size = fabsf(value);
        int exponent = size > 0 ? ilogbf(size) : least;
        if (exponent < least) exponent = least;
        /* The steps between codes of this exponent, with the leading 1 counted; the carry of a
         * rounding up goes into the exponent, which is right. */
        int steps = (int)rintf(ldexpf(size, f.fraction_bits - exponent));
        code = ((exponent - least) << f.fraction_bits) + steps;
        if (code > infinity) code = infinity;
    }
    if (f.specials == FNUZ && (code & 127) == 0) return (uint8_t)code; /* 0 and NaN have no sign */
    return (uint8_t)(sign | code);
}
