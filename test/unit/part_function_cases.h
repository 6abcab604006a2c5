/* Mathematical functions of the parts against the C library's in a wider type: their largest errors
 * are those that the parts claim, over all exponents, near the edges of reductions and at values
 * without a neighbour. The including file defines WIDE, the type, WIDE_(f), its functions, DIGITS
 * and LEAST_EXPONENT of a real, and REAL_OF(i), many different reals. */
#ifndef PART_FUNCTION_CASES_H
#define PART_FUNCTION_CASES_H

#include "part_cases.h"

#include <stdio.h>

#include "emit/parts/rounding.h"
#include "emit/parts/root.h"
#include "emit/parts/exp.h"
#include "emit/parts/log.h"
#include "emit/parts/erf.h"
#include "emit/parts/sine.h"
#include "emit/parts/angle.h"
#include "emit/parts/power.h"

static WIDE sigmoid(WIDE x) { return 1 / (1 + WIDE_(exp)(-x)); }
static WIDE silu(WIDE x) { return x == -INFINITY ? 0 : x * sigmoid(x); }
static WIDE rsqrt(WIDE x) { return 1 / WIDE_(sqrt)(x); }
static WIDE softplus(WIDE x) {
    return isnan(x) ? x : (x > 0 ? x : 0) + WIDE_(log1p)(WIDE_(exp)(-WIDE_(fabs)(x)));
}
static WIDE gelu(WIDE x) {
    return x == -INFINITY ? 0 : (WIDE)0.5 * x * WIDE_(erfc)(-x * (WIDE)0.70710678118654752440L);
}

typedef struct {
    const char *name;
    vreal (*own)(vreal);
    real (*scalar)(real);
    WIDE (*defined)(WIDE);
    double claim;       /* largest error in units of the last place: floats, doubles */
    double claim_wide;
    bool normal_only;   /* the claim does not hold where exp(-|x|) is not a normal number */
} function;

static const function functions[] = {
    {"exp", vreal_exp, attend_exp, WIDE_(exp), 1.0, 1.1, false},
    {"tanh", vreal_tanh, attend_tanh, WIDE_(tanh), 2.7, 2.8, false},
    {"sigmoid", vreal_sigmoid, attend_sigmoid, sigmoid, 2.5, 2.6, false},
    {"silu", vreal_silu, attend_silu, silu, 3.2, 3.2, true},
    {"log", vreal_log, attend_log, WIDE_(log), 0.84, 0.9, false},
    {"softplus", vreal_softplus, attend_softplus, softplus, 1.7, 1.8, false},
    {"erf", vreal_erf, attend_erf, WIDE_(erf), 2.6, 1.8, false},
    {"gelu", vreal_gelu, attend_gelu, gelu, 6.8, 7.2, false},
    {"sin", vreal_sin, attend_sin, WIDE_(sin), 1.6, 0.8, false},
    {"cos", vreal_cos, attend_cos, WIDE_(cos), 1.6, 0.8, false},
    {"tan", vreal_tan, attend_tan, WIDE_(tan), 3.3, 2.6, false},
    {"sqrt", vreal_sqrt, attend_sqrt, WIDE_(sqrt), 0.5, 0.5005, false},
    {"rsqrt", vreal_rsqrt, attend_rsqrt, rsqrt, 1.5, 1.5, false},
    {"floor", vreal_floor, attend_floor, WIDE_(floor), 0, 0, false},
    {"ceil", vreal_ceil, attend_ceil, WIDE_(ceil), 0, 0, false},
    {"round", vreal_round, attend_round, WIDE_(rint), 0, 0, false},
};

static const real edges[] = {
    0, -1, 1, 2, -2, 3, -3, (real)0.5, (real)-0.5, (real)1.5, (real)-1.5, (real)2.5, (real)-2.5,
    (real)INFINITY, (real)-INFINITY, (real)NAN, (real)1e30, (real)-1e30, (real)1e-30,
    (real)-1e-30, (real)1e-44, 7, -7, (real)3e38, (real)-3e38, (real)1e300, (real)-1e300,
    (real)88.7, (real)-88.7, (real)-103.9, (real)709.7, (real)-745, (real)0.41421356,
    (real)0.70710678, (real)0.99999994, (real)1.0000001, (real)0x1.921fb54442d18p0,
    (real)0x1.921fb54442d18p20, 1000000, 1000001, (real)1e22, 8388607, (real)8388607.5, 16777216,
};
enum { EDGES = sizeof edges / sizeof *edges };

/* How far y is from the exact value, in units of the last place of a real near it. */
static double error_of(real y, WIDE exact) {
    if (isnan(exact) || isnan(y)) return isnan(exact) && isnan(y) ? 0 : 1e9;
    real nearest = (real)exact;
    if (nearest == y && (y != 0 || exact != 0 || !signbit(y) == !signbit(nearest)))
        if (isinf(y) || exact == 0) return 0;
    if (isinf(nearest) || isinf(y)) return isinf(exact) ? 1e9 : 1;
    int exponent;
    WIDE_(frexp)(exact, &exponent);
    if (exact == 0 || exponent < LEAST_EXPONENT + 1) exponent = LEAST_EXPONENT + 1;
    return (double)(WIDE_(fabs)((WIDE)y - exact) / WIDE_(ldexp)(1, exponent - DIGITS));
}

static void assert_near(const function *f, real x, real y) {
    WIDE exact = f->defined((WIDE)x);
    double error = error_of(y, exact), claim = sizeof(real) == 4 ? f->claim : f->claim_wide;
    if (f->normal_only && x < ATTEND_EXP_LEAST * (real)0.8) return;
    if (error > claim)
        fail_msg("%s(%a) is %a, which is %g off of %a", f->name, (double)x, (double)y, error,
                 (double)exact);
}

static void functions_are_as_near_as_they_claim(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const function *f = &functions[i];
        for (int64_t n = 0; n < 4000000; n += LANES) {
            vreal x;
            for (int k = 0; k < LANES; k++) x[k] = REAL_OF(n + k);
            vreal y = f->own(x);
            for (int k = 0; k < LANES; k++) assert_near(f, x[k], y[k]);
        }
        for (int n = 0; n < EDGES; n++) assert_near(f, edges[n], f->own(vreal_all(edges[n]))[0]);
    }
}

static void one_value_is_the_same_as_a_lane(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        for (int n = 0; n < EDGES; n++) {
            vreal x = vreal_all(1);
            x[LANES - 1] = edges[n];
            assert_true(same_value(functions[i].scalar(edges[n]), functions[i].own(x)[LANES - 1]));
        }
}

static void exp_of_0_is_1(void **state) {
    (void)state;
    assert_true(attend_exp(0) == 1 && attend_exp((real)-0.0) == 1);
    assert_true(attend_cos(0) == 1 && attend_log(1) == 0);
}

static void zeros_keep_their_sign(void **state) {
    (void)state;
    static real (*const odd[])(real) = {attend_sin, attend_tan, attend_tanh, attend_erf,
                                        attend_floor, attend_ceil, attend_round, attend_sqrt};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_true(same_value(odd[i]((real)-0.0), (real)-0.0));
        assert_true(same_value(odd[i](0), 0));
    }
    assert_true(same_value(attend_ceil((real)-0.5), (real)-0.0));
    assert_true(same_value(attend_round((real)-0.5), (real)-0.0));
}

static void compare_two(const char *name, real a, real b, real y, WIDE exact, double claim) {
    double error = error_of(y, exact);
    if (exact == 0 && y == 0 && !signbit(exact) != !signbit(y)) error = 1e9;
    if (error > claim)
        fail_msg("%s(%a, %a) is %a, which is %g off of %a", name, (double)a, (double)b, (double)y,
                 error, (double)exact);
}

static void powers_and_angles_are_as_near_as_they_claim(void **state) {
    (void)state;
    bool single = sizeof(real) == 4;
    for (int64_t n = 0; n < EDGES * EDGES + 1000000; n++) {
        bool edge = n < EDGES * EDGES;
        real a = edge ? edges[n / EDGES] : REAL_OF(2 * n);
        real b = edge ? edges[n % EDGES] : REAL_OF(2 * n + 1);
        if (!edge && n % 2) a = (real)exp((double)(n % 1999) / 200 - 5);
        if (!edge && n % 2) b = (real)((double)(n % 2003) / 20 - 50);
        WIDE power = WIDE_(pow)((WIDE)a, (WIDE)b), angle = WIDE_(atan2)((WIDE)a, (WIDE)b);
        compare_two("power", a, b, attend_power(a, b), power, single ? 0.51 : 1.3);
        compare_two("atan2", a, b, attend_atan2(a, b), angle, single ? 2.2 : 2.4);
    }
}

#define PART_FUNCTION_CASES                                                                        \
    PART_CASES, cmocka_unit_test(functions_are_as_near_as_they_claim),                             \
        cmocka_unit_test(one_value_is_the_same_as_a_lane), cmocka_unit_test(exp_of_0_is_1),        \
        cmocka_unit_test(zeros_keep_their_sign),                                                   \
        cmocka_unit_test(powers_and_angles_are_as_near_as_they_claim)

#endif
