/* Where elements are surely 0: outside of the condition that their equation says.
 *
 *     p[i,j] = if j <= i then exp(s[i,j]) else 0        p[i,j] is 0 unless j <= i
 *     d[i,j] = -0.5 * p[j,i]                            d[i,j] is 0 unless i <= j
 *
 * So a sum of products with p may leave the guard `j <= i` away wherever the other factor is finite:
 * 0 times it is 0, and the sum stays what it is. */
#include "form/form_int.h"

struct at_outside {
    at_session *s;
    int count;
    const at_expr **condition; /* by array id: outside of it each element is 0; NULL: not known */
    at_axis *(*fresh)(void *user, const at_axis *like);
    void *user;
};

/* A number that 0 stays 0 under. */
static bool is_plain_factor(const at_expr *e) {
    return e->tag == AT_CONST && e->kind == AT_REAL && e->u.real > -1e300 && e->u.real < 1e300;
}

static const at_expr *nonzero_where(const at_outside *o, const at_expr *e);

static const at_expr *nonzero_read(const at_outside *o, const at_expr *e) {
    const at_array *array = e->u.read.array;
    const at_expr *condition = array->id < o->count ? o->condition[array->id] : NULL;
    if (!condition || e->u.read.alternative) return NULL;
    return at_substitute(o->s, condition, (const at_axis **)array->axes, e->u.read.index, array->rank,
                         o->fresh, o->user);
}

static const at_expr *nonzero_choice(const at_outside *o, const at_expr *e) {
    at_session *s = o->s;
    const at_expr *c = e->u.map.args[0], *a = e->u.map.args[1], *b = e->u.map.args[2];
    const at_expr *inside = nonzero_where(o, a), *other = nonzero_where(o, b);
    if (at_is_number(b, 0)) return at_both(s, c, inside);
    if (at_is_number(a, 0))
        return at_both(s, at_map_node(s, AT_OP_NOT, c, NULL, NULL, e->span), other);
    if (!inside || !other) return NULL;
    return at_map_node(s, AT_OP_IF, c, inside, other, e->span);
}

/* e is 0 where this does not hold; NULL: that is not known. */
static const at_expr *nonzero_where(const at_outside *o, const at_expr *e) {
    if (e->kind != AT_REAL) return NULL;
    if (e->tag == AT_READ) return nonzero_read(o, e);
    if (e->tag != AT_MAP) return NULL;
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    switch (e->u.map.op) {
    case AT_OP_NEG:
    case AT_OP_STOP: return nonzero_where(o, a);
    case AT_OP_IF: return nonzero_choice(o, e);
    case AT_OP_MUL:
        if (is_plain_factor(a)) return nonzero_where(o, b);
        return is_plain_factor(b) ? nonzero_where(o, a) : NULL;
    case AT_OP_DIV: return is_plain_factor(b) && b->u.real != 0 ? nonzero_where(o, a) : NULL;
    default: return NULL;
    }
}

static bool note(void *user, const at_statement *st) {
    at_outside *o = user;
    if (st->tag != AT_EQUATION) return true;
    const at_expr *condition = nonzero_where(o, st->u.value);
    if (condition && at_is_cheap(condition)) o->condition[st->target->id] = condition;
    return true;
}

at_outside *at_outside_of(at_session *s, const at_cascade *cascade,
                          at_axis *(*fresh)(void *user, const at_axis *like), void *user) {
    at_outside *o = AT_NEW(s->arena, at_outside);
    *o = (at_outside){s, cascade->array_count,
                      AT_NEW_ARRAY(s->arena, const at_expr *, cascade->array_count), fresh, user};
    at_walk_block(&cascade->body, note, o);
    return o;
}

const at_expr *at_outside_array(const at_outside *o, const at_array *array) {
    return array->id < o->count ? o->condition[array->id] : NULL;
}

bool at_is_zero_unless(const at_outside *o, const at_expr *e, const at_expr *condition) {
    if (condition->tag == AT_MAP && condition->u.map.op == AT_OP_NE &&
        at_is_number(condition->u.map.args[1], 0) && at_same(condition->u.map.args[0], e))
        return true;
    if (at_says(nonzero_where(o, e), condition)) return true;
    return e->tag == AT_MAP && (e->u.map.op == AT_OP_NEG || e->u.map.op == AT_OP_STOP) &&
           at_is_zero_unless(o, e->u.map.args[0], condition);
}
