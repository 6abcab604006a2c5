/* `g = grad(loss, z)` written out: the equations of the derivative in the place of the statement.
 * Statements are taken in order, so what a loss depends on holds no grad any more, and derivatives
 * of derivatives need nothing of their own.
 *
 * z is held independent: what lies between its definition and here is gone through, its own
 * equation is not. Inside a scan or repeat the derivative is of this step or round; other steps are
 * held. In a mapped call each loss is derived by its own z: `held` are the axes that a loss has. An
 * array that mixes their indices gets an adjoint for each of them. */
#include "grad/grad_int.h"

/* Blocks nest at most this deep (language.md 15). */
enum { DEPTH = 256 };

typedef struct {
    at_session *s;
    at_draft *draft;
    const at_rules *rules;
    int depth; /* of the block that is being expanded */
    at_block *chain[DEPTH];
    at_draft_region *regions[DEPTH]; /* regions[k] holds the capacity of chain[k - 1] */
    const at_statement *around[DEPTH];
    at_axis *fixed[4 * DEPTH];
    int fixed_depth[4 * DEPTH];
    int fixed_count;
} expansion;

/* ---- where the array is defined -------------------------------------------------------------- */

static bool defines(const at_statement *st, const at_array *z);

static bool block_defines(const at_block *block, const at_array *z) {
    for (int i = 0; i < block->count; i++)
        if (defines(block->items[i], z)) return true;
    return false;
}

static bool defines(const at_statement *st, const at_array *z) {
    if (st->tag == AT_KEEPING) {
        for (int k = 0; k < st->u.keeping.count; k++)
            if (st->u.keeping.parts[k].target == z) return true;
    } else if (st->tag == AT_REPEAT) {
        for (int k = 0; k < st->u.repeat.carried_count; k++)
            if (st->u.repeat.carried[k].after == z) return true;
        return block_defines(&st->u.repeat.body, z);
    } else if (st->tag == AT_SCAN) {
        return block_defines(&st->u.scan.body, z);
    }
    return st->tag != AT_NEXT && st->target == z;
}

/* What lies between the definition and here, outermost block first. Gives how many blocks. */
static int slices(const expansion *x, const at_array *z, at_block *blocks, int *level) {
    int first = 0, from = 0;
    for (int d = x->depth; d >= 0 && z->role != AT_INPUT && z->role != AT_PARAM; d--) {
        const at_statement *around = x->around[d];
        for (int k = 0; d > 0 && around->tag == AT_REPEAT && k < around->u.repeat.carried_count;
             k++)
            if (around->u.repeat.carried[k].inside == z) first = d;
        bool found = first == d && d > 0;
        for (int i = 0; i < x->chain[d]->count && !found; i++) {
            if (!defines(x->chain[d]->items[i], z)) continue;
            first = d;
            from = i;
            found = true;
        }
        if (found) break;
    }
    *level = first;
    for (int d = first; d <= x->depth; d++) {
        blocks[d - first] = *x->chain[d];
        if (d > first) continue;
        blocks[0].items += from;
        blocks[0].count -= from;
    }
    return x->depth - first + 1;
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* What a repeat around carries into this round depends on the array in all rounds before: those are
 * no part of the derivative of this round. */
static bool crosses_rounds(const expansion *x, at_derivation *g, const at_statement *st) {
    for (int d = g->level + 1; d <= x->depth; d++) {
        const at_statement *around = x->around[d];
        for (int k = 0; around->tag == AT_REPEAT && k < around->u.repeat.carried_count; k++) {
            const at_carried *c = &around->u.repeat.carried[k];
            if (!at_slot_of(g, c->before)->depends) continue;
            at_diag *diag = at_error(
                x->s, AT_E_GRAD_ROUNDS, st->span,
                "a derivative by `%s` from outside of a repeat, through what the repeat carries",
                st->u.grad.z->u.read.array->name);
            at_note(x->s, diag, around->span, "`%s` depends on it and is carried by this repeat",
                    c->before->name);
            at_hint(x->s, diag,
                    "take the derivative after the repeat, or by an array of the round");
            return true;
        }
    }
    return false;
}

static bool inside_repeat(const at_derivation *g, const at_array *z) {
    for (const at_reversed *r = g->slots[z->id].region; r; r = r->outer)
        if (r->forward->tag == AT_REPEAT) return true;
    return false;
}

/* ---- one ------------------------------------------------------------------------------------- */

/* The axes of the statement's left side that the loss has and that are no step or round. */
static void find_held(const expansion *x, at_derivation *g, const at_statement *st) {
    const at_array *target = st->target;
    g->held = AT_NEW_ARRAY(x->s->arena, at_axis *, target->rank);
    for (int i = 0; i < target->rank; i++) {
        bool fixed = false;
        for (int k = 0; k < x->fixed_count; k++) fixed |= x->fixed[k] == target->axes[i];
        if (!fixed && at_mentions(st->u.grad.loss, target->axes[i]))
            g->held[g->held_count++] = target->axes[i];
    }
}

static void seed(at_derivation *g, const at_expr *loss) {
    const at_array *array = loss->u.read.array;
    at_slot *slot = at_slot_of(g, array);
    slot->influences = true;
    slot->held = AT_NEW_ARRAY(g->s->arena, int, g->held_count);
    for (int k = 0; k < g->held_count; k++) {
        slot->held[k] = -1;
        for (int m = 0; m < array->rank; m++)
            if (loss->u.read.index[m]->tag == AT_INDEX &&
                loss->u.read.index[m]->u.axis == g->held[k])
                slot->held[k] = m;
    }
    at_note_escape(g, array, NULL, NULL);
}

/* The loss as the place from which 1 is sent. */
static void send_one(at_derivation *g, const at_expr *loss) {
    at_place place = {.g = g, .target = loss->u.read.array};
    at_axis **axes = AT_NEW_ARRAY(g->s->arena, at_axis *, g->held_count);
    const at_slot *slot = at_slot_of(g, loss->u.read.array);
    for (int k = 0; k < g->held_count; k++)
        if (slot->held[k] >= 0) axes[place.count++] = g->held[k];
    place.axes = axes;
    at_contribute(&place, loss->u.read.array, loss->u.read.index, at_real(g->s, 1, loss->span));
}

/* target = the adjoint of z, at the statement's indices. */
static void conclude(at_derivation *g, const at_statement *st) {
    at_session *s = g->s;
    const at_expr *z = st->u.grad.z;
    const at_array *array = z->u.read.array, *adjoint = at_adjoint_of(g, array);
    const at_expr *own = at_cotangent(g, array);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, adjoint->rank);
    int front = adjoint->rank - array->rank;
    for (int i = 0; i < adjoint->rank; i++)
        index[i] = i < front ? own->u.read.index[i] : z->u.read.index[i - front];
    /* Steps of scans stand before the axes that the loss alone has. */
    for (int i = 0; i < adjoint->rank && at_slot_of(g, array)->step_count > 0; i++) {
        index[i] = own->u.read.index[i];
        for (int m = 0; m < array->rank; m++)
            if (array->axes[m] == adjoint->axes[i]) index[i] = z->u.read.index[m];
    }
    at_statement *out = at_equation(g, st->target, at_read(s, adjoint, index, NULL, st->span));
    out->span = st->span;
    at_draft_add(g->draft, out);
}

/* The statement with held axes of its own: arrays on the way may have the very axis for something
 * else (the step of a scan, what a normaliser binds, what is read from the end), and the derivative
 * speaks of both at once. */
static const at_statement *with_own_axes(expansion *x, const at_statement *st) {
    at_session *s = x->s;
    at_array *target = st->target;
    const at_axis **old = AT_NEW_ARRAY(s->arena, const at_axis *, target->rank);
    const at_expr **new = AT_NEW_ARRAY(s->arena, const at_expr *, target->rank);
    at_axis **axes = at_copy(s->arena, target->axes, sizeof *axes * (size_t)target->rank);
    int count = 0;
    for (int i = 0; i < target->rank; i++) {
        bool fixed = false;
        for (int k = 0; k < x->fixed_count; k++) fixed |= x->fixed[k] == target->axes[i];
        if (fixed || !at_mentions(st->u.grad.loss, target->axes[i])) continue;
        axes[i] = at_draft_axis(x->draft, target->axes[i]);
        old[count] = target->axes[i];
        new[count++] = at_index(s, axes[i], st->span);
    }
    if (count == 0) return st;
    at_statement *out = at_copy(s->arena, st, sizeof *st);
    out->target = at_draft_array(x->draft, at_format(s->arena, "%s.own", target->name), NULL,
                                 AT_REAL, axes, target->rank, st->span);
    out->u.grad.loss = at_substitute(s, st->u.grad.loss, old, new, count, at_draft_axis, x->draft);
    out->u.grad.z = at_substitute(s, st->u.grad.z, old, new, count, at_draft_axis, x->draft);
    return out;
}

static bool derive_own(expansion *x, const at_statement *st);

static bool derive(expansion *x, const at_statement *st) {
    const at_statement *own = with_own_axes(x, st);
    if (!derive_own(x, own)) return false;
    if (own == st) return true;
    const at_expr **index = AT_NEW_ARRAY(x->s->arena, const at_expr *, st->target->rank);
    for (int i = 0; i < st->target->rank; i++)
        index[i] = at_index(x->s, st->target->axes[i], st->span);
    at_draft_equation(x->draft, st->target, at_read(x->s, own->target, index, NULL, st->span),
                      st->span);
    return true;
}

static bool derive_own(expansion *x, const at_statement *st) {
    at_session *s = x->s;
    const at_expr *loss = st->u.grad.loss;
    const at_array *z = st->u.grad.z->u.read.array;
    at_derivation *g = AT_NEW(s->arena, at_derivation);
    *g = (at_derivation){.s = s, .draft = x->draft, .rules = x->rules, .fixed = x->fixed,
                         .fixed_depth = x->fixed_depth, .fixed_count = x->fixed_count};
    at_block blocks[DEPTH];
    int depth = slices(x, z, blocks, &g->level);
    find_held(x, g, st);
    at_survey(g, x->chain[0], blocks, depth);
    seed(g, loss);
    at_slot_of(g, z)->depends = at_slot_of(g, z)->independent = true;
    if (inside_repeat(g, z)) {
        at_diag *diag =
            at_error(s, AT_E_GRAD_ROUNDS, st->u.grad.z->span,
                     "`%s` is of a repeat's last round; it cannot be derived by it here", z->name);
        at_hint(s, diag, "take the derivative inside of the repeat, or by an array before it");
        return false;
    }
    at_find_dependent(g, blocks, depth);
    if (crosses_rounds(x, g, st)) return false;
    at_find_held(g, blocks, depth);
    at_draft_region reverse;
    at_draft_open(x->draft, &reverse);
    send_one(g, loss);
    for (int d = depth - 1; d >= 0; d--) at_reverse_block(g, blocks[d].items, blocks[d].count);
    at_emit_adjoint(g, z);
    conclude(g, st);
    at_block derivative = at_draft_close(x->draft, &reverse);
    for (int d = 0; d <= x->depth; d++) {
        *x->chain[d] = at_woven(g, x->chain[d]);
        int *capacity = d == x->depth ? &x->draft->statement_capacity
                                      : &x->regions[d + 1]->outer_capacity;
        *capacity = x->chain[d]->count;
    }
    for (int i = 0; i < derivative.count; i++) at_draft_add(x->draft, derivative.items[i]);
    return true;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool expand_block(expansion *x, const at_block *block);

static bool expand_region(expansion *x, const at_statement *st) {
    int fixed = x->fixed_count;
    at_draft_region region;
    at_draft_open(x->draft, &region);
    x->depth++;
    x->chain[x->depth] = x->draft->block;
    x->regions[x->depth] = &region;
    x->around[x->depth] = st;
    int count = st->tag == AT_SCAN ? st->u.scan.count : 1;
    for (int i = 0; i < count; i++) {
        x->fixed_depth[x->fixed_count] = x->depth;
        x->fixed[x->fixed_count++] = st->tag == AT_SCAN ? st->u.scan.axes[i] : st->u.repeat.round;
    }
    bool good = expand_block(x, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body);
    x->depth--;
    x->fixed_count = fixed;
    at_statement *out = at_copy(x->s->arena, st, sizeof *st);
    at_block body = at_draft_close(x->draft, &region);
    if (st->tag == AT_SCAN) out->u.scan.body = body;
    else out->u.repeat.body = body;
    at_draft_add(x->draft, out);
    return good;
}

static bool expand_block(expansion *x, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        at_statement *st = block->items[i];
        bool good = true;
        if (st->tag == AT_GRAD) good = derive(x, st);
        else if (st->tag == AT_SCAN || st->tag == AT_REPEAT) good = expand_region(x, st);
        else at_draft_add(x->draft, st);
        if (!good) return false;
    }
    return true;
}

static bool look_for_grad(void *user, const at_statement *st) {
    *(bool *)user |= st->tag == AT_GRAD;
    return true;
}

const at_cascade *at_expand_grads(at_session *s, const at_cascade *cascade) {
    bool any = false;
    at_walk_block(&cascade->body, look_for_grad, &any);
    if (!any) return cascade;
    if (!at_grad_nests(s, cascade)) return NULL;
    s->stage = "grad";
    expansion *x = AT_NEW(s->arena, expansion);
    x->s = s;
    x->draft = at_draft_new(s, cascade);
    x->rules = at_rules_read(s);
    x->chain[0] = x->draft->block;
    if (!expand_block(x, &cascade->body) || x->draft->failed) return NULL;
    return at_tidy(s, x->draft->out);
}
