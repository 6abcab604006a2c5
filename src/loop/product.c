/* Products of matrices: an element that is a sum of products of two factors, of which one has axes
 * of the target that the other lacks, and the other way round, becomes a part of a block. Blocks
 * are computed from packed factors (src/emit/parts/matrix.h); then the rest of the equation's
 * expression is done for each element of the finished block.
 *
 *     for i, j                               product: rows i, columns j, summed over k
 *       let sum = 0                            for i from row_first to row_end
 *       for k                            =>      for j from column_first to column_end
 *         set sum = sum + a[i,k] * b[k,j]          let sum = block[…]
 *       store y at … = f(sum)                      store y at … = f(sum)
 *
 * Several axes of rows (columns, what is summed over) count as one, the last fastest. A factor that
 * is a read whose address is linear in these is packed by steps; any other, by loops that compute
 * it. Nothing in the element may fail. The plain loops stay, for extents that a product does not
 * pay.
 *
 * A condition of the sum's guard that does not look at the columns makes the rows 0 where it does
 * not hold (or the other way round). That is the same sum only if the other factor is finite, which
 * is asked when the program runs. What no row of a block takes of the depth is left out. */
#include "loop/product_int.h"

static bool is_total(const at_loops *loops) {
    for (int i = 0; i < loops->count; i++) {
        const at_loop *loop = loops->items[i];
        switch (loop->tag) {
        case AT_LOOP_FOR:
        case AT_LOOP_IF:
        case AT_LOOP_LET:
        case AT_LOOP_SET:
        case AT_LOOP_STORE: break;
        default: return false;
        }
        if (!is_total(&loop->body) || !is_total(&loop->otherwise)) return false;
    }
    return true;
}

static const at_expr *map(at_product_search *f, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(f->s, op, a, b, NULL, f->span);
}

static const at_expr *variable(at_product_search *f, const at_array *v) {
    return at_variable_read(f->s, v, f->span);
}

/* How many positions there are, of a block those that it has. */
static const at_expr *count_of(at_product_search *f, const at_axis_list *list) {
    const at_group *group = f->l->nest->pass->group;
    if (!group || list->axes[0] != group->along) return at_product_size(f, list, 0);
    const at_expr *here = map(f, AT_OP_SUB, at_index(f->s, group->end, f->span),
                              at_index(f->s, group->first, f->span));
    return list->count > 1 ? map(f, AT_OP_MUL, here, at_product_size(f, list, 1)) : here;
}

/* The first position of a group's block; NULL: 0. */
static const at_expr *from_of(at_product_search *f, const at_axis_list *list) {
    const at_group *group = f->l->nest->pass->group;
    if (!group || list->axes[0] != group->along) return NULL;
    const at_expr *first = at_index(f->s, group->first, f->span);
    return list->count > 1 ? map(f, AT_OP_MUL, first, at_product_size(f, list, 1)) : first;
}

/* Rows of which the loop around goes over a part that is the same for all: a band of them. */
static void keep_to_band(at_product_search *f) {
    at_loop_product *p = f->product;
    for (int i = 0; i < f->part_count; i++) {
        const at_loop *part = f->parts[i];
        if (f->rows.count != 1 || part->axis != f->rows.axes[0] || p->from[0] || !part->low ||
            !part->high || at_mentions_any(part->low, &f->around) ||
            at_mentions_any(part->high, &f->around))
            continue;
        const at_expr *count = map(f, AT_OP_SUB, part->high, part->low);
        p->from[0] = part->low;
        p->row_count = map(f, AT_OP_MAX, count, at_int(f->s, 0, f->span));
    }
}

static void copy_loops(at_product_search *f, at_loops *to, const at_loops *from);

static at_loop *copy_loop(at_product_search *f, const at_loop *loop) {
    at_loop *copy = at_copy(f->s->arena, loop, sizeof *loop);
    copy->body = copy->otherwise = (at_loops){0};
    copy_loops(f, &copy->body, &loop->body);
    copy_loops(f, &copy->otherwise, &loop->otherwise);
    return copy;
}

/* The sum comes from the block. */
static void copy_loops(at_product_search *f, at_loops *to, const at_loops *from) {
    for (int i = 0; i < from->count; i++) {
        at_loop *copy = copy_loop(f, from->items[i]);
        if (from->items[i] == f->let) {
            const at_loop_product *product = f->product;
            const at_expr *row = map(f, AT_OP_SUB, at_product_position(f, &f->rows, f->rows.count),
                                     variable(f, product->row_first));
            const at_expr *column =
                map(f, AT_OP_SUB, at_product_position(f, &f->columns, f->columns.count),
                    variable(f, product->column_first));
            const at_expr **at = AT_NEW_ARRAY(f->s->arena, const at_expr *, 1);
            row = map(f, AT_OP_MUL, row, variable(f, product->width));
            at[0] = map(f, AT_OP_ADD, row, column);
            copy->value = at_read(f->s, product->block, at, NULL, f->span);
            i++; /* without the loop behind it */
        }
        AT_PUSH(f->s->arena, to->items, to->count, to->capacity, copy);
    }
}

/* ---- the node -------------------------------------------------------------------------------- */

static const at_axis **keep(at_product_search *f, const at_axis_list *list) {
    return at_copy(f->s->arena, list->axes, sizeof *list->axes * (size_t)list->count);
}

static void make_variables(at_product_search *f) {
    at_loop_product *p = f->product;
    at_loop_lowering *l = f->l;
    p->row_first = at_loop_variable(l, "row_first", AT_INT);
    p->row_end = at_loop_variable(l, "row_end", AT_INT);
    p->column_first = at_loop_variable(l, "column_first", AT_INT);
    p->column_end = at_loop_variable(l, "column_end", AT_INT);
    p->depth_first = at_loop_variable(l, "depth_first", AT_INT);
    p->depth_end = at_loop_variable(l, "depth_end", AT_INT);
    p->tall = at_loop_variable(l, "panel_rows", AT_INT);
    p->wide = at_loop_variable(l, "panel_columns", AT_INT);
    p->width = at_loop_variable(l, "block_width", AT_INT);
    static at_axis *const none[1] = {NULL};
    p->factors[0].packed = at_loop_panels(l, "packed_rows", AT_REAL);
    p->factors[1].packed = at_loop_panels(l, "packed_columns", AT_REAL);
    p->block = at_loop_panels(l, "block", AT_REAL);
    p->first_stretch = at_loop_variable(l, "first_stretch", AT_INT);
    p->stretches = at_loop_variable(l, "stretches", AT_INT);
    p->wanted = at_loop_panels(l, "wanted", AT_BOOL);
    p->limit_from = at_loop_panels(l, "limit_from", AT_INT);
    p->limit_to = at_loop_panels(l, "limit_to", AT_INT);
    p->scratch = at_loop_scratch(l, "panels", AT_REAL, none, 1);
}

/* What makes the other factor 0 is left out, if this one is finite. That is asked in front of all
 * where one must know it; else, if it is only about zeros and what rows begin and end with, of what
 * is packed. */
static bool is_finite_or_asked(at_product_search *f, int which, const at_expr *value) {
    at_loop_product *p = f->product;
    bool bounds = (f->low || f->high) && f->bounded == !which;
    bool packed = !f->own_rest[!which] && (which || !bounds);
    p->asks[which] = packed && bounds;
    if (p->asks[which] || at_product_finite(f, &p->factors[which], value)) return true;
    /* Limits of columns leave nothing out: more is computed than is taken. */
    p->asks[which] = packed;
    return packed;
}

static bool make_product(at_product_search *f, at_loops *place, unsigned group) {
    at_loop_lowering *l = f->l;
    at_loop_product *p = f->product = AT_NEW(f->s->arena, at_loop_product);
    unsigned other = ~group & ((1u << f->factor_count) - 1);
    at_product_wanted(f);
    make_variables(f);
    p->batch_count = f->batch.count;
    p->batch = keep(f, &f->batch);
    p->row_count = count_of(f, &f->rows);
    p->column_count = count_of(f, &f->columns);
    p->from[0] = from_of(f, &f->rows);
    p->from[1] = from_of(f, &f->columns);
    keep_to_band(f);
    p->depth_count = at_product_size(f, &f->depth, 0);
    if ((f->low || f->high) && f->bounded == 0) p->limits = AT_LIMITS_DEPTH;
    for (int i = 0; i < 2; i++) p->zeros[i] = f->asks_zero[i];
    const at_product_part parts[2] = {{&f->rows, p->row_first, p->row_end, p->tall},
                                  {&f->columns, p->column_first, p->column_end, p->wide}};
    for (int i = 0; i < 2; i++) {
        const at_expr *value = at_product_factor(f, i ? other : group);
        bool guarded = f->own[i] != NULL, steps;
        steps = at_product_steps(f, &p->factors[i], value, parts[i].list, parts[i].first);
        if (f->own[!i] && !is_finite_or_asked(f, i, value)) {
            l->nest->scratch_count--; /* it is not needed */
            return false;
        }
        if (guarded && !steps)
            value = at_map_node(f->s, AT_OP_IF, f->own[i], value, at_real(f->s, 0, f->span),
                                f->span);
        if (!steps) at_product_pack(f, &p->factors[i], value, &parts[i]);
        else if (guarded) at_product_clear(f, &p->factors[i], &parts[i], i);
    }
    if (f->column_low || f->column_high) at_product_columns(f, &parts[0]);
    p->shrinks = p->column_from && f->part_count > 0;
    at_product_stretches(f, &parts[0]);
    const at_expr *step = p->factors[1].step;
    p->guarded = f->guard || f->base || f->end;
    p->beside = f->columns.count == 1 && step && step->tag == AT_CONST &&
                step->u.integer == 1 && f->columns.axes[0] == f->around.axes[f->around.count - 1];
    if (f->base || f->end || f->low || f->high) at_product_range(f, &parts[f->bounded]);
    at_loop *node = AT_NEW(f->s->arena, at_loop);
    node->tag = AT_LOOP_PRODUCT;
    node->product = p;
    node->otherwise = *place;
    l->into = &node->body;
    at_product_enter(f, &f->rows, p->row_first, p->row_end);
    at_product_enter(f, &f->columns, p->column_first, p->column_end);
    at_product_enter_wanted(f, node->body.items[0]);
    at_product_leave_stretches(f, node->body.items[0]);
    AT_PUSH(f->s->arena, l->into->items, l->into->count, l->into->capacity,
            copy_loop(f, f->store));
    *place = (at_loops){0};
    AT_PUSH(f->s->arena, place->items, place->count, place->capacity, node);
    return true;
}

void at_loop_find_product(at_loop_lowering *l) {
    at_loops *body = &l->nest->body, *inner = body;
    at_product_search f = {.l = l, .s = l->s, .span = l->nest->pass->statement->span};
    if (l->nest->fallible || !is_total(body)) return;
    while (inner->count == 1 && inner->items[0]->tag == AT_LOOP_FOR && !inner->items[0]->down) {
        const at_loop *loop = inner->items[0];
        if (!at_axis_add(&f.around, loop->axis)) return;
        if (!loop->block && (loop->low || loop->high)) f.parts[f.part_count++] = loop;
        if (loop->when) f.stretched = loop;
        if (loop->when && at_reads_variable(l, loop->when)) return;
        if ((loop->low && at_reads_variable(l, loop->low)) ||
            (loop->high && at_reads_variable(l, loop->high)))
            return;
        inner = &inner->items[0]->body;
    }
    /* Of elements that nobody reads it does not matter what they are. */
    if (inner->count == 1 && inner->items[0]->tag == AT_LOOP_IF && l->nest->pass->domain)
        inner = &inner->items[0]->body;
    if (inner->count != 1 || inner->items[0]->tag != AT_LOOP_STORE || f.around.count < 2) return;
    f.store = inner->items[0];
    unsigned group = at_product_find(&f, &f.store->body);
    if (group) make_product(&f, body, group);
}
