/* Expressions: what may fail, must not be evaluated early or needs a loop goes into the tree, in
 * front of its use; what is left can be evaluated anywhere.
 *
 * The lazy operations (if, and, or, a read with an alternative) stay operations when nothing of
 * theirs had to go into the tree; otherwise they become conditions around it. */
#include "loop/loop.h"

static const at_expr *map(at_loop_lowering *l, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(l->s, op, a, b, NULL, a->span);
}

/* Of numbers and sizes. */
static bool is_fixed(const at_expr *e) {
    if (e->tag != AT_MAP) return e->tag == AT_CONST || e->tag == AT_SIZE;
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++)
        if (!is_fixed(e->u.map.args[i])) return false;
    return true;
}

/* t - 1, or 2 * s + k - size(k) // 2: goes on by fixed steps from index to index. */
static bool is_step(const at_expr *e) {
    if (e->tag == AT_INDEX || is_fixed(e)) return true;
    if (e->tag != AT_MAP) return false;
    const at_expr *const *args = e->u.map.args;
    switch (e->u.map.op) {
    case AT_OP_ADD:
    case AT_OP_SUB: return is_step(args[0]) && is_step(args[1]);
    case AT_OP_MUL:
        return (is_fixed(args[0]) && is_step(args[1])) || (is_step(args[0]) && is_fixed(args[1]));
    default: return false;
    }
}

/* A value that is used several times: what goes by steps as it is, which later stages tell from any
 * index; else a variable. */
static const at_expr *named(at_loop_lowering *l, const char *name, const at_expr *e) {
    enum { SHORT = 12 };
    if (is_step(e) && e->weight <= SHORT) return e;
    if (e->tag == AT_READ && at_is_variable(e->u.read.array)) return e;
    return at_variable_read(l->s, at_loop_let(l, name, e->kind, e), e->span);
}

/* ---- lazy operations ----------------------------------------------------------------------- */

/* Lowers `e` into a block of its own, where `condition` (may be NULL) holds or does not. */
static const at_expr *lower_aside(at_loop_lowering *l, at_loops *block, const at_expr *e,
                                  const at_expr *condition, bool holds) {
    at_loops *outer = l->into;
    const at_loop_fact *facts = l->facts;
    l->into = block;
    at_loop_know(l, condition, holds, false);
    const at_expr *value = at_loop_lower(l, e);
    l->into = outer;
    l->facts = facts;
    return value;
}

/* variable = condition ? yes : no, where the blocks are what the two need. */
static const at_expr *choose(at_loop_lowering *l, at_kind kind, const at_expr *condition,
                             at_loops yes, const at_expr *yes_value, at_loops no,
                             const at_expr *no_value) {
    const at_array *variable = at_loop_let(l, "chosen", kind, NULL);
    at_loop *branch = at_loop_add(l, AT_LOOP_IF);
    branch->condition = condition;
    branch->body = yes;
    branch->otherwise = no;
    at_loops *outer = l->into;
    l->into = &branch->body;
    at_loop_set(l, variable, yes_value);
    l->into = &branch->otherwise;
    at_loop_set(l, variable, no_value);
    l->into = outer;
    return at_variable_read(l->s, variable, condition->span);
}

static const at_expr *lower_lazy(at_loop_lowering *l, const at_expr *e) {
    const at_expr *const *args = e->u.map.args;
    at_op op = e->u.map.op;
    const at_expr *condition = at_loop_lower(l, args[0]); /* which may fail, known or not */
    int truth = l->facts ? at_loop_truth(l, args[0]) : -1;
    if (truth >= 0) {
        if (op == AT_OP_IF) return at_loop_lower(l, args[truth ? 1 : 2]);
        if (truth == (op == AT_OP_AND)) return at_loop_lower(l, args[1]);
        return at_bool(l->s, truth, e->span);
    }
    at_loops yes = {0}, no = {0};
    if (op == AT_OP_IF) {
        const at_expr *a = lower_aside(l, &yes, args[1], args[0], true);
        const at_expr *b = lower_aside(l, &no, args[2], args[0], false);
        if (yes.count + no.count == 0)
            return at_map_node(l->s, op, condition, a, b, e->span);
        return choose(l, e->kind, condition, yes, a, no, b);
    }
    bool is_and = op == AT_OP_AND;
    const at_expr *other = lower_aside(l, is_and ? &yes : &no, args[1], args[0], is_and);
    if (yes.count + no.count == 0) return map(l, op, condition, other);
    const at_expr *settled = at_bool(l->s, !is_and, e->span);
    return choose(l, AT_BOOL, condition, yes, is_and ? other : settled, no,
                  is_and ? settled : other);
}

/* ---- reads --------------------------------------------------------------------------------- */

static void inherit(at_loop_lowering *l, at_loops *block, const at_array *array,
                    const at_expr *const *index) {
    if (!at_is_fallible(l->program, array)) return;
    const at_expr *address = at_address_of(l->s, l->program->plan, array, index);
    const at_loop_fact *facts = l->facts;
    if (at_loop_know_good(l, array, address)) return;
    at_loops *outer = l->into;
    if (block != outer) l->facts = facts; /* only there */
    l->into = block;
    at_loop *loop = at_loop_add(l, AT_LOOP_INHERIT);
    loop->array = array;
    loop->address = address;
    l->into = outer;
    l->nest->fallible = true;
    l->risks++;
}

static const at_expr *is_inside(at_loop_lowering *l, const at_expr *index, const at_axis *axis) {
    const at_expr *low = map(l, AT_OP_LE, at_int(l->s, 0, index->span), index);
    const at_expr *high = map(l, AT_OP_LT, index, at_size(l->s, axis, index->span));
    return map(l, AT_OP_AND, low, high);
}

/* What a read gives that is evaluated where nobody needs it: the element is inside only by a
 * condition around it. */
static const at_expr *nothing(at_loop_lowering *l, const at_expr *e) {
    switch (e->kind) {
    case AT_REAL: return at_real(l->s, 0, e->span);
    case AT_INT: return at_int(l->s, 0, e->span);
    case AT_BOOL: break;
    }
    return at_bool(l->s, false, e->span);
}

/* Of an array of which the present step's tile is kept: an index that is inside of it only by a
 * condition, or by luck, is brought inside. */
static void stay_in_tiles(at_loop_lowering *l, const at_expr *e, const at_expr **index) {
    const at_array *array = e->u.read.array;
    const at_plan *plan = l->program->plan;
    const at_array_place *place = &plan->places[plan->place_of[array->id]];
    for (int i = 0; i < array->rank; i++) {
        if (!place->tiles[i]) continue;
        at_span span = e->span;
        const at_expr *many = at_int(l->s, place->slots[i], span), *step = NULL;
        for (int k = 0; k < array->rank; k++)
            if (array->axes[k] == place->tiles[i]) step = index[k];
        const at_expr *first = map(l, AT_OP_MUL, step, many), *end = map(l, AT_OP_ADD, first, many);
        if (at_loop_is_sure(l, first, e->u.read.index[i], false, true) &&
            at_loop_is_sure(l, e->u.read.index[i], end, true, true))
            continue;
        const at_expr *at = map(l, AT_OP_MOD, map(l, AT_OP_SUB, index[i], first), many);
        index[i] = map(l, AT_OP_ADD, at, first);
    }
}

/* A quotient of which requirements say that it is inside: `k[h // (size(h) // size(g)), j]`. */
static bool is_quotient_inside(at_loop_lowering *l, const at_expr *index, const at_axis *axis) {
    if (index->tag != AT_MAP || index->u.map.op != AT_OP_IDIV) return false;
    return !at_between(l->s, l->program->plan->cascade, at_int(l->s, 0, index->span), index,
                       at_size_of(l->s, axis, index->span));
}

static const at_expr *lower_read(at_loop_lowering *l, const at_expr *e) {
    const at_array *array = e->u.read.array;
    if (at_is_variable(array)) return e;
    const at_expr **index = AT_NEW_ARRAY(l->s->arena, const at_expr *, array->rank);
    const at_expr *found = NULL, *masked = NULL;
    for (int i = 0; i < array->rank; i++) {
        const at_axis *axis = array->axes[i];
        index[i] = at_loop_lower(l, e->u.read.index[i]);
        if (at_index_inside(l->s, l->program->plan->cascade, index[i], axis) ||
            is_quotient_inside(l, e->u.read.index[i], axis))
            continue;
        at_loop_inside inside_by = at_loop_is_inside(l, e->u.read.index[i], axis);
        if (inside_by == AT_INSIDE) continue;
        if (inside_by == AT_INSIDE_HERE) {
            masked = nothing(l, e);
            continue;
        }
        index[i] = named(l, "at", index[i]);
        const at_expr *inside = is_inside(l, index[i], axis);
        bool plain = e->u.read.index[i]->tag == AT_INDEX && !e->u.read.index[i]->u.axis->declared;
        if (e->u.read.alternative && !plain) {
            found = found ? map(l, AT_OP_AND, found, inside) : inside;
            continue;
        }
        at_loop *require = at_loop_risk(l, AT_LOOP_REQUIRE, AT_SITE_OUTSIDE, e);
        l->program->sites[require->site].dimension = i;
        require->condition = inside;
        require->value = index[i];
        at_loop_know(l, is_inside(l, e->u.read.index[i], axis), true, false);
    }
    stay_in_tiles(l, e, index);
    if (!found) {
        at_loop_order(l, e, index);
        inherit(l, l->into, array, index);
        return at_read(l->s, array, index, masked, e->span);
    }
    at_loops yes = {0}, no = {0}, *outer = l->into;
    l->into = &yes;
    at_loop_order(l, e, index);
    l->into = outer;
    inherit(l, &yes, array, index);
    const at_expr *other = lower_aside(l, &no, e->u.read.alternative, NULL, true);
    if (yes.count + no.count == 0) return at_read(l->s, array, index, other, e->span);
    return choose(l, e->kind, found, yes, at_read(l->s, array, index, masked, e->span), no, other);
}

/* ---- operations ---------------------------------------------------------------------------- */

/* Of an argument, as it was written and as it is now. */
static at_range range_of(at_loop_lowering *l, const at_expr *written, const at_expr *lowered) {
    at_range a = at_range_of(lowered);
    at_loop_value b = at_loop_value_of(l->program, written);
    return (at_range){a.low > b.low ? a.low : b.low, a.high < b.high ? a.high : b.high};
}

static const at_expr *lower_map(at_loop_lowering *l, const at_expr *e) {
    at_op op = e->u.map.op;
    if (op == AT_OP_IF || op == AT_OP_AND || op == AT_OP_OR) return lower_lazy(l, e);
    const at_expr *args[3] = {0};
    at_range ranges[3];
    bool constant = true;
    for (int i = 0; i < at_op_info(op)->arity; i++) {
        args[i] = at_loop_lower(l, e->u.map.args[i]);
        if (args[i]->kind == AT_INT) ranges[i] = range_of(l, e->u.map.args[i], args[i]);
        constant &= args[i]->tag == AT_CONST;
    }
    const at_expr *value = at_map_node(l->s, op, args[0], args[1], args[2], e->span);
    if (value->kind != AT_INT || value->tag != AT_MAP || op == AT_OP_TO_INT) return value;
    if (at_range_fits(op, ranges)) {
        at_constant known = at_constant_of(value, NULL, NULL);
        return constant && known.known ? at_int(l->s, known.integer, e->span) : value;
    }
    if ((op == AT_OP_IDIV || op == AT_OP_MOD) &&
        at_quotient_is_sure(l->s, l->program->plan->cascade, e))
        return value;
    const at_array *variable = at_loop_let(l, "whole", AT_INT, NULL);
    at_loop *attempt = at_loop_risk(l, AT_LOOP_ATTEMPT, AT_SITE_ARITHMETIC, e);
    attempt->variable = variable;
    attempt->value = value;
    return at_variable_read(l->s, variable, e->span);
}

const at_expr *at_loop_lower(at_loop_lowering *l, const at_expr *e) {
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: break;
    case AT_READ: return lower_read(l, e);
    case AT_MAP: return lower_map(l, e);
    case AT_FOLD_NODE: return at_loop_lower_fold(l, e);
    }
    return e;
}
