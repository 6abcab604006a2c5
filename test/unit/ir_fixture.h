/* Short words for building trees and cascades by hand, for the tests of ir/. Each test makes its
 * own session; whatever is built lives in it. */
#ifndef IR_FIXTURE_H
#define IR_FIXTURE_H

#include "ir/ir.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

enum { MANY = 64 };

typedef struct {
    at_session *s;
    at_cascade cascade;
    at_axis *axes[MANY];
    at_array *arrays[MANY];
    at_start inputs[MANY], params[MANY], states[MANY];
    at_output outputs[MANY];
    at_require requires[MANY];
    at_statement *items[MANY];
} world;

UNUSED static int begin(void **state) {
    world *w = calloc(1, sizeof *w);
    if (!w) return -1;
    w->s = at_session_new((size_t)64 << 20);
    if (!w->s) return -1;
    w->cascade = (at_cascade){.name = "main", .axes = w->axes, .arrays = w->arrays,
                              .inputs = w->inputs, .params = w->params, .states = w->states,
                              .outputs = w->outputs, .requires = w->requires,
                              .body = {.items = w->items}};
    *state = w;
    return 0;
}

UNUSED static int end(void **state) {
    world *w = *state;
    at_session_free(w->s);
    free(w);
    return 0;
}

/* ---- expressions ----------------------------------------------------------------------------- */

UNUSED static const at_expr *R(world *w, double value) {
    return at_real(w->s, value, at_no_span());
}
UNUSED static const at_expr *I(world *w, int64_t value) {
    return at_int(w->s, value, at_no_span());
}
UNUSED static const at_expr *B(world *w, bool value) { return at_bool(w->s, value, at_no_span()); }
UNUSED static const at_expr *X(world *w, const at_axis *axis) {
    return at_index(w->s, axis, at_no_span());
}
UNUSED static const at_expr *S(world *w, const at_axis *axis) {
    return at_size(w->s, axis, at_no_span());
}
UNUSED static const at_expr *op1(world *w, at_op op, const at_expr *a) {
    return at_map_node(w->s, op, a, NULL, NULL, at_no_span());
}
UNUSED static const at_expr *op2(world *w, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(w->s, op, a, b, NULL, at_no_span());
}
UNUSED static const at_expr *op3(world *w, at_op op, const at_expr *a, const at_expr *b,
                                 const at_expr *c) {
    return at_map_node(w->s, op, a, b, c, at_no_span());
}
UNUSED static const at_expr *fold1(world *w, at_fold fold, at_axis *axis, const at_expr *guard,
                                   const at_expr *body) {
    return at_fold_node(w->s, fold, &axis, 1, guard, body, at_no_span());
}

/* A read; as many indices as the array has axes follow the alternative. */
UNUSED static const at_expr *read_or(world *w, const at_array *array, const at_expr *alternative,
                                     ...) {
    const at_expr **index = AT_NEW_ARRAY(w->s->arena, const at_expr *, array->rank);
    va_list list;
    va_start(list, alternative);
    for (int i = 0; i < array->rank; i++) index[i] = va_arg(list, const at_expr *);
    va_end(list);
    return at_read(w->s, array, index, alternative, at_no_span());
}
#define READ(w, array, ...) read_or(w, array, NULL, __VA_ARGS__)
#define READ0(w, array) read_or(w, array, NULL)

/* An array read at its own axes. */
UNUSED static const at_expr *own(world *w, const at_array *array) {
    const at_expr **index = AT_NEW_ARRAY(w->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) index[i] = X(w, array->axes[i]);
    return at_read(w->s, array, index, NULL, at_no_span());
}

/* ---- cascades -------------------------------------------------------------------------------- */

UNUSED static at_axis *axis(world *w, const char *name, const at_expr *extent) {
    at_axis *a = AT_NEW(w->s->arena, at_axis);
    *a = (at_axis){.name = name, .extent = extent, .declared = extent != NULL, .fixed = -1,
                   .id = w->cascade.axis_count};
    w->axes[w->cascade.axis_count++] = a;
    return a;
}

UNUSED static at_array *array(world *w, const char *name, at_role role, at_kind kind, int rank,
                              ...) {
    at_array *a = AT_NEW(w->s->arena, at_array);
    *a = (at_array){.name = name, .path = name, .role = role, .kind = kind, .rank = rank,
                    .axes = AT_NEW_ARRAY(w->s->arena, at_axis *, rank),
                    .id = w->cascade.array_count};
    va_list list;
    va_start(list, rank);
    for (int i = 0; i < rank; i++) a->axes[i] = va_arg(list, at_axis *);
    va_end(list);
    w->arrays[w->cascade.array_count++] = a;
    if (role == AT_INPUT)
        w->inputs[w->cascade.input_count++] = (at_start){.array = a, .draw = -1};
    return a;
}

UNUSED static at_statement *statement(world *w, at_statement_tag tag, at_array *target) {
    at_statement *st = AT_NEW(w->s->arena, at_statement);
    st->tag = tag;
    st->target = target;
    return st;
}

UNUSED static at_statement *equation(world *w, at_array *target, const at_expr *value) {
    at_statement *st = statement(w, AT_EQUATION, target);
    st->u.value = value;
    return st;
}

UNUSED static void add(world *w, at_statement *st) { w->items[w->cascade.body.count++] = st; }

UNUSED static at_block block(world *w, int count, ...) {
    at_block b = {count, AT_NEW_ARRAY(w->s->arena, at_statement *, count)};
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++) b.items[i] = va_arg(list, at_statement *);
    va_end(list);
    return b;
}

UNUSED static at_part part(world *w, at_array *target, at_axis *bound, const at_expr *guard,
                           const at_expr *body) {
    at_part p = {.target = target, .count = 1, .guard = guard, .body = body};
    p.bound = at_copy(w->s->arena, &bound, sizeof bound);
    p.down = AT_NEW(w->s->arena, bool);
    return p;
}

/* ---- asking ---------------------------------------------------------------------------------- */

UNUSED static char *text_of(world *w, const at_expr *e) {
    at_text out = {0};
    at_ir_print_expr(e, &out);
    char *copy = at_copy_text(w->s->arena, out.data, out.length);
    at_text_free(&out);
    return copy;
}

/* Runs `body` in a child and fails unless it stops at an assertion whose text holds `why`. */
UNUSED static void stops_with(world *w, void (*body)(world *w), const char *why) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        /* cmocka catches signals; this one has to end the child. */
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        body(w);
        _exit(0);
    }
    close(ends[1]);
    char message[1024];
    size_t length = 0;
    for (ssize_t n; (n = read(ends[0], message + length, sizeof message - 1 - length)) > 0;)
        length += (size_t)n;
    message[length] = 0;
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || !strstr(message, why))
        fail_msg("expected to stop with `%s`, found: %s", why, *message ? message : "no stop");
}

#endif
