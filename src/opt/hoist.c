/* A fold that does not depend on all indices around it becomes an equation over those it depends
 * on:
 *
 *     y[n,c] = x[n,c] - mean[m](x[n,m])      ->   y.mean[n] = mean[m](x[n,m])
 *                                                 y[n,c] = x[n,c] - y.mean[n]
 *
 * It stands at the outermost place where what it reads is known: in front of the scans and repeats
 * whose steps and rounds do not change it. A fold that depends on the scan's index, but on nothing
 * that the scan writes, is computed for all steps at once. So is a whole equation with a fold in
 * it; and what is the same in each round of a repeat is computed before the first.
 *
 * Other work, as exp and cos, is hoisted too where it does not depend on all indices around it:
 *
 *     y[b,t,d] = x[b,t,d] * cos(t * rate[d])   ->   y.cos[t,d] = cos(t * rate[d])
 *                                                   y[b,t,d] = x[b,t,d] * y.cos[t,d]
 *
 * A fold over a guard that groups by data, `dst[e] == g`, with other work around it has an equation
 * of its own as well, so that it can be a scatter; and those in running folds and topk have, whose
 * rows are stored anyhow.
 *
 * Of several sums of products in one equation each but the last has its own, so that each can be a
 * product of matrices.
 *
 * What is computed in advance may be asked for nowhere: where it could fail, the conditions that it
 * stood under stay in front of it, as far as they depend on its indices only. */
#include "opt/opt.h"

#include <limits.h>

typedef struct condition condition;
struct condition {
    const condition *outer;
    const at_expr *e;
    bool holds; /* else it does not */
};

typedef struct {
    at_session *s;
    at_draft *draft;
    at_homes *homes;
    at_home *block;        /* that is open in the draft */
    at_home *here;         /* where the statement will stand: this block, or one around it */
    int next_home;         /* of the homes' blocks, the one that is opened next */
    bool *begins;          /* by array id: a repeat begins with it */
    const at_array *owner; /* names what is made */
    int left_count;               /* of `around`: the left side's axes */
    int around_count, around_capacity;
    const at_axis **around;       /* left sides' and outer folds' axes */
    const condition *conditions;  /* that hold at the place in the expression */
    bool in_condition;            /* of a repeat, where no equation can stand */
    int products;                 /* sums of products that this equation has beside another */
    bool rows;                    /* each fold has an equation of its own */
    const at_expr *grouped;       /* the fold around, if it groups by data */
} hoisting;

/* ---- what an expression says --------------------------------------------------------------- */

typedef struct {
    const hoisting *h;
    const at_expr *root;
    bool found;
} search;

static bool look_for_fold(void *user, const at_expr *e) {
    search *w = user;
    w->found |= e->tag == AT_FOLD_NODE;
    return !w->found;
}

static bool has_fold(const at_expr *e) {
    search w = {NULL, e, false};
    at_walk(e, look_for_fold, &w);
    return w.found;
}

static bool look_for_read(void *user, const at_expr *e) {
    search *w = user;
    w->found |= e->tag == AT_READ;
    return !w->found;
}

/* Whether a part of the guard equates an int of data with something. */
static bool groups_by_data(const at_expr *guard) {
    if (!guard || guard->tag != AT_MAP) return false;
    const at_expr *a = guard->u.map.args[0], *b = guard->u.map.args[1];
    if (guard->u.map.op == AT_OP_AND) return groups_by_data(a) || groups_by_data(b);
    if (guard->u.map.op != AT_OP_EQ || a->kind != AT_INT) return false;
    search w = {NULL, guard, false};
    at_walk(a, look_for_read, &w);
    at_walk(b, look_for_read, &w);
    return w.found;
}

static bool may_fail(const hoisting *h, const at_expr *e) {
    return at_may_fail(h->s, h->draft->from, e);
}

static bool is_function(at_op op) {
    switch (op) {
    case AT_OP_POW:
    case AT_OP_EXP:
    case AT_OP_LOG:
    case AT_OP_SQRT:
    case AT_OP_RSQRT:
    case AT_OP_SIN:
    case AT_OP_COS:
    case AT_OP_TAN:
    case AT_OP_TANH:
    case AT_OP_ATAN2:
    case AT_OP_ERF:
    case AT_OP_SIGMOID:
    case AT_OP_SOFTPLUS:
    case AT_OP_GELU:
    case AT_OP_SILU: return true;
    default: return false;
    }
}

typedef struct {
    bool function, element;
} work;

static bool look_for_element(void *user, const at_expr *e) {
    *(bool *)user |= e->tag == AT_READ || e->tag == AT_INDEX;
    return !*(bool *)user;
}

static bool look_for_work(void *user, const at_expr *e) {
    work *w = user;
    w->element |= e->tag == AT_READ || e->tag == AT_INDEX;
    if (e->tag != AT_MAP || w->function || !is_function(e->u.map.op)) return true;
    if (e->u.map.op == AT_OP_POW && at_is_number(e->u.map.args[1], 2)) return true;
    at_walk(e, look_for_element, &w->function);
    return true;
}

/* Of elements, and dearer than reading the result. What is made of sizes alone, as `1 /
 * sqrt(size(d))`, is left to where it is used, and makes no work of a product with it. */
static bool is_work(const at_expr *e) {
    enum { LONG = 4096 };
    work w = {false, false};
    if (e->kind != AT_REAL || e->weight > LONG) return false;
    at_walk(e, look_for_work, &w);
    return w.function && w.element;
}

/* ---- places -------------------------------------------------------------------------------- */

static bool is_among(const at_axis *axis, at_axis *const *axes, int count) {
    for (int i = 0; i < count; i++)
        if (axes[i] == axis) return true;
    return false;
}

/* The axes of the scans around a block, outer ones first. */
static int scan_axes(const at_home *home, at_axis **axes) {
    if (!home->outer) return 0;
    int count = scan_axes(home->outer, axes);
    for (int i = 0; home->region->tag == AT_SCAN && i < home->region->u.scan.count; i++, count++)
        if (axes) axes[count] = home->region->u.scan.axes[i];
    return count;
}

typedef struct {
    const hoisting *h;
    const at_expr *root;
    const at_home *home;
    at_axis **axes;
    int count, capacity;
} free_axes;

static bool collect_free(void *user, const at_expr *e) {
    free_axes *f = user;
    if (e->tag != AT_INDEX || is_among(e->u.axis, f->axes, f->count)) return true;
    for (const at_home *home = f->home; home->outer; home = home->outer)
        if (home->region->tag == AT_REPEAT && home->region->u.repeat.round == e->u.axis)
            return true;
    if (at_mentions(f->root, e->u.axis))
        AT_PUSH(f->h->s->arena, f->axes, f->count, f->capacity, (at_axis *)e->u.axis);
    return true;
}

/* Steps first, then as around e. */
static int place_around(const hoisting *h, const at_axis *axis) {
    for (const at_home *home = h->block; home->outer; home = home->outer)
        if (home->region->tag == AT_SCAN &&
            is_among(axis, home->region->u.scan.axes, home->region->u.scan.count))
            return home->depth - INT_MAX;
    for (int i = 0; i < h->around_count; i++)
        if (h->around[i] == axis) return i;
    return INT_MAX;
}

/* The axes of an array of e's values that is written in `home`. */
static free_axes axes_at(const hoisting *h, const at_expr *e, const at_home *home) {
    int scans = scan_axes(home, NULL);
    free_axes f = {h, e, home, AT_NEW_ARRAY(h->s->arena, at_axis *, scans + 1), scans, scans + 1};
    scan_axes(home, f.axes);
    at_walk(e, collect_free, &f);
    for (int i = scans + 1; i < f.count; i++)
        for (int k = i; k > scans && place_around(h, f.axes[k]) < place_around(h, f.axes[k - 1]);
             k--) {
            at_axis *axis = f.axes[k];
            f.axes[k] = f.axes[k - 1];
            f.axes[k - 1] = axis;
        }
    return f;
}

/* Whether some index around e has no part in it. */
static bool misses_an_axis(const hoisting *h, const at_expr *e) {
    for (int i = 0; i < h->around_count; i++)
        if (!at_mentions(e, h->around[i]) && at_extent(h->around[i], NULL) != 1) return true;
    return false;
}

/* ---- folds --------------------------------------------------------------------------------- */

/* `if conditions then value else 0`, of the conditions that can be asked where the array is
 * written. */
static const at_expr *under_conditions(hoisting *h, const free_axes *f, at_home *home,
                                       const at_expr *value) {
    if (!h->conditions || !may_fail(h, value)) return value;
    const at_expr *all = NULL;
    at_session *s = h->s;
    for (const condition *c = h->conditions; c; c = c->outer) {
        if (!at_is_cheap(c->e) || at_home_outermost(h->homes, c->e, h->here)->depth > home->depth)
            continue;
        free_axes own = axes_at(h, c->e, home);
        bool known = true;
        for (int i = 0; i < own.count; i++) known &= is_among(own.axes[i], f->axes, f->count);
        if (!known) continue;
        const at_expr *e =
            c->holds ? c->e : at_map_node(s, AT_OP_NOT, c->e, NULL, NULL, c->e->span);
        all = all ? at_map_node(s, AT_OP_AND, e, all, NULL, e->span) : e; /* outer ones first */
    }
    if (!all) return value;
    const at_expr *none = value->kind == AT_REAL  ? at_real(s, 0, value->span)
                          : value->kind == AT_INT ? at_int(s, 0, value->span)
                                                  : at_bool(s, false, value->span);
    return at_map_node(s, AT_OP_IF, all, value, none, value->span);
}

static const char *suffix_of(const at_expr *e) {
    if (e->tag == AT_FOLD_NODE) return at_fold_info(e->u.fold.fold)->text;
    return e->u.map.op != AT_OP_POW && is_function(e->u.map.op) ? at_op_info(e->u.map.op)->text
                                                                : "part";
}

static const at_expr *hoisted(hoisting *h, const at_expr *e, at_home *home) {
    at_session *s = h->s;
    free_axes f = axes_at(h, e, home);
    const char *name = h->owner ? h->owner->name : "assertion";
    at_array *array = at_draft_array(
        h->draft, at_format(s->arena, "%s.%s", name, suffix_of(e)),
        h->owner ? h->owner->path : name, e->kind, f.axes, f.count, e->span);
    at_homes_set(h->homes, array, home);
    at_statement *equation = AT_NEW(s->arena, at_statement);
    equation->tag = AT_EQUATION;
    equation->span = e->span;
    equation->target = array;
    equation->u.value = under_conditions(h, &f, home, e);
    at_draft_add_outside(h->draft, h->block->depth - home->depth, equation);
    return at_read_whole(s, array, e->span);
}

static bool is_product(const at_expr *e) {
    return e->tag == AT_FOLD_NODE && e->u.fold.fold == AT_FOLD_SUM && e->kind == AT_REAL &&
           e->u.fold.body->tag == AT_MAP && e->u.fold.body->u.map.op == AT_OP_MUL;
}

static bool count_product(void *user, const at_expr *e) {
    *(int *)user += is_product(e);
    /* What is under a condition stays there. */
    return e->tag == AT_MAP && e->u.map.op != AT_OP_IF && e->u.map.op != AT_OP_AND &&
           e->u.map.op != AT_OP_OR;
}

static const at_expr *visit(hoisting *h, const at_expr *e, bool whole);

static const at_expr *visit_fold(hoisting *h, const at_expr *e, bool whole) {
    int count = h->around_count;
    const condition *conditions = h->conditions;
    bool rows = h->rows;
    h->rows = false;
    for (int i = 0; i < e->u.fold.count; i++)
        AT_PUSH(h->s->arena, h->around, h->around_count, h->around_capacity, e->u.fold.axes[i]);
    const at_expr *guard = e->u.fold.guard ? visit(h, e->u.fold.guard, false) : NULL;
    condition holds = {conditions, guard, true};
    if (guard) h->conditions = &holds;
    const at_expr *grouped = h->grouped;
    if (groups_by_data(guard)) h->grouped = e;
    const at_expr *body = visit(h, e->u.fold.body, false);
    h->grouped = grouped;
    h->conditions = conditions;
    h->around_count = count;
    h->rows = rows;
    if (guard != e->u.fold.guard || body != e->u.fold.body)
        e = at_fold_node(h->s, e->u.fold.fold, e->u.fold.axes, e->u.fold.count, guard, body,
                         e->span);
    at_home *home = at_home_outermost(h->homes, e, h->here);
    if (home->depth > h->block->depth) return e; /* a condition, of what its rounds carry */
    bool apart = rows || (!whole && groups_by_data(guard));
    if (conditions == NULL && count == h->left_count && h->products > 0 && is_product(e)) {
        h->products--;
        apart = true;
    }
    if (home == h->here && !apart && !misses_an_axis(h, e)) return e;
    return hoisted(h, e, home);
}

static const at_expr *visit_args(hoisting *h, const at_expr *e) {
    const at_expr *args[3] = {0};
    const condition *conditions = h->conditions;
    at_op op = e->u.map.op;
    bool changed = false;
    for (int i = 0; i < at_op_info(op)->arity; i++) {
        condition own = {conditions, i > 0 ? args[0] : NULL, op == AT_OP_OR ? false : i == 1};
        bool asked = op == AT_OP_IF || op == AT_OP_AND || op == AT_OP_OR;
        h->conditions = asked && i > 0 ? &own : conditions;
        args[i] = visit(h, e->u.map.args[i], false);
        changed |= args[i] != e->u.map.args[i];
    }
    h->conditions = conditions;
    return changed ? at_map_node(h->s, op, args[0], args[1], args[2], e->span) : e;
}

/* Whether work in a fold that groups by data depends on the group and on the element: an array of
 * it would be as large as the double loop that the scatter saves. */
static bool spans_groups(const hoisting *h, const at_expr *e) {
    const at_expr *fold = h->grouped;
    bool element = false, group = false;
    if (!fold) return false;
    for (int i = 0; i < fold->u.fold.count; i++) element |= at_mentions(e, fold->u.fold.axes[i]);
    for (int i = 0; i < h->around_count; i++)
        group |= !is_among(h->around[i], fold->u.fold.axes, fold->u.fold.count) &&
                 at_mentions(fold->u.fold.guard, h->around[i]) && at_mentions(e, h->around[i]);
    return element && group;
}

/* Work that does not depend on all indices around it; its own parts may depend on fewer yet. */
static const at_expr *visit_map(hoisting *h, const at_expr *e) {
    if (h->in_condition || !misses_an_axis(h, e) || !is_work(e) || spans_groups(h, e))
        return visit_args(h, e);
    int count = h->around_count, kept = 0;
    const at_axis **around = at_copy(h->s->arena, h->around, sizeof *around * (size_t)count);
    for (int i = 0; i < count; i++)
        if (at_mentions(e, around[i])) h->around[kept++] = around[i];
    h->around_count = kept;
    const at_expr *own = visit_args(h, e);
    at_move(h->around, around, sizeof *around * (size_t)count);
    h->around_count = count;
    return hoisted(h, own, at_home_outermost(h->homes, own, h->here));
}

static const at_expr *visit_read(hoisting *h, const at_expr *e) {
    int rank = e->u.read.array->rank;
    const at_expr **index = AT_NEW_ARRAY(h->s->arena, const at_expr *, rank);
    const at_expr *other = e->u.read.alternative ? visit(h, e->u.read.alternative, false) : NULL;
    bool changed = other != e->u.read.alternative;
    for (int i = 0; i < rank; i++) {
        index[i] = visit(h, e->u.read.index[i], false);
        changed |= index[i] != e->u.read.index[i];
    }
    return changed ? at_read(h->s, e->u.read.array, index, other, e->span) : e;
}

/* `whole`: e is all of an equation. */
static const at_expr *visit(hoisting *h, const at_expr *e, bool whole) {
    switch (e->tag) {
    case AT_READ: return visit_read(h, e);
    case AT_MAP: return visit_map(h, e);
    case AT_FOLD_NODE: return visit_fold(h, e, whole);
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: break;
    }
    return e;
}

/* ---- whole statements ---------------------------------------------------------------------- */

typedef struct {
    const hoisting *h;
    at_home *found;
    bool fold;
} outermost;

static bool look_at_expr(void *user, const at_expr *e) {
    outermost *w = user;
    at_home *home = at_home_outermost(w->h->homes, e, w->h->here);
    if (home->depth > w->found->depth) w->found = home;
    w->fold |= has_fold(e);
    return false;
}

static void bind_target(outermost *w, const at_array *target) {
    const hoisting *h = w->h;
    for (at_home *home = h->here; home->outer; home = home->outer) {
        const at_statement *st = home->region;
        bool bound = false;
        for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
            bound |= st->u.repeat.carried[i].next == target;
        if (st->tag == AT_REPEAT) {
            bound |= is_among(st->u.repeat.round, target->axes, target->rank);
            /* It would have a value where no round ran. */
            bound |= st->u.repeat.condition != NULL || st->u.repeat.count == 0;
        }
        bound |= h->begins[target->id]; /* has the name of what that repeat leaves here */
        if (bound && home->depth > w->found->depth) w->found = home;
    }
}

/* The block that a statement may stand in. */
static at_home *home_of_statement(const hoisting *h, const at_statement *st) {
    if (st->tag != AT_EQUATION && st->tag != AT_KEEPING && st->tag != AT_TOPK &&
        st->tag != AT_TABLE)
        return h->here;
    outermost w = {h, h->homes->blocks[0], st->tag != AT_EQUATION};
    at_walk_statement(st, look_at_expr, &w);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        bind_target(&w, st->u.keeping.parts[i].target);
    if (st->target) bind_target(&w, st->target);
    /* What is no work stays in its scan, where only some steps of it have to be kept. */
    for (at_home *home = h->here; home->outer && !w.fold; home = home->outer)
        if (home->region->tag == AT_SCAN && home->depth > w.found->depth) w.found = home;
    return w.found;
}

static void enter_axes(hoisting *h, at_axis *const *axes, int count) {
    for (int i = 0; i < count; i++) {
        bool outside = false;
        for (const at_home *home = h->here; home->outer; home = home->outer) {
            const at_statement *st = home->region;
            outside |= st->tag == AT_SCAN ? is_among(axes[i], st->u.scan.axes, st->u.scan.count)
                                          : st->u.repeat.round == axes[i];
        }
        if (outside) continue;
        AT_PUSH(h->s->arena, h->around, h->around_count, h->around_capacity, axes[i]);
    }
}

static const at_expr *change(void *user, const at_expr *e) {
    hoisting *h = user;
    return visit(h, e, !h->rows);
}

static void plain(void *user, const at_statement *st) {
    hoisting *h = user;
    h->owner = st->tag == AT_KEEPING ? st->u.keeping.parts[0].target : st->target;
    h->rows = st->tag == AT_KEEPING || st->tag == AT_TOPK;
    h->here = home_of_statement(h, st);
    h->around_count = 0;
    if (st->tag == AT_NEXT) enter_axes(h, st->u.next.axes, st->target->rank);
    else if (st->tag == AT_ASSERT) enter_axes(h, st->u.assertion.axes, st->u.assertion.count);
    else if (st->tag == AT_TOPK) enter_axes(h, st->target->axes, st->target->rank - 1);
    else if (h->owner) enter_axes(h, h->owner->axes, h->owner->rank);
    if (st->tag == AT_TOPK) enter_axes(h, st->u.topk.bound, st->u.topk.count);
    int products = 0;
    if (st->tag == AT_EQUATION) at_walk(st->u.value, count_product, &products);
    h->products = h->around_count > 1 ? products - 1 : 0; /* else they are of vectors */
    h->left_count = h->around_count;
    at_statement *out = at_statement_changed(h->s, st, change, h);
    at_draft_add_outside(h->draft, h->block->depth - h->here->depth, out);
    if (out->target && out->tag != AT_NEXT) at_homes_set(h->homes, out->target, h->here);
    for (int i = 0; out->tag == AT_KEEPING && i < out->u.keeping.count; i++)
        at_homes_set(h->homes, out->u.keeping.parts[i].target, h->here);
    h->here = h->block;
}

/* ---- regions ------------------------------------------------------------------------------- */

static void before(void *user, const at_statement *st, at_statement *out) {
    hoisting *h = user;
    if (st->tag == AT_REPEAT && st->u.repeat.condition) {
        /* What reads this repeat's rounds stays in the condition. */
        h->owner = st->u.repeat.carried_count ? st->u.repeat.carried[0].before : NULL;
        h->rows = true;
        h->around_count = 0;
        h->here = h->homes->blocks[h->next_home];
        h->in_condition = true;
        out->u.repeat.condition = visit(h, st->u.repeat.condition, false);
        h->in_condition = false;
    }
    h->block = h->here = h->homes->blocks[h->next_home++];
}

static void end(void *user, const at_statement *st, at_statement *out) {
    hoisting *h = user;
    (void)st, (void)out;
    h->block = h->here = h->block->outer;
}

static bool note_begins(void *user, const at_statement *st) {
    hoisting *h = user;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        h->begins[st->u.repeat.carried[i].before->id] = true;
    return true;
}

const at_cascade *at_opt_hoist(at_session *s, const at_cascade *from) {
    hoisting h = {.s = s, .draft = at_draft_new(s, from), .homes = at_homes_of(s, from)};
    h.begins = AT_NEW_ARRAY(s->arena, bool, from->array_count);
    at_walk_block(&from->body, note_begins, &h);
    h.block = h.here = h.homes->blocks[0];
    h.next_home = 1;
    at_block_walk walk = {
        .draft = h.draft, .user = &h, .plain = plain, .before = before, .end = end};
    at_draft_block(&walk, &from->body);
    return h.draft->out;
}
