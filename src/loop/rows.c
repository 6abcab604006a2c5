/* Statements that look at a whole row as loops: running folds, argsort and topk.
 *
 * A running fold is a fold that stores as it goes:
 *
 *     let cumsum = 0
 *     for j
 *       if j != 2
 *         set cumsum = cumsum + x[i,j]
 *       store y at … = cumsum
 *
 * An order gathers keys and positions of the elements inside the guard in scratch, puts them in
 * order and stores the positions. A failure in a row concerns all that comes after it in a running
 * fold, and the whole row in an order: it is a fault that the stores inherit. */
#include "loop/loop.h"

#include <math.h>

static const at_expr *map(at_loop_lowering *l, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(l->s, op, a, b, NULL, a->span);
}

static const at_expr *read(at_loop_lowering *l, const at_array *variable) {
    return at_variable_read(l->s, variable, l->nest->pass->statement->span);
}

static const at_expr *whole(at_loop_lowering *l, int64_t value) {
    return at_int(l->s, value, l->nest->pass->statement->span);
}

static bool is_bound(const at_part *part, const at_axis *axis) {
    for (int i = 0; i < part->count; i++)
        if (part->bound[i] == axis) return true;
    return false;
}

static void enter_guard(at_loop_lowering *l, const at_expr *guard) {
    if (!guard) return;
    const at_expr *condition = at_loop_lower(l, guard);
    at_loop *branch = at_loop_add(l, AT_LOOP_IF);
    branch->condition = condition;
    l->into = &branch->body;
    at_loop_know(l, guard, true, false);
}

/* Loops over the first `rank` of the target's axes that the row does not go along, where the domain
 * (NULL: everywhere), which says nothing of the others, holds. */
static void enter_rows(at_loop_lowering *l, const at_part *part, int rank, const at_expr *domain) {
    at_axis **axes = AT_NEW_ARRAY(l->s->arena, at_axis *, rank);
    int count = 0;
    for (int i = 0; i < rank; i++)
        if (!is_bound(part, l->target->axes[i]) &&
            !at_pass_fixes(l->nest->pass, l->target->axes[i]))
            axes[count++] = l->target->axes[i];
    const at_loop_clips *clips = at_loop_find_clips(l, domain, axes, count);
    for (int i = 0; i < count; i++) {
        at_loop *loop = at_loop_enter_clipped(l, clips, i);
        if (loop) loop->apart = true;
    }
    enter_guard(l, at_loop_clips_rest(clips));
}

/* Ends a store that inherits from the row's fault, if it has one. */
static void inherit(at_loop_lowering *l, const at_array *fault) {
    if (!fault) return;
    at_loop_add(l, AT_LOOP_INHERIT)->array = fault;
    l->nest->fallible = true;
    l->risks++;
}

/* ---- running folds ------------------------------------------------------------------------- */

typedef struct {
    at_fold fold;
    at_kind kind;
    const at_array *value;
    const at_array *found; /* of ints: whether there is a largest or smallest yet */
} running;

static running begin(at_loop_lowering *l, at_fold fold) {
    at_kind kind = l->target->kind;
    bool extreme = fold == AT_FOLD_CUMMAX || fold == AT_FOLD_CUMMIN;
    double neutral = fold == AT_FOLD_CUMPROD ? 1 : 0;
    if (extreme) neutral = fold == AT_FOLD_CUMMAX ? -INFINITY : INFINITY;
    at_span span = l->nest->pass->statement->span;
    const at_expr *start = kind == AT_REAL ? at_real(l->s, neutral, span)
                                           : at_int(l->s, extreme ? 0 : (int64_t)neutral, span);
    running r = {fold, kind, at_loop_let(l, at_fold_info(fold)->text, kind, start), NULL};
    if (extreme && kind == AT_INT)
        r.found = at_loop_let(l, "found", AT_BOOL, at_bool(l->s, false, span));
    return r;
}

static void take_in(at_loop_lowering *l, const running *r, const at_expr *x) {
    bool extreme = r->fold == AT_FOLD_CUMMAX || r->fold == AT_FOLD_CUMMIN;
    at_op best = r->fold == AT_FOLD_CUMMAX ? AT_OP_MAX : AT_OP_MIN;
    at_op sum = r->fold == AT_FOLD_CUMSUM ? AT_OP_ADD : AT_OP_MUL;
    const at_expr *so_far = read(l, r->value);
    if (extreme) {
        const at_expr *larger = map(l, best, so_far, x);
        if (r->found) {
            const at_array *element = at_loop_let(l, "element", AT_INT, x);
            x = read(l, element);
            larger = at_map_node(l->s, AT_OP_IF, read(l, r->found), map(l, best, so_far, x), x,
                                 x->span);
        }
        at_loop_set(l, r->value, larger);
        if (r->found) at_loop_set(l, r->found, at_bool(l->s, true, x->span));
    } else if (r->kind == AT_REAL) {
        at_loop_set(l, r->value, map(l, sum, so_far, x));
    } else {
        /* The element first: it is what a message shows. */
        at_loop *attempt = at_loop_risk(l, AT_LOOP_ATTEMPT, AT_SITE_ARITHMETIC, NULL);
        attempt->variable = r->value;
        attempt->value = map(l, sum, x, so_far);
    }
}

void at_loop_lower_running(at_loop_lowering *l, const at_statement *st) {
    const at_part *part = &st->u.keeping.parts[0];
    enter_rows(l, part, l->target->rank, l->nest->pass->domain);
    running r = begin(l, st->u.keeping.fold);
    const at_array *fault = at_loop_fault(l, "row_fault");
    at_loop *declared = l->into->items[l->into->count - 1];
    at_loops *outer = l->into;
    const at_loop_fact *facts;
    for (int i = 0; i < part->count; i++)
        at_loop_enter(l, part->bound[i])->down = part->down && part->down[i];
    at_loop_try tried = at_loop_enter_try(l, fault);
    facts = l->facts;
    enter_guard(l, part->guard);
    take_in(l, &r, at_loop_lower(l, part->body));
    l->facts = facts;
    bool fails = at_loop_leave_try(l, tried);
    at_loop *store = at_loop_enter_store(l);
    if (fails) inherit(l, fault);
    if (r.found) {
        at_loop *require = at_loop_risk(l, AT_LOOP_REQUIRE, AT_SITE_EMPTY, NULL);
        require->condition = read(l, r.found);
        require->value = whole(l, 0);
    }
    store->value = read(l, r.value);
    if (!fails) at_loop_remove(outer, declared);
}

/* ---- orders -------------------------------------------------------------------------------- */

typedef struct {
    at_loop_sort *sort;
    const at_array *count;
    const at_array *fault; /* NULL: nothing in a row can fail */
} order;

static const at_expr *scratch_read(at_loop_lowering *l, const at_array *scratch,
                                   const at_expr *at) {
    const at_expr **index = AT_NEW_ARRAY(l->s->arena, const at_expr *, scratch->rank);
    for (int i = 0; i < scratch->rank; i++) index[i] = at; /* the first is what counts */
    return at_read(l->s, scratch, index, NULL, at->span);
}

/* Gathers a row: keys and positions of what is inside the guard, and how many. */
static order gather(at_loop_lowering *l, const at_part *part) {
    at_loop_sort *sort = AT_NEW(l->s->arena, at_loop_sort);
    sort->key = at_loop_scratch(l, "key", part->body->kind, part->bound, part->count);
    sort->order = at_loop_scratch(l, "order", AT_INT, part->bound, part->count);
    sort->spare = at_loop_scratch(l, "spare", AT_INT, part->bound, part->count);
    order o = {sort, at_loop_let(l, "count", AT_INT, whole(l, 0)), NULL};
    o.fault = at_loop_fault(l, "row_fault");
    at_loops *outer = l->into;
    at_loop *declared = outer->items[outer->count - 1];
    const at_loop_fact *facts = l->facts;
    for (int i = 0; i < part->count; i++) at_loop_enter(l, part->bound[i]);
    at_loop_try tried = at_loop_enter_try(l, o.fault);
    enter_guard(l, part->guard);
    const at_expr *key = at_loop_lower(l, part->body), *count = read(l, o.count);
    const at_expr *at = at_loop_position(l, part->bound, part->count, part->body->span);
    at_loop_put(l, sort->key, at, key);
    at_loop_put(l, sort->order, count, at);
    at_loop_set(l, o.count, map(l, AT_OP_ADD, count, whole(l, 1)));
    if (!at_loop_leave_try(l, tried)) {
        at_loop_remove(outer, declared);
        o.fault = NULL;
    }
    l->into = outer;
    l->facts = facts;
    sort->count = read(l, o.count);
    return o;
}

/* The position that stands k-th, or -1: kept apart by a branch, as scratch beyond the count holds
 * nothing. */
static const at_expr *place(at_loop_lowering *l, const order *o, const at_expr *k) {
    at_span span = l->nest->pass->statement->span;
    const at_array *found = at_loop_let(l, "found", AT_INT, at_int(l->s, -1, span));
    at_loop *branch = at_loop_add(l, AT_LOOP_IF);
    branch->condition = map(l, AT_OP_LT, k, read(l, o->count));
    at_loops *outer = l->into;
    l->into = &branch->body;
    at_loop_set(l, found, scratch_read(l, o->sort->order, k));
    l->into = outer;
    return read(l, found);
}

void at_loop_lower_order(at_loop_lowering *l, const at_statement *st, const at_part *part) {
    bool topk = st->tag == AT_TOPK;
    const at_axis *rank = topk ? l->target->axes[l->target->rank - 1] : NULL;
    enter_rows(l, part, l->target->rank - topk, NULL);
    order o = gather(l, part);
    o.sort->falling = topk;
    if (topk) o.sort->wanted = at_size(l->s, rank, st->span);
    at_loop_add(l, AT_LOOP_SORT)->sort = o.sort;
    if (topk) at_loop_enter(l, rank);
    else
        for (int i = 0; i < part->count; i++) at_loop_enter(l, part->bound[i]);
    at_loop *store = at_loop_enter_store(l);
    inherit(l, o.fault);
    store->value = place(l, &o, topk ? at_index(l->s, rank, st->span)
                                     : at_loop_position(l, part->bound, part->count, st->span));
}
