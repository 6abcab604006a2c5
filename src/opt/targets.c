/* What is only copied into another array is written there at once:
 *
 *     `block[].y`[n,c] = z[n,c] + w[n,c]
 *     y[n,c] = `block[].y`[n,c]                  ->   y[n,c] = z[n,c] + w[n,c]
 *
 * where the other array is an output, carried by a repeat, read by other steps of a scan, or
 * collects rounds: `p.rounds[round,i,j] = p[i,j]`. Reads of the first become reads of the second,
 * at the round at hand where that collects. Arrays that outputs or repeats name stay. An output may
 * be stored with fewer bits than are computed with, and what a repeat begins with has the name of
 * what it leaves, so these take the place of an array only if nothing else reads that. */
#include "opt/opt.h"

typedef struct {
    at_session *s;
    at_draft *draft;
    at_homes *homes;
    at_home *here;
    int next_home;
    const at_statement **copies; /* by array id: the copy that takes its place; NULL: none */
    const at_statement **by;     /* by array id: the equation that writes it */
    bool *output;                /* by array id: one, or what a repeat begins with */
    bool *fixed;                 /* by array id: an output, or carried */
    int *reads;                  /* by array id: how many there are */
    int position;                /* of a statement, in the order of the text */
    int *last_read, *written;    /* by array id: positions */
    const at_array **inside;     /* by id of what a round leaves: what the round begins with */
    bool *taken;                 /* by array id: it takes the place of another */
    at_home **read_at;           /* by array id: a block around all reads of it; NULL: none yet */
} placing;

/* ---- which ----------------------------------------------------------------------------------- */

static bool note_read(void *user, const at_expr *e) {
    placing *p = user;
    if (e->tag != AT_READ) return true;
    at_home **at = &p->read_at[e->u.read.array->id];
    p->reads[e->u.read.array->id]++;
    p->last_read[e->u.read.array->id] = p->position;
    *at = *at ? at_home_common(*at, p->here) : p->here;
    return true;
}

static void note_block(placing *p, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        at_home *outer = p->here;
        p->position++;
        if (st->tag == AT_EQUATION) p->by[st->target->id] = st;
        if (st->tag == AT_EQUATION) p->written[st->target->id] = p->position;
        if (st->tag == AT_SCAN || st->tag == AT_REPEAT) {
            p->here = p->homes->blocks[p->next_home++];
            at_walk_statement(st, note_read, p);
            note_block(p, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body);
            p->here = outer;
        } else {
            at_walk_statement(st, note_read, p);
        }
        for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++) {
            const at_carried *c = &st->u.repeat.carried[k];
            p->fixed[c->before->id] = p->fixed[c->next->id] = true;
            p->output[c->before->id] = true;
            p->inside[c->next->id] = c->inside;
        }
    }
}

static int position_of(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return i;
    return -1;
}

static bool is_round_around(const at_home *home, const at_axis *axis) {
    for (; home->outer; home = home->outer)
        if (home->region->tag == AT_REPEAT && home->region->u.repeat.round == axis) return true;
    return false;
}

static bool look_for_alternative(void *user, const at_expr *e) {
    *(bool *)user |= e->tag == AT_READ && e->u.read.alternative;
    return true;
}

/* Beside an alternative it matters how an axis came to be: only declared ones may leave an
 * array. */
static bool may_leave(const at_statement *st) {
    bool found = false;
    if (st) at_walk_statement(st, look_for_alternative, &found);
    return found;
}

/* Whether the equation says that its target is another array, at each of its indices. */
static bool is_whole_copy(const placing *p, const at_statement *st, const at_home *home) {
    if (st->tag != AT_EQUATION || st->u.value->tag != AT_READ || st->u.value->u.read.alternative)
        return false;
    const at_expr *e = st->u.value;
    const at_array *of = e->u.read.array;
    bool collects = false;
    unsigned long long met = 0;
    for (int i = 0; i < of->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        if (index->tag != AT_INDEX || !at_same_extent(index->u.axis, of->axes[i])) return false;
        if (index->u.axis->declared != of->axes[i]->declared && may_leave(p->by[of->id]))
            return false;
        int at = position_of(st->target, index->u.axis);
        if (at < 0 || met >> at & 1) return false;
        met |= 1ull << at;
    }
    for (int i = 0; i < st->target->rank; i++) {
        if (met >> i & 1) continue;
        collects = true;
        if (!is_round_around(home, st->target->axes[i])) return false;
    }
    at_home *read_at = p->read_at[of->id];
    return !collects || at_home_common(read_at, (at_home *)home) == home;
}

/* Whether the array that is copied at `home` is written there, or in a scan there whose steps come
 * first in both arrays. */
static bool is_written_here(const placing *p, const at_statement *st, const at_home *home) {
    const at_array *of = st->u.value->u.read.array;
    const at_home *in = p->homes->of_array[of->id];
    if (in == home) return true;
    if (in->outer != home || in->region->tag != AT_SCAN) return false;
    for (int i = 0; i < in->region->u.scan.count; i++) {
        const at_axis *axis = in->region->u.scan.axes[i];
        if (of->axes[i] != axis || st->target->axes[i] != axis) return false;
        if (st->u.value->u.read.index[i]->u.axis != axis) return false;
    }
    return true;
}

static void choose(placing *p, const at_block *block) {
    at_home *home = p->here;
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (st->tag == AT_SCAN || st->tag == AT_REPEAT) {
            p->here = p->homes->blocks[p->next_home++];
            choose(p, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body);
            p->here = home;
        }
        if (!is_whole_copy(p, st, home)) continue;
        const at_array *of = st->u.value->u.read.array;
        if (p->fixed[of->id] || p->taken[of->id] || p->copies[of->id] || !p->by[of->id] ||
            !is_written_here(p, st, home) || p->copies[st->target->id] ||
            (p->output[st->target->id] && p->reads[of->id] > 1))
            continue;
        /* What the round begins with must have been read: the two may be one store, and have one
         * name. */
        const at_array *inside = p->inside[st->target->id];
        if (inside && p->last_read[inside->id] > p->written[of->id]) continue;
        p->copies[of->id] = st;
        p->taken[st->target->id] = true;
    }
}

/* ---- reads and statements -------------------------------------------------------------------- */

static const at_expr *moved(void *user, const at_expr *e) {
    placing *p = user;
    if (e->tag != AT_READ) return e;
    const at_statement *copy = p->copies[e->u.read.array->id];
    if (!copy) return e;
    const at_array *to = copy->target;
    const at_expr **index = AT_NEW_ARRAY(p->s->arena, const at_expr *, to->rank);
    for (int i = 0; i < to->rank; i++) index[i] = at_index(p->s, to->axes[i], e->span);
    for (int i = 0; i < e->u.read.array->rank; i++)
        index[position_of(to, copy->u.value->u.read.index[i]->u.axis)] = e->u.read.index[i];
    return at_read(p->s, to, index, e->u.read.alternative, e->span);
}

static const at_expr *change(void *user, const at_expr *e) {
    placing *p = user;
    return at_rewrite(p->s, e, moved, p);
}

static void plain(void *user, const at_statement *st) {
    placing *p = user;
    if (st->tag == AT_EQUATION && st->u.value->tag == AT_READ &&
        p->copies[st->u.value->u.read.array->id] == st)
        return;
    at_statement *out = at_statement_changed(p->s, st, change, p);
    const at_statement *copy = st->tag == AT_EQUATION ? p->copies[st->target->id] : NULL;
    if (copy) {
        const at_array *of = st->target;
        const at_expr **index = copy->u.value->u.read.index;
        out->target = copy->target;
        out->u.value = at_substitute(p->s, out->u.value, (const at_axis **)of->axes, index,
                                     of->rank, at_draft_axis, p->draft);
    }
    at_draft_add(p->draft, out);
}

static void before(void *user, const at_statement *st, at_statement *out) {
    placing *p = user;
    if (st->tag == AT_REPEAT && st->u.repeat.condition)
        out->u.repeat.condition = change(p, st->u.repeat.condition);
}

const at_cascade *at_opt_targets(at_session *s, const at_cascade *from) {
    size_t count = (size_t)from->array_count;
    placing p = {.s = s, .draft = at_draft_new(s, from), .homes = at_homes_of(s, from)};
    p.copies = AT_NEW_ARRAY(s->arena, const at_statement *, count);
    p.by = AT_NEW_ARRAY(s->arena, const at_statement *, count);
    p.fixed = AT_NEW_ARRAY(s->arena, bool, count);
    p.taken = AT_NEW_ARRAY(s->arena, bool, count);
    p.read_at = AT_NEW_ARRAY(s->arena, at_home *, count);
    p.output = AT_NEW_ARRAY(s->arena, bool, count);
    p.reads = AT_NEW_ARRAY(s->arena, int, count);
    p.last_read = AT_NEW_ARRAY(s->arena, int, count);
    p.written = AT_NEW_ARRAY(s->arena, int, count);
    p.inside = AT_NEW_ARRAY(s->arena, const at_array *, count);
    for (int i = 0; i < from->output_count; i++)
        p.output[from->outputs[i].array->id] = p.fixed[from->outputs[i].array->id] = true;
    p.here = p.homes->blocks[0];
    p.next_home = 1;
    note_block(&p, &from->body);
    p.here = p.homes->blocks[0];
    p.next_home = 1;
    choose(&p, &from->body);
    at_block_walk walk = {.draft = p.draft, .user = &p, .plain = plain, .before = before};
    at_draft_block(&walk, &from->body);
    return at_needed_only(s, p.draft->out);
}
