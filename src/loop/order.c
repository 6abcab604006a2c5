/* What a scan has computed already. A scan reads earlier elements of its own arrays; most reads
 * show that they are earlier (`h[t-1]`), any other is tested: the first of the scan's indices in
 * which the read differs from the present step must be behind it. */
#include "loop/loop.h"

typedef struct {
    int count;
    const at_axis *axes[64];
    bool down[64];
    bool same; /* the present step has written it */
} order;

/* The axes of scans that are around both the read and the array's statement, as far as they are the
 * first of the array's. */
static order find_order(const at_loop_lowering *l, const at_array *array) {
    const at_plan *plan = l->program->plan;
    const at_written *written = &plan->written[array->id];
    const at_pass *here = l->nest->pass;
    order o = {0};
    for (int i = 0; i < written->region_count && i < here->region_count; i++) {
        const at_statement *region = written->regions[i];
        if (region != here->regions[i]) break;
        for (int k = 0; region->tag == AT_SCAN && k < region->u.scan.count; k++) {
            if (o.count == 64 || o.count >= array->rank) break;
            if (array->axes[o.count] != region->u.scan.axes[k]) break;
            o.axes[o.count] = region->u.scan.axes[k];
            o.down[o.count++] = region->u.scan.down[k];
        }
    }
    o.same = written->time < here->time;
    return o;
}

static bool surely_earlier(const order *o, const at_expr *const *index) {
    for (int i = 0; i < o->count; i++) {
        int64_t lag = at_index_lag(index[i], o->axes[i], o->down[i]);
        if (lag != 0) return lag > 0;
    }
    return o->same;
}

void at_loop_order(at_loop_lowering *l, const at_expr *e, const at_expr *const *index) {
    at_session *s = l->s;
    order o = find_order(l, e->u.read.array);
    if (o.count == 0 || surely_earlier(&o, e->u.read.index)) return;
    at_span span = e->span;
    /* From the last index to the first: behind, or the same and the rest behind. */
    const at_expr *earlier = NULL, *equal_and;
    const at_expr *value = index[0], *other = at_index(s, o.axes[0], span);
    for (int i = o.count - 1; i >= 0; i--) {
        const at_expr *now = at_index(s, o.axes[i], span);
        const at_expr *behind =
            at_map_node(s, o.down[i] ? AT_OP_GT : AT_OP_LT, index[i], now, NULL, span);
        const at_expr *equal = at_map_node(s, AT_OP_EQ, index[i], now, NULL, span);
        bool last = i == o.count - 1;
        if (!last) equal_and = at_map_node(s, AT_OP_AND, equal, earlier, NULL, span);
        else equal_and = o.same ? equal : NULL;
        earlier = equal_and ? at_map_node(s, AT_OP_OR, behind, equal_and, NULL, span) : behind;
        if (i == o.count - 1 && i > 0) {
            value = index[i];
            other = now;
        } else if (i < o.count - 1) {
            value = at_map_node(s, AT_OP_IF, equal, value, index[i], span);
            other = at_map_node(s, AT_OP_IF, equal, other, now, span);
        }
    }
    at_loop *require = at_loop_risk(l, AT_LOOP_REQUIRE, AT_SITE_EARLY, e);
    l->program->sites[require->site].scan = o.axes[0];
    require->condition = earlier;
    require->value = value;
    require->other = other;
}
