/* Pair arrays that are reduced along both of their sides are computed for each side:
 *
 *     p[i,j] = exp(s[i,j] - m[i])                p[i,j] = exp(s[i,j] - m[i])
 *     dq[i,d] = sum[j](p[i,j] * k[j,d])          dq[i,d] = sum[j](p[i,j] * k[j,d])
 *     dk[j,d] = sum[i](p[i,j] * q[i,d])    ->    p_2[i,j] = exp(s_2[i,j] - m[i])
 *                                                dk[j,d] = sum[i](p_2[i,j] * q[i,d])
 *
 * A loop over blocks of i has all that dq needs of p at hand, and forgets it; so has a loop over
 * blocks of j for dk. With p for both, all of it would have to be stored. What a row has in common
 * (m, its sum) is no pair array, and is shared.
 *
 * The rule: copies are made of pair arrays only that are cheap to compute again: one equation
 * without a sum over a long axis, read in the block where it stands. What reads such arrays and is
 * none itself is a sink, which reduces some of their axes (or has more than one of their indices to
 * look at); sinks that can be reached with one pass over blocks are a side. The first side that needs an array has the
 * original.
 *
 * Sinks of one side may follow from each other, as what divides a softmax from its scores, as long as
 * all in between runs along with them, block by block. Where it does not (a layer's products with its
 * weights lie between a function and its derivative), there are two sides again.
 *
 * A sum over both sides at once belongs to neither; it becomes a sum of sums. So does one over a side
 * and over heads, for each of which it can then be taken by itself. */
#include "opt/opt.h"
#include "opt/pairs.h"

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
    const at_statement *st;
    int component, side;
} sink;

typedef struct {
    at_session *s;
    const at_cascade *from;
    at_draft *draft;
    const at_lengths *lengths;
    at_homes *homes;
    at_home *here;
    int next_home, known; /* arrays of the cascade */
    /* By array id. */
    const at_statement **by; /* the equation of a candidate; NULL: it is none */
    int *component, *owner;  /* parents as in a union-find; the side that has the original, -1: none */
    int *taken, taking;      /* the last walk that came by, of those through what sinks need */
    int side_count, side_capacity;
    side *sides;
    int sink_count, sink_capacity;
    sink *sinks;
    int clone_count, clone_capacity;
    struct {
        int array, side;
        at_array *clone;
    } *clones;
    /* Of the statement at hand: */
    const at_statement *st;
    at_axis **reduced;
    int reduced_count, reduced_capacity;
    int component_here, side_here;
    bool aligned;
} recomputing;

/* ---- which arrays may be computed twice -------------------------------------------------------- */

static bool is_scanned(const at_home *home, const at_axis *axis) {
    for (; home->outer; home = home->outer) {
        if (home->region->tag == AT_REPEAT && home->region->u.repeat.round == axis) return true;
        for (int i = 0; home->region->tag == AT_SCAN && i < home->region->u.scan.count; i++)
            if (home->region->u.scan.axes[i] == axis) return true;
    }
    return false;
}

static bool look_for_long_fold(void *user, const at_expr *e) {
    recomputing *r = user;
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++)
        if (at_is_long(r->lengths, e->u.fold.axes[i])) r->aligned = false;
    return r->aligned;
}

/* The axes that the steps and rounds around do not fix. */
static int own_axes(const recomputing *r, const at_array *array, const at_home *home,
                    at_axis **axes) {
    (void)r;
    int count = 0;
    for (int i = 0; i < array->rank; i++)
        if (!is_scanned(home, array->axes[i])) axes[count++] = array->axes[i];
    return count;
}

static void consider(recomputing *r, const at_statement *st) {
    const at_array *array = st->target;
    if (st->tag != AT_EQUATION || array->role != AT_DEFINED) return;
    at_axis **axes = AT_NEW_ARRAY(r->s->arena, at_axis *, array->rank);
    int count = own_axes(r, array, r->here, axes);
    if (!at_has_pair(r->lengths, axes, count)) return;
    r->aligned = true;
    at_walk(st->u.value, look_for_long_fold, r);
    if (r->aligned) r->by[array->id] = st;
}

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

/* Candidates are read where they stand only, and not outside of them. */
static bool refuse_reads(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag != AT_READ) return true;
    const at_array *array = e->u.read.array;
    if (e->u.read.alternative || r->homes->of_array[array->id] != r->here) r->by[array->id] = NULL;
    return true;
}

/* Notes which long axes of the candidates that are read here are reduced, and whether all of them are
 * read at their own axes. */
static bool look_at_read(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag != AT_READ || !r->by[e->u.read.array->id]) return true;
    const at_array *array = e->u.read.array;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        bool plain = index->tag == AT_INDEX;
        if (!at_is_long(r->lengths, array->axes[i]) || (plain && is_scanned(r->here, index->u.axis)))
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

static void look_at_reads(recomputing *r, const at_statement *st) {
    r->st = st;
    r->aligned = true;
    r->reduced_count = 0;
    at_walk_statement(st, look_at_read, r);
}

static bool refuse(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag == AT_READ) r->by[e->u.read.array->id] = NULL;
    return true;
}

static void each_statement(recomputing *r, const at_block *block,
                           void (*visit)(recomputing *r, const at_statement *st)) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        at_home *outer = r->here;
        if (st->tag != AT_SCAN && st->tag != AT_REPEAT) {
            visit(r, st);
            continue;
        }
        r->here = r->homes->blocks[r->next_home++];
        visit(r, st);
        each_statement(r, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body, visit);
        r->here = outer;
    }
}

static void walk(recomputing *r, void (*visit)(recomputing *r, const at_statement *st)) {
    r->here = r->homes->blocks[0];
    r->next_home = 1;
    each_statement(r, &r->from->body, visit);
}

static void refuse_others(recomputing *r, const at_statement *st) {
    if (st->tag == AT_REPEAT) {
        at_walk(st->u.repeat.condition, refuse, r);
        for (int i = 0; i < st->u.repeat.carried_count; i++) {
            r->by[st->u.repeat.carried[i].before->id] = NULL;
            r->by[st->u.repeat.carried[i].next->id] = NULL;
        }
    } else {
        at_walk_statement(st, refuse_reads, r);
    }
}

/* A candidate that reads another one crosswise: that one has to be stored. */
static void refuse_crossed(recomputing *r, const at_statement *st) {
    if (st->tag != AT_EQUATION || !r->by[st->target->id]) return;
    look_at_reads(r, st);
    if (!r->aligned || r->reduced_count > 0) at_walk_statement(st, refuse, r);
}

/* ---- sides ------------------------------------------------------------------------------------- */

static int component_of(const recomputing *r, int array) {
    while (r->component[array] != array) array = r->component[array];
    return array;
}

static bool join_component(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag == AT_READ && r->by[e->u.read.array->id])
        r->component[component_of(r, e->u.read.array->id)] = component_of(r, r->component_here);
    return true;
}

static void join(recomputing *r, const at_statement *st) {
    if (st->tag != AT_EQUATION || !r->by[st->target->id]) return;
    r->component_here = st->target->id;
    at_walk_statement(st, join_component, r);
}

/* Whether a pass over blocks that reduces all of these leaves no pair array to be stored. */
static bool is_possible(const recomputing *r, int component, at_axis *const *axes, int count) {
    for (int a = 0; a < r->known; a++) {
        if (!r->by[a] || component_of(r, a) != component) continue;
        const at_array *array = r->by[a]->target;
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

static at_axis **joined(recomputing *r, const side *known, int *count) {
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
    const side *of;
    const at_statement *st;
    const at_lengths *lengths;
    char follows;
    bool apart;
} following;

static bool mentions_long_target(const following *f, const at_expr *e) {
    for (int i = 0; i < f->st->target->rank; i++)
        if (at_is_long(f->lengths, f->st->target->axes[i]) && at_mentions(e, f->st->target->axes[i]))
            return true;
    return false;
}

static bool look_at_weights(void *user, const at_expr *e) {
    following *f = user;
    f->apart |= e->tag == AT_READ && e->u.read.array->rank >= 2 && !mentions_long_target(f, e);
    return !f->apart;
}

static bool look_at_following(void *user, const at_expr *e) {
    following *f = user;
    if (e->tag == AT_FOLD_NODE && f->st->tag == AT_EQUATION) {
        for (int i = 0; i < e->u.fold.count; i++)
            f->apart |= at_is_long(f->lengths, e->u.fold.axes[i]);
        at_walk(e->u.fold.body, look_at_weights, f);
    }
    if (e->tag != AT_READ) return true;
    char follows = f->of->follows[e->u.read.array->id];
    if (follows > f->follows) f->follows = follows;
    for (int i = 0; follows && i < e->u.read.array->rank; i++)
        f->apart |= e->u.read.index[i]->tag != AT_INDEX;
    return true;
}

static bool look_at_inner(void *user, const at_statement *st) {
    at_walk_statement(st, look_at_following, user);
    return true;
}

/* How a statement, of a region all that it holds, follows from the side's sinks. */
static char follows_from(const recomputing *r, const side *of, const at_statement *st) {
    following f = {of, st, r->lengths, 0, false};
    at_walk_statement(st, look_at_following, &f);
    if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, look_at_inner, &f);
    if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, look_at_inner, &f);
    bool sure = st->tag == AT_EQUATION && (r->by[st->target->id] || !f.apart);
    return f.follows && !sure ? APART : f.follows;
}

typedef struct {
    side *of;
    char follows;
} marking;

static void mark_one(const marking *m, const at_array *array) {
    if (m->of->follows[array->id] < m->follows) m->of->follows[array->id] = m->follows;
}

static bool mark(void *user, const at_statement *st) {
    const marking *m = user;
    if (st->target && st->tag != AT_NEXT) mark_one(m, st->target);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        mark_one(m, st->u.keeping.parts[i].target);
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        mark_one(m, st->u.repeat.carried[i].inside);
        mark_one(m, st->u.repeat.carried[i].after);
    }
    return true;
}

static void mark_all(side *of, const at_statement *st, char follows) {
    marking m = {of, follows};
    if (!follows) return;
    mark(&m, st);
    if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, mark, &m);
    if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, mark, &m);
}

/* The side of this component that a sink of these reduced axes is in; -1: none can be. */
static int side_of(recomputing *r, int component) {
    for (int i = 0; i < r->side_count; i++) {
        if (r->sides[i].component != component) continue;
        following f = {&r->sides[i], r->st, r->lengths, 0, false};
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
    recomputing *r = user;
    if (e->tag != AT_READ || !r->by[e->u.read.array->id]) return true;
    int array = e->u.read.array->id;
    if (r->taken[array] == r->taking || component_of(r, array) != r->component_here) return true;
    r->taken[array] = r->taking; /* a chain that reads each array twice is not walked 2^n times */
    if (r->owner[array] < 0) r->owner[array] = r->side_here;
    at_walk(r->by[array]->u.value, take, r);
    return true;
}

static bool take_components(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag != AT_READ || !r->by[e->u.read.array->id]) return true;
    int component = component_of(r, e->u.read.array->id);
    for (int i = r->sink_count - 1; i >= 0 && r->sinks[i].st == r->st; i--)
        if (r->sinks[i].component == component) return true;
    sink known = {r->st, component, side_of(r, component)};
    AT_PUSH(r->s->arena, r->sinks, r->sink_count, r->sink_capacity, known);
    return true;
}

static void find_side(recomputing *r, const at_statement *st) {
    bool own = st->tag == AT_EQUATION && r->by[st->target->id];
    int first = r->sink_count, sides = r->side_count;
    look_at_reads(r, st);
    if (!own) at_walk_statement(st, take_components, r);
    for (int i = 0; i < sides; i++) {
        char follows = follows_from(r, &r->sides[i], st);
        bool in = false;
        for (int k = first; k < r->sink_count; k++) in |= r->sinks[k].side == i;
        mark_all(&r->sides[i], st, in ? ALONG : r->sink_count > first && follows ? APART : follows);
    }
    for (int i = first; i < r->sink_count; i++) {
        r->component_here = r->sinks[i].component;
        r->side_here = r->sinks[i].side;
        if (r->side_here < 0) continue;
        r->taking++;
        at_walk_statement(st, take, r);
        mark_all(&r->sides[r->side_here], st, ALONG);
    }
}

/* ---- copies ------------------------------------------------------------------------------------ */

static const at_expr *redirected(void *user, const at_expr *e);

static const at_expr *on_side(recomputing *r, const at_expr *e, int component, int side_here) {
    int old_component = r->component_here, old_side = r->side_here;
    r->component_here = component;
    r->side_here = side_here;
    e = at_rewrite(r->s, e, redirected, r);
    r->component_here = old_component;
    r->side_here = old_side;
    return e;
}

static at_array *clone_of(recomputing *r, const at_array *array, int side_here) {
    for (int i = 0; i < r->clone_count; i++)
        if (r->clones[i].array == array->id && r->clones[i].side == side_here)
            return r->clones[i].clone;
    const at_statement *by = r->by[array->id];
    const at_expr *value = on_side(r, by->u.value, component_of(r, array->id), side_here);
    at_array *clone = at_draft_array(r->draft, array->name, array->path, array->kind, array->axes,
                                     array->rank, array->span);
    clone->cotangent = array->cotangent;
    at_draft_equation(r->draft, clone, value, by->span);
    AT_PUSH(r->s->arena, r->clones, r->clone_count, r->clone_capacity,
            ((__typeof__(*r->clones)){array->id, side_here, clone}));
    return clone;
}

static const at_expr *redirected(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag != AT_READ || e->u.read.array->id >= r->known || !r->by[e->u.read.array->id]) return e;
    const at_array *array = e->u.read.array;
    if (component_of(r, array->id) != r->component_here || r->owner[array->id] == r->side_here ||
        r->owner[array->id] < 0)
        return e;
    return at_read(r->s, clone_of(r, array, r->side_here), e->u.read.index, NULL, e->span);
}

typedef struct {
    recomputing *r;
    int component, side;
} redirection;

static const at_expr *redirect(void *user, const at_expr *e) {
    redirection *d = user;
    return on_side(d->r, e, d->component, d->side);
}

static void plain(void *user, const at_statement *st) {
    recomputing *r = user;
    if (st->tag == AT_EQUATION && r->by[st->target->id]) {
        redirection d = {r, component_of(r, st->target->id), r->owner[st->target->id]};
        if (d.side < 0) at_draft_add(r->draft, (at_statement *)st);
        else at_draft_add(r->draft, at_statement_changed(r->s, st, redirect, &d));
        return;
    }
    for (int i = 0; i < r->sink_count; i++) {
        if (r->sinks[i].st != st || r->sinks[i].side < 0) continue;
        const at_statement *of = st;
        redirection d = {r, r->sinks[i].component, r->sinks[i].side};
        st = at_statement_changed(r->s, st, redirect, &d);
        for (int k = i + 1; k < r->sink_count; k++)
            if (r->sinks[k].st == of) r->sinks[k].st = st;
    }
    at_draft_add(r->draft, (at_statement *)st);
}

/* ---- sums over both sides ---------------------------------------------------------------------- */

static bool is_split_alike(at_fold fold) {
    return fold == AT_FOLD_SUM || fold == AT_FOLD_MAX || fold == AT_FOLD_MIN || fold == AT_FOLD_ANY ||
           fold == AT_FOLD_ALL;
}

static bool look_for_both(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag != AT_READ || !r->by[e->u.read.array->id]) return true;
    const at_array *array = e->u.read.array;
    at_axis **both = AT_NEW_ARRAY(r->s->arena, at_axis *, array->rank);
    int n = 0;
    for (int i = 0; i < array->rank; i++)
        for (int k = 0; k < r->reduced_count; k++)
            if (e->u.read.index[i]->tag == AT_INDEX && e->u.read.index[i]->u.axis == r->reduced[k])
                both[n++] = r->reduced[k];
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++)
            if (at_is_pair(r->lengths, both[i], both[k])) r->st = NULL, r->reduced[0] = both[0];
    return r->st != NULL;
}

static bool look_for_failure(void *user, const at_expr *e) {
    bool *total = user;
    if (e->tag == AT_MAP && e->kind == AT_INT)
        *total &= e->u.map.op != AT_OP_IDIV && e->u.map.op != AT_OP_MOD && e->u.map.op != AT_OP_IPOW;
    for (int i = 0; e->tag == AT_READ && i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        *total &= index->tag == AT_INDEX && at_same_extent(index->u.axis, e->u.read.array->axes[i]);
    }
    return *total && e->tag != AT_FOLD_NODE;
}

static bool is_total(const at_expr *e) {
    bool total = true;
    at_walk(e, look_for_failure, &total);
    return total;
}

/* The fold over `inner` axes with an array of its own, and around it that over the others. */
static const at_expr *in_two(recomputing *r, const at_expr *e, at_axis **inner, int inner_count,
                             at_axis **outer, int outer_count, const at_expr *inner_guard,
                             const at_expr *outer_guard) {
    const at_expr *part = at_fold_node(r->s, e->u.fold.fold, inner, inner_count, inner_guard,
                                       e->u.fold.body, e->span);
    at_axis **axes;
    int rank = at_draft_free_axes(r->draft, part, r->st->target, &axes);
    int first = at_draft_scan_axes(r->draft, NULL);
    /* The axes of the outer fold in front: for each of them it is a product of matrices. */
    for (int i = outer_count - 1; i >= 0; i--)
        for (int k = first; k < rank; k++) {
            if (axes[k] != outer[i]) continue;
            for (int n = k; n > first; n--) axes[n] = axes[n - 1];
            axes[first] = outer[i];
        }
    const at_expr *read = at_draft_define(r->draft, r->st->target,
                                          at_fold_info(e->u.fold.fold)->text, axes, rank, part);
    return at_fold_node(r->s, e->u.fold.fold, outer, outer_count, outer_guard, read, e->span);
}

/* sum[i,j](f) as sum[i](sum[j](f)). */
static const at_expr *split_sides(recomputing *r, const at_expr *e) {
    const at_statement *st = r->st;
    r->reduced = at_copy(r->s->arena, e->u.fold.axes, sizeof *r->reduced * (size_t)e->u.fold.count);
    r->reduced_count = r->reduced_capacity = e->u.fold.count;
    at_walk(e, look_for_both, r);
    bool found = r->st == NULL;
    r->st = st;
    if (!found) return e;
    at_axis *outer = r->reduced[0];
    at_axis **inner = AT_NEW_ARRAY(r->s->arena, at_axis *, e->u.fold.count);
    int count = 0;
    for (int i = 0; i < e->u.fold.count; i++)
        if (e->u.fold.axes[i] != outer) inner[count++] = e->u.fold.axes[i];
    at_axis **axes;
    int rank = at_draft_free_axes(r->draft, e, NULL, &axes);
    at_axis **with = AT_NEW_ARRAY(r->s->arena, at_axis *, rank + 1);
    at_move(with, axes, sizeof *with * (size_t)rank);
    with[rank] = outer;
    if (at_has_pair(r->lengths, with, rank + 1)) return e;
    return in_two(r, e, inner, count, &outer, 1, e->u.fold.guard, NULL);
}

/* Conditions on none of these axes, and those on some; false: one that may fail, or is not sure to be
 * asked, would be. */
static bool part_guard(recomputing *r, const at_expr *guard, at_axis *const *axes, int count,
                       const at_expr **without, const at_expr **with) {
    if (!guard) return true;
    if (guard->tag == AT_MAP && guard->u.map.op == AT_OP_AND)
        return part_guard(r, guard->u.map.args[0], axes, count, without, with) &&
               part_guard(r, guard->u.map.args[1], axes, count, without, with);
    bool mentions = false;
    for (int i = 0; i < count; i++) mentions |= at_mentions(guard, axes[i]);
    const at_expr **into = mentions ? with : without;
    *into = at_both(r->s, *into, guard);
    return mentions || is_total(guard);
}

static bool look_for_own_pair(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag == AT_READ && r->by[e->u.read.array->id])
        for (int i = 0; i < r->reduced_count; i++) r->aligned |= at_mentions(e, r->reduced[i]);
    return !r->aligned;
}

/* sum[h,i where group[h] == g](f) as sum[h where group[h] == g](sum[i](f)): for each head by itself. */
static const at_expr *split_widths(recomputing *r, const at_expr *e) {
    int count = e->u.fold.count, inner_count = 0, outer_count = 0;
    at_axis **inner = AT_NEW_ARRAY(r->s->arena, at_axis *, count);
    at_axis **outer = AT_NEW_ARRAY(r->s->arena, at_axis *, count);
    for (int i = 0; i < count; i++)
        if (at_is_long(r->lengths, e->u.fold.axes[i])) inner[inner_count++] = e->u.fold.axes[i];
        else outer[outer_count++] = e->u.fold.axes[i];
    const at_expr *inner_guard = NULL, *outer_guard = NULL;
    if (e->u.fold.fold != AT_FOLD_SUM || !inner_count || !outer_count ||
        !part_guard(r, e->u.fold.guard, inner, inner_count, &outer_guard, &inner_guard))
        return e;
    r->reduced = inner;
    r->reduced_count = r->reduced_capacity = inner_count;
    r->aligned = false;
    at_walk(e->u.fold.body, look_for_own_pair, r);
    if (!r->aligned) return e;
    const at_expr *part = at_fold_node(r->s, AT_FOLD_SUM, inner, inner_count, inner_guard,
                                       e->u.fold.body, e->span);
    at_axis **axes;
    int rank = at_draft_free_axes(r->draft, part, r->st->target, &axes);
    if (at_has_pair(r->lengths, axes, rank)) return e;
    /* What groups by data must not become a loop over all groups. */
    bool fewer = outer_guard == NULL;
    for (int i = 0; i < r->st->target->rank && !fewer; i++)
        fewer = at_mentions(outer_guard, r->st->target->axes[i]) &&
                !at_mentions(part, r->st->target->axes[i]);
    if (!fewer) return e;
    return in_two(r, e, inner, inner_count, outer, outer_count, inner_guard, outer_guard);
}

static const at_expr *split(void *user, const at_expr *e) {
    recomputing *r = user;
    if (e->tag != AT_FOLD_NODE || e->u.fold.count < 2 || !is_split_alike(e->u.fold.fold)) return e;
    const at_expr *parts = split_sides(r, e);
    return parts == e ? split_widths(r, e) : parts;
}

static const at_expr *split_all(void *user, const at_expr *e) {
    recomputing *r = user;
    return at_rewrite(r->s, e, split, r);
}

static void split_plain(void *user, const at_statement *st) {
    recomputing *r = user;
    r->st = st;
    if (st->tag != AT_EQUATION) at_draft_add(r->draft, (at_statement *)st);
    else at_draft_add(r->draft, at_statement_changed(r->s, st, split_all, r));
}

/* ---- all of it --------------------------------------------------------------------------------- */

static recomputing *begin(at_session *s, const at_cascade *from) {
    recomputing *r = AT_NEW(s->arena, recomputing);
    *r = (recomputing){.s = s, .from = from, .draft = at_draft_new(s, from),
                       .lengths = at_lengths_of(s, from), .homes = at_homes_of(s, from),
                       .known = from->array_count};
    r->by = AT_NEW_ARRAY(s->arena, const at_statement *, from->array_count);
    r->component = AT_NEW_ARRAY(s->arena, int, from->array_count);
    r->owner = AT_NEW_ARRAY(s->arena, int, from->array_count);
    r->taken = AT_NEW_ARRAY(s->arena, int, from->array_count);
    for (int i = 0; i < from->array_count; i++) {
        r->component[i] = i;
        r->owner[i] = -1;
    }
    walk(r, consider);
    for (int i = 0; i < from->output_count; i++) r->by[from->outputs[i].array->id] = NULL;
    walk(r, refuse_others);
    return r;
}

const at_cascade *at_opt_recompute(at_session *s, const at_cascade *from) {
    recomputing *r = begin(s, from);
    at_block_walk walk_split = {.draft = r->draft, .user = r, .plain = split_plain};
    at_draft_block(&walk_split, &from->body);
    r = begin(s, r->draft->out);
    walk(r, refuse_crossed);
    walk(r, join);
    walk(r, find_side);
    at_block_walk walk_all = {.draft = r->draft, .user = r, .plain = plain};
    at_draft_block(&walk_all, &r->from->body);
    return r->draft->out;
}
