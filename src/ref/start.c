/* How params, states and a law's inputs begin: a value over the array's axes, or a draw. The same
 * bytecode as anywhere else, in a small run of its own, as it is needed while a call is bound. */
#include "ref/ref_int.h"

#include <string.h>

typedef struct {
    at_session *s;
    const at_call *call;
    const at_start *start;
    const int64_t *extents;
    at_tensor *out;
    at_ref ref;
} starting;

static bool look_at_axis(void *user, const at_expr *e) {
    int *limit = user;
    const at_axis *axis = e->tag == AT_INDEX || e->tag == AT_SIZE ? e->u.axis : NULL;
    if (axis && axis->id >= *limit) *limit = axis->id + 1;
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++)
        if (e->u.fold.axes[i]->id >= *limit) *limit = e->u.fold.axes[i]->id + 1;
    return true;
}

static int axis_limit(const at_start *start) {
    int limit = 0;
    for (int i = 0; i < start->array->rank; i++)
        if (start->array->axes[i]->id >= limit) limit = start->array->axes[i]->id + 1;
    at_walk(start->value, look_at_axis, &limit);
    for (int i = 0; i < 2; i++) at_walk(start->args[i], look_at_axis, &limit);
    return limit;
}

static bool start_guarded(void *user) {
    starting *w = user;
    at_ref *ref = &w->ref;
    const at_array *array = w->start->array;
    at_arena_escape(ref->arena, w->s->escape);
    ref->extents = (int64_t *)(uintptr_t)w->extents; /* only read */
    ref->axis_limit = axis_limit(w->start);
    ref->index = AT_NEW_ARRAY(ref->arena, int64_t, ref->axis_limit);
    at_store *store =
        at_store_new(ref, array, array->name, array->kind, array->axes, array->rank, false);
    store->at.any = w->out->data;
    at_unit *unit = at_lower_start(ref, w->start, store);
    at_unit_run(ref, unit);
    if (ref->stopped) {
        at_error(ref->s, ref->exhausted ? AT_E_RUN_MEMORY : AT_E_RUN_STOPPED, array->span,
                 ref->exhausted ? "there is no memory to begin `%s`"
                                : "the run was stopped while `%s` was made", array->name);
        return false;
    }
    return at_check_store(ref, store, "the beginning of ", array->name);
}

bool at_ref_start(at_session *s, void *call, const at_start *start, const int64_t *extents,
                  at_tensor *out) {
    if (!start->value && start->draw < 0) return true; /* zeros */
    starting w = {.s = s, .call = call, .start = start, .extents = extents, .out = out};
    if (!at_ref_begin(&w.ref, s, NULL, call)) return false;
    /* Caught here even inside of a guarded run, so that what was taken here is freed. */
    jmp_buf *outer = s->escape;
    s->escape = NULL;
    bool good = at_guarded(s, start_guarded, &w);
    s->escape = outer;
    at_arena_escape(s->arena, outer);
    at_ref_end(&w.ref);
    return good;
}
