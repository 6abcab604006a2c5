/* attend check: resolves programs and runs their laws. Every function whose options all have values
 * is resolved on its own, the others where something calls them, and every law; each cascade is
 * printed, read back and printed again, and both prints must agree: otherwise attend is wrong, not
 * the program. Then the laws are tried on drawn inputs, and derivatives compared with differences.
 *
 * Some programs decide by extents (`if size(d) > 64`, `repeat size(n)`). Where the user gives none,
 * a few small ones are tried; one that resolves is enough. */
#include "check/check.h"
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const at_cli_option options[] = {
    {0, "size", "n=5,…",
     "the extents of input axes, for laws and where compiling needs them;\n"
     "small ones are tried without it"},
    {0, "set", "name=value", "an option, for every function that has it"},
    {0, "law", "NAME", "only this law, and nothing else; may be given again"},
    {0, "gradient", "NAME",
     "only this function's derivative, and nothing else; may be given again"},
    {0, "no-gradients", NULL, "do not compare derivatives with differences"},
    {0, "no-laws", NULL, "resolve laws, but do not run them"},
    {0, "seed", "N", "of the laws' sizes and inputs; 0 without it"},
    {0, "trials", "N", "how many sizes each law is tried at; 8 without it"},
    {0, "executor", "NAME",
     "reference (the default), compiled: compares compiled code with the reference\n"
     "instead, or both"},
    {0, "dtype", "f64,…",
     "types that compiled code is tried with: f64 (the default), f32, bf16, f16"},
    {0, "threads", "1,…",
     "numbers of threads that must give compiled code's very bits; 1,2 without it"},
    {0, "training", NULL, "as while training: dropout drops"},
    {0, "mutate", NULL,
     "change the functions, one small change at a time, and tell which changes no\n"
     "law notices"},
    {0, "least", "N", "with --mutate: how many of 100 changes the laws must notice; 80 without it"},
    {0, "json", NULL, "print the result as JSON, errors included"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "check",
    .usage = "attend check FILE... [options]",
    .about =
        "Resolves the functions of programs, runs their laws on drawn inputs of several sizes, and\n"
        "compares the functions' derivatives with differences. A function with an option that has\n"
        "no default is resolved where something calls it; one that nothing calls needs --set.\n",
    .options = options,
    .examples = "  attend check attention.attn\n"
                "  attend check net.attn --size d=64 --set heads=8\n"
                "  attend check attention.attn --law rows_sum_to_one --seed 7 --trials 100\n"
                "  attend check --mutate attention.attn\n"
                "  attend check --executor both --dtype f64,f32 attention.attn\n"
                "  attend check --json *.attn\n",
};

enum { NAMES = 64 }; /* of options, laws and functions on one command line, each */

/* A function without errors, and what is told of it. */
typedef struct {
    const at_definition *definition;
    json_t *entry;
} sound_function;

typedef struct {
    bool json, no_laws, no_gradients, mutate;
    at_cli_pairs sizes, sets;
    at_cli_list only;      /* laws; with `only_gradients` none: all, and the functions */
    at_cli_list only_gradients; /* functions */
    int64_t seed, trials, least;
    at_session *shown;     /* where progress goes; has what all files share */
    int file_count;
    int *done;             /* files; of all threads */
    double *told;          /* when progress was shown last */
    /* Of the file at hand: */
    at_session *s;
    const char *path;
    const at_program *program;
    at_resolve_options resolve;
    int functions, laws;   /* resolved */
    int held, failed, trials_run;
    int sound_count, sound_capacity;
    sound_function *sound; /* whose derivatives are compared */
    at_cli_gradients gradients;
    at_cli_executors executors;
    at_executor_result compared;
    const char **missing;  /* by position in the file: the option that has no value, or NULL */
    bool *resolved;        /* by position in the file */
    at_text skipped;       /* what has such options */
    at_text mutants;       /* what became of them */
    json_t *list;          /* one entry a function or law */
    bool set_used[NAMES], law_met[NAMES], gradient_met[NAMES];
    bool sizes_tried;      /* to resolve what is at hand */
    json_t *score;         /* an object with the mutants, with --json and --mutate */
    bool bug;
} request;

/* Nothing was named, so all is looked at. */
static bool is_whole(const request *r) { return r->only.count + r->only_gradients.count == 0; }

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    if (strcmp(name, "size") == 0) return at_cli_pairs_add(&page, "--size", value, true, &r->sizes);
    if (strcmp(name, "set") == 0) return at_cli_pairs_add(&page, "--set", value, false, &r->sets);
    if (strcmp(name, "seed") == 0)
        return at_cli_number(&page, "--seed", value, 0, INT64_MAX, &r->seed);
    if (strcmp(name, "trials") == 0)
        return at_cli_number(&page, "--trials", value, 1, 1000000, &r->trials);
    if (strcmp(name, "least") == 0)
        return at_cli_number(&page, "--least", value, 0, 100, &r->least);
    if (strcmp(name, "executor") == 0 || strcmp(name, "dtype") == 0 || strcmp(name, "threads") == 0)
        return at_cli_executors_take(&page, name, value, &r->executors);
    if (strcmp(name, "law") == 0) at_cli_list_add(&r->only, value);
    else if (strcmp(name, "gradient") == 0) at_cli_list_add(&r->only_gradients, value);
    else if (strcmp(name, "no-gradients") == 0) r->no_gradients = true;
    else if (strcmp(name, "no-laws") == 0) r->no_laws = true;
    else if (strcmp(name, "mutate") == 0) r->mutate = true;
    else if (strcmp(name, "training") == 0) r->resolve.training = true;
    else r->json = true;
    return true;
}

/* ---- extents to try -------------------------------------------------------------------------- */

/* The names of a function's input axes, each once, that --size did not give. */
static int open_axes(const request *r, const at_definition *d, const char **names, int limit) {
    int count = 0;
    for (int i = 0; i < d->input_count; i++) {
        for (int k = 0; k < d->inputs[i].count; k++) {
            const char *name = d->inputs[i].axes[k];
            bool known = name == NULL;
            for (int n = 0; n < count && !known; n++) known = strcmp(names[n], name) == 0;
            for (int n = 0; n < r->sizes.names.count && !known; n++)
                known = strcmp(r->sizes.names.items[n], name) == 0;
            if (!known && count < limit) names[count++] = name;
        }
    }
    return count;
}

/* The attempt-th set of extents: first all alike, then mixed ones, the same on every machine. */
static int64_t extent_to_try(int attempt, int axis) {
    static const int64_t alike[] = {4, 8, 16, 64, 2, 3, 6, 12, 1};
    static const int64_t mixed[] = {1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64};
    enum { ALIKE = sizeof alike / sizeof *alike, MIXED = sizeof mixed / sizeof *mixed };
    if (attempt < ALIKE) return alike[attempt];
    uint64_t h = (uint64_t)attempt * 1000003u + (uint64_t)axis * 7919u + 12345u;
    h ^= h >> 13;
    h *= 0x9E3779B97F4A7C15u;
    return mixed[(h >> 33) % MIXED];
}

static void forget_errors(at_session *s, int count, int lost) {
    s->diag_count = count;
    s->diag_lost = lost;
}

/* Whether extents are missing; other errors may only follow from that. */
static bool size_missing(const at_session *s, int from) {
    for (int i = from; i < s->diag_count; i++)
        if (s->diags[i]->code == AT_E_SIZE_NEEDED) return true;
    return false;
}

static const at_cascade *resolve(request *r, const at_definition *d) {
    enum { TRIES = 40, AXES = 64 };
    at_session *s = r->s;
    int count = s->diag_count, lost = s->diag_lost;
    const at_cascade *cascade = at_resolve(s, r->program, &r->resolve);
    r->sizes_tried = !cascade && size_missing(s, count);
    if (!r->sizes_tried) return cascade;
    const char *names[AXES];
    int open = open_axes(r, d, names, AXES), given = r->resolve.size_count;
    at_known_size *sizes = AT_NEW_ARRAY(s->arena, at_known_size, given + open + 1);
    at_move(sizes, r->resolve.sizes, sizeof *sizes * (size_t)given);
    r->resolve.sizes = sizes;
    r->resolve.size_count = given + open;
    at_text tried = {0};
    for (int attempt = 0; attempt < TRIES && !cascade; attempt++) {
        forget_errors(s, count, lost);
        for (int i = 0; i < open; i++)
            sizes[given + i] = (at_known_size){names[i], extent_to_try(attempt, i)};
        cascade = at_resolve(s, r->program, &r->resolve);
    }
    for (int i = 0; i < open; i++)
        at_text_addf(&tried, "%s%s=%" PRId64, i ? "," : "", names[i], sizes[given + i].extent);
    if (!cascade && s->diag_count > count)
        at_note(s, s->diags[s->diag_count - 1], at_no_span(),
                "tried with %s, and other small extents fail too; --size gives your own",
                tried.data ? tried.data : "no extents");
    at_text_free(&tried);
    return cascade;
}

/* Several functions may reach one mistake: an error is told once, the shortest way to it. */
static void forget_repeated(at_session *s, int from) {
    int kept = from;
    for (int i = from; i < s->diag_count; i++) {
        const at_diag *new = s->diags[i];
        bool told = false;
        for (int k = 0; k < kept && !told; k++) {
            const at_diag *old = s->diags[k];
            told = old->code == new->code && old->span.source &&
                   old->span.source == new->span.source && old->span.begin == new->span.begin &&
                   old->span.end == new->span.end;
        }
        if (!told) s->diags[kept++] = s->diags[i];
    }
    s->diag_count = kept;
}

/* ---- a file ---------------------------------------------------------------------------------- */

/* The option that has neither a default nor a --set; NULL when all have values. Collects the --set
 * values that concern this function. */
static const char *choose_options(request *r, const at_definition *d) {
    const char **names = AT_NEW_ARRAY(r->s->arena, const char *, d->option_count + 1);
    const char **values = AT_NEW_ARRAY(r->s->arena, const char *, d->option_count + 1);
    const char *missing = NULL;
    int count = 0;
    for (int i = 0; i < d->option_count; i++) {
        const at_bind *option = &d->options[i];
        bool given = false;
        for (int k = 0; k < r->sets.names.count && !given; k++) {
            if (strcmp(r->sets.names.items[k], option->name) != 0) continue;
            names[count] = option->name;
            values[count++] = r->sets.values.items[k];
            given = r->set_used[k] = true;
        }
        if (!given && !option->value && !missing) missing = option->name;
    }
    r->resolve.set_names = names;
    r->resolve.set_values = values;
    r->resolve.set_count = count;
    return missing;
}

static json_t *sizes_json(const at_resolve_options *resolved) {
    json_t *sizes = json_object();
    for (int i = 0; i < resolved->size_count; i++)
        json_object_set_new(sizes, resolved->sizes[i].name,
                            json_integer(resolved->sizes[i].extent));
    return sizes;
}

/* ---- laws ------------------------------------------------------------------------------------ */

static json_t *counterexample_json(const at_law_result *result) {
    json_t *sizes = json_object(), *one = json_object();
    for (int i = 0; i < result->size_count; i++)
        json_object_set_new(sizes, result->sizes[i].name, json_integer(result->sizes[i].extent));
    json_object_set_new(one, "sizes", sizes);
    json_object_set_new(one, "seed", json_integer((json_int_t)result->seed));
    if (!result->failure.assertion) return one;
    json_object_set_new(one, "element", json_string(result->failure.element));
    json_object_set_new(one, "left", at_cli_json_real(result->failure.left));
    json_object_set_new(one, "right", at_cli_json_real(result->failure.right));
    json_object_set_new(one, "allowed", at_cli_json_real(result->failure.allowed));
    return one;
}

/* Files are checked by several threads, and one line shows how far all are. */
static bool show_progress(void *user, const char *law, int trial, int trials) {
    const request *r = user;
    bool goes_on = true;
    if (!r->shown->progress) return true;
#pragma omp critical(progress)
    {
        char what[160];
        int done;
#pragma omp atomic read
        done = *r->done;
        double share = r->file_count > 1 ? (double)done / r->file_count : (double)trial / trials;
        snprintf(what, sizeof what, "%s: %s", r->path, law);
        if (at_now() - *r->told > 0.25) {
            *r->told = at_now();
            goes_on = r->shown->progress(r->shown->progress_user, what, share);
        }
    }
    return goes_on;
}

/* Takes the options that choose_options left in r. */
static bool run_law(request *r, const at_definition *d, json_t *entry) {
    at_law_options asked = {.seed = (uint64_t)r->seed, .trials = (int)r->trials,
                            .resolve = r->resolve, .progress = show_progress, .user = r};
    at_law_result result;
    bool good = at_check_law(r->s, r->program, d, &asked, &result);
    r->trials_run += result.trials;
    ++*(result.holds ? &r->held : &r->failed);
    json_object_set_new(entry, "holds", json_boolean(result.holds));
    json_object_set_new(entry, "trials", json_integer(result.trials));
    if (!result.holds && (result.size_count || result.failure.assertion))
        json_object_set_new(entry, "counterexample", counterexample_json(&result));
    return good && result.holds;
}

static bool is_wanted(request *r, const at_definition *d) {
    if (is_whole(r)) return d->tag == AT_D_FN || d->tag == AT_D_LAW;
    bool wanted = false;
    for (int i = 0; i < r->only_gradients.count && d->tag == AT_D_FN; i++)
        if (strcmp(r->only_gradients.items[i], d->name) == 0) wanted = r->gradient_met[i] = true;
    for (int i = 0; i < r->only.count && d->tag == AT_D_LAW; i++)
        if (strcmp(r->only.items[i], d->name) == 0) wanted = r->law_met[i] = true;
    return wanted;
}

static bool check_definition(request *r, int item) {
    const at_definition *d = at_program_file(r->program)->items[item];
    bool law = d->tag == AT_D_LAW;
    const char *missing = choose_options(r, d);
    json_t *entry = json_pack("{s:s, s:s}", "name", d->name, "is", law ? "law" : "function");
    json_array_append_new(r->list, entry);
    r->missing[item] = missing;
    if (missing) {
        json_object_set_new(entry, "resolved", json_false());
        json_object_set_new(entry, "needs_option", json_string(missing));
        return true;
    }
    at_resolve_options before = r->resolve;
    r->resolve.function = d->name;
    int count = r->s->diag_count, lost = r->s->diag_lost;
    const at_cascade *cascade = resolve(r, d);
    forget_repeated(r->s, count);
    at_cli_back back = {r->path, &r->resolve, false};
    bool good = cascade && at_cli_reads_back(r->s, &back, cascade, true) &&
                (law || at_cli_derives(r->s, &back, cascade, !r->no_gradients && !r->mutate));
    r->bug = r->bug || back.bug;
    /* A law's sizes are searched for with more care than those that are tried here. */
    if (!cascade && law && !r->no_laws && r->sizes_tried) {
        forget_errors(r->s, count, lost);
        good = true;
    }
    json_object_set_new(entry, "resolved", json_boolean(cascade != NULL));
    if (r->resolve.size_count) json_object_set_new(entry, "sizes", sizes_json(&r->resolve));
    r->resolve = before;
    r->resolved[item] = cascade != NULL;
    if (cascade) ++*(law ? &r->laws : &r->functions);
    sound_function sound = {d, entry};
    if (good) AT_PUSH(r->s->arena, r->sound, r->sound_count, r->sound_capacity, sound);
    if (good && law && !r->no_laws && r->executors.reference) good = run_law(r, d, entry);
    return good;
}

/* After the laws, whose errors say more when both have some. */
static bool check_gradients(request *r) {
    bool good = true;
    for (int i = 0; i < r->sound_count; i++) {
        if (r->sound[i].definition->tag == AT_D_LAW) continue;
        choose_options(r, r->sound[i].definition);
        at_law_options asked = {.seed = (uint64_t)r->seed, .trials = (int)r->trials,
                                .resolve = r->resolve, .progress = show_progress, .user = r};
        good &= at_cli_gradient(r->s, r->program, r->sound[i].definition, &asked, &r->gradients,
                                r->sound[i].entry);
    }
    return good;
}

/* Compiled code against the reference: all of the file at once, which so needs the C compiler
 * once. */
static bool compare_executors(request *r) {
    at_executor_options asked_of = r->executors.options;
    asked_of.derivatives = !r->no_gradients;
    at_executor_trials *trials = at_executor_begin(r->s, r->program, &asked_of);
    for (int i = 0; i < r->sound_count; i++) {
        const at_definition *d = r->sound[i].definition;
        if (d->tag == AT_D_LAW && r->no_laws) continue;
        choose_options(r, d);
        at_law_options asked = {.seed = (uint64_t)r->seed, .trials = (int)r->trials,
                                .resolve = r->resolve};
        at_executor_add(trials, d, &asked);
    }
    return at_executor_end(trials, &r->compared);
}

/* Every --set value goes along; each law takes its own. */
static bool mutate(request *r) {
    at_law_options asked = {.seed = (uint64_t)r->seed, .trials = (int)r->trials,
                            .resolve = r->resolve};
    asked.resolve.set_names = r->sets.names.items;
    asked.resolve.set_values = r->sets.values.items;
    asked.resolve.set_count = r->sets.names.count;
    return at_cli_mutants(r->s, r->program, &asked, (int)r->least, &r->mutants, r->score);
}

static bool check_file(void *user) {
    request *r = user;
    const at_source *source = at_cli_source(r->s, r->path);
    if (!source) return false;
    r->program = at_load(r->s, source, r->resolve.library);
    if (!r->program) return false;
    const at_file_tree *tree = at_program_file(r->program);
    bool good = true;
    r->missing = AT_NEW_ARRAY(r->s->arena, const char *, tree->count + 1);
    r->resolved = AT_NEW_ARRAY(r->s->arena, bool, tree->count + 1);
    for (int i = 0; i < tree->count; i++)
        if (is_wanted(r, tree->items[i]) && !check_definition(r, i)) good = false;
    at_cli_missing(r->s, r->program, r->missing, r->resolved, r->list, &r->skipped);
    bool differences = !r->mutate && !r->no_gradients && r->executors.reference;
    if (differences && !check_gradients(r)) good = false;
    if (!r->mutate && r->executors.compiled && !compare_executors(r)) good = false;
    return good && r->mutate ? mutate(r) : good;
}

/* The text of one file's result. */
static void print_file(const request *r) {
    int laws = r->held + r->failed;
    at_text line = {0};
    at_text_addf(&line, "%s:", r->path);
    if (is_whole(r)) at_text_addf(&line, " functions: %d resolved", r->functions);
    if (r->skipped.length) at_text_add(&line, r->skipped.data);
    if (is_whole(r)) at_text_add(&line, ";");
    if ((r->no_laws || !r->executors.reference) && r->laws)
        at_text_addf(&line, " laws: %d resolved (not run)", r->laws);
    else if (laws == 0) at_text_add(&line, is_whole(r) ? " no laws" : "");
    else if (r->failed == 0)
        at_text_addf(&line, " laws: %d held in %d trials", r->held, r->trials_run);
    else at_text_addf(&line, " laws: %d held, %d did not", r->held, r->failed);
    at_cli_gradients_text(&r->gradients, laws + is_whole(r) ? ";" : "", &line);
    at_cli_executors_text(&r->compared, ";", &line);
    at_text_add(&line, "\n");
    if (r->mutants.length) at_text_addf(&line, "%s: %s\n", r->path, r->mutants.data);
    at_cli_print(&line);
    at_text_free(&line);
}

static int tell_file(request *r, bool good, json_t *files) {
    if (files) {
        json_t *one = json_pack("{s:s, s:b, s:o, s:o}", "file", r->path, "good", good,
                                "definitions", r->list, "errors", at_cli_diags_json(r->s));
        if (r->executors.compiled)
            json_object_set_new(one, "compiled", at_cli_executors_json(&r->compared));
        if (r->score) json_object_update_missing(one, r->score);
        json_decref(r->score);
        json_array_append_new(files, one);
    } else {
        json_decref(r->list);
        if (!good && !r->bug) at_cli_report(r->s);
        bool looked = is_whole(r) || r->laws || r->sound_count;
        bool some = good || r->failed || r->gradients.differ || r->mutants.length ||
                    r->compared.differ;
        if (some && looked) print_file(r);
    }
    return r->bug ? AT_CLI_BUG : good ? AT_CLI_GOOD : AT_CLI_INPUT;
}

/* Checks the files on all cores and tells of them in their order. */
static int check_files(request *given, char **paths, json_t *files) {
    int status = AT_CLI_GOOD, done = 0;
    double told = 0;
    given->done = &done;
    given->told = &told;
#pragma omp parallel for ordered schedule(dynamic) if (given->file_count > 1)
    for (int i = 0; i < given->file_count; i++) {
        request r = *given;
        r.path = paths[i];
        r.s = at_cli_session();
        if (given->file_count > 1) r.s->progress = NULL;
        r.list = json_array();
        r.score = files && r.mutate ? json_object() : NULL;
        bool good = at_guarded(r.s, check_file, &r);
#pragma omp atomic
        done++;
#pragma omp ordered
        {
#pragma omp critical(progress)
            {
                at_cli_report(given->shown); /* takes the line of progress away */
                int one = tell_file(&r, good, files);
                if (one > status) status = one;
            }
            for (int k = 0; k < NAMES; k++) {
                given->set_used[k] = given->set_used[k] || r.set_used[k];
                given->law_met[k] = given->law_met[k] || r.law_met[k];
                given->gradient_met[k] = given->gradient_met[k] || r.gradient_met[k];
            }
            at_text_free(&r.skipped);
            at_text_free(&r.mutants);
            at_text_free(&r.gradients.missed);
            at_text_free(&r.compared.refusals);
            at_cli_session_end(r.s);
        }
    }
    return status;
}

/* Names on the command line that no file has. */
static int check_names(const request *r) {
    for (int k = 0; k < r->sets.names.count; k++)
        if (!r->set_used[k])
            return at_cli_misuse(&page, "--set %s: no function has this option",
                                 r->sets.names.items[k]);
    for (int k = 0; k < r->only.count; k++)
        if (!r->law_met[k]) return at_cli_misuse(&page, "there is no law `%s`", r->only.items[k]);
    for (int k = 0; k < r->only_gradients.count; k++)
        if (!r->gradient_met[k])
            return at_cli_misuse(&page, "there is no function `%s`", r->only_gradients.items[k]);
    return AT_CLI_GOOD;
}

int at_cmd_check(int argc, char **argv) {
    enum { LEAST = 80 };
    request given = {.least = LEAST,
                     .executors = {true, false, {1, {AT_TYPE_F64}, 2, {1, 2}, true}}};
    int status, first = at_cli_parse(&page, argc, argv, take, &given, &status);
    if (first < 0) return status;
    if (first == argc) return at_cli_misuse(&page, "a file is missing");
    if (given.sets.names.count > NAMES || given.only.count > NAMES ||
        given.only_gradients.count > NAMES)
        return at_cli_misuse(&page, "at most %d options, laws and functions can be named", NAMES);
    if (given.mutate && (given.no_laws || !is_whole(&given)))
        return at_cli_misuse(&page,
                             "--mutate needs all laws: leave out --no-laws, --law and --gradient");
    given.shown = at_cli_session();
    given.file_count = argc - first;
    given.resolve.library = at_cli_library(given.shown);
    json_t *files = given.json ? json_array() : NULL;
    status = AT_CLI_USAGE;
    if (at_cli_sizes(&page, given.shown, &given.sizes, &given.resolve)) {
        status = check_files(&given, argv + first, files);
        if (status == AT_CLI_GOOD) status = check_names(&given);
    }
    if (files)
        at_cli_print_json(json_pack("{s:b, s:o}", "good", status == AT_CLI_GOOD, "files", files));
    at_cli_session_end(given.shown);
    return status;
}
