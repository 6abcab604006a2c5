/* A random program resolved and run: its inputs drawn, its results compared. */
#include "check.h"
#include "grad/grad.h"

#include <math.h>
#include <string.h>

bool fails(trial *t, const char *key, const char *format, ...) {
    va_list list;
    va_start(list, format);
    t->key = key;
    at_text_add(&t->message, at_format_list(t->s->arena, format, list));
    va_end(list);
    return false;
}

bool fails_with_errors(trial *t, const char *what) {
    at_diags_render(t->s, false, &t->message);
    const char *code = t->s->diag_count ? at_code_text(t->s->diags[0]->code) : "no error";
    return fails(t, at_format(t->s->arena, "%s: %s", what, code), "%s", "");
}

bool only_limits(const at_session *s) {
    for (int i = 0; i < s->diag_count; i++)
        if (at_code_blame(s->diags[i]->code) != AT_UNSUPPORTED) return false;
    return s->diag_count > 0;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

at_resolve_options resolve_options(const random_program *p) {
    return (at_resolve_options){.training = p->training,
                                .function = "main",
                                .size_count = p->size_count,
                                .sizes = p->sizes,
                                .set_count = p->set_name ? 1 : 0,
                                .set_names = &p->set_name,
                                .set_values = &p->set_value};
}

static const at_cascade *resolved(trial *t, const at_program *loaded, bool given) {
    at_resolve_options options = resolve_options(t->program);
    if (!given) options.size_count = options.set_count = 0;
    return at_resolve(t->s, loaded, &options);
}

const at_cascade *resolved_text(trial *t, const char *name, const at_text *text, bool given) {
    const at_source *source = at_make_source(t->s, name, text->data ? text->data : "",
                                             text->length);
    const at_program *loaded = source ? at_load(t->s, source, NULL) : NULL;
    return loaded ? resolved(t, loaded, given) : NULL;
}

bool begin_trial(trial *t, const random_program *program) {
    const char *sabotage = t->sabotage;
    *t = (trial){.program = program, .s = at_session_new((size_t)512 << 20), .sabotage = sabotage};
    if (!t->s) return false;
    t->s->stage = "lang";
    const at_source *source = at_make_source(t->s, "random.attn", program->text,
                                             strlen(program->text));
    t->loaded = source ? at_load(t->s, source, NULL) : NULL;
    t->resolved = t->loaded ? resolved(t, t->loaded, true) : NULL;
    if (t->resolved) at_ir_print(t->resolved, &t->print);
    int errors = t->s->diag_count;
    t->cascade = t->resolved && !errors ? at_expand_grads(t->s, t->resolved) : NULL;
    t->limited = !t->cascade && t->resolved && !errors && only_limits(t->s);
    return true;
}

void outcome_free(outcome *o) {
    for (int i = 0; i < o->count; i++) at_results_free(&o->runs[i]);
    *o = (outcome){0};
}

void end_trial(trial *t) {
    outcome_free(&t->result);
    outcome_free(&t->slopes);
    at_collection_free(&t->inputs);
    at_text_free(&t->print);
    at_text_free(&t->message);
    at_session_free(t->s);
    t->s = NULL;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static double unit(uint64_t draw) { return (double)(draw >> 11) * 0x1p-53; }

static double a_value_of(const random_program *p, uint64_t draw) {
    static const double strange[] = {INFINITY, -INFINITY, NAN, 1e300, -1e300, 1e-300, -0.0, 0};
    uint64_t more = mixed(draw);
    if (p->wild && more % 12 == 0) return strange[mixed(more) % 8];
    if (p->style == 0) return (double)(draw % 9) * 0.5 - 2;
    if (p->style == 1) return 3.4 * (unit(draw) + unit(more) + unit(mixed(more)) - 1.5);
    return (double)(draw % 3) - 1;
}

static int64_t size_of(const random_program *p, const at_axis *of) {
    for (int i = 0; i < p->size_count; i++)
        if (strcmp(p->sizes[i].name, of->name) == 0) return p->sizes[i].extent;
    return 1;
}

static void fill(trial *t, const at_array *input, uint64_t seed, at_tensor *out) {
    for (int64_t i = 0; i < out->count; i++) {
        uint64_t draw = mixed(seed + (uint64_t)i);
        if (input->kind == AT_REAL) ((double *)out->data)[i] = a_value_of(t->program, draw);
        else if (input->kind == AT_BOOL) ((bool *)out->data)[i] = draw & 1;
        else if (input->inside)
            ((int64_t *)out->data)[i] = (int64_t)(draw %
                                                  (uint64_t)size_of(t->program, input->inside));
        else ((int64_t *)out->data)[i] = (int64_t)(draw % 7) - 3;
    }
}

/* The output whose cotangent a derivative takes as its input `k` behind the program's own. */
static const at_tensor *real_output(const trial *t, int k) {
    const at_collection *outputs = &t->result.runs[0].outputs;
    for (int i = 0; i < outputs->count; i++)
        if (outputs->items[i].tensor->type == AT_TYPE_F64 && k-- == 0)
            return outputs->items[i].tensor;
    return NULL;
}

bool draw_inputs(trial *t, const at_cascade *cascade, double noise, uint64_t seed,
                 at_collection *out) {
    static const at_type types[] = {
        [AT_BOOL] = AT_TYPE_BOOL, [AT_INT] = AT_TYPE_I64, [AT_REAL] = AT_TYPE_F64};
    for (int i = 0; i < cascade->input_count; i++) {
        const at_array *input = cascade->inputs[i].array;
        int64_t extents[AT_RANK_LIMIT];
        for (int k = 0; k < input->rank; k++) extents[k] = size_of(t->program, input->axes[k]);
        if (i >= t->cascade->input_count) {
            const at_tensor *output = real_output(t, i - t->cascade->input_count);
            for (int k = 0; k < input->rank; k++) extents[k] = output->extents[k];
        }
        at_tensor *tensor =
            at_tensor_new(t->s, types[input->kind], extents, input->rank, input->name);
        if (!tensor) return false;
        fill(t, input, mixed(t->program->data + 1000 * (uint64_t)i), tensor);
        for (int64_t k = 0; input->kind == AT_REAL && noise > 0 && k < tensor->count; k++)
            ((double *)tensor->data)[k] *= 1 +
                                           noise * (2 * unit(mixed(seed + (uint64_t)k * 77)) - 1);
        at_collection_add(t->s, out, input->name, tensor);
    }
    return true;
}

/* ---- runs ------------------------------------------------------------------------------------ */

bool run_cascade(trial *t, const at_cascade *cascade, int threads, double noise, uint64_t seed,
                 outcome *result) {
    *result = (outcome){0};
    t->s->stage = "ref";
    at_collection inputs = {0};
    bool good = draw_inputs(t, cascade, noise, seed, &inputs);
    at_call call = {.seed = t->program->data,
                    .threads = threads,
                    .memory_limit = (size_t)512 << 20,
                    .inputs = &inputs};
    for (int run = 0; good && run < (cascade->state_count ? 2 : 1); run++) {
        call.run = (uint64_t)run;
        if (run) call.states = &result->runs[0].states;
        good = at_ref_run(t->s, cascade, &call, &result->runs[run]);
        if (good) result->count++;
    }
    at_collection_free(&inputs);
    if (!good) outcome_free(result);
    return good;
}

bool has_result(trial *t) {
    if (!t->has_run) {
        t->has_run = true;
        run_cascade(t, t->cascade, 1, 0, 0, &t->result);
    }
    return t->result.count > 0;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static double tensor_difference(const at_tensor *a, const at_tensor *b, int64_t *where) {
    if (a->type != b->type || a->rank != b->rank || a->count != b->count) return INFINITY;
    for (int i = 0; i < a->rank; i++)
        if (a->extents[i] != b->extents[i]) return INFINITY;
    size_t bytes = at_type_bytes(a->type);
    double worst = 0, scale = 1;
    const double *x = a->data, *y = b->data;
    for (int64_t i = 0; a->type == AT_TYPE_F64 && i < a->count; i++)
        if (isfinite(x[i])) scale = fmax(scale, fabs(x[i]));
    for (int64_t i = 0; i < a->count; i++) {
        double d = 0;
        size_t at = (size_t)i * bytes;
        if (memcmp((const char *)a->data + at, (const char *)b->data + at, bytes) == 0) continue;
        if (a->type != AT_TYPE_F64) d = INFINITY;
        else if (isnan(x[i]) || isnan(y[i])) d = isnan(x[i]) && isnan(y[i]) ? 0 : INFINITY;
        else if (!isfinite(x[i]) || !isfinite(y[i])) d = INFINITY;
        else d = fmax(fabs(x[i] - y[i]) / scale, 1e-300); /* even 0 and -0 are not the same bits */
        if (d > worst) worst = d, *where = i;
    }
    return worst;
}

static double collection_difference(trial *t, const char *what, const at_collection *a,
                                    const at_collection *b, double worst, const char **where) {
    if (a->count != b->count) {
        *where = at_format(t->s->arena, "%d %s against %d", a->count, what, b->count);
        return INFINITY;
    }
    for (int i = 0; i < a->count; i++) {
        const at_tensor *x = a->items[i].tensor, *y = at_collection_find(b, a->items[i].name);
        int64_t at = 0;
        double d = y ? tensor_difference(x, y, &at) : INFINITY;
        if (d <= worst) continue;
        worst = d;
        *where = at_format(t->s->arena, "%s `%s`", what, a->items[i].name);
        if (!y || x->type != y->type || x->count != y->count) continue;
        double left = 0, right = 0;
        if (x->type == AT_TYPE_F64) left = ((double *)x->data)[at], right = ((double *)y->data)[at];
        if (x->type == AT_TYPE_I64)
            left = (double)((int64_t *)x->data)[at], right = (double)((int64_t *)y->data)[at];
        if (x->type == AT_TYPE_BOOL) left = ((bool *)x->data)[at], right = ((bool *)y->data)[at];
        *where = at_format(t->s->arena, "%s, element %d (row-major): %.17g against %.17g", *where,
                           (int)at, left, right);
    }
    return worst;
}

double difference(trial *t, const outcome *a, const outcome *b, const char **where) {
    double worst = 0;
    *where = "";
    if (a->count != b->count) return INFINITY;
    for (int i = 0; i < a->count; i++) {
        worst = collection_difference(t, "output", &a->runs[i].outputs, &b->runs[i].outputs, worst,
                                      where);
        worst = collection_difference(t, "state", &a->runs[i].states, &b->runs[i].states, worst,
                                      where);
    }
    return worst;
}

/* ---- sensitivity ----------------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    uint64_t seed;
} noise;

static const at_expr *disturbed(noise *n, const at_expr *e) {
    if (!e || e->kind != AT_REAL) return e;
    n->seed = mixed(n->seed);
    double factor = 1 + 1e-13 * (2 * unit(n->seed) - 1);
    return at_map_node(n->s, AT_OP_MUL, e, at_real(n->s, factor, e->span), NULL, e->span);
}

/* The same statements, each real value of them times about 1: what rounding may do. */
static at_block disturbed_block(noise *n, const at_block *from) {
    at_block block = {from->count, AT_NEW_ARRAY(n->s->arena, at_statement *, from->count)};
    for (int i = 0; i < from->count; i++) {
        at_statement *st = at_copy(n->s->arena, from->items[i], sizeof *st);
        block.items[i] = st;
        switch (st->tag) {
        case AT_EQUATION: st->u.value = disturbed(n, st->u.value); break;
        case AT_NEXT: st->u.next.value = disturbed(n, st->u.next.value); break;
        case AT_TOPK: st->u.topk.body = disturbed(n, st->u.topk.body); break;
        case AT_KEEPING:
            st->u.keeping.parts = at_copy(n->s->arena, st->u.keeping.parts,
                                          sizeof(at_part) * (size_t)st->u.keeping.count);
            for (int k = 0; k < st->u.keeping.count; k++)
                st->u.keeping.parts[k].body = disturbed(n, st->u.keeping.parts[k].body);
            break;
        case AT_SCAN: st->u.scan.body = disturbed_block(n, &st->u.scan.body); break;
        case AT_REPEAT: st->u.repeat.body = disturbed_block(n, &st->u.repeat.body); break;
        default: break;
        }
    }
    return block;
}

double sensitivity(trial *t, const at_cascade *cascade, const outcome *result) {
    double worst = 0;
    for (uint64_t i = 1; i <= 6; i++) {
        noise n = {t->s, mixed(i)};
        at_cascade other = *cascade;
        other.body = disturbed_block(&n, &cascade->body);
        outcome moved;
        const char *where;
        /* A disturbed guard may even let a read go outside: then nothing can be said. */
        if (!run_cascade(t, &other, 1, 1e-13, i, &moved)) return INFINITY;
        worst = fmax(worst, difference(t, result, &moved, &where));
        outcome_free(&moved);
    }
    return worst;
}
