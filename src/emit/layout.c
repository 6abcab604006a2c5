/* From extents to where everything lies in the workspace: by the very code that a run does it with. */
#include "emit/layout.h"

#include <omp.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wunused-function"
#include "emit/parts/blocking.h"
#include "emit/parts/call.h"
#include "emit/parts/memory.h"

static int *axes_of(at_session *s, const at_array *array, const int64_t *slots) {
    int *axes = AT_NEW_ARRAY(s->arena, int, array->rank + 1);
    for (int k = 0; k < array->rank; k++)
        axes[k] = slots && slots[k] ? -(int)slots[k] : array->axes[k]->id;
    return axes;
}

/* Rows of a thread's own, or its panels of products. */
static struct attend_block scratch_of(at_session *s, const at_nest *nest, const at_array *array,
                                      const at_layout_types *types) {
    int64_t bytes = array->kind == AT_REAL ? types->real : array->kind == AT_INT ? 8 : 1;
    struct attend_block block = {(size_t)bytes, 0, NULL, nest->pass->time, nest->pass->time};
    if (!array->axes[0]) {
        block.bytes = (size_t)(PRODUCT_SCRATCH_OF(types->real) * types->real);
        return block;
    }
    block.rank = array->rank;
    block.axes = axes_of(s, array, NULL);
    return block;
}

int64_t at_layout(at_session *s, const at_loop_program *loops, const at_layout_types *types,
                  const int64_t *extents, int64_t *bytes, int64_t *offset) {
    const at_plan *plan = loops->plan;
    int count = plan->place_count, room = 2 * count + 1, faults = count;
    for (int i = 0; i < loops->nest_count; i++) room += loops->nests[i].scratch_count;
    struct attend_block *blocks = AT_NEW_ARRAY(s->arena, struct attend_block, room);
    size_t *sizes = AT_NEW_ARRAY(s->arena, size_t, room);
    size_t *offsets = AT_NEW_ARRAY(s->arena, size_t, room);
    for (int i = 0; i < count; i++) {
        const at_array_place *place = &plan->places[i];
        bool work = place->use == AT_PLACE_WORK;
        blocks[i] = (struct attend_block){(size_t)types->element[i], place->array->rank,
                                          axes_of(s, place->array, place->slots),
                                          work ? place->first : 0, place->last};
        size_t size = attend_block_bytes(&blocks[i], extents);
        bytes[i] = size > INT64_MAX ? INT64_MAX : (int64_t)size;
        sizes[i] = work || types->aside[i] ? size : 0;
        if (!loops->fallible[i]) continue;
        blocks[faults] = blocks[i];
        blocks[faults].bytes = sizeof(struct attend_fault);
        sizes[faults] = attend_block_bytes(&blocks[faults], extents);
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
