/* The rules at the head of ir.h, checked for expressions: kinds agree exactly, every index is bound
 * by what stands around it, no axis is bound twice on the way to it, and every array that is read
 * has been written. verify.c, next door, walks the statements and says what stands around. */
#include "ir/ir_int.h"

#define CHECK(condition) AT_ASSERT(k->s, condition)

/* ---- axes ------------------------------------------------------------------------------------ */

void at_check_axis_known(const at_checker *k, const at_axis *axis) {
    CHECK(axis != NULL);
    CHECK(axis->id >= 0 && axis->id < k->cascade->axis_count);
    CHECK(k->cascade->axes[axis->id] == axis);
}

bool at_in_scope(const at_scope *here, const at_axis *axis) {
    for (; here; here = here->outer)
        for (int i = 0; i < here->count; i++)
            if (here->axes[i] == axis) return true;
    return false;
}

void at_check_distinct(const at_checker *k, at_axis *const *axes, int count) {
    for (int i = 0; i < count; i++) {
        at_check_axis_known(k, axes[i]);
        for (int j = 0; j < i; j++) CHECK(axes[i] != axes[j]);
    }
}

/* ---- expressions ----------------------------------------------------------------------------- */

void at_check_kind(const at_checker *k, const at_expr *e, at_kind kind, const at_scope *here) {
    CHECK(e != NULL);
    CHECK(e->kind == kind);
    at_check_expr(k, e, here);
}

void at_check_array_known(const at_checker *k, const at_array *array) {
    CHECK(array != NULL);
    CHECK(array->id >= 0 && array->id < k->cascade->array_count);
    CHECK(k->cascade->arrays[array->id] == array);
}

static void check_read(const at_checker *k, const at_expr *e, const at_scope *here) {
    const at_array *array = e->u.read.array;
    at_check_array_known(k, array);
    bool array_is_written_before_it_is_read = k->state[array->id] != AT_ABSENT;
    CHECK(array_is_written_before_it_is_read);
    CHECK(e->kind == array->kind);
    for (int i = 0; i < array->rank; i++) at_check_kind(k, e->u.read.index[i], AT_INT, here);
    if (e->u.read.alternative) at_check_kind(k, e->u.read.alternative, array->kind, here);
}

static void check_map_kinds(const at_checker *k, const at_expr *e) {
    const at_expr *const *args = e->u.map.args;
    at_kind first = args[0]->kind;
    int arity = at_op_info(e->u.map.op)->arity;
    bool all_alike = true;
    for (int i = 1; i < arity; i++) all_alike &= args[i]->kind == first;
    switch (at_op_info(e->u.map.op)->rule) {
    case AT_RULE_REAL: CHECK(all_alike && first == AT_REAL && e->kind == AT_REAL); break;
    case AT_RULE_SAME:
        CHECK(all_alike && e->kind == first && (first != AT_BOOL || e->u.map.op == AT_OP_STOP));
        break;
    case AT_RULE_INT: CHECK(all_alike && first == AT_INT && e->kind == AT_INT); break;
    case AT_RULE_COMPARE:
        CHECK(all_alike && e->kind == AT_BOOL);
        CHECK(first != AT_BOOL || e->u.map.op == AT_OP_EQ || e->u.map.op == AT_OP_NE);
        break;
    case AT_RULE_LOGIC: CHECK(all_alike && first == AT_BOOL && e->kind == AT_BOOL); break;
    case AT_RULE_TO_REAL: CHECK(first != AT_REAL && e->kind == AT_REAL); break;
    case AT_RULE_TO_INT: CHECK(first == AT_REAL && e->kind == AT_INT); break;
    case AT_RULE_CHOOSE:
        CHECK(first == AT_BOOL && args[1]->kind == args[2]->kind && e->kind == args[1]->kind);
        break;
    }
}

/* What a fold gives for an operand, the operand's kind checked. */
at_kind at_check_operand(const at_checker *k, at_fold fold, at_kind body) {
    switch (at_fold_info(fold)->gives) {
    case AT_GIVES_REAL: CHECK(body == AT_REAL); return AT_REAL;
    case AT_GIVES_SAME: CHECK(body != AT_BOOL); return body;
    case AT_GIVES_INT: CHECK(body != AT_BOOL || fold == AT_FOLD_COUNT); return AT_INT;
    case AT_GIVES_BOOL: CHECK(body == AT_BOOL); return AT_BOOL;
    }
    return AT_REAL;
}

static void check_fold(const at_checker *k, const at_expr *e, const at_scope *here) {
    CHECK(at_fold_info(e->u.fold.fold)->form == AT_FORM_REMOVE);
    CHECK(e->u.fold.count > 0);
    at_check_distinct(k, e->u.fold.axes, e->u.fold.count);
    for (int i = 0; i < e->u.fold.count; i++) {
        bool axis_is_bound_once = !at_in_scope(here, e->u.fold.axes[i]);
        CHECK(axis_is_bound_once);
    }
    at_scope inner = {here, e->u.fold.axes, e->u.fold.count};
    if (e->u.fold.guard) at_check_kind(k, e->u.fold.guard, AT_BOOL, &inner);
    CHECK(e->u.fold.body != NULL);
    CHECK(e->kind == at_check_operand(k, e->u.fold.fold, e->u.fold.body->kind));
    at_check_expr(k, e->u.fold.body, &inner);
}

void at_check_expr(const at_checker *k, const at_expr *e, const at_scope *here) {
    CHECK(e != NULL);
    switch (e->tag) {
    case AT_CONST:
        CHECK(e->kind != AT_BOOL || e->u.integer == 0 || e->u.integer == 1);
        break;
    case AT_SIZE:
        CHECK(e->kind == AT_INT);
        at_check_axis_known(k, e->u.axis);
        break;
    case AT_INDEX: {
        CHECK(e->kind == AT_INT);
        at_check_axis_known(k, e->u.axis);
        bool index_is_bound = at_in_scope(here, e->u.axis);
        CHECK(index_is_bound);
        break;
    }
    case AT_READ: check_read(k, e, here); break;
    case AT_MAP:
        for (int i = 0; i < 3; i++)
            CHECK((e->u.map.args[i] != NULL) == (i < at_op_info(e->u.map.op)->arity));
        check_map_kinds(k, e);
        for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++)
            at_check_expr(k, e->u.map.args[i], here);
        break;
    case AT_FOLD_NODE: check_fold(k, e, here); break;
    }
}

/* Without indices or reads: an extent, a requirement, a table's value. */
static bool leaves_are_sizes(void *user, const at_expr *e) {
    const at_checker *k = user;
    CHECK(e->tag == AT_CONST || e->tag == AT_SIZE || e->tag == AT_MAP);
    if (e->tag == AT_SIZE) at_check_axis_known(k, e->u.axis);
    if (e->tag == AT_MAP) check_map_kinds(k, e);
    return true;
}

void at_check_of_sizes(at_checker *k, const at_expr *e, at_kind kind) {
    CHECK(e && e->kind == kind);
    at_walk(e, leaves_are_sizes, k);
}
