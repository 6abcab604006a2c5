/* A law: from its definition to whether it holds, or to a small counterexample. Each trial draws
 * extents and inputs and runs the law on the reference executor, in memory of its own.
 *
 * A trial that fails is made smaller, one axis after the other; the smallest is run once more in
 * the caller's session, which so gets the assertion and its values, or the run's errors. */
#include "check/check_int.h"

#include <inttypes.h>
#include <string.h>

enum {
    USUAL_TRIALS = 8,
    SHRINK_TRIES = 100, /* extents looked at to make a counterexample smaller */
    SHRINK_SEEDS = 8,   /* tried at each */
};

typedef enum { HOLDS, FAILS, BREAKS } outcome;

/* One run; its session is the caller's or its own. */
typedef struct {
    at_session *s;
    const at_law_frame *frame;
    const at_cascade *cascade;
    const int64_t *extents; /* by axis of the frame */
    at_call call;
    at_collection inputs;
    int64_t *all;           /* extents by axis id */
    at_checks checks;
} trial;

typedef struct {
    at_session *s;
    const at_law_options *options;
    at_law_result *result;
    at_law_frame frame;
    int64_t *extents;    /* of the trial at hand; of the smallest counterexample */
    int64_t *smaller;
    uint64_t seed;       /* likewise */
} work;

/* ---- trials ---------------------------------------------------------------------------------- */

static bool trial_body(void *user) {
    trial *t = user;
    t->all = at_extents_all(t->s, t->frame, t->cascade, t->extents);
    if (!at_draw_inputs(t->s, t->cascade, &t->call, t->all, false, &t->inputs)) return false;
    t->call.inputs = &t->inputs;
    return at_ref_check(t->s, t->cascade, &t->call, &t->checks, NULL);
}

static void trial_release(void *user) {
    trial *t = user;
    at_collection_free(&t->inputs);
}

static trial trial_of(at_session *s, const work *w, const at_cascade *cascade,
                      const int64_t *extents, uint64_t seed) {
    enum { MEMORY = 1 << 30 };
    return (trial){.s = s, .frame = &w->frame, .cascade = cascade, .extents = extents,
                   .call = {.seed = seed, .threads = 1, .memory_limit = MEMORY}};
}

static const at_check *failed(const at_checks *checks) {
    for (int i = 0; i < checks->count; i++)
        if (!checks->items[i].holds) return &checks->items[i];
    return NULL;
}

/* Runs the frame's cascade, which serves for these extents, in memory that is given back. */
static outcome run_trial(const work *w, const int64_t *extents, uint64_t seed) {
    enum { MEMORY = 1 << 30 };
    at_session *own = at_session_new(MEMORY);
    if (!own) return BREAKS; /* and again when it is told */
    trial t = trial_of(own, w, w->frame.cascade, extents, seed);
    bool good = at_released(own, trial_body, trial_release, &t);
    outcome found = !good ? BREAKS : failed(&t.checks) ? FAILS : HOLDS;
    at_session_free(own);
    return found;
}

static bool is_drawing(void *user, const at_statement *st) {
    if (st->tag == AT_DRAWING) *(bool *)user = true;
    return true;
}

/* Whether another seed could make a difference. */
static bool has_chance(const at_cascade *c) {
    bool found = c->input_count > 0;
    for (int i = 0; i < c->param_count; i++) found = found || c->params[i].draw >= 0;
    for (int i = 0; i < c->state_count; i++) found = found || c->states[i].draw >= 0;
    at_walk_block(&c->body, is_drawing, &found);
    return found;
}

/* ---- smaller counterexamples ----------------------------------------------------------------- */

static bool same_way(work *w, outcome kind, at_extents verdict, uint64_t *seed) {
    if (verdict == AT_EXTENTS_BROKEN) return kind == BREAKS;
    if (verdict != AT_EXTENTS_GOOD) return false;
    /* First its own: an element's draw stays what it is when axes become shorter. */
    for (int i = -1; i < SHRINK_SEEDS; i++) {
        *seed = i < 0 ? w->seed : w->options->seed + (uint64_t)i;
        if (run_trial(w, w->smaller, *seed) == kind) return true;
    }
    return false;
}

/* Whether the law fails likewise with this axis so long; others move where requirements ask. */
static bool shrink_to(work *w, int axis, int64_t extent, outcome kind) {
    at_law_frame *f = &w->frame;
    size_t bytes = sizeof *w->extents * (size_t)f->count;
    at_move(w->smaller, w->extents, bytes);
    w->smaller[axis] = extent;
    uint64_t random = w->seed, seed = w->seed;
    at_extents verdict = at_extents_judge(f, w->smaller);
    if (verdict == AT_EXTENTS_REFUSED && f->cascade &&
        at_extents_repair(f, w->smaller, axis, &random))
        verdict = at_extents_judge(f, w->smaller);
    double before = 0, after = 0;
    for (int i = 0; i < f->count; i++) {
        before += (double)w->extents[i];
        after += (double)w->smaller[i];
    }
    if (after >= before || !same_way(w, kind, verdict, &seed)) return false;
    at_move(w->extents, w->smaller, bytes);
    w->seed = seed;
    return true;
}

static void shrink(work *w, outcome kind) {
    enum { SMALL = 8 };
    int tried = 0;
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (int a = 0; a < w->frame.count; a++) {
            int64_t was = w->extents[a];
            if (w->frame.given[a] >= 0) continue;
            for (int64_t extent = 1; extent < was && tried < SHRINK_TRIES; tried++) {
                if (shrink_to(w, a, extent, kind)) {
                    smaller = true;
                    break;
                }
                extent = extent < SMALL ? extent + 1 : extent + (was - extent + 1) / 2;
            }
        }
    }
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void keep_sizes(work *w) {
    at_law_result *result = w->result;
    at_known_size *sizes = AT_NEW_ARRAY(w->s->arena, at_known_size, w->frame.count);
    for (int i = 0; i < w->frame.count; i++)
        sizes[i] = (at_known_size){w->frame.names[i], w->extents[i]};
    result->sizes = sizes;
    result->size_count = w->frame.count;
    result->seed = w->seed;
}

static const char *sizes_text(const work *w, const char *equals, const char *comma) {
    const char *text = "";
    for (int i = 0; i < w->frame.count; i++)
        text = at_format(w->s->arena, "%s%s%s%s%" PRId64, text, i ? comma : "", w->frame.names[i],
                         equals, w->extents[i]);
    return text;
}

/* Says with an error at which extents it was met, and how to see it again. */
static void note_trial(const work *w, at_diag *diag) {
    at_session *s = w->s;
    const at_resolve_options *o = &w->options->resolve;
    const char *sizes = sizes_text(w, " = ", ", "), *and = w->frame.count ? " and " : "";
    at_note(s, diag, at_no_span(), "with %s%sseed %" PRIu64, sizes, and, w->seed);
    const char *command = at_format(s->arena, "attend check %s --law %s --seed %" PRIu64,
                                    w->frame.law->span.source->name, w->frame.law->name, w->seed);
    if (w->frame.count)
        command = at_format(s->arena, "%s --size %s", command, sizes_text(w, "=", ","));
    for (int i = 0; i < o->set_count; i++)
        command = at_format(s->arena, "%s --set '%s=%s'", command, o->set_names[i],
                            o->set_values[i]);
    if (o->training) command = at_format(s->arena, "%s --training", command);
    at_note(s, diag, at_no_span(), "again: %s", command);
}

static const char *value_text(at_session *s, at_kind kind, double value) {
    char text[32];
    if (kind == AT_BOOL) return value != 0 ? "true" : "false";
    if (kind == AT_INT) return at_format(s->arena, "%.0f", value);
    at_text_real(value, text);
    return at_copy_text(s->arena, text, strlen(text));
}

static void tell_failure(const work *w, const at_check *check) {
    at_session *s = w->s;
    const at_statement *st = check->assertion;
    at_diag *diag = at_error(s, AT_E_RUN_LAW, st->span, "`%s` does not hold%s%s",
                             w->frame.law->name, check->element[0] ? " at " : "", check->element);
    at_label(s, diag, "%s %s %s is not true",
             value_text(s, st->u.assertion.left->kind, check->left),
             at_op_info(st->u.assertion.op)->text,
             value_text(s, st->u.assertion.right->kind, check->right));
    if (check->allowed > 0)
        at_note(s, diag, at_no_span(), "a difference of %.3g is allowed", check->allowed);
    note_trial(w, diag);
}

/* Runs the counterexample in the caller's session. Gives what at_check_law gives. */
static bool tell(work *w) {
    at_session *s = w->s;
    int count = s->diag_count;
    keep_sizes(w);
    const at_cascade *cascade = at_law_resolve(s, &w->frame, w->extents);
    trial t = trial_of(s, w, cascade, w->extents, w->seed);
    bool good = cascade && at_released(s, trial_body, trial_release, &t);
    const at_check *check = good ? failed(&t.checks) : NULL;
    if (check) {
        w->result->failure = *check;
        tell_failure(w, check);
    } else if (s->diag_count > count) {
        note_trial(w, s->diags[count]);
        if (w->frame.count && cascade)
            at_note(s, s->diags[count], at_no_span(),
                    "if such sizes are not meant, the law says so: "
                    "require size(%s) …",
                    w->frame.names[0]);
    }
    return good;
}

static bool is_free(const at_law_frame *f) {
    for (int i = 0; i < f->count; i++)
        if (f->given[i] < 0) return true;
    return false;
}

/* The extents that are left are refused: tells by what. */
static bool tell_refused(work *w) {
    at_session *s = w->s;
    int count = s->diag_count;
    const at_cascade *cascade = at_law_resolve(s, &w->frame, w->extents);
    const at_require *require =
        cascade ? at_extents_violated(s, &w->frame, cascade, w->extents) : NULL;
    if (!require) { /* refused when compiled: that was told */
        if (s->diag_count > count)
            at_note(s, s->diags[count], at_no_span(), "`%s` was tried with %s%s",
                    w->frame.law->name, sizes_text(w, " = ", ", "),
                    is_free(&w->frame) ? ", and other small sizes fail too" : "");
        return false;
    }
    at_diag *diag = at_error(s, AT_E_LAW_EXTENTS, require->span,
                             is_free(&w->frame) ? "no sizes are found that `%s` allows"
                                                : "`%s` does not allow these sizes",
                             w->frame.law->name);
    at_label(s, diag, "%s", require->why ? require->why : "this is required");
    for (int i = 0, told = 0; is_free(&w->frame) && i < cascade->require_count && told < 3; i++) {
        const at_require *other = &cascade->requires[i];
        if (other == require || !other->span.source) continue;
        at_note(s, diag, other->span, "and %s", other->why ? other->why : "this");
        told++;
    }
    at_note(s, diag, at_no_span(), "it does not hold with %s", sizes_text(w, " = ", ", "));
    if (is_free(&w->frame))
        at_hint(s, diag, "larger ones can be given: --size %s=…", w->frame.names[0]);
    return false;
}

/* ---- all trials ------------------------------------------------------------------------------ */

static bool check(void *user) {
    work *w = user;
    at_session *s = w->s;
    const at_law_options *o = w->options;
    int trials = o->trials > 0 ? o->trials : USUAL_TRIALS;
    at_law_frame_begin(s, &w->frame);
    w->extents = AT_NEW_ARRAY(s->arena, int64_t, w->frame.count);
    w->smaller = AT_NEW_ARRAY(s->arena, int64_t, w->frame.count);
    for (int i = 0; i < trials; i++) {
        if (o->progress && !o->progress(o->user, w->frame.law->name, i, trials)) return true;
        w->seed = o->seed + (uint64_t)i;
        uint64_t random = at_draw_key(w->seed, 0, w->frame.law->name);
        at_extents verdict = at_extents_choose(&w->frame, i, random, w->extents);
        if (verdict == AT_EXTENTS_REFUSED) return tell_refused(w);
        if (verdict == AT_EXTENTS_MEMORY) {
            at_error(s, AT_E_MEMORY, at_no_span(), "there is no memory to try a law");
            return false;
        }
        w->result->trials++;
        outcome found = verdict == AT_EXTENTS_GOOD ? run_trial(w, w->extents, w->seed) : BREAKS;
        if (found == FAILS && o->only_whether) return true;
        if (found != HOLDS && o->only_whether) return tell(w);
        if (found != HOLDS) {
            shrink(w, found);
            return tell(w);
        }
        if (!has_chance(w->frame.cascade)) break;
    }
    w->result->holds = true;
    return true;
}

static void release(void *user) {
    work *w = user;
    at_law_frame_end(&w->frame);
}

bool at_check_law(at_session *s, const at_program *program, const at_definition *law,
                  const at_law_options *options, at_law_result *result) {
    *result = (at_law_result){.law = law->name};
    work w = {.s = s, .options = options, .result = result,
              .frame = {.program = program, .law = law, .options = options}};
    return at_released(s, check, release, &w);
}
