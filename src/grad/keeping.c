/* Operations that keep their axes, and draws.
 *
 *     p = softmax[j](x)       x gets p * (dp - sum[j](p * dp))
 *     y = log_softmax[j](x)   x gets dy - exp(y) * sum[j](dy)
 *     y = cumsum[j](x)        x gets the sum of dy from here to the end
 *     y = cumprod[j](x)       x gets that of dy * y, over x; where x is 0 the products of the others
 *     y = cummax[j](x)        x gets dy of each place whose maximum so far it is
 *     e ~ normal(m, r)        m gets de, r gets de * (e - m) / r
 *     e ~ uniform(a, b)       a gets de * (b - e) / (b - a), b gets de * (e - a) / (b - a)
 *
 * A joint normaliser sums over all its parts. What stands outside of a guard has no share: there a
 * softmax is a structural 0, and the others' contributions have the guard. */
#include "grad/grad_int.h"

#include <math.h>

static const at_expr *map2(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(s, op, a, b, NULL, a->span);
}

/* A part's axes that it does not bind: there is one normaliser for each of their elements. */
static int rest_of(const at_part *part, at_axis **rest) {
    int count = 0;
    for (int i = 0; i < part->target->rank; i++) {
        bool bound = false;
        for (int b = 0; b < part->count; b++) bound |= part->bound[b] == part->target->axes[i];
        if (!bound) rest[count++] = part->target->axes[i];
    }
    return count;
}

/* Sends d to the body of a part, where the guard holds; NULL: d is a structural 0 elsewhere. */
static void send(at_derivation *g, const at_part *part, const at_expr *guard, const at_expr *d) {
    at_place place = at_place_of(g, part->target);
    at_place inside = at_place_under(&place, NULL, 0, guard);
    at_push_kept(&inside, part->body, d, "dscore");
}

/* ---- normalisers ----------------------------------------------------------------------------- */

/* The share of an element's cotangent that the sum is over: p * dp, or dy. */
static const at_expr *share(at_derivation *g, const at_statement *st, const at_part *part) {
    const at_expr *d = at_cotangent(g, part->target);
    if (st->u.keeping.fold == AT_FOLD_LOG_SOFTMAX) return d;
    return at_make_mul(g->s, at_read_whole(g->s, part->target, st->span), d);
}

/* Σ over all active parts, an array over what the first does not bind. */
static const at_expr *row_sum(at_derivation *g, const at_statement *st, at_axis **rest, int count) {
    const at_expr *sum = NULL;
    const at_array *first = NULL; /* with the most indices of losses: the sum has them */
    for (int i = 0; i < st->u.keeping.count; i++) {
        const at_part *part = &st->u.keeping.parts[i];
        if (!at_is_active(g, part->target)) continue;
        if (!first || at_extra_count(g, part->target) > at_extra_count(g, first))
            first = part->target;
        const at_expr *body = share(g, st, part);
        /* Outside its guard a log_softmax is -inf, whatever the scores are. */
        bool guarded = st->u.keeping.fold == AT_FOLD_LOG_SOFTMAX;
        const at_expr *one = at_make_sum(g->s, part->bound, part->count,
                                         guarded ? part->guard : NULL, body);
        at_axis *own[64];
        rest_of(part, own);
        for (int k = 0; k < count; k++) {
            if (own[k] == rest[k]) continue;
            const at_axis *from = own[k];
            const at_expr *to = at_index(g->s, rest[k], st->span);
            one = at_substitute(g->s, one, &from, &to, 1, at_draft_axis, g->draft);
        }
        sum = sum ? at_make_add(g->s, sum, one) : one;
    }
    at_axis *axes[160];
    int rank = at_axes_here(g, first ? first : st->u.keeping.parts[0].target, rest, count, axes);
    return at_auxiliary(g, st->u.keeping.parts[0].target, "rowsum", axes, rank, sum);
}

static void push_normaliser(at_derivation *g, const at_statement *st) {
    at_session *s = g->s;
    at_axis *rest[64];
    int count = rest_of(&st->u.keeping.parts[0], rest);
    const at_expr *sum = NULL;
    for (int i = 0; i < st->u.keeping.count; i++) {
        const at_part *part = &st->u.keeping.parts[i];
        if (!at_reaches_active(g, part->body)) continue;
        if (!sum) sum = row_sum(g, st, rest, count);
        at_axis *own[64];
        rest_of(part, own);
        const at_expr *here = sum;
        for (int k = 0; k < count; k++) {
            if (own[k] == rest[k]) continue;
            const at_axis *from = rest[k];
            const at_expr *to = at_index(s, own[k], st->span);
            here = at_substitute(s, here, &from, &to, 1, at_draft_axis, g->draft);
        }
        /* Losses' indices that are this part's own. */
        const at_slot *slot = at_slot_of(g, part->target);
        for (int k = 0; slot->held && k < g->held_count; k++) {
            if (slot->held[k] < 0) continue;
            const at_axis *from = g->held[k];
            const at_expr *to = at_index(s, part->target->axes[slot->held[k]], st->span);
            here = at_substitute(s, here, &from, &to, 1, at_draft_axis, g->draft);
        }
        bool active = at_is_active(g, part->target);
        const at_expr *d = active ? at_cotangent(g, part->target) : at_real(s, 0, st->span);
        const at_expr *y = at_read_whole(s, part->target, st->span);
        /* In a scan the guard may say which steps are meant: others have no cotangent yet. */
        bool in_scan = at_slot_of(g, part->target)->step_count > 0;
        if (st->u.keeping.fold == AT_FOLD_SOFTMAX)
            send(g, part, in_scan ? part->guard : NULL, at_make_mul(s, y, at_make_sub(s, d, here)));
        else
            send(g, part, part->guard,
                 at_make_sub(s, d, at_make_mul(s, map2(s, AT_OP_EXP, y, NULL), here)));
    }
}

/* ---- running folds --------------------------------------------------------------------------- */

/* Another index for each bound axis, and e at it. */
static const at_expr *at_other(at_derivation *g, const at_part *part, at_axis **others,
                               const at_expr *e) {
    if (!e) return NULL;
    const at_expr **values = AT_NEW_ARRAY(g->s->arena, const at_expr *, part->count);
    for (int i = 0; i < part->count; i++) values[i] = at_index(g->s, others[i], e->span);
    return at_substitute(g->s, e, (const at_axis **)part->bound, values, part->count,
                         at_draft_axis, g->draft);
}

static at_axis **other_axes(at_derivation *g, const at_part *part) {
    at_axis **others = AT_NEW_ARRAY(g->s->arena, at_axis *, part->count);
    for (int i = 0; i < part->count; i++) others[i] = at_draft_axis(g->draft, part->bound[i]);
    return others;
}

/* Whether the element at `a` comes no later than the one at `b`, row-major, each axis in its
 * direction: a0 < b0 or (a0 == b0 and …). */
static const at_expr *not_after(at_derivation *g, const at_part *part, at_axis *const *a,
                                at_axis *const *b, at_span span) {
    at_session *s = g->s;
    const at_expr *all = NULL;
    for (int i = part->count - 1; i >= 0; i--) {
        const at_expr *x = at_index(s, a[i], span), *y = at_index(s, b[i], span);
        const at_expr *first = part->down[i] ? y : x, *second = part->down[i] ? x : y;
        if (!all) {
            all = map2(s, AT_OP_LE, first, second);
            continue;
        }
        const at_expr *same = map2(s, AT_OP_AND, map2(s, AT_OP_EQ, x, y), all);
        all = map2(s, AT_OP_OR, map2(s, AT_OP_LT, first, second), same);
    }
    return all;
}

/* y[…] = cumsum[axes the other way](value), over the part's own axes. */
static const at_expr *rest_sum(at_derivation *g, const at_part *part, const at_expr *value) {
    at_session *s = g->s;
    at_axis *axes[160];
    int count = at_axes_here(g, part->target, part->target->axes, part->target->rank, axes);
    const char *name = at_name_in(g, g->region, at_format(s->arena, "%s.rest", part->target->name));
    at_array *sum =
        at_draft_array(g->draft, name, NULL, AT_REAL, axes, count, part->target->span);
    at_slot_of(g, sum);
    at_statement *st = AT_NEW(s->arena, at_statement);
    st->tag = AT_KEEPING;
    st->span = value->span;
    st->u.keeping.fold = AT_FOLD_CUMSUM;
    st->u.keeping.count = 1;
    st->u.keeping.parts = AT_NEW(s->arena, at_part);
    at_part *one = st->u.keeping.parts;
    *one = *part;
    one->target = sum;
    one->down = AT_NEW_ARRAY(s->arena, bool, part->count);
    for (int i = 0; i < part->count; i++) one->down[i] = !part->down[i];
    one->guard = NULL;
    one->body = at_in_reverse(g, value);
    at_draft_add(g->draft, st);
    return at_read_whole(s, sum, value->span);
}

static void push_product(at_derivation *g, const at_part *part, const at_expr *d) {
    at_session *s = g->s;
    at_span span = part->body->span;
    at_place place = at_place_of(g, part->target);
    const at_expr *y = at_read_whole(s, part->target, span), *x = at_value_of(&place, part->body);
    const at_expr *usual = at_make_div(s, rest_sum(g, part, at_make_mul(s, d, y)), x);
    /* sum[j' from here on](dy[j'] * prod[m up to j', but not here](x[m])) */
    at_axis **later = other_axes(g, part), **factor = other_axes(g, part);
    const at_expr *differs = NULL;
    for (int i = 0; i < part->count; i++) {
        const at_expr *other = map2(s, AT_OP_NE, at_index(s, factor[i], span),
                                    at_index(s, part->bound[i], span));
        differs = differs ? map2(s, AT_OP_OR, differs, other) : other;
    }
    const at_expr *guard = at_both(s, not_after(g, part, factor, later, span), differs);
    guard = at_both(s, guard, at_other(g, part, factor, part->guard));
    const at_expr *product = at_fold_node(s, AT_FOLD_PROD, factor, part->count, guard,
                                          at_other(g, part, factor, x), span);
    const at_expr *whole =
        at_fold_node(s, AT_FOLD_SUM, later, part->count,
                     not_after(g, part, part->bound, later, span),
                     at_make_mul(s, at_other(g, part, later, d), product), span);
    const at_expr *is_zero = map2(s, AT_OP_EQ, x, at_real(s, 0, span));
    send(g, part, part->guard, at_map_node(s, AT_OP_IF, is_zero, whole, usual, span));
}

static void push_extreme(at_derivation *g, const at_statement *st, const at_expr *d) {
    at_session *s = g->s;
    const at_part *part = &st->u.keeping.parts[0];
    at_span span = st->span;
    at_place place = at_place_of(g, part->target);
    const at_expr *x = at_value_of(&place, part->body);
    /* chosen[j] = argmax[m up to j where g](x[m]) */
    at_axis **before = other_axes(g, part);
    const at_expr *guard = at_both(s, not_after(g, part, before, part->bound, span),
                                   at_other(g, part, before, part->guard));
    at_fold fold = st->u.keeping.fold == AT_FOLD_CUMMAX ? AT_FOLD_ARGMAX : AT_FOLD_ARGMIN;
    const at_expr *chosen =
        at_fold_node(s, fold, before, part->count, guard, at_other(g, part, before, x), span);
    at_axis *axes[160];
    int count = at_axes_here(g, part->target, part->target->axes, part->target->rank, axes);
    chosen = at_auxiliary(g, part->target, "chosen", axes, count, chosen);
    at_axis **later = other_axes(g, part);
    const at_expr *is_it = map2(s, AT_OP_EQ, at_other(g, part, later, chosen),
                                at_row_major(s, part->bound, part->count, span));
    send(g, part, part->guard, at_fold_node(s, AT_FOLD_SUM, later, part->count, is_it,
                               at_other(g, part, later, d), span));
}

void at_push_keeping(at_derivation *g, const at_statement *st) {
    const at_part *part = &st->u.keeping.parts[0];
    switch (st->u.keeping.fold) {
    case AT_FOLD_SOFTMAX:
    case AT_FOLD_LOG_SOFTMAX: push_normaliser(g, st); break;
    case AT_FOLD_CUMSUM:
        send(g, part, part->guard, rest_sum(g, part, at_cotangent(g, part->target)));
        break;
    case AT_FOLD_CUMPROD: push_product(g, part, at_cotangent(g, part->target)); break;
    case AT_FOLD_CUMMAX:
    case AT_FOLD_CUMMIN: push_extreme(g, st, at_cotangent(g, part->target)); break;
    default: break; /* argsort */
    }
}

/* ---- draws ----------------------------------------------------------------------------------- */

void at_push_drawing(at_derivation *g, const at_statement *st) {
    at_session *s = g->s;
    const at_expr *first = st->u.drawing.args[0], *second = st->u.drawing.args[1];
    at_place place = at_place_of(g, st->target);
    const at_expr *d = at_cotangent(g, st->target), *e = at_read_whole(s, st->target, st->span);
    if (st->u.drawing.draw == AT_DRAW_NORMAL) {
        at_push(&place, first, d);
        if (!at_reaches_active(g, second)) return;
        const at_expr *mean = at_value_of(&place, first), *width = at_value_of(&place, second);
        at_place wide = at_place_where(
            &place, map2(s, AT_OP_NE, width, at_real(s, 0, st->span)), d);
        at_push(&wide, second,
                at_make_div(s, at_make_mul(s, d, at_make_sub(s, e, mean)), width));
    } else if (st->u.drawing.draw == AT_DRAW_UNIFORM) {
        const at_expr *low = at_value_of(&place, first), *high = at_value_of(&place, second);
        const at_expr *width = at_make_sub(s, high, low);
        at_place wide = at_place_where(&place, map2(s, AT_OP_NE, low, high), d);
        at_push(&wide, first, at_make_div(s, at_make_mul(s, d, at_make_sub(s, high, e)), width));
        at_push(&wide, second, at_make_div(s, at_make_mul(s, d, at_make_sub(s, e, low)), width));
    }
}
