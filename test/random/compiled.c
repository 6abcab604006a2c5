/* Random programs and their derivatives as compiled code, against the reference: as far as rounding
 * can move results, and the same bits with several threads. Several programs share a C file, since
 * most of the time is the C compiler's to start. */
#include "check.h"
#include "check/check_int.h"
#include "compile.h"
#include "grad/grad.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    trial *t;
    const at_cascade *cascade;
    const char *what; /* "it", "its derivative" */
    at_type type;
    at_kernel *kernel;
    at_collection inputs, params, states;
    at_measure *measure;
    at_ran one, three;
} comparison;

static bool run_kernel(at_session *s, void *user, const at_call *call, at_results *results) {
    return at_kernel_run(s, user, call, results);
}

static void round_all(const at_collection *arrays, at_type type) {
    for (int i = 0; i < arrays->count; i++) {
        const at_tensor *x = arrays->items[i].tensor;
        for (int64_t k = 0; k < x->count && x->type == AT_TYPE_F64; k++)
            ((double *)x->data)[k] = at_rounded(type, ((double *)x->data)[k]);
    }
}

/* Fails, and shows what was compiled. */
static bool differs(comparison *c, const char *key, const char *what) {
    trial *t = c->t;
    at_text print = {0};
    at_ir_print(c->cascade, &print);
    fails(t, key, "compiled for %s, %s: %s\ncascade:\n%s\n", at_type_text(c->type), c->what, what,
          print.data);
    at_text_free(&print);
    return false;
}

/* What a limit keeps from being compiled, or run, is no failure. */
static bool is_refused(const at_ran *ran) {
    return !ran->good && at_code_blame(ran->code) == AT_UNSUPPORTED;
}

/* Shifts one number: what a comparison must notice. */
static void perturb(const at_results *results) {
    for (int i = 0; i < results->outputs.count; i++) {
        const at_tensor *x = results->outputs.items[i].tensor;
        if (x->type == AT_TYPE_F64 && x->count) {
            ((double *)x->data)[x->count - 1] += 1 + 1e-6 * ((double *)x->data)[x->count - 1];
            return;
        }
    }
}

static bool agrees(comparison *c, const at_call *call) {
    trial *t = c->t;
    c->measure = at_measure_new(t->s, c->cascade, call, c->type);
    if (!c->measure) return true;
    at_call with_three = *call;
    with_three.threads = 3;
    c->one = at_run_kept(t->s, run_kernel, c->kernel, call);
    c->three = at_run_kept(t->s, run_kernel, c->kernel, &with_three);
    if (is_refused(&c->one)) return true;
    if (strcmp(t->sabotage, "kernel") == 0) perturb(&c->one.results);
    at_agreement found = at_measure_compare(c->measure, &c->one);
    if (!found.agrees) {
        const char *key = strstr(found.what, "states") ? "compiled code gives other states"
                          : c->one.good ? "compiled code gives other results"
                                      : at_format(t->s->arena, "compiled code fails: %s",
                                                  at_code_text(c->one.code));
        return differs(c, key, found.what);
    }
    if (!at_ran_same(&c->one, &c->three))
        return differs(c, "compiled code gives other bits with three threads", "");
    return true;
}

static void free_runs(comparison *c) {
    at_ran_free(&c->one);
    at_ran_free(&c->three);
    at_measure_free(c->measure);
    c->measure = NULL;
}

/* What the reference's run left, as the type holds it. */
static bool take_states(comparison *c) {
    const at_ran *first = at_measure_reference(c->measure);
    at_collection_free(&c->states);
    for (int i = 0; first->good && i < first->results.states.count; i++) {
        const at_named *state = &first->results.states.items[i];
        at_tensor *copy =
            at_tensor_convert(c->t->s, state->tensor, state->tensor->type, state->name);
        if (!copy) return false;
        at_collection_add(c->t->s, &c->states, state->name, copy);
    }
    round_all(&c->states, c->type);
    return first->good;
}

/* With states there is a second run, which begins with what the first one left. */
static bool runs_agree(comparison *c) {
    at_call call = {.seed = c->t->program->data, .threads = 1, .memory_limit = (size_t)512 << 20,
                    .inputs = &c->inputs, .params = &c->params, .states = &c->states};
    bool good = agrees(c, &call);
    if (!good || c->cascade->state_count == 0 || !c->measure || !take_states(c)) return good;
    free_runs(c);
    call.run = 1;
    return agrees(c, &call);
}

static bool know_rounds(void *user, const at_statement *st) {
    int64_t *extents = user;
    if (st->tag == AT_REPEAT) extents[st->u.repeat.round->id] = st->u.repeat.count;
    return true;
}

/* The extents of all axes, by what is given. */
static int64_t *all_extents(comparison *c) {
    const at_cascade *cascade = c->cascade;
    int64_t *all = AT_NEW_ARRAY(c->t->s->arena, int64_t, cascade->axis_count + 1);
    for (int i = 0; i < cascade->axis_count; i++) all[i] = -1;
    for (int i = 0; i < cascade->input_count; i++)
        for (int k = 0; k < cascade->inputs[i].array->rank; k++)
            all[cascade->inputs[i].array->axes[k]->id] = c->inputs.items[i].tensor->extents[k];
    at_walk_block(&cascade->body, know_rounds, all);
    for (int i = 0; i < cascade->axis_count; i++)
        if (all[i] < 0) all[i] = at_extent(cascade->axes[i], all);
    return all;
}

static bool draw_all(comparison *c) {
    trial *t = c->t;
    at_call call = {.seed = t->program->data};
    if (!draw_inputs(t, c->cascade, 0, 0, &c->inputs)) return false;
    const int64_t *all = all_extents(c);
    if (!at_draw_starts(t->s, c->cascade->params, c->cascade->param_count, &call, all,
                        &c->params) ||
        !at_draw_starts(t->s, c->cascade->states, c->cascade->state_count, &call, all, &c->states))
        return false;
    round_all(&c->inputs, c->type);
    round_all(&c->params, c->type);
    round_all(&c->states, c->type);
    return true;
}

static void release(void *user) {
    comparison *c = user;
    free_runs(c);
    at_collection_free(&c->inputs);
    at_collection_free(&c->params);
    at_collection_free(&c->states);
    at_kernel_free(c->kernel);
    c->kernel = NULL;
}

/* ---- the comparison itself ------------------------------------------------------------------- */

static bool run_rounded(at_session *s, void *user, const at_call *call, at_results *results) {
    const comparison *c = user;
    bool single = c->type != AT_TYPE_F64;
    at_jitter jitter = {.size = single ? 0x1p-24 : 0x1p-53, .single = single, .varied = true,
                        .seed = 1000 + c->t->program->data};
    return at_ref_run_jittered(s, c->cascade, call, &jitter, results);
}

/* Made-up rounding in the place of another executor must not be called wrong. */
static bool allows_rounding(void *user) {
    comparison *c = user;
    trial *t = c->t;
    at_call call = {.seed = t->program->data, .threads = 1, .memory_limit = (size_t)512 << 20,
                    .inputs = &c->inputs, .params = &c->params, .states = &c->states};
    if (!draw_all(c)) {
        t->s->diag_count = 0;
        return true;
    }
    c->measure = at_measure_new(t->s, c->cascade, &call, c->type);
    if (!c->measure) return true;
    c->one = at_run_kept(t->s, run_rounded, c, &call);
    at_agreement found = at_measure_compare(c->measure, &c->one);
    return found.agrees || differs(c, "rounding is called wrong", found.what);
}

bool rounding_is_allowed(trial *t) {
    static const at_type types[] = {AT_TYPE_F64, AT_TYPE_F32, AT_TYPE_BF16};
    bool good = true;
    for (size_t i = 0; has_result(t) && i < sizeof types / sizeof *types && good; i++) {
        comparison c = {.t = t, .cascade = t->cascade, .what = "it", .type = types[i]};
        good = at_released(t->s, allows_rounding, release, &c);
    }
    return good;
}

/* ---- compiled code --------------------------------------------------------------------------- */

at_type compiled_type(const random_program *program) {
    static const at_type types[] = {AT_TYPE_F64, AT_TYPE_F32, AT_TYPE_F64, AT_TYPE_BF16};
    return types[mixed(program->data) % 4];
}

/* With the kernel of its batch, or one of its own. */
static bool compile_and_compare(void *user) {
    comparison *c = user;
    trial *t = c->t;
    if (!draw_all(c)) {
        t->s->diag_count = 0;
        return true;
    }
    t->s->stage = "compile";
    at_compile_options options = {.type = c->type};
    if (!c->kernel) c->kernel = at_compile(t->s, c->cascade, &options, NULL);
    if (!c->kernel && only_limits(t->s)) {
        t->s->diag_count = 0;
        return true;
    }
    if (!c->kernel) return fails_with_errors(t, "compiling");
    return runs_agree(c);
}

/* The program and its derivative, if it has one within limits. */
static int comparisons_of(trial *t, comparison *out) {
    int count = 0;
    at_type type = compiled_type(t->program);
    if (!has_result(t)) return 0;
    out[count++] = (comparison){.t = t, .cascade = t->cascade, .what = "it", .type = type};
    if (!has_derivative(t)) return count;
    t->s->stage = "grad";
    if (!t->derivative) t->derivative = at_derivative(t->s, t->cascade, NULL, false);
    t->s->diag_count = 0; /* a limit, or what another property tells */
    if (t->derivative)
        out[count++] =
            (comparison){.t = t, .cascade = t->derivative, .what = "its derivative", .type = type};
    return count;
}

/* All in one C file. Where that does not come about, each is compiled by itself, and tells why. */
typedef struct {
    at_session *s;
    comparison *items;
    int count;
    at_library *library;
} batch;

static bool compile_batch(void *user) {
    batch *b = user;
    at_session *s = b->s;
    const at_cascade **cascades = AT_NEW_ARRAY(s->arena, const at_cascade *, b->count);
    const char **prefixes = AT_NEW_ARRAY(s->arena, const char *, b->count);
    const at_tile_program **tiles = AT_NEW_ARRAY(s->arena, const at_tile_program *, b->count);
    for (int i = 0; i < b->count; i++) {
        cascades[i] = b->items[i].cascade;
        prefixes[i] = at_format(s->arena, "program%d", i);
    }
    at_compile_options options = {.type = b->items[0].type};
    at_text text = {0};
    s->stage = "compile";
    if (at_compile_text(s, cascades, prefixes, b->count, &options, tiles, &text))
        b->library = at_library_load(s, &text);
    at_text_free(&text);
    for (int i = 0; i < b->count && b->library; i++) {
        at_emit_entry entry = {tiles[i], prefixes[i]};
        b->items[i].kernel = at_kernel_of(s, b->library, &entry, options.type);
    }
    return true;
}

bool compiled_agree(trial **trials, int count, unsigned long *number) {
    bool good = true;
    batch b = {.s = at_session_new((size_t)1 << 30)};
    comparison *items = b.items = calloc(2 * (size_t)count + 1, sizeof *items);
    if (!b.s || !items) abort();
    for (int i = 0; i < count; i++) {
        *number = trials[i]->number;
        b.count += comparisons_of(trials[i], &items[b.count]);
    }
    if (b.count > 2) (void)at_guarded(b.s, compile_batch, &b);
    for (int i = 0; i < b.count; i++) {
        *number = items[i].t->number;
        good = good && at_released(items[i].t->s, compile_and_compare, release, &items[i]);
        if (!good) break;
    }
    for (int i = 0; i < b.count; i++) release(&items[i]);
    at_library_free(b.library);
    free(items);
    at_session_free(b.s);
    return good;
}
