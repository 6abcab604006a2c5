/* Which arrays over two lengths (opt/pairs.h) are stored whole, and why no group holds them in
 * blocks, told to who asks. They are what grows with the square of a length when everything else
 * grows with the length. */
#include "opt/pairs.h"
#include "plan/group_int.h"

/* Over two lengths of which all indices are kept, and such that a group would take it. */
static bool is_pair(const at_plan *plan, const at_lengths *lengths, const at_array_place *place) {
    const at_array *array = place->array;
    at_axis *axes[64];
    int count = 0;
    uint64_t windows = 0;
    bool pays = false;
    for (int i = 0; i < array->rank && i < 64; i++)
        if (place->slots[i]) windows |= (uint64_t)1 << i;
        else axes[count++] = array->axes[i];
    for (int i = 0; i < array->rank && i < 64; i++)
        pays |= !(windows >> i & 1) && at_pays_in_blocks(plan, array, array->axes[i], windows);
    return pays && at_has_pair(lengths, axes, count);
}

static const at_pass *writer_of(const at_plan *plan, const at_array *array) {
    for (int i = 0; i < plan->pass_count; i++)
        for (int k = 0; k < plan->passes[i]->target_count; k++)
            if (plan->passes[i]->targets[k] == array) return plan->passes[i];
    return NULL;
}

typedef struct {
    const at_array *array;
    bool found;
} search;

static bool look(void *user, const at_expr *e) {
    search *w = user;
    w->found |= e->tag == AT_READ && e->u.read.array == w->array;
    return !w->found;
}

/* A pass outside of the group that reads the array; 0: there is none. */
static int reader_outside(const at_plan *plan, const at_array *array, const at_group *group) {
    for (int i = 0; i < plan->pass_count; i++) {
        search w = {array, false};
        if (plan->passes[i]->group != group)
            at_walk_statement(plan->passes[i]->statement, look, &w);
        if (w.found) return i + 1;
    }
    return 0;
}

/* The axis that a group takes index by index without which the array is over one length only; NULL:
 * none. */
static const at_axis *taken_singly(const at_plan *plan, const at_array *array) {
    const at_pass *pass = writer_of(plan, array);
    const at_group *group = pass ? pass->group : NULL;
    uint64_t inside = 0;
    const at_axis *found = NULL;
    bool pays = false;
    for (int i = 0; group && i < array->rank && i < 64; i++)
        for (int k = 0; k < group->single_count; k++) {
            if (array->axes[i] != group->single[k]) continue;
            inside |= (uint64_t)1 << i;
            found = array->axes[i];
        }
    for (int i = 0; found && i < array->rank && i < 64; i++)
        pays |= !(inside >> i & 1) && at_pays_in_blocks(plan, array, array->axes[i], inside);
    return pays ? NULL : found;
}

/* Why no group was sought for what a pass writes, or none holds it. */
static const char *why_alone(at_session *s, const at_plan *plan, const at_array *array) {
    const at_pass *pass = writer_of(plan, array);
    if (!pass) return "a repeat keeps it from round to round";
    int number = pass->number + 1, outside = reader_outside(plan, array, pass->group);
    if (pass->group && outside)
        return at_format(s->arena,
                         "pass %d reads it, and cannot run in the blocks in which pass %d "
                         "computes it",
                         outside, number);
    if (s->choices.unfused) return "unfused code was asked for";
    if (pass->region_count)
        return at_format(s->arena, "pass %d computes it step by step, in a %s", number,
                         pass->regions[pass->region_count - 1]->tag == AT_SCAN ? "scan" : "repeat");
    if (pass->target_count > 1)
        return at_format(s->arena, "pass %d computes it together with another array", number);
    if (pass->statement->tag == AT_EQUATION && pass->statement->u.value->tag == AT_FOLD_NODE)
        return at_format(
            s->arena, "pass %d adds to elements in the order of its terms, which data say", number);
    return at_format(s->arena, "pass %d runs alone", number);
}

bool *at_plan_stored(at_session *s, const at_plan *plan) {
    bool *stored = NULL;
    for (int i = 0; i < plan->place_count; i++) {
        const at_array_place *place = &plan->places[i];
        const at_array *array = place->array;
        if (place->use != AT_PLACE_WORK || place->group ||
            array->id >= plan->cascade->array_count || !is_pair(plan, plan->lengths, place) ||
            taken_singly(plan, array))
            continue;
        if (!stored) stored = AT_NEW_ARRAY(s->arena, bool, plan->cascade->array_count);
        stored[array->id] = true;
    }
    return stored;
}

void at_plan_tell_stored(at_session *s, const at_plan *plan) {
    if (!s->reasons) return;
    const at_lengths *lengths = plan->lengths;
    for (int i = 0; i < plan->place_count; i++) {
        const at_array_place *place = &plan->places[i];
        if (place->use != AT_PLACE_WORK || place->group || !is_pair(plan, lengths, place)) continue;
        const at_axis *single = taken_singly(plan, place->array);
        if (single) {
            at_reason_array(
                s, AT_REASON_FUSE, place->array, place->array->span,
                "is stored for each `%s`: pass %d reads all of them, and a block of it for all would need "
                "as many blocks of all that is computed with it",
                single->name,
                reader_outside(plan, place->array, writer_of(plan, place->array)->group));
            continue;
        }
        const char *why = plan->ungrouped ? plan->ungrouped[place->array->id] : NULL;
        if (!why) why = why_alone(s, plan, place->array);
        at_reason_array(s, AT_REASON_FUSE, place->array, place->array->span, "is stored whole: %s",
                        why);
    }
}
