/* Laws, functions and derivatives run by compiled code, compared with the reference. What is
 * compared is a cascade at several extents: a function's own, that of its derivative, or a law's
 * with the sides of its assertions as outputs. All of a file are collected first and compiled
 * together, for one type after the other. */
#include "check/check_int.h"
#include "compile.h"
#include "grad/grad.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    USUAL_TRIALS = 4, /* sets of extents */
    MEMORY = 1 << 30, /* of one run */
    BATCH = 24,       /* programs in one C file: the compiler's time grows faster than they do */
};

/* Operations on elements of one run, as law.c counts them: the reference may run sixty times. */
static const double MOST_WORK = 1e5;
/* A run that is longer however small its extents are is left out. */
static const double TOO_MUCH = 2e7;

typedef struct {
    int64_t *extents; /* of all axes of the cascade, by id */
    int size_count;
    const at_known_size *sizes;
    uint64_t seed;
    bool positive;
} trial;

typedef struct {
    const at_definition *definition;
    const at_law_options *options;
    const char *what; /* "`f`", "the derivative of `f`" */
    const at_cascade *cascade;
    int trial_count, trial_capacity;
    trial *trials;
    bool differs, refused; /* told already */
    at_kernel *kernel;     /* while its batch runs */
} job;

/* Programs that share one C file. */
typedef struct {
    int count;
    job *jobs[BATCH];
    const at_cascade *cascades[BATCH];
    const char *prefixes[BATCH];
    const at_tile_program *tiles[BATCH];
    at_text text;
    at_library *library;
} batch;

struct at_executor_trials {
    at_session *s;
    const at_program *program;
    at_executor_options options;
    int job_count, job_capacity;
    job **jobs;
};

at_executor_trials *at_executor_begin(at_session *s, const at_program *program,
                                      const at_executor_options *options) {
    at_executor_trials *t = AT_NEW(s->arena, at_executor_trials);
    *t = (at_executor_trials){.s = s, .program = program, .options = *options};
    return t;
}

/* ---- what is compared ------------------------------------------------------------------------ */

typedef struct {
    at_executor_trials *t;
    const at_law_options *options;
    at_law_frame frame;
    int compilation;
    job *forward, *derivative; /* of the frame's cascade; NULL: none */
} collecting;

static job *new_job(collecting *c, const char *what, const at_cascade *cascade) {
    at_session *s = c->t->s;
    job *j = AT_NEW(s->arena, job);
    *j = (job){.definition = c->frame.law, .options = c->options, .what = what, .cascade = cascade};
    AT_PUSH(s->arena, c->t->jobs, c->t->job_count, c->t->job_capacity, j);
    return j;
}

static bool has_reals(const at_cascade *c) {
    bool from = c->param_count > 0, to = false;
    for (int i = 0; i < c->input_count; i++) from |= c->inputs[i].array->kind == AT_REAL;
    for (int i = 0; i < c->output_count; i++) to |= c->outputs[i].array->kind == AT_REAL;
    return from && to;
}

/* The cascades of these extents, in the caller's session. Errors are told where it is checked. */
static void make_jobs(collecting *c, const int64_t *extents) {
    at_session *s = c->t->s;
    const char *name = c->frame.law->name;
    bool law = c->frame.law->tag == AT_D_LAW;
    c->forward = c->derivative = NULL;
    const at_cascade *cascade = at_law_resolve(s, &c->frame, extents);
    if (!cascade) return;
    if (law) cascade = at_law_sides(s, cascade);
    if (cascade->output_count + cascade->state_count == 0) return;
    c->forward = new_job(c, at_format(s->arena, law ? "law `%s`" : "`%s`", name), cascade);
    if (law || !c->t->options.derivatives || !has_reals(cascade)) return;
    const at_cascade *derivative = at_derivative(s, cascade, NULL, false);
    if (derivative)
        c->derivative = new_job(c, at_format(s->arena, "the derivative of `%s`", name), derivative);
}

static bool know_rounds(void *user, const at_statement *st) {
    int64_t *extents = user;
    if (st->tag == AT_REPEAT) extents[st->u.repeat.round->id] = st->u.repeat.count;
    return true;
}

/* The first axes are those of the function. */
static int64_t *all_extents(at_session *s, const at_cascade *cascade, const int64_t *known,
                            int count) {
    int64_t *all = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count + 1);
    for (int i = 0; i < cascade->axis_count; i++) all[i] = i < count ? known[i] : -1;
    at_walk_block(&cascade->body, know_rounds, all);
    for (int i = 0; i < cascade->axis_count; i++)
        if (all[i] < 0) all[i] = at_extent(cascade->axes[i], all);
    return all;
}

static void add_trial(collecting *c, job *j, const int64_t *extents, uint64_t seed, bool positive) {
    at_session *s = c->t->s;
    const at_law_frame *f = &c->frame;
    if (!j) return;
    int64_t *known = at_extents_all(s, f, f->cascade, extents);
    trial one = {all_extents(s, j->cascade, known, f->cascade->axis_count), f->count, NULL, seed,
                 positive};
    if (at_law_work(j->cascade, one.extents) > TOO_MUCH) return;
    at_known_size *sizes = AT_NEW_ARRAY(s->arena, at_known_size, f->count);
    for (int i = 0; i < f->count; i++) sizes[i] = (at_known_size){f->names[i], extents[i]};
    one.sizes = sizes;
    AT_PUSH(s->arena, j->trials, j->trial_count, j->trial_capacity, one);
}

static bool collect(void *user) {
    collecting *c = user;
    at_session *s = c->t->s;
    int count = s->diag_count, lost = s->diag_lost;
    int trials = c->options->trials > 0 ? c->options->trials : USUAL_TRIALS;
    at_law_frame_begin(s, &c->frame);
    int64_t *extents = AT_NEW_ARRAY(s->arena, int64_t, c->frame.count);
    for (int i = 0; i < trials; i++) {
        uint64_t seed = c->options->seed + (uint64_t)i;
        uint64_t random = at_draw_key(seed, 0, c->frame.law->name);
        if (at_extents_choose(&c->frame, i, random, extents) != AT_EXTENTS_GOOD) break;
        if (c->compilation != c->frame.compilations) make_jobs(c, extents);
        c->compilation = c->frame.compilations;
        add_trial(c, c->forward, extents, seed, i % 2 == 1);
        add_trial(c, c->derivative, extents, seed, i % 2 == 1);
    }
    s->diag_count = count;
    s->diag_lost = lost;
    return true;
}

static void collected(void *user) {
    collecting *c = user;
    at_law_frame_end(&c->frame);
}

void at_executor_add(at_executor_trials *t, const at_definition *definition,
                     const at_law_options *options) {
    collecting c = {.t = t, .options = at_copy(t->s->arena, options, sizeof *options)};
    c.frame = (at_law_frame){.program = t->program, .law = definition, .options = c.options,
                             .most_work = MOST_WORK};
    (void)at_released(t->s, collect, collected, &c);
}

/* ---- runs ------------------------------------------------------------------------------------ */

typedef struct {
    at_executor_trials *t;
    at_executor_result *result;
    batch batch;
    /* Of the run at hand: */
    job *j;
    const trial *trial;
    at_type type;
    at_session *s;        /* its own */
    at_collection inputs, params, states;
    at_measure *measure;
    at_ran first, ran;
} work;

static void round_all(const at_collection *arrays, at_type type) {
    for (int i = 0; i < arrays->count; i++) {
        const at_tensor *x = arrays->items[i].tensor;
        double *value = x->data;
        for (int64_t k = 0; k < x->count && x->type == AT_TYPE_F64; k++)
            value[k] = at_rounded(type, value[k]);
    }
}

static bool draw_all(work *w, at_call *call) {
    const at_cascade *c = w->j->cascade;
    const int64_t *all = w->trial->extents;
    if (!at_draw_inputs(w->s, c, call, all, w->trial->positive, &w->inputs) ||
        !at_draw_starts(w->s, c->params, c->param_count, call, all, &w->params) ||
        !at_draw_starts(w->s, c->states, c->state_count, call, all, &w->states))
        return false;
    round_all(&w->inputs, w->type);
    round_all(&w->params, w->type);
    round_all(&w->states, w->type);
    call->inputs = &w->inputs;
    call->params = &w->params;
    call->states = &w->states;
    return true;
}

static bool run_kernel(at_session *s, void *user, const at_call *call, at_results *results) {
    return at_kernel_run(s, user, call, results);
}

/* How to see it again, as far as a command can say it. */
static void note_trial(const work *w, at_diag *diag, int threads) {
    at_session *s = w->t->s;
    const at_resolve_options *o = &w->j->options->resolve;
    const at_definition *d = w->j->definition;
    const char *sizes = "", *plain = "";
    for (int i = 0; i < w->trial->size_count; i++) {
        const at_known_size *size = &w->trial->sizes[i];
        sizes = at_format(s->arena, "%s%s%s=%" PRId64, sizes, i ? "," : " --size ", size->name,
                          size->extent);
        plain = at_format(s->arena, "%s%s = %" PRId64 ", ", plain, size->name, size->extent);
    }
    at_note(s, diag, at_no_span(), "with %s%s, %d thread%s and seed %" PRIu64, plain,
            at_type_text(w->type), threads, threads == 1 ? "" : "s", w->trial->seed);
    const char *command = at_format(
        s->arena, "attend check %s --executor compiled --%s %s --dtype %s --seed %" PRIu64,
        d->span.source->name, d->tag == AT_D_LAW ? "law" : "gradient", d->name,
        at_type_text(w->type), w->trial->seed);
    command = at_format(s->arena, "%s%s", command, sizes);
    for (int i = 0; i < o->set_count; i++)
        command =
            at_format(s->arena, "%s --set '%s=%s'", command, o->set_names[i], o->set_values[i]);
    at_note(s, diag, at_no_span(), "again: %s%s", command, o->training ? " --training" : "");
    at_hint(s, diag, "this is a mistake of attend: please report it");
}

/* Once a program: the first is told. */
static at_diag *tell(work *w, at_code code, const char *what) {
    w->j->differs = true;
    w->result->differ++;
    at_diag *diag = at_error(w->t->s, code, w->j->definition->span, "%s", what);
    return diag;
}

static void judge(work *w) {
    at_session *s = w->t->s;
    at_agreement found = at_measure_compare(w->measure, &w->first);
    int threads = w->t->options.threads[0];
    w->result->runs++;
    w->result->elements += found.elements;
    w->result->decided += found.decided;
    if (found.agrees) return;
    at_diag *diag = tell(w, AT_E_EXECUTORS_DIFFER,
                         at_format(s->arena, "compiled, %s gives other results than the reference",
                                   w->j->what));
    at_label(s, diag, "%s", found.what);
    note_trial(w, diag, threads);
}

static void judge_threads(work *w, at_call *call) {
    at_session *s = w->t->s;
    for (int i = 1; i < w->t->options.thread_count && !w->j->differs; i++) {
        call->threads = w->t->options.threads[i];
        w->ran = at_run_kept(w->s, run_kernel, w->j->kernel, call);
        bool same = at_ran_same(&w->first, &w->ran);
        w->result->runs++;
        at_ran_free(&w->ran);
        if (same) continue;
        at_diag *diag = tell(w, AT_E_THREADS_DIFFER,
                             at_format(s->arena,
                                       "compiled, %s gives other bits with %d threads than "
                                       "with %d",
                                       w->j->what, call->threads, w->t->options.threads[0]));
        note_trial(w, diag, call->threads);
    }
}

static void refuse(work *w, const char *why) {
    if (!w->j->refused) {
        at_text_addf(&w->result->refusals, "%s %s (%s)", w->result->refused ? "," : "", w->j->what,
                     why);
        w->result->refused++;
    }
    w->j->refused = true;
}

static bool run_trial(void *user) {
    work *w = user;
    at_call call = {.seed = w->trial->seed, .threads = w->t->options.threads[0],
                    .memory_limit = MEMORY};
    if (!draw_all(w, &call)) return false;
    w->measure = at_measure_new(w->s, w->j->cascade, &call, w->type);
    if (!w->measure) return false;
    w->first = at_run_kept(w->s, run_kernel, w->j->kernel, &call);
    if (!w->first.good && at_code_blame(w->first.code) == AT_UNSUPPORTED &&
        !at_ran_same(&w->first, at_measure_reference(w->measure))) {
        refuse(w, w->first.errors);
        return true;
    }
    judge(w);
    judge_threads(w, &call);
    return true;
}

static void release_trial(void *user) {
    work *w = user;
    at_ran_free(&w->first);
    at_ran_free(&w->ran);
    at_measure_free(w->measure);
    at_collection_free(&w->inputs);
    at_collection_free(&w->params);
    at_collection_free(&w->states);
    w->measure = NULL;
}

/* In memory that is given back; what it tells is in the caller's session. */
static void run_job(work *w) {
    for (int i = 0; i < w->j->trial_count && !w->j->differs && !w->j->refused; i++) {
        w->trial = &w->j->trials[i];
        w->s = at_session_new(MEMORY);
        if (!w->s) return;
        (void)at_released(w->s, run_trial, release_trial, w);
        at_session_free(w->s);
    }
}

/* ---- compiling ------------------------------------------------------------------------------- */

/* What stands in the way of a program: a limit is counted, anything else told. The errors begin at
 * `count`. */
static void tell_obstacle(work *w, int count, int lost) {
    at_session *s = w->t->s;
    if (at_code_blame(s->diags[count]->code) == AT_UNSUPPORTED) {
        refuse(w, at_format(s->arena, "%s: %s", at_code_text(s->diags[count]->code),
                            s->diags[count]->message));
        s->diag_count = count;
        s->diag_lost = lost;
        return;
    }
    at_note(s, s->diags[count], at_no_span(), "of %s", w->j->what);
    w->j->differs = true;
    w->result->differ++;
}

static bool is_open(const job *j) { return !j->differs && !j->refused && j->trial_count > 0; }

/* Whether the program gets as far as C. */
static void probe(work *w, job *j) {
    at_session *s = w->t->s;
    int count = s->diag_count, lost = s->diag_lost;
    at_compile_options options = {.type = w->type, .stage = "tile"};
    at_text dump = {0};
    w->j = j;
    (void)at_compile(s, j->cascade, &options, &dump);
    at_text_free(&dump);
    if (s->diag_count > count) tell_obstacle(w, count, lost);
}

/* The C of the programs in `jobs`, which says which of them it holds by being there: those for
 * which there is no C are taken out. False when none is left, or there is no memory. */
static bool write_batch(work *w, batch *b) {
    at_session *s = w->t->s;
    for (int attempt = 0; attempt < 2; attempt++) {
        int kept = 0, count = s->diag_count, lost = s->diag_lost;
        for (int i = 0; i < b->count; i++)
            if (is_open(b->jobs[i])) b->jobs[kept++] = b->jobs[i];
        b->count = kept;
        for (int i = 0; i < kept; i++) {
            b->cascades[i] = b->jobs[i]->cascade;
            b->prefixes[i] = at_format(s->arena, "program%d", i + 1);
        }
        at_compile_options options = {.type = w->type};
        if (kept == 0) return false;
        if (at_compile_text(s, b->cascades, b->prefixes, kept, &options, b->tiles, &b->text))
            return true;
        s->diag_count = count;
        s->diag_lost = lost;
        at_text_free(&b->text);
        for (int i = 0; i < kept; i++) probe(w, b->jobs[i]);
    }
    return false;
}

/* Compiles them as one file and gives each its kernel. What the C compiler says against the file is
 * told as of the first. */
static void compile_batch(work *w, batch *b) {
    at_session *s = w->t->s;
    if (!write_batch(w, b)) return;
    int count = s->diag_count, lost = s->diag_lost;
    b->library = at_library_load(s, &b->text);
    at_text_free(&b->text);
    for (int i = 0; i < b->count && b->library; i++) {
        at_emit_entry entry = {b->tiles[i], b->prefixes[i]};
        b->jobs[i]->kernel = at_kernel_of(s, b->library, &entry, w->type);
    }
    w->j = b->jobs[0];
    if (s->diag_count > count) tell_obstacle(w, count, lost);
}

static void run_batch(work *w, batch *b) {
    compile_batch(w, b);
    for (int i = 0; i < b->count; i++) {
        w->j = b->jobs[i];
        if (w->j->kernel && is_open(w->j)) run_job(w);
        at_kernel_free(w->j->kernel);
        w->j->kernel = NULL;
    }
    at_library_free(b->library);
    b->library = NULL;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool run_all(void *user) {
    work *w = user;
    at_executor_trials *t = w->t;
    for (int type = 0; type < t->options.type_count; type++) {
        w->type = t->options.types[type];
        for (int from = 0; from < t->job_count; from += BATCH) {
            w->batch = (batch){.count = t->job_count - from};
            if (w->batch.count > BATCH) w->batch.count = BATCH;
            for (int i = 0; i < w->batch.count; i++) w->batch.jobs[i] = t->jobs[from + i];
            run_batch(w, &w->batch);
        }
    }
    for (int i = 0; i < t->job_count; i++) w->result->programs += t->jobs[i]->trial_count > 0;
    return w->result->differ == 0;
}

static void release_all(void *user) {
    work *w = user;
    for (int i = 0; i < w->batch.count; i++) at_kernel_free(w->batch.jobs[i]->kernel);
    at_library_free(w->batch.library);
    at_text_free(&w->batch.text);
}

bool at_executor_end(at_executor_trials *t, at_executor_result *result) {
    *result = (at_executor_result){0};
    work w = {.t = t, .result = result};
    return at_released(t->s, run_all, release_all, &w);
}
