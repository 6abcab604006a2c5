/* Values that keep axes: views of arrays, and operators lifted over them. */
#include "random.h"

static const piece nothing = {0};

/* A view with just these axes of some array; text NULL when no array has them. */
static piece some_view(writer *w, at_kind kind, int count, const int *extents, int depth) {
    array *found[MOST_ARRAYS];
    int many = 0;
    for (int i = w->array_count - 1; i >= 0; i--) {
        array *a = w->arrays[i];
        if (a->kind == kind && readable(w, a) && (a->written || a->steps) &&
            a->rank - a->steps >= count)
            found[many++] = a;
    }
    /* Many arrays do not have the axes: a few tries. */
    for (int tries = 0; tries < 6 && many; tries++) {
        int copy[MOST_RANK];
        at_move(copy, extents, sizeof *extents * (size_t)count);
        int k = choose(w->c, many);
        piece p = a_view(w, found[k], count, copy, depth);
        if (p.text) return p;
        found[k] = found[--many];
    }
    return nothing;
}

/* mean[n](x[n]): a fold over the leading axis of an array that has the others. */
static piece folded_view(writer *w, int count, const int *extents, int depth) {
    static const char *const folds[] = {"sum", "mean", "max", "min", "logsumexp"};
    int k = pick_axis(w, NULL, 0);
    if (k < 0 || count >= MOST_RANK) return nothing;
    const axis *bound = &w->axes[k];
    if (w->f->extents[bound->extent].empty) return nothing;
    int scalars = w->scalar_count;
    add_index(w, bound->name, bound->extent, bound->declared);
    piece p = a_value(w, AT_REAL, count, extents, depth - 1);
    w->scalar_count = scalars;
    if (!p.text) return nothing;
    mark(w, FEATURE_KEPT_FOLD);
    const char *fold = folds[choose(w->c, 5)];
    return a_piece(made(w, "%s[%s](%s)", fold, bound->name, p.text), PRIMARY, AT_REAL,
                   p.high * LONGEST + 8);
}

static piece lifted_unary(writer *w, int count, const int *extents, int depth) {
    static const char *const names[] = {"tanh", "sigmoid", "relu", "gelu",
                                        "sin",  "silu",    "erf",  "stop"};
    piece p = a_value(w, AT_REAL, count, extents, depth - 1);
    if (!p.text) return nothing;
    return applied(w, names[choose(w->c, 8)], p, p.high > 1 ? p.high : 1);
}

static piece lifted_binary(writer *w, at_kind kind, int count, const int *extents, int depth) {
    static const at_op ops[] = {AT_OP_ADD, AT_OP_SUB, AT_OP_MUL};
    piece a = a_value(w, kind, count, extents, depth - 1), b = nothing;
    if (!a.text) return nothing;
    if (maybe(w->c, 60)) b = a_value(w, kind, count, extents, depth - 1);
    if (!b.text) b = expression(w, kind, depth - 1); /* one value, for all */
    if (maybe(w->c, 30)) {
        piece other = a;
        a = b, b = other;
    }
    at_op op = ops[choose(w->c, 3)];
    return joined(w, op, a, b, kind, op == AT_OP_MUL ? a.high * b.high : a.high + b.high);
}

static piece lifted_choice(writer *w, at_kind kind, int count, const int *extents, int depth) {
    piece c = nothing;
    if (maybe(w->c, 40)) c = a_value(w, AT_BOOL, count, extents, depth - 1);
    if (!c.text) c = expression(w, AT_BOOL, depth - 1);
    w->unsure++;
    piece a = a_value(w, kind, count, extents, depth - 1),
          b = a_value(w, kind, count, extents, depth - 1);
    w->unsure--;
    if (!a.text || !b.text) return nothing;
    return a_piece(made(w, "if %s then %s else %s", c.text, a.text, b.text), CHOICE, kind,
                   a.high > b.high ? a.high : b.high);
}

static piece lifted_bool(writer *w, int count, const int *extents, int depth) {
    if (maybe(w->c, 40)) {
        piece p = a_value(w, AT_BOOL, count, extents, depth - 1);
        return p.text ? a_piece(made(w, "not %s", at_level(w, p, 40)), 40, AT_BOOL, 1) : nothing;
    }
    piece a = a_value(w, AT_REAL, count, extents, depth - 1);
    if (!a.text) return nothing;
    return joined(w, maybe(w->c, 50) ? AT_OP_LT : AT_OP_GE, a, expression(w, AT_REAL, depth - 1),
                  AT_BOOL, 1);
}

piece a_value(writer *w, at_kind kind, int count, const int *extents, int depth) {
    if (count == 0) return expression(w, kind, depth);
    int span = span_begin(w->c, SPAN_EXPRESSION);
    bool deep = depth > 0 && --w->fuel > 0, real = kind == AT_REAL;
    int weights[] = {30,
                     deep && real ? 20 : 0,
                     deep && kind != AT_BOOL ? 25 : 0,
                     deep ? 5 : 0,
                     deep && real ? 10 : 0,
                     deep && real ? 12 : 0,
                     deep && kind == AT_BOOL ? 30 : 0};
    piece p = nothing;
    switch (choose_weighted(w->c, weights, 7)) {
    case 1: p = lifted_unary(w, count, extents, depth); break;
    case 2: p = lifted_binary(w, kind, count, extents, depth); break;
    case 3: p = lifted_choice(w, kind, count, extents, depth); break;
    case 4: p = folded_view(w, count, extents, depth); break;
    case 5: p = a_call(w, kind, count, extents, depth); break;
    case 6: p = lifted_bool(w, count, extents, depth); break;
    default: break;
    }
    if (!p.text) p = some_view(w, kind, count, extents, depth);
    span_end(w->c, span);
    if (!p.text) return nothing;
    p.inside = -1;
    return kind == AT_INT ? tamed(w, p, 1e6) : tamed(w, p, 100);
}
