/* Scans: h[t,n] = a[t,n] * h[t-1,n | 0] + x[t,n].
 *
 * A scan's arrays may be read before their equations are met, so they exist, with their axes and a
 * guessed kind, before the body is resolved. When a guess of a kind was wrong, the body is resolved
 * again with what was found. Where a name gets several equations in one step, each has an array of
 * its own, and at the end of the step the last is copied into the history; where no earlier step is
 * read, the last is the history. A scan right inside another shares the arrays that both see. */
#include "lang/resolve_int.h"

#include <string.h>

/* ---- guessing kinds -------------------------------------------------------------------------- */

enum { NOT_KNOWN = -1, A_CALL = AT_REAL + 1 }; /* a call's kind is not known, nor what it takes part in */

static int join(int a, int b) {
    if (a == NOT_KNOWN) return b;
    if (b == NOT_KNOWN) return a;
    return a > b ? a : b;
}

/* The names that a scan equates, with what is guessed of them so far. */
typedef struct {
    at_resolver *r;
    const at_frame *frame;
    const at_assigned *names;
    int count;
    int *kinds;
} guesses;

static int guess(const guesses *g, const at_tree *tree) {
    at_resolver *r = g->r;
    const at_frame *frame = g->frame;
    switch (tree->tag) {
    case AT_T_NUMBER: return tree->is_real ? AT_REAL : AT_INT;
    case AT_T_BOOL:
    case AT_T_TRAINING: return AT_BOOL;
    case AT_T_KEEP: return NOT_KNOWN;
    case AT_T_NAME:
    case AT_T_INDEX: {
        int kind = tree->alternative ? guess(g, tree->alternative) : NOT_KNOWN;
        for (int i = 0; i < g->count; i++)
            if (strcmp(g->names[i].name, tree->name) == 0) return join(kind, g->kinds[i]);
        const at_env *env = at_env_find(frame->env, tree->name);
        const at_entity *entity = at_lookup(r, frame, tree->name);
        if (env && env->value.e) return join(kind, (int)env->value.e->kind);
        if (!entity) return kind == NOT_KNOWN && tree->tag == AT_T_NAME ? AT_INT : kind;
        if (entity->tag == AT_N_AXIS) return AT_INT;
        if (entity->tag == AT_N_VALUE && entity->value.e)
            return join(kind, (int)entity->value.e->kind);
        if (entity->tag == AT_N_ARRAY && !entity->pending && entity->view.array)
            return join(kind, (int)entity->view.array->kind);
        return kind;
    }
    case AT_T_OP:
        switch (at_op_info(tree->op)->rule) {
        case AT_RULE_REAL: return AT_REAL;
        case AT_RULE_INT: return AT_INT;
        case AT_RULE_COMPARE:
        case AT_RULE_LOGIC: return AT_BOOL;
        default: break;
        }
        break;
    case AT_T_CALL: {
        int op = at_op_find(tree->name);
        if (strcmp(tree->name, "size") == 0) return AT_INT;
        if (op < 0) return A_CALL;
        at_rule rule = at_op_info((at_op)op)->rule;
        if (rule == AT_RULE_TO_INT || rule == AT_RULE_INT) return AT_INT;
        if (rule != AT_RULE_SAME) return AT_REAL;
        break;
    }
    case AT_T_FOLD: {
        at_gives gives = at_fold_info((at_fold)at_fold_find(tree->name))->gives;
        if (gives == AT_GIVES_BOOL) return AT_BOOL;
        if (gives == AT_GIVES_INT) return AT_INT;
        if (gives == AT_GIVES_REAL) return AT_REAL;
        return guess(g, tree->parts[0].body);
    }
    }
    int kind = NOT_KNOWN;
    bool choice = tree->tag == AT_T_OP && tree->op == AT_OP_IF;
    for (int i = choice ? 1 : 0; i < tree->count; i++)
        kind = join(kind, guess(g, tree->args[i]));
    return kind;
}

/* One guess leads to another, so until nothing changes; a guess only rises. */
static int *guess_all(at_resolver *r, const at_frame *frame, const at_assigned *names, int count) {
    guesses g = {r, frame, names, count, AT_NEW_ARRAY(r->s->arena, int, count)};
    for (int i = 0; i < count; i++) {
        const at_tree_statement *own = names[i].statement;
        int draw =
            own->drawn ? at_draw_find(own->value->tag == AT_T_CALL ? own->value->name : "") : -1;
        bool bools = draw >= 0 && at_draw_info((at_draw)draw)->gives == AT_GIVES_BOOL;
        g.kinds[i] = bools ? AT_BOOL : own->drawn ? AT_REAL : NOT_KNOWN;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < count; i++) {
            if (names[i].statement->drawn) continue;
            int kind = join(g.kinds[i], guess(&g, names[i].statement->value));
            changed = changed || kind != g.kinds[i];
            g.kinds[i] = kind;
        }
    }
    return g.kinds;
}

/* ---- the arrays of a scan -------------------------------------------------------------------- */

at_view *at_newest(at_entity *entity) {
    at_pending *p = entity->pending;
    if (p && at_many(p)) return p->current.array ? &p->current : NULL;
    return &entity->view;
}

/* Axes as at_full_axes gives them, those that scans inside walk moved to the front: before what the
 * call is mapped over, as the equation will have them. */
static void inner_steps_first(at_resolver *r, const at_frame *frame, const at_pending *p,
                              at_axis **own, at_axis **axes, int rank) {
    const at_assigned *name = p->assigned;
    at_axis **inner = AT_NEW_ARRAY(r->s->arena, at_axis *, name->inner_count);
    int count = 0;
    for (int i = 0; i < name->inner_count; i++)
        for (int k = 0; k < p->target->count; k++)
            if (p->target->axes[k] && strcmp(p->target->axes[k], name->inner[i]->name) == 0)
                inner[count++] = own[k];
    if (!count || !frame->hidden_count) return;
    at_axis **rest = AT_NEW_ARRAY(r->s->arena, at_axis *, rank);
    int left = 0, at = r->scan_count;
    for (int i = r->scan_count; i < rank; i++) {
        bool moved = false;
        for (int k = 0; k < count; k++) moved = moved || axes[i] == inner[k];
        if (!moved) rest[left++] = axes[i];
    }
    for (int i = 0; i < count; i++) axes[at++] = inner[i];
    for (int i = 0; i < left; i++) axes[at++] = rest[i];
}

/* Whether the block says by an `axis` statement how long this axis is. */
static bool declares(const at_tree_block *block, const char *name) {
    for (int i = 0; i < block->count; i++) {
        const at_tree_statement *st = block->items[i];
        for (int k = 0; st->tag == AT_S_AXIS && k < st->axis_count; k++)
            if (strcmp(st->axes[k].name, name) == 0) return true;
        if (declares(&st->body, name) || declares(&st->otherwise, name)) return true;
    }
    return false;
}

/* Gives a pending array its axes, if its left side names them all, or the output that it is does,
 * and they are known by now. */
static bool make_pending(at_resolver *r, at_frame *frame, const at_tree_block *body,
                         at_pending *p) {
    const at_target *target = p->target, *declared = at_declared_output(frame, p->name);
    at_scope scope = at_scope_of(frame, p->name);
    if (!target->brackets) return false;
    if (declared && !declared->brackets) declared = NULL;
    int count = declared && declared->count > target->count ? declared->count : target->count;
    at_axis **own = AT_NEW_ARRAY(r->s->arena, at_axis *, count);
    for (int i = 0; i < count; i++) {
        const char *name = i < target->count ? target->axes[i] : NULL;
        if (!name && declared && i < declared->count) name = declared->axes[i];
        if (!name) return false;
        const at_env *env = at_env_find(frame->env, name);
        if (env && env->value.e && env->value.e->tag == AT_INDEX) {
            own[i] = (at_axis *)env->value.e->u.axis;
            continue;
        }
        if (!at_lookup(r, frame, name) && declares(body, name)) return false; /* further down */
        const at_tree *trees[1] = {p->statement->value};
        own[i] = at_axis_find(r, &scope, name, target->span, trees, 1, true);
        if (!own[i]) return false;
        if (at_axis_taken(r, &scope, own[i])) own[i] = at_axis_free(r, &scope, own[i], name);
        at_scope_bind(r, &scope, own[i]);
    }
    int rank;
    at_axis **axes = at_full_axes(r, frame, NULL, 0, true, own, count, &rank);
    inner_steps_first(r, frame, p, own, axes, rank);
    p->array = at_frame_array(r, frame, p->name, AT_DEFINED, p->kind, axes, rank, target->span);
    p->entity = at_define(r, frame, AT_N_ARRAY, p->name, target->span);
    p->entity->view = at_own_view(r, p->array, own, count);
    p->entity->own = true;
    p->entity->pending = p;
    return true;
}

static void make_pendings(at_resolver *r, at_frame *frame, const at_tree_block *body,
                          at_region *region) {
    /* One may get its extents from another, so until nothing changes. */
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < region->pending_count; i++)
            if (!region->pending[i]->array && !region->pending[i]->forgets &&
                make_pending(r, frame, body, region->pending[i]))
                changed = true;
    }
}

int at_pending_steps(const at_resolver *r, const at_pending *p) {
    int steps = r->scan_count;
    for (const at_region *region = r->region; region; region = region->outer) {
        for (int i = 0; i < region->pending_count; i++)
            if (region->pending[i] == p) return steps;
        if (region->is_scan) steps -= region->count;
    }
    return steps;
}

/* Ends a step: the newest definition goes into the history. */
static void finish_pending(at_resolver *r, at_frame *frame, at_pending *p, at_span span) {
    if (at_many(p) && p->array && p->current.array && p->current.array != p->array) {
        at_value v = at_value_read(r, &p->current, span);
        const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, v.rank);
        for (int i = 0; i < v.rank; i++) index[i] = at_index(r->s, p->entity->view.axes[i], span);
        const at_expr *e = at_value_at(r, &v, index);
        if (p->array->kind == AT_REAL) e = at_as_real(r->s, e);
        at_add_statement(r, AT_EQUATION, p->array, span)->u.value = e;
    }
    at_entity *entity = at_lookup(r, frame, p->name);
    if (!entity || entity->tag != AT_N_ARRAY) return;
    if (!p->array && p->current.array) entity->view = p->current;
    entity->pending = NULL;
    p->current.array = NULL; /* a scan around has nothing to finish */
}

/* ---- the scan -------------------------------------------------------------------------------- */

static void body_trees(at_resolver *r, const at_tree_block *block, const at_tree ***trees,
                       int *count, int *capacity) {
    for (int i = 0; i < block->count; i++) {
        const at_tree_statement *st = block->items[i];
        if (st->value) AT_PUSH(r->s->arena, *trees, *count, *capacity, st->value);
        body_trees(r, &st->body, trees, count, capacity);
        body_trees(r, &st->otherwise, trees, count, capacity);
    }
}

static bool open_scan(at_resolver *r, at_frame *frame, const at_tree_statement *st,
                      at_axis **axes) {
    const at_tree **trees = NULL;
    int count = 0, capacity = 0;
    body_trees(r, &st->body, &trees, &count, &capacity);
    at_scope scope = at_scope_of(frame, "scan");
    for (int i = 0; i < st->bound_count; i++) {
        const at_bound *b = &st->bound[i];
        axes[i] = at_axis_find(r, &scope, b->name, b->span, trees, count, false);
        if (!axes[i]) return false;
        axes[i] = at_axis_free(r, &scope, axes[i], b->name);
        at_scope_bind(r, &scope, axes[i]);
    }
    /* A new list: what was copied from the old one must not see these. */
    at_axis **scans = AT_NEW_ARRAY(r->s->arena, at_axis *, r->scan_count + st->bound_count);
    at_move(scans, r->scans, sizeof *scans * (size_t)r->scan_count);
    for (int i = 0; i < st->bound_count; i++) {
        scans[r->scan_count + i] = axes[i];
        frame->env = at_env_add(r, frame->env, st->bound[i].name,
                                at_scalar(at_index(r->s, axes[i], st->bound[i].span)));
    }
    r->scans = scans;
    r->scan_count += st->bound_count;
    return true;
}

/* What an attempt assumes of an array, or finds. */
typedef struct {
    at_kind kind;
    bool forgets;
    bool absent; /* none of its equations is reached: they stand where nothing is resolved */
} belief;

/* The array of one name of the scan: one of its own, or that of a scan around. */
static at_pending *pending_of(at_resolver *r, at_frame *frame, const at_assigned *name,
                              belief assumed) {
    at_pending *p = at_find_pending(r, frame, name->name);
    if (p && p->definitions == name->count && !p->many) return p;
    if (p && p->many) {
        at_resolve_error(
            r, frame, AT_E_LIMIT, name->target->span,
            "`%s` is equated in a scan, in a repeat that is written out round by round, in "
            "another scan",
            name->name);
        return NULL;
    }
    if (p) {
        at_diag *diag =
            at_resolve_error(r, frame, AT_E_LIMIT, name->target->span,
                             "`%s` is equated both in this scan and beside it, in the scan "
                             "around it",
                             name->name);
        at_hint(r->s, diag, "give one of them another name");
        return NULL;
    }
    p = AT_NEW(r->s->arena, at_pending);
    *p = (at_pending){.name = name->name, .statement = name->statement, .target = name->target,
                      .assigned = name,
                      .definitions = name->count, .kind = assumed.kind, .found = assumed.kind,
                      .forgets = assumed.forgets || assumed.absent, .absent = assumed.absent};
    return p;
}

/* One attempt with the given beliefs; `found` gets what the equations say. */
static bool attempt(at_resolver *r, at_frame *frame, const at_tree_statement *st,
                    const at_assigned *names, int name_count, const belief *assumed,
                    belief *found) {
    at_region region = {
        .outer = r->region, .is_scan = true, .count = st->bound_count, .frame = frame};
    region.axes = AT_NEW_ARRAY(r->s->arena, at_axis *, st->bound_count);
    at_env *env = frame->env;
    at_axis **scans = r->scans;
    int scan_count = r->scan_count;
    if (!open_scan(r, frame, st, region.axes)) return false;
    bool good = true;
    for (int i = 0; i < name_count; i++) {
        at_pending *p = pending_of(r, frame, &names[i], assumed[i]);
        good = good && p;
        if (p)
            AT_PUSH(r->s->arena, region.pending, region.pending_count, region.pending_capacity, p);
    }
    r->region = &region;
    make_pendings(r, frame, &st->body, &region);
    at_growing body = {0}, *outer = r->block;
    r->block = &body;
    good = good && at_resolve_block(r, frame, &st->body);
    for (int i = 0; good && i < name_count; i++) {
        at_pending *p = region.pending[i];
        finish_pending(r, frame, p, st->span);
    }
    r->region = region.outer;
    for (int i = 0; i < region.pending_count; i++) {
        const at_pending *p = region.pending[i];
        if (at_find_pending(r, frame, p->name)) continue; /* for the scan around to judge */
        found[i].kind = p->found;
        if (good && at_many(p)) found[i].forgets = !p->history;
        if (good && p->array && p->done == 0) found[i].absent = true;
    }
    r->block = outer;
    r->scans = scans;
    r->scan_count = scan_count;
    frame->env = env;
    if (!good) return false;
    at_statement *out = at_add_statement(r, AT_SCAN, NULL, st->span);
    out->u.scan.count = st->bound_count;
    out->u.scan.axes = region.axes;
    out->u.scan.down = AT_NEW_ARRAY(r->s->arena, bool, st->bound_count);
    for (int i = 0; i < st->bound_count; i++) out->u.scan.down[i] = st->bound[i].down;
    out->u.scan.body = (at_block){body.count, body.items};
    return true;
}

/* Attempts until the beliefs agree with what the equations say, or nothing helps. */
static bool settle(at_resolver *r, at_frame *frame, const at_tree_statement *st,
                   const at_assigned *names, int count, belief *assumed, const at_mark *mark) {
    belief *found = AT_NEW_ARRAY(r->s->arena, belief, count);
    /* A kind changes at most twice, what is forgotten or absent once, so the attempts end. */
    for (int tries = 0;; tries++) {
        at_move(found, assumed, sizeof *found * (size_t)count);
        bool good = attempt(r, frame, st, names, count, assumed, found);
        bool same = true;
        for (int i = 0; i < count; i++) {
            if (found[i].kind == assumed[i].kind && found[i].forgets == assumed[i].forgets &&
                found[i].absent == assumed[i].absent)
                continue;
            same = false;
            assumed[i] = found[i];
        }
        if (good && same) return true;
        if (same || tries > 4 * count || r->need_round) return false;
        at_mark_return(r, frame, mark);
    }
}

bool at_resolve_scan(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    /* What a call gives is not known beforehand. Most such arrays are real, and where that leads to
     * an error ints are tried, then bools; if none of them will do, the first error is the one to
     * tell. */
    static const at_kind tried[4] = {AT_REAL, AT_INT, AT_BOOL, AT_REAL};
    at_assigned *names;
    int count = at_assigned_names(r, &st->body, &names);
    belief *assumed = AT_NEW_ARRAY(r->s->arena, belief, count);
    const int *kinds = guess_all(r, frame, names, count);
    at_mark mark = at_mark_take(r, frame);
    for (int k = 0; k < 4; k++) {
        bool all_known = true;
        for (int i = 0; i < count; i++) {
            bool known = kinds[i] != NOT_KNOWN && kinds[i] != A_CALL;
            assumed[i] = (belief){.kind = known ? (at_kind)kinds[i] : tried[k]};
            all_known = all_known && known;
        }
        if (settle(r, frame, st, names, count, assumed, &mark)) return true;
        if (all_known || r->need_round || k == 3) return false;
        at_mark_return(r, frame, &mark);
    }
    return false;
}
