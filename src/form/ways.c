/* The ways to take an index from an equation. An equation is a linear form that must be 0
 * (affine.c):
 *  - k·x + rest == 0: x is -rest / k, where k divides it and x lies inside its axis. Of several
 *    candidates the longest axis goes, or the first in the list (an equation's own before those of
 *    its sums), so that the gradient of a strided convolution still loops over the kernel and not
 *    over the image;
 *  - y + K·rest == r, where y ranges over just K: y is r % K, and rest == r // K is left to solve
 *    (`y*8 + u` and deeper mixed radices);
 *  - e // K == q and e % K == r together: e == q·K + r; e // K == q alone: e == q·K + z for a new z
 *    below K; x % K == r alone: x == z·K + r;
 *  - perm[f] == r, where perm is an argsort of a whole axis: f is inverse[r].
 * What has none of these forms, `idx[i] == a` above all, goes back into the guard and is a
 * scatter. */
#include "form/form_int.h"

static const at_expr *map2(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(s, op, a, b, NULL, a->span);
}

static const at_expr *zero(at_session *s, at_span span) { return at_int(s, 0, span); }

/* ---- the parts of an equation ---------------------------------------------------------------- */

/* A term as index·rest: the bound axis of its only index, or -1. `rest` is 1 or a product of
 * sizes. */
static int index_of(const at_solving *v, const at_expr *term, const at_expr **rest) {
    *rest = NULL;
    if (term->tag == AT_INDEX) return at_solving_position(v, term->u.axis);
    if (term->tag != AT_MAP || term->u.map.op != AT_OP_MUL) return -1;
    int axis = index_of(v, term->u.map.args[0], rest);
    if (axis < 0 || term->u.map.args[1]->tag != AT_SIZE) return -1;
    *rest = *rest ? map2(v->s, AT_OP_MUL, *rest, term->u.map.args[1]) : term->u.map.args[1];
    return axis;
}

/* The form without its term `at`. */
static at_affine without(at_solving *v, const at_affine *form, int at) {
    at_affine term = {0, 1, &form->terms[at], &form->factors[at]}, rest = {0};
    at_affine_add(v->s, form, -1, &term, &rest);
    return rest;
}

static bool only_in(const at_affine *form, const at_axis *axis, int at) {
    for (int i = 0; i < form->count; i++)
        if (i != at && at_mentions(form->terms[i], axis)) return false;
    return true;
}

/* A bound axis that e is linear in; -1: none. */
static int solvable(at_solving *v, const at_expr *e) {
    at_affine form;
    const at_expr *rest;
    if (!at_affine_of(v->s, e, &form)) return -1;
    for (int i = 0; i < form.count; i++) {
        int axis = index_of(v, form.terms[i], &rest);
        if (axis >= 0 && only_in(&form, v->sum->axes[axis], i)) return axis;
    }
    return -1;
}

/* The form as an expression, with the other sign where `positive`. */
static const at_expr *other_side(at_solving *v, const at_affine *form, bool positive,
                                 at_span span) {
    at_affine none = {0}, side = *form;
    if (positive) at_affine_add(v->s, &none, -1, form, &side);
    return at_affine_expr(v->s, &side, span);
}

/* Longer axes first: open extents, then by number. */
static int64_t length_of(const at_axis *axis) {
    int64_t extent = at_extent(axis, NULL);
    return extent < 0 ? INT64_MAX : extent;
}

/* ---- one index, and mixed radices ------------------------------------------------------------ */

/* An index over 1 is 0. */
static bool by_unit(at_solving *v, const at_affine *form, int at, at_span span) {
    const at_expr *rest;
    for (int i = 0; i < form->count; i++) {
        int axis = index_of(v, form->terms[i], &rest);
        if (axis < 0 || at_extent(v->sum->axes[axis], NULL) != 1) continue;
        at_solving_replace(v, axis, zero(v->s, span), NULL, at, false);
        return true;
    }
    return false;
}

/* The form's terms other than `digit` as `free` (without a bound index) and K times `digits`. */
static bool split_radix(at_solving *v, const at_affine *form, int digit, int64_t base,
                        const at_expr *extent, at_affine *free, at_affine *digits) {
    *digits = (at_affine){0};
    *free = (at_affine){form->constant, 0, NULL, NULL};
    for (int k = 0; k < form->count; k++) {
        if (k == digit) continue;
        const at_expr *of = form->terms[k];
        int64_t by = form->factors[k];
        at_affine term = {0, 1, &of, &by};
        if (!at_solving_mentions(v, of)) {
            if (!at_affine_add(v->s, free, 1, &term, free)) return false;
            continue;
        }
        if (base > 0) {
            if (by % base != 0) return false;
            by /= base;
        } else {
            of = at_affine_without(v->s, of, extent);
            if (!of) return false;
        }
        if (!at_affine_add(v->s, digits, form->factors[digit], &term, digits)) return false;
    }
    return digits->count > 0;
}

/* y + K·rest == r with y over just K. */
static bool by_radix(at_solving *v, const at_affine *form, int at, at_span span) {
    for (int i = 0; i < form->count; i++) {
        const at_expr *symbolic;
        int axis = index_of(v, form->terms[i], &symbolic);
        int64_t factor = form->factors[i];
        if (axis < 0 || symbolic || (factor != 1 && factor != -1)) continue;
        const at_axis *y = v->sum->axes[axis];
        const at_expr *extent = at_extent_of(v->s, y);
        int64_t base = at_extent(y, NULL);
        at_affine digits, free;
        if (!only_in(form, y, i) || (base <= 0 && extent->tag != AT_SIZE) ||
            !split_radix(v, form, i, base, extent, &free, &digits))
            continue;
        const at_expr *r = other_side(v, &free, factor > 0, span);
        if (!at_solving_may_replace(v, axis, r, at)) continue;
        const at_expr *k = base > 0 ? at_int(v->s, base, span) : extent;
        at_solving_divide(v, k);
        v->sum->conditions[at].e =
            map2(v->s, AT_OP_SUB, at_affine_expr(v->s, &digits, span),
                 map2(v->s, AT_OP_IDIV, r, k));
        at_solving_replace(v, axis, map2(v->s, AT_OP_MOD, r, k), NULL, at, false);
        return true;
    }
    return false;
}

/* The term whose index is best taken; -1: none. */
static int best_term(at_solving *v, const at_affine *form, int at, at_span span) {
    int best = -1, best_axis = -1;
    for (int i = 0; i < form->count; i++) {
        const at_expr *rest;
        int axis = index_of(v, form->terms[i], &rest);
        if (axis < 0 || !only_in(form, v->sum->axes[axis], i)) continue;
        at_affine others = without(v, form, i);
        const at_expr *r = other_side(v, &others, form->factors[i] > 0, span);
        if (!at_solving_may_replace(v, axis, r, at)) continue;
        if (best >= 0) {
            int64_t length = length_of(v->sum->axes[axis]);
            int64_t best_length = length_of(v->sum->axes[best_axis]);
            if (length < best_length || (length == best_length && axis > best_axis)) continue;
        }
        best = i;
        best_axis = axis;
    }
    return best;
}

/* k·x + rest == 0 */
static bool by_division(at_solving *v, const at_affine *form, int at, at_span span) {
    int best = best_term(v, form, at, span);
    if (best < 0) return false;
    const at_expr *sizes;
    int axis = index_of(v, form->terms[best], &sizes);
    int64_t factor = form->factors[best];
    at_affine others = without(v, form, best);
    const at_expr *r = other_side(v, &others, factor > 0, span), *k = sizes, *divides = NULL;
    if (factor != 1 && factor != -1) {
        k = at_int(v->s, factor > 0 ? factor : -factor, span);
        if (sizes) k = map2(v->s, AT_OP_MUL, k, sizes);
    }
    if (k) {
        at_solving_divide(v, k);
        divides = map2(v->s, AT_OP_EQ, map2(v->s, AT_OP_MOD, r, k), zero(v->s, span));
        r = map2(v->s, AT_OP_IDIV, r, k);
    }
    at_solving_replace(v, axis, r, divides, at, true);
    return true;
}

/* ---- quotients and remainders ---------------------------------------------------------------- */

/* Finds `e // K` or `e % K` as a term with factor 1 or -1, everything else free of bound
 * indices. */
static int quotient_in(at_solving *v, const at_affine *form, at_op op) {
    for (int i = 0; i < form->count; i++) {
        const at_expr *term = form->terms[i];
        if (term->tag != AT_MAP || term->u.map.op != op) continue;
        if (form->factors[i] != 1 && form->factors[i] != -1) continue;
        const at_expr *by = term->u.map.args[1];
        if (by->tag == AT_CONST ? by->u.integer <= 0 : by->tag != AT_SIZE) continue;
        if (solvable(v, term->u.map.args[0]) < 0) continue;
        bool alone = true;
        for (int k = 0; k < form->count; k++)
            alone &= k == i || !at_solving_mentions(v, form->terms[k]);
        if (alone) return i;
    }
    return -1;
}

/* Another equation with `op` of the same two as in `term`; its term, or -1. */
static int beside(at_solving *v, int at, const at_expr *term, at_op op, at_affine *form,
                  int *where) {
    at_guarded_sum *sum = v->sum;
    for (*where = 0; *where < sum->condition_count; ++*where) {
        if (*where == at || !sum->conditions[*where].equation ||
            !at_affine_of(v->s, sum->conditions[*where].e, form))
            continue;
        int other = quotient_in(v, form, op);
        if (other >= 0 && at_same(form->terms[other]->u.map.args[0], term->u.map.args[0]) &&
            at_same(form->terms[other]->u.map.args[1], term->u.map.args[1]))
            return other;
    }
    return -1;
}

/* e % K == r beside e // K == q, as r; its equation is dropped. */
static const at_expr *remainder_beside(at_solving *v, int *at, const at_expr *quotient) {
    at_affine form;
    int where, term = beside(v, *at, quotient, AT_OP_MOD, &form, &where);
    if (term < 0) return NULL;
    at_affine rest = without(v, &form, term);
    const at_expr *r = other_side(v, &rest, form.factors[term] > 0, quotient->span);
    /* It will be asked where the quotient is. */
    if (!at_solving_is_total(v, r)) return NULL;
    at_solving_drop(v, where);
    if (where < *at) --*at;
    return r;
}

static bool by_quotient(at_solving *v, const at_affine *form, int at, at_span span) {
    int quotient = quotient_in(v, form, AT_OP_IDIV);
    if (quotient < 0) return false;
    const at_expr *term = form->terms[quotient], *e = term->u.map.args[0], *k = term->u.map.args[1];
    at_affine others = without(v, form, quotient);
    const at_expr *q = other_side(v, &others, form->factors[quotient] > 0, span);
    const at_expr *r = remainder_beside(v, &at, term);
    if (r) {
        at += at_solving_require(
            v, at_between(v->s, v->sum->draft->out, zero(v->s, span), r, k), at);
    } else {
        int64_t length = at_extent(v->sum->axes[solvable(v, e)], NULL);
        if (k->tag == AT_CONST && length >= 0 && length <= k->u.integer) return false;
        at_axis *z = at_draft_extent(v->sum->draft, "part", k);
        at_solving_add_axis(v, z);
        r = at_index(v->s, z, span);
    }
    const at_expr *whole = map2(v->s, AT_OP_ADD, map2(v->s, AT_OP_MUL, q, k), r);
    v->sum->conditions[at].e = map2(v->s, AT_OP_SUB, e, whole);
    return true;
}

/* x % K == r alone: x == z·K + r. */
static bool by_remainder(at_solving *v, const at_affine *form, int at, at_span span) {
    int remainder = quotient_in(v, form, AT_OP_MOD);
    if (remainder < 0) return false;
    const at_expr *term = form->terms[remainder];
    const at_expr *x = term->u.map.args[0], *k = term->u.map.args[1];
    if (x->tag != AT_INDEX) return false;
    at_affine others = without(v, form, remainder);
    const at_expr *r = other_side(v, &others, form->factors[remainder] > 0, span);
    at_affine quotient;
    int where;
    if (beside(v, at, term, AT_OP_IDIV, &quotient, &where) >= 0 && at_solving_is_total(v, r))
        return false;
    /* As many as there are multiples of K below the extent of x; an extent must have a value where
     * K is 0, too. */
    const at_expr *one = at_int(v->s, 1, span), *extent = at_extent_of(v->s, x->u.axis);
    const at_expr *by = k->tag == AT_CONST ? k : map2(v->s, AT_OP_MAX, k, one);
    const at_expr *up = map2(v->s, AT_OP_ADD, extent, map2(v->s, AT_OP_SUB, by, one));
    at_axis *z = at_draft_extent(v->sum->draft, "multiple", map2(v->s, AT_OP_IDIV, up, by));
    at_solving_add_axis(v, z);
    at += at_solving_require(v, at_between(v->s, v->sum->draft->out, zero(v->s, span), r, k), at);
    const at_expr *whole =
        map2(v->s, AT_OP_ADD, map2(v->s, AT_OP_MUL, at_index(v->s, z, span), k), r);
    v->sum->conditions[at].e = map2(v->s, AT_OP_SUB, x, whole);
    return true;
}

/* ---- permutations ---------------------------------------------------------------------------- */

/* Whether another index of the read, or another term, mentions the axis. */
static bool is_elsewhere(const at_affine *form, int at, int dimension, const at_axis *axis) {
    const at_expr *read = form->terms[at];
    for (int m = 0; m < read->u.read.array->rank; m++)
        if (m != dimension && at_mentions(read->u.read.index[m], axis)) return true;
    return !only_in(form, axis, at);
}

typedef struct {
    const at_expr *old, *new;
} exchange;

static const at_expr *exchanged(void *user, const at_expr *e) {
    const exchange *x = user;
    return at_same(e, x->old) ? x->new : e;
}

/* Where the equation holds the element is r: the body and later conditions need not read it. */
static void exchange_behind(at_solving *v, const at_expr *read, const at_expr *r, int at) {
    exchange x = {read, r};
    at_guarded_sum *sum = v->sum;
    sum->body = at_rewrite(v->s, sum->body, exchanged, &x);
    for (int i = at + 1; i < sum->condition_count; i++)
        sum->conditions[i].e = at_rewrite(v->s, sum->conditions[i].e, exchanged, &x);
}

/* perm[f] == r: f is inverse[r]. */
static bool by_inverse(at_solving *v, const at_affine *form, int at, at_span span) {
    for (int i = 0; i < form->count; i++) {
        const at_expr *read = form->terms[i];
        int dimension;
        if (read->tag != AT_READ || read->u.read.alternative ||
            (form->factors[i] != 1 && form->factors[i] != -1))
            continue;
        const at_array *array = read->u.read.array;
        const at_array *inverse = NULL;
        for (dimension = 0; dimension < array->rank && !inverse; dimension++) {
            int axis = solvable(v, read->u.read.index[dimension]);
            if (axis < 0 || is_elsewhere(form, i, dimension, v->sum->axes[axis]) ||
                !at_solving_may_replace(v, axis, read, at))
                continue;
            inverse = at_inverse_of(v->sum, array, dimension);
        }
        if (!inverse) continue;
        dimension--;
        at_affine others = without(v, form, i);
        const at_expr *r = other_side(v, &others, form->factors[i] > 0, span);
        const at_expr *size = at_size(v->s, array->axes[dimension], span);
        at += at_solving_require(
            v, at_between(v->s, v->sum->draft->out, zero(v->s, span), r, size), at);
        const at_expr **index =
            at_copy(v->s->arena, read->u.read.index, sizeof *index * (size_t)array->rank);
        index[dimension] = r;
        v->sum->conditions[at].e = map2(v->s, AT_OP_SUB, read->u.read.index[dimension],
                                        at_read(v->s, inverse, index, NULL, span));
        exchange_behind(v, read, r, at);
        return true;
    }
    return false;
}

bool at_solve_one(at_solving *v, int at) {
    at_guarded_sum *sum = v->sum;
    at_span span = sum->conditions[at].e->span;
    at_affine form;
    if (!at_affine_of(v->s, sum->conditions[at].e, &form)) return false;
    if (form.count == 0) {
        v->never |= form.constant != 0;
        at_solving_drop(v, at);
        return true;
    }
    return by_unit(v, &form, at, span) || by_radix(v, &form, at, span) ||
           by_division(v, &form, at, span) || by_quotient(v, &form, at, span) ||
           by_remainder(v, &form, at, span) || by_inverse(v, &form, at, span);
}
