/* Makers of expressions that a person would write: no zeros, no ones, no double signs. Rewrites
 * make their results with these, so that what they print needs no cleaning afterwards.
 *
 * A product with the number 0 becomes 0 whatever the other factor is. That is right for what uses
 * these makers: derivatives, where a cotangent of 0 contributes 0 (language.md 13), and indices. */
#include "form/form_int.h"

#include <math.h>

static const at_expr *map2(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(s, op, a, b, NULL, b && a->span.source == NULL ? b->span : a->span);
}

bool at_is_number(const at_expr *e, double value) {
    if (e->tag != AT_CONST || e->kind == AT_BOOL) return false;
    return e->kind == AT_REAL ? e->u.real == value : (double)e->u.integer == value;
}

static bool is_number(const at_expr *e) { return e->tag == AT_CONST && e->kind != AT_BOOL; }

static bool is_map(const at_expr *e, at_op op) { return e->tag == AT_MAP && e->u.map.op == op; }

/* The operation on two numbers; NULL when it has no value. */
static const at_expr *computed(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    if (!is_number(a) || !is_number(b)) return NULL;
    if (a->kind == AT_REAL) return at_real(s, at_real_op(op, a->u.real, b->u.real, 0), a->span);
    int64_t value;
    if (!at_int_op(op, a->u.integer, b->u.integer, 0, &value)) return NULL;
    return at_int(s, value, a->span);
}

const at_expr *at_make_neg(at_session *s, const at_expr *a) {
    if (is_map(a, AT_OP_NEG)) return a->u.map.args[0];
    if (is_map(a, AT_OP_SUB)) return map2(s, AT_OP_SUB, a->u.map.args[1], a->u.map.args[0]);
    return map2(s, AT_OP_NEG, a, NULL);
}

const at_expr *at_make_add(at_session *s, const at_expr *a, const at_expr *b) {
    const at_expr *known = computed(s, AT_OP_ADD, a, b);
    if (known) return known;
    if (at_is_number(a, 0)) return b;
    if (at_is_number(b, 0)) return a;
    if (a->kind == AT_REAL && at_same(a, b)) return at_make_mul(s, at_real(s, 2, a->span), a);
    if (is_map(b, AT_OP_NEG)) return map2(s, AT_OP_SUB, a, b->u.map.args[0]);
    if (is_map(a, AT_OP_NEG)) return map2(s, AT_OP_SUB, b, a->u.map.args[0]);
    return map2(s, AT_OP_ADD, a, b);
}

const at_expr *at_make_sub(at_session *s, const at_expr *a, const at_expr *b) {
    const at_expr *known = computed(s, AT_OP_SUB, a, b);
    if (known) return known;
    if (at_is_number(b, 0)) return a;
    if (at_is_number(a, 0)) return at_make_neg(s, b);
    if (is_map(b, AT_OP_NEG)) return map2(s, AT_OP_ADD, a, b->u.map.args[0]);
    return map2(s, AT_OP_SUB, a, b);
}

const at_expr *at_make_mul(at_session *s, const at_expr *a, const at_expr *b) {
    const at_expr *known = computed(s, AT_OP_MUL, a, b);
    if (known) return known;
    if (is_number(b)) { /* numbers first */
        const at_expr *number = b;
        b = a;
        a = number;
    }
    if (at_is_number(a, 0)) return a;
    if (at_is_number(a, 1)) return b;
    if (at_is_number(a, -1)) return at_make_neg(s, b);
    if (is_number(a) && is_map(b, AT_OP_MUL) && is_number(b->u.map.args[0]))
        return at_make_mul(s, at_make_mul(s, a, b->u.map.args[0]), b->u.map.args[1]);
    if (is_map(a, AT_OP_NEG)) return at_make_neg(s, at_make_mul(s, a->u.map.args[0], b));
    if (is_map(b, AT_OP_NEG)) return at_make_neg(s, at_make_mul(s, a, b->u.map.args[0]));
    return map2(s, AT_OP_MUL, a, b);
}

const at_expr *at_make_div(at_session *s, const at_expr *a, const at_expr *b) {
    if (at_is_number(b, 1) || at_is_number(a, 0)) return a;
    if (is_map(a, AT_OP_NEG)) return at_make_neg(s, at_make_div(s, a->u.map.args[0], b));
    return map2(s, AT_OP_DIV, a, b);
}

static const at_expr *simpler_power(at_session *s, const at_expr *e) {
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    if (at_is_number(b, 1)) return a;
    if (at_is_number(b, 0)) return at_real(s, 1, e->span);
    return e;
}

/* `and`, `or`. */
static const at_expr *simpler_choice(at_session *s, const at_expr *e) {
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    bool both = e->u.map.op == AT_OP_AND;
    if (a->tag == AT_CONST) return (a->u.integer != 0) == both ? b : a;
    if (b->tag == AT_CONST) return (b->u.integer != 0) == both ? a : b;
    return both ? at_both(s, a, b) : e;
}

const at_expr *at_make_node(at_session *s, const at_expr *e) {
    /* Ints are indices: of x[n + 0 | a] and x[n | a] only one reads outside (affine.c shortens
     * them). */
    if (e->tag != AT_MAP || e->kind == AT_INT) return e;
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    switch (e->u.map.op) {
    case AT_OP_NEG: return at_make_neg(s, a);
    case AT_OP_ADD: return at_make_add(s, a, b);
    case AT_OP_SUB: return at_make_sub(s, a, b);
    case AT_OP_MUL: return at_make_mul(s, a, b);
    case AT_OP_DIV: return at_make_div(s, a, b);
    case AT_OP_POW: return simpler_power(s, e);
    case AT_OP_AND:
    case AT_OP_OR: return simpler_choice(s, e);
    case AT_OP_NOT:
        return a->tag == AT_CONST ? at_bool(s, !a->u.integer, e->span) : e;
    case AT_OP_EQ:
    case AT_OP_NE:
    case AT_OP_LT:
    case AT_OP_LE:
    case AT_OP_GT:
    case AT_OP_GE:
        if (a->tag != AT_CONST || b->tag != AT_CONST || a->kind != AT_REAL) return e;
        return at_bool(s, at_real_op(e->u.map.op, a->u.real, b->u.real, 0) != 0, e->span);
    case AT_OP_IF: return at_same(b, e->u.map.args[2]) && b->tag == AT_CONST ? b : e;
    default: return e;
    }
}

static const at_expr *simpler(void *user, const at_expr *e) { return at_make_node(user, e); }

const at_expr *at_make_simple(at_session *s, const at_expr *e) {
    return at_rewrite(s, e, simpler, s);
}

/* ---- small ones ------------------------------------------------------------------------------ */

typedef struct {
    int nodes;
    bool fold;
} weight;

static bool weigh(void *user, const at_expr *e) {
    weight *w = user;
    w->nodes++;
    if (e->tag == AT_FOLD_NODE) w->fold = true;
    return !w->fold;
}

bool at_is_cheap(const at_expr *e) {
    enum { FEW = 16 };
    weight w = {0, false};
    at_walk(e, weigh, &w);
    return !w.fold && w.nodes <= FEW;
}

const at_expr *at_read_whole(at_session *s, const at_array *array, at_span span) {
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) index[i] = at_index(s, array->axes[i], span);
    return at_read(s, array, index, NULL, span);
}

bool at_says(const at_expr *e, const at_expr *condition) {
    if (!e) return false;
    if (at_same(e, condition)) return true;
    return is_map(e, AT_OP_AND) &&
           (at_says(e->u.map.args[0], condition) || at_says(e->u.map.args[1], condition));
}

const at_expr *at_both(at_session *s, const at_expr *a, const at_expr *b) {
    if (!a) return b;
    if (!b || at_says(a, b)) return a;
    if (is_map(b, AT_OP_AND))
        return at_both(s, at_both(s, a, b->u.map.args[0]), b->u.map.args[1]);
    return map2(s, AT_OP_AND, a, b);
}

const at_expr *at_where(at_session *s, const at_expr *condition, const at_expr *value,
                        double other) {
    if (!condition) return value;
    return at_map_node(s, AT_OP_IF, condition, value, at_real(s, other, value->span), value->span);
}
