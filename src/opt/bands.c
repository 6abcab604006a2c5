/* Sums along one side of pair arrays of which running folds go along the other, in a scan over bands of
 * rows:
 *
 *     c[i,j] = cumsum[j](s[i,j])                axis i_band = (size(i) + 31) // 32
 *     o[i,e] = sum[j](exp(c[i,j]) * v[j,e])     scan i_band {
 *     r[j,e] = sum[i](c[i,j] * w[i,e])    ->      s_2[i_band,i,j] = …
 *                                                 c_2[i_band,i,j] = cumsum[j](s_2[i_band,i,j])
 *                                                 r.sum[i_band,j,e] = r.sum[i_band - 1, j, e | 0] +
 *                                                     sum[i where i // 32 == i_band](c_2[i_band,i,j] * w[i,e])
 *                                               }
 *                                               r[j,e] = r.sum[size(i_band) - 1, j, e | 0]
 *
 * A loop over blocks of j has not what c needs of the row, and one over blocks of i has not all that r
 * sums: c would be stored whole. In the scan only the band's rows of it are asked for, so a band of it is there,
 * and what reads rows has the original to itself. It costs what is computed twice, as in recompute.c.
 *
 * The rule: what the sum needs of pair arrays can be computed row by row (equations without a sum over a
 * long axis, running folds along the other side), and all else that it needs is there before the
 * scan. Sums of one axis share a scan. In the cascade's own block only. */
#include "opt/opt.h"
#include "opt/pairs.h"

enum { ROWS = 32 };

/* A sum that goes into a scan. */
typedef struct {
    int statement;
    const at_expr *fold;
    const at_expr *value; /* what stands for it, when the scan is there */
} band_sum;

typedef struct {
    int position; /* the statement that it stands in front of */
    const at_axis *rows;
    int count, capacity;
    band_sum *sums;
} band;

typedef struct {
    at_session *s;
    const at_cascade *from;
    at_draft *draft;
    const at_lengths *lengths;
    int known;
    /* By array id: */
    const at_statement **by; /* what computes a pair array again; NULL: it cannot be */
    int *at;                 /* the statement of the cascade's block that writes it; -1: none */
    at_array **clones;       /* in the scan that is being made */
    int band_count, band_capacity;
    band *bands;
    at_axis *axis; /* that counts bands, of the scan that is being made */
    /* While a sum is looked at: */
    const at_axis *rows;
    bool good, runs;
    int ready; /* the first statement in front of which all else that it needs is there */
} banding;

/* ---- what can be computed again -------------------------------------------------------------- */

static bool is_running(const at_statement *st) {
    return st->tag == AT_KEEPING && st->u.keeping.count == 1 && st->u.keeping.parts[0].count == 1 &&
           (st->u.keeping.fold == AT_FOLD_CUMSUM || st->u.keeping.fold == AT_FOLD_CUMPROD ||
            st->u.keeping.fold == AT_FOLD_CUMMAX || st->u.keeping.fold == AT_FOLD_CUMMIN);
}

static void note_written(void *user, const at_array *array) {
    banding *b = user;
    b->at[array->id] = b->ready;
}

static void find_arrays(banding *b) {
    const at_block *body = &b->from->body;
    for (int i = 0; i < b->known; i++) b->at[i] = -1;
    for (int i = 0; i < body->count; i++) {
        const at_statement *st = body->items[i];
        b->ready = i;
        at_statement_written(st, note_written, b);
        const at_array *target = is_running(st) ? st->u.keeping.parts[0].target : st->target;
        if (st->tag != AT_EQUATION && !is_running(st)) continue;
        if (target->kind != AT_REAL || !at_has_pair(b->lengths, target->axes, target->rank))
            continue;
        if (st->tag == AT_EQUATION && at_has_long_fold(b->lengths, st->u.value)) continue;
        b->by[target->id] = st;
    }
    for (int i = 0; i < b->from->output_count; i++) b->by[b->from->outputs[i].array->id] = NULL;
}

/* ---- which sums ------------------------------------------------------------------------------ */

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return true;
    return false;
}

/* A pair array over the rows at hand, that a band is made of. */
static bool is_of_band(const banding *b, const at_array *array) {
    return array->id < b->known && b->by[array->id] && has_axis(array, b->rows);
}

/* Looks at what a sum needs: of pair arrays only its own rows, and what they need in turn. */
static bool look_at_need(void *user, const at_expr *e) {
    banding *b = user;
    if (e->tag != AT_READ) return b->good;
    const at_array *array = e->u.read.array;
    if (!is_of_band(b, array)) {
        if (b->at[array->id] >= b->ready) b->ready = b->at[array->id] + 1;
        return b->good;
    }
    const at_statement *st = b->by[array->id];
    int found = 0;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        bool own = index->tag == AT_INDEX && index->u.axis == b->rows;
        b->good &= own == (array->axes[i] == b->rows);
        found += own;
    }
    b->good &= found == 1;
    if (st->tag == AT_KEEPING) {
        b->good &= st->u.keeping.parts[0].bound[0] != b->rows;
        b->runs = true;
    }
    if (!b->good || b->clones[array->id]) return b->good;
    b->clones[array->id] = (at_array *)array; /* seen */
    at_walk_statement(st, look_at_need, b);
    return b->good;
}

static void add_sum(banding *b, int statement, const at_expr *fold) {
    band_sum sum = {statement, fold, NULL};
    band *to = NULL;
    for (int i = 0; i < b->band_count && !to; i++)
        if (b->bands[i].rows == b->rows && b->ready <= b->bands[i].position) to = &b->bands[i];
    if (!to) {
        band own = {.position = statement, .rows = b->rows};
        AT_PUSH(b->s->arena, b->bands, b->band_count, b->band_capacity, own);
        to = &b->bands[b->band_count - 1];
    }
    AT_PUSH(b->s->arena, to->sums, to->count, to->capacity, sum);
}

static bool look_at_fold(void *user, const at_expr *e) {
    banding *b = user;
    int statement = b->ready;
    if (e->tag != AT_FOLD_NODE) return true;
    if (e->u.fold.fold != AT_FOLD_SUM || e->u.fold.count != 1 || e->kind != AT_REAL ||
        !at_is_long(b->lengths, e->u.fold.axes[0]))
        return false;
    b->rows = e->u.fold.axes[0];
    b->good = true;
    b->runs = false;
    b->ready = 0;
    b->clones = AT_NEW_ARRAY(b->s->arena, at_array *, b->known);
    at_walk(e->u.fold.guard, look_at_need, b);
    at_walk(e->u.fold.body, look_at_need, b);
    if (b->good && b->runs && b->ready <= statement) add_sum(b, statement, e);
    b->ready = statement;
    return false;
}

static void find_sums(banding *b) {
    const at_block *body = &b->from->body;
    for (int i = 0; i < body->count; i++) {
        const at_statement *st = body->items[i];
        if (st->tag != AT_EQUATION || at_has_pair(b->lengths, st->target->axes, st->target->rank))
            continue;
        b->ready = i;
        at_walk(st->u.value, look_at_fold, b);
    }
}

/* ---- scans ----------------------------------------------------------------------------------- */

static const at_expr *of_band(void *user, const at_expr *e);

static const at_expr *in_band(void *user, const at_expr *e) {
    banding *b = user;
    return at_rewrite(b->s, e, of_band, b);
}

static at_array *clone_of(banding *b, const at_array *array) {
    if (b->clones[array->id]) return b->clones[array->id];
    at_statement *st = at_statement_changed(b->s, b->by[array->id], in_band, b);
    at_axis **axes = AT_NEW_ARRAY(b->s->arena, at_axis *, array->rank + 1);
    axes[0] = b->axis;
    at_move(axes + 1, array->axes, sizeof *axes * (size_t)array->rank);
    at_array *clone = at_draft_array(b->draft, array->name, array->path, array->kind, axes,
                                     array->rank + 1, array->span);
    clone->cotangent = array->cotangent;
    if (st->tag == AT_KEEPING) st->u.keeping.parts[0].target = clone;
    else st->target = clone;
    at_draft_add(b->draft, st);
    return b->clones[array->id] = clone;
}

/* A read of a band where e reads the whole. */
static const at_expr *of_band(void *user, const at_expr *e) {
    banding *b = user;
    if (e->tag != AT_READ || !is_of_band(b, e->u.read.array)) return e;
    const at_array *array = clone_of(b, e->u.read.array);
    const at_expr **index = AT_NEW_ARRAY(b->s->arena, const at_expr *, array->rank);
    index[0] = at_index(b->s, b->axis, e->span);
    at_move(index + 1, e->u.read.index, sizeof *index * (size_t)(array->rank - 1));
    return at_read(b->s, array, index, e->u.read.alternative, e->span);
}

/* `array` at this band, at the array's own indices otherwise. */
static const at_expr *read_at(const banding *b, const at_array *array, const at_expr *band_index,
                              at_span span) {
    const at_expr **index = AT_NEW_ARRAY(b->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++)
        index[i] = array->axes[i] == b->axis ? band_index : at_index(b->s, array->axes[i], span);
    return at_read(b->s, array, index, at_real(b->s, 0, span), span);
}

static const at_expr *less_one(const banding *b, const at_expr *e) {
    return at_map_node(b->s, AT_OP_SUB, e, at_int(b->s, 1, e->span), NULL, e->span);
}

static const at_array *add_running(banding *b, const band_sum *sum) {
    at_session *s = b->s;
    const at_expr *fold = sum->fold;
    const at_array *of = b->from->body.items[sum->statement]->target;
    at_span span = fold->span;
    const at_expr *quotient = at_map_node(s, AT_OP_IDIV, at_index(s, b->rows, span),
                                          at_int(s, ROWS, span), NULL, span);
    const at_expr *within =
        at_map_node(s, AT_OP_EQ, quotient, at_index(s, b->axis, span), NULL, span);
    const at_expr *guard = fold->u.fold.guard ? in_band(b, fold->u.fold.guard) : NULL;
    const at_expr *part =
        at_fold_node(s, AT_FOLD_SUM, fold->u.fold.axes, 1, at_both(s, within, guard),
                     in_band(b, fold->u.fold.body), span);
    at_axis **axes;
    int rank = at_draft_free_axes(b->draft, fold, of, &axes);
    at_array *running = at_draft_array(b->draft, at_format(s->arena, "%s.sum", of->name), of->path,
                                       AT_REAL, axes, rank, span);
    running->cotangent = of->cotangent;
    const at_expr *before = read_at(b, running, less_one(b, at_index(s, b->axis, span)), span);
    at_draft_equation(b->draft, running, at_map_node(s, AT_OP_ADD, before, part, NULL, span), span);
    return running;
}

static void add_scan(banding *b, band *made) {
    at_session *s = b->s;
    at_span span = made->rows->span;
    b->rows = made->rows;
    const at_expr *more = at_map_node(s, AT_OP_ADD, at_size_of(s, b->rows, span),
                                      at_int(s, ROWS - 1, span), NULL, span);
    b->axis = at_draft_extent(b->draft, at_format(s->arena, "%s_band", b->rows->name),
                              at_map_node(s, AT_OP_IDIV, more, at_int(s, ROWS, span), NULL, span));
    b->clones = AT_NEW_ARRAY(s->arena, at_array *, b->known);
    at_statement *scan = AT_NEW(s->arena, at_statement);
    scan->tag = AT_SCAN;
    scan->span = span;
    scan->u.scan.count = 1;
    scan->u.scan.axes = at_copy(s->arena, &b->axis, sizeof b->axis);
    scan->u.scan.down = AT_NEW(s->arena, bool);
    at_draft_region region;
    at_draft_open(b->draft, &region);
    region.statement = scan;
    const at_array **running = AT_NEW_ARRAY(s->arena, const at_array *, made->count);
    for (int i = 0; i < made->count; i++) running[i] = add_running(b, &made->sums[i]);
    scan->u.scan.body = at_draft_close(b->draft, &region);
    at_draft_add(b->draft, scan);
    for (int i = 0; i < made->count; i++)
        made->sums[i].value = read_at(b, running[i], less_one(b, at_size(s, b->axis, span)), span);
}

static const at_expr *as_value(void *user, const at_expr *e) {
    const banding *b = user;
    for (int i = 0; e->tag == AT_FOLD_NODE && i < b->band_count; i++)
        for (int k = 0; k < b->bands[i].count; k++)
            if (b->bands[i].sums[k].fold == e) return b->bands[i].sums[k].value;
    return e;
}

static const at_expr *with_values(void *user, const at_expr *e) {
    banding *b = user;
    return at_rewrite(b->s, e, as_value, b);
}

const at_cascade *at_opt_bands(at_session *s, const at_cascade *from) {
    banding b = {.s = s,
                 .from = from,
                 .draft = at_draft_new(s, from),
                 .lengths = at_lengths_of(s, from),
                 .known = from->array_count};
    b.by = AT_NEW_ARRAY(s->arena, const at_statement *, b.known);
    b.at = AT_NEW_ARRAY(s->arena, int, b.known);
    find_arrays(&b);
    find_sums(&b);
    if (!b.band_count) return from;
    for (int i = 0; i < from->body.count; i++) {
        at_statement *st = from->body.items[i];
        for (int k = 0; k < b.band_count; k++)
            if (b.bands[k].position == i) add_scan(&b, &b.bands[k]);
        at_draft_add(b.draft,
                     st->tag == AT_EQUATION ? at_statement_changed(s, st, with_values, &b) : st);
    }
    return at_needed_only(s, b.draft->out);
}
