/* Guards that compare data say between which indices they leave anything: of
 *
 *     o[i,e] = sum[j where doc[i] == doc[j]](p[i,j] * v[j,e])
 *
 * with doc[b] of 64 places at a time between low[b] and high[b], nothing is left of a block for which
 * doc[i] does not lie between these. So there are
 *
 *     low[b] = min[u where 64 * b + u < size(j)](real(doc[64 * b + u | 0]))          and high, with max
 *     from[i] = int(min[b where low[b] <= real(doc[i]) and real(doc[i]) <= high[b]](real(64 * b)))
 *     to[i] = int(max[b where …](real(64 * b + 64)))
 *
 * and the guard becomes `from[i] <= j and j < to[i] and doc[i] == doc[j]`, which later stages take as
 * bounds of loops. It is much for documents one after the other, and little for data in any order.
 *
 * The comparison is of reals, which may round what is compared, but not turn its order around. Only
 * inputs are looked at: their elements always have values. */
#include "opt/opt.h"

enum { WIDE = 64, LEAST = 256 };

typedef struct {
    const at_expr *left, *right; /* left == right, of which right has the index that is bounded */
    const at_axis *axis;
    const at_expr *from, *to;
} known;

typedef struct {
    at_session *s;
    at_draft *draft;
    int count, capacity;
    known *items;
    at_block made; /* what computes bounds */
    int made_capacity;
} writer;

static const at_expr *map(writer *w, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(w->s, op, a, b, NULL, a->span);
}

static const at_expr *number(writer *w, int64_t n) { return at_int(w->s, n, at_no_span()); }

/* An input of ints at indices of axes, each another one, and none the round of a repeat. */
static bool is_plain(const at_expr *e) {
    if (e->tag != AT_READ || e->kind != AT_INT || e->u.read.alternative) return false;
    const at_array *array = e->u.read.array;
    if (array->role != AT_INPUT) return false;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        if (index->tag != AT_INDEX || index->u.axis->round || index->u.axis->declared) return false;
        for (int k = 0; k < i; k++)
            if (e->u.read.index[k]->u.axis == index->u.axis) return false;
    }
    return true;
}

/* A new array in front of everything: it is made of inputs alone. */
static const at_expr *define(writer *w, const at_array *of, const char *suffix, at_axis **axes,
                             int rank, const at_expr *value) {
    const char *name = at_format(w->s->arena, "%s.%s", of->name, suffix);
    at_array *array = at_draft_array(w->draft, name, of->path, value->kind, axes, rank, of->span);
    at_statement *st = AT_NEW(w->s->arena, at_statement);
    st->tag = AT_EQUATION;
    st->span = of->span;
    st->target = array;
    st->u.value = value;
    AT_PUSH(w->s->arena, w->made.items, w->made.count, w->made_capacity, st);
    return at_read_whole(w->s, array, of->span);
}

/* low or high of the blocks: over `blocks` in the place of the axis. */
static const at_expr *extreme_of(writer *w, const known *k, at_fold fold, at_axis *blocks) {
    const at_array *of = k->right->u.read.array;
    at_axis *within = at_draft_extent(w->draft, "within", number(w, WIDE));
    at_axis **axes = AT_NEW_ARRAY(w->s->arena, at_axis *, of->rank);
    const at_expr **index = AT_NEW_ARRAY(w->s->arena, const at_expr *, of->rank);
    const at_expr *place = map(w, AT_OP_MUL, number(w, WIDE), at_index(w->s, blocks, of->span));
    place = map(w, AT_OP_ADD, place, at_index(w->s, within, of->span));
    for (int i = 0; i < of->rank; i++) {
        const at_expr *at = k->right->u.read.index[i];
        bool bounded = at->u.axis == k->axis;
        axes[i] = bounded ? blocks : (at_axis *)at->u.axis;
        index[i] = bounded ? place : at;
    }
    const at_expr *inside = map(w, AT_OP_LT, place, at_size(w->s, k->axis, of->span));
    const at_expr *element = at_read(w->s, of, index, number(w, 0), of->span);
    const at_expr *value = at_fold_node(w->s, fold, &within, 1, inside, at_as_real(w->s, element),
                                        of->span);
    return define(w, of, fold == AT_FOLD_MIN ? "low" : "high", axes, of->rank, value);
}

static int add_axes(const at_expr *read, const at_axis *but, at_axis **axes, int count) {
    for (int i = 0; i < read->u.read.array->rank; i++) {
        at_axis *axis = (at_axis *)read->u.read.index[i]->u.axis;
        int k = 0;
        while (k < count && axes[k] != axis) k++;
        if (k == count && axis != but) axes[count++] = axis;
    }
    return count;
}

static void find_bounds(writer *w, known *k) {
    const at_array *of = k->right->u.read.array;
    const at_expr *size = at_size(w->s, k->axis, of->span);
    size = map(w, AT_OP_ADD, size, number(w, WIDE - 1));
    at_axis *blocks = at_draft_extent(w->draft, at_format(w->s->arena, "%s_blocks", k->axis->name),
                                      map(w, AT_OP_IDIV, size, number(w, WIDE)));
    const at_expr *low = extreme_of(w, k, AT_FOLD_MIN, blocks);
    const at_expr *high = extreme_of(w, k, AT_FOLD_MAX, blocks), *left = at_as_real(w->s, k->left);
    const at_expr *guard =
        map(w, AT_OP_AND, map(w, AT_OP_LE, low, left), map(w, AT_OP_LE, left, high));
    const at_expr *begin = map(w, AT_OP_MUL, number(w, WIDE), at_index(w->s, blocks, of->span));
    const at_expr *end = map(w, AT_OP_ADD, begin, number(w, WIDE));
    at_axis **axes =
        AT_NEW_ARRAY(w->s->arena, at_axis *, of->rank + k->left->u.read.array->rank);
    int rank = add_axes(k->right, k->axis, axes, add_axes(k->left, k->axis, axes, 0));
    const at_expr *from = at_fold_node(w->s, AT_FOLD_MIN, &blocks, 1, guard,
                                       at_as_real(w->s, begin), of->span);
    const at_expr *to = at_fold_node(w->s, AT_FOLD_MAX, &blocks, 1, guard, at_as_real(w->s, end),
                                     of->span);
    k->from = define(w, of, "from", axes, rank, map(w, AT_OP_TO_INT, from, NULL));
    k->to = define(w, of, "to", axes, rank, map(w, AT_OP_TO_INT, to, NULL));
}

/* The bounds of an axis that left == right gives. */
static const known *bounds_of(writer *w, const at_expr *left, const at_expr *right,
                              const at_axis *axis) {
    for (int i = 0; i < w->count; i++)
        if (at_same(w->items[i].left, left) && at_same(w->items[i].right, right) &&
            w->items[i].axis == axis)
            return &w->items[i];
    known k = {left, right, axis, NULL, NULL};
    find_bounds(w, &k);
    AT_PUSH(w->s->arena, w->items, w->count, w->capacity, k);
    return &w->items[w->count - 1];
}

/* The one axis of the fold that e mentions, at which it can be bounded; NULL. */
static const at_axis *bounded_axis(const at_expr *fold, const at_expr *e, const at_expr *other) {
    const at_axis *found = NULL;
    for (int i = 0; i < fold->u.fold.count; i++) {
        const at_axis *axis = fold->u.fold.axes[i];
        if (at_mentions(other, axis)) return NULL;
        if (!at_mentions(e, axis)) continue;
        if (found) return NULL;
        found = axis;
    }
    int64_t extent = found ? at_extent(found, NULL) : -1;
    return extent >= 0 && extent < LEAST ? NULL : found;
}

static void add_bounds(writer *w, const at_expr *fold, const at_expr *e, const at_expr **all) {
    if (e->tag != AT_MAP) return;
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    if (e->u.map.op == AT_OP_AND) {
        add_bounds(w, fold, a, all);
        add_bounds(w, fold, b, all);
        return;
    }
    if (e->u.map.op != AT_OP_EQ || !is_plain(a) || !is_plain(b)) return;
    for (int side = 0; side < 2; side++) {
        const at_expr *left = side ? b : a, *right = side ? a : b;
        const at_axis *axis = bounded_axis(fold, right, left);
        if (!axis) continue;
        const known *k = bounds_of(w, left, right, axis);
        const at_expr *index = at_index(w->s, axis, e->span);
        *all = at_both(w->s, *all, map(w, AT_OP_LE, k->from, index));
        *all = at_both(w->s, *all, map(w, AT_OP_LT, index, k->to));
    }
}

static const at_expr *bounded(void *user, const at_expr *e) {
    writer *w = user;
    const at_expr *all = NULL;
    if (e->tag != AT_FOLD_NODE || !e->u.fold.guard) return e;
    add_bounds(w, e, e->u.fold.guard, &all);
    if (!all) return e;
    return at_fold_node(w->s, e->u.fold.fold, e->u.fold.axes, e->u.fold.count,
                        at_both(w->s, all, e->u.fold.guard), e->u.fold.body, e->span);
}

static const at_expr *rewritten(void *user, const at_expr *e) {
    writer *w = user;
    return at_rewrite(w->s, e, bounded, w);
}

static void plain(void *user, const at_statement *st) {
    writer *w = user;
    bool equates = st->tag == AT_EQUATION || st->tag == AT_NEXT;
    at_draft_add(w->draft, equates ? at_statement_changed(w->s, st, rewritten, w)
                                   : (at_statement *)(uintptr_t)st);
}

const at_cascade *at_opt_bounds(at_session *s, const at_cascade *from) {
    writer w = {.s = s, .draft = at_draft_new(s, from)};
    at_block_walk walk = {.draft = w.draft, .user = &w, .plain = plain};
    at_draft_block(&walk, &from->body);
    if (w.count == 0) return from;
    at_block *body = &w.draft->out->body;
    for (int i = 0; i < body->count; i++)
        AT_PUSH(s->arena, w.made.items, w.made.count, w.made_capacity, body->items[i]);
    *body = w.made;
    return w.draft->out;
}
