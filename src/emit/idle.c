/* A scan's loop, without the steps that change nothing where the plan has found them. */
#include "emit/emit.h"

static const char *call(at_printer *p, const char *function, const char *a, const char *b) {
    return at_format(p->s->arena, "%s(%s, %s)", function, a, b);
}

static const char *int_text(at_printer *p, const at_expr *e);

/* The largest or smallest element of an array in the rows of a block, brought near the axes. */
static const char *extreme_text(at_printer *p, const at_expr *fold) {
    const at_expr *read = fold->u.fold.body, *guard = fold->u.fold.guard;
    const at_plan *plan = p->program->loops->plan;
    bool most = fold->u.fold.fold == AT_FOLD_MAX;
    const char *i = at_axis_name(&p->names, fold->u.fold.axes[0]);
    const char *name = at_c_name(&p->names, most ? "most" : "least");
    const char *first = int_text(p, guard->u.map.args[0]->u.map.args[0]);
    const char *end = int_text(p, guard->u.map.args[1]->u.map.args[1]);
    const at_expr *at = at_address_of(p->s, plan, read->u.read.array, read->u.read.index);
    at_c_line(p, "int64_t %s = %sFARTHEST;", name, most ? "-" : "");
    at_c_line(p, "for (int64_t %s = %s; %s < %s; %s++)", i, first, i, end, i);
    at_c_line(p, "    %s = %s(%s, ((const int64_t *)frame->arrays[%d])[%s]);", name,
              most ? "attend_larger" : "attend_smaller", name,
              plan->place_of[read->u.read.array->id], int_text(p, at));
    return call(p, most ? "attend_smaller" : "attend_larger", name,
                most ? "FARTHEST" : "-FARTHEST");
}

/* An int over sizes and the indices of loops around, which no number in it leaves. */
static const char *int_text(at_printer *p, const at_expr *e) {
    at_arena *arena = p->s->arena;
    if (e->tag == AT_CONST) return at_format(arena, "%lld", (long long)e->u.integer);
    if (e->tag == AT_INDEX) return at_axis_name(&p->names, e->u.axis);
    if (e->tag == AT_SIZE) return at_format(arena, "frame->extents[%d]", e->u.axis->id);
    if (e->tag == AT_FOLD_NODE) return extreme_text(p, e);
    AT_ASSERT(p->s, e->tag == AT_MAP);
    const char *a = int_text(p, e->u.map.args[0]);
    const char *b = e->u.map.args[1] ? int_text(p, e->u.map.args[1]) : NULL;
    switch (e->u.map.op) {
    case AT_OP_NEG: return at_format(arena, "(-%s)", a);
    case AT_OP_ADD: return at_format(arena, "(%s + %s)", a, b);
    case AT_OP_SUB: return at_format(arena, "(%s - %s)", a, b);
    case AT_OP_MUL: return at_format(arena, "(%s * %s)", a, b);
    case AT_OP_IDIV: return call(p, "attend_quotient", a, b);
    case AT_OP_MIN: return call(p, "attend_smaller", a, b);
    case AT_OP_MAX: return call(p, "attend_larger", a, b);
    default: break;
    }
    AT_ASSERT(p->s, !"an int that bounds of scans are not made of");
    return NULL;
}

void at_c_scan_loop(at_printer *p, const at_plan_step *scan) {
    const at_axis *axis = scan->statement->u.scan.axes[0];
    at_arena *arena = p->s->arena;
    const char *t = at_axis_name(&p->names, axis);
    const char *from = at_c_name(&p->names, at_format(arena, "%s_from", t));
    const char *to = at_c_name(&p->names, at_format(arena, "%s_to", t));
    const char *last = at_format(arena, "frame->extents[%d]", axis->id);
    if (scan->to)
        last = at_format(arena, "attend_scan_to(%s, frame->extents[%d], %lld)",
                         int_text(p, scan->to), axis->id, (long long)scan->stride);
    at_c_line(p, "const int64_t %s = %s;", to, last);
    if (!scan->from) {
        at_c_line(p, "for (int64_t %s = 0; %s < %s; %s++) {", t, t, to, t);
        return;
    }
    at_c_line(p, "const int64_t %s = attend_scan_from(%s, %s, %lld);", from,
              int_text(p, scan->from), to, (long long)scan->stride);
    at_c_line(p, "for (int64_t %s = 0; %s < %s; %s = %s == 0 ? %s : %s + 1) {", t, t, to, t, t,
              from, t);
}
