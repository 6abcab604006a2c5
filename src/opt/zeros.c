/* Structural zeros made explicit: what a mask annihilates is not looked at.
 *
 *     p[i,j] = softmax[j where j <= i](s[i,j])        p[i,j] = softmax[j where j <= i](s[i,j])
 *     o[i,e] = sum[j](p[i,j] * v[j,e])           ->   o[i,e] = sum[j where j <= i](p[i,j] * v[j,e])
 *
 * The zeros of a softmax outside its guard are structural: times anything, NaN and infinity too,
 * they are zero. Every real expression therefore has a support, a condition outside of which it is
 * a structural zero (none: there is no such place). Supports go up through products, quotients,
 * negation, sums, reads and `if`, as the language says (language.md 7 and 13); a product is then
 * evaluated only on its support, and a sum of products only over it. Later stages see ordinary
 * guards, which is also what lets them skip masked work.
 *
 * The support of an array is an expression over the array's axes. One that is costly (it has a fold
 * in it, or is long), or that means something else outside of the round in which it was found,
 * becomes an array of bools beside the array; where a support is asked before it is known it is
 * such an array from the start (support.c). Of cotangents every 0 is structural: their support is
 * `d[…] != 0`. */
#include "opt/zeros.h"

#include <math.h>

/* An expression split in two. Outside `support` it is a structural zero; `whole` says that `value`
 * gives 0 there by itself (a read of a masked array), else it must not be evaluated there. */
typedef struct {
    const at_expr *value;
    const at_expr *support; /* NULL: everywhere */
    bool whole;
} part;

typedef struct {
    at_session *s;
    at_draft *draft;
    at_zero_places *places;
    const at_expr **supports; /* by array id; over the array's axes; NULL: everywhere */
    int known;                /* arrays with a higher id are made here and have no support */
    int around_count, around_capacity;
    const at_axis **around; /* that have an index where the expression is asked */
} zeros;

static part split(zeros *z, const at_expr *e);

static const at_expr *whole(zeros *z, part p) {
    return p.whole ? p.value : at_where(z->s, p.support, p.value, 0.0);
}

static const at_expr *changed(zeros *z, const at_expr *e) {
    return e ? whole(z, split(z, e)) : NULL;
}

static part plain(const at_expr *value) { return (part){value, NULL, true}; }

static const at_expr *or_true(zeros *z, const at_expr *condition, at_span span) {
    return condition ? condition : at_bool(z->s, true, span);
}

/* The support of an array, cheap to evaluate wherever the array may be read. */
static const at_expr *support_of(zeros *z, const at_array *array) {
    if (array->cotangent)
        return at_map_node(z->s, AT_OP_NE, at_read_whole(z->s, array, array->span),
                           at_real(z->s, 0.0, array->span), NULL, array->span);
    if (array->id >= z->known) return NULL;
    const at_array *beside = z->places->beside[array->id];
    if (!beside) return z->supports[array->id];
    const at_expr **index = AT_NEW_ARRAY(z->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) index[i] = at_index(z->s, array->axes[i], array->span);
    const at_expr *read = at_read(z->s, beside, index, NULL, array->span);
    if (!z->places->is_zero[array->id]) return read;
    return at_map_node(z->s, AT_OP_NOT, read, NULL, NULL, array->span);
}

/* Whether the indices of a read lie inside, where that is not certain; NULL: it is. Indices that an
 * alternative is for and those that fail outside are asked for apart: `tested` says which. */
static const at_expr *inside(zeros *z, const at_expr *e, const at_expr *const *index, bool tested) {
    const at_expr *all = NULL;
    for (int i = 0; i < e->u.read.array->rank; i++) {
        const at_expr *at = index[i];
        const at_axis *axis = e->u.read.array->axes[i];
        bool plain = at->tag == AT_INDEX;
        if (plain && at_same_extent(at->u.axis, axis)) continue;
        if (tested != (e->u.read.alternative && !(plain && !at->u.axis->declared))) continue;
        all = at_both(z->s, all,
                      at_between(z->s, z->draft->from, at_int(z->s, 0, at->span), at,
                                 at_size(z->s, axis, at->span)));
    }
    return all;
}

/* Where `condition` holds (NULL: everywhere) the support `yes`, else `no`. */
static const at_expr *support_if(zeros *z, const at_expr *condition, const at_expr *yes,
                                 const at_expr *no, at_span span) {
    if (!condition || (!yes && !no)) return yes;
    return at_map_node(z->s, AT_OP_IF, condition, or_true(z, yes, span), or_true(z, no, span),
                       span);
}

/* An element outside is no structural zero: it fails, or it is the alternative. */
static part split_read(zeros *z, const at_expr *e) {
    const at_array *array = e->u.read.array;
    const at_expr **index = AT_NEW_ARRAY(z->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) index[i] = changed(z, e->u.read.index[i]);
    part other = plain(NULL);
    if (e->u.read.alternative) other = split(z, e->u.read.alternative);
    const at_expr *support = support_of(z, array);
    if (support)
        support = at_substitute(z->s, support, (const at_axis **)array->axes, index, array->rank,
                                at_draft_axis, z->draft);
    support = support_if(z, inside(z, e, index, false), support, NULL, e->span);
    if (other.value)
        support = support_if(z, inside(z, e, index, true), support, other.support, e->span);
    const at_expr *alternative = other.value ? whole(z, other) : NULL;
    return (part){at_read(z->s, array, index, alternative, e->span), support, true};
}

/* a + b is a structural zero where both are. */
static const at_expr *either(zeros *z, const at_expr *a, const at_expr *b, at_span span) {
    return a && b ? at_map_node(z->s, AT_OP_OR, a, b, NULL, span) : NULL;
}

static bool is_positive_int(const zeros *z, const at_expr *e) {
    if (e->tag == AT_CONST) return e->u.integer > 0;
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_MUL &&
        is_positive_int(z, e->u.map.args[0]) && is_positive_int(z, e->u.map.args[1]))
        return true;
    /* The extent of an axis that has an index here. */
    for (int i = 0; i < z->around_count; i++)
        if (at_same(at_extent_of(z->s, z->around[i]), e)) return true;
    return false;
}

/* A number, or made of sizes, so that 0 times it and 0 over it are 0. */
static bool is_positive(const zeros *z, const at_expr *e) {
    if (e->tag == AT_CONST) return e->u.real > 1e-30 && e->u.real < 1e30;
    if (e->tag != AT_MAP) return false;
    const at_expr *a = e->u.map.args[0];
    if (e->u.map.op == AT_OP_TO_REAL) return a->kind == AT_INT && is_positive_int(z, a);
    return (e->u.map.op == AT_OP_SQRT || e->u.map.op == AT_OP_RSQRT) && is_positive(z, a);
}

static part split_map(zeros *z, const at_expr *e) {
    part args[3] = {{0}};
    bool supported = false;
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) {
        args[i] = split(z, e->u.map.args[i]);
        supported |= args[i].support != NULL;
    }
    at_op op = e->u.map.op;
    part out = {NULL, NULL, true};
    if (supported && e->kind == AT_REAL) switch (op) {
        case AT_OP_MUL:
            out.support = at_both(z->s, args[0].support, args[1].support);
            out.whole = (args[0].support && args[0].whole && is_positive(z, e->u.map.args[1])) ||
                        (args[1].support && args[1].whole && is_positive(z, e->u.map.args[0]));
            break;
        case AT_OP_DIV:
            out.support = args[0].support;
            out.whole = !out.support || (args[0].whole && is_positive(z, e->u.map.args[1]));
            break;
        case AT_OP_NEG: /* of 0 it is 0, and not -0 */
            out.support = args[0].support;
            out.whole = false;
            break;
        case AT_OP_STOP: out = args[0]; break;
        case AT_OP_ADD:
        case AT_OP_SUB: out.support = either(z, args[0].support, args[1].support, e->span); break;
        case AT_OP_IF:
            out.support = support_if(z, whole(z, args[0]), args[1].support, args[2].support,
                                     e->span);
            break;
        default: break;
        }
    /* A product on its support sees every factor on that factor's support: no need to ask again. */
    bool bare = op == AT_OP_MUL || op == AT_OP_NEG || op == AT_OP_STOP;
    const at_expr *values[3] = {0};
    for (int i = 0; i < at_op_info(op)->arity; i++)
        values[i] = bare || (op == AT_OP_DIV && i == 0) ? args[i].value : whole(z, args[i]);
    out.value = at_map_node(z->s, op, values[0], values[1], values[2], e->span);
    return out;
}

static const at_expr *over(zeros *z, at_fold fold, const at_expr *e, const at_expr *guard,
                           const at_expr *body) {
    return at_fold_node(z->s, fold, e->u.fold.axes, e->u.fold.count, guard, body, e->span);
}

/* Whether a fold has nothing to fold; NULL where that cannot be. */
static const at_expr *is_empty(zeros *z, const at_expr *e, const at_expr *guard) {
    if (guard) {
        const at_expr *some = over(z, AT_FOLD_ANY, e, guard, at_bool(z->s, true, e->span));
        return at_map_node(z->s, AT_OP_NOT, some, NULL, NULL, e->span);
    }
    const at_expr *empty = NULL;
    for (int i = 0; i < e->u.fold.count; i++) {
        const at_axis *axis = e->u.fold.axes[i];
        if (at_extent(axis, NULL) > 0) continue;
        const at_expr *none = at_map_node(z->s, AT_OP_EQ, at_size(z->s, axis, e->span),
                                          at_int(z->s, 0, e->span), NULL, e->span);
        empty = empty ? at_map_node(z->s, AT_OP_OR, empty, none, NULL, e->span) : none;
    }
    return empty;
}

/* Whether the condition surely holds with `value` in the place of the axis. */
static bool holds_at(zeros *z, const at_expr *condition, const at_axis *axis,
                     const at_expr *value) {
    const at_expr *e =
        at_substitute(z->s, condition, &axis, &value, 1, at_draft_axis, z->draft);
    e = at_affine_simple(z->s, e);
    return e->tag == AT_CONST && e->u.integer;
}

typedef struct {
    zeros *z;
    const at_expr *condition;
    const at_axis *axis;
    bool found;
} witness;

static bool look_for_witness(void *user, const at_expr *e) {
    witness *w = user;
    if (!w->found && e->tag == AT_INDEX && e->u.axis != w->axis &&
        at_same_extent(e->u.axis, w->axis) && at_mentions(w->condition, e->u.axis))
        w->found = holds_at(w->z, w->condition, w->axis, e);
    return !w->found;
}

/* Whether the condition surely holds for some index of the axis, if it has one: the first, the
 * last, or one that is the same as another index. `j <= n` does, for each n. */
static bool holds_somewhere(zeros *z, const at_expr *condition, const at_axis *axis) {
    at_session *s = z->s;
    const at_expr *first = at_int(s, 0, condition->span);
    const at_expr *last = at_map_node(s, AT_OP_SUB, at_size_of(s, axis, condition->span),
                                      at_int(s, 1, condition->span), NULL, condition->span);
    witness w = {z, condition, axis, false};
    if (!at_is_cheap(condition)) return false;
    if (holds_at(z, condition, axis, first) || holds_at(z, condition, axis, last)) return true;
    at_walk(condition, look_for_witness, &w);
    return w.found;
}

/* A sum is a structural zero where it has terms and all of them are; without any it is 0. */
static part split_sum(zeros *z, const at_expr *e, const at_expr *guard, part body) {
    const at_expr *inherited = body.whole ? guard : at_both(z->s, guard, body.support);
    const at_expr *value = over(z, AT_FOLD_SUM, e, inherited, body.value);
    const at_expr *support = body.support, *empty = is_empty(z, e, guard);
    const at_axis *mentioned = NULL;
    int mentions = 0;
    for (int i = 0; i < e->u.fold.count; i++) {
        if (!at_mentions(body.support, e->u.fold.axes[i])) continue;
        mentioned = e->u.fold.axes[i];
        mentions++;
    }
    if (mentions == 1 && !guard && holds_somewhere(z, body.support, mentioned))
        return (part){value, NULL, true};
    if (mentions) support = over(z, AT_FOLD_ANY, e, guard, body.support);
    if (empty) support = at_map_node(z->s, AT_OP_OR, support, empty, NULL, e->span);
    return (part){value, support, true};
}

static part split_fold(zeros *z, const at_expr *e) {
    int around = z->around_count;
    for (int i = 0; i < e->u.fold.count; i++)
        AT_PUSH(z->s->arena, z->around, z->around_count, z->around_capacity, e->u.fold.axes[i]);
    const at_expr *guard = changed(z, e->u.fold.guard);
    part body = split(z, e->u.fold.body);
    z->around_count = around;
    at_fold fold = e->u.fold.fold;
    if (body.support && fold == AT_FOLD_SUM) return split_sum(z, e, guard, body);
    if (body.support && fold == AT_FOLD_PROD) /* one zero is enough */
        return (part){over(z, fold, e, guard, body.value),
                      over(z, AT_FOLD_ALL, e, guard, body.support), false};
    return plain(over(z, fold, e, guard, whole(z, body)));
}

static part split(zeros *z, const at_expr *e) {
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: break;
    case AT_READ: return split_read(z, e);
    case AT_MAP: return split_map(z, e);
    case AT_FOLD_NODE: return split_fold(z, e);
    }
    return plain(e);
}

/* ---- statements ---------------------------------------------------------------------------- */

typedef struct {
    const zeros *z;
    const at_array *target;
    bool bound_to_round;
} standing;

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return true;
    return false;
}

/* What a round begins with; a round that is not on the left side; and where rounds are collected,
 * what holds the last round's value after them. */
static bool look_for_round(void *user, const at_expr *e) {
    standing *w = user;
    const at_array *array = e->tag == AT_READ ? e->u.read.array : NULL;
    w->bound_to_round |= array && array->role == AT_CARRIED;
    for (const at_draft_region *r = w->z->draft->region; r; r = r->around) {
        const at_statement *st = r->statement;
        if (st->tag != AT_REPEAT) continue;
        const at_axis *round = st->u.repeat.round;
        bool collects = has_axis(w->target, round);
        if (e->tag == AT_INDEX && e->u.axis == round) w->bound_to_round |= !collects;
        if (array && collects && (array->role == AT_DEFINED || array->role == AT_RESULT))
            w->bound_to_round |= !has_axis(array, round);
    }
    return true;
}

/* Whether the support can stand wherever the target is read. */
static bool is_lasting(const zeros *z, const at_array *target, const at_expr *support) {
    standing w = {z, target, false};
    at_walk(support, look_for_round, &w);
    return !w.bound_to_round;
}

/* The target's statement was added: what its support is from now on. */
static void keep_support(zeros *z, const at_array *target, const at_expr *support) {
    at_array *beside = z->places->beside[target->id];
    if (beside) {
        support = or_true(z, support, target->span);
        if (z->places->is_zero[target->id])
            support = at_map_node(z->s, AT_OP_NOT, support, NULL, NULL, target->span);
        at_draft_equation(z->draft, beside, support, target->span);
        return;
    }
    if (support && !target->cotangent &&
        !(at_is_cheap(support) && is_lasting(z, target, support))) {
        int scans = at_draft_scan_axes(z->draft, NULL), rank = 0;
        at_axis **axes = AT_NEW_ARRAY(z->s->arena, at_axis *, target->rank);
        at_axis **steps = AT_NEW_ARRAY(z->s->arena, at_axis *, scans);
        at_draft_scan_axes(z->draft, steps);
        for (int i = 0; i < target->rank; i++) {
            bool wanted = target->axes[i]->round || at_mentions(support, target->axes[i]);
            for (int k = 0; k < scans; k++) wanted |= steps[k] == target->axes[i];
            if (wanted) axes[rank++] = target->axes[i];
        }
        support = at_draft_define(z->draft, target, "nonzero", axes, rank, support);
    }
    z->supports[target->id] = support;
}

static const at_expr *change(void *user, const at_expr *e) { return changed(user, e); }

static void keeping(zeros *z, const at_statement *st) {
    at_statement *out = at_statement_changed(z->s, st, change, z);
    for (int i = 0; i < st->u.keeping.count; i++) {
        at_part *p = &out->u.keeping.parts[i];
        /* Stored at once when costly: the softmax and every product of its result ask it. */
        if (!at_is_cheap(p->guard))
            p->guard = at_draft_define(z->draft, p->target, "where", p->target->axes,
                                       p->target->rank, p->guard);
    }
    at_draft_add(z->draft, out);
    for (int i = 0; st->u.keeping.fold == AT_FOLD_SOFTMAX && i < st->u.keeping.count; i++)
        keep_support(z, out->u.keeping.parts[i].target, out->u.keeping.parts[i].guard);
}

static void plain_statement(void *user, const at_statement *st) {
    zeros *z = user;
    const at_array *target = st->tag == AT_KEEPING ? st->u.keeping.parts[0].target : st->target;
    z->around_count = 0;
    for (int i = 0; target && st->tag != AT_NEXT && i < target->rank; i++)
        AT_PUSH(z->s->arena, z->around, z->around_count, z->around_capacity, target->axes[i]);
    if (st->tag == AT_EQUATION) {
        part value = split(z, st->u.value);
        at_draft_equation(z->draft, st->target, whole(z, value), st->span);
        keep_support(z, st->target, value.support);
    } else if (st->tag == AT_KEEPING) {
        keeping(z, st);
    } else {
        at_draft_add(z->draft, at_statement_changed(z->s, st, change, z));
    }
}

/* Of a repeat, what is carried beside what it carries: `value`'s support over the axes of
 * `target`. */
static void carry(zeros *z, at_array *target, const at_array *value) {
    const at_expr *support = or_true(z, support_of(z, value), value->span);
    const at_expr **index = AT_NEW_ARRAY(z->s->arena, const at_expr *, value->rank);
    for (int i = 0; i < value->rank; i++) index[i] = at_index(z->s, target->axes[i], value->span);
    support = at_substitute(z->s, support, (const at_axis **)value->axes, index, value->rank,
                            at_draft_axis, z->draft);
    at_draft_equation(z->draft, target, support, value->span);
}

static const at_carried *beside_carried(const zeros *z, const at_carried *c) {
    const at_array *array = z->places->beside[c->inside->id];
    return array ? z->places->carried[c->inside->id] : NULL;
}

static void before(void *user, const at_statement *st, at_statement *out) {
    zeros *z = user;
    if (st->tag != AT_REPEAT) return;
    int count = st->u.repeat.carried_count;
    at_carried *all = AT_NEW_ARRAY(z->s->arena, at_carried, 2 * count);
    at_move(all, st->u.repeat.carried, sizeof *all * (size_t)count);
    out->u.repeat.carried = all;
    for (int i = 0; i < count; i++) {
        const at_carried *own = beside_carried(z, &all[i]);
        if (!own) continue;
        carry(z, own->before, all[i].before);
        all[out->u.repeat.carried_count++] = *own;
    }
    out->u.repeat.condition = changed(z, st->u.repeat.condition);
}

static void end(void *user, const at_statement *st, at_statement *out) {
    zeros *z = user;
    (void)out;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        const at_carried *c = &st->u.repeat.carried[i], *own = beside_carried(z, c);
        if (own) carry(z, own->next, c->next);
    }
}

const at_cascade *at_opt_zeros(at_session *s, const at_cascade *from) {
    zeros z = {.s = s, .draft = at_draft_new(s, from), .known = from->array_count};
    z.places = at_zero_places_of(z.draft);
    if (!z.places) return from;
    z.supports = AT_NEW_ARRAY(s->arena, const at_expr *, from->array_count);
    at_block_walk walk = {
        .draft = z.draft, .user = &z, .plain = plain_statement, .before = before, .end = end};
    at_draft_block(&walk, &from->body);
    return z.draft->out;
}
