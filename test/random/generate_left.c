/* Left sides of equations: the axes of an array, by their names or from a read that gives a new one
 * its extent; and what equations of several files share. */
#include "random.h"

/* ---- left sides ------------------------------------------------------------------------------ */

/* An array an axis of which can give a new name its extent. */
static bool new_left_axis(writer *w, left_side *l) {
    array *found[MOST_ARRAYS];
    int count = 0;
    for (int i = 0; i < w->array_count; i++) {
        array *a = w->arrays[i];
        if (a->kind == AT_REAL && readable(w, a) && a->steps == 0 && a->rank > 0)
            found[count++] = a;
    }
    if (!count) return false;
    l->from = found[choose(w->c, count)];
    l->at = choose(w->c, l->from->rank);
    known_extent *e = &w->f->extents[l->from->extents[l->at]];
    if (e->high > LONGEST || e->empty || e->of_round) return false;
    l->new_axis = l->count;
    l->names[l->count] = new_axis_name(w);
    l->extents[l->count] = l->from->extents[l->at];
    return true;
}

void open_left(writer *w, left_side *l, int more, bool may_be_new) {
    *l = (left_side){.scalars = w->scalar_count, .new_axis = -1};
    for (int i = 0; i < w->step_count; i++) {
        l->names[l->count] = w->steps[i].name;
        l->extents[l->count++] = w->steps[i].extent;
    }
    for (int i = 0; i < more && l->count < 4; i++) {
        if (may_be_new && l->new_axis < 0 && maybe(w->c, 20) && new_left_axis(w, l)) {
            add_index(w, l->names[l->count], l->extents[l->count], false);
            l->count++;
            continue;
        }
        int k = pick_axis(w, l->names, l->count);
        if (k < 0) break;
        l->names[l->count] = w->axes[k].name;
        l->extents[l->count++] = w->axes[k].extent;
        add_index(w, w->axes[k].name, w->axes[k].extent, w->axes[k].declared);
    }
}

const axis *own_axis(writer *w, const char *const *taken, int taken_count) {
    int k = w->is_main ? pick_axis(w, taken, taken_count) : -1;
    if (k < 0) return NULL;
    const char *name = made(w, "q%d", ++w->own_names);
    line(w, "axis %s as %s", name, w->axes[k].name);
    return add_axis(w, name, w->axes[k].extent, false);
}

void close_left(writer *w, left_side *l) {
    w->scalar_count = l->scalars;
    if (l->new_axis >= 0) {
        mark(w, FEATURE_AXIS_FROM_READ);
        add_axis(w, l->names[l->new_axis], l->extents[l->new_axis], false);
    }
}

const char *bracketed(writer *w, const char *const *names, int count) {
    if (count == 0) return "";
    const char *text = "";
    for (int i = 0; i < count; i++) text = made(w, "%s%s%s", text, i ? "," : "", names[i]);
    return made(w, "[%s]", text);
}

array *defined(writer *w, const char *name, const left_side *l, piece p) {
    array *a = add_array(w, name, p.kind, l->count, l->extents);
    for (int i = 0; i < l->count; i++) a->axes[i] = l->names[i];
    a->high = p.high;
    a->inside = p.kind == AT_INT ? p.inside : -1;
    a->minus_one = p.minus_one;
    return a;
}

/* ---- kinds and distributions ----------------------------------------------------------------- */

at_kind some_kind(writer *w) {
    static const at_kind kinds[] = {AT_REAL, AT_INT, AT_BOOL};
    static const int weights[] = {70, 20, 10};
    return kinds[choose_weighted(w->c, weights, 3)];
}

const char *a_distribution(writer *w, bool free, at_kind *kind) {
    *kind = AT_REAL;
    switch (choose(w->c, free ? 4 : 3)) {
    case 0:
        if (!free) return made(w, "normal(%s, 0.5)", maybe(w->c, 50) ? "0" : "0.25");
        return made(w, "normal(%s, 0.5)", tamed(w, expression(w, AT_REAL, 1), 4).text);
    case 1:
        if (!free) return "uniform(-1, 1)";
        return made(w, "uniform(-2, abs(%s))", tamed(w, expression(w, AT_REAL, 1), 4).text);
    case 2: return "gumbel()";
    default:
        *kind = AT_BOOL;
        return made(w, "bernoulli(sigmoid(%s))", expression(w, AT_REAL, 1).text);
    }
}
