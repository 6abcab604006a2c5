/* From a statement and extents to how many operations it takes, and what it reads.
 *
 * Every operation whose result is real counts 1 wherever it is evaluated: exp and + alike, and one
 * for each element that a fold of reals takes in. Choices, conversions and comparisons count
 * nothing, nor does a draw, nor what is made of sizes and numbers alone, which is the same for all
 * elements. An expression is walked once; each of its pieces stands in a domain (the loops around
 * it, with the conditions under which it is evaluated), and the domain's points are counted. */
#include "plan/count.h"

typedef struct {
    at_points points;
    at_count *out;
} counting;

typedef struct {
    int64_t (*bytes_of)(void *user, const at_array *array);
    void *user;
} sizing;

static int64_t points_of(counting *c, at_domain *d) {
    at_points_find(&c->points, d);
    return d->points;
}

static at_domain *inside(counting *c, at_domain *outer, at_axis *const *axes, int count,
                         const at_expr *condition, bool wanted) {
    at_domain *d = AT_NEW(c->points.s->arena, at_domain);
    *d = (at_domain){.outer = outer, .axes = axes, .count = count, .condition = condition,
                     .wanted = wanted};
    return d;
}

static at_domain *where(counting *c, at_domain *outer, const at_expr *condition, bool wanted) {
    return inside(c, outer, NULL, 0, condition, wanted);
}

static void add_flops(counting *c, at_domain *d, int64_t each) {
    if (each == 0) return;
    c->out->flops = at_count_add(c->out->flops, at_count_times(points_of(c, d), each));
    at_cost_add(c->points.s, &c->out->flops_formula, each, d->left, d->left_count);
    if (!d->at_most) return;
    if (!c->out->at_most) c->out->why = d->why;
    c->out->at_most = true;
}

/* ---- expressions ----------------------------------------------------------------------------- */

static void count(counting *c, at_domain *d, const at_expr *e);

static void add_read(counting *c, at_domain *d, const at_array *array) {
    at_count *out = c->out;
    int i = 0;
    while (i < out->read_count && out->reads[i].array != array) i++;
    if (i == out->read_count) {
        at_count_read one = {array, 0, false};
        AT_PUSH(c->points.s->arena, out->reads, out->read_count, out->read_capacity, one);
    }
    out->reads[i].count = at_count_add(out->reads[i].count, points_of(c, d));
    out->reads[i].at_most |= d->at_most;
}

/* 0 <= index and index < size, for those that an alternative is for. */
static const at_expr *inside_of(at_session *s, const at_expr *e) {
    const at_expr *all = NULL;
    for (int i = 0; i < e->u.read.array->rank; i++) {
        const at_expr *at = e->u.read.index[i];
        if (at->tag == AT_INDEX && !at->u.axis->declared) continue;
        const at_expr *size = at_size(s, e->u.read.array->axes[i], at->span);
        const at_expr *low = at_map_node(s, AT_OP_LE, at_int(s, 0, at->span), at, NULL, at->span);
        const at_expr *high = at_map_node(s, AT_OP_LT, at, size, NULL, at->span);
        const at_expr *both = at_map_node(s, AT_OP_AND, low, high, NULL, at->span);
        all = all ? at_map_node(s, AT_OP_AND, all, both, NULL, at->span) : both;
    }
    return all;
}

static void count_read(counting *c, at_domain *d, const at_expr *e) {
    for (int i = 0; i < e->u.read.array->rank; i++) count(c, d, e->u.read.index[i]);
    const at_expr *within = e->u.read.alternative ? inside_of(c->points.s, e) : NULL;
    if (within) count(c, where(c, d, within, false), e->u.read.alternative);
    add_read(c, within ? where(c, d, within, true) : d, e->u.read.array);
}

static void count_map(counting *c, at_domain *d, const at_expr *e) {
    at_op op = e->u.map.op;
    at_rule rule = at_op_info(op)->rule;
    const at_expr *const *x = e->u.map.args;
    count(c, d, x[0]);
    switch (op) {
    case AT_OP_IF:
        count(c, where(c, d, x[0], true), x[1]);
        count(c, where(c, d, x[0], false), x[2]);
        return;
    case AT_OP_AND: count(c, where(c, d, x[0], true), x[1]); return;
    case AT_OP_OR: count(c, where(c, d, x[0], false), x[1]); return;
    default: break;
    }
    for (int i = 1; i < at_op_info(op)->arity; i++) count(c, d, x[i]);
    if (e->kind == AT_REAL && rule != AT_RULE_TO_REAL && op != AT_OP_STOP) add_flops(c, d, 1);
}

/* What taking in one element costs. */
static int64_t fold_flops(at_fold fold, const at_expr *body) {
    if (body->kind != AT_REAL) return 0;
    switch (fold) {
    case AT_FOLD_SUM:
    case AT_FOLD_MEAN:
    case AT_FOLD_PROD:
    case AT_FOLD_MIN:
    case AT_FOLD_MAX:
    case AT_FOLD_CUMSUM:
    case AT_FOLD_CUMPROD:
    case AT_FOLD_CUMMAX:
    case AT_FOLD_CUMMIN: return 1;
    default: return 0;
    }
}

static void count_fold(counting *c, at_domain *d, const at_expr *e) {
    at_domain *all = inside(c, d, e->u.fold.axes, e->u.fold.count, NULL, true);
    at_domain *chosen = e->u.fold.guard ? where(c, all, e->u.fold.guard, true) : all;
    count(c, all, e->u.fold.guard);
    /* How many there are does not depend on what they are. */
    if (e->u.fold.fold != AT_FOLD_COUNT || e->u.fold.body->kind == AT_BOOL)
        count(c, chosen, e->u.fold.body);
    add_flops(c, chosen, fold_flops(e->u.fold.fold, e->u.fold.body));
    if (e->u.fold.fold != AT_FOLD_MEAN) return;
    /* One division, unless there is nothing to divide. */
    at_domain *some = inside(c, d, e->u.fold.axes, e->u.fold.count, e->u.fold.guard, true);
    some->any = true;
    add_flops(c, some, 1);
}

static bool look_for_element(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_INDEX || e->tag == AT_READ || e->tag == AT_FOLD_NODE;
    return !*found;
}

bool at_is_elementwise(const at_expr *e) {
    bool found = false;
    at_walk(e, look_for_element, &found);
    return found;
}

static void count(counting *c, at_domain *d, const at_expr *e) {
    if (!e || !at_is_elementwise(e)) return;
    switch (e->tag) {
    case AT_CONST:
    case AT_SIZE:
    case AT_INDEX: return;
    case AT_READ: count_read(c, d, e); return;
    case AT_MAP: count_map(c, d, e); return;
    case AT_FOLD_NODE: count_fold(c, d, e); return;
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

static void count_part(counting *c, at_domain *all, const at_part *part, at_fold fold) {
    at_domain *chosen = part->guard ? where(c, all, part->guard, true) : all;
    count(c, all, part->guard);
    count(c, chosen, part->body);
    add_flops(c, chosen, fold_flops(fold, part->body));
}

static void count_values(counting *c, at_domain *around, const at_pass *pass) {
    const at_statement *st = pass->statement;
    at_domain *all = st->target ? inside(c, around, st->target->axes, st->target->rank, NULL, true)
                                : NULL;
    switch (st->tag) {
    case AT_EQUATION:
        if (pass->domain) all = where(c, all, pass->domain, true);
        count(c, all, st->u.value);
        break;
    case AT_NEXT:
        all = inside(c, around, st->u.next.axes, st->target->rank, NULL, true);
        count(c, all, st->u.next.value);
        break;
    case AT_KEEPING:
        for (int i = 0; i < st->u.keeping.count; i++) {
            const at_part *part = &st->u.keeping.parts[i];
            all = inside(c, around, part->target->axes, part->target->rank, NULL, true);
            count_part(c, all, part, st->u.keeping.fold);
        }
        break;
    case AT_TOPK:
        all = inside(c, around, st->target->axes, st->target->rank - 1, NULL, true);
        all = inside(c, all, st->u.topk.bound, st->u.topk.count, NULL, true);
        count_part(c, all, &st->u.topk, AT_FOLD_TOPK);
        break;
    case AT_DRAWING:
        for (int i = 0; i < at_draw_info(st->u.drawing.draw)->parameters; i++)
            count(c, all, st->u.drawing.args[i]);
        break;
    case AT_TABLE:
        for (int i = 0; i < st->u.table.count; i++) count(c, around, st->u.table.values[i]);
        break;
    case AT_GRAD:
    case AT_SCAN:
    case AT_REPEAT:
    case AT_ASSERT: break;
    }
}

static int64_t elements_of(const counting *c, const at_array *array) {
    int64_t all = c->points.extents ? 1 : 0;
    for (int i = 0; i < array->rank && all; i++)
        all = at_count_times(all, c->points.extents[array->axes[i]->id]);
    return all;
}

/* The bytes of an array, or of those of its elements that are touched where these are fewer. */
static void add_bytes(counting *c, const at_domain *around, const at_array *array, int64_t most,
                      const sizing *bytes) {
    int64_t each = bytes->bytes_of(bytes->user, array);
    int64_t whole = at_count_times(elements_of(c, array), around->points);
    c->out->bytes = at_count_add(c->out->bytes, at_count_times(most < whole ? most : whole, each));
    int rank = array->rank;
    const at_axis **axes = AT_NEW_ARRAY(c->points.s->arena, const at_axis *, rank + around->count);
    at_move(axes, around->axes, sizeof *axes * (size_t)around->count);
    at_move(axes + around->count, array->axes, sizeof *axes * (size_t)rank);
    at_cost_add(c->points.s, &c->out->bytes_formula, each, axes, rank + around->count);
}

/* Elements outside of the pass's domain are not written. */
static void add_written(counting *c, at_domain *around, const at_array *array,
                        const at_pass *pass, const sizing *bytes) {
    at_domain *all = inside(c, around, array->axes, array->rank, NULL, true);
    if (pass->statement->tag == AT_NEXT) all->axes = pass->statement->u.next.axes;
    if (pass->domain) all = where(c, all, pass->domain, true);
    int64_t written = points_of(c, all);
    c->out->written = at_count_add(c->out->written, written);
    c->out->written_at_most |= all->at_most;
    add_bytes(c, around, array, written, bytes);
}

at_count at_count_pass(at_session *s, const at_cascade *cascade, const at_pass *pass,
                       const int64_t *extents,
                       int64_t (*bytes_of)(void *user, const at_array *array), void *user) {
    at_count out = {0};
    const at_statement *st = pass->statement;
    counting c = {{s, cascade->axis_count, extents, 0}, &out};
    sizing bytes = {bytes_of, user};
    at_domain outside = {.axes = pass->again, .count = pass->again_count};
    points_of(&c, &outside);
    count_values(&c, &outside, pass);
    if (st->tag == AT_KEEPING)
        for (int i = 0; i < st->u.keeping.count; i++)
            add_written(&c, &outside, st->u.keeping.parts[i].target, pass, &bytes);
    else if (st->target)
        add_written(&c, &outside, st->target, pass, &bytes);
    for (int i = 0; i < out.read_count; i++) {
        out.bytes_at_most |= out.reads[i].at_most;
        add_bytes(&c, &outside, out.reads[i].array, out.reads[i].count, &bytes);
    }
    return out;
}
