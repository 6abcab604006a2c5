/* The library as another program uses it, from text to arrays: what the command line never asks
 * for, because it knows all extents before it resolves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compile.h"
#include "lang/lang.h"
#include "ref/ref.h"

#include <string.h>

static const at_cascade *resolve(at_session *s, const char *text, const char *axis,
                                 int64_t extent) {
    const at_source *source = at_make_source(s, "program.attn", text, strlen(text));
    const at_program *program = at_load(s, source, NULL);
    assert_non_null(program);
    at_known_size size = {axis, extent};
    at_resolve_options options = {.sizes = &size, .size_count = axis ? 1 : 0};
    const at_cascade *cascade = at_resolve(s, program, &options);
    assert_non_null(cascade);
    return cascade;
}

/* Runs with one input x of `count` reals, 1, 2, 3 and so on. */
static bool run(at_session *s, const at_cascade *cascade, int64_t count, at_results *results) {
    at_tensor *x = at_tensor_new(s, AT_TYPE_F64, &count, 1, "x");
    for (int64_t i = 0; i < count; i++) ((double *)x->data)[i] = 1.0 + (double)i;
    at_named input = {"x", x};
    at_collection inputs = {.count = 1, .capacity = 1, .items = &input};
    at_call call = {.inputs = &inputs};
    bool good = at_ref_run(s, cascade, &call, results);
    at_tensor_free(x);
    return good;
}

static const char halves[] =
    "fn f(x[n]) -> y[n] {\n  y = x\n  repeat size(n) {\n    y[n] = y[n] / 2\n  }\n}\n";

static void a_cascade_runs_many_times(void **state) {
    (void)state;
    at_session *s = at_session_new(1 << 24);
    const at_cascade *cascade = resolve(s, "fn f(x[n]) -> y = sum[n](x[n])\n", NULL, 0);
    for (int64_t count = 0; count < 5; count++) {
        at_results results = {0};
        assert_true(run(s, cascade, count, &results));
        const at_tensor *y = at_collection_find(&results.outputs, "y");
        assert_true(*(const double *)y->data == (double)(count * (count + 1) / 2));
        at_results_free(&results);
    }
    at_session_free(s);
}

static void another_extent_than_the_one_compiled_for_is_refused(void **state) {
    (void)state;
    at_session *s = at_session_new(1 << 24);
    const at_cascade *cascade = resolve(s, halves, "n", 3);
    at_results results = {0};
    assert_true(run(s, cascade, 3, &results));
    at_results_free(&results);
    assert_false(run(s, cascade, 4, &results));
    assert_string_equal(at_code_text(s->diags[0]->code), "E728");
    at_session_free(s);
}

static void an_unknown_stage_is_named(void **state) {
    (void)state;
    at_session *s = at_session_new(1 << 24);
    const at_cascade *cascade = resolve(s, halves, "n", 3);
    at_text dump = {0};
    assert_null(at_compile(s, cascade, &(at_compile_options){.stage = "plans"}, &dump));
    assert_string_equal(at_code_text(s->diags[0]->code), "E906");
    assert_string_equal(s->diags[0]->hint, "did you mean `plan`?");
    at_text_free(&dump);
    at_session_free(s);
}

static void two_sessions_are_independent(void **state) {
    (void)state;
    at_session *a = at_session_new(1 << 24), *b = at_session_new(1 << 24);
    const at_cascade *first = resolve(a, halves, "n", 2), *second = resolve(b, halves, "n", 3);
    at_results results = {0};
    assert_false(run(a, first, 3, &results));
    assert_int_equal(a->diag_count, 1);
    assert_int_equal(b->diag_count, 0);
    at_session_free(a);
    assert_true(run(b, second, 3, &results));
    at_results_free(&results);
    at_session_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cascade_runs_many_times),
        cmocka_unit_test(another_extent_than_the_one_compiled_for_is_refused),
        cmocka_unit_test(an_unknown_stage_is_named),
        cmocka_unit_test(two_sessions_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
