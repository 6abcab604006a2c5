/* Comparing expressions for the sweep: equal but for the order of sums and products, so that it
 * does not matter how a program orders its operands; multiples; and what a guard says already. */
#include "form/separate_int.h"

enum { OPERANDS = 24, DEEP = 40 };

static bool is_map(const at_expr *e, at_op op) { return e->tag == AT_MAP && e->u.map.op == op; }

static bool alike(at_session *s, const at_expr *a, const at_expr *b, int depth);

/* ---- sums and products as lists -------------------------------------------------------------- */

typedef struct {
    bool product;
    int count;
    const at_expr *items[OPERANDS];
    bool inverse[OPERANDS]; /* subtracted, divided by */
    bool negative;          /* of a product */
} operands;

/* False when there are too many. */
static bool gather(operands *list, const at_expr *e, bool inverse) {
    at_op plus = list->product ? AT_OP_MUL : AT_OP_ADD;
    at_op minus = list->product ? AT_OP_DIV : AT_OP_SUB;
    if (is_map(e, plus))
        return gather(list, e->u.map.args[0], inverse) && gather(list, e->u.map.args[1], inverse);
    if (is_map(e, minus))
        return gather(list, e->u.map.args[0], inverse) && gather(list, e->u.map.args[1], !inverse);
    if (is_map(e, AT_OP_NEG)) {
        if (!list->product) return gather(list, e->u.map.args[0], !inverse);
        list->negative = !list->negative;
        return gather(list, e->u.map.args[0], inverse);
    }
    if (list->count == OPERANDS) return false;
    list->items[list->count] = e;
    list->inverse[list->count++] = inverse;
    return true;
}

static bool is_sum(const at_expr *e) {
    return is_map(e, AT_OP_ADD) || is_map(e, AT_OP_SUB) || is_map(e, AT_OP_NEG);
}

static bool is_product(const at_expr *e) {
    return is_map(e, AT_OP_MUL) || is_map(e, AT_OP_DIV) || is_map(e, AT_OP_NEG);
}

static bool alike_lists(at_session *s, const at_expr *a, const at_expr *b, bool product,
                        int depth) {
    operands x = {.product = product}, y = {.product = product};
    if (!gather(&x, a, false) || !gather(&y, b, false)) return false;
    if (x.count != y.count || x.negative != y.negative) return false;
    for (int i = 0; i < x.count; i++) {
        int k = 0;
        while (k < y.count && !(y.items[k] && x.inverse[i] == y.inverse[k] &&
                                alike(s, x.items[i], y.items[k], depth + 1)))
            k++;
        if (k == y.count) return false;
        y.items[k] = NULL;
    }
    return true;
}

static bool alike_folds(at_session *s, const at_expr *a, const at_expr *b, int depth) {
    if (a->u.fold.fold != b->u.fold.fold || a->u.fold.count != b->u.fold.count) return false;
    for (int i = 0; i < a->u.fold.count; i++)
        if (a->u.fold.axes[i] != b->u.fold.axes[i]) return false;
    const at_expr *g = a->u.fold.guard, *h = b->u.fold.guard;
    if ((g == NULL) != (h == NULL) || (g && !alike(s, g, h, depth + 1))) return false;
    return alike(s, a->u.fold.body, b->u.fold.body, depth + 1);
}

static bool alike(at_session *s, const at_expr *a, const at_expr *b, int depth) {
    if (a == b || at_same(a, b)) return true;
    if (a->kind != b->kind || depth > DEEP || a->weight != b->weight) return false;
    if (is_sum(a) && is_sum(b) && alike_lists(s, a, b, false, depth)) return true;
    if (is_product(a) && is_product(b)) return alike_lists(s, a, b, true, depth);
    if (a->tag != b->tag) return false;
    if (a->tag == AT_FOLD_NODE) return alike_folds(s, a, b, depth);
    if (a->tag != AT_MAP || a->u.map.op != b->u.map.op || is_sum(a)) return false;
    for (int i = 0; i < at_op_info(a->u.map.op)->arity; i++)
        if (!alike(s, a->u.map.args[i], b->u.map.args[i], depth + 1)) return false;
    return true;
}

bool at_alike(at_session *s, const at_expr *a, const at_expr *b) { return alike(s, a, b, 0); }

/* ---- multiples ------------------------------------------------------------------------------- */

bool at_sweep_multiple(at_separating *w, const at_expr *e, const at_expr *base,
                       const at_expr **factor) {
    at_session *s = w->s;
    if (at_alike(s, e, base)) {
        *factor = at_real(s, 1, e->span);
        return true;
    }
    if (e->tag != AT_MAP || e->kind != AT_REAL) return false;
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    switch (e->u.map.op) {
    case AT_OP_NEG:
        if (!at_sweep_multiple(w, a, base, factor)) return false;
        *factor = at_make_neg(s, *factor);
        return true;
    case AT_OP_MUL:
        if (at_sweep_depends(w, a) & AT_ON_ELEMENTS) {
            const at_expr *other = a;
            a = b;
            b = other;
        } else if (at_sweep_multiple(w, a, base, factor)) {
            /* a row value, and a multiple of one: base mentions no element */
            *factor = at_make_mul(s, *factor, b);
            return !(at_sweep_depends(w, b) & AT_ON_ELEMENTS);
        }
        if ((at_sweep_depends(w, a) & AT_ON_ELEMENTS) || !at_sweep_multiple(w, b, base, factor))
            return false;
        *factor = at_make_mul(s, *factor, a);
        return true;
    case AT_OP_DIV:
        if ((at_sweep_depends(w, b) & AT_ON_ELEMENTS) || !at_sweep_multiple(w, a, base, factor))
            return false;
        *factor = at_make_div(s, *factor, b);
        return true;
    default: return false;
    }
}

/* ---- guards ---------------------------------------------------------------------------------- */

static bool says_alike(at_session *s, const at_expr *known, const at_expr *condition) {
    if (at_alike(s, known, condition)) return true;
    return is_map(known, AT_OP_AND) && (says_alike(s, known->u.map.args[0], condition) ||
                                        says_alike(s, known->u.map.args[1], condition));
}

bool at_implies(at_session *s, const at_expr *known, const at_expr *condition) {
    if (!condition) return true;
    if (!known) return false;
    if (is_map(condition, AT_OP_AND))
        return at_implies(s, known, condition->u.map.args[0]) &&
               at_implies(s, known, condition->u.map.args[1]);
    return says_alike(s, known, condition);
}

typedef struct {
    at_session *s;
    const at_expr *known;
} knowing;

static const at_expr *true_if_said(void *user, const at_expr *e) {
    const knowing *k = user;
    if (e->kind != AT_BOOL || e->tag == AT_CONST || !says_alike(k->s, k->known, e)) return e;
    return at_bool(k->s, true, e->span);
}

const at_expr *at_given_that(at_session *s, const at_expr *e, const at_expr *known) {
    if (!known) return e;
    knowing k = {s, known};
    return at_rewrite(s, e, true_if_said, &k);
}

/* ---- contradictions -------------------------------------------------------------------------- */

static bool denied(at_session *s, const at_expr *all, const at_expr *condition) {
    if (is_map(all, AT_OP_AND))
        return denied(s, all->u.map.args[0], condition) || denied(s, all->u.map.args[1], condition);
    return is_map(all, AT_OP_NOT) && at_alike(s, all->u.map.args[0], condition);
}

static bool contradicts(at_session *s, const at_expr *e, const at_expr *all) {
    if (is_map(e, AT_OP_AND))
        return contradicts(s, e->u.map.args[0], all) || contradicts(s, e->u.map.args[1], all);
    return (e->tag == AT_CONST && !e->u.integer) || denied(s, all, e);
}

bool at_never(at_session *s, const at_expr *condition) {
    return condition && contradicts(s, condition, condition);
}
