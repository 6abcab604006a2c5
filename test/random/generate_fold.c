/* Operations over axes inside expressions: folds that remove their axes, those that keep them, and
 * guards of all sorts, by index, by data, by group. */
#include "random.h"

#include <math.h>

static const piece nothing = {0};

/* The axes that a fold binds, and a read that a new one gets its extent from. */
typedef struct {
    const char *names[2];
    int extents[2];
    int count;
    piece read;    /* text NULL: every axis is known */
    int scalars;   /* in scope before */
    double length; /* how many elements at most */
    bool empty;
} binding;

/* ---- guards ---------------------------------------------------------------------------------- */

/* Some array of the kind, read at `name` where it has that extent. */
static piece read_over(writer *w, at_kind kind, const char *name, int extent, int depth) {
    array *found[MOST_ARRAYS];
    int at[MOST_ARRAYS], count = 0;
    for (int i = 0; i < w->array_count; i++) {
        array *a = w->arrays[i];
        if (a->kind != kind || !readable(w, a) || !a->written || a->steps) continue;
        for (int k = 0; k < a->rank; k++)
            if (a->extents[k] == extent) {
                found[count] = a;
                at[count++] = k;
                break;
            }
    }
    if (!count) return nothing;
    int k = choose(w->c, count);
    return read_at(w, found[k], at[k], name, depth);
}

static const char *other_index(writer *w, const char *name) {
    const char *found[MOST_SCALARS];
    int count = 0;
    for (int i = 0; i < w->scalar_count; i++) {
        const scalar *s = &w->scalars[i];
        if (s->kind == AT_INT && !named(s->name, name) && find_scalar(w, s->name) == s)
            found[count++] = s->name;
    }
    return count ? found[choose(w->c, count)] : NULL;
}

static const char *condition(writer *w, const char *j, int depth) {
    const scalar *s = find_scalar(w, j);
    const char *i = other_index(w, j);
    piece p;
    int weights[] = {i ? 25 : 0, i ? 15 : 0, i ? 10 : 0,         10,
                     s ? 12 : 0, s ? 18 : 0, depth > 0 ? 15 : 0, depth > 0 ? 8 : 0};
    switch (choose_weighted(w->c, weights, 8)) {
    case 0: return made(w, "%s <= %s", j, i);
    case 1: return made(w, "%s != %s", j, i);
    case 2: return made(w, "%s - %s < %d and %s <= %s", i, j, 1 + choose(w->c, 3), j, i);
    case 4:
        p = read_over(w, AT_BOOL, j, s->extent, depth);
        if (p.text) return p.text;
        break;
    case 5:
        p = read_over(w, AT_INT, j, s->extent, depth);
        if (!p.text || !i) break;
        mark(w, FEATURE_GROUPS);
        return made(w, "%s == %s", at_level(w, p, 51), i);
    case 6: return expression(w, AT_BOOL, depth - 1).text;
    case 7:
        p = an_option_call(w, AT_BOOL, depth);
        if (p.text) return p.text;
        break;
    default: break;
    }
    return made(w, "%s %% 2 == %d", j, choose(w->c, 2));
}

const char *a_guard(writer *w, const char *const *bound, int count, int depth) {
    return made(w, " where %s", condition(w, bound[choose(w->c, count)], depth));
}

/* ---- binding --------------------------------------------------------------------------------- */

/* An axis that nobody knows, as long as an axis of an array of this kind, which is read at it. */
static bool bind_new(writer *w, at_kind kind, binding *b, array **from, int *at) {
    array *found[MOST_ARRAYS];
    int count = 0;
    for (int i = 0; i < w->array_count; i++) {
        array *a = w->arrays[i];
        if (a->kind == kind && readable(w, a) && a->written && a->rank > a->steps)
            found[count++] = a;
    }
    if (!count) return false;
    *from = found[choose(w->c, count)];
    *at = (*from)->steps + choose(w->c, (*from)->rank - (*from)->steps);
    int extent = (*from)->extents[*at];
    if (w->f->extents[extent].high > LONGEST) return false;
    b->names[b->count] = new_axis_name(w);
    b->extents[b->count] = extent;
    return true;
}

static bool bind(writer *w, at_kind kind, binding *b, int depth) {
    *b = (binding){.scalars = w->scalar_count, .length = 1};
    array *from = NULL;
    int at = 0, wanted = maybe(w->c, 20) ? 2 : 1;
    for (; b->count < wanted; b->count++) {
        if (!from && maybe(w->c, 25) && bind_new(w, kind, b, &from, &at)) {
            add_index(w, b->names[b->count], b->extents[b->count], false);
        } else {
            int k = pick_axis(w, b->names, b->count);
            if (k < 0) break;
            b->names[b->count] = w->axes[k].name;
            b->extents[b->count] = w->axes[k].extent;
            if (find_scalar(w, w->axes[k].name)) mark(w, FEATURE_AXIS_HIDDEN);
            add_index(w, w->axes[k].name, w->axes[k].extent, w->axes[k].declared);
        }
        b->length *= w->f->extents[b->extents[b->count]].high;
        b->empty |= w->f->extents[b->extents[b->count]].empty;
    }
    if (!b->count) return false;
    if (!from) return true;
    for (int i = 0; i < b->count; i++) {
        if (find_axis(w, b->names[i])) continue;
        b->read = read_at(w, from, at, b->names[i], depth - 1);
        if (!b->read.text) w->scalar_count = b->scalars;
    }
    return b->read.text != NULL;
}

/* The end of a fold: its axes are no indices any more, a new one may be used again. */
static void unbind(writer *w, binding *b) {
    w->scalar_count = b->scalars;
    if (!b->read.text) return;
    mark(w, FEATURE_AXIS_FROM_READ);
    for (int i = 0; i < b->count; i++)
        if (!w->unsure && !find_axis(w, b->names[i]) && maybe(w->c, 40))
            add_axis_later(w, b->names[i], b->extents[i]);
}

static piece body(writer *w, at_kind kind, binding *b, int depth) {
    if (!b->read.text) return expression(w, kind, depth - 1);
    if (maybe(w->c, 30)) return b->read;
    piece e = expression(w, kind, depth - 1);
    if (kind == AT_BOOL) return joined(w, AT_OP_AND, b->read, e, AT_BOOL, 1);
    if (maybe(w->c, 30)) return joined(w, AT_OP_ADD, b->read, e, kind, b->read.high + e.high);
    return joined(w, AT_OP_MUL, b->read, e, kind, b->read.high * e.high);
}

static const char *comma(writer *w, const binding *b) {
    return b->count == 1 ? b->names[0] : made(w, "%s,%s", b->names[0], b->names[1]);
}

/* ---- folds that remove axes ------------------------------------------------------------------ */

static at_fold which_fold(writer *w, at_kind kind, at_kind *of) {
    static const at_fold reals[] = {AT_FOLD_SUM, AT_FOLD_MEAN, AT_FOLD_MAX,
                                    AT_FOLD_MIN, AT_FOLD_PROD, AT_FOLD_LOGSUMEXP};
    static const at_fold ints[] = {AT_FOLD_SUM, AT_FOLD_COUNT, AT_FOLD_ARGMAX, AT_FOLD_ARGMIN,
                                   AT_FOLD_MAX, AT_FOLD_MIN,   AT_FOLD_PROD};
    static const int real_weights[] = {50, 12, 12, 8, 8, 10},
                     int_weights[] = {20, 20, 20, 12, 8, 8, 6};
    *of = kind;
    if (kind == AT_BOOL) return maybe(w->c, 50) ? AT_FOLD_ALL : AT_FOLD_ANY;
    if (kind == AT_REAL) return reals[choose_weighted(w->c, real_weights, 6)];
    at_fold fold = ints[choose_weighted(w->c, int_weights, 7)];
    if (fold == AT_FOLD_COUNT) *of = maybe(w->c, 80) ? AT_BOOL : AT_REAL;
    if (fold == AT_FOLD_ARGMAX || fold == AT_FOLD_ARGMIN) *of = maybe(w->c, 25) ? AT_INT : AT_REAL;
    return fold;
}

/* What a fold over at most `length` elements gives; an infinite one is squashed. */
static piece fold_done(writer *w, at_fold fold, piece p, piece of, const binding *b, bool guarded) {
    switch (fold) {
    case AT_FOLD_SUM: p.high = of.high * b->length; break;
    case AT_FOLD_LOGSUMEXP: p.high = of.high + 8; break;
    case AT_FOLD_COUNT: p.high = b->length; break;
    case AT_FOLD_ARGMIN:
    case AT_FOLD_ARGMAX:
        p.high = b->length;
        p.minus_one = guarded || b->empty;
        if (b->count == 1) p.inside = b->extents[0];
        break;
    default: p.high = of.high; break;
    }
    bool infinite = fold == AT_FOLD_LOGSUMEXP || fold == AT_FOLD_MAX || fold == AT_FOLD_MIN;
    if (p.kind == AT_REAL && infinite && (guarded || b->empty) && !w->wild)
        return maybe(w->c, 50)
                   ? applied(w, "tanh", p, 1)
                   : a_piece(made(w, "clamp(%s, -4.0, 4.0)", p.text), PRIMARY, AT_REAL, 4);
    return p;
}

piece a_fold(writer *w, at_kind kind, int depth) {
    at_kind of;
    at_fold fold = which_fold(w, kind, &of);
    binding b;
    if (!bind(w, of, &b, depth)) return nothing;
    bool never_empty = kind == AT_INT && (fold == AT_FOLD_MIN || fold == AT_FOLD_MAX);
    if (never_empty && b.empty) {
        fold = AT_FOLD_SUM;
        never_empty = false;
    }
    bool guarded = !never_empty && maybe(w->c, 35);
    const char *guard = guarded ? a_guard(w, b.names, b.count, depth - 1) : "";
    piece e = body(w, of, &b, depth);
    if (fold == AT_FOLD_PROD) e = tamed(w, e, 1);
    if (fold == AT_FOLD_PROD && kind == AT_INT && e.high > 1)
        e = a_piece(made(w, "sign(%s)", e.text), PRIMARY, AT_INT, 1);
    e = tamed(w, e, 100);
    piece p = a_piece(
        made(w, "%s[%s%s](%s)", at_fold_info(fold)->text, comma(w, &b), guard, e.text), PRIMARY,
        kind, 1);
    p = fold_done(w, fold, p, e, &b, guarded);
    unbind(w, &b);
    return p;
}

/* ---- folds that keep axes -------------------------------------------------------------------- */

/* One or two indices in scope over which one can go again. */
static bool bind_kept(writer *w, binding *b) {
    *b = (binding){.scalars = w->scalar_count, .length = 1};
    for (int wanted = maybe(w->c, 15) ? 2 : 1; b->count < wanted; b->count++) {
        const scalar *found[MOST_SCALARS];
        int count = 0;
        for (int i = 0; i < w->scalar_count; i++) {
            const scalar *s = &w->scalars[i];
            if (s->is_axis && !s->step && find_scalar(w, s->name) == s &&
                !(b->count && named(b->names[0], s->name)))
                found[count++] = s;
        }
        if (!count) break;
        const scalar *s = found[choose(w->c, count)];
        b->names[b->count] = s->name;
        b->extents[b->count] = s->extent;
        b->length *= w->f->extents[s->extent].high;
        b->empty |= w->f->extents[s->extent].empty;
    }
    return b->count > 0;
}

static piece running_done(writer *w, at_fold fold, piece p, piece of, const binding *b,
                          bool guarded) {
    switch (fold) {
    case AT_FOLD_CUMSUM: p.high = of.high * b->length; break;
    case AT_FOLD_ARGSORT:
        p.high = b->length;
        p.minus_one = guarded;
        if (b->count == 1) p.inside = b->extents[0];
        break;
    case AT_FOLD_LOG_SOFTMAX: p.high = 2 * of.high + 8; break;
    case AT_FOLD_CUMMAX:
    case AT_FOLD_CUMMIN: p.high = of.high; break;
    default: p.high = 1; break;
    }
    bool infinite = fold == AT_FOLD_LOG_SOFTMAX || fold == AT_FOLD_CUMMAX || fold == AT_FOLD_CUMMIN;
    if (p.kind == AT_REAL && infinite && guarded && !w->wild)
        return maybe(w->c, 50)
                   ? applied(w, "exp", a_piece(made(w, "-abs(%s)", p.text), 80, AT_REAL, 0), 1)
                   : a_piece(made(w, "clamp(%s, -4.0, 4.0)", p.text), PRIMARY, AT_REAL, 4);
    return p;
}

piece a_running_fold(writer *w, at_kind kind, int depth) {
    static const at_fold folds[] = {AT_FOLD_SOFTMAX, AT_FOLD_LOG_SOFTMAX, AT_FOLD_CUMSUM,
                                    AT_FOLD_CUMPROD, AT_FOLD_CUMMAX,      AT_FOLD_CUMMIN,
                                    AT_FOLD_ARGSORT};
    static const int real_weights[] = {45, 10, 15, 6, 8, 8, 0},
                     int_weights[] = {0, 0, 30, 10, 10, 10, 30};
    binding b;
    if (kind == AT_BOOL || !bind_kept(w, &b)) return nothing;
    at_fold fold = folds[choose_weighted(w->c, kind == AT_REAL ? real_weights : int_weights, 7)];
    at_kind of = fold == AT_FOLD_ARGSORT && maybe(w->c, 70) ? AT_REAL : kind;
    bool extreme = fold == AT_FOLD_CUMMAX || fold == AT_FOLD_CUMMIN;
    bool guarded = !(kind == AT_INT && extreme) && maybe(w->c, 40);
    const char *guard = guarded ? a_guard(w, b.names, b.count, depth - 1) : "";
    piece e = expression(w, of, depth - 1);
    if (fold == AT_FOLD_CUMPROD) e = tamed(w, e, 1);
    if (fold == AT_FOLD_CUMPROD && kind == AT_INT && e.high > 1)
        e = a_piece(made(w, "sign(%s)", e.text), PRIMARY, AT_INT, 1);
    bool directed = extreme || fold == AT_FOLD_CUMSUM || fold == AT_FOLD_CUMPROD;
    const char *list = "";
    for (int i = 0; i < b.count; i++)
        list = made(w, "%s%s%s%s", list, i ? "," : "", b.names[i],
                    directed && maybe(w->c, 35) ? " down" : "");
    piece p = a_piece(made(w, "%s[%s%s](%s)", at_fold_info(fold)->text, list, guard, e.text),
                      PRIMARY, kind, 1);
    return running_done(w, fold, p, e, &b, guarded);
}
