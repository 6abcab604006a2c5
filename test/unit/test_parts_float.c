/* Parts of emitted files for reals of 32 bits. */
#define REAL_IS_FLOAT 1
#define GIVEN_IS_DOUBLE 0
#define GIVEN_IS_FLOAT 1
#define GIVEN_IS_BF16 0
#define GIVEN_IS_F16 0
#define GIVEN_IS_HALF 0
#include "part_cases.h"

int main(void) {
    const struct CMUnitTest tests[] = {PART_CASES};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
