/* Memory: what every array needs, when it lives, and whether all of that fits.
 *
 * An array lives in the innermost block that holds its definition and all its uses, from the step
 * that defines it to the last that uses it; so what a block of a deep network needs is held once,
 * and only while that block runs. A scan's arrays are whole histories and live outside of the scan,
 * as does what a repeat carries or collects. The peak of all this is known before the first element
 * is computed, and a run that does not fit is refused with the array to blame. What cannot be known
 * before (marks of elements without a value) is counted as it comes. */
#include "ref/ref_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- stores ---------------------------------------------------------------------------------- */

static size_t kind_bytes(at_kind kind) { return kind == AT_BOOL ? 1 : 8; }

static at_type kind_type(at_kind kind) {
    return kind == AT_REAL ? AT_TYPE_F64 : kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
}

static void refuse_shape(at_ref *ref, const at_store *store, at_span span) {
    at_text text = {0};
    for (int i = 0; i < store->rank; i++)
        at_text_addf(&text, "%s%s = %" PRId64, i ? ", " : "", store->axes[i]->name,
                     store->extents[i]);
    const char *shape = at_format(ref->arena, "%s", text.data ? text.data : "");
    at_text_free(&text);
    at_error(ref->s, AT_E_RUN_MEMORY, span, "`%s` is larger than any memory can hold, with %s",
             store->name, shape);
}

at_store *at_store_new(at_ref *ref, const at_array *array, const char *name, at_kind kind,
                       at_axis *const *axes, int rank, bool zeroable) {
    at_store *store = AT_NEW(ref->arena, at_store);
    store->array = array;
    store->name = name;
    store->kind = kind;
    store->rank = rank;
    store->axes = AT_NEW_ARRAY(ref->arena, const at_axis *, rank);
    store->extents = AT_NEW_ARRAY(ref->arena, int64_t, rank);
    store->strides = AT_NEW_ARRAY(ref->arena, int64_t, rank);
    for (int i = 0; i < rank; i++) {
        store->axes[i] = axes[i];
        store->extents[i] = ref->extents[axes[i]->id];
    }
    store->count = at_shape_count(store->extents, rank, kind_bytes(kind) + 1);
    if (store->count < 0) {
        refuse_shape(ref, store, array ? array->span : at_no_span());
        store->count = 0;
    }
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        store->strides[i] = store->count ? stride : 0;
        if (store->count) stride *= store->extents[i];
    }
    store->cotangent = array && array->cotangent;
    store->zeroable = zeroable && !store->cotangent;
    store->id = ref->store_count;
    AT_PUSH(ref->arena, ref->all_stores, ref->store_count, ref->store_capacity, store);
    return store;
}

void *at_take(at_ref *ref, size_t count, size_t size) {
    size_t bytes = count * size;
    if (atomic_fetch_add(&ref->used, bytes) + bytes <= ref->limit) {
        void *memory = calloc(count ? count : 1, size);
        if (memory) return memory;
    }
    atomic_fetch_sub(&ref->used, bytes);
    ref->exhausted = ref->stopped = true;
    return NULL;
}

void at_give_back(at_ref *ref, void *memory, size_t count, size_t size) {
    if (!memory) return;
    free(memory);
    atomic_fetch_sub(&ref->used, count * size);
}

static size_t store_bytes(const at_store *store) {
    return (size_t)store->count * (kind_bytes(store->kind) + (store->zeroable ? 1 : 0));
}

bool at_store_allocate(at_ref *ref, at_store *store) {
    if (store->tensor) return true;
    store->tensor = at_tensor_new(ref->s, kind_type(store->kind), store->extents, store->rank,
                                  store->name);
    if (!store->tensor) return false;
    store->at.any = store->tensor->data;
    if (store->zeroable) {
        store->zero = calloc((size_t)store->count + 1, 1);
        if (!store->zero) {
            ref->exhausted = ref->stopped = true;
            return false;
        }
    }
    atomic_fetch_add(&ref->used, store_bytes(store));
    return true;
}

void at_store_put(at_store *store, int64_t at, at_cell value) {
    switch (store->kind) {
    case AT_REAL: store->at.real[at] = value.r; break;
    case AT_INT: store->at.integer[at] = value.i; break;
    case AT_BOOL: store->at.boolean[at] = value.i != 0; break;
    }
    if (store->zero) store->zero[at] = 0;
    uint32_t *poison = atomic_load_explicit(&store->poison, memory_order_acquire);
    if (poison) poison[at] = 0;
}

void at_store_free(at_ref *ref, at_store *store) {
    uint32_t *poison = store->poison;
    at_give_back(ref, poison, (size_t)store->count, sizeof *poison);
    store->poison = NULL;
    free(store->zero);
    store->zero = NULL;
    if (store->tensor) {
        at_tensor_free(store->tensor);
        atomic_fetch_sub(&ref->used, store_bytes(store));
    }
    store->tensor = NULL;
    store->at.any = NULL;
}

/* ---- where arrays live ----------------------------------------------------------------------- */

typedef struct {
    at_steps *block; /* NULL: not seen yet */
    at_step *parent;
    int first, last;
} life;

static int depth_of(const at_step *parent) {
    int depth = 0;
    for (; parent; parent = parent->parent) depth++;
    return depth;
}

static void climb(life *at) {
    at->first = at->last = at->parent->index;
    at->block = (at_steps *)(uintptr_t)at->parent->block;
    at->parent = at->parent->parent;
}

/* Makes the life include a use. */
static void include(life *at, life use) {
    if (!at->block) {
        *at = use;
        return;
    }
    while (at->block != use.block) {
        if (depth_of(at->parent) > depth_of(use.parent)) climb(at);
        else if (depth_of(at->parent) < depth_of(use.parent)) climb(&use);
        else climb(at), climb(&use);
    }
    if (use.first < at->first) at->first = use.first;
    if (use.last > at->last) at->last = use.last;
}

typedef struct {
    at_ref *ref;
    life *lives; /* by position in all_stores */
    at_step *step;
} planning;

static life *life_of(const planning *p, const at_store *store) { return &p->lives[store->id]; }

static void use_array(planning *p, const at_array *array) {
    const at_step *step = p->step;
    life use = {(at_steps *)(uintptr_t)step->block, step->parent, step->index, step->index};
    include(life_of(p, p->ref->stores[array->id]), use);
}

/* What a round gives to the next is used when all of the body's steps are done. */
static void use_next(planning *p, const at_array *array, at_step *repeat) {
    at_steps *body = &repeat->body;
    life use = {body, repeat, body->count, body->count};
    include(life_of(p, p->ref->stores[array->id]), use);
}

static bool use_reads(void *user, const at_expr *e) {
    if (e->tag == AT_READ) use_array(user, e->u.read.array);
    return true;
}

/* A region that an axis of the array belongs to is a history: the array lives outside. */
static void leave_histories(planning *p, const at_array *array) {
    life *at = life_of(p, p->ref->stores[array->id]);
    while (at->parent) {
        bool inside = false;
        for (const at_step *region = at->parent; region; region = region->parent)
            for (int k = 0; k < array->rank; k++) {
                const at_statement *st = region->st;
                if (st->tag == AT_REPEAT) inside |= st->u.repeat.round == array->axes[k];
                for (int i = 0; st->tag == AT_SCAN && i < st->u.scan.count; i++)
                    inside |= st->u.scan.axes[i] == array->axes[k];
            }
        if (!inside) return;
        climb(at);
    }
}

static void use_steps(planning *p, at_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        at_step *step = &steps->items[i];
        const at_statement *st = step->st;
        p->step = step;
        at_walk_statement(st, use_reads, p);
        if (st->target && st->tag != AT_NEXT) use_array(p, st->target);
        for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
            use_array(p, st->u.keeping.parts[k].target);
        for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++) {
            use_array(p, st->u.repeat.carried[k].before);
            use_array(p, st->u.repeat.carried[k].inside);
            use_next(p, st->u.repeat.carried[k].next, step);
        }
        use_steps(p, &step->body);
    }
}

static bool is_given(const at_array *array) {
    return array->role == AT_INPUT || array->role == AT_PARAM || array->role == AT_STATE;
}

static void assign_lives(planning *p) {
    at_ref *ref = p->ref;
    for (int i = 0; i < ref->cascade->array_count; i++) {
        const at_array *array = ref->cascade->arrays[i];
        if (!is_given(array) && life_of(p, ref->stores[i])->block) leave_histories(p, array);
    }
    for (int i = 0; i < ref->cascade->output_count; i++) {
        life *at = life_of(p, ref->stores[ref->cascade->outputs[i].array->id]);
        while (at->block && at->parent) climb(at);
        at->last = -1; /* to the end of the run */
    }
    for (int i = 0; i < ref->store_count; i++) {
        life *at = &p->lives[i];
        at_store *store = ref->all_stores[i];
        if (!store->array || is_given(store->array) || !at->block) continue;
        at_step *first = &at->block->items[at->first];
        AT_PUSH(ref->arena, first->begins, first->begin_count, first->begin_capacity, store);
        if (at->last < 0) continue;
        if (at->last == at->block->count) {
            AT_PUSH(ref->arena, at->block->ends, at->block->end_count, at->block->end_capacity,
                    store);
            continue;
        }
        at_step *last = &at->block->items[at->last];
        AT_PUSH(ref->arena, last->ends, last->end_count, last->end_capacity, store);
    }
}

/* ---- work, for progress and threads ---------------------------------------------------------- */

static double scan_steps(const at_ref *ref, const at_step *step) {
    double steps = 1;
    if (step->st->tag == AT_SCAN)
        for (int k = 0; k < step->st->u.scan.count; k++)
            steps *= (double)ref->extents[step->st->u.scan.axes[k]->id];
    return steps;
}

static double work_of(const at_ref *ref, at_steps *steps) {
    double work = 0;
    for (int i = 0; i < steps->count; i++) {
        at_step *step = &steps->items[i];
        const at_statement *st = step->st;
        step->work = 1;
        for (int k = 0; k < step->unit_count; k++) {
            const at_unit *unit = step->units[k];
            step->work += unit->cost * (double)unit->rows * (double)unit->width;
            for (int n = 0; n < unit->scatter_count; n++) {
                const at_unit *pass = unit->scatters[n]->pass;
                step->work += pass->cost * (double)pass->rows * (double)pass->width;
            }
        }
        double body = work_of(ref, &step->body), times = 1;
        if (st->tag == AT_REPEAT) times = (double)st->u.repeat.count;
        work += step->work + body * times * scan_steps(ref, step);
    }
    return work;
}

/* ---- the peak -------------------------------------------------------------------------------- */

/* Of the scatters that a unit waits for, with those that they wait for. */
static double scatter_bytes(const at_unit *unit) {
    double bytes = 0;
    for (int k = 0; k < unit->scatter_count; k++) {
        const at_unit *pass = unit->scatters[k]->pass;
        bytes += (double)store_bytes(unit->scatters[k]->store) + scatter_bytes(pass) +
                 (double)pass->columns * AT_COLUMNS * sizeof(at_cell);
    }
    return bytes;
}

/* A row holds value, tag and cause, and where it is sorted two orders. */
static double scratch_bytes(const at_step *step) {
    bool rows = step->st->tag == AT_KEEPING || step->st->tag == AT_TOPK;
    double bytes = 0, cell = rows ? 29 : 13;
    for (int i = 0; i < step->unit_count; i++) {
        const at_unit *unit = step->units[i];
        double frames = rows ? unit->frame_count : 1;
        bytes += frames * cell * (double)unit->row_length + scatter_bytes(unit);
    }
    return bytes;
}

static double peak_of(const at_steps *steps) {
    double now = 0, peak = 0;
    for (int i = 0; i < steps->count; i++) {
        const at_step *step = &steps->items[i];
        for (int k = 0; k < step->begin_count; k++) now += (double)store_bytes(step->begins[k]);
        double here = now + scratch_bytes(step) + peak_of(&step->body);
        if (here > peak) peak = here;
        for (int k = 0; k < step->end_count; k++) now -= (double)store_bytes(step->ends[k]);
    }
    return peak;
}

static void show_bytes(double bytes, char *buffer) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    int unit = 0;
    for (; bytes >= 1024 && unit < 5; unit++) bytes /= 1024;
    snprintf(buffer, 32, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static const at_store *largest(const at_ref *ref) {
    const at_store *most = NULL;
    for (int i = 0; i < ref->store_count; i++)
        if (!most || store_bytes(ref->all_stores[i]) > store_bytes(most))
            most = ref->all_stores[i];
    return most;
}

static void refuse(at_ref *ref, double needed) {
    char need[32], have[32], own[32];
    const at_store *most = largest(ref);
    show_bytes(needed, need);
    show_bytes((double)ref->limit, have);
    show_bytes((double)store_bytes(most), own);
    at_text text = {0};
    at_text_addf(&text, "the largest is `%s`: ", most->name);
    for (int i = 0; i < most->rank; i++)
        at_text_addf(&text, "%s%s = %" PRId64, i ? ", " : "", most->axes[i]->name,
                     most->extents[i]);
    at_text_addf(&text, "%s%s", most->rank ? ": " : "", own);
    const char *blame = at_format(ref->arena, "%s", text.data ? text.data : most->name);
    at_text_free(&text);
    at_span span = most->array ? most->array->span : at_no_span();
    at_diag *diag = at_error(ref->s, AT_E_RUN_MEMORY, span,
                             "this run needs %s for its arrays, and may use %s", need, have);
    at_note(ref->s, diag, at_no_span(), "%s", blame);
}

bool at_plan_memory(at_ref *ref) {
    planning p = {ref, AT_NEW_ARRAY(ref->arena, life, ref->store_count), NULL};
    use_steps(&p, &ref->steps);
    assign_lives(&p);
    ref->work = work_of(ref, &ref->steps);
    double given = 0;
    for (int i = 0; i < ref->store_count; i++) {
        const at_store *store = ref->all_stores[i];
        if (store->array && is_given(store->array) && !store->borrowed)
            given += (double)store_bytes(store);
    }
    ref->used = (size_t)given;
    double needed = given + peak_of(&ref->steps);
    if (needed <= (double)ref->limit) return true;
    refuse(ref, needed);
    return false;
}
