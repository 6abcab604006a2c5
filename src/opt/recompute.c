/* Pair arrays that are reduced along both of their sides are computed for each side:
 *
 *     p[i,j] = exp(s[i,j] - m[i])                p[i,j] = exp(s[i,j] - m[i])
 *     dq[i,d] = sum[j](p[i,j] * k[j,d])          dq[i,d] = sum[j](p[i,j] * k[j,d])
 *     dk[j,d] = sum[i](p[i,j] * q[i,d])    ->    p_2[i,j] = exp(s_2[i,j] - m[i])
 *                                                dk[j,d] = sum[i](p_2[i,j] * q[i,d])
 *
 * A loop over blocks of i has all that dq needs of p at hand, and forgets it; so has a loop over
 * blocks of j for dk. With p for both, all of it would have to be stored. What a row has in common
 * (m, its sum) is no pair array, and is shared.
 *
 * The rule: copies are made of pair arrays only that are cheap to compute again: one equation
 * without a sum over a long axis, read in the block where it stands. What reads such arrays and is
 * none itself is a sink, which reduces some of their axes (or has more than one of their indices to
 * look at); sinks that can be reached with one pass over blocks are a side. The first side that
 * needs an array has the original.
 *
 * Sinks of one side may follow from each other, as what divides a softmax from its scores, as long
 * as all in between runs along with them, block by block. Where it does not (a layer's products
 * with its weights lie between a function and its derivative), there are two sides again.
 *
 * A sum over both sides at once belongs to neither; it becomes a sum of sums. So does one over a
 * side and over heads, for each of which it can then be taken by itself. */
#include "opt/opt.h"
#include "opt/sides.h"

typedef struct {
    at_session *s;
    at_draft *draft;
    at_sides *sides;
    int known; /* arrays of the cascade */
    int clone_count, clone_capacity;
    struct {
        int array, side;
        at_array *clone;
    } *clones;
    int component_here, side_here;
} recomputing;

static int component_of(const recomputing *r, int array) {
    return at_component_of(r->sides->component, array);
}

static const at_expr *redirected(void *user, const at_expr *e);

static const at_expr *on_side(recomputing *r, const at_expr *e, int component, int side_here) {
    int old_component = r->component_here, old_side = r->side_here;
    r->component_here = component;
    r->side_here = side_here;
    e = at_rewrite(r->s, e, redirected, r);
    r->component_here = old_component;
    r->side_here = old_side;
    return e;
}

static at_array *clone_of(recomputing *r, const at_array *array, int side_here) {
    for (int i = 0; i < r->clone_count; i++)
        if (r->clones[i].array == array->id && r->clones[i].side == side_here)
            return r->clones[i].clone;
    const at_statement *by = r->sides->by[array->id];
    const at_expr *value = on_side(r, by->u.value, component_of(r, array->id), side_here);
    at_array *clone = at_draft_array(r->draft, array->name, array->path, array->kind, array->axes,
                                     array->rank, array->span);
    clone->cotangent = array->cotangent;
    at_draft_equation(r->draft, clone, value, by->span);
    AT_PUSH(r->s->arena, r->clones, r->clone_count, r->clone_capacity,
            ((__typeof__(*r->clones)){array->id, side_here, clone}));
    return clone;
}

static const at_expr *redirected(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag != AT_READ || e->u.read.array->id >= r->known || !r->sides->by[e->u.read.array->id])
        return e;
    const at_array *array = e->u.read.array;
    if (component_of(r, array->id) != r->component_here ||
        r->sides->owner[array->id] == r->side_here || r->sides->owner[array->id] < 0)
        return e;
    return at_read(r->s, clone_of(r, array, r->side_here), e->u.read.index, NULL, e->span);
}

typedef struct {
    recomputing *r;
    int component, side;
} redirection;

static const at_expr *redirect(void *user, const at_expr *e) {
    redirection *d = user;
    return on_side(d->r, e, d->component, d->side);
}

static void plain(void *user, const at_statement *st) {
    recomputing *r = user;
    if (st->tag == AT_EQUATION && r->sides->by[st->target->id]) {
        redirection d = {r, component_of(r, st->target->id), r->sides->owner[st->target->id]};
        if (d.side < 0) at_draft_add(r->draft, (at_statement *)st);
        else at_draft_add(r->draft, at_statement_changed(r->s, st, redirect, &d));
        return;
    }
    for (int i = 0; i < r->sides->sink_count; i++) {
        if (r->sides->sinks[i].st != st || r->sides->sinks[i].side < 0) continue;
        const at_statement *of = st;
        redirection d = {r, r->sides->sinks[i].component, r->sides->sinks[i].side};
        st = at_statement_changed(r->s, st, redirect, &d);
        for (int k = i + 1; k < r->sides->sink_count; k++)
            if (r->sides->sinks[k].st == of) r->sides->sinks[k].st = st;
    }
    at_draft_add(r->draft, (at_statement *)st);
}

const at_cascade *at_opt_recompute(at_session *s, const at_cascade *from) {
    from = at_sums_split(s, from);
    recomputing r = {.s = s, .draft = at_draft_new(s, from), .sides = at_sides_of(s, from),
                     .known = from->array_count};
    at_block_walk walk = {.draft = r.draft, .user = &r, .plain = plain};
    at_draft_block(&walk, &from->body);
    return r.draft->out;
}
