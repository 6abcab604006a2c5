/* Rounding made up on purpose: what a run may give when its real operations are rounded otherwise,
 * as they are in narrower types, in another order of summing, or with fused multiply-adds. This is
 * Monte Carlo arithmetic (Parker, "Monte Carlo Arithmetic", 1997): every result that is not exact
 * is multiplied by 1 + size*u, u in [-1, 1]. Several such runs tell how far results may be from the
 * reference by rounding alone, decisions that rounding flips included.
 *
 * u is a pure function of the operation, its result and what it was made from, so equals stay
 * equals (a tie, the two sides of a choice, x - x); with `varied` it differs each time, as where
 * one of two equal computations is contracted and the other is not. */
#include "ref/ref_int.h"

#include <float.h>
#include <math.h>
#include <string.h>

static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static uint64_t mixed(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Operations that give one of their arguments, a truth, or a number that every type has. */
static bool is_exact(at_op op) {
    switch (op) {
    case AT_OP_NEG: case AT_OP_EQ: case AT_OP_NE: case AT_OP_LT: case AT_OP_LE: case AT_OP_GT:
    case AT_OP_GE: case AT_OP_NOT: case AT_OP_AND: case AT_OP_OR: case AT_OP_IF: case AT_OP_TO_INT:
    case AT_OP_ABS: case AT_OP_SIGN: case AT_OP_RELU: case AT_OP_FLOOR: case AT_OP_CEIL:
    case AT_OP_ROUND:
    case AT_OP_MIN:
    case AT_OP_MAX:
    case AT_OP_CLAMP:
    case AT_OP_STOP: return true;
    default: return false;
    }
}

/* Whether any computation in this type gives just this value: exp(0), 2.0 * 3.0, x / 1.0. */
static bool is_sure(const at_jitter *jitter, at_op op, double a, double b, double value) {
    if (value == 0 || !isfinite(value)) return true;
    if (jitter->single) return (double)(float)value == value;
    switch (op) {
    case AT_OP_ADD:
    case AT_OP_SUB: {
        double second = op == AT_OP_ADD ? b : -b, part = value - a;
        return (a - (value - part)) + (second - part) == 0;
    }
    case AT_OP_MUL: return fma(a, b, -value) == 0;
    case AT_OP_DIV: return fma(value, b, -a) == 0;
    case AT_OP_SQRT: return fma(value, value, -a) == 0;
    case AT_OP_TO_REAL:
    case AT_OPS: return true; /* a constant */
    default: return fabs(value) < 0x1p20 && value == rint(value);
    }
}

/* The range of the type: beyond it infinite; below it 0 in every second run, as processors that
 * flush such numbers to 0 do. */
static double in_range(const at_jitter *jitter, double value) {
    double largest = jitter->single ? (double)FLT_MAX : DBL_MAX;
    double smallest = jitter->single ? (double)FLT_MIN : DBL_MIN;
    if (!isfinite(value) || value == 0) return value;
    if (fabs(value) > largest) return copysign(INFINITY, value);
    if (fabs(value) < smallest && jitter->seed % 2) return copysign(0.0, value);
    return value;
}

double at_jittered(at_jitter *jitter, at_op op, double a, double b, double value) {
    if (is_exact(op)) return value;
    if (!is_sure(jitter, op, a, b, value)) {
        uint64_t h = mixed(jitter->seed + 0x9E3779B97F4A7C15u * (uint64_t)(op + 1));
        h = mixed(h ^ bits_of(value));
        h = mixed(h + (bits_of(a) ^ bits_of(b)) + (jitter->varied ? ++jitter->count : 0));
        double u = (double)(h >> 11) * 0x1p-52 - 1;
        value *= 1 + jitter->size * u;
    }
    return in_range(jitter, value);
}
