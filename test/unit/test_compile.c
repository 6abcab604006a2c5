/* The compiled path against values worked out by hand: cascades are built node by node, compiled,
 * loaded and run. */
#define _DEFAULT_SOURCE
#include "compile.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- building cascades ----------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    at_cascade c;
    int axis_capacity, array_capacity, input_capacity, output_capacity, body_capacity;
    at_collection inputs;
} program;

static int start(void **state) {
    program *p = calloc(1, sizeof *p);
    p->s = at_session_new((size_t)64 << 20);
    p->c.name = "test";
    *state = p;
    return 0;
}

static int stop(void **state) {
    program *p = *state;
    at_collection_free(&p->inputs);
    at_session_free(p->s);
    free(p);
    return 0;
}

static at_axis *axis(program *p, const char *name, const at_expr *extent) {
    at_axis *a = AT_NEW(p->s->arena, at_axis);
    a->name = name;
    a->extent = extent;
    a->declared = extent != NULL;
    a->fixed = -1;
    a->id = p->c.axis_count;
    AT_PUSH(p->s->arena, p->c.axes, p->c.axis_count, p->axis_capacity, a);
    return a;
}

static at_array *array(program *p, const char *name, at_role role, at_kind kind, int rank, ...) {
    at_array *a = AT_NEW(p->s->arena, at_array);
    a->name = a->path = name;
    a->role = role;
    a->kind = kind;
    a->rank = rank;
    a->axes = AT_NEW_ARRAY(p->s->arena, at_axis *, rank);
    va_list list;
    va_start(list, rank);
    for (int i = 0; i < rank; i++) a->axes[i] = va_arg(list, at_axis *);
    va_end(list);
    a->id = p->c.array_count;
    AT_PUSH(p->s->arena, p->c.arrays, p->c.array_count, p->array_capacity, a);
    at_start begin = {a, NULL, -1, {NULL, NULL}};
    if (role == AT_INPUT)
        AT_PUSH(p->s->arena, p->c.inputs, p->c.input_count, p->input_capacity, begin);
    return a;
}

static void output(program *p, at_array *a) {
    at_output out = {a->name, a};
    AT_PUSH(p->s->arena, p->c.outputs, p->c.output_count, p->output_capacity, out);
}

static at_statement *statement(program *p, at_statement_tag tag, at_array *target) {
    at_statement *st = AT_NEW(p->s->arena, at_statement);
    st->tag = tag;
    st->target = target;
    AT_PUSH(p->s->arena, p->c.body.items, p->c.body.count, p->body_capacity, st);
    return st;
}

static void equation(program *p, at_array *target, const at_expr *value) {
    statement(p, AT_EQUATION, target)->u.value = value;
}

static at_part part(program *p, at_array *target, at_axis *bound, const at_expr *guard,
                    const at_expr *body) {
    at_part out = {target, 1, AT_NEW_ARRAY(p->s->arena, at_axis *, 1),
                   AT_NEW_ARRAY(p->s->arena, bool, 1), guard, body};
    out.bound[0] = bound;
    return out;
}

static void keeping(program *p, at_fold fold, int count, at_part first, at_part second) {
    at_statement *st = statement(p, AT_KEEPING, NULL);
    st->u.keeping.fold = fold;
    st->u.keeping.count = count;
    st->u.keeping.parts = AT_NEW_ARRAY(p->s->arena, at_part, 2);
    st->u.keeping.parts[0] = first;
    st->u.keeping.parts[1] = second;
}

static void softmax(program *p, at_array *target, at_axis *bound, const at_expr *guard,
                    const at_expr *body) {
    keeping(p, AT_FOLD_SOFTMAX, 1, part(p, target, bound, guard, body), (at_part){0});
}

static const at_expr *num(program *p, double x) { return at_real(p->s, x, at_no_span()); }
static const at_expr *whole(program *p, int64_t x) { return at_int(p->s, x, at_no_span()); }
static const at_expr *at(program *p, const at_axis *a) { return at_index(p->s, a, at_no_span()); }
static const at_expr *size(program *p, const at_axis *a) { return at_size(p->s, a, at_no_span()); }

static const at_expr *op1(program *p, at_op op, const at_expr *a) {
    return at_map_node(p->s, op, a, NULL, NULL, at_no_span());
}

static const at_expr *op2(program *p, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(p->s, op, a, b, NULL, at_no_span());
}

static const at_expr *choose(program *p, const at_expr *c, const at_expr *a, const at_expr *b) {
    return at_map_node(p->s, AT_OP_IF, c, a, b, at_no_span());
}

static const at_expr *read_or(program *p, const at_array *x, const at_expr *alternative, ...) {
    const at_expr **index = AT_NEW_ARRAY(p->s->arena, const at_expr *, x->rank);
    va_list list;
    va_start(list, alternative);
    for (int i = 0; i < x->rank; i++) index[i] = va_arg(list, const at_expr *);
    va_end(list);
    return at_read(p->s, x, index, alternative, at_no_span());
}

static const at_expr *rd1(program *p, const at_array *x, const at_expr *i) {
    return read_or(p, x, NULL, i);
}

static const at_expr *rd2(program *p, const at_array *x, const at_expr *i, const at_expr *j) {
    return read_or(p, x, NULL, i, j);
}

static const at_expr *fold(program *p, at_fold f, at_axis *a, const at_expr *guard,
                           const at_expr *body) {
    return at_fold_node(p->s, f, &a, 1, guard, body, at_no_span());
}

/* ---- running them ---------------------------------------------------------------------------- */

static at_tensor *give(program *p, const char *name, at_type type, int rank, int64_t n, int64_t m) {
    int64_t extents[2] = {n, m};
    at_tensor *t = at_tensor_new(p->s, type, extents, rank, name);
    assert_non_null(t);
    at_collection_add(p->s, &p->inputs, name, t);
    return t;
}

static void give_reals(program *p, const char *name, int rank, int64_t n, int64_t m,
                       const double *values) {
    at_tensor *t = give(p, name, AT_TYPE_F64, rank, n, m);
    memcpy(t->data, values, sizeof *values * (size_t)t->count);
}

static void give_ints(program *p, const char *name, int64_t n, const int64_t *values) {
    at_tensor *t = give(p, name, AT_TYPE_I64, 1, n, 0);
    memcpy(t->data, values, sizeof *values * (size_t)n);
}

/* Numbers without pattern, the same on every machine. */
static double noise(int i) { return sin(12.9898 * i + 4.1414) * 2.0; }

static void give_noise(program *p, const char *name, int64_t n, int64_t m, int seed) {
    at_tensor *t = give(p, name, AT_TYPE_F64, 2, n, m);
    for (int64_t i = 0; i < t->count; i++) ((double *)t->data)[i] = noise(seed + (int)i);
}

static void show_errors(program *p) {
    at_text text = {0};
    at_diags_render(p->s, false, &text);
    if (text.data) fprintf(stderr, "%s", text.data);
    at_text_free(&text);
}

static at_results run(program *p) {
    at_ir_verify(p->s, &p->c);
    at_kernel *kernel = at_compile(p->s, &p->c, NULL, NULL);
    if (!kernel) show_errors(p);
    assert_non_null(kernel);
    at_call call = {.inputs = &p->inputs};
    at_results results;
    if (!at_kernel_run(p->s, kernel, &call, &results)) show_errors(p);
    at_kernel_free(kernel);
    return results;
}

static at_tensor *result(at_results *results, const char *name, int64_t count) {
    at_tensor *t = at_collection_find(&results->outputs, name);
    assert_non_null(t);
    assert_int_equal(t->count, count);
    return t;
}

static void assert_close(double found, double expected) {
    if (isnan(expected) ? isnan(found) : found == expected) return;
    if (isfinite(expected) && fabs(found - expected) <= 1e-12 * fmax(1, fabs(expected))) return;
    fail_msg("found %.17g, expected %.17g", found, expected);
}

static void assert_reals(at_results *results, const char *name, int64_t count,
                         const double *expected) {
    const double *found = result(results, name, count)->data;
    for (int64_t i = 0; i < count; i++) assert_close(found[i], expected[i]);
}

static void assert_ints(at_results *results, const char *name, int64_t count,
                        const int64_t *expected) {
    const int64_t *found = result(results, name, count)->data;
    for (int64_t i = 0; i < count; i++) assert_int_equal(found[i], expected[i]);
}

/* Runs a program that must fail; its one error. */
static const at_diag *run_to_error(program *p) {
    at_ir_verify(p->s, &p->c);
    at_kernel *kernel = at_compile(p->s, &p->c, NULL, NULL);
    if (kernel) {
        at_call call = {.inputs = &p->inputs};
        at_results results;
        assert_false(at_kernel_run(p->s, kernel, &call, &results));
        assert_int_equal(results.outputs.count, 0);
        at_kernel_free(kernel);
    }
    assert_int_equal(p->s->diag_count, 1);
    return p->s->diags[0];
}

/* ---- attention ------------------------------------------------------------------------------- */

typedef struct {
    at_axis *i, *j, *d, *e;
    at_array *q, *k, *v, *s, *p, *o;
} attention;

/* o = softmax(q k) v over the keys for which `j <= i`, unless masked is false. */
static attention make_attention(program *p, bool masked) {
    attention a;
    a.i = axis(p, "i", NULL);
    a.j = axis(p, "j", NULL);
    a.d = axis(p, "d", NULL);
    a.e = axis(p, "e", NULL);
    a.q = array(p, "q", AT_INPUT, AT_REAL, 2, a.i, a.d);
    a.k = array(p, "k", AT_INPUT, AT_REAL, 2, a.j, a.d);
    a.v = array(p, "v", AT_INPUT, AT_REAL, 2, a.j, a.e);
    a.s = array(p, "s", AT_DEFINED, AT_REAL, 2, a.i, a.j);
    a.p = array(p, "p", AT_DEFINED, AT_REAL, 2, a.i, a.j);
    a.o = array(p, "o", AT_DEFINED, AT_REAL, 2, a.i, a.e);
    const at_expr *dot = op2(p, AT_OP_MUL, rd2(p, a.q, at(p, a.i), at(p, a.d)),
                             rd2(p, a.k, at(p, a.j), at(p, a.d)));
    equation(p, a.s, op2(p, AT_OP_MUL, num(p, 0.5), fold(p, AT_FOLD_SUM, a.d, NULL, dot)));
    const at_expr *mask = masked ? op2(p, AT_OP_LE, at(p, a.j), at(p, a.i)) : NULL;
    softmax(p, a.p, a.j, mask, rd2(p, a.s, at(p, a.i), at(p, a.j)));
    const at_expr *weighed = op2(p, AT_OP_MUL, rd2(p, a.p, at(p, a.i), at(p, a.j)),
                                 rd2(p, a.v, at(p, a.j), at(p, a.e)));
    equation(p, a.o, fold(p, AT_FOLD_SUM, a.j, NULL, weighed));
    output(p, a.o);
    return a;
}

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

/* ---- stages, limits, the C compiler ---------------------------------------------------------- */

static void what_is_not_compiled_is_named(void **state) {
    program *p = *state;
    at_axis *i = axis(p, "i", NULL);
    at_array *x = array(p, "x", AT_INPUT, AT_REAL, 1, i);
    at_array *y = array(p, "y", AT_DEFINED, AT_REAL, 1, i);
    keeping(p, AT_FOLD_CUMSUM, 1, part(p, y, i, NULL, rd1(p, x, at(p, i))), (at_part){0});
    output(p, y);
    const at_diag *diag = run_to_error(p);
    assert_string_equal(at_code_text(diag->code), "E904");
    assert_int_equal(at_code_blame(diag->code), AT_UNSUPPORTED);
    assert_string_equal(diag->message,
                        "compiled code has no `cumsum`, which the equation of `y` uses");
    assert_string_equal(diag->hint, "`--executor reference` runs it");
}

static char *dump(program *p, const char *stage) {
    at_text text = {0};
    assert_null(at_compile(p->s, &p->c, stage, &text));
    assert_int_equal(p->s->diag_count, 0);
    assert_non_null(text.data);
    return text.data;
}

static void assert_mentions(const char *text, const char *piece) {
    if (!strstr(text, piece)) fail_msg("%s\n\ndoes not mention: %s", text, piece);
}

static void every_stage_prints(void **state) {
    program *p = *state;
    make_attention(p, true);
    static const struct {
        const char *stage, *piece;
    } stages[] = {
        {"opt", "o[i,e] = sum[j where j <= i](p[i,j] * v[j,e])"},
        {"plan", "array p.max[i]: real, stored between passes, 8*i bytes"},
        {"loop", "      set sum = sum + q[i,d] * k[j,d]\n"},
        {"tile", "load q %"},
        {"emit", "sum = sum + q[i * size_d + d] * k[j * size_d + d];"},
    };
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        char *text = dump(p, stages[i].stage);
        assert_mentions(text, stages[i].piece);
        if (i > 0) assert_null(strstr(text, "softmax"));
        free(text);
    }
    assert_null(at_compile(p->s, &p->c, "emitt", NULL));
    assert_string_equal(p->s->diags[0]->hint, "did you mean `emit`?");
}

static void the_same_program_gives_the_same_text(void **state) {
    program *p = *state;
    make_attention(p, true);
    char *once = dump(p, "emit"), *again = dump(p, "emit");
    assert_string_equal(once, again);
    free(once);
    free(again);
}

/* Operations and names of all sorts, for the compilers to complain about. */
static void make_zoo(program *p) {
    at_axis *i = axis(p, "int", NULL), *j = axis(p, "INFINITY", NULL);
    at_axis *l = axis(p, "i", size(p, i));
    at_array *x = array(p, "double", AT_INPUT, AT_REAL, 2, i, j);
    at_array *n = array(p, "a*/b é", AT_INPUT, AT_INT, 1, i);
    at_array *b = array(p, "call", AT_INPUT, AT_BOOL, 1, j);
    at_array *y = array(p, "size_int", AT_DEFINED, AT_REAL, 2, i, j);
    at_array *m = array(p, "fault", AT_DEFINED, AT_INT, 1, i);
    at_array *z = array(p, "x.y", AT_DEFINED, AT_REAL, 2, i, j);
    const at_expr *e = rd2(p, x, at(p, i), at(p, j));
    for (at_op op = 0; op < AT_OPS; op++) {
        const at_op_row *row = at_op_info(op);
        bool real = row->rule == AT_RULE_REAL || row->rule == AT_RULE_SAME;
        if (real && row->arity == 1) e = op1(p, op, e);
        if (real && row->arity == 2) e = op2(p, op, e, num(p, -1.5));
    }
    e = at_map_node(p->s, AT_OP_CLAMP, e, num(p, -1), num(p, INFINITY), at_no_span());
    equation(p, y, choose(p, rd1(p, b, at(p, j)), e, num(p, NAN)));
    const at_expr *k = rd1(p, n, at(p, i));
    for (at_op op = 0; op < AT_OPS; op++) {
        const at_op_row *row = at_op_info(op);
        bool on_ints = row->rule == AT_RULE_INT || row->rule == AT_RULE_SAME;
        if (on_ints && row->arity == 1) k = op1(p, op, k);
        if (on_ints && row->arity == 2) k = op2(p, op, k, whole(p, 3));
    }
    k = at_map_node(p->s, AT_OP_CLAMP, k, whole(p, 0), whole(p, 9), at_no_span());
    k = op2(p, AT_OP_ADD, k, op1(p, AT_OP_TO_INT, num(p, 1e30)));
    k = op2(p, AT_OP_MIN, k, op2(p, AT_OP_MOD, at(p, i), whole(p, 5)));
    k = op2(p, AT_OP_SUB, k, op2(p, AT_OP_IDIV, at(p, i), whole(p, 5)));
    k = choose(p, op2(p, AT_OP_EQ, at(p, i), at(p, i)), k, whole(p, 3));
    k = choose(p, op2(p, AT_OP_EQ, k, whole(p, 3)), whole(p, 1000000), whole(p, 2000000));
    equation(p, m, op2(p, AT_OP_MUL, k, k));
    const at_expr *shifted = read_or(p, y, num(p, -0.0), rd1(p, m, at(p, i)),
                                     op2(p, AT_OP_SUB, at(p, j), whole(p, 1)));
    const at_expr *largest = fold(p, AT_FOLD_MAX, l, NULL, rd1(p, m, at(p, l)));
    shifted = op2(p, AT_OP_MUL, shifted, op1(p, AT_OP_TO_REAL, largest));
    equation(p, z, op2(p, AT_OP_SUB, shifted, op1(p, AT_OP_TO_REAL, rd1(p, b, at(p, j)))));
    output(p, z);
}

static bool compile_in_little_memory(void *user) {
    program *p = user;
    make_attention(p, true);
    at_text text = {0};
    at_kernel *kernel = at_compile(p->s, &p->c, "emit", &text);
    bool good = text.length > 0;
    at_text_free(&text);
    return good && !kernel;
}

/* Whatever the point at which memory runs out, it is reported once. */
static void running_out_of_memory_is_an_error(void **state) {
    (void)state;
    bool good = false;
    int failed = 0;
    for (size_t limit = (size_t)16 << 10; !good; limit += (size_t)4 << 10) {
        program p = {.s = at_session_new(limit)};
        if (!p.s) continue;
        p.c.name = "test";
        good = at_guarded(p.s, compile_in_little_memory, &p);
        if (!good) {
            failed++;
            assert_int_equal(p.s->diag_count, 1);
            assert_string_equal(at_code_text(p.s->diags[0]->code), "E001");
        }
        at_session_free(p.s);
        assert_true(limit < (size_t)8 << 20);
    }
    assert_true(failed > 0);
}

/* Compiles `source` with every warning an error; false when that compiler is not installed. */
static bool compiles_clean(const char *compiler, const char *source) {
    char command[512], path[] = "/tmp/attend-test-XXXXXX";
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", compiler);
    if (system(command) != 0) return false;
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_int_equal(write(handle, source, strlen(source)), (ssize_t)strlen(source));
    close(handle);
    snprintf(command, sizeof command,
             "%s -std=c11 -O2 -Wall -Wextra -Werror -x c -c %s -o /dev/null", compiler, path);
    int status = system(command);
    if (status != 0) fprintf(stderr, "%s", source);
    unlink(path);
    assert_int_equal(status, 0);
    return true;
}

static void check_clean(program *p) {
    char *source = dump(p, "emit");
    int compilers = compiles_clean("gcc", source) + compiles_clean("clang", source);
    free(source);
    if (compilers == 0) skip();
}

static void emitted_attention_compiles_without_warnings(void **state) {
    make_attention(*state, true);
    check_clean(*state);
}

static void emitted_code_of_all_sorts_compiles_without_warnings(void **state) {
    make_zoo(*state);
    check_clean(*state);
}

static void a_missing_compiler_is_an_error(void **state) {
    program *p = *state;
    make_attention(p, false);
    setenv("ATTEND_CC", "/nonexistent/compiler", 1);
    const at_diag *diag = run_to_error(p);
    unsetenv("ATTEND_CC");
    assert_string_equal(at_code_text(diag->code), "E901");
    assert_string_equal(diag->message, "the C compiler `/nonexistent/compiler`, which ATTEND_CC "
                                       "names, cannot be run: No such file or directory");
}

static void a_failing_compiler_is_an_error_that_keeps_the_source(void **state) {
    program *p = *state;
    make_attention(p, false);
    setenv("ATTEND_CC", "false", 1);
    const at_diag *diag = run_to_error(p);
    unsetenv("ATTEND_CC");
    assert_string_equal(at_code_text(diag->code), "E902");
    assert_string_equal(diag->message, "the C compiler failed with status 1");
    assert_int_equal(diag->note_count, 2);
    const char *kept = strstr(diag->notes[1], "/");
    assert_non_null(kept);
    assert_int_equal(access(kept, R_OK), 0);
    unlink(kept);
    char *folder = strdup(kept);
    *strrchr(folder, '/') = 0;
    assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
    free(folder);
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
        TEST(what_is_not_compiled_is_named),
        TEST(every_stage_prints),
        TEST(the_same_program_gives_the_same_text),
        TEST(emitted_attention_compiles_without_warnings),
        TEST(emitted_code_of_all_sorts_compiles_without_warnings),
        TEST(running_out_of_memory_is_an_error),
        TEST(a_missing_compiler_is_an_error),
        TEST(a_failing_compiler_is_an_error_that_keeps_the_source),
    };
    return cmocka_run_group_tests_name("compile", tests, NULL, NULL);
}
