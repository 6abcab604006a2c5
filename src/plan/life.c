/* When arrays live, and how much of a scan's history is kept.
 *
 * An array lives in the innermost region that holds all its uses, from the first to the last, so
 * what one layer of a deep network needs shares memory with what the next needs. A history, whose
 * axes are those of regions around it, lives outside of these regions, as does what a repeat
 * carries. Of a history of which only the last steps are read, only these are kept: an index that
 * is always the present one, or behind it by a constant, becomes a slot in a ring. A step that
 * takes each element from the same element of the step before is done in place. Where a step has
 * only elements with `j // 64 == t` (demand.c), and only that step reads them, they need 64 places.
 *
 * The passes of a group run at the same time: what one of them uses lives as long as the group. */
#include "plan/plan.h"

enum { FARTHEST = 64 }; /* steps back that are looked at */

/* ---- windows ------------------------------------------------------------------------------- */

typedef struct {
    at_plan *plan;
    const at_pass **writer; /* by array id: of WORK arrays that one pass writes */
    bool *whole;            /* by array id: something needs all of it */
    int64_t *lag;           /* most steps behind that it is read, at index 0 of `at` */
    const int *at;          /* by array id: where its dimensions begin in lag */
    const at_pass *pass;    /* whose reads are looked at */
} windows;

static bool is_within(const at_pass *pass, const at_statement *region) {
    for (int i = 0; i < pass->region_count; i++)
        if (pass->regions[i] == region) return true;
    return false;
}

static const at_statement *scan_of(const at_pass *pass, const at_axis *axis, bool *down) {
    for (int i = 0; i < pass->region_count; i++) {
        const at_statement *st = pass->regions[i];
        for (int k = 0; st->tag == AT_SCAN && k < st->u.scan.count; k++) {
            if (st->u.scan.axes[k] != axis) continue;
            *down = st->u.scan.down[k];
            return st;
        }
    }
    return NULL;
}

int64_t at_index_lag(const at_expr *index, const at_axis *axis, bool down) {
    if (index->tag == AT_INDEX) return index->u.axis == axis ? 0 : -1;
    if (index->tag != AT_MAP) return -1;
    at_op op = index->u.map.op;
    const at_expr *a = index->u.map.args[0], *b = index->u.map.args[1];
    if (op == AT_OP_ADD && a->tag == AT_CONST) {
        const at_expr *swap = a;
        a = b;
        b = swap;
    }
    if ((op != AT_OP_ADD && op != AT_OP_SUB) || b->tag != AT_CONST) return -1;
    if (a->tag != AT_INDEX || a->u.axis != axis) return -1;
    if (b->u.integer > FARTHEST || b->u.integer < -FARTHEST) return -1;
    int64_t behind = op == AT_OP_SUB ? b->u.integer : -b->u.integer;
    return down ? -behind : behind; /* a negative one fails as it is read */
}

/* How many steps before the last of a finished scan an index is; -1 if that is not known. */
static int64_t lag_from_end(const at_expr *index, const at_axis *axis, bool down) {
    if (down) {
        if (index->tag != AT_CONST || index->u.integer < 0) return -1;
        return index->u.integer <= FARTHEST ? index->u.integer : -1;
    }
    if (index->tag != AT_MAP || index->u.map.op != AT_OP_SUB) return -1;
    const at_expr *a = index->u.map.args[0], *b = index->u.map.args[1];
    if (a->tag != AT_SIZE || a->u.axis != axis || b->tag != AT_CONST) return -1;
    return b->u.integer >= 1 && b->u.integer <= FARTHEST ? b->u.integer - 1 : -1;
}

static bool look_for_fold(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_FOLD_NODE;
    return !*found;
}

/* Whether a read of the step before, along dimension `along`, is of the very element that is
 * computed: it may then lie in the same place, as it is read before that is written. */
static bool is_in_place(const windows *w, const at_expr *read, int along) {
    const at_array *array = read->u.read.array;
    bool folds = false;
    if (w->writer[array->id] != w->pass || w->pass->statement->tag != AT_EQUATION) return false;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = read->u.read.index[i];
        if (i != along && (index->tag != AT_INDEX || index->u.axis != array->axes[i])) return false;
    }
    at_walk(w->pass->statement->u.value, look_for_fold, &folds);
    return !folds;
}

static bool look_at_read(void *user, const at_expr *e) {
    windows *w = user;
    if (e->tag != AT_READ) return true;
    const at_array *array = e->u.read.array;
    const at_pass *writer = w->writer[array->id];
    if (!writer || w->whole[array->id]) return true;
    int64_t *lag = w->lag + w->at[array->id];
    for (int i = 0; i < array->rank; i++) {
        bool down = false;
        const at_axis *axis = array->axes[i];
        const at_statement *scan = scan_of(writer, axis, &down);
        const at_expr *index = e->u.read.index[i];
        int64_t behind = -1;
        if (scan) /* another one may have the axis too */
            behind = is_within(w->pass, scan) ? at_index_lag(index, axis, down)
                                              : lag_from_end(index, axis, down);
        if (behind == 1 && lag[i] >= 0 && is_in_place(w, e, i)) {
            at_array_place *place = &w->plan->places[w->plan->place_of[array->id]];
            place->in_place = true;
            place->along = i;
            behind = 0;
            if (i + 1 < array->rank) lag[i + 1] = -1; /* all of it is needed a step later */
        }
        if (behind < 0) lag[i] = -1;
        if (lag[i] < 0) break;
        if (behind > lag[i]) lag[i] = behind;
        if (lag[i] > 0) break; /* behind it, any index may be read */
    }
    return true;
}

static void look_at_passes(windows *w) {
    at_plan *plan = w->plan;
    for (int i = 0; i < plan->pass_count; i++) {
        w->pass = plan->passes[i];
        at_walk_statement(w->pass->statement, look_at_read, w);
    }
}

/* Which arrays may have windows at all: those between passes that no repeat carries or leaves
 * behind. */
static void find_writers(windows *w) {
    at_plan *plan = w->plan;
    for (int i = 0; i < plan->pass_count; i++)
        for (int k = 0; k < plan->passes[i]->target_count; k++) {
            const at_array *target = plan->passes[i]->targets[k];
            if (plan->places[plan->place_of[target->id]].use == AT_PLACE_WORK)
                w->writer[target->id] = plan->passes[i];
        }
}

static void forget_carried(windows *w, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        for (int k = 0; k < step->carried_count; k++) {
            w->writer[step->carried[k].before->id] = NULL;
            w->writer[step->carried[k].next->id] = NULL;
        }
        for (int k = 0; k < step->left_count; k++) w->writer[step->left[k]->id] = NULL;
        forget_carried(w, &step->body);
    }
}

static void find_windows(at_session *s, at_plan *plan) {
    int *at = AT_NEW_ARRAY(s->arena, int, plan->array_count), dimensions = 0;
    for (int i = 0; i < plan->array_count; i++) {
        at[i] = dimensions;
        dimensions += plan->arrays[i]->rank;
    }
    windows w = {.plan = plan, .at = at};
    w.writer = AT_NEW_ARRAY(s->arena, const at_pass *, plan->array_count);
    w.whole = AT_NEW_ARRAY(s->arena, bool, plan->array_count);
    w.lag = AT_NEW_ARRAY(s->arena, int64_t, dimensions);
    find_writers(&w);
    forget_carried(&w, &plan->steps);
    look_at_passes(&w);
    for (int i = 0; i < plan->place_count; i++) {
        at_array_place *place = &plan->places[i];
        const at_pass *writer = w.writer[place->array->id];
        bool down;
        for (int k = 0; writer && k < place->array->rank; k++) {
            int64_t behind = w.lag[at[place->array->id] + k];
            if (behind < 0 || !scan_of(writer, place->array->axes[k], &down)) break;
            place->slots[k] = behind + 1;
            if (behind > 0) break;
        }
    }
}

/* ---- tiles --------------------------------------------------------------------------------- */

static int dimension_of(const at_array *array, const at_expr *index) {
    for (int i = 0; index->tag == AT_INDEX && i < array->rank; i++)
        if (array->axes[i] == index->u.axis) return i;
    return -1;
}

/* Of an array whose domain says j // size == t. */
static void find_tile(at_array_place *place, const at_expr *e) {
    if (e->tag != AT_MAP) return;
    if (e->u.map.op == AT_OP_AND) {
        find_tile(place, e->u.map.args[0]);
        find_tile(place, e->u.map.args[1]);
    }
    for (int side = 0; e->u.map.op == AT_OP_EQ && side < 2; side++) {
        const at_expr *quotient = e->u.map.args[side];
        if (quotient->tag != AT_MAP || quotient->u.map.op != AT_OP_IDIV) continue;
        const at_expr *by = quotient->u.map.args[1];
        int step = dimension_of(place->array, e->u.map.args[!side]);
        int along = dimension_of(place->array, quotient->u.map.args[0]);
        if (step < 0 || along < 0 || by->tag != AT_CONST || by->u.integer <= 0) continue;
        if (place->slots[step] != 1 || place->slots[along]) continue;
        place->slots[along] = by->u.integer;
        place->tiles[along] = place->array->axes[step];
    }
}

static void find_tiles(at_plan *plan) {
    for (int i = 0; i < plan->pass_count; i++) {
        const at_pass *pass = plan->passes[i];
        at_array_place *place = &plan->places[plan->place_of[pass->target->id]];
        if (pass->domain && !place->in_place) find_tile(place, pass->domain);
    }
}

/* ---- lives ----------------------------------------------------------------------------------- */

typedef struct {
    bool known;
    const at_plan_step *parent; /* the region that holds it; NULL: outermost */
    int first, last;
} life;

typedef struct {
    at_session *s;
    at_plan *plan;
    life *lives; /* by place */
    const at_plan_step *parent;
    int first, last; /* when the pass that is looked at may run */
} living;

static int depth_of(const at_plan_step *step) {
    int depth = 0;
    for (; step; step = step->parent) depth++;
    return depth;
}

static void climb(life *l) {
    l->first = l->parent->first;
    l->last = l->parent->last;
    l->parent = l->parent->parent;
}

static void include(life *l, life use) {
    use.known = true;
    if (!l->known) *l = use;
    while (depth_of(l->parent) > depth_of(use.parent)) climb(l);
    while (depth_of(use.parent) > depth_of(l->parent)) climb(&use);
    while (l->parent != use.parent) {
        climb(l);
        climb(&use);
    }
    if (use.first < l->first) l->first = use.first;
    if (use.last > l->last) l->last = use.last;
}

static life *life_of(living *v, const at_array *array) {
    int place = v->plan->place_of[array->id];
    return place < 0 ? NULL : &v->lives[place];
}

static void use(living *v, const at_array *array, const at_plan_step *parent, int first, int last) {
    life *l = life_of(v, array);
    if (l) include(l, (life){true, parent, first, last});
}

static bool use_read(void *user, const at_expr *e) {
    living *v = user;
    if (e->tag != AT_READ) return true;
    use(v, e->u.read.array, v->parent, v->first, v->last);
    int place = v->plan->place_of[e->u.read.array->id];
    if (place >= 0) v->plan->places[place].is_read = true;
    return true;
}

static void use_pass(living *v, int number, const at_plan_step *parent) {
    const at_pass *pass = v->plan->passes[number];
    if (pass->group) parent = pass->group->parent;
    v->parent = parent;
    v->first = pass->group ? pass->group->from : pass->time;
    v->last = pass->group ? pass->group->to : pass->time;
    at_pass_walk(pass, use_read, v);
    for (int i = 0; i < pass->target_count; i++)
        use(v, pass->targets[i], parent, v->first, v->last);
}

static void use_steps(living *v, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        if (step->tag == AT_STEP_PASS) {
            use_pass(v, step->pass, step->parent);
            continue;
        }
        for (int k = 0; k < step->carried_count; k++) {
            const at_carried *c = &step->carried[k];
            use(v, c->before, step->parent, step->first, step->last);
            use(v, c->inside, step->parent, step->first, step->last);
            use(v, c->next, step, step->last, step->last);
            int places[2] = {v->plan->place_of[c->before->id], v->plan->place_of[c->next->id]};
            for (int n = 0; n < 2; n++)
                if (places[n] >= 0) v->plan->places[places[n]].is_read = true;
        }
        if (step->tag == AT_STEP_REPEAT && step->pass >= 0) use_pass(v, step->pass, step);
        use_steps(v, &step->body);
    }
}

static bool keeps_axis(const at_array_place *place, const at_axis *axis) {
    for (int i = 0; i < place->array->rank; i++)
        if (place->array->axes[i] == axis && (place->slots[i] != 1 || place->in_place)) return true;
    return false;
}

/* A history lives outside of the regions whose axes it has, and what is in a scan that is taken
 * apart lives as long as that scan. */
static void leave_histories(const at_array_place *place, life *l) {
    while (l->parent) {
        bool inside = false;
        for (const at_plan_step *region = l->parent; region; region = region->parent) {
            inside |= region->apart_count > 0; /* its passes may run at the same time */
            at_axis *const *axes;
            int count = at_region_axes(region->statement, &axes);
            for (int i = 0; i < count; i++) inside |= keeps_axis(place, axes[i]);
        }
        if (!inside) return;
        climb(l);
    }
}

static void find_lives(at_session *s, at_plan *plan) {
    living v = {.s = s, .plan = plan, .lives = AT_NEW_ARRAY(s->arena, life, plan->place_count)};
    use_steps(&v, &plan->steps);
    for (int i = 0; i < plan->place_count; i++) {
        at_array_place *place = &plan->places[i];
        life *l = &v.lives[i];
        place->last = plan->times;
        if (place->use != AT_PLACE_WORK || !l->known) continue;
        leave_histories(place, l);
        place->first = l->first;
        place->last = l->last;
    }
}

/* ---- what a repeat leaves -------------------------------------------------------------------- */

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return true;
    return false;
}

typedef struct {
    const at_plan *plan;
    const at_plan_step *repeat;
    const at_array *array;
    bool found; /* a use outside of the repeat */
} leaving;

static bool look_for(void *user, const at_expr *e) {
    leaving *l = user;
    if (e->tag == AT_READ &&
        l->plan->place_of[e->u.read.array->id] == l->plan->place_of[l->array->id])
        l->found = true;
    return !l->found;
}

static void look_in_carried(leaving *l, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        if (step == l->repeat) continue;
        for (int k = 0; k < step->carried_count; k++) {
            const int *place_of = l->plan->place_of;
            int place = place_of[l->array->id];
            l->found |= place_of[step->carried[k].before->id] == place ||
                        place_of[step->carried[k].next->id] == place;
        }
        look_in_carried(l, &step->body);
    }
}

/* Whether something outside of a repeat reads what its body defines. */
static bool is_left(const at_plan *plan, const at_plan_step *repeat, const at_array *array) {
    leaving l = {plan, repeat, array, false};
    if (plan->places[plan->place_of[array->id]].use == AT_PLACE_OUTPUT) return true;
    for (int i = 0; i < plan->pass_count && !l.found; i++)
        if (!is_within(plan->passes[i], repeat->statement))
            at_walk_statement(plan->passes[i]->statement, look_for, &l);
    look_in_carried(&l, &plan->steps);
    return l.found;
}

static void leave(at_session *s, at_plan *plan, at_plan_step *repeat, const at_array *array) {
    if (is_left(plan, repeat, array))
        AT_PUSH(s->arena, repeat->left, repeat->left_count, repeat->left_capacity, array);
}

/* Of a repeat of which fewer rounds than all may run. */
static void find_left(at_session *s, at_plan *plan, at_plan_step *repeat,
                      const at_plan_steps *body) {
    for (int i = 0; i < body->count; i++) {
        const at_plan_step *step = body->items[i];
        const at_pass *pass = step->tag == AT_STEP_PASS ? plan->passes[step->pass] : NULL;
        for (int k = 0; pass && pass->statement->tag != AT_NEXT && k < pass->target_count; k++)
            leave(s, plan, repeat, pass->targets[k]);
        for (int k = 0; k < step->carried_count; k++)
            leave(s, plan, repeat, step->carried[k].inside);
        find_left(s, plan, repeat, &step->body);
    }
}

static void find_all_left(at_session *s, at_plan *plan, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        at_plan_step *step = steps->items[i];
        if (step->tag == AT_STEP_REPEAT && at_repeat_may_end(step->statement))
            find_left(s, plan, step, &step->body);
        find_all_left(s, plan, &step->body);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

/* The axes at the left of what a pass writes: for a state, those that `next` names. */
static bool writes_axis(const at_pass *pass, const at_axis *axis) {
    if (pass->statement->tag != AT_NEXT) return has_axis(pass->targets[0], axis);
    for (int i = 0; i < pass->targets[0]->rank; i++)
        if (pass->statement->u.next.axes[i] == axis) return true;
    return false;
}

static void find_later(at_plan *plan) {
    for (int i = 0; i < plan->pass_count; i++) {
        const at_pass *pass = plan->passes[i];
        bool again = false;
        for (int k = 0; k < pass->fixed_count; k++) again |= !writes_axis(pass, pass->fixed[k]);
        for (int k = 0; k < pass->target_count; k++) {
            at_array_place *place = &plan->places[plan->place_of[pass->targets[k]->id]];
            place->later |= again || (place->use == AT_PLACE_OUTPUT && pass->region_count > 0);
            place->begins |= place->next && (pass->region_count > 0 || place->writers > 0);
            place->writers++;
        }
    }
}

static void find_carried_later(at_plan *plan, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        for (int k = 0; k < step->carried_count; k++)
            plan->places[plan->place_of[step->carried[k].inside->id]].later = true;
        for (int k = 0; k < step->left_count; k++)
            plan->places[plan->place_of[step->left[k]->id]].later = true;
        find_carried_later(plan, &step->body);
    }
}

void at_plan_live(at_session *s, at_plan *plan) {
    find_all_left(s, plan, &plan->steps);
    find_windows(s, plan);
    find_tiles(plan);
    find_lives(s, plan);
    find_later(plan);
    find_carried_later(plan, &plan->steps);
}
