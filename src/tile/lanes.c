/* Which axis of a nest is taken LANES indices at once: one of the target's, so that the lanes are
 * elements that have nothing to do with each other, or inside of an element one that is summed (or
 * the like) over, whose lanes are combined at the end.
 *
 * Every possible choice is priced, with memory along the lanes cheap and memory across them dear,
 * and the cheapest is taken; the last axis wins among equals. */
#include "tile/tile_int.h"

#include <string.h>

enum { VECTOR = 8, DEEPEST = 64 };

typedef struct {
    int count;
    at_tile *loops[DEEPEST];
} spine;

/* The loops over a target's axes, each of which holds nothing but the next. */
static spine spine_of(at_tile *tile) {
    spine out = {0};
    while (tile && !tile->steps && at_tile_independent_part(tile) && out.count < DEEPEST) {
        out.loops[out.count++] = tile;
        tile = at_tile_only_loop(&tile->body);
    }
    return out;
}

static bool mentions(const at_value *v, const at_axis *axis) {
    if (!v) return false;
    if (v->op == AT_TILE_INDEX && v->axis == axis) return true;
    for (int i = 0; i < v->count; i++)
        if (mentions(v->operands[i], axis)) return true;
    return false;
}

/* Whether a loop can go inside of those that it holds: they begin and end where they do for all of
 * its indices. */
static bool can_move(const spine *loops, int chosen) {
    for (int i = chosen + 1; i < loops->count; i++)
        if (mentions(loops->loops[i]->low, loops->loops[chosen]->axis) ||
            mentions(loops->loops[i]->high, loops->loops[chosen]->axis))
            return false;
    return true;
}

/* A short axis leaves lanes without work. */
static double lanes_of(const at_axis *axis) {
    int64_t extent = at_extent(axis, NULL);
    return extent >= 0 && extent < VECTOR ? (double)extent : VECTOR;
}

static void move_inside(const spine *loops, int chosen) {
    const at_tile moved = *loops->loops[chosen];
    for (int i = chosen; i + 1 < loops->count; i++)
        at_tile_move(loops->loops[i], loops->loops[i + 1]);
    at_tile_move(loops->loops[loops->count - 1], &moved);
}

static void choose(at_session *s, at_tile_nest *nest, spine *loops) {
    at_tiles *body = &loops->loops[loops->count - 1]->body;
    size_t variables = (size_t)nest->variable_count;
    bool *varying = AT_NEW_ARRAY(s->arena, bool, nest->variable_count + 1);
    double least = at_tile_reduce_cost(s, nest, body);
    int chosen = -1;
    for (int i = loops->count - 1; i >= 0; i--) {
        const at_axis *axis = loops->loops[i]->axis;
        double lanes = lanes_of(axis);
        if (lanes < 2 || !can_move(loops, i)) continue;
        memset(varying, 0, variables);
        at_tile_shape(s, nest, body, axis, varying);
        double cost = at_tile_cost(body, axis) / lanes;
        if (cost < least) {
            least = cost;
            chosen = i;
        }
    }
    at_tile_flatten(body);
    if (chosen < 0) {
        at_tile_reduce(s, nest, body);
        return;
    }
    move_inside(loops, chosen);
    at_tile *loop = loops->loops[loops->count - 1];
    loop->lanes = true;
    memset(varying, 0, variables);
    at_tile_shape(s, nest, body, loop->axis, varying);
    if (!nest->small) at_tile_block(loops->loops, loops->count);
}

/* What is done with a finished block: lanes along the innermost of its loops. */
static void choose_in_block(at_session *s, at_tile_nest *nest, const at_tiles *tiles) {
    bool *varying = AT_NEW_ARRAY(s->arena, bool, nest->variable_count + 1);
    at_tile *loop = NULL;
    while (tiles->count && tiles->items[tiles->count - 1]->tag == AT_TILE_FOR) {
        at_tile *next = tiles->items[tiles->count - 1];
        tiles = &next->body;
        if (next->steps) tiles = &tiles->items[tiles->count - 1]->body;
        else loop = next;
    }
    if (!loop) return;
    loop->lanes = true;
    at_tile_shape(s, nest, tiles, loop->axis, varying);
}

static void choose_in(at_session *s, at_tile_nest *nest, at_tiles *tiles) {
    bool alone = true;
    for (int i = 0; i < tiles->count; i++) {
        if (tiles->items[i]->tag == AT_TILE_PRODUCT) {
            choose_in_block(s, nest, &tiles->items[i]->body);
            nest->small = true;
            choose_in(s, nest, &tiles->items[i]->otherwise);
            nest->small = false;
            alone = false;
            continue;
        }
        spine loops = spine_of(tiles->items[i]);
        if (loops.count == 0) continue;
        const at_tile *steps = at_tile_only_loop(&loops.loops[loops.count - 1]->body);
        if (steps && steps->steps) /* elements of stretches */
            choose_in(s, nest, &steps->body.items[steps->body.count - 1]->body);
        else
            choose(s, nest, &loops);
        alone = false;
    }
    if (alone) at_tile_reduce(s, nest, tiles);
}

void at_tile_lanes(at_session *s, at_tile_nest *nest, at_tiles *tiles) {
    if (at_tile_total(tiles)) choose_in(s, nest, tiles);
}
