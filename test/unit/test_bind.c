/* Binding a call: what fits, and what is said where something does not. */
#include "ref_fixture.h"

/* An input of another type than the fixture would give. */
static void give_as(world *w, const char *name, at_type type, int rank, const int64_t *extents,
                    const double *values) {
    at_collection_add(w->s, &w->inputs, name, tensor_of(w, type, rank, extents, values));
}

static void scores(world *w) {
    declare(w, "q[i,d]");
    declare(w, "k[j,d]");
    let(w, "s[i,j] = sum[d](q[i,d] * k[j,d])");
    output(w, "s");
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static void ints_and_floats_are_taken_for_reals(void **state) {
    world *w = *state;
    scores(w);
    give_as(w, "q", AT_TYPE_F32, 2, (const int64_t[]){1, 2}, V(1.5, 2));
    give_as(w, "k", AT_TYPE_I64, 2, (const int64_t[]){1, 2}, V(2, 3));
    run(w);
    EXPECT(w, "s", 9);
}

static void missing_and_unknown_inputs_are_named(void **state) {
    world *w = *state;
    scores(w);
    give(w, "q", V(1, 2), 2, 1, 2);
    give_as(w, "kk", AT_TYPE_F64, 2, (const int64_t[]){1, 2}, V(2, 3));
    expect_error(w, "error[E720]: the input `k` is missing\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | k[j,d]\n"
                    "  | ^^^^^^\n"
                    "\n"
                    "error[E721]: `main` has no input `kk`\n"
                    "  = hint: did you mean `k`?\n");
    at_collection_free(&w->inputs);
    w->inputs = (at_collection){0};
    give(w, "q", V(1, 2), 2, 1, 2);
    give(w, "k", V(1, 2), 2, 1, 2);
    give_as(w, "weights", AT_TYPE_F64, 0, NULL, V(2));
    expect_error(w, "error[E721]: `main` has no input `weights`\n"
                    "  = hint: its inputs are `q`, `k`\n");
}

static void a_wrong_rank_is_told_with_the_axes(void **state) {
    world *w = *state;
    scores(w);
    give(w, "q", V(1, 2), 2, 1, 2);
    give_as(w, "k", AT_TYPE_F32, 1, (const int64_t[]){2}, V(2, 3));
    expect_error(w, "error[E722]: `k` has 2 axes, and was given as f32 (2)\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | k[j,d]\n"
                    "  | ^^^^^^ `k[j, d]`\n");
}

static void kinds_do_not_convert_by_themselves(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    declare(w, "ids[n]: int");
    let(w, "y[n] = x[n]");
    output(w, "y");
    give_as(w, "x", AT_TYPE_BOOL, 1, (const int64_t[]){1}, V(1));
    give_as(w, "ids", AT_TYPE_F64, 1, (const int64_t[]){1}, V(1));
    expect_error(w, "error[E723]: `x` holds reals, and was given as bool\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | x[n]\n"
                    "  | ^^^^\n"
                    "  = hint: bools do not become numbers by themselves: give it as 0.0 and 1.0\n"
                    "\n"
                    "error[E723]: `ids` holds ints, and was given as f64\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | ids[n]: int\n"
                    "  | ^^^^^^\n");
}

static void extents_that_disagree_name_both_places(void **state) {
    world *w = *state;
    scores(w);
    give(w, "q", V(1, 2), 2, 1, 2);
    give(w, "k", V(1, 2, 3), 2, 1, 3);
    expect_error(w, "error[E724]: axis `d` is 3 long in `k` and 2 in `q`\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | k[j,d]\n"
                    "  | ^^^^^^ here `d` is 3\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | q[i,d]\n"
                    "  | ------ here it is 2\n");
}

static void computed_extents_are_checked_and_computed(void **state) {
    world *w = *state;
    declare(w, "x[c]");
    axis(w, "d", "size(c) // 2 - 1");
    declare(w, "y[d]");
    let(w, "z[d] = y[d] + x[d]");
    output(w, "z");
    give(w, "x", V(1, 2, 3, 4), 1, 4);
    give(w, "y", V(1, 2), 1, 2);
    expect_error(w, "error[E724]: axis `d` is 2 long in `y` and should be 1\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | y[d]\n"
                    "  | ^^^^\n"
                    "  = note: with size(c) = 4\n");
    at_collection_free(&w->inputs);
    w->inputs = (at_collection){0};
    give(w, "x", V(1), 1, 1);
    give(w, "y", V(1), 1, 1);
    expect_error(w, "error[E727]: these inputs leave axis `d` without a size\n"
                    "  = note: with size(c) = 1\n");
}

static void indices_must_lie_in_their_axis(void **state) {
    world *w = *state;
    declare(w, "emb[v]");
    declare(w, "ids[b,t]: index v");
    let(w, "y[b,t] = emb[ids[b,t]]");
    output(w, "y");
    give(w, "emb", V(1, 2), 1, 2);
    give(w, "ids", V(0, 1, 1, 2), 2, 2, 2);
    expect_error(w, "error[E725]: `ids[b=1, t=1]` is 2, and axis `v` has 2 elements\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | ids[b,t]: index v\n"
                    "  | ^^^^^^^^ its values are indices of `v`\n");
}

static void requirements_are_shown_with_the_sizes(void **state) {
    world *w = *state;
    declare(w, "x[c]");
    let(w, "y[c] = x[c]");
    output(w, "y");
    read_text(w, "size(c) % 8 == 0");
    const char *from = w->at;
    w->cascade.requires[0].condition = expression(w, 0);
    w->cascade.requires[0].span = span_from(w, from);
    w->cascade.require_count = 1;
    give(w, "x", V(1, 2, 3, 4), 1, 4);
    expect_error(w, "error[E726]: `size(c) % 8 == 0` does not hold for these inputs\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | size(c) % 8 == 0\n"
                    "  | ^^^^^^^^^^^^^^^^\n"
                    "  = note: with size(c) = 4\n");
    at_collection_free(&w->inputs);
    w->inputs = (at_collection){0};
    give_noise(w, "x", 1, 8);
    run(w);
}

static void an_extent_that_was_compiled_in_must_be_met(void **state) {
    world *w = *state;
    declare(w, "x[c]");
    let(w, "y[c] = x[c]");
    output(w, "y");
    find_axis(w, "c")->fixed = 8;
    give_noise(w, "x", 1, 9);
    expect_error(w, "error[E728]: axis `c` was 8 long when this was compiled, and is 9 now\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | x[c]\n"
                    "  | ^^^^\n"
                    "  = hint: a compile-time `if` or a repeat's count depends on it: compile "
                    "it again "
                    "for this size\n");
}

static void inputs_that_do_not_fit_are_refused_before_they_are_copied(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    declare(w, "param p[n] = 0");
    let(w, "y = sum[n](x[n] * p[n])");
    output(w, "y");
    double *values = calloc(1 << 18, sizeof *values);
    give_as(w, "x", AT_TYPE_F32, 1, (const int64_t[]){1 << 18}, values);
    free(values);
    w->call.memory_limit = 3 << 20;
    expect_error(w, "not supported[E710]: inputs, params and states take 4.0 MiB, and this run "
                    "may use "
                    "3.0 MiB\n"
                    " --> test.attn:1:1\n"
                    "  |\n"
                    "1 | x[n]\n"
                    "  | ^^^^\n"
                    "  = note: the largest is `x`, 2.0 MiB with n = 262144\n");
}

/* 2 MB of reals that fit as they are leave the 3 MB to the rest; they are read where they lie. */
static void inputs_that_fit_as_they_are_are_not_copied(void **state) {
    world *w = *state;
    declare(w, "x[n]");
    declare(w, "param p[n] = 2");
    let(w, "y = sum[n](x[n] * p[n])");
    output(w, "y");
    output(w, "x");
    give_noise(w, "x", 1, 1 << 18);
    const double *x = at_collection_find(&w->inputs, "x")->data;
    double sum = 0;
    for (int i = 0; i < 1 << 18; i++) sum += x[i] * 2;
    w->call.memory_limit = 3 << 20;
    run(w);
    EXPECT(w, "y", sum);
    assert_ptr_not_equal(got(w, "x")->data, x);
}

/* ---- params ---------------------------------------------------------------------------------- */

static void layers(world *w) {
    declare(w, "x0[c]");
    axis(w, "a", "2");
    axis(w, "b", "3");
    declare(w, "param u[c] = c + 1")->path = "u";
    declare(w, "param v[a,c] ~ normal(0, 1)")->path = "block[].v";
    declare(w, "param s[a,b] = 10 * a + b")->path = "block[][].s";
    let(w, "y[a,b,c] = x0[c] * u[c] * v[a,c] + s[a,b]");
    output(w, "y");
    give(w, "x0", V(1, 1), 1, 2);
}

static void params_begin_as_the_program_says(void **state) {
    world *w = *state;
    layers(w);
    w->call.run = 5;
    run(w);
    uint64_t at = at_draw_element(at_draw_element(0, 1), 0);
    double v = at_draw_value(at_draw_key(0, 0, "block[].v"), at, AT_DRAW_NORMAL);
    assert_true(element(got(w, "y"), 6) == v + 10);
    double before = element(got(w, "y"), 0);
    w->call.run = 6;
    run(w);
    assert_true(element(got(w, "y"), 0) == before);
}

static void give_param(world *w, const char *path, int rank, int64_t extent, const double *values) {
    at_collection_add(w->s, &w->params, path, tensor_of(w, AT_TYPE_F32, rank, &extent, values));
    w->call.params = &w->params;
}

static void params_are_stacked_by_round(void **state) {
    world *w = *state;
    layers(w);
    give_param(w, "block[1].v", 1, 2, V(3, 4));
    give_param(w, "u", 1, 2, V(10, 100));
    give_param(w, "block[0].v", 1, 2, V(1, 2));
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 3; b++)
            give_param(w, at_format(w->s->arena, "block[%d][%d].s", a, b), 0, 0, V(a - b));
    run(w);
    EXPECT(w, "y", 10, 200, 9, 199, 8, 198, 31, 401, 30, 400, 29, 399);
}

static void params_that_do_not_match_are_named(void **state) {
    world *w = *state;
    layers(w);
    give_param(w, "u", 1, 2, V(10, 100));
    give_param(w, "block[0].v", 1, 2, V(1, 2));
    give_param(w, "block[1].w", 1, 2, V(1, 2));
    expect_error(w, "error[E720]: the param `block[1].v` is missing\n"
                    " --> test.attn:1:7\n"
                    "  |\n"
                    "1 | param v[a,c] ~ normal(0, 1)\n"
                    "  |       ^^^^^^\n"
                    "  = note: so are 6 more\n"
                    "  = hint: nearest to it among what is given is `block[1].w`\n"
                    "\n"
                    "error[E721]: the program has no param `block[1].w`\n"
                    "  = hint: did you mean `block[1].v`?\n");
    give_param(w, "block[1].v", 1, 3, V(1, 2, 3));
    expect_error(
        w, "error[E724]: `block[1].v` was given as f32 (3), and is over c = 2 here\n"
           " --> test.attn:1:7\n"
           "  |\n"
           "1 | param v[a,c] ~ normal(0, 1)\n"
           "  |       ^^^^^^\n"
           "\n"
           "error[E720]: the param `block[0][0].s` is missing\n"
           " --> test.attn:1:7\n"
           "  |\n"
           "1 | param s[a,b] = 10 * a + b\n"
           "  |       ^^^^^^\n"
           "  = note: so are 5 more\n"
           "  = hint: a file gives every param; without one they all begin as the program says\n"
           "\n"
           "error[E721]: the program has no param `block[1].w`\n"
           "  = hint: did you mean `block[1].v`?\n");
}

static void params_that_nothing_takes_are_named(void **state) {
    world *w = *state;
    declare(w, "x0[c]");
    declare(w, "param bias[c] = c + 1");
    let(w, "y[c] = x0[c] * bias[c]");
    output(w, "y");
    give(w, "x0", V(1, 1), 1, 2);
    give(w, "bias", V(1, 2), 1, 2);
    give_param(w, "biass", 1, 2, V(10, 100));
    expect_error(w, "error[E721]: the program has no param `biass`\n"
                    "  = hint: did you mean `bias`?\n");
}

static void rounds_that_there_are_not_are_counted(void **state) {
    world *w = *state;
    layers(w);
    give_param(w, "block[1000000000000000000000].v", 1, 2, V(1, 2));
    give_param(w, "block[8].v", 1, 2, V(1, 2));
    give_param(w, "net.layers.v", 1, 2, V(1, 2));
    give_param(w, "q", 1, 2, V(1, 2));
    expect_error(
        w, "error[E720]: the param `u` is missing\n"
           " --> test.attn:1:7\n"
           "  |\n"
           "1 | param u[c] = c + 1\n"
           "  |       ^^^^\n"
           "  = note: so are 8 more\n"
           "  = hint: a file gives every param; without one they all begin as the program says\n"
           "\n"
           "error[E721]: the program has no param `block[1000000000000000000000].v`\n"
           "  = hint: did you mean `block[].v`?\n"
           "\n"
           "error[E721]: the program has no param `block[8].v`\n"
           "  = hint: `block[].v` has 2 rounds, counted from 0\n"
           "\n"
           "error[E721]: the program has no param `net.layers.v`\n"
           "  = hint: did you mean `block[].v`?\n"
           "\n"
           "error[E721]: the program has no param `q`\n"
           "  = hint: it has `u` and others\n");
}

/* ---- states ---------------------------------------------------------------------------------- */

static void states_that_are_not_given_begin(void **state) {
    world *w = *state;
    declare(w, "x");
    declare(w, "state m = 3");
    declare(w, "state n: int = 4");
    let(w, "y = x + m + n");
    output(w, "y");
    give(w, "x", V(100), 0);
    give(w, "n", V(7), 0);
    run(w);
    EXPECT(w, "y", 110);
}

static void a_state_is_unstacked_into_its_rounds(void **state) {
    world *w = *state;
    axis(w, "a", "2");
    axis(w, "b", "2");
    at_array *m = declare(w, "state m[a,b,c] = 0");
    m->path = "f[].g[].m";
    at_tensor *t =
        tensor_of(w, AT_TYPE_F64, 3, (const int64_t[]){2, 2, 2}, V(1, 2, 3, 4, 5, 6, 7, 8));
    at_collection out = {0};
    assert_true(at_unstack(w->s, m, t, &out));
    assert_int_equal(out.count, 4);
    expect_values(at_collection_find(&out, "f[1].g[0].m"), "m", 2, V(5, 6));
    at_collection_free(&out);
    at_tensor_free(t);
}

static void a_start_without_a_value_is_an_error(void **state) {
    world *w = *state;
    declare(w, "x");
    axis(w, "c", "3");
    declare(w, "state m[c]: int = 6 // (c - 1)");
    let(w, "y = x + m[0]");
    output(w, "y");
    give(w, "x", V(100), 0);
    expect_error(w, "error[E703]: 6 // 0: ints cannot be divided by 0\n"
                    " --> test.attn:1:19\n"
                    "  |\n"
                    "1 | state m[c]: int = 6 // (c - 1)\n"
                    "  |                   ^^^^^^^^^^^^\n"
                    "  = note: needed for the beginning of `m[c=1]`\n");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(ints_and_floats_are_taken_for_reals),
        TEST(missing_and_unknown_inputs_are_named),
        TEST(a_wrong_rank_is_told_with_the_axes),
        TEST(kinds_do_not_convert_by_themselves),
        TEST(extents_that_disagree_name_both_places),
        TEST(computed_extents_are_checked_and_computed),
        TEST(indices_must_lie_in_their_axis),
        TEST(requirements_are_shown_with_the_sizes),
        TEST(an_extent_that_was_compiled_in_must_be_met),
        TEST(inputs_that_do_not_fit_are_refused_before_they_are_copied),
        TEST(inputs_that_fit_as_they_are_are_not_copied),
        TEST(params_begin_as_the_program_says),
        TEST(params_are_stacked_by_round),
        TEST(params_that_do_not_match_are_named),
        TEST(params_that_nothing_takes_are_named),
        TEST(rounds_that_there_are_not_are_counted),
        TEST(states_that_are_not_given_begin),
        TEST(a_state_is_unstacked_into_its_rounds),
        TEST(a_start_without_a_value_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
