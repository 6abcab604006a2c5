/* Which arrays may hold structural zeros: cotangents, those a guarded softmax makes, and what
 * products, quotients with one above, negations, sums of only such, reads and `if` pass on. Found
 * once per run by going over the statements until nothing changes, as scans and repeats read what
 * comes later. `stop(x)` is x, so it passes them on too. */
#include "ref/ref_int.h"

static bool map_may_be_zero(const at_ref *ref, const at_expr *e) {
    const at_expr *const *args = e->u.map.args;
    switch (e->u.map.op) {
    case AT_OP_NEG:
    case AT_OP_STOP:
    case AT_OP_TO_REAL:
    case AT_OP_DIV: return at_may_be_zero(ref, args[0]);
    case AT_OP_MUL: return at_may_be_zero(ref, args[0]) || at_may_be_zero(ref, args[1]);
    case AT_OP_ADD:
    case AT_OP_SUB: return at_may_be_zero(ref, args[0]) && at_may_be_zero(ref, args[1]);
    case AT_OP_IF: return at_may_be_zero(ref, args[1]) || at_may_be_zero(ref, args[2]);
    default: return false;
    }
}

bool at_may_be_zero(const at_ref *ref, const at_expr *e) {
    if (!ref->any_zeroable || e->kind != AT_REAL) return false;
    switch (e->tag) {
    case AT_READ:
        return ref->zeroable[e->u.read.array->id] ||
               (e->u.read.alternative && at_may_be_zero(ref, e->u.read.alternative));
    case AT_MAP: return map_may_be_zero(ref, e);
    case AT_FOLD_NODE:
        return (e->u.fold.fold == AT_FOLD_SUM || e->u.fold.fold == AT_FOLD_PROD) &&
               at_may_be_zero(ref, e->u.fold.body);
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: break;
    }
    return false;
}

typedef struct {
    at_ref *ref;
    bool changed;
} search;

static void mark(search *what, const at_array *array, bool zeroable) {
    if (!zeroable || what->ref->zeroable[array->id]) return;
    what->ref->zeroable[array->id] = what->ref->any_zeroable = what->changed = true;
}

static bool look_at_statement(void *user, const at_statement *st) {
    search *what = user;
    const bool *zeroable = what->ref->zeroable;
    if (st->tag == AT_EQUATION) {
        mark(what, st->target, at_may_be_zero(what->ref, st->u.value));
    } else if (st->tag == AT_KEEPING && st->u.keeping.fold == AT_FOLD_SOFTMAX) {
        for (int i = 0; i < st->u.keeping.count; i++)
            mark(what, st->u.keeping.parts[i].target, st->u.keeping.parts[i].guard != NULL);
    } else if (st->tag == AT_REPEAT) {
        for (int i = 0; i < st->u.repeat.carried_count; i++) {
            const at_carried *c = &st->u.repeat.carried[i];
            mark(what, c->inside, zeroable[c->before->id] || zeroable[c->next->id]);
            mark(what, c->after, zeroable[c->inside->id]);
        }
    }
    return true;
}

void at_find_zeros(at_ref *ref) {
    search what = {ref, true};
    for (int i = 0; i < ref->cascade->array_count; i++)
        mark(&what, ref->cascade->arrays[i], ref->cascade->arrays[i]->cotangent);
    what.changed = true;
    while (what.changed) {
        what.changed = false;
        at_walk_block(&ref->cascade->body, look_at_statement, &what);
    }
}
