/* A whole C file: what it is called with, helpers, a function for each pass, and attend_run. */
#include "emit/emit.h"

#include <string.h>

static const char *const head =
    "#define _DEFAULT_SOURCE /* M_SQRT1_2 */\n"
    "#include <math.h>\n"
    "#include <stdbool.h>\n"
    "#include <stdint.h>\n"
    "\n"
    "/* Conditions are written as the program has them, `i == i` too. */\n"
    "#pragma GCC diagnostic ignored \"-Wtautological-compare\"\n"
    "\n"
    "/* What went wrong: a number that stands for a place in the program, and a value for its\n"
    " * message. Site 0: nothing did. */\n"
    "struct attend_fault {\n"
    "    int64_t site, value;\n"
    "};\n"
    "\n"
    "struct attend_call {\n"
    "    const int64_t *extents;             /* of the axes, in the order above */\n"
    "    void *const *arrays;                /* row-major, in the order above */\n"
    "    struct attend_fault *const *faults; /* for arrays that have them, one for each element */\n"
    "    struct attend_fault *failure;       /* filled when attend_run gives 1 */\n"
    "};\n"
    "\n";

static void print_axes(at_session *s, const at_cascade *cascade, at_text *out) {
    for (int i = 0; i < cascade->axis_count; i++) {
        const at_axis *axis = cascade->axes[i];
        at_text text = {0};
        at_text_add(&text, axis->name);
        if (axis->like) at_text_addf(&text, ", as %s", axis->like->name);
        else if (axis->extent) at_text_add(&text, " = ");
        if (!axis->like && axis->extent) at_ir_print_expr(axis->extent, &text);
        at_text_addf(out, " * extents[%d]: %s\n", i, at_c_comment(s, text.data ? text.data : ""));
        at_text_free(&text);
    }
}

static void print_places(at_session *s, const at_loop_program *loops, at_text *out) {
    static const char *const uses[] = {"given", "output", "work"};
    for (int i = 0; i < loops->plan->place_count; i++) {
        const at_place *place = &loops->plan->places[i];
        const at_array *array = place->array;
        at_text_addf(out, " * arrays[%d]: %s %s", i, at_c_storage(array->kind),
                     at_c_comment(s, array->name));
        for (int k = 0; k < array->rank; k++)
            at_text_addf(out, "%s%s", k ? "," : "[", at_c_comment(s, array->axes[k]->name));
        at_text_addf(out, "%s, %s%s\n", array->rank ? "]" : "", uses[place->use],
                     loops->fallible[array->id] ? ", with faults" : "");
    }
}

static void note_helper(void *user, const at_tile *tile, const at_value *value) {
    (void)tile;
    if (value) at_helpers_note(user, value);
}

void at_emit(at_session *s, const at_tile_program *program, at_text *out) {
    s->stage = "emit";
    const at_plan *plan = program->loops->plan;
    at_text_addf(out, "/* %s, written by attend: %d passes over arrays of double.\n *\n",
                 at_c_comment(s, plan->cascade->name), plan->pass_count);
    print_axes(s, plan->cascade, out);
    print_places(s, program->loops, out);
    at_text_add(out, " */\n");
    at_text_add(out, head);
    at_helpers helpers = {{0}, {0}, {0}};
    for (int i = 0; i < program->nest_count; i++)
        at_tiles_walk(&program->nests[i].body, note_helper, &helpers);
    at_helpers_print(s, &helpers, out);
    at_names functions = {s, {0}, {0}};
    const char **names = AT_NEW_ARRAY(s->arena, const char *, program->nest_count);
    for (int i = 0; i < program->nest_count; i++) {
        const at_array *target = program->nests[i].nest->pass->statement->target;
        names[i] = at_c_name(&functions, at_format(s->arena, "compute_%s", target->name));
        at_emit_nest(s, program, &program->nests[i], names[i], out);
    }
    at_text_addf(out, "\nint %s(const struct attend_call *call);\n", AT_ENTRY_NAME);
    at_text_addf(out, "\nint %s(const struct attend_call *call) {\n", AT_ENTRY_NAME);
    if (program->nest_count == 0) at_text_add(out, "    (void)call;\n");
    for (int i = 0; i < program->nest_count; i++)
        at_text_addf(out, "    if (%s(call)) return 1;\n", names[i]);
    at_text_add(out, "    return 0;\n}\n");
}
