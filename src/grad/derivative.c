/* A cascade's vector-Jacobian product as a cascade: what `attend grad` prints and training runs.
 * The outputs' cotangents are inputs (`do` beside o), the adjoints of inputs and params are
 * outputs. */
#include "grad/grad_int.h"

#include <string.h>

/* ---- cotangents as inputs -------------------------------------------------------------------- */

/* An axis that an input may have, as long as `axis`: itself when inputs give its extent and the
 * input does not have it already. */
static at_axis *input_axis(at_derivation *g, at_axis *axis, at_axis *const *others, int count) {
    at_cascade *out = g->draft->out;
    const at_axis *root = axis;
    while (root->like) root = root->like;
    bool taken = root->extent != NULL;
    for (int i = 0; i < count; i++) taken |= others[i] == root;
    if (!taken) return (at_axis *)root;
    at_axis *open = at_draft_axis(g->draft, axis);
    open->like = NULL;
    open->extent = NULL;
    open->declared = false;
    at_session *s = g->s;
    at_require require = {at_map_node(s, AT_OP_EQ, at_size_of(s, open, axis->span),
                                      at_extent_of(s, axis), NULL, axis->span),
                          axis->span, "a cotangent is as long as its output"};
    at_require *requires = AT_NEW_ARRAY(s->arena, at_require, out->require_count + 1);
    at_move(requires, out->requires, sizeof *requires * (size_t)out->require_count);
    requires[out->require_count++] = require;
    out->requires = requires;
    return open;
}

static void add_input(at_derivation *g, at_array *array) {
    at_cascade *out = g->draft->out;
    at_start *inputs = AT_NEW_ARRAY(g->s->arena, at_start, out->input_count + 1);
    at_move(inputs, out->inputs, sizeof *inputs * (size_t)out->input_count);
    inputs[out->input_count++] = (at_start){.array = array, .draw = -1};
    out->inputs = inputs;
}

/* The input `do`, sent to the output o. */
static void send_cotangent(at_derivation *g, const at_array *output) {
    at_session *s = g->s;
    at_axis *axes[64];
    for (int m = 0; m < output->rank; m++) axes[m] = input_axis(g, output->axes[m], axes, m);
    at_array *input = at_draft_array(g->draft, at_adjoint_name(s, output->name), NULL, AT_REAL,
                                     axes, output->rank, output->span);
    input->role = AT_INPUT;
    input->cotangent = true;
    at_slot_of(g, input);
    add_input(g, input);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, output->rank);
    for (int m = 0; m < output->rank; m++) index[m] = at_index(s, output->axes[m], output->span);
    at_place place = {.g = g, .target = output, .axes = output->axes, .count = output->rank};
    at_contribute(&place, output, index, at_read(s, input, index, NULL, output->span));
}

/* ---- what is wanted -------------------------------------------------------------------------- */

static bool is_wanted(const char *const *wrt, const char *name) {
    if (!wrt) return true;
    for (; *wrt; wrt++)
        if (strcmp(*wrt, name) == 0) return true;
    return false;
}

static const char *wanted_name(const at_start *start) {
    return start->array->role == AT_PARAM ? start->array->path : start->array->name;
}

static bool check_names(at_session *s, const at_cascade *c, const char *const *wrt) {
    bool from = false, to = c->param_count > 0;
    for (int i = 0; i < c->output_count; i++) from |= c->outputs[i].array->kind == AT_REAL;
    for (int i = 0; i < c->input_count; i++) to |= c->inputs[i].array->kind == AT_REAL;
    if (!from || !to) {
        at_error(s, AT_E_GRAD_NAME, c->span, "`%s` has no derivative: %s", c->name,
                 from ? "none of its inputs is of reals, and it learns nothing"
                      : "none of its outputs is of reals");
        return false;
    }
    for (; wrt && *wrt; wrt++) {
        const char **names = AT_NEW_ARRAY(s->arena, const char *, c->input_count + c->param_count);
        int count = 0;
        bool found = false;
        for (int i = 0; i < c->input_count + c->param_count; i++) {
            const at_start *start =
                i < c->input_count ? &c->inputs[i] : &c->params[i - c->input_count];
            if (start->array->kind != AT_REAL) continue;
            names[count++] = wanted_name(start);
            found |= strcmp(*wrt, names[count - 1]) == 0;
        }
        if (found) continue;
        at_diag *diag =
            at_error(s, AT_E_GRAD_NAME, c->span,
                     "`%s` is no input of reals and no parameter of `%s`", *wrt, c->name);
        at_hint_near(s, diag, *wrt, names, count);
        return false;
    }
    return true;
}

static void emit_outputs(at_derivation *g, const at_cascade *from, const char *const *wrt,
                         bool keep) {
    at_session *s = g->s;
    int capacity = from->output_count + from->input_count + from->param_count, count = 0;
    at_output *outputs = AT_NEW_ARRAY(s->arena, at_output, capacity);
    for (int i = 0; keep && i < from->output_count; i++) outputs[count++] = from->outputs[i];
    for (int i = 0; i < from->input_count + from->param_count; i++) {
        const at_start *start =
            i < from->input_count ? &from->inputs[i] : &from->params[i - from->input_count];
        if (start->array->kind != AT_REAL || !is_wanted(wrt, wanted_name(start))) continue;
        at_emit_adjoint(g, start->array);
        at_array *adjoint = at_adjoint_of(g, start->array);
        outputs[count++] = (at_output){adjoint->name, adjoint};
    }
    g->draft->out->outputs = outputs;
    g->draft->out->output_count = count;
}

const at_cascade *at_derivative(at_session *s, const at_cascade *cascade, const char *const *wrt,
                                bool keep) {
    if (!check_names(s, cascade, wrt) || !at_grad_nests(s, cascade)) return NULL;
    s->stage = "grad";
    at_derivation *g = AT_NEW(s->arena, at_derivation);
    g->s = s;
    g->draft = at_draft_new(s, cascade);
    g->rules = at_rules_read(s);
    g->draft->out->name = at_format(s->arena, "%s_derivative", cascade->name);
    g->draft->out->doc = NULL;
    at_survey(g, &cascade->body, &cascade->body, 1);
    for (int i = 0; i < cascade->output_count; i++) {
        at_slot_of(g, cascade->outputs[i].array)->influences = true;
        at_note_escape(g, cascade->outputs[i].array, NULL, NULL);
    }
    for (int i = 0; i < cascade->input_count; i++)
        if (is_wanted(wrt, wanted_name(&cascade->inputs[i])))
            at_slot_of(g, cascade->inputs[i].array)->depends = true;
    for (int i = 0; i < cascade->param_count; i++)
        if (is_wanted(wrt, wanted_name(&cascade->params[i])))
            at_slot_of(g, cascade->params[i].array)->depends = true;
    at_find_dependent(g, &cascade->body, 1);
    at_draft_region reverse;
    at_draft_open(g->draft, &reverse);
    for (int i = 0; i < cascade->output_count; i++)
        if (cascade->outputs[i].array->kind == AT_REAL)
            send_cotangent(g, cascade->outputs[i].array);
    at_reverse_block(g, cascade->body.items, cascade->body.count);
    emit_outputs(g, cascade, wrt, keep);
    at_block derivative = at_draft_close(g->draft, &reverse);
    at_block forward = at_woven(g, &cascade->body);
    for (int i = 0; i < forward.count; i++) at_draft_add(g->draft, forward.items[i]);
    for (int i = 0; i < derivative.count; i++) at_draft_add(g->draft, derivative.items[i]);
    return g->draft->failed ? NULL : at_tidy(s, g->draft->out);
}
