/* A cascade while it is rewritten: the old one's axes and arrays stay, with their ids, new ones are
 * added behind them, and the statements of the outermost block are given anew. */
#include "opt/opt.h"

#include <string.h>

at_draft *at_draft_new(at_session *s, const at_cascade *from) {
    at_draft *draft = AT_NEW(s->arena, at_draft);
    draft->s = s;
    draft->out = at_copy(s->arena, from, sizeof *from);
    at_cascade *out = draft->out;
    draft->array_capacity = out->array_count;
    draft->axis_capacity = out->axis_count;
    /* AT_PUSH writes into spare room: make sure that there is none, so that it copies first. */
    out->body = (at_block){0};
    for (int i = 0; i < out->array_count; i++)
        at_map_put(s->arena, &draft->names, out->arrays[i]->name, out->arrays[i]);
    for (int i = 0; i < out->axis_count; i++)
        at_map_put(s->arena, &draft->names, out->axes[i]->name, out->axes[i]);
    return draft;
}

void at_draft_add(at_draft *draft, at_statement *statement) {
    at_block *block = &draft->out->body;
    AT_PUSH(draft->s->arena, block->items, block->count, draft->statement_capacity, statement);
}

void at_draft_equation(at_draft *draft, at_array *target, const at_expr *value, at_span span) {
    at_statement *equation = AT_NEW(draft->s->arena, at_statement);
    equation->tag = AT_EQUATION;
    equation->span = span;
    equation->target = target;
    equation->u.value = value;
    at_draft_add(draft, equation);
}

static const char *unique_name(at_draft *draft, const char *name, void *thing) {
    const char *candidate = name;
    for (int n = 2; at_map_get(&draft->names, candidate); n++)
        candidate = at_format(draft->s->arena, "%s_%d", name, n);
    at_map_put(draft->s->arena, &draft->names, candidate, thing);
    return candidate;
}

at_axis *at_draft_axis(void *user, const at_axis *like) {
    at_draft *draft = user;
    at_axis *axis = at_copy(draft->s->arena, like, sizeof *like);
    axis->name = unique_name(draft, like->name, axis);
    axis->like = like;
    axis->extent = NULL;
    axis->id = draft->out->axis_count;
    AT_PUSH(draft->s->arena, draft->out->axes, draft->out->axis_count, draft->axis_capacity, axis);
    return axis;
}

const at_expr *at_draft_define(at_draft *draft, const at_array *owner, const char *suffix,
                               at_axis **axes, int rank, const at_expr *value) {
    at_session *s = draft->s;
    at_array *array = AT_NEW(s->arena, at_array);
    array->name = unique_name(draft, at_format(s->arena, "%s.%s", owner->name, suffix), array);
    array->path = owner->path; /* whose it is, for messages */
    array->role = AT_DEFINED;
    array->kind = value->kind;
    array->rank = rank;
    array->axes = at_copy(s->arena, axes, sizeof *axes * (size_t)rank);
    array->span = owner->span;
    array->id = draft->out->array_count;
    AT_PUSH(s->arena, draft->out->arrays, draft->out->array_count, draft->array_capacity, array);
    at_draft_equation(draft, array, value, value->span);
    return at_read_whole(s, array, value->span);
}

/* ---- small makers -------------------------------------------------------------------------- */

typedef struct {
    int nodes;
    bool fold;
} weight;

static bool weigh(void *user, const at_expr *e) {
    weight *w = user;
    w->nodes++;
    if (e->tag == AT_FOLD_NODE) w->fold = true;
    return !w->fold;
}

bool at_is_cheap(const at_expr *e) {
    enum { FEW = 16 };
    weight w = {0, false};
    at_walk(e, weigh, &w);
    return !w.fold && w.nodes <= FEW;
}

const at_expr *at_read_whole(at_session *s, const at_array *array, at_span span) {
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) index[i] = at_index(s, array->axes[i], span);
    return at_read(s, array, index, NULL, span);
}

const at_expr *at_both(at_session *s, const at_expr *a, const at_expr *b) {
    if (!a) return b;
    return b ? at_map_node(s, AT_OP_AND, a, b, NULL, a->span) : a;
}

const at_expr *at_where(at_session *s, const at_expr *condition, const at_expr *value,
                        double other) {
    if (!condition) return value;
    return at_map_node(s, AT_OP_IF, condition, value, at_real(s, other, value->span), value->span);
}
