/* Expressions of the tree to values: names, reads, operators. Folds and calls have files of their
 * own. An error is reported once; what depends on it gives no value and stays silent. */
#include "lang/resolve_int.h"

#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

static at_pending *pending_of(at_entity *entity) {
    return entity->tag == AT_N_ARRAY ? entity->pending : NULL;
}

/* The operation of the statement that binds `name`, or NULL: it ends before where `name` is
 * read. */
static const at_tree *binding_fold(const at_tree *tree, const char *name) {
    if (!tree) return NULL;
    for (int p = 0; p < tree->part_count; p++)
        for (int i = 0; i < tree->parts[p].count; i++)
            if (strcmp(tree->parts[p].bound[i].name, name) == 0) return tree;
    const at_tree *found = binding_fold(tree->alternative, name);
    for (int i = 0; i < tree->count && !found; i++) found = binding_fold(tree->args[i], name);
    for (int p = 0; p < tree->part_count && !found; p++)
        found = binding_fold(tree->parts[p].body, name);
    return found;
}

/* The call of a function of the program that `tree` holds and that reads an argument at `index`. */
static const at_tree *call_around(const at_tree *tree, const at_tree *index) {
    if (!tree) return NULL;
    const at_tree *found = NULL;
    for (int i = 0; i < tree->count && !found; i++) {
        found = call_around(tree->args[i], index);
        if (tree->tag != AT_T_CALL || at_op_find(tree->name) >= 0) continue;
        for (int k = 0; k < tree->args[i]->count && tree->args[i]->tag == AT_T_INDEX; k++)
            if (tree->args[i]->args[k] == index) return tree;
    }
    for (int p = 0; p < tree->part_count && !found; p++)
        found = call_around(tree->parts[p].body, index);
    return found;
}

static at_value unbound(at_resolver *r, const at_scope *scope, const at_tree *tree, bool index) {
    at_diag *diag = at_resolve_error(r, scope->frame, AT_E_UNBOUND_INDEX, tree->span,
                                     "the index `%s` has no value here", tree->name);
    const at_tree *fold = r->statement ? binding_fold(r->statement->value, tree->name) : NULL;
    const at_tree *call = r->statement ? call_around(r->statement->value, tree) : NULL;
    if (call && !fold)
        at_hint(r->s, diag,
                "`%s` takes arrays: leave out the indices that it has itself; one that maps the "
                "call stands at the left side too",
                call->name);
    else if (!fold && !index)
        at_hint(r->s, diag, "as a number stands its extent: size(%s)", tree->name);
    else if (fold)
        at_hint(r->s, diag, "only inside %s[%s](…) it has one: put this into its parentheses",
                fold->name, tree->name);
    else
        at_hint(r->s, diag, "write it at the left side, or reduce over it: sum[%s](…)", tree->name);
    return at_no_value();
}

static at_value entity_value(at_resolver *r, at_scope *scope, at_entity *entity,
                             const at_tree *tree) {
    switch (entity->tag) {
    case AT_N_VALUE: return entity->value;
    case AT_N_ARRAY:
        if (pending_of(entity) && entity->view.rank != 0) {
            at_diag *diag = at_resolve_error(r, scope->frame, AT_E_SCAN_INDICES, tree->span,
                                             "in its scan, `%s` is read at a step", tree->name);
            at_hint(r->s, diag, "write its first index: %s[%s-1 | 0] is the step before",
                    tree->name, r->scans[r->scan_count - 1]->name);
            return at_no_value();
        }
        return at_value_read(r, &entity->view, tree->span);
    case AT_N_AXIS: return unbound(r, scope, tree, false);
    case AT_N_FUNCTION: {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_NOT_A_VALUE, tree->span,
                                         "`%s` is a function; it needs arguments", tree->name);
        at_hint(r->s, diag, "call it: %s(…)", tree->name);
        return at_no_value();
    }
    case AT_N_LIMIT:
        at_resolve_error(r, scope->frame, AT_E_LIMIT, tree->span, "%s", entity->why);
        return at_no_value();
    case AT_N_BROKEN: return at_no_value();
    }
    return at_no_value();
}

static at_value name_value(at_resolver *r, at_scope *scope, const at_tree *tree) {
    const at_env *env = at_env_find(scope->env, tree->name);
    if (env && env->value.e && env->value.e->tag == AT_INDEX && env->value.rank == 0)
        return at_scalar(at_index(r->s, env->value.e->u.axis, tree->span)); /* errors point here */
    if (env) return env->value;
    at_entity *entity = at_lookup(r, scope->frame, tree->name);
    if (entity) return entity_value(r, scope, entity, tree);
    if (at_map_get(&scope->frame->module->functions, tree->name) || at_op_find(tree->name) >= 0) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_NOT_A_VALUE, tree->span,
                                         "`%s` is a function; it needs arguments", tree->name);
        at_hint(r->s, diag, "call it: %s(…)", tree->name);
    } else {
        at_unknown_name(r, scope, tree->name, tree->span, AT_WANT_VALUE);
    }
    return at_no_value();
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* An axis, or a name that nothing has, where an index stands: an index that nothing binds. */
static bool is_unknown(const at_resolver *r, const at_scope *scope, const at_tree *tree) {
    if (tree->tag != AT_T_NAME || at_env_find(scope->env, tree->name)) return false;
    const at_entity *entity = at_lookup(r, scope->frame, tree->name);
    return entity ? entity->tag == AT_N_AXIS
                  : !at_map_get(&scope->frame->module->functions, tree->name) &&
                        at_op_find(tree->name) < 0;
}

/* The indices as written: an int each, NULL for `:` and for axes that stay at the right. */
static bool index_exprs(at_resolver *r, at_scope *scope, const at_tree *tree, int rank,
                        at_span defined, const at_expr **index) {
    if (tree->count > rank) {
        at_diag *diag =
            at_resolve_error(r, scope->frame, AT_E_TOO_MANY_INDICES, tree->span,
                             "`%s` has %s %s, but %d %s given", tree->name,
                             rank ? at_format(r->s->arena, "%d", rank) : "no",
                             rank == 1 ? "axis" : "axes", tree->count,
                             tree->count == 1 ? "index is" : "indices are");
        if (defined.source) at_note(r->s, diag, defined, "`%s` is defined here", tree->name);
        if (rank == 0) at_hint(r->s, diag, "it is one value: write `%s` alone", tree->name);
        return false;
    }
    for (int i = 0; i < rank; i++) {
        index[i] = NULL;
        if (i >= tree->count || tree->args[i]->tag == AT_T_KEEP) continue;
        if (is_unknown(r, scope, tree->args[i])) {
            unbound(r, scope, tree->args[i], true);
            return false;
        }
        at_value v = at_resolve_expr(r, scope, tree->args[i]);
        if (!v.e) return false;
        if (v.rank > 0) {
            at_diag *diag = at_resolve_error(r, scope->frame, AT_E_INDEX_RANK, tree->args[i]->span,
                                             "an index is one int, but this keeps %d %s", v.rank,
                                             v.rank == 1 ? "axis" : "axes");
            at_hint(r->s, diag, "index the index too, as in k[idx[i], d]");
            return false;
        }
        if (v.e->kind != AT_INT) {
            at_diag *diag = at_resolve_error(r, scope->frame, AT_E_INDEX_TYPE, tree->args[i]->span,
                                             "an index is an int, but this is a %s",
                                             at_kind_text(v.e->kind));
            if (v.e->kind == AT_REAL)
                at_hint(r->s, diag, "int(x) truncates towards zero; i // 2 divides ints");
            return false;
        }
        index[i] = v.e;
    }
    return true;
}

/* The alternative of a read, at the placeholders that the read keeps. */
static const at_expr *alternative_expr(at_resolver *r, at_scope *scope, const at_tree *tree,
                                       const at_value *read) {
    at_value pair[2] = {*read, at_resolve_expr(r, scope, tree->alternative)};
    if (!pair[1].e) return NULL;
    if (pair[1].rank > read->rank) {
        at_resolve_error(r, scope->frame, AT_E_KEPT_AXES, tree->alternative->span,
                         "the alternative keeps %s, but the read keeps %s",
                         at_kept_text(r, &pair[1]), at_kept_text(r, read));
        return NULL;
    }
    int rank;
    at_axis **axes;
    if (!at_values_lift(r, scope, pair, 2, tree->alternative->span, &rank, &axes)) return NULL;
    return pair[1].e;
}

/* Reads `v` (a plain read of an array at placeholders) at the given indices. */
static at_value read_at(at_resolver *r, at_scope *scope, const at_tree *tree, at_value v,
                        const at_expr **index) {
    const at_expr **full = AT_NEW_ARRAY(r->s->arena, const at_expr *, v.rank);
    at_value result = {.axes = AT_NEW_ARRAY(r->s->arena, at_axis *, v.rank)};
    for (int i = 0; i < v.rank; i++) {
        full[i] = index[i];
        if (index[i]) continue;
        at_axis *kept = at_placeholder(r, v.axes[i]);
        result.axes[result.rank++] = kept;
        full[i] = at_index(r->s, kept, tree->span);
    }
    result.e = at_value_at(r, &v, full);
    if (!tree->alternative) return result;
    const at_expr *alternative = alternative_expr(r, scope, tree, &result);
    if (!alternative) return at_no_value();
    at_kind kind = result.e->kind;
    if (kind == AT_REAL && alternative->kind == AT_INT) alternative = at_as_real(r->s, alternative);
    if (alternative->kind != kind) {
        if (kind == AT_INT && alternative->kind == AT_REAL) {
            /* ints with a real alternative: an array of reals is read instead */
            v.e = at_as_real(r->s, v.e);
            v = at_hoist(r, scope, v, at_frame_path(r, scope->frame, scope->name), tree->span);
            return read_at(r, scope, tree, v, index);
        }
        at_resolve_error(r, scope->frame, AT_E_TYPE, tree->alternative->span,
                         "the alternative is a %s, but `%s` holds %ss",
                         at_kind_text(alternative->kind), tree->name, at_kind_text(kind));
        return at_no_value();
    }
    result.e =
        at_read(r->s, result.e->u.read.array, result.e->u.read.index, alternative, tree->span);
    return result;
}

/* A read of an array of the scan that is being resolved: the newest of this step where the step's
 * own index is plain, else the history. */
static at_value pending_value(at_resolver *r, at_scope *scope, at_entity *entity,
                              const at_tree *tree, const at_expr **index) {
    at_pending *p = entity->pending;
    int step_count = at_pending_steps(r, p);
    p->read = true;
    bool steps = true;
    for (int i = 0; i < entity->view.array->rank && steps; i++)
        for (int k = 0; k < step_count; k++)
            if (entity->view.array->axes[i] == r->scans[k] && entity->view.hole[i] >= 0)
                steps = index[entity->view.hole[i]] != NULL;
    if (!steps) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_SCAN_INDICES, tree->span,
                                         "in its scan, `%s` is read at a step", tree->name);
        at_hint(r->s, diag, "write its first index: %s[%s-1 | 0] is the step before", tree->name,
                r->scans[step_count - 1]->name);
        return at_no_value();
    }
    bool now = p->current.array != NULL;
    for (int i = 0; i < entity->view.array->rank && now; i++) {
        const at_axis *axis = entity->view.array->axes[i];
        int hole = entity->view.hole[i];
        for (int k = 0; k < step_count; k++)
            if (axis == r->scans[k] && hole >= 0)
                now = index[hole] && index[hole]->tag == AT_INDEX && index[hole]->u.axis == axis;
    }
    if (!now && at_many(p)) {
        p->history = true;
        if (!p->array) {
            at_diag *diag =
                at_resolve_error(r, scope->frame, AT_E_SCAN_INDICES, tree->span,
                                 "`%s` is equated several times in a step, so its earlier "
                                 "steps can only be read where its axes are known before",
                                 tree->name);
            at_hint(r->s, diag,
                    "name all its axes at the left, and say their extents before the scan");
            return at_no_value();
        }
    }
    return read_at(r, scope, tree, at_value_read(r, now ? &p->current : &entity->view, tree->span),
                   index);
}

at_value at_resolve_index_node(at_resolver *r, at_scope *scope, const at_tree *tree) {
    const at_env *env = at_env_find(scope->env, tree->name);
    at_entity *entity = env ? NULL : at_lookup(r, scope->frame, tree->name);
    at_value v = {0};
    at_span defined = at_no_span();
    if (env && env->value.e && env->value.e->tag == AT_INDEX && tree->count > 0) {
        at_resolve_error(r, scope->frame, AT_E_NOT_AN_ARRAY, tree->span,
                         "`%s` is an index here, not an array", tree->name);
        return at_no_value();
    } else if (env) {
        v = env->value;
    } else if (entity && entity->tag == AT_N_VALUE) {
        v = entity->value;
    } else if (entity && entity->tag == AT_N_ARRAY) {
        defined = entity->span;
        const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, entity->view.rank);
        if (pending_of(entity) && tree->count > entity->view.rank) {
            at_diag *diag = at_resolve_error(
                r, scope->frame, AT_E_TOO_MANY_INDICES, tree->span,
                "`%s` has %d %s at its left side, but %d indices are given", tree->name,
                entity->view.rank, entity->view.rank == 1 ? "index" : "indices", tree->count);
            at_note(r->s, diag, defined, "its left side");
            at_hint(r->s, diag,
                    "what a scan reads before its equation has all its axes written out at "
                    "the left");
            return at_no_value();
        }
        if (!index_exprs(r, scope, tree, entity->view.rank, defined, index)) return at_no_value();
        if (pending_of(entity)) return pending_value(r, scope, entity, tree, index);
        return read_at(r, scope, tree, at_value_read(r, &entity->view, tree->span), index);
    } else if (entity && entity->tag == AT_N_LIMIT) {
        return entity_value(r, scope, entity, tree);
    } else if (entity && entity->tag == AT_N_BROKEN) {
        return at_no_value();
    } else if (entity || at_map_get(&scope->frame->module->functions, tree->name)) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_NOT_AN_ARRAY, tree->span,
                                         "`%s` is %s, not an array", tree->name,
                                         entity && entity->tag == AT_N_AXIS ? "an axis"
                                                                            : "a function");
        if (!entity || entity->tag == AT_N_FUNCTION)
            at_hint(r->s, diag, "functions take parentheses: %s(…)", tree->name);
        return at_no_value();
    } else if (at_find_pending(r, scope->frame, tree->name) &&
               !at_find_pending(r, scope->frame, tree->name)->absent) {
        at_diag *diag =
            at_resolve_error(r, scope->frame, AT_E_SCAN_INDICES, tree->span,
                             "`%s` is read before its equation, and its axes are not known "
                             "by then",
                             tree->name);
        at_hint(r->s, diag,
                "name all its axes at the left, and say how long they are before the scan: "
                "axis n = 8");
        return at_no_value();
    } else {
        at_unknown_name(r, scope, tree->name, tree->name_span, AT_WANT_VALUE);
        return at_no_value();
    }
    if (!v.e) return at_no_value();
    const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, v.rank);
    if (!index_exprs(r, scope, tree, v.rank, defined, index)) return at_no_value();
    if (tree->alternative && (v.e->tag != AT_READ || v.e->u.read.alternative))
        v = at_hoist(r, scope, v, at_frame_path(r, scope->frame, tree->name), tree->span);
    return read_at(r, scope, tree, v, index);
}

/* ---- operators ------------------------------------------------------------------------------- */

static at_value operation(at_resolver *r, at_scope *scope, const at_tree *tree) {
    at_value args[3] = {{0}};
    if (tree->op == AT_OP_IF) {
        args[0] = at_resolve_expr(r, scope, tree->args[0]);
        if (!args[0].e) return at_no_value();
        if (args[0].e->kind == AT_BOOL) {
            /* Known when compiled: the other branch may not even fit. */
            at_constant known = at_try_constant(r, args[0].e);
            if (known.known) return at_resolve_expr(r, scope, tree->args[known.integer ? 1 : 2]);
        }
    }
    bool good = true;
    for (int i = tree->op == AT_OP_IF ? 1 : 0; i < tree->count; i++) {
        args[i] = at_resolve_expr(r, scope, tree->args[i]);
        good = good && args[i].e;
    }
    if (!good) return at_no_value();
    return at_apply(r, scope, tree->op, args, tree->span, tree->name_span);
}

static at_value number(at_resolver *r, const at_tree *tree) {
    return at_scalar(tree->is_real ? at_real(r->s, tree->real, tree->span)
                                   : at_int(r->s, tree->integer, tree->span));
}

at_value at_resolve_expr(at_resolver *r, at_scope *scope, const at_tree *tree) {
    switch (tree->tag) {
    case AT_T_NUMBER: return number(r, tree);
    case AT_T_BOOL: return at_scalar(at_bool(r->s, tree->integer != 0, tree->span));
    case AT_T_TRAINING: return at_scalar(at_bool(r->s, r->options->training, tree->span));
    case AT_T_NAME: return name_value(r, scope, tree);
    case AT_T_INDEX: return at_resolve_index_node(r, scope, tree);
    case AT_T_OP: return operation(r, scope, tree);
    case AT_T_FOLD: return at_resolve_fold(r, scope, tree);
    case AT_T_CALL: {
        at_value result = {0};
        return at_resolve_call(r, scope, tree, NULL, &result, 1) ? result : at_no_value();
    }
    case AT_T_KEEP: break;
    }
    at_resolve_error(r, scope->frame, AT_E_NOT_A_VALUE, tree->span, "`:` only stands for an index");
    return at_no_value();
}

const at_expr *at_resolve_scalar(at_resolver *r, at_scope *scope, const at_tree *tree, at_kind kind,
                                 const char *what) {
    at_value v = at_resolve_expr(r, scope, tree);
    if (!v.e) return NULL;
    if (v.rank > 0) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_NOT_SCALAR, tree->span,
                                         "%s must be one value, but this keeps %s", what,
                                         at_kept_text(r, &v));
        if (tree->tag == AT_T_NAME)
            at_hint(r->s, diag, "index it: %s[%s%s]", tree->name, at_axis_text(r, v.axes[0]),
                    v.rank > 1 ? ",…" : "");
        else
            at_hint(r->s, diag, "index it, or reduce it with sum, max, any, …");
        return NULL;
    }
    if (kind == AT_REAL && v.e->kind == AT_INT) return at_as_real(r->s, v.e);
    if (v.e->kind != kind) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_TYPE, tree->span,
                                         "%s must be %s, but this is %s", what,
                                         kind == AT_BOOL  ? "true or false"
                                         : kind == AT_INT ? "an int"
                                                          : "a real",
                                         v.e->kind == AT_BOOL  ? "a bool"
                                         : v.e->kind == AT_INT ? "an int"
                                                               : "a real");
        if (kind == AT_BOOL) at_hint(r->s, diag, "%s", at_condition_hint(v.e));
        if (kind == AT_INT && v.e->kind == AT_REAL)
            at_hint(r->s, diag, "a // b divides ints; int(x) truncates towards zero");
        return NULL;
    }
    return v.e;
}
