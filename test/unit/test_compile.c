/* The compiled path against values worked out by hand. */
#define _DEFAULT_SOURCE
#include "compile_fixture.h"

/* ---- attention ------------------------------------------------------------------------------- */

enum { MAX = 16 };

static void expect_attention(program *p, int n, int m, int d, int e, bool masked, double *o) {
    const double *q = at_collection_find(&p->inputs, "q")->data;
    const double *k = at_collection_find(&p->inputs, "k")->data;
    const double *v = at_collection_find(&p->inputs, "v")->data;
    for (int i = 0; i < n; i++) {
        double w[MAX], largest = -INFINITY, total = 0;
        int keys = masked && i + 1 < m ? i + 1 : m;
        for (int j = 0; j < keys; j++) {
            w[j] = 0;
            for (int c = 0; c < d; c++) w[j] += 0.5 * q[i * d + c] * k[j * d + c];
            largest = fmax(largest, w[j]);
        }
        for (int j = 0; j < keys; j++) total += w[j] = exp(w[j] - largest);
        for (int c = 0; c < e; c++) {
            o[i * e + c] = 0;
            for (int j = 0; j < keys; j++) o[i * e + c] += w[j] / total * v[j * e + c];
        }
    }
}

static void check_attention(program *p, int n, int m, int d, int e, bool masked) {
    give_noise(p, "q", n, d, 1);
    give_noise(p, "k", m, d, 1000);
    give_noise(p, "v", m, e, 2000);
    make_attention(p, masked);
    at_results results = run(p);
    double expected[MAX * MAX];
    expect_attention(p, n, m, d, e, masked, expected);
    assert_reals(&results, "o", n * e, expected);
    at_results_free(&results);
}

static void attention_agrees(void **state) { check_attention(*state, 7, 11, 3, 5, false); }
static void causal_attention_agrees(void **state) { check_attention(*state, 11, 11, 5, 3, true); }
static void attention_to_one_key(void **state) { check_attention(*state, 3, 1, 1, 1, true); }
static void attention_without_queries(void **state) { check_attention(*state, 0, 4, 2, 2, true); }
static void attention_without_keys_is_zero(void **state) {
    check_attention(*state, 3, 0, 2, 2, false);
}

static void masked_values_are_never_seen(void **state) {
    program *p = *state;
    give_noise(p, "q", 3, 2, 1);
    give_noise(p, "k", 3, 2, 9);
    give_reals(p, "v", 2, 3, 1, (double[]){4, NAN, INFINITY});
    make_attention(p, true);
    at_results results = run(p);
    const double *o = result(&results, "o", 3)->data;
    assert_close(o[0], 4);
    assert_true(isnan(o[1]) && isnan(o[2]));
    at_results_free(&results);
}

static void scores_of_minus_infinity_count_as_empty(void **state) {
    program *p = *state;
    at_axis *i = axis(p, "i", NULL), *j = axis(p, "j", NULL);
    at_array *s = array(p, "s", AT_INPUT, AT_REAL, 2, i, j);
    at_array *w = array(p, "w", AT_DEFINED, AT_REAL, 2, i, j);
    at_array *l = array(p, "l", AT_DEFINED, AT_REAL, 2, i, j);
    const at_expr *score = rd2(p, s, at(p, i), at(p, j));
    softmax(p, w, j, NULL, score);
    keeping(p, AT_FOLD_LOG_SOFTMAX, 1, part(p, l, j, NULL, score), (at_part){0});
    output(p, w);
    output(p, l);
    double inf = INFINITY;
    give_reals(p, "s", 2, 2, 2, (double[]){-inf, -inf, -inf, 3});
    at_results results = run(p);
    assert_reals(&results, "w", 4, (double[]){0, 0, 0, 1});
    assert_reals(&results, "l", 4, (double[]){-inf, -inf, -inf, 0});
    at_results_free(&results);
}

static void joint_softmax_normalises_over_both_parts(void **state) {
    program *p = *state;
    at_axis *i = axis(p, "i", NULL), *j = axis(p, "j", NULL), *m = axis(p, "m", NULL);
    at_array *s = array(p, "s", AT_INPUT, AT_REAL, 2, i, j);
    at_array *t = array(p, "t", AT_INPUT, AT_REAL, 1, m);
    at_array *w = array(p, "w", AT_DEFINED, AT_REAL, 2, i, j);
    at_array *r = array(p, "r", AT_DEFINED, AT_REAL, 2, i, m);
    const at_expr *doubled = op2(p, AT_OP_MUL, num(p, 2), rd1(p, t, at(p, m)));
    keeping(p, AT_FOLD_SOFTMAX, 2,
            part(p, w, j, op2(p, AT_OP_LE, at(p, j), at(p, i)), rd2(p, s, at(p, i), at(p, j))),
            part(p, r, m, NULL, doubled));
    output(p, w);
    output(p, r);
    give_reals(p, "s", 2, 1, 2, (double[]){log(2), 100});
    give_reals(p, "t", 1, 2, 0, (double[]){log(1) / 2, log(5) / 2});
    at_results results = run(p);
    assert_reals(&results, "w", 2, (double[]){0.25, 0});
    assert_reals(&results, "r", 2, (double[]){0.125, 0.625});
    at_results_free(&results);
}

/* p masked to j < keep[i]; then b = p * x, y = sum(b) * x[0], n = p + x. */
static void structural_zeros_annihilate(void **state) {
    program *p = *state;
    at_axis *i = axis(p, "i", NULL), *j = axis(p, "j", NULL);
    at_array *keep = array(p, "keep", AT_INPUT, AT_INT, 1, i);
    at_array *x = array(p, "x", AT_INPUT, AT_REAL, 1, j);
    at_array *w = array(p, "w", AT_DEFINED, AT_REAL, 2, i, j);
    at_array *b = array(p, "b", AT_DEFINED, AT_REAL, 2, i, j);
    at_array *y = array(p, "y", AT_DEFINED, AT_REAL, 1, i);
    at_array *z = array(p, "z", AT_DEFINED, AT_REAL, 1, i);
    at_array *n = array(p, "n", AT_DEFINED, AT_REAL, 2, i, j);
    const at_expr *guard = op2(p, AT_OP_LT, at(p, j), rd1(p, keep, at(p, i)));
    softmax(p, w, j, guard, num(p, 1));
    const at_expr *weight = rd2(p, w, at(p, i), at(p, j)), *value = rd1(p, x, at(p, j));
    equation(p, b, op2(p, AT_OP_DIV, op2(p, AT_OP_MUL, value, weight), num(p, 2)));
    equation(p, y, fold(p, AT_FOLD_SUM, j, NULL, rd2(p, b, at(p, i), at(p, j))));
    equation(p, z, op2(p, AT_OP_MUL, rd1(p, y, at(p, i)), rd1(p, x, size(p, i))));
    equation(p, n, op2(p, AT_OP_ADD, weight, value));
    output(p, b);
    output(p, y);
    output(p, z);
    output(p, n);
    give_ints(p, "keep", 2, (int64_t[]){2, 0});
    give_reals(p, "x", 1, 3, 0, (double[]){4, 8, NAN});
    at_results results = run(p);
    assert_reals(&results, "b", 6, (double[]){1, 2, 0, 0, 0, 0});
    assert_reals(&results, "y", 2, (double[]){3, 0});
    assert_reals(&results, "z", 2, (double[]){NAN, 0});
    assert_reals(&results, "n", 6, (double[]){4.5, 8.5, NAN, 4, 8, NAN});
    at_results_free(&results);
}

/* ---- folds ----------------------------------------------------------------------------------- */

static void folds_over_nothing(void **state) {
    program *p = *state;
    at_axis *i = axis(p, "i", NULL), *o = axis(p, "o", whole(p, 7));
    at_array *x = array(p, "x", AT_INPUT, AT_REAL, 1, i);
    at_array *reals = array(p, "reals", AT_DEFINED, AT_REAL, 1, o);
    at_array *ints = array(p, "ints", AT_DEFINED, AT_INT, 1, o);
    static const at_fold of_reals[] = {AT_FOLD_SUM, AT_FOLD_PROD, AT_FOLD_MAX, AT_FOLD_MIN,
                                       AT_FOLD_MEAN, AT_FOLD_LOGSUMEXP, AT_FOLD_SUM};
    static const at_fold of_ints[] = {AT_FOLD_COUNT, AT_FOLD_ARGMAX, AT_FOLD_ARGMIN, AT_FOLD_COUNT};
    const at_expr *body = rd1(p, x, at(p, i)), *positive = op2(p, AT_OP_GT, body, num(p, 0));
    const at_expr *real = num(p, 0), *integer = whole(p, 0);
    for (int n = 6; n >= 0; n--)
        real = choose(p, op2(p, AT_OP_EQ, at(p, o), whole(p, n)),
                      fold(p, of_reals[n], i, positive, body), real);
    for (int n = 3; n >= 0; n--)
        integer = choose(p, op2(p, AT_OP_EQ, at(p, o), whole(p, n)),
                         fold(p, of_ints[n], i, positive, body), integer);
    const at_expr *any = fold(p, AT_FOLD_ANY, i, NULL, positive);
    const at_expr *all = fold(p, AT_FOLD_ALL, i, positive, at_bool(p->s, false, at_no_span()));
    integer = choose(p, op2(p, AT_OP_EQ, at(p, o), whole(p, 4)),
                     choose(p, any, whole(p, 1), whole(p, 0)), integer);
    integer = choose(p, op2(p, AT_OP_EQ, at(p, o), whole(p, 5)),
                     choose(p, all, whole(p, 1), whole(p, 0)), integer);
    equation(p, reals, real);
    equation(p, ints, integer);
    output(p, reals);
    output(p, ints);
    give_reals(p, "x", 1, 2, 0, (double[]){-1, -2});
    at_results results = run(p);
    assert_reals(&results, "reals", 7, (double[]){0, 1, -INFINITY, INFINITY, 0, -INFINITY, 0});
    assert_ints(&results, "ints", 7, (int64_t[]){0, -1, -1, 0, 0, 1, 0});
    at_results_free(&results);
}

static void folds_carry_nan_and_take_the_first(void **state) {
    program *p = *state;
    at_axis *r = axis(p, "r", NULL), *i = axis(p, "i", NULL);
    at_array *x = array(p, "x", AT_INPUT, AT_REAL, 2, r, i);
    const at_expr *body = rd2(p, x, at(p, r), at(p, i));
    static const struct {
        const char *name;
        at_fold fold;
    } of_reals[] = {{"sum", AT_FOLD_SUM},   {"prod", AT_FOLD_PROD}, {"mean", AT_FOLD_MEAN},
                    {"max", AT_FOLD_MAX},   {"min", AT_FOLD_MIN},   {"lse", AT_FOLD_LOGSUMEXP}};
    for (int n = 0; n < 6; n++) {
        at_array *y = array(p, of_reals[n].name, AT_DEFINED, AT_REAL, 1, r);
        equation(p, y, fold(p, of_reals[n].fold, i, NULL, body));
        output(p, y);
    }
    at_array *best = array(p, "argmax", AT_DEFINED, AT_INT, 1, r);
    at_array *worst = array(p, "argmin", AT_DEFINED, AT_INT, 1, r);
    equation(p, best, fold(p, AT_FOLD_ARGMAX, i, NULL, body));
    equation(p, worst, fold(p, AT_FOLD_ARGMIN, i, NULL, body));
    output(p, best);
    output(p, worst);
    double inf = INFINITY;
    give_reals(p, "x", 2, 4, 3,
               (double[]){1, 3, 3, 2, NAN, 5, -inf, -inf, -inf, inf, 1, inf});
    at_results results = run(p);
    assert_reals(&results, "sum", 4, (double[]){7, NAN, -inf, inf});
    assert_reals(&results, "prod", 4, (double[]){9, NAN, -inf, inf});
    assert_reals(&results, "mean", 4, (double[]){7.0 / 3, NAN, -inf, inf});
    assert_reals(&results, "max", 4, (double[]){3, NAN, -inf, inf});
    assert_reals(&results, "min", 4, (double[]){1, NAN, -inf, 1});
    assert_reals(&results, "lse", 4, (double[]){log(exp(1) + 2 * exp(3)), NAN, -inf, inf});
    assert_ints(&results, "argmax", 4, (int64_t[]){1, 1, 0, 0});
    assert_ints(&results, "argmin", 4, (int64_t[]){0, 1, 0, 1});
    at_results_free(&results);
}

static void grouping_by_data_scatters(void **state) {
    program *p = *state;
    at_axis *e = axis(p, "e", NULL), *g = axis(p, "g", whole(p, 3));
    at_array *dst = array(p, "dst", AT_INPUT, AT_INT, 1, e);
    at_array *w = array(p, "w", AT_INPUT, AT_INT, 1, e);
    at_array *z = array(p, "z", AT_DEFINED, AT_INT, 1, g);
    const at_expr *here = op2(p, AT_OP_EQ, rd1(p, dst, at(p, e)), at(p, g));
    equation(p, z, fold(p, AT_FOLD_SUM, e, here, rd1(p, w, at(p, e))));
    output(p, z);
    give_ints(p, "dst", 4, (int64_t[]){2, 0, 2, 5});
    give_ints(p, "w", 4, (int64_t[]){1, 10, 100, 1000});
    at_results results = run(p);
    assert_ints(&results, "z", 3, (int64_t[]){10, 0, 101});
    at_results_free(&results);
}

/* ---- reads ----------------------------------------------------------------------------------- */

static void an_alternative_joins_two_arrays(void **state) {
    program *p = *state;
    at_axis *u = axis(p, "u", NULL), *m = axis(p, "m", NULL);
    at_axis *n = axis(p, "n", op2(p, AT_OP_ADD, size(p, u), size(p, m)));
    at_array *a = array(p, "a", AT_INPUT, AT_REAL, 1, u);
    at_array *b = array(p, "b", AT_INPUT, AT_REAL, 1, m);
    at_array *z = array(p, "z", AT_DEFINED, AT_REAL, 1, n);
    at_array *d = array(p, "d", AT_DEFINED, AT_REAL, 1, n);
    const at_expr *rest = rd1(p, b, op2(p, AT_OP_SUB, at(p, n), size(p, u)));
    equation(p, z, read_or(p, a, rest, at(p, n)));
    const at_expr *before = op2(p, AT_OP_SUB, at(p, n), whole(p, 1));
    equation(p, d, op2(p, AT_OP_SUB, rd1(p, z, at(p, n)), read_or(p, z, num(p, 0), before)));
    output(p, z);
    output(p, d);
    give_reals(p, "a", 1, 2, 0, (double[]){1, 2});
    give_reals(p, "b", 1, 3, 0, (double[]){30, 40, 60});
    at_results results = run(p);
    assert_reals(&results, "z", 5, (double[]){1, 2, 30, 40, 60});
    assert_reals(&results, "d", 5, (double[]){1, 1, 28, 10, 20});
    at_results_free(&results);
}

/* y[i] = x[i+1] leaves x in its last element. */
static at_array *make_shift(program *p, at_axis **i, at_array **x) {
    *i = axis(p, "i", NULL);
    *x = array(p, "x", AT_INPUT, AT_REAL, 1, *i);
    at_array *y = array(p, "y", AT_DEFINED, AT_REAL, 1, *i);
    equation(p, y, rd1(p, *x, op2(p, AT_OP_ADD, at(p, *i), whole(p, 1))));
    give_reals(p, "x", 1, 3, 0, (double[]){1, 2, 4});
    return y;
}

#define OUTSIDE "`x` is read outside: its index along `i` is 3, and the size of `i` is 3"

static void a_read_outside_is_an_error(void **state) {
    program *p = *state;
    at_axis *i;
    at_array *x;
    output(p, make_shift(p, &i, &x));
    const at_diag *diag = run_to_error(p);
    assert_string_equal(at_code_text(diag->code), "E701");
    assert_string_equal(diag->message, OUTSIDE);
    assert_string_equal(diag->notes[0], "needed for the output `y[i=2]`");
}

static void a_failed_element_that_nobody_needs_is_fine(void **state) {
    program *p = *state;
    at_axis *i;
    at_array *x, *y = make_shift(p, &i, &x);
    at_array *z = array(p, "z", AT_DEFINED, AT_REAL, 1, i);
    const at_expr *last = op2(p, AT_OP_EQ, at(p, i), op2(p, AT_OP_SUB, size(p, i), whole(p, 1)));
    equation(p, z, choose(p, last, num(p, -1), rd1(p, y, at(p, i))));
    output(p, z);
    at_results results = run(p);
    assert_reals(&results, "z", 3, (double[]){2, 4, -1});
    at_results_free(&results);
}

static void a_failed_element_fails_what_needs_it(void **state) {
    program *p = *state;
    at_axis *i;
    at_array *x, *y = make_shift(p, &i, &x);
    at_array *z = array(p, "z", AT_DEFINED, AT_REAL, 0);
    equation(p, z, fold(p, AT_FOLD_SUM, i, NULL, rd1(p, y, at(p, i))));
    output(p, z);
    const at_diag *diag = run_to_error(p);
    assert_string_equal(diag->message, OUTSIDE);
    assert_string_equal(diag->notes[0], "needed for the output `z`");
}

static void an_equation_that_nobody_needs_does_not_run(void **state) {
    program *p = *state;
    at_axis *i;
    at_array *x;
    make_shift(p, &i, &x);
    at_array *z = array(p, "z", AT_DEFINED, AT_REAL, 1, i);
    equation(p, z, rd1(p, x, at(p, i)));
    output(p, z);
    at_results results = run(p);
    assert_reals(&results, "z", 3, (double[]){1, 2, 4});
    at_results_free(&results);
}

/* and, or and guards look only at what they need. */
static void lazy_operations_do_not_fail(void **state) {
    program *p = *state;
    at_axis *i = axis(p, "i", NULL), *j = axis(p, "j", NULL);
    at_array *x = array(p, "x", AT_INPUT, AT_REAL, 1, i);
    at_array *w = array(p, "w", AT_INPUT, AT_REAL, 1, j);
    at_array *y = array(p, "y", AT_DEFINED, AT_BOOL, 1, i);
    at_array *z = array(p, "z", AT_DEFINED, AT_REAL, 1, i);
    const at_expr *before = op2(p, AT_OP_SUB, at(p, i), whole(p, 1));
    const at_expr *first = op2(p, AT_OP_EQ, at(p, i), whole(p, 0));
    const at_expr *rises = op2(p, AT_OP_GT, rd1(p, x, at(p, i)), rd1(p, x, before));
    const at_expr *late = op2(p, AT_OP_GT, at(p, i), whole(p, 0));
    equation(p, y, op2(p, AT_OP_OR, first, op2(p, AT_OP_AND, late, rises)));
    const at_expr *apart = op2(p, AT_OP_SUB, at(p, i), at(p, j));
    equation(p, z, fold(p, AT_FOLD_SUM, j, op2(p, AT_OP_GE, apart, whole(p, 0)),
                        op2(p, AT_OP_MUL, rd1(p, w, at(p, j)), rd1(p, x, apart))));
    output(p, y);
    output(p, z);
    give_reals(p, "x", 1, 3, 0, (double[]){1, 3, 2});
    give_reals(p, "w", 1, 2, 0, (double[]){1, 10});
    at_results results = run(p);
    const unsigned char *flags = result(&results, "y", 3)->data;
    assert_true(flags[0] == 1 && flags[1] == 1 && flags[2] == 0);
    assert_reals(&results, "z", 3, (double[]){1, 13, 32});
    at_results_free(&results);
}

/* ---- ints ------------------------------------------------------------------------------------ */

static at_array *make_ints(program *p, at_op op, int64_t a, int64_t b) {
    at_axis *i = axis(p, "i", NULL);
    at_array *x = array(p, "x", AT_INPUT, AT_INT, 1, i), *y = array(p, "y", AT_INPUT, AT_INT, 1, i);
    at_array *z = array(p, "z", AT_DEFINED, AT_INT, 1, i);
    equation(p, z, op2(p, op, rd1(p, x, at(p, i)), rd1(p, y, at(p, i))));
    output(p, z);
    give_ints(p, "x", 3, (int64_t[]){7, -7, a});
    give_ints(p, "y", 3, (int64_t[]){3, 3, b});
    return z;
}

static void check_ints(program *p, at_op op, int64_t a, int64_t b, const int64_t *expected) {
    make_ints(p, op, a, b);
    at_results results = run(p);
    assert_ints(&results, "z", 3, expected);
    at_results_free(&results);
}

static void division_is_towards_minus_infinity(void **state) {
    check_ints(*state, AT_OP_IDIV, 7, -2, (int64_t[]){2, -3, -4});
}
static void the_remainder_has_the_divisors_sign(void **state) {
    check_ints(*state, AT_OP_MOD, 7, -2, (int64_t[]){1, 2, -1});
}
static void powers_of_ints(void **state) {
    check_ints(*state, AT_OP_IPOW, -2, 63, (int64_t[]){343, -343, INT64_MIN});
}

static void division_by_zero_is_an_error(void **state) {
    make_ints(*state, AT_OP_IDIV, 1, 0);
    const at_diag *diag = run_to_error(*state);
    assert_string_equal(at_code_text(diag->code), "E703");
    assert_string_equal(diag->message, "1 // 0: ints cannot be divided by 0");
    assert_string_equal(diag->notes[0], "needed for the output `z[i=2]`");
}

static void overflow_is_an_error(void **state) {
    make_ints(*state, AT_OP_MUL, INT64_MAX, 2);
    const at_diag *diag = run_to_error(*state);
    assert_string_equal(at_code_text(diag->code), "E702");
    assert_string_equal(diag->message, "an int leaves its range of 64 bits");
    assert_string_equal(diag->label, "* of 9223372036854775807 and 2");
}

static void the_maximum_of_no_ints_is_an_error(void **state) {
    program *p = *state;
    at_axis *i = axis(p, "i", NULL);
    at_array *x = array(p, "x", AT_INPUT, AT_INT, 1, i);
    at_array *y = array(p, "y", AT_DEFINED, AT_INT, 0);
    equation(p, y, fold(p, AT_FOLD_MAX, i, NULL, rd1(p, x, at(p, i))));
    output(p, y);
    give_ints(p, "x", 0, (int64_t[]){0});
    const at_diag *diag = run_to_error(p);
    assert_string_equal(at_code_text(diag->code), "E705");
    assert_string_equal(diag->message, "the largest or smallest of no ints does not exist");
}

static void index_arithmetic_is_exact(void **state) {
    program *p = *state;
    at_axis *h = axis(p, "h", whole(p, 2)), *d = axis(p, "d", whole(p, 3));
    at_axis *c = axis(p, "c", NULL);
    at_array *x = array(p, "x", AT_INPUT, AT_REAL, 1, c);
    at_array *y = array(p, "y", AT_DEFINED, AT_REAL, 2, h, d);
    at_array *back = array(p, "back", AT_DEFINED, AT_REAL, 1, c);
    at_array *first = array(p, "first", AT_DEFINED, AT_INT, 0);
    const at_expr *flat = op2(p, AT_OP_ADD, op2(p, AT_OP_MUL, at(p, h), size(p, d)), at(p, d));
    equation(p, y, rd1(p, x, flat));
    equation(p, back, rd2(p, y, op2(p, AT_OP_IDIV, at(p, c), size(p, d)),
                          op2(p, AT_OP_MOD, at(p, c), size(p, d))));
    const at_expr *found = op2(p, AT_OP_EQ, rd1(p, back, at(p, c)), num(p, 4));
    equation(p, first, fold(p, AT_FOLD_MIN, c, found, at(p, c)));
    output(p, back);
    output(p, first);
    give_reals(p, "x", 1, 6, 0, (double[]){0, 1, 2, 3, 4, 4});
    at_results results = run(p);
    assert_reals(&results, "back", 6, (double[]){0, 1, 2, 3, 4, 4});
    assert_ints(&results, "first", 1, (int64_t[]){4});
    at_results_free(&results);
}

static void tables_hold_constants(void **state) {
    program *p = *state;
    at_axis *r = axis(p, "r", whole(p, 3));
    at_array *rate = array(p, "rate", AT_DEFINED, AT_INT, 1, r);
    at_statement *st = statement(p, AT_TABLE, rate);
    st->u.table.count = 3;
    st->u.table.values = AT_NEW_ARRAY(p->s->arena, const at_expr *, 3);
    for (int i = 0; i < 3; i++) st->u.table.values[i] = whole(p, 1 << i);
    output(p, rate);
    at_results results = run(p);
    assert_ints(&results, "rate", 3, (int64_t[]){1, 2, 4});
    at_results_free(&results);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(attention_agrees),
        TEST(causal_attention_agrees),
        TEST(attention_to_one_key),
        TEST(attention_without_queries),
        TEST(attention_without_keys_is_zero),
        TEST(masked_values_are_never_seen),
        TEST(scores_of_minus_infinity_count_as_empty),
        TEST(joint_softmax_normalises_over_both_parts),
        TEST(structural_zeros_annihilate),
        TEST(folds_over_nothing),
        TEST(folds_carry_nan_and_take_the_first),
        TEST(grouping_by_data_scatters),
        TEST(an_alternative_joins_two_arrays),
        TEST(a_read_outside_is_an_error),
        TEST(a_failed_element_that_nobody_needs_is_fine),
        TEST(a_failed_element_fails_what_needs_it),
        TEST(an_equation_that_nobody_needs_does_not_run),
        TEST(lazy_operations_do_not_fail),
        TEST(division_is_towards_minus_infinity),
        TEST(the_remainder_has_the_divisors_sign),
        TEST(powers_of_ints),
        TEST(division_by_zero_is_an_error),
        TEST(overflow_is_an_error),
        TEST(the_maximum_of_no_ints_is_an_error),
        TEST(index_arithmetic_is_exact),
        TEST(tables_hold_constants),
    };
    return cmocka_run_group_tests_name("compile", tests, NULL, NULL);
}
