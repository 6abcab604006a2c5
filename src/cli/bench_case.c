/* From FILE:fn, a type and an executor to a case that can be run again and again: resolved,
 * compiled, with drawn inputs. Inputs are drawn by seed and name alone, so functions whose inputs
 * have the same names and shapes are given the same numbers. */
#include "cli/bench.h"

#include "check/check_int.h"
#include "cli/plan_report.h"
#include "grad/grad.h"
#include "ref/ref.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const at_bench_request *request;
    at_bench_case *c;
    at_cli_function function;
} preparing;

/* The sizes that this function's inputs have. A size that it has not may belong to another file. */
static bool choose_sizes(preparing *p, const at_definition *definition) {
    const at_resolve_options *told = p->request->resolve;
    at_known_size *sizes = AT_NEW_ARRAY(p->c->s->arena, at_known_size, told->size_count + 1);
    int count = 0;
    for (int i = 0; i < told->size_count; i++) {
        bool found = p->request->one;
        for (int k = 0; k < definition->input_count && !found; k++)
            for (int a = 0; a < definition->inputs[k].count; a++)
                found |= strcmp(definition->inputs[k].axes[a], told->sizes[i].name) == 0;
        if (!found) continue;
        p->request->size_used[i] = true;
        sizes[count++] = told->sizes[i];
    }
    p->function.resolve.sizes = sizes;
    p->function.resolve.size_count = count;
    return true;
}

static at_type type_of(const char *dtype) {
    static const at_type types[] = {AT_TYPE_F64, AT_TYPE_F32, AT_TYPE_BF16, AT_TYPE_F16};
    for (int i = 0; i < 4; i++)
        if (strcmp(dtype, at_type_text(types[i])) == 0) return types[i];
    return AT_TYPE_F64;
}

/* Of a given array so much as passes read, if that is less than all of it. */
static int64_t bytes_read(const at_plan_report *r, int place) {
    const at_array *array = r->plan->places[place].array;
    int64_t elements = 1, read = 0, bytes = r->buffers[place].bytes;
    for (int i = 0; i < array->rank; i++)
        elements = at_count_times(elements, r->extents[array->axes[i]->id]);
    for (int i = 0; i < r->plan->pass_count; i++)
        for (int k = 0; k < r->counts[i].read_count; k++)
            if (r->counts[i].reads[k].array == array)
                read = at_count_add(read, r->counts[i].reads[k].count);
    return read < elements ? at_count_times(read, bytes / elements) : bytes;
}

static int64_t least_bytes(const at_plan_report *r) {
    int64_t sum = 0;
    for (int i = 0; i < r->plan->place_count; i++) {
        at_place_use use = r->plan->places[i].use;
        if (use == AT_PLACE_GIVEN) sum = at_count_add(sum, bytes_read(r, i));
        else if (use == AT_PLACE_OUTPUT) sum = at_count_add(sum, r->buffers[i].bytes);
    }
    return sum;
}

static bool count_work(preparing *p, const at_definition *definition) {
    at_bench_case *c = p->c;
    const at_compile_options how = {.type = type_of(c->dtype), .choices = c->choices};
    const at_plan *plan = at_compile_plan(c->s, c->cascade, &how);
    if (!plan) return false;
    const at_loop_program *loops = at_loop_make(c->s, plan);
    int64_t *all; /* of the axes that were added, too */
    const char *missing;
    if (!at_cli_extents(c->s, definition, plan->cascade, &p->function.resolve, &all, &missing))
        return false;
    at_plan_report *report = at_plan_report_make(c->s, loops, c->dtype, 1, all);
    c->flops = report->total.flops;
    c->bytes = report->total.bytes;
    c->flops_at_most = report->total.at_most;
    c->bytes_at_most = report->total.bytes_at_most;
    c->least_bytes = least_bytes(report);
    return true;
}

static bool compile(at_bench_case *c) {
    if (c->executor == AT_BENCH_REFERENCE) return true;
    double start = at_now();
    at_type type = type_of(c->dtype);
    const at_compile_options how = {.type = type, .plain = c->executor == AT_BENCH_NAIVE,
                                    .choices = c->choices};
    at_text text = {0};
    at_hash hash;
    c->kernel = at_compile(c->s, c->cascade, &how, &text);
    c->compile_ms = 1e3 * (at_now() - start);
    at_hash_begin(&hash);
    at_hash_add(&hash, text.data, text.length);
    at_hash_end(&hash, c->code);
    at_text_free(&text);
    return c->kernel != NULL;
}

static bool prepare(void *user) {
    preparing *p = user;
    at_bench_case *c = p->c;
    at_session *s = c->s;
    const at_definition *definition =
        at_cli_function_load(&p->function, at_cli_function_source(&p->function));
    if (!definition || !choose_sizes(p, definition)) return false;
    c->function = definition->name;
    c->cascade = at_cascade_make(s, p->function.program, &p->function.resolve);
    if (c->cascade && p->request->grad) c->cascade = at_derivative(s, c->cascade, NULL, false);
    if (!c->cascade) return false;
    int64_t *extents;
    const char *missing;
    if (!at_cli_extents(s, definition, c->cascade, &p->function.resolve, &extents, &missing))
        return false;
    if (missing) {
        at_diag *diag = at_error(s, AT_E_SIZES_MISSING, definition->name_span,
                                 "the sizes of %s are needed to draw inputs of `%s`", missing,
                                 definition->name);
        at_hint(s, diag, "give each with --size: --size %s=64", strtok(at_copy_text(s->arena,
                missing, strlen(missing)), ","));
        return false;
    }
    c->call = p->request->call;
    c->call.inputs = &c->inputs;
    if (c->executor == AT_BENCH_NAIVE) c->call.threads = 1;
    return at_draw_inputs(s, c->cascade, &c->call, extents, false, &c->inputs) &&
           count_work(p, definition) && compile(c);
}

static const at_choices unfused = {.unfused = true};

void at_bench_prepare(const at_bench_request *request, at_bench_case *c) {
    static const char *const executors[] = {"", " unfused", " naive", " reference"};
    c->s = at_cli_session();
    c->file = request->operand;
    c->dtype = request->dtype;
    c->executor = request->executor;
    c->choices = request->choices;
    if (request->executor == AT_BENCH_UNFUSED) c->choices = &unfused;
    c->name = at_format(c->s->arena, "%s %s%s", request->operand, request->dtype,
                        executors[request->executor]);
    char *operand = at_copy_text(c->s->arena, request->operand, strlen(request->operand));
    preparing p = {request, c, {.s = c->s, .operands = &operand, .operand_count = 1,
                                .resolve = *request->resolve}};
    c->failed = !at_guarded(c->s, prepare, &p);
}

static bool run_once(void *user) {
    at_bench_case *c = user;
    if (c->kernel) {
        if (!c->ready) c->ready = at_kernel_ready(c->s, c->kernel, &c->call);
        return c->ready && at_ready_run(c->ready);
    }
    at_results results = {0};
    bool good = at_ref_run(c->s, c->cascade, &c->call, &results);
    at_results_free(&results);
    return good;
}

bool at_bench_run(at_bench_case *c) { return at_guarded(c->s, run_once, c); }

void at_bench_end(at_bench_case *c) {
    at_ready_free(c->ready);
    at_kernel_free(c->kernel);
    at_collection_free(&c->inputs);
    free(c->samples);
    free(c->processor);
    if (c->s) at_cli_session_end(c->s);
}
