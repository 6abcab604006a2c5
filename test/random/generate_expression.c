/* Expressions of one value: every operation of ops.def, with arguments for which it is defined and
 * values that stay moderate, so that two ways to compute them can be compared. In wild programs
 * half of the operations are given whatever there is. */
#include "random.h"

#include <math.h>
#include <string.h>

static const double most[] = {[AT_BOOL] = 1, [AT_INT] = 50, [AT_REAL] = 16};

double limit_of(at_kind kind) { return most[kind]; }

piece a_piece(const char *text, int level, at_kind kind, double high) {
    return (piece){.text = text, .level = level, .kind = kind, .high = high, .inside = -1};
}

const char *at_level(writer *w, piece p, int level) {
    if (p.level >= level && !maybe(w->c, 2)) return p.text;
    return made(w, "(%s)", p.text);
}

piece joined(writer *w, at_op op, piece a, piece b, at_kind kind, double high) {
    const at_op_row *row = at_op_info(op);
    int left = row->level, right = row->level + 1;
    if (op == AT_OP_POW) left = PRIMARY, right = 80;
    if (row->rule == AT_RULE_COMPARE) left++;
    return a_piece(made(w, "%s %s %s", at_level(w, a, left), row->text, at_level(w, b, right)),
                   row->level, kind, high);
}

piece applied(writer *w, const char *name, piece a, double high) {
    return a_piece(made(w, "%s(%s)", name, a.text), PRIMARY, AT_REAL, high);
}

static piece real_of(writer *w, piece p) {
    if (p.kind == AT_REAL) return p;
    return applied(w, "real", p, p.kind == AT_BOOL ? 1 : p.high);
}

piece tamed(writer *w, piece p, double high) {
    if (p.kind == AT_BOOL || p.high <= high) return p;
    if (p.kind == AT_INT) {
        int by = 2 + choose(w->c, 6);
        return a_piece(made(w, "%s %% %d", at_level(w, p, 70), by), 70, AT_INT, by);
    }
    if (w->wild && maybe(w->c, 30)) return p;
    switch (choose(w->c, 5)) {
    case 0: return applied(w, "tanh", p, 1);
    case 1:
        if (strlen(p.text) > 40) return applied(w, "tanh", p, 1);
        return a_piece(made(w, "%s / (1.0 + abs(%s))", at_level(w, p, 70), p.text), 70, AT_REAL, 1);
    case 2: return applied(w, "sigmoid", p, 1);
    case 3: return a_piece(made(w, "clamp(%s, -2.0, 2.0)", p.text), PRIMARY, AT_REAL, 2);
    default: return applied(w, "erf", p, 1);
    }
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static piece a_real_number(writer *w) {
    static const struct {
        const char *text;
        double value;
    } numbers[] = {{"1.0", 1},  {"0.5", 0.5}, {"2.0", 2},   {"0.25", 0.25},  {"1e-3", 0.001},
                   {"pi", 3.2}, {"0.0", 0},   {"1.5", 1.5}, {"3.75e0", 3.75}};
    if (w->wild && maybe(w->c, 10))
        return a_piece(maybe(w->c, 50) ? "1e200" : "inf", PRIMARY, AT_REAL, INFINITY);
    int k = choose(w->c, sizeof numbers / sizeof *numbers);
    piece p = a_piece(numbers[k].text, PRIMARY, AT_REAL, numbers[k].value);
    if (maybe(w->c, 15)) return a_piece(made(w, "-%s", p.text), 80, AT_REAL, p.high);
    return p;
}

static piece a_scalar(writer *w, at_kind kind) {
    const scalar *found[MOST_SCALARS];
    int count = 0;
    for (int i = w->scalar_count - 1; i >= 0; i--) {
        const scalar *s = &w->scalars[i];
        if (s->kind == kind && find_scalar(w, s->name) == s) found[count++] = s;
    }
    if (!count) return (piece){0};
    const scalar *s = found[choose(w->c, count)];
    piece p = a_piece(s->name, PRIMARY, kind, s->high);
    p.inside = s->kind == AT_INT ? s->extent : -1;
    return p;
}

static piece leaf(writer *w, at_kind kind, int depth) {
    static const int weights[] = {10, 50, 40};
    piece p = {0};
    switch (depth < -2 ? 0 : choose_weighted(w->c, weights, 3)) {
    case 1: p = a_read(w, kind, depth); break;
    case 2: p = a_scalar(w, kind); break;
    default: break;
    }
    if (p.text) return p;
    if (kind == AT_REAL) return a_real_number(w);
    if (kind == AT_BOOL) return a_piece(maybe(w->c, 30) ? "false" : "true", PRIMARY, kind, 1);
    int k = choose(w->c, 6);
    return a_piece(made(w, "%d", k), PRIMARY, AT_INT, k);
}

/* ---- reals ----------------------------------------------------------------------------------- */

/* How an argument is made safe for an operation: %s is the argument. */
typedef struct {
    at_op op;
    const char *safe; /* NULL: takes anything */
    double high;      /* of the result; 0: that of the argument; negative: one more */
} unary_row;

static const unary_row unary[] = {
    {AT_OP_TANH, NULL, 1},
    {AT_OP_EXP, "-abs(%s)", 1},
    {AT_OP_EXP, "min(%s, 1.0)", 2.8},
    {AT_OP_LOG, "1.0 + abs(%s)", -1},
    {AT_OP_LOG, "0.1 + (%s)^2", 8},
    {AT_OP_SQRT, "1.0 + (%s)^2", -1},
    {AT_OP_SQRT, "0.1 + abs(%s)", -1},
    {AT_OP_RSQRT, "1.0 + abs(%s)", 1},
    {AT_OP_ABS, NULL, 0},
    {AT_OP_SIGN, NULL, 1},
    {AT_OP_SIN, NULL, 1},
    {AT_OP_COS, NULL, 1},
    {AT_OP_TAN, "tanh(%s)", 1.6},
    {AT_OP_ERF, NULL, 1},
    {AT_OP_SIGMOID, NULL, 1},
    {AT_OP_SOFTPLUS, NULL, -1},
    {AT_OP_RELU, NULL, 0},
    {AT_OP_GELU, NULL, 0},
    {AT_OP_SILU, NULL, 0},
    {AT_OP_FLOOR, NULL, -1},
    {AT_OP_CEIL, NULL, -1},
    {AT_OP_ROUND, NULL, -1},
    {AT_OP_STOP, NULL, 0},
};

static piece a_unary_real(writer *w, int depth) {
    const unary_row *row = &unary[choose(w->c, sizeof unary / sizeof *unary)];
    bool takes_int = at_op_info(row->op)->rule == AT_RULE_REAL && maybe(w->c, 10);
    piece a = expression(w, takes_int ? AT_INT : AT_REAL, depth - 1);
    double high = row->high > 0 ? row->high : row->high < 0 ? a.high + 1 : a.high;
    bool raw = w->wild && maybe(w->c, 50);
    const char *text = a.text;
    if (row->safe && !raw) {
        const char *rest = row->safe;
        text = "";
        for (; *rest; rest++)
            text = rest[0] == '%' && rest[1] == 's' ? (rest++, made(w, "%s%s", text, a.text))
                                                    : made(w, "%s%c", text, *rest);
    }
    return a_piece(made(w, "%s(%s)", at_op_info(row->op)->text, text), PRIMARY, AT_REAL, high);
}

static piece a_power(writer *w, int depth) {
    piece a = expression(w, AT_REAL, depth - 1);
    if (w->wild && maybe(w->c, 50))
        return joined(w, AT_OP_POW, a, expression(w, AT_REAL, depth - 1), AT_REAL, INFINITY);
    switch (choose(w->c, 4)) {
    case 0:
        return joined(w, AT_OP_POW, a, a_piece("2", PRIMARY, AT_INT, 2), AT_REAL, a.high * a.high);
    case 1:
        a = tamed(w, a, 2);
        return joined(w, AT_OP_POW, a, a_piece("3", PRIMARY, AT_INT, 3), AT_REAL, 8);
    case 2: {
        piece b = tamed(w, expression(w, AT_REAL, depth - 1), 2);
        piece base = a_piece(made(w, "(0.5 + abs(%s))", tamed(w, a, 2).text), PRIMARY, AT_REAL,
                             2.5);
        return joined(w, AT_OP_POW, base, b, AT_REAL, 7);
    }
    default: return a_piece(made(w, "2^-abs(%s)", a.text), 90, AT_REAL, 1);
    }
}

static piece a_quotient(writer *w, int depth) {
    piece a = expression(w, AT_REAL, depth - 1), b = expression(w, AT_REAL, depth - 1);
    if (w->wild && maybe(w->c, 50)) return joined(w, AT_OP_DIV, a, b, AT_REAL, INFINITY);
    if (maybe(w->c, 20)) {
        int by = 2 + choose(w->c, 3);
        return joined(w, AT_OP_DIV, a, a_piece(made(w, "%d", by), PRIMARY, AT_INT, by), AT_REAL,
                      a.high / by);
    }
    const char *under = maybe(w->c, 50) ? "(1.0 + abs(%s))" : "(0.5 + (%s)^2)";
    const char *text = under[1] == '1' ? made(w, "(1.0 + abs(%s))", b.text)
                                       : made(w, "(0.5 + (%s)^2)", b.text);
    return joined(w, AT_OP_DIV, a, a_piece(text, PRIMARY, AT_REAL, 1), AT_REAL, 2 * a.high);
}

static piece a_sum_or_product(writer *w, int depth) {
    static const at_op ops[] = {AT_OP_ADD, AT_OP_SUB, AT_OP_MUL};
    at_op op = ops[choose(w->c, 3)];
    /* One side may be an int, which becomes real. */
    int whole = maybe(w->c, 20) ? 1 + choose(w->c, 2) : 0;
    piece a = expression(w, whole == 1 ? AT_INT : AT_REAL, depth - 1);
    piece b = expression(w, whole == 2 ? AT_INT : AT_REAL, depth - 1);
    return joined(w, op, a, b, AT_REAL, op == AT_OP_MUL ? a.high * b.high : a.high + b.high);
}

static piece a_choice(writer *w, at_kind kind, int depth) {
    piece c = expression(w, AT_BOOL, depth - 1);
    w->unsure++;
    piece a = expression(w, kind, depth - 1), b = expression(w, kind, depth - 1);
    w->unsure--;
    piece p = a_piece(made(w, "if %s then %s else %s", c.text, a.text, b.text), CHOICE, kind,
                      a.high > b.high ? a.high : b.high);
    if (a.inside == b.inside) p.inside = a.inside;
    p.minus_one = a.minus_one || b.minus_one;
    return p;
}

static piece a_smaller_or_larger(writer *w, at_kind kind, int depth) {
    piece a = expression(w, kind, depth - 1), b = expression(w, kind, depth - 1);
    double high = a.high > b.high ? a.high : b.high;
    switch (choose(w->c, 3)) {
    case 0: return a_piece(made(w, "max(%s, %s)", a.text, b.text), PRIMARY, kind, high);
    case 1: return a_piece(made(w, "min(%s, %s)", a.text, b.text), PRIMARY, kind, high);
    default:
        return a_piece(kind == AT_INT ? made(w, "clamp(%s, -3, 4)", a.text)
                                      : made(w, "clamp(%s, -1.5, 2)", a.text),
                       PRIMARY, kind, kind == AT_INT ? 4 : 2);
    }
}

static piece a_real(writer *w, int depth) {
    static const int weights[] = {20, 25, 30, 10, 6, 6, 5, 4, 22, 10, 6, 6, 3, 3};
    piece p = {0}, a;
    switch (choose_weighted(w->c, weights, sizeof weights / sizeof *weights)) {
    case 0: break;
    case 1: return a_unary_real(w, depth);
    case 2: return a_sum_or_product(w, depth);
    case 3: return a_quotient(w, depth);
    case 4: return a_power(w, depth);
    case 5: return a_choice(w, AT_REAL, depth);
    case 6: return a_smaller_or_larger(w, AT_REAL, depth);
    case 7:
        a = expression(w, AT_REAL, depth - 1);
        return a_piece(made(w, "-%s", at_level(w, a, 80)), 80, AT_REAL, a.high);
    case 8: p = a_fold(w, AT_REAL, depth); break;
    case 9: p = a_running_fold(w, AT_REAL, depth); break;
    case 10: p = a_call(w, AT_REAL, 0, NULL, depth); break;
    case 11: p = an_option_call(w, AT_REAL, depth); break;
    case 12: /* nowhere near the cut, where the sign of a 0 decides */
        a = expression(w, AT_REAL, depth - 1);
        p = expression(w, AT_REAL, depth - 1);
        return a_piece(maybe(w->c, 50) ? made(w, "atan2(%s, 0.5 + abs(%s))", a.text, p.text)
                                       : made(w, "atan2(0.5 + abs(%s), %s)", a.text, p.text),
                       PRIMARY, AT_REAL, 3.2);
    default: return real_of(w, expression(w, maybe(w->c, 50) ? AT_BOOL : AT_INT, depth - 1));
    }
    return p.text ? p : leaf(w, AT_REAL, depth);
}

/* ---- ints ------------------------------------------------------------------------------------ */

static piece a_division(writer *w, int depth) {
    bool rest = maybe(w->c, 50);
    piece a = expression(w, AT_INT, depth - 1), b;
    if (maybe(w->c, 30)) {
        b = expression(w, AT_INT, depth - 1);
        b = a_piece(made(w, "(1 + abs(%s))", b.text), PRIMARY, AT_INT, b.high + 1);
    } else {
        int by = 2 + choose(w->c, 3);
        bool negative = maybe(w->c, 20);
        b = a_piece(made(w, negative ? "-%d" : "%d", by), negative ? 80 : PRIMARY, AT_INT, by);
    }
    return joined(w, rest ? AT_OP_MOD : AT_OP_IDIV, a, b, AT_INT, rest ? b.high : a.high + 1);
}

/* A whole number from a real, whatever the real is. */
static piece a_truncation(writer *w, int depth) {
    piece a = expression(w, AT_REAL, depth - 1);
    if (!w->wild) return a_piece(made(w, "int(%s)", a.text), PRIMARY, AT_INT, a.high + 1);
    return a_piece(made(w, "clamp(int(2.0 * %s), -3, 3)", at_level(w, a, 71)), PRIMARY, AT_INT, 3);
}

static piece an_int(writer *w, int depth) {
    static const int weights[] = {25, 25, 12, 5, 5, 6, 4, 12, 6, 4, 3, 3};
    static const at_op ops[] = {AT_OP_ADD, AT_OP_SUB, AT_OP_MUL};
    piece p = {0}, a, b;
    at_op op;
    switch (choose_weighted(w->c, weights, sizeof weights / sizeof *weights)) {
    case 0: break;
    case 1:
        op = ops[choose(w->c, 3)];
        a = expression(w, AT_INT, depth - 1), b = expression(w, AT_INT, depth - 1);
        return joined(w, op, a, b, AT_INT, op == AT_OP_MUL ? a.high * b.high : a.high + b.high);
    case 2: return a_division(w, depth);
    case 3: return a_choice(w, AT_INT, depth);
    case 4: return a_smaller_or_larger(w, AT_INT, depth);
    case 5: return a_truncation(w, depth);
    case 6:
        a = expression(w, AT_INT, depth - 1);
        if (maybe(w->c, 40)) return a_piece(made(w, "sign(%s)", a.text), PRIMARY, AT_INT, 1);
        if (maybe(w->c, 40)) return a_piece(made(w, "-%s", at_level(w, a, 80)), 80, AT_INT, a.high);
        if (maybe(w->c, 20)) return a_piece(made(w, "stop(%s)", a.text), PRIMARY, AT_INT, a.high);
        return a_piece(made(w, "abs(%s)", a.text), PRIMARY, AT_INT, a.high);
    case 7: p = a_fold(w, AT_INT, depth); break;
    case 8: p = a_running_fold(w, AT_INT, depth); break;
    case 9:
        a = tamed(w, expression(w, AT_INT, depth - 1), 6);
        return a_piece(made(w, "ipow(%s, %d)", a.text, choose(w->c, 4)), PRIMARY, AT_INT, 343);
    case 10: p = an_option_call(w, AT_INT, depth); break;
    default:
        if (w->axis_count) {
            const axis *x = &w->axes[choose(w->c, w->axis_count)];
            const scalar *s = find_scalar(w, x->name);
            if (!s || s->is_axis)
                return a_piece(made(w, "size(%s)", x->name), PRIMARY, AT_INT,
                               w->f->extents[x->extent].high);
        }
    }
    return p.text ? p : leaf(w, AT_INT, depth);
}

/* ---- bools ----------------------------------------------------------------------------------- */

static piece a_comparison(writer *w, int depth) {
    static const at_op ops[] = {AT_OP_LE, AT_OP_LT, AT_OP_GT, AT_OP_GE, AT_OP_EQ, AT_OP_NE};
    static const int kinds[] = {10, 45, 45};
    at_kind kind = (at_kind)choose_weighted(w->c, kinds, 3);
    at_op op = ops[kind == AT_BOOL ? 4 + choose(w->c, 2) : choose(w->c, 6)];
    piece a = expression(w, kind, depth - 1), b = expression(w, kind, depth - 1);
    if (kind == AT_REAL && maybe(w->c, 15)) b = expression(w, AT_INT, depth - 1);
    return joined(w, op, a, b, AT_BOOL, 1);
}

static piece a_bool(writer *w, int depth) {
    static const int weights[] = {20, 40, 12, 10, 10, 5, 5, 2};
    piece p = {0}, a, b;
    switch (choose_weighted(w->c, weights, sizeof weights / sizeof *weights)) {
    case 0: break;
    case 1: return a_comparison(w, depth);
    case 2:
        a = expression(w, AT_BOOL, depth - 1), b = expression(w, AT_BOOL, depth - 1);
        return joined(w, maybe(w->c, 40) ? AT_OP_OR : AT_OP_AND, a, b, AT_BOOL, 1);
    case 3:
        a = expression(w, AT_BOOL, depth - 1);
        return a_piece(made(w, "not %s", at_level(w, a, 40)), 40, AT_BOOL, 1);
    case 4: p = a_fold(w, AT_BOOL, depth); break;
    case 5: return a_choice(w, AT_BOOL, depth);
    case 6: p = an_option_call(w, AT_BOOL, depth); break;
    default: return a_piece("training", PRIMARY, AT_BOOL, 1);
    }
    return p.text ? p : leaf(w, AT_BOOL, depth);
}

piece expression(writer *w, at_kind kind, int depth) {
    int span = span_begin(w->c, SPAN_EXPRESSION);
    piece p;
    if (depth <= 0 || --w->fuel <= 0) {
        p = leaf(w, kind, depth);
    } else if (kind == AT_REAL) {
        p = a_real(w, depth);
    } else {
        p = kind == AT_INT ? an_int(w, depth) : a_bool(w, depth);
    }
    span_end(w->c, span);
    if (kind == AT_REAL) p = tamed(w, p, 100);
    if (kind == AT_INT) p = tamed(w, p, 1e6);
    return p;
}
