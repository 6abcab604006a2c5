/* Looking at expressions and making new ones from old: visits, rewriting from the leaves up, and
 * substitution of indices.
 *
 * Nodes are shared, so nothing here changes one; a rewrite makes the nodes above a change anew
 * through the makers of build.c and keeps the rest, and gives back the very node it was given when
 * nothing changed. */
#include "ir/ir.h"

void at_walk(const at_expr *e, bool (*visit)(void *user, const at_expr *e), void *user) {
    if (!e || !visit(user, e)) return;
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: break;
    case AT_READ:
        for (int i = 0; i < e->u.read.array->rank; i++) at_walk(e->u.read.index[i], visit, user);
        at_walk(e->u.read.alternative, visit, user);
        break;
    case AT_MAP:
        for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++)
            at_walk(e->u.map.args[i], visit, user);
        break;
    case AT_FOLD_NODE:
        at_walk(e->u.fold.guard, visit, user);
        at_walk(e->u.fold.body, visit, user);
        break;
    }
}

void at_walk_statement(const at_statement *st, bool (*visit)(void *user, const at_expr *e),
                       void *user) {
    switch (st->tag) {
    case AT_EQUATION: at_walk(st->u.value, visit, user); break;
    case AT_KEEPING:
        for (int i = 0; i < st->u.keeping.count; i++) {
            at_walk(st->u.keeping.parts[i].guard, visit, user);
            at_walk(st->u.keeping.parts[i].body, visit, user);
        }
        break;
    case AT_TOPK:
        at_walk(st->u.topk.guard, visit, user);
        at_walk(st->u.topk.body, visit, user);
        break;
    case AT_DRAWING:
        for (int i = 0; i < at_draw_info(st->u.drawing.draw)->parameters; i++)
            at_walk(st->u.drawing.args[i], visit, user);
        break;
    case AT_TABLE:
        for (int i = 0; i < st->u.table.count; i++) at_walk(st->u.table.values[i], visit, user);
        break;
    case AT_GRAD:
        at_walk(st->u.grad.loss, visit, user);
        at_walk(st->u.grad.z, visit, user);
        break;
    case AT_NEXT: at_walk(st->u.next.value, visit, user); break;
    case AT_SCAN: break;
    case AT_REPEAT: at_walk(st->u.repeat.condition, visit, user); break;
    case AT_ASSERT:
        at_walk(st->u.assertion.left, visit, user);
        at_walk(st->u.assertion.right, visit, user);
        break;
    }
}

void at_walk_block(const at_block *block, bool (*visit)(void *user, const at_statement *st),
                   void *user) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (!visit(user, st)) continue;
        if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, visit, user);
        if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, visit, user);
    }
}

static bool binds(const at_expr *fold, const at_axis *axis) {
    for (int i = 0; i < fold->u.fold.count; i++)
        if (fold->u.fold.axes[i] == axis) return true;
    return false;
}

typedef struct {
    const at_axis *axis;
    bool found;
} search;

static bool look_for_index(void *user, const at_expr *e) {
    search *what = user;
    if (e->tag == AT_INDEX && e->u.axis == what->axis) what->found = true;
    return !what->found && !(e->tag == AT_FOLD_NODE && binds(e, what->axis));
}

bool at_mentions(const at_expr *e, const at_axis *axis) {
    search what = {axis, false};
    at_walk(e, look_for_index, &what);
    return what.found;
}

/* ---- rewriting ------------------------------------------------------------------------------- */

typedef const at_expr *(*change)(void *user, const at_expr *e);

/* `e` with `f` applied to its children; `e` itself when they all stay. */
static const at_expr *with_children(at_session *s, const at_expr *e, change f, void *user) {
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return e;
    case AT_READ: {
        int rank = e->u.read.array->rank;
        const at_expr *old = e->u.read.alternative;
        const at_expr *alternative = old ? f(user, old) : NULL;
        bool changed = alternative != old;
        const at_expr **index = NULL;
        for (int i = 0; i < rank; i++) {
            const at_expr *fresh = f(user, e->u.read.index[i]);
            if (fresh == e->u.read.index[i]) continue;
            if (!index)
                index = at_copy(s->arena, e->u.read.index, sizeof *index * (size_t)rank);
            index[i] = fresh;
            changed = true;
        }
        if (!changed) return e;
        return at_read(s, e->u.read.array, index ? index : e->u.read.index, alternative, e->span);
    }
    case AT_MAP: {
        const at_expr *args[3] = {0};
        bool changed = false;
        for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) {
            args[i] = f(user, e->u.map.args[i]);
            changed |= args[i] != e->u.map.args[i];
        }
        return changed ? at_map_node(s, e->u.map.op, args[0], args[1], args[2], e->span) : e;
    }
    case AT_FOLD_NODE: {
        const at_expr *guard = e->u.fold.guard ? f(user, e->u.fold.guard) : NULL;
        const at_expr *body = f(user, e->u.fold.body);
        if (guard == e->u.fold.guard && body == e->u.fold.body) return e;
        return at_fold_node(s, e->u.fold.fold, e->u.fold.axes, e->u.fold.count, guard, body,
                            e->span);
    }
    }
    return e;
}

typedef struct {
    at_session *s;
    change f;
    void *user;
} rewriting;

static const at_expr *rewrite(void *user, const at_expr *e) {
    rewriting *r = user;
    return r->f(r->user, with_children(r->s, e, rewrite, r));
}

const at_expr *at_rewrite(at_session *s, const at_expr *e,
                          const at_expr *(*f)(void *user, const at_expr *e), void *user) {
    rewriting r = {s, f, user};
    return rewrite(&r, e);
}

/* ---- substitution ---------------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    int count;
    const at_axis **axes;
    const at_expr **values;
    at_axis *(*fresh)(void *user, const at_axis *like);
    void *user;
} substitution;

static const at_expr *substitute(void *user, const at_expr *e);

static bool replaces(const substitution *u, const at_axis *axis) {
    for (int i = 0; i < u->count; i++)
        if (u->axes[i] == axis) return true;
    return false;
}

/* Inside a fold: its own axes are not replaced, and get new names where a value that comes in
 * mentions them, or where the name is one that is being replaced outside. */
static const at_expr *substitute_fold(const substitution *u, const at_expr *e) {
    int bound = e->u.fold.count;
    substitution inner = *u;
    inner.axes = AT_NEW_ARRAY(u->s->arena, const at_axis *, u->count + bound);
    inner.values = AT_NEW_ARRAY(u->s->arena, const at_expr *, u->count + bound);
    inner.count = 0;
    for (int i = 0; i < u->count; i++) {
        if (!at_mentions(e, u->axes[i])) continue;
        inner.axes[inner.count] = u->axes[i];
        inner.values[inner.count++] = u->values[i];
    }
    int arriving = inner.count;
    at_axis **axes = at_copy(u->s->arena, e->u.fold.axes, sizeof *axes * (size_t)bound);
    for (int b = 0; b < bound; b++) {
        const at_axis *axis = e->u.fold.axes[b];
        bool clash = replaces(u, axis);
        for (int i = 0; i < arriving && !clash; i++) clash = at_mentions(inner.values[i], axis);
        if (!clash) continue;
        axes[b] = u->fresh(u->user, axis);
        inner.axes[inner.count] = axis;
        inner.values[inner.count++] = at_index(u->s, axes[b], e->span);
    }
    if (inner.count == 0) return e;
    const at_expr *guard = e->u.fold.guard ? substitute(&inner, e->u.fold.guard) : NULL;
    const at_expr *body = substitute(&inner, e->u.fold.body);
    return at_fold_node(u->s, e->u.fold.fold, axes, bound, guard, body, e->span);
}

static const at_expr *substitute(void *user, const at_expr *e) {
    const substitution *u = user;
    if (e->tag == AT_FOLD_NODE) return substitute_fold(u, e);
    if (e->tag != AT_INDEX) return with_children(u->s, e, substitute, user);
    for (int i = 0; i < u->count; i++)
        if (u->axes[i] == e->u.axis) return u->values[i];
    return e;
}

const at_expr *at_substitute(at_session *s, const at_expr *e, const at_axis **axes,
                             const at_expr **values, int count,
                             at_axis *(*fresh)(void *user, const at_axis *like), void *user) {
    for (int i = 0; i < count; i++) AT_ASSERT(s, values[i]->kind == AT_INT);
    substitution u = {s, count, axes, values, fresh, user};
    return count ? substitute(&u, e) : e;
}
