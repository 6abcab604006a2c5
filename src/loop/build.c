/* Making the nodes of a loop tree. */
#include "loop/loop.h"

at_loop *at_loop_add(at_loop_lowering *l, at_loop_tag tag) {
    at_loop *loop = AT_NEW(l->s->arena, at_loop);
    loop->tag = tag;
    AT_PUSH(l->s->arena, l->into->items, l->into->count, l->into->capacity, loop);
    return loop;
}

bool at_is_variable(const at_array *array) { return array->id < 0; }

const at_array *at_loop_let(at_loop_lowering *l, const char *name, at_kind kind,
                            const at_expr *value) {
    at_array *variable = AT_NEW(l->s->arena, at_array);
    variable->name = name;
    for (int n = 2; at_map_get(&l->names, variable->name); n++)
        variable->name = at_format(l->s->arena, "%s_%d", name, n);
    at_map_put(l->s->arena, &l->names, variable->name, variable);
    variable->path = variable->name;
    variable->role = AT_DEFINED;
    variable->kind = kind;
    variable->id = -1 - l->variables++;
    at_loop *let = at_loop_add(l, AT_LOOP_LET);
    let->variable = variable;
    let->value = value;
    return variable;
}

void at_loop_set(at_loop_lowering *l, const at_array *variable, const at_expr *value) {
    at_loop *set = at_loop_add(l, AT_LOOP_SET);
    set->variable = variable;
    set->value = value;
}

at_loop *at_loop_risk(at_loop_lowering *l, at_loop_tag tag, at_loop_site_tag why,
                      const at_expr *expr) {
    at_loop *loop = at_loop_add(l, tag);
    at_loop_program *program = l->program;
    loop->site = program->site_count;
    at_loop_site site = {why, expr, 0, l->target, NULL};
    AT_PUSH(l->s->arena, program->sites, program->site_count, program->site_capacity, site);
    l->nest->fallible = true;
    return loop;
}

const at_expr *at_variable_read(at_session *s, const at_array *variable, at_span span) {
    return at_read(s, variable, NULL, NULL, span);
}

const at_expr *at_address_of(at_session *s, const at_plan *plan, const at_array *array,
                             const at_expr *const *index) {
    at_span span = array->span;
    const int64_t *slots = plan->places[plan->place_of[array->id]].slots;
    const at_expr *address = NULL;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *at = index[i], *size = at_size(s, array->axes[i], span);
        if (slots[i] == 1) continue;
        if (slots[i]) size = at_int(s, slots[i], span);
        if (slots[i]) at = at_map_node(s, AT_OP_MOD, at, size, NULL, span);
        if (address) address = at_map_node(s, AT_OP_MUL, address, size, NULL, span);
        address = address ? at_map_node(s, AT_OP_ADD, address, at, NULL, span) : at;
    }
    return address ? address : at_int(s, 0, span);
}
