/* What stands alone at the right of an equation: topk, joint softmax, a mask, tables, draws. */
#include "random.h"

/* ---- what stands alone ----------------------------------------------------------------------- */

static const char *rank_axis(writer *w, int *extent) {
    if (w->step_count) {
        int k = pick_axis(w, NULL, 0);
        if (k < 0) return NULL;
        *extent = w->axes[k].extent;
        return w->axes[k].name;
    }
    int number = 1 + choose(w->c, 3);
    const char *name = new_axis_name(w);
    line(w, "axis %s = %d", name, number);
    *extent = new_extent(w, number, number, false);
    return add_axis(w, name, *extent, true)->name;
}

void topk_statement(writer *w) {
    left_side l;
    int extent;
    const char *rank = rank_axis(w, &extent);
    if (!rank) return;
    open_left(w, &l, choose(w->c, 2), false);
    const char *bound[MOST_RANK];
    int count = 0, wanted = maybe(w->c, 15) ? 2 : 1, inside = -1;
    double high = 1;
    for (int i = 0; i < l.count; i++)
        if (named(l.names[i], rank)) wanted = 0;
    const char *taken[MOST_RANK + 3] = {rank};
    for (int i = 0; i < l.count; i++) taken[1 + i] = l.names[i];
    for (; count < wanted; count++) {
        int k = pick_axis(w, taken, 1 + l.count + count);
        if (k < 0) break;
        bound[count] = taken[1 + l.count + count] = w->axes[k].name;
        inside = w->axes[k].extent;
        high *= w->f->extents[inside].high;
        add_index(w, w->axes[k].name, inside, w->axes[k].declared);
    }
    if (count) {
        const char *guard = maybe(w->c, 35) ? a_guard(w, bound, count, 1) : "";
        piece e = expression(w, maybe(w->c, 15) ? AT_INT : AT_REAL, 2);
        const char *list = count == 1 ? bound[0] : made(w, "%s,%s", bound[0], bound[1]);
        piece p = a_piece(made(w, "topk[%s%s](%s)", list, guard, e.text), PRIMARY, AT_INT, high);
        p.inside = count == 1 ? inside : -1;
        p.minus_one = true;
        l.names[l.count] = rank;
        l.extents[l.count++] = extent;
        const char *name = new_array_name(w);
        line(w, "%s%s = %s", name, bracketed(w, l.names, l.count), p.text);
        defined(w, name, &l, p);
    }
    w->scalar_count = l.scalars;
}

void joint_statement(writer *w) {
    left_side l;
    open_left(w, &l, choose(w->c, 2), false);
    bool logarithm = maybe(w->c, 25);
    const char *targets = "", *bounds = "", *bodies = "", *names[3], *axes[3];
    int extents[3], count = 0, parts = maybe(w->c, 15) ? 3 : 2;
    for (; count < parts; count++) {
        const char *taken[MOST_RANK + 3];
        for (int i = 0; i < l.count; i++) taken[i] = l.names[i];
        for (int i = 0; i < count; i++) taken[l.count + i] = axes[i];
        int k = pick_axis(w, taken, l.count + count);
        if (k < 0) break;
        axes[count] = w->axes[k].name;
        extents[count] = w->axes[k].extent;
        int scalars = w->scalar_count;
        add_index(w, axes[count], extents[count], w->axes[k].declared);
        bool guarded = (!logarithm || w->wild) && maybe(w->c, 40);
        const char *guard = guarded ? a_guard(w, &axes[count], 1, 1) : "";
        piece e = tamed(w, expression(w, AT_REAL, 2), 4);
        w->scalar_count = scalars;
        names[count] = new_array_name(w);
        l.names[l.count] = axes[count];
        const char *comma = count ? ", " : "", *semicolon = count ? "; " : "";
        targets = made(w, "%s%s%s%s", targets, comma, names[count],
                       bracketed(w, l.names, l.count + 1));
        bounds = made(w, "%s%s%s%s", bounds, semicolon, axes[count], guard);
        bodies = made(w, "%s%s%s", bodies, semicolon, e.text);
    }
    w->scalar_count = l.scalars;
    if (count < 2) return;
    line(w, "%s = %s[%s](%s)", targets, logarithm ? "log_softmax" : "softmax", bounds, bodies);
    for (int i = 0; i < count; i++) {
        l.names[l.count] = axes[i];
        l.extents[l.count] = extents[i];
        left_side all = l;
        all.count++;
        defined(w, names[i], &all, a_piece("", PRIMARY, AT_REAL, logarithm ? 16 : 1));
    }
}

void masked_statement(writer *w) {
    static const char *const broken[] = {"0.0 / 0.0", "inf", "log(-1.0)", "-inf", "1.0 / 0.0"};
    left_side l;
    open_left(w, &l, choose(w->c, 2), false);
    int k = pick_axis(w, l.names, l.count);
    if (k < 0 || l.count >= 4) {
        w->scalar_count = l.scalars;
        return;
    }
    const char *j = w->axes[k].name;
    int extent = w->axes[k].extent;
    add_index(w, j, extent, w->axes[k].declared);
    w->unsure++; /* the mask stands twice */
    const char *guard = a_guard(w, &j, 1, 1) + sizeof " where " - 1;
    w->unsure--;
    piece s = tamed(w, expression(w, AT_REAL, 2), 16);
    left_side weights = l;
    weights.names[weights.count] = j;
    weights.extents[weights.count++] = extent;
    const char *p = new_array_name(w), *o = new_array_name(w);
    const char *at = bracketed(w, weights.names, weights.count);
    piece value = expression(w, AT_REAL, 2);
    w->scalar_count = l.scalars;
    mark(w, FEATURE_MASKED);
    line(w, "%s%s = softmax[%s where %s](%s)", p, at, j, guard, s.text);
    line(w, "%s%s = sum[%s](%s%s * (if %s then %s else %s))", o, bracketed(w, l.names, l.count), j,
         p, at, guard, tamed(w, value, 16).text, broken[choose(w->c, 5)]);
    defined(w, p, &weights, a_piece("", PRIMARY, AT_REAL, 1));
    defined(w, o, &l, a_piece("", PRIMARY, AT_REAL, 16));
}

void table_statement(writer *w) {
    at_kind kind = some_kind(w);
    int number = 1 + choose(w->c, 4), extent = new_extent(w, number, number, false);
    const char *name = new_array_name(w), *a = new_axis_name(w), *values = "";
    left_side l = {.names = {a}, .extents = {extent}, .count = 1};
    int second = 0;
    if (maybe(w->c, 40)) line(w, "axis %s = %d", a, number);
    if (w->out.data && maybe(w->c, 20)) {
        second = 2;
        l.names[1] = new_axis_name(w);
        l.extents[1] = new_extent(w, 2, 2, false);
        l.count = 2;
        line(w, "axis %s = %d, %s = 2", a = new_axis_name(w), number, l.names[1]);
        l.names[0] = a;
    }
    for (int i = 0; i < number * (second ? 2 : 1); i++) {
        int k = choose(w->c, 6);
        const char *text = kind == AT_INT ? made(w, "%d", k - 1)
                           : kind == AT_BOOL
                               ? (k % 2 ? "false" : "true")
                               : made(w, "%s%d.%d", k == 5 ? "-" : "", k / 2, k % 3 * 25);
        values = made(w, "%s%s%s", values, i ? ", " : "", text);
    }
    line(w, "%s%s = table(%s)", name, bracketed(w, l.names, l.count), values);
    for (int i = 0; i < l.count; i++)
        if (!find_axis(w, l.names[i])) add_axis(w, l.names[i], l.extents[i], second > 0);
    defined(w, name, &l, a_piece("", PRIMARY, kind, 5));
}

void draw_statement(writer *w) {
    left_side l;
    at_kind kind;
    open_left(w, &l, choose(w->c, 3), false);
    const char *how = a_distribution(w, true, &kind), *name = new_array_name(w);
    w->scalar_count = l.scalars;
    line(w, "%s%s ~ %s", name, bracketed(w, l.names, l.count), how);
    defined(w, name, &l, a_piece("", PRIMARY, kind, limit_of(kind)));
}
