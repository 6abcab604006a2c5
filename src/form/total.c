/* What surely has a value: expressions that cannot fail wherever their indices lie inside their
 * axes, and arrays each element of which has one. Rewrites that compute something sooner, or
 * for more indices than the program asks, may do it with these only. */
#include "form/form.h"

typedef struct {
    at_session *s;
    const at_cascade *known;
    const bool *whole; /* by array id; NULL: arrays are taken to have all their values */
    int count;
    bool found;
} search;

/* A read that is not surely inside, or an operation on ints that may have no value. */
static bool look_for_failure(void *user, const at_expr *e) {
    search *w = user;
    at_session *s = w->s;
    if (e->tag == AT_MAP && e->kind == AT_INT) {
        at_op op = e->u.map.op;
        w->found |= op == AT_OP_IPOW || ((op == AT_OP_IDIV || op == AT_OP_MOD) &&
                                         !at_quotient_is_sure(s, w->known, e));
    }
    if (e->tag == AT_READ && w->whole && e->u.read.array->id < w->count)
        w->found |= !w->whole[e->u.read.array->id];
    for (int i = 0; e->tag == AT_READ && i < e->u.read.array->rank && !w->found; i++) {
        const at_expr *index = e->u.read.index[i];
        const at_axis *axis = e->u.read.array->axes[i];
        if (index->tag == AT_INDEX && at_same_extent(index->u.axis, axis)) continue;
        if (e->u.read.alternative && (index->tag != AT_INDEX || index->u.axis->declared)) continue;
        if (w->known && at_index_inside(s, w->known, index, axis)) continue;
        w->found |= at_between(s, w->known, at_int(s, 0, e->span), index,
                               at_size_of(s, axis, e->span)) != NULL;
    }
    return !w->found;
}

bool at_may_fail(at_session *s, const at_cascade *known, const at_expr *e) {
    search w = {s, known, NULL, 0, false};
    at_walk(e, look_for_failure, &w);
    return w.found;
}

/* Of no ints there is no largest, and ints may leave their range where they are data. */
static bool look_for_int_fold(void *user, const at_expr *e) {
    search *w = user;
    w->found |= e->tag == AT_FOLD_NODE && e->kind == AT_INT && e->u.fold.fold != AT_FOLD_COUNT &&
                e->u.fold.fold != AT_FOLD_ARGMAX && e->u.fold.fold != AT_FOLD_ARGMIN;
    return !w->found;
}

static bool look_at_expr(void *user, const at_expr *e) {
    search *w = user;
    at_walk(e, look_for_failure, w);
    at_walk(e, look_for_int_fold, w);
    return false;
}

bool at_lacks_value(at_session *s, const at_cascade *known, const bool *whole, int count,
                    const at_expr *e) {
    search w = {s, known, whole, count, false};
    look_at_expr(&w, e);
    return w.found;
}

typedef struct {
    search w;
    bool *whole;
    bool changed;
} statements;

static void loses(statements *f, const at_array *array) {
    f->changed |= f->whole[array->id];
    f->whole[array->id] = false;
}

static bool look_at_statement(void *user, const at_statement *st) {
    statements *f = user;
    if (st->tag == AT_SCAN) return true;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        const at_carried *c = &st->u.repeat.carried[i];
        if (f->whole[c->before->id] && f->whole[c->next->id]) continue;
        loses(f, c->inside);
        loses(f, c->after);
    }
    f->w.found = false;
    at_walk_statement(st, look_at_expr, &f->w);
    if (!f->w.found) return true;
    if (st->target && st->tag != AT_NEXT) loses(f, st->target);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        loses(f, st->u.keeping.parts[i].target);
    return true;
}

bool *at_whole_arrays(at_session *s, const at_cascade *cascade) {
    bool *whole = AT_NEW_ARRAY(s->arena, bool, cascade->array_count);
    for (int i = 0; i < cascade->array_count; i++) whole[i] = true;
    statements f = {{s, cascade, whole, cascade->array_count, false}, whole, true};
    while (f.changed) {
        f.changed = false;
        at_walk_block(&cascade->body, look_at_statement, &f);
    }
    return whole;
}
