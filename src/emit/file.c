/* A whole C file: what it is called with, helpers, a function for each pass, and attend_run. */
#include "emit/emit.h"

static const char *const head =
    "#define _DEFAULT_SOURCE /* M_SQRT1_2 */\n"
    "#include <math.h>\n"
    "#include <stdbool.h>\n"
    "#include <stdint.h>\n"
    "\n"
    "/* Conditions are written as the program has them, `i == i` too. */\n"
    "#pragma GCC diagnostic ignored \"-Wtautological-compare\"\n"
    "/* Without OpenMP there is one thread. */\n"
    "#pragma GCC diagnostic ignored \"-Wunknown-pragmas\"\n"
    "\n"
    "/* What an element fails of: a number that stands for a place in the program (0: none), and\n"
    " * two values for the message. */\n"
    "struct attend_fault {\n"
    "    int64_t site, value, other;\n"
    "};\n"
    "\n"
    "/* What needed it: an element of one of the arrays. */\n"
    "struct attend_failure {\n"
    "    struct attend_fault fault;\n"
    "    int64_t place, element;\n"
    "};\n"
    "\n"
    "struct attend_call {\n"
    "    const int64_t *extents;             /* of the axes, in the order above */\n"
    "    void *const *arrays;                /* row-major, in the order above */\n"
    "    struct attend_fault *const *faults; /* of arrays that have them, one an element */\n"
    "    void *const *scratch;               /* memory of single rows */\n"
    "    uint64_t seed, run;                 /* of draws */\n"
    "    struct attend_failure *failure;     /* filled when attend_run gives 1 */\n"
    "};\n"
    "\n";

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

static void print_places(const at_loop_program *loops, at_text *out) {
    static const char *const uses[] = {"given", "output", "work"};
    for (int i = 0; i < loops->plan->place_count; i++) {
        const at_array_place *place = &loops->plan->places[i];
        const at_array *array = place->array;
        at_text_addf(out, " * arrays[%d]: ", i);
        size_t begin = out->length;
        at_text_addf(out, "%s %s", at_c_storage(array->kind), array->name);
        for (int k = 0; k < array->rank; k++)
            at_text_addf(out, "%s%s", k ? "," : "[", array->axes[k]->name);
        at_text_addf(out, "%s, %s%s", array->rank ? "]" : "", uses[place->use],
                     loops->fallible[array->id] ? ", with faults" : "");
        at_c_comment(out, begin);
        at_text_add(out, "\n");
    }
}

typedef struct {
    at_helpers helpers;
    bool needed; /* the nest that is looked at computes an output */
} noting;

static void note_helper(void *user, const at_tile *tile, const at_value *value) {
    (void)tile;
    noting *n = user;
    if (value) at_helpers_note(&n->helpers, value, n->needed);
}

void at_emit_source(at_session *s, const at_tile_program *program, at_text *out) {
    s->stage = "emit";
    const at_plan *plan = program->loops->plan;
    at_text_add(out, "/* ");
    size_t begin = out->length;
    at_text_add(out, plan->cascade->name);
    at_c_comment(out, begin);
    at_text_addf(out, ", written by attend: %d pass%s.\n *\n", plan->pass_count,
                 plan->pass_count == 1 ? "" : "es");
    print_axes(plan->cascade, out);
    print_places(program->loops, out);
    at_text_add(out, " */\n");
    at_text_add(out, head);
    noting n = {{{0}, {0}, {0}, false, {{false}}}, false};
    for (int i = 0; i < program->nest_count; i++) {
        n.needed = program->nests[i].nest->needed;
        at_tiles_walk(&program->nests[i].body, note_helper, &n);
    }
    at_helpers_print(s, &n.helpers, out);
    at_names functions = {s, {0}, {0}};
    const char **names = AT_NEW_ARRAY(s->arena, const char *, program->nest_count);
    int scratch = 0;
    for (int i = 0; i < program->nest_count; i++) {
        const at_array *target = program->nests[i].nest->pass->target;
        names[i] = at_c_name(&functions, at_format(s->arena, "compute_%s", target->name));
        at_emit_nest(s, program, &program->nests[i], names[i], scratch, out);
        scratch += program->nests[i].nest->scratch_count;
    }
    at_text_addf(out, "\nint %s(const struct attend_call *call);\n", AT_ENTRY_NAME);
    at_text_addf(out, "\nint %s(const struct attend_call *call) {\n", AT_ENTRY_NAME);
    if (program->nest_count == 0) at_text_add(out, "    (void)call;\n");
    for (int i = 0; i < program->nest_count; i++)
        at_text_addf(out, "    if (%s(call)) return 1;\n", names[i]);
    at_text_add(out, "    return 0;\n}\n");
}
