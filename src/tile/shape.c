/* Which values differ from lane to lane, and how, when one axis is taken LANES indices at once: an
 * address that goes on by one makes a plain vector load, one that goes on by a fixed step a load of
 * elements apart, any other a gather; what does not differ at all stays a scalar.
 *
 * A variable is a vector if some value given to it is, or if it is set where only some lanes hold.
 * That is found by going over the tree until nothing changes, scalars being assumed at first. */
#include "tile/tile_int.h"

typedef struct {
    at_session *s;
    at_tile_nest *nest;
    const at_axis *axis;
    bool *varying;
    bool changed;
} shaping;

static at_value *step_value(shaping *h, at_value *v);

static at_value *number(shaping *h, int64_t n) {
    at_value *value = at_tile_value(h->s, h->nest, AT_TILE_NUMBER, AT_INT);
    value->integer = n;
    return value;
}

static at_value *map(shaping *h, at_op op, at_value *a, at_value *b) {
    at_value *value = at_tile_value(h->s, h->nest, AT_TILE_MAP, AT_INT);
    value->map = op;
    value->operands[value->count++] = a;
    if (b) value->operands[value->count++] = b;
    return value;
}

static bool is_one(const at_value *v) { return v->op == AT_TILE_NUMBER && v->integer == 1; }

static at_value *product(shaping *h, at_value *a, at_value *b) {
    return is_one(a) ? b : is_one(b) ? a : map(h, AT_OP_MUL, a, b);
}

/* How much more an int is in the next lane. */
static at_value *step_of_map(shaping *h, at_value *v) {
    at_value *a = v->operands[0], *b = v->operands[1];
    switch (v->map) {
    case AT_OP_NEG: return map(h, AT_OP_NEG, step_value(h, a), NULL);
    case AT_OP_STOP: return step_value(h, a);
    case AT_OP_MUL:
        return a->lanes == AT_LANES_SAME ? product(h, a, step_value(h, b))
                                         : product(h, step_value(h, a), b);
    default:
        if (b->lanes == AT_LANES_SAME) return step_value(h, a);
        if (a->lanes != AT_LANES_SAME)
            return map(h, v->map, step_value(h, a), step_value(h, b));
        return v->map == AT_OP_SUB ? map(h, AT_OP_NEG, step_value(h, b), NULL) : step_value(h, b);
    }
}

static at_value *step_value(shaping *h, at_value *v) {
    return v->lanes == AT_LANES_NEXT ? number(h, 1) : step_of_map(h, v);
}

/* An operation on ints of which one at least differs. */
static at_lanes shape_of_ints(const at_value *v) {
    at_lanes a = v->operands[0]->lanes, b = v->count > 1 ? v->operands[1]->lanes : AT_LANES_SAME;
    bool linear = a != AT_LANES_ANY && b != AT_LANES_ANY;
    switch (v->map) {
    case AT_OP_STOP: return a;
    case AT_OP_NEG: return linear ? AT_LANES_STEP : AT_LANES_ANY;
    case AT_OP_ADD:
        if (!linear) return AT_LANES_ANY;
        if (a == AT_LANES_SAME) return b;
        return b == AT_LANES_SAME ? a : AT_LANES_STEP;
    case AT_OP_SUB:
        if (!linear) return AT_LANES_ANY;
        return b == AT_LANES_SAME ? a : AT_LANES_STEP;
    case AT_OP_MUL: {
        if (!linear || (a != AT_LANES_SAME && b != AT_LANES_SAME)) return AT_LANES_ANY;
        const at_value *factor = v->operands[a == AT_LANES_SAME ? 0 : 1];
        return is_one(factor) ? (a == AT_LANES_SAME ? b : a) : AT_LANES_STEP;
    }
    default: return AT_LANES_ANY;
    }
}

static void vary(shaping *h, const at_array *variable) {
    h->changed |= !h->varying[-1 - variable->id];
    h->varying[-1 - variable->id] = true;
}

static void shape_value(shaping *h, at_value *v, bool masked) {
    bool same = true;
    for (int i = 0; i < v->count; i++) same &= v->operands[i]->lanes == AT_LANES_SAME;
    v->lanes = same ? AT_LANES_SAME : AT_LANES_ANY;
    v->step = NULL;
    switch (v->op) {
    case AT_TILE_INDEX: v->lanes = v->axis == h->axis ? AT_LANES_NEXT : AT_LANES_SAME; return;
    case AT_TILE_GET:
        v->lanes = h->varying[-1 - v->array->id] ? AT_LANES_ANY : AT_LANES_SAME;
        return;
    case AT_TILE_MAP:
        if (same || v->kind != AT_INT) return;
        v->lanes = shape_of_ints(v);
        if (v->lanes == AT_LANES_STEP) v->step = step_of_map(h, v);
        return;
    case AT_TILE_ACROSS: v->lanes = AT_LANES_SAME; return;
    case AT_TILE_LET:
    case AT_TILE_ATTEMPT:
    case AT_TILE_SET:
        if (!same || (masked && v->op != AT_TILE_LET)) vary(h, v->array);
        v->lanes = h->varying[-1 - v->array->id] ? AT_LANES_ANY : AT_LANES_SAME;
        return;
    default: return;
    }
}

static void shape_tiles(shaping *h, const at_tiles *tiles, bool masked) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++) shape_value(h, tile->values[k], masked);
        bool inner = masked || (tile->tag == AT_TILE_IF && tile->condition->lanes != AT_LANES_SAME);
        shape_tiles(h, &tile->body, inner);
        shape_tiles(h, &tile->otherwise, inner);
    }
}

void at_tile_shape(at_session *s, at_tile_nest *nest, const at_tiles *tiles, const at_axis *axis,
                   bool *varying) {
    shaping h = {s, nest, axis, varying, true};
    while (h.changed) {
        h.changed = false;
        shape_tiles(&h, tiles, false);
    }
}

void at_tile_flatten(const at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++) tile->values[k]->lanes = AT_LANES_SAME;
        at_tile_flatten(&tile->body);
        at_tile_flatten(&tile->otherwise);
    }
}

int at_tile_short_power(const at_value *v) {
    if (v->op != AT_TILE_MAP || v->map != AT_OP_POW || v->operands[1]->op != AT_TILE_NUMBER)
        return 0;
    static const int known[] = {-2, -1, 1, 2, 3, 4};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (v->operands[1]->real == known[i]) return known[i];
    return 0;
}

/* ---- cost ------------------------------------------------------------------------------------ */

/* Guesses for any processor: what counts is the order of the sums that are made of them. */
enum { VECTOR = 8, APART = 10, STORED_APART = 24, GATHER = 14, FUNCTION = 12 };
#define NEVER 1e30 /* loops have the same bounds in all lanes */

/* What is stored apart touches as many lines of the caches as it has lanes, and writes them all. */
static double memory_cost(const at_value *v, const at_value *address) {
    switch (address->lanes) {
    case AT_LANES_STEP: return v->op == AT_TILE_STORE ? 2 * APART : APART;
    case AT_LANES_ANY: return GATHER;
    default: return v->lanes == AT_LANES_SAME ? 0.5 : 1;
    }
}

static double value_cost(const at_value *v) {
    switch (v->op) {
    case AT_TILE_LOAD: return memory_cost(v, v->operands[0]);
    case AT_TILE_LOAD_WHERE: {
        /* Of lanes that are asked one by one, those apart are gathered. */
        bool gathers = v->operands[0]->lanes != AT_LANES_SAME &&
                       v->operands[1]->lanes == AT_LANES_STEP;
        return gathers ? 4 + GATHER : 2 + memory_cost(v, v->operands[1]);
    }
    case AT_TILE_STORE: {
        /* Rows that are as long as a power of 2 fall into the same lines of the cache. */
        bool apart = v->operands[0]->lanes == AT_LANES_STEP;
        return apart ? STORED_APART : memory_cost(v, v->operands[0]);
    }
    case AT_TILE_MAP:
        if (v->kind == AT_INT) return v->lanes == AT_LANES_ANY ? 2 : 0.25;
        if (v->map == AT_OP_POW) return at_tile_short_power(v) ? 2 : 2 * FUNCTION;
        if (v->kind == AT_BOOL || at_op_info(v->map)->level > 0) return 1;
        return v->map == AT_OP_STOP || v->map == AT_OP_TO_REAL ? 0 : FUNCTION;
    case AT_TILE_SELECT:
    case AT_TILE_CHECK: return 1;
    case AT_TILE_ATTEMPT: return v->lanes == AT_LANES_SAME ? 1 : 2 * APART;
    default: return 0;
    }
}

static bool differs(const at_value *bound) { return bound && bound->lanes != AT_LANES_SAME; }

double at_tile_cost(const at_tiles *tiles, const at_axis *axis) {
    double cost = 0;
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++) cost += value_cost(tile->values[k]);
        double inner = at_tile_cost(&tile->body, axis) + at_tile_cost(&tile->otherwise, axis);
        if (tile->tag == AT_TILE_FOR) {
            int64_t extent = at_extent(tile->axis, NULL);
            double rounds = extent >= 0 ? (double)extent : AT_TILE_GUESS;
            if (tile->axis == axis) rounds = (double)(((int64_t)rounds + VECTOR - 1) / VECTOR);
            inner = 1 + rounds * (inner + 0.25);
            if (differs(tile->low) || differs(tile->high)) inner = NEVER;
        }
        cost += inner;
    }
    return cost;
}
