/* What surely has a value. A condition of a local derivative that may fail must not be asked where
 * nobody needs it; most cannot, and then the derivative need not say so.
 *
 * An expression is total if its indices are proved to lie inside, it divides ints by numbers only,
 * and the arrays it reads are total. Arrays that read each other (scans, repeats) are taken for
 * total until one of them is seen not to be. */
#include "grad/grad_int.h"

enum { UNKNOWN, ASSUMED, TOTAL, PARTIAL };

static bool is_total_array(at_derivation *g, const at_array *array);

static bool is_inside(at_derivation *g, const at_expr *index, const at_axis *axis) {
    if (index->tag == AT_INDEX && at_same_extent(index->u.axis, axis)) return true;
    at_session *s = g->s;
    return !at_between(s, g->draft->out, at_int(s, 0, index->span), index,
                       at_size_of(s, axis, index->span));
}

/* In a scan, an element of another step may be one that is not computed yet. */
static bool is_other_step(at_derivation *g, const at_array *array, int m, const at_expr *index) {
    const at_slot *slot = at_slot_of(g, array);
    for (int i = 0; i < slot->step_count; i++)
        if (slot->steps[i] == array->axes[m])
            return index->tag != AT_INDEX || index->u.axis != array->axes[m];
    return false;
}

static bool is_total_read(at_derivation *g, const at_expr *e) {
    const at_array *array = e->u.read.array;
    const at_expr *alternative = e->u.read.alternative;
    if (alternative && !at_is_total(g, alternative)) return false;
    for (int m = 0; m < array->rank; m++) {
        const at_expr *index = e->u.read.index[m];
        bool open = alternative && (index->tag != AT_INDEX || index->u.axis->declared);
        if (!at_is_total(g, index) || is_other_step(g, array, m, index)) return false;
        if (!open && !is_inside(g, index, array->axes[m])) return false;
    }
    return is_total_array(g, array);
}

static bool is_total_map(at_derivation *g, const at_expr *e) {
    at_op op = e->u.map.op;
    const at_expr *const *args = e->u.map.args;
    if (op == AT_OP_IPOW) return false;
    if ((op == AT_OP_IDIV || op == AT_OP_MOD) &&
        (args[1]->tag != AT_CONST || args[1]->u.integer == 0))
        return false;
    for (int i = 0; i < at_op_info(op)->arity; i++)
        if (!at_is_total(g, args[i])) return false;
    return true;
}

bool at_is_total(at_derivation *g, const at_expr *e) {
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return true;
    case AT_READ: return is_total_read(g, e);
    case AT_MAP: return is_total_map(g, e);
    case AT_FOLD_NODE: break;
    }
    bool extreme = e->u.fold.fold == AT_FOLD_MAX || e->u.fold.fold == AT_FOLD_MIN;
    if (extreme && e->kind == AT_INT) return false; /* over nothing it is an error */
    return (!e->u.fold.guard || at_is_total(g, e->u.fold.guard)) && at_is_total(g, e->u.fold.body);
}

static bool is_total_part(at_derivation *g, const at_part *part) {
    return (!part->guard || at_is_total(g, part->guard)) && at_is_total(g, part->body);
}

static bool is_total_statement(at_derivation *g, const at_statement *st) {
    switch (st->tag) {
    case AT_EQUATION: return at_is_total(g, st->u.value);
    case AT_KEEPING:
        for (int i = 0; i < st->u.keeping.count; i++)
            if (!is_total_part(g, &st->u.keeping.parts[i])) return false;
        return true;
    case AT_TOPK: return is_total_part(g, &st->u.topk);
    case AT_DRAWING:
        for (int i = 0; i < at_draw_info(st->u.drawing.draw)->parameters; i++)
            if (!at_is_total(g, st->u.drawing.args[i])) return false;
        return true;
    case AT_TABLE: return true;
    case AT_GRAD:
    case AT_NEXT:
    case AT_SCAN:
    case AT_REPEAT:
    case AT_ASSERT: break;
    }
    return false;
}

/* A value of a repeat's body that is read outside has none where no round ran. */
static bool always_runs(const at_slot *slot) {
    for (const at_reversed *r = slot->region; r; r = r->outer)
        if (r->forward->tag == AT_REPEAT &&
            (r->forward->u.repeat.condition || r->forward->u.repeat.count == 0))
            return false;
    return true;
}

static bool is_total_array(at_derivation *g, const at_array *array) {
    at_slot *slot = at_slot_of(g, array);
    if (array->role == AT_INPUT || array->role == AT_PARAM || array->role == AT_STATE) return true;
    if (slot->total != UNKNOWN) return slot->total != PARTIAL;
    slot->total = ASSUMED;
    bool total = always_runs(slot);
    if (slot->carried)
        total = is_total_array(g, slot->carried->before) && is_total_array(g, slot->carried->next);
    else total = total && slot->by && is_total_statement(g, slot->by);
    at_slot_of(g, array)->total = total ? TOTAL : PARTIAL; /* slots may have moved */
    /* What was found total meanwhile may rest on the assumption that this one is. */
    for (int id = 0; id < g->slot_count && !total; id++)
        if (g->slots[id].total == TOTAL) g->slots[id].total = UNKNOWN;
    return total;
}
