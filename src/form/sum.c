/* Sums as a person would write them: factors in front of the sum instead of in it.
 *
 *     sum[j where i > 0](d[i - 1] * w[j] / size(j))
 *                                   ->   if i > 0 then d[i - 1] * mean[j](w[j]) else 0
 *
 * What stands in front is evaluated even where the sum has no terms. So it must not be able to
 * fail there (`x[i - 1]` under a guard that keeps i from 0), and must not turn the 0 of an empty
 * sum into something else (0 / 0). A guard on the sum's own indices may always leave it empty;
 * then only numbers, sizes and cotangents go in front, and as divisors numbers, and sizes or roots
 * of sizes of which a term has an index. Without one only an extent of 0 can: then anything does
 * that cannot fail, except for a division by a size or count, which makes the sum a mean or stays
 * in it.
 *
 * An array is taken to have a value for each index inside of it. One that has not (`a[u] = x[n +
 * u]` in the last, unfilled chunk) may then be missed over an axis of extent 0, where the sum
 * needs none. */
#include "form/form_int.h"

static bool is_map(const at_expr *e, at_op op) { return e->tag == AT_MAP && e->u.map.op == op; }

typedef struct {
    at_session *s;
    at_axis **axes;
    int count;
    const at_expr *body;             /* what is summed */
    const at_expr *before;           /* holds where the sum is asked; NULL: everywhere */
    bool guarded;                    /* the sum has a guard on its own indices */
    bool mean;                       /* divided by how many terms it has */
    const at_expr *inside, *outside; /* products; NULL: 1 */
    const at_expr *divisor;          /* of what is outside; NULL: 1 */
    const at_expr *divided;          /* of what is inside */
    bool negative;
} factors;

static bool depends(const factors *f, const at_expr *e) {
    for (int i = 0; i < f->count; i++)
        if (at_mentions(e, f->axes[i])) return true;
    return false;
}

/* ---- what cannot fail ------------------------------------------------------------------------ */

/* An index that lies inside the axis, by itself or because of what holds here. */
static bool is_inside(const factors *f, const at_expr *index, const at_axis *axis) {
    at_session *s = f->s;
    if (index->tag == AT_INDEX && at_same_extent(index->u.axis, axis)) return true;
    const at_expr *rest = at_between(s, NULL, at_int(s, 0, index->span), index,
                                     at_size_of(s, axis, index->span));
    if (!rest) return true;
    if (is_map(rest, AT_OP_AND))
        return at_says(f->before, rest->u.map.args[0]) && at_says(f->before, rest->u.map.args[1]);
    return at_says(f->before, rest);
}

static bool cannot_fail(const factors *f, const at_expr *e);

static bool map_cannot_fail(const factors *f, const at_expr *e) {
    const at_expr *const *args = e->u.map.args;
    at_op op = e->u.map.op;
    if (op == AT_OP_IPOW || op == AT_OP_TO_INT) return false;
    if ((op == AT_OP_IDIV || op == AT_OP_MOD) &&
        (args[1]->tag != AT_CONST || args[1]->u.integer <= 0))
        return false;
    for (int i = 0; i < at_op_info(op)->arity; i++)
        if (!cannot_fail(f, args[i])) return false;
    return true;
}

static bool cannot_fail(const factors *f, const at_expr *e) {
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return true;
    case AT_READ:
        if (e->u.read.alternative) return false;
        for (int i = 0; i < e->u.read.array->rank; i++)
            if (!cannot_fail(f, e->u.read.index[i]) ||
                !is_inside(f, e->u.read.index[i], e->u.read.array->axes[i]))
                return false;
        return true;
    case AT_MAP: return map_cannot_fail(f, e);
    case AT_FOLD_NODE: break;
    }
    /* Of no ints there may be no largest, and a sum of them may leave their range. */
    bool ints = e->kind == AT_INT && e->u.fold.fold != AT_FOLD_COUNT;
    return !ints && (!e->u.fold.guard || cannot_fail(f, e->u.fold.guard)) &&
           cannot_fail(f, e->u.fold.body);
}

/* ---- factors --------------------------------------------------------------------------------- */

/* How many terms the sum has, as a number to divide by. */
static bool is_term_count(const factors *f, const at_expr *e) {
    const at_expr *atoms[AT_ATOMS];
    if (!is_map(e, AT_OP_TO_REAL)) return false;
    int count = at_affine_atoms(e->u.map.args[0], atoms), found = 0;
    if (count != f->count) return false;
    for (int i = 0; i < f->count; i++) {
        int at = 0;
        while (at < count && (!atoms[at] || atoms[at]->tag != AT_SIZE ||
                              !at_same_extent(atoms[at]->u.axis, f->axes[i])))
            at++;
        if (at == count) return false;
        atoms[at] = NULL;
        found++;
    }
    return found == f->count;
}

typedef struct {
    const factors *f;
    bool found;
} search;

static bool look_for_count(void *user, const at_expr *e) {
    search *w = user;
    w->found |= e->tag == AT_READ || e->tag == AT_FOLD_NODE;
    for (int i = 0; e->tag == AT_SIZE && i < w->f->count; i++)
        w->found |= at_same_extent(e->u.axis, w->f->axes[i]);
    return !w->found;
}

/* Sizes of the sum's axes, and what was counted, may be 0 just where the sum has no terms. */
static bool counts_terms(const factors *f, const at_expr *e) {
    search w = {f, false};
    if (is_map(e, AT_OP_TO_REAL)) at_walk(e->u.map.args[0], look_for_count, &w);
    return w.found;
}

typedef struct {
    const factors *f;
    const at_axis *axis;
    bool found;
} index_search;

static bool look_for_index(void *user, const at_expr *e) {
    index_search *w = user;
    w->found |= e->tag == AT_INDEX && at_same_extent(e->u.axis, w->axis) && !depends(w->f, e) &&
                at_mentions(w->f->body, e->u.axis);
    return !w->found;
}

/* Whether it is made of sizes that are surely more than 0, though the sum may have no terms: there
 * is an index for which it is taken. */
static bool is_never_zero(const factors *f, const at_expr *e) {
    if (e->tag == AT_MAP && (e->u.map.op == AT_OP_SQRT || e->u.map.op == AT_OP_TO_REAL))
        return is_never_zero(f, e->u.map.args[0]);
    if (e->tag != AT_SIZE) return false;
    index_search w = {f, e->u.axis, false};
    at_walk(f->body, look_for_index, &w);
    return w.found;
}

static bool goes_outside(const factors *f, const at_expr *e, bool divides) {
    if (depends(f, e)) return false;
    if (e->tag == AT_CONST) return !divides || !at_is_number(e, 0);
    if ((divides && counts_terms(f, e)) || !cannot_fail(f, e)) return false;
    if (!f->guarded || (divides && is_never_zero(f, e))) return true;
    bool size = is_map(e, AT_OP_TO_REAL) && e->u.map.args[0]->tag == AT_SIZE;
    return !divides && (size || (e->tag == AT_READ && e->u.read.array->cotangent));
}

static void gather(factors *f, const at_expr *e, bool divides) {
    if (!divides && is_map(e, AT_OP_NEG)) {
        f->negative = !f->negative;
        gather(f, e->u.map.args[0], false);
    } else if (!divides && is_map(e, AT_OP_MUL)) {
        gather(f, e->u.map.args[0], false);
        gather(f, e->u.map.args[1], false);
    } else if (!divides && is_map(e, AT_OP_DIV)) {
        gather(f, e->u.map.args[0], false);
        gather(f, e->u.map.args[1], true);
    } else if (divides && !f->guarded && !f->mean && is_term_count(f, e)) {
        f->mean = true;
    } else {
        const at_expr **product = goes_outside(f, e, divides) ? divides ? &f->divisor : &f->outside
                                  : divides                   ? &f->divided
                                                              : &f->inside;
        *product = *product ? at_make_mul(f->s, *product, e) : e;
    }
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* Moves what the sum's indices have no part in from the guard to `before`: conditions in front,
 * which are asked first, and later ones that cannot fail. Gives what is left of the guard. */
static const at_expr *split_guard(factors *f, const at_expr *guard, const at_expr *left) {
    if (!guard) return left;
    if (is_map(guard, AT_OP_AND)) {
        left = split_guard(f, guard->u.map.args[0], left);
        return split_guard(f, guard->u.map.args[1], left);
    }
    if (depends(f, guard) || (left && !cannot_fail(f, guard))) return at_both(f->s, left, guard);
    f->before = at_both(f->s, f->before, guard);
    return left;
}

/* The sum of 1 over all of its indices. */
static const at_expr *count_of(const factors *f, at_span span) {
    const at_expr *count = NULL;
    for (int i = 0; i < f->count; i++) {
        const at_expr *size = at_size_of(f->s, f->axes[i], span);
        count = count ? at_map_node(f->s, AT_OP_MUL, count, size, NULL, span) : size;
    }
    return at_as_real(f->s, count);
}

/* What is left in the sum. */
static const at_expr *inner_sum(const factors *f, const at_expr *guard, at_span span) {
    if (!f->inside && !f->divided && !guard && !f->mean) return count_of(f, span);
    const at_expr *inside = f->inside ? f->inside : at_real(f->s, 1, span);
    if (f->divided) inside = at_make_div(f->s, inside, f->divided);
    return at_fold_node(f->s, f->mean ? AT_FOLD_MEAN : AT_FOLD_SUM, f->axes, f->count, guard,
                        inside, span);
}

const at_expr *at_make_sum(at_session *s, at_axis **axes, int count, const at_expr *guard,
                           const at_expr *body) {
    at_span span = body->span;
    /* A branch that is 0 is a guard. */
    while (is_map(body, AT_OP_IF) && count > 0 && at_is_number(body->u.map.args[2], 0)) {
        guard = at_both(s, guard, body->u.map.args[0]);
        body = body->u.map.args[1];
    }
    if (at_is_number(body, 0)) return body;
    if (count == 0) return at_where(s, guard, body, 0);
    if (body->kind != AT_REAL)
        return at_fold_node(s, AT_FOLD_SUM, axes, count, guard, body, span);
    factors f = {.s = s, .axes = axes, .count = count, .body = body};
    guard = split_guard(&f, guard, NULL);
    f.guarded = guard != NULL;
    gather(&f, body, false);
    const at_expr *sum = inner_sum(&f, guard, span);
    if (f.outside) sum = at_make_mul(s, f.outside, sum);
    if (f.divisor) sum = at_make_div(s, sum, f.divisor);
    if (f.negative) sum = at_make_neg(s, sum);
    return at_where(s, f.before, sum, 0);
}
