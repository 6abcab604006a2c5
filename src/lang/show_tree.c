/* The tree as an indented dump: one line a node, everything that later stages can see and nothing
 * of layout. Two texts that mean the same to the resolver have the same dump. */
#include "lang/lang_int.h"

#include <inttypes.h>

static void show_tree(const at_tree *tree, int indent, at_text *out);

static void begin(at_text *out, int indent, const char *word) {
    at_text_pad(out, ' ', 2 * indent);
    at_text_add(out, word);
}

static void show_named(const char *what, const at_tree *tree, int indent, at_text *out) {
    if (!tree) return;
    begin(out, indent, what);
    at_text_add(out, "\n");
    show_tree(tree, indent + 1, out);
}

static void show_bound(const at_bound *bound, int count, at_text *out) {
    for (int i = 0; i < count; i++)
        at_text_addf(out, "%s%s%s", i ? ", " : " ", bound[i].name, bound[i].down ? " down" : "");
}

static void show_options(const at_bind *options, int count, int indent, at_text *out) {
    for (int i = 0; i < count; i++) {
        begin(out, indent, "option ");
        at_text_add(out, options[i].name);
        if (options[i].is_function) at_text_add(out, "(");
        for (int k = 0; k < options[i].count; k++)
            at_text_addf(out, "%s%s", k ? ", " : "", options[i].parameters[k]);
        at_text_add(out, options[i].is_function ? ")\n" : "\n");
        if (options[i].value) show_tree(options[i].value, indent + 1, out);
    }
}

static void show_number(const at_tree *tree, at_text *out) {
    char digits[32];
    if (!tree->is_real) {
        at_text_addf(out, "int %" PRId64, tree->integer);
        return;
    }
    at_text_real(tree->real, digits);
    at_text_addf(out, "real %s", digits);
}

static void show_parts(const at_tree *tree, int indent, at_text *out) {
    for (int i = 0; i < tree->part_count; i++) {
        begin(out, indent, "part");
        show_bound(tree->parts[i].bound, tree->parts[i].count, out);
        at_text_add(out, "\n");
        show_named("where", tree->parts[i].guard, indent + 1, out);
        show_tree(tree->parts[i].body, indent + 1, out);
    }
}

static void show_tree(const at_tree *tree, int indent, at_text *out) {
    at_text_pad(out, ' ', 2 * indent);
    switch (tree->tag) {
    case AT_T_NUMBER: show_number(tree, out); break;
    case AT_T_BOOL: at_text_add(out, tree->integer ? "true" : "false"); break;
    case AT_T_TRAINING: at_text_add(out, "training"); break;
    case AT_T_NAME: at_text_addf(out, "name %s", tree->name); break;
    case AT_T_INDEX: at_text_addf(out, "index %s", tree->name); break;
    case AT_T_KEEP: at_text_add(out, "keep"); break;
    case AT_T_CALL: at_text_addf(out, "call %s%s", tree->name, tree->has_options ? ";" : ""); break;
    case AT_T_OP:
        at_text_addf(out, "op %s%s", at_op_symbol(tree->op), tree->count == 1 ? " (unary)" : "");
        break;
    case AT_T_FOLD: at_text_addf(out, "fold %s", tree->name); break;
    }
    at_text_add(out, tree->parens ? " (in parentheses)\n" : "\n");
    for (int i = 0; i < tree->count; i++) show_tree(tree->args[i], indent + 1, out);
    show_named("else", tree->alternative, indent + 1, out);
    show_options(tree->options, tree->option_count, indent + 1, out);
    show_parts(tree, indent + 1, out);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void show_block(const at_tree_block *block, int indent, at_text *out);

static void show_target(const char *what, const at_target *target, int indent, at_text *out) {
    begin(out, indent, what);
    at_text_addf(out, " %s", target->name);
    if (target->brackets) at_text_add(out, "[");
    for (int i = 0; i < target->count; i++)
        at_text_addf(out, "%s%s", i ? ", " : "", target->axes[i] ? target->axes[i] : ":");
    if (target->brackets) at_text_add(out, "]");
    if (target->inside) at_text_addf(out, ": index %s", target->inside);
    else if (target->has_kind)
        at_text_addf(out, ": %s",
                     target->kind == AT_INT    ? "int"
                     : target->kind == AT_BOOL ? "bool"
                                               : "real");
    at_text_add(out, "\n");
    show_named("drawn", target->draw, indent + 1, out);
}

static void show_comments(const at_comments *comments, int indent, at_text *out) {
    for (int i = 0; i < comments->count; i++) {
        if (!*comments->lines[i]) continue;
        begin(out, indent, "comment ");
        at_text_addf(out, "%s\n", comments->lines[i]);
    }
    if (!comments->trailing) return;
    begin(out, indent, "trailing ");
    at_text_addf(out, "%s\n", comments->trailing);
}

static void show_axes(const at_tree_statement *st, int indent, at_text *out) {
    for (int i = 0; i < st->axis_count; i++) {
        begin(out, indent, "axis ");
        at_text_addf(out, "%s%s%s\n", st->axes[i].name, st->axes[i].like ? " as " : "",
                     st->axes[i].like ? st->axes[i].like : "");
        if (st->axes[i].extent) show_tree(st->axes[i].extent, indent + 1, out);
    }
}

static void show_assertion(const at_tree_statement *st, int indent, at_text *out) {
    begin(out, indent, "assert ");
    at_text_addf(out, "%s\n", at_op_symbol(st->op));
    show_tree(st->left, indent + 1, out);
    show_tree(st->right, indent + 1, out);
    show_named("within", st->tolerance, indent + 1, out);
}

static void show_choice(const at_tree_statement *st, int indent, at_text *out) {
    begin(out, indent, st->chained ? "if (chained)\n" : "if\n");
    show_tree(st->value, indent + 1, out);
    show_block(&st->body, indent + 1, out);
    if (!st->has_else) return;
    begin(out, indent, "else\n");
    show_block(&st->otherwise, indent + 1, out);
}

static void show_repeat(const at_tree_statement *st, int indent, at_text *out) {
    begin(out, indent, "repeat");
    at_text_addf(out, "%s%s\n", st->round ? " " : "", st->round ? st->round : "");
    show_tree(st->value, indent + 1, out);
    show_named("while", st->condition, indent + 1, out);
    show_block(&st->body, indent + 1, out);
}

static void show_statement(const at_tree_statement *st, int indent, at_text *out) {
    static const char *const words[] = {[AT_S_EQUATION] = "equation",
                                        [AT_S_NEXT] = "next",
                                        [AT_S_PARAM] = "param",
                                        [AT_S_STATE] = "state",
                                        [AT_S_COTANGENT] = "cotangent"};
    show_comments(&st->comments, indent, out);
    switch (st->tag) {
    case AT_S_EQUATION:
    case AT_S_NEXT:
    case AT_S_PARAM:
    case AT_S_STATE:
    case AT_S_COTANGENT:
        for (int i = 0; i < st->target_count; i++)
            show_target(words[st->tag], &st->targets[i], indent, out);
        if (st->value) show_named(st->drawn ? "~" : "=", st->value, indent + 1, out);
        if (!st->shared) return;
        begin(out, indent + 1, "as ");
        at_text_addf(out, "%s\n", st->shared);
        return;
    case AT_S_AXIS: show_axes(st, indent, out); return;
    case AT_S_SCAN:
        begin(out, indent, "scan");
        show_bound(st->bound, st->bound_count, out);
        at_text_add(out, "\n");
        show_block(&st->body, indent + 1, out);
        return;
    case AT_S_REPEAT: show_repeat(st, indent, out); return;
    case AT_S_IF: show_choice(st, indent, out); return;
    case AT_S_REQUIRE: show_named("require", st->value, indent, out); return;
    case AT_S_ASSERT: show_assertion(st, indent, out); return;
    }
}

static void show_lines(const char *const *lines, int count, int indent, at_text *out) {
    for (int i = 0; i < count; i++) {
        if (!*lines[i]) continue;
        begin(out, indent, "comment ");
        at_text_addf(out, "%s\n", lines[i]);
    }
}

static void show_block(const at_tree_block *block, int indent, at_text *out) {
    for (int i = 0; i < block->count; i++) show_statement(block->items[i], indent, out);
    show_lines(block->last_comments, block->last_comment_count, indent, out);
}

/* ---- definitions ----------------------------------------------------------------------------- */

static void show_definition(const at_definition *d, at_text *out) {
    show_comments(&d->comments, 0, out);
    if (d->doc) at_text_addf(out, "doc %s\n", d->doc);
    switch (d->tag) {
    case AT_D_PAPER: at_text_addf(out, "paper \"%s\" %d\n", d->name, d->year); return;
    case AT_D_USE: at_text_addf(out, d->is_path ? "use \"%s\"\n" : "use %s\n", d->name); return;
    case AT_D_FN: at_text_addf(out, "fn %s%s\n", d->name, d->is_short ? " (short)" : ""); break;
    case AT_D_LAW: at_text_addf(out, "law %s\n", d->name); break;
    }
    for (int i = 0; i < d->input_count; i++) show_target("input", &d->inputs[i], 1, out);
    show_options(d->options, d->option_count, 1, out);
    for (int i = 0; i < d->output_count; i++) show_target("output", &d->outputs[i], 1, out);
    show_block(&d->body, 1, out);
}

void at_show_tree(const at_file_tree *file, at_text *out) {
    for (int i = 0; i < file->count; i++) show_definition(file->items[i], out);
    show_lines(file->last_comments, file->last_comment_count, 0, out);
}
