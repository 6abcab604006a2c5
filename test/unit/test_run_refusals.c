/* Refusals of a run that no command line leads to: a cascade compiled for other sizes, a run that
 * its user stops. From text to the error, by the functions that a program linked with attend
 * calls. */
#include "lang/lang.h"
#include "ref/ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const at_cascade *compile(at_session *s, const char *text, int64_t n) {
    const at_source *source = at_make_source(s, "test.attn", text, strlen(text));
    const at_program *program = source ? at_load(s, source, NULL) : NULL;
    assert_non_null(program);
    at_known_size size = {"n", n};
    at_resolve_options options = {.size_count = 1, .sizes = &size};
    const at_cascade *cascade = at_resolve(s, program, &options);
    assert_non_null(cascade);
    return cascade;
}

/* Runs with x[n] = 1 and wants the one error. */
static void refuse(at_session *s, const at_cascade *cascade, int64_t n, at_code code) {
    at_collection inputs = {0};
    at_tensor *x = at_tensor_new(s, AT_TYPE_F64, &n, 1, "x");
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) ((double *)x->data)[i] = 1;
    at_collection_add(s, &inputs, "x", x);
    at_call call = {.threads = 2, .inputs = &inputs};
    at_results results;
    assert_false(at_ref_run(s, cascade, &call, &results));
    assert_int_equal(results.outputs.count, 0);
    assert_int_equal(s->diag_count, 1);
    assert_int_equal(s->diags[0]->code, code);
    at_collection_free(&inputs);
}

static const char *by_size = "fn f(x[n]) -> y {\n"
                             "  if size(n) > 2 {\n"
                             "    y = sum[n](x[n])\n"
                             "  } else {\n"
                             "    y = 0.0\n"
                             "  }\n"
                             "}\n";

static void other_sizes_than_compiled_for_are_refused(void **state) {
    (void)state;
    at_session *s = at_session_new((size_t)64 << 20);
    refuse(s, compile(s, by_size, 3), 2, AT_E_BIND_FIXED);
    assert_non_null(strstr(s->diags[0]->message, "was 3 long"));
    at_session_free(s);
}

static void a_table_for_other_sizes_is_refused(void **state) {
    (void)state;
    at_session *s = at_session_new((size_t)64 << 20);
    const at_cascade *cascade = compile(s,
                                        "fn f(x[n]) -> y[n] {\n"
                                        "  w[n] = table(1, 2, 3)\n"
                                        "  y[n] = w[n] * x[n]\n"
                                        "}\n",
                                        3);
    for (int i = 0; i < cascade->axis_count; i++)
        cascade->axes[i]->fixed = -1; /* as a rewrite would that forgets what was fixed */
    refuse(s, cascade, 2, AT_E_RUN_TABLE);
    at_session_free(s);
}

static bool enough(void *user, const char *what, double share) {
    (void)what;
    (void)share;
    return --*(int *)user > 0;
}

static void a_run_ends_when_its_user_stops_it(void **state) {
    (void)state;
    at_session *s = at_session_new((size_t)64 << 20);
    const at_cascade *cascade = compile(s,
                                        "fn f(x[n]) -> y {\n"
                                        "  y = x[0]\n"
                                        "  repeat 1000000000000000 while y > 0 {\n"
                                        "    y = y + 1\n"
                                        "  }\n"
                                        "}\n",
                                        1);
    int reports = 2;
    s->progress = enough;
    s->progress_user = &reports;
    refuse(s, cascade, 1, AT_E_RUN_STOPPED);
    assert_int_equal(reports, 0);
    at_session_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_sizes_than_compiled_for_are_refused),
        cmocka_unit_test(a_table_for_other_sizes_is_refused),
        cmocka_unit_test(a_run_ends_when_its_user_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
