/* Which elements of an array anybody reads: what is stored between passes is computed only where a
 * later pass looks at it. Of
 *
 *     s[i,j] = sum[d](q[i,d] * k[j,d])
 *     m[i] = max[j where j <= i](s[i,j])
 *
 * the elements of s with i < j have no reader, and s gets the domain `j <= i`. An element outside
 * of it is not computed and holds anything.
 *
 * The condition on the way to a read (guards, the branches of `if`, `and` and `or`, the domain of
 * the pass that reads) is taken apart into conjuncts. One that is about the read element alone is
 * renamed to the axes of the array. What every read of an array implies is its domain. A conjunct
 * must be one that cannot fail and whose arrays are known before the array is computed, as it will
 * be asked where nobody asked it before.
 *
 * Of a read at other indices, `s[i, at[j]]`, what is about i alone counts: that dimension is plain.
 *
 * No arrays of ints: an index that nobody computed could lead anywhere. */
#include "form/form.h"
#include "plan/plan.h"

enum { MOST = 24 }; /* conjuncts of one array; more are not looked at */

typedef struct {
    int count;
    const at_expr *items[MOST];
} conjuncts;

typedef struct {
    bool asked; /* some read was seen */
    conjuncts all;
} demand;

typedef struct {
    at_session *s;
    at_plan *plan;
    const at_pass **writer; /* by array id: of arrays that may have a domain */
    demand *demands;        /* by array id */
    char *sure;             /* by array id: whether all elements have values: 1 yes, 2 no, 0 not asked */
    const at_pass *pass;    /* whose reads are looked at */
    bool later;             /* reads of what a pass before has written; else the others */
} demanding;

/* On the way to an expression, innermost first. */
typedef struct path path;
struct path {
    const path *outer;
    const at_expr *condition;
    bool holds;
};

/* ---- which arrays ---------------------------------------------------------------------------- */

static void forget_steps(demanding *d, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        for (int k = 0; k < step->carried_count; k++) {
            const at_carried *c = &step->carried[k];
            d->writer[c->before->id] = d->writer[c->inside->id] = NULL;
            d->writer[c->next->id] = d->writer[c->after->id] = NULL;
        }
        forget_steps(d, &step->body);
    }
}

/* An equation, or running folds of which whole rows can be left out. */
static bool can_leave_out(const at_pass *pass) {
    const at_statement *st = pass->statement;
    return st->tag == AT_EQUATION ||
           (st->tag == AT_KEEPING && st->u.keeping.count == 1 &&
            st->u.keeping.fold != AT_FOLD_ARGSORT);
}

static void find_writers(demanding *d) {
    at_plan *plan = d->plan;
    d->writer = AT_NEW_ARRAY(d->s->arena, const at_pass *, plan->array_count);
    for (int i = 0; i < plan->pass_count; i++) {
        const at_pass *pass = plan->passes[i];
        const at_array *target = pass->target;
        bool repeats = false;
        for (int k = 0; k < pass->region_count; k++)
            repeats |= pass->regions[k]->tag == AT_REPEAT && at_repeat_may_end(pass->regions[k]);
        if (!can_leave_out(pass) || target->kind == AT_INT || repeats) continue;
        if (plan->places[plan->place_of[target->id]].use != AT_PLACE_WORK) continue;
        /* A sum that groups by data stores its elements in the order of the data. */
        if (!at_pass_may_scatter(d->s, pass)) d->writer[target->id] = pass;
    }
    forget_steps(d, &plan->steps);
}

/* ---- what can be asked early ----------------------------------------------------------------- */

typedef struct {
    demanding *d;
    const at_pass *pass; /* whose domain it is to be */
    int time; /* before which arrays must be known */
} asking;

static bool is_sure(const asking *a, const at_expr *e);

/* Whether all elements of an array surely have values, from `time` on. */
static bool is_settled(const asking *a, const at_array *array) {
    const at_plan *plan = a->d->plan;
    int place = plan->place_of[array->id];
    const at_written *written = &plan->written[array->id];
    if (place >= 0 && plan->places[place].use == AT_PLACE_GIVEN) return true;
    if (written->region_count > 0 || written->time >= a->time) return false;
    const at_pass *pass = NULL;
    for (int i = 0; i < plan->pass_count; i++)
        if (plan->passes[i]->target == array) pass = plan->passes[i];
    if (!pass || pass->statement->tag != AT_EQUATION) return false;
    /* Of what its own group makes there is only a block. */
    if (place < 0 || plan->places[place].group || (pass->group && pass->group == a->pass->group))
        return false;
    char *sure = &a->d->sure[array->id]; /* asked once: chains may read each array twice */
    if (!*sure)
        *sure = is_sure(&(asking){a->d, pass, written->time}, pass->statement->u.value) ? 1 : 2;
    return *sure == 1;
}

static bool is_sure_read(const asking *a, const at_expr *e) {
    const at_array *array = e->u.read.array;
    const at_expr *other = e->u.read.alternative;
    if (!is_settled(a, array) || (other && !is_sure(a, other))) return false;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *at = e->u.read.index[i];
        bool asks = other && !(at->tag == AT_INDEX && !at->u.axis->declared);
        if (!is_sure(a, at)) return false;
        if (!asks && !at_index_inside(a->d->s, a->d->plan->cascade, at, array->axes[i]))
            return false;
    }
    return true;
}

/* Whether e has a value wherever its indices lie inside. */
static bool is_sure(const asking *a, const at_expr *e) {
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return true;
    case AT_READ: return is_sure_read(a, e);
    case AT_FOLD_NODE:
        if (e->u.fold.guard && !is_sure(a, e->u.fold.guard)) return false;
        if (e->kind == AT_INT && e->u.fold.fold != AT_FOLD_COUNT) return false; /* of too many, or none */
        return e->u.fold.fold == AT_FOLD_COUNT || is_sure(a, e->u.fold.body);
    case AT_MAP: break;
    }
    at_range ranges[3] = {{0, 0}, {0, 0}, {0, 0}};
    bool ints = e->kind == AT_INT;
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) {
        const at_expr *x = e->u.map.args[i];
        if (!is_sure(a, x)) return false;
        if (x->kind == AT_INT) ranges[i] = at_range_of(x);
    }
    return !ints || e->u.map.op == AT_OP_TO_INT || at_range_fits(e->u.map.op, ranges);
}

/* ---- conjuncts ------------------------------------------------------------------------------- */

/* b - a - strict */
static bool gap(demanding *d, const at_expr *a, const at_expr *b, bool strict, at_affine *form) {
    const at_cascade *cascade = d->plan->cascade;
    at_affine left, right;
    return at_affine_of(d->s, at_with_known_sizes(d->s, cascade, a), &left) &&
           at_affine_of(d->s, at_with_known_sizes(d->s, cascade, b), &right) &&
           at_affine_add(d->s, &right, -1, &left, form) &&
           !__builtin_sub_overflow(form->constant, strict, &form->constant);
}

/* The forms that are 0 or more where a comparison of ints holds: one, for an equality two; 0 where
 * there are none. */
static int forms_of(demanding *d, const at_expr *e, at_affine *forms) {
    if (e->tag != AT_MAP || at_op_info(e->u.map.op)->rule != AT_RULE_COMPARE) return 0;
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    if (a->kind != AT_INT) return 0;
    switch (e->u.map.op) {
    case AT_OP_LE: return gap(d, a, b, false, &forms[0]);
    case AT_OP_LT: return gap(d, a, b, true, &forms[0]);
    case AT_OP_GE: return gap(d, b, a, false, &forms[0]);
    case AT_OP_GT: return gap(d, b, a, true, &forms[0]);
    case AT_OP_EQ: return gap(d, a, b, false, &forms[0]) && gap(d, b, a, false, &forms[1]) ? 2 : 0;
    default: return 0;
    }
}

/* Whether form >= 0 follows from what holds. */
static bool follows(demanding *d, const conjuncts *known, const at_affine *form) {
    at_affine rest, forms[2];
    if (at_affine_nonnegative(d->s, form)) return true;
    for (int i = 0; i < known->count; i++) {
        int count = forms_of(d, known->items[i], forms);
        for (int k = 0; k < count; k++)
            if (at_affine_add(d->s, form, -1, &forms[k], &rest) &&
                at_affine_nonnegative(d->s, &rest))
                return true;
    }
    return false;
}

static bool implies(demanding *d, const conjuncts *known, const at_expr *e) {
    at_affine forms[2];
    for (int i = 0; i < known->count; i++)
        if (at_same(known->items[i], e)) return true;
    int count = forms_of(d, e, forms);
    for (int k = 0; k < count; k++)
        if (!follows(d, known, &forms[k])) return false;
    return count > 0;
}

static void add(demanding *d, conjuncts *to, const at_expr *e) {
    if (to->count < MOST && !implies(d, to, e)) to->items[to->count++] = e;
}

/* ---- reads ----------------------------------------------------------------------------------- */

static at_axis *no_axis(void *user, const at_axis *like) {
    (void)user, (void)like;
    return NULL; /* nothing is bound in a conjunct */
}

static bool look_for_fold(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_FOLD_NODE;
    return !*found;
}

/* A dimension that is read at the index of an axis which no other has, and of which the array's
 * writer can leave out elements: not along a row. */
static bool is_plain(const demanding *d, const at_expr *read, int dimension) {
    const at_array *array = read->u.read.array;
    const at_expr *index = read->u.read.index[dimension];
    if (index->tag != AT_INDEX) return false;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *other = read->u.read.index[i];
        if (i != dimension && other->tag == AT_INDEX && other->u.axis == index->u.axis)
            return false;
    }
    const at_statement *st = d->writer[array->id]->statement;
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.parts[0].count; i++)
        if (st->u.keeping.parts[0].bound[i] == array->axes[dimension]) return false;
    return true;
}

typedef struct {
    int count;
    const at_axis *from[64];
    bool all; /* no index of another axis was found */
} mentioned;

static bool look_at_index(void *user, const at_expr *e) {
    mentioned *m = user;
    bool found = e->tag != AT_INDEX;
    for (int i = 0; !found && i < m->count; i++) found = m->from[i] == e->u.axis;
    m->all &= found;
    return m->all;
}

/* Adds a conjunct, said of the array's own axes, if it can be asked where the array is computed. */
static void add_renamed(demanding *d, conjuncts *to, const at_expr *read, const at_expr *e) {
    const at_array *array = read->u.read.array;
    const at_expr *into[64];
    bool fold = false;
    mentioned m = {.all = true};
    at_walk(e, look_for_fold, &fold);
    if (fold) return;
    for (int i = 0; i < array->rank; i++) {
        if (!is_plain(d, read, i)) continue;
        m.from[m.count] = read->u.read.index[i]->u.axis;
        into[m.count++] = at_index(d->s, array->axes[i], e->span);
    }
    at_walk(e, look_at_index, &m);
    asking a = {d, d->writer[array->id], d->writer[array->id]->time};
    if (!m.all) return;
    e = at_substitute(d->s, e, m.from, into, m.count, no_axis, NULL);
    if (is_sure(&a, e)) add(d, to, e);
}

static void take(demanding *d, conjuncts *to, const at_expr *read, const at_expr *e, bool holds) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_NOT) {
        take(d, to, read, e->u.map.args[0], !holds);
        return;
    }
    if (e->tag == AT_MAP && e->u.map.op == (holds ? AT_OP_AND : AT_OP_OR)) {
        take(d, to, read, e->u.map.args[0], holds);
        take(d, to, read, e->u.map.args[1], holds);
        return;
    }
    static const at_op opposite[AT_OPS] = {
        [AT_OP_EQ] = AT_OP_NE, [AT_OP_NE] = AT_OP_EQ, [AT_OP_LT] = AT_OP_GE,
        [AT_OP_GE] = AT_OP_LT, [AT_OP_LE] = AT_OP_GT, [AT_OP_GT] = AT_OP_LE,
    };
    bool ints = e->tag == AT_MAP && at_op_info(e->u.map.op)->rule == AT_RULE_COMPARE &&
                e->u.map.args[0]->kind == AT_INT;
    if (!holds && ints)
        e = at_map_node(d->s, opposite[e->u.map.op], e->u.map.args[0], e->u.map.args[1], NULL,
                        e->span);
    else if (!holds)
        e = at_map_node(d->s, AT_OP_NOT, e, NULL, NULL, e->span);
    add_renamed(d, to, read, e);
}

/* What of two reads' conjuncts both imply. */
static conjuncts common(demanding *d, const conjuncts *a, const conjuncts *b) {
    conjuncts out = {0};
    for (int i = 0; i < a->count; i++)
        if (implies(d, b, a->items[i])) add(d, &out, a->items[i]);
    for (int i = 0; i < b->count; i++)
        if (implies(d, a, b->items[i])) add(d, &out, b->items[i]);
    return out;
}

static void note_read(demanding *d, const at_expr *read, const path *way) {
    const at_array *array = read->u.read.array;
    const at_pass *writer = d->writer[array->id];
    if (!writer || (writer->number < d->pass->number) != d->later) return;
    demand *wanted = &d->demands[array->id];
    conjuncts here = {0};
    if (array->rank <= 64 && (!wanted->asked || wanted->all.count)) {
        if (d->later && d->pass->domain) take(d, &here, read, d->pass->domain, true);
        for (const path *p = way; p; p = p->outer)
            if (p->condition) take(d, &here, read, p->condition, p->holds);
    }
    wanted->all = wanted->asked ? common(d, &wanted->all, &here) : here;
    wanted->asked = true;
}

static void look(demanding *d, const at_expr *e, const path *way);

static void look_under(demanding *d, const at_expr *e, const path *way, const at_expr *condition,
                       bool holds) {
    path next = {way, condition, holds};
    look(d, e, &next);
}

static void look(demanding *d, const at_expr *e, const path *way) {
    if (!e) return;
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return;
    case AT_READ:
        note_read(d, e, way);
        for (int i = 0; i < e->u.read.array->rank; i++) look(d, e->u.read.index[i], way);
        look(d, e->u.read.alternative, way);
        return;
    case AT_FOLD_NODE:
        look(d, e->u.fold.guard, way);
        look_under(d, e->u.fold.body, way, e->u.fold.guard, true);
        return;
    case AT_MAP: break;
    }
    const at_expr *const *x = e->u.map.args;
    at_op op = e->u.map.op;
    look(d, x[0], way);
    if (op == AT_OP_IF) {
        look_under(d, x[1], way, x[0], true);
        look_under(d, x[2], way, x[0], false);
    } else if (op == AT_OP_AND || op == AT_OP_OR) {
        look_under(d, x[1], way, x[0], op == AT_OP_AND);
    } else {
        for (int i = 1; i < at_op_info(op)->arity; i++) look(d, x[i], way);
    }
}

static void look_at_part(demanding *d, const at_part *part) {
    look(d, part->guard, NULL);
    look_under(d, part->body, NULL, part->guard, true);
}

static bool look_at_root(void *user, const at_expr *e) {
    look(user, e, NULL);
    return false;
}

static void look_at_pass(demanding *d, const at_pass *pass, bool later) {
    const at_statement *st = pass->statement;
    d->pass = pass;
    d->later = later;
    if (st->tag == AT_TOPK) {
        look_at_part(d, &st->u.topk);
    } else if (st->tag == AT_KEEPING) {
        for (int i = 0; i < st->u.keeping.count; i++) look_at_part(d, &st->u.keeping.parts[i]);
    } else {
        at_walk_statement(st, look_at_root, d);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static const at_expr *domain_of(demanding *d, const at_array *array) {
    const demand *wanted = &d->demands[array->id];
    const at_expr *domain = NULL;
    if (!d->writer[array->id] || !wanted->asked) return NULL;
    /* Bounds of loops first, then what data say. */
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < wanted->all.count; i++) {
            at_affine forms[2];
            bool bound = forms_of(d, wanted->all.items[i], forms) > 0;
            if (bound == (round == 0)) domain = at_both(d->s, domain, wanted->all.items[i]);
        }
    return domain;
}

void at_plan_demand(at_session *s, at_plan *plan) {
    demanding d = {.s = s, .plan = plan};
    find_writers(&d);
    d.demands = AT_NEW_ARRAY(s->arena, demand, plan->array_count);
    d.sure = AT_NEW_ARRAY(s->arena, char, plan->array_count);
    /* What a step of a scan reads of those before it, and then the passes from the last to the
     * first: who reads an array has its own domain by then. */
    for (int i = 0; i < plan->pass_count; i++) look_at_pass(&d, plan->passes[i], false);
    for (int i = plan->pass_count - 1; i >= 0; i--) {
        at_pass *pass = plan->passes[i];
        pass->domain = domain_of(&d, pass->target);
        look_at_pass(&d, pass, true);
    }
}
