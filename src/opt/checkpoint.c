/* States that a scan the other way needs are kept each so many steps, and computed again in
 * between:
 *
 *     scan t { s[t,…] = f(s[t-1,… | 0], x[t]) }
 *     scan t down { a[t,…] = g(a[t+1,… | 0], y[t]) }
 *     z[t] = sum(a[t,…] * s[t-1,… | 0])
 *
 *  ->  scan block {
 *        scan place {
 *          s[block,place,…] = f(s[block, place-1,… | s.kept[block-1,… | 0]], x[block*64 + place])
 *        }
 *        s.kept[block,…] = s[block, 63,…]
 *      }
 *      scan block down {
 *        scan place { s.again[block,place,…] = f(…) }
 *        scan place down { a[block,place,…] = …, z[block,place] = … }
 *        a.kept[block,…] = a[block, 0,…]
 *      }
 *      z[t] = z[t // 64, t % 64]
 *
 * Of s.again one block is kept, of s.kept one state a block, of s and a one step. All of the
 * first scan is computed twice but for what is small (no large state): that is read from where
 * it is kept for each step.
 *
 * The last block may reach over the end. What would lie there is 0 and is never read: forwards
 * nothing comes behind it, and backwards a read of the step before the first one is the
 * alternative. */
#include "opt/history.h"

enum { STEPS = 64 }; /* a block */

typedef struct {
    at_histories *h;
    at_session *s;
    int scan, back;
    const at_axis *axis, *back_axis; /* of the steps */
    at_axis *block, *place;
    int count;               /* by array id: */
    const at_array **blocks; /* of either scan or what goes into the second: over block and place */
    const at_array **kept;   /* its last step of each block */
    const at_array **again;  /* the same, computed again */
    bool *moves;             /* by statement: goes into the second scan */
    bool *later;             /* by statement: needs something of it */
    const at_axis **steps;   /* by statement: which of its axes is the step */
    bool second, in_again;   /* where an expression is put */
    const at_axis *step;
    at_statement *statement; /* that is put together */
} checkpoints;

/* ---- expressions ----------------------------------------------------------------------------- */

static const at_expr *map(checkpoints *c, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(c->s, op, a, b, NULL, a->span);
}

static const at_expr *here(checkpoints *c, at_span span) {
    const at_expr *first =
        map(c, AT_OP_MUL, at_index(c->s, c->block, span), at_int(c->s, STEPS, span));
    return map(c, AT_OP_ADD, first, at_index(c->s, c->place, span));
}

static const at_expr *none_of(checkpoints *c, at_kind kind, at_span span) {
    return kind == AT_REAL  ? at_real(c->s, 0, span)
           : kind == AT_INT ? at_int(c->s, 0, span)
                            : at_bool(c->s, false, span);
}

/* The array read in its place, or one step before: behind the last place, in the block before. */
static const at_expr *read_at(checkpoints *c, const at_expr *e, int lag, bool down,
                              const at_array *array, const at_array *kept) {
    at_session *s = c->s;
    int rank = array->rank;
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, rank);
    index[0] = at_index(s, c->block, e->span);
    index[1] = at_index(s, c->place, e->span);
    for (int i = 2; i < rank; i++) index[i] = e->u.read.index[i - 1];
    if (lag == 0) return at_read(s, array, index, NULL, e->span);
    at_op op = down ? AT_OP_ADD : AT_OP_SUB;
    const at_expr *one = at_int(s, 1, e->span), *other = e->u.read.alternative;
    if (!other) other = none_of(c, e->kind, e->span);
    const at_expr **before = AT_NEW_ARRAY(s->arena, const at_expr *, rank - 1);
    before[0] = map(c, op, index[0], one);
    for (int i = 1; i < rank - 1; i++) before[i] = index[i + 1];
    index[1] = map(c, op, index[1], one);
    const at_expr *last = at_read(s, kept, before, other, e->span);
    const at_expr *read = at_read(s, array, index, last, e->span);
    if (!down || !e->u.read.alternative) return read;
    const at_expr *size = at_size_of(s, c->axis, e->span);
    const at_expr *inside = map(c, AT_OP_LT, map(c, op, here(c, e->span), one), size);
    return at_map_node(s, AT_OP_IF, inside, read, other, e->span);
}

static const at_expr *moved_read(void *user, const at_expr *e) {
    checkpoints *c = user;
    if (e->tag != AT_READ || e->u.read.array->id >= c->count) return e;
    const at_array *array = e->u.read.array;
    int at = c->h->at[array->id];
    bool first = at == c->scan, second = at == c->back || (at >= 0 && c->moves[at]);
    bool down = c->h->items[second ? c->back : c->scan]->u.scan.down[0];
    if (c->second && first) {
        if (!c->again[array->id]) return e; /* small: it is there for each step */
        return read_at(c, e, at_history_lag(e, c->step, down), down, c->again[array->id],
                       c->kept[array->id]);
    }
    if ((c->second && second) || (!c->second && first))
        return read_at(c, e, at_history_lag(e, c->step, down), down, c->blocks[array->id],
                       c->kept[array->id]);
    return e;
}

/* The value at this block and place; 0 behind the end. */
static const at_expr *moved(checkpoints *c, const at_expr *e) {
    at_session *s = c->s;
    const at_expr *value = at_rewrite(s, e, moved_read, c), *index = here(c, e->span);
    value = at_substitute(s, value, &c->step, &index, 1, at_draft_axis, c->h->draft);
    const at_expr *none = none_of(c, e->kind, e->span);
    const at_expr *inside = map(c, AT_OP_LT, index, at_size_of(s, c->axis, e->span));
    return at_map_node(s, AT_OP_IF, inside, value, none, e->span);
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* Over block and place (place: false: block only) in the place of the step. */
static at_array *new_array(checkpoints *c, const at_array *like, const at_axis *step, bool place,
                           const char *suffix) {
    at_axis **axes = AT_NEW_ARRAY(c->s->arena, at_axis *, like->rank + 1);
    int count = 0;
    axes[count++] = c->block;
    if (place) axes[count++] = c->place;
    for (int i = 0; i < like->rank; i++)
        if (like->axes[i] != step) axes[count++] = like->axes[i];
    return at_draft_array(c->h->draft, at_format(c->s->arena, "%s.%s", like->name, suffix),
                          like->path, like->kind, axes, count, like->span);
}

typedef struct {
    checkpoints *c;
    const at_axis *step;
    bool down;
    int of;
    bool lagged, good;
} lags;

static bool look_for_lag(void *user, const at_expr *e) {
    lags *l = user;
    if (e->tag != AT_READ || e->u.read.array->id >= l->c->count) return true;
    if (l->c->h->at[e->u.read.array->id] != l->of) return true;
    int lag = at_history_lag(e, l->step, l->down);
    l->good &= lag >= 0;
    l->lagged |= lag == 1;
    return true;
}

/* All reads in a scan of its own arrays are of this step or the last. */
static bool has_short_lags(checkpoints *c, int scan) {
    const at_statement *st = c->h->items[scan];
    lags l = {c, st->u.scan.axes[0], st->u.scan.down[0], scan, false, true};
    for (int i = 0; i < st->u.scan.body.count; i++)
        at_walk(st->u.scan.body.items[i]->u.value, look_for_lag, &l);
    return l.good;
}

static void add(checkpoints *c, at_statement *region, at_array *target, const at_expr *value) {
    at_statement *st = AT_NEW(c->s->arena, at_statement);
    st->tag = AT_EQUATION;
    st->span = target->span;
    st->target = target;
    st->u.value = value;
    at_block *body = &region->u.scan.body;
    int capacity = body->count;
    AT_PUSH(c->s->arena, body->items, body->count, capacity, st);
}

static at_statement *new_scan(checkpoints *c, at_axis *axis, bool down, at_statement *outer) {
    at_statement *st = AT_NEW(c->s->arena, at_statement);
    st->tag = AT_SCAN;
    st->span = c->h->items[c->scan]->span;
    st->u.scan.count = 1;
    st->u.scan.axes = AT_NEW_ARRAY(c->s->arena, at_axis *, 1);
    st->u.scan.down = AT_NEW_ARRAY(c->s->arena, bool, 1);
    st->u.scan.axes[0] = axis;
    st->u.scan.down[0] = down;
    if (outer) {
        at_block *body = &outer->u.scan.body;
        int capacity = body->count;
        AT_PUSH(c->s->arena, body->items, body->count, capacity, st);
    }
    return st;
}

/* kept[block,…] = array[block, the last place,…] */
static void add_kept(checkpoints *c, at_statement *region, const at_array *array,
                     const at_array *kept, bool down) {
    at_session *s = c->s;
    at_span span = array->span;
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, array->rank);
    index[0] = at_index(s, c->block, span);
    index[1] = down ? at_int(s, 0, span)
                    : map(c, AT_OP_SUB, at_size(s, c->place, span), at_int(s, 1, span));
    for (int i = 2; i < array->rank; i++) index[i] = at_index(s, array->axes[i], span);
    add(c, region, (at_array *)kept, at_read(s, array, index, NULL, span));
}

/* array[t,…] = blocks[t // 64, t % 64,…], for who reads it. */
static at_statement *read_back(checkpoints *c, at_array *array, const at_axis *step) {
    at_session *s = c->s;
    at_span span = array->span;
    const at_array *blocks = c->blocks[array->id];
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, blocks->rank);
    const at_expr *t = at_index(s, step, span), *steps = at_int(s, STEPS, span);
    index[0] = map(c, AT_OP_IDIV, t, steps);
    index[1] = map(c, AT_OP_MOD, t, steps);
    for (int i = 2; i < blocks->rank; i++) index[i] = at_index(s, blocks->axes[i], span);
    at_statement *st = AT_NEW(s->arena, at_statement);
    st->tag = AT_EQUATION;
    st->span = span;
    st->target = array;
    /* Surely inside; said, so that nobody asks. */
    st->u.value = at_read(s, blocks, index, none_of(c, array->kind, span), span);
    return st;
}

/* ---- what is possible ------------------------------------------------------------------------ */

typedef struct {
    checkpoints *c;
    bool depends;
} dependence;

static void note_dependence(dependence *d, const at_array *array) {
    int at = array->id < d->c->count ? d->c->h->at[array->id] : -1;
    if (at >= 0) d->depends |= at == d->c->back || d->c->later[at];
}

static bool look_for_dependence(void *user, const at_expr *e) {
    if (e->tag == AT_READ) note_dependence(user, e->u.read.array);
    return true;
}

static bool statement_depends(void *user, const at_statement *st) {
    at_walk_statement(st, look_for_dependence, user);
    for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++)
        note_dependence(user, st->u.repeat.carried[k].before);
    return true;
}

static bool depends(checkpoints *c, const at_statement *st) {
    dependence d = {.c = c};
    at_statement *items[] = {(at_statement *)st};
    at_block one = {1, items};
    at_walk_block(&one, statement_depends, &d);
    return d.depends;
}

typedef struct {
    checkpoints *c;
    bool good;
} asking;

/* What goes into the second scan reads nothing that is only known after it. */
static bool look_for_later(void *user, const at_expr *e) {
    asking *a = user;
    if (e->tag != AT_READ || e->u.read.array->id >= a->c->count) return a->good;
    int at = a->c->h->at[e->u.read.array->id];
    if (at <= a->c->back) return a->good;
    if (!a->c->moves[at]) a->good &= !a->c->later[at];
    else a->good &= at_history_lag(e, a->c->step, a->c->h->items[a->c->back]->u.scan.down[0]) == 0;
    return a->good;
}

/* Which equations go into the second scan: all that read large states of the first. */
static bool find_moves(checkpoints *c) {
    at_histories *h = c->h;
    for (int i = c->scan + 1; i < h->count; i++) {
        if (i == c->back || !at_history_reads(h, h->items[i], c->scan)) continue;
        c->steps[i] = at_history_step(h, h->items[i], c->scan, c->back);
        if (i < c->back || !c->steps[i]) return false;
        c->moves[i] = true;
    }
    for (int i = c->back + 1; i < h->count; i++)
        c->later[i] = c->moves[i] || depends(c, h->items[i]);
    for (int i = c->back + 1; i < h->count; i++) {
        if (!c->moves[i]) continue;
        asking a = {c, true};
        c->step = c->steps[i];
        at_walk_statement(h->items[i], look_for_later, &a);
        if (!a.good) return false;
    }
    return true;
}

/* In the second scan, the first's states at this step or the one before in the first's order. */
static bool reads_first_well(checkpoints *c) {
    const at_statement *st = c->h->items[c->back];
    lags l = {c, c->back_axis, c->h->items[c->scan]->u.scan.down[0], c->scan, false, true};
    for (int i = 0; i < st->u.scan.body.count; i++)
        at_walk(st->u.scan.body.items[i]->u.value, look_for_lag, &l);
    return l.good;
}

/* ---- the two regions ------------------------------------------------------------------------- */

/* The first scan, in blocks. */
static at_statement *first_region(checkpoints *c) {
    const at_statement *old = c->h->items[c->scan];
    bool down = old->u.scan.down[0];
    at_statement *outer = new_scan(c, c->block, down, NULL);
    at_statement *inner = new_scan(c, c->place, down, outer);
    const at_block *body = &old->u.scan.body;
    for (int i = 0; i < body->count; i++) {
        const at_array *target = body->items[i]->target;
        c->blocks[target->id] = new_array(c, target, c->axis, true, "blocks");
        c->kept[target->id] = new_array(c, target, c->axis, false, "kept");
    }
    c->second = false;
    c->step = c->axis;
    for (int i = 0; i < body->count; i++)
        add(c, inner, (at_array *)c->blocks[body->items[i]->target->id],
            moved(c, body->items[i]->u.value));
    for (int i = 0; i < body->count; i++) {
        int id = body->items[i]->target->id;
        add_kept(c, outer, c->blocks[id], c->kept[id], down);
    }
    return outer;
}

static void add_again(checkpoints *c, at_statement *outer) {
    const at_statement *old = c->h->items[c->scan];
    const at_block *body = &old->u.scan.body;
    at_statement *inner = new_scan(c, c->place, old->u.scan.down[0], outer);
    for (int i = 0; i < body->count; i++) {
        const at_array *target = body->items[i]->target;
        if (c->h->large[target->id])
            c->again[target->id] = new_array(c, target, c->axis, true, "again");
    }
    c->second = true;
    c->step = c->axis;
    for (int i = 0; i < body->count; i++) {
        const at_array *again = c->again[body->items[i]->target->id];
        if (again) add(c, inner, (at_array *)again, moved(c, body->items[i]->u.value));
    }
}

static at_statement *second_region(checkpoints *c) {
    at_histories *h = c->h;
    const at_statement *old = h->items[c->back];
    bool down = old->u.scan.down[0];
    at_statement *outer = new_scan(c, c->block, down, NULL);
    add_again(c, outer);
    at_statement *inner = new_scan(c, c->place, down, outer);
    const at_block *body = &old->u.scan.body;
    for (int i = 0; i < body->count; i++) {
        const at_array *target = body->items[i]->target;
        c->blocks[target->id] = new_array(c, target, c->back_axis, true, "blocks");
        c->kept[target->id] = new_array(c, target, c->back_axis, false, "kept");
    }
    for (int i = c->back + 1; i < h->count; i++)
        if (c->moves[i])
            c->blocks[h->items[i]->target->id] =
                new_array(c, h->items[i]->target, c->steps[i], true, "blocks");
    c->step = c->back_axis;
    for (int i = 0; i < body->count; i++)
        add(c, inner, (at_array *)c->blocks[body->items[i]->target->id],
            moved(c, body->items[i]->u.value));
    for (int i = c->back + 1; i < h->count; i++) {
        if (!c->moves[i]) continue;
        c->step = c->steps[i];
        add(c, inner, (at_array *)c->blocks[h->items[i]->target->id],
            moved(c, h->items[i]->u.value));
    }
    for (int i = 0; i < body->count; i++) {
        int id = body->items[i]->target->id;
        add_kept(c, outer, c->blocks[id], c->kept[id], down);
    }
    return outer;
}

static at_axis *new_axis(checkpoints *c, const char *name, bool block) {
    at_session *s = c->s;
    at_span span = c->h->items[c->scan]->span;
    const at_expr *steps = at_int(s, STEPS, span);
    if (!block) return at_draft_extent(c->h->draft, name, steps);
    const at_expr *most =
        map(c, AT_OP_ADD, at_size_of(s, c->axis, span), at_int(s, STEPS - 1, span));
    return at_draft_extent(c->h->draft, name, map(c, AT_OP_IDIV, most, steps));
}

bool at_history_checkpoint(at_histories *h, int scan, int back) {
    at_session *s = h->s;
    checkpoints c = {.h = h, .s = s, .scan = scan, .back = back, .count = h->array_count};
    c.axis = at_history_axis(h->items[scan]);
    c.back_axis = at_history_axis(h->items[back]);
    if (!c.back_axis || !at_same_extent(c.axis, c.back_axis)) return false;
    if (h->items[scan]->u.scan.down[0] == h->items[back]->u.scan.down[0]) return false;
    c.moves = AT_NEW_ARRAY(s->arena, bool, h->count);
    c.later = AT_NEW_ARRAY(s->arena, bool, h->count);
    c.steps = AT_NEW_ARRAY(s->arena, const at_axis *, h->count);
    if (!has_short_lags(&c, scan) || !has_short_lags(&c, back) || !reads_first_well(&c) ||
        !find_moves(&c))
        return false;
    c.blocks = AT_NEW_ARRAY(s->arena, const at_array *, c.count);
    c.kept = AT_NEW_ARRAY(s->arena, const at_array *, c.count);
    c.again = AT_NEW_ARRAY(s->arena, const at_array *, c.count);
    c.block = new_axis(&c, "block", true);
    c.place = new_axis(&c, "place", false);
    at_statement *first = first_region(&c), *second = second_region(&c);
    /* Statements that need nothing of the second scan, the region, what it gives, and the rest. */
    at_statement **items = NULL;
    int count = 0, capacity = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < h->count; i++) {
            const at_statement *st = h->items[i];
            if (i == back || c.moves[i] || c.later[i] != (pass == 1)) continue;
            AT_PUSH(s->arena, items, count, capacity, i == scan ? first : (at_statement *)st);
            for (int k = 0; i == scan && k < st->u.scan.body.count; k++)
                AT_PUSH(s->arena, items, count, capacity,
                        read_back(&c, st->u.scan.body.items[k]->target, c.axis));
        }
        if (pass == 1) break;
        AT_PUSH(s->arena, items, count, capacity, second);
        const at_statement *old = h->items[back];
        for (int k = 0; k < old->u.scan.body.count; k++)
            AT_PUSH(s->arena, items, count, capacity,
                    read_back(&c, old->u.scan.body.items[k]->target, c.back_axis));
        for (int i = back + 1; i < h->count; i++)
            if (c.moves[i])
                AT_PUSH(s->arena, items, count, capacity,
                        read_back(&c, h->items[i]->target, c.steps[i]));
    }
    h->items = items;
    h->count = count;
    h->capacity = capacity;
    return true;
}
