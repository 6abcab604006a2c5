/* Statements: equations of all forms, and the choice among all statements. */
#include "random.h"

/* ---- equations ------------------------------------------------------------------------------- */

/* A new name, or one that is defined already where nothing depends on its shape. */
static const char *name_to_define(writer *w) {
    bool free = !w->blocks && !w->repeats && !w->step_count;
    if (free && w->array_count && maybe(w->c, 12)) {
        array *a = w->arrays[choose(w->c, w->array_count)];
        if (a->role == IS_DEFINED || a->role == IS_INPUT) {
            mark(w, FEATURE_REDEFINED);
            return a->name;
        }
    }
    return new_array_name(w);
}

static void full_equation(writer *w) {
    left_side l;
    open_left(w, &l, choose(w->c, 4), true);
    piece p = {0};
    if (l.new_axis >= 0) {
        p = read_at(w, l.from, l.at, l.names[l.new_axis], 1);
        if (!p.text) {
            w->scalar_count = l.scalars;
            return;
        }
        piece e = expression(w, AT_REAL, 3);
        p = joined(w, AT_OP_MUL, p, e, AT_REAL, p.high * e.high);
    } else {
        p = expression(w, some_kind(w), 1 + choose(w->c, 4));
    }
    p = tamed(w, p, limit_of(p.kind));
    close_left(w, &l);
    const char *name = name_to_define(w);
    line(w, "%s%s = %s", name, bracketed(w, l.names, l.count), p.text);
    defined(w, name, &l, p);
}

/* The left side of a value that keeps axes: [b], [b,:], [b,:,h], or nothing. */
static const char *kept_left(writer *w, const left_side *l, int kept, const int *extents, int *rank,
                             int *all) {
    const char *names[MOST_RANK];
    int before = l->count;
    *rank = 0;
    if (l->count > w->step_count && kept && maybe(w->c, 30)) before--; /* one stands behind a `:` */
    for (int i = 0; i < before; i++) names[*rank] = l->names[i], all[(*rank)++] = l->extents[i];
    int taken = 0;
    if (before < l->count) {
        mark(w, FEATURE_KEPT_COLON_LEFT);
        names[*rank] = ":";
        all[(*rank)++] = extents[taken++];
        names[*rank] = l->names[before];
        all[(*rank)++] = l->extents[before];
    }
    int shown = *rank;
    bool colons = maybe(w->c, 15);
    for (; taken < kept; taken++) {
        names[*rank] = ":";
        all[(*rank)++] = extents[taken];
        if (colons) shown = *rank;
    }
    return bracketed(w, names, shown);
}

static void kept_equation(writer *w) {
    array *found[MOST_ARRAYS];
    int count = 0, kept[MOST_RANK], all[MOST_RANK], rank;
    for (int i = w->array_count - 1; i >= 0; i--) {
        array *a = w->arrays[i];
        if (a->kind == AT_REAL && readable(w, a) && a->rank > a->steps && (a->written || a->steps))
            found[count++] = a;
    }
    left_side l;
    open_left(w, &l, 0, false);
    const axis *own = maybe(w->c, 30) ? own_axis(w, l.names, l.count) : NULL;
    if (own) {
        l.names[l.count] = own->name;
        l.extents[l.count++] = own->extent;
        add_index(w, own->name, own->extent, false);
    }
    array *from = count ? found[choose(w->c, count)] : NULL;
    int most = from ? from->rank - from->steps : 0;
    while (l.count + most > 4) most--;
    if (most < 1) {
        w->scalar_count = l.scalars;
        return;
    }
    int keep = 1 + choose(w->c, most);
    for (int i = 0; i < keep; i++) kept[i] = -1;
    piece view = a_view(w, from, keep, kept, 2), p = {0};
    for (int i = 0; view.text && i < keep; i++) {
        const known_extent *e = &w->f->extents[kept[i]];
        if (e->high > LONGEST) view.text = NULL;
    }
    if (view.text) {
        int depth = 1 + choose(w->c, 3);
        bool with_other = maybe(w->c, 70);
        p = with_other ? a_value(w, AT_REAL, keep, kept, depth) : applied(w, "tanh", view, 1);
        if (!p.text) p = applied(w, "tanh", view, 1);
        else if (with_other && maybe(w->c, 60))
            p = joined(w, AT_OP_ADD, view, p, AT_REAL, view.high + p.high);
        p = tamed(w, p, limit_of(AT_REAL));
    }
    w->scalar_count = l.scalars;
    if (!p.text) return;
    mark(w, FEATURE_KEPT);
    const char *name = name_to_define(w);
    line(w, "%s%s = %s", name, kept_left(w, &l, keep, kept, &rank, all), p.text);
    add_array(w, name, AT_REAL, rank, all)->high = p.high;
}

array *equation(writer *w, const char *name, at_kind kind, int rank, const int *extents) {
    left_side l = {.scalars = w->scalar_count, .new_axis = -1};
    for (; l.count < rank; l.count++) {
        const axis *known = axis_of(w, extents[l.count]);
        if (!known || w->step_count) break;
        for (int k = 0; k < l.count && known; k++)
            if (named(l.names[k], known->name)) {
                const char *other = new_axis_name(w);
                line(w, "axis %s as %s", other, known->name);
                known = add_axis(w, other, extents[l.count], false);
            }
        l.names[l.count] = known->name;
        l.extents[l.count] = extents[l.count];
        add_index(w, known->name, extents[l.count], known->declared);
    }
    piece p = {0};
    if (l.count == rank && !w->step_count) p = tamed(w, expression(w, kind, 2), limit_of(kind));
    w->scalar_count = l.scalars;
    if (!p.text) return NULL;
    line(w, "%s%s = %s", name, bracketed(w, l.names, l.count), p.text);
    return defined(w, name, &l, p);
}

/* ---- what keeps its shape -------------------------------------------------------------------- */

/* x[i] ~ normal(0, 1), for an array that is there; false where an axis has no name here. */
static bool draw_again(writer *w, array *a) {
    const char *names[MOST_RANK];
    at_kind kind;
    for (int i = 0; i < a->rank; i++) {
        const axis *known = i < a->steps ? NULL : axis_of(w, a->extents[i]);
        if (i >= a->steps && !known) return false;
        names[i] = known ? known->name : w->steps[i].name;
        for (int k = 0; k < i; k++)
            if (named(names[k], names[i])) return false;
    }
    line(w, "%s%s ~ %s", a->name, bracketed(w, names, a->rank), a_distribution(w, false, &kind));
    a->high = 16;
    return true;
}

static bool may_change(const writer *w, const array *a, int position) {
    if (a->role == IS_PARAM || a->role == IS_STATE || a->hidden || !a->written || a->inner)
        return false;
    if (a->steps != w->step_count) return false;
    if (!named_before_scan(w, a)) return false;
    return !w->repeats || position >= w->repeat_base || a->carried == w->repeats;
}

bool same_shape_again(writer *w) {
    array *found[MOST_ARRAYS];
    int count = 0;
    for (int i = w->array_count - 1; i >= 0; i--)
        if (may_change(w, w->arrays[i], i)) found[count++] = w->arrays[i];
    if (!count) return false;
    array *a = found[choose(w->c, count)];
    if (a->kind == AT_REAL && maybe(w->c, 8) && draw_again(w, a)) return true;
    const char *steps[MOST_RANK];
    for (int i = 0; i < a->steps; i++) steps[i] = w->steps[i].name;
    const char *at = bracketed(w, steps, a->steps);
    piece self = a_piece(made(w, "%s%s", a->name, at), PRIMARY, a->kind, a->high), p = {0};
    int kept = a->rank - a->steps;
    if (maybe(w->c, 60)) p = a_value(w, a->kind, kept, a->extents + a->steps, 1 + choose(w->c, 2));
    if (!p.text) p = expression(w, a->kind, 2);
    if (a->kind == AT_BOOL) {
        p = joined(w, maybe(w->c, 50) ? AT_OP_OR : AT_OP_AND, self, p, AT_BOOL, 1);
    } else {
        at_op op = maybe(w->c, 50) ? AT_OP_SUB : AT_OP_ADD;
        p = joined(w, op, self, p, a->kind, self.high + p.high);
        p = tamed(w, p, a->kind == AT_INT ? 50 : 16);
    }
    line(w, "%s%s = %s", a->name, at, p.text);
    if (p.high > a->high) a->high = p.high;
    a->inside = -1;
    a->minus_one = false;
    return true;
}

/* ---- small ones ------------------------------------------------------------------------------ */

static void require_statement(writer *w) {
    if (!w->axis_count) return;
    const axis *a = &w->axes[choose(w->c, w->axis_count)];
    line(w, maybe(w->c, 50) ? "require size(%s) >= 0" : "require size(%s) + 1 > 0", a->name);
}

static void dropout_statement(writer *w) {
    array *found[MOST_ARRAYS];
    int count = 0;
    for (int i = w->array_count - 1; i >= 0; i--)
        if (w->arrays[i]->kind == AT_REAL && readable(w, w->arrays[i]))
            found[count++] = w->arrays[i];
    if (!count || w->step_count) return;
    array *a = found[choose(w->c, count)];
    const char *name = new_array_name(w);
    mark(w, FEATURE_CALL_DROPOUT);
    line(w, "%s = 0.5 * dropout(%s, 0.25)", name, a->name);
    add_array(w, name, AT_REAL, a->rank, a->extents)->high = a->high;
}

/* ---- one statement --------------------------------------------------------------------------- */

static void again(writer *w) { same_shape_again(w); }

static void calling(writer *w) { call_statement(w); }

/* How likely each is, outside and inside of scans. */
static const struct {
    int weight, in_scan;
    void (*write)(writer *w);
} statements[] = {
    {45, 45, full_equation},   {14, 14, kept_equation},   {8, 8, again},
    {9, 0, axis_statement},    {5, 14, topk_statement},   {5, 5, joint_statement},
    {4, 4, masked_statement},  {4, 0, table_statement},   {6, 8, draw_statement},
    {6, 0, param_statement},   {5, 0, state_statement},   {9, 0, next_statement},
    {2, 2, require_statement}, {2, 0, dropout_statement}, {24, 24, calling},
    {12, 12, scan_block},      {12, 12, repeat_block},    {7, 7, if_block},
    {3, 0, grad_statement},
};

static int weight_of(const writer *w, int row) {
    void (*write)(writer * w) = statements[row].write;
    bool block = write == scan_block || write == repeat_block || write == if_block;
    if (block && w->depth <= 0) return 0;
    if (write == scan_block && w->step_count >= 2) return 0;
    if (write == repeat_block && w->repeats >= 2) return 0;
    if (write == calling && !w->function_count) return 0;
    /* What a repeat inside defines is carried between the rounds of one that is written out, so its
     * extents must not depend on them. */
    for (int i = 0; i < w->axis_count && write == repeat_block; i++)
        if (w->f->extents[w->axes[i].extent].of_round) return 0;
    return w->step_count ? statements[row].in_scan : statements[row].weight;
}

void statement(writer *w, int depth) {
    enum { COUNT = sizeof statements / sizeof *statements };
    if (w->array_count > MOST_ARRAYS - 8 || w->axis_count > MOST_AXES - 8) return;
    int weights[COUNT], outer = w->depth;
    w->depth = depth;
    for (int i = 0; i < COUNT; i++) weights[i] = weight_of(w, i);
    w->fuel = 24;
    int span = span_begin(w->c, SPAN_STATEMENT);
    statements[choose_weighted(w->c, weights, COUNT)].write(w);
    span_end(w->c, span);
    w->depth = outer;
}
