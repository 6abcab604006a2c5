/* Lanes along a loop inside of an element: the variables that its rounds add to (or multiply into,
 * or keep the largest of) become vectors, which start with what changes nothing, and whose lanes
 * are combined behind the loop, or behind loops around it that do not look at them either.
 *
 *     sum = 0                           sum = 0
 *     for j                             sum.lanes = 0 0 0 0 …
 *       sum = sum + x[i,j]       ->     for j, LANES at once
 *                                         sum.lanes = sum.lanes + x[i,j…]
 *                                       sum = sum + across(sum.lanes) */
#include "tile/tile_int.h"

#include <math.h>
#include <string.h>

enum { DEEPEST = 32, COMBINE = 12 };

/* The loop whose indices become lanes, and the loops that it stands in. */
typedef struct {
    int depth;
    at_tiles *list[DEEPEST]; /* in which loop k stands */
    at_tile *loops[DEEPEST]; /* the innermost is the one */
} place;

typedef struct {
    const at_array *variable;
    const at_array *index; /* where the largest or smallest is; NULL: not asked */
    at_op op;
    int level; /* the outermost loop of the place that sees it only here */
} reduced;

typedef struct {
    int count, capacity;
    reduced *items;
} reductions;

/* ---- what is combined ------------------------------------------------------------------------ */

static void count_uses(const at_tiles *tiles, const at_array *variable, int *sets, int *gets,
                       int *lets) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++) {
            const at_value *v = tile->values[k];
            if (v->array != variable) continue;
            *sets += v->op == AT_TILE_SET || v->op == AT_TILE_ATTEMPT;
            *gets += v->op == AT_TILE_GET;
            *lets += v->op == AT_TILE_LET;
        }
        count_uses(&tile->body, variable, sets, gets, lets);
        count_uses(&tile->otherwise, variable, sets, gets, lets);
    }
}

static bool combines(at_op op, at_kind kind) {
    if (op == AT_OP_ADD) return kind != AT_BOOL;
    if (kind == AT_REAL) return op == AT_OP_MUL || op == AT_OP_MIN || op == AT_OP_MAX;
    return kind == AT_BOOL && (op == AT_OP_AND || op == AT_OP_OR);
}

/* variable = variable op x */
static bool is_reduction(const at_value *set) {
    const at_value *v = set->operands[0];
    return v->op == AT_TILE_MAP && v->count == 2 && combines(v->map, v->kind) &&
           v->operands[0]->op == AT_TILE_GET && v->operands[0]->array == set->array;
}

static bool gets(const at_value *v, const at_array *variable) {
    return v->op == AT_TILE_GET && v->array == variable;
}

/* if index < 0 or … not x <= variable: variable = x, index = …, as argmax and argmin are
 * lowered. */
static bool is_pick(const at_tile *tile, reduced *out) {
    if (tile->tag != AT_TILE_IF || tile->otherwise.count || tile->body.count != 1) return false;
    const at_tile *leaf = tile->body.items[0];
    const at_value *sets[2] = {NULL, NULL}, *x = tile->condition;
    int count = 0;
    for (int k = 0; k < leaf->count; k++) {
        if (at_tile_op_gives(leaf->values[k]->op)) continue;
        if (leaf->values[k]->op != AT_TILE_SET || count == 2) return false;
        sets[count++] = leaf->values[k];
    }
    if (count != 2 || x->op != AT_TILE_MAP || x->map != AT_OP_OR) return false;
    const at_value *first = x->operands[0], *better = x->operands[1];
    if (first->op != AT_TILE_MAP || first->map != AT_OP_LT ||
        !gets(first->operands[0], sets[1]->array))
        return false;
    if (better->op == AT_TILE_MAP && better->map == AT_OP_AND) better = better->operands[1];
    if (better->op != AT_TILE_MAP || better->map != AT_OP_NOT) return false;
    better = better->operands[0];
    bool largest = better->op == AT_TILE_MAP && better->map == AT_OP_LE;
    bool smallest = better->op == AT_TILE_MAP && better->map == AT_OP_GE;
    if ((!largest && !smallest) || !gets(better->operands[1], sets[0]->array)) return false;
    *out = (reduced){sets[0]->array, sets[1]->array, largest ? AT_OP_MAX : AT_OP_MIN, 0};
    return true;
}

static reduced *find(const reductions *all, const at_array *variable) {
    for (int i = 0; i < all->count; i++)
        if (all->items[i].variable == variable) return &all->items[i];
    return NULL;
}

/* Whether every variable that `tiles` changes is combined, each by one operation. */
static bool collect(at_session *s, const at_tile *loop, const at_tiles *tiles, reductions *all) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++) {
            const at_value *v = tile->values[k];
            int sets = 0, gets = 0, lets = 0;
            if (v->op == AT_TILE_STORE) return false;
            if (v->op != AT_TILE_SET && v->op != AT_TILE_ATTEMPT) continue;
            count_uses(&loop->body, v->array, &sets, &gets, &lets);
            if (lets) continue; /* of each round its own */
            if (v->op == AT_TILE_ATTEMPT || !is_reduction(v) || sets != gets) return false;
            reduced *known = find(all, v->array);
            if (known && known->op != v->operands[0]->map) return false;
            reduced new = {v->array, NULL, v->operands[0]->map, 0};
            if (!known) AT_PUSH(s->arena, all->items, all->count, all->capacity, new);
        }
        reduced pick;
        if (is_pick(tile, &pick)) {
            if (find(all, pick.variable)) return false;
            AT_PUSH(s->arena, all->items, all->count, all->capacity, pick);
            continue;
        }
        if (!collect(s, loop, &tile->body, all) || !collect(s, loop, &tile->otherwise, all))
            return false;
    }
    return true;
}

static bool reductions_of(at_session *s, const place *at, reductions *all) {
    const at_tile *loop = at->loops[at->depth - 1];
    if (!collect(s, loop, &loop->body, all)) return false;
    for (int i = 0; i < all->count; i++) {
        reduced *r = &all->items[i];
        int sets = 0, gets = 0, lets = 0;
        count_uses(&loop->body, r->variable, &sets, &gets, &lets);
        int index_sets = 0, index_gets = 0;
        if (r->index) count_uses(&loop->body, r->index, &index_sets, &index_gets, &lets);
        if (r->index && (sets != 1 || index_sets != 1 || index_gets != 1)) return false;
        for (r->level = at->depth - 1; r->level > 0; r->level--) {
            int more_sets = 0, more_gets = 0;
            lets = 0;
            count_uses(&at->loops[r->level - 1]->body, r->variable, &more_sets, &more_gets, &lets);
            if (r->index)
                count_uses(&at->loops[r->level - 1]->body, r->index, &more_sets, &more_gets, &lets);
            if (lets || more_sets != sets + index_sets || more_gets != gets + index_gets) break;
        }
    }
    return all->count > 0;
}

/* ---- the cheapest loop ----------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    at_tile_nest *nest;
    at_tile *top;
    bool *varying;
    double least;
    place best; /* depth 0: none */
    bool runs;  /* the loop itself is a running fold, with lanes along it */
} choice;

static double rounds_of(const at_axis *axis) {
    int64_t extent = at_extent(axis, NULL);
    return extent >= 0 ? (double)extent : AT_TILE_GUESS;
}

static void price(choice *c, const place *at) {
    reductions all = {0};
    const at_axis *axis = at->loops[at->depth - 1]->axis;
    if (at->loops[at->depth - 1]->down || rounds_of(axis) < 4 || !reductions_of(c->s, at, &all))
        return;
    memset(c->varying, 0, (size_t)c->nest->variable_count);
    double cost = 0;
    for (int i = 0; i < all.count; i++) {
        c->varying[-1 - all.items[i].variable->id] = true;
        if (all.items[i].index) c->varying[-1 - all.items[i].index->id] = true;
        double times = 1;
        for (int k = 0; k < all.items[i].level; k++) times *= rounds_of(at->loops[k]->axis);
        cost += COMBINE * times;
    }
    at_tiles alone = {1, 1, &c->top};
    at_tile_shape(c->s, c->nest, &alone, axis, c->varying);
    cost += at_tile_cost(&alone, axis);
    if (cost >= c->least) return;
    c->least = cost;
    c->best = *at;
}

static void try_loops(choice *c, at_tiles *list, at_tile *tile, place at) {
    if (tile->tag == AT_TILE_FOR) {
        if (at.depth == DEEPEST) return;
        at.list[at.depth] = list;
        at.loops[at.depth++] = tile;
        price(c, &at);
    }
    for (int i = 0; i < tile->body.count; i++)
        try_loops(c, &tile->body, tile->body.items[i], at);
    for (int i = 0; i < tile->otherwise.count; i++)
        try_loops(c, &tile->otherwise, tile->otherwise.items[i], at);
}

static choice choose(at_session *s, at_tile_nest *nest, at_tiles *list, at_tile *top) {
    at_tiles alone = {1, 1, &top};
    choice c = {.s = s, .nest = nest, .top = top};
    c.varying = AT_NEW_ARRAY(s->arena, bool, nest->variable_count + 1);
    at_tile_flatten(&alone);
    c.least = at_tile_cost(&alone, NULL);
    try_loops(&c, list, top, (place){0});
    at_tile_flatten(&alone);
    double runs = at_tile_running_cost(s, nest, top);
    c.runs = runs < c.least;
    if (c.runs) c.least = runs;
    return c;
}

/* ---- the change ------------------------------------------------------------------------------ */

static void rename(at_tiles *tiles, const at_array *from, const at_array *to, int copies) {
    for (int i = 0; i < tiles->count; i++) {
        at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++) {
            if (tile->values[k]->array != from) continue;
            tile->values[k]->array = to;
            tile->values[k]->copies = copies;
        }
        rename(&tile->body, from, to, copies);
        rename(&tile->otherwise, from, to, copies);
    }
}

/* What changes nothing. */
static at_value *neutral(at_session *s, at_tile_nest *nest, at_op op, at_kind kind) {
    at_value *v = at_tile_value(s, nest, AT_TILE_NUMBER, kind);
    if (op == AT_OP_MIN) v->real = INFINITY;
    else if (op == AT_OP_MAX) v->real = -INFINITY;
    else if (kind == AT_REAL) v->real = op == AT_OP_MUL;
    else v->integer = op == AT_OP_AND;
    return v;
}

static at_value *get(at_session *s, at_tile_nest *nest, const at_array *variable, at_lanes lanes) {
    at_value *v = at_tile_value(s, nest, AT_TILE_GET, variable->kind);
    v->array = variable;
    v->lanes = lanes;
    return v;
}

static at_value *effect(at_session *s, at_tile_nest *nest, at_tile_op op, const at_array *variable,
                        at_value *value) {
    at_value *v = at_tile_value(s, nest, op, variable->kind);
    v->array = variable;
    v->operands[v->count++] = value;
    return v;
}

static int position_of(const at_tiles *list, const at_tile *tile) {
    int i = 0;
    while (list->items[i] != tile) i++;
    return i;
}

/* The vector that stands for a variable in the loop, made in front of it. */
static const at_array *split(at_session *s, at_tile_nest *nest, const place *at, const reduced *r,
                             const at_array *variable, at_value *start) {
    at_array *lanes = AT_NEW(s->arena, at_array);
    *lanes = *variable;
    lanes->name = lanes->path = at_format(s->arena, "%s_lanes", variable->name);
    lanes->id = -1 - nest->variable_count++;
    at_tile *loop = at->loops[r->level];
    at_tiles alone = {1, 1, &loop}, *list = at->list[r->level];
    int copies = at->loops[at->depth - 1]->copies;
    rename(&alone, variable, lanes, copies);
    at_value *let = effect(s, nest, AT_TILE_LET, lanes, start);
    let->lanes = AT_LANES_ANY;
    let->copies = copies;
    at_tile_insert(s, list, position_of(list, loop), let);
    return lanes;
}

static void insert_behind(at_session *s, const place *at, const reduced *r, at_value *last) {
    at_tiles *list = at->list[r->level];
    at_tile_insert(s, list, position_of(list, at->loops[r->level]) + 1, last);
}

static void combine(at_session *s, at_tile_nest *nest, const place *at, const reduced *r,
                    bool *varying) {
    const at_array *variable = r->variable;
    const at_array *lanes = split(s, nest, at, r, variable,
                                  neutral(s, nest, r->op, variable->kind));
    int copies = at->loops[at->depth - 1]->copies;
    varying[-1 - lanes->id] = true;
    at_value *across = at_tile_value(s, nest, AT_TILE_ACROSS, lanes->kind);
    across->map = r->op;
    across->operands[across->count++] = get(s, nest, lanes, AT_LANES_ANY);
    across->copies = copies;
    at_value *both = at_tile_value(s, nest, AT_TILE_MAP, lanes->kind);
    both->map = r->op;
    both->operands[both->count++] = get(s, nest, r->variable, AT_LANES_SAME);
    both->operands[both->count++] = across;
    insert_behind(s, at, r, effect(s, nest, AT_TILE_SET, variable, both));
}

/* The best of the best, and of equals the first. */
static void pick(at_session *s, at_tile_nest *nest, const place *at, const reduced *r,
                 bool *varying) {
    at_value *zero = at_tile_value(s, nest, AT_TILE_NUMBER, r->variable->kind);
    at_value *none = at_tile_value(s, nest, AT_TILE_NUMBER, AT_INT);
    none->integer = -1;
    const at_array *best = split(s, nest, at, r, r->variable, zero);
    const at_array *index = split(s, nest, at, r, r->index, none);
    varying[-1 - best->id] = varying[-1 - index->id] = true;
    at_value *last = at_tile_value(s, nest, AT_TILE_PICK, best->kind);
    last->map = r->op;
    last->copies = at->loops[at->depth - 1]->copies;
    last->operands[last->count++] = get(s, nest, r->variable, AT_LANES_SAME);
    last->operands[last->count++] = get(s, nest, r->index, AT_LANES_SAME);
    last->operands[last->count++] = get(s, nest, best, AT_LANES_ANY);
    last->operands[last->count++] = get(s, nest, index, AT_LANES_ANY);
    insert_behind(s, at, r, last);
}

/* An addition waits for the one before it; small rounds work on several vectors side by side. */
static int copies_of(const at_tiles *body, const at_axis *axis) {
    enum { SMALL = 8, COPIES = 4 };
    int64_t extent = at_extent(axis, NULL);
    return at_tile_cost(body, NULL) <= SMALL && (extent < 0 || extent >= 32) ? COPIES : 1;
}

static void apply(at_session *s, at_tile_nest *nest, const place *at) {
    reductions all = {0};
    reductions_of(s, at, &all);
    at_tile *loop = at->loops[at->depth - 1];
    loop->lanes = loop->reduces = true;
    loop->copies = copies_of(&loop->body, loop->axis);
    for (int i = 0; i < all.count; i++)
        if (all.items[i].index || nest->small) loop->copies = 1;
    bool *varying = AT_NEW_ARRAY(s->arena, bool, nest->variable_count + 2 * all.count + 1);
    for (int i = 0; i < all.count; i++)
        (all.items[i].index ? pick : combine)(s, nest, at, &all.items[i], varying);
    at_tiles alone = {1, 1, &loop}; /* another loop beside it over the same axis has no lanes */
    at_tile_shape(s, nest, &alone, loop->axis, varying);
}

void at_tile_reduce(at_session *s, at_tile_nest *nest, at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++) {
        at_tile *tile = tiles->items[i];
        if (tile->tag == AT_TILE_FOR) {
            choice c = choose(s, nest, tiles, tile);
            if (c.runs) at_tile_run(s, nest, tile);
            else if (c.best.depth) apply(s, nest, &c.best);
            i = position_of(tiles, tile);
        } else {
            at_tile_reduce(s, nest, &tile->body);
            at_tile_reduce(s, nest, &tile->otherwise);
        }
    }
}

double at_tile_reduce_cost(at_session *s, at_tile_nest *nest, at_tiles *tiles) {
    double cost = 0;
    for (int i = 0; i < tiles->count; i++) {
        at_tile *tile = tiles->items[i];
        at_tiles leaf = {1, 1, &tile};
        if (tile->tag == AT_TILE_FOR) {
            cost += choose(s, nest, tiles, tile).least;
        } else if (tile->tag == AT_TILE_LEAF) {
            at_tile_flatten(&leaf);
            cost += at_tile_cost(&leaf, NULL);
        } else {
            cost += at_tile_reduce_cost(s, nest, &tile->body) +
                    at_tile_reduce_cost(s, nest, &tile->otherwise);
        }
    }
    return cost;
}
