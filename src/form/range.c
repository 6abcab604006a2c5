/* Interval arithmetic on ints: shows for most index expressions that they cannot overflow and for
 * plain ones that they lie inside, so that only the rest is tested when the program runs. */
#include "form/form.h"

static const at_range all = {INT64_MIN, INT64_MAX};

/* i // 64, where an axis is at most 64 times as long as another. */
static bool is_quotient_inside(at_session *s, const at_cascade *cascade, const at_expr *index,
                               const at_axis *axis) {
    if (index->tag != AT_MAP || index->u.map.op != AT_OP_IDIV) return false;
    const at_expr *i = index->u.map.args[0], *by = index->u.map.args[1];
    if (i->tag != AT_INDEX || by->tag != AT_CONST || by->u.integer <= 0) return false;
    const at_expr *room_of =
        at_map_node(s, AT_OP_MUL, by, at_extent_of(s, axis), NULL, index->span);
    at_affine room, length;
    return at_affine_of(s, at_with_known_sizes(s, cascade, room_of), &room) &&
           at_affine_of(s, at_with_known_sizes(s, cascade, at_extent_of(s, i->u.axis)), &length) &&
           at_affine_add(s, &room, -1, &length, &room) && at_affine_nonnegative(s, &room);
}

bool at_index_inside(at_session *s, const at_cascade *cascade, const at_expr *index,
                     const at_axis *axis) {
    if (index->tag == AT_INDEX) return at_equal_extent(s, cascade, index->u.axis, axis);
    /* Values declared `index v` were checked when they were given. */
    if (index->tag == AT_READ && !index->u.read.alternative && index->u.read.array->inside)
        return at_equal_extent(s, cascade, index->u.read.array->inside, axis);
    if (is_quotient_inside(s, cascade, index, axis)) return true;
    int64_t extent = at_extent(axis, NULL);
    at_range range = at_range_of(index);
    return extent >= 0 && range.low >= 0 && range.high < extent;
}

/* ---- operations ---------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static at_range hull(at_range a, at_range b) {
    return (at_range){least(a.low, b.low), most(a.high, b.high)};
}

/* +, -, * and // take their extremes at the corners of the arguments' ranges (// for divisors of
 * one sign, which is all that is asked). False when a corner has no result. */
static bool corners(at_op op, const at_range *args, at_range *out) {
    *out = (at_range){INT64_MAX, INT64_MIN};
    for (int i = 0; i < 4; i++) {
        int64_t a = i & 1 ? args[0].high : args[0].low, b = i & 2 ? args[1].high : args[1].low;
        int64_t value;
        if (!at_int_op(op, a, b, 0, &value)) return false;
        *out = hull(*out, (at_range){value, value});
    }
    return true;
}

bool at_range_fits(at_op op, const at_range *args) {
    at_range out;
    switch (op) {
    case AT_OP_ADD:
    case AT_OP_SUB:
    case AT_OP_MUL: return corners(op, args, &out);
    case AT_OP_NEG:
    case AT_OP_ABS: return args[0].low > INT64_MIN;
    case AT_OP_IDIV:
    case AT_OP_MOD: return args[1].low > 0;
    case AT_OP_IPOW: return false;
    default: return true;
    }
}

at_range at_range_of_map(at_op op, const at_range *args) {
    at_range out;
    if (!at_range_fits(op, args)) return all;
    switch (op) {
    case AT_OP_ADD:
    case AT_OP_SUB:
    case AT_OP_MUL:
    case AT_OP_IDIV: return corners(op, args, &out) ? out : all;
    case AT_OP_MOD: return (at_range){0, args[1].high - 1};
    case AT_OP_NEG: return (at_range){-args[0].high, -args[0].low};
    case AT_OP_ABS: return (at_range){0, most(-args[0].low, args[0].high)};
    case AT_OP_SIGN: return (at_range){-1, 1};
    case AT_OP_MIN:
        return (at_range){least(args[0].low, args[1].low), least(args[0].high, args[1].high)};
    case AT_OP_MAX:
        return (at_range){most(args[0].low, args[1].low), most(args[0].high, args[1].high)};
    case AT_OP_CLAMP: /* one of the bounds where the value is not between them */
        return (at_range){least(args[1].low, args[2].low), most(args[1].high, args[2].high)};
    case AT_OP_IF: return hull(args[1], args[2]);
    case AT_OP_STOP: return args[0];
    default: return all;
    }
}

static at_range map_range(const at_expr *e) {
    const at_expr *const *x = e->u.map.args;
    at_range args[3] = {all, all, all};
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++)
        if (x[i]->kind == AT_INT) args[i] = at_range_of(x[i]);
    return at_range_of_map(e->u.map.op, args);
}

at_range at_range_of(const at_expr *e) {
    switch (e->tag) {
    case AT_CONST: return (at_range){e->u.integer, e->u.integer};
    case AT_SIZE:
    case AT_INDEX: {
        int64_t extent = at_extent(e->u.axis, NULL);
        int64_t high = extent >= 0 && extent <= AT_AXIS_LIMIT ? extent : AT_AXIS_LIMIT;
        if (e->tag == AT_INDEX) return (at_range){0, most(high - 1, 0)};
        return (at_range){extent >= 0 ? high : 0, high};
    }
    case AT_READ:
        if (e->u.read.array->inside && !e->u.read.alternative)
            return (at_range){0, AT_AXIS_LIMIT - 1};
        return all;
    case AT_MAP: return map_range(e);
    case AT_FOLD_NODE: break;
    }
    return all;
}
