/* Expressions and whole cascades as text: precedence, conversions, names, layout. What is printed
 * must read back to the same tree; a reader written for this test says whether it does. */
#define _POSIX_C_SOURCE 200809L
#include "ir_demo.h"
#include "ir_reader.h"

#include <math.h>

#define ADD(a, b) op2(w, AT_OP_ADD, a, b)
#define SUB(a, b) op2(w, AT_OP_SUB, a, b)
#define MUL(a, b) op2(w, AT_OP_MUL, a, b)
#define DIV(a, b) op2(w, AT_OP_DIV, a, b)
#define IDIV(a, b) op2(w, AT_OP_IDIV, a, b)
#define MOD(a, b) op2(w, AT_OP_MOD, a, b)
#define POW(a, b) op2(w, AT_OP_POW, a, b)
#define NEG(a) op1(w, AT_OP_NEG, a)
#define AND(a, b) op2(w, AT_OP_AND, a, b)
#define OR(a, b) op2(w, AT_OP_OR, a, b)
#define NOT(a) op1(w, AT_OP_NOT, a)
#define LT(a, b) op2(w, AT_OP_LT, a, b)
#define EQ(a, b) op2(w, AT_OP_EQ, a, b)
#define IF(a, b, c) op3(w, AT_OP_IF, a, b, c)
#define REAL(a) op1(w, AT_OP_TO_REAL, a)
#define MAX(a, b) op2(w, AT_OP_MAX, a, b)

/* Axes i, j, n and arrays x[n], y, z (reals), a[n], m (ints), p, q (bools), two[i,j]. */
typedef struct {
    at_axis *i, *j, *n;
    at_array *x, *y, *z, *a, *m, *p, *q, *two;
} scene;

static scene make_scene(world *w) {
    scene v = {axis(w, "i", NULL), axis(w, "j", NULL), axis(w, "n", NULL),
               NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    v.x = array(w, "x", AT_INPUT, AT_REAL, 1, v.n);
    v.y = array(w, "y", AT_INPUT, AT_REAL, 0);
    v.z = array(w, "z", AT_INPUT, AT_REAL, 0);
    v.a = array(w, "a", AT_INPUT, AT_INT, 1, v.n);
    v.m = array(w, "m", AT_INPUT, AT_INT, 0);
    v.p = array(w, "p", AT_INPUT, AT_BOOL, 0);
    v.q = array(w, "q", AT_INPUT, AT_BOOL, 0);
    v.two = array(w, "two", AT_INPUT, AT_REAL, 2, v.i, v.j);
    return v;
}

typedef struct {
    const at_expr *e;
    const char *text;
} row;

/* Each tree prints as its text, and the text reads back to the tree (unless the row says how). */
static void check_rows(world *w, const row *rows, size_t count, bool reads_back) {
    for (size_t i = 0; i < count; i++) {
        const char *text = text_of(w, rows[i].e);
        if (strcmp(text, rows[i].text) != 0)
            fail_msg("row %zu: `%s` was printed as `%s`", i, rows[i].text, text);
        reader r;
        const at_expr *back = read_back(w, text, &r);
        if (!back) fail_msg("row %zu: `%s` does not read", i, text);
        if (reads_back && !at_same(back, rows[i].e))
            fail_msg("row %zu: `%s` reads back as `%s`", i, text, text_of(w, back));
        assert_string_equal(text_of(w, back), text);
    }
}
#define CHECK_ROWS(rows) check_rows(w, rows, sizeof(rows) / sizeof *(rows), true)

static void parentheses_stand_only_where_they_are_needed(void **state) {
    world *w = *state;
    scene v = make_scene(w);
    const at_expr *x = READ(w, v.x, X(w, v.i)), *y = READ0(w, v.y), *z = READ0(w, v.z);
    const at_expr *p = READ0(w, v.p), *q = READ0(w, v.q), *m = READ0(w, v.m), *i = X(w, v.i);
    const row rows[] = {
        {ADD(ADD(x, y), z), "x[i] + y + z"},
        {ADD(x, ADD(y, z)), "x[i] + (y + z)"},
        {SUB(x, SUB(y, z)), "x[i] - (y - z)"},
        {SUB(SUB(x, y), z), "x[i] - y - z"},
        {ADD(x, MUL(y, z)), "x[i] + y * z"},
        {MUL(ADD(x, y), z), "(x[i] + y) * z"},
        {MUL(x, MUL(y, z)), "x[i] * (y * z)"},
        {DIV(MUL(x, y), z), "x[i] * y / z"},
        {MUL(x, DIV(y, z)), "x[i] * (y / z)"},
        {DIV(x, MUL(y, z)), "x[i] / (y * z)"},
        {MOD(IDIV(i, I(w, 8)), I(w, 2)), "i // 8 % 2"},
        {IDIV(i, MOD(m, I(w, 2))), "i // (m % 2)"},
        {POW(x, POW(y, z)), "x[i]^y^z"},
        {POW(POW(x, y), z), "(x[i]^y)^z"},
        {MUL(POW(x, y), z), "x[i]^y * z"},
        {POW(MUL(x, y), z), "(x[i] * y)^z"},
        {POW(x, MUL(y, z)), "x[i]^(y * z)"},
        {NEG(POW(x, R(w, 2))), "-x[i]^2.0"},
        {POW(NEG(x), R(w, 2)), "(-x[i])^2.0"},
        {POW(R(w, 2), NEG(x)), "2.0^-x[i]"},
        {POW(R(w, 2), NEG(POW(x, y))), "2.0^-x[i]^y"},
        {MUL(NEG(x), y), "-x[i] * y"},
        {NEG(MUL(x, y)), "-(x[i] * y)"},
        {MUL(x, NEG(y)), "x[i] * -y"},
        {SUB(x, NEG(y)), "x[i] - -y"},
        {NEG(NEG(x)), "-(-x[i])"},
        {NEG(ADD(x, y)), "-(x[i] + y)"},
        {ADD(NEG(x), y), "-x[i] + y"},
        {LT(ADD(i, I(w, 1)), m), "i + 1 < m"},
        {EQ(LT(i, m), p), "(i < m) == p"},
        {EQ(p, LT(i, m)), "p == (i < m)"},
        {EQ(AND(p, q), p), "(p and q) == p"},
        {NOT(LT(i, m)), "not i < m"},
        {EQ(NOT(p), q), "(not p) == q"},
        {NOT(EQ(p, q)), "not p == q"},
        {NOT(NOT(p)), "not (not p)"},
        {AND(NOT(p), q), "not p and q"},
        {NOT(AND(p, q)), "not (p and q)"},
        {OR(AND(p, q), p), "p and q or p"},
        {AND(OR(p, q), p), "(p or q) and p"},
        {AND(p, OR(q, p)), "p and (q or p)"},
        {AND(p, AND(q, p)), "p and (q and p)"},
        {AND(AND(p, q), p), "p and q and p"},
        {OR(p, OR(q, p)), "p or (q or p)"},
        {IF(p, x, y), "if p then x[i] else y"},
        {IF(p, x, IF(q, y, z)), "if p then x[i] else if q then y else z"},
        {IF(p, IF(q, x, y), z), "if p then (if q then x[i] else y) else z"},
        {IF(IF(p, q, p), x, y), "if (if p then q else p) then x[i] else y"},
        {ADD(x, IF(p, y, z)), "x[i] + (if p then y else z)"},
        {ADD(IF(p, y, z), x), "(if p then y else z) + x[i]"},
        {IF(p, x, ADD(y, z)), "if p then x[i] else y + z"},
        {NEG(IF(p, x, y)), "-(if p then x[i] else y)"},
        {OR(p, IF(p, q, q)), "p or (if p then q else q)"},
        {op1(w, AT_OP_EXP, IF(p, x, y)), "exp(if p then x[i] else y)"},
        {op1(w, AT_OP_STOP, ADD(x, y)), "stop(x[i] + y)"},
        {op3(w, AT_OP_CLAMP, SUB(x, y), y, z), "clamp(x[i] - y, y, z)"},
        {POW(op1(w, AT_OP_EXP, x), y), "exp(x[i])^y"},
    };
    CHECK_ROWS(rows);
}

static void constants_print_so_that_they_read_back(void **state) {
    world *w = *state;
    scene v = make_scene(w);
    const at_expr *x = READ(w, v.x, X(w, v.i)), *m = READ0(w, v.m);
    const row rows[] = {
        {I(w, 3), "3"},
        {I(w, -3), "-3"},
        {R(w, 3), "3.0"},
        {R(w, -0.0), "-0.0"},
        {R(w, 1e6), "1e6"},
        {R(w, -1e-6), "-1e-6"},
        {R(w, 0.1), "0.1"},
        {R(w, INFINITY), "inf"},
        {R(w, -INFINITY), "-inf"},
        {B(w, true), "true"},
        {I(w, INT64_MAX), "9223372036854775807"},
        {MUL(m, I(w, -1)), "m * -1"},
        {MUL(I(w, -1), m), "-1 * m"},
        {SUB(m, I(w, -1)), "m - -1"},
        {POW(R(w, -2), x), "(-2.0)^x[i]"},
        {NEG(POW(R(w, 2), x)), "-2.0^x[i]"},
        {POW(x, R(w, -2)), "x[i]^-2.0"},
        {POW(R(w, INFINITY), x), "inf^x[i]"},
        {POW(R(w, -INFINITY), x), "(-inf)^x[i]"},
        {READ(w, v.x, I(w, -1)), "x[-1]"},
    };
    CHECK_ROWS(rows);
    /* Without a word of their own: the text reads back to another tree of the same value. */
    const row others[] = {
        {I(w, INT64_MIN), "-9223372036854775807 - 1"},
        {MUL(m, I(w, INT64_MIN)), "m * (-9223372036854775807 - 1)"},
        {NEG(I(w, INT64_MIN)), "-(-9223372036854775807 - 1)"},
        {R(w, NAN), "inf - inf"},
        {MUL(x, R(w, NAN)), "x[i] * (inf - inf)"},
    };
    check_rows(w, others, sizeof others / sizeof *others, false);
}

static void conversions_are_left_out_where_the_reader_adds_them(void **state) {
    world *w = *state;
    scene v = make_scene(w);
    const at_expr *x = READ(w, v.x, X(w, v.i)), *y = READ0(w, v.y), *p = READ0(w, v.p);
    const at_expr *i = X(w, v.i), *m = READ0(w, v.m), *ri = REAL(i), *rm = REAL(m);
    const row rows[] = {
        {op1(w, AT_OP_SQRT, REAL(S(w, v.n))), "sqrt(size(n))"},
        {DIV(ri, rm), "i / m"},
        {POW(ri, R(w, 2)), "i^2.0"},
        {POW(REAL(I(w, 2)), rm), "2.0^m"},
        {POW(REAL(ADD(i, m)), rm), "(i + m)^m"},
        {op2(w, AT_OP_ATAN2, ri, x), "atan2(i, x[i])"},
        {MUL(x, ri), "x[i] * i"},
        {MUL(ri, x), "i * x[i]"},
        {MUL(x, REAL(ADD(i, m))), "x[i] * (i + m)"},
        {MUL(ri, rm), "real(i) * m"},
        {REAL(MUL(i, m)), "real(i * m)"},
        {MUL(ri, R(w, 2)), "i * 2.0"},
        {LT(ri, x), "i < x[i]"},
        {LT(ri, rm), "real(i) < m"},
        {EQ(x, ri), "x[i] == i"},
        {MAX(ri, rm), "max(real(i), m)"},
        {MAX(x, rm), "max(x[i], m)"},
        {op3(w, AT_OP_CLAMP, ri, rm, x), "clamp(i, m, x[i])"},
        {op3(w, AT_OP_CLAMP, ri, rm, rm), "clamp(real(i), m, m)"},
        {IF(p, ri, x), "if p then i else x[i]"},
        {IF(p, ri, rm), "if p then real(i) else m"},
        {IF(p, x, ADD(ri, rm)), "if p then x[i] else real(i) + m"},
        {ADD(x, IF(p, ri, rm)), "x[i] + (if p then real(i) else m)"},
        {NEG(ri), "-real(i)"},
        {op1(w, AT_OP_ABS, ri), "abs(real(i))"},
        {op1(w, AT_OP_STOP, ri), "stop(real(i))"},
        {ri, "real(i)"},
        {REAL(p), "real(p)"},
        {MUL(x, REAL(p)), "x[i] * real(p)"},
        {MUL(REAL(p), ri), "real(p) * i"},
        {op1(w, AT_OP_SQRT, REAL(p)), "sqrt(real(p))"},
        {REAL(I(w, INT64_MAX)), "real(9223372036854775807)"},
        {ADD(MUL(ri, y), rm), "i * y + m"},
        {ADD(ADD(ri, rm), x), "real(i) + m + x[i]"},
        {op1(w, AT_OP_TO_INT, x), "int(x[i])"},
        {op1(w, AT_OP_TO_INT, MUL(ri, R(w, 0.5))), "int(i * 0.5)"},
        {fold1(w, AT_FOLD_MEAN, v.j, NULL, REAL(X(w, v.j))), "mean[j](j)"},
        {fold1(w, AT_FOLD_LOGSUMEXP, v.j, NULL, REAL(X(w, v.j))), "logsumexp[j](j)"},
        {fold1(w, AT_FOLD_SUM, v.j, NULL, REAL(X(w, v.j))), "sum[j](real(j))"},
        {fold1(w, AT_FOLD_MEAN, v.j, NULL, REAL(LT(X(w, v.j), i))), "mean[j](real(j < i))"},
        {read_or(w, v.x, ri, SUB(i, I(w, 1))), "x[i - 1 | real(i)]"},
    };
    CHECK_ROWS(rows);
}

static void reads_and_folds_print_like_the_page(void **state) {
    world *w = *state;
    scene v = make_scene(w);
    const at_expr *i = X(w, v.i), *j = X(w, v.j), *p = READ0(w, v.p);
    at_axis *both[] = {v.j, v.n};
    const at_expr *shifted = ADD(MUL(i, I(w, 8)), j);
    const row rows[] = {
        {READ(w, v.two, i, j), "two[i,j]"},
        {READ(w, v.two, I(w, 0), j), "two[0,j]"},
        {READ(w, v.two, SUB(i, I(w, 1)), j), "two[i - 1, j]"},
        {READ(w, v.two, READ(w, v.a, j), j), "two[a[j], j]"},
        {READ(w, v.two, i, S(w, v.n)), "two[i, size(n)]"},
        {read_or(w, v.two, R(w, 0), i, j), "two[i,j | 0.0]"},
        {read_or(w, v.x, IF(p, R(w, 0), R(w, 1)), shifted),
         "x[i * 8 + j | if p then 0.0 else 1.0]"},
        {read_or(w, v.x, read_or(w, v.x, R(w, 0), i), j), "x[j | x[i | 0.0]]"},
        {fold1(w, AT_FOLD_SUM, v.j, NULL, READ(w, v.two, i, j)), "sum[j](two[i,j])"},
        {at_fold_node(w->s, AT_FOLD_MAX, both, 2, OR(LT(j, i), p), READ(w, v.two, i, j),
                      at_no_span()),
         "max[j,n where j < i or p](two[i,j])"},
        {fold1(w, AT_FOLD_COUNT, v.j, IF(p, p, LT(j, i)), I(w, 1)),
         "count[j where if p then p else j < i](1)"},
        {MUL(fold1(w, AT_FOLD_MIN, v.j, NULL, j), I(w, 2)), "min[j](j) * 2"},
    };
    CHECK_ROWS(rows);
}

/* ---- any tree -------------------------------------------------------------------------------- */

typedef struct {
    world *w;
    scene v;
    uint64_t seed;
} chance;

static unsigned draw(chance *c, unsigned below) {
    c->seed = c->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(c->seed >> 33) % below;
}

static const at_expr *any_tree(chance *c, at_kind kind, int depth);

static const at_expr *any_leaf(chance *c, at_kind kind) {
    world *w = c->w;
    unsigned which = draw(c, 4);
    if (kind == AT_BOOL) return READ0(w, which & 1 ? c->v.p : c->v.q);
    if (kind == AT_REAL) {
        if (which == 0) return R(w, (double)draw(c, 9) / 2 - 2);
        return which == 1 ? READ(w, c->v.x, X(w, c->v.i)) : READ0(w, which & 1 ? c->v.y : c->v.z);
    }
    if (which == 0) return I(w, (int64_t)draw(c, 9) - 4);
    if (which == 1) return S(w, c->v.n);
    return which == 2 ? X(w, c->v.i) : READ0(w, c->v.m);
}

static const at_expr *any_fold(chance *c, at_kind kind, int depth) {
    at_fold fold = kind == AT_BOOL ? AT_FOLD_ANY : AT_FOLD_SUM;
    if (kind == AT_REAL && draw(c, 2)) fold = AT_FOLD_MEAN;
    const at_expr *guard = draw(c, 2) ? any_tree(c, AT_BOOL, depth - 1) : NULL;
    return fold1(c->w, fold, c->v.j, guard, any_tree(c, kind, depth - 1));
}

/* An operation that gives `kind`, with arguments of the kinds that it takes. */
static const at_expr *any_tree(chance *c, at_kind kind, int depth) {
    if (depth == 0 || draw(c, 8) == 0) return any_leaf(c, kind);
    if (draw(c, 12) == 0) return any_fold(c, kind, depth);
    if (kind == AT_REAL && draw(c, 3) == 0)
        return at_as_real(c->w->s, any_tree(c, AT_INT, depth - 1));
    for (;;) {
        at_op op = (at_op)draw(c, AT_OPS);
        at_rule rule = at_op_info(op)->rule;
        at_kind inside = kind;
        if (rule == AT_RULE_TO_REAL || rule == AT_RULE_TO_INT) continue;
        if (rule == AT_RULE_REAL && kind != AT_REAL) continue;
        if (rule == AT_RULE_INT && kind != AT_INT) continue;
        if (rule == AT_RULE_SAME && kind == AT_BOOL) continue;
        if ((rule == AT_RULE_LOGIC || rule == AT_RULE_COMPARE) && kind != AT_BOOL) continue;
        if (rule == AT_RULE_COMPARE) inside = draw(c, 2) ? AT_INT : AT_REAL;
        /* Named functions are many and print alike: symbols are what this is about. */
        if (at_op_info(op)->level == 0 && draw(c, 6)) continue;
        const at_expr *args[3] = {0};
        for (int i = 0; i < at_op_info(op)->arity; i++) {
            at_kind k = rule == AT_RULE_CHOOSE && i == 0 ? AT_BOOL : inside;
            args[i] = any_tree(c, k, depth - 1);
        }
        return op3(c->w, op, args[0], args[1], args[2]);
    }
}

/* Without a pair of parentheses the text must mean something else. Those around a minus, a `not` or
 * an `if` are left: some stand for clarity (`-(-x)`, an `if` in a condition). */
static void check_minimal(world *w, const at_expr *e, const char *text, const reader *r) {
    size_t length = strlen(text);
    for (int i = 0; i < r->pair_count; i++) {
        size_t open = r->pairs[i].open, close = r->pairs[i].close;
        const char *inside = text + open + 1;
        if (*inside == '-' || !strncmp(inside, "not ", 4) || !strncmp(inside, "if ", 3)) continue;
        char *less = at_copy_text(w->s->arena, text, length);
        less[open] = less[close] = ' ';
        reader again;
        const at_expr *other = read_back(w, less, &again);
        if (other && at_same(other, e)) fail_msg("`%s` needs no parentheses at %zu", text, open);
    }
}

static void any_tree_reads_back_and_has_no_needless_parentheses(void **state) {
    world *w = *state;
    chance c = {w, make_scene(w), 7};
    for (int i = 0; i < 3000; i++) {
        const at_expr *e = any_tree(&c, (at_kind)draw(&c, 3), 5);
        const char *text = text_of(w, e);
        reader r;
        const at_expr *back = read_back(w, text, &r);
        if (!back) fail_msg("tree %d: `%s` does not read, from `%s`", i, text, r.at);
        if (!at_same(back, e)) fail_msg("tree %d: `%s` reads as `%s`", i, text, text_of(w, back));
        check_minimal(w, e, text, &r);
    }
}

static void the_reader_of_this_test_is_strict(void **state) {
    world *w = *state;
    make_scene(w);
    static const char *const bad[] = {
        "1 < 2 < 3", "m == not p", "2 + if p then 1 else 2", "y^2.0 2.0", "(m", "p and m",
        "x[y]", "m + p", "nobody", "-if p then 1 else 2",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        reader r;
        if (read_back(w, bad[i], &r)) fail_msg("`%s` was read", bad[i]);
    }
    reader r;
    assert_true(at_same(read_back(w, "-y^2", &r),
                        NEG(POW(read_back(w, "y", &r), R(w, 2)))));
}

/* ---- names ----------------------------------------------------------------------------------- */

static void names_that_are_no_plain_paths_are_quoted(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"x", "x"},
        {"encoder.w", "encoder.w"},
        {"x'2", "x'2"},
        {"block.x'12.y", "block.x'12.y"},
        {"_a1", "_a1"},
        {"block[3].w", "`block[3].w`"},
        {"block[].w", "`block[].w`"},
        {"attention#2", "`attention#2`"},
        {"next", "`next`"},
        {"a.size", "`a.size`"},
        {"sizes", "sizes"},
        {"x'", "`x'`"},
        {"x'2a", "`x'2a`"},
        {"2x", "`2x`"},
        {"a..b", "`a..b`"},
        {"a.", "`a.`"},
        {".a", "`.a`"},
        {"", "``"},
        {"größe", "`größe`"},
        {"inf", "`inf`"},
        {"training", "`training`"},
        {"inf.x", "inf.x"},
        {"if'2", "`if'2`"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        at_text out = {0};
        at_ir_print_name(rows[i].name, &out);
        assert_string_equal(out.data, rows[i].text);
        at_text_free(&out);
    }
}

/* ---- cascades -------------------------------------------------------------------------------- */

static void check_text(world *w, const char *expected) {
    at_text out = {0};
    at_ir_print(&w->cascade, &out);
    assert_string_equal(out.data, expected);
    at_text_free(&out);
}

static void a_whole_function_prints_in_order(void **state) {
    world *w = *state;
    make_demo(w);
    at_ir_verify(w->s, &w->cascade);
    check_text(w,
        "## A page of everything.\n"
        "##\n"
        "## And a second line.\n"
        "fn main(q[i,d], k[j,d], keep[j]: bool, ids[i]: index j, n: int, gate) -> "
        "o[i,d], lse[i] {\n"
        "  axis m = 4\n"
        "  axis u as i\n"
        "  axis half = size(d) // 2\n"
        "  axis r = 2\n"
        "  axis l = 3\n"
        "  axis t = 3\n"
        "  require size(j) == 8\n"
        "  require size(d) % 2 == 0\n"
        "  param `block[].w`[l,d] ~ normal(0.0, 0.02)\n"
        "  param bias[d] = 0.0\n"
        "  state seen: int = 0\n"
        "  state mean_q[d] = 0.0\n"
        "  s[i,j] = sum[d](q[i,d] * k[j,d]) / sqrt(size(d))\n"
        "  p[i,j], z[i,m] = softmax[j where keep[j] and j <= i; m](s[i,j]; m)\n"
        "  idx[i,r] = topk[j where keep[j]](s[i,j])\n"
        "  run[i,j] = cumsum[j down](p[i,j])\n"
        "  rate[t] = table(1.0, 2.0, 4.0)\n"
        "  e[i,d] ~ normal(0.0, 1.0)\n"
        "  x[i,d] = e[i,d] + bias[d]\n"
        "  repeat l < 3 while gate > 0.0 {\n"
        "    x[i,d] = x[i,d] * `block[].w`[l,d]\n"
        "  }\n"
        "  scan i down {\n"
        "    h[i,d] = 0.5 * h[i + 1, d | 0.0] + x[i,d]\n"
        "  }\n"
        "  loss = sum[u,d](h[u,d])\n"
        "  g = grad(loss, e)\n"
        "  each[i] = sum[d](e[i,d]^2.0)\n"
        "  part[u] = grad(each[u], e[u])\n"
        "  o[i,d] = g[i,d] + part[i,d]\n"
        "  lse[i] = logsumexp[j where keep[j]](s[i,j])\n"
        "  next seen = seen + 1\n"
        "  next mean_q[d] = 0.9 * mean_q[d] + 0.1 * mean[i](q[i,d])\n"
        "}\n");
}

/* In the order of the text, whatever ids they have, and before params. */
static void cotangents_are_named_once(void **state) {
    world *w = *state;
    demo_arrays a = make_demo(w);
    a.gate->cotangent = a.z->cotangent = a.h->cotangent = true;
    a.x->cotangent = a.inside->cotangent = a.next->cotangent = a.after->cotangent = true;
    at_statement **body = w->cascade.body.items;
    at_array *late = array(w, "block[].dp", AT_DEFINED, AT_REAL, 0);
    late->cotangent = true;
    add(w, equation(w, late, R(w, 0)));
    int last = w->cascade.body.count - 1;
    at_statement *first = body[last];
    memmove(body + 1, body, sizeof *body * (size_t)last);
    body[0] = first;
    at_ir_verify(w->s, &w->cascade);
    at_text out = {0};
    at_ir_print(&w->cascade, &out);
    assert_non_null(strstr(out.data, "  require size(d) % 2 == 0\n"
                                     "  cotangent gate, `block[].dp`, z, x, h\n"
                                     "  param `block[].w`[l,d]"));
    at_text_free(&out);
}

static void a_fixed_extent_is_required_once(void **state) {
    world *w = *state;
    at_axis *n = axis(w, "n", NULL), *c = axis(w, "c", NULL);
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 2, n, c);
    at_array *y = array(w, "y", AT_DEFINED, AT_REAL, 2, n, c);
    add(w, equation(w, y, own(w, x)));
    w->outputs[w->cascade.output_count++] = (at_output){"y", y};
    c->fixed = 8;
    w->requires[w->cascade.require_count++] = (at_require){.condition = LT(S(w, n), I(w, 9))};
    w->requires[w->cascade.require_count++] = (at_require){.condition = EQ(S(w, c), I(w, 8))};
    at_ir_verify(w->s, &w->cascade);
    check_text(w, "fn main(x[n,c]) -> y[n,c] {\n"
                  "  require size(c) == 8\n"
                  "  require size(n) < 9\n"
                  "  y[n,c] = x[n,c]\n"
                  "}\n");
}

static void a_law_prints_its_draws_and_assertions(void **state) {
    world *w = *state;
    at_axis *n = axis(w, "n", NULL);
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 1, n);
    at_array *keep = array(w, "keep", AT_INPUT, AT_BOOL, 1, n);
    at_array *y = array(w, "y", AT_DEFINED, AT_REAL, 1, n);
    w->inputs[0].draw = AT_DRAW_NORMAL;
    w->inputs[0].args[0] = R(w, 0);
    w->inputs[0].args[1] = R(w, 2);
    w->inputs[1].draw = AT_DRAW_BERNOULLI;
    w->inputs[1].args[0] = R(w, 0.5);
    w->cascade.law = true;
    w->cascade.name = "doubling";
    add(w, equation(w, y, MUL(own(w, x), R(w, 2))));
    at_statement *a = statement(w, AT_ASSERT, NULL);
    a->u.assertion.op = AT_OP_EQ;
    a->u.assertion.count = 1;
    a->u.assertion.axes = y->axes;
    a->u.assertion.left = own(w, y);
    a->u.assertion.right = ADD(own(w, x), own(w, x));
    a->u.assertion.tolerance = 1e-6;
    add(w, a);
    at_statement *b = AT_NEW(w->s->arena, at_statement);
    *b = *a;
    b->u.assertion.left = OR(own(w, keep), B(w, true));
    b->u.assertion.right = OR(own(w, keep), NOT(own(w, keep)));
    b->u.assertion.tolerance = -1;
    add(w, b);
    at_ir_verify(w->s, &w->cascade);
    check_text(w, "law doubling(x[n] ~ normal(0.0, 2.0), keep[n]: bool ~ bernoulli(0.5)) {\n"
                  "  y[n] = x[n] * 2.0\n"
                  "  y[n] == x[n] + x[n] within 1e-6\n"
                  "  (keep[n] or true) == (keep[n] or not keep[n])\n"
                  "}\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(parentheses_stand_only_where_they_are_needed),
        TEST(constants_print_so_that_they_read_back),
        TEST(conversions_are_left_out_where_the_reader_adds_them),
        TEST(reads_and_folds_print_like_the_page),
        TEST(any_tree_reads_back_and_has_no_needless_parentheses),
        TEST(the_reader_of_this_test_is_strict),
        TEST(names_that_are_no_plain_paths_are_quoted),
        TEST(a_whole_function_prints_in_order),
        TEST(cotangents_are_named_once),
        TEST(a_fixed_extent_is_required_once),
        TEST(a_law_prints_its_draws_and_assertions),
    };
    return cmocka_run_group_tests_name("ir print", tests, NULL, NULL);
}
