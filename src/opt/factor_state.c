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
 * The second is factor_past.c. Equal sums are kept once, and scans of one direction over one
 * sequence are one where what they read is known before the first. */
#include "opt/factor_state.h"

at_keeper *at_keeper_new(at_session *s, at_draft *draft) {
    at_keeper *k = AT_NEW(s->arena, at_keeper);
    k->s = s;
    k->draft = draft;
    return k;
}

void at_keeper_note_at(at_keeper *k, const at_array *array, int position) {
    while (k->position_count <= array->id)
        AT_PUSH(k->s->arena, k->positions, k->position_count, k->position_capacity, 0);
    k->positions[array->id] = position;
}

void at_keeper_note(at_keeper *k, const at_array *array) {
    at_keeper_note_at(k, array, ++k->position);
}

/* ---- equal up to the names of indices -------------------------------------------------------- */

static bool same_axis(at_renaming *r, const at_axis *a, const at_axis *b) {
    for (int i = 0; i < r->count; i++)
        if (r->from[i] == a || r->to[i] == b) return r->from[i] == a && r->to[i] == b;
    if (r->count == AT_RENAMED || !at_same_extent(a, b)) return false;
    r->from[r->count] = a;
    r->to[r->count++] = b;
    return true;
}

bool at_is_renamed(at_renaming *r, const at_expr *a, const at_expr *b) {
    if (!a || !b) return a == b;
    if (a->tag != b->tag || a->kind != b->kind) return false;
    switch (a->tag) {
    case AT_CONST: return at_same(a, b);
    case AT_SIZE: return at_same_extent(a->u.axis, b->u.axis);
    case AT_INDEX: return same_axis(r, a->u.axis, b->u.axis);
    case AT_READ:
        if (a->u.read.array != b->u.read.array) return false;
        for (int i = 0; i < a->u.read.array->rank; i++)
            if (!at_is_renamed(r, a->u.read.index[i], b->u.read.index[i])) return false;
        return at_is_renamed(r, a->u.read.alternative, b->u.read.alternative);
    case AT_MAP:
        if (a->u.map.op != b->u.map.op) return false;
        for (int i = 0; i < at_op_info(a->u.map.op)->arity; i++)
            if (!at_is_renamed(r, a->u.map.args[i], b->u.map.args[i])) return false;
        return true;
    case AT_FOLD_NODE: break;
    }
    if (a->u.fold.fold != b->u.fold.fold || a->u.fold.count != b->u.fold.count) return false;
    for (int i = 0; i < a->u.fold.count; i++)
        if (!same_axis(r, a->u.fold.axes[i], b->u.fold.axes[i])) return false;
    return at_is_renamed(r, a->u.fold.guard, b->u.fold.guard) &&
           at_is_renamed(r, a->u.fold.body, b->u.fold.body);
}

const at_expr *at_read_renamed(at_keeper *k, const at_renaming *r, const at_array *array,
                                   at_span span) {
    const at_expr **index = AT_NEW_ARRAY(k->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) {
        for (int n = 0; n < r->count; n++)
            if (r->to[n] == array->axes[i]) index[i] = at_index(k->s, r->from[n], span);
        if (!index[i]) return NULL;
    }
    return at_read(k->s, array, index, NULL, span);
}

/* ---- products -------------------------------------------------------------------------------- */

bool at_is_depth(const at_product *product, const at_expr *e) {
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
const at_expr *at_bound_product(at_session *s, const at_product *product, at_span span) {
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

static const at_expr *row_product(at_session *s, const at_product *product, bool deep,
                                  at_span span) {
    const at_expr *all = NULL;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < product->row_count; i++) {
            const at_factor *f = &product->rows[i];
            if (f->divides == (pass == 1) && at_is_depth(product, f->e) == deep)
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
    const at_expr **guard = at_is_depth(product, e) ? deep : flat;
    *guard = at_both(s, *guard, e);
}

static bool look_for_division(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_MAP && e->u.map.op == AT_OP_DIV && e->u.map.args[1]->tag != AT_CONST;
    return !*found;
}

static bool divides(const at_factor *f) {
    bool found = f->divides;
    at_walk(f->e, look_for_division, &found);
    return found;
}

/* Whether the sum can have no terms where what a row multiplies it with is infinite: a mean's
 * derivative divides by how many there are. */
static bool has_no_terms(const at_product *product) {
    if (!product->bound_guard && !product->strict && !product->apart) return false;
    for (int i = 0; i < product->row_count; i++)
        if (divides(&product->rows[i])) return true;
    return false;
}

const at_expr *at_product_used(at_session *s, const at_product *product, const at_expr *sum,
                           const at_expr *before) {
    at_span span = sum->span;
    const at_expr *deep_guard = NULL, *flat_guard = NULL;
    split_guard(s, product, product->row_guard, &deep_guard, &flat_guard);
    const at_expr *deep = row_product(s, product, true, span);
    const at_expr *flat = row_product(s, product, false, span);
    const at_expr *value = deep ? at_make_mul(s, deep, sum) : sum;
    if (product->data || has_no_terms(product)) { /* zeros of the sum are structural then */
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

/* ---- axes ------------------------------------------------------------------------------------ */

static bool is_among(const at_axis *axis, at_axis *const *axes, int count) {
    for (int i = 0; i < count; i++)
        if (axes[i] == axis) return true;
    return false;
}

int at_state_axes(at_keeper *k, const at_product *product, const at_expr *e, at_axis *first,
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

/* ---- for all rows and columns ---------------------------------------------------------------- */

at_array *at_state_array(at_keeper *k, const at_array *owner, const char *suffix, at_axis **axes,
                           int count, at_span span) {
    const char *name = owner ? owner->name : "assertion";
    return at_draft_array(k->draft, at_format(k->s->arena, "%s.%s", name, suffix),
                          owner ? owner->path : name, AT_REAL, axes, count, span);
}

static const at_expr *keep_total(at_keeper *k, const at_separation *p, const at_product *product,
                                 const at_array *owner) {
    at_session *s = k->s;
    at_span span = p->sum->span;
    const at_expr *value =
        at_fold_node(s, AT_FOLD_SUM, p->bound, p->bound_count, product->bound_guard,
                     at_bound_product(s, product, span), span);
    const at_expr *read = NULL;
    for (const at_total *t = k->totals; t && !read; t = t->next) {
        at_renaming r = {0};
        if (t->block == k->draft->block && at_is_renamed(&r, value, t->value))
            read = at_read_renamed(k, &r, t->array, span);
    }
    if (!read) {
        at_axis **axes;
        int count = at_state_axes(k, product, value, NULL, &axes);
        at_array *array = at_state_array(k, owner, "all", axes, count, span);
        at_draft_equation(k->draft, array, value, span);
        at_keeper_note(k, array);
        at_total *t = AT_NEW(s->arena, at_total);
        *t = (at_total){k->totals, k->draft->block, array, value};
        k->totals = t;
        read = at_read_whole(s, array, span);
    }
    return at_product_used(s, product, read, NULL);
}

const at_expr *at_keep_product(at_keeper *k, const at_separation *p, const at_product *product,
                               const at_array *owner) {
    return product->order ? at_keep_past(k, p, product, owner) : keep_total(k, p, product, owner);
}
