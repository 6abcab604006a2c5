/* Scans, repeats and choices. What is defined in a block is in scope after it only where the
 * language says so. */
#include "random.h"

/* ---- choices --------------------------------------------------------------------------------- */

static const scalar *known_round(const writer *w) {
    if (w->rounds_unknown) return NULL;
    for (int i = w->scalar_count - 1; i >= 0; i--)
        if (w->scalars[i].round) return &w->scalars[i];
    return NULL;
}

piece compile_time_condition(writer *w) {
    const option *o = w->f->option_count ? w->f->options[choose(w->c, w->f->option_count)] : NULL;
    if (o && (o->form != OPTION_VALUE || o->kind == AT_REAL)) o = NULL;
    const axis *a = w->axis_count ? &w->axes[choose(w->c, w->axis_count)] : NULL;
    const scalar *round = known_round(w);
    if (a && w->f->extents[a->extent].of_round && w->rounds_unknown) a = NULL;
    int weights[] = {5, o ? 40 : 0, a ? 15 : 0, round ? 40 : 0, 4};
    int number = choose(w->c, 4);
    switch (choose_weighted(w->c, weights, 5)) {
    case 1:
        if (o->kind == AT_BOOL)
            return maybe(w->c, 40) ? a_piece(made(w, "not %s", o->name), 40, AT_BOOL, 1)
                                   : a_piece(o->name, PRIMARY, AT_BOOL, 1);
        return a_piece(made(w, "%s > %d", o->name, number), 50, AT_BOOL, 1);
    case 2: return a_piece(made(w, "size(%s) > %d", a->name, number), 50, AT_BOOL, 1);
    case 3:
        mark(w, FEATURE_BLOCK_ROUND);
        return a_piece(
            made(w, maybe(w->c, 50) ? "%s > %d" : "(%s + %d) %% 2 == 0", round->name, number), 50,
            AT_BOOL, 1);
    case 4: return a_piece("training", PRIMARY, AT_BOOL, 1);
    default: return a_piece(made(w, "1 < %d", number), 50, AT_BOOL, 1);
    }
}

/* What a block may leave in scope. */
typedef struct {
    int axes, arrays, scalars;
} scope;

static scope opened(const writer *w) {
    return (scope){w->axis_count, w->array_count, w->scalar_count};
}

static void closed(writer *w, scope s, bool keep_arrays) {
    w->axis_count = s.axes;
    w->scalar_count = s.scalars;
    if (!keep_arrays) w->array_count = s.arrays;
    w->later_count = 0;
}

static void some_statements(writer *w, int most) {
    for (int i = 0; i < most && (i == 0 || maybe(w->c, 60)); i++) statement(w, w->depth - 1);
}

void if_block(writer *w) {
    piece c = compile_time_condition(w);
    mark(w, FEATURE_BLOCK_IF);
    line(w, "if %s {", c.text);
    w->blocks++;
    for (int part = 0;; part++) {
        scope s = opened(w);
        w->indent++;
        if (!same_shape_again(w) || maybe(w->c, 40)) some_statements(w, 2);
        w->indent--;
        closed(w, s, false);
        bool another = part == 0 && maybe(w->c, 15), last = part < 2 && maybe(w->c, 40);
        if (another) {
            line(w, "} else if %s {", compile_time_condition(w).text);
        } else if (last) {
            mark(w, FEATURE_BLOCK_ELSE);
            line(w, "} else {");
            part = 2;
        } else {
            break;
        }
    }
    w->blocks--;
    line(w, "}");
}

/* ---- scans ----------------------------------------------------------------------------------- */

enum { MOST_SCANNED = 3 };

/* An array of a scan, which others read before its equation. */
typedef struct {
    array *a;
    const char *axes[MOST_RANK];
} scanned;

static const char *left_of(writer *w, const scanned *one) {
    const char *text = "";
    for (int i = 0; i < one->a->rank; i++)
        text = made(w, "%s%s%s", text, i ? "," : "",
                    i < w->step_count ? w->steps[i].name : one->axes[i]);
    return text;
}

static void promise(writer *w, scanned *one) {
    static const at_kind kinds[] = {AT_REAL, AT_INT, AT_BOOL};
    static const int weights[] = {75, 18, 7};
    int rank = 0, extents[MOST_RANK];
    for (; rank < w->step_count; rank++) extents[rank] = w->steps[rank].extent;
    for (int more = choose(w->c, 3); more > 0 && rank < 4; more--) {
        int k = pick_axis(w, one->axes + w->step_count, rank - w->step_count);
        if (k < 0) break;
        one->axes[rank] = w->axes[k].name;
        extents[rank++] = w->axes[k].extent;
    }
    one->a = add_array(w, new_array_name(w), kinds[choose_weighted(w->c, weights, 3)], rank,
                       extents);
    one->a->written = false;
}

static void keep_promise(writer *w, scanned *one) {
    int scalars = w->scalar_count;
    for (int i = w->step_count; i < one->a->rank; i++)
        add_index(w, one->axes[i], one->a->extents[i], false);
    w->fuel = 24;
    int span = span_begin(w->c, SPAN_STATEMENT);
    piece p = {0};
    if (!maybe(w->c, 20)) { /* most recurrences read what was before */
        piece self = read_at(w, one->a, -1, NULL, 1);
        piece e = expression(w, one->a->kind, 2);
        if (one->a->kind == AT_BOOL) p = joined(w, AT_OP_OR, self, e, AT_BOOL, 1);
        else p = joined(w, AT_OP_ADD, self, e, self.kind, self.high + e.high);
    } else {
        p = expression(w, one->a->kind, 3);
    }
    span_end(w->c, span);
    w->scalar_count = scalars;
    p = tamed(w, p, limit_of(one->a->kind));
    line(w, "%s[%s] = %s", one->a->name, left_of(w, one), p.text);
    one->a->written = true;
    for (int i = w->step_count; i < one->a->rank; i++) one->a->axes[i] = one->axes[i];
    for (int i = 0; i < w->step_count; i++) one->a->axes[i] = w->steps[i].name;
}

/* One or two axes to walk; 0 when there is none. */
static int open_steps(writer *w) {
    int begin = w->step_count, wanted = maybe(w->c, 20) ? 2 : 1;
    for (int i = 0; i < wanted && w->step_count < 3; i++) {
        int k = pick_axis(w, NULL, 0);
        if (k < 0 || (find_scalar(w, w->axes[k].name))) break;
        bool down = maybe(w->c, 30);
        w->steps[w->step_count++] = (step){w->axes[k].name, w->axes[k].extent, down};
        add_index(w, w->axes[k].name, w->axes[k].extent, w->axes[k].declared);
        w->scalars[w->scalar_count - 1].step = true;
    }
    return w->step_count - begin;
}

void scan_block(writer *w) {
    scope s = opened(w);
    int repeats = w->repeats, base = w->repeat_base, outer = w->step_count;
    int count = open_steps(w);
    if (!count) return;
    if (!outer) w->scan_axes = w->axis_count;
    if (outer) mark(w, FEATURE_SCAN_NESTED);
    if (repeats) mark(w, FEATURE_REPEAT_SCAN);
    const char *header = "";
    for (int i = outer; i < w->step_count; i++)
        header = made(w, "%s%s%s%s", header, i > outer ? ", " : "", w->steps[i].name,
                      w->steps[i].down ? " down" : "");
    line(w, "scan %s {", header);
    w->indent++;
    /* What is around stays as it is: only the scan's own arrays change in it. */
    w->repeats = 0;
    w->repeat_base = w->array_count;
    scanned own[MOST_SCANNED] = {0};
    int many = 1 + choose(w->c, MOST_SCANNED);
    for (int i = 0; i < many; i++) promise(w, &own[i]);
    for (int i = 0; i < many; i++) {
        keep_promise(w, &own[i]);
        if (maybe(w->c, 25)) statement(w, w->depth - 1);
    }
    w->repeats = repeats;
    w->repeat_base = base;
    w->indent--;
    line(w, "}");
    w->step_count = outer;
    for (int i = s.arrays; i < w->array_count; i++) {
        array *a = w->arrays[i];
        if (a->steps > outer) a->steps = outer;
        if (!outer) a->hidden = false;
        a->inner = outer > 0;
    }
    closed(w, s, true);
}

/* ---- repeats --------------------------------------------------------------------------------- */

/* Arrays that the body defines again; what is read of them may be the value of any round. */
static int choose_carried(writer *w, array **carried, int most) {
    array *found[MOST_ARRAYS];
    int count = 0, chosen = 0;
    for (int i = w->array_count - 1; i >= 0; i--) {
        array *a = w->arrays[i];
        bool free = a->role != IS_PARAM && a->role != IS_STATE && !a->hidden && a->written &&
                    !a->inner;
        bool outer = !w->repeats || i >= w->repeat_base || a->carried == w->repeats;
        free &= named_before_scan(w, a);
        if (free && outer && a->steps == w->step_count) found[count++] = a;
    }
    while (chosen < most && count) {
        int k = choose(w->c, count);
        carried[chosen++] = found[k];
        found[k] = found[--count];
    }
    return chosen;
}

/* hs[l,…] = x[…]: a round's value kept under its number. */
static void collect(writer *w, const char *round, int extent) {
    array *found[MOST_ARRAYS];
    int count = 0;
    for (int i = w->array_count - 1; i >= 0; i--) {
        array *a = w->arrays[i];
        bool fits = a->steps == w->step_count && a->written && !a->hidden && a->rank < 4;
        for (int k = 0; k < a->rank && fits; k++) fits = !w->f->extents[a->extents[k]].of_round;
        if (fits) found[count++] = a;
    }
    if (!count) return;
    array *a = found[choose(w->c, count)];
    const char *name = new_array_name(w), *left = round, *right = "";
    bool behind = w->step_count && maybe(w->c, 40); /* hs[t,l] = … */
    if (behind) left = "";
    int extents[MOST_RANK] = {extent}, rank = behind ? 0 : 1;
    for (int i = 0; i < w->step_count; i++) {
        left = made(w, "%s%s%s", left, *left ? "," : "", w->steps[i].name);
        right = made(w, "%s%s%s", right, i ? "," : "", w->steps[i].name);
        extents[rank++] = w->steps[i].extent;
    }
    if (behind) {
        left = made(w, "%s,%s", left, round);
        extents[rank++] = extent;
    }
    for (int i = w->step_count; i < a->rank; i++) extents[rank++] = a->extents[i];
    line(w, *right ? "%s[%s] = %s[%s]" : "%s[%s] = %s", name, left, a->name, right);
    array *b = add_array(w, name, a->kind, rank, extents);
    b->high = a->high;
    b->steps = 0;
    b->hidden = true;
    b->collected = true;
}

/* How many rounds, as text; *number is -1 where it is not a number. */
static const char *rounds(writer *w, int *number, int *high) {
    const option *o = w->f->option_count ? w->f->options[choose(w->c, w->f->option_count)] : NULL;
    *number = *high = 1 + choose(w->c, 4);
    const axis *a = w->axis_count && maybe(w->c, 8) ? &w->axes[choose(w->c, w->axis_count)] : NULL;
    if (a && w->f->extents[a->extent].high <= 6 && !w->f->extents[a->extent].of_round &&
        !w->f->extents[a->extent].empty) {
        mark(w, FEATURE_REPEAT_SIZE);
        *number = -1, *high = w->f->extents[a->extent].high;
        return made(w, "size(%s)", a->name);
    }
    if (o && o->form == OPTION_VALUE && o->kind == AT_INT && maybe(w->c, 30)) {
        *number = -1, *high = 4;
        return o->name;
    }
    return made(w, "%d", *number);
}

static void repeat_body(writer *w, const char *round, int extent, bool condition, int count) {
    if (round && !condition && maybe(w->c, 15)) {
        mark(w, FEATURE_BLOCK_ROUND);
        const char *window = new_axis_name(w);
        line(w, "axis %s = %s + 1", window, round);
        int longest = w->f->extents[extent].high;
        int made_extent = new_extent(w, longest, -1, false);
        w->f->extents[made_extent].of_round = true;
        add_axis(w, window, made_extent, true);
    }
    if (maybe(w->c, 40)) some_statements(w, 2);
    for (int i = 0; i < count; i++) {
        w->fuel = 24;
        same_shape_again(w);
        if (maybe(w->c, 30)) statement(w, w->depth - 1);
    }
    if (round && maybe(w->c, 60)) collect(w, round, extent);
}

void repeat_block(writer *w) {
    array *carried[2];
    int number, high, count = choose_carried(w, carried, 1 + choose(w->c, 2));
    if (!count) return;
    const char *how_often = rounds(w, &number, &high);
    const char *round = maybe(w->c, 60) ? new_axis_name(w) : NULL, *condition = NULL;
    int extent = new_extent(w, high, number, false), base = w->repeat_base;
    for (int i = 0; i < count; i++) {
        carried[i]->carried = w->repeats + 1;
        carried[i]->high = limit_of(carried[i]->kind);
        carried[i]->inside = -1;
        carried[i]->minus_one = false;
    }
    w->fuel = 12;
    if (maybe(w->c, 25)) condition = expression(w, AT_BOOL, 2).text;
    if (w->step_count) mark(w, FEATURE_SCAN_REPEAT);
    if (w->repeats) mark(w, FEATURE_REPEAT_NESTED);
    line(w, "repeat %s%s%s%s%s {", round ? round : "", round ? " < " : "", how_often,
         condition ? " while " : "", condition ? condition : "");
    scope s = opened(w);
    bool unknown = w->rounds_unknown;
    w->rounds_unknown |= condition != NULL;
    w->indent++;
    w->repeats++;
    w->repeat_base = w->array_count;
    if (round) {
        add_index(w, round, extent, false);
        w->scalars[w->scalar_count - 1].round = true;
    }
    repeat_body(w, round, extent, condition != NULL, count);
    w->repeats--;
    w->repeat_base = base;
    w->indent--;
    w->rounds_unknown = unknown;
    line(w, "}");
    /* Of what the body defined stays what every round defines alike. */
    int kept = s.arrays;
    for (int i = s.arrays; i < w->array_count; i++) {
        array *a = w->arrays[i];
        bool stays = a->collected || (!condition && !unknown && maybe(w->c, 50));
        for (int k = 0; k < a->rank; k++) stays &= !w->f->extents[a->extents[k]].of_round;
        if (a->role != IS_DEFINED) stays = false;
        if (!stays) continue;
        if (a->collected && !w->step_count) a->hidden = false;
        a->collected = false;
        w->arrays[kept++] = a;
    }
    w->array_count = kept;
    for (int i = 0; i < count; i++) carried[i]->carried = w->repeats;
    closed(w, s, true);
    if (round && !w->step_count && !w->blocks) add_axis(w, round, extent, false);
}
