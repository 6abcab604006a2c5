/* Expressions in canonical layout. Parentheses that were written stay; those that the tree needs
 * and does not have are added, so a tree made by hand prints rightly too.
 *
 * Spaces: around two-sided operators but `^`; none in a fraction `1/n`; inside an index none
 * between two plain operands (`x[t-1]`, `x[y*8 + u]`). Commas: none behind them in lists of plain
 * indices (`q[i,d]`), one elsewhere. */
#include "lang/lang_int.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { LEVEL_ANY = 10, LEVEL_SUM = 60, LEVEL_NEG = 80, LEVEL_POW = 90, LEVEL_LEAF = 100 };

static void add(at_line *line, const char *piece) { at_text_add(&line->text, piece); }

static bool is_negative(const at_tree *tree) {
    if (tree->tag != AT_T_NUMBER || tree->name) return false;
    return tree->is_real ? signbit(tree->real) && !isnan(tree->real) : tree->integer < 0;
}

static int level_of(const at_tree *tree) {
    if (tree->tag == AT_T_OP) return at_op_level(tree->op);
    return is_negative(tree) ? LEVEL_NEG : LEVEL_LEAF;
}

static void write(at_line *line, const at_tree *tree, int level, int depth, bool index);

/* ---- leaves ---------------------------------------------------------------------------------- */

/* Numbers of trees that were not parsed have no spelling. */
static void write_number(at_line *line, const at_tree *tree) {
    char digits[40];
    if (tree->name) {
        add(line, tree->name);
    } else if (!tree->is_real) {
        if (tree->integer == INT64_MIN) add(line, "(-9223372036854775807 - 1)");
        else at_text_addf(&line->text, "%" PRId64, tree->integer);
    } else if (isnan(tree->real)) {
        add(line, "(inf - inf)");
    } else {
        at_text_real(tree->real, digits);
        add(line, digits);
    }
}

static bool is_plain(const at_tree *tree) {
    return !tree->parens &&
           (tree->tag == AT_T_NAME || (tree->tag == AT_T_NUMBER && !is_negative(tree)));
}

static bool is_shift(const at_tree *tree) {
    return tree->tag == AT_T_OP && !tree->parens &&
           (tree->op == AT_OP_ADD || tree->op == AT_OP_SUB) && is_plain(tree->args[0]) &&
           is_plain(tree->args[1]);
}

/* i, 3, :, t-1: what needs no space behind its comma. */
static bool is_simple_index(const at_tree *tree) {
    return tree->tag == AT_T_KEEP || is_plain(tree) || is_shift(tree);
}

static void write_index(at_line *line, const at_tree *tree, int depth) {
    bool simple = !tree->alternative || is_simple_index(tree->alternative);
    for (int i = 0; i < tree->count; i++) simple = simple && is_simple_index(tree->args[i]);
    at_line_name(line, tree->name);
    add(line, "[");
    for (int i = 0; i < tree->count; i++) {
        if (i) add(line, ",");
        if (i && !simple) at_line_break(line, depth + 2);
        write(line, tree->args[i], LEVEL_ANY, depth + 3, true);
    }
    if (tree->alternative) {
        add(line, " |");
        at_line_break(line, depth + 1);
        write(line, tree->alternative, LEVEL_ANY, depth + 3, true);
    }
    add(line, "]");
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Reserved words that are called like functions. */
static bool is_called_word(const at_tree *tree) {
    static const char *const words[] = {"size", "stop", "grad", "max", "min"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(tree->name, words[i]) == 0) return i < 3 || tree->count != 1;
    return false;
}

void at_line_options(at_line *line, const at_bind *options, int count, int depth) {
    for (int i = 0; i < count; i++) {
        const at_bind *option = &options[i];
        if (i) {
            add(line, ",");
            at_line_break(line, depth);
        }
        at_line_name(line, option->name);
        if (option->is_function) add(line, "(");
        for (int k = 0; k < option->count; k++) {
            if (k) add(line, ",");
            at_line_name(line, option->parameters[k]);
        }
        if (option->is_function) add(line, ")");
        if (!option->value) continue;
        add(line, " =");
        at_line_break(line, depth + 4);
        /* A choice is broken after the options around it. */
        bool choice = option->value->tag == AT_T_OP && option->value->op == AT_OP_IF;
        write(line, option->value, LEVEL_ANY, choice ? depth + 3 : depth + 1, false);
    }
}

static void write_call(at_line *line, const at_tree *tree, int depth) {
    if (is_called_word(tree)) add(line, tree->name);
    else at_line_name(line, tree->name);
    add(line, "(");
    for (int i = 0; i < tree->count; i++) {
        if (i) {
            add(line, ",");
            at_line_break(line, depth + 2);
        }
        write(line, tree->args[i], LEVEL_ANY, depth + 3, false);
    }
    if (tree->has_options || tree->option_count) {
        add(line, ";");
        if (tree->option_count) at_line_break(line, depth + 1);
        at_line_options(line, tree->options, tree->option_count, depth + 2);
    }
    add(line, ")");
}

/* ---- operations over axes -------------------------------------------------------------------- */

static void write_bound(at_line *line, const at_bound *bound, int count) {
    bool down = false;
    for (int i = 0; i < count; i++) down = down || bound[i].down;
    for (int i = 0; i < count; i++) {
        if (i) add(line, down ? ", " : ",");
        at_line_name(line, bound[i].name);
        if (bound[i].down) add(line, " down");
    }
}

static void write_fold(at_line *line, const at_tree *tree, int depth) {
    add(line, tree->name);
    add(line, "[");
    for (int i = 0; i < tree->part_count; i++) {
        const at_tree_part *part = &tree->parts[i];
        if (i) {
            add(line, ";");
            at_line_break(line, depth + 1);
        }
        write_bound(line, part->bound, part->count);
        if (!part->guard) continue;
        add(line, " where");
        at_line_break(line, depth + 2);
        write(line, part->guard, LEVEL_ANY, depth + 3, false);
    }
    add(line, "](");
    for (int i = 0; i < tree->part_count; i++) {
        if (i) {
            add(line, ";");
            at_line_break(line, depth + 1);
        }
        write(line, tree->parts[i].body, LEVEL_ANY, depth + 2, false);
    }
    add(line, ")");
}

/* ---- operators ------------------------------------------------------------------------------- */

static bool is_tight(const at_tree *tree, bool index) {
    const at_tree *a = tree->args[0], *b = tree->args[1];
    if (tree->op == AT_OP_POW) return true;
    if (tree->op == AT_OP_DIV)
        return a->tag == AT_T_NUMBER && !a->parens && !is_negative(a) &&
               (b->parens || level_of(b) == LEVEL_LEAF || level_of(b) <= at_op_level(AT_OP_DIV));
    return index && is_plain(a) && is_plain(b) &&
           (tree->op == AT_OP_ADD || tree->op == AT_OP_SUB || tree->op == AT_OP_MUL ||
            tree->op == AT_OP_IDIV);
}

static void write_binary(at_line *line, const at_tree *tree, int depth, bool index) {
    int level = at_op_level(tree->op);
    bool power = tree->op == AT_OP_POW, compare = level == at_op_level(AT_OP_EQ);
    const at_tree *left = tree->args[0];
    /* The terms of a chain are all as deep: a + b + c breaks at either sign. */
    bool chain = left->tag == AT_T_OP && !left->parens && left->count == 2 && !power && !compare &&
                 at_op_level(left->op) == level;
    write(line, left, power || compare ? level + 1 : level, chain ? depth : depth + 1, index);
    bool tight = is_tight(tree, index);
    if (!tight) add(line, " ");
    add(line, at_op_symbol(tree->op));
    if (!tight) at_line_break(line, depth);
    write(line, tree->args[1], power ? LEVEL_NEG : level + 1, depth + 1, index);
}

static void write_choice(at_line *line, const at_tree *tree, int depth) {
    add(line, "if ");
    write(line, tree->args[0], LEVEL_ANY, depth + 2, false);
    at_line_break(line, depth + 1);
    add(line, "then ");
    write(line, tree->args[1], LEVEL_ANY, depth + 2, false);
    at_line_break(line, depth);
    add(line, "else ");
    write(line, tree->args[2], LEVEL_ANY, depth, false);
}

static void write_operation(at_line *line, const at_tree *tree, int depth, bool index) {
    index = index && at_op_level(tree->op) >= LEVEL_SUM;
    if (tree->op == AT_OP_IF) {
        write_choice(line, tree, depth);
    } else if (tree->count == 2) {
        write_binary(line, tree, depth, index);
    } else {
        add(line, tree->op == AT_OP_NOT ? "not " : "-");
        write(line, tree->args[0], at_op_level(tree->op), depth + 1, index);
    }
}

/* `level`: what binds less tightly gets parentheses. `index`: stands in an index. */
static void write(at_line *line, const at_tree *tree, int level, int depth, bool index) {
    bool parens = tree->parens || level_of(tree) < level;
    if (parens) {
        add(line, "(");
        depth++;
    }
    switch (tree->tag) {
    case AT_T_NUMBER: write_number(line, tree); break;
    case AT_T_BOOL: add(line, tree->integer ? "true" : "false"); break;
    case AT_T_TRAINING: add(line, "training"); break;
    case AT_T_NAME: at_line_name(line, tree->name); break;
    case AT_T_INDEX: write_index(line, tree, depth); break;
    case AT_T_KEEP: add(line, ":"); break;
    case AT_T_CALL: write_call(line, tree, depth); break;
    case AT_T_OP: write_operation(line, tree, depth, index); break;
    case AT_T_FOLD: write_fold(line, tree, depth); break;
    }
    if (parens) add(line, ")");
}

void at_line_expression(at_line *line, const at_tree *tree, int depth) {
    write(line, tree, LEVEL_ANY, depth, false);
}

void at_line_sum(at_line *line, const at_tree *tree, int depth) {
    write(line, tree, LEVEL_SUM, depth, false);
}

void at_line_target(at_line *line, const at_target *target, int depth) {
    at_line_name(line, target->name);
    if (target->brackets) add(line, "[");
    for (int i = 0; i < target->count; i++) {
        if (i) add(line, ",");
        if (target->axes[i]) at_line_name(line, target->axes[i]);
        else add(line, ":");
    }
    if (target->brackets) add(line, "]");
    if (target->inside) {
        add(line, ": index ");
        at_line_name(line, target->inside);
    } else if (target->has_kind) {
        static const char *const kinds[] = {
            [AT_BOOL] = ": bool", [AT_INT] = ": int", [AT_REAL] = ": real"};
        add(line, kinds[target->kind]);
    }
    if (!target->draw) return;
    add(line, " ~ ");
    write(line, target->draw, LEVEL_ANY, depth, false);
}

void at_format_expr(const at_tree *tree, at_text *out) {
    at_line line = {0};
    write(&line, tree, LEVEL_ANY, 1, false);
    for (size_t i = 0; i < line.text.length; i++)
        if ((unsigned char)line.text.data[i] < ' ') line.text.data[i] = ' ';
    at_text_add_n(out, line.text.data, line.text.length);
    at_text_free(&line.text);
}
