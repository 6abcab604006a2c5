/* The one canonical layout of a program: two spaces a level, at most one empty line between
 * statements and just one around functions, comments where they stood.
 *
 * A block of one statement stays on the line of its header when it was written so and fits; that is
 * the author's choice, as are empty lines and parentheses. All else depends on the tree alone. */
#include "lang/lang_int.h"

#include <string.h>

enum { STEP = 2, EQUATION_BREAK = 3 };

static void format_block(const at_tree_block *block, int indent, at_text *out);

static void add(at_line *line, const char *piece) { at_text_add(&line->text, piece); }

static void add_comment_lines(const char *const *lines, int count, int indent, bool first,
                              at_text *out) {
    for (int i = 0; i < count; i++) {
        bool empty = !*lines[i];
        if (empty && first && i == 0) continue;
        if (!empty) at_text_pad(out, ' ', indent);
        at_text_addf(out, "%s\n", lines[i]);
    }
}

static void end_line(const char *trailing, at_text *out) {
    if (trailing) at_text_addf(out, "  %s", trailing);
    at_text_add(out, "\n");
}

/* ---- statements without a block -------------------------------------------------------------- */

static void add_targets(at_line *line, const at_target *targets, int count) {
    for (int i = 0; i < count; i++) {
        if (i) {
            add(line, ",");
            at_line_break(line, EQUATION_BREAK);
        }
        at_line_target(line, &targets[i], EQUATION_BREAK);
    }
}

/* What follows = or ~: value, as path. */
static void add_right_side(at_line *line, const at_tree_statement *st) {
    at_line_break(line, EQUATION_BREAK);
    at_line_expression(line, st->value, 1);
    if (!st->shared) return;
    add(line, " as ");
    at_line_name(line, st->shared);
}

static void add_axes(at_line *line, const at_tree_statement *st) {
    add(line, "axis ");
    for (int i = 0; i < st->axis_count; i++) {
        const at_axis_declaration *axis = &st->axes[i];
        if (i) {
            add(line, ",");
            at_line_break(line, 1);
        }
        at_line_name(line, axis->name);
        if (axis->extent) {
            add(line, " =");
            at_line_break(line, EQUATION_BREAK + 1);
            at_line_expression(line, axis->extent, 2);
        } else {
            add(line, " as ");
            at_line_name(line, axis->like);
        }
    }
}

static void add_bound(at_line *line, const at_tree_statement *st) {
    for (int i = 0; i < st->bound_count; i++) {
        if (i) {
            add(line, ",");
            at_line_break(line, 1);
        }
        at_line_name(line, st->bound[i].name);
        if (st->bound[i].down) add(line, " down");
    }
}

/* `while` cannot begin a line, so only its condition breaks. */
static void add_repeat(at_line *line, const at_tree_statement *st) {
    add(line, "repeat ");
    if (st->round) {
        at_line_name(line, st->round);
        add(line, " < ");
    }
    at_line_sum(line, st->value, 2);
    if (!st->condition) return;
    add(line, " while ");
    at_line_expression(line, st->condition, 1);
}

static void add_assertion(at_line *line, const at_tree_statement *st) {
    at_line_sum(line, st->left, 2);
    at_text_addf(&line->text, " %s", at_op_symbol(st->op));
    at_line_break(line, 1);
    at_line_sum(line, st->right, 2);
    if (!st->tolerance) return;
    add(line, " within ");
    at_line_sum(line, st->tolerance, EQUATION_BREAK);
}

/* A statement up to where its block begins. */
static void add_statement(at_line *line, const at_tree_statement *st) {
    switch (st->tag) {
    case AT_S_EQUATION: break;
    case AT_S_NEXT: add(line, "next "); break;
    case AT_S_PARAM: add(line, "param "); break;
    case AT_S_STATE: add(line, "state "); break;
    case AT_S_COTANGENT: add(line, "cotangent "); break;
    case AT_S_AXIS: add_axes(line, st); return;
    case AT_S_ASSERT: add_assertion(line, st); return;
    case AT_S_REPEAT: add_repeat(line, st); return;
    case AT_S_SCAN:
        add(line, "scan ");
        add_bound(line, st);
        return;
    case AT_S_IF:
    case AT_S_REQUIRE:
        add(line, st->tag == AT_S_IF ? "if " : "require ");
        at_line_expression(line, st->value, 1);
        return;
    }
    add_targets(line, st->targets, st->target_count);
    if (!st->value) return;
    add(line, st->drawn ? " ~" : " =");
    add_right_side(line, st);
}

/* ---- blocks on one line ---------------------------------------------------------------------- */

static bool has_block(const at_tree_statement *st) {
    return st->tag == AT_S_SCAN || st->tag == AT_S_REPEAT || st->tag == AT_S_IF;
}

static bool was_on_one_line(const at_tree_block *block) {
    const at_span *span = &block->span;
    if (!span->source || !span->source->text) return false;
    return !memchr(span->source->text + span->begin, '\n', span->end - span->begin);
}

static bool is_empty(const at_tree_block *block) {
    return block->count == 0 && block->last_comment_count == 0;
}

/* Adds the block to its header's line; false when it needs lines of its own. */
static bool add_inline_block(at_line *line, const at_tree_block *block) {
    if (is_empty(block)) {
        add(line, " { }");
        return true;
    }
    if (block->count != 1 || block->last_comment_count || has_block(block->items[0]) ||
        block->items[0]->comments.count || block->items[0]->comments.trailing ||
        !was_on_one_line(block))
        return false;
    add(line, " { ");
    add_statement(line, block->items[0]);
    add(line, " }");
    return true;
}

/* The whole statement with all its blocks, where each of them may stand on one line. */
static bool add_inline(at_line *line, const at_tree_statement *st) {
    add_statement(line, st);
    if (!has_block(st)) return true;
    if (!add_inline_block(line, &st->body)) return false;
    if (!st->has_else) return true;
    add(line, " else");
    if (st->otherwise.count == 1 && st->otherwise.items[0]->chained) {
        add(line, " ");
        return add_inline(line, st->otherwise.items[0]);
    }
    return add_inline_block(line, &st->otherwise);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void format_choice(const at_tree_statement *st, int indent, at_text *out) {
    format_block(&st->body, indent, out);
    if (!st->has_else) return;
    if (st->otherwise.count == 1 && st->otherwise.items[0]->chained) {
        const at_tree_statement *inner = st->otherwise.items[0];
        at_line line = {0};
        add(&line, "} else ");
        add_statement(&line, inner);
        add(&line, " {");
        /* The brace that format_block wrote is written again as part of this line. */
        while (out->length && out->data[out->length - 1] != '\n') out->data[--out->length] = 0;
        at_line_flush(&line, indent, out);
        at_text_add(out, "\n");
        format_choice(inner, indent, out);
    } else {
        at_text_add(out, " else {\n");
        format_block(&st->otherwise, indent, out);
    }
}

/* A table in rows; false when it has none, and nothing is written. */
static bool format_rows(const at_tree_statement *st, int indent, at_text *out) {
    if (st->tag != AT_S_EQUATION || st->drawn || !at_is_table(st->value)) return false;
    at_line line = {0};
    add_targets(&line, st->targets, st->target_count);
    add(&line, " =");
    bool good = at_format_table(&line, st->value, indent, out);
    at_text_free(&line.text);
    return good;
}

static void format_statement(const at_tree_statement *st, int indent, at_text *out) {
    at_line line = {0};
    add_comment_lines(st->comments.lines, st->comments.count, indent, true, out);
    if (format_rows(st, indent, out)) {
        end_line(st->comments.trailing, out);
        return;
    }
    if (add_inline(&line, st) && (!has_block(st) || at_line_fits(&line, indent))) {
        at_line_flush(&line, indent, out);
    } else {
        at_text_free(&line.text);
        add_statement(&line, st);
        add(&line, " {");
        at_line_flush(&line, indent, out);
        at_text_add(out, "\n");
        format_choice(st, indent, out);
    }
    end_line(st->comments.trailing, out);
}

/* The lines of a block and its closing brace, whose line is left open. */
static void format_block(const at_tree_block *block, int indent, at_text *out) {
    for (int i = 0; i < block->count; i++) {
        if (i && block->items[i]->comments.blank) at_text_add(out, "\n");
        format_statement(block->items[i], indent + STEP, out);
    }
    add_comment_lines(block->last_comments, block->last_comment_count, indent + STEP,
                      block->count == 0, out);
    at_text_pad(out, ' ', indent);
    at_text_add(out, "}");
}

/* ---- definitions ----------------------------------------------------------------------------- */

static void add_string(at_line *line, const char *text) {
    add(line, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') add(line, "\\");
        at_text_add_n(&line->text, text, 1);
    }
    add(line, "\"");
}

static void add_header(at_line *line, const at_definition *d) {
    add(line, d->tag == AT_D_LAW ? "law " : "fn ");
    at_line_name(line, d->name);
    add(line, "(");
    for (int i = 0; i < d->input_count; i++) {
        if (i) {
            add(line, ",");
            at_line_break(line, 3);
        }
        at_line_target(line, &d->inputs[i], 4);
    }
    if (d->has_options || d->option_count) {
        add(line, ";");
        if (d->option_count) at_line_break(line, 2);
        at_line_options(line, d->options, d->option_count, 3);
    }
    add(line, ")");
    for (int i = 0; i < d->output_count; i++) {
        if (i) add(line, ",");
        at_line_break(line, i ? 3 : 1);
        if (!i) add(line, "-> ");
        at_line_target(line, &d->outputs[i], 4);
    }
}

static void add_doc(const char *doc, at_text *out) {
    while (doc) {
        const char *end = strchr(doc, '\n');
        size_t length = end ? (size_t)(end - doc) : strlen(doc);
        at_text_add(out, length ? "## " : "##");
        at_text_add_n(out, doc, length);
        at_text_add(out, "\n");
        doc = end ? end + 1 : NULL;
    }
}

static bool is_long(const at_definition *d) {
    return (d->tag == AT_D_FN && !d->is_short) || d->tag == AT_D_LAW;
}

static void format_definition(const at_definition *d, at_text *out) {
    at_line line = {0};
    add_comment_lines(d->comments.lines, d->comments.count, 0, true, out);
    add_doc(d->doc, out);
    if (d->tag == AT_D_PAPER) {
        add(&line, "paper ");
        add_string(&line, d->name);
        at_text_addf(&line.text, " %d", d->year);
    } else if (d->tag == AT_D_USE) {
        add(&line, "use ");
        if (d->is_path) add_string(&line, d->name);
        else at_line_name(&line, d->name);
    } else {
        add_header(&line, d);
        add(&line, d->is_short ? " =" : " {");
    }
    const at_tree_statement *st = d->is_short ? d->body.items[0] : NULL;
    bool rows = st && at_is_table(st->value) && at_format_table(&line, st->value, 0, out);
    if (st && !rows) add_right_side(&line, st);
    if (rows) at_text_free(&line.text);
    else at_line_flush(&line, 0, out);
    if (is_long(d)) {
        at_text_add(out, "\n");
        format_block(&d->body, 0, out);
    }
    end_line(d->comments.trailing, out);
}

void at_format_header(const at_definition *d, int indent, at_text *out) {
    at_line line = {0};
    add_header(&line, d);
    at_line_flush(&line, indent, out);
}

void at_format_tree(const at_file_tree *file, at_text *out) {
    for (int i = 0; i < file->count; i++) {
        const at_definition *d = file->items[i];
        if (i && (d->comments.blank || is_long(d) || is_long(file->items[i - 1])))
            at_text_add(out, "\n");
        format_definition(d, out);
    }
    add_comment_lines(file->last_comments, file->last_comment_count, 0, file->count == 0, out);
}
