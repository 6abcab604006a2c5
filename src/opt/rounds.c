/* Pair arrays that a repeat collects of its rounds are computed again where they are read:
 *
 *     repeat round < 6 {                             repeat round < 6 {
 *       m[i] = max[j](s[i,j])                          m.rounds[round,i] = max[j](s[i,j])
 *       p.rounds[round,i,j] = exp(s[i,j] - m[i])       p[i,j] = exp(s[i,j] - m.rounds[round,i])
 *       …                                              …
 *     }                                         ->   }
 *     repeat back < 6 {                              repeat back < 6 {
 *       …                                              s_2[i,j] = …
 *                                                      p_2[i,j] = exp(s_2[i,j] - m.rounds[5 - back, i])
 *       dv[j,e] = sum[i](p.rounds[5 - back, i, j]…)    dv[j,e] = sum[i](p_2[i,j]…)
 *     }                                              }
 *
 * So a derivative goes back through rounds with what rows had in common, collected, instead of arrays
 * over pairs for each round. The rule: as for recompute, only what is cheap to compute again; the
 * other repeat reads one round at a time; and every round runs. */
#include "opt/opt.h"
#include "opt/pairs.h"

typedef struct {
    at_session *s;
    const at_cascade *from;
    at_draft *draft;
    const at_lengths *lengths;
    at_homes *homes;
    at_home *here;
    int next_home, known;
    /* By array id. */
    const at_statement **by;    /* its equation, if it has one */
    bool *cheap, *collected;    /* may be computed again; is a pair array that is collected */
    const at_home **kept;       /* of which repeat its rounds are to be collected; NULL: of none */
    bool *told;                 /* and the copy that collects them is in the draft */
    bool *apart;                /* read in another region */
    at_array **rounds, **local; /* what collects it; what it is in its round */
    int clone_count, clone_capacity;
    struct {
        const at_array *of;
        const at_home *home;
        const at_expr *round;
        at_array *clone;
    } *clones;
    const at_expr *round; /* of the clone that is being made; NULL: none is */
    const at_home *of;    /* and where what it is a clone of stands */
    bool good;
} again;

/* ---- which ----------------------------------------------------------------------------------- */

static at_axis *round_of(const at_home *home) {
    return home->outer && home->region->tag == AT_REPEAT ? home->region->u.repeat.round : NULL;
}

static void consider(void *user, const at_statement *st, at_home *home) {
    again *a = user;
    at_axis *round = round_of(home);
    if (st->tag != AT_EQUATION || !round) return;
    const at_array *array = st->target;
    int id = array->id;
    a->by[id] = st;
    bool first = array->rank > 0 && array->axes[0] == round;
    if (!at_has_pair(a->lengths, array->axes + first, array->rank - first)) return;
    a->cheap[id] = !at_has_long_fold(a->lengths, st->u.value);
    const at_statement *repeat = home->region;
    a->collected[id] =
        first && a->cheap[id] && !repeat->u.repeat.condition && repeat->u.repeat.count > 0;
}

static bool look_for_bound(void *user, const at_expr *e) {
    again *a = user;
    if (e->tag == AT_INDEX) a->good &= at_home_fixes(a->here, e->u.axis);
    a->good &= e->tag != AT_READ && e->tag != AT_FOLD_NODE;
    return a->good;
}

static bool look_at_read(void *user, const at_expr *e) {
    again *a = user;
    if (e->tag != AT_READ || !a->collected[e->u.read.array->id]) return true;
    const at_array *array = e->u.read.array;
    at_home *home = a->homes->of_array[array->id];
    const at_expr *round = e->u.read.index[0];
    bool inside = at_home_common(home, a->here) == home;
    a->good = !e->u.read.alternative;
    if (inside) a->good &= round->tag == AT_INDEX && round->u.axis == array->axes[0];
    else at_walk(round, look_for_bound, a);
    a->apart[array->id] |= !inside;
    if (!a->good) a->collected[array->id] = false;
    return true;
}

static void look_at_reads(void *user, const at_statement *st, at_home *home) {
    again *a = user;
    a->here = home;
    if (st->tag == AT_REPEAT) {
        for (int i = 0; i < st->u.repeat.carried_count; i++) {
            a->collected[st->u.repeat.carried[i].before->id] = false;
            a->collected[st->u.repeat.carried[i].next->id] = false;
        }
    }
    at_walk_statement(st, look_at_read, a);
}

static bool is_inside(const again *a, const at_array *array, const at_home *home) {
    at_home *own = a->homes->of_array[array->id];
    return array->role != AT_INPUT && array->role != AT_PARAM && array->role != AT_STATE &&
           at_home_common(own, (at_home *)home) == home;
}

static bool look_for_dear(void *user, const at_expr *e) {
    again *a = user;
    if (e->tag != AT_READ || !is_inside(a, e->u.read.array, a->of)) return a->good;
    const at_array *array = e->u.read.array;
    if (array->rank > 0 && array->axes[0] == round_of(a->of)) return a->good;
    if (!at_has_pair(a->lengths, array->axes, array->rank)) return a->good;
    /* Over pairs: computed again with it, or it would have to be collected in its place. */
    a->good &= a->cheap[array->id] && a->homes->of_array[array->id] == a->of;
    if (a->good) at_walk(a->by[array->id]->u.value, look_for_dear, a);
    return a->good;
}

static bool keep(void *user, const at_expr *e) {
    again *a = user;
    if (e->tag != AT_READ || !is_inside(a, e->u.read.array, a->of)) return true;
    const at_array *array = e->u.read.array;
    if (array->rank > 0 && array->axes[0] == round_of(a->of)) {
        if (a->collected[array->id]) at_walk(a->by[array->id]->u.value, keep, a);
    } else if (at_has_pair(a->lengths, array->axes, array->rank)) {
        at_walk(a->by[array->id]->u.value, keep, a);
    } else {
        a->kept[array->id] = a->of;
    }
    return true;
}

/* Whether there is anything to do. */
static bool choose(again *a) {
    bool any = false;
    at_homes_walk(a->homes, a->from, consider, a);
    for (int i = 0; i < a->from->output_count; i++)
        a->collected[a->from->outputs[i].array->id] = false;
    at_homes_walk(a->homes, a->from, look_at_reads, a);
    for (int i = 0; i < a->known; i++) {
        if (!a->collected[i]) continue;
        a->of = a->homes->of_array[i];
        a->good = a->apart[i];
        at_walk(a->by[i]->u.value, look_for_dear, a);
        a->collected[i] = a->good;
    }
    for (int i = 0; i < a->known; i++) {
        if (!a->collected[i]) continue;
        a->of = a->homes->of_array[i];
        at_walk(a->by[i]->u.value, keep, a);
        any = true;
    }
    return any;
}

/* ---- clones ---------------------------------------------------------------------------------- */

static at_array *rounds_of(again *a, const at_array *array, at_axis *round) {
    if (a->rounds[array->id]) return a->rounds[array->id];
    at_axis **axes = AT_NEW_ARRAY(a->s->arena, at_axis *, array->rank + 1);
    axes[0] = round;
    at_move(axes + 1, array->axes, sizeof *axes * (size_t)array->rank);
    at_array *own = at_draft_array(a->draft, at_format(a->s->arena, "%s.rounds", array->name),
                                   array->path, array->kind, axes, array->rank + 1, array->span);
    return a->rounds[array->id] = own;
}

static const at_expr *again_at(again *a, const at_expr *e, const at_expr *round, const at_home *of);

static at_array *clone_of(again *a, const at_array *array, const at_expr *round) {
    for (int i = 0; i < a->clone_count; i++)
        if (a->clones[i].of == array && a->clones[i].home == a->here &&
            at_same(a->clones[i].round, round))
            return a->clones[i].clone;
    const at_home *of = a->homes->of_array[array->id];
    const at_statement *by = a->by[array->id];
    bool first = array->rank > 0 && array->axes[0] == round_of(of);
    const at_expr *value = again_at(a, by->u.value, round, of);
    at_axis **axes =
        AT_NEW_ARRAY(a->s->arena, at_axis *, array->rank + at_draft_scan_axes(a->draft, NULL));
    int count = at_draft_scan_axes(a->draft, axes);
    at_move(axes + count, array->axes + first, sizeof *axes * (size_t)(array->rank - first));
    at_array *clone = at_draft_array(a->draft, array->name, array->path, array->kind, axes,
                                     count + array->rank - first, array->span);
    clone->cotangent = array->cotangent;
    at_draft_equation(a->draft, clone, value, by->span);
    AT_PUSH(a->s->arena, a->clones, a->clone_count, a->clone_capacity,
            ((__typeof__(*a->clones)){array, a->here, round, clone}));
    return clone;
}

/* A read of `array` at all but the first `drop` of these indices, after those in front. */
static const at_expr *read_at(again *a, const at_array *array, const at_expr *front,
                              const at_expr *e, int drop) {
    int rank = e->u.read.array->rank, scans = 0;
    const at_expr **index = AT_NEW_ARRAY(a->s->arena, const at_expr *, array->rank);
    if (front) index[scans++] = front;
    else
        for (; scans < array->rank - (rank - drop); scans++)
            index[scans] = at_index(a->s, array->axes[scans], e->span);
    for (int i = drop; i < rank; i++) index[scans + i - drop] = e->u.read.index[i];
    return at_read(a->s, array, index, e->u.read.alternative, e->span);
}

/* In a clone: what its round computed. */
static const at_expr *of_round(void *user, const at_expr *e) {
    again *a = user;
    at_axis *round = round_of(a->of);
    if (e->tag == AT_INDEX) return e->u.axis == round ? a->round : e;
    if (e->tag != AT_READ || e->u.read.array->id >= a->known) return e;
    const at_array *array = e->u.read.array;
    if (!is_inside(a, array, a->of)) /* it goes back to the rounds of yet another repeat */
        return a->collected[array->id]
                   ? read_at(a, clone_of(a, array, e->u.read.index[0]), NULL, e, 1)
                   : e;
    if (array->rank > 0 && array->axes[0] == round)
        return a->collected[array->id]
                   ? read_at(a, clone_of(a, array, a->round), NULL, e, 1)
                   : e;
    if (a->kept[array->id]) return read_at(a, rounds_of(a, array, round), a->round, e, 0);
    return read_at(a, clone_of(a, array, a->round), NULL, e, 0);
}

static const at_expr *again_at(again *a, const at_expr *e, const at_expr *round,
                               const at_home *of) {
    const at_expr *old_round = a->round;
    const at_home *old_of = a->of;
    a->round = round;
    a->of = of;
    e = at_rewrite(a->s, e, of_round, a);
    a->round = old_round;
    a->of = old_of;
    return e;
}

/* ---- statements ------------------------------------------------------------------------------ */

static const at_expr *reread(void *user, const at_expr *e) {
    again *a = user;
    if (e->tag != AT_READ || e->u.read.array->id >= a->known) return e;
    const at_array *array = e->u.read.array;
    if (!a->collected[array->id]) return e;
    at_home *home = a->homes->of_array[array->id];
    if (at_home_common(home, a->here) == home) return read_at(a, a->local[array->id], NULL, e, 1);
    return read_at(a, clone_of(a, array, e->u.read.index[0]), NULL, e, 1);
}

static const at_expr *change(void *user, const at_expr *e) {
    again *a = user;
    return at_rewrite(a->s, e, reread, a);
}

static void collect(again *a, const at_array *array) {
    if (a->kept[array->id] != a->here || a->told[array->id]) return;
    a->told[array->id] = true;
    at_draft_equation(a->draft, rounds_of(a, array, round_of(a->here)),
                      at_read_whole(a->s, array, array->span), array->span);
}

/* What a round begins with, and what regions within it leave: as soon as it is there. */
static void collect_others(again *a, bool begins) {
    for (int i = 0; i < a->known && round_of(a->here); i++) {
        const at_array *array = a->from->arrays[i];
        if (a->kept[i] != a->here || a->told[i]) continue;
        at_home *home = a->homes->of_array[i];
        bool carried = array->role == AT_CARRIED && home == a->here;
        if (begins ? carried : home != a->here && at_home_common(home, a->here) == a->here)
            collect(a, array);
    }
}

static void plain(void *user, const at_statement *st) {
    again *a = user;
    collect_others(a, true);
    at_statement *out = at_statement_changed(a->s, st, change, a);
    const at_array *array = st->target;
    if (st->tag == AT_EQUATION && a->collected[array->id]) {
        collect_others(a, false);
        at_array *local = at_draft_array(a->draft, array->name, array->path, array->kind,
                                         array->axes + 1, array->rank - 1, array->span);
        local->cotangent = array->cotangent;
        a->local[array->id] = local;
        out->target = local;
    }
    at_draft_add(a->draft, out);
    if (array && st->tag != AT_NEXT && a->homes->of_array[array->id] == a->here) collect(a, array);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        collect(a, st->u.keeping.parts[i].target);
}

static void before(void *user, const at_statement *st, at_statement *out) {
    again *a = user;
    collect_others(a, true);
    if (st->tag == AT_REPEAT && st->u.repeat.condition)
        out->u.repeat.condition = change(a, st->u.repeat.condition);
    a->here = a->homes->blocks[a->next_home++];
}

static void end(void *user, const at_statement *st, at_statement *out) {
    again *a = user;
    (void)st, (void)out;
    a->here = a->here->outer;
}

/* A clone made in a scan has the scan's axes in front of its own, which may be the same ones: what
 * was collected in one scan and is read in another over the same axes is left as it is. */
static bool has_axis_twice(const at_cascade *cascade) {
    for (int i = 0; i < cascade->array_count; i++) {
        const at_array *array = cascade->arrays[i];
        for (int k = 0; k < array->rank; k++)
            for (int other = 0; other < k; other++)
                if (array->axes[k] == array->axes[other]) return true;
    }
    return false;
}

const at_cascade *at_opt_rounds(at_session *s, const at_cascade *from) {
    again a = {.s = s, .from = from, .draft = at_draft_new(s, from), .homes = at_homes_of(s, from),
               .lengths = at_lengths_of(s, from), .known = from->array_count};
    a.by = AT_NEW_ARRAY(s->arena, const at_statement *, a.known);
    a.cheap = AT_NEW_ARRAY(s->arena, bool, a.known);
    a.collected = AT_NEW_ARRAY(s->arena, bool, a.known);
    a.kept = AT_NEW_ARRAY(s->arena, const at_home *, a.known);
    a.told = AT_NEW_ARRAY(s->arena, bool, a.known);
    a.apart = AT_NEW_ARRAY(s->arena, bool, a.known);
    a.rounds = AT_NEW_ARRAY(s->arena, at_array *, a.known);
    a.local = AT_NEW_ARRAY(s->arena, at_array *, a.known);
    if (!choose(&a)) return from;
    a.here = a.homes->blocks[0];
    a.next_home = 1;
    at_block_walk w = {.draft = a.draft, .user = &a, .plain = plain, .before = before, .end = end};
    at_draft_block(&w, &from->body);
    if (has_axis_twice(a.draft->out)) return from;
    return at_opt_targets(s, at_needed_only(s, a.draft->out));
}
