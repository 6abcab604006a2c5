/* From extents to where everything lies in the workspace: by the very code that a run does it
 * with. */
#include "emit/layout.h"

#include <omp.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wunused-function"
#include "emit/parts/blocking.h"
#include "emit/parts/call.h"
#include "emit/parts/memory.h"
#include "emit/parts/group.h"

static int *axes_of(at_session *s, const at_array_place *place) {
    int *axes = AT_NEW_ARRAY(s->arena, int, place->array->rank + 1);
    for (int k = 0; k < place->array->rank; k++)
        axes[k] = place->slots[k] ? -(int)place->slots[k] : at_place_axis(place, k)->id;
    return axes;
}

/* Rows of a thread's own, or its panels of products. */
static struct attend_block scratch_of(at_session *s, const at_nest *nest, const at_array *array,
                                      const at_layout_types *types) {
    int64_t bytes = array->kind == AT_REAL ? types->real : array->kind == AT_INT ? 8 : 1;
    const at_group *group = nest->pass->group;
    struct attend_block block = {(size_t)bytes, 0, NULL, group ? group->from : nest->pass->time,
                                 group ? group->to : nest->pass->time, 0};
    if (!array->axes[0]) {
        block.bytes = (size_t)(PRODUCT_SCRATCH_OF(types->real) * types->real);
        return block;
    }
    int *axes = AT_NEW_ARRAY(s->arena, int, array->rank);
    for (int k = 0; k < array->rank; k++) axes[k] = array->axes[k]->id;
    block.rank = array->rank;
    block.axes = axes;
    return block;
}

static const struct attend_group *groups_of(at_session *s, const at_plan *plan) {
    struct attend_group *groups = AT_NEW_ARRAY(s->arena, struct attend_group, plan->group_count);
    for (int i = 0; i < plan->group_count; i++) {
        const at_group *from = plan->groups[i];
        int *single = AT_NEW_ARRAY(s->arena, int, from->single_count);
        for (int k = 0; k < from->single_count; k++) single[k] = from->single[k]->id;
        groups[i] = (struct attend_group){from->along->id, from->rows->id, from->single_count,
                                          single, from->most};
    }
    return groups;
}

/* How much each thread has, or all of them. */
static size_t room_of(const struct attend_block *block, const int64_t *extents, int threads) {
    size_t size = attend_block_bytes(block, extents);
    if (block->group && __builtin_mul_overflow(size, (size_t)threads, &size)) return SIZE_MAX;
    return size;
}

int64_t at_layout(at_session *s, const at_loop_program *loops, const at_layout_types *types,
                  const int64_t *given, int64_t *bytes, int64_t *offset, int64_t *rows) {
    const at_plan *plan = loops->plan;
    int count = plan->place_count, room = 2 * count + 1, faults = count;
    for (int i = 0; i < loops->nest_count; i++) room += loops->nests[i].scratch_count;
    struct attend_block *blocks = AT_NEW_ARRAY(s->arena, struct attend_block, room);
    size_t *sizes = AT_NEW_ARRAY(s->arena, size_t, room);
    size_t *offsets = AT_NEW_ARRAY(s->arena, size_t, room);
    for (int i = 0; i < count; i++) {
        const at_array_place *place = &plan->places[i];
        blocks[i] = (struct attend_block){(size_t)types->element[i], place->array->rank,
                                          axes_of(s, place),
                                          place->use == AT_PLACE_WORK ? place->first : 0,
                                          place->last, place->group ? place->group->number + 1 : 0};
        if (!loops->fallible[i]) continue;
        blocks[faults] = blocks[i];
        blocks[faults++].bytes = sizeof(struct attend_fault);
    }
    int64_t *extents = AT_NEW_ARRAY(s->arena, int64_t, plan->axis_count);
    const struct attend_program program = {.block = blocks, .places = count,
                                           .axes = plan->cascade->axis_count,
                                           .groups = plan->group_count,
                                           .group = groups_of(s, plan)};
    attend_extents(&program, &(struct attend_call){.extents = given}, extents);
    for (int i = 0; i < plan->group_count; i++) rows[i] = extents[plan->groups[i]->rows->id];
    faults = count;
    for (int i = 0; i < count; i++) {
        bool work = plan->places[i].use == AT_PLACE_WORK;
        size_t size = room_of(&blocks[i], extents, types->threads);
        bytes[i] = size > INT64_MAX ? INT64_MAX : (int64_t)size;
        sizes[i] = work || types->aside[i] ? size : 0;
        if (!loops->fallible[i]) continue;
        sizes[faults] = room_of(&blocks[faults], extents, types->threads);
        bytes[i] = sizes[faults] > INT64_MAX - (size_t)bytes[i] ? INT64_MAX
                                                                : bytes[i] + (int64_t)sizes[faults];
        faults++;
    }
    for (int i = 0; i < loops->nest_count; i++)
        for (int k = 0; k < loops->nests[i].scratch_count; k++) {
            const at_nest *nest = &loops->nests[i];
            blocks[faults] = scratch_of(s, nest, nest->scratch[k], types);
            sizes[faults] = attend_block_bytes(&blocks[faults], extents);
            if (__builtin_mul_overflow(sizes[faults], (size_t)types->threads, &sizes[faults]))
                sizes[faults] = SIZE_MAX;
            faults++;
        }
    int *order = AT_NEW_ARRAY(s->arena, int, room);
    size_t all = attend_place_blocks(blocks, faults, sizes, offsets, order);
    for (int i = 0; i < count; i++) offset[i] = sizes[i] ? (int64_t)offsets[i] : -1;
    return all > INT64_MAX ? INT64_MAX : (int64_t)all;
}
