/* From the trees of a file to which of its definitions lead to which: what a law can notice, and
 * which functions are resolved although only their callers give all their options. */
#include "check/check.h"

#include <string.h>

static int position(const at_file_tree *file, const char *name) {
    for (int i = 0; i < file->count; i++) {
        const at_definition *d = file->items[i];
        if ((d->tag == AT_D_FN || d->tag == AT_D_LAW) && strcmp(d->name, name) == 0) return i;
    }
    return -1;
}

static void use_name(const at_uses *u, int from, const char *name) {
    int to = name ? position(u->file, name) : -1;
    if (to >= 0) u->leads[from * u->file->count + to] = true;
}

static void use_tree(const at_uses *u, int from, const at_tree *tree);

/* A function is called, or passed on by its name as an option: nowhere else is a name one. */
static void use_options(const at_uses *u, int from, const at_bind *options, int count) {
    for (int i = 0; i < count; i++) {
        const at_tree *value = options[i].value;
        if (value && value->tag == AT_T_NAME) use_name(u, from, value->name);
        use_tree(u, from, value);
    }
}

static void use_tree(const at_uses *u, int from, const at_tree *tree) {
    if (!tree) return;
    if (tree->tag == AT_T_CALL) use_name(u, from, tree->name);
    for (int i = 0; i < tree->count; i++) use_tree(u, from, tree->args[i]);
    use_tree(u, from, tree->alternative);
    use_options(u, from, tree->options, tree->option_count);
    for (int i = 0; i < tree->part_count; i++) {
        use_tree(u, from, tree->parts[i].guard);
        use_tree(u, from, tree->parts[i].body);
    }
}

static void use_block(const at_uses *u, int from, const at_tree_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_tree_statement *st = block->items[i];
        use_tree(u, from, st->value);
        use_tree(u, from, st->condition);
        use_tree(u, from, st->left);
        use_tree(u, from, st->right);
        use_tree(u, from, st->tolerance);
        for (int k = 0; k < st->axis_count; k++) use_tree(u, from, st->axes[k].extent);
        use_block(u, from, &st->body);
        use_block(u, from, &st->otherwise);
    }
}

at_uses at_uses_find(at_session *s, const at_file_tree *file) {
    int n = file->count;
    at_uses u = {file, AT_NEW_ARRAY(s->arena, bool, (size_t)n * (size_t)n + 1)};
    for (int i = 0; i < n; i++) {
        const at_definition *d = file->items[i];
        use_options(&u, i, d->options, d->option_count);
        for (int k = 0; k < d->input_count; k++) use_tree(&u, i, d->inputs[k].draw);
        use_block(&u, i, &d->body);
    }
    for (int via = 0; via < n; via++)
        for (int i = 0; i < n; i++)
            for (int k = 0; k < n && u.leads[i * n + via]; k++)
                if (u.leads[via * n + k]) u.leads[i * n + k] = true;
    return u;
}

bool at_uses_lead(const at_uses *uses, const at_definition *from, const at_definition *to) {
    int i = position(uses->file, from->name), k = position(uses->file, to->name);
    return i >= 0 && k >= 0 && uses->leads[i * uses->file->count + k];
}
