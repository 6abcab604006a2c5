/* Scans that can be taken apart: along an axis that everything in a scan has, and is read at as it
 * stands (heads, the rows of a batch), no step needs what another index of it computed. The scan
 * may then run whole for each index, several at once, and what it keeps of the past is small.
 *
 * It is done only where it pays: some axis stays for lanes, and no sum loses a matrix that all
 * indices share. */
#include "plan/plan.h"

typedef struct {
    const at_plan *plan;
    const at_plan_step *scan;
    const at_axis *axis;
    bool in_fold;
    bool good;
} looking;

static const at_pass *pass_of(const looking *l, int i) {
    return l->plan->passes[l->scan->body.items[i]->pass];
}

static bool is_written_here(const looking *l, const at_array *array) {
    for (int i = 0; i < l->scan->body.count; i++)
        for (int k = 0; k < pass_of(l, i)->target_count; k++)
            if (pass_of(l, i)->targets[k] == array) return true;
    return false;
}

/* Whether a read is at the present index of the axis, wherever the array has it. */
static bool is_read_along(const looking *l, const at_expr *read, bool *has) {
    const at_array *array = read->u.read.array;
    bool along = true;
    *has = false;
    for (int i = 0; i < array->rank; i++) {
        if (array->axes[i] != l->axis) continue;
        const at_expr *index = read->u.read.index[i];
        *has = true;
        along &= index->tag == AT_INDEX && index->u.axis == l->axis;
    }
    return along;
}

static bool look(void *user, const at_expr *e) {
    looking *l = user;
    if (e->tag == AT_FOLD_NODE && !l->in_fold) {
        l->in_fold = true;
        at_walk(e->u.fold.guard, look, l);
        at_walk(e->u.fold.body, look, l);
        l->in_fold = false;
        return false;
    }
    if (e->tag != AT_READ) return true;
    bool has, along = is_read_along(l, e, &has);
    if (is_written_here(l, e->u.read.array)) l->good &= has && along;
    else if (l->in_fold && !has) l->good &= e->u.read.array->rank < 2;
    return l->good;
}

/* Where an axis stands among those that a pass has loops for; -1: it is not there. */
static int position_of(const at_pass *pass, const at_axis *axis) {
    for (int i = 0; i < pass->target->rank; i++)
        if (pass->target->axes[i] == axis && !at_pass_fixes(pass, axis)) return i;
    return -1;
}

static bool can_be_taken(looking *l, const at_axis *axis) {
    bool inner = false;
    l->axis = axis;
    l->good = true;
    for (int i = 0; i < l->scan->body.count && l->good; i++) {
        const at_pass *pass = pass_of(l, i);
        int position = position_of(pass, axis);
        l->good &= position >= 0;
        inner |= position >= 0 && position < pass->target->rank - 1;
        at_walk_statement(pass->statement, look, l);
    }
    return l->good && inner;
}

static bool has_equations_only(const at_plan *plan, const at_plan_step *scan) {
    for (int i = 0; i < scan->body.count; i++) {
        const at_plan_step *step = scan->body.items[i];
        if (step->tag != AT_STEP_PASS) return false;
        if (plan->passes[step->pass]->statement->tag != AT_EQUATION) return false;
    }
    return scan->body.count > 0;
}

static void take(at_session *s, at_plan *plan, at_plan_step *scan) {
    looking l = {.plan = plan, .scan = scan};
    if (!has_equations_only(plan, scan)) return;
    const at_array *first = pass_of(&l, 0)->target;
    scan->apart = AT_NEW_ARRAY(s->arena, const at_axis *, first->rank);
    for (int i = 0; i < first->rank; i++)
        if (can_be_taken(&l, first->axes[i])) scan->apart[scan->apart_count++] = first->axes[i];
}

void at_plan_apart(at_session *s, at_plan *plan, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        if (steps->items[i]->tag == AT_STEP_GROUP) continue; /* threads share out its blocks */
        if (steps->items[i]->tag == AT_STEP_SCAN) take(s, plan, steps->items[i]);
        at_plan_apart(s, plan, &steps->items[i]->body);
    }
}
