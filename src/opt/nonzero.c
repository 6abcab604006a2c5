/* Where an array is surely 0 is said once more where it is asked for: of
 *
 *     ds[i,j] = if j <= i and dp[i,j] != 0 then … else 0
 *     dq[i,d] = sum[j where ds[i,j] != 0](ds[i,j] * k[j,d])
 *
 * the guard becomes `j <= i and ds[i,j] != 0`, which bounds the loop over j, and ds need not be
 * computed elsewhere. What is asked for first in the array's condition is said, as far as it is of
 * indices and inputs and cannot fail: where it does not hold, nothing behind it is asked for
 * either.
 *
 * `any[j](a and b)` is `any[j where a](b)`, and so of count. */
#include "opt/opt.h"

typedef struct {
    at_session *s;
    const at_cascade *from;
    const at_statement **zero; /* by array id: the equation `if … then … else 0` */
} asking;

static bool is_sure(const asking *a, const at_expr *e) {
    at_range ranges[3] = {{0, 0}, {0, 0}, {0, 0}};
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return true;
    case AT_FOLD_NODE: return false;
    case AT_READ:
        if (e->u.read.array->role != AT_INPUT || e->u.read.alternative) return false;
        for (int i = 0; i < e->u.read.array->rank; i++)
            if (!is_sure(a, e->u.read.index[i]) ||
                !at_index_inside(a->s, a->from, e->u.read.index[i], e->u.read.array->axes[i]))
                return false;
        return true;
    case AT_MAP: break;
    }
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) {
        if (!is_sure(a, e->u.map.args[i])) return false;
        if (e->u.map.args[i]->kind == AT_INT) ranges[i] = at_range_of(e->u.map.args[i]);
    }
    return e->kind != AT_INT || e->u.map.op == AT_OP_TO_INT || at_range_fits(e->u.map.op, ranges);
}

static bool look_for_reals(void *user, const at_expr *e) {
    *(bool *)user |= e->tag == AT_READ && e->kind == AT_REAL;
    return true;
}

/* What is asked first, up to the first that may fail; false: that was there. Questions about reals
 * bound nothing. */
static bool take_first(const asking *a, const at_expr *e, const at_expr **first) {
    if (e->tag == AT_MAP && e->u.map.op == AT_OP_AND)
        return take_first(a, e->u.map.args[0], first) && take_first(a, e->u.map.args[1], first);
    if (!is_sure(a, e)) return false;
    bool reals = false;
    at_walk(e, look_for_reals, &reals);
    if (!reals) *first = at_both(a->s, *first, e);
    return true;
}

static bool is_zero(const at_expr *e) {
    return e->tag == AT_CONST && e->kind == AT_REAL && e->u.real == 0;
}

static at_axis *no_axis(void *user, const at_axis *like) {
    (void)user, (void)like;
    return NULL; /* nothing is bound in what is taken */
}

/* What must hold for the element to be another number than 0; NULL: nothing is known. */
static const at_expr *condition_of(const asking *a, const at_expr *read) {
    if (read->tag != AT_READ || read->u.read.alternative) return NULL;
    const at_array *array = read->u.read.array;
    const at_statement *st = a->zero[array->id];
    const at_axis *axes[64];
    const at_expr *first = NULL;
    if (!st || array->rank > 64) return NULL;
    for (int i = 0; i < array->rank; i++) {
        if (read->u.read.index[i]->tag != AT_INDEX) return NULL;
        axes[i] = array->axes[i];
    }
    take_first(a, st->u.value->u.map.args[0], &first);
    if (!first) return NULL;
    return at_substitute(a->s, first, axes, read->u.read.index, array->rank, no_axis, NULL);
}

/* The guard with what its questions for 0 imply in front of these. */
static const at_expr *with_conditions(const asking *a, const at_expr *e) {
    if (e->tag != AT_MAP) return e;
    const at_expr *x = e->u.map.args[0], *y = e->u.map.args[1];
    if (e->u.map.op == AT_OP_AND) {
        const at_expr *left = with_conditions(a, x), *right = with_conditions(a, y);
        return left == x && right == y ? e : at_both(a->s, left, right);
    }
    if (e->u.map.op != AT_OP_NE || x->kind != AT_REAL) return e;
    const at_expr *condition = is_zero(y)   ? condition_of(a, x)
                               : is_zero(x) ? condition_of(a, y)
                                            : NULL;
    return condition ? at_both(a->s, condition, e) : e;
}

static const at_expr *asked(void *user, const at_expr *e) {
    const asking *a = user;
    if (e->tag != AT_FOLD_NODE) return e;
    const at_expr *guard = e->u.fold.guard, *body = e->u.fold.body;
    bool counts = e->u.fold.fold == AT_FOLD_ANY ||
                  (e->u.fold.fold == AT_FOLD_COUNT && body->kind == AT_BOOL);
    while (counts && body->tag == AT_MAP && body->u.map.op == AT_OP_AND) {
        guard = at_both(a->s, guard, body->u.map.args[0]);
        body = body->u.map.args[1];
    }
    if (guard) guard = with_conditions(a, guard);
    if (guard == e->u.fold.guard && body == e->u.fold.body) return e;
    return at_fold_node(a->s, e->u.fold.fold, e->u.fold.axes, e->u.fold.count, guard, body,
                        e->span);
}

static const at_expr *rewritten(void *user, const at_expr *e) {
    asking *a = user;
    return at_rewrite(a->s, e, asked, a);
}

typedef struct {
    asking *a;
    at_draft *draft;
} writing;

static void plain(void *user, const at_statement *st) {
    writing *w = user;
    at_draft_add(w->draft, at_statement_changed(w->a->s, st, rewritten, w->a));
}

static bool note(void *user, const at_statement *st) {
    asking *a = user;
    if (st->tag != AT_EQUATION || st->u.value->tag != AT_MAP || st->u.value->kind != AT_REAL)
        return true;
    if (st->u.value->u.map.op == AT_OP_IF && is_zero(st->u.value->u.map.args[2]))
        a->zero[st->target->id] = st;
    return true;
}

const at_cascade *at_opt_nonzero(at_session *s, const at_cascade *from) {
    asking a = {s, from, AT_NEW_ARRAY(s->arena, const at_statement *, from->array_count)};
    writing w = {&a, at_draft_new(s, from)};
    at_walk_block(&from->body, note, &a);
    at_block_walk walk = {.draft = w.draft, .user = &w, .plain = plain};
    at_draft_block(&walk, &from->body);
    return w.draft->out;
}
