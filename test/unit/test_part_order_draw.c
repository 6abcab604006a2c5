/* The parts that put rows in order and that draw, against what the reference executor uses. */
#define _DEFAULT_SOURCE
#define REAL_IS_FLOAT 0
#define GIVEN_IS_DOUBLE 1
#define GIVEN_IS_FLOAT 0
#define GIVEN_IS_BF16 0
#define GIVEN_IS_F16 0
#define GIVEN_IS_HALF 0
#include "call/call.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emit/parts/types.h"
#include "emit/parts/order.h"
#include "emit/parts/draw.h"

enum { MOST = 100 };

/* Few values, so that there are ties, and NaN. */
static void fill(real *key, int64_t *whole, int64_t *order, int count, int seed) {
    for (int i = 0; i < count; i++) {
        int value = (i * 37 + seed * 11) % 13 - 6;
        key[i] = value == 5 ? (real)NAN : (real)value / 2;
        whole[i] = value;
        order[i] = i;
    }
}

static void orders_are_stable_with_nan_last(void **state) {
    (void)state;
    real key[MOST];
    int64_t whole[MOST], order[MOST], spare[MOST];
    for (int count = 0; count < MOST; count++)
        for (int falling = 0; falling < 2; falling++) {
            fill(key, whole, order, count, count);
            attend_sort_real(key, order, spare, count, falling);
            for (int i = 1; i < count; i++) {
                real a = key[order[i - 1]], b = key[order[i]];
                bool tie = a == b || (isnan(a) && isnan(b));
                assert_true(tie ? order[i - 1] < order[i]
                                : isnan(b) || (falling ? a > b : a < b));
            }
            fill(key, whole, order, count, count);
            attend_sort_int(whole, order, spare, count, falling);
            for (int i = 1; i < count; i++) {
                int64_t a = whole[order[i - 1]], b = whole[order[i]];
                assert_true(a == b ? order[i - 1] < order[i] : falling ? a > b : a < b);
            }
        }
}

static void the_largest_are_the_front_of_the_falling_order(void **state) {
    (void)state;
    real key[MOST];
    int64_t whole[MOST], sorted[MOST], order[MOST], spare[MOST];
    for (int count = 0; count < MOST; count += 3)
        for (int wanted = 0; wanted < 40; wanted++) {
            fill(key, whole, sorted, count, count);
            fill(key, whole, order, count, count);
            attend_sort_real(key, sorted, spare, count, true);
            attend_largest_real(key, order, spare, count, wanted);
            for (int i = 0; i < wanted && i < count; i++)
                assert_int_equal(order[i], sorted[i]);
            fill(key, whole, sorted, count, count);
            fill(key, whole, order, count, count);
            attend_sort_int(whole, sorted, spare, count, true);
            attend_largest_int(whole, order, spare, count, wanted);
            for (int i = 0; i < wanted && i < count; i++)
                assert_int_equal(order[i], sorted[i]);
        }
}

static void draws_are_those_of_the_call(void **state) {
    (void)state;
    const char *const paths[] = {"", "e", "block[].attention#2.e"};
    for (uint64_t seed = 0; seed < 3; seed++)
        for (int path = 0; path < 3; path++) {
            uint64_t key = at_draw_key(seed, seed * 7, paths[path]);
            assert_true(key == attend_draw_key(seed, seed * 7, paths[path]));
            for (uint64_t i = 0; i < 20; i++) {
                uint64_t element = at_draw_element(at_draw_element(0, i), i * i);
                int64_t at = attend_draw_at(attend_draw_at(0, (int64_t)i), (int64_t)(i * i));
                assert_true(element == (uint64_t)at);
                double normal = at_draw_value(key, element, AT_DRAW_NORMAL);
                double uniform = at_draw_value(key, element, AT_DRAW_UNIFORM);
                assert_true(attend_draw_normal(key, at, 3, 2) ==
                            at_draw_scaled(AT_DRAW_NORMAL, normal, 3, 2));
                assert_true(attend_draw_uniform(key, at, -1, 2) ==
                            at_draw_scaled(AT_DRAW_UNIFORM, uniform, -1, 2));
                assert_true(attend_draw_bernoulli(key, at, 0.3) ==
                            (at_draw_scaled(AT_DRAW_BERNOULLI, uniform, 0.3, 0) != 0));
                assert_true(attend_draw_gumbel(key, at) ==
                            at_draw_value(key, element, AT_DRAW_GUMBEL));
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_stable_with_nan_last),
        cmocka_unit_test(the_largest_are_the_front_of_the_falling_order),
        cmocka_unit_test(draws_are_those_of_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
