/* A loaded kernel and its calls: binding the caller's arrays, memory for the others, the run, and
 * the outputs handed back. */
#define _DEFAULT_SOURCE
#include "ref/ref.h"
#include "run/run.h"

#include <dlfcn.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct at_library {
    void *handle; /* of dlopen */
};

/* The workspace of the last run, for the next: taken by whoever comes first. */
typedef struct {
    size_t bytes;
} memory;

typedef struct {
    _Atomic(memory *) memory; /* NULL: none, or a run has it */
} spare;

struct at_kernel {
    at_library *library, *own;      /* own: freed with the kernel */
    at_entry_run run;
    at_entry_workspace workspace;
    const at_loop_program *program; /* lives in the session that compiled it */
    at_type type;                   /* of reals that are given and handed back */
    spare *spare;                   /* shared by runs at the same time */
};

/* ---- loading --------------------------------------------------------------------------------- */

static at_library *load_library(at_session *s, const at_text *source, const char *target) {
    s->stage = "run";
    if (source->failed) {
        at_error(s, AT_E_MEMORY, at_no_span(), "no memory is left to write the compiled code");
        return NULL;
    }
    void *handle = at_cc_load(s, source, target);
    if (!handle) return NULL;
    at_library *library = malloc(sizeof *library);
    if (library) library->handle = handle;
    else dlclose(handle);
    if (!library) at_error(s, AT_E_LOAD, at_no_span(), "the compiled code cannot be loaded");
    return library;
}

at_library *at_library_load(at_session *s, const at_text *source) {
    return load_library(s, source, NULL);
}

void at_library_free(at_library *library) {
    if (!library) return;
    dlclose(library->handle);
    free(library);
}

/* ISO C has no conversion from an object pointer to a function pointer; POSIX has. */
static bool find(const at_library *library, const char *prefix, const char *name, void *function) {
    char symbol[256];
    if (snprintf(symbol, sizeof symbol, "%s_%s", prefix, name) >= (int)sizeof symbol) return false;
    void *found = dlsym(library->handle, symbol);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

at_kernel *at_kernel_of(at_session *s, at_library *library, const at_emit_entry *entry,
                        at_type type) {
    at_kernel *kernel = calloc(1, sizeof *kernel);
    if (kernel) kernel->spare = calloc(1, sizeof *kernel->spare);
    if (kernel && kernel->spare && find(library, entry->prefix, "run", &kernel->run) &&
        find(library, entry->prefix, "workspace", &kernel->workspace)) {
        kernel->library = library;
        kernel->program = entry->program->loops;
        kernel->type = type;
        return kernel;
    }
    if (kernel) free(kernel->spare);
    free(kernel);
    at_error(s, AT_E_LOAD, at_no_span(), "the compiled code cannot be loaded");
    return NULL;
}

at_kernel *at_kernel_build(at_session *s, const at_emit_entry *entry, at_type type,
                           const at_text *source, const char *target) {
    at_library *library = load_library(s, source, target);
    if (!library) return NULL;
    at_kernel *kernel = at_kernel_of(s, library, entry, type);
    if (kernel) kernel->own = library;
    else at_library_free(library);
    return kernel;
}

void at_kernel_free(at_kernel *kernel) {
    if (!kernel) return;
    at_library_free(kernel->own);
    if (kernel->spare) free(atomic_load(&kernel->spare->memory));
    free(kernel->spare);
    free(kernel);
}

/* ---- the arrays of a run --------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    const at_kernel *kernel;
    const at_plan *plan;
    const at_call *call;
    at_results *results;
    at_bound_call bound;
    at_tensor **made;          /* by place; NULL where given */
    struct attend_view *views; /* by place */
    struct attend_call entry;
    struct attend_failure failure;
    memory *workspace;
    uint64_t *counters;        /* of code that counts: two a pass */
    bool kept;                 /* it outlives the function that made it */
} run;

static bool refuse_memory(const run *r) {
    at_error(r->s, AT_E_RUN_MEMORY, at_no_span(), "there is no memory left for this run");
    return false;
}

static bool make_run(run *r) {
    size_t count = (size_t)r->plan->place_count;
    r->made = calloc(count + 1, sizeof *r->made);
    r->views = calloc(count + 1, sizeof *r->views);
    r->counters = calloc(2 * (size_t)r->plan->pass_count + 1, sizeof *r->counters);
    return (r->made && r->views && r->counters) || refuse_memory(r);
}

static void end_run(void *user) {
    run *r = user;
    for (int i = 0; i < r->plan->place_count; i++)
        if (r->made) at_tensor_free(r->made[i]);
    free(r->made);
    free(r->views);
    free(r->counters);
    if (r->workspace) free(atomic_exchange(&r->kernel->spare->memory, r->workspace));
    at_bound_call_free(&r->bound);
}

/* The extents that an axis list has in this run. */
static void shape_of(const run *r, const at_array *array, int64_t *extents) {
    for (int i = 0; i < array->rank; i++) extents[i] = r->bound.extents[array->axes[i]->id];
}

static at_type type_of(const run *r, const at_array *array) {
    return array->kind == AT_REAL ? r->kernel->type
           : array->kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
}

static bool fits_rank(const run *r, const at_array *array) {
    if (array->rank <= AT_RANK_LIMIT) return true;
    at_error(r->s, AT_E_TENSOR_RANK, array->span, "`%s` has %d axes, and may have at most %d",
             array->name, array->rank, AT_RANK_LIMIT);
    return false;
}

/* Every array must have a size that can be counted, if not memory of its own. */
static bool check_shapes(const run *r) {
    for (int i = 0; i < r->plan->place_count; i++) {
        const at_array *array = r->plan->places[i].array;
        if (!fits_rank(r, array)) return false;
        int64_t extents[AT_RANK_LIMIT];
        shape_of(r, array, extents);
        for (int k = 0; k < array->rank; k++)
            if (r->plan->places[i].slots[k]) extents[k] = r->plan->places[i].slots[k];
            else if (at_place_is_block(&r->plan->places[i], k)) extents[k] = 1; /* or few */
        if (at_shape_count(extents, array->rank, sizeof(struct attend_fault)) >= 0) continue;
        const char *shape = "";
        for (int k = 0; k < array->rank; k++)
            shape = at_format(r->s->arena, "%s%s%s = %lld", shape, k ? ", " : "",
                              array->axes[k]->name, (long long)extents[k]);
        at_error(r->s, AT_E_RUN_MEMORY, array->span,
                 "`%s` is larger than any memory can hold, with %s", array->name, shape);
        return false;
    }
    return true;
}

static void show_bytes(double bytes, char *buffer) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    int unit = 0;
    for (; bytes >= 1024 && unit < 5; unit++) bytes /= 1024;
    snprintf(buffer, 32, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static double place_bytes(const run *r, int place) {
    const at_array_place *at = &r->plan->places[place];
    double bytes = (double)at_type_bytes(at_place_type(at, r->kernel->type));
    for (int k = 0; k < at->array->rank; k++)
        if (!at_place_is_block(at, k))
            bytes *= (double)(at->slots[k] ? at->slots[k]
                                           : r->bound.extents[at->array->axes[k]->id]);
    return bytes;
}

static void refuse_size(const run *r, double needed, double limit) {
    char need[32], have[32], own[32];
    int most = 0;
    for (int i = 1; i < r->plan->place_count; i++)
        if (place_bytes(r, i) > place_bytes(r, most)) most = i;
    const at_array *array = r->plan->places[most].array;
    show_bytes(needed, need);
    show_bytes(limit, have);
    show_bytes(place_bytes(r, most), own);
    at_diag *diag = at_error(r->s, AT_E_RUN_MEMORY, array->span,
                             "this run needs %s for its arrays, and may use %s", need, have);
    const char *shape = "";
    for (int k = 0; k < array->rank; k++)
        shape = at_format(r->s->arena, "%s%s%s = %lld", shape, k ? ", " : "", array->axes[k]->name,
                          (long long)r->bound.extents[array->axes[k]->id]);
    at_note(r->s, diag, at_no_span(), "the largest is `%s`: %s%s%s", array->name, shape,
            array->rank ? ": " : "", own);
}

/* The workspace lies behind 64 bytes that say how long it is. For tests it is filled with NaN
 * before each run (ATTEND_POISON): what reads an element that nothing has computed then shows. */
static bool take_workspace(run *r) {
    enum { HEAD = 64 };
    size_t bytes = r->entry.workspace_bytes;
    if (bytes == 0) return true;
    r->workspace = atomic_exchange(&r->kernel->spare->memory, NULL);
    if (r->workspace && r->workspace->bytes < bytes) {
        free(r->workspace);
        r->workspace = NULL;
    }
    if (!r->workspace) {
        r->workspace = aligned_alloc(HEAD, (bytes + 2 * HEAD - 1) / HEAD * HEAD);
        if (r->workspace) r->workspace->bytes = bytes;
    }
    if (!r->workspace) return refuse_memory(r);
    r->entry.workspace = (char *)r->workspace + HEAD;
    if (getenv("ATTEND_POISON")) memset(r->entry.workspace, 0xff, bytes);
    return true;
}

/* Counts everything before anything is taken: what was converted, outputs, the workspace. */
static bool fits_memory(run *r) {
    double needed = 0;
    for (int i = 0; i < r->plan->place_count; i++)
        if (r->plan->places[i].use != AT_PLACE_WORK) needed += place_bytes(r, i);
    size_t workspace = r->kernel->workspace(&r->entry);
    needed += workspace == SIZE_MAX ? 0x1p64 : (double)workspace;
    size_t limit = r->call->memory_limit ? r->call->memory_limit : at_memory_free();
    if (needed > (double)limit) {
        refuse_size(r, needed, (double)limit);
        return false;
    }
    r->entry.workspace_bytes = workspace;
    return true;
}

static at_tensor *given(const run *r, const at_array *array) {
    const at_cascade *cascade = r->plan->cascade;
    for (int i = 0; i < cascade->input_count; i++)
        if (cascade->inputs[i].array == array) return r->bound.inputs[i];
    for (int i = 0; i < cascade->param_count; i++)
        if (cascade->params[i].array == array) return r->bound.params[i];
    for (int i = 0; i < cascade->state_count; i++)
        if (cascade->states[i].array == array) return r->bound.states[i];
    return NULL;
}

static bool place_arrays(run *r) {
    for (int i = 0; i < r->plan->place_count; i++) {
        const at_array *array = r->plan->places[i].array;
        if (r->plan->places[i].use == AT_PLACE_WORK) continue;
        at_tensor *tensor = given(r, array);
        if (!tensor) {
            int64_t extents[AT_RANK_LIMIT];
            shape_of(r, array, extents);
            tensor = r->made[i] =
                at_tensor_new(r->s, type_of(r, array), extents, array->rank, array->name);
        }
        if (!tensor) return false;
        r->views[i].data = tensor->data;
    }
    return true;
}

/* ---- what compiled code takes for granted ---------------------------------------------------- */

static bool check_extents(at_session *s, const at_cascade *cascade, const int64_t *all) {
    for (int i = 0; i < cascade->axis_count; i++) {
        if (all[i] <= AT_AXIS_LIMIT) continue;
        at_diag *diag = at_error(s, AT_E_LONG_AXIS, cascade->axes[i]->span,
                                 "axis %s has %lld elements; compiled code takes at most %lld",
                                 cascade->axes[i]->name, (long long)all[i],
                                 (long long)AT_AXIS_LIMIT);
        at_hint(s, diag, "`--executor reference` runs it");
        return false;
    }
    return true;
}

/* A table is written element by element: it must have as many as its axes. */
static bool check_tables(at_session *s, const at_plan *plan, const int64_t *all) {
    for (int i = 0; i < plan->pass_count; i++) {
        const at_statement *st = plan->passes[i]->statement;
        if (st->tag != AT_TABLE || st->target->rank > AT_RANK_LIMIT) continue;
        int64_t extents[AT_RANK_LIMIT];
        for (int k = 0; k < st->target->rank; k++) extents[k] = all[st->target->axes[k]->id];
        int64_t count = at_shape_count(extents, st->target->rank, 1);
        if (count == st->u.table.count) continue;
        at_error(s, AT_E_RUN_TABLE, st->span,
                 "this table has %d values, and `%s` has %lld elements", st->u.table.count,
                 st->target->name, (long long)count);
        return false;
    }
    return true;
}

bool at_kernel_takes(at_session *s, const at_kernel *kernel, const int64_t *extents) {
    const at_plan *plan = kernel->program->plan;
    return check_extents(s, plan->cascade, extents) && check_tables(s, plan, extents);
}

const at_plan *at_kernel_plan(const at_kernel *kernel) { return kernel->program->plan; }

size_t at_kernel_measure(const at_kernel *kernel, const struct attend_call *call) {
    return kernel->workspace(call);
}

int at_kernel_enter(const at_kernel *kernel, const struct attend_call *call) {
    return kernel->run(call);
}

void at_kernel_report(at_session *s, const at_kernel *kernel, const struct attend_failure *failure,
                      const int64_t *extents) {
    at_failure_report(s, kernel->program, failure, extents);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static at_tensor *copy_of(const run *r, const at_tensor *tensor, const char *name) {
    at_tensor *copy = at_tensor_new(r->s, tensor->type, tensor->extents, tensor->rank, name);
    if (copy)
        at_move(copy->data, tensor->data, (size_t)copy->count * at_type_bytes(copy->type));
    return copy;
}

static bool is_output_again(const run *r, int output) {
    const at_cascade *cascade = r->plan->cascade;
    const int *place_of = r->plan->place_of;
    for (int i = output + 1; i < cascade->output_count; i++)
        if (place_of[cascade->outputs[i].array->id] == place_of[cascade->outputs[output].array->id])
            return true;
    return false;
}

/* Outputs in the program's order. One that is an input, or that comes twice, is copied. */
static bool hand_back_outputs(run *r) {
    const at_cascade *cascade = r->plan->cascade;
    for (int i = 0; i < cascade->output_count; i++) {
        const at_array *array = cascade->outputs[i].array;
        int place = r->plan->place_of[array->id];
        at_tensor *tensor = r->made[place];
        if (!tensor) tensor = copy_of(r, given(r, array), array->name);
        else if (is_output_again(r, i)) tensor = copy_of(r, tensor, array->name);
        else r->made[place] = NULL;
        if (!tensor) return false;
        at_collection_add(r->s, &r->results->outputs, cascade->outputs[i].name, tensor);
    }
    return true;
}

/* States that no statement writes come back as they were. */
static bool hand_back_states(run *r) {
    const at_cascade *cascade = r->plan->cascade;
    for (int i = 0; i < cascade->state_count; i++) {
        const at_array *state = cascade->states[i].array;
        const at_tensor *tensor = r->bound.states[i];
        for (int k = 0; k < r->plan->place_count; k++)
            if (r->plan->places[k].next == state) tensor = r->made[k];
        if (!at_unstack(r->s, state, tensor, &r->results->states)) return false;
    }
    return true;
}

static int threads_of(const at_call *call) {
    enum { MOST_THREADS = 64 };
    int threads = call->threads > 0 ? call->threads : omp_get_num_procs();
    return threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
}

/* All that comes before the first run. */
static bool make_ready(run *r) {
    if (!at_bind_call_as(r->s, r->plan->cascade, r->call, r->kernel->type, at_ref_start,
                         (void *)(uintptr_t)r->call, &r->bound))
        return false;
    r->s->stage = "run";
    if (!check_shapes(r) || !make_run(r)) return false;
    r->entry = (struct attend_call){.extents = r->bound.extents, .arrays = r->views,
                                    .seed = r->call->seed, .run = r->call->run,
                                    .threads = threads_of(r->call), .failure = &r->failure,
                                    .counters = r->counters};
    return fits_memory(r) && at_kernel_takes(r->s, r->kernel, r->bound.extents) &&
           take_workspace(r) && place_arrays(r);
}

static bool run_ready(run *r) {
    int status = r->kernel->run(&r->entry);
    AT_ASSERT(r->s, status == 0 || status == 1);
    if (status == 0)
        return at_laws_hold(r->s, r->plan, r->made, r->kernel->type, r->bound.extents);
    at_failure_report(r->s, r->kernel->program, &r->failure, r->bound.extents);
    return false;
}

static bool run_bound(void *user) {
    run *r = user;
    return make_ready(r) && run_ready(r) && hand_back_outputs(r) && hand_back_states(r);
}

bool at_kernel_run(at_session *s, const at_kernel *kernel, const at_call *call,
                   at_results *results) {
    *results = (at_results){0};
    s->stage = "run";
    run r = {.s = s, .kernel = kernel, .plan = kernel->program->plan, .call = call,
             .results = results};
    bool good = at_released(s, run_bound, end_run, &r);
    if (!good) at_results_free(results);
    return good;
}

/* ---- the same run again and again ------------------------------------------------------------ */

struct at_ready {
    run run;
};

static bool keep_ready(void *user) {
    run *r = user;
    r->kept = make_ready(r);
    return r->kept;
}

static void end_unless_kept(void *user) {
    run *r = user;
    if (!r->kept) end_run(r);
}

at_ready *at_kernel_ready(at_session *s, const at_kernel *kernel, const at_call *call) {
    at_ready *ready = calloc(1, sizeof *ready);
    if (!ready) {
        at_error(s, AT_E_RUN_MEMORY, at_no_span(), "there is no memory left for this run");
        return NULL;
    }
    s->stage = "run";
    ready->run = (run){.s = s, .kernel = kernel, .plan = kernel->program->plan, .call = call};
    if (at_released(s, keep_ready, end_unless_kept, &ready->run)) return ready;
    free(ready);
    return NULL;
}

bool at_ready_run(at_ready *ready) { return run_ready(&ready->run); }

size_t at_ready_workspace(const at_ready *ready) { return ready->run.entry.workspace_bytes; }

const uint64_t *at_ready_counters(const at_ready *ready) { return ready->run.counters; }

void at_ready_free(at_ready *ready) {
    if (!ready) return;
    end_run(&ready->run);
    free(ready);
}
