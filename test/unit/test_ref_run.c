/* The reference executor: threads, memory, laws, progress, outputs. */
#include "ref_fixture.h"

/* ---- threads --------------------------------------------------------------------------------- */

static void results_are_the_same_bits_for_any_number_of_threads(void **state) {
    world *w = *state;
    declare(w, "q[i,d]");
    declare(w, "k[j,d]");
    declare(w, "v[j,e]");
    declare(w, "group[j]: int");
    axis(w, "g", "50");
    let(w, "s[i,j] = sum[d](q[i,d] * k[j,d])");
    let(w, "p[i,j] = softmax[j where j <= i or j % 7 == 0](s[i,j] - mean[d](q[i,d]))");
    let(w, "o[i,e] = sum[j](p[i,j] * v[j,e])");
    let(w, "long[j] = logsumexp[i](s[i,j]) + sum[i where i <= j](s[i,j])");
    let(w, "z[g,e] = sum[j where group[j] == g](v[j,e])");
    let(w, "c[i,j] = cumsum[j down](s[i,j])");
    let(w, "a[i,j] = argsort[j](s[i,j])");
    let(w, "n[i,j] ~ normal(s[i,j], 1)");
    let(w, "total = sum[i,j](p[i,j] * s[i,j])");
    const char *names[] = {"o", "long", "z", "c", "a", "n", "total"};
    for (int i = 0; i < 7; i++) output(w, names[i]);
    give_noise(w, "q", 2, 97, 8);
    give_noise(w, "k", 2, 101, 8);
    give_noise(w, "v", 2, 101, 5);
    give_noise(w, "group", 1, 101);
    run(w);
    expect_same_everywhere(w);
}

static void dot_products_of_several_rows_are_those_of_one(void **state) {
    world *w = *state;
    declare(w, "q[h,i,d]");
    declare(w, "k[h,j,d]");
    declare(w, "g[t,i,d]");
    axis(w, "u", "size(i) - 9");
    axis(w, "e", "9");
    let(w, "a[h,i,j] = sum[d](q[h,i,d] * k[h,j,d]) + mean[d](q[h,i,d])");
    let(w, "b[h,j,i] = sum[d](q[h,i,d] * k[h,j,d]) * sum[d](k[0,j,d] * q[h,i,d])");
    let(w, "c[u,j] = if j > u then sum[e](q[0,u + e,0] * k[1,j,e]) else -1");
    let(w, "both[i,j] = sum[d](q[0,i,d] * q[0,(i + j) % 20,d])");
    let(w, "m[i,d] = sum[j](q[0,i,j % 12] * k[0,j,d])");
    begin_scan(w, "t");
    let(w, "s[t,i,j] = sum[d](g[t,i,d] * k[t % 2,j,d]) + s[t - 1,i,j | 0]");
    end_scan(w);
    const char *names[] = {"a", "b", "c", "both", "m", "s"};
    for (int i = 0; i < 6; i++) output(w, names[i]);
    give_noise(w, "q", 3, 3, 20, 12);
    give_noise(w, "k", 3, 3, 131, 12);
    give_noise(w, "g", 3, 4, 20, 12);
    run(w);
    expect_same_everywhere(w);
    assert_int_equal(got(w, "a")->count, 3 * 20 * 131);
}

/* One missing element sends the whole unit the general way, which passes over it by the guard. */
static void dot_products_over_missing_elements_go_the_general_way(void **state) {
    world *w = *state;
    declare(w, "x[i,d]");
    let(w, "y[i,d] = x[i, d + if i == 3 and d == 4 then 99 else 0]");
    axis(w, "j", "size(i)");
    let(w, "s[i,j] = sum[d](y[i,d] * x[j,d])");
    let(w, "z[i,j] = if i == 3 then 0 else s[i,j]");
    output(w, "z");
    give_noise(w, "x", 2, 10, 16);
    run(w);
    expect_same_everywhere(w);
    output(w, "s");
    w->s->diag_count = 0;
    assert_false(run_as(w, false));
    assert_non_null(strstr(errors_of(w), "needed for the output `s[i=3, j=0]`"));
}

static void the_first_missing_element_is_told_for_any_number_of_threads(void **state) {
    world *w = *state;
    declare(w, "x[n,m]");
    declare(w, "idx[n,m]: int");
    let(w, "y[n,m] = x[idx[n,m], m]");
    let(w, "z[n,m] = if n >= 120 then y[n,m] * 2 else 0");
    output(w, "z");
    enum { N = 300 };
    double *values = calloc(N * N, sizeof *values);
    for (int i = 0; i < N * N; i++) values[i] = i % 3 == 1 ? i : 0;
    give(w, "idx", values, 2, N, N);
    give(w, "x", values, 2, N, N);
    free(values);
    for (int threads = 1; threads < 6; threads += 2) {
        w->call.threads = threads;
        expect_error(w, "error[E701]: `x` is read outside: its index along `n` is 36001, and "
                        "the size "
                        "of `n` is 300\n"
                        " --> test.attn:1:12\n"
                        "  |\n"
                        "1 | y[n,m] = x[idx[n,m], m]\n"
                        "  |            ^^^^^^^^ this is 36001\n"
                        "  = note: needed for the output `z[n=120, m=1]`\n"
                        "  = hint: `x[… | 0]` reads 0 outside; or keep it out by a guard\n");
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void a_run_that_does_not_fit_is_refused_with_the_array_to_blame(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    axis(w, "i", "size(n) * 1000");
    let(w, "s[i,n] = x[n]");
    let(w, "o = sum[i,n](s[i,n])");
    output(w, "o");
    give_noise(w, "x", 1, 1000);
    w->call.memory_limit = (size_t)1 << 30;
    expect_error(w, "not supported[E710]: this run needs 7.5 GiB for its arrays, and may use "
                    "1.0 GiB\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | s[i,n] = x[n]\n"
                    "  | ^^^^^^\n"
                    "  = note: the largest is `s`: i = 1000000, n = 1000: 7.5 GiB\n");
}

static void extents_whose_product_overflows_are_refused(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    axis(w, "i", "4000000000 + 0 * size(n)");
    axis(w, "j", "4000000000");
    let(w, "s[i,j] = x[0]");
    let(w, "o = sum[i,j](s[i,j])");
    output(w, "o");
    give_noise(w, "x", 1, 1);
    expect_error(w, "not supported[E710]: `s` is larger than any memory can hold, with i = "
                    "4000000000, "
                    "j = 4000000000\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | s[i,j] = x[0]\n"
                    "  | ^^^^^^\n");
}

/* Ten arrays of 8 MB one after the other fit into 20 MB; a repeat's body holds its arrays once. */
static void an_array_is_held_only_from_its_definition_to_its_last_use(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    axis(w, "i", "1000000");
    let(w, "a0[i] = x[0] + i");
    for (int k = 1; k < 10; k++)
        let(w, at_format(w->s->arena, "a%d[i] = a%d[i] + 1", k, k - 1));
    let(w, "o = sum[i](a9[i])");
    output(w, "o");
    give(w, "x", V(1), 1, 1);
    w->call.memory_limit = 20000000;
    run(w);
    EXPECT(w, "o", 1e6 * 10 + 999999.0 * 1000000.0 / 2);
    w->call.memory_limit = 15000000;
    assert_false(run_as(w, false));
}

static void a_repeat_holds_the_arrays_of_its_body_once(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    axis(w, "i", "1000000");
    let(w, "a[i] = x[0] + i");
    begin_repeat(w, "l", 5, "a", NULL);
    let(w, "b[i] = a[i] * 2");
    let(w, "c[i] = b[i] - a[i]");
    let(w, "d[i] = c[i] + 1");
    let(w, "a[i] = d[i]");
    end_repeat(w);
    let(w, "o = a[7]");
    output(w, "o");
    give(w, "x", V(1), 1, 1);
    /* What begins, what is carried, and two more: not b, c, d and the next value at once. */
    w->call.memory_limit = 33000000;
    run(w);
    EXPECT(w, "o", 13);
}

static void marks_of_missing_elements_count_as_they_come(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    axis(w, "i", "1000000");
    let(w, "a[i] = x[i]");
    let(w, "o = sum[i where i < 1](a[i])");
    output(w, "o");
    give(w, "x", V(1), 1, 1);
    w->call.memory_limit = 8500000;
    expect_error(w, "not supported[E710]: this run needs more memory than it may use: many of its "
                    "elements have no value, and each is marked with its cause\n");
}

/* ---- outputs --------------------------------------------------------------------------------- */

static void an_output_may_be_an_input_or_the_same_array_twice(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    let(w, "y[n] = x[n] * 2");
    output(w, "y");
    output(w, "x");
    output(w, "y");
    give(w, "x", V(1, 2), 1, 2);
    run(w);
    assert_int_equal(w->results.outputs.count, 3);
    for (int i = 0; i < 3; i++)
        expect_values(w->results.outputs.items[i].tensor, "output", 2,
                      i == 1 ? V(1, 2) : V(2, 4));
}

/* ---- laws ------------------------------------------------------------------------------------ */

static void laws_hold_within_their_tolerance(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    declare(w, "y[n]");
    assertion(w, "n: x[n] == y[n]");
    assertion(w, "n: x[n] == y[n] within 0.1");
    assertion(w, "n: x[n] <= y[n]");
    assertion(w, "n: x[n] >= y[n]");
    assertion(w, ": sum[n](x[n]) == 3");
    assertion(w, "n: 1 // 1 + 1 <= 2");
    give(w, "x", V(1, 2, INFINITY), 1, 3);
    give(w, "y", V(1, 2.05, INFINITY), 1, 3);
    w->call.inputs = &w->inputs;
    at_checks checks;
    assert_true(at_ref_check(w->s, &w->cascade, &w->call, &checks, NULL));
    assert_int_equal(checks.count, 6);
    const bool expected[] = {false, true, true, false, false, true};
    for (int i = 0; i < 6; i++) {
        assert_ptr_equal(checks.items[i].assertion, w->cascade.body.items[i]);
        assert_int_equal(checks.items[i].holds, expected[i]);
    }
    assert_string_equal(checks.items[0].element, "[n=1]");
    assert_true(checks.items[0].left == 2 && checks.items[0].right == 2.05);
    /* The rms of 1 and 2.05, the finite elements, scales the tolerance. */
    assert_true(fabs(checks.items[0].allowed - 1e-9 * sqrt((1 + 2.05 * 2.05) / 2)) < 1e-20);
    assert_string_equal(checks.items[4].element, "");
}

static void an_assertion_in_a_repeat_is_told_once(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    let(w, "y[n] = x[n]");
    begin_repeat(w, "l", 3, "y", NULL);
    let(w, "y[n] = y[n] + 1");
    assertion(w, "n: y[n] <= 3");
    end_repeat(w);
    give(w, "x", V(1, 2), 1, 2);
    expect_error(w, "error[E708]: `main` does not hold at [n=1]\n"
                    " --> test.attn:1:4\n"
                    "  |\n"
                    "1 | n: y[n] <= 3\n"
                    "  |    ^^^^^^^^^ 4.0 <= 3.0 is not true\n"
                    "  = note: a difference of 3e-09 is allowed\n");
}

static void nan_is_equal_to_nothing(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    assertion(w, "n: x[n] == x[n]");
    assertion(w, "n: x[n] <= inf");
    assertion(w, "n: x[n] == 1 within inf");
    give(w, "x", V(NAN), 1, 1);
    w->call.inputs = &w->inputs;
    at_checks checks;
    assert_true(at_ref_check(w->s, &w->cascade, &w->call, &checks, NULL));
    for (int i = 0; i < 3; i++) assert_false(checks.items[i].holds);
}

static void a_failed_law_is_told_with_its_first_element(void **state) {
    world *w = *state;
    declare(w, "x[n,m]");
    assertion(w, "n, m: x[n,m] == x[m,n]");
    w->cascade.name = "symmetric";
    give(w, "x", V(1, 2, 3, 4), 2, 2, 2);
    expect_error(w, "error[E708]: `symmetric` does not hold at [n=0, m=1]\n"
                    " --> test.attn:1:7\n"
                    "  |\n"
                    "1 | n, m: x[n,m] == x[m,n]\n"
                    "  |       ^^^^^^^^^^^^^^^^ 2.0 == 3.0 is not true\n"
                    "  = note: a difference of 2.74e-09 is allowed\n");
}

static void a_law_needs_the_values_of_both_sides(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    assertion(w, "n: x[n] == x[n + 1]");
    give(w, "x", V(1, 1), 1, 2);
    w->call.inputs = &w->inputs;
    at_checks checks;
    assert_false(at_ref_check(w->s, &w->cascade, &w->call, &checks, NULL));
    assert_non_null(strstr(errors_of(w), "needed for an assertion of `main` at [n=1]"));
}

static void ints_and_bools_are_compared_exactly(void **state) {
    world *w = *state;
    declare(w, "a[n]: int");
    declare(w, "b[n]: bool");
    assertion(w, "n: a[n] == 4611686018427387905");
    assertion(w, "n: a[n] >= 4611686018427387904");
    assertion(w, "n: b[n] == true");
    assertion(w, "n: a[n] - 4611686018427387900 == 1 within 3");
    at_collection_add(w->s, &w->inputs, "a",
                      tensor_of(w, AT_TYPE_I64, 1, (const int64_t[]){1}, V(4611686018427387904.0)));
    give(w, "b", V(1), 1, 1);
    w->call.inputs = &w->inputs;
    at_checks checks;
    assert_true(at_ref_check(w->s, &w->cascade, &w->call, &checks, NULL));
    assert_false(checks.items[0].holds);
    assert_true(checks.items[1].holds && checks.items[2].holds && checks.items[3].holds);
}

/* ---- progress -------------------------------------------------------------------------------- */

static bool stop_at_once(void *user, const char *what, double share) {
    int *calls = user;
    assert_string_equal(what, "evaluating");
    assert_true(share <= 1);
    ++*calls;
    return false;
}

static void a_run_stops_when_progress_says_so(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    axis(w, "i", "4000000");
    axis(w, "j", "4000000");
    let(w, "o = sum[i,j](x[0] * real(i - j))");
    output(w, "o");
    give(w, "x", V(1), 1, 1);
    int calls = 0;
    w->s->progress = stop_at_once;
    w->s->progress_user = &calls;
    expect_error(w, "error[E713]: the run was stopped before its end\n");
    assert_int_equal(calls, 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(results_are_the_same_bits_for_any_number_of_threads),
        TEST(dot_products_of_several_rows_are_those_of_one),
        TEST(dot_products_over_missing_elements_go_the_general_way),
        TEST(the_first_missing_element_is_told_for_any_number_of_threads),
        TEST(a_run_that_does_not_fit_is_refused_with_the_array_to_blame),
        TEST(extents_whose_product_overflows_are_refused),
        TEST(an_array_is_held_only_from_its_definition_to_its_last_use),
        TEST(a_repeat_holds_the_arrays_of_its_body_once),
        TEST(marks_of_missing_elements_count_as_they_come),
        TEST(an_output_may_be_an_input_or_the_same_array_twice),
        TEST(laws_hold_within_their_tolerance),
        TEST(an_assertion_in_a_repeat_is_told_once),
        TEST(nan_is_equal_to_nothing),
        TEST(a_failed_law_is_told_with_its_first_element),
        TEST(a_law_needs_the_values_of_both_sides),
        TEST(ints_and_bools_are_compared_exactly),
        TEST(a_run_stops_when_progress_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
