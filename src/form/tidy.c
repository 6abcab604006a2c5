/* A cascade without copies, and without what nothing needs: statements that no output, next or
 * assertion asks for, arrays and axes that nobody uses any more.
 *
 *     dx[n] = da[n]          ->   (da read instead; an output takes the name of what it copies)
 *
 * What stays is made anew, arrays and axes included, because their ids are their positions. */
#include "form/form_int.h"

#include <string.h>

/* ---- what is needed -------------------------------------------------------------------------- */

typedef struct {
    at_tidying *t;
    bool changed;
} search;

/* The array that reads of `array` become reads of. */
static const at_array *final_array(const at_tidying *t, const at_array *array) {
    while (t->copies[array->id]) array = t->copies[array->id]->u.read.array;
    return array;
}

static void need(search *w, const at_array *array) {
    array = final_array(w->t, array);
    if (w->t->needed[array->id]) return;
    w->t->needed[array->id] = w->changed = true;
}

static bool need_reads(void *user, const at_expr *e) {
    if (e->tag == AT_READ) need(user, e->u.read.array);
    return true;
}

static bool is_needed(const at_tidying *t, const at_statement *st);

static bool block_is_needed(const at_tidying *t, const at_block *block) {
    for (int i = 0; i < block->count; i++)
        if (is_needed(t, block->items[i])) return true;
    return false;
}

static bool is_carried_needed(const at_tidying *t, const at_carried *c) {
    return t->needed[c->after->id] || t->needed[c->inside->id] || t->needed[c->next->id];
}

static bool is_needed(const at_tidying *t, const at_statement *st) {
    switch (st->tag) {
    case AT_NEXT:
    case AT_ASSERT: return true;
    case AT_SCAN: return block_is_needed(t, &st->u.scan.body);
    case AT_REPEAT:
        for (int k = 0; k < st->u.repeat.carried_count; k++)
            if (is_carried_needed(t, &st->u.repeat.carried[k])) return true;
        return block_is_needed(t, &st->u.repeat.body);
    case AT_KEEPING:
        for (int k = 0; k < st->u.keeping.count; k++)
            if (t->needed[st->u.keeping.parts[k].target->id]) return true;
        return false;
    case AT_EQUATION:
    case AT_TOPK:
    case AT_DRAWING:
    case AT_TABLE:
    case AT_GRAD: break;
    }
    return t->needed[st->target->id];
}

static void need_block(search *w, const at_block *block) {
    for (int i = block->count - 1; i >= 0; i--) {
        const at_statement *st = block->items[i];
        if (!is_needed(w->t, st)) continue;
        at_walk_statement(st, need_reads, w);
        if (st->tag == AT_SCAN) need_block(w, &st->u.scan.body);
        if (st->tag != AT_REPEAT) continue;
        for (int k = 0; k < st->u.repeat.carried_count; k++) {
            const at_carried *c = &st->u.repeat.carried[k];
            if (!is_carried_needed(w->t, c)) continue;
            need(w, c->before);
            need(w, c->inside);
            need(w, c->next);
            need(w, c->after);
        }
        need_block(w, &st->u.repeat.body);
    }
}

static void find_needed(at_tidying *t) {
    const at_cascade *c = t->from;
    search w = {t, true};
    for (int i = 0; i < c->input_count; i++) need(&w, c->inputs[i].array);
    for (int i = 0; i < c->param_count; i++) need(&w, c->params[i].array);
    for (int i = 0; i < c->state_count; i++) need(&w, c->states[i].array);
    for (int i = 0; i < c->output_count; i++) need(&w, c->outputs[i].array);
    w.changed = true;
    while (w.changed) {
        w.changed = false;
        need_block(&w, &c->body);
    }
}

/* ---- making anew ----------------------------------------------------------------------------- */

static at_axis *new_axis(at_tidying *t, const at_axis *old);

static const at_expr *open_sizes(void *user, const at_expr *e) {
    at_tidying *t = user;
    if (e->tag != AT_SIZE) return e;
    return at_size(t->s, new_axis(t, e->u.axis), e->span);
}

/* Axes come into the list when they are first used, those they are like before them. */
static at_axis *new_axis(at_tidying *t, const at_axis *old) {
    if (t->axes[old->id]) return t->axes[old->id];
    at_axis *axis = at_copy(t->s->arena, old, sizeof *old);
    t->axes[old->id] = axis;
    if (old->like) axis->like = new_axis(t, old->like);
    if (old->extent) axis->extent = at_rewrite(t->s, old->extent, open_sizes, t);
    return axis;
}

static at_axis **new_axes(at_tidying *t, at_axis *const *old, int count) {
    at_axis **axes = AT_NEW_ARRAY(t->s->arena, at_axis *, count);
    for (int i = 0; i < count; i++) axes[i] = new_axis(t, old[i]);
    return axes;
}

static at_array *new_array(at_tidying *t, const at_array *old) {
    if (t->arrays[old->id]) return t->arrays[old->id];
    at_array *array = at_copy(t->s->arena, old, sizeof *old);
    t->arrays[old->id] = array;
    array->axes = new_axes(t, old->axes, old->rank);
    if (old->inside) array->inside = new_axis(t, old->inside);
    return array;
}

/* Numbers that came in the place of adjoints, and what was computed from them: only these are
 * simplified away. A 0 that somebody wrote is no structural one, and times infinity it is NaN. */
static bool is_numeral(const at_tidying *t, const at_expr *e) {
    for (int i = 0; i < t->numeral_count; i++)
        if (t->numerals[i] == e) return true;
    return false;
}

static const at_expr *numeral(at_tidying *t, const at_expr *e) {
    if (e->tag == AT_CONST && !is_numeral(t, e))
        AT_PUSH(t->s->arena, t->numerals, t->numeral_count, t->numeral_capacity, e);
    return e;
}

/* What a read of `array` at `index` has become: through its copies, or the output it is renamed
 * to. */
static const at_expr *new_read(at_tidying *t, const at_array *array, const at_expr *const *index,
                               const at_expr *alternative, at_span span) {
    const at_expr *copy = t->copies[array->id];
    const at_statement *renamed = t->renamed[array->id];
    const at_array *next = copy ? copy->u.read.array : renamed ? renamed->target : NULL;
    const at_expr **moved = AT_NEW_ARRAY(t->s->arena, const at_expr *, array->rank);
    for (int m = 0; m < array->rank; m++) {
        if (!next) moved[m] = index[m];
        /* copied: next's index m is the copy's left axis k; renamed: the other way round. */
        for (int k = 0; copy && k < array->rank; k++)
            if (array->axes[k] == copy->u.read.index[m]->u.axis) moved[m] = index[k];
        for (int k = 0; !copy && renamed && k < array->rank; k++)
            if (renamed->u.value->u.read.index[k]->u.axis == next->axes[m]) moved[m] = index[k];
    }
    if (copy) return new_read(t, next, moved, alternative, span);
    if (t->number[array->id]) return numeral(t, t->number[array->id]);
    return at_read(t->s, new_array(t, next ? next : array), moved, alternative, span);
}

static const at_expr *new_fold(at_tidying *t, const at_expr *e) {
    const at_expr *body = e->u.fold.body;
    if (e->u.fold.fold == AT_FOLD_SUM && at_is_number(body, 0) && is_numeral(t, body)) return body;
    return at_fold_node(t->s, e->u.fold.fold, new_axes(t, e->u.fold.axes, e->u.fold.count),
                        e->u.fold.count, e->u.fold.guard, body, e->span);
}

static const at_expr *new_map(at_tidying *t, const at_expr *e) {
    for (int i = 0; t->numeral_count && i < at_op_info(e->u.map.op)->arity; i++)
        if (is_numeral(t, e->u.map.args[i])) return numeral(t, at_make_node(t->s, e));
    return e;
}

static const at_expr *new_node(void *user, const at_expr *e) {
    at_tidying *t = user;
    switch (e->tag) {
    case AT_SIZE: return at_size(t->s, new_axis(t, e->u.axis), e->span);
    case AT_INDEX: return at_index(t->s, new_axis(t, e->u.axis), e->span);
    case AT_READ:
        return new_read(t, e->u.read.array, e->u.read.index, e->u.read.alternative, e->span);
    case AT_FOLD_NODE: return new_fold(t, e);
    case AT_MAP: return new_map(t, e);
    case AT_CONST: break;
    }
    return e;
}

static const at_expr *new_expr(at_tidying *t, const at_expr *e) {
    return e ? at_rewrite(t->s, e, new_node, t) : NULL;
}

static at_part new_part(at_tidying *t, const at_part *old) {
    at_part part = *old;
    part.target = new_array(t, old->target);
    part.bound = new_axes(t, old->bound, old->count);
    part.guard = new_expr(t, old->guard);
    part.body = new_expr(t, old->body);
    return part;
}

static at_block new_block(at_tidying *t, const at_block *old);

static void new_repeat(at_tidying *t, const at_statement *old, at_statement *st) {
    st->u.repeat.round = new_axis(t, old->u.repeat.round);
    st->u.repeat.condition = new_expr(t, old->u.repeat.condition);
    st->u.repeat.carried = AT_NEW_ARRAY(t->s->arena, at_carried, old->u.repeat.carried_count);
    st->u.repeat.carried_count = 0;
    for (int k = 0; k < old->u.repeat.carried_count; k++) {
        const at_carried *c = &old->u.repeat.carried[k];
        if (!is_carried_needed(t, c)) continue;
        st->u.repeat.carried[st->u.repeat.carried_count++] =
            (at_carried){new_array(t, c->before), new_array(t, c->inside), new_array(t, c->next),
                         new_array(t, c->after)};
    }
    st->u.repeat.body = new_block(t, &old->u.repeat.body);
}

/* The equation of an array that an output takes the name of. */
static const at_expr *renamed_value(at_tidying *t, const at_statement *old) {
    const at_statement *copy = t->renamed[old->target->id];
    int rank = old->target->rank;
    const at_expr **values = AT_NEW_ARRAY(t->s->arena, const at_expr *, rank);
    const at_axis **axes = AT_NEW_ARRAY(t->s->arena, const at_axis *, rank);
    for (int m = 0; m < rank; m++) {
        axes[m] = old->target->axes[m];
        values[m] = copy->u.value->u.read.index[m];
    }
    return at_substitute(t->s, old->u.value, axes, values, rank, NULL, NULL);
}

static at_statement *new_statement(at_tidying *t, const at_statement *old) {
    at_statement *st = at_copy(t->s->arena, old, sizeof *old);
    const at_statement *renamed = old->tag == AT_EQUATION ? t->renamed[old->target->id] : NULL;
    if (old->target) st->target = new_array(t, renamed ? renamed->target : old->target);
    switch (old->tag) {
    case AT_EQUATION:
        st->u.value = new_expr(t, renamed ? renamed_value(t, old) : old->u.value);
        break;
    case AT_KEEPING:
        st->u.keeping.parts = AT_NEW_ARRAY(t->s->arena, at_part, old->u.keeping.count);
        for (int k = 0; k < old->u.keeping.count; k++)
            st->u.keeping.parts[k] = new_part(t, &old->u.keeping.parts[k]);
        break;
    case AT_TOPK: st->u.topk = new_part(t, &old->u.topk); break;
    case AT_DRAWING:
        for (int k = 0; k < 2; k++) st->u.drawing.args[k] = new_expr(t, old->u.drawing.args[k]);
        break;
    case AT_TABLE:
        st->u.table.values = AT_NEW_ARRAY(t->s->arena, const at_expr *, old->u.table.count);
        for (int k = 0; k < old->u.table.count; k++)
            st->u.table.values[k] = new_expr(t, old->u.table.values[k]);
        break;
    case AT_GRAD:
        st->u.grad.loss = new_expr(t, old->u.grad.loss);
        st->u.grad.z = new_expr(t, old->u.grad.z);
        break;
    case AT_NEXT:
        st->u.next.value = new_expr(t, old->u.next.value);
        st->u.next.axes = new_axes(t, old->u.next.axes, old->target->rank);
        break;
    case AT_SCAN:
        st->u.scan.axes = new_axes(t, old->u.scan.axes, old->u.scan.count);
        st->u.scan.body = new_block(t, &old->u.scan.body);
        break;
    case AT_REPEAT: new_repeat(t, old, st); break;
    case AT_ASSERT:
        st->u.assertion.axes = new_axes(t, old->u.assertion.axes, old->u.assertion.count);
        st->u.assertion.left = new_expr(t, old->u.assertion.left);
        st->u.assertion.right = new_expr(t, old->u.assertion.right);
        break;
    }
    return st;
}

static bool is_gone(const at_tidying *t, const at_statement *st) {
    if (!is_needed(t, st)) return true;
    if (st->tag != AT_EQUATION) return false;
    if (t->copies[st->target->id] || t->number[st->target->id]) return true;
    return st->u.value->tag == AT_READ && t->renamed[st->u.value->u.read.array->id] == st;
}

/* In the outermost block whatever reads an adjoint comes after it, so that one that has become a
 * number here is gone at once. */
static bool becomes_number(at_tidying *t, const at_statement *old, const at_statement *st) {
    if (!t->tidies || old->tag != AT_EQUATION || !old->target->cotangent ||
        st->u.value->tag != AT_CONST || t->bound[old->target->id] || t->renamed[old->target->id] ||
        at_tidy_is_output(t, old->target))
        return false;
    t->number[old->target->id] = st->u.value;
    return t->any_number = true;
}

static at_block new_block(at_tidying *t, const at_block *old) {
    at_block block = {0, AT_NEW_ARRAY(t->s->arena, at_statement *, old->count)};
    for (int i = 0; i < old->count; i++) {
        if (is_gone(t, old->items[i])) continue;
        at_statement *st = new_statement(t, old->items[i]);
        if (old == &t->from->body && becomes_number(t, old->items[i], st)) continue;
        block.items[block.count++] = st;
    }
    return block;
}

static at_start *new_starts(at_tidying *t, const at_start *old, int count) {
    at_start *starts = at_copy(t->s->arena, old, sizeof *old * (size_t)count);
    for (int i = 0; i < count; i++) {
        starts[i].array = new_array(t, old[i].array);
        starts[i].value = new_expr(t, old[i].value);
        for (int k = 0; k < 2; k++) starts[i].args[k] = new_expr(t, old[i].args[k]);
    }
    return starts;
}

/* The new arrays and axes in the order of the old ones. */
static void number(at_tidying *t) {
    at_cascade *out = t->out;
    out->arrays = AT_NEW_ARRAY(t->s->arena, at_array *, t->from->array_count);
    out->axes = AT_NEW_ARRAY(t->s->arena, at_axis *, t->from->axis_count);
    out->array_count = out->axis_count = 0;
    for (int i = 0; i < t->from->array_count; i++) {
        if (!t->arrays[i]) continue;
        t->arrays[i]->id = out->array_count;
        out->arrays[out->array_count++] = t->arrays[i];
    }
    for (int i = 0; i < t->from->axis_count; i++) {
        if (!t->axes[i]) continue;
        t->axes[i]->id = out->axis_count;
        out->axes[out->axis_count++] = t->axes[i];
    }
}

static bool is_name(const at_cascade *c, const char *name) {
    for (int i = 0; i < c->array_count; i++)
        if (strcmp(c->arrays[i]->name, name) == 0) return true;
    return false;
}

/* Only an output may be called like an input: what is one no longer takes another name, its path if
 * that is free. */
static void part_from_inputs(at_tidying *t) {
    const at_cascade *out = t->out;
    for (int i = 0; i < out->input_count; i++) {
        const at_array *input = out->inputs[i].array;
        const char *name = input->name, *other = NULL;
        bool is_output = false;
        for (int k = 0; k < out->output_count; k++)
            is_output |=
                out->outputs[k].array != input && strcmp(out->outputs[k].array->name, name) == 0;
        for (int k = 0; k < out->array_count && !is_output; k++) {
            at_array *array = out->arrays[k];
            if (array == input || strcmp(array->name, name) != 0) continue;
            if (!other) other = array->path;
            for (int n = 2; strcmp(other, array->path) == 0 && is_name(out, other); n++)
                other = at_format(t->s->arena, "%s_%d", name, n);
            array->name = other;
        }
    }
}

static at_tidying tidying_of(at_session *s, const at_cascade *from) {
    at_tidying t = {.s = s, .from = from};
    size_t arrays = (size_t)from->array_count, axes = (size_t)from->axis_count;
    t.out = at_copy(s->arena, from, sizeof *from);
    t.copies = AT_NEW_ARRAY(s->arena, const at_expr *, arrays);
    t.renamed = AT_NEW_ARRAY(s->arena, const at_statement *, arrays);
    t.bound = AT_NEW_ARRAY(s->arena, bool, arrays);
    t.shadowed = AT_NEW_ARRAY(s->arena, bool, arrays);
    t.number = AT_NEW_ARRAY(s->arena, const at_expr *, arrays);
    t.needed = AT_NEW_ARRAY(s->arena, bool, arrays);
    t.arrays = AT_NEW_ARRAY(s->arena, at_array *, arrays);
    t.axes = AT_NEW_ARRAY(s->arena, at_axis *, axes);
    return t;
}

/* Fills `out`, after copies were found. */
static void make_anew(at_tidying *t) {
    at_session *s = t->s;
    const at_cascade *from = t->from;
    find_needed(t);
    for (int i = 0; i < from->axis_count; i++)
        if (!from->axes[i]->extent && !from->axes[i]->like) new_axis(t, from->axes[i]);
    at_cascade *out = t->out;
    out->inputs = new_starts(t, from->inputs, from->input_count);
    out->params = new_starts(t, from->params, from->param_count);
    out->states = new_starts(t, from->states, from->state_count);
    out->requires = at_copy(s->arena, from->requires,
                            sizeof *from->requires * (size_t)from->require_count);
    for (int i = 0; i < from->require_count; i++)
        out->requires[i].condition = new_expr(t, from->requires[i].condition);
    out->outputs =
        at_copy(s->arena, from->outputs, sizeof *from->outputs * (size_t)from->output_count);
    for (int i = 0; i < from->output_count; i++)
        out->outputs[i].array = new_array(t, from->outputs[i].array);
    out->body = new_block(t, &from->body);
    number(t);
}

const at_cascade *at_needed_only(at_session *s, const at_cascade *from) {
    at_tidying t = tidying_of(s, from);
    make_anew(&t);
    return t.out;
}

const at_cascade *at_tidy(at_session *s, const at_cascade *from) {
    at_tidying t = tidying_of(s, from);
    t.tidies = true;
    at_tidy_find_copies(&t);
    make_anew(&t);
    part_from_inputs(&t);
    /* Without these there may be more of them. */
    return t.any_number || t.any_copy ? at_tidy(s, t.out) : at_unshadowed(s, t.out);
}
