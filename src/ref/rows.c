/* Statements that need a whole row before they give one element of it: normalisers, running folds,
 * argsort and topk.
 *
 * The bytecode fills a frame's row with the body's values in row-major order of the bound axes,
 * each tagged: outside of the guard, inside, or without a value. The row is then turned into
 * elements of the target. Rows are independent, so threads take whole ones.
 *
 * An element without a value spreads as far as the result depends on it: over the row for a
 * normaliser, argsort and topk (but for elements that the guard leaves out, whose result does not
 * depend on it), over all later ones for a running fold. */
#include "ref/ref_int.h"

#include <math.h>
#include <string.h>

/* ---- rows of frames -------------------------------------------------------------------------- */

bool at_row_new(at_ref *ref, const at_unit *unit, at_frame *frame) {
    size_t n = (size_t)unit->row_length;
    frame->row = at_take(ref, n, sizeof *frame->row);
    frame->row_tag = at_take(ref, n, sizeof *frame->row_tag);
    frame->row_cause = at_take(ref, n, sizeof *frame->row_cause);
    return frame->row && frame->row_tag && frame->row_cause;
}

void at_row_free(at_ref *ref, const at_unit *unit, at_frame *frame) {
    size_t n = (size_t)unit->row_length;
    at_give_back(ref, frame->row, n, sizeof *frame->row);
    at_give_back(ref, frame->row_tag, n, sizeof *frame->row_tag);
    at_give_back(ref, frame->row_cause, n, sizeof *frame->row_cause);
    frame->row = NULL;
    frame->row_tag = NULL;
    frame->row_cause = NULL;
}

bool at_unit_value(at_ref *ref, const at_unit *unit, at_cell *value, uint32_t *cause) {
    at_frame *frame = &unit->frames[0];
    bool good = false;
    *cause = 0;
    at_scatters_run(ref, unit);
    if (!ref->stopped && at_row_new(ref, unit, frame)) {
        frame->position = 0;
        at_unit_rows(unit, frame, 0, 1, 0, 1);
        good = frame->row_tag[0] == AT_ROW_INSIDE && !ref->stopped;
        *value = frame->row[0];
        *cause = frame->row_cause[0];
    }
    at_row_free(ref, unit, frame);
    at_scatters_end(ref, unit);
    return good;
}

/* ---- the target of a row --------------------------------------------------------------------- */

/* Where the elements of one row lie in a store. */
typedef struct {
    at_store *store;
    int64_t base;
    int count;
    int64_t extents[AT_RANK_LIMIT], strides[AT_RANK_LIMIT];
    bool down[AT_RANK_LIMIT];
} row_place;

static int64_t stride_of(const at_store *store, const at_axis *axis) {
    for (int i = 0; i < store->rank; i++)
        if (store->axes[i] == axis) return store->strides[i];
    return 0;
}

static void place_row(const at_ref *ref, const at_unit *unit, const at_part *part, at_store *store,
                      int64_t tuple, row_place *out) {
    int outer = unit->axis_count - part->count;
    out->store = store;
    out->base = 0;
    out->count = part->count;
    for (int i = outer - 1; i >= 0; i--) {
        out->base += tuple % unit->extents[i] * stride_of(store, unit->axes[i]);
        tuple /= unit->extents[i];
    }
    for (int i = 0; i < unit->fixed_count; i++)
        out->base += ref->index[unit->fixed[i]->id] * stride_of(store, unit->fixed[i]);
    for (int i = 0; i < part->count; i++) {
        out->extents[i] = unit->extents[outer + i];
        out->strides[i] = stride_of(store, part->bound[i]);
        out->down[i] = part->down && part->down[i];
    }
}

/* The element at row-major position k of the row. */
static int64_t element_at(const row_place *place, int64_t k) {
    int64_t at = place->base;
    for (int i = place->count - 1; i > 0; i--) {
        at += k % place->extents[i] * place->strides[i];
        k /= place->extents[i];
    }
    return at + k * place->strides[0];
}

/* The position that a running fold comes to as its k-th. */
static int64_t position_at(const row_place *place, int64_t k) {
    int64_t position = 0, weight = 1;
    for (int i = place->count - 1; i >= 0; i--) {
        int64_t index = k % place->extents[i];
        k /= place->extents[i];
        if (place->down[i]) index = place->extents[i] - 1 - index;
        position += index * weight;
        weight *= place->extents[i];
    }
    return position;
}

static void fill_row(const at_unit *unit, const at_part *part, at_frame *frame, int64_t tuple) {
    int64_t rows = 1;
    for (int i = unit->axis_count - part->count; i < unit->axis_count - 1; i++)
        rows *= unit->extents[i];
    frame->position = 0;
    if (unit->row_length > 0)
        at_unit_rows(unit, frame, tuple * rows, (tuple + 1) * rows, 0, unit->width);
}

/* The first failure in a row; 0: none. */
static uint32_t row_cause(const at_unit *unit, const at_frame *frame) {
    for (int64_t k = 0; k < unit->row_length; k++)
        if (frame->row_cause[k]) return frame->row_cause[k];
    return 0;
}

/* ---- normalisers ----------------------------------------------------------------------------- */

static double power(at_jitter *jitter, double x, double maximum) {
    double least = AT_JITTERED(jitter, AT_OP_SUB, x, maximum, x - maximum);
    return AT_JITTERED(jitter, AT_OP_EXP, least, 0, exp(least));
}

/* An element inside of the guard, of a row that is not empty. */
static double normalised(at_jitter *jitter, bool logarithm, double x, double maximum, double sum) {
    if (!logarithm) {
        double part = power(jitter, x, maximum);
        return AT_JITTERED(jitter, AT_OP_DIV, part, sum, part / sum);
    }
    double least = AT_JITTERED(jitter, AT_OP_SUB, x, maximum, x - maximum);
    double all = AT_JITTERED(jitter, AT_OP_LOG, sum, 0, log(sum));
    return AT_JITTERED(jitter, AT_OP_SUB, least, all, least - all);
}

static void normalise(at_ref *ref, const at_step *step, at_frame **frames,
                      const row_place *places) {
    bool logarithm = step->st->u.keeping.fold == AT_FOLD_LOG_SOFTMAX;
    double maximum = -INFINITY, sum = 0;
    uint32_t cause = 0;
    for (int p = 0; p < step->unit_count; p++) {
        if (!cause) cause = row_cause(step->units[p], frames[p]);
        for (int64_t k = 0; k < step->units[p]->row_length; k++) {
            double x = frames[p]->row[k].r;
            if (frames[p]->row_tag[k] != AT_ROW_INSIDE || isnan(maximum)) continue;
            if (isnan(x) || x > maximum) maximum = x;
        }
    }
    bool empty = maximum == -INFINITY;
    for (int p = 0; p < step->unit_count && !empty; p++)
        for (int64_t k = 0; k < step->units[p]->row_length; k++)
            if (frames[p]->row_tag[k] == AT_ROW_INSIDE) {
                double part = power(ref->jitter, frames[p]->row[k].r, maximum);
                sum = AT_JITTERED(ref->jitter, AT_OP_ADD, sum, part, sum + part);
            }
    for (int p = 0; p < step->unit_count; p++)
        for (int64_t k = 0; k < step->units[p]->row_length; k++) {
            at_store *store = places[p].store;
            int64_t at = element_at(&places[p], k);
            double x = frames[p]->row[k].r;
            unsigned tag = frames[p]->row_tag[k];
            at_cell result = {.r = logarithm ? -INFINITY : 0.0};
            if (tag == AT_ROW_GUARD_POISON) {
                at_poison(ref, store, at, frames[p]->row_cause[k]);
            } else if (tag == AT_ROW_OUTSIDE) {
                at_store_put(store, at, result);
                if (!logarithm && store->zero) store->zero[at] = 1;
            } else if (cause) {
                at_poison(ref, store, at, cause);
            } else {
                if (!empty) result.r = normalised(ref->jitter, logarithm, x, maximum, sum);
                at_store_put(store, at, result);
            }
        }
}

/* ---- running folds --------------------------------------------------------------------------- */

typedef struct {
    at_cell value;
    bool some;      /* an element was taken in */
    uint32_t cause; /* since one had no value */
} running;

static void take_in(at_ref *ref, const at_step *step, at_fold fold, bool real, at_cell x,
                    running *so_far) {
    at_cell *value = &so_far->value;
    bool first = !so_far->some;
    so_far->some = true;
    at_op op = fold == AT_FOLD_CUMSUM ? AT_OP_ADD : AT_OP_MUL;
    bool largest = fold == AT_FOLD_CUMMAX;
    if (fold == AT_FOLD_CUMMAX || fold == AT_FOLD_CUMMIN) {
        if (!real) {
            if (first || (largest ? x.i > value->i : x.i < value->i)) *value = x;
        } else if (!isnan(value->r)) {
            if (isnan(x.r) || (largest ? x.r > value->r : x.r < value->r)) *value = x;
        }
    } else if (real) {
        double all = op == AT_OP_ADD ? value->r + x.r : value->r * x.r;
        value->r = AT_JITTERED(ref->jitter, op, value->r, x.r, all);
    } else if (!at_int_op(op, value->i, x.i, 0, &value->i)) {
        so_far->cause = at_cause_id(ref, AT_CAUSE_OVERFLOW, &step->site, x.i, 0);
    }
}

static running at_beginning(at_fold fold, bool real) {
    running r = {{.i = 0}, false, 0};
    switch (fold) {
    case AT_FOLD_CUMPROD:
        if (real) r.value.r = 1;
        else r.value.i = 1;
        break;
    case AT_FOLD_CUMMAX: r.value.r = -INFINITY; break;
    case AT_FOLD_CUMMIN: r.value.r = INFINITY; break;
    default: break;
    }
    return r;
}

static void accumulate(at_ref *ref, const at_step *step, const at_unit *unit, const at_frame *frame,
                       const row_place *place) {
    at_fold fold = step->st->u.keeping.fold;
    bool real = place->store->kind == AT_REAL;
    bool needs_one = !real && (fold == AT_FOLD_CUMMAX || fold == AT_FOLD_CUMMIN);
    running so_far = at_beginning(fold, real);
    for (int64_t k = 0; k < unit->row_length; k++) {
        int64_t position = position_at(place, k), at = element_at(place, position);
        if (!so_far.cause) so_far.cause = frame->row_cause[position];
        if (!so_far.cause && frame->row_tag[position] == AT_ROW_INSIDE)
            take_in(ref, step, fold, real, frame->row[position], &so_far);
        uint32_t cause = so_far.cause;
        if (!cause && needs_one && !so_far.some)
            cause = at_cause_id(ref, AT_CAUSE_EMPTY, &step->site, 0, 0);
        if (cause) at_poison(ref, place->store, at, cause);
        else at_store_put(place->store, at, so_far.value);
    }
}

/* ---- orders ---------------------------------------------------------------------------------- */

void at_sort(int64_t *order, int64_t *spare, int64_t count,
             bool (*before)(const void *user, int64_t a, int64_t b), const void *user) {
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t from = 0; from < count; from += 2 * width) {
            int64_t middle = from + width < count ? from + width : count;
            int64_t to = middle + width < count ? middle + width : count;
            int64_t a = from, b = middle;
            for (int64_t k = from; k < to; k++) {
                bool second = a == middle || (b < to && before(user, order[b], order[a]));
                spare[k] = second ? order[b++] : order[a++];
            }
        }
        memcpy(order, spare, sizeof *order * (size_t)count);
    }
}

typedef struct {
    const at_cell *row;
    bool real, falling;
} ordering;

/* NaN comes last, whichever way. */
static bool comes_before(const void *user, int64_t a, int64_t b) {
    const ordering *by = user;
    at_cell x = by->row[a], y = by->row[b];
    if (!by->real) return by->falling ? x.i > y.i : x.i < y.i;
    if (isnan(x.r)) return false;
    if (isnan(y.r)) return true;
    return by->falling ? x.r > y.r : x.r < y.r;
}

/* The positions inside the guard in order; how many. */
static int64_t sort_row(const at_unit *unit, const at_frame *frame, bool real, bool falling,
                        int64_t *order) {
    int64_t count = 0;
    for (int64_t k = 0; k < unit->row_length; k++)
        if (frame->row_tag[k] == AT_ROW_INSIDE) order[count++] = k;
    ordering by = {frame->row, real, falling};
    at_sort(order, order + unit->row_length, count, comes_before, &by);
    return count;
}

static void sort_into(at_ref *ref, const at_unit *unit, const at_part *part, const at_frame *frame,
                      const row_place *place, int64_t *order) {
    uint32_t cause = row_cause(unit, frame);
    int64_t count = cause ? 0 : sort_row(unit, frame, part->body->kind == AT_REAL, false, order);
    for (int64_t k = 0; k < unit->row_length; k++) {
        int64_t at = element_at(place, k);
        if (cause) at_poison(ref, place->store, at, cause);
        else at_store_put(place->store, at, (at_cell){.i = k < count ? order[k] : -1});
    }
}

/* ---- running through the rows ---------------------------------------------------------------- */

static int64_t tuples_of(const at_unit *unit, const at_part *part) {
    int64_t tuples = 1;
    for (int i = 0; i < unit->axis_count - part->count; i++) tuples *= unit->extents[i];
    return tuples;
}

typedef struct {
    at_ref *ref;
    const at_step *step;
    at_part *parts;
    int thread;
    int64_t *order; /* twice the row, for sorting */
} worker;

static void keeping_tuple(const worker *w, int64_t tuple, row_place *places, at_frame **frames) {
    const at_step *step = w->step;
    for (int p = 0; p < step->unit_count; p++) {
        const at_part *part = &w->parts[p];
        frames[p] = &step->units[p]->frames[w->thread];
        fill_row(step->units[p], part, frames[p], tuple);
        place_row(w->ref, step->units[p], part, w->ref->stores[part->target->id], tuple,
                  &places[p]);
    }
    if (w->ref->stopped) return;
    switch (step->st->u.keeping.fold) {
    case AT_FOLD_SOFTMAX:
    case AT_FOLD_LOG_SOFTMAX: normalise(w->ref, step, frames, places); break;
    case AT_FOLD_ARGSORT:
        sort_into(w->ref, step->units[0], w->parts, frames[0], &places[0], w->order);
        break;
    default: accumulate(w->ref, step, step->units[0], frames[0], &places[0]); break;
    }
}

/* Indices of the largest in the rank axis, then -1. */
static void topk_tuple(const worker *w, int64_t tuple, row_place *places) {
    const at_unit *unit = w->step->units[0];
    at_store *store = w->step->target;
    at_frame *frame = &unit->frames[w->thread];
    fill_row(unit, w->parts, frame, tuple);
    place_row(w->ref, unit, w->parts, store, tuple, &places[0]);
    if (w->ref->stopped) return;
    uint32_t cause = row_cause(unit, frame);
    int64_t ranks = store->extents[store->rank - 1], stride = store->strides[store->rank - 1];
    int64_t count = 0;
    if (!cause) count = sort_row(unit, frame, w->parts->body->kind == AT_REAL, true, w->order);
    for (int64_t k = 0; k < ranks; k++) {
        int64_t at = places[0].base + k * stride;
        if (cause) at_poison(w->ref, store, at, cause);
        else at_store_put(store, at, (at_cell){.i = k < count ? w->order[k] : -1});
    }
}

static void run_rows(at_ref *ref, const at_step *step, at_part *parts, int64_t tuples) {
    bool topk = step->st->tag == AT_TOPK;
    bool sorts = topk || step->st->u.keeping.fold == AT_FOLD_ARGSORT;
    if (tuples == 0 || ref->stopped) return;
    int threads = tuples < ref->threads ? (int)tuples : ref->threads;
    for (int p = 0; p < step->unit_count; p++)
        if (step->units[p]->frame_count < threads) threads = step->units[p]->frame_count;
#pragma omp parallel num_threads(threads)
    {
        worker w = {ref, step, parts, omp_get_thread_num(), NULL};
        size_t cells = sorts ? 2 * (size_t)step->units[0]->row_length : 0;
        size_t count = (size_t)step->unit_count;
        row_place *places = at_take(ref, count, sizeof *places);
        at_frame **frames = at_take(ref, count, sizeof(at_frame *));
        w.order = at_take(ref, cells, sizeof *w.order);
        for (int p = 0; p < step->unit_count; p++)
            at_row_new(ref, step->units[p], &step->units[p]->frames[w.thread]);
#pragma omp barrier
#pragma omp for schedule(dynamic)
        for (int64_t tuple = 0; tuple < tuples; tuple++) {
            if (ref->stopped) continue;
            if (topk) topk_tuple(&w, tuple, places);
            else keeping_tuple(&w, tuple, places, frames);
        }
        for (int p = 0; p < step->unit_count; p++)
            at_row_free(ref, step->units[p], &step->units[p]->frames[w.thread]);
        at_give_back(ref, places, count, sizeof *places);
        at_give_back(ref, frames, count, sizeof(at_frame *));
        at_give_back(ref, w.order, cells, sizeof *w.order);
    }
}

static void run_tuples(at_ref *ref, const at_step *step, at_part *parts, int64_t tuples) {
    for (int p = 0; p < step->unit_count; p++) at_scatters_run(ref, step->units[p]);
    run_rows(ref, step, parts, tuples);
    for (int p = 0; p < step->unit_count; p++) at_scatters_end(ref, step->units[p]);
}

void at_keeping_run(at_ref *ref, const at_step *step) {
    at_part *parts = step->st->u.keeping.parts;
    run_tuples(ref, step, parts, tuples_of(step->units[0], &parts[0]));
}

void at_topk_run(at_ref *ref, const at_step *step) {
    at_part part = step->st->u.topk;
    run_tuples(ref, step, &part, tuples_of(step->units[0], &part));
}
