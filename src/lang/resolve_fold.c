/* Operations over index sets: sum[j where g](x), softmax[j](x), topk[j](x), and grad.
 *
 * Those that remove their axes are nodes of the expression. Those that keep them are statements of
 * their own: inside an expression they are split off into an array, which is read at the index that
 * has the axis' name outside. */
#include "lang/resolve_int.h"

#include <string.h>

/* The body as the operation needs it: bools for any and all, numbers else, reals where it gives
 * reals. */
static bool convert_body(at_resolver *r, const at_scope *scope, at_fold fold, at_value *body,
                         const at_tree *tree) {
    const at_fold_row *row = at_fold_info(fold);
    at_kind kind = body->e->kind;
    const char *wanted = NULL, *hint = NULL;
    if (row->gives == AT_GIVES_BOOL) {
        if (kind != AT_BOOL)
            wanted = "conditions", hint = "compare it with something, as in x != 0";
    } else if (fold != AT_FOLD_COUNT && kind == AT_BOOL) {
        wanted = "numbers";
        hint = "count[j](x) counts the true ones; real(x) gives 1 and 0";
    } else if (row->gives == AT_GIVES_REAL) {
        body->e = at_as_real(r->s, body->e);
    }
    if (!wanted) return true;
    at_diag *diag = at_resolve_error(r, scope->frame, AT_E_TYPE, tree->span,
                                     "`%s` needs %s, but this is %s", row->text, wanted,
                                     kind == AT_BOOL  ? "a bool"
                                     : kind == AT_INT ? "an int"
                                                      : "a real");
    at_hint(r->s, diag, "%s", hint);
    return false;
}

/* Guard and body of a part in a scope where its axes are bound. */
static bool guard_and_body(at_resolver *r, at_scope *inner, at_fold fold, const at_tree_part *part,
                           const at_expr **guard, at_value *body) {
    *guard = NULL;
    bool good = true;
    if (part->guard) {
        *guard = at_resolve_scalar(r, inner, part->guard, AT_BOOL, "the guard");
        good = *guard != NULL;
        if (good && (*guard)->tag == AT_CONST && (*guard)->u.integer) *guard = NULL;
    }
    *body = at_resolve_expr(r, inner, part->body);
    return good && body->e && convert_body(r, inner, fold, body, part->body);
}

static bool bind_part(at_resolver *r, const at_scope *scope, at_scope *inner,
                      const at_tree_part *part, at_axis **axes) {
    const at_tree *trees[2] = {part->guard, part->body};
    for (int i = 0; i < part->count; i++) {
        const at_bound *b = &part->bound[i];
        for (int k = 0; k < i; k++)
            if (strcmp(part->bound[k].name, b->name) == 0) {
                at_resolve_error(r, scope->frame, AT_E_AXIS_TWICE, b->span,
                                 "the axis `%s` is named twice", b->name);
                return false;
            }
        at_axis *axis = at_axis_find(r, scope, b->name, b->span, trees, 2, false);
        if (!axis) return false;
        axes[i] = at_axis_free(r, inner, axis, b->name);
        at_scope_bind(r, inner, axes[i]);
        inner->env = at_env_add(r, inner->env, b->name,
                                at_scalar(at_index(r->s, axes[i], b->span)));
    }
    return true;
}

static bool no_down(at_resolver *r, const at_scope *scope, const at_tree *tree) {
    at_fold fold = (at_fold)at_fold_find(tree->name);
    bool running = fold == AT_FOLD_CUMSUM || fold == AT_FOLD_CUMPROD || fold == AT_FOLD_CUMMAX ||
                   fold == AT_FOLD_CUMMIN;
    for (int p = 0; p < tree->part_count; p++)
        for (int i = 0; i < tree->parts[p].count; i++)
            if (tree->parts[p].bound[i].down && !running) {
                at_diag *diag =
                    at_resolve_error(r, scope->frame, AT_E_DOWN, tree->parts[p].bound[i].span,
                                     "`%s` has no direction", tree->name);
                at_hint(r->s, diag, "`down` belongs to cumsum, cumprod, cummax, cummin and scan");
                return false;
            }
    return true;
}

static at_value removing(at_resolver *r, at_scope *scope, const at_tree *tree, at_fold fold) {
    const at_tree_part *part = &tree->parts[0];
    at_scope inner = *scope;
    at_axis **axes = AT_NEW_ARRAY(r->s->arena, at_axis *, part->count);
    if (!bind_part(r, scope, &inner, part, axes)) return at_no_value();
    const at_expr *guard;
    at_value body;
    if (!guard_and_body(r, &inner, fold, part, &guard, &body)) return at_no_value();
    body.e = at_fold_node(r->s, fold, axes, part->count, guard, body.e, tree->span);
    return body;
}

/* ---- operations that keep their axes --------------------------------------------------------- */

/* A scan that is open goes through this axis, or a repeat counts it: the whole of it is not there
 * at once, and a statement inside has no room to go over it again. */
static bool is_walked(const at_resolver *r, const at_axis *axis) {
    for (int i = 0; i < r->scan_count; i++)
        if (r->scans[i] == axis) return true;
    for (int i = 0; i < r->repeat_count; i++)
        if (r->repeats[i] == axis) return true;
    return false;
}

/* The axis that a bound name has in the split-off statement, and the index at which it is read
 * outside. NULL after an error. */
static at_axis *kept_axis(at_resolver *r, at_scope *scope, const at_tree *tree, int i,
                          const at_expr **outside) {
    const at_tree_part *part = &tree->parts[0];
    const at_tree *trees[2] = {part->guard, part->body};
    const char *name = part->bound[i].name;
    const at_env *env = at_env_find(scope->env, name);
    if (!env || env->value.rank || !env->value.e || env->value.e->kind != AT_INT) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_KEPT_OUTSIDE, part->bound[i].span,
                                         "`%s` keeps the axis `%s`, but nothing gives `%s` a value "
                                         "outside of it", tree->name, name, name);
        at_hint(r->s, diag, "the result is read at the outer index `%s`: write it at the left side",
                name);
        return NULL;
    }
    *outside = env->value.e;
    if (env->value.e->tag == AT_INDEX && env->value.e->u.axis->id >= 0) {
        at_axis *around = (at_axis *)env->value.e->u.axis;
        return is_walked(r, around) ? at_axis_free(r, scope, around, name) : around;
    }
    at_axis *axis = at_axis_find(r, scope, name, part->bound[i].span, trees, 2, false);
    return axis ? at_axis_free(r, scope, axis, name) : NULL;
}

static at_value splitting(at_resolver *r, at_scope *scope, const at_tree *tree, at_fold fold) {
    const at_tree_part *part = &tree->parts[0];
    at_scope inner = *scope;
    at_axis **bound = AT_NEW_ARRAY(r->s->arena, at_axis *, part->count);
    bool *down = AT_NEW_ARRAY(r->s->arena, bool, part->count);
    const at_expr **outside = AT_NEW_ARRAY(r->s->arena, const at_expr *, part->count);
    for (int i = 0; i < part->count; i++) {
        bound[i] = kept_axis(r, scope, tree, i, &outside[i]);
        if (!bound[i]) return at_no_value();
        down[i] = part->bound[i].down;
        at_scope_bind(r, &inner, bound[i]);
        inner.env = at_env_add(r, inner.env, part->bound[i].name,
                               at_scalar(at_index(r->s, bound[i], part->bound[i].span)));
    }
    const at_expr *guard;
    at_value body;
    if (!guard_and_body(r, &inner, fold, part, &guard, &body)) return at_no_value();

    /* Its axes: the indices around that it depends on, the bound ones, what the body keeps. */
    at_axis **own = AT_NEW_ARRAY(r->s->arena, at_axis *, inner.bound_count + body.rank);
    int count = 0;
    for (int i = 0; i < inner.bound_count; i++) {
        at_axis *axis = inner.bound[i];
        bool used = at_mentions(body.e, axis) || (guard && at_mentions(guard, axis));
        for (int k = 0; k < part->count; k++) used = used || bound[k] == axis;
        for (int k = 0; k < count; k++) used = used && own[k] != axis;
        for (int k = 0; k < scope->frame->hidden_count; k++)
            used = used && scope->frame->hidden[k] != axis;
        for (int k = 0; k < r->scan_count; k++) used = used && r->scans[k] != axis;
        if (used) own[count++] = axis;
    }
    int outer = count;
    const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, body.rank);
    for (int i = 0; i < body.rank; i++) {
        own[count] = at_axis_free(r, &inner, body.axes[i], NULL);
        at_scope_bind(r, &inner, own[count]);
        index[i] = at_index(r->s, own[count++], tree->span);
    }
    body.e = at_value_at(r, &body, index);
    int rank;
    const at_expr *used[2] = {body.e, guard};
    at_axis **axes = at_full_axes(r, scope->frame, used, 2, false, own, count, &rank);
    at_kind kind = at_fold_info(fold)->gives == AT_GIVES_INT ? AT_INT : body.e->kind;
    const char *name = at_format(r->s->arena, "%s.%s", scope->name, tree->name);
    at_array *array = at_array_new(r, at_frame_path(r, scope->frame, name), AT_DEFINED, kind, axes,
                                   rank, tree->span);
    at_statement *st = at_add_statement(r, AT_KEEPING, NULL, tree->span);
    st->u.keeping.fold = fold;
    st->u.keeping.count = 1;
    st->u.keeping.parts = AT_NEW(r->s->arena, at_part);
    *st->u.keeping.parts = (at_part){array, part->count, bound, down, guard, body.e};

    /* Read at the outer indices; kept axes become placeholders again. */
    at_view view = at_own_view(r, array, own + outer, body.rank);
    at_value v = at_value_read(r, &view, tree->span);
    v.e = at_rename(r, v.e, bound, outside, part->count);
    return v;
}

at_value at_resolve_fold(at_resolver *r, at_scope *scope, const at_tree *tree) {
    int found = at_fold_find(tree->name);
    AT_ASSERT(r->s, found >= 0);
    at_fold fold = (at_fold)found;
    at_form form = at_fold_info(fold)->form;
    if (!no_down(r, scope, tree)) return at_no_value();
    if (form == AT_FORM_RANK || tree->part_count > 1) {
        at_diag *diag;
        if (form == AT_FORM_RANK) {
            diag = at_resolve_error(r, scope->frame, AT_E_STANDS_ALONE, tree->span,
                                    "topk stands alone at the right of `=`");
            at_hint(r->s, diag, "axis r = 8 and idx[i,r] = topk[j](s[i,j]), then use idx");
        } else {
            diag = at_resolve_error(r, scope->frame, AT_E_STANDS_ALONE, tree->span,
                                    "`%s` over several parts stands alone at the right of `=`",
                                    tree->name);
            at_hint(r->s, diag, "p[i,j], r[i,m] = softmax[j; m](s[i,j]; t[i,m])");
        }
        return at_no_value();
    }
    return form == AT_FORM_REMOVE ? removing(r, scope, tree, fold)
                                  : splitting(r, scope, tree, fold);
}

static bool parts_allowed(at_resolver *r, at_scope *scope, const at_tree_statement *st,
                          at_fold fold) {
    const at_tree *tree = st->value;
    if (tree->part_count != st->target_count) {
        at_resolve_error(r, scope->frame, AT_E_RESULT_COUNT, st->span,
                         "`%s` has %d %s, but %d %s at the left", tree->name, tree->part_count,
                         tree->part_count == 1 ? "part" : "parts", st->target_count,
                         st->target_count == 1 ? "array stands" : "arrays stand");
        return false;
    }
    if (tree->part_count > 1 && at_fold_info(fold)->form != AT_FORM_JOINT) {
        at_resolve_error(r, scope->frame, AT_E_STANDS_ALONE, tree->span,
                         "`%s` cannot run over several parts; softmax and log_softmax can",
                         tree->name);
        return false;
    }
    return true;
}

/* A guard whose own folds run over none of the axes that the left side got from what the body
 * keeps. */
static const at_expr *apart(at_resolver *r, const at_expr *guard, at_axis **own, int count) {
    if (!guard) return NULL;
    const at_expr **same = AT_NEW_ARRAY(r->s->arena, const at_expr *, count);
    for (int i = 0; i < count; i++) same[i] = at_index(r->s, own[i], guard->span);
    return at_rename(r, guard, own, same, count);
}

bool at_keeps_elsewhere(const at_resolver *r, const at_scope *scope, const at_tree_statement *st) {
    const at_target *target = &st->targets[0];
    const at_tree_part *part = &st->value->parts[0];
    if (st->target_count > 1 || st->value->part_count > 1) return false;
    for (int i = 0; i < part->count; i++) {
        const at_env *env = at_env_find(scope->env, part->bound[i].name);
        bool left = false;
        for (int k = 0; k < target->count; k++)
            left = left || (target->axes[k] && strcmp(target->axes[k], part->bound[i].name) == 0);
        const at_expr *e = env && !env->value.rank ? env->value.e : NULL;
        bool walked = e && e->tag == AT_INDEX && is_walked(r, e->u.axis);
        if (left ? walked : e && e->kind == AT_INT) return true;
    }
    return false;
}

/* One part of p[i,j], … = softmax[j where g; …](s[i,j]; …) to its part in the cascade. */
static bool keeping_part(at_resolver *r, at_scope *scope, const at_target *target,
                         const at_tree *tree, int k, at_fold fold, at_part *out, at_axis ***own,
                         int *own_count) {
    const at_tree_part *part = &tree->parts[k];
    const at_tree *trees[2] = {part->guard, part->body};
    at_axis **left = at_bind_left(r, scope, target, trees, 2);
    if (!left) return false;
    out->count = part->count;
    out->bound = AT_NEW_ARRAY(r->s->arena, at_axis *, part->count);
    out->down = AT_NEW_ARRAY(r->s->arena, bool, part->count);
    for (int i = 0; i < part->count; i++) {
        for (int a = 0; a < target->count; a++)
            if (target->axes[a] && strcmp(target->axes[a], part->bound[i].name) == 0)
                out->bound[i] = left[a];
        out->down[i] = part->bound[i].down;
        if (out->bound[i] && is_walked(r, out->bound[i])) {
            at_resolve_error(r, scope->frame, AT_E_LIMIT, part->bound[i].span,
                             "one `%s` over several parts goes over `%s`, inside the scan of `%s`",
                             tree->name, part->bound[i].name, part->bound[i].name);
            return false;
        }
        if (out->bound[i]) continue;
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_KEPT_OUTSIDE, part->bound[i].span,
                                         "`%s` keeps the axis `%s`, but `%s` at the left lacks it",
                                         tree->name, part->bound[i].name, target->name);
        at_hint(r->s, diag, "write `%s` among the indices of `%s`", part->bound[i].name,
                target->name);
        return false;
    }
    at_value body;
    if (!guard_and_body(r, scope, fold, part, &out->guard, &body)) return false;
    bool keeps = body.rank > 0;
    if (!at_place_left(r, scope, target, left, &body, own, own_count)) return false;
    if (keeps) out->guard = apart(r, out->guard, *own, *own_count);
    out->body = body.e;
    return true;
}

bool at_keeping_equation(at_resolver *r, at_scope *scope, const at_tree_statement *st) {
    const at_tree *tree = st->value;
    at_fold fold = (at_fold)at_fold_find(tree->name);
    if (!no_down(r, scope, tree) || !parts_allowed(r, scope, st, fold)) return false;
    int count = tree->part_count;
    at_part *parts = AT_NEW_ARRAY(r->s->arena, at_part, count);
    at_axis ***own = AT_NEW_ARRAY(r->s->arena, at_axis **, count);
    int *own_count = AT_NEW_ARRAY(r->s->arena, int, count);
    const at_expr **used = AT_NEW_ARRAY(r->s->arena, const at_expr *, 2 * count);
    for (int k = 0; k < count; k++) {
        at_scope part_scope = *scope;
        part_scope.name = st->targets[k].name;
        if (!keeping_part(r, &part_scope, &st->targets[k], tree, k, fold, &parts[k], &own[k],
                          &own_count[k]))
            return false;
        used[2 * k] = parts[k].body;
        used[2 * k + 1] = parts[k].guard;
    }
    at_statement *out = NULL;
    for (int k = 0; k < count; k++) {
        at_kind kind = at_fold_info(fold)->gives == AT_GIVES_INT ? AT_INT : parts[k].body->kind;
        parts[k].target = at_define_target(r, scope->frame, &st->targets[k], kind, own[k],
                                           own_count[k], used, 2 * count, false);
        if (!parts[k].target) return false;
        if (!out) out = at_add_statement(r, AT_KEEPING, NULL, st->span);
    }
    out->u.keeping.fold = fold;
    out->u.keeping.count = count;
    out->u.keeping.parts = parts;
    return true;
}

bool at_topk_equation(at_resolver *r, at_scope *scope, const at_tree_statement *st) {
    const at_tree *tree = st->value;
    const at_target *target = &st->targets[0];
    const at_tree_part *part = &tree->parts[0];
    if (tree->part_count != 1 || !no_down(r, scope, tree)) {
        if (tree->part_count != 1)
            at_resolve_error(r, scope->frame, AT_E_STANDS_ALONE, tree->span, "topk has one part");
        return false;
    }
    if (target->count == 0 || !target->axes[target->count - 1]) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_TOPK_RANK, target->span,
                                         "the last axis at the left of topk is the rank");
        at_hint(r->s, diag, "axis r = 8 and then %s[…,r] = topk[%s](…)", target->name,
                part->count ? part->bound[0].name : "j");
        return false;
    }
    const at_tree *trees[2] = {part->guard, part->body};
    at_axis **left = at_bind_left(r, scope, target, trees, 2);
    at_scope inner = *scope;
    at_part *out = AT_NEW(r->s->arena, at_part);
    out->count = part->count;
    out->bound = AT_NEW_ARRAY(r->s->arena, at_axis *, part->count);
    out->down = AT_NEW_ARRAY(r->s->arena, bool, part->count);
    at_value body;
    if (!left || !bind_part(r, scope, &inner, part, out->bound) ||
        !guard_and_body(r, &inner, AT_FOLD_TOPK, part, &out->guard, &body))
        return false;
    int colons = 0;
    for (int i = 0; i < target->count; i++) colons += target->axes[i] == NULL;
    if (body.rank > colons) {
        at_resolve_error(r, scope->frame, AT_E_LEFT_AXES, target->span,
                         "topk keeps %d more %s than `%s` has places for", body.rank - colons,
                         body.rank - colons == 1 ? "axis" : "axes", target->name);
        return false;
    }
    at_axis **own;
    int own_count;
    bool keeps = body.rank > 0;
    if (!at_place_left(r, &inner, target, left, &body, &own, &own_count)) return false;
    if (keeps) out->guard = apart(r, out->guard, own, own_count);
    out->body = body.e;
    const at_axis *rank_axis = own[own_count - 1];
    if (at_mentions(body.e, rank_axis) || (out->guard && at_mentions(out->guard, rank_axis))) {
        at_resolve_error(r, scope->frame, AT_E_TOPK_RANK, st->span,
                         "`%s` is the rank here; what topk orders cannot depend on it",
                         rank_axis->name);
        return false;
    }
    const at_expr *used[2] = {out->body, out->guard};
    out->target = at_define_target(r, scope->frame, target, AT_INT, own, own_count, used, 2, false);
    if (!out->target) return false;
    at_statement *emitted = at_add_statement(r, AT_TOPK, out->target, st->span);
    emitted->u.topk = *out;
    return true;
}

