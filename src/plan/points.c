/* From axes and conditions over them to the number of index tuples for which the conditions hold;
 * without extents, to the axes whose extents are to be multiplied.
 *
 * Conditions are taken apart into conjuncts, and axes that no condition joins are counted apart. Of
 * axes that are joined all but the longest are walked; along that one a condition is evaluated a
 * stretch at a time: with each value comes how long it stays what it is, or how long it grows by
 * the same step. So `j <= i and i - j < w` costs three stretches for an i, however long j is. */
#include "plan/count.h"

enum { STEPS = 1 << 24 }; /* stretches looked at in all; what is left counts as if it held */

int64_t at_count_add(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int64_t at_count_times(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

/* ---- values along an axis -------------------------------------------------------------------- */

/* A value where the walk stands: so many steps further along the axis it is integer + slope * steps
 * (other kinds: the same). */
typedef struct {
    bool known;
    int64_t integer, slope;
    double real;
} value;

typedef struct {
    const at_points *points;
    int64_t *at;         /* by axis id: where the walk stands */
    const at_axis *axis; /* the one that is stretched along */
    int64_t run;         /* values hold for so many steps */
} walk;

static value unknown(void) { return (value){false, 0, 0, 0}; }
static value whole(int64_t integer) { return (value){true, integer, 0, (double)integer}; }

static void stop_after(walk *w, int64_t steps) {
    if (steps < w->run) w->run = steps;
}

static value value_of(walk *w, const at_expr *e);

/* The quotient (or the rest) by a positive divisor; both are linear until the quotient changes. */
static value divided(walk *w, at_op op, value a, int64_t divisor) {
    int64_t rest = a.integer % divisor;
    if (rest < 0) rest += divisor;
    if (a.slope > 0) stop_after(w, (divisor - rest + a.slope - 1) / a.slope);
    if (a.slope < 0) stop_after(w, rest / -a.slope + 1);
    if (op == AT_OP_IDIV) return whole((a.integer - rest) / divisor);
    value out = whole(rest);
    out.slope = a.slope;
    return out;
}

/* Whether v < 0, and until when. */
static value is_negative(walk *w, int64_t v, int64_t slope) {
    if (v < 0 && slope > 0) stop_after(w, (-v + slope - 1) / slope);
    if (v >= 0 && slope < 0) stop_after(w, v / -slope + 1);
    return whole(v < 0);
}

static value is_zero(walk *w, int64_t v, int64_t slope) {
    if (slope != 0 && v == 0) stop_after(w, 1);
    else if (slope != 0 && v % slope == 0 && -(v / slope) > 0) stop_after(w, -(v / slope));
    return whole(v == 0);
}

static value compared(walk *w, at_op op, value a, value b) {
    int64_t v, slope;
    if (__builtin_sub_overflow(a.integer, b.integer, &v) || v == INT64_MIN || v == INT64_MAX ||
        __builtin_sub_overflow(a.slope, b.slope, &slope) || slope == INT64_MIN)
        return unknown();
    switch (op) {
    case AT_OP_EQ: return is_zero(w, v, slope);
    case AT_OP_NE: return whole(!is_zero(w, v, slope).integer);
    case AT_OP_LT: return is_negative(w, v, slope);
    case AT_OP_LE: return is_negative(w, v - 1, slope);
    case AT_OP_GT: return is_negative(w, -v, -slope);
    default: return is_negative(w, -v - 1, -slope);
    }
}

static value on_reals(walk *w, const at_expr *e, const value *x) {
    int arity = at_op_info(e->u.map.op)->arity;
    for (int i = 0; i < arity; i++)
        if (x[i].slope != 0) stop_after(w, 1);
    double real = at_real_op(e->u.map.op, x[0].real, arity > 1 ? x[1].real : 0,
                             arity > 2 ? x[2].real : 0);
    if (e->kind == AT_REAL) return (value){true, 0, 0, real};
    return whole(real != 0);
}

static value on_ints(walk *w, at_op op, const value *x) {
    value out = whole(0);
    bool fits = true;
    switch (op) {
    case AT_OP_ADD:
        fits = !__builtin_add_overflow(x[0].integer, x[1].integer, &out.integer) &&
               !__builtin_add_overflow(x[0].slope, x[1].slope, &out.slope);
        break;
    case AT_OP_SUB:
        fits = !__builtin_sub_overflow(x[0].integer, x[1].integer, &out.integer) &&
               !__builtin_sub_overflow(x[0].slope, x[1].slope, &out.slope);
        break;
    case AT_OP_NEG:
        fits = !__builtin_sub_overflow(0, x[0].integer, &out.integer);
        out.slope = -x[0].slope;
        break;
    case AT_OP_MUL:
        if (x[0].slope != 0 && x[1].slope != 0) stop_after(w, 1);
        fits = !__builtin_mul_overflow(x[0].integer, x[1].integer, &out.integer);
        if (x[1].slope == 0) fits &= !__builtin_mul_overflow(x[0].slope, x[1].integer, &out.slope);
        else if (x[0].slope == 0)
            fits &= !__builtin_mul_overflow(x[1].slope, x[0].integer, &out.slope);
        break;
    case AT_OP_IDIV:
    case AT_OP_MOD:
        if (x[1].slope == 0 && x[1].integer > 0) return divided(w, op, x[0], x[1].integer);
        /* fall through */
    default:
        for (int i = 0; i < at_op_info(op)->arity; i++)
            if (x[i].slope != 0) stop_after(w, 1);
        fits = at_int_op(op, x[0].integer, x[1].integer, x[2].integer, &out.integer);
    }
    out.real = (double)out.integer;
    return fits ? out : unknown();
}

/* `a and b` is known where one of them is false, `a or b` where one is true. */
static value on_bools(walk *w, const at_expr *e) {
    bool settles = e->u.map.op == AT_OP_OR;
    value a = value_of(w, e->u.map.args[0]);
    if (a.known && (a.integer != 0) == settles) return a;
    value b = value_of(w, e->u.map.args[1]);
    if (b.known && (b.integer != 0) == settles) return b;
    return a.known && b.known ? whole(!settles) : unknown();
}

static value map_value(walk *w, const at_expr *e) {
    at_op op = e->u.map.op;
    at_rule rule = at_op_info(op)->rule;
    value x[3] = {{0}};
    if (op == AT_OP_AND || op == AT_OP_OR) return on_bools(w, e);
    x[0] = value_of(w, e->u.map.args[0]);
    if (!x[0].known) return unknown();
    if (op == AT_OP_IF) return value_of(w, e->u.map.args[x[0].integer ? 1 : 2]);
    if (op == AT_OP_NOT) return whole(!x[0].integer);
    for (int i = 1; i < at_op_info(op)->arity; i++) {
        x[i] = value_of(w, e->u.map.args[i]);
        if (!x[i].known) return unknown();
    }
    at_kind kind = e->u.map.args[0]->kind;
    if (op == AT_OP_STOP) return x[0];
    if (op == AT_OP_TO_REAL) {
        if (x[0].slope != 0) stop_after(w, 1);
        return x[0];
    }
    if (op == AT_OP_TO_INT) return whole(at_real_to_int(x[0].real));
    if (kind == AT_REAL) return on_reals(w, e, x);
    if (rule == AT_RULE_COMPARE && kind == AT_BOOL) {
        bool same = (x[0].integer != 0) == (x[1].integer != 0);
        return whole(op == AT_OP_EQ ? same : !same);
    }
    return rule == AT_RULE_COMPARE ? compared(w, op, x[0], x[1]) : on_ints(w, op, x);
}

static value value_of(walk *w, const at_expr *e) {
    value out;
    switch (e->tag) {
    case AT_CONST:
        if (e->kind == AT_REAL) return (value){true, 0, 0, e->u.real};
        return whole(e->u.integer);
    case AT_SIZE: return whole(w->points->extents[e->u.axis->id]);
    case AT_INDEX:
        out = whole(w->at[e->u.axis->id]);
        out.slope = e->u.axis == w->axis;
        return out;
    case AT_MAP: return map_value(w, e);
    case AT_READ:
    case AT_FOLD_NODE: break;
    }
    return unknown();
}

/* ---- conditions ------------------------------------------------------------------------------ */

typedef struct {
    const at_expr *e;
    bool wanted;
    int group; /* of axes that are joined */
} part;

typedef struct {
    at_points *points;
    at_domain *domain;
    int axis_count, part_count, part_capacity;
    const at_axis **axes;
    int *group;  /* by position in axes */
    part *parts;
} counting;

static void at_most(at_domain *domain, const at_expr *why) {
    if (!domain->at_most) domain->why = why;
    domain->at_most = true;
}

/* Conjuncts: of `a and b` that must hold both, of `a or b` that must not hold neither. */
static void split(counting *c, const at_expr *e, bool wanted) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_NOT) {
        split(c, e->u.map.args[0], !wanted);
        return;
    }
    at_op both = wanted ? AT_OP_AND : AT_OP_OR;
    if (e->tag == AT_MAP && e->u.map.op == both) {
        split(c, e->u.map.args[0], wanted);
        split(c, e->u.map.args[1], wanted);
        return;
    }
    part one = {e, wanted, -1};
    AT_PUSH(c->points->s->arena, c->parts, c->part_count, c->part_capacity, one);
}

static bool look_for_data(void *user, const at_expr *e) {
    bool *reads = user;
    *reads |= e->tag == AT_READ || e->tag == AT_FOLD_NODE;
    return !*reads;
}

static bool reads_data(const at_expr *e) {
    bool reads = false;
    at_walk(e, look_for_data, &reads);
    return reads;
}

static int position_of(const counting *c, const at_axis *axis) {
    for (int i = 0; i < c->axis_count; i++)
        if (c->axes[i] == axis) return i;
    return -1;
}

static void drop_axis(counting *c, int at) { c->axes[at] = c->axes[--c->axis_count]; }

static void drop_part(counting *c, int at) { c->parts[at] = c->parts[--c->part_count]; }

/* `axis == E` where E reads data but not the axis: of the axis there is one index at most, and
 * exactly one where E is known to lie inside. */
static bool determines(counting *c, const at_expr *index, const at_expr *e) {
    int at = index->tag == AT_INDEX ? position_of(c, index->u.axis) : -1;
    if (at < 0 || at_mentions(e, index->u.axis)) return false;
    for (int i = 0; i < c->part_count; i++)
        if (at_mentions(c->parts[i].e, index->u.axis)) return false;
    const at_axis *inside = e->tag == AT_READ && !e->u.read.alternative
                                ? e->u.read.array->inside : NULL;
    const int64_t *extents = c->points->extents;
    const at_axis *axis = index->u.axis;
    bool fits = inside == axis;
    if (inside && extents) fits = extents[inside->id] <= extents[axis->id];
    if (!fits) at_most(c->domain, e);
    drop_axis(c, at);
    return true;
}

static void take_data_parts(counting *c) {
    for (int i = c->part_count - 1; i >= 0; i--) {
        part p = c->parts[i];
        if (!reads_data(p.e)) continue;
        bool joined = p.e->tag == AT_MAP && (p.e->u.map.op == AT_OP_AND ||
                                             p.e->u.map.op == AT_OP_OR);
        if (joined) continue; /* a part of it may be known */
        drop_part(c, i);
        bool equal = !c->domain->any && p.wanted && p.e->tag == AT_MAP &&
                     p.e->u.map.op == AT_OP_EQ && p.e->u.map.args[0]->kind == AT_INT;
        if (equal && (determines(c, p.e->u.map.args[0], p.e->u.map.args[1]) ||
                      determines(c, p.e->u.map.args[1], p.e->u.map.args[0])))
            continue;
        at_most(c->domain, p.e);
    }
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void join_groups(counting *c) {
    for (int i = 0; i < c->axis_count; i++) c->group[i] = i;
    for (int p = 0; p < c->part_count; p++) {
        int group = -1;
        for (int i = 0; i < c->axis_count; i++) {
            if (!at_mentions(c->parts[p].e, c->axes[i])) continue;
            if (group < 0) group = c->group[i];
            int old = c->group[i];
            for (int k = 0; k < c->axis_count; k++)
                if (c->group[k] == old) c->group[k] = group;
        }
        c->parts[p].group = group;
    }
    /* Groups may have been joined after a part was given its own. */
    for (int p = 0; p < c->part_count; p++)
        for (int i = 0; i < c->axis_count && c->parts[p].group >= 0; i++)
            if (at_mentions(c->parts[p].e, c->axes[i])) c->parts[p].group = c->group[i];
}

static bool holds(counting *c, walk *w, int group) {
    for (int p = 0; p < c->part_count; p++) {
        if (c->parts[p].group != group) continue;
        value v = value_of(w, c->parts[p].e);
        if (!v.known) at_most(c->domain, reads_data(c->parts[p].e) ? c->parts[p].e : NULL);
        else if ((v.integer != 0) != c->parts[p].wanted) return false;
    }
    return true;
}

/* The points along w->axis, the others standing where they are. */
static int64_t along(counting *c, walk *w, int group) {
    int64_t extent = c->points->extents[w->axis->id], points = 0;
    for (int64_t at = 0; at < extent; at += w->run) {
        w->at[w->axis->id] = at;
        w->run = extent - at;
        if (holds(c, w, group)) points = at_count_add(points, w->run);
        c->points->steps++;
        if (c->points->steps < STEPS) continue;
        at_most(c->domain, NULL);
        return at_count_add(points, extent - at - w->run);
    }
    return points;
}

/* The next tuple of axes, the last fastest; false after the last. */
static bool step(const counting *c, int64_t *at, const at_axis *const *axes, int count) {
    for (int moved = count - 1; moved >= 0; moved--) {
        if (++at[axes[moved]->id] < c->points->extents[axes[moved]->id]) return true;
        at[axes[moved]->id] = 0;
    }
    return false;
}

static bool is_own(const at_domain *domain, const at_axis *axis) {
    for (int i = 0; i < domain->count; i++)
        if (domain->axes[i] == axis) return true;
    return false;
}

/* The tuples of other axes for which there is one of the domain's own. */
static int64_t count_some(counting *c, const at_axis *const *axes, int count, int group) {
    at_arena *arena = c->points->s->arena;
    const at_axis **outer = AT_NEW_ARRAY(arena, const at_axis *, count + 1);
    const at_axis **own = AT_NEW_ARRAY(arena, const at_axis *, count + 1);
    int outer_count = 0, own_count = 0;
    int64_t all = 1, points = 0;
    for (int i = 0; i < count; i++) {
        int64_t extent = c->points->extents[axes[i]->id];
        if (extent == 0) return 0;
        if (is_own(c->domain, axes[i])) own[own_count++] = axes[i];
        else outer[outer_count++] = axes[i], all = at_count_times(all, extent);
    }
    if (own_count == 0) own[own_count++] = outer[--outer_count];
    bool last_is_own = is_own(c->domain, own[own_count - 1]);
    int64_t *at = AT_NEW_ARRAY(arena, int64_t, c->points->axis_count);
    walk w = {c->points, at, own[--own_count], 0};
    do {
        int64_t found = 0;
        do found = along(c, &w, group);
        while (found == 0 && step(c, at, own, own_count));
        for (int i = 0; i < own_count; i++) at[own[i]->id] = 0;
        points = at_count_add(points, last_is_own && found > 1 ? 1 : found);
    } while (c->points->steps < STEPS && step(c, at, outer, outer_count));
    return c->points->steps < STEPS ? points : all;
}

static int64_t count_group(counting *c, int group) {
    const at_axis *axes[64];
    int count = 0, longest = 0;
    const int64_t *extents = c->points->extents;
    int64_t all = 1;
    bool joined = false;
    for (int p = 0; p < c->part_count; p++) joined |= c->parts[p].group == group;
    for (int i = 0; i < c->axis_count; i++) {
        if (c->group[i] != group) continue;
        all = at_count_times(all, extents[c->axes[i]->id]);
        if (count == 64) joined = false;
        else axes[count++] = c->axes[i];
        if (extents[axes[count - 1]->id] > extents[axes[longest]->id]) longest = count - 1;
    }
    if (c->domain->any) return count_some(c, axes, count, group);
    if (!joined || all == 0) return all;
    int64_t *at = AT_NEW_ARRAY(c->points->s->arena, int64_t, c->points->axis_count);
    walk w = {c->points, at, axes[longest], 0};
    axes[longest] = axes[--count];
    if (c->points->steps + all / extents[w.axis->id] > STEPS) {
        at_most(c->domain, NULL);
        return all;
    }
    int64_t points = 0;
    do points = at_count_add(points, along(c, &w, group));
    while (step(c, at, axes, count));
    return points;
}

void at_points_find(at_points *points, at_domain *domain) {
    if (domain->known) return;
    domain->known = true;
    counting c = {.points = points, .domain = domain};
    int room = 0;
    for (const at_domain *d = domain; d; d = d->outer) room += d->count;
    c.axes = AT_NEW_ARRAY(points->s->arena, const at_axis *, room + 1);
    c.group = AT_NEW_ARRAY(points->s->arena, int, room + 1);
    for (const at_domain *d = domain; d; d = d->outer) {
        for (int i = 0; i < d->count; i++) c.axes[c.axis_count++] = d->axes[i];
        if (d->condition) split(&c, d->condition, d->wanted);
    }
    take_data_parts(&c);
    domain->left = AT_NEW_ARRAY(points->s->arena, const at_axis *, c.axis_count);
    for (int i = 0; i < c.axis_count; i++)
        if (!domain->any || !is_own(domain, c.axes[i]))
            domain->left[domain->left_count++] = c.axes[i];
    if (!points->extents) {
        if (c.part_count) at_most(domain, NULL);
        return;
    }
    join_groups(&c);
    int64_t all = 1;
    walk nowhere = {points, AT_NEW_ARRAY(points->s->arena, int64_t, points->axis_count), NULL, 1};
    if (!holds(&c, &nowhere, -1)) all = 0;
    for (int i = 0; i < c.axis_count && all; i++) {
        bool first = true;
        for (int k = 0; k < i; k++) first &= c.group[k] != c.group[i];
        if (first) all = at_count_times(all, count_group(&c, c.group[i]));
    }
    domain->points = all;
    if (all == 0) domain->at_most = false;
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* Adds a stretch of points to those of the tiles that it goes through. */
static void add_stretch(int64_t *points, int64_t from, int64_t to, int64_t size) {
    while (from < to) {
        int64_t tile = from / size, end = (tile + 1) * size;
        if (end > to) end = to;
        points[tile] += end - from;
        from = end;
    }
}

bool at_points_tiles(at_points *points, const at_expr *condition, const at_axis *rows,
                     const at_axis *columns, int64_t size, at_tiles_found *found) {
    int64_t height = points->extents[rows->id], width = points->extents[columns->id];
    int64_t across = (width + size - 1) / size;
    if (across > STEPS || height > STEPS || reads_data(condition)) return false;
    int64_t *here = AT_NEW_ARRAY(points->s->arena, int64_t, across + 1);
    walk w = {points, AT_NEW_ARRAY(points->s->arena, int64_t, points->axis_count), columns, 0};
    *found = (at_tiles_found){0, 0, 0};
    for (int64_t first = 0; first < height; first += size) {
        int64_t end = first + size < height ? first + size : height;
        for (int64_t k = 0; k < across; k++) here[k] = 0;
        for (int64_t i = first; i < end; i++) {
            w.at[rows->id] = i;
            for (int64_t at = 0; at < width; at += w.run) {
                w.at[columns->id] = at;
                w.run = width - at;
                value v = value_of(&w, condition);
                if (!v.known || ++points->steps >= STEPS) return false;
                if (v.integer) add_stretch(here, at, at + w.run, size);
            }
        }
        for (int64_t k = 0; k < across; k++) {
            int64_t wide = k + 1 < across ? size : width - k * size;
            if (here[k] == 0) found->skipped++;
            else if (here[k] == wide * (end - first)) found->whole++;
            else found->bordered++;
        }
    }
    return true;
}
