/* A tree with one node changed. Trees are immutable, so each node on the way from the definition to
 * the change is copied, and all others are shared: a mutant costs as much memory as its node lies
 * deep.
 *
 * The node is found by its address: in a parsed file every node has one place. */
#include "check/mutant_int.h"

#include <string.h>

/* ---- expressions ----------------------------------------------------------------------------- */

static at_tree *changed_tree(at_session *s, at_tree *tree, const at_change *change);

/* The list, or a copy of it in which one element changed. */
static at_tree **changed_list(at_session *s, at_tree **list, int count, const at_change *change) {
    for (int i = 0; i < count; i++) {
        at_tree *new = changed_tree(s, list[i], change);
        if (new == list[i]) continue;
        at_tree **copy = at_copy(s->arena, list, sizeof *list * (size_t)count);
        copy[i] = new;
        return copy;
    }
    return list;
}

static at_bind *changed_options(at_session *s, at_bind *options, int count,
                                const at_change *change) {
    for (int i = 0; i < count; i++) {
        at_tree *new = changed_tree(s, options[i].value, change);
        if (new == options[i].value) continue;
        at_bind *copy = at_copy(s->arena, options, sizeof *options * (size_t)count);
        copy[i].value = new;
        return copy;
    }
    return options;
}

static at_tree_part *changed_parts(at_session *s, at_tree_part *parts, int count,
                                   const at_change *change) {
    for (int i = 0; i < count; i++) {
        at_tree_part new = parts[i];
        new.guard = changed_tree(s, new.guard, change);
        new.body = changed_tree(s, new.body, change);
        if (new.guard == parts[i].guard && new.body == parts[i].body) continue;
        at_tree_part *copy = at_copy(s->arena, parts, sizeof *parts * (size_t)count);
        copy[i] = new;
        return copy;
    }
    return parts;
}

static void rise(at_tree *tree, const at_tree *below) {
    if (below && below->height >= tree->height) tree->height = below->height + 1;
}

static void measure(at_tree *tree) {
    tree->height = 1;
    for (int i = 0; i < tree->count; i++) rise(tree, tree->args[i]);
    rise(tree, tree->alternative);
    for (int i = 0; i < tree->option_count; i++) rise(tree, tree->options[i].value);
    for (int i = 0; i < tree->part_count; i++) {
        rise(tree, tree->parts[i].guard);
        rise(tree, tree->parts[i].body);
    }
}

static at_tree *changed_tree(at_session *s, at_tree *tree, const at_change *change) {
    if (!tree || !change->tree) return tree;
    if (tree == change->tree) return change->new_tree;
    at_tree new = *tree;
    new.args = changed_list(s, tree->args, tree->count, change);
    new.alternative = changed_tree(s, tree->alternative, change);
    new.options = changed_options(s, tree->options, tree->option_count, change);
    new.parts = changed_parts(s, tree->parts, tree->part_count, change);
    if (new.args == tree->args && new.alternative == tree->alternative &&
        new.options == tree->options && new.parts == tree->parts)
        return tree;
    measure(&new);
    return at_copy(s->arena, &new, sizeof new);
}

at_tree *at_copy_tree(at_session *s, const at_tree *tree) {
    return at_copy(s->arena, tree, sizeof *tree);
}

static at_tree *new_tree(at_session *s, at_tree_tag tag, const at_tree *like) {
    at_tree *tree = AT_NEW(s->arena, at_tree);
    tree->tag = tag;
    tree->span = tree->name_span = like->span;
    tree->height = 1;
    return tree;
}

at_tree *at_new_number(at_session *s, const at_tree *like, bool is_real, double real,
                       int64_t integer) {
    at_tree *tree = new_tree(s, AT_T_NUMBER, like);
    tree->is_real = is_real;
    tree->real = real;
    tree->integer = integer;
    return tree;
}

at_tree *at_new_bool(at_session *s, const at_tree *like, bool value) {
    at_tree *tree = new_tree(s, AT_T_BOOL, like);
    tree->integer = value;
    return tree;
}

at_tree *at_new_operation(at_session *s, const at_tree *like, at_op op, at_tree *a, at_tree *b) {
    at_tree *tree = new_tree(s, AT_T_OP, like);
    tree->op = op;
    tree->count = b ? 2 : 1;
    tree->args = AT_NEW_ARRAY(s->arena, at_tree *, 2);
    tree->args[0] = a;
    tree->args[1] = b;
    measure(tree);
    return tree;
}

/* ---- statements and files -------------------------------------------------------------------- */

static at_tree_block changed_block(at_session *s, const at_tree_block *block,
                                   const at_change *change);

static at_tree_statement *changed_statement(at_session *s, at_tree_statement *st,
                                            const at_change *change) {
    if (st == change->statement) return change->new_statement;
    at_tree_statement new = *st;
    new.value = changed_tree(s, st->value, change);
    new.condition = changed_tree(s, st->condition, change);
    new.body = changed_block(s, &st->body, change);
    new.otherwise = changed_block(s, &st->otherwise, change);
    if (new.value == st->value && new.condition == st->condition &&
        new.body.items == st->body.items && new.otherwise.items == st->otherwise.items)
        return st;
    return at_copy(s->arena, &new, sizeof new);
}

static at_tree_block changed_block(at_session *s, const at_tree_block *block,
                                   const at_change *change) {
    at_tree_block new = *block;
    for (int i = 0; i < block->count; i++) {
        at_tree_statement *st = changed_statement(s, block->items[i], change);
        if (st == block->items[i]) continue;
        new.items = AT_NEW_ARRAY(s->arena, at_tree_statement *, block->count);
        at_move(new.items, block->items, sizeof *new.items * (size_t)block->count);
        new.items[i] = st;
        if (st) break;
        new.count--;
        at_move(new.items + i, block->items + i + 1,
                sizeof *new.items * (size_t)(block->count - i - 1));
        break;
    }
    return new;
}

const at_file_tree *at_changed_file(at_session *s, const at_file_tree *file, int item,
                                    const at_change *change) {
    at_definition *d = at_copy(s->arena, file->items[item], sizeof *d);
    d->options = changed_options(s, d->options, d->option_count, change);
    d->body = changed_block(s, &d->body, change);
    at_file_tree *new = at_copy(s->arena, file, sizeof *new);
    new->items = at_copy(s->arena, file->items, sizeof *new->items * (size_t)file->count);
    new->items[item] = d;
    return new;
}

/* ---- as text --------------------------------------------------------------------------------- */

bool at_same_tree(const at_tree *a, const at_tree *b) {
    at_text one = {0}, other = {0};
    at_format_expr(a, &one);
    at_format_expr(b, &other);
    bool same = one.length == other.length && memcmp(one.data, other.data, one.length) == 0;
    at_text_free(&one);
    at_text_free(&other);
    return same;
}

const char *at_tree_text(at_session *s, const at_tree *tree) {
    enum { LONGEST = 56, KEPT = 50 };
    at_text text = {0};
    at_format_expr(tree, &text);
    size_t length = text.length;
    if (length > LONGEST) {
        length = KEPT;
        while (length && ((unsigned char)text.data[length] & 0xC0) == 0x80) length--;
    }
    const char *shown = at_format(s->arena, "%.*s%s", (int)length, text.data ? text.data : "",
                                  length < text.length ? "…" : "");
    at_text_free(&text);
    return shown;
}
