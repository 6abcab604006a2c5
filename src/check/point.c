/* A derivative at one point: inputs and parameters are drawn, the derivative is run with drawn
 * cotangents c, and its product with a direction u is compared with the slope of
 *
 *     L(h) = sum of c * outputs, at (inputs, parameters) + h * u
 *
 * along several directions: one over everything, and one for each input and parameter alone.
 *
 * An error is measured against |g| + |slope|, where |g| is how large g·u is by chance, u being
 * drawn from normal(0, 1); and never against less than a thousandth of what L adds up: values are
 * known to 1e-16 of their size, and slopes to that over the step, so of a gradient that is nearly 0
 * beside its function nothing can be said.
 *
 * An output's infinities (a log_softmax outside of its guard) take no part: their cotangent is
 * 0. */
#include "check/check_int.h"

#include <math.h>
#include <string.h>

/* An input of reals or a param: where its elements are, and the directions among them. */
typedef struct {
    const char *name;   /* of the input, or the param's path */
    at_named *pieces;   /* in the call's collections: one, or one a round */
    int piece_count;
    int64_t count;      /* elements of all pieces */
    double *base, *direction;
    bool moves;
    const double *gradient;
} leaf;

typedef struct {
    at_session *s;
    at_point *point;
    at_call call;
    at_collection inputs, params, given; /* given: inputs for the derivative, cotangents among them */
    at_results values;      /* of the function at the point */
    at_results derivative;
    int leaf_count;
    leaf *leaves;
    double **cotangents;    /* by output; NULL: not real */
    double size;            /* what L is the sum of, without signs */
} work;

/* ---- the point ------------------------------------------------------------------------------- */

static bool add_leaf(work *w, const char *name, const at_collection *in, int first) {
    at_session *s = w->s;
    leaf *l = &w->leaves[w->leaf_count++];
    *l = (leaf){.name = name, .pieces = &in->items[first], .piece_count = in->count - first};
    for (int i = 0; i < l->piece_count; i++) l->count += l->pieces[i].tensor->count;
    l->base = AT_NEW_ARRAY(s->arena, double, l->count);
    l->direction = AT_NEW_ARRAY(s->arena, double, l->count);
    return true;
}

static void keep_base(leaf *l) {
    double *to = l->base;
    for (int i = 0; i < l->piece_count; to += l->pieces[i++].tensor->count)
        at_move(to, l->pieces[i].tensor->data, sizeof *to * (size_t)l->pieces[i].tensor->count);
}

/* Collections grow, so leaves are made once all are there. */
static void find_leaves(work *w) {
    const at_cascade *c = w->point->cascade;
    w->leaves = AT_NEW_ARRAY(w->s->arena, leaf, c->input_count + c->param_count);
    for (int i = 0; i < c->input_count; i++) {
        if (c->inputs[i].array->kind != AT_REAL) continue;
        at_collection one = {.count = i + 1, .items = w->inputs.items};
        add_leaf(w, c->inputs[i].array->name, &one, i);
    }
    for (int i = 0, first = 0; i < c->param_count; i++) {
        const at_array *array = c->params[i].array;
        int64_t rounds = 1;
        const char *path = array->path;
        for (int k = 0; (path = strstr(path, "[]")) != NULL && k < array->rank; path += 2)
            rounds *= w->point->all[array->axes[k++]->id];
        at_collection one = {.count = first + (int)rounds, .items = w->params.items};
        add_leaf(w, array->path, &one, first);
        first += (int)rounds;
    }
    for (int i = 0; i < w->leaf_count; i++) keep_base(&w->leaves[i]);
}

static bool draw_point(work *w) {
    const at_cascade *c = w->point->cascade;
    if (!at_draw_inputs(w->s, c, &w->call, w->point->all, w->point->positive, &w->inputs))
        return false;
    if (!at_draw_starts(w->s, c->params, c->param_count, &w->call, w->point->all, &w->params))
        return false;
    find_leaves(w);
    w->call.inputs = &w->inputs;
    w->call.params = &w->params;
    return true;
}

/* ---- the function ---------------------------------------------------------------------------- */

static void draw_cotangents(work *w) {
    const at_collection *outputs = &w->values.outputs;
    w->cotangents = AT_NEW_ARRAY(w->s->arena, double *, outputs->count);
    for (int i = 0; i < outputs->count; i++) {
        const at_tensor *tensor = outputs->items[i].tensor;
        if (tensor->type != AT_TYPE_F64) continue;
        const double *value = tensor->data;
        double *c = w->cotangents[i] = AT_NEW_ARRAY(w->s->arena, double, tensor->count);
        uint64_t key = at_draw_key(w->point->seed, 2, outputs->items[i].name);
        for (int64_t k = 0; k < tensor->count; k++) {
            c[k] = isinf(value[k]) ? 0 : at_draw_value(key, (uint64_t)k, AT_DRAW_NORMAL);
            if (c[k] != 0) w->size += fabs(c[k] * value[k]);
        }
    }
}

/* The sum of c * outputs, or NaN. */
static double loss_of(const work *w, const at_results *results) {
    long double sum = 0;
    for (int i = 0; i < results->outputs.count; i++) {
        const at_tensor *tensor = results->outputs.items[i].tensor;
        const double *c = w->cotangents[i], *value = tensor->data;
        for (int64_t k = 0; c && k < tensor->count; k++)
            if (c[k] != 0) sum += (long double)c[k] * value[k];
    }
    return (double)sum;
}

static void move(const work *w, double step) {
    for (int i = 0; i < w->leaf_count; i++) {
        const leaf *l = &w->leaves[i];
        int64_t from = 0;
        for (int p = 0; p < l->piece_count; p++) {
            double *to = l->pieces[p].tensor->data;
            for (int64_t k = 0; k < l->pieces[p].tensor->count; k++, from++)
                to[k] = l->base[from] + (l->moves ? step * l->direction[from] : 0);
        }
    }
}

/* The loss a step away; what errors say there does not matter. */
static bool loss_at(void *user, double step, double *value) {
    work *w = user;
    at_session *s = w->s;
    int count = s->diag_count, lost = s->diag_lost;
    at_results results;
    move(w, step);
    bool good = at_ref_run(s, w->point->cascade, &w->call, &results);
    s->diag_count = count;
    s->diag_lost = lost;
    if (!good) return false;
    *value = loss_of(w, &results);
    at_results_free(&results);
    return isfinite(*value);
}

/* ---- the derivative -------------------------------------------------------------------------- */

/* The function's inputs, and the cotangents of its outputs behind them. */
static bool give_cotangents(work *w) {
    const at_cascade *c = w->point->cascade, *d = w->point->derivative;
    int next = c->input_count;
    for (int i = 0; i < c->input_count; i++) {
        at_collection_add(w->s, &w->given, w->inputs.items[i].name, w->inputs.items[i].tensor);
        w->inputs.items[i].tensor = NULL; /* until they are given back */
    }
    for (int i = 0; i < c->output_count; i++) {
        const at_tensor *value = w->values.outputs.items[i].tensor;
        if (value->type != AT_TYPE_F64) continue;
        at_tensor *one =
            at_tensor_new(w->s, AT_TYPE_F64, value->extents, value->rank, "a cotangent");
        if (!one) return false;
        at_move(one->data, w->cotangents[i], sizeof(double) * (size_t)one->count);
        at_collection_add(w->s, &w->given, d->inputs[next++].array->name, one);
    }
    return true;
}

static bool run_derivative(work *w) {
    at_call call = w->call;
    bool good = give_cotangents(w);
    call.inputs = &w->given;
    good = good && at_ref_run(w->s, w->point->derivative, &call, &w->derivative);
    for (int i = 0; i < w->inputs.count; i++) {
        w->inputs.items[i].tensor = w->given.items[i].tensor;
        w->given.items[i].tensor = NULL;
    }
    if (!good) return false;
    AT_ASSERT(w->s, w->derivative.outputs.count == w->leaf_count);
    for (int i = 0; i < w->leaf_count; i++) {
        const at_tensor *tensor = w->derivative.outputs.items[i].tensor;
        AT_ASSERT(w->s, tensor->count == w->leaves[i].count);
        w->leaves[i].gradient = tensor->data;
    }
    return true;
}

static const leaf *not_finite(const work *w) {
    for (int i = 0; i < w->leaf_count; i++)
        for (int64_t k = 0; k < w->leaves[i].count; k++)
            if (!isfinite(w->leaves[i].gradient[k])) return &w->leaves[i];
    return NULL;
}

/* ---- directions ------------------------------------------------------------------------------ */

typedef struct {
    double derived, differed, error; /* relative; 0 where it is rough */
    bool rough;
} slopes;

/* Along `alone`, or along everything. */
static void choose_direction(work *w, const leaf *alone, int number) {
    for (int i = 0; i < w->leaf_count; i++) {
        leaf *l = &w->leaves[i];
        l->moves = !alone || alone == l;
        uint64_t key = at_draw_key(w->point->seed, 3 + (uint64_t)number, l->name);
        for (int64_t k = 0; k < l->count; k++)
            l->direction[k] = at_draw_value(key, (uint64_t)k, AT_DRAW_NORMAL);
    }
}

/* Whether differences tell a slope, known to a tenth of what is allowed of `scale`. */
static bool is_settled(const at_difference *difference, double scale) {
    static const double SETTLED = 0.1;
    return difference->slope_error <= SETTLED * AT_GRADIENT_TOLERANCE * scale &&
           fabs(difference->bend) <= AT_GRADIENT_TOLERANCE * scale;
}

static slopes compare_along(work *w, double middle) {
    long double product = 0, squares = 0;
    for (int i = 0; i < w->leaf_count; i++) {
        const leaf *l = &w->leaves[i];
        for (int64_t k = 0; k < l->count && l->moves && l->gradient; k++) {
            product += (long double)l->gradient[k] * l->direction[k];
            squares += (long double)l->gradient[k] * l->gradient[k];
        }
    }
    slopes out = {.derived = (double)product};
    double length = (double)sqrtl(squares), floor = 1e-3 * w->size;
    at_difference difference;
    if (!at_difference_take(loss_at, w, middle, 0.1 * AT_GRADIENT_TOLERANCE * (length + floor),
                            &difference))
        return (slopes){.rough = true};
    out.differed = difference.slope;
    double scale = length + fabs(out.differed) + floor;
    if (scale == 0) return out;
    out.rough = !is_settled(&difference, scale);
    out.error = fabs(out.derived - out.differed) / scale;
    if (out.rough || out.error <= AT_GRADIENT_TOLERANCE) return out;
    /* They disagree. A gradient that is far too large must not be what makes differences look
     * settled: in a chaotic function it is right, and differences are noise. */
    if (!at_difference_take(loss_at, w, middle, 0, &difference)) return (slopes){.rough = true};
    out.differed = difference.slope;
    out.error = fabs(out.derived - out.differed) / (length + fabs(out.differed) + floor);
    out.rough = !is_settled(&difference, fabs(out.differed) + floor);
    return out;
}

static bool disagrees(const slopes *along) {
    return !along->rough && !(along->error <= AT_GRADIENT_TOLERANCE);
}

static void blame(at_point *point, const leaf *l, const slopes *along) {
    point->verdict = AT_POINT_DIFFERS;
    point->by = l ? l->name : NULL;
    point->derived = along->derived;
    point->differed = along->differed;
}

/* Everything together, then each alone; after a disagreement of all until one is found. */
static void compare(work *w, double middle) {
    at_point *point = w->point;
    int alone = w->leaf_count > 1 ? w->leaf_count : 0;
    choose_direction(w, NULL, 0);
    slopes all = compare_along(w, middle);
    point->verdict = all.rough ? AT_POINT_ROUGH : AT_POINT_AGREES;
    if (all.rough) return;
    point->worst = all.error;
    if (disagrees(&all)) blame(point, w->leaf_count == 1 ? w->leaves : NULL, &all);
    for (int i = 0; i < alone; i++) {
        if (i + 1 >= point->directions && !disagrees(&all)) break;
        choose_direction(w, &w->leaves[i], i + 1);
        slopes along = compare_along(w, middle);
        if (along.rough) continue;
        point->worst = fmax(point->worst, along.error);
        if (!disagrees(&along)) continue;
        blame(point, &w->leaves[i], &along);
        return;
    }
}

/* A derivative that is not finite is wrong where the function is smooth. */
static void judge_not_finite(work *w, leaf *l, double middle) {
    for (int64_t k = 0; k < l->count; k++) l->direction[k] = 1;
    for (int i = 0; i < w->leaf_count; i++) {
        w->leaves[i].moves = &w->leaves[i] == l;
        w->leaves[i].gradient = NULL;
    }
    w->point->verdict = compare_along(w, middle).rough ? AT_POINT_ROUGH : AT_POINT_BREAKS;
    w->point->by = l->name;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool body(void *user) {
    work *w = user;
    at_point *point = w->point;
    point->verdict = AT_POINT_FAILS;
    if (!draw_point(w) || !at_ref_run(w->s, point->cascade, &w->call, &w->values)) return false;
    draw_cotangents(w);
    double middle = loss_of(w, &w->values);
    if (!isfinite(middle)) return false;
    point->verdict = AT_POINT_BREAKS;
    if (!run_derivative(w)) return false;
    const leaf *broken = not_finite(w);
    if (broken) judge_not_finite(w, &w->leaves[broken - w->leaves], middle);
    else compare(w, middle);
    return true;
}

static void release(void *user) {
    work *w = user;
    at_results_free(&w->values);
    at_results_free(&w->derivative);
    at_collection_free(&w->given);
    at_collection_free(&w->inputs);
    at_collection_free(&w->params);
}

void at_point_compare(at_session *s, at_point *point) {
    enum { MEMORY = 1 << 30 };
    work *w = AT_NEW(s->arena, work);
    *w = (work){.s = s, .point = point,
                .call = {.seed = point->seed, .threads = 1, .memory_limit = MEMORY}};
    point->worst = 0;
    point->by = NULL;
    (void)at_released(s, body, release, w);
}
