/* Equality guards solved: a sum over indices of which an equation determines one needs no loop over it.
 *
 *     sum[i where i + u == a](dy[i] * w[u])   ->   dy[a - u] * w[u]  where 0 <= a - u < size(i)
 *
 * The adjoint of a read is such a sum, and users write them too. An equation is a linear form that
 * must be 0 (affine.c). From it one bound index is taken:
 *  - k·x + rest == 0: x is -rest / k, where k divides it and x lies inside its axis. Of several
 *    candidates the longest axis goes, or the first in the list (an equation's own before those of
 *    its sums), so that the gradient of a strided convolution still loops over the kernel and not
 *    over the image;
 *  - y + K·rest == r, where y ranges over just K: y is r % K, and rest == r // K is left to solve
 *    (`y*8 + u` and deeper mixed radices);
 *  - e // K == q and e % K == r together: e == q·K + r; e // K == q alone: e == q·K + z for a new z
 *    below K; x % K == r alone: x == z·K + r.
 * What has none of these forms, `idx[i] == a` above all, goes back into the guard and is a scatter.
 *
 * A solved index replaces its axis in the body, the guard and the other equations. A read with an
 * alternative treats a declared axis' plain index differently from others (language.md 5); where
 * that would change, the alternative becomes an `if`. */
#include "form/form.h"

typedef struct {
    at_guarded_sum *sum;
    at_session *s;
} solver;

static const at_expr *map2(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(s, op, a, b, NULL, a->span);
}

static const at_expr *zero(at_session *s, at_span span) { return at_int(s, 0, span); }

static int position(const at_guarded_sum *sum, const at_axis *axis) {
    for (int i = 0; i < sum->count; i++)
        if (sum->axes[i] == axis) return i;
    return -1;
}

static bool mentions_bound(const at_guarded_sum *sum, const at_expr *e) {
    for (int i = 0; i < sum->count; i++)
        if (at_mentions(e, sum->axes[i])) return true;
    return false;
}

static void add_guard(solver *v, const at_expr *condition) {
    v->sum->guard = at_both(v->s, v->sum->guard, condition);
}

static void add_axis(solver *v, at_axis *axis) {
    AT_PUSH(v->s->arena, v->sum->axes, v->sum->count, v->sum->capacity, axis);
}

/* ---- putting a value in the place of an index ------------------------------------------------- */

typedef struct {
    at_session *s;
    const at_axis *axis;
    const at_expr *value;
} placing;

/* `x[t | a]`, with t declared, as `if t < size then x[t] else a`: t is about to become a plain index
 * that is not declared, and would then have to lie inside. */
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

static const at_expr *placed(solver *v, placing *p, const at_expr *e) {
    if (!e || !at_mentions(e, p->axis)) return e;
    if (p->axis->declared && p->value->tag == AT_INDEX && !p->value->u.axis->declared)
        e = at_rewrite(v->s, e, without_alternative, p);
    const at_axis *axes[1] = {p->axis};
    const at_expr *values[1] = {p->value};
    e = at_substitute(v->s, e, axes, values, 1, at_draft_axis, v->sum->draft);
    return at_affine_simple(v->s, e);
}

/* The bound axis is `value`, and must be inside. Equation `solved` is dropped. */
static void replace(solver *v, int axis, const at_expr *value, int solved) {
    at_guarded_sum *sum = v->sum;
    placing p = {v->s, sum->axes[axis], value};
    sum->count--;
    for (int i = axis; i < sum->count; i++) sum->axes[i] = sum->axes[i + 1];
    sum->equation_count--;
    for (int i = solved; i < sum->equation_count; i++) sum->equations[i] = sum->equations[i + 1];
    sum->body = placed(v, &p, sum->body);
    sum->guard = placed(v, &p, sum->guard);
    for (int i = 0; i < sum->equation_count; i++)
        sum->equations[i] = placed(v, &p, sum->equations[i]);
    /* A quotient r // K lies below n just where r lies below n·K: easier to see, and to read. */
    const at_expr *high = at_size_of(v->s, p.axis, value->span);
    if (value->tag == AT_MAP && value->u.map.op == AT_OP_IDIV) {
        const at_expr *by = value->u.map.args[1];
        if (by->tag == AT_CONST ? by->u.integer > 0 : by->tag == AT_SIZE) {
            high = map2(v->s, AT_OP_MUL, high, by);
            value = value->u.map.args[0];
        }
    }
    /* Conditions first: they say where the rest may be read. */
    sum->guard = at_both(v->s, at_between(v->s, v->sum->draft->out, zero(v->s, value->span), value, high), sum->guard);
}

/* ---- the parts of an equation ------------------------------------------------------------------ */

/* A term as index·rest: the bound axis of its only index, or -1. `rest` is 1 or a product of sizes. */
static int index_of(const solver *v, const at_expr *term, const at_expr **rest) {
    *rest = NULL;
    if (term->tag == AT_INDEX) return position(v->sum, term->u.axis);
    if (term->tag != AT_MAP || term->u.map.op != AT_OP_MUL) return -1;
    int axis = index_of(v, term->u.map.args[0], rest);
    if (axis < 0 || term->u.map.args[1]->tag != AT_SIZE) return -1;
    *rest = *rest ? map2(v->s, AT_OP_MUL, *rest, term->u.map.args[1]) : term->u.map.args[1];
    return axis;
}

/* The form without its term `at`. */
static at_affine without(solver *v, const at_affine *form, int at) {
    at_affine term = {0, 1, &form->terms[at], &form->factors[at]}, rest = {0};
    at_affine_add(v->s, form, -1, &term, &rest);
    return rest;
}

static bool only_in(const at_affine *form, const at_axis *axis, int at) {
    for (int i = 0; i < form->count; i++)
        if (i != at && at_mentions(form->terms[i], axis)) return false;
    return true;
}

/* -sign·form as an expression. */
static const at_expr *other_side(solver *v, const at_affine *form, bool positive, at_span span) {
    at_affine none = {0}, side = *form;
    if (positive) at_affine_add(v->s, &none, -1, form, &side);
    return at_affine_expr(v->s, &side, span);
}

/* Longer axes first: open extents, then by number. */
static int64_t length_of(const at_axis *axis) {
    int64_t extent = at_extent(axis, NULL);
    return extent < 0 ? INT64_MAX : extent;
}

/* ---- the ways to solve one --------------------------------------------------------------------- */

/* y + K·rest == r with y over just K. */
static bool by_radix(solver *v, const at_affine *form, int equation, at_span span) {
    for (int i = 0; i < form->count; i++) {
        const at_expr *symbolic;
        int axis = index_of(v, form->terms[i], &symbolic);
        int64_t factor = form->factors[i];
        if (axis < 0 || symbolic || (factor != 1 && factor != -1)) continue;
        const at_axis *y = v->sum->axes[axis];
        if (!only_in(form, y, i)) continue;
        const at_expr *extent = at_extent_of(v->s, y);
        int64_t base = at_extent(y, NULL);
        at_affine digits = {0}, free = {form->constant, 0, NULL, NULL};
        bool fits = extent->tag == AT_SIZE || base > 0;
        for (int k = 0; k < form->count && fits; k++) {
            if (k == i) continue;
            at_affine term = {0, 1, &form->terms[k], &form->factors[k]};
            if (!mentions_bound(v->sum, form->terms[k])) {
                fits = at_affine_add(v->s, &free, 1, &term, &free);
                continue;
            }
            const at_expr *of = form->terms[k];
            int64_t by = form->factors[k];
            if (base > 0) {
                fits = by % base == 0;
                by /= base > 0 ? base : 1;
            } else {
                fits = of->tag == AT_MAP && of->u.map.op == AT_OP_MUL &&
                       at_same(of->u.map.args[1], extent);
                if (fits) of = of->u.map.args[0];
            }
            at_affine digit = {0, 1, &of, &by};
            fits = fits && at_affine_add(v->s, &digits, factor, &digit, &digits);
        }
        if (!fits || digits.count == 0) continue;
        const at_expr *r = other_side(v, &free, factor > 0, span);
        const at_expr *k = base > 0 ? at_int(v->s, base, span) : extent;
        v->sum->equations[equation] =
            map2(v->s, AT_OP_SUB, at_affine_expr(v->s, &digits, span), map2(v->s, AT_OP_IDIV, r, k));
        /* The digit equation stays; y's own is added and solved at once. */
        at_solve_equation(v->sum, r);
        replace(v, axis, map2(v->s, AT_OP_MOD, r, k), v->sum->equation_count - 1);
        return true;
    }
    return false;
}

/* k·x + rest == 0 */
static bool by_division(solver *v, const at_affine *form, int equation, at_span span) {
    int best = -1, best_axis = -1;
    const at_expr *best_rest = NULL;
    for (int i = 0; i < form->count; i++) {
        const at_expr *rest;
        int axis = index_of(v, form->terms[i], &rest);
        if (axis < 0 || !only_in(form, v->sum->axes[axis], i)) continue;
        if (best >= 0) {
            int64_t length = length_of(v->sum->axes[axis]);
            int64_t best_length = length_of(v->sum->axes[best_axis]);
            if (length < best_length || (length == best_length && axis > best_axis)) continue;
        }
        best = i;
        best_axis = axis;
        best_rest = rest;
    }
    if (best < 0) return false;
    int64_t factor = form->factors[best];
    at_affine others = without(v, form, best);
    const at_expr *r = other_side(v, &others, factor > 0, span);
    if (factor == INT64_MIN) return false;
    const at_expr *k = factor == 1 || factor == -1
                           ? best_rest
                           : at_int(v->s, factor > 0 ? factor : -factor, span);
    if (k && best_rest && k != best_rest) k = map2(v->s, AT_OP_MUL, k, best_rest);
    const at_expr *divides = NULL;
    if (k) {
        divides = map2(v->s, AT_OP_EQ, map2(v->s, AT_OP_MOD, r, k), zero(v->s, span));
        /* An extent of 0 divides nothing, and r // 0 is an error. */
        if (best_rest)
            divides = at_both(
                v->s, map2(v->s, AT_OP_LT, zero(v->s, span), best_rest), divides);
    }
    replace(v, best_axis, k ? map2(v->s, AT_OP_IDIV, r, k) : r, equation);
    if (divides) v->sum->guard = at_both(v->s, divides, v->sum->guard);
    return true;
}

/* Finds `e // K` or `e % K` as a term with factor 1 or -1, everything else free of bound indices. */
static int quotient_of(solver *v, const at_affine *form, at_op op) {
    for (int i = 0; i < form->count; i++) {
        const at_expr *term = form->terms[i];
        if (term->tag != AT_MAP || term->u.map.op != op) continue;
        if (form->factors[i] != 1 && form->factors[i] != -1) continue;
        if (!mentions_bound(v->sum, term) || mentions_bound(v->sum, term->u.map.args[1])) continue;
        const at_expr *by = term->u.map.args[1];
        if (by->tag == AT_CONST ? by->u.integer <= 0 : by->tag != AT_SIZE) continue;
        bool alone = true;
        for (int k = 0; k < form->count; k++)
            alone &= k == i || !mentions_bound(v->sum, form->terms[k]);
        if (alone) return i;
    }
    return -1;
}

/* e % K == r beside e // K == q, in another equation. */
static int remainder_beside(solver *v, int equation, const at_expr *quotient, at_affine *form,
                            int *at) {
    for (int i = 0; i < v->sum->equation_count; i++) {
        if (i == equation || !at_affine_of(v->s, v->sum->equations[i], form)) continue;
        *at = quotient_of(v, form, AT_OP_MOD);
        if (*at < 0) continue;
        const at_expr *term = form->terms[*at];
        if (at_same(term->u.map.args[0], quotient->u.map.args[0]) &&
            at_same(term->u.map.args[1], quotient->u.map.args[1]))
            return i;
    }
    return -1;
}

static bool by_quotient(solver *v, const at_affine *form, int equation, at_span span) {
    int at = quotient_of(v, form, AT_OP_IDIV);
    if (at < 0) return false;
    const at_expr *term = form->terms[at], *e = term->u.map.args[0], *k = term->u.map.args[1];
    at_affine others = without(v, form, at), second;
    const at_expr *q = other_side(v, &others, form->factors[at] > 0, span), *r;
    int beside, second_at;
    if ((beside = remainder_beside(v, equation, term, &second, &second_at)) >= 0) {
        at_affine rest = without(v, &second, second_at);
        r = other_side(v, &rest, second.factors[second_at] > 0, span);
        add_guard(v, at_between(v->s, v->sum->draft->out, zero(v->s, span), r, k));
        v->sum->equation_count--;
        for (int i = beside; i < v->sum->equation_count; i++)
            v->sum->equations[i] = v->sum->equations[i + 1];
        if (beside < equation) equation--;
    } else {
        at_axis *z = at_draft_extent(v->sum->draft, "part", k);
        add_axis(v, z);
        r = at_index(v->s, z, span);
    }
    const at_expr *whole = map2(v->s, AT_OP_ADD, map2(v->s, AT_OP_MUL, q, k), r);
    v->sum->equations[equation] = map2(v->s, AT_OP_SUB, e, whole);
    return true;
}

/* x % K == r alone: x == z·K + r. */
static bool by_remainder(solver *v, const at_affine *form, int equation, at_span span) {
    int at = quotient_of(v, form, AT_OP_MOD);
    if (at < 0) return false;
    const at_expr *term = form->terms[at], *e = term->u.map.args[0], *k = term->u.map.args[1];
    if (e->tag != AT_INDEX) return false;
    at_affine others = without(v, form, at);
    const at_expr *r = other_side(v, &others, form->factors[at] > 0, span);
    /* As many as there are multiples of K below the extent of x. */
    const at_expr *extent = at_extent_of(v->s, e->u.axis);
    const at_expr *last = map2(v->s, AT_OP_SUB, k, at_int(v->s, 1, span));
    at_axis *z = at_draft_extent(v->sum->draft, "multiple",
                                 map2(v->s, AT_OP_IDIV, map2(v->s, AT_OP_ADD, extent, last), k));
    add_axis(v, z);
    add_guard(v, at_between(v->s, v->sum->draft->out, zero(v->s, span), r, k));
    const at_expr *whole =
        map2(v->s, AT_OP_ADD, map2(v->s, AT_OP_MUL, at_index(v->s, z, span), k), r);
    v->sum->equations[equation] = map2(v->s, AT_OP_SUB, e, whole);
    return true;
}

/* ---- all of them --------------------------------------------------------------------------------- */

/* Whether something was done with this equation. */
static bool solve_one(solver *v, int equation) {
    at_guarded_sum *sum = v->sum;
    at_span span = sum->equations[equation]->span;
    at_affine form;
    if (!at_affine_of(v->s, sum->equations[equation], &form)) return false;
    if (form.count == 0) {
        if (form.constant != 0) sum->guard = at_bool(v->s, false, span);
        sum->equation_count--;
        for (int i = equation; i < sum->equation_count; i++)
            sum->equations[i] = sum->equations[i + 1];
        return true;
    }
    return by_radix(v, &form, equation, span) || by_division(v, &form, equation, span) ||
           by_quotient(v, &form, equation, span) || by_remainder(v, &form, equation, span);
}

void at_solve_equation(at_guarded_sum *sum, const at_expr *zero_of) {
    AT_PUSH(sum->draft->s->arena, sum->equations, sum->equation_count, sum->equation_capacity,
            zero_of);
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
    else sum->guard = at_both(s, sum->guard, guard);
}

void at_solve(at_guarded_sum *sum) {
    solver v = {sum, sum->draft->s};
    /* Each success removes a bound index or a quotient; the limit is for what nobody foresaw. */
    enum { ROUNDS = 256 };
    bool more = true;
    for (int round = 0; more && round < ROUNDS; round++) {
        more = false;
        for (int i = 0; i < sum->equation_count && !more; i++) more = solve_one(&v, i);
    }
    /* What is left: the terms with a plus against those with a minus. */
    for (int i = 0; i < sum->equation_count; i++) {
        const at_expr *e = sum->equations[i], *condition;
        at_affine form, plus = {0}, minus = {0};
        bool linear = at_affine_of(v.s, e, &form);
        for (int k = 0; k < form.count && linear; k++) {
            at_affine term = {0, 1, &form.terms[k], &form.factors[k]};
            linear = form.factors[k] > 0 ? at_affine_add(v.s, &plus, 1, &term, &plus)
                                         : at_affine_add(v.s, &minus, -1, &term, &minus);
        }
        if (linear) {
            if (form.constant > 0) plus.constant = form.constant;
            else minus.constant = -form.constant;
            condition = map2(v.s, AT_OP_EQ, at_affine_expr(v.s, &plus, e->span),
                             at_affine_expr(v.s, &minus, e->span));
        } else {
            condition = map2(v.s, AT_OP_EQ, e, zero(v.s, e->span));
        }
        add_guard(&v, condition);
    }
    sum->equation_count = 0;
}

const at_expr *at_guarded_sum_expr(at_guarded_sum *sum) {
    at_session *s = sum->draft->s;
    return at_make_sum(s, sum->axes, sum->count, sum->guard, sum->body);
}
