/* From passes to loop trees: a loop for each axis at the left of the equation that no region around
 * the pass fixes, the value computed inside, and one store.
 *
 * Passes come in order, so what an equation reads is known to be fallible or not when the equation
 * is reached, but for what a region reads of the round before: then all is done again with what was
 * found, until nothing more is. */
#include "loop/loop.h"

bool at_is_fallible(const at_loop_program *program, const at_array *array) {
    int place = program->plan->place_of[array->id];
    return place >= 0 && program->fallible[place];
}

bool at_ends_run(const at_plan *plan, const at_array *array) {
    const at_array_place *place = &plan->places[plan->place_of[array->id]];
    return place->use == AT_PLACE_OUTPUT && !place->later;
}

/* Loops over the elements that the pass's domain has, which is known inside. */
static void enter_domain(at_loop_lowering *l, const at_expr *domain) {
    at_axis **axes = AT_NEW_ARRAY(l->s->arena, at_axis *, l->target->rank);
    int count = 0;
    for (int i = 0; i < l->target->rank; i++)
        if (!at_pass_fixes(l->nest->pass, l->axes[i])) axes[count++] = l->axes[i];
    const at_loop_clips *clips = at_loop_find_clips(l, domain, axes, count);
    for (int i = 0; i < count; i++) at_loop_enter_clipped(l, clips, i);
    const at_expr *rest = at_loop_clips_rest(clips);
    if (!rest) return;
    const at_expr *condition = at_loop_lower(l, rest); /* what it needs stands in front of it */
    at_loop *branch = at_loop_add(l, AT_LOOP_IF);
    branch->condition = condition;
    l->into = &branch->body;
    at_loop_know(l, rest, true, false);
}

static void lower_equation(at_loop_lowering *l, const at_expr *value) {
    const at_expr *domain = l->nest->pass->domain;
    if (!domain && at_loop_lower_scatter(l, value)) return;
    enter_domain(l, domain);
    at_loop *store = at_loop_enter_store(l);
    store->value = at_loop_lower(l, value);
}

static void lower_table(at_loop_lowering *l, const at_statement *st) {
    at_loops *into = l->into;
    for (int i = 0; i < st->u.table.count; i++) {
        l->into = into;
        l->facts = NULL;
        at_loop *store = at_loop_add(l, AT_LOOP_STORE);
        store->array = st->target;
        store->address = at_int(l->s, i, st->span);
        l->into = &store->body;
        store->value = at_loop_lower(l, st->u.table.values[i]);
    }
}

/* Both sides of an assertion, whole: they are compared when the run has ended. */
static void lower_assertion(at_loop_lowering *l, const at_statement *st) {
    const at_expr *sides[2] = {st->u.assertion.left, st->u.assertion.right};
    at_loops *into = l->into;
    for (int i = 0; i < 2; i++) {
        l->into = into;
        l->facts = NULL;
        l->target = l->nest->pass->targets[i];
        l->axes = l->target->axes;
        lower_equation(l, sides[i]);
    }
}

static void lower_statement(at_loop_lowering *l, const at_statement *st) {
    switch (st->tag) {
    case AT_EQUATION: lower_equation(l, st->u.value); return;
    case AT_NEXT: lower_equation(l, st->u.next.value); return;
    case AT_ASSERT: lower_assertion(l, st); return;
    case AT_TABLE: lower_table(l, st); return;
    case AT_DRAWING: at_loop_lower_draw(l, st); return;
    case AT_TOPK: at_loop_lower_order(l, st, &st->u.topk); return;
    case AT_KEEPING:
        if (st->u.keeping.fold == AT_FOLD_ARGSORT)
            at_loop_lower_order(l, st, &st->u.keeping.parts[0]);
        else
            at_loop_lower_running(l, st);
        return;
    default: AT_ASSERT(l->s, !"a statement that has no pass");
    }
}

static void lower_pass(at_session *s, at_loop_program *program, const at_pass *pass) {
    at_nest *nest = &program->nests[program->nest_count++];
    const at_statement *st = pass->statement;
    *nest = (at_nest){.pass = pass};
    nest->needed = at_ends_run(program->plan, pass->target);
    at_loop_lowering l = {.s = s, .program = program, .nest = nest, .target = pass->target,
                          .axes = pass->target->axes, .into = &nest->body};
    if (st->tag == AT_NEXT) l.axes = st->u.next.axes;
    l.rounds = AT_NEW_ARRAY(s->arena, const at_axis *, pass->region_count);
    for (int i = 0; i < pass->region_count; i++)
        if (pass->regions[i]->tag == AT_REPEAT)
            l.rounds[l.round_count++] = pass->regions[i]->u.repeat.round;
    lower_statement(&l, st);
    at_loop_find_product(&l);
    at_loop_find_hopeful_product(&l);
    at_loop_write_stretches(s, &nest->body);
    at_loop_write_stretches(s, &nest->hopeful);
    nest->variable_count = l.variables;
}

/* ---- which arrays are fallible --------------------------------------------------------------- */

static void spoil(at_loop_program *program, const at_array *array, bool *changed) {
    int place = program->plan->place_of[array->id];
    if (place < 0 || program->fallible[place] || at_ends_run(program->plan, array)) return;
    program->fallible[place] = *changed = true;
}

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return true;
    return false;
}

/* What repeats carry and leave. */
static void spoil_steps(at_loop_program *program, const at_plan_steps *steps, bool *changed) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        for (int k = 0; k < step->carried_count; k++) {
            const at_carried *c = &step->carried[k];
            if (at_is_fallible(program, c->before) || at_is_fallible(program, c->next))
                spoil(program, c->inside, changed);
        }
        for (int k = 0; k < step->left_count; k++)
            if (!has_axis(step->left[k], step->statement->u.repeat.round))
                spoil(program, step->left[k], changed);
        spoil_steps(program, &step->body, changed);
    }
}

static void make_round_sites(at_session *s, at_loop_program *program, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        for (int k = 0; k < step->left_count; k++) {
            const at_array *array = step->left[k];
            if (has_axis(array, step->statement->u.repeat.round)) continue;
            at_loop_site site = {AT_SITE_ROUNDS, NULL, array->span, 0, array, NULL};
            program->rounds_site[array->id] = program->site_count;
            AT_PUSH(s->arena, program->sites, program->site_count, program->site_capacity, site);
        }
        make_round_sites(s, program, &step->body);
    }
}

/* A pass that can fail may run twice, so that it must not write over what it reads. */
static void leave_place(const at_loop_program *program, bool *changed) {
    for (int i = 0; i < program->nest_count; i++) {
        const at_array *target = program->nests[i].pass->target;
        const at_array_place *place = &program->plan->places[program->plan->place_of[target->id]];
        if (!program->nests[i].fallible || !place->in_place) continue;
        if (place->slots[place->along] != 1) continue;
        place->slots[place->along] = 2;
        *changed = true;
    }
}

const at_loop_program *at_loop_make(at_session *s, const at_plan *plan) {
    s->stage = "loop";
    at_loop_program *program = AT_NEW(s->arena, at_loop_program);
    program->plan = plan;
    program->nests = AT_NEW_ARRAY(s->arena, at_nest, plan->pass_count);
    program->fallible = AT_NEW_ARRAY(s->arena, bool, plan->place_count);
    program->values = AT_NEW_ARRAY(s->arena, const at_loop_value *, plan->array_count);
    program->rounds_site = AT_NEW_ARRAY(s->arena, int, plan->array_count);
    bool changed = false, regions = false;
    for (int i = 0; i < plan->steps.count; i++)
        regions |= plan->steps.items[i]->tag != AT_STEP_PASS;
    spoil_steps(program, &plan->steps, &changed);
    do {
        changed = false;
        program->nest_count = program->site_count = 0;
        at_loop_site none = {0};
        AT_PUSH(s->arena, program->sites, program->site_count, program->site_capacity, none);
        make_round_sites(s, program, &plan->steps);
        for (int i = 0; i < plan->pass_count; i++) {
            lower_pass(s, program, plan->passes[i]);
            const at_pass *pass = plan->passes[i];
            at_loop_note_values(s, program, pass);
            for (int k = 0; k < pass->target_count && program->nests[i].fallible; k++)
                spoil(program, pass->targets[k], &changed);
        }
        spoil_steps(program, &plan->steps, &changed);
        leave_place(program, &changed);
    } while (changed && regions);
    at_loop_apart(s, program, &plan->steps);
    return program;
}
