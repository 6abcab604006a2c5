/* The reference executor: scans, repeats, states. */
#include "ref_fixture.h"

/* ---- scans ----------------------------------------------------------------------------------- */

static void a_scan_reads_what_is_earlier(void **state) {
    world *w = *state;
    declare(w, "a[t,n]");
    declare(w, "x[t,n]");
    begin_scan(w, "t");
    let(w, "h[t,n] = a[t,n] * h[t - 1, n | 0] + x[t,n]");
    end_scan(w);
    output(w, "h");
    give(w, "a", V(1, 1, 2, 3, 4, 5), 2, 3, 2);
    give(w, "x", V(1, 2, 3, 4, 5, 6), 2, 3, 2);
    run(w);
    EXPECT(w, "h", 1, 2, 5, 10, 25, 56);
    expect_same_everywhere(w);
}

static void a_scan_down_runs_from_the_end(void **state) {
    world *w = *state;
    declare(w, "x[t]");
    begin_scan(w, "t down");
    let(w, "h[t] = h[t + 1 | 0] * 2 + x[t]");
    end_scan(w);
    output(w, "h");
    give(w, "x", V(1, 2, 3), 1, 3);
    run(w);
    EXPECT(w, "h", 17, 8, 3);
}

static void a_lattice_is_walked_in_lexicographic_order(void **state) {
    world *w = *state;
    declare(w, "x[t,u]");
    begin_scan(w, "t down, u");
    let(w, "h[t,u] = h[t + 1, u | 0] + h[t, u - 1 | 0] + x[t,u]");
    end_scan(w);
    output(w, "h");
    give(w, "x", V(1, 1, 1, 1, 1, 1), 2, 2, 3);
    run(w);
    EXPECT(w, "h", 2, 5, 9, 1, 2, 3);
}

static void a_scan_may_read_all_of_its_past(void **state) {
    world *w = *state;
    declare(w, "x[t]");
    axis(w, "u", "size(t)");
    begin_scan(w, "t");
    let(w, "c[t] = x[t] + sum[u where u < t](c[u] * 1)");
    let(w, "d[t] = c[t] + d[t // 2 - 1 | 0]");
    end_scan(w);
    output(w, "c");
    output(w, "d");
    give(w, "x", V(1, 1, 1, 1), 1, 4);
    run(w);
    EXPECT(w, "c", 1, 2, 4, 8);
    EXPECT(w, "d", 1, 2, 5, 9);
    expect_same_everywhere(w);
}

static void a_scan_that_reads_its_future_is_told_so(void **state) {
    world *w = *state;
    declare(w, "x[t]");
    begin_scan(w, "t");
    let(w, "h[t] = x[t] + h[t + 1 | 0]");
    end_scan(w);
    output(w, "h");
    give(w, "x", V(1, 2, 3), 1, 3);
    expect_error(w, "error[E706]: `h` is read at t = 1, which is not computed yet at t = 0\n"
                    " --> test.attn:1:17\n"
                    "  |\n"
                    "1 | h[t] = x[t] + h[t + 1 | 0]\n"
                    "  |                 ^^^^^\n"
                    "  = note: needed for the output `h[t=0]`\n"
                    "  = hint: a scan may only read what is earlier\n");
}

static void within_a_step_equations_are_in_order(void **state) {
    world *w = *state;
    declare(w, "x[t]");
    begin_scan(w, "t");
    let(w, "a[t] = x[t] + a[t - 1 | 0]");
    let(w, "b[t] = a[t] * 10 + b[0 * t | 0] * 0");
    end_scan(w);
    output(w, "a");
    give(w, "x", V(1, 2), 1, 2);
    run(w);
    EXPECT(w, "a", 1, 3);
    output(w, "b");
    w->s->diag_count = 0;
    assert_false(run_as(w, false));
    assert_non_null(
        strstr(errors_of(w), "`b` is read at t = 0, which is not computed yet at t = 0"));
}

static void a_scan_of_no_steps_gives_an_empty_array(void **state) {
    world *w = *state;
    declare(w, "x[t]");
    begin_scan(w, "t");
    let(w, "h[t] = x[t] + h[t - 1 | 0]");
    end_scan(w);
    output(w, "h");
    give(w, "x", V(1), 1, 0);
    run(w);
    assert_int_equal(got(w, "h")->count, 0);
}

static void statements_of_every_kind_work_in_a_scan(void **state) {
    world *w = *state;
    declare(w, "x[t,j]");
    axis(w, "r", "1");
    begin_scan(w, "t");
    promise(w, "p[t,j]");
    let(w, "p[t,j] = softmax[j where j <= t](x[t,j] + p[t - 1, j | 0])");
    let(w, "c[t,j] = cumsum[j](p[t,j])");
    let(w, "k[t,r] = topk[j](c[t,j])");
    let(w, "e[t] ~ normal(0, 1)");
    let(w, "z[t] = sum[j where j == k[t,0]](x[t,j]) + e[t]");
    end_scan(w);
    output(w, "p");
    output(w, "k");
    output(w, "z");
    give(w, "x", V(0, 0, 0, 0, 0, 0), 2, 2, 3);
    run(w);
    double a = exp(1) / (exp(1) + 1);
    EXPECT(w, "p", 1, 0, 0, a, 1 - a, 0);
    EXPECT(w, "k", 0, 1);
    double e = at_draw_value(at_draw_key(0, 0, "e"), at_draw_element(0, 1), AT_DRAW_NORMAL);
    assert_true(element(got(w, "z"), 1) == e);
    expect_same_everywhere(w);
}

/* ---- repeats --------------------------------------------------------------------------------- */

static void a_repeat_carries_and_collects(void **state) {
    world *w = *state;
    declare(w, "x0[n]");
    let(w, "x[n] = x0[n]");
    begin_repeat(w, "l", 3, "x", NULL);
    let(w, "y[n] = x[n] * 2");
    let(w, "hs[l,n] = y[n] + l");
    let(w, "x[n] = y[n] + 1");
    end_repeat(w);
    output(w, "x");
    output(w, "hs");
    output(w, "y");
    give(w, "x0", V(1, 2), 1, 2);
    run(w);
    EXPECT(w, "x", 15, 23);
    EXPECT(w, "hs", 2, 4, 7, 11, 16, 24);
    EXPECT(w, "y", 14, 22);
    expect_same_everywhere(w);
}

static void while_is_tested_before_each_round(void **state) {
    world *w = *state;
    declare(w, "x0");
    let(w, "x = x0");
    begin_repeat(w, "l", 10, "x", "x < 10");
    let(w, "hs[l] = x + 100");
    let(w, "inner = x");
    let(w, "x = x * 2");
    end_repeat(w);
    output(w, "x");
    output(w, "hs");
    give(w, "x0", V(3), 0);
    run(w);
    EXPECT(w, "x", 12);
    EXPECT(w, "hs", 103, 106, 0, 0, 0, 0, 0, 0, 0, 0);
    at_collection_free(&w->inputs);
    w->inputs = (at_collection){0};
    give(w, "x0", V(50), 0);
    run(w);
    EXPECT(w, "x", 50);
    EXPECT(w, "hs", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    let(w, "y = inner + 1");
    output(w, "y");
    expect_error(w, "error[E707]: `inner` is first defined in a repeat, and no round of it ran\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | inner = x\n"
                    "  | ^^^^^\n"
                    "  = note: needed for the output `y`\n"
                    "  = hint: define it before the repeat as well\n");
}

static void a_condition_without_a_value_is_an_error(void **state) {
    world *w = *state;
    declare(w, "v[n]");
    let(w, "int k = 0");
    begin_repeat(w, "l", 10, "k", "v[k] > 0");
    let(w, "int k = k + 1");
    end_repeat(w);
    output(w, "k");
    give(w, "v", V(1, 1), 1, 2);
    expect_error(w, "error[E701]: `v` is read outside: its index along `n` is 2, and the size "
                    "of `n` is 2\n"
                    " --> test.attn:1:3\n"
                    "  |\n"
                    "1 | v[k] > 0\n"
                    "  |   ^ this is 2\n"
                    "  = note: needed for the `while` of this repeat, before round 2\n"
                    "  = hint: `v[… | 0]` reads 0 outside; or keep it out by a guard\n");
}

static void repeats_nest_and_carry_through_each_other(void **state) {
    world *w = *state;
    declare(w, "x0");
    let(w, "x = x0");
    begin_repeat(w, "a", 2, "x", NULL);
    begin_repeat(w, "b", 3, "x", NULL);
    let(w, "x = x + 10 * a + b");
    let(w, "all[a,b] = x");
    end_repeat(w);
    end_repeat(w);
    output(w, "x");
    output(w, "all");
    give(w, "x0", V(1), 0);
    run(w);
    EXPECT(w, "all", 1, 2, 4, 14, 25, 37);
    EXPECT(w, "x", 37);
}

static void a_scan_in_a_repeat_runs_anew_in_each_round(void **state) {
    world *w = *state;
    declare(w, "x0[t]");
    let(w, "x[t] = x0[t]");
    begin_repeat(w, "l", 2, "x", NULL);
    begin_scan(w, "t");
    let(w, "h[t] = x[t] + h[t - 1 | 0]");
    end_scan(w);
    let(w, "x[t] = h[t]");
    end_repeat(w);
    output(w, "x");
    give(w, "x0", V(1, 1, 1), 1, 3);
    run(w);
    EXPECT(w, "x", 1, 3, 6);
}

static void a_repeat_in_a_scan_carries_its_step(void **state) {
    world *w = *state;
    declare(w, "x[t]");
    begin_scan(w, "t");
    promise(w, "h[t]");
    let(w, "y[t] = x[t] + h[t - 1 | 0]");
    begin_repeat(w, "l", 2, "y", NULL);
    let(w, "y[t] = y[t] * 2");
    end_repeat(w);
    let(w, "h[t] = y[t]");
    end_scan(w);
    output(w, "h");
    output(w, "y");
    give(w, "x", V(1, 1, 1), 1, 3);
    run(w);
    EXPECT(w, "h", 4, 20, 84);
    EXPECT(w, "y", 4, 20, 84);
}

static void structural_zeros_and_missing_values_are_carried(void **state) {
    world *w = *state;
    declare(w, "v[j]");
    let(w, "p[j] = softmax[j where j > 0](0)");
    let(w, "b[j] = v[j]");
    begin_repeat(w, "l", 2, "p, b", NULL);
    let(w, "p[j] = p[j] * 2");
    let(w, "b[j] = b[j - 1]");
    end_repeat(w);
    let(w, "o[j] = p[j] * v[j]");
    let(w, "last = b[2]");
    output(w, "o");
    output(w, "last");
    give(w, "v", V(NAN, 1, 3), 1, 3);
    run(w);
    EXPECT(w, "o", 0, 2, 6);
    EXPECT(w, "last", NAN);
    output(w, "b");
    w->s->diag_count = 0;
    assert_false(run_as(w, false));
    assert_non_null(strstr(errors_of(w), "its index along `j` is -1"));
    assert_non_null(strstr(errors_of(w), "needed for the output `b[j=0]`"));
}

static void draws_in_a_repeat_differ_by_round(void **state) {
    world *w = *state;
    declare(w, "x0[n]");
    let(w, "x[n] = x0[n]");
    begin_repeat(w, "l", 3, "x", NULL);
    let(w, "e[n] ~ normal(0, 1)");
    let(w, "x[n] = x[n] + e[n]");
    let(w, "all[l,n] = e[n]");
    end_repeat(w);
    output(w, "all");
    give(w, "x0", V(0, 0), 1, 2);
    run(w);
    for (uint64_t l = 0; l < 3; l++)
        for (uint64_t n = 0; n < 2; n++) {
            uint64_t at = at_draw_element(at_draw_element(0, l), n);
            assert_true(element(got(w, "all"), (int64_t)(2 * l + n)) ==
                        at_draw_value(at_draw_key(0, 0, "e"), at, AT_DRAW_NORMAL));
        }
}

/* ---- states ---------------------------------------------------------------------------------- */

static void next_takes_effect_when_the_run_ends(void **state) {
    world *w = *state;
    declare(w, "x[c]");
    declare(w, "state m[c] = 1");
    declare(w, "state n: int = 0");
    next(w, "m[c] = m[c] * 2");
    next(w, "n = n + 1");
    let(w, "y[c] = m[c] + x[c]");
    next(w, "m[c] = m[c] + x[c]");
    output(w, "y");
    give(w, "x", V(5, 6), 1, 2);
    run(w);
    EXPECT(w, "y", 6, 7);
    expect_values(at_collection_find(&w->results.states, "m"), "m", 2, V(6, 7));
    expect_values(at_collection_find(&w->results.states, "n"), "n", 1, V(1));
    give(w, "m", V(6, 7), 1, 2);
    run(w);
    EXPECT(w, "y", 11, 13);
    expect_values(at_collection_find(&w->results.states, "n"), "n", 1, V(1));
}

static void states_in_a_repeat_are_kept_by_round(void **state) {
    world *w = *state;
    declare(w, "x");
    axis(w, "l", NULL);
    at_array *m = declare(w, "state m[l] = 0");
    m->path = "block[].m";
    let(w, "y = x");
    begin_repeat(w, "l", 3, "y", "y < 12");
    next(w, "m[l] = m[l] + y");
    let(w, "y = y + 1");
    end_repeat(w);
    output(w, "y");
    give(w, "x", V(10), 0);
    run(w);
    EXPECT(w, "y", 12);
    expect_values(at_collection_find(&w->results.states, "block[0].m"), "m", 1, V(10));
    expect_values(at_collection_find(&w->results.states, "block[1].m"), "m", 1, V(11));
    expect_values(at_collection_find(&w->results.states, "block[2].m"), "m", 1, V(0));
}

static void a_next_state_without_a_value_is_an_error(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    declare(w, "state m[n] = 0");
    let(w, "y[n] = x[n]");
    next(w, "m[n] = x[n + 1]");
    output(w, "y");
    give(w, "x", V(10, 2), 1, 2);
    expect_error(w, "error[E701]: `x` is read outside: its index along `n` is 2, and the size "
                    "of `n` is 2\n"
                    " --> test.attn:1:10\n"
                    "  |\n"
                    "1 | m[n] = x[n + 1]\n"
                    "  |          ^^^^^ this is 2\n"
                    "  = note: needed for the next `m[n=1]`\n"
                    "  = hint: `x[… | 0]` reads 0 outside; or keep it out by a guard\n");
    assert_int_equal(w->results.outputs.count, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_scan_reads_what_is_earlier),
        TEST(a_scan_down_runs_from_the_end),
        TEST(a_lattice_is_walked_in_lexicographic_order),
        TEST(a_scan_may_read_all_of_its_past),
        TEST(a_scan_that_reads_its_future_is_told_so),
        TEST(within_a_step_equations_are_in_order),
        TEST(a_scan_of_no_steps_gives_an_empty_array),
        TEST(statements_of_every_kind_work_in_a_scan),
        TEST(a_repeat_carries_and_collects),
        TEST(while_is_tested_before_each_round),
        TEST(a_condition_without_a_value_is_an_error),
        TEST(repeats_nest_and_carry_through_each_other),
        TEST(a_scan_in_a_repeat_runs_anew_in_each_round),
        TEST(a_repeat_in_a_scan_carries_its_step),
        TEST(structural_zeros_and_missing_values_are_carried),
        TEST(draws_in_a_repeat_differ_by_round),
        TEST(next_takes_effect_when_the_run_ends),
        TEST(states_in_a_repeat_are_kept_by_round),
        TEST(a_next_state_without_a_value_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
