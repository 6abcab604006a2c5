/* What the laws of a file notice: each mutant is tried with law after law until one fails.
 *
 * Most mutants fail at once, so all are tried at few extents first, and only those that live at
 * more. The law that killed a mutant most likely kills the next one of the same function, so it
 * goes first; mutants are therefore dealt out in short runs of neighbours, which keeps the order of
 * laws, and so the result, the same for any number of processors. */
#include "check/mutant_int.h"

#include <omp.h>
#include <string.h>

enum { FEW_TRIALS = 2, RUN_LENGTH = 4 };

typedef struct {
    at_session *s;
    const at_program *program;
    const at_file_tree *file;
    const at_law_options *options;
    at_score *score;
    int law_count;
    const at_definition **laws; /* those that can be run: all options have values */
    at_resolve_options *resolve; /* of each law, with the --set values that concern it */
    at_uses uses;
    int run_count;
    int *runs;                  /* where each run of mutants begins; ended by the number of mutants */
    const char *what;           /* for the line of progress */
    double shown;
    int done;
    bool stopped;
} scoring;

static bool reaches(const scoring *w, const at_definition *law, const at_definition *function) {
    return at_uses_lead(&w->uses, law, function);
}

/* ---- what is run ----------------------------------------------------------------------------- */

/* The --set values that are options of the law; false when another of its options has no value. */
static bool choose_sets(const scoring *w, const at_definition *law, at_resolve_options *resolve) {
    const at_resolve_options *given = &w->options->resolve;
    const char **names = AT_NEW_ARRAY(w->s->arena, const char *, law->option_count + 1);
    const char **values = AT_NEW_ARRAY(w->s->arena, const char *, law->option_count + 1);
    int count = 0;
    for (int i = 0; i < law->option_count; i++) {
        int k = 0;
        while (k < given->set_count && strcmp(given->set_names[k], law->options[i].name) != 0) k++;
        if (k == given->set_count && !law->options[i].value) return false;
        if (k == given->set_count) continue;
        names[count] = given->set_names[k];
        values[count++] = given->set_values[k];
    }
    *resolve = *given;
    resolve->set_names = names;
    resolve->set_values = values;
    resolve->set_count = count;
    return true;
}

static void find_laws(scoring *w) {
    w->laws = AT_NEW_ARRAY(w->s->arena, const at_definition *, w->file->count + 1);
    w->resolve = AT_NEW_ARRAY(w->s->arena, at_resolve_options, w->file->count + 1);
    for (int i = 0; i < w->file->count; i++) {
        const at_definition *d = w->file->items[i];
        if (d->tag == AT_D_LAW && choose_sets(w, d, &w->resolve[w->law_count]))
            w->laws[w->law_count++] = d;
    }
}

/* Neighbours of one function, at most RUN_LENGTH together. */
static void deal(scoring *w) {
    const at_scored_mutant *mutants = w->score->mutants;
    int n = w->score->mutant_count, length = 0;
    w->runs = AT_NEW_ARRAY(w->s->arena, int, n + 1);
    for (int i = 0; i < n; i++, length++) {
        bool other = i == 0 || mutants[i].mutant.definition != mutants[i - 1].mutant.definition;
        if (!other && length < RUN_LENGTH) continue;
        w->runs[w->run_count++] = i;
        length = 0;
    }
    w->runs[w->run_count] = n;
}

/* ---- one mutant ------------------------------------------------------------------------------ */

typedef struct {
    at_session *s;
    scoring *work;
    at_scored_mutant *scored;
    int first, trials; /* first: the law to begin with */
} trying;

/* E2 to E6 are the resolver's. That an output reads outside, it can see at some extents only. */
static bool is_refusal(at_code code) {
    char class = at_code_text(code)[1];
    return code != AT_E_READ_OUTSIDE && class >= '2' && class <= '6';
}

static void kill(trying *t, int law) {
    t->scored->fate = AT_MUTANT_KILLED;
    t->scored->killer = t->work->laws[law];
    t->first = law;
    if (t->s->diag_count == 0) return;
    t->scored->error = at_code_text(t->s->diags[0]->code);
    if (is_refusal(t->s->diags[0]->code)) t->scored->fate = AT_MUTANT_REFUSED;
}

static bool try_body(void *user) {
    trying *t = user;
    const scoring *w = t->work;
    const at_definition *function = t->scored->mutant.definition;
    const at_program *program = at_program_with(t->s, w->program, t->scored->mutant.tree);
    for (int i = -1; program && i < w->law_count; i++) {
        int law = i < 0 ? t->first : i;
        if (law < 0 || (i >= 0 && i == t->first) || !reaches(w, w->laws[law], function)) continue;
        t->scored->reached = true;
        at_law_options options = *w->options;
        options.resolve = w->resolve[law];
        options.trials = t->trials;
        options.only_whether = true;
        options.progress = NULL;
        at_law_result result;
        if (at_check_law(t->s, program, w->laws[law], &options, &result) && result.holds) continue;
        kill(t, law);
        return true;
    }
    return true;
}

static void try_mutant(scoring *w, at_scored_mutant *scored, int *first, int trials) {
    enum { MEMORY = 1 << 30 };
    trying t = {at_session_new(MEMORY), w, scored, *first, trials};
    /* Without memory for a mutant nothing is known of it: it lives, which is seen. */
    if (!t.s) return;
    if (!at_guarded(t.s, try_body, &t) && scored->fate == AT_MUTANT_LIVES)
        scored->fate = AT_MUTANT_KILLED;
    *first = t.first;
    at_session_free(t.s);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void show_progress(scoring *w) {
    double now = at_now();
    if (!w->s->progress || now - w->shown < 0.25) return;
    w->shown = now;
    int done;
#pragma omp atomic read
    done = w->done;
    if (w->s->progress(w->s->progress_user, w->what, (double)done / (2 * w->score->mutant_count)))
        return;
#pragma omp atomic write
    w->stopped = true;
}

static void try_run(scoring *w, int run, int trials) {
    int first = -1;
    for (int i = w->runs[run]; i < w->runs[run + 1]; i++) {
        bool stopped;
#pragma omp atomic read
        stopped = w->stopped;
        if (stopped) return;
        at_scored_mutant *scored = &w->score->mutants[i];
        if (scored->fate == AT_MUTANT_LIVES) try_mutant(w, scored, &first, trials);
#pragma omp atomic
        w->done++;
        /* Only the thread that called may use the caller's session. */
        if (omp_get_thread_num() == 0) show_progress(w);
    }
}

static void try_all(scoring *w, int trials) {
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < w->run_count; i++) try_run(w, i, trials);
}

static void count(at_score *score) {
    for (int i = 0; i < score->mutant_count; i++) {
        score->count += score->mutants[i].fate != AT_MUTANT_REFUSED;
        score->killed += score->mutants[i].fate == AT_MUTANT_KILLED;
    }
}

bool at_score_laws(at_session *s, const at_program *program, const at_law_options *options,
                   at_score *score) {
    *score = (at_score){0};
    scoring w = {.s = s, .program = program, .file = at_program_file(program), .options = options,
                 .score = score};
    at_mutant *mutants;
    w.what = at_format(s->arena, "mutants of %s", w.file->source->name);
    score->mutant_count = at_mutants(s, program, options->resolve.training, &mutants);
    score->mutants = AT_NEW_ARRAY(s->arena, at_scored_mutant, score->mutant_count + 1);
    for (int i = 0; i < score->mutant_count; i++)
        score->mutants[i] = (at_scored_mutant){.mutant = mutants[i], .fate = AT_MUTANT_LIVES};
    w.uses = at_uses_find(s, w.file);
    find_laws(&w);
    deal(&w);
    if (options->trials == 0 || options->trials > FEW_TRIALS) try_all(&w, FEW_TRIALS);
    try_all(&w, options->trials);
    if (w.stopped) {
        at_error(s, AT_E_RUN_STOPPED, at_no_span(), "stopped before all mutants were tried");
        return false;
    }
    count(score);
    at_explain(s, w.file, score);
    return true;
}
