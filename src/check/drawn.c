/* Inputs of a trial, drawn by its seed: as the cascade says, or the usual way; params and states
 * that have moved from where they begin. */
#include "check/check_int.h"

/* What is drawn for an input of which nothing is said: 0..limit-1, or false and true. */
static void draw_ints(const at_array *array, uint64_t seed, int64_t limit, at_tensor *out) {
    uint64_t key = at_draw_key(seed, 0, array->path);
    int64_t index[AT_RANK_LIMIT];
    for (int64_t at = 0; at < out->count; at++) {
        int64_t rest = at;
        for (int i = out->rank - 1; i >= 0; i--) {
            index[i] = rest % out->extents[i];
            rest /= out->extents[i];
        }
        uint64_t element = 0;
        for (int i = 0; i < out->rank; i++) element = at_draw_element(element, (uint64_t)index[i]);
        double drawn = at_draw_value(key, element, AT_DRAW_UNIFORM);
        int64_t value = (int64_t)(drawn * (double)limit);
        if (out->type == AT_TYPE_BOOL) ((unsigned char *)out->data)[at] = value != 0;
        else ((int64_t *)out->data)[at] = value;
    }
}

static bool draw_input(at_session *s, const at_start *start, at_call *call, const int64_t *all,
                       bool positive, at_collection *inputs) {
    enum { PLAIN_INTS = 4 };
    const at_array *array = start->array;
    int64_t shape[AT_RANK_LIMIT];
    AT_ASSERT(s, array->rank <= AT_RANK_LIMIT);
    for (int i = 0; i < array->rank; i++) shape[i] = all[array->axes[i]->id];
    at_type type = array->kind == AT_REAL ? AT_TYPE_F64
                   : array->kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
    at_tensor *out = at_tensor_new(s, type, shape, array->rank, array->name);
    if (!out) return false;
    at_collection_add(s, inputs, array->name, out);
    at_start drawn = *start;
    if (start->draw < 0 && array->kind != AT_REAL) {
        int64_t limit = array->kind == AT_BOOL ? 2
                        : array->inside ? all[array->inside->id] : PLAIN_INTS;
        draw_ints(array, call->seed, limit, out);
        return true;
    }
    if (start->draw < 0) {
        drawn.draw = positive ? AT_DRAW_UNIFORM : AT_DRAW_NORMAL;
        drawn.args[0] = at_real(s, positive ? 0.05 : 0, array->span);
        drawn.args[1] = at_real(s, positive ? 0.95 : 1, array->span);
    }
    return at_ref_start(s, call, &drawn, all, out);
}

bool at_draw_inputs(at_session *s, const at_cascade *cascade, at_call *call, const int64_t *all,
                    bool positive, at_collection *inputs) {
    for (int i = 0; i < cascade->input_count; i++)
        if (!draw_input(s, &cascade->inputs[i], call, all, positive, inputs)) return false;
    return true;
}

static bool draw_start(at_session *s, const at_start *start, at_call *call, const int64_t *all,
                       at_collection *starts) {
    static const double SHIFT = 0.1;
    const at_array *array = start->array;
    int64_t shape[AT_RANK_LIMIT];
    AT_ASSERT(s, array->rank <= AT_RANK_LIMIT);
    for (int i = 0; i < array->rank; i++) shape[i] = all[array->axes[i]->id];
    at_type type = array->kind == AT_REAL ? AT_TYPE_F64
                   : array->kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
    at_tensor *whole = at_tensor_new(s, type, shape, array->rank, array->name);
    if (!whole) return false;
    bool good = at_ref_start(s, call, start, all, whole);
    uint64_t key = at_draw_key(call->seed, 1, array->path);
    double *value = whole->data;
    for (int64_t i = 0; i < whole->count && type == AT_TYPE_F64 && good; i++)
        value[i] += SHIFT * at_draw_value(key, (uint64_t)i, AT_DRAW_NORMAL);
    good = good && at_unstack(s, array, whole, starts);
    at_tensor_free(whole);
    return good;
}

bool at_draw_starts(at_session *s, const at_start *from, int count, at_call *call,
                    const int64_t *all, at_collection *starts) {
    for (int i = 0; i < count; i++)
        if (!draw_start(s, &from[i], call, all, starts)) return false;
    return true;
}
