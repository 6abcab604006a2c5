/* From a plan and extents to what `attend plan` tells: each pass counted, each array measured. */
#include "cli/plan_report.h"
#include "emit/emit.h"
#include "emit/layout.h"

#include <string.h>

static at_type type_of(const char *dtype) {
    if (strcmp(dtype, "f64") == 0) return AT_TYPE_F64;
    if (strcmp(dtype, "f32") == 0) return AT_TYPE_F32;
    return strcmp(dtype, "bf16") == 0 ? AT_TYPE_BF16 : AT_TYPE_F16;
}

static int64_t bytes_of(void *user, const at_array *array) {
    const at_plan_report *r = user;
    int place = r->plan->place_of[array->id];
    if (place < 0) return at_kind_bytes(array->kind);
    return (int64_t)at_type_bytes(at_place_type(&r->plan->places[place], type_of(r->dtype)));
}

/* What a group holds in blocks stays in a cache: nothing of it is moved. */
static int64_t moved_bytes_of(void *user, const at_array *array) {
    const at_plan_report *r = user;
    int place = r->plan->place_of[array->id];
    return place >= 0 && r->plan->places[place].group ? 0 : bytes_of(user, array);
}

static void add_cost(at_session *s, at_cost *to, const at_cost *from) {
    for (int i = 0; i < from->count; i++)
        at_cost_add(s, to, from->terms[i].count, from->terms[i].axes, from->terms[i].rank);
}

/* Rounds that may not run count as if they did. */
static void note_rounds(const at_pass *pass, at_count *count) {
    for (int i = 0; i < pass->region_count; i++) {
        const at_statement *region = pass->regions[i];
        if (region->tag != AT_REPEAT || !at_repeat_may_end(region)) continue;
        if (!count->at_most) count->why = region->u.repeat.condition;
        count->at_most = count->bytes_at_most = true;
    }
}

static void count_passes(at_plan_report *r) {
    for (int i = 0; i < r->plan->pass_count; i++) {
        at_count *one = &r->counts[i];
        *one = at_count_pass(r->s, r->plan->cascade, r->plan->passes[i], r->extents,
                             moved_bytes_of, r);
        note_rounds(r->plan->passes[i], one);
        r->total.flops = at_count_add(r->total.flops, one->flops);
        r->total.bytes = at_count_add(r->total.bytes, one->bytes);
        r->total.at_most |= one->at_most;
        r->total.bytes_at_most |= one->bytes_at_most;
        add_cost(r->s, &r->total.flops_formula, &one->flops_formula);
        add_cost(r->s, &r->total.bytes_formula, &one->bytes_formula);
    }
}

/* The passes between two times. */
static void find_life(const at_plan_report *r, int place) {
    at_plan_buffer *buffer = &r->buffers[place];
    buffer->first = r->plan->pass_count;
    buffer->last = -1;
    for (int i = 0; i < r->plan->pass_count; i++) {
        int time = r->plan->passes[i]->time;
        if (time < r->plan->places[place].first || time > r->plan->places[place].last) continue;
        if (i < buffer->first) buffer->first = i;
        buffer->last = i;
    }
}

static void find_shared(at_plan_report *r) {
    for (int i = 0; i < r->plan->place_count; i++)
        for (int k = 0; k < r->plan->place_count; k++) {
            at_plan_buffer *a = &r->buffers[i], *b = &r->buffers[k];
            if (i == k || a->offset < 0 || b->offset < 0) continue;
            if (a->offset >= b->offset + b->room || b->offset >= a->offset + a->room) continue;
            AT_PUSH(r->s->arena, a->shared, a->shared_count, a->shared_capacity,
                    r->plan->places[k].array);
        }
}

/* What it takes in memory: of windows and blocks so many indices as these have. */
static void add_size(at_plan_report *r, const at_array_place *place, int64_t element,
                     at_cost *formula) {
    int rank = place->array->rank, left = 0;
    const at_axis **axes = AT_NEW_ARRAY(r->s->arena, const at_axis *, rank);
    for (int i = 0; i < rank; i++) {
        if (place->slots[i]) element = at_count_times(element, place->slots[i]);
        else axes[left++] = at_place_axis(place, i);
    }
    at_cost_add(r->s, formula, element, axes, left);
}

static int64_t length_of(const at_plan_report *r, const at_array_place *place, int dimension) {
    if (place->slots[dimension]) return place->slots[dimension];
    if (at_place_is_block(place, dimension)) return r->rows[place->group->number];
    return r->extents[place->array->axes[dimension]->id];
}

static void measure(at_plan_report *r) {
    int count = r->plan->place_count;
    at_type type = type_of(r->dtype);
    int64_t *element = AT_NEW_ARRAY(r->s->arena, int64_t, count);
    int64_t *bytes = AT_NEW_ARRAY(r->s->arena, int64_t, count);
    int64_t *offset = AT_NEW_ARRAY(r->s->arena, int64_t, count);
    bool *aside = AT_NEW_ARRAY(r->s->arena, bool, count);
    for (int i = 0; i < count; i++) {
        const at_array_place *place = &r->plan->places[i];
        at_plan_buffer *buffer = &r->buffers[i];
        element[i] = bytes_of(r, place->array);
        aside[i] = at_place_converted(place, type);
        find_life(r, i);
        add_size(r, place, element[i], &buffer->formula);
        if (place->use == AT_PLACE_WORK) add_cost(r->s, &r->workspace_formula, &buffer->formula);
    }
    if (!r->extents) return;
    at_layout_types types = {element, aside, type == AT_TYPE_F64 ? 8 : 4, r->threads};
    r->workspace = at_layout(r->s, r->loops, &types, r->extents, bytes, offset, r->rows);
    for (int i = 0; i < count; i++) {
        const at_array_place *place = &r->plan->places[i];
        r->buffers[i].bytes = element[i];
        for (int k = 0; k < place->array->rank; k++)
            r->buffers[i].bytes = at_count_times(r->buffers[i].bytes, length_of(r, place, k));
        r->buffers[i].room = bytes[i];
        r->buffers[i].offset = offset[i];
    }
    find_shared(r);
}

at_plan_report *at_plan_report_make(at_session *s, const at_loop_program *loops, const char *dtype,
                                    int threads, const int64_t *extents) {
    at_plan_report *r = AT_NEW(s->arena, at_plan_report);
    r->s = s;
    r->loops = loops;
    r->plan = loops->plan;
    r->dtype = dtype;
    r->threads = threads;
    r->extents = extents;
    r->counts = AT_NEW_ARRAY(s->arena, at_count, r->plan->pass_count);
    r->rows = AT_NEW_ARRAY(s->arena, int64_t, r->plan->group_count);
    r->buffers = AT_NEW_ARRAY(s->arena, at_plan_buffer, r->plan->place_count);
    count_passes(r);
    measure(r);
    return r;
}

static at_axis *same_axis(void *user, const at_axis *like) {
    (void)user;
    return (at_axis *)like; /* no fold is in what indices alone decide */
}

/* A step of a sweep has a stretch of one axis: whose index says which step it is, so that the
 * condition is one without the step. *step: its axis; NULL: it is none. */
static const at_expr *without_step(const at_plan_report *r, const at_pass *pass,
                                   const at_axis **step) {
    const at_array *target = pass->target;
    const at_array_place *place = &r->plan->places[r->plan->place_of[target->id]];
    const at_expr *condition = pass->domain;
    *step = NULL;
    for (int i = 0; i < target->rank && !*step; i++) {
        if (!place->tiles[i]) continue;
        *step = place->tiles[i];
        const at_span span = condition->span;
        const at_expr *index = at_index(r->s, target->axes[i], span);
        const at_expr *number = at_map_node(r->s, AT_OP_IDIV, index,
                                            at_int(r->s, place->slots[i], span), NULL, span);
        condition = at_substitute(r->s, condition, step, &number, 1, same_axis, NULL);
    }
    return condition;
}

/* The two axes of a pass's tiles: those of the condition, or the one and that of the group's
 * blocks. */
static bool find_over(const at_pass *pass, const at_expr *condition, const at_axis *step,
                      const at_axis **over) {
    const at_array *target = pass->target;
    int asked = 0, count = 0;
    for (int i = 0; i < target->rank; i++)
        asked += target->axes[i] != step && at_mentions(condition, target->axes[i]);
    for (int i = 0; i < target->rank; i++) {
        const at_axis *axis = target->axes[i];
        bool along = asked == 1 && pass->group && pass->group->along == axis;
        if (axis == step || !(along || at_mentions(condition, axis))) continue;
        if (count == 2) return false;
        over[count++] = axis;
    }
    return count == 2;
}

bool at_plan_tiles(const at_plan_report *r, const at_pass *pass, at_tiles_found *tiles) {
    const at_axis *over[2], *step;
    int64_t times = 1;
    if (!pass->domain || !r->extents) return false;
    const at_expr *condition = without_step(r, pass, &step);
    if (!find_over(pass, condition, step, over)) return false;
    for (int i = 0; i < pass->target->rank; i++) {
        const at_axis *axis = pass->target->axes[i];
        if (axis != step && axis != over[0] && axis != over[1])
            times = at_count_times(times, r->extents[axis->id]);
    }
    at_points points = {r->s, r->plan->cascade->axis_count, r->extents, 0};
    if (!at_points_tiles(&points, condition, over[0], over[1], AT_PLAN_TILE, tiles)) return false;
    tiles->whole = at_count_times(tiles->whole, times);
    tiles->bordered = at_count_times(tiles->bordered, times);
    tiles->skipped = at_count_times(tiles->skipped, times);
    return true;
}

const char *at_plan_use_text(const at_array_place *place) {
    if (place->use == AT_PLACE_OUTPUT) return "output";
    if (place->use == AT_PLACE_WORK) return "work";
    if (place->array->role == AT_PARAM) return "param";
    return place->array->role == AT_STATE ? "state" : "input";
}

const char *at_plan_regions_text(at_session *s, const at_pass *pass) {
    const char *text = "";
    for (int i = 0; i < pass->region_count; i++) {
        const at_statement *region = pass->regions[i];
        at_axis *const *axes;
        int count = at_region_axes(region, &axes);
        text = at_format(s->arena, "%s%s%s", text, i ? ", " : "",
                         region->tag == AT_SCAN ? "scan " : "repeat ");
        for (int k = 0; k < count; k++)
            text = at_format(s->arena, "%s%s%s", text, k ? " " : "", axes[k]->name);
        if (region->tag == AT_REPEAT)
            text = at_format(s->arena, "%s of %lld", text, (long long)region->u.repeat.count);
    }
    return text;
}

/* The other passes of a group, "passes 1, 2 and 4 to 6", without the pass itself. */
static const char *others_text(const at_plan_report *r, const at_pass *pass) {
    const at_plan *plan = r->plan;
    at_arena *arena = r->s->arena;
    const char *list = "";
    int count = 0;
    for (int i = 0; i < plan->pass_count; i++) {
        int last = i;
        if (plan->passes[i]->group != pass->group || plan->passes[i] == pass) continue;
        while (last + 1 < plan->pass_count && plan->passes[last + 1]->group == pass->group &&
               plan->passes[last + 1] != pass)
            last++;
        list = last == i ? at_format(arena, "%s%s%d", list, *list ? ", " : "", i + 1)
                         : at_format(arena, "%s%s%d %s %d", list, *list ? ", " : "", i + 1,
                                     last == i + 1 ? "and" : "to", last + 1);
        count += last + 1 - i;
        i = last;
    }
    return at_format(arena, "%s %s", count == 1 ? "pass" : "passes", list);
}

const char *at_plan_group_text(const at_plan_report *r, const at_pass *pass) {
    const at_group *group = pass->group;
    at_arena *arena = r->s->arena;
    if (!group) return "";
    const char *text = at_format(arena, "with %s", others_text(r, pass));
    for (int i = 0; i < group->single_count; i++)
        text = at_format(arena, "%s%s%s", text, i ? ", " : ", for each ", group->single[i]->name);
    if (r->extents)
        return at_format(arena, "%s, in blocks of %lld %s", text, (long long)r->rows[group->number],
                         group->along->name);
    return at_format(arena, "%s, in blocks of %s", text, group->along->name);
}

void at_plan_array_text(const at_array *array, at_text *out) {
    at_ir_print_name(array->name, out);
    for (int i = 0; i < array->rank; i++)
        at_text_addf(out, "%s%s", i ? "," : "[", array->axes[i]->name);
    if (array->rank) at_text_add(out, "]");
}
