/* From passes to loop trees: a loop for each axis at the left of the equation, the value computed
 * inside, and one store. Passes come in order, so what an equation reads is known to be fallible or
 * not when the equation is reached. */
#include "loop/loop.h"

static void lower_equation(at_loop_lowering *l, const at_expr *value) {
    for (int i = 0; i < l->target->rank; i++) {
        at_loop *loop = at_loop_add(l, AT_LOOP_FOR);
        loop->axis = l->target->axes[i];
        l->into = &loop->body;
    }
    const at_expr **index = AT_NEW_ARRAY(l->s->arena, const at_expr *, l->target->rank);
    for (int i = 0; i < l->target->rank; i++)
        index[i] = at_index(l->s, l->target->axes[i], l->target->span);
    at_loop *store = at_loop_add(l, AT_LOOP_STORE);
    store->array = l->target;
    store->address = at_address_of(l->s, l->target, index);
    l->into = &store->body;
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
        nest->needed = plan->places[plan->place_of[st->target->id]].use == AT_PLACE_OUTPUT;
        at_loop_lowering l = {s, program, nest, st->target, &nest->body, 0, {0}};
        if (st->tag == AT_TABLE) lower_table(&l, st);
        else lower_equation(&l, st->u.value);
        program->fallible[st->target->id] = nest->fallible && !nest->needed;
    }
    return program;
}
