/* What takes the place of a product that was taken apart: a sum that is kept, and its use.
 *
 *     for all i and j        o.all[r,e] = sum[j](g[j,r] * v[j,e])
 *                            … sum[r](f[i,r] * o.all[r,e])
 *
 *     where j <= i           scan i {
 *                              o.past[i,r,e] = rate * o.past[i-1,r,e | 0] + g[i,r] * v[i,e]
 *                              o.part[i,e] = sum[r](f[i,r] * o.past[i,r,e])
 *                            }
 *
 * A recurrence, not blocks of it: one step of it is 2·R·E operations a row on a state that stays in the
 * cache, where blocks of 64 rows take twice that and more in products of matrices. It was the faster one
 * (docs/decisions.md).
 *
 * Exponentials exp(late[i] + early[j]) are kept relative to the largest `early` so far, so that no part of
 * them is larger than one that the program itself asks for. A step whose reference did not move changes
 * nothing: its factor is 1 exactly.
 *
 * Equal sums are kept once, and scans of one direction over one sequence are one where what they read is
 * known before the first. */
#include "opt/factor.h"

#include <math.h>

typedef struct recurrence recurrence;
struct recurrence {
    recurrence *next;
    const at_array *state, *reference; /* reference: NULL without exponentials */
    const at_array *first;             /* the state before the first step; NULL: 0 */
    const at_expr *step, *update;      /* over the state's axes; step NULL: 1 */
    const at_expr *early;
};

typedef struct sweep sweep;
struct sweep {
    sweep *next;
    const at_block *block; /* that holds it */
    at_statement *statement;
    at_axis *axis;
    bool down;
    int position, capacity;
    recurrence *recurrences;
};

typedef struct total total;
struct total {
    total *next;
    const at_block *block;
    const at_array *array;
    const at_expr *value;
};

struct at_keeper {
    at_session *s;
    at_draft *draft;
    sweep *sweeps;
    total *totals;
    int position;
    int *positions; /* by array id: when it was written; 0: given */
    int position_count, position_capacity;
};

at_keeper *at_keeper_new(at_session *s, at_draft *draft) {
    at_keeper *k = AT_NEW(s->arena, at_keeper);
    k->s = s;
    k->draft = draft;
    return k;
}

static void note_at(at_keeper *k, const at_array *array, int position) {
    while (k->position_count <= array->id)
        AT_PUSH(k->s->arena, k->positions, k->position_count, k->position_capacity, 0);
    k->positions[array->id] = position;
}

void at_keeper_note(at_keeper *k, const at_array *array) { note_at(k, array, ++k->position); }

/* ---- equal up to the names of indices ---------------------------------------------------------- */

enum { RENAMED = 16 };

typedef struct {
    int count;
    const at_axis *from[RENAMED], *to[RENAMED];
} renaming;

static bool same_axis(renaming *r, const at_axis *a, const at_axis *b) {
    for (int i = 0; i < r->count; i++)
        if (r->from[i] == a || r->to[i] == b) return r->from[i] == a && r->to[i] == b;
    if (r->count == RENAMED || !at_same_extent(a, b)) return false;
    r->from[r->count] = a;
    r->to[r->count++] = b;
    return true;
}

static bool is_renamed(renaming *r, const at_expr *a, const at_expr *b) {
    if (!a || !b) return a == b;
    if (a->tag != b->tag || a->kind != b->kind) return false;
    switch (a->tag) {
    case AT_CONST: return at_same(a, b);
    case AT_SIZE: return at_same_extent(a->u.axis, b->u.axis);
    case AT_INDEX: return same_axis(r, a->u.axis, b->u.axis);
    case AT_READ:
        if (a->u.read.array != b->u.read.array) return false;
        for (int i = 0; i < a->u.read.array->rank; i++)
            if (!is_renamed(r, a->u.read.index[i], b->u.read.index[i])) return false;
        return is_renamed(r, a->u.read.alternative, b->u.read.alternative);
    case AT_MAP:
        if (a->u.map.op != b->u.map.op) return false;
        for (int i = 0; i < at_op_info(a->u.map.op)->arity; i++)
            if (!is_renamed(r, a->u.map.args[i], b->u.map.args[i])) return false;
        return true;
    case AT_FOLD_NODE: break;
    }
    if (a->u.fold.fold != b->u.fold.fold || a->u.fold.count != b->u.fold.count) return false;
    for (int i = 0; i < a->u.fold.count; i++)
        if (!same_axis(r, a->u.fold.axes[i], b->u.fold.axes[i])) return false;
    return is_renamed(r, a->u.fold.guard, b->u.fold.guard) &&
           is_renamed(r, a->u.fold.body, b->u.fold.body);
}

/* A read of `array`, over whose axes `to` the expression was found equal. */
static const at_expr *read_renamed(at_keeper *k, const renaming *r, const at_array *array,
                                   at_span span) {
    const at_expr **index = AT_NEW_ARRAY(k->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) {
        for (int n = 0; n < r->count; n++)
            if (r->to[n] == array->axes[i]) index[i] = at_index(k->s, r->from[n], span);
        if (!index[i]) return NULL;
    }
    return at_read(k->s, array, index, NULL, span);
}

/* ---- products ---------------------------------------------------------------------------------- */

static bool is_depth(const at_product *product, const at_expr *e) {
    for (int i = 0; i < product->depth_count; i++)
        if (at_mentions(e, product->depth[i])) return true;
    return false;
}

static const at_expr *with_factor(at_session *s, const at_expr *product, const at_factor *f,
                                  at_span span) {
    if (!product) product = f->divides ? at_real(s, 1, span) : f->e;
    else if (!f->divides) return at_make_mul(s, product, f->e);
    else return at_make_div(s, product, f->e);
    return f->divides ? at_make_div(s, product, f->e) : product;
}

static int64_t first_read(const at_expr *e) {
    return e->tag == AT_READ ? e->u.read.array->id : INT64_MAX;
}

/* In one order whatever the program's: by array, so that equal states are found. */
static const at_expr *bound_product(at_session *s, const at_product *product, at_span span) {
    int count = product->bound_count;
    at_factor *factors = at_copy(s->arena, product->bound, sizeof *factors * (size_t)count);
    for (int i = 1; i < count; i++)
        for (int n = i; n > 0 && first_read(factors[n].e) < first_read(factors[n - 1].e); n--) {
            at_factor factor = factors[n];
            factors[n] = factors[n - 1];
            factors[n - 1] = factor;
        }
    const at_expr *all = NULL;
    for (int pass = 0; pass < 2; pass++) /* divisors last */
        for (int i = 0; i < count; i++)
            if (factors[i].divides == (pass == 1)) all = with_factor(s, all, &factors[i], span);
    return all ? all : at_real(s, 1, span);
}

static const at_expr *row_product(at_session *s, const at_product *product, bool deep, at_span span) {
    const at_expr *all = NULL;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < product->row_count; i++) {
            const at_factor *f = &product->rows[i];
            if (f->divides == (pass == 1) && is_depth(product, f->e) == deep)
                all = with_factor(s, all, f, span);
        }
    return all;
}

/* Splits what must hold of a row by whether it looks at the depth. */
static void split_guard(at_session *s, const at_product *product, const at_expr *e,
                        const at_expr **deep, const at_expr **flat) {
    if (!e) return;
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND) {
        split_guard(s, product, e->u.map.args[0], deep, flat);
        split_guard(s, product, e->u.map.args[1], deep, flat);
        return;
    }
    const at_expr **guard = is_depth(product, e) ? deep : flat;
    *guard = at_both(s, *guard, e);
}

/* What rows do with the sum that is kept for them; `before` is multiplied in front. */
static const at_expr *used(at_session *s, const at_product *product, const at_expr *sum,
                           const at_expr *before) {
    at_span span = sum->span;
    const at_expr *deep_guard = NULL, *flat_guard = NULL;
    split_guard(s, product, product->row_guard, &deep_guard, &flat_guard);
    const at_expr *deep = row_product(s, product, true, span);
    const at_expr *flat = row_product(s, product, false, span);
    const at_expr *value = deep ? at_make_mul(s, deep, sum) : sum;
    if (product->data) { /* zeros of the sum are structural then */
        const at_expr *some =
            at_map_node(s, AT_OP_NE, sum, at_real(s, 0, span), NULL, span);
        const at_expr **guard = product->depth_count ? &deep_guard : &flat_guard;
        *guard = at_both(s, *guard, some);
    }
    if (product->depth_count)
        value = at_fold_node(s, AT_FOLD_SUM, product->depth, product->depth_count, deep_guard,
                             value, span);
    if (flat) value = at_make_mul(s, flat, value);
    if (before) value = at_make_mul(s, before, value);
    if (product->negative) value = at_make_neg(s, value);
    return at_where(s, flat_guard, value, 0);
}

/* ---- axes ---------------------------------------------------------------------------------------- */

static bool is_among(const at_axis *axis, at_axis *const *axes, int count) {
    for (int i = 0; i < count; i++)
        if (axes[i] == axis) return true;
    return false;
}

/* The free axes of e but for `first`, which goes in front (NULL: none): those that rows have as well, then
 * depth, then the rest. */
static int axes_of(at_keeper *k, const at_product *product, const at_expr *e, at_axis *first,
                   at_axis ***axes) {
    at_axis **free;
    int count = at_draft_free_axes(k->draft, e, NULL, &free), made = 0;
    *axes = AT_NEW_ARRAY(k->s->arena, at_axis *, count + 1);
    if (first) (*axes)[made++] = first;
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < count; i++) {
            if (free[i] == first) continue;
            bool deep = is_among(free[i], product->depth, product->depth_count), row = false;
            for (int n = 0; !deep && n < product->row_count; n++)
                row |= at_mentions(product->rows[n].e, free[i]);
            if ((row ? 0 : deep ? 1 : 2) == pass) (*axes)[made++] = free[i];
        }
    return made;
}

/* ---- for all rows and columns --------------------------------------------------------------------- */

static at_array *new_array(at_keeper *k, const at_array *owner, const char *suffix, at_axis **axes,
                           int count, at_span span) {
    const char *name = owner ? owner->name : "assertion";
    return at_draft_array(k->draft, at_format(k->s->arena, "%s.%s", name, suffix),
                          owner ? owner->path : name, AT_REAL, axes, count, span);
}

static const at_expr *keep_total(at_keeper *k, const at_separation *p, const at_product *product,
                                 const at_array *owner) {
    at_session *s = k->s;
    at_span span = p->sum->span;
    const at_expr *value = at_fold_node(s, AT_FOLD_SUM, p->bound, p->bound_count,
                                        product->bound_guard, bound_product(s, product, span), span);
    const at_expr *read = NULL;
    for (const total *t = k->totals; t && !read; t = t->next) {
        renaming r = {0};
        if (t->block == k->draft->block && is_renamed(&r, value, t->value))
            read = read_renamed(k, &r, t->array, span);
    }
    if (!read) {
        at_axis **axes;
        int count = axes_of(k, product, value, NULL, &axes);
        at_array *array = new_array(k, owner, "all", axes, count, span);
        at_draft_equation(k->draft, array, value, span);
        at_keeper_note(k, array);
        total *t = AT_NEW(s->arena, total);
        *t = (total){k->totals, k->draft->block, array, value};
        k->totals = t;
        read = at_read_whole(s, array, span);
    }
    return used(s, product, read, NULL);
}

/* ---- what is past --------------------------------------------------------------------------------- */

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
    at_walk(product->late, ask, a);
    at_walk(product->early, ask, a);
    for (int i = 0; i < product->depth_count; i++) a->has_axis |= product->depth[i] == a->axis;
}

/* A scan in which the product can be kept: one that is there, or a new one. */
static sweep *sweep_for(at_keeper *k, const at_product *product, at_span span) {
    at_session *s = k->s;
    bool down = product->order < 0;
    for (sweep *w = k->sweeps; w; w = w->next) {
        if (w->block != k->draft->block || w->down != down || !at_same_extent(w->axis, product->row))
            continue;
        asking a = {k, w->position, w->axis == product->row ? NULL : w->axis, false, false};
        ask_product(&a, product);
        /* The column may have the scan's own axis: it becomes that. */
        if (!a.late && (!a.has_axis || w->axis == product->column)) return w;
    }
    sweep *w = AT_NEW(s->arena, sweep);
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

static void add_equation(at_keeper *k, sweep *w, at_array *target, const at_expr *value,
                         at_span span) {
    at_statement *equation = AT_NEW(k->s->arena, at_statement);
    equation->tag = AT_EQUATION;
    equation->span = span;
    equation->target = target;
    equation->u.value = value;
    at_block *body = &w->statement->u.scan.body;
    AT_PUSH(k->s->arena, body->items, body->count, w->capacity, equation);
    note_at(k, target, w->position);
}

/* `e` with the scan's axis for the row and the column. */
static const at_expr *at_step(at_keeper *k, const sweep *w, const at_product *product,
                              const at_expr *e) {
    if (!e) return NULL;
    const at_axis *axes[] = {product->row, product->column};
    const at_expr *index = at_index(k->s, w->axis, e->span), *values[] = {index, index};
    return at_substitute(k->s, e, axes, values, 2, at_draft_axis, k->draft);
}

static at_product product_at_step(at_keeper *k, const sweep *w, const at_product *product) {
    at_session *s = k->s;
    at_product here = *product;
    here.rows = at_copy(s->arena, product->rows, sizeof *here.rows * (size_t)product->row_count);
    here.bound = at_copy(s->arena, product->bound, sizeof *here.bound * (size_t)product->bound_count);
    for (int i = 0; i < here.row_count; i++) here.rows[i].e = at_step(k, w, product, here.rows[i].e);
    for (int i = 0; i < here.bound_count; i++)
        here.bound[i].e = at_step(k, w, product, here.bound[i].e);
    here.row_guard = at_step(k, w, product, product->row_guard);
    here.bound_guard = at_step(k, w, product, product->bound_guard);
    here.late = at_step(k, w, product, product->late);
    here.early = at_step(k, w, product, product->early);
    return here;
}

/* The same read a step earlier; `other` before the first. */
static const at_expr *step_before(at_keeper *k, const sweep *w, const at_expr *read,
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
static const at_expr *add_reference(at_keeper *k, sweep *w, const at_product *here,
                                    const at_array *owner, at_span span) {
    at_session *s = k->s;
    at_axis **axes;
    const at_expr *own = at_where(s, here->bound_guard, here->early, -INFINITY);
    int count = axes_of(k, here, own, w->axis, &axes);
    at_array *array = new_array(k, owner, "reference", axes, count, span);
    const at_expr *read = at_read_whole(s, array, span), *last = step_before(k, w, read, at_real(s, -INFINITY, span));
    add_equation(k, w, array, at_map_node(s, AT_OP_MAX, last, own, NULL, span), span);
    return read;
}

/* How much what is past counts now, relative to the new reference. */
static const at_expr *correction(at_keeper *k, const sweep *w, const at_expr *reference) {
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

/* Where rows end before the columns that are later do: the state before the first row, which is that of a
 * row at size(row). */
static const at_array *first_state(at_keeper *k, const sweep *w, const at_product *product,
                                   const at_array *owner, at_span span) {
    at_session *s = k->s;
    const at_expr *column = at_index(s, product->column, span);
    const at_expr *rows = at_size_of(s, product->row, span), *own = bound_product(s, product, span);
    if (product->base) {
        const at_expr *by = at_map_node(s, AT_OP_SUB, column, rows, NULL, span);
        by = at_map_node(s, AT_OP_MUL, at_int(s, -product->steps, span), by, NULL, span);
        own = at_make_mul(s, at_map_node(s, AT_OP_POW, product->base, at_as_real(s, by), NULL, span), own);
    }
    at_axis *bound[] = {(at_axis *)product->column}, **axes;
    const at_expr *guard = at_both(s, at_map_node(s, AT_OP_LE, rows, column, NULL, span), product->bound_guard);
    const at_expr *sum = at_fold_node(s, AT_FOLD_SUM, bound, 1, guard, own, span);
    int count = axes_of(k, product, sum, NULL, &axes);
    at_array *array = new_array(k, owner, "later", axes, count, span);
    at_draft_equation(k->draft, array, sum, span);
    note_at(k, array, w->position);
    at_block *block = k->draft->block; /* in front of the scan */
    at_statement *equation = block->items[block->count - 1];
    int at = block->count - 1;
    for (; block->items[at] != w->statement; at--) block->items[at] = block->items[at - 1];
    block->items[at + 1] = w->statement;
    block->items[at] = equation;
    return array;
}

/* What `read`, of a recurrence's state, is before the first step. */
static const at_expr *before_first(at_keeper *k, const recurrence *r, const at_expr *read) {
    at_session *s = k->s;
    if (!r->first) return at_real(s, 0, read->span);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, r->first->rank);
    for (int i = 0; i < r->first->rank; i++)
        for (int n = 0; n < r->state->rank; n++)
            if (r->state->axes[n] == r->first->axes[i]) index[i] = read->u.read.index[n];
    return at_read(s, r->first, index, NULL, read->span);
}

static const recurrence *find_recurrence(at_keeper *k, const sweep *w, const at_product *here,
                                         const at_expr *step, const at_expr *update,
                                         const at_expr **state, const at_expr **reference) {
    for (const recurrence *r = w->recurrences; r; r = r->next) {
        renaming names = {1, {w->axis}, {w->axis}};
        if (!is_renamed(&names, update, r->update) || !is_renamed(&names, step, r->step) ||
            !is_renamed(&names, here->early, r->early))
            continue;
        *state = read_renamed(k, &names, r->state, update->span);
        *reference = r->reference ? read_renamed(k, &names, r->reference, update->span) : NULL;
        if (*state) return r;
    }
    return NULL;
}

/* The recurrence of the product, with reads of its state and reference at this step. */
static const recurrence *state_of(at_keeper *k, sweep *w, const at_product *product,
                                  const at_product *here, const at_array *owner,
                                  const at_expr **read, const at_expr **reference) {
    at_session *s = k->s;
    const at_expr *own = bound_product(s, here, w->statement->span);
    at_span span = own->span;
    const at_expr *step = step_of(s, here, span), *update = at_where(s, here->bound_guard, own, 0);
    const recurrence *known = find_recurrence(k, w, here, step, update, read, reference);
    if (known) return known;
    recurrence *r = AT_NEW(s->arena, recurrence);
    *r = (recurrence){.next = w->recurrences, .step = step, .update = update, .early = here->early};
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
    int count = axes_of(k, here, both, w->axis, &axes);
    at_array *state = new_array(k, owner, "past", axes, count, span);
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

static const at_expr *keep_past(at_keeper *k, const at_separation *p, const at_product *product,
                                const at_array *owner) {
    at_session *s = k->s;
    at_span span = p->sum->span;
    sweep *w = sweep_for(k, product, span);
    at_product here = product_at_step(k, w, product);
    if (!at_equal_extent(s, k->draft->from, product->row, product->column)) {
        const at_expr *index = at_index(s, w->axis, span);
        const at_expr *inside =
            at_map_node(s, AT_OP_LT, index, at_size_of(s, product->column, span), NULL, span);
        here.bound_guard = at_both(s, inside, here.bound_guard);
    }
    const at_expr *state, *reference, *before = NULL;
    const recurrence *r = state_of(k, w, product, &here, owner, &state, &reference);
    if (here.strict) {
        before = step_of(s, &here, span);
        state = step_before(k, w, state, before_first(k, r, state));
        if (reference) reference = step_before(k, w, reference, at_real(s, -INFINITY, span));
    }
    add_late(k, &here, reference);
    if (before && is_depth(&here, before)) { /* powers of what the depth has go into its sum */
        add_row(k, &here, before);
        before = NULL;
    }
    const at_expr *value = used(s, &here, state, before);
    at_axis **axes;
    int count = axes_of(k, &here, value, w->axis, &axes);
    at_array *part = new_array(k, owner, "part", axes, count, span);
    add_equation(k, w, part, value, span);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, count);
    index[0] = at_index(s, product->row, span);
    for (int i = 1; i < count; i++) index[i] = at_index(s, axes[i], span);
    return at_read(s, part, index, NULL, span);
}

const at_expr *at_keep_product(at_keeper *k, const at_separation *p, const at_product *product,
                               const at_array *owner) {
    return product->order ? keep_past(k, p, product, owner) : keep_total(k, p, product, owner);
}
