/* attend bench: how long functions take on drawn inputs, beside what the machine could do. */
#define _DEFAULT_SOURCE
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const at_cli_option options[] = {
    {0, "size", "n=4096,…", "extents of the inputs' axes; several files take those they have"},
    {0, "set", "name=value", "an option of the function"},
    {0, "dtype", "NAME,…", "the types to measure in: f64 (the default), f32, bf16, f16"},
    {0, "grad", NULL, "measure the functions' derivatives"},
    {0, "against", "NAME,…",
     "measure also: reference, the reference executor; naive, the same\n"
     "program as plain scalar loops on one thread; unfused, compiled with\n"
     "each equation as a pass of its own"},
    {0, "every", NULL,
     "measure every function of the files, at usual sizes where none are told, and\n"
     "list how far each is above what the machine needs at least"},
    {0, "kept", "FILE",
     "with --every: results are added to FILE, and what it holds is not measured again"},
    {0, "threads", "N", "threads to use; as many as the machine has without it"},
    {0, "seed", "N", "fixes the drawn inputs; 0 without it"},
    {0, "budget", "SECONDS", "how long to measure; 5s without it, 300s with --every"},
    {0, "training", NULL, "the programs as they are while training"},
    {0, "json", NULL, "print what was measured as JSON"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "bench",
    .usage = "attend bench FILE[:fn]... --size … [options]",
    .about =
        "Runs functions on drawn inputs, in turn and again until the budget is spent, and prints the\n"
        "median and the least time of a run, operations and bytes a second as `attend plan` counts\n"
        "them, and what this machine reaches at most, measured in the same minute. Inputs that have\n"
        "the same name and shape in several files are the same numbers.\n",
    .options = options,
    .examples =
        "  attend bench attention.attn --size i=1024,j=1024,d=64,e=64 --dtype f32 --against naive\n"
        "  attend bench zoo/dense/*.attn --size n=512,c=64 --budget 30s --json\n"
        "  attend bench --every lib/*.attn zoo/*/*.attn --dtype f32 --kept zoo.jsonl\n",
};

typedef struct {
    at_cli_function function;
    at_cli_list dtypes;
    bool against[AT_BENCH_EXECUTORS];
    bool every;
    const char *kept;
    bool grad, json;
    double budget;
    int64_t threads, seed;
    at_bench_case *cases;
    int count;
    at_bench_peak peak;
} request;

static bool add_words(at_cli_list *list, const char *text) {
    char *copy = strdup(text), *rest = copy;
    for (char *name; copy && (name = strsep(&rest, ",")) != NULL;)
        if (*name) at_cli_list_add(list, name);
    return true; /* the list keeps the names until the command ends */
}

static bool take_dtypes(request *r, const char *value) {
    static const char *const known[] = {"f64", "f32", "bf16", "f16"};
    int first = r->dtypes.count;
    add_words(&r->dtypes, value);
    for (int i = first; i < r->dtypes.count; i++) {
        bool found = false;
        for (int k = 0; k < 4; k++) found |= strcmp(known[k], r->dtypes.items[i]) == 0;
        if (found) continue;
        at_cli_misuse(&page, "there is no dtype `%s`; there are f64, f32, bf16 and f16",
                      r->dtypes.items[i]);
        return false;
    }
    return true;
}

static bool take_against(request *r, const char *value) {
    at_cli_list words = {0};
    add_words(&words, value);
    for (int i = 0; i < words.count; i++) {
        if (strcmp(words.items[i], "reference") == 0) r->against[AT_BENCH_REFERENCE] = true;
        else if (strcmp(words.items[i], "naive") == 0) r->against[AT_BENCH_NAIVE] = true;
        else if (strcmp(words.items[i], "unfused") == 0) r->against[AT_BENCH_UNFUSED] = true;
        else {
            at_cli_misuse(&page, "--against takes reference, naive and unfused, not `%s`",
                          words.items[i]);
            return false;
        }
    }
    return true;
}

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    bool good = true;
    if (at_cli_function_take(&page, &r->function, name, value, &good)) return good;
    if (strcmp(name, "dtype") == 0) return take_dtypes(r, value);
    if (strcmp(name, "against") == 0) return take_against(r, value);
    if (strcmp(name, "budget") == 0) return at_cli_seconds(&page, "--budget", value, &r->budget);
    if (strcmp(name, "threads") == 0)
        return at_cli_number(&page, "--threads", value, 1, 64, &r->threads);
    if (strcmp(name, "seed") == 0)
        return at_cli_number(&page, "--seed", value, 0, INT64_MAX, &r->seed);
    if (strcmp(name, "every") == 0) r->every = true;
    if (strcmp(name, "kept") == 0) r->kept = value;
    if (strcmp(name, "grad") == 0) r->grad = true;
    if (strcmp(name, "json") == 0) r->json = true;
    return true;
}

/* One line that changes, on a terminal; elsewhere a line for each case. */
static void tell(void *user, const char *what, double share) {
    (void)user;
    bool terminal = isatty(2);
    if (share < 0)
        fprintf(stderr, terminal ? "\r\033[Kfirst run of %s" : "first run of %s\n", what);
    else if (terminal) fprintf(stderr, "\r\033[K%3.0f %%  %s", 100 * (share < 1 ? share : 1), what);
    fflush(stderr);
}

static void prepare_all(request *r, bool *used) {
    char **operands = r->function.operands;
    for (int f = 0; f < r->function.operand_count; f++)
        for (int d = 0; d < r->dtypes.count; d++)
            for (int x = 0; x < AT_BENCH_EXECUTORS; x++) {
                if (x != AT_BENCH_COMPILED && !r->against[x]) continue;
                /* The reference executor has one type. */
                if (x == AT_BENCH_REFERENCE && d > 0) continue;
                at_bench_request one = {
                    .operand = operands[f],
                    .dtype = r->dtypes.items[d],
                    .executor = (at_bench_executor)x,
                    .grad = r->grad,
                    .resolve = &r->function.resolve,
                    .call = {.seed = (uint64_t)r->seed, .threads = (int)r->threads},
                    .size_used = used,
                    .one = r->function.operand_count == 1,
                };
                if (x == AT_BENCH_REFERENCE) one.dtype = "f64";
                if (isatty(2)) fprintf(stderr, "\r\033[Kcompiling %s", operands[f]);
                at_bench_prepare(&one, &r->cases[r->count++]);
            }
}

static bool sizes_used(request *r, const bool *used) {
    for (int i = 0; i < r->function.resolve.size_count; i++) {
        if (used[i]) continue;
        at_cli_misuse(&page, "--size %s: no input of these functions has such an axis",
                      r->function.resolve.sizes[i].name);
        return false;
    }
    return true;
}

static int finish(request *r) {
    int status = AT_CLI_GOOD;
    if (isatty(2)) fputs("\r\033[K", stderr);
    for (int i = 0; i < r->count; i++) {
        if (!r->cases[i].failed) continue;
        status = AT_CLI_INPUT;
        at_cli_report(r->cases[i].s);
    }
    if (r->json) {
        at_cli_print_json(at_bench_json(r->cases, r->count, &r->peak));
        return status;
    }
    at_text text = {0};
    at_bench_text(r->cases, r->count, &r->peak, &text);
    at_cli_print(&text);
    at_text_free(&text);
    return status;
}

static int measure(request *r) {
    at_cli_function *f = &r->function;
    bool *used = AT_NEW_ARRAY(f->s->arena, bool, f->resolve.size_count + 1);
    r->cases = calloc((size_t)f->operand_count * (size_t)r->dtypes.count * AT_BENCH_EXECUTORS,
                      sizeof *r->cases);
    if (!r->cases) return at_cli_bug("no memory for the cases");
    prepare_all(r, used);
    int failed = 0;
    for (int i = 0; i < r->count; i++) failed += r->cases[i].failed;
    if (failed == 0 && !sizes_used(r, used)) return AT_CLI_USAGE;
    if (failed == r->count) {
        for (int i = 0; i < r->count; i++) at_cli_report(r->cases[i].s);
        return AT_CLI_INPUT;
    }
    r->peak = at_bench_peak_measure((int)r->threads);
    at_bench_time(r->cases, r->count, r->budget > 0 ? r->budget : 5, tell, r);
    return finish(r);
}

/* --every goes its own way: nothing may have used threads before it makes processes. */
static int every(request *r) {
    bool against = false;
    for (int x = 0; x < AT_BENCH_EXECUTORS; x++) against |= r->against[x];
    if (against || r->dtypes.count > 1)
        return at_cli_misuse(&page,
                             "--every takes one dtype, and measures against unfused code only");
    at_bench_every_request all = {
        .function = &r->function, .dtype = r->dtypes.items[0], .grad = r->grad, .json = r->json,
        .threads = (int)r->threads, .seed = (uint64_t)r->seed, .kept = r->kept,
        .budget = r->budget > 0 ? r->budget : 300,
    };
    return at_bench_every(&all);
}

int at_cmd_bench(int argc, char **argv) {
    request r = {.function.several = true};
    int status;
    if (!at_cli_function_begin(&page, argc, argv, take, &r, &r.function, &status)) return status;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (!r.threads) r.threads = processors < 1 ? 1 : processors > 64 ? 64 : processors;
    if (r.dtypes.count == 0) at_cli_list_add(&r.dtypes, "f64");
    if (!r.every && r.kept) status = at_cli_misuse(&page, "--kept goes with --every");
    else status = r.every ? every(&r) : measure(&r);
    for (int i = 0; i < r.count; i++) at_bench_end(&r.cases[i]);
    free(r.cases);
    at_cli_session_end(r.function.s);
    return status;
}
