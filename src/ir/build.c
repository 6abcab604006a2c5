/* Making the nodes of expressions. Each maker checks the kinds of what it is given and gives the
 * node its own kind, so an expression that exists is well typed; conversions are the caller's.
 *
 * Only what a program needs in order to print back as itself is simplified: a minus before a number
 * is a negative number, and conditions known when compiled vanish. A part is dropped only when its
 * evaluation could not have been an error, so what fails does not depend on the form written. */
#include "ir/ir.h"

#include <string.h>

static at_expr *node(at_session *s, at_tag tag, at_kind kind, at_span span) {
    at_expr *e = AT_NEW(s->arena, at_expr);
    AT_ASSERT(s, e != NULL);
    e->tag = tag;
    e->kind = kind;
    e->span = span;
    return e;
}

const at_expr *at_real(at_session *s, double value, at_span span) {
    at_expr *e = node(s, AT_CONST, AT_REAL, span);
    e->u.real = value;
    return e;
}

const at_expr *at_int(at_session *s, int64_t value, at_span span) {
    at_expr *e = node(s, AT_CONST, AT_INT, span);
    e->u.integer = value;
    return e;
}

const at_expr *at_bool(at_session *s, bool value, at_span span) {
    at_expr *e = node(s, AT_CONST, AT_BOOL, span);
    e->u.integer = value;
    return e;
}

const at_expr *at_size(at_session *s, const at_axis *axis, at_span span) {
    AT_ASSERT(s, axis != NULL);
    at_expr *e = node(s, AT_SIZE, AT_INT, span);
    e->u.axis = axis;
    return e;
}

const at_expr *at_index(at_session *s, const at_axis *axis, at_span span) {
    AT_ASSERT(s, axis != NULL);
    at_expr *e = node(s, AT_INDEX, AT_INT, span);
    e->u.axis = axis;
    return e;
}

const at_expr *at_read(at_session *s, const at_array *array, const at_expr **index,
                       const at_expr *alternative, at_span span) {
    AT_ASSERT(s, array != NULL);
    for (int i = 0; i < array->rank; i++) AT_ASSERT(s, index[i] && index[i]->kind == AT_INT);
    AT_ASSERT(s, !alternative || alternative->kind == array->kind);
    at_expr *e = node(s, AT_READ, array->kind, span);
    e->u.read.array = array;
    e->u.read.index = index;
    e->u.read.alternative = alternative;
    return e;
}

/* ---- operations ------------------------------------------------------------------------------ */

static bool all_of_kind(const at_expr *const *args, int count, at_kind kind) {
    for (int i = 0; i < count; i++)
        if (args[i]->kind != kind) return false;
    return true;
}

static at_kind map_kind(at_session *s, at_op op, const at_expr *const *args) {
    const at_op_row *row = at_op_info(op);
    at_kind kind = args[0]->kind;
    switch (row->rule) {
    case AT_RULE_REAL:
        AT_ASSERT(s, all_of_kind(args, row->arity, AT_REAL));
        return AT_REAL;
    case AT_RULE_SAME:
        AT_ASSERT(s, all_of_kind(args, row->arity, kind));
        AT_ASSERT(s, kind != AT_BOOL || op == AT_OP_STOP);
        return kind;
    case AT_RULE_INT:
        AT_ASSERT(s, all_of_kind(args, row->arity, AT_INT));
        return AT_INT;
    case AT_RULE_COMPARE:
        AT_ASSERT(s, all_of_kind(args, row->arity, kind));
        AT_ASSERT(s, kind != AT_BOOL || op == AT_OP_EQ || op == AT_OP_NE);
        return AT_BOOL;
    case AT_RULE_LOGIC:
        AT_ASSERT(s, all_of_kind(args, row->arity, AT_BOOL));
        return AT_BOOL;
    case AT_RULE_TO_REAL: return AT_REAL;
    case AT_RULE_TO_INT:
        AT_ASSERT(s, kind != AT_BOOL);
        return AT_INT;
    case AT_RULE_CHOOSE:
        AT_ASSERT(s, kind == AT_BOOL && args[1]->kind == args[2]->kind);
        return args[1]->kind;
    }
    return AT_REAL;
}

static bool is_bool(const at_expr *e, bool value) {
    return e->tag == AT_CONST && e->kind == AT_BOOL && (e->u.integer != 0) == value;
}

/* Whether its evaluation may be an error: a read outside, a division by 0, a max over no ints. */
static bool may_fail(const at_expr *e) {
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return false;
    case AT_READ:
    case AT_FOLD_NODE: return true;
    case AT_MAP: break;
    }
    at_op op = e->u.map.op;
    if (at_op_info(op)->rule == AT_RULE_INT) return true;
    for (int i = 0; i < at_op_info(op)->arity; i++)
        if (may_fail(e->u.map.args[i])) return true;
    return false;
}

static const at_expr *negative(at_session *s, const at_expr *a, at_span span) {
    if (a->tag != AT_CONST) return NULL;
    if (a->kind == AT_REAL) return at_real(s, -a->u.real, span);
    if (a->u.integer == INT64_MIN) return NULL;
    return at_int(s, -a->u.integer, span);
}

/* A real constant for an int one, if no digit is lost. */
static const at_expr *exact_real(at_session *s, const at_expr *a, at_span span) {
    if (a->tag != AT_CONST || a->kind != AT_INT) return NULL;
    double value = (double)a->u.integer;
    if (value >= 0x1p63 || (int64_t)value != a->u.integer) return NULL;
    return at_real(s, value, span);
}

/* What the node would be without itself, or NULL. */
static const at_expr *simpler(at_session *s, at_op op, const at_expr *const *args, at_span span) {
    const at_expr *a = args[0], *b = args[1];
    switch (op) {
    case AT_OP_NEG: return negative(s, a, span);
    case AT_OP_TO_REAL: return a->kind == AT_REAL ? a : exact_real(s, a, span);
    case AT_OP_TO_INT: return a->kind == AT_INT ? a : NULL;
    case AT_OP_NOT:
        if (is_bool(a, true) || is_bool(a, false)) return at_bool(s, is_bool(a, false), span);
        return NULL;
    case AT_OP_AND:
        if (is_bool(a, false) || is_bool(b, true)) return a;
        if (is_bool(a, true) || (is_bool(b, false) && !may_fail(a))) return b;
        return NULL;
    case AT_OP_OR:
        if (is_bool(a, true) || is_bool(b, false)) return a;
        if (is_bool(a, false) || (is_bool(b, true) && !may_fail(a))) return b;
        return NULL;
    case AT_OP_IF:
        if (is_bool(a, true)) return b;
        return is_bool(a, false) ? args[2] : NULL;
    default: return NULL;
    }
}

const at_expr *at_map_node(at_session *s, at_op op, const at_expr *a, const at_expr *b,
                           const at_expr *c, at_span span) {
    const at_expr *args[3] = {a, b, c};
    for (int i = 0; i < 3; i++) AT_ASSERT(s, (args[i] != NULL) == (i < at_op_info(op)->arity));
    at_kind kind = map_kind(s, op, args);
    const at_expr *known = simpler(s, op, args, span);
    if (known) return known;
    at_expr *e = node(s, AT_MAP, kind, span);
    e->u.map.op = op;
    memcpy(e->u.map.args, args, sizeof args);
    return e;
}

const at_expr *at_as_real(at_session *s, const at_expr *x) {
    return x->kind == AT_REAL ? x : at_map_node(s, AT_OP_TO_REAL, x, NULL, NULL, x->span);
}

/* ---- folds ----------------------------------------------------------------------------------- */

static at_kind fold_kind(at_session *s, at_fold fold, at_kind body) {
    switch (at_fold_info(fold)->gives) {
    case AT_GIVES_REAL:
        AT_ASSERT(s, body == AT_REAL);
        return AT_REAL;
    case AT_GIVES_SAME:
        AT_ASSERT(s, body != AT_BOOL);
        return body;
    case AT_GIVES_INT: /* count takes anything: bools that hold, or how many numbers there are */
        AT_ASSERT(s, body != AT_BOOL || fold == AT_FOLD_COUNT);
        return AT_INT;
    case AT_GIVES_BOOL:
        AT_ASSERT(s, body == AT_BOOL);
        return AT_BOOL;
    }
    return AT_REAL;
}

const at_expr *at_fold_node(at_session *s, at_fold fold, at_axis **axes, int count,
                            const at_expr *guard, const at_expr *body, at_span span) {
    AT_ASSERT(s, at_fold_info(fold)->form == AT_FORM_REMOVE);
    AT_ASSERT(s, count > 0 && body != NULL);
    AT_ASSERT(s, !guard || guard->kind == AT_BOOL);
    at_expr *e = node(s, AT_FOLD_NODE, fold_kind(s, fold, body->kind), span);
    e->u.fold.fold = fold;
    e->u.fold.count = count;
    e->u.fold.axes = at_copy(s->arena, axes, sizeof *axes * (size_t)count);
    e->u.fold.guard = guard && is_bool(guard, true) ? NULL : guard;
    e->u.fold.body = body;
    return e;
}

/* ---- equality -------------------------------------------------------------------------------- */

static bool same_lists(const at_expr *const *a, const at_expr *const *b, int count) {
    for (int i = 0; i < count; i++)
        if (!at_same(a[i], b[i])) return false;
    return true;
}

static bool same_folds(const at_expr *a, const at_expr *b) {
    if (a->u.fold.fold != b->u.fold.fold || a->u.fold.count != b->u.fold.count) return false;
    for (int i = 0; i < a->u.fold.count; i++)
        if (a->u.fold.axes[i] != b->u.fold.axes[i]) return false;
    return at_same(a->u.fold.guard, b->u.fold.guard) && at_same(a->u.fold.body, b->u.fold.body);
}

bool at_same(const at_expr *a, const at_expr *b) {
    if (a == b) return true;
    if (!a || !b || a->tag != b->tag || a->kind != b->kind) return false;
    switch (a->tag) {
    case AT_CONST: /* by bits: 0.0 and -0.0 differ, NaN is itself */
        if (a->kind == AT_REAL) return memcmp(&a->u.real, &b->u.real, sizeof a->u.real) == 0;
        return a->u.integer == b->u.integer;
    case AT_SIZE:
    case AT_INDEX: return a->u.axis == b->u.axis;
    case AT_READ:
        return a->u.read.array == b->u.read.array &&
               same_lists(a->u.read.index, b->u.read.index, a->u.read.array->rank) &&
               at_same(a->u.read.alternative, b->u.read.alternative);
    case AT_MAP:
        return a->u.map.op == b->u.map.op &&
               same_lists(a->u.map.args, b->u.map.args, at_op_info(a->u.map.op)->arity);
    case AT_FOLD_NODE: return same_folds(a, b);
    }
    return false;
}
