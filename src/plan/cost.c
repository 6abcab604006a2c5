/* What a pass costs, as a formula in the extents: operations on reals, and bytes moved if each
 * array that it touches comes from memory once.
 *
 * Every operation counts as 1, exp and + alike; both sides of an `if` count, and guards are taken
 * to hold: an upper bound that is exact for dense code. */
#include "plan/plan.h"

int64_t at_kind_bytes(at_kind kind) { return kind == AT_BOOL ? 1 : 8; }

static bool same_axes(const at_term *term, const at_axis *const *axes, int rank) {
    if (term->rank != rank) return false;
    for (int i = 0; i < rank; i++)
        if (term->axes[i] != axes[i]) return false;
    return true;
}

void at_cost_add(at_session *s, at_cost *cost, int64_t count, const at_axis *const *axes,
                 int rank) {
    if (count == 0) return;
    for (int i = 0; i < cost->count; i++)
        if (same_axes(&cost->terms[i], axes, rank)) {
            cost->terms[i].count += count;
            return;
        }
    at_term term = {count, rank, at_copy(s->arena, axes, sizeof *axes * (size_t)rank)};
    AT_PUSH(s->arena, cost->terms, cost->count, cost->capacity, term);
}

typedef struct {
    at_session *s;
    at_pass *pass;
    const at_axis **loops; /* around the expression that is looked at */
    int depth;
    at_map seen;           /* arrays already counted as read */
} pricing;

static void price(pricing *p, const at_expr *e) {
    if (!e) return;
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return;
    case AT_READ: {
        const at_array *array = e->u.read.array;
        for (int i = 0; i < array->rank; i++) price(p, e->u.read.index[i]);
        price(p, e->u.read.alternative);
        const char *key = at_format(p->s->arena, "%d", array->id); /* names may repeat */
        if (at_map_get(&p->seen, key)) return;
        at_map_put(p->s->arena, &p->seen, key, (void *)array);
        const at_axis **axes = AT_NEW_ARRAY(p->s->arena, const at_axis *, array->rank);
        int rank = 0;
        for (int i = 0; i < array->rank; i++) {
            const at_expr *index = e->u.read.index[i];
            if (index->tag != AT_INDEX || !at_pass_fixes(p->pass, index->u.axis))
                axes[rank++] = array->axes[i];
        }
        at_cost_add(p->s, &p->pass->bytes, at_kind_bytes(array->kind), axes, rank);
        return;
    }
    case AT_MAP: {
        at_rule rule = at_op_info(e->u.map.op)->rule;
        for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) price(p, e->u.map.args[i]);
        if (e->kind == AT_REAL && rule != AT_RULE_CHOOSE && rule != AT_RULE_TO_REAL)
            at_cost_add(p->s, &p->pass->flops, 1, p->loops, p->depth);
        return;
    }
    case AT_FOLD_NODE: {
        const at_axis **outer = p->loops;
        int count = e->u.fold.count, depth = p->depth;
        p->loops = AT_NEW_ARRAY(p->s->arena, const at_axis *, depth + count);
        at_move(p->loops, outer, sizeof *outer * (size_t)depth);
        at_move(p->loops + depth, e->u.fold.axes, sizeof *outer * (size_t)count);
        p->depth += count;
        price(p, e->u.fold.guard);
        price(p, e->u.fold.body);
        if (e->u.fold.body->kind == AT_REAL)
            at_cost_add(p->s, &p->pass->flops, 1, p->loops, p->depth);
        p->loops = outer;
        p->depth = depth;
        return;
    }
    }
}

/* The axes that a pass has loops for. */
static pricing begin(at_session *s, at_pass *pass, const at_array *target, at_axis *const *axes) {
    pricing p = {s, pass, AT_NEW_ARRAY(s->arena, const at_axis *, target->rank), 0, {0}};
    for (int i = 0; i < target->rank; i++)
        if (!at_pass_fixes(pass, axes[i])) p.loops[p.depth++] = axes[i];
    at_cost_add(s, &pass->bytes, at_kind_bytes(target->kind), p.loops, p.depth);
    return p;
}

static void price_rows(at_session *s, at_pass *pass) {
    const at_statement *st = pass->statement;
    bool topk = st->tag == AT_TOPK;
    for (int i = 0; i < pass->target_count; i++) {
        const at_part *part = topk ? &st->u.topk : &st->u.keeping.parts[i];
        pricing p = begin(s, pass, pass->targets[i], pass->targets[i]->axes);
        if (topk) { /* the bound axes instead of the rank */
            const at_axis **outer = p.loops;
            p.loops = AT_NEW_ARRAY(s->arena, const at_axis *, p.depth + part->count);
            at_move(p.loops, outer, sizeof *outer * (size_t)--p.depth);
            for (int k = 0; k < part->count; k++) p.loops[p.depth++] = part->bound[k];
        }
        price(&p, part->guard);
        price(&p, part->body);
        at_cost_add(s, &pass->flops, 1, p.loops, p.depth);
    }
}

void at_pass_price(at_session *s, at_pass *pass) {
    const at_statement *st = pass->statement;
    const at_array *target = pass->targets[0];
    if (st->tag == AT_KEEPING || st->tag == AT_TOPK) {
        price_rows(s, pass);
        return;
    }
    pricing p = begin(s, pass, target, st->tag == AT_NEXT ? st->u.next.axes : target->axes);
    switch (st->tag) {
    case AT_EQUATION: price(&p, st->u.value); return;
    case AT_NEXT: price(&p, st->u.next.value); return;
    case AT_DRAWING:
        for (int i = 0; i < at_draw_info(st->u.drawing.draw)->parameters; i++)
            price(&p, st->u.drawing.args[i]);
        at_cost_add(s, &pass->flops, 1, p.loops, p.depth);
        return;
    case AT_ASSERT:
        price(&p, st->u.assertion.left);
        price(&p, st->u.assertion.right);
        return;
    default: return;
    }
}

void at_cost_print(const at_cost *cost, at_text *out) {
    if (cost->count == 0) at_text_add(out, "0");
    for (int i = 0; i < cost->count; i++) {
        const at_term *term = &cost->terms[i];
        at_text_addf(out, "%s%lld", i ? " + " : "", (long long)term->count);
        for (int k = 0; k < term->rank; k++) at_text_addf(out, "*%s", term->axes[k]->name);
    }
}
