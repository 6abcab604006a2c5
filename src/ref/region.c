/* Regions: scans and repeats, and the order of steps in general.
 *
 * A repeat carries a value in four arrays: `inside` gets a copy of `before` and, after each round,
 * of `next`; what is left in it is `after`, which shares its store. Inside of a scan only the slice
 * at the scan's current indices is copied, as the rest is history. */
#include "ref/ref_int.h"

#include <string.h>

/* ---- slices ---------------------------------------------------------------------------------- */

static const at_axis *region_axis(const at_place *place, const at_axis *axis) {
    for (int i = 0; i < place->depth; i++) {
        const at_statement *st = place->regions[i];
        if (st->tag == AT_REPEAT && st->u.repeat.round == axis) return axis;
        for (int k = 0; st->tag == AT_SCAN && k < st->u.scan.count; k++)
            if (st->u.scan.axes[k] == axis) return axis;
    }
    return NULL;
}

/* Calls `act` for runs of neighbours that together are the part of a store that belongs to the
 * current indices of the regions in `place`. */
typedef void (*slice_act)(at_ref *ref, at_store *store, const at_store *from, int64_t at,
                          int64_t count, uint32_t cause);

static void on_slice(at_ref *ref, const at_place *place, at_store *store, const at_store *from,
                     uint32_t cause, slice_act act) {
    int outer = store->rank;
    int64_t index[AT_RANK_LIMIT] = {0}, run = 1;
    bool fixed[AT_RANK_LIMIT];
    if (store->count == 0 || store == from) return;
    for (int i = 0; i < store->rank; i++) {
        fixed[i] = region_axis(place, store->axes[i]) != NULL;
        if (fixed[i]) index[i] = ref->index[store->axes[i]->id];
    }
    while (outer > 0 && !fixed[outer - 1]) run *= store->extents[--outer];
    for (;;) {
        int64_t at = 0;
        for (int i = 0; i < outer; i++) at += index[i] * store->strides[i];
        act(ref, store, from, at, run, cause);
        int i = outer - 1;
        for (; i >= 0; i--) {
            if (fixed[i]) continue;
            if (++index[i] < store->extents[i]) break;
            index[i] = 0;
        }
        if (i < 0) return;
    }
}

static size_t element_bytes(const at_store *store) { return store->kind == AT_BOOL ? 1 : 8; }

static void copy_run(at_ref *ref, at_store *store, const at_store *from, int64_t at, int64_t count,
                     uint32_t cause) {
    (void)cause;
    size_t size = element_bytes(store), n = (size_t)count;
    size_t byte = (size_t)at * size;
    memcpy((char *)store->at.any + byte, (const char *)from->at.any + byte, n * size);
    if (store->zero && from->zero) memcpy(store->zero + at, from->zero + at, n);
    else if (store->zero) memset(store->zero + at, 0, n);
    const uint32_t *poison = from->poison;
    if (store->poison) memset(store->poison + at, 0, n * sizeof *poison);
    for (int64_t i = at; poison && i < at + count; i++)
        if (poison[i]) at_poison(ref, store, i, poison[i]);
}

static void clear_run(at_ref *ref, at_store *store, const at_store *from, int64_t at, int64_t count,
                      uint32_t cause) {
    (void)ref, (void)from, (void)cause;
    size_t size = element_bytes(store), n = (size_t)count;
    memset((char *)store->at.any + (size_t)at * size, 0, n * size);
    if (store->zero) memset(store->zero + at, 0, n);
    if (store->poison) memset(store->poison + at, 0, n * sizeof(uint32_t));
}

static void poison_run(at_ref *ref, at_store *store, const at_store *from, int64_t at,
                       int64_t count, uint32_t cause) {
    (void)from;
    for (int64_t i = at; i < at + count; i++) at_poison(ref, store, i, cause);
}

/* ---- repeats --------------------------------------------------------------------------------- */

static bool has_axis(const at_store *store, const at_axis *axis) {
    for (int i = 0; i < store->rank; i++)
        if (store->axes[i] == axis) return true;
    return false;
}

/* What the body defines and outlives it: collected rounds begin as 0; when no round runs the rest
 * has no value. */
static void begin_defined(at_ref *ref, const at_step *repeat, const at_array *array, bool none) {
    at_store *store = ref->stores[array->id];
    if (!store->tensor) return;
    if (has_axis(store, repeat->st->u.repeat.round)) {
        if (!none) on_slice(ref, &repeat->place, store, NULL, 0, clear_run);
    } else if (none) {
        uint32_t cause = at_cause_id(ref, AT_CAUSE_ROUNDS, &ref->sites[array->id], 0, 0);
        on_slice(ref, &repeat->place, store, NULL, cause, poison_run);
    }
}

static void begin_body(at_ref *ref, const at_step *repeat, const at_steps *body, bool none) {
    for (int i = 0; i < body->count; i++) {
        const at_statement *st = body->items[i].st;
        if (st->target && st->tag != AT_NEXT) begin_defined(ref, repeat, st->target, none);
        for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
            begin_defined(ref, repeat, st->u.keeping.parts[k].target, none);
        for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++)
            begin_defined(ref, repeat, st->u.repeat.carried[k].inside, none);
        begin_body(ref, repeat, &body->items[i].body, none);
    }
}

/* 1: another round; 0: no more; -1: the condition has no value. */
static int goes_on(at_ref *ref, const at_step *step, int64_t round) {
    const at_statement *st = step->st;
    if (round >= st->u.repeat.count) return 0;
    if (!st->u.repeat.condition) return 1;
    at_cell value;
    uint32_t cause;
    if (at_unit_value(ref, step->units[0], &value, &cause)) return value.i != 0;
    if (!ref->stopped)
        at_report_cause(ref, cause,
                        at_format(ref->arena, "the `while` of this repeat, before round %lld",
                                  (long long)round));
    return -1;
}

static bool run_repeat(at_ref *ref, const at_step *step) {
    const at_statement *st = step->st;
    for (int i = 0; i < st->u.repeat.carried_count; i++) {
        const at_carried *c = &st->u.repeat.carried[i];
        on_slice(ref, &step->place, ref->stores[c->inside->id], ref->stores[c->before->id], 0,
                 copy_run);
    }
    begin_body(ref, step, &step->body, false);
    int64_t round = 0;
    for (;; round++) {
        ref->index[st->u.repeat.round->id] = round;
        int more = goes_on(ref, step, round);
        if (more < 0) return false;
        if (more == 0) break;
        if (!at_steps_run(ref, &step->body)) return false;
        for (int i = 0; i < st->u.repeat.carried_count; i++) {
            const at_carried *c = &st->u.repeat.carried[i];
            on_slice(ref, &step->place, ref->stores[c->inside->id], ref->stores[c->next->id], 0,
                     copy_run);
        }
        for (int i = 0; i < step->body.end_count; i++) at_store_free(ref, step->body.ends[i]);
    }
    if (round == 0) begin_body(ref, step, &step->body, true);
    return true;
}

/* ---- scans ----------------------------------------------------------------------------------- */

static bool run_scan(at_ref *ref, const at_step *step) {
    const at_statement *st = step->st;
    int count = st->u.scan.count;
    for (int i = 0; i < count; i++) {
        const at_axis *axis = st->u.scan.axes[i];
        if (ref->extents[axis->id] == 0) return true;
        ref->index[axis->id] = st->u.scan.down[i] ? ref->extents[axis->id] - 1 : 0;
    }
    for (;;) {
        if (!at_steps_run(ref, &step->body)) return false;
        int i = count - 1;
        for (; i >= 0; i--) {
            const at_axis *axis = st->u.scan.axes[i];
            int64_t last = ref->extents[axis->id] - 1, *index = &ref->index[axis->id];
            bool down = st->u.scan.down[i];
            if (*index != (down ? 0 : last)) {
                *index += down ? -1 : 1;
                break;
            }
            *index = down ? last : 0;
        }
        if (i < 0) return true;
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void run_table(at_ref *ref, const at_step *step) {
    at_store *store = step->target;
    for (int64_t at = 0; at < store->count; at++) {
        at_cell value;
        uint32_t cause;
        if (at_unit_value(ref, step->units[at], &value, &cause)) at_store_put(store, at, value);
        else if (!ref->stopped) at_poison(ref, store, at, cause);
    }
}

static bool run_step(at_ref *ref, const at_step *step) {
    switch (step->st->tag) {
    case AT_EQUATION:
    case AT_DRAWING:
    case AT_NEXT: at_unit_run(ref, step->units[0]); return true;
    case AT_KEEPING: at_keeping_run(ref, step); return true;
    case AT_TOPK: at_topk_run(ref, step); return true;
    case AT_TABLE: run_table(ref, step); return true;
    case AT_SCAN: return run_scan(ref, step);
    case AT_REPEAT: return run_repeat(ref, step);
    case AT_ASSERT: return at_assertion_run(ref, step);
    case AT_GRAD: break; /* at_prepare has none */
    }
    return false;
}

bool at_steps_run(at_ref *ref, const at_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_step *step = &steps->items[i];
        for (int k = 0; k < step->begin_count; k++)
            if (!at_store_allocate(ref, step->begins[k])) return false;
        if (!run_step(ref, step) || ref->stopped) return false;
        for (int k = 0; k < step->end_count; k++) at_store_free(ref, step->ends[k]);
        ref->done += step->work;
    }
    return true;
}
