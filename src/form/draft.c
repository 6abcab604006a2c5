/* A cascade while it is rewritten: the old one's axes and arrays stay, with their ids, new ones are
 * added behind them, and the statements of the outermost block are given anew. */
#include "form/form.h"
#include "tensor/tensor.h"

at_draft *at_draft_new(at_session *s, const at_cascade *from) {
    at_draft *draft = AT_NEW(s->arena, at_draft);
    draft->s = s;
    draft->from = from;
    draft->out = at_copy(s->arena, from, sizeof *from);
    at_cascade *out = draft->out;
    draft->array_capacity = out->array_count;
    draft->axis_capacity = out->axis_count;
    /* AT_PUSH writes into spare room: make sure that there is none, so that it copies first. */
    out->body = (at_block){0};
    draft->block = &out->body;
    for (int i = 0; i < out->array_count; i++)
        at_map_put(s->arena, &draft->names, out->arrays[i]->name, out->arrays[i]);
    for (int i = 0; i < out->axis_count; i++)
        at_map_put(s->arena, &draft->names, out->axes[i]->name, out->axes[i]);
    return draft;
}

void at_draft_add(at_draft *draft, at_statement *statement) {
    at_block *block = draft->block;
    AT_PUSH(draft->s->arena, block->items, block->count, draft->statement_capacity, statement);
}

void at_draft_add_outside(at_draft *draft, int regions, at_statement *statement) {
    if (regions == 0) {
        at_draft_add(draft, statement);
        return;
    }
    at_draft_region *region = draft->region;
    while (--regions > 0) region = region->around;
    at_block *block = region->outer;
    AT_PUSH(draft->s->arena, block->items, block->count, region->outer_capacity, statement);
}

void at_draft_open(at_draft *draft, at_draft_region *region) {
    *region = (at_draft_region){.outer = draft->block,
                                .outer_capacity = draft->statement_capacity,
                                .around = draft->region};
    draft->region = region;
    draft->block = &region->inner;
    draft->statement_capacity = 0;
}

at_block at_draft_close(at_draft *draft, at_draft_region *region) {
    draft->region = region->around;
    draft->block = region->outer;
    draft->statement_capacity = region->outer_capacity;
    return region->inner;
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
    axis->round = false;
    axis->fixed = -1;
    if (!like->declared) { /* a declared axis may leave an array, so its twin is declared as well */
        while (like->like) like = like->like;
        axis->like = like;
        axis->extent = NULL;
    }
    axis->id = draft->out->axis_count;
    AT_PUSH(draft->s->arena, draft->out->axes, draft->out->axis_count, draft->axis_capacity, axis);
    return axis;
}

static const at_expr *open_size(void *user, const at_expr *e) {
    return e->tag == AT_SIZE ? at_extent_of(user, e->u.axis) : e;
}

at_axis *at_draft_extent(at_draft *draft, const char *name, const at_expr *extent) {
    at_axis *axis = AT_NEW(draft->s->arena, at_axis);
    axis->name = unique_name(draft, name, axis);
    axis->extent = at_rewrite(draft->s, extent, open_size, draft->s);
    axis->declared = true;
    axis->fixed = -1;
    axis->span = extent->span;
    axis->id = draft->out->axis_count;
    AT_PUSH(draft->s->arena, draft->out->axes, draft->out->axis_count, draft->axis_capacity, axis);
    return axis;
}

at_array *at_draft_array(at_draft *draft, const char *name, const char *path, at_kind kind,
                         at_axis *const *axes, int rank, at_span span) {
    at_session *s = draft->s;
    at_array *array = AT_NEW(s->arena, at_array);
    array->name = unique_name(draft, name, array);
    if (rank > AT_RANK_LIMIT && !draft->failed) {
        draft->failed = true;
        at_error(s, AT_E_TENSOR_RANK, span, "`%s` would have %d axes; an array has at most %d",
                 array->name, rank, AT_RANK_LIMIT);
    }
    array->path = path ? path : array->name;
    array->role = AT_DEFINED;
    array->kind = kind;
    array->rank = rank;
    array->axes = at_copy(s->arena, axes, sizeof *axes * (size_t)rank);
    array->span = span;
    array->id = draft->out->array_count;
    AT_PUSH(s->arena, draft->out->arrays, draft->out->array_count, draft->array_capacity, array);
    return array;
}

at_carried at_draft_carried(at_draft *draft, const char *name, const char *path, at_kind kind,
                            at_axis *const *axes, int rank, at_span span) {
    at_array *four[4];
    for (int i = 0; i < 4; i++) {
        four[i] = at_draft_array(draft, name, path, kind, axes, rank, span);
        four[i]->name = four[0]->name;
        four[i]->path = four[0]->path;
    }
    four[1]->role = AT_CARRIED;
    four[3]->role = AT_RESULT;
    return (at_carried){four[0], four[1], four[2], four[3]};
}

const at_expr *at_draft_define(at_draft *draft, const at_array *owner, const char *suffix,
                               at_axis **axes, int rank, const at_expr *value) {
    at_session *s = draft->s;
    /* The path says whose it is, for messages. */
    at_array *array = at_draft_array(draft, at_format(s->arena, "%s.%s", owner->name, suffix),
                                     owner->path, value->kind, axes, rank, owner->span);
    at_draft_equation(draft, array, value, value->span);
    return at_read_whole(s, array, value->span);
}
