/* The reference executor: statements that look at whole rows, tables and draws. */
#include "ref_fixture.h"

/* ---- normalisers ----------------------------------------------------------------------------- */

static void softmax_is_exp_over_the_sum_of_exp(void **state) {
    world *w = *state;
    declare(w, "s[i,j]");
    let(w, "p[i,j] = softmax[j](s[i,j])");
    let(w, "l[i,j] = log_softmax[j](s[i,j])");
    let(w, "a[i,j] = softmax[i, j](s[i,j])");
    let(w, "c[i,j] = softmax[i](s[i,j])");
    output(w, "p");
    output(w, "l");
    output(w, "a");
    output(w, "c");
    give(w, "s", V(0, log(3), 1000, 1000), 2, 2, 2);
    run(w);
    EXPECT(w, "p", 0.25, 0.75, 0.5, 0.5);
    EXPECT(w, "l", -log(4), log(0.75), -log(2), -log(2));
    EXPECT(w, "a", 0, 0, 0.5, 0.5);
    EXPECT(w, "c", 0, 0, 1, 1);
    expect_same_everywhere(w);
}

static void a_softmax_over_nothing_or_only_minus_infinity_is_zero(void **state) {
    world *w = *state;
    declare(w, "s[i,j]");
    let(w, "p[i,j] = softmax[j where j < i](s[i,j])");
    let(w, "l[i,j] = log_softmax[j where j < i](s[i,j])");
    output(w, "p");
    output(w, "l");
    give(w, "s", V(1, 2, -INFINITY, 4, -INFINITY, 7), 2, 3, 2);
    run(w);
    EXPECT(w, "p", 0, 0, 0, 0, 0, 1);
    EXPECT(w, "l", -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, 0);
}

static void a_normaliser_carries_nan_within_its_row_only(void **state) {
    world *w = *state;
    declare(w, "s[i,j]");
    let(w, "p[i,j] = softmax[j where j < 2](s[i,j])");
    output(w, "p");
    give(w, "s", V(0, 0, NAN, NAN, 0, 0), 2, 2, 3);
    run(w);
    EXPECT(w, "p", 0.5, 0.5, 0, NAN, NAN, 0);
}

static void one_normaliser_over_a_union_of_axes(void **state) {
    world *w = *state;
    declare(w, "s[i,j]");
    declare(w, "t[m,i]");
    let(w, "p[i,j], r[m,i] = softmax[j where j > 0; m](s[i,j]; t[m,i])");
    let(w, "lp[i,j], lr[m,i] = log_softmax[j where j > 0; m](s[i,j]; t[m,i])");
    let(w, "o[i] = sum[j](p[i,j] * s[i,j])");
    output(w, "p");
    output(w, "r");
    output(w, "lp");
    output(w, "lr");
    output(w, "o");
    give(w, "s", V(INFINITY, 0, NAN, 1), 2, 2, 2);
    give(w, "t", V(log(3), 1, log(4), -INFINITY), 2, 2, 2);
    run(w);
    EXPECT(w, "p", 0, 0.125, 0, 0.5);
    EXPECT(w, "r", 0.375, 0.5, 0.5, 0);
    EXPECT(w, "lp", -INFINITY, -log(8), -INFINITY, -log(2));
    EXPECT(w, "lr", log(0.375), -log(2), -log(2), -INFINITY);
    EXPECT(w, "o", 0, 0.5);
    expect_same_everywhere(w);
}

static void a_missing_score_spoils_its_row_but_not_what_the_guard_leaves_out(void **state) {
    world *w = *state;
    declare(w, "x[j]");
    axis(w, "i", "3");
    let(w, "p[i,j] = softmax[j where j <= i](x[j - 1 + if i == 2 then 1 else 0])");
    let(w, "y[i,j] = if j > i or i == 2 then p[i,j] else 7.0");
    output(w, "y");
    give(w, "x", V(0, 0, 0), 1, 3);
    run(w);
    EXPECT(w, "y", 7, 0, 0, 7, 7, 0, 1. / 3, 1. / 3, 1. / 3);
    output(w, "p");
    w->s->diag_count = 0;
    assert_false(run_as(w, false));
    assert_non_null(strstr(errors_of(w), "its index along `j` is -1"));
    assert_non_null(strstr(errors_of(w), "needed for the output `p[i=0, j=0]`"));
}

/* ---- running folds --------------------------------------------------------------------------- */

static void running_folds_include_their_element_and_pass_over_the_guarded(void **state) {
    world *w = *state;
    declare(w, "x[j]");
    let(w, "a[j] = cumsum[j](x[j])");
    let(w, "b[j] = cumsum[j down](x[j])");
    let(w, "c[j] = cumprod[j where j != 1](x[j])");
    let(w, "d[j] = cummax[j where j > 0](x[j])");
    let(w, "e[j] = cummin[j where j > 0](x[j])");
    output(w, "a");
    output(w, "b");
    output(w, "c");
    output(w, "d");
    output(w, "e");
    give(w, "x", V(2, -1, 3, 0.5), 1, 4);
    run(w);
    EXPECT(w, "a", 2, 1, 4, 4.5);
    EXPECT(w, "b", 4.5, 2.5, 3.5, 0.5);
    EXPECT(w, "c", 2, 2, 6, 3);
    EXPECT(w, "d", -INFINITY, -1, 3, 3);
    EXPECT(w, "e", INFINITY, -1, -1, -1);
}

static void running_folds_over_two_axes_run_row_major(void **state) {
    world *w = *state;
    declare(w, "x[y,z]");
    let(w, "a[y,z] = cumsum[y, z](x[y,z])");
    let(w, "b[z,y] = cumsum[y down, z](x[y,z])");
    output(w, "a");
    output(w, "b");
    give(w, "x", V(1, 2, 3, 4, 5, 6), 2, 2, 3);
    run(w);
    EXPECT(w, "a", 1, 3, 6, 10, 15, 21);
    EXPECT(w, "b", 16, 4, 18, 9, 21, 15);
    expect_same_everywhere(w);
}

static void running_folds_of_ints_are_ints(void **state) {
    world *w = *state;
    declare(w, "x[j]: int");
    let(w, "a[j] = cumsum[j](x[j])");
    let(w, "b[j] = cummax[j where x[j] > 3](x[j])");
    let(w, "int first[j] = if j > 0 then b[j] else -1");
    output(w, "a");
    output(w, "first");
    give(w, "x", V(3, 4, -5, 9), 1, 4);
    run(w);
    assert_int_equal(got(w, "a")->type, AT_TYPE_I64);
    EXPECT(w, "a", 3, 7, 2, 11);
    EXPECT(w, "first", -1, 4, 4, 9);
    output(w, "b");
    expect_error(w, "error[E705]: the largest or smallest of no ints does not exist\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | b[j] = cummax[j where x[j] > 3](x[j])\n"
                    "  | ^^^^\n"
                    "  = note: needed for the output `b[j=0]`\n"
                    "  = hint: over nothing, reals give -inf or inf: real(…) makes them of ints\n");
}

static void cummax_carries_nan_and_a_missing_value_reaches_all_that_follow(void **state) {
    world *w = *state;
    declare(w, "x[j]");
    let(w, "a[j] = cummax[j](x[j])");
    let(w, "b[j] = cumsum[j](x[if j == 2 then 99 else j])");
    let(w, "c[j] = if j < 2 then b[j] else 0");
    output(w, "a");
    output(w, "c");
    give(w, "x", V(1, NAN, 3, 0), 1, 4);
    run(w);
    EXPECT(w, "a", 1, NAN, NAN, NAN);
    EXPECT(w, "c", 1, NAN, 0, 0);
    output(w, "b");
    w->s->diag_count = 0;
    assert_false(run_as(w, false));
    assert_non_null(strstr(errors_of(w), "needed for the output `b[j=2]`"));
}

/* ---- orders ---------------------------------------------------------------------------------- */

static void argsort_is_stable_with_nan_last_and_then_the_guarded(void **state) {
    world *w = *state;
    declare(w, "x[j]");
    declare(w, "k[j]: int");
    declare(w, "g[y,z]");
    let(w, "a[j] = argsort[j where j != 3](x[j])");
    let(w, "b[j] = argsort[j](k[j])");
    let(w, "c[y,z] = argsort[y, z](g[y,z])");
    output(w, "a");
    output(w, "b");
    output(w, "c");
    give(w, "x", V(2, NAN, 1, 0, 2, INFINITY, -INFINITY), 1, 7);
    give(w, "k", V(3, 1, 3, 1, 2, 1, 0), 1, 7);
    give(w, "g", V(4, 3, 2, 1), 2, 2, 2);
    run(w);
    EXPECT(w, "a", 6, 2, 0, 4, 5, 1, -1);
    EXPECT(w, "b", 6, 1, 3, 5, 4, 0, 2);
    EXPECT(w, "c", 3, 2, 1, 0);
    expect_same_everywhere(w);
}

static void topk_gives_indices_of_the_largest_and_minus_one_for_missing(void **state) {
    world *w = *state;
    declare(w, "s[i,j]");
    axis(w, "r", "3");
    let(w, "t[i,r] = topk[j where j != 1 or i == 0](s[i,j])");
    let(w, "two[r] = topk[i, j](s[i,j])");
    let(w, "v[i,r] = sum[j where j == t[i,r]](s[i,j])");
    output(w, "t");
    output(w, "two");
    output(w, "v");
    give(w, "s", V(1, 5, 5, NAN, 2, 7, -INFINITY, 9, 4), 2, 3, 3);
    run(w);
    EXPECT(w, "t", 1, 2, 0, 2, 0, -1, 2, 0, -1);
    EXPECT(w, "two", 7, 5, 1);
    EXPECT(w, "v", 5, 5, 1, 7, NAN, 0, 4, -INFINITY, 0);
    expect_same_everywhere(w);
}

static void sorting_agrees_with_counting(void **state) {
    world *w = *state;
    declare(w, "x[j]");
    axis(w, "k", "size(j)");
    let(w, "a[j] = argsort[j](x[j])");
    let(w, "int rank[j] = count[k where x[k] < x[j] or x[k] == x[j] and k < j](true)");
    let(w, "bool same = all[j](rank[a[j]] == j)");
    output(w, "same");
    give_noise(w, "x", 1, 301);
    run(w);
    EXPECT(w, "same", 1);
}

/* ---- tables and draws ------------------------------------------------------------------------ */

static void tables_fill_row_major(void **state) {
    world *w = *state;
    axis(w, "r", "2");
    axis(w, "c", "3");
    let(w, "t[r,c] = table(1, 2, 3, 4.5, -5, 6)");
    let(w, "u[c] = table(1, 2, 3)");
    output(w, "t");
    output(w, "u");
    run(w);
    EXPECT(w, "t", 1, 2, 3, 4.5, -5, 6);
    EXPECT(w, "u", 1, 2, 3);
    assert_int_equal(got(w, "u")->type, AT_TYPE_I64);
    let(w, "bad[r] = table(1, 2, 3)");
    expect_error(w, "error[E709]: this table has 3 values, and `bad` has 2 elements\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | bad[r] = table(1, 2, 3)\n"
                    "  | ^^^^^^\n");
}

static void draws_depend_on_seed_run_and_index_and_nothing_else(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    let(w, "e[n] ~ normal(x[n], 2)");
    let(w, "u[n] ~ uniform(-1, 3)");
    let(w, "b[n] ~ bernoulli(0.25)");
    let(w, "g[n] ~ gumbel()");
    output(w, "e");
    output(w, "u");
    output(w, "b");
    output(w, "g");
    give_noise(w, "x", 1, 1000);
    run(w);
    expect_same_everywhere(w);
    const double *x = at_collection_find(&w->inputs, "x")->data;
    uint64_t key = at_draw_key(0, 0, "e");
    for (int i = 0; i < 5; i++) {
        double z = at_draw_value(key, at_draw_element(0, (uint64_t)i), AT_DRAW_NORMAL);
        assert_true(element(got(w, "e"), i) == x[i] + 2 * z);
    }
    double before = element(got(w, "e"), 7), u = element(got(w, "u"), 7);
    w->call.run = 1;
    run(w);
    assert_true(before != element(got(w, "e"), 7));
    w->call.run = 0;
    w->call.seed = 1;
    run(w);
    assert_true(u != element(got(w, "u"), 7));
    assert_int_equal(got(w, "b")->type, AT_TYPE_BOOL);
    int some = 0;
    for (int i = 0; i < 1000; i++) {
        some += element(got(w, "b"), i) != 0;
        assert_true(element(got(w, "u"), i) >= -1 && element(got(w, "u"), i) < 3);
    }
    assert_in_range(some, 200, 300);
}

static void a_draw_stays_when_an_axis_grows(void **state) {
    world *w = *state;
    declare(w, "x[n,m]");
    let(w, "e[n,m] ~ normal(0, 1)");
    output(w, "e");
    give_noise(w, "x", 2, 2, 3);
    run(w);
    double at = element(got(w, "e"), 1 * 3 + 2);
    at_collection_free(&w->inputs);
    w->inputs = (at_collection){0};
    give_noise(w, "x", 2, 5, 7);
    run(w);
    assert_true(at == element(got(w, "e"), 1 * 7 + 2));
}

static void a_draw_whose_parameter_is_missing_is_missing(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    let(w, "e[n] ~ normal(x[n + 1], 1)");
    let(w, "y = e[0]");
    output(w, "y");
    give(w, "x", V(1, 2), 1, 2);
    run(w);
    output(w, "e");
    w->s->diag_count = 0;
    assert_false(run_as(w, false));
    assert_non_null(strstr(errors_of(w), "needed for the output `e[n=1]`"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(softmax_is_exp_over_the_sum_of_exp),
        TEST(a_softmax_over_nothing_or_only_minus_infinity_is_zero),
        TEST(a_normaliser_carries_nan_within_its_row_only),
        TEST(one_normaliser_over_a_union_of_axes),
        TEST(a_missing_score_spoils_its_row_but_not_what_the_guard_leaves_out),
        TEST(running_folds_include_their_element_and_pass_over_the_guarded),
        TEST(running_folds_over_two_axes_run_row_major),
        TEST(running_folds_of_ints_are_ints),
        TEST(cummax_carries_nan_and_a_missing_value_reaches_all_that_follow),
        TEST(argsort_is_stable_with_nan_last_and_then_the_guarded),
        TEST(topk_gives_indices_of_the_largest_and_minus_one_for_missing),
        TEST(sorting_agrees_with_counting),
        TEST(tables_fill_row_major),
        TEST(draws_depend_on_seed_run_and_index_and_nothing_else),
        TEST(a_draw_stays_when_an_axis_grows),
        TEST(a_draw_whose_parameter_is_missing_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
