/* Conditions that are the same for whole stretches of an index: of
 *
 *     where seen[i // 64, j // 64]
 *
 * the loop over j asks once for each stretch of 64:
 *
 *     for j_step from low // 64 to (high - 1) // 64 + 1
 *       if seen[i // 64, j_step]
 *         for j from max(low, 64 * j_step) to min(high, 64 * j_step + 64)
 *
 * While a nest is made, such a condition stands with its loop; the loops are written out when it is
 * known which of them products took. */
#include "form/form.h"
#include "loop/loop.h"

enum { LEAST = 16 }; /* shorter ones are not worth a loop */

typedef struct {
    at_session *s;
    const at_axis *axis;
    int64_t by; /* 0: not known yet */
    bool good;
    const at_expr *step;
} stretching;

/* The node `axis // by`. */
static bool is_step(const at_expr *e, const at_axis *axis) {
    return e->tag == AT_MAP && e->u.map.op == AT_OP_IDIV && e->u.map.args[0]->tag == AT_INDEX &&
           e->u.map.args[0]->u.axis == axis && e->u.map.args[1]->tag == AT_CONST;
}

static bool look(void *user, const at_expr *e) {
    stretching *w = user;
    if (is_step(e, w->axis)) {
        int64_t by = e->u.map.args[1]->u.integer;
        w->good &= by >= LEAST && by < AT_AXIS_LIMIT && (w->by == 0 || w->by == by);
        w->by = by;
        return false;
    }
    w->good &= e->tag != AT_INDEX || e->u.axis != w->axis;
    w->good &= e->tag != AT_FOLD_NODE;
    return w->good;
}

int64_t at_loop_stretch_of(const at_expr *condition, const at_axis *axis) {
    stretching w = {NULL, axis, 0, true, NULL};
    at_walk(condition, look, &w);
    return w.good ? w.by : 0;
}

static const at_expr *stepped(void *user, const at_expr *e) {
    const stretching *w = user;
    return is_step(e, w->axis) ? w->step : e;
}

const at_expr *at_loop_stretch_at(at_session *s, const at_expr *condition, const at_axis *axis,
                                  const at_expr *step) {
    stretching w = {s, axis, 0, true, step};
    return at_rewrite(s, condition, stepped, &w);
}

static const at_expr *map(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(s, op, a, b, NULL, a->span);
}

at_axis *at_loop_step_axis(at_session *s, const at_axis *axis) {
    enum { UNSEEN = 1 << 25 }; /* ids of axes that have no extent anybody looks at */
    at_axis *step = AT_NEW(s->arena, at_axis);
    step->name = at_format(s->arena, "%s_step", axis->name);
    step->like = axis;
    step->fixed = -1;
    step->span = axis->span;
    step->id = UNSEEN + axis->id;
    return step;
}

/* The loop becomes one over stretches, with itself inside. */
static void write_out(at_session *s, at_loop *loop) {
    at_span span = loop->axis->span;
    at_loop *inner = at_copy(s->arena, loop, sizeof *loop), *branch = AT_NEW(s->arena, at_loop);
    const at_expr *one = at_int(s, 1, span), *by = at_int(s, loop->stretch, span);
    const at_expr *low = loop->low ? loop->low : at_int(s, 0, span);
    const at_expr *high = loop->high ? loop->high : at_size(s, loop->axis, span);
    const at_axis *axis = at_loop_step_axis(s, loop->axis);
    const at_expr *step = at_index(s, axis, span), *begin = map(s, AT_OP_MUL, step, by);
    inner->low = map(s, AT_OP_MAX, low, begin);
    inner->high = map(s, AT_OP_MIN, high, map(s, AT_OP_ADD, begin, by));
    inner->block = false;
    inner->when = NULL;
    branch->tag = AT_LOOP_IF;
    branch->condition = at_loop_stretch_at(s, loop->when, loop->axis, step);
    AT_PUSH(s->arena, branch->body.items, branch->body.count, branch->body.capacity, inner);
    loop->axis = axis;
    loop->low = map(s, AT_OP_IDIV, low, by);
    high = map(s, AT_OP_IDIV, map(s, AT_OP_SUB, high, one), by);
    loop->high = map(s, AT_OP_ADD, high, one);
    loop->block = false;
    loop->when = NULL;
    loop->steps = true;
    loop->body = (at_loops){0};
    AT_PUSH(s->arena, loop->body.items, loop->body.count, loop->body.capacity, branch);
}

void at_loop_write_stretches(at_session *s, const at_loops *loops) {
    for (int i = 0; i < loops->count; i++) {
        at_loop *loop = loops->items[i];
        if (loop->product) {
            at_loop_write_stretches(s, &loop->product->range);
            for (int k = 0; k < 2; k++)
                at_loop_write_stretches(s, &loop->product->factors[k].pack);
        }
        at_loop_write_stretches(s, &loop->body);
        at_loop_write_stretches(s, &loop->otherwise);
        if (loop->tag == AT_LOOP_FOR && loop->when) write_out(s, loop);
    }
}
