/* Which sums over long axes become scans over blocks (stream.h), and where these stand.
 *
 * A class is what pair arrays that read each other have to do with: the arrays, and the folds over one
 * axis that read them. Pair arrays that follow from values of these folds (`p[i,j] = exp(s[i,j] - m[i])`)
 * are put into the folds that read them; the others (`s`) are computed in each block, are tiles. Then
 * separate.h says whether the folds are one sweep. If so, the scan stands where the last of them
 * stood, and what follows from it after it. */
#include "opt/stream.h"

typedef struct {
    int statement;       /* where it stands in its block */
    const at_expr *fold; /* as written */
    at_array *target;
} part;

/* A class, and its sweep. */
typedef struct {
    int component;
    const char *why; /* not NULL: it stays as it is */
    at_span where;
    int first, last; /* statements of its block */
    int part_count, part_capacity;
    part *parts;
    const at_axis *along;
    bool *follows;   /* by array id of `from`: follows from the folds' values */
    at_axis *blocks;
    int tile_count, tile_capacity;
    at_sweep_tile *tiles;
    at_sweep_given given;
    at_sweep *sweep;
    bool done;
} class;

typedef struct {
    at_session *s;
    const at_cascade *from;
    at_draft *draft;
    const at_lengths *lengths;
    at_homes *homes;
    int64_t block;
    bool all; /* and not only where one fold needs another's value */
    const bool *only; /* by array id: whose folds get equations of their own; NULL: all */
    int apart_count, apart_capacity;
    int *apart_of; /* of arrays that were added for folds, in their order: whose these were */
    bool *swept;   /* by array id: the value of a fold that is in a sweep */
    at_sweep_report *report;
    int next_home, known;
    at_home *here;
    const at_block *of; /* the block at hand */
    const at_statement **by; /* by array id: the equation of a pair array that may be a tile */
    int *component;          /* by array id: parents */
    bool *next;              /* by array id: leaves a round */
    const at_expr **inner;   /* by array id: what stands for the array in a class */
    int class_count, class_capacity;
    class **classes;
    /* While an expression is looked at: */
    class *at;
    int statement;
    bool lazy, good, found;
    const at_expr *guard;
    const at_array *tile;
} streaming;

/* ---- pair arrays ------------------------------------------------------------------------------- */

static bool look_for_long_fold(void *user, const at_expr *e) {
    streaming *w = user;
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++)
        w->good &= !at_is_long(w->lengths, e->u.fold.axes[i]);
    return w->good;
}

static bool is_of_region(const at_home *home, const at_axis *axis) {
    for (; home->outer; home = home->outer) {
        if (home->region->tag == AT_REPEAT && home->region->u.repeat.round == axis) return true;
        for (int i = 0; home->region->tag == AT_SCAN && i < home->region->u.scan.count; i++)
            if (home->region->u.scan.axes[i] == axis) return true;
    }
    return false;
}

static bool refuse_read(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag == AT_READ && (e->u.read.alternative || w->homes->of_array[e->u.read.array->id] != w->here))
        w->by[e->u.read.array->id] = NULL;
    return true;
}

static bool refuse(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag == AT_READ) w->by[e->u.read.array->id] = NULL;
    return true;
}

static void find_arrays(streaming *w, const at_block *block, at_home *home) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (st->tag == AT_SCAN || st->tag == AT_REPEAT)
            find_arrays(w, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body,
                        w->homes->blocks[w->next_home++]);
        if (st->tag != AT_EQUATION || st->target->role != AT_DEFINED) continue;
        at_axis **axes = AT_NEW_ARRAY(w->s->arena, at_axis *, st->target->rank);
        int count = 0;
        for (int k = 0; k < st->target->rank; k++)
            if (!is_of_region(home, st->target->axes[k])) axes[count++] = st->target->axes[k];
        if (!at_has_pair(w->lengths, axes, count)) continue;
        w->good = true;
        at_walk(st->u.value, look_for_long_fold, w);
        if (w->good) w->by[st->target->id] = st;
    }
}

static void refuse_others(streaming *w, const at_block *block, at_home *home) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        w->here = home;
        if (st->tag == AT_REPEAT) at_walk(st->u.repeat.condition, refuse, w);
        for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++) {
            w->by[st->u.repeat.carried[k].before->id] = NULL;
            w->by[st->u.repeat.carried[k].next->id] = NULL;
            w->next[st->u.repeat.carried[k].before->id] = true;
            w->next[st->u.repeat.carried[k].next->id] = true;
        }
        if (st->tag == AT_SCAN || st->tag == AT_REPEAT)
            refuse_others(w, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body,
                          w->homes->blocks[w->next_home++]);
        else
            at_walk_statement(st, st->tag == AT_EQUATION ? refuse_read : refuse, w);
    }
}

static int component_of(const streaming *w, int array) {
    while (w->component[array] != array) array = w->component[array];
    return array;
}

static bool join(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag == AT_READ && w->by[e->u.read.array->id])
        w->component[component_of(w, e->u.read.array->id)] = component_of(w, w->statement);
    return true;
}

static bool binds_long(const streaming *w, const at_expr *e) {
    for (int i = 0; i < e->u.fold.count; i++)
        if (at_is_long(w->lengths, e->u.fold.axes[i])) return true;
    return false;
}

static bool join_first(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag == AT_READ && w->by[e->u.read.array->id] && w->statement < 0)
        w->statement = e->u.read.array->id;
    return join(user, e);
}

/* What one fold reads is of one class. */
static bool join_fold(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag != AT_FOLD_NODE || !binds_long(w, e)) return true;
    w->statement = -1;
    at_walk(e, join_first, w);
    return true;
}

static bool join_folds(void *user, const at_statement *st) {
    at_walk_statement(st, join_fold, user);
    return true;
}

static void join_all(streaming *w) {
    at_walk_block(&w->from->body, join_folds, w);
    for (int i = 0; i < w->known; i++) {
        if (!w->by[i]) continue;
        w->statement = i;
        at_walk(w->by[i]->u.value, join, w);
    }
}

/* ---- classes ----------------------------------------------------------------------------------- */

static class *class_of(streaming *w, const at_array *array) {
    int component = component_of(w, array->id);
    for (int i = 0; i < w->class_count; i++)
        if (w->classes[i]->component == component) return w->classes[i];
    class *own = AT_NEW(w->s->arena, class);
    *own = (class){.component = component, .first = w->statement};
    AT_PUSH(w->s->arena, w->classes, w->class_count, w->class_capacity, own);
    return own;
}

static void give_up(class *c, at_span where, const char *why) {
    if (c->why) return;
    c->why = why;
    c->where = where;
}

static bool look_for_pair(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag != AT_READ || !w->by[e->u.read.array->id]) return true;
    w->at = class_of(w, e->u.read.array);
    return false;
}

static bool look_for_any_pair(void *user, const at_expr *e) {
    streaming *w = user;
    w->found |= e->tag == AT_READ && e->u.read.array->id < w->known && w->by[e->u.read.array->id];
    return !w->found;
}

/* A fold that reads pair arrays is a part of their class; what reads them otherwise spoils it. */
static bool look_for_parts(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag == AT_READ && w->by[e->u.read.array->id])
        give_up(class_of(w, e->u.read.array), e->span, "it is read outside of a sum over a long axis");
    if (e->tag != AT_FOLD_NODE || !binds_long(w, e)) return true;
    w->at = NULL;
    at_walk(e, look_for_pair, w);
    if (!w->at) return true;
    if (e != w->of->items[w->statement]->u.value)
        give_up(w->at, e->span, "it stands in a sum over another long axis");
    AT_PUSH(w->s->arena, w->at->parts, w->at->part_count, w->at->part_capacity,
            ((part){w->statement, e, w->of->items[w->statement]->target}));
    w->at->last = w->statement;
    return false;
}

static void find_classes(streaming *w, const at_block *block) {
    w->class_count = 0;
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        w->statement = i;
        if (st->tag != AT_EQUATION || w->by[st->target->id]) continue;
        at_walk(st->u.value, look_for_parts, w);
    }
}

/* All parts go over the same axes; blocks go along the first long one. */
static void find_along(streaming *w, class *c) {
    const at_expr *first = c->parts[0].fold;
    for (int i = 0; i < first->u.fold.count && !c->along; i++)
        if (at_is_long(w->lengths, first->u.fold.axes[i])) c->along = first->u.fold.axes[i];
    for (int k = 0; k < c->part_count; k++) {
        const at_expr *fold = c->parts[k].fold;
        bool same = fold->u.fold.count == first->u.fold.count;
        for (int i = 0; same && i < first->u.fold.count; i++)
            same = fold->u.fold.axes[i] == first->u.fold.axes[i];
        if (!same) give_up(c, fold->span, "not all of its sums go over the same axes");
        bool ordered = fold->u.fold.fold == AT_FOLD_ARGMAX || fold->u.fold.fold == AT_FOLD_ARGMIN;
        if (ordered && fold->u.fold.count > 1)
            give_up(c, fold->span, "the order of its elements is that of two axes");
    }
}

/* ---- what follows from what ---------------------------------------------------------------------- */

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

static bool follows(const bool *marks, const at_statement *st) {
    following f = {marks, false};
    at_walk_statement(st, look_for_following, &f);
    if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, follows_inside, &f);
    if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, follows_inside, &f);
    return f.found;
}

static bool mark(void *user, const at_statement *st) {
    bool *marks = user;
    if (st->target && st->tag != AT_NEXT) marks[st->target->id] = true;
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        marks[st->u.keeping.parts[i].target->id] = true;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        marks[st->u.repeat.carried[i].inside->id] = true;
        marks[st->u.repeat.carried[i].after->id] = true;
    }
    return true;
}

static void mark_all(bool *marks, const at_statement *st) {
    mark(marks, st);
    if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, mark, marks);
    if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, mark, marks);
}

static bool has_part(const class *c, int statement) {
    for (int k = 0; k < c->part_count; k++)
        if (c->parts[k].statement == statement) return true;
    return false;
}

static void find_following(streaming *w, class *c) {
    c->follows = AT_NEW_ARRAY(w->s->arena, bool, w->known);
    for (int i = c->first; i < w->of->count; i++)
        if (has_part(c, i) || follows(c->follows, w->of->items[i]))
            mark_all(c->follows, w->of->items[i]);
}

/* ---- folds over tiles ------------------------------------------------------------------------------ */

static const at_expr *over_tiles(void *user, const at_expr *e);

/* At the column at hand, as what is computed of a block can be. */
static bool is_read_along(const class *c, const at_expr *e) {
    for (int i = 0; i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        if (e->u.read.array->axes[i] == c->along)
            return index->tag == AT_INDEX && index->u.axis == c->along;
    }
    return false;
}

/* Nodes of a row value written out over tiles: a chain whose links read the one before twice doubles
 * with each. */
enum { MOST_NODES = 2000 };

/* Any value, where it does not matter which. */
static const at_expr *nothing(streaming *w, const at_array *of) {
    if (of->kind == AT_REAL) return at_real(w->s, 0, of->span);
    return of->kind == AT_INT ? at_int(w->s, 0, of->span) : at_bool(w->s, false, of->span);
}

/* What stands for a pair array of the class: a read of its tile, or its own value over tiles. */
static const at_expr *stands_for(streaming *w, const at_array *array) {
    if (w->inner[array->id]) return w->inner[array->id];
    class *c = w->at;
    const at_expr *value = at_rewrite(w->s, w->by[array->id]->u.value, over_tiles, w);
    if (value->weight > MOST_NODES) {
        give_up(c, array->span, "its rows depend on each other in a chain that is too long");
        return w->inner[array->id] = nothing(w, array);
    }
    if (!c->follows[array->id] && !at_is_cheap(value)) {
        at_axis **axes = AT_NEW_ARRAY(w->s->arena, at_axis *, array->rank + 1);
        int scans = at_draft_scan_axes(w->draft, NULL), rank = 0;
        for (int i = 0; i < scans; i++) axes[rank++] = array->axes[i];
        axes[rank++] = c->blocks;
        /* Columns last, whichever side the array itself has there: products are made of whole columns. */
        for (int i = scans; i < array->rank; i++)
            if (array->axes[i] != c->along) axes[rank++] = array->axes[i];
        for (int i = scans; i < array->rank; i++)
            if (array->axes[i] == c->along) axes[rank++] = array->axes[i];
        at_array *tile = at_draft_array(w->draft, array->name, array->path, array->kind, axes, rank,
                                        array->span);
        tile->cotangent = array->cotangent;
        at_sweep_tile own = {array, value, tile};
        AT_PUSH(w->s->arena, c->tiles, c->tile_count, c->tile_capacity, own);
        value = at_read_whole(w->s, tile, array->span);
    }
    return w->inner[array->id] = value;
}

static const at_expr *over_tiles(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag != AT_READ || e->u.read.array->id >= w->known || !w->by[e->u.read.array->id]) return e;
    const at_array *array = e->u.read.array;
    if (!w->at->follows[array->id] && !is_read_along(w->at, e))
        give_up(w->at, e->span, "it is read at another place than its own");
    return at_substitute(w->s, stands_for(w, array), (const at_axis **)array->axes, e->u.read.index,
                         array->rank, at_draft_axis, w->draft);
}

/* ---- what may fail ----------------------------------------------------------------------------------- */

static bool may_fail_here(const streaming *w, const at_expr *e) {
    if (e->tag == AT_MAP && e->kind == AT_INT) {
        at_op op = e->u.map.op;
        const at_expr *by = at_op_info(op)->arity > 1 ? e->u.map.args[1] : NULL;
        bool sure = by && by->tag == AT_CONST && by->u.integer > 0;
        return op == AT_OP_IPOW || ((op == AT_OP_IDIV || op == AT_OP_MOD) && !sure);
    }
    for (int i = 0; e->tag == AT_READ && i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        const at_axis *axis = e->u.read.array->axes[i];
        if (index->tag == AT_INDEX && at_same_extent(index->u.axis, axis)) continue;
        if (e->u.read.alternative && (index->tag != AT_INDEX || index->u.axis->declared)) continue;
        if (at_between(w->s, w->from, at_int(w->s, 0, e->span), index, at_size_of(w->s, axis, e->span)))
            return true;
    }
    return false;
}

static bool look_for_failure(void *user, const at_expr *e) {
    streaming *w = user;
    w->found |= may_fail_here(w, e);
    return !w->found;
}

static bool may_fail(streaming *w, const at_expr *e) {
    w->found = false;
    at_walk(e, look_for_failure, w);
    return w->found;
}

/* Whether something that may fail is asked for under a condition only. `asked` in `found`: the tile
 * is, without one. */
static void look_lazily(streaming *w, const at_expr *e, bool lazy) {
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
    streaming *w = user;
    w->found |= e->tag == AT_READ && e->u.read.array == w->tile;
    return !w->found;
}

static bool reads_tile(streaming *w, const at_expr *e) {
    w->found = false;
    at_walk(e, look_for_tile, w);
    return w->found;
}

/* What may fail must be asked for by the first fold wherever later ones do: a sweep asks at once. */
static bool is_asked_first(streaming *w, const class *c, const at_sweep_tile *tile) {
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

static void check_failures(streaming *w, class *c) {
    w->good = true;
    w->tile = NULL;
    for (int f = 0; f < c->given.fold_count; f++) {
        look_lazily(w, c->given.folds[f].fold->u.fold.body, false);
        look_lazily(w, c->given.folds[f].fold->u.fold.guard, true);
    }
    for (int i = 0; i < c->tile_count && w->good; i++)
        if (may_fail(w, c->tiles[i].value)) w->good = is_asked_first(w, c, &c->tiles[i]);
    if (!w->good)
        give_up(c, c->parts[0].fold->span, "an element that may have no value is asked for only "
                                           "under conditions that a sweep learns too late");
}

/* ---- sweeps -------------------------------------------------------------------------------------------- */

static void find_rows(streaming *w, class *c) {
    at_sweep_row *rows = AT_NEW_ARRAY(w->s->arena, at_sweep_row, w->of->count);
    int count = 0;
    for (int i = c->first; i < c->last; i++) {
        const at_statement *st = w->of->items[i];
        if (!follows(c->follows, st) || has_part(c, i)) continue;
        if (st->tag != AT_EQUATION || w->by[st->target->id]) continue;
        rows[count++] = (at_sweep_row){st->target, st->u.value};
    }
    c->given.rows = rows;
    c->given.row_count = count;
}

/* Follows from the folds, and is no row: the next layer's keys, say. */
static bool look_for_other(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag != AT_READ || e->u.read.array->id >= w->known || !w->at->follows[e->u.read.array->id])
        return w->good;
    bool known = false;
    for (int i = 0; i < w->at->given.row_count; i++)
        known |= w->at->given.rows[i].target == e->u.read.array;
    for (int i = 0; i < w->at->given.fold_count; i++)
        known |= w->at->given.folds[i].target == e->u.read.array;
    w->good &= known;
    return w->good;
}

static void make_sweep(streaming *w, class *c) {
    at_session *s = w->s;
    w->at = c;
    find_along(w, c);
    if (c->why) return;
    find_following(w, c);
    bool needs = false;
    for (int k = 0; k < c->part_count; k++)
        needs |= follows(c->follows, w->of->items[c->parts[k].statement]);
    if (!needs && !w->all) {
        c->part_count = 0; /* stays, and there is nothing to be told */
        return;
    }
    const at_expr *size = at_size_of(s, c->along, c->along->span);
    const at_expr *more = at_map_node(s, AT_OP_ADD, size, at_int(s, w->block - 1, size->span), NULL,
                                      size->span);
    c->blocks = at_draft_extent(w->draft, at_format(s->arena, "%s_block", c->along->name),
                                at_map_node(s, AT_OP_IDIV, more, at_int(s, w->block, size->span), NULL,
                                            size->span));
    at_sweep_fold *folds = AT_NEW_ARRAY(s->arena, at_sweep_fold, c->part_count);
    for (int k = 0; k < c->part_count; k++)
        folds[k] = (at_sweep_fold){c->parts[k].target,
                                   at_rewrite(s, c->parts[k].fold, over_tiles, w)};
    c->given.folds = folds;
    c->given.fold_count = c->part_count;
    find_rows(w, c);
    at_sweep_row *tiles = AT_NEW_ARRAY(s->arena, at_sweep_row, c->tile_count);
    for (int k = 0; k < c->tile_count; k++) tiles[k] = (at_sweep_row){c->tiles[k].tile, c->tiles[k].value};
    c->given.known = tiles;
    c->given.known_count = c->tile_count;
    c->given.cascade = w->from;
    w->good = true;
    for (int k = 0; k < c->part_count; k++) at_walk(folds[k].fold, look_for_other, w);
    if (!w->good) give_up(c, c->parts[0].fold->span, "a later sum needs the results of other rows");
    if (!c->why) check_failures(w, c);
    if (c->why) return;
    c->sweep = at_sweep_of(s, &c->given);
    if (c->sweep->why) give_up(c, c->sweep->where, c->sweep->why);
}

/* ---- statements in a possible order ---------------------------------------------------------------------- */

typedef struct {
    streaming *w;
    bool *ready; /* by array id: written, or not of this block */
    int *by;     /* by array id: the statement that writes it */
    int at;      /* of the statement at hand; what comes after it in a scan is read at other steps */
    bool *out;   /* by statement: it is in the draft */
    const bool *leaves_round;
    bool found;
} ordering;

static bool look_for_unready(void *user, const at_expr *e) {
    ordering *o = user;
    if (e->tag == AT_READ && e->u.read.array->id < o->w->known)
        o->found |= !o->ready[e->u.read.array->id] && o->by[e->u.read.array->id] < o->at;
    return !o->found;
}

static bool look_inside(void *user, const at_statement *st) {
    at_walk_statement(st, look_for_unready, user);
    return true;
}

static bool set_ready(void *user, const at_statement *st) {
    ordering *o = user;
    if (st->target && st->tag != AT_NEXT) o->ready[st->target->id] = true;
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        o->ready[st->u.keeping.parts[i].target->id] = true;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        o->ready[st->u.repeat.carried[i].inside->id] = o->ready[st->u.repeat.carried[i].after->id] = true;
    return true;
}

static void set_all_ready(ordering *o, const at_statement *st) {
    set_ready(o, st);
    if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, set_ready, o);
    if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, set_ready, o);
}

static void unset(ordering *o, const at_array *array) {
    o->ready[array->id] = false;
    o->by[array->id] = o->at;
}

static bool unset_ready(void *user, const at_statement *st) {
    ordering *o = user;
    if (st->target && st->tag != AT_NEXT) unset(o, st->target);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        unset(o, st->u.keeping.parts[i].target);
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        unset(o, st->u.repeat.carried[i].after);
    return true;
}

/* What the statements in front of it leave to do: a copy that a repeat carries on is written when all
 * before it is done, as what it takes the place of may be read there. */
static bool is_ready(ordering *o, int i) {
    const at_statement *st = o->w->of->items[i];
    o->found = false;
    o->at = i;
    if (st->tag == AT_REPEAT)
        for (int k = 0; k < st->u.repeat.carried_count; k++)
            o->found |= !o->ready[st->u.repeat.carried[k].before->id];
    at_walk_statement(st, look_for_unready, o);
    if (st->tag == AT_REPEAT || st->tag == AT_SCAN) {
        /* What it writes itself is no matter. */
        bool *ready = at_copy(o->w->s->arena, o->ready, sizeof *ready * (size_t)o->w->known), *old = o->ready;
        o->ready = ready;
        set_all_ready(o, st);
        at_walk_block(st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body, look_inside, o);
        o->ready = old;
    }
    bool fence = st->tag == AT_NEXT || st->tag == AT_REPEAT ||
                 (st->target && o->leaves_round[st->target->id]);
    for (int k = 0; fence && k < i; k++) o->found |= !o->out[k];
    return !o->found;
}

static bool is_part_of_class(const streaming *w, int i) {
    const at_statement *st = w->of->items[i];
    if (st->tag == AT_EQUATION && w->by[st->target->id]) {
        for (int k = 0; k < w->class_count; k++)
            if (!w->classes[k]->why && w->classes[k]->part_count &&
                w->classes[k]->component == component_of(w, st->target->id))
                return true;
        return false;
    }
    for (int k = 0; k < w->class_count; k++)
        if (!w->classes[k]->why && has_part(w->classes[k], i)) return true;
    return false;
}

static bool is_class_ready(ordering *o, const class *c) {
    bool *ready = at_copy(o->w->s->arena, o->ready, sizeof *ready * (size_t)o->w->known), *old = o->ready;
    o->found = false;
    o->at = c->last;
    for (int i = 0; i < o->w->known; i++) ready[i] |= c->follows[i];
    o->ready = ready;
    for (int k = 0; k < c->tile_count; k++) at_walk(c->tiles[k].value, look_for_unready, o);
    for (int k = 0; k < c->given.fold_count; k++) at_walk(c->given.folds[k].fold, look_for_unready, o);
    for (int i = c->first; i < c->last; i++) {
        const at_statement *st = o->w->of->items[i];
        if (o->out[i] || !follows(c->follows, st) || is_part_of_class(o->w, i)) continue;
        at_walk_statement(st, look_for_unready, o);
        if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, look_inside, o);
        if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, look_inside, o);
    }
    o->ready = old;
    return !o->found;
}

/* ---- what becomes of a block ------------------------------------------------------------------------------ */

static void stream_block(streaming *w, const at_block *block);

static void add_statement(ordering *o, int i) {
    streaming *w = o->w;
    at_statement *st = w->of->items[i];
    o->out[i] = true;
    set_all_ready(o, st);
    if (st->tag != AT_SCAN && st->tag != AT_REPEAT) {
        at_draft_add(w->draft, st);
        return;
    }
    at_statement *out = at_copy(w->s->arena, st, sizeof *st);
    at_draft_region region;
    at_draft_open(w->draft, &region);
    region.statement = out;
    streaming inner = *w;
    stream_block(&inner, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body);
    at_block body = at_draft_close(w->draft, &region);
    if (st->tag == AT_SCAN) out->u.scan.body = body;
    else out->u.repeat.body = body;
    at_draft_add(w->draft, out);
}

/* Values of the folds; rows between them are ready when they are. */
static void add_values(ordering *o, class *c, const at_expr *const *last) {
    streaming *w = o->w;
    for (int k = 0; k < c->part_count; k++) {
        for (int i = 0; i < c->parts[k].statement; i++)
            if (!o->out[i] && !is_part_of_class(w, i) && is_ready(o, i)) add_statement(o, i);
        at_draft_equation(w->draft, c->parts[k].target, at_sweep_value(w->s, c->sweep, k, last),
                          c->parts[k].fold->span);
        o->out[c->parts[k].statement] = true;
        o->ready[c->parts[k].target->id] = true;
    }
}

static void add_class(ordering *o, class *c) {
    streaming *w = o->w;
    at_sweeping made = {.s = w->s, .draft = w->draft, .block = w->block, .blocks = c->blocks,
                         .along = c->along, .tile_count = c->tile_count, .tiles = c->tiles,
                         .owner = c->parts[c->part_count - 1].target, .given = &c->given,
                         .sweep = c->sweep};
    const at_expr **last = at_sweep_scan(&made);
    c->done = true;
    for (int i = 0; i < w->of->count; i++) {
        const at_statement *st = w->of->items[i];
        if (st->tag == AT_EQUATION && w->by[st->target->id] &&
            component_of(w, st->target->id) == c->component)
            o->out[i] = true;
    }
    add_values(o, c, last);
    for (int k = 0; k < c->part_count; k++) w->swept[c->parts[k].target->id] = true;
    w->report->scans++;
}

/* Everything that is ready, in the order of the text as far as it may be; false: something is left. */
static bool add_ready(ordering *o, int up_to, bool really) {
    streaming *w = o->w;
    for (bool again = true; again;) {
        again = false;
        for (int k = 0; k < w->class_count; k++) {
            class *c = w->classes[k];
            if (c->why || c->done || !c->part_count || c->last > up_to || !is_class_ready(o, c)) continue;
            if (really) {
                add_class(o, c);
            } else {
                c->done = true;
                for (int i = 0; i < w->of->count; i++)
                    if (has_part(c, i) || (w->of->items[i]->tag == AT_EQUATION &&
                                           w->by[w->of->items[i]->target->id] &&
                                           component_of(w, w->of->items[i]->target->id) == c->component)) {
                        o->out[i] = true;
                        set_all_ready(o, w->of->items[i]);
                    }
            }
            again = true;
        }
        for (int i = 0; i <= up_to; i++) {
            if (o->out[i] || is_part_of_class(w, i) || !is_ready(o, i)) continue;
            if (really) add_statement(o, i);
            o->out[i] = true;
            set_all_ready(o, w->of->items[i]);
            again = true;
        }
    }
    for (int i = 0; i <= up_to; i++)
        if (!o->out[i]) return false;
    return true;
}

static ordering begin(streaming *w) {
    ordering o = {.w = w, .leaves_round = w->next};
    o.ready = AT_NEW_ARRAY(w->s->arena, bool, w->known);
    o.out = AT_NEW_ARRAY(w->s->arena, bool, w->of->count);
    for (int i = 0; i < w->known; i++) o.ready[i] = true;
    o.by = AT_NEW_ARRAY(w->s->arena, int, w->known);
    for (o.at = 0; o.at < w->of->count; o.at++) unset_ready(&o, w->of->items[o.at]);
    for (int k = 0; k < w->class_count; k++) w->classes[k]->done = false;
    return o;
}

static void note_refusals(streaming *w) {
    for (int k = 0; k < w->class_count; k++) {
        const class *c = w->classes[k];
        if (!c->why || !c->part_count) continue;
        at_sweep_refusal r = {w->of->items[c->parts[0].statement]->target, c->where, c->why};
        AT_PUSH(w->s->arena, w->report->refusals, w->report->count, w->report->capacity, r);
    }
}

static void tell_refusals(at_session *s, const at_sweep_report *report) {
    for (int i = 0; i < report->count; i++) {
        const at_sweep_refusal *r = &report->refusals[i];
        at_reason_array(s, AT_REASON_FUSE, r->of, r->where.source ? r->where : r->of->span,
                        "is not computed in one sweep: %s", r->why);
    }
}

static void stream_block(streaming *w, const at_block *block) {
    w->of = block;
    w->classes = NULL;
    w->class_count = w->class_capacity = 0;
    find_classes(w, block);
    for (int k = 0; k < w->class_count; k++)
        if (w->classes[k]->part_count && !w->classes[k]->why) make_sweep(w, w->classes[k]);
    /* Two sweeps that wait for each other: one of them stays as it is. */
    for (;;) {
        ordering trial = begin(w);
        if (add_ready(&trial, block->count - 1, false)) break;
        int k = w->class_count - 1;
        while (k >= 0 && (w->classes[k]->why || w->classes[k]->done || !w->classes[k]->part_count)) k--;
        for (int n = w->class_count - 1; k < 0 && n >= 0; n--)
            if (!w->classes[n]->why && w->classes[n]->part_count) k = n;
        AT_ASSERT(w->s, k >= 0);
        give_up(w->classes[k], w->classes[k]->parts[0].fold->span,
                "its sums and those of other pairs wait for each other");
    }
    note_refusals(w);
    ordering o = begin(w);
    for (int i = 0; i < block->count; i++) add_ready(&o, i, true);
}

/* ---- folds with equations of their own ---------------------------------------------------------------------- */

static const at_expr *apart(void *user, const at_expr *e) {
    streaming *w = user;
    if (e->tag != AT_FOLD_NODE || !binds_long(w, e) || e == w->of->items[w->statement]->u.value) return e;
    if (w->only && !w->only[w->of->items[w->statement]->target->id]) return e;
    w->found = false;
    at_walk(e, look_for_any_pair, w);
    if (!w->found) return e;
    const at_array *of = w->of->items[w->statement]->target;
    at_axis **axes;
    int rank = at_draft_free_axes(w->draft, e, of, &axes);
    AT_PUSH(w->s->arena, w->apart_of, w->apart_count, w->apart_capacity, of->id);
    return at_draft_define(w->draft, of, at_fold_info(e->u.fold.fold)->text, axes, rank, e);
}

static const at_expr *all_apart(void *user, const at_expr *e) {
    streaming *w = user;
    return at_rewrite(w->s, e, apart, w);
}

static void plain(void *user, const at_statement *st) {
    streaming *w = user;
    at_block own = {1, (at_statement **)&st};
    w->of = &own;
    w->statement = 0;
    if (st->tag != AT_EQUATION || w->by[st->target->id]) at_draft_add(w->draft, (at_statement *)st);
    else at_draft_add(w->draft, at_statement_changed(w->s, st, all_apart, w));
}

static streaming *begin_with(at_session *s, const at_cascade *from) {
    streaming *w = AT_NEW(s->arena, streaming);
    *w = (streaming){.s = s, .from = from, .draft = at_draft_new(s, from),
                     .lengths = at_lengths_of(s, from), .homes = at_homes_of(s, from),
                     .known = from->array_count};
    w->by = AT_NEW_ARRAY(s->arena, const at_statement *, w->known);
    w->component = AT_NEW_ARRAY(s->arena, int, w->known);
    w->next = AT_NEW_ARRAY(s->arena, bool, w->known);
    w->inner = AT_NEW_ARRAY(s->arena, const at_expr *, w->known);
    for (int i = 0; i < w->known; i++) w->component[i] = i;
    w->next_home = 1;
    find_arrays(w, &from->body, w->homes->blocks[0]);
    for (int i = 0; i < from->output_count; i++) w->by[from->outputs[i].array->id] = NULL;
    w->next_home = 1;
    refuse_others(w, &from->body, w->homes->blocks[0]);
    join_all(w);
    return w;
}

/* One attempt: with equations of their own for folds of `only` (by array id; NULL: of all), of which
 * those that need none go to `needless`. */
static const at_cascade *attempt(at_session *s, const at_cascade *from, int64_t block, bool all,
                                 const bool *only, at_sweep_report *report, bool *needed,
                                 bool *needless) {
    streaming *first = begin_with(s, from);
    first->only = only;
    at_block_walk walk = {.draft = first->draft, .user = first, .plain = plain};
    at_draft_block(&walk, &from->body);
    streaming *w = begin_with(s, first->draft->out);
    w->block = block;
    w->report = report;
    w->all = all;
    w->swept = AT_NEW_ARRAY(s->arena, bool, w->known);
    stream_block(w, &w->from->body);
    for (int i = 0; i < first->apart_count; i++) {
        bool swept = w->swept[from->array_count + i];
        needed[first->apart_of[i]] |= swept;
        *needless |= !swept;
    }
    return at_needed_only(s, w->draft->out);
}

const at_cascade *at_sweep_cascade(at_session *s, const at_cascade *from, int64_t block, bool all,
                                   at_sweep_report *report) {
    bool *needed = AT_NEW_ARRAY(s->arena, bool, from->array_count), needless = false;
    at_sweep_report trial = {0};
    const at_cascade *made = attempt(s, from, block, all, NULL, &trial, needed, &needless);
    bool *still = AT_NEW_ARRAY(s->arena, bool, from->array_count);
    if (trial.scans > 0 && needless) {
        at_sweep_report second = {0};
        made = attempt(s, from, block, all, needed, &second, still, &needless);
        trial.scans = second.scans;
    }
    tell_refusals(s, &trial);
    if (report) *report = trial;
    return trial.scans > 0 ? made : from;
}
