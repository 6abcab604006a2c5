/* Repeats. The body is resolved once and becomes a region: names defined before and defined again
 * inside are carried from round to round. When something in the body needs the number of the round
 * while compiling (an extent, a compile-time `if`), the rounds are written out one by one
 * instead. */
#include "lang/resolve_int.h"

#include <string.h>

/* What one attempt knows from earlier ones. */
typedef struct {
    const at_tree_statement *st;
    int64_t count;
    int excluded_count, excluded_capacity;
    const char **excluded; /* looked carried, but no equation was reached */
    int real_count, real_capacity;
    const char **real;     /* ints that meet a real later: real from the start */
    bool condition_carried; /* the condition needs equations of its own */
} plan;

typedef struct {
    const char *name;
    at_entity *entity;
    at_carried carried;
    at_view inside;
} candidate;

static const char *condition_name = "repeat.condition";

static bool listed(const char *const *list, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0) return true;
    return false;
}

static void set_newest(at_resolver *r, at_frame *frame, candidate *c, at_view view) {
    at_entity *old = at_lookup(r, frame, c->name);
    if (old && old->tag == AT_N_ARRAY && old->pending && at_many(old->pending)) {
        old->pending->current = view;
        c->entity = old;
        return;
    }
    c->entity = at_define(r, frame, AT_N_ARRAY, c->name, view.array->span);
    c->entity->view = view;
    c->entity->own = true;
}

/* An array with the name, kind and axes of another. */
static at_array *twin(at_resolver *r, const at_array *model, at_role role) {
    at_array *array = AT_NEW(r->s->arena, at_array);
    *array = *model;
    array->role = role;
    array->id = r->array_count;
    AT_PUSH(r->s->arena, r->arrays, r->array_count, r->array_capacity, array);
    return array;
}

/* The value before the first round, as an array of this frame with all its axes. */
static bool prepare(at_resolver *r, at_frame *frame, plan *p, candidate *c) {
    at_entity *entity = at_lookup(r, frame, c->name);
    at_value v;
    at_view *view = entity->tag == AT_N_ARRAY ? at_newest(entity) : NULL;
    if (view) v = at_value_read(r, view, entity->span);
    else v = entity->value;
    bool real = listed(p->real, p->real_count, c->name);
    const at_array *array = view ? view->array : NULL;
    /* Where a repeat around may keep what it began the round with, that must keep its name. */
    bool kept = false;
    for (const at_region *region = r->region; region; region = region->outer)
        kept = kept || (region->masks && array && array->role == AT_CARRIED);
    bool whole = array && !kept && entity->own && array->role != AT_INPUT &&
                 array->role != AT_PARAM && array->role != AT_STATE &&
                 !(real && array->kind != AT_REAL);
    if (whole) {
        int own = 0;
        for (int i = 0; i < view->rank; i++) {
            bool scan = false;
            for (int k = 0; k < r->scan_count; k++) scan = scan || view->axes[i] == r->scans[k];
            own += !scan;
        }
        whole = array->rank == r->scan_count + frame->hidden_count + own;
    }
    if (whole) {
        c->carried.before = (at_array *)array;
        c->inside = *view;
    } else {
        at_view copied;
        c->carried.before = at_copy_array(r, frame, &v, c->name, real ? AT_REAL : v.e->kind,
                                          p->st->span, &copied);
        c->inside = copied;
    }
    c->carried.inside = twin(r, c->carried.before, AT_CARRIED);
    c->inside.array = c->carried.inside;
    return true;
}

static bool collects_rounds(const plan *p, const at_assigned *name) {
    for (int k = 0; p->st->round && k < name->target->count; k++)
        if (name->target->axes[k] && strcmp(name->target->axes[k], p->st->round) == 0) return true;
    return false;
}

static int find_candidates(at_resolver *r, at_frame *frame, plan *p, candidate **out) {
    at_assigned *names;
    int count = at_assigned_names(r, &p->st->body, &names), n = 0;
    *out = AT_NEW_ARRAY(r->s->arena, candidate, count + 1);
    for (int i = 0; i < count; i++) {
        at_entity *entity = at_lookup(r, frame, names[i].name);
        if (collects_rounds(p, &names[i]) || !entity ||
            listed(p->excluded, p->excluded_count, names[i].name))
            continue;
        if (entity->tag == AT_N_ARRAY ? !at_newest(entity) : entity->tag != AT_N_VALUE) continue;
        /* In a scan, an array whose only equation is in here: known for its earlier steps alone. */
        if (entity->tag == AT_N_ARRAY && entity->pending && !at_many(entity->pending)) continue;
        (*out)[n++].name = names[i].name;
    }
    if (p->condition_carried) (*out)[n++].name = condition_name;
    return n;
}

/* ---- the round's axis ------------------------------------------------------------------------ */

static at_axis *round_axis(at_resolver *r, at_frame *frame, const plan *p) {
    const char *name = p->st->round ? p->st->round : "round";
    at_span span = p->st->round ? p->st->round_span : p->st->span;
    at_scope scope = at_scope_of(frame, name);
    at_axis probe = {.name = name, .extent = at_int(r->s, p->count, span), .fixed = -1, .id = -1};
    at_entity *known = p->st->round ? at_lookup(r, frame, name) : NULL;
    if (known && known->tag == AT_N_AXIS && (known->axis->round || known->axis->declared) &&
        !known->axis->like && !at_axis_taken(r, &scope, known->axis) &&
        at_extent_compare(r, known->axis, &probe) == AT_EXTENT_SAME) {
        known->axis->round = true;
        return known->axis;
    }
    if (known && known->tag != AT_N_BROKEN && !(known->tag == AT_N_AXIS && known->axis->round)) {
        at_diag *diag =
            at_resolve_error(r, frame, AT_E_NAME_TAKEN, span,
                             "the round's name `%s` already means something else", name);
        at_note(r->s, diag, known->span, "`%s` is defined here", name);
        return NULL;
    }
    at_axis *axis = at_axis_new(r, name, NULL, probe.extent, true, span);
    axis->round = true;
    if (p->st->round) at_define(r, frame, AT_N_AXIS, name, span)->axis = axis;
    return axis;
}

/* ---- the condition --------------------------------------------------------------------------- */

static at_value condition_value(at_resolver *r, at_frame *frame, const plan *p) {
    at_scope scope = at_scope_of(frame, condition_name);
    const at_expr *e =
        at_resolve_scalar(r, &scope, p->st->condition, AT_BOOL, "the condition after `while`");
    return at_scalar(e);
}

/* In a mapped call each index ends for itself: the repeat goes on while any does, and those that
 * ended keep their values. */
static const at_expr *any_mapped(at_resolver *r, at_frame *frame, const at_expr *condition,
                                 bool *mapped) {
    at_axis **axes = AT_NEW_ARRAY(r->s->arena, at_axis *, frame->hidden_count);
    int count = 0;
    for (int i = 0; i < frame->hidden_count; i++)
        if (at_mentions(condition, frame->hidden[i])) axes[count++] = frame->hidden[i];
    *mapped = count > 0;
    if (!count) return condition;
    return at_fold_node(r->s, AT_FOLD_ANY, axes, count, NULL, condition, condition->span);
}

/* Collected rounds hold 0 where a mapped index had ended. */
static bool mask_collected(at_resolver *r, at_frame *frame, const at_growing *body,
                           const at_axis *round, const at_expr *condition) {
    for (int i = 0; i < body->count; i++) {
        at_statement *st = body->items[i];
        const at_array *target = st->tag == AT_KEEPING ? st->u.keeping.parts[0].target : st->target;
        bool collects = false;
        for (int k = 0; target && k < target->rank; k++)
            collects = collects || target->axes[k] == round;
        if (!collects || st->tag == AT_NEXT) continue;
        if (st->tag != AT_EQUATION) {
            at_resolve_error(
                r, frame, AT_E_LIMIT, st->span,
                "in a mapped repeat with `while`, only plain equations can collect rounds");
            return false;
        }
        const at_expr *value = st->u.value;
        const at_expr *zero = value->kind == AT_REAL  ? at_real(r->s, 0, st->span)
                              : value->kind == AT_INT ? at_int(r->s, 0, st->span)
                                                      : at_bool(r->s, false, st->span);
        st->u.value = at_map_node(r->s, AT_OP_IF, condition, value, zero, st->span);
    }
    return true;
}

/* ---- what the body leaves -------------------------------------------------------------------- */

/* By a statement of this body that can take another name: a draw is made from its own. */
static bool written_here(const at_growing *body, const at_array *array) {
    for (int i = 0; i < body->count; i++) {
        const at_statement *st = body->items[i];
        if (st->target == array && st->tag != AT_NEXT) return st->tag != AT_DRAWING;
        for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
            if (st->u.keeping.parts[k].target == array) return true;
    }
    return false;
}

static bool same_shape(at_resolver *r, at_frame *frame, const candidate *c, const at_view *next,
                       at_span span) {
    const at_view *inside = &c->inside;
    if (next->rank != inside->rank) {
        at_diag *diag = at_resolve_error(r, frame, AT_E_CARRIED, span,
                                         "`%s` enters a round with %d %s, but leaves it with %d",
                                         c->name, inside->rank, inside->rank == 1 ? "axis" : "axes",
                                         next->rank);
        at_hint(r->s, diag, "what a repeat carries keeps its axes; use another name inside");
        return false;
    }
    for (int i = 0; i < next->rank; i++) {
        const char *what = at_format(r->s->arena, "before it, axis %d", i + 1);
        const char *here = at_format(r->s->arena, "after a round, axis %d of `%s`", i + 1, c->name);
        if (!at_extent_agree(r, frame, inside->axes[i], c->carried.before->span, what,
                             next->axes[i], span, here))
            return false;
    }
    return true;
}

/* The axes of both are in one order. */
static bool same_order(const at_view *a, const at_view *b) {
    bool same = a->array->rank == b->array->rank;
    for (int i = 0; i < a->array->rank && same; i++)
        same = a->hole[i] == b->hole[i] &&
               (a->hole[i] >= 0 || a->array->axes[i] == b->array->axes[i]);
    return same;
}

/* The array that the next round begins with: the newest definition, under the carried name. */
static bool finish(at_resolver *r, at_frame *frame, plan *p, candidate *c, const at_expr *masked) {
    at_view *newest = at_newest(at_lookup(r, frame, c->name));
    if (!same_shape(r, frame, c, newest, newest->array->span)) return false;
    at_array *next = (at_array *)newest->array;
    const at_array *before = c->carried.before;
    bool whole = same_order(newest, &c->inside) && next->kind == before->kind;
    if (whole && !masked && next->role == AT_DEFINED && written_here(r->block, next)) {
        next->name = before->name;
    } else if (!whole || masked || strcmp(next->name, before->name) != 0) {
        at_value now = at_value_read(r, newest, p->st->span);
        if (before->kind == AT_REAL) now.e = at_as_real(r->s, now.e);
        at_array *copy = twin(r, before, AT_DEFINED);
        const at_expr **at = AT_NEW_ARRAY(r->s->arena, const at_expr *, now.rank);
        const at_expr **full = AT_NEW_ARRAY(r->s->arena, const at_expr *, before->rank);
        for (int i = 0; i < before->rank; i++) {
            full[i] = at_index(r->s, before->axes[i], p->st->span);
            if (c->inside.hole[i] >= 0) at[c->inside.hole[i]] = full[i];
        }
        const at_expr *e = at_value_at(r, &now, at);
        if (masked)
            e = at_map_node(r->s, AT_OP_IF, masked, e,
                            at_read(r->s, c->carried.inside, full, NULL, p->st->span), p->st->span);
        at_add_statement(r, AT_EQUATION, copy, p->st->span)->u.value = e;
        next = copy;
    }
    c->carried.next = next;
    return true;
}

typedef enum { DONE, AGAIN, FAILED } outcome;

/* Whether an assumption of this attempt was wrong: then the plan is mended. */
static bool mend_plan(at_resolver *r, at_frame *frame, plan *p, candidate *list, int count) {
    bool mended = false;
    for (int i = 0; i < count; i++) {
        at_entity *entity = at_lookup(r, frame, list[i].name);
        if (!entity || entity->tag != AT_N_ARRAY) continue;
        const at_view *newest = at_newest(entity);
        const at_array *next = newest ? newest->array : NULL;
        if (next == list[i].carried.inside || !next) {
            AT_PUSH(r->s->arena, p->excluded, p->excluded_count, p->excluded_capacity,
                    list[i].name);
            mended = true;
        } else if (next->kind == AT_REAL && list[i].carried.before->kind == AT_INT) {
            AT_PUSH(r->s->arena, p->real, p->real_count, p->real_capacity, list[i].name);
            mended = true;
        }
    }
    return mended;
}

static bool kinds_fit(at_resolver *r, at_frame *frame, const candidate *list, int count) {
    for (int i = 0; i < count; i++) {
        const at_array *next = at_newest(at_lookup(r, frame, list[i].name))->array;
        const at_array *before = list[i].carried.before;
        if ((next->kind == AT_BOOL) == (before->kind == AT_BOOL)) continue;
        at_diag *diag = at_resolve_error(r, frame, AT_E_CARRIED, next->span,
                                         "`%s` enters a round as %ss, but leaves it as %ss",
                                         list[i].name, at_kind_text(before->kind),
                                         at_kind_text(next->kind));
        at_note(r->s, diag, before->span, "before the first round");
        return false;
    }
    return true;
}

/* ---- as a region ----------------------------------------------------------------------------- */

/* Body and condition of one round, with r->block the body's. */
static outcome one_round(at_resolver *r, at_frame *frame, plan *p, candidate *list, int count,
                         const at_axis *round, const at_expr **condition) {
    *condition = NULL;
    const at_expr *own = NULL;
    bool mapped = false;
    if (p->condition_carried) {
        at_value v = at_value_read(r, &list[count - 1].inside, p->st->span);
        own = v.e;
    } else if (p->st->condition) {
        int before = r->block->count;
        own = condition_value(r, frame, p).e;
        if (!own) return FAILED;
        if (r->block->count > before) {
            p->condition_carried = true;
            return AGAIN;
        }
    }
    if (own) *condition = any_mapped(r, frame, own, &mapped);
    if (mapped) {
        /* Said once, at the beginning: what it reads is equated anew in the round. */
        at_scope scope = at_scope_of(frame, condition_name);
        own = at_hoist(r, &scope, at_scalar(own), at_frame_path(r, frame, "repeat.goes_on"),
                       p->st->span).e;
    }
    if (!at_resolve_block(r, frame, &p->st->body)) return FAILED;
    if (p->condition_carried) {
        at_value v = condition_value(r, frame, p);
        at_view view;
        if (!v.e) return FAILED;
        at_copy_array(r, frame, &v, condition_name, AT_BOOL, p->st->condition->span, &view);
        set_newest(r, frame, &list[count - 1], view);
    }
    if (mend_plan(r, frame, p, list, count)) return AGAIN;
    if (!kinds_fit(r, frame, list, count)) return FAILED;
    if (mapped && !mask_collected(r, frame, r->block, round, own)) return FAILED;
    for (int i = 0; i < count; i++)
        if (!finish(r, frame, p, &list[i], mapped ? own : NULL)) return FAILED;
    if (!mapped) return DONE;
    at_assigned *names;
    int assigned = at_assigned_names(r, &p->st->body, &names);
    for (int i = 0; i < assigned; i++) {
        bool carried = false;
        for (int k = 0; k < count; k++)
            carried = carried || strcmp(list[k].name, names[i].name) == 0;
        at_entity *entity = at_lookup(r, frame, names[i].name);
        bool collects = false;
        for (int k = 0; entity && entity->tag == AT_N_ARRAY && k < entity->view.array->rank; k++)
            collects = collects || entity->view.array->axes[k] == round;
        if (!carried && !collects)
            at_define(r, frame, AT_N_LIMIT, names[i].name, names[i].target->span)->why =
                at_format(r->s->arena, "`%s` is first defined inside a mapped repeat with `while`, "
                          "so it cannot be read after it", names[i].name);
    }
    return DONE;
}

static outcome attempt(at_resolver *r, at_frame *frame, plan *p) {
    at_axis *round = round_axis(r, frame, p);
    if (!round) return FAILED;
    if (p->condition_carried) {
        at_value v = condition_value(r, frame, p);
        at_view view;
        if (!v.e) return FAILED;
        at_copy_array(r, frame, &v, condition_name, AT_BOOL, p->st->condition->span, &view);
        at_entity *entity = at_define(r, frame, AT_N_ARRAY, condition_name, p->st->condition->span);
        entity->view = view;
        entity->own = true;
    }
    candidate *list;
    int count = find_candidates(r, frame, p, &list);
    at_region region = {.outer = r->region, .count = 1, .axes = &round, .frame = frame};
    region.masks = p->st->condition && frame->hidden_count > 0;
    at_assigned *names;
    int name_count = p->st->condition ? at_assigned_names(r, &p->st->body, &names) : 0;
    region.forced = AT_NEW_ARRAY(r->s->arena, const char *, count + name_count);
    /* What is collected is 0 where a mapped index has ended. */
    for (int i = 0; i < name_count; i++)
        if (collects_rounds(p, &names[i])) region.forced[region.forced_count++] = names[i].name;
    for (int i = 0; i < count; i++) {
        if (!prepare(r, frame, p, &list[i])) return FAILED;
        region.forced[region.forced_count++] = list[i].name;
    }
    for (int i = 0; i < count; i++) set_newest(r, frame, &list[i], list[i].inside);
    at_axis **repeats = r->repeats;
    const char *rounds = frame->rounds;
    at_env *env = frame->env;
    at_growing body = {0}, *outer = r->block;
    r->region = &region;
    r->repeats = AT_NEW_ARRAY(r->s->arena, at_axis *, r->repeat_count + 1);
    at_move(r->repeats, repeats, sizeof *repeats * (size_t)r->repeat_count);
    r->repeats[r->repeat_count++] = round;
    r->block = &body;
    frame->rounds = at_format(r->s->arena, "%s[]", rounds);
    if (p->st->round)
        frame->env = at_env_add(r, env, p->st->round,
                                at_scalar(at_index(r->s, round, p->st->round_span)));
    const at_expr *condition;
    outcome result = one_round(r, frame, p, list, count, round, &condition);
    r->block = outer;
    r->region = region.outer;
    r->repeats = repeats;
    r->repeat_count--;
    frame->rounds = rounds;
    frame->env = env;
    if (r->need_round && r->needed == round) return AGAIN;
    if (result != DONE) return result;
    at_statement *out = at_add_statement(r, AT_REPEAT, NULL, p->st->span);
    out->u.repeat.round = round;
    out->u.repeat.count = p->count;
    out->u.repeat.condition = condition;
    out->u.repeat.body = (at_block){body.count, body.items};
    out->u.repeat.carried = AT_NEW_ARRAY(r->s->arena, at_carried, count);
    out->u.repeat.carried_count = count;
    for (int i = 0; i < count; i++) {
        list[i].carried.after = twin(r, list[i].carried.before, AT_RESULT);
        at_view view = list[i].inside;
        view.array = list[i].carried.after;
        set_newest(r, frame, &list[i], view);
        out->u.repeat.carried[i] = list[i].carried;
    }
    return DONE;
}

/* ---- written out round by round -------------------------------------------------------------- */

/* Rounds number their calls alike: the same call has the same path in all of them but for the
 * round. */
static void number_again(at_resolver *r, at_frame *frame, const at_map *start, at_map *most) {
    at_map counts = frame->call_counts;
    for (int i = 0; i < counts.capacity; i++) {
        if (!counts.keys[i]) continue;
        const int *now = counts.values[i], *before = at_map_get(most, counts.keys[i]);
        if (!before || *now > *before)
            at_map_put(r->s->arena, most, counts.keys[i], counts.values[i]);
    }
    frame->call_counts = at_map_clone(r->s, start);
}

static bool unroll(at_resolver *r, at_frame *frame, const plan *p) {
    const at_tree_statement *st = p->st;
    if (st->condition) {
        at_resolve_error(
            r, frame, AT_E_LIMIT, st->condition->span,
            "a repeat with `while` cannot use its round in an extent or in an `if` block");
        return false;
    }
    if (p->count > AT_UNROLL_LIMIT) {
        at_resolve_error(
            r, frame, AT_E_LIMIT, st->span,
            "this repeat uses its round when compiled, so it is written out; %lld rounds "
            "are more than %d",
            (long long)p->count, AT_UNROLL_LIMIT);
        return false;
    }
    at_axis *axis = round_axis(r, frame, p);
    if (!axis) return false;
    const char *rounds = frame->rounds;
    at_env *env = frame->env;
    at_assigned *names;
    int assigned = at_assigned_names(r, &st->body, &names);
    for (int i = 0; i < assigned && p->count > 1; i++) {
        at_pending *pending = at_find_pending(r, frame, names[i].name);
        if (pending) pending->many = true;
    }
    at_map start = at_map_clone(r->s, &frame->call_counts), most = at_map_clone(r->s, &start);
    bool good = true;
    for (int64_t k = 0; k < p->count && good; k++) {
        frame->rounds = at_format(r->s->arena, "%s[%lld]", rounds, (long long)k);
        frame->env = at_env_add(r, env, st->round, at_scalar(at_int(r->s, k, st->round_span)));
        frame->env->unrolled = axis;
        good = at_resolve_block(r, frame, &st->body);
        number_again(r, frame, &start, &most);
    }
    frame->call_counts = most;
    frame->rounds = rounds;
    frame->env = env;
    return good;
}

bool at_resolve_repeat(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    plan p = {.st = st};
    at_scope scope = at_scope_of(frame, "repeat");
    const at_expr *count = at_resolve_scalar(r, &scope, st->value, AT_INT, "the number of rounds");
    if (!count) return false;
    at_constant known = at_need_constant(r, &scope, count, st->value->span, "the number of rounds");
    if (!known.known) return false;
    if (known.integer < 0) {
        at_resolve_error(r, frame, AT_E_EXTENT_NEGATIVE, st->value->span,
                         "a repeat cannot have %lld rounds", (long long)known.integer);
        return false;
    }
    p.count = known.integer;
    at_mark mark = at_mark_take(r, frame);
    for (;;) {
        outcome result = attempt(r, frame, &p);
        if (result == DONE) return true;
        if (result == FAILED) return false;
        bool unrolled = r->need_round;
        at_mark_return(r, frame, &mark);
        r->need_round = false;
        if (unrolled) return unroll(r, frame, &p);
    }
}
