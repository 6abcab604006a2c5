/* What is known before a run: the value of expressions of numbers and sizes, for extents,
 * requirements, compile-time conditions and counts of rounds.
 *
 * Ints are exact or not known: an overflow, a division by 0 and a negative exponent have no value
 * here, so that no stage decides by a wrapped number. Reals are computed by the C text of ops.def,
 * the same that executors use. Like at run time only what is needed is looked at: the branch taken,
 * and the right side of `and` and `or` when the left one leaves it open. */
#define _DEFAULT_SOURCE /* M_SQRT1_2, in the C text of ops.def */
#include "ir/ir.h"

#include <math.h>

static bool divide(int64_t a, int64_t b, int64_t *quotient, int64_t *remainder) {
    if (b == 0) return false;
    if (b == -1) { /* INT64_MIN / -1 traps in C; its remainder is still 0 */
        *remainder = 0;
        return !__builtin_sub_overflow((int64_t)0, a, quotient);
    }
    *quotient = a / b;
    *remainder = a % b;
    if (*remainder != 0 && (*remainder < 0) != (b < 0)) {
        *quotient -= 1;
        *remainder += b;
    }
    return true;
}

static bool power(int64_t a, int64_t b, int64_t *result) {
    if (b < 0) return false;
    int64_t value = 1;
    while (b > 0) {
        if ((b & 1) && __builtin_mul_overflow(value, a, &value)) return false;
        b >>= 1;
        /* The last square is not used and may overflow. */
        if (b > 0 && __builtin_mul_overflow(a, a, &a)) return false;
    }
    *result = value;
    return true;
}

bool at_int_op(at_op op, int64_t a, int64_t b, int64_t c, int64_t *result) {
    int64_t other;
    switch (op) {
    case AT_OP_NEG: return !__builtin_sub_overflow((int64_t)0, a, result);
    case AT_OP_MUL: return !__builtin_mul_overflow(a, b, result);
    case AT_OP_ADD: return !__builtin_add_overflow(a, b, result);
    case AT_OP_SUB: return !__builtin_sub_overflow(a, b, result);
    case AT_OP_IDIV: return divide(a, b, result, &other);
    case AT_OP_MOD: return divide(a, b, &other, result) || b == -1;
    case AT_OP_IPOW: return power(a, b, result);
    case AT_OP_ABS:
        if (a < 0) return !__builtin_sub_overflow((int64_t)0, a, result);
        *result = a;
        return true;
    case AT_OP_SIGN: *result = (a > 0) - (a < 0); return true;
    case AT_OP_EQ: *result = a == b; return true;
    case AT_OP_NE: *result = a != b; return true;
    case AT_OP_LT: *result = a < b; return true;
    case AT_OP_LE: *result = a <= b; return true;
    case AT_OP_GT: *result = a > b; return true;
    case AT_OP_GE: *result = a >= b; return true;
    case AT_OP_NOT: *result = !a; return true;
    case AT_OP_AND: *result = a && b; return true;
    case AT_OP_OR: *result = a || b; return true;
    case AT_OP_IF: *result = a ? b : c; return true;
    case AT_OP_MIN: *result = a <= b ? a : b; return true;
    case AT_OP_MAX: *result = a >= b ? a : b; return true;
    case AT_OP_CLAMP: *result = a < b ? b : a > c ? c : a; return true;
    case AT_OP_STOP:
    case AT_OP_TO_INT: *result = a; return true;
    default: return false;
    }
}

/* Conditions on doubles (`!a`, `a ? b : c`) are meant: clang counts them as conversions. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wfloat-conversion"
double at_real_op(at_op op, double a, double b, double c) {
    switch (op) {
#define AT_OP(id, text, arity, rule, level, c_text, doc)                                           \
    case AT_OP_##id: return (double)(c_text);
#include "ir/ops.def"
#undef AT_OP
    case AT_OPS: break;
    }
    return NAN;
}
#pragma GCC diagnostic pop

int64_t at_real_to_int(double x) {
    if (x >= -0x1p63 && x < 0x1p63) return (int64_t)x;
    return INT64_MIN;
}

/* ---- expressions ----------------------------------------------------------------------------- */

typedef struct {
    int64_t (*extent)(void *user, const at_axis *axis);
    void *user;
} sizes;

static at_constant constant_of(const at_expr *e, const sizes *known);

static at_constant unknown(at_kind kind) { return (at_constant){.kind = kind}; }

static at_constant whole(at_kind kind, int64_t value) {
    return (at_constant){.kind = kind, .known = true, .integer = value};
}

static int64_t extent_of(const at_axis *axis, const sizes *known) {
    while (axis->like) axis = axis->like;
    if (axis->extent) {
        at_constant value = constant_of(axis->extent, known);
        return value.known && value.integer >= 0 ? value.integer : -1;
    }
    int64_t extent = known->extent ? known->extent(known->user, axis) : -1;
    return extent >= 0 ? extent : axis->fixed;
}

static double as_double(at_constant value) {
    return value.kind == AT_REAL ? value.real : (double)value.integer;
}

/* The operations that may leave an argument aside; the condition comes first. */
static at_constant choice(const at_expr *e, const sizes *known) {
    const at_expr *const *args = e->u.map.args;
    at_constant first = constant_of(args[0], known);
    if (!first.known) return unknown(e->kind);
    switch (e->u.map.op) {
    case AT_OP_AND: return first.integer ? constant_of(args[1], known) : first;
    case AT_OP_OR: return first.integer ? first : constant_of(args[1], known);
    default: return constant_of(args[first.integer ? 1 : 2], known);
    }
}

static at_constant map_constant(const at_expr *e, const sizes *known) {
    at_op op = e->u.map.op;
    if (op == AT_OP_AND || op == AT_OP_OR || op == AT_OP_IF) return choice(e, known);
    at_constant args[3] = {{0}};
    for (int i = 0; i < at_op_info(op)->arity; i++) {
        args[i] = constant_of(e->u.map.args[i], known);
        if (!args[i].known) return unknown(e->kind);
    }
    if (op == AT_OP_TO_INT && args[0].kind == AT_REAL)
        return whole(AT_INT, at_real_to_int(args[0].real));
    if (op == AT_OP_TO_REAL || args[0].kind == AT_REAL) {
        double value =
            at_real_op(op, as_double(args[0]), as_double(args[1]), as_double(args[2]));
        if (e->kind != AT_REAL) return whole(e->kind, value != 0);
        return (at_constant){.kind = AT_REAL, .known = true, .real = value};
    }
    int64_t value;
    if (!at_int_op(op, args[0].integer, args[1].integer, args[2].integer, &value))
        return unknown(e->kind);
    return whole(e->kind, value);
}

static at_constant constant_of(const at_expr *e, const sizes *known) {
    switch (e->tag) {
    case AT_CONST:
        if (e->kind != AT_REAL) return whole(e->kind, e->u.integer);
        return (at_constant){.kind = AT_REAL, .known = true, .real = e->u.real};
    case AT_SIZE: {
        int64_t extent = extent_of(e->u.axis, known);
        return extent < 0 ? unknown(AT_INT) : whole(AT_INT, extent);
    }
    case AT_MAP: return map_constant(e, known);
    case AT_INDEX:
    case AT_READ:
    case AT_FOLD_NODE: break;
    }
    return unknown(e->kind);
}

at_constant at_constant_of(const at_expr *e, int64_t (*extent)(void *user, const at_axis *axis),
                           void *user) {
    sizes known = {extent, user};
    return constant_of(e, &known);
}

typedef struct {
    const int64_t *open;
} open_extents;

static int64_t open_extent(void *user, const at_axis *axis) {
    const open_extents *extents = user;
    return extents->open ? extents->open[axis->id] : -1;
}

int64_t at_extent(const at_axis *axis, const int64_t *open) {
    open_extents extents = {open};
    sizes known = {open_extent, &extents};
    return extent_of(axis, &known);
}
