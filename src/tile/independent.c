/* Which loops may run in any order, or many rounds at once, and which code has lanes at all.
 *
 * A loop is independent when each round stores elements of its own, reads nothing that another
 * round stores, and leaves no variable behind. What is not known here is taken to depend. */
#include "tile/tile_int.h"

static bool has_lanes(const at_value *v) {
    switch (v->op) {
    case AT_TILE_NUMBER:
    case AT_TILE_SIZE:
    case AT_TILE_INDEX:
    case AT_TILE_GET:
    case AT_TILE_LOAD:
    case AT_TILE_LOAD_WHERE:
    case AT_TILE_MAP:
    case AT_TILE_SELECT:
    case AT_TILE_CHECK:
    case AT_TILE_ATTEMPT:
    case AT_TILE_LET:
    case AT_TILE_SET: return true;
    case AT_TILE_STORE: return v->inside;
    default: return false;
    }
}

bool at_tile_total(const at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        switch (tile->tag) {
        case AT_TILE_LEAF:
        case AT_TILE_FOR:
        case AT_TILE_IF:
        case AT_TILE_PRODUCT:
        case AT_TILE_ELEMENT: break;
        default: return false;
        }
        for (int k = 0; k < tile->count; k++)
            if (!has_lanes(tile->values[k])) return false;
        if (!at_tile_total(&tile->body) || !at_tile_total(&tile->otherwise)) return false;
    }
    return true;
}

/* ---- what a loop does ------------------------------------------------------------------------ */

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return true;
    return false;
}

static bool mentions(const at_value *v, const at_axis *axis) {
    if (v->op == AT_TILE_INDEX && v->axis == axis) return true;
    for (int i = 0; i < v->count; i++)
        if (mentions(v->operands[i], axis)) return true;
    return false;
}

/* Whether `tiles` stores into `array`, or makes the variable `array`. */
static bool does(const at_tiles *tiles, at_tile_op op, const at_array *array) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++)
            if (tile->values[k]->op == op && tile->values[k]->array == array) return true;
        if (does(&tile->body, op, array) || does(&tile->otherwise, op, array)) return true;
    }
    return false;
}

static bool loops_over(const at_tiles *tiles, const at_axis *axis) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        if (tile->tag == AT_TILE_FOR && tile->axis == axis) return true;
        if (loops_over(&tile->body, axis) || loops_over(&tile->otherwise, axis)) return true;
    }
    return false;
}

static bool value_depends(const at_tile *loop, const at_value *v) {
    switch (v->op) {
    /* Scratch is a thread's own, and holds a row: what a loop along it puts there must stay. */
    case AT_TILE_PUT: return !at_is_scratch(v->array) || has_axis(v->array, loop->axis);
    case AT_TILE_SORT: return has_axis(v->sort->key, loop->axis);
    case AT_TILE_SET:
    case AT_TILE_RUN:
    case AT_TILE_ATTEMPT: return !does(&loop->body, AT_TILE_LET, v->array);
    case AT_TILE_STORE: return !v->inside || !mentions(v->operands[0], loop->axis);
    case AT_TILE_LOAD:
    case AT_TILE_LOAD_WHERE:
        /* Another thread's scratch is another. */
        if (at_is_scratch(v->array)) return !does(&loop->body, AT_TILE_PUT, v->array);
        /* An earlier step, in a loop inside of one. */
        if (v->axis && v->axis != loop->axis && !loops_over(&loop->body, v->axis)) return false;
        return does(&loop->body, AT_TILE_STORE, v->array);
    case AT_TILE_INHERIT:
        return does(&loop->body, AT_TILE_STORE, v->array);
    case AT_TILE_NUMBER:
    case AT_TILE_SIZE:
    case AT_TILE_INDEX:
    case AT_TILE_GET:
    case AT_TILE_MAP:
    case AT_TILE_SELECT:
    case AT_TILE_ACROSS:
    case AT_TILE_LET:
    case AT_TILE_FAULT:
    case AT_TILE_BIND:
    case AT_TILE_DRAW_AT:
    case AT_TILE_DRAW:
    case AT_TILE_CHECK:
    case AT_TILE_REQUIRE: return false;
    default: return true;
    }
}

static bool tiles_depend(const at_tile *loop, const at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++)
            if (value_depends(loop, tile->values[k])) return true;
        if (tile->tag == AT_TILE_TRY && !does(&loop->body, AT_TILE_FAULT, tile->fault)) return true;
        if (tiles_depend(loop, &tile->body) || tiles_depend(loop, &tile->otherwise)) return true;
    }
    return false;
}

void at_tile_move(at_tile *to, const at_tile *from) {
    to->axis = from->axis;
    to->block = from->block;
    to->low = from->low;
    to->high = from->high;
}

bool at_tile_independent_part(const at_tile *loop) {
    if (loop->tag != AT_TILE_FOR || loop->down) return false;
    return loop->apart || !tiles_depend(loop, &loop->body);
}

bool at_tile_independent(const at_tile *loop) {
    if (!loop->block && (loop->low || loop->high)) return false;
    return at_tile_independent_part(loop);
}

at_tile *at_tile_only_loop(const at_tiles *block) {
    if (block->count == 0 || block->count > 2) return NULL;
    at_tile *last = block->items[block->count - 1];
    if (last->tag != AT_TILE_FOR) return NULL;
    const at_tile *leaf = block->items[0];
    if (leaf == last) return last;
    if (leaf->tag != AT_TILE_LEAF) return NULL;
    for (int i = 0; i < leaf->count; i++)
        if (!at_tile_op_gives(leaf->values[i]->op)) return NULL;
    return last;
}
