/* The reference executor: values, reads, need, structural zeros, folds. */
#include "ref_fixture.h"

/* ---- values ---------------------------------------------------------------------------------- */

static void attention_is_what_its_equations_say(void **state) {
    world *w = *state;
    declare(w, "q[i,d]");
    declare(w, "k[j,d]");
    declare(w, "v[j,e]");
    let(w, "s[i,j] = sum[d](q[i,d] * k[j,d]) / sqrt(size(d))");
    let(w, "p[i,j] = softmax[j where j <= i](s[i,j])");
    let(w, "o[i,e] = sum[j](p[i,j] * v[j,e])");
    output(w, "o");
    output(w, "p");
    give(w, "q", V(1, 2, 3, 4), 2, 2, 2);
    give(w, "k", V(1, 0, 0, 1), 2, 2, 2);
    give(w, "v", V(5, 7), 2, 2, 1);
    run(w);
    double a = exp(3 / sqrt(2)), b = exp(4 / sqrt(2));
    EXPECT(w, "p", 1, 0, a / (a + b), b / (a + b));
    EXPECT(w, "o", 5, (5 * a + 7 * b) / (a + b));
    expect_same_everywhere(w);
}

static void every_real_operation_gives_its_c_text(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    static const char *const ops[] = {
        "exp", "log", "sqrt", "rsqrt", "abs", "sign", "sin", "cos", "tan", "tanh", "erf", "sigmoid",
        "softplus", "relu", "gelu", "silu", "floor", "ceil", "round", "stop"};
    enum { OPS = sizeof ops / sizeof *ops, N = 7 };
    const double x[N] = {0.5, -1.25, 2.5, 3.5, NAN, INFINITY, -INFINITY};
    for (int k = 0; k < OPS; k++) {
        let(w, at_format(w->s->arena, "y%d[n] = %s(x[n])", k, ops[k]));
        output(w, at_format(w->s->arena, "y%d", k));
    }
    give(w, "x", x, 1, N);
    run(w);
    for (int k = 0; k < OPS; k++) {
        double expected[N];
        for (int i = 0; i < N; i++)
            expected[i] = at_real_op((at_op)at_op_find(ops[k]), x[i], 0, 0);
        expect_values(w->results.outputs.items[k].tensor, ops[k], N, expected);
    }
}

static void ints_divide_towards_minus_infinity_and_compare_exactly(void **state) {
    world *w = *state;
    declare(w, "a[n]: int");
    declare(w, "b[n]: int");
    let(w, "int q[n] = a[n] // b[n]");
    let(w, "int r[n] = a[n] % b[n]");
    let(w, "bool less[n] = a[n] < b[n]");
    let(w, "int c[n] = clamp(a[n], -2, max(b[n], abs(a[n])))");
    let(w, "real[n] = a[n] / b[n]");
    output(w, "q");
    output(w, "r");
    output(w, "less");
    output(w, "c");
    output(w, "real");
    give(w, "a", V(7, -7, 7, -7), 1, 4);
    give(w, "b", V(2, 2, -2, -2), 1, 4);
    run(w);
    EXPECT(w, "q", 3, -4, -4, 3);
    EXPECT(w, "r", 1, 1, -1, -1);
    EXPECT(w, "less", 0, 1, 0, 1);
    EXPECT(w, "c", 7, -2, 7, -2);
    EXPECT(w, "real", 3.5, -3.5, -3.5, 3.5);
}

static void int_of_what_has_no_int_is_outside_every_extent(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    declare(w, "v[m]");
    let(w, "int t[n] = int(x[n])");
    let(w, "y[n] = v[t[n] | 9]");
    output(w, "t");
    output(w, "y");
    give(w, "x", V(1.9, -0.5, NAN, 1e300, -INFINITY), 1, 5);
    give(w, "v", V(3, 4), 1, 2);
    run(w);
    double none = (double)INT64_MIN;
    EXPECT(w, "t", 1, 0, none, none, none);
    EXPECT(w, "y", 4, 3, 9, 9, 9);
}

static void scalars_and_empty_axes_are_arrays_like_others(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    declare(w, "g");
    let(w, "total = g + sum[n](x[n])");
    let(w, "y[n] = 2 * x[n]");
    let(w, "z[n,m] = x[n] * y[m | 0]");
    axis(w, "m", "3");
    output(w, "total");
    output(w, "y");
    output(w, "z");
    give(w, "x", V(0), 1, 0);
    give(w, "g", V(4), 0);
    run(w);
    EXPECT(w, "total", 4);
    assert_int_equal(got(w, "y")->count, 0);
    assert_int_equal(got(w, "z")->count, 0);
}

/* ---- reads ----------------------------------------------------------------------------------- */

static void reads_compute_their_indices(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    declare(w, "idx[r]: int");
    axis(w, "y", "2");
    axis(w, "z", "2");
    let(w, "back[n] = x[size(n) - 1 - n]");
    let(w, "shift[n] = x[n - 1 | -1]");
    let(w, "grid[y,z] = x[y * 2 + z]");
    let(w, "gather[r] = x[idx[r]]");
    let(w, "nested[r] = x[idx[r] + 1 | x[idx[r] - 1 | 100]]");
    output(w, "back");
    output(w, "shift");
    output(w, "grid");
    output(w, "gather");
    output(w, "nested");
    give(w, "x", V(10, 11, 12, 13), 1, 4);
    give(w, "idx", V(3, 0, 2), 1, 3);
    run(w);
    EXPECT(w, "back", 13, 12, 11, 10);
    EXPECT(w, "shift", -1, 10, 11, 12);
    EXPECT(w, "grid", 10, 11, 12, 13);
    EXPECT(w, "gather", 13, 10, 12);
    EXPECT(w, "nested", 12, 11, 13);
    expect_same_everywhere(w);
}

static void a_declared_axis_may_leave_the_array_where_there_is_an_alternative(void **state) {
    world *w = *state;
    declare(w, "a[u,c]");
    declare(w, "b[m,c]");
    axis(w, "n", "size(u) + size(m)");
    let(w, "z[n,c] = a[n, c | b[n - size(u), c]]");
    output(w, "z");
    give(w, "a", V(1, 2, 3, 4), 2, 2, 2);
    give(w, "b", V(5, 6), 2, 1, 2);
    run(w);
    EXPECT(w, "z", 1, 2, 3, 4, 5, 6);
}

static void a_plain_index_is_checked_even_with_an_alternative(void **state) {
    world *w = *state;
    declare(w, "a[n]");
    declare(w, "b[m]");
    let(w, "z[n] = b[n | 0] + a[n]");
    output(w, "z");
    give(w, "a", V(1, 2, 3), 1, 3);
    give(w, "b", V(5, 6), 1, 2);
    expect_error(w, "error[E701]: `b` is read outside: its index along `m` is 2, and the size "
                    "of `m` is 2\n"
                    " --> test.attn:1:10\n"
                    "  |\n"
                    "1 | z[n] = b[n | 0] + a[n]\n"
                    "  |          ^ this is 2\n"
                    "  = note: needed for the output `z[n=2]`\n"
                    "  = hint: an alternative stands in for a plain index only if `axis` declared "
                    "it\n");
}

/* ---- need ------------------------------------------------------------------------------------ */

static void a_read_outside_is_an_error_only_where_an_output_needs_it(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    let(w, "next[n] = x[n + 1]");
    let(w, "good[n] = if n < size(n) - 1 then next[n] else 0");
    let(w, "also[n] = sum[j where j == n and j + 1 < size(n)](next[j])");
    axis(w, "j", "size(n)");
    output(w, "good");
    output(w, "also");
    give(w, "x", V(1, 2, 3), 1, 3);
    run(w);
    EXPECT(w, "good", 2, 3, 0);
    EXPECT(w, "also", 2, 3, 0);
    expect_same_everywhere(w);
    output(w, "next");
    expect_error(w, "error[E701]: `x` is read outside: its index along `n` is 3, and the size "
                    "of `n` is 3\n"
                    " --> test.attn:1:13\n"
                    "  |\n"
                    "1 | next[n] = x[n + 1]\n"
                    "  |             ^^^^^ this is 3\n"
                    "  = note: needed for the output `next[n=2]`\n"
                    "  = hint: `x[… | 0]` reads 0 outside; or keep it out by a guard\n");
}

static void and_or_and_if_evaluate_only_what_they_need(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    let(w, "bool a[n] = n > 0 and x[n - 1] > 0");
    let(w, "bool o[n] = n == 0 or x[n - 1] > 0");
    let(w, "bool both[n] = not (n == 0 or x[n - 1] > 0) or n == 0 and true");
    let(w, "i[n] = if n > 0 and x[n - 1] > 0 then x[n - 1] else 7");
    output(w, "a");
    output(w, "o");
    output(w, "both");
    output(w, "i");
    give(w, "x", V(1, -2, 3), 1, 3);
    run(w);
    EXPECT(w, "a", 0, 1, 0);
    EXPECT(w, "o", 1, 1, 0);
    EXPECT(w, "both", 1, 0, 1);
    EXPECT(w, "i", 7, 1, 7);
}

static void the_first_cause_is_told_whichever_equation_meets_it(void **state) {
    world *w = *state;
    declare(w, "a[n]: int");
    declare(w, "b[n]: int");
    let(w, "int q[n] = a[n] // b[n]");
    let(w, "y[n] = exp(q[n]) + 1");
    let(w, "total = sum[n](y[n])");
    output(w, "total");
    give(w, "a", V(1, 2, 3), 1, 3);
    give(w, "b", V(1, 0, 0), 1, 3);
    expect_error(w, "error[E703]: 2 // 0: ints cannot be divided by 0\n"
                    " --> test.attn:1:12\n"
                    "  |\n"
                    "1 | int q[n] = a[n] // b[n]\n"
                    "  |            ^^^^^^^^^^^^\n"
                    "  = note: needed for the output `total`\n");
}

static void ints_that_leave_their_range_have_no_value(void **state) {
    world *w = *state;
    declare(w, "a[n]: int");
    let(w, "int p[n] = ipow(a[n], 40)");
    let(w, "int s = sum[n](a[n] * 4611686018427387904)");
    let(w, "int m = max[n where a[n] > 100](a[n])");
    output(w, "p");
    give(w, "a", V(2, 3), 1, 2);
    expect_error(w, "error[E702]: an int leaves its range of 64 bits\n"
                    " --> test.attn:1:12\n"
                    "  |\n"
                    "1 | int p[n] = ipow(a[n], 40)\n"
                    "  |            ^^^^^^^^^^^^^^ ipow of 3 and 40\n"
                    "  = note: needed for the output `p[n=1]`\n");
    w->cascade.output_count = 0;
    output(w, "s");
    expect_error(w, "error[E702]: an int leaves its range of 64 bits\n"
                    " --> test.attn:1:16\n"
                    "  |\n"
                    "1 | int s = sum[n](a[n] * 4611686018427387904)\n"
                    "  |                ^^^^^^^^^^^^^^^^^^^^^^^^^^ * of 2 and 4611686018427387904\n"
                    "  = note: needed for the output `s`\n");
    w->cascade.output_count = 0;
    output(w, "m");
    expect_error(w, "error[E705]: the largest or smallest of no ints does not exist\n"
                    " --> test.attn:1:9\n"
                    "  |\n"
                    "1 | int m = max[n where a[n] > 100](a[n])\n"
                    "  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
                    "  = note: needed for the output `m`\n"
                    "  = hint: over nothing, reals give -inf or inf: real(…) makes them of ints\n");
}

static void a_negative_power_of_an_int_has_no_value(void **state) {
    world *w = *state;
    declare(w, "a[n]: int");
    let(w, "int p[n] = ipow(2, a[n])");
    output(w, "p");
    give(w, "a", V(3, -1), 1, 2);
    expect_error(w, "error[E704]: ipow(2, -1): an int has no negative powers\n"
                    " --> test.attn:1:12\n"
                    "  |\n"
                    "1 | int p[n] = ipow(2, a[n])\n"
                    "  |            ^^^^^^^^^^^^^\n"
                    "  = note: needed for the output `p[n=1]`\n");
}

/* ---- structural zeros ------------------------------------------------------------------------ */

/* p is 0 by guard for j = 1; v has no good value there. */
static void masked(world *w) {
    declare(w, "v[j]");
    let(w, "p[j] = softmax[j where j != 1](0)");
}

static void a_structural_zero_annihilates_nan_and_infinity_in_either_order(void **state) {
    world *w = *state;
    masked(w);
    let(w, "left[j] = p[j] * v[j]");
    let(w, "right[j] = v[j] * p[j]");
    let(w, "deep[j] = v[j] * (2 * -p[j] / v[j]) * v[j]");
    let(w, "o = sum[j](p[j] * v[j])");
    let(w, "number[j] = (p[j] + 0) * v[j]");
    output(w, "left");
    output(w, "right");
    output(w, "deep");
    output(w, "o");
    output(w, "number");
    give(w, "v", V(4, NAN, 2), 1, 3);
    run(w);
    EXPECT(w, "left", 2, 0, 1);
    EXPECT(w, "right", 2, 0, 1);
    EXPECT(w, "deep", -4, 0, -2);
    EXPECT(w, "o", 3);
    EXPECT(w, "number", 2, NAN, 1);
    expect_same_everywhere(w);
}

static void a_structural_zero_annihilates_what_has_no_value(void **state) {
    world *w = *state;
    masked(w);
    axis(w, "i", "size(j)");
    let(w, "bad[j] = v[j + if j == 1 then 100 else 0]");
    let(w, "left[j] = p[j] * bad[j]");
    let(w, "right[j] = bad[j] * p[j]");
    let(w, "both[i] = (p[i] * bad[i]) * (bad[i] * p[i])");
    let(w, "stored[j] = left[j] * bad[j]");
    let(w, "o = sum[j](p[j] * bad[j])");
    let(w, "product = prod[j](bad[j] * (p[j] + p[j]))");
    let(w, "worse = prod[j](if j == 0 then bad[1] else p[j])");
    output(w, "left");
    output(w, "right");
    output(w, "both");
    output(w, "stored");
    output(w, "o");
    output(w, "product");
    output(w, "worse");
    give(w, "v", V(4, 9, 2), 1, 3);
    run(w);
    EXPECT(w, "left", 2, 0, 1);
    EXPECT(w, "right", 2, 0, 1);
    EXPECT(w, "both", 4, 0, 1);
    EXPECT(w, "stored", 8, 0, 2);
    EXPECT(w, "o", 3);
    EXPECT(w, "product", 0);
    EXPECT(w, "worse", 0);
    expect_same_everywhere(w);
}

static void sums_of_only_structural_zeros_are_structural(void **state) {
    world *w = *state;
    masked(w);
    axis(w, "k", "2");
    axis(w, "none", "0");
    let(w, "two[j] = (p[j] - p[j]) * v[j]");
    let(w, "all[j] = sum[k](p[j] * v[1]) * v[j]");
    let(w, "some[j] = (sum[k](if k == 0 then p[j] else 1.0) - 1) * v[j]");
    let(w, "empty[j] = sum[none](p[j]) * v[j]");
    let(w, "mean[j] = mean[k](p[j]) * v[j]");
    let(w, "chosen[j] = (if j == 1 then p[j] else 5.0) * v[j]");
    let(w, "read[j] = p[j - 1 | 1] * v[j]");
    let(w, "stopped[j] = stop(p[j]) * v[j]");
    output(w, "two");
    output(w, "all");
    output(w, "some");
    output(w, "empty");
    output(w, "mean");
    output(w, "chosen");
    output(w, "read");
    output(w, "stopped");
    give(w, "v", V(4, INFINITY, 2), 1, 3);
    run(w);
    EXPECT(w, "two", 0, 0, 0);
    EXPECT(w, "all", INFINITY, 0, INFINITY);
    EXPECT(w, "some", 2, NAN, 1);
    EXPECT(w, "empty", 0, NAN, 0);
    EXPECT(w, "mean", 2, NAN, 1);
    EXPECT(w, "chosen", 20, 0, 10);
    EXPECT(w, "read", 4, INFINITY, 0);
    EXPECT(w, "stopped", 2, 0, 1);
    expect_same_everywhere(w);
}

static void no_other_zero_is_structural(void **state) {
    world *w = *state;
    declare(w, "v[j]");
    let(w, "p[j] = softmax[j](if j == 1 then -inf else 0.0)");
    let(w, "o[j] = p[j] * v[j]");
    let(w, "z[j] = 0 * v[j]");
    output(w, "o");
    output(w, "z");
    give(w, "v", V(4, INFINITY, 2), 1, 3);
    run(w);
    EXPECT(w, "o", 2, NAN, 1);
    EXPECT(w, "z", 0, NAN, 0);
}

/* ---- folds ----------------------------------------------------------------------------------- */

static void folds_over_nothing_give_what_the_language_says(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    axis(w, "none", "0");
    static const struct {
        const char *text;
        double value;
    } rows[] = {{"sum", 0}, {"prod", 1}, {"max", -INFINITY}, {"min", INFINITY}, {"mean", 0},
                {"logsumexp", -INFINITY}};
    for (int i = 0; i < 6; i++) {
        let(w, at_format(w->s->arena, "a%d = %s[n where n < 0](x[n])", i, rows[i].text));
        let(w, at_format(w->s->arena, "b%d = %s[none](x[0])", i, rows[i].text));
        output(w, at_format(w->s->arena, "a%d", i));
        output(w, at_format(w->s->arena, "b%d", i));
    }
    let(w, "int c = count[n where n < 0](x[n])");
    let(w, "int d = argmax[n where n < 0](x[n])");
    output(w, "c");
    output(w, "d");
    give(w, "x", V(1, 2), 1, 2);
    run(w);
    for (int i = 0; i < 6; i++) {
        expect_values(w->results.outputs.items[2 * i].tensor, rows[i].text, 1, &rows[i].value);
        expect_values(w->results.outputs.items[2 * i + 1].tensor, rows[i].text, 1, &rows[i].value);
    }
    EXPECT(w, "c", 0);
    EXPECT(w, "d", -1);
}

static void any_and_all_over_nothing(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    let(w, "bool f = any[n](x[n] > 0)");
    let(w, "bool g = all[n](x[n] > 0)");
    let(w, "int e = argmin[n](x[n])");
    output(w, "f");
    output(w, "g");
    output(w, "e");
    give(w, "x", V(1), 1, 0);
    run(w);
    EXPECT(w, "f", 0);
    EXPECT(w, "g", 1);
    EXPECT(w, "e", -1);
}

static void folds_give_the_values_of_their_definitions(void **state) {
    world *w = *state;
    declare(w, "x[n,m]");
    let(w, "s[n] = sum[m](x[n,m])");
    let(w, "p[n] = prod[m](x[n,m])");
    let(w, "a[n] = mean[m where m != 1](x[n,m])");
    let(w, "h[n] = max[m](x[n,m])");
    let(w, "l[n] = min[m](x[n,m])");
    let(w, "e[n] = logsumexp[m](x[n,m])");
    let(w, "int c[n] = count[m](x[n,m] > 1)");
    let(w, "int every[n] = count[m where m > 0](x[n,m])");
    let(w, "bool some[n] = any[m](x[n,m] > 2)");
    let(w, "bool each[n] = all[m](x[n,m] > 0)");
    let(w, "both = sum[n,m](x[n,m])");
    let(w, "int at = argmax[n,m](x[n,m])");
    const char *names[] = {"s", "p",     "a",    "h",    "l",    "e",
                           "c", "every", "some", "each", "both", "at"};
    for (int i = 0; i < 12; i++) output(w, names[i]);
    give(w, "x", V(1, 2, 3, -1, 0.5, 2), 2, 2, 3);
    run(w);
    EXPECT(w, "s", 6, 1.5);
    EXPECT(w, "p", 6, -1);
    EXPECT(w, "a", 2, 0.5);
    EXPECT(w, "h", 3, 2);
    EXPECT(w, "l", 1, -1);
    EXPECT(w, "e", log(exp(1) + exp(2) + exp(3)), log(exp(-1) + exp(0.5) + exp(2)));
    EXPECT(w, "c", 2, 1);
    EXPECT(w, "every", 2, 2);
    EXPECT(w, "some", 1, 0);
    EXPECT(w, "each", 1, 0);
    EXPECT(w, "both", 7.5);
    EXPECT(w, "at", 2);
    expect_same_everywhere(w);
}

static void max_and_min_carry_nan_and_ties_go_to_the_lower_index(void **state) {
    world *w = *state;
    declare(w, "x[n,m]");
    let(w, "h[n] = max[m](x[n,m])");
    let(w, "l[n] = min[m](x[n,m])");
    let(w, "int i[n] = argmax[m](x[n,m])");
    let(w, "int k[n] = argmin[m](x[n,m])");
    output(w, "h");
    output(w, "l");
    output(w, "i");
    output(w, "k");
    double low = -INFINITY;
    give(w, "x", V(1, NAN, 3, NAN, 2, 5, 5, 2, low, low, low, low), 2, 3, 4);
    run(w);
    EXPECT(w, "h", NAN, 5, -INFINITY);
    EXPECT(w, "l", NAN, 2, -INFINITY);
    EXPECT(w, "i", 1, 1, 0);
    EXPECT(w, "k", 1, 0, 0);
}

static void logsumexp_keeps_infinities_and_large_numbers(void **state) {
    world *w = *state;
    declare(w, "x[n,m]");
    let(w, "e[n] = logsumexp[m](x[n,m])");
    output(w, "e");
    double inf = INFINITY;
    give(w, "x", V(1000, 1001, -inf, -inf, inf, inf, 3, NAN, -1000, -1001), 2, 5, 2);
    run(w);
    EXPECT(w, "e", 1001 + log1p(exp(-1)), -INFINITY, INFINITY, NAN, -1000 + log1p(exp(-1)));
}

static void a_fold_that_does_not_depend_on_the_inner_index_is_the_same(void **state) {
    world *w = *state;
    declare(w, "x[n,c]");
    axis(w, "k", "size(c)");
    let(w, "y[n,c] = x[n,c] - mean[k](x[n,k])");
    let(w, "z[n,c] = x[n,c] - mean[k](x[n, k + if n == 1 then 1 else 0 | 0])");
    let(w, "total[c] = sum[n](x[n,c] * sum[k](x[0,k]) * sum[k](x[n,k]))");
    let(w, "p[n,c] = softmax[c where c < n](x[n,c])");
    let(w, "q[n,c] = p[n,c] * sum[k](p[n,k])");
    output(w, "y");
    output(w, "z");
    output(w, "total");
    output(w, "q");
    give_noise(w, "x", 2, 5, 3);
    run(w);
    expect_same_everywhere(w);
    const double *x = at_collection_find(&w->inputs, "x")->data;
    double mean = (x[3] + x[4] + x[5]) / 3;
    assert_true(fabs(element(got(w, "y"), 4) - (x[4] - mean)) < 1e-12);
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static void guards_that_restrict_a_loop_change_nothing(void **state) {
    world *w = *state;
    declare(w, "x[i,j]");
    declare(w, "idx[i]: index j");
    declare(w, "keep[j]: bool");
    let(w, "a[i] = sum[j where j <= i and i - j < 3](x[i,j])");
    let(w, "b[i] = sum[j where i < j](x[i,j])");
    let(w, "c[i] = sum[j where j == idx[i]](x[i,j])");
    let(w, "d[i] = sum[j where idx[i] <= j and keep[j]](x[i,j])");
    let(w, "e[i] = sum[j where keep[j] and j <= i](x[i,j])");
    let(w, "f = sum[i,j where j <= i and i < 4](x[i,j])");
    let(w, "g[i] = sum[j where 2 * j <= i](x[i,j])");
    let(w, "h[i] = sum[j where j != i and j > idx[i]](x[i,j])");
    let(w, "k = logsumexp[i,j where i == j](x[i,j])");
    const char *names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "k"};
    for (int i = 0; i < 9; i++) output(w, names[i]);
    give_noise(w, "x", 2, 7, 9);
    give(w, "idx", V(8, 0, 3, 3, 1, 5, 2), 1, 7);
    give_noise(w, "keep", 1, 9);
    run(w);
    expect_same_everywhere(w);
    const double *x = at_collection_find(&w->inputs, "x")->data;
    assert_true(element(got(w, "c"), 0) == x[8]);
    assert_true(element(got(w, "a"), 2) == x[18] + x[19] + x[20]);
}

/* far[i] fails for i > 2; what is left of the guard decides whether that matters. */
static void a_bound_without_a_value_fails_where_the_loop_would(void **state) {
    world *w = *state;
    declare(w, "x[i,j]");
    declare(w, "n0[m]: int");
    let(w, "int far[i] = n0[i]");
    let(w, "a[i] = sum[j where i < 3 and j < far[i]](x[i,j])");
    let(w, "b[i] = sum[j where j < 0 and j < far[i]](x[i,j])");
    output(w, "a");
    output(w, "b");
    give_noise(w, "x", 2, 5, 4);
    give(w, "n0", V(1, 2, 3), 1, 3);
    run(w);
    expect_same_everywhere(w);
    let(w, "c[i] = sum[j where j < far[i] and i < 3](x[i,j])");
    output(w, "c");
    w->s->diag_count = 0;
    assert_false(run_as(w, false));
    const char *text = errors_of(w);
    assert_non_null(strstr(text, "needed for the output `c[i=3]`"));
    w->s->diag_count = 0;
    assert_false(run_as(w, true));
    assert_string_equal(errors_of(w), text);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(attention_is_what_its_equations_say),
        TEST(every_real_operation_gives_its_c_text),
        TEST(ints_divide_towards_minus_infinity_and_compare_exactly),
        TEST(int_of_what_has_no_int_is_outside_every_extent),
        TEST(scalars_and_empty_axes_are_arrays_like_others),
        TEST(reads_compute_their_indices),
        TEST(a_declared_axis_may_leave_the_array_where_there_is_an_alternative),
        TEST(a_plain_index_is_checked_even_with_an_alternative),
        TEST(a_read_outside_is_an_error_only_where_an_output_needs_it),
        TEST(and_or_and_if_evaluate_only_what_they_need),
        TEST(the_first_cause_is_told_whichever_equation_meets_it),
        TEST(ints_that_leave_their_range_have_no_value),
        TEST(a_negative_power_of_an_int_has_no_value),
        TEST(a_structural_zero_annihilates_nan_and_infinity_in_either_order),
        TEST(a_structural_zero_annihilates_what_has_no_value),
        TEST(sums_of_only_structural_zeros_are_structural),
        TEST(no_other_zero_is_structural),
        TEST(folds_over_nothing_give_what_the_language_says),
        TEST(any_and_all_over_nothing),
        TEST(folds_give_the_values_of_their_definitions),
        TEST(max_and_min_carry_nan_and_ties_go_to_the_lower_index),
        TEST(logsumexp_keeps_infinities_and_large_numbers),
        TEST(a_fold_that_does_not_depend_on_the_inner_index_is_the_same),
        TEST(guards_that_restrict_a_loop_change_nothing),
        TEST(a_bound_without_a_value_fails_where_the_loop_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
