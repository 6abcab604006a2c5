/* Names: what a function's names stand for, and unique names for what the cascade holds.
 *
 * A cascade's name is the path that the language gives the array: "encoder.block[].mha.p", with
 * `#2` for a second call in one body and `'2` for a second definition. */
#include "lang/resolve_int.h"

#include <stdio.h>
#include <string.h>

at_diag *at_silent(at_resolver *r) { return AT_NEW(r->s->arena, at_diag); }

at_diag *at_resolve_error(at_resolver *r, const at_frame *frame, at_code code, at_span span,
                          const char *format, ...) {
    va_list list;
    va_start(list, format);
    const char *message = at_format_list(r->s->arena, format, list);
    va_end(list);
    /* A function is resolved for each of its calls, and an index may be read twice in one equation:
     * what is wrong there is said once. */
    for (int i = 0; i < r->s->diag_count; i++) {
        const at_diag *known = r->s->diags[i];
        bool here = known->span.source == span.source && known->span.begin == span.begin &&
                    known->span.end == span.end;
        bool statement = r->statement && known->span.source == span.source && span.source &&
                         known->span.begin >= r->statement->span.begin &&
                         known->span.end <= r->statement->span.end &&
                         strcmp(known->message, message) == 0;
        if (known->code != code || !(here || statement)) continue;
        r->repeated++;
        return at_silent(r);
    }
    at_diag *diag = at_error(r->s, code, span, "%s", message);
    /* Inside a called function, the calls that lead here: the innermost three. */
    for (int shown = 0; frame && frame->caller && shown < 3; frame = frame->caller, shown++)
        at_note(r->s, diag, frame->call_span, "in this call of `%s`", frame->definition->name);
    return diag;
}

/* ---- entities -------------------------------------------------------------------------------- */

at_entity *at_lookup(const at_resolver *r, const at_frame *frame, const char *name) {
    at_entity *entity = at_map_get(&frame->names, name);
    /* An axis made during an attempt that was given up is not there any more. */
    if (entity && entity->tag == AT_N_AXIS &&
        (entity->axis->id >= r->axis_count || r->axes[entity->axis->id] != entity->axis))
        return NULL;
    return entity;
}

at_entity *at_define(at_resolver *r, at_frame *frame, at_entity_tag tag, const char *name,
                     at_span span) {
    at_entity *entity = AT_NEW(r->s->arena, at_entity);
    entity->tag = tag;
    entity->name = name;
    entity->span = span;
    at_map_put(r->s->arena, &frame->names, name, entity);
    return entity;
}

const at_env *at_env_find(const at_env *env, const char *name) {
    while (env && strcmp(env->name, name) != 0) env = env->outer;
    return env;
}

at_env *at_env_add(at_resolver *r, at_env *outer, const char *name, at_value value) {
    at_env *env = AT_NEW(r->s->arena, at_env);
    env->name = name;
    env->value = value;
    env->outer = outer;
    return env;
}

/* ---- unique names ---------------------------------------------------------------------------- */

static bool axis_name_free(const at_resolver *r, const char *name) {
    const at_axis *axis = at_map_get(&r->axis_names, name);
    return !axis || axis->id >= r->axis_count || r->axes[axis->id] != axis;
}

/* What a repeat carries has had to give its own name up: reading the print back, it never had
 * it. */
static bool array_name_free(const at_resolver *r, const char *name) {
    const at_array *array = at_map_get(&r->array_names, name);
    bool there = array && array->id < r->array_count && r->arrays[array->id] == array;
    return !there || strcmp(array->name, name) != 0;
}

/* name, name'2, name'3, … with what follows the last letter of a path kept at the end: the second
 * "block.x[]" is "block.x'2[]". */
static const char *numbered(const at_resolver *r, const char *name, int number) {
    size_t end = strlen(name);
    while (end > 0 && name[end - 1] == ']') {
        while (end > 0 && name[end - 1] != '[') end--;
        if (end > 0) end--;
    }
    const char *rounds = name + end;
    /* x'2 is counted on to x'3, not to x'2'2. */
    size_t base = end;
    while (base > 0 && name[base - 1] >= '0' && name[base - 1] <= '9') base--;
    if (base > 1 && base < end && name[base - 1] == '\'') end = base - 1;
    return at_format(r->s->arena, "%.*s'%d%s", (int)end, name, number, rounds);
}

/* n, n'2, n'3, …: the first that is free. Below what was given last none is, unless axes were taken
 * back since; without this, a program of many calls would search for ever. */
static const char *unique_axis_name(at_resolver *r, const char *name) {
    if (axis_name_free(r, name)) return name;
    const char *base = at_format(r->s->arena, "%.*s", (int)strcspn(name, "'"), name);
    at_numbering *last = at_map_get(&r->axis_numbers, base);
    if (!last) {
        last = AT_NEW(r->s->arena, at_numbering);
        at_map_put(r->s->arena, &r->axis_numbers, base, last);
    }
    int n = last->axis_count <= r->axis_count ? last->number + 1 : 2;
    if (n < 2) n = 2;
    const char *unique;
    for (;; n++) {
        unique = at_format(r->s->arena, "%s'%d", base, n);
        if (axis_name_free(r, unique)) break;
    }
    *last = (at_numbering){n, r->axis_count};
    return unique;
}

at_axis *at_axis_new(at_resolver *r, const char *name, const at_axis *like, const at_expr *extent,
                     bool declared, at_span span) {
    at_axis *axis = AT_NEW(r->s->arena, at_axis);
    axis->name = unique_axis_name(r, name);
    while (like && like->like) like = like->like;
    axis->like = like;
    axis->extent = extent;
    axis->declared = declared;
    axis->fixed = -1;
    axis->span = span;
    axis->id = r->axis_count;
    AT_PUSH(r->s->arena, r->axes, r->axis_count, r->axis_capacity, axis);
    at_map_put(r->s->arena, &r->axis_names, axis->name, axis);
    return axis;
}

at_axis *at_placeholder(at_resolver *r, const at_axis *like) {
    at_axis *axis = AT_NEW(r->s->arena, at_axis);
    axis->name = like->name;
    axis->like = like;
    axis->fixed = -1;
    axis->span = like->span;
    axis->id = -1;
    return axis;
}

bool at_axis_taken(const at_resolver *r, const at_scope *scope, const at_axis *axis) {
    for (int i = 0; i < scope->bound_count; i++)
        if (scope->bound[i] == axis) return true;
    for (int i = 0; i < scope->frame->hidden_count; i++)
        if (scope->frame->hidden[i] == axis) return true;
    for (int i = 0; i < r->scan_count; i++)
        if (r->scans[i] == axis) return true;
    for (int i = 0; i < r->repeat_count; i++)
        if (r->repeats[i] == axis) return true;
    return false;
}

at_axis *at_axis_free(at_resolver *r, const at_scope *scope, at_axis *like, const char *name) {
    if (like->id >= 0 && !at_axis_taken(r, scope, like)) return like;
    while (like->id < 0 && like->like) like = (at_axis *)like->like;
    if (!name) name = like->name;
    if (!at_axis_taken(r, scope, like) && strcmp(name, like->name) == 0) return like;
    const at_axis *root = like;
    while (root->like) root = root->like;
    /* An alias made earlier serves again where it is free: names stay short. */
    const char *base = at_format(r->s->arena, "%.*s", (int)strcspn(name, "'"), name);
    for (int n = 1; n < 64; n++) {
        const char *candidate = n == 1 ? base : at_format(r->s->arena, "%s'%d", base, n);
        at_axis *axis = at_map_get(&r->axis_names, candidate);
        if (!axis || axis->id >= r->axis_count || r->axes[axis->id] != axis) break;
        if (axis->like == root && !at_axis_taken(r, scope, axis)) return axis;
    }
    return at_axis_new(r, base, root, NULL, root->declared, like->span);
}

/* The name itself, or its first free number: by doubling, then halving, since a program may define
 * one name thousands of times. */
static const char *array_name(const at_resolver *r, const char *path) {
    if (array_name_free(r, path)) return path;
    int taken = 1, free_one = 2;
    while (!array_name_free(r, numbered(r, path, free_one))) {
        taken = free_one;
        free_one *= 2;
    }
    while (free_one - taken > 1) {
        int middle = taken + (free_one - taken) / 2;
        if (array_name_free(r, numbered(r, path, middle))) free_one = middle;
        else taken = middle;
    }
    return numbered(r, path, free_one);
}

at_array *at_array_new(at_resolver *r, const char *path, at_role role, at_kind kind,
                       at_axis **axes, int rank, at_span span) {
    at_array *array = AT_NEW(r->s->arena, at_array);
    const char *unique = array_name(r, path);
    if (rank > AT_AXES_LIMIT)
        at_error(r->s, AT_E_TENSOR_RANK, span, "`%s` would have %d axes; an array has at most %d",
                 path, rank, AT_AXES_LIMIT);
    array->name = array->path = unique;
    array->role = role;
    array->kind = kind;
    array->rank = rank;
    array->axes = axes;
    array->span = span;
    array->id = r->array_count;
    AT_PUSH(r->s->arena, r->arrays, r->array_count, r->array_capacity, array);
    at_map_put(r->s->arena, &r->array_names, unique, array);
    return array;
}

/* A printed cascade says names with rounds, and these stand. Another array may have got such a name
 * only because it is printed without its rounds, as outputs are: it takes the next number. */
static void claim_name(at_resolver *r, const char *name) {
    at_array *holder = at_map_get(&r->array_names, name);
    bool fixed = array_name_free(r, name) || holder->role == AT_INPUT || holder->role == AT_PARAM ||
                 holder->role == AT_STATE || at_map_get(&r->said_names, name) == holder;
    if (fixed) return;
    const char *other = array_name(r, name);
    for (int i = 0; i < r->array_count; i++) {
        at_array *a = r->arrays[i];
        if (strcmp(a->name, name) != 0) continue;
        if (strcmp(a->path, a->name) == 0) a->path = other;
        a->name = other;
    }
    at_map_put(r->s->arena, &r->array_names, other, holder);
}

at_array *at_array_said(at_resolver *r, const at_frame *frame, const char *name, at_role role,
                        at_kind kind, at_axis **axes, int rank, at_span span) {
    const char *path = at_frame_path(r, frame, name);
    bool said = strpbrk(name, "[#") && strcmp(path, name) == 0;
    if (said) claim_name(r, name);
    at_array *array = at_array_new(r, path, role, kind, axes, rank, span);
    if (said) at_map_put(r->s->arena, &r->said_names, array->name, array);
    return array;
}

/* A name that already is a path with rounds comes from a printed cascade. What a repeat carries is
 * printed inside without its last rounds; with them it does not take the number of a later one. */
static const char *printed_path(at_resolver *r, const char *name) {
    int rounds = 0;
    for (const char *at = name; (at = strstr(at, "[]")); at += 2) rounds++;
    for (; rounds < r->repeat_count; rounds++) name = at_format(r->s->arena, "%s[]", name);
    return name;
}

const char *at_frame_path(at_resolver *r, const at_frame *frame, const char *name) {
    if (strpbrk(name, "[#")) return printed_path(r, name);
    return at_format(r->s->arena, "%s%s%s%s", frame->path, *frame->path ? "." : "", name,
                     frame->rounds);
}

at_view at_view_whole(at_resolver *r, const at_array *array) {
    at_view view = {.array = array, .rank = array->rank};
    view.axes = AT_NEW_ARRAY(r->s->arena, at_axis *, array->rank);
    view.hole = AT_NEW_ARRAY(r->s->arena, int, array->rank);
    view.fixed = AT_NEW_ARRAY(r->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) {
        view.axes[i] = array->axes[i];
        view.hole[i] = i;
    }
    return view;
}

void at_scope_bind(at_resolver *r, at_scope *scope, at_axis *axis) {
    /* Scopes are copied by value and their lists shared, so a list is never extended in place. */
    at_axis **bound = AT_NEW_ARRAY(r->s->arena, at_axis *, scope->bound_count + 1);
    at_move(bound, scope->bound, sizeof *bound * (size_t)scope->bound_count);
    bound[scope->bound_count++] = axis;
    scope->bound = bound;
}

/* ---- going back ------------------------------------------------------------------------------ */

at_map at_map_clone(at_session *s, const at_map *map) {
    at_map copy = *map;
    copy.keys = at_copy(s->arena, map->keys, sizeof *map->keys * (size_t)map->capacity);
    copy.values = at_copy(s->arena, map->values, sizeof *map->values * (size_t)map->capacity);
    return copy;
}

at_mark at_mark_take(at_resolver *r, const at_frame *frame) {
    at_mark mark = {.r = *r, .frame = *frame, .diag_count = r->s->diag_count,
                    .diag_lost = r->s->diag_lost, .block_count = r->block->count};
    mark.frame.names = at_map_clone(r->s, &frame->names);
    mark.frame.call_counts = at_map_clone(r->s, &frame->call_counts);
    for (const at_region *region = r->region; region; region = region->outer)
        for (int i = 0; i < region->pending_count; i++) {
            at_pending *p = region->pending[i];
            at_pending_mark was = {p, *p, p->entity && p->entity->pending == p};
            AT_PUSH(r->s->arena, mark.pendings, mark.pending_count, mark.pending_capacity, was);
        }
    return mark;
}

void at_mark_return(at_resolver *r, at_frame *frame, const at_mark *mark) {
    int inlined = r->inlined, repeated = r->repeated;
    /* The maps of names stay as they grew: what they hold of the attempt is recognised by its
     * id. */
    at_map axis_names = r->axis_names, array_names = r->array_names, numbers = r->axis_numbers,
           said_names = r->said_names;
    *r = mark->r;
    r->axis_names = axis_names;
    r->array_names = array_names;
    r->said_names = said_names;
    r->axis_numbers = numbers;
    r->repeated = repeated;
    r->inlined = inlined; /* work done counts, so that retries cannot go on for ever */
    *frame = mark->frame;
    frame->names = at_map_clone(r->s, &mark->frame.names);
    frame->call_counts = at_map_clone(r->s, &mark->frame.call_counts);
    for (int i = 0; i < mark->pending_count; i++) {
        const at_pending_mark *was = &mark->pendings[i];
        *was->pending = was->was;
        if (was->entered) was->was.entity->pending = was->pending;
    }
    r->s->diag_count = mark->diag_count;
    r->s->diag_lost = mark->diag_lost;
    r->block->count = mark->block_count;
}
