/* A cotangent sent down an expression: at each operation times the local derivative of rules.def,
 * at a fold into its body, at a read it has arrived and becomes a contribution to the array's
 * adjoint.
 *
 * What a choice or a condition excludes goes into the guard and not into a factor, so the branch
 * that was not taken is never evaluated in the derivative either, and a cotangent that is NaN does
 * not reach it.
 *
 * Values that a local derivative needs are written again where that is cheap. Otherwise they get an
 * array of their own in front of the equation, which the equation then reads as well. */
#include "grad/grad_int.h"

/* ---- places ---------------------------------------------------------------------------------- */

at_place at_place_of(at_derivation *g, const at_array *target) {
    at_place place = {.g = g, .target = target};
    place.axes = AT_NEW_ARRAY(g->s->arena, at_axis *, target->rank);
    for (int i = 0; i < target->rank; i++)
        if (!at_is_fixed_axis(g, g->region, target->axes[i]))
            place.axes[place.count++] = target->axes[i];
    return place;
}

at_place at_place_under(const at_place *place, at_axis *const *axes, int count,
                        const at_expr *guard) {
    at_place under = *place;
    at_session *s = place->g->s;
    under.axes = AT_NEW_ARRAY(s->arena, at_axis *, place->count + count);
    at_move(under.axes, place->axes, sizeof *axes * (size_t)place->count);
    at_move(under.axes + place->count, axes, sizeof *axes * (size_t)count);
    under.count = place->count + count;
    under.in_fold |= count > 0;
    under.guard = at_both(s, place->guard, guard);
    return under;
}

/* The cotangent itself in a product of it with local derivatives. */
static const at_expr *cotangent_in(const at_expr *d) {
    if (d->tag == AT_READ) return d->u.read.array->cotangent ? d : NULL;
    if (d->tag != AT_MAP) return NULL;
    at_op op = d->u.map.op;
    if (op != AT_OP_MUL && op != AT_OP_DIV && op != AT_OP_NEG) return NULL;
    const at_expr *found = cotangent_in(d->u.map.args[0]);
    return found || op != AT_OP_MUL ? found : cotangent_in(d->u.map.args[1]);
}

at_place at_place_where(const at_place *place, const at_expr *condition, const at_expr *d) {
    at_session *s = place->g->s;
    if (!condition || at_is_total(place->g, condition))
        return at_place_under(place, NULL, 0, condition);
    const at_expr *asked = cotangent_in(d);
    if (!asked) asked = d;
    const at_expr *some =
        at_map_node(s, AT_OP_NE, asked, at_real(s, 0, d->span), NULL, condition->span);
    return at_place_under(place, NULL, 0, at_both(s, some, condition));
}

/* ---- values that are needed twice ------------------------------------------------------------ */

/* The axes of an array in front of the statement that holds e: the steps of the scans around, which
 * must come first, and what e mentions. */
static int axes_of(const at_place *place, const at_expr *e, at_axis **axes) {
    const at_slot *slot = at_slot_of(place->g, place->target);
    int count = 0;
    for (int i = 0; i < slot->step_count; i++) axes[count++] = slot->steps[i];
    for (int i = 0; i < place->count; i++) {
        bool step = false;
        for (int k = 0; k < slot->step_count; k++) step |= slot->steps[k] == place->axes[i];
        if (!step && at_mentions(e, place->axes[i])) axes[count++] = place->axes[i];
    }
    return count;
}

typedef struct {
    const at_expr *old, *new;
} exchange;

static const at_expr *exchanged(void *user, const at_expr *e) {
    exchange *x = user;
    return at_same(e, x->old) ? x->new : e;
}

/* The statement reads `new` where it had `old`. */
static void exchange_in(at_derivation *g, at_slot *slot, const at_expr *old, const at_expr *new) {
    at_session *s = g->s;
    exchange x = {old, new};
    if (!slot->changed) slot->changed = at_copy(s->arena, slot->by, sizeof *slot->by);
    at_statement *st = slot->changed;
    if (st->tag == AT_EQUATION) {
        st->u.value = at_rewrite(s, st->u.value, exchanged, &x);
    } else if (st->tag == AT_KEEPING) {
        at_part *parts = at_copy(s->arena, st->u.keeping.parts,
                                 sizeof *parts * (size_t)st->u.keeping.count);
        for (int i = 0; i < st->u.keeping.count; i++)
            parts[i].body = at_rewrite(s, parts[i].body, exchanged, &x);
        st->u.keeping.parts = parts;
    }
}

/* What kind of value it is, for its name. */
static const char *suffix_of(const at_expr *e) {
    if (e->tag == AT_FOLD_NODE) return at_fold_info(e->u.fold.fold)->text;
    if (e->tag == AT_MAP && at_op_info(e->u.map.op)->level == 0)
        return at_op_info(e->u.map.op)->text;
    return "part";
}

/* Of the statement that the place is in: all parts of a joint normaliser share the first one's. */
static at_slot *slot_of_statement(at_derivation *g, const at_array *target) {
    at_slot *slot = at_slot_of(g, target);
    if (!slot->by || slot->by->tag != AT_KEEPING) return slot;
    return at_slot_of(g, slot->by->u.keeping.parts[0].target);
}

static const at_expr *hoisted(const at_place *place, const at_expr *e) {
    at_derivation *g = place->g;
    at_session *s = g->s;
    at_axis *axes[192];
    int count = axes_of(place, e, axes);
    at_array *array = at_draft_array(
        g->draft, at_format(s->arena, "%s.%s", place->target->name, suffix_of(e)), NULL, e->kind,
        axes, count, place->target->span);
    at_slot_of(g, array); /* may move the slots */
    at_slot *own = at_slot_of(g, array), *slot = slot_of_statement(g, place->target);
    at_statement *equation = at_equation(g, array, e);
    own->by = equation;
    own->region = slot->region;
    own->steps = slot->steps;
    own->step_count = slot->step_count;
    at_append(g, &slot->before, &slot->before_capacity, equation);
    const at_expr *read = at_read_whole(s, array, e->span);
    at_hoisted *entry = AT_NEW(s->arena, at_hoisted);
    *entry = (at_hoisted){slot->hoisted, e, read};
    slot->hoisted = entry;
    exchange_in(g, slot, e, read);
    return read;
}

const at_expr *at_value_of(const at_place *place, const at_expr *e) {
    at_derivation *g = place->g;
    if (e == place->root) return at_read_whole(g->s, place->target, e->span);
    if (at_is_cheap(e)) return e;
    for (at_hoisted *h = slot_of_statement(g, place->target)->hoisted; h; h = h->next)
        if (at_same(h->value, e)) return h->read;
    return hoisted(place, e);
}

/* ---- cotangents that are needed several times ------------------------------------------------ */

typedef struct {
    at_derivation *g;
    int reads;
    bool fold;
} spread;

static void count_read(void *user, const at_expr *read) {
    spread *w = user;
    w->reads += at_slot_of(w->g, read->u.read.array)->depends;
}

static bool find_fold(void *user, const at_expr *e) {
    spread *w = user;
    if (e->tag == AT_FOLD_NODE && at_reaches_active(w->g, e)) w->fold = true;
    return !w->fold;
}

static bool count_work(void *user, const at_expr *e) {
    int *work = user;
    if (e->tag == AT_READ) *work += e->u.read.array->rank > 0;
    if (e->tag == AT_FOLD_NODE) *work += 2;
    return e->tag != AT_READ;
}

void at_push_kept(const at_place *place, const at_expr *e, const at_expr *d, const char *suffix) {
    at_derivation *g = place->g;
    spread w = {g, 0, false};
    int work = 0;
    at_differentiable_reads(e, count_read, &w);
    at_walk(e, find_fold, &w);
    at_walk(d, count_work, &work);
    if (place->in_fold || work < 2 || (w.reads < 2 && !w.fold)) {
        at_push(place, e, d);
        return;
    }
    at_axis *axes[224];
    int count = at_axes_here(g, place->target, place->target->axes, place->target->rank, axes);
    d = at_auxiliary(g, place->target, suffix, axes, count,
                     at_where(g->s, place->guard, d, 0));
    ((at_array *)d->u.read.array)->cotangent = true;
    /* The array is 0 where the guard does not hold. In a scan it also says which steps are
     * meant. */
    at_place there = *place;
    if (at_slot_of(g, place->target)->step_count == 0) there.guard = NULL;
    at_push(&there, e, d);
}

/* ---- operations ------------------------------------------------------------------------------ */

static void push_choice(const at_place *place, const at_expr *e, const at_expr *d) {
    at_session *s = place->g->s;
    const at_expr *condition = at_value_of(place, e->u.map.args[0]);
    for (int i = 1; i < 3; i++) {
        if (!at_reaches_active(place->g, e->u.map.args[i])) continue;
        if (i == 2) condition = at_map_node(s, AT_OP_NOT, condition, NULL, NULL, e->span);
        at_place there = at_place_where(place, condition, d);
        at_push(&there, e->u.map.args[i], d);
    }
}

static void push_map(const at_place *place, const at_expr *e, const at_expr *d) {
    at_derivation *g = place->g;
    at_op op = e->u.map.op;
    if (op == AT_OP_IF) {
        push_choice(place, e, d);
        return;
    }
    for (int i = 0; i < at_op_info(op)->arity; i++) {
        if (!at_reaches_active(g, e->u.map.args[i])) continue;
        unsigned uses = at_rule_uses(g, op, i);
        const at_expr *values[3] = {0}, *y = NULL, *condition;
        for (int k = 0; k < at_op_info(op)->arity; k++)
            if (uses & (1u << k)) values[k] = at_value_of(place, e->u.map.args[k]);
        if (uses & 8) y = at_value_of(place, e);
        const at_expr *next = at_rule_apply(g, op, i, d, values, y, &condition);
        if (!next) continue;
        if (condition && condition->tag == AT_CONST && !condition->u.integer) continue;
        at_place there = at_place_where(place, condition, d);
        at_push_kept(&there, e->u.map.args[i], next,
                     at_format(g->s->arena, "d%s", suffix_of(e->u.map.args[i])));
    }
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* Where the alternative of a read counts: some index is outside. */
static const at_expr *outside(const at_place *place, const at_expr *e) {
    at_session *s = place->g->s;
    const at_expr *inside = NULL;
    for (int i = 0; i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        if (index->tag == AT_INDEX && !index->u.axis->declared) continue;
        inside = at_both(s, inside,
                         at_between(s, place->g->draft->out, at_int(s, 0, e->span), index,
                                    at_size_of(s, e->u.read.array->axes[i], e->span)));
    }
    if (!inside) return at_bool(s, false, e->span);
    return at_map_node(s, AT_OP_NOT, inside, NULL, NULL, e->span);
}

static void push_read(const at_place *place, const at_expr *e, const at_expr *d) {
    if (at_slot_of(place->g, e->u.read.array)->depends)
        at_contribute(place, e->u.read.array, e->u.read.index, d);
    const at_expr *alternative = e->u.read.alternative;
    if (!alternative || !at_reaches_active(place->g, alternative)) return;
    at_place there = at_place_where(place, outside(place, e), d);
    at_push(&there, alternative, d);
}

void at_push(const at_place *place, const at_expr *e, const at_expr *d) {
    if (e->kind != AT_REAL || at_is_number(d, 0) || !at_reaches_active(place->g, e)) return;
    switch (e->tag) {
    case AT_READ: push_read(place, e, d); break;
    case AT_MAP: push_map(place, e, d); break;
    case AT_FOLD_NODE: at_push_fold(place, e, d); break;
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: break;
    }
}
