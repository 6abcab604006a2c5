/* What a sum's value is, from the running values of its terms: Σ h(a) * Σ c(x), case by case.
 *
 * What stays outside of the sums must not be looked at where there is nothing in them: 0 / 0 is not
 * the sum over nothing. So such a value asks whether there is anything, unless the conditions of
 * its case say so.
 *
 * A term 0 * w(x), as `if m == -inf then 0 else exp(x - m) / l` makes of a product with w, is 0 but
 * for infinite and NaN w. Often another running value is the same sum: that of exp(x - m) * w is
 * where m is -inf, that of y * w where Σ y is 0 and no y is negative. Elsewhere it is folded as
 * written, which is rare. */
#include "form/separate_int.h"

#include <math.h>

static const at_expr *map(at_separating *w, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(w->s, op, a, b, NULL, a->span);
}

static const at_expr *choice(at_separating *w, const at_expr *c, const at_expr *a,
                             const at_expr *b) {
    return at_map_node(w->s, AT_OP_IF, c, a, b, b->span);
}

/* ---- whether there is anything --------------------------------------------------------------- */

static const at_expr *some_indices(at_separating *w) {
    const at_expr *all = NULL;
    for (int i = 0; i < w->parts->axis_count; i++) {
        const at_expr *size = at_extent_of(w->s, w->parts->axes[i]);
        if (size->tag == AT_CONST && size->u.integer > 0) continue;
        size = at_size_of(w->s, w->parts->axes[i], size->span);
        all = at_both(w->s, all, map(w, AT_OP_GT, size, at_int(w->s, 0, size->span)));
    }
    return all;
}

typedef struct {
    at_separating *w;
    const at_axis *axis;
    const at_axis *others[8];
    int count;
    bool fold;
} looking;

static bool look_for_indices(void *user, const at_expr *e) {
    looking *l = user;
    l->fold |= e->tag == AT_FOLD_NODE;
    if (e->tag == AT_INDEX && e->u.axis != l->axis && at_same_extent(e->u.axis, l->axis) &&
        l->count < 8)
        l->others[l->count++] = e->u.axis;
    return true;
}

static bool holds_at(at_separating *w, const at_expr *guard, const at_expr *index) {
    const at_axis *axis = w->parts->axes[0];
    const at_expr *there = at_substitute(w->s, guard, &axis, &index, 1, NULL, NULL);
    there = at_make_simple(w->s, at_affine_simple(w->s, there));
    return there->tag == AT_CONST && there->u.integer;
}

const at_expr *at_sweep_some(at_separating *w, const at_expr *guard) {
    if (!guard) return some_indices(w);
    looking l = {.w = w, .axis = w->parts->axes[0]};
    at_walk(guard, look_for_indices, &l);
    if (!l.fold && w->parts->axis_count == 1) {
        /* An index of the same extent shows that there is one. */
        for (int i = 0; i < l.count; i++)
            if (holds_at(w, guard, at_index(w->s, l.others[i], guard->span))) return NULL;
        if (holds_at(w, guard, at_int(w->s, 0, guard->span))) return some_indices(w);
    }
    for (int k = 0; k < w->parts->count; k++) {
        const at_sweep_part *p = &w->parts->parts[k];
        bool sums = p->tag == AT_SWEEP_FOLDS && p->fold == AT_FOLD_SUM && p->term.element;
        bool counts = sums && p->guard && at_is_number(p->term.element, 1) &&
                      at_alike(w->s, p->guard, guard);
        if (counts) return map(w, AT_OP_GT, p->now, at_real(w->s, 0, guard->span));
    }
    int k = at_sweep_fold_part(w, AT_FOLD_ANY, guard, at_bool(w->s, true, guard->span));
    return w->parts->parts[k].now;
}

/* ---- what a case says ------------------------------------------------------------------------ */

typedef struct {
    at_separating *w;
    const at_expr *guard;  /* of what is taken to be empty; */
    const at_array *below; /* or NULL, and this value is -inf, or inf for a min */
} supposing;

/* What a fold is over nothing; NULL: it cannot be told. */
static const at_expr *over_nothing(at_separating *w, const at_expr *fold) {
    at_session *s = w->s;
    bool real = fold->kind == AT_REAL;
    switch (fold->u.fold.fold) {
    case AT_FOLD_SUM:
    case AT_FOLD_MEAN: return real ? at_real(s, 0, fold->span) : NULL;
    case AT_FOLD_MAX:
    case AT_FOLD_LOGSUMEXP: return real ? at_real(s, -INFINITY, fold->span) : NULL;
    case AT_FOLD_MIN: return real ? at_real(s, INFINITY, fold->span) : NULL;
    case AT_FOLD_ANY: return at_bool(s, false, fold->span);
    case AT_FOLD_ALL: return at_bool(s, true, fold->span);
    default: return NULL;
    }
}

static const at_expr *supposed(void *user, const at_expr *e) {
    const supposing *u = user;
    if (e->tag != AT_READ) return e;
    for (int f = 0; f < u->w->given->fold_count; f++) {
        const at_expr *fold = u->w->given->folds[f].fold;
        if (u->w->given->folds[f].target != e->u.read.array) continue;
        bool stands = u->below ? u->below == e->u.read.array
                               : at_implies(u->w->s, fold->u.fold.guard, u->guard);
        const at_expr *value = stands ? over_nothing(u->w, fold) : NULL;
        return value ? value : e;
    }
    return e;
}

/* Whether a case may be the one that holds, if this is supposed. */
static bool may_hold(const supposing *u, const at_sweep_form *form, int c) {
    for (int i = 0; i <= c; i++) {
        if (!form->cases[i].when) continue;
        const at_expr *e = at_rewrite(u->w->s, form->cases[i].when, supposed, (void *)(uintptr_t)u);
        e = at_make_simple(u->w->s, e);
        if (e->tag == AT_CONST && (e->u.integer != 0) == (i < c)) return false;
    }
    return true;
}

/* ---- terms ----------------------------------------------------------------------------------- */

typedef struct {
    const at_expr *guard; /* of this fold */
    const at_sweep_form *form;
    int at;               /* the case */
    const at_expr *sum;
    bool outside;         /* what is not a plain number stands outside */
    int unbounded;        /* the max (min) that exponents have had taken off; -1: none */
} summing;

/* A factor that may be infinite or NaN, where a sum over nothing is 0 whatever it is. */
static bool stands_outside(const at_expr *row) {
    return row && (row->tag != AT_CONST || !isfinite(row->u.real) || row->u.real == 0);
}

static bool is_zero(const at_sweep_term *t) {
    return t->row && !t->under && at_is_number(t->row, 0) && !t->up && !t->up_row &&
           !t->power_count;
}

/* exp(k * m + v), by which what was kept about m is what was written; NULL: 1, when v is -k * m. */
static const at_expr *restored(at_separating *w, summing *sum, const at_sweep_term *t, int k) {
    const at_sweep_part *p = &w->parts->parts[k];
    const at_array *target = at_sweep_target_of(w, p->largest);
    const at_expr *read = target && t->up_row ? at_sweep_find_read(t->up_row, target) : NULL, *by;
    if (read && at_sweep_multiple(w, t->up_row, read, &by) &&
        at_alike(w->s, at_make_neg(w->s, by), p->factor)) {
        sum->unbounded = p->largest;
        return NULL;
    }
    const at_expr *up = at_make_mul(w->s, p->factor, at_sweep_safe(w, p->largest));
    up = at_sweep_plus(w->s, up, at_sweep_resolved(w, t->up_row));
    return map(w, AT_OP_EXP, up, NULL);
}

static void add_term(at_separating *w, summing *sum, const at_expr *guard, const at_sweep_term *t) {
    int k = at_sweep_sum_part(w, guard, t);
    const at_expr *value = w->parts->parts[k].now;
    if (t->up) value = at_sweep_times(w->s, restored(w, sum, t, k), value);
    value = at_sweep_times(w->s, value, at_sweep_resolved(w, t->row));
    value = at_sweep_over(w->s, value, at_sweep_resolved(w, t->under));
    sum->outside |= t->up || stands_outside(t->row) || stands_outside(t->under) || t->power_count;
    sum->sum = at_sweep_plus(w->s, sum->sum, value);
}

/* ---- 0 * w ----------------------------------------------------------------------------------- */

/* Where all exponents of part k are -inf: a condition on the max as the program has it. */
static const at_expr *where_nothing_counts(at_separating *w, const at_sweep_part *p) {
    bool largest = w->parts->parts[p->largest].fold == AT_FOLD_MAX;
    const at_expr *upwards = largest ? p->factor : at_make_neg(w->s, p->factor);
    if (at_sweep_sign(w, upwards) != AT_POSITIVE) return NULL;
    return map(w, AT_OP_EQ, w->parts->parts[p->largest].now,
               w->sweep->running[p->largest].neutral);
}

/* Where a sum of elements y that are not negative is 0, if part k is that of y * element. */
static const at_expr *where_all_are_zero(at_separating *w, const at_sweep_part *p,
                                         const at_expr *element) {
    for (int k = 0; k < w->parts->count; k++) {
        const at_sweep_part *y = &w->parts->parts[k];
        if (y->tag != AT_SWEEP_FOLDS || y->fold != AT_FOLD_SUM || y->term.up ||
            y->term.power_count || !y->term.element || y->term.element->kind != AT_REAL ||
            !at_implies(w->s, p->guard, y->guard) ||
            at_sweep_sign(w, y->term.element) == AT_ANY_SIGN)
            continue;
        const at_expr *product = map(w, AT_OP_MUL, y->term.element, element);
        if (p->term.element && at_alike(w->s, product, p->term.element))
            return map(w, AT_OP_EQ, y->now, at_real(w->s, 0, element->span));
    }
    return NULL;
}

/* `e` with the program's names for running values that are a fold's. */
static const at_expr *said_by_program(at_separating *w, const at_expr *when, const at_expr *e) {
    const at_expr *now = e->u.map.args[0];
    int k = (-2 - now->u.read.array->id) / 2;
    const at_array *target = at_sweep_target_of(w, k);
    const at_expr *read = target && when ? at_sweep_find_read(when, target) : NULL;
    return read ? map(w, AT_OP_EQ, read, e->u.map.args[1]) : e;
}


/* 0 * element as it is written: folded when it is asked for, if its elements are not those of a
 * row (then they are as many as the sweep is there not to store), else kept as it runs. */
static const at_expr *folded_zeros(at_separating *w, const at_expr *guard, const at_expr *element) {
    at_session *s = w->s;
    const at_expr *zeros = map(w, AT_OP_MUL, at_real(s, 0, element->span), element);
    const at_array *row = w->given->folds[0].target;
    bool shared = true;
    for (int i = 0; i < row->rank; i++) shared &= !at_mentions(element, row->axes[i]);
    if (shared)
        return at_fold_node(s, AT_FOLD_SUM, w->parts->axes, w->parts->axis_count, guard, zeros,
                            element->span);
    int k = at_sweep_fold_part(w, AT_FOLD_SUM, guard, zeros);
    return w->parts->parts[k].now;
}

static void add_zeros(at_separating *w, summing *sum, const at_expr *guard,
                      const at_sweep_term *t) {
    const at_expr *element = at_sweep_over(w->s, t->element, t->below);
    if (!element) return;
    const at_expr *when = sum->form->cases[sum->at].when, *value = NULL, *same = NULL;
    for (int k = 0; k < w->parts->count && !value; k++) {
        const at_sweep_part *p = &w->parts->parts[k];
        if (p->tag != AT_SWEEP_FOLDS || p->fold != AT_FOLD_SUM || p->term.power_count ||
            p->term.below || (p->guard != guard && !(p->guard && guard &&
                                                     at_alike(w->s, p->guard, guard))))
            continue;
        if (p->term.up && p->term.element && at_alike(w->s, p->term.element, element))
            same = where_nothing_counts(w, p);
        else if (!p->term.up) same = where_all_are_zero(w, p, element);
        if (same) value = p->now;
    }
    if (!value) value = folded_zeros(w, guard, element);
    else if (!at_implies(w->s, when, said_by_program(w, when, same)))
        value = choice(w, same, value, folded_zeros(w, guard, element));
    sum->sum = at_sweep_plus(w->s, sum->sum, value);
}

/* ---- pieces and cases ------------------------------------------------------------------------ */

/* Σ of a piece's terms over `guard`, which is empty only where something else may be: then 0. */
static const at_expr *piece_value(at_separating *w, summing sum, const at_expr *guard,
                                  const at_sweep_piece *piece) {
    for (int zeros = 0; zeros < 2; zeros++)
        for (int k = 0; k < piece->count; k++)
            if (is_zero(&piece->terms[k]) == (zeros == 1))
                (zeros ? add_zeros : add_term)(w, &sum, guard, &piece->terms[k]);
    if (!sum.sum || !sum.outside) return sum.sum;
    const at_expr *zero = at_real(w->s, 0, w->given->folds[w->at].fold->span);
    supposing empty = {w, guard, NULL}, below = {w, NULL, NULL};
    if (sum.unbounded >= 0) {
        below.below = at_sweep_target_of(w, sum.unbounded);
        const at_expr *m = w->parts->parts[sum.unbounded].now;
        if (may_hold(&below, sum.form, sum.at)) /* -inf - -inf is NaN, as written */
            sum.sum = choice(w, map(w, AT_OP_EQ, m, w->sweep->running[sum.unbounded].neutral),
                             map(w, AT_OP_SUB, m, m), sum.sum);
    }
    if (!may_hold(&empty, sum.form, sum.at)) return sum.sum;
    const at_expr *some = at_sweep_some(w, guard);
    return some ? choice(w, some, sum.sum, zero) : sum.sum;
}

/* What holds for elements in each piece of a case, that none before it takes them; NULL where none
 * are left. With `prepares` running values are made, else the sum of the pieces is given. */
static const at_expr *case_value(at_separating *w, summing sum, bool prepares) {
    const at_sweep_case *c = &sum.form->cases[sum.at];
    const at_expr *guard = sum.guard, *all = NULL;
    for (int i = 0; i < c->count; i++) {
        const at_sweep_piece *piece = &c->pieces[i];
        const at_expr *here = at_both(w->s, guard, piece->where);
        bool never = at_never(w->s, here);
        for (int k = 0; k < piece->count && !never && prepares; k++)
            if (!is_zero(&piece->terms[k])) at_sweep_sum_part(w, here, &piece->terms[k]);
        if (!never && !prepares)
            all = at_sweep_plus(w->s, all, piece_value(w, sum, here, piece));
        if (piece->where)
            guard = at_both(w->s, guard, map(w, AT_OP_NOT, piece->where, NULL));
    }
    return all ? all : at_real(w->s, 0, w->given->folds[w->at].fold->span);
}

const at_expr *at_sweep_sum_value(at_separating *w, const at_expr *guard,
                                  const at_sweep_form *form) {
    for (int i = 0; i < form->count; i++)
        for (int k = 0; k < form->cases[i].count; k++)
            if (!at_sweep_centred(w, w->given->folds[w->at].fold, &form->cases[i].pieces[k]))
                return NULL;
    summing sum = {.guard = guard, .form = form, .unbounded = -1};
    /* First all that is kept: a term 0 * w looks for what is the same. */
    for (sum.at = 0; sum.at < form->count; sum.at++) case_value(w, sum, true);
    const at_expr *value = NULL;
    for (sum.at = form->count - 1; sum.at >= 0; sum.at--) {
        const at_expr *one = case_value(w, sum, false);
        if (!value) value = one;
        else if (!at_same(one, value)) value = choice(w, form->cases[sum.at].when, one, value);
    }
    return value;
}
