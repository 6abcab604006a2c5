/* The mutants of a file: each is the file with one small change in a function. Laws that hold for a
 * mutant do not notice the change, so mutants tell what a file's laws are worth.
 *
 * A change is worth making when a person could make it by mistake and a law could notice it. So
 * what only changes a shape is left alone (it is refused, or every law fails), and of several
 * changes of one thing only the subtlest is made. The idea is old (DeMillo, Lipton and Sayward
 * 1978); the operators here are those of array programs: guards, alternatives, shifts, bound axes,
 * options. */
#include "check/mutant_int.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- adding one ------------------------------------------------------------------------------ */

/* Whether the definition at hand prints as no earlier one did. */
static bool is_new(at_mutation *m, const at_file_tree *tree) {
    at_file_tree alone = {.source = tree->source, .count = 1, .items = &tree->items[m->item]};
    at_text text = {0};
    at_format_tree(&alone, &text);
    bool new = text.data && !at_map_get(&m->seen, text.data);
    if (new)
        at_map_put(m->s->arena, &m->seen, at_copy_text(m->s->arena, text.data, text.length), m);
    at_text_free(&text);
    return new;
}

static void add(at_mutation *m, const at_change *change, at_span span, const char *what) {
    const at_file_tree *tree = at_changed_file(m->s, m->file, m->item, change);
    if (!is_new(m, tree)) return;
    at_mutant mutant = {span, m->file->items[m->item], m->statement, what, tree};
    AT_PUSH(m->s->arena, m->items, m->count, m->capacity, mutant);
}

/* y = y says as much as no equation. */
static bool is_itself(const at_target *target, const at_tree *value) {
    if (value->tag == AT_T_NAME) return strcmp(value->name, target->name) == 0;
    if (value->tag != AT_T_INDEX || value->alternative || value->count != target->count)
        return false;
    for (int i = 0; i < value->count; i++)
        if (value->args[i]->tag != AT_T_NAME || !target->axes[i] ||
            strcmp(value->args[i]->name, target->axes[i]) != 0)
            return false;
    return strcmp(value->name, target->name) == 0;
}

void at_mutate(at_mutation *m, const at_tree *from, at_tree *to, at_span span, const char *format,
               ...) {
    if (m->left_out && from == m->statement->value && is_itself(m->left_out, to)) return;
    va_list list;
    va_start(list, format);
    const char *what = at_format_list(m->s->arena, format, list);
    va_end(list);
    add(m, &(at_change){.tree = from, .new_tree = to}, span, what);
}

/* ---- redefinitions --------------------------------------------------------------------------- */

/* What is defined before a statement, innermost last. */
typedef struct at_earlier at_earlier;
struct at_earlier {
    const at_target *target;
    const at_earlier *outer;
};

static bool mentions(const at_tree *tree, const char *name) {
    if (!tree) return false;
    if ((tree->tag == AT_T_NAME || tree->tag == AT_T_INDEX) && strcmp(tree->name, name) == 0)
        return true;
    for (int i = 0; i < tree->count; i++)
        if (mentions(tree->args[i], name)) return true;
    for (int i = 0; i < tree->option_count; i++)
        if (mentions(tree->options[i].value, name)) return true;
    for (int i = 0; i < tree->part_count; i++)
        if (mentions(tree->parts[i].guard, name) || mentions(tree->parts[i].body, name))
            return true;
    return mentions(tree->alternative, name);
}

static bool same_axes(const at_target *a, const at_target *b) {
    if (a->count != b->count) return false;
    for (int i = 0; i < a->count; i++)
        if (!a->axes[i] || !b->axes[i] || strcmp(a->axes[i], b->axes[i]) != 0) return false;
    return true;
}

/* Whether the program still makes sense without the equation: what it equates has a value before
 * it, of the same shape as far as the tree tells. */
static bool is_redefinition(const at_tree_statement *st, const at_earlier *earlier) {
    const at_target *target = st->targets;
    if (st->target_count != 1) return false;
    for (; earlier; earlier = earlier->outer)
        if (strcmp(earlier->target->name, target->name) == 0)
            return mentions(st->value, target->name) || same_axes(earlier->target, target);
    return false;
}

static void without_equation(at_mutation *m, const at_tree_statement *st) {
    const char *axes = "";
    const at_target *target = st->targets;
    for (int i = 0; i < target->count; i++)
        axes = at_format(m->s->arena, "%s%s%s", axes, i ? "," : "",
                         target->axes[i] ? target->axes[i] : ":");
    if (target->brackets) axes = at_format(m->s->arena, "[%s]", axes);
    add(m, &(at_change){.statement = st}, st->span,
        at_format(m->s->arena, "without `%s%s %c %s`", target->name, axes, st->drawn ? '~' : '=',
                  at_tree_text(m->s, st->value)));
}

/* ---- statements ------------------------------------------------------------------------------ */

static void mutate_block(at_mutation *m, const at_tree_block *block, const at_earlier *earlier);

static at_tree_statement *copy_statement(at_mutation *m, const at_tree_statement *st) {
    return at_copy(m->s->arena, st, sizeof *st);
}

static void mutate_equation(at_mutation *m, const at_tree_statement *st,
                            const at_earlier *earlier) {
    m->left_out = is_redefinition(st, earlier) ? st->targets : NULL;
    if (m->left_out) without_equation(m, st);
    if (st->shared) {
        at_tree_statement *own = copy_statement(m, st);
        own->shared = NULL;
        add(m, &(at_change){.statement = st, .new_statement = own}, st->shared_span,
            at_format(m->s->arena, "without `as %s`", st->shared));
    }
    at_mutate_tree(m, st->value, (at_mutant_place){.values = true, .call = st->shared != NULL});
    m->left_out = NULL;
}

static void mutate_scan(at_mutation *m, const at_tree_statement *st, const at_earlier *earlier) {
    for (int i = 0; i < st->bound_count; i++) {
        if (!st->bound[i].down) continue;
        at_tree_statement *up = copy_statement(m, st);
        up->bound = at_copy(m->s->arena, st->bound, sizeof *st->bound * (size_t)st->bound_count);
        up->bound[i].down = false;
        add(m, &(at_change){.statement = st, .new_statement = up}, st->bound[i].span,
            at_format(m->s->arena, "`scan %s` without `down`", st->bound[i].name));
    }
    mutate_block(m, &st->body, earlier);
}

static void mutate_repeat(at_mutation *m, const at_tree_statement *st, const at_earlier *earlier) {
    if (st->condition) {
        at_tree_statement *all = copy_statement(m, st);
        all->condition = NULL;
        add(m, &(at_change){.statement = st, .new_statement = all}, st->condition->span,
            at_format(m->s->arena, "without `while %s`", at_tree_text(m->s, st->condition)));
        at_mutate_tree(m, st->condition, (at_mutant_place){.droppable = true});
    }
    mutate_block(m, &st->body, earlier);
}

/* `if training`: laws run either way, but not both, so one of the blocks no law sees. */
static void mutate_training(at_mutation *m, const at_tree_statement *st,
                            const at_earlier *earlier) {
    at_mutate(m, st->value, at_new_bool(m->s, st->value, !m->training), st->value->span,
              "`if training` %s holds", m->training ? "never" : "always");
    mutate_block(m, m->training ? &st->body : &st->otherwise, earlier);
}

static void mutate_if(at_mutation *m, const at_tree_statement *st, const at_earlier *earlier) {
    if (st->value->tag == AT_T_TRAINING) {
        mutate_training(m, st, earlier);
        return;
    }
    const char *condition = at_tree_text(m->s, st->value);
    bool starts = st->value->tag == AT_T_NAME &&
                  at_only_starts(m, m->file->items[m->item], st->value->name);
    bool parts = st->value->tag == AT_T_OP && st->value->op == AT_OP_AND; /* left out one by one */
    for (int holds = !parts; holds >= 0 && !starts; holds--)
        at_mutate(m, st->value, at_new_bool(m->s, st->value, holds), st->value->span,
                  "`if %s` %s", condition, holds ? "always holds" : "never holds");
    at_mutate_tree(m, st->value, (at_mutant_place){.droppable = true});
    mutate_block(m, &st->body, earlier);
    mutate_block(m, &st->otherwise, earlier);
}

static void mutate_statement(at_mutation *m, const at_tree_statement *st,
                             const at_earlier *earlier) {
    const at_tree_statement *outer = m->statement;
    m->statement = st;
    switch (st->tag) {
    case AT_S_EQUATION: mutate_equation(m, st, earlier); break;
    case AT_S_PARAM:
    case AT_S_STATE:
        if (!st->drawn && st->value)
            at_mutate_tree(m, st->value, (at_mutant_place){.values = true});
        break;
    case AT_S_SCAN: mutate_scan(m, st, earlier); break;
    case AT_S_REPEAT: mutate_repeat(m, st, earlier); break;
    case AT_S_IF: mutate_if(m, st, earlier); break;
    case AT_S_NEXT:
    case AT_S_AXIS:
    case AT_S_COTANGENT:
    case AT_S_REQUIRE:
    case AT_S_ASSERT: break;
    }
    m->statement = outer;
}

static void mutate_block(at_mutation *m, const at_tree_block *block, const at_earlier *earlier) {
    for (int i = 0; i < block->count; i++) {
        const at_tree_statement *st = block->items[i];
        mutate_statement(m, st, earlier);
        for (int k = 0; k < st->target_count; k++) {
            at_earlier *link = AT_NEW(m->s->arena, at_earlier);
            *link = (at_earlier){&st->targets[k], earlier};
            earlier = link;
        }
    }
}

/* ---- definitions ----------------------------------------------------------------------------- */

/* A bare number is only what is usual; laws give their own. */
static void mutate_default(at_mutation *m, const at_bind *option) {
    const at_tree *value = option->value;
    if (!value || at_is_literal(value)) return;
    if (at_only_starts(m, m->file->items[m->item], option->name)) return;
    if (value->tag == AT_T_BOOL)
        at_mutate(m, value, at_new_bool(m->s, value, !value->integer), value->span,
                  "the default of `%s` becomes `%s`", option->name,
                  value->integer ? "false" : "true");
    else at_mutate_tree(m, value, (at_mutant_place){.values = at_tree_kind(m, value) == AT_REAL});
}

static void mutate_definition(at_mutation *m, const at_definition *d) {
    m->statement = NULL;
    m->seen = (at_map){0};
    at_find_kinds(m, d);
    is_new(m, m->file); /* the function itself is no mutant */
    const at_earlier *earlier = NULL;
    for (int i = 0; i < d->input_count; i++) {
        at_earlier *link = AT_NEW(m->s->arena, at_earlier);
        *link = (at_earlier){&d->inputs[i], earlier};
        earlier = link;
    }
    for (int i = 0; i < d->option_count; i++) mutate_default(m, &d->options[i]);
    mutate_block(m, &d->body, earlier);
}

/* By place; those of one place stay in the order in which they were made, which `what` cannot
 * tell. */
static int by_place(const void *a, const void *b) {
    const at_mutant *one = *(const at_mutant *const *)a, *other = *(const at_mutant *const *)b;
    if (one->span.begin != other->span.begin) return one->span.begin < other->span.begin ? -1 : 1;
    return one < other ? -1 : one > other;
}

int at_mutants(at_session *s, const at_program *program, bool training, at_mutant **mutants) {
    at_mutation m = {.s = s, .program = program, .file = at_program_file(program),
                     .training = training};
    for (; m.item < m.file->count; m.item++)
        if (m.file->items[m.item]->tag == AT_D_FN) mutate_definition(&m, m.file->items[m.item]);
    const at_mutant **order = AT_NEW_ARRAY(s->arena, const at_mutant *, m.count + 1);
    for (int i = 0; i < m.count; i++) order[i] = &m.items[i];
    qsort(order, (size_t)m.count, sizeof *order, by_place);
    *mutants = AT_NEW_ARRAY(s->arena, at_mutant, m.count + 1);
    for (int i = 0; i < m.count; i++) (*mutants)[i] = *order[i];
    return m.count;
}
