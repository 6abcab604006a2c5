/* Passes that run together, block by block, so that an array over two lengths (worth.c) is never
 * there whole:
 *
 *     together for each h, in blocks of i
 *       s[h,i,j] = sum[d](q[h,i,d] * k[h,j,d])
 *       m[h,i] = max[j](s[h,i,j])
 *       p[h,i,j] = exp(s[h,i,j] - m[h,i])
 *       o[h,i,e] = sum[j](p[h,i,j] * v[h,j,e]) / sum[j](p[h,i,j])
 *
 * A group begins with such an array: what computes it, what reads it, and what lies between. All of
 * these have the axes along which the array is read at the index at which it is written; of the
 * axes one is taken in blocks, the others index by index. The group grows by other such arrays that
 * its passes have to do with, as long as their passes stay local along the block's axis. At last
 * come equations without a fold that are all that reads some array of the group, as `o[i,e] /
 * l[i]`: then that array is not there whole either.
 *
 * A group also begins with an array that has a number for each row of another, `mean[i]` of x[i,c],
 * whose readers go over the same rows: a few rows at a time, they are still in a cache.
 *
 * The passes of a group come to stand beside each other: what must run before one of them goes in
 * front, the rest behind. What comes of which order does not matter: statements say what is, and an
 * output's failure is told by the order in which they are written. */
#include "opt/pairs.h"
#include "plan/group_int.h"

/* ---- which passes ---------------------------------------------------------------------------- */

typedef struct {
    at_level *level;
    const at_array *seed;
    uint64_t inside;       /* dimensions of the seed: the axes of the group */
    const at_axis *along;
    at_set *members;       /* steps */
    bool again;            /* not for the sake of an array over two lengths, but of rows read again */
} finding;

static at_set *copy_of(const at_level *level, const at_set *set) {
    return at_copy(level->s->arena, set, sizeof *set * (size_t)level->words);
}

static bool is_inside(const finding *f, const at_axis *axis) {
    for (int i = 0; i < f->seed->rank; i++)
        if ((f->inside >> i & 1) && f->seed->axes[i] == axis) return true;
    return false;
}

static uint64_t dimensions(const finding *f, const at_array *array) {
    uint64_t all = 0;
    for (int i = 0; i < array->rank && i < 64; i++)
        if (is_inside(f, array->axes[i])) all |= (uint64_t)1 << i;
    return all;
}

/* What must run after a member and before another is one, too. */
static void close(finding *f) {
    const at_level *level = f->level;
    at_set *needed = AT_NEW_ARRAY(level->s->arena, at_set, level->words);
    for (int i = 0; i < level->count; i++)
        for (int w = 0; at_set_has(f->members, i) && w < level->words; w++)
            needed[w] |= level->behind[i][w];
    for (int i = 0; i < level->count; i++)
        if (at_set_has(needed, i) && at_sets_meet(level->behind[i], f->members, level->words))
            at_set_add(f->members, i);
}

typedef struct {
    const finding *f;
    bool good;
    const at_array *apart; /* what is read at other indices */
} checking;

static bool check_read(void *user, const at_expr *e) {
    checking *c = user;
    if (e->tag != AT_READ) return true;
    const at_level *level = c->f->level;
    int writer = level->writer[e->u.read.array->id];
    if (writer < 0 || !at_set_has(c->f->members, writer)) return true;
    for (int i = 0; i < c->f->seed->rank; i++)
        if (c->f->inside >> i & 1) c->good &= at_read_is_along(e, c->f->seed->axes[i]);
    if (!c->good && !c->apart) c->apart = e->u.read.array;
    return true;
}

/* Whether a step can be one of the group. */
static bool check_step(checking *c, const at_passes *passes) {
    const finding *f = c->f;
    c->good = passes->count > 0;
    for (int n = 0; n < passes->count && c->good; n++) {
        for (int k = 0; k < f->seed->rank; k++)
            if (f->inside >> k & 1)
                c->good &= at_pass_is_along(f->level->s, passes->items[n], f->seed->axes[k]);
        at_walk_statement(passes->items[n]->statement, check_read, c);
    }
    return c->good;
}

/* The first member that cannot be one; -1: all can. *apart: what it reads at other indices of the
 * group's axes, where that is why. */
static int find_misfit(const finding *f, const at_array **apart) {
    checking c = {f, true, NULL};
    for (int i = 0; i < f->level->count; i++) {
        if (!at_set_has(f->members, i)) continue;
        bool good = check_step(&c, &f->level->passes[i]);
        *apart = c.apart;
        if (!good) return i;
    }
    return -1;
}

/* Whether no member needs what another index of the group's axes computes. */
static bool fits(const finding *f) {
    const at_array *apart;
    return f->inside != 0 && find_misfit(f, &apart) < 0 && is_inside(f, f->along);
}

static void add_array(finding *f, const at_array *array) {
    const at_level *level = f->level;
    at_set_add(f->members, level->writer[array->id]);
    for (int w = 0; level->readers[array->id] && w < level->words; w++)
        f->members[w] |= level->readers[array->id][w];
}

static bool is_in(const finding *f, const at_array *array) {
    const at_level *level = f->level;
    const at_set *readers = level->readers[array->id];
    if (!at_set_has(f->members, level->writer[array->id])) return false;
    for (int i = 0; readers && i < level->count; i++)
        if (at_set_has(readers, i) && !at_set_has(f->members, i)) return false;
    return true;
}

static bool has_to_do_with(const finding *f, const at_array *array) {
    const at_set *readers = f->level->readers[array->id];
    return at_set_has(f->members, f->level->writer[array->id]) ||
           (readers && at_sets_meet(readers, f->members, f->level->words));
}

/* Whether an array can be held in blocks, as far as its own reads are concerned. */
static bool can_be_held(const at_level *level, const at_array *array) {
    return level->writer[array->id] >= 0 && !level->leaves[array->id] && level->readers[array->id];
}

/* The group with one more array, if that is possible. An axis that is taken index by index so far
 * is given up only for an array over two lengths beside it: heads[h,j] of which only j remains are
 * stored, as to hold a block of all of them would mean to hold one of all that the group has for
 * all h. */
static bool take_in(finding *f, const at_array *array) {
    finding more = *f;
    more.members = copy_of(f->level, f->members);
    more.inside = 0;
    uint64_t local = f->level->local[array->id];
    for (int i = 0; i < f->seed->rank; i++)
        for (int k = 0; k < array->rank && k < 64; k++)
            if ((f->inside >> i & 1) && (local >> k & 1) && array->axes[k] == f->seed->axes[i])
                more.inside |= (uint64_t)1 << i;
    if (!at_pays_in_blocks(f->level->plan, array, f->along, dimensions(f, array)) &&
        !(f->again && at_reads_rows_again(f->level->plan, array, f->along)))
        return false;
    add_array(&more, array);
    close(&more);
    if (!fits(&more)) return false;
    *f = more;
    return true;
}

static bool look_for_fold(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_FOLD_NODE;
    return !*found;
}

/* An equation that goes over its elements once, whichever are together, and that makes no array
 * over two lengths: that one may be better off in another group. */
static bool is_light(const finding *f, int step) {
    const at_level *level = f->level;
    const at_passes *passes = &level->passes[step];
    if (level->steps->items[step]->tag != AT_STEP_PASS || passes->count != 1) return false;
    const at_pass *pass = passes->items[0];
    bool fold = false;
    at_walk_statement(pass->statement, look_for_fold, &fold);
    return pass->statement->tag == AT_EQUATION && !fold &&
           !at_pays_in_blocks(level->plan, pass->target, f->along, dimensions(f, pass->target));
}

/* The group with all that reads the array, if these are such equations, and what must run in
 * between. */
static bool follow(finding *f, const at_array *array) {
    const at_level *level = f->level;
    finding more = *f;
    if (!can_be_held(level, array) || !at_set_has(f->members, level->writer[array->id]) ||
        is_in(f, array))
        return false;
    bool along = false;
    for (int i = 0; i < array->rank && i < 64; i++)
        along |= array->axes[i] == f->along && (level->local[array->id] >> i & 1);
    if (!along) return false;
    more.members = copy_of(level, f->members);
    add_array(&more, array);
    close(&more);
    for (int i = 0; i < level->count; i++)
        if (at_set_has(more.members, i) && !at_set_has(f->members, i) && !is_light(&more, i))
            return false;
    if (!fits(&more)) return false;
    *f = more;
    return true;
}

static void grow(finding *f) {
    const at_plan *plan = f->level->plan;
    for (bool grown = true; grown;) {
        grown = false;
        for (int i = 0; i < plan->array_count; i++) {
            const at_array *array = plan->arrays[i];
            if (can_be_held(f->level, array) && !is_in(f, array) && has_to_do_with(f, array))
                grown |= take_in(f, array);
        }
        for (int i = 0; i < plan->array_count && !grown; i++) grown = follow(f, plan->arrays[i]);
    }
}

/* The axis to take in blocks: the last of those along which it pays. Of the others features stay
 * whole: what computes them reads and writes whole vectors of them. */
static bool find_along(finding *f) {
    for (int i = 0; i < f->seed->rank; i++)
        if ((f->inside >> i & 1) && at_is_feature(f->level->plan, f->seed->axes[i]) &&
            !at_pays_in_blocks(f->level->plan, f->seed, f->seed->axes[i], f->inside))
            f->inside &= ~((uint64_t)1 << i);
    for (int i = f->seed->rank - 1; i >= 0; i--) {
        f->along = f->seed->axes[i];
        if ((f->inside >> i & 1) && at_pays_in_blocks(f->level->plan, f->seed, f->along, f->inside))
            return true;
    }
    for (int i = f->seed->rank - 1; i >= 0; i--) {
        f->along = f->seed->axes[i];
        f->again = (f->inside >> i & 1) && at_reads_rows_again(f->level->plan, f->seed, f->along);
        if (f->again) return true;
    }
    return false;
}

/* ---- why there is none ----------------------------------------------------------------------- */

static const char *step_text(const at_level *level, int step) {
    const at_plan_step *at = level->steps->items[step];
    at_arena *arena = level->s->arena;
    switch (at->tag) {
    case AT_STEP_PASS: return at_format(arena, "pass %d", at->pass + 1);
    case AT_STEP_GROUP: return "a group of other passes";
    case AT_STEP_SCAN:
        return at_format(arena, "the scan over %s", at->statement->u.scan.axes[0]->name);
    case AT_STEP_REPEAT: break;
    }
    return "a repeat";
}

static void note(const finding *f, const char *why) {
    if (f->level->plan->ungrouped) f->level->plan->ungrouped[f->seed->id] = why;
}

typedef struct {
    const at_array *array;
    const at_axis *axis; /* NULL: any read counts */
    bool apart;
} reading;

static bool look_apart(void *user, const at_expr *e) {
    reading *r = user;
    if (e->tag == AT_READ && e->u.read.array == r->array)
        r->apart |= !r->axis || !at_read_is_along(e, r->axis);
    return true;
}

/* Who reads it and is none of the passes here that can be in a group. */
static const char *leaving_text(const finding *f) {
    const at_plan *plan = f->level->plan;
    at_arena *arena = f->level->s->arena;
    for (int i = 0; i < plan->pass_count; i++) {
        const at_pass *pass = plan->passes[i];
        reading r = {f->seed, NULL, false};
        bool here = false;
        for (int k = 0; k < f->level->count; k++)
            for (int n = 0; n < f->level->passes[k].count; n++)
                here |= f->level->passes[k].items[n] == pass;
        if (!here) at_walk_statement(pass->statement, look_apart, &r);
        if (!r.apart) continue;
        return at_format(arena, "pass %d reads it, which %s", i + 1,
                         pass->group          ? "runs in blocks with other passes"
                         : pass->region_count ? "runs step by step"
                                              : "cannot run for a part of what it computes");
    }
    return "a repeat keeps it from round to round";
}

/* Whether a step that computes or reads the seed needs all of an axis of it. */
static bool needs_whole(const finding *f, const at_passes *passes, const at_axis *axis) {
    for (int i = 0; i < passes->count; i++) {
        const at_pass *pass = passes->items[i];
        bool along = at_pass_is_along(f->level->s, pass, axis);
        reading any = {f->seed, NULL, false}, r = {f->seed, axis, false};
        at_walk_statement(pass->statement, look_apart, &any);
        at_walk_statement(pass->statement, look_apart, &r);
        if (r.apart || (!along && (any.apart || pass->target == f->seed))) return true;
    }
    return false;
}

/* Who needs all of an axis of the seed: what writes it, or the first that reads it; -1: nobody. */
static int find_whole(const finding *f, const at_axis *axis) {
    const at_level *level = f->level;
    int writer = level->writer[f->seed->id];
    if (needs_whole(f, &level->passes[writer], axis)) return writer;
    for (int i = 0; i < level->count; i++)
        if (at_set_has(level->readers[f->seed->id], i) && needs_whole(f, &level->passes[i], axis))
            return i;
    return -1;
}

/* No axis is one along which everybody keeps to one index. */
static void note_sides(const finding *f) {
    const at_level *level = f->level;
    const at_array *seed = f->seed;
    const char *why = "";
    if (!level->plan->ungrouped || level->writer[seed->id] < 0) return;
    if (!can_be_held(level, seed)) why = leaving_text(f);
    for (int i = 0; i < seed->rank && can_be_held(level, seed); i++) {
        if (!at_pays_in_blocks(level->plan, seed, seed->axes[i], 0)) continue;
        int whole = find_whole(f, seed->axes[i]);
        if (whole >= 0)
            why = at_format(level->s->arena, "%s%s%s needs all `%s` at once", why,
                            *why ? ", and " : "", step_text(level, whole), seed->axes[i]->name);
    }
    note(f,
         *why ? why
              : "no pass takes many of its elements to one, so a block would hold it for nothing");
}

static void note_misfit(const finding *f) {
    const at_array *apart = NULL;
    int misfit = f->level->plan->ungrouped ? find_misfit(f, &apart) : -1;
    if (misfit < 0) return;
    const char *who = step_text(f->level, misfit);
    if (apart)
        note(f,
             at_format(f->level->s->arena, "%s, which must run in between, reads other `%s` of %s",
                       who, f->along->name, at_array_text(f->level->s, apart)));
    else
        note(f, at_format(f->level->s->arena,
                          "%s, which must run in between, cannot run for a part of `%s`", who,
                          f->along->name));
}

static bool find(at_level *level, const at_array *seed, finding *f) {
    *f = (finding){.level = level, .seed = seed, .inside = level->local[seed->id]};
    if (!can_be_held(level, seed) || !find_along(f)) return note_sides(f), false;
    f->members = AT_NEW_ARRAY(level->s->arena, at_set, level->words);
    add_array(f, seed);
    close(f);
    if (!fits(f)) return note_misfit(f), false;
    grow(f);
    return true;
}

/* ---- the step -------------------------------------------------------------------------------- */

static at_axis *make_axis(at_arena *arena, const at_axis *along, const char *what, int id) {
    at_axis *axis = AT_NEW(arena, at_axis);
    axis->name = at_format(arena, "%s_%s", along->name, what);
    axis->fixed = -1;
    axis->span = along->span;
    axis->id = id;
    return axis;
}

/* What only its passes read, and what holds a block of it. */
static void hold(const finding *f, const at_group *group) {
    at_plan *plan = f->level->plan;
    for (int i = 0; i < plan->array_count; i++) {
        const at_array *array = plan->arrays[i];
        if (!can_be_held(f->level, array) || !is_in(f, array)) continue;
        at_array_place *place = &plan->places[plan->place_of[i]];
        place->group = group;
        for (int k = 0; k < array->rank; k++)
            if (array->axes[k] != f->along && is_inside(f, array->axes[k])) place->slots[k] = 1;
    }
}

static at_group *make_group(const finding *f) {
    enum { UNSEEN = 1 << 24 }; /* ids of axes that have no extent anybody looks at */
    at_plan *plan = f->level->plan;
    at_arena *arena = f->level->s->arena;
    at_group *group = AT_NEW(arena, at_group);
    group->number = plan->group_count;
    group->parent = f->level->steps->items[0]->parent;
    group->along = f->along;
    enum { FEW = 32 }; /* rows that a cache holds */
    group->most = f->level->s->choices.rows;
    if (!group->most && f->again) group->most = FEW;
    group->single = AT_NEW_ARRAY(arena, const at_axis *, f->seed->rank);
    for (int i = 0; i < f->seed->rank; i++)
        if ((f->inside >> i & 1) && f->seed->axes[i] != f->along)
            group->single[group->single_count++] = f->seed->axes[i];
    group->rows = make_axis(arena, f->along, "rows", plan->axis_count);
    at_axis *first = make_axis(arena, f->along, "first", UNSEEN + 2 * group->number);
    at_axis *end = make_axis(arena, f->along, "end", UNSEEN + 2 * group->number + 1);
    const at_expr *size = at_size(f->level->s, f->along, f->along->span);
    first->extent = size;
    end->extent = at_map_node(f->level->s, AT_OP_ADD, size, at_int(f->level->s, 1, f->along->span),
                              NULL, f->along->span);
    group->first = first;
    group->end = end;
    int capacity = plan->axis_count;
    AT_PUSH(arena, plan->axes, plan->axis_count, capacity, group->rows);
    AT_PUSH(arena, plan->groups, plan->group_count, plan->group_capacity, group);
    hold(f, group);
    return group;
}

/* The steps in their new order. */
static void put_together(const finding *f, const at_group *group) {
    at_level *level = f->level;
    at_arena *arena = level->s->arena;
    at_plan_steps before = {0}, behind = {0};
    at_plan_step *step = AT_NEW(arena, at_plan_step);
    step->tag = AT_STEP_GROUP;
    step->group = group;
    step->parent = group->parent;
    for (int i = 0; i < level->count; i++) {
        at_plan_step *item = level->steps->items[i];
        bool member = at_set_has(f->members, i);
        at_plan_steps *to = member ? &step->body
                            : at_sets_meet(level->behind[i], f->members, level->words) ? &behind
                                                                                       : &before;
        for (int k = 0; member && k < level->passes[i].count; k++)
            level->passes[i].items[k]->group = group;
        AT_PUSH(arena, to->items, to->count, to->capacity, item);
    }
    AT_PUSH(arena, before.items, before.count, before.capacity, step);
    for (int i = 0; i < behind.count; i++)
        AT_PUSH(arena, before.items, before.count, before.capacity, behind.items[i]);
    *level->steps = before;
}

/* One group of these steps that was not found yet: of the array with the most lengths. */
static bool find_one(at_session *s, at_plan *plan, at_plan_steps *steps) {
    at_level *level = at_level_make(s, plan, steps);
    finding best = {0};
    int most = 0;
    for (int i = 0; i < level->count; i++)
        for (int k = 0; k < level->passes[i].count; k++) {
            const at_array *seed = level->passes[i].items[k]->target;
            int lengths = at_lengths_in(plan, seed);
            finding f;
            if (lengths <= most || !find(level, seed, &f)) continue;
            most = lengths;
            best = f;
        }
    if (most) put_together(&best, make_group(&best));
    return most > 0;
}

static void find_all(at_session *s, at_plan *plan, at_plan_steps *steps) {
    while (find_one(s, plan, steps)) continue;
    for (int i = 0; i < steps->count; i++)
        if (steps->items[i]->tag == AT_STEP_REPEAT) find_all(s, plan, &steps->items[i]->body);
}

/* ---- times ----------------------------------------------------------------------------------- */

static void give_times(at_plan *plan, at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        at_plan_step *step = steps->items[i];
        bool region = step->tag == AT_STEP_SCAN || step->tag == AT_STEP_REPEAT;
        step->first = plan->times;
        plan->times += region;
        if (step->tag == AT_STEP_PASS || (step->tag == AT_STEP_REPEAT && step->pass >= 0))
            plan->passes[step->pass]->time = plan->times++;
        give_times(plan, &step->body);
        plan->times += region;
        step->last = plan->times - 1;
        if (step->tag != AT_STEP_GROUP) continue;
        at_group *group = plan->groups[step->group->number];
        group->from = step->first;
        group->to = step->last;
    }
}

void at_plan_group(at_session *s, at_plan *plan) {
    const at_cascade *cascade = plan->cascade;
    plan->lengths = at_lengths_of(s, cascade);
    plan->axis_count = cascade->axis_count;
    plan->axes = AT_NEW_ARRAY(s->arena, const at_axis *, plan->axis_count);
    for (int i = 0; i < plan->axis_count; i++) plan->axes[i] = cascade->axes[i];
    if (s->reasons) plan->ungrouped = AT_NEW_ARRAY(s->arena, const char *, plan->array_count);
    if (!s->choices.unfused) find_all(s, plan, &plan->steps);
    plan->times = 0;
    give_times(plan, &plan->steps);
}

bool at_place_is_block(const at_array_place *place, int dimension) {
    return place->group && place->array->axes[dimension] == place->group->along;
}

const at_axis *at_place_axis(const at_array_place *place, int dimension) {
    return at_place_is_block(place, dimension) ? place->group->rows
                                               : place->array->axes[dimension];
}

int64_t at_place_window(const at_array_place *place, int dimension) {
    const at_group *group = place->group;
    for (int i = 0; group && i < group->single_count; i++)
        if (group->single[i] == place->array->axes[dimension]) return 0;
    return place->slots[dimension];
}
