/* A class as one sweep (stream.h): what is computed of each block of columns, its folds over that,
 * the row values between them, and what separate.h says of it all. */
#include "opt/stream_int.h"

/* ---- folds over tiles ------------------------------------------------------------------------ */

static const at_expr *over_tiles(void *user, const at_expr *e);

/* At the column at hand, as what is computed of a block can be. */
static bool is_read_along(const at_sweep_class *c, const at_expr *e) {
    for (int i = 0; i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        if (e->u.read.array->axes[i] == c->along)
            return index->tag == AT_INDEX && index->u.axis == c->along;
    }
    return false;
}

/* Nodes of a row value written out over tiles: a chain whose links read the one before twice
 * doubles with each. */
enum { MOST_NODES = 2000 };

/* Any value, where it does not matter which. */
static const at_expr *nothing(at_streaming *w, const at_array *of) {
    if (of->kind == AT_REAL) return at_real(w->s, 0, of->span);
    return of->kind == AT_INT ? at_int(w->s, 0, of->span) : at_bool(w->s, false, of->span);
}

/* What stands for a pair array of the class: a read of its tile, or its own value over tiles. */
static const at_expr *stands_for(at_streaming *w, const at_array *array) {
    if (w->inner[array->id]) return w->inner[array->id];
    at_sweep_class *c = w->at;
    const at_expr *value = at_rewrite(w->s, w->by[array->id]->u.value, over_tiles, w);
    if (value->weight > MOST_NODES) {
        at_stream_give_up(c, array->span,
                          "its rows depend on each other in a chain that is too long");
        return w->inner[array->id] = nothing(w, array);
    }
    if (!c->follows[array->id] && !at_is_cheap(value)) {
        at_axis **axes = AT_NEW_ARRAY(w->s->arena, at_axis *, array->rank + 1);
        int scans = at_draft_scan_axes(w->draft, NULL), rank = 0;
        for (int i = 0; i < scans; i++) axes[rank++] = array->axes[i];
        axes[rank++] = c->blocks;
        /* Columns last, whichever side the array itself has there: products are made of whole
         * columns. */
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
    at_streaming *w = user;
    if (e->tag != AT_READ || e->u.read.array->id >= w->known || !w->by[e->u.read.array->id])
        return e;
    const at_array *array = e->u.read.array;
    if (!w->at->follows[array->id] && !is_read_along(w->at, e))
        at_stream_give_up(w->at, e->span, "it is read at another place than its own");
    return at_substitute(w->s, stands_for(w, array), (const at_axis **)array->axes, e->u.read.index,
                         array->rank, at_draft_axis, w->draft);
}

/* ---- sweeps ---------------------------------------------------------------------------------- */

static void find_rows(at_streaming *w, at_sweep_class *c) {
    at_sweep_row *rows = AT_NEW_ARRAY(w->s->arena, at_sweep_row, w->of->count);
    int count = 0;
    for (int i = c->first; i < c->last; i++) {
        const at_statement *st = w->of->items[i];
        if (!at_stream_follows(c->follows, st) || at_stream_has_part(c, i)) continue;
        if (st->tag != AT_EQUATION || w->by[st->target->id]) continue;
        rows[count++] = (at_sweep_row){st->target, st->u.value};
    }
    c->given.rows = rows;
    c->given.row_count = count;
}

/* Follows from the folds, and is no row: the next layer's keys, say. */
static bool look_for_other(void *user, const at_expr *e) {
    at_streaming *w = user;
    if (e->tag != AT_READ || e->u.read.array->id >= w->known ||
        !w->at->follows[e->u.read.array->id])
        return w->good;
    bool known = false;
    for (int i = 0; i < w->at->given.row_count; i++)
        known |= w->at->given.rows[i].target == e->u.read.array;
    for (int i = 0; i < w->at->given.fold_count; i++)
        known |= w->at->given.folds[i].target == e->u.read.array;
    w->good &= known;
    return w->good;
}

/* Whether some sum has an axis of its own of which blocks can be taken: without one a sweep stores
 * what it goes over for all but the blocks of columns, and gains nothing by that. */
static bool has_rows(const at_streaming *w, const at_sweep_class *c) {
    for (int k = 0; k < c->part_count; k++)
        for (int i = 0; i < c->parts[k].target->rank; i++)
            if (at_is_pair(w->lengths, c->parts[k].target->axes[i], c->along)) return true;
    return false;
}

/* Whether some sum needs what another gives. */
static bool needs_another(const at_streaming *w, const at_sweep_class *c) {
    for (int k = 0; k < c->part_count; k++)
        if (at_stream_follows(c->follows, w->of->items[c->parts[k].statement])) return true;
    return false;
}

void at_stream_make_sweep(at_streaming *w, at_sweep_class *c) {
    at_session *s = w->s;
    w->at = c;
    at_stream_find_along(w, c);
    if (c->why) return;
    at_stream_find_following(w, c);
    if (!has_rows(w, c) && !needs_another(w, c)) {
        c->part_count = 0; /* stays, and there is nothing to be told */
        return;
    }
    const at_expr *size = at_size_of(s, c->along, c->along->span);
    const at_expr *more = at_map_node(s, AT_OP_ADD, size, at_int(s, w->block - 1, size->span), NULL,
                                      size->span);
    c->blocks = at_draft_extent(
        w->draft, at_format(s->arena, "%s_block", c->along->name),
        at_map_node(s, AT_OP_IDIV, more, at_int(s, w->block, size->span), NULL, size->span));
    at_sweep_fold *folds = AT_NEW_ARRAY(s->arena, at_sweep_fold, c->part_count);
    for (int k = 0; k < c->part_count; k++)
        folds[k] = (at_sweep_fold){c->parts[k].target,
                                   at_rewrite(s, c->parts[k].fold, over_tiles, w)};
    c->given.folds = folds;
    c->given.fold_count = c->part_count;
    find_rows(w, c);
    at_sweep_row *tiles = AT_NEW_ARRAY(s->arena, at_sweep_row, c->tile_count);
    for (int k = 0; k < c->tile_count; k++)
        tiles[k] = (at_sweep_row){c->tiles[k].tile, c->tiles[k].value};
    c->given.known = tiles;
    c->given.known_count = c->tile_count;
    c->given.cascade = w->from;
    w->good = true;
    for (int k = 0; k < c->part_count; k++) at_walk(folds[k].fold, look_for_other, w);
    if (!w->good)
        at_stream_give_up(c, c->parts[0].fold->span, "a later sum needs the results of other rows");
    if (!c->why) at_stream_check_failures(w, c);
    if (c->why) return;
    c->sweep = at_sweep_of(s, &c->given);
    if (c->sweep->why) at_stream_give_up(c, c->sweep->where, c->sweep->why);
}
