/* From passes to loop trees: a loop for each axis at the left of the equation, the value computed
 * inside, and one store. Passes come in order, so what an equation reads is known to be fallible or
 * not when the equation is reached. */
#include "loop/loop.h"

static void lower_equation(at_loop_lowering *l, const at_expr *value) {
    for (int i = 0; i < l->target->rank; i++) at_loop_enter(l, l->target->axes[i]);
    at_loop *store = at_loop_enter_store(l);
    store->value = at_loop_lower(l, value);
}

static void lower_table(at_loop_lowering *l, const at_statement *st) {
    at_loops *into = l->into;
    for (int i = 0; i < st->u.table.count; i++) {
        l->into = into;
        at_loop *store = at_loop_add(l, AT_LOOP_STORE);
        store->array = st->target;
        store->address = at_int(l->s, i, st->span);
        l->into = &store->body;
        store->value = at_loop_lower(l, st->u.table.values[i]);
    }
}

static void lower_statement(at_loop_lowering *l, const at_statement *st) {
    switch (st->tag) {
    case AT_EQUATION: lower_equation(l, st->u.value); return;
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

const at_loop_program *at_loop_make(at_session *s, const at_plan *plan) {
    s->stage = "loop";
    at_loop_program *program = AT_NEW(s->arena, at_loop_program);
    program->plan = plan;
    program->nests = AT_NEW_ARRAY(s->arena, at_nest, plan->pass_count);
    program->fallible = AT_NEW_ARRAY(s->arena, bool, plan->cascade->array_count);
    at_loop_site none = {0};
    AT_PUSH(s->arena, program->sites, program->site_count, program->site_capacity, none);
    for (int i = 0; i < plan->pass_count; i++) {
        at_nest *nest = &program->nests[program->nest_count++];
        nest->pass = &plan->passes[i];
        const at_statement *st = nest->pass->statement;
        const at_array *target = nest->pass->target;
        nest->needed = plan->places[plan->place_of[target->id]].use == AT_PLACE_OUTPUT;
        at_loop_lowering l = {.s = s, .program = program, .nest = nest, .target = target,
                              .into = &nest->body};
        lower_statement(&l, st);
        program->fallible[target->id] = nest->fallible && !nest->needed;
    }
    return program;
}
