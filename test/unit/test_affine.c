/* Linear forms: what they make of an expression, and above all that nothing is called sure that is
 * not: random forms are computed for every value of their indices, at small extents and at 0. */
#include "ir_fixture.h"

#include "form/form_int.h"
#include "program_fixture.h"

static const at_axis *n_of(world *w) { return w->axes[0]; }

/* Axes n, m, open; i as n, j as m, k as n; h of 3; q of size(n) + 2. Arrays: ids into n, any. */
static void make_axes(world *w) {
    axis(w, "n", NULL);
    axis(w, "m", NULL);
    const char *names[] = {"i", "j", "k"};
    for (int x = 0; x < 3; x++) {
        at_axis *a = axis(w, names[x], NULL);
        a->like = w->axes[x == 1 ? 1 : 0];
    }
    axis(w, "h", I(w, 3));
    axis(w, "q", op2(w, AT_OP_ADD, S(w, w->axes[0]), I(w, 2)));
    at_array *ids = array(w, "ids", AT_INPUT, AT_INT, 1, w->axes[1]);
    ids->inside = w->axes[0];
    array(w, "any", AT_INPUT, AT_INT, 1, w->axes[1]);
}

static const char *form_of(world *w, const at_expr *e) {
    at_affine form;
    if (!at_affine_of(w->s, e, &form)) return "none";
    return text_of(w, at_affine_expr(w->s, &form, at_no_span()));
}

/* ---- forms ----------------------------------------------------------------------------------- */

static void equal_expressions_have_one_form(void **state) {
    world *w = *state;
    make_axes(w);
    const at_expr *i = X(w, w->axes[2]), *j = X(w, w->axes[3]), *n = S(w, w->axes[0]);
    const at_expr *a = op2(w, AT_OP_MUL, op2(w, AT_OP_ADD, i, I(w, 2)), op2(w, AT_OP_SUB, n, j));
    assert_string_equal(form_of(w, a), "size(n) * 2 + i * size(n) - j * 2 - i * j");
    const at_expr *b = op2(w, AT_OP_SUB, op2(w, AT_OP_MUL, n, op2(w, AT_OP_ADD, I(w, 2), i)),
                           op2(w, AT_OP_MUL, op2(w, AT_OP_ADD, I(w, 2), i), j));
    at_affine x, y, difference;
    assert_true(at_affine_of(w->s, a, &x) && at_affine_of(w->s, b, &y));
    assert_true(at_affine_add(w->s, &x, -1, &y, &difference));
    assert_int_equal(difference.count, 0);
    assert_int_equal(difference.constant, 0);
}

static void sizes_are_those_of_open_axes(void **state) {
    world *w = *state;
    make_axes(w);
    assert_string_equal(form_of(w, S(w, w->axes[4])), "size(n)");
    assert_string_equal(form_of(w, S(w, w->axes[5])), "3");
    assert_string_equal(form_of(w, op2(w, AT_OP_MUL, S(w, w->axes[6]), I(w, 2))),
                        "size(n) * 2 + 4");
}

static void other_operations_are_terms(void **state) {
    world *w = *state;
    make_axes(w);
    const at_expr *i = X(w, w->axes[2]), *third = op2(w, AT_OP_IDIV, i, I(w, 3));
    assert_string_equal(form_of(w, op2(w, AT_OP_SUB, third, op2(w, AT_OP_MUL, third, I(w, 2)))),
                        "-(i // 3)");
    assert_string_equal(form_of(w, op2(w, AT_OP_MOD, I(w, -7), I(w, 3))), "2");
    assert_string_equal(form_of(w, op2(w, AT_OP_IDIV, I(w, 7), I(w, 0))), "7 // 0");
    const at_expr *read = READ(w, w->arrays[1], i);
    assert_string_equal(form_of(w, op2(w, AT_OP_SUB, read, read)), "0");
}

static void what_does_not_fit_has_no_form(void **state) {
    world *w = *state;
    make_axes(w);
    const at_expr *i = X(w, w->axes[2]), *large = I(w, INT64_MAX);
    assert_string_equal(form_of(w, op2(w, AT_OP_ADD, large, I(w, 1))), "none");
    assert_string_equal(form_of(w, op2(w, AT_OP_MUL, op2(w, AT_OP_MUL, i, large), I(w, 2))),
                        "none");
    /* INT64_MIN has no negative, which a form may be asked for. */
    assert_string_equal(form_of(w, I(w, INT64_MIN)), "none");
    assert_string_equal(form_of(w, op2(w, AT_OP_MUL, i, I(w, INT64_MIN))), "none");
    assert_string_equal(form_of(w, op2(w, AT_OP_SUB, I(w, -2), large)), "none");
    assert_string_equal(form_of(w, op2(w, AT_OP_SUB, op2(w, AT_OP_MUL, i, I(w, -INT64_MAX)), i)),
                        "none");
    assert_string_equal(form_of(w, R(w, 1)), "none");
    const at_expr *many = I(w, 0);
    for (int x = 0; x < 17; x++)
        many = op2(w, AT_OP_ADD, many, op2(w, AT_OP_IDIV, i, I(w, x + 2)));
    assert_string_equal(form_of(w, many), "none");
}

static void a_factor_is_taken_out_wherever_it_stands(void **state) {
    world *w = *state;
    make_axes(w);
    const at_expr *i = X(w, w->axes[2]), *n = S(w, w->axes[0]), *m = S(w, w->axes[1]);
    const at_expr *product = op2(w, AT_OP_MUL, op2(w, AT_OP_MUL, i, n), m);
    assert_string_equal(text_of(w, at_affine_without(w->s, product, n)), "i * size(m)");
    assert_string_equal(text_of(w, at_affine_without(w->s, product, m)), "i * size(n)");
    assert_string_equal(text_of(w, at_affine_without(w->s, n, n)), "1");
    assert_null(at_affine_without(w->s, product, X(w, w->axes[3])));
}

/* ---- what is sure ---------------------------------------------------------------------------- */

typedef struct {
    world *w;
    const int64_t *sizes;  /* of n and m */
    int64_t indices[8];    /* by axis id */
    const int64_t *values; /* of ids and any at each index of m */
} place;

static int64_t compute(const place *p, const at_expr *e) {
    int64_t result = 0, a, b;
    switch (e->tag) {
    case AT_CONST: return e->u.integer;
    case AT_SIZE: return at_extent(e->u.axis, p->sizes);
    case AT_INDEX: return p->indices[e->u.axis->id];
    case AT_READ: {
        int64_t at = compute(p, e->u.read.index[0]);
        assert_true(at >= 0 && at < p->sizes[1]);
        return p->values[2 * at + (e->u.read.array == p->w->arrays[1])];
    }
    case AT_MAP:
        a = compute(p, e->u.map.args[0]);
        b = e->u.map.args[1] ? compute(p, e->u.map.args[1]) : 0;
        assert_true(at_int_op(e->u.map.op, a, b, 0, &result));
        return result;
    default: break;
    }
    fail();
    return 0;
}

static const at_expr *random_atom(world *w, dice *d) {
    switch (pick(d, 9)) {
    case 0:
    case 1: return X(w, w->axes[2]);
    case 2: return X(w, w->axes[3]);
    case 3: return X(w, w->axes[4 + pick(d, 3)]);
    case 4: return S(w, w->axes[0]);
    case 5: return S(w, w->axes[pick(d, 7)]);
    case 6: return READ(w, w->arrays[pick(d, 2)], X(w, w->axes[3]));
    case 7: return op2(w, AT_OP_MOD, X(w, w->axes[pick(d, 2) + 2]), I(w, 1 + pick(d, 3)));
    default: return op2(w, AT_OP_IDIV, X(w, w->axes[pick(d, 2) + 2]), I(w, 1 + pick(d, 3)));
    }
}

static const at_expr *random_form(world *w, dice *d) {
    const at_expr *sum = I(w, pick(d, 7) - 2);
    for (int terms = 1 + pick(d, 4); terms > 0; terms--) {
        const at_expr *term = random_atom(w, d);
        for (int more = pick(d, 3); more > 1; more--)
            term = op2(w, AT_OP_MUL, term, random_atom(w, d));
        if (pick(d, 2)) term = op2(w, AT_OP_MUL, term, I(w, 1 + pick(d, 3)));
        sum = op2(w, pick(d, 2) ? AT_OP_ADD : AT_OP_SUB, sum, term);
    }
    return sum;
}

/* The least value of e at these sizes, over all values of the indices that it mentions and some of
 * the arrays'; INT64_MAX when there are no indices. */
static int64_t least_of(world *w, const at_expr *e, const int64_t *sizes, dice *d, int axis_id,
                        place *p) {
    if (axis_id == w->cascade.axis_count) return compute(p, e);
    if (axis_id < 2 || !at_mentions(e, w->axes[axis_id]))
        return least_of(w, e, sizes, d, axis_id + 1, p);
    int64_t least = INT64_MAX, extent = at_extent(w->axes[axis_id], sizes);
    for (int64_t x = 0; x < extent; x++) {
        p->indices[axis_id] = x;
        int64_t one = least_of(w, e, sizes, d, axis_id + 1, p);
        if (one < least) least = one;
    }
    return least;
}

static void nothing_is_called_0_or_more_that_is_not(void **state) {
    world *w = *state;
    make_axes(w);
    int sure = 0, true_ones = 0;
    dice d = {7};
    for (int round = 0; round < 4000; round++) {
        const at_expr *e = random_form(w, &d);
        at_affine form;
        if (!at_affine_of(w->s, e, &form)) continue;
        bool claimed = at_affine_nonnegative(w->s, &form), holds = true;
        for (int64_t n = 0; n < 4; n++)
            for (int64_t m = 0; m < 4; m++) {
                int64_t sizes[8] = {n, m, -1, -1, -1, -1, -1, -1}, values[8];
                for (int k = 0; k < 8; k++)
                    values[k] = k % 2 ? pick(&d, 9) - 4 : n ? pick(&d, (int)n) : 0;
                place p = {.w = w, .sizes = sizes, .values = values};
                bool reads_ids = strstr(text_of(w, e), "ids") != NULL;
                if (n == 0 && reads_ids) continue; /* there are no such arrays */
                int64_t least = least_of(w, e, sizes, &d, 0, &p);
                holds &= least >= 0;
                if (claimed && least < 0)
                    fail_msg("%s is %d with n %d, m %d", text_of(w, e), (int)least, (int)n, (int)m);
            }
        sure += claimed;
        true_ones += holds;
    }
    /* Not everything that holds is seen, but much of it. */
    assert_true(sure > 300);
    assert_true(10 * sure > 6 * true_ones);
}

static bool is_sure(world *w, const at_expr *e) {
    at_affine form;
    return at_affine_of(w->s, e, &form) && at_affine_nonnegative(w->s, &form);
}

static void bounds_of_indices_are_seen(void **state) {
    world *w = *state;
    make_axes(w);
    const at_expr *i = X(w, w->axes[2]), *j = X(w, w->axes[3]), *n = S(w, w->axes[0]),
                  *m = S(w, w->axes[1]), *one = I(w, 1);
    /* n*m - 1 - (i*m + j): a cell of a grid lies inside the grid. */
    const at_expr *cell = op2(w, AT_OP_ADD, op2(w, AT_OP_MUL, i, m), j);
    const at_expr *all = op2(w, AT_OP_MUL, n, m);
    assert_true(is_sure(w, op2(w, AT_OP_SUB, op2(w, AT_OP_SUB, all, cell), one)));
    assert_false(is_sure(w, op2(w, AT_OP_SUB, op2(w, AT_OP_SUB, all, cell), I(w, 2))));
    /* Where there is an index, its axis has an extent of 1 or more. */
    assert_true(is_sure(w, op2(w, AT_OP_SUB, op2(w, AT_OP_ADD, i, n), one)));
    assert_false(is_sure(w, op2(w, AT_OP_SUB, op2(w, AT_OP_ADD, j, n), one)));
    assert_false(is_sure(w, op2(w, AT_OP_SUB, n, one)));
    /* A value that may be negative makes the product negative. */
    const at_expr *any = READ(w, w->arrays[1], j), *ids = READ(w, w->arrays[0], j);
    assert_false(is_sure(w, op2(w, AT_OP_MUL, i, any)));
    assert_true(is_sure(w, op2(w, AT_OP_MUL, i, ids)));
    assert_true(is_sure(w, op2(w, AT_OP_SUB, op2(w, AT_OP_SUB, n, ids), one)));
    /* ids[j | 5] need not be inside. */
    const at_expr *other = read_or(w, w->arrays[0], I(w, -5), j);
    assert_false(is_sure(w, other));
}

static const char *between(world *w, const at_expr *low, const at_expr *e, const at_expr *high) {
    const at_expr *rest = at_between(w->s, &w->cascade, low, e, high);
    return rest ? text_of(w, rest) : "sure";
}

static void between_says_what_is_not_sure(void **state) {
    world *w = *state;
    make_axes(w);
    const at_expr *i = X(w, w->axes[2]), *k = X(w, w->axes[4]), *n = S(w, w->axes[0]),
                  *m = S(w, w->axes[1]), *zero = I(w, 0);
    assert_string_equal(between(w, zero, i, n), "sure");
    assert_string_equal(between(w, zero, i, m), "i < size(m)");
    assert_string_equal(between(w, zero, op2(w, AT_OP_SUB, i, k), n), "0 <= i - k");
    assert_string_equal(between(w, zero, op2(w, AT_OP_SUB, i, I(w, 1)), m),
                        "0 <= i - 1 and i - 1 < size(m)");
    /* What the cascade requires holds. */
    w->requires[w->cascade.require_count++] =
        (at_require){op2(w, AT_OP_EQ, m, op2(w, AT_OP_ADD, n, I(w, 1))), at_no_span(), NULL};
    assert_string_equal(between(w, zero, op2(w, AT_OP_ADD, i, I(w, 1)), m), "sure");
}

/* ---- short forms ----------------------------------------------------------------------------- */

static const char *simple(world *w, const at_expr *e) {
    return text_of(w, at_affine_simple(w->s, e));
}

static void comparisons_that_are_sure_are_decided(void **state) {
    world *w = *state;
    make_axes(w);
    const at_expr *i = X(w, w->axes[2]), *j = X(w, w->axes[3]), *n = S(w, w->axes[0]);
    const at_expr *next = op2(w, AT_OP_ADD, i, I(w, 1));
    assert_string_equal(simple(w, op2(w, AT_OP_EQ, next, I(w, 0))), "false");
    assert_string_equal(simple(w, op2(w, AT_OP_NE, next, I(w, 0))), "true");
    assert_string_equal(simple(w, op2(w, AT_OP_EQ, op2(w, AT_OP_SUB, next, I(w, 1)), i)), "true");
    assert_string_equal(simple(w, op2(w, AT_OP_LE, next, n)), "true");
    assert_string_equal(simple(w, op2(w, AT_OP_LT, i, n)), "true");
    assert_string_equal(simple(w, op2(w, AT_OP_GE, i, n)), "false");
    assert_string_equal(simple(w, op2(w, AT_OP_GT, next, n)), "false");
    assert_string_equal(simple(w, op2(w, AT_OP_LT, next, n)), "i + 1 < size(n)");
    assert_string_equal(simple(w, op2(w, AT_OP_EQ, i, j)), "i == j");
    assert_string_equal(
        simple(w, op2(w, AT_OP_AND, op2(w, AT_OP_LT, i, n), op2(w, AT_OP_LT, i, j))), "i < j");
}

static void indices_are_made_short(void **state) {
    world *w = *state;
    make_axes(w);
    const at_expr *j = X(w, w->axes[3]);
    const at_expr *back = op2(w, AT_OP_SUB, op2(w, AT_OP_ADD, j, I(w, 1)), I(w, 1));
    assert_string_equal(simple(w, READ(w, w->arrays[1], back)), "`any`[j]");
    /* Beside an alternative a plain index would have to lie inside. */
    assert_string_equal(simple(w, read_or(w, w->arrays[1], I(w, 0), back)), "`any`[j + 1 - 1 | 0]");
    const at_expr *two = op2(w, AT_OP_ADD, op2(w, AT_OP_ADD, j, I(w, 1)), I(w, 1));
    assert_string_equal(simple(w, read_or(w, w->arrays[1], I(w, 0), two)), "`any`[j + 2 | 0]");
}

/* ---- extents --------------------------------------------------------------------------------- */

static void extents_are_equal_by_what_they_are_or_what_is_required(void **state) {
    world *w = *state;
    make_axes(w);
    at_axis *n = w->axes[0], *m = w->axes[1];
    at_axis *sum = axis(w, "sum", op2(w, AT_OP_ADD, S(w, m), I(w, 2)));
    at_axis *same = axis(w, "same", S(w, n));
    assert_true(at_same_extent(n, w->axes[2]));
    assert_true(at_same_extent(w->axes[2], same));
    assert_true(at_same_extent(w->axes[5], axis(w, "three", I(w, 3))));
    assert_false(at_same_extent(n, m));
    assert_false(at_same_extent(w->axes[6], sum));
    assert_false(at_equal_extent(w->s, &w->cascade, w->axes[6], sum));
    w->requires[w->cascade.require_count++] =
        (at_require){op2(w, AT_OP_EQ, S(w, m), S(w, n)), at_no_span(), NULL};
    assert_true(at_equal_extent(w->s, &w->cascade, w->axes[6], sum));
    assert_true(at_equal_extent(w->s, &w->cascade, n, m));
    assert_true(at_equal_extent(w->s, &w->cascade, m, w->axes[2]));
    assert_false(at_same_extent(n, m));
    assert_string_equal(text_of(w, at_size_of(w->s, w->axes[2], at_no_span())), "size(n)");
    assert_ptr_equal(at_extent_of(w->s, w->axes[2])->u.axis, n_of(w));
}

static void requirements_that_turn_in_a_circle_end(void **state) {
    world *w = *state;
    make_axes(w);
    at_axis *n = w->axes[0], *m = w->axes[1];
    w->requires[w->cascade.require_count++] =
        (at_require){op2(w, AT_OP_EQ, S(w, m), S(w, n)), at_no_span(), NULL};
    w->requires[w->cascade.require_count++] =
        (at_require){op2(w, AT_OP_EQ, S(w, n), S(w, m)), at_no_span(), NULL};
    w->requires[w->cascade.require_count++] = (at_require){
        op2(w, AT_OP_EQ, S(w, n), op2(w, AT_OP_MUL, op2(w, AT_OP_IDIV, S(w, n), I(w, 2)), I(w, 2))),
        at_no_span(), NULL};
    assert_true(at_equal_extent(w->s, &w->cascade, n, m));
    assert_non_null(at_with_known_sizes(w->s, &w->cascade, S(w, n)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(equal_expressions_have_one_form),
        TEST(sizes_are_those_of_open_axes),
        TEST(other_operations_are_terms),
        TEST(what_does_not_fit_has_no_form),
        TEST(a_factor_is_taken_out_wherever_it_stands),
        TEST(nothing_is_called_0_or_more_that_is_not),
        TEST(bounds_of_indices_are_seen),
        TEST(between_says_what_is_not_sure),
        TEST(comparisons_that_are_sure_are_decided),
        TEST(indices_are_made_short),
        TEST(extents_are_equal_by_what_they_are_or_what_is_required),
        TEST(requirements_that_turn_in_a_circle_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
