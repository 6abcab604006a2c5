/* The steps of a sweep as expressions: the templates of separate_parts.c and separate_value.c with
 * the caller's reads in the places of their symbols. */
#include "form/separate_int.h"

typedef struct {
    const at_sweep *sweep;
    const at_expr *const *before, *const *now;
    bool derived; /* scales and shifts are not read, but computed from what they follow from */
    at_session *s;
} putting;

static const at_expr *put(void *user, const at_expr *e) {
    putting *p = user;
    if (e->tag != AT_READ || e->u.read.array->id > -2) return e;
    int at = -2 - e->u.read.array->id, k = at / 2;
    const at_sweep_part *part = &p->sweep->parts->parts[k];
    bool moves = part->tag == AT_SWEEP_SCALE || part->tag == AT_SWEEP_SHIFT;
    if (p->derived && moves) return at_rewrite(p->s, part->step, put, p);
    return at % 2 ? p->before[k] : p->now[k];
}

static const at_expr *filled(at_session *s, const at_sweep *w, const at_expr *template,
                             const at_expr *const *before, const at_expr *const *now,
                             bool derived) {
    putting p = {w, before, now, derived, s};
    return at_rewrite(s, template, put, &p);
}

static bool places(const at_sweep_part *part) {
    return part->fold == AT_FOLD_ARGMAX || part->fold == AT_FOLD_ARGMIN;
}

/* Both parts' values of k together. A place needs what is largest in a, and in both. */
static const at_expr *together(at_session *s, const at_sweep *w, int k, const at_expr *a,
                               const at_expr *b, const at_expr *const *lower,
                               const at_expr *const *now) {
    static const at_op ops[AT_FOLDS] = {
        [AT_FOLD_SUM] = AT_OP_ADD, [AT_FOLD_COUNT] = AT_OP_ADD, [AT_FOLD_PROD] = AT_OP_MUL,
        [AT_FOLD_MAX] = AT_OP_MAX, [AT_FOLD_MIN] = AT_OP_MIN,   [AT_FOLD_ANY] = AT_OP_OR,
        [AT_FOLD_ALL] = AT_OP_AND};
    const at_sweep_part *part = &w->parts->parts[k];
    at_span span = a->span;
    if (!places(part)) return at_map_node(s, ops[part->fold], a, b, NULL, span);
    /* b's, where a has none, and where the largest element is another one now; of b, which then is
     * not empty. What is NaN stays the largest. */
    const at_expr *was = lower[part->largest], *is = now[part->largest], *none = at_int(s, 0, span);
    const at_expr *moved =
        at_map_node(s, AT_OP_AND, at_map_node(s, AT_OP_EQ, was, was, NULL, span),
                    at_map_node(s, AT_OP_NE, was, is, NULL, span), NULL, span);
    moved = at_map_node(s, AT_OP_OR, at_map_node(s, AT_OP_LT, a, none, NULL, span), moved, NULL,
                        span);
    return at_map_node(s, AT_OP_IF, moved, b, a, span);
}

const at_expr *at_sweep_block(at_session *s, const at_sweep *w, int k, const at_expr *const *now,
                              const at_expr *within) {
    const at_sweep_part *part = &w->parts->parts[k];
    if (part->tag != AT_SWEEP_FOLDS) return NULL;
    const at_expr *body = filled(s, w, part->body, NULL, now, false);
    return at_fold_node(s, part->fold, w->parts->axes, w->parts->axis_count,
                        at_both(s, within, part->guard), body, w->running[k].shape->span);
}

const at_expr *at_sweep_moved(at_session *s, const at_sweep *w, int k, const at_expr *const *before,
                              const at_expr *const *now) {
    const at_sweep_part *part = &w->parts->parts[k];
    if (part->tag != AT_SWEEP_FOLDS) return now[k];
    return filled(s, w, part->step, before, now, true);
}

const at_expr *at_sweep_merged(at_session *s, const at_sweep *w, int k, const at_expr *const *a,
                               const at_expr *const *b, const at_expr *const *now) {
    const at_sweep_part *part = &w->parts->parts[k];
    if (part->tag != AT_SWEEP_FOLDS) return filled(s, w, part->step, a, now, true);
    return together(s, w, k, at_sweep_moved(s, w, k, a, now), at_sweep_moved(s, w, k, b, now), a,
                    now);
}

const at_expr *at_sweep_step(at_session *s, const at_sweep *w, int k, const at_expr *const *before,
                             const at_expr *const *now, const at_expr *within) {
    const at_sweep_part *part = &w->parts->parts[k];
    const at_expr *moved = filled(s, w, part->step, before, now, false);
    if (part->tag != AT_SWEEP_FOLDS) return moved;
    return together(s, w, k, moved, at_sweep_block(s, w, k, now, within), before, now);
}

const at_expr *at_sweep_value(at_session *s, const at_sweep *w, int f, const at_expr *const *last) {
    return filled(s, w, w->parts->values[f], NULL, last, false);
}
