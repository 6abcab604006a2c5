/* Running a cascade from beginning to end: bind the call, lower everything, count memory, run the
 * steps, and give out what the program names as its results.
 *
 * Nothing that is taken here outlives the run but the results; the session keeps only messages. */
#include "ref/ref_int.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 64 };
static const size_t CODE_LIMIT = (size_t)4 << 30;

static int threads_of(const at_call *call) {
    int threads = call->threads > 0 ? call->threads : omp_get_num_procs();
    return threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
}

bool at_ref_begin(at_ref *ref, at_session *s, const at_cascade *cascade,
                  const at_call *call) {
    memset(ref, 0, sizeof *ref);
    ref->s = s;
    ref->cascade = cascade;
    ref->call = call;
    ref->threads = threads_of(call);
    ref->limit = call->memory_limit ? call->memory_limit : at_memory_free();
    ref->clock = at_now();
    ref->arena = at_arena_new(CODE_LIMIT);
    if (!ref->arena) {
        at_error(s, AT_E_MEMORY, at_no_span(), "there is no memory to begin a run");
        return false;
    }
    omp_init_lock(&ref->lock);
    return true;
}

void at_ref_end(at_ref *ref) {
    if (!ref->arena) return;
    for (int i = 0; i < ref->store_count; i++) at_store_free(ref, ref->all_stores[i]);
    free(ref->causes);
    free(ref->slots);
    omp_destroy_lock(&ref->lock);
    at_arena_free(ref->arena);
}

/* ---- what is given --------------------------------------------------------------------------- */

/* Given arrays are read where the bound call holds them. */
static void take_given(at_ref *ref, const at_start *starts, int count, at_tensor **tensors) {
    for (int i = 0; i < count; i++)
        ref->stores[starts[i].array->id]->at.any = tensors[i]->data;
}

static bool begin_states(at_ref *ref, const at_bound_call *bound) {
    for (int i = 0; i < ref->cascade->state_count; i++) {
        if (!at_store_allocate(ref, ref->next[i])) return false;
        const at_tensor *old = bound->states[i];
        at_move(ref->next[i]->at.any, old->data, (size_t)old->count * at_type_bytes(old->type));
    }
    return true;
}

/* ---- what is given out ----------------------------------------------------------------------- */

static at_tensor *copy_of(at_ref *ref, const at_store *store) {
    at_type type = store->kind == AT_REAL ? AT_TYPE_F64
                   : store->kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
    at_tensor *copy = at_tensor_new(ref->s, type, store->extents, store->rank, store->name);
    if (copy) at_move(copy->data, store->at.any, (size_t)copy->count * at_type_bytes(type));
    return copy;
}

static bool is_output_again(const at_ref *ref, int output) {
    const at_store *store = ref->stores[ref->cascade->outputs[output].array->id];
    for (int i = output + 1; i < ref->cascade->output_count; i++)
        if (ref->stores[ref->cascade->outputs[i].array->id] == store) return true;
    return false;
}

/* The last output of a store takes its tensor; others, and given arrays, are copied. */
static bool give_outputs(at_ref *ref, at_results *results) {
    for (int i = 0; i < ref->cascade->output_count; i++) {
        const at_output *output = &ref->cascade->outputs[i];
        at_store *store = ref->stores[output->array->id];
        bool copied = !store->tensor || is_output_again(ref, i);
        at_tensor *tensor = copied ? copy_of(ref, store) : store->tensor;
        if (!tensor) return false;
        if (!copied) store->tensor = NULL;
        at_collection_add(ref->s, &results->outputs, output->name, tensor);
    }
    return true;
}

static bool check_results(at_ref *ref) {
    for (int i = 0; i < ref->cascade->output_count; i++) {
        const at_output *output = &ref->cascade->outputs[i];
        if (!at_check_store(ref, ref->stores[output->array->id], "the output ", output->name))
            return false;
    }
    for (int i = 0; i < ref->cascade->state_count; i++)
        if (!at_check_store(ref, ref->next[i], "the next ", ref->next[i]->name)) return false;
    return true;
}

static bool give_states(at_ref *ref, at_results *results) {
    for (int i = 0; i < ref->cascade->state_count; i++)
        if (!at_unstack(ref->s, ref->cascade->states[i].array, ref->next[i]->tensor,
                        &results->states))
            return false;
    return true;
}

/* ---- the run --------------------------------------------------------------------------------- */

typedef struct {
    at_ref ref;
    at_bound_call bound;
    at_results *results; /* may be NULL */
    bool tells;          /* the caller is told what became of assertions */
} running;

static bool report_checks(at_ref *ref) {
    bool good = true;
    for (int i = 0; i < ref->checks->count; i++) {
        if (ref->checks->items[i].holds) continue;
        at_check_report(ref->s, ref->cascade, &ref->checks->items[i]);
        good = false;
    }
    return good;
}

/* Why the steps ended early, unless it was said already. */
static void report_end(at_ref *ref) {
    if (ref->exhausted)
        at_error(ref->s, AT_E_RUN_MEMORY, ref->cascade->span,
                 "this run needs more memory than it may use: many of its elements have no value, "
                 "and each is marked with its cause");
    else if (ref->stopped)
        at_error(ref->s, AT_E_RUN_STOPPED, at_no_span(), "the run was stopped before its end");
}

static bool run_guarded(void *user) {
    running *r = user;
    at_ref *ref = &r->ref;
    const at_cascade *cascade = ref->cascade;
    at_arena_escape(ref->arena, ref->s->escape);
    ref->s->stage = "ref";
    if (!at_bind_call(ref->s, cascade, ref->call, at_ref_start, (void *)(uintptr_t)ref->call,
                      &r->bound))
        return false;
    ref->extents = r->bound.extents;
    ref->index = AT_NEW_ARRAY(ref->arena, int64_t, cascade->axis_count);
    if (!at_prepare(ref)) return false;
    for (int i = 0; i < cascade->input_count; i++)
        ref->stores[cascade->inputs[i].array->id]->borrowed = r->bound.borrowed[i];
    if (!at_plan_memory(ref)) return false;
    take_given(ref, cascade->inputs, cascade->input_count, r->bound.inputs);
    take_given(ref, cascade->params, cascade->param_count, r->bound.params);
    take_given(ref, cascade->states, cascade->state_count, r->bound.states);
    if (!begin_states(ref, &r->bound)) return false;
    if (!at_steps_run(ref, &ref->steps)) {
        report_end(ref);
        return false;
    }
    if (!check_results(ref) || !(r->tells || report_checks(ref))) return false;
    return !r->results || (give_outputs(ref, r->results) && give_states(ref, r->results));
}

bool at_ref_run_as(at_session *s, const at_cascade *cascade, const at_call *call, bool plain,
                   at_jitter *jitter, at_checks *checks, at_results *results) {
    at_checks own = {0};
    running r = {.results = results, .tells = checks != NULL};
    if (results) *results = (at_results){0};
    if (!at_ref_begin(&r.ref, s, cascade, call)) return false;
    r.ref.axis_limit = cascade->axis_count;
    r.ref.plain = plain;
    r.ref.jitter = jitter;
    r.ref.checks = checks ? checks : &own;
    bool good = at_guarded(s, run_guarded, &r);
    at_ref_end(&r.ref);
    at_bound_call_free(&r.bound);
    if (!good && results) at_results_free(results);
    return good;
}

bool at_ref_run(at_session *s, const at_cascade *cascade, const at_call *call,
                at_results *results) {
    return at_ref_run_as(s, cascade, call, false, NULL, NULL, results);
}

bool at_ref_run_jittered(at_session *s, const at_cascade *cascade, const at_call *call,
                         const at_jitter *jitter, at_results *results) {
    at_call alone = *call;
    at_jitter own = *jitter;
    alone.threads = 1; /* what is counted in the jitter is not shared */
    own.count = 0;
    return at_ref_run_as(s, cascade, &alone, false, &own, NULL, results);
}

bool at_ref_check(at_session *s, const at_cascade *law, const at_call *call, at_checks *checks,
                  at_results *results) {
    *checks = (at_checks){0};
    return at_ref_run_as(s, law, call, false, NULL, checks, results);
}
