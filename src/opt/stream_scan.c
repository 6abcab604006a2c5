/* The scan over blocks of columns that takes a sweep: its tiles, and the running values one after
 * the other. What several running values ask of a column, as `exp(s[i,j] - from[i])`, is a tile
 * too. */
#include "opt/stream.h"

typedef struct {
    const at_sweeping *w;
    int count, capacity;
    struct {
        const at_expr *e;
        const at_expr *read;
    } *parts; /* of bodies, that have tiles of their own */
    const at_expr *fold;
} making;

/* ---- parts of bodies ------------------------------------------------------------------------- */

typedef struct {
    const at_expr *fold;
    bool found;
} work_search;

static bool mentions_bound(const at_expr *fold, const at_expr *e) {
    for (int i = 0; i < fold->u.fold.count; i++)
        if (at_mentions(e, fold->u.fold.axes[i])) return true;
    return false;
}

static bool look_for_function(void *user, const at_expr *e) {
    work_search *w = user;
    if (e->tag == AT_MAP)
        switch (e->u.map.op) {
        case AT_OP_EXP:
        case AT_OP_LOG:
        case AT_OP_POW:
        case AT_OP_SQRT:
        case AT_OP_TANH:
        case AT_OP_SIGMOID:
        case AT_OP_SIN:
        case AT_OP_COS:
        case AT_OP_ERF: w->found |= mentions_bound(w->fold, e); break;
        default: break;
        }
    return !w->found && e->tag != AT_FOLD_NODE;
}

/* Whether it has a function of a column in it. */
static bool is_work(const at_expr *fold, const at_expr *e) {
    work_search w = {fold, false};
    at_walk(e, look_for_function, &w);
    return w.found;
}

static const at_expr *tiled(making *m, const at_expr *e) {
    const at_sweeping *w = m->w;
    if (!is_work(m->fold, e)) return e;
    at_op op = e->tag == AT_MAP ? e->u.map.op : AT_OP_EXP;
    if (op == AT_OP_MUL || op == AT_OP_ADD || op == AT_OP_SUB) {
        const at_expr *a = tiled(m, e->u.map.args[0]), *b = tiled(m, e->u.map.args[1]);
        return at_map_node(w->s, op, a, b, NULL, e->span);
    }
    for (int i = 0; i < m->count; i++)
        if (at_same(m->parts[i].e, e)) return m->parts[i].read;
    at_axis **axes;
    int rank = at_draft_free_axes(w->draft, e, w->tile_count ? w->tiles[0].tile : NULL, &axes);
    at_array *array = at_draft_array(w->draft, at_format(w->s->arena, "%s.part", w->owner->name),
                                     w->owner->path, e->kind, axes, rank, e->span);
    at_draft_equation(w->draft, array, e, e->span);
    const at_expr *read = at_read_whole(w->s, array, e->span);
    AT_PUSH(w->s->arena, m->parts, m->count, m->capacity, ((__typeof__(*m->parts)){e, read}));
    return read;
}

static const at_expr *with_tiles(void *user, const at_expr *e) {
    making *m = user;
    if (e->tag != AT_FOLD_NODE || !mentions_bound(e, e->u.fold.body)) return e;
    bool along = false;
    for (int i = 0; i < e->u.fold.count; i++) along |= e->u.fold.axes[i] == m->w->along;
    if (!along) return e;
    m->fold = e;
    const at_expr *body = tiled(m, e->u.fold.body);
    if (body == e->u.fold.body) return e;
    return at_fold_node(m->w->s, e->u.fold.fold, e->u.fold.axes, e->u.fold.count, e->u.fold.guard,
                        body, e->span);
}

/* ---- running values -------------------------------------------------------------------------- */

/* `array` at this index of the blocks, which stand after the scans around. */
static const at_expr *read_at(const at_sweeping *w, const at_array *array, const at_expr *block,
                              const at_expr *alternative) {
    const at_expr **index = AT_NEW_ARRAY(w->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++)
        index[i] =
            array->axes[i] == w->blocks ? block : at_index(w->s, array->axes[i], block->span);
    return at_read(w->s, array, index, alternative, block->span);
}

static const at_expr *less_one(const at_sweeping *w, const at_expr *e) {
    return at_map_node(w->s, AT_OP_SUB, e, at_int(w->s, 1, e->span), NULL, e->span);
}

static void add_tile(const at_sweeping *w, const at_sweep_tile *tile) {
    at_draft_equation(w->draft, tile->tile, tile->value, tile->of->span);
}

const at_expr **at_sweep_scan(const at_sweeping *w) {
    at_session *s = w->s;
    int count = w->sweep->count;
    at_span span = w->owner->span;
    at_statement *scan = AT_NEW(s->arena, at_statement);
    scan->tag = AT_SCAN;
    scan->span = span;
    scan->u.scan.count = 1;
    scan->u.scan.axes = at_copy(s->arena, &w->blocks, sizeof w->blocks);
    scan->u.scan.down = AT_NEW(s->arena, bool);
    at_draft_region region;
    at_draft_open(w->draft, &region);
    region.statement = scan;
    for (int i = 0; i < w->tile_count; i++) add_tile(w, &w->tiles[i]);

    const at_expr *block = at_index(s, w->blocks, span);
    const at_expr *within = at_map_node(s, AT_OP_EQ,
                                        at_map_node(s, AT_OP_IDIV, at_index(s, w->along, span),
                                                    at_int(s, w->block, span), NULL, span),
                                        block, NULL, span);
    const at_expr **before = AT_NEW_ARRAY(s->arena, const at_expr *, count);
    const at_expr **now = AT_NEW_ARRAY(s->arena, const at_expr *, count);
    const at_expr **last = AT_NEW_ARRAY(s->arena, const at_expr *, count);
    at_array **arrays = AT_NEW_ARRAY(s->arena, at_array *, count);
    making m = {.w = w};
    for (int k = 0; k < count; k++) {
        const at_running *running = &w->sweep->running[k];
        at_axis **axes;
        int rank = at_draft_free_axes(w->draft, running->shape, w->owner, &axes);
        arrays[k] =
            at_draft_array(w->draft, at_format(s->arena, "%s.%s", w->owner->name, running->name),
                           w->owner->path, running->kind, axes, rank, span);
        now[k] = read_at(w, arrays[k], block, NULL);
        if (running->neutral)
            before[k] = read_at(w, arrays[k], less_one(w, block), running->neutral);
        const at_expr *value = at_sweep_step(s, w->sweep, k, before, now, within);
        value = at_rewrite(s, value, with_tiles, &m);
        at_draft_equation(w->draft, arrays[k], value, span);
    }
    scan->u.scan.body = at_draft_close(w->draft, &region);
    at_draft_add(w->draft, scan);
    for (int k = 0; k < count; k++) {
        const at_expr *end = less_one(w, at_size(s, w->blocks, span));
        if (w->sweep->running[k].neutral)
            last[k] = read_at(w, arrays[k], end, w->sweep->running[k].neutral);
    }
    return last;
}
