/* Derivatives inside of programs: a loss made of an array, and grad of it by an array in scope.
 *
 *     loss[b] = sum[i](tanh(y[b,i]) * …)
 *     g[b] = grad(loss[b], z[b])
 *     h = tanh(g)
 *
 * Only h is used again, because nothing bounds a slope. */
#include "random.h"

/* The real arrays that a loss can be made of, newest first. */
static int candidates(const writer *w, array **found) {
    int count = 0;
    for (int i = w->array_count - 1; i >= 0; i--) {
        array *a = w->arrays[i];
        bool fits = a->kind == AT_REAL && readable(w, a) && a->steps == 0 && a->rank <= 3;
        for (int m = 0; m < a->rank && fits; m++) fits = !w->f->extents[a->extents[m]].of_round;
        if (fits) found[count++] = a;
    }
    return count;
}

/* The sum over all of y but its axis `b` (NULL: over all) of something smooth. */
static piece a_loss(writer *w, const array *y, const char *b) {
    const char *indices = b ? b : "", *bound = "";
    int scalars = w->scalar_count;
    for (int m = b != NULL; m < y->rank; m++) {
        const char *i = new_axis_name(w);
        bound = made(w, "%s%s%s", bound, *bound ? "," : "", i);
        indices = made(w, "%s%s%s", indices, *indices ? "," : "", i);
        add_index(w, i, y->extents[m], false);
    }
    if (*indices) indices = made(w, "[%s]", indices);
    piece factor = tamed(w, expression(w, AT_REAL, 2), 4);
    const char *body = made(w, "tanh(%s%s) * %s", y->name, indices, at_level(w, factor, 75));
    w->scalar_count = scalars;
    if (*bound) return a_piece(made(w, "sum[%s](%s)", bound, body), PRIMARY, AT_REAL, 1000);
    return a_piece(body, 70, AT_REAL, 4);
}

void grad_statement(writer *w) {
    array *found[MOST_ARRAYS], *others[MOST_ARRAYS];
    int count = candidates(w, found), other_count = 0;
    if (!count || w->step_count || !w->is_main) return;
    array *y = found[choose(w->c, count)];
    for (int i = 0; i < count && !y->derived && maybe(w->c, 75); i++)
        if (found[i]->derived) y = found[i];
    const axis *b = y->rank && maybe(w->c, 35) ? axis_of(w, y->extents[0]) : NULL;
    for (int i = 0; i < count; i++)
        if (!b || (found[i]->rank && found[i]->extents[0] == y->extents[0]))
            others[other_count++] = found[i];
    array *z = maybe(w->c, 60) ? others[choose(w->c, other_count)] : y;
    int scalars = w->scalar_count;
    if (b) add_index(w, b->name, b->extent, b->declared);
    piece p = a_loss(w, y, b ? b->name : NULL);
    w->scalar_count = scalars;
    const char *at = b ? made(w, "[%s]", b->name) : "";
    const char *loss = new_array_name(w), *g = new_array_name(w), *h = new_array_name(w);
    if (y->derived) mark(w, FEATURE_GRAD_TWICE);
    line(w, "%s%s = %s", loss, at, p.text);
    line(w, "%s%s = grad(%s%s, %s%s)", g, at, loss, at, z->name, at);
    line(w, "%s = tanh(%s)", h, g);
    array *slope = add_array(w, h, AT_REAL, z->rank, z->extents);
    slope->high = 1;
    slope->derived = true;
}
