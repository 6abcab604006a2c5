/* Products of matrices: an element that is a sum of products of two factors, of which one has axes
 * of the target that the other lacks, and the other way round, becomes a part of a block. Blocks are
 * computed from packed factors (src/emit/parts/matrix.h); then the rest of the equation's expression
 * is done for each element of the finished block.
 *
 *     for i, j                               product: rows i, columns j, summed over k
 *       let sum = 0                            for i from row_first to row_end
 *       for k                            =>      for j from column_first to column_end
 *         set sum = sum + a[i,k] * b[k,j]          let sum = block[…]
 *       store y at … = f(sum)                      store y at … = f(sum)
 *
 * Several axes of rows (columns, what is summed over) count as one, the last fastest. A factor that
 * is a read whose address is linear in these is packed by steps; any other, by loops that compute it.
 * Nothing in the element may fail. The plain loops stay, for extents that a product does not pay.
 *
 * A condition of the sum's guard that does not look at the columns makes the rows 0 where it does not
 * hold (or the other way round). That is the same sum only if the other factor is finite, which is
 * asked when the program runs. What no row of a block takes of the depth is left out. */
#include "form/form.h"
#include "loop/loop.h"

#include <string.h>

enum { FACTORS = 6, AXES = 32 };

typedef struct {
    int count;
    const at_axis *axes[AXES];
} axis_list;

typedef struct {
    at_loop_lowering *l;
    at_session *s;
    at_span span;
    const at_loop *store;
    axis_list around, depth;
    const at_loop *let;      /* of the sum; the loop over the depth comes behind it */
    const at_expr *value;    /* what is added up */
    /* Bounds of the depth, if it is one axis; NULL: none. Those that are the same for all elements,
     * and the others. */
    const at_expr *base, *end, *low, *high;
    const at_expr *guard;    /* where it is added, bounds and all; NULL: everywhere */
    const at_expr *rest;     /* of the guard, without the bounds of one axis */
    int bounded;             /* the factor that is 0 outside of the bounds */
    const at_expr *own[2];   /* the guard's part that makes this factor 0; NULL: none */
    const at_expr *own_rest[2]; /* likewise, without the bounds */
    bool asks_zero;          /* the guard asks that the factor of the rows is not 0, besides */
    const at_expr *wanted;   /* where elements take the sum at all; NULL: everywhere */
    const at_expr *column_low, *column_high; /* what that says of the columns; NULL: nothing */
    int part_count;
    const at_loop *parts[AXES]; /* the loops around that go over a part of their axes */
    int factor_count;
    const at_expr *factors[FACTORS];
    axis_list batch, rows, columns;
    at_loop_product *product;
} search;

/* ---- finding ----------------------------------------------------------------------------------- */

static bool has(const axis_list *list, const at_axis *axis) {
    for (int i = 0; i < list->count; i++)
        if (list->axes[i] == axis) return true;
    return false;
}

static bool add(axis_list *list, const at_axis *axis) {
    if (list->count == AXES) return false;
    list->axes[list->count++] = axis;
    return true;
}

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

/* The axis of which only a group's block is there, or NULL. */
static const at_axis *blocked(const search *f) {
    const at_group *group = f->l->nest->pass->group;
    return group ? group->along : NULL;
}

/* The indices of a block must lie beside each other. */
static bool has_first_only(const axis_list *list, const at_axis *axis) {
    return !axis || !has(list, axis) || list->axes[0] == axis;
}

static bool is_read_of(const at_expr *e, const at_array *variable) {
    return e->tag == AT_READ && e->u.read.array == variable;
}

static void add_guard(search *f, const at_expr *condition) {
    f->guard = !f->guard ? condition
                         : at_map_node(f->s, AT_OP_AND, f->guard, condition, NULL, f->span);
}

static bool mentions_any(const at_expr *e, const axis_list *list) {
    for (int i = 0; i < list->count; i++)
        if (at_mentions(e, list->axes[i])) return true;
    return false;
}

/* max(a, b) or min(a, b), where NULL stands for no bound. */
static const at_expr *closer(search *f, at_op op, const at_expr *a, const at_expr *b) {
    return !a ? b : !b ? a : at_map_node(f->s, op, a, b, NULL, f->span);
}

/* Takes a bound apart: a largest (smallest) of what is the same for all indices of `axes`, and of
 * what is not. */
static void split_bound(search *f, const at_expr *bound, at_op op, const axis_list *axes,
                        const at_expr **same, const at_expr **other) {
    if (!bound) return;
    if (bound->tag == AT_MAP && bound->u.map.op == op) {
        split_bound(f, bound->u.map.args[0], op, axes, same, other);
        split_bound(f, bound->u.map.args[1], op, axes, same, other);
    } else {
        const at_expr **to = mentions_any(bound, axes) ? other : same;
        *to = closer(f, op, *to, bound);
    }
}

static bool enter_depth(search *f, const at_loop *loop) {
    const at_expr *index = at_index(f->s, loop->axis, f->span);
    if (loop->tag != AT_LOOP_FOR || loop->down || loop->body.count != 1) return false;
    if (f->depth.count == 0) {
        split_bound(f, loop->low, AT_OP_MAX, &f->around, &f->base, &f->low);
        split_bound(f, loop->high, AT_OP_MIN, &f->around, &f->end, &f->high);
        if (f->low) add_guard(f, at_map_node(f->s, AT_OP_LE, f->low, index, NULL, f->span));
        if (f->high) add_guard(f, at_map_node(f->s, AT_OP_LT, index, f->high, NULL, f->span));
    } else {
        if (loop->low) add_guard(f, at_map_node(f->s, AT_OP_LE, loop->low, index, NULL, f->span));
        if (loop->high) add_guard(f, at_map_node(f->s, AT_OP_LT, index, loop->high, NULL, f->span));
    }
    return add(&f->depth, loop->axis);
}

/* Of several axes no bound is one of the depth: all are conditions. */
static void forget_bounds(search *f) {
    const at_expr *index = at_index(f->s, f->depth.axes[0], f->span);
    if (f->base) add_guard(f, at_map_node(f->s, AT_OP_LE, f->base, index, NULL, f->span));
    if (f->end) add_guard(f, at_map_node(f->s, AT_OP_LT, index, f->end, NULL, f->span));
    f->base = f->end = f->low = f->high = NULL;
    f->rest = f->guard;
}

/* Whether loops[at] and what follows it are a sum: let v = 0, for … set v = v + x. */
static bool match_sum(search *f, const at_loops *loops, int at) {
    const at_loop *let = loops->items[at], *loop = loops->items[at + 1];
    if (let->tag != AT_LOOP_LET || !let->value || let->variable->kind != AT_REAL) return false;
    if (let->value->tag != AT_CONST || let->value->u.real != 0) return false;
    f->depth.count = 0;
    f->guard = f->rest = f->base = f->end = f->low = f->high = NULL;
    for (; loop->tag == AT_LOOP_FOR; loop = loop->body.items[0])
        if (!enter_depth(f, loop)) return false;
    bool one = f->depth.count == 1;
    if (f->depth.count == 0) return false;
    if (!one) forget_bounds(f);
    if (loop->tag == AT_LOOP_IF && loop->body.count == 1 && loop->otherwise.count == 0) {
        add_guard(f, loop->condition);
        f->rest = one ? loop->condition : f->guard;
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

static bool add_factors(search *f, const at_expr *e) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_MUL)
        return add_factors(f, e->u.map.args[0]) && add_factors(f, e->u.map.args[1]);
    if (f->factor_count == FACTORS) return false;
    f->factors[f->factor_count++] = e;
    return true;
}

static bool note_variable(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_READ && e->u.read.array->id < 0;
    return true;
}

static bool reads_variable(const at_expr *e) {
    bool found = false;
    at_walk(e, note_variable, &found);
    return found;
}

/* ---- which factors are rows, which are columns ------------------------------------------------- */

static bool group_mentions(const search *f, unsigned group, const at_axis *axis) {
    for (int i = 0; i < f->factor_count; i++)
        if ((group >> i & 1) && at_mentions(f->factors[i], axis)) return true;
    return false;
}

static bool mentions_depth(const search *f, unsigned group) {
    for (int i = 0; i < f->depth.count; i++)
        if (group_mentions(f, group, f->depth.axes[i])) return true;
    return false;
}

/* The axes that are rows, columns and neither, if `group` are the factors of the rows. */
static bool share_axes(search *f, unsigned group) {
    unsigned other = ~group & ((1u << f->factor_count) - 1);
    f->rows.count = f->columns.count = f->batch.count = 0;
    for (int i = 0; i < f->around.count; i++) {
        const at_axis *axis = f->around.axes[i];
        bool left = group_mentions(f, group, axis), right = group_mentions(f, other, axis);
        if (!left && !right) return false;
        add(left && right ? &f->batch : left ? &f->rows : &f->columns, axis);
    }
    const at_axis *block = blocked(f);
    return f->rows.count && f->columns.count && mentions_depth(f, group) &&
           mentions_depth(f, other) && !has(&f->batch, block) && has_first_only(&f->rows, block) &&
           has_first_only(&f->columns, block);
}

/* The grouping with the fewest axes in both; columns have the target's last axis, if any has. 0:
 * none. */
static unsigned find_group(search *f) {
    unsigned best = 0, all = (1u << f->factor_count) - 1;
    int least = AXES + 1;
    const at_axis *last = f->around.axes[f->around.count - 1];
    for (unsigned group = 1; group < all; group++) {
        if (!share_axes(f, group)) continue;
        int badness = 2 * f->batch.count + has(&f->rows, last);
        if (badness >= least) continue;
        least = badness;
        best = group;
    }
    if (best) share_axes(f, best);
    return best;
}

static const at_expr *both(search *f, const at_expr *a, const at_expr *b) {
    return a ? at_map_node(f->s, AT_OP_AND, a, b, NULL, f->span) : b;
}

/* Gives each condition to the factor that has its axes; false where it has those of both. */
/* Whether e says only that a factor is not 0: where it does not hold, that factor needs no other 0. */
static bool is_of_factor(const search *f, const at_expr *e, const axis_list *own) {
    if (e->tag != AT_MAP || e->u.map.op != AT_OP_NE) return false;
    const at_expr *x = e->u.map.args[0], *zero = e->u.map.args[1];
    if (zero->kind != AT_REAL || zero->tag != AT_CONST || zero->u.real != 0) return false;
    for (int i = 0; i < f->factor_count; i++)
        if (at_same(f->factors[i], x)) return mentions_any(x, own);
    return false;
}

static bool share_guard(search *f, const at_expr *e, const at_expr **own) {
    if (!e) return true;
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND)
        return share_guard(f, e->u.map.args[0], own) && share_guard(f, e->u.map.args[1], own);
    int which = mentions_any(e, &f->columns);
    bool zero = own == f->own_rest && is_of_factor(f, e, which ? &f->columns : &f->rows);
    if (!zero) own[which] = both(f, own[which], e);
    else if (!which) f->asks_zero = true;
    return !which || !mentions_any(e, &f->rows);
}

static bool find_guarded(search *f) {
    f->own[0] = f->own[1] = f->own_rest[0] = f->own_rest[1] = NULL;
    f->asks_zero = false;
    if ((f->base && reads_variable(f->base)) || (f->end && reads_variable(f->end))) return false;
    if (!f->guard) return true;
    if (reads_variable(f->guard) || !share_guard(f, f->guard, f->own) ||
        !share_guard(f, f->rest, f->own_rest))
        return false;
    f->bounded = (f->low && mentions_any(f->low, &f->columns)) ||
                 (f->high && mentions_any(f->high, &f->columns));
    const axis_list *others = f->bounded ? &f->rows : &f->columns;
    return !(f->low && mentions_any(f->low, others)) && !(f->high && mentions_any(f->high, others));
}

static const at_expr *group_value(search *f, unsigned group) {
    const at_expr *value = NULL;
    for (int i = 0; i < f->factor_count; i++) {
        if (!(group >> i & 1)) continue;
        value = value ? at_map_node(f->s, AT_OP_MUL, value, f->factors[i], NULL, f->span)
                      : f->factors[i];
    }
    return value;
}

/* ---- expressions ------------------------------------------------------------------------------- */

static const at_expr *map(search *f, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(f->s, op, a, b, NULL, f->span);
}

static const at_expr *number(search *f, int64_t n) { return at_int(f->s, n, f->span); }

static const at_expr *variable(search *f, const at_array *v) {
    return at_variable_read(f->s, v, f->span);
}

/* The product of the extents of axes[from] and those behind it. */
static const at_expr *size_from(search *f, const axis_list *list, int from) {
    const at_expr *size = NULL;
    for (int i = from; i < list->count; i++) {
        const at_expr *one = at_size(f->s, list->axes[i], f->span);
        size = size ? map(f, AT_OP_MUL, size, one) : one;
    }
    return size ? size : number(f, 1);
}

/* How many positions there are, of a block those that it has. */
static const at_expr *count_of(search *f, const axis_list *list) {
    const at_group *group = f->l->nest->pass->group;
    if (!group || list->axes[0] != group->along) return size_from(f, list, 0);
    const at_expr *here = map(f, AT_OP_SUB, at_index(f->s, group->end, f->span),
                              at_index(f->s, group->first, f->span));
    return list->count > 1 ? map(f, AT_OP_MUL, here, size_from(f, list, 1)) : here;
}

/* The first position of a group's block; NULL: 0. */
static const at_expr *from_of(search *f, const axis_list *list) {
    const at_group *group = f->l->nest->pass->group;
    if (!group || list->axes[0] != group->along) return NULL;
    const at_expr *first = at_index(f->s, group->first, f->span);
    return list->count > 1 ? map(f, AT_OP_MUL, first, size_from(f, list, 1)) : first;
}

/* The position among the indices of the first `count` axes. */
static const at_expr *position(search *f, const axis_list *list, int count) {
    const at_expr *at = at_index(f->s, list->axes[0], f->span);
    for (int i = 1; i < count; i++) {
        at = map(f, AT_OP_MUL, at, at_size(f->s, list->axes[i], f->span));
        at = map(f, AT_OP_ADD, at, at_index(f->s, list->axes[i], f->span));
    }
    return at;
}

/* ---- steps ------------------------------------------------------------------------------------- */

static at_axis *no_axis(void *user, const at_axis *like) {
    (void)user, (void)like;
    return NULL; /* nothing is bound in an address */
}

/* The address with index 1 for `one` and 0 for the other axes of both lists. */
static const at_expr *address_at(search *f, const at_expr *address, const axis_list *a,
                                 const axis_list *b, const at_axis *one) {
    const at_axis *axes[2 * AXES];
    const at_expr *values[2 * AXES];
    int count = 0;
    for (int i = 0; i < a->count; i++) axes[count++] = a->axes[i];
    for (int i = 0; i < b->count; i++) axes[count++] = b->axes[i];
    for (int i = 0; i < count; i++) values[i] = number(f, axes[i] == one);
    return at_substitute(f->s, address, axes, values, count, no_axis, NULL);
}

static bool step_of(search *f, const at_expr *address, const axis_list *a, const axis_list *b,
                    const at_axis *axis, at_affine *step) {
    at_affine at_0, at_1;
    return at_affine_of(f->s, address_at(f, address, a, b, axis), &at_1) &&
           at_affine_of(f->s, address_at(f, address, a, b, NULL), &at_0) &&
           at_affine_add(f->s, &at_1, -1, &at_0, step);
}

/* The step from one position among the axes of `list` to the next, if there is one for all. */
static bool common_step(search *f, const at_expr *address, const axis_list *list,
                        const axis_list *other, at_affine *step) {
    at_affine last, next, wanted, rest;
    if (!step_of(f, address, list, other, list->axes[list->count - 1], step)) return false;
    last = *step;
    for (int i = list->count - 1; i > 0; i--) {
        const at_expr *length = at_size(f->s, list->axes[i], f->span);
        const at_expr *all = map(f, AT_OP_MUL, at_affine_expr(f->s, &last, f->span), length);
        const at_cascade *cascade = f->l->program->plan->cascade;
        if (!step_of(f, address, list, other, list->axes[i - 1], &next)) return false;
        const at_expr *outer = at_affine_expr(f->s, &next, f->span);
        if (!at_affine_of(f->s, at_with_known_sizes(f->s, cascade, all), &wanted) ||
            !at_affine_of(f->s, at_with_known_sizes(f->s, cascade, outer), &next) ||
            !at_affine_add(f->s, &next, -1, &wanted, &rest) || rest.count || rest.constant)
            return false;
        last = next;
    }
    return true;
}

/* Whether each term of the form has at most one of the axes, as a plain factor. */
static bool is_linear(search *f, const at_expr *address, const axis_list *a, const axis_list *b) {
    at_affine form;
    if (!at_affine_of(f->s, address, &form)) return false;
    for (int i = 0; i < form.count; i++) {
        const at_expr *term = form.terms[i];
        int axes = 0;
        while (term->tag == AT_MAP && term->u.map.op == AT_OP_MUL) {
            const at_expr *atom = term->u.map.args[1];
            /* An extent may be an expression, `size(c) // 4`. */
            if (atom->tag != AT_INDEX && (mentions_any(atom, a) || mentions_any(atom, b))) return false;
            if (atom->tag == AT_INDEX) axes += has(a, atom->u.axis) || has(b, atom->u.axis);
            term = term->u.map.args[0];
        }
        if (term->tag == AT_INDEX) axes += has(a, term->u.axis) || has(b, term->u.axis);
        else if (term->tag != AT_SIZE && term->tag != AT_CONST)
            for (int k = 0; k < a->count + b->count; k++)
                if (at_mentions(term, k < a->count ? a->axes[k] : b->axes[k - a->count]))
                    return false;
        if (axes > 1) return false;
    }
    return true;
}

/* Fills in a factor that is a read at regular steps. */
static bool find_steps(search *f, at_loop_factor *factor, const at_expr *value,
                       const axis_list *list, const at_array *first) {
    if (value->tag != AT_READ || value->u.read.alternative || value->kind != AT_REAL) return false;
    if (f->depth.count == 0) return false;
    const at_array *array = value->u.read.array;
    const at_expr *address =
        at_address_of(f->s, f->l->program->plan, array, value->u.read.index);
    at_affine step, depth_step;
    if (!is_linear(f, address, list, &f->depth) ||
        !common_step(f, address, list, &f->depth, &step) ||
        !common_step(f, address, &f->depth, list, &depth_step))
        return false;
    factor->array = array;
    factor->read = value;
    factor->step = at_affine_expr(f->s, &step, f->span);
    factor->depth_step = at_affine_expr(f->s, &depth_step, f->span);
    const at_expr *at = address_at(f, address, list, &f->depth, NULL);
    at = map(f, AT_OP_ADD, at, map(f, AT_OP_MUL, variable(f, first), factor->step));
    const at_expr *deeper = map(f, AT_OP_MUL, variable(f, f->product->depth_first),
                                factor->depth_step);
    at = map(f, AT_OP_ADD, at, deeper);
    factor->start = at_affine_of(f->s, at, &step) ? at_affine_expr(f->s, &step, f->span) : at;
    return true;
}

/* Whether the array is to be asked for what is not finite: where the regions around the pass are
 * now, which must be one piece of it. */
static bool find_finite(search *f, at_loop_factor *factor, const at_expr *value) {
    if (value->tag != AT_READ || value->u.read.alternative || value->kind != AT_REAL) return false;
    const at_array *array = value->u.read.array;
    const at_expr **index = AT_NEW_ARRAY(f->s->arena, const at_expr *, array->rank);
    const at_plan *plan = f->l->program->plan;
    const at_array_place *place = &plan->places[plan->place_of[array->id]];
    const at_group *group = f->l->nest->pass->group;
    factor->finite_count = number(f, 1);
    bool inside = false;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *at = value->u.read.index[i];
        bool fixed = !mentions_any(at, &f->depth) && !mentions_any(at, &f->rows) &&
                     !mentions_any(at, &f->columns) && !mentions_any(at, &f->batch);
        bool block = group && at_mentions(at, group->along);
        if (block && (inside || at->tag != AT_INDEX)) return false;
        if ((fixed && inside && place->slots[i] != 1) || (!fixed && place->slots[i])) return false;
        inside |= !fixed;
        index[i] = fixed ? at : block ? at_index(f->s, group->first, f->span) : number(f, 0);
        if (fixed) continue;
        const at_expr *count = at_size(f->s, array->axes[i], f->span);
        if (block) count = map(f, AT_OP_SUB, at_index(f->s, group->end, f->span), index[i]);
        factor->finite_count = map(f, AT_OP_MUL, factor->finite_count, count);
    }
    /* Elements that nobody computes may be anything. */
    for (int i = 0; i < f->l->program->plan->pass_count; i++)
        if (f->l->program->plan->passes[i]->target == array &&
            f->l->program->plan->passes[i]->domain)
            return false;
    factor->finite = array;
    factor->finite_start = at_address_of(f->s, plan, array, index);
    return true;
}

/* ---- loops over a part of the positions -------------------------------------------------------- */

/* A loop over each axis such that together they go from position `first` to before `end`. */
static void enter_part(search *f, const axis_list *list, const at_array *first,
                       const at_array *end) {
    at_loop_lowering *l = f->l;
    const at_expr *zero = number(f, 0), *one = number(f, 1);
    for (int i = 0; i < list->count; i++) {
        const at_expr *low = variable(f, first), *high = variable(f, end);
        if (i > 0) {
            const at_expr *before = map(f, AT_OP_MUL, position(f, list, i), size_from(f, list, i));
            low = map(f, AT_OP_MAX, map(f, AT_OP_SUB, low, before), zero);
            high = map(f, AT_OP_SUB, high, before);
        }
        const at_expr *inner = i + 1 < list->count ? size_from(f, list, i + 1) : NULL;
        if (inner) {
            low = map(f, AT_OP_IDIV, low, inner);
            high = map(f, AT_OP_SUB, high, one);
            high = map(f, AT_OP_ADD, map(f, AT_OP_IDIV, high, inner), one);
        }
        if (i > 0) high = map(f, AT_OP_MIN, high, at_size(f->s, list->axes[i], f->span));
        at_loop *loop = at_loop_add(l, AT_LOOP_FOR);
        loop->axis = list->axes[i];
        loop->low = low;
        loop->high = high;
        l->into = &loop->body;
    }
}

/* Rows, or columns, of a block, and how many make a panel. */
typedef struct {
    const axis_list *list;
    const at_array *first, *end, *tall;
} packed_part;

/* The position of a row and k in a packed panel. */
static const at_expr *packed_at(search *f, const packed_part *part) {
    const at_loop_product *product = f->product;
    const axis_list *list = part->list;
    const at_expr *row = map(f, AT_OP_SUB, position(f, list, list->count),
                             variable(f, part->first));
    const at_expr *k = map(f, AT_OP_SUB, position(f, &f->depth, f->depth.count),
                           variable(f, product->depth_first));
    const at_expr *depth = map(f, AT_OP_SUB, variable(f, product->depth_end),
                               variable(f, product->depth_first));
    const at_expr *height = variable(f, part->tall);
    const at_expr *panel = map(f, AT_OP_MUL, map(f, AT_OP_IDIV, row, height), depth);
    const at_expr *at = map(f, AT_OP_MUL, map(f, AT_OP_ADD, panel, k), height);
    return map(f, AT_OP_ADD, at, map(f, AT_OP_MOD, row, height));
}

/* Packs a factor by computing its elements: rows beside each other, `tall` to a panel. */
static void pack_by_loops(search *f, at_loop_factor *factor, const at_expr *value,
                          const packed_part *part) {
    const at_loop_product *product = f->product;
    f->l->into = &factor->pack;
    enter_part(f, part->list, part->first, part->end);
    enter_part(f, &f->depth, product->depth_first, product->depth_end);
    at_loop_put(f->l, factor->packed, packed_at(f, part), value);
}

/* ---- guards ------------------------------------------------------------------------------------ */

static void put_zero(search *f, at_loop_factor *factor, const packed_part *part) {
    at_loop_put(f->l, factor->packed, packed_at(f, part),
                at_real(f->s, 0, f->span));
}

/* A loop over the one axis of the depth, from low to before high. */
static void enter_depth_part(search *f, const at_expr *low, const at_expr *high) {
    at_loop *loop = at_loop_add(f->l, AT_LOOP_FOR);
    loop->axis = f->depth.axes[0];
    loop->low = low;
    loop->high = high;
    f->l->into = &loop->body;
}

/* Loops that make a packed factor 0 where the guard does not hold. */
static void clear_by_loops(search *f, at_loop_factor *factor, const packed_part *part, int which) {
    const at_expr *begin = variable(f, f->product->depth_first);
    const at_expr *stop = variable(f, f->product->depth_end);
    /* What a row begins and ends with is told beside it, where limits are. */
    bool bounded = (f->low || f->high) && f->bounded == which &&
                   (which || f->product->limits != AT_LIMITS_DEPTH);
    if (!bounded && !f->own_rest[which]) return;
    f->l->into = &factor->pack;
    enter_part(f, part->list, part->first, part->end);
    at_loops *rows = f->l->into;
    if (f->low && bounded) {
        enter_depth_part(f, begin, map(f, AT_OP_MIN, stop, f->low));
        put_zero(f, factor, part);
        f->l->into = rows;
    }
    if (f->high && bounded) {
        enter_depth_part(f, map(f, AT_OP_MAX, begin, f->high), stop);
        put_zero(f, factor, part);
        f->l->into = rows;
    }
    if (!f->own_rest[which]) return;
    enter_part(f, &f->depth, f->product->depth_first, f->product->depth_end);
    at_loop *branch = at_loop_add(f->l, AT_LOOP_IF);
    branch->condition = map(f, AT_OP_NOT, f->own_rest[which], NULL);
    f->l->into = &branch->body;
    put_zero(f, factor, part);
}

/* The loop around that goes over a part of an axis; NULL: it goes over all of it. */
static const at_loop *part_of(const search *f, const at_axis *axis) {
    for (int i = 0; i < f->part_count; i++)
        if (f->parts[i]->axis == axis) return f->parts[i];
    return NULL;
}

/* Between which columns any element of a row takes the sum. */
static void find_wanted(search *f) {
    at_loop_lowering *l = f->l;
    const at_loop *part = f->columns.count == 1 ? part_of(f, f->columns.axes[0]) : NULL;
    if (part) {
        f->column_low = part->low;
        f->column_high = part->high;
        return;
    }
    if (!f->wanted || f->columns.count != 1 || reads_variable(f->wanted)) return;
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

/* Notes between which columns, or of the depth, a row of a part is asked for, where its loops are. */
static void put_limits(search *f, const packed_part *rows, const at_expr *from, const at_expr *to) {
    const at_expr *row = map(f, AT_OP_SUB, position(f, rows->list, rows->list->count),
                             variable(f, rows->first));
    at_loop_put(f->l, f->product->limit_from, row, from);
    at_loop_put(f->l, f->product->limit_to, row, to);
}

static void find_columns(search *f, const packed_part *rows) {
    at_loop_product *p = f->product;
    f->l->into = &p->range;
    const at_expr *end = p->from[1] ? map(f, AT_OP_ADD, p->from[1], p->column_count)
                                    : p->column_count;
    const at_expr *most = f->column_high ? number(f, 0) : end;
    p->column_from =
        at_loop_let(f->l, "column_from", AT_INT, f->column_low ? end : number(f, 0));
    p->column_to = at_loop_let(f->l, "column_to", AT_INT, most);
    enter_part(f, rows->list, rows->first, rows->end);
    if (f->column_low)
        at_loop_set(f->l, p->column_from,
                    map(f, AT_OP_MIN, variable(f, p->column_from), f->column_low));
    if (f->column_high)
        at_loop_set(f->l, p->column_to,
                    map(f, AT_OP_MAX, variable(f, p->column_to), f->column_high));
    bool differs = (f->column_low && mentions_any(f->column_low, &f->rows)) ||
                   (f->column_high && mentions_any(f->column_high, &f->rows));
    if (!f->part_count || !differs || p->limits) return;
    p->limits = AT_LIMITS_COLUMNS;
    put_limits(f, rows, f->column_low ? f->column_low : number(f, 0),
               f->column_high ? f->column_high : end);
}

/* What finds between which k any row of a part is inside the bounds. */
static void find_range(search *f, const packed_part *part) {
    at_loop_product *p = f->product;
    at_loop_lowering *l = f->l;
    l->into = &p->range;
    const at_expr *base = f->base ? f->base : number(f, 0), *end = f->end ? f->end : p->depth_count;
    p->depth_base = at_loop_let(l, "depth_base", AT_INT, base);
    base = variable(f, p->depth_base);
    p->depth_from = at_loop_let(l, "depth_from", AT_INT, f->low ? p->depth_count : base);
    p->depth_to = at_loop_let(l, "depth_to", AT_INT, f->high ? number(f, 0) : end);
    at_loops *outer = l->into;
    if (f->low || f->high) enter_part(f, part->list, part->first, part->end);
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

/* ---- the rest of the element ------------------------------------------------------------------- */

/* What is left of the elements of a block where the pass computes only some of them: the loops over
 * rows and columns, from `loop` on, become shorter, and what they cannot say is a condition. */
static void enter_wanted(search *f, at_loop *loop) {
    const at_expr *rest = NULL;
    for (int i = 0; i < f->part_count; i++) {
        const at_loop *part = f->parts[i];
        const at_expr *index = at_index(f->s, part->axis, f->span);
        at_loop *at = loop;
        while (at && at->axis != part->axis) at = at->body.count ? at->body.items[0] : NULL;
        axis_list inside = {0};
        for (const at_loop *k = at; k; k = k->body.count ? k->body.items[0] : NULL)
            add(&inside, k->axis);
        const at_expr *low = NULL, *high = NULL, *low_rest = NULL, *high_rest = NULL;
        split_bound(f, part->low, AT_OP_MAX, &inside, &low, &low_rest);
        split_bound(f, part->high, AT_OP_MIN, &inside, &high, &high_rest);
        if (at) {
            at->low = closer(f, AT_OP_MAX, at->low, low);
            at->high = closer(f, AT_OP_MIN, at->high, high);
        } else {
            low_rest = low; /* of an axis of both factors */
            high_rest = high;
        }
        if (low_rest) rest = both(f, rest, map(f, AT_OP_LE, low_rest, index));
        if (high_rest) rest = both(f, rest, map(f, AT_OP_LT, index, high_rest));
    }
    if (!rest) return;
    at_loop *branch = at_loop_add(f->l, AT_LOOP_IF);
    branch->condition = rest;
    f->l->into = &branch->body;
}

static void copy_loops(search *f, at_loops *to, const at_loops *from);

static at_loop *copy_loop(search *f, const at_loop *loop) {
    at_loop *copy = at_copy(f->s->arena, loop, sizeof *loop);
    copy->body = copy->otherwise = (at_loops){0};
    copy_loops(f, &copy->body, &loop->body);
    copy_loops(f, &copy->otherwise, &loop->otherwise);
    return copy;
}

/* The sum comes from the block. */
static void copy_loops(search *f, at_loops *to, const at_loops *from) {
    for (int i = 0; i < from->count; i++) {
        at_loop *copy = copy_loop(f, from->items[i]);
        if (from->items[i] == f->let) {
            const at_loop_product *product = f->product;
            const at_expr *row = map(f, AT_OP_SUB, position(f, &f->rows, f->rows.count),
                                     variable(f, product->row_first));
            const at_expr *column = map(f, AT_OP_SUB, position(f, &f->columns, f->columns.count),
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

/* ---- the node ---------------------------------------------------------------------------------- */

static const at_axis **keep(search *f, const axis_list *list) {
    return at_copy(f->s->arena, list->axes, sizeof *list->axes * (size_t)list->count);
}

static void make_variables(search *f) {
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
    p->limit_from = at_loop_panels(l, "limit_from", AT_INT);
    p->limit_to = at_loop_panels(l, "limit_to", AT_INT);
    p->scratch = at_loop_scratch(l, "panels", AT_REAL, none, 1);
}

static bool make_product(search *f, at_loops *place, unsigned group) {
    at_loop_lowering *l = f->l;
    at_loop_product *p = f->product = AT_NEW(f->s->arena, at_loop_product);
    unsigned other = ~group & ((1u << f->factor_count) - 1);
    find_wanted(f);
    make_variables(f);
    p->batch_count = f->batch.count;
    p->batch = keep(f, &f->batch);
    p->row_count = count_of(f, &f->rows);
    p->column_count = count_of(f, &f->columns);
    p->from[0] = from_of(f, &f->rows);
    p->from[1] = from_of(f, &f->columns);
    p->depth_count = size_from(f, &f->depth, 0);
    if ((f->low || f->high) && f->bounded == 0) p->limits = AT_LIMITS_DEPTH;
    p->exact = p->limits && !f->own_rest[0] && !f->own[1];
    p->but_zeros = f->asks_zero;
    const packed_part parts[2] = {{&f->rows, p->row_first, p->row_end, p->tall},
                                  {&f->columns, p->column_first, p->column_end, p->wide}};
    for (int i = 0; i < 2; i++) {
        const at_expr *value = group_value(f, i ? other : group);
        bool guarded = f->own[i] != NULL, steps;
        steps = find_steps(f, &p->factors[i], value, parts[i].list, parts[i].first);
        if (f->own[!i] && !(i && p->exact) && !find_finite(f, &p->factors[i], value)) {
            l->nest->scratch_count--; /* it is not needed */
            return false;
        }
        if (guarded && !steps)
            value = at_map_node(f->s, AT_OP_IF, f->own[i], value, at_real(f->s, 0, f->span), f->span);
        if (!steps) pack_by_loops(f, &p->factors[i], value, &parts[i]);
        else if (guarded) clear_by_loops(f, &p->factors[i], &parts[i], i);
    }
    if (f->column_low || f->column_high) find_columns(f, &parts[0]);
    p->shrinks = p->column_from && f->part_count > 0;
    const at_expr *step = p->factors[1].step;
    p->guarded = f->guard || f->base || f->end;
    p->beside = f->columns.count == 1 && step && step->tag == AT_CONST &&
                step->u.integer == 1 && f->columns.axes[0] == f->around.axes[f->around.count - 1];
    if (f->base || f->end || f->low || f->high) find_range(f, &parts[f->bounded]);
    at_loop *node = AT_NEW(f->s->arena, at_loop);
    node->tag = AT_LOOP_PRODUCT;
    node->product = p;
    node->otherwise = *place;
    l->into = &node->body;
    enter_part(f, &f->rows, p->row_first, p->row_end);
    enter_part(f, &f->columns, p->column_first, p->column_end);
    enter_wanted(f, node->body.items[0]);
    AT_PUSH(f->s->arena, l->into->items, l->into->count, l->into->capacity,
            copy_loop(f, f->store));
    *place = (at_loops){0};
    AT_PUSH(f->s->arena, place->items, place->count, place->capacity, node);
    return true;
}

/* A sum in an element, or in a branch of it, that makes a product. */
static unsigned find_sum(search *f, const at_loops *loops) {
    for (int i = 0; i < loops->count; i++) {
        const at_loop *loop = loops->items[i];
        unsigned group = 0;
        f->factor_count = 0;
        if (i + 1 < loops->count && match_sum(f, loops, i) && add_factors(f, f->value) &&
            f->factor_count > 1 && !reads_variable(f->value))
            group = find_group(f);
        if (group && !find_guarded(f)) group = 0;
        const at_expr *outer = f->wanted;
        if (!group && loop->tag == AT_LOOP_IF) {
            f->wanted = outer ? at_map_node(f->s, AT_OP_AND, outer, loop->condition, NULL, f->span)
                              : loop->condition;
            group = find_sum(f, &loop->body);
            if (!group) f->wanted = outer;
            if (!group) group = find_sum(f, &loop->otherwise);
        }
        if (group) return group;
    }
    return 0;
}

void at_loop_find_product(at_loop_lowering *l) {
    at_loops *body = &l->nest->body, *inner = body;
    search f = {.l = l, .s = l->s, .span = l->nest->pass->statement->span};
    if (l->nest->fallible || !is_total(body)) return;
    while (inner->count == 1 && inner->items[0]->tag == AT_LOOP_FOR && !inner->items[0]->down) {
        const at_loop *loop = inner->items[0];
        if (!add(&f.around, loop->axis)) return;
        if (!loop->block && (loop->low || loop->high)) f.parts[f.part_count++] = loop;
        if ((loop->low && reads_variable(loop->low)) || (loop->high && reads_variable(loop->high)))
            return;
        inner = &inner->items[0]->body;
    }
    /* Of elements that nobody reads it does not matter what they are. */
    if (inner->count == 1 && inner->items[0]->tag == AT_LOOP_IF && l->nest->pass->domain)
        inner = &inner->items[0]->body;
    if (inner->count != 1 || inner->items[0]->tag != AT_LOOP_STORE || f.around.count < 2) return;
    f.store = inner->items[0];
    unsigned group = find_sum(&f, &f.store->body);
    if (group) make_product(&f, body, group);
}
