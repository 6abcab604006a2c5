/* From a plan and extents to what `attend plan` tells: each pass counted, each array measured. */
#include "cli/plan_report.h"

#include <string.h>

/* Bytes of an element: given arrays and outputs have the storage type, all others what is computed
 * with. */
static int64_t bytes_of(void *user, const at_array *array) {
    const at_plan_report *r = user;
    if (array->kind != AT_REAL) return at_kind_bytes(array->kind);
    int place = r->plan->place_of[array->id];
    bool work = place < 0 || r->plan->places[place].use == AT_PLACE_WORK;
    if (strcmp(r->dtype, "f64") == 0) return 8;
    return strcmp(r->dtype, "f32") == 0 || work ? 4 : 2;
}

static void add_cost(at_session *s, at_cost *to, const at_cost *from) {
    for (int i = 0; i < from->count; i++)
        at_cost_add(s, to, from->terms[i].count, from->terms[i].axes, from->terms[i].rank);
}

static void count_passes(at_plan_report *r) {
    for (int i = 0; i < r->plan->pass_count; i++) {
        at_count *one = &r->counts[i];
        *one = at_count_statement(r->s, r->plan->cascade, r->plan->passes[i]->statement,
                                  r->plan->passes[i]->again, r->plan->passes[i]->again_count,
                                  r->extents, bytes_of, r);
        r->total.flops = at_count_add(r->total.flops, one->flops);
        r->total.bytes = at_count_add(r->total.bytes, one->bytes);
        r->total.at_most |= one->at_most;
        r->total.bytes_at_most |= one->bytes_at_most;
        add_cost(r->s, &r->total.flops_formula, &one->flops_formula);
        add_cost(r->s, &r->total.bytes_formula, &one->bytes_formula);
    }
}

static void find_lives(at_plan_report *r) {
    for (int i = 0; i < r->plan->place_count; i++)
        r->buffers[i].first = r->buffers[i].last = -1;
    for (int i = 0; i < r->plan->pass_count; i++) {
        at_plan_buffer *target =
            &r->buffers[r->plan->place_of[r->plan->passes[i]->target->id]];
        target->first = target->last = i;
        for (int k = 0; k < r->counts[i].read_count; k++) {
            int place = r->plan->place_of[r->counts[i].reads[k].array->id];
            if (place >= 0) r->buffers[place].last = i;
        }
    }
}

static void measure(at_plan_report *r) {
    for (int i = 0; i < r->plan->place_count; i++) {
        const at_array *array = r->plan->places[i].array;
        at_plan_buffer *buffer = &r->buffers[i];
        int64_t each = bytes_of(r, array);
        if (r->loops->fallible[i]) each += (int64_t)sizeof(int64_t) * 3; /* a fault record */
        buffer->bytes = r->extents ? each : 0;
        for (int k = 0; k < array->rank && r->extents; k++)
            buffer->bytes = at_count_times(buffer->bytes, r->extents[array->axes[k]->id]);
        at_cost_add(r->s, &buffer->formula, each, (const at_axis *const *)array->axes, array->rank);
        if (r->plan->places[i].use != AT_PLACE_WORK) continue;
        r->workspace = at_count_add(r->workspace, buffer->bytes);
        add_cost(r->s, &r->workspace_formula, &buffer->formula);
    }
}

at_plan_report *at_plan_report_make(at_session *s, const at_loop_program *loops, const char *dtype,
                                    const int64_t *extents) {
    at_plan_report *r = AT_NEW(s->arena, at_plan_report);
    r->s = s;
    r->loops = loops;
    r->plan = loops->plan;
    r->dtype = dtype;
    r->extents = extents;
    r->counts = AT_NEW_ARRAY(s->arena, at_count, r->plan->pass_count);
    r->buffers = AT_NEW_ARRAY(s->arena, at_plan_buffer, r->plan->place_count);
    count_passes(r);
    find_lives(r);
    measure(r);
    return r;
}

const char *at_plan_use_text(const at_array_place *place) {
    if (place->use == AT_PLACE_OUTPUT) return "output";
    if (place->use == AT_PLACE_WORK) return "work";
    if (place->array->role == AT_PARAM) return "param";
    return place->array->role == AT_STATE ? "state" : "input";
}

void at_plan_array_text(const at_array *array, at_text *out) {
    at_ir_print_name(array->name, out);
    for (int i = 0; i < array->rank; i++)
        at_text_addf(out, "%s%s", i ? "," : "[", array->axes[i]->name);
    if (array->rank) at_text_add(out, "]");
}
