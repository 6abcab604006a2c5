/* From loop trees to tile programs: every expression becomes operations in evaluation order; then
 * lanes and threads are chosen. */
#include "tile/tile_int.h"

static const struct {
    const char *text;
    bool gives;
} rows[] = {
#define AT_TILE_OP(id, text, operands, gives, doc) {text, gives},
#include "tile/ops.def"
#undef AT_TILE_OP
};

const char *at_tile_op_text(at_tile_op op) { return rows[op].text; }
bool at_tile_op_gives(at_tile_op op) { return rows[op].gives; }

typedef struct {
    at_session *s;
    const at_plan *plan;
    at_tile_nest *nest;
    at_tiles *into;
    bool hopeful;    /* the form that takes values for granted */
    bool impossible; /* it has none */
} tiling;

at_value *at_tile_value(at_session *s, at_tile_nest *nest, at_tile_op op, at_kind kind) {
    at_value *value = AT_NEW(s->arena, at_value);
    value->op = op;
    value->kind = kind;
    value->id = nest->value_count++;
    return value;
}

static void add_tree(at_session *s, at_tile *leaf, at_value *v) {
    for (int i = 0; i < v->count; i++) add_tree(s, leaf, v->operands[i]);
    AT_PUSH(s->arena, leaf->values, leaf->count, leaf->capacity, v);
}

void at_tile_insert(at_session *s, at_tiles *tiles, int at, at_value *effect) {
    at_tile *leaf = AT_NEW(s->arena, at_tile);
    leaf->tag = AT_TILE_LEAF;
    add_tree(s, leaf, effect);
    AT_PUSH(s->arena, tiles->items, tiles->count, tiles->capacity, leaf);
    for (int i = tiles->count - 1; i > at; i--) tiles->items[i] = tiles->items[i - 1];
    tiles->items[at] = leaf;
}

/* ---- values -------------------------------------------------------------------------------- */

static at_tile *add_tile(tiling *t, at_tile_tag tag) {
    at_tile *tile = AT_NEW(t->s->arena, at_tile);
    tile->tag = tag;
    AT_PUSH(t->s->arena, t->into->items, t->into->count, t->into->capacity, tile);
    return tile;
}

/* Operations that follow each other share a leaf. */
static at_value *add_value(tiling *t, at_tile_op op, at_kind kind) {
    at_tile *leaf = t->into->count ? t->into->items[t->into->count - 1] : NULL;
    if (!leaf || leaf->tag != AT_TILE_LEAF) leaf = add_tile(t, AT_TILE_LEAF);
    at_value *value = at_tile_value(t->s, t->nest, op, kind);
    AT_PUSH(t->s->arena, leaf->values, leaf->count, leaf->capacity, value);
    return value;
}

static void take(at_value *value, at_value *operand) { value->operands[value->count++] = operand; }

static at_value *value_of(tiling *t, const at_expr *e);

/* Whether an int has 32 bits, and so have those that it is computed from. */
static bool is_narrow(const at_expr *e) {
    if (e->kind != AT_INT) return false;
    at_range range = at_range_of(e);
    return range.low >= -INT32_MAX && range.high <= INT32_MAX;
}

/* An axis along which a read looks at another step than the present one, or NULL. */
static const at_axis *other_step(const at_expr *e) {
    const at_array *array = e->u.read.array;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        if (index->tag != AT_MAP || (index->u.map.op != AT_OP_SUB && index->u.map.op != AT_OP_ADD))
            continue;
        const at_expr *now = index->u.map.args[0], *step = index->u.map.args[1];
        if (now->tag == AT_INDEX && now->u.axis == array->axes[i] && step->tag == AT_CONST &&
            step->u.integer != 0)
            return now->u.axis;
    }
    return NULL;
}

static bool is_inside(const tiling *t, const at_expr *e) {
    const at_array *array = e->u.read.array;
    if (at_is_scratch(array)) return true; /* its axes are its own */
    for (int i = 0; i < array->rank; i++)
        if (!at_index_inside(t->s, t->plan->cascade, e->u.read.index[i], array->axes[i]))
            return false;
    return true;
}

/* 0 <= index and index < size, for each index that is not known to lie inside. */
static const at_expr *mask_of(const tiling *t, const at_expr *e) {
    at_session *s = t->s;
    const at_expr *mask = NULL;
    const at_array *array = e->u.read.array;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *at = e->u.read.index[i];
        if (at_index_inside(s, t->plan->cascade, at, array->axes[i])) continue;
        const at_expr *zero = at_int(s, 0, at->span), *size = at_size(s, array->axes[i], at->span);
        const at_expr *low = at_map_node(s, AT_OP_LE, zero, at, NULL, at->span);
        const at_expr *high = at_map_node(s, AT_OP_LT, at, size, NULL, at->span);
        const at_expr *both = at_map_node(s, AT_OP_AND, low, high, NULL, at->span);
        mask = mask ? at_map_node(s, AT_OP_AND, mask, both, NULL, at->span) : both;
    }
    return mask;
}

static at_value *read_value(tiling *t, const at_expr *e) {
    const at_array *array = e->u.read.array;
    at_value *value;
    if (at_is_variable(array)) {
        value = add_value(t, AT_TILE_GET, e->kind);
        value->array = array;
        return value;
    }
    const at_expr *address = at_address_of(t->s, t->plan, array, e->u.read.index);
    const at_expr *mask = e->u.read.alternative ? mask_of(t, e) : NULL;
    at_value *operands[3] = {0};
    int count = 0;
    if (mask) operands[count++] = value_of(t, mask);
    operands[count++] = value_of(t, address);
    if (mask) operands[count++] = value_of(t, e->u.read.alternative);
    value = add_value(t, mask ? AT_TILE_LOAD_WHERE : AT_TILE_LOAD, e->kind);
    value->array = array;
    value->inside = is_inside(t, e);
    value->axis = other_step(e);
    for (int i = 0; i < count; i++) take(value, operands[i]);
    return value;
}

static at_value *any_value(tiling *t, const at_expr *e) {
    at_value *value, *operands[3] = {0};
    switch (e->tag) {
    case AT_CONST:
        value = add_value(t, AT_TILE_NUMBER, e->kind);
        if (e->kind == AT_REAL) value->real = e->u.real;
        else value->integer = e->u.integer;
        return value;
    case AT_SIZE:
    case AT_INDEX:
        value = add_value(t, e->tag == AT_SIZE ? AT_TILE_SIZE : AT_TILE_INDEX, AT_INT);
        value->axis = e->u.axis;
        return value;
    case AT_READ: return read_value(t, e);
    case AT_MAP: {
        int count = at_op_info(e->u.map.op)->arity;
        for (int i = 0; i < count; i++) operands[i] = value_of(t, e->u.map.args[i]);
        value = add_value(t, e->u.map.op == AT_OP_IF ? AT_TILE_SELECT : AT_TILE_MAP, e->kind);
        value->map = e->u.map.op;
        for (int i = 0; i < count; i++) take(value, operands[i]);
        return value;
    }
    case AT_FOLD_NODE: break;
    }
    AT_ASSERT(t->s, e->tag != AT_FOLD_NODE);
    return NULL;
}

static at_value *value_of(tiling *t, const at_expr *e) {
    at_value *value = any_value(t, e);
    value->narrow = is_narrow(e);
    return value;
}

/* ---- the tree ------------------------------------------------------------------------------ */

static void tile_loops(tiling *t, const at_loops *loops);

static void tile_block(tiling *t, at_tiles *block, const at_loops *loops) {
    at_tiles *outer = t->into;
    t->into = block;
    tile_loops(t, loops);
    t->into = outer;
}

static void tile_variable(tiling *t, const at_loop *loop) {
    at_value *value = loop->value ? value_of(t, loop->value) : NULL;
    at_value *effect = add_value(t, loop->tag == AT_LOOP_LET ? AT_TILE_LET : AT_TILE_SET,
                                 loop->variable->kind);
    effect->array = loop->variable;
    if (value) take(effect, value);
}

static void tile_attempt(tiling *t, const at_loop *loop) {
    at_op op = loop->value->u.map.op;
    at_value *operands[3] = {0};
    int count = at_op_info(op)->arity;
    for (int i = 0; i < count; i++) operands[i] = value_of(t, loop->value->u.map.args[i]);
    at_value *effect = add_value(t, AT_TILE_ATTEMPT, AT_INT);
    effect->array = loop->variable;
    effect->map = op;
    effect->site = loop->site;
    for (int i = 0; i < count; i++) take(effect, operands[i]);
}

/* Whether an array is stored at its own indices, in their order. */
static bool is_own_place(tiling *t, const at_loop *loop) {
    const at_array *array = loop->array;
    const at_statement *st = t->nest->nest->pass->statement;
    at_axis *const *axes = st->tag == AT_NEXT ? st->u.next.axes : array->axes;
    const at_expr **index = AT_NEW_ARRAY(t->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) index[i] = at_index(t->s, axes[i], array->span);
    return at_same(loop->address, at_address_of(t->s, t->plan, array, index));
}

static void tile_store(tiling *t, const at_loop *loop) {
    at_tile *element = add_tile(t, AT_TILE_ELEMENT);
    at_tiles *outer = t->into;
    t->into = &element->body;
    tile_loops(t, &loop->body);
    at_value *address = value_of(t, loop->address), *value = value_of(t, loop->value);
    at_value *store = add_value(t, AT_TILE_STORE, loop->array->kind);
    store->array = loop->array;
    store->inside = is_own_place(t, loop);
    take(store, address);
    take(store, value);
    t->into = outer;
}

static void tile_sort(tiling *t, const at_loop *loop) {
    const at_loop_sort *sort = loop->sort;
    at_value *count = value_of(t, sort->count);
    at_value *wanted = value_of(t, sort->wanted ? sort->wanted : sort->count);
    at_value *effect = add_value(t, AT_TILE_SORT, AT_INT);
    effect->sort = sort;
    take(effect, count);
    take(effect, wanted);
}

static void tile_draw(tiling *t, const at_loop *loop) {
    const at_loop_draw *draw = loop->draw;
    at_value *which = add_value(t, AT_TILE_NUMBER, AT_INT), *args[2] = {0};
    for (int i = 0; i < draw->count; i++) {
        at_value *index = value_of(t, draw->index[i]);
        at_value *next = add_value(t, AT_TILE_DRAW_AT, AT_INT);
        take(next, which);
        take(next, index);
        which = next;
    }
    int count = at_draw_info(draw->draw)->parameters;
    for (int i = 0; i < count; i++) args[i] = value_of(t, draw->args[i]);
    at_value *drawn = add_value(t, AT_TILE_DRAW, loop->variable->kind);
    drawn->draw = draw;
    take(drawn, which);
    for (int i = 0; i < count; i++) take(drawn, args[i]);
    at_value *set = add_value(t, AT_TILE_SET, loop->variable->kind);
    set->array = loop->variable;
    take(set, drawn);
}

static void need_clean(tiling *t, const at_array *array) {
    at_tile_nest *nest = t->nest;
    for (int i = 0; i < nest->clean_count; i++)
        if (nest->clean[i] == array) return;
    AT_PUSH(t->s->arena, nest->clean, nest->clean_count, nest->clean_capacity, array);
}

static void find_clean(tiling *t, const at_loops *loops) {
    for (int i = 0; i < loops->count; i++) {
        const at_loop *loop = loops->items[i];
        if (loop->tag == AT_LOOP_INHERIT) need_clean(t, loop->array);
        find_clean(t, &loop->body);
        find_clean(t, &loop->otherwise);
    }
}

/* What the hopeful form has in the place of a node that can fail. False: the same. */
static bool tile_hope(tiling *t, const at_loop *loop) {
    switch (loop->tag) {
    case AT_LOOP_INHERIT:
        if (loop->address) need_clean(t, loop->array);
        else t->impossible = true;
        return true;
    case AT_LOOP_REQUIRE: {
        at_value *condition = value_of(t, loop->condition);
        take(add_value(t, AT_TILE_CHECK, AT_BOOL), condition);
        return true;
    }
    case AT_LOOP_FAULT:
    case AT_LOOP_TRY:
    case AT_LOOP_PUT:
    case AT_LOOP_SORT:
    case AT_LOOP_COUNT: t->impossible = true; return true;
    default: return false;
    }
}

static void tile_product(tiling *t, const at_loop *loop) {
    const at_loop_product *from = loop->product;
    at_tile_product *product = AT_NEW(t->s->arena, at_tile_product);
    at_tiles *outer = t->into;
    product->loop = from;
    /* Its variables have no LET; this is the last of them. */
    if (-from->scratch->id > t->nest->variable_count)
        t->nest->variable_count = -from->scratch->id;
    t->into = &product->setup;
    product->row_count = value_of(t, from->row_count);
    product->column_count = value_of(t, from->column_count);
    product->depth_count = value_of(t, from->depth_count);
    for (int i = 0; i < 2; i++) {
        const at_loop_factor *factor = &from->factors[i];
        if (from->from[i]) product->from[i] = value_of(t, from->from[i]);
        if (factor->array) {
            product->start[i] = value_of(t, factor->start);
            product->step[i] = value_of(t, factor->step);
            product->depth_step[i] = value_of(t, factor->depth_step);
        }
        if (factor->finite) {
            product->finite_start[i] = value_of(t, factor->finite_start);
            product->finite_count[i] = value_of(t, factor->finite_count);
        }
        tile_block(t, &product->pack[i], &factor->pack);
    }
    t->into = outer;
    tile_block(t, &product->range, &from->range);
    at_tile *tile = add_tile(t, AT_TILE_PRODUCT);
    tile->product = product;
    tile_block(t, &tile->body, &loop->body);
    tile_block(t, &tile->otherwise, &loop->otherwise);
}

/* The bounds of a block are arguments: they need nothing in front of the loop, which so stays the
 * only thing in a loop around it. */
static at_value *bound_of(tiling *t, const at_loop *loop, const at_expr *bound) {
    if (!bound || !loop->block) return bound ? value_of(t, bound) : NULL;
    at_value *value = at_tile_value(t->s, t->nest, AT_TILE_INDEX, AT_INT);
    value->axis = bound->u.axis;
    return value;
}

static void tile_loop(tiling *t, const at_loop *loop) {
    if (t->hopeful && tile_hope(t, loop)) return;
    switch (loop->tag) {
    case AT_LOOP_FOR: {
        at_value *low = bound_of(t, loop, loop->low), *high = bound_of(t, loop, loop->high);
        at_tile *tile = add_tile(t, AT_TILE_FOR);
        tile->axis = loop->axis;
        tile->apart = loop->apart;
        tile->steps = loop->steps;
        tile->block = loop->block;
        tile->low = low;
        tile->high = high;
        tile->down = loop->down;
        tile_block(t, &tile->body, &loop->body);
        return;
    }
    case AT_LOOP_IF: {
        at_value *condition = value_of(t, loop->condition);
        at_tile *tile = add_tile(t, AT_TILE_IF);
        tile->condition = condition;
        tile_block(t, &tile->body, &loop->body);
        tile_block(t, &tile->otherwise, &loop->otherwise);
        return;
    }
    case AT_LOOP_LET:
    case AT_LOOP_SET: tile_variable(t, loop); return;
    case AT_LOOP_STORE: tile_store(t, loop); return;
    case AT_LOOP_REQUIRE: {
        at_value *condition = value_of(t, loop->condition), *shown = value_of(t, loop->value);
        at_value *other = loop->other ? value_of(t, loop->other) : NULL;
        at_value *effect = add_value(t, AT_TILE_REQUIRE, AT_BOOL);
        effect->site = loop->site;
        take(effect, condition);
        take(effect, shown);
        if (other) take(effect, other);
        return;
    }
    case AT_LOOP_ATTEMPT: tile_attempt(t, loop); return;
    case AT_LOOP_INHERIT: {
        at_value *address = loop->address ? value_of(t, loop->address) : NULL;
        at_value *effect = add_value(t, AT_TILE_INHERIT, AT_BOOL);
        effect->array = loop->array;
        if (address) take(effect, address);
        return;
    }
    case AT_LOOP_BIND: {
        at_value *place = value_of(t, loop->value), *bind = add_value(t, AT_TILE_BIND, AT_INT);
        bind->axis = loop->axis;
        take(bind, place);
        return;
    }
    case AT_LOOP_FAULT: add_value(t, AT_TILE_FAULT, AT_BOOL)->array = loop->variable; return;
    case AT_LOOP_TRY: {
        at_tile *tile = add_tile(t, AT_TILE_TRY);
        tile->fault = loop->variable;
        tile_block(t, &tile->body, &loop->body);
        return;
    }
    case AT_LOOP_PUT: {
        at_value *address = value_of(t, loop->address), *value = value_of(t, loop->value);
        at_value *put = add_value(t, AT_TILE_PUT, loop->array->kind);
        put->array = loop->array;
        take(put, address);
        take(put, value);
        return;
    }
    case AT_LOOP_SORT: tile_sort(t, loop); return;
    case AT_LOOP_DRAW: tile_draw(t, loop); return;
    case AT_LOOP_COUNT: {
        at_value *value = value_of(t, loop->value), *effect = add_value(t, AT_TILE_COUNT, AT_INT);
        effect->site = loop->site;
        take(effect, value);
        return;
    }
    case AT_LOOP_PRODUCT: tile_product(t, loop); return;
    }
}

static void tile_loops(tiling *t, const at_loops *loops) {
    for (int i = 0; i < loops->count; i++) tile_loop(t, loops->items[i]);
}

static bool has_lanes(const at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++)
        if (tiles->items[i]->lanes || has_lanes(&tiles->items[i]->body) ||
            has_lanes(&tiles->items[i]->otherwise))
            return true;
    return false;
}

/* It is worth having if it has lanes. */
static void tile_hopefully(at_session *s, const at_plan *plan, at_tile_nest *nest) {
    tiling t = {s, plan, nest, &nest->hopeful, true, false};
    if (nest->nest->hopeful.count) {
        find_clean(&t, &nest->nest->body);
        for (int i = 0; i < nest->nest->hopeful.count; i++) {
            t.hopeful = nest->nest->hopeful.items[i]->tag != AT_LOOP_PRODUCT;
            tile_loop(&t, nest->nest->hopeful.items[i]);
        }
        at_tile_lanes(s, nest, &nest->hopeful);
        return;
    }
    tile_loops(&t, &nest->nest->body);
    if (!t.impossible) at_tile_lanes(s, nest, &nest->hopeful);
    if (t.impossible || !has_lanes(&nest->hopeful)) nest->hopeful.count = 0;
}

/* Whether a fault goes beside each element. A pass of which that was believed may turn out to fail
 * nowhere; its elements are then stored one by one, with their faults. */
static bool keeps_faults(const at_loop_program *loops, const at_pass *pass) {
    for (int i = 0; i < pass->target_count; i++)
        if (at_is_fallible(loops, pass->targets[i])) return true;
    return false;
}

const at_tile_program *at_tile_make(at_session *s, const at_loop_program *loops) {
    s->stage = "tile";
    at_tile_program *program = AT_NEW(s->arena, at_tile_program);
    program->loops = loops;
    program->nest_count = loops->nest_count;
    program->nests = AT_NEW_ARRAY(s->arena, at_tile_nest, loops->nest_count);
    for (int i = 0; i < loops->nest_count; i++) {
        at_tile_nest *nest = &program->nests[i];
        nest->nest = &loops->nests[i];
        nest->variable_count = nest->nest->variable_count;
        tiling t = {s, loops->plan, nest, &nest->body, false, false};
        tile_loops(&t, &loops->nests[i].body);
        if (loops->plain) continue;
        if (nest->nest->fallible) tile_hopefully(s, loops->plan, nest);
        else if (!keeps_faults(loops, nest->nest->pass)) at_tile_lanes(s, nest, &nest->body);
        at_tile_parallel(s, nest);
    }
    return program;
}
