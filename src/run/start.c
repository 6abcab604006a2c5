/* How params and states begin: a value at every index, or a draw. They are few, and computed once a
 * run, so an expression is evaluated node by node. */
#include "run/run.h"

#include <math.h>

typedef struct {
    at_session *s;
    const int64_t *extents; /* by axis id */
    const at_array *array;
    const int64_t *index;   /* of the element, by the array's axes */
    bool failed;
} filling;

typedef union {
    double real;
    int64_t integer;
} scalar;

static scalar value_of(filling *f, const at_expr *e);

static scalar index_of(filling *f, const at_axis *axis) {
    for (int i = 0; i < f->array->rank; i++)
        if (f->array->axes[i] == axis) return (scalar){.integer = f->index[i]};
    f->failed = true;
    return (scalar){.integer = 0};
}

static scalar choose(filling *f, const at_expr *const *args, at_op op) {
    scalar first = value_of(f, args[0]);
    if (op == AT_OP_AND) return first.integer ? value_of(f, args[1]) : first;
    if (op == AT_OP_OR) return first.integer ? first : value_of(f, args[1]);
    return value_of(f, args[first.integer ? 1 : 2]);
}

static scalar map_value(filling *f, const at_expr *e) {
    const at_expr *const *args = e->u.map.args;
    at_op op = e->u.map.op;
    if (op == AT_OP_IF || op == AT_OP_AND || op == AT_OP_OR) return choose(f, args, op);
    scalar x[3] = {{0}, {0}, {0}}, out = {0};
    for (int i = 0; i < at_op_info(op)->arity; i++) x[i] = value_of(f, args[i]);
    bool real = args[0]->kind == AT_REAL;
    if (op == AT_OP_TO_REAL) {
        out.real = real ? x[0].real : (double)x[0].integer;
    } else if (op == AT_OP_TO_INT && real) {
        out.integer = at_real_to_int(x[0].real);
    } else if (real) {
        out.real = at_real_op(op, x[0].real, x[1].real, x[2].real);
        if (e->kind != AT_REAL) out.integer = out.real != 0;
    } else if (!at_int_op(op, x[0].integer, x[1].integer, x[2].integer, &out.integer)) {
        f->failed = true;
    }
    return out;
}

static scalar value_of(filling *f, const at_expr *e) {
    switch (e->tag) {
    case AT_CONST:
        if (e->kind == AT_REAL) return (scalar){.real = e->u.real};
        return (scalar){.integer = e->u.integer};
    case AT_SIZE: return (scalar){.integer = f->extents[e->u.axis->id]};
    case AT_INDEX: return index_of(f, e->u.axis);
    case AT_MAP: return map_value(f, e);
    case AT_READ:
    case AT_FOLD_NODE: break;
    }
    f->failed = true;
    return (scalar){.integer = 0};
}

static void put(at_tensor *out, int64_t at, at_kind kind, scalar value) {
    if (kind == AT_REAL) ((double *)out->data)[at] = value.real;
    else if (kind == AT_INT) ((int64_t *)out->data)[at] = value.integer;
    else ((unsigned char *)out->data)[at] = value.integer != 0;
}

static scalar drawn(filling *f, const at_start *start, uint64_t key, int64_t at) {
    at_draw draw = (at_draw)start->draw;
    double args[2] = {0, 0};
    for (int i = 0; i < at_draw_info(draw)->parameters; i++)
        args[i] = value_of(f, start->args[i]).real;
    double x = at_draw_value(key, (uint64_t)at, draw);
    switch (draw) {
    case AT_DRAW_NORMAL: return (scalar){.real = args[0] + args[1] * x};
    case AT_DRAW_UNIFORM: return (scalar){.real = args[0] + (args[1] - args[0]) * x};
    case AT_DRAW_BERNOULLI: return (scalar){.integer = x < args[0]};
    default: return (scalar){.real = x};
    }
}

bool at_start_fill(at_session *s, void *user, const at_start *start, const int64_t *extents,
                   at_tensor *out) {
    const at_call *call = user;
    int64_t index[AT_RANK_LIMIT] = {0};
    filling f = {s, extents, start->array, index, false};
    uint64_t key = at_draw_key(call->seed, 0, start->array->path);
    for (int64_t at = 0; at < out->count && !f.failed; at++) {
        scalar value = start->value ? value_of(&f, start->value) : drawn(&f, start, key, at);
        put(out, at, start->array->kind, value);
        for (int i = out->rank - 1; i >= 0 && ++index[i] == out->extents[i]; i--) index[i] = 0;
    }
    if (!f.failed) return true;
    at_diag *diag = at_error(s, AT_E_NOT_COMPILED, start->array->span,
                             "compiled code cannot compute how `%s` begins", start->array->name);
    at_hint(s, diag, "`--executor reference` does, or give its value");
    return false;
}
