/* Whether a value is a real, an int or a bool, as far as the tree alone tells. The resolver knows
 * it exactly, but only for a whole call; here a guess is enough: it decides which change of a
 * comparison is the subtle one (`<=` to `<` between indices, which reals never notice; another
 * threshold between reals). A wrong guess makes a duller mutant, never a wrong program. */
#include "check/mutant_int.h"

#include <string.h>

enum { UNKNOWN = -1 };

static int known_kind(const at_map *map, const char *name) {
    const int *kind = at_map_get(map, name);
    return kind ? *kind : UNKNOWN;
}

/* Of two that meet: a real makes both real, and one that is not known follows the other. */
static int joined(int a, int b) {
    return a > b ? a : b;
}

static int operation_kind(const at_mutation *m, at_op op, at_tree *const *args, int count) {
    switch (at_op_info(op)->rule) {
    case AT_RULE_REAL:
    case AT_RULE_TO_REAL: return AT_REAL;
    case AT_RULE_INT:
    case AT_RULE_TO_INT: return AT_INT;
    case AT_RULE_COMPARE:
    case AT_RULE_LOGIC: return AT_BOOL;
    case AT_RULE_SAME:
    case AT_RULE_CHOOSE: break;
    }
    int kind = UNKNOWN;
    for (int i = op == AT_OP_IF; i < count; i++) kind = joined(kind, at_tree_kind(m, args[i]));
    return kind;
}

static int call_kind(const at_mutation *m, const at_tree *tree) {
    int op = at_op_find(tree->name);
    if (op >= 0) return operation_kind(m, (at_op)op, tree->args, tree->count);
    if (strcmp(tree->name, "size") == 0) return AT_INT;
    if (strcmp(tree->name, "grad") == 0) return AT_REAL;
    if (strcmp(tree->name, "bernoulli") == 0) return AT_BOOL;
    if (at_draw_find(tree->name) >= 0) return AT_REAL;
    if (strcmp(tree->name, "table") != 0) return known_kind(&m->kinds, tree->name);
    int kind = UNKNOWN;
    for (int i = 0; i < tree->count; i++) kind = joined(kind, at_tree_kind(m, tree->args[i]));
    return kind;
}

static int fold_kind(const at_mutation *m, const at_tree *tree) {
    switch (at_fold_info((at_fold)at_fold_find(tree->name))->gives) {
    case AT_GIVES_REAL: return AT_REAL;
    case AT_GIVES_INT: return AT_INT;
    case AT_GIVES_BOOL: return AT_BOOL;
    case AT_GIVES_SAME: break;
    }
    return at_tree_kind(m, tree->parts[0].body);
}

int at_tree_kind(const at_mutation *m, const at_tree *tree) {
    switch (tree->tag) {
    case AT_T_NUMBER: return tree->is_real ? AT_REAL : AT_INT;
    case AT_T_BOOL:
    case AT_T_TRAINING: return AT_BOOL;
    case AT_T_NAME:
    case AT_T_INDEX: return known_kind(&m->kinds, tree->name);
    case AT_T_KEEP: return UNKNOWN;
    case AT_T_CALL: return call_kind(m, tree);
    case AT_T_OP: return operation_kind(m, tree->op, tree->args, tree->count);
    case AT_T_FOLD: return fold_kind(m, tree);
    }
    return UNKNOWN;
}

/* ---- the names of a function ----------------------------------------------------------------- */

static void put(at_mutation *m, const char *name, int kind) {
    static const int kinds[] = {[AT_BOOL] = AT_BOOL, [AT_INT] = AT_INT, [AT_REAL] = AT_REAL};
    if (!name || kind == UNKNOWN) return;
    at_map_put(m->s->arena, &m->kinds, name,
               (void *)&kinds[joined(kind, known_kind(&m->kinds, name))]);
}

static void put_axes(at_mutation *m, const at_target *target) {
    for (int i = 0; i < target->count; i++) put(m, target->axes[i], AT_INT);
}

static void put_bound(at_mutation *m, const at_bound *bound, int count) {
    for (int i = 0; i < count; i++) put(m, bound[i].name, AT_INT);
}

/* The axes that folds bind, at any depth. */
static void put_folds(at_mutation *m, const at_tree *tree) {
    if (!tree) return;
    for (int i = 0; i < tree->count; i++) put_folds(m, tree->args[i]);
    put_folds(m, tree->alternative);
    for (int i = 0; i < tree->option_count; i++) put_folds(m, tree->options[i].value);
    for (int i = 0; i < tree->part_count; i++) {
        put_bound(m, tree->parts[i].bound, tree->parts[i].count);
        put_folds(m, tree->parts[i].guard);
        put_folds(m, tree->parts[i].body);
    }
}

static int declared_kind(const at_target *target, int otherwise) {
    return target->inside ? AT_INT : target->has_kind ? (int)target->kind : otherwise;
}

static void put_statement(at_mutation *m, const at_tree_statement *st);

static void put_block(at_mutation *m, const at_tree_block *block) {
    for (int i = 0; i < block->count; i++) put_statement(m, block->items[i]);
}

static void put_statement(at_mutation *m, const at_tree_statement *st) {
    put_folds(m, st->value);
    put_folds(m, st->condition);
    put(m, st->round, AT_INT);
    put_bound(m, st->bound, st->bound_count);
    for (int i = 0; i < st->axis_count; i++) {
        put(m, st->axes[i].name, AT_INT);
        if (st->axes[i].extent) at_map_put(m->s->arena, &m->declared, st->axes[i].name, m);
    }
    for (int i = 0; i < st->target_count; i++) {
        put_axes(m, &st->targets[i]);
        int kind = st->target_count == 1 && st->value ? at_tree_kind(m, st->value) : UNKNOWN;
        put(m, st->targets[i].name, declared_kind(&st->targets[i], kind));
    }
    put_block(m, &st->body);
    put_block(m, &st->otherwise);
}

void at_find_kinds(at_mutation *m, const at_definition *d) {
    m->kinds = m->declared = (at_map){0};
    for (int i = 0; i < d->input_count; i++) {
        put_axes(m, &d->inputs[i]);
        put(m, d->inputs[i].name, declared_kind(&d->inputs[i], AT_REAL));
    }
    for (int i = 0; i < d->option_count; i++)
        if (d->options[i].value) put(m, d->options[i].name, at_tree_kind(m, d->options[i].value));
    for (int i = 0; i < d->output_count; i++) put_axes(m, &d->outputs[i]);
    put_block(m, &d->body);
}
