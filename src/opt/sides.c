/* Which sides pair arrays are reduced along (sides.h): what reads them is looked at in the order of
 * the text, and each sink joins the first side that can still be taken in one pass over blocks with
 * it. */
#include "opt/sides.h"

/* What one pass over blocks can give. */
typedef struct {
    int component; /* the representing array's id */
    int count, capacity;
    at_axis **axes; /* that its sinks reduce */
    char *follows;  /* by array id: from its sinks, ALONG or APART; 0: it does not */
} side;

enum {
    ALONG = 1, /* one block after the other */
    APART,     /* only when all blocks are done */
};

typedef struct {
    at_session *s;
    const at_lengths *lengths;
    at_sides *out;
    at_home *here;
    int known;           /* arrays of the cascade */
    int *taken, taking;  /* by array id: the last walk that came by, of those through what sinks need */
    int side_count, side_capacity;
    side *sides;
    int sink_capacity;
    /* Of the statement at hand: */
    const at_statement *st;
    at_axis **reduced;
    int reduced_count, reduced_capacity;
    int component_here, side_here;
    bool aligned;
} finding;

/* ---- what a statement reduces ---------------------------------------------------------------- */

static bool is_target_axis(const at_statement *st, const at_axis *axis) {
    if (st->tag == AT_NEXT || st->tag == AT_ASSERT) return false;
    for (int n = 0; n < (st->tag == AT_KEEPING ? st->u.keeping.count : 1); n++) {
        const at_part *part = st->tag == AT_KEEPING ? &st->u.keeping.parts[n] : NULL;
        const at_array *target = part ? part->target : st->target;
        for (int i = 0; part && i < part->count; i++)
            if (part->bound[i] == axis) return false;
        for (int i = 0; i < target->rank; i++)
            if (target->axes[i] == axis) return true;
    }
    return false;
}

/* Notes which long axes of the candidates that are read here are reduced, and whether all of them
 * are read at their own axes. */
static bool look_at_read(void *user, const at_expr *e) {
    finding *r = user;
    if (e->tag != AT_READ || !r->out->by[e->u.read.array->id]) return true;
    const at_array *array = e->u.read.array;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        bool plain = index->tag == AT_INDEX;
        if (!at_is_long(r->lengths, array->axes[i]) ||
            (plain && at_home_fixes(r->here, index->u.axis)))
            continue;
        r->aligned &= plain && index->u.axis == array->axes[i];
        if (plain && is_target_axis(r->st, index->u.axis)) continue;
        bool known = false;
        for (int k = 0; k < r->reduced_count; k++) known |= r->reduced[k] == array->axes[i];
        if (!known)
            AT_PUSH(r->s->arena, r->reduced, r->reduced_count, r->reduced_capacity, array->axes[i]);
    }
    return true;
}

static void look_at_reads(finding *r, const at_statement *st) {
    r->st = st;
    r->aligned = true;
    r->reduced_count = 0;
    at_walk_statement(st, look_at_read, r);
}

static bool refuse(void *user, const at_expr *e) {
    const finding *f = user;
    if (e->tag == AT_READ) f->out->by[e->u.read.array->id] = NULL;
    return true;
}

/* A candidate that reads another one crosswise: that one has to be stored. */
static void refuse_crossed(void *user, const at_statement *st, at_home *home) {
    finding *r = user;
    r->here = home;
    if (st->tag != AT_EQUATION || !r->out->by[st->target->id]) return;
    look_at_reads(r, st);
    if (!r->aligned || r->reduced_count > 0) at_walk_statement(st, refuse, r);
}

/* ---- sides ----------------------------------------------------------------------------------- */

int at_component_of(const int *parents, int array) {
    while (parents[array] != array) array = parents[array];
    return array;
}

static int component_of(const finding *r, int array) {
    return at_component_of(r->out->component, array);
}

static bool join_component(void *user, const at_expr *e) {
    finding *r = user;
    if (e->tag == AT_READ && r->out->by[e->u.read.array->id])
        r->out->component[component_of(r, e->u.read.array->id)] =
            component_of(r, r->component_here);
    return true;
}

static void join(void *user, const at_statement *st, at_home *home) {
    finding *r = user;
    r->here = home;
    if (st->tag != AT_EQUATION || !r->out->by[st->target->id]) return;
    r->component_here = st->target->id;
    at_walk_statement(st, join_component, r);
}

/* Whether a pass over blocks that reduces all of these leaves no pair array to be stored. */
static bool is_possible(const finding *r, int component, at_axis *const *axes, int count) {
    for (int a = 0; a < r->known; a++) {
        if (!r->out->by[a] || component_of(r, a) != component) continue;
        const at_array *array = r->out->by[a]->target;
        at_axis **both = AT_NEW_ARRAY(r->s->arena, at_axis *, array->rank);
        int n = 0;
        for (int i = 0; i < array->rank; i++)
            for (int k = 0; k < count; k++)
                if (array->axes[i] == axes[k]) {
                    both[n++] = axes[k];
                    break;
                }
        if (at_has_pair(r->lengths, both, n)) return false;
    }
    return true;
}

static at_axis **joined(finding *r, const side *known, int *count) {
    at_axis **axes = AT_NEW_ARRAY(r->s->arena, at_axis *, known->count + r->reduced_count);
    at_move(axes, known->axes, sizeof *axes * (size_t)known->count);
    *count = known->count;
    for (int i = 0; i < r->reduced_count; i++) {
        bool found = false;
        for (int k = 0; k < known->count; k++) found |= known->axes[k] == r->reduced[i];
        if (!found) axes[(*count)++] = r->reduced[i];
    }
    return axes;
}

typedef struct {
    const finding *r;
    const side *of;
    const at_statement *st;
    char follows;
    bool apart, crossed; /* crossed: it needs more than what its own indices say */
} following;

static bool mentions_long_target(const following *f, const at_expr *e) {
    for (int i = 0; i < f->st->target->rank; i++)
        if (at_is_long(f->r->lengths, f->st->target->axes[i]) &&
            at_mentions(e, f->st->target->axes[i]))
            return true;
    return false;
}

static bool look_at_weights(void *user, const at_expr *e) {
    following *f = user;
    f->apart |= e->tag == AT_READ && e->u.read.array->rank >= 2 && !mentions_long_target(f, e);
    return !f->apart;
}

/* Whether the side's blocks go along the axis: its arrays have it, and its sinks do not reduce
 * it. */
static bool is_kept(const finding *r, const side *of, const at_axis *axis) {
    for (int k = 0; k < of->count; k++)
        if (of->axes[k] == axis) return false;
    for (int a = 0; a < r->known; a++) {
        const at_statement *by = r->out->by[a];
        if (!by || component_of(r, a) != of->component) continue;
        for (int i = 0; i < by->target->rank; i++)
            if (by->target->axes[i] == axis) return true;
    }
    return false;
}

static bool look_at_following(void *user, const at_expr *e) {
    following *f = user;
    if (e->tag == AT_FOLD_NODE && f->st->tag == AT_EQUATION) {
        for (int i = 0; i < e->u.fold.count; i++)
            f->apart |= at_is_long(f->r->lengths, e->u.fold.axes[i]);
        at_walk(e->u.fold.body, look_at_weights, f);
    }
    if (e->tag != AT_READ) return true;
    char follows = f->of->follows[e->u.read.array->id];
    if (follows > f->follows) f->follows = follows;
    for (int i = 0; follows && i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        f->apart |= index->tag != AT_INDEX;
        if (!is_kept(f->r, f->of, e->u.read.array->axes[i])) continue;
        f->crossed |= f->st->tag != AT_EQUATION || index->tag != AT_INDEX ||
                      !is_target_axis(f->st, index->u.axis);
    }
    return true;
}

static bool look_at_inner(void *user, const at_statement *st) {
    at_walk_statement(st, look_at_following, user);
    return true;
}

/* How a statement, of a region all that it holds, follows from the side's sinks. `sink`: it is one
 * of another side, whose blocks can be those of this one if it needs nothing of other rows. */
static char follows_from(const finding *r, const side *of, const at_statement *st, bool sink) {
    following f = {.r = r, .of = of, .st = st};
    at_walk_statement(st, look_at_following, &f);
    if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, look_at_inner, &f);
    if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, look_at_inner, &f);
    bool sure = sink ? !f.crossed
                     : st->tag == AT_EQUATION && (r->out->by[st->target->id] || !f.apart);
    return f.follows && !sure ? APART : f.follows;
}

typedef struct {
    const side *of;
    char follows;
} marking;

static void mark(void *user, const at_array *array) {
    const marking *m = user;
    if (m->of->follows[array->id] < m->follows) m->of->follows[array->id] = m->follows;
}

static void mark_all(const side *of, const at_statement *st, char follows) {
    marking m = {of, follows};
    if (follows) at_statement_written(st, mark, &m);
}

/* The side of this component that a sink of these reduced axes is in; -1: none can be. */
static int side_of(finding *r, int component) {
    for (int i = 0; i < r->side_count; i++) {
        if (r->sides[i].component != component) continue;
        following f = {.r = r, .of = &r->sides[i], .st = r->st};
        at_walk_statement(r->st, look_at_following, &f);
        if (f.follows == APART) continue;
        int count;
        at_axis **axes = joined(r, &r->sides[i], &count);
        if (!is_possible(r, component, axes, count)) continue;
        r->sides[i].axes = axes;
        r->sides[i].count = count;
        return i;
    }
    if (!is_possible(r, component, r->reduced, r->reduced_count)) return -1;
    side own = {.component = component};
    int count;
    own.axes = joined(r, &own, &count);
    own.count = count;
    own.follows = AT_NEW_ARRAY(r->s->arena, char, r->known);
    AT_PUSH(r->s->arena, r->sides, r->side_count, r->side_capacity, own);
    return r->side_count - 1;
}

/* What a sink needs belongs to its side, unless an earlier one has it. */
static bool take(void *user, const at_expr *e) {
    finding *r = user;
    if (e->tag != AT_READ || !r->out->by[e->u.read.array->id]) return true;
    int array = e->u.read.array->id;
    if (r->taken[array] == r->taking || component_of(r, array) != r->component_here) return true;
    r->taken[array] = r->taking; /* a chain that reads each array twice is not walked 2^n times */
    if (r->out->owner[array] < 0) r->out->owner[array] = r->side_here;
    at_walk(r->out->by[array]->u.value, take, r);
    return true;
}

static bool take_components(void *user, const at_expr *e) {
    finding *r = user;
    if (e->tag != AT_READ || !r->out->by[e->u.read.array->id]) return true;
    int component = component_of(r, e->u.read.array->id);
    for (int i = r->out->sink_count - 1; i >= 0 && r->out->sinks[i].st == r->st; i--)
        if (r->out->sinks[i].component == component) return true;
    at_sink known = {r->st, component, side_of(r, component)};
    AT_PUSH(r->s->arena, r->out->sinks, r->out->sink_count, r->sink_capacity, known);
    return true;
}

static void find_side(void *user, const at_statement *st, at_home *home) {
    finding *r = user;
    r->here = home;
    bool own = st->tag == AT_EQUATION && r->out->by[st->target->id];
    int first = r->out->sink_count, sides = r->side_count;
    look_at_reads(r, st);
    if (!own) at_walk_statement(st, take_components, r);
    for (int i = 0; i < sides; i++) {
        bool in = false;
        for (int k = first; k < r->out->sink_count; k++) in |= r->out->sinks[k].side == i;
        mark_all(&r->sides[i], st,
                 in ? ALONG : follows_from(r, &r->sides[i], st, r->out->sink_count > first));
    }
    for (int i = first; i < r->out->sink_count; i++) {
        r->component_here = r->out->sinks[i].component;
        r->side_here = r->out->sinks[i].side;
        if (r->side_here < 0) continue;
        r->taking++;
        at_walk_statement(st, take, r);
        mark_all(&r->sides[r->side_here], st, ALONG);
    }
}

at_sides *at_sides_of(at_session *s, const at_cascade *from) {
    finding r = {.s = s, .lengths = at_lengths_of(s, from), .known = from->array_count,
                 .out = AT_NEW(s->arena, at_sides)};
    const at_homes *homes = at_homes_of(s, from);
    r.out->by = at_pair_equations(r.lengths, homes, false);
    r.out->component = AT_NEW_ARRAY(s->arena, int, from->array_count);
    r.out->owner = AT_NEW_ARRAY(s->arena, int, from->array_count);
    r.taken = AT_NEW_ARRAY(s->arena, int, from->array_count);
    for (int i = 0; i < from->array_count; i++) {
        r.out->component[i] = i;
        r.out->owner[i] = -1;
    }
    at_homes_walk(homes, from, refuse_crossed, &r);
    at_homes_walk(homes, from, join, &r);
    at_homes_walk(homes, from, find_side, &r);
    return r.out;
}
