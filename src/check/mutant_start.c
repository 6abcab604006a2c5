/* Options that laws do not see, as laws see how params begin: `bias = false` of a linear map takes
 * away a param that begins at 0, and `gain = 2` only says how another is drawn. */
#include "check/mutant_int.h"

#include <string.h>

/* How a function uses one of its options. */
typedef struct {
    const at_mutation *m;
    const char *name;
    int depth;
    bool starts; /* it decides whether there is a param that begins as a constant, or how one is drawn */
    bool more;   /* it does something else */
} option_use;

static bool only_starts(const at_mutation *m, const at_definition *d, const char *name, int depth);

static void see_tree(option_use *use, const at_tree *tree) {
    if (!tree) return;
    bool named = tree->tag == AT_T_NAME || tree->tag == AT_T_CALL;
    if (named && strcmp(tree->name, use->name) == 0) use->more = true;
    for (int i = 0; i < tree->count; i++) see_tree(use, tree->args[i]);
    see_tree(use, tree->alternative);
    for (int i = 0; i < tree->option_count; i++) {
        const at_tree *value = tree->options[i].value;
        bool passed = value && value->tag == AT_T_NAME && strcmp(value->name, use->name) == 0;
        const at_definition *to = passed ? at_program_function(use->m->program, tree->name) : NULL;
        if (to && only_starts(use->m, to, tree->options[i].name, use->depth + 1))
            use->starts = true;
        else see_tree(use, value);
    }
    for (int i = 0; i < tree->part_count; i++) {
        see_tree(use, tree->parts[i].guard);
        see_tree(use, tree->parts[i].body);
    }
}

/* Any use in a draw of a param is a start. */
static void see_draw(option_use *use, const at_tree *draw) {
    option_use here = *use;
    here.more = false;
    see_tree(&here, draw);
    use->starts = use->starts || here.starts || here.more;
}

static bool has_start(const at_tree_block *block) {
    for (int i = 0; i < block->count; i++)
        if (block->items[i]->tag == AT_S_PARAM && !block->items[i]->drawn) return true;
    return false;
}

static void see_block(option_use *use, const at_tree_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_tree_statement *st = block->items[i];
        if (st->tag == AT_S_IF && st->value->tag == AT_T_NAME &&
            strcmp(st->value->name, use->name) == 0 && has_start(&st->body))
            use->starts = true;
        else if (st->tag == AT_S_PARAM && st->drawn) see_draw(use, st->value);
        else see_tree(use, st->value);
        see_tree(use, st->condition);
        for (int k = 0; k < st->axis_count; k++) see_tree(use, st->axes[k].extent);
        see_block(use, &st->body);
        see_block(use, &st->otherwise);
    }
}

static bool only_starts(const at_mutation *m, const at_definition *d, const char *name, int depth) {
    enum { DEEPEST = 8 };
    if (depth > DEEPEST) return false;
    option_use use = {.m = m, .name = name, .depth = depth};
    for (int i = 0; i < d->option_count; i++) see_tree(&use, d->options[i].value);
    see_block(&use, &d->body);
    return use.starts && !use.more;
}

bool at_only_starts(const at_mutation *m, const at_definition *d, const char *option) {
    return only_starts(m, d, option, 0);
}
