/* Folds as loops: an accumulator, a loop for each bound axis, the guard as a condition, and an
 * update made of ordinary operations, so that no later stage knows what a fold is.
 *
 *     let max = -inf
 *     for j
 *       if j <= i
 *         set max = max(max, s[i,j])
 *
 * `max(a, b)` keeps NaN and the first of equals, which is all that the fold asks for. */
#include "loop/loop.h"

#include <math.h>

/* What a fold carries from element to element. */
typedef struct {
    at_loop_lowering *l;
    const at_expr *fold;
    at_kind kind;               /* of the body */
    const at_array *value;      /* the running result; of argmax: the best element */
    const at_array *second;     /* mean under a guard: how many; max of ints: whether any; argmax: its index */
} accumulator;

static const at_expr *read(accumulator *a, const at_array *variable) {
    return at_variable_read(a->l->s, variable, a->fold->span);
}

static const at_expr *map(accumulator *a, at_op op, const at_expr *x, const at_expr *y) {
    return at_map_node(a->l->s, op, x, y, NULL, a->fold->span);
}

static const at_expr *number(accumulator *a, at_kind kind, double value) {
    return kind == AT_REAL ? at_real(a->l->s, value, a->fold->span)
                           : at_int(a->l->s, (int64_t)value, a->fold->span);
}

static const at_array *let(accumulator *a, const char *name, at_kind kind, double value) {
    const at_expr *start = kind == AT_BOOL ? at_bool(a->l->s, value != 0, a->fold->span)
                                           : number(a, kind, value);
    return at_loop_let(a->l, name, kind, start);
}

static void begin(accumulator *a) {
    at_fold fold = a->fold->u.fold.fold;
    const char *name = at_fold_info(fold)->text;
    switch (fold) {
    case AT_FOLD_SUM:
    case AT_FOLD_COUNT: a->value = let(a, name, a->fold->kind, 0); break;
    case AT_FOLD_PROD: a->value = let(a, name, a->fold->kind, 1); break;
    case AT_FOLD_ANY: a->value = let(a, name, AT_BOOL, 0); break;
    case AT_FOLD_ALL: a->value = let(a, name, AT_BOOL, 1); break;
    case AT_FOLD_MEAN:
        a->value = let(a, "sum", AT_REAL, 0);
        if (a->fold->u.fold.guard) a->second = let(a, "count", AT_INT, 0);
        break;
    case AT_FOLD_MIN:
    case AT_FOLD_MAX:
        if (a->kind == AT_REAL) {
            a->value = let(a, name, AT_REAL, fold == AT_FOLD_MIN ? INFINITY : -INFINITY);
        } else {
            a->value = let(a, name, AT_INT, 0);
            a->second = let(a, "found", AT_BOOL, 0);
        }
        break;
    case AT_FOLD_ARGMIN:
    case AT_FOLD_ARGMAX:
        a->value = let(a, "best", a->kind, 0);
        a->second = let(a, name, AT_INT, -1);
        break;
    default: AT_ASSERT(a->l->s, fold != AT_FOLD_LOGSUMEXP); /* opt has written it out */
    }
}

/* value = value op x: tested for overflow when they are ints. */
static void accumulate(accumulator *a, at_op op, const at_expr *x) {
    const at_expr *sum = map(a, op, read(a, a->value), x);
    bool fits = a->kind == AT_INT && op == AT_OP_ADD && at_loop_sum_fits(a->l, a->fold);
    if (a->kind == AT_REAL || fits) {
        at_loop_set(a->l, a->value, sum);
        return;
    }
    at_loop *attempt = at_loop_risk(a->l, AT_LOOP_ATTEMPT, AT_SITE_ARITHMETIC, a->fold);
    attempt->variable = a->value;
    attempt->value = sum;
}

static void add_one(accumulator *a, const at_array *count) {
    at_loop_set(a->l, count, map(a, AT_OP_ADD, read(a, count), number(a, AT_INT, 1)));
}

/* A value that the update uses more than once. */
static const at_expr *element(accumulator *a, const at_expr *x) {
    return read(a, at_loop_let(a->l, "element", x->kind, x));
}

/* Adds `if condition` and goes on inside it. */
static void enter_if(accumulator *a, const at_expr *condition) {
    at_loop *branch = at_loop_add(a->l, AT_LOOP_IF);
    branch->condition = condition;
    a->l->into = &branch->body;
}

/* The first element wins over none; later a better one over the best, unless that is NaN. */
static void choose_best(accumulator *a, const at_expr *x) {
    x = element(a, x);
    const at_expr *best = read(a, a->value);
    at_op not_better = a->fold->u.fold.fold == AT_FOLD_ARGMAX ? AT_OP_LE : AT_OP_GE;
    const at_expr *better = map(a, AT_OP_NOT, map(a, not_better, x, best), NULL);
    if (a->kind == AT_REAL)
        better = map(a, AT_OP_AND, map(a, AT_OP_EQ, best, best), better);
    const at_expr *first = map(a, AT_OP_LT, read(a, a->second), number(a, AT_INT, 0));
    enter_if(a, map(a, AT_OP_OR, first, better));
    at_loop_set(a->l, a->value, x);
    const at_expr *fold = a->fold;
    at_loop_set(a->l, a->second,
                at_loop_position(a->l, fold->u.fold.axes, fold->u.fold.count, fold->span));
}

static void update(accumulator *a, const at_expr *x) {
    at_fold fold = a->fold->u.fold.fold;
    at_op best = fold == AT_FOLD_MIN ? AT_OP_MIN : AT_OP_MAX;
    switch (fold) {
    case AT_FOLD_SUM: accumulate(a, AT_OP_ADD, x); break;
    case AT_FOLD_PROD: accumulate(a, AT_OP_MUL, x); break;
    case AT_FOLD_MEAN:
        accumulate(a, AT_OP_ADD, x);
        if (a->second) add_one(a, a->second);
        break;
    case AT_FOLD_ANY: at_loop_set(a->l, a->value, map(a, AT_OP_OR, read(a, a->value), x)); break;
    case AT_FOLD_ALL: at_loop_set(a->l, a->value, map(a, AT_OP_AND, read(a, a->value), x)); break;
    case AT_FOLD_COUNT:
        if (a->kind == AT_BOOL) enter_if(a, x);
        add_one(a, a->value);
        break;
    case AT_FOLD_MIN:
    case AT_FOLD_MAX:
        if (a->kind == AT_INT) {
            x = element(a, x);
            x = at_map_node(a->l->s, AT_OP_IF, read(a, a->second),
                            map(a, best, read(a, a->value), x), x, a->fold->span);
            at_loop_set(a->l, a->value, x);
            at_loop_set(a->l, a->second, at_bool(a->l->s, true, a->fold->span));
        } else {
            at_loop_set(a->l, a->value, map(a, best, read(a, a->value), x));
        }
        break;
    default: choose_best(a, x);
    }
}

/* How many elements there are without a guard. */
static const at_expr *all_of_them(accumulator *a) {
    at_axis **axes = a->fold->u.fold.axes;
    const at_expr *count = at_size(a->l->s, axes[0], a->fold->span);
    for (int i = 1; i < a->fold->u.fold.count; i++)
        count = map(a, AT_OP_MUL, count, at_size(a->l->s, axes[i], a->fold->span));
    return count;
}

static const at_expr *result(accumulator *a) {
    at_fold fold = a->fold->u.fold.fold;
    if (fold == AT_FOLD_ARGMIN || fold == AT_FOLD_ARGMAX) return read(a, a->second);
    if (fold == AT_FOLD_MEAN) {
        const at_expr *count = a->second ? read(a, a->second) : all_of_them(a);
        const at_expr *mean = map(a, AT_OP_DIV, read(a, a->value), at_as_real(a->l->s, count));
        return at_map_node(a->l->s, AT_OP_IF, map(a, AT_OP_EQ, count, number(a, AT_INT, 0)),
                           number(a, AT_REAL, 0), mean, a->fold->span);
    }
    if (a->second) {
        at_loop *require = at_loop_risk(a->l, AT_LOOP_REQUIRE, AT_SITE_EMPTY, a->fold);
        require->condition = read(a, a->second);
        require->value = number(a, AT_INT, 0);
    }
    return read(a, a->value);
}

const at_expr *at_loop_lower_fold(at_loop_lowering *l, const at_expr *e) {
    accumulator a = {l, e, e->u.fold.body->kind, NULL, NULL};
    begin(&a);
    at_loops *outer = l->into;
    const at_loop_fact *facts = l->facts;
    const at_loop_clips *clips =
        at_loop_find_clips(l, e->u.fold.guard, e->u.fold.axes, e->u.fold.count);
    for (int i = 0; i < e->u.fold.count; i++) at_loop_enter_clipped(l, clips, i);
    const at_expr *guard = at_loop_clips_rest(clips);
    if (guard) enter_if(&a, at_loop_lower(l, guard));
    at_loop_know(l, guard, true, false);
    /* How many numbers there are does not depend on them. */
    bool counts = e->u.fold.fold == AT_FOLD_COUNT && a.kind != AT_BOOL;
    update(&a, counts ? NULL : at_loop_lower(l, e->u.fold.body));
    l->into = outer;
    l->facts = facts;
    return result(&a);
}
