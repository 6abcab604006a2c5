/* Folds that group by data as scatters: of `z[g,c] = sum[e where dst[e] == g](x[e,c])`
 *
 *     for g, for c
 *       put z at g,c = 0
 *     for e
 *       g is dst[e]
 *       if 0 <= g and g < size(g)
 *         for c
 *           put z at g,c = z[g,c] + x[e,c]
 *
 * An equality of the guard in which an index of the left side is linear says which element a term
 * belongs to. Each element gets its terms in the order of the bound axes, as ever. Nothing in the
 * fold may fail: a failure would concern the element, which is not known before. An equality that
 * bounds a loop (clip.c) stays one, which costs less. */
#include "loop/loop.h"

#include <math.h>

enum { MOST = 8 };

typedef struct {
    const at_axis *axis;  /* of the target */
    const at_expr *place; /* the index that a term belongs to */
} solution;

typedef struct {
    at_loop_lowering *l;
    const at_expr *fold;
    int solved_count;
    solution solved[MOST];
    const at_expr *before, *after; /* the rest of the guard: without and with solved indices */
    const at_array *count;         /* mean: scratch over the target's elements */
} scatter;

static const at_expr *map(scatter *c, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(c->l->s, op, a, b, NULL, a->span);
}

static bool is_solved(const scatter *c, const at_axis *axis) {
    for (int i = 0; i < c->solved_count; i++)
        if (c->solved[i].axis == axis) return true;
    return false;
}

static bool mentions_solved(const scatter *c, const at_expr *e) {
    for (int i = 0; i < c->solved_count; i++)
        if (at_mentions(e, c->solved[i].axis)) return true;
    return false;
}

static bool mentions_bound(const scatter *c, const at_expr *e) {
    for (int k = 0; k < c->fold->u.fold.count; k++)
        if (at_mentions(e, c->fold->u.fold.axes[k])) return true;
    return false;
}

/* ---- solving --------------------------------------------------------------------------------- */

/* The only term that mentions the axis is the axis, once or minus once: its place in the form. */
static int linear_in(const at_affine *form, const at_axis *axis) {
    int at = -1;
    for (int i = 0; i < form->count; i++) {
        if (!at_mentions(form->terms[i], axis)) continue;
        if (at >= 0 || form->terms[i]->tag != AT_INDEX) return -1;
        at = i;
    }
    return at >= 0 && (form->factors[at] == 1 || form->factors[at] == -1) ? at : -1;
}

/* axis = place, where the form is 0. */
static const at_expr *place_of(scatter *c, const at_affine *form, int at, at_span span) {
    at_affine term, rest, none = {0};
    at_session *s = c->l->s;
    if (!at_affine_of(s, form->terms[at], &term) ||
        !at_affine_add(s, form, -form->factors[at], &term, &rest) ||
        !at_affine_add(s, &none, -form->factors[at], &rest, &rest))
        return NULL;
    return at_affine_expr(s, &rest, span);
}

static bool solve(scatter *c, const at_expr *e) {
    at_session *s = c->l->s;
    if (e->tag != AT_MAP || e->u.map.op != AT_OP_EQ || e->u.map.args[0]->kind != AT_INT)
        return false;
    at_affine left, right, form;
    if (!mentions_bound(c, e) || c->solved_count == MOST) return false;
    if (!at_affine_of(s, e->u.map.args[0], &left) || !at_affine_of(s, e->u.map.args[1], &right) ||
        !at_affine_add(s, &left, -1, &right, &form))
        return false;
    if (at_bounds_index(s, e, c->fold)) return false;
    for (int i = 0; i < c->l->target->rank; i++) {
        const at_axis *axis = c->l->axes[i];
        int at = linear_in(&form, axis);
        if (at < 0 || is_solved(c, axis) || at_pass_fixes(c->l->nest->pass, axis)) continue;
        const at_expr *place = place_of(c, &form, at, e->span);
        if (!place || mentions_solved(c, place)) continue;
        c->solved[c->solved_count++] = (solution){axis, place};
        return true;
    }
    return false;
}

static const at_expr *both(scatter *c, const at_expr *a, const at_expr *b) {
    return a ? map(c, AT_OP_AND, a, b) : b;
}

/* Equalities first: later ones may solve what an earlier condition mentions. */
static void take(scatter *c, const at_expr *e, const at_expr **rest) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND) {
        take(c, e->u.map.args[0], rest);
        take(c, e->u.map.args[1], rest);
    } else if (!solve(c, e)) {
        *rest = both(c, *rest, e);
    }
}

static void part(scatter *c, const at_expr *e) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND) {
        part(c, e->u.map.args[0]);
        part(c, e->u.map.args[1]);
    } else if (mentions_solved(c, e)) {
        c->after = both(c, c->after, e);
    } else {
        c->before = both(c, c->before, e);
    }
}

static bool can_scatter(const at_loop_lowering *l, const at_expr *e) {
    if (e->tag != AT_FOLD_NODE || !e->u.fold.guard) return false;
    switch (e->u.fold.fold) {
    case AT_FOLD_SUM: return e->kind == AT_REAL || at_loop_sum_fits(l, e);
    case AT_FOLD_ANY:
    case AT_FOLD_ALL:
    case AT_FOLD_COUNT:
    case AT_FOLD_MEAN: return true;
    case AT_FOLD_PROD:
    case AT_FOLD_MIN:
    case AT_FOLD_MAX: return e->kind == AT_REAL; /* of no ints there is no largest */
    default: return false;
    }
}

static bool find_total(scatter *c, const at_expr *rest) {
    for (int i = 0; i < c->solved_count; i++)
        if (mentions_solved(c, c->solved[i].place) ||
            !at_loop_is_total(c->l, c->solved[i].place, NULL))
            return false;
    if (rest) part(c, rest);
    if (at_is_fallible(c->l->program, c->l->target)) return false;
    if (!at_loop_is_total(c->l, c->fold->u.fold.guard, NULL)) return false;
    bool counts = c->fold->u.fold.fold == AT_FOLD_COUNT && c->fold->u.fold.body->kind != AT_BOOL;
    /* Where a term's place is, its body is asked for as in the double loop. */
    return counts || at_loop_is_total(c->l, c->fold->u.fold.body, c->fold->u.fold.guard);
}

static bool find(scatter *c) {
    const at_expr *rest = NULL;
    take(c, c->fold->u.fold.guard, &rest);
    if (c->solved_count == 0) return false;
    bool good = find_total(c, rest);
    if (!good)
        at_reason_expr(c->l->s, AT_REASON_SKIP, c->fold->u.fold.guard,
                       "is asked at each `%s`, though it says which one is meant: it, or what is "
                       "taken in where it holds, may fail", c->solved[0].axis->name);
    return good;
}

/* ---- updates --------------------------------------------------------------------------------- */

static const at_expr *neutral(scatter *c) {
    at_span span = c->fold->span;
    bool real = c->fold->kind == AT_REAL;
    switch (c->fold->u.fold.fold) {
    case AT_FOLD_PROD: return at_real(c->l->s, 1, span);
    case AT_FOLD_MIN: return at_real(c->l->s, INFINITY, span);
    case AT_FOLD_MAX: return at_real(c->l->s, -INFINITY, span);
    case AT_FOLD_ANY: return at_bool(c->l->s, false, span);
    case AT_FOLD_ALL: return at_bool(c->l->s, true, span);
    default: return real ? at_real(c->l->s, 0, span) : at_int(c->l->s, 0, span);
    }
}

/* The element at the present indices. */
static const at_expr *element(scatter *c, const at_array *array) {
    const at_array *target = c->l->target;
    const at_expr **index = AT_NEW_ARRAY(c->l->s->arena, const at_expr *, target->rank);
    for (int i = 0; i < target->rank; i++)
        index[i] = at_index(c->l->s, c->l->axes[i], c->fold->span);
    if (at_is_scratch(array))
        index[0] = at_address_of(c->l->s, c->l->program->plan, target, index);
    return at_read(c->l->s, array, index, NULL, c->fold->span);
}

static void put(scatter *c, const at_expr *to, const at_expr *value) {
    const at_array *array = to->u.read.array;
    at_loop_put(c->l, array,
                at_address_of(c->l->s, c->l->program->plan, array, to->u.read.index), value);
}

static void enter_if(scatter *c, const at_expr *condition) {
    if (!condition) return;
    at_loop *branch = at_loop_add(c->l, AT_LOOP_IF);
    branch->condition = condition;
    c->l->into = &branch->body;
}

/* Adds one, where a body that is a bool holds. */
static void count_one(scatter *c, const at_array *array) {
    const at_expr *so_far = element(c, array);
    put(c, so_far, map(c, AT_OP_ADD, so_far, at_int(c->l->s, 1, c->fold->span)));
}

static void update(scatter *c, const at_expr *body) {
    at_fold fold = c->fold->u.fold.fold;
    bool counts = fold == AT_FOLD_COUNT;
    const at_expr *x = counts && body->kind != AT_BOOL ? NULL
                                                       : at_loop_lower(c->l, body);
    if (counts) {
        enter_if(c, x);
        count_one(c, c->l->target);
        return;
    }
    const at_expr *so_far = element(c, c->l->target);
    at_op op = fold == AT_FOLD_PROD ? AT_OP_MUL
               : fold == AT_FOLD_MIN ? AT_OP_MIN
               : fold == AT_FOLD_MAX ? AT_OP_MAX
               : fold == AT_FOLD_ANY ? AT_OP_OR
               : fold == AT_FOLD_ALL ? AT_OP_AND
                                     : AT_OP_ADD;
    put(c, so_far, map(c, op, so_far, x));
    if (c->count) count_one(c, c->count);
}

/* ---- what does not depend on the loops inside ------------------------------------------------ */

/* An axis of the target whose loop goes inside of that over the terms. */
static bool is_inner(const scatter *c, const at_axis *axis) {
    return !at_mentions(c->fold->u.fold.guard, axis) && !at_pass_fixes(c->l->nest->pass, axis);
}

static bool note_work(void *user, const at_expr *e) {
    bool *found = user;
    if (e->tag == AT_FOLD_NODE) *found = true;
    if (e->tag == AT_MAP && e->kind == AT_REAL)
        *found |= at_op_info(e->u.map.op)->level == 0 || e->u.map.op == AT_OP_DIV ||
                  e->u.map.op == AT_OP_POW;
    return !*found;
}

/* e with variables for the parts that take long and are the same in all rounds of these loops. What
 * is only asked for under a condition stays there. */
static const at_expr *with_variables(scatter *c, const at_expr *e) {
    bool inner = false, works = false;
    for (int i = 0; i < c->l->target->rank; i++)
        inner |= is_inner(c, c->l->axes[i]) && at_mentions(e, c->l->axes[i]);
    at_walk(e, note_work, &works);
    if (!works) return e;
    if (!inner) {
        const at_expr *value = at_loop_lower(c->l, e);
        return at_variable_read(c->l->s, at_loop_let(c->l, "part", e->kind, value), e->span);
    }
    at_op op = e->tag == AT_MAP ? e->u.map.op : AT_OP_IF;
    if (op == AT_OP_IF || op == AT_OP_AND || op == AT_OP_OR) return e;
    const at_expr *args[3] = {0};
    for (int i = 0; i < at_op_info(op)->arity; i++) args[i] = with_variables(c, e->u.map.args[i]);
    return at_map_node(c->l->s, op, args[0], args[1], args[2], e->span);
}

static bool has_inner(const scatter *c) {
    for (int i = 0; i < c->l->target->rank; i++)
        if (is_inner(c, c->l->axes[i])) return true;
    return false;
}

/* ---- loops ----------------------------------------------------------------------------------- */

/* Whether the loop over a target's axis goes around all others: the guard depends on it. */
static bool is_outer(const scatter *c, const at_axis *axis) {
    return !is_solved(c, axis) && at_mentions(c->fold->u.fold.guard, axis);
}

static void enter_target(scatter *c, bool solved_too) {
    for (int i = 0; i < c->l->target->rank; i++) {
        const at_axis *axis = c->l->axes[i];
        if (!is_outer(c, axis) && (solved_too || !is_solved(c, axis))) at_loop_enter(c->l, axis);
    }
}

/* Loops over the terms, each at its place. */
static void enter_terms(scatter *c) {
    at_loop_lowering *l = c->l;
    const at_loop_clips *clips =
        at_loop_find_clips(l, c->before, c->fold->u.fold.axes, c->fold->u.fold.count);
    for (int k = 0; k < c->fold->u.fold.count; k++) at_loop_enter_clipped(l, clips, k);
    const at_expr *rest = at_loop_clips_rest(clips);
    if (rest) enter_if(c, at_loop_lower(l, rest));
    at_loop_know(l, rest, true, false);
    for (int i = 0; i < c->solved_count; i++) {
        const solution *s = &c->solved[i];
        bool inside = at_loop_is_inside(l, s->place, s->axis) == AT_INSIDE;
        const at_expr *place = at_loop_lower(l, s->place);
        at_loop *bind = at_loop_add(l, AT_LOOP_BIND);
        bind->axis = s->axis;
        bind->value = place;
        if (inside) continue;
        const at_expr *at = at_index(l->s, s->axis, place->span);
        const at_expr *low = map(c, AT_OP_LE, at_int(l->s, 0, at->span), at);
        const at_expr *high = map(c, AT_OP_LT, at, at_size(l->s, s->axis, at->span));
        enter_if(c, map(c, AT_OP_AND, low, high));
    }
    if (c->after) enter_if(c, at_loop_lower(l, c->after));
    at_loop_know(l, c->after, true, false);
}

static void forget(scatter *c, at_loops *into, const at_loop_fact *facts) {
    c->l->into = into;
    c->l->facts = facts;
}

bool at_loop_lower_scatter(at_loop_lowering *l, const at_expr *value) {
    if (!can_scatter(l, value)) return false;
    scatter c = {.l = l, .fold = value};
    if (!find(&c)) return false;
    const at_array *target = l->target;
    /* What it has stored it reads back: not rounded to what an output holds. */
    l->program->plan->places[l->program->plan->place_of[target->id]].is_read = true;
    for (int i = 0; i < target->rank; i++) {
        if (!is_outer(&c, l->axes[i])) continue;
        at_loop *loop = at_loop_enter(l, l->axes[i]);
        if (loop) loop->apart = true;
    }
    if (value->u.fold.fold == AT_FOLD_MEAN)
        c.count = at_loop_scratch(l, "count", AT_INT, target->axes, target->rank);
    at_loops *outer = l->into;
    const at_loop_fact *facts = l->facts;
    enter_target(&c, true);
    put(&c, element(&c, target), neutral(&c));
    if (c.count) put(&c, element(&c, c.count), at_int(l->s, 0, value->span));
    forget(&c, outer, facts);
    enter_terms(&c);
    const at_expr *body = value->u.fold.body;
    if (has_inner(&c)) body = with_variables(&c, body);
    enter_target(&c, false);
    update(&c, body);
    forget(&c, outer, facts);
    if (!c.count) return true;
    enter_target(&c, true);
    const at_expr *count = element(&c, c.count), *sum = element(&c, target);
    const at_expr *none = map(&c, AT_OP_EQ, count, at_int(l->s, 0, value->span));
    const at_expr *mean = map(&c, AT_OP_DIV, sum, at_as_real(l->s, count));
    put(&c, sum, at_map_node(l->s, AT_OP_IF, none, sum, mean, value->span));
    forget(&c, outer, facts);
    return true;
}
