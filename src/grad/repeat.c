/* A repeat in reverse.
 *
 *     repeat l < n { x = f(x, w[l]) }
 *
 * collects in its forward rounds what the reverse needs (`x.rounds[l] = x`), and its reverse counts
 * r from 0 and undoes round l = n - 1 - r:
 *
 *     repeat r < n {
 *       dw.rounds[r] = …            what goes to w[l], by round
 *       dx = …                      what goes to the x that the round began with
 *     }
 *
 * What a body contributes to arrays outside is collected like dw where it goes to the round's own
 * element, and is carried as a running sum otherwise. A repeat that may end early counts its rounds
 * (`ran`). A value of the body that is read outside is that of the last round, which the reverse
 * begins with. */
#include "grad/grad_int.h"

/* ---- a repeat: what enters it and what leaves ------------------------------------------------ */

static bool take_entering(const at_contribution *c, const void *user) {
    return c->enter == user;
}

static bool take_own(const at_contribution *c, const void *user) {
    (void)user;
    return c->enter == NULL;
}

at_reversed *at_reversed_of(const at_derivation *g, const at_statement *st) {
    for (int i = 0; i < g->region_count; i++)
        if (g->regions[i]->forward == st) return g->regions[i];
    AT_ASSERT(g->s, !"a region without its reverse");
    return NULL;
}

static void dimensions_fixed(const at_derivation *g, const at_reversed *region,
                             const at_array *array, bool *dropped) {
    for (int m = 0; m < array->rank; m++)
        dropped[m] = array->axes[m]->round && at_is_fixed_axis(g, region, array->axes[m]);
}

/* The adjoint, outside, of an array of the body. */
static at_array *escaped_adjoint(at_derivation *g, const at_array *array, at_escape *escape) {
    if (escape->adjoint) return escape->adjoint;
    bool dropped[64];
    at_axis *axes[160];
    dimensions_fixed(g, escape->repeat->outer, array, dropped);
    int count = at_adjoint_axes(g, array, dropped, axes, NULL);
    const char *name = at_format(g->s->arena, "%s.last", at_adjoint_name(g->s, array->name));
    escape->adjoint = at_draft_array(g->draft, at_name_in(g, escape->repeat->outer, name), NULL,
                                     AT_REAL, axes, count, array->span);
    escape->adjoint->cotangent = true;
    at_slot_of(g, escape->adjoint);
    return escape->adjoint;
}

/* In the reversed body: what came from outside belongs to the last round, or to each its own. */
static void enter_one(at_derivation *g, const at_array *array, at_escape *escape) {
    at_session *s = g->s;
    at_reversed *f = escape->repeat;
    at_array *adjoint = escaped_adjoint(g, array, escape);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, adjoint->rank + array->rank);
    const at_expr **own = index + adjoint->rank;
    int front = adjoint->rank, at = 0;
    bool collects = false, dropped[64];
    dimensions_fixed(g, f->outer, array, dropped);
    for (int m = 0; m < array->rank; m++) front -= !dropped[m];
    for (; at < front; at++) index[at] = at_index(s, adjoint->axes[at], array->span);
    for (int m = 0; m < array->rank; m++) {
        own[m] = at_index(s, array->axes[m], array->span);
        collects |= array->axes[m] == f->forward->u.repeat.round;
        if (!dropped[m]) index[at++] = own[m];
    }
    at_place place = at_place_of(g, array);
    if (!collects) {
        const at_expr *first = at_map_node(s, AT_OP_EQ, at_index(s, f->round, array->span),
                                           at_int(s, 0, array->span), NULL, array->span);
        place = at_place_under(&place, NULL, 0, first);
    }
    at_contribute(&place, array, own, at_read(s, adjoint, index, NULL, array->span));
}

/* All that is read outside of f although f's body defines it. */
static void enter_all(at_derivation *g, at_reversed *f) {
    for (int id = 0; id < g->slot_count; id++)
        for (at_escape *escape = g->slots[id].escapes; escape; escape = escape->next)
            if (escape->repeat == f && at_is_active(g, g->draft->out->arrays[id]))
                enter_one(g, g->draft->out->arrays[id], escape);
}

void at_emit_escapes(at_derivation *g, at_reversed *f) {
    for (int id = 0; id < g->slot_count; id++)
        for (at_escape *escape = g->slots[id].escapes; escape; escape = escape->next) {
            const at_array *array = g->draft->out->arrays[id];
            if (escape->repeat != f || !at_is_active(g, array)) continue;
            at_array *adjoint = escaped_adjoint(g, array, escape);
            bool dropped[64];
            at_axis *axes[160];
            const at_expr *wanted[160];
            dimensions_fixed(g, f->outer, array, dropped);
            at_adjoint_axes(g, array, dropped, axes, wanted);
            at_match_wanted(g, array, adjoint->axes, adjoint->rank, wanted);
            at_wanted which = {.array = array, .take = take_entering, .user = f, .wanted = wanted,
                               .left = adjoint->axes, .left_count = adjoint->rank};
            const at_expr *total = at_total(g, &which);
            if (!total) total = at_real(g->s, 0, array->span);
            at_draft_equation(g->draft, adjoint, at_in_reverse(g, total), total->span);
        }
}

/* ---- what a body contributes to arrays outside ----------------------------------------------- */

/* Contributions of f's body to one array that have the same indices of rounds and steps. */
typedef struct {
    at_derivation *g;
    const at_array *array;
    const at_reversed *f;
    const at_contribution *first;
    int extra;
    bool fixed[64]; /* the index has one value in a round: it depends on rounds and steps only */
    bool stacked;   /* some index depends on f's round */
    at_axis *same[64];
    int same_count; /* steps of the scans around f */
    at_axis *axes[192];
    int count;      /* of the array made in the body, its round not counted */
} leaving;

static void steps_around(const at_reversed *f, leaving *l) {
    if (!f->outer) return;
    steps_around(f->outer, l);
    const at_statement *st = f->outer->forward;
    for (int i = 0; st->tag == AT_SCAN && i < st->u.scan.count; i++)
        l->same[l->same_count++] = st->u.scan.axes[i];
}

/* Whether the contribution comes from f's body and goes to what is outside, or to another step. */
static bool leaves(at_derivation *g, const at_contribution *c, const at_array *array,
                   const at_reversed *f) {
    if (!at_is_within(c->from, f)) return false;
    return !at_is_within(at_slot_of(g, array)->region, f) ||
           (c->enter && at_is_within(f, c->enter));
}

typedef struct {
    at_derivation *g;
    const at_reversed *f;
    bool found;
} search;

static bool look_for_body(void *user, const at_expr *e) {
    search *w = user;
    if (e->tag == AT_READ && at_is_within(at_slot_of(w->g, e->u.read.array)->region, w->f))
        w->found = true;
    return !w->found;
}

static bool is_fixed(at_derivation *g, const leaving *l, const at_contribution *c, int m) {
    search reads = {g, l->f, false};
    at_walk(c->index[l->extra + m], look_for_body, &reads);
    if (reads.found) return false; /* every round has its own */
    for (int i = 0; i < c->count; i++) {
        bool same = false;
        for (int k = 0; k < l->same_count; k++) same |= l->same[k] == c->axes[i];
        if (!same && at_mentions(c->index[l->extra + m], c->axes[i])) return false;
    }
    return true;
}

static bool take_alike(const at_contribution *c, const void *user) {
    const leaving *l = user;
    if (!at_is_within(c->from, l->f) || c->enter != l->first->enter) return false;
    for (int m = 0; m < l->array->rank; m++) {
        if (is_fixed(l->g, l, c, m) != l->fixed[m]) return false;
        if (l->fixed[m] && !at_same(c->index[l->extra + m], l->first->index[l->extra + m]))
            return false;
    }
    return true;
}

/* The next group; false when nothing is left. */
static bool find_leaving(at_derivation *g, at_reversed *f, const at_array *array, leaving *l) {
    *l = (leaving){.g = g, .array = array, .f = f, .extra = at_extra_count(g, array)};
    for (const at_contribution *c = at_slot_of(g, array)->first; c && !l->first; c = c->next)
        if (leaves(g, c, array, f)) l->first = c;
    if (!l->first) return false;
    steps_around(f, l);
    for (int m = 0; m < array->rank; m++) {
        l->fixed[m] = is_fixed(g, l, l->first, m);
        l->stacked |= l->fixed[m] &&
                      at_mentions(l->first->index[l->extra + m], f->forward->u.repeat.round);
    }
    return true;
}

/* The step of the scans around is later, in their order, than the one of the element: what a step
 * gives goes to earlier ones. NULL where the indices say so by themselves. */
static const at_expr *is_later(at_derivation *g, const leaving *l, const at_expr *const *own) {
    at_session *s = g->s;
    const at_expr *all = NULL;
    for (const at_reversed *r = l->f->outer; r; r = r->outer) {
        if (r->forward->tag != AT_SCAN ||
            !at_is_within(at_slot_of(g, l->array)->region, r))
            continue;
        const at_expr *later = NULL;
        bool open = false;
        for (int i = r->forward->u.scan.count - 1; i >= 0; i--) {
            at_axis *step = r->forward->u.scan.axes[i];
            for (int m = 0; m < l->array->rank; m++) {
                if (l->array->axes[m] != step) continue;
                open |= !l->fixed[m];
                bool down = r->forward->u.scan.down[i];
                const at_expr *here = at_index(s, step, own[m]->span);
                const at_expr *after = at_map_node(s, down ? AT_OP_LT : AT_OP_GT, here, own[m],
                                                   NULL, own[m]->span);
                const at_expr *equal = at_map_node(s, AT_OP_EQ, here, own[m], NULL, own[m]->span);
                later = !later ? after
                               : at_map_node(s, AT_OP_OR, after, at_both(s, equal, later), NULL,
                                             own[m]->span);
            }
        }
        if (open && later) all = at_both(s, all, later);
    }
    return all;
}

/* A contribution to the array, outside of f, that reads what the reversed body made. */
static void contribute_outside(at_derivation *g, const leaving *l, const at_array *made) {
    at_session *s = g->s;
    at_span span = made->span;
    at_place place = {.g = g, .target = l->array};
    at_axis *axes[256];
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, made->rank);
    const at_expr **own = AT_NEW_ARRAY(s->arena, const at_expr *, l->array->rank + 1);
    int at = 0;
    for (int i = 0; i < l->same_count; i++) {
        axes[place.count++] = l->same[i];
        index[at++] = at_index(s, l->same[i], span);
    }
    if (l->stacked) {
        axes[place.count++] = l->f->round;
        index[at++] = at_index(s, l->f->round, span);
    }
    for (int i = l->same_count; i < l->count; i++) index[at++] = at_index(s, l->axes[i], span);
    int rest = l->count; /* the array's own are the last of them */
    for (int m = l->array->rank - 1; m >= 0; m--) {
        if (!l->fixed[m]) {
            own[m] = at_index(s, l->axes[--rest], span);
            axes[place.count++] = l->axes[rest];
            continue;
        }
        const at_axis *round = l->f->forward->u.repeat.round;
        const at_expr *undone[1] = {l->f->at};
        own[m] = at_substitute(s, l->first->index[l->extra + m], &round, undone, 1,
                               at_draft_axis, g->draft);
    }
    place.axes = at_copy(s->arena, axes, sizeof *axes * (size_t)place.count);
    if (at_slot_of(g, l->array)->step_count) place.guard = is_later(g, l, own);
    if (l->stacked && l->f->ran) /* later rounds did not run */
        place.guard = at_both(s, place.guard, l->f->runs);
    at_contribute(&place, l->array, own, at_read(s, made, index, NULL, span));
}

/* The axes of what is made in the body for `l`, and the wanted element there. */
static void lay_out(at_derivation *g, leaving *l, const at_expr **wanted) {
    for (int i = 0; i < l->same_count; i++) l->axes[l->count++] = l->same[i];
    at_axis *own[160];
    int count = at_adjoint_axes(g, l->array, l->fixed, own, wanted);
    for (int i = 0; i < count; i++) {
        at_axis *axis = own[i];
        for (int k = 0; k < l->same_count; k++)
            if (axis == l->same[k]) axis = at_draft_axis(g->draft, axis);
        l->axes[l->count++] = axis;
    }
    int at = l->count;
    for (int m = l->extra + l->array->rank - 1; m >= 0; m--)
        if (wanted[m]) wanted[m] = at_index(g->s, l->axes[--at], l->array->span);
}

/* What is known once the body is done, to be said after the repeat. */
typedef struct left_behind left_behind;
struct left_behind {
    left_behind *next;
    leaving l;
    const at_array *made;
};

typedef struct {
    at_derivation *g;
    at_reversed *f;
    at_statement *st; /* the reversed repeat */
    int carried_capacity;
    left_behind *left;
} reversing;

static void add_carried(reversing *v, at_carried carried) {
    AT_PUSH(v->g->s->arena, v->st->u.repeat.carried, v->st->u.repeat.carried_count,
            v->carried_capacity, carried);
}

/* An array with the very name of another: what a repeat carries has one. */
static at_array *twin(at_derivation *g, const at_array *of, at_role role) {
    at_array *array =
        at_draft_array(g->draft, of->name, NULL, of->kind, of->axes, of->rank, of->span);
    array->name = of->name;
    array->path = of->path;
    array->role = role;
    array->cotangent = of->cotangent;
    at_slot_of(g, array);
    return array;
}

static const at_expr *read_at(at_derivation *g, const at_array *array, at_axis *const *axes) {
    const at_expr **index = AT_NEW_ARRAY(g->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) index[i] = at_index(g->s, axes[i], array->span);
    return at_read(g->s, array, index, NULL, array->span);
}

/* Inside the reversed body, at its end: a group of one array's contributions. `zeros` stands before
 * the repeat. */
static bool leave_one(reversing *v, const at_array *array, at_block *zeros, int *zero_capacity) {
    at_derivation *g = v->g;
    at_session *s = g->s;
    left_behind *b = AT_NEW(s->arena, left_behind);
    leaving *l = &b->l;
    if (!find_leaving(g, v->f, array, l)) return false;
    const at_expr *wanted[224];
    lay_out(g, l, wanted);
    at_wanted which = {.array = array, .take = take_alike, .user = l, .wanted = wanted,
                       .left_count = l->count, .left = l->axes, .same = l->same,
                       .same_count = l->same_count};
    const char *name = at_adjoint_name(s, array->name);
    const at_expr *total = at_in_reverse(g, at_total(g, &which));
    if (l->stacked) {
        at_axis *axes[224];
        at_move(axes, l->same, sizeof *axes * (size_t)l->same_count);
        axes[l->same_count] = v->f->round;
        at_move(axes + l->same_count + 1, l->axes + l->same_count,
                sizeof *axes * (size_t)(l->count - l->same_count));
        name = at_name_in(g, v->f, at_format(s->arena, "%s.rounds", name));
        at_array *made =
            at_draft_array(g->draft, name, NULL, AT_REAL, axes, l->count + 1, array->span);
        made->cotangent = true;
        at_slot_of(g, made);
        at_draft_equation(g->draft, made, total, total->span);
        b->made = made;
    } else {
        name = at_name_in(g, v->f->outer, at_format(s->arena, "%s.sum", name));
        at_array *before =
            at_draft_array(g->draft, name, NULL, AT_REAL, l->axes, l->count, array->span);
        before->cotangent = true;
        at_slot_of(g, before);
        at_carried c = {before, twin(g, before, AT_CARRIED), twin(g, before, AT_DEFINED),
                        twin(g, before, AT_RESULT)};
        at_append(g, zeros, zero_capacity, at_equation(g, before, at_real(s, 0, array->span)));
        at_draft_equation(g->draft, c.next,
                          at_make_add(s, read_at(g, c.inside, l->axes), total), total->span);
        add_carried(v, c);
        b->made = c.after;
    }
    b->next = v->left;
    v->left = b;
    return true;
}

/* After the reversed repeat, where what it made goes on to the arrays. */
static void leave_behind(reversing *v) {
    for (const left_behind *b = v->left; b; b = b->next) contribute_outside(v->g, &b->l, b->made);
}

/* ---- a repeat -------------------------------------------------------------------------------- */

/* Makes the forward repeat count its rounds. */
static void count_rounds(at_derivation *g, at_reversed *f) {
    at_session *s = g->s;
    at_span span = f->forward->span;
    at_axis *steps[64];
    int rank = 0;
    leaving l = {0};
    steps_around(f, &l);
    for (int i = 0; i < g->fixed_count; i++)
        if (!g->fixed[i]->round) steps[rank++] = g->fixed[i];
    at_move(steps + rank, l.same, sizeof *steps * (size_t)l.same_count);
    rank += l.same_count;
    const char *name = at_name_in(
        g, f->outer, at_format(s->arena, "%s.ran", f->forward->u.repeat.round->name));
    at_array *before = at_draft_array(g->draft, name, NULL, AT_INT, steps, rank, span);
    at_slot_of(g, before);
    f->ran = AT_NEW(s->arena, at_carried);
    *f->ran = (at_carried){before, twin(g, before, AT_CARRIED), twin(g, before, AT_DEFINED),
                           twin(g, before, AT_RESULT)};
    at_slot_of(g, f->ran->after)->region = f->outer;
    f->count = at_equation(g, f->ran->next,
                           at_map_node(s, AT_OP_ADD, read_at(g, f->ran->inside, steps),
                                       at_int(s, 1, span), NULL, span));
    at_append(g, &f->front, &f->front_capacity, (at_statement *)f->count);
}

bool at_is_carried_active(at_derivation *g, const at_carried *c) {
    return at_is_active(g, c->after) || at_is_active(g, c->inside);
}

/* The adjoint of one carried name: `next` has what comes from later, `inside` gives what goes to
 * the round before. */
static at_carried carry(at_derivation *g, const at_carried *c) {
    at_session *s = g->s;
    at_array *before = at_adjoint_of(g, c->after);
    before->cotangent = true;
    at_carried out = {before, twin(g, before, AT_CARRIED), twin(g, before, AT_DEFINED),
                      twin(g, before, AT_RESULT)};
    const at_expr *at = at_cotangent(g, c->after);
    at_place place = at_place_of(g, c->after);
    const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, c->after->rank);
    for (int m = 0; m < c->after->rank; m++)
        index[m] = at_index(s, c->after->axes[m], c->after->span);
    at_contribute(&place, c->next, index,
                  at_read(s, out.inside, at->u.read.index, NULL, at->span));
    return out;
}

/* The equation for what goes to the round before. */
static void emit_next(at_derivation *g, const at_carried *c, const at_carried *reversed) {
    const at_expr *wanted[160];
    at_axis *axes[160];
    bool dropped[64];
    dimensions_fixed(g, g->region, c->inside, dropped);
    at_adjoint_axes(g, c->inside, dropped, axes, wanted);
    at_array *next = reversed->next;
    /* `next` has the axes of what the repeat leaves, in the same places. */
    for (int m = 0; m < at_extra_count(g, c->inside) + c->inside->rank; m++)
        for (int k = 0; wanted[m] && k < c->inside->rank; k++)
            if (wanted[m]->u.axis == c->inside->axes[k])
                wanted[m] = at_index(g->s, c->after->axes[k], next->span);
    at_wanted which = {.array = c->inside, .take = take_own, .wanted = wanted,
                       .left = next->axes, .left_count = next->rank};
    const at_expr *total = at_total(g, &which);
    if (!total) total = at_real(g->s, 0, next->span);
    at_draft_equation(g->draft, next, at_in_reverse(g, total), total->span);
}

static at_axis *reverse_round(at_derivation *g, const at_axis *round) {
    at_axis *axis = at_draft_axis(g->draft, round);
    axis->like = NULL;
    axis->extent = round->extent;
    axis->declared = round->declared;
    axis->round = true;
    return axis;
}

static void begin_repeat(at_derivation *g, at_reversed *f, at_statement *out) {
    at_session *s = g->s;
    const at_statement *st = f->forward;
    at_span span = st->span;
    f->round = reverse_round(g, st->u.repeat.round);
    const at_expr *last = at_int(s, st->u.repeat.count - 1, span);
    out->tag = AT_REPEAT;
    out->span = span;
    out->u.repeat.round = f->round;
    out->u.repeat.count = st->u.repeat.count;
    if (st->u.repeat.condition) {
        count_rounds(g, f);
        const at_expr *ran = at_in_reverse(g, at_read_whole(s, f->ran->after, span));
        last = at_map_node(s, AT_OP_SUB, ran, at_int(s, 1, span), NULL, span);
        f->runs = at_map_node(s, AT_OP_LT, at_index(s, f->round, span), ran, NULL, span);
        out->u.repeat.condition = f->runs;
    }
    f->at = at_map_node(s, AT_OP_SUB, last, at_index(s, f->round, span), NULL, span);
}

void at_reverse_repeat(at_derivation *g, const at_statement *st) {
    at_session *s = g->s;
    at_reversed *f = at_reversed_of(g, st);
    at_statement *out = AT_NEW(s->arena, at_statement);
    reversing v = {.g = g, .f = f, .st = out};
    begin_repeat(g, f, out);
    int count = st->u.repeat.carried_count;
    at_carried *reversed = AT_NEW_ARRAY(s->arena, at_carried, count);
    at_block zeros = {0};
    int zero_capacity = 0, forward_arrays = g->slot_count;
    at_draft_region region;
    g->region = f;
    at_draft_open(g->draft, &region);
    for (int i = 0; i < count; i++)
        if (at_is_carried_active(g, &st->u.repeat.carried[i]))
            add_carried(&v, reversed[i] = carry(g, &st->u.repeat.carried[i]));
    enter_all(g, f);
    at_reverse_block(g, st->u.repeat.body.items, st->u.repeat.body.count);
    for (int i = 0; i < count; i++)
        if (at_is_carried_active(g, &st->u.repeat.carried[i]))
            emit_next(g, &st->u.repeat.carried[i], &reversed[i]);
    for (int id = 0; id < forward_arrays; id++)
        while (leave_one(&v, g->draft->out->arrays[id], &zeros, &zero_capacity)) continue;
    out->u.repeat.body = at_draft_close(g->draft, &region);
    g->region = f->outer;
    for (int i = 0; i < zeros.count; i++) at_draft_add(g->draft, zeros.items[i]);
    at_draft_add(g->draft, out);
    leave_behind(&v);
    for (int i = 0; i < count; i++) {
        const at_carried *c = &st->u.repeat.carried[i];
        if (!at_is_carried_active(g, c)) continue;
        const at_expr *at = at_cotangent(g, c->after);
        at_place place = at_place_of(g, c->after);
        const at_expr **index = AT_NEW_ARRAY(s->arena, const at_expr *, c->before->rank);
        for (int m = 0; m < c->before->rank; m++)
            index[m] = at_index(s, c->after->axes[m], c->after->span);
        if (at_slot_of(g, c->before)->depends)
            at_contribute(&place, c->before, index,
                          at_read(s, reversed[i].after, at->u.read.index, NULL, at->span));
    }
}
