/* Cascades built node by node, compiled and run: what the tests of the compiled path share. */
#ifndef COMPILE_FIXTURE_H
#define COMPILE_FIXTURE_H

#include "compile.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Not every test uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

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

#endif
