/* attend tune: which of the ways in which a function can be compiled is fastest here, measured, and
 * kept for later compiles. All ways are right; the planner takes the usual one where nothing was
 * measured. */
#define _DEFAULT_SOURCE
#include "cli/bench.h"
#include "grad/grad.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const at_cli_option options[] = {
    {0, "size", "n=4096,…", "extents of the inputs' axes, at which it is measured"},
    {0, "set", "name=value", "an option of the function"},
    {0, "dtype", "NAME", "the type to measure in: f64 (the default), f32, bf16, f16"},
    {0, "grad", NULL, "tune the function's derivative"},
    {0, "threads", "N", "threads to use; as many as the machine has without it"},
    {0, "budget", "SECONDS", "how long to measure; 10 without it"},
    {0, "forget", NULL, "measure nothing, and forget what was kept of the function"},
    {0, "training", NULL, "the program as it is while training"},
    {0, "json", NULL, "print what was measured as JSON"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "tune",
    .usage = "attend tune FILE[:fn] --size … [options]",
    .about =
        "Measures the ways in which the function can be compiled: with its equations together or each\n"
        "by itself, and with blocks of several sizes. What is fastest by more than 3 % is kept in\n"
        "$ATTEND_TUNING, or attend/tuning in $XDG_CONFIG_HOME or ~/.config, where later compiles of\n"
        "this function, for this type and processor, find it. With ATTEND_TUNING=off nothing is kept\n"
        "or found.\n",
    .options = options,
    .examples = "  attend tune attention.attn --size i=4096,j=4096,d=64,e=64 --dtype f32\n"
                "  attend tune attention.attn --dtype f32 --forget\n",
};

enum { MOST = 12 };

typedef struct {
    at_cli_function function;
    const char *dtype;
    bool grad, forget, json;
    int64_t threads;
    double budget;
    int count; /* ways that were tried, each with code of its own; the first is the usual one */
    at_choices ways[MOST];
    double least[MOST], median[MOST]; /* seconds */
    at_bench_case cases[MOST];
    int best;
    const char *key, *path;
} request;

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    bool good = true;
    if (at_cli_function_take(&page, &r->function, name, value, &good)) return good;
    if (strcmp(name, "threads") == 0)
        return at_cli_number(&page, "--threads", value, 1, 64, &r->threads);
    if (strcmp(name, "budget") == 0) return at_cli_seconds(&page, "--budget", value, &r->budget);
    if (strcmp(name, "grad") == 0) r->grad = true;
    if (strcmp(name, "forget") == 0) r->forget = true;
    if (strcmp(name, "json") == 0) r->json = true;
    if (strcmp(name, "dtype") == 0) r->dtype = value;
    return strcmp(name, "dtype") != 0 || at_cli_real_type(&page, value) != AT_TYPE_BOOL;
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Adds a way, unless its code is that of another; false after errors. */
static bool add_way(request *r, at_choices way) {
    if (r->count == MOST) return true;
    at_bench_case *c = &r->cases[r->count];
    bool *used = AT_NEW_ARRAY(r->function.s->arena, bool, r->function.resolve.size_count + 1);
    r->ways[r->count] = way;
    at_bench_request one = {
        .operand = r->function.operands[0], .dtype = r->dtype, .executor = AT_BENCH_COMPILED,
        .grad = r->grad, .resolve = &r->function.resolve, .choices = &r->ways[r->count],
        .call = {.threads = (int)r->threads}, .size_used = used, .one = true,
    };
    at_bench_prepare(&one, c);
    if (c->failed) {
        at_cli_report(c->s);
        at_bench_end(c);
        return false;
    }
    for (int i = 0; i < r->count; i++) {
        if (memcmp(c->code, r->cases[i].code, sizeof c->code) != 0) continue;
        at_bench_end(c);
        *c = (at_bench_case){0};
        return true;
    }
    r->count++;
    return true;
}

/* Usual, each equation by itself, blocks of several sizes. */
static bool add_ways(request *r) {
    static const int64_t rows[] = {16, 64, 128}, columns[] = {64, 128, 256, 512};
    bool good = add_way(r, (at_choices){0}) && add_way(r, (at_choices){.unfused = true});
    for (int i = 0; i < 3 && good; i++) good = add_way(r, (at_choices){.rows = rows[i]});
    for (int i = 0; i < 4 && good; i++) good = add_way(r, (at_choices){.columns = columns[i]});
    return good;
}

static void tell(void *user, const char *what, double share) {
    (void)user;
    if (isatty(2) && share >= 0)
        fprintf(stderr, "\r\033[K%3.0f %%  %s", 100 * (share < 1 ? share : 1), what);
    fflush(stderr);
}

/* The best of the ways from `first` on that set what `sets` asks for. */
static int best_of(const request *r, bool (*sets)(const at_choices *way)) {
    int best = 0;
    for (int i = 1; i < r->count; i++)
        if ((!sets || sets(&r->ways[i])) && r->least[i] < r->least[best]) best = i;
    return best;
}

static bool sets_rows(const at_choices *way) { return way->rows > 0; }
static bool sets_columns(const at_choices *way) { return way->columns > 0; }

static bool time_ways(request *r, double budget) {
    at_bench_time(r->cases, r->count, budget, tell, NULL);
    if (isatty(2)) fputs("\r\033[K", stderr);
    for (int i = 0; i < r->count; i++) {
        const at_bench_case *c = &r->cases[i];
        if (c->failed) at_cli_report(c->s);
        if (c->failed || c->count == 0) return false;
        r->least[i] = c->samples[0];
        r->median[i] = at_bench_quantile(c, 0.5);
    }
    return true;
}

/* What was best alone is measured together, too. */
static bool measure(request *r) {
    const double gain = 0.97;
    if (!add_ways(r)) return false;
    if (r->count == 1) return true;
    if (!time_ways(r, r->budget / 2)) return false;
    int count = r->count, rows = best_of(r, sets_rows), columns = best_of(r, sets_columns);
    at_choices both = {.rows = r->ways[rows].rows, .columns = r->ways[columns].columns};
    if (both.rows && both.columns && !add_way(r, both)) return false;
    if ((r->count > count || best_of(r, NULL) > 0) && !time_ways(r, r->budget / 2)) return false;
    r->best = best_of(r, NULL);
    if (r->least[r->best] > gain * r->least[0]) r->best = 0;
    return true;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static const char *way_text(at_session *s, const at_choices *c) {
    const char *text = c->unfused ? "unfused" : "";
    if (c->rows) text = at_format(s->arena, "%s%srows=%" PRId64, text, *text ? " " : "", c->rows);
    if (c->columns)
        text = at_format(s->arena, "%s%scolumns=%" PRId64, text, *text ? " " : "", c->columns);
    return *text ? text : "usual";
}

static const char *subject_text(const request *r) {
    at_session *s = r->function.s;
    const at_resolve_options *resolve = &r->function.resolve;
    const char *text = at_format(s->arena, "%s %s", r->cases[0].cascade->name, r->dtype);
    for (int i = 0; i < resolve->size_count; i++)
        text = at_format(s->arena, "%s %s=%" PRId64, text, resolve->sizes[i].name,
                         resolve->sizes[i].extent);
    return at_format(s->arena, "%s, %" PRId64 " thread%s", text, r->threads,
                     r->threads == 1 ? "" : "s");
}

static bool keep(request *r) {
    at_session *s = r->function.s;
    r->path = at_tuning_path(s);
    r->key = at_tuning_key(s, r->cases[0].cascade, at_cli_real_type(&page, r->dtype), NULL);
    if (!r->path || !r->key) return r->key != NULL;
    const char *comment = at_format(s->arena, "%s: %.4f ms, usually %.4f ms", subject_text(r),
                                    1e3 * r->least[r->best], 1e3 * r->least[0]);
    return at_tuning_keep(s, r->key, r->best ? &r->ways[r->best] : NULL, comment);
}

static bool tune(void *user) {
    request *r = user;
    return measure(r) && keep(r);
}

static bool forget(void *user) {
    request *r = user;
    at_cli_function *f = &r->function;
    if (!at_cli_function_load(f, at_cli_function_source(f))) return false;
    const at_cascade *cascade = at_cascade_make(f->s, f->program, &f->resolve);
    if (cascade && r->grad) cascade = at_derivative(f->s, cascade, NULL, false);
    r->path = at_tuning_path(f->s);
    if (!cascade || !r->path) return cascade != NULL;
    r->key = at_tuning_key(f->s, cascade, at_cli_real_type(&page, r->dtype), NULL);
    return r->key && at_tuning_keep(f->s, r->key, NULL, NULL);
}

/* ---- telling --------------------------------------------------------------------------------- */

static json_t *choices_json(const at_choices *c) {
    return json_pack("{s:b, s:I, s:I}", "unfused", c->unfused, "rows", (json_int_t)c->rows,
                     "columns", (json_int_t)c->columns);
}

static void print_json(const request *r) {
    json_t *list = json_array(), *sizes = json_object();
    for (int i = 0; i < r->count; i++)
        json_array_append_new(list, json_pack("{s:o, s:f, s:f}", "choices",
                                              choices_json(&r->ways[i]), "min_ms",
                                              1e3 * r->least[i], "median_ms", 1e3 * r->median[i]));
    for (int i = 0; i < r->function.resolve.size_count; i++)
        json_object_set_new(sizes, r->function.resolve.sizes[i].name,
                            json_integer(r->function.resolve.sizes[i].extent));
    at_cli_print_json(json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:s?}", "function",
                                r->cases[0].cascade->name, "program", r->key, "dtype", r->dtype,
                                "threads", (json_int_t)r->threads, "sizes", sizes, "tried", list,
                                "chosen", choices_json(&r->ways[r->best]), "kept_in", r->path));
}

static void print_text(const request *r) {
    at_session *s = r->function.s;
    printf("%s\n", subject_text(r));
    if (r->count == 1) {
        puts("all ways of compiling it give the same code: there is nothing to choose");
        return;
    }
    for (int i = 0; i < r->count; i++)
        printf("%s %-24s %9.4f ms, median %9.4f\n", i == r->best ? "*" : " ",
               way_text(s, &r->ways[i]), 1e3 * r->least[i], 1e3 * r->median[i]);
    if (!r->path) puts("nothing is kept: ATTEND_TUNING is off, or no folder is known");
    else if (r->best) printf("kept in %s: %s\n", r->path, way_text(s, &r->ways[r->best]));
    else printf("the usual way stays: nothing is kept in %s\n", r->path);
}

int at_cmd_tune(int argc, char **argv) {
    request r = {.dtype = "f64", .budget = 10};
    int status;
    if (!at_cli_function_begin(&page, argc, argv, take, &r, &r.function, &status)) return status;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (!r.threads) r.threads = processors < 1 ? 1 : processors > 64 ? 64 : processors;
    bool good = at_guarded(r.function.s, r.forget ? forget : tune, &r);
    if (good && r.forget) printf("what was kept of it is forgotten\n");
    else if (good && r.json) print_json(&r);
    else if (good) print_text(&r);
    for (int i = 0; i < r.count; i++) at_bench_end(&r.cases[i]);
    return at_cli_function_end(&r.function, good);
}
