/* How many vectors a round of a loop over lanes works on, where its body loops itself: several
 * along the axis, so that no sum waits for the one before it, and several rows of another axis,
 * which share what they read.
 *
 *     for i                        for i, 4 at once
 *       for e in lanes               for e, 2 vectors at once
 *         sum = 0                      8 sums = 0
 *         for j                 ->     for j
 *           sum += p[i,j] * v[j,e]       8 sums += 4 of p[i,j] * 2 vectors of v[j,e]
 *         o[i,e] = sum                 o[i,e] = 8 sums */
#include "tile/tile_int.h"

enum { ROWS = 4, VECTORS_OF_ROWS = 2, VECTORS = 4, LIGHT = 8, VECTOR = 8 };

static bool mentions(const at_value *v, const at_axis *axis) {
    if (v->op == AT_TILE_INDEX && v->axis == axis) return true;
    for (int i = 0; i < v->count; i++)
        if (mentions(v->operands[i], axis)) return true;
    return false;
}

static bool is_fixed(const at_value *bound, const at_axis *axis) {
    if (!bound) return true;
    if (bound->op == AT_TILE_GET || (bound->op == AT_TILE_INDEX && bound->axis == axis))
        return false;
    for (int i = 0; i < bound->count; i++)
        if (!is_fixed(bound->operands[i], axis)) return false;
    return true;
}

/* The innermost loops of a body: what their rounds do. */
typedef struct {
    bool fixed;  /* no bound of a loop depends on an index of `axis`, nor may it on a variable */
    int loops;
    bool light;  /* all of them are short of work */
    int vectors; /* loads of vectors in them */
    int shared;  /* of which so many are the same for all rows of `axis` */
} inner;

static void look(const at_tiles *tiles, const at_axis *axis, bool inside, inner *out) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; inside && k < tile->count; k++) {
            const at_value *v = tile->values[k];
            if (v->op != AT_TILE_LOAD || v->lanes == AT_LANES_SAME) continue;
            out->vectors++;
            out->shared += !mentions(v->operands[0], axis);
        }
        bool loop = tile->tag == AT_TILE_FOR;
        if (loop) {
            out->fixed &= is_fixed(tile->low, axis) && is_fixed(tile->high, axis);
            out->loops++;
            out->light &= at_tile_cost(&tile->body, NULL) <= LIGHT;
        }
        look(&tile->body, axis, inside || loop, out);
        look(&tile->otherwise, axis, inside || loop, out);
    }
}

static bool is_short(const at_axis *axis, int64_t least) {
    int64_t extent = at_extent(axis, NULL);
    return extent >= 0 && extent < least;
}

void at_tile_block(at_tile **loops, int count) {
    at_tile *lanes = loops[count - 1];
    for (int i = 0; i < count; i++)
        if (!loops[i]->block && (loops[i]->low || loops[i]->high)) return; /* rounds may be of different lengths */
    inner found = {true, 0, true, 0, 0};
    look(&lanes->body, lanes->axis, false, &found);
    if (found.loops == 0 || !found.light || !found.fixed || is_short(lanes->axis, 2 * VECTOR))
        return;
    lanes->copies = VECTORS;
    int best = -1, shared = 0;
    for (int i = 0; i < count - 1; i++) {
        inner row = {true, 0, true, 0, 0};
        look(&lanes->body, loops[i]->axis, false, &row);
        if (!row.fixed || row.shared < shared || row.shared == 0 || is_short(loops[i]->axis, ROWS))
            continue;
        shared = row.shared;
        best = i;
    }
    if (best < 0) return;
    const at_tile moved = *loops[best];
    for (int i = best; i + 2 < count; i++) at_tile_move(loops[i], loops[i + 1]);
    at_tile_move(loops[count - 2], &moved);
    loops[count - 2]->rows = ROWS;
    lanes->copies = VECTORS_OF_ROWS;
}
