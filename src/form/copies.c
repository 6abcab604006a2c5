/* What a rewrite left lying about: arrays that only copy another or say again what another says,
 * and adjoints that are one number everywhere. Reads of them become reads of the other, or the
 * number; an output takes the place of what it copies.
 *
 * In a program's text one name may stand for several arrays: for what a repeat carries, and for an
 * input and an output. What reads such a name in another place reads something else, so copies of
 * these stay. */
#include "form/form_int.h"

#include <string.h>

/* ---- names that have to stay ----------------------------------------------------------------- */

static bool note_bound(void *user, const at_statement *st) {
    at_tidying *t = user;
    for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++) {
        const at_carried *c = &st->u.repeat.carried[k];
        t->bound[c->before->id] = t->bound[c->inside->id] = true;
        t->bound[c->next->id] = t->bound[c->after->id] = true;
        t->shadowed[c->before->id] = t->shadowed[c->inside->id] = t->shadowed[c->next->id] = true;
    }
    return true;
}

bool at_tidy_is_output(const at_tidying *t, const at_array *array) {
    for (int i = 0; i < t->from->output_count; i++)
        if (t->from->outputs[i].array == array) return true;
    return false;
}

/* An input and an output of one name: each hides the other. */
static void note_shadowed(at_tidying *t) {
    for (int i = 0; i < t->from->input_count; i++)
        for (int k = 0; k < t->from->output_count; k++) {
            const at_array *input = t->from->inputs[i].array, *output = t->from->outputs[k].array;
            if (input != output && strcmp(input->name, output->name) == 0)
                t->shadowed[input->id] = t->shadowed[output->id] = true;
        }
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* Whether the equation says target = other, with the indices in some order. */
static bool is_copy(const at_tidying *t, const at_statement *st) {
    if (st->tag != AT_EQUATION || st->u.value->tag != AT_READ) return false;
    const at_expr *e = st->u.value;
    const at_array *other = e->u.read.array;
    if (e->u.read.alternative || other->rank != st->target->rank || other->kind != st->target->kind)
        return false;
    if (st->target->cotangent && !other->cotangent) return false;
    for (int m = 0; m < other->rank; m++) {
        const at_expr *index = e->u.read.index[m];
        if (index->tag != AT_INDEX ||
            !at_equal_extent(t->s, t->from, index->u.axis, other->axes[m]))
            return false;
        bool on_left = false;
        for (int k = 0; k < st->target->rank; k++) on_left |= st->target->axes[k] == index->u.axis;
        for (int k = 0; k < m; k++)
            on_left &= e->u.read.index[k]->u.axis != index->u.axis;
        if (!on_left) return false;
    }
    return true;
}

/* Where a block stands. */
typedef struct {
    bool outermost, in_scan;
    bool may_end; /* in a repeat that may end early: what rounds collect is 0 where they did not run */
} standing;

static bool collects(const at_array *array) {
    for (int m = 0; m < array->rank; m++)
        if (array->axes[m]->round) return true;
    return false;
}

static void find_copies(at_tidying *t, const at_block *block, standing here) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        standing inner = {false, here.in_scan || st->tag == AT_SCAN, here.may_end};
        if (st->tag == AT_SCAN) find_copies(t, &st->u.scan.body, inner);
        if (st->tag == AT_REPEAT) {
            inner.may_end |= st->u.repeat.condition != NULL;
            find_copies(t, &st->u.repeat.body, inner);
        }
        if (st->tag == AT_EQUATION && here.may_end && collects(st->target)) continue;
        if (st->tag == AT_EQUATION && st->target->cotangent && st->u.value->tag == AT_CONST &&
            !t->bound[st->target->id] && !at_tidy_is_output(t, st->target)) {
            t->number[st->target->id] = st->u.value;
            t->any_number = true;
        }
        if (!is_copy(t, st)) continue;
        const at_array *other = st->u.value->u.read.array;
        if (t->bound[st->target->id] || t->shadowed[other->id]) continue;
        /* The next step reads it before the repeat, where its name is of what that begins with. */
        if (t->bound[other->id] && here.in_scan) continue;
        if (!at_tidy_is_output(t, st->target)) {
            t->copies[st->target->id] = st->u.value;
            t->any_copy = true;
            continue;
        }
        bool free = other->role == AT_DEFINED && !t->bound[other->id] &&
                    !t->shadowed[st->target->id] &&
                    !at_tidy_is_output(t, other) && !t->renamed[other->id] &&
                    !t->copies[other->id] && !t->number[other->id];
        bool beside = false;
        for (int k = 0; k < i && free && here.outermost; k++)
            beside |= block->items[k]->tag == AT_EQUATION && block->items[k]->target == other;
        if (beside) t->renamed[other->id] = st;
    }
}

/* Whether the output's axes can stand where the array's own stood without catching an index. */
static bool binds_axis(void *user, const at_expr *e) {
    const at_statement *copy = ((void **)user)[0];
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++)
        for (int m = 0; m < copy->target->rank; m++)
            if (e->u.fold.axes[i] == copy->target->axes[m]) ((void **)user)[1] = user;
    return true;
}

static void drop_risky_renames(at_tidying *t, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (st->tag != AT_EQUATION || !t->renamed[st->target->id]) continue;
        void *found[2] = {(void *)t->renamed[st->target->id], NULL};
        at_walk(st->u.value, binds_axis, found);
        if (found[1]) t->renamed[st->target->id] = NULL;
    }
}

/* Two equations of one block that say the same over the same axes; the later one is a copy. */
static void find_twins(at_tidying *t, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (st->tag == AT_SCAN) find_twins(t, &st->u.scan.body);
        if (st->tag == AT_REPEAT) find_twins(t, &st->u.repeat.body);
        if (st->tag != AT_EQUATION || t->copies[st->target->id] || t->renamed[st->target->id] ||
            at_tidy_is_output(t, st->target) || t->bound[st->target->id] || st->u.value->weight < 2)
            continue;
        for (int k = 0; k < i; k++) {
            const at_statement *other = block->items[k];
            if (other->tag != AT_EQUATION || other->u.value->weight != st->u.value->weight ||
                other->target->rank != st->target->rank ||
                other->target->cotangent != st->target->cotangent ||
                t->copies[other->target->id] || t->bound[other->target->id])
                continue;
            bool same = true;
            for (int m = 0; m < st->target->rank; m++)
                same &= other->target->axes[m] == st->target->axes[m];
            if (!same || !at_same(other->u.value, st->u.value)) continue;
            t->copies[st->target->id] = at_read_whole(t->s, other->target, st->span);
            t->any_copy = true;
            break;
        }
    }
}

void at_tidy_find_copies(at_tidying *t) {
    at_walk_block(&t->from->body, note_bound, t);
    note_shadowed(t);
    find_copies(t, &t->from->body, (standing){.outermost = true});
    find_twins(t, &t->from->body);
    drop_risky_renames(t, &t->from->body);
}
