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
#include "emit/parts/lanes.h"
#include "emit/parts/running.h"

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

/* Lane by lane, with the infinities and NaN that a lane has only from those that run up to it. */
static void lanes_run(void **state) {
    (void)state;
    for (int down = 0; down < 2; down++)
        for (int where = -1; where < 3 * LANES; where++) {
            real sum = 1, product = 1, least = 3, largest = 3;
            real sums = 1, products = 1, leasts = 3, largests = 3;
            for (int v = 0; v < 3; v++) {
                vreal x;
                for (int k = 0; k < LANES; k++) x[k] = (real)((7 * (v + k) % 5) - 2) / 2;
                for (int k = 0; k < LANES; k++)
                    if (v * LANES + k == where) x[k] = where % 2 ? (real)INFINITY : (real)NAN;
                vreal all[] = {vreal_running_sum(x, down, &sums),
                               vreal_running_product(x, down, &products),
                               vreal_running_least(x, down, &leasts),
                               vreal_running_largest(x, down, &largests)};
                for (int i = 0; i < LANES; i++) {
                    int k = down ? LANES - 1 - i : i;
                    sum += x[k];
                    product *= x[k];
                    least = isnan(least) || least <= x[k] ? least : x[k];
                    largest = isnan(largest) || largest >= x[k] ? largest : x[k];
                    real expected[] = {sum, product, least, largest};
                    for (int n = 0; n < 4; n++)
                        assert_true(all[n][k] == expected[n] ||
                                    (isnan(all[n][k]) && isnan(expected[n])));
                }
            }
            assert_true(sums == sum || isnan(sum));
            assert_true(largests == largest || isnan(largest));
        }
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
        cmocka_unit_test(lanes_fold), cmocka_unit_test(lanes_run),                                 \
        cmocka_unit_test(only_chosen_elements_are_gathered)

#endif
