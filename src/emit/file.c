/* A whole C file: the parts that its programs share, then for each program its arrays, a function
 * for each pass, and the two functions that it is called by. */
#include "emit/emit.h"

static const char *const head =
    "#define _DEFAULT_SOURCE /* M_SQRT1_2 */\n"
    "#include <math.h>\n"
    "#include <stdbool.h>\n"
    "#include <stdint.h>\n"
    "#include <string.h>\n"
    "#ifdef _OPENMP\n"
    "#include <omp.h>\n"
    "#endif\n"
    "\n"
    "/* Conditions are written as the program has them, `i == i` too. */\n"
    "#pragma GCC diagnostic ignored \"-Wtautological-compare\"\n"
    "#ifndef _OPENMP /* one thread */\n"
    "#pragma GCC diagnostic ignored \"-Wunknown-pragmas\"\n"
    "#pragma GCC diagnostic ignored \"-Wunused-variable\"\n"
    "#endif\n";

bool at_place_converted(const at_array_place *place, at_type type) {
    bool half = type == AT_TYPE_F16 || type == AT_TYPE_BF16;
    return half && place->use == AT_PLACE_OUTPUT && place->is_read &&
           place->array->kind == AT_REAL;
}

at_type at_place_type(const at_array_place *place, at_type type) {
    if (place->array->kind == AT_INT) return AT_TYPE_I64;
    if (place->array->kind == AT_BOOL) return AT_TYPE_BOOL;
    if (type == AT_TYPE_F64 || type == AT_TYPE_F32) return type;
    bool real = place->use == AT_PLACE_WORK || at_place_converted(place, type);
    return real ? AT_TYPE_F32 : type;
}

/* ---- what a program is about ----------------------------------------------------------------- */

static void print_axes(const at_cascade *cascade, at_text *out) {
    for (int i = 0; i < cascade->axis_count; i++) {
        const at_axis *axis = cascade->axes[i];
        at_text_addf(out, " * extents[%d]: ", i);
        size_t begin = out->length;
        at_text_add(out, axis->name);
        if (axis->like) at_text_addf(out, ", as %s", axis->like->name);
        else if (axis->extent) at_text_add(out, " = ");
        if (!axis->like && axis->extent) at_ir_print_expr(axis->extent, out);
        at_c_comment(out, begin);
        at_text_add(out, "\n");
    }
}

static void print_places(const at_loop_program *loops, at_type type, at_text *out) {
    static const char *const uses[] = {"given", "output", "work"};
    for (int i = 0; i < loops->plan->place_count; i++) {
        const at_array_place *place = &loops->plan->places[i];
        const at_array *array = place->array;
        at_text_addf(out, " * arrays[%d]: ", i);
        size_t begin = out->length;
        at_text_addf(out, "%s %s", at_c_storage(place, type), array->name);
        for (int k = 0; k < array->rank; k++)
            at_text_addf(out, "%s%s", k ? "," : "[", array->axes[k]->name);
        at_text_addf(out, "%s, %s", array->rank ? "]" : "", uses[place->use]);
        for (int k = 0; k < array->rank; k++)
            if (at_place_is_block(place, k))
                at_text_addf(out, ", a block of %s", array->axes[k]->name);
            else if (at_place_window(place, k))
                at_text_addf(out, place->tiles[k] ? ", of %s %lld" : ", of %s the last %lld",
                             array->axes[k]->name, (long long)place->slots[k]);
        if (loops->fallible[i]) at_text_add(out, ", with faults");
        at_c_comment(out, begin);
        at_text_add(out, "\n");
    }
}

static void print_summary(const at_tile_program *program, at_type type, at_text *out) {
    const at_plan *plan = program->loops->plan;
    at_text_add(out, "/* ");
    size_t begin = out->length;
    at_text_add(out, plan->cascade->name);
    at_c_comment(out, begin);
    at_text_addf(out, ", written by attend: %d pass%s.\n *\n", plan->pass_count,
                 plan->pass_count == 1 ? "" : "es");
    print_axes(plan->cascade, out);
    print_places(program->loops, type, out);
    at_text_add(out, " */\n");
}

/* ---- what programs share --------------------------------------------------------------------- */

static void note_helper(void *user, const at_tile *tile, const at_value *value) {
    at_helpers *helpers = user;
    if (tile && tile->tag == AT_TILE_PRODUCT) {
        at_c_parts_need(&helpers->parts, AT_C_PART_matrix);
        for (int i = 0; i < 2; i++)
            if (tile->product->loop->factors[i].finite)
                at_c_parts_need(&helpers->parts, AT_C_PART_finite);
    }
    if (value) at_helpers_note(user, value);
}

static bool has_idle_steps(const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++)
        if (steps->items[i]->from || steps->items[i]->to || has_idle_steps(&steps->items[i]->body))
            return true;
    return false;
}

static bool has_repeat(const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++)
        if (steps->items[i]->tag == AT_STEP_REPEAT || has_repeat(&steps->items[i]->body))
            return true;
    return false;
}

static void note_regions(const at_plan *plan, at_c_parts *parts) {
    if (has_repeat(&plan->steps)) at_c_parts_need(parts, AT_C_PART_slice);
    if (plan->group_count) at_c_parts_need(parts, AT_C_PART_group);
    if (has_idle_steps(&plan->steps)) at_c_parts_need(parts, AT_C_PART_idle);
    for (int i = 0; i < plan->place_count; i++)
        if (plan->places[i].begins) at_c_parts_need(parts, AT_C_PART_slice);
}

static void print_shared(at_session *s, const at_emit_entry *entries, int count, at_type type,
                         at_text *out) {
    at_helpers helpers = {0};
    at_c_parts_need(&helpers.parts, AT_C_PART_memory);
    if (type == AT_TYPE_F16 || type == AT_TYPE_BF16)
        at_c_parts_need(&helpers.parts, AT_C_PART_storage);
    if (type != AT_TYPE_F64) at_c_parts_need(&helpers.parts, AT_C_PART_flush);
    for (int i = 0; i < count; i++) {
        const at_tile_program *program = entries[i].program;
        note_regions(program->loops->plan, &helpers.parts);
        for (int k = 0; k < program->nest_count; k++) {
            at_tiles_walk(&program->nests[k].body, note_helper, &helpers);
            at_tiles_walk(&program->nests[k].hopeful, note_helper, &helpers);
        }
    }
    at_helpers_print(s, &helpers, type, out);
}

void at_emit_source(at_session *s, const at_emit_entry *entries, int count,
                    const at_emit_options *options, at_text *out) {
    s->stage = "emit";
    if (count == 1) print_summary(entries[0].program, options->type, out);
    at_text_add(out, head);
    print_shared(s, entries, count, options->type, out);
    at_names functions = {s, {0}, {0}};
    for (int i = 0; i < count; i++) {
        const at_tile_program *program = entries[i].program;
        if (count > 1) at_text_add(out, "\n");
        if (count > 1) print_summary(program, options->type, out);
        const char **names = AT_NEW_ARRAY(s->arena, const char *, program->nest_count);
        int scratch = 0;
        for (int k = 0; k < program->nest_count; k++) {
            const at_array *target = program->nests[k].nest->pass->targets[0];
            names[k] = at_c_name(&functions, at_format(s->arena, "compute_%s", target->name));
            at_emit_nest(s, program, &program->nests[k], names[k], scratch, options, out);
            scratch += program->nests[k].nest->scratch_count;
        }
        at_emit_entry_functions(s, &entries[i], options, names, out);
    }
}
