/* Elements without a value: why, where, and how that is told when one of them is needed.
 *
 * A cause is kept once however many elements share it (the same place of the program with the same
 * numbers). Ids depend on which thread came first; what an element's id stands for does not, and
 * that is all a message is made of. */
#include "ref/ref_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_cause(const at_cause *c) {
    uint64_t words[4] = {(uint64_t)(uintptr_t)c->site, (uint64_t)c->kind, (uint64_t)c->value,
                         (uint64_t)c->other};
    uint64_t hash = 0;
    for (int i = 0; i < 4; i++) {
        hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

static bool same_cause(const at_cause *a, const at_cause *b) {
    return a->kind == b->kind && a->site == b->site && a->value == b->value && a->other == b->other;
}

/* The slot of a cause, or the empty one where it would go. */
static uint32_t *find_slot(const at_ref *ref, uint32_t *slots, int count, const at_cause *cause) {
    uint64_t at = hash_cause(cause);
    for (;; at++) {
        uint32_t *slot = &slots[at & (uint64_t)(count - 1)];
        if (*slot == 0 || same_cause(&ref->causes[*slot], cause)) return slot;
    }
}

static bool grow(at_ref *ref) {
    int capacity = ref->cause_capacity ? 2 * ref->cause_capacity : 64;
    int slot_count = 2 * capacity;
    at_cause *causes = at_take(ref, (size_t)capacity, sizeof *causes);
    uint32_t *slots = at_take(ref, (size_t)slot_count, sizeof *slots);
    if (!causes || !slots) {
        at_give_back(ref, causes, (size_t)capacity, sizeof *causes);
        at_give_back(ref, slots, (size_t)slot_count, sizeof *slots);
        return false;
    }
    at_move(causes, ref->causes, sizeof *causes * (size_t)ref->cause_count);
    at_give_back(ref, ref->causes, (size_t)ref->cause_capacity, sizeof *causes);
    at_give_back(ref, ref->slots, (size_t)ref->slot_count, sizeof *slots);
    ref->causes = causes;
    ref->slots = slots;
    ref->cause_capacity = capacity;
    ref->slot_count = slot_count;
    if (ref->cause_count == 0) ref->cause_count = 1; /* id 0 means none */
    for (int i = 1; i < ref->cause_count; i++)
        *find_slot(ref, slots, slot_count, &causes[i]) = (uint32_t)i;
    return true;
}

uint32_t at_cause_id(at_ref *ref, at_cause_kind kind, const at_site *site, int64_t value,
                     int64_t other) {
    at_cause cause = {kind, site, value, other};
    uint32_t id = 0;
    omp_set_lock(&ref->lock);
    if (ref->cause_count < ref->cause_capacity || grow(ref)) {
        uint32_t *slot = find_slot(ref, ref->slots, ref->slot_count, &cause);
        if (*slot == 0) {
            *slot = (uint32_t)ref->cause_count;
            ref->causes[ref->cause_count++] = cause;
        }
        id = *slot;
    }
    omp_unset_lock(&ref->lock);
    return id ? id : 1; /* without memory the run stops anyway */
}

void at_poison(at_ref *ref, at_store *store, int64_t at, uint32_t cause) {
    at_store_put(store, at, (at_cell){.i = 0});
    uint32_t *poison = atomic_load_explicit(&store->poison, memory_order_acquire);
    if (!poison) {
        omp_set_lock(&ref->lock);
        poison = store->poison;
        if (!poison) {
            poison = at_take(ref, (size_t)store->count, sizeof *poison);
            atomic_store_explicit(&store->poison, poison, memory_order_release);
        }
        omp_unset_lock(&ref->lock);
    }
    if (poison) poison[at] = cause;
}

/* ---- messages -------------------------------------------------------------------------------- */

const char *at_element_text(at_ref *ref, const char *name, const at_axis *const *axes,
                            const int64_t *extents, int rank, int64_t at) {
    int64_t index[AT_RANK_LIMIT];
    for (int i = rank - 1; i >= 0; i--) {
        index[i] = at % extents[i];
        at /= extents[i];
    }
    at_text text = {0};
    at_text_add(&text, name);
    for (int i = 0; i < rank; i++)
        at_text_addf(&text, "%s%s=%" PRId64, i ? ", " : "[", axes[i]->name, index[i]);
    if (rank) at_text_add(&text, "]");
    const char *copy = at_format(ref->arena, "%s", text.data ? text.data : name);
    at_text_free(&text);
    return copy;
}

static at_diag *report_outside(at_ref *ref, const at_cause *cause) {
    at_session *s = ref->s;
    const at_site *site = cause->site;
    const at_axis *axis = site->array->axes[site->dimension];
    int64_t extent = ref->extents[axis->id];
    at_diag *diag = at_error(s, AT_E_RUN_OUTSIDE, site->span,
                             "`%s` is read outside: its index along `%s` is %" PRId64
                             ", and the size of `%s` is %" PRId64,
                             site->array->name, axis->name, cause->value, axis->name, extent);
    at_label(s, diag, "this is %" PRId64, cause->value);
    const at_expr *index = site->expr->u.read.index[site->dimension];
    if (site->expr->u.read.alternative)
        at_hint(s, diag, "an alternative stands in for a plain index only if `axis` declared it");
    else if (cause->value == -1 && index->tag == AT_READ)
        at_hint(s, diag, "-1 stands for what topk or argmax did not find: keep it out by a guard, "
                "where %s[…] >= 0", index->u.read.array->name);
    else if (cause->value == INT64_MIN)
        at_hint(s, diag, "int(x) gives this for NaN, and for x beyond the ints");
    else
        at_hint(s, diag, "`%s[… | 0]` reads 0 outside; or keep it out by a guard",
                site->array->name);
    return diag;
}

static at_diag *report_arithmetic(at_ref *ref, const at_cause *cause) {
    at_session *s = ref->s;
    at_span span = cause->site->span;
    const at_expr *e = cause->site->expr;
    const char *text = e && e->tag == AT_MAP ? at_op_info(e->u.map.op)->text
                       : e ? at_fold_info(e->u.fold.fold)->text : "this";
    if (cause->kind == AT_CAUSE_DIVISION)
        return at_error(s, AT_E_RUN_DIVISION, span, "%" PRId64 " %s 0: ints cannot be divided by 0",
                        cause->value, text);
    if (cause->kind == AT_CAUSE_POWER)
        return at_error(s, AT_E_RUN_POWER, span,
                        "ipow(%" PRId64 ", %" PRId64 "): an int has no negative powers",
                        cause->value, cause->other);
    at_diag *diag = at_error(s, AT_E_RUN_OVERFLOW, span, "an int leaves its range of 64 bits");
    if (e && e->tag == AT_MAP && at_op_info(e->u.map.op)->arity == 2)
        at_label(s, diag, "%s of %" PRId64 " and %" PRId64, text, cause->value, cause->other);
    else
        at_label(s, diag, "at %" PRId64, cause->value);
    return diag;
}

static at_diag *report_early(at_ref *ref, const at_cause *cause) {
    at_session *s = ref->s;
    const at_site *site = cause->site;
    at_diag *diag = at_error(s, AT_E_RUN_EARLY, site->span,
                             "`%s` is read at %s = %" PRId64 ", which is not computed yet at %s = %"
                             PRId64, site->array->name, site->scan->name, cause->value,
                             site->scan->name, cause->other);
    at_hint(s, diag, "a scan may only read what is earlier");
    return diag;
}

void at_report_cause(at_ref *ref, uint32_t id, const char *needed) {
    at_session *s = ref->s;
    const at_cause *cause = &ref->causes[id];
    at_diag *diag = NULL;
    switch (cause->kind) {
    case AT_CAUSE_OUTSIDE: diag = report_outside(ref, cause); break;
    case AT_CAUSE_OVERFLOW:
    case AT_CAUSE_DIVISION:
    case AT_CAUSE_POWER: diag = report_arithmetic(ref, cause); break;
    case AT_CAUSE_EARLY: diag = report_early(ref, cause); break;
    case AT_CAUSE_EMPTY:
        diag = at_error(s, AT_E_RUN_EMPTY, cause->site->span,
                        "the largest or smallest of no ints does not exist");
        at_hint(s, diag, "over nothing, reals give -inf or inf: real(…) makes them of ints");
        break;
    case AT_CAUSE_ROUNDS:
        diag = at_error(s, AT_E_RUN_ROUNDS, cause->site->span,
                        "`%s` is first defined in a repeat, and no round of it ran",
                        cause->site->array->name);
        at_hint(s, diag, "define it before the repeat as well");
        break;
    }
    at_note(s, diag, at_no_span(), "needed for %s", needed);
}

bool at_check_store(at_ref *ref, const at_store *store, const char *what, const char *name) {
    const uint32_t *poison = store->poison;
    if (!poison) return true;
    for (int64_t at = 0; at < store->count; at++) {
        if (!poison[at]) continue;
        const char *element =
            at_element_text(ref, name, store->axes, store->extents, store->rank, at);
        at_report_cause(ref, poison[at], at_format(ref->arena, "%s`%s`", what, element));
        return false;
    }
    return true;
}
