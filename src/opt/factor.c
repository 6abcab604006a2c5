/* Sums of products, summed in the order that costs less:
 *
 *     s[i,j] = sum[d](q[i,d] * k[j,d])            o.all[d,e] = sum[j](k[j,d] * v[j,e])
 *     o[i,e] = sum[j](s[i,j] * v[j,e])      ->    o[i,e] = sum[d](q[i,d] * o.all[d,e])
 *
 * and over what is past, `where j <= i`, by a recurrence (factor_state.c). How a sum comes
 * apart is factor_terms.c. The cost of each order is a product of extents that only a run
 * knows; so orders are compared by how many growing axes (factor_axes.c) their largest loop
 * has, and the sum is changed only where that becomes less: i·j against j·d·e with i and j
 * places in sequences. What is won grows with them, what can be lost (a sequence shorter than
 * the features) does not. Where no axis is seen to grow, the sum stays.
 *
 * Results are those of another order of summing. Parts are moved only where they have a value
 * for each index; a sum that stood under a condition may be computed where nobody asks for it.
 * Inside scans nothing is changed: there the past is a loop already. */
#include "opt/factor.h"

typedef struct {
    const at_expr *value;
    const at_expr *origin; /* the same as it was written */
    const at_block *block; /* that holds the equation */
} definition;

typedef struct {
    at_session *s;
    at_draft *draft;
    at_growth *growth;
    at_keeper *keeper;
    int known;
    definition *definitions; /* by array id */
    const bool *whole;
    const at_array **inside; /* by id of what a round leaves: what the round begins with */
    bool *over;              /* by id of what a round begins with: what it leaves is written */
    const at_array *owner;
    int scans;               /* that are open */
} factoring;

/* ---- what may be read as its equation -------------------------------------------------------- */

typedef struct {
    const factoring *f;
    bool over;
} looking;

static bool look_for_over(void *user, const at_expr *e) {
    looking *l = user;
    if (e->tag == AT_READ && e->u.read.array->id < l->f->known)
        l->over |= l->f->over[e->u.read.array->id];
    return !l->over;
}

static const at_expr *value_of(void *user, const at_array *array) {
    factoring *f = user;
    if (array->id >= f->known) return NULL;
    const definition *d = &f->definitions[array->id];
    if (!d->value || d->block != f->draft->block) return NULL;
    looking l = {f, false};
    at_walk(d->value, look_for_over, &l);
    return l.over ? NULL : d->value;
}

typedef struct {
    const factoring *f;
    const at_array *array;
    bool *seen; /* by array id */
    bool found;
} origin;

static bool look_for_array(void *user, const at_expr *e) {
    origin *o = user;
    if (e->tag != AT_READ || e->u.read.array->id >= o->f->known) return !o->found;
    int id = e->u.read.array->id;
    o->found |= e->u.read.array == o->array;
    if (o->found || o->seen[id]) return !o->found;
    o->seen[id] = true;
    at_walk(o->f->definitions[id].origin, look_for_array, o);
    return !o->found;
}

static bool depends_on(void *user, const at_expr *e, const at_array *array) {
    const factoring *f = user;
    origin o = {f, array, AT_NEW_ARRAY(f->s->arena, bool, f->known), false};
    at_walk(e, look_for_array, &o);
    return o.found;
}

/* ---- costs ----------------------------------------------------------------------------------- */

enum { AXES = 64 };

typedef struct {
    const at_separation *p;
    int count;
    const at_axis *axes[AXES];
} degree;

static void count_axis(degree *d, const at_axis *axis) {
    bool grows = at_axis_grows(d->p->growth, axis);
    for (int i = 0; i < d->p->count && !grows; i++) {
        const at_product *product = &d->p->products[i];
        grows = product->order && (axis == product->row || axis == product->column);
    }
    for (int i = 0; i < d->count; i++) grows &= d->axes[i] != axis;
    if (grows && d->count < AXES) d->axes[d->count++] = axis;
}

static bool count_index(void *user, const at_expr *e) {
    degree *d = user;
    if (e->tag == AT_INDEX) count_axis(d, e->u.axis);
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++)
        count_axis(d, e->u.fold.axes[i]);
    return true;
}

static void count_free(degree *d, const at_expr *e) {
    at_axis **axes;
    at_draft *draft = d->p->draft;
    int count = at_draft_free_axes(draft, e, NULL, &axes);
    for (int i = 0; i < count; i++) count_axis(d, axes[i]);
}

/* How many growing axes the largest loop has, as written. */
static int degree_written(const at_separation *p) {
    degree d = {.p = p};
    count_free(&d, p->sum);
    for (int i = 0; i < p->bound_count; i++) count_axis(&d, p->bound[i]);
    int most = d.count;
    for (int i = 0; i < p->pair_count; i++) {
        degree inner = {.p = p};
        at_walk(p->pairs[i], count_index, &inner);
        if (inner.count > most) most = inner.count;
    }
    return most;
}

static int degree_apart(const at_separation *p) {
    int most = 0;
    for (int i = 0; i < p->count; i++) {
        const at_product *product = &p->products[i];
        degree kept = {.p = p}, used = {.p = p};
        for (int k = 0; k < product->bound_count; k++)
            at_walk(product->bound[k].e, count_index, &kept);
        at_walk(product->bound_guard, count_index, &kept);
        at_walk(product->base, count_index, &kept);
        at_walk(product->early, count_index, &kept);
        for (int k = 0; k < p->bound_count; k++) count_axis(&kept, p->bound[k]);
        count_free(&used, p->sum);
        for (int k = 0; k < product->depth_count; k++) count_axis(&used, product->depth[k]);
        if (kept.count > most) most = kept.count;
        if (used.count > most) most = used.count;
    }
    return most;
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* Of sums over a growing axis for each index of another: others have nothing to win. */
static void say_why_not(const factoring *f, const at_separation *p, const char *why) {
    degree outside = {.p = p};
    bool grows = false;
    if (!f->s->reasons || !why) return;
    for (int i = 0; i < p->sum->u.fold.count; i++)
        grows |= at_axis_grows(p->growth, p->sum->u.fold.axes[i]);
    count_free(&outside, p->sum);
    if (grows && outside.count > 0) at_reason_expr(f->s, AT_REASON_FACTOR, p->sum, "%s", why);
}

static const at_expr *in_another_order(factoring *f, const at_expr *e) {
    at_separation p = {.s = f->s,
                       .draft = f->draft,
                       .growth = f->growth,
                       .value_of = value_of,
                       .depends_on = depends_on,
                       .user = f,
                       .whole = f->whole,
                       .whole_count = f->known,
                       .sum = e};
    int axes = f->draft->out->axis_count;
    if (!at_separate(&p)) {
        say_why_not(f, &p, p.why);
        return e;
    }
    if (degree_apart(&p) >= degree_written(&p)) {
        f->draft->out->axis_count = axes;
        say_why_not(f, &p, "costs as much in another order, in which as many lengths multiply");
        return e;
    }
    const at_expr *sum = NULL;
    for (int i = 0; i < p.count; i++) {
        const at_expr *part = at_keep_product(f->keeper, &p, &p.products[i], f->owner);
        sum = sum ? at_make_add(f->s, sum, part) : part;
    }
    return sum;
}

/* sum[t,s](…) as sum[t](sum[s](…)), where the inner one comes apart. */
static const at_expr *row_by_row(factoring *f, const at_expr *e) {
    at_session *s = f->s;
    int count = e->u.fold.count, growing = 0;
    for (int i = 0; i < count; i++) growing += !at_axis_is_short(f->growth, e->u.fold.axes[i]);
    for (int i = 0; i < count && growing > 1; i++) {
        at_axis *row = e->u.fold.axes[i], **rest = AT_NEW_ARRAY(s->arena, at_axis *, count);
        int kept = 0;
        if (!at_axis_grows(f->growth, row)) continue;
        for (int k = 0; k < count; k++)
            if (k != i) rest[kept++] = e->u.fold.axes[k];
        const at_expr *inner = at_fold_node(s, AT_FOLD_SUM, rest, kept, e->u.fold.guard,
                                            e->u.fold.body, e->span);
        const at_expr *other = in_another_order(f, inner);
        if (other != inner) return at_fold_node(s, AT_FOLD_SUM, &row, 1, NULL, other, e->span);
    }
    return e;
}

static const at_expr *change_fold(void *user, const at_expr *e) {
    factoring *f = user;
    if (e->tag != AT_FOLD_NODE || e->u.fold.fold != AT_FOLD_SUM || e->kind != AT_REAL) return e;
    const at_expr *other = in_another_order(f, e);
    return other == e ? row_by_row(f, e) : other;
}

static const at_expr *change(void *user, const at_expr *e) {
    factoring *f = user;
    return at_rewrite(f->s, e, change_fold, f);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void wrote(factoring *f, const at_array *array) {
    at_keeper_note(f->keeper, array);
    const at_array *inside = array->id < f->known ? f->inside[array->id] : NULL;
    if (inside) f->over[inside->id] = true;
}

static void plain(void *user, const at_statement *st) {
    factoring *f = user;
    at_statement *out = (at_statement *)st;
    f->owner = st->tag == AT_KEEPING ? st->u.keeping.parts[0].target : st->target;
    bool law = st->tag == AT_ASSERT || st->tag == AT_GRAD;
    if (f->scans == 0 && !law) out = at_statement_changed(f->s, st, change, f);
    at_draft_add(f->draft, out);
    if (st->tag == AT_EQUATION)
        f->definitions[st->target->id] = (definition){out->u.value, st->u.value, f->draft->block};
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        wrote(f, st->u.keeping.parts[i].target);
    if (st->target && st->tag != AT_NEXT) wrote(f, st->target);
}

static void before(void *user, const at_statement *st, at_statement *out) {
    factoring *f = user;
    (void)out;
    f->scans += st->tag == AT_SCAN;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        f->inside[st->u.repeat.carried[i].next->id] = st->u.repeat.carried[i].inside;
        at_keeper_note(f->keeper, st->u.repeat.carried[i].inside);
    }
}

static void after(void *user, const at_statement *st, at_statement *out) {
    factoring *f = user;
    (void)out;
    f->scans -= st->tag == AT_SCAN;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        wrote(f, st->u.repeat.carried[i].after);
}

const at_cascade *at_opt_factor(at_session *s, const at_cascade *from) {
    factoring f = {.s = s, .draft = at_draft_new(s, from), .growth = at_growth_of(s, from),
                   .known = from->array_count};
    f.keeper = at_keeper_new(s, f.draft);
    f.whole = at_whole_arrays(s, from);
    f.definitions = AT_NEW_ARRAY(s->arena, definition, from->array_count);
    f.inside = AT_NEW_ARRAY(s->arena, const at_array *, from->array_count);
    f.over = AT_NEW_ARRAY(s->arena, bool, from->array_count);
    at_block_walk walk = {.draft = f.draft, .user = &f, .plain = plain, .before = before,
                          .after = after};
    at_draft_block(&walk, &from->body);
    return f.draft->out;
}
