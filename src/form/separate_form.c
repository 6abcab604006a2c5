/* An expression of elements and of row values as cases, pieces and terms (separate_int.h): what is
 * of one side only is kept whole, sums add terms, products multiply them, and conditions become
 * cases or pieces. What operations do to terms is in separate_map.c.
 *
 * A sum `x - mu` of an element and a row value, when it is multiplied or added up, is written about
 * a centre c near the elements, (x - c) - (mu - c): the powers of x itself would lose what is small
 * beside mu. */
#include "form/separate_int.h"

#include <math.h>

static bool is_map(const at_expr *e, at_op op) { return e->tag == AT_MAP && e->u.map.op == op; }

const at_expr *at_sweep_times(at_session *s, const at_expr *a, const at_expr *b) {
    if (!a || at_is_number(a, 1)) return b;
    if (!b || at_is_number(b, 1)) return a;
    return at_map_node(s, AT_OP_MUL, a, b, NULL, a->span);
}

const at_expr *at_sweep_over(at_session *s, const at_expr *a, const at_expr *b) {
    if (!b || at_is_number(b, 1)) return a;
    return at_map_node(s, AT_OP_DIV, a ? a : at_real(s, 1, b->span), b, NULL, b->span);
}

const at_expr *at_sweep_plus(at_session *s, const at_expr *a, const at_expr *b) {
    if (!a || !b) return a ? a : b;
    if (is_map(b, AT_OP_NEG))
        return at_map_node(s, AT_OP_SUB, a, b->u.map.args[0], NULL, a->span);
    return at_map_node(s, AT_OP_ADD, a, b, NULL, a->span);
}

/* ---- making forms ---------------------------------------------------------------------------- */

static at_sweep_piece *add_piece(at_separating *w, at_sweep_case *c, const at_expr *where) {
    AT_PUSH(w->s->arena, c->pieces, c->count, c->capacity, ((at_sweep_piece){.where = where}));
    return &c->pieces[c->count - 1];
}

static at_sweep_case *add_case(at_separating *w, at_sweep_form *f, const at_expr *when) {
    AT_PUSH(w->s->arena, f->cases, f->count, f->capacity, ((at_sweep_case){.when = when}));
    return &f->cases[f->count - 1];
}

void at_sweep_add_term(at_separating *w, at_sweep_piece *piece, at_sweep_term term) {
    AT_PUSH(w->s->arena, piece->terms, piece->count, piece->capacity, term);
}

at_sweep_form *at_sweep_leaf(at_separating *w, const at_expr *e) {
    at_sweep_form *form = AT_NEW(w->s->arena, at_sweep_form);
    bool element = at_sweep_depends(w, e) & AT_ON_ELEMENTS;
    at_sweep_term term = {.element = element ? e : NULL, .row = element ? NULL : e};
    at_sweep_add_term(w, add_piece(w, add_case(w, form, NULL), NULL), term);
    return form;
}

static bool too_large(at_separating *w, const at_expr *e, const at_sweep_form *form) {
    if (form->count <= AT_SWEEP_CASES) {
        bool large = false;
        for (int i = 0; i < form->count; i++) {
            large |= form->cases[i].count > AT_SWEEP_CASES;
            for (int k = 0; k < form->cases[i].count; k++)
                large |= form->cases[i].pieces[k].count > AT_SWEEP_TERMS;
        }
        if (!large) return false;
    }
    at_sweep_refuse(w, e, "%s has too many cases and terms to be taken apart",
                    at_sweep_text(w->s, e));
    return true;
}

/* ---- centres --------------------------------------------------------------------------------- */

/* The centre of such elements; the same for elements that are alike. */
static int centre_of(at_separating *w, const at_expr *elements) {
    for (int i = 0; i < w->centre_count; i++)
        if (at_alike(w->s, w->centres[i].of, elements)) return i;
    at_array *symbol = AT_NEW(w->s->arena, at_array);
    *symbol = (at_array){.name = "centre", .path = "centre", .role = AT_DEFINED, .kind = AT_REAL,
                         .span = elements->span, .id = -1};
    at_sweep_centre centre = {elements, at_read(w->s, symbol, NULL, NULL, elements->span), -1};
    AT_PUSH(w->s->arena, w->centres, w->centre_count, w->centre_capacity, centre);
    return w->centre_count - 1;
}

static bool is_plain(const at_sweep_term *t) { return !t->up && !t->up_row && !t->power_count; }

static bool is_known(const at_separating *w, const at_expr *e) {
    return !e || at_sweep_depends(w, e) == 0;
}

/* A term of elements, with a factor that is known before the sweep. */
static bool is_element(const at_separating *w, const at_sweep_term *t) {
    return is_plain(t) && t->element && is_known(w, t->row) && is_known(w, t->under);
}

static bool is_row(const at_sweep_term *t) { return is_plain(t) && !t->element && !t->below; }

static const at_expr *row_of(at_separating *w, const at_sweep_term *t, at_span span) {
    const at_expr *row = at_sweep_over(w->s, t->row, t->under);
    return row ? row : at_real(w->s, 1, span);
}

static const at_expr *element_of(at_separating *w, const at_sweep_term *t) {
    const at_expr *element = at_sweep_over(w->s, t->element, t->below);
    return at_sweep_over(w->s, at_sweep_times(w->s, element, t->row), t->under);
}

bool at_sweep_centred(at_separating *w, const at_expr *e, at_sweep_piece *piece) {
    const at_expr *elements = NULL, *rows = NULL;
    bool later = false;
    for (int i = 0; i < piece->count; i++) {
        const at_sweep_term *t = &piece->terms[i];
        if (is_element(w, t)) elements = at_sweep_plus(w->s, elements, element_of(w, t));
        else if (is_row(t)) later |= !is_known(w, t->row) || !is_known(w, t->under);
    }
    if (!elements || !later) return true;
    int centre = centre_of(w, elements);
    rows = w->centres[centre].symbol;
    at_sweep_piece out = {.where = piece->where};
    for (int i = 0; i < piece->count; i++) {
        const at_sweep_term *t = &piece->terms[i];
        if (is_row(t)) rows = at_sweep_plus(w->s, rows, row_of(w, t, e->span));
        else if (!is_element(w, t)) at_sweep_add_term(w, &out, *t);
    }
    at_sweep_add_term(w, &out, (at_sweep_term){.power_count = 1, .powers = {{centre, 1}}});
    at_sweep_add_term(w, &out, (at_sweep_term){.row = rows});
    *piece = out;
    return true;
}

/* ---- sums and products ----------------------------------------------------------------------- */

static bool multiply_powers(at_separating *w, const at_expr *e, at_sweep_term *a,
                            const at_sweep_term *b) {
    int degree = 0;
    for (int i = 0; i < b->power_count; i++) {
        int k = 0;
        while (k < a->power_count && a->powers[k].centre != b->powers[i].centre) k++;
        if (k == AT_SWEEP_POWERS) degree = AT_SWEEP_DEGREE + 1;
        else if (k == a->power_count) a->powers[a->power_count++] = b->powers[i];
        else a->powers[k].power += b->powers[i].power;
    }
    for (int k = 0; k < a->power_count; k++) degree += a->powers[k].power;
    if (degree <= AT_SWEEP_DEGREE) return true;
    return at_sweep_refuse(w, e, "%s is a polynomial of too high a degree to be taken apart",
                           at_sweep_text(w->s, e));
}

static bool is_factor(const at_separating *w, const at_sweep_piece *piece) {
    const at_sweep_term *t = &piece->terms[0];
    return piece->count == 1 && is_row(t) && is_known(w, t->row) && is_known(w, t->under);
}

bool at_sweep_product(at_separating *w, const at_expr *e, const at_sweep_piece *a,
                      const at_sweep_piece *b, at_sweep_piece *out) {
    at_session *s = w->s;
    at_sweep_piece x = *a, y = *b;
    /* A factor that is known beforehand leaves a sum what it is: an exponent, perhaps. */
    if (!is_factor(w, b) && !at_sweep_centred(w, e, &x)) return false;
    if (!is_factor(w, a) && !at_sweep_centred(w, e, &y)) return false;
    for (int i = 0; i < x.count; i++)
        for (int k = 0; k < y.count; k++) {
            at_sweep_term t = x.terms[i];
            const at_sweep_term *u = &y.terms[k];
            t.element = at_sweep_times(s, t.element, u->element);
            t.below = at_sweep_times(s, t.below, u->below);
            t.row = at_sweep_times(s, t.row, u->row);
            t.under = at_sweep_times(s, t.under, u->under);
            t.up = at_sweep_plus(s, t.up, u->up);
            t.up_row = at_sweep_plus(s, t.up_row, u->up_row);
            if (!multiply_powers(w, e, &t, u)) return false;
            at_sweep_add_term(w, out, t);
        }
    return true;
}

static const at_expr *negative(at_separating *w, const at_expr *e) {
    return e ? at_make_neg(w->s, e) : NULL;
}

static bool added(at_separating *w, const at_expr *e, const at_sweep_piece *a,
                  const at_sweep_piece *b, at_sweep_piece *out) {
    for (int i = 0; i < a->count; i++) at_sweep_add_term(w, out, a->terms[i]);
    for (int i = 0; i < b->count; i++) {
        at_sweep_term t = b->terms[i];
        if (is_map(e, AT_OP_SUB)) {
            if (t.element && !t.row) t.element = at_make_neg(w->s, t.element);
            else t.row = at_make_neg(w->s, t.row ? t.row : at_real(w->s, 1, e->span));
        }
        at_sweep_add_term(w, out, t);
    }
    return true;
}

static bool inverted(at_separating *w, const at_expr *e, const at_sweep_piece *b,
                     at_sweep_piece *out) {
    if (b->count != 1 || b->terms[0].power_count) return at_sweep_no_form(w, e);
    const at_sweep_term *t = &b->terms[0];
    at_sweep_term over = {.element = t->below, .below = t->element, .row = t->under,
                          .under = t->row, .up = negative(w, t->up),
                          .up_row = negative(w, t->up_row)};
    at_sweep_add_term(w, out, over);
    return true;
}

static bool divided(at_separating *w, const at_expr *e, const at_sweep_piece *a,
                    const at_sweep_piece *b, at_sweep_piece *out) {
    at_sweep_piece over = {0};
    return inverted(w, e, b, &over) && at_sweep_product(w, e, a, &over, out);
}

typedef bool (*joining)(at_separating *w, const at_expr *e, const at_sweep_piece *a,
                        const at_sweep_piece *b, at_sweep_piece *out);

static bool joined_pieces(at_separating *w, const at_expr *e, const at_sweep_case *a,
                          const at_sweep_case *b, joining join, at_sweep_case *c) {
    for (int k = 0; k < a->count; k++)
        for (int l = 0; l < b->count; l++) {
            const at_sweep_piece *p = &a->pieces[k], *q = &b->pieces[l];
            const at_expr *where = at_both(w->s, p->where, q->where);
            if (!at_never(w->s, where) && !join(w, e, p, q, add_piece(w, c, where))) return false;
        }
    return true;
}

/* Every case and piece of one with every one of the other; the first that holds of the pairs, in
 * this order, is that of the first that holds of each. */
static at_sweep_form *joined(at_separating *w, const at_expr *e, const at_sweep_form *a,
                             const at_sweep_form *b, joining join) {
    at_session *s = w->s;
    at_sweep_form *form = AT_NEW(s->arena, at_sweep_form);
    for (int i = 0; i < a->count; i++)
        for (int j = 0; j < b->count; j++) {
            const at_expr *when = at_both(s, a->cases[i].when, b->cases[j].when);
            if (at_never(s, when)) continue;
            at_sweep_case *c = add_case(w, form, when);
            if (!joined_pieces(w, e, &a->cases[i], &b->cases[j], join, c)) return NULL;
        }
    return too_large(w, e, form) ? NULL : form;
}

/* ---- choices --------------------------------------------------------------------------------- */

static at_sweep_form *chosen(at_separating *w, const at_expr *condition, const at_expr *a,
                             const at_expr *b, const at_expr *e);

/* The pieces of one where `condition` holds, then those of the other. */
static at_sweep_form *by_elements(at_separating *w, const at_expr *condition,
                                  const at_sweep_form *a, const at_sweep_form *b,
                                  const at_expr *e) {
    at_sweep_form *form = AT_NEW(w->s->arena, at_sweep_form);
    for (int i = 0; i < a->count; i++)
        for (int j = 0; j < b->count; j++) {
            const at_sweep_case *p = &a->cases[i], *q = &b->cases[j];
            const at_expr *when = at_both(w->s, p->when, q->when);
            if (at_never(w->s, when)) continue;
            at_sweep_case *c = add_case(w, form, when);
            for (int k = 0; k < p->count; k++) {
                at_sweep_piece piece = p->pieces[k];
                piece.where = at_both(w->s, condition, piece.where);
                if (!at_never(w->s, piece.where))
                    AT_PUSH(w->s->arena, c->pieces, c->count, c->capacity, piece);
            }
            for (int k = 0; k < q->count; k++)
                AT_PUSH(w->s->arena, c->pieces, c->count, c->capacity, q->pieces[k]);
        }
    return too_large(w, e, form) ? NULL : form;
}

static at_sweep_form *by_rows(at_separating *w, const at_expr *condition, const at_sweep_form *a,
                              const at_sweep_form *b, const at_expr *e) {
    at_sweep_form *form = AT_NEW(w->s->arena, at_sweep_form);
    for (int i = 0; i < a->count; i++) {
        at_sweep_case c = a->cases[i];
        c.when = at_both(w->s, condition, c.when);
        if (at_never(w->s, c.when)) continue;
        AT_PUSH(w->s->arena, form->cases, form->count, form->capacity, c);
    }
    for (int i = 0; i < b->count; i++)
        AT_PUSH(w->s->arena, form->cases, form->count, form->capacity, b->cases[i]);
    return too_large(w, e, form) ? NULL : form;
}

static const at_expr *compared(at_separating *w, at_op op, const at_expr *a, double b) {
    return at_map_node(w->s, op, a, at_real(w->s, b, a->span), NULL, a->span);
}

/* x * exp(u + v) / l compared with 0. It is 0 just where x is, or u or v are -inf, or l is
 * infinite: that exp gives 0 of numbers that are finite is rounding. It is above 0 where it is not
 * 0 and no part is NaN. */
static const at_expr *product_compared(at_separating *w, at_op op, const at_sweep_term *t) {
    at_session *s = w->s;
    bool above = op == AT_OP_GT;
    const at_expr *parts[] = {
        compared(w, above ? AT_OP_GT : AT_OP_EQ, t->up, -INFINITY),
        t->up_row ? compared(w, above ? AT_OP_GT : AT_OP_EQ, t->up_row, -INFINITY) : NULL,
        t->under ? compared(w, above ? AT_OP_LT : AT_OP_EQ, t->under, INFINITY) : NULL,
        t->element ? compared(w, op, t->element, 0) : NULL};
    const at_expr *all = parts[0];
    for (int i = 1; i < 4; i++)
        if (parts[i])
            all = at_map_node(s, above ? AT_OP_AND : AT_OP_OR, all, parts[i], NULL, all->span);
    return all;
}

/* Whether a product that has an exp in it is above 0, or 0, as conditions on either side. NULL: it
 * is no such comparison. */
static const at_expr *where_zero(at_separating *w, const at_expr *e) {
    at_op op = e->u.map.op;
    const at_expr *product = e->u.map.args[0], *zero = e->u.map.args[1];
    at_session *s = w->s;
    if ((op != AT_OP_GT && op != AT_OP_EQ && op != AT_OP_NE) || !at_is_number(zero, 0)) return NULL;
    if (op == AT_OP_NE)
        return at_map_node(s, AT_OP_NOT,
                           at_map_node(s, AT_OP_EQ, product, zero, NULL, e->span), NULL, NULL,
                           e->span);
    if (is_map(product, AT_OP_IF)) {
        const at_expr *const *args = product->u.map.args, *either[2];
        for (int i = 0; i < 2; i++)
            either[i] = at_make_node(s, at_map_node(s, op, args[i + 1], zero, NULL, e->span));
        const at_expr *not = at_map_node(s, AT_OP_NOT, args[0], NULL, NULL, e->span);
        return at_map_node(s, AT_OP_OR,
                           at_map_node(s, AT_OP_AND, args[0], either[0], NULL, e->span),
                           at_map_node(s, AT_OP_AND, not, either[1], NULL, e->span), NULL,
                           e->span);
    }
    at_sweep_form *form = at_sweep_form_of(w, product);
    w->sweep->why = NULL; /* no form here is no refusal yet */
    if (!form || form->count != 1 || form->cases[0].count != 1) return NULL;
    const at_sweep_piece *piece = &form->cases[0].pieces[0];
    const at_sweep_term *t = &piece->terms[0];
    if (piece->count != 1 || t->power_count || !t->up || t->below || t->row) return NULL;
    bool above = op == AT_OP_GT;
    if (t->element && above && at_sweep_sign(w, t->element) == AT_ANY_SIGN) return NULL;
    if (t->under && above && at_sweep_sign(w, t->under) == AT_ANY_SIGN) return NULL;
    return product_compared(w, op, t);
}

static at_sweep_form *chosen(at_separating *w, const at_expr *condition, const at_expr *a,
                             const at_expr *b, const at_expr *e) {
    int on = at_sweep_depends(w, condition);
    if (on != AT_ON_BOTH) {
        at_sweep_form *x = at_sweep_form_of(w, a), *y = x ? at_sweep_form_of(w, b) : NULL;
        if (!y) return NULL;
        return on == AT_ON_LATER ? by_rows(w, condition, x, y, e)
                                 : by_elements(w, condition, x, y, e);
    }
    const at_expr *p = condition->tag == AT_MAP ? condition->u.map.args[0] : NULL;
    const at_expr *q = condition->tag == AT_MAP ? condition->u.map.args[1] : NULL;
    if (p && is_map(condition, AT_OP_NOT)) return chosen(w, p, b, a, e);
    if (p && is_map(condition, AT_OP_AND))
        return chosen(w, p, at_map_node(w->s, AT_OP_IF, q, a, b, e->span), b, e);
    if (p && is_map(condition, AT_OP_OR))
        return chosen(w, p, a, at_map_node(w->s, AT_OP_IF, q, a, b, e->span), e);
    const at_expr *split = p ? where_zero(w, condition) : NULL;
    if (split) return chosen(w, split, a, b, e);
    at_sweep_no_form(w, condition);
    return NULL;
}

/* ---- expressions ----------------------------------------------------------------------------- */

at_sweep_form *at_sweep_form_of(at_separating *w, const at_expr *e) {
    if (at_sweep_depends(w, e) != AT_ON_BOTH) return at_sweep_leaf(w, e);
    if (e->tag != AT_MAP) {
        at_sweep_no_form(w, e);
        return NULL;
    }
    const at_expr *const *args = e->u.map.args;
    joining join = NULL;
    switch (e->u.map.op) {
    case AT_OP_IF: return chosen(w, args[0], args[1], args[2], e);
    case AT_OP_STOP: return at_sweep_form_of(w, args[0]);
    case AT_OP_ADD:
    case AT_OP_SUB: join = added; break;
    case AT_OP_MUL: join = at_sweep_product; break;
    case AT_OP_DIV: join = divided; break;
    default: return at_sweep_form_map(w, e);
    }
    at_sweep_form *a = at_sweep_form_of(w, args[0]), *b = a ? at_sweep_form_of(w, args[1]) : NULL;
    return b ? joined(w, e, a, b, join) : NULL;
}
