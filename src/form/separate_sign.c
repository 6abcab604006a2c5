/* What sign a value surely has, where it is no NaN: asked before a factor is taken out of a max,
 * and before a logarithm or a root is taken apart. Arrays are followed to where they are computed,
 * so far as a number of steps goes. */
#include "form/separate_int.h"

enum { DEEP = 60, STEPS = 2000 };

typedef struct {
    const at_separating *w;
    int steps; /* that were taken */
} asking;

static at_signs sign_of(asking *w, const at_expr *e, int depth);

static at_signs weaker(at_signs a, at_signs b) { return a < b ? a : b; }
static at_signs stronger(at_signs a, at_signs b) { return a > b ? a : b; }

static at_signs of_number(const at_expr *e) {
    double value = e->kind == AT_REAL ? e->u.real : (double)e->u.integer;
    return value > 0 ? AT_POSITIVE : value == 0 ? AT_NOT_NEGATIVE : AT_ANY_SIGN;
}

static at_signs of_fold(asking *w, const at_expr *e, int depth) {
    const at_expr *body = e->u.fold.body;
    switch (e->u.fold.fold) {
    case AT_FOLD_COUNT: return AT_NOT_NEGATIVE;
    case AT_FOLD_SUM:
    case AT_FOLD_MEAN: return weaker(sign_of(w, body, depth), AT_NOT_NEGATIVE);
    case AT_FOLD_PROD:
    case AT_FOLD_MIN: return sign_of(w, body, depth);
    default: return AT_ANY_SIGN; /* of nothing the largest is -inf */
    }
}

static const at_expr *equation_of(const at_separating *w, const at_array *array) {
    for (int i = 0; i < w->given->fold_count; i++)
        if (w->given->folds[i].target == array) return w->given->folds[i].fold;
    for (int i = 0; i < w->given->row_count; i++)
        if (w->given->rows[i].target == array) return w->given->rows[i].value;
    for (int i = 0; i < w->given->known_count; i++)
        if (w->given->known[i].target == array) return w->given->known[i].value;
    return array->id >= 0 && array->id < w->array_count ? w->equations[array->id] : NULL;
}

static at_signs of_read(asking *w, const at_expr *e, int depth) {
    const at_expr *value = equation_of(w->w, e->u.read.array);
    if (e->u.read.array->inside) return AT_NOT_NEGATIVE;
    if (!value) return AT_ANY_SIGN;
    at_signs sign = sign_of(w, value, depth);
    return e->u.read.alternative ? weaker(sign, sign_of(w, e->u.read.alternative, depth)) : sign;
}

static bool is_even(const at_expr *e) {
    double half = e->tag == AT_CONST && e->kind == AT_REAL ? e->u.real / 2 : 0.5;
    return half > -1e9 && half < 1e9 && half == (double)(int64_t)half;
}

static at_signs of_map(asking *w, const at_expr *e, int depth) {
    const at_expr *const *args = e->u.map.args;
    at_signs a = sign_of(w, args[0], depth), b = AT_ANY_SIGN, c = AT_ANY_SIGN;
    int arity = at_op_info(e->u.map.op)->arity;
    if (arity > 1) b = sign_of(w, args[1], depth);
    if (arity > 2) c = sign_of(w, args[2], depth);
    switch (e->u.map.op) {
    case AT_OP_EXP:
    case AT_OP_SIGMOID:
    case AT_OP_SOFTPLUS: return AT_POSITIVE;
    case AT_OP_ABS:
    case AT_OP_RELU:
    case AT_OP_SQRT:
    case AT_OP_RSQRT: return stronger(a, AT_NOT_NEGATIVE);
    case AT_OP_ADD:
        return a == AT_ANY_SIGN || b == AT_ANY_SIGN ? AT_ANY_SIGN : stronger(a, b);
    case AT_OP_MUL:
        if (at_same(args[0], args[1])) return stronger(a, AT_NOT_NEGATIVE);
        return weaker(a, b);
    case AT_OP_DIV:
    case AT_OP_MIN: return weaker(a, b);
    case AT_OP_MAX: return stronger(a, b);
    case AT_OP_CLAMP: return stronger(weaker(a, c), weaker(b, c));
    case AT_OP_POW: return is_even(args[1]) ? stronger(a, AT_NOT_NEGATIVE) : a;
    case AT_OP_IF: return weaker(b, c);
    case AT_OP_TO_REAL: return args[0]->kind == AT_BOOL ? AT_NOT_NEGATIVE : a;
    case AT_OP_STOP:
    case AT_OP_SIGN:
    case AT_OP_CEIL: return a;
    case AT_OP_FLOOR:
    case AT_OP_ROUND: return weaker(a, AT_NOT_NEGATIVE);
    default: return AT_ANY_SIGN;
    }
}

static at_signs sign_of(asking *w, const at_expr *e, int depth) {
    if (++depth > DEEP || ++w->steps > STEPS) return AT_ANY_SIGN;
    switch (e->tag) {
    case AT_CONST: return of_number(e);
    case AT_SIZE:
    case AT_INDEX: return AT_NOT_NEGATIVE;
    case AT_READ: return of_read(w, e, depth);
    case AT_MAP: return of_map(w, e, depth);
    case AT_FOLD_NODE: return of_fold(w, e, depth);
    }
    return AT_ANY_SIGN;
}

at_signs at_sweep_sign(const at_separating *w, const at_expr *e) {
    asking a = {w, 0};
    return sign_of(&a, e, 0);
}
