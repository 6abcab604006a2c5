/* Parts of emitted files for reals stored as f16. */
#define REAL_IS_FLOAT 1
#define GIVEN_IS_DOUBLE 0
#define GIVEN_IS_FLOAT 0
#define GIVEN_IS_BF16 0
#define GIVEN_IS_F16 1
#define GIVEN_IS_HALF 1
#define READ_HALF at_half_to_float
#define WRITE_HALF at_float_to_half
#include "part_storage_cases.h"

int main(void) {
    const struct CMUnitTest tests[] = {PART_STORAGE_CASES};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
