/* The steps of a block and what they have to do with each other: which must run before which, who
 * computes and who reads an array, and along which of its dimensions everybody keeps to one index.
 *
 * Order is a matter of memory, not of arrays: what a repeat carries has one place under several
 * names. Two steps may change places if neither writes what the other reads or writes. */
#include "form/form.h"
#include "plan/group_int.h"

/* ---- what can be in a group ------------------------------------------------------------------ */

static bool can_be_part(const at_pass *pass) {
    if (pass->target->rank > 64 || pass->target_count != 1) return false;
    switch (pass->statement->tag) {
    case AT_EQUATION:
    case AT_DRAWING:
    case AT_KEEPING:
    case AT_TOPK: return true;
    default: return false;
    }
}

/* The passes of a step; false: one of them cannot be part of a group. */
static bool add_passes(const at_level *level, const at_plan_step *step, at_passes *to) {
    if (step->tag == AT_STEP_PASS) {
        at_pass *pass = level->plan->passes[step->pass];
        AT_PUSH(level->s->arena, to->items, to->count, to->capacity, pass);
        return can_be_part(pass);
    }
    bool good = step->tag == AT_STEP_SCAN;
    for (int i = 0; i < step->body.count && good; i++)
        good = add_passes(level, step->body.items[i], to);
    return good;
}

static void find_passes(at_level *level) {
    level->passes = AT_NEW_ARRAY(level->s->arena, at_passes, level->count);
    for (int i = 0; i < level->count; i++)
        if (!add_passes(level, level->steps->items[i], &level->passes[i]))
            level->passes[i].count = 0;
}

static bool is_bound(const at_part *part, const at_axis *axis) {
    for (int i = 0; i < part->count; i++)
        if (part->bound[i] == axis) return true;
    return false;
}

bool at_pass_is_along(at_session *s, const at_pass *pass, const at_axis *axis) {
    const at_statement *st = pass->statement;
    const at_array *target = pass->target;
    int found = 0;
    for (int i = 0; i < target->rank; i++) found += target->axes[i] == axis;
    if (found != 1 || at_pass_fixes(pass, axis)) return false;
    /* A sum that goes from term to term meets the elements in any order. */
    if (st->tag == AT_EQUATION && st->u.value->tag == AT_FOLD_NODE)
        return !at_may_place(s, st->u.value, st->u.value->u.fold.guard, axis);
    if (st->tag == AT_KEEPING) return !is_bound(&st->u.keeping.parts[0], axis);
    if (st->tag == AT_TOPK)
        return !is_bound(&st->u.topk, axis) && target->axes[target->rank - 1] != axis;
    return true;
}

bool at_read_is_along(const at_expr *read, const at_axis *axis) {
    const at_array *array = read->u.read.array;
    int found = 0;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = read->u.read.index[i];
        if (array->axes[i] != axis) continue;
        if (index->tag != AT_INDEX || index->u.axis != axis) return false;
        found++;
    }
    return found == 1;
}

/* ---- order ----------------------------------------------------------------------------------- */

typedef struct {
    const at_plan *plan;
    at_set *reads, *writes; /* places */
} touching;

static void touch(const touching *t, at_set *set, const at_array *array) {
    int place = t->plan->place_of[array->id];
    if (place >= 0) at_set_add(set, place);
}

static bool touch_read(void *user, const at_expr *e) {
    const touching *t = user;
    if (e->tag == AT_READ) touch(t, t->reads, e->u.read.array);
    return true;
}

static void touch_pass(touching *t, const at_pass *pass) {
    at_walk_statement(pass->statement, touch_read, t);
    for (int i = 0; i < pass->target_count; i++) touch(t, t->writes, pass->targets[i]);
}

static void touch_step(touching *t, const at_plan_step *step) {
    if (step->tag == AT_STEP_PASS || (step->tag == AT_STEP_REPEAT && step->pass >= 0))
        touch_pass(t, t->plan->passes[step->pass]);
    for (int i = 0; i < step->carried_count; i++) {
        const at_carried *c = &step->carried[i];
        touch(t, t->reads, c->before);
        touch(t, t->reads, c->next);
        touch(t, t->writes, c->inside);
        touch(t, t->writes, c->after);
    }
    for (int i = 0; i < step->body.count; i++) touch_step(t, step->body.items[i]);
}

static void find_order(at_level *level) {
    at_arena *arena = level->s->arena;
    int places = (level->plan->place_count + 63) / 64, count = level->count;
    touching *all = AT_NEW_ARRAY(arena, touching, count);
    level->behind = AT_NEW_ARRAY(arena, at_set *, count);
    for (int k = 0; k < count; k++) {
        touching *t = &all[k];
        *t = (touching){level->plan, AT_NEW_ARRAY(arena, at_set, places),
                        AT_NEW_ARRAY(arena, at_set, places)};
        touch_step(t, level->steps->items[k]);
        at_set *behind = level->behind[k] = AT_NEW_ARRAY(arena, at_set, level->words);
        for (int i = k - 1; i >= 0; i--) {
            if (at_set_has(behind, i)) continue;
            if (!at_sets_meet(all[i].writes, t->reads, places) &&
                !at_sets_meet(all[i].writes, t->writes, places) &&
                !at_sets_meet(all[i].reads, t->writes, places))
                continue;
            for (int w = 0; w < level->words; w++) behind[w] |= level->behind[i][w];
            at_set_add(behind, i);
        }
    }
}

/* ---- arrays ---------------------------------------------------------------------------------- */

typedef struct {
    at_level *level;
    const at_pass *pass;
    int step; /* -1: somewhere else */
} reading;

static bool note_read(void *user, const at_expr *e) {
    const reading *r = user;
    if (e->tag != AT_READ) return true;
    const at_array *array = e->u.read.array;
    if (r->step < 0) {
        r->level->leaves[array->id] = true;
        return true;
    }
    if (!r->level->readers[array->id])
        r->level->readers[array->id] = AT_NEW_ARRAY(r->level->s->arena, at_set, r->level->words);
    at_set_add(r->level->readers[array->id], r->step);
    for (int i = 0; i < array->rank && i < 64; i++)
        if (!at_read_is_along(e, array->axes[i]) ||
            !at_pass_is_along(r->level->s, r->pass, array->axes[i]))
            r->level->local[array->id] &= ~((uint64_t)1 << i);
    return true;
}

static void note_target(at_level *level, const at_pass *pass, int step) {
    const at_array *target = pass->target;
    level->writer[target->id] = step;
    for (int i = 0; i < target->rank; i++)
        if (at_pass_is_along(level->s, pass, target->axes[i]))
            level->local[target->id] |= (uint64_t)1 << i;
}

/* What a repeat begins with, carries and leaves is kept. */
static void keep_carried(at_level *level, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        for (int k = 0; k < step->carried_count; k++) {
            const at_carried *c = &step->carried[k];
            level->leaves[c->before->id] = level->leaves[c->inside->id] = true;
            level->leaves[c->next->id] = level->leaves[c->after->id] = true;
        }
        keep_carried(level, &step->body);
    }
}

static void find_arrays(at_level *level) {
    const at_plan *plan = level->plan;
    at_arena *arena = level->s->arena;
    int *step_of = AT_NEW_ARRAY(arena, int, plan->pass_count);
    level->writer = AT_NEW_ARRAY(arena, int, plan->array_count);
    level->readers = AT_NEW_ARRAY(arena, at_set *, plan->array_count);
    level->leaves = AT_NEW_ARRAY(arena, bool, plan->array_count);
    level->local = AT_NEW_ARRAY(arena, uint64_t, plan->array_count);
    for (int i = 0; i < plan->array_count; i++) level->writer[i] = -1;
    for (int i = 0; i < plan->pass_count; i++) step_of[i] = -1;
    for (int i = 0; i < level->count; i++)
        for (int k = 0; k < level->passes[i].count; k++) {
            const at_pass *pass = level->passes[i].items[k];
            step_of[pass->number] = i;
            note_target(level, pass, i);
        }
    for (int i = 0; i < plan->pass_count; i++) {
        reading r = {level, plan->passes[i], step_of[i]};
        at_walk_statement(plan->passes[i]->statement, note_read, &r);
    }
    keep_carried(level, &plan->steps);
    for (int i = 0; i < plan->place_count; i++)
        if (plan->places[i].use != AT_PLACE_WORK) level->leaves[plan->places[i].array->id] = true;
}

at_level *at_level_make(at_session *s, at_plan *plan, at_plan_steps *steps) {
    at_level *level = AT_NEW(s->arena, at_level);
    *level = (at_level){.s = s, .plan = plan, .steps = steps, .count = steps->count,
                        .words = (steps->count + 63) / 64};
    find_passes(level);
    find_order(level);
    find_arrays(level);
    return level;
}
