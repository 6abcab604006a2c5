/* Formulas: what is put in the place of a call, without equations of its own.
 *
 * That is an option with its own right side, mask(i,j) = j <= i, and a function of single ints and
 * bools whose equations are for single numbers, fn causal(i: int, j: int) -> keep = j <= i. So what
 * a guard says about index values is still seen there when it has a name in a library. */
#include "lang/resolve_int.h"

#include <string.h>

static int uses(const at_tree *tree, const char *name) {
    if (!tree) return 0;
    int n = (tree->tag == AT_T_NAME || tree->tag == AT_T_INDEX) && strcmp(tree->name, name) == 0;
    n += uses(tree->alternative, name);
    for (int i = 0; i < tree->count; i++) n += uses(tree->args[i], name);
    for (int i = 0; i < tree->option_count; i++) n += uses(tree->options[i].value, name);
    for (int p = 0; p < tree->part_count; p++) {
        /* Inside a fold it is evaluated again and again, so it counts twice. */
        n += 2 * uses(tree->parts[p].guard, name) + 2 * uses(tree->parts[p].body, name);
    }
    return n;
}

static bool is_work(void *user, const at_expr *e) {
    if (e->tag == AT_FOLD_NODE || e->tag == AT_READ) *(bool *)user = true;
    return true;
}

/* Whether an argument that is used several times is better evaluated once. Arithmetic of indices is
 * not: an array of it would hide from a guard which indices it leaves. */
static bool worth_an_array(const at_expr *e) {
    bool work = false;
    if (!at_is_trivial(e)) at_walk(e, is_work, &work);
    return work;
}

/* The rounds that are open between two frames, outermost first: where an option's right side is
 * evaluated, in places of its own function that are not in them. */
static const char *rounds_between(at_resolver *r, const at_frame *outer, const at_frame *inner) {
    const char *rounds = "";
    for (; inner && inner != outer; inner = inner->caller)
        rounds = at_format(r->s->arena, "%s%s", inner->rounds, rounds);
    return inner ? rounds : "";
}

bool at_formula_option(at_resolver *r, at_scope *scope, const at_tree *tree,
                       const at_function *f, at_value *result) {
    if (!at_count_inlined(r, tree)) return false;
    if (tree->count != f->count) return at_count_error(r, scope, tree, f->count);
    if (tree->option_count) {
        at_resolve_error(r, scope->frame, AT_E_OPTION_UNKNOWN, tree->options[0].span,
                         "`%s` takes index values and reals; it has no options of its own",
                         tree->name);
        return false;
    }
    at_scope inside = *scope;
    inside.frame = f->frame;
    inside.env = f->env;
    /* Here the caller's indices are as bound as those of the function that asks. */
    for (int i = 0; i < scope->frame->hidden_count; i++)
        at_scope_bind(r, &inside, scope->frame->hidden[i]);
    for (int i = 0; i < tree->count; i++) {
        at_value v = at_resolve_expr(r, scope, tree->args[i]);
        if (!v.e) return false;
        if (worth_an_array(v.e) && uses(f->value, f->parameters[i]) > 1) {
            const char *name = at_format(r->s->arena, "%s.%s", tree->name, f->parameters[i]);
            v = at_hoist(r, scope, v, at_frame_path(r, scope->frame, name), tree->args[i]->span);
        }
        inside.env = at_env_add(r, inside.env, f->parameters[i], v);
    }
    const char *rounds = f->frame->rounds;
    f->frame->rounds =
        at_format(r->s->arena, "%s%s", rounds, rounds_between(r, f->frame, scope->frame));
    *result = at_resolve_expr(r, &inside, f->value);
    f->frame->rounds = rounds;
    return result->e != NULL;
}

/* An equation for one number, such as `half = buckets // 2`. */
static bool is_scalar_equation(const at_definition *d, const at_tree_statement *st) {
    if (st->tag != AT_S_EQUATION || st->drawn || st->shared || st->target_count != 1 ||
        st->targets[0].count)
        return false;
    for (int i = 0; i < d->option_count; i++)
        if (strcmp(d->options[i].name, st->targets[0].name) == 0) return false;
    return true;
}

bool at_is_formula(const at_definition *d, const at_value *args) {
    int last = d->body.count - 1;
    if (d->input_count == 0 || d->output_count != 1 || d->outputs[0].count || last < 0)
        return false;
    for (int i = 0; i <= last; i++)
        if (!is_scalar_equation(d, d->body.items[i])) return false;
    for (int i = 0; i < d->input_count; i++)
        if (d->inputs[i].count || d->inputs[i].kind == AT_REAL || d->inputs[i].inside ||
            args[i].rank)
            return false;
    return strcmp(d->body.items[last]->targets[0].name, d->outputs[0].name) == 0;
}

bool at_formula_call(at_resolver *r, at_scope *scope, const at_tree *tree, at_frame *callee,
                     const at_value *args, at_value *result) {
    const at_definition *d = callee->definition;
    for (int i = 0; i < d->input_count; i++) {
        at_value v = args[i];
        const char *name = d->inputs[i].name;
        int used = 0;
        for (int k = 0; k < d->body.count; k++) used += uses(d->body.items[k]->value, name);
        if (worth_an_array(v.e) && used > 1)
            v = at_hoist(r, scope, v, at_frame_path(r, callee, name), tree->args[i]->span);
        callee->env = at_env_add(r, callee->env, name, v);
    }
    if (!at_bind_options(r, callee, scope, tree)) return false;
    at_scope inside = *scope;
    inside.frame = callee;
    for (int k = 0; k < d->body.count; k++) {
        const at_tree_statement *st = d->body.items[k];
        const char *name = st->targets[0].name;
        inside.env = callee->env;
        inside.name = name;
        at_value v = at_resolve_expr(r, &inside, st->value);
        if (!v.e) return false;
        *result = v;
        if (k == d->body.count - 1) break;
        if (worth_an_array(v.e))
            v = at_hoist(r, scope, v, at_frame_path(r, callee, name), st->span);
        callee->env = at_env_add(r, callee->env, name, v);
    }
    return true;
}
