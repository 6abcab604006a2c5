/* Binding: a caller's arrays are fitted to a cascade's inputs, or refused in the caller's words.
 *
 * Shapes are settled first: every open axis gets its extent from the inputs that carry it, all
 * other axes from those, and everything is checked, before a byte is copied. Then inputs are
 * converted and params and states made (stacked.c). All problems with inputs are reported, not only
 * the first. */
#include "call/call_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- kinds ----------------------------------------------------------------------------------- */

at_kind at_type_kind(at_type type) {
    if (type == AT_TYPE_BOOL) return AT_BOOL;
    return type < AT_TYPE_F16 ? AT_INT : AT_REAL;
}

at_type at_bound_type(at_kind kind, at_type real) {
    return kind == AT_REAL ? real : kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
}

static const char *kinds_text(at_kind kind) {
    return kind == AT_REAL ? "reals" : kind == AT_INT ? "ints" : "bools";
}

void at_note_given(at_session *s, at_diag *diag, const char *from) {
    if (from) at_note(s, diag, at_no_span(), "given by %s", from);
}

bool at_fits_kind(at_session *s, const at_array *array, const char *name, const at_tensor *given,
                  const char *from) {
    at_kind kind = at_type_kind(given->type);
    if (kind == array->kind || (kind == AT_INT && array->kind == AT_REAL)) return true;
    at_diag *diag = at_error(s, AT_E_BIND_KIND, array->span, "`%s` holds %s, and was given as %s",
                             name, kinds_text(array->kind), at_type_text(given->type));
    at_note_given(s, diag, from);
    if (kind == AT_BOOL && array->kind == AT_REAL)
        at_hint(s, diag, "bools do not become numbers by themselves: give it as 0.0 and 1.0");
    return false;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void report_unknown(at_session *s, const at_cascade *cascade, const char *name) {
    at_diag *diag = at_error(s, AT_E_BIND_UNKNOWN, at_no_span(), "`%s` has no input `%s`",
                             cascade->name, name);
    const char **names = AT_NEW_ARRAY(s->arena, const char *, cascade->input_count);
    for (int i = 0; i < cascade->input_count; i++) names[i] = cascade->inputs[i].array->name;
    at_hint_near(s, diag, name, names, cascade->input_count);
    if (diag->hint) return;
    if (strncmp(name, "arr_", 4) == 0 && cascade->input_count > 0) {
        at_hint(s, diag, "numpy calls an array without a name so; np.savez(file, %s=…) names it",
                names[0]);
        return;
    }
    at_text text = {0};
    for (int i = 0; i < cascade->input_count; i++)
        at_text_addf(&text, "%s`%s`", i ? ", " : "", names[i]);
    at_hint(s, diag, cascade->input_count ? "its inputs are %s" : "it has no inputs%s",
            text.data ? text.data : "");
    at_text_free(&text);
}

static bool is_input(const at_cascade *cascade, const char *name) {
    for (int i = 0; i < cascade->input_count; i++)
        if (strcmp(cascade->inputs[i].array->name, name) == 0) return true;
    return false;
}

static void describe_axes(const at_array *array, at_text *out) {
    for (int i = 0; i < array->rank; i++)
        at_text_addf(out, "%s%s", i ? ", " : "[", array->axes[i]->name);
    if (array->rank) at_text_add(out, "]");
}

static const at_tensor *find_input(at_session *s, const at_array *array, const at_call *call) {
    const at_tensor *given =
        call->inputs ? at_collection_find(call->inputs, array->name) : NULL;
    if (!given) {
        at_error(s, AT_E_BIND_MISSING, array->span, "the input `%s` is missing", array->name);
        return NULL;
    }
    if (!at_fits_kind(s, array, array->name, given, NULL)) return NULL;
    if (given->rank == array->rank) return given;
    at_text axes = {0};
    describe_axes(array, &axes);
    char shape[256];
    at_tensor_describe(given, shape);
    at_diag *diag = at_error(s, AT_E_BIND_RANK, array->span,
                             "`%s` has %d %s, and was given as %s", array->name, array->rank,
                             array->rank == 1 ? "axis" : "axes", shape);
    if (axes.data) at_label(s, diag, "`%s%s`", array->name, axes.data);
    at_text_free(&axes);
    return NULL;
}

static bool find_inputs(at_session *s, const at_cascade *cascade, const at_call *call,
                        const at_tensor **given) {
    bool good = true;
    for (int i = 0; i < cascade->input_count; i++) {
        given[i] = find_input(s, cascade->inputs[i].array, call);
        good &= given[i] != NULL;
    }
    for (int i = 0; call->inputs && i < call->inputs->count; i++) {
        if (is_input(cascade, call->inputs->items[i].name)) continue;
        report_unknown(s, cascade, call->inputs->items[i].name);
        good = false;
    }
    return good;
}

/* ---- extents --------------------------------------------------------------------------------- */

/* The input that gave an axis its extent, for messages. */
static const at_array *first_with(const at_cascade *cascade, const at_axis *axis) {
    for (int i = 0; i < cascade->input_count; i++) {
        const at_array *array = cascade->inputs[i].array;
        for (int k = 0; k < array->rank; k++)
            if (array->axes[k] == axis) return array;
    }
    return NULL;
}

static bool open_extents(at_session *s, const at_cascade *cascade, const at_tensor *const *given,
                         int64_t *extents) {
    bool good = true;
    for (int i = 0; i < cascade->input_count; i++) {
        const at_array *array = cascade->inputs[i].array;
        for (int k = 0; k < array->rank; k++) {
            const at_axis *axis = array->axes[k];
            int64_t extent = given[i]->extents[k], *known = &extents[axis->id];
            if (axis->extent || axis->like) continue;
            if (*known < 0) *known = extent;
            if (*known == extent) continue;
            const at_array *first = first_with(cascade, axis);
            at_diag *diag = at_error(s, AT_E_BIND_EXTENT, array->span,
                                     "axis `%s` is %" PRId64 " long in `%s` and %" PRId64
                                     " in `%s`", axis->name, extent, array->name, *known,
                                     first->name);
            at_label(s, diag, "here `%s` is %" PRId64, axis->name, extent);
            if (first != array)
                at_note(s, diag, first->span, "here it is %" PRId64, *known);
            good = false;
        }
    }
    return good;
}

static bool check_fixed(at_session *s, const at_axis *axis, const int64_t *extents,
                        const at_cascade *cascade) {
    if (axis->extent || axis->fixed < 0 || extents[axis->id] < 0 ||
        extents[axis->id] == axis->fixed)
        return true;
    const at_array *array = first_with(cascade, axis);
    at_diag *diag = at_error(s, AT_E_BIND_FIXED, array ? array->span : axis->span,
                             "axis `%s` was %" PRId64 " long when this was compiled, and is "
                             "%" PRId64 " now", axis->name, axis->fixed, extents[axis->id]);
    at_hint(s, diag, "a compile-time `if` or a repeat's count depends on it: compile it again for "
                     "this size");
    return false;
}

/* The sizes that an expression names, as "size(c) = 10, size(d) = 3". */
typedef struct {
    at_text text;
    const int64_t *extents;
    const at_axis *seen[16];
    int count;
} sizes_text;

static bool add_size(void *user, const at_expr *e) {
    sizes_text *sizes = user;
    if (e->tag != AT_SIZE || sizes->count == 16) return true;
    for (int i = 0; i < sizes->count; i++)
        if (sizes->seen[i] == e->u.axis) return true;
    int64_t extent = sizes->extents[e->u.axis->id];
    if (extent < 0) return true;
    at_text_addf(&sizes->text, "%ssize(%s) = %" PRId64, sizes->count ? ", " : "", e->u.axis->name,
                 extent);
    sizes->seen[sizes->count++] = e->u.axis;
    return true;
}

static void note_sizes(at_session *s, at_diag *diag, const at_expr *e, const int64_t *extents) {
    sizes_text sizes = {.extents = extents};
    at_walk(e, add_size, &sizes);
    if (sizes.count) at_note(s, diag, at_no_span(), "with %s", sizes.text.data);
    at_text_free(&sizes.text);
}

static void report_size(at_session *s, const at_axis *axis, const int64_t *open) {
    while (axis->like) axis = axis->like;
    if (!axis->extent) {
        at_error(s, AT_E_BIND_SIZE, axis->span,
                 "the size of `%s` is not known: no input has this axis", axis->name);
        return;
    }
    at_diag *diag = at_error(s, AT_E_BIND_SIZE, axis->span,
                             "these inputs leave axis `%s` without a size", axis->name);
    at_label(s, diag, "this is negative or no int of 64 bits");
    note_sizes(s, diag, axis->extent, open);
}

/* The rounds of a repeat are known whatever the inputs. */
static bool know_rounds(void *user, const at_statement *st) {
    int64_t *extents = user;
    if (st->tag == AT_REPEAT) extents[st->u.repeat.round->id] = st->u.repeat.count;
    return true;
}

static bool all_extents(at_session *s, const at_cascade *cascade, int64_t *extents) {
    bool good = true;
    for (int i = 0; i < cascade->axis_count; i++) {
        const at_axis *axis = cascade->axes[i];
        good &= check_fixed(s, axis, extents, cascade);
        if (extents[axis->id] >= 0) continue;
        int64_t extent = at_extent(axis, extents);
        if (extent < 0) {
            report_size(s, axis, extents);
            good = false;
        }
        extents[axis->id] = extent;
    }
    return good;
}

static bool check_shapes(at_session *s, const at_cascade *cascade, const at_tensor *const *given,
                         const int64_t *extents) {
    bool good = true;
    for (int i = 0; i < cascade->input_count; i++) {
        const at_array *array = cascade->inputs[i].array;
        for (int k = 0; k < array->rank; k++) {
            const at_axis *axis = array->axes[k];
            if (given[i]->extents[k] == extents[axis->id]) continue;
            at_diag *diag = at_error(s, AT_E_BIND_EXTENT, array->span,
                                     "axis `%s` is %" PRId64 " long in `%s` and should be %" PRId64,
                                     axis->name, given[i]->extents[k], array->name,
                                     extents[axis->id]);
            if (axis->span.source) at_note(s, diag, axis->span, "its size is given here");
            if (axis->extent) note_sizes(s, diag, axis->extent, extents);
            good = false;
        }
    }
    return good;
}

/* ---- requirements ---------------------------------------------------------------------------- */

static int64_t known_extent(void *user, const at_axis *axis) {
    const int64_t *extents = user;
    return extents[axis->id];
}

static bool check_requires(at_session *s, const at_cascade *cascade, int64_t *extents) {
    bool good = true;
    for (int i = 0; i < cascade->require_count; i++) {
        const at_require *require = &cascade->requires[i];
        at_constant value = at_constant_of(require->condition, known_extent, extents);
        if (value.known && value.integer) continue;
        at_span span = require->span;
        const char *text = require->why;
        if (!text && span.source && span.source->text)
            text = at_copy_text(s->arena, span.source->text + span.begin, span.end - span.begin);
        const char *quote = require->why || !text ? "" : "`";
        at_diag *diag =
            at_error(s, AT_E_BIND_REQUIRE, span, "%s%s%s does not hold for these inputs", quote,
                     text ? text : "a requirement", quote);
        note_sizes(s, diag, require->condition, extents);
        good = false;
    }
    return good;
}

bool at_bind_shapes(at_session *s, const at_cascade *cascade, const at_tensor *const *given,
                    int64_t *extents) {
    for (int i = 0; i < cascade->axis_count; i++) extents[i] = -1;
    at_walk_block(&cascade->body, know_rounds, extents);
    return open_extents(s, cascade, given, extents) && all_extents(s, cascade, extents) &&
           check_shapes(s, cascade, given, extents) && check_requires(s, cascade, extents);
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool check_indices(at_session *s, const at_array *array, const at_tensor *tensor,
                          const int64_t *extents) {
    if (!array->inside || array->kind != AT_INT) return true;
    int64_t extent = extents[array->inside->id];
    const int64_t *values = tensor->data;
    for (int64_t at = 0; at < tensor->count; at++) {
        if (values[at] >= 0 && values[at] < extent) continue;
        at_text place = {0};
        int64_t index[AT_RANK_LIMIT], rest = at;
        for (int i = tensor->rank - 1; i >= 0; i--) {
            index[i] = rest % tensor->extents[i];
            rest /= tensor->extents[i];
        }
        for (int i = 0; i < tensor->rank; i++)
            at_text_addf(&place, "%s%s=%" PRId64, i ? ", " : "[", array->axes[i]->name, index[i]);
        if (tensor->rank) at_text_add(&place, "]");
        at_diag *diag = at_error(s, AT_E_BIND_INDEX, array->span,
                                 "`%s%s` is %" PRId64 ", and axis `%s` has %" PRId64 " elements",
                                 array->name, place.data ? place.data : "", values[at],
                                 array->inside->name, extent);
        at_label(s, diag, "its values are indices of `%s`", array->inside->name);
        at_text_free(&place);
        return false;
    }
    return true;
}

/* Reals and ints of 64 bits are taken as they are. Bools are not: a file's may hold more than 0 and
 * 1. */
static bool is_borrowed(const at_array *array, const at_tensor *given, at_type type) {
    return array->kind != AT_BOOL && given->type == at_bound_type(array->kind, type);
}

static bool convert_inputs(at_session *s, const at_cascade *cascade, const at_tensor *const *given,
                           at_bound_call *out) {
    for (int i = 0; i < cascade->input_count; i++) {
        const at_array *array = cascade->inputs[i].array;
        out->borrowed[i] = is_borrowed(array, given[i], out->type);
        out->inputs[i] = out->borrowed[i] ? (at_tensor *)(uintptr_t)given[i]
                                          : at_tensor_convert(s, given[i],
                                                              at_bound_type(array->kind, out->type),
                                                              array->name);
        if (!out->inputs[i] || !check_indices(s, array, out->inputs[i], out->extents)) return false;
    }
    return true;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static double bytes_of(const at_array *array, const int64_t *extents, at_type type) {
    double bytes = (double)at_type_bytes(at_bound_type(array->kind, type));
    for (int i = 0; i < array->rank; i++) bytes *= (double)extents[array->axes[i]->id];
    return bytes;
}

/* What is converted and kept must fit before the executor counts its own. */
static bool check_memory(at_session *s, const at_cascade *cascade, const at_call *call,
                         const at_tensor *const *given, const int64_t *extents, at_type type) {
    double limit = (double)(call->memory_limit ? call->memory_limit : at_memory_free()), sum = 0;
    const at_start *lists[3] = {cascade->inputs, cascade->params, cascade->states};
    int counts[3] = {cascade->input_count, cascade->param_count, cascade->state_count};
    const at_array *most = NULL;
    for (int list = 0; list < 3; list++)
        for (int i = 0; i < counts[list]; i++) {
            const at_array *array = lists[list][i].array;
            if (list == 0 && is_borrowed(array, given[i], type)) continue;
            sum += bytes_of(array, extents, type);
            if (!most || bytes_of(array, extents, type) > bytes_of(most, extents, type))
                most = array;
        }
    if (sum <= limit) return true;
    at_diag *diag = at_error(s, AT_E_RUN_MEMORY, most->span,
                             "inputs, params and states take %.1f MiB, and this run may use "
                             "%.1f MiB", sum / (1 << 20), limit / (1 << 20));
    at_text text = {0};
    for (int i = 0; i < most->rank; i++)
        at_text_addf(&text, "%s%s = %" PRId64, i ? ", " : "with ", most->axes[i]->name,
                     extents[most->axes[i]->id]);
    at_note(s, diag, at_no_span(), "the largest is `%s`, %.1f MiB %s", most->name,
            bytes_of(most, extents, type) / (1 << 20), text.data ? text.data : "");
    at_text_free(&text);
    return false;
}

bool at_bind_extents(at_session *s, const at_cascade *cascade, int64_t *extents) {
    at_walk_block(&cascade->body, know_rounds, extents);
    return all_extents(s, cascade, extents) && check_requires(s, cascade, extents);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void *take(at_session *s, int count, size_t size) {
    void *memory = calloc((size_t)count + 1, size);
    if (!memory) at_error(s, AT_E_MEMORY, at_no_span(), "there is no memory to bind the inputs");
    return memory;
}

static bool bind(at_session *s, const at_cascade *cascade, const at_call *call,
                 at_evaluate evaluate, void *user, const at_tensor **given, at_bound_call *out) {
    out->cascade = cascade;
    out->extents = take(s, cascade->axis_count, sizeof *out->extents);
    out->inputs = take(s, cascade->input_count, sizeof(at_tensor *));
    out->params = take(s, cascade->param_count, sizeof(at_tensor *));
    out->states = take(s, cascade->state_count, sizeof(at_tensor *));
    out->borrowed = take(s, cascade->input_count, sizeof *out->borrowed);
    if (!out->extents || !out->inputs || !out->params || !out->states || !out->borrowed)
        return false;
    if (!find_inputs(s, cascade, call, given) ||
        !at_bind_shapes(s, cascade, given, out->extents) ||
        !check_memory(s, cascade, call, given, out->extents, out->type))
        return false;
    at_kept params = {"param", cascade->params, cascade->param_count, call->params,
                      call->params_from, true, out->type};
    at_kept states = {"state", cascade->states, cascade->state_count, call->states,
                      call->states_from, false, out->type};
    return convert_inputs(s, cascade, given, out) &&
           at_bind_kept(s, &params, out->extents, evaluate, user, out->params) &&
           at_bind_kept(s, &states, out->extents, evaluate, user, out->states);
}

bool at_bind_call(at_session *s, const at_cascade *cascade, const at_call *call,
                  at_evaluate evaluate, void *user, at_bound_call *out) {
    return at_bind_call_as(s, cascade, call, AT_TYPE_F64, evaluate, user, out);
}

bool at_bind_call_as(at_session *s, const at_cascade *cascade, const at_call *call, at_type type,
                     at_evaluate evaluate, void *user, at_bound_call *out) {
    *out = (at_bound_call){.type = type};
    /* Borrowed pointers, in the session: an escape must not leak them. */
    const at_tensor **given = AT_NEW_ARRAY(s->arena, const at_tensor *, cascade->input_count);
    return given && bind(s, cascade, call, evaluate, user, given, out);
}

static void free_tensors(at_tensor **tensors, int count) {
    for (int i = 0; tensors && i < count; i++) at_tensor_free(tensors[i]);
    free(tensors);
}

void at_bound_call_free(at_bound_call *bound) {
    if (bound->cascade) {
        for (int i = 0; bound->borrowed && i < bound->cascade->input_count; i++)
            if (bound->borrowed[i]) bound->inputs[i] = NULL;
        free_tensors(bound->inputs, bound->cascade->input_count);
        free_tensors(bound->params, bound->cascade->param_count);
        free_tensors(bound->states, bound->cascade->state_count);
    }
    free(bound->extents);
    free(bound->borrowed);
    *bound = (at_bound_call){0};
}

void at_results_free(at_results *results) {
    at_collection_free(&results->outputs);
    at_collection_free(&results->states);
    *results = (at_results){0};
}
