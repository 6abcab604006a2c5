/* From a cascade to a plan: a pass for each statement that an output needs, in the order written,
 * each reading and writing arrays that are stored whole, inside the regions that it stands in.
 *
 * "Needed" is found from the outputs backwards, and again until nothing is added, since a region
 * reads in one round what it wrote in the one before. It is more than tidiness: a read outside that
 * no output needs is no error, so an equation that nobody reads must not run. */
#include "form/form.h"
#include "plan/plan.h"

int at_region_axes(const at_statement *region, at_axis *const **axes) {
    if (region->tag == AT_REPEAT) {
        *axes = &region->u.repeat.round;
        return 1;
    }
    *axes = region->u.scan.axes;
    return region->u.scan.count;
}

bool at_pass_fixes(const at_pass *pass, const at_axis *axis) {
    for (int i = 0; i < pass->fixed_count; i++)
        if (pass->fixed[i] == axis) return true;
    for (int i = 0; pass->group && i < pass->group->single_count; i++)
        if (pass->group->single[i] == axis) return true;
    return false;
}

void at_pass_walk(const at_pass *pass, bool (*visit)(void *user, const at_expr *e), void *user) {
    at_walk_statement(pass->statement, visit, user);
    at_walk(pass->domain, visit, user);
}

bool at_pass_may_scatter(at_session *s, const at_pass *pass) {
    const at_expr *value = pass->statement->tag == AT_EQUATION ? pass->statement->u.value : NULL;
    if (!value || value->tag != AT_FOLD_NODE) return false;
    for (int i = 0; i < pass->target->rank; i++)
        if (!at_pass_fixes(pass, pass->target->axes[i]) &&
            at_may_place(s, value, value->u.fold.guard, pass->target->axes[i]))
            return true;
    return false;
}

bool at_repeat_may_end(const at_statement *repeat) {
    return repeat->u.repeat.condition || repeat->u.repeat.count == 0;
}

/* ---- what is needed -------------------------------------------------------------------------- */

typedef struct {
    bool *needed; /* by array id */
    bool changed;
} marking;

static void need(marking *m, const at_array *array) {
    m->changed |= !m->needed[array->id];
    m->needed[array->id] = true;
}

static bool mark_read(void *user, const at_expr *e) {
    if (e->tag == AT_READ) need(user, e->u.read.array);
    return true;
}

static bool carries(const marking *m, const at_carried *c) {
    return m->needed[c->after->id] || m->needed[c->inside->id];
}

static bool mark_block(marking *m, const at_block *block);

/* Whether a statement must run; marks what it reads. `next` and assertions always must. */
static bool mark_statement(marking *m, const at_statement *st) {
    bool runs = st->tag == AT_NEXT || st->tag == AT_ASSERT;
    switch (st->tag) {
    case AT_SCAN: return mark_block(m, &st->u.scan.body);
    case AT_REPEAT:
        for (int i = 0; i < st->u.repeat.carried_count; i++) {
            const at_carried *c = &st->u.repeat.carried[i];
            if (!carries(m, c)) continue;
            runs = true;
            need(m, c->before);
            need(m, c->inside);
            need(m, c->next);
        }
        runs |= mark_block(m, &st->u.repeat.body);
        break;
    case AT_KEEPING:
        for (int i = 0; i < st->u.keeping.count; i++)
            runs |= m->needed[st->u.keeping.parts[i].target->id];
        break;
    case AT_NEXT:
    case AT_ASSERT: break;
    default: runs = m->needed[st->target->id];
    }
    if (runs) at_walk_statement(st, mark_read, m);
    return runs;
}

static bool mark_block(marking *m, const at_block *block) {
    bool runs = false;
    for (int i = block->count - 1; i >= 0; i--) runs |= mark_statement(m, block->items[i]);
    return runs;
}

static void mark(marking *m, const at_cascade *cascade) {
    for (int i = 0; i < cascade->output_count; i++) need(m, cascade->outputs[i].array);
    do {
        m->changed = false;
        mark_block(m, &cascade->body);
    } while (m->changed);
}

/* ---- steps ----------------------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    at_plan *plan;
    marking marks;
    int state_count;
    const at_array **next; /* by array id of a state: what it becomes; NULL: as it was */
} planning;

/* An array of the plan's own. */
static at_array *make_array(planning *p, const char *name, const char *path, at_kind kind,
                            at_axis *const *axes, int rank, at_span span) {
    at_array *array = AT_NEW(p->s->arena, at_array);
    array->name = name;
    array->path = path;
    array->role = AT_DEFINED;
    array->kind = kind;
    array->rank = rank;
    array->axes = at_copy(p->s->arena, axes, sizeof *axes * (size_t)rank);
    array->span = span;
    array->id = p->plan->array_count;
    AT_PUSH(p->s->arena, p->plan->arrays, p->plan->array_count, p->plan->array_capacity, array);
    return array;
}

static const at_array *next_of(planning *p, const at_array *state) {
    if (!p->next[state->id])
        p->next[state->id] =
            make_array(p, at_format(p->s->arena, "%s.next", state->name), state->path, state->kind,
                       state->axes, state->rank, state->span);
    return p->next[state->id];
}

/* Both sides of an assertion, each over the regions' axes and the assertion's own. */
static void make_sides(planning *p, at_pass *pass) {
    const at_statement *st = pass->statement;
    const at_expr *sides[2] = {st->u.assertion.left, st->u.assertion.right};
    static const char *const names[2] = {"left", "right"};
    int rank = pass->fixed_count;
    at_axis **axes = AT_NEW_ARRAY(p->s->arena, at_axis *, rank + st->u.assertion.count);
    for (int i = 0; i < rank; i++) axes[i] = (at_axis *)pass->fixed[i];
    for (int i = 0; i < st->u.assertion.count; i++)
        if (!at_pass_fixes(pass, st->u.assertion.axes[i])) axes[rank++] = st->u.assertion.axes[i];
    for (int i = 0; i < 2; i++)
        pass->targets[pass->target_count++] =
            make_array(p, names[i], names[i], sides[i]->kind, axes, rank, st->span);
}

static void find_targets(planning *p, at_pass *pass) {
    const at_statement *st = pass->statement;
    int count = st->tag == AT_KEEPING ? st->u.keeping.count : 2;
    pass->targets = AT_NEW_ARRAY(p->s->arena, const at_array *, count);
    switch (st->tag) {
    case AT_KEEPING:
        for (int i = 0; i < count; i++)
            pass->targets[pass->target_count++] = st->u.keeping.parts[i].target;
        return;
    case AT_NEXT: pass->targets[pass->target_count++] = next_of(p, st->target); return;
    case AT_ASSERT: make_sides(p, pass); return;
    default: pass->targets[pass->target_count++] = st->target;
    }
}

static const at_statement **regions_of(at_session *s, const at_plan_step *innermost, int *count) {
    *count = 0;
    for (const at_plan_step *step = innermost; step; step = step->parent) ++*count;
    const at_statement **regions = AT_NEW_ARRAY(s->arena, const at_statement *, *count);
    int at = *count;
    for (const at_plan_step *step = innermost; step; step = step->parent)
        regions[--at] = step->statement;
    return regions;
}

/* The regions around a step, outermost first, and their axes. */
static void find_regions(planning *p, at_pass *pass, const at_plan_step *parent) {
    int axes = 0;
    at_axis *const *own;
    pass->regions = regions_of(p->s, parent, &pass->region_count);
    for (int i = 0; i < pass->region_count; i++) axes += at_region_axes(pass->regions[i], &own);
    pass->fixed = AT_NEW_ARRAY(p->s->arena, const at_axis *, axes);
    for (int i = 0; i < pass->region_count; i++) {
        int count = at_region_axes(pass->regions[i], &own);
        for (int k = 0; k < count; k++) pass->fixed[pass->fixed_count++] = own[k];
    }
}

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return true;
    return false;
}

/* Axes that make the pass run again for the same elements. */
static void find_again(planning *p, at_pass *pass) {
    pass->again = AT_NEW_ARRAY(p->s->arena, at_axis *, pass->fixed_count);
    for (int i = 0; i < pass->fixed_count; i++)
        if (!has_axis(pass->target, pass->fixed[i]))
            pass->again[pass->again_count++] = (at_axis *)pass->fixed[i];
}

static int make_pass(planning *p, const at_statement *st, const at_plan_step *parent) {
    at_pass *pass = AT_NEW(p->s->arena, at_pass);
    at_plan *plan = p->plan;
    pass->statement = st;
    pass->number = plan->pass_count;
    pass->time = plan->times++;
    find_regions(p, pass, parent);
    find_targets(p, pass);
    pass->target = pass->targets[0];
    find_again(p, pass);
    AT_PUSH(p->s->arena, plan->passes, plan->pass_count, plan->pass_capacity, pass);
    return pass->number;
}

/* The condition of a repeat as a pass that computes a bool. */
static int make_condition(planning *p, const at_plan_step *repeat) {
    const at_statement *st = repeat->statement;
    const at_expr *condition = st->u.repeat.condition;
    at_statement *equation = AT_NEW(p->s->arena, at_statement);
    equation->tag = AT_EQUATION;
    equation->span = condition->span.source ? condition->span : st->span;
    equation->target = make_array(p, "while", "while", AT_BOOL, NULL, 0, equation->span);
    equation->u.value = condition;
    return make_pass(p, equation, repeat);
}

static void make_steps(planning *p, const at_block *block, at_plan_step *parent,
                       at_plan_steps *out);

static void make_repeat(planning *p, at_plan_step *step) {
    const at_statement *st = step->statement;
    step->carried = AT_NEW_ARRAY(p->s->arena, at_carried, st->u.repeat.carried_count);
    for (int i = 0; i < st->u.repeat.carried_count; i++)
        if (carries(&p->marks, &st->u.repeat.carried[i]))
            step->carried[step->carried_count++] = st->u.repeat.carried[i];
    step->pass = -1;
    if (st->u.repeat.condition) step->pass = make_condition(p, step);
    make_steps(p, &st->u.repeat.body, step, &step->body);
}

static void make_step(planning *p, const at_statement *st, at_plan_step *parent,
                      at_plan_steps *out) {
    at_plan_step *step = AT_NEW(p->s->arena, at_plan_step);
    step->statement = st;
    step->parent = parent;
    step->tag = st->tag == AT_SCAN ? AT_STEP_SCAN : st->tag == AT_REPEAT ? AT_STEP_REPEAT
                                                                          : AT_STEP_PASS;
    step->first = p->plan->times;
    if (step->tag == AT_STEP_PASS) {
        step->pass = make_pass(p, st, parent);
    } else {
        p->plan->times++;
        if (step->tag == AT_STEP_REPEAT) make_repeat(p, step);
        else make_steps(p, &st->u.scan.body, step, &step->body);
        p->plan->times++;
    }
    step->last = p->plan->times - 1;
    AT_PUSH(p->s->arena, out->items, out->count, out->capacity, step);
}

static void make_steps(planning *p, const at_block *block, at_plan_step *parent,
                       at_plan_steps *out) {
    for (int i = 0; i < block->count; i++)
        if (mark_statement(&p->marks, block->items[i]))
            make_step(p, block->items[i], parent, out);
}

/* ---- places ---------------------------------------------------------------------------------- */

static void store(planning *p, const at_array *array, at_place_use use, const at_array *next) {
    at_plan *plan = p->plan;
    if (plan->place_of[array->id] >= 0) return;
    plan->place_of[array->id] = plan->place_count;
    at_array_place *place = &plan->places[plan->place_count++];
    place->array = array;
    place->use = use;
    place->next = next;
    place->slots = AT_NEW_ARRAY(p->s->arena, int64_t, array->rank);
    place->tiles = AT_NEW_ARRAY(p->s->arena, const at_axis *, array->rank);
}

/* What a repeat leaves has the place of what it carries, also where that is a repeat around it. */
static void share_results(planning *p, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        share_results(p, &step->body);
        for (int k = 0; k < step->carried_count; k++) {
            const at_carried *c = &step->carried[k];
            int *inside = &p->plan->place_of[c->inside->id];
            int *after = &p->plan->place_of[c->after->id];
            if (*after < 0) {
                store(p, c->inside, AT_PLACE_WORK, NULL);
                *after = *inside;
            } else {
                *inside = *after;
            }
        }
    }
}

/* ---- when arrays are written ----------------------------------------------------------------- */

static void find_carried_written(planning *p, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        for (int k = 0; k < step->carried_count; k++) {
            at_written *inside = &p->plan->written[step->carried[k].inside->id];
            at_written *after = &p->plan->written[step->carried[k].after->id];
            inside->regions = regions_of(p->s, step, &inside->region_count);
            inside->time = step->first;
            after->regions = regions_of(p->s, step->parent, &after->region_count);
            after->time = step->last;
        }
        find_carried_written(p, &step->body);
    }
}

static void find_written(planning *p) {
    at_plan *plan = p->plan;
    plan->written = AT_NEW_ARRAY(p->s->arena, at_written, plan->array_count);
    for (int i = 0; i < plan->pass_count; i++) {
        const at_pass *pass = plan->passes[i];
        for (int k = 0; k < pass->target_count; k++)
            plan->written[pass->targets[k]->id] =
                (at_written){pass->region_count, pass->regions, pass->time};
    }
    find_carried_written(p, &plan->steps);
}

static void find_places(planning *p) {
    at_plan *plan = p->plan;
    const at_cascade *cascade = plan->cascade;
    plan->places = AT_NEW_ARRAY(p->s->arena, at_array_place, plan->array_count);
    plan->place_of = AT_NEW_ARRAY(p->s->arena, int, plan->array_count);
    for (int i = 0; i < plan->array_count; i++) plan->place_of[i] = -1;
    for (int i = 0; i < cascade->array_count; i++) {
        at_role role = cascade->arrays[i]->role;
        if (p->marks.needed[i] && (role == AT_INPUT || role == AT_PARAM || role == AT_STATE))
            store(p, cascade->arrays[i], AT_PLACE_GIVEN, NULL);
    }
    for (int i = 0; i < cascade->state_count; i++) /* what a state becomes may begin as it was */
        if (p->next[cascade->states[i].array->id])
            store(p, cascade->states[i].array, AT_PLACE_GIVEN, NULL);
    for (int i = 0; i < cascade->output_count; i++)
        store(p, cascade->outputs[i].array, AT_PLACE_OUTPUT, NULL);
    for (int i = 0; i < cascade->state_count; i++) {
        const at_array *next = p->next[cascade->states[i].array->id];
        if (next) store(p, next, AT_PLACE_OUTPUT, cascade->states[i].array);
    }
    for (int i = 0; i < plan->pass_count; i++)
        if (plan->passes[i]->statement->tag == AT_ASSERT)
            for (int k = 0; k < 2; k++)
                store(p, plan->passes[i]->targets[k], AT_PLACE_OUTPUT, NULL);
    share_results(p, &plan->steps);
    for (int i = 0; i < plan->pass_count; i++)
        for (int k = 0; k < plan->passes[i]->target_count; k++)
            store(p, plan->passes[i]->targets[k], AT_PLACE_WORK, NULL);
}

const at_plan *at_plan_make(at_session *s, const at_cascade *cascade) {
    s->stage = "plan";
    at_plan *plan = AT_NEW(s->arena, at_plan);
    planning p = {.s = s, .plan = plan};
    plan->cascade = cascade;
    for (int i = 0; i < cascade->array_count; i++)
        AT_PUSH(s->arena, plan->arrays, plan->array_count, plan->array_capacity,
                cascade->arrays[i]);
    p.marks.needed = AT_NEW_ARRAY(s->arena, bool, cascade->array_count);
    p.next = AT_NEW_ARRAY(s->arena, const at_array *, cascade->array_count);
    mark(&p.marks, cascade);
    make_steps(&p, &cascade->body, NULL, &plan->steps);
    find_places(&p);
    at_plan_group(s, plan);
    find_written(&p);
    at_plan_demand(s, plan);
    at_plan_apart(s, plan, &plan->steps);
    for (int i = 0; i < plan->pass_count; i++) at_pass_price(s, cascade, plan->passes[i]);
    at_plan_live(s, plan);
    at_plan_idle(s, plan, &plan->steps);
    at_plan_tell_stored(s, plan);
    return plan;
}

/* ---- printing ------------------------------------------------------------------------------ */

static void print_array(const at_array *array, at_text *out) {
    at_ir_print_name(array->name, out);
    for (int i = 0; i < array->rank; i++)
        at_text_addf(out, "%s%s", i ? "," : "[", array->axes[i]->name);
    if (array->rank) at_text_add(out, "]");
}

static const char *use_text(const at_array_place *place) {
    switch (place->use) {
    case AT_PLACE_OUTPUT: return place->next ? "next state" : "output";
    case AT_PLACE_WORK: return "stored between passes";
    case AT_PLACE_GIVEN: break;
    }
    switch (place->array->role) {
    case AT_PARAM: return "param";
    case AT_STATE: return "state";
    default: return "input";
    }
}

static void print_place(const at_array_place *place, at_text *out) {
    const at_array *array = place->array;
    at_text_add(out, "  array ");
    print_array(array, out);
    at_text_addf(out, ": %s, %s, ", at_kind_text(array->kind), use_text(place));
    for (int i = 0; i < array->rank; i++) {
        if (at_place_is_block(place, i))
            at_text_addf(out, "a block of %s, ", array->axes[i]->name);
        else if (at_place_window(place, i))
            at_text_addf(out, "%s%lld of %s, ", place->tiles[i] ? "" : "the last ",
                         (long long)place->slots[i], array->axes[i]->name);
    }
    const at_axis *axes[64];
    at_term bytes = {at_kind_bytes(array->kind), 0, axes};
    for (int i = 0; i < array->rank; i++) {
        if (place->slots[i]) bytes.count *= place->slots[i];
        else if (bytes.rank < 64) axes[bytes.rank++] = at_place_axis(place, i);
    }
    at_cost_print(&(at_cost){1, 1, &bytes}, out);
    at_text_add(out, " bytes");
    if (place->use == AT_PLACE_WORK)
        at_text_addf(out, ", from %d to %d", place->first, place->last);
    at_text_add(out, "\n");
}

void at_pass_print(const at_pass *pass, at_text *out) {
    if (pass->statement->tag != AT_TABLE) {
        at_ir_print_statement(pass->statement, out);
        return;
    }
    print_array(pass->target, out);
    at_text_add(out, " = table(...)");
}

static void print_pass(const at_pass *pass, int depth, at_text *out) {
    at_text_pad(out, ' ', 2 * depth);
    at_text_addf(out, "pass %d: ", pass->number + 1);
    at_pass_print(pass, out);
    at_text_add(out, "\n");
    at_text_pad(out, ' ', 2 * depth + 2);
    if (pass->domain) {
        at_text_add(out, "where ");
        at_ir_print_expr(pass->domain, out);
        at_text_add(out, "; ");
    }
    at_cost_print(&pass->flops, out);
    at_text_add(out, " flops; ");
    at_cost_print(&pass->bytes, out);
    at_text_add(out, " bytes\n");
}

static void print_head(const at_plan_step *step, int depth, at_text *out) {
    const at_statement *st = step->statement;
    at_text_pad(out, ' ', 2 * depth);
    if (step->tag == AT_STEP_SCAN) {
        at_text_add(out, "scan");
        for (int i = 0; i < st->u.scan.count; i++)
            at_text_addf(out, "%s %s%s", i ? "," : "", st->u.scan.axes[i]->name,
                         st->u.scan.down[i] ? " down" : "");
    } else {
        at_text_addf(out, "repeat %s < %lld", st->u.repeat.round->name,
                     (long long)st->u.repeat.count);
        if (st->u.repeat.condition) at_text_add(out, " while it holds");
    }
    if (step->from) {
        at_text_add(out, ", the first and from ");
        at_ir_print_expr(step->from, out);
    }
    if (step->to) {
        at_text_add(out, step->from ? " to before " : ", to before ");
        at_ir_print_expr(step->to, out);
    }
    for (int i = 0; i < step->apart_count; i++)
        at_text_addf(out, "%s%s", i ? ", " : ", apart along ", step->apart[i]->name);
    at_text_addf(out, ", from %d to %d\n", step->first, step->last);
    for (int i = 0; i < step->carried_count; i++) {
        at_text_pad(out, ' ', 2 * depth + 2);
        at_text_add(out, "carries ");
        print_array(step->carried[i].before, out);
        at_text_add(out, " and then ");
        print_array(step->carried[i].next, out);
        at_text_add(out, " in ");
        print_array(step->carried[i].inside, out);
        at_text_add(out, "\n");
    }
}

static void print_group(const at_plan_step *step, int depth, at_text *out) {
    const at_group *group = step->group;
    at_text_pad(out, ' ', 2 * depth);
    at_text_add(out, "together");
    for (int i = 0; i < group->single_count; i++)
        at_text_addf(out, "%s %s", i ? "," : " for each", group->single[i]->name);
    at_text_addf(out, ", in blocks of %s, from %d to %d\n", group->along->name, step->first,
                 step->last);
}

static void print_steps(const at_plan *plan, const at_plan_steps *steps, int depth, at_text *out) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        if (step->tag == AT_STEP_PASS) {
            print_pass(plan->passes[step->pass], depth, out);
            continue;
        }
        if (step->tag == AT_STEP_GROUP) {
            print_group(step, depth, out);
            print_steps(plan, &step->body, depth + 1, out);
            continue;
        }
        print_head(step, depth, out);
        if (step->tag == AT_STEP_REPEAT && step->pass >= 0)
            print_pass(plan->passes[step->pass], depth + 1, out);
        print_steps(plan, &step->body, depth + 1, out);
    }
}

void at_plan_print(const at_plan *plan, at_text *out) {
    at_text_addf(out, "%s: %d pass%s, %d array%s\n", plan->cascade->name, plan->pass_count,
                 plan->pass_count == 1 ? "" : "es", plan->place_count,
                 plan->place_count == 1 ? "" : "s");
    for (int i = 0; i < plan->place_count; i++) print_place(&plan->places[i], out);
    print_steps(plan, &plan->steps, 1, out);
}
