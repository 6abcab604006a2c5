/* grad(loss, z): the derivative of a scalar by an array of the function's own scope. Here it is
 * only checked and given its axes; the statement names the two reads.
 *
 * In a mapped function loss and z have the mapped axes too, and the derivative is taken for each of
 * their indices: g[b,…] = grad(loss[b], z[b]).
 *
 * An input of a called function that is derived by gets an array of its own (bind_input in
 * resolve_call.c): other inputs may be made of the same array of the caller, and are held. */
#include "lang/resolve_int.h"

#include <string.h>

/* ---- which inputs are derived by ------------------------------------------------------------- */

static bool tree_derives_by(const at_tree *tree, const char *name) {
    if (!tree) return false;
    if (tree->tag == AT_T_CALL && strcmp(tree->name, "grad") == 0 && tree->count == 2) {
        const at_tree *z = tree->args[1];
        if ((z->tag == AT_T_NAME || z->tag == AT_T_INDEX) && strcmp(z->name, name) == 0)
            return true;
    }
    bool found = tree_derives_by(tree->alternative, name);
    for (int i = 0; i < tree->count && !found; i++) found = tree_derives_by(tree->args[i], name);
    for (int i = 0; i < tree->option_count && !found; i++)
        found = tree_derives_by(tree->options[i].value, name);
    for (int i = 0; i < tree->part_count && !found; i++)
        found = tree_derives_by(tree->parts[i].guard, name) ||
                tree_derives_by(tree->parts[i].body, name);
    return found;
}

bool at_derives_by(const at_tree_block *block, const char *name) {
    bool found = false;
    for (int i = 0; i < block->count && !found; i++) {
        const at_tree_statement *st = block->items[i];
        found = tree_derives_by(st->value, name) || tree_derives_by(st->condition, name) ||
                tree_derives_by(st->left, name) || tree_derives_by(st->right, name) ||
                at_derives_by(&st->body, name) || at_derives_by(&st->otherwise, name);
    }
    return found;
}

/* ---- the operation --------------------------------------------------------------------------- */

/* The array by which it is derived: a name, or (in a printed cascade) one with its first
 * indices. */
static at_value variable(at_resolver *r, at_scope *scope, const at_tree *tree) {
    at_value v = {0};
    if (tree->tag == AT_T_NAME || (tree->tag == AT_T_INDEX && !tree->alternative))
        v = at_resolve_expr(r, scope, tree);
    else
        goto wrong;
    if (!v.e) return v;
    if (v.e->tag != AT_READ || v.e->kind != AT_REAL) goto wrong;
    for (int i = 0; i < v.e->u.read.array->rank; i++)
        if (v.e->u.read.index[i]->tag != AT_INDEX) goto wrong;
    return v;
wrong:
    at_hint(r->s,
            at_resolve_error(r, scope->frame, AT_E_GRAD, tree->span,
                             "a derivative is taken by an array of reals, and this is none"),
            "name one: grad(loss, w)");
    return at_no_value();
}

static bool operands(at_resolver *r, at_scope *scope, const at_tree *tree, at_value *loss,
                     at_value *z) {
    if (tree->count != 2 || tree->option_count) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_GRAD, tree->span,
                                         "grad takes a scalar and an array");
        at_hint(r->s, diag, "g = grad(loss, w)");
        return false;
    }
    *loss = at_resolve_expr(r, scope, tree->args[0]);
    *z = variable(r, scope, tree->args[1]);
    if (!loss->e || !z->e) return false;
    if (loss->rank > 0 || loss->e->kind != AT_REAL) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_GRAD, tree->args[0]->span,
                                         "a derivative is of one real, but this %s",
                                         loss->rank ? "keeps axes" : "is none");
        at_hint(r->s, diag, "sum it first: loss = sum[i](…)");
        return false;
    }
    if (loss->e->tag != AT_READ || loss->e->u.read.alternative)
        *loss = at_hoist(r, scope, *loss,
                         at_frame_path(r, scope->frame,
                                       at_format(r->s->arena, "%s.loss", scope->name)),
                         tree->span);
    return true;
}

bool at_grad_equation(at_resolver *r, at_scope *scope, const at_tree_statement *st) {
    const at_target *target = &st->targets[0];
    at_value loss, z;
    at_axis **left = at_bind_left(r, scope, target, (const at_tree *const *)st->value->args,
                                  st->value->count);
    if (!left || !operands(r, scope, st->value, &loss, &z)) return false;
    at_axis **own;
    int own_count;
    if (!at_place_left(r, scope, target, left, &z, &own, &own_count)) return false;
    at_array *array = at_define_target(r, scope->frame, target, AT_REAL, own, own_count, &loss.e, 1,
                                       true);
    if (!array) return false;
    at_statement *out = at_add_statement(r, AT_GRAD, array, st->span);
    out->u.grad.loss = loss.e;
    out->u.grad.z = z.e;
    return true;
}

at_value at_resolve_grad(at_resolver *r, at_scope *scope, const at_tree *tree) {
    at_value loss, z;
    if (!operands(r, scope, tree, &loss, &z)) return at_no_value();
    at_scope inner = *scope;
    at_axis **own = AT_NEW_ARRAY(r->s->arena, at_axis *, scope->bound_count + z.rank);
    int outer = 0;
    for (int i = 0; i < scope->bound_count; i++)
        if (at_mentions(loss.e, scope->bound[i]) || at_mentions(z.e, scope->bound[i]))
            own[outer++] = scope->bound[i];
    const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, z.rank);
    for (int i = 0; i < z.rank; i++) {
        own[outer + i] = at_axis_free(r, &inner, z.axes[i], NULL);
        at_scope_bind(r, &inner, own[outer + i]);
        index[i] = at_index(r->s, own[outer + i], tree->span);
    }
    z.e = at_value_at(r, &z, index);
    int rank;
    at_axis **axes = at_full_axes(r, scope->frame, &loss.e, 1, true, own, outer + z.rank, &rank);
    const char *name = at_format(r->s->arena, "%s.grad", scope->name);
    at_array *array = at_array_new(r, at_frame_path(r, scope->frame, name), AT_DEFINED, AT_REAL,
                                   axes, rank, tree->span);
    at_statement *st = at_add_statement(r, AT_GRAD, array, tree->span);
    st->u.grad.loss = loss.e;
    st->u.grad.z = z.e;
    at_view view = at_own_view(r, array, own + outer, z.rank);
    return at_value_read(r, &view, tree->span);
}
