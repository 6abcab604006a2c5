/* Sums over rows that take in what other columns of a row, or data, say are taken slice by slice:
 *
 *     at[i,r] = …                                  axis i_slice = (size(i) + 127) // 128
 *     ds[i,r] = …                                  scan i_slice {
 *     dk[j,d] = sum[i,r where at[i,r] == j](         ds_2[i_slice,i,r] = …
 *                   ds[i,r] * q[i,d])          ->    dk.part[i_slice,j,d] = sum[i,r where i // 128 == i_slice and
 *                                                                      at[i,r] == j](ds_2[i_slice,i,r] * q[i,d])
 *                                                    dk.total[i_slice,j,d] = dk.total[i_slice - 1, j, d | 0]
 *                                                                            + dk.part[i_slice,j,d]
 *                                                  }
 *                                                  dk[j,d] = dk.total[size(i_slice) - 1, j, d | 0]
 *
 * No block of j has all that it needs at hand: it would need all rows. So a plan stores ds. Of a slice whole rows
 * are at hand, and what is left to read ds keeps to its own row, so that blocks of rows hold it.
 *
 * The rule: as for recompute, what a slice needs of pair arrays is computed again, and what rows have in common is
 * shared. It is no rewrite of passes.def, as only a plan knows what it would store. */
#include "opt/slices.h"

#include "opt/pairs.h"

#include <math.h>

typedef struct {
    int statement;
    const at_expr *fold;
    const at_axis *along; /* the fold's axis that is taken in slices */
    const at_expr *value; /* what stands for it */
} sink;

typedef struct {
    at_session *s;
    const at_cascade *from;
    at_draft *draft;
    const at_lengths *lengths;
    const bool *stored;
    int known;
    bool *output, *whole; /* by array id: an output; all elements surely have values */
    int *by; /* by array id: the statement of the outermost block that writes it; -1: it is given */
    int sink_count, sink_capacity;
    sink *sinks;
    /* What is in slices, by array id: its dimension that is, -1: none; and what stands for it. */
    int *sliced;
    const at_expr **stands;
    bool scatters; /* some sum goes from term to term */
    int64_t rows;
    at_axis *slices;
    /* Of the search at hand: */
    const at_array *array;
    int dimension, statement, depth;
    const at_expr *folds[16]; /* around */
    bool good;
    const at_axis *along;
} slicing;

/* ---- who writes what ------------------------------------------------------------------------- */

typedef struct {
    slicing *w;
    int statement;
} writer;

static void note_written(void *user, const at_array *array) {
    const writer *by = user;
    by->w->by[array->id] = by->statement;
}

static bool is_placed_by_data(const slicing *w, const at_expr *fold, at_axis *const *axes,
                              int rank) {
    for (int i = 0; i < rank; i++)
        if (at_may_place(w->s, fold, fold->u.fold.guard, axes[i])) return true;
    return false;
}

static const at_statement *statement_of(const slicing *w, const at_array *array) {
    int by = array->id < w->known ? w->by[array->id] : -1;
    const at_statement *st = by < 0 ? NULL : w->from->body.items[by];
    if (!st || st->tag != AT_EQUATION || array->role != AT_DEFINED || w->output[array->id])
        return NULL;
    /* What goes from term to term does so for all rows. */
    if (at_is_scattered(w->s, st)) return NULL;
    /* Of ints, which may be indices, all are computed, or they are where they are read: then
     * `at[i,r] == j` bounds loops, but does not let a sum go from term to term. */
    return array->kind == AT_INT && (w->scatters || !at_is_cheap(st->u.value)) ? NULL : st;
}

/* ---- which sums keep an array from blocks ---------------------------------------------------- */

static bool is_sum_of_parts(const at_expr *e) {
    at_fold fold = e->u.fold.fold;
    if (fold == AT_FOLD_ANY || fold == AT_FOLD_ALL) return true;
    return e->kind == AT_REAL &&
           (fold == AT_FOLD_SUM || fold == AT_FOLD_MAX || fold == AT_FOLD_MIN);
}

static bool binds(const at_expr *fold, const at_axis *axis) {
    for (int i = 0; i < fold->u.fold.count; i++)
        if (fold->u.fold.axes[i] == axis) return true;
    return false;
}

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return true;
    return false;
}

static void add_sink(slicing *w, const at_expr *fold, const at_axis *along) {
    for (int i = 0; i < w->sink_count; i++) {
        if (w->sinks[i].fold != fold || w->sinks[i].statement != w->statement) continue;
        w->good &= w->sinks[i].along == along;
        return;
    }
    sink own = {w->statement, fold, along, NULL};
    AT_PUSH(w->s->arena, w->sinks, w->sink_count, w->sink_capacity, own);
}

/* One read of the array: at its own row, or in a sum over rows. */
static void look_at_read(slicing *w, const at_expr *e) {
    const at_statement *st = w->from->body.items[w->statement];
    const at_expr *index = e->u.read.index[w->dimension];
    if (index->tag != AT_INDEX || e->u.read.alternative || st->tag != AT_EQUATION) {
        w->good = false;
        return;
    }
    int at = w->depth - 1;
    while (at >= 0 && !binds(w->folds[at], index->u.axis)) at--;
    if (at < 0) w->good &= has_axis(st->target, index->u.axis);
    else if (is_sum_of_parts(w->folds[at])) add_sink(w, w->folds[at], index->u.axis);
    else w->good = false;
}

static bool look_for_reads(void *user, const at_expr *e) {
    slicing *w = user;
    if (e->tag == AT_READ && e->u.read.array == w->array) look_at_read(w, e);
    if (e->tag != AT_FOLD_NODE) return w->good;
    if (w->depth == (int)(sizeof w->folds / sizeof *w->folds)) return w->good = false;
    w->folds[w->depth++] = e;
    at_walk(e->u.fold.guard, look_for_reads, w);
    at_walk(e->u.fold.body, look_for_reads, w);
    w->depth--;
    return false;
}

static bool look_inside(void *user, const at_statement *st) {
    at_walk_statement(st, look_for_reads, user);
    return true;
}

/* Whether all that reads the array keeps to one row of a dimension, or sums over rows, which are
 * noted. */
static bool is_kept_by_sums(slicing *w, const at_array *array, int dimension) {
    w->array = array;
    w->dimension = dimension;
    w->good = true;
    w->depth = 0;
    int before = w->sink_count;
    for (int i = 0; i < w->from->body.count && w->good; i++) {
        const at_statement *st = w->from->body.items[i];
        w->statement = i;
        at_walk_statement(st, look_for_reads, w);
        if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, look_inside, w);
        if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, look_inside, w);
    }
    if (w->good && w->sink_count > before) return true;
    w->sink_count = before;
    return false;
}

/* ---- what a slice needs ---------------------------------------------------------------------- */

static bool look_at_need(void *user, const at_expr *e);

/* The dimension of a pair array at which it is read along the rows, of which a slice has all
 * columns; -1: it does not look at rows; -2: not as a slice is. */
static int dimension_along(const at_expr *read, const at_axis *along) {
    int found = -1, plain = 0;
    for (int i = 0; i < read->u.read.array->rank; i++) {
        const at_expr *index = read->u.read.index[i];
        if (index->tag == AT_INDEX && index->u.axis == along && plain++ == 0) found = i;
        else if (found == -1 && at_mentions(index, along)) found = -2;
        if (found == -2 && plain) found = i;
    }
    return plain > 1 || (found >= 0 && read->u.read.alternative) ? -2 : found;
}

/* Whether a slice is over two lengths still. */
static bool is_pair_in_slice(const slicing *w, const at_array *array, int along) {
    at_axis **rest = AT_NEW_ARRAY(w->s->arena, at_axis *, array->rank);
    int count = 0;
    for (int i = 0; i < array->rank; i++)
        if (i != along) rest[count++] = array->axes[i];
    return at_has_pair(w->lengths, rest, count);
}

/* What is read must be there in front of the first sum, or be computed in the slice. */
static bool look_at_need(void *user, const at_expr *e) {
    slicing *w = user;
    if (e->tag != AT_READ || !w->good) return w->good;
    const at_array *array = e->u.read.array;
    const at_statement *st = statement_of(w, array);
    bool pair = st && at_has_pair(w->lengths, array->axes, array->rank);
    int along = pair ? dimension_along(e, w->along) : -1;
    if (along == -1) {
        w->good = array->id < w->known && w->by[array->id] < w->statement;
    } else if (along < 0 || is_pair_in_slice(w, array, along)) {
        w->good = false;
    } else if (w->sliced[array->id] >= 0) {
        w->good = w->sliced[array->id] == along;
    } else {
        w->sliced[array->id] = along;
        const at_axis *outer = w->along;
        w->along = array->axes[along];
        at_walk(st->u.value, look_at_need, w);
        w->along = outer;
    }
    return w->good;
}

/* Whether data place the terms of a sum, which goes from term to term then: not if a term may have
 * no value. */
static bool is_scattered(const slicing *w, const sink *sum) {
    const at_array *target = w->from->body.items[sum->statement]->target;
    return is_placed_by_data(w, sum->fold, target->axes, target->rank) &&
           !at_lacks_value(w->s, w->from, w->whole, w->known, sum->fold);
}

/* Whether a sum can be taken in slices in front of statement `first`; notes what that needs. */
static bool is_possible(slicing *w, const sink *sum, int first) {
    size_t bytes = sizeof *w->sliced * (size_t)w->known;
    int *before = at_copy(w->s->arena, w->sliced, bytes);
    w->good = true;
    w->along = sum->along;
    w->statement = first;
    at_walk(sum->fold->u.fold.guard, look_at_need, w);
    at_walk(sum->fold->u.fold.body, look_at_need, w);
    if (!w->good) w->sliced = before;
    return w->good;
}

/* ---- slices ---------------------------------------------------------------------------------- */

static const at_expr *in_slice(void *user, const at_expr *e);

static const at_expr *stands_for(slicing *w, const at_array *array) {
    if (w->stands[array->id]) return w->stands[array->id];
    const at_expr *value = at_rewrite(w->s, statement_of(w, array)->u.value, in_slice, w);
    if (!at_is_cheap(value)) {
        at_axis **axes = AT_NEW_ARRAY(w->s->arena, at_axis *, array->rank + 1);
        axes[0] = w->slices;
        for (int i = 0; i < array->rank; i++) axes[i + 1] = array->axes[i];
        at_array *slice = at_draft_array(w->draft, array->name, array->path, array->kind, axes,
                                         array->rank + 1, array->span);
        slice->cotangent = array->cotangent;
        at_draft_equation(w->draft, slice, value, array->span);
        value = at_read_whole(w->s, slice, array->span);
    }
    return w->stands[array->id] = value;
}

static const at_expr *in_slice(void *user, const at_expr *e) {
    slicing *w = user;
    if (e->tag != AT_READ || e->u.read.array->id >= w->known) return e;
    const at_array *array = e->u.read.array;
    if (w->sliced[array->id] < 0 || dimension_along(e, w->along) < 0) return e;
    const at_axis *outer = w->along;
    w->along = array->axes[w->sliced[array->id]];
    const at_expr *value = stands_for(w, array);
    w->along = outer;
    return at_substitute(w->s, value, (const at_axis **)array->axes, e->u.read.index, array->rank,
                         at_draft_axis, w->draft);
}

static const at_expr *neutral_of(const slicing *w, const at_expr *fold) {
    switch (fold->u.fold.fold) {
    case AT_FOLD_MAX: return at_real(w->s, -INFINITY, fold->span);
    case AT_FOLD_MIN: return at_real(w->s, INFINITY, fold->span);
    case AT_FOLD_ANY: return at_bool(w->s, false, fold->span);
    case AT_FOLD_ALL: return at_bool(w->s, true, fold->span);
    default: return at_real(w->s, 0, fold->span);
    }
}

static at_op op_of(const at_expr *fold) {
    switch (fold->u.fold.fold) {
    case AT_FOLD_MAX: return AT_OP_MAX;
    case AT_FOLD_MIN: return AT_OP_MIN;
    case AT_FOLD_ANY: return AT_OP_OR;
    case AT_FOLD_ALL: return AT_OP_AND;
    default: return AT_OP_ADD;
    }
}

static const at_expr *read_at(const slicing *w, const at_array *array, const at_expr *slice,
                              const at_expr *alternative) {
    const at_expr **index = AT_NEW_ARRAY(w->s->arena, const at_expr *, array->rank);
    index[0] = slice;
    for (int i = 1; i < array->rank; i++) index[i] = at_index(w->s, array->axes[i], slice->span);
    return at_read(w->s, array, index, alternative, slice->span);
}

static const at_expr *less_one(const slicing *w, const at_expr *e) {
    return at_map_node(w->s, AT_OP_SUB, e, at_int(w->s, 1, e->span), NULL, e->span);
}

/* The sum so far, and behind the scan what it came to. */
static void add_total(slicing *w, sink *sum) {
    at_session *s = w->s;
    const at_expr *e = sum->fold;
    const at_array *owner = w->from->body.items[sum->statement]->target;
    w->along = sum->along;
    const at_expr *here = at_index(s, w->slices, e->span);
    const at_expr *within = at_map_node(s, AT_OP_EQ,
                                        at_map_node(s, AT_OP_IDIV, at_index(s, sum->along, e->span),
                                                    at_int(s, w->rows, e->span), NULL, e->span),
                                        here, NULL, e->span);
    const at_expr *guard = e->u.fold.guard ? at_rewrite(s, e->u.fold.guard, in_slice, w) : NULL;
    const at_expr *body = at_rewrite(s, e->u.fold.body, in_slice, w);
    const at_expr *part = at_fold_node(s, e->u.fold.fold, e->u.fold.axes, e->u.fold.count,
                                       at_both(s, within, guard), body, e->span);
    at_axis **axes;
    int rank = at_draft_free_axes(w->draft, part, owner, &axes);
    at_array *total = at_draft_array(w->draft, at_format(s->arena, "%s.total", owner->name),
                                     owner->path, e->kind, axes, rank, e->span);
    const at_expr *neutral = neutral_of(w, e);
    if (is_placed_by_data(w, part, axes + 1, rank - 1))
        part = at_draft_define(w->draft, owner, "part", axes, rank, part);
    at_draft_equation(w->draft, total,
                      at_map_node(s, op_of(e), read_at(w, total, less_one(w, here), neutral), part,
                                  NULL, e->span),
                      e->span);
    sum->value = read_at(w, total, less_one(w, at_size(s, w->slices, e->span)), neutral);
}

/* How many rows a slice has: few where a row is long. */
static int64_t rows_of(const slicing *w) {
    enum { LEAST = 128, MOST = 4096, ELEMENTS = 1 << 20 };
    int64_t rows = MOST;
    for (int i = 0; i < w->known; i++) {
        if (w->sliced[i] < 0) continue;
        const at_array *array = w->from->arrays[i];
        int64_t elements = 1;
        for (int k = 0; k < array->rank; k++) {
            int64_t extent = at_extent(array->axes[k], NULL);
            if (k == w->sliced[i]) continue;
            if (extent < 0) return LEAST;
            if (__builtin_mul_overflow(elements, extent > 1 ? extent : 1, &elements)) return LEAST;
        }
        while (rows > LEAST && rows * elements > ELEMENTS) rows /= 2;
    }
    return rows;
}

static void add_scan(slicing *w) {
    at_session *s = w->s;
    const at_axis *along = w->sinks[0].along;
    const at_expr *size = at_size_of(s, along, along->span);
    if (!w->rows) w->rows = rows_of(w);
    const at_expr *more = at_map_node(s, AT_OP_ADD, size, at_int(s, w->rows - 1, size->span), NULL,
                                      size->span);
    w->slices = at_draft_extent(
        w->draft, at_format(s->arena, "%s_slice", along->name),
        at_map_node(s, AT_OP_IDIV, more, at_int(s, w->rows, size->span), NULL, size->span));
    at_statement *scan = AT_NEW(s->arena, at_statement);
    scan->tag = AT_SCAN;
    scan->span = w->sinks[0].fold->span;
    scan->u.scan.count = 1;
    scan->u.scan.axes = at_copy(s->arena, &w->slices, sizeof w->slices);
    scan->u.scan.down = AT_NEW(s->arena, bool);
    at_draft_region region;
    at_draft_open(w->draft, &region);
    region.statement = scan;
    for (int i = 0; i < w->sink_count; i++) add_total(w, &w->sinks[i]);
    scan->u.scan.body = at_draft_close(w->draft, &region);
    at_draft_add(w->draft, scan);
}

static const at_expr *summed(void *user, const at_expr *e) {
    const slicing *w = user;
    for (int i = 0; i < w->sink_count; i++)
        if (w->sinks[i].fold == e && w->sinks[i].statement == w->statement)
            return w->sinks[i].value;
    return e;
}

static const at_expr *all_summed(void *user, const at_expr *e) {
    slicing *w = user;
    return at_rewrite(w->s, e, summed, w);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Those sums that one scan can take, all over rows of one length; false: there is none. */
static bool keep_possible(slicing *w) {
    int count = 0;
    for (int i = 0; i < w->sink_count; i++) /* in the order of the text */
        for (int k = i; k > 0 && w->sinks[k].statement < w->sinks[k - 1].statement; k--) {
            sink other = w->sinks[k];
            w->sinks[k] = w->sinks[k - 1];
            w->sinks[k - 1] = other;
        }
    w->scatters = false;
    for (int i = 0; i < w->sink_count; i++) w->scatters |= is_scattered(w, &w->sinks[i]);
    for (int i = 0; i < w->sink_count; i++) {
        const sink *sum = &w->sinks[i];
        if (count && !at_same_extent(sum->along, w->sinks[0].along)) continue;
        if (is_possible(w, sum, count ? w->sinks[0].statement : sum->statement))
            w->sinks[count++] = *sum;
    }
    w->sink_count = count;
    return count > 0;
}

/* The dimension of a stored array along which the fewest sums keep it from blocks. */
static void find_sinks(slicing *w, const at_array *array) {
    int first = w->sink_count, best = -1, fewest = 0;
    for (int k = 0; k < array->rank; k++) {
        if (!at_is_long(w->lengths, array->axes[k]) || !is_kept_by_sums(w, array, k)) continue;
        int count = w->sink_count - first;
        w->sink_count = first;
        if (best >= 0 && count >= fewest) continue;
        best = k;
        fewest = count;
    }
    if (best >= 0) is_kept_by_sums(w, array, best);
}

static slicing *begin(at_session *s, const at_cascade *from, const bool *stored) {
    slicing *w = AT_NEW(s->arena, slicing);
    *w = (slicing){.s = s, .from = from, .lengths = at_lengths_of(s, from), .stored = stored,
                   .known = from->array_count};
    w->by = AT_NEW_ARRAY(s->arena, int, w->known);
    w->whole = at_whole_arrays(s, from);
    w->output = AT_NEW_ARRAY(s->arena, bool, w->known);
    for (int i = 0; i < from->output_count; i++) w->output[from->outputs[i].array->id] = true;
    w->sliced = AT_NEW_ARRAY(s->arena, int, w->known);
    w->stands = AT_NEW_ARRAY(s->arena, const at_expr *, w->known);
    for (int i = 0; i < w->known; i++) w->by[i] = w->sliced[i] = -1;
    for (int i = 0; i < from->body.count; i++) {
        writer by = {w, i};
        at_statement_written(from->body.items[i], note_written, &by);
    }
    return w;
}

const at_cascade *at_slice_cascade(at_session *s, const at_cascade *from, const bool *stored,
                                   int64_t rows) {
    slicing *w = begin(s, from, stored);
    w->rows = rows;
    for (int i = 0; i < w->known && w->sink_count == 0; i++) {
        if (!stored[i] || !statement_of(w, from->arrays[i])) continue;
        find_sinks(w, from->arrays[i]);
        if (!keep_possible(w)) continue;
        /* The same rows of others. */
        for (int k = i + 1; k < w->known; k++)
            if (stored[k] && statement_of(w, from->arrays[k])) find_sinks(w, from->arrays[k]);
        for (int k = 0; k < w->known; k++) w->sliced[k] = -1;
        if (!keep_possible(w)) return from;
    }
    if (w->sink_count == 0) return from;
    w->draft = at_draft_new(s, from);
    int first = w->sinks[0].statement;
    for (int i = 0; i < from->body.count; i++) {
        if (i == first) add_scan(w);
        w->statement = i;
        bool has = false;
        for (int k = 0; k < w->sink_count; k++) has |= w->sinks[k].statement == i;
        at_draft_add(w->draft, has ? at_statement_changed(s, from->body.items[i], all_summed, w)
                                   : from->body.items[i]);
    }
    return at_needed_only(s, w->draft->out);
}
