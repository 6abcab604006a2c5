/* Operations on scalars: most are one instruction; the ones here that are more decide what is
 * evaluated at all.
 *
 * A product with a structural zero is a structural zero whatever the other factor is, a failure to
 * have a value included. So the factor that can be one goes first; where both can, a failure of the
 * first waits until the second has been looked at. */
#include "ref/ref_int.h"

static int emit_op(at_lowering *l, int op, int a, int b, int c) {
    int dst = at_new_register(l);
    at_instr *in = at_code_add(l, op);
    in->dst = dst;
    in->a = a;
    in->b = b;
    in->c = c;
    return dst;
}

/* A failed int operation says which one and of what. */
static void set_site(at_lowering *l, at_instr *in, const at_expr *e) {
    at_site *site = AT_NEW(l->ref->arena, at_site);
    site->expr = e;
    site->span = e->span;
    in->ptr = site;
}

static int lower_multiplied(at_lowering *l, const at_expr *e, int zero) {
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    bool a_zero = at_may_be_zero(l->ref, a), b_zero = at_may_be_zero(l->ref, b);
    if (!a_zero || !b_zero) {
        int x, y;
        if (b_zero) {
            y = at_code_lower(l, b, zero);
            x = at_code_lower(l, a, AT_NOWHERE);
        } else {
            x = at_code_lower(l, a, a_zero ? zero : AT_NOWHERE);
            y = at_code_lower(l, b, AT_NOWHERE);
        }
        return emit_op(l, AT_OP_MUL, x, y, x);
    }
    int failed = at_new_label(l), second = at_new_label(l);
    int pending = at_new_register(l), x = at_new_register(l), outer = l->handler;
    at_emit_move(l, pending, at_constant_int(l, 0));
    l->handler = failed;
    at_emit_move(l, x, at_code_lower(l, a, zero));
    l->handler = outer;
    at_emit_jump(l, second);
    at_place_label(l, failed);
    at_code_add(l, AT_I_CAUSE)->dst = pending;
    at_place_label(l, second);
    int y = at_code_lower(l, b, zero);
    at_code_add(l, AT_I_RAISE_IF)->a = pending;
    return emit_op(l, AT_OP_MUL, x, y, x);
}

/* A sum is a structural zero when both sides are; one alone counts as the number 0. */
static int lower_added(at_lowering *l, const at_expr *e, int zero) {
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    if (!at_may_be_zero(l->ref, e)) {
        int x = at_code_lower(l, a, AT_NOWHERE), y = at_code_lower(l, b, AT_NOWHERE);
        return emit_op(l, (int)e->u.map.op, x, y, x);
    }
    int x = at_new_register(l), y = at_new_register(l), is_zero = at_new_register(l);
    int a_zero = at_new_label(l), b_zero = at_new_label(l), second = at_new_label(l),
        end = at_new_label(l);
    at_emit_move(l, is_zero, at_constant_int(l, 0));
    at_emit_move(l, x, at_code_lower(l, a, a_zero));
    at_emit_jump(l, second);
    at_place_label(l, a_zero);
    at_emit_move(l, x, at_constant_real(l, 0.0));
    at_emit_move(l, is_zero, at_constant_int(l, 1));
    at_place_label(l, second);
    at_emit_move(l, y, at_code_lower(l, b, b_zero));
    at_emit_jump(l, end);
    at_place_label(l, b_zero);
    at_instr *both = at_code_add(l, AT_I_JUMP_IF);
    both->a = is_zero;
    both->to = zero;
    at_emit_move(l, y, at_constant_real(l, 0.0));
    at_place_label(l, end);
    return emit_op(l, (int)e->u.map.op, x, y, x);
}

static int lower_choice(at_lowering *l, const at_expr *e, int zero) {
    int otherwise = at_new_label(l), end = at_new_label(l), dst = at_new_register(l);
    at_lower_branch(l, e->u.map.args[0], false, otherwise);
    at_emit_move(l, dst, at_code_lower(l, e->u.map.args[1], zero));
    at_emit_jump(l, end);
    at_place_label(l, otherwise);
    at_emit_move(l, dst, at_code_lower(l, e->u.map.args[2], zero));
    at_place_label(l, end);
    return dst;
}

/* `and` and `or` as values. */
static int lower_logic(at_lowering *l, const at_expr *e) {
    int end = at_new_label(l), dst = at_new_register(l);
    at_emit_move(l, dst, at_constant_int(l, 0));
    at_lower_branch(l, e, false, end);
    at_emit_move(l, dst, at_constant_int(l, 1));
    at_place_label(l, end);
    return dst;
}

static int int_opcode(at_op op) {
    switch (op) {
    case AT_OP_ADD: return AT_I_INT_ADD;
    case AT_OP_SUB: return AT_I_INT_SUB;
    case AT_OP_MUL: return AT_I_INT_MUL;
    case AT_OP_EQ: return AT_I_INT_EQ;
    case AT_OP_NE: return AT_I_INT_NE;
    case AT_OP_LT: return AT_I_INT_LT;
    case AT_OP_LE: return AT_I_INT_LE;
    case AT_OP_GT: return AT_I_INT_GT;
    case AT_OP_GE: return AT_I_INT_GE;
    default: return AT_I_INT_OP;
    }
}

static int real_opcode(at_op op) {
    switch (op) {
    case AT_OP_EQ: return AT_I_REAL_EQ;
    case AT_OP_NE: return AT_I_REAL_NE;
    case AT_OP_LT: return AT_I_REAL_LT;
    case AT_OP_LE: return AT_I_REAL_LE;
    case AT_OP_GT: return AT_I_REAL_GT;
    case AT_OP_GE: return AT_I_REAL_GE;
    default: return (int)op;
    }
}

static int lower_plain(at_lowering *l, const at_expr *e) {
    at_op op = e->u.map.op;
    int r[3] = {0};
    for (int i = 0; i < at_op_info(op)->arity; i++)
        r[i] = at_code_lower(l, e->u.map.args[i], AT_NOWHERE);
    if (e->u.map.args[0]->kind == AT_REAL) return emit_op(l, real_opcode(op), r[0], r[1], r[2]);
    int dst = emit_op(l, int_opcode(op), r[0], r[1], r[2]);
    at_code_list *code = &l->levels[l->level_count - 1].body;
    at_instr *in = &code->items[code->count - 1];
    in->imm = (int64_t)op;
    set_site(l, in, e);
    return dst;
}

int at_lower_map(at_lowering *l, const at_expr *e, int zero) {
    const at_expr *a = e->u.map.args[0];
    switch (e->u.map.op) {
    case AT_OP_AND:
    case AT_OP_OR: return lower_logic(l, e);
    case AT_OP_NOT: return emit_op(l, AT_I_NOT, at_code_lower(l, a, AT_NOWHERE), 0, 0);
    case AT_OP_IF: return lower_choice(l, e, zero);
    case AT_OP_STOP: return at_code_lower(l, a, zero);
    case AT_OP_TO_REAL: {
        int value = at_code_lower(l, a, zero);
        return a->kind == AT_REAL ? value : emit_op(l, AT_I_TO_REAL, value, 0, 0);
    }
    case AT_OP_TO_INT: {
        int value = at_code_lower(l, a, AT_NOWHERE);
        return a->kind == AT_REAL ? emit_op(l, AT_I_TO_INT, value, 0, 0) : value;
    }
    default: break;
    }
    if (e->kind == AT_REAL) {
        switch (e->u.map.op) {
        case AT_OP_MUL: return lower_multiplied(l, e, zero);
        case AT_OP_ADD:
        case AT_OP_SUB: return lower_added(l, e, zero);
        case AT_OP_NEG: {
            int value = at_code_lower(l, a, zero);
            return emit_op(l, AT_OP_NEG, value, value, value);
        }
        case AT_OP_DIV: {
            int x = at_code_lower(l, a, zero);
            int y = at_code_lower(l, e->u.map.args[1], AT_NOWHERE);
            return emit_op(l, AT_OP_DIV, x, y, x);
        }
        default: break;
        }
    }
    return lower_plain(l, e);
}
