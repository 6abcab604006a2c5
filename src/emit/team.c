/* Passes that threads can share as a whole: a function that each thread of a team runs, and one that
 * says whether there is a team.
 *
 *     static void share_of_y(frame) {                static void compute_y(frame) {
 *         #pragma omp for nowait                         if (little to do) { share_of_y(frame); return; }
 *         for (…) …                                      #pragma omp parallel num_threads(…)
 *     }                                                  share_of_y(frame);
 *                                                    }
 *
 * Asking OpenMP for a region of one thread takes as long as a thousand operations, and a step of a scan
 * has not many more: what is not worth sharing is called as it is. */
#include "emit/emit.h"

#include <string.h>

const char *at_share_name(at_session *s, const char *name) {
    static const char prefix[] = "compute_";
    size_t length = sizeof prefix - 1;
    return at_format(s->arena, "share_of_%s",
                     strncmp(name, prefix, length) == 0 ? name + length : name);
}

void at_c_signature(at_printer *p, const at_tile_nest *nest, const char *name) {
    const at_axis **axes =
        AT_NEW_ARRAY(p->s->arena, const at_axis *, at_nest_argument_room(nest->nest));
    int count = at_nest_arguments(p->s, nest, axes);
    at_text_addf(p->out, "\nstatic void %s(const struct attend_frame *frame", name);
    for (int i = 0; i < count; i++)
        at_text_addf(p->out, ", int64_t %s", at_axis_name(&p->names, axes[i]));
    at_text_add(p->out, ") {\n");
}

/* Whether each of several threads can run all of this: one shared loop, and in front of it nothing
 * but variables. */
bool at_is_for_a_team(const at_tiles *tiles) {
    for (int i = 0; i + 1 < tiles->count; i++) {
        if (tiles->items[i]->tag != AT_TILE_LEAF) return false;
        for (int k = 0; k < tiles->items[i]->count; k++)
            if (!at_tile_op_gives(tiles->items[i]->values[k]->op) &&
                tiles->items[i]->values[k]->op != AT_TILE_LET)
                return false;
    }
    const at_tile *last = tiles->count ? tiles->items[tiles->count - 1] : NULL;
    if (last && last->tag == AT_TILE_PRODUCT) return at_is_for_a_team(&last->otherwise);
    return last && last->tag == AT_TILE_FOR && last->parallel;
}

void at_c_team(at_printer *p, const at_tile_nest *nest, const char *name, const char *share) {
    const at_plan *plan = p->program->loops->plan;
    bool flushes = p->type != AT_TYPE_F64,
         *axes = AT_NEW_ARRAY(p->s->arena, bool, plan->axis_count);
    at_c_shared_sizes(&nest->work, axes);
    p->names = (at_names){p->s, {0}, {0}};
    at_c_signature(p, nest, name);
    for (int i = 0; i < plan->axis_count; i++)
        if (axes[i])
            at_c_line(p, "const int64_t %s = frame->extents[%d];",
                      at_size_name(&p->names, plan->cascade->axes[i]), i);
    const char *call = at_format(p->s->arena, "%s(frame", share);
    const at_axis **given =
        AT_NEW_ARRAY(p->s->arena, const at_axis *, at_nest_argument_room(nest->nest));
    int count = at_nest_arguments(p->s, nest, given);
    for (int i = 0; i < count; i++)
        call = at_format(p->s->arena, "%s, %s", call, at_axis_name(&p->names, given[i]));
    at_c_line(p, "if (frame->call->threads == 1 || !(%s)) {", at_c_shared_worth(p));
    at_c_line(p, "    %s);", call);
    at_c_line(p, "    return;");
    at_c_line(p, "}");
    at_c_line(p, "#pragma omp parallel num_threads(frame->call->threads)");
    at_c_line(p, "{");
    if (flushes) at_c_line(p, "    const unsigned flush = attend_flush_begin();");
    at_c_line(p, "    %s);", call);
    if (flushes) at_c_line(p, "    attend_flush_end(flush);");
    at_c_line(p, "}");
    at_text_add(p->out, "}\n");
}
