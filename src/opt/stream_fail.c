/* What may fail in a sweep (stream.h). A sweep looks at a column once, for all of its folds; as
 * written, a later fold may be what asks for an element, or nothing may. An element without a value
 * must not be asked for where it was not. */
#include "opt/stream_int.h"

static bool may_fail_here(const at_streaming *w, const at_expr *e) {
    if (e->tag == AT_MAP && e->kind == AT_INT) {
        at_op op = e->u.map.op;
        return op == AT_OP_IPOW || ((op == AT_OP_IDIV || op == AT_OP_MOD) &&
                                    !at_quotient_is_sure(w->s, w->from, e));
    }
    for (int i = 0; e->tag == AT_READ && i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        const at_axis *axis = e->u.read.array->axes[i];
        if (index->tag == AT_INDEX && at_same_extent(index->u.axis, axis)) continue;
        if (e->u.read.alternative && (index->tag != AT_INDEX || index->u.axis->declared)) continue;
        if (at_index_inside(w->s, w->from, index, axis)) continue;
        if (at_between(w->s, w->from, at_int(w->s, 0, e->span), index,
                       at_size_of(w->s, axis, e->span)))
            return true;
    }
    return false;
}

static bool look_for_failure(void *user, const at_expr *e) {
    at_streaming *w = user;
    w->found |= may_fail_here(w, e);
    return !w->found;
}

static bool may_fail(at_streaming *w, const at_expr *e) {
    w->found = false;
    at_walk(e, look_for_failure, w);
    return w->found;
}

/* Whether something that may fail is asked for under a condition only. `asked` in `found`: the tile
 * is, without one. */
static void look_lazily(at_streaming *w, const at_expr *e, bool lazy) {
    if (!e) return;
    if (e->tag == AT_READ && e->u.read.array == w->tile && !lazy) w->found = true;
    if (lazy && may_fail_here(w, e)) w->good = false;
    if (e->tag == AT_MAP) {
        at_op op = e->u.map.op;
        bool asks = op == AT_OP_IF || op == AT_OP_AND || op == AT_OP_OR;
        for (int i = 0; i < at_op_info(op)->arity; i++)
            look_lazily(w, e->u.map.args[i], lazy || (asks && i > 0));
    }
    for (int i = 0; e->tag == AT_READ && i < e->u.read.array->rank; i++)
        look_lazily(w, e->u.read.index[i], lazy);
    if (e->tag == AT_READ) look_lazily(w, e->u.read.alternative, true);
    if (e->tag == AT_FOLD_NODE) {
        look_lazily(w, e->u.fold.guard, true);
        look_lazily(w, e->u.fold.body, true);
    }
}

static bool says(const at_expr *guard, const at_expr *condition) {
    if (!condition) return true;
    if (!guard) return false;
    if (condition->tag == AT_MAP && condition->u.map.op == AT_OP_AND)
        return says(guard, condition->u.map.args[0]) && says(guard, condition->u.map.args[1]);
    if (at_same(guard, condition)) return true;
    return guard->tag == AT_MAP && guard->u.map.op == AT_OP_AND &&
           (says(guard->u.map.args[0], condition) || says(guard->u.map.args[1], condition));
}

static bool look_for_tile(void *user, const at_expr *e) {
    at_streaming *w = user;
    w->found |= e->tag == AT_READ && e->u.read.array == w->tile;
    return !w->found;
}

static bool reads_tile(at_streaming *w, const at_expr *e) {
    w->found = false;
    at_walk(e, look_for_tile, w);
    return w->found;
}

/* What may fail must be asked for by the first fold wherever later ones do: a sweep asks at
 * once. */
static bool is_asked_first(at_streaming *w, const at_sweep_class *c, const at_sweep_tile *tile) {
    const at_expr *first = NULL;
    w->tile = tile->tile;
    for (int f = 0; f < c->given.fold_count; f++) {
        const at_expr *fold = c->given.folds[f].fold;
        if (!reads_tile(w, fold)) continue;
        w->found = false;
        look_lazily(w, fold->u.fold.body, false);
        if (!first && !w->found) return false;
        if (!first) first = fold;
        if (!says(fold->u.fold.guard, first->u.fold.guard)) return false;
    }
    for (int i = 0; i < c->tile_count; i++)
        if (&c->tiles[i] != tile && reads_tile(w, c->tiles[i].value)) return false;
    return true;
}

void at_stream_check_failures(at_streaming *w, at_sweep_class *c) {
    w->good = true;
    w->tile = NULL;
    for (int f = 0; f < c->given.fold_count; f++) {
        look_lazily(w, c->given.folds[f].fold->u.fold.body, false);
        look_lazily(w, c->given.folds[f].fold->u.fold.guard, true);
    }
    for (int i = 0; i < c->tile_count && w->good; i++)
        if (may_fail(w, c->tiles[i].value)) w->good = is_asked_first(w, c, &c->tiles[i]);
    if (!w->good)
        at_stream_give_up(
            c, c->parts[0].fold->span,
            "an element that may have no value is asked for only under conditions that a "
            "sweep learns too late");
}
