/* Before and after a derivation: where each array stands, and the forward statements with what the
 * derivation put around them. */
#include "grad/grad_int.h"

/* ---- how deep regions stand in each other ---------------------------------------------------- */

/* An array has at most 32 axes; the lists of this folder hold those, as many rounds and steps
 * around them, and as many held axes. */
enum { NESTING = 32 };

static const at_statement *too_deep(const at_block *block, int depth) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i], *found = NULL;
        if (st->tag != AT_SCAN && st->tag != AT_REPEAT) continue;
        int inner = depth + (st->tag == AT_SCAN ? st->u.scan.count : 1);
        if (inner > NESTING) return st;
        found = too_deep(st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body, inner);
        if (found) return found;
    }
    return NULL;
}

bool at_grad_nests(at_session *s, const at_cascade *cascade) {
    const at_statement *st = too_deep(&cascade->body, 0);
    if (st)
        at_error(s, AT_E_GRAD_NESTING, st->span,
                 "a derivative goes through at most %d scans and repeats inside each other",
                 NESTING);
    return !st;
}

/* ---- where arrays stand ---------------------------------------------------------------------- */

typedef struct {
    at_derivation *g;
    at_axis *steps[128];
    int step_count;
    at_reversed *region;
} surveying;

static void note_target(surveying *v, const at_statement *st, const at_array *target) {
    at_slot *slot = at_slot_of(v->g, target);
    slot->by = st;
    slot->steps =
        at_copy(v->g->s->arena, v->steps, sizeof *v->steps * (size_t)v->step_count);
    slot->step_count = v->step_count;
    slot->region = v->region;
}

static at_reversed *new_region(surveying *v, const at_statement *st) {
    at_derivation *g = v->g;
    at_reversed *region = AT_NEW(g->s->arena, at_reversed);
    region->outer = v->region;
    region->forward = st;
    AT_PUSH(g->s->arena, g->regions, g->region_count, g->region_capacity, region);
    return region;
}

/* `reverses`: the regions met are reversed. */
static void survey_block(surveying *v, const at_block *block, bool reverses) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        at_reversed *outer = v->region;
        if (st->tag == AT_KEEPING) {
            for (int k = 0; k < st->u.keeping.count; k++)
                note_target(v, st, st->u.keeping.parts[k].target);
        } else if (st->tag == AT_SCAN) {
            int count = v->step_count;
            for (int k = 0; k < st->u.scan.count; k++)
                v->steps[v->step_count++] = st->u.scan.axes[k];
            if (reverses) v->region = new_region(v, st);
            survey_block(v, &st->u.scan.body, reverses);
            v->step_count = count;
        } else if (st->tag == AT_REPEAT) {
            for (int k = 0; k < st->u.repeat.carried_count; k++) {
                const at_carried *c = &st->u.repeat.carried[k];
                note_target(v, st, c->after);
                at_slot_of(v->g, c->inside); /* may move the slots */
                at_slot_of(v->g, c->after)->carried = at_slot_of(v->g, c->inside)->carried = c;
            }
            if (reverses) v->region = new_region(v, st);
            for (int k = 0; k < st->u.repeat.carried_count; k++)
                note_target(v, NULL, st->u.repeat.carried[k].inside);
            survey_block(v, &st->u.repeat.body, reverses);
        } else if (st->target && st->tag != AT_NEXT) {
            note_target(v, st, st->target);
        }
        v->region = outer;
    }
}

/* ---- what is read outside a repeat ----------------------------------------------------------- */

void at_note_escape(at_derivation *g, const at_array *array, const at_expr *const *index,
                    const at_reversed *region) {
    at_slot *slot = at_slot_of(g, array);
    for (at_reversed *r = slot->region; r; r = r->outer) {
        if (r->forward->tag != AT_REPEAT || !at_sees_last_round(array, index, region, r)) continue;
        bool known = false;
        for (at_escape *e = slot->escapes; e; e = e->next) known |= e->repeat == r;
        if (known) continue;
        at_escape *escape = AT_NEW(g->s->arena, at_escape);
        *escape = (at_escape){slot->escapes, r, NULL};
        slot->escapes = escape;
    }
}

static bool note_read(void *user, const at_expr *e) {
    surveying *v = user;
    if (e->tag == AT_READ)
        at_note_escape(v->g, e->u.read.array, e->u.read.index, v->region);
    return true;
}

static at_reversed *region_of(const at_derivation *g, const at_statement *st) {
    for (int i = 0; i < g->region_count; i++)
        if (g->regions[i]->forward == st) return g->regions[i];
    return NULL;
}

static void note_reads(surveying *v, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        at_reversed *outer = v->region;
        at_walk_statement(st, note_read, v);
        for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++)
            at_note_escape(v->g, st->u.repeat.carried[k].before, NULL, v->region);
        if (st->tag != AT_SCAN && st->tag != AT_REPEAT) continue;
        v->region = region_of(v->g, st);
        note_reads(v, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body);
        v->region = outer;
    }
}

void at_survey(at_derivation *g, const at_block *body, const at_block *blocks, int depth) {
    surveying v = {.g = g};
    survey_block(&v, body, false);
    /* The blocks that are reversed once more, now with their regions; each stands in the scans of
     * those before it. */
    for (int i = 0; i < depth; i++) {
        v = (surveying){.g = g};
        for (int k = 0; k < g->fixed_count; k++) {
            bool here = !g->fixed[k]->round && g->fixed_depth[k] <= g->level + i;
            if (here) v.steps[v.step_count++] = g->fixed[k];
        }
        survey_block(&v, &blocks[i], true);
    }
    for (int i = 0; i < depth; i++) {
        v = (surveying){.g = g};
        note_reads(&v, &blocks[i]);
    }
}

/* ---- putting in ------------------------------------------------------------------------------ */

static at_slot *slot_of(at_derivation *g, const at_statement *st) {
    if (st->tag == AT_KEEPING) return at_slot_of(g, st->u.keeping.parts[0].target);
    if (st->tag == AT_NEXT || !st->target) return NULL;
    return at_slot_of(g, st->target);
}

typedef struct {
    at_derivation *g;
    at_block block;
    int capacity;
} weaving;

static void weave(weaving *w, at_statement *st);

static void weave_all(weaving *w, const at_block *block) {
    for (int i = 0; i < block->count; i++) weave(w, block->items[i]);
}

/* A repeat with the rounds it ran counted. */
static at_statement *counted(at_derivation *g, const at_statement *st, const at_carried *ran) {
    at_statement *out = at_copy(g->s->arena, st, sizeof *st);
    int count = st->u.repeat.carried_count;
    out->u.repeat.carried = AT_NEW_ARRAY(g->s->arena, at_carried, count + 1);
    at_move(out->u.repeat.carried, st->u.repeat.carried, sizeof *ran * (size_t)count);
    out->u.repeat.carried[count] = *ran;
    out->u.repeat.carried_count = count + 1;
    return out;
}

static void weave_region(weaving *w, at_statement *st) {
    at_derivation *g = w->g;
    const at_reversed *region = region_of(g, st);
    weaving inner = {.g = g};
    at_statement *out = at_copy(g->s->arena, st, sizeof *st);
    if (region) weave_all(&inner, &region->front);
    weave_all(&inner, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body);
    if (region && region->ran) {
        const at_array *before = region->ran->before;
        at_append(g, &w->block, &w->capacity,
                  at_equation(g, region->ran->before, at_int(g->s, 0, before->span)));
        out = counted(g, out, region->ran);
    }
    if (st->tag == AT_SCAN) out->u.scan.body = inner.block;
    else out->u.repeat.body = inner.block;
    at_append(g, &w->block, &w->capacity, out);
    for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++)
        weave_all(w, &at_slot_of(g, st->u.repeat.carried[k].after)->after);
    if (region && region->ran) weave_all(w, &at_slot_of(g, region->ran->after)->after);
    if (region) weave_all(w, &region->behind);
}

static void weave(weaving *w, at_statement *st) {
    at_derivation *g = w->g;
    if (st->tag == AT_SCAN || st->tag == AT_REPEAT) {
        weave_region(w, st);
        return;
    }
    at_slot *slot = slot_of(g, st);
    if (slot) weave_all(w, &slot->before);
    at_append(g, &w->block, &w->capacity, slot && slot->changed ? slot->changed : st);
    if (st->tag == AT_KEEPING) {
        for (int k = 0; k < st->u.keeping.count; k++)
            weave_all(w, &at_slot_of(g, st->u.keeping.parts[k].target)->after);
    } else if (slot) {
        weave_all(w, &slot->after);
    }
}

at_block at_woven(at_derivation *g, const at_block *block) {
    weaving w = {.g = g};
    weave_all(&w, block);
    return w.block;
}
