/* Equality guards solved: a sum over indices of which an equation determines one needs no loop
 * over it.
 *
 *     sum[i where i + u == a](dy[i] * w[u])   ->   dy[a - u] * w[u]  where 0 <= a - u < size(i)
 *
 * The adjoint of a read is such a sum, and users write them too. How an equation gives the value
 * of an index is in ways.c; here is what is done with it: the value replaces the index in the body
 * and in all conditions, and must lie inside the axis.
 *
 * Conditions are asked from left to right, and one that fails keeps those after it from being
 * asked: in `i >= 1 and idx[i - 1] == a` the first keeps the second inside the array. So what is
 * known of an index stays where its equation stood. Only what cannot fail anywhere (sums of
 * indices and sizes) is asked before everything else, as a fact; and an index of which something
 * is asked before its equation may only become such a value.
 *
 * A read with an alternative treats a declared axis' plain index differently from others
 * (language.md 5); where that would change, the alternative becomes an `if`. */
#include "form/form_int.h"

static const at_expr *map2(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(s, op, a, b, NULL, a->span);
}

static const at_expr *zero(at_session *s, at_span span) { return at_int(s, 0, span); }

int at_solving_position(const at_solving *v, const at_axis *axis) {
    for (int i = 0; i < v->sum->count; i++)
        if (v->sum->axes[i] == axis) return i;
    return -1;
}

static bool mentions_bound(const at_guarded_sum *sum, const at_expr *e) {
    for (int i = 0; i < sum->count; i++)
        if (at_mentions(e, sum->axes[i])) return true;
    return false;
}

bool at_solving_mentions(const at_solving *v, const at_expr *e) {
    return mentions_bound(v->sum, e);
}

void at_solving_add_axis(at_solving *v, at_axis *axis) {
    AT_PUSH(v->s->arena, v->sum->axes, v->sum->count, v->sum->capacity, axis);
}

/* ---- what cannot fail ------------------------------------------------------------------------ */

static bool is_divided_by(const at_solving *v, const at_expr *size) {
    for (int i = 0; i < v->divisor_count; i++)
        if (at_same(v->divisors[i].size, size)) return true;
    return false;
}

static bool is_positive(const at_solving *v, const at_expr *by) {
    const at_expr *atoms[AT_ATOMS];
    int count = at_affine_atoms(by, atoms);
    for (int i = 0; i < count; i++) {
        bool number = atoms[i]->tag == AT_CONST && atoms[i]->u.integer > 0;
        if (!number && (atoms[i]->tag != AT_SIZE || !is_divided_by(v, atoms[i]))) return false;
    }
    return count > 0;
}

static bool is_safe(const at_solving *v, const at_expr *e, bool large);

/* An element of an array that is given: others may have none. `large`: also one that is so large
 * that a sum with it leaves the range of ints. */
static bool read_is_safe(const at_solving *v, const at_expr *e, bool large) {
    const at_array *array = e->u.read.array;
    if (array->role != AT_INPUT || e->u.read.alternative) return false;
    if (array->kind == AT_INT && !array->inside && !large) return false;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        if (!is_safe(v, index, large) ||
            at_between(v->s, v->sum->draft->out, zero(v->s, e->span), index,
                       at_size(v->s, array->axes[i], e->span)))
            return false;
    }
    return true;
}

static bool is_safe(const at_solving *v, const at_expr *e, bool large) {
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return true;
    case AT_READ: return read_is_safe(v, e, large);
    case AT_FOLD_NODE: return false;
    case AT_MAP: break;
    }
    at_op op = e->u.map.op;
    if (e->kind == AT_REAL || op == AT_OP_IPOW || op == AT_OP_TO_INT) return false;
    if ((op == AT_OP_IDIV || op == AT_OP_MOD) && !is_positive(v, e->u.map.args[1])) return false;
    /* A comparison does not mind large numbers. */
    for (int i = 0; i < at_op_info(op)->arity; i++)
        if (!is_safe(v, e->u.map.args[i],
                     large || (e->kind == AT_BOOL && e->u.map.args[i]->tag == AT_READ)))
            return false;
    return true;
}

bool at_solving_is_total(const at_solving *v, const at_expr *e) {
    return is_safe(v, e, e->tag == AT_READ);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static void add_condition(at_guarded_sum *sum, const at_expr *e, bool equation) {
    at_condition condition = {e, equation};
    AT_PUSH(sum->draft->s->arena, sum->conditions, sum->condition_count, sum->condition_capacity,
            condition);
    sum->equation_count += equation;
}

/* Conditions in front of condition `at`. */
static void insert(at_solving *v, const at_expr *e, int at) {
    at_guarded_sum *sum = v->sum;
    add_condition(sum, e, false);
    for (int i = sum->condition_count - 1; i > at; i--) sum->conditions[i] = sum->conditions[i - 1];
    sum->conditions[at] = (at_condition){e, false};
}

static void add_fact(at_solving *v, const at_expr *e, const at_expr *base) {
    at_fact fact = {e, base};
    AT_PUSH(v->s->arena, v->facts, v->fact_count, v->fact_capacity, fact);
}

int at_solving_require(at_solving *v, const at_expr *condition, int at) {
    if (!condition) return 0;
    if (at_solving_is_total(v, condition)) {
        add_fact(v, condition, NULL);
        return 0;
    }
    insert(v, condition, at);
    return 1;
}

void at_solving_drop(at_solving *v, int at) {
    at_guarded_sum *sum = v->sum;
    sum->equation_count -= sum->conditions[at].equation;
    sum->condition_count--;
    for (int i = at; i < sum->condition_count; i++) sum->conditions[i] = sum->conditions[i + 1];
}

void at_solving_divide(at_solving *v, const at_expr *by) {
    const at_expr *atoms[AT_ATOMS];
    int count = at_affine_atoms(by, atoms);
    for (int i = 0; i < count; i++) {
        at_divisor divisor = {atoms[i], false};
        if (atoms[i]->tag == AT_SIZE && !is_divided_by(v, atoms[i]))
            AT_PUSH(v->s->arena, v->divisors, v->divisor_count, v->divisor_capacity, divisor);
    }
}

/* ---- putting a value in the place of an index ------------------------------------------------ */

typedef struct {
    at_session *s;
    const at_axis *axis;
    const at_expr *value;
} placing;

/* `x[t | a]`, with t declared, as `if t < size then x[t] else a`: t is about to become a plain
 * index that is not declared, and would then have to lie inside. */
static const at_expr *without_alternative(void *user, const at_expr *e) {
    placing *p = user;
    if (e->tag != AT_READ || !e->u.read.alternative) return e;
    const at_expr *inside = NULL;
    bool concerned = false;
    for (int i = 0; i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        bool is_plain = index->tag == AT_INDEX;
        concerned |= is_plain && index->u.axis == p->axis;
        if (is_plain && !index->u.axis->declared) continue;
        inside = at_both(p->s, inside,
                         at_between(p->s, NULL, zero(p->s, e->span), index,
                                    at_size_of(p->s, e->u.read.array->axes[i], e->span)));
    }
    if (!concerned) return e;
    const at_expr *plain = at_read(p->s, e->u.read.array, e->u.read.index, NULL, e->span);
    if (!inside) return plain;
    return at_map_node(p->s, AT_OP_IF, inside, plain, e->u.read.alternative, e->span);
}

static const at_expr *placed(at_solving *v, placing *p, const at_expr *e) {
    if (!at_mentions(e, p->axis)) return e;
    if (p->axis->declared && p->value->tag == AT_INDEX && !p->value->u.axis->declared)
        e = at_rewrite(v->s, e, without_alternative, p);
    const at_axis *axes[1] = {p->axis};
    const at_expr *values[1] = {p->value};
    e = at_substitute(v->s, e, axes, values, 1, at_draft_axis, v->sum->draft);
    return at_affine_simple(v->s, e);
}

bool at_solving_may_replace(const at_solving *v, int axis, const at_expr *parts, int at) {
    if (at_solving_is_total(v, parts)) return true;
    for (int i = 0; i < at; i++)
        if (at_mentions(v->sum->conditions[i].e, v->sum->axes[axis])) return false;
    /* Facts about the axis would have to come later, and are what keeps the value from being
     * asked. */
    for (int i = 0; i < v->fact_count && !is_safe(v, parts, true); i++)
        if (at_mentions(v->facts[i].e, v->sum->axes[axis])) return false;
    return true;
}

/* Whether e is an element of a permutation of this axis that the solving knows. */
static bool is_inverse(const at_solving *v, const at_expr *e, const at_axis *axis, int *dimension) {
    for (const at_inverse *i = v->sum->draft->inverses; i && e->tag == AT_READ; i = i->next) {
        *dimension = i->dimension;
        if (i->inverse == e->u.read.array &&
            at_same_extent(i->inverse->axes[i->dimension], axis))
            return true;
    }
    return false;
}

/* size(axis), by the name that the user gave: a declared axis that was made like another has its
 * extent, and is no `axis … as`. */
static const at_expr *size_by_name(const at_solving *v, const at_axis *axis, at_span span) {
    const at_cascade *out = v->sum->draft->out;
    while (axis->like) axis = axis->like;
    for (int i = 0; i < out->axis_count && axis->declared; i++) {
        const at_axis *other = out->axes[i];
        if (other->like || !other->extent || other->round != axis->round) continue;
        bool number = axis->extent->tag == AT_CONST;
        if (other->extent == axis->extent || (!number && at_same(other->extent, axis->extent)))
            return at_size(v->s, other, span);
    }
    return at_size(v->s, axis, span);
}

/* That the value lies inside the axis, as a condition; NULL where that is sure. A quotient r // K
 * lies below n just where r lies below n·K, which is easier to see, and to read; *base is then
 * what it is divided by. */
static const at_expr *range_of(at_solving *v, const at_axis *axis, const at_expr *value,
                               const at_expr **base) {
    const at_expr *high = size_by_name(v, axis, value->span);
    *base = NULL;
    if (value->tag == AT_READ && !value->u.read.alternative &&
        at_is_permutation(v->sum->draft, value->u.read.array, axis))
        return NULL;
    while (value->tag == AT_MAP && value->u.map.op == AT_OP_IDIV &&
           is_positive(v, value->u.map.args[1])) {
        const at_expr *by = value->u.map.args[1];
        high = map2(v->s, AT_OP_MUL, high, by);
        if (by->tag != AT_CONST) *base = *base ? map2(v->s, AT_OP_MUL, *base, by) : by;
        value = value->u.map.args[0];
    }
    const at_expr *range =
        at_between(v->s, v->sum->draft->out, zero(v->s, value->span), value, high);
    /* Sure by the indices around the sum: then the base is more than 0, and that needs no
     * saying. */
    if (!range && *base && !at_solving_mentions(v, value)) {
        for (int i = 0; i < v->divisor_count; i++)
            if (at_affine_without(v->s, *base, v->divisors[i].size)) v->divisors[i].sure = true;
    }
    return range;
}

typedef struct {
    const at_solving *v;
    const at_expr *e;
    const at_axis *axis;
    bool found;
} search_index;

static bool look_for_index(void *user, const at_expr *e) {
    search_index *w = user;
    if (e->tag == AT_INDEX && at_same_extent(e->u.axis, w->axis) &&
        at_solving_position(w->v, e->u.axis) < 0 && at_mentions(w->e, e->u.axis))
        w->found = true;
    return !w->found;
}

/* Whether an index around the sum, in e, shows that the axis has indices. */
static bool has_index(const at_solving *v, const at_expr *e, const at_axis *axis) {
    search_index w = {v, e, axis, false};
    at_walk(e, look_for_index, &w);
    return w.found;
}

/* Over an axis without indices nothing is asked. That it has some, where the value or a condition
 * in front of it could fail. */
static const at_expr *some_of(at_solving *v, const at_axis *axis, const at_expr *value, int at) {
    bool safe = is_safe(v, value, true);
    int dimension;
    for (int i = 0; i < at; i++) safe &= is_safe(v, v->sum->conditions[i].e, true);
    if (safe || at_extent(axis, NULL) > 0 || has_index(v, value, axis)) return NULL;
    /* What an inverse is read at was asked first. */
    if (is_inverse(v, value, axis, &dimension) &&
        at_solving_is_total(v, value->u.read.index[dimension]))
        return NULL;
    return map2(v->s, AT_OP_LT, zero(v->s, value->span), size_by_name(v, axis, value->span));
}

void at_solving_replace(at_solving *v, int axis, const at_expr *value, const at_expr *also, int at,
                        bool drop) {
    at_guarded_sum *sum = v->sum;
    placing p = {v->s, sum->axes[axis], value};
    bool total = at_solving_is_total(v, value);
    sum->count--;
    for (int i = axis; i < sum->count; i++) sum->axes[i] = sum->axes[i + 1];
    if (drop) at_solving_drop(v, at);
    sum->body = placed(v, &p, sum->body);
    for (int i = 0; i < sum->condition_count; i++)
        sum->conditions[i].e = placed(v, &p, sum->conditions[i].e);
    const at_expr *base, *range = range_of(v, p.axis, value, &base);
    /* What was known of the axis holds of the value, once that is inside. */
    at_fact *facts = v->facts;
    int count = v->fact_count;
    v->facts = NULL;
    v->fact_count = v->fact_capacity = 0;
    for (int i = 0; i < count; i++)
        if (!at_mentions(facts[i].e, p.axis)) add_fact(v, facts[i].e, facts[i].base);
    if (total && also) add_fact(v, also, NULL);
    if (total && range) add_fact(v, range, base);
    const at_expr *some = total ? NULL : some_of(v, p.axis, value, at);
    if (some) add_fact(v, some, NULL);
    if (!total && also) insert(v, also, at++);
    if (!total && range) insert(v, range, at++);
    for (int i = 0; i < count; i++) {
        if (!at_mentions(facts[i].e, p.axis)) continue;
        const at_expr *moved = placed(v, &p, facts[i].e);
        if (total) add_fact(v, moved, facts[i].base);
        else insert(v, moved, at++);
    }
}

/* ---- what is given --------------------------------------------------------------------------- */

void at_solve_equation(at_guarded_sum *sum, const at_expr *zero_of) {
    add_condition(sum, zero_of, true);
}

void at_solve_guard(at_guarded_sum *sum, const at_expr *guard) {
    at_session *s = sum->draft->s;
    if (!guard) return;
    if (guard->tag == AT_MAP && guard->u.map.op == AT_OP_AND) {
        at_solve_guard(sum, guard->u.map.args[0]);
        at_solve_guard(sum, guard->u.map.args[1]);
        return;
    }
    const at_expr *a = guard->tag == AT_MAP ? guard->u.map.args[0] : NULL;
    bool equates = a && guard->u.map.op == AT_OP_EQ && a->kind == AT_INT;
    if (equates && mentions_bound(sum, guard))
        at_solve_equation(sum, map2(s, AT_OP_SUB, a, guard->u.map.args[1]));
    else add_condition(sum, guard, false);
}

/* ---- what is left ---------------------------------------------------------------------------- */

/* An equation that nothing could be done with: its terms with a plus against those with a minus. */
static const at_expr *as_condition(at_session *s, const at_expr *e) {
    at_affine form, plus = {0}, minus = {0};
    bool linear = at_affine_of(s, e, &form);
    for (int k = 0; linear && k < form.count; k++) {
        at_affine term = {0, 1, &form.terms[k], &form.factors[k]};
        linear = form.factors[k] > 0 ? at_affine_add(s, &plus, 1, &term, &plus)
                                     : at_affine_add(s, &minus, -1, &term, &minus);
    }
    if (!linear) return map2(s, AT_OP_EQ, e, zero(s, e->span));
    if (form.constant > 0) plus.constant = form.constant;
    else minus.constant = -form.constant;
    return map2(s, AT_OP_EQ, at_affine_expr(s, &plus, e->span), at_affine_expr(s, &minus, e->span));
}

typedef struct {
    at_session *s;
    const at_expr *size;
    bool found;
} search;

static bool look_for_division(void *user, const at_expr *e) {
    search *w = user;
    if (e->tag == AT_MAP && (e->u.map.op == AT_OP_IDIV || e->u.map.op == AT_OP_MOD))
        w->found |= at_affine_without(w->s, e->u.map.args[1], w->size) != NULL;
    return !w->found;
}

/* Whether a fact shows that this size is more than 0 before any divides by it. */
static bool is_shown(const at_solving *v, const at_expr *size) {
    for (int i = 0; i < v->fact_count; i++) {
        search w = {v->s, size, false};
        at_walk(v->facts[i].e, look_for_division, &w);
        if (w.found) return false;
        const at_expr *base = v->facts[i].base;
        if (base && at_affine_without(v->s, base, size)) return true;
    }
    return false;
}

/* All conditions as one: sizes that are divided by, facts, and the others in their order. */
static const at_expr *guard_of(at_solving *v) {
    at_guarded_sum *sum = v->sum;
    at_session *s = v->s;
    const at_expr *guard = NULL;
    if (v->never) return at_bool(s, false, sum->body->span);
    for (int i = 0; i < v->divisor_count; i++) {
        const at_expr *size = v->divisors[i].size;
        if (v->divisors[i].sure || is_shown(v, size)) continue;
        guard = at_both(s, guard, map2(s, AT_OP_LT, zero(s, size->span), size));
    }
    for (int i = 0; i < v->fact_count; i++) guard = at_both(s, guard, v->facts[i].e);
    for (int i = 0; i < sum->condition_count; i++) {
        const at_condition *c = &sum->conditions[i];
        guard = at_both(s, guard, c->equation ? as_condition(s, c->e) : c->e);
    }
    return guard;
}

void at_solve(at_guarded_sum *sum) {
    at_solving v = {.sum = sum, .s = sum->draft->s};
    /* Each success removes a bound index or a quotient; the limit is for what nobody foresaw. */
    enum { ROUNDS = 256 };
    bool more = true;
    for (int round = 0; more && round < ROUNDS; round++) {
        more = false;
        for (int i = 0; i < sum->condition_count && !more; i++)
            more = sum->conditions[i].equation && at_solve_one(&v, i);
    }
    sum->guard = guard_of(&v);
    if (v.never) sum->equation_count = 0;
}

const at_expr *at_guarded_sum_expr(at_guarded_sum *sum) {
    at_session *s = sum->draft->s;
    return at_make_sum(s, sum->axes, sum->count, sum->guard, sum->body);
}
