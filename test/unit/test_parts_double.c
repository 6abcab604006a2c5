/* Parts of emitted files for reals of 64 bits. */
#define REAL_IS_FLOAT 0
#define GIVEN_IS_DOUBLE 1
#define GIVEN_IS_FLOAT 0
#define GIVEN_IS_BF16 0
#define GIVEN_IS_F16 0
#define GIVEN_IS_HALF 0
#define WIDE long double
#define WIDE_(f) f##l
#define DIGITS 53
#define LEAST_EXPONENT -1022
#define REAL_OF(n) real_of(n)

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Doubles of all exponents, and more of those where functions are not flat. */
static inline double real_of(int64_t n) {
    uint64_t mixed = (uint64_t)n * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9u;
    mixed ^= mixed >> 32;
    double x, unit = (double)(mixed >> 11) * 0x1p-53 - 0.5;
    memcpy(&x, &mixed, sizeof x);
    switch (n % 8) {
    case 0: return x;
    case 1: return unit * 4;
    case 2: return unit * 40;
    case 3: return unit * 1500;
    case 4: return ldexp(unit, -(int)(mixed & 63));
    case 5: return 1 + ldexp(unit, -(int)(mixed & 63));
    case 6: return unit * 200;
    default: return unit * 2e6;
    }
}

#include "part_function_cases.h"
#include "part_matrix_cases.h"

int main(void) {
    const struct CMUnitTest tests[] = {PART_FUNCTION_CASES, PART_MATRIX_CASES};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
