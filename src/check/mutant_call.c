/* Mutants of calls: an elementwise function left out, arguments swapped, an option left at its
 * default.
 *
 * What a call of a user's function means is looked up in the program, so that only options that
 * have a default and are seen by laws are left out, and only arguments of one shape are swapped. */
#include "check/mutant_int.h"

#include <string.h>

/* ---- built-in functions ---------------------------------------------------------------------- */

/* A table of many numbers is one thing: a law that sees its ends sees the rest. */
static void mutate_table(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    enum { FEW = 4 };
    for (int i = 0; i < tree->count; i++)
        if (tree->count <= FEW || i == 0 || i + 1 == tree->count)
            at_mutate_tree(m, tree->args[i], place);
}

static void without_function(at_mutation *m, const at_tree *tree) {
    at_mutate(m, tree, tree->args[0], tree->span, "without `%s`", tree->name);
}

static void mutate_built_in(at_mutation *m, const at_tree *tree, at_op op, at_mutant_place place) {
    if (op == AT_OP_MIN || op == AT_OP_MAX) {
        for (int i = 0; i < 2; i++) {
            at_tree *kept = tree->args[1 - i];
            if (!at_is_literal(kept) && !(place.values && at_is_literal(tree->args[i])))
                at_mutate(m, tree, kept, tree->span, "`%s` becomes `%s`", at_tree_text(m->s, tree),
                          at_tree_text(m->s, kept));
        }
    } else if (op == AT_OP_ATAN2) {
        at_tree *swapped = at_copy_tree(m->s, tree);
        swapped->args = AT_NEW_ARRAY(m->s->arena, at_tree *, 2);
        swapped->args[0] = tree->args[1];
        swapped->args[1] = tree->args[0];
        at_mutate(m, tree, swapped, tree->span, "the arguments of `atan2` swapped");
    } else if (op != AT_OP_TO_REAL && op != AT_OP_TO_INT && op != AT_OP_IPOW) {
        without_function(m, tree);
    }
    place.even = op == AT_OP_ABS;
    for (int i = 0; i < tree->count; i++) at_mutate_tree(m, tree->args[i], place);
}

/* ---- functions of the program ---------------------------------------------------------------- */

/* The function that is called; one that is an option means its default. */
static const at_definition *called(const at_mutation *m, const char *name) {
    const at_definition *here = m->file->items[m->item];
    for (int i = 0; i < here->option_count; i++) {
        if (strcmp(here->options[i].name, name) != 0) continue;
        const at_tree *value = here->options[i].value;
        if (here->options[i].is_function || !value || value->tag != AT_T_NAME) return NULL;
        return at_program_function(m->program, value->name);
    }
    return at_program_function(m->program, name);
}

static bool may_swap(const at_target *a, const at_target *b) {
    return a->count == b->count && a->has_kind == b->has_kind && a->kind == b->kind && !a->inside &&
           !b->inside;
}

static void swap_arguments(at_mutation *m, const at_tree *tree, const at_definition *d) {
    for (int i = 0; i + 1 < tree->count && i + 1 < d->input_count; i++) {
        at_tree *a = tree->args[i], *b = tree->args[i + 1];
        if (!may_swap(&d->inputs[i], &d->inputs[i + 1]) || at_same_tree(a, b)) continue;
        at_tree *swapped = at_copy_tree(m->s, tree);
        swapped->args = at_copy(m->s->arena, tree->args, sizeof *tree->args * (size_t)tree->count);
        swapped->args[i] = b;
        swapped->args[i + 1] = a;
        at_mutate(m, tree, swapped, at_span_join(a->span, b->span), "`%s` and `%s` swapped",
                  at_tree_text(m->s, a), at_tree_text(m->s, b));
    }
}

static bool same_axes(const at_target *a, const at_target *b) {
    if (a->count != b->count || a->has_kind || a->inside) return false;
    for (int i = 0; i < a->count; i++)
        if (strcmp(a->axes[i], b->axes[i]) != 0) return false;
    return true;
}

/* norm(x[n,d]) -> y[n,d] may be left out: x + mlp(norm(x)) still fits. */
static bool keeps_shape(const at_definition *d) {
    return d->input_count == 1 && d->output_count == 1 && same_axes(&d->inputs[0], &d->outputs[0]);
}

static const at_bind *declared_option(const at_definition *d, const char *name) {
    for (int i = 0; i < d->option_count; i++)
        if (strcmp(d->options[i].name, name) == 0) return &d->options[i];
    return NULL;
}

static void without_option(at_mutation *m, const at_tree *tree, int option) {
    at_tree *shorter = at_copy_tree(m->s, tree);
    shorter->option_count--;
    shorter->has_options = shorter->option_count > 0;
    shorter->options = AT_NEW_ARRAY(m->s->arena, at_bind, tree->option_count);
    at_move(shorter->options, tree->options, sizeof(at_bind) * (size_t)option);
    at_move(shorter->options + option, tree->options + option + 1,
            sizeof(at_bind) * (size_t)(shorter->option_count - option));
    const at_bind *given = &tree->options[option];
    at_span span = given->value ? at_span_join(given->span, given->value->span) : given->span;
    at_mutate(m, tree, shorter, span, "without the option `%s` of `%s`", given->name, tree->name);
}

static void mutate_option(at_mutation *m, const at_tree *tree, int option, const at_definition *d,
                          at_mutant_place place) {
    const at_bind *given = &tree->options[option];
    const at_bind *declared = d ? declared_option(d, given->name) : NULL;
    if (declared && declared->value && given->value &&
        !at_same_tree(given->value, declared->value) && !at_only_starts(m, d, given->name))
        without_option(m, tree, option);
    /* An int given as a plain option may be an extent, a count, or what ends a recursion. */
    if (given->value && (given->is_function || at_tree_kind(m, given->value) != AT_INT))
        at_mutate_tree(m, given->value,
                       (at_mutant_place){.values = given->is_function, .guarded = place.guarded});
}

static void mutate_user_call(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    const at_definition *d = called(m, tree->name);
    if (d) swap_arguments(m, tree, d);
    if (d && keeps_shape(d) && tree->count == 1 && !place.call) without_function(m, tree);
    for (int i = 0; i < tree->count; i++) {
        bool ints = d && i < d->input_count && (d->inputs[i].inside || d->inputs[i].has_kind);
        at_mutate_tree(m, tree->args[i],
                       (at_mutant_place){.values = !ints, .guarded = place.guarded});
    }
    for (int i = 0; i < tree->option_count; i++) mutate_option(m, tree, i, d, place);
}

void at_mutate_call(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    int op = at_op_find(tree->name);
    if (strcmp(tree->name, "size") == 0 || strcmp(tree->name, "grad") == 0) return;
    if (strcmp(tree->name, "table") == 0) {
        mutate_table(m, tree, place);
    } else if (op >= 0) {
        place.droppable = place.call = false;
        mutate_built_in(m, tree, (at_op)op, place);
    } else if (at_draw_find(tree->name) >= 0) {
        for (int i = 0; i < tree->count; i++)
            at_mutate_tree(m, tree->args[i], (at_mutant_place){.values = true});
    } else {
        mutate_user_call(m, tree, place);
    }
}
