/* A loaded kernel and its calls: binding the caller's arrays, memory for the others, the run, and
 * the outputs handed back. */
#define _DEFAULT_SOURCE
#include "ref/ref.h"
#include "run/run.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct at_kernel {
    void *handle; /* of dlopen */
    at_entry entry;
    const at_loop_program *program; /* lives in the session that compiled it */
};

at_kernel *at_kernel_build(at_session *s, const at_tile_program *program, const at_text *source) {
    s->stage = "run";
    if (source->failed) {
        at_error(s, AT_E_MEMORY, at_no_span(), "no memory is left to write the compiled code");
        return NULL;
    }
    void *handle = at_cc_load(s, source, NULL);
    if (!handle) return NULL;
    void *symbol = dlsym(handle, AT_ENTRY_NAME);
    at_kernel *kernel = symbol ? malloc(sizeof *kernel) : NULL;
    if (!kernel) {
        dlclose(handle);
        at_error(s, AT_E_LOAD, at_no_span(), "the compiled code cannot be loaded");
        return NULL;
    }
    kernel->handle = handle;
    /* ISO C has no conversion from an object pointer to a function pointer; POSIX has. */
    memcpy(&kernel->entry, &symbol, sizeof symbol);
    kernel->program = program->loops;
    return kernel;
}

void at_kernel_free(at_kernel *kernel) {
    if (!kernel) return;
    dlclose(kernel->handle);
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
    at_tensor **made;             /* by place; NULL where given */
    void **arrays;                /* by place */
    struct attend_fault **faults; /* by place; owned */
    void **scratch;               /* of all nests; owned */
    int scratch_count;
} run;

static bool make_run(run *r) {
    size_t count = (size_t)r->plan->place_count;
    r->made = calloc(count + 1, sizeof *r->made);
    r->arrays = calloc(count + 1, sizeof *r->arrays);
    r->faults = calloc(count + 1, sizeof *r->faults);
    if (r->made && r->arrays && r->faults) return true;
    at_error(r->s, AT_E_RUN_MEMORY, at_no_span(), "there is no memory left for this run");
    return false;
}

static void end_run(void *user) {
    run *r = user;
    for (int i = 0; i < r->plan->place_count; i++) {
        if (r->made) at_tensor_free(r->made[i]);
        if (r->faults) free(r->faults[i]);
    }
    free(r->made);
    free(r->arrays);
    free(r->faults);
    for (int i = 0; i < r->scratch_count; i++) free(r->scratch[i]);
    free(r->scratch);
    at_bound_call_free(&r->bound);
}

/* The extents that an axis list has in this run. */
static void shape_of(const run *r, const at_array *array, int64_t *extents) {
    for (int i = 0; i < array->rank; i++) extents[i] = r->bound.extents[array->axes[i]->id];
}

static int64_t count_of(const run *r, const at_array *array, size_t bytes) {
    int64_t extents[AT_RANK_LIMIT];
    shape_of(r, array, extents);
    return at_shape_count(extents, array->rank, bytes);
}

/* Counts everything before anything is taken: outputs, arrays between passes and their faults. */
static bool fits_memory(const run *r) {
    double bytes = 0;
    for (int i = 0; i < r->plan->place_count; i++) {
        const at_array_place *place = &r->plan->places[i];
        if (place->use == AT_PLACE_GIVEN) continue;
        bool fallible = r->kernel->program->fallible[place->array->id];
        size_t each = (size_t)at_kind_bytes(place->array->kind) +
                      (fallible ? sizeof(struct attend_fault) : 0);
        int64_t count = count_of(r, place->array, each);
        bytes += count < 0 ? 1e30 : (double)count * (double)each;
    }
    size_t limit = r->call->memory_limit ? r->call->memory_limit : at_memory_free();
    if (bytes <= (double)limit) return true;
    at_diag *diag = at_error(r->s, AT_E_RUN_MEMORY, at_no_span(),
                             "this run needs %.1f MB for its arrays, and may use %.1f MB",
                             bytes / 1e6, (double)limit / 1e6);
    at_hint(r->s, diag, "`attend plan` lists the arrays and how they grow with each axis");
    return false;
}

static at_type type_of(at_kind kind) {
    return kind == AT_REAL ? AT_TYPE_F64 : kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
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
        at_tensor *tensor = given(r, array);
        if (!tensor) {
            int64_t extents[AT_RANK_LIMIT];
            shape_of(r, array, extents);
            tensor = r->made[i] =
                at_tensor_new(r->s, type_of(array->kind), extents, array->rank, array->name);
        }
        if (!tensor) return false;
        r->arrays[i] = tensor->data;
        if (!r->kernel->program->fallible[array->id]) continue;
        r->faults[i] = calloc((size_t)tensor->count + 1, sizeof **r->faults);
        if (r->faults[i]) continue;
        at_error(r->s, AT_E_RUN_MEMORY, at_no_span(), "there is no memory left for this run");
        return false;
    }
    return true;
}

static bool place_scratch(run *r) {
    const at_loop_program *program = r->kernel->program;
    int count = 0;
    for (int i = 0; i < program->nest_count; i++) count += program->nests[i].scratch_count;
    r->scratch = calloc((size_t)count + 1, sizeof *r->scratch);
    for (int i = 0; i < program->nest_count && r->scratch; i++)
        for (int k = 0; k < program->nests[i].scratch_count; k++) {
            int64_t elements = count_of(r, program->nests[i].scratch[k], 8);
            void *memory = elements < 0 ? NULL : calloc((size_t)elements + 1, 8);
            if (!memory) {
                at_error(r->s, AT_E_RUN_MEMORY, at_no_span(), "there is no memory left for this run");
                return false;
            }
            r->scratch[r->scratch_count++] = memory;
        }
    return r->scratch != NULL;
}

/* ---- what compiled code takes for granted ---------------------------------------------------- */

static bool check_extents(const run *r) {
    const at_cascade *cascade = r->plan->cascade;
    for (int i = 0; i < cascade->axis_count; i++) {
        if (r->bound.extents[i] <= AT_AXIS_LIMIT) continue;
        at_diag *diag = at_error(r->s, AT_E_LONG_AXIS, cascade->axes[i]->span,
                                 "axis %s has %lld elements; compiled code takes at most %lld",
                                 cascade->axes[i]->name, (long long)r->bound.extents[i],
                                 (long long)AT_AXIS_LIMIT);
        at_hint(r->s, diag, "`--executor reference` runs it");
        return false;
    }
    return true;
}

/* A table is written element by element: it must have as many as its axes. */
static bool check_tables(const run *r) {
    for (int i = 0; i < r->plan->pass_count; i++) {
        const at_statement *st = r->plan->passes[i].statement;
        if (st->tag != AT_TABLE) continue;
        int64_t count = count_of(r, st->target, 1);
        if (count == st->u.table.count) continue;
        at_error(r->s, AT_E_RUN_TABLE, st->span,
                 "this table has %d values, and `%s` has %lld elements", st->u.table.count,
                 st->target->name, (long long)count);
        return false;
    }
    return true;
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* Outputs in the program's order. One that is an input, or that comes twice, is copied. */
static bool hand_back(run *r) {
    const at_cascade *cascade = r->plan->cascade;
    for (int i = 0; i < cascade->output_count; i++) {
        const at_array *array = cascade->outputs[i].array;
        int place = r->plan->place_of[array->id];
        at_tensor *tensor = r->made[place];
        if (!tensor) {
            int64_t extents[AT_RANK_LIMIT];
            shape_of(r, array, extents);
            tensor = at_tensor_new(r->s, type_of(array->kind), extents, array->rank, array->name);
            if (!tensor) return false;
            at_move(tensor->data, r->arrays[place],
                    (size_t)tensor->count * at_type_bytes(tensor->type));
        }
        r->made[place] = NULL;
        at_collection_add(r->s, &r->results->outputs, cascade->outputs[i].name, tensor);
    }
    return true;
}

static bool run_bound(void *user) {
    run *r = user;
    if (!at_bind_call(r->s, r->plan->cascade, r->call, at_ref_start, (void *)r->call, &r->bound))
        return false;
    if (!check_extents(r) || !check_tables(r) || !fits_memory(r)) return false;
    if (!make_run(r) || !place_arrays(r) || !place_scratch(r)) return false;
    struct attend_failure failure = {{0, 0, 0}, 0, 0};
    const struct attend_call call = {r->bound.extents, r->arrays, r->faults, r->scratch,
                                     r->call->seed, r->call->run, &failure};
    if (r->kernel->entry(&call) != 0) {
        at_failure_report(r->s, r->kernel->program, &failure, r->bound.extents);
        return false;
    }
    return hand_back(r);
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
