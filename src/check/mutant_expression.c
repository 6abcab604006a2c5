/* Mutants of what stands in an expression: numbers, reads, operations over axes. */
#include "check/mutant_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers --------------------------------------------------------------------------------- */

/* Half as much again; 100 times as much of what is tiny, as what keeps a divisor from 0 does so in
 * many sizes. To 15 digits: 0.1 gives 0.15. */
static double scaled(double value) {
    char digits[40];
    snprintf(digits, sizeof digits, "%.15g", fabs(value) < 1e-3 ? 100 * value : 1.5 * value);
    return strtod(digits, NULL);
}

static void mutate_number(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    at_tree *new;
    if (!tree->is_real) {
        if (!place.values || tree->integer == INT64_MAX) return;
        new = at_new_number(m->s, tree, false, 0, tree->integer + 1);
    } else {
        double real = scaled(tree->real);
        if (!isfinite(real) || real == tree->real) return; /* inf, 0 */
        new = at_new_number(m->s, tree, true, real, 0);
    }
    at_mutate(m, tree, new, tree->span, "`%s` becomes `%s`", at_tree_text(m->s, tree),
              at_tree_text(m->s, new));
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* t-1 becomes t-2, and anything else i becomes i + 1. */
static at_tree *shifted(at_mutation *m, at_tree *index) {
    bool sum = index->tag == AT_T_OP && (index->op == AT_OP_ADD || index->op == AT_OP_SUB);
    const at_tree *last = sum ? index->args[1] : NULL;
    if (!last || last->tag != AT_T_NUMBER || last->is_real || last->integer == INT64_MAX)
        return at_new_operation(m->s, index, AT_OP_ADD, index,
                                at_new_number(m->s, index, false, 0, 1));
    return at_new_operation(m->s, index, index->op, index->args[0],
                            at_new_number(m->s, last, false, 0, last->integer + 1));
}

/* Whether a shift of the index would not just read outside: an alternative stands there, or the
 * index was computed to fit a guard. */
static bool may_shift(const at_mutation *m, const at_tree *read, const at_tree *index,
                      at_mutant_place place) {
    if (index->tag == AT_T_KEEP || index->height > 900) return false;
    if (read->alternative)
        return index->tag == AT_T_NAME ? at_map_get(&m->declared, index->name) != NULL : true;
    bool sum = index->tag == AT_T_OP && (index->op == AT_OP_ADD || index->op == AT_OP_SUB);
    return place.guarded && sum && at_tree_kind(m, index) != AT_REAL;
}

static void mutate_alternative(at_mutation *m, const at_tree *read, at_mutant_place place) {
    at_tree *given = read->alternative;
    if (given->tag == AT_T_BOOL) {
        at_mutate(m, given, at_new_bool(m->s, given, !given->integer), given->span,
                  "the alternative `%s` becomes `%s`", given->integer ? "true" : "false",
                  given->integer ? "false" : "true");
        return;
    }
    if (!at_is_literal(given) && at_tree_kind(m, given) != AT_BOOL)
        at_mutate(m, given, at_new_number(m->s, given, false, 0, 0), given->span,
                  "the alternative `%s` becomes `0`", at_tree_text(m->s, given));
    at_mutate_tree(m, given, (at_mutant_place){.values = true, .guarded = place.guarded});
}

static void mutate_read(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    place.values = place.droppable = place.call = false;
    place.index = true;
    for (int i = 0; i < tree->count; i++) {
        at_tree *index = tree->args[i];
        if (may_shift(m, tree, index, place)) {
            at_tree *new = at_copy_tree(m->s, tree);
            new->args = at_copy(m->s->arena, tree->args, sizeof *tree->args * (size_t)tree->count);
            new->args[i] = shifted(m, index);
            at_mutate(m, tree, new, index->span, "`%s` becomes `%s`", at_tree_text(m->s, tree),
                      at_tree_text(m->s, new));
        }
        bool divided = index->tag == AT_T_OP && (index->op == AT_OP_IDIV || index->op == AT_OP_MOD);
        /* x[c // 2] without the divisor reads outside, which no law need notice. */
        if (!divided) at_mutate_tree(m, index, place);
        else for (int k = 0; k < 2; k++) at_mutate_tree(m, index->args[k], place);
    }
    if (tree->alternative) mutate_alternative(m, tree, place);
}

/* ---- operations over axes -------------------------------------------------------------------- */

static at_tree *with_part(at_mutation *m, const at_tree *tree, int part, at_tree_part changed) {
    at_tree *copy = at_copy_tree(m->s, tree);
    copy->parts = at_copy(m->s->arena, tree->parts, sizeof *tree->parts * (size_t)tree->part_count);
    copy->parts[part] = changed;
    return copy;
}

static const char *bound_text(at_session *s, const at_bound *bound, int count, int without) {
    const char *text = "";
    for (int i = 0; i < count; i++)
        if (i != without)
            text = at_format(s->arena, "%s%s%s%s", text, *text ? "," : "", bound[i].name,
                             bound[i].down ? " down" : "");
    return text;
}

static void mutate_guard(at_mutation *m, const at_tree *tree, int part, at_mutant_place place) {
    at_tree_part open = tree->parts[part];
    at_tree *guard = open.guard;
    if (!guard) return;
    open.guard = NULL;
    if (!(guard->tag == AT_T_OP && guard->op == AT_OP_AND))
        at_mutate(m, tree, with_part(m, tree, part, open), guard->span, "without the guard `%s`",
                  at_tree_text(m->s, guard));
    at_mutate_tree(m, guard, (at_mutant_place){.guarded = place.guarded, .droppable = true});
}

/* cumsum[j down] without `down`; softmax[y,x] over y alone, which then runs for each x. */
static void mutate_bound(at_mutation *m, const at_tree *tree, int part) {
    const at_tree_part *old = &tree->parts[part];
    bool keeps = at_fold_info((at_fold)at_fold_find(tree->name))->form != AT_FORM_REMOVE;
    for (int i = 0; i < old->count; i++) {
        const char *before = bound_text(m->s, old->bound, old->count, -1);
        at_tree_part new = *old;
        if (old->bound[i].down) {
            new.bound = at_copy(m->s->arena, old->bound, sizeof *old->bound * (size_t)old->count);
            new.bound[i].down = false;
            at_mutate(m, tree, with_part(m, tree, part, new), old->bound[i].span,
                      "`%s[%s]` without `down`", tree->name, before);
        }
        if (!keeps || old->count == 1 || strcmp(tree->name, "topk") == 0) continue;
        new.bound = at_copy(m->s->arena, old->bound, sizeof *old->bound * (size_t)old->count);
        at_move(new.bound + i, old->bound + i + 1, sizeof *new.bound *(size_t)(old->count - i - 1));
        new.count--;
        at_mutate(m, tree, with_part(m, tree, part, new), old->bound[i].span,
                  "`%s[%s]` becomes `%s[%s]`", tree->name, before, tree->name,
                  bound_text(m->s, old->bound, old->count, i));
    }
}

/* What an operation over plain reads, in which nothing else can be changed, could be taken for. */
static void mutate_word(at_mutation *m, const at_tree *tree) {
    static const char *const pairs[][2] = {
        {"sum", "mean"}, {"mean", "sum"}, {"prod", "sum"}, {"min", "max"}, {"max", "min"},
        {"any", "all"}, {"all", "any"}, {"argmin", "argmax"}, {"argmax", "argmin"},
        {"logsumexp", "max"}, {"cummax", "cummin"}, {"cummin", "cummax"}, {"cumprod", "cumsum"},
    };
    const at_tree *body = tree->parts[0].body;
    if (tree->part_count != 1 || tree->parts[0].guard) return;
    if (body->tag != AT_T_INDEX && body->tag != AT_T_NAME) return;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (strcmp(pairs[i][0], tree->name) != 0) continue;
        at_tree *copy = at_copy_tree(m->s, tree);
        copy->name = pairs[i][1];
        at_mutate(m, tree, copy, tree->name_span, "`%s` becomes `%s`", pairs[i][0], pairs[i][1]);
    }
}

static void mutate_fold(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    mutate_word(m, tree);
    for (int i = 0; i < tree->part_count; i++) {
        const at_tree_part *part = &tree->parts[i];
        mutate_bound(m, tree, i);
        mutate_guard(m, tree, i, place);
        at_mutate_tree(m, part->body,
                       (at_mutant_place){.values = true, .guarded = place.guarded || part->guard});
    }
}

void at_mutate_tree(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    if (tree->tag != AT_T_OP || tree->op != AT_OP_SUB) place.even = false;
    switch (tree->tag) {
    case AT_T_NUMBER: mutate_number(m, tree, place); break;
    case AT_T_INDEX: mutate_read(m, tree, place); break;
    case AT_T_CALL: at_mutate_call(m, tree, place); break;
    case AT_T_OP: at_mutate_operation(m, tree, place); break;
    case AT_T_FOLD: mutate_fold(m, tree, place); break;
    case AT_T_BOOL:
    case AT_T_TRAINING:
    case AT_T_NAME:
    case AT_T_KEEP: break;
    }
}
