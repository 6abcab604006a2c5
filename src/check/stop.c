/* A function with each stop(x) written x. Differences go through a `stop`, so a derivative that is
 * compared with them must, too; that nothing goes through `stop` is tested by values. */
#include "check/check_int.h"

static const at_expr *passed(void *user, const at_expr *e) {
    (void)user;
    bool stops = e->tag == AT_MAP && e->u.map.op == AT_OP_STOP;
    return stops ? e->u.map.args[0] : e;
}

static at_block block_without_stops(at_session *s, const at_block *block);

static void pass_parts(at_session *s, at_part *parts, int count) {
    for (int i = 0; i < count; i++) {
        if (parts[i].guard) parts[i].guard = at_rewrite(s, parts[i].guard, passed, NULL);
        parts[i].body = at_rewrite(s, parts[i].body, passed, NULL);
    }
}

static at_statement *statement_without_stops(at_session *s, const at_statement *from) {
    at_statement *st = at_copy(s->arena, from, sizeof *from);
    switch (st->tag) {
    case AT_EQUATION: st->u.value = at_rewrite(s, st->u.value, passed, NULL); break;
    case AT_KEEPING:
        st->u.keeping.parts = at_copy(s->arena, st->u.keeping.parts,
                                      sizeof(at_part) * (size_t)st->u.keeping.count);
        pass_parts(s, st->u.keeping.parts, st->u.keeping.count);
        break;
    case AT_TOPK: pass_parts(s, &st->u.topk, 1); break;
    case AT_DRAWING:
        for (int i = 0; i < 2; i++)
            if (st->u.drawing.args[i])
                st->u.drawing.args[i] = at_rewrite(s, st->u.drawing.args[i], passed, NULL);
        break;
    case AT_SCAN: st->u.scan.body = block_without_stops(s, &st->u.scan.body); break;
    case AT_REPEAT:
        if (st->u.repeat.condition)
            st->u.repeat.condition = at_rewrite(s, st->u.repeat.condition, passed, NULL);
        st->u.repeat.body = block_without_stops(s, &st->u.repeat.body);
        break;
    case AT_TABLE:
    case AT_GRAD:
    case AT_NEXT:
    case AT_ASSERT: break; /* no value of the function goes through them */
    }
    return st;
}

static at_block block_without_stops(at_session *s, const at_block *block) {
    at_block out = {block->count, AT_NEW_ARRAY(s->arena, at_statement *, block->count)};
    for (int i = 0; i < block->count; i++)
        out.items[i] = statement_without_stops(s, block->items[i]);
    return out;
}

const at_cascade *at_without_stops(at_session *s, const at_cascade *cascade) {
    at_cascade *out = at_copy(s->arena, cascade, sizeof *cascade);
    out->body = block_without_stops(s, &cascade->body);
    return out;
}
