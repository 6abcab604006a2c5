/* Making the nodes of a loop tree. */
#include "loop/loop.h"

at_loop *at_loop_add(at_loop_lowering *l, at_loop_tag tag) {
    at_loop *loop = AT_NEW(l->s->arena, at_loop);
    loop->tag = tag;
    AT_PUSH(l->s->arena, l->into->items, l->into->count, l->into->capacity, loop);
    return loop;
}

bool at_is_variable(const at_array *array) { return array->id < 0 && array->rank == 0; }
bool at_is_scratch(const at_array *array) { return array->id < 0 && array->rank > 0; }

bool at_is_panels(const at_array *array) { return at_is_scratch(array) && !array->axes[0]; }

static at_array *new_variable(at_loop_lowering *l, const char *name, at_kind kind) {
    at_array *variable = AT_NEW(l->s->arena, at_array);
    variable->name = name;
    for (int n = 2; at_map_get(&l->names, variable->name); n++)
        variable->name = at_format(l->s->arena, "%s_%d", name, n);
    at_map_put(l->s->arena, &l->names, variable->name, variable);
    variable->path = variable->name;
    variable->role = AT_DEFINED;
    variable->kind = kind;
    variable->id = -1 - l->variables++;
    return variable;
}

const at_array *at_loop_variable(at_loop_lowering *l, const char *name, at_kind kind) {
    return new_variable(l, name, kind);
}

const at_array *at_loop_panels(at_loop_lowering *l, const char *name, at_kind kind) {
    static at_axis *const none[1] = {NULL};
    at_array *panels = new_variable(l, name, kind);
    panels->rank = 1;
    panels->axes = at_copy(l->s->arena, none, sizeof none);
    return panels;
}

const at_array *at_loop_let(at_loop_lowering *l, const char *name, at_kind kind,
                            const at_expr *value) {
    const at_array *variable = new_variable(l, name, kind);
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
    at_loop_site site = {why, expr, expr ? expr->span : l->nest->pass->statement->span, 0,
                         l->target, NULL};
    AT_PUSH(l->s->arena, program->sites, program->site_count, program->site_capacity, site);
    l->nest->fallible = true;
    l->risks++;
    return loop;
}

/* ---- loops and stores ---------------------------------------------------------------------- */

/* The bounds are what is known of the block: 0 <= first <= i < end <= size(i). */
static void enter_block(at_loop_lowering *l, at_loop *loop, const at_group *group) {
    at_span span = loop->axis->span;
    const at_expr *index = at_index(l->s, loop->axis, span);
    loop->block = true;
    loop->low = at_index(l->s, group->first, span);
    loop->high = at_index(l->s, group->end, span);
    const at_expr *size = at_size(l->s, loop->axis, span);
    at_loop_know(l, at_map_node(l->s, AT_OP_LE, loop->low, index, NULL, span), true, true);
    at_loop_know(l, at_map_node(l->s, AT_OP_LT, index, loop->high, NULL, span), true, true);
    at_loop_know(l, at_map_node(l->s, AT_OP_LE, loop->high, size, NULL, span), true, true);
}

at_loop *at_loop_enter(at_loop_lowering *l, const at_axis *axis) {
    const at_group *group = l->nest->pass->group;
    if (at_pass_fixes(l->nest->pass, axis)) return NULL;
    at_loop *loop = at_loop_add(l, AT_LOOP_FOR);
    loop->axis = axis;
    l->into = &loop->body;
    at_loop_know_axis(l, axis);
    if (group && group->along == axis) enter_block(l, loop, group);
    return loop;
}

at_loop *at_loop_enter_store(at_loop_lowering *l) {
    const at_array *target = l->target;
    const at_expr **index = AT_NEW_ARRAY(l->s->arena, const at_expr *, target->rank);
    for (int i = 0; i < target->rank; i++)
        index[i] = at_index(l->s, l->axes[i], target->span);
    at_loop *store = at_loop_add(l, AT_LOOP_STORE);
    store->array = target;
    store->address = at_address_of(l->s, l->program->plan, target, index);
    l->into = &store->body;
    return store;
}

/* ---- faults -------------------------------------------------------------------------------- */

const at_array *at_loop_fault(at_loop_lowering *l, const char *name) {
    const at_array *fault = new_variable(l, name, AT_INT);
    at_loop_add(l, AT_LOOP_FAULT)->variable = fault;
    return fault;
}

at_loop_try at_loop_enter_try(at_loop_lowering *l, const at_array *fault) {
    at_loop_try tried = {at_loop_add(l, AT_LOOP_TRY), l->into, l->risks};
    tried.node->variable = fault;
    l->into = &tried.node->body;
    return tried;
}

bool at_loop_leave_try(at_loop_lowering *l, at_loop_try tried) {
    l->into = tried.outer;
    if (l->risks > tried.risks) return true;
    at_loops body = tried.node->body;
    tried.outer->count--; /* it is the last node */
    for (int i = 0; i < body.count; i++)
        AT_PUSH(l->s->arena, l->into->items, l->into->count, l->into->capacity, body.items[i]);
    return false;
}

void at_loop_remove(at_loops *from, const at_loop *node) {
    int count = 0;
    for (int i = 0; i < from->count; i++)
        if (from->items[i] != node) from->items[count++] = from->items[i];
    from->count = count;
}

/* ---- rows ---------------------------------------------------------------------------------- */

const at_array *at_loop_scratch(at_loop_lowering *l, const char *name, at_kind kind,
                                at_axis *const *axes, int count) {
    at_array *scratch = new_variable(l, name, kind);
    scratch->rank = count;
    scratch->axes = at_copy(l->s->arena, axes, sizeof *axes * (size_t)count);
    at_nest *nest = l->nest;
    AT_PUSH(l->s->arena, nest->scratch, nest->scratch_count, nest->scratch_capacity, scratch);
    return scratch;
}

void at_loop_put(at_loop_lowering *l, const at_array *array, const at_expr *address,
                 const at_expr *value) {
    at_loop *put = at_loop_add(l, AT_LOOP_PUT);
    put->array = array;
    put->address = address;
    put->value = value;
}

const at_expr *at_loop_position(at_loop_lowering *l, at_axis *const *axes, int count,
                                at_span span) {
    at_session *s = l->s;
    const at_expr *all = at_index(s, axes[0], span);
    for (int i = 1; i < count; i++) {
        const at_expr *size = at_size(s, axes[i], span);
        all = at_map_node(s, AT_OP_MUL, all, size, NULL, span);
        all = at_map_node(s, AT_OP_ADD, all, at_index(s, axes[i], span), NULL, span);
    }
    return all;
}

/* ---- reads --------------------------------------------------------------------------------- */

const at_expr *at_variable_read(at_session *s, const at_array *variable, at_span span) {
    return at_read(s, variable, NULL, NULL, span);
}

/* index - t * slots, where t is the index of the step. */
static const at_expr *place_in_tile(at_session *s, const at_array_place *place, int dimension,
                                    const at_expr *const *index) {
    const at_expr *at = index[dimension];
    at_affine form;
    for (int i = 0; i < place->array->rank; i++) {
        if (place->array->axes[i] != place->tiles[dimension]) continue;
        const at_expr *slots = at_int(s, place->slots[dimension], at->span);
        const at_expr *first = at_map_node(s, AT_OP_MUL, index[i], slots, NULL, at->span);
        at = at_map_node(s, AT_OP_SUB, at, first, NULL, at->span);
    }
    return at_affine_of(s, at, &form) ? at_affine_expr(s, &form, at->span) : at;
}

const at_expr *at_address_of(at_session *s, const at_plan *plan, const at_array *array,
                             const at_expr *const *index) {
    at_span span = array->span;
    if (at_is_scratch(array)) return index[0];
    const at_array_place *place = &plan->places[plan->place_of[array->id]];
    const int64_t *slots = place->slots;
    const at_expr *address = NULL;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *at = index[i], *size = at_size(s, at_place_axis(place, i), span);
        if (slots[i] == 1) continue;
        if (at_place_is_block(place, i))
            at = at_map_node(s, AT_OP_SUB, at, at_index(s, place->group->first, span), NULL, span);
        if (slots[i]) size = at_int(s, slots[i], span);
        if (place->tiles[i]) at = place_in_tile(s, place, i, index);
        else if (slots[i]) at = at_map_node(s, AT_OP_MOD, at, size, NULL, span);
        if (address) address = at_map_node(s, AT_OP_MUL, address, size, NULL, span);
        address = address ? at_map_node(s, AT_OP_ADD, address, at, NULL, span) : at;
    }
    return address ? address : at_int(s, 0, span);
}
