/* Between which columns, and which of the depth, the rows of a product take anything: what a part
 * leaves out as a whole, and each row of it. */
#include "loop/product_int.h"

static const at_expr *map(at_product_search *f, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(f->s, op, a, b, NULL, f->span);
}

static const at_expr *number(at_product_search *f, int64_t n) { return at_int(f->s, n, f->span); }

static const at_expr *variable(at_product_search *f, const at_array *v) {
    return at_variable_read(f->s, v, f->span);
}

/* The loop around that goes over a part of an axis; NULL: it goes over all of it. */
static const at_loop *part_of(const at_product_search *f, const at_axis *axis) {
    for (int i = 0; i < f->part_count; i++)
        if (f->parts[i]->axis == axis) return f->parts[i];
    return NULL;
}

void at_product_wanted(at_product_search *f) {
    at_loop_lowering *l = f->l;
    const at_loop *part = f->columns.count == 1 ? part_of(f, f->columns.axes[0]) : NULL;
    if (part) {
        f->column_low = part->low;
        f->column_high = part->high;
        return;
    }
    if (!f->wanted || f->columns.count != 1 || at_reads_variable(f->l, f->wanted)) return;
    at_axis *axis[1];
    for (int i = 0; i < l->target->rank; i++)
        if (l->axes[i] == f->columns.axes[0]) axis[0] = l->axes[i];
    at_loops aside = {0};
    l->into = &aside;
    l->facts = NULL;
    const at_loop_clips *clips = at_loop_find_clips(l, f->wanted, axis, 1);
    const at_loop *loop = at_loop_enter_clipped(l, clips, 0);
    if (!loop) return;
    f->column_low = loop->low;
    f->column_high = loop->high;
}

/* Notes between which columns, or of the depth, a row of a part is asked for, where its loops
 * are. */
static void put_limits(at_product_search *f, const at_product_part *rows, const at_expr *from,
                       const at_expr *to) {
    const at_expr *row = map(f, AT_OP_SUB, at_product_position(f, rows->list, rows->list->count),
                             variable(f, rows->first));
    at_loop_put(f->l, f->product->limit_from, row, from);
    at_loop_put(f->l, f->product->limit_to, row, to);
}

void at_product_columns(at_product_search *f, const at_product_part *rows) {
    at_loop_product *p = f->product;
    f->l->into = &p->range;
    const at_expr *end = p->from[1] ? map(f, AT_OP_ADD, p->from[1], p->column_count)
                                    : p->column_count;
    const at_expr *most = f->column_high ? number(f, 0) : end;
    p->column_from =
        at_loop_let(f->l, "column_from", AT_INT, f->column_low ? end : number(f, 0));
    p->column_to = at_loop_let(f->l, "column_to", AT_INT, most);
    at_product_enter(f, rows->list, rows->first, rows->end);
    if (f->column_low)
        at_loop_set(f->l, p->column_from,
                    map(f, AT_OP_MIN, variable(f, p->column_from), f->column_low));
    if (f->column_high)
        at_loop_set(f->l, p->column_to,
                    map(f, AT_OP_MAX, variable(f, p->column_to), f->column_high));
    bool differs = (f->column_low && at_mentions_any(f->column_low, &f->rows)) ||
                   (f->column_high && at_mentions_any(f->column_high, &f->rows));
    if (!f->part_count || !differs || p->limits || p->asks[0] || p->asks[1]) return;
    p->limits = AT_LIMITS_COLUMNS;
    put_limits(f, rows, f->column_low ? f->column_low : number(f, 0),
               f->column_high ? f->column_high : end);
}

void at_product_note_stretches(at_product_search *f, const at_product_part *rows,
                               const at_loop *part) {
    at_loop_product *p = f->product;
    at_loop_lowering *l = f->l;
    const at_expr *by = number(f, part->stretch), *one = number(f, 1);
    p->stretch = part->stretch;
    at_loop_set(l, p->first_stretch,
                map(f, AT_OP_IDIV, variable(f, p->deep ? p->depth_first : p->column_first), by));
    at_product_enter(f, rows->list, rows->first, rows->end);
    at_loop *steps = at_loop_add(l, AT_LOOP_FOR);
    steps->axis = at_loop_step_axis(f->s, part->axis);
    steps->low = map(f, AT_OP_IDIV, part->low, by);
    steps->high = map(f, AT_OP_SUB, part->high, one);
    steps->high = map(f, AT_OP_ADD, map(f, AT_OP_IDIV, steps->high, by), one);
    const at_expr *step = at_index(f->s, steps->axis, f->span);
    l->into = &steps->body;
    at_loop *branch = at_loop_add(l, AT_LOOP_IF);
    branch->condition = at_loop_stretch_at(f->s, part->when, part->axis, step);
    l->into = &branch->body;
    const at_expr *row = map(f, AT_OP_SUB, at_product_position(f, rows->list, rows->list->count),
                             variable(f, rows->first));
    const at_expr *at = map(f, AT_OP_SUB, step, variable(f, p->first_stretch));
    at = map(f, AT_OP_ADD, map(f, AT_OP_MUL, row, variable(f, p->stretches)), at);
    at_loop_put(l, p->wanted, at, at_bool(f->s, true, f->span));
}

/* Whether the columns are taken in stretches. */
static bool has_stretches(const at_product_search *f) {
    return f->stretched && f->columns.count == 1 && f->columns.axes[0] == f->stretched->axis;
}

void at_product_stretches(at_product_search *f, const at_product_part *rows) {
    at_loop_product *p = f->product;
    if (!has_stretches(f) || p->asks[0] || p->asks[1] || p->stretch) return;
    at_loop part = *f->stretched;
    const at_expr *low = variable(f, p->column_first), *high = variable(f, p->column_end);
    part.low = part.low ? map(f, AT_OP_MAX, low, part.low) : low;
    part.high = part.high ? map(f, AT_OP_MIN, high, part.high) : high;
    f->l->into = &p->range;
    at_product_note_stretches(f, rows, &part);
}

void at_product_leave_stretches(at_product_search *f, at_loop *loop) {
    for (; has_stretches(f) && loop; loop = loop->body.count ? loop->body.items[0] : NULL) {
        if (loop->tag != AT_LOOP_FOR || loop->axis != f->stretched->axis) continue;
        loop->when = f->stretched->when;
        loop->stretch = f->stretched->stretch;
        return;
    }
}

void at_product_range(at_product_search *f, const at_product_part *part) {
    at_loop_product *p = f->product;
    at_loop_lowering *l = f->l;
    l->into = &p->range;
    const at_expr *base = f->base ? f->base : number(f, 0), *end = f->end ? f->end : p->depth_count;
    p->depth_base = at_loop_let(l, "depth_base", AT_INT, base);
    base = variable(f, p->depth_base);
    p->depth_from = at_loop_let(l, "depth_from", AT_INT, f->low ? p->depth_count : base);
    p->depth_to = at_loop_let(l, "depth_to", AT_INT, f->high ? number(f, 0) : end);
    at_loops *outer = l->into;
    if (f->low || f->high) at_product_enter(f, part->list, part->first, part->end);
    if (f->low)
        at_loop_set(l, p->depth_from, map(f, AT_OP_MIN, variable(f, p->depth_from), f->low));
    if (f->high)
        at_loop_set(l, p->depth_to, map(f, AT_OP_MAX, variable(f, p->depth_to), f->high));
    if (p->limits == AT_LIMITS_DEPTH)
        put_limits(f, part, f->low ? f->low : base, f->high ? f->high : end);
    l->into = outer;
    if (f->low) at_loop_set(l, p->depth_from, map(f, AT_OP_MAX, variable(f, p->depth_from), base));
    if (f->high && f->end)
        at_loop_set(l, p->depth_to, map(f, AT_OP_MIN, variable(f, p->depth_to), end));
}

void at_product_enter_wanted(at_product_search *f, at_loop *loop) {
    const at_expr *rest = NULL;
    for (int i = 0; i < f->part_count; i++) {
        const at_loop *part = f->parts[i];
        const at_expr *index = at_index(f->s, part->axis, f->span);
        at_loop *at = loop;
        while (at && at->axis != part->axis) at = at->body.count ? at->body.items[0] : NULL;
        at_axis_list inside = {0};
        for (const at_loop *k = at; k; k = k->body.count ? k->body.items[0] : NULL)
            at_axis_add(&inside, k->axis);
        const at_expr *low = NULL, *high = NULL, *low_rest = NULL, *high_rest = NULL;
        at_product_split(f, part->low, AT_OP_MAX, &inside, &low, &low_rest);
        at_product_split(f, part->high, AT_OP_MIN, &inside, &high, &high_rest);
        if (at) {
            at->low = at_product_closer(f, AT_OP_MAX, at->low, low);
            at->high = at_product_closer(f, AT_OP_MIN, at->high, high);
        } else {
            low_rest = low; /* of an axis of both factors */
            high_rest = high;
        }
        if (low_rest) rest = at_product_both(f, rest, map(f, AT_OP_LE, low_rest, index));
        if (high_rest) rest = at_product_both(f, rest, map(f, AT_OP_LT, index, high_rest));
    }
    if (!rest) return;
    at_loop *branch = at_loop_add(f->l, AT_LOOP_IF);
    branch->condition = rest;
    f->l->into = &branch->body;
}
