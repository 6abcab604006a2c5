/* The basic parts themselves, for whatever types were chosen before this was included. */
#ifndef PART_CASES_H
#define PART_CASES_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "emit/parts/types.h"
#include "emit/parts/vector.h"
#include "emit/parts/storage.h"

static bool same_value(real a, real b) {
    return (isnan(a) && isnan(b)) || (a == b && !signbit(a) == !signbit(b));
}

static void a_part_of_a_vector_leaves_the_rest(void **state) {
    (void)state;
    real from[3 * LANES], to[3 * LANES];
    for (int i = 0; i < 3 * LANES; i++) from[i] = (real)(i + 1);
    for (int n = 0; n <= LANES; n++) {
        memset(to, 0, sizeof to);
        vreal x = vreal_load_part(from + 1, n);
        for (int k = 0; k < LANES; k++) assert_true(x[k] == (k < n ? from[1 + k] : 0));
        vreal_store_part(to + LANES, vreal_load(from + 3), n);
        for (int k = -LANES; k < 2 * LANES; k++)
            assert_true(to[LANES + k] == (k >= 0 && k < n ? from[3 + k] : 0));
        assert_int_equal(vmask_number(vmask_first(n)), n);
        assert_true(vmask_every(vmask_first(n)) == (n == LANES));
        assert_true(vmask_any(vmask_first(n)) == (n > 0));
    }
}

static void smallest_and_largest_keep_nan_and_the_first(void **state) {
    (void)state;
    const real x[] = {0, (real)-0.0, 1, -2, (real)INFINITY, (real)-INFINITY, (real)NAN};
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 7; k++) {
            real a = x[i], b = x[k];
            real least = vreal_min(vreal_all(a), vreal_all(b))[LANES - 1];
            real largest = vreal_max(vreal_all(a), vreal_all(b))[LANES - 1];
            assert_true(same_value(least, isnan(a) || a <= b ? a : b));
            assert_true(same_value(largest, isnan(a) || a >= b ? a : b));
        }
}

static void lanes_fold(void **state) {
    (void)state;
    vreal x;
    real sum = 0, product = 1;
    for (int k = 0; k < LANES; k++) {
        x[k] = k % 2 ? 2 : (real)(k - 3);
        sum += x[k];
        product *= x[k];
    }
    assert_true(vreal_sum(x) == sum);
    assert_true(vreal_product(x) == product);
    assert_true(vreal_least(x) == -3);
    x[LANES - 1] = (real)NAN;
    assert_true(isnan(vreal_least(x)) && isnan(vreal_largest(x)) && isnan(vreal_sum(x)));
}

static void only_chosen_elements_are_gathered(void **state) {
    (void)state;
    const real from[] = {5, 6, 7};
    vint at = vint_all(INT64_MAX);
    at[0] = 2;
    vreal x = vreal_gather(from, at, vmask_first(1));
    assert_true(x[0] == 7 && x[LANES - 1] == 0);
}

#define PART_CASES                                                                                 \
    cmocka_unit_test(a_part_of_a_vector_leaves_the_rest),                                          \
        cmocka_unit_test(smallest_and_largest_keep_nan_and_the_first),                             \
        cmocka_unit_test(lanes_fold), cmocka_unit_test(only_chosen_elements_are_gathered)

#endif
