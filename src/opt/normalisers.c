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
 * looked at three times. A softmax of one number, which makes a structural zero of a condition, is
 * 1 or 0. */
#include "opt/opt.h"

#include <math.h>

typedef struct {
    at_session *s;
    at_draft *draft;
    const at_array *owner; /* names what is made */
} writer;

static const at_expr *define(writer *w, const char *suffix, at_axis **axes, int rank,
                             const at_expr *value) {
    static const at_array assertion = {.name = "assertion", .path = "assertion"};
    return at_draft_define(w->draft, w->owner ? w->owner : &assertion, suffix, axes, rank, value);
}

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
    return define(w, "score", axes, rank,
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

/* One number has all the weight: softmax[u where keep](0) over one u. */
static bool is_alone(const at_part *part) {
    if (part->body->tag != AT_CONST || !isfinite(part->body->u.real)) return false;
    for (int i = 0; i < part->count; i++)
        if (at_extent(part->bound[i], NULL) != 1) return false;
    return true;
}

static void write_out(writer *w, const at_statement *st) {
    const at_part *parts = st->u.keeping.parts;
    int count = st->u.keeping.count;
    bool logs = st->u.keeping.fold == AT_FOLD_LOG_SOFTMAX;
    if (count == 1 && is_alone(&parts[0])) {
        const at_expr *whole = at_real(w->s, logs ? 0 : 1, st->span);
        at_draft_equation(w->draft, parts[0].target,
                          at_where(w->s, parts[0].guard, whole, logs ? -INFINITY : 0), st->span);
        return;
    }
    const at_expr **bodies = AT_NEW_ARRAY(w->s->arena, const at_expr *, count);
    for (int i = 0; i < count; i++) {
        w->owner = parts[i].target;
        bodies[i] = score_of(w, parts[i].target->axes, parts[i].target->rank, parts[i].guard,
                             parts[i].body);
    }
    w->owner = parts[0].target;
    at_axis **rest = AT_NEW_ARRAY(w->s->arena, at_axis *, parts[0].target->rank);
    int rank = rest_of(&parts[0], rest);
    const at_expr *largest = define(w, "max", rest, rank,
                                             over_parts(w, parts, bodies, count, NULL));
    const at_expr *total = define(w, "sum", rest, rank,
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

/* if m == -inf or m == inf then m else m + log(sum[…](exp(x - m))), where m is the maximum: an
 * array over the indices that the fold depends on. */
static const at_expr *log_sum(void *user, const at_expr *e) {
    writer *w = user;
    if (e->tag != AT_FOLD_NODE || e->u.fold.fold != AT_FOLD_LOGSUMEXP) return e;
    at_axis **outer;
    int bound = e->u.fold.count, rank = at_draft_free_axes(w->draft, e, w->owner, &outer);
    at_axis **axes = AT_NEW_ARRAY(w->s->arena, at_axis *, rank + bound);
    at_move(axes, outer, sizeof *axes * (size_t)rank);
    at_move(axes + rank, e->u.fold.axes, sizeof *axes * (size_t)bound);
    const at_expr *body = score_of(w, axes, rank + bound, e->u.fold.guard, e->u.fold.body);
    const at_expr *largest =
        define(w, "max", axes, rank,
                        at_fold_node(w->s, AT_FOLD_MAX, e->u.fold.axes, bound, e->u.fold.guard,
                                     body, e->span));
    const at_expr *total = at_fold_node(w->s, AT_FOLD_SUM, e->u.fold.axes, bound, e->u.fold.guard,
                                        weight_of(w, body, largest), e->span);
    const at_expr *infinite = map(w, AT_OP_OR, is_infinite(w, largest, -INFINITY),
                                  is_infinite(w, largest, INFINITY));
    return at_map_node(w->s, AT_OP_IF, infinite, largest,
                       map(w, AT_OP_ADD, largest, map(w, AT_OP_LOG, total, NULL)), e->span);
}

static const at_expr *rewritten(void *user, const at_expr *e) {
    writer *w = user;
    return at_rewrite(w->s, e, log_sum, w);
}

static bool normalises(at_fold fold) {
    return fold == AT_FOLD_SOFTMAX || fold == AT_FOLD_LOG_SOFTMAX;
}

static void plain(void *user, const at_statement *st) {
    writer *w = user;
    w->owner = st->tag == AT_KEEPING ? st->u.keeping.parts[0].target : st->target;
    at_statement *out = at_statement_changed(w->s, st, rewritten, w);
    if (st->tag == AT_KEEPING && normalises(st->u.keeping.fold)) write_out(w, out);
    else at_draft_add(w->draft, out);
}

/* ---- conditions of repeats ------------------------------------------------------------------- */

/* A condition is asked where no equation can stand. One with a logsumexp is computed before the
 * first round and at the end of each, and carried. */
static bool look_for_logsumexp(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_FOLD_NODE && e->u.fold.fold == AT_FOLD_LOGSUMEXP;
    return !*found;
}

typedef struct {
    const at_statement *repeat;
    writer *w;
    bool first; /* before the first round, else at the end of one */
} asking;

static const at_expr *moved(void *user, const at_expr *e) {
    const asking *a = user;
    at_session *s = a->w->s;
    if (e->tag == AT_INDEX && e->u.axis == a->repeat->u.repeat.round) {
        const at_expr *next = at_map_node(s, AT_OP_ADD, e, at_int(s, 1, e->span), NULL, e->span);
        return a->first ? at_int(s, 0, e->span) : next;
    }
    for (int i = 0; e->tag == AT_READ && i < a->repeat->u.repeat.carried_count; i++) {
        const at_carried *c = &a->repeat->u.repeat.carried[i];
        if (c->inside == e->u.read.array)
            return at_read(s, a->first ? c->before : c->next, e->u.read.index,
                           e->u.read.alternative, e->span);
    }
    return e;
}

/* The condition's next value. After the last round nobody asks. */
static const at_expr *asked(writer *w, const at_statement *repeat, bool first) {
    asking a = {repeat, w, first};
    at_session *s = w->s;
    const at_expr *e = at_rewrite(s, repeat->u.repeat.condition, moved, &a);
    const at_expr *count = at_int(s, repeat->u.repeat.count, e->span), *another;
    const at_expr *round = first ? at_int(s, 0, e->span)
                                 : at_map_node(s, AT_OP_ADD,
                                               at_index(s, repeat->u.repeat.round, e->span),
                                               at_int(s, 1, e->span), NULL, e->span);
    another = at_map_node(s, AT_OP_LT, round, count, NULL, e->span);
    return rewritten(w, at_map_node(s, AT_OP_AND, another, e, NULL, e->span));
}

static void before(void *user, const at_statement *st, at_statement *out) {
    writer *w = user;
    bool found = false;
    if (st->tag == AT_REPEAT) at_walk(st->u.repeat.condition, look_for_logsumexp, &found);
    if (!found) return;
    at_session *s = w->s;
    int rank = at_draft_scan_axes(w->draft, NULL);
    at_axis **axes = AT_NEW_ARRAY(s->arena, at_axis *, rank);
    at_draft_scan_axes(w->draft, axes);
    at_carried carried = at_draft_carried(w->draft, "repeat.condition", NULL, AT_BOOL, axes, rank,
                                          st->span);
    w->owner = carried.before;
    at_draft_equation(w->draft, carried.before, asked(w, st, true), st->span);
    int count = st->u.repeat.carried_count;
    out->u.repeat.carried = AT_NEW_ARRAY(s->arena, at_carried, count + 1);
    at_move(out->u.repeat.carried, st->u.repeat.carried, sizeof carried * (size_t)count);
    out->u.repeat.carried[count] = carried;
    out->u.repeat.carried_count = count + 1;
    out->u.repeat.condition = at_read_whole(s, carried.inside, st->span);
}

static void end(void *user, const at_statement *st, at_statement *out) {
    writer *w = user;
    int count = st->tag == AT_REPEAT ? st->u.repeat.carried_count : 0;
    if (st->tag != AT_REPEAT || out->u.repeat.carried_count == count) return;
    at_array *next = out->u.repeat.carried[count].next;
    w->owner = next;
    at_draft_equation(w->draft, next, asked(w, st, false), st->span);
}

const at_cascade *at_opt_normalisers(at_session *s, const at_cascade *from) {
    writer w = {s, at_draft_new(s, from), NULL};
    at_block_walk walk = {
        .draft = w.draft, .user = &w, .plain = plain, .before = before, .end = end};
    at_draft_block(&walk, &from->body);
    return w.draft->out;
}
