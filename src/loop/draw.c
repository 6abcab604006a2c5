/* Draws as loops: parameters first, then one draw for each element. Which draw it is follows from
 * path, rounds and indices, as ref/ has it: a round that was written out stands in the path as a
 * number and counts as any other round, so "e[2]" is the round 2 of "e[]". */
#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>

/* Fills path and index. */
static void identify(at_loop_lowering *l, const at_array *target, at_loop_draw *draw) {
    const char *from = target->path;
    char *path = at_copy_text(l->s->arena, from, strlen(from)), *to = path;
    int round = 0, brackets = 0;
    for (const char *c = from; *c; c++) brackets += *c == '[';
    draw->index = AT_NEW_ARRAY(l->s->arena, const at_expr *,
                               l->round_count + target->rank + brackets);
    for (const char *c = from; *c; c++) {
        *to++ = *c;
        if (*c != '[') continue;
        if (c[1] != ']') {
            char *end;
            draw->index[draw->count++] = at_int(l->s, strtoll(c + 1, &end, 10), target->span);
            c = end - 1;
        } else if (round < l->round_count) {
            draw->index[draw->count++] = at_index(l->s, l->rounds[round++], target->span);
        }
    }
    *to = 0;
    draw->path = path;
    for (; round < l->round_count; round++)
        draw->index[draw->count++] = at_index(l->s, l->rounds[round], target->span);
    for (int i = 0; i < target->rank; i++)
        draw->index[draw->count++] = at_index(l->s, target->axes[i], target->span);
}

void at_loop_lower_draw(at_loop_lowering *l, const at_statement *st) {
    for (int i = 0; i < l->target->rank; i++) at_loop_enter(l, l->target->axes[i]);
    at_loop *store = at_loop_enter_store(l);
    at_loop_draw *draw = AT_NEW(l->s->arena, at_loop_draw);
    draw->draw = st->u.drawing.draw;
    for (int i = 0; i < at_draw_info(draw->draw)->parameters; i++)
        draw->args[i] = at_loop_lower(l, st->u.drawing.args[i]);
    identify(l, l->target, draw);
    const at_array *drawn = at_loop_let(l, "drawn", l->target->kind, NULL);
    at_loop *node = at_loop_add(l, AT_LOOP_DRAW);
    node->draw = draw;
    node->variable = drawn;
    store->value = at_variable_read(l->s, drawn, st->span);
}
