/* Lanes along a running fold: each round takes so many elements into a vector, lets what is before
 * each run up to it within the vector, and takes in what came before them all.
 *
 *     sum = 0                               sum = 0
 *     for j                                 for j, LANES at once
 *       if c: sum = sum + x[i,j]     ->       part = 0; if c: part = x[i,j…]
 *       y[i,j] = sum                          part = sum + part, running; sum = the last of it
 *                                             y[i,j…] = part
 *
 * Lanes along i instead would read and store across rows, in steps of a whole row. */
#include "tile/tile_int.h"

#include <math.h>
#include <string.h>

/* What is known of such a loop. */
typedef struct {
    const at_array *variable;
    at_tile *leaf;    /* that holds the one SET of it */
    at_value *set;
    at_tile *element; /* the last node in the loop: its store */
    at_value *get;    /* that is stored */
} running;

static bool is_fold(const at_value *set) {
    const at_value *v = set->operands[0];
    if (v->op != AT_TILE_MAP || v->count != 2 || v->kind != AT_REAL) return false;
    at_op op = v->map;
    bool known = op == AT_OP_ADD || op == AT_OP_MUL || op == AT_OP_MIN || op == AT_OP_MAX;
    return known && v->operands[0]->op == AT_TILE_GET && v->operands[0]->array == set->array;
}

/* Finds the SET of the stored variable under conditions, and nothing else that goes on from round
 * to round; false: there is more. */
static bool find_set(at_tiles *tiles, bool loops, running *r) {
    for (int i = 0; i < tiles->count; i++) {
        at_tile *tile = tiles->items[i];
        if (tile == r->element) continue;
        if (tile->tag != AT_TILE_LEAF && tile->tag != AT_TILE_IF && tile->tag != AT_TILE_FOR)
            return false;
        for (int k = 0; k < tile->count; k++) {
            at_value *v = tile->values[k];
            bool mine = v->array == r->variable;
            if (v->op == AT_TILE_STORE || v->op == AT_TILE_ATTEMPT || v->op == AT_TILE_PUT)
                return false;
            if (mine && v->op == AT_TILE_SET) {
                if (r->set || loops || !is_fold(v)) return false;
                r->set = v;
                r->leaf = tile;
            } else if (mine && v->op != AT_TILE_GET) {
                return false;
            }
        }
        if (tile->otherwise.count && tile->tag == AT_TILE_IF) return false;
        if (!find_set(&tile->body, loops || tile->tag == AT_TILE_FOR, r)) return false;
    }
    return true;
}

static int uses_of(const at_tiles *tiles, const at_array *array, at_tile_op op) {
    int uses = 0;
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++)
            uses += tile->values[k]->array == array && tile->values[k]->op == op;
        uses += uses_of(&tile->body, array, op) + uses_of(&tile->otherwise, array, op);
    }
    return uses;
}

/* Variables that the loop sets are its own, but for that one. */
static bool sets_others(const at_tile *loop, const at_tiles *tiles, const at_array *variable) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++) {
            const at_value *v = tile->values[k];
            if (v->op == AT_TILE_SET && v->array != variable &&
                !uses_of(&loop->body, v->array, AT_TILE_LET))
                return true;
        }
        if (sets_others(loop, &tile->body, variable)) return true;
        if (sets_others(loop, &tile->otherwise, variable)) return true;
    }
    return false;
}

static bool is_running(const at_tile *loop, running *r) {
    *r = (running){0};
    int last = loop->body.count - 1;
    if (loop->tag != AT_TILE_FOR || loop->lanes || loop->block || last < 0) return false;
    r->element = loop->body.items[last];
    if (r->element->tag != AT_TILE_ELEMENT || r->element->body.count != 1) return false;
    const at_tile *leaf = r->element->body.items[0];
    at_value *store = leaf->count ? leaf->values[leaf->count - 1] : NULL;
    if (!store || store->op != AT_TILE_STORE || store->kind != AT_REAL || !store->inside)
        return false;
    r->get = store->operands[1];
    if (r->get->op != AT_TILE_GET) return false;
    r->variable = r->get->array;
    if (!find_set((at_tiles *)(uintptr_t)&loop->body, false, r) || !r->set) return false;
    return uses_of(&loop->body, r->variable, AT_TILE_GET) == 2 &&
           uses_of(&loop->body, r->variable, AT_TILE_LET) == 0 &&
           uses_of(&loop->body, store->array, AT_TILE_LOAD) == 0 &&
           uses_of(&loop->body, store->array, AT_TILE_LOAD_WHERE) == 0 &&
           !sets_others(loop, &loop->body, r->variable);
}

double at_tile_running_cost(at_session *s, at_tile_nest *nest, at_tile *loop) {
    enum { RUN = 16, VECTOR = 8 };
    running r;
    if (!is_running(loop, &r)) return INFINITY;
    bool *varying = AT_NEW_ARRAY(s->arena, bool, nest->variable_count + 1);
    varying[-1 - r.variable->id] = true;
    at_tiles alone = {1, 1, &loop};
    at_tile_shape(s, nest, &alone, loop->axis, varying);
    int64_t extent = at_extent(loop->axis, NULL);
    double rounds = extent >= 0 ? (double)extent : AT_TILE_GUESS;
    double cost = at_tile_cost(&alone, loop->axis) + RUN * rounds / VECTOR;
    at_tile_flatten(&alone);
    return cost;
}

/* ---- the change ------------------------------------------------------------------------------ */

static void remove_value(at_tile *leaf, const at_value *v) {
    int kept = 0;
    for (int i = 0; i < leaf->count; i++)
        if (leaf->values[i] != v) leaf->values[kept++] = leaf->values[i];
    leaf->count = kept;
}

static at_value *value(at_session *s, at_tile_nest *nest, at_tile_op op, const at_array *variable) {
    at_value *v = at_tile_value(s, nest, op, AT_REAL);
    v->array = variable;
    return v;
}

void at_tile_run(at_session *s, at_tile_nest *nest, at_tile *loop) {
    running r;
    bool found = is_running(loop, &r);
    AT_ASSERT(s, found);
    at_value *sum = r.set->operands[0];
    at_array *part = AT_NEW(s->arena, at_array);
    *part = *r.variable;
    part->name = part->path = at_format(s->arena, "%s_lanes", r.variable->name);
    part->id = -1 - nest->variable_count++;
    r.set->array = r.get->array = part;
    r.set->operands[0] = sum->operands[1];
    remove_value(r.leaf, sum->operands[0]);
    remove_value(r.leaf, sum);
    at_value *start = at_tile_value(s, nest, AT_TILE_NUMBER, AT_REAL);
    start->real = sum->map == AT_OP_MUL   ? 1
                  : sum->map == AT_OP_MIN ? INFINITY
                  : sum->map == AT_OP_MAX ? -INFINITY : 0;
    at_value *let = value(s, nest, AT_TILE_LET, part);
    let->operands[let->count++] = start;
    at_value *run = value(s, nest, AT_TILE_RUN, r.variable);
    run->map = sum->map;
    run->integer = loop->down;
    run->operands[run->count++] = value(s, nest, AT_TILE_GET, part);
    at_tile_insert(s, &loop->body, loop->body.count - 1, run);
    at_tile_insert(s, &loop->body, 0, let);
    loop->lanes = loop->reduces = true;
    bool *varying = AT_NEW_ARRAY(s->arena, bool, nest->variable_count + 1);
    varying[-1 - part->id] = true;
    at_tiles alone = {1, 1, &loop};
    at_tile_shape(s, nest, &alone, loop->axis, varying);
}
