/* Expressions of the cascade: tables, makers and their kinds, equality, constants, walking,
 * rewriting and substitution. */
#define _POSIX_C_SOURCE 200809L
#include "ir_fixture.h"

#include <math.h>

/* ---- tables ---------------------------------------------------------------------------------- */

static void every_row_is_found_by_its_word(void **state) {
    (void)state;
    for (int i = 0; i < AT_OPS; i++) {
        const at_op_row *row = at_op_info((at_op)i);
        assert_in_range(row->arity, 1, 3);
        if (row->level == 0) assert_int_equal(at_op_find(row->text), i);
    }
    assert_int_equal(at_op_find("exp"), AT_OP_EXP);
    assert_int_equal(at_op_find("+"), -1);
    assert_int_equal(at_op_find("if"), -1);
    assert_int_equal(at_op_find("sofmax"), -1);
    for (int i = 0; i < AT_FOLDS; i++)
        assert_int_equal(at_fold_find(at_fold_info((at_fold)i)->text), i);
    for (int i = 0; i < AT_DRAWS; i++)
        assert_int_equal(at_draw_find(at_draw_info((at_draw)i)->text), i);
    assert_int_equal(at_fold_find("min"), AT_FOLD_MIN);
    assert_int_equal(at_op_find("min"), AT_OP_MIN);
    assert_int_equal(at_draw_find("gaussian"), -1);
}

static void rows_keep_their_c_text_unexpanded(void **state) {
    (void)state;
    assert_string_equal(at_op_info(AT_OP_MIN)->c, "isnan(a) || a <= b ? a : b");
    assert_string_equal(at_op_info(AT_OP_ATAN2)->c, "atan2(a, b)");
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static void nodes_get_the_kind_of_their_rule(void **state) {
    world *w = *state;
    const at_expr *n = X(w, axis(w, "n", NULL)), *x = R(w, 2.5), *b = B(w, true);
    const at_expr *less = op2(w, AT_OP_LT, n, I(w, 3));
    assert_int_equal(op2(w, AT_OP_ADD, n, n)->kind, AT_INT);
    assert_int_equal(op2(w, AT_OP_ADD, x, x)->kind, AT_REAL);
    assert_int_equal(op2(w, AT_OP_IDIV, n, n)->kind, AT_INT);
    assert_int_equal(op2(w, AT_OP_DIV, x, x)->kind, AT_REAL);
    assert_int_equal(less->kind, AT_BOOL);
    assert_int_equal(op2(w, AT_OP_EQ, b, b)->kind, AT_BOOL);
    assert_int_equal(op3(w, AT_OP_IF, less, n, n)->kind, AT_INT);
    assert_int_equal(op1(w, AT_OP_STOP, less)->kind, AT_BOOL);
    assert_int_equal(op1(w, AT_OP_TO_REAL, less)->kind, AT_REAL);
    assert_int_equal(op1(w, AT_OP_TO_INT, x)->kind, AT_INT);
    assert_int_equal(op1(w, AT_OP_ABS, n)->kind, AT_INT);
    at_axis *j = axis(w, "j", NULL);
    assert_int_equal(fold1(w, AT_FOLD_SUM, j, NULL, n)->kind, AT_INT);
    assert_int_equal(fold1(w, AT_FOLD_SUM, j, NULL, x)->kind, AT_REAL);
    assert_int_equal(fold1(w, AT_FOLD_ARGMAX, j, NULL, x)->kind, AT_INT);
    assert_int_equal(fold1(w, AT_FOLD_COUNT, j, NULL, x)->kind, AT_INT);
    assert_int_equal(fold1(w, AT_FOLD_ANY, j, NULL, less)->kind, AT_BOOL);
}

static void add_int_and_real(world *w) { op2(w, AT_OP_ADD, I(w, 1), R(w, 1)); }
static void root_of_int(world *w) { op1(w, AT_OP_SQRT, I(w, 1)); }
static void add_bools(world *w) { op2(w, AT_OP_ADD, B(w, 0), B(w, 1)); }
static void order_bools(world *w) { op2(w, AT_OP_LT, B(w, 0), B(w, 1)); }
static void int_of_bool(world *w) { op1(w, AT_OP_TO_INT, B(w, 1)); }
static void one_argument_of_two(world *w) { op1(w, AT_OP_ADD, I(w, 1)); }
static void if_with_two_kinds(world *w) { op3(w, AT_OP_IF, B(w, 1), I(w, 1), R(w, 1)); }
static void mean_of_int(world *w) { fold1(w, AT_FOLD_MEAN, axis(w, "j", NULL), NULL, I(w, 1)); }
static void sum_of_bool(world *w) { fold1(w, AT_FOLD_SUM, axis(w, "j", NULL), NULL, B(w, 1)); }
static void softmax_as_a_node(world *w) {
    fold1(w, AT_FOLD_SOFTMAX, axis(w, "j", NULL), NULL, R(w, 1));
}
static void real_index(world *w) {
    READ(w, array(w, "x", AT_INPUT, AT_REAL, 1, axis(w, "n", NULL)), R(w, 1));
}

static void nodes_of_wrong_kinds_are_refused(void **state) {
    world *w = *state;
    stops_with(w, add_int_and_real, "all_of_kind");
    stops_with(w, root_of_int, "all_of_kind");
    stops_with(w, add_bools, "kind != AT_BOOL");
    stops_with(w, order_bools, "op == AT_OP_EQ");
    stops_with(w, int_of_bool, "kind != AT_BOOL");
    stops_with(w, one_argument_of_two, "args[i] != NULL");
    stops_with(w, if_with_two_kinds, "args[1]->kind == args[2]->kind");
    stops_with(w, mean_of_int, "body == AT_REAL");
    stops_with(w, sum_of_bool, "body != AT_BOOL");
    stops_with(w, softmax_as_a_node, "AT_FORM_REMOVE");
    stops_with(w, real_index, "index[i]->kind == AT_INT");
}

static void only_what_printing_needs_is_folded(void **state) {
    world *w = *state;
    const at_expr *n = X(w, axis(w, "n", NULL)), *t = B(w, true), *f = B(w, false);
    const at_expr *less = op2(w, AT_OP_LT, n, I(w, 3));
    const at_expr *fails = op2(w, AT_OP_EQ, op2(w, AT_OP_MOD, I(w, 1), n), I(w, 0));
    assert_true(at_same(op1(w, AT_OP_NEG, I(w, 3)), I(w, -3)));
    assert_true(at_same(op1(w, AT_OP_NEG, R(w, 0)), R(w, -0.0)));
    assert_int_equal(op1(w, AT_OP_NEG, I(w, INT64_MIN))->tag, AT_MAP);
    assert_int_equal(op2(w, AT_OP_ADD, I(w, 1), I(w, 2))->tag, AT_MAP);
    assert_true(at_same(op1(w, AT_OP_TO_REAL, I(w, 3)), R(w, 3)));
    assert_int_equal(op1(w, AT_OP_TO_REAL, I(w, INT64_C(9007199254740993)))->tag, AT_MAP);
    assert_int_equal(op1(w, AT_OP_TO_REAL, I(w, INT64_MAX))->tag, AT_MAP);
    assert_true(at_same(op1(w, AT_OP_TO_REAL, I(w, INT64_MIN)), R(w, -0x1p63)));
    assert_ptr_equal(op1(w, AT_OP_TO_INT, n), n);
    assert_ptr_equal(op2(w, AT_OP_AND, t, less), less);
    assert_ptr_equal(op2(w, AT_OP_AND, less, t), less);
    assert_ptr_equal(op2(w, AT_OP_AND, f, fails), f);
    assert_ptr_equal(op2(w, AT_OP_AND, less, f), f);
    assert_int_equal(op2(w, AT_OP_AND, fails, f)->tag, AT_MAP); /* the error stays */
    assert_ptr_equal(op2(w, AT_OP_OR, f, less), less);
    assert_ptr_equal(op2(w, AT_OP_OR, less, t), t);
    assert_int_equal(op2(w, AT_OP_OR, fails, t)->tag, AT_MAP);
    assert_true(at_same(op1(w, AT_OP_NOT, t), f));
    assert_ptr_equal(op3(w, AT_OP_IF, f, I(w, 1), n), n);
    at_axis *j = axis(w, "j", NULL);
    assert_null(fold1(w, AT_FOLD_SUM, j, t, n)->u.fold.guard);
    assert_ptr_equal(fold1(w, AT_FOLD_SUM, j, f, n)->u.fold.guard, f);
}

/* ---- equality -------------------------------------------------------------------------------- */

static void equality_is_of_trees_not_of_places(void **state) {
    world *w = *state;
    at_axis *i = axis(w, "i", NULL), *j = axis(w, "j", NULL);
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 1, i);
    const at_expr *xi = READ(w, x, X(w, i)), *xj = READ(w, x, X(w, j));
    at_source source = {"a.attn", "x", 1};
    at_span here = {&source, 0, 1};
    assert_true(at_same(at_index(w->s, i, here), X(w, i)));
    assert_true(at_same(xi, READ(w, x, X(w, i))));
    assert_false(at_same(xi, xj));
    assert_false(at_same(xi, read_or(w, x, R(w, 0), X(w, i))));
    assert_true(at_same(fold1(w, AT_FOLD_SUM, j, NULL, xj), fold1(w, AT_FOLD_SUM, j, NULL, xj)));
    assert_false(at_same(fold1(w, AT_FOLD_SUM, j, NULL, xi), fold1(w, AT_FOLD_SUM, i, NULL, xi)));
    assert_false(at_same(fold1(w, AT_FOLD_SUM, j, NULL, xi), fold1(w, AT_FOLD_MAX, j, NULL, xi)));
    assert_false(at_same(fold1(w, AT_FOLD_SUM, j, NULL, xi),
                         fold1(w, AT_FOLD_SUM, j, op2(w, AT_OP_LT, X(w, j), I(w, 2)), xi)));
    assert_false(at_same(op2(w, AT_OP_ADD, xi, xj), op2(w, AT_OP_ADD, xj, xi)));
    assert_false(at_same(I(w, 1), R(w, 1)));
    assert_false(at_same(R(w, 0.0), R(w, -0.0)));
    assert_true(at_same(R(w, NAN), R(w, NAN)));
    assert_false(at_same(S(w, i), X(w, i)));
    assert_true(at_same(NULL, NULL));
    assert_false(at_same(NULL, xi));
}

/* ---- constants ------------------------------------------------------------------------------- */

static void int_operations_are_exact_or_unknown(void **state) {
    (void)state;
    enum { NO = 0, YES = 1 };
    static const struct {
        at_op op;
        int64_t a, b, c;
        bool known;
        int64_t result;
    } rows[] = {
        {AT_OP_IDIV, 7, 2, 0, YES, 3},
        {AT_OP_IDIV, -7, 2, 0, YES, -4},
        {AT_OP_IDIV, 7, -2, 0, YES, -4},
        {AT_OP_IDIV, -7, -2, 0, YES, 3},
        {AT_OP_IDIV, -8, 2, 0, YES, -4},
        {AT_OP_IDIV, 1, 0, 0, NO, 0},
        {AT_OP_IDIV, INT64_MIN, -1, 0, NO, 0},
        {AT_OP_IDIV, INT64_MIN, 1, 0, YES, INT64_MIN},
        {AT_OP_IDIV, INT64_MIN, 3, 0, YES, -3074457345618258603},
        {AT_OP_MOD, 7, 3, 0, YES, 1},
        {AT_OP_MOD, -7, 3, 0, YES, 2},
        {AT_OP_MOD, 7, -3, 0, YES, -2},
        {AT_OP_MOD, -7, -3, 0, YES, -1},
        {AT_OP_MOD, 6, -3, 0, YES, 0},
        {AT_OP_MOD, INT64_MIN, -1, 0, YES, 0},
        {AT_OP_MOD, 1, 0, 0, NO, 0},
        {AT_OP_ADD, INT64_MAX, 1, 0, NO, 0},
        {AT_OP_ADD, INT64_MAX, -1, 0, YES, INT64_MAX - 1},
        {AT_OP_SUB, INT64_MIN, 1, 0, NO, 0},
        {AT_OP_MUL, INT64_MAX, 2, 0, NO, 0},
        {AT_OP_MUL, INT64_MIN, -1, 0, NO, 0},
        {AT_OP_NEG, INT64_MIN, 0, 0, NO, 0},
        {AT_OP_ABS, INT64_MIN, 0, 0, NO, 0},
        {AT_OP_ABS, -5, 0, 0, YES, 5},
        {AT_OP_IPOW, 2, 62, 0, YES, INT64_C(1) << 62},
        {AT_OP_IPOW, 2, 63, 0, NO, 0},
        {AT_OP_IPOW, -2, 63, 0, YES, INT64_MIN},
        {AT_OP_IPOW, 3, 0, 0, YES, 1},
        {AT_OP_IPOW, 0, 0, 0, YES, 1},
        {AT_OP_IPOW, 3037000500, 1, 0, YES, 3037000500},
        {AT_OP_IPOW, -1, INT64_MAX, 0, YES, -1},
        {AT_OP_IPOW, 2, -1, 0, NO, 0},
        {AT_OP_CLAMP, 9, 0, 5, 1, 5},
        {AT_OP_CLAMP, -9, 0, 5, 1, 0},
        {AT_OP_MIN, 2, 3, 0, YES, 2},
        {AT_OP_MAX, 2, 3, 0, YES, 3},
        {AT_OP_SIGN, -8, 0, 0, YES, -1},
        {AT_OP_GE, 3, 3, 0, YES, 1},
        {AT_OP_SQRT, 4, 0, 0, NO, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t result = 0;
        bool known = at_int_op(rows[i].op, rows[i].a, rows[i].b, rows[i].c, &result);
        if (known != rows[i].known || (known && result != rows[i].result))
            fail_msg("row %zu (%s): known %d, result %lld", i, at_op_info(rows[i].op)->text, known,
                     (long long)result);
    }
}

static void real_operations_follow_the_fine_print(void **state) {
    (void)state;
    assert_true(at_real_op(AT_OP_ROUND, 2.5, 0, 0) == 2.0);
    assert_true(isnan(at_real_op(AT_OP_MAX, NAN, 1, 0)));
    assert_true(isnan(at_real_op(AT_OP_MAX, 1, NAN, 0)));
    assert_true(at_real_op(AT_OP_IF, 0, 1, 2) == 2.0);
    assert_true(at_real_op(AT_OP_SOFTPLUS, -1000, 0, 0) == 0.0);
    assert_true(at_real_op(AT_OP_SILU, -INFINITY, 0, 0) == 0.0);
    assert_true(at_real_to_int(-2.9) == -2);
    assert_true(at_real_to_int(NAN) == INT64_MIN);
    assert_true(at_real_to_int(INFINITY) == INT64_MIN);
    assert_true(at_real_to_int(0x1p63) == INT64_MIN);
    assert_true(at_real_to_int(0x1.fffffffffffffp62) == 9223372036854774784);
}

static int64_t extent_by_letter(void *user, const at_axis *a) {
    (void)user;
    return a->name[0] == 'n' ? 12 : -1;
}

static at_constant known(const at_expr *e) { return at_constant_of(e, extent_by_letter, NULL); }

static void constants_follow_sizes_and_need(void **state) {
    world *w = *state;
    at_axis *n = axis(w, "n", NULL), *m = axis(w, "m", NULL);
    at_axis *half = axis(w, "half", op2(w, AT_OP_IDIV, S(w, n), I(w, 2)));
    at_axis *also = axis(w, "also", NULL);
    also->like = half;
    at_constant c = known(op2(w, AT_OP_ADD, S(w, also), I(w, 1)));
    assert_true(c.known && c.kind == AT_INT && c.integer == 7);
    assert_false(known(S(w, m)).known);
    assert_false(known(X(w, n)).known);
    const at_expr *unknown = op2(w, AT_OP_LT, S(w, m), I(w, 1));
    const at_expr *no = op2(w, AT_OP_LT, S(w, n), I(w, 1));
    c = known(op2(w, AT_OP_AND, no, unknown));
    assert_true(c.known && c.kind == AT_BOOL && c.integer == 0);
    assert_false(known(op2(w, AT_OP_AND, unknown, no)).known); /* the left side is needed first */
    c = known(op3(w, AT_OP_IF, no, S(w, m), S(w, n)));
    assert_true(c.known && c.integer == 12);
    c = known(op2(w, AT_OP_DIV, R(w, 1), op1(w, AT_OP_SQRT, op1(w, AT_OP_TO_REAL, S(w, n)))));
    assert_true(c.known && c.kind == AT_REAL && c.real == 1 / sqrt(12.0));
    c = known(op1(w, AT_OP_TO_INT, R(w, -7.5)));
    assert_true(c.known && c.kind == AT_INT && c.integer == -7);
    c = known(op2(w, AT_OP_LE, R(w, 2), R(w, 2)));
    assert_true(c.known && c.kind == AT_BOOL && c.integer == 1);
    c = known(op1(w, AT_OP_TO_REAL, op2(w, AT_OP_LE, R(w, 3), R(w, 2))));
    assert_true(c.known && c.kind == AT_REAL && c.real == 0);
    assert_false(known(op2(w, AT_OP_IDIV, S(w, n), I(w, 0))).known);
    m->fixed = 5;
    c = known(S(w, m));
    assert_true(c.known && c.integer == 5);
}

static void extents_come_from_the_open_axes(void **state) {
    world *w = *state;
    at_axis *n = axis(w, "n", NULL);
    at_axis *less = axis(w, "less", op2(w, AT_OP_SUB, S(w, n), I(w, 4)));
    at_axis *like = axis(w, "like", NULL);
    like->like = less;
    at_axis *eight = axis(w, "eight", I(w, 8));
    int64_t open[] = {10, -1, -1, -1};
    assert_int_equal(at_extent(n, open), 10);
    assert_int_equal(at_extent(like, open), 6);
    assert_int_equal(at_extent(eight, NULL), 8);
    assert_int_equal(at_extent(n, NULL), -1);
    open[0] = 3;
    assert_int_equal(at_extent(less, open), -1); /* negative */
    open[0] = 0;
    assert_int_equal(at_extent(n, open), 0);
}

/* ---- walking and rewriting ------------------------------------------------------------------- */

static bool count_node(void *user, const at_expr *e) {
    ++*(int *)user;
    return e->tag != AT_FOLD_NODE;
}

static void walking_stops_below_where_it_is_told(void **state) {
    world *w = *state;
    at_axis *i = axis(w, "i", NULL), *j = axis(w, "j", NULL);
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 1, i);
    const at_expr *fold = fold1(w, AT_FOLD_SUM, j, NULL, READ(w, x, X(w, j)));
    const at_expr *e = op2(w, AT_OP_MUL, read_or(w, x, R(w, 0), X(w, i)), fold);
    int nodes = 0;
    at_walk(e, count_node, &nodes); /* product, read, index, alternative, fold */
    assert_int_equal(nodes, 5);
    assert_true(at_mentions(e, i));
    assert_false(at_mentions(e, j));
    assert_true(at_mentions(fold->u.fold.body, j));
    assert_false(at_mentions(S(w, i), i));
}

static bool count_statement(void *user, const at_statement *st) {
    ++*(int *)user;
    return st->tag != AT_REPEAT;
}

static void every_statement_of_a_block_is_seen(void **state) {
    world *w = *state;
    at_statement *scan = statement(w, AT_SCAN, NULL), *repeat = statement(w, AT_REPEAT, NULL);
    at_array *x = array(w, "x", AT_DEFINED, AT_REAL, 0);
    repeat->u.repeat.body = block(w, 1, equation(w, x, R(w, 1)));
    scan->u.scan.body = block(w, 2, equation(w, x, R(w, 1)), repeat);
    at_block all = block(w, 1, scan);
    int statements = 0;
    at_walk_block(&all, count_statement, &statements);
    assert_int_equal(statements, 3);
}

static void all_expressions_of_each_statement_are_seen(void **state) {
    world *w = *state;
    at_axis *j = axis(w, "j", NULL);
    at_array *x = array(w, "x", AT_DEFINED, AT_REAL, 1, j);
    const at_expr *one = R(w, 1), *yes = B(w, true), *values[] = {one, one, one};
    at_part parts[2] = {part(w, x, j, yes, one), part(w, x, j, NULL, one)};
    at_statement kinds[8] = {{0}};
    static const int expected[8] = {1, 3, 2, 2, 3, 1, 1, 2};
    kinds[0] = (at_statement){.tag = AT_EQUATION, .u.value = one};
    kinds[1] = (at_statement){.tag = AT_KEEPING, .u.keeping = {AT_FOLD_SOFTMAX, 2, parts}};
    kinds[2] = (at_statement){.tag = AT_TOPK, .u.topk = parts[0]};
    kinds[3] = (at_statement){.tag = AT_DRAWING, .u.drawing = {AT_DRAW_NORMAL, {one, one}}};
    kinds[4] = (at_statement){.tag = AT_TABLE, .u.table = {3, values}};
    kinds[5] = (at_statement){.tag = AT_NEXT, .u.next = {one, NULL}};
    kinds[6] = (at_statement){.tag = AT_REPEAT, .u.repeat = {.condition = yes}};
    kinds[7] = (at_statement){.tag = AT_ASSERT, .u.assertion = {.left = one, .right = one}};
    for (int i = 0; i < 8; i++) {
        int nodes = 0;
        at_walk_statement(&kinds[i], count_node, &nodes);
        assert_int_equal(nodes, expected[i]);
    }
}

static const at_expr *double_to_half(void *user, const at_expr *e) {
    world *w = user;
    return e->tag == AT_CONST && e->kind == AT_REAL && e->u.real == 2 ? R(w, 0.5) : e;
}

static void rewriting_shares_what_stays(void **state) {
    world *w = *state;
    at_axis *j = axis(w, "j", NULL);
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 1, j);
    const at_expr *stays = fold1(w, AT_FOLD_MAX, j, NULL, READ(w, x, X(w, j)));
    const at_expr *two = op2(w, AT_OP_MUL, R(w, 2), stays);
    assert_ptr_equal(at_rewrite(w->s, stays, double_to_half, w), stays);
    const at_expr *result = at_rewrite(w->s, two, double_to_half, w);
    assert_string_equal(text_of(w, result), "0.5 * max[j](x[j])");
    assert_ptr_equal(result->u.map.args[1], stays);
    const at_expr *alternative = read_or(w, x, R(w, 2), X(w, j));
    assert_string_equal(text_of(w, at_rewrite(w->s, alternative, double_to_half, w)),
                        "x[j | 0.5]");
    assert_string_equal(text_of(w, alternative), "x[j | 2.0]");
}

/* ---- substitution ---------------------------------------------------------------------------- */

static at_axis *primed(void *user, const at_axis *like) {
    world *w = user;
    at_axis *a = axis(w, at_format(w->s->arena, "%s'2", like->name), NULL);
    a->like = like;
    return a;
}

static const char *substituted(world *w, const at_expr *e, const at_axis *from,
                               const at_expr *to) {
    return text_of(w, at_substitute(w->s, e, &from, &to, 1, primed, w));
}

static void substitution_replaces_free_indices_only(void **state) {
    world *w = *state;
    at_axis *i = axis(w, "i", NULL), *j = axis(w, "j", NULL), *k = axis(w, "k", NULL);
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 2, i, j);
    const at_expr *sum = fold1(w, AT_FOLD_SUM, j, op2(w, AT_OP_LE, X(w, j), X(w, i)),
                               READ(w, x, X(w, i), X(w, j)));
    const at_expr *next = op2(w, AT_OP_ADD, X(w, k), I(w, 1));
    assert_string_equal(substituted(w, sum, i, next),
                        "sum[j where j <= k + 1](x[k + 1, j])");
    assert_string_equal(substituted(w, S(w, i), i, next), "size(i)");
    const at_axis *absent = k;
    const at_expr *zero = I(w, 0);
    assert_ptr_equal(at_substitute(w->s, sum, &absent, &zero, 1, primed, w), sum);
    const at_expr *both = read_or(w, x, R(w, 0), X(w, i), X(w, j));
    const at_axis *from[] = {i, j};
    const at_expr *to[] = {X(w, j), X(w, i)}; /* at once, not one after the other */
    assert_string_equal(text_of(w, at_substitute(w->s, both, from, to, 2, primed, w)),
                        "x[j,i | 0.0]");
}

static void substitution_never_captures(void **state) {
    world *w = *state;
    at_axis *i = axis(w, "i", NULL), *j = axis(w, "j", NULL);
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 2, i, j);
    const at_expr *sum = fold1(w, AT_FOLD_SUM, j, op2(w, AT_OP_LE, X(w, j), X(w, i)),
                               READ(w, x, X(w, i), X(w, j)));
    assert_string_equal(substituted(w, sum, i, X(w, j)), "sum[j'2 where j'2 <= j](x[j,j'2])");
    /* Nothing comes in below the inner fold, so nothing there is renamed. */
    const at_expr *constant = fold1(w, AT_FOLD_COUNT, j, NULL, X(w, j));
    const at_expr *e = op2(w, AT_OP_ADD, constant, X(w, i));
    assert_string_equal(substituted(w, e, i, X(w, j)), "count[j](j) + j");
}

static void substitution_leaves_what_a_fold_binds_itself(void **state) {
    world *w = *state;
    at_axis *i = axis(w, "i", NULL), *j = axis(w, "j", NULL);
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 2, i, j);
    const at_expr *sum = fold1(w, AT_FOLD_SUM, i, NULL, READ(w, x, X(w, i), X(w, j)));
    const at_expr *e = op2(w, AT_OP_MUL, READ(w, x, X(w, i), X(w, j)), sum);
    assert_string_equal(substituted(w, e, i, I(w, 0)), "x[0,j] * sum[i'2](x[i'2,j])");
    const at_axis *from[] = {i, j};
    const at_expr *to[] = {I(w, 0), X(w, i)}; /* i is bound within, and j becomes the outer i */
    assert_string_equal(text_of(w, at_substitute(w->s, sum, from, to, 2, primed, w)),
                        "sum[i'2](x[i'2,i])");
}

static void substitution_renames_through_nested_folds(void **state) {
    world *w = *state;
    at_axis *i = axis(w, "i", NULL), *j = axis(w, "j", NULL), *k = axis(w, "k", NULL);
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 3, i, j, k);
    const at_expr *inner =
        fold1(w, AT_FOLD_MAX, k, NULL, READ(w, x, X(w, i), X(w, j), X(w, k)));
    const at_expr *outer = fold1(w, AT_FOLD_SUM, j, NULL, inner);
    const at_expr *value = op2(w, AT_OP_MUL, X(w, j), X(w, k));
    assert_string_equal(substituted(w, outer, i, value),
                        "sum[j'2](max[k'2](x[j * k, j'2, k'2]))");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_row_is_found_by_its_word),
        TEST(rows_keep_their_c_text_unexpanded),
        TEST(nodes_get_the_kind_of_their_rule),
        TEST(nodes_of_wrong_kinds_are_refused),
        TEST(only_what_printing_needs_is_folded),
        TEST(equality_is_of_trees_not_of_places),
        TEST(int_operations_are_exact_or_unknown),
        TEST(real_operations_follow_the_fine_print),
        TEST(constants_follow_sizes_and_need),
        TEST(extents_come_from_the_open_axes),
        TEST(walking_stops_below_where_it_is_told),
        TEST(every_statement_of_a_block_is_seen),
        TEST(all_expressions_of_each_statement_are_seen),
        TEST(rewriting_shares_what_stays),
        TEST(substitution_replaces_free_indices_only),
        TEST(substitution_never_captures),
        TEST(substitution_leaves_what_a_fold_binds_itself),
        TEST(substitution_renames_through_nested_folds),
    };
    return cmocka_run_group_tests_name("ir", tests, NULL, NULL);
}
