/* A sum as separate products: what depends on the row, what depends on the index that is summed
 * over, and what lies between them.
 *
 *     w[i,j] = rate^(i - j) * sum[r](f[i,r] * g[j,r])
 *     sum[j where j <= i](w[i,j] * v[j,e])
 *         ->  one product: rows f[i,r], depth r, bound g[j,r] * v[j,e], powers rate^(i - j),
 *             order j <= i
 *
 * Arrays that have rows and bound indices are read as what their equations say, as far as that
 * is made of products, sums, choices with a 0, powers of a distance and exponentials of a sum.
 * Whatever else has both (a softmax, relu of a score, a given array over rows and columns)
 * cannot be taken apart: its row axes are then no rows, and the search begins again without
 * them. Each product has its own depth, and one such sum at most: the product of two has a
 * state with the axes of both.
 *
 * A condition `x != 0` on a part that is multiplied in (a derivative says so, whose zeros are
 * structural) is taken apart with it: the conditions of that part's own factors stay, each with
 * its factor. */
#include "opt/factor.h"

enum { PRODUCTS = 8, NESTING = 24 };

static bool is_map(const at_expr *e, at_op op) { return e->tag == AT_MAP && e->u.map.op == op; }

static bool mentions_row(const at_separation *p, const at_expr *e) {
    for (int i = 0; i < p->row_count; i++)
        if (at_mentions(e, p->rows[i])) return true;
    return false;
}

static bool mentions_bound(const at_separation *p, const at_expr *e) {
    for (int i = 0; i < p->bound_count; i++)
        if (at_mentions(e, p->bound[i])) return true;
    return false;
}

static bool is_pair(const at_separation *p, const at_expr *e) {
    return mentions_row(p, e) && mentions_bound(p, e);
}

/* What cannot be taken apart: its row axes are rows no longer. */
static bool clash(at_separation *p, const at_expr *e, const char *why) {
    int kept = 0;
    for (int i = 0; i < p->row_count; i++)
        if (!at_mentions(e, p->rows[i])) p->rows[kept++] = p->rows[i];
    p->row_count = kept;
    p->why = why;
    return false;
}

typedef struct {
    int count;
    at_product items[PRODUCTS];
} products;

/* ---- conditions ------------------------------------------------------------------------------ */

static const at_axis *among(const at_axis *const *axes, int count, const at_expr *e) {
    for (int i = 0; i < count; i++)
        if (e->tag == AT_INDEX && e->u.axis == axes[i]) return axes[i];
    return NULL;
}

/* The row and bound index of a form that has one of each, times ±factor and nothing else but what
 * mentions neither; false: it is no distance. */
static bool is_distance(const at_separation *p, const at_affine *form, const at_axis **row,
                        const at_axis **column, int64_t *factor) {
    int64_t of_row = 0, of_column = 0;
    *row = *column = NULL;
    for (int i = 0; i < form->count; i++) {
        const at_expr *term = form->terms[i];
        const at_axis *r = among(p->rows, p->row_count, term);
        const at_axis *b = among((const at_axis *const *)p->bound, p->bound_count, term);
        if (!r && !b && (mentions_row(p, term) || mentions_bound(p, term))) return false;
        if ((r && *row) || (b && *column)) return false;
        if (r) *row = r, of_row = form->factors[i];
        if (b) *column = b, of_column = form->factors[i];
    }
    *factor = of_row;
    return *row && *column && of_row == -of_column;
}

static bool set_distance(at_product *product, const at_axis *row, const at_axis *column) {
    if (product->row && (product->row != row || product->column != column)) return false;
    product->row = row;
    product->column = column;
    return true;
}

/* right - left - (1 where they may not be equal) >= 0 */
static bool difference_of(at_separation *p, const at_expr *e, at_affine *form) {
    bool not = is_map(e, AT_OP_NOT);
    if (not) e = e->u.map.args[0];
    if (e->tag != AT_MAP || e->u.map.args[0]->kind != AT_INT) return false;
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    at_op op = e->u.map.op;
    bool less = op == AT_OP_LT || op == AT_OP_LE, more = op == AT_OP_GT || op == AT_OP_GE;
    bool strict = (op == AT_OP_LT || op == AT_OP_GT) != not;
    if (!less && !more) return false;
    at_affine left, right;
    if (more == not) { /* left below right */
        if (!at_affine_of(p->s, a, &left) || !at_affine_of(p->s, b, &right)) return false;
    } else if (!at_affine_of(p->s, b, &left) || !at_affine_of(p->s, a, &right)) {
        return false;
    }
    if (!at_affine_add(p->s, &right, -1, &left, form)) return false;
    form->constant -= strict;
    return true;
}

static bool add_order(at_separation *p, at_product *product, const at_expr *e) {
    at_affine form;
    const at_axis *row, *column;
    int64_t factor;
    if (!difference_of(p, e, &form) || !is_distance(p, &form, &row, &column, &factor)) return false;
    if (form.count != 2 || (factor != 1 && factor != -1)) return false;
    if (form.constant != 0 && form.constant != -1) return false;
    if (p->bound_count != 1 || !set_distance(product, row, column)) return false;
    if (product->order && product->order != (int)factor) return false;
    product->order = (int)factor;
    product->strict |= form.constant == -1;
    return true;
}

static bool is_zero_test(const at_expr *e) {
    return is_map(e, AT_OP_NE) && e->u.map.args[0]->kind == AT_REAL &&
           at_is_number(e->u.map.args[1], 0);
}

/* Whether the condition says of a part that was multiplied in that it is not 0. */
static bool is_of_part(const at_separation *p, const at_expr *e) {
    for (int i = 0; is_zero_test(e) && i < p->read_count; i++)
        if (at_same(p->reads[i], e->u.map.args[0])) return true;
    return false;
}

static bool is_pure_distance(const at_separation *p, const at_expr *e, const at_axis **row,
                             const at_axis **column, int64_t *factor);

/* That the two indices of a distance are not equal. */
static bool add_apart(at_separation *p, at_product *product, const at_expr *e) {
    const at_axis *row, *column;
    int64_t factor;
    if (!is_zero_test(e) || !is_map(e->u.map.args[0], AT_OP_TO_REAL)) return false;
    if (!is_pure_distance(p, e->u.map.args[0]->u.map.args[0], &row, &column, &factor)) return false;
    if (p->bound_count != 1 || !set_distance(product, row, column)) return false;
    return product->apart = true;
}

static bool add_condition(at_separation *p, at_product *product, const at_expr *e) {
    if (is_map(e, AT_OP_AND))
        return add_condition(p, product, e->u.map.args[0]) &&
               add_condition(p, product, e->u.map.args[1]);
    bool bound = mentions_bound(p, e);
    if (bound && mentions_row(p, e)) {
        if (is_of_part(p, e)) {
            product->data = true;
            return true;
        }
        return add_order(p, product, e) || add_apart(p, product, e) ||
               clash(p, e, "has a condition on rows and columns together");
    }
    const at_expr **guard = bound ? &product->bound_guard : &product->row_guard;
    *guard = at_both(p->s, *guard, e);
    product->data |= bound && is_zero_test(e);
    return true;
}

static bool add_conditions(at_separation *p, products *all, const at_expr *e) {
    for (int i = 0; i < all->count; i++)
        if (!add_condition(p, &all->items[i], e)) return false;
    return true;
}

/* ---- powers and exponentials ----------------------------------------------------------------- */

static void push_factor(at_separation *p, at_product *product, const at_expr *e, bool divides) {
    at_factor factor = {e, divides};
    if (mentions_bound(p, e))
        AT_PUSH(p->s->arena, product->bound, product->bound_count, product->bound_capacity, factor);
    else
        AT_PUSH(p->s->arena, product->rows, product->row_count, product->row_capacity, factor);
}

/* base^(n + extra), where n is a distance times a number, and something that mentions neither. */
static bool add_power(at_separation *p, at_product *product, const at_expr *base, const at_expr *n,
                      const at_expr *extra, bool divides) {
    at_session *s = p->s;
    at_affine form, rest = {0};
    const at_axis *row, *column;
    int64_t steps;
    if (mentions_row(p, base)) /* a head, say: then that is no row */
        return clash(p, base, "has powers of what its rows have");
    if (mentions_bound(p, base) || !at_affine_of(s, n, &form) ||
        !is_distance(p, &form, &row, &column, &steps) || p->bound_count != 1 ||
        !set_distance(product, row, column))
        return false;
    at_affine moved;
    const at_expr *difference = at_map_node(s, AT_OP_SUB, at_index(s, row, n->span),
                                            at_index(s, column, n->span), NULL, n->span);
    if (!at_affine_of(s, difference, &moved) || !at_affine_add(s, &form, -steps, &moved, &rest))
        return false;
    if (rest.count || rest.constant) {
        const at_expr *by = at_as_real(s, at_affine_expr(s, &rest, n->span));
        extra = extra ? at_make_add(s, by, extra) : by;
    }
    if (divides) steps = -steps;
    if (extra && divides) extra = at_make_neg(s, extra);
    if (extra) product->extra = product->extra ? at_make_add(s, product->extra, extra) : extra;
    if (!product->base) {
        product->base = base;
        product->steps = steps;
    } else if (at_same(product->base, base)) {
        product->steps += steps;
    } else if (product->steps == steps && !product->extra) {
        product->base = at_make_mul(s, product->base, base);
    } else {
        return false;
    }
    return true;
}

/* The same, where the exponent is a real: a distance, more or less something that mentions
 * neither. */
static bool add_real_power(at_separation *p, at_product *product, const at_expr *base,
                           const at_expr *n, bool divides) {
    const at_expr *extra = NULL;
    while (is_map(n, AT_OP_ADD) || is_map(n, AT_OP_SUB)) {
        const at_expr *a = n->u.map.args[0], *b = n->u.map.args[1];
        if (mentions_row(p, b) || mentions_bound(p, b)) return false;
        if (is_map(n, AT_OP_SUB)) b = at_make_neg(p->s, b);
        extra = extra ? at_make_add(p->s, extra, b) : b;
        n = a;
    }
    if (!is_map(n, AT_OP_TO_REAL) || n->u.map.args[0]->kind != AT_INT) return false;
    return add_power(p, product, base, n->u.map.args[0], extra, divides);
}

/* A distance times a number; NULL: e is no such int. */
static bool is_pure_distance(const at_separation *p, const at_expr *e, const at_axis **row,
                             const at_axis **column, int64_t *factor) {
    at_affine form;
    return e->kind == AT_INT && at_affine_of(p->s, e, &form) && form.count == 2 &&
           form.constant == 0 && is_distance(p, &form, row, column, factor);
}

/* Times a distance. */
static bool add_moment(at_separation *p, at_product *product, const at_expr *e) {
    const at_axis *row, *column;
    if (product->moment || p->bound_count != 1) return false;
    return is_pure_distance(p, e, &row, &column, &product->moment) &&
           set_distance(product, row, column);
}

/* What an exponent's part is multiplied with. */
typedef struct {
    const at_expr *factor, *divisor; /* NULL: 1 */
    bool negative;
} scale;

static const at_expr *scaled(at_separation *p, const scale *by, const at_expr *e) {
    if (by->factor) e = at_make_mul(p->s, by->factor, e);
    if (by->divisor) e = at_make_div(p->s, e, by->divisor);
    return by->negative ? at_make_neg(p->s, e) : e;
}

static bool add_exponent(at_separation *p, at_product *product, const at_expr *e, scale by);

static const at_expr *inlined(at_separation *p, const at_expr *e) {
    const at_array *array = e->u.read.array;
    const at_expr *value = e->u.read.alternative ? NULL : p->value_of(p->user, array);
    if (!value || p->nesting >= NESTING) return NULL;
    return at_substitute(p->s, value, (const at_axis **)array->axes, e->u.read.index, array->rank,
                         at_draft_axis, p->draft);
}

static bool add_exponent_map(at_separation *p, at_product *product, const at_expr *e, scale by) {
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    scale other = by;
    switch (e->u.map.op) {
    case AT_OP_NEG: other.negative = !by.negative; return add_exponent(p, product, a, other);
    case AT_OP_SUB: other.negative = !by.negative; /* fall through */
    case AT_OP_ADD: return add_exponent(p, product, a, by) && add_exponent(p, product, b, other);
    case AT_OP_MUL:
        if (is_pair(p, a) == is_pair(p, b)) return false;
        if (is_pair(p, a)) a = b, b = e->u.map.args[0];
        by.factor = by.factor ? at_make_mul(p->s, by.factor, a) : a;
        return add_exponent(p, product, b, by);
    case AT_OP_DIV:
        if (is_pair(p, b)) return false;
        by.divisor = by.divisor ? at_make_mul(p->s, by.divisor, b) : b;
        return add_exponent(p, product, a, by);
    case AT_OP_TO_REAL:
        if (a->kind != AT_INT) return false;
        a = scaled(p, &by, at_real(p->s, 1, e->span));
        return add_power(p, product, at_map_node(p->s, AT_OP_EXP, a, NULL, NULL, e->span),
                         e->u.map.args[0], NULL, false);
    default: return false;
    }
}

static bool add_exponent(at_separation *p, at_product *product, const at_expr *e, scale by) {
    const at_expr *part = scaled(p, &by, e);
    if (!is_pair(p, part)) {
        const at_expr **sum = mentions_bound(p, part) ? &product->early : &product->late;
        *sum = *sum ? at_make_add(p->s, *sum, part) : part;
        return true;
    }
    if (e->tag == AT_MAP) return add_exponent_map(p, product, e, by);
    if (e->tag != AT_READ) return false;
    p->nesting++;
    const at_expr *value = inlined(p, e);
    bool good = value && add_exponent(p, product, value, by);
    p->nesting--;
    return good;
}

/* ---- products -------------------------------------------------------------------------------- */

static bool times(at_separation *p, products *all, const at_expr *e, bool divides);

typedef struct {
    const at_separation *p;
    const at_expr *other;
    bool found;
} common_origin;

static bool look_for_origin(void *user, const at_expr *e) {
    common_origin *w = user;
    if (e->tag == AT_READ && is_pair(w->p, e) && w->p->value_of(w->p->user, e->u.read.array))
        w->found |= w->p->depends_on(w->p->user, w->other, e->u.read.array);
    return !w->found;
}

/* Whether b is made from an array over rows and columns that is in a, as a score less its mean is:
 * what is rounded in that array cancels in the difference, and would not if both were summed
 * apart. */
static bool shares_origin(const at_separation *p, const at_expr *a, const at_expr *b) {
    common_origin w = {p, b, false};
    at_walk(a, look_for_origin, &w);
    return w.found;
}

/* all = all * a ± all * b, each where its condition holds. */
static bool times_either(at_separation *p, products *all, const at_expr *a, const at_expr *b,
                         bool negative, const at_expr *condition, at_span span) {
    at_session *s = p->s;
    if (!condition && (shares_origin(p, a, b) || shares_origin(p, b, a)))
        return clash(p, p->sum, "has a difference of what is made from one array");
    products *other = at_copy(s->arena, all, sizeof *all);
    for (int i = 0; i < other->count; i++) {
        at_product *one = &other->items[i];
        one->rows = at_copy(s->arena, one->rows, sizeof *one->rows * (size_t)one->row_count);
        one->bound = at_copy(s->arena, one->bound, sizeof *one->bound * (size_t)one->bound_count);
        one->row_capacity = one->row_count;
        one->bound_capacity = one->bound_count;
        one->negative ^= negative;
    }
    p->inside++;
    bool good = times(p, all, a, false) && (!condition || add_conditions(p, all, condition));
    if (good && condition)
        good = add_conditions(p, other, at_map_node(s, AT_OP_NOT, condition, NULL, NULL, span));
    good = good && times(p, other, b, false);
    p->inside--;
    if (good && all->count + other->count > PRODUCTS)
        good = clash(p, p->sum, "is a sum of too many products");
    for (int i = 0; good && i < other->count; i++) all->items[all->count++] = other->items[i];
    return good;
}

static bool is_taken(const at_separation *p, const products *all, const at_axis *axis) {
    for (int i = 0; i < all->count; i++)
        for (int k = 0; k < all->items[i].depth_count; k++)
            if (all->items[i].depth[k] == axis) return true;
    for (int i = 0; i < p->sum->u.fold.count; i++)
        if (p->sum->u.fold.axes[i] == axis) return true;
    return at_mentions(p->sum, axis);
}

static bool times_sum(at_separation *p, products *all, const at_expr *e) {
    at_session *s = p->s;
    int count = e->u.fold.count;
    const at_expr *guard = e->u.fold.guard, *body = e->u.fold.body;
    if (e->u.fold.fold != AT_FOLD_SUM || e->kind != AT_REAL) return false;
    at_axis **axes = at_copy(s->arena, e->u.fold.axes, sizeof *axes * (size_t)count);
    for (int i = 0; i < count; i++) {
        if (!is_taken(p, all, axes[i])) continue;
        const at_axis *old = axes[i];
        axes[i] = at_draft_axis(p->draft, old);
        const at_expr *index = at_index(s, axes[i], e->span);
        body = at_substitute(s, body, &old, &index, 1, at_draft_axis, p->draft);
        if (guard) guard = at_substitute(s, guard, &old, &index, 1, at_draft_axis, p->draft);
    }
    for (int i = 0; i < all->count; i++) {
        at_product *product = &all->items[i];
        if (product->folds == 2) return false;
        at_axis **depth = AT_NEW_ARRAY(s->arena, at_axis *, product->depth_count + count);
        at_move(depth, product->depth, sizeof *depth * (size_t)product->depth_count);
        at_move(depth + product->depth_count, axes, sizeof *depth * (size_t)count);
        product->depth = depth;
        product->depth_count += count;
        product->folds++;
    }
    AT_PUSH(s->arena, p->pairs, p->pair_count, p->pair_capacity, e);
    return (!guard || add_conditions(p, all, guard)) && times(p, all, body, false);
}

static bool times_read(at_separation *p, products *all, const at_expr *e, bool divides) {
    const at_expr *value = inlined(p, e);
    if (!value) return false;
    if (p->inside == 0 && !divides)
        AT_PUSH(p->s->arena, p->reads, p->read_count, p->read_capacity, e);
    p->nesting++;
    bool good = times(p, all, value, divides);
    p->nesting--;
    return good;
}

static bool times_map(at_separation *p, products *all, const at_expr *e, bool divides) {
    const at_expr *const *args = e->u.map.args;
    bool good = true;
    switch (e->u.map.op) {
    case AT_OP_NEG:
        for (int i = 0; i < all->count; i++) all->items[i].negative ^= true;
        return times(p, all, args[0], divides);
    case AT_OP_MUL: return times(p, all, args[0], divides) && times(p, all, args[1], divides);
    case AT_OP_DIV: return times(p, all, args[0], divides) && times(p, all, args[1], !divides);
    case AT_OP_ADD:
    case AT_OP_SUB:
        if (divides) return false;
        return times_either(p, all, args[0], args[1], e->u.map.op == AT_OP_SUB, NULL, e->span);
    case AT_OP_IF:
        if (divides) return false;
        if (at_is_number(args[2], 0))
            return times(p, all, args[1], false) && add_conditions(p, all, args[0]);
        return times_either(p, all, args[1], args[2], false, args[0], e->span);
    case AT_OP_TO_REAL:
        if (divides) return false;
        if (args[0]->kind == AT_BOOL) return add_conditions(p, all, args[0]);
        for (int i = 0; good && i < all->count; i++) good = add_moment(p, &all->items[i], args[0]);
        return good;
    case AT_OP_POW:
        for (int i = 0; good && i < all->count; i++)
            good = add_real_power(p, &all->items[i], args[0], args[1], divides);
        return good;
    case AT_OP_EXP:
        for (int i = 0; good && i < all->count; i++)
            good = add_exponent(p, &all->items[i], args[0], (scale){NULL, NULL, divides});
        return good;
    default: return false;
    }
}

static bool times(at_separation *p, products *all, const at_expr *e, bool divides) {
    bool good = false;
    if (!is_pair(p, e)) {
        for (int i = 0; i < all->count; i++) push_factor(p, &all->items[i], e, divides);
        return true;
    }
    int rows = p->row_count;
    if (e->tag == AT_MAP) good = times_map(p, all, e, divides);
    if (e->tag == AT_READ) good = times_read(p, all, e, divides);
    if (e->tag == AT_FOLD_NODE && !divides) good = times_sum(p, all, e);
    if (!good && rows == p->row_count) /* nothing inside was to blame */
        clash(p, e, "has a part of rows and columns that is no product of the two");
    return good;
}

/* ---- the sum --------------------------------------------------------------------------------- */

typedef struct {
    at_separation *p;
    int capacity;
} finding;

static bool find_rows(void *user, const at_expr *e) {
    finding *f = user;
    at_separation *p = f->p;
    if (e->tag != AT_INDEX || e->u.axis->round || at_axis_is_short(p->growth, e->u.axis))
        return true;
    if (among(p->rows, p->row_count, e) || !at_mentions(p->sum, e->u.axis)) return true;
    AT_PUSH(p->s->arena, p->rows, p->row_count, f->capacity, e->u.axis);
    return true;
}

static void find_bound(at_separation *p) {
    const at_expr *sum = p->sum;
    p->bound = AT_NEW_ARRAY(p->s->arena, at_axis *, sum->u.fold.count);
    p->bound_count = 0;
    for (int i = 0; i < sum->u.fold.count; i++)
        if (at_axis_grows(p->growth, sum->u.fold.axes[i]))
            p->bound[p->bound_count++] = sum->u.fold.axes[i];
    for (int i = 0; p->bound_count == 0 && i < sum->u.fold.count; i++)
        if (!at_axis_is_short(p->growth, sum->u.fold.axes[i])) {
            p->bound[p->bound_count++] = sum->u.fold.axes[i];
            break;
        }
}

/* The sum's axes that are not bound are depth of each product. */
static at_product begin(const at_separation *p) {
    at_product one = {0};
    const at_expr *sum = p->sum;
    one.depth = AT_NEW_ARRAY(p->s->arena, at_axis *, sum->u.fold.count);
    for (int i = 0; i < sum->u.fold.count; i++) {
        bool bound = false;
        for (int k = 0; k < p->bound_count; k++) bound |= p->bound[k] == sum->u.fold.axes[i];
        if (!bound) one.depth[one.depth_count++] = sum->u.fold.axes[i];
    }
    return one;
}

typedef struct {
    const at_separation *p;
    const at_product *product;
    int count;
    const at_axis *axes[8];
} state_axes;

static bool find_state_axis(void *user, const at_expr *e) {
    state_axes *f = user;
    if (e->tag != AT_INDEX || f->count == 8) return true;
    const at_axis *axis = e->u.axis;
    for (int i = 0; i < f->p->bound_count; i++)
        if (f->p->bound[i] == axis) return true;
    for (int i = 0; i < f->count; i++)
        if (f->axes[i] == axis) return true;
    bool deep = false, row = false; /* rows have what is no depth: a head, say */
    for (int i = 0; i < f->product->depth_count; i++) deep |= f->product->depth[i] == axis;
    for (int i = 0; !deep && i < f->product->row_count; i++)
        row |= at_mentions(f->product->rows[i].e, axis);
    if (!row) f->axes[f->count++] = axis;
    return true;
}

/* How many axes the state has beside those that it shares with the rows. */
static int states_of(const at_separation *p, const at_product *product) {
    state_axes f = {.p = p, .product = product};
    for (int i = 0; i < product->bound_count; i++)
        at_walk(product->bound[i].e, find_state_axis, &f);
    return f.count;
}

static bool is_good(at_separation *p, const at_product *product) {
    bool far = product->base || product->late || product->early || product->moment ||
               product->apart;
    if (far && !product->order) {
        p->why = "falls with a distance, but is summed on both sides of it";
        return false;
    }
    if (product->early && product->moment) {
        p->why = "falls with a distance in two ways";
        return false;
    }
    if (states_of(p, product) > 2) {
        p->why = "would need a state of more than two axes";
        return false;
    }
    if ((product->early || product->moment) &&
        !at_equal_extent(p->s, p->draft->from, product->row, product->column)) {
        p->why = "falls with a distance between indices whose axes may be of different lengths";
        return false;
    }
    return true;
}

typedef struct {
    const at_separation *p;
    const at_product *product;
    bool found;
} binding;

static bool look_for_binding(void *user, const at_expr *e) {
    binding *b = user;
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++) {
        const at_axis *axis = e->u.fold.axes[i];
        b->found |= axis == b->product->row;
        for (int k = 0; k < b->p->bound_count; k++) b->found |= axis == b->p->bound[k];
        for (int k = 0; k < b->product->depth_count; k++) b->found |= axis == b->product->depth[k];
    }
    return !b->found;
}

/* A part that may be asked for more indices, and in other places, than it stood for. */
static bool may_move(at_separation *p, const at_product *product, const at_expr *e) {
    if (!e) return true;
    binding b = {p, product, false};
    at_walk(e, look_for_binding, &b);
    return !b.found && !at_lacks_value(p->s, p->draft->from, p->whole, p->whole_count, e);
}

static bool has_values(at_separation *p, const at_product *product) {
    const at_expr *others[] = {product->row_guard, product->bound_guard, product->base,
                               product->extra,     product->late,        product->early};
    bool good = true;
    for (int i = 0; i < product->row_count; i++) good &= may_move(p, product, product->rows[i].e);
    for (int i = 0; i < product->bound_count; i++)
        good &= may_move(p, product, product->bound[i].e);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        good &= may_move(p, product, others[i]);
    if (!good) p->why = "has a part that may have no value where the sum does not ask for it";
    return good;
}

static bool try_rows(at_separation *p) {
    products *all = AT_NEW(p->s->arena, products);
    all->count = 1;
    all->items[0] = begin(p);
    p->read_count = p->pair_count = p->inside = p->nesting = 0;
    if (!times(p, all, p->sum->u.fold.body, false)) return false;
    if (p->sum->u.fold.guard && !add_conditions(p, all, p->sum->u.fold.guard)) return false;
    p->count = all->count;
    p->products = all->items;
    return true;
}

bool at_separate(at_separation *p) {
    finding f = {p, 0};
    p->row_count = 0;
    find_bound(p);
    if (p->bound_count == 0) return false;
    at_walk(p->sum, find_rows, &f);
    int axes = p->draft->out->axis_count;
    bool good = false;
    while (!good && p->row_count > 0) {
        p->draft->out->axis_count = axes;
        good = try_rows(p);
    }
    for (int i = 0; good && i < p->count; i++)
        good = is_good(p, &p->products[i]) && has_values(p, &p->products[i]);
    if (!good) p->draft->out->axis_count = axes;
    return good;
}
