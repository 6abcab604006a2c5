/* From extents to the steps of a scan that run and those that are left out, by the very code that a
 * run finds them with; and how many of those that run are on the border of a guard, where each
 * element is tested: all others are all inside.
 *
 * A step of a sweep over blocks of j, in a block of rows i, is a tile. */
#include "emit/skipped.h"

#include "form/form.h"

#pragma GCC diagnostic ignored "-Wunused-function"
#include "emit/parts/idle.h"

enum { MOST = 1 << 14, AXES = 64 }; /* steps whose elements are looked at */

typedef struct {
    at_session *s;
    const at_plan *plan;
    const at_plan_step *scan;
    const at_group *group;   /* around the scan, or NULL */
    const at_axis *step;
    const int64_t *given;    /* extents, by axis id */
    int64_t *extents;        /* the same, and that of `inside` */
    at_axis *inside;         /* counts the rows of a block */
    int64_t first, end;      /* of the present block */
    int guard_count, guard_capacity;
    const at_expr **guards;  /* folds whose guards have the step in them */
    int64_t looked_at;
    at_scan_steps out;
} counting;

/* ---- numbers --------------------------------------------------------------------------------- */

static at_axis *no_axis(void *user, const at_axis *like) {
    (void)user;
    return (at_axis *)like; /* nothing here binds an axis of a value */
}

static int64_t extent_of(void *user, const at_axis *axis) {
    const counting *c = user;
    return at_extent(axis, c->given);
}

/* An int over the block's first and end; false: over more. */
static bool number_of(counting *c, const at_expr *e, int64_t *number) {
    if (c->group) {
        const at_axis *axes[] = {c->group->first, c->group->end};
        const at_expr *values[] = {at_int(c->s, c->first, e->span), at_int(c->s, c->end, e->span)};
        e = at_substitute(c->s, e, axes, values, 2, no_axis, c);
    }
    at_constant value = at_constant_of(e, extent_of, c);
    *number = value.integer;
    return value.known && value.kind == AT_INT;
}

/* ---- borders --------------------------------------------------------------------------------- */

static bool find_guards(void *user, const at_expr *e) {
    counting *c = user;
    if (e->tag != AT_FOLD_NODE || !e->u.fold.guard || !at_mentions(e->u.fold.guard, c->step))
        return true;
    for (int i = 0; i < c->guard_count; i++)
        if (at_same(c->guards[i]->u.fold.guard, e->u.fold.guard)) return true;
    AT_PUSH(c->s->arena, c->guards, c->guard_count, c->guard_capacity, e);
    return true;
}

typedef struct {
    const counting *c;
    const at_expr *fold;
    int count;
    at_axis *axes[AXES]; /* that the guard mentions and the fold does not bind */
} free_axes;

static bool note_free(void *user, const at_expr *e) {
    free_axes *f = user;
    if (e->tag != AT_INDEX || e->u.axis == f->c->step) return true;
    for (int i = 0; i < f->fold->u.fold.count; i++)
        if (f->fold->u.fold.axes[i] == e->u.axis) return true;
    for (int i = 0; i < f->count; i++)
        if (f->axes[i] == e->u.axis) return true;
    if (f->count < AXES) f->axes[f->count++] = (at_axis *)e->u.axis;
    return true;
}

/* The conjuncts that are about the step and the fold's own axes alone: which elements a step
 * has. */
static const at_expr *of_step(counting *c, const free_axes *f, const at_expr *e) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND) {
        const at_expr *a = of_step(c, f, e->u.map.args[0]), *b = of_step(c, f, e->u.map.args[1]);
        return a && b ? at_map_node(c->s, AT_OP_AND, a, b, NULL, e->span) : a ? a : b;
    }
    bool own = at_mentions(e, c->step);
    for (int i = 0; i < f->count; i++) own &= !at_mentions(e, f->axes[i]);
    return own ? e : NULL;
}

/* How many elements of the present block and of this step a condition leaves. */
static int64_t points_of(counting *c, const free_axes *f, const at_expr *condition, int64_t step,
                         bool *at_most) {
    const at_axis *from[2] = {c->step, NULL};
    const at_expr *to[2] = {at_int(c->s, step, f->fold->span), NULL};
    at_axis *axes[2 * AXES];
    int count = 0, replaced = 1;
    for (int i = 0; i < f->count; i++) {
        bool along = c->group && f->axes[i] == c->group->along;
        axes[count++] = along ? c->inside : f->axes[i];
        if (!along) continue;
        from[replaced] = f->axes[i];
        to[replaced++] = at_map_node(c->s, AT_OP_ADD, at_int(c->s, c->first, f->fold->span),
                                     at_index(c->s, c->inside, f->fold->span), NULL, f->fold->span);
    }
    for (int i = 0; i < f->fold->u.fold.count && count < 2 * AXES; i++)
        axes[count++] = f->fold->u.fold.axes[i];
    if (condition)
        condition = at_substitute(c->s, condition, from, to, replaced, no_axis, c);
    at_points points = {.s = c->s, .axis_count = c->inside->id + 1, .extents = c->extents};
    at_domain domain = {.axes = axes, .count = count, .condition = condition, .wanted = true};
    at_points_find(&points, &domain);
    *at_most |= domain.at_most;
    return domain.points;
}

static bool is_bordered(counting *c, int64_t step) {
    bool border = false;
    c->extents[c->inside->id] = c->end - c->first;
    for (int i = 0; i < c->guard_count && !border; i++) {
        const at_expr *fold = c->guards[i];
        free_axes f = {.c = c, .fold = fold};
        at_walk(fold->u.fold.guard, note_free, &f);
        bool at_most = false;
        int64_t left = points_of(c, &f, fold->u.fold.guard, step, &at_most);
        int64_t all = points_of(c, &f, of_step(c, &f, fold->u.fold.guard), step, &at_most);
        border = at_most || (left > 0 && left < all);
        c->out.bordered_at_most |= at_most;
    }
    return border;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void look_at_step(counting *c, int64_t step) {
    c->out.run++;
    if (++c->looked_at > MOST) {
        c->out.bordered_at_most = true;
        c->out.bordered++;
    } else {
        c->out.bordered += is_bordered(c, step);
    }
}

/* The steps of one block. */
static bool count_block(counting *c) {
    int64_t steps = c->given[c->step->id], to = steps, from = 1;
    if (c->scan->to && !number_of(c, c->scan->to, &to)) return false;
    if (c->scan->to) to = attend_scan_to(to, steps, c->scan->stride);
    if (c->scan->from && !number_of(c, c->scan->from, &from)) return false;
    if (c->scan->from) from = attend_scan_from(from, to, c->scan->stride);
    if (to > 0 && steps > 0) look_at_step(c, 0);
    int64_t before = c->out.run;
    for (int64_t step = from; step < to; step++) look_at_step(c, step);
    c->out.skipped += steps - (c->out.run - before) - (to > 0 && steps > 0);
    return true;
}

/* How often the scan runs for a block: for each index of axes around. */
static int64_t times_of(const counting *c) {
    int64_t times = 1;
    for (int i = 0; c->group && i < c->group->single_count; i++)
        times = at_count_times(times, c->given[c->group->single[i]->id]);
    for (const at_plan_step *region = c->scan->parent; region; region = region->parent) {
        at_axis *const *axes;
        int count = at_region_axes(region->statement, &axes);
        for (int i = 0; i < count; i++) times = at_count_times(times, c->given[axes[i]->id]);
    }
    return times;
}

static void begin(counting *c) {
    const at_pass *pass = c->plan->passes[c->scan->body.items[0]->pass];
    int axes = c->plan->cascade->axis_count;
    c->group = pass->group;
    c->step = c->scan->statement->u.scan.axes[0];
    c->inside = AT_NEW(c->s->arena, at_axis);
    *c->inside = (at_axis){.name = "row", .fixed = -1, .id = axes};
    c->extents = AT_NEW_ARRAY(c->s->arena, int64_t, axes + 1);
    at_move(c->extents, c->given, sizeof *c->given * (size_t)axes);
    for (int i = 0; i < c->scan->body.count; i++)
        at_walk_statement(c->plan->passes[c->scan->body.items[i]->pass]->statement, find_guards, c);
}

at_scan_steps at_scan_steps_count(at_session *s, const at_plan *plan, const at_plan_step *scan,
                                  const int64_t *extents, const int64_t *rows) {
    counting c = {.s = s, .plan = plan, .scan = scan, .given = extents};
    begin(&c);
    int64_t length = c.group ? extents[c.group->along->id] : 1;
    int64_t block = c.group ? rows[c.group->number] : 1;
    c.out.known = true;
    for (int64_t first = 0; first < length && c.out.known; first += block) {
        c.first = first;
        c.end = first + block < length ? first + block : length;
        c.out.known = count_block(&c);
    }
    int64_t times = times_of(&c);
    c.out.run = at_count_times(c.out.run, times);
    c.out.skipped = at_count_times(c.out.skipped, times);
    c.out.bordered = at_count_times(c.out.bordered, times);
    return c.out;
}
