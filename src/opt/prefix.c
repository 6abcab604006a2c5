/* Folds over what is before (or after) an index as running folds, for arrays over pairs:
 *
 *     a[i,j] = sum[u where j < u and u < i](x[i,u])
 *                          ->   a.cumsum[i,u] = cumsum[u down where u < i](x[i,u])
 *                               a[i,j] = a.cumsum[i, j + 1 | 0]
 *
 * As they are written each element is a fold of its own: time grows with the cube of the length. A
 * running fold takes one step for each element, along with the other work on its row.
 *
 * The rule: one condition of the guard compares the bound index with an index j of the left side,
 * of the same extent and at most a number off; nothing else in the fold mentions j. Of sums that
 * leaves those over pairs: other sums over what is past are recurrences (factor.c), which keep no
 * history. A fold within a fold stays: its values are not stored as they are. */
#include "opt/opt.h"
#include "opt/pairs.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    at_session *s;
    at_draft *draft;
    const at_lengths *lengths;
    const at_array *owner;
    int scans; /* that are open */
} prefixing;

/* A fold that can run: up to index `at` + shift, or down to it. */
typedef struct {
    const at_axis *at;
    int64_t shift;
    bool down;
    const at_expr *guard; /* what else is asked */
} running;

/* ---- guards ---------------------------------------------------------------------------------- */

/* Whether `e` says that the bound index is at most (or at least) another index, moved. */
static bool compares(const prefixing *p, const at_axis *bound, const at_expr *e, running *out) {
    if (e->tag != AT_MAP || e->u.map.args[0]->kind != AT_INT) return false;
    at_op op = e->u.map.op;
    bool less = op == AT_OP_LT || op == AT_OP_LE, strict = op == AT_OP_LT || op == AT_OP_GT;
    if (!less && op != AT_OP_GT && op != AT_OP_GE) return false;
    at_affine low, high, gap;
    if (!at_affine_of(p->s, e->u.map.args[less ? 0 : 1], &low) ||
        !at_affine_of(p->s, e->u.map.args[less ? 1 : 0], &high) ||
        !at_affine_add(p->s, &high, -1, &low, &gap) || gap.count != 2)
        return false;
    int u = gap.terms[0]->tag == AT_INDEX && gap.terms[0]->u.axis == bound ? 0 : 1;
    const at_expr *mine = gap.terms[u], *other = gap.terms[1 - u];
    if (mine->tag != AT_INDEX || mine->u.axis != bound || other->tag != AT_INDEX ||
        gap.factors[0] + gap.factors[1] != 0 || llabs(gap.factors[u]) != 1)
        return false;
    /* 0 <= other - u + c, or 0 <= u - other + c */
    out->at = other->u.axis;
    out->down = gap.factors[u] == 1;
    out->shift = gap.constant - strict;
    return at_same_extent(out->at, bound);
}

static bool is_left(const prefixing *p, const at_axis *axis) {
    for (int i = 0; i < p->owner->rank; i++)
        if (p->owner->axes[i] == axis) return true;
    return false;
}

/* The guard without one such condition on an index that nothing else mentions. */
static bool take_out(const prefixing *p, const at_expr *fold, const at_expr *guard,
                     const at_expr *rest, running *out) {
    if (guard->tag == AT_MAP && guard->u.map.op == AT_OP_AND)
        return take_out(p, fold, guard->u.map.args[0],
                        at_both(p->s, rest, guard->u.map.args[1]), out) ||
               take_out(p, fold, guard->u.map.args[1],
                        at_both(p->s, rest, guard->u.map.args[0]), out);
    if (!compares(p, fold->u.fold.axes[0], guard, out) || out->shift > 0) return false;
    if (!is_left(p, out->at) || at_mentions(fold->u.fold.body, out->at) ||
        (rest && at_mentions(rest, out->at)))
        return false;
    out->guard = rest;
    return true;
}

/* ---- folds ----------------------------------------------------------------------------------- */

static int running_fold(const at_expr *fold) {
    bool real = fold->kind == AT_REAL;
    switch (fold->u.fold.fold) {
    case AT_FOLD_SUM: return AT_FOLD_CUMSUM;
    case AT_FOLD_PROD: return AT_FOLD_CUMPROD;
    case AT_FOLD_MAX: return real ? AT_FOLD_CUMMAX : -1;
    case AT_FOLD_MIN: return real ? AT_FOLD_CUMMIN : -1;
    default: return -1;
    }
}

static const at_expr *over_nothing(const prefixing *p, const at_expr *fold) {
    double value = fold->u.fold.fold == AT_FOLD_PROD ? 1
                   : fold->u.fold.fold == AT_FOLD_MAX ? -INFINITY
                   : fold->u.fold.fold == AT_FOLD_MIN ? INFINITY : 0;
    return fold->kind == AT_REAL ? at_real(p->s, value, fold->span)
                                 : at_int(p->s, (int64_t)value, fold->span);
}

/* The running fold over all of the bound axis, and a read of it where this one ends. */
static const at_expr *run(prefixing *p, const at_expr *fold, const running *r, at_axis **axes,
                          int rank) {
    at_session *s = p->s;
    at_axis *bound = fold->u.fold.axes[0];
    at_statement *st = AT_NEW(s->arena, at_statement);
    st->tag = AT_KEEPING;
    st->span = fold->span;
    st->u.keeping.fold = (at_fold)running_fold(fold);
    st->u.keeping.count = 1;
    const char *name = at_format(s->arena, "%s.%s", p->owner->name,
                                 at_fold_info(st->u.keeping.fold)->text);
    at_part part = {.target = at_draft_array(p->draft, name, p->owner->path, fold->kind, axes, rank,
                                             fold->span),
                    .count = 1, .bound = at_copy(s->arena, &bound, sizeof(at_axis *)),
                    .down = at_copy(s->arena, &r->down, sizeof r->down), .guard = r->guard,
                    .body = fold->u.fold.body};
    st->u.keeping.parts = at_copy(s->arena, &part, sizeof part);
    at_draft_add(p->draft, st);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, rank);
    for (int i = 0; i < rank; i++)
        index[i] = at_index(s, axes[i] == bound ? r->at : axes[i], fold->span);
    for (int i = 0; i < rank && r->shift; i++)
        if (axes[i] == bound)
            index[i] = at_map_node(s, r->down ? AT_OP_ADD : AT_OP_SUB, index[i],
                                   at_int(s, -r->shift, fold->span), NULL, fold->span);
    return at_read(s, part.target, index, r->shift ? over_nothing(p, fold) : NULL, fold->span);
}

/* The fold's own axes, with the bound one where the left side has the one that it ends at. */
static int axes_of(const prefixing *p, const at_expr *fold, const running *r, at_axis **axes) {
    int rank = 0;
    for (int i = 0; i < p->owner->rank; i++) {
        at_axis *axis = p->owner->axes[i];
        if (axis == r->at) axes[rank++] = fold->u.fold.axes[0];
        else if (at_mentions(fold, axis)) axes[rank++] = axis;
    }
    return rank;
}

static const at_expr *changed(prefixing *p, const at_expr *e) {
    running r;
    if (e->u.fold.count != 1 || running_fold(e) < 0 || !e->u.fold.guard ||
        !take_out(p, e, e->u.fold.guard, NULL, &r))
        return e;
    at_axis **axes = AT_NEW_ARRAY(p->s->arena, at_axis *, p->owner->rank);
    int rank = axes_of(p, e, &r, axes);
    if (e->u.fold.fold == AT_FOLD_SUM && !at_has_pair(p->lengths, axes, rank)) return e;
    return run(p, e, &r, axes, rank);
}

/* The folds of an expression that are in no other. */
static const at_expr *outer_folds(prefixing *p, const at_expr *e) {
    if (e->tag == AT_FOLD_NODE) return changed(p, e);
    if (e->tag != AT_MAP) return e;
    const at_expr *args[3] = {0};
    bool same = true;
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) {
        args[i] = outer_folds(p, e->u.map.args[i]);
        same &= args[i] == e->u.map.args[i];
    }
    return same ? e : at_map_node(p->s, e->u.map.op, args[0], args[1], args[2], e->span);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void plain(void *user, const at_statement *st) {
    prefixing *p = user;
    const at_expr *value = NULL;
    p->owner = st->target;
    if (st->tag == AT_EQUATION && !p->scans) value = outer_folds(p, st->u.value);
    if (value && value != st->u.value) at_draft_equation(p->draft, st->target, value, st->span);
    else at_draft_add(p->draft, (at_statement *)(uintptr_t)st);
}

static void before(void *user, const at_statement *st, at_statement *out) {
    (void)out;
    ((prefixing *)user)->scans += st->tag == AT_SCAN;
}

static void after(void *user, const at_statement *st, at_statement *out) {
    (void)out;
    ((prefixing *)user)->scans -= st->tag == AT_SCAN;
}

const at_cascade *at_opt_prefix(at_session *s, const at_cascade *from) {
    prefixing p = {.s = s, .draft = at_draft_new(s, from), .lengths = at_lengths_of(s, from)};
    at_block_walk walk = {.draft = p.draft, .user = &p, .plain = plain, .before = before,
                          .after = after};
    at_draft_block(&walk, &from->body);
    return p.draft->out;
}
