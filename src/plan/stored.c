/* Which arrays are stored that a sweep might have kept to itself, told to who asks why: pair arrays, over
 * axes that nothing given and no output has together. They are what grows with the square of a length
 * when everything else grows with the length. */
#include "form/form.h"
#include "plan/plan.h"

/* Whether `array` has an axis for each of the rank axes of `other`. */
static bool covers(const at_array *array, const at_array *other) {
    bool good = array->rank >= other->rank;
    uint64_t taken = 0;
    for (int i = 0; i < other->rank && good; i++) {
        int found = -1;
        for (int k = 0; k < array->rank && k < 64 && found < 0; k++)
            if (!(taken >> k & 1) && at_same_extent(array->axes[k], other->axes[i])) found = k;
        good = found >= 0;
        if (good) taken |= (uint64_t)1 << found;
    }
    return good;
}

bool at_plan_is_pair(const at_plan *plan, const at_array *array) {
    for (int i = 0; i < plan->place_count; i++)
        if (plan->places[i].use != AT_PLACE_WORK && covers(plan->places[i].array, array)) return false;
    return array->rank > 1;
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

static bool reads(const at_pass *pass, const at_array *array) {
    search w = {array, false};
    at_walk_statement(pass->statement, look, &w);
    return w.found;
}

static bool writes(const at_pass *pass, const at_array *array) {
    for (int k = 0; k < pass->target_count; k++)
        if (pass->targets[k] == array) return true;
    return false;
}

/* "pass 1", "passes 2, 3 and 5" */
static const char *passes_text(at_session *s, const at_plan *plan, const at_array *array,
                               bool (*takes)(const at_pass *pass, const at_array *array)) {
    const char *list = NULL, *last = NULL;
    int count = 0;
    for (int i = 0; i < plan->pass_count; i++) {
        if (!takes(plan->passes[i], array)) continue;
        if (last) list = list ? at_format(s->arena, "%s, %s", list, last) : last;
        last = at_format(s->arena, "%d", i + 1);
        count++;
    }
    if (!last) return NULL;
    return list ? at_format(s->arena, "passes %s and %s", list, last)
                : at_format(s->arena, "pass %s", last);
}

void at_plan_tell_stored(at_session *s, const at_plan *plan) {
    if (!s->reasons) return;
    for (int i = 0; i < plan->place_count; i++) {
        const at_array_place *place = &plan->places[i];
        if (place->use != AT_PLACE_WORK || !at_plan_is_pair(plan, place->array)) continue;
        const char *written = passes_text(s, plan, place->array, writes);
        const char *read = passes_text(s, plan, place->array, reads);
        if (!written || !read) continue;
        at_reason_array(s, AT_REASON_FUSE, place->array, place->array->span,
                        "is stored whole: %s must end before %s can begin", written, read);
    }
}
