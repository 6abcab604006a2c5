/* A law as a function: what its assertions compare becomes outputs, for executors that know no laws and
 * for comparing executors.
 *
 *     law sums(x[n]) {                       fn sums(x[n]) -> assertion.left, assertion.right {
 *       total(x) == y                 ->       assertion.left = …
 *     }                                        assertion.right = y
 *                                            }
 *
 * Inside scans and repeats an assertion is made at each step and round; its outputs have those axes in
 * front. */
#include "form/form.h"

#include <string.h>

typedef struct {
    at_draft *draft;
    at_output *outputs;
    int count, capacity;
    int assertions;
    bool named;
} turning;

static void add_output(turning *t, at_array *array) {
    at_output output = {array->name, array};
    AT_PUSH(t->draft->s->arena, t->outputs, t->count, t->capacity, output);
}

/* The axes of the regions around, outer ones first, and then those of the assertion. */
static int all_axes(const turning *t, const at_statement *st, at_axis ***axes) {
    int count = 0, depth = 0;
    for (const at_draft_region *r = t->draft->region; r; r = r->around)
        depth += r->statement->tag == AT_SCAN ? r->statement->u.scan.count : 1;
    int total = depth + st->u.assertion.count;
    *axes = AT_NEW_ARRAY(t->draft->s->arena, at_axis *, total);
    for (const at_draft_region *r = t->draft->region; r; r = r->around) {
        const at_statement *region = r->statement;
        bool scan = region->tag == AT_SCAN;
        depth -= scan ? region->u.scan.count : 1;
        for (int i = 0; i < (scan ? region->u.scan.count : 1); i++, count++)
            (*axes)[depth + i] = scan ? region->u.scan.axes[i] : region->u.repeat.round;
    }
    for (int i = 0; i < st->u.assertion.count; i++) (*axes)[count++] = st->u.assertion.axes[i];
    return total;
}

static void add_side(turning *t, const at_statement *st, const char *side, const at_expr *value) {
    at_axis **axes;
    int rank = all_axes(t, st, &axes);
    const char *number = t->assertions > 1 ? at_format(t->draft->s->arena, "#%d", t->assertions) : "";
    const char *name = at_format(t->draft->s->arena, "assertion%s.%s", number, side);
    at_array *array =
        at_draft_array(t->draft, name, NULL, value->kind, axes, rank, value->span);
    at_draft_equation(t->draft, array, value, st->span);
    add_output(t, array);
}

/* A name that several arrays have is that of what its repeat leaves. */
static void add_named(turning *t, at_array *array) {
    if (!t->named) return;
    for (int i = 0; i < t->draft->from->array_count; i++) {
        const at_array *other = t->draft->from->arrays[i];
        if (other != array && array->role != AT_RESULT && strcmp(other->name, array->name) == 0)
            return;
    }
    for (const at_draft_region *r = t->draft->region; r; r = r->around)
        if (r->statement->tag == AT_REPEAT) return; /* of the last round, if one ran */
    add_output(t, array);
}

static void plain(void *user, const at_statement *st) {
    turning *t = user;
    if (st->tag == AT_ASSERT) {
        t->assertions++;
        add_side(t, st, "left", st->u.assertion.left);
        add_side(t, st, "right", st->u.assertion.right);
        return;
    }
    at_draft_add(t->draft, at_copy(t->draft->s->arena, st, sizeof *st));
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        add_named(t, st->u.keeping.parts[i].target);
    if (st->target && st->tag != AT_NEXT && st->tag != AT_KEEPING) add_named(t, st->target);
}

static void after(void *user, const at_statement *st, at_statement *out) {
    turning *t = user;
    (void)st;
    for (int i = 0; out->tag == AT_REPEAT && i < out->u.repeat.carried_count; i++)
        add_named(t, out->u.repeat.carried[i].after);
}

const at_cascade *at_law_as_function(at_session *s, const at_cascade *law, bool named) {
    turning t = {.draft = at_draft_new(s, law), .named = named};
    at_block_walk walk = {.draft = t.draft, .user = &t, .plain = plain, .after = after};
    at_draft_block(&walk, &law->body);
    if (t.draft->failed) return NULL;
    at_cascade *out = t.draft->out;
    out->law = false;
    out->outputs = t.outputs;
    out->output_count = t.count;
    return out;
}
