/* Cascades from short texts, for the tests of the reference executor. It reads just what cascades
 * can say, one statement a call, with every index written out:
 *
 *     declare(w, "q[i,d]");  axis(w, "t", "size(n)");
 *     let(w, "s[i,j] = sum[d](q[i,d] * k[j,d])");
 *     let(w, "p[i,j] = softmax[j where j <= i](s[i,j])");
 *
 * A name is one axis object wherever it is bound. Ints that meet reals become real. Mistakes in a
 * text fail the test. */
#ifndef REF_FIXTURE_H
#define REF_FIXTURE_H

#include "ref/ref_int.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

enum { MANY = 64 };

typedef struct {
    at_session *s;
    at_cascade cascade;
    at_block *blocks[8]; /* open ones */
    int open;
    at_statement *regions[8];
    at_array *visible[MANY]; /* names as they mean now, newest last */
    int visible_count;
    at_array *promised[4]; /* that a scan reads before their equations */
    int promised_count;
    const at_source *source;
    const char *at; /* of the text that is being read */
    at_collection inputs, params, states;
    at_call call;
    at_results results;
} world;

UNUSED static int begin(void **state) {
    world *w = calloc(1, sizeof *w);
    w->s = at_session_new((size_t)256 << 20);
    w->cascade.name = "main";
    w->cascade.axes = AT_NEW_ARRAY(w->s->arena, at_axis *, MANY);
    w->cascade.arrays = AT_NEW_ARRAY(w->s->arena, at_array *, MANY);
    w->cascade.inputs = AT_NEW_ARRAY(w->s->arena, at_start, MANY);
    w->cascade.params = AT_NEW_ARRAY(w->s->arena, at_start, MANY);
    w->cascade.states = AT_NEW_ARRAY(w->s->arena, at_start, MANY);
    w->cascade.outputs = AT_NEW_ARRAY(w->s->arena, at_output, MANY);
    w->cascade.requires = AT_NEW_ARRAY(w->s->arena, at_require, MANY);
    w->cascade.body.items = AT_NEW_ARRAY(w->s->arena, at_statement *, MANY);
    w->blocks[0] = &w->cascade.body;
    w->call = (at_call){.threads = 1, .memory_limit = (size_t)1 << 30};
    *state = w;
    return 0;
}

UNUSED static int end(void **state) {
    world *w = *state;
    at_results_free(&w->results);
    at_collection_free(&w->inputs);
    at_collection_free(&w->params);
    at_collection_free(&w->states);
    at_session_free(w->s);
    free(w);
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

UNUSED static void wrong(world *w, const char *what) {
    fail_msg("fixture: %s at `%s` of `%s`", what, w->at, w->source ? w->source->text : "");
}

static void read_text(world *w, const char *text) {
    w->source = at_make_source(w->s, "test.attn", text, strlen(text));
    w->at = w->source->text;
}

static void skip_spaces(world *w) {
    while (*w->at == ' ') w->at++;
}

static bool sees(world *w, const char *text) {
    skip_spaces(w);
    size_t n = strlen(text);
    if (strncmp(w->at, text, n) != 0) return false;
    bool goes_on = isalnum((unsigned char)w->at[n]) || w->at[n] == '_';
    return !(isalnum((unsigned char)text[n - 1]) && goes_on);
}

static bool take(world *w, const char *text) {
    if (!sees(w, text)) return false;
    w->at += strlen(text);
    return true;
}

static void need(world *w, const char *text) {
    if (!take(w, text)) wrong(w, text);
}

static const char *word(world *w) {
    skip_spaces(w);
    const char *from = w->at;
    while (isalnum((unsigned char)*w->at) || (*w->at && strchr("_.'", *w->at))) w->at++;
    if (w->at == from) wrong(w, "a name");
    return at_copy_text(w->s->arena, from, (size_t)(w->at - from));
}

static at_span span_from(world *w, const char *from) {
    const char *to = w->at;
    while (to > from && to[-1] == ' ') to--;
    return (at_span){w->source, (uint32_t)(from - w->source->text),
                     (uint32_t)(to - w->source->text)};
}

static at_axis *find_axis(world *w, const char *name) {
    for (int i = 0; i < w->cascade.axis_count; i++)
        if (strcmp(w->cascade.axes[i]->name, name) == 0) return w->cascade.axes[i];
    at_axis *axis = AT_NEW(w->s->arena, at_axis);
    axis->name = name;
    axis->fixed = -1;
    axis->id = w->cascade.axis_count;
    w->cascade.axes[w->cascade.axis_count++] = axis;
    return axis;
}

UNUSED static const at_array *find_array(world *w, const char *name) {
    for (int i = w->visible_count - 1; i >= 0; i--)
        if (strcmp(w->visible[i]->name, name) == 0) return w->visible[i];
    return NULL;
}

/* cotangent(w, "d"): its zeros are structural. */
UNUSED static void cotangent(world *w, const char *name) {
    ((at_array *)(uintptr_t)find_array(w, name))->cotangent = true;
}

static at_array *new_array(world *w, const char *name, at_role role, at_kind kind, at_axis **axes,
                           int rank, at_span span) {
    at_array *array = AT_NEW(w->s->arena, at_array);
    *array = (at_array){.name = name, .path = name, .role = role, .kind = kind, .rank = rank,
                        .span = span, .id = w->cascade.array_count};
    array->axes = at_copy(w->s->arena, axes, sizeof *axes * (size_t)rank);
    w->cascade.arrays[w->cascade.array_count++] = array;
    w->visible[w->visible_count++] = array;
    return array;
}

/* The array that a statement defines: the promised one of this name, or a new one. */
static at_array *defined(world *w, const char *name, at_kind kind, at_axis *const *axes, int rank,
                         at_span span) {
    for (int i = 0; i < w->promised_count; i++)
        if (strcmp(w->promised[i]->name, name) == 0) {
            at_array *array = w->promised[i];
            w->promised[i] = w->promised[--w->promised_count];
            array->span = span;
            return array;
        }
    return new_array(w, name, AT_DEFINED, kind, (at_axis **)(uintptr_t)axes, rank, span);
}

/* ---- expressions ----------------------------------------------------------------------------- */

static const at_expr *expression(world *w, int level);

static const at_expr *number(world *w) {
    char *end_real, *end_int;
    const char *from = w->at;
    double real = strtod(from, &end_real);
    long long whole = strtoll(from, &end_int, 10);
    w->at = end_real > end_int ? end_real : end_int;
    at_span span = span_from(w, from);
    return end_real > end_int ? at_real(w->s, real, span) : at_int(w->s, whole, span);
}

static int bound_axes(world *w, at_axis **axes, const at_expr **guard, bool *down) {
    int count = 0;
    *guard = NULL;
    do {
        axes[count] = find_axis(w, word(w));
        if (down) down[count] = false;
        count++;
        if (take(w, "down") && down) down[count - 1] = true;
    } while (take(w, ","));
    if (take(w, "where")) *guard = expression(w, 0);
    return count;
}

static const at_expr *fold(world *w, int which, const char *from) {
    at_axis *axes[8];
    const at_expr *guard;
    need(w, "[");
    int count = bound_axes(w, axes, &guard, NULL);
    need(w, "]");
    need(w, "(");
    const at_expr *body = expression(w, 0);
    need(w, ")");
    if (at_fold_info((at_fold)which)->gives == AT_GIVES_REAL) body = at_as_real(w->s, body);
    return at_fold_node(w->s, (at_fold)which, axes, count, guard, body, span_from(w, from));
}

static const at_expr *call(world *w, at_op op, const char *from) {
    const at_expr *args[3] = {0};
    bool real = at_op_info(op)->rule == AT_RULE_REAL;
    need(w, "(");
    for (int i = 0; i < at_op_info(op)->arity; i++) {
        if (i) need(w, ",");
        args[i] = expression(w, 0);
        real |= at_op_info(op)->rule == AT_RULE_SAME && args[i]->kind == AT_REAL;
    }
    need(w, ")");
    for (int i = 0; i < 3 && real; i++)
        if (args[i]) args[i] = at_as_real(w->s, args[i]);
    return at_map_node(w->s, op, args[0], args[1], args[2], span_from(w, from));
}

static const at_expr *read_array(world *w, const at_array *array, const char *from) {
    const at_expr **index = AT_NEW_ARRAY(w->s->arena, const at_expr *, array->rank);
    const at_expr *alternative = NULL;
    if (array->rank) need(w, "[");
    for (int i = 0; i < array->rank; i++) {
        if (i) need(w, ",");
        index[i] = expression(w, 0);
    }
    if (array->rank && take(w, "|")) {
        alternative = expression(w, 0);
        if (array->kind == AT_REAL) alternative = at_as_real(w->s, alternative);
    }
    if (array->rank) need(w, "]");
    return at_read(w->s, array, index, alternative, span_from(w, from));
}

static const at_expr *primary(world *w) {
    skip_spaces(w);
    const char *from = w->at;
    if (isdigit((unsigned char)*from)) return number(w);
    if (take(w, "(")) {
        const at_expr *e = expression(w, 0);
        need(w, ")");
        return e;
    }
    if (take(w, "true")) return at_bool(w->s, true, span_from(w, from));
    if (take(w, "false")) return at_bool(w->s, false, span_from(w, from));
    if (take(w, "inf")) return at_real(w->s, INFINITY, span_from(w, from));
    if (take(w, "nan")) return at_real(w->s, NAN, span_from(w, from));
    if (take(w, "size")) {
        need(w, "(");
        at_axis *axis = find_axis(w, word(w));
        need(w, ")");
        return at_size(w->s, axis, span_from(w, from));
    }
    if (take(w, "if")) {
        const at_expr *c = expression(w, 0);
        need(w, "then");
        const at_expr *a = expression(w, 0);
        need(w, "else");
        const at_expr *b = expression(w, 0);
        if (a->kind == AT_REAL) b = at_as_real(w->s, b);
        if (b->kind == AT_REAL) a = at_as_real(w->s, a);
        return at_map_node(w->s, AT_OP_IF, c, a, b, span_from(w, from));
    }
    const char *name = word(w);
    if (sees(w, "[") && at_fold_find(name) >= 0) return fold(w, at_fold_find(name), from);
    if (sees(w, "(") && at_op_find(name) >= 0) return call(w, (at_op)at_op_find(name), from);
    const at_array *array = find_array(w, name);
    if (array) return read_array(w, array, from);
    return at_index(w->s, find_axis(w, name), span_from(w, from));
}

static const at_expr *unary(world *w) {
    skip_spaces(w);
    const char *from = w->at;
    if (take(w, "-")) {
        const at_expr *a = unary(w);
        return at_map_node(w->s, AT_OP_NEG, a, NULL, NULL, span_from(w, from));
    }
    const at_expr *a = primary(w);
    if (!take(w, "^")) return a;
    const at_expr *b = unary(w);
    return at_map_node(w->s, AT_OP_POW, at_as_real(w->s, a), at_as_real(w->s, b), NULL,
                       span_from(w, from));
}

static int binary_op(world *w, int level, const char **text) {
    static const struct {
        const char *text;
        at_op op;
    } rows[] = {{"==", AT_OP_EQ}, {"!=", AT_OP_NE}, {"<=", AT_OP_LE}, {">=", AT_OP_GE},
                {"<", AT_OP_LT}, {">", AT_OP_GT}, {"//", AT_OP_IDIV}, {"*", AT_OP_MUL},
                {"/", AT_OP_DIV}, {"%", AT_OP_MOD}, {"+", AT_OP_ADD}, {"-", AT_OP_SUB},
                {"and", AT_OP_AND}, {"or", AT_OP_OR}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sees(w, rows[i].text) && !(rows[i].op == AT_OP_LT && w->at[1] == '=')) {
            *text = rows[i].text;
            return at_op_info(rows[i].op)->level >= level ? (int)rows[i].op : -1;
        }
    return -1;
}

static const at_expr *expression(world *w, int level) {
    skip_spaces(w);
    const char *from = w->at, *text;
    const at_expr *a;
    if (take(w, "not")) {
        a = at_map_node(w->s, AT_OP_NOT, expression(w, 41), NULL, NULL, span_from(w, from));
    } else {
        a = unary(w);
    }
    for (int op; (op = binary_op(w, level, &text)) >= 0;) {
        w->at += strlen(text);
        const at_expr *b = expression(w, at_op_info((at_op)op)->level + 1);
        bool real = op == AT_OP_DIV || (a->kind != b->kind && op != AT_OP_AND && op != AT_OP_OR);
        if (real) a = at_as_real(w->s, a), b = at_as_real(w->s, b);
        a = at_map_node(w->s, (at_op)op, a, b, NULL, span_from(w, from));
    }
    return a;
}

/* ---- arrays and axes ------------------------------------------------------------------------- */

UNUSED static at_axis *axis(world *w, const char *name, const char *extent) {
    at_axis *result = find_axis(w, name);
    result->declared = true;
    if (extent) {
        read_text(w, extent);
        result->extent = expression(w, 0);
    }
    return result;
}

static int left_side(world *w, const char **name, at_axis **axes, at_span *span) {
    skip_spaces(w);
    const char *from = w->at;
    int rank = 0;
    *name = word(w);
    *span = span_from(w, from);
    if (!take(w, "[")) return 0;
    do axes[rank++] = find_axis(w, word(w));
    while (take(w, ","));
    need(w, "]");
    *span = span_from(w, from);
    return rank;
}

static at_kind kind_suffix(world *w, const at_axis **inside) {
    *inside = NULL;
    if (!take(w, ":")) return AT_REAL;
    if (take(w, "bool")) return AT_BOOL;
    if (take(w, "int")) return AT_INT;
    need(w, "index");
    *inside = find_axis(w, word(w));
    return AT_INT;
}

/* "q[i,d]", "ids[t]: int", "param w[c] = 0", "state m[c] ~ normal(0, 1)". */
UNUSED static at_array *declare(world *w, const char *text) {
    at_role role = AT_INPUT;
    const char *name;
    at_axis *axes[8];
    at_span span;
    const at_axis *inside;
    read_text(w, text);
    if (take(w, "param")) role = AT_PARAM;
    else if (take(w, "state")) role = AT_STATE;
    int rank = left_side(w, &name, axes, &span);
    at_kind kind = kind_suffix(w, &inside);
    at_array *array = new_array(w, name, role, kind, axes, rank, span);
    array->inside = inside;
    at_start start = {.array = array, .draw = -1};
    if (take(w, "=")) {
        start.value = expression(w, 0);
        if (kind == AT_REAL) start.value = at_as_real(w->s, start.value);
    } else if (take(w, "~")) {
        start.draw = at_draw_find(word(w));
        need(w, "(");
        for (int i = 0; i < at_draw_info((at_draw)start.draw)->parameters; i++) {
            if (i) need(w, ",");
            start.args[i] = at_as_real(w->s, expression(w, 0));
        }
        need(w, ")");
    }
    if (role == AT_INPUT) w->cascade.inputs[w->cascade.input_count++] = start;
    if (role == AT_PARAM) w->cascade.params[w->cascade.param_count++] = start;
    if (role == AT_STATE) w->cascade.states[w->cascade.state_count++] = start;
    return array;
}

UNUSED static void output(world *w, const char *name) {
    const at_array *array = find_array(w, name);
    if (!array) fail_msg("fixture: no array %s", name);
    w->cascade.outputs[w->cascade.output_count++] = (at_output){name, (at_array *)(uintptr_t)array};
}

/* ---- statements ------------------------------------------------------------------------------ */

static at_statement *add_statement(world *w, at_statement_tag tag) {
    at_statement *st = AT_NEW(w->s->arena, at_statement);
    st->tag = tag;
    at_block *block = w->blocks[w->open];
    block->items[block->count++] = st;
    return st;
}

typedef struct {
    const char *name;
    at_axis *axes[8];
    int rank;
    at_span span;
} target;

static void keeping(world *w, target *targets, int count, int which) {
    at_statement *st = add_statement(w, which == AT_FOLD_TOPK ? AT_TOPK : AT_KEEPING);
    at_part *parts = AT_NEW_ARRAY(w->s->arena, at_part, count);
    need(w, "[");
    for (int i = 0; i < count; i++) {
        at_axis *axes[8];
        bool down[8];
        if (i) need(w, ";");
        parts[i].count = bound_axes(w, axes, &parts[i].guard, down);
        parts[i].bound = at_copy(w->s->arena, axes, sizeof *axes * (size_t)parts[i].count);
        parts[i].down = at_copy(w->s->arena, down, sizeof *down * (size_t)parts[i].count);
    }
    need(w, "]");
    need(w, "(");
    for (int i = 0; i < count; i++) {
        if (i) need(w, ";");
        parts[i].body = expression(w, 0);
        at_gives gives = at_fold_info((at_fold)which)->gives;
        if (gives == AT_GIVES_REAL) parts[i].body = at_as_real(w->s, parts[i].body);
        at_kind kind = gives == AT_GIVES_INT ? AT_INT : parts[i].body->kind;
        parts[i].target = defined(w, targets[i].name, kind, targets[i].axes, targets[i].rank,
                                  targets[i].span);
    }
    need(w, ")");
    st->span = targets[0].span;
    if (which == AT_FOLD_TOPK) {
        st->target = parts[0].target;
        st->u.topk = parts[0];
    } else {
        st->u.keeping.fold = (at_fold)which;
        st->u.keeping.count = count;
        st->u.keeping.parts = parts;
    }
}

static void table(world *w, const target *to) {
    at_statement *st = add_statement(w, AT_TABLE);
    const at_expr *values[MANY];
    bool real = false;
    int count = 0;
    need(w, "(");
    do {
        values[count] = expression(w, 0);
        real |= values[count++]->kind == AT_REAL;
    } while (take(w, ","));
    need(w, ")");
    for (int i = 0; i < count && real; i++) values[i] = at_as_real(w->s, values[i]);
    st->u.table.count = count;
    st->u.table.values = at_copy(w->s->arena, values, sizeof *values * (size_t)count);
    st->span = to->span;
    st->target = defined(w, to->name, values[0]->kind, to->axes, to->rank, to->span);
}

static void drawing(world *w, const target *to) {
    at_statement *st = add_statement(w, AT_DRAWING);
    at_draw draw = (at_draw)at_draw_find(word(w));
    st->u.drawing.draw = draw;
    need(w, "(");
    for (int i = 0; i < at_draw_info(draw)->parameters; i++) {
        if (i) need(w, ",");
        st->u.drawing.args[i] = at_as_real(w->s, expression(w, 0));
    }
    need(w, ")");
    st->span = to->span;
    at_kind kind = at_draw_info(draw)->gives == AT_GIVES_BOOL ? AT_BOOL : AT_REAL;
    st->target = defined(w, to->name, kind, to->axes, to->rank, to->span);
}

static void equation(world *w, const target *to, at_kind kind) {
    at_statement *st = add_statement(w, AT_EQUATION);
    /* Directly in a scan the name means the history that is being written. */
    bool early = w->open > 0 && w->regions[w->open]->tag == AT_SCAN;
    if (early) st->target = defined(w, to->name, kind, to->axes, to->rank, to->span);
    st->span = to->span;
    st->u.value = expression(w, 0);
    if (kind == AT_REAL) st->u.value = at_as_real(w->s, st->u.value);
    if (st->u.value->kind != kind) wrong(w, "a value of another kind");
    if (!early) st->target = defined(w, to->name, kind, to->axes, to->rank, to->span);
}

/* "h[t]": an array of reals that a scan reads before it is equated. */
UNUSED static void promise(world *w, const char *text) {
    target to;
    read_text(w, text);
    to.rank = left_side(w, &to.name, to.axes, &to.span);
    w->promised[w->promised_count++] =
        new_array(w, to.name, AT_DEFINED, AT_REAL, to.axes, to.rank, to.span);
}

/* Equations, keeping operations, topk, tables and draws. A kind other than real is given before:
 * "int n[i] = …". */
UNUSED static void let(world *w, const char *text) {
    target targets[4];
    int count = 0;
    read_text(w, text);
    at_kind kind = take(w, "int") ? AT_INT : take(w, "bool") ? AT_BOOL : AT_REAL;
    do {
        targets[count].rank = left_side(w, &targets[count].name, targets[count].axes,
                                        &targets[count].span);
        count++;
    } while (take(w, ","));
    if (take(w, "~")) {
        drawing(w, &targets[0]);
    } else {
        need(w, "=");
        const char *before = w->at;
        skip_spaces(w);
        const char *name = isalpha((unsigned char)*w->at) ? word(w) : "";
        int which = at_fold_find(name);
        if (strcmp(name, "table") == 0) {
            table(w, &targets[0]);
        } else if (which >= 0 && at_fold_info((at_fold)which)->form != AT_FORM_REMOVE) {
            keeping(w, targets, count, which);
        } else {
            w->at = before;
            equation(w, &targets[0], kind);
        }
    }
    skip_spaces(w);
    if (*w->at) wrong(w, "the end");
}

UNUSED static void next(world *w, const char *text) {
    target to;
    read_text(w, text);
    to.rank = left_side(w, &to.name, to.axes, &to.span);
    need(w, "=");
    at_statement *st = add_statement(w, AT_NEXT);
    st->target = (at_array *)(uintptr_t)find_array(w, to.name);
    st->span = to.span;
    st->u.next.axes = at_copy(w->s->arena, to.axes, sizeof(at_axis *) * (size_t)to.rank);
    st->u.next.value = expression(w, 0);
    if (st->target->kind == AT_REAL) st->u.next.value = at_as_real(w->s, st->u.next.value);
}

/* "i, j: a == b within 1e-3"; "" before the colon for scalars. */
UNUSED static void assertion(world *w, const char *text) {
    at_axis *axes[8];
    int count = 0;
    read_text(w, text);
    while (!take(w, ":")) {
        take(w, ",");
        axes[count++] = find_axis(w, word(w));
    }
    at_statement *st = add_statement(w, AT_ASSERT);
    skip_spaces(w);
    const char *from = w->at;
    st->u.assertion.left = expression(w, 60);
    st->u.assertion.op = take(w, "==") ? AT_OP_EQ : take(w, "<=") ? AT_OP_LE : AT_OP_GE;
    if (st->u.assertion.op == AT_OP_GE) need(w, ">=");
    st->u.assertion.right = expression(w, 60);
    if (st->u.assertion.left->kind != st->u.assertion.right->kind) {
        st->u.assertion.left = at_as_real(w->s, st->u.assertion.left);
        st->u.assertion.right = at_as_real(w->s, st->u.assertion.right);
    }
    st->span = span_from(w, from);
    st->u.assertion.tolerance = -1;
    if (take(w, "within")) st->u.assertion.tolerance = at_as_real(w->s, expression(w, 0))->u.real;
    st->u.assertion.count = count;
    st->u.assertion.axes = at_copy(w->s->arena, axes, sizeof *axes * (size_t)count);
    w->cascade.law = true;
}

static void open_block(world *w, at_statement *st, at_block *block) {
    block->items = AT_NEW_ARRAY(w->s->arena, at_statement *, MANY);
    w->regions[++w->open] = st;
    w->blocks[w->open] = block;
}

/* "t", "t down, u" */
UNUSED static void begin_scan(world *w, const char *text) {
    at_axis *axes[4];
    bool down[4];
    int count = 0;
    read_text(w, text);
    do {
        axes[count] = find_axis(w, word(w));
        down[count++] = take(w, "down");
    } while (take(w, ","));
    at_statement *st = add_statement(w, AT_SCAN);
    st->u.scan.count = count;
    st->u.scan.axes = at_copy(w->s->arena, axes, sizeof *axes * (size_t)count);
    st->u.scan.down = at_copy(w->s->arena, down, sizeof *down * (size_t)count);
    open_block(w, st, &st->u.scan.body);
}

UNUSED static void end_scan(world *w) { w->open--; }

/* Carries the named arrays; inside they mean what the round begins with. */
UNUSED static void begin_repeat(world *w, const char *round, int64_t count, const char *carried,
                                const char *condition) {
    at_statement *st = add_statement(w, AT_REPEAT);
    at_axis *axis_of = find_axis(w, round);
    axis_of->round = true;
    axis_of->extent = at_int(w->s, count, at_no_span());
    st->u.repeat.round = axis_of;
    st->u.repeat.count = count;
    st->u.repeat.carried = AT_NEW_ARRAY(w->s->arena, at_carried, 4);
    read_text(w, carried);
    for (skip_spaces(w); *w->at; skip_spaces(w)) {
        at_carried *c = &st->u.repeat.carried[st->u.repeat.carried_count++];
        c->before = (at_array *)(uintptr_t)find_array(w, word(w));
        c->inside = new_array(w, c->before->name, AT_CARRIED, c->before->kind, c->before->axes,
                              c->before->rank, c->before->span);
        take(w, ",");
    }
    if (condition) {
        read_text(w, condition);
        st->u.repeat.condition = expression(w, 0);
    }
    open_block(w, st, &st->u.repeat.body);
}

UNUSED static void end_repeat(world *w) {
    at_statement *st = w->regions[w->open--];
    for (int i = 0; i < st->u.repeat.carried_count; i++) {
        at_carried *c = &st->u.repeat.carried[i];
        c->next = (at_array *)(uintptr_t)find_array(w, c->before->name);
        c->after = new_array(w, c->before->name, AT_RESULT, c->before->kind, c->before->axes,
                             c->before->rank, c->before->span);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

UNUSED static at_tensor *tensor_of(world *w, at_type type, int rank, const int64_t *extents,
                                   const double *values) {
    at_tensor *t = at_tensor_new(w->s, type, extents, rank, "test");
    assert_non_null(t);
    for (int64_t i = 0; i < t->count; i++) {
        if (type == AT_TYPE_F64) ((double *)t->data)[i] = values[i];
        else if (type == AT_TYPE_F32) ((float *)t->data)[i] = (float)values[i];
        else if (type == AT_TYPE_I64) ((int64_t *)t->data)[i] = (int64_t)values[i];
        else if (type == AT_TYPE_BOOL) ((unsigned char *)t->data)[i] = values[i] != 0;
        else fail_msg("fixture: type");
    }
    return t;
}

static at_type type_of(at_kind kind) {
    return kind == AT_REAL ? AT_TYPE_F64 : kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
}

/* give(w, "q", 2, 3, 0, values): rank-many extents. */
UNUSED static void give(world *w, const char *name, const double *values, int rank, ...) {
    int64_t extents[8];
    va_list list;
    va_start(list, rank);
    for (int i = 0; i < rank; i++) extents[i] = va_arg(list, int);
    va_end(list);
    const at_array *array = find_array(w, name);
    at_collection *to = array->role == AT_INPUT ? &w->inputs
                        : array->role == AT_PARAM ? &w->params : &w->states;
    at_collection_add(w->s, to, name, tensor_of(w, type_of(array->kind), rank, extents, values));
    if (array->role == AT_PARAM) w->call.params = &w->params;
    if (array->role == AT_STATE) w->call.states = &w->states;
}

#define V(...) ((const double[]){__VA_ARGS__})

/* Numbers that look random and are the same everywhere. */
UNUSED static double noise(uint64_t seed, int64_t i) {
    uint64_t z = at_draw_element(seed, (uint64_t)i);
    return (double)(z >> 11) * 0x1p-52 - 1.0;
}

UNUSED static void give_noise(world *w, const char *name, int rank, ...) {
    int64_t extents[8], count = 1;
    va_list list;
    va_start(list, rank);
    for (int i = 0; i < rank; i++) count *= extents[i] = va_arg(list, int);
    va_end(list);
    double *values = calloc((size_t)count + 1, sizeof *values);
    const at_array *array = find_array(w, name);
    int64_t range = array->inside ? extents[0] : 7;
    for (int64_t i = 0; i < count; i++) {
        double x = noise((uint64_t)name[0], i);
        values[i] = array->kind == AT_REAL ? 2 * x
                    : array->kind == AT_INT ? floor((x + 1) / 2 * (double)range) : x > 0;
    }
    at_collection_add(w->s, &w->inputs, name,
                      tensor_of(w, type_of(array->kind), rank, extents, values));
    free(values);
}

UNUSED static bool run_as(world *w, bool plain) {
    at_results_free(&w->results);
    w->call.inputs = &w->inputs;
    return at_ref_run_as(w->s, &w->cascade, &w->call, plain, NULL, NULL, &w->results);
}

UNUSED static const char *errors_of(world *w) {
    at_text text = {0};
    at_diags_render(w->s, false, &text);
    const char *copy = at_format(w->s->arena, "%s", text.data ? text.data : "");
    at_text_free(&text);
    return copy;
}

UNUSED static void run(world *w) {
    if (!run_as(w, false)) fail_msg("%s", errors_of(w));
}

/* The run must fail with exactly this text. */
UNUSED static void expect_error(world *w, const char *text) {
    w->s->diag_count = 0;
    assert_false(run_as(w, false));
    assert_string_equal(errors_of(w), text);
}

UNUSED static const at_tensor *got(world *w, const char *name) {
    const at_tensor *t = at_collection_find(&w->results.outputs, name);
    if (!t) fail_msg("no output %s", name);
    return t;
}

UNUSED static double element(const at_tensor *t, int64_t i) {
    return t->type == AT_TYPE_F64 ? ((const double *)t->data)[i]
           : t->type == AT_TYPE_I64 ? (double)((const int64_t *)t->data)[i]
                                    : ((const unsigned char *)t->data)[i];
}

/* Equal as numbers are told apart in a test: NaN is NaN, and 1e-12 is near. */
UNUSED static void expect_values(const at_tensor *t, const char *name, int count,
                                 const double *values) {
    assert_int_equal(t->count, count);
    for (int i = 0; i < count; i++) {
        double a = element(t, i), b = values[i];
        if (isnan(a) && isnan(b)) continue;
        if (a == b || fabs(a - b) <= 1e-12 * (1 + fabs(b))) continue;
        fail_msg("%s[%d] is %.17g and should be %.17g", name, i, a, b);
    }
}

#define EXPECT(w, name, ...)                                                                       \
    expect_values(got(w, name), name, (int)(sizeof V(__VA_ARGS__) / sizeof(double)), V(__VA_ARGS__))

/* All outputs are the same bits without the executor's short cuts, and with two and five
 * threads. */
UNUSED static void expect_same_everywhere(world *w) {
    at_results first = w->results;
    w->results = (at_results){0};
    for (int way = 0; way < 4; way++) {
        w->call.threads = way == 0 ? 1 : way == 1 ? 2 : 5;
        if (!run_as(w, way == 0 || way == 3)) fail_msg("%s", errors_of(w));
        for (int i = 0; i < first.outputs.count; i++) {
            const at_tensor *a = first.outputs.items[i].tensor;
            const at_tensor *b = got(w, first.outputs.items[i].name);
            assert_int_equal(a->count, b->count);
            assert_memory_equal(a->data, b->data, (size_t)a->count * at_type_bytes(a->type));
        }
    }
    w->call.threads = 1;
    at_results_free(&w->results);
    w->results = first;
}

#endif
