/* Halves of floats as they are stored, against the conversions of src/tensor. The including file
 * defines READ_HALF and WRITE_HALF, the functions of tensor.h for its type. */
#ifndef PART_STORAGE_CASES_H
#define PART_STORAGE_CASES_H

#include "part_cases.h"
#include "tensor/tensor.h"

static void halves_are_those_of_files(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        given stored = (given)bits;
        real value = attend_real(stored), expected = READ_HALF(stored);
        assert_true(same_value(value, expected));
        assert_true(same_value(vreal_of_given((vgiven){0} + stored)[LANES - 1], expected));
        if (isnan(value)) assert_true(isnan(attend_real(attend_given(value))));
        else assert_int_equal(attend_given(value), stored);
    }
}

static void reals_round_to_halves_as_in_files(void **state) {
    (void)state;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 4099) {
        uint32_t word = (uint32_t)bits;
        real x;
        memcpy(&x, &word, sizeof x);
        given stored = attend_given(x);
        if (isnan(x)) assert_true(isnan(attend_real(stored)));
        else assert_int_equal(stored, WRITE_HALF(x));
        assert_int_equal(vgiven_of(vreal_all(x))[1], stored);
    }
}

static void parts_of_stored_vectors_leave_the_rest(void **state) {
    (void)state;
    given from[2 * LANES], to[2 * LANES] = {0};
    for (int i = 0; i < 2 * LANES; i++) from[i] = attend_given((real)(i + 1));
    for (int n = 0; n <= LANES; n++) {
        vreal x = vreal_load_given_part(from + 1, n);
        for (int k = 0; k < LANES; k++) assert_true(x[k] == (k < n ? (real)(k + 2) : 0));
        memset(to, 0, sizeof to);
        vreal_store_given_part(to, vreal_load_given(from), n);
        for (int k = 0; k < LANES; k++) assert_int_equal(to[k], k < n ? from[k] : 0);
    }
}

#define PART_STORAGE_CASES                                                                         \
    PART_CASES, cmocka_unit_test(halves_are_those_of_files),                                       \
        cmocka_unit_test(reals_round_to_halves_as_in_files),                                       \
        cmocka_unit_test(parts_of_stored_vectors_leave_the_rest)

#endif
