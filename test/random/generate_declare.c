/* Axes, params, states, and what becomes of a state. */
#include "random.h"

/* ---- axes, params, states -------------------------------------------------------------------- */

void axis_statement(writer *w) {
    const char *name = new_axis_name(w);
    int k = pick_axis(w, NULL, 0);
    const char *n = k >= 0 ? w->axes[k].name : NULL;
    const known_extent *of = n ? &w->f->extents[w->axes[k].extent] : NULL;
    int high = of ? of->high : 0, number = 1 + choose(w->c, 4), m = n ? pick_axis(w, NULL, 0) : -1;
    bool empty = of && of->empty, round = of && of->of_round;
    int weights[] = {10,        n ? 25 : 0, n ? 8 : 0, n && high <= 6 ? 5 : 0,
                     n ? 6 : 0, n ? 6 : 0,  n ? 4 : 0, n ? 8 : 0};
    const char *text;
    switch (choose_weighted(w->c, weights, 8)) {
    case 1:
        line(w, "axis %s as %s", name, n);
        add_axis(w, name, w->axes[k].extent, false);
        return;
    case 2: text = made(w, "size(%s) + %d", n, number % 2 + 1), high += 2, empty = false; break;
    case 3: text = made(w, "2 * size(%s)", n), high *= 2; break;
    case 4: text = made(w, "size(%s) // 2 + 1", n), high = high / 2 + 1, empty = false; break;
    case 5: text = made(w, "max(size(%s) - 1, 1)", n), empty = false; break;
    case 6: text = made(w, "size(%s) // 2", n), empty = true; break;
    case 7:
        text = made(w, "size(%s) + size(%s)", n, w->axes[m].name);
        high += w->f->extents[w->axes[m].extent].high;
        empty &= w->f->extents[w->axes[m].extent].empty;
        round |= w->f->extents[w->axes[m].extent].of_round;
        break;
    default: {
        option *o = w->f->option_count ? w->f->options[choose(w->c, w->f->option_count)] : NULL;
        bool by_option = o && o->form == OPTION_VALUE && o->kind == AT_INT;
        line(w, "axis %s = %s", name, by_option ? o->name : made(w, "%d", number));
        if (by_option) mark(w, FEATURE_OPTION_EXTENT);
        add_axis(w, name, new_extent(w, by_option ? 4 : number, by_option ? -1 : number, false),
                 true);
        return;
    }
    }
    if (empty) mark(w, FEATURE_AXIS_MAYBE_EMPTY);
    line(w, "axis %s = %s", name, text);
    int made_extent = new_extent(w, high, -1, empty);
    w->f->extents[made_extent].of_round = round;
    add_axis(w, name, made_extent, true);
}

/* How a param or state begins: over its axes, without arrays. */
static const char *a_start(writer *w, at_kind kind, const left_side *l) {
    int k = choose(w->c, 4);
    const char *i = l->count ? l->names[l->count - 1] : "2";
    if (kind == AT_BOOL) return k == 0 ? "false" : k == 1 ? "true" : made(w, "%s %% 2 == 0", i);
    if (kind == AT_INT) return k < 2 ? made(w, "%d", k) : made(w, "%s + %d", i, k);
    if (k == 0) return "0.5";
    return k == 1 ? "0" : made(w, "0.25 * %s - %d", i, k - 2);
}

static bool of_round(const writer *w, const left_side *l) {
    for (int i = 0; i < l->count; i++)
        if (w->f->extents[l->extents[i]].of_round) return true;
    return false;
}

void param_statement(writer *w) {
    left_side l;
    at_kind kind;
    open_left(w, &l, choose(w->c, 3), false);
    w->scalar_count = l.scalars;
    if (of_round(w, &l)) return;
    const char *name = new_array_name(w), *at = bracketed(w, l.names, l.count);
    w->f->has_params = true;
    if (w->repeats) mark(w, FEATURE_REPEAT_PARAM);
    if (maybe(w->c, 40)) line(w, "param %s%s = %s", name, at, a_start(w, AT_REAL, &l));
    else line(w, "param %s%s ~ %s", name, at, a_distribution(w, false, &kind));
    array *a = defined(w, name, &l, a_piece("", PRIMARY, AT_REAL, 16));
    a->role = IS_PARAM;
}

void state_statement(writer *w) {
    left_side l;
    at_kind kind = some_kind(w), drawn;
    open_left(w, &l, choose(w->c, 3), false);
    w->scalar_count = l.scalars;
    if (of_round(w, &l)) return;
    const char *name = new_array_name(w), *at = bracketed(w, l.names, l.count);
    const char *colon = kind == AT_INT ? ": int" : kind == AT_BOOL ? ": bool" : "";
    w->f->has_params = true;
    if (kind == AT_REAL && maybe(w->c, 30))
        line(w, "state %s%s ~ %s", name, at, a_distribution(w, false, &drawn));
    else line(w, "state %s%s%s = %s", name, at, colon, a_start(w, kind, &l));
    array *a = defined(w, name, &l, a_piece("", PRIMARY, kind, limit_of(kind)));
    a->role = IS_STATE;
}

void next_statement(writer *w) {
    array *found[MOST_ARRAYS];
    int count = 0;
    for (int i = w->array_count - 1; i >= 0; i--)
        if (w->arrays[i]->role == IS_STATE && i >= w->repeat_base) found[count++] = w->arrays[i];
    if (!count) return;
    array *a = found[choose(w->c, count)];
    int scalars = w->scalar_count;
    for (int i = 0; i < a->rank; i++) add_index(w, a->axes[i], a->extents[i], false);
    piece p = tamed(w, expression(w, a->kind, 2), limit_of(a->kind));
    w->scalar_count = scalars;
    w->f->has_next = true;
    line(w, "next %s%s = %s", a->name, bracketed(w, a->axes, a->rank), p.text);
}
