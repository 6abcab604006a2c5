/* A cascade as a program of the language: one `fn` or `law` with every extent, index and path
 * written out. Reading the text back and printing again gives the same text, so any stage's result
 * can be kept as a file, compared, and used as input.
 *
 * The order is fixed: documentation, header, axes, requirements, cotangents, params, states, body.
 * Open axes have no statement, the inputs carry them; rounds have one, because params that are
 * stacked by round come before their repeat. The four arrays of what a repeat carries share one
 * name, so they print as one name that is equated again. */
#include "ir/ir_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void print_axes(at_axis *const *axes, int count, at_text *out) {
    if (count == 0) return;
    at_text_add(out, "[");
    at_ir_print_bound(axes, NULL, count, NULL, out);
    at_text_add(out, "]");
}

static void print_left(const at_array *array, at_text *out) {
    at_ir_print_name(array->name, out);
    print_axes(array->axes, array->rank, out);
}

static void print_kind(const at_array *array, at_text *out) {
    if (array->inside) {
        at_text_add(out, ": index ");
        at_ir_print_name(array->inside->name, out);
    } else if (array->kind != AT_REAL) {
        at_text_addf(out, ": %s", at_kind_text(array->kind));
    }
}

static void print_draw(at_draw draw, const at_expr *const *args, at_text *out) {
    at_text_addf(out, " ~ %s(", at_draw_info(draw)->text);
    for (int i = 0; i < at_draw_info(draw)->parameters; i++) {
        if (i) at_text_add(out, ", ");
        at_ir_print_expr(args[i], out);
    }
    at_text_add(out, ")");
}

static void print_start(const at_start *start, at_text *out) {
    print_left(start->array, out);
    print_kind(start->array, out);
    if (start->value) {
        at_text_add(out, " = ");
        at_ir_print_expr(start->value, out);
    } else if (start->draw >= 0) {
        print_draw((at_draw)start->draw, start->args, out);
    }
}

/* ---- the header and the declarations --------------------------------------------------------- */

static void print_doc(const char *doc, at_text *out) {
    while (doc) {
        const char *end = strchr(doc, '\n');
        size_t length = end ? (size_t)(end - doc) : strlen(doc);
        at_text_add(out, length ? "## " : "##");
        at_text_add_n(out, doc, length);
        at_text_add(out, "\n");
        doc = end && end[1] ? end + 1 : NULL;
    }
}

static void print_header(const at_cascade *c, at_text *out) {
    at_text_add(out, c->law ? "law " : "fn ");
    at_ir_print_name(c->name, out);
    at_text_add(out, "(");
    for (int i = 0; i < c->input_count; i++) {
        if (i) at_text_add(out, ", ");
        print_start(&c->inputs[i], out);
    }
    at_text_add(out, ")");
    for (int i = 0; i < c->output_count; i++) {
        at_text_add(out, i ? ", " : " -> ");
        at_ir_print_name(c->outputs[i].name, out);
        print_axes(c->outputs[i].array->axes, c->outputs[i].array->rank, out);
    }
    at_text_add(out, " {\n");
}

static void print_axis(const at_axis *axis, at_text *out) {
    if (!axis->like && !axis->extent) return;
    at_text_add(out, "  axis ");
    at_ir_print_name(axis->name, out);
    if (axis->like) {
        at_text_add(out, " as ");
        at_ir_print_name(axis->like->name, out);
    } else {
        at_text_add(out, " = ");
        at_ir_print_expr(axis->extent, out);
    }
    at_text_add(out, "\n");
}

static bool is_fixed(const at_axis *axis) {
    return !axis->extent && !axis->like && axis->fixed >= 0;
}

/* Whether the condition is `size(n) == 8` of an axis that is printed as fixed to 8. */
static bool is_said(const at_expr *condition) {
    if (condition->tag != AT_MAP || condition->u.map.op != AT_OP_EQ) return false;
    const at_expr *size = condition->u.map.args[0], *value = condition->u.map.args[1];
    return size->tag == AT_SIZE && is_fixed(size->u.axis) && value->tag == AT_CONST &&
           value->u.integer == size->u.axis->fixed;
}

static void print_requires(const at_cascade *c, at_text *out) {
    for (int i = 0; i < c->axis_count; i++) {
        const at_axis *axis = c->axes[i];
        if (!is_fixed(axis)) continue;
        at_text_add(out, "  require size(");
        at_ir_print_name(axis->name, out);
        at_text_addf(out, ") == %" PRId64 "\n", axis->fixed);
    }
    for (int i = 0; i < c->require_count; i++) {
        if (is_said(c->requires[i].condition)) continue;
        at_text_add(out, "  require ");
        at_ir_print_expr(c->requires[i].condition, out);
        at_text_add(out, "\n");
    }
}

typedef struct {
    const at_cascade *cascade;
    bool *said; /* by array id */
    at_text *out;
    bool some;
} naming;

/* What a repeat carries is named by the array before it. */
static bool note_carried(void *user, const at_statement *st) {
    naming *n = user;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        const at_carried *c = &st->u.repeat.carried[i];
        n->said[c->inside->id] = n->said[c->next->id] = n->said[c->after->id] = true;
    }
    return true;
}

static void name_cotangent(naming *n, const at_array *array) {
    if (!array || !array->cotangent || n->said[array->id]) return;
    for (int i = 0; i < n->cascade->input_count && array->role != AT_INPUT; i++)
        if (strcmp(n->cascade->inputs[i].array->name, array->name) == 0) return;
    at_text_add(n->out, n->some ? ", " : "  cotangent ");
    at_ir_print_name(array->name, n->out);
    n->some = true;
}

static bool name_targets(void *user, const at_statement *st) {
    naming *n = user;
    name_cotangent(n, st->target);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        name_cotangent(n, st->u.keeping.parts[i].target);
    return true;
}

/* One statement with each name once, in the order in which the text has them: reading it back may
 * give the arrays other ids. */
static void print_cotangents(const at_cascade *c, at_text *out) {
    naming n = {c, calloc((size_t)c->array_count + 1, sizeof *n.said), out, false};
    if (!n.said) {
        out->failed = true;
        return;
    }
    at_walk_block(&c->body, note_carried, &n);
    for (int i = 0; i < c->input_count; i++) name_cotangent(&n, c->inputs[i].array);
    at_walk_block(&c->body, name_targets, &n);
    if (n.some) at_text_add(out, "\n");
    free(n.said);
}

static void print_starts(const char *word, const at_start *starts, int count, at_text *out) {
    for (int i = 0; i < count; i++) {
        at_text_addf(out, "  %s ", word);
        print_start(&starts[i], out);
        at_text_add(out, "\n");
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

static void print_parts(at_fold fold, const at_part *parts, int count, at_text *out) {
    for (int i = 0; i < count; i++) {
        if (i) at_text_add(out, ", ");
        print_left(parts[i].target, out);
    }
    at_text_addf(out, " = %s[", at_fold_info(fold)->text);
    for (int i = 0; i < count; i++) {
        if (i) at_text_add(out, "; ");
        at_ir_print_bound(parts[i].bound, parts[i].down, parts[i].count, parts[i].guard, out);
    }
    at_text_add(out, "](");
    for (int i = 0; i < count; i++) {
        if (i) at_text_add(out, "; ");
        at_ir_print_operand(fold, parts[i].body, out);
    }
    at_text_add(out, ")");
}

static void print_table(const at_statement *st, at_text *out) {
    print_left(st->target, out);
    at_text_add(out, " = table(");
    for (int i = 0; i < st->u.table.count; i++) {
        if (i) at_text_add(out, ", ");
        at_ir_print_expr(st->u.table.values[i], out);
    }
    at_text_add(out, ")");
}

/* Whether an index of z is given: the loss depends on it, or it is a round, which no result has. */
static bool is_given(const at_statement *st, const at_expr *index) {
    bool on_left = false;
    for (int i = 0; i < st->target->rank; i++) on_left |= st->target->axes[i] == index->u.axis;
    return !on_left || at_mentions(st->u.grad.loss, index->u.axis);
}

/* `g[b] = grad(loss[b], z[b])`: what the loss does not depend on are the axes by which it is
 * derived; they stay, at the right of both sides. */
static void print_grad(const at_statement *st, at_text *out) {
    const at_expr *z = st->u.grad.z;
    int kept = 0, last = 0;
    for (int i = 0; i < z->u.read.array->rank; i++) {
        if (is_given(st, z->u.read.index[i])) last = i + 1;
        else kept++;
    }
    at_ir_print_name(st->target->name, out);
    print_axes(st->target->axes, st->target->rank - kept, out);
    at_text_add(out, " = grad(");
    at_ir_print_expr(st->u.grad.loss, out);
    at_text_add(out, ", ");
    at_ir_print_name(z->u.read.array->name, out);
    for (int i = 0; i < last; i++) {
        at_text_add(out, i ? "," : "[");
        if (is_given(st, z->u.read.index[i]))
            at_ir_print_expr(z->u.read.index[i], out);
        else
            at_text_add(out, ":");
    }
    at_text_add(out, last ? "])" : ")");
}

static void print_scan_head(const at_statement *st, at_text *out) {
    at_text_add(out, "scan ");
    for (int i = 0; i < st->u.scan.count; i++) {
        if (i) at_text_add(out, ", ");
        at_ir_print_name(st->u.scan.axes[i]->name, out);
        if (st->u.scan.down[i]) at_text_add(out, " down");
    }
}

static void print_repeat_head(const at_statement *st, at_text *out) {
    at_text_add(out, "repeat ");
    at_ir_print_name(st->u.repeat.round->name, out);
    at_text_addf(out, " < %" PRId64, st->u.repeat.count);
    if (!st->u.repeat.condition) return;
    at_text_add(out, " while ");
    at_ir_print_expr(st->u.repeat.condition, out);
}

static void print_assertion(const at_statement *st, at_text *out) {
    at_ir_print_level(st->u.assertion.left, AT_LEVEL_SUM, out);
    at_text_addf(out, " %s ", at_op_info(st->u.assertion.op)->text);
    at_ir_print_level(st->u.assertion.right, AT_LEVEL_SUM, out);
    if (st->u.assertion.tolerance < 0) return;
    char buffer[32];
    at_text_real(st->u.assertion.tolerance, buffer);
    at_text_addf(out, " within %s", buffer);
}

static void print_block(const at_block *block, int indent, at_text *out);

static void print_region(const at_block *body, int indent, at_text *out) {
    at_text_add(out, " {\n");
    print_block(body, indent + 2, out);
    at_text_pad(out, ' ', indent);
    at_text_add(out, "}");
}

static void print_statement(const at_statement *st, int indent, at_text *out) {
    switch (st->tag) {
    case AT_EQUATION:
        print_left(st->target, out);
        at_text_add(out, " = ");
        at_ir_print_expr(st->u.value, out);
        break;
    case AT_KEEPING:
        print_parts(st->u.keeping.fold, st->u.keeping.parts, st->u.keeping.count, out);
        break;
    case AT_TOPK: print_parts(AT_FOLD_TOPK, &st->u.topk, 1, out); break;
    case AT_DRAWING:
        print_left(st->target, out);
        print_draw(st->u.drawing.draw, st->u.drawing.args, out);
        break;
    case AT_TABLE: print_table(st, out); break;
    case AT_GRAD: print_grad(st, out); break;
    case AT_NEXT:
        at_text_add(out, "next ");
        at_ir_print_name(st->target->name, out);
        print_axes(st->u.next.axes, st->target->rank, out);
        at_text_add(out, " = ");
        at_ir_print_expr(st->u.next.value, out);
        break;
    case AT_SCAN:
        print_scan_head(st, out);
        print_region(&st->u.scan.body, indent, out);
        break;
    case AT_REPEAT:
        print_repeat_head(st, out);
        print_region(&st->u.repeat.body, indent, out);
        break;
    case AT_ASSERT: print_assertion(st, out); break;
    }
}

static void print_block(const at_block *block, int indent, at_text *out) {
    for (int i = 0; i < block->count; i++) {
        at_text_pad(out, ' ', indent);
        print_statement(block->items[i], indent, out);
        at_text_add(out, "\n");
    }
}

void at_ir_print_statement(const at_statement *st, at_text *out) { print_statement(st, 0, out); }

void at_ir_print(const at_cascade *cascade, at_text *out) {
    print_doc(cascade->doc, out);
    print_header(cascade, out);
    for (int i = 0; i < cascade->axis_count; i++) print_axis(cascade->axes[i], out);
    print_requires(cascade, out);
    print_cotangents(cascade, out);
    print_starts("param", cascade->params, cascade->param_count, out);
    print_starts("state", cascade->states, cascade->state_count, out);
    print_block(&cascade->body, 2, out);
    at_text_add(out, "}\n");
}
