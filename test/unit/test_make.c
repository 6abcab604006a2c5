/* Makers of expressions, sums with their factors in front, and drafts. */
#include "ir_fixture.h"

#include "form/form.h"

/* Axes n, m open, k as n; arrays x[n], w[m], c[n] (a cotangent), a and b scalars, p[n] of ints. */
enum { N, M, K };

static void make_arrays(world *w) {
    at_axis *n = axis(w, "n", NULL), *m = axis(w, "m", NULL), *k = axis(w, "k", NULL);
    k->like = n;
    array(w, "x", AT_INPUT, AT_REAL, 1, n);
    array(w, "w", AT_INPUT, AT_REAL, 1, m);
    array(w, "c", AT_INPUT, AT_REAL, 1, n)->cotangent = true;
    array(w, "a", AT_INPUT, AT_REAL, 0);
    array(w, "b", AT_INPUT, AT_REAL, 0);
    array(w, "p", AT_INPUT, AT_INT, 1, n);
}

static const at_expr *x(world *w) { return READ(w, w->arrays[0], X(w, w->axes[N])); }
static const at_expr *v(world *w) { return READ(w, w->arrays[1], X(w, w->axes[M])); }
static const at_expr *c(world *w) { return READ(w, w->arrays[2], X(w, w->axes[N])); }
static const at_expr *a(world *w) { return READ0(w, w->arrays[3]); }
static const at_expr *b(world *w) { return READ0(w, w->arrays[4]); }
static const at_expr *mul(world *w, const at_expr *e, const at_expr *f) {
    return op2(w, AT_OP_MUL, e, f);
}

#define SAYS(w, e, text) assert_string_equal(text_of(w, e), text)

/* ---- makers ---------------------------------------------------------------------------------- */

static void zeros_and_ones_are_not_kept(void **state) {
    world *w = *state;
    make_arrays(w);
    at_session *s = w->s;
    SAYS(w, at_make_add(s, R(w, 0), a(w)), "a");
    SAYS(w, at_make_add(s, a(w), R(w, 0)), "a");
    SAYS(w, at_make_add(s, I(w, 0), I(w, 4)), "4");
    SAYS(w, at_make_sub(s, a(w), R(w, 0)), "a");
    SAYS(w, at_make_sub(s, R(w, 0), a(w)), "-a");
    SAYS(w, at_make_mul(s, a(w), R(w, 1)), "a");
    SAYS(w, at_make_mul(s, R(w, 1), a(w)), "a");
    SAYS(w, at_make_mul(s, a(w), R(w, 0)), "0.0");
    SAYS(w, at_make_mul(s, R(w, 0), a(w)), "0.0");
    SAYS(w, at_make_mul(s, a(w), R(w, -1)), "-a");
    SAYS(w, at_make_div(s, a(w), R(w, 1)), "a");
    SAYS(w, at_make_div(s, R(w, 0), a(w)), "0.0");
    SAYS(w, at_make_neg(s, at_make_neg(s, a(w))), "a");
}

static void numbers_are_computed(void **state) {
    world *w = *state;
    make_arrays(w);
    at_session *s = w->s;
    SAYS(w, at_make_add(s, R(w, 2), R(w, 0.5)), "2.5");
    SAYS(w, at_make_mul(s, I(w, 3), I(w, -4)), "-12");
    SAYS(w, at_make_mul(s, R(w, 2), at_make_mul(s, R(w, 3), a(w))), "6.0 * a");
    SAYS(w, at_make_mul(s, a(w), R(w, 3)), "3.0 * a");
    SAYS(w, at_make_add(s, a(w), a(w)), "2.0 * a");
    /* What has no value stays as it was. */
    SAYS(w, at_make_add(s, I(w, INT64_MAX), I(w, 1)), "9223372036854775807 + 1");
    SAYS(w, at_make_div(s, a(w), R(w, 0)), "a / 0.0");
}

static void signs_go_outwards(void **state) {
    world *w = *state;
    make_arrays(w);
    at_session *s = w->s;
    const at_expr *minus = op1(w, AT_OP_NEG, a(w));
    SAYS(w, at_make_add(s, b(w), minus), "b - a");
    SAYS(w, at_make_add(s, minus, b(w)), "b - a");
    SAYS(w, at_make_sub(s, b(w), minus), "b + a");
    SAYS(w, at_make_mul(s, minus, b(w)), "-(a * b)");
    SAYS(w, at_make_mul(s, minus, minus), "a * a");
    SAYS(w, at_make_div(s, minus, b(w)), "-(a / b)");
    SAYS(w, at_make_neg(s, op2(w, AT_OP_SUB, a(w), b(w))), "b - a");
}

static void a_whole_expression_is_simplified(void **state) {
    world *w = *state;
    make_arrays(w);
    const at_expr *e = op2(w, AT_OP_ADD, mul(w, R(w, 0), op1(w, AT_OP_EXP, a(w))),
                           op2(w, AT_OP_POW, mul(w, R(w, 1), b(w)), R(w, 1)));
    SAYS(w, at_make_simple(w->s, e), "b");
    SAYS(w, at_make_simple(w->s, op2(w, AT_OP_POW, a(w), R(w, 0))), "1.0");
    SAYS(w, at_make_simple(w->s, op2(w, AT_OP_POW, a(w), R(w, 2))), "a^2.0");
}

static void conditions_are_said_once(void **state) {
    world *w = *state;
    make_arrays(w);
    at_session *s = w->s;
    const at_expr *n = X(w, w->axes[N]), *p = op2(w, AT_OP_LT, n, I(w, 3));
    const at_expr *q = op2(w, AT_OP_GT, n, I(w, 1));
    assert_null(at_both(s, NULL, NULL));
    SAYS(w, at_both(s, NULL, p), "n < 3");
    SAYS(w, at_both(s, p, NULL), "n < 3");
    SAYS(w, at_both(s, p, q), "n < 3 and n > 1");
    SAYS(w, at_both(s, at_both(s, p, q), p), "n < 3 and n > 1");
    SAYS(w, at_both(s, p, at_both(s, q, p)), "n < 3 and n > 1");
    assert_ptr_equal(at_where(s, NULL, a(w), 0)->u.read.array, w->arrays[3]);
    SAYS(w, at_where(s, p, a(w), 0), "if n < 3 then a else 0.0");
}

static void few_operations_are_cheap_and_a_fold_is_not(void **state) {
    world *w = *state;
    make_arrays(w);
    const at_expr *e = a(w);
    assert_true(at_is_cheap(NULL));
    assert_true(at_is_cheap(e));
    for (int i = 0; i < 10; i++) e = mul(w, e, b(w));
    assert_false(at_is_cheap(e));
    assert_false(at_is_cheap(fold1(w, AT_FOLD_SUM, w->axes[N], NULL, x(w))));
    assert_true(at_is_number(R(w, 2), 2));
    assert_true(at_is_number(I(w, 2), 2));
    assert_false(at_is_number(B(w, true), 1));
    assert_false(at_is_number(a(w), 0));
}

/* ---- sums ------------------------------------------------------------------------------------ */

static const at_expr *sum_over(world *w, int which, const at_expr *guard, const at_expr *body) {
    return at_make_sum(w->s, &w->axes[which], 1, guard, body);
}

static void factors_go_in_front_of_a_sum(void **state) {
    world *w = *state;
    make_arrays(w);
    SAYS(w, sum_over(w, M, NULL, mul(w, mul(w, x(w), v(w)), a(w))), "x[n] * a * sum[m](w[m])");
    SAYS(w, sum_over(w, M, NULL, op2(w, AT_OP_DIV, v(w), a(w))), "sum[m](w[m]) / a");
    SAYS(w, sum_over(w, M, NULL, op1(w, AT_OP_NEG, v(w))), "-sum[m](w[m])");
    SAYS(w, sum_over(w, M, NULL, a(w)), "a * size(m)");
    SAYS(w, sum_over(w, M, NULL, R(w, 0)), "0.0");
    SAYS(w, sum_over(w, M, NULL, op2(w, AT_OP_DIV, a(w), v(w))), "a * sum[m](1.0 / w[m])");
    SAYS(w, at_make_sum(w->s, NULL, 0, NULL, a(w)), "a");
    const at_expr *guard = op2(w, AT_OP_GT, a(w), R(w, 0));
    SAYS(w, at_make_sum(w->s, NULL, 0, guard, b(w)), "if a > 0.0 then b else 0.0");
}

static void a_choice_of_0_is_a_guard(void **state) {
    world *w = *state;
    make_arrays(w);
    const at_expr *some = op2(w, AT_OP_GT, v(w), R(w, 0));
    SAYS(w, sum_over(w, M, NULL, op3(w, AT_OP_IF, some, v(w), R(w, 0))),
         "sum[m where w[m] > 0.0](w[m])");
    SAYS(w, sum_over(w, M, NULL, op3(w, AT_OP_IF, some, v(w), R(w, 1))),
         "sum[m](if w[m] > 0.0 then w[m] else 1.0)");
}

/* Over nothing the sum is 0 whatever the factor is: NaN, infinite, or without a value. */
static void only_what_is_harmless_leaves_a_guard(void **state) {
    world *w = *state;
    make_arrays(w);
    const at_expr *some = op2(w, AT_OP_GT, v(w), R(w, 0));
    SAYS(w, sum_over(w, M, some, mul(w, x(w), v(w))), "sum[m where w[m] > 0.0](x[n] * w[m])");
    SAYS(w, sum_over(w, M, some, op2(w, AT_OP_DIV, v(w), x(w))),
         "sum[m where w[m] > 0.0](w[m] / x[n])");
    SAYS(w, sum_over(w, M, some, mul(w, c(w), v(w))), "c[n] * sum[m where w[m] > 0.0](w[m])");
    SAYS(w, sum_over(w, M, some, mul(w, R(w, 2), v(w))), "2.0 * sum[m where w[m] > 0.0](w[m])");
    SAYS(w, sum_over(w, M, some, op2(w, AT_OP_DIV, v(w), R(w, 2))),
         "sum[m where w[m] > 0.0](w[m]) / 2.0");
    const at_expr *size = at_as_real(w->s, S(w, w->axes[N]));
    SAYS(w, sum_over(w, M, some, mul(w, size, v(w))), "size(n) * sum[m where w[m] > 0.0](w[m])");
    SAYS(w, sum_over(w, M, some, op2(w, AT_OP_DIV, v(w), size)),
         "sum[m where w[m] > 0.0](w[m] / size(n))");
}

static void what_may_be_outside_leaves_only_with_its_guard(void **state) {
    world *w = *state;
    make_arrays(w);
    const at_expr *n = X(w, w->axes[N]), *next = op2(w, AT_OP_ADD, n, I(w, 1));
    const at_expr *later = READ(w, w->arrays[0], next);
    SAYS(w, sum_over(w, M, NULL, mul(w, later, v(w))), "sum[m](x[n + 1] * w[m])");
    const at_expr *inside = op2(w, AT_OP_LT, next, S(w, w->axes[N]));
    SAYS(w, sum_over(w, M, inside, mul(w, later, v(w))),
         "if n + 1 < size(n) then x[n + 1] * sum[m](w[m]) else 0.0");
    const at_expr *some = op2(w, AT_OP_GT, v(w), R(w, 0));
    SAYS(w, sum_over(w, M, op2(w, AT_OP_AND, inside, some), mul(w, later, v(w))),
         "if n + 1 < size(n) then sum[m where w[m] > 0.0](x[n + 1] * w[m]) else 0.0");
    /* A condition may go in front of those before it only if it cannot fail. */
    const at_expr *asks = op2(w, AT_OP_GT, later, R(w, 0));
    SAYS(w, sum_over(w, M, op2(w, AT_OP_AND, some, inside), v(w)),
         "if n + 1 < size(n) then sum[m where w[m] > 0.0](w[m]) else 0.0");
    SAYS(w, sum_over(w, M, op2(w, AT_OP_AND, some, asks), v(w)),
         "sum[m where w[m] > 0.0 and x[n + 1] > 0.0](w[m])");
    SAYS(w, sum_over(w, M, op2(w, AT_OP_AND, asks, some), v(w)),
         "if x[n + 1] > 0.0 then sum[m where w[m] > 0.0](w[m]) else 0.0");
}

static void a_sum_by_its_own_extent_is_a_mean(void **state) {
    world *w = *state;
    make_arrays(w);
    const at_expr *size = at_as_real(w->s, S(w, w->axes[M])),
                  *other = at_as_real(w->s, S(w, w->axes[N]));
    SAYS(w, sum_over(w, M, NULL, op2(w, AT_OP_DIV, mul(w, a(w), v(w)), size)), "a * mean[m](w[m])");
    SAYS(w, sum_over(w, M, NULL, op2(w, AT_OP_DIV, v(w), other)), "sum[m](w[m]) / size(n)");
    at_axis *both[] = {w->axes[M], w->axes[N]};
    const at_expr *cells = at_as_real(w->s, op2(w, AT_OP_MUL, S(w, w->axes[K]), S(w, w->axes[M])));
    SAYS(w, at_make_sum(w->s, both, 2, NULL, op2(w, AT_OP_DIV, mul(w, x(w), v(w)), cells)),
         "mean[m,n](x[n] * w[m])");
    SAYS(w, at_make_sum(w->s, both, 2, NULL, op2(w, AT_OP_DIV, mul(w, x(w), v(w)), size)),
         "sum[m,n](x[n] * w[m] / size(m))");
    const at_expr *guard = op2(w, AT_OP_GT, v(w), R(w, 0));
    SAYS(w, sum_over(w, M, guard, op2(w, AT_OP_DIV, v(w), size)),
         "sum[m where w[m] > 0.0](w[m] / size(m))");
    /* What was counted may be 0 just where the sum is over nothing. */
    const at_expr *count = at_as_real(w->s, READ(w, w->arrays[5], X(w, w->axes[N])));
    SAYS(w, sum_over(w, M, NULL, op2(w, AT_OP_DIV, v(w), count)), "sum[m](w[m] / p[n])");
}

static void sums_of_ints_are_left_alone(void **state) {
    world *w = *state;
    make_arrays(w);
    const at_expr *p = READ(w, w->arrays[5], X(w, w->axes[N]));
    SAYS(w, sum_over(w, M, NULL, p), "sum[m](p[n])");
}

/* ---- drafts ---------------------------------------------------------------------------------- */

static void a_draft_leaves_the_cascade_as_it_was(void **state) {
    world *w = *state;
    make_arrays(w);
    at_array *y = array(w, "y", AT_DEFINED, AT_REAL, 1, w->axes[N]);
    add(w, equation(w, y, x(w)));
    w->outputs[w->cascade.output_count++] = (at_output){"y", y};
    int axes = w->cascade.axis_count, arrays = w->cascade.array_count;
    at_draft *draft = at_draft_new(w->s, &w->cascade);
    assert_int_equal(draft->out->body.count, 0);
    at_axis *own = at_draft_axis(draft, w->axes[K]);
    assert_string_equal(own->name, "k_2");
    assert_ptr_equal(own->like, w->axes[N]); /* what k itself is like */
    assert_int_equal(own->id, axes);
    const at_expr *read = at_draft_define(draft, y, "part", &w->axes[N], 1, x(w));
    SAYS(w, read, "y.part[n]");
    assert_string_equal(read->u.read.array->path, "y");
    SAYS(w, at_draft_define(draft, y, "part", &w->axes[N], 1, x(w)), "y.part_2[n]");
    at_draft_add(draft, w->items[0]);
    assert_int_equal(draft->out->body.count, 3);
    assert_int_equal(draft->out->array_count, arrays + 2);
    at_ir_verify(w->s, draft->out);
    assert_int_equal(w->cascade.body.count, 1);
    assert_int_equal(w->cascade.array_count, arrays);
    assert_int_equal(w->cascade.axis_count, axes);
    at_ir_verify(w->s, &w->cascade);
}

static void twins_of_declared_axes_are_declared(void **state) {
    world *w = *state;
    make_arrays(w);
    at_axis *q = axis(w, "q", op2(w, AT_OP_ADD, S(w, w->axes[N]), I(w, 1)));
    at_draft *draft = at_draft_new(w->s, &w->cascade);
    at_axis *twin = at_draft_axis(draft, q);
    assert_true(twin->declared);
    assert_null(twin->like);
    assert_true(at_same_extent(twin, q));
    at_axis *round = axis(w, "round", I(w, 4));
    round->round = true;
    assert_false(at_draft_axis(draft, round)->round);
    at_axis *half = at_draft_extent(draft, "half", op2(w, AT_OP_IDIV, S(w, w->axes[K]), I(w, 2)));
    SAYS(w, half->extent, "size(n) // 2"); /* extents are over open axes */
}

static void statements_of_a_region_go_into_it(void **state) {
    world *w = *state;
    make_arrays(w);
    at_draft *draft = at_draft_new(w->s, &w->cascade);
    at_draft_define(draft, w->arrays[0], "one", &w->axes[N], 1, x(w));
    at_draft_region outer, inner;
    at_draft_open(draft, &outer);
    at_draft_define(draft, w->arrays[0], "two", &w->axes[N], 1, x(w));
    at_draft_open(draft, &inner);
    for (int i = 0; i < 9; i++) at_draft_define(draft, w->arrays[0], "three", &w->axes[N], 1, x(w));
    assert_int_equal(at_draft_close(draft, &inner).count, 9);
    for (int i = 0; i < 6; i++) at_draft_define(draft, w->arrays[0], "two", &w->axes[N], 1, x(w));
    at_block block = at_draft_close(draft, &outer);
    assert_int_equal(block.count, 7);
    assert_string_equal(block.items[6]->target->name, "x.two_7");
    at_draft_define(draft, w->arrays[0], "one", &w->axes[N], 1, x(w));
    assert_int_equal(draft->out->body.count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(zeros_and_ones_are_not_kept),
        TEST(numbers_are_computed),
        TEST(signs_go_outwards),
        TEST(a_whole_expression_is_simplified),
        TEST(conditions_are_said_once),
        TEST(few_operations_are_cheap_and_a_fold_is_not),
        TEST(factors_go_in_front_of_a_sum),
        TEST(a_choice_of_0_is_a_guard),
        TEST(only_what_is_harmless_leaves_a_guard),
        TEST(what_may_be_outside_leaves_only_with_its_guard),
        TEST(a_sum_by_its_own_extent_is_a_mean),
        TEST(sums_of_ints_are_left_alone),
        TEST(a_draft_leaves_the_cascade_as_it_was),
        TEST(twins_of_declared_axes_are_declared),
        TEST(statements_of_a_region_go_into_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
