/* `cotangent dp, ds`: arrays of a function whose zeros are structural. What is said holds for every
 * array of the function that has the name: an input, each of its definitions, what a scan writes,
 * all that a repeat carries. So it is looked for before anything else of the function, wherever in
 * its body it stands, and asked for whenever an array gets its name.
 *
 * An input of a called function reads the caller's array, whose zeros are the caller's affair; one
 * that is named here gets an array of its own instead (bind_input in resolve_call.c). */
#include "lang/resolve_int.h"

#include <string.h>

void at_find_cotangents(at_resolver *r, at_frame *frame) {
    const at_tree_block *body = &frame->definition->body;
    for (int i = 0; i < body->count; i++) {
        const at_tree_statement *st = body->items[i];
        if (st->tag != AT_S_COTANGENT) continue;
        for (int k = 0; k < st->target_count; k++)
            if (!at_map_get(&frame->cotangents, st->targets[k].name))
                at_map_put(r->s->arena, &frame->cotangents, st->targets[k].name, &st->targets[k]);
    }
}

bool at_is_cotangent(const at_frame *frame, const char *name) {
    return at_map_get(&frame->cotangents, name) != NULL;
}

at_array *at_frame_array(at_resolver *r, const at_frame *frame, const char *name, at_role role,
                         at_kind kind, at_axis **axes, int rank, at_span span) {
    at_array *array = at_array_said(r, frame, name, role, kind, axes, rank, span);
    array->cotangent = kind == AT_REAL && at_is_cotangent(frame, name);
    return array;
}

/* ---- the statement --------------------------------------------------------------------------- */

bool at_resolve_cotangent(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    const at_tree_block *body = &frame->definition->body;
    bool outermost = false;
    for (int i = 0; i < body->count; i++) outermost |= body->items[i] == st;
    if (!outermost) {
        at_diag *diag =
            at_resolve_error(r, frame, AT_E_COTANGENT_PLACE, st->span,
                             "`cotangent` stands inside a block, but holds for all of `%s`",
                             frame->definition->name);
        at_hint(r->s, diag, "write it before the first equation of `%s`", frame->definition->name);
        return false;
    }
    for (int i = 0; i < st->target_count; i++) {
        const at_target *first = at_map_get(&frame->cotangents, st->targets[i].name);
        if (first == &st->targets[i]) continue;
        at_diag *diag = at_resolve_error(r, frame, AT_E_COTANGENT_PLACE, st->targets[i].span,
                                         "`%s` is said to be a cotangent twice", first->name);
        at_note(r->s, diag, first->span, "the first time");
        return false;
    }
    return true;
}

/* ---- what it names --------------------------------------------------------------------------- */

static bool is_assigned(at_resolver *r, const at_frame *frame, const char *name) {
    at_assigned *list;
    int count = at_assigned_names(r, &frame->definition->body, &list);
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0) return true;
    return false;
}

static void hint_near(at_resolver *r, const at_frame *frame, at_diag *diag, const char *name) {
    const char **names = NULL;
    int count = 0, capacity = 0;
    for (int i = 0; i < frame->names.capacity; i++) {
        const at_entity *entity = frame->names.values[i];
        if (frame->names.keys[i] && entity->tag == AT_N_ARRAY)
            AT_PUSH(r->s->arena, names, count, capacity, entity->name);
    }
    at_hint_near(r->s, diag, name, names, count);
}

/* What stands for a name that is no array; NULL: an array, or something broken. */
static const char *what_else(const at_entity *entity) {
    switch (entity->tag) {
    case AT_N_AXIS: return "an axis";
    case AT_N_FUNCTION: return "a function";
    case AT_N_VALUE: return "an option";
    case AT_N_ARRAY: break;
    case AT_N_BROKEN:
    case AT_N_LIMIT: return NULL;
    }
    at_role role = entity->view.array->role;
    return role == AT_PARAM ? "a parameter" : role == AT_STATE ? "a state" : NULL;
}

static bool check(at_resolver *r, const at_frame *frame, const at_target *named) {
    at_entity *entity = at_lookup(r, frame, named->name);
    if (!entity) {
        /* An equation in an `if` that is not taken is enough. */
        if (is_assigned(r, frame, named->name)) return true;
        at_diag *diag = at_resolve_error(r, frame, AT_E_COTANGENT_NAME, named->span,
                                         "no array of `%s` is called `%s`", frame->definition->name,
                                         named->name);
        hint_near(r, frame, diag, named->name);
        return false;
    }
    const char *what = what_else(entity);
    if (what) {
        at_diag *diag = at_resolve_error(
            r, frame, AT_E_COTANGENT_NAME, named->span,
            "`%s` is %s, and a cotangent is an input or has an equation", named->name, what);
        at_note(r->s, diag, entity->span, "`%s` is defined here", named->name);
        return false;
    }
    const at_view *newest = entity->tag == AT_N_ARRAY ? at_newest(entity) : NULL;
    if (!newest || newest->array->kind == AT_REAL) return true;
    bool is_int = newest->array->kind == AT_INT;
    at_diag *diag = at_resolve_error(r, frame, AT_E_COTANGENT_KIND, named->span,
                                     "a cotangent is real, but `%s` holds %ss", named->name,
                                     at_kind_text(newest->array->kind));
    at_note(r->s, diag, entity->span, "`%s` is defined here", named->name);
    if (is_int)
        at_hint(r->s, diag, "real(…) makes an int real; a number is real with a point: 0.0");
    return false;
}

bool at_check_cotangents(at_resolver *r, const at_frame *frame) {
    bool good = true;
    const at_tree_block *body = &frame->definition->body;
    for (int i = 0; i < body->count; i++) {
        const at_tree_statement *st = body->items[i];
        for (int k = 0; st->tag == AT_S_COTANGENT && k < st->target_count; k++)
            good = check(r, frame, &st->targets[k]) && good;
    }
    return good;
}
