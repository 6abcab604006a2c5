/* Contributions to adjoints, and their sum. A contribution says: this value, for all values of
 * these axes where this guard holds, belongs to the element at that index. The adjoint of an array
 * is the equation that adds up, at each element, what belongs to it: a sum guarded by equality of
 * indices, which form/solve.c solves. */
#include "grad/grad_int.h"

#include <string.h>

at_slot *at_slot_of(at_derivation *g, const at_array *array) {
    while (g->slot_count <= array->id) {
        at_slot empty = {0};
        AT_PUSH(g->s->arena, g->slots, g->slot_count, g->slot_capacity, empty);
    }
    return &g->slots[array->id];
}

bool at_is_within(const at_reversed *region, const at_reversed *outer) {
    for (; region; region = region->outer)
        if (region == outer) return true;
    return false;
}

bool at_is_fixed_axis(const at_derivation *g, const at_reversed *region, const at_axis *axis) {
    for (int i = 0; i < g->fixed_count; i++)
        if (g->fixed[i] == axis) return true;
    for (; region; region = region->outer)
        if (region->forward->tag == AT_REPEAT && region->forward->u.repeat.round == axis)
            return true;
    return false;
}

static bool is_scan_axis(const at_derivation *g, const at_axis *axis) {
    for (int i = 0; i < g->fixed_count; i++)
        if (g->fixed[i] == axis) return !axis->round;
    return false;
}

void at_append(at_derivation *g, at_block *block, int *capacity, at_statement *st) {
    AT_PUSH(g->s->arena, block->items, block->count, *capacity, st);
}

at_statement *at_equation(at_derivation *g, at_array *target, const at_expr *value) {
    at_statement *st = AT_NEW(g->s->arena, at_statement);
    st->tag = AT_EQUATION;
    st->span = value->span;
    st->target = target;
    st->u.value = value;
    return st;
}

const char *at_name_in(const at_derivation *g, const at_reversed *region, const char *name) {
    if (strpbrk(name, "[#")) return name;
    for (; region; region = region->outer)
        if (region->forward->tag == AT_REPEAT) name = at_format(g->s->arena, "%s[]", name);
    for (int i = 0; i < g->fixed_count; i++)
        if (g->fixed[i]->round) name = at_format(g->s->arena, "%s[]", name);
    return name;
}

/* ---- the axes of adjoints -------------------------------------------------------------------- */

int at_extra_count(at_derivation *g, const at_array *array) {
    const at_slot *slot = at_slot_of(g, array);
    int count = 0;
    for (int k = 0; k < g->held_count; k++) count += !slot->held || slot->held[k] < 0;
    return count;
}

static bool among(at_axis *const *axes, int count, const at_axis *axis) {
    for (int i = 0; i < count; i++)
        if (axes[i] == axis) return true;
    return false;
}

int at_adjoint_axes(at_derivation *g, const at_array *array, const bool *dropped, at_axis **axes,
                    const at_expr **wanted) {
    at_session *s = g->s;
    const at_slot *slot = at_slot_of(g, array);
    int count = 0, index = 0;
    for (int i = 0; i < g->fixed_count; i++)
        if (is_scan_axis(g, g->fixed[i]) && !among(array->axes, array->rank, g->fixed[i]))
            axes[count++] = g->fixed[i];
    for (int k = 0; k < g->held_count; k++) {
        if (slot->held && slot->held[k] >= 0) continue;
        axes[count++] = g->held[k];
        if (wanted) wanted[index] = at_index(s, g->held[k], array->span);
        index++;
    }
    for (int m = 0; m < array->rank; m++, index++) {
        if (wanted) wanted[index] = NULL;
        if (dropped && dropped[m]) continue;
        at_axis *axis = array->axes[m];
        if (among(axes, count, axis)) axis = at_draft_axis(g->draft, axis);
        axes[count++] = axis;
        if (wanted) wanted[index] = at_index(s, axis, array->span);
    }
    return count;
}

/* Steps of scans come first, whatever held axes there are. */
static void steps_first(at_derivation *g, const at_array *array, at_axis **axes, int count) {
    const at_slot *slot = at_slot_of(g, array);
    int front = 0;
    for (int i = 0; i < slot->step_count; i++)
        for (int k = front; k < count; k++) {
            if (axes[k] != slot->steps[i]) continue;
            at_axis *step = axes[k];
            for (; k > front; k--) axes[k] = axes[k - 1];
            axes[front++] = step;
            break;
        }
}

int at_axes_here(at_derivation *g, const at_array *target, at_axis *const *axes, int count,
                 at_axis **out) {
    bool dropped[64];
    for (int m = 0; m < target->rank; m++) dropped[m] = true;
    int front = at_adjoint_axes(g, target, dropped, out, NULL);
    for (int i = 0; i < count; i++)
        if (!at_is_fixed_axis(g, g->region, axes[i]) || !axes[i]->round) out[front++] = axes[i];
    steps_first(g, target, out, front);
    return front;
}

/* The rounds of repeats around an array have one value where it is defined. */
static void drop_fixed(const at_derivation *g, const at_reversed *region, const at_array *array,
                       bool *dropped) {
    for (int m = 0; m < array->rank; m++)
        dropped[m] = at_is_fixed_axis(g, region, array->axes[m]) && array->axes[m]->round;
}

const char *at_adjoint_name(at_session *s, const char *name) {
    const char *last = name;
    for (const char *c = name; *c; c++)
        if (*c == '.') last = c + 1;
    return at_format(s->arena, "%.*sd%s", (int)(last - name), name, last);
}

at_array *at_adjoint_of(at_derivation *g, const at_array *array) {
    at_slot *slot = at_slot_of(g, array);
    if (slot->adjoint) return slot->adjoint;
    bool dropped[64];
    at_axis *axes[160];
    drop_fixed(g, slot->region, array, dropped);
    int count = at_adjoint_axes(g, array, dropped, axes, NULL);
    steps_first(g, array, axes, count);
    const char *name = at_name_in(g, slot->region, at_adjoint_name(g->s, array->name));
    at_array *adjoint =
        at_draft_array(g->draft, name, NULL, AT_REAL, axes, count, array->span);
    at_slot_of(g, adjoint); /* may move the slots */
    at_slot_of(g, array)->adjoint = adjoint;
    return adjoint;
}

const at_expr *at_cotangent(at_derivation *g, const at_array *array) {
    at_session *s = g->s;
    at_array *adjoint = at_adjoint_of(g, array);
    adjoint->cotangent = true;
    /* Its axes are the array's own, but where an input has one twice. */
    if (array->role != AT_INPUT) return at_read_whole(s, adjoint, array->span);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, adjoint->rank);
    int front = adjoint->rank - array->rank;
    for (int i = 0; i < adjoint->rank; i++)
        index[i] = at_index(s, i < front ? adjoint->axes[i] : array->axes[i - front], array->span);
    return at_read(s, adjoint, index, NULL, array->span);
}

const at_expr *at_auxiliary(at_derivation *g, const at_array *owner, const char *suffix,
                            at_axis *const *axes, int rank, const at_expr *value) {
    const char *name =
        at_name_in(g, g->region, at_format(g->s->arena, "%s.%s", owner->name, suffix));
    at_array *array =
        at_draft_array(g->draft, name, NULL, value->kind, axes, rank, owner->span);
    at_slot_of(g, array);
    value = at_under_axes(g, value, axes, rank);
    at_draft_equation(g->draft, array, at_in_reverse(g, value), value->span);
    return at_read_whole(g->s, array, value->span);
}

/* ---- contributions --------------------------------------------------------------------------- */

bool at_sees_last_round(const at_array *array, const at_expr *const *index,
                        const at_reversed *region, const at_reversed *repeat) {
    if (!at_is_within(region, repeat)) return true;
    for (const at_reversed *s = repeat->outer; s && index; s = s->outer) {
        if (s->forward->tag != AT_SCAN) continue;
        for (int i = 0; i < s->forward->u.scan.count; i++)
            for (int m = 0; m < array->rank; m++) {
                const at_axis *step = s->forward->u.scan.axes[i];
                if (array->axes[m] != step) continue;
                if (index[m]->tag != AT_INDEX || index[m]->u.axis != step) return true;
            }
    }
    return false;
}

/* The outermost repeat around the array of which the read sees the last round. */
static at_reversed *entered(const at_derivation *g, const at_slot *slot, const at_array *array,
                            const at_expr *const *index) {
    at_reversed *outermost = NULL;
    for (at_reversed *r = slot->region; r; r = r->outer)
        if (r->forward->tag == AT_REPEAT && at_sees_last_round(array, index, g->region, r))
            outermost = r;
    return outermost;
}

/* Another step of a scan in which the derivative stands is held. */
static bool is_other_step(at_derivation *g, const at_array *array, const at_expr *const *index) {
    const at_slot *slot = at_slot_of(g, array);
    for (int m = 0; m < array->rank; m++) {
        const at_axis *axis = array->axes[m];
        if (!is_scan_axis(g, axis)) continue;
        if (!among(slot->steps, slot->step_count, axis)) continue;
        if (index[m]->tag != AT_INDEX || index[m]->u.axis != axis) return true;
    }
    return false;
}

void at_contribute(const at_place *place, const at_array *array, const at_expr *const *index,
                   const at_expr *value) {
    at_derivation *g = place->g;
    at_session *s = g->s;
    at_slot *slot = at_slot_of(g, array), *target = at_slot_of(g, place->target);
    if (is_other_step(g, array, index)) return;
    at_contribution *c = AT_NEW(s->arena, at_contribution);
    c->target = place->target;
    c->from = g->region;
    c->enter = entered(g, slot, array, index);
    c->axes = AT_NEW_ARRAY(s->arena, at_axis *, place->count + g->held_count);
    at_move(c->axes, place->axes, sizeof *c->axes * (size_t)place->count);
    c->count = place->count;
    c->index = AT_NEW_ARRAY(s->arena, const at_expr *, g->held_count + array->rank);
    int extra = 0;
    for (int k = 0; k < g->held_count; k++) {
        bool has = target->held && target->held[k] >= 0;
        at_axis *axis = has ? place->target->axes[target->held[k]] : g->held[k];
        if (!has) c->axes[c->count++] = axis;
        if (!slot->held || slot->held[k] < 0) c->index[extra++] = at_index(s, axis, value->span);
    }
    at_move(c->index + extra, index, sizeof *index * (size_t)array->rank);
    c->guard = place->guard;
    c->value = value;
    if (slot->last) slot->last->next = c;
    else slot->first = c;
    slot->last = c;
}

/* ---- their sum ------------------------------------------------------------------------------- */

static const at_expr *renamed(at_derivation *g, const at_expr *e, const at_axis *old,
                              const at_expr *new) {
    return e ? at_substitute(g->s, e, &old, &new, 1, at_draft_axis, g->draft) : NULL;
}

/* Behind the forward statement that defines the array, where the reverse can have it as well. */
static bool put_behind(void *user, const at_array *of, at_statement *st) {
    at_derivation *g = user;
    at_array *target = st->u.keeping.parts[0].target;
    at_slot_of(g, target); /* may move the slots */
    at_slot *slot = at_slot_of(g, of), *own = at_slot_of(g, target);
    if (!slot->by) return false;
    own->by = st;
    own->region = slot->region;
    own->steps = slot->steps;
    own->step_count = slot->step_count;
    at_append(g, &slot->after, &slot->after_capacity, st);
    return true;
}

typedef struct {
    at_derivation *g;
    at_axis *const *axes;
    int count;
} unbinding;

static const at_expr *with_fresh_folds(void *user, const at_expr *e) {
    const unbinding *u = user;
    if (e->tag != AT_FOLD_NODE) return e;
    at_session *s = u->g->s;
    int count = e->u.fold.count;
    at_axis **axes = at_copy(s->arena, e->u.fold.axes, sizeof *axes * (size_t)count);
    const at_expr *guard = e->u.fold.guard, *body = e->u.fold.body;
    bool clash = false;
    for (int i = 0; i < count; i++) {
        if (!among(u->axes, u->count, axes[i])) continue;
        clash = true;
        axes[i] = at_draft_axis(u->g->draft, axes[i]);
        const at_expr *at = at_index(s, axes[i], e->span);
        guard = renamed(u->g, guard, e->u.fold.axes[i], at);
        body = renamed(u->g, body, e->u.fold.axes[i], at);
    }
    if (!clash) return e;
    return at_fold_node(s, e->u.fold.fold, axes, count, guard, body, e->span);
}

const at_expr *at_under_axes(at_derivation *g, const at_expr *e, at_axis *const *axes,
                             int count) {
    unbinding u = {g, axes, count};
    return e ? at_rewrite(g->s, e, with_fresh_folds, &u) : NULL;
}

/* ---- later steps ----------------------------------------------------------------------------- */

static bool look_for_cotangent(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_READ && e->u.read.array->cotangent && e->u.read.array->role != AT_INPUT;
    return !*found;
}

static bool holds(const at_block *block, const at_statement *by) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (st == by) return true;
        if (st->tag == AT_SCAN && holds(&st->u.scan.body, by)) return true;
        if (st->tag == AT_REPEAT && holds(&st->u.repeat.body, by)) return true;
    }
    return false;
}

/* Whether a step's element of `target` is known in the reverse before that of `array`: its
 * statement stands behind in the body. */
static bool comes_behind(at_derivation *g, const at_reversed *region, const at_array *target,
                         const at_array *array) {
    if (!at_slot_of(g, array)->by) return true; /* what the round begins with */
    const at_statement *f = region->forward;
    const at_block *body = f->tag == AT_SCAN ? &f->u.scan.body : &f->u.repeat.body;
    for (int i = 0; i < body->count; i++) {
        at_block one = {1, &body->items[i]};
        if (holds(&one, at_slot_of(g, target)->by)) return false;
        if (holds(&one, at_slot_of(g, array)->by)) return true;
    }
    return true;
}

static int steps_around(const at_reversed *region, const at_statement **scans) {
    int count = region->outer ? steps_around(region->outer, scans) : 0;
    if (region->forward->tag == AT_SCAN) scans[count++] = region->forward;
    return count;
}

/* In a scan a contribution is one of a step that comes no earlier than the element's. That is said
 * in front where the contribution's guard asks for cotangents: of other steps there are none yet.
 * axes: what axes of the contribution are by now, by their names. */
static const at_expr *is_known(at_derivation *g, const at_wanted *which, const at_contribution *c,
                               const at_map *axes) {
    at_session *s = g->s;
    const at_array *array = which->array;
    bool asks = false;
    at_walk(c->guard, look_for_cotangent, &asks);
    const at_reversed *region = c->from;
    while (region && !at_is_within(at_slot_of(g, array)->region, region)) region = region->outer;
    if (!asks || !region) return NULL;
    const at_statement *scans[64];
    int count = steps_around(region, scans), extra = at_extra_count(g, array);
    const at_expr *known = at_bool(s, comes_behind(g, region, c->target, array), array->span);
    bool any = false;
    for (int k = count - 1; k >= 0; k--)
        for (int i = scans[k]->u.scan.count - 1; i >= 0; i--) {
            const at_axis *step = scans[k]->u.scan.axes[i];
            const at_expr *own = NULL;
            for (int m = 0; m < array->rank; m++)
                if (array->axes[m] == step) own = which->wanted[extra + m];
            if (!own || among(which->same, which->same_count, step)) continue;
            const at_axis *renamed_to = at_map_get(axes, step->name);
            const at_expr *there = at_index(s, renamed_to ? renamed_to : step, own->span);
            at_op op = scans[k]->u.scan.down[i] ? AT_OP_GT : AT_OP_LT;
            const at_expr *later = at_map_node(s, op, own, there, NULL, own->span);
            const at_expr *equal = at_map_node(s, AT_OP_EQ, own, there, NULL, own->span);
            known = at_map_node(s, AT_OP_OR, later,
                                at_map_node(s, AT_OP_AND, equal, known, NULL, own->span), NULL,
                                own->span);
            any = true;
        }
    return any ? at_make_simple(s, at_affine_simple(s, known)) : NULL;
}

static const at_expr *one_of_total(at_derivation *g, const at_wanted *which,
                                   const at_contribution *c) {
    at_session *s = g->s;
    int indices = at_extra_count(g, which->array) + which->array->rank;
    const at_expr **index = at_copy(s->arena, c->index, sizeof *index * (size_t)indices);
    at_guarded_sum sum = {.draft = g->draft, .place = put_behind, .user = g};
    sum.body = at_under_axes(g, c->value, which->left, which->left_count);
    const at_expr *guard = at_under_axes(g, c->guard, which->left, which->left_count);
    for (int m = 0; m < indices; m++)
        index[m] = at_under_axes(g, index[m], which->left, which->left_count);
    at_map fresh_axes = {0};
    for (int i = 0; i < c->count; i++) {
        at_axis *axis = c->axes[i];
        if (among(which->same, which->same_count, axis)) continue;
        /* The very index that is wanted needs no equation. */
        bool wanted = false;
        for (int m = 0; m < indices && !wanted; m++)
            wanted = which->wanted[m] && which->wanted[m]->tag == AT_INDEX &&
                     which->wanted[m]->u.axis == axis && index[m]->tag == AT_INDEX &&
                     index[m]->u.axis == axis;
        if (wanted) continue;
        if (among(which->left, which->left_count, axis)) {
            at_axis *fresh = at_draft_axis(g->draft, axis);
            const at_expr *at = at_index(s, fresh, c->value->span);
            for (int m = 0; m < indices; m++) index[m] = renamed(g, index[m], axis, at);
            guard = renamed(g, guard, axis, at);
            sum.body = renamed(g, sum.body, axis, at);
            at_map_put(s->arena, &fresh_axes, axis->name, fresh);
            axis = fresh;
        }
        AT_PUSH(s->arena, sum.axes, sum.count, sum.capacity, axis);
    }
    const at_expr *known = is_known(g, which, c, &fresh_axes);
    at_solve_guard(&sum, known);
    at_solve_guard(&sum, guard);
    for (int m = 0; m < indices; m++)
        if (which->wanted[m] && !at_same(index[m], which->wanted[m]))
            at_solve_equation(&sum, at_map_node(s, AT_OP_SUB, index[m], which->wanted[m], NULL,
                                                c->value->span));
    at_solve(&sum);
    if (known && sum.guard) sum.guard = at_make_simple(s, sum.guard);
    if (known && sum.guard && sum.guard->tag == AT_CONST && sum.guard->u.integer) sum.guard = NULL;
    return at_guarded_sum_expr(&sum);
}

const at_expr *at_total(at_derivation *g, const at_wanted *which) {
    const at_expr *total = NULL;
    at_contribution *kept_first = NULL, *kept_last = NULL, *next;
    for (at_contribution *c = at_slot_of(g, which->array)->first; c; c = next) {
        next = c->next;
        if (which->take(c, which->user)) {
            const at_expr *one = one_of_total(g, which, c);
            total = total ? at_make_add(g->s, total, one) : one;
            continue;
        }
        c->next = NULL;
        if (kept_last) kept_last->next = c;
        else kept_first = c;
        kept_last = c;
    }
    at_slot *slot = at_slot_of(g, which->array);
    slot->first = kept_first;
    slot->last = kept_last;
    return total;
}

void at_match_wanted(at_derivation *g, const at_array *array, at_axis *const *axes, int count,
                     const at_expr **wanted) {
    int indices = at_extra_count(g, array) + array->rank;
    bool all = true;
    for (int m = 0; m < indices; m++)
        all &= !wanted[m] || among(axes, count, wanted[m]->u.axis);
    for (int m = indices - 1; m >= 0 && !all; m--)
        if (wanted[m]) wanted[m] = at_index(g->s, axes[--count], array->span);
}

static bool take_own(const at_contribution *c, const void *user) {
    (void)user;
    return c->enter == NULL;
}

void at_emit_adjoint(at_derivation *g, const at_array *array) {
    at_array *adjoint = at_adjoint_of(g, array);
    const at_expr *wanted[160];
    bool dropped[64];
    at_axis *axes[160];
    drop_fixed(g, at_slot_of(g, array)->region, array, dropped);
    at_wanted which = {.array = array, .take = take_own, .wanted = wanted, .left = adjoint->axes,
                       .left_count = adjoint->rank};
    at_adjoint_axes(g, array, dropped, axes, wanted);
    at_match_wanted(g, array, adjoint->axes, adjoint->rank, wanted);
    const at_expr *total = at_total(g, &which);
    if (!total) total = at_real(g->s, 0, array->span);
    at_draft_equation(g->draft, adjoint, at_in_reverse(g, total), total->span);
}
