/* A law as a function: both sides of each assertion are outputs, inside scans and repeats over
 * their steps and rounds as well. */
#include "program_fixture.h"

#include "compile.h"
#include "check/check_int.h"

static const char *const text =
    "law sums(x[n,m] ~ uniform(0, 1)) {\n"
    "  total = sum[n,m](x[n,m])\n"
    "  c = 0\n"
    "  scan n {\n"
    "    h[n,m] = h[n-1, m | 0] + x[n,m]\n"
    "    h[n,m] >= x[n,m]\n"
    "    repeat l < 2 {\n"
    "      h[n,m] = h[n,m] * 2 - h[n,m]\n"
    "      sum[m](h[n,m]) <= total * (l + 1)\n"
    "    }\n"
    "  }\n"
    "  sum[m](h[size(n) - 1, m]) == total\n"
    "}\n";

static const at_cascade *made(at_session *s) {
    const at_source *source = at_make_source(s, "program.attn", text, strlen(text));
    const at_program *program = source ? at_load(s, source, NULL) : NULL;
    at_resolve_options options = {.function = "sums"};
    const at_cascade *cascade = program ? at_cascade_make(s, program, &options) : NULL;
    if (!cascade) tell(errors_of(s));
    return cascade;
}

static void both_sides_are_outputs(void **state) {
    (void)state;
    at_session *s = at_session_new(1 << 28);
    const at_cascade *function = at_law_sides(s, made(s));
    at_ir_verify(s, function);
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, function->axis_count);
    for (int k = 0; k < function->axis_count; k++) open[k] = 3;
    dice d = {1};
    at_collection inputs;
    at_results results;
    assert_true(give_drawn(s, function, open, &d, &inputs));
    if (!run_program(s, function, &inputs, &results)) tell(errors_of(s));
    assert_int_equal(results.outputs.count, 6);
    const at_tensor *sides[6];
    for (int i = 0; i < 6; i++) sides[i] = results.outputs.items[i].tensor;
    assert_int_equal(sides[0]->rank, 2); /* steps, m */
    assert_int_equal(sides[2]->rank, 2); /* steps, rounds */
    assert_int_equal(sides[2]->extents[0], 3);
    assert_int_equal(sides[2]->extents[1], 2);
    const double *h = sides[0]->data, *x = at_collection_find(&inputs, "x")->data;
    assert_memory_equal(sides[1]->data, x, 9 * sizeof *x);
    for (int m = 0; m < 3; m++) assert_true(near(h[6 + m], x[m] + x[3 + m] + x[6 + m]));
    assert_true(near(*(double *)sides[4]->data, *(double *)sides[5]->data));
    at_results_free(&results);
    at_collection_free(&inputs);
    at_session_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_sides_are_outputs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
