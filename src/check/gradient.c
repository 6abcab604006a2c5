/* A function's derivative against differences, at several extents and points. What one comparison
 * is stands in point.c; here points are chosen and what came of them is told.
 *
 * A point where the function has a corner, a jump, an error or NaN says nothing and is drawn again,
 * by the next seed; every other time from (0, 1), for functions that take only such. Extents are
 * small and points few: a wrong rule is wrong almost everywhere. */
#include "check/check_int.h"
#include "grad/grad.h"

#include <inttypes.h>
#include <math.h>

enum {
    USUAL_POINTS = 4,   /* sets of extents */
    ATTEMPTS = 6,       /* points drawn at each */
    RUNS = 8,           /* of the function along one direction, about */
};

/* Operations on elements, as law.c counts them. */
static const double MOST_WORK = 1e5; /* of one run, as far as extents can be made small */
static const double MOST_IN_ALL = 2e7; /* of all runs, but for one point along one direction */
static const double MOST_OF_ONE = 2e8; /* and of that */

typedef struct {
    at_session *s;
    const at_law_options *options;
    at_gradient_result *result;
    at_law_frame frame;
    int64_t *extents;
    double spent;
    bool limited;           /* a run of the derivative met a limit */
    /* Of the frame's cascade, in its session: */
    int compilation;
    const at_cascade *smooth, *derivative;
} work;

/* ---- the derivative -------------------------------------------------------------------------- */

static bool has_reals(const at_cascade *c, bool outputs) {
    for (int i = 0; outputs && i < c->output_count; i++)
        if (c->outputs[i].array->kind == AT_REAL) return true;
    for (int i = 0; !outputs && i < c->input_count; i++)
        if (c->inputs[i].array->kind == AT_REAL) return true;
    return !outputs && c->param_count > 0;
}

static bool derive_guarded(void *user) {
    work *w = user;
    w->smooth = at_without_stops(w->frame.s, w->frame.cascade);
    w->derivative = at_derivative(w->frame.s, w->smooth, NULL, false);
    return w->derivative != NULL;
}

/* Derives the frame's cascade unless that was done. Errors are in the frame's session. */
static bool derive(work *w) {
    if (w->compilation == w->frame.compilations && w->derivative) return true;
    w->compilation = w->frame.compilations;
    w->derivative = NULL;
    return at_guarded(w->frame.s, derive_guarded, w);
}

/* ---- points ---------------------------------------------------------------------------------- */

static at_point point_of(const work *w, uint64_t seed, int attempt, const int64_t *all) {
    double one = RUNS * at_law_work(w->smooth, all), left = MOST_IN_ALL - w->spent;
    double directions = left / (one > 1 ? one : 1);
    return (at_point){.cascade = w->smooth,
                      .derivative = w->derivative,
                      .all = all,
                      .seed = seed + 1000003u * (uint64_t)attempt,
                      .positive = attempt % 2 == 1,
                      .directions = directions < 1      ? 1
                                    : directions > 1000 ? 1000
                                                        : (int)directions};
}

/* Runs it in memory that is given back. */
static at_point look(work *w, uint64_t seed, int attempt) {
    enum { MEMORY = 1 << 30 };
    const int64_t *all = at_extents_all(w->frame.s, &w->frame, w->smooth, w->extents);
    at_point point = point_of(w, seed, attempt, all);
    at_session *own = at_session_new(MEMORY);
    if (own) at_point_compare(own, &point);
    else point.verdict = AT_POINT_FAILS;
    int last = own ? own->diag_count - 1 : -1;
    w->limited = point.verdict == AT_POINT_BREAKS && last >= 0 &&
                 at_code_blame(own->diags[last]->code) == AT_UNSUPPORTED;
    at_session_free(own);
    int directions = w->smooth->input_count + w->smooth->param_count + 1;
    if (directions > point.directions) directions = point.directions;
    w->spent += directions * RUNS * at_law_work(w->smooth, all);
    return point;
}

/* ---- what is told ---------------------------------------------------------------------------- */

static const char *sizes_text(const work *w, const char *equals, const char *comma) {
    const char *text = "";
    for (int i = 0; i < w->frame.count; i++)
        text = at_format(w->s->arena, "%s%s%s%s%" PRId64, text, i ? comma : "", w->frame.names[i],
                         equals, w->extents[i]);
    return text;
}

static void note_point(const work *w, at_diag *diag, uint64_t seed) {
    at_session *s = w->s;
    const at_resolve_options *o = &w->options->resolve;
    const char *command = at_format(s->arena, "attend check %s --gradient %s --seed %" PRIu64,
                                    w->frame.law->span.source->name, w->frame.law->name, seed);
    at_note(s, diag, at_no_span(), "with %s%sseed %" PRIu64, sizes_text(w, " = ", ", "),
            w->frame.count ? " and " : "", seed);
    if (w->frame.count)
        command = at_format(s->arena, "%s --size %s", command, sizes_text(w, "=", ","));
    for (int i = 0; i < o->set_count; i++)
        command = at_format(s->arena, "%s --set '%s=%s'", command, o->set_names[i],
                            o->set_values[i]);
    if (o->training) command = at_format(s->arena, "%s --training", command);
    at_note(s, diag, at_no_span(), "again: %s", command);
}

static void keep_point(work *w, const at_point *point, uint64_t seed) {
    at_gradient_result *result = w->result;
    at_known_size *sizes = AT_NEW_ARRAY(w->s->arena, at_known_size, w->frame.count);
    for (int i = 0; i < w->frame.count; i++)
        sizes[i] = (at_known_size){w->frame.names[i], w->extents[i]};
    result->sizes = sizes;
    result->size_count = w->frame.count;
    result->seed = seed;
    result->by = point->by ? at_format(w->s->arena, "%s", point->by) : NULL;
    result->derived = point->derived;
    result->differed = point->differed;
}

static void tell_differs(const work *w, const at_point *point, uint64_t seed) {
    at_session *s = w->s;
    const char *by = point->by ? at_format(s->arena, " by `%s`", point->by) : "";
    at_diag *diag = at_error(s, AT_E_GRADIENT_DIFFERS, w->frame.law->span,
                             "the derivative of `%s`%s is not the slope that differences have",
                             w->frame.law->name, by);
    at_label(s, diag, "along a random direction: %.9g by the derivative, %.9g by differences",
             point->derived, point->differed);
    note_point(w, diag, seed);
    at_hint(s, diag, "where the function is smooth, this is a mistake of attend: please report it");
}

/* Runs the point in the caller's session, which gets the errors of the derivative's run. */
static void tell_breaks(const work *w, const at_point *found, uint64_t seed, int attempt) {
    at_session *s = w->s;
    int count = s->diag_count;
    const char *name = w->frame.law->name;
    at_diag *diag;
    if (found->by) {
        diag = at_error(s, AT_E_GRADIENT_BREAKS, w->frame.law->span,
                        "the derivative of `%s` by `%s` is not finite", name, found->by);
        at_label(s, diag, "here it is smooth");
        at_hint(s, diag,
                "an infinite slope inside makes NaN where it meets a 0; guards and `if` keep such "
                "elements out");
    } else {
        at_point point = point_of(w, seed, attempt, found->all);
        at_point_compare(s, &point);
        if (s->diag_count == count) return;
        diag = at_error(s, AT_E_GRADIENT_BREAKS, w->frame.law->span,
                        "the derivative of `%s` has errors where the function has none", name);
        at_hint(s, diag, "this is a mistake of attend: please report it");
    }
    note_point(w, diag, seed);
}

/* Resolves and derives in the caller's session, so that errors are told. */
static bool tell_refused(work *w) {
    const at_cascade *cascade = at_law_resolve(w->s, &w->frame, w->extents);
    if (cascade) (void)at_derivative(w->s, at_without_stops(w->s, cascade), NULL, false);
    return false;
}

/* ---- all points ------------------------------------------------------------------------------ */

/* Whether even one point would take long: extents that options give cannot be made smaller. */
static bool is_too_long(const work *w) {
    const int64_t *all = at_extents_all(w->frame.s, &w->frame, w->frame.cascade, w->extents);
    return RUNS * at_law_work(w->frame.cascade, all) > MOST_OF_ONE;
}

/* False when the check is over. */
static bool try_extents(work *w, uint64_t seed, bool *found) {
    at_gradient_result *result = w->result;
    *found = false;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        at_point point = look(w, seed, attempt);
        if (w->limited) return true;
        switch (point.verdict) {
        case AT_POINT_AGREES:
            result->points++;
            result->worst = fmax(result->worst, point.worst);
            *found = true;
            return true;
        case AT_POINT_DIFFERS:
        case AT_POINT_BREAKS:
            result->points++;
            result->worst = fmax(result->worst, point.worst);
            keep_point(w, &point, seed);
            if (point.verdict == AT_POINT_DIFFERS) tell_differs(w, &point, seed);
            else tell_breaks(w, &point, seed, attempt);
            return false;
        case AT_POINT_ROUGH: result->rough++; break;
        case AT_POINT_FAILS: result->failed++; break;
        }
    }
    return true;
}

/* Functions that have errors at most extents often have none where all are the same. */
static bool choose_alike(work *w, int trial) {
    for (int a = 0; a < w->frame.count; a++)
        w->extents[a] = w->frame.given[a] < 0 ? trial + 2 : w->frame.given[a];
    return at_extents_judge(&w->frame, w->extents) == AT_EXTENTS_GOOD && !is_too_long(w);
}

/* Why nothing can be compared at these extents; NULL: it can. */
static const char *obstacle(const work *w) {
    if (!has_reals(w->frame.cascade, true)) return "it has no real outputs";
    if (!has_reals(w->frame.cascade, false)) return "it has no real inputs or params";
    return is_too_long(w) ? "one run of it takes too long" : NULL;
}

static void conclude(work *w, const char *without) {
    at_gradient_result *result = w->result;
    result->agrees = result->points > 0;
    if (result->agrees) return;
    if (!without)
        without = w->limited     ? "its derivative meets a limit"
                  : result->rough ? "no point is found where it is smooth"
                                  : "no inputs are found with which it runs";
    result->without = without;
}

static bool check(void *user) {
    work *w = user;
    const at_law_options *o = w->options;
    int trials = o->trials > 0 ? o->trials : USUAL_POINTS;
    const char *without = NULL;
    at_law_frame_begin(w->s, &w->frame);
    w->extents = AT_NEW_ARRAY(w->s->arena, int64_t, w->frame.count);
    for (int i = 0; i < trials && !without && !w->limited && w->spent <= MOST_IN_ALL; i++) {
        if (o->progress && !o->progress(o->user, w->frame.law->name, i, trials)) return true;
        uint64_t seed = o->seed + (uint64_t)i;
        uint64_t random = at_draw_key(seed, 0, w->frame.law->name);
        at_extents verdict = at_extents_choose(&w->frame, i, random, w->extents);
        if (verdict == AT_EXTENTS_REFUSED) {
            without = "no sizes are found that it allows";
            continue;
        }
        if (verdict != AT_EXTENTS_GOOD) return tell_refused(w);
        without = obstacle(w);
        w->result->has_reals =
            has_reals(w->frame.cascade, true) && has_reals(w->frame.cascade, false);
        if (without) continue;
        if (!derive(w)) return tell_refused(w);
        bool found;
        if (!try_extents(w, seed, &found)) return true;
        if (found || w->limited || !choose_alike(w, i)) continue;
        if (!derive(w)) return tell_refused(w);
        if (!try_extents(w, seed, &found)) return true;
    }
    conclude(w, without);
    return true;
}

static void release(void *user) {
    work *w = user;
    at_law_frame_end(&w->frame);
}

bool at_check_gradient(at_session *s, const at_program *program, const at_definition *function,
                       const at_law_options *options, at_gradient_result *result) {
    *result = (at_gradient_result){.function = function->name};
    work w = {.s = s, .options = options, .result = result,
              .frame = {.program = program, .law = function, .options = options,
                        .most_work = MOST_WORK}};
    return at_released(s, check, release, &w);
}
