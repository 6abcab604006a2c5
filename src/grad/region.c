/* Blocks and scans in reverse. A scan runs the other way; its arrays are whole histories, so
 * nothing else changes. Here too: what an expression of the forward rounds is in the reversed
 * ones. */
#include "grad/grad_int.h"

/* ---- expressions of the forward body --------------------------------------------------------- */

/* The repeats around both the array's definition and here whose rounds are no axes of the array,
 * outermost first; *behind: the outermost of those around the definition only. */
static int missing_rounds(at_derivation *g, const at_expr *e, at_reversed **repeats,
                          at_reversed **behind) {
    const at_array *array = e->u.read.array;
    int count = 0;
    *behind = NULL;
    for (at_reversed *r = at_slot_of(g, array)->region; r; r = r->outer) {
        if (r->forward->tag != AT_REPEAT) continue;
        if (at_sees_last_round(array, e->u.read.index, g->region, r)) {
            *behind = r;
            continue;
        }
        bool own = false;
        for (int m = 0; m < array->rank; m++) own |= array->axes[m] == r->forward->u.repeat.round;
        if (own) continue;
        for (int k = count; k > 0; k--) repeats[k] = repeats[k - 1];
        repeats[0] = r;
        count++;
    }
    return count;
}

/* The array of all rounds' values, filled by an equation in the forward body. */
static const at_array *collected(at_derivation *g, const at_array *array, at_reversed **repeats,
                                 int count, at_reversed *behind) {
    at_slot *slot = at_slot_of(g, array);
    for (const at_collected *c = slot->collected; c; c = c->next)
        if (c->behind == behind) return c->all;
    at_axis **axes = AT_NEW_ARRAY(g->s->arena, at_axis *, count + array->rank);
    for (int i = 0; i < count; i++) axes[i] = repeats[i]->forward->u.repeat.round;
    at_move(axes + count, array->axes, sizeof *axes * (size_t)array->rank);
    const char *name =
        at_name_in(g, slot->region, at_format(g->s->arena, "%s.rounds", array->name));
    at_array *all = at_draft_array(g->draft, name, NULL, array->kind, axes, count + array->rank,
                                   array->span);
    at_slot_of(g, all);
    slot = at_slot_of(g, array);
    at_collected *entry = AT_NEW(g->s->arena, at_collected);
    *entry = (at_collected){slot->collected, behind, all};
    slot->collected = entry;
    at_statement *copy = at_equation(g, all, at_read_whole(g->s, array, array->span));
    if (behind) at_append(g, &behind->behind, &behind->behind_capacity, copy);
    else if (array->role == AT_CARRIED)
        at_append(g, &repeats[count - 1]->front, &repeats[count - 1]->front_capacity, copy);
    else at_append(g, &slot->after, &slot->after_capacity, copy);
    return all;
}

static const at_expr *reversed_node(void *user, const at_expr *e) {
    at_derivation *g = user;
    at_session *s = g->s;
    if (e->tag == AT_INDEX) {
        for (at_reversed *r = g->region; r; r = r->outer)
            if (r->forward->tag == AT_REPEAT && r->forward->u.repeat.round == e->u.axis)
                return r->at;
        return e;
    }
    if (e->tag != AT_READ) return e;
    const at_array *array = e->u.read.array;
    at_reversed *repeats[64], *behind;
    int count = missing_rounds(g, e, repeats, &behind);
    if (count == 0) return e;
    const at_array *all = collected(g, array, repeats, count, behind);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, count + array->rank);
    for (int i = 0; i < count; i++) index[i] = repeats[i]->at;
    at_move(index + count, e->u.read.index, sizeof *index * (size_t)array->rank);
    return at_read(s, all, index, e->u.read.alternative, e->span);
}

const at_expr *at_in_reverse(at_derivation *g, const at_expr *e) {
    for (const at_reversed *r = g->region; r; r = r->outer)
        if (r->forward->tag == AT_REPEAT) return at_rewrite(g->s, e, reversed_node, g);
    return e;
}

/* ---- scans and blocks ------------------------------------------------------------------------ */

static void reverse_scan(at_derivation *g, const at_statement *st) {
    at_reversed *f = at_reversed_of(g, st);
    at_draft_region region;
    g->region = f;
    at_draft_open(g->draft, &region);
    at_reverse_block(g, st->u.scan.body.items, st->u.scan.body.count);
    at_block body = at_draft_close(g->draft, &region);
    g->region = f->outer;
    if (body.count == 0) return;
    at_statement *out = at_copy(g->s->arena, st, sizeof *st);
    out->u.scan.down = AT_NEW_ARRAY(g->s->arena, bool, st->u.scan.count);
    for (int i = 0; i < st->u.scan.count; i++) out->u.scan.down[i] = !st->u.scan.down[i];
    out->u.scan.body = body;
    at_draft_add(g->draft, out);
}

static bool holds_active(at_derivation *g, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (st->target && st->tag != AT_NEXT && at_is_active(g, st->target)) return true;
        for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
            if (at_is_active(g, st->u.keeping.parts[k].target)) return true;
        for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++)
            if (at_is_carried_active(g, &st->u.repeat.carried[k])) return true;
        if (st->tag == AT_SCAN && holds_active(g, &st->u.scan.body)) return true;
        if (st->tag == AT_REPEAT && holds_active(g, &st->u.repeat.body)) return true;
    }
    return false;
}

static void reverse_statement(at_derivation *g, const at_statement *st) {
    switch (st->tag) {
    case AT_EQUATION: {
        if (!at_is_active(g, st->target) || at_slot_of(g, st->target)->independent) break;
        at_place place = at_place_of(g, st->target);
        place.root = st->u.value;
        at_push(&place, st->u.value, at_cotangent(g, st->target));
        break;
    }
    case AT_KEEPING:
        for (int i = 0; i < st->u.keeping.count; i++) {
            const at_array *target = st->u.keeping.parts[i].target;
            if (!at_is_active(g, target) || at_slot_of(g, target)->independent) continue;
            at_push_keeping(g, st);
            break;
        }
        break;
    case AT_DRAWING:
        if (at_is_active(g, st->target) && !at_slot_of(g, st->target)->independent)
            at_push_drawing(g, st);
        break;
    case AT_SCAN:
        if (holds_active(g, &st->u.scan.body)) reverse_scan(g, st);
        break;
    case AT_REPEAT: {
        at_block one = {1, (at_statement **)&st};
        if (holds_active(g, &one)) at_reverse_repeat(g, st);
        break;
    }
    case AT_TOPK:
    case AT_TABLE:
    case AT_GRAD:
    case AT_NEXT:
    case AT_ASSERT: break;
    }
}

/* The adjoints of what a statement defines; its own reverse reads them, so they come first. */
static void emit_targets(at_derivation *g, const at_statement *st) {
    if ((st->tag == AT_EQUATION || st->tag == AT_DRAWING) && at_is_active(g, st->target) &&
        !at_slot_of(g, st->target)->independent)
        at_emit_adjoint(g, st->target);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        if (at_is_active(g, st->u.keeping.parts[i].target) &&
            !at_slot_of(g, st->u.keeping.parts[i].target)->independent)
            at_emit_adjoint(g, st->u.keeping.parts[i].target);
    if (st->tag != AT_REPEAT) return;
    at_block one = {1, (at_statement **)&st};
    if (!holds_active(g, &one)) return;
    for (int i = 0; i < st->u.repeat.carried_count; i++)
        if (at_is_carried_active(g, &st->u.repeat.carried[i]))
            at_emit_adjoint(g, st->u.repeat.carried[i].after);
    at_emit_escapes(g, at_reversed_of(g, st));
}

/* In a scan a step's adjoint has contributions from statements before it as well (they read an
 * earlier step), so all contributions are made first and the equations written after. */
void at_reverse_block(at_derivation *g, at_statement *const *items, int count) {
    at_block *rest = AT_NEW_ARRAY(g->s->arena, at_block, count);
    for (int i = count - 1; i >= 0; i--) {
        at_draft_region region;
        at_draft_open(g->draft, &region);
        reverse_statement(g, items[i]);
        rest[i] = at_draft_close(g->draft, &region);
    }
    for (int i = count - 1; i >= 0; i--) {
        emit_targets(g, items[i]);
        for (int k = 0; k < rest[i].count; k++) at_draft_add(g->draft, rest[i].items[k]);
    }
}
