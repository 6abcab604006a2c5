/* From `--size n=512,d=64` to the extent of every axis of a cascade. Sizes are told by the names
 * that axes have in the function's header. */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

/* Sets the axes that are called `name` in the header. */
static bool tell(const at_definition *definition, const at_cascade *cascade, const char *name,
                 int64_t extent, int64_t *extents) {
    bool found = false;
    for (int i = 0; i < definition->input_count && i < cascade->input_count; i++) {
        const at_target *input = &definition->inputs[i];
        const at_array *array = cascade->inputs[i].array;
        for (int k = 0; k < input->count && k < array->rank; k++) {
            if (strcmp(input->axes[k], name) != 0) continue;
            found = true;
            if (!array->axes[k]->extent) extents[array->axes[k]->id] = extent;
        }
    }
    return found;
}

static bool know_rounds(void *user, const at_statement *st) {
    int64_t *extents = user;
    if (st->tag == AT_REPEAT) extents[st->u.repeat.round->id] = st->u.repeat.count;
    return true;
}

static int64_t known(void *user, const at_axis *axis) {
    return at_extent(axis, user);
}

/* `size(d_2) == size(d)`: a derivative requires of its cotangents what the outputs are. */
static bool follow_requires(const at_cascade *cascade, int64_t *extents) {
    bool any = false;
    for (int i = 0; i < cascade->require_count; i++) {
        const at_expr *e = cascade->requires[i].condition;
        if (e->tag != AT_MAP || e->u.map.op != AT_OP_EQ) continue;
        for (int side = 0; side < 2; side++) {
            const at_expr *size = e->u.map.args[side];
            if (size->tag != AT_SIZE || size->u.axis->extent) continue;
            if (extents[size->u.axis->id] >= 0) continue;
            at_constant other = at_constant_of(e->u.map.args[1 - side], known, extents);
            if (!other.known || other.kind != AT_INT || other.integer < 0) continue;
            extents[size->u.axis->id] = other.integer;
            any = true;
        }
    }
    return any;
}

static void refuse_name(at_session *s, const at_definition *definition, const char *name) {
    at_diag *diag = at_error(s, AT_E_SIZE_NAME, definition->name_span,
                             "--size %s: no input of `%s` has an axis `%s`", name,
                             definition->name, name);
    const char **names = NULL;
    int count = 0, capacity = 0;
    for (int i = 0; i < definition->input_count; i++)
        for (int k = 0; k < definition->inputs[i].count; k++)
            AT_PUSH(s->arena, names, count, capacity, definition->inputs[i].axes[k]);
    at_hint_near(s, diag, name, names, count);
}

bool at_cli_extents(at_session *s, const at_definition *definition, const at_cascade *cascade,
                    const at_resolve_options *told, int64_t **extents, const char **missing) {
    int64_t *all = *extents = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    *missing = NULL;
    for (int i = 0; i < cascade->axis_count; i++) {
        const at_axis *axis = cascade->axes[i];
        all[i] = axis->extent || axis->fixed < 0 ? -1 : axis->fixed;
    }
    bool good = true;
    for (int i = 0; i < told->size_count; i++) {
        const at_known_size *size = &told->sizes[i];
        if (tell(definition, cascade, size->name, size->extent, all)) continue;
        refuse_name(s, definition, size->name);
        good = false;
    }
    if (!good) return false;
    at_walk_block(&cascade->body, know_rounds, all);
    while (follow_requires(cascade, all)) {}
    for (int i = 0; i < cascade->axis_count; i++) {
        const at_axis *axis = cascade->axes[i];
        if (axis->extent || axis->like || all[i] >= 0) continue;
        *missing = *missing ? at_format(s->arena, "%s, %s", *missing, axis->name) : axis->name;
    }
    return *missing || at_bind_extents(s, cascade, all);
}
