/* Declared axes under other names. The index of an axis that `axis n = …` declared may leave an
 * array in a read with an alternative. Where two of them would meet, inlining gives one another
 * name, `axis n'2 as n`, and such an axis does not count as declared (language.md, 4). What a
 * program may read must not depend on that, so the index is then written `n'2 + 0`, which is no
 * plain one. */
#include "lang/resolve_int.h"

static bool is_renamed(const at_axis *axis) { return axis->like && axis->declared; }

static const at_expr *freed(void *user, const at_expr *e) {
    at_resolver *r = user;
    if (e->tag != AT_READ || !e->u.read.alternative) return e;
    const at_array *array = e->u.read.array;
    const at_expr **index = NULL;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *at = e->u.read.index[i];
        if (at->tag != AT_INDEX || !is_renamed(at->u.axis)) continue;
        if (at_extent_compare(r, at->u.axis, array->axes[i]) == AT_EXTENT_SAME) continue;
        if (!index)
            index = at_copy(r->s->arena, e->u.read.index, sizeof *index * (size_t)array->rank);
        index[i] = at_map_node(r->s, AT_OP_ADD, at, at_int(r->s, 0, at->span), NULL, at->span);
    }
    return index ? at_read(r->s, array, index, e->u.read.alternative, e->span) : e;
}

static void free_one(at_resolver *r, const at_expr **e) {
    if (*e) *e = at_rewrite(r->s, *e, freed, r);
}

static void free_part(at_resolver *r, at_part *part) {
    free_one(r, &part->guard);
    free_one(r, &part->body);
}

static void free_block(at_resolver *r, at_block *block) {
    for (int i = 0; i < block->count; i++) {
        at_statement *st = block->items[i];
        switch (st->tag) {
        case AT_EQUATION: free_one(r, &st->u.value); break;
        case AT_NEXT: free_one(r, &st->u.next.value); break;
        case AT_TOPK: free_part(r, &st->u.topk); break;
        case AT_KEEPING:
            for (int k = 0; k < st->u.keeping.count; k++) free_part(r, &st->u.keeping.parts[k]);
            break;
        case AT_DRAWING:
            for (int k = 0; k < 2; k++) free_one(r, &st->u.drawing.args[k]);
            break;
        case AT_ASSERT:
            free_one(r, &st->u.assertion.left);
            free_one(r, &st->u.assertion.right);
            break;
        case AT_SCAN: free_block(r, &st->u.scan.body); break;
        case AT_REPEAT:
            free_one(r, &st->u.repeat.condition);
            free_block(r, &st->u.repeat.body);
            break;
        case AT_TABLE:
        case AT_GRAD: break;
        }
    }
}

void at_free_declared(at_resolver *r, at_block *block) {
    bool any = false;
    for (int i = 0; i < r->axis_count; i++) any = any || is_renamed(r->axes[i]);
    if (!any) return;
    free_block(r, block);
    for (int i = 0; i < r->axis_count; i++)
        if (is_renamed(r->axes[i])) r->axes[i]->declared = false;
}
