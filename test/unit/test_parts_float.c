/* Parts of emitted files for reals of 32 bits. */
#define REAL_IS_FLOAT 1
#define GIVEN_IS_DOUBLE 0
#define GIVEN_IS_FLOAT 1
#define GIVEN_IS_BF16 0
#define GIVEN_IS_F16 0
#define GIVEN_IS_HALF 0
#define WIDE double
#define WIDE_(f) f
#define DIGITS 24
#define LEAST_EXPONENT -126
#define REAL_OF(n) real_of(n)

#include <stdint.h>
#include <string.h>

/* Floats by their bits, far apart. */
static inline float real_of(int64_t n) {
    uint32_t bits = (uint32_t)n * 1073u;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#include "part_function_cases.h"
#include "part_matrix_cases.h"

int main(void) {
    const struct CMUnitTest tests[] = {PART_FUNCTION_CASES, PART_MATRIX_CASES};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
