/* Equations: left side = right side, or ~ a draw.
 *
 * The left side binds its indices; each gets its extent from what the function knows, or from its
 * first plain use at the right. Axes that the right side keeps take the places of `:` and then stay
 * at the right. */
#include "lang/resolve_int.h"

#include <string.h>

at_scope at_scope_of(at_frame *frame, const char *name) {
    return (at_scope){.frame = frame, .env = frame->env, .name = name};
}

static bool is_open(at_axis *const *axes, int count, const at_axis *axis) {
    for (int i = 0; i < count; i++)
        if (axes[i] == axis) return true;
    return false;
}

/* Whether an axis is bound by an enclosing scan or repeat of this very frame: its index then has
 * its value already, and the left side only says which element is written. */
static bool is_region_axis(const at_resolver *r, const at_axis *axis) {
    return is_open(r->scans, r->scan_count, axis) || is_open(r->repeats, r->repeat_count, axis);
}

at_axis **at_bind_left(at_resolver *r, at_scope *scope, const at_target *target,
                       const at_tree *const *trees, int tree_count) {
    at_axis **left = AT_NEW_ARRAY(r->s->arena, at_axis *, target->count);
    for (int i = 0; i < target->count; i++) {
        const char *name = target->axes[i];
        if (!name) continue;
        for (int k = 0; k < i; k++)
            if (target->axes[k] && strcmp(target->axes[k], name) == 0) {
                at_diag *diag = at_resolve_error(r, scope->frame, AT_E_AXIS_TWICE,
                                                 target->axis_spans[i],
                                                 "the index `%s` stands twice at the left", name);
                at_hint(r->s, diag, "use two indices and compare them: if %s == … then … else 0",
                        name);
                return NULL;
            }
        const at_env *env = at_env_find(scope->env, name);
        if (env && env->value.e && env->value.e->tag == AT_INDEX &&
            is_region_axis(r, env->value.e->u.axis)) {
            left[i] = (at_axis *)env->value.e->u.axis;
            continue;
        }
        if (env && env->unrolled) {
            /* The array has all rounds; the right side knows only this one, by its number. */
            left[i] = env->unrolled;
            at_scope_bind(r, scope, left[i]);
            continue;
        }
        at_axis *axis =
            at_axis_find(r, scope, name, target->axis_spans[i], trees, tree_count, false);
        if (!axis) return NULL;
        if (at_axis_taken(r, scope, axis)) axis = at_axis_free(r, scope, axis, name);
        left[i] = axis;
        at_scope_bind(r, scope, axis);
        scope->env = at_env_add(r, scope->env, name,
                                at_scalar(at_index(r->s, axis, target->axis_spans[i])));
    }
    return left;
}

/* The declared output that a target is, or NULL. */
const at_target *at_declared_output(const at_frame *frame, const char *name) {
    for (int i = 0; i < frame->definition->output_count; i++)
        if (strcmp(frame->definition->outputs[i].name, name) == 0)
            return &frame->definition->outputs[i];
    return NULL;
}

/* The axis for a kept place: under the name that the output's declaration gives it, if any. */
static at_axis *place_axis(at_resolver *r, at_scope *scope, at_axis *kept,
                           const at_target *declared, int place) {
    if (!declared || place >= declared->count) return at_axis_free(r, scope, kept, NULL);
    const char *name = declared->axes[place];
    at_entity *entity = at_lookup(r, scope->frame, name);
    if (entity && entity->tag == AT_N_AXIS) {
        const char *what = at_format(r->s->arena, "the axis `%s`", name);
        const char *other = at_format(r->s->arena, "what is written to `%s`", declared->name);
        if (!at_extent_agree(r, scope->frame, entity->axis, entity->span, what, kept,
                             declared->axis_spans[place], other))
            return NULL;
        if (!at_axis_taken(r, scope, entity->axis)) return entity->axis;
        return at_axis_free(r, scope, entity->axis, name);
    }
    if (entity) return at_axis_free(r, scope, kept, NULL);
    at_axis *axis = at_axis_free(r, scope, kept, name);
    at_define(r, scope->frame, AT_N_AXIS, name, declared->axis_spans[place])->axis = axis;
    return axis;
}

bool at_place_left(at_resolver *r, at_scope *scope, const at_target *target, at_axis **left,
                   at_value *v, at_axis ***own, int *own_count) {
    if (!at_left_of_value(r, scope, target, left, v)) return false;
    int colons = 0;
    for (int i = 0; i < target->count; i++) colons += left[i] == NULL;
    if (v->rank < colons) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_LEFT_AXES, target->span,
                                         "`%s` has %d `:` at the left, but the right side keeps %s",
                                         target->name, colons, at_kept_text(r, v));
        at_hint(r->s, diag, "a `:` at the left stands for an axis that the right side keeps");
        return false;
    }
    int total = target->count - colons + v->rank;
    const at_target *declared = at_declared_output(scope->frame, target->name);
    if (declared && declared->brackets && declared->count != total) {
        at_diag *diag = at_resolve_error(
            r, scope->frame, AT_E_LEFT_AXES, target->span,
            "the output `%s` is declared with %d %s, but this gives it %d", target->name,
            declared->count, declared->count == 1 ? "axis" : "axes", total);
        bool elsewhere = declared->span.begin != target->span.begin;
        if (elsewhere) at_note(r->s, diag, declared->span, "declared here");
        if (v->rank == declared->count && target->count)
            at_hint(r->s, diag, "the right side keeps %s itself: write %s = …, without indices",
                    at_kept_text(r, v), target->name);
        else if (r->statement && r->statement->value && r->statement->value->tag == AT_T_FOLD &&
                 r->statement->value->parts[0].body->tag == AT_T_NAME)
            at_hint(r->s, diag, "`%s` stands for all its axes here; read it at the index: %s[…,%s]",
                    r->statement->value->parts[0].body->name,
                    r->statement->value->parts[0].body->name,
                    r->statement->value->parts[0].bound[0].name);
        else if (total < declared->count)
            at_hint(r->s, diag, "every axis of an output stands at its left side, or is kept");
        return false;
    }
    if (declared && !declared->brackets && total > 0) declared = NULL;
    *own = AT_NEW_ARRAY(r->s->arena, at_axis *, total);
    const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, v->rank);
    int kept = 0;
    for (int i = 0; i < total; i++) {
        if (i < target->count && left[i]) {
            (*own)[i] = left[i];
            continue;
        }
        at_axis *axis = place_axis(r, scope, v->axes[kept], declared, i);
        if (!axis) return false;
        at_scope_bind(r, scope, axis);
        (*own)[i] = axis;
        index[kept++] = at_index(r->s, axis, target->span);
    }
    v->e = at_value_at(r, v, index);
    v->rank = 0;
    *own_count = total;
    return true;
}

/* ---- the array that is defined --------------------------------------------------------------- */

at_pending *at_find_pending(const at_resolver *r, const at_frame *frame, const char *name) {
    for (at_region *region = r->region; region && region->frame == frame; region = region->outer)
        for (int i = 0; i < region->pending_count; i++)
            if (strcmp(region->pending[i]->name, name) == 0) return region->pending[i];
    return NULL;
}

static bool is_forced(const at_resolver *r, const at_frame *frame, const char *name) {
    for (at_region *region = r->region; region && region->frame == frame; region = region->outer)
        for (int i = 0; i < region->forced_count; i++)
            if (strcmp(region->forced[i], name) == 0) return true;
    return false;
}

/* In a scan of this frame, the left side begins with the scan's axes. */
static bool begins_with_scan(at_resolver *r, const at_frame *frame, const at_target *target,
                             at_axis **own, int own_count) {
    int scans = r->scan_count - frame->scan_base, at = 0;
    for (int i = 0; i < scans; i++) {
        const at_axis *axis = r->scans[frame->scan_base + i];
        /* Rounds that are collected may stand before. */
        while (at < own_count && own[at]->round && own[at] != axis) at++;
        if (at < own_count && own[at] == axis) {
            at++;
            continue;
        }
        at_diag *diag = at_resolve_error(r, frame, AT_E_SCAN_LEFT, target->span,
                                         "in this scan, the left side begins with `%s`",
                                         axis->name);
        at_hint(r->s, diag,
                "write %s[%s,…]; what does not depend on the step stands before the scan",
                target->name, axis->name);
        return false;
    }
    return true;
}

/* The same extents in the same places as an array that a scan's earlier reads assumed. */
static bool fits_pending(at_resolver *r, const at_frame *frame, const at_target *target,
                         const at_view *assumed, at_axis **own, int own_count) {
    bool same = assumed->rank == own_count;
    for (int i = 0; same && i < own_count; i++)
        same = at_extent_compare(r, assumed->axes[i], own[i]) == AT_EXTENT_SAME;
    if (!same)
        at_resolve_error(r, frame, AT_E_SCAN_INDICES, target->span,
                         "`%s` gets other axes here than where it was read", target->name);
    return same;
}

static at_array *define_in_scan(at_resolver *r, at_frame *frame, const at_target *target,
                                at_pending *p, at_kind kind, at_axis **own, int own_count,
                                at_axis **axes, int rank) {
    p->done++;
    if (kind > p->found || p->done == 1) p->found = kind;
    at_array *array = p->array;
    bool last = !at_many(p);
    if (array && last) {
        if (p->read && !fits_pending(r, frame, target, &p->entity->view, own, own_count))
            return NULL;
        if (array->kind != kind) return array; /* assumed wrongly: the scan is resolved again */
        /* The axes of this left side are those of the equation. */
        array->axes = axes;
        array->rank = rank;
    } else {
        array = at_frame_array(r, frame, target->name, AT_DEFINED, kind, axes, rank, target->span);
    }
    at_view view = at_own_view(r, array, own, own_count);
    if (!last) {
        p->current = view;
        if (p->array && p->array->rank != rank) {
            /* The left side named fewer axes than there are. */
            if (p->history && !fits_pending(r, frame, target, &p->entity->view, own, own_count))
                return NULL;
            p->array->axes = axes;
            p->array->rank = rank;
            p->entity->view = at_own_view(r, p->array, own, own_count);
        }
        if (p->array) return array;
    }
    at_entity *entity = at_define(r, frame, AT_N_ARRAY, target->name, target->span);
    entity->view = view;
    entity->own = true;
    entity->pending = p;
    p->entity = entity;
    if (last) p->array = array;
    return array;
}

at_array *at_define_target(at_resolver *r, at_frame *frame, const at_target *target, at_kind kind,
                           at_axis **own, int own_count, const at_expr *const *used,
                           int used_count, bool all_hidden) {
    if (!begins_with_scan(r, frame, target, own, own_count)) return NULL;
    if (at_op_find(target->name) >= 0 || at_fold_find(target->name) >= 0) {
        at_resolve_error(r, frame, AT_E_BUILT_IN, target->span,
                         "`%s` is a built-in function and cannot be redefined", target->name);
        return NULL;
    }
    at_entity *before = at_lookup(r, frame, target->name);
    if (before && before->tag != AT_N_ARRAY && before->tag != AT_N_BROKEN &&
        before->tag != AT_N_VALUE && before->tag != AT_N_LIMIT) {
        at_diag *diag =
            at_resolve_error(r, frame, AT_E_NAME_TAKEN, target->span, "`%s` is already %s here",
                             target->name, before->tag == AT_N_AXIS ? "an axis" : "an option");
        at_note(r->s, diag, before->span, "`%s` is defined here", target->name);
        return NULL;
    }
    at_pending *p = at_find_pending(r, frame, target->name);
    all_hidden = all_hidden || is_forced(r, frame, target->name) || p != NULL;
    int rank;
    at_axis **axes =
        at_full_axes(r, frame, used, used_count, all_hidden, own, own_count, &rank);
    if (p) return define_in_scan(r, frame, target, p, kind, own, own_count, axes, rank);
    at_array *array =
        at_frame_array(r, frame, target->name, AT_DEFINED, kind, axes, rank, target->span);
    at_entity *entity = at_define(r, frame, AT_N_ARRAY, target->name, target->span);
    entity->view = at_own_view(r, array, own, own_count);
    entity->own = true;
    return array;
}

/* ---- kinds of right sides -------------------------------------------------------------------- */

/* In an unrolled repeat hs[l] = x writes one round: the others are as they were, 0 at first. */
static at_value collected(at_resolver *r, at_scope *scope, const at_target *target, at_axis **own,
                          int own_count, at_value v, at_span span) {
    for (const at_env *env = scope->frame->env; env; env = env->outer) {
        if (!env->unrolled || !is_open(own, own_count, env->unrolled)) continue;
        at_entity *before = at_lookup(r, scope->frame, target->name);
        const at_expr *old = v.e->kind == AT_REAL  ? at_real(r->s, 0, span)
                             : v.e->kind == AT_INT ? at_int(r->s, 0, span)
                                                   : at_bool(r->s, false, span);
        const at_view *newest = before && before->tag == AT_N_ARRAY ? at_newest(before) : NULL;
        if (newest && newest->rank == own_count && newest->array->kind == v.e->kind &&
            env->value.e->u.integer > 0) {
            at_value read = at_value_read(r, newest, span);
            const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, own_count);
            for (int i = 0; i < own_count; i++) index[i] = at_index(r->s, own[i], span);
            old = at_value_at(r, &read, index);
        }
        const at_expr *now = at_map_node(r->s, AT_OP_EQ, at_index(r->s, env->unrolled, span),
                                         env->value.e, NULL, span);
        v.e = at_map_node(r->s, AT_OP_IF, now, v.e, old, span);
    }
    return v;
}

/* target = value, once the value is known. */
static bool define_value(at_resolver *r, at_scope *scope, const at_target *target, at_axis **left,
                         at_value v, at_span span) {
    at_axis **own;
    int own_count;
    if (!at_place_left(r, scope, target, left, &v, &own, &own_count)) return false;
    v = collected(r, scope, target, own, own_count, v, span);
    at_array *array =
        at_define_target(r, scope->frame, target, v.e->kind, own, own_count, &v.e, 1, false);
    if (!array) return false;
    /* In a scan it may have been taken for a real, which then is said to be wrong. */
    if (array->kind == AT_REAL) v.e = at_as_real(r->s, v.e);
    at_add_statement(r, AT_EQUATION, array, span)->u.value = v.e;
    return true;
}

static bool call_equation(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    int count = st->target_count;
    at_scope scope = at_scope_of(frame, st->targets[0].name);
    at_axis ***left = AT_NEW_ARRAY(r->s->arena, at_axis **, count);
    if (!at_left_of_call(r, frame, st)) return false;
    left[0] = at_bind_left(r, &scope, &st->targets[0], (const at_tree *const *)&st->value, 1);
    if (!left[0]) return false;
    for (int i = 1; i < count; i++) {
        /* All targets are mapped by the same indices. */
        left[i] = AT_NEW_ARRAY(r->s->arena, at_axis *, st->targets[i].count);
        for (int k = 0; k < st->targets[i].count; k++) {
            const char *name = st->targets[i].axes[k];
            if (!name) continue;
            const at_env *env = at_env_find(scope.env, name);
            if (!env || !env->value.e || env->value.e->tag != AT_INDEX) {
                at_diag *diag = at_resolve_error(
                    r, frame, AT_E_LEFT_AXES, st->targets[i].axis_spans[k],
                    "the index `%s` is missing at `%s`", name, st->targets[0].name);
                at_hint(r->s, diag,
                        "the indices at the left map the call, so all results have them; "
                        "what a result has of its own is not written");
                return false;
            }
            left[i][k] = (at_axis *)env->value.e->u.axis;
        }
    }
    at_value *results = AT_NEW_ARRAY(r->s->arena, at_value, count);
    if (!at_resolve_call(r, &scope, st->value, st->shared, results, count)) return false;
    for (int i = 0; i < count; i++) {
        at_scope own = scope;
        own.name = st->targets[i].name;
        if (!define_value(r, &own, &st->targets[i], left[i], results[i], st->span)) return false;
    }
    return true;
}

/* Where an element stands, counted row-major. */
static const at_expr *row_major(at_resolver *r, at_axis **axes, int count, at_span span) {
    const at_expr *place = at_int(r->s, 0, span);
    for (int i = 0; i < count; i++) {
        const at_expr *index = at_index(r->s, axes[i], span);
        if (i == 0) {
            place = index;
            continue;
        }
        place = at_map_node(r->s, AT_OP_MUL, place, at_size(r->s, axes[i], span), NULL, span);
        place = at_map_node(r->s, AT_OP_ADD, place, index, NULL, span);
    }
    return place;
}

/* list[place], for a place in [from, to), by halving. */
static const at_expr *chosen(at_resolver *r, const at_expr *place, const at_expr *const *list,
                             int from, int to, at_span span) {
    if (to - from < 2) return list[from];
    int middle = from + (to - from) / 2;
    const at_expr *below =
        at_map_node(r->s, AT_OP_LT, place, at_int(r->s, middle, span), NULL, span);
    return at_map_node(r->s, AT_OP_IF, below, chosen(r, place, list, from, middle, span),
                       chosen(r, place, list, middle, to, span), span);
}

static bool table_equation(at_resolver *r, at_scope *scope, const at_tree_statement *st) {
    const at_tree *tree = st->value;
    const at_target *target = &st->targets[0];
    at_value *values = AT_NEW_ARRAY(r->s->arena, at_value, tree->count);
    const at_expr **list = AT_NEW_ARRAY(r->s->arena, const at_expr *, tree->count);
    at_kind kind = AT_BOOL;
    for (int i = 0; i < tree->count; i++) {
        values[i] = at_resolve_expr(r, scope, tree->args[i]);
        if (!values[i].e) return false;
        at_constant known = at_try_constant(r, values[i].e);
        if (values[i].rank || !known.known) {
            known =
                at_need_constant(r, scope, values[i].e, tree->args[i]->span, "an entry of a table");
            if (!known.known) return false;
        }
        if (i > 0 && (values[i].e->kind == AT_BOOL) != (kind == AT_BOOL)) {
            at_resolve_error(r, scope->frame, AT_E_TYPE, tree->args[i]->span,
                             "a table holds numbers or bools, not both");
            return false;
        }
        if (values[i].e->kind > kind) kind = values[i].e->kind;
    }
    for (int i = 0; i < tree->count; i++)
        list[i] = kind == AT_REAL ? at_as_real(r->s, values[i].e) : values[i].e;
    /* A single axis without an extent gets the table's. */
    if (target->count == 1 && target->axes[0]) {
        const at_entity *known = at_lookup(r, scope->frame, target->axes[0]);
        if (!known) {
            at_entity *entity =
                at_define(r, scope->frame, AT_N_AXIS, target->axes[0], target->axis_spans[0]);
            entity->axis = at_axis_new(r, target->axes[0], NULL,
                                       at_int(r->s, tree->count, target->span), true,
                                       target->axis_spans[0]);
        }
    }
    at_axis **left = at_bind_left(r, scope, target, NULL, 0);
    if (!left) return false;
    int64_t room = 1;
    for (int i = 0; i < target->count; i++) {
        if (!left[i]) {
            at_resolve_error(r, scope->frame, AT_E_LEFT_AXES, target->span,
                             "a table needs named axes at the left");
            return false;
        }
        at_constant extent =
            at_need_constant(r, scope, at_size(r->s, left[i], target->axis_spans[i]),
                             target->axis_spans[i], "a table");
        if (!extent.known) return false;
        if (__builtin_mul_overflow(room, extent.integer, &room)) room = -1;
    }
    if (room != tree->count) {
        at_resolve_error(r, scope->frame, AT_E_TABLE, tree->span,
                         "this table has %d %s, but `%s` has room for %lld", tree->count,
                         tree->count == 1 ? "entry" : "entries", target->name, (long long)room);
        return false;
    }
    at_array *array = at_define_target(r, scope->frame, target, kind, left, target->count, NULL, 0,
                                       false);
    if (!array) return false;
    if (r->scan_count > 0) { /* an array of each step, as all are there */
        const at_expr *place = row_major(r, left, target->count, st->span);
        at_add_statement(r, AT_EQUATION, array, st->span)->u.value =
            tree->count ? chosen(r, place, list, 0, tree->count, st->span)
                        : at_bool(r->s, false, st->span);
        return true;
    }
    at_statement *out = at_add_statement(r, AT_TABLE, array, st->span);
    out->u.table.count = tree->count;
    out->u.table.values = list;
    return true;
}

static bool draw_equation(at_resolver *r, at_scope *scope, const at_tree_statement *st) {
    const at_tree *tree = st->value;
    const at_target *target = &st->targets[0];
    int draw = tree->tag == AT_T_CALL ? at_draw_find(tree->name) : -1;
    if (draw < 0 || st->target_count != 1) {
        at_diag *diag = at_resolve_error(
            r, scope->frame, AT_E_DISTRIBUTION, tree->span, "%s is no distribution",
            tree->tag == AT_T_CALL ? at_format(r->s->arena, "`%s`", tree->name) : "this");
        at_hint(r->s, diag, "normal(mean, deviation), uniform(a, b), bernoulli(p) or gumbel()");
        return false;
    }
    int wanted = at_draw_info((at_draw)draw)->parameters;
    if (tree->count != wanted || tree->option_count) {
        at_diag *diag =
            at_resolve_error(r, scope->frame, AT_E_DISTRIBUTION, tree->span,
                             "`%s` takes %d number%s, but %d %s given", tree->name, wanted,
                             wanted == 1 ? "" : "s", tree->count, tree->count == 1 ? "is" : "are");
        at_hint(r->s, diag, "normal(mean, deviation), uniform(a, b), bernoulli(p) or gumbel()");
        return false;
    }
    /* A declared output without brackets here has its declared axes. */
    at_target written = *target;
    const at_target *declared = at_declared_output(scope->frame, target->name);
    if (!target->brackets && declared && declared->brackets) {
        written = *declared;
        written.span = target->span;
    }
    at_axis **left =
        at_bind_left(r, scope, &written, (const at_tree *const *)tree->args, tree->count);
    if (!left) return false;
    at_value args[2] = {{0}};
    for (int i = 0; i < wanted; i++) {
        args[i] = at_resolve_expr(r, scope, tree->args[i]);
        if (!args[i].e) return false;
        if (args[i].e->kind == AT_BOOL) {
            at_resolve_error(r, scope->frame, AT_E_TYPE, tree->args[i]->span,
                             "a parameter of `%s` is a number, but this is a bool", tree->name);
            return false;
        }
        args[i].e = at_as_real(r->s, args[i].e);
    }
    at_value lead = {.e = at_real(r->s, 0, st->span)};
    at_axis **axes;
    if (!at_values_lift(r, scope, args, wanted, tree->span, &lead.rank, &axes)) return false;
    lead.axes = axes;
    int kept = lead.rank;
    at_axis **own;
    int own_count;
    if (!at_place_left(r, scope, &written, left, &lead, &own, &own_count)) return false;
    const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, kept);
    for (int i = 0, k = 0; i < own_count && k < kept; i++)
        if (i >= written.count || !left[i]) index[k++] = at_index(r->s, own[i], st->span);
    at_kind kind = at_draw_info((at_draw)draw)->gives == AT_GIVES_BOOL ? AT_BOOL : AT_REAL;
    at_array *array =
        at_define_target(r, scope->frame, &written, kind, own, own_count, NULL, 0, true);
    if (!array) return false;
    at_statement *out = at_add_statement(r, AT_DRAWING, array, st->span);
    out->u.drawing.draw = (at_draw)draw;
    for (int i = 0; i < wanted; i++)
        out->u.drawing.args[i] = args[i].rank ? at_value_at(r, &args[i], index) : args[i].e;
    return true;
}

bool at_resolve_equation(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    const at_tree *tree = st->value;
    at_scope scope = at_scope_of(frame, st->targets[0].name);
    if (st->drawn) return draw_equation(r, &scope, st);
    if (tree->tag == AT_T_FOLD) {
        at_form form = at_fold_info((at_fold)at_fold_find(tree->name))->form;
        if (form == AT_FORM_RANK && st->target_count == 1) return at_topk_equation(r, &scope, st);
        bool value = form == AT_FORM_REMOVE ||
                     (form != AT_FORM_RANK && at_keeps_elsewhere(r, &scope, st));
        if (!value) return at_keeping_equation(r, &scope, st);
    }
    bool user_name = tree->tag == AT_T_CALL && !at_lookup(r, frame, tree->name);
    if (user_name && st->target_count == 1 && strcmp(tree->name, "table") == 0)
        return table_equation(r, &scope, st);
    if (user_name && st->target_count == 1 && strcmp(tree->name, "grad") == 0)
        return at_grad_equation(r, &scope, st);
    if (tree->tag == AT_T_CALL) return call_equation(r, frame, st);
    if (st->target_count > 1) {
        at_diag *diag = at_resolve_error(
            r, frame, AT_E_RESULT_COUNT, st->span,
            "%d arrays stand at the left, but the right side gives one", st->target_count);
        at_hint(r->s, diag, "give each an equation of its own");
        return false;
    }
    at_axis **left = at_bind_left(r, &scope, &st->targets[0], &tree, 1);
    if (!left) return false;
    at_value v = at_resolve_expr(r, &scope, tree);
    return v.e && define_value(r, &scope, &st->targets[0], left, v, st->span);
}
