/* Where structural zeros may be, and where an array of bools must tell of them.
 *
 * Which arrays may hold structural zeros is found as src/ref/zeros.c does. The support of most is
 * an expression that their equation gives. It cannot be one
 *   - of what a repeat carries, `x`: that is `x.nonzero`, carried beside it;
 *   - of what a scan reads at an earlier step above its equation, `p[t-1]`;
 *   - of what a repeat that may end early collects: rounds that did not run hold zeros that are not
 *     structural. There the array of bools is true of structural zeros, so that it begins as false,
 *     which is what such rounds hold. */
#include "opt/zeros.h"

typedef struct {
    const at_cascade *from;
    at_draft *draft;
    at_zero_places *places;
    bool *written; /* by array id: its statement was seen */
    bool any, changed;
} search;

/* ---- which arrays -------------------------------------------------------------------------- */

static bool may_be_zero(const at_zero_places *p, const at_expr *e) {
    if (e->kind != AT_REAL) return false;
    if (e->tag == AT_READ)
        return p->zeroable[e->u.read.array->id] ||
               (e->u.read.alternative && may_be_zero(p, e->u.read.alternative));
    if (e->tag == AT_FOLD_NODE)
        return (e->u.fold.fold == AT_FOLD_SUM || e->u.fold.fold == AT_FOLD_PROD) &&
               may_be_zero(p, e->u.fold.body);
    if (e->tag != AT_MAP) return false;
    const at_expr *const *args = e->u.map.args;
    switch (e->u.map.op) {
    case AT_OP_NEG:
    case AT_OP_STOP:
    case AT_OP_DIV: return may_be_zero(p, args[0]);
    case AT_OP_MUL: return may_be_zero(p, args[0]) || may_be_zero(p, args[1]);
    case AT_OP_ADD:
    case AT_OP_SUB: return may_be_zero(p, args[0]) && may_be_zero(p, args[1]);
    case AT_OP_IF: return may_be_zero(p, args[1]) || may_be_zero(p, args[2]);
    default: return false;
    }
}

static void mark(search *w, const at_array *array, bool zeroable) {
    if (!zeroable || w->places->zeroable[array->id]) return;
    w->places->zeroable[array->id] = w->any = w->changed = true;
}

static bool look_at_statement(void *user, const at_statement *st) {
    search *w = user;
    const bool *zeroable = w->places->zeroable;
    if (st->tag == AT_EQUATION && !zeroable[st->target->id]) {
        mark(w, st->target, may_be_zero(w->places, st->u.value));
    } else if (st->tag == AT_KEEPING && st->u.keeping.fold == AT_FOLD_SOFTMAX) {
        for (int i = 0; i < st->u.keeping.count; i++)
            mark(w, st->u.keeping.parts[i].target, st->u.keeping.parts[i].guard != NULL);
    }
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        const at_carried *c = &st->u.repeat.carried[i];
        mark(w, c->inside, zeroable[c->before->id] || zeroable[c->next->id]);
        mark(w, c->after, zeroable[c->inside->id]);
    }
    return true;
}

static void find_zeroable(search *w) {
    for (int i = 0; i < w->from->array_count; i++)
        mark(w, w->from->arrays[i], w->from->arrays[i]->cotangent);
    for (w->changed = true; w->changed;) {
        w->changed = false;
        at_walk_block(&w->from->body, look_at_statement, w);
    }
}

/* ---- arrays beside them -------------------------------------------------------------------- */

static void put_beside(search *w, const at_array *array, bool is_zero) {
    at_zero_places *p = w->places;
    if (!p->zeroable[array->id] || array->cotangent || p->beside[array->id]) return;
    at_session *s = w->draft->s;
    p->is_zero[array->id] = is_zero;
    p->beside[array->id] =
        at_draft_array(w->draft, at_format(s->arena, "%s.%s", array->name,
                                           is_zero ? "zero" : "nonzero"),
                       array->path, AT_BOOL, array->axes, array->rank, array->span);
}

static void put_beside_carried(search *w, const at_carried *c) {
    at_zero_places *p = w->places;
    if (!p->zeroable[c->inside->id] || c->inside->cotangent) return;
    at_session *s = w->draft->s;
    const at_array *inside = c->inside;
    at_carried *own = AT_NEW(s->arena, at_carried);
    *own = at_draft_carried(w->draft, at_format(s->arena, "%s.nonzero", inside->name), inside->path,
                            AT_BOOL, inside->axes, inside->rank, inside->span);
    own->next->axes = c->next->axes;
    own->after->axes = c->after->axes;
    p->carried[inside->id] = own;
    p->beside[inside->id] = own->inside;
    p->beside[c->after->id] = own->after;
}

/* Read above its statement: of an earlier step. */
static bool look_ahead(void *user, const at_expr *e) {
    search *w = user;
    if (e->tag == AT_READ && !w->written[e->u.read.array->id])
        put_beside(w, e->u.read.array, false);
    return true;
}

static bool collects(const at_array *array, const at_axis *const *rounds, int count) {
    for (int i = 0; i < array->rank; i++)
        for (int k = 0; k < count; k++)
            if (array->axes[i] == rounds[k]) return true;
    return false;
}

static void place_block(search *w, const at_block *block, const at_axis **rounds, int count);

static void place_target(search *w, const at_array *target, const at_axis *const *rounds,
                         int count) {
    w->written[target->id] = true;
    if (collects(target, rounds, count)) put_beside(w, target, true);
}

/* `rounds`: of the repeats around that may end early. */
static void place_statement(search *w, const at_statement *st, const at_axis **rounds, int count) {
    if (st->tag == AT_REPEAT) {
        const at_axis **inner = AT_NEW_ARRAY(w->draft->s->arena, const at_axis *, count + 1);
        at_move(inner, rounds, sizeof *inner * (size_t)count);
        inner[count] = st->u.repeat.round;
        for (int i = 0; i < st->u.repeat.carried_count; i++)
            w->written[st->u.repeat.carried[i].inside->id] = true;
        at_walk_statement(st, look_ahead, w);
        place_block(w, &st->u.repeat.body, inner, count + (st->u.repeat.condition != NULL));
        for (int i = 0; i < st->u.repeat.carried_count; i++)
            w->written[st->u.repeat.carried[i].after->id] = true;
        return;
    }
    at_walk_statement(st, look_ahead, w);
    if (st->tag == AT_SCAN) place_block(w, &st->u.scan.body, rounds, count);
    else if (st->tag == AT_KEEPING)
        for (int i = 0; i < st->u.keeping.count; i++)
            place_target(w, st->u.keeping.parts[i].target, rounds, count);
    else if (st->target && st->tag != AT_NEXT) place_target(w, st->target, rounds, count);
}

static void place_block(search *w, const at_block *block, const at_axis **rounds, int count) {
    for (int i = 0; i < block->count; i++) place_statement(w, block->items[i], rounds, count);
}

static bool carries(void *user, const at_statement *st) {
    search *w = user;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        put_beside_carried(w, &st->u.repeat.carried[i]);
    return true;
}

at_zero_places *at_zero_places_of(at_draft *draft) {
    at_session *s = draft->s;
    const at_cascade *from = draft->from;
    size_t count = (size_t)from->array_count;
    at_zero_places *places = AT_NEW(s->arena, at_zero_places);
    *places = (at_zero_places){.zeroable = AT_NEW_ARRAY(s->arena, bool, count),
                               .beside = AT_NEW_ARRAY(s->arena, at_array *, count),
                               .is_zero = AT_NEW_ARRAY(s->arena, bool, count),
                               .carried = AT_NEW_ARRAY(s->arena, at_carried *, count)};
    search w = {from, draft, places, AT_NEW_ARRAY(s->arena, bool, count), false, false};
    find_zeroable(&w);
    if (!w.any) return NULL;
    for (int i = 0; i < from->input_count; i++) w.written[from->inputs[i].array->id] = true;
    for (int i = 0; i < from->param_count; i++) w.written[from->params[i].array->id] = true;
    for (int i = 0; i < from->state_count; i++) w.written[from->states[i].array->id] = true;
    at_walk_block(&from->body, carries, &w); /* first: `after` may be read ahead in a scan */
    place_block(&w, &from->body, NULL, 0);
    return places;
}
