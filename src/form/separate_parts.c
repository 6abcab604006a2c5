/* The running values of a sweep: which there are, and what each is after a block, as templates in
 * which symbols stand for running values before and now. The same value is kept once, whoever asks.
 *
 * A sum of w(x) * exp(k * S(x)) is kept about the largest S so far, m: of w(x) * exp(k * (S(x) -
 * m)). When m moves it is multiplied by exp(k * (m before - m)). While there is no S but -inf, m
 * counts as 0 and all terms are 0 * w(x): they stay what they are, NaN of an infinite w(x)
 * included, when m moves.
 *
 * Powers of x are kept about a centre c near the elements: (x - c)^n becomes the sum over k of
 * binomial(n, k) * (x - c before)^k * (c before - c)^(n - k), so all lower powers are kept as well.
 * The centre is the reference of an exponent of the same x, or the mean so far. It is 0 while that
 * is not finite. */
#include "form/separate_int.h"

#include <math.h>

static const at_expr *map(at_separating *w, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(w->s, op, a, b, NULL, a->span);
}

static const at_expr *choice(at_separating *w, const at_expr *c, const at_expr *a,
                             const at_expr *b) {
    return at_map_node(w->s, AT_OP_IF, c, a, b, b->span);
}

static const at_expr *real(at_separating *w, double value, const at_expr *near) {
    return at_real(w->s, value, near->span);
}

/* ---- adding one ------------------------------------------------------------------------------ */

/* A read of no array of the cascade: its id, below -1, tells which running value it stands for. */
static const at_expr *symbol(at_separating *w, const char *name, at_kind kind, int id,
                             at_span span) {
    at_array *array = AT_NEW(w->s->arena, at_array);
    *array = (at_array){.name = name, .path = name, .role = AT_DEFINED, .kind = kind, .span = span,
                        .id = id};
    return at_read(w->s, array, NULL, NULL, span);
}

static int add(at_separating *w, at_sweep_part part, at_running running) {
    at_sweep_parts *p = w->parts;
    int k = p->count;
    part.now = symbol(w, running.name, running.kind, -2 - 2 * k, running.shape->span);
    part.before = symbol(w, running.name, running.kind, -3 - 2 * k, running.shape->span);
    AT_PUSH(w->s->arena, w->sweep->running, w->sweep->count, p->running_capacity, running);
    AT_PUSH(w->s->arena, p->parts, p->count, p->capacity, part);
    return k;
}

static const at_expr *folded(at_separating *w, at_fold fold, const at_expr *guard,
                             const at_expr *body) {
    return at_fold_node(w->s, fold, w->parts->axes, w->parts->axis_count, guard, body, body->span);
}

static bool alike_or_none(at_separating *w, const at_expr *a, const at_expr *b) {
    return a && b ? at_alike(w->s, a, b) : a == b;
}

/* ---- folds of elements alone ----------------------------------------------------------------- */

const at_expr *at_sweep_neutral(at_separating *w, at_fold fold, at_kind kind, at_span span) {
    at_session *s = w->s;
    switch (fold) {
    case AT_FOLD_PROD: return kind == AT_INT ? at_int(s, 1, span) : at_real(s, 1, span);
    case AT_FOLD_MAX: return at_real(s, -INFINITY, span);
    case AT_FOLD_MIN: return at_real(s, INFINITY, span);
    case AT_FOLD_ANY: return at_bool(s, false, span);
    case AT_FOLD_ALL: return at_bool(s, true, span);
    case AT_FOLD_ARGMAX:
    case AT_FOLD_ARGMIN: return at_int(s, -1, span);
    default: return kind == AT_INT ? at_int(s, 0, span) : at_real(s, 0, span);
    }
}

int at_sweep_fold_part(at_separating *w, at_fold fold, const at_expr *guard,
                       const at_expr *element) {
    for (int k = 0; k < w->parts->count; k++) {
        const at_sweep_part *p = &w->parts->parts[k];
        if (p->tag == AT_SWEEP_FOLDS && p->fold == fold && !p->term.up && !p->term.power_count &&
            alike_or_none(w, p->guard, guard) && at_alike(w->s, p->term.element, element))
            return k;
    }
    bool places = fold == AT_FOLD_ARGMAX || fold == AT_FOLD_ARGMIN;
    at_sweep_part part = {.tag = AT_SWEEP_FOLDS, .fold = fold, .guard = guard,
                          .term = {.element = element}, .body = element, .largest = -1};
    if (places)
        part.largest = at_sweep_fold_part(w, fold == AT_FOLD_ARGMAX ? AT_FOLD_MAX : AT_FOLD_MIN,
                                          guard, element);
    const at_expr *shape = folded(w, fold, guard, element);
    at_running running = {.name = at_fold_info(fold)->text, .kind = shape->kind, .shape = shape,
                          .neutral = at_sweep_neutral(w, fold, shape->kind, shape->span),
                          .folds = true, .kept = true};
    int k = add(w, part, running);
    w->parts->parts[k].step = w->parts->parts[k].before;
    return k;
}

/* ---- references ------------------------------------------------------------------------------ */

const at_expr *at_sweep_safe(at_separating *w, int largest) {
    const at_expr *m = w->parts->parts[largest].now;
    return choice(w, map(w, AT_OP_EQ, m, w->sweep->running[largest].neutral), real(w, 0, m), m);
}

static int find_part(at_separating *w, at_sweep_part_tag tag, int of, const at_expr *factor) {
    for (int k = 0; k < w->parts->count; k++) {
        const at_sweep_part *p = &w->parts->parts[k];
        if (p->tag == tag && (tag == AT_SWEEP_SHIFT ? p->centre : p->largest) == of &&
            alike_or_none(w, p->factor, factor))
            return k;
    }
    return -1;
}

static int from_part(at_separating *w, int largest) {
    int k = find_part(w, AT_SWEEP_FROM, largest, NULL);
    if (k >= 0) return k;
    at_sweep_part part = {.tag = AT_SWEEP_FROM, .largest = largest,
                          .step = at_sweep_safe(w, largest)};
    const at_expr *shape = w->sweep->running[largest].shape;
    return add(w, part, (at_running){.name = "from", .kind = AT_REAL, .shape = shape});
}

/* 1, to the last bit, while the reference does not move and while nothing but zeros was added. */
static int scale_part(at_separating *w, int largest, const at_expr *factor, const at_expr *up) {
    int k = find_part(w, AT_SWEEP_SCALE, largest, factor);
    if (k >= 0) return k;
    const at_sweep_part *m = &w->parts->parts[largest];
    const at_expr *still = map(w, AT_OP_OR,
                               map(w, AT_OP_EQ, m->before, w->sweep->running[largest].neutral),
                               map(w, AT_OP_EQ, m->before, m->now));
    const at_expr *moved = at_make_mul(w->s, factor, map(w, AT_OP_SUB, m->before, m->now));
    moved = at_map_node(w->s, AT_OP_EXP, moved, NULL, NULL, up->span);
    at_sweep_part part = {.tag = AT_SWEEP_SCALE, .largest = largest, .factor = factor,
                          .step = choice(w, still, real(w, 1, up), moved)};
    const at_expr *shape = folded(w, AT_FOLD_SUM, m->guard, up);
    return add(w, part, (at_running){.name = "scale", .kind = AT_REAL, .shape = shape});
}

typedef struct {
    const at_array *array;
    const at_expr *found;
} search;

static bool look_for_read(void *user, const at_expr *e) {
    search *look = user;
    if (!look->found && e->tag == AT_READ && e->u.read.array == look->array) look->found = e;
    return !look->found;
}

const at_expr *at_sweep_find_read(const at_expr *e, const at_array *array) {
    search look = {array, NULL};
    at_walk(e, look_for_read, &look);
    return look.found;
}

const at_array *at_sweep_target_of(const at_separating *w, int k) {
    for (int f = 0; f < w->at; f++)
        if (w->parts->plain[f] == k) return w->given->folds[f].target;
    return NULL;
}

/* Whether the program itself takes factor times this max off in the exponent. */
static bool is_taken_off(at_separating *w, int k, const at_expr *up_row, const at_expr *factor) {
    const at_array *target = at_sweep_target_of(w, k);
    const at_expr *read = target && up_row ? at_sweep_find_read(up_row, target) : NULL, *other;
    return read && at_sweep_multiple(w, up_row, read, &other) &&
           at_alike(w->s, at_make_neg(w->s, other), factor);
}

/* The max or min that an exponent is kept about: of the program, where it bounds the exponent on
 * all of the set, else the max of the exponent itself. */
static int reference_of(at_separating *w, const at_expr *guard, const at_sweep_term *term,
                        const at_expr **factor) {
    for (int k = 0; k < w->parts->count; k++) {
        const at_sweep_part *p = &w->parts->parts[k];
        bool largest = p->fold == AT_FOLD_MAX;
        if (p->tag != AT_SWEEP_FOLDS || (!largest && p->fold != AT_FOLD_MIN)) continue;
        if (p->term.element->kind != AT_REAL || !at_implies(w->s, guard, p->guard) ||
            !at_sweep_multiple(w, term->up, p->term.element, factor))
            continue;
        const at_expr *upwards = largest ? *factor : at_make_neg(w->s, *factor);
        if (at_sweep_sign(w, upwards) != AT_ANY_SIGN ||
            (upwards->tag != AT_CONST && is_taken_off(w, k, term->up_row, *factor)))
            return k;
    }
    *factor = real(w, 1, term->up);
    return at_sweep_fold_part(w, AT_FOLD_MAX, guard, term->up);
}

/* ---- centres --------------------------------------------------------------------------------- */

static int centre_part(at_separating *w, int centre, const at_expr *guard, int largest) {
    at_sweep_centre *c = &w->centres[centre];
    if (c->running >= 0) return c->running;
    const at_expr *y = c->of, *near, *factor, *shape;
    if (largest >= 0 && at_sweep_multiple(w, y, w->parts->parts[largest].term.element, &factor)) {
        near = at_make_mul(w->s, factor, w->parts->parts[largest].now);
        shape = folded(w, AT_FOLD_SUM, w->parts->parts[largest].guard, y);
    } else {
        int total = at_sweep_fold_part(w, AT_FOLD_SUM, guard, y);
        int number = at_sweep_fold_part(w, AT_FOLD_SUM, guard, real(w, 1, y));
        near = map(w, AT_OP_DIV, w->parts->parts[total].now, w->parts->parts[number].now);
        shape = w->sweep->running[total].shape;
    }
    const at_expr *size = at_map_node(w->s, AT_OP_ABS, near, NULL, NULL, y->span);
    const at_expr *finite = map(w, AT_OP_LT, size, real(w, INFINITY, y));
    at_sweep_part part = {.tag = AT_SWEEP_CENTRE, .largest = -1,
                          .step = choice(w, finite, near, real(w, 0, y))};
    int k = add(w, part, (at_running){.name = "centre", .kind = AT_REAL, .shape = shape,
                                      .neutral = real(w, 0, y), .kept = true});
    return w->centres[centre].running = k;
}

static int shift_part(at_separating *w, int centre) {
    int k = find_part(w, AT_SWEEP_SHIFT, centre, NULL);
    if (k >= 0) return k;
    const at_sweep_part *c = &w->parts->parts[centre];
    const at_expr *shape = w->sweep->running[centre].shape;
    at_sweep_part part = {.tag = AT_SWEEP_SHIFT, .centre = centre, .largest = -1,
                          .step = choice(w, map(w, AT_OP_EQ, c->before, c->now), real(w, 0, shape),
                                         map(w, AT_OP_SUB, c->before, c->now))};
    return add(w, part, (at_running){.name = "shift", .kind = AT_REAL, .shape = shape});
}

typedef struct {
    at_separating *w;
} resolving;

static const at_expr *resolve(void *user, const at_expr *e) {
    at_separating *w = ((resolving *)user)->w;
    for (int i = 0; e->tag == AT_READ && i < w->centre_count; i++)
        if (w->centres[i].symbol->u.read.array == e->u.read.array)
            return w->parts->parts[w->centres[i].running].now;
    return e;
}

const at_expr *at_sweep_resolved(at_separating *w, const at_expr *row) {
    resolving r = {w};
    return row ? at_rewrite(w->s, row, resolve, &r) : NULL;
}

/* ---- sums about references ------------------------------------------------------------------- */

static bool same_term(at_separating *w, const at_sweep_term *a, const at_sweep_term *b) {
    if (!alike_or_none(w, a->element, b->element) || !alike_or_none(w, a->below, b->below) ||
        !alike_or_none(w, a->up, b->up) || a->power_count != b->power_count)
        return false;
    for (int i = 0; i < a->power_count; i++)
        if (a->powers[i].centre != b->powers[i].centre || a->powers[i].power != b->powers[i].power)
            return false;
    return true;
}

static const at_expr *power(at_separating *w, const at_expr *e, int n) {
    return n == 0 ? NULL : n == 1 ? e : map(w, AT_OP_POW, e, real(w, n, e));
}

static double binomial(int n, int k) {
    double value = 1;
    for (int i = 0; i < k; i++) value = value * (n - i) / (i + 1);
    return value;
}

typedef struct {
    const at_expr *of;
    bool others;
} comparing;

static bool look_for_others(void *user, const at_expr *e) {
    comparing *c = user;
    if (e->tag == AT_INDEX) c->others |= !at_mentions(c->of, e->u.axis);
    return !c->others;
}

/* *near takes the factors of e that have no indices but those of `of`, *far the others. */
static void share_out(at_separating *w, const at_expr *e, const at_expr *of, const at_expr **near,
                      const at_expr **far) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_MUL) {
        share_out(w, e->u.map.args[0], of, near, far);
        share_out(w, e->u.map.args[1], of, near, far);
        return;
    }
    comparing c = {of, false};
    at_walk(e, look_for_others, &c);
    const at_expr **product = c.others ? far : near;
    *product = at_sweep_times(w->s, *product, e);
}

/* The term of a block: exp about the reference, powers about their centres, and the rest. Factors
 * over the same indices as the exp stand with it: weights, which others are multiplied with. */
static const at_expr *body_of(at_separating *w, const at_sweep_term *t, int from, int largest,
                              const at_expr *factor, at_span span) {
    at_session *s = w->s;
    const at_expr *body = NULL;
    if (t->up) {
        const at_expr *above = map(w, AT_OP_SUB, w->parts->parts[largest].term.element,
                                   w->parts->parts[from].now);
        body = at_map_node(s, AT_OP_EXP, at_make_mul(s, factor, above), NULL, NULL, span);
    }
    for (int i = 0; i < t->power_count; i++) {
        const at_sweep_centre *c = &w->centres[t->powers[i].centre];
        const at_expr *off = map(w, AT_OP_SUB, c->of, w->parts->parts[c->running].now);
        body = at_sweep_times(s, body, power(w, off, t->powers[i].power));
    }
    const at_expr *far = NULL, *weights = body;
    if (t->element) share_out(w, t->element, weights, &body, &far);
    body = at_sweep_over(s, at_sweep_times(s, body, far), t->below);
    return body ? body : at_real(s, 1, span);
}

/* Adds to *sum what the power with exponents k becomes of what was kept. */
static void add_lower(at_separating *w, const at_expr *guard, const at_sweep_term *t,
                      const int *exponents, const at_expr **sum, const int *shifts) {
    at_sweep_term lower = *t;
    const at_expr *by = NULL;
    double times = 1;
    lower.power_count = 0;
    for (int i = 0; i < t->power_count; i++) {
        int n = t->powers[i].power, k = exponents[i];
        times *= binomial(n, k);
        by = at_sweep_times(w->s, by, power(w, w->parts->parts[shifts[i]].now, n - k));
        if (k > 0) lower.powers[lower.power_count++] = (at_sweep_power){t->powers[i].centre, k};
    }
    int part = at_sweep_sum_part(w, guard, &lower);
    const at_expr *kept = at_sweep_times(w->s, by, w->parts->parts[part].before);
    *sum = at_sweep_plus(w->s, *sum, at_make_mul(w->s, real(w, times, kept), kept));
}

/* What was kept, about the centres now: a template. `before` is the power itself. */
static const at_expr *shifted(at_separating *w, const at_expr *guard, const at_sweep_term *t,
                              const at_expr *before) {
    int exponents[AT_SWEEP_POWERS] = {0}, shifts[AT_SWEEP_POWERS];
    const at_expr *still = NULL, *sum = before;
    for (int i = 0; i < t->power_count; i++) {
        shifts[i] = shift_part(w, w->centres[t->powers[i].centre].running);
        still = at_both(w->s, still, map(w, AT_OP_EQ, w->parts->parts[shifts[i]].now,
                                         real(w, 0, before)));
    }
    for (;;) {
        bool all = true;
        for (int i = 0; i < t->power_count; i++) all &= exponents[i] == t->powers[i].power;
        if (all) break;
        add_lower(w, guard, t, exponents, &sum, shifts);
        int i = 0;
        while (exponents[i] == t->powers[i].power) exponents[i++] = 0;
        exponents[i]++;
    }
    return still ? choice(w, still, before, sum) : before;
}

int at_sweep_sum_part(at_separating *w, const at_expr *guard, const at_sweep_term *given) {
    at_sweep_term t = *given;
    const at_expr *factor = NULL;
    if (!t.up && !t.power_count) {
        const at_expr *element = at_sweep_over(w->s, t.element, t.below);
        at_span span = w->given->folds[w->at].fold->span;
        if (!element) element = at_real(w->s, 1, span);
        return at_sweep_fold_part(w, AT_FOLD_SUM, guard, element);
    }
    int largest = t.up ? reference_of(w, guard, &t, &factor) : -1;
    t.row = t.under = t.up_row = NULL;
    for (int k = 0; k < w->parts->count; k++) {
        const at_sweep_part *p = &w->parts->parts[k];
        if (p->tag == AT_SWEEP_FOLDS && p->fold == AT_FOLD_SUM && p->largest == largest &&
            alike_or_none(w, p->guard, guard) && same_term(w, &p->term, &t))
            return k;
    }
    int from = t.up ? from_part(w, largest) : -1;
    int scale = t.up ? scale_part(w, largest, factor, t.up) : -1;
    for (int i = 0; i < t.power_count; i++) centre_part(w, t.powers[i].centre, guard, largest);
    at_span span = w->given->folds[w->at].fold->span;
    /* Lower powers come first: they are asked for by this one's correction. */
    if (t.power_count) shifted(w, guard, &t, at_real(w->s, 0, span));
    at_sweep_part part = {.tag = AT_SWEEP_FOLDS, .fold = AT_FOLD_SUM, .guard = guard, .term = t,
                          .body = body_of(w, &t, from, largest, factor, span), .factor = factor,
                          .largest = largest};
    at_sweep_term whole = t;
    const at_expr *elements = whole.up;
    for (int i = 0; i < t.power_count; i++)
        elements = at_sweep_times(w->s, elements, w->centres[t.powers[i].centre].of);
    elements = at_sweep_over(w->s, at_sweep_times(w->s, elements, t.element), t.below);
    at_running running = {.name = "sum", .kind = AT_REAL, .folds = true, .kept = true,
                          .shape = folded(w, AT_FOLD_SUM, guard, elements),
                          .neutral = at_real(w->s, 0, span)};
    int k = add(w, part, running);
    at_sweep_part *p = &w->parts->parts[k];
    const at_expr *before = p->before;
    p->step = t.power_count ? shifted(w, guard, &t, before) : before;
    p = &w->parts->parts[k];
    if (scale >= 0) p->step = map(w, AT_OP_MUL, w->parts->parts[scale].now, p->step);
    return k;
}
