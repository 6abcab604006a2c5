/* Folds over one index as one sweep (separate.h): goes through them in order, finds for each what
 * is kept while the sweep runs and what its value is in the end, or says why there is no such
 * thing. */
#include "form/separate_int.h"

#include <math.h>
#include <string.h>

/* ---- what depends on what -------------------------------------------------------------------- */

static bool is_later(const at_separating *w, const at_array *array) {
    if (array->id < 0) return true; /* a symbol for a running value */
    for (int i = 0; i < w->given->fold_count; i++)
        if (w->given->folds[i].target == array) return true;
    for (int i = 0; i < w->given->row_count; i++)
        if (w->given->rows[i].target == array) return true;
    return false;
}

typedef struct {
    const at_separating *w;
    int on;
} searching;

static bool look(void *user, const at_expr *e) {
    searching *l = user;
    if (e->tag == AT_READ && is_later(l->w, e->u.read.array)) l->on |= AT_ON_LATER;
    for (int i = 0; e->tag == AT_INDEX && i < l->w->parts->axis_count; i++)
        if (l->w->parts->axes[i] == e->u.axis) l->on |= AT_ON_ELEMENTS;
    return l->on != AT_ON_BOTH;
}

int at_sweep_depends(const at_separating *w, const at_expr *e) {
    searching l = {w, 0};
    at_walk(e, look, &l);
    return l.on;
}

/* ---- why not --------------------------------------------------------------------------------- */

enum { SHOWN = 90 };

const char *at_sweep_text(at_session *s, const at_expr *e) {
    at_text text = {0};
    at_ir_print_expr(e, &text);
    const char *shown = at_copy_text(s->arena, text.data ? text.data : "", text.length);
    at_text_free(&text);
    if (strlen(shown) <= SHOWN) return shown;
    int end = SHOWN - 3;
    while (end > 0 && (shown[end] & 0xc0) == 0x80) end--;
    return at_format(s->arena, "%.*s...", end, shown);
}

bool at_sweep_refuse(at_separating *w, const at_expr *e, const char *format, ...) {
    if (w->sweep->why) return false;
    va_list list;
    va_start(list, format);
    w->sweep->why = at_format_list(w->s->arena, format, list);
    va_end(list);
    w->sweep->at = w->at;
    w->sweep->where = e->span;
    return false;
}

typedef struct {
    const at_separating *w;
    const at_expr *found;
} finding;

static bool look_for_later(void *user, const at_expr *e) {
    finding *f = user;
    if (!f->found && e->tag == AT_READ && is_later(f->w, e->u.read.array)) f->found = e;
    return !f->found;
}

bool at_sweep_no_form(at_separating *w, const at_expr *e) {
    finding f = {w, NULL};
    at_walk(e, look_for_later, &f);
    const char *fold = at_fold_info(w->given->folds[w->at].fold->u.fold.fold)->text;
    const char *text = at_sweep_text(w->s, e);
    if (!f.found) return at_sweep_refuse(w, e, "%s cannot be taken out of the %s", text, fold);
    return at_sweep_refuse(w, e, "%s has no form in which %s can be taken out of the %s", text,
                           at_sweep_text(w->s, f.found), fold);
}

/* ---- what is given --------------------------------------------------------------------------- */

typedef struct {
    at_separating *w;
    const at_expr *wrong;
} checking;

/* Row values are those of the row at hand, and were found before. */
static bool look_for_wrong(void *user, const at_expr *e) {
    checking *c = user;
    const at_separating *w = c->w;
    if (c->wrong || e->tag != AT_READ || !is_later(w, e->u.read.array)) return !c->wrong;
    bool wrong = e->u.read.alternative && (at_sweep_depends(w, e) & AT_ON_ELEMENTS);
    for (int i = 0; i < e->u.read.array->rank; i++)
        wrong |= at_sweep_depends(w, e->u.read.index[i]) != 0;
    for (int f = w->at; f < w->given->fold_count; f++)
        wrong |= w->given->folds[f].target == e->u.read.array;
    if (wrong) c->wrong = e;
    return true;
}

static bool is_well_given(at_separating *w, const at_expr *fold) {
    const at_expr *first = w->given->folds[0].fold;
    bool same = fold->u.fold.count == first->u.fold.count;
    for (int i = 0; same && i < first->u.fold.count; i++)
        same = fold->u.fold.axes[i] == first->u.fold.axes[i];
    if (!same)
        return at_sweep_refuse(w, fold, "%s does not go over the same indices as %s",
                               at_sweep_text(w->s, fold), at_sweep_text(w->s, first));
    checking c = {w, NULL};
    at_walk(fold, look_for_wrong, &c);
    if (!c.wrong) return true;
    return at_sweep_refuse(w, c.wrong, "%s is of another row, or of the same one later",
                           at_sweep_text(w->s, c.wrong));
}

/* A guard's conditions on row values and those on elements. */
static bool split_guard(at_separating *w, const at_expr *guard, const at_expr **rows,
                        const at_expr **elements) {
    if (!guard) return true;
    int on = at_sweep_depends(w, guard);
    if (on == AT_ON_BOTH && guard->tag == AT_MAP && guard->u.map.op == AT_OP_AND)
        return split_guard(w, guard->u.map.args[0], rows, elements) &&
               split_guard(w, guard->u.map.args[1], rows, elements);
    if (on == AT_ON_BOTH) {
        finding f = {w, NULL};
        at_walk(guard, look_for_later, &f);
        return at_sweep_refuse(w, guard,
                               "%s chooses elements by %s, which is known when all of "
                               "them were seen",
                               at_sweep_text(w->s, guard), at_sweep_text(w->s, f.found));
    }
    const at_expr **part = on == AT_ON_LATER ? rows : elements;
    *part = at_both(w->s, *part, guard);
    return true;
}

/* ---- values of folds ------------------------------------------------------------------------- */

static const at_expr *map(at_separating *w, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(w->s, op, a, b, NULL, a->span);
}

static const at_expr *choice(at_separating *w, const at_expr *c, const at_expr *a,
                             const at_expr *b) {
    return at_map_node(w->s, AT_OP_IF, c, a, b, b->span);
}

static const at_expr *now(const at_separating *w, int k) { return w->parts->parts[k].now; }

static const at_expr *sum_of(at_separating *w, const at_expr *guard, const at_expr *body) {
    if (!(at_sweep_depends(w, body) & AT_ON_LATER))
        return now(w, at_sweep_fold_part(w, AT_FOLD_SUM, guard, body));
    if (body->kind != AT_REAL) {
        at_sweep_no_form(w, body);
        return NULL;
    }
    at_sweep_form *form = at_sweep_form_of(w, body);
    return form ? at_sweep_sum_value(w, guard, form) : NULL;
}

/* How many elements there are, a real. */
static const at_expr *number_of(at_separating *w, const at_expr *guard, at_span span) {
    if (guard) return now(w, at_sweep_fold_part(w, AT_FOLD_SUM, guard, at_real(w->s, 1, span)));
    const at_expr *count = NULL;
    for (int i = 0; i < w->parts->axis_count; i++) {
        const at_expr *size = at_size_of(w->s, w->parts->axes[i], span);
        count = count ? map(w, AT_OP_MUL, count, size) : size;
    }
    return at_as_real(w->s, count);
}

static const at_expr *mean_of(at_separating *w, const at_expr *guard, const at_expr *body) {
    const at_expr *sum = sum_of(w, guard, body);
    if (!sum) return NULL;
    const at_expr *number = number_of(w, guard, body->span), *zero = at_real(w->s, 0, body->span);
    return choice(w, map(w, AT_OP_EQ, number, zero), zero, map(w, AT_OP_DIV, sum, number));
}

/* Π x * h is Π x times h to the power of how many there are. */
static const at_expr *product_of(at_separating *w, const at_expr *guard, const at_expr *body) {
    if (!(at_sweep_depends(w, body) & AT_ON_LATER))
        return now(w, at_sweep_fold_part(w, AT_FOLD_PROD, guard, body));
    at_sweep_form *form = body->kind == AT_REAL ? at_sweep_form_of(w, body) : NULL;
    const at_sweep_piece *piece =
        form && form->count == 1 && form->cases[0].count == 1 ? form->cases[0].pieces : NULL;
    const at_sweep_term *t = piece && piece->count == 1 ? piece->terms : NULL;
    if (!t || t->up || t->up_row || t->power_count) {
        at_sweep_no_form(w, body);
        return NULL;
    }
    const at_expr *row = at_sweep_over(w->s, t->row, t->under);
    const at_expr *element = at_sweep_over(w->s, t->element, t->below);
    row = map(w, AT_OP_POW, row, number_of(w, guard, body->span));
    if (!element) return row;
    return map(w, AT_OP_MUL, now(w, at_sweep_fold_part(w, AT_FOLD_PROD, guard, element)), row);
}

/* any, all and count: where conditions on elements can be told from those on row values, by how
 * many elements there are for which they hold. */
static const at_expr *bools_of(at_separating *w, at_fold fold, const at_expr *guard,
                               const at_expr *body) {
    at_span span = body->span;
    if (!(at_sweep_depends(w, body) & AT_ON_LATER) || body->kind != AT_BOOL)
        return now(w, at_sweep_fold_part(w, fold, guard, body));
    if (fold == AT_FOLD_ALL) body = map(w, AT_OP_NOT, body, NULL);
    const at_expr *one = at_map_node(w->s, AT_OP_IF, body, at_real(w->s, 1, span),
                                     at_real(w->s, 0, span), span);
    const at_expr *sum = sum_of(w, guard, one);
    if (!sum) return NULL;
    if (fold == AT_FOLD_COUNT) return map(w, AT_OP_TO_INT, sum, NULL);
    return map(w, fold == AT_FOLD_ANY ? AT_OP_GT : AT_OP_EQ, sum, at_real(w->s, 0, span));
}

/* log Σ exp(u + v) is m + log Σ exp(u - m) + v for the largest u, m. */
static const at_expr *log_sum_of(at_separating *w, const at_expr *guard, const at_expr *body) {
    at_sweep_form *form = at_sweep_form_of(w, body);
    if (!form || form->count != 1 || form->cases[0].count != 1) {
        if (form) at_sweep_no_form(w, body);
        return NULL;
    }
    const at_expr *elements = NULL, *rows = NULL;
    const at_sweep_piece *piece = &form->cases[0].pieces[0];
    for (int i = 0; i < piece->count; i++) {
        const at_sweep_term *t = &piece->terms[i];
        const at_expr *element = at_sweep_over(w->s, t->element, t->below);
        if (t->up || t->up_row || t->power_count || (element && (t->row || t->under))) {
            at_sweep_no_form(w, body);
            return NULL;
        }
        if (element) elements = at_sweep_plus(w->s, elements, element);
        else rows = at_sweep_plus(w->s, rows, at_sweep_over(w->s, t->row, t->under));
    }
    if (!elements) elements = at_real(w->s, 0, body->span);
    const at_expr *m = now(w, at_sweep_fold_part(w, AT_FOLD_MAX, guard, elements));
    at_sweep_term exponent = {.up = elements};
    const at_expr *sum = now(w, at_sweep_sum_part(w, guard, &exponent));
    const at_expr *low = map(w, AT_OP_EQ, m, at_real(w->s, -INFINITY, m->span));
    const at_expr *high = map(w, AT_OP_EQ, m, at_real(w->s, INFINITY, m->span));
    const at_expr *value = map(w, AT_OP_ADD, m, map(w, AT_OP_LOG, sum, NULL));
    value = choice(w, low, m, choice(w, high, m, value));
    if (!rows) return value;
    const at_expr *some = at_sweep_some(w, guard), *sum_and_rows = map(w, AT_OP_ADD, value, rows);
    return some ? choice(w, some, sum_and_rows, value) : sum_and_rows;
}

static const at_expr *value_of(at_separating *w, at_fold fold, const at_expr *guard,
                               const at_expr *body) {
    bool ints = body->kind == AT_INT;
    switch (fold) {
    case AT_FOLD_SUM: return sum_of(w, guard, body);
    case AT_FOLD_MEAN: return mean_of(w, guard, body);
    case AT_FOLD_PROD: return product_of(w, guard, body);
    case AT_FOLD_ANY:
    case AT_FOLD_ALL:
    case AT_FOLD_COUNT: return bools_of(w, fold, guard, body);
    case AT_FOLD_LOGSUMEXP: return log_sum_of(w, guard, body);
    case AT_FOLD_MAX:
    case AT_FOLD_MIN:
    case AT_FOLD_ARGMAX:
    case AT_FOLD_ARGMIN:
        if (!ints) return at_sweep_extreme_value(w, fold, guard, body);
        at_sweep_refuse(w, body, "the %s of the ints %s has no value over nothing, with which a "
                        "sweep begins", at_fold_info(fold)->text, at_sweep_text(w->s, body));
        return NULL;
    default: at_sweep_no_form(w, body); return NULL;
    }
}

static bool take_fold(at_separating *w) {
    const at_expr *fold = w->given->folds[w->at].fold, *rows = NULL, *elements = NULL;
    if (!is_well_given(w, fold) || !split_guard(w, fold->u.fold.guard, &rows, &elements))
        return false;
    const at_expr *body = at_given_that(w->s, fold->u.fold.body, fold->u.fold.guard);
    const at_expr *value = value_of(w, fold->u.fold.fold, elements, body);
    if (!value) return false;
    for (int k = 0; k < w->parts->count && !rows; k++)
        if (now(w, k) == value) w->parts->plain[w->at] = k;
    const at_expr *none = at_sweep_neutral(w, fold->u.fold.fold, fold->kind, fold->span);
    if (rows) value = choice(w, rows, value, none);
    w->parts->values[w->at] = value;
    return true;
}

static bool note_equation(void *user, const at_statement *st) {
    at_separating *w = user;
    if (st->tag == AT_EQUATION && st->target->id >= 0 && st->target->id < w->array_count)
        w->equations[st->target->id] = st->u.value;
    return true;
}

at_sweep *at_sweep_of(at_session *s, const at_sweep_given *given) {
    AT_ASSERT(s, given->fold_count > 0);
    at_sweep *sweep = AT_NEW(s->arena, at_sweep);
    at_sweep_parts *parts = AT_NEW(s->arena, at_sweep_parts);
    const at_expr *first = given->folds[0].fold;
    parts->given = given;
    parts->axes = first->u.fold.axes;
    parts->axis_count = first->u.fold.count;
    parts->plain = AT_NEW_ARRAY(s->arena, int, given->fold_count);
    parts->values = AT_NEW_ARRAY(s->arena, const at_expr *, given->fold_count);
    for (int f = 0; f < given->fold_count; f++) parts->plain[f] = -1;
    sweep->parts = parts;
    at_separating w = {.s = s, .sweep = sweep, .parts = parts, .given = given};
    if (given->cascade) {
        w.array_count = given->cascade->array_count;
        w.equations = AT_NEW_ARRAY(s->arena, const at_expr *, w.array_count);
        at_walk_block(&given->cascade->body, note_equation, &w);
    }
    while (w.at < given->fold_count && take_fold(&w)) w.at++;
    return sweep;
}
