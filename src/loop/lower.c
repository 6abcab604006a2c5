/* Expressions: what may fail, must not be evaluated early or needs a loop goes into the tree, in
 * front of its use; what is left can be evaluated anywhere.
 *
 * The lazy operations (if, and, or, a read with an alternative) stay operations when nothing of
 * theirs had to go into the tree; otherwise they become conditions around it. */
#include "loop/loop.h"

static const at_expr *map(at_loop_lowering *l, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(l->s, op, a, b, NULL, a->span);
}

/* A value that is used several times: a leaf as it is, else a variable. */
static const at_expr *named(at_loop_lowering *l, const char *name, const at_expr *e) {
    if (e->tag == AT_CONST || e->tag == AT_SIZE || e->tag == AT_INDEX) return e;
    if (e->tag == AT_READ && at_is_variable(e->u.read.array)) return e;
    return at_variable_read(l->s, at_loop_let(l, name, e->kind, e), e->span);
}

/* ---- lazy operations ----------------------------------------------------------------------- */

/* Lowers `e` into a block of its own. */
static const at_expr *lower_aside(at_loop_lowering *l, at_loops *block, const at_expr *e) {
    at_loops *outer = l->into;
    l->into = block;
    const at_expr *value = at_loop_lower(l, e);
    l->into = outer;
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
    const at_expr *condition = at_loop_lower(l, args[0]);
    at_loops yes = {0}, no = {0};
    if (op == AT_OP_IF) {
        const at_expr *a = lower_aside(l, &yes, args[1]), *b = lower_aside(l, &no, args[2]);
        if (yes.count + no.count == 0)
            return at_map_node(l->s, op, condition, a, b, e->span);
        return choose(l, e->kind, condition, yes, a, no, b);
    }
    bool is_and = op == AT_OP_AND;
    const at_expr *other = lower_aside(l, is_and ? &yes : &no, args[1]);
    if (yes.count + no.count == 0) return map(l, op, condition, other);
    const at_expr *settled = at_bool(l->s, !is_and, e->span);
    return choose(l, AT_BOOL, condition, yes, is_and ? other : settled, no,
                  is_and ? settled : other);
}

/* ---- reads --------------------------------------------------------------------------------- */

static void inherit(at_loop_lowering *l, at_loops *block, const at_array *array,
                    const at_expr *const *index) {
    if (!at_is_fallible(l->program, array)) return;
    at_loops *outer = l->into;
    l->into = block;
    at_loop *loop = at_loop_add(l, AT_LOOP_INHERIT);
    loop->array = array;
    loop->address = at_address_of(l->s, l->program->plan, array, index);
    l->into = outer;
    l->nest->fallible = true;
    l->risks++;
}

static const at_expr *is_inside(at_loop_lowering *l, const at_expr *index, const at_axis *axis) {
    const at_expr *low = map(l, AT_OP_LE, at_int(l->s, 0, index->span), index);
    const at_expr *high = map(l, AT_OP_LT, index, at_size(l->s, axis, index->span));
    return map(l, AT_OP_AND, low, high);
}

static const at_expr *lower_read(at_loop_lowering *l, const at_expr *e) {
    const at_array *array = e->u.read.array;
    const at_expr **index = AT_NEW_ARRAY(l->s->arena, const at_expr *, array->rank);
    const at_expr *found = NULL;
    for (int i = 0; i < array->rank; i++) {
        const at_axis *axis = array->axes[i];
        index[i] = at_loop_lower(l, e->u.read.index[i]);
        if (at_index_inside(index[i], axis)) continue;
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
    }
    if (!found) {
        at_loop_order(l, e, index);
        inherit(l, l->into, array, index);
        return at_read(l->s, array, index, NULL, e->span);
    }
    at_loops yes = {0}, no = {0}, *outer = l->into;
    l->into = &yes;
    at_loop_order(l, e, index);
    l->into = outer;
    inherit(l, &yes, array, index);
    const at_expr *other = lower_aside(l, &no, e->u.read.alternative);
    if (yes.count + no.count == 0) return at_read(l->s, array, index, other, e->span);
    return choose(l, e->kind, found, yes, at_read(l->s, array, index, NULL, e->span), no, other);
}

/* ---- operations ---------------------------------------------------------------------------- */

static const at_expr *lower_map(at_loop_lowering *l, const at_expr *e) {
    at_op op = e->u.map.op;
    if (op == AT_OP_IF || op == AT_OP_AND || op == AT_OP_OR) return lower_lazy(l, e);
    const at_expr *args[3] = {0};
    at_range ranges[3];
    bool constant = true;
    for (int i = 0; i < at_op_info(op)->arity; i++) {
        args[i] = at_loop_lower(l, e->u.map.args[i]);
        if (args[i]->kind == AT_INT) ranges[i] = at_range_of(args[i]);
        constant &= args[i]->tag == AT_CONST;
    }
    const at_expr *value = at_map_node(l->s, op, args[0], args[1], args[2], e->span);
    if (value->kind != AT_INT || value->tag != AT_MAP || op == AT_OP_TO_INT) return value;
    if (at_range_fits(op, ranges)) {
        at_constant known = at_constant_of(value, NULL, NULL);
        return constant && known.known ? at_int(l->s, known.integer, e->span) : value;
    }
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
