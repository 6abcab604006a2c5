/* Scatters: `sum[e where dst[e] == g](w[e])` over all g in one pass over e.
 *
 * A fold whose guard says what an index of the left side must be is evaluated before its equation,
 * for all left indices it depends on: the pass goes over the bound axes, computes the index, and
 * takes the term into that index' accumulator. Accumulators are those of folds.c, kept in columns
 * instead of registers, and each gets its terms in the order that the double loop has; so the
 * result is the same to the last bit. Several equalities give several indices.
 *
 * The pass is optimistic: where anything in it has no value, that tuple of the remaining left
 * indices is evaluated by the double loop, which knows whom it concerns. */
#include "ref/ref_int.h"

enum { MOST_BOUND = 1 << 22 }; /* elements of a fold inside of a fold that may be kept */

/* One equality, solved: axis = sign*(other - rest). */
typedef struct {
    const at_axis *axis;
    int conjunct;
    int64_t sign;
    at_linear rest;
    const at_expr *other;
} solution;

typedef struct {
    at_lowering *l;         /* of the equation */
    const at_expr *fold;
    const at_axis **around; /* bound by folds around this one */
    int around_count;
    int conjunct_count;
    const at_expr **conjuncts;
    int free_count;         /* axes that the fold depends on, regions' not */
    at_axis *free_axes[AT_RANK_LIMIT];
    bool too_many;
    int solved_count;
    solution solved[AT_RANK_LIMIT];
} search;

/* ---- what the fold depends on ---------------------------------------------------------------- */

static bool is_around(const search *f, const at_axis *axis) {
    for (int i = 0; i < f->around_count; i++)
        if (f->around[i] == axis) return true;
    return false;
}

static bool is_iterated(const search *f, const at_axis *axis) {
    for (int i = 0; i < f->l->unit->axis_count; i++)
        if (f->l->unit->axes[i] == axis) return true;
    return false;
}

static bool collect_axis(void *user, const at_expr *e) {
    search *f = user;
    if (e->tag != AT_INDEX) return true;
    at_axis *axis = (at_axis *)(uintptr_t)e->u.axis;
    if (!is_iterated(f, axis) && !is_around(f, axis)) return true;
    for (int i = 0; i < f->free_count; i++)
        if (f->free_axes[i] == axis) return true;
    if (f->free_count == AT_RANK_LIMIT) f->too_many = true;
    else f->free_axes[f->free_count++] = axis;
    return true;
}

static int64_t free_elements(const search *f) {
    int64_t extents[AT_RANK_LIMIT];
    for (int i = 0; i < f->free_count; i++)
        extents[i] = f->l->ref->extents[f->free_axes[i]->id];
    return at_shape_count(extents, f->free_count, sizeof(at_cell));
}

/* ---- solving --------------------------------------------------------------------------------- */

static bool is_solved(const search *f, const at_axis *axis) {
    for (int i = 0; i < f->solved_count; i++)
        if (f->solved[i].axis == axis) return true;
    return false;
}

static bool mentions_bound(const search *f, const at_expr *e) {
    for (int k = 0; k < f->fold->u.fold.count; k++)
        if (at_mentions(e, f->fold->u.fold.axes[k])) return true;
    return false;
}

/* Whether the equality gives a range of a bound axis instead, which costs even less. */
static bool gives_range(const search *f, const at_expr *a, const at_expr *b) {
    at_linear x, y, difference;
    const at_ref *ref = f->l->ref;
    if (!at_linear_of(ref, a, &x) || !at_linear_of(ref, b, &y) ||
        !at_linear_add(ref, &x, -1, &y, &difference))
        return false;
    for (int k = 0; k < f->fold->u.fold.count; k++) {
        int64_t factor = at_linear_take(&difference, f->fold->u.fold.axes[k]);
        if (factor == 1 || factor == -1) return true;
    }
    return false;
}

/* `mine == other` solved for an axis that is linear in `mine`. */
static bool solve_side(search *f, int conjunct, const at_expr *mine, const at_expr *other) {
    at_linear form;
    if (!at_linear_of(f->l->ref, mine, &form)) return false;
    for (int i = 0; i < f->free_count; i++) {
        const at_axis *axis = f->free_axes[i];
        if (is_solved(f, axis) || at_mentions(other, axis)) continue;
        at_linear rest = form;
        int64_t factor = at_linear_take(&rest, axis);
        if (factor != 1 && factor != -1) continue;
        if (!mentions_bound(f, mine) && !mentions_bound(f, other)) continue;
        at_linear checked, zero = {0};
        if (!at_linear_add(f->l->ref, &zero, 1, &rest, &checked)) continue;
        if (f->l->ref->extents[axis->id] < 2) continue;
        f->solved[f->solved_count++] = (solution){axis, conjunct, factor, checked, other};
        return true;
    }
    return false;
}

static void solve(search *f) {
    for (int i = 0; i < f->conjunct_count; i++) {
        const at_expr *e = f->conjuncts[i];
        if (e->tag != AT_MAP || e->u.map.op != AT_OP_EQ || e->u.map.args[0]->kind != AT_INT)
            continue;
        const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
        if (gives_range(f, a, b)) continue;
        if (!solve_side(f, i, a, b)) solve_side(f, i, b, a);
    }
}

/* A later index may be computed from one solved before it, not the other way round. */
static bool needs_later(const search *f, const at_expr *e, const solution *from) {
    for (const solution *s = from; s < f->solved + f->solved_count; s++)
        if (at_mentions(e, s->axis)) return true;
    return false;
}

static bool in_order(const search *f) {
    for (int i = 0; i < f->solved_count; i++) {
        if (needs_later(f, f->solved[i].other, &f->solved[i])) return false;
        for (int k = i + 1; k < f->solved_count; k++) {
            at_linear rest = f->solved[i].rest;
            if (at_linear_take(&rest, f->solved[k].axis) != 0) return false;
        }
    }
    return true;
}

/* ---- units ----------------------------------------------------------------------------------- */

/* The free axes that are left, then the solved ones: the order of the store's axes. */
static int order_axes(const search *f, at_axis **out) {
    int count = 0;
    for (int i = 0; i < f->free_count; i++)
        if (!is_solved(f, f->free_axes[i])) out[count++] = f->free_axes[i];
    for (int i = 0; i < f->solved_count; i++)
        out[count++] = (at_axis *)(uintptr_t)f->solved[i].axis;
    return count - f->solved_count;
}

static void find(at_lowering *l, const at_expr *e, const at_axis **around, int count);

/* Scatters that the pass waits for; to them, solved indices are like those of a fold around. */
static void find_inside(at_lowering *l, const search *f) {
    const at_axis **solved = AT_NEW_ARRAY(l->ref->arena, const at_axis *, f->solved_count);
    for (int i = 0; i < f->solved_count; i++) solved[i] = f->solved[i].axis;
    for (int i = 0; i < f->conjunct_count; i++) find(l, f->conjuncts[i], solved, f->solved_count);
    find(l, f->fold->u.fold.body, solved, f->solved_count);
}

/* The place of the solved indices in the columns. */
static int emit_place(at_lowering *l, const search *f) {
    at_linear place = {0}, index = {.count = 1, .factors = {1}}, sum;
    int64_t stride = 1;
    for (int i = f->solved_count - 1; i >= 0; i--) {
        index.axes[0] = f->solved[i].axis;
        bool fits = at_linear_add(l->ref, &place, stride, &index, &sum);
        AT_ASSERT(l->ref->s, fits); /* the store's elements were counted */
        place = sum;
        stride *= l->ref->extents[index.axes[0]->id];
    }
    return at_emit_linear(l, &place);
}

static void emit_column(at_lowering *l, int op, int column, int reg, int place) {
    at_instr *in = at_code_add(l, op);
    in->imm = column;
    in->a = place;
    if (op == AT_I_COLUMN_LOAD) in->dst = reg;
    else in->c = reg;
}

/* Computes a solved index and binds its axis; jumps to skip where it lies outside. */
static void emit_solution(at_lowering *l, const solution *s, int skip) {
    int other = at_code_lower(l, s->other, AT_NOWHERE), rest = at_emit_linear(l, &s->rest);
    int failed = l->handler, index = at_new_register(l);
    l->handler = skip; /* out of range of 64 bits is out of range of the axis */
    at_instr *in = at_code_add(l, AT_I_INT_SUB);
    in->dst = index;
    in->a = s->sign == 1 ? other : rest;
    in->b = s->sign == 1 ? rest : other;
    l->handler = failed;
    in = at_code_add(l, AT_I_BOUND_ELSE);
    in->a = index;
    in->imm = l->ref->extents[s->axis->id];
    in->to = skip;
    at_open_level(l, s->axis, index);
}

/* Solved equalities where they stand; the rest of the guard as soon as its indices are known. */
static void emit_guard(at_lowering *l, const search *f, int skip) {
    const solution *next = f->solved, *end = f->solved + f->solved_count;
    bool *done = AT_NEW_ARRAY(l->ref->arena, bool, f->conjunct_count);
    for (int i = 0; i < f->conjunct_count; i++) {
        if (next < end && next->conjunct == i) {
            emit_solution(l, next++, skip);
            done[i] = true;
        } else if (!needs_later(f, f->conjuncts[i], next)) {
            at_lower_branch(l, f->conjuncts[i], false, skip);
            done[i] = true;
        }
    }
    for (int i = 0; i < f->conjunct_count; i++)
        if (!done[i]) at_lower_branch(l, f->conjuncts[i], false, skip);
}

static at_unit *lower_pass(const search *f, at_axis **order, int rest, at_scatter *scatter) {
    at_ref *ref = f->l->ref;
    at_axis *axes[2 * AT_RANK_LIMIT];
    int count = 0;
    for (int i = 0; i < rest; i++) axes[count++] = order[i];
    for (int i = 0; i < f->fold->u.fold.count; i++) axes[count++] = f->fold->u.fold.axes[i];
    at_lowering *l = at_lowering_new(ref, f->l->statement, axes, count);
    find_inside(l, f);
    bool zeros = scatter->store->zeroable;
    at_accumulator acc = at_accumulator_new(l, f->fold, zeros);
    int skip = at_new_label(l), failed = at_new_label(l);
    l->handler = failed;
    emit_guard(l, f, skip);
    int place = emit_place(l, f);
    for (int i = 0; i < acc.count; i++)
        emit_column(l, AT_I_COLUMN_LOAD, i, acc.state[i], place);
    at_accumulate(l, &acc, f->fold);
    for (int i = 0; i < acc.count; i++)
        emit_column(l, AT_I_COLUMN_STORE, i, acc.state[i], place);
    for (int i = f->solved_count - 1; i >= 0; i--) at_close_level(l, f->solved[i].axis);
    at_emit_jump(l, skip);
    at_place_label(l, failed);
    at_code_add(l, AT_I_FAIL);
    at_place_label(l, skip);
    scatter->state_count = acc.count;
    for (int i = 0; i < acc.count; i++) scatter->initial[i] = acc.initial[i];
    return at_lowering_end(l);
}

static int lower_finish(at_lowering *l, const void *of, int zero) {
    const search *f = of;
    at_accumulator acc = at_accumulator_new(l, f->fold, zero != AT_NOWHERE);
    int place = emit_place(l, f);
    for (int i = 0; i < acc.count; i++)
        emit_column(l, AT_I_COLUMN_LOAD, i, acc.state[i], place);
    return at_accumulated(l, &acc, f->fold, zero);
}

static int lower_double_loop(at_lowering *l, const void *of, int zero) {
    const search *f = of;
    return at_code_lower(l, f->fold, zero);
}

static at_unit *lower_rows(const search *f, at_axis **order, at_store *store,
                           int (*value)(at_lowering *l, const void *of, int zero)) {
    at_lowering *l = at_lowering_new(f->l->ref, f->l->statement, order, f->free_count);
    return at_lower_into(l, store, order, value, f);
}

static at_scatter *new_scatter(const search *f) {
    at_ref *ref = f->l->ref;
    at_axis *order[AT_RANK_LIMIT];
    int rest = order_axes(f, order);
    at_scatter *scatter = AT_NEW(ref->arena, at_scatter);
    scatter->store = at_store_new(ref, NULL, at_fold_info(f->fold->u.fold.fold)->text,
                                  f->fold->kind, order, f->free_count,
                                  at_may_be_zero(ref, f->fold));
    scatter->pass = lower_pass(f, order, rest, scatter);
    scatter->finish = lower_rows(f, order, scatter->store, lower_finish);
    scatter->general = lower_rows(f, order, scatter->store, lower_double_loop);
    scatter->tuples = scatter->rows = scatter->steps = scatter->pass->columns = 1;
    for (int i = 0; i < f->free_count; i++) {
        int64_t extent = ref->extents[order[i]->id];
        if (i < rest) scatter->tuples *= extent;
        else scatter->pass->columns *= extent;
        if (i >= rest && i < f->free_count - 1) scatter->rows *= extent;
    }
    for (int i = rest; i < scatter->pass->axis_count - 1; i++)
        scatter->steps *= scatter->pass->extents[i];
    return scatter;
}

static bool try_scatter(at_lowering *l, const at_expr *e, const at_axis **around, int count) {
    search *f = AT_NEW(l->ref->arena, search);
    f->l = l;
    f->fold = e;
    f->around = around;
    f->around_count = count;
    f->conjunct_count = at_conjuncts(l->ref, e->u.fold.guard, &f->conjuncts);
    if (f->conjunct_count == 0) return false;
    at_walk(e, collect_axis, f);
    if (f->too_many || f->free_count == 0 || e->u.fold.count > AT_RANK_LIMIT) return false;
    solve(f);
    int64_t elements = free_elements(f);
    if (f->solved_count == 0 || !in_order(f) || elements <= 0) return false;
    if (count > 0 && elements > MOST_BOUND) return false;
    at_scatter *scatter = new_scatter(f);
    at_replaced replaced = {e, scatter->store};
    AT_PUSH(l->ref->arena, l->unit->scatters, l->unit->scatter_count, l->unit->scatter_capacity,
            scatter);
    AT_PUSH(l->ref->arena, l->replaced, l->replaced_count, l->replaced_capacity, replaced);
    return true;
}

/* ---- finding --------------------------------------------------------------------------------- */

static void find_in_fold(at_lowering *l, const at_expr *e, const at_axis **around, int count) {
    for (int i = 0; i < l->replaced_count; i++)
        if (l->replaced[i].fold == e) return;
    if (try_scatter(l, e, around, count)) return;
    int bound = e->u.fold.count;
    const at_axis **inner = AT_NEW_ARRAY(l->ref->arena, const at_axis *, count + bound);
    at_move(inner, around, sizeof *inner * (size_t)count);
    for (int i = 0; i < bound; i++) inner[count + i] = e->u.fold.axes[i];
    if (e->u.fold.guard) find(l, e->u.fold.guard, inner, count + bound);
    find(l, e->u.fold.body, inner, count + bound);
}

static void find(at_lowering *l, const at_expr *e, const at_axis **around, int count) {
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: break;
    case AT_READ:
        for (int i = 0; i < e->u.read.array->rank; i++)
            find(l, e->u.read.index[i], around, count);
        if (e->u.read.alternative) find(l, e->u.read.alternative, around, count);
        break;
    case AT_MAP:
        for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++)
            find(l, e->u.map.args[i], around, count);
        break;
    case AT_FOLD_NODE: find_in_fold(l, e, around, count); break;
    }
}

void at_find_scatters(at_lowering *l, const at_expr *e) {
    if (!l->ref->plain) find(l, e, NULL, 0);
}

/* ---- running --------------------------------------------------------------------------------- */

static void run_tuple(const at_scatter *scatter, at_frame *frame, int64_t tuple) {
    const at_unit *pass = scatter->pass;
    at_ref *ref = frame->ref;
    for (int i = 0; i < scatter->state_count; i++)
        for (int64_t k = 0; k < pass->columns; k++) frame->columns[i][k] = scatter->initial[i];
    frame->failed = false;
    if (pass->rows > 0 && pass->width > 0)
        at_unit_rows(pass, frame, tuple * scatter->steps, (tuple + 1) * scatter->steps, 0,
                     pass->width);
    if (ref->stopped) return;
    const at_unit *rows = frame->failed ? scatter->general : scatter->finish;
    at_frame *last = &rows->frames[0];
    for (int i = 0; i < AT_COLUMNS; i++) last->columns[i] = frame->columns[i];
    at_unit_rows(rows, last, tuple * scatter->rows, (tuple + 1) * scatter->rows, 0, rows->width);
}

static void run_scatter(at_ref *ref, const at_scatter *scatter) {
    at_frame *frame = &scatter->pass->frames[0];
    size_t cells = (size_t)scatter->pass->columns;
    if (!at_store_allocate(ref, scatter->store)) {
        ref->stopped = true;
        return;
    }
    at_scatters_run(ref, scatter->pass);
    for (int i = 0; i < scatter->state_count; i++)
        frame->columns[i] = at_take(ref, cells, sizeof(at_cell));
    for (int64_t tuple = 0; tuple < scatter->tuples && !ref->stopped; tuple++)
        run_tuple(scatter, frame, tuple);
    for (int i = 0; i < scatter->state_count; i++) {
        at_give_back(ref, frame->columns[i], cells, sizeof(at_cell));
        frame->columns[i] = NULL;
    }
    at_scatters_end(ref, scatter->pass);
}

void at_scatters_run(at_ref *ref, const at_unit *unit) {
    for (int i = 0; i < unit->scatter_count && !ref->stopped; i++)
        run_scatter(ref, unit->scatters[i]);
}

void at_scatters_end(at_ref *ref, const at_unit *unit) {
    for (int i = 0; i < unit->scatter_count; i++) at_store_free(ref, unit->scatters[i]->store);
}
