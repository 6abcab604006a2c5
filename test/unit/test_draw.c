/* Draws: known answers of the generator, distributions, and what a draw depends on. */
#include "call/call.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 200000 };

/* Philox4x32-10 of counter 0 under key 0 begins 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (kat_vectors of
 * Random123). */
static void the_generator_gives_the_published_bits(void **state) {
    (void)state;
    uint64_t bits = (uint64_t)0xe169c58d << 32 | 0x6627e8d5;
    double expected = (double)(bits >> 11) * 0x1p-53;
    assert_true(at_draw_value(0, 0, AT_DRAW_UNIFORM) == expected);
    uint64_t second = (uint64_t)0x9b00dbd8 << 32 | 0xbc57ac4c;
    double angle = 2 * acos(-1.0) * ((double)(second >> 11) * 0x1p-53);
    double normal = sqrt(-2 * log(1 - expected)) * cos(angle);
    assert_true(fabs(at_draw_value(0, 0, AT_DRAW_NORMAL) - normal) < 1e-15);
}

static void moments(at_draw draw, double *mean, double *variance) {
    uint64_t key = at_draw_key(7, 0, "test");
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        double x = at_draw_value(key, at_draw_element(0, i), draw);
        sum += x;
        squares += x * x;
    }
    *mean = sum / MANY;
    *variance = squares / MANY - *mean * *mean;
}

static void distributions_have_their_moments(void **state) {
    (void)state;
    double mean, variance, pi = acos(-1.0);
    moments(AT_DRAW_NORMAL, &mean, &variance);
    assert_true(fabs(mean) < 0.01 && fabs(variance - 1) < 0.02);
    moments(AT_DRAW_UNIFORM, &mean, &variance);
    assert_true(fabs(mean - 0.5) < 0.003 && fabs(variance - 1.0 / 12) < 0.001);
    moments(AT_DRAW_GUMBEL, &mean, &variance);
    assert_true(fabs(mean - 0.5772156649) < 0.015 && fabs(variance - pi * pi / 6) < 0.04);
}

static void uniform_covers_its_interval_evenly(void **state) {
    (void)state;
    int bins[64] = {0};
    uint64_t key = at_draw_key(0, 3, "block[].e");
    for (uint64_t i = 0; i < MANY; i++)
        bins[(int)(64 * at_draw_value(key, at_draw_element(5, i), AT_DRAW_UNIFORM))]++;
    double chi = 0, expected = MANY / 64.0;
    for (int i = 0; i < 64; i++) chi += (bins[i] - expected) * (bins[i] - expected) / expected;
    assert_true(chi > 30 && chi < 115); /* 63 degrees of freedom: 5 sigma */
}

static void neighbours_are_not_correlated(void **state) {
    (void)state;
    uint64_t key = at_draw_key(1, 0, "x");
    double across = 0, along = 0, keys = 0;
    uint64_t other = at_draw_key(2, 0, "x");
    for (uint64_t i = 0; i < MANY / 4; i++) {
        double x = at_draw_value(key, at_draw_element(at_draw_element(0, i), 0), AT_DRAW_NORMAL);
        double y = at_draw_value(key, at_draw_element(at_draw_element(0, i), 1), AT_DRAW_NORMAL);
        double z =
            at_draw_value(key, at_draw_element(at_draw_element(0, i + 1), 0), AT_DRAW_NORMAL);
        double v = at_draw_value(other, at_draw_element(at_draw_element(0, i), 0), AT_DRAW_NORMAL);
        across += x * y;
        along += x * z;
        keys += x * v;
    }
    double sigma = sqrt(MANY / 4);
    assert_true(fabs(across) < 5 * sigma && fabs(along) < 5 * sigma && fabs(keys) < 5 * sigma);
}

static void keys_tell_seed_run_and_path_apart(void **state) {
    (void)state;
    uint64_t keys[] = {at_draw_key(0, 0, "a"), at_draw_key(1, 0, "a"), at_draw_key(0, 1, "a"),
                       at_draw_key(0, 0, "b"), at_draw_key(0, 0, "aa"), at_draw_key(0, 0, "")};
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < i; k++) assert_true(keys[i] != keys[k]);
    assert_true(keys[0] == at_draw_key(0, 0, "a"));
}

static void elements_tell_places_apart(void **state) {
    (void)state;
    uint64_t ij = at_draw_element(at_draw_element(0, 1), 2);
    uint64_t ji = at_draw_element(at_draw_element(0, 2), 1);
    assert_true(ij != ji && ij != at_draw_element(0, 1) && ij != at_draw_element(0, 2));
}

static void parameters_scale_a_standard_draw(void **state) {
    (void)state;
    assert_true(at_draw_scaled(AT_DRAW_NORMAL, 1.5, 10, 2) == 13);
    assert_true(at_draw_scaled(AT_DRAW_UNIFORM, 0.25, -1, 3) == 0);
    assert_true(at_draw_scaled(AT_DRAW_UNIFORM, 1 - 0x1p-53, 1, 1 + 0x1p-52) < 1 + 0x1p-52);
    assert_true(at_draw_scaled(AT_DRAW_UNIFORM, 0.5, 2, 2) == 2);
    assert_true(at_draw_scaled(AT_DRAW_BERNOULLI, 0.3, 0.3, 0) == 0);
    assert_true(at_draw_scaled(AT_DRAW_BERNOULLI, 0.29, 0.3, 0) == 1);
    assert_true(at_draw_scaled(AT_DRAW_BERNOULLI, 0, 0, 0) == 0);
    assert_true(at_draw_scaled(AT_DRAW_GUMBEL, 0.7, 0, 0) == 0.7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_gives_the_published_bits),
        cmocka_unit_test(distributions_have_their_moments),
        cmocka_unit_test(uniform_covers_its_interval_evenly),
        cmocka_unit_test(neighbours_are_not_correlated),
        cmocka_unit_test(keys_tell_seed_run_and_path_apart),
        cmocka_unit_test(elements_tell_places_apart),
        cmocka_unit_test(parameters_scale_a_standard_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
