/* What a derivative can go through: an array is active when it depends on what is derived by and
 * influences what is derived. Only active arrays get an adjoint, so a derivative has no more
 * equations than it needs. */
#include "grad/grad_int.h"

/* ---- reads that a derivative goes through ---------------------------------------------------- */

typedef struct {
    void (*visit)(void *user, const at_expr *read);
    void *user;
} walker;

static bool fold_passes(at_fold fold) {
    switch (fold) {
    case AT_FOLD_SUM:
    case AT_FOLD_MEAN:
    case AT_FOLD_PROD:
    case AT_FOLD_MIN:
    case AT_FOLD_MAX:
    case AT_FOLD_LOGSUMEXP: return true;
    default: return false;
    }
}

static bool op_passes(at_op op) {
    switch (op) {
    case AT_OP_SIGN:
    case AT_OP_FLOOR:
    case AT_OP_CEIL:
    case AT_OP_ROUND:
    case AT_OP_STOP:
    case AT_OP_TO_REAL:
    case AT_OP_TO_INT: return false;
    default: return true;
    }
}

static bool look(void *user, const at_expr *e) {
    walker *w = user;
    if (e->kind != AT_REAL) return false;
    switch (e->tag) {
    case AT_READ:
        w->visit(w->user, e);
        if (e->u.read.alternative) at_walk(e->u.read.alternative, look, w);
        return false; /* indices are ints */
    case AT_MAP: return op_passes(e->u.map.op);
    case AT_FOLD_NODE:
        if (fold_passes(e->u.fold.fold)) at_walk(e->u.fold.body, look, w);
        return false;
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: break;
    }
    return true;
}

void at_differentiable_reads(const at_expr *e, void (*visit)(void *user, const at_expr *read),
                             void *user) {
    walker w = {visit, user};
    at_walk(e, look, &w);
}

/* ---- through statements ---------------------------------------------------------------------- */

typedef struct {
    at_derivation *g;
    bool changed;
    const at_array *target;
    bool backwards; /* from targets to what they read */
} search;

/* What is derived by is held independent of what its own equation reads. */
static void mark(search *w, bool *flag) {
    if (*flag) return;
    *flag = true;
    w->changed = true;
}

static void visit_read(void *user, const at_expr *read) {
    search *w = user;
    at_slot *from = at_slot_of(w->g, read->u.read.array), *to = at_slot_of(w->g, w->target);
    if (!w->backwards && from->depends) mark(w, &to->depends);
    if (w->backwards && to->influences && !to->independent) mark(w, &from->influences);
}

static void link(search *w, const at_array *target, const at_expr *e) {
    if (!e || target->kind != AT_REAL) return;
    w->target = target;
    /* Slots must not move while they are looked at. */
    at_slot_of(w->g, w->g->draft->out->arrays[w->g->draft->out->array_count - 1]);
    at_differentiable_reads(e, visit_read, w);
}

static void link_arrays(search *w, const at_array *from, const at_array *to) {
    at_slot *a = at_slot_of(w->g, from), *b = at_slot_of(w->g, to);
    if (from->kind != AT_REAL) return;
    if (!w->backwards && a->depends) mark(w, &b->depends);
    if (w->backwards && b->influences) mark(w, &a->influences);
}

static void look_at_statement(search *w, const at_statement *st) {
    switch (st->tag) {
    case AT_EQUATION: link(w, st->target, st->u.value); break;
    case AT_KEEPING:
        /* Each part of a normaliser depends on all. */
        for (int i = 0; i < st->u.keeping.count; i++)
            for (int k = 0; k < st->u.keeping.count; k++)
                link(w, st->u.keeping.parts[i].target, st->u.keeping.parts[k].body);
        break;
    case AT_DRAWING:
        for (int i = 0; i < at_draw_info(st->u.drawing.draw)->parameters; i++)
            link(w, st->target, st->u.drawing.args[i]);
        break;
    case AT_REPEAT:
        for (int i = 0; i < st->u.repeat.carried_count; i++) {
            const at_carried *c = &st->u.repeat.carried[i];
            link_arrays(w, c->before, c->inside);
            link_arrays(w, c->next, c->inside);
            link_arrays(w, c->before, c->after);
            link_arrays(w, c->next, c->after);
        }
        break;
    case AT_TOPK:
    case AT_TABLE:
    case AT_GRAD:
    case AT_NEXT:
    case AT_SCAN:
    case AT_ASSERT: break;
    }
}

/* In the direction of the search, so that a chain of equations takes one round. */
static void walk_block(search *w, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[w->backwards ? block->count - 1 - i : i];
        if (w->backwards || st->tag != AT_REPEAT) look_at_statement(w, st);
        if (st->tag == AT_SCAN) walk_block(w, &st->u.scan.body);
        if (st->tag == AT_REPEAT) {
            look_at_statement(w, st);
            walk_block(w, &st->u.repeat.body);
            look_at_statement(w, st);
        }
    }
}

void at_find_dependent(at_derivation *g, const at_block *blocks, int depth) {
    for (int backwards = 0; backwards < 2; backwards++) {
        search w = {g, true, NULL, backwards};
        while (w.changed) {
            w.changed = false;
            for (int i = 0; i < depth; i++) walk_block(&w, &blocks[backwards ? depth - 1 - i : i]);
        }
    }
}

bool at_is_active(at_derivation *g, const at_array *array) {
    const at_slot *slot = at_slot_of(g, array);
    return array->kind == AT_REAL && slot->depends && slot->influences;
}

typedef struct {
    at_derivation *g;
    bool found;
} reach;

static void note_active(void *user, const at_expr *read) {
    reach *r = user;
    /* What the target reads influences it. */
    if (at_slot_of(r->g, read->u.read.array)->depends) r->found = true;
}

bool at_reaches_active(at_derivation *g, const at_expr *e) {
    reach r = {g, false};
    at_differentiable_reads(e, note_active, &r);
    return r.found;
}

/* ---- held axes ------------------------------------------------------------------------------- */

typedef struct {
    at_derivation *g;
    const at_array *target;
    bool changed;
} tracing;

/* The dimension is `m`, unless another one was found: then the array mixes the held indices. */
static void hold(tracing *w, at_slot *slot, int k, int m) {
    if (slot->held[k] == m || slot->held[k] == -1) return;
    slot->held[k] = slot->held[k] == -2 ? m : -1;
    w->changed = true;
}

static at_slot *slot_with_held(at_derivation *g, const at_array *array) {
    at_slot *slot = at_slot_of(g, array);
    if (slot->held) return slot;
    slot->held = AT_NEW_ARRAY(g->s->arena, int, g->held_count);
    for (int k = 0; k < g->held_count; k++) slot->held[k] = -2; /* not known yet */
    return slot;
}

static void trace_read(void *user, const at_expr *read) {
    tracing *w = user;
    const at_array *array = read->u.read.array;
    slot_with_held(w->g, array);
    const int *from = slot_with_held(w->g, w->target)->held;
    at_slot *slot = at_slot_of(w->g, array);
    for (int k = 0; k < w->g->held_count; k++) {
        if (from[k] == -2) continue;
        int found = -1;
        for (int m = 0; m < array->rank && from[k] >= 0; m++) {
            const at_expr *index = read->u.read.index[m];
            if (index->tag == AT_INDEX && index->u.axis == w->target->axes[from[k]]) found = m;
        }
        hold(w, slot, k, found);
    }
}

static void trace(tracing *w, const at_array *target, const at_expr *e) {
    if (!e || !at_is_active(w->g, target)) return;
    w->target = target;
    at_differentiable_reads(e, trace_read, w);
}

/* What a repeat carries has the same dimensions at all its places. */
static void trace_carried(tracing *w, const at_array *from, const at_array *to) {
    slot_with_held(w->g, from);
    slot_with_held(w->g, to);
    for (int k = 0; k < w->g->held_count; k++) {
        int m = at_slot_of(w->g, from)->held[k];
        if (m != -2) hold(w, at_slot_of(w->g, to), k, m);
    }
}

/* A normaliser or a running fold mixes the elements of the axes that it binds. */
static void mix_bound(tracing *w, const at_part *part) {
    at_slot *slot = slot_with_held(w->g, part->target);
    for (int k = 0; k < w->g->held_count; k++)
        for (int b = 0; b < part->count && slot->held[k] >= 0; b++)
            if (part->target->axes[slot->held[k]] == part->bound[b]) hold(w, slot, k, -1);
}

static void trace_block(tracing *w, const at_block *block) {
    for (int i = block->count - 1; i >= 0; i--) {
        const at_statement *st = block->items[i];
        if (st->tag == AT_EQUATION) trace(w, st->target, st->u.value);
        for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
            mix_bound(w, &st->u.keeping.parts[k]);
        for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
            trace(w, st->u.keeping.parts[k].target, st->u.keeping.parts[k].body);
        for (int k = 0; st->tag == AT_DRAWING && k < 2; k++)
            trace(w, st->target, st->u.drawing.args[k]);
        if (st->tag == AT_SCAN) trace_block(w, &st->u.scan.body);
        if (st->tag != AT_REPEAT) continue;
        for (int k = 0; k < st->u.repeat.carried_count; k++) {
            const at_carried *c = &st->u.repeat.carried[k];
            trace_carried(w, c->after, c->next);
            trace_carried(w, c->inside, c->next);
        }
        trace_block(w, &st->u.repeat.body);
        for (int k = 0; k < st->u.repeat.carried_count; k++) {
            const at_carried *c = &st->u.repeat.carried[k];
            trace_carried(w, c->inside, c->before);
            trace_carried(w, c->after, c->before);
            trace_carried(w, c->before, c->after);
            trace_carried(w, c->after, c->inside);
        }
    }
}

void at_find_held(at_derivation *g, const at_block *blocks, int depth) {
    if (g->held_count == 0) return;
    tracing w = {.g = g, .changed = true};
    while (w.changed) {
        w.changed = false;
        for (int i = depth - 1; i >= 0; i--) trace_block(&w, &blocks[i]);
    }
    for (int id = 0; id < g->slot_count; id++)
        for (int k = 0; g->slots[id].held && k < g->held_count; k++)
            if (g->slots[id].held[k] == -2) g->slots[id].held[k] = -1;
}
