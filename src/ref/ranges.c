/* Ranges: what a guard says about the indices of its fold, so that a causal mask or
 * `where j == idx[i]` loops over nothing it will refuse.
 *
 * A part of the guard may restrict a loop only if leaving out its iterations leaves out no failure:
 *  - parts are taken in order as long as they are comparisons of linear forms, which cannot fail;
 *  - one more may be `axis == E` (or < <= > >=) with any E free of the fold's axes. It is evaluated
 *    once, where the fold begins; if it fails there it restricts nothing, and the loop meets the
 *    failure where the meaning says.
 * The guard itself is still evaluated in each iteration: a range never decides, it only saves. */
#include "ref/ref_int.h"

typedef struct {
    int axis;        /* of the fold */
    bool is_low;
    at_linear bound; /* low: axis >= bound + more; high: axis < bound + more */
    int64_t more;
} clip;

struct at_ranges {
    const at_expr *fold;
    int count, capacity;
    clip *clips;
    int entry_axis;           /* whose range was restricted where the fold began; AT_NOWHERE */
    int entry_low, entry_high; /* registers */
};

int at_conjuncts(at_ref *ref, const at_expr *guard, const at_expr ***out) {
    /* An explicit stack: guards made by programs can be long. */
    int count = 0, capacity = 0, open = 0, open_capacity = 0;
    const at_expr **parts = NULL, **stack = NULL;
    if (guard) AT_PUSH(ref->arena, stack, open, open_capacity, guard);
    while (open > 0) {
        const at_expr *e = stack[--open];
        if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND) {
            AT_PUSH(ref->arena, stack, open, open_capacity, e->u.map.args[1]);
            AT_PUSH(ref->arena, stack, open, open_capacity, e->u.map.args[0]);
        } else {
            AT_PUSH(ref->arena, parts, count, capacity, e);
        }
    }
    *out = parts;
    return count;
}

static bool is_comparison(const at_expr *e) {
    if (e->tag != AT_MAP || at_op_info(e->u.map.op)->rule != AT_RULE_COMPARE) return false;
    return e->u.map.args[0]->kind == AT_INT;
}

static int fold_axis(const at_expr *fold, const at_axis *axis) {
    for (int k = 0; k < fold->u.fold.count; k++)
        if (fold->u.fold.axes[k] == axis) return k;
    return AT_NOWHERE;
}

static at_op flipped(at_op op) {
    switch (op) {
    case AT_OP_LT: return AT_OP_GT;
    case AT_OP_LE: return AT_OP_GE;
    case AT_OP_GT: return AT_OP_LT;
    case AT_OP_GE: return AT_OP_LE;
    default: return op;
    }
}

static void add_clip(at_lowering *l, at_ranges *r, int axis, at_op op, const at_linear *bound) {
    clip low = {axis, true, *bound, op == AT_OP_GT ? 1 : 0};
    clip high = {axis, false, *bound, op == AT_OP_LT ? 0 : 1};
    if (op == AT_OP_EQ || op == AT_OP_GT || op == AT_OP_GE)
        AT_PUSH(l->ref->arena, r->clips, r->count, r->capacity, low);
    if (op == AT_OP_EQ || op == AT_OP_LT || op == AT_OP_LE)
        AT_PUSH(l->ref->arena, r->clips, r->count, r->capacity, high);
}

/* A comparison of linear forms. True when it cannot fail, whether or not it says something. */
static bool take_linear(at_lowering *l, at_ranges *r, const at_expr *e) {
    at_linear a, b, difference, bound, zero = {0};
    if (!at_linear_of(l->ref, e->u.map.args[0], &a) ||
        !at_linear_of(l->ref, e->u.map.args[1], &b))
        return false;
    if (!at_linear_add(l->ref, &a, -1, &b, &difference)) return true;
    int innermost = AT_NOWHERE;
    for (int i = 0; i < difference.count; i++) {
        int k = fold_axis(r->fold, difference.axes[i]);
        if (k > innermost) innermost = k;
    }
    if (innermost == AT_NOWHERE) return true;
    int64_t factor = at_linear_take(&difference, r->fold->u.fold.axes[innermost]);
    if (factor != 1 && factor != -1) return true;
    if (!at_linear_add(l->ref, &zero, -factor, &difference, &bound)) return true;
    at_op op = e->u.map.op;
    add_clip(l, r, innermost, factor == 1 ? op : flipped(op), &bound);
    return true;
}

static void emit_clip(at_lowering *l, int op, int dst, int bound, int64_t more) {
    at_instr *in = at_code_add(l, op);
    in->dst = dst;
    in->a = bound;
    in->imm = more;
}

/* `axis op E`: E is evaluated here; where it fails the clip is jumped over. */
static bool take_entry(at_lowering *l, at_ranges *r, const at_expr *index, const at_expr *e,
                       at_op op) {
    int k = index->tag == AT_INDEX ? fold_axis(r->fold, index->u.axis) : AT_NOWHERE;
    if (k == AT_NOWHERE || op == AT_OP_NE) return false;
    for (int i = 0; i < r->fold->u.fold.count; i++)
        if (at_mentions(e, r->fold->u.fold.axes[i])) return false;
    int outer = l->handler, skip = at_new_label(l);
    r->entry_axis = k;
    r->entry_low = at_new_register(l);
    r->entry_high = at_new_register(l);
    at_emit_move(l, r->entry_low, at_constant_int(l, 0));
    at_emit_move(l, r->entry_high,
                 at_constant_int(l, l->ref->extents[r->fold->u.fold.axes[k]->id]));
    l->handler = skip;
    int bound = at_code_lower(l, e, AT_NOWHERE);
    if (op == AT_OP_EQ || op == AT_OP_GE) emit_clip(l, AT_I_CLIP_LOW, r->entry_low, bound, 0);
    if (op == AT_OP_GT) emit_clip(l, AT_I_CLIP_LOW, r->entry_low, bound, 1);
    if (op == AT_OP_EQ || op == AT_OP_LE) emit_clip(l, AT_I_CLIP_HIGH, r->entry_high, bound, 1);
    if (op == AT_OP_LT) emit_clip(l, AT_I_CLIP_HIGH, r->entry_high, bound, 0);
    l->handler = outer;
    at_place_label(l, skip);
    return true;
}

at_ranges *at_find_ranges(at_lowering *l, const at_expr *fold) {
    at_ranges *r = AT_NEW(l->ref->arena, at_ranges);
    r->fold = fold;
    r->entry_axis = AT_NOWHERE;
    if (l->ref->plain) return r;
    const at_expr **parts;
    int count = at_conjuncts(l->ref, fold->u.fold.guard, &parts);
    for (int i = 0; i < count && is_comparison(parts[i]); i++) {
        if (take_linear(l, r, parts[i])) continue;
        at_op op = parts[i]->u.map.op;
        const at_expr *const *args = parts[i]->u.map.args;
        if (!take_entry(l, r, args[0], args[1], op))
            take_entry(l, r, args[1], args[0], flipped(op));
        break;
    }
    return r;
}

void at_emit_range(at_lowering *l, const at_ranges *r, int k, int *low, int *high) {
    bool entry = r->entry_axis == k, clipped = false;
    *low = entry ? r->entry_low : at_constant_int(l, 0);
    *high = entry ? r->entry_high
                  : at_constant_int(l, l->ref->extents[r->fold->u.fold.axes[k]->id]);
    for (int i = 0; i < r->count; i++) clipped |= r->clips[i].axis == k;
    if (!clipped) return;
    int from = *low, to = *high;
    *low = at_new_register(l);
    *high = at_new_register(l);
    at_emit_move(l, *low, from);
    at_emit_move(l, *high, to);
    for (int i = 0; i < r->count; i++) {
        const clip *c = &r->clips[i];
        if (c->axis != k) continue;
        int bound = at_emit_linear(l, &c->bound);
        emit_clip(l, c->is_low ? AT_I_CLIP_LOW : AT_I_CLIP_HIGH, c->is_low ? *low : *high, bound,
                  c->more);
    }
}
