/* Linear forms of int expressions, with what can be proved of them. Extents stay open here, so a
 * form is over sizes as well as indices: `y*size(w) + x` has the term y·size(w). Two forms are
 * equal when their difference is the number 0, and a comparison is sure when the least value that
 * the indices allow is. */
#include "form/form_int.h"

enum { TERMS = 16 };

/* ---- terms as products ----------------------------------------------------------------------- */

static int atoms_of(const at_expr *term, const at_expr **atoms, int count) {
    if (count < 0) return -1;
    if (term->tag == AT_MAP && term->u.map.op == AT_OP_MUL) {
        count = atoms_of(term->u.map.args[0], atoms, count);
        return atoms_of(term->u.map.args[1], atoms, count);
    }
    if (count == AT_ATOMS) return -1;
    atoms[count] = term;
    return count + 1;
}

int at_affine_atoms(const at_expr *term, const at_expr **atoms) { return atoms_of(term, atoms, 0); }

const at_expr *at_affine_without(at_session *s, const at_expr *term, const at_expr *atom) {
    const at_expr *atoms[AT_ATOMS], *rest = NULL;
    int count = atoms_of(term, atoms, 0), at = 0;
    while (at < count && !at_same(atoms[at], atom)) at++;
    if (at >= count) return NULL;
    for (int i = 0; i < count; i++) {
        if (i == at) continue;
        rest = rest ? at_map_node(s, AT_OP_MUL, rest, atoms[i], NULL, term->span) : atoms[i];
    }
    return rest ? rest : at_int(s, 1, term->span);
}

/* Indices, then sizes, each by their axes, then the rest as it comes: one order for each
 * product. */
static bool comes_before(const at_expr *a, const at_expr *b) {
    int rank_a = a->tag == AT_INDEX ? 0 : a->tag == AT_SIZE ? 1 : 2;
    int rank_b = b->tag == AT_INDEX ? 0 : b->tag == AT_SIZE ? 1 : 2;
    if (rank_a != rank_b) return rank_a < rank_b;
    return rank_a < 2 && a->u.axis->id < b->u.axis->id;
}

static const at_expr *product_of(at_session *s, const at_expr *a, const at_expr *b) {
    const at_expr *atoms[AT_ATOMS];
    int count = atoms_of(b, atoms, atoms_of(a, atoms, 0));
    if (count < 0) return NULL;
    for (int i = 1; i < count; i++)
        for (int k = i; k > 0 && comes_before(atoms[k], atoms[k - 1]); k--) {
            const at_expr *atom = atoms[k];
            atoms[k] = atoms[k - 1];
            atoms[k - 1] = atom;
        }
    const at_expr *product = atoms[0];
    for (int i = 1; i < count; i++)
        product = at_map_node(s, AT_OP_MUL, product, atoms[i], NULL, a->span);
    return product;
}

/* ---- forms ----------------------------------------------------------------------------------- */

/* INT64_MIN has no negative: nothing in a form may be it. */
static bool add_term(at_session *s, at_affine *form, const at_expr *term, int64_t factor) {
    if (factor == INT64_MIN) return false;
    for (int i = 0; i < form->count; i++) {
        if (!at_same(form->terms[i], term)) continue;
        if (__builtin_add_overflow(form->factors[i], factor, &form->factors[i])) return false;
        if (form->factors[i] == INT64_MIN) return false;
        if (form->factors[i] != 0) return true;
        form->count--;
        for (int k = i; k < form->count; k++) {
            form->terms[k] = form->terms[k + 1];
            form->factors[k] = form->factors[k + 1];
        }
        return true;
    }
    if (factor == 0) return true;
    if (form->count == TERMS) return false;
    if (!form->terms) {
        form->terms = AT_NEW_ARRAY(s->arena, const at_expr *, TERMS);
        form->factors = AT_NEW_ARRAY(s->arena, int64_t, TERMS);
    }
    form->terms[form->count] = term;
    form->factors[form->count++] = factor;
    return true;
}

static at_affine copy_of(at_session *s, const at_affine *a) {
    at_affine form = {a->constant, 0, NULL, NULL};
    for (int i = 0; i < a->count; i++) add_term(s, &form, a->terms[i], a->factors[i]);
    return form;
}

bool at_affine_add(at_session *s, const at_affine *a, int64_t factor, const at_affine *b,
                   at_affine *form) {
    at_affine sum = copy_of(s, a);
    int64_t part;
    if (__builtin_mul_overflow(b->constant, factor, &part) ||
        __builtin_add_overflow(sum.constant, part, &sum.constant) || sum.constant == INT64_MIN)
        return false;
    for (int i = 0; i < b->count; i++)
        if (__builtin_mul_overflow(b->factors[i], factor, &part) ||
            !add_term(s, &sum, b->terms[i], part))
            return false;
    *form = sum;
    return true;
}

/* Each term of a times each of b, the constants included. */
static bool multiply(at_session *s, const at_affine *a, const at_affine *b, at_affine *form) {
    at_affine out = {0};
    int64_t factor;
    if (__builtin_mul_overflow(a->constant, b->constant, &out.constant) ||
        out.constant == INT64_MIN)
        return false;
    for (int i = -1; i < a->count; i++)
        for (int k = -1; k < b->count; k++) {
            if (i < 0 && k < 0) continue;
            int64_t left = i < 0 ? a->constant : a->factors[i];
            int64_t right = k < 0 ? b->constant : b->factors[k];
            if (left == 0 || right == 0) continue;
            const at_expr *term = i < 0   ? b->terms[k]
                                  : k < 0 ? a->terms[i]
                                          : product_of(s, a->terms[i], b->terms[k]);
            if (!term || __builtin_mul_overflow(left, right, &factor) ||
                !add_term(s, &out, term, factor))
                return false;
        }
    *form = out;
    return true;
}

static bool whole(at_session *s, const at_expr *e, at_affine *form) {
    *form = (at_affine){0};
    return add_term(s, form, e, 1);
}

static int64_t no_extent(void *user, const at_axis *axis) {
    (void)user, (void)axis;
    return -1;
}

bool at_affine_of(at_session *s, const at_expr *e, at_affine *form) {
    *form = (at_affine){0};
    if (e->kind != AT_INT) return false;
    if (e->tag == AT_CONST) {
        form->constant = e->u.integer;
        return form->constant != INT64_MIN;
    }
    if (e->tag == AT_SIZE) {
        const at_expr *extent = at_extent_of(s, e->u.axis);
        return extent->tag == AT_SIZE ? whole(s, extent, form) : at_affine_of(s, extent, form);
    }
    if (e->tag != AT_MAP || e->u.map.args[0]->kind != AT_INT) return whole(s, e, form);
    at_affine a, b, none = {0};
    switch (e->u.map.op) {
    case AT_OP_NEG:
        return at_affine_of(s, e->u.map.args[0], &a) && at_affine_add(s, &none, -1, &a, form);
    case AT_OP_ADD:
    case AT_OP_SUB:
        return at_affine_of(s, e->u.map.args[0], &a) && at_affine_of(s, e->u.map.args[1], &b) &&
               at_affine_add(s, &a, e->u.map.op == AT_OP_ADD ? 1 : -1, &b, form);
    case AT_OP_MUL:
        return at_affine_of(s, e->u.map.args[0], &a) && at_affine_of(s, e->u.map.args[1], &b) &&
               multiply(s, &a, &b, form);
    default: break;
    }
    at_constant value = at_constant_of(e, no_extent, NULL);
    if (!value.known) return whole(s, e, form);
    form->constant = value.integer;
    return form->constant != INT64_MIN;
}

/* Terms with a plus first, so that `a - u` does not become `-u + a`. */
const at_expr *at_affine_expr(at_session *s, const at_affine *form, at_span span) {
    const at_expr *sum = NULL;
    for (int sign = 1; sign >= -1; sign -= 2) {
        for (int i = 0; i < form->count; i++) {
            if ((form->factors[i] > 0) != (sign > 0)) continue;
            int64_t factor = form->factors[i] > 0 ? form->factors[i] : -form->factors[i];
            const at_expr *term = form->terms[i];
            if (factor != 1)
                term = at_map_node(s, AT_OP_MUL, term, at_int(s, factor, span), NULL, span);
            if (sum) sum = at_map_node(s, sign > 0 ? AT_OP_ADD : AT_OP_SUB, sum, term, NULL, span);
            else sum = sign > 0 ? term : at_map_node(s, AT_OP_NEG, term, NULL, NULL, span);
        }
        if (sign > 0 && form->constant > 0) {
            const at_expr *constant = at_int(s, form->constant, span);
            sum = sum ? at_map_node(s, AT_OP_ADD, sum, constant, NULL, span) : constant;
        }
    }
    if (!sum) return at_int(s, form->constant, span);
    if (form->constant >= 0) return sum;
    return at_map_node(s, AT_OP_SUB, sum, at_int(s, -form->constant, span), NULL, span);
}

/* ---- what is sure ---------------------------------------------------------------------------- */

/* The largest value of an atom, as an expression; NULL: not known. All such atoms are 0 or more. A
 * `size` is 0 or more as well, but has no largest value. */
static const at_expr *last_of(at_session *s, const at_expr *atom) {
    const at_axis *axis = NULL;
    if (atom->tag == AT_INDEX) axis = atom->u.axis;
    if (atom->tag == AT_READ && atom->u.read.array->inside && !atom->u.read.alternative)
        axis = atom->u.read.array->inside;
    const at_expr *extent = axis ? at_extent_of(s, axis) : NULL;
    if (atom->tag == AT_MAP && atom->u.map.op == AT_OP_IDIV) {
        const at_expr *by = atom->u.map.args[1];
        if (by->tag != AT_CONST || by->u.integer <= 0) return NULL;
        const at_expr *last = last_of(s, atom->u.map.args[0]);
        at_affine number;
        if (last && at_affine_of(s, last, &number) && number.count == 0 && number.constant >= 0)
            return at_int(s, number.constant / by->u.integer, atom->span);
        return last;
    }
    if (atom->tag == AT_MAP && atom->u.map.op == AT_OP_MOD) {
        const at_expr *by = atom->u.map.args[1];
        if (by->tag == AT_CONST ? by->u.integer > 0 : by->tag == AT_SIZE) extent = by;
    }
    if (!extent) return NULL;
    return at_map_node(s, AT_OP_SUB, extent, at_int(s, 1, atom->span), NULL, atom->span);
}

/* Made of sizes only, and 0 or more. */
static bool is_length(const at_expr *e) {
    if (e->tag == AT_SIZE) return true;
    if (e->tag == AT_CONST) return e->u.integer >= 0;
    if (e->tag != AT_MAP) return false;
    const at_expr *const *args = e->u.map.args;
    at_op op = e->u.map.op;
    if (op == AT_OP_IDIV)
        return is_length(args[0]) && args[1]->tag == AT_CONST && args[1]->u.integer > 0;
    return (op == AT_OP_ADD || op == AT_OP_MUL) && is_length(args[0]) && is_length(args[1]);
}

/* Replaces the first term with an index in it by its least value; 1 when one was found, 0 when
 * there is none, -1 when its bounds are not known. */
static int bound_one(at_session *s, at_affine *form) {
    for (int i = 0; i < form->count; i++) {
        const at_expr *atoms[AT_ATOMS];
        int count = atoms_of(form->terms[i], atoms, 0), at = -1;
        if (count < 0) return -1;
        const at_expr *last = NULL;
        for (int k = 0; k < count; k++) {
            if (is_length(atoms[k])) continue;
            /* Each factor must be known to be 0 or more, the others for the product to grow with
             * it. */
            const at_expr *bound = last_of(s, atoms[k]);
            if (!bound) return -1;
            if (at < 0) last = bound;
            if (at < 0) at = k;
        }
        if (at < 0) continue;
        int64_t factor = form->factors[i];
        if (!add_term(s, form, form->terms[i], -factor)) return -1;
        if (factor > 0) return 1;
        at_affine most, rest;
        if (!at_affine_of(s, last, &most)) return -1;
        for (int k = 0; k < count; k++) {
            if (k == at) continue;
            if (!at_affine_of(s, atoms[k], &rest) || !multiply(s, &most, &rest, &most)) return -1;
        }
        return at_affine_add(s, form, factor, &most, form) ? 1 : -1;
    }
    return 0;
}

/* An axis that has an index in the form has an extent of 1 or more. */
static bool has_index(at_session *s, const at_affine *form, const at_axis *root) {
    for (int i = 0; i < form->count; i++) {
        const at_expr *atoms[AT_ATOMS];
        int count = atoms_of(form->terms[i], atoms, 0);
        for (int k = 0; k < count; k++) {
            if (atoms[k]->tag != AT_INDEX) continue;
            const at_expr *extent = at_extent_of(s, atoms[k]->u.axis);
            if (extent->tag == AT_SIZE && extent->u.axis == root) return true;
        }
    }
    return false;
}

/* -m·k·(a // k), k > 0, is at least -m·a. */
static void take_quotients(at_session *s, at_affine *form) {
    for (int i = 0; i < form->count; i++) {
        const at_expr *e = form->terms[i];
        int64_t factor = form->factors[i];
        if (factor >= 0 || e->tag != AT_MAP || e->u.map.op != AT_OP_IDIV) continue;
        const at_expr *by = e->u.map.args[1];
        if (by->tag != AT_CONST || by->u.integer <= 0 || factor % by->u.integer != 0) continue;
        at_affine all, out, one = {0};
        if (!at_affine_of(s, e->u.map.args[0], &all) || !add_term(s, &one, e, 1)) continue;
        if (!at_affine_add(s, form, -factor, &one, &out) ||
            !at_affine_add(s, &out, factor / by->u.integer, &all, &out))
            continue;
        *form = out;
        i = -1;
    }
}

bool at_affine_nonnegative(at_session *s, const at_affine *given) {
    at_affine form = copy_of(s, given);
    int found;
    for (int round = 0; (found = bound_one(s, &form)) > 0; round++)
        if (round == 2 * TERMS) return false;
    if (found < 0) return false;
    take_quotients(s, &form);
    int64_t least = form.constant;
    for (int i = 0; i < form.count; i++) {
        if (form.factors[i] < 0) return false;
        const at_expr *term = form.terms[i];
        if (term->tag == AT_SIZE && has_index(s, given, term->u.axis) &&
            __builtin_add_overflow(least, form.factors[i], &least))
            return false;
    }
    return least >= 0;
}

/* b - a, and one less where `strict`. */
static bool gap(at_session *s, const at_expr *a, const at_expr *b, bool strict, at_affine *form) {
    at_affine left, right;
    if (!at_affine_of(s, a, &left) || !at_affine_of(s, b, &right)) return false;
    return at_affine_add(s, &right, -1, &left, form) &&
           !__builtin_sub_overflow(form->constant, strict, &form->constant);
}

/* a <= b, or a < b where `strict`. */
static bool is_sure(at_session *s, const at_expr *a, const at_expr *b, bool strict) {
    at_affine form;
    return gap(s, a, b, strict, &form) && at_affine_nonnegative(s, &form);
}

/* ---- comparisons ----------------------------------------------------------------------------- */

/* What the comparison surely is: 1, 0, or -1 when that depends. */
static int decided(at_session *s, at_op op, const at_expr *a, const at_expr *b) {
    at_affine form;
    switch (op) {
    case AT_OP_EQ:
        if (is_sure(s, a, b, true) || is_sure(s, b, a, true)) return 0;
        return gap(s, a, b, false, &form) && form.count == 0 && form.constant == 0 ? 1 : -1;
    case AT_OP_NE: {
        int equal = decided(s, AT_OP_EQ, a, b);
        return equal < 0 ? -1 : !equal;
    }
    case AT_OP_LE: return is_sure(s, a, b, false) ? 1 : is_sure(s, b, a, true) ? 0 : -1;
    case AT_OP_LT: return is_sure(s, a, b, true) ? 1 : is_sure(s, b, a, false) ? 0 : -1;
    case AT_OP_GE: return decided(s, AT_OP_LE, b, a);
    case AT_OP_GT: return decided(s, AT_OP_LT, b, a);
    default: return -1;
    }
}

static bool is_equal(at_session *s, const at_expr *a, const at_expr *b) {
    at_affine form;
    return gap(s, a, b, false, &form) && form.count == 0 && form.constant == 0;
}

/* Whether it is required that something, `of` if that is not NULL, is a multiple of e. So e is not
 * 0. */
static bool is_divisor(at_session *s, const at_cascade *known, const at_expr *of,
                       const at_expr *e) {
    for (int i = 0; i < known->require_count; i++) {
        const at_expr *c = known->requires[i].condition;
        if (c->tag != AT_MAP || c->u.map.op != AT_OP_EQ) continue;
        const at_expr *rest = c->u.map.args[0], *zero = c->u.map.args[1];
        if (zero->tag != AT_CONST || zero->kind != AT_INT || zero->u.integer != 0) continue;
        if (rest->tag == AT_MAP && rest->u.map.op == AT_OP_MOD &&
            is_equal(s, rest->u.map.args[1], e) && (!of || is_equal(s, rest->u.map.args[0], of)))
            return true;
    }
    return false;
}

/* How many groups there are of `h // (size(h) // size(g))`, if it is required that they are equally
 * large, `size(h) % size(g) == 0`: it lies in g. NULL: it is no such quotient. */
static const at_expr *groups_of(at_session *s, const at_cascade *known, const at_expr *e) {
    if (!known || e->tag != AT_MAP || e->u.map.op != AT_OP_IDIV) return NULL;
    const at_expr *h = e->u.map.args[0], *each = e->u.map.args[1];
    if (each->tag != AT_MAP || each->u.map.op != AT_OP_IDIV) return NULL;
    const at_expr *all = each->u.map.args[0], *groups = each->u.map.args[1];
    if (!is_length(all) || !is_length(groups) || !is_divisor(s, known, all, groups)) return NULL;
    if (!is_sure(s, at_int(s, 0, e->span), h, false) || !is_sure(s, h, all, true)) return NULL;
    return groups;
}

bool at_quotient_is_sure(at_session *s, const at_cascade *known, const at_expr *e) {
    const at_expr *by = e->u.map.args[1];
    if (by->tag == AT_CONST) return by->u.integer > 0;
    return known && ((is_length(by) && is_divisor(s, known, NULL, by)) || groups_of(s, known, e));
}

static const at_expr *unless_sure(at_session *s, const at_cascade *known, const at_expr *a,
                                  const at_expr *b, bool strict) {
    const at_expr *groups = groups_of(s, known, strict ? a : b);
    if (groups && (strict ? is_equal(s, groups, b) : a->tag == AT_CONST && a->u.integer <= 0))
        return NULL;
    const at_expr *x = a, *y = b;
    if (known && known->require_count) {
        x = at_with_known_sizes(s, known, a);
        y = at_with_known_sizes(s, known, b);
    }
    int value = decided(s, strict ? AT_OP_LT : AT_OP_LE, x, y);
    if (value > 0) return NULL;
    if (value == 0) return at_bool(s, false, a->span);
    return at_map_node(s, strict ? AT_OP_LT : AT_OP_LE, a, b, NULL, a->span);
}

const at_expr *at_between(at_session *s, const at_cascade *known, const at_expr *low,
                          const at_expr *e, const at_expr *high) {
    const at_expr *above = unless_sure(s, known, low, e, false);
    return at_both(s, above, unless_sure(s, known, e, high, true));
}

/* ---- short forms ----------------------------------------------------------------------------- */

static const at_expr *short_index(at_session *s, const at_expr *e) {
    at_affine form;
    if (e->tag != AT_MAP || !at_affine_of(s, e, &form)) return e;
    const at_expr *shorter = at_affine_expr(s, &form, e->span);
    return shorter->weight < e->weight ? shorter : e;
}

static const at_expr *short_node(void *user, const at_expr *e) {
    at_session *s = user;
    if (e->tag == AT_READ) {
        const at_expr **index = NULL;
        int rank = e->u.read.array->rank;
        for (int i = 0; i < rank; i++) {
            const at_expr *shorter = short_index(s, e->u.read.index[i]);
            if (shorter == e->u.read.index[i]) continue;
            /* A plain index would have to lie inside. */
            if (shorter->tag == AT_INDEX && e->u.read.alternative) continue;
            if (!index) index = at_copy(s->arena, e->u.read.index, sizeof *index * (size_t)rank);
            index[i] = shorter;
        }
        if (!index) return e;
        return at_read(s, e->u.read.array, index, e->u.read.alternative, e->span);
    }
    if (e->tag != AT_MAP || e->kind != AT_BOOL || e->u.map.args[0]->kind != AT_INT) return e;
    int value = decided(s, e->u.map.op, e->u.map.args[0], e->u.map.args[1]);
    return value < 0 ? e : at_bool(s, value, e->span);
}

const at_expr *at_affine_simple(at_session *s, const at_expr *e) {
    return e ? at_rewrite(s, e, short_node, s) : NULL;
}

int at_without_quotient(at_session *s, const at_expr *e, int side, const at_expr *out[2]) {
    const at_expr *quotient = e->u.map.args[side], *other = e->u.map.args[!side];
    at_span span = e->span;
    if (quotient->tag != AT_MAP || quotient->u.map.op != AT_OP_IDIV) return 0;
    const at_expr *x = quotient->u.map.args[0], *by = quotient->u.map.args[1];
    if (by->tag != AT_CONST || by->u.integer <= 0) return 0;
    at_op op = e->u.map.op;
    /* quotient op other, whichever side it stands on */
    if (side == 1 && op != AT_OP_EQ)
        op = op == AT_OP_LT ? AT_OP_GT : op == AT_OP_GT ? AT_OP_LT
             : op == AT_OP_LE ? AT_OP_GE : op == AT_OP_GE ? AT_OP_LE : op;
    const at_expr *begin = at_map_node(s, AT_OP_MUL, by, other, NULL, span);
    const at_expr *end = at_map_node(s, AT_OP_ADD, begin, by, NULL, span);
    const at_expr *from = at_map_node(s, AT_OP_LE, begin, x, NULL, span);
    const at_expr *to = at_map_node(s, AT_OP_LT, x, end, NULL, span);
    switch (op) {
    case AT_OP_EQ: out[0] = from; out[1] = to; return 2;
    case AT_OP_GE: out[0] = from; return 1;
    case AT_OP_LE: out[0] = to; return 1;
    case AT_OP_GT: out[0] = at_map_node(s, AT_OP_LE, end, x, NULL, span); return 1;
    case AT_OP_LT: out[0] = at_map_node(s, AT_OP_LT, x, begin, NULL, span); return 1;
    default: return 0;
    }
}
