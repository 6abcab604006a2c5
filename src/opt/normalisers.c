/* softmax, log_softmax and logsumexp written out, so that no later stage knows them by name:
 *
 *     p[i,j] = softmax[j where g](s[i,j])   ->   p.max[i] = max[j where g](s[i,j])
 *                                                p.sum[i] = sum[j where g](exp(s[i,j] - p.max[i]))
 *                                                p[i,j] = if g then (if p.max[i] == -inf then 0
 *                                                   else exp(s[i,j] - p.max[i]) / p.sum[i]) else 0
 *
 * A row with nothing in it, or with -inf only, has the maximum -inf. There the sum is NaN or 0 and
 * nobody reads it: the result is chosen before it. A joint normaliser takes maximum and sum over
 * all its parts. Scores that are more than a read become an array first (`p.score`), as they are
 * looked at three times. */
#include "opt/opt.h"

#include <math.h>

typedef struct {
    at_session *s;
    at_draft *draft;
    const at_array *owner; /* names what is made */
} writer;

static const at_expr *map(writer *w, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(w->s, op, a, b, NULL, a->span);
}

static const at_expr *is_infinite(writer *w, const at_expr *a, double which) {
    return map(w, AT_OP_EQ, a, at_real(w->s, which, a->span));
}

/* exp(body - largest) */
static const at_expr *weight_of(writer *w, const at_expr *body, const at_expr *largest) {
    return map(w, AT_OP_EXP, map(w, AT_OP_SUB, body, largest), NULL);
}

/* A body that may be evaluated several times: itself, or a read of a new array over `axes`. */
static const at_expr *score_of(writer *w, at_axis **axes, int rank, const at_expr *guard,
                               const at_expr *body) {
    if (body->tag == AT_READ && at_is_cheap(body)) return body;
    return at_draft_define(w->draft, w->owner, "score", axes, rank,
                           at_where(w->s, guard, body, -INFINITY));
}

/* ---- softmax and log_softmax --------------------------------------------------------------- */

/* The axes of a part's target that it does not bind: one normaliser for each of their indices. */
static int rest_of(const at_part *part, at_axis **rest) {
    int count = 0;
    for (int i = 0; i < part->target->rank; i++) {
        bool bound = false;
        for (int b = 0; b < part->count; b++) bound |= part->bound[b] == part->target->axes[i];
        if (!bound) rest[count++] = part->target->axes[i];
    }
    return count;
}

/* The fold over all parts: max of maxima, sum of sums. `largest` is given for the sum only. */
static const at_expr *over_parts(writer *w, const at_part *parts, const at_expr *const *bodies,
                                 int count, const at_expr *largest) {
    const at_expr *all = NULL;
    for (int i = 0; i < count; i++) {
        const at_expr *body = largest ? weight_of(w, bodies[i], largest) : bodies[i];
        const at_expr *one =
            at_fold_node(w->s, largest ? AT_FOLD_SUM : AT_FOLD_MAX, parts[i].bound,
                         parts[i].count, parts[i].guard, body, body->span);
        all = all ? map(w, largest ? AT_OP_ADD : AT_OP_MAX, all, one) : one;
    }
    return all;
}

static void write_out(writer *w, const at_statement *st) {
    const at_part *parts = st->u.keeping.parts;
    int count = st->u.keeping.count;
    bool logs = st->u.keeping.fold == AT_FOLD_LOG_SOFTMAX;
    const at_expr **bodies = AT_NEW_ARRAY(w->s->arena, const at_expr *, count);
    for (int i = 0; i < count; i++) {
        w->owner = parts[i].target;
        bodies[i] = score_of(w, parts[i].target->axes, parts[i].target->rank, parts[i].guard,
                             parts[i].body);
    }
    w->owner = parts[0].target;
    at_axis **rest = AT_NEW_ARRAY(w->s->arena, at_axis *, parts[0].target->rank);
    int rank = rest_of(&parts[0], rest);
    const at_expr *largest = at_draft_define(w->draft, w->owner, "max", rest, rank,
                                             over_parts(w, parts, bodies, count, NULL));
    const at_expr *total = at_draft_define(w->draft, w->owner, "sum", rest, rank,
                                           over_parts(w, parts, bodies, count, largest));
    for (int i = 0; i < count; i++) {
        double nothing = logs ? -INFINITY : 0.0;
        const at_expr *inside =
            logs ? map(w, AT_OP_SUB, map(w, AT_OP_SUB, bodies[i], largest),
                       map(w, AT_OP_LOG, total, NULL))
                 : map(w, AT_OP_DIV, weight_of(w, bodies[i], largest), total);
        const at_expr *value =
            at_map_node(w->s, AT_OP_IF, is_infinite(w, largest, -INFINITY),
                        at_real(w->s, nothing, st->span), inside, st->span);
        at_draft_equation(w->draft, parts[i].target,
                          at_where(w->s, parts[i].guard, value, nothing), st->span);
    }
}

/* ---- logsumexp ----------------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    const at_expr *root;
    at_axis **axes;
    int count, capacity;
} free_axes;

static bool collect(void *user, const at_expr *e) {
    free_axes *f = user;
    if (e->tag != AT_INDEX || !at_mentions(f->root, e->u.axis)) return true;
    for (int i = 0; i < f->count; i++)
        if (f->axes[i] == e->u.axis) return true;
    AT_PUSH(f->s->arena, f->axes, f->count, f->capacity, (at_axis *)e->u.axis);
    return true;
}

/* if m == -inf or m == inf then m else m + log(sum[…](exp(x - m))), where m is the maximum: an
 * array over the indices that the fold depends on. */
static const at_expr *log_sum(void *user, const at_expr *e) {
    writer *w = user;
    if (e->tag != AT_FOLD_NODE || e->u.fold.fold != AT_FOLD_LOGSUMEXP) return e;
    free_axes outer = {w->s, e, NULL, 0, 0};
    at_walk(e, collect, &outer);
    int bound = e->u.fold.count, rank = outer.count;
    at_axis **axes = AT_NEW_ARRAY(w->s->arena, at_axis *, rank + bound);
    at_move(axes, outer.axes, sizeof *axes * (size_t)rank);
    at_move(axes + rank, e->u.fold.axes, sizeof *axes * (size_t)bound);
    const at_expr *body = score_of(w, axes, rank + bound, e->u.fold.guard, e->u.fold.body);
    const at_expr *largest =
        at_draft_define(w->draft, w->owner, "max", axes, rank,
                        at_fold_node(w->s, AT_FOLD_MAX, e->u.fold.axes, bound, e->u.fold.guard,
                                     body, e->span));
    const at_expr *total = at_fold_node(w->s, AT_FOLD_SUM, e->u.fold.axes, bound, e->u.fold.guard,
                                        weight_of(w, body, largest), e->span);
    const at_expr *infinite = map(w, AT_OP_OR, is_infinite(w, largest, -INFINITY),
                                  is_infinite(w, largest, INFINITY));
    return at_map_node(w->s, AT_OP_IF, infinite, largest,
                       map(w, AT_OP_ADD, largest, map(w, AT_OP_LOG, total, NULL)), e->span);
}

static const at_expr *rewritten(writer *w, const at_expr *e) {
    return e ? at_rewrite(w->s, e, log_sum, w) : NULL;
}

static bool normalises(at_fold fold) {
    return fold == AT_FOLD_SOFTMAX || fold == AT_FOLD_LOG_SOFTMAX;
}

const at_cascade *at_opt_normalisers(at_session *s, const at_cascade *from) {
    writer w = {s, at_draft_new(s, from), NULL};
    for (int i = 0; i < from->body.count; i++) {
        at_statement *st = from->body.items[i];
        if (st->tag == AT_EQUATION) {
            w.owner = st->target;
            at_draft_equation(w.draft, st->target, rewritten(&w, st->u.value), st->span);
        } else if (st->tag == AT_KEEPING && normalises(st->u.keeping.fold)) {
            at_statement *copy = at_copy(s->arena, st, sizeof *st);
            copy->u.keeping.parts = at_copy(s->arena, st->u.keeping.parts,
                                            sizeof(at_part) * (size_t)st->u.keeping.count);
            for (int k = 0; k < st->u.keeping.count; k++) {
                at_part *part = &copy->u.keeping.parts[k];
                w.owner = part->target;
                part->guard = rewritten(&w, part->guard);
                part->body = rewritten(&w, part->body);
            }
            write_out(&w, copy);
        } else {
            at_draft_add(w.draft, st);
        }
    }
    return w.draft->out;
}
