/* How long a run of a cascade takes, roughly: operations on elements, counted from the extents.
 * What guards leave out is not known and counts in full. */
#include "check/check_int.h"

enum { DRAWN = 8 }; /* operations for an element that is drawn */

typedef struct {
    const int64_t *extents;
    double sum, times; /* times: by the rounds of the repeats around */
} counting;

static double extent_of(const counting *c, const at_axis *axis) {
    return c->extents[axis->id] > 0 ? (double)c->extents[axis->id] : 1;
}

static double product_of(const counting *c, at_axis *const *axes, int count) {
    double product = 1;
    for (int i = 0; i < count; i++) product *= extent_of(c, axes[i]);
    return product;
}

static double work_of(const counting *c, const at_expr *e) {
    if (!e) return 0;
    double sum = 1;
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return 0;
    case AT_READ:
        for (int i = 0; i < e->u.read.array->rank; i++) sum += work_of(c, e->u.read.index[i]);
        return sum + work_of(c, e->u.read.alternative);
    case AT_MAP:
        for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++)
            sum += work_of(c, e->u.map.args[i]);
        return sum;
    case AT_FOLD_NODE:
        return sum + product_of(c, e->u.fold.axes, e->u.fold.count) *
                         (1 + work_of(c, e->u.fold.guard) + work_of(c, e->u.fold.body));
    }
    return sum;
}

static double work_of_part(const counting *c, const at_part *part) {
    double inside = 1 + work_of(c, part->guard) + work_of(c, part->body);
    return product_of(c, part->target->axes, part->target->rank) * inside;
}

static void add_block(counting *c, const at_block *block);

static void add_repeat(counting *c, const at_statement *st) {
    double times = c->times;
    c->times *= (double)st->u.repeat.count;
    c->sum += c->times * work_of(c, st->u.repeat.condition);
    add_block(c, &st->u.repeat.body);
    c->times = times;
}

static void add_statement(counting *c, const at_statement *st) {
    double work = 0;
    double elements = st->target ? product_of(c, st->target->axes, st->target->rank) : 1;
    switch (st->tag) {
    case AT_EQUATION: work = elements * (1 + work_of(c, st->u.value)); break;
    case AT_KEEPING:
        for (int i = 0; i < st->u.keeping.count; i++)
            work += 4 * work_of_part(c, &st->u.keeping.parts[i]);
        break;
    case AT_TOPK: {
        const at_part *part = &st->u.topk;
        double over = product_of(c, part->bound, part->count);
        work = elements * over * (1 + work_of(c, part->guard) + work_of(c, part->body));
        break;
    }
    case AT_DRAWING: work = DRAWN * elements; break;
    case AT_TABLE: work = elements; break;
    case AT_GRAD: break;
    case AT_NEXT: work = elements * (1 + work_of(c, st->u.next.value)); break;
    case AT_SCAN: add_block(c, &st->u.scan.body); break;
    case AT_REPEAT: add_repeat(c, st); break;
    case AT_ASSERT:
        work = product_of(c, st->u.assertion.axes, st->u.assertion.count) *
               (1 + work_of(c, st->u.assertion.left) + work_of(c, st->u.assertion.right));
        break;
    }
    c->sum += c->times * work;
}

static void add_block(counting *c, const at_block *block) {
    for (int i = 0; i < block->count; i++) add_statement(c, block->items[i]);
}

/* Inputs are drawn too. */
static void add_starts(counting *c, const at_start *starts, int count) {
    for (int i = 0; i < count; i++)
        c->sum += DRAWN * product_of(c, starts[i].array->axes, starts[i].array->rank);
}

double at_law_work(const at_cascade *cascade, const int64_t *all) {
    counting c = {.extents = all, .times = 1};
    add_starts(&c, cascade->inputs, cascade->input_count);
    add_starts(&c, cascade->params, cascade->param_count);
    add_starts(&c, cascade->states, cascade->state_count);
    add_block(&c, &cascade->body);
    return c.sum;
}
