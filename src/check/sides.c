/* A law as a function: the same statements, and both sides of each assertion as outputs, so that
 * executors that know nothing of assertions can be compared on it. Sides inside scans and repeats
 * become arrays over their steps and rounds. */
#include "check/check_int.h"

#include <string.h>

typedef struct {
    at_session *s;
    at_cascade *out;
    int array_capacity, output_capacity;
    int around; /* axes of the scans and repeats around, outermost first */
    at_axis *axes[AT_RANK_LIMIT];
    int sides;
} work;

static bool is_taken(const at_cascade *c, const char *name) {
    for (int i = 0; i < c->array_count; i++)
        if (strcmp(c->arrays[i]->name, name) == 0) return true;
    for (int i = 0; i < c->axis_count; i++)
        if (strcmp(c->axes[i]->name, name) == 0) return true;
    return false;
}

static at_array *new_array(work *w, const at_statement *st, at_kind kind) {
    at_session *s = w->s;
    int count = w->around + st->u.assertion.count;
    const char *name;
    do name = at_format(s->arena, "side_%d", ++w->sides);
    while (is_taken(w->out, name));
    at_axis **axes = AT_NEW_ARRAY(s->arena, at_axis *, count);
    for (int i = 0; i < count; i++)
        axes[i] = i < w->around ? w->axes[i] : st->u.assertion.axes[i - w->around];
    at_array *array = AT_NEW(s->arena, at_array);
    *array = (at_array){.name = name, .path = name, .role = AT_DEFINED, .kind = kind, .rank = count,
                        .axes = axes, .span = st->span, .id = w->out->array_count};
    AT_PUSH(s->arena, w->out->arrays, w->out->array_count, w->array_capacity, array);
    at_output output = {name, array};
    AT_PUSH(s->arena, w->out->outputs, w->out->output_count, w->output_capacity, output);
    return array;
}

static void add_side(work *w, const at_statement *assertion, const at_expr *value, at_block *to,
                     int *capacity) {
    at_statement *st = AT_NEW(w->s->arena, at_statement);
    st->tag = AT_EQUATION;
    st->span = assertion->span;
    st->target = new_array(w, assertion, value->kind);
    st->u.value = value;
    AT_PUSH(w->s->arena, to->items, to->count, *capacity, st);
}

/* sure: every step runs. In a repeat that may end early there need be no value: assertions are left
 * out. */
static at_block block_of(work *w, const at_block *from, bool sure);

static at_statement *region_of(work *w, const at_statement *from, bool sure) {
    at_statement *st = at_copy(w->s->arena, from, sizeof *from);
    int before = w->around;
    if (st->tag == AT_SCAN) {
        for (int i = 0; i < st->u.scan.count; i++) w->axes[w->around++] = st->u.scan.axes[i];
        st->u.scan.body = block_of(w, &from->u.scan.body, sure);
    } else {
        w->axes[w->around++] = st->u.repeat.round;
        sure = sure && !st->u.repeat.condition;
        st->u.repeat.body = block_of(w, &from->u.repeat.body, sure);
    }
    w->around = before;
    return st;
}

static at_block block_of(work *w, const at_block *from, bool sure) {
    at_block to = {0};
    int capacity = 0;
    for (int i = 0; i < from->count; i++) {
        at_statement *st = from->items[i];
        bool fits = w->around + (st->tag == AT_ASSERT ? st->u.assertion.count : 0) < AT_RANK_LIMIT;
        if (st->tag == AT_ASSERT && sure && fits) {
            add_side(w, st, st->u.assertion.left, &to, &capacity);
            add_side(w, st, st->u.assertion.right, &to, &capacity);
        } else if (st->tag == AT_SCAN || st->tag == AT_REPEAT) {
            st = region_of(w, st, sure);
            AT_PUSH(w->s->arena, to.items, to.count, capacity, st);
        } else if (st->tag != AT_ASSERT) {
            AT_PUSH(w->s->arena, to.items, to.count, capacity, st);
        }
    }
    return to;
}

const at_cascade *at_law_sides(at_session *s, const at_cascade *law) {
    work w = {.s = s, .out = at_copy(s->arena, law, sizeof *law)};
    at_cascade *out = w.out;
    out->law = false;
    /* AT_PUSH writes into spare room; there is none, so it copies first. */
    w.array_capacity = out->array_count;
    out->inputs = at_copy(s->arena, out->inputs, sizeof *out->inputs * (size_t)out->input_count);
    for (int i = 0; i < out->input_count; i++)
        out->inputs[i] = (at_start){.array = out->inputs[i].array, .draw = -1};
    out->body = block_of(&w, &law->body, true);
    return out;
}
