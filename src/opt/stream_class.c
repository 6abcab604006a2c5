/* Classes of pair arrays (stream.h): the folds of a block that read them, the axis that these go
 * over, and what follows from their values. */
#include "opt/stream_int.h"

static at_sweep_class *class_of(at_streaming *w, const at_array *array) {
    int component = at_stream_component(w, array->id);
    for (int i = 0; i < w->class_count; i++)
        if (w->classes[i]->component == component) return w->classes[i];
    at_sweep_class *own = AT_NEW(w->s->arena, at_sweep_class);
    *own = (at_sweep_class){.component = component, .first = w->statement};
    AT_PUSH(w->s->arena, w->classes, w->class_count, w->class_capacity, own);
    return own;
}

void at_stream_give_up(at_sweep_class *c, at_span where, const char *why) {
    if (c->why) return;
    c->why = why;
    c->where = where;
}

static bool look_for_pair(void *user, const at_expr *e) {
    at_streaming *w = user;
    if (e->tag != AT_READ || !w->by[e->u.read.array->id]) return true;
    w->at = class_of(w, e->u.read.array);
    return false;
}

/* Whether the guard says which block of the fold's axis it goes over: it is in a scan over such. */
static bool is_in_blocks(const at_streaming *w, const at_expr *fold, const at_expr *e) {
    if (!e || e->tag != AT_MAP) return false;
    const at_expr *const *x = e->u.map.args;
    if (e->u.map.op == AT_OP_AND) return is_in_blocks(w, fold, x[0]) || is_in_blocks(w, fold, x[1]);
    if (e->u.map.op != AT_OP_EQ || x[0]->tag != AT_MAP || x[0]->u.map.op != AT_OP_IDIV)
        return false;
    const at_expr *index = x[0]->u.map.args[0];
    for (int i = 0; i < fold->u.fold.count; i++)
        if (index->tag == AT_INDEX && index->u.axis == fold->u.fold.axes[i])
            return at_is_long(w->lengths, index->u.axis) && x[1]->tag == AT_INDEX;
    return false;
}

/* A fold that reads pair arrays is a part of their class; what reads them otherwise spoils it. */
static bool look_for_parts(void *user, const at_expr *e) {
    at_streaming *w = user;
    if (e->tag == AT_READ && w->by[e->u.read.array->id])
        at_stream_give_up(class_of(w, e->u.read.array), e->span,
                          "it is read outside of a sum over a long axis");
    if (e->tag != AT_FOLD_NODE || !at_stream_binds_long(w, e)) return true;
    w->at = NULL;
    at_walk(e, look_for_pair, w);
    if (!w->at) return true;
    if (is_in_blocks(w, e, e->u.fold.guard))
        at_stream_give_up(w->at, e->span, "it goes over bands of rows already");
    if (e != w->of->items[w->statement]->u.value)
        at_stream_give_up(w->at, e->span, "it stands in a sum over another long axis");
    AT_PUSH(w->s->arena, w->at->parts, w->at->part_count, w->at->part_capacity,
            ((at_sweep_part){w->statement, e, w->of->items[w->statement]->target}));
    w->at->last = w->statement;
    return false;
}

void at_stream_find_classes(at_streaming *w, const at_block *block) {
    w->class_count = 0;
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        w->statement = i;
        if (st->tag != AT_EQUATION || w->by[st->target->id]) continue;
        at_walk(st->u.value, look_for_parts, w);
    }
}

/* All parts go over the same axes; blocks go along the first long one. */
void at_stream_find_along(at_streaming *w, at_sweep_class *c) {
    const at_expr *first = c->parts[0].fold;
    for (int i = 0; i < first->u.fold.count && !c->along; i++)
        if (at_is_long(w->lengths, first->u.fold.axes[i])) c->along = first->u.fold.axes[i];
    for (int k = 0; k < c->part_count; k++) {
        const at_expr *fold = c->parts[k].fold;
        bool same = fold->u.fold.count == first->u.fold.count;
        for (int i = 0; same && i < first->u.fold.count; i++)
            same = fold->u.fold.axes[i] == first->u.fold.axes[i];
        if (!same) at_stream_give_up(c, fold->span, "not all of its sums go over the same axes");
        bool ordered = fold->u.fold.fold == AT_FOLD_ARGMAX || fold->u.fold.fold == AT_FOLD_ARGMIN;
        if (ordered && fold->u.fold.count > 1)
            at_stream_give_up(c, fold->span, "the order of its elements is that of two axes");
    }
}

/* ---- what follows from what ------------------------------------------------------------------ */

typedef struct {
    const bool *follows;
    bool found;
} following;

static bool look_for_following(void *user, const at_expr *e) {
    following *f = user;
    f->found |= e->tag == AT_READ && f->follows[e->u.read.array->id];
    return !f->found;
}

static bool follows_inside(void *user, const at_statement *st) {
    at_walk_statement(st, look_for_following, user);
    return true;
}

bool at_stream_follows(const bool *marks, const at_statement *st) {
    following f = {marks, false};
    at_walk_statement(st, look_for_following, &f);
    if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, follows_inside, &f);
    if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, follows_inside, &f);
    return f.found;
}

static void mark(void *user, const at_array *array) {
    bool *marks = user;
    marks[array->id] = true;
}

bool at_stream_has_part(const at_sweep_class *c, int statement) {
    for (int k = 0; k < c->part_count; k++)
        if (c->parts[k].statement == statement) return true;
    return false;
}

void at_stream_find_following(at_streaming *w, at_sweep_class *c) {
    c->follows = AT_NEW_ARRAY(w->s->arena, bool, w->known);
    for (int i = c->first; i < w->of->count; i++)
        if (at_stream_has_part(c, i) || at_stream_follows(c->follows, w->of->items[i]))
            at_statement_written(w->of->items[i], mark, c->follows);
}
