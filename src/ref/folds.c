/* Folds: loops with an accumulator.
 *
 * Terms are taken in row-major order of the bound axes, always; that order is part of the meaning
 * as far as rounding goes, and the scatter (scatter.c) and the dot product keep it.
 *
 * A fold that does not depend on the innermost index around it is evaluated when it is first needed
 * and kept (`mean[c](x[n,c])` inside an equation over n and c costs once per n), which changes
 * nothing about need: what is not needed is not evaluated.
 *
 * logsumexp keeps (maximum, sum of exp(x - maximum)) and rescales the sum when the maximum grows:
 * the body is evaluated once, and the error stays below that of the sum itself. */
#include "ref/ref_int.h"

#include <math.h>

/* ---- accumulators ---------------------------------------------------------------------------- */

static void add_state(at_lowering *l, at_accumulator *acc, at_cell initial) {
    acc->initial[acc->count] = initial;
    acc->state[acc->count++] = at_new_register(l);
}

static void add_int(at_lowering *l, at_accumulator *acc, int64_t value) {
    add_state(l, acc, (at_cell){.i = value});
}

static void add_real(at_lowering *l, at_accumulator *acc, double value) {
    add_state(l, acc, (at_cell){.r = value});
}

at_accumulator at_accumulator_new(at_lowering *l, const at_expr *e, bool zeros) {
    at_accumulator acc = {.zeros = zeros};
    bool real = e->u.fold.body->kind == AT_REAL;
    switch (e->u.fold.fold) {
    case AT_FOLD_SUM:
        add_state(l, &acc, (at_cell){.i = 0}); /* 0 and 0.0 are the same bits */
        if (zeros) add_int(l, &acc, 0);        /* 1: had a term; 2: one that was no zero */
        break;
    case AT_FOLD_MEAN:
        add_real(l, &acc, 0);
        add_int(l, &acc, 0); /* how many */
        break;
    case AT_FOLD_PROD:
        if (real) add_real(l, &acc, 1);
        else add_int(l, &acc, 1);
        if (zeros) {
            add_int(l, &acc, 0); /* had a structural zero */
            add_int(l, &acc, 0); /* the first failure: a zero may still annihilate it */
        }
        break;
    case AT_FOLD_MIN:
    case AT_FOLD_MAX:
        if (real) {
            add_real(l, &acc, e->u.fold.fold == AT_FOLD_MIN ? INFINITY : -INFINITY);
        } else {
            add_int(l, &acc, 0);
            add_int(l, &acc, 0); /* whether there is one */
        }
        break;
    case AT_FOLD_ALL: add_int(l, &acc, 1); break;
    case AT_FOLD_LOGSUMEXP:
        add_real(l, &acc, -INFINITY);
        add_real(l, &acc, 0);
        break;
    case AT_FOLD_ARGMIN:
    case AT_FOLD_ARGMAX:
        add_int(l, &acc, -1);
        add_int(l, &acc, 0); /* the value there, int or real */
        break;
    default: add_int(l, &acc, 0); break; /* any, count */
    }
    return acc;
}

static at_instr *emit(at_lowering *l, int op, int dst, int a, int b, int c) {
    at_instr *in = at_code_add(l, op);
    in->dst = dst;
    in->a = a;
    in->b = b;
    in->c = c;
    return in;
}

static at_site *fold_site(at_lowering *l, const at_expr *e) {
    at_site *site = AT_NEW(l->ref->arena, at_site);
    site->expr = e;
    site->span = e->span;
    return site;
}

/* The position among the bound indices, row-major. */
static int emit_position(at_lowering *l, const at_expr *e) {
    at_linear position = {0}, index = {.count = 1, .factors = {1}};
    int64_t stride = 1;
    for (int k = e->u.fold.count - 1; k >= 0; k--) {
        index.axes[0] = e->u.fold.axes[k];
        int64_t extent = l->ref->extents[index.axes[0]->id];
        at_linear sum;
        if (!at_linear_add(l->ref, &position, stride, &index, &sum) ||
            __builtin_mul_overflow(stride, extent ? extent : 1, &stride)) {
            at_error(l->ref->s, AT_E_RUN_COUNT, e->span,
                     "this %s ranges over more elements than can be counted",
                     at_fold_info(e->u.fold.fold)->text);
            return at_constant_int(l, 0);
        }
        position = sum;
    }
    return at_emit_linear(l, &position);
}

static void accumulate_sum(at_lowering *l, const at_accumulator *acc, const at_expr *e) {
    const at_expr *body = e->u.fold.body;
    int sum = acc->state[0];
    if (!acc->zeros) {
        int value = at_code_lower(l, body, AT_NOWHERE);
        at_instr *in = emit(l, e->kind == AT_INT ? AT_I_INT_ADD : (int)AT_OP_ADD, sum, sum, value,
                            sum);
        in->imm = AT_OP_ADD;
        if (e->kind == AT_INT) in->ptr = fold_site(l, e);
        return;
    }
    int zero = at_new_label(l), end = at_new_label(l);
    int value = at_code_lower(l, body, zero);
    emit(l, AT_OP_ADD, sum, sum, value, sum);
    at_emit_move(l, acc->state[1], at_constant_int(l, 3));
    at_emit_jump(l, end);
    at_place_label(l, zero);
    at_instr *some = at_code_add(l, AT_I_JUMP_IF);
    some->a = acc->state[1];
    some->to = end;
    at_emit_move(l, acc->state[1], at_constant_int(l, 1));
    at_place_label(l, end);
}

static void accumulate_product(at_lowering *l, const at_accumulator *acc, const at_expr *e) {
    int product = acc->state[0], outer = l->handler;
    if (!acc->zeros) {
        int value = at_code_lower(l, e->u.fold.body, AT_NOWHERE);
        at_instr *in = emit(l, e->kind == AT_INT ? AT_I_INT_MUL : (int)AT_OP_MUL, product, product,
                            value, product);
        in->imm = AT_OP_MUL;
        if (e->kind == AT_INT) in->ptr = fold_site(l, e);
        return;
    }
    int zero = at_new_label(l), failed = at_new_label(l), end = at_new_label(l);
    l->handler = failed;
    int value = at_code_lower(l, e->u.fold.body, zero);
    l->handler = outer;
    emit(l, AT_OP_MUL, product, product, value, product);
    at_emit_jump(l, end);
    at_place_label(l, zero);
    at_emit_move(l, acc->state[1], at_constant_int(l, 1));
    at_emit_jump(l, end);
    at_place_label(l, failed);
    at_instr *first = at_code_add(l, AT_I_JUMP_IF);
    first->a = acc->state[2];
    first->to = end;
    at_code_add(l, AT_I_CAUSE)->dst = acc->state[2];
    at_place_label(l, end);
}

static void accumulate_extreme(at_lowering *l, const at_accumulator *acc, const at_expr *e) {
    bool largest = e->u.fold.fold == AT_FOLD_MAX;
    int value = at_code_lower(l, e->u.fold.body, AT_NOWHERE), best = acc->state[0];
    if (e->kind == AT_REAL) {
        emit(l, largest ? AT_I_MAX_REAL : AT_I_MIN_REAL, best, value, 0, 0);
        return;
    }
    emit(l, largest ? AT_I_MAX_INT : AT_I_MIN_INT, best, value, acc->state[1], 0);
    at_emit_move(l, acc->state[1], at_constant_int(l, 1));
}

static void accumulate_place(at_lowering *l, const at_accumulator *acc, const at_expr *e) {
    bool largest = e->u.fold.fold == AT_FOLD_ARGMAX, real = e->u.fold.body->kind == AT_REAL;
    int op = largest ? (real ? AT_I_ARGMAX_REAL : AT_I_ARGMAX_INT)
                     : (real ? AT_I_ARGMIN_REAL : AT_I_ARGMIN_INT);
    int value = at_code_lower(l, e->u.fold.body, AT_NOWHERE);
    int position = emit_position(l, e);
    emit(l, op, acc->state[0], value, acc->state[1], position);
}

void at_accumulate(at_lowering *l, const at_accumulator *acc, const at_expr *e) {
    const at_expr *body = e->u.fold.body;
    int state = acc->state[0], one = at_constant_int(l, 1), value;
    switch (e->u.fold.fold) {
    case AT_FOLD_SUM: accumulate_sum(l, acc, e); return;
    case AT_FOLD_PROD: accumulate_product(l, acc, e); return;
    case AT_FOLD_MIN:
    case AT_FOLD_MAX: accumulate_extreme(l, acc, e); return;
    case AT_FOLD_ARGMIN:
    case AT_FOLD_ARGMAX: accumulate_place(l, acc, e); return;
    case AT_FOLD_MEAN:
        value = at_code_lower(l, body, AT_NOWHERE);
        emit(l, AT_OP_ADD, state, state, value, state);
        emit(l, AT_I_SCALE_ADD, acc->state[1], acc->state[1], one, 0)->imm = 1;
        return;
    case AT_FOLD_LOGSUMEXP:
        value = at_code_lower(l, body, AT_NOWHERE);
        emit(l, AT_I_LOGSUM, state, value, acc->state[1], 0);
        return;
    case AT_FOLD_ANY:
    case AT_FOLD_ALL: {
        bool any = e->u.fold.fold == AT_FOLD_ANY;
        int keep = at_new_label(l);
        at_lower_branch(l, body, !any, keep);
        at_emit_move(l, state, at_constant_int(l, any));
        at_place_label(l, keep);
        return;
    }
    default: { /* count: of what is not a bool, the value is not needed */
        int skip = at_new_label(l);
        if (body->kind == AT_BOOL) at_lower_branch(l, body, false, skip);
        emit(l, AT_I_SCALE_ADD, state, state, one, 0)->imm = 1;
        at_place_label(l, skip);
        return;
    }
    }
}

static int finish_mean(at_lowering *l, const at_accumulator *acc) {
    int dst = at_new_register(l), count = at_new_register(l), end = at_new_label(l);
    at_emit_move(l, dst, acc->state[0]);
    at_instr *none = at_code_add(l, AT_I_JUMP_UNLESS);
    none->a = acc->state[1];
    none->to = end;
    emit(l, AT_I_TO_REAL, count, acc->state[1], 0, 0);
    emit(l, AT_OP_DIV, dst, acc->state[0], count, dst);
    at_place_label(l, end);
    return dst;
}

int at_accumulated(at_lowering *l, const at_accumulator *acc, const at_expr *e, int zero) {
    int result = acc->state[0];
    switch (e->u.fold.fold) {
    case AT_FOLD_MEAN: return finish_mean(l, acc);
    case AT_FOLD_LOGSUMEXP: {
        int dst = at_new_register(l);
        emit(l, AT_I_LOGSUM_END, dst, acc->state[0], acc->state[1], 0);
        return dst;
    }
    case AT_FOLD_MIN:
    case AT_FOLD_MAX:
        if (e->kind == AT_INT) {
            int some = at_new_label(l);
            at_instr *in = at_code_add(l, AT_I_JUMP_IF);
            in->a = acc->state[1];
            in->to = some;
            in = at_code_add(l, AT_I_RAISE);
            in->imm = AT_CAUSE_EMPTY;
            in->ptr = fold_site(l, e);
            at_place_label(l, some);
        }
        return result;
    case AT_FOLD_SUM:
        if (acc->zeros) {
            int only = at_new_register(l);
            emit(l, AT_I_INT_EQ, only, acc->state[1], at_constant_int(l, 1), 0);
            at_instr *in = at_code_add(l, AT_I_JUMP_IF);
            in->a = only;
            in->to = zero;
        }
        return result;
    case AT_FOLD_PROD:
        if (acc->zeros) {
            at_instr *in = at_code_add(l, AT_I_JUMP_IF);
            in->a = acc->state[1];
            in->to = zero;
            at_code_add(l, AT_I_RAISE_IF)->a = acc->state[2];
        }
        return result;
    default: return result;
    }
}

/* ---- loops ----------------------------------------------------------------------------------- */

/* Without a guard there is nothing that could keep the loops short. */
static void check_count(at_lowering *l, const at_expr *e) {
    int64_t total = 1;
    bool fits = true;
    for (int k = 0; k < e->u.fold.count; k++) {
        int64_t extent = l->ref->extents[e->u.fold.axes[k]->id];
        if (extent == 0) return;
        fits = fits && !__builtin_mul_overflow(total, extent, &total);
    }
    if (!fits && !e->u.fold.guard)
        at_error(l->ref->s, AT_E_RUN_COUNT, e->span,
                 "this %s ranges over more elements than can be counted",
                 at_fold_info(e->u.fold.fold)->text);
}

static int lower_loops(at_lowering *l, const at_expr *e, int zero) {
    int count = e->u.fold.count;
    bool zeros = zero != AT_NOWHERE && at_may_be_zero(l->ref, e);
    check_count(l, e);
    at_accumulator acc = at_accumulator_new(l, e, zeros);
    for (int i = 0; i < acc.count; i++)
        at_emit_move(l, acc.state[i], at_constant_cell(l, acc.initial[i]));
    at_ranges *ranges = at_find_ranges(l, e);
    int *low = AT_NEW_ARRAY(l->ref->arena, int, count);
    int *high = AT_NEW_ARRAY(l->ref->arena, int, count);
    for (int k = 0; k < count; k++) {
        at_emit_range(l, ranges, k, &low[k], &high[k]);
        at_open_level(l, e->u.fold.axes[k], AT_NOWHERE);
    }
    int skip = at_new_label(l);
    if (e->u.fold.guard) at_lower_branch(l, e->u.fold.guard, false, skip);
    at_accumulate(l, &acc, e);
    at_place_label(l, skip);
    for (int k = count - 1; k >= 0; k--) at_close_loop(l, e->u.fold.axes[k], low[k], high[k]);
    return at_accumulated(l, &acc, e, zero);
}

/* ---- dot products ---------------------------------------------------------------------------- */

static bool find_dot(at_lowering *l, const at_expr *e, at_dot *dot, at_linear *x, at_linear *y) {
    const at_expr *body = e->u.fold.body;
    if (e->u.fold.fold != AT_FOLD_SUM || e->kind != AT_REAL || e->u.fold.count != 1 ||
        e->u.fold.guard || body->tag != AT_MAP || body->u.map.op != AT_OP_MUL)
        return false;
    const at_axis *axis = e->u.fold.axes[0];
    const at_expr *const *args = body->u.map.args;
    if (!at_plain_read(l, args[0], x) || !at_plain_read(l, args[1], y)) return false;
    dot->x = l->ref->stores[args[0]->u.read.array->id];
    dot->y = l->ref->stores[args[1]->u.read.array->id];
    dot->x_stride = at_linear_take(x, axis);
    dot->y_stride = at_linear_take(y, axis);
    dot->count = l->ref->extents[axis->id];
    return true;
}

/* The sum of a product of two plain reads: one instruction, with the general loops behind it for
 * arrays in which an element has no value. */
static int lower_terms(at_lowering *l, const at_expr *e, int zero) {
    at_dot found = {0};
    at_linear x, y;
    if (l->ref->plain || l->ref->jitter || !find_dot(l, e, &found, &x, &y))
        return lower_loops(l, e, zero);
    at_dot *dot = at_copy(l->ref->arena, &found, sizeof found);
    int general = at_new_label(l), end = at_new_label(l), dst = at_new_register(l);
    dot->x_offset = at_emit_linear(l, &x);
    dot->y_offset = at_emit_linear(l, &y);
    dot->terms = at_new_register(l);
    at_add_panel(l, dot, &x, &y);
    at_instr *in = at_code_add(l, AT_I_DOT);
    in->dst = dst;
    in->ptr = dot;
    in->to = general;
    l->unit->cost += l->weight * (double)dot->count / 4;
    if (zero != AT_NOWHERE && dot->count > 0 && at_may_be_zero(l->ref, e)) {
        in = at_code_add(l, AT_I_JUMP_UNLESS);
        in->a = dot->terms;
        in->to = zero;
    }
    at_emit_jump(l, end);
    at_place_label(l, general);
    double cost = l->unit->cost;
    at_emit_move(l, dst, lower_loops(l, e, zero));
    l->unit->cost = cost;
    at_place_label(l, end);
    return dst;
}

/* ---- folds that are kept --------------------------------------------------------------------- */

static int lower_kept(at_lowering *l, const at_expr *e, int zero, int depth) {
    int flag = at_new_register(l), value = at_new_register(l);
    int have = at_new_label(l), found_zero = at_new_label(l);
    at_reset_flag(l, flag, depth);
    bool zeros = zero != AT_NOWHERE && at_may_be_zero(l->ref, e);
    if (zeros) {
        int was_zero = at_new_register(l);
        emit(l, AT_I_INT_EQ, was_zero, flag, at_constant_int(l, 2), 0);
        at_instr *in = at_code_add(l, AT_I_JUMP_IF);
        in->a = was_zero;
        in->to = zero;
    }
    at_instr *in = at_code_add(l, AT_I_JUMP_IF);
    in->a = flag;
    in->to = have;
    at_emit_move(l, value, lower_terms(l, e, zeros ? found_zero : zero));
    at_emit_move(l, flag, at_constant_int(l, 1));
    if (zeros) {
        at_emit_jump(l, have);
        at_place_label(l, found_zero);
        at_emit_move(l, flag, at_constant_int(l, 2));
        at_emit_jump(l, zero);
    }
    at_place_label(l, have);
    return value;
}

static int lower_replaced(at_lowering *l, at_store *store, int zero) {
    int dst = at_new_register(l);
    at_instr *in = at_emit_element(l, at_load_opcode(store, zero), store, store->axes);
    in->dst = dst;
    if (in->op == AT_I_LOAD_ZERO) in->to = zero;
    return dst;
}

int at_code_fold(at_lowering *l, const at_expr *e, int zero) {
    for (int i = 0; i < l->replaced_count; i++)
        if (l->replaced[i].fold == e) return lower_replaced(l, l->replaced[i].store, zero);
    int depth = at_depth_of(l, e);
    if (depth < l->depth && !l->ref->plain) return lower_kept(l, e, zero, depth);
    return lower_terms(l, e, zero);
}
