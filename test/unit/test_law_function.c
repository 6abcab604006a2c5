/* A law as a function: both sides of each assertion are outputs, inside scans and repeats over their
 * steps and rounds as well. */
#include "program_fixture.h"

#include "compile.h"
#include "form/form.h"

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

static const at_tensor *output(const at_results *results, const char *name) {
    for (int i = 0; i < results->outputs.count; i++)
        if (strcmp(results->outputs.items[i].name, name) == 0)
            return results->outputs.items[i].tensor;
    fail_msg("no output %s", name);
    return NULL;
}

static void both_sides_are_outputs(void **state) {
    (void)state;
    at_session *s = at_session_new(1 << 28);
    const at_cascade *law = made(s);
    for (int named = 0; named < 2; named++) {
        const at_cascade *function = at_law_as_function(s, law, named == 1);
        at_ir_verify(s, function);
        int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, function->axis_count);
        for (int k = 0; k < function->axis_count; k++) open[k] = 3;
        dice d = {1};
        at_collection inputs;
        at_results results;
        assert_true(give_drawn(s, function, open, &d, &inputs));
        if (!run_program(s, function, &inputs, &results)) tell(errors_of(s));
        const at_tensor *step = output(&results, "assertion.left"),
                        *round = output(&results, "assertion#2.left"),
                        *left = output(&results, "assertion#3.left"),
                        *right = output(&results, "assertion#3.right");
        assert_int_equal(step->rank, 2);
        assert_int_equal(round->rank, 2);
        assert_int_equal(round->extents[0], 3);
        assert_int_equal(round->extents[1], 2);
        assert_true(near(*(double *)left->data, *(double *)right->data));
        if (named) assert_int_equal(output(&results, "h")->rank, 2);
        else assert_int_equal(results.outputs.count, 6);
        at_results_free(&results);
        at_collection_free(&inputs);
    }
    at_session_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_sides_are_outputs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
