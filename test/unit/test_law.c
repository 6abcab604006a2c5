/* Laws: what holds, what is found, how small counterexamples become, which sizes are tried. */
#include "check/check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    at_session *s;
    at_law_options options;
    at_law_result result;
} world;

static int begin(void **state) {
    world *w = calloc(1, sizeof *w);
    w->s = at_session_new((size_t)64 << 20);
    *state = w;
    return 0;
}

static int end(void **state) {
    world *w = *state;
    at_session_free(w->s);
    free(w);
    return 0;
}

static const char *errors_of(world *w) {
    at_text text = {0};
    at_diags_render(w->s, false, &text);
    const char *copy = at_format(w->s->arena, "%s", text.data ? text.data : "");
    at_text_free(&text);
    return copy;
}

/* Checks the last law of a text. */
static bool check(world *w, const char *text) {
    w->s->diag_count = 0;
    const at_source *source = at_make_source(w->s, "test.attn", text, strlen(text));
    const at_program *program = at_load(w->s, source, NULL);
    if (!program) fail_msg("%s", errors_of(w));
    const at_file_tree *tree = at_program_file(program);
    return at_check_law(w->s, program, tree->items[tree->count - 1], &w->options, &w->result);
}

static void expect_holds(world *w, const char *text) {
    if (!check(w, text) || !w->result.holds) fail_msg("%s", errors_of(w));
    assert_int_equal(w->s->diag_count, 0);
}

/* "i=1 j=2" of the counterexample. */
static void expect_sizes(world *w, const char *sizes) {
    char text[256] = "";
    for (int i = 0; i < w->result.size_count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s=%d", i ? " " : "",
                 w->result.sizes[i].name, (int)w->result.sizes[i].extent);
    assert_string_equal(text, sizes);
}

/* The law does not hold, and its smallest counterexample has these sizes. */
static void expect_fails(world *w, const char *text, const char *sizes) {
    assert_true(check(w, text));
    assert_false(w->result.holds);
    assert_non_null(w->result.failure.assertion);
    assert_int_equal(w->s->diag_count, 1);
    assert_int_equal(w->s->diags[0]->code, AT_E_RUN_LAW);
    expect_sizes(w, sizes);
}

#define ATTENTION                                                                                  \
    "fn attention(q[i,d], k[j,d], v[j,e]; mask(i,j) = true) -> o[i,e] {\n"                         \
    "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"                                                         \
    "  p[i,j] = softmax[j where mask(i,j)](s[i,j])\n"                                              \
    "  o[i,e] = sum[j](p[i,j] * v[j,e])\n"                                                         \
    "}\n"

/* ---- whether it holds ------------------------------------------------------------------------ */

static void a_true_law_holds_in_the_usual_trials(void **state) {
    world *w = *state;
    expect_holds(w, ATTENTION "law scores_are_bilinear(q[i,d], k[j,d], v[j,e]) {\n"
                              "  attention(q, 2 * k, v) == attention(2 * q, k, v)\n"
                              "}\n");
    assert_int_equal(w->result.trials, 8);
    assert_string_equal(w->result.law, "scores_are_bilinear");
}

static void a_false_law_is_made_as_small_as_it_stays_false(void **state) {
    world *w = *state;
    expect_fails(w, ATTENTION
                 "law causal_is_full(q[i,d], k[j,d], v[j,e]) {\n"
                 "  attention(q, k, v; mask(i,j) = j <= i) == attention(q, k, v)\n"
                 "}\n",
                 "i=1 d=1 j=2 e=1");
    assert_string_equal(w->result.failure.element, "[i=0, e=0]");
    assert_true(fabs(w->result.failure.left - w->result.failure.right) > w->result.failure.allowed);
    assert_non_null(strstr(errors_of(w), "test.attn:7:3"));
    assert_non_null(
        strstr(errors_of(w), "= note: again: attend check test.attn --law causal_is_full --seed "));
    assert_non_null(strstr(errors_of(w), "--size i=1,d=1,j=2,e=1"));
}

static void whether_it_holds_can_be_all_that_is_asked(void **state) {
    world *w = *state;
    w->options.only_whether = true;
    assert_true(check(w, "law short(x[n]) {\n  size(n) <= 6\n}\n"));
    assert_false(w->result.holds);
    assert_int_equal(w->s->diag_count, 0);
}

static void an_element_is_kept_while_its_axis_becomes_shorter(void **state) {
    world *w = *state;
    w->options.trials = 60;
    assert_true(check(w, "law rare(x[n]) {\n  x[n] <= 2.2\n}\n"));
    assert_false(w->result.holds);
    char last[32];
    snprintf(last, sizeof last, "[n=%d]", (int)w->result.sizes[0].extent - 1);
    assert_string_equal(w->result.failure.element, last);
}

static void the_command_that_is_told_shows_the_failure_again(void **state) {
    world *w = *state;
    const char *text = "law no(x[n,m], y[m]) {\n  require size(n) >= 2\n  x[n,m] <= y[m] + 1\n}\n";
    assert_true(check(w, text));
    assert_false(w->result.holds);
    at_law_result first = w->result;
    assert_true(check(w, text));
    assert_true(w->result.seed == first.seed && w->result.failure.left == first.failure.left);
    w->options.seed = first.seed;
    w->options.trials = 1;
    w->options.resolve.sizes = first.sizes;
    w->options.resolve.size_count = first.size_count;
    assert_true(check(w, text));
    assert_false(w->result.holds);
    assert_int_equal(w->result.seed, first.seed);
    assert_string_equal(w->result.failure.element, first.failure.element);
    assert_true(w->result.failure.left == first.failure.left);
    assert_true(w->result.failure.right == first.failure.right);
    w->options.seed = first.seed + 100; /* and another seed draws other inputs */
    (void)check(w, text);
    assert_false(w->result.failure.left == first.failure.left);
}

static void a_law_without_chance_runs_once(void **state) {
    world *w = *state;
    expect_holds(w, "law numbers() {\n  1 + 1 == 2\n}\n");
    assert_int_equal(w->result.trials, 1);
    expect_holds(w, "law coin() {\n  e ~ uniform(0, 1)\n  e <= 1\n}\n");
    assert_int_equal(w->result.trials, 8);
}

static void parameters_begin_as_they_say_with_the_trials_seed(void **state) {
    world *w = *state;
    expect_fails(w,
                 "fn scaled(x[n]) -> y[n] {\n  param w[n] ~ normal(0, 1)\n  y = w * x\n}\n"
                 "law keeps(x[n] ~ uniform(1, 2)) {\n  scaled(x) >= 0\n}\n",
                 "n=1");
    expect_holds(w, "fn scaled(x[n]) -> y[n] {\n  param w[n] = 1\n  y = w * x\n}\n"
                    "law keeps(x[n]) {\n  scaled(x) == x\n}\n");
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void an_error_of_a_run_is_made_small_and_told_with_its_sizes(void **state) {
    world *w = *state;
    assert_false(
        check(w, "law out(x[n]) {\n  require size(n) >= 3\n  z[n] = x[n + 2]\n  z == z\n}\n"));
    assert_false(w->result.holds);
    assert_null(w->result.failure.assertion);
    expect_sizes(w, "n=3");
    assert_int_equal(w->s->diag_count, 1);
    assert_int_equal(w->s->diags[0]->code, AT_E_RUN_OUTSIDE);
    assert_non_null(strstr(errors_of(w), "= note: with n = 3 and seed 0"));
    assert_non_null(strstr(errors_of(w), "--law out --seed 0 --size n=3"));
}

static void an_error_that_sizes_do_not_make_is_told(void **state) {
    world *w = *state;
    assert_false(check(w, "law unknown(x[n]) {\n  x == twice(x)\n}\n"));
    assert_false(w->result.holds);
    assert_int_equal(w->s->diags[0]->code, AT_E_UNKNOWN_NAME);
}

static void a_run_that_is_too_large_is_refused(void **state) {
    world *w = *state;
    assert_false(
        check(w, "law long(x[n]) {\n  axis t = 1000000000\n  s[t] = x[0]\n  s[t] == x[0]\n}\n"));
    assert_int_equal(w->s->diags[0]->code, AT_E_RUN_MEMORY);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void sizes_reach_from_one_to_a_few_dozens(void **state) {
    world *w = *state;
    expect_fails(w, "law long(x[n]) {\n  size(n) >= 2\n}\n", "n=1");
    expect_fails(w, "law short(x[n]) {\n  size(n) <= 30\n}\n", "n=31");
    expect_fails(w, "law wide(x[n], y[m]) {\n  size(m) <= size(n) + 11\n}\n", "n=1 m=13");
    expect_fails(w, "law tiles(x[n]) {\n  if_small = size(n) < 8 or size(n) % 8 == 0\n"
                    "  if_small == true\n}\n", "n=9");
    w->options.trials = 100;
    expect_holds(w, "law bounded(x[n]) {\n  size(n) <= 48\n  size(n) >= 1\n}\n");
}

static void requirements_are_respected(void **state) {
    world *w = *state;
    w->options.trials = 60;
    expect_holds(w, "law multiples(x[n], y[m]) {\n"
                    "  require size(n) == 2 * size(m)\n  require size(n) % 6 == 0\n"
                    "  size(n) % 6 == 0\n  size(n) == 2 * size(m)\n}\n");
    expect_holds(w, "law chain(a[i], b[j], c[k], d[l]) {\n  require size(i) == size(j)\n"
                    "  require size(j) == size(k) and size(k) == size(l)\n"
                    "  a[i] + b[i] + c[i] + d[i] == a[i] + (b[i] + c[i] + d[i])\n}\n");
    expect_holds(w, "law bounds(a[i], b[j]) {\n  require size(i) > 40 or size(i) == 2\n"
                    "  require size(j) <= size(i) // 2 and size(j) * size(j) >= size(i)\n"
                    "  size(j) * size(j) >= size(i)\n}\n");
    expect_holds(w, "law far(a[i], b[j]) {\n  require size(i) == 4096 and size(j) >= 100\n"
                    "  size(i) == 4096\n  size(j) >= 100\n}\n");
    expect_fails(w, "law together(a[i], b[j]) {\n  require size(i) == size(j) and size(i) > 2\n"
                    "  sum[i](a[i] + b[i]) == 0\n}\n", "i=3 j=3");
}

static void the_requirements_of_called_functions_count(void **state) {
    world *w = *state;
    w->options.trials = 40;
    expect_holds(w, "fn heads(x[n,c]; heads = 4) -> y[n,h,d] {\n"
                    "  require size(c) % heads == 0\n"
                    "  axis h = heads, d = size(c) // heads\n"
                    "  y[n,h,d] = x[n, h * size(d) + d]\n}\n"
                    "law split(x[n,c]) {\n  y = heads(x)\n"
                    "  sum[h,d](y[n,h,d]) == sum[c](x[n,c])\n}\n");
    expect_holds(w, "law agree(a[i], b[j]) {\n  a + b == b + a\n}\n"); /* of extents that must agree */
}

static void extents_that_compiling_needs_are_chosen_too(void **state) {
    world *w = *state;
    expect_holds(w, "law rounds(x[n], y[m]) {\n  require size(n) % 2 == 0\n"
                    "  require size(m) == size(n)\n  z = 0\n"
                    "  repeat size(n) // 2 { z = z + 1 }\n  2 * z == size(m)\n}\n");
    expect_fails(w, "law choice(x[n], y[m]) {\n"
                    "  if size(n) > 4 and size(m) > 1 { z = 1 } else { z = 0 }\n  z == 0\n}\n",
                 "n=5 m=2");
}

static void sizes_that_are_given_stay(void **state) {
    world *w = *state;
    const at_known_size given[] = {{"n", 6}};
    w->options.resolve.sizes = given;
    w->options.resolve.size_count = 1;
    expect_holds(w, "law six(x[n], y[m]) {\n  size(n) == 6\n}\n");
    expect_fails(w, "law no(x[n], y[m]) {\n  sum[n](x[n]) == 0\n}\n", "n=6 m=1");
    expect_holds(
        w, "law follows(x[n], y[m]) {\n  require size(m) * size(n) == 30\n  size(m) == 5\n}\n");
}

static void sizes_that_no_requirement_allows_are_an_error(void **state) {
    world *w = *state;
    assert_false(check(w, "law never(x[n], y[m]) {\n  require size(n) == size(m)\n"
                          "  require size(n) > size(m) + 1\n  x == x\n}\n"));
    assert_int_equal(w->s->diags[0]->code, AT_E_LAW_EXTENTS);
    assert_int_equal(w->result.trials, 0);
    const at_known_size given[] = {{"n", 6}};
    w->options.resolve.sizes = given;
    w->options.resolve.size_count = 1;
    assert_false(check(w, "law odd(x[n]) {\n  require size(n) % 2 == 1\n  x == x\n}\n"));
    assert_non_null(strstr(errors_of(w), "`odd` does not allow these sizes"));
    assert_non_null(strstr(errors_of(w), "it does not hold with n = 6"));
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static void inputs_are_drawn_as_the_law_says(void **state) {
    world *w = *state;
    w->options.trials = 30;
    expect_holds(w, "law ranges(k[n]: int, c[m]: index n, u[n] ~ uniform(2, 3), b: bool,\n"
                    "    g[n] ~ normal(10 * n, 0); h = 4) {\n"
                    "  k[n] >= 0\n  k[n] <= 3\n  c[m] >= 0\n  c[m] <= size(n) - 1\n"
                    "  u[n] >= 2\n  u[n] <= 3\n  g[n] == 10 * n\n  (b or not b) == true\n}\n");
    expect_fails(w, "law most(k[n]: int) {\n  k[n] <= 2\n}\n", "n=2"); /* nine seeds give one int no 3 */
    expect_fails(w, "law least(k[n]: int) {\n  k[n] >= 1\n}\n", "n=1");
    expect_fails(w, "law first(c: index n, x[n]) {\n  c == 0\n}\n", "n=2");
    expect_fails(w, "law always(b[n]: bool) {\n  b == true\n}\n", "n=1");
    expect_fails(w, "law never(b[n]: bool) {\n  b == false\n}\n", "n=1");
    expect_holds(w, "law surely(b[n]: bool ~ bernoulli(1)) {\n  b == true\n}\n");
    expect_fails(w, "law spread(x[n] ~ normal(0, k); k = 100) {\n  x^2 <= 900\n}\n", "n=1");
}

static void inputs_of_a_law_differ(void **state) {
    world *w = *state;
    expect_fails(w, "law alike(x[n], y[n]) {\n  x == y\n}\n", "n=1");
}

/* ---- memory and time ------------------------------------------------------------------------- */

static void trials_give_their_memory_back(void **state) {
    world *w = *state;
    const char *text = ATTENTION "law same(q[i,d], k[j,d], v[j,e]) {\n  require size(i) % 2 == 0\n"
                                 "  repeat size(i) { o = attention(q, k, v) }\n  o == o\n}\n";
    w->options.trials = 2;
    size_t before = at_arena_used(w->s->arena);
    expect_holds(w, text);
    size_t few = at_arena_used(w->s->arena) - before;
    w->options.trials = 300;
    expect_holds(w, text);
    size_t many = at_arena_used(w->s->arena) - before - few;
    assert_int_equal(w->result.trials, 300);
    assert_int_equal(few, many);
}

static bool stop(void *user, const char *law, int trial, int trials) {
    assert_string_equal(law, "slow");
    assert_int_equal(trials, 8);
    ++*(int *)user;
    return trial < 3;
}

static void progress_may_end_a_law(void **state) {
    world *w = *state;
    int calls = 0;
    w->options.progress = stop;
    w->options.user = &calls;
    assert_true(check(w, "law slow(x[n]) {\n  x == x\n}\n"));
    assert_int_equal(calls, 4);
    assert_int_equal(w->result.trials, 3);
    assert_false(w->result.holds);
    assert_int_equal(w->s->diag_count, 0);
}

/* Of 12 axes none can be long: the work of a trial is bounded. */
static void a_trial_is_short(void **state) {
    world *w = *state;
    double start = at_now();
    expect_holds(w, "law wide(x[a,b,c,d,e,f], y[a,b,c,d,e,g]) {\n"
                    "  s[a,b,c,d,f,g] = sum[e](x[a,b,c,d,e,f] * y[a,b,c,d,e,g])\n"
                    "  s[a,b,c,d,f,g] == sum[e](y[a,b,c,d,e,g] * x[a,b,c,d,e,f])\n}\n");
    assert_true(at_now() - start < 20); /* a sanitized build on a busy machine */
}

#define LAW(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        LAW(a_true_law_holds_in_the_usual_trials),
        LAW(a_false_law_is_made_as_small_as_it_stays_false),
        LAW(whether_it_holds_can_be_all_that_is_asked),
        LAW(an_element_is_kept_while_its_axis_becomes_shorter),
        LAW(the_command_that_is_told_shows_the_failure_again),
        LAW(a_law_without_chance_runs_once),
        LAW(parameters_begin_as_they_say_with_the_trials_seed),
        LAW(an_error_of_a_run_is_made_small_and_told_with_its_sizes),
        LAW(an_error_that_sizes_do_not_make_is_told),
        LAW(a_run_that_is_too_large_is_refused),
        LAW(sizes_reach_from_one_to_a_few_dozens),
        LAW(requirements_are_respected),
        LAW(the_requirements_of_called_functions_count),
        LAW(extents_that_compiling_needs_are_chosen_too),
        LAW(sizes_that_are_given_stay),
        LAW(sizes_that_no_requirement_allows_are_an_error),
        LAW(inputs_are_drawn_as_the_law_says),
        LAW(inputs_of_a_law_differ),
        LAW(trials_give_their_memory_back),
        LAW(progress_may_end_a_law),
        LAW(a_trial_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
