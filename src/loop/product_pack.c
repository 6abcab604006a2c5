/* The factors of a product of matrices: positions in them, steps from one to the next, and the
 * loops that pack them and make them 0 where a guard does not hold. */
#include "form/form.h"
#include "loop/product_int.h"

/* ---- expressions ----------------------------------------------------------------------------- */

static const at_expr *map(at_product_search *f, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(f->s, op, a, b, NULL, f->span);
}

static const at_expr *number(at_product_search *f, int64_t n) { return at_int(f->s, n, f->span); }

static const at_expr *variable(at_product_search *f, const at_array *v) {
    return at_variable_read(f->s, v, f->span);
}

const at_expr *at_product_size(at_product_search *f, const at_axis_list *list, int from) {
    const at_expr *size = NULL;
    for (int i = from; i < list->count; i++) {
        const at_expr *one = at_size(f->s, list->axes[i], f->span);
        size = size ? map(f, AT_OP_MUL, size, one) : one;
    }
    return size ? size : number(f, 1);
}

const at_expr *at_product_position(at_product_search *f, const at_axis_list *list, int count) {
    const at_expr *at = at_index(f->s, list->axes[0], f->span);
    for (int i = 1; i < count; i++) {
        at = map(f, AT_OP_MUL, at, at_size(f->s, list->axes[i], f->span));
        at = map(f, AT_OP_ADD, at, at_index(f->s, list->axes[i], f->span));
    }
    return at;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static at_axis *no_axis(void *user, const at_axis *like) {
    (void)user, (void)like;
    return NULL; /* nothing is bound in an address */
}

/* The address with index 1 for `one` and 0 for the other axes of both lists. */
static const at_expr *address_at(at_product_search *f, const at_expr *address,
                                 const at_axis_list *a, const at_axis_list *b,
                                 const at_axis *one) {
    const at_axis *axes[2 * AT_PRODUCT_AXES];
    const at_expr *values[2 * AT_PRODUCT_AXES];
    int count = 0;
    for (int i = 0; i < a->count; i++) axes[count++] = a->axes[i];
    for (int i = 0; i < b->count; i++) axes[count++] = b->axes[i];
    for (int i = 0; i < count; i++) values[i] = number(f, axes[i] == one);
    return at_substitute(f->s, address, axes, values, count, no_axis, NULL);
}

static bool step_of(at_product_search *f, const at_expr *address, const at_axis_list *a,
                    const at_axis_list *b, const at_axis *axis, at_affine *step) {
    at_affine at_0, at_1;
    return at_affine_of(f->s, address_at(f, address, a, b, axis), &at_1) &&
           at_affine_of(f->s, address_at(f, address, a, b, NULL), &at_0) &&
           at_affine_add(f->s, &at_1, -1, &at_0, step);
}

/* The step from one position among the axes of `list` to the next, if there is one for all. */
static bool common_step(at_product_search *f, const at_expr *address, const at_axis_list *list,
                        const at_axis_list *other, at_affine *step) {
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
static bool is_linear(at_product_search *f, const at_expr *address, const at_axis_list *a,
                      const at_axis_list *b) {
    at_affine form;
    if (!at_affine_of(f->s, address, &form)) return false;
    for (int i = 0; i < form.count; i++) {
        const at_expr *term = form.terms[i];
        int axes = 0;
        while (term->tag == AT_MAP && term->u.map.op == AT_OP_MUL) {
            const at_expr *atom = term->u.map.args[1];
            /* An extent may be an expression, `size(c) // 4`. */
            if (atom->tag != AT_INDEX && (at_mentions_any(atom, a) || at_mentions_any(atom, b)))
                return false;
            if (atom->tag == AT_INDEX)
                axes += at_axis_in(a, atom->u.axis) || at_axis_in(b, atom->u.axis);
            term = term->u.map.args[0];
        }
        if (term->tag == AT_INDEX)
            axes += at_axis_in(a, term->u.axis) || at_axis_in(b, term->u.axis);
        else if (term->tag != AT_SIZE && term->tag != AT_CONST)
            for (int k = 0; k < a->count + b->count; k++)
                if (at_mentions(term, k < a->count ? a->axes[k] : b->axes[k - a->count]))
                    return false;
        if (axes > 1) return false;
    }
    return true;
}

bool at_product_steps(at_product_search *f, at_loop_factor *factor, const at_expr *value,
                       const at_axis_list *list, const at_array *first) {
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

bool at_product_finite(at_product_search *f, at_loop_factor *factor, const at_expr *value) {
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
        bool fixed = !at_mentions_any(at, &f->depth) && !at_mentions_any(at, &f->rows) &&
                     !at_mentions_any(at, &f->columns) && !at_mentions_any(at, &f->batch);
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

/* ---- loops over a part of the positions ------------------------------------------------------ */

void at_product_enter(at_product_search *f, const at_axis_list *list, const at_array *first,
                       const at_array *end) {
    at_loop_lowering *l = f->l;
    const at_expr *zero = number(f, 0), *one = number(f, 1);
    for (int i = 0; i < list->count; i++) {
        const at_expr *low = variable(f, first), *high = variable(f, end);
        if (i > 0) {
            const at_expr *before = map(f, AT_OP_MUL, at_product_position(f, list, i),
                                        at_product_size(f, list, i));
            low = map(f, AT_OP_MAX, map(f, AT_OP_SUB, low, before), zero);
            high = map(f, AT_OP_SUB, high, before);
        }
        const at_expr *inner = i + 1 < list->count ? at_product_size(f, list, i + 1) : NULL;
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

/* The position of a row and k in a packed panel. */
static const at_expr *packed_at(at_product_search *f, const at_product_part *part) {
    const at_loop_product *product = f->product;
    const at_axis_list *list = part->list;
    const at_expr *row = map(f, AT_OP_SUB, at_product_position(f, list, list->count),
                             variable(f, part->first));
    const at_expr *k = map(f, AT_OP_SUB, at_product_position(f, &f->depth, f->depth.count),
                           variable(f, product->depth_first));
    const at_expr *depth = map(f, AT_OP_SUB, variable(f, product->depth_end),
                               variable(f, product->depth_first));
    const at_expr *height = variable(f, part->tall);
    const at_expr *panel = map(f, AT_OP_MUL, map(f, AT_OP_IDIV, row, height), depth);
    const at_expr *at = map(f, AT_OP_MUL, map(f, AT_OP_ADD, panel, k), height);
    return map(f, AT_OP_ADD, at, map(f, AT_OP_MOD, row, height));
}

void at_product_pack(at_product_search *f, at_loop_factor *factor, const at_expr *value,
                          const at_product_part *part) {
    const at_loop_product *product = f->product;
    f->l->into = &factor->pack;
    at_product_enter(f, part->list, part->first, part->end);
    at_product_enter(f, &f->depth, product->depth_first, product->depth_end);
    at_loop_put(f->l, factor->packed, packed_at(f, part), value);
}

/* ---- guards ---------------------------------------------------------------------------------- */

static void put_zero(at_product_search *f, at_loop_factor *factor, const at_product_part *part) {
    at_loop_put(f->l, factor->packed, packed_at(f, part),
                at_real(f->s, 0, f->span));
}

/* A loop over the one axis of the depth, from low to before high. */
static at_loop *enter_depth_part(at_product_search *f, const at_expr *low, const at_expr *high) {
    at_loop *loop = at_loop_add(f->l, AT_LOOP_FOR);
    loop->axis = f->depth.axes[0];
    loop->low = low;
    loop->high = high;
    f->l->into = &loop->body;
    return loop;
}

/* Takes a guard apart: what is the same for stretches of the depth, and the rest. */
static void split_guard(at_product_search *f, const at_expr *e, const at_expr **when,
                        const at_expr **rest) {
    const at_axis *axis = f->depth.axes[0];
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND) {
        split_guard(f, e->u.map.args[0], when, rest);
        split_guard(f, e->u.map.args[1], when, rest);
        return;
    }
    int64_t by = f->depth.count == 1 ? at_loop_stretch_of(e, axis) : 0;
    bool same = by && (!*when || at_loop_stretch_of(*when, axis) == by);
    const at_expr **to = same ? when : rest;
    *to = at_product_both(f, *to, e);
}

/* Makes 0 what a guard leaves out, where rows are; of the rows, stretches are noted beside them. */
static void clear_rest(at_product_search *f, at_loop_factor *factor, const at_product_part *part,
                       int which) {
    at_loop stretch = {.axis = f->depth.axes[0], .low = variable(f, f->product->depth_first),
                       .high = variable(f, f->product->depth_end)};
    const at_expr *rest = NULL;
    at_loops *rows = f->l->into;
    split_guard(f, f->own_rest[which], &stretch.when, &rest);
    if (stretch.when) stretch.stretch = at_loop_stretch_of(stretch.when, stretch.axis);
    if (stretch.when && which) {
        at_loop *loop = enter_depth_part(f, stretch.low, stretch.high);
        loop->when = map(f, AT_OP_NOT, stretch.when, NULL);
        loop->stretch = stretch.stretch;
        put_zero(f, factor, part);
    } else if (stretch.when) {
        f->l->into = &factor->pack;
        f->product->deep = true;
        at_product_note_stretches(f, part, &stretch);
    }
    f->l->into = rows;
    if (!rest) return;
    if (stretch.when) {
        at_loop *loop = enter_depth_part(f, stretch.low, stretch.high);
        loop->when = stretch.when;
        loop->stretch = stretch.stretch;
    } else {
        at_product_enter(f, &f->depth, f->product->depth_first, f->product->depth_end);
    }
    at_loop *branch = at_loop_add(f->l, AT_LOOP_IF);
    branch->condition = map(f, AT_OP_NOT, rest, NULL);
    f->l->into = &branch->body;
    put_zero(f, factor, part);
}

void at_product_clear(at_product_search *f, at_loop_factor *factor, const at_product_part *part,
                      int which) {
    const at_expr *begin = variable(f, f->product->depth_first);
    const at_expr *stop = variable(f, f->product->depth_end);
    /* What a row begins and ends with is told beside it, where limits are. */
    bool bounded = (f->low || f->high) && f->bounded == which &&
                   (which || f->product->limits != AT_LIMITS_DEPTH);
    if (!bounded && !f->own_rest[which]) return;
    f->l->into = &factor->pack;
    at_product_enter(f, part->list, part->first, part->end);
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
    if (f->own_rest[which]) clear_rest(f, factor, part, which);
}
