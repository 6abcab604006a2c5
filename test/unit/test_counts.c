/* The counts of `attend plan` against what compiled code counts while it runs: every function that
 * is given here, every one of lib/ and some of the zoo's, at several extents and drawn inputs. A
 * count that says `at most` must be an upper bound, every other one must be met. */
#define _DEFAULT_SOURCE
#include "program_fixture.h"

#include "check/check_int.h"
#include "compile.h"
#include "emit/layout.h"
#include "grad/grad.h"
#include "plan/count.h"

#include <dirent.h>

/* Conditions of every kind, loops of every kind. */
static const char *const programs =
    "fn product(a[n,k], b[k,m]) -> c[n,m] = sum[k](a[n,k] * b[k,m])\n"
    "fn causal(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
    "  s[i,j] = sum[d](q[i,d] * k[j,d]) / sqrt(size(d))\n"
    "  p[i,j] = softmax[j where j <= i](s[i,j])\n"
    "  o[i,e] = sum[j](p[i,j] * v[j,e])\n"
    "}\n"
    "fn blocks(x[i,j]) -> y[i] = sum[j where i // 4 == j // 4](x[i,j] * x[i,j] + 1)\n"
    "fn strides(x[i,j]) -> y[i] = sum[j where (i - j) % 3 == 0 and j <= i](exp(x[i,j]))\n"
    "fn choice(x[i,j]) -> y[i,j] = if j <= i then x[i,j] * x[j,i | 1] + 2 else x[i,j] / 3\n"
    "fn nested(x[i,j]) -> y[i,j] {\n"
    "  y[i,j] = if i < 3 then if j < 2 then x[i,j] * 2 else x[i,j] * 2 + 1 else 0\n"
    "}\n"
    "fn shift(x[i]) -> y[i] = x[i-2 | x[i] * x[i] + 1] * 3\n"
    "fn logic(x[i]) -> y[i] = real(i > 2 and x[i] * 2 > 1 or i == 0 and x[i] + 1 > 0)\n"
    "fn data(x[i,j]) -> y[i] = sum[j where x[i,j] > 0](log(x[i,j]))\n"
    "fn group(w[e], dst[e]: index g, keep[g]) -> z[g] = keep[g] + sum[e where dst[e] == g](w[e])\n"
    "fn gather(rows[v,c], ids[t]: index v) -> y[t,c] = 2 * rows[ids[t], c]\n"
    "fn largest(x[i,j]) -> y[i], at[i] {\n"
    "  y[i] = max[j where j != i](x[i,j] * 2)\n"
    "  at[i] = argmin[j](x[i,j] + 1)\n"
    "}\n"
    "fn means(x[i,j]) -> y[i] = mean[j](x[i,j]) + mean[j where j < i](x[i,j])\n"
    "fn running(x[i,j]) -> y[i,j], z[i,j] {\n"
    "  y[i,j] = cumsum[j](x[i,j] * x[i,j])\n"
    "  z[i,j] = cummax[j down where j <= i](2 * x[i,j])\n"
    "}\n"
    "fn sorted(x[i,j]) -> at[i,j], best[i,r] {\n"
    "  axis r = 2\n"
    "  at[i,j] = argsort[j](x[i,j] + 1)\n"
    "  best[i,r] = topk[j where j <= i](x[i,j] * 3)\n"
    "}\n"
    "fn scanned(x[t,n], a[t,n]) -> h[t,n] {\n"
    "  scan t {\n"
    "    h[t,n] = a[t,n] * h[t-1,n | 0] + x[t,n]\n"
    "  }\n"
    "}\n"
    "fn lattice(x[t,u]) -> h[t,u] {\n"
    "  scan t, u down {\n"
    "    h[t,u] = max(h[t-1,u | 0], h[t,u+1 | 0]) + (if u < t then x[t,u] else 0)\n"
    "  }\n"
    "}\n"
    "fn past(x[t], c[t]) -> y[t] {\n"
    "  scan t {\n"
    "    y[t] = x[t] + sum[u where u < t](c[u] * y[u])\n"
    "  }\n"
    "}\n"
    "fn repeated(x[n]) -> y[n], seen[l,n] {\n"
    "  h = x\n"
    "  repeat l < 3 {\n"
    "    param w[n] = 0.5\n"
    "    h = h * w + l\n"
    "    seen[l,n] = h[n] * 2\n"
    "  }\n"
    "  y = h\n"
    "}\n"
    "fn until(x[n]) -> y[n] {\n"
    "  h = x\n"
    "  repeat 9 while sum[n](h[n] * h[n]) > 1 {\n"
    "    h = h / 2\n"
    "  }\n"
    "  y = h\n"
    "}\n"
    "fn noisy(x[n]) -> y[n] {\n"
    "  e[n] ~ normal(x[n] * 2, 1)\n"
    "  y = x + e\n"
    "}\n"
    "fn kept(x[n]) -> y[n] {\n"
    "  state m = 0\n"
    "  y[n] = x[n] - m\n"
    "  next m = 0.9 * m + 0.1 * mean[n](x[n])\n"
    "}\n"
    "fn derived(x[n,c], w[c,d]) -> g[c,d] {\n"
    "  y[n,d] = tanh(sum[c](x[n,c] * w[c,d]))\n"
    "  loss = sum[n,d](y[n,d]^2)\n"
    "  g[c,d] = grad(loss, w[c,d])\n"
    "}\n";

enum { MOST = 256, TRIALS = 3, FEW = 1 }; /* FEW: of a file's own function only */

typedef struct {
    const at_definition *definition;
    const at_cascade *cascade;
    int64_t *known; /* extents of the cascade's axes, by id */
} job;

typedef struct {
    at_session *s;
    const at_program *program;
    job jobs[MOST];
    int trials, count, passes, exact; /* exact: without `at most` */
} file;

static void add_function(file *f, const at_definition *definition) {
    for (int i = 0; i < definition->option_count; i++)
        if (!definition->options[i].value) return;
    at_law_options options = {.seed = 7};
    at_law_frame frame = {.program = f->program, .law = definition, .options = &options,
                          .most_work = 3e4};
    at_law_frame_begin(f->s, &frame);
    int64_t extents[64];
    int errors = f->s->diag_count;
    for (int i = 0; i < f->trials && f->count < MOST; i++) {
        int trial = 2 * i + 1;
        if (at_extents_choose(&frame, trial, (uint64_t)trial * 977, extents) != AT_EXTENTS_GOOD)
            break;
        const at_cascade *cascade = at_law_resolve(f->s, &frame, extents);
        if (cascade) cascade = at_expand_grads(f->s, cascade);
        if (!cascade) break;
        int64_t *known = at_extents_all(f->s, &frame, frame.cascade, extents);
        int64_t *all = AT_NEW_ARRAY(f->s->arena, int64_t, cascade->axis_count);
        for (int k = 0; k < cascade->axis_count; k++)
            all[k] = k < frame.cascade->axis_count ? known[k] : at_extent(cascade->axes[k], known);
        f->jobs[f->count++] = (job){definition, cascade, all};
    }
    f->s->diag_count = errors;
    at_law_frame_end(&frame);
}

static int64_t eight(void *user, const at_array *array) {
    (void)user, (void)array;
    return 8;
}

static bool may_end(const at_pass *pass) {
    for (int i = 0; i < pass->region_count; i++)
        if (pass->regions[i]->tag == AT_REPEAT && at_repeat_may_end(pass->regions[i])) return true;
    return false;
}

static bool look_for_guard(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_FOLD_NODE && e->u.fold.guard;
    return !*found;
}

static bool grows(const at_pass *pass) {
    bool found = false;
    at_walk_statement(pass->statement, look_for_guard, &found);
    return found;
}

static void compare_pass(file *f, const job *j, const at_loop_program *loops, int i,
                         const int64_t *extents, const uint64_t *counters) {
    const at_plan *plan = loops->plan;
    const at_pass *pass = plan->passes[i];
    at_count count = at_count_pass(f->s, plan->cascade, pass, extents, eight, NULL);
    /* An element that fails, and is not needed, is not computed to its end; and the first of an
     * array makes the pass begin again, to keep faults. */
    bool fails = loops->nests[i].fallible, most = count.at_most || may_end(pass) || fails;
    uint64_t all = (uint64_t)count.flops, each = (uint64_t)count.written;
    bool flops = most ? counters[0] <= (fails ? 2 * all : all) : counters[0] == all;
    bool stores = may_end(pass) ? counters[1] <= (fails ? 2 * each : each)
                                : counters[1] >= each && counters[1] <= (fails ? 2 * each : each);
    /* What grows element by element, as a sum grouped by data does, is not stored but once. */
    stores |= counters[1] == 0 && grows(pass);
    f->passes++;
    f->exact += !most;
    if (flops && stores) return;
    at_text text = {0};
    at_text_addf(&text, "%s, pass %d: ", j->definition->name, i + 1);
    at_pass_print(pass, &text);
    at_text_addf(&text, "\ncounted %lld%s flops and %lld stores, the run did %lld and %lld, with",
                 (long long)count.flops, most ? " (at most)" : "", (long long)count.written,
                 (long long)counters[0], (long long)counters[1]);
    for (int k = 0; k < plan->cascade->axis_count; k++)
        at_text_addf(&text, " %s=%lld", plan->cascade->axes[k]->name, (long long)extents[k]);
    tell(text.data);
}

static bool know_rounds(void *user, const at_statement *st) {
    int64_t *extents = user;
    if (st->tag == AT_REPEAT) extents[st->u.repeat.round->id] = st->u.repeat.count;
    return true;
}

/* The workspace that the plan tells is the one that the run asks for. */
static void compare_workspace(file *f, const job *j, const at_loop_program *loops,
                              const int64_t *extents, size_t asked) {
    int count = loops->plan->place_count;
    int64_t *element = AT_NEW_ARRAY(f->s->arena, int64_t, count + 1);
    int64_t *bytes = AT_NEW_ARRAY(f->s->arena, int64_t, count + 1);
    int64_t *offset = AT_NEW_ARRAY(f->s->arena, int64_t, count + 1);
    int64_t *rows = AT_NEW_ARRAY(f->s->arena, int64_t, loops->plan->group_count + 1);
    bool *aside = AT_NEW_ARRAY(f->s->arena, bool, count + 1);
    for (int i = 0; i < count; i++)
        element[i] = (int64_t)at_type_bytes(at_place_type(&loops->plan->places[i], AT_TYPE_F64));
    at_layout_types types = {element, aside, 8, 1};
    int64_t told = at_layout(f->s, loops, &types, extents, bytes, offset, rows);
    if ((size_t)told != asked)
        fail_msg("%s: the plan tells a workspace of %lld bytes, the run asks for %lld",
                 j->definition->name, (long long)told, (long long)asked);
}

static void run_job(file *f, const job *j, const at_loop_program *loops, const at_kernel *kernel,
                    bool counts) {
    const at_plan *plan = loops->plan;
    at_collection inputs = {0};
    at_call call = {.seed = 11, .threads = 1, .memory_limit = (size_t)1 << 30, .inputs = &inputs};
    int axes = plan->cascade->axis_count;
    int64_t *extents = AT_NEW_ARRAY(f->s->arena, int64_t, axes);
    /* Rewriting gives axes new numbers; inputs stay in their order. */
    for (int i = 0; i < axes; i++)
        extents[i] = plan->cascade->axes[i]->extent ? -1 : plan->cascade->axes[i]->fixed;
    for (int i = 0; i < j->cascade->input_count; i++)
        for (int k = 0; k < j->cascade->inputs[i].array->rank; k++)
            extents[plan->cascade->inputs[i].array->axes[k]->id] =
                j->known[j->cascade->inputs[i].array->axes[k]->id];
    at_walk_block(&plan->cascade->body, know_rounds, extents);
    for (int i = 0; i < axes; i++)
        if (extents[i] < 0) extents[i] = at_extent(plan->cascade->axes[i], extents);
    assert_true(at_draw_inputs(f->s, j->cascade, &call, j->known, false, &inputs));
    at_ready *ready = at_kernel_ready(f->s, kernel, &call);
    int errors = f->s->diag_count;
    /* A run that fails on these inputs did not do everything. */
    if (ready) compare_workspace(f, j, loops, extents, at_ready_workspace(ready));
    if (counts && ready && at_ready_run(ready))
        for (int i = 0; i < plan->pass_count; i++)
            compare_pass(f, j, loops, i, extents, at_ready_counters(ready) + 2 * i);
    f->s->diag_count = errors;
    at_ready_free(ready);
    at_collection_free(&inputs);
}

static void run_all(file *f, bool counts) {
    const at_cascade *cascades[MOST];
    const char *prefixes[MOST];
    const at_tile_program *tiles[MOST];
    at_text text = {0};
    const at_compile_options how = {.instrument = counts};
    for (int i = 0; i < f->count; i++) {
        cascades[i] = f->jobs[i].cascade;
        prefixes[i] = at_format(f->s->arena, "p%d", i);
    }
    if (!at_compile_text(f->s, cascades, prefixes, f->count, &how, tiles, &text))
        fail_msg("%s", errors_of(f->s));
    at_library *library = at_library_load(f->s, &text);
    at_text_free(&text);
    if (!library) fail_msg("%s", errors_of(f->s));
    for (int i = 0; i < f->count; i++) {
        at_emit_entry entry = {tiles[i], prefixes[i]};
        at_kernel *kernel = at_kernel_of(f->s, library, &entry, AT_TYPE_F64);
        assert_non_null(kernel);
        run_job(f, &f->jobs[i], tiles[i]->loops, kernel, counts);
        at_kernel_free(kernel);
    }
    at_library_free(library);
}

static void count_file(const at_source *source, at_session *s, int trials, int least) {
    static const char *const library[] = {"lib", "zoo/dense", "zoo/linear", "zoo/sparse", NULL};
    file *f = calloc(1, sizeof *f);
    f->s = s;
    f->trials = trials;
    f->program = source ? at_load(s, source, library) : NULL;
    if (!f->program) fail_msg("%s", errors_of(s));
    const at_file_tree *tree = at_program_file(f->program);
    for (int i = 0; i < tree->count && trials != FEW; i++)
        if (tree->items[i]->tag == AT_D_FN) add_function(f, tree->items[i]);
    if (trials == FEW) add_function(f, at_program_find(s, f->program, NULL));
    run_all(f, true);
    print_message("%s: %d passes, %d counted exactly\n", source->name, f->passes, f->exact);
    if (f->exact < least)
        fail_msg("%s: only %d passes were counted exactly", source->name, f->exact);
    free(f);
}

static void counts_are_what_runs_do(void **state) {
    (void)state;
    at_session *s = at_session_new((size_t)512 << 20);
    count_file(at_make_source(s, "programs.attn", programs, strlen(programs)), s, TRIALS, 90);
    at_session_free(s);
}

static int count_folder(const char *path, int trials) {
    DIR *folder = opendir(path);
    assert_non_null(folder);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strstr(entry->d_name, ".attn") || strcmp(entry->d_name, "prelude.attn") == 0) continue;
        at_session *s = at_session_new((size_t)512 << 20);
        const char *name = at_format(s->arena, "%s/%s", path, entry->d_name);
        count_file(at_read_source(s, name), s, trials, 1);
        at_session_free(s);
        files++;
    }
    closedir(folder);
    return files;
}

static void counts_of_the_library_are_what_runs_do(void **state) {
    (void)state;
    assert_true(count_folder("lib", TRIALS) > 5);
}

static void counts_of_published_mechanisms_are_what_runs_do(void **state) {
    (void)state;
    static const char *const families[] = {"zoo/graph", "zoo/position", "zoo/linear"};
    int files = 0;
    for (int i = 0; i < 3; i++) files += count_folder(families[i], FEW);
    assert_true(files > 5);
}

static void workspaces_are_what_runs_ask_for(void **state) {
    (void)state;
    at_session *s = at_session_new((size_t)512 << 20);
    const at_source *source = at_make_source(s, "programs.attn", programs, strlen(programs));
    file *f = calloc(1, sizeof *f);
    f->s = s;
    f->trials = TRIALS;
    f->program = at_load(s, source, NULL);
    const at_file_tree *tree = at_program_file(f->program);
    for (int i = 0; i < tree->count; i++)
        if (tree->items[i]->tag == AT_D_FN) add_function(f, tree->items[i]);
    run_all(f, false);
    free(f);
    at_session_free(s);
}

int main(void) {
    setenv("ATTEND_CACHE", "off", 1);
    setenv("ATTEND_CFLAGS", "-O0", 1); /* most of the time is the C compiler's */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_what_runs_do),
        cmocka_unit_test(workspaces_are_what_runs_ask_for),
        cmocka_unit_test(counts_of_the_library_are_what_runs_do),
        cmocka_unit_test(counts_of_published_mechanisms_are_what_runs_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
