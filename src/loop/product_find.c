/* Which sums of products are products of matrices: the sum in an element, its factors, which of
 * them are rows and which columns, and to which the sum's guard belongs. */
#include "loop/product_int.h"

bool at_axis_in(const at_axis_list *list, const at_axis *axis) {
    for (int i = 0; i < list->count; i++)
        if (list->axes[i] == axis) return true;
    return false;
}

bool at_axis_add(at_axis_list *list, const at_axis *axis) {
    if (list->count == AT_PRODUCT_AXES) return false;
    list->axes[list->count++] = axis;
    return true;
}

/* The axis of which only a group's block is there, or NULL. */
static const at_axis *blocked(const at_product_search *f) {
    const at_group *group = f->l->nest->pass->group;
    return group ? group->along : NULL;
}

/* The indices of a block must lie beside each other. */
static bool has_first_only(const at_axis_list *list, const at_axis *axis) {
    return !axis || !at_axis_in(list, axis) || list->axes[0] == axis;
}

static bool is_read_of(const at_expr *e, const at_array *variable) {
    return e->tag == AT_READ && e->u.read.array == variable;
}

static void add_guard(at_product_search *f, const at_expr *condition) {
    f->guard = !f->guard ? condition
                         : at_map_node(f->s, AT_OP_AND, f->guard, condition, NULL, f->span);
}

bool at_mentions_any(const at_expr *e, const at_axis_list *list) {
    for (int i = 0; i < list->count; i++)
        if (at_mentions(e, list->axes[i])) return true;
    return false;
}

const at_expr *at_product_closer(at_product_search *f, at_op op, const at_expr *a,
                                 const at_expr *b) {
    return !a ? b : !b ? a : at_map_node(f->s, op, a, b, NULL, f->span);
}

void at_product_split(at_product_search *f, const at_expr *bound, at_op op,
                      const at_axis_list *axes, const at_expr **same, const at_expr **other) {
    if (!bound) return;
    if (bound->tag == AT_MAP && bound->u.map.op == op) {
        at_product_split(f, bound->u.map.args[0], op, axes, same, other);
        at_product_split(f, bound->u.map.args[1], op, axes, same, other);
    } else {
        const at_expr **to = at_mentions_any(bound, axes) ? other : same;
        *to = at_product_closer(f, op, *to, bound);
    }
}

static bool enter_depth(at_product_search *f, const at_loop *loop) {
    const at_expr *index = at_index(f->s, loop->axis, f->span);
    if (loop->tag != AT_LOOP_FOR || loop->down || loop->body.count != 1) return false;
    if (f->depth.count == 0) {
        at_product_split(f, loop->low, AT_OP_MAX, &f->around, &f->base, &f->low);
        at_product_split(f, loop->high, AT_OP_MIN, &f->around, &f->end, &f->high);
        if (f->low) add_guard(f, at_map_node(f->s, AT_OP_LE, f->low, index, NULL, f->span));
        if (f->high) add_guard(f, at_map_node(f->s, AT_OP_LT, index, f->high, NULL, f->span));
    } else {
        if (loop->low) add_guard(f, at_map_node(f->s, AT_OP_LE, loop->low, index, NULL, f->span));
        if (loop->high) add_guard(f, at_map_node(f->s, AT_OP_LT, index, loop->high, NULL, f->span));
    }
    if (loop->when) {
        add_guard(f, loop->when);
        f->when = at_product_both(f, f->when, loop->when);
    }
    return at_axis_add(&f->depth, loop->axis);
}

/* Of several axes no bound is one of the depth: all are conditions. */
static void forget_bounds(at_product_search *f) {
    const at_expr *index = at_index(f->s, f->depth.axes[0], f->span);
    if (f->base) add_guard(f, at_map_node(f->s, AT_OP_LE, f->base, index, NULL, f->span));
    if (f->end) add_guard(f, at_map_node(f->s, AT_OP_LT, index, f->end, NULL, f->span));
    f->base = f->end = f->low = f->high = NULL;
    f->rest = f->guard;
}

/* Whether loops[at] and what follows it are a sum: let v = 0, for … set v = v + x. */
static bool match_sum(at_product_search *f, const at_loops *loops, int at) {
    const at_loop *let = loops->items[at], *loop = loops->items[at + 1];
    if (let->tag != AT_LOOP_LET || !let->value || let->variable->kind != AT_REAL) return false;
    if (let->value->tag != AT_CONST || let->value->u.real != 0) return false;
    f->depth.count = 0;
    f->guard = f->rest = f->when = f->base = f->end = f->low = f->high = NULL;
    for (; loop->tag == AT_LOOP_FOR; loop = loop->body.items[0])
        if (!enter_depth(f, loop)) return false;
    bool one = f->depth.count == 1;
    if (f->depth.count == 0) return false;
    if (!one) forget_bounds(f);
    else f->rest = f->when;
    if (loop->tag == AT_LOOP_IF && loop->body.count == 1 && loop->otherwise.count == 0) {
        add_guard(f, loop->condition);
        f->rest = one ? at_product_both(f, f->when, loop->condition) : f->guard;
        loop = loop->body.items[0];
    }
    if (loop->tag != AT_LOOP_SET || loop->variable != let->variable)
        return false;
    const at_expr *sum = loop->value;
    if (sum->tag != AT_MAP || sum->u.map.op != AT_OP_ADD) return false;
    if (!is_read_of(sum->u.map.args[0], let->variable)) return false;
    f->let = let;
    f->value = sum->u.map.args[1];
    return true;
}

static bool add_factors(at_product_search *f, const at_expr *e) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_MUL)
        return add_factors(f, e->u.map.args[0]) && add_factors(f, e->u.map.args[1]);
    if (f->factor_count == AT_PRODUCT_FACTORS) return false;
    f->factors[f->factor_count++] = e;
    return true;
}

typedef struct {
    const at_loop_lowering *l;
    bool found;
} variables;

static bool look_for_variable(void *user, const at_expr *e) {
    variables *v = user;
    v->found |= e->tag == AT_READ && at_is_variable(e->u.read.array) &&
                !at_loop_is_tried(v->l, e->u.read.array);
    return !v->found;
}

bool at_reads_variable(const at_loop_lowering *l, const at_expr *e) {
    variables v = {l, false};
    at_walk(e, look_for_variable, &v);
    return v.found;
}

/* ---- which factors are rows, which are columns ----------------------------------------------- */

static bool group_mentions(const at_product_search *f, unsigned group, const at_axis *axis) {
    for (int i = 0; i < f->factor_count; i++)
        if ((group >> i & 1) && at_mentions(f->factors[i], axis)) return true;
    return false;
}

static bool mentions_depth(const at_product_search *f, unsigned group) {
    for (int i = 0; i < f->depth.count; i++)
        if (group_mentions(f, group, f->depth.axes[i])) return true;
    return false;
}

/* The axes that are rows, columns and neither, if `group` are the factors of the rows. */
static bool share_axes(at_product_search *f, unsigned group) {
    unsigned other = ~group & ((1u << f->factor_count) - 1);
    f->rows.count = f->columns.count = f->batch.count = 0;
    for (int i = 0; i < f->around.count; i++) {
        const at_axis *axis = f->around.axes[i];
        bool left = group_mentions(f, group, axis), right = group_mentions(f, other, axis);
        if (!left && !right) return false;
        at_axis_add(left && right ? &f->batch : left ? &f->rows : &f->columns, axis);
    }
    const at_axis *block = blocked(f);
    return f->rows.count && f->columns.count && mentions_depth(f, group) &&
           mentions_depth(f, other) && !at_axis_in(&f->batch, block) &&
           has_first_only(&f->rows, block) && has_first_only(&f->columns, block);
}

/* The grouping with the fewest axes in both; columns have the target's last axis, if any has. 0:
 * none. */
static unsigned find_group(at_product_search *f) {
    unsigned best = 0, all = (1u << f->factor_count) - 1;
    int least = AT_PRODUCT_AXES + 1;
    const at_axis *last = f->around.axes[f->around.count - 1];
    for (unsigned group = 1; group < all; group++) {
        if (!share_axes(f, group)) continue;
        int badness = 2 * f->batch.count + at_axis_in(&f->rows, last);
        if (badness >= least) continue;
        least = badness;
        best = group;
    }
    if (best) share_axes(f, best);
    return best;
}

const at_expr *at_product_both(at_product_search *f, const at_expr *a, const at_expr *b) {
    return a ? at_map_node(f->s, AT_OP_AND, a, b, NULL, f->span) : b;
}

/* Whether e says only that a factor, which is the only one of its side, is not 0: where it does not
 * hold, that factor needs no other 0. */
static bool is_of_factor(const at_product_search *f, const at_expr *e, unsigned own) {
    if (e->tag != AT_MAP || e->u.map.op != AT_OP_NE) return false;
    const at_expr *x = e->u.map.args[0], *zero = e->u.map.args[1];
    if (zero->kind != AT_REAL || zero->tag != AT_CONST || zero->u.real != 0) return false;
    for (int i = 0; i < f->factor_count; i++)
        if (own == 1u << i && at_same(f->factors[i], x)) return true;
    return false;
}

/* Gives each condition to the factor that has its axes; false where it has those of both. */
static bool share_guard(at_product_search *f, const at_expr *e, unsigned group,
                        const at_expr **own) {
    if (!e) return true;
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND)
        return share_guard(f, e->u.map.args[0], group, own) &&
               share_guard(f, e->u.map.args[1], group, own);
    int which = at_mentions_any(e, &f->columns);
    unsigned all = (1u << f->factor_count) - 1;
    bool zero = own == f->own_rest && is_of_factor(f, e, which ? ~group & all : group);
    if (zero) f->asks_zero[which] = true;
    else own[which] = at_product_both(f, own[which], e);
    return !which || !at_mentions_any(e, &f->rows);
}

static bool find_guarded(at_product_search *f, unsigned group) {
    f->own[0] = f->own[1] = f->own_rest[0] = f->own_rest[1] = NULL;
    f->asks_zero[0] = f->asks_zero[1] = false;
    if ((f->base && at_reads_variable(f->l, f->base)) ||
        (f->end && at_reads_variable(f->l, f->end)))
        return false;
    if (!f->guard) return true;
    if (at_reads_variable(f->l, f->guard) || !share_guard(f, f->guard, group, f->own) ||
        !share_guard(f, f->rest, group, f->own_rest))
        return false;
    f->bounded = (f->low && at_mentions_any(f->low, &f->columns)) ||
                 (f->high && at_mentions_any(f->high, &f->columns));
    const at_axis_list *others = f->bounded ? &f->rows : &f->columns;
    return !(f->low && at_mentions_any(f->low, others)) &&
           !(f->high && at_mentions_any(f->high, others));
}

const at_expr *at_product_factor(at_product_search *f, unsigned group) {
    const at_expr *value = NULL;
    for (int i = 0; i < f->factor_count; i++) {
        if (!(group >> i & 1)) continue;
        value = value ? at_map_node(f->s, AT_OP_MUL, value, f->factors[i], NULL, f->span)
                      : f->factors[i];
    }
    return value;
}

/* ---- the sum --------------------------------------------------------------------------------- */

unsigned at_product_find(at_product_search *f, const at_loops *loops) {
    for (int i = 0; i < loops->count; i++) {
        const at_loop *loop = loops->items[i];
        unsigned group = 0;
        f->factor_count = 0;
        if (i + 1 < loops->count && match_sum(f, loops, i) && add_factors(f, f->value) &&
            f->factor_count > 1 && !at_reads_variable(f->l, f->value))
            group = find_group(f);
        if (group && !find_guarded(f, group)) group = 0;
        const at_expr *outer = f->wanted;
        if (!group && loop->tag == AT_LOOP_IF) {
            f->wanted = outer ? at_map_node(f->s, AT_OP_AND, outer, loop->condition, NULL, f->span)
                              : loop->condition;
            group = at_product_find(f, &loop->body);
            if (!group) f->wanted = outer;
            if (!group) group = at_product_find(f, &loop->otherwise);
        }
        if (group) return group;
    }
    return 0;
}
