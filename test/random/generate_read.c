/* Reads of arrays: indices that are inside by what they are, indices that may be outside beside an
 * alternative, earlier steps of a scan, and reads that keep axes. */
#include "random.h"

static const piece nothing = {0};

/* ---- indices --------------------------------------------------------------------------------- */

/* An index of this extent that is in scope; NULL when there is none. */
static const char *plain_index(writer *w, int extent) {
    const char *found[MOST_SCALARS];
    int count = 0;
    for (int i = 0; i < w->scalar_count; i++) {
        const scalar *s = &w->scalars[i];
        if (s->extent == extent && s->kind == AT_INT && find_scalar(w, s->name) == s)
            found[count++] = s->name;
    }
    return count ? found[choose(w->c, count)] : NULL;
}

/* An array whose elements are indices of this extent, read at indices; text NULL without one. */
static piece gathered(writer *w, int extent, int depth) {
    array *found[MOST_ARRAYS];
    int count = 0;
    for (int i = 0; i < w->array_count; i++) {
        array *a = w->arrays[i];
        if (a->kind == AT_INT && a->inside == extent && readable(w, a) && a->steps == 0)
            found[count++] = a;
    }
    if (!count) return nothing;
    array *a = found[choose(w->c, count)];
    piece p = read_at(w, a, -1, NULL, depth - 1);
    if (!p.text || p.inside != extent) return nothing;
    if (!a->minus_one) return p;
    if (w->f->extents[extent].empty) return nothing;
    return a_piece(made(w, "max(%s, 0)", p.text), PRIMARY, AT_INT, p.high);
}

static piece computed_index(writer *w, int extent, const char *plain, const char *size, int depth) {
    bool never_empty = !w->f->extents[extent].empty;
    int weights[] = {never_empty ? 6 : 0,
                     never_empty && size ? 4 : 0,
                     never_empty && size && depth > 0 ? 14 : 0,
                     never_empty && size && depth > 0 ? 5 : 0,
                     plain && size ? 8 : 0,
                     plain ? 5 : 0,
                     depth > 0 ? 20 : 0};
    double high = w->f->extents[extent].high;
    piece p;
    switch (choose_weighted(w->c, weights, 7)) {
    case 1: return a_piece(made(w, "%s - 1", size), 60, AT_INT, high);
    case 2:
        p = expression(w, AT_INT, depth - 1);
        return a_piece(made(w, "%s %% %s", at_level(w, p, 70), size), 70, AT_INT, high);
    case 3:
        p = expression(w, AT_INT, depth - 1);
        return a_piece(made(w, "clamp(%s, 0, %s - 1)", p.text, size), PRIMARY, AT_INT, high);
    case 4: return a_piece(made(w, "%s - 1 - %s", size, plain), 60, AT_INT, high);
    case 5: return a_piece(made(w, "%s // %d", plain, 1 + choose(w->c, 3)), 70, AT_INT, high);
    case 6:
        p = gathered(w, extent, depth);
        if (p.text) return p;
        break;
    default: break;
    }
    if (plain) return a_piece(plain, PRIMARY, AT_INT, high);
    return never_empty ? a_piece("0", PRIMARY, AT_INT, 0) : nothing;
}

piece an_index(writer *w, int extent, int depth) {
    const char *plain = plain_index(w, extent);
    if (plain && !maybe(w->c, 30))
        return a_piece(plain, PRIMARY, AT_INT, w->f->extents[extent].high);
    return computed_index(w, extent, plain, size_text(w, extent), depth);
}

/* An index is checked when it stands alone, and much becomes one: `if true then i else j` does. */
static piece never_plain(writer *w, piece p) {
    return a_piece(made(w, "%s + 0", at_level(w, p, 60)), 60, AT_INT, p.high);
}

/* An index that may be outside. */
static piece a_loose_index(writer *w, int extent, int depth) {
    const char *i = plain_index(w, extent);
    const char *j = w->scalar_count ? w->scalars[choose(w->c, w->scalar_count)].name : NULL;
    const scalar *any = j ? find_scalar(w, j) : NULL;
    if (!any || any->kind != AT_INT) j = NULL;
    int weights[] = {i ? 30 : 0,
                     i ? 20 : 0,
                     i ? 8 : 0,
                     i && j ? 12 : 0,
                     depth > 0 ? 12 : 0,
                     j && any->declared ? 60 : 0,
                     3};
    int number = 1 + choose(w->c, 3);
    switch (choose_weighted(w->c, weights, 7)) {
    case 0: return a_piece(made(w, "%s - %d", i, number), 60, AT_INT, 0);
    case 1: return a_piece(made(w, "%s + %d", i, number), 60, AT_INT, 0);
    case 2: return a_piece(made(w, "%d * %s", number + 1, i), 70, AT_INT, 0);
    case 3: return a_piece(made(w, "%s + %s - %d", i, j, number), 60, AT_INT, 0);
    case 4: return never_plain(w, expression(w, AT_INT, depth - 1));
    case 5: return a_piece(j, PRIMARY, AT_INT, 0);
    default: return a_piece(made(w, "%d", number), PRIMARY, AT_INT, 0);
    }
}

/* ---- steps of scans -------------------------------------------------------------------------- */

/* Written out round by round a repeat equates its arrays many times. */
static bool has_history(const writer *w, const array *a) {
    return !a->repeated || named_before_scan(w, a);
}

/* The steps of `a`: this one, or an earlier one beside an alternative. *outside tells that it may
 * be outside. */
static void step_indices(writer *w, const array *a, const char **index, bool *outside, int depth) {
    for (int k = 0; k < a->steps; k++) index[k] = w->steps[k].name;
    if (a->steps == 0 || (a->written && !maybe(w->c, 35)) || !has_history(w, a)) return;
    int pivot = maybe(w->c, 20) ? choose(w->c, a->steps) : a->steps - 1;
    const step *at = &w->steps[pivot];
    const char *sign = at->down ? "+" : "-";
    *outside = true;
    index[pivot] = made(w, "%s %s %d", at->name, sign, 1 + (maybe(w->c, 20) ? choose(w->c, 3) : 0));
    if (maybe(w->c, 10) && w->scalar_count) { /* as far back as another index says */
        const scalar *s = &w->scalars[choose(w->c, w->scalar_count)];
        if (s->kind == AT_INT && s->extent >= 0 && find_scalar(w, s->name) == s)
            index[pivot] = made(w, "%s %s 1 %s %s", at->name, sign, sign, s->name);
    }
    for (int k = pivot + 1; k < a->steps; k++) {
        piece p = maybe(w->c, 50) ? an_index(w, a->extents[k], depth - 1) : nothing;
        if (!p.text) p = a_loose_index(w, a->extents[k], depth - 1);
        index[k] = p.text;
    }
}

/* ---- reads ----------------------------------------------------------------------------------- */

static const char *listed(writer *w, const char *const *index, int count) {
    const char *text = "";
    for (int i = 0; i < count; i++) text = made(w, "%s%s%s", text, i ? ", " : "", index[i]);
    return text;
}

static piece read_done(writer *w, const array *a, const char *const *index, bool outside,
                       int depth) {
    piece p = a_piece(a->name, PRIMARY, a->kind, a->high);
    p.inside = a->inside;
    p.minus_one = a->minus_one;
    if (a->rank == 0) return p;
    const char *list = listed(w, index, a->rank);
    if (!outside) {
        p.text = made(w, "%s[%s]", a->name, list);
        return p;
    }
    piece other = expression(w, a->kind, depth > 1 ? 1 : depth - 1);
    p.text = made(w, "%s[%s | %s]", a->name, list, other.text);
    if (other.high > p.high) p.high = other.high;
    if (other.inside != p.inside) p.inside = -1;
    p.minus_one |= other.minus_one;
    return p;
}

piece read_at(writer *w, array *a, int at, const char *index, int depth) {
    const char *indices[MOST_RANK];
    bool outside = false;
    step_indices(w, a, indices, &outside, depth);
    if (outside && (at >= 0 || depth < 0)) return nothing;
    bool loose = !outside && at < 0 && depth > 0 && a->rank > a->steps && maybe(w->c, 20);
    int loosened = loose ? a->steps + choose(w->c, a->rank - a->steps) : -1;
    for (int i = a->steps; i < a->rank; i++) {
        if (i == at) {
            indices[i] = index;
            continue;
        }
        piece p = i == loosened ? nothing : an_index(w, a->extents[i], depth - 1);
        if (!p.text) {
            if (at >= 0) return nothing;
            p = a_loose_index(w, a->extents[i], depth - 1);
            outside = true;
        }
        indices[i] = p.text;
    }
    return read_done(w, a, indices, outside, depth);
}

/* sum[u where u < t](h[u]): all that came before. */
static piece a_history_sum(writer *w, const array *a, int depth) {
    const step *at = &w->steps[a->steps - 1];
    const char *bound = NULL;
    for (int i = 0; i < w->axis_count; i++)
        if (w->axes[i].extent == at->extent && !named(w->axes[i].name, at->name) &&
            !find_scalar(w, w->axes[i].name))
            bound = w->axes[i].name;
    const char *indices[MOST_RANK];
    for (int k = 0; k < a->steps; k++) indices[k] = w->steps[k].name;
    if (!bound) {
        bound = new_axis_name(w); /* its extent is that of the array where it is read */
        mark(w, FEATURE_AXIS_FROM_READ);
    }
    indices[a->steps - 1] = bound;
    int scalars = w->scalar_count;
    add_index(w, bound, at->extent, false);
    bool good = true;
    for (int i = a->steps; i < a->rank; i++) {
        piece p = an_index(w, a->extents[i], depth - 1);
        if (!p.text) good = false;
        indices[i] = p.text;
    }
    piece other = expression(w, AT_REAL, depth - 1);
    w->scalar_count = scalars;
    if (!good) return nothing;
    piece read = a_piece(made(w, "%s[%s]", a->name, listed(w, indices, a->rank)), PRIMARY, AT_REAL,
                         a->high);
    return a_piece(made(w, "sum[%s where %s %s %s](%s * %s)", bound, bound, at->down ? ">" : "<",
                        at->name, read.text, at_level(w, other, 71)),
                   PRIMARY, AT_REAL, a->high * other.high * LONGEST);
}

piece a_read(writer *w, at_kind kind, int depth) {
    array *found[MOST_ARRAYS];
    int count = 0;
    /* The newest first: what was just written is what one reads. */
    for (int i = w->array_count - 1; i >= 0; i--)
        if (w->arrays[i]->kind == kind && readable(w, w->arrays[i])) found[count++] = w->arrays[i];
    if (!count) return nothing;
    array *a = found[choose(w->c, count)];
    if (!a->written && depth < 0) return nothing;
    if (a->steps > 0 && kind == AT_REAL && depth > 0 && has_history(w, a) && maybe(w->c, 15)) {
        piece p = a_history_sum(w, a, depth);
        if (p.text) return p;
    }
    return read_at(w, a, -1, NULL, depth);
}

/* ---- reads that keep axes -------------------------------------------------------------------- */

/* The positions of `a` that can be kept, one set of them at random as bits; -1: there is none. */
static int kept_positions(writer *w, const array *a, int count, const int *extents) {
    int found[1 << MOST_RANK], many = 0;
    for (int set = 0; set < 1 << a->rank; set++) {
        int at = 0;
        bool fits = (set & ((1 << a->steps) - 1)) == 0;
        for (int i = 0; i < a->rank && fits; i++)
            if (set >> i & 1) {
                fits = at < count && (extents[at] < 0 || extents[at] == a->extents[i]);
                at++;
            }
        if (fits && at == count) found[many++] = set;
    }
    return many ? found[many - 1 - choose(w->c, many)] : -1;
}

static const char *view_indices(writer *w, const char *const *index, int rank) {
    int last = rank;
    while (last > 0 && named(index[last - 1], ":")) last--;
    if (last == 0) return "";
    if (last < rank && maybe(w->c, 15)) last = rank;
    for (int i = 0; i < last; i++)
        if (named(index[i], ":")) {
            mark(w, FEATURE_KEPT_COLON);
            break;
        }
    return listed(w, index, last);
}

piece a_view(writer *w, array *a, int count, int *extents, int depth) {
    int kept = kept_positions(w, a, count, extents);
    if (kept < 0) return nothing;
    const char *index[MOST_RANK];
    bool outside = false;
    step_indices(w, a, index, &outside, depth);
    for (int i = a->steps, at = 0; i < a->rank; i++) {
        if (kept >> i & 1) {
            extents[at++] = a->extents[i];
            index[i] = ":";
            continue;
        }
        bool loose = depth > 0 && maybe(w->c, 8);
        piece p = loose ? a_loose_index(w, a->extents[i], depth - 1)
                        : an_index(w, a->extents[i], depth - 1);
        if (!p.text) return nothing;
        outside |= loose;
        index[i] = p.text;
    }
    piece p = a_piece(a->name, PRIMARY, a->kind, a->high);
    p.inside = a->inside;
    p.minus_one = a->minus_one;
    const char *list = view_indices(w, index, a->rank);
    if (!*list) return p;
    if (outside) {
        piece other = expression(w, a->kind, 0);
        p.text = made(w, "%s[%s | %s]", a->name, list, other.text);
        if (other.high > p.high) p.high = other.high;
        p.inside = -1;
    } else {
        p.text = made(w, "%s[%s]", a->name, list);
    }
    return p;
}
