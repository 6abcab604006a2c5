/* A cotangent sent into a fold: to each element of its index set.
 *
 *     sum        d
 *     mean       d / count
 *     logsumexp  d * exp(x - y)
 *     max, min   d at the element chosen, the one that argmax gives
 *     prod       d * y / x, and where x is 0 the product of the others
 *
 * The fold's axes may be bound several times in one equation (`sum[j](x) * sum[j](z)`);
 * contributions bind them anew each. */
#include "grad/grad_int.h"

static const at_expr *map2(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(s, op, a, b, NULL, a->span);
}

/* How many elements the fold has. */
static const at_expr *count_of(const at_place *place, const at_expr *e) {
    at_session *s = place->g->s;
    if (e->u.fold.guard) {
        const at_expr *count =
            at_fold_node(s, AT_FOLD_COUNT, e->u.fold.axes, e->u.fold.count, e->u.fold.guard,
                         at_bool(s, true, e->span), e->span);
        return at_as_real(s, at_value_of(place, count));
    }
    const at_expr *count = NULL;
    for (int i = 0; i < e->u.fold.count; i++) {
        const at_expr *size = at_size_of(s, e->u.fold.axes[i], e->span);
        count = count ? map2(s, AT_OP_MUL, count, size) : size;
    }
    return at_as_real(s, count);
}

const at_expr *at_row_major(at_session *s, at_axis *const *axes, int count, at_span span) {
    const at_expr *index = at_index(s, axes[0], span);
    for (int i = 1; i < count; i++)
        index = map2(s, AT_OP_ADD, map2(s, AT_OP_MUL, index, at_size_of(s, axes[i], span)),
                     at_index(s, axes[i], span));
    return index;
}

/* `j == argmax[j where g](x)`: the element that gave the value. */
static const at_expr *is_chosen(const at_place *place, const at_expr *e) {
    at_session *s = place->g->s;
    at_fold which = e->u.fold.fold == AT_FOLD_MAX ? AT_FOLD_ARGMAX : AT_FOLD_ARGMIN;
    const at_expr *chosen = at_value_of(
        place, at_fold_node(s, which, e->u.fold.axes, e->u.fold.count, e->u.fold.guard,
                            e->u.fold.body, e->span));
    return map2(s, AT_OP_EQ, at_row_major(s, e->u.fold.axes, e->u.fold.count, e->span), chosen);
}

/* The product of all elements but this one. */
static const at_expr *product_of_others(const at_place *place, const at_expr *e) {
    at_session *s = place->g->s;
    int count = e->u.fold.count;
    at_axis **others = AT_NEW_ARRAY(s->arena, at_axis *, count);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, count), *differs = NULL;
    for (int i = 0; i < count; i++) {
        others[i] = at_draft_axis(place->g->draft, e->u.fold.axes[i]);
        index[i] = at_index(s, others[i], e->span);
        const at_expr *here =
            map2(s, AT_OP_NE, index[i], at_index(s, e->u.fold.axes[i], e->span));
        differs = differs ? map2(s, AT_OP_OR, differs, here) : here;
    }
    const at_axis **axes = (const at_axis **)e->u.fold.axes;
    const at_expr *body = at_substitute(s, e->u.fold.body, axes, index, count, at_draft_axis,
                                        place->g->draft);
    const at_expr *guard = e->u.fold.guard;
    if (guard)
        guard = at_substitute(s, guard, axes, index, count, at_draft_axis, place->g->draft);
    return at_fold_node(s, AT_FOLD_PROD, others, count, at_both(s, guard, differs), body, e->span);
}

static void push_product(const at_place *inner, const at_place *place, const at_expr *e,
                         const at_expr *d) {
    at_session *s = place->g->s;
    const at_expr *y = at_value_of(place, e), *x = at_value_of(inner, e->u.fold.body);
    const at_expr *is_zero = map2(s, AT_OP_EQ, x, at_real(s, 0, e->span));
    const at_expr *others = at_map_node(s, AT_OP_IF, is_zero, product_of_others(inner, e),
                                        at_make_div(s, y, x), e->span);
    at_push(inner, e->u.fold.body, at_make_mul(s, d, others));
}

void at_push_fold(const at_place *place, const at_expr *e, const at_expr *d) {
    at_session *s = place->g->s;
    const at_expr *body = e->u.fold.body;
    /* What comes from outside may bind the fold's axes, too: `prod[i](max[j](x))` has copies of the
     * max in what goes to its body. */
    at_place outer = *place;
    outer.guard = at_under_axes(place->g, place->guard, e->u.fold.axes, e->u.fold.count);
    d = at_under_axes(place->g, d, e->u.fold.axes, e->u.fold.count);
    at_place inner = at_place_under(&outer, e->u.fold.axes, e->u.fold.count, e->u.fold.guard);
    inner.root = NULL;
    switch (e->u.fold.fold) {
    case AT_FOLD_SUM: at_push(&inner, body, d); break;
    case AT_FOLD_MEAN: at_push(&inner, body, at_make_div(s, d, count_of(place, e))); break;
    case AT_FOLD_PROD: push_product(&inner, place, e, d); break;
    case AT_FOLD_MIN:
    case AT_FOLD_MAX: {
        at_place chosen = at_place_where(&inner, is_chosen(place, e), d);
        at_push(&chosen, body, d);
        break;
    }
    case AT_FOLD_LOGSUMEXP: {
        /* Over nothing, and where all are -inf, y is -inf and nothing changes it. */
        const at_expr *y = at_value_of(place, e), *x = at_value_of(&inner, body);
        const at_expr *some = map2(s, AT_OP_GT, y, at_real(s, -__builtin_inf(), e->span));
        const at_expr *share = map2(s, AT_OP_EXP, at_make_sub(s, x, y), NULL);
        at_place there = at_place_where(&inner, some, d);
        at_push(&there, body, at_make_mul(s, d, share));
        break;
    }
    default: break; /* any, all, count, argmin, argmax */
    }
}
