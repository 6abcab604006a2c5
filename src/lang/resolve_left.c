/* A left side that names what its right side keeps. `g[t,d,e] = f(x[t])`, where f gives [d,e],
 * would say: the same f(x[t]) for every d and e of g, five axes. Nobody means that; `g[t] =
 * f(x[t])` or `g[t,:,:] = …` is meant. It is told at the equation, before anything that follows
 * from it.
 *
 * A call is looked at before it is resolved, by the names that its function declares: these may be
 * no axes of the caller at all. Any right side is looked at once it is known what it keeps. */
#include "lang/resolve_int.h"

#include <string.h>

/* ---- as text --------------------------------------------------------------------------------- */

/* "`d`, `e` and `f`": the marked axes of the target. */
static const char *marked_text(at_resolver *r, const at_target *target, const bool *marked,
                               int count) {
    const char *text = "";
    for (int i = 0, told = 0; i < target->count; i++) {
        if (!marked[i]) continue;
        const char *join = told == 0 ? "" : told + 1 < count ? ", " : " and ";
        text = at_format(r->s->arena, "%s%s`%s`", text, join, target->axes[i]);
        told++;
    }
    return text;
}

/* The target without the marked axes, or with `:` in their places. */
static const char *left_text(at_resolver *r, const at_target *target, const bool *marked,
                             bool colons) {
    const char *text = "";
    for (int i = 0; i < target->count; i++) {
        const char *axis = target->axes[i] && !marked[i] ? target->axes[i] : ":";
        if (marked[i] && !colons) continue;
        text = at_format(r->s->arena, "%s%s%s", text, *text ? "," : "", axis);
    }
    return *text ? at_format(r->s->arena, "%s[%s]", target->name, text) : target->name;
}

static at_diag *tell(at_resolver *r, const at_frame *frame, const at_target *target,
                     const bool *marked, int count, const char *who) {
    int first = 0;
    while (!marked[first]) first++;
    const char *names = marked_text(r, target, marked, count);
    at_diag *diag = at_resolve_error(
        r, frame, AT_E_LEFT_AXES, target->axis_spans[first],
        count == 1 ? "%s stands at the left of `%s`, but %s this axis itself"
                   : "%s stand at the left of `%s`, but %s these axes itself",
        names, target->name, who);
    bool last = true; /* what is kept stands at the right: then it need not be written */
    for (int i = first; i < target->count; i++) last = last && (marked[i] || !target->axes[i]);
    const char *short_form = left_text(r, target, marked, false);
    const char *long_form = left_text(r, target, marked, true);
    if (last && count == target->count)
        at_hint(r->s, diag, "write %s = …, without indices", target->name);
    else if (last) at_hint(r->s, diag, "write %s = …, or %s = …", short_form, long_form);
    else at_hint(r->s, diag, "write %s = …: a `:` stands for an axis that is kept", long_form);
    return diag;
}

/* ---- calls, by the names that are declared --------------------------------------------------- */

static bool uses_index(const at_tree *tree, const char *name);

static bool part_uses(const at_tree_part *part, const char *name) {
    for (int i = 0; i < part->count; i++)
        if (strcmp(part->bound[i].name, name) == 0) return false;
    return uses_index(part->guard, name) || uses_index(part->body, name);
}

static bool option_uses(const at_bind *option, const char *name) {
    for (int i = 0; i < option->count; i++)
        if (strcmp(option->parameters[i], name) == 0) return false;
    return uses_index(option->value, name);
}

/* Whether the index `name` of the equation stands in the tree; its size is not the index. */
static bool uses_index(const at_tree *tree, const char *name) {
    if (!tree) return false;
    if (tree->tag == AT_T_NAME) return strcmp(tree->name, name) == 0;
    bool size = tree->tag == AT_T_CALL && strcmp(tree->name, "size") == 0;
    bool found = uses_index(tree->alternative, name);
    for (int i = 0; i < tree->count && !size; i++) found = found || uses_index(tree->args[i], name);
    for (int i = 0; i < tree->option_count; i++)
        found = found || option_uses(&tree->options[i], name);
    for (int i = 0; i < tree->part_count; i++) found = found || part_uses(&tree->parts[i], name);
    return found;
}

/* The function of the language that a call means, or NULL. */
static const at_definition *called(const at_resolver *r, const at_frame *frame, const char *name) {
    const at_entity *entity = at_lookup(r, frame, name);
    if (entity) return entity->tag == AT_N_FUNCTION ? entity->function.definition : NULL;
    const at_module *where;
    bool ambiguous;
    const at_definition *d =
        at_find_definition(r->program, frame->module, name, &where, &ambiguous);
    return d && d->tag == AT_D_FN && !ambiguous ? d : NULL;
}

static bool is_axis_of(const at_target *output, const char *name) {
    for (int i = 0; i < output->count; i++)
        if (strcmp(output->axes[i], name) == 0) return true;
    return false;
}

bool at_left_of_call(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    const at_definition *d = called(r, frame, st->value->name);
    if (!d || d->output_count != st->target_count) return true;
    for (int i = 0; i < st->target_count; i++) {
        const at_target *target = &st->targets[i], *output = &d->outputs[i];
        bool *marked = AT_NEW_ARRAY(r->s->arena, bool, target->count + 1);
        int count = 0;
        for (int k = 0; k < target->count; k++) {
            const char *name = target->axes[k];
            /* An index that has a value already, of a scan or repeat, says which element is
             * written. */
            if (!name || at_env_find(frame->env, name) || !is_axis_of(output, name)) continue;
            marked[k] = !uses_index(st->value, name);
            count += marked[k];
        }
        if (!count) continue;
        at_diag *diag =
            tell(r, frame, target, marked, count, at_format(r->s->arena, "`%s` gives", d->name));
        at_note(r->s, diag, output->span, "given here");
        return false;
    }
    return true;
}

/* ---- any right side, once it is known -------------------------------------------------------- */

static size_t base_length(const at_axis *axis) { return strcspn(axis->name, "'"); }

/* Whether a kept axis is that axis, or an alias that was made of it. */
static bool same_axis(const at_axis *kept, const at_axis *axis) {
    while (kept->id < 0 && kept->like) kept = kept->like;
    if (kept == axis) return true;
    size_t length = base_length(axis);
    if (base_length(kept) != length || strncmp(kept->name, axis->name, length) != 0) return false;
    while (kept->like) kept = kept->like;
    while (axis->like) axis = axis->like;
    return kept == axis;
}

/* p[i,j] = softmax[j](s[i]): the axis of the operation, which stays at the left. */
static const char *bound_by_operation(const at_tree_statement *st, const at_target *target,
                                      const bool *marked) {
    if (!st || !st->value || st->value->tag != AT_T_FOLD) return NULL;
    for (int p = 0; p < st->value->part_count; p++)
        for (int b = 0; b < st->value->parts[p].count; b++)
            for (int i = 0; i < target->count; i++)
                if (marked[i] && strcmp(target->axes[i], st->value->parts[p].bound[b].name) == 0)
                    return target->axes[i];
    return NULL;
}

bool at_left_of_value(at_resolver *r, const at_scope *scope, const at_target *target,
                      at_axis *const *left, const at_value *v) {
    bool *marked = AT_NEW_ARRAY(r->s->arena, bool, target->count + 1);
    int count = 0;
    for (int i = 0; i < target->count; i++) {
        if (!left[i] || at_env_find(scope->frame->env, target->axes[i])) continue;
        for (int k = 0; k < v->rank && !marked[i]; k++) marked[i] = same_axis(v->axes[k], left[i]);
        marked[i] = marked[i] && !at_mentions(v->e, left[i]);
        count += marked[i];
    }
    if (!count) return true;
    at_diag *diag = tell(r, scope->frame, target, marked, count, "the right side keeps");
    const char *bound = bound_by_operation(r->statement, target, marked);
    if (bound)
        at_hint(r->s, diag, "inside `%s(…)` an array is read at `%s` where that index is written: "
                "x[…,%s]", r->statement->value->name, bound, bound);
    return false;
}
