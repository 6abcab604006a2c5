/* The statements of a block with its classes as scans (stream.h), in an order in which each has
 * what it reads: a scan stands where the last of its folds stood, what follows from it after it. */
#include "opt/stream_int.h"

/* ---- statements in a possible order ---------------------------------------------------------- */

typedef struct {
    at_streaming *w;
    bool *ready; /* by array id: written, or not of this block */
    int *by;     /* by array id: the statement that writes it */
    int at;      /* of the statement at hand; what comes after it in a scan is read at other steps */
    bool *out;   /* by statement: it is in the draft */
    const bool *leaves_round;
    bool found;
} ordering;

static bool look_for_unready(void *user, const at_expr *e) {
    ordering *o = user;
    if (e->tag == AT_READ && e->u.read.array->id < o->w->known)
        o->found |= !o->ready[e->u.read.array->id] && o->by[e->u.read.array->id] < o->at;
    return !o->found;
}

static bool look_inside(void *user, const at_statement *st) {
    at_walk_statement(st, look_for_unready, user);
    return true;
}

static void set_ready(void *user, const at_array *array) {
    ordering *o = user;
    o->ready[array->id] = true;
}

static void set_all_ready(ordering *o, const at_statement *st) {
    at_statement_written(st, set_ready, o);
}

static void unset_ready(void *user, const at_array *array) {
    ordering *o = user;
    o->ready[array->id] = false;
    o->by[array->id] = o->at;
}

/* What the statements in front of it leave to do: a copy that a repeat carries on is written when
 * all before it is done, as what it takes the place of may be read there. */
static bool is_ready(ordering *o, int i) {
    const at_statement *st = o->w->of->items[i];
    o->found = false;
    o->at = i;
    if (st->tag == AT_REPEAT)
        for (int k = 0; k < st->u.repeat.carried_count; k++)
            o->found |= !o->ready[st->u.repeat.carried[k].before->id];
    at_walk_statement(st, look_for_unready, o);
    if (st->tag == AT_REPEAT || st->tag == AT_SCAN) {
        /* What it writes itself is no matter. */
        bool *old = o->ready;
        o->ready = at_copy(o->w->s->arena, old, sizeof *old * (size_t)o->w->known);
        set_all_ready(o, st);
        at_walk_block(st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body, look_inside, o);
        o->ready = old;
    }
    bool fence = st->tag == AT_NEXT || st->tag == AT_REPEAT ||
                 (st->target && o->leaves_round[st->target->id]);
    for (int k = 0; fence && k < i; k++) o->found |= !o->out[k];
    return !o->found;
}

/* Whether the statement is the equation of one of the class' pair arrays. */
static bool is_array_of(const at_streaming *w, const at_sweep_class *c, int i) {
    const at_statement *st = w->of->items[i];
    return st->tag == AT_EQUATION && w->by[st->target->id] &&
           at_stream_component(w, st->target->id) == c->component;
}

static bool is_part_of_class(const at_streaming *w, int i) {
    for (int k = 0; k < w->class_count; k++) {
        const at_sweep_class *c = w->classes[k];
        if (c->why) continue;
        if (at_stream_has_part(c, i) || (c->part_count && is_array_of(w, c, i))) return true;
    }
    return false;
}

static bool is_class_ready(ordering *o, const at_sweep_class *c) {
    bool *old = o->ready,
         *ready = at_copy(o->w->s->arena, old, sizeof *ready * (size_t)o->w->known);
    o->found = false;
    o->at = c->last;
    for (int i = 0; i < o->w->known; i++) ready[i] |= c->follows[i];
    o->ready = ready;
    for (int k = 0; k < c->tile_count; k++) at_walk(c->tiles[k].value, look_for_unready, o);
    for (int k = 0; k < c->given.fold_count; k++)
        at_walk(c->given.folds[k].fold, look_for_unready, o);
    for (int i = c->first; i < c->last; i++) {
        const at_statement *st = o->w->of->items[i];
        if (o->out[i] || !at_stream_follows(c->follows, st) || is_part_of_class(o->w, i)) continue;
        at_walk_statement(st, look_for_unready, o);
        if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, look_inside, o);
        if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, look_inside, o);
    }
    o->ready = old;
    return !o->found;
}

/* ---- what becomes of a block ----------------------------------------------------------------- */

static void add_statement(ordering *o, int i) {
    at_streaming *w = o->w;
    at_statement *st = w->of->items[i];
    o->out[i] = true;
    set_all_ready(o, st);
    if (st->tag != AT_SCAN && st->tag != AT_REPEAT) {
        at_draft_add(w->draft, st);
        return;
    }
    at_statement *out = at_copy(w->s->arena, st, sizeof *st);
    at_draft_region region;
    at_draft_open(w->draft, &region);
    region.statement = out;
    at_streaming inner = *w;
    at_stream_block(&inner, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body);
    at_block body = at_draft_close(w->draft, &region);
    if (st->tag == AT_SCAN) out->u.scan.body = body;
    else out->u.repeat.body = body;
    at_draft_add(w->draft, out);
}

/* Values of the folds; rows between them are ready when they are. */
static void add_values(ordering *o, at_sweep_class *c, const at_expr *const *last) {
    at_streaming *w = o->w;
    for (int k = 0; k < c->part_count; k++) {
        for (int i = 0; i < c->parts[k].statement; i++)
            if (!o->out[i] && !is_part_of_class(w, i) && is_ready(o, i)) add_statement(o, i);
        at_draft_equation(w->draft, c->parts[k].target, at_sweep_value(w->s, c->sweep, k, last),
                          c->parts[k].fold->span);
        o->out[c->parts[k].statement] = true;
        o->ready[c->parts[k].target->id] = true;
    }
}

static void add_class(ordering *o, at_sweep_class *c) {
    at_streaming *w = o->w;
    at_sweeping made = {.s = w->s, .draft = w->draft, .block = w->block, .blocks = c->blocks,
                         .along = c->along, .tile_count = c->tile_count, .tiles = c->tiles,
                         .owner = c->parts[c->part_count - 1].target, .given = &c->given,
                         .sweep = c->sweep};
    const at_expr **last = at_sweep_scan(&made);
    c->done = true;
    for (int i = 0; i < w->of->count; i++)
        if (is_array_of(w, c, i)) o->out[i] = true;
    add_values(o, c, last);
    for (int k = 0; k < c->part_count; k++) w->swept[c->parts[k].target->id] = true;
    w->report->scans++;
}

/* Everything that is ready, in the order of the text as far as it may be; false: something is
 * left. */
static bool add_ready(ordering *o, int up_to, bool really) {
    at_streaming *w = o->w;
    for (bool again = true; again;) {
        again = false;
        for (int k = 0; k < w->class_count; k++) {
            at_sweep_class *c = w->classes[k];
            if (c->why || c->done || !c->part_count || c->last > up_to || !is_class_ready(o, c))
                continue;
            if (really) {
                add_class(o, c);
            } else {
                c->done = true;
                for (int i = 0; i < w->of->count; i++) {
                    if (!at_stream_has_part(c, i) && !is_array_of(w, c, i)) continue;
                    o->out[i] = true;
                    set_all_ready(o, w->of->items[i]);
                }
            }
            again = true;
        }
        for (int i = 0; i <= up_to; i++) {
            if (o->out[i] || is_part_of_class(w, i) || !is_ready(o, i)) continue;
            if (really) add_statement(o, i);
            o->out[i] = true;
            set_all_ready(o, w->of->items[i]);
            again = true;
        }
    }
    for (int i = 0; i <= up_to; i++)
        if (!o->out[i]) return false;
    return true;
}

static ordering begin(at_streaming *w) {
    ordering o = {.w = w, .leaves_round = w->next};
    o.ready = AT_NEW_ARRAY(w->s->arena, bool, w->known);
    o.out = AT_NEW_ARRAY(w->s->arena, bool, w->of->count);
    for (int i = 0; i < w->known; i++) o.ready[i] = true;
    o.by = AT_NEW_ARRAY(w->s->arena, int, w->known);
    for (o.at = 0; o.at < w->of->count; o.at++)
        at_statement_written(w->of->items[o.at], unset_ready, &o);
    for (int k = 0; k < w->class_count; k++) w->classes[k]->done = false;
    return o;
}

static void note_refusals(at_streaming *w) {
    for (int k = 0; k < w->class_count; k++) {
        const at_sweep_class *c = w->classes[k];
        if (!c->why || !c->part_count) continue;
        at_sweep_refusal r = {w->of->items[c->parts[0].statement]->target, c->where, c->why};
        AT_PUSH(w->s->arena, w->report->refusals, w->report->count, w->report->capacity, r);
    }
}

void at_stream_block(at_streaming *w, const at_block *block) {
    w->of = block;
    w->classes = NULL;
    w->class_count = w->class_capacity = 0;
    at_stream_find_classes(w, block);
    for (int k = 0; k < w->class_count; k++)
        if (w->classes[k]->part_count && !w->classes[k]->why)
            at_stream_make_sweep(w, w->classes[k]);
    /* Two sweeps that wait for each other: one of them stays as it is. */
    for (;;) {
        ordering trial = begin(w);
        if (add_ready(&trial, block->count - 1, false)) break;
        int k = w->class_count - 1;
        while (k >= 0 && (w->classes[k]->why || w->classes[k]->done || !w->classes[k]->part_count))
            k--;
        for (int n = w->class_count - 1; k < 0 && n >= 0; n--)
            if (!w->classes[n]->why && w->classes[n]->part_count) k = n;
        AT_ASSERT(w->s, k >= 0);
        at_stream_give_up(w->classes[k], w->classes[k]->parts[0].fold->span,
                "its sums and those of other pairs wait for each other");
    }
    note_refusals(w);
    ordering o = begin(w);
    for (int i = 0; i < block->count; i++) add_ready(&o, i, true);
}
