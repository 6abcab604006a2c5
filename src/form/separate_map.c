/* What elementwise operations do to a form: exp of a sum becomes a product, the logarithm of a
 * product a sum; powers, roots and absolute values go to each factor of a product. Any other
 * function of elements and row values together has no form, and neither have these of a sum. */
#include "form/separate_int.h"

#include <math.h>

typedef bool (*changing)(at_separating *w, const at_expr *e, const at_sweep_piece *from,
                         at_sweep_piece *out);

static bool is_map(const at_expr *e, at_op op) { return e->tag == AT_MAP && e->u.map.op == op; }

static const at_expr *map(at_separating *w, at_op op, const at_expr *a, const at_expr *b) {
    return a ? at_map_node(w->s, op, a, b, NULL, a->span) : NULL;
}

static const at_expr *number(at_separating *w, const at_expr *e, double value) {
    return at_real(w->s, value, e->span);
}

/* ---- exp and log ----------------------------------------------------------------------------- */

static bool is_known(const at_separating *w, const at_expr *e) {
    return !e || at_sweep_depends(w, e) == 0;
}

/* exp(Σ x*k + Σ h): factors k of elements must be known before the sweep. */
static bool of_exp(at_separating *w, const at_expr *e, const at_sweep_piece *from,
                   at_sweep_piece *out) {
    at_session *s = w->s;
    at_sweep_term result = {0};
    for (int i = 0; i < from->count; i++) {
        const at_sweep_term *t = &from->terms[i];
        bool element = t->element || t->below;
        if (t->up || t->up_row || t->power_count) return at_sweep_no_form(w, e);
        if (element && !(is_known(w, t->row) && is_known(w, t->under)))
            return at_sweep_no_form(w, e);
        const at_expr *value = at_sweep_over(s, t->element, t->below);
        value = at_sweep_over(s, at_sweep_times(s, value, t->row), t->under);
        if (!value) value = number(w, e, 1);
        if (element) result.up = at_sweep_plus(s, result.up, value);
        else result.up_row = at_sweep_plus(s, result.up_row, value);
    }
    if (result.up && (!result.up_row || is_known(w, result.up_row))) {
        const at_expr *all = at_sweep_plus(s, result.up, result.up_row);
        result = (at_sweep_term){.element = map(w, AT_OP_EXP, all, NULL)};
    } else if (!result.up) {
        result = (at_sweep_term){.row = map(w, AT_OP_EXP, result.up_row, NULL)};
    }
    at_sweep_add_term(w, out, result);
    return true;
}

static bool has_sign(const at_separating *w, const at_expr *e) {
    return !e || at_sweep_sign(w, e) != AT_ANY_SIGN;
}

/* A product of which each factor can be looked at alone: at most one may be negative, and then so
 * is the product, of which a logarithm or root is NaN as well. */
static bool is_product(const at_separating *w, const at_sweep_piece *piece) {
    const at_sweep_term *t = &piece->terms[0];
    if (piece->count != 1 || t->power_count) return false;
    return !has_sign(w, t->element) + !has_sign(w, t->below) + !has_sign(w, t->row) +
               !has_sign(w, t->under) <= 1;
}

static void add_log(at_separating *w, at_sweep_piece *out, const at_expr *e, bool element,
                    bool divides) {
    if (!e) return;
    const at_expr *log = map(w, AT_OP_LOG, e, NULL);
    if (divides) log = at_make_neg(w->s, log);
    at_sweep_add_term(w, out, element ? (at_sweep_term){.element = log}
                                      : (at_sweep_term){.row = log});
}

static bool of_log(at_separating *w, const at_expr *e, const at_sweep_piece *from,
                   at_sweep_piece *out) {
    const at_sweep_term *t = &from->terms[0];
    if (!is_product(w, from)) return at_sweep_no_form(w, e);
    add_log(w, out, t->element, true, false);
    add_log(w, out, t->below, true, true);
    if (t->up) at_sweep_add_term(w, out, (at_sweep_term){.element = t->up});
    add_log(w, out, t->row, false, false);
    add_log(w, out, t->under, false, true);
    if (t->up_row) at_sweep_add_term(w, out, (at_sweep_term){.row = t->up_row});
    return true;
}

/* ---- factor by factor ------------------------------------------------------------------------ */

static bool of_negative(at_separating *w, const at_expr *e, const at_sweep_piece *from,
                        at_sweep_piece *out) {
    for (int i = 0; i < from->count; i++) {
        at_sweep_term t = from->terms[i];
        if (t.element && !t.row) t.element = at_make_neg(w->s, t.element);
        else t.row = at_make_neg(w->s, t.row ? t.row : number(w, e, 1));
        at_sweep_add_term(w, out, t);
    }
    return true;
}

/* The operation of each factor; exponents times `scale`. */
static void each_factor(at_separating *w, at_op op, const at_sweep_term *t, const at_expr *with,
                        const at_expr *scale, at_sweep_piece *out) {
    at_sweep_term result = {
        .element = map(w, op, t->element, with), .below = map(w, op, t->below, with),
        .row = map(w, op, t->row, with), .under = map(w, op, t->under, with),
        .up = t->up ? at_sweep_times(w->s, t->up, scale) : NULL,
        .up_row = t->up_row ? at_sweep_times(w->s, t->up_row, scale) : NULL};
    at_sweep_add_term(w, out, result);
}

static bool of_abs(at_separating *w, const at_expr *e, const at_sweep_piece *from,
                   at_sweep_piece *out) {
    if (from->count != 1 || from->terms[0].power_count) return at_sweep_no_form(w, e);
    each_factor(w, AT_OP_ABS, &from->terms[0], NULL, NULL, out);
    return true;
}

static bool of_root(at_separating *w, const at_expr *e, const at_sweep_piece *from,
                    at_sweep_piece *out) {
    const at_sweep_term *t = &from->terms[0];
    bool over = is_map(e, AT_OP_RSQRT);
    if (!is_product(w, from)) return at_sweep_no_form(w, e);
    at_sweep_term turned = *t;
    if (over)
        turned = (at_sweep_term){.element = t->below, .below = t->element, .row = t->under,
                                 .under = t->row, .up = t->up ? at_make_neg(w->s, t->up) : NULL,
                                 .up_row = t->up_row ? at_make_neg(w->s, t->up_row) : NULL};
    each_factor(w, AT_OP_SQRT, &turned, NULL, number(w, e, 0.5), out);
    return true;
}

/* relu of a product that has at most one factor that can be negative goes to that one. */
static bool of_relu(at_separating *w, const at_expr *e, const at_sweep_piece *from,
                    at_sweep_piece *out) {
    if (from->count != 1 || from->terms[0].power_count) return at_sweep_no_form(w, e);
    at_sweep_term t = from->terms[0];
    const at_expr **signs = NULL, **factors[] = {&t.element, &t.below, &t.row, &t.under};
    for (int i = 0; i < 4; i++) {
        if (!*factors[i] || at_sweep_sign(w, *factors[i]) != AT_ANY_SIGN) continue;
        if (signs || i % 2) return at_sweep_no_form(w, e);
        signs = factors[i];
    }
    if (signs) *signs = map(w, AT_OP_RELU, *signs, NULL);
    at_sweep_add_term(w, out, t);
    return true;
}

/* ---- powers ---------------------------------------------------------------------------------- */

static bool of_power(at_separating *w, const at_expr *e, const at_sweep_piece *from,
                     at_sweep_piece *out) {
    const at_expr *power = e->u.map.args[1];
    double n = power->tag == AT_CONST ? power->u.real : NAN;
    bool whole = n == floor(n) && fabs(n) < 1e9;
    bool single = from->count == 1 && !from->terms[0].power_count;
    if (whole && n >= 1 && n <= AT_SWEEP_DEGREE && !single) {
        at_sweep_piece all = *from;
        if (!at_sweep_centred(w, e, &all)) return false;
        at_sweep_piece base = all;
        for (int i = 1; i < (int)n; i++) {
            at_sweep_piece next = {0};
            if (!at_sweep_product(w, e, &all, &base, &next)) return false;
            if (next.count > AT_SWEEP_TERMS) return at_sweep_no_form(w, e);
            all = next;
        }
        for (int i = 0; i < all.count; i++) at_sweep_add_term(w, out, all.terms[i]);
        return true;
    }
    const at_sweep_term *t = &from->terms[0];
    if (from->count != 1 || t->power_count || at_sweep_depends(w, power))
        return at_sweep_no_form(w, e);
    if (!whole && !is_product(w, from)) return at_sweep_no_form(w, e);
    each_factor(w, AT_OP_POW, t, power, power, out);
    return true;
}

/* ---- forms ----------------------------------------------------------------------------------- */

/* `change` of each piece of the form of a. */
static at_sweep_form *changed(at_separating *w, const at_expr *e, const at_expr *a,
                              changing change) {
    const at_sweep_form *from = at_sweep_form_of(w, a);
    if (!from) return NULL;
    at_sweep_form *form = AT_NEW(w->s->arena, at_sweep_form);
    for (int i = 0; i < from->count; i++) {
        at_sweep_case c = {.when = from->cases[i].when};
        for (int k = 0; k < from->cases[i].count; k++) {
            at_sweep_piece out = {.where = from->cases[i].pieces[k].where};
            if (!change(w, e, &from->cases[i].pieces[k], &out)) return NULL;
            AT_PUSH(w->s->arena, c.pieces, c.count, c.capacity, out);
        }
        AT_PUSH(w->s->arena, form->cases, form->count, form->capacity, c);
    }
    return form;
}

/* max(a, 0) in any order, or the same as clamp: what is not negative. */
static const at_expr *cut_at_zero(const at_expr *e) {
    const at_expr *const *args = e->u.map.args;
    if (is_map(e, AT_OP_RELU)) return args[0];
    if (!is_map(e, AT_OP_MAX)) return NULL;
    return at_is_number(args[1], 0) ? args[0] : at_is_number(args[0], 0) ? args[1] : NULL;
}

/* An int or a bool of both sides as a real. */
static at_sweep_form *of_number(at_separating *w, const at_expr *e) {
    const at_expr *a = e->u.map.args[0];
    if (a->kind == AT_BOOL)
        return at_sweep_form_of(w, at_map_node(w->s, AT_OP_IF, a, number(w, e, 1), number(w, e, 0),
                                               e->span));
    bool linear = is_map(a, AT_OP_ADD) || is_map(a, AT_OP_SUB) || is_map(a, AT_OP_MUL);
    if (linear) {
        const at_expr *left = at_as_real(w->s, a->u.map.args[0]);
        const at_expr *right = at_as_real(w->s, a->u.map.args[1]);
        return at_sweep_form_of(w, at_map_node(w->s, a->u.map.op, left, right, NULL, e->span));
    }
    if (is_map(a, AT_OP_NEG))
        return at_sweep_form_of(w, at_make_neg(w->s, at_as_real(w->s, a->u.map.args[0])));
    at_sweep_no_form(w, e);
    return NULL;
}

at_sweep_form *at_sweep_form_map(at_separating *w, const at_expr *e) {
    const at_expr *a = e->u.map.args[0];
    switch (e->u.map.op) {
    case AT_OP_NEG: return changed(w, e, a, of_negative);
    case AT_OP_EXP: return changed(w, e, a, of_exp);
    case AT_OP_LOG: return changed(w, e, a, of_log);
    case AT_OP_POW:
        if (at_sweep_depends(w, e->u.map.args[1])) break;
        return changed(w, e, a, of_power);
    case AT_OP_SQRT:
    case AT_OP_RSQRT: return changed(w, e, a, of_root);
    case AT_OP_ABS: return changed(w, e, a, of_abs);
    case AT_OP_RELU:
    case AT_OP_MAX:
        if (!cut_at_zero(e)) break;
        return changed(w, e, cut_at_zero(e), of_relu);
    case AT_OP_TO_REAL: return of_number(w, e);
    default: break;
    }
    at_sweep_no_form(w, e);
    return NULL;
}
