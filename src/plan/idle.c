/* Steps of a scan that change nothing. A scan over blocks of keys, as
 *
 *     scan t {
 *       m[t,i] = max(m[t-1,i | -inf], max[j where j // 64 == t and j <= i](s[t,i,j]))
 *       r[t,i] = if m[t,i] == -inf then 0 else m[t,i]
 *       c[t,i] = if m[t,i] == m[t-1,i | -inf] then 1 else exp(r[t-1,i | 0] - r[t,i])
 *       l[t,i] = c[t,i] * l[t-1,i | 0] + sum[j where j // 64 == t and j <= i](exp(s[t,i,j] - r[t,i]))
 *     }
 *
 * has nothing to do where the guards of its folds leave nothing. That it then keeps all values is shown
 * by putting in what a fold over nothing is: m[t] is max(m[t-1], -inf), which is m[t-1], so r[t] is
 * r[t-1], c[t] is 1, and l[t] is 1 * l[t-1] + 0.
 *
 * Between which steps guards leave something follows from their bounds of j: of 64 * t <= j and j <= i
 * remains 64 * t <= i, with the largest i of the block that a group is at. A scan runs its first
 * step, and then those from `from` to before `to`.
 *
 * x == x is taken to hold, which it does not for NaN; but only where what is chosen otherwise is NaN
 * too. */
#include "form/form.h"
#include "plan/plan.h"

#include <math.h>

enum { FORMS = 32, DEPTH = 16 };

typedef struct {
    at_session *s;
    at_plan *plan;
    at_plan_step *scan;
    const at_axis *axis;
    const at_group *group; /* around the scan, or NULL */
    const at_pass *first;  /* a pass of the scan */
    int depth;
    bool failed;
    int equal_count;
    const at_expr *equal[8]; /* what was taken to equal itself */
} idling;

static const at_pass *pass_of(const idling *d, int i) {
    return d->plan->passes[d->scan->body.items[i]->pass];
}

static const at_pass *writer_of(const idling *d, const at_array *array) {
    for (int i = 0; i < d->scan->body.count; i++)
        if (pass_of(d, i)->target == array) return pass_of(d, i);
    return NULL;
}

/* How many steps behind the present one a read is; -1: not known. */
static int64_t lag_of(const idling *d, const at_expr *read) {
    const at_array *array = read->u.read.array;
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == d->axis) return at_index_lag(read->u.read.index[i], d->axis, false);
    return -1;
}

/* ---- between which steps a fold has elements ------------------------------------------------- */

typedef struct {
    int count;
    at_affine items[FORMS]; /* 0 or more where the fold has an element */
} forms;

static void add_gap(idling *d, forms *to, const at_expr *a, const at_expr *b, int strict) {
    at_affine left, right, form;
    if (to->count == FORMS || !at_affine_of(d->s, a, &left) || !at_affine_of(d->s, b, &right))
        return;
    if (!at_affine_add(d->s, &right, -1, &left, &form)) return;
    if (!__builtin_sub_overflow(form.constant, strict, &form.constant))
        to->items[to->count++] = form;
}

static void add_condition(idling *d, forms *to, const at_expr *e) {
    if (!e || e->tag != AT_MAP) return;
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1], *parts[2];
    if (e->u.map.op == AT_OP_AND) {
        add_condition(d, to, a);
        add_condition(d, to, b);
        return;
    }
    if (at_op_info(e->u.map.op)->rule != AT_RULE_COMPARE || a->kind != AT_INT) return;
    for (int side = 0; side < 2; side++) {
        int count = at_without_quotient(d->s, e, side, parts);
        for (int i = 0; i < count; i++) add_condition(d, to, parts[i]);
        if (count) return;
    }
    at_op op = e->u.map.op;
    if (op == AT_OP_LE || op == AT_OP_LT || op == AT_OP_EQ) add_gap(d, to, a, b, op == AT_OP_LT);
    if (op == AT_OP_GE || op == AT_OP_GT || op == AT_OP_EQ) add_gap(d, to, b, a, op == AT_OP_GT);
}

/* The factor of a plain index in a form; 0: it is not there. *good: it is in no other term. */
static int64_t factor_of(const at_affine *form, const at_axis *axis, bool *good) {
    int64_t factor = 0;
    for (int i = 0; i < form->count; i++) {
        if (!at_mentions(form->terms[i], axis)) continue;
        *good &= form->terms[i]->tag == AT_INDEX;
        factor = form->factors[i];
    }
    return factor;
}

static const at_expr *number(idling *d, int64_t n) { return at_int(d->s, n, at_no_span()); }

static const at_expr *map(idling *d, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(d->s, op, a, b, NULL, a->span);
}

static const at_expr *less_one(idling *d, const at_expr *e) {
    return map(d, AT_OP_SUB, e, number(d, 1));
}

/* Whether the index of an axis is the same for the whole scan. */
static bool is_around(const idling *d, const at_axis *axis) {
    for (int i = 0; d->group && i < d->group->single_count; i++)
        if (d->group->single[i] == axis) return true;
    for (int i = 0; i < d->first->fixed_count; i++)
        if (d->first->fixed[i] == axis) return axis != d->axis;
    return false;
}

/* The largest that an index can be times a factor; NULL: the index stays. */
static const at_expr *extreme_of(idling *d, const at_axis *axis, int64_t factor) {
    at_span none = at_no_span();
    if (is_around(d, axis)) return NULL;
    if (d->group && axis == d->group->along)
        return factor > 0 ? less_one(d, at_index(d->s, d->group->end, none))
                          : at_index(d->s, d->group->first, none);
    return factor > 0 ? less_one(d, at_size(d->s, axis, none)) : number(d, 0);
}

static bool look_for_index(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_INDEX || e->tag == AT_READ || e->tag == AT_FOLD_NODE;
    return !*found;
}

/* The largest that an element of ints, read at the group's rows, can be times a factor: of the rows
 * of the present block. NULL: it is none, or is not known before the scan. */
static const at_expr *extreme_read(idling *d, const at_expr *e, int64_t factor) {
    enum { LARGEST = 1 << 10 };
    if (e->tag != AT_READ || e->kind != AT_INT || e->u.read.alternative || !d->group) return NULL;
    const at_array *array = e->u.read.array;
    const at_array_place *place = &d->plan->places[d->plan->place_of[array->id]];
    bool along = false;
    if (writer_of(d, array) || place->group || factor > LARGEST || factor < -LARGEST) return NULL;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        if (index->tag != AT_INDEX || place->slots[i]) return NULL;
        if (index->u.axis == d->group->along) along = true;
        else if (!is_around(d, index->u.axis)) return NULL;
    }
    if (!along) return NULL;
    at_axis *axis = (at_axis *)d->group->along;
    at_span none = at_no_span();
    const at_expr *row = at_index(d->s, axis, none);
    const at_expr *inside = map(d, AT_OP_AND,
                                map(d, AT_OP_LE, at_index(d->s, d->group->first, none), row),
                                map(d, AT_OP_LT, row, at_index(d->s, d->group->end, none)));
    return at_fold_node(d->s, factor > 0 ? AT_FOLD_MAX : AT_FOLD_MIN, &axis, 1, inside, e, none);
}

/* The largest value of a form without the scan's index; NULL: it is not known. */
static const at_expr *most_of(idling *d, const at_affine *form) {
    at_affine all = *form, term, value, none = {0};
    for (int i = 0; i < form->count; i++) {
        const at_expr *e = form->terms[i];
        bool index = false;
        at_walk(e, look_for_index, &index);
        if (!index) continue;
        const at_expr *extreme = e->tag == AT_INDEX ? extreme_of(d, e->u.axis, form->factors[i])
                                                    : extreme_read(d, e, form->factors[i]);
        if (!extreme && e->tag != AT_INDEX) return NULL;
        if (!extreme) continue;
        if (!at_affine_of(d->s, e, &term) || !at_affine_of(d->s, extreme, &value) ||
            !at_affine_add(d->s, &value, -1, &term, &value) ||
            !at_affine_add(d->s, &none, form->factors[i], &value, &value) ||
            !at_affine_add(d->s, &all, 1, &value, &all))
            return NULL;
    }
    return at_affine_expr(d->s, &all, at_no_span());
}

typedef struct {
    const at_expr *from, *to; /* NULL: from the first, to the last */
} bounds;

/* many * t + rest >= 0 */
static void bound_step(idling *d, const at_affine *form, bounds *out) {
    bool good = true;
    int64_t many = factor_of(form, d->axis, &good);
    at_affine index, rest;
    if (!good || many == 0) return;
    if (!at_affine_of(d->s, at_index(d->s, d->axis, at_no_span()), &index) ||
        !at_affine_add(d->s, form, -many, &index, &rest))
        return;
    const at_expr *most = most_of(d, &rest);
    if (!most || (many > 0 && most->tag == AT_CONST && most->u.integer >= 0)) return; /* t >= 0 */
    int64_t by = many > 0 ? many : -many;
    if (by != 1) most = map(d, AT_OP_IDIV, most, number(d, by));
    if (many > 0) {
        const at_expr *from = at_map_node(d->s, AT_OP_NEG, most, NULL, NULL, most->span);
        out->from = out->from ? map(d, AT_OP_MAX, out->from, from) : from;
    } else {
        const at_expr *to = map(d, AT_OP_ADD, most, number(d, 1));
        out->to = out->to ? map(d, AT_OP_MIN, out->to, to) : to;
    }
}

/* Takes an index out of two conditions that bound it from below and from above. That it lies inside
 * of its axis is none: all steps are there for that. */
static void bound_pairs(idling *d, const forms *all, const at_axis *axis, bounds *out) {
    for (int i = 0; i < all->count; i++)
        for (int k = 0; k < all->count; k++) {
            bool good = true;
            at_affine sum;
            int64_t low = factor_of(&all->items[i], axis, &good);
            int64_t high = factor_of(&all->items[k], axis, &good);
            if (!good || low != 1 || high != -1) continue;
            if (at_affine_add(d->s, &all->items[i], 1, &all->items[k], &sum))
                bound_step(d, &sum, out);
        }
}

static bounds bounds_of(idling *d, const at_expr *fold) {
    bounds out = {NULL, NULL};
    forms all = {0};
    add_condition(d, &all, fold->u.fold.guard);
    for (int i = 0; i < all.count; i++) {
        bool bound = false, good = true;
        for (int k = 0; k < fold->u.fold.count; k++)
            bound |= factor_of(&all.items[i], fold->u.fold.axes[k], &good) != 0 || !good;
        if (!bound) bound_step(d, &all.items[i], &out);
    }
    for (int i = 0; i < fold->u.fold.count; i++) bound_pairs(d, &all, fold->u.fold.axes[i], &out);
    return out;
}

static bool is_over_steps(const idling *d, const at_expr *e) {
    return e->tag == AT_FOLD_NODE && e->u.fold.guard && at_mentions(e->u.fold.guard, d->axis);
}

typedef struct {
    idling *d;
    bool any;
    bounds all;
} gathering;

static bool gather(void *user, const at_expr *e) {
    gathering *g = user;
    if (!is_over_steps(g->d, e)) return true;
    bounds own = bounds_of(g->d, e);
    idling *d = g->d;
    const at_expr *from = own.from && (!g->any || g->all.from) ? own.from : NULL;
    const at_expr *to = own.to && (!g->any || g->all.to) ? own.to : NULL;
    if (g->any && from && !at_same(from, g->all.from)) from = map(d, AT_OP_MIN, from, g->all.from);
    if (g->any && to && !at_same(to, g->all.to)) to = map(d, AT_OP_MAX, to, g->all.to);
    g->all = (bounds){from, to};
    g->any = true;
    return true;
}

/* ---- what a step without elements does ------------------------------------------------------- */

static const at_expr *over_nothing(idling *d, const at_expr *fold) {
    bool real = fold->kind == AT_REAL;
    switch (fold->u.fold.fold) {
    case AT_FOLD_SUM:
    case AT_FOLD_MEAN:
        return real ? at_real(d->s, 0, fold->span) : number(d, 0);
    case AT_FOLD_COUNT: return number(d, 0);
    case AT_FOLD_PROD: return real ? at_real(d->s, 1, fold->span) : number(d, 1);
    case AT_FOLD_MAX: return real ? at_real(d->s, -INFINITY, fold->span) : NULL;
    case AT_FOLD_MIN: return real ? at_real(d->s, INFINITY, fold->span) : NULL;
    case AT_FOLD_ANY: return at_bool(d->s, false, fold->span);
    case AT_FOLD_ALL: return at_bool(d->s, true, fold->span);
    default: return NULL;
    }
}

static bool is_real(const at_expr *e, double value) {
    return e->tag == AT_CONST && e->kind == AT_REAL && e->u.real == value;
}

/* Whether e is NaN where x is. */
static bool carries_nan(const at_expr *e, const at_expr *x) {
    if (at_same(e, x)) return true;
    if (e->tag != AT_MAP || e->kind != AT_REAL) return false;
    switch (e->u.map.op) {
    case AT_OP_ADD:
    case AT_OP_SUB:
    case AT_OP_MUL:
    case AT_OP_DIV: return carries_nan(e->u.map.args[0], x) || carries_nan(e->u.map.args[1], x);
    case AT_OP_NEG:
    case AT_OP_EXP: return carries_nan(e->u.map.args[0], x);
    case AT_OP_IF: /* what is asked is false of NaN */
        return e->u.map.args[0]->tag == AT_MAP && e->u.map.args[0]->u.map.op == AT_OP_EQ &&
               at_same(e->u.map.args[0]->u.map.args[0], x) && carries_nan(e->u.map.args[2], x);
    default: return false;
    }
}

static const at_expr *reduced(idling *d, const at_expr *e);

static const at_expr *reduced_choice(idling *d, const at_expr *e, const at_expr *condition) {
    const at_expr *const *x = e->u.map.args;
    int before = d->equal_count;
    condition = condition ? condition : reduced(d, x[0]);
    bool sure = true;
    const at_expr *other = NULL;
    if (d->equal_count > before) other = reduced(d, x[2]);
    for (int i = before; i < d->equal_count && other; i++) sure &= carries_nan(other, d->equal[i]);
    d->equal_count = before;
    if (!sure) d->failed = true;
    if (condition->tag == AT_CONST) return reduced(d, x[condition->u.integer ? 1 : 2]);
    const at_expr *yes = reduced(d, x[1]), *no = reduced(d, x[2]);
    return at_same(yes, no) ? yes : at_map_node(d->s, AT_OP_IF, condition, yes, no, e->span);
}

static const at_expr *reduced_map(idling *d, const at_expr *e) {
    at_op op = e->u.map.op;
    if (op == AT_OP_IF) return reduced_choice(d, e, NULL);
    const at_expr *x[3] = {NULL, NULL, NULL};
    for (int i = 0; i < at_op_info(op)->arity; i++) x[i] = reduced(d, e->u.map.args[i]);
    bool settles = op == AT_OP_OR; /* nothing here fails: such scans are run whole */
    switch (op) {
    case AT_OP_AND:
    case AT_OP_OR:
        for (int i = 0; i < 2; i++)
            if (x[i]->tag == AT_CONST && (x[i]->u.integer != 0) == settles) return x[i];
        break;
    case AT_OP_ADD: return at_make_add(d->s, x[0], x[1]);
    case AT_OP_MUL:
        if (is_real(x[0], 1)) return x[1];
        return is_real(x[1], 1) ? x[0] : map(d, op, x[0], x[1]);
    case AT_OP_MAX:
    case AT_OP_MIN: {
        double nothing = op == AT_OP_MAX ? -INFINITY : INFINITY;
        if (is_real(x[0], nothing)) return x[1];
        return is_real(x[1], nothing) ? x[0] : map(d, op, x[0], x[1]);
    }
    case AT_OP_EQ:
        if (!at_same(x[0], x[1])) break;
        if (x[0]->kind == AT_REAL) {
            if (d->equal_count == 8) d->failed = true;
            else d->equal[d->equal_count++] = x[0];
        }
        return at_bool(d->s, true, e->span);
    default: break;
    }
    return at_map_node(d->s, op, x[0], x[1], x[2], e->span);
}

static at_axis *no_axis(void *user, const at_axis *like) {
    (void)like;
    ((idling *)user)->failed = true;
    return (at_axis *)like;
}

/* An array's equation at the indices of a read. */
static const at_expr *equation_at(idling *d, const at_pass *pass, const at_expr *read) {
    const at_array *array = pass->target;
    const at_axis *axes[64];
    if (array->rank > 64) return NULL;
    for (int i = 0; i < array->rank; i++) axes[i] = array->axes[i];
    return at_substitute(d->s, pass->statement->u.value, axes, read->u.read.index, array->rank,
                         no_axis, d);
}

typedef struct {
    const idling *d;
    bool plain; /* made of what the same step has, elementwise */
} looking;

static bool look_at_derived(void *user, const at_expr *e) {
    looking *l = user;
    if (e->tag == AT_FOLD_NODE) l->plain = false;
    if (e->tag == AT_READ && writer_of(l->d, e->u.read.array) && lag_of(l->d, e) != 0)
        l->plain = false;
    bool own = e->tag == AT_READ && writer_of(l->d, e->u.read.array);
    if (e->tag == AT_INDEX && e->u.axis == l->d->axis) l->plain = false;
    for (int i = 0; own && i < e->u.read.array->rank;
         i++) /* its index of the step is no other use */
        if (e->u.read.array->axes[i] != l->d->axis) at_walk(e->u.read.index[i], look_at_derived, l);
    return l->plain && !own;
}

static const at_expr *reduced_read(idling *d, const at_expr *e) {
    const at_pass *pass = writer_of(d, e->u.read.array);
    if (!pass) return e;
    int64_t lag = lag_of(d, e);
    bool plain = lag == 0 || lag == 1;
    if (!plain || d->depth == DEPTH) d->failed = true;
    if (d->failed) return e;
    looking l = {d, true};
    at_walk(pass->statement->u.value, look_at_derived, &l);
    const at_expr *value = e;
    d->depth++;
    if (lag == 0 || l.plain) value = equation_at(d, pass, e);
    if (!value) d->failed = true;
    else if (lag == 0 || l.plain) value = reduced(d, value);
    else value = at_read(d->s, e->u.read.array, e->u.read.index, NULL, e->span);
    d->depth--;
    return value ? value : e;
}

/* e as it is in a step whose folds have nothing, of what the step before left. */
static const at_expr *reduced(idling *d, const at_expr *e) {
    if (d->failed) return e;
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return e;
    case AT_READ: return reduced_read(d, e);
    case AT_MAP: return reduced_map(d, e);
    case AT_FOLD_NODE: break;
    }
    const at_expr *value = is_over_steps(d, e) ? over_nothing(d, e) : NULL;
    if (!value) d->failed = true;
    return value ? value : e;
}

static bool stays(idling *d, const at_pass *pass) {
    const at_array *array = pass->target;
    at_span span = array->span;
    const at_expr **index = AT_NEW_ARRAY(d->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) {
        index[i] = at_index(d->s, array->axes[i], span);
        if (array->axes[i] == d->axis) index[i] = less_one(d, index[i]);
    }
    d->failed = false;
    d->depth = d->equal_count = 0;
    const at_expr *now = reduced(d, pass->statement->u.value);
    const at_expr *before = reduced(d, at_read(d->s, array, index, NULL, span));
    return !d->failed && d->equal_count == 0 && at_same(now, before);
}

/* ---- scans ----------------------------------------------------------------------------------- */

typedef struct {
    idling *d;
    bool inside;   /* the pass is one of the scan's */
    bool *asked;   /* by array id: of a step before, or of the last when all is done */
} asking;

static bool look_for_asked(void *user, const at_expr *e) {
    asking *a = user;
    if (e->tag == AT_READ && writer_of(a->d, e->u.read.array) &&
        (!a->inside || lag_of(a->d, e) != 0))
        a->asked[e->u.read.array->id] = true;
    return true;
}

/* Of each array the last step, or the last two, are all that is kept. */
static bool keeps_little(const idling *d, int64_t *stride) {
    *stride = 1;
    for (int i = 0; i < d->scan->body.count; i++) {
        const at_plan_step *step = d->scan->body.items[i];
        if (step->tag != AT_STEP_PASS) return false;
        const at_pass *pass = d->plan->passes[step->pass];
        const at_array_place *place = &d->plan->places[d->plan->place_of[pass->target->id]];
        if (pass->statement->tag != AT_EQUATION || place->use != AT_PLACE_WORK) return false;
        int64_t slots = 0;
        for (int k = 0; k < place->array->rank; k++)
            if (place->array->axes[k] == d->axis) slots = place->slots[k];
        if (slots != 1 && slots != 2) return false;
        if (slots > *stride) *stride = slots;
    }
    return d->scan->body.count > 0;
}

static void look_at_scan(at_session *s, at_plan *plan, at_plan_step *scan) {
    const at_statement *st = scan->statement;
    idling d = {.s = s, .plan = plan, .scan = scan, .axis = st->u.scan.axes[0]};
    int64_t stride;
    if (st->u.scan.count != 1 || st->u.scan.down[0] || !keeps_little(&d, &stride)) return;
    d.first = pass_of(&d, 0);
    d.group = d.first->group;
    gathering g = {&d, false, {NULL, NULL}};
    for (int i = 0; i < scan->body.count; i++)
        at_walk_statement(pass_of(&d, i)->statement, gather, &g);
    if (!g.any || (!g.all.from && !g.all.to)) return;
    asking a = {&d, false, AT_NEW_ARRAY(s->arena, bool, plan->array_count)};
    for (int i = 0; i < plan->pass_count; i++) {
        a.inside = false;
        for (int k = 0; k < scan->body.count; k++) a.inside |= pass_of(&d, k) == plan->passes[i];
        at_walk_statement(plan->passes[i]->statement, look_for_asked, &a);
    }
    for (int i = 0; i < scan->body.count; i++)
        if (a.asked[pass_of(&d, i)->target->id] && !stays(&d, pass_of(&d, i))) return;
    scan->from = g.all.from;
    scan->to = g.all.to;
    scan->stride = stride;
}

void at_plan_idle(at_session *s, at_plan *plan, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        if (steps->items[i]->tag == AT_STEP_SCAN) look_at_scan(s, plan, steps->items[i]);
        at_plan_idle(s, plan, &steps->items[i]->body);
    }
}
