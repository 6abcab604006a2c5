/* Every function of many files, one after the other: each in a process of its own, so that one that
 * takes too long, or too much memory, ends alone. First all are compiled, several at once, for the
 * cache of kernels; then they are measured, one at a time. */
#define _DEFAULT_SOURCE
#include "cli/bench.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    const char *operand; /* FILE:fn */
    const char *path;
    const at_program *program;
    const at_definition *definition;
    const char *skipped; /* why it is not measured; or NULL */
    bool kept;           /* a result is there */
} item;

typedef struct {
    const at_bench_every_request *request;
    at_session *s;
    int count, capacity;
    item *items;
    json_t *cases;
    bool cut;            /* the kept file ends in the middle of a line */
    at_bench_peak peak;
    double call_seconds;
} work;

/* ---- what there is --------------------------------------------------------------------------- */

/* What --set says of an option; else, of one that must have a value, a usual one, if there is. */
static const char *value_of(const work *w, const at_bind *option) {
    const at_resolve_options *resolve = &w->request->function->resolve;
    for (int i = 0; i < resolve->set_count; i++)
        if (strcmp(resolve->set_names[i], option->name) == 0) return resolve->set_values[i];
    return option->value || option->is_function ? NULL : at_bench_option(option->name);
}

/* The values of the options that a function has. */
static void choose_options(const work *w, const at_definition *definition,
                           at_resolve_options *resolve) {
    const char **names = AT_NEW_ARRAY(w->s->arena, const char *, definition->option_count);
    const char **values = AT_NEW_ARRAY(w->s->arena, const char *, definition->option_count);
    resolve->set_count = 0;
    for (int i = 0; i < definition->option_count; i++) {
        const char *value = value_of(w, &definition->options[i]);
        if (!value) continue;
        names[resolve->set_count] = definition->options[i].name;
        values[resolve->set_count++] = value;
    }
    resolve->set_names = names;
    resolve->set_values = values;
}

static void add_item(work *w, const char *path, const at_program *program,
                     const at_definition *definition) {
    item one = {at_format(w->s->arena, "%s:%s", path, definition->name), path, program, definition,
                NULL, false};
    for (int i = 0; i < definition->option_count && !one.skipped; i++)
        if (!definition->options[i].value && !value_of(w, &definition->options[i]))
            one.skipped = at_format(w->s->arena, "its option `%s` has no value",
                                    definition->options[i].name);
    if (definition->input_count == 0) one.skipped = "it has no inputs";
    AT_PUSH(w->s->arena, w->items, w->count, w->capacity, one);
}

static bool list_functions(void *user) {
    work *w = user;
    const at_cli_function *f = w->request->function;
    for (int i = 0; i < f->operand_count; i++) {
        const char *function, *path = at_cli_split(w->s, f->operands[i], &function);
        const at_source *source = at_cli_source(w->s, path);
        const at_program *program = source ? at_load(w->s, source, at_cli_library(w->s)) : NULL;
        if (!program || (function && !at_program_find(w->s, program, function))) return false;
        const at_file_tree *file = at_program_file(program);
        for (int k = 0; k < file->count; k++)
            if (file->items[k]->tag == AT_D_FN &&
                (!function || strcmp(function, file->items[k]->name) == 0))
                add_item(w, path, program, file->items[k]);
    }
    return true;
}

/* ---- results that are kept ------------------------------------------------------------------- */

static const char *what(const work *w) { return w->request->grad ? "gradient" : "function"; }

static bool is_same(const work *w, const json_t *one, const item *it) {
    const char *name = json_string_value(json_object_get(one, "case"));
    const char *dtype = json_string_value(json_object_get(one, "dtype"));
    const char *kind = json_string_value(json_object_get(one, "of"));
    return name && dtype && kind && strcmp(name, it->operand) == 0 && strcmp(kind, what(w)) == 0 &&
           strcmp(dtype, w->request->dtype) == 0;
}

static void read_kept(work *w) {
    FILE *file = w->request->kept ? fopen(w->request->kept, "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    while (file && getline(&line, &room, file) > 0) {
        w->cut = !strchr(line, '\n');
        json_t *one = json_loads(line, 0, NULL); /* a line that was cut off is measured again */
        bool wanted = false;
        for (int i = 0; i < w->count && !wanted; i++) {
            wanted = !w->items[i].kept && is_same(w, one, &w->items[i]);
            w->items[i].kept |= wanted;
        }
        if (wanted) json_array_append(w->cases, one);
        json_decref(one);
    }
    free(line);
    if (file) fclose(file);
}

static void keep(work *w, json_t *one) {
    FILE *file = w->request->kept ? fopen(w->request->kept, "a") : NULL;
    if (file) {
        if (w->cut) fputs("\n", file);
        w->cut = false;
        json_dumpf(one, file, JSON_COMPACT | JSON_REAL_PRECISION(6));
        fputs("\n", file);
        fclose(file);
    }
    json_array_append_new(w->cases, one);
}

/* ---- in a process of its own ----------------------------------------------------------------- */

static void quiet(void *user, const char *name, double share) {
    (void)user;
    (void)name;
    (void)share;
}

static at_bench_request request_of(const work *w, const item *it, at_bench_executor executor,
                                   const at_resolve_options *resolve, bool *used) {
    return (at_bench_request){
        .operand = it->operand, .dtype = w->request->dtype, .executor = executor,
        .grad = w->request->grad, .resolve = resolve, .size_used = used,
        .call = {.seed = w->request->seed, .threads = w->request->threads},
    };
}

/* Both cases of a function, ready to run; false with *why. */
static bool prepare(const work *w, const item *it, at_resolve_options *resolve,
                    at_bench_case cases[2], const char **why) {
    *resolve = w->request->function->resolve;
    resolve->library = at_cli_library(w->s);
    choose_options(w, it->definition, resolve);
    if (!at_bench_sizes(w->s, it->program, it->definition, resolve, why)) return false;
    bool *used = AT_NEW_ARRAY(w->s->arena, bool, resolve->size_count + 1);
    for (int i = 0; i < 2; i++) {
        at_bench_executor executor = i ? AT_BENCH_UNFUSED : AT_BENCH_COMPILED;
        at_bench_request request = request_of(w, it, executor, resolve, used);
        at_bench_prepare(&request, &cases[i]);
        if (!cases[i].failed) continue;
        *why = cases[i].s->diag_count ? cases[i].s->diags[0]->message : "it does not compile";
        return false;
    }
    return true;
}

static json_t *measured(const work *w, const item *it) {
    at_bench_case cases[2] = {0};
    at_resolve_options resolve;
    const char *why = NULL;
    json_t *out = NULL;
    double share = w->request->budget / (w->count ? w->count : 1);
    if (prepare(w, it, &resolve, cases, &why)) {
        at_bench_time(cases, 2, share, quiet, NULL);
        if (cases[0].failed || cases[1].failed) {
            const at_session *s = cases[cases[0].failed ? 0 : 1].s;
            why = s->diag_count ? s->diags[0]->message : "it has errors";
        } else {
            out = at_bench_floor_case(&cases[0], &cases[1], &w->peak, w->call_seconds);
            json_t *sizes = json_object();
            for (int i = 0; i < resolve.size_count; i++)
                json_object_set_new(sizes, resolve.sizes[i].name,
                                    json_integer(resolve.sizes[i].extent));
            json_object_set_new(out, "sizes", sizes);
            json_t *set = json_object();
            for (int i = 0; i < resolve.set_count; i++)
                json_object_set_new(set, resolve.set_names[i], json_string(resolve.set_values[i]));
            json_object_set_new(out, "options", set);
        }
    }
    if (!out) out = json_pack("{s:s}", "skipped", why);
    for (int i = 0; i < 2; i++)
        if (cases[i].s) at_bench_end(&cases[i]);
    return out;
}

typedef struct {
    const work *w;
    const item *it;
    json_t *out;
} measuring;

static bool measure(void *user) {
    measuring *m = user;
    m->out = measured(m->w, m->it);
    return true;
}

/* ---- processes ------------------------------------------------------------------------------- */

/* Runs `body` in a process of its own, which writes to a pipe; *pid is it. -1: none can be made. */
static int begin_process(void (*body)(void *user, int to), void *user, pid_t *pid) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    fflush(stdout);
    fflush(stderr);
    *pid = fork();
    if (*pid == 0) {
        close(ends[0]);
        body(user, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    if (*pid > 0) return ends[0];
    close(ends[0]);
    return -1;
}

/* All that the process writes, until it ends or `seconds` are over: then it is ended. */
static bool end_process(int from, pid_t pid, double seconds, at_text *out) {
    double end = at_now() + seconds;
    bool good = false;
    char piece[4096];
    for (;;) {
        double left = end - at_now();
        struct pollfd waiting = {from, POLLIN, 0};
        int ready = left > 0 ? poll(&waiting, 1, (int)(left * 1e3) + 1) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) break;
        ssize_t length = read(from, piece, sizeof piece);
        if (length > 0) at_text_add_n(out, piece, (size_t)length);
        if (length == 0) good = true;
        if (length <= 0) break;
    }
    close(from);
    if (!good) kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void write_all(int to, const void *data, size_t length) {
    const char *at = data;
    while (length > 0) {
        ssize_t done = write(to, at, length);
        if (done <= 0) _exit(1);
        at += done;
        length -= (size_t)done;
    }
}

static void measure_process(void *user, int to) {
    measuring *m = user;
    if (!at_guarded(m->w->s, measure, m)) _exit(1);
    char *text = json_dumps(m->out, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (!text) _exit(1);
    write_all(to, text, strlen(text));
}

/* A program that does nothing, run: what every call takes. */
static bool time_call(void *user) {
    at_bench_case *c = user;
    static const char text[] = "fn nothing(x[n]) -> y[n] = x[n]\n";
    at_resolve_options resolve = {0};
    const at_source *source = at_make_source(c->s, "nothing", text, sizeof text - 1);
    const at_program *program = source ? at_load(c->s, source, NULL) : NULL;
    c->cascade = program ? at_cascade_make(c->s, program, &resolve) : NULL;
    c->kernel = c->cascade ? at_compile(c->s, c->cascade, NULL, NULL) : NULL;
    if (!c->kernel) return false;
    const int64_t one = 1;
    at_tensor *x = at_tensor_new(c->s, AT_TYPE_F64, &one, 1, "x");
    if (!x) return false;
    at_collection_add(c->s, &c->inputs, "x", x);
    c->call.inputs = &c->inputs;
    at_bench_time(c, 1, 0.1, quiet, NULL);
    return c->count > 0;
}

static void peak_process(void *user, int to) {
    work *w = user;
    at_bench_case c = {.name = "nothing", .dtype = "f64", .s = at_cli_session(),
                       .call = {.threads = w->request->threads}};
    w->peak = at_bench_peak_measure(w->request->threads);
    if (!at_guarded(c.s, time_call, &c)) _exit(1);
    w->call_seconds = c.samples[0];
    write_all(to, &w->peak, sizeof w->peak);
    write_all(to, &w->call_seconds, sizeof w->call_seconds);
}

static bool measure_peak(work *w) {
    pid_t pid;
    at_text text = {0};
    int from = begin_process(peak_process, w, &pid);
    bool good = from >= 0 && end_process(from, pid, 60, &text) &&
                text.length == sizeof w->peak + sizeof w->call_seconds;
    if (good) {
        memcpy(&w->peak, text.data, sizeof w->peak);
        memcpy(&w->call_seconds, text.data + sizeof w->peak, sizeof w->call_seconds);
    }
    at_text_free(&text);
    return good;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void tell(const char *doing, int at, int count, const char *name) {
    if (!isatty(2)) return;
    fprintf(stderr, "\r\033[K%s %d of %d  %s", doing, at, count, name);
    fflush(stderr);
}

typedef struct {
    work *w;
    int first, step;
} share;

static bool compile_share(void *user) {
    share *h = user;
    work *w = h->w;
    for (int i = h->first; i < w->count; i += h->step) {
        at_bench_case cases[2] = {0};
        at_resolve_options resolve;
        const char *why;
        if (w->items[i].kept || w->items[i].skipped) continue;
        if (h->first == 0) tell("compiling", i + 1, w->count, w->items[i].operand);
        prepare(w, &w->items[i], &resolve, cases, &why);
        for (int k = 0; k < 2; k++)
            if (cases[k].s) at_bench_end(&cases[k]);
    }
    return true;
}

static void compile_process(void *user, int to) {
    share *h = user;
    (void)to;
    at_guarded(h->w->s, compile_share, h);
}

/* Fills the cache of kernels; what goes wrong is told when it is measured. */
static void compile_all(work *w) {
    enum { MOST = 8 };
    const double longest = 1200;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int workers = processors < 1 ? 1 : processors > MOST ? MOST : (int)processors;
    int from[MOST];
    pid_t pids[MOST];
    share shares[MOST];
    at_text text = {0};
    for (int i = 0; i < workers; i++) {
        shares[i] = (share){w, i, workers};
        from[i] = begin_process(compile_process, &shares[i], &pids[i]);
    }
    for (int i = 0; i < workers; i++)
        if (from[i] >= 0) end_process(from[i], pids[i], longest, &text);
    at_text_free(&text);
}

static json_t *measure_one(work *w, const item *it) {
    const double longest = 30 + 10 * w->request->budget / (w->count ? w->count : 1);
    measuring m = {w, it, NULL};
    at_text text = {0};
    pid_t pid;
    json_t *out = NULL;
    int from = begin_process(measure_process, &m, &pid);
    if (from >= 0 && end_process(from, pid, longest, &text) && text.data)
        out = json_loads(text.data, 0, NULL);
    if (!out)
        out = json_pack("{s:s}", "skipped", from < 0 ? "no process can be made"
                                                     : "it took too long, or too much memory");
    at_text_free(&text);
    return out;
}

static void measure_all(work *w) {
    for (int i = 0; i < w->count; i++) {
        item *it = &w->items[i];
        if (it->kept) continue;
        tell("measuring", i + 1, w->count, it->operand);
        json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:s}", "case", it->operand, "file", it->path,
                                "function", it->definition->name, "of", what(w), "dtype",
                                w->request->dtype);
        json_t *result =
            it->skipped ? json_pack("{s:s}", "skipped", it->skipped) : measure_one(w, it);
        json_object_update(one, result);
        json_decref(result);
        keep(w, one);
    }
    if (isatty(2)) fputs("\r\033[K", stderr);
}

static void report(work *w) {
    json_t *sorted = at_bench_floor_sorted(w->cases);
    if (w->request->json) {
        at_cli_print_json(json_pack("{s:o, s:f, s:o}", "peak", at_bench_peak_json(&w->peak),
                                    "call_ms", 1e3 * w->call_seconds, "cases", sorted));
        return;
    }
    at_text text = {0};
    at_bench_floor_text(sorted, &w->peak, w->call_seconds, &text);
    at_cli_print(&text);
    at_text_free(&text);
    json_decref(sorted);
}

int at_bench_every(const at_bench_every_request *request) {
    work w = {.request = request, .s = request->function->s, .cases = json_array()};
    int status = AT_CLI_GOOD;
    if (!at_guarded(w.s, list_functions, &w)) {
        at_cli_report(w.s);
        status = AT_CLI_INPUT;
    } else if (!measure_peak(&w)) {
        fputs("attend bench: the machine could not be measured\n", stderr);
        status = AT_CLI_INPUT;
    } else {
        read_kept(&w);
        compile_all(&w);
        measure_all(&w);
        report(&w);
    }
    json_decref(w.cases);
    return status;
}
