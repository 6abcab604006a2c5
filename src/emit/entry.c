/* The two functions by which a program is called: how large a workspace it needs, and a run, which
 * finds where everything lies and then calls the passes as the plan has them, scans and repeats as
 * loops around them. */
#include "emit/emit.h"

#include <string.h>

typedef struct {
    at_printer p;
    const at_tile_program *program;
    const at_plan *plan;
    const char *const *functions; /* by nest */
    const char *own;              /* how the names of the program's own things begin */
    const char *frame;            /* what passes are called with */
    int *fault_block;             /* by place; 0: none */
    int first_scratch;            /* of the blocks */
    bool internal;                /* as in at_emit_options */
} entry;

/* ---- tables ---------------------------------------------------------------------------------- */

static const char *element_bytes(const entry *e, int place) {
    switch (at_place_type(&e->plan->places[place], e->p.type)) {
    case AT_TYPE_BOOL: return "1";
    case AT_TYPE_I64:
    case AT_TYPE_F64: return "8";
    case AT_TYPE_F32: return "4";
    default: return "2";
    }
}

static void print_block(entry *e, int place, const char *bytes, const char *what) {
    const at_array_place *at = &e->plan->places[place];
    const at_array *array = at->array;
    const char *axes = "NULL";
    for (int k = 0; k < array->rank; k++) {
        long long axis = at->slots[k] ? -(long long)at->slots[k] : at_place_axis(at, k)->id;
        axes = at_format(e->p.s->arena, "%s%lld", k ? at_format(e->p.s->arena, "%s, ", axes)
                                                    : "(const int[]){", axis);
    }
    int first = at->use == AT_PLACE_WORK ? at->first : 0;
    at_c_line(&e->p, "{%s, %d, %s%s, %d, %d, %d}, /* %s%s */", bytes, array->rank, axes,
              array->rank ? "}" : "", first, at->last, at->group ? at->group->number + 1 : 0,
              at_array_name(&e->p.names, array), what);
}

/* Memory of single rows, one for each thread, which is the first number of its axes. */
static int print_scratch(entry *e) {
    int count = 0;
    for (int i = 0; i < e->program->nest_count; i++) {
        const at_nest *nest = e->program->nests[i].nest;
        const at_group *group = nest->pass->group;
        int first = group ? group->from : nest->pass->time;
        int last = group ? group->to : nest->pass->time;
        for (int k = 0; k < nest->scratch_count; k++, count++) {
            const at_array *array = nest->scratch[k];
            const char *axes = "(const int[]){ATTEND_THREADS";
            if (at_is_panels(array)) {
                at_c_line(&e->p, "{PRODUCT_SCRATCH * sizeof(real), 1, %s}, %d, %d, 0}, /* %s of "
                          "pass %d */", axes, first, last,
                          at_array_name(&e->p.names, array), nest->pass->number + 1);
                continue;
            }
            for (int n = 0; n < array->rank; n++)
                axes = at_format(e->p.s->arena, "%s, %d", axes, array->axes[n]->id);
            const char *bytes = array->kind == AT_REAL ? "sizeof(real)"
                                : array->kind == AT_INT ? "8" : "1";
            at_c_line(&e->p, "{%s, %d, %s}, %d, %d, 0}, /* %s of pass %d */", bytes, array->rank + 1,
                      axes, first, last,
                      at_array_name(&e->p.names, array), nest->pass->number + 1);
        }
    }
    return count;
}

static int print_blocks(entry *e) {
    at_text_addf(e->p.out, "\nstatic const struct attend_block %s_blocks[] = {\n", e->own);
    int count = e->plan->place_count;
    for (int i = 0; i < count; i++) print_block(e, i, element_bytes(e, i), "");
    int blocks = count;
    for (int i = 0; i < count; i++) {
        if (!e->program->loops->fallible[i]) continue;
        e->fault_block[i] = blocks++;
        print_block(e, i, "sizeof(struct attend_fault)", ", faults");
    }
    e->first_scratch = blocks;
    blocks += print_scratch(e);
    if (blocks == 0) at_c_line(&e->p, "{0, 0, NULL, 0, 0, 0},");
    at_text_add(e->p.out, "};\n");
    return blocks;
}

static int view_count(const at_plan *plan) {
    int views = 0;
    while (views < plan->place_count && plan->places[views].use != AT_PLACE_WORK) views++;
    return views;
}

static const char *list(const entry *e, const int *values, int count) {
    const char *text = count ? "" : "0";
    for (int i = 0; i < count; i++)
        text = at_format(e->p.s->arena, "%s%s%d", text, i ? ", " : "", values[i]);
    return text;
}

static void print_groups(entry *e) {
    const at_plan *plan = e->plan;
    if (plan->group_count == 0) return;
    at_text_addf(e->p.out, "\nstatic const struct attend_group %s_groups[] = {\n", e->own);
    for (int i = 0; i < plan->group_count; i++) {
        const at_group *group = plan->groups[i];
        int *single = AT_NEW_ARRAY(e->p.s->arena, int, group->single_count);
        for (int k = 0; k < group->single_count; k++) single[k] = group->single[k]->id;
        at_c_line(&e->p, "{%d, %d, %d, (const int[]){%s}, %lld}, /* blocks of %s */", group->along->id,
                  group->rows->id, group->single_count, list(e, single, group->single_count),
                  (long long)group->most, at_axis_name(&e->p.names, group->along));
    }
    at_text_add(e->p.out, "};\n");
}

static void print_program(entry *e, int blocks) {
    const at_plan *plan = e->plan;
    int views = view_count(plan);
    int *uses = AT_NEW_ARRAY(e->p.s->arena, int, views);
    int *order = AT_NEW_ARRAY(e->p.s->arena, int, plan->place_count);
    for (int i = 0; i < plan->pass_count; i++)
        for (int k = 0; k < plan->passes[i]->target_count; k++)
            order[plan->place_of[plan->passes[i]->targets[k]->id]] = i;
    print_groups(e);
    for (int i = 0; i < views; i++) {
        uses[i] = plan->places[i].use == AT_PLACE_GIVEN ? 1 : 2;
        if (at_place_converted(&plan->places[i], e->p.type)) uses[i] |= 4;
    }
    at_text_addf(e->p.out, "\nstatic const struct attend_program %s_program = {\n", e->own);
    at_c_line(&e->p, "%d, %d, %d, %d, %s_blocks,", views, plan->place_count, e->first_scratch,
              blocks, e->own);
    at_c_line(&e->p, "(const unsigned char[]){%s},", list(e, uses, views));
    at_c_line(&e->p, "(const int[]){%s},", list(e, e->fault_block, plan->place_count));
    at_c_line(&e->p, "(const int[]){%s},", list(e, order, plan->place_count));
    at_c_line(&e->p, "%d, %d, %s,", plan->cascade->axis_count, plan->group_count,
              plan->group_count ? at_format(e->p.s->arena, "%s_groups", e->own) : "NULL");
    at_text_add(e->p.out, "};\n");
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void print_steps(entry *e, const at_plan_steps *steps);

/* Whether a pass may record a failure. */
static bool may_end(const entry *e, int pass) {
    const at_nest *nest = e->program->nests[pass].nest;
    for (int i = 0; i < nest->pass->target_count && nest->fallible; i++)
        if (at_ends_run(e->plan, nest->pass->targets[i])) return true;
    return false;
}

static void print_call(entry *e, int pass) {
    const at_tile_nest *nest = &e->program->nests[pass];
    const at_axis **axes =
        AT_NEW_ARRAY(e->p.s->arena, const at_axis *, at_nest_argument_room(nest->nest));
    int count = at_nest_arguments(e->p.s, nest, axes);
    const char *text = at_format(e->p.s->arena, "%s(%s", e->functions[pass], e->frame);
    for (int i = 0; i < count; i++)
        text = at_format(e->p.s->arena, "%s, %s", text, at_axis_name(&e->p.names, axes[i]));
    at_c_line(&e->p, "%s);", text);
}

static void print_loop(entry *e, const at_axis *axis, bool down) {
    const char *name = at_axis_name(&e->p.names, axis);
    if (down)
        at_c_line(&e->p, "for (int64_t %s = frame->extents[%d] - 1; %s >= 0; %s--) {", name,
                  axis->id, name, name);
    else
        at_c_line(&e->p, "for (int64_t %s = 0; %s < frame->extents[%d]; %s++) {", name, name,
                  axis->id, name);
    e->p.indent++;
}

static void close(entry *e, int count) {
    for (int i = 0; i < count; i++) {
        e->p.indent--;
        at_c_line(&e->p, "}");
    }
}

/* The operations of the passes in a scan or group, as an expression of C. */
static const char *work_of(entry *e, const at_plan_step *scan) {
    at_arena *arena = e->p.s->arena;
    at_cost all = {0};
    for (int i = 0; i < scan->body.count; i++) {
        const at_pass *pass = e->plan->passes[scan->body.items[i]->pass];
        for (int k = 0; k < pass->flops.count; k++)
            at_cost_add(e->p.s, &all, pass->flops.terms[k].count, pass->flops.terms[k].axes,
                        pass->flops.terms[k].rank);
    }
    const char *text = all.count ? "" : "0.0";
    for (int i = 0; i < all.count; i++) {
        text = at_format(arena, "%s%s%lld.0", text, i ? " + " : "", (long long)all.terms[i].count);
        for (int k = 0; k < all.terms[i].rank; k++)
            text = at_format(arena, "%s * (double)frame->extents[%d]", text,
                             all.terms[i].axes[k]->id);
    }
    return text;
}

/* The loops over the blocks of a group, and its passes in them. */
static void print_group_blocks(entry *e, const at_plan_step *step) {
    const at_group *group = step->group;
    const char *first = at_axis_name(&e->p.names, group->first);
    const char *end = at_axis_name(&e->p.names, group->end);
    const char *rows = at_axis_name(&e->p.names, group->rows);
    const char *block = at_c_name(&e->p.names, "block");
    int loops = group->single_count + 1;
    if (!e->program->loops->plain) {
        at_text_add(e->p.out, "#pragma omp for schedule(dynamic)");
        at_text_addf(e->p.out, loops > 1 ? " collapse(%d)\n" : "\n", loops);
    }
    for (int i = 0; i < group->single_count; i++) print_loop(e, group->single[i], false);
    at_c_line(&e->p, "for (int64_t %s = 0; %s < blocks; %s++) {", block, block, block);
    e->p.indent++;
    at_c_line(&e->p, "const int64_t %s = %s * %s;", first, block, rows);
    at_c_line(&e->p, "const int64_t %s = attend_group_end(%s, %s, frame->extents[%d]);", end, first,
              rows, group->along->id);
    e->frame = "&own";
    print_steps(e, &step->body);
    e->frame = "frame";
    close(e, loops);
}

/* Passes together, block by block; threads share out the blocks, each with memory of its own. */
static void print_group(entry *e, const at_plan_step *step) {
    bool flushes = e->p.type != AT_TYPE_F64;
    const at_group *group = step->group;
    const char *rows = at_axis_name(&e->p.names, group->rows);
    at_c_line(&e->p, "{ /* together, in blocks of %s */", at_axis_name(&e->p.names, group->along));
    e->p.indent++;
    at_c_line(&e->p, "const int64_t %s = frame->extents[%d];", rows, group->rows->id);
    at_c_line(&e->p, "const int64_t blocks = (frame->extents[%d] + %s - 1) / %s;",
              group->along->id, rows, rows);
    if (!e->program->loops->plain) {
        at_c_line(&e->p, "const double work = %s;", work_of(e, step));
        at_c_line(&e->p, "(void)work; /* without OpenMP there is one thread */");
        at_text_addf(e->p.out, "#pragma omp parallel num_threads(frame->call->threads) "
                               "if (work > SHARED_WORK / 2)\n");
    }
    at_c_line(&e->p, "{");
    e->p.indent++;
    at_c_line(&e->p, "void *arrays[%d];", e->plan->place_count);
    at_c_line(&e->p, "struct attend_fault *faults[%d];", e->plan->place_count);
    at_c_line(&e->p, "bool *faulty[%d], own_faulty[%d];", e->plan->place_count,
              e->plan->place_count);
    at_c_line(&e->p, "const struct attend_frame own =");
    at_c_line(&e->p, "    attend_own_frame(frame, %d, arrays, faults, faulty, own_faulty);",
              group->number);
    if (flushes) at_c_line(&e->p, "const unsigned mode = attend_flush_begin();");
    print_group_blocks(e, step);
    if (flushes) at_c_line(&e->p, "attend_flush_end(mode);");
    close(e, 2);
}

static void print_scan(entry *e, const at_plan_step *step);

/* A scan whole for each index of the axes that it is taken apart along, several at once. */
static void print_scan_apart(entry *e, const at_plan_step *step, const at_nest *nest) {
    bool flushes = e->p.type != AT_TYPE_F64;
    at_c_line(&e->p, "{");
    e->p.indent++;
    at_c_line(&e->p, "const double work = %s;", work_of(e, step));
    at_c_line(&e->p, "(void)work; /* without OpenMP there is one thread */");
    at_text_addf(e->p.out, "#pragma omp parallel num_threads(frame->call->threads) "
                           "if (work > SHARED_WORK / 2)\n");
    at_c_line(&e->p, "{");
    e->p.indent++;
    if (flushes) at_c_line(&e->p, "const unsigned mode = attend_flush_begin();");
    if (nest->apart_count > 1)
        at_text_addf(e->p.out, "#pragma omp for schedule(static) collapse(%d)\n",
                     nest->apart_count);
    else at_text_add(e->p.out, "#pragma omp for schedule(static)\n");
    for (int i = 0; i < nest->apart_count; i++) print_loop(e, nest->apart[i], false);
    print_scan(e, step);
    close(e, nest->apart_count);
    if (flushes) at_c_line(&e->p, "attend_flush_end(mode);");
    close(e, 2);
}

typedef struct {
    const at_loop_program *program;
    bool faults; /* it reads what may have no value */
} asking;

static bool look_for_faults(void *user, const at_expr *e) {
    asking *a = user;
    a->faults |= e->tag == AT_READ && at_is_fallible(a->program, e->u.read.array);
    return true;
}

/* Code that counts what it does does all of it; and what is left out must not have been what ends
 * the run. */
static bool leaves_out(const entry *e, const at_plan_step *scan) {
    bool sure = (scan->from || scan->to) && !e->program->loops->plain;
    asking a = {e->program->loops, false};
    if (sure && scan->from) at_walk(scan->from, look_for_faults, &a);
    if (sure && scan->to) at_walk(scan->to, look_for_faults, &a);
    sure &= !a.faults;
    for (int i = 0; i < scan->body.count && sure; i++)
        sure &= !e->program->nests[scan->body.items[i]->pass].nest->fallible;
    return sure;
}

static void print_scan(entry *e, const at_plan_step *step) {
    const at_statement *st = step->statement;
    if (leaves_out(e, step)) {
        at_c_line(&e->p, "{");
        e->p.indent++;
        at_c_scan_loop(&e->p, step);
        e->p.indent++;
        print_steps(e, &step->body);
        close(e, 2);
        return;
    }
    for (int i = 0; i < st->u.scan.count; i++)
        print_loop(e, st->u.scan.axes[i], st->u.scan.down[i]);
    print_steps(e, &step->body);
    close(e, st->u.scan.count);
}

static void print_scan_step(entry *e, const at_plan_step *step) {
    const at_nest *nest = step->body.count && step->body.items[0]->tag == AT_STEP_PASS
                              ? e->program->nests[step->body.items[0]->pass].nest : NULL;
    if (nest && nest->apart_count) print_scan_apart(e, step, nest);
    else print_scan(e, step);
}

/* Whether a region around a step has this axis. */
static bool is_around(const at_plan_step *step, const at_axis *axis) {
    for (const at_plan_step *region = step->parent; region; region = region->parent) {
        at_axis *const *axes;
        int count = at_region_axes(region->statement, &axes);
        for (int i = 0; i < count; i++)
            if (axes[i] == axis) return true;
    }
    return false;
}

/* The part of an array that belongs to the present indices of the regions around a step. */
static const char *slice_text(entry *e, const at_plan_step *step, const at_array *array) {
    if (array->rank == 0) return "NULL";
    const char *text = "(const int64_t[]){";
    for (int i = 0; i < array->rank; i++) {
        bool fixed = is_around(step, array->axes[i]);
        text = at_format(e->p.s->arena, "%s%s%s", text, i ? ", " : "",
                         fixed ? at_axis_name(&e->p.names, array->axes[i]) : "-1");
    }
    return at_format(e->p.s->arena, "%s}", text);
}

static void print_carry(entry *e, const at_plan_step *step, bool first) {
    for (int i = 0; i < step->carried_count; i++) {
        const at_carried *c = &step->carried[i];
        int to = e->plan->place_of[c->inside->id];
        int from = e->plan->place_of[first ? c->before->id : c->next->id];
        if (to == from) continue;
        at_c_line(&e->p, "attend_slice_copy(frame, %d, %d, %s);", to, from,
                  slice_text(e, step, c->inside));
    }
}

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return true;
    return false;
}

/* Rounds that may not run collect 0. */
static void print_clear(entry *e, const at_plan_step *step) {
    for (int i = 0; i < step->left_count; i++)
        if (has_axis(step->left[i], step->statement->u.repeat.round))
            at_c_line(&e->p, "attend_slice_clear(frame, %d, %s);",
                      e->plan->place_of[step->left[i]->id], slice_text(e, step, step->left[i]));
}

/* If no round ran, what only rounds define has no value. */
static void print_no_round(entry *e, const at_plan_step *step, const char *round) {
    bool any = false;
    for (int i = 0; i < step->left_count; i++) {
        const at_array *array = step->left[i];
        if (has_axis(array, step->statement->u.repeat.round)) continue;
        if (!any) at_c_line(&e->p, "if (%s == 0) {", round);
        any = true;
        e->p.indent++;
        at_c_line(&e->p, "attend_slice_fail(frame, %d, %s, %d);", e->plan->place_of[array->id],
                  slice_text(e, step, array), e->program->loops->rounds_site[array->id]);
        e->p.indent--;
    }
    if (any) at_c_line(&e->p, "}");
}

static void print_condition(entry *e, const at_plan_step *step, const char *round) {
    const at_pass *pass = e->plan->passes[step->pass];
    int place = e->plan->place_of[pass->targets[0]->id];
    print_call(e, step->pass);
    if (e->program->loops->fallible[place]) {
        at_c_line(&e->p, "if (!attend_check(frame, %d)) {", place);
        e->p.indent++;
        at_c_line(&e->p, "frame->call->failure->element = %s;", round);
        at_c_line(&e->p, "return 1;");
        e->p.indent--;
        at_c_line(&e->p, "}");
    }
    at_c_line(&e->p, "if (!*(const unsigned char *)frame->arrays[%d]) break;", place);
}

static void print_repeat(entry *e, const at_plan_step *step) {
    const at_statement *st = step->statement;
    const char *round = at_axis_name(&e->p.names, st->u.repeat.round);
    bool may_stop = at_repeat_may_end(st);
    print_carry(e, step, true);
    print_clear(e, step);
    if (may_stop) {
        at_c_line(&e->p, "{");
        e->p.indent++;
        at_c_line(&e->p, "int64_t %s = 0;", round);
        at_c_line(&e->p, "for (; %s < %lld; %s++) {", round, (long long)st->u.repeat.count, round);
    } else {
        at_c_line(&e->p, "for (int64_t %s = 0; %s < %lld; %s++) {", round, round,
                  (long long)st->u.repeat.count, round);
    }
    e->p.indent++;
    if (step->pass >= 0) print_condition(e, step, round);
    print_steps(e, &step->body);
    print_carry(e, step, false);
    e->p.indent--;
    at_c_line(&e->p, "}");
    if (!may_stop) return;
    print_no_round(e, step, round);
    e->p.indent--;
    at_c_line(&e->p, "}");
}

static bool step_may_end(const entry *e, const at_plan_step *step) {
    bool may = step->tag == AT_STEP_PASS && may_end(e, step->pass);
    for (int i = 0; step->tag == AT_STEP_GROUP && i < step->body.count; i++)
        may |= step_may_end(e, step->body.items[i]);
    return may;
}

/* The first pass of a step, or the last, as the program has them. */
static int pass_of(const at_plan_step *step, bool last) {
    int found = step->tag == AT_STEP_PASS ? step->pass : -1;
    for (int i = 0; i < step->body.count; i++) {
        int one = pass_of(step->body.items[i], last);
        if (one >= 0 && (found < 0 || (last ? one > found : one < found))) found = one;
    }
    return found;
}

/* Ends a run in which an output failed, as soon as everything ran that stands in front of it in the
 * program: that has to fail first, if it does. */
static void print_end(entry *e, const at_plan_steps *steps, int at, int *failing) {
    if (step_may_end(e, steps->items[at])) {
        int last = pass_of(steps->items[at], true);
        if (last > *failing) *failing = last;
    }
    for (int i = at + 1; i < steps->count; i++) {
        int first = pass_of(steps->items[i], false);
        if (*failing >= 0 && first >= 0 && first < *failing && i < steps->count) return;
    }
    if (*failing >= 0) at_c_line(&e->p, "if (attend_failed(frame)) return 1;");
    *failing = -1;
}

static void print_steps(entry *e, const at_plan_steps *steps) {
    bool inside = strcmp(e->frame, "frame") != 0; /* a group ends the run, or goes on, as a whole */
    int failing = -1;
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        switch (step->tag) {
        case AT_STEP_PASS: print_call(e, step->pass); break;
        case AT_STEP_SCAN: print_scan_step(e, step); break;
        case AT_STEP_REPEAT: print_repeat(e, step); break;
        case AT_STEP_GROUP: print_group(e, step); break;
        }
        if (!inside) print_end(e, steps, i, &failing);
    }
}

/* What a state becomes begins as what it was, where not all of it is surely written. */
static void print_states(entry *e) {
    for (int i = 0; i < e->plan->place_count; i++) {
        const at_array_place *place = &e->plan->places[i];
        if (!place->begins) continue;
        const char *slice = place->array->rank ? "(const int64_t[]){" : "NULL";
        for (int k = 0; k < place->array->rank; k++)
            slice = at_format(e->p.s->arena, "%s-1%s", slice,
                              k + 1 < place->array->rank ? ", " : "}");
        at_c_line(&e->p, "attend_slice_copy(frame, %d, %d, %s);", i,
                  e->plan->place_of[place->next->id], slice);
    }
}

/* Outputs whose elements are known only now. */
static void print_checks(entry *e) {
    for (int i = 0; i < e->plan->place_count; i++)
        if (e->plan->places[i].use == AT_PLACE_OUTPUT && e->program->loops->fallible[i])
            at_c_line(&e->p, "if (!attend_check(frame, %d)) return 1;", i);
}

/* ---- functions ------------------------------------------------------------------------------- */

static void print_passes(entry *e) {
    at_text_addf(e->p.out, "\nstatic int %s_passes(const struct attend_frame *frame) {\n", e->own);
    if (e->plan->pass_count + e->plan->steps.count == 0) at_c_line(&e->p, "(void)frame;");
    print_states(e);
    print_steps(e, &e->plan->steps);
    print_checks(e);
    at_c_line(&e->p, "return 0;");
    at_text_add(e->p.out, "}\n");
}

/* What others call has its prototype in front. */
static const char *prototype(const entry *e, const char *type, const char *name) {
    if (e->internal) return "\n";
    return at_format(e->p.s->arena, "\n%s %s_%s(const struct attend_call *call);\n\n", type, e->own,
                     name);
}

/* The extents that the program's own axes have, too. */
static const char *extents_text(const entry *e) {
    if (e->plan->group_count == 0) return "";
    return at_format(e->p.s->arena,
                     "    int64_t extents[%d];\n"
                     "    attend_extents(&%s_program, call, extents);\n",
                     e->plan->axis_count, e->own);
}

static void print_workspace(entry *e, const char *prefix, int blocks) {
    at_text_addf(e->p.out,
                 "%s%ssize_t %s_workspace(const struct attend_call *call) {\n"
                 "    size_t sizes[%d], offsets[%d];\n"
                 "    int order[%d];\n"
                 "%s"
                 "    return attend_measure(&%s_program, call, %s, sizes, offsets, order);\n}\n",
                 prototype(e, "size_t", "workspace"), e->internal ? "static " : "", prefix,
                 blocks + 1, blocks + 1, blocks + 1, extents_text(e), e->own,
                 e->plan->group_count ? "extents" : "call->extents");
}

static void print_run(entry *e, const char *prefix, int blocks) {
    bool flushes = e->p.type != AT_TYPE_F64;
    int places = e->plan->place_count + 1;
    at_text_addf(
        e->p.out,
        "%s%sint %s_run(const struct attend_call *call) {\n"
        "    size_t sizes[%d], offsets[%d];\n"
        "    int order[%d];\n"
        "    void *arrays[%d];\n"
        "    struct attend_fault *faults[%d];\n"
        "    bool faulty_of[%d] = {false}, *faulty[%d];\n"
        "    signed char finite[%d] = {0};\n"
        "%s"
        "    const struct attend_frame frame = {call, &%s_program, %s, arrays, faults,\n"
        "                                       faulty, offsets, attend_level(), finite};\n"
        "    if (!attend_begin(&frame, sizes, offsets, order, arrays, faults, faulty, "
        "faulty_of))\n"
        "        return 2;\n",
        prototype(e, "int", "run"), e->internal ? "static " : "", prefix, blocks + 1, blocks + 1,
        blocks + 1, places, places, places, places, places, extents_text(e), e->own,
        e->plan->group_count ? "extents" : "call->extents");
    at_text_addf(e->p.out,
                 "%s"
                 "    int failed = 0;\n"
                 "    if (frame.level == 0) failed = %s_passes(&frame);\n"
                 "    else /* within a caller's threads: loops are shared with none of these */\n"
                 "#pragma omp parallel num_threads(1)\n"
                 "        failed = %s_passes(&frame);\n"
                 "%s"
                 "    if (!failed) attend_end(&frame, sizes);\n"
                 "    return failed;\n}\n",
                 flushes ? "    const unsigned mode = attend_flush_begin();\n" : "", e->own, e->own,
                 flushes ? "    attend_flush_end(mode);\n" : "");
}

void at_emit_entry_functions(at_session *s, const at_emit_entry *entry_of,
                             const at_emit_options *options, const char *const *functions,
                             at_text *out) {
    const at_tile_program *program = entry_of->program;
    entry e = {.p = {.s = s, .out = out, .names = {s, {0}, {0}}, .program = program,
                     .type = options->type, .indent = 1},
               .program = program, .plan = program->loops->plan, .functions = functions,
               .own = entry_of->prefix, .frame = "frame", .internal = options->internal};
    e.fault_block = AT_NEW_ARRAY(s->arena, int, e.plan->place_count);
    int blocks = print_blocks(&e);
    print_program(&e, blocks);
    e.p.names = (at_names){s, {0}, {0}};
    print_passes(&e);
    print_workspace(&e, entry_of->prefix, blocks);
    print_run(&e, entry_of->prefix, blocks);
}
