/* Scans taken apart: where nothing in a scan can end the run, the loops over the axes along which
 * it can be taken apart go from its passes to around it. */
#include "loop/loop.h"

static at_nest *nest_of(const at_loop_program *program, const at_plan_step *step) {
    return &program->nests[step->pass];
}

static bool may_end(const at_loop_program *program, const at_nest *nest) {
    for (int i = 0; i < nest->pass->target_count && nest->fallible; i++)
        if (at_ends_run(program->plan, nest->pass->targets[i])) return true;
    return false;
}

/* The block that holds only the loop over an axis, among loops that each hold only the next. */
static at_loops *block_of(at_nest *nest, const at_axis *axis) {
    at_loops *block = &nest->body;
    while (block->count == 1 && block->items[0]->tag == AT_LOOP_FOR) {
        if (block->items[0]->axis == axis) return block;
        block = &block->items[0]->body;
    }
    return NULL;
}

static void take(at_session *s, at_loop_program *program, const at_plan_step *scan) {
    const at_axis **axes = AT_NEW_ARRAY(s->arena, const at_axis *, scan->apart_count);
    int count = 0;
    for (int i = 0; i < scan->body.count; i++)
        if (may_end(program, nest_of(program, scan->body.items[i]))) return;
    for (int k = 0; k < scan->apart_count; k++) {
        bool all = true;
        for (int i = 0; i < scan->body.count; i++)
            all &= block_of(nest_of(program, scan->body.items[i]), scan->apart[k]) != NULL;
        if (all) axes[count++] = scan->apart[k];
    }
    for (int i = 0; i < scan->body.count; i++) {
        at_nest *nest = nest_of(program, scan->body.items[i]);
        nest->apart = axes;
        if (count) nest->hopeful.count = 0; /* which has its loops still */
        nest->apart_count = count;
        for (int k = 0; k < count; k++) {
            at_loops *block = block_of(nest, axes[k]);
            *block = block->items[0]->body;
        }
    }
}

void at_loop_apart(at_session *s, at_loop_program *program, const at_plan_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        if (step->tag == AT_STEP_SCAN && step->apart_count) take(s, program, step);
        at_loop_apart(s, program, &step->body);
    }
}
