/* Guards as bounds of loops: of `where j <= i and i - j < w and keep[j]` the loop over j becomes
 *
 *     for j from max(i - w, -1) + 1 to i + 1
 *       if keep[j]
 *
 * A condition bounds the innermost of the loops whose index is in it, if it is linear there. It
 * must be certain that neither it nor what is asked before it can fail: an iteration that is left
 * out must not have been one that fails. Bounds are computed where their loop begins and cannot
 * leave 64 bits: a bound of any size is first brought near the axis. */
#include "form/form.h"
#include "loop/loop.h"

typedef struct {
    int axis;
    bool low;             /* axis >= bound + more; else axis < bound + more */
    const at_expr *bound; /* free of the axes further inside */
    int more;             /* 0 or 1 */
} clip;

struct at_loop_clips {
    at_axis *const *axes;
    int axis_count;
    int count, capacity;
    clip *clips;
    const at_expr **when; /* by axis: a condition on its stretches; NULL: none */
    int *said_at; /* by position in said: the axis whose loop says it */
    int said_count, said_capacity, at_capacity, at_count;
    const at_expr **said;
    const at_expr *rest;
};

/* ---- what can be asked early ----------------------------------------------------------------- */

static bool note_fold(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_FOLD_NODE;
    return true;
}

/* What e becomes where the next node goes. *total: it cannot fail; NULL: it needs nodes of its own.
 * Nothing is added. */
static const at_expr *attempt(at_loop_lowering *l, const at_expr *e, bool *total) {
    at_loops aside = {0}, *outer = l->into;
    int risks = l->risks, sites = l->program->site_count;
    bool fallible = l->nest->fallible;
    const at_loop_fact *facts = l->facts;
    l->into = &aside;
    const at_expr *value = at_loop_lower(l, e);
    *total = l->risks == risks;
    l->into = outer;
    l->facts = facts;
    l->risks = risks;
    l->program->site_count = sites;
    l->nest->fallible = fallible;
    return aside.count == 0 ? value : NULL;
}

bool at_loop_is_total(at_loop_lowering *l, const at_expr *e, const at_expr *condition) {
    const at_loop_fact *facts = l->facts;
    bool total;
    at_loop_know(l, condition, true, false);
    attempt(l, e, &total);
    l->facts = facts;
    return total;
}

/* A guard with a fold in it is not looked into: it would be lowered twice for each fold around. */
static bool has_fold(const at_expr *e) {
    bool found = false;
    at_walk(e, note_fold, &found);
    return found;
}

/* ---- solving --------------------------------------------------------------------------------- */

static at_op flipped(at_op op) {
    switch (op) {
    case AT_OP_LT: return AT_OP_GT;
    case AT_OP_LE: return AT_OP_GE;
    case AT_OP_GT: return AT_OP_LT;
    case AT_OP_GE: return AT_OP_LE;
    default: return op;
    }
}

/* The innermost of the axes that the form mentions, and its term; -1 where it is not linear. */
static int find_axis(const at_loop_clips *c, const at_affine *form, int *term) {
    for (int k = c->axis_count - 1; k >= 0; k--) {
        int found = 0;
        for (int i = 0; i < form->count; i++) {
            if (!at_mentions(form->terms[i], c->axes[k])) continue;
            found++;
            *term = i;
        }
        if (found == 0) continue;
        return found == 1 && form->terms[*term]->tag == AT_INDEX ? k : -1;
    }
    return -1;
}

static bool add_clip(at_loop_lowering *l, at_loop_clips *c, int axis, bool low,
                     const at_expr *bound, int more) {
    bool total;
    if (!attempt(l, bound, &total) || !total) return false;
    clip next = {axis, low, bound, more};
    AT_PUSH(l->s->arena, c->clips, c->count, c->capacity, next);
    return true;
}

/* many * axis op form, many > 0 */
static bool add_clips(at_loop_lowering *l, at_loop_clips *c, int axis, int64_t many, at_op op,
                      const at_affine *form, at_span span) {
    bool low = op != AT_OP_LE && op != AT_OP_LT, high = op != AT_OP_GE && op != AT_OP_GT;
    bool strict = op == AT_OP_LT || op == AT_OP_GT;
    const at_expr *bound = at_affine_expr(l->s, form, span);
    if (many == 1)
        return (!low || add_clip(l, c, axis, true, bound, strict)) &&
               (!high || add_clip(l, c, axis, false, bound, !strict));
    /* From below the quotient is taken upwards: floor((form + many - 1) / many). */
    at_affine up, down, one = {1, 0, NULL, NULL};
    if (!at_affine_add(l->s, form, strict ? many : many - 1, &one, &up) ||
        !at_affine_add(l->s, form, strict ? -1 : 0, &one, &down))
        return false;
    const at_expr *by = at_int(l->s, many, span);
    const at_expr *from = at_affine_expr(l->s, &up, span), *to = at_affine_expr(l->s, &down, span);
    from = at_map_node(l->s, AT_OP_IDIV, from, by, NULL, span);
    to = at_map_node(l->s, AT_OP_IDIV, to, by, NULL, span);
    return (!low || add_clip(l, c, axis, true, from, 0)) &&
           (!high || add_clip(l, c, axis, false, to, 1));
}

/* The innermost of the axes that e mentions; -1: none. */
static int innermost(const at_loop_clips *c, const at_expr *e) {
    int k = c->axis_count - 1;
    while (k >= 0 && !at_mentions(e, c->axes[k])) k--;
    return k;
}

static int solve(at_loop_lowering *l, at_loop_clips *c, const at_expr *e);

/* `j // 8 == b` as `8 * b <= j and j < 8 * b + 8`. */
static int solve_quotient(at_loop_lowering *l, at_loop_clips *c, const at_expr *e) {
    const at_expr *parts[2];
    int axis = innermost(c, e);
    for (int side = 0; side < 2 && axis >= 0; side++) {
        if (!at_mentions(e->u.map.args[side], c->axes[axis])) continue;
        int count = at_without_quotient(l->s, e, side, parts), before = c->count;
        bool all = count > 0;
        for (int i = 0; i < count && all; i++) all = solve(l, c, parts[i]) == axis;
        if (all) return axis;
        c->count = before;
    }
    return -1;
}

/* The loop whose bounds say the condition; -1: none does. */
static int solve(at_loop_lowering *l, at_loop_clips *c, const at_expr *e) {
    if (e->tag != AT_MAP || at_op_info(e->u.map.op)->rule != AT_RULE_COMPARE) return -1;
    at_op op = e->u.map.op;
    at_affine left, right, form, none = {0}, term, rest;
    if (op == AT_OP_NE || e->u.map.args[0]->kind != AT_INT) return -1;
    if (!at_affine_of(l->s, e->u.map.args[0], &left) ||
        !at_affine_of(l->s, e->u.map.args[1], &right) ||
        !at_affine_add(l->s, &left, -1, &right, &form))
        return -1;
    int at = 0, axis = find_axis(c, &form, &at);
    if (axis < 0) return solve_quotient(l, c, e);
    int64_t factor = form.factors[at], many = factor > 0 ? factor : -factor;
    if (!at_affine_of(l->s, form.terms[at], &term) ||
        !at_affine_add(l->s, &form, -factor, &term, &rest) ||
        !at_affine_add(l->s, &none, factor > 0 ? -1 : 1, &rest, &rest))
        return -1;
    int count = c->count;
    if (add_clips(l, c, axis, many, factor > 0 ? op : flipped(op), &rest, e->span)) return axis;
    c->count = count;
    return -1;
}

static bool note_read(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_READ;
    return true;
}

/* Tells why a condition is no bound of a loop. One without the loops' indices could not be one. */
static void tell(at_loop_lowering *l, const at_loop_clips *c, const at_expr *e, bool may_clip,
                 bool total) {
    bool inside = false, reads = false;
    for (int i = 0; i < c->axis_count; i++) inside |= at_mentions(e, c->axes[i]);
    if (!inside || !l->s->reasons) return;
    at_walk(e, note_read, &reads);
    const char *why = "it is not linear in an index";
    if (!may_clip) why = "a condition in front of it may fail, and must be asked";
    else if (has_fold(e)) why = "it holds a sum, or another operation over an axis, of its own";
    else if (!total) why = "it may fail";
    else if (reads) why = "it reads an array";
    else if (e->tag == AT_MAP && e->u.map.op == AT_OP_NE) why = "it leaves out single indices";
    at_reason_expr(l->s, AT_REASON_SKIP, e, "is tested at each index and bounds no loop: %s", why);
}

/* A condition that is the same for stretches of its innermost axis stands with that axis's loop. */
static bool take_stretch(at_loop_lowering *l, at_loop_clips *c, const at_expr *e) {
    int k = innermost(c, e);
    int64_t by = k < 0 ? 0 : at_loop_stretch_of(e, c->axes[k]);
    bool total;
    if (by == 0 || !attempt(l, e, &total)) return false;
    if (c->when[k] && at_loop_stretch_of(c->when[k], c->axes[k]) != by) return false;
    c->when[k] = at_both(l->s, c->when[k], e);
    return true;
}

static void take(at_loop_lowering *l, at_loop_clips *c, const at_expr *e, bool *may_clip) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND) {
        take(l, c, e->u.map.args[0], may_clip);
        take(l, c, e->u.map.args[1], may_clip);
        return;
    }
    bool total = false, might = *may_clip;
    if (might && !has_fold(e)) attempt(l, e, &total);
    *may_clip = total;
    int axis = total ? solve(l, c, e) : -1;
    if (axis < 0 && total && take_stretch(l, c, e)) return;
    if (axis < 0) {
        tell(l, c, e, might, total);
        c->rest = c->rest ? at_map_node(l->s, AT_OP_AND, c->rest, e, NULL, e->span) : e;
        return;
    }
    AT_PUSH(l->s->arena, c->said, c->said_count, c->said_capacity, e);
    AT_PUSH(l->s->arena, c->said_at, c->at_count, c->at_capacity, axis);
}

at_loop_clips *at_loop_find_clips(at_loop_lowering *l, const at_expr *guard,
                                  at_axis *const *axes, int count) {
    at_loop_clips *c = AT_NEW(l->s->arena, at_loop_clips);
    c->axes = axes;
    c->axis_count = count;
    c->when = AT_NEW_ARRAY(l->s->arena, const at_expr *, count);
    bool may_clip = true;
    if (guard) take(l, c, guard, &may_clip);
    return c;
}

const at_expr *at_loop_clips_rest(const at_loop_clips *clips) { return clips->rest; }

/* ---- loops ----------------------------------------------------------------------------------- */

static const at_expr *map(at_loop_lowering *l, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(l->s, op, a, b, NULL, a->span);
}

/* max(bound + more, 0), or min(bound + more, size): of the two what is certain is left out, and
 * nothing leaves 64 bits. */
static const at_expr *bound_of(at_loop_lowering *l, const clip *c, const at_axis *axis) {
    bool total;
    const at_expr *bound = attempt(l, c->bound, &total), *size = at_size(l->s, axis, bound->span);
    const at_expr *one = at_int(l->s, 1, bound->span), *limit = size;
    if (c->low) limit = at_int(l->s, -c->more, bound->span);
    else if (c->more) limit = map(l, AT_OP_SUB, size, one);
    bool sure = c->low ? at_loop_is_sure(l, limit, c->bound, false, false)
                       : at_loop_is_sure(l, c->bound, limit, false, false);
    if (!sure) bound = map(l, c->low ? AT_OP_MAX : AT_OP_MIN, bound, limit);
    if (!c->more) return bound;
    if (bound->tag == AT_CONST && bound->u.integer < AT_AXIS_LIMIT)
        return at_int(l->s, bound->u.integer + 1, bound->span);
    return map(l, AT_OP_ADD, bound, one);
}

at_loop *at_loop_enter_clipped(at_loop_lowering *l, const at_loop_clips *c, int k) {
    const at_expr *low = NULL, *high = NULL;
    for (int i = 0; i < c->count; i++) {
        const clip *one = &c->clips[i];
        if (one->axis != k) continue;
        const at_expr **to = one->low ? &low : &high, *bound = bound_of(l, one, c->axes[k]);
        if (one->low && bound->tag == AT_CONST && bound->u.integer <= 0) continue;
        *to = *to ? map(l, one->low ? AT_OP_MAX : AT_OP_MIN, *to, bound) : bound;
    }
    bool total;
    const at_expr *when = c->when[k] ? attempt(l, c->when[k], &total) : NULL;
    at_loop *loop = at_loop_enter(l, c->axes[k]);
    int64_t stretch = when ? at_loop_stretch_of(c->when[k], c->axes[k]) : 0;
    bool same =
        when && (at_loop_stretch_of(when, c->axes[k]) == stretch || !at_mentions(when, c->axes[k]));
    if (same) {
        loop->when = when;
        loop->stretch = stretch;
    }
    loop->block &= !low && !high;
    if (low) loop->low = loop->low ? map(l, AT_OP_MAX, loop->low, low) : low;
    if (high) loop->high = loop->high ? map(l, AT_OP_MIN, loop->high, high) : high;
    for (int i = 0; i < c->said_count; i++)
        if (c->said_at[i] == k) at_loop_know(l, c->said[i], true, true);
    if (when && !same) {
        at_loop *branch = at_loop_add(l, AT_LOOP_IF);
        branch->condition = when;
        l->into = &branch->body;
    }
    if (when) at_loop_know(l, c->when[k], true, false);
    return loop;
}
