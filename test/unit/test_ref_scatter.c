/* The reference executor: folds grouped by data, in one pass, are the double loop to the last
 * bit. */
#include "ref_fixture.h"

static void every_fold_scatters_like_its_double_loop(void **state) {
    world *w = *state;
    declare(w, "dst[e]: int");
    declare(w, "w[e]");
    declare(w, "k[e]: int");
    axis(w, "g", "5");
    static const struct {
        const char *kind, *fold, *body;
    } rows[] = {
        {"", "sum", "w[e]"}, {"", "mean", "w[e]"}, {"", "prod", "w[e]"}, {"", "min", "w[e]"},
        {"", "max", "w[e]"}, {"", "logsumexp", "w[e]"}, {"int ", "sum", "k[e]"},
        {"int ", "prod", "k[e]"}, {"int ", "count", "w[e] > 0"}, {"int ", "count", "w[e]"},
        {"int ", "argmin", "w[e]"}, {"int ", "argmax", "k[e]"}, {"bool ", "any", "w[e] > 1"},
        {"bool ", "all", "w[e] > -1"}};
    for (int i = 0; i < 14; i++) {
        let(w, at_format(w->s->arena, "%sz%d[g] = %s[e where dst[e] == g](%s)", rows[i].kind, i,
                         rows[i].fold, rows[i].body));
        output(w, at_format(w->s->arena, "z%d", i));
    }
    give(w, "dst", V(3, 0, 4, 7, 0, -1, 3, 3, 0, 4), 1, 10); /* none for 1 and 2, some outside */
    give_noise(w, "w", 1, 10);
    give_noise(w, "k", 1, 10);
    run(w);
    expect_same_everywhere(w);
    const double *x = at_collection_find(&w->inputs, "w")->data;
    EXPECT(w, "z0", x[1] + x[4] + x[8], 0, 0, x[0] + x[6] + x[7], x[2] + x[9]);
    EXPECT(w, "z9", 3, 0, 0, 3, 2);
}

static void a_scatter_has_other_axes_conditions_and_surroundings(void **state) {
    world *w = *state;
    declare(w, "src[e]: int");
    declare(w, "dst[e]: int");
    declare(w, "w[e,d]");
    axis(w, "g", "6");
    axis(w, "h", "6");
    let(w, "a[g,d] = sum[e where dst[e] == g and w[e,d] > 0](w[e,d] * src[e])");
    let(w, "b[d,g] = 1 + 2 * sum[e where g == dst[e] - 1](w[e,d])"
           " / max(count[e where src[e] == g](true), 1)");
    let(w, "c[g,h] = sum[e where dst[e] == g and src[e] == h](w[e,0])");
    let(w, "m[h,g] = sum[e where src[e] < h and dst[e] == g](w[e,0])");
    let(w, "i[g] = sum[e where e // 2 == g](w[e,1])");
    let(w, "s[g] = sum[e where g - 2 == dst[e]](w[e,0])");
    let(w, "r[g] = sum[e where 5 - g == dst[e]](w[e,0])");
    let(w, "n[g] = sum[d](sum[e where dst[e] == g](w[e,d] * d))");
    let(w, "t[g,h] = sum[e where dst[e] == g and src[e] == g + h](w[e,0])");
    let(w, "two[g] = sum[e,d where dst[e] + d == g](w[e,d])");
    let(w, "p[g,h] = softmax[h where h < 3](sum[e where dst[e] == g and src[e] == h](w[e,1]))");
    const char *names[] = {"a", "b", "c", "m", "i", "s", "r", "n", "t", "two", "p"};
    for (int i = 0; i < 11; i++) output(w, names[i]);
    give(w, "src", V(0, 5, 3, 2, 2, 2, 1), 1, 7);
    give(w, "dst", V(3, 0, 4, 2, 2, 1, 5), 1, 7);
    give_noise(w, "w", 2, 7, 3);
    run(w);
    expect_same_everywhere(w);
    const double *x = at_collection_find(&w->inputs, "w")->data;
    assert_true(element(got(w, "c"), 2 * 6 + 2) == x[3 * 3] + x[4 * 3]);
    assert_true(element(got(w, "s"), 4) == x[3 * 3] + x[4 * 3]);
    assert_true(element(got(w, "r"), 3) == x[3 * 3] + x[4 * 3]);
}

static void structural_zeros_scatter_as_such(void **state) {
    world *w = *state;
    declare(w, "dst[e]: int");
    declare(w, "v[g]");
    let(w, "p[e] = softmax[e where e > 1](0)");
    let(w, "z[g] = sum[e where dst[e] == g](p[e]) * v[g]");
    let(w, "y[g] = prod[e where dst[e] == g](p[e] * v[dst[e] | 0]) * v[g]");
    output(w, "z");
    output(w, "y");
    give(w, "dst", V(0, 0, 1, 2), 1, 4);
    give(w, "v", V(NAN, 2, INFINITY), 1, 3);
    run(w);
    EXPECT(w, "z", 0, 1, INFINITY);
    EXPECT(w, "y", 0, 2, INFINITY);
    expect_same_everywhere(w);
}

/* The pass fails at e = 2 (no value for dst or for the term); only some rows are concerned. */
static void what_has_no_value_concerns_the_same_rows_as_in_the_double_loop(void **state) {
    world *w = *state;
    declare(w, "x[e]");
    declare(w, "dst[e]: int");
    axis(w, "g", "4");
    let(w, "int far[e] = dst[if e == 2 then 99 else e]");
    let(w, "term[g] = sum[e where dst[e] == g](x[if e == 2 then 99 else e])");
    let(w, "good[g] = if g == 3 then 0 else term[g]");
    let(w, "late[g] = sum[e where e != 2 and far[e] == g](x[e])");
    let(w, "mine[g] = if g > 1"
           " then sum[e where g > 1 and (e != 2 or g > 9) and far[e] == g](x[e]) else 0");
    let(w, "all[g] = sum[e where far[e] == g](x[e])");
    output(w, "good");
    output(w, "late");
    output(w, "mine");
    give(w, "x", V(1, 2, 4, 8), 1, 4);
    give(w, "dst", V(0, 1, 3, 1), 1, 4);
    run(w);
    EXPECT(w, "good", 1, 10, 0, 0);
    EXPECT(w, "late", 1, 10, 0, 0);
    EXPECT(w, "mine", 0, 0, 0, 0);
    expect_same_everywhere(w);
    for (int i = 0; i < 2; i++) {
        w->cascade.output_count = 0;
        output(w, i ? "all" : "term");
        w->s->diag_count = 0;
        assert_false(run_as(w, false));
        const char *text = errors_of(w);
        assert_non_null(strstr(text, i ? "the output `all[g=0]`" : "the output `term[g=3]`"));
        w->s->diag_count = 0;
        assert_false(run_as(w, true));
        assert_string_equal(errors_of(w), text);
    }
}

/* As a double loop this would take 9e10 steps. */
static void a_large_scatter_is_one_pass(void **state) {
    world *w = *state;
    declare(w, "dst[e]: int");
    declare(w, "w[e]");
    axis(w, "g", "300000");
    let(w, "z[g] = sum[e where dst[e] == g](w[e])");
    let(w, "total = sum[g](z[g])");
    output(w, "total");
    enum { E = 300000 };
    double *values = calloc(E, sizeof *values);
    for (int i = 0; i < E; i++) values[i] = (double)((int64_t)i * 7919 % E);
    give(w, "dst", values, 1, E);
    for (int i = 0; i < E; i++) values[i] = 1;
    give(w, "w", values, 1, E);
    free(values);
    run(w);
    EXPECT(w, "total", E);
}

static void a_scatter_in_a_scan_reads_the_steps_before(void **state) {
    world *w = *state;
    declare(w, "dst[t,e]: int");
    declare(w, "x[t,e]");
    axis(w, "g", "3");
    begin_scan(w, "t");
    let(w, "h[t,g] = h[t - 1, g | 0]"
           " + sum[e where dst[t,e] == g](x[t,e] + h[t - 1, dst[t,e] | 0])");
    end_scan(w);
    output(w, "h");
    give(w, "dst", V(0, 2, 2, 2, 0, 1), 2, 3, 2);
    give(w, "x", V(1, 2, 3, 4, 5, 6), 2, 3, 2);
    run(w);
    EXPECT(w, "h", 1, 0, 2, 1, 0, 13, 7, 6, 13);
    expect_same_everywhere(w);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(every_fold_scatters_like_its_double_loop),
        TEST(a_scatter_has_other_axes_conditions_and_surroundings),
        TEST(structural_zeros_scatter_as_such),
        TEST(what_has_no_value_concerns_the_same_rows_as_in_the_double_loop),
        TEST(a_large_scatter_is_one_pass),
        TEST(a_scatter_in_a_scan_reads_the_steps_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
