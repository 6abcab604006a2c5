/* Sums over what is past, or later, as recurrences:
 *
 *     scan i {
 *       o.past[i,r,e] = rate * o.past[i-1,r,e | 0] + g[i,r] * v[i,e]
 *       o.part[i,e] = sum[r](f[i,r] * o.past[i,r,e])
 *     }
 *
 * A recurrence, not blocks of it: one step of it is 2·R·E operations a row on a state that
 * stays in the cache, where blocks of 64 rows take twice that and more in products of matrices.
 * It was the faster one (docs/decisions.md).
 *
 * Exponentials exp(late[i] + early[j]) are kept relative to the largest `early` so far, so that
 * no part of them is larger than one that the program itself asks for. A step whose reference
 * did not move changes nothing: its factor is 1 exactly. */
#include "opt/factor_state.h"

#include <math.h>

typedef struct {
    const at_keeper *k;
    int before;
    const at_axis *axis;
    bool late, has_axis;
} asking;

static bool ask(void *user, const at_expr *e) {
    asking *a = user;
    if (e->tag == AT_READ && e->u.read.array->id < a->k->position_count)
        a->late |= a->k->positions[e->u.read.array->id] >= a->before;
    a->has_axis |= e->tag == AT_INDEX && e->u.axis == a->axis;
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++)
        a->has_axis |= e->u.fold.axes[i] == a->axis;
    return true;
}

static void ask_product(asking *a, const at_product *product) {
    for (int i = 0; i < product->row_count; i++) at_walk(product->rows[i].e, ask, a);
    for (int i = 0; i < product->bound_count; i++) at_walk(product->bound[i].e, ask, a);
    at_walk(product->row_guard, ask, a);
    at_walk(product->bound_guard, ask, a);
    at_walk(product->base, ask, a);
    at_walk(product->extra, ask, a);
    at_walk(product->late, ask, a);
    at_walk(product->early, ask, a);
    for (int i = 0; i < product->depth_count; i++) a->has_axis |= product->depth[i] == a->axis;
}

/* A scan in which the product can be kept: one that is there, or a new one. */
static at_sweep *sweep_for(at_keeper *k, const at_product *product, at_span span) {
    at_session *s = k->s;
    bool down = product->order < 0;
    for (at_sweep *w = k->sweeps; w; w = w->next) {
        if (w->block != k->draft->block || w->down != down ||
            !at_same_extent(w->axis, product->row))
            continue;
        asking a = {k, w->position, w->axis == product->row ? NULL : w->axis, false, false};
        ask_product(&a, product);
        /* The column may have the scan's own axis: it becomes that. */
        if (!a.late && (!a.has_axis || w->axis == product->column)) return w;
    }
    at_sweep *w = AT_NEW(s->arena, at_sweep);
    at_axis **axes = AT_NEW_ARRAY(s->arena, at_axis *, 1);
    bool *downs = AT_NEW_ARRAY(s->arena, bool, 1);
    axes[0] = (at_axis *)product->row;
    downs[0] = down;
    w->statement = AT_NEW(s->arena, at_statement);
    w->statement->tag = AT_SCAN;
    w->statement->span = span;
    w->statement->u.scan.count = 1;
    w->statement->u.scan.axes = axes;
    w->statement->u.scan.down = downs;
    w->block = k->draft->block;
    w->axis = axes[0];
    w->down = down;
    w->position = ++k->position;
    w->next = k->sweeps;
    k->sweeps = w;
    at_draft_add(k->draft, w->statement);
    return w;
}

static void add_equation(at_keeper *k, at_sweep *w, at_array *target, const at_expr *value,
                         at_span span) {
    at_statement *equation = AT_NEW(k->s->arena, at_statement);
    equation->tag = AT_EQUATION;
    equation->span = span;
    equation->target = target;
    equation->u.value = value;
    at_block *body = &w->statement->u.scan.body;
    AT_PUSH(k->s->arena, body->items, body->count, w->capacity, equation);
    at_keeper_note_at(k, target, w->position);
}

/* `e` with the scan's axis for the row and the column. */
static const at_expr *at_step(at_keeper *k, const at_sweep *w, const at_product *product,
                              const at_expr *e) {
    if (!e) return NULL;
    const at_axis *axes[] = {product->row, product->column};
    const at_expr *index = at_index(k->s, w->axis, e->span), *values[] = {index, index};
    return at_substitute(k->s, e, axes, values, 2, at_draft_axis, k->draft);
}

static at_product product_at_step(at_keeper *k, const at_sweep *w, const at_product *product) {
    at_session *s = k->s;
    at_product here = *product;
    here.rows = at_copy(s->arena, product->rows, sizeof *here.rows * (size_t)product->row_count);
    here.bound =
        at_copy(s->arena, product->bound, sizeof *here.bound * (size_t)product->bound_count);
    for (int i = 0; i < here.row_count; i++)
        here.rows[i].e = at_step(k, w, product, here.rows[i].e);
    for (int i = 0; i < here.bound_count; i++)
        here.bound[i].e = at_step(k, w, product, here.bound[i].e);
    here.row_guard = at_step(k, w, product, product->row_guard);
    here.bound_guard = at_step(k, w, product, product->bound_guard);
    here.late = at_step(k, w, product, product->late);
    here.early = at_step(k, w, product, product->early);
    return here;
}

/* The same read a step earlier; `other` before the first. */
static const at_expr *step_before(at_keeper *k, const at_sweep *w, const at_expr *read,
                                  const at_expr *other) {
    at_session *s = k->s;
    const at_array *array = read->u.read.array;
    const at_expr **index =
        at_copy(s->arena, read->u.read.index, sizeof *index * (size_t)array->rank);
    index[0] = at_map_node(s, w->down ? AT_OP_ADD : AT_OP_SUB, index[0], at_int(s, 1, read->span),
                           NULL, read->span);
    return at_read(s, array, index, other, read->span);
}

static const at_expr *compare(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(s, op, a, b, NULL, a->span);
}

/* base^steps, what one step does to what is past. */
static const at_expr *step_of(at_session *s, const at_product *here, at_span span) {
    int64_t steps = here->order > 0 ? here->steps : -here->steps;
    if (!here->base || steps == 0) return NULL;
    if (steps == 1) return here->base;
    return at_map_node(s, AT_OP_POW, here->base, at_real(s, (double)steps, span), NULL, span);
}

static const at_expr *exponential(at_session *s, const at_expr *a) {
    return at_map_node(s, AT_OP_EXP, a, NULL, NULL, a->span);
}

/* reference = max(what it was, early); gives a read of it at this step. */
static const at_expr *add_reference(at_keeper *k, at_sweep *w, const at_product *here,
                                    const at_array *owner, at_span span) {
    at_session *s = k->s;
    at_axis **axes;
    const at_expr *own = at_where(s, here->bound_guard, here->early, -INFINITY);
    int count = at_state_axes(k, here, own, w->axis, &axes);
    at_array *array = at_state_array(k, owner, "reference", axes, count, span);
    const at_expr *read = at_read_whole(s, array, span);
    const at_expr *last = step_before(k, w, read, at_real(s, -INFINITY, span));
    add_equation(k, w, array, at_map_node(s, AT_OP_MAX, last, own, NULL, span), span);
    return read;
}

/* How much what is past counts now, relative to the new reference. */
static const at_expr *correction(at_keeper *k, const at_sweep *w, const at_expr *reference) {
    at_session *s = k->s;
    at_span span = reference->span;
    const at_expr *last = step_before(k, w, reference, at_real(s, -INFINITY, span));
    const at_expr *moved = exponential(s, at_make_sub(s, last, reference));
    const at_expr *none = at_real(s, -INFINITY, span);
    moved = at_map_node(s, AT_OP_IF, compare(s, AT_OP_EQ, last, reference), at_real(s, 1, span),
                        moved, span);
    return at_map_node(s, AT_OP_IF, compare(s, AT_OP_EQ, last, none), at_real(s, 0, span), moved,
                       span);
}

/* Where rows end before the columns that are later do: the state before the first row, which is
 * that of a row at size(row). */
static const at_array *first_state(at_keeper *k, const at_sweep *w, const at_product *product,
                                   const at_array *owner, at_span span) {
    at_session *s = k->s;
    const at_expr *column = at_index(s, product->column, span);
    const at_expr *rows = at_size_of(s, product->row, span),
                  *own = at_bound_product(s, product, span);
    if (product->base) {
        const at_expr *by = at_map_node(s, AT_OP_SUB, column, rows, NULL, span);
        by = at_map_node(s, AT_OP_MUL, at_int(s, -product->steps, span), by, NULL, span);
        by = at_as_real(s, by);
        own = at_make_mul(s, at_map_node(s, AT_OP_POW, product->base, by, NULL, span), own);
    }
    at_axis *bound[] = {(at_axis *)product->column}, **axes;
    const at_expr *later = at_map_node(s, AT_OP_LE, rows, column, NULL, span);
    const at_expr *guard = at_both(s, later, product->bound_guard);
    const at_expr *sum = at_fold_node(s, AT_FOLD_SUM, bound, 1, guard, own, span);
    int count = at_state_axes(k, product, sum, NULL, &axes);
    at_array *array = at_state_array(k, owner, "later", axes, count, span);
    at_draft_equation(k->draft, array, sum, span);
    at_keeper_note_at(k, array, w->position);
    at_block *block = k->draft->block; /* in front of the scan */
    at_statement *equation = block->items[block->count - 1];
    int at = block->count - 1;
    for (; block->items[at] != w->statement; at--) block->items[at] = block->items[at - 1];
    block->items[at + 1] = w->statement;
    block->items[at] = equation;
    return array;
}

/* What `read`, of a recurrence's state, is before the first step. */
static const at_expr *before_first(at_keeper *k, const at_recurrence *r, const at_expr *read) {
    at_session *s = k->s;
    if (!r->first) return at_real(s, 0, read->span);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, r->first->rank);
    for (int i = 0; i < r->first->rank; i++)
        for (int n = 0; n < r->state->rank; n++)
            if (r->state->axes[n] == r->first->axes[i]) index[i] = read->u.read.index[n];
    return at_read(s, r->first, index, NULL, read->span);
}

static const at_recurrence *find_recurrence(at_keeper *k, const at_sweep *w, const at_product *here,
                                         const at_expr *step, const at_expr *update,
                                         const at_expr **state, const at_expr **reference) {
    for (const at_recurrence *r = w->recurrences; r; r = r->next) {
        at_renaming names = {1, {w->axis}, {w->axis}};
        if (!at_is_renamed(&names, update, r->update) || !at_is_renamed(&names, step, r->step) ||
            !at_is_renamed(&names, here->early, r->early))
            continue;
        *state = at_read_renamed(k, &names, r->state, update->span);
        *reference = r->reference ? at_read_renamed(k, &names, r->reference, update->span) : NULL;
        if (*state) return r;
    }
    return NULL;
}

/* The recurrence of the product, with reads of its state and reference at this step. */
static const at_recurrence *state_of(at_keeper *k, at_sweep *w, const at_product *product,
                                  const at_product *here, const at_array *owner,
                                  const at_expr **read, const at_expr **reference) {
    at_session *s = k->s;
    const at_expr *own = at_bound_product(s, here, w->statement->span);
    at_span span = own->span;
    const at_expr *step = step_of(s, here, span), *update = at_where(s, here->bound_guard, own, 0);
    const at_recurrence *known = find_recurrence(k, w, here, step, update, read, reference);
    if (known) return known;
    at_recurrence *r = AT_NEW(s->arena, at_recurrence);
    *r = (at_recurrence){
        .next = w->recurrences, .step = step, .update = update, .early = here->early};
    *reference = NULL;
    if (w->down && !at_equal_extent(s, k->draft->from, product->row, product->column))
        r->first = first_state(k, w, product, owner, span);
    if (here->early) {
        *reference = add_reference(k, w, here, owner, span);
        r->reference = (*reference)->u.read.array;
        const at_expr *none = at_real(s, -INFINITY, span);
        const at_expr *some = compare(s, AT_OP_NE, here->early, none);
        own = at_make_mul(s, exponential(s, at_make_sub(s, here->early, *reference)), own);
        update = at_where(s, at_both(s, here->bound_guard, some), own, 0);
        const at_expr *moved = correction(k, w, *reference);
        step = step ? at_make_mul(s, step, moved) : moved;
    }
    at_axis **axes;
    const at_expr *both = step ? at_make_mul(s, step, update) : update;
    int count = at_state_axes(k, here, both, w->axis, &axes);
    at_array *state = at_state_array(k, owner, "past", axes, count, span);
    r->state = state;
    *read = at_read_whole(s, state, span);
    const at_expr *last = step_before(k, w, *read, before_first(k, r, *read));
    if (step) last = at_make_mul(s, step, last);
    add_equation(k, w, state, at_make_add(s, last, update), span);
    w->recurrences = r;
    return r;
}

static void add_row(at_keeper *k, at_product *here, const at_expr *e) {
    at_factor factor = {e, false};
    int capacity = here->row_count;
    AT_PUSH(k->s->arena, here->rows, here->row_count, capacity, factor);
}

/* exp(late + reference) */
static void add_late(at_keeper *k, at_product *here, const at_expr *reference) {
    at_session *s = k->s;
    if (!reference) {
        if (here->late) add_row(k, here, exponential(s, here->late));
        return;
    }
    const at_expr *late = here->late ? at_make_add(s, here->late, reference) : reference;
    const at_expr *none = at_real(s, -INFINITY, late->span);
    add_row(k, here, at_where(s, compare(s, AT_OP_NE, reference, none), exponential(s, late), 0));
}

/* base to the power of what is beside the distance, and of one step where the state is a step
 * behind; NULL: 1. */
static const at_expr *power_of(at_session *s, const at_product *here, bool behind, at_span span) {
    int64_t steps = here->order > 0 ? here->steps : -here->steps;
    if (!here->base) return NULL;
    if (!here->extra) return behind ? step_of(s, here, span) : NULL;
    const at_expr *by = here->extra;
    if (behind) by = at_make_add(s, by, at_real(s, (double)steps, span));
    if (at_is_number(by, 0)) return NULL;
    return at_map_node(s, AT_OP_POW, here->base, by, NULL, span);
}

/* Σ d·base^(steps·(d - 1))·update over what is d steps behind: moment = base^steps·(moment a step
 * before) + (state a step before). */
static const at_expr *moment_of(at_keeper *k, at_sweep *w, const at_recurrence *r,
                                const at_array *owner, const at_expr *state) {
    at_session *s = k->s;
    at_span span = state->span;
    const at_array *of = r->state;
    at_array *moment = at_state_array(k, owner, "moment", of->axes, of->rank, span);
    const at_expr *read = at_read_whole(s, moment, span), *own = at_read_whole(s, of, span);
    const at_expr *last = step_before(k, w, read, at_real(s, 0, span)), *step = r->step;
    if (step) last = at_make_mul(s, step, last);
    own = step_before(k, w, own, before_first(k, r, own));
    add_equation(k, w, moment, at_make_add(s, last, own), span);
    return at_read(s, moment, state->u.read.index, NULL, span);
}

const at_expr *at_keep_past(at_keeper *k, const at_separation *p, const at_product *product,
                            const at_array *owner) {
    at_session *s = k->s;
    at_span span = p->sum->span;
    at_sweep *w = sweep_for(k, product, span);
    at_product here = product_at_step(k, w, product);
    if (!at_equal_extent(s, k->draft->from, product->row, product->column)) {
        const at_expr *index = at_index(s, w->axis, span);
        const at_expr *inside =
            at_map_node(s, AT_OP_LT, index, at_size_of(s, product->column, span), NULL, span);
        here.bound_guard = at_both(s, inside, here.bound_guard);
    }
    const at_expr *state, *reference, *before = NULL;
    const at_recurrence *r = state_of(k, w, product, &here, owner, &state, &reference);
    if (here.moment) {
        state = moment_of(k, w, r, owner, state);
        before = power_of(s, &here, true, span);
        add_row(k, &here, at_real(s, (double)(here.moment * here.order), span));
    } else if (!here.strict && !here.apart) {
        before = power_of(s, &here, false, span);
    } else {
        before = power_of(s, &here, true, span);
        state = step_before(k, w, state, before_first(k, r, state));
        if (reference) reference = step_before(k, w, reference, at_real(s, -INFINITY, span));
    }
    add_late(k, &here, reference);
    if (before && at_is_depth(&here, before)) { /* powers of what the depth has go into its sum */
        add_row(k, &here, before);
        before = NULL;
    }
    const at_expr *value = at_product_used(s, &here, state, before);
    at_axis **axes;
    int count = at_state_axes(k, &here, value, w->axis, &axes);
    at_array *part = at_state_array(k, owner, "part", axes, count, span);
    add_equation(k, w, part, value, span);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, count);
    index[0] = at_index(s, product->row, span);
    for (int i = 1; i < count; i++) index[i] = at_index(s, axes[i], span);
    return at_read(s, part, index, NULL, span);
}

