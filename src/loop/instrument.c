/* Loop trees that count what they do: in front of every node stands how many operations on reals it
 * takes, `if`, `and` and `or` by what they choose, and each pass adds its sum to a counter.
 *
 * This is what the counts of `attend plan` are judged by. They are made of the equations, these of
 * the loops that were made of the equations, with their bounds, conditions and accumulators: a loop
 * that is too long or a condition that is asked in the wrong place makes them differ. */
#include "form/form.h"
#include "loop/loop.h"
#include "plan/count.h"

typedef struct {
    at_session *s;
    const at_cascade *cascade;
    const at_array *flops, *stores; /* variables of the nest */
} counting;

static at_span nowhere(void) { return at_no_span(); }

static const at_expr *number(counting *c, int64_t value) {
    return at_int(c->s, value, nowhere());
}

static const at_expr *sum(counting *c, const at_expr *a, const at_expr *b) {
    return at_make_add(c->s, a, b);
}

static const at_expr *choose(counting *c, const at_expr *condition, const at_expr *yes,
                             const at_expr *no) {
    if (at_same(yes, no)) return yes;
    return at_map_node(c->s, AT_OP_IF, condition, yes, no, nowhere());
}

static const at_expr *flops_of(counting *c, const at_expr *e);

/* 0 <= index and index < size, as at_tile_make asks it. */
static const at_expr *inside(counting *c, const at_expr *e) {
    const at_expr *all = NULL;
    for (int i = 0; i < e->u.read.array->rank; i++) {
        const at_expr *at = e->u.read.index[i];
        if (at_index_inside(c->s, c->cascade, at, e->u.read.array->axes[i])) continue;
        const at_expr *size = at_size(c->s, e->u.read.array->axes[i], nowhere());
        const at_expr *low = at_map_node(c->s, AT_OP_LE, number(c, 0), at, NULL, nowhere());
        const at_expr *high = at_map_node(c->s, AT_OP_LT, at, size, NULL, nowhere());
        all = at_both(c->s, all, at_both(c->s, low, high));
    }
    return all;
}

static const at_expr *flops_of_map(counting *c, const at_expr *e) {
    at_op op = e->u.map.op;
    const at_expr *const *x = e->u.map.args, *all = flops_of(c, x[0]), *nothing = number(c, 0);
    switch (op) {
    case AT_OP_IF: return sum(c, all, choose(c, x[0], flops_of(c, x[1]), flops_of(c, x[2])));
    case AT_OP_AND: return sum(c, all, choose(c, x[0], flops_of(c, x[1]), nothing));
    case AT_OP_OR: return sum(c, all, choose(c, x[0], nothing, flops_of(c, x[1])));
    default: break;
    }
    for (int i = 1; i < at_op_info(op)->arity; i++) all = sum(c, all, flops_of(c, x[i]));
    bool counts = e->kind == AT_REAL && at_op_info(op)->rule != AT_RULE_TO_REAL && op != AT_OP_STOP;
    return counts ? sum(c, all, number(c, 1)) : all;
}

static const at_expr *flops_of(counting *c, const at_expr *e) {
    const at_expr *all = number(c, 0);
    if (!e || !at_is_elementwise(e)) return all;
    if (e->tag == AT_MAP) return flops_of_map(c, e);
    if (e->tag != AT_READ) return all;
    for (int i = 0; i < e->u.read.array->rank; i++)
        all = sum(c, all, flops_of(c, e->u.read.index[i]));
    if (!e->u.read.alternative) return all;
    const at_expr *within = inside(c, e), *other = flops_of(c, e->u.read.alternative);
    return within ? sum(c, all, choose(c, within, number(c, 0), other)) : all;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static void append(counting *c, at_loops *to, at_loop *node) {
    AT_PUSH(c->s->arena, to->items, to->count, to->capacity, node);
}

static void add(counting *c, at_loops *to, const at_array *variable, const at_expr *more) {
    if (at_is_number(more, 0)) return;
    at_loop *set = AT_NEW(c->s->arena, at_loop);
    set->tag = AT_LOOP_SET;
    set->variable = variable;
    set->value = at_map_node(c->s, AT_OP_ADD, at_variable_read(c->s, variable, nowhere()), more,
                             NULL, nowhere());
    append(c, to, set);
}

static void count_loops(counting *c, at_loops *loops);

/* What a node itself evaluates before its body. */
static const at_expr *flops_of_node(counting *c, const at_loop *loop) {
    const at_expr *all = flops_of(c, loop->condition);
    if (loop->tag == AT_LOOP_DRAW) {
        for (int i = 0; i < at_draw_info(loop->draw->draw)->parameters; i++)
            all = sum(c, all, flops_of(c, loop->draw->args[i]));
        return all;
    }
    if (loop->tag == AT_LOOP_STORE) return all;
    all = sum(c, all, flops_of(c, loop->address));
    return sum(c, all, sum(c, flops_of(c, loop->value), flops_of(c, loop->other)));
}

static void count_loops(counting *c, at_loops *loops) {
    at_loops counted = {0};
    for (int i = 0; i < loops->count; i++) {
        at_loop *loop = loops->items[i];
        bool store = loop->tag == AT_LOOP_STORE;
        AT_ASSERT(c->s, loop->tag != AT_LOOP_PRODUCT);
        add(c, &counted, c->flops, flops_of_node(c, loop));
        if (store) add(c, &counted, c->stores, number(c, 1));
        append(c, &counted, loop);
        count_loops(c, &loop->body);
        count_loops(c, &loop->otherwise);
        if (store)
            add(c, &loop->body, c->flops,
                sum(c, flops_of(c, loop->address), flops_of(c, loop->value)));
    }
    *loops = counted;
}

static const at_array *variable(at_session *s, const char *name, int id, at_loops *to) {
    at_array *made = AT_NEW(s->arena, at_array);
    made->name = made->path = name;
    made->role = AT_DEFINED;
    made->kind = AT_INT;
    made->id = id;
    at_loop *let = AT_NEW(s->arena, at_loop);
    let->tag = AT_LOOP_LET;
    let->variable = made;
    let->value = at_int(s, 0, nowhere());
    AT_PUSH(s->arena, to->items, to->count, to->capacity, let);
    return made;
}

static void tell(counting *c, at_loops *to, int counter, const at_array *from) {
    at_loop *node = AT_NEW(c->s->arena, at_loop);
    node->tag = AT_LOOP_COUNT;
    node->site = counter;
    node->value = at_variable_read(c->s, from, nowhere());
    append(c, to, node);
}

/* Variables have the ids -1, -2, …: the lowest that a tree has. */
static int lowest(const at_loops *loops, int so_far) {
    for (int i = 0; i < loops->count; i++) {
        const at_loop *loop = loops->items[i];
        if (loop->variable && loop->variable->id < so_far) so_far = loop->variable->id;
        so_far = lowest(&loop->body, so_far);
        so_far = lowest(&loop->otherwise, so_far);
    }
    return so_far;
}

static void forget_scratch(at_session *s, at_nest *nest, const at_array *scratch) {
    const at_array **left = AT_NEW_ARRAY(s->arena, const at_array *, nest->scratch_count);
    int count = 0;
    for (int i = 0; i < nest->scratch_count; i++)
        if (nest->scratch[i] != scratch) left[count++] = nest->scratch[i];
    nest->scratch = left;
    nest->scratch_count = nest->scratch_capacity = count;
}

/* The same tree, with the loops that stand in for products in their places. */
static at_loops without_products(at_session *s, at_nest *nest, const at_loops *loops) {
    at_loops out = {0};
    for (int i = 0; i < loops->count; i++) {
        at_loop *loop = loops->items[i];
        if (loop->tag == AT_LOOP_PRODUCT) {
            at_loops plain = without_products(s, nest, &loop->otherwise);
            for (int k = 0; k < plain.count; k++)
                AT_PUSH(s->arena, out.items, out.count, out.capacity, plain.items[k]);
            forget_scratch(s, nest, loop->product->scratch);
            continue;
        }
        at_loop *copy = at_copy(s->arena, loop, sizeof *loop);
        copy->body = without_products(s, nest, &loop->body);
        copy->otherwise = without_products(s, nest, &loop->otherwise);
        AT_PUSH(s->arena, out.items, out.count, out.capacity, copy);
    }
    return out;
}

const at_loop_program *at_loop_plain(at_session *s, const at_loop_program *from) {
    at_loop_program *program = at_copy(s->arena, from, sizeof *from);
    program->plain = true;
    program->nests = at_copy(s->arena, from->nests, sizeof *from->nests * (size_t)from->nest_count);
    for (int i = 0; i < program->nest_count; i++) {
        at_nest *nest = &program->nests[i];
        nest->body = without_products(s, nest, &nest->body);
        (void)without_products(s, nest, &nest->hopeful); /* for the memory of its product */
        nest->hopeful = (at_loops){0};
    }
    return program;
}

const at_loop_program *at_loop_instrument(at_session *s, const at_loop_program *from) {
    const at_loop_program *program = at_loop_plain(s, from);
    for (int i = 0; i < program->nest_count; i++) {
        at_nest *nest = &program->nests[i];
        at_loops all = {0};
        int id = lowest(&nest->body, 0);
        for (int k = 0; k < nest->scratch_count; k++)
            if (nest->scratch[k]->id < id) id = nest->scratch[k]->id;
        counting c = {s, program->plan->cascade, variable(s, "flops", id - 1, &all),
                      variable(s, "stores", id - 2, &all)};
        count_loops(&c, &nest->body);
        for (int k = 0; k < nest->body.count; k++) append(&c, &all, nest->body.items[k]);
        tell(&c, &all, 2 * i, c.flops);
        tell(&c, &all, 2 * i + 1, c.stores);
        nest->body = all;
    }
    return program;
}
