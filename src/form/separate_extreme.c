/* What a max or min, and the place of one, is where terms depend on row values: of a function that
 * rises with the elements, max[j](f(x, a)) is f(max[j](x), a), and the place is that of the largest
 * x. Shifts by row values, scales that are not negative, and functions that rise everywhere may be
 * taken out; so relu(x - tau), of which no sum can be taken apart, has its max in one sweep. */
#include "form/separate_int.h"

#include <math.h>

static bool is_map(const at_expr *e, at_op op) { return e->tag == AT_MAP && e->u.map.op == op; }

static const at_expr *choice(at_separating *w, const at_expr *c, const at_expr *a,
                             const at_expr *b) {
    return at_map_node(w->s, AT_OP_IF, c, a, b, b->span);
}

/* ---- rising functions ------------------------------------------------------------------------ */

/* e as a function of its elements alone: `around` is e with `hole` in their place. */
typedef struct {
    const at_expr *elements, *around, *hole;
    bool falls, strict; /* strict: it rises (or falls) everywhere, but for rounding */
} rising;

static bool find(at_separating *w, const at_expr *e, rising *r);

/* Terms of a sum or factors of a product, by what they depend on. */
typedef struct {
    const at_expr *elements, *rows, *both;
    const at_expr *under_elements, *under_rows;
    int both_count;
    bool both_negative, ok;
} sides;

static void gather_terms(at_separating *w, const at_expr *e, bool negative, sides *s) {
    if (is_map(e, AT_OP_ADD) || is_map(e, AT_OP_SUB)) {
        gather_terms(w, e->u.map.args[0], negative, s);
        gather_terms(w, e->u.map.args[1], negative ^ is_map(e, AT_OP_SUB), s);
    } else if (is_map(e, AT_OP_NEG)) {
        gather_terms(w, e->u.map.args[0], !negative, s);
    } else {
        int on = at_sweep_depends(w, e);
        if (on == AT_ON_BOTH) {
            s->both = e;
            s->both_count++;
            s->both_negative = negative;
            return;
        }
        const at_expr **sum = on & AT_ON_ELEMENTS ? &s->elements : &s->rows;
        *sum = at_sweep_plus(w->s, *sum, negative ? at_make_neg(w->s, e) : e);
    }
}

static void gather_factors(at_separating *w, const at_expr *e, bool under, sides *s) {
    if (is_map(e, AT_OP_MUL)) {
        gather_factors(w, e->u.map.args[0], under, s);
        gather_factors(w, e->u.map.args[1], under, s);
    } else if (is_map(e, AT_OP_DIV)) {
        gather_factors(w, e->u.map.args[0], under, s);
        gather_factors(w, e->u.map.args[1], !under, s);
    } else {
        int on = at_sweep_depends(w, e);
        if (on == AT_ON_BOTH) {
            s->ok &= !under;
            s->both = e;
            s->both_count++;
            return;
        }
        const at_expr **product = on & AT_ON_ELEMENTS ? under ? &s->under_elements : &s->elements
                                  : under             ? &s->under_rows
                                                      : &s->rows;
        *product = at_sweep_times(w->s, *product, e);
    }
}

/* The one part that depends on both sides, or the elements. */
static bool inner(at_separating *w, const sides *s, rising *r) {
    const at_expr *elements = at_sweep_over(w->s, s->elements, s->under_elements);
    if (s->both_count > 1 || (s->both && elements)) return false;
    return find(w, s->both ? s->both : elements, r);
}

static bool of_sum(at_separating *w, const at_expr *e, rising *r) {
    sides s = {.ok = true};
    gather_terms(w, e, false, &s);
    if (!inner(w, &s, r)) return false;
    if (s.both && s.both_negative) {
        r->falls = !r->falls;
        r->around = at_make_neg(w->s, r->around);
    }
    r->around = at_sweep_plus(w->s, r->around, s.rows);
    return true;
}

static bool of_product(at_separating *w, const at_expr *e, rising *r) {
    sides s = {.ok = true};
    gather_factors(w, e, false, &s);
    const at_expr *rows = at_sweep_over(w->s, s.rows, s.under_rows);
    if (!s.ok || !rows || !inner(w, &s, r)) return false;
    at_signs sign = at_sweep_sign(w, rows);
    if (sign == AT_ANY_SIGN) {
        if (at_sweep_sign(w, at_make_neg(w->s, rows)) == AT_ANY_SIGN || rows->tag != AT_CONST)
            return false;
        r->falls = !r->falls;
    }
    r->strict &= sign != AT_NOT_NEGATIVE;
    r->around = at_sweep_times(w->s, r->around, s.rows);
    r->around = at_sweep_over(w->s, r->around, s.under_rows);
    return true;
}

/* The argument in which e rises; 0 to 2, or -1. */
static int rises_in(at_separating *w, const at_expr *e, bool *strict) {
    *strict = false;
    switch (e->u.map.op) {
    case AT_OP_EXP:
    case AT_OP_TANH:
    case AT_OP_ERF:
    case AT_OP_SIGMOID:
    case AT_OP_SOFTPLUS:
    case AT_OP_STOP: *strict = true; return 0;
    case AT_OP_LOG:
    case AT_OP_SQRT:
        *strict = true;
        return at_sweep_sign(w, e->u.map.args[0]) == AT_ANY_SIGN ? -1 : 0;
    case AT_OP_RELU:
    case AT_OP_FLOOR:
    case AT_OP_CEIL:
    case AT_OP_ROUND: return 0;
    case AT_OP_MAX:
    case AT_OP_MIN:
        if (!(at_sweep_depends(w, e->u.map.args[1]) & AT_ON_ELEMENTS)) return 0;
        return at_sweep_depends(w, e->u.map.args[0]) & AT_ON_ELEMENTS ? -1 : 1;
    case AT_OP_CLAMP:
        return (at_sweep_depends(w, e->u.map.args[1]) | at_sweep_depends(w, e->u.map.args[2])) &
                       AT_ON_ELEMENTS
                   ? -1
                   : 0;
    default: return -1;
    }
}

static bool of_function(at_separating *w, const at_expr *e, rising *r) {
    bool strict;
    int at = rises_in(w, e, &strict);
    if (at < 0 || !find(w, e->u.map.args[at], r)) return false;
    const at_expr *args[3] = {e->u.map.args[0], NULL, NULL};
    for (int i = 1; i < at_op_info(e->u.map.op)->arity; i++) args[i] = e->u.map.args[i];
    args[at] = r->around;
    r->around = at_map_node(w->s, e->u.map.op, args[0], args[1], args[2], e->span);
    r->strict &= strict;
    return true;
}

static bool find(at_separating *w, const at_expr *e, rising *r) {
    if (at_sweep_depends(w, e) != AT_ON_BOTH) {
        if (!(at_sweep_depends(w, e) & AT_ON_ELEMENTS)) return false;
        at_array *hole = AT_NEW(w->s->arena, at_array);
        *hole = (at_array){.name = "hole", .path = "hole", .role = AT_DEFINED, .kind = e->kind,
                           .span = e->span, .id = -1};
        const at_expr *read = at_read(w->s, hole, NULL, NULL, e->span);
        *r = (rising){.elements = e, .around = read, .hole = read, .strict = true};
        return e->kind == AT_REAL;
    }
    if (e->tag != AT_MAP || e->kind != AT_REAL) return false;
    switch (e->u.map.op) {
    case AT_OP_ADD:
    case AT_OP_SUB:
    case AT_OP_NEG: return of_sum(w, e, r);
    case AT_OP_MUL:
    case AT_OP_DIV: return of_product(w, e, r);
    default: return of_function(w, e, r);
    }
}

typedef struct {
    const at_expr *hole, *value;
} filling;

static const at_expr *fill(void *user, const at_expr *e) {
    const filling *f = user;
    return e->tag == AT_READ && e->u.read.array == f->hole->u.read.array ? f->value : e;
}

static const at_expr *filled(at_separating *w, const rising *r, const at_expr *value) {
    filling f = {r->hole, value};
    return at_rewrite(w->s, r->around, fill, &f);
}

/* ---- choices by row values ------------------------------------------------------------------- */

typedef struct {
    at_separating *w;
    const at_expr *found;
} finding;

/* The first choice in e by row values only. */
static bool look_for_choice(void *user, const at_expr *e) {
    finding *f = user;
    if (f->found || e->tag == AT_FOLD_NODE) return false;
    if (is_map(e, AT_OP_IF) && at_sweep_depends(f->w, e->u.map.args[0]) == AT_ON_LATER &&
        (at_sweep_depends(f->w, e) & AT_ON_ELEMENTS))
        f->found = e;
    return !f->found;
}

typedef struct {
    const at_expr *from, *to;
} replacing;

static const at_expr *replace(void *user, const at_expr *e) {
    const replacing *r = user;
    return e == r->from ? r->to : e;
}

/* ---- values ---------------------------------------------------------------------------------- */

static const at_expr *is_nan(at_separating *w, const at_expr *e) {
    return at_map_node(w->s, AT_OP_NE, e, e, NULL, e->span);
}

/* The place: that of the largest elements. Where row values are NaN or infinite all are the same,
 * and the first is the largest, but for infinite elements. */
static const at_expr *place(at_separating *w, at_fold fold, const at_expr *guard,
                            const rising *r) {
    if (!r->strict) return NULL;
    bool largest = (fold == AT_FOLD_ARGMAX) ^ r->falls;
    int k = at_sweep_fold_part(w, largest ? AT_FOLD_ARGMAX : AT_FOLD_ARGMIN, guard, r->elements);
    const at_expr *value = w->parts->parts[k].now;
    if (r->around == r->hole) return value;
    const at_expr *zero = at_real(w->s, 0, r->elements->span), *near = filled(w, r, zero);
    const at_expr *best = filled(w, r, w->parts->parts[w->parts->parts[k].largest].now);
    const at_expr *size = at_map_node(w->s, AT_OP_ABS, near, NULL, NULL, zero->span);
    const at_expr *infinity = at_real(w->s, INFINITY, zero->span);
    const at_expr *finite = at_map_node(w->s, AT_OP_LT, size, infinity, NULL, zero->span);
    const at_expr *apart = at_map_node(w->s, AT_OP_AND, is_nan(w, best),
                                       at_map_node(w->s, AT_OP_EQ, near, near, NULL, zero->span),
                                       NULL, zero->span);
    const at_expr *first = at_fold_node(w->s, fold, w->parts->axes, w->parts->axis_count, guard,
                                        zero, zero->span);
    return choice(w, at_map_node(w->s, AT_OP_OR, finite, apart, NULL, zero->span), value, first);
}

static const at_expr *extreme(at_separating *w, at_fold fold, const at_expr *guard,
                              const rising *r) {
    bool largest = (fold == AT_FOLD_MAX) ^ r->falls;
    int k = at_sweep_fold_part(w, largest ? AT_FOLD_MAX : AT_FOLD_MIN, guard, r->elements);
    const at_expr *now = w->parts->parts[k].now, *value = filled(w, r, now);
    if (value == now) return value;
    const at_expr *some = at_sweep_some(w, guard);
    const at_expr *none = at_real(w->s, fold == AT_FOLD_MAX ? -INFINITY : INFINITY, value->span);
    return some ? choice(w, some, value, none) : value;
}

static const at_expr *value_of(at_separating *w, at_fold fold, const at_expr *guard,
                               const at_expr *body, int depth) {
    bool places = fold == AT_FOLD_ARGMAX || fold == AT_FOLD_ARGMIN;
    finding f = {w, NULL};
    at_walk(body, look_for_choice, &f);
    if (f.found && depth < AT_SWEEP_CASES) {
        const at_expr *either[2];
        for (int i = 0; i < 2; i++) {
            replacing r = {f.found, f.found->u.map.args[i + 1]};
            const at_expr *one = at_rewrite(w->s, body, replace, &r);
            either[i] = value_of(w, fold, guard, one, depth + 1);
            if (!either[i]) return NULL;
        }
        return choice(w, f.found->u.map.args[0], either[0], either[1]);
    }
    /* What is -inf outside of a condition is nothing to a max. */
    if (!places && is_map(body, AT_OP_IF) && at_sweep_depends(w, body) == AT_ON_BOTH &&
        !(at_sweep_depends(w, body->u.map.args[0]) & AT_ON_LATER) &&
        at_is_number(body->u.map.args[2], fold == AT_FOLD_MAX ? -INFINITY : INFINITY))
        return value_of(w, fold, at_both(w->s, guard, body->u.map.args[0]), body->u.map.args[1],
                        depth);
    if (!(at_sweep_depends(w, body) & AT_ON_ELEMENTS) && !places && body->kind == AT_REAL) {
        const at_expr *some = at_sweep_some(w, guard);
        double none = fold == AT_FOLD_MAX ? -INFINITY : INFINITY;
        return some ? choice(w, some, body, at_real(w->s, none, body->span)) : body;
    }
    rising r;
    const at_expr *value = NULL;
    if (find(w, body, &r)) value = places ? place(w, fold, guard, &r) : extreme(w, fold, guard, &r);
    if (!value) at_sweep_no_form(w, body);
    return value;
}

const at_expr *at_sweep_extreme_value(at_separating *w, at_fold fold, const at_expr *guard,
                                      const at_expr *body) {
    return value_of(w, fold, guard, body, 0);
}
