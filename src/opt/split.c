/* Sums over both sides of pair arrays as sums of sums (sides.h):
 *
 *     a = sum[i,j](s[i,j] * w[i])    ->    a.sum[i] = sum[j](s[i,j] * w[i])
 *                                          a = sum[i](a.sum[i])
 */
#include "opt/sides.h"

typedef struct {
    at_session *s;
    at_draft *draft;
    const at_lengths *lengths;
    const at_statement **by;
    const at_statement *st; /* at hand */
    at_axis **reduced;
    int reduced_count;
    at_axis *both;          /* of two sides, both reduced, the first */
    bool found;
} splitting;

static bool is_split_alike(at_fold fold) {
    return fold == AT_FOLD_SUM || fold == AT_FOLD_MAX || fold == AT_FOLD_MIN ||
           fold == AT_FOLD_ANY || fold == AT_FOLD_ALL;
}

static bool look_for_both(void *user, const at_expr *e) {
    splitting *r = user;
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
            if (!r->both && at_is_pair(r->lengths, both[i], both[k])) r->both = both[0];
    return !r->both;
}

static bool look_for_failure(void *user, const at_expr *e) {
    splitting *r = user;
    if (e->tag == AT_MAP && e->kind == AT_INT) {
        at_op op = e->u.map.op;
        r->found |= op == AT_OP_IPOW || ((op == AT_OP_IDIV || op == AT_OP_MOD) &&
                                         !at_quotient_is_sure(r->s, r->draft->from, e));
    }
    for (int i = 0; e->tag == AT_READ && i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        r->found |=
            index->tag != AT_INDEX || !at_same_extent(index->u.axis, e->u.read.array->axes[i]);
    }
    r->found |= e->tag == AT_FOLD_NODE;
    return !r->found;
}

static bool is_total(splitting *r, const at_expr *e) {
    r->found = false;
    at_walk(e, look_for_failure, r);
    return !r->found;
}

/* The fold over `inner` axes with an array of its own, and around it that over the others. */
static const at_expr *in_two(splitting *r, const at_expr *e, at_axis **inner, int inner_count,
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
static const at_expr *split_sides(splitting *r, const at_expr *e) {
    r->reduced = e->u.fold.axes;
    r->reduced_count = e->u.fold.count;
    r->both = NULL;
    at_walk(e, look_for_both, r);
    if (!r->both) return e;
    at_axis *outer = r->both;
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

/* Conditions on none of these axes, and those on some; false: one that may fail, or is not sure to
 * be asked, would be. */
static bool part_guard(splitting *r, const at_expr *guard, at_axis *const *axes, int count,
                       const at_expr **without, const at_expr **with) {
    if (!guard) return true;
    if (guard->tag == AT_MAP && guard->u.map.op == AT_OP_AND)
        return part_guard(r, guard->u.map.args[0], axes, count, without, with) &&
               part_guard(r, guard->u.map.args[1], axes, count, without, with);
    bool mentions = false;
    for (int i = 0; i < count; i++) mentions |= at_mentions(guard, axes[i]);
    const at_expr **into = mentions ? with : without;
    *into = at_both(r->s, *into, guard);
    return mentions || is_total(r, guard);
}

static bool look_for_own_pair(void *user, const at_expr *e) {
    splitting *r = user;
    if (e->tag == AT_READ && r->by[e->u.read.array->id])
        for (int i = 0; i < r->reduced_count; i++) r->found |= at_mentions(e, r->reduced[i]);
    return !r->found;
}

/* Whether a condition of the guard says to which index of the target one of this axis belongs,
 * alone of all that are summed over. */
static bool is_placed(const splitting *r, const at_expr *fold, const at_expr *guard,
                      const at_axis *axis) {
    if (!guard || guard->tag != AT_MAP) return false;
    if (guard->u.map.op == AT_OP_AND)
        return is_placed(r, fold, guard->u.map.args[0], axis) ||
               is_placed(r, fold, guard->u.map.args[1], axis);
    bool target = false, other = false;
    if (guard->u.map.op != AT_OP_EQ || !at_mentions(guard, axis)) return false;
    for (int i = 0; i < r->st->target->rank; i++)
        target |= at_mentions(guard, r->st->target->axes[i]);
    for (int i = 0; i < fold->u.fold.count; i++)
        other |= fold->u.fold.axes[i] != axis && at_mentions(guard, fold->u.fold.axes[i]);
    return target && !other;
}

/* Heads, as far as can be told: of no length, or such that belong to groups, and that something
 * given has beside all lengths of the sum. */
static bool is_width(const splitting *r, const at_expr *fold, const at_axis *axis) {
    if (!at_is_long(r->lengths, axis)) return true;
    for (int i = 0; i < fold->u.fold.count; i++)
        if (at_is_pair(r->lengths, axis, fold->u.fold.axes[i])) return false;
    return is_placed(r, fold, fold->u.fold.guard, axis);
}

/* sum[h,i where group[h] == g](f) as sum[h where group[h] == g](sum[i](f)): for each head by
 * itself. */
static const at_expr *split_widths(splitting *r, const at_expr *e) {
    int count = e->u.fold.count, inner_count = 0, outer_count = 0;
    at_axis **inner = AT_NEW_ARRAY(r->s->arena, at_axis *, count);
    at_axis **outer = AT_NEW_ARRAY(r->s->arena, at_axis *, count);
    for (int i = 0; i < count; i++)
        if (!is_width(r, e, e->u.fold.axes[i])) inner[inner_count++] = e->u.fold.axes[i];
        else outer[outer_count++] = e->u.fold.axes[i];
    const at_expr *inner_guard = NULL, *outer_guard = NULL;
    if (e->u.fold.fold != AT_FOLD_SUM || !inner_count || !outer_count ||
        !part_guard(r, e->u.fold.guard, inner, inner_count, &outer_guard, &inner_guard))
        return e;
    r->reduced = inner;
    r->reduced_count = inner_count;
    r->found = false;
    at_walk(e->u.fold.body, look_for_own_pair, r);
    if (!r->found) return e;
    const at_expr *part = at_fold_node(r->s, AT_FOLD_SUM, inner, inner_count, inner_guard,
                                       e->u.fold.body, e->span);
    at_axis **axes;
    int rank = at_draft_free_axes(r->draft, part, r->st->target, &axes);
    at_axis **own = AT_NEW_ARRAY(r->s->arena, at_axis *, rank);
    int own_count = 0;
    for (int i = 0; i < rank; i++) {
        bool is_outer = false;
        for (int k = 0; k < outer_count; k++) is_outer |= axes[i] == outer[k];
        if (!is_outer) own[own_count++] = axes[i];
    }
    if (at_has_pair(r->lengths, own, own_count)) return e;
    /* What groups by data must not become a loop over all groups. */
    bool fewer = outer_guard == NULL;
    for (int i = 0; i < r->st->target->rank && !fewer; i++)
        fewer = at_mentions(outer_guard, r->st->target->axes[i]) &&
                !at_mentions(part, r->st->target->axes[i]);
    if (!fewer) return e;
    return in_two(r, e, inner, inner_count, outer, outer_count, inner_guard, outer_guard);
}

static const at_expr *split(void *user, const at_expr *e) {
    splitting *r = user;
    if (e->tag != AT_FOLD_NODE || e->u.fold.count < 2 || !is_split_alike(e->u.fold.fold)) return e;
    const at_expr *parts = split_sides(r, e);
    return parts == e ? split_widths(r, e) : parts;
}

static const at_expr *split_all(void *user, const at_expr *e) {
    splitting *r = user;
    return at_rewrite(r->s, e, split, r);
}

static void split_plain(void *user, const at_statement *st) {
    splitting *r = user;
    r->st = st;
    if (st->tag != AT_EQUATION) at_draft_add(r->draft, (at_statement *)st);
    else at_draft_add(r->draft, at_statement_changed(r->s, st, split_all, r));
}

const at_cascade *at_sums_split(at_session *s, const at_cascade *from) {
    splitting r = {.s = s, .draft = at_draft_new(s, from), .lengths = at_lengths_of(s, from)};
    r.by = at_pair_equations(r.lengths, at_homes_of(s, from), false);
    at_block_walk walk = {.draft = r.draft, .user = &r, .plain = split_plain};
    at_draft_block(&walk, &from->body);
    return r.draft->out;
}
