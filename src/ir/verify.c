/* The rules at the head of ir.h, checked. A rewrite that breaks one is our mistake, so a broken
 * rule stops the program (AT_ASSERT) at the stage that made it, not at a later one that trips.
 *
 * One walk in the order of execution keeps the axes in force as a chain of scopes, and how far each
 * array is written. What cannot be seen without extents and values (reads outside, earlier elements
 * of a scan) is not checked. */
#include "ir/ir_int.h"

#include <string.h>

#define CHECK(condition) AT_ASSERT(k->s, condition)

/* The scans and repeats around a statement, innermost first. */
typedef struct region region;
struct region {
    const region *outer;
    const at_statement *statement;
};

/* ---- left sides ------------------------------------------------------------------------------ */

/* A scan's axes come first, outer ones before inner ones; rounds that repeats collect may stand
 * among them. Gives the position after those of `around`. */
static int check_scan_axes(const at_checker *k, const at_array *target, const region *around) {
    if (!around) return 0;
    int at = check_scan_axes(k, target, around->outer);
    const at_statement *scan = around->statement;
    if (scan->tag != AT_SCAN) return at;
    for (int i = 0; i < scan->u.scan.count; i++, at++) {
        const at_axis *step = scan->u.scan.axes[i]; /* may be an earlier repeat's round */
        while (at < target->rank && target->axes[at] != step && target->axes[at]->round) at++;
        bool scan_axes_come_first = at < target->rank && target->axes[at] == step;
        CHECK(scan_axes_come_first);
    }
    return at;
}

/* Marks `target` as written, once, by a statement inside `around`. */
static void check_target(const at_checker *k, const at_array *target, const region *around) {
    CHECK(target->role == AT_DEFINED);
    bool array_is_written_once =
        k->state[target->id] == AT_ABSENT || k->state[target->id] == AT_AHEAD;
    CHECK(array_is_written_once);
    k->state[target->id] = AT_DONE;
    check_scan_axes(k, target, around);
}

/* A left side may carry axes of the scans and repeats around it: the same index, not another. */
static void check_part(const at_checker *k, at_fold fold, const at_part *part,
                       const at_scope *outer) {
    at_array *target = part->target;
    at_check_array_known(k, target);
    CHECK(part->count > 0 && part->down && part->body);
    CHECK(target->kind == at_check_operand(k, fold, part->body->kind));
    at_check_distinct(k, part->bound, part->count);
    bool ranks = at_fold_info(fold)->form == AT_FORM_RANK;
    CHECK(!ranks || target->rank > 0);
    int left = ranks ? target->rank - 1 : target->rank;
    at_scope here = {outer, target->axes, left};
    at_scope inner = {&here, part->bound, part->count};
    for (int b = 0; b < part->count; b++) {
        bool on_left = false;
        for (int i = 0; i < target->rank; i++) on_left |= target->axes[i] == part->bound[b];
        CHECK(on_left == !ranks);
        bool around_it = at_in_scope(outer, part->bound[b]);
        CHECK(!around_it);
        CHECK(!part->down[b] || at_fold_info(fold)->form == AT_FORM_KEEP);
    }
    if (part->guard) at_check_kind(k, part->guard, AT_BOOL, ranks ? &inner : &here);
    at_check_expr(k, part->body, ranks ? &inner : &here);
}

static void check_draw(const at_checker *k, at_draw draw, const at_expr *const *args, at_kind kind,
                       const at_scope *here) {
    CHECK(kind == (at_draw_info(draw)->gives == AT_GIVES_BOOL ? AT_BOOL : AT_REAL));
    for (int i = 0; i < at_draw_info(draw)->parameters; i++)
        at_check_kind(k, args[i], AT_REAL, here);
}

static void check_grad(const at_checker *k, const at_statement *st, const at_scope *here) {
    const at_expr *loss = st->u.grad.loss, *z = st->u.grad.z;
    CHECK(loss && loss->tag == AT_READ && loss->kind == AT_REAL);
    CHECK(z && z->tag == AT_READ && z->kind == AT_REAL && st->target->kind == AT_REAL);
    CHECK(!z->u.read.alternative);
    at_check_expr(k, loss, here);
    at_check_expr(k, z, here);
    for (int i = 0; i < z->u.read.array->rank; i++) {
        const at_expr *index = z->u.read.index[i];
        CHECK(index->tag == AT_INDEX);
        bool on_left = false;
        for (int a = 0; a < st->target->rank; a++)
            on_left |= st->target->axes[a] == index->u.axis;
        CHECK(on_left || at_in_scope(here->outer, index->u.axis));
    }
}

/* ---- regions --------------------------------------------------------------------------------- */

static void check_block(at_checker *k, const at_block *block, const region *around,
                        const at_scope *outer);

/* All that a scan writes may be read from its first statement on, as earlier elements. */
static void announce(const at_checker *k, const at_array *target) {
    at_check_array_known(k, target);
    if (k->state[target->id] == AT_ABSENT) k->state[target->id] = AT_AHEAD;
}

static bool announce_targets(void *user, const at_statement *st) {
    const at_checker *k = user;
    switch (st->tag) {
    case AT_KEEPING:
        for (int i = 0; i < st->u.keeping.count; i++) announce(k, st->u.keeping.parts[i].target);
        break;
    case AT_REPEAT:
        for (int i = 0; i < st->u.repeat.carried_count; i++)
            announce(k, st->u.repeat.carried[i].after);
        break;
    case AT_EQUATION:
    case AT_TOPK:
    case AT_DRAWING:
    case AT_TABLE:
    case AT_GRAD: announce(k, st->target); break;
    case AT_NEXT:
    case AT_SCAN:
    case AT_ASSERT: break;
    }
    return true;
}

static void check_scan(at_checker *k, const at_statement *st, const region *around,
                       const at_scope *outer) {
    CHECK(st->u.scan.count > 0 && st->u.scan.down);
    at_check_distinct(k, st->u.scan.axes, st->u.scan.count);
    for (int i = 0; i < st->u.scan.count; i++) CHECK(!at_in_scope(outer, st->u.scan.axes[i]));
    at_walk_block(&st->u.scan.body, announce_targets, k);
    at_scope here = {outer, st->u.scan.axes, st->u.scan.count};
    region inner = {around, st};
    check_block(k, &st->u.scan.body, &inner, &here);
}

static void check_alike(const at_checker *k, const at_array *a, const at_array *b) {
    CHECK(a->kind == b->kind && a->rank == b->rank);
    CHECK(strcmp(a->name, b->name) == 0);
}

static void check_repeat(at_checker *k, const at_statement *st, const region *around,
                         const at_scope *outer) {
    at_axis *round = st->u.repeat.round;
    at_check_axis_known(k, round);
    CHECK(round->round && st->u.repeat.count >= 0);
    CHECK(at_extent(round, NULL) == st->u.repeat.count);
    CHECK(!at_in_scope(outer, round));
    for (int i = 0; i < st->u.repeat.carried_count; i++) {
        const at_carried *c = &st->u.repeat.carried[i];
        at_check_array_known(k, c->before);
        at_check_array_known(k, c->inside);
        at_check_array_known(k, c->next);
        at_check_array_known(k, c->after);
        CHECK(k->state[c->before->id] != AT_ABSENT);
        CHECK(c->inside->role == AT_CARRIED && k->state[c->inside->id] == AT_ABSENT);
        CHECK(c->after->role == AT_RESULT && k->state[c->after->id] <= AT_AHEAD);
        CHECK(k->state[c->next->id] <= AT_AHEAD);
        check_alike(k, c->before, c->inside);
        check_alike(k, c->before, c->next);
        check_alike(k, c->before, c->after);
        k->state[c->inside->id] = AT_OPEN;
    }
    at_scope here = {outer, &round, 1};
    region inner = {around, st};
    if (st->u.repeat.condition) at_check_kind(k, st->u.repeat.condition, AT_BOOL, &here);
    check_block(k, &st->u.repeat.body, &inner, &here);
    for (int i = 0; i < st->u.repeat.carried_count; i++) {
        const at_carried *c = &st->u.repeat.carried[i];
        bool next_is_written_in_the_body = k->state[c->next->id] == AT_DONE;
        CHECK(next_is_written_in_the_body);
        k->state[c->inside->id] = AT_ABSENT; /* it has no meaning outside */
        k->state[c->after->id] = AT_DONE;
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

static void check_table(at_checker *k, const at_statement *st) {
    int64_t elements = 1;
    for (int i = 0; i < st->target->rank; i++) {
        int64_t extent = at_extent(st->target->axes[i], NULL);
        /* An extent that the inputs give is compared by a requirement. */
        elements = elements < 0 || extent < 0 ? -1 : elements * extent;
    }
    CHECK(elements < 0 || elements == st->u.table.count);
    for (int i = 0; i < st->u.table.count; i++)
        at_check_of_sizes(k, st->u.table.values[i], st->target->kind);
}

static void check_next(const at_checker *k, const at_statement *st, const at_scope *outer) {
    at_check_array_known(k, st->target);
    CHECK(st->target->role == AT_STATE);
    at_check_distinct(k, st->u.next.axes, st->target->rank);
    at_scope here = {outer, st->u.next.axes, st->target->rank};
    at_check_kind(k, st->u.next.value, st->target->kind, &here);
}

static void check_assertion(const at_checker *k, const at_statement *st, const at_scope *outer) {
    at_op op = st->u.assertion.op;
    CHECK(k->cascade->law);
    CHECK(op == AT_OP_EQ || op == AT_OP_LE || op == AT_OP_GE);
    at_check_distinct(k, st->u.assertion.axes, st->u.assertion.count);
    at_scope here = {outer, st->u.assertion.axes, st->u.assertion.count};
    const at_expr *left = st->u.assertion.left, *right = st->u.assertion.right;
    CHECK(left && right && left->kind == right->kind);
    CHECK(op == AT_OP_EQ || left->kind != AT_BOOL);
    at_check_expr(k, left, &here);
    at_check_expr(k, right, &here);
}

static void check_statement(at_checker *k, const at_statement *st, const region *around,
                            const at_scope *outer) {
    at_scope here = {outer, NULL, 0};
    if (st->target) {
        here.axes = st->target->axes;
        here.count = st->target->rank;
    }
    switch (st->tag) {
    case AT_EQUATION:
        at_check_array_known(k, st->target);
        at_check_kind(k, st->u.value, st->target->kind, &here);
        check_target(k, st->target, around);
        break;
    case AT_KEEPING: {
        at_form form = at_fold_info(st->u.keeping.fold)->form;
        int count = st->u.keeping.count;
        CHECK(form == AT_FORM_JOINT ? count > 0 : form == AT_FORM_KEEP && count == 1);
        for (int i = 0; i < count; i++)
            check_part(k, st->u.keeping.fold, &st->u.keeping.parts[i], outer);
        for (int i = 0; i < count; i++) check_target(k, st->u.keeping.parts[i].target, around);
        break;
    }
    case AT_TOPK:
        CHECK(st->target == st->u.topk.target);
        check_part(k, AT_FOLD_TOPK, &st->u.topk, outer);
        check_target(k, st->target, around);
        break;
    case AT_DRAWING:
        at_check_array_known(k, st->target);
        check_draw(k, st->u.drawing.draw, st->u.drawing.args, st->target->kind, &here);
        check_target(k, st->target, around);
        break;
    case AT_TABLE:
        at_check_array_known(k, st->target);
        check_table(k, st);
        check_target(k, st->target, around);
        break;
    case AT_GRAD:
        at_check_array_known(k, st->target);
        check_grad(k, st, &here);
        check_target(k, st->target, around);
        break;
    case AT_NEXT: check_next(k, st, outer); break;
    case AT_SCAN: check_scan(k, st, around, outer); break;
    case AT_REPEAT: check_repeat(k, st, around, outer); break;
    case AT_ASSERT: check_assertion(k, st, outer); break;
    }
}

static void check_block(at_checker *k, const at_block *block, const region *around,
                        const at_scope *outer) {
    for (int i = 0; i < block->count; i++) {
        CHECK(block->items[i] != NULL);
        check_statement(k, block->items[i], around, outer);
    }
}

/* ---- the cascade ----------------------------------------------------------------------------- */

static bool sizes_are_open(void *user, const at_expr *e) {
    const at_checker *k = user;
    if (e->tag == AT_SIZE) CHECK(!e->u.axis->extent && !e->u.axis->like);
    return true;
}

static void check_axes(at_checker *k) {
    const at_cascade *c = k->cascade;
    at_map names = {0};
    for (int i = 0; i < c->axis_count; i++) {
        at_axis *axis = c->axes[i];
        CHECK(axis && axis->id == i && axis->name);
        bool axis_name_is_its_own = !at_map_get(&names, axis->name);
        CHECK(axis_name_is_its_own);
        at_map_put(k->s->arena, &names, axis->name, axis);
        CHECK(!axis->declared || (axis->extent && !axis->like));
        if (axis->like) at_check_axis_known(k, axis->like);
        if (!axis->extent) continue;
        at_check_of_sizes(k, axis->extent, AT_INT);
        at_walk(axis->extent, sizes_are_open, k);
    }
}

static bool is_output(const at_cascade *c, const at_array *array) {
    for (int i = 0; i < c->output_count; i++)
        if (c->outputs[i].array == array) return true;
    return false;
}

/* Names are unique, but for what a repeat carries and an output called like an input. */
static bool may_share_name(const at_cascade *c, const at_array *a, const at_array *b) {
    if (a->role == AT_INPUT && is_output(c, b)) return true;
    if (b->role == AT_INPUT && is_output(c, a)) return true;
    for (int i = 0; i < c->array_count; i++)
        if (c->arrays[i]->role == AT_CARRIED && strcmp(c->arrays[i]->name, a->name) == 0)
            return true;
    return false;
}

static void check_arrays(at_checker *k) {
    const at_cascade *c = k->cascade;
    at_map names = {0};
    for (int i = 0; i < c->array_count; i++) {
        at_array *array = c->arrays[i];
        CHECK(array && array->id == i && array->name && array->path && array->rank >= 0);
        CHECK(!array->inside || array->kind == AT_INT);
        if (array->inside) at_check_axis_known(k, array->inside);
        for (int a = 0; a < array->rank; a++) at_check_axis_known(k, array->axes[a]);
        if (array->role != AT_INPUT) at_check_distinct(k, array->axes, array->rank);
        const at_array *other = at_map_get(&names, array->name);
        bool name_is_its_own = !other || may_share_name(c, array, other);
        CHECK(name_is_its_own);
        bool cotangent_holds_for_the_name = !other || other->cotangent == array->cotangent;
        CHECK(cotangent_holds_for_the_name);
        bool cotangent_is_real = !array->cotangent || array->kind == AT_REAL;
        CHECK(cotangent_is_real);
        CHECK(!array->cotangent || (array->role != AT_PARAM && array->role != AT_STATE));
        at_map_put(k->s->arena, &names, array->name, array);
    }
}

static void check_starts(at_checker *k, const at_start *starts, int count, at_role role) {
    for (int i = 0; i < count; i++) {
        at_array *array = starts[i].array;
        at_check_array_known(k, array);
        CHECK(array->role == role && k->state[array->id] == AT_ABSENT);
        at_scope here = {NULL, array->axes, array->rank};
        CHECK(!starts[i].value || starts[i].draw < 0);
        if (starts[i].value) at_check_kind(k, starts[i].value, array->kind, &here);
        if (starts[i].draw >= 0)
            check_draw(k, (at_draw)starts[i].draw, starts[i].args, array->kind, &here);
        if (role != AT_INPUT) CHECK(starts[i].value || starts[i].draw >= 0);
        k->state[array->id] = AT_DONE;
    }
}

void at_ir_verify(at_session *s, const at_cascade *cascade) {
    at_checker checks = {s, cascade, NULL};
    at_checker *k = &checks;
    CHECK(cascade && cascade->name);
    checks.state = at_alloc(s->arena, (size_t)cascade->array_count);
    CHECK(checks.state != NULL);
    check_axes(k);
    check_arrays(k);
    check_starts(k, cascade->inputs, cascade->input_count, AT_INPUT);
    check_starts(k, cascade->params, cascade->param_count, AT_PARAM);
    check_starts(k, cascade->states, cascade->state_count, AT_STATE);
    for (int i = 0; i < cascade->require_count; i++)
        at_check_of_sizes(k, cascade->requires[i].condition, AT_BOOL);
    check_block(k, &cascade->body, NULL, NULL);
    for (int i = 0; i < cascade->array_count; i++) {
        const at_array *array = cascade->arrays[i];
        bool array_is_written = array->role == AT_CARRIED || k->state[i] == AT_DONE;
        CHECK(array_is_written);
    }
    CHECK(!cascade->law || cascade->output_count == 0);
    for (int i = 0; i < cascade->output_count; i++) {
        at_check_array_known(k, cascade->outputs[i].array);
        CHECK(strcmp(cascade->outputs[i].name, cascade->outputs[i].array->name) == 0);
        CHECK(k->state[cascade->outputs[i].array->id] == AT_DONE);
    }
}
